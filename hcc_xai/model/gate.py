"""Is this a liver ultrasound at all? A check on what the trunk saw, before an answer is shown.

Two scores must both be high enough: the log-odds of a linear classifier (liver against each other
kind of picture that was known when it was fitted), and closeness to the liver images (Mahalanobis
distance in their principal components, and what lies outside them; Lee et al. 2018). The first
knows the usual strangers, the second those that nobody thought of. NumPy only; fitted by
`finish`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from hcc_xai.errors import ArgumentError, BundleError
from hcc_xai.stats import Numbers, softmax

LIVER = "liver-ultrasound"
_COMPONENTS = 48
_SURE = 0.5  # probability from which the kind is named
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Verdict:
    """accepted: whether both scores passed; margin: the smaller excess over its limit, in standard
    deviations of liver images, negative where stopped; kind: what it looks like, None where it
    cannot be told."""

    accepted: bool
    margin: float
    kind: str | None


@dataclass(frozen=True, eq=False)
class Gate:
    """What `gate.safetensors` holds, for summaries of D numbers.

    Attributes:
        kinds: known kinds, the liver first. mean, spread: (D,), to standardise.
        weight, bias: (M, D), (M,) of the linear classifier.
        centre, basis: (D,), (P, D) whitened components of the liver images. rest: their usual
            distance outside the components.
        limits, scales: (2,) least scores, and standard deviations, of the two scores.
    """

    kinds: tuple[str, ...]
    mean: Floats
    spread: Floats
    weight: Floats
    bias: Floats
    centre: Floats
    basis: Floats
    rest: Floats
    limits: Floats
    scales: Floats

    def scores(self, summaries: Numbers) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Both scores and the kinds' probabilities. (N, D) -> (N, 2), (N, M)."""
        x = (np.asarray(summaries, np.float64) - self.mean) / self.spread
        logits = x @ self.weight.T.astype(np.float64) + self.bias
        chances = softmax(logits)
        liver = np.clip(chances[:, 0], 1e-9, 1 - 1e-9)
        away = x - self.centre
        inside = away @ self.basis.T.astype(np.float64)  # (N, P), unit variance on liver images
        norms = np.linalg.norm(self.basis, axis=1)
        directions = self.basis / norms[:, None]
        outside = away - (away @ directions.T) @ directions
        far = np.sqrt((inside**2).mean(1) + ((outside**2).mean(1) / float(self.rest[0])))
        return np.column_stack([np.log(liver / (1 - liver)), -far]), chances

    def judge(self, summaries: Numbers) -> tuple[Verdict, ...]:
        """One verdict a picture. (N, D) -> N."""
        scores, chances = self.scores(summaries)
        margins = ((scores - self.limits) / self.scales).min(1)
        verdicts = []
        for margin, chance in zip(margins, chances, strict=True):
            other = 1 + int(np.argmax(chance[1:]))
            kind = self.kinds[other] if chance[other] >= _SURE and margin < 0 else None
            verdicts.append(Verdict(bool(margin >= 0), float(margin), kind))
        return tuple(verdicts)

    def save(self, path: Path, weights_sha256: str) -> None:
        """Write as safetensors, with the kinds and the hash of the weights in its metadata."""
        arrays = {k: np.ascontiguousarray(getattr(self, k), np.float32) for k in _ARRAYS}
        about = {"kinds": json.dumps(self.kinds), "weights_sha256": weights_sha256}
        save_file(arrays, path, metadata=about)

    @classmethod
    def load(cls, path: Path) -> Gate:
        """The gate that `save` wrote.

        Raises:
            BundleError: it is no such file.
        """
        try:
            with safe_open(str(path), framework="numpy") as file:
                kinds = tuple(json.loads((file.metadata() or {})["kinds"]))
                return cls(kinds, **{name: file.get_tensor(name) for name in _ARRAYS})
        except (SafetensorError, KeyError, ValueError) as error:
            raise BundleError(
                "gate-unread", "{file} is no gate, or is damaged", file=path.name
            ) from error


_ARRAYS = ("mean", "spread", "weight", "bias", "centre", "basis", "rest", "limits", "scales")


def fit(
    summaries: Numbers,
    kinds: Sequence[str],
    folds: Numbers,
    *,
    accept: float = 0.95,
    judged: NDArray[np.bool_] | None = None,
) -> Gate:
    """Fit a gate; its limits let through the wanted share of liver images not used to fit it.

    Args:
        summaries: (N, D). kinds: N names, `LIVER` among them. folds: (N,); liver images of one fold
            are left out in turn to set the limits.
        accept: share of liver images to let through. judged: (N,) which of them that share is
            of; all by default.

    Raises:
        ArgumentError: fewer than 40 liver images, or none of another kind.
    """
    x, names = np.asarray(summaries, np.float64), np.asarray(kinds)
    liver = names == LIVER
    if liver.sum() < 40 or liver.all():
        raise ArgumentError(
            "gate-too-few", "wanted are 40 liver images or more, and some of other kinds"
        )
    held = np.zeros((int(liver.sum()), 2))
    own = folds[liver]
    for fold in np.unique(own):
        keep = ~liver | (folds != fold)
        held[own == fold] = _fit(x[keep], names[keep]).scores(x[liver & (folds == fold)])[0]
    held = held if judged is None else held[judged[liver]]
    scales = held.std(0) + 1e-9
    # One quantile for both scores, such that together they let the wanted share through.
    for share in np.linspace((1 - accept) / 2, 1 - accept, 40)[::-1]:
        limits = np.quantile(held, share, axis=0)
        if (held >= limits).all(1).mean() >= accept:
            break
    found = _fit(x, names)
    return Gate(
        **{k: getattr(found, k) for k in ("kinds", *_ARRAYS[:-2])},
        limits=limits.astype(np.float32),
        scales=scales.astype(np.float32),
    )


def _fit(x: NDArray[np.float64], names: NDArray[np.str_]) -> Gate:
    from sklearn.linear_model import LogisticRegression

    liver = names == LIVER
    mean, spread = x.mean(0), x.std(0) + 1e-6
    z = (x - mean) / spread
    kinds = (LIVER, *sorted(set(names.tolist()) - {LIVER}))
    index = np.array([kinds.index(n) for n in names])
    # A kind counts by the root of its images: rare ones are heard, common ones not drowned.
    counts = np.bincount(index)
    model = LogisticRegression(C=0.01, max_iter=300)
    weights = 1 / np.sqrt(counts[index]) * np.sqrt(counts).mean()
    model.fit(z.astype(np.float32), index, sample_weight=weights.astype(np.float32))
    weight, bias = model.coef_, model.intercept_
    if len(kinds) == 2:  # scikit-learn keeps one row for two classes
        weight, bias = np.vstack([-weight / 2, weight / 2]), np.concatenate([-bias / 2, bias / 2])
    own = z[liver]
    centre = own.mean(0)
    _, sizes, directions = np.linalg.svd(own - centre, full_matrices=False)
    count = min(_COMPONENTS, len(sizes) - 1)
    deviations = sizes[:count] / np.sqrt(len(own))
    basis = directions[:count] / deviations[:, None]
    left = (own - centre) - ((own - centre) @ directions[:count].T) @ directions[:count]
    rest = np.array([(left**2).mean() + 1e-9])
    arrays = [mean, spread, weight, bias, centre, basis, rest, np.zeros(2), np.ones(2)]
    return Gate(kinds, *(np.asarray(a, np.float32) for a in arrays))
