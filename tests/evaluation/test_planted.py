"""The benchmark itself: what decides is drawn by its own coin, its place is known, and it can
fail."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hcc_xai.analysis.challenges import Challenge, fired
from hcc_xai.evaluation import planted
from hcc_xai.evaluation.planted import WORLDS, place_of, spec_of
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


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    out = tmp_path_factory.mktemp("planted")
    told: list[str] = []
    found = planted.benchmark(
        out,
        images=32,
        tested=6,
        epochs=1,
        methods=["grad-cam++", "contribution"],
        report=told.append,
    )
    assert any("of 6 right" in line for line in told)
    return out, found


def test_it_writes_tables_and_pictures(made: tuple[Path, dict]) -> None:
    out, found = made
    assert list(found) == list(WORLDS)
    assert json.loads((out / "planted.json").read_text()) == found
    text = (out / "planted.md").read_text()
    assert all(world.says in text for world in WORLDS.values())
    assert all((out / "bundles" / world / "model.safetensors").is_file() for world in WORLDS)
    for world, about in WORLDS.items():
        assert found[world]["accuracy"]["n"] == 6
        assert set(found[world]["methods"]) == (
            {"grad-cam++", "contribution"} if about.placed else set()
        )
        assert "text" in found[world]["challenges"]


def test_an_untrained_network_finds_no_text(made: tuple[Path, dict]) -> None:
    """One epoch on 32 phantoms teaches nothing: the benchmark must not say that it did."""
    _, found = made
    one = found["text"]["methods"]["contribution"]
    assert one["peak"]["n"] == 0 or one["peak"]["low"] < 0.9
