"""Calibration and prediction sets against what is known of them."""

from __future__ import annotations

import numpy as np
import pytest

from hcc_xai import stats
from hcc_xai.errors import ArgumentError, BundleError
from hcc_xai.model.calibration import Calibration, fit
from hcc_xai.stats import softmax

LABELS = ("normal", "benign", "malignant")


def _world(n: int, temperature: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose softmax at `temperature` is the truth's own distribution."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (n, 3))
    chances = softmax(logits / temperature)
    return logits, np.array([rng.choice(3, p=p) for p in chances])


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_made_the_data_is_found(temperature: float) -> None:
    found = fit(*_world(8000, temperature), LABELS)
    assert found.temperature == pytest.approx(temperature, rel=0.08)


def test_calibration_lowers_the_error_to_what_a_perfect_model_scores() -> None:
    logits, truth = _world(6000, 3.0)
    fitted = fit(logits[:3000], truth[:3000], LABELS)
    raw, after = softmax(logits[3000:]), fitted.probabilities(logits[3000:])
    for p, low, high in ((raw, 0.1, 1), (after, 0, 0.03)):
        error = stats.ece(p.max(1), p.argmax(1) == truth[3000:])
        assert low <= error <= high
    perfect = stats.ece_if_perfect(after.max(1))
    assert error == pytest.approx(perfect, abs=0.015)
    assert stats.log_loss(after, truth[3000:]) < stats.log_loss(raw, truth[3000:])


def test_sets_hold_every_class_as_often_as_promised() -> None:
    logits, truth = _world(9000, 1.5, seed=3)
    fitted = fit(logits[:4000], truth[:4000], LABELS, alpha=0.1)
    chances = fitted.probabilities(logits[4000:])
    for index, label in enumerate(LABELS):
        own = chances[truth[4000:] == index]
        covered = np.mean([label in fitted.prediction_set(p) for p in own])
        assert covered == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.25])
def test_sets_are_those_of_crepes(alpha: float) -> None:
    """Its p-values, of a classifier a class (Mondrian by the true label), without smoothing."""
    from crepes import ConformalClassifier

    logits, truth = _world(700, 1.5, seed=5)
    fitted = fit(logits[:400], truth[:400], LABELS, alpha=alpha)
    chances = fitted.probabilities(logits)
    expected = np.zeros((300, 3), bool)
    for index in range(3):
        scores = 1 - chances[:, index]
        library = ConformalClassifier().fit(scores[:400][truth[:400] == index])
        p = library.predict_p(scores[400:, None], smoothing=False)[:, 0]
        expected[:, index] = p > alpha
    found = [fitted.prediction_set(p) for p in chances[400:]]
    assert [[label in one for label in LABELS] for one in found] == expected.tolist()
    assert 0.3 < expected.mean() < 0.9


def test_scores_are_those_of_scikit_learn() -> None:
    from sklearn.calibration import calibration_curve
    from sklearn.metrics import brier_score_loss, log_loss

    logits, truth = _world(1000, 2.0, seed=6)
    chances = softmax(logits)
    assert stats.log_loss(chances, truth) == pytest.approx(log_loss(truth, chances))
    both = chances[:, :2] / chances[:, :2].sum(1, keepdims=True)
    two = truth.clip(max=1)
    ours = stats.brier(both, two)  # summed over both classes
    assert ours == pytest.approx(2 * brier_score_loss(two, both[:, 1]))
    top, right = chances.max(1), chances.argmax(1) == truth
    bins = stats.reliability(top, right)
    share, said = calibration_curve(right, top, n_bins=10, strategy="quantile")
    np.testing.assert_allclose(bins[:, :2], np.column_stack([said, share]), atol=0.011)


def test_the_limit_is_the_rank_worked_out_by_hand() -> None:
    """Nineteen images of a class at alpha 0.1: ceil(20 * 0.9) = 18, the second lowest."""
    chance = np.linspace(0.05, 0.95, 19)
    logits = np.log(np.column_stack([chance, 1 - chance]))
    both = np.vstack([logits, logits[:, ::-1]])
    fitted = fit(both, np.repeat([0, 1], 19), ("a", "b"), alpha=0.1)
    own = np.sort(fitted.probabilities(both[:19])[:, 0])
    assert fitted.limits[0] == pytest.approx(own[1])
    assert fitted.counts == (19, 19)


def test_a_class_with_too_few_images_is_never_ruled_out() -> None:
    logits, truth = _world(400, 1.0)
    keep = (truth != 2) | (np.cumsum(truth == 2) <= 5)
    fitted = fit(logits[keep], truth[keep], LABELS, alpha=0.1)
    assert fitted.limits[2] == 0 and fitted.counts[2] == 5
    assert "malignant" in fitted.prediction_set((0.999, 0.001, 0.0))


def test_an_empty_set_is_possible() -> None:
    fitted = Calibration(LABELS, 1.0, 0.1, (0.5, 0.6, 0.7), (50, 50, 50))
    assert fitted.prediction_set((0.4, 0.3, 0.3)) == ()
    assert fitted.prediction_set((0.5, 0.0, 0.5)) == ("normal",)


def test_brier_and_reliability_by_hand() -> None:
    chances = np.array([[1.0, 0.0], [0.5, 0.5]])
    assert stats.brier(chances, np.array([0, 1])) == pytest.approx(0.25)
    table = stats.reliability(np.array([0.6, 0.9]), np.array([False, True]), bins=2)
    np.testing.assert_allclose(table, [[0.6, 0, 1], [0.9, 1, 1]])
    assert stats.ece(np.array([0.6, 0.9]), np.array([False, True]), bins=2) == pytest.approx(0.35)


def test_round_trip_and_faults() -> None:
    fitted = fit(*_world(50, 1.0), LABELS)
    assert Calibration.from_dict(fitted.to_dict()) == fitted
    with pytest.raises(BundleError, match="keys"):
        Calibration.from_dict({"temperature": 1})
    with pytest.raises(BundleError, match="range"):
        Calibration(LABELS, 0.0, 0.1, (0, 0, 0), (1, 1, 1))
    with pytest.raises(ArgumentError, match="wanted"):
        fit(np.zeros((20, 2)), np.zeros(20, int), LABELS)
    with pytest.raises(ArgumentError, match="finite"):
        fit(np.full((20, 3), np.nan), np.zeros(20, int), LABELS)


@pytest.fixture
def finished(tmp_path, tiny_bundle):
    """A copy of the tiny bundle, finished with made-up out-of-fold answers."""
    import json
    import shutil

    from hcc_xai.evaluation.finish import finish

    logits, truth = _world(300, 2.0)
    rows = [
        {
            "logits": dict(zip(LABELS, row.tolist(), strict=True)),
            "label": LABELS[answer],
            "fold": i % 5,
            "stratum": "a" if i % 3 else "b",
            "lesion_px": 100 * bool(answer),
            "sector_px": 1000,
            "outlines": "drawn",
            "found": [[90, 80 * bool(answer), 0.5 + 0.4 * (i % 10) / 10 + 0.1 * bool(answer)]],
            "pixels": [[18] * 50, [2 * bool(answer)] * 50],
        }
        for i, (row, answer) in enumerate(zip(logits, truth, strict=True))
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    shutil.copytree(tiny_bundle, tmp_path / "bundle")
    figures = finish(tmp_path / "bundle", tmp_path / "rows.jsonl")
    return tmp_path, figures


def test_a_finished_bundle_answers_with_calibrated_probabilities(finished, tiny, scan) -> None:
    from hcc_xai import load

    folder, figures = finished
    analyzer = load(folder / "bundle", device="cpu")
    answer, raw = analyzer.analyze(scan), tiny.analyze(scan)
    assert answer.calibrated and not raw.calibrated
    assert answer.logits == raw.logits
    assert "uncalibrated" not in {flag.code for flag in answer.flags}
    fitted = analyzer.calibration
    assert fitted.temperature == pytest.approx(2.0, rel=0.25)
    expected = softmax(np.array(list(raw.logits.values())) / fitted.temperature)
    np.testing.assert_allclose(list(answer.probabilities.values()), expected)
    assert answer.prediction_set == fitted.prediction_set(expected)
    assert figures["log_loss_calibrated"][0] < figures["log_loss_raw"][0]
    assert figures["coverage_benign"][0] == pytest.approx(0.9, abs=0.1)
    for value, low, high, n in (v for k, v in figures.items() if k.startswith("coverage")):
        assert low <= value <= high and n > 0
    card = (folder / "bundle" / "README.md").read_text()
    assert "(reliability.png)" in card
    assert (folder / "bundle" / "reliability.png").read_bytes().startswith(b"\x89PNG")
    assert card.count("## Confidence") == 1 and "cross-conformal" in card


def test_finishing_twice_leaves_one_section_and_new_weights_make_it_stale(finished, scan) -> None:
    from hcc_xai import load
    from hcc_xai.evaluation.finish import finish

    folder, _ = finished
    finish(folder / "bundle", folder / "rows.jsonl")
    assert (folder / "bundle" / "README.md").read_text().count("## Confidence") == 1
    path = folder / "bundle" / "calibration.json"
    path.write_text(path.read_text().replace('"weights_sha256": "', '"weights_sha256": "0'))
    answer = load(folder / "bundle", device="cpu").analyze(scan)
    assert not answer.calibrated and answer.prediction_set == ()
    assert {"uncalibrated", "stale"} <= {flag.code for flag in answer.flags}
