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
from hcc_xai.imaging.sector import Numbers


def paint_over(
    grey: NDArray[np.float32], mask: NDArray[np.bool_], *, tissue: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """A picture whose masked part looks like the tissue around it.

    The brightness is carried in from the rim (Telea 2004, cv2.inpaint); the speckle is copied from
    a place of the same shape in `tissue`, or from anywhere in the tissue where none is large
    enough.

    Args:
        grey: (h, w) float32, 0 to 1 inside the sector, -1 outside.
        mask: (h, w) bool, what is painted over.
        tissue: (h, w) bool, where speckle may be copied from.

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
) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
    """Where a mask of the same shape fits into `allowed`, as far from where it is as can be.

    Args:
        mask: (h, w) bool, what is moved.
        allowed: (h, w) bool, where it may lie.

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
    """The picture without its lesion, and a picture without as much of the liver, to compare with.

    Args:
        grey: (h, w) float32, 0 to 1 inside the sector, -1 outside.
        lesion: (h, w) bool.
        liver: (h, w) bool, without the lesion.

    Returns:
        "hidden" -> the picture with the lesion painted over, "elsewhere" -> the picture with a
        patch of the same shape painted over elsewhere in the liver; (h, w) float32 each. Without
        "elsewhere" where the patch fits nowhere; empty where there is no lesion.
    """
    if not lesion.any():
        return {}
    pictures = {"hidden": paint_over(grey, lesion, tissue=liver)}
    place = elsewhere(lesion, liver)
    if place is not None:
        other = np.zeros(lesion.shape, bool)
        other[place] = True
        pictures["elsewhere"] = paint_over(grey, other, tissue=liver & ~other)
    return pictures


def ring_about(lesion: NDArray[np.bool_], soft: float | None = None) -> NDArray[np.float32]:
    """How much of a lesion's own picture is shown at each pixel.

    It is 1 in the lesion and in a ring around it, which is a quarter of the lesion's mean diameter
    wide, and at least 4 pixels. It falls softly to 0 beyond.

    Args:
        lesion: (h, w) bool.
        soft: standard deviation of the soft edge in pixels; a quarter of the ring by default.

    Returns:
        (h, w) float32 in [0, 1].
    """
    ring = max(4, round(0.25 * 2 * float(np.sqrt(lesion.sum() / np.pi))))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * ring + 1, 2 * ring + 1))
    wide = cv2.dilate(lesion.astype(np.float32), kernel)
    return np.asarray(cv2.GaussianBlur(wide, (0, 0), soft or max(1.0, ring / 4)), np.float32)


def but_for_the_lesion(
    own: Numbers,
    other: Numbers,
    lesion: NDArray[np.bool_],
    shown: NDArray[np.float32],
) -> NDArray[Any]:
    """The lesion as it is, and another picture around it.

    Args:
        own: (h, w) float, the picture with the lesion.
        other: (h, w) float, the picture to put around it.
        lesion: (h, w) bool.
        shown: (h, w) float32 in [0, 1], how much of `own` is shown at each pixel, which
            `ring_about` computes.

    Returns:
        (h, w) float; exactly `own` in the lesion.
    """
    return np.where(lesion, own, shown * own + (1 - shown) * other)


@dataclass(frozen=True, eq=False)
class Look:
    """How a scanner draws.

    Attributes:
        levels: (65,) float64, quantiles of the sector's grey levels from 0 to 1, evenly spaced.
        sharpness: mean absolute Laplacian of the grey levels.
    """

    levels: NDArray[np.float64]
    sharpness: float


def look_of(grey: NDArray[np.float32]) -> Look:
    """Measure how a picture is drawn.

    Args:
        grey: (h, w) float32, 0 to 1 inside the sector, -1 outside.
    """
    inside = grey >= 0
    levels = np.quantile(grey[inside].astype(np.float64), np.linspace(0, 1, 65))
    return Look(levels, _sharpness(grey, inside))


def _sharpness(grey: Numbers, inside: NDArray[np.bool_]) -> float:
    inner = cv2.erode(inside.astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=0) > 0
    edges = abs(cv2.Laplacian(np.clip(grey, 0, 1), cv2.CV_32F))
    return float(edges[inner].mean()) if inner.any() else 0.0


def with_look(
    grey: NDArray[np.float32], lesion: NDArray[np.bool_], look: Look
) -> NDArray[np.float32]:
    """A picture that is drawn as another scanner would, but for its lesion.

    The lesion and a ring around it stay as they are; the ring is a quarter of the lesion's mean
    diameter wide, and at least 4 pixels. All else gets the other scanner's sharpness and grey
    levels.

    Args:
        grey: (h, w) float32, 0 to 1 inside the sector, -1 outside.
        lesion: (h, w) bool.
        look: how the other scanner draws.

    Returns:
        (h, w) float32, 0 to 1 inside the sector, -1 outside.
    """
    inside = grey >= 0
    own = np.clip(grey, 0, 1)
    sharpness = _sharpness(grey, inside)
    other: Numbers = own
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
