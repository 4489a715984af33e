"""The benchmark itself: what decides is drawn by its own coin, its place is known, and it can
fail."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from hcc_xai.analysis.challenges import Challenge
from hcc_xai.analysis.tally import fired
from hcc_xai.evaluation.planted import WorldFigures, benchmark
from hcc_xai.evaluation.planted_worlds import WORLDS, Recipe, place_of, spec_of
from hcc_xai.phantoms.phantom import make


def test_the_five_things_vary_by_themselves() -> None:
    coins = np.array([list(spec_of(seed)[1].values()) for seed in range(400)], float)
    assert list(spec_of(0)[1]) == list(WORLDS)
    assert (abs(coins.mean(0) - 0.5) < 0.1).all()
    alike = np.corrcoef(coins.T) - np.eye(len(WORLDS))
    assert abs(alike).max() < 0.15
    assert spec_of(7) == spec_of(7)


def test_places_are_where_the_marks_are() -> None:
    seen = set()
    for seed in range(12):
        spec, coins = spec_of(seed)
        phantom = make(spec)
        for world in ("text", "caliper"):
            place = place_of(world, phantom)
            assert (place is not None) == coins[world]
            if place is not None:
                seen.add(world)
                assert 10 < place.sum() < 0.02 * place.size
        lesion = place_of("lesion", phantom)
        assert lesion is not None and (lesion == phantom.lesion).all()
        assert place_of("slope", phantom) is None
    assert seen == {"text", "caliper"}


def test_a_warning_fires_when_enough_speaks_against() -> None:
    def some(name: str, bad: int, n: int = 40) -> list[tuple[Challenge, ...]]:
        return [
            (
                Challenge(
                    name, "with", 0.9, 0.2 if i < bad else 0.9, "without" if i < bad else "with"
                ),
            )
            for i in range(n)
        ]

    assert fired(some("text", 20)) == ["text"]
    assert fired(some("text", 4)) == []  # a tenth of 40 may be chance
    hidden = [
        (Challenge("lesion", "with", 0.9, 0.9 if i < 12 else 0.1, "with"),) for i in range(40)
    ]
    assert fired(hidden) == []  # most answers need the lesion
    assert fired(some("text", 1, n=1)) == ["text"] and fired(some("text", 0, n=1)) == []


@dataclass(frozen=True)
class Run:
    """What a benchmark wrote, and what it returned."""

    out: Path
    worlds: dict[str, WorldFigures]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One epoch on 32 small phantoms, which teaches nothing."""
    out = tmp_path_factory.mktemp("planted")
    lines: list[str] = []
    worlds = benchmark(
        out,
        images=32,
        tested=6,
        epochs=1,
        methods=["grad-cam++", "contribution"],
        recipe=Recipe(shape=(160, 208), side=96),
        report=lines.append,
    )
    assert any("of 6 right" in line for line in lines)
    return Run(out, worlds)


def test_it_writes_tables_and_pictures(run: Run) -> None:
    assert list(run.worlds) == list(WORLDS)
    assert json.loads((run.out / "planted.json").read_text()) == run.worlds
    text = (run.out / "planted.md").read_text()
    assert all(world.says in text for world in WORLDS.values())
    assert all((run.out / "bundles" / world / "model.safetensors").is_file() for world in WORLDS)
    for world, about in WORLDS.items():
        figures = run.worlds[world]
        assert figures["accuracy"]["n"] == 6
        assert set(figures["methods"]) == (
            {"grad-cam++", "contribution"} if about.placed else set()
        )
        assert "text" in figures["challenges"]


def test_an_untrained_network_finds_no_text(run: Run) -> None:
    """The benchmark must not say that it did."""
    one = run.worlds["text"]["methods"]["contribution"]
    assert one["peak"]["n"] == 0 or one["peak"]["low"] < 0.9
