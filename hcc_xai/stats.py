"""Figures with bootstrap intervals, and scores of probabilities: pure NumPy, all resamples at once.

Every metric is a function of weights: how often each of N images was drawn in each of R resamples.
`draws` puts the sample itself into row 0, so that row gives the figure, the others its interval,
and nothing is looped over. Where a value is missing (NaN) the image is left out of that metric.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest

from hcc_xai.errors import ArgumentError

Floats = NDArray[np.float64]
Numbers = NDArray[np.integer | np.floating]  # real numbers of any type


class FigureRow(TypedDict):
    """A `Figure` as JSON holds it."""

    value: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class Figure:
    """A figure, its 95 % interval and the number of images behind it.

    Attributes:
        value: the figure; None where it cannot be said.
        low: the lower end of its interval; None where it has none.
        high: the upper end of its interval; None where it has none.
        n: images that it rests on.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Figure:
        """The figure of a row that holds value, low, high and n; its other entries are not read."""
        return cls(row["value"], row["low"], row["high"], row["n"])

    def to_dict(self) -> FigureRow:
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n}

    def text(
        self,
        *,
        digits: int = 3,
        signed: bool = False,
        between: str = " to ",
        missing: str = "–",
        note: str = "",
        write: Callable[[float], str] | None = None,
    ) -> str:
        """The figure as a table shows it: "0.812 (0.790 to 0.834)".

        Args:
            digits: how many stand after the decimal point.
            signed: whether a plus stands before a number over zero.
            between: what stands between the two ends of the interval.
            missing: the text where there is no value.
            note: what else stands in the brackets, after the interval, such as "n 12".
            write: how a number is written; by default with `digits` and `signed`.

        Returns:
            The value alone where there is neither an interval nor a note.
        """
        if self.value is None:
            return missing
        write = write or f"{{:{'+' if signed else ''}.{digits}f}}".format
        inside = [note] if note else []
        if self.low is not None and self.high is not None:
            inside.insert(0, f"{write(self.low)}{between}{write(self.high)}")
        brackets = f" ({'; '.join(inside)})" if inside else ""
        return f"{write(self.value)}{brackets}"


def draws(n: int, *, resamples: int = 1000, seed: int = 0) -> Floats:
    """How often each of n images is drawn.

    Returns:
        (resamples + 1, n) float64; row 0 is all ones (the sample itself), the others sum to n each.

    Raises:
        ArgumentError: there is no image, or no resample.
    """
    if n < 1 or resamples < 1:
        raise ArgumentError(
            "draws-none",
            "n is {n}, resamples {resamples}; both must be at least 1",
            n=n,
            resamples=resamples,
        )
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)
    return np.vstack([np.ones((1, n)), drawn]).astype(np.float64)


def figure(found: Floats, n: int) -> Figure:
    """A metric over all resamples, as a figure with its percentile interval (2.5 to 97.5 %).

    Args:
        found: (R,), the sample's own value first; NaN in resamples that cannot say.
        n: images that the metric rests on.
    """
    rest = found[1:][np.isfinite(found[1:])]
    if not math.isfinite(found[0]) or not len(rest):
        return Figure(None, None, None, n)
    low, high = np.percentile(rest, [2.5, 97.5])
    return Figure(float(found[0]), float(low), float(high), n)


def unanimous(share: float, n: int) -> Figure:
    """The figure of a share of n images that is 0 or 1. Every resample agrees with the sample then,
    and the bootstrap would call it certain; the bound is that of Clopper and Pearson instead."""
    bound = 0.025 ** (1 / n)
    return Figure(share, bound, 1.0, n) if share == 1 else Figure(share, 0.0, 1 - bound, n)


def mean(values: ArrayLike, weights: Floats) -> Floats:
    """Weighted mean. values (N,), NaN where missing; weights (R, N) -> (R,)."""
    known, weights = _known(values, weights)
    return _ratio(weights @ known, weights.sum(1))


def median(values: ArrayLike, weights: Floats) -> Floats:
    """Weighted median: that of the sample in which each value stands as often as it was drawn. ->
    (R,)."""
    known, weights = _known(values, weights)
    if not len(known):
        return np.full(len(weights), np.nan)
    order = np.argsort(known, kind="stable")
    known, reached = known[order], np.cumsum(weights[:, order], axis=1)  # (R, N)
    half = reached[:, -1:] / 2
    lower, upper = (reached >= half).argmax(1), (reached > half).argmax(1)
    return np.where(half[:, 0] > 0, (known[lower] + known[upper]) / 2, np.nan)


def pairs(scores: ArrayLike, positive: ArrayLike, weights: Floats) -> Floats:
    """Pairs of a positive and a negative: how many are in the right order (ties count half), and
    how many there are.

    Args:
        scores: (N,), higher is more positive. positive: (N,) bool. weights: (R, N).

    Returns:
        (2, R): ordered pairs, pairs. Their ratio is the AUROC.
    """
    scores, positive = np.asarray(scores, float), np.asarray(positive, bool)
    hits, misses = _by_score(scores, positive, weights)
    below = np.cumsum(misses, axis=1) - misses
    return np.stack([(hits * (below + misses / 2)).sum(1), hits.sum(1) * misses.sum(1)])


def auroc(
    scores: ArrayLike, positive: ArrayLike, weights: Floats, *, strata: ArrayLike | None = None
) -> Floats:
    """Area under the ROC curve.

    Args:
        scores, positive, weights: as for `pairs`.
        strata: (N,) names; where given, only pairs within one stratum count, which is the average
            of the strata's areas weighted by their pairs. Strata without both classes drop out by
            themselves.

    Returns:
        (R,), NaN where there is no pair.
    """
    scores, positive = np.asarray(scores, float), np.asarray(positive, bool)
    names = np.zeros(len(scores)) if strata is None else np.asarray(strata)
    parts = [
        pairs(scores[names == s], positive[names == s], weights[:, names == s])
        for s in np.unique(names)
    ]
    ordered, number = np.sum(parts, axis=0) if parts else np.zeros((2, len(weights)))
    return _ratio(ordered, number)


def average_precision(scores: ArrayLike, positive: ArrayLike, weights: Floats) -> Floats:
    """Precision averaged over the recall it is reached at (no interpolation). Shapes as for `pairs`
    -> (R,)."""
    scores, positive = np.asarray(scores, float), np.asarray(positive, bool)
    hits, misses = _by_score(-scores, positive, weights)  # best score first
    found = np.cumsum(hits, axis=1)
    precision = _ratio(found, found + np.cumsum(misses, axis=1))
    return _ratio((hits * np.nan_to_num(precision)).sum(1), hits.sum(1))


def balanced_accuracy(answers: ArrayLike, truth: ArrayLike, weights: Floats) -> Floats:
    """Mean over the classes of the share that was answered rightly. (N,), (N,), (R, N) -> (R,)."""
    answers, truth = np.asarray(answers), np.asarray(truth)
    recalls = [mean((answers == c)[truth == c], weights[:, truth == c]) for c in np.unique(truth)]
    return np.asarray(np.mean(recalls, axis=0), np.float64)


def dice(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """2 |A and B| / (|A| + |B|); 1 where both are empty."""
    total = int(found.sum()) + int(truth.sum())
    return 2 * int((found & truth).sum()) / total if total else 1.0


def iou(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """|A and B| / |A or B|; 1 where both are empty."""
    union = int((found | truth).sum())
    return int((found & truth).sum()) / union if union else 1.0


def roc(scores: ArrayLike, positive: ArrayLike) -> Floats:
    """The ROC curve: (2, M) of false and true positive rate, from (0, 0) to (1, 1); ties are one
    step."""
    scores, positive = np.asarray(scores, float), np.asarray(positive, bool)
    hits, misses = _by_score(-scores, positive, np.ones((1, len(scores))))
    rates = [
        np.concatenate([[0.0], _ratio(np.cumsum(step), step.sum())])
        for step in (misses[0], hits[0])
    ]
    return np.stack(rates)


def _by_score(
    scores: Floats, positive: NDArray[np.bool_], weights: Floats
) -> tuple[Floats, Floats]:
    """Weight of positives and of negatives at each different score, ascending: (R, M) each."""
    if np.isnan(scores).any():
        raise ArgumentError("score-not-a-number", "a score is NaN; leave such images out first")
    if not len(scores):
        empty = np.zeros((len(weights), 0))
        return empty, empty
    order = np.argsort(scores, kind="stable")
    first = np.unique(scores[order], return_index=True)[1]
    sorted_weights, sorted_positive = weights[:, order], positive[order]
    hits = np.add.reduceat(sorted_weights * sorted_positive, first, axis=1)
    return hits, np.add.reduceat(sorted_weights * ~sorted_positive, first, axis=1)


def _known(values: ArrayLike, weights: Floats) -> tuple[Floats, Floats]:
    values = np.asarray(values, np.float64)
    kept = ~np.isnan(values)
    return values[kept], weights[:, kept]


def _ratio(over: ArrayLike, under: ArrayLike) -> Floats:
    """over / under, NaN where under is zero."""
    over, under = np.asarray(over, np.float64), np.asarray(under, np.float64)
    found = np.full(np.broadcast_shapes(over.shape, under.shape), np.nan)
    np.divide(over, under, out=found, where=under > 0)
    return found


def wilson(hits: int, n: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927); 0 to 1 where there is nothing."""
    if n == 0:
        return 0.0, 1.0
    found = binomtest(hits, n).proportion_ci(method="wilson")
    return float(found.low), float(found.high)


def sigmoid(logits: Numbers) -> Floats:
    """Probabilities of log-odds, each by itself. Any shape."""
    return np.asarray(1 / (1 + np.exp(-np.asarray(logits, np.float64))))


def probabilities_of(logits: Numbers, *, multiple: bool) -> Floats:
    """Probabilities of logits, (..., K) -> (..., K): each by itself where several may hold, else
    summing to one."""
    return sigmoid(logits) if multiple else softmax(logits)


def softmax(logits: Numbers) -> Floats:
    """(..., K) -> (..., K), summing to one."""
    odds = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    total: Floats = odds / odds.sum(-1, keepdims=True)
    return total


def log_loss(chances: Floats, truth: Numbers) -> float:
    """Mean negative log probability of the true label. (N, K), (N,)."""
    picked = chances[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(picked, 1e-12)).mean())


def brier(chances: Floats, truth: Numbers) -> float:
    """Mean squared distance to the one-hot truth (Brier 1950), 0 to 2. (N, K), (N,)."""
    return float(((chances - np.eye(chances.shape[1])[truth]) ** 2).sum(1).mean())


def reliability(confidence: Floats, right: NDArray[np.bool_], *, bins: int = 10) -> Floats:
    """Equal-mass bins of (mean confidence, share right, images). (N,), (N,) -> (bins, 3)."""
    parts = np.array_split(np.argsort(confidence, kind="stable"), bins)
    return np.array([[confidence[p].mean(), right[p].mean(), len(p)] for p in parts if len(p)])


def ece(confidence: Floats, right: NDArray[np.bool_], *, bins: int = 10) -> float:
    """Expected calibration error over equal-mass bins, 0 to 1."""
    table = reliability(confidence, right, bins=bins)
    return float((abs(table[:, 0] - table[:, 1]) * table[:, 2]).sum() / table[:, 2].sum())


def ece_if_perfect(confidence: Floats, *, bins: int = 10, draws: int = 200, seed: int = 0) -> float:
    """The ECE that a perfectly calibrated model would score with these confidences, at this n."""
    rng = np.random.default_rng(seed)
    scores = [
        ece(confidence, rng.random(len(confidence)) < confidence, bins=bins) for _ in range(draws)
    ]
    return float(np.mean(scores))
