"""What a router is fitted from: features of many kinds of picture, from sources named one by one.

Figures on folds of the sources that were fitted say little about another hospital, so every limit
is set on sources that were left out whole: each source in turn is looked at by a head that never
saw it, and what it says there is what is calibrated and limited.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from hcc_xai.model.router import OTHER, OTHER_ULTRASOUND, Floats, Head, Router
from hcc_xai.stats import Numbers, log_loss, softmax

_COMPONENTS = 128  # that distances are measured in
_KEPT = 160  # pictures of each source whose angle can be nearest
_EPOCHS, _RATE, _DECAY, _BATCH = 12, 3e-3, 3e-2, 512
_SMOOTH = 0.02  # of the labels
_RARE = 0.6  # 0 counts every picture alike, 1 every kind


@dataclass(frozen=True, eq=False)
class Seen:
    """What a trunk saw of N pictures.

    Attributes:
        features: (N, D) float32.
        kinds: (N,) index of each picture's kind.
        sources: (N,) names; pictures of one source are left out together.
        plain: (N,) bool, whether the picture was shown as it is, not disguised.
        order: (N,) the same number for a picture and its disguises.
        names: of the kinds, "other" the last.
    """

    features: Floats
    kinds: NDArray[np.int64]
    sources: NDArray[np.str_]
    plain: NDArray[np.bool_]
    order: NDArray[np.int64]
    names: tuple[str, ...]

    def part(self, which: NDArray[np.bool_]) -> Seen:
        """Some of the pictures."""
        return replace(
            self,
            features=self.features[which],
            kinds=self.kinds[which],
            sources=self.sources[which],
            plain=self.plain[which],
            order=self.order[which],
        )


def fit_head(seen: Seen, *, seed: int = 0) -> Head:
    """A classifier (multinomial logistic regression, AdamW), and what distances are measured by.

    Args:
        seen: at least some hundred pictures of two kinds or more.
        seed: of the order of the pictures and of which are kept.
    """
    mean, spread = seen.features.mean(0), seen.features.std(0) + np.float32(1e-3)
    x = (seen.features - mean) / spread
    weight, bias = _classifier(x, seen.kinds, len(seen.names), seed)
    centre = x.mean(0)
    rng = np.random.default_rng(seed)
    some = rng.choice(len(x), min(8000, len(x)), replace=False)
    directions = np.linalg.svd(x[some] - centre, full_matrices=False)[2][:_COMPONENTS]
    sizes = ((x - centre) @ directions.T).std(0)
    basis = directions / np.sqrt(np.maximum(sizes, 1e-6))[:, None]
    own = (x - centre) @ basis.T
    own /= np.maximum(np.linalg.norm(own, axis=1, keepdims=True), 1e-6)
    kept: list[NDArray[np.float32]] = []
    for source in np.unique(seen.sources):
        mine = np.flatnonzero((seen.sources == source) & (seen.kinds != len(seen.names) - 1))
        rng.shuffle(mine)
        kept.append(own[mine[:_KEPT]])
    arrays = (mean, spread, weight, bias, centre, basis, np.concatenate(kept))
    return Head(*(np.asarray(array, np.float32) for array in arrays))


def _classifier(
    x: Floats, kinds: NDArray[np.int64], count: int, seed: int
) -> tuple[Floats, Floats]:
    torch.manual_seed(seed)
    inputs, truth = torch.from_numpy(x), torch.from_numpy(kinds)
    counts = np.maximum(np.bincount(kinds, minlength=count), 1)
    weights = torch.tensor(counts**-_RARE, dtype=torch.float32)
    weights = weights / weights[truth].mean()
    layer = torch.nn.Linear(x.shape[1], count)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=_RATE, weight_decay=_DECAY)
    steps = max(1, len(x) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, _EPOCHS * steps)
    for _ in range(_EPOCHS):
        for chosen in torch.randperm(len(x)).tensor_split(steps):
            noisy = inputs[chosen] + 0.1 * torch.randn(len(chosen), x.shape[1])
            loss = torch.nn.functional.cross_entropy(
                layer(noisy), truth[chosen], weight=weights, label_smoothing=_SMOOTH
            )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return layer.weight.detach().numpy(), layer.bias.detach().numpy()


@dataclass(frozen=True, eq=False)
class LeftOut:
    """What was said of pictures whose whole source was left out.

    Attributes:
        seen: the pictures.
        logits: (N, M) of the kinds.
        distances: (N,).
    """

    seen: Seen
    logits: NDArray[np.float64]
    distances: Floats


def leave_sources_out(
    seen: Seen, groups: Sequence[Sequence[str]], report: Callable[[str], None] = print
) -> LeftOut:
    """Look at each group of sources with a head that was fitted without it.

    Args:
        seen: all pictures.
        groups: names of sources that are left out together. A source in none is not looked at.
        report: is told one line a group.
    """
    parts = {", ".join(group): np.isin(seen.sources, group) for group in groups}
    return _left_out(seen, parts, report)


def leave_folds_out(
    seen: Seen, folds: NDArray[np.int64], report: Callable[[str], None] = print
) -> LeftOut:
    """Look at each fold with a head that was fitted without it.

    Args:
        seen: all pictures.
        folds: (N,); -1 for pictures that are always fitted.
        report: is told one line a fold.
    """
    parts = {f"fold {fold}": folds == fold for fold in np.unique(folds[folds >= 0])}
    return _left_out(seen, parts, report)


def _left_out(
    seen: Seen, parts: Mapping[str, NDArray[np.bool_]], report: Callable[[str], None]
) -> LeftOut:
    logits = np.full((len(seen.kinds), len(seen.names)), np.nan)
    distances = np.full(len(seen.kinds), np.nan, np.float32)
    for name, own in parts.items():
        head = fit_head(seen.part(~own))
        logits[own] = np.log(np.maximum(head.probabilities(seen.features[own]), 1e-12))
        distances[own] = head.distances(seen.features[own])
        right = (logits[own].argmax(1) == seen.kinds[own]) & seen.plain[own]
        report(f"{name}: {right.sum() / max(1, seen.plain[own].sum()):.3f} right")
    done = ~np.isnan(distances)
    return LeftOut(seen.part(done), logits[done], distances[done])


def temperature(left: LeftOut) -> float:
    """The temperature of least log loss on plain pictures of sources that were left out; every
    source counts alike."""
    plain = left.seen.plain
    scores, truth = left.logits[plain], left.seen.kinds[plain]
    names, index = np.unique(left.seen.sources[plain], return_inverse=True)

    def loss(log_t: float) -> float:
        chances = softmax(scores / np.exp(log_t))
        each = [log_loss(chances[index == k], truth[index == k]) for k in range(len(names))]
        return float(np.mean(each))

    least = minimize_scalar(loss, bounds=(-1, 3), method="bounded")
    return float(np.exp(least.x))


def least_chances(left: LeftOut, by: float, *, keep: float) -> dict[str, float]:
    """Kind -> the probability below which a picture is not of that kind, such that the wanted share
    of the plain pictures of each of its sources is not lost while the source is left out.

    Args:
        by: temperature that logits are divided by.
        keep: share of a source's pictures that must not be stopped, 0 to 1.

    Returns:
        0.2 to 0.5, half of what the share asks for, as losing a picture costs more than doubting
        one; of the kinds that bundles may answer about and that have two sources.
    """
    chances, least = softmax(left.logits / by), {}
    for index, name in enumerate(left.seen.names):
        mine = (left.seen.kinds == index) & left.seen.plain
        if name in (OTHER, OTHER_ULTRASOUND) or not mine.any():
            continue
        # The most probable kind is never stopped for this.
        own = np.where(chances[:, index] >= chances.max(1), 1.0, chances[:, index])
        lowest = min(np.quantile(v, 1 - keep) for v in _by_source(left, mine, own))
        least[name] = float(np.clip(lowest / 2, 0.2, 0.5))
    return least


def far_distances(
    left: LeftOut, disguised: LeftOut, *, keep: float, more: float
) -> dict[str, float]:
    """Kind -> the distance above which a picture that looks like it is none, such that the wanted
    share of the plain pictures of each of its sources lies nearer while the source is left out.

    Args:
        disguised: pictures of kinds that have one source only, whose folds were left out; another
            hospital's lie further away, by `more`.
        keep: share of a source's pictures, 0 to 1.
        more: distance.
    """
    far: dict[str, float] = {}
    for index, name in enumerate(left.seen.names):
        if name == OTHER:
            continue
        for found, extra in ((left, 0.0), (disguised, more)):
            mine = (found.seen.kinds == index) & (found.seen.plain | (extra > 0))
            values = _by_source(found, mine, found.distances) if mine.any() else []
            for value in values:
                limit = float(np.quantile(value, keep)) + extra
                far[name] = max(far.get(name, 0.0), limit)
    return far


def _by_source(left: LeftOut, mine: NDArray[np.bool_], values: Numbers) -> list[Floats]:
    """The values of each source's own pictures; of sources with ten or more."""
    names, counts = np.unique(left.seen.sources[mine], return_counts=True)
    return [
        np.asarray(values[mine & (left.seen.sources == name)], np.float32)
        for name in names[counts >= 10]
    ]


def fates(left: LeftOut, router: Router, by: float) -> list[dict[str, object]]:
    """What becomes of pictures that were left out, a row for each source, plain and disguised.

    Args:
        router: whose limits are used.
        by: temperature that logits are divided by.

    Returns:
        Rows of source, kind, disguised, n, and shares 0 to 1: "right" (its kind is named), "kept"
        (it could be its kind: accepted or unusual), and each kind that is named.
    """
    sights = [
        router.sight(chances, float(distance))
        for chances, distance in zip(softmax(left.logits / by), left.distances, strict=True)
    ]
    named = np.array([sight.kind for sight in sights])
    rows: list[dict[str, object]] = []
    for source in np.unique(left.seen.sources):
        for plain in (True, False):
            mine = np.flatnonzero((left.seen.sources == source) & (left.seen.plain == plain))
            if not len(mine):
                continue
            kind = left.seen.names[int(left.seen.kinds[mine[0]])]
            kept = np.mean([router.could_be(sights[i], kind) for i in mine])
            names, counts = np.unique(named[mine], return_counts=True)
            rows.append(
                {
                    "source": str(source),
                    "kind": kind,
                    "disguised": not plain,
                    "n": len(mine),
                    "right": round(float(np.mean(named[mine] == kind)), 4),
                    "kept": round(float(kept), 4),
                    "named": {
                        str(name): round(int(count) / len(mine), 4)
                        for name, count in zip(names, counts, strict=True)
                    },
                }
            )
    return rows
