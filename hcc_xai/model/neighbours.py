"""The nearest images of the training set, by what the network saw in them. The images themselves
are not shipped: a neighbour is a grade and a distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from hcc_xai.errors import BundleError
from hcc_xai.files import write_whole
from hcc_xai.model.bundle import SHA_KEY
from hcc_xai.stats import Numbers

FILE = "neighbours.safetensors"


_SAME = 0.1


@dataclass(frozen=True)
class Neighbour:
    """label: its true grade. distance: in standardised features; 1 is the median distance of a
    training image to its own nearest neighbour."""

    label: str
    distance: float

    @property
    def same(self) -> bool:
        """Whether it is, as good as surely, this very image."""
        return self.distance < _SAME

    def to_dict(self) -> dict[str, object]:
        return asdict(self)


class Neighbours:
    """Features of the training images: (N, D) float16, standardised, and their grades."""

    def __init__(
        self,
        features: Numbers,
        labels: Sequence[str],
        mean: Numbers,
        spread: Numbers,
        unit: float,
    ) -> None:
        self.features, self.labels = np.asarray(features, np.float32), tuple(labels)
        self.mean, self.spread, self.unit = mean, spread, unit

    @classmethod
    def fit(cls, pooled: NDArray[np.float32], labels: Sequence[str]) -> Neighbours:
        """pooled: (N, 2, C), what the grades read of each training image."""
        flat = pooled.reshape(len(pooled), -1).astype(np.float64)
        mean, spread = flat.mean(0), np.maximum(flat.std(0), 1e-6)
        features = ((flat - mean) / spread).astype(np.float16).astype(np.float32)
        own = _distances(features, features)
        np.fill_diagonal(own, np.inf)
        return cls(features, labels, mean, spread, float(np.median(own.min(1))))

    def save(self, path: str | Path, sha256: str) -> None:
        """sha256: of the weights that the features come from."""
        names = sorted(set(self.labels))
        content = save(
            {
                "features": self.features.astype(np.float16),
                "labels": np.array([names.index(label) for label in self.labels], np.uint8),
                "mean": self.mean.astype(np.float32),
                "spread": self.spread.astype(np.float32),
            },
            {SHA_KEY: sha256, "unit": repr(self.unit), "names": ",".join(names)},
        )
        write_whole(Path(path), content)

    @classmethod
    def load(cls, path: str | Path) -> Neighbours:
        """Raises BundleError: it is no such file."""
        try:
            with safe_open(str(path), framework="numpy") as file:
                about = file.metadata()
                got = {key: file.get_tensor(key) for key in file.keys()}
            names = about["names"].split(",")
            labels = [names[int(i)] for i in got["labels"]]
            unit = float(about["unit"])
            return cls(got["features"], labels, got["mean"], got["spread"], unit)
        except (SafetensorError, KeyError, ValueError, IndexError, OSError) as error:
            raise BundleError(
                "neighbours-unread",
                "{file} cannot be read: {reason}",
                file=Path(path).name,
                reason=str(error),
            ) from error

    def nearest(self, pooled: NDArray[np.float32], count: int = 5) -> tuple[Neighbour, ...]:
        """The nearest, nearest first. pooled: (2, C) of a picture."""
        one = (pooled.reshape(1, -1) - self.mean) / self.spread
        distances = _distances(one.astype(np.float32), self.features)[0] / self.unit
        order = np.argsort(distances)[:count]
        return tuple(Neighbour(self.labels[int(i)], float(distances[i])) for i in order)


def _distances(some: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Euclidean, root mean square over the features. (N, D), (M, D) -> (N, M)."""
    square = (some**2).sum(1)[:, None] + (others**2).sum(1) - 2 * some @ others.T
    found: NDArray[np.float32] = np.sqrt(np.maximum(square, 0) / some.shape[1])
    return found
