"""Models that were trained on purpose to use a shortcut, and an honest one, before the audit: each
must be caught by the line that is meant for it, and the honest one by none.

The networks are stored, so nothing here depends on how a training falls out. That of the text was
chosen among three (see `scripts/train_planted.py`): the test shows that the audit can catch such a
network by the line of the text, not that it always does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from planted_networks import SMALL, stored

import hcc_xai
from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.auditing import audit as auditing
from hcc_xai.evaluation.planted_training import save
from hcc_xai.evaluation.planted_worlds import LABELS, WORLDS, spec_of
from hcc_xai.imaging import draw
from hcc_xai.model.bundle import load_bundle
from hcc_xai.model.network import Network
from hcc_xai.phantoms.phantom import make

TESTED = range(200_000, 200_040)


@dataclass(frozen=True)
class Pictures:
    """Phantoms that no network saw: as files in a folder, and what each of them has."""

    folder: Path
    coins: list[dict[str, bool]]

    def audit(self, network: Network, world: str, bundle: Path) -> hcc_xai.Audit:
        table = self.folder / f"{world}.csv"
        rows = [f"{i}.png,{LABELS[coins[world]]}" for i, coins in enumerate(self.coins)]
        table.write_text("\n".join(["file,label", *rows]))
        analyzer = Analyzer(load_bundle(save(bundle, world, network)), device="cpu")
        return hcc_xai.audit(analyzer, table, by=["frame"])


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pictures]:
    patch = pytest.MonkeyPatch()
    patch.setattr(auditing, "audit", partial(auditing.audit, resamples=10, shuffles=300))
    folder = tmp_path_factory.mktemp("planted")
    specs = [spec_of(seed, SMALL) for seed in TESTED]
    for i, (spec, _) in enumerate(specs):
        (folder / f"{i}.png").write_bytes(draw.png(make(spec).pixels))
    yield Pictures(folder, [coins for _, coins in specs])
    patch.undo()


@pytest.mark.parametrize("world", list(WORLDS))
def test_a_planted_shortcut_is_caught_by_its_line_and_an_honest_model_by_none(
    pictures: Pictures, world: str, tmp_path: Path
) -> None:
    found = pictures.audit(stored(world), world, tmp_path / "bundle")
    assert found.overall["accuracy"]["value"] > 0.9, "it did not learn what was planted"
    caught = {s["name"] for s in found.shortcuts if s["caught"] and s["kind"] == "change"}
    if WORLDS[world].warnings:
        assert caught & set(WORLDS[world].warnings), caught
    else:
        assert not caught
