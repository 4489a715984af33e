"""How good the fitted confidence is: calibration, bands and coverage, each fold calibrated by the
others, so that fitting and measuring never share an image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hcc_xai import stats
from hcc_xai.model import calibration
from hcc_xai.model.bundle import Bundle
from hcc_xai.stats import Figure, Floats

_RESAMPLES = 1000
Mask = NDArray[np.bool_]
Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers of N images, out of fold.

    Attributes:
        logits: (N, K) float64.
        holds: (N, K) bool, which labels are true.
        folds: (N,) int.
        strata: (N,) names of the frame sizes.
        multiple: whether several labels may hold at once.
    """

    logits: Floats
    holds: Mask
    folds: NDArray[np.int64]
    strata: NDArray[np.str_]
    multiple: bool = False

    @property
    def truth(self) -> NDArray[np.int64]:
        """As `calibration.fit` takes it: the true label's index, (N,), or, where several may hold,
        (N, K) of 0 and 1."""
        return self.holds.astype(np.int64) if self.multiple else self.holds.argmax(1)

    @property
    def raw(self) -> Floats:
        """Probabilities as the network gives them, (N, K)."""
        return stats.probabilities_of(self.logits, multiple=self.multiple)


@dataclass(frozen=True)
class Scores:
    """How good some probabilities are.

    Attributes:
        ece: expected calibration error over ten equal-mass bins, 0 to 1.
        brier: Brier score, 0 to 2; where several labels may hold, summed over all of them.
        log_loss: mean negative log probability of what is true, of all labels where several may
            hold.
        bins: [mean confidence, share right, images] of each of the ten bins.
        ece_if_perfect: what a perfectly calibrated model would score in `ece`, at this n.
    """

    ece: Figure
    brier: Figure
    log_loss: Figure
    bins: list[list[float]]
    ece_if_perfect: float


@dataclass(frozen=True)
class Confidence:
    """How good the confidence is; 95 % bootstrap intervals by image.

    Attributes:
        raw: of the probabilities as the network gives them.
        calibrated: of the probabilities after calibration.
        right: band ("green", "amber", "red") -> share of its answers that were right.
        coverage: label -> share of its images whose set holds the true label.
        coverage_at: frame size -> share of its images whose set holds the true label.
        set_size: mean number of labels in a set.
        empty_sets: share of the images whose set is empty.
    """

    raw: Scores
    calibrated: Scores
    right: dict[str, Figure]
    coverage: dict[str, Figure]
    coverage_at: dict[str, Figure]
    set_size: Figure
    empty_sets: Figure

    def to_dict(self) -> dict[str, object]:
        """Name -> [value, low, high, n], or what else `Scores` holds; as the command prints it."""
        shown: dict[str, object] = {}
        for name, scores in (("raw", self.raw), ("calibrated", self.calibrated)):
            shown[f"ece_{name}"] = _listed(scores.ece)
            shown[f"brier_{name}"] = _listed(scores.brier)
            shown[f"log_loss_{name}"] = _listed(scores.log_loss)
            shown[f"bins_{name}"] = scores.bins
            shown[f"ece_if_perfect_{name}"] = scores.ece_if_perfect
        for start, figures in (
            ("right_when_", self.right),
            ("coverage_", self.coverage),
            ("coverage_at_", self.coverage_at),
        ):
            shown |= {f"{start}{name}": _listed(figure) for name, figure in figures.items()}
        shown["set_size"] = _listed(self.set_size)
        shown["empty_sets"] = _listed(self.empty_sets)
        return shown


def _listed(figure: Figure) -> list[float | None]:
    return [figure.value, figure.low, figure.high, figure.n]


def measure(answers: Answers, bundle: Bundle, *, alpha: float) -> Confidence:
    """Calibration, bands and coverage, each fold calibrated by the others.

    Args:
        answers: out of fold, of networks that were trained as the bundle's was.
        bundle: the one that ships.
        alpha: share that a prediction set may miss.
    """
    labels, truth, n = bundle.config.network.labels, answers.truth, len(answers.folds)
    chances = np.zeros_like(answers.logits)
    held = np.zeros(chances.shape, bool)  # whether a label is in the image's set
    for fold in np.unique(answers.folds):
        mine = answers.folds == fold
        others = calibration.fit(answers.logits[~mine], truth[~mine], labels, alpha=alpha)
        chances[mine] = others.probabilities(answers.logits[mine])
        held[mine] = chances[mine] >= np.array(others.limits)
    covered = np.asarray((held | ~answers.holds).all(1), bool)
    return Confidence(
        raw=_scores(answers.raw, answers),
        calibrated=_scores(chances, answers),
        right=_right(chances, held, answers.holds, bundle.config.bands),
        coverage={label: _share(held[:, i], answers.holds[:, i]) for i, label in enumerate(labels)},
        coverage_at={
            str(stratum): _share(covered, answers.strata == stratum)
            for stratum in np.unique(answers.strata)
        },
        set_size=resampled(lambda i: float(held[i].sum(1).mean()), n),
        empty_sets=_share(held.sum(1) == 0, np.ones(n, bool)),
    )


def _scores(chances: Floats, answers: Answers) -> Scores:
    top, right, n = chances.max(1), _right_ones(chances, answers.holds), len(chances)
    distance = ((chances - answers.holds) ** 2).sum(1)
    lost = -np.log(np.maximum(np.where(answers.holds, chances, 1 - chances), 1e-12))
    told = lost if answers.multiple else np.where(answers.holds, lost, 0)
    return Scores(
        ece=resampled(lambda i: stats.ece(top[i], right[i]), n),
        brier=resampled(lambda i: float(distance[i].mean()), n),
        log_loss=resampled(lambda i: float(told[i].sum(1).mean()), n),
        bins=stats.reliability(top, right).round(3).tolist(),
        ece_if_perfect=stats.ece_if_perfect(top),
    )


def _right_ones(chances: Floats, holds: Mask) -> Mask:
    """Whether the most probable label is true. (N, K) each -> (N,)."""
    right: Mask = holds[np.arange(len(holds)), chances.argmax(1)]
    return right


def _right(chances: Floats, held: Mask, holds: Mask, limits: dict[str, float]) -> dict[str, Figure]:
    """How often each band was right; green also needs a single grade in the set."""
    top, right = chances.max(1), _right_ones(chances, holds)
    green = (top > limits["green"]) & (held.sum(1) <= 1)
    amber = (top >= limits["amber"]) & ~green
    parts = {"green": green, "amber": amber, "red": ~green & ~amber}
    return {band: _share(right, part) for band, part in parts.items()}


def _share(hits: Mask, among: Mask) -> Figure:
    picked = hits[among]
    return resampled(lambda i: float(picked[i].mean()), len(picked))


def resampled(figure: Callable[[Indices], float], n: int) -> Figure:
    """A figure with its interval, by a seeded bootstrap that computes it anew on every resample.

    It is for figures that are no function of weights, as the calibration error with its bins of
    equal mass. `stats.draws` does all resamples at once, by weights, and draws other ones; the
    figures of the cards that ship were made by this one.

    Args:
        figure: of (n,) indices of the images that were drawn.
        n: images.

    Returns:
        Percentiles 2.5 and 97.5 of 1000 resamples; no value where there is no image.
    """
    if n == 0:
        return Figure(None, None, None, 0)
    rng = np.random.default_rng(0)
    values = [figure(rng.integers(n, size=n)) for _ in range(_RESAMPLES)]
    low, high = np.percentile(values, [2.5, 97.5])
    return Figure(figure(np.arange(n)), float(low), float(high), n)
