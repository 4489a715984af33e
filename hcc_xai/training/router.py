"""What a router is fitted from: features of many kinds of picture, from sources named one by one.

Figures on folds of the sources that were fitted say little about another hospital, so every limit
is set on sources that were left out whole: each source in turn is looked at by a head that never
saw it, and what it says there is what is calibrated and limited.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from hcc_xai.model.router import OTHER, OTHER_ULTRASOUND, Floats, Head
from hcc_xai.stats import log_loss, softmax

_COMPONENTS = 128  # that distances are measured in
_KEPT = 240  # pictures of each source whose angle can be nearest
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
        names: of the kinds, "other" the last.
    """

    features: Floats
    kinds: NDArray[np.int64]
    sources: NDArray[np.str_]
    plain: NDArray[np.bool_]
    names: tuple[str, ...]

    def part(self, which: NDArray[np.bool_]) -> Seen:
        """Some of the pictures."""
        return replace(
            self,
            features=self.features[which],
            kinds=self.kinds[which],
            sources=self.sources[which],
            plain=self.plain[which],
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
    logits = np.full((len(seen.kinds), len(seen.names)), np.nan)
    distances = np.full(len(seen.kinds), np.nan, np.float32)
    for group in groups:
        own = np.isin(seen.sources, group)
        head = fit_head(seen.part(~own))
        logits[own] = np.log(np.maximum(head.probabilities(seen.features[own]), 1e-12))
        distances[own] = head.distances(seen.features[own])
        right = (logits[own].argmax(1) == seen.kinds[own]) & seen.plain[own]
        report(f"{', '.join(group)}: {right.sum() / max(1, seen.plain[own].sum()):.3f} right")
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
    of its pictures, plain and disguised, from sources that were left out is not lost.

    Args:
        by: temperature that logits are divided by.
        keep: share of a kind's pictures that must not be stopped, 0 to 1.

    Returns:
        At least 0.02 and at most 0.5; of the kinds that bundles may answer about.
    """
    chances = softmax(left.logits / by)
    least = {}
    for index, name in enumerate(left.seen.names):
        mine = left.seen.kinds == index
        if name in (OTHER, OTHER_ULTRASOUND) or not mine.any():
            continue
        own = chances[mine, index]
        top = own >= chances[mine].max(1)
        values = np.where(top, 1.0, own)  # the most probable kind is never stopped for this
        least[name] = float(np.clip(np.quantile(values, 1 - keep), 0.02, 0.5))
    return least
