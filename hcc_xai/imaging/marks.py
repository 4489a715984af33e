"""Calipers and text that were drawn into the scan.

Both are told from tissue by what speckle hardly ever is: a stroke all of which is brighter than all
that lies beside it.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from hcc_xai.imaging.sector import Numbers

_ARM = 4  # pixels from a caliper's crossing; a larger one holds one of that size
_BETWEEN = 3  # pixels from the middle of a stroke; there is nothing of it any more
_RIM = 9  # pixels; the sector's own edge is sharp too
_HEIGHT = (6, 40)  # of letters, pixels
_STANDS_OUT = 60  # grey levels that a letter is above what is around it
_BESIDE = 40  # grey levels between the letter's darker quarter and the brightest beside it


def caliper(grey: NDArray[np.uint8], sector: NDArray[np.bool_]) -> int:
    """How clearly a caliper's cross is drawn into the scan.

    A hit-or-miss transform in grey levels: the least of the strokes less the most of what lies
    between them.

    Args:
        grey: (H, W) uint8, grey levels.
        sector: (H, W) bool, what was scanned.

    Returns:
        How far the best upright or tilted cross stands out from between its arms, 0 to 255 grey
        levels; -255 where the sector is too small to hold a cross.
    """
    inside = _inner(sector)
    best = -255
    row, col = abs(np.mgrid[-_ARM : _ARM + 1, -_ARM : _ARM + 1])
    bars = [np.ones((1, 2 * _ARM + 1), np.uint8), np.ones((2 * _ARM + 1, 1), np.uint8)]
    upright = bars, np.minimum(row, col) >= _BETWEEN
    tilted = [(row == col).astype(np.uint8)], abs(row - col) >= _BETWEEN
    for strokes, between in (upright, tilted):
        least = np.minimum.reduce([cv2.erode(grey, stroke) for stroke in strokes])
        apart = cv2.subtract(least, cv2.dilate(grey, between.astype(np.uint8)))  # none below 0
        heights = apart[inside]
        best = max(best, int(heights.max())) if heights.size else best
    return best


def drawn(grey: NDArray[np.uint8], sector: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """All that looks drawn into the scan: sharp strokes of any shape, a little widened.

    Args:
        grey: (H, W) uint8, grey levels.
        sector: (H, W) bool, what was scanned.

    Returns:
        (H, W) bool.
    """
    parts, _, sharp = _strokes(grey, sector, _HEIGHT[1])
    marks = np.isin(parts, sharp).astype(np.uint8)
    widened: NDArray[np.bool_] = cv2.dilate(marks, np.ones((5, 5), np.uint8)) > 0
    return widened


def letters(grey: NDArray[np.uint8], sector: NDArray[np.bool_]) -> int:
    """How many letters stand in the longest row of them.

    A row is of letters that are alike in height, stand on one line, and are close together.

    Args:
        grey: (H, W) uint8, grey levels.
        sector: (H, W) bool, what was scanned.

    Returns:
        The number of letters; 0 where there is none.
    """
    _, stats, sharp = _strokes(grey, sector, _HEIGHT[1], least=_HEIGHT[0])
    boxes = [tuple(map(int, stats[i, :4])) for i in sharp]
    return max((_row(box, boxes) for box in boxes), default=0)


def _strokes(
    grey: NDArray[np.uint8], sector: NDArray[np.bool_], most: int, *, least: int = 1
) -> tuple[Numbers, Numbers, list[int]]:
    """Bright thin parts of the sector, (H, W) of their numbers; their boxes; and the numbers of
    those from `least` to `most` pixels high, no wider than `most`, that are sharp."""
    high = cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, np.ones((7, 7), np.uint8)) > _STANDS_OUT
    strokes = (high & _inner(sector)).astype(np.uint8)
    few = np.count_nonzero(strokes) < 2**16  # and so are the parts: small numbers are faster
    _, parts, stats, _ = cv2.connectedComponentsWithStats(
        strokes, connectivity=8, ltype=cv2.CV_16U if few else cv2.CV_32S
    )
    tall, wide = stats[:, cv2.CC_STAT_HEIGHT], stats[:, cv2.CC_STAT_WIDTH]
    right_size = (tall >= least) & (tall <= most) & (wide <= most)
    right_size[0] = False  # what is no part
    sharp = [
        int(i) for i in np.flatnonzero(right_size) if _sharp(grey, parts, strokes, int(i), stats[i])
    ]
    return parts, stats, sharp


def _inner(sector: NDArray[np.bool_]) -> NDArray[np.bool_]:
    inner: NDArray[np.bool_] = (
        cv2.erode(sector.astype(np.uint8), np.ones((_RIM, _RIM), np.uint8), borderValue=0) > 0
    )
    return inner


def _sharp(
    grey: NDArray[np.uint8],
    parts: Numbers,
    strokes: NDArray[np.uint8],
    index: int,
    stats: Numbers,
) -> bool:
    """Whether nearly all of a part is brighter than nearly all that is beside it."""
    left, top, width, height = map(int, stats[:4])
    box = np.s_[max(0, top - 4) : top + height + 4, max(0, left - 4) : left + width + 4]
    mine, near = (parts[box] == index).astype(np.uint8), np.ones((3, 3), np.uint8)
    around = (cv2.dilate(mine, near, iterations=3) > 0) & (cv2.dilate(strokes[box], near) == 0)
    beside = grey[box][around]
    if beside.size < 4:
        return False
    darker = np.percentile(grey[box][mine > 0], 25)
    return bool(darker - np.percentile(beside, 95) >= _BESIDE)


def _row(first: tuple[int, ...], boxes: list[tuple[int, ...]]) -> int:
    """The longest run of boxes (left, top, width, height) beside each other that are like the
    first."""
    height, base = first[3], first[1] + first[3]
    alike = [
        b
        for b in sorted(boxes)
        if abs(b[1] + b[3] - base) <= 0.25 * height + 1 and 0.6 <= b[3] / height <= 1.6
    ]
    longest = run = 1
    for before, after in zip(alike, alike[1:], strict=False):
        gap = after[0] - before[0] - before[2]
        run = run + 1 if -1 <= gap <= 1.2 * height else 1
        longest = max(longest, run)
    return longest
