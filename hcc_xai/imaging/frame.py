"""Where the scan lies in the picture, and the way from the file's pixels to the network's and back.

A scanner draws its picture (the sector) into a frame with text, ticks, a body mark and a colour
bar. All of these tell which scanner it was, so the network sees none: `find_sector` (in sector.py)
finds what was scanned, `Frame` crops it, evens out gain and contrast inside it and letterboxes it
to the network's square input. Nothing else in this package resizes.

Coordinates are (row, column), origin at the top left, of pixel centres at half-integers: pixel
(r, c) covers [r, r + 1) x [c, c + 1). All maps between the two pixel grids are affine in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hcc_xai.errors import ArgumentError
from hcc_xai.imaging.packing import pack, unpack
from hcc_xai.imaging.sector import Numbers
from hcc_xai.imaging.sector import find_sector as find_sector

_EVEN_MEAN, _EVEN_STD = 0.45, 0.20  # grey level and contrast that the network sees in every sector


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

    def __getstate__(self) -> dict[str, Any]:
        """The sector as bits; what was worked out from it is not sent along."""
        return {"sector": pack(self.sector), "box": self.box, "size": self.size}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({**state, "sector": unpack(state["sector"])})

    @classmethod
    def around(cls, sector: NDArray[np.bool_], *, size: int) -> Frame:
        """The frame that shows a sector as large as the network's square allows.

        Args:
            sector: (H, W) bool, what was scanned; at least one pixel.
            size: side of the network's square, in pixels.

        Raises:
            ArgumentError: the sector is empty.
        """
        rows, cols = np.flatnonzero(sector.any(1)), np.flatnonzero(sector.any(0))
        if len(rows) == 0:
            raise ArgumentError(
                "sector-empty", "the sector is empty; it must hold at least one pixel"
            )
        return cls(sector, (int(rows[0]), int(cols[0]), int(rows[-1]) + 1, int(cols[-1]) + 1), size)

    @property
    def inner(self) -> tuple[int, int, int, int]:
        """Where the picture lies within the network's square.

        Returns:
            Top, left, height and width, in pixels of the square.
        """
        top, left, bottom, right = self.box
        scale = self.size / max(bottom - top, right - left)
        height = max(1, round((bottom - top) * scale))
        width = max(1, round((right - left) * scale))
        return (self.size - height) // 2, (self.size - width) // 2, height, width

    @cached_property
    def network_sector(self) -> NDArray[np.bool_]:
        """(size, size) bool: the sector in the network's pixels."""
        mask: NDArray[np.bool_] = self._cover > 0.5
        if not mask.any():
            mask[self.inner[0], self.inner[1]] = True
        return mask

    @cached_property
    def _cover(self) -> NDArray[np.float32]:
        """(size, size): the share of each of the network's pixels that was scanned."""
        return self.shrink(self.sector.astype(np.float32))

    def to_network(self, grey: Numbers) -> NDArray[np.float32]:
        """Grey levels, evened out, as the network sees them.

        Args:
            grey: (H, W) float in [0, 1].

        Returns:
            (size, size) float32 in [0, 1]; mean 0.45 and standard deviation 0.20 inside the sector
            (before clipping), -1 outside it, so that a caller can tell the two apart.

        Raises:
            ArgumentError: picture and sector differ in shape.
        """
        if grey.shape != self.sector.shape:
            raise ArgumentError(
                "sector-shape",
                "the picture is {shape}, its sector {sector}; they must agree",
                shape=str(grey.shape),
                sector=str(self.sector.shape),
            )
        # Divided by the share of each pixel that was scanned: the rim would mix with black.
        black = np.zeros(grey.shape, np.float32)
        scanned = self.shrink(
            cv2.copyTo(np.ascontiguousarray(grey, np.float32), self.sector.view(np.uint8), black)
        )
        return even_out(scanned / np.maximum(self._cover, 1e-3), self.network_sector)

    def shrink(self, full: Numbers) -> NDArray[np.float32]:
        """A map of the file, made smaller or larger to fit into the network's square.

        Args:
            full: (H, W) float, in the pixels of the file.

        Returns:
            (size, size) float32; 0 beside the picture.
        """
        top, left, bottom, right = self.box
        row, col, height, width = self.inner
        out = np.zeros((self.size, self.size), np.float32)
        larger = height > bottom - top
        how = cv2.INTER_LINEAR if larger else cv2.INTER_AREA
        out[row : row + height, col : col + width] = cv2.resize(
            full[top:bottom, left:right], (width, height), interpolation=how
        )
        return out

    def shrink_mask(self, full: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """A mask of the file in the network's square.

        Args:
            full: (H, W) bool, in the pixels of the file.

        Returns:
            (size, size) bool: the pixels more than half of which lie in the mask.
        """
        mask: NDArray[np.bool_] = self.shrink(full.astype(np.float32)) > 0.5
        return mask

    def to_file(self, values: Numbers, *, fill: float = 0.0) -> NDArray[np.float32]:
        """A map at any resolution of the network's square, in the pixels of the file.

        Args:
            values: (h, w) float, covering the whole square input (a stride-4 map of a 256 px
                network is 64 x 64).
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
        inside = cv2.warpAffine(
            np.ascontiguousarray(values, np.float32),
            matrix,
            (right - left, bottom - top),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        full = np.full(self.sector.shape, fill, np.float32)
        seen = self.sector[top:bottom, left:right].view(np.uint8)
        cv2.copyTo(inside, seen, full[top:bottom, left:right])
        return full

    def to_network_point(self, row: float, col: float) -> tuple[float, float]:
        """Where a point of the file lies in the network's square.

        Args:
            row: in pixels of the file; the centre of the first row is 0.5.
            col: in pixels of the file; the centre of the first column is 0.5.

        Returns:
            Row and column in pixels of the square, centres at .5.
        """
        top, left, bottom, right = self.box
        first_row, first_col, height, width = self.inner
        return (
            first_row + (row - top) * height / (bottom - top),
            first_col + (col - left) * width / (right - left),
        )


def smooth_within(
    values: Numbers, inside: NDArray[np.float32], sigma: float
) -> NDArray[np.float32]:
    """A Gaussian blur that knows nothing of what lies outside.

    Args:
        values: (h, w) float.
        inside: (h, w) float32, 1 where the values count and 0 elsewhere.
        sigma: standard deviation of the blur, in pixels.

    Returns:
        (h, w) float32.
    """
    cover: NDArray[Any] = cv2.GaussianBlur(inside, (0, 0), sigma)
    blurred: NDArray[Any] = cv2.GaussianBlur(values * inside, (0, 0), sigma)
    smooth: NDArray[np.float32] = blurred / np.maximum(cover, 1e-3)
    return smooth


def even_out(grey: Numbers, sector: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Bring gain and contrast inside the sector to a common mean and spread.

    Args:
        grey: (h, w) float, grey levels.
        sector: (h, w) bool, what was scanned; at least one pixel.

    Returns:
        (h, w) float32 in [0, 1]; mean 0.45 and standard deviation 0.20 inside the sector (before
        clipping), -1 outside it.
    """
    seen = grey[sector]
    return even_out_by(grey, sector, float(seen.mean()), float(seen.std()))


def even_out_by(
    grey: Numbers, sector: NDArray[np.bool_], mean: float, spread: float
) -> NDArray[np.float32]:
    """Bring gain and contrast to a common mean and spread, from those of a larger sector.

    Args:
        grey: (h, w) float, grey levels of a part of a scan.
        sector: (h, w) bool, which of its pixels were scanned.
        mean: mean grey level of the whole scan.
        spread: standard deviation of the grey levels of the whole scan.

    Returns:
        (h, w) float32 in [0, 1] inside the sector, -1 outside it. The whole scan would have mean
        0.45 and standard deviation 0.20 before clipping.
    """
    evened = (grey - mean) / max(spread, 1e-3) * _EVEN_STD + _EVEN_MEAN
    return np.where(sector, np.clip(evened, 0, 1), -1).astype(np.float32)
