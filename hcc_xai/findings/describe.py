"""A lesion in the reader's own words, each word with the number behind it.

Terms are those of US LI-RADS and of everyday reports. Numbers come from the picture and the outline
alone, whoever drew it; the network has no part in them. Levels are decibels of the usual 60 dB grey
scale: what the file's scanner really used is not known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from hcc_xai.findings.lesions import Lesion
from hcc_xai.imaging.frame import smooth_within
from hcc_xai.language import words

_SCALE_DB = 60.0  # from black to white
_SPECKLE = 0.012  # of the sector's longer side: smoothing that takes speckle away
_LEAST = 30  # pixels that a mean needs
_VESSEL_DB = 8.0  # that a vessel's blood is darker than the liver, at least
Mask = NDArray[np.bool_]
Grey = NDArray[np.float32]


@dataclass(frozen=True)
class Descriptor:
    """One word of a description.

    Attributes:
        name: what is described, like "echogenicity"; `describe` lists all.
        value: the number behind the word, in `unit`; None where it cannot be measured.
        unit: "dB", "mm", "px", or "" for a share or a ratio.
        word: the field's term in English; "" where the value says it all.
    """

    name: str
    value: float | None
    unit: str
    word: str

    def said(self, language: str = "en") -> str:
        """The word as a reader of that language writes it.

        Args:
            language: "en" or "es".
        """
        return words.term(self.word, language) if self.word else ""

    def to_dict(self) -> dict[str, str | float | None]:
        """Each attribute by its name."""
        return {"name": self.name, "value": self.value, "unit": self.unit, "word": self.word}


def describe(grey: Grey, sector: Mask, liver: Mask, lesion: Lesion) -> tuple[Descriptor, ...]:
    """What a radiologist would write of a lesion.

    Args:
        grey: (H, W) float32, grey levels from 0 to 1, in the pixels of the file.
        sector: (H, W) bool, what was scanned.
        liver: (H, W) bool, the liver with the lesion in it.
        lesion: the lesion, which `find_lesions` gives.

    Returns:
        One descriptor of each name, in this order:
        echogenicity: level of the lesion less that of the liver around it, dB.
        homogeneity: spread of its level over that of the liver's, a ratio.
        margin: width over which the level changes, as a share of the diameter.
        halo: how far a rim is darker than both sides of it, dB; 0 where it is not.
        shape: its share of its convex hull.
        roundness: its width over its diameter.
        posterior: level behind it less that on both sides of there, dB.
        size: its diameter, mm or pixels.
        depth: from the transducer's face to its nearest edge, mm or pixels.
        capsule: distance to the liver's edge, mm or pixels.
        vessel: distance to the nearest dark channel in the liver, which is what a vessel looks
            like, mm or pixels; None where none is seen.
    """
    scene = _Scene(grey, sector, liver, lesion)
    unit = "px" if lesion.diameter_mm is None else "mm"
    size, depth = (
        (lesion.diameter_px, lesion.depth_px)
        if lesion.diameter_mm is None
        else (lesion.diameter_mm, lesion.depth_mm)
    )
    hull = cv2.convexHull(lesion.outline[:, ::-1].astype(np.float32))
    inside = float(cv2.contourArea(lesion.outline[:, ::-1].astype(np.float32)))
    solidity = inside / max(float(cv2.contourArea(hull)), 1.0)
    roundness = lesion.width_px / max(lesion.diameter_px, 1.0)
    shape = "lobulated" if solidity < 0.93 else "round" if roundness > 0.75 else "oval"
    millimetre = None if lesion.diameter_mm is None else lesion.diameter_mm / lesion.diameter_px
    gap = scene.to_capsule()
    near = gap is not None and (gap * millimetre < 10 if millimetre else gap < lesion.width_px / 2)
    tube = scene.to_vessel()
    at_vessel = tube is not None and (
        tube * millimetre < 5 if millimetre else tube < lesion.width_px / 4
    )
    return (
        _named("echogenicity", scene.contrast(), "dB", scene.echogenicity),
        _named(
            "homogeneity",
            scene.spread(),
            "",
            lambda v: "heterogeneous" if v > 1.5 else "homogeneous",
        ),
        _named(
            "margin", scene.margin(), "", lambda v: "ill-defined" if v > 0.25 else "well-defined"
        ),
        _named("halo", scene.halo(), "dB", lambda v: "halo" if v > 2.0 else "no halo"),
        Descriptor("shape", solidity, "", shape),
        Descriptor("roundness", roundness, "", ""),
        _named("posterior", scene.posterior(), "dB", _posterior),
        Descriptor("size", size, unit, ""),
        Descriptor("depth", depth, unit, ""),
        Descriptor(
            "capsule",
            gap if gap is None or millimetre is None else gap * millimetre,
            unit,
            "" if gap is None else "subcapsular" if near else "deep",
        ),
        Descriptor(
            "vessel",
            tube if tube is None or millimetre is None else tube * millimetre,
            unit,
            "" if tube is None else "at a vessel" if at_vessel else "away from vessels",
        ),
    )


def _named(name: str, value: float | None, unit: str, word: Callable[[float], str]) -> Descriptor:
    return Descriptor(name, value, unit, "" if value is None else word(value))


def _posterior(value: float) -> str:
    if value > 2.0:
        return "posterior enhancement"
    return "posterior shadow" if value < -2.0 else "no posterior change"


class _Scene:
    """A lesion and its surroundings, cropped to them."""

    def __init__(self, grey: Grey, sector: Mask, liver: Mask, lesion: Lesion) -> None:
        self.lesion = lesion
        rows, cols = np.nonzero(lesion.mask)
        reach = int(1.2 * lesion.diameter_px) + 8
        top, left = max(0, rows.min() - reach), max(0, cols.min() - reach)
        box = np.s_[top : rows.max() + reach, left : cols.max() + reach]
        self.mask = lesion.mask[box].astype(np.uint8)
        self.liver, self.sector = liver[box], sector[box]
        self.whole_liver = liver
        side = max(np.ptp(np.flatnonzero(sector.any(1))), np.ptp(np.flatnonzero(sector.any(0))))
        self.level = np.ascontiguousarray(grey[box], np.float32) * _SCALE_DB  # dB above black
        cover = self.sector.astype(np.float32)
        wide = max(1.0, _SPECKLE * float(side))
        self.smooth = smooth_within(self.level, cover, wide)
        # Pixels from the outline, below zero inside.
        self.distance = cv2.distanceTransform(
            1 - self.mask, cv2.DIST_L2, 5
        ) - cv2.distanceTransform(self.mask, cv2.DIST_L2, 5)

    def _mean(self, low: float, high: float) -> float | None:
        """Level of a ring of the liver or the lesion; distances in radii of the lesion."""
        radius = self.lesion.width_px / 2
        ring = (self.distance >= low * radius) & (self.distance <= high * radius)
        ring &= self.liver | (self.mask > 0)
        values = self.level[ring]
        return float(values.mean()) if values.size >= _LEAST else None

    @cached_property
    def _core(self) -> float | None:
        return self._mean(-9, -0.25)

    @cached_property
    def _around(self) -> float | None:
        return self._mean(0.3, 1.0)

    def contrast(self) -> float | None:
        """Mean level of the lesion less that of the liver around it, dB."""
        core, around = self._core, self._around
        return None if core is None or around is None else core - around

    def echogenicity(self, contrast: float) -> str:
        if contrast < -8 and (self._core or 0.0) < 4.0:
            return "anechoic"
        return "hypoechoic" if contrast < -2 else "hyperechoic" if contrast > 2 else "isoechoic"

    def spread(self) -> float | None:
        """Standard deviation of the level without speckle, in the lesion over the liver."""
        radius = self.lesion.width_px / 2
        inner = self.distance < -0.3 * radius
        outer = (self.distance > 0.3 * radius) & (self.distance < 1.2 * radius) & self.liver
        if inner.sum() < _LEAST or outer.sum() < _LEAST:
            return None
        return float(_flat_std(self.smooth, inner) / max(_flat_std(self.smooth, outer), 0.2))

    def margin(self) -> float | None:
        """Width over which the level changes from a tenth to nine tenths, share of the diameter."""
        core, around = self._core, self._around
        if core is None or around is None or abs(core - around) < 1.5:
            return None
        radius = self.lesion.width_px / 2
        edges = np.linspace(-0.8 * radius, 0.8 * radius, 33)
        where = self.liver | (self.mask > 0)
        middle = (edges[:-1] + edges[1:]) / 2
        bins = np.digitize(self.distance[where], edges) - 1
        inside = (bins >= 0) & (bins < 32)
        sums = np.bincount(bins[inside], self.level[where][inside], minlength=32)
        counts = np.bincount(bins[inside], minlength=32)
        known = counts > 0
        share = (sums[known] / counts[known] - core) / (around - core)
        rising = np.maximum.accumulate(share)
        low = np.interp(0.1, rising, middle[known])
        high = np.interp(0.9, rising, middle[known])
        return float(max(0.0, high - low) / self.lesion.diameter_px)

    def halo(self) -> float | None:
        """How far the rim is darker than the darker of both sides, dB; 0 where it is not."""
        core, around = self._core, self._around
        rims = [self._mean(a, a + 0.1) for a in np.arange(-0.35, 0.15, 0.05)]
        known = [rim for rim in rims if rim is not None]
        if core is None or around is None or not known:
            return None
        return max(0.0, min(core, around) - min(known))

    def posterior(self) -> float | None:
        """Level right behind the lesion less that on both sides of it at the same depth, dB."""
        rows, cols = np.nonzero(self.mask)
        height, width = int(np.ptp(rows)) + 1, int(np.ptp(cols)) + 1
        start, stop = rows.max() + height // 6 + 1, rows.max() + height // 6 + 1 + height // 2
        behind = np.zeros(self.mask.shape, bool)
        beside = np.zeros(self.mask.shape, bool)
        third = max(2, width // 3)
        middle = (cols.min() + cols.max()) // 2
        behind[start:stop, max(0, middle - third // 2 - 1) : middle + third // 2 + 1] = True
        for left in (cols.min() - third - width // 4, cols.max() + width // 4):
            beside[start:stop, max(0, left) : max(0, left + third)] = True
        behind &= self.liver & (self.mask == 0)
        beside &= self.liver & (self.mask == 0)
        if behind.sum() < _LEAST or beside.sum() < _LEAST:
            return None
        return float(self.level[behind].mean() - self.level[beside].mean())

    def to_capsule(self) -> float | None:
        """Pixels from the lesion to the liver's edge, 0 where it touches it."""
        padded = np.pad(self.whole_liver.astype(np.uint8), 1)
        inner = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]
        values = inner[self.lesion.mask & self.whole_liver]
        return float(max(0.0, values.min() - 1)) if values.size else None

    def to_vessel(self) -> float | None:
        """Pixels from the lesion to the nearest channel of the liver that is far darker than the
        liver and longer than wide."""
        tissue = self.liver & (self.distance > 0.1 * self.lesion.width_px)
        if tissue.sum() < _LEAST:
            return None
        dark = tissue & (self.smooth < np.median(self.smooth[tissue]) - _VESSEL_DB)
        edge = cv2.erode(self.liver.astype(np.uint8), np.ones((9, 9), np.uint8), borderValue=0)
        count, parts, stats, _ = cv2.connectedComponentsWithStats(
            (dark & (edge > 0)).astype(np.uint8)
        )
        distances = []
        for index in range(1, count):
            area = int(stats[index, cv2.CC_STAT_AREA])
            mine = parts == index
            thick = 2 * float(cv2.distanceTransform(mine.astype(np.uint8), cv2.DIST_L2, 5).max())
            if area >= _LEAST and area > 3 * thick**2:  # a channel three times as long as wide
                distances.append(float(self.distance[mine].min()))
        return min(distances, default=None)


def _flat_std(values: Grey, mask: Mask) -> float:
    """Standard deviation without a linear slope: gain that changes with depth is no texture."""
    rows, cols = np.nonzero(mask)
    plane = np.column_stack([np.ones(len(rows)), rows, cols]).astype(np.float64)
    picked = values[mask].astype(np.float64)
    fitted = plane @ np.linalg.lstsq(plane, picked, rcond=None)[0]
    return float((picked - fitted).std())
