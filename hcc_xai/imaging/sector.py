"""What was scanned: a fan, a rectangle, or the hull of the echoes.

A symmetric fan is laid over the picture so that it holds many echoes and little black. Black
weighs much where there must be echoes (just below the probe), something among echoes (edges are
tight), and next to nothing far from any: that is acoustic shadow, a flank may be black all over,
and the other flank then says where it is. A fan is a pair of columns per row, so with running sums
along the rows its worth costs four look-ups a row, and sixty fans are judged at once; the fit is
the cross-entropy method (Rubinstein 1999) with fixed random numbers. A rectangle is looked for
beside it, and wins where it is worth more; where neither holds the echoes (two fans side by side,
a picture that is no ultrasound), their convex hull does.

Coordinates are (row, column), pixel centres at half-integers.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hcc_xai.errors import ArgumentError
from hcc_xai.stats import Numbers as Numbers

_GREY, _FIT = 480, 256  # longest side in pixels: at least for the halo, at most for the fit
_FAINT = 4  # grey levels above the background that make an echo
_SHADOW, _EDGE, _SKIN = 0.005, 0.3, 0.7  # what black costs: anywhere, among echoes, at the skin
_NEAR = 0.12  # share of the depth that is "at the skin"
_MISSED = 0.04  # share of the echoes that a fan may leave out
_FULL, _NARROW = 0.95, 0.32  # of its box: what a rectangle fills; a phased fan's width near its top
_CUT = np.array([0.8, 0.93])  # the least that cut corners and a cut bottom leave of width and depth

Mask = NDArray[np.bool_]
Grey = NDArray[np.uint8]
Floats = NDArray[np.float32]
Real = NDArray[np.float64]


def find_sector(pixels: Numbers) -> Mask:
    """Find the scanned sector: fan (convex or phased probe), trapezoid or rectangle (linear probe).

    Args:
        pixels: (H, W) or (H, W, 3), uint8 or float in [0, 1].

    Returns:
        (H, W) bool, True where the scanner drew echoes. One connected region without holes. All
        True where nothing better can be said (a picture that fills its frame, or that is empty).

    Raises:
        ArgumentError: the array has another shape or type, or no pixels.
    """
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] != 3) or not pixels.size:
        raise ArgumentError(
            "sector-picture-shape",
            "find_sector wants (H, W) or (H, W, 3), got {shape}",
            shape=str(pixels.shape),
        )
    if pixels.dtype != np.uint8 and pixels.dtype.kind not in "fb":
        raise ArgumentError(
            "sector-picture-type",
            "find_sector wants uint8, or float in [0, 1], got {got}",
            got=str(pixels.dtype),
        )
    shape = (pixels.shape[0], pixels.shape[1])
    echoes = _echoes(_unveil(_shrink(pixels)))
    solid = _solid(echoes > 0.5)
    if solid.mean() < 0.02:
        return np.ones(shape, bool)
    worth = _worth(echoes, solid)
    fan = _fit(worth, solid)
    drawn = _draw(fan, echoes.shape, echoes.shape)
    known = np.where(solid, worth, np.minimum(worth, 0))  # text speaks for no shape
    box = _box(solid & (echoes > 0.5))
    better = known[box].sum() >= known[drawn].sum()
    if better and worth[box].sum() > 0.9 * worth[drawn].sum():
        return _draw_box(box, echoes.shape, shape)
    if (solid & ~drawn).sum() > _MISSED * solid.sum():
        return _draw_hull(solid, shape)
    return _draw(fan, echoes.shape, shape)


def shape_of(sector: Mask) -> str:
    """What a sector looks like, and so which probe drew it.

    Args:
        sector: (H, W) bool, what was scanned.

    Returns:
        "whole frame" (everything, or nothing), "linear" (a rectangle), "phased" (a fan from a
        point), "convex" (a fan from a curved face) or "trapezoid".
    """
    if sector.all() or not sector.any():
        return "whole frame"
    top, bottom, left, right = _bounds(sector)
    widths = sector[top:bottom, left:right].mean(1)
    if widths.mean() > _FULL:
        return "linear"
    skin, below = (float(widths[int(share * len(widths))]) for share in (0.02, 0.15))
    if below < _NARROW:
        return "phased"
    return "convex" if skin < 0.6 * below else "trapezoid"


def _shrink(pixels: Numbers) -> Grey:
    """The brightest channel, made smaller by a whole factor (which is fast) to 480..960 pixels."""
    if pixels.dtype != np.uint8:
        pixels = np.nan_to_num(pixels.astype(np.float32))
    step = max(1, max(pixels.shape[:2]) // _GREY)
    height, width = (max(1, side // step) for side in pixels.shape[:2])
    if step > 1:
        whole = pixels[: height * step, : width * step]
        pixels = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
    if pixels.ndim == 3:
        pixels = cv2.max(cv2.max(pixels[..., 0], pixels[..., 1]), pixels[..., 2])
    if pixels.dtype != np.uint8:
        pixels = (np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(pixels)


def _square(side: float) -> Grey:
    return np.ones((2 * max(1, round((side - 1) / 2)) + 1,) * 2, np.uint8)


def _commonest(values: Grey) -> tuple[int, float]:
    """The commonest grey level, give or take three, and the share of the values that have it."""
    counts = np.convolve(np.bincount(values.ravel(), minlength=256), np.ones(7), "same")
    level = int(np.argmax(counts))
    return level, float(counts[level] / max(values.size, 1))


def _unveil(grey: Grey) -> Grey:
    """Take away the background, and the narrow halo of one flat grey round some cut-out sectors."""
    background, share = _commonest(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]]))
    if share > 0.3:
        # On a light ground (a page, a window) dark is no background: how far from it counts.
        above = grey.astype(np.int16) - background
        grey = (abs(above) if background > 60 else np.maximum(above, 0)).astype(np.uint8)
    unit = max(grey.shape) / 640
    seen = cv2.morphologyEx((grey > 6).astype(np.uint8), cv2.MORPH_CLOSE, _square(5 * unit))
    seen = cv2.morphologyEx(seen, cv2.MORPH_OPEN, _square(9 * unit))
    outer = cv2.erode(seen, _square(5 * unit), borderValue=1)
    rim = outer > cv2.erode(outer, _square(5 * unit), borderValue=1)
    if rim.sum() < 100:
        return grey
    level, _ = _commonest(np.maximum(grey[rim], 8))
    same = cv2.inRange(grey, level - 4, level + 4)
    flat = cv2.morphologyEx(same, cv2.MORPH_CLOSE, _square(3))
    # A shadowed flank is flat too, but wide; a halo is thin, lies beside bright tissue as well, and
    # its grey is rare within.
    wide = cv2.dilate(cv2.erode(flat, _square(15 * unit), borderValue=0), _square(19 * unit)) > 0
    deep = cv2.erode(seen, _square(19 * unit), borderValue=1) > 0
    thin, within = rim & ~wide, deep & ~wide
    if not 8 < level < 100 or thin.sum() < 0.8 * rim.sum() or not within.any():
        return grey
    if (flat[thin] > 0).mean() < 0.5 or (same[within] > 0).mean() > 0.15:
        return grey
    return np.where(~deep & ((flat > 0) | (grey < level)), np.uint8(0), grey)


def _echoes(grey: Grey) -> Floats:
    """The share of each pixel of the fit that is echoes: (H, W) -> (h, w) in [0, 1]."""
    scale = min(1.0, _FIT / max(grey.shape))
    size = (max(8, round(grey.shape[1] * scale)), max(8, round(grey.shape[0] * scale)))
    # The threshold comes before the mean: bright and black average to bright, and edges move out.
    ramp = np.clip((np.arange(256) / _FAINT - 0.5) * 255, 0, 255).astype(np.uint8)
    share = cv2.resize(cv2.LUT(grey, ramp), size, interpolation=cv2.INTER_AREA) / np.float32(255)
    for rows in (share, share[::-1]):  # a header or footer bar, often with the patient's name
        filled = (rows > 0.5).mean(1)
        bar = int(np.argmin(filled > 0.8))
        if 0 < bar < 0.15 * len(rows) and filled[bar : bar + 3].min() < 0.3:
            rows[: bar + 2] = 0
    closed = cv2.morphologyEx(cv2.blur(share, (3, 3)), cv2.MORPH_CLOSE, _square(3))
    return np.asarray(cv2.morphologyEx(closed, cv2.MORPH_OPEN, _square(3)), np.float32)


def _solid(echoes: Mask) -> Mask:
    """The large connected things, without text, ticks and bars."""
    mask = cv2.morphologyEx(echoes.astype(np.uint8), cv2.MORPH_CLOSE, _square(3))
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, _square(max(mask.shape) / 24))
    _, parts, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    areas = stats[:, cv2.CC_STAT_AREA]
    areas[0] = 0
    return np.asarray((areas > 0.05 * areas.max())[parts], bool)


def _bounds(mask: Mask) -> tuple[int, int, int, int]:
    rows, cols = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(rows[0]), int(rows[-1]) + 1, int(cols[0]), int(cols[-1]) + 1


def _worth(echoes: Floats, solid: Mask) -> Floats:
    """What each pixel adds to a shape that holds it: up to 1 for an echo, less than 0 for black."""
    top, bottom, _, _ = _bounds(solid)
    depth = (np.arange(len(echoes), dtype=np.float32)[:, None] + 0.5 - top) / (bottom - top)
    cost = _SHADOW + _SKIN * np.clip(1 - depth / _NEAR, 0, 1) + _EDGE * cv2.blur(echoes, (11, 11))
    return np.asarray((2 * echoes - 1) * np.where(echoes > 0.5, 1, cost), np.float32)


class _Spans(NamedTuple):
    """The columns that a fan takes in each row: left to right, less the chord of its inner arc."""

    left: Floats
    chord_left: Floats
    chord_right: Floats
    right: Floats


def _spans(fans: Real, row: Floats) -> _Spans:
    """Fans (N, 7) in rows (R,) -> columns (N, R).

    A fan: column of its axis, row and half width of the probe's ends, half angle in radians, row of
    its deepest point, and the shares of its half width and depth at which it is cut off.
    """
    axis, end, half, angle, deep, width, depth = fans.astype(np.float32).T[:, :, None]
    apex = end - half / np.tan(angle)
    outer = deep - apex
    down = row - apex
    reach = np.minimum(down * np.tan(angle), np.sqrt(np.maximum(outer**2 - down**2, 0)))
    reach = np.minimum(reach, width * outer * np.sin(angle))
    reach = np.where((row < end) | (down > depth * outer), 0, np.maximum(reach, 0))
    inner = half / np.sin(angle)
    chord = np.minimum(np.sqrt(np.maximum(inner**2 - down**2, 0)), reach)
    return _Spans(axis - reach, axis - chord, axis + chord, axis + reach)


def _values(fans: Real, sums: Floats, row: Floats) -> Floats:
    """What fans (N, 7) are worth, (N,), from running sums (R, W + 1) of the worth in each row."""
    columns = np.clip(np.stack(_spans(fans, row)), 0, sums.shape[1] - 1.001)  # (4, N, R)
    whole = columns.astype(np.int32)
    at = whole + np.arange(len(row), dtype=np.int32) * sums.shape[1]
    here, following = sums.take(at), sums.take(at + 1)
    left, chord_left, chord_right, right = here + (columns - whole) * (following - here)
    return np.asarray((chord_left - left + right - chord_right).sum(1), np.float32)


def _fit(worth: Floats, solid: Mask) -> Real:
    """The fan that is worth most, (7,)."""
    top, bottom, left, right = _bounds(solid)
    tall, wide = bottom - top, right - left
    rows = worth[: len(worth) // 2 * 2].reshape(-1, 2, worth.shape[1]).sum(1)
    sums = np.pad(np.cumsum(rows, axis=1), ((0, 0), (1, 0)))
    row = 2 * np.arange(len(rows), dtype=np.float32) + 1

    skin = np.flatnonzero(solid[top : top + max(2, tall // 8)].any(0))
    middle = (skin[0] + skin[-1] + 1) / 2
    axes = [*(middle + wide * np.linspace(-0.1, 0.1, 5)), (left + right) / 2]
    halves = wide * np.array([0.02, 0.1, 0.15, 0.2, 0.3, 0.4])
    angles = [0.2, 0.35, 0.5, 0.65, 0.8, 1.0]
    grid = np.meshgrid(axes, [top, top + 0.04 * tall], halves, angles, bottom, 0.95, 1.0)
    fans = np.array(grid, float).reshape(7, -1).T
    best = fans[np.argsort(-_values(fans, sums[::3], row[::3]))[:20]]

    least = np.array([wide, tall, wide, 2.5, tall, 1.5, 1.0]) ** 2 * 0.04**2
    spread = np.cov(best.T) + np.diag(least)
    fan, value = best[0], -np.inf
    for step, noise in enumerate(np.random.default_rng(0).standard_normal((18, 60, 7))):
        mean = best.mean(0)
        fans = mean + noise @ np.linalg.cholesky(spread).T
        fans[0], fans[1] = fan, mean
        fans[:, 2] = np.maximum(fans[:, 2], 0.2)
        fans[:, 3] = np.clip(fans[:, 3], 0.12, 1.3)
        fans[:, 5:] = np.clip(fans[:, 5:], _CUT, 1)
        values = _values(fans, sums, row)
        best = fans[np.argsort(-values)[:14]]
        if values.max() > value:
            fan, value = best[0], float(values.max())
        drift = best.mean(0) - mean
        spread = 0.3 * spread + 0.7 * (np.cov(best.T) + 0.5 * np.outer(drift, drift))
        spread += np.diag(least) * 0.0125 * 0.75**step
    return np.asarray(fan, np.float64)


def _box(solid: Mask) -> tuple[slice, slice]:
    """The rectangle of greatest worth: best rows for the columns and the reverse, in turns."""
    worth = np.where(solid, 1.0, -0.3)
    rows, cols = slice(0, len(worth)), slice(0, worth.shape[1])
    for _ in range(3):
        rows = _best_run(worth[:, cols].sum(1))
        cols = _best_run(worth[rows].sum(0))
    return rows, cols


def _best_run(values: Real) -> slice:
    """The run of values with the greatest sum."""
    sums = np.concatenate([[0], np.cumsum(values)])
    end = max(1, int(np.argmax(sums - np.minimum.accumulate(sums))))
    return slice(int(np.argmin(sums[:end])), end)


def _draw(fan: Real, fitted: tuple[int, ...], shape: tuple[int, ...]) -> Mask:
    """A fan that was fitted to a picture of one shape, in a picture of another."""
    row = (np.arange(shape[0], dtype=np.float32) + 0.5) * (fitted[0] / shape[0])
    left, chord_left, chord_right, right = (
        np.rint(np.clip(side[0] * (shape[1] / fitted[1]), 0, shape[1])).astype(np.int32)[:, None]
        for side in _spans(fan[None], row)
    )
    column = np.arange(shape[1], dtype=np.int32)
    chord = (column >= chord_left) & (column < chord_right)
    return np.asarray((column >= left) & (column < right) & ~chord, bool)


def _draw_box(box: tuple[slice, slice], fitted: tuple[int, ...], shape: tuple[int, ...]) -> Mask:
    """A linear probe's rectangle; one that meets three sides was cropped to fill the picture."""
    (top, left), (bottom, right) = [side.start for side in box], [side.stop for side in box]
    near = (top <= 1, left <= 1, bottom >= fitted[0] - 1, right >= fitted[1] - 1)
    if sum(near) >= 3:
        return np.ones(shape, bool)
    sector = np.zeros(shape, bool)
    per_row, per_col = shape[0] / fitted[0], shape[1] / fitted[1]
    rows = slice(round(top * per_row), max(1, round(bottom * per_row)))
    sector[rows, round(left * per_col) : max(1, round(right * per_col))] = True
    return sector


def _draw_hull(mask: Mask, shape: tuple[int, ...]) -> Mask:
    points = cv2.convexHull(cv2.findNonZero(mask.astype(np.uint8)))[:, 0] + 0.5
    points = points * (shape[1] / mask.shape[1], shape[0] / mask.shape[0]) - 0.5
    filled = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(filled, np.rint(points).astype(np.int32), 1)
    return filled > 0
