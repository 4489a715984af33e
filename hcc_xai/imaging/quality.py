"""Is the picture good enough? Measured inside the sector, in the pixels of the file.

The limits were set at the edge of what the Annotated Ultrasound Liver images show (how many of
those alarm is in docs/experiments.md), and those of other kinds at the edge of their sets; that
they alarm on pictures that are spoilt is tested on phantoms.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from hcc_xai.imaging.marks import caliper, letters

# What is measured -> the limit, and whether more (True) or less (False) than it is a fault.
LIMITS: Mapping[str, tuple[float, bool]] = {
    "dark": (0.055, False),  # mean grey level, 0 to 1
    "saturated": (0.08, True),  # share of the sector at the top of the grey scale
    "blurred": (0.030, False),  # finest detail over contrast, at 320 pixels
    "small": (160.0, False),  # longer side of the sector, pixels
    "cut-off": (0.30, True),  # share of the sector's outline that lies on the picture's edge
    "colour": (0.004, True),  # share of the sector in strong colour (Doppler)
    "caliper": (22, True),  # grey levels that a drawn cross stands out by
    "text": (2, True),  # letters in a row
}
_SIDE = 320  # pixels that detail is judged at: about what the network sees
_TOP = 250  # grey level from which a pixel is called saturated
_PATCH = 5  # pixels; coloured specks smaller than that are compression


def measure_quality(pixels: NDArray[np.uint8], sector: NDArray[np.bool_]) -> dict[str, float]:
    """Measure all that `LIMITS` judges.

    Args:
        pixels: (H, W, 3) uint8, RGB.
        sector: (H, W) bool, what was scanned; at least one pixel.

    Returns:
        Key of `LIMITS` -> its value, in the unit that stands beside its limit.
    """
    rows, cols = np.flatnonzero(sector.any(1)), np.flatnonzero(sector.any(0))
    box = np.s_[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    shown, inside = np.ascontiguousarray(pixels[box]), sector[box]
    grey = cv2.transform(shown, np.full((1, 3), 1 / 3)).astype(np.uint8, copy=False)
    seen = grey[inside]
    step = max(1, max(inside.shape) // _SIDE)  # colour lies in patches: every few pixels will do
    return {
        "dark": float(seen.mean()) / 255,
        "saturated": float((seen >= _TOP).mean()),
        "blurred": _detail(grey, inside),
        "small": float(max(inside.shape)),
        "cut-off": _on_edge(sector),
        "colour": _colour(shown[::step, ::step], inside[::step, ::step]),
        "caliper": float(caliper(grey, inside)),
        "text": float(letters(grey, inside)),
    }


def faults(
    measured: Mapping[str, float], own: Mapping[str, float | None] = MappingProxyType({})
) -> tuple[str, ...]:
    """What is wrong with a picture.

    Args:
        measured: a value for each key of `LIMITS`, which `measure_quality` gives.
        own: limits of the picture's kind that stand in for some of `LIMITS`; None where that is no
            fault of the kind.

    Returns:
        The keys of the limits that are broken, in the order of `LIMITS`.
    """
    found = []
    for name, (usual, more) in LIMITS.items():
        limit, value = own.get(name, usual), measured[name]
        if limit is not None and (value > limit if more else value < limit):
            found.append(name)
    return tuple(found)


def _detail(grey: NDArray[np.uint8], inside: NDArray[np.bool_]) -> float:
    """Mean absolute Laplacian over the standard deviation, at about the network's resolution."""
    scale = min(1.0, _SIDE / max(grey.shape))
    small = cv2.resize(
        grey.astype(np.float32), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA
    )
    mask = cv2.resize(inside.astype(np.uint8), small.shape[::-1], interpolation=cv2.INTER_NEAREST)
    inner = cv2.erode(mask, np.ones((5, 5), np.uint8), borderValue=0) > 0
    if not inner.any():
        return 0.0
    edges = abs(cv2.Laplacian(small, cv2.CV_32F))
    return float(np.median(edges[inner])) / max(float(small[inner].std()), 1.0)


def _on_edge(sector: NDArray[np.bool_]) -> float:
    padded = np.pad(sector, 1).astype(np.uint8)
    outline = (padded - cv2.erode(padded, np.ones((3, 3), np.uint8)))[1:-1, 1:-1] > 0
    edge = np.zeros_like(sector)
    edge[[0, -1]], edge[:, [0, -1]] = True, True
    return float((outline & edge).sum()) / max(1, int(outline.sum()))


def _colour(shown: NDArray[np.uint8], inside: NDArray[np.bool_]) -> float:
    """Share in a strong colour that is not the picture's tint."""
    red, green, blue = cv2.split(shown)
    most, least = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    strong = cv2.subtract(most, least)
    tint = float(np.median(strong[inside]))
    there = ((strong > 70 + 2 * tint) & inside).astype(np.uint8)
    patches = cv2.morphologyEx(there, cv2.MORPH_OPEN, np.ones((_PATCH, _PATCH), np.uint8))
    return float(patches.sum()) / float(inside.sum())
