"""What happens to the answer when a part of the picture is hidden.

Hidden means painted over with the tissue around it, not blacked out: a black patch is itself
evidence in ultrasound (it looks like a cyst, or like a shadow).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hcc_xai.imaging.frame import smooth_within


def paint_over(
    grey: NDArray[np.float32], mask: NDArray[np.bool_], *, tissue: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """A picture whose masked part looks like the tissue around it.

    The brightness is carried in from the rim (Telea 2004, cv2.inpaint); the speckle is copied from
    a place of the same shape in `tissue`, or from anywhere in the tissue where none is large
    enough.

    Args:
        grey: (h, w) float32, 0 to 1 inside the sector, -1 outside. mask, tissue: (h, w) bool.

    Returns:
        (h, w) float32; unchanged outside the mask.
    """
    hole = mask & (grey >= 0)
    if not hole.any():
        return grey.copy()
    seen = np.clip(grey, 0, 1)
    inside = (grey >= 0).astype(np.float32)
    smooth = smooth_within(seen, inside, 2.0)
    wide = cv2.dilate(hole.astype(np.uint8), np.ones((5, 5), np.uint8))
    filled = (
        cv2.inpaint((np.clip(smooth, 0, 1) * 255).astype(np.uint8), wide, 5, cv2.INPAINT_TELEA)
        / 255.0
    )
    rough = seen - smooth
    place = elsewhere(hole, tissue & ~(wide > 0) & (grey >= 0))
    target = np.nonzero(hole)
    if place is not None:
        texture = rough[place]
    else:
        pool = rough[tissue & ~hole & (grey >= 0)]
        pool = pool if pool.size else rough[(grey >= 0) & ~hole]
        texture = np.resize(pool, len(target[0])) if pool.size else np.zeros(len(target[0]))
    painted = grey.copy()
    painted[target] = np.clip(filled[target] + texture, 0, 1)
    return painted


def elsewhere(
    mask: NDArray[np.bool_], allowed: NDArray[np.bool_]
) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Where a mask of the same shape fits into `allowed`, as far from where it is as can be.

    Args:
        mask, allowed: (h, w) bool.

    Returns:
        Rows and columns of the mask's pixels moved there, in the mask's own order, or None where
        it fits nowhere.
    """
    rows, cols = np.nonzero(mask)
    if not len(rows):
        return None
    top, left = rows.min(), cols.min()
    kernel = mask[top : rows.max() + 1, left : cols.max() + 1].astype(np.float32)
    if kernel.shape[0] > allowed.shape[0] or kernel.shape[1] > allowed.shape[1]:
        return None
    fits = cv2.matchTemplate(allowed.astype(np.float32), kernel, cv2.TM_CCORR) > kernel.sum() - 0.5
    if not fits.any():
        return None
    places = np.argwhere(fits)
    far = places[int(np.argmax(((places - (top, left)) ** 2).sum(1)))]
    return rows + int(far[0]) - int(top), cols + int(far[1]) - int(left)


def hidden_and_elsewhere(
    grey: NDArray[np.float32], lesion: NDArray[np.bool_], liver: NDArray[np.bool_]
) -> dict[str, NDArray[np.float32]]:
    """The picture with the lesion painted over ("hidden"), and with as much painted over elsewhere
    in the liver ("elsewhere"); without those that cannot be made. liver: without the lesion."""
    if not lesion.any():
        return {}
    made = {"hidden": paint_over(grey, lesion, tissue=liver)}
    place = elsewhere(lesion, liver)
    if place is not None:
        other = np.zeros(lesion.shape, bool)
        other[place] = True
        made["elsewhere"] = paint_over(grey, other, tissue=liver & ~other)
    return made


def ring_about(lesion: NDArray[np.bool_], soft: float | None = None) -> NDArray[np.float32]:
    """1 in a lesion and a ring around it, a quarter of its mean diameter wide and at least 4
    pixels; 0 elsewhere, soft between. soft: standard deviation of that, pixels; a quarter of the
    ring by default."""
    ring = max(4, round(0.25 * 2 * float(np.sqrt(lesion.sum() / np.pi))))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * ring + 1, 2 * ring + 1))
    wide = cv2.dilate(lesion.astype(np.float32), kernel)
    found: NDArray[Any] = cv2.GaussianBlur(wide, (0, 0), soft or max(1.0, ring / 4))
    return found


def but_for_the_lesion(
    own: NDArray[Any], other: NDArray[Any], lesion: NDArray[np.bool_], kept: NDArray[np.float32]
) -> NDArray[Any]:
    """The lesion as it is, and another picture around it. kept: see `ring_about`."""
    return np.where(lesion, own, kept * own + (1 - kept) * other)


@dataclass(frozen=True, eq=False)
class Look:
    """How a scanner draws: quantiles of the grey levels of a sector, (65,) float, and its sharpness
    (mean absolute Laplacian)."""

    levels: NDArray[np.float64]
    sharpness: float


def look_of(grey: NDArray[np.float32]) -> Look:
    """The look of a picture: (h, w) float32, 0 to 1 inside the sector, -1 outside."""
    inside = grey >= 0
    levels = np.quantile(grey[inside].astype(np.float64), np.linspace(0, 1, 65))
    return Look(levels, _sharpness(grey, inside))


def _sharpness(grey: NDArray[Any], inside: NDArray[np.bool_]) -> float:
    inner = cv2.erode(inside.astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=0) > 0
    edges = abs(cv2.Laplacian(np.clip(grey, 0, 1), cv2.CV_32F))
    return float(edges[inner].mean()) if inner.any() else 0.0


def with_look(
    grey: NDArray[np.float32], lesion: NDArray[np.bool_], look: Look
) -> NDArray[np.float32]:
    """A picture that shows its lesion, and a ring around it, as they are, and all else as another
    scanner would: with its sharpness and its grey levels.

    Args:
        grey: (h, w) float32, 0 to 1 inside the sector, -1 outside. lesion: (h, w) bool. The ring is
            a quarter of the lesion's mean diameter wide, and at least 4 pixels.
    """
    inside = grey >= 0
    own = np.clip(grey, 0, 1)
    sharpness = _sharpness(grey, inside)
    other: NDArray[Any] = own
    if sharpness > look.sharpness:  # the widest blur that does not fall below the other's
        for sigma in (0.5, 0.7, 0.9, 1.2, 1.6):
            blurred = cv2.GaussianBlur(own, (0, 0), sigma)
            if _sharpness(blurred, inside) < look.sharpness:
                break
            other = blurred
    else:
        fine = own - cv2.GaussianBlur(own, (0, 0), 1.0)
        other = own + fine * min(2.0, look.sharpness / max(sharpness, 1e-6) - 1)
    steps = np.linspace(0, 1, 65)
    mine = np.quantile(other[inside], steps) + np.arange(65) * 1e-9  # strictly rising, for interp
    other = np.interp(other, mine, look.levels)
    mixed = but_for_the_lesion(own, other, lesion, ring_about(lesion, 2.0))
    return np.where(inside, np.clip(mixed, 0, 1), grey).astype(np.float32)
