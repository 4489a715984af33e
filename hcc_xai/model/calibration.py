"""Confidence that means something: temperature, prediction sets, and how good both are. NumPy only.

Both are fitted on out-of-fold logits (each image answered by a network trained without it) and
carry the hash of the weights that they were fitted for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from hcc_xai.errors import ArgumentError, BundleError
from hcc_xai.findings.outlines import Outlines
from hcc_xai.stats import Floats, Numbers, log_loss, probabilities_of, sigmoid, softmax

_WIDE = 1 / 3  # of a label's limit


@dataclass(frozen=True)
class Calibration:
    """What `calibration.json` holds.

    Attributes:
        labels: in the order of the logits.
        temperature: that logits are divided by, above 0.
        alpha: share of images whose true label a prediction set may miss.
        limits: per label, the least calibrated probability that puts it into the set.
        counts: per label, the images that its limit was fitted on; below 1 / alpha - 1 nothing can
            be promised and the label is in every set.
        weights_sha256: of the weights that this belongs to.
        outlines: see `Outlines`; files of older versions hold none.
        multiple: whether several labels may hold; each has a probability of its own then.
    """

    labels: tuple[str, ...]
    temperature: float
    alpha: float
    limits: tuple[float, ...]
    counts: tuple[int, ...]
    weights_sha256: str = ""
    outlines: Outlines = Outlines()
    multiple: bool = False

    def __post_init__(self) -> None:
        if not 0.01 <= self.temperature <= 100 or not 0 < self.alpha < 1:
            raise BundleError(
                "calibration-range", "calibration.json: temperature or alpha is out of range"
            )
        if not len(self.labels) == len(self.limits) == len(self.counts):
            raise BundleError(
                "calibration-lengths",
                "calibration.json: labels, limits and counts differ in length",
            )

    def to_dict(self) -> dict[str, object]:
        stored = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
        if not self.multiple:  # which files of older versions do not say
            stored.pop("multiple")
        return stored

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Calibration:
        """The calibration that `to_dict` made.

        Raises:
            BundleError: a key is missing or unknown, or a value is out of range.
        """
        known = {f.name for f in fields(cls)}
        if set(given) | {"outlines", "multiple"} != known:
            raise BundleError(
                "calibration-keys",
                "calibration.json: keys are {got}, wanted {wanted}",
                got=str(sorted(given)),
                wanted=str(sorted(known)),
            )
        lists = {k: tuple(given[k]) for k in ("labels", "limits", "counts")}
        lines = given.get("outlines", {})
        names = {f.name for f in fields(Outlines)}
        if not isinstance(lines, Mapping) or not set(lines) <= names:
            raise BundleError(
                "calibration-outlines",
                "calibration.json: outlines holds {got}",
                got=repr(lines),
            )
        return cls(**{**given, **lists, "outlines": Outlines(**lines)})

    def probabilities(self, logits: Numbers) -> Floats:
        """Calibrated probabilities. (..., K) -> (..., K)."""
        scaled = np.asarray(logits, np.float64) / self.temperature
        return probabilities_of(scaled, multiple=self.multiple)

    def prediction_set(
        self, probabilities: Sequence[float], *, wide: bool = False
    ) -> tuple[str, ...]:
        """The labels that cannot be ruled out, in the bundle's order; may be empty.

        Args:
            probabilities: (K,), calibrated.
            wide: a label needs a third of its limit, for a picture unlike those that the limits
                were fitted on; nothing is promised of such a set.
        """
        share = _WIDE if wide else 1.0
        pairs = zip(self.labels, probabilities, self.limits, strict=True)
        return tuple(label for label, value, limit in pairs if value >= share * limit)


def fit(
    logits: Numbers, truth: Numbers, labels: Sequence[str], *, alpha: float = 0.1
) -> Calibration:
    """Temperature by least log loss (Guo et al. 2017), then class-conditional (Mondrian) conformal
    limits (Vovk 2012): a label's limit is the ceil((n + 1)(1 - alpha))-th largest probability that
    its own images got.

    Args:
        logits: (N, K), out of fold. truth: (N,) index of the true label; (N, K) of 0 and 1 where
            several may hold, whose limit is then one for all labels: rare ones have too few images
            for one of their own.

    Raises:
        ArgumentError: shapes that do not fit, fewer than ten images, a value that is not finite.
    """
    logits, truth = np.asarray(logits, np.float64), np.asarray(truth)
    shape = (len(truth), len(labels))
    if logits.shape != shape or truth.shape not in (shape, shape[:1]) or len(truth) < 10:
        raise ArgumentError(
            "calibration-shapes",
            "logits are {logits}, truth {truth}; wanted (N, K), (N,)",
            logits=str(logits.shape),
            truth=str(truth.shape),
        )
    if not np.isfinite(logits).all():
        raise ArgumentError("calibration-not-finite", "some logits are not finite")
    if truth.ndim == 2:
        return _fit_each(logits, truth > 0, labels, alpha)
    scores: Floats = np.asarray(logits, np.float64)
    least = minimize_scalar(
        lambda t: log_loss(softmax(scores / np.exp(t)), truth), bounds=(-3, 3), method="bounded"
    )
    temperature = float(np.exp(least.x))
    chances = softmax(scores / temperature)
    limits, counts = [], []
    for index in range(len(labels)):
        own = np.sort(chances[truth == index, index])[::-1]
        rank = int(np.ceil((len(own) + 1) * (1 - alpha)))
        limits.append(float(own[rank - 1]) if rank <= len(own) else 0.0)
        counts.append(len(own))
    return Calibration(tuple(labels), temperature, alpha, tuple(limits), tuple(counts))


def _fit_each(
    logits: Numbers, truth: NDArray[np.bool_], labels: Sequence[str], alpha: float
) -> Calibration:
    """As `fit`, for labels that may hold together."""
    signed = np.where(truth, logits, -logits)
    least = minimize_scalar(
        lambda t: np.logaddexp(0, -signed / np.exp(t)).mean(), bounds=(-3, 3), method="bounded"
    )
    temperature = float(np.exp(least.x))
    own = np.sort(sigmoid(np.asarray(logits[truth] / temperature, np.float64)))[::-1]
    rank = int(np.ceil((len(own) + 1) * (1 - alpha)))
    limit = float(own[rank - 1]) if rank <= len(own) else 0.0
    count = len(labels)
    limits, counts = (limit,) * count, tuple(int(n) for n in truth.sum(0))
    return Calibration(tuple(labels), temperature, alpha, limits, counts, multiple=True)
