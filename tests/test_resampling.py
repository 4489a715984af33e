"""Metrics against sklearn and by hand, all resamples at once."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    roc_auc_score,
    roc_curve,
)

from hcc_xai import stats
from hcc_xai.errors import ArgumentError


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def drawn(weights: np.ndarray, row: int) -> np.ndarray:
    """The indices that a row of `draws` stands for."""
    return np.repeat(np.arange(weights.shape[1]), weights[row].astype(int))


@pytest.mark.parametrize("digits", [1, 9])  # with many ties, and with none
def test_every_resample_agrees_with_sklearn_on_the_sample_it_stands_for(digits: int) -> None:
    positive = rng(1).random(60) < 0.4
    scores = np.round(rng(2).normal(size=60) + positive, digits)
    guesses = rng(3).integers(0, 3, 60)
    truth = rng(4).integers(0, 3, 60)
    weights = stats.draws(60, resamples=20)
    assert (weights[0] == 1).all() and (weights.sum(1) == 60).all()
    area = stats.auroc(scores, positive, weights)
    precision = stats.average_precision(scores, positive, weights)
    balanced = stats.balanced_accuracy(guesses, truth, weights)
    middle, average = stats.median(scores, weights), stats.mean(scores, weights)
    for row in range(21):
        i = drawn(weights, row)
        assert area[row] == pytest.approx(roc_auc_score(positive[i], scores[i]))
        assert precision[row] == pytest.approx(average_precision_score(positive[i], scores[i]))
        assert balanced[row] == pytest.approx(balanced_accuracy_score(truth[i], guesses[i]))
        assert middle[row] == pytest.approx(np.median(scores[i]))
        assert average[row] == pytest.approx(scores[i].mean())


def test_roc_curve_agrees_with_sklearn_and_its_area_with_the_auroc() -> None:
    positive = rng(1).random(80) < 0.5
    scores = np.round(rng(2).normal(size=80) + positive, 1)
    ours, theirs = (
        stats.roc(scores, positive),
        roc_curve(positive, scores, drop_intermediate=False),
    )
    assert np.allclose(ours, theirs[:2])
    area = stats.auroc(scores, positive, np.ones((1, 80)))[0]
    assert np.trapezoid(ours[1], ours[0]) == pytest.approx(area)


def test_missing_values_are_left_out_and_nothing_known_is_nan() -> None:
    weights = stats.draws(4, resamples=5)
    values = [1.0, np.nan, 3.0, np.nan]
    assert stats.mean(values, weights)[0] == 2 and stats.median(values, weights)[0] == 2
    assert np.isnan(stats.mean([np.nan] * 4, weights)).all()
    assert np.isnan(stats.median([np.nan] * 4, weights)).all()
    assert np.isnan(stats.auroc([1, 2, 3, 4], [True] * 4, weights)).all()
    assert stats.figure(np.full(6, np.nan), 0).value is None
    with pytest.raises(ArgumentError, match="NaN"):
        stats.auroc([1, np.nan, 3, 4], [True, False, True, False], weights)
    with pytest.raises(ArgumentError, match="at least 1"):
        stats.draws(0)


def test_within_strata_is_the_average_over_strata_weighted_by_pairs() -> None:
    strata = np.repeat(["a", "b", "c"], [30, 20, 10])
    positive = np.concatenate([rng(1).random(50) < 0.4, np.ones(10, bool)])  # c has one class only
    scores = rng(2).normal(size=60) + positive
    areas, pairs = [], []
    for s in "ab":
        mine = strata == s
        areas.append(roc_auc_score(positive[mine], scores[mine]))
        pairs.append(positive[mine].sum() * (~positive[mine]).sum())
    ours = stats.auroc(scores, positive, np.ones((1, 60)), strata=strata)[0]
    assert ours == pytest.approx(np.average(areas, weights=pairs))


def test_within_strata_is_blind_to_who_only_knows_the_stratum() -> None:
    strata = np.repeat([0, 1], 200)
    positive = rng(1).random(400) < np.where(strata, 0.9, 0.1)
    weights = stats.draws(400, resamples=50)
    assert stats.auroc(strata, positive, weights)[0] > 0.85
    assert (stats.auroc(strata, positive, weights, strata=strata) == 0.5).all()


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    held = 0
    for seed in range(200):
        values = rng(seed).random(80) < 0.3
        found = stats.figure(stats.mean(values, stats.draws(80, resamples=300, seed=seed)), 80)
        assert found.low is not None and found.high is not None
        held += found.low <= 0.3 <= found.high
    assert 0.88 <= held / 200 <= 0.99


def test_a_share_of_nothing_or_all_has_the_exact_bound() -> None:
    none, all_ = stats.unanimous(0.0, 100), stats.unanimous(1.0, 100)
    assert none.low == 0 and (1 - none.high) ** 100 == pytest.approx(0.025)  # type: ignore[operator]
    assert all_.high == 1 and all_.low**100 == pytest.approx(0.025)  # type: ignore[operator]


def test_dice_and_iou_by_hand() -> None:
    one, other = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    one[:2], other[1:3] = True, True  # 8 and 8 pixels, 4 in common
    assert stats.dice(one, other) == 0.5 and stats.iou(one, other) == pytest.approx(4 / 12)
    assert stats.dice(one & False, one & False) == 1 == stats.iou(one, one)
    assert stats.dice(one, one & False) == 0 == stats.iou(one, one & False)
