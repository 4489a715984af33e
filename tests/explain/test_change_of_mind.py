"""The smallest set of regions, against networks whose reasons are known."""

from __future__ import annotations

import numpy as np
import pytest

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.explain.attribution import superpixels
from hcc_xai.explain.change_of_mind import change_of_mind

SIDE = 96


@pytest.fixture(scope="module")
def grey() -> np.ndarray:
    rows, cols = np.mgrid[:SIDE, :SIDE]
    rng = np.random.default_rng(0)
    inside = np.hypot(rows - 47.5, cols - 47.5) < 45
    return np.where(inside, 0.3 + 0.05 * rng.random((SIDE, SIDE)), -1).astype(np.float32)


def spotted(grey: np.ndarray, count: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """A picture with a few bright spots apart from each other."""
    made, spots = grey.copy(), []
    for row, col in ((30, 30), (30, 66), (66, 30), (66, 66))[:count]:
        spot = np.zeros(grey.shape, bool)
        spot[row - 5 : row + 5, col - 5 : col + 5] = True
        made[spot] = 0.95
        spots.append(spot)
    return made, spots


def voting(spots: list[np.ndarray], needed: int):
    """Says 1 as long as that many spots are there."""

    def predict(inputs: np.ndarray) -> np.ndarray:
        seen = np.stack([(inputs[:, s] > 0.7).mean(1) > 0.5 for s in spots]).sum(0)
        strength = np.stack([(inputs[:, s] > 0.7).mean(1) for s in spots]).sum(0) / len(spots)
        one = np.where(seen >= needed, 0.55 + 0.4 * strength, 0.45 * strength)
        return np.stack([1 - one, one], 1)

    return predict


@pytest.mark.parametrize(("needed", "smallest"), [(4, 1), (3, 2), (2, 3)])
def test_as_many_regions_as_it_takes(grey: np.ndarray, needed: int, smallest: int) -> None:
    picture, spots = spotted(grey, 4)
    tissue = (grey >= 0) & ~np.logical_or.reduce(spots)
    told: list[float] = []
    found = change_of_mind(voting(spots, needed), picture, tissue, progress=told.append)
    cells = superpixels(picture, wanted=40)
    parts = [len(np.unique(cells[s])) for s in spots]
    assert found.changed and found.answer == 0 and found.label == 1
    gone = sum(found.regions[s].mean() > 0.5 for s in spots)
    assert gone == smallest
    assert found.count <= smallest * max(parts)
    assert found.exact == (found.count <= 2)
    assert found.share == pytest.approx(found.regions.sum() / (grey >= 0).sum())
    assert told == sorted(told) and found.to_dict()["changed"] is True


def test_an_answer_that_rests_on_nothing_stands(grey: np.ndarray) -> None:
    found = change_of_mind(lambda x: np.tile([0.2, 0.8], (len(x), 1)), grey, grey >= 0)
    assert not found.changed and found.count == 12 and not found.exact
    assert found.before == found.after == 0.8


def test_it_can_be_stopped_and_is_the_same_again(tiny: Analyzer, scan: np.ndarray) -> None:
    answer = tiny.analyze(scan)

    def stop(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tiny.change_of_mind(answer, progress=stop)
    first, second = tiny.change_of_mind(answer), tiny.change_of_mind(answer)
    np.testing.assert_array_equal(first.regions, second.regions)
    assert first.before == pytest.approx(answer.probabilities[answer.label], abs=1e-6)
    assert not first.regions[~answer.frame.network_sector].any()
