"""Where the scan lies in the picture, and the way from the file's pixels to the network's and back.

A scanner draws its picture (the sector) into a frame with text, ticks, a body mark and a colour bar. All of
these tell which scanner it was, so the network sees none: `find_sector` finds what was scanned, `Frame` crops
it, evens out gain and contrast inside it and letterboxes it to the network's square input. Nothing else in this
package resizes.

Coordinates are (row, column), origin at the top left, of pixel centres at half-integers: pixel (r, c) covers
[r, r + 1) x [c, c + 1). All maps between the two pixel grids are affine in these coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from hcc_xai.errors import ArgumentError

_WORK = 320  # longest side at which the sector is looked for
_FIT = 80  # longest side at which a fan is fitted
_EVEN_MEAN, _EVEN_STD = 0.45, 0.20  # grey level and contrast inside every sector, as the network sees it


def find_sector(pixels: NDArray[Any]) -> NDArray[np.bool_]:
    """Find the scanned sector: fan (convex or phased probe), trapezoid or rectangle (linear probe).

    Args:
        pixels: (H, W) or (H, W, 3), uint8 or float in [0, 1].

    Returns:
        (H, W) bool, True where the scanner drew echoes. One connected region without holes. All True where
        nothing better can be said (a picture that fills its frame, or that is empty).
    """
    if pixels.ndim not in (2, 3):
        raise ArgumentError(f"find_sector wants (H, W) or (H, W, 3), got {pixels.shape}")
    grey = pixels if pixels.ndim == 2 else pixels.max(axis=2)
    if grey.dtype != np.uint8:
        grey = (np.clip(grey, 0, 1) * 255).astype(np.uint8)
    shape = (grey.shape[0], grey.shape[1])
    scale = min(1.0, _WORK / max(shape))
    size = (max(8, round(shape[1] * scale)), max(8, round(shape[0] * scale)))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    echoes = _echoes(small)
    if echoes.sum() < 0.02 * echoes.size:
        return np.ones(shape, bool)
    hull = _hull(echoes)
    found = _shape(echoes, hull)
    big = cv2.resize(found.astype(np.float32), (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    sector: NDArray[np.bool_] = big > 0.5
    return sector if sector.sum() > 0.02 * sector.size else np.ones(shape, bool)


def _echoes(small: NDArray[Any]) -> NDArray[np.bool_]:
    """The largest thing in the picture that is not background, text or a tick. (h, w) uint8 -> bool."""
    side = max(small.shape)
    edge = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
    background = int(np.percentile(edge, 25))
    background = background if background < 40 and (abs(edge.astype(int) - background) < 6).mean() > 0.3 else 0
    mask = (cv2.medianBlur(small, 3) > background + 6).astype(np.uint8)
    mask = _unveil(small, mask)
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, _disc(side // 60))
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, _disc(side // 30))
    return _largest(mask)


def _unveil(small: NDArray[Any], mask: NDArray[Any]) -> NDArray[Any]:
    """Take away a rim of one flat grey (the scanner's own background, left round some cut-out sectors)."""
    rim = small[(mask > 0) & (cv2.erode(mask, _disc(2)) == 0)]
    if rim.size < 50:
        return mask
    level = int(np.median(rim))
    if level < 10 or (abs(rim.astype(int) - level) < 5).mean() < 0.5:
        return mask
    flat = cv2.blur(abs(small.astype(np.float32) - level), (3, 3)) < 3
    count, parts = cv2.connectedComponents(((mask == 0) | flat).astype(np.uint8), connectivity=4)
    outside = np.unique(parts[(mask == 0) & (parts > 0)])
    veil = np.isin(parts, outside)
    reach = cv2.dilate((mask == 0).astype(np.uint8), _disc(max(small.shape) // 32)) > 0
    return (mask.astype(bool) & ~(veil & reach)).astype(np.uint8) if count > 1 else mask


def _disc(radius: int) -> NDArray[Any]:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * max(1, radius) + 1,) * 2)


def _largest(mask: NDArray[Any]) -> NDArray[np.bool_]:
    count, parts, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count < 2:
        return np.zeros(mask.shape, bool)
    largest: NDArray[np.bool_] = parts == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return largest


def _hull(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    points = cv2.findNonZero(mask.astype(np.uint8))
    filled = np.zeros(mask.shape, np.uint8)
    cv2.fillConvexPoly(filled, cv2.convexHull(points), 1)
    return filled > 0


def _shape(echoes: NDArray[np.bool_], hull: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The fan that explains the echoes, or the rectangle, or else their convex hull."""
    rows, cols = np.flatnonzero(hull.any(1)), np.flatnonzero(hull.any(0))
    top, bottom, left, right = rows[0], rows[-1] + 1, cols[0], cols[-1] + 1
    if hull.sum() > 0.93 * (bottom - top) * (right - left):
        box = np.zeros(hull.shape, bool)
        box[top:bottom, left:right] = True
        return box
    fan = _fit_fan(echoes)
    missed = (echoes & ~fan).sum() / echoes.sum()
    # A dark flank is inside the fan and without echoes; echoes outside it mean that it is no fan.
    if missed < 0.04 and echoes.sum() > 0.35 * fan.sum():
        return fan
    return hull


def _fit_fan(echoes: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The upright symmetric fan that holds the echoes most tightly; symmetric, so a dark flank is filled in."""
    height, width = echoes.shape
    scale = min(1.0, _FIT / max(height, width))
    size = (round(width * scale), round(height * scale))
    small = cv2.resize(echoes.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    rows, cols = np.flatnonzero((small > 0.5).any(1)), np.flatnonzero((small > 0.5).any(0))
    if len(rows) < 6 or len(cols) < 6:
        return _hull(echoes)
    y, x = np.mgrid[: size[1], : size[0]].astype(np.float32) + 0.5
    tall, wide = float(rows[-1] + 1 - rows[0]), float(cols[-1] + 1 - cols[0])
    column = np.arange(size[0])

    def loss(p: NDArray[Any]) -> float:
        mirror = np.rint(2 * p[0] - 1 - column).astype(int)
        seen = (mirror >= 0) & (mirror < size[0])
        both = small.copy()
        both[:, seen] = np.maximum(both[:, seen], small[:, mirror[seen]])
        fan = _draw_fan(p, y, x, soft=0.7)
        return float((fan * (1 - both)).sum() + 2.0 * ((1 - fan) * small).sum())

    best, least = np.zeros(7), np.inf
    first = small[rows[0] : rows[0] + max(1, int(tall / 10))] > 0.5
    centre = float(np.mean(np.flatnonzero(first.any(0)))) + 0.5
    for half_angle, inner in ((0.6, 0.35), (0.8, 0.45), (0.6, 0.05)):
        outer = tall / (1 - inner * np.cos(half_angle))
        reach = max(centre - cols[0], cols[-1] + 1 - centre)
        start = np.array([centre, rows[0] - inner * outer * np.cos(half_angle), half_angle, inner * outer, outer,
                          reach, rows[-1] + 1.0])
        simplex = np.vstack([start, start + np.diag([wide / 20, tall / 15, 0.1, tall / 15, tall / 15, 3, 3])])
        got = minimize(loss, start, method="Nelder-Mead",
                       options={"initial_simplex": simplex, "maxfev": 220, "xatol": 0.05, "fatol": 0.5})
        if got.fun < least:
            best, least = got.x, got.fun
    yy, xx = np.mgrid[:height, :width].astype(np.float32)
    fine: NDArray[np.bool_] = _draw_fan(best, (yy + 0.5) * scale, (xx + 0.5) * scale, soft=0.0) > 0.5
    return fine


def _draw_fan(p: NDArray[Any], y: NDArray[Any], x: NDArray[Any], *, soft: float) -> NDArray[Any]:
    """A fan with its lower corners cut off. p: column and row of the apex, half angle in radians, inner and
    outer radius, greatest distance from the axis, lower cut; soft: width of the edge in pixels."""
    dx, dy = x - p[0], y - p[1]
    radius = np.hypot(dx, dy)
    half = np.clip(p[2], 0.1, 1.4)
    side = dy * np.sin(half) - abs(dx) * np.cos(half)  # distance inside the nearer flank
    inside = np.minimum.reduce([side, radius - p[3], p[4] - radius, p[5] - abs(dx), p[6] - y])
    return np.clip(0.5 + inside / (2 * soft), 0, 1) if soft else (inside > 0).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Frame:
    """The way of one picture to the network and back.

    Attributes:
        sector: (H, W) bool, what was scanned, in the pixels of the file.
        box: top, left, bottom, right of the sector, half-open, in pixels of the file.
        size: side of the network's square input, in pixels.
    """

    sector: NDArray[np.bool_]
    box: tuple[int, int, int, int]
    size: int

    @classmethod
    def around(cls, sector: NDArray[np.bool_], *, size: int) -> Frame:
        """The frame that shows a sector as large as a square of `size` pixels allows."""
        rows, cols = np.flatnonzero(sector.any(1)), np.flatnonzero(sector.any(0))
        if len(rows) == 0:
            raise ArgumentError("the sector is empty; it must hold at least one pixel")
        return cls(sector, (int(rows[0]), int(cols[0]), int(rows[-1]) + 1, int(cols[-1]) + 1), size)

    @property
    def inner(self) -> tuple[int, int, int, int]:
        """Top, left, height and width of the picture within the network's square, in its pixels."""
        top, left, bottom, right = self.box
        scale = self.size / max(bottom - top, right - left)
        height = max(1, round((bottom - top) * scale))
        width = max(1, round((right - left) * scale))
        return (self.size - height) // 2, (self.size - width) // 2, height, width

    @cached_property
    def network_sector(self) -> NDArray[np.bool_]:
        """(size, size) bool: the sector in the network's pixels."""
        mask: NDArray[np.bool_] = self.shrink(self.sector.astype(np.float32)) > 0.5
        if not mask.any():
            mask[self.inner[0], self.inner[1]] = True
        return mask

    def to_network(self, grey: NDArray[Any]) -> NDArray[np.float32]:
        """Grey levels, evened out, as the network sees them.

        Args:
            grey: (H, W) float in [0, 1].

        Returns:
            (size, size) float32 in [0, 1]; mean 0.45 and standard deviation 0.20 inside the sector (before
            clipping), -1 outside it, so that a caller can tell the two apart.
        """
        if grey.shape != self.sector.shape:
            raise ArgumentError(f"the picture is {grey.shape}, its sector {self.sector.shape}; they must agree")
        return even_out(self.shrink(grey.astype(np.float32) * self.sector), self.network_sector)

    def shrink(self, full: NDArray[Any]) -> NDArray[np.float32]:
        top, left, bottom, right = self.box
        row, col, height, width = self.inner
        out = np.zeros((self.size, self.size), np.float32)
        larger = height > bottom - top
        how = cv2.INTER_LINEAR if larger else cv2.INTER_AREA
        out[row : row + height, col : col + width] = cv2.resize(
            full[top:bottom, left:right], (width, height), interpolation=how)
        return out

    def to_file(self, values: NDArray[Any], *, fill: float = 0.0) -> NDArray[np.float32]:
        """A map at any resolution of the network's square, in the pixels of the file.

        Args:
            values: (h, w) float, covering the whole square input (a stride-4 map of a 256 px network is 64 x 64).
            fill: value outside the sector.

        Returns:
            (H, W) float32, bilinear between the map's pixel centres; `fill` outside the sector.
        """
        top, left, bottom, right = self.box
        row, col, height, width = self.inner
        per_row = height / (bottom - top) * values.shape[0] / self.size
        per_col = width / (right - left) * values.shape[1] / self.size
        # Centre of file pixel i is i + 0.5; that of the map's pixel j is j + 0.5.
        first_row = row * values.shape[0] / self.size + 0.5 * per_row - 0.5
        first_col = col * values.shape[1] / self.size + 0.5 * per_col - 0.5
        matrix = np.array([[per_col, 0, first_col], [0, per_row, first_row]])
        inside = cv2.warpAffine(np.ascontiguousarray(values, np.float32), matrix, (right - left, bottom - top),
                                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)
        full = np.full(self.sector.shape, fill, np.float32)
        seen = self.sector[top:bottom, left:right]
        full[top:bottom, left:right][seen] = inside[seen]
        return full

    def to_network_point(self, row: float, col: float) -> tuple[float, float]:
        """A point of the file (pixel centres at .5) in the network's square."""
        top, left, bottom, right = self.box
        first_row, first_col, height, width = self.inner
        return (first_row + (row - top) * height / (bottom - top), first_col + (col - left) * width / (right - left))


def even_out(grey: NDArray[Any], sector: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Bring gain and contrast inside the sector to a common mean and spread; -1 outside. (h, w) -> (h, w)."""
    seen = grey[sector]
    spread = float(seen.std())
    evened = (grey - float(seen.mean())) / max(spread, 1e-3) * _EVEN_STD + _EVEN_MEAN
    return np.where(sector, np.clip(evened, 0, 1), -1).astype(np.float32)
