"""Deletion, insertion and random maps, against a network whose evidence is known."""

from __future__ import annotations

import numpy as np
import pytest

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.errors import ArgumentError
from hcc_xai.explain.faithfulness import STEPS, area, check, surrogate

SIDE = 64


def _world() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Picture of ones on a disc, blurred picture of zeros on it, and where the evidence lies: a
    square of a tenth of the disc."""
    rows, cols = np.mgrid[:SIDE, :SIDE]
    inside = np.hypot(rows - 31.5, cols - 31.5) < 30
    grey = np.where(inside, 1.0, -1.0).astype(np.float32)
    blurred = np.where(inside, 0.0, -1.0).astype(np.float32)
    half = round(np.sqrt(0.1 * inside.sum()) / 2)
    spot = np.zeros((SIDE, SIDE), bool)
    spot[20 - half : 20 + half, 32 - half : 32 + half] = True
    return grey, blurred, spot


def _predict(spot: np.ndarray):
    return lambda inputs: (inputs[:, spot] > 0.5).mean(1)


def test_the_true_map_by_hand() -> None:
    """The probability is the share of the square that is seen: it falls in step with the share
    that is hidden, and is gone from a tenth on."""
    grey, blurred, spot = _world()
    share = spot.sum() / (grey >= 0).sum()
    found = check(_predict(spot), grey, blurred, spot.astype(np.float32), label="x")
    by_hand = [max(0.0, 1 - step / share) for step in STEPS]
    np.testing.assert_allclose(found.deletion, by_hand, atol=0.01)
    np.testing.assert_allclose(found.insertion, 1 - np.array(by_hand), atol=0.01)
    assert found.deletion_auc == pytest.approx(area(STEPS, by_hand), abs=0.005)
    assert found.before == 1 and found.tenth == pytest.approx(0, abs=0.05)
    assert found.random_tenth > 0.8
    assert found.better_than == 1 and found.holds and found.score > 0.5
    assert found.to_dict()["holds"] is True


def test_road_by_hand() -> None:
    """The square is bright on dark tissue: filled from its rim it is gone, and with it the
    probability; filling what the map calls least changes nothing."""
    grey, blurred, spot = _world()
    grey = np.where(grey < 0, -1, np.where(spot, 1.0, 0.1)).astype(np.float32)
    heat = np.exp(-((np.mgrid[:SIDE, :SIDE] - np.array([20, 32])[:, None, None]) ** 2).sum(0) / 300)
    found = check(_predict(spot), grey, blurred, heat.astype(np.float32), random=0)
    assert found.road == pytest.approx(0.5, abs=0.12)
    assert np.isnan(found.better_than) and not found.holds
    opposite = check(_predict(spot), grey, blurred, (1 - heat).astype(np.float32), random=0)
    assert opposite.road == pytest.approx(-found.road, abs=0.05)


def test_a_map_of_the_wrong_place_fails() -> None:
    grey, blurred, spot = _world()
    wrong = np.roll(spot, 22, axis=0).astype(np.float32)
    assert not (wrong[spot]).any()
    found = check(_predict(spot), grey, blurred, wrong)
    assert found.tenth == pytest.approx(1, abs=0.05) and found.score < 0 and not found.holds


def test_random_maps_hold_about_as_often_as_chance_says() -> None:
    """The check can fail, and does not fail whatever it is given."""
    grey, blurred, spot = _world()
    smooth = np.exp(-((np.mgrid[:SIDE, :SIDE] - 32) ** 2).sum(0) / 200).astype(np.float32)
    rng = np.random.default_rng(1)
    held = [
        check(_predict(spot), grey, blurred, surrogate(smooth, rng), seed=i).better_than
        for i in range(40)
    ]
    assert 0.3 < np.mean(held) < 0.7
    assert np.mean(np.array(held) >= 0.9) < 0.3


def test_the_negative_of_a_map_scores_the_opposite() -> None:
    grey, blurred, spot = _world()
    heat = np.random.default_rng(2).normal(3, 0.5, (SIDE, SIDE)).astype(np.float32)  # all above 0
    first, second = (check(_predict(spot), grey, blurred, m) for m in (heat, 6 - heat))
    assert first.score == pytest.approx(-second.score, abs=0.03)


def test_a_surrogate_is_as_smooth_and_lies_elsewhere() -> None:
    rng = np.random.default_rng(0)
    heat = np.exp(-((np.mgrid[:SIDE, :SIDE] - 20) ** 2).sum(0) / 60).astype(np.float32)
    other = surrogate(heat, rng)
    spectra = (abs(np.fft.rfft2(m)) for m in (heat, other))
    first, second = spectra
    np.testing.assert_allclose(first[1:, 1:-1], second[1:, 1:-1], atol=0.02 * first.max())
    assert abs(np.corrcoef(heat.ravel(), other.ravel())[0, 1]) < 0.6


def test_shapes_that_do_not_fit_are_refused_and_it_can_be_stopped() -> None:
    grey, blurred, spot = _world()
    with pytest.raises(ArgumentError, match="map"):
        check(_predict(spot), grey, blurred, np.zeros((3, 3), np.float32))

    def stop(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(_predict(spot), grey, blurred, spot.astype(np.float32), progress=stop)


def test_an_answers_map_is_checked_with_its_own_probabilities(
    tiny: Analyzer, scan: np.ndarray
) -> None:
    answer = tiny.analyze(scan)
    explanation = tiny.explain(answer, "contribution")
    shares: list[float] = []
    found = tiny.check(answer, explanation, progress=shares.append)
    assert found.label == answer.label
    assert found.before == pytest.approx(answer.probabilities[answer.label], abs=1e-5)
    assert found.deletion[-1] == found.insertion[0] and shares[-1] == 1
    assert found == tiny.check(answer, explanation)
