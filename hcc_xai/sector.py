"""What the scanner scanned: a fan, a rectangle, or the hull of the echoes.

A symmetric fan is laid over the picture so that it holds as many echoes as it can and little black. Black weighs
much where there should be echoes (just below the probe), something next to an echo (so that edges are tight) and
next to nothing far from any (acoustic shadow: a flank may be black all over, and the other one then says where it
is). A shape is a pair of columns per row, so with running sums along the rows its worth costs four look-ups a row,
and sixty fans are judged at once; the fit is the cross-entropy method (Rubinstein 1999) with fixed random numbers.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hcc_xai.errors import ArgumentError

_VEIL, _FIT = 480, 256  # least longest side at which the veil, and longest at which the fan, is looked for
_FAINT = 4  # grey levels above the background from which a pixel counts as an echo
_SHADOW, _EDGE, _SKIN = 0.01, 0.2, 0.7  # what a black pixel costs: anywhere, among echoes, below the probe
_NEAR = 0.12  # share of the depth that counts as "below the probe"
_MISSED = 0.08  # share of the echoes that a fan may leave out

Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]


def find_sector(pixels: NDArray[Any]) -> Mask:
    """Find the scanned sector: fan (convex or phased probe), trapezoid or rectangle (linear probe).

    Args:
        pixels: (H, W) or (H, W, 3), uint8 or float in [0, 1].

    Returns:
        (H, W) bool, True where the scanner drew echoes. One connected region without holes. All True where
        nothing better can be said (a picture that fills its frame, or that is empty).

    Raises:
        ArgumentError: for an array of another shape.
    """
    if pixels.ndim not in (2, 3) or pixels.ndim == 3 and pixels.shape[2] != 3 or 0 in pixels.shape:
        raise ArgumentError(f"find_sector wants (H, W) or (H, W, 3), got {pixels.shape}")
    height, width = pixels.shape[:2]
    grey = _unveil(_shrink(pixels))
    scale = min(1.0, _FIT / max(grey.shape))
    size = (max(8, round(grey.shape[1] * scale)), max(8, round(grey.shape[0] * scale)))
    echoes = _echoes(grey, size)
    solid = _solid(echoes > 0.5)
    if solid.mean() < 0.02:
        return np.ones((height, width), bool)
    per_row, per_col = height / size[1], width / size[0]
    top, bottom, left, right = _bounds(solid)
    worth = _worth(echoes, top, bottom)
    fan, value = _fit(worth, (top, bottom, left, right), solid)
    if worth[top:bottom, left:right].sum() >= value:
        # A linear probe's picture. One that runs into three sides of the file was cropped to fill it.
        if (top <= 1) + (left <= 1) + (bottom >= size[1] - 1) + (right >= size[0] - 1) >= 3:
            return np.ones((height, width), bool)
        box = np.zeros((height, width), bool)
        box[round(top * per_row) : round(bottom * per_row), round(left * per_col) : round(right * per_col)] = True
        return box
    drawn = _draw(fan, (size[1], size[0]), 1.0, 1.0)
    if (solid & ~drawn).sum() > _MISSED * solid.sum():
        hull = cv2.convexHull(cv2.findNonZero(solid.astype(np.uint8)))[:, 0] + 0.5
        filled = np.zeros((height, width), np.uint8)
        cv2.fillConvexPoly(filled, np.rint(hull * (per_col, per_row) - 0.5).astype(np.int32), 1)
        return filled > 0
    return _draw(fan, (height, width), per_row, per_col)


def _shrink(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """The brightest channel as uint8, by a whole factor (which is fast) down to about 480..960 pixels."""
    height, width = pixels.shape[:2]
    step = max(1, max(height, width) // _VEIL)
    small = (max(1, width // step), max(1, height // step))
    if step > 1:
        pixels = pixels[: small[1] * step, : small[0] * step]
        pixels = cv2.resize(pixels, small, interpolation=cv2.INTER_AREA).reshape(small[1], small[0], -1)
    if pixels.ndim == 3:
        pixels = pixels.max(axis=2) if pixels.shape[2] != 3 else cv2.max(
            cv2.max(pixels[..., 0], pixels[..., 1]), pixels[..., 2])
    if pixels.dtype != np.uint8:
        pixels = (np.clip(np.nan_to_num(pixels), 0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(pixels)


def _square(side: float) -> NDArray[np.uint8]:
    return np.ones((max(3, 2 * round((side - 1) / 2) + 1),) * 2, np.uint8)


def _level(values: NDArray[np.uint8]) -> tuple[int, float]:
    """The commonest grey level, give or take three, and the share of the values that have it."""
    counts = np.convolve(np.bincount(values.ravel(), minlength=256), np.ones(7), "same")
    level = int(np.argmax(counts))
    return level, float(counts[level]) / max(values.size, 1)


def _unveil(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Subtract the background, and blacken the narrow halo of one flat grey round some cut-out sectors."""
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    background, share = _level(edge)
    if share > 0.3:
        grey = cv2.absdiff(grey, background) if background > 60 else cv2.subtract(grey, background)
    unit = max(grey.shape) / 640
    seen = (grey > 6).astype(np.uint8)
    seen = cv2.morphologyEx(cv2.morphologyEx(seen, cv2.MORPH_CLOSE, _square(5 * unit)), cv2.MORPH_OPEN, _square(9 * unit))
    outer = cv2.erode(seen, _square(5 * unit), borderValue=1)
    rim = outer > cv2.erode(outer, _square(5 * unit), borderValue=1)
    if rim.sum() < 100:
        return grey
    level, _ = _level(np.maximum(grey[rim], 8))
    flat = cv2.morphologyEx(cv2.inRange(grey, level - 4, level + 4), cv2.MORPH_CLOSE, _square(3))
    # A shadowed flank is flat too, but wide; a halo is thin, and lies beside bright tissue as well.
    wide = cv2.dilate(cv2.erode(flat, _square(15 * unit), borderValue=0), _square(19 * unit)) > 0
    thin = rim & ~wide
    if not 8 < level < 100 or thin.sum() < 0.8 * rim.sum() or (flat[thin] > 0).mean() < 0.5:
        return grey
    halo = (cv2.erode(seen, _square(19 * unit), borderValue=1) == 0) & ((flat > 0) | (grey < level))
    return np.where(halo, np.uint8(0), grey)


def _echoes(grey: NDArray[np.uint8], size: tuple[int, int]) -> Floats:
    """The share of each pixel that is echoes, 0 to 1, thin strokes taken out. (h, w) uint8 -> (height, width)."""
    # Thresholded before it is made smaller: the mean of a bright pixel and black would be bright, and edges move out.
    ramp = np.clip((np.arange(256) - _FAINT / 2) / _FAINT * 255, 0, 255).astype(np.uint8)
    echoes = cv2.resize(cv2.LUT(grey, ramp), size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    closed = cv2.morphologyEx(cv2.blur(echoes, (3, 3)), cv2.MORPH_CLOSE, _square(3))
    return np.asarray(cv2.morphologyEx(closed, cv2.MORPH_OPEN, _square(3)), np.float32)


def _solid(echoes: Mask) -> Mask:
    """The large connected things, without text, ticks and bars."""
    side = max(echoes.shape)
    mask = cv2.morphologyEx(echoes.astype(np.uint8), cv2.MORPH_CLOSE, _square(side / 48))
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, _square(side / 24))
    _, parts, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    areas = stats[:, cv2.CC_STAT_AREA]
    areas[0] = 0
    return np.asarray((areas > 0.05 * areas.max())[parts], bool)


def _bounds(mask: Mask) -> tuple[int, int, int, int]:
    rows, cols = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(rows[0]), int(rows[-1]) + 1, int(cols[0]), int(cols[-1]) + 1


def _worth(echoes: Floats, top: int, bottom: int) -> Floats:
    """What each pixel adds to a shape that holds it: up to 1 for an echo, less than 0 for black."""
    row = np.arange(len(echoes), dtype=np.float32)[:, None] + 0.5
    near = np.clip(1 - (row - top) / (_NEAR * (bottom - top)), 0, 1)
    cost = _SHADOW + _SKIN * near + _EDGE * cv2.blur(echoes, (21, 21))
    return np.asarray((2 * echoes - 1) * np.where(echoes > 0.5, 1, cost), np.float32)


class _Spans(NamedTuple):
    """Columns between which a fan lies in each row: from left to right, but for the inner arc's chord."""

    left: Floats
    chord_left: Floats
    chord_right: Floats
    right: Floats


def _spans(fans: NDArray[Any], row: Floats) -> _Spans:
    """Fans (N, 7) at rows (R,) -> spans (N, R).

    A fan: column of its axis, row and half width of the probe's ends, half angle in radians, row of its deepest
    point; share of its half width at which its corners, and of its radius at which its bottom, are cut off.
    """
    axis, end, half, angle, deep, corner, bottom = (fans[:, k : k + 1].astype(np.float32) for k in range(7))
    apex = end - half / np.tan(angle)
    outer = deep - apex
    down = row - apex
    reach = np.minimum(down * np.tan(angle), np.sqrt(np.maximum(outer**2 - down**2, 0)))
    reach = np.minimum(reach, corner * outer * np.sin(angle))
    reach = np.where((row < end) | (down > bottom * outer), 0, np.maximum(reach, 0))
    chord = np.minimum(np.sqrt(np.maximum((half / np.sin(angle)) ** 2 - down**2, 0)), reach)
    return _Spans(axis - reach, axis - chord, axis + chord, axis + reach)


def _value(fans: NDArray[Any], sums: Floats, row: Floats) -> Floats:
    """Worth of each fan: sums (R, W + 1) are the running sums of the worth along its rows."""
    columns = np.clip(np.stack(_spans(fans, row)), 0, sums.shape[1] - 1.001)  # (4, N, R)
    whole = columns.astype(np.int32)
    at = whole + np.arange(len(row), dtype=np.int32) * sums.shape[1]
    flat = sums.ravel()
    here = flat[at]
    left, chord_left, chord_right, right = here + (columns - whole) * (flat[at + 1] - here)
    return np.asarray((chord_left - left + right - chord_right).sum(1), np.float32)


def _fit(worth: Floats, bounds: tuple[int, int, int, int], solid: Mask) -> tuple[NDArray[Any], float]:
    """The fan of greatest worth, and that worth."""
    top, bottom, left, right = bounds
    tall, wide = bottom - top, right - left
    rows = worth[: len(worth) // 2 * 2].reshape(-1, 2, worth.shape[1]).sum(1)
    sums = np.zeros((len(rows), rows.shape[1] + 1), np.float32)
    np.cumsum(rows, axis=1, out=sums[:, 1:])
    row = 2 * np.arange(len(rows), dtype=np.float32) + 1
    skin = np.flatnonzero(solid[top : top + max(2, tall // 8)].any(0))
    middle = (skin[0] + skin[-1] + 1) / 2
    axes = [*(middle + wide * np.linspace(-0.1, 0.1, 5)), (left + right) / 2]
    grid = np.array(np.meshgrid(axes, [top, top + 0.04 * tall], wide * np.array([0.02, 0.1, 0.15, 0.2, 0.3, 0.4]),
                                [0.2, 0.35, 0.5, 0.65, 0.8, 1.0], bottom, 0.95, 1.0)).reshape(7, -1).T
    best = grid[np.argsort(-_value(grid, sums[::3], row[::3]))[:20]]
    least = np.array([0.02 * wide, 0.02 * tall, 0.02 * wide, 0.05, 0.02 * tall, 0.03, 0.02])
    spread = np.cov(best.T) + np.diag(least**2)
    fan, value = best[0], -np.inf
    normal = np.random.default_rng(0).standard_normal((18, 60, 7))
    for step, noise in enumerate(normal):
        tried = best.mean(0) + noise @ np.linalg.cholesky(spread).T
        tried[0], tried[1] = fan, best.mean(0)
        tried[:, 2] = np.maximum(tried[:, 2], 0.2)
        tried[:, 3] = np.clip(tried[:, 3], 0.12, 1.3)
        tried[:, 5:] = np.clip(tried[:, 5:], (0.8, 0.93), 1)
        values = _value(tried, sums, row)
        order = np.argsort(-values)
        if values[order[0]] > value:
            fan, value = tried[order[0]], float(values[order[0]])
        moved = tried[order[:14]]
        drift = moved.mean(0) - best.mean(0)
        best = moved
        spread = 0.3 * spread + 0.7 * (np.cov(best.T) + 0.5 * np.outer(drift, drift))
        spread += np.diag(least**2) * 0.05 * 0.75**step
    return fan, value


def _draw(fan: NDArray[Any], shape: tuple[int, int], per_row: float, per_col: float) -> Mask:
    """A fan in a picture of which one pixel of the fit covers `per_row` by `per_col` pixels."""
    row = (np.arange(shape[0], dtype=np.float32) + 0.5) / per_row
    edges = [np.rint(np.clip(side[0] * per_col, 0, shape[1])).astype(np.int32)[:, None]
             for side in _spans(fan[None], row)]
    column = np.arange(shape[1], dtype=np.int32)
    inside = (column >= edges[0]) & (column < edges[3])
    return np.asarray(inside & ~((column >= edges[1]) & (column < edges[2])), bool)
