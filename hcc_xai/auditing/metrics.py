"""The figures that an audit reports: what each image adds to them, and what many images make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hcc_xai import stats
from hcc_xai.auditing.measure import EVIDENCE, Measurement
from hcc_xai.stats import Floats

# What one image adds to the mean that a metric is, given the positive label; None for nothing.
Adds = Callable[[Measurement, str], float | None]


def _sensitivity(row: Measurement, positive: str) -> float | None:
    return float(row.answer == positive) if row.holds(positive) else None


def _specificity(row: Measurement, positive: str) -> float | None:
    return float(row.answer != positive) if not row.holds(positive) else None


def _accuracy(row: Measurement, _: str) -> float | None:
    return float(row.right)


def _calibration_error(row: Measurement, _: str) -> float | None:
    """Of the answer: how sure, less how often right."""
    return float(row.probabilities[row.answer] - row.right)


def _set_size(row: Measurement, _: str) -> float | None:
    return None if row.prediction_set is None else float(len(row.prediction_set))


def _coverage(row: Measurement, _: str) -> float | None:
    return (
        None
        if row.prediction_set is None
        else float(set(row.label.split("+")) <= set(row.prediction_set))
    )


def _refused(row: Measurement, _: str) -> float | None:
    return float(not row.accepted)


def _dice(row: Measurement, _: str) -> float | None:
    return row.dice


def _hit(row: Measurement, _: str) -> float | None:
    return None if row.hit is None else float(row.hit)


def _false_lesion(row: Measurement, _: str) -> float | None:
    return None if row.false_lesion is None else float(row.false_lesion)


def _share(name: str) -> Adds:
    return lambda row, _: row.evidence[name]


MEANS: dict[str, Adds] = {
    "sensitivity": _sensitivity,
    "specificity": _specificity,
    "accuracy": _accuracy,
    "calibration_error": _calibration_error,
    "set_size": _set_size,
    "coverage": _coverage,
    "refused": _refused,
    "dice": _dice,
    "hit": _hit,
    "false_lesion": _false_lesion,
    **{name: _share(name) for name in EVIDENCE},
}
METRICS = ("auroc", *MEANS)
LOW_IS_GOOD = ("calibration_error", "set_size", "refused", "false_lesion")


@dataclass(frozen=True, eq=False)
class Numbers:
    """What N images say of one metric.

    Attributes:
        values: (N,) float64: what each adds to the mean, NaN for nothing; for the AUROC how
            probable the model thinks the positive label.
        positive: (N,) bool: for the AUROC, whether it is of the positive label; None for a mean.
    """

    values: Floats
    positive: NDArray[np.bool_] | None = None

    @property
    def known(self) -> int:
        """Images that say something."""
        return int(np.isfinite(self.values).sum())

    @property
    def weight(self) -> int:
        """Images that the metric rests on: for the AUROC twice those of the rarer class."""
        if self.positive is None:
            return self.known
        positives = int(self.positive.sum())
        return 2 * min(positives, len(self.positive) - positives)

    def at(self, chosen: NDArray[np.int_] | NDArray[np.bool_]) -> Numbers:
        """Those of some images, by number or as a mask."""
        positive = None if self.positive is None else self.positive[chosen]
        return Numbers(self.values[chosen], positive)

    def value(self) -> float:
        """The metric over these images; NaN where it has no meaning."""
        if self.positive is not None:
            return float(self.over(np.ones((1, len(self.values))))[0])
        known = self.values[np.isfinite(self.values)]
        return float(known.mean()) if known.size else np.nan

    def figure(self, low: float | None, high: float | None) -> stats.Figure:
        """The metric with the interval that a bootstrap gave it. Where every resample agrees with
        the sample, as with one image, the bootstrap would call it certain: of a share the bound is
        that of Clopper and Pearson then, of an AUROC the same of the rarer class, and of other
        means of one image there is none."""
        value = self.value()
        if not np.isfinite(value):
            return stats.Figure(None, None, None, self.known)
        known = self.values[np.isfinite(self.values)]
        share = self.positive is not None or bool(np.isin(known, (0.0, 1.0)).all())
        if share and value in (0.0, 1.0) and self.weight:
            n = self.weight if self.positive is None else self.weight // 2
            bound = stats.unanimous(value, n)
            return stats.Figure(value, bound.low, bound.high, self.known)
        if self.known < 2 or low is None or high is None:
            return stats.Figure(value, None, None, self.known)
        return stats.Figure(value, low, high, self.known)

    def over(self, weights: Floats) -> Floats:
        """The metric where each image counts as often as its weight says. (R, N) -> (R,)."""
        if self.positive is not None:
            return stats.auroc(self.values, self.positive, weights)
        return stats.mean(self.values, weights)


def numbers(rows: Sequence[Measurement], name: str, positive: str) -> Numbers:
    """What images say of a metric.

    Args:
        rows: the images.
        name: of the metric, see `METRICS`.
        positive: the label that counts as positive.
    """
    if name == "auroc":
        truth = np.array([row.holds(positive) for row in rows], bool)
        return Numbers(np.array([row.probabilities[positive] for row in rows], float), truth)
    each = [MEANS[name](row, positive) for row in rows]
    return Numbers(np.array([np.nan if v is None else v for v in each], float))


def overall(
    rows: Sequence[Measurement], positive: str, *, resamples: int
) -> dict[str, stats.FigureRow]:
    """Every metric over all images, with its interval.

    Args:
        rows: the images.
        positive: the label that counts as positive.
        resamples: bootstrap resamples behind an interval.
    """
    draws = stats.draws(len(rows), resamples=resamples)
    figures = {}
    for name in METRICS:
        some = numbers(rows, name, positive)
        drawn = stats.figure(some.over(draws), some.known)
        figures[name] = some.figure(drawn.low, drawn.high).to_dict()
    return figures
