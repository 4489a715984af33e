"""Where in a picture the patient is: an X-ray film's exposed part, a head, a breast.

Borders, tape and lead letters tell which hospital a film is from, so a network sees none of them
where they can be told from the patient. Ultrasound has a finder of its own (imaging/sector.py).
Each finder takes (H, W) or (H, W, 3), uint8 or float in [0, 1], and gives (H, W) bool with at least
one pixel: all True where nothing better can be said.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hcc_xai.stats import Numbers

Mask = NDArray[np.bool_]
_SIDE = 256  # pixels of the longer side that a field is looked for at
_FILM, _HEAD, _BREAST = 0.12, 0.10, 0.06  # of the way from the background to white
_LEAST = 0.03  # share of the picture below which nothing was found
_PART = 0.1  # of the largest part's area, from which a part belongs to the patient
_LETTER = 0.015  # of the picture, up to which a part that lies alone is a letter
_MARGIN = 0.02  # of the picture's sides, left around what is found


def whole_frame(pixels: Numbers) -> Mask:
    """The picture as it is."""
    return np.ones(pixels.shape[:2], bool)


def film(pixels: Numbers) -> Mask:
    """The exposed part of an X-ray film: a box around all that is brighter than its background,
    without letters that lie apart from the patient. Several views on one film are one box."""
    small = _small(pixels)
    parts = _parts(_over(small, _FILM))
    if parts is None:
        return whole_frame(pixels)
    rows, cols = _box(parts.patient)
    field = np.zeros(small.shape, bool)
    field[rows, cols] = True
    return _large(field & ~parts.letters, pixels)


def head(pixels: Numbers) -> Mask:
    """The head in a slice: the hull of the largest part that is brighter than air."""
    small = _small(pixels)
    closed = _morph(_over(small, _HEAD), cv2.MORPH_CLOSE, 5)
    largest = _largest(_morph(closed, cv2.MORPH_OPEN, 5))
    if largest is None:
        return whole_frame(pixels)
    points = cv2.convexHull(cv2.findNonZero(largest.astype(np.uint8)))
    hull = np.zeros(small.shape, np.uint8)
    cv2.fillConvexPoly(hull, points, 1)
    return _large(hull > 0, pixels)


def breast(pixels: Numbers) -> Mask:
    """The breast in a mammogram, without labels and tape, and without the pectoral muscle where an
    edge tells it."""
    small = _small(pixels)
    largest = _largest(_morph(_over(small, _BREAST), cv2.MORPH_OPEN, 9))
    if largest is None:
        return whole_frame(pixels)
    filled = np.zeros(small.shape, np.uint8)
    outer, _ = cv2.findContours(largest.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(filled, outer, -1, 1, cv2.FILLED)
    field = filled > 0
    return _large(field & ~_pectoral(small, field), pixels)


class _Parts(NamedTuple):
    """patient, letters: (h, w) bool."""

    patient: Mask
    letters: Mask


def _small(pixels: Numbers) -> NDArray[np.float32]:
    """Grey levels in [0, 1], the longer side 256 pixels or fewer."""
    grey = pixels.astype(np.float32) / np.float32(255 if pixels.dtype == np.uint8 else 1)
    if grey.ndim == 3:
        grey = grey.mean(2)
    scale = min(1.0, _SIDE / max(grey.shape))
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.float32)


def _over(small: NDArray[np.float32], share: float) -> Mask:
    """Where it is brighter than the background by a share of the way to white."""
    low, high = np.percentile(small, [2, 99])
    smooth = cv2.GaussianBlur(small, (0, 0), 1)
    return np.asarray(smooth > low + share * max(high - low, 1e-3), bool)


def _morph(mask: Mask, operation: int, side: int) -> Mask:
    """OpenCV's opening, closing or dilation of a mask by a square of so many pixels."""
    kernel = np.ones((side, side), np.uint8)
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), operation, kernel), bool)


def _largest(over: Mask) -> Mask | None:
    """The largest connected part; None where it is hardly there, or is the whole picture."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(over.astype(np.uint8), connectivity=4)
    areas = stats[1:, cv2.CC_STAT_AREA]
    if not len(areas) or not _LEAST < areas.max() / over.size < 1:
        return None
    return np.asarray(labels == 1 + int(areas.argmax()), bool)


def _parts(over: Mask) -> _Parts | None:
    """What is the patient's and what is a letter; None where there is no patient."""
    over = _morph(over, cv2.MORPH_OPEN, 3)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(over.astype(np.uint8), connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    if not len(areas) or areas.max() < _LEAST * over.size:
        return None
    large = 1 + np.flatnonzero((areas > _PART * areas.max()) & (areas > _LETTER * over.size))
    patient = np.isin(labels, large)
    lonely = 1 + np.flatnonzero(areas <= _LETTER * over.size)
    letters = _morph(np.isin(labels, lonely), cv2.MORPH_DILATE, 5)
    return _Parts(patient, letters & ~patient)


def _box(mask: Mask) -> tuple[slice, slice]:
    """The rows and columns that hold a mask, and a little more."""
    spans = []
    for axis in (1, 0):
        held = np.flatnonzero(mask.any(axis=axis))
        more = round(_MARGIN * mask.shape[1 - axis])
        spans.append(slice(max(0, int(held[0]) - more), int(held[-1]) + 1 + more))
    return spans[0], spans[1]


def _large(field: Mask, pixels: Numbers) -> Mask:
    """A field at the picture's own size; the whole picture where it would be next to nothing."""
    if field.mean() < _LEAST:
        return whole_frame(pixels)
    size = (pixels.shape[1], pixels.shape[0])
    return cv2.resize(field.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0


_CONTRAST = 0.05  # grey levels (0 to 1) that the muscle is brighter by, along its whole edge
_ALONG = np.linspace(0.1, 0.9, 17)  # places along the edge that are looked at


def _pectoral(small: NDArray[np.float32], field: Mask) -> Mask:
    """The muscle in the upper corner at the chest wall: the corner's triangle whose straight edge
    is brighter inside than outside all along; nothing where there is no such edge."""
    rows, cols = np.flatnonzero(field.any(1)), np.flatnonzero(field.any(0))
    top, bottom, left, right = rows[0], rows[-1] + 1, cols[0], cols[-1] + 1
    height, width = bottom - top, right - left
    upper = field[top : top + max(1, height // 4), left:right]
    at_left = upper[:, : width // 2].sum() >= upper[:, width // 2 :].sum()
    box = small[top:bottom, left:right] if at_left else small[top:bottom, left:right][:, ::-1]
    box = np.asarray(cv2.GaussianBlur(np.ascontiguousarray(box), (0, 0), 1.5), np.float32)
    best, edge = _CONTRAST, None
    for across in np.linspace(0.15, 0.8, 14) * width:
        for down in np.linspace(0.15, 0.9, 16) * height:
            if down < 0.8 * across:  # flatter than a muscle lies
                continue
            worth = _edge_of(box, across, down)
            if worth > best:
                best, edge = worth, (across, down)
    found = np.zeros(small.shape, bool)
    if edge is None:
        return found
    r, c = np.mgrid[:height, :width] + 0.5
    corner = c / edge[0] + r / edge[1] < 1
    found[top:bottom, left:right] = corner if at_left else corner[:, ::-1]
    return found & field if found[field].mean() < 0.5 else np.zeros(small.shape, bool)


def _edge_of(box: NDArray[np.float32], across: float, down: float) -> float:
    """How much brighter it is inside the line from (0, across) to (down, 0) than outside, at the
    places where that is least (a fifth of them may fail)."""
    row, col = _ALONG * down, (1 - _ALONG) * across
    normal = np.array([across, down]) / np.hypot(across, down)  # away from the corner
    step = 0.03 * max(box.shape)
    sides = []
    for sign in (-1, 1):
        r = np.clip((row + sign * step * normal[0]).astype(int), 0, box.shape[0] - 1)
        c = np.clip((col + sign * step * normal[1]).astype(int), 0, box.shape[1] - 1)
        sides.append(box[r, c])
    return float(np.quantile(sides[0] - sides[1], 0.2))
