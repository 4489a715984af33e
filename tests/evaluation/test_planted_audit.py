"""Models that were trained on purpose to use a shortcut, and an honest one, before the audit: each
must be caught by the line that is meant for it, and the honest one by none."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import torch

import hcc_xai
from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.auditing import audit as auditing
from hcc_xai.evaluation import planted
from hcc_xai.evaluation.planted import LABELS, WORLDS, spec_of
from hcc_xai.imaging import draw
from hcc_xai.model.bundle import load_bundle
from hcc_xai.phantoms.phantom import make

TAUGHT, TESTED = 240, 40
EPOCHS = {"text": 24}  # a text of a few pixels takes longer to find


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict]:
    """Those to learn from, and a folder of the others."""
    patch = pytest.MonkeyPatch()
    patch.setattr(auditing, "audit", partial(auditing.audit, resamples=10, shuffles=300))
    made = [spec_of(100_000 + i) for i in range(TAUGHT + TESTED)]
    pictures = [make(spec) for spec, _ in made]
    folder = tmp_path_factory.mktemp("planted")
    for i, phantom in enumerate(pictures[TAUGHT:]):
        (folder / f"{i}.png").write_bytes(draw.png(phantom.pixels))
    yield {
        "samples": planted._samples(pictures[:TAUGHT]),
        "coins": [coins for _, coins in made],
        "folder": folder,
    }
    patch.undo()


@pytest.mark.parametrize("world", list(WORLDS))
def test_a_planted_shortcut_is_caught_by_its_line_and_an_honest_model_by_none(
    phantoms: dict, world: str, tmp_path: Path
) -> None:
    marks = [int(coins[world]) for coins in phantoms["coins"]]
    network = planted.train(
        phantoms["samples"], torch.tensor(marks[:TAUGHT]), epochs=EPOCHS.get(world, 12), seed=1
    )
    bundle = planted.save(tmp_path / "bundle", world, network)
    table = phantoms["folder"] / f"{world}.csv"
    rows = [f"{i}.png,{LABELS[mark]}" for i, mark in enumerate(marks[TAUGHT:])]
    table.write_text("\n".join(["file,label", *rows]))
    found = hcc_xai.audit(Analyzer(load_bundle(bundle), device="cpu"), table, by=["frame"])
    assert found.overall["accuracy"]["value"] > 0.9, "it did not learn what was planted"
    caught = {s["name"] for s in found.shortcuts if s["caught"] and s["kind"] == "change"}
    if WORLDS[world].warnings:
        assert caught & set(WORLDS[world].warnings), caught
    else:
        assert not caught
