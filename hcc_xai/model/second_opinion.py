"""A second opinion that can be read: a logistic regression on the words of a description.

It never sees the network's grade, only what `describe` measured in the picture; each word adds or
takes away, and the sum is the opinion.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hcc_xai import stats
from hcc_xai.errors import BundleError, DataError
from hcc_xai.files import write_whole
from hcc_xai.findings.describe import Descriptor
from hcc_xai.findings.lesions import Lesion
from hcc_xai.model.bundle import SHA_KEY
from hcc_xai.stats import wilson

FILE = "descriptors.json"
# What is read of a description; what is in pixels is divided by the sector's height.
NAMES = (
    "echogenicity",
    "homogeneity",
    "margin",
    "halo",
    "shape",
    "roundness",
    "posterior",
    "size",
    "depth",
    "capsule",
)


@dataclass(frozen=True)
class Opinion:
    """What the words say.

    Attributes:
        label: the grade that they speak for. probability: of it, among the grades it tells apart.
        reasons: (name of the descriptor, what it adds to the logit of `label`), the strongest
            first.
    """

    label: str
    probability: float
    reasons: tuple[tuple[str, float], ...]

    def to_dict(self) -> dict[str, object]:
        return {
            "label": self.label,
            "probability": self.probability,
            "reasons": [list(reason) for reason in self.reasons],
        }


@dataclass(frozen=True)
class GlassBox:
    """The fitted weights. Values are standardised by `mean` and `spread`; one that could not be
    measured counts as the mean, so adds nothing.

    Attributes:
        labels: of probability 0 and 1. weights, mean, spread: of each of `names`.
        figures: how good it was on lesions of folds that it was not fitted to.
    """

    labels: tuple[str, str]
    names: tuple[str, ...]
    weights: tuple[float, ...]
    mean: tuple[float, ...]
    spread: tuple[float, ...]
    bias: float
    figures: Mapping[str, Any]

    def opinion(self, values: Sequence[float | None]) -> Opinion:
        """values: in the order of `names`, None where one could not be measured."""
        parts = np.array(
            [
                0.0 if v is None else w * (v - m) / s
                for v, w, m, s in zip(values, self.weights, self.mean, self.spread, strict=True)
            ]
        )
        logit = float(parts.sum() + self.bias)
        sign = 1 if logit > 0 else -1
        order = np.argsort(-sign * parts)
        reasons = tuple((self.names[int(i)], float(sign * parts[i])) for i in order)
        return Opinion(self.labels[logit > 0], float(1 / (1 + np.exp(-abs(logit)))), reasons)

    def to_dict(self) -> dict[str, object]:
        return {
            "labels": list(self.labels),
            "names": list(self.names),
            "weights": list(self.weights),
            "mean": list(self.mean),
            "spread": list(self.spread),
            "bias": self.bias,
            "figures": dict(self.figures),
        }

    def save(self, path: str | Path, sha256: str) -> None:
        """sha256: of the weights whose outlines it was fitted to."""
        text = json.dumps({SHA_KEY: sha256, **self.to_dict()}, indent=1) + "\n"
        write_whole(Path(path), text.encode())

    @classmethod
    def load(cls, path: str | Path) -> GlassBox:
        """Raises BundleError: it is no such file."""
        try:
            given = json.loads(Path(path).read_text(encoding="utf-8"))
            first, second = given["labels"]
            if tuple(given["names"]) != NAMES:
                raise BundleError(
                    "second-opinion-descriptors",
                    "{file} reads other descriptors than this version measures",
                    file=FILE,
                )
            lists = {k: tuple(map(float, given[k])) for k in ("weights", "mean", "spread")}
            return cls(
                (first, second), NAMES, **lists, bias=float(given["bias"]), figures=given["figures"]
            )
        except (KeyError, ValueError, TypeError, OSError) as error:
            raise BundleError(
                "second-opinion-unread",
                "{file} cannot be read: {reason}",
                file=FILE,
                reason=str(error),
            ) from error


def values_of(
    described: Sequence[Descriptor], lesion: Lesion, sector: NDArray[np.bool_]
) -> list[float | None]:
    """The numbers of a description in the order of `NAMES`, free of the picture's resolution."""
    height = float(np.ptp(np.flatnonzero(sector.any(1)))) + 1
    found = {d.name: d.value for d in described}
    found |= {"size": lesion.diameter_px / height, "depth": lesion.depth_px / height}
    gap = found["capsule"]
    if gap is not None and lesion.diameter_mm is not None:
        gap *= lesion.diameter_px / lesion.diameter_mm
    found["capsule"] = None if gap is None else gap / height
    return [found[name] for name in NAMES]


def fit(
    rows: Sequence[Mapping[str, Any]], labels: tuple[str, str], *, strength: float = 0.3
) -> GlassBox:
    """Fit to lesions, and measure on folds left out.

    Args:
        rows: "values" (see `values_of`), "label", "fold", "stratum", and "answer": the label that
            the network gave, of the two.
        labels: to tell apart. strength: inverse of the penalty on the weights, fixed ahead.

    Raises:
        DataError: fewer than 40 lesions, or of one label only.
    """
    x = np.array([[np.nan if v is None else v for v in r["values"]] for r in rows], float)
    truth = np.array([labels.index(r["label"]) for r in rows])
    if len(rows) < 40 or len(set(truth.tolist())) < 2:
        raise DataError(
            "second-opinion-too-few", "the glass box wants 40 lesions or more, of both labels"
        )
    folds = np.array([r["fold"] for r in rows])
    strata = np.array([r["stratum"] for r in rows])
    network = np.array([labels.index(r["answer"]) for r in rows])
    score = np.zeros(len(rows))
    for fold in np.unique(folds):
        mine = folds == fold
        mean, spread, weights, bias = _regress(x[~mine], truth[~mine], strength)
        score[mine] = np.nan_to_num((x[mine] - mean) / spread) @ weights + bias
    agrees = (score > 0) == network
    right, n = network == truth, len(rows)
    draws = stats.draws(n)
    figures = {
        "auroc": stats.figure(stats.auroc(score, truth, draws), n).to_dict(),
        "auroc_within": stats.figure(stats.auroc(score, truth, draws, strata=strata), n).to_dict(),
        "agrees": stats.figure(stats.mean(agrees, draws), n).to_dict(),
        "right_where_they_agree": _right(right[agrees]),
        "right_where_they_do_not": _right(right[~agrees]),
    }
    mean, spread, weights, bias = _regress(x, truth, strength)
    return GlassBox(
        labels,
        NAMES,
        tuple(weights.tolist()),
        tuple(mean.tolist()),
        tuple(spread.tolist()),
        float(bias),
        figures,
    )


def _right(hits: NDArray[np.bool_]) -> dict[str, Any]:
    low, high = wilson(int(hits.sum()), len(hits))
    value = float(hits.mean()) if len(hits) else None
    return {"value": value, "low": low, "high": high, "n": len(hits)}


def _regress(
    x: NDArray[np.float64], truth: NDArray[Any], strength: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float]:
    from sklearn.linear_model import LogisticRegression

    mean, spread = np.nanmean(x, 0), np.nanstd(x, 0) + 1e-6
    model = LogisticRegression(C=strength, max_iter=500)
    model.fit(np.nan_to_num((x - mean) / spread), truth)
    return mean, spread, model.coef_[0], float(model.intercept_[0])
