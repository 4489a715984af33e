"""What kind of picture is this? One small trunk of its own looks at the picture as a whole.

Two questions are asked of what the trunk saw. Which of the known kinds is it: a linear classifier.
Is it like anything that was seen when the router was made: the angle to the nearest pictures that
were kept ("deep nearest neighbours", Sun et al. 2022). The first knows the usual strangers, the
second those that nobody thought of. The trunk is ImageNet's, not trained further, so that a kind
that was left out looks no more familiar than one that was never there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import timm
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from torch import nn

from hcc_xai.errors import BundleError
from hcc_xai.files import write_json
from hcc_xai.model.bundle import weights_folders
from hcc_xai.stats import Numbers, softmax

CONFIG, TRUNK, HEAD = "config.json", "trunk.safetensors", "head.safetensors"
OTHER, OTHER_ULTRASOUND = "other", "other-ultrasound"  # kinds that no bundle answers about
_EVEN_MEAN, _EVEN_STD = 0.45, 0.22  # grey level and contrast that the trunk sees
_TRUNK_MEAN, _TRUNK_STD = 0.45, 0.225  # that it calls 0 and 1
_RIM = 12 / 255  # grey levels above the darkest that a picture's rim ends at
_NEAREST = 5  # of the kept pictures, the one whose angle counts
_BATCH = 16
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Sight:
    """What a router sees in a picture.

    Attributes:
        probabilities: kind -> 0 to 1, summing to 1; calibrated on sources that were left out.
        distance: 0 (the same as a kept picture) to 2, from the nearest pictures of a known kind.
        strange: whether no kind is probable enough, or the distance is larger than almost all
            pictures of the most probable kind have.
    """

    probabilities: Mapping[str, float]
    distance: float
    strange: bool

    @property
    def kind(self) -> str:
        """The most probable kind; "other" for a strange picture."""
        if self.strange:
            return OTHER
        return max(self.probabilities, key=lambda kind: self.probabilities[kind])


@dataclass(frozen=True, eq=False)
class Head:
    """What is fitted to a trunk's D features, for M kinds.

    Attributes:
        mean, spread: (D,), to standardise.
        weight, bias: (M, D), (M,) of the classifier; divided by its temperature.
        centre, basis: (D,), (P, D): the components that distances are measured in.
        kept: (N, P) pictures of known kinds, each of length 1.
    """

    mean: Floats
    spread: Floats
    weight: Floats
    bias: Floats
    centre: Floats
    basis: Floats
    kept: Floats

    def probabilities(self, features: Numbers) -> NDArray[np.float64]:
        """(N, D) -> (N, M)."""
        x = (np.asarray(features, np.float32) - self.mean) / self.spread
        return softmax(x @ self.weight.T + self.bias)

    def distances(self, features: Numbers) -> Floats:
        """One minus the cosine to the fifth nearest picture. (N, D) -> (N,)."""
        x = (np.asarray(features, np.float32) - self.mean) / self.spread
        own = (x - self.centre) @ self.basis.T
        own /= np.maximum(np.linalg.norm(own, axis=1, keepdims=True), 1e-6)
        close = own @ self.kept.T
        nearest = min(_NEAREST, close.shape[1])
        fifth = np.partition(close, -nearest, axis=1)[:, -nearest]
        return np.asarray(1 - fifth, np.float32)


class Router:
    """Tells kinds of picture apart. Holds nothing between calls, so threads can share it.

    Attributes:
        kinds: that it knows; those of bundles, "other-ultrasound" and "other".
        least: kind -> probability below which a picture is not of that kind, where another is
            more probable: losing a picture of a kind costs more than doubting one.
        far: kind -> distance above which a picture that looks like it is none.
        sure: probability that some kind needs, or the picture is none.
    """

    def __init__(self, config: Mapping[str, Any], trunk: nn.Module, head: Head) -> None:
        self.kinds: tuple[str, ...] = tuple(config["kinds"])
        self.size: int = config["size"]
        self.far: dict[str, float] = dict(config["far"])
        self.sure: float = config["sure"]
        self.least: dict[str, float] = dict(config["least"])
        self.head = head
        self._trunk = trunk

    def look(self, greys: Sequence[Numbers]) -> tuple[Sight, ...]:
        """What it sees in some pictures.

        Args:
            greys: (H, W) float in [0, 1] each.
        """
        features = self.features(greys)
        chances = self.head.probabilities(features)
        pairs = zip(chances, self.head.distances(features).tolist(), strict=True)
        return tuple(self.sight(own, distance) for own, distance in pairs)

    def sight(self, chances: NDArray[np.float64], distance: float) -> Sight:
        """What is seen where these are the probabilities, (M,), and this the distance."""
        top = int(chances.argmax())
        far = distance > self.far.get(self.kinds[top], 2.0)
        strange = far or float(chances[top]) < self.sure
        return Sight(dict(zip(self.kinds, chances.tolist(), strict=True)), distance, strange)

    def features(self, greys: Sequence[Numbers]) -> Floats:
        """What the trunk sees, (N, D): the mean and root mean square of every channel."""
        squares = np.stack([square(grey, self.size) for grey in greys])
        parts = range(0, len(squares), _BATCH)
        return np.concatenate([seen(self._trunk, squares[i : i + _BATCH]) for i in parts])

    def could_be(self, sight: Sight, kind: str) -> bool:
        """Whether a picture may be of that kind, so far as this can tell."""
        if sight.strange or kind not in sight.probabilities:
            return False
        return sight.kind == kind or sight.probabilities[kind] >= self.least.get(kind, 0.5)

    @classmethod
    def load(cls, folder: str | Path) -> Router:
        """The router that `save` wrote.

        Raises:
            BundleError: a file is missing or damaged.
        """
        folder = Path(folder)
        try:
            config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
            with safe_open(str(folder / HEAD), framework="numpy") as file:
                arrays = {name: file.get_tensor(name).astype(np.float32) for name in _ARRAYS}
            with safe_open(str(folder / TRUNK), framework="pt") as file:
                state = {name: file.get_tensor(name).float() for name in file.keys()}
            trunk = new_trunk(config["trunk"])
            trunk.load_state_dict(state)
            return cls(config, trunk, Head(**arrays))
        except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise BundleError(
                "router-unread", "{folder} holds no router, or is damaged", folder=folder.name
            ) from error

    def save(self, folder: str | Path, *, trunk: str) -> Path:
        """Write `config.json`, `trunk.safetensors` and `head.safetensors`, floats as float16.

        Args:
            folder: is made where it is missing.
            trunk: name of the timm model.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        state = {
            name: np.ascontiguousarray(_halved(value.numpy()))
            for name, value in self._trunk.state_dict().items()
        }
        save_file(state, folder / TRUNK)
        arrays = {name: np.ascontiguousarray(_halved(getattr(self.head, name))) for name in _ARRAYS}
        save_file(arrays, folder / HEAD)
        config = {
            "format": 1,
            "trunk": trunk,
            "size": self.size,
            "kinds": list(self.kinds),
            "far": self.far,
            "sure": self.sure,
            "least": self.least,
        }
        write_json(folder / CONFIG, config)
        return folder


_ARRAYS = ("mean", "spread", "weight", "bias", "centre", "basis", "kept")


def _halved(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(np.float16) if values.dtype == np.float32 else values


def default_router() -> Router | None:
    """The router at `HCC_XAI_ROUTER`, none where that is empty; else the one that ships, if it
    does. Loaded once.

    Raises:
        BundleError: there is none at `HCC_XAI_ROUTER`.
    """
    named = os.environ.get("HCC_XAI_ROUTER")
    if named is not None:
        return _loaded(named) if named else None
    for folder in weights_folders():
        if (folder / "router" / CONFIG).is_file():
            return _loaded(str(folder / "router"))
    return None


@cache
def _loaded(folder: str) -> Router:
    return Router.load(folder)


def new_trunk(name: str) -> nn.Module:
    """A timm trunk for grey pictures, in evaluation mode, with weights drawn by chance."""
    trunk: nn.Module = timm.create_model(name, features_only=True, in_chans=1, pretrained=False)
    return trunk.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def square(grey: Numbers, size: int) -> Floats:
    """A picture as the trunk sees it: its dark rim cut away, its grey levels evened out, fitted
    into a square. Nothing of it depends on a kind.

    Args:
        grey: (H, W) float in [0, 1].
        size: side of the square, in pixels.

    Returns:
        (size, size) float32 in [0, 1]; 0 beside the picture.
    """
    inner = _without_rim(np.ascontiguousarray(grey, np.float32))
    height, width = inner.shape
    scale = size / max(height, width)
    to = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = np.asarray(cv2.resize(inner, to, interpolation=how), np.float32)
    spread = max(float(small.std()), 4 / 255)
    small = np.clip((small - small.mean()) / spread * _EVEN_STD + _EVEN_MEAN, 0, 1)
    whole = np.zeros((size, size), np.float32)
    top, left = (size - to[1]) // 2, (size - to[0]) // 2
    whole[top : top + to[1], left : left + to[0]] = small
    return whole


def _without_rim(grey: Floats) -> Floats:
    """The box of what is brighter than the background; the whole picture where that is little."""
    scale = min(1.0, 480 / max(grey.shape))
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    smooth = cv2.GaussianBlur(small, (0, 0), 1)
    over = smooth > np.percentile(smooth, 1) + _RIM
    rows, cols = np.flatnonzero(over.mean(1) > 0.01), np.flatnonzero(over.mean(0) > 0.01)
    if len(rows) < 16 or len(cols) < 16:
        return grey
    sides = [round(i / scale) for i in (rows[0], rows[-1] + 1, cols[0], cols[-1] + 1)]
    return grey[sides[0] : sides[1], sides[2] : sides[3]]


def seen(trunk: nn.Module, squares: Floats) -> Floats:
    """Mean and root mean square of every channel of the trunk's levels from an eighth of the input
    down. (N, S, S) -> (N, D)."""
    with torch.inference_mode():
        x = (torch.from_numpy(squares)[:, None] - _TRUNK_MEAN) / _TRUNK_STD
        levels = trunk(x.contiguous(memory_format=torch.channels_last))[2:]
        parts = [part for x in levels for part in (x.mean((2, 3)), x.square().mean((2, 3)).sqrt())]
        features: Floats = torch.cat(parts, 1).float().numpy()
    return features
