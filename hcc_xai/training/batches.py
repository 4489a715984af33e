"""What a network is shown in training: the images, and the batches that are made of them."""

from __future__ import annotations

import ctypes
import os
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from hcc_xai.dataset.folder import TARGET, Record
from hcc_xai.dataset.samples import Sample, cached_samples, sampling_weights
from hcc_xai.kinds.known import LIVER
from hcc_xai.model.network import NetworkConfig
from hcc_xai.training.augment import Limits, View, augment
from hcc_xai.training.losses import Truth
from hcc_xai.training.recipe import Plan

_WORKERS = 4  # processes that make batches for a GPU
_ENOUGH = 0.4  # share of the target in a view that its grade can be told from


@dataclass(frozen=True)
class Images:
    """What is trained on.

    Attributes:
        folder: the data folder.
        records: of its index.
        kind: of picture, a name in `KINDS`.
        cache: folder for decoded, cropped pictures, shared by all trainings; None for none.
    """

    folder: str | Path
    records: Sequence[Record]
    kind: str = LIVER
    cache: str | Path | None = None

    def samples(self, size: int) -> list[Sample]:
        """The pictures with their outlines, in the order of the records.

        Args:
            size: side of the network's input, in pixels.
        """
        return cached_samples(
            self.folder, self.records, size=size, kind=self.kind, cache=self.cache
        )


def hold_back(
    records: Sequence[Record], *, share: float, seed: int
) -> tuple[list[Record], list[Record]]:
    """Split into what is fitted and what chooses the epoch; near-duplicates stay together."""
    rng = np.random.default_rng(seed)
    groups = sorted({r.group or r.name for r in records})
    rng.shuffle(groups)
    chosen = set(groups[: round(share * len(groups))])
    return (
        [r for r in records if (r.group or r.name) not in chosen],
        [r for r in records if (r.group or r.name) in chosen],
    )


class Batch(NamedTuple):
    """What a step is given.

    Attributes:
        input: (B, 1, w, w) float32, 0 to 1 in the field and -1 outside it.
        truth: what is true of it.
    """

    input: Tensor
    truth: Truth


class Steps(Dataset[Batch]):
    """The batches of an epoch, each a function of its index."""

    def __init__(
        self, samples: Sequence[Sample], plan: Plan, *, steps: int, rng: np.random.Generator
    ) -> None:
        self.samples, self.config = samples, plan.network
        self.window = min(plan.recipe.window, self.config.size)
        recipe = plan.recipe
        self.limits = Limits(recipe.turn, recipe.zoom, recipe.speckle)
        weights = sampling_weights([s.record for s in samples], balance=recipe.balance)
        self.draws = rng.choice(len(samples), size=(steps, plan.recipe.batch), p=weights)
        self.seeds = rng.integers(0, 2**31, size=self.draws.shape)

    def __len__(self) -> int:
        return len(self.draws)

    def __getitem__(self, step: int) -> Batch:
        drawn = [self.samples[int(i)] for i in self.draws[step]]
        views = [self._view(s, int(i)) for s, i in zip(drawn, self.seeds[step], strict=True)]
        graded = [grade_of(s, v, self.config) for s, v in zip(drawn, views, strict=True)]
        outlines = [s.record.outlines for s in drawn]
        truth = Truth(
            torch.from_numpy(np.stack([v.target for v in views])),
            torch.from_numpy(np.stack([labels for labels, _ in graded])),
            torch.tensor([count for _, count in graded]),
            torch.tensor([words == "drawn" for words in outlines]),
            torch.tensor([words in ("drawn", "target") for words in outlines]),
            torch.tensor([words == "weak" for words in outlines]),
        )
        return Batch(torch.from_numpy(np.stack([v.input for v in views]))[:, None], truth)

    def _view(self, sample: Sample, seed: int) -> View:
        own = np.random.default_rng(seed)
        other = self.samples[int(own.integers(len(self.samples)))]
        return augment(
            sample, self.config.size, own, window=self.window, style=other, limits=self.limits
        )


def grade_of(
    sample: Sample, view: View, config: NetworkConfig
) -> tuple[NDArray[np.float32], float]:
    """The labels that a view deserves, and how much they count: a view without the target shows
    none, one with a part of it counts for nothing.

    Returns:
        (K,) of 0 and 1, and 0 or 1.
    """
    mine = np.array([label in sample.record.labels for label in config.labels], np.float32)
    if not (sample.target == TARGET).any() or view.lesion_seen >= _ENOUGH:
        return mine, 1.0
    if view.lesion_seen > 0 or config.absent is None:  # NaN where it was painted over
        return mine, 0.0
    return np.array([label == config.absent for label in config.labels], np.float32), 1.0


def batches(steps: Steps, device: torch.device, pool: ThreadPoolExecutor) -> Iterator[Batch]:
    """Batches, made ahead of the network: in threads, or, for a GPU, which would wait for them, in
    processes."""
    if device.type == "cuda":
        workers = min(_WORKERS, os.cpu_count() or 1)
        yield from DataLoader(steps, batch_size=None, num_workers=workers, pin_memory=True)
        return
    ahead = torch.get_num_threads()
    waiting = deque(pool.submit(steps.__getitem__, step) for step in range(min(ahead, len(steps))))
    for step in range(len(steps)):
        batch = waiting.popleft().result()
        if step + ahead < len(steps):
            waiting.append(pool.submit(steps.__getitem__, step + ahead))
        yield batch


def keep_memory() -> None:
    """Keep freed memory in this process: glibc gives large blocks back after every step, and the
    page faults of taking them again cost a fifth of a training on a CPU."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        for option in (-1, -3):  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
            mallopt(option, 2**31 - 1)
