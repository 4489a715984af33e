"""What happens to the answer when a part of the picture is hidden.

Hidden means painted over with the tissue around it, not blacked out: a black patch is itself
evidence in ultrasound (it looks like a cyst, or like a shadow).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


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
    smooth = cv2.GaussianBlur(seen * inside, (0, 0), 2.0) / np.maximum(
        cv2.GaussianBlur(inside, (0, 0), 2.0), 1e-3
    )
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
