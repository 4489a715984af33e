"""Where the evidence for an answer lies, and what hiding the lesion does to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hcc_xai.imaging.frame import Frame
from hcc_xai.model.config import BundleConfig
from hcc_xai.model.network import STRIDE, sector_of

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Evidence:
    """Where the evidence for a label lies, and what hiding the lesion does.

    Attributes:
        label: the label that is explained.
        shares: kind of map -> share of its positive part in the target ("lesion"), the rest of the
            organ ("liver"), the "rest" of the sector, and "outside" of it; they sum to one, or are
            all zero where the map is.
        hidden: probability of the label, 0 to 1, with the lesion painted over; where the bundle
            outlines none, with the strongest evidence painted over. None where it was not asked
            for or there is no lesion.
        elsewhere: the same with as much painted over elsewhere in the liver. None where it was not
            asked for or there is no room.
    """

    label: str
    shares: Mapping[str, Mapping[str, float]]
    hidden: float | None = None
    elsewhere: float | None = None

    def to_dict(self) -> dict[str, object]:
        """As JSON holds it."""
        return {
            "label": self.label,
            "shares": {kind: dict(shares) for kind, shares in self.shares.items()},
            "hidden": self.hidden,
            "elsewhere": self.elsewhere,
        }


@dataclass(frozen=True, eq=False)
class Square:
    """An answer in the network's square of S pixels a side: what every change of the picture
    starts from.

    Attributes:
        input: (S, S) float32, what the network saw: 0 to 1 inside the sector, -1 outside.
        lesion: (S, S) bool, what is hidden to test the answer: all lesions, or the strongest
            evidence where the bundle outlines none.
        organ: (S, S) bool, the rest of the organ; of the sector where the bundle has none.
    """

    input: NDArray[np.float32]
    lesion: Mask
    organ: Mask


_STRONGEST = 0.5  # share of a map's positive part that is the strongest evidence
_LARGEST = 0.15  # share of the field that it may cover


def strongest(heat: NDArray[np.float32], field: Mask) -> Mask:
    """The strongest evidence: the fewest cells of a map that hold half of its positive part, and
    no more than 15 % of the field.

    Args:
        heat: (h, w) float32.
        field: (h, w) bool, where the patient is.

    Returns:
        (h, w) bool; nothing where nothing is positive.
    """
    positive = np.where(field, np.maximum(heat, 0), 0).astype(np.float64)
    order = np.argsort(-positive, axis=None)
    held = np.cumsum(positive.ravel()[order])
    count = 1 + int(np.searchsorted(held, _STRONGEST * held[-1]))
    cells = np.zeros(heat.size, bool)
    cells[order[: min(count, int(_LARGEST * field.sum()))]] = True
    return cells.reshape(heat.shape) & (positive > 0)


def parts_of(
    frame: Frame, target: Mask, over: Mapping[str, Mask], config: BundleConfig
) -> dict[str, Mask]:
    """The places that shares are given for, at the shared map's resolution.

    Args:
        frame: where the picture was scanned.
        target: (H, W) bool in the pixels of the file: the lesions that count as such.
        over: mask -> (h, w) bool, where the network's own mask is over its threshold.
        config: says which mask is the target, and which the organ around it.

    Returns:
        Name -> (h, w) bool: the target and the rest of the organ by their masks' names, where the
        bundle has them; "rest" of the sector; "outside". Together they cover everything once.
    """
    sector = mask_sector(frame)
    parts: dict[str, Mask] = {}
    free = np.ones_like(sector)
    if config.network.target is not None:
        side = len(sector)
        counted = frame.shrink(target.astype(np.float32))
        counted = counted.reshape(side, STRIDE, side, STRIDE).max((1, 3))
        lesion = over[config.network.target] & (counted > 0)
        parts[config.network.target], free = lesion & sector, free & ~lesion
    if config.organ is not None:
        organ = over[config.organ] & free
        parts[config.organ], free = organ & sector, free & ~organ
    return {**parts, "rest": sector & free, "outside": ~sector}


def mask_sector(frame: Frame) -> Mask:
    """Where the network's map may be anything but zero, (h, w) bool."""
    import torch

    x = np.where(frame.network_sector, 0.0, -1.0).astype(np.float32)
    inside: Mask = sector_of(torch.from_numpy(x)[None, None])[0, 0].numpy() > 0
    return inside
