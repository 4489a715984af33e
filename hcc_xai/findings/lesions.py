"""Masks to lesions with sizes: in pixels always, in millimetres only where the picture states its
spacing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hcc_xai.findings.outlines import Outlines

Interval = tuple[float, float]
SpacingAt = Callable[[float, float], tuple[float, float] | None]
Mask = NDArray[np.bool_]
LEAST_PIXELS = 4  # a part of fewer is no lesion, whatever its share of the sector


@dataclass(frozen=True, eq=False)
class Lesion:
    """One lesion.

    Attributes:
        mask: (H, W) bool, in the pixels of the file.
        outline: (N, 2) int32, (row, column) of its edge pixels; the last is beside the first.
        confidence: the chance that it is a lesion at all, 0 to 1; the mean lesion probability
            inside the mask where the bundle holds no calibration.
        diameter_px: longest distance between two points of it, pixels.
        width_px: extent across the diameter, pixels.
        area_px: its number of pixels.
        depth_px: from its nearest edge to the top edge of the sector (the transducer's face),
            pixels.
        inner: (H, W) bool, what is surely lesion (the bundle's card says how surely); it may be
            empty. None where the bundle draws no such line.
        outer: (H, W) bool, what surely holds all of the lesion; None where the bundle draws no such
            line.
        diameter_px_interval: diameter of the inner and of the outer mask, pixels, the lower first;
            None without these masks.
        width_px_interval: width of the inner and of the outer mask, pixels, the lower first.
        area_px_interval: area of the inner and of the outer mask, pixels, the lower first.
        depth_px_interval: depth of the inner and of the outer mask, pixels, the lower first.
        diameter_mm: diameter in mm; None where the picture states no spacing.
        width_mm: width in mm; None where the picture states no spacing.
        area_mm2: area in square millimetres; None where the picture states no spacing.
        depth_mm: depth in mm; None where the picture states no spacing.
        diameter_mm_interval: diameter of the inner and of the outer mask, mm, the lower first; None
            without these masks or the spacing.
        width_mm_interval: width of the inner and of the outer mask, mm, the lower first.
        area_mm2_interval: area of the inner and of the outer mask, square millimetres, the lower
            first.
        depth_mm_interval: depth of the inner and of the outer mask, mm, the lower first.
    """

    mask: NDArray[np.bool_]
    outline: NDArray[np.int32]
    confidence: float
    diameter_px: float
    width_px: float
    area_px: float
    depth_px: float
    inner: NDArray[np.bool_] | None = None
    outer: NDArray[np.bool_] | None = None
    diameter_px_interval: Interval | None = None
    width_px_interval: Interval | None = None
    area_px_interval: Interval | None = None
    depth_px_interval: Interval | None = None
    diameter_mm: float | None = None
    width_mm: float | None = None
    area_mm2: float | None = None
    depth_mm: float | None = None
    diameter_mm_interval: Interval | None = None
    width_mm_interval: Interval | None = None
    area_mm2_interval: Interval | None = None
    depth_mm_interval: Interval | None = None

    def to_dict(self) -> dict[str, object]:
        """All numbers, and the centre as (row, column); no pixels."""
        skipped = ("mask", "outline", "inner", "outer")
        numbers = {k: getattr(self, k) for k in self.__dataclass_fields__ if k not in skipped}
        rows, cols = np.nonzero(self.mask)
        return {"centre": [float(rows.mean()) + 0.5, float(cols.mean()) + 0.5], **numbers}


def find_lesions(
    logits: NDArray[np.float32],
    mask: NDArray[np.bool_],
    sector: NDArray[np.bool_],
    *,
    least_share: float = 0.0,
    outlines: Outlines | None = None,
    spacing_at: SpacingAt | None = None,
) -> tuple[Lesion, ...]:
    """The lesions of a mask, largest first.

    Args:
        logits: (H, W) float32, logit of the lesion's probability, in the pixels of the file.
        mask: (H, W) bool, where that probability is over its threshold.
        sector: (H, W) bool, what was scanned.
        least_share: parts smaller than this share of the sector, 0 to 1, are specks and left out.
        outlines: says which parts are sure enough, and what their confidence is.
        spacing_at: function of (row, column) that gives (mm per row, mm per column), or None where
            the spacing is not known.
    """
    if not mask.any():
        return ()
    box = _box(mask)
    count, parts, stats, centres = cv2.connectedComponentsWithStats(
        mask[box].view(np.uint8), connectivity=8
    )
    outlines, face = outlines or Outlines(), _face(sector)
    least = max(float(LEAST_PIXELS), least_share * float(sector.sum()))
    large = [i for i in range(1, count) if stats[i, cv2.CC_STAT_AREA] >= least]
    large.sort(key=lambda i: -int(stats[i, cv2.CC_STAT_AREA]))
    lesions = []
    for index in large:
        part = np.zeros(mask.shape, bool)
        part[box] = parts == index
        mean = float((1 / (1 + np.exp(-logits[box][part[box]]))).mean())
        share = float(stats[index, cv2.CC_STAT_AREA]) / max(1.0, float(sector.sum()))
        confidence = outlines.confidence(mean, share)
        if confidence < outlines.least:
            continue
        col, row = centres[index] + (box[1].start, box[0].start)
        spacing = spacing_at(row, col) if spacing_at else None
        lines = _lines(logits, part, sector, outlines)
        lesions.append(_lesion(part, confidence, face, spacing, lines))
    return tuple(lesions)


def _lines(
    logits: NDArray[np.float32], mask: Mask, sector: Mask, outlines: Outlines
) -> tuple[Mask, Mask] | None:
    """What lies within the inner and the outer line of a lesion."""
    if outlines.inner is None or outlines.outer is None:
        return None
    inner, outer = (
        logits >= np.log(max(p, 1e-6) / max(1 - p, 1e-6)) for p in (outlines.inner, outlines.outer)
    )
    outer = (outer & sector) | mask
    box = _box(outer)
    _, parts = cv2.connectedComponents(outer[box].view(np.uint8), connectivity=8)
    outer = np.zeros_like(mask)
    outer[box] = parts == parts[mask[box]][0]
    return inner & mask, outer


def _box(mask: Mask) -> tuple[slice, slice]:
    """What a mask lies within; nothing of an empty one."""
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    return slice(top, top + height), slice(left, left + width)


def whole_organ(mask: NDArray[np.bool_], *, least: float = 0.1) -> NDArray[np.bool_]:
    """A mask without small parts and without holes.

    An organ is of one piece, or few, and its vessels belong to it.

    Args:
        mask: (H, W) bool.
        least: parts whose area is less than this share of the largest part's, 0 to 1, are left out.

    Returns:
        (H, W) bool.
    """
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    areas = [cv2.contourArea(contour) for contour in contours]
    large = [c for c, area in zip(contours, areas, strict=True) if area >= least * max(areas)]
    filled = np.zeros(mask.shape, np.uint8)
    cv2.drawContours(filled, large, -1, 1, cv2.FILLED)
    return filled > 0


def _lesion(
    mask: Mask,
    confidence: float,
    face: NDArray[np.intp],
    spacing: tuple[float, float] | None,
    lines: tuple[Mask, Mask] | None,
) -> Lesion:
    inner, outer = lines or (None, None)
    values: dict[str, Any] = {
        "mask": mask,
        "confidence": confidence,
        "inner": inner,
        "outer": outer,
        "outline": _outline(mask),
    }
    units = [("px", "px", (1.0, 1.0))] + ([("mm", "mm2", spacing)] if spacing else [])
    for unit, square, step in units:
        names = (f"diameter_{unit}", f"width_{unit}", f"area_{square}", f"depth_{unit}")
        values |= dict(zip(names, _sizes(mask, face, step), strict=True))
        if inner is not None and outer is not None:
            least = _sizes(inner, face, step) if inner.any() else (0.0, 0.0, 0.0, None)
            most = _sizes(outer, face, step)
            for name, *ends in zip(names, least, most, strict=True):
                bounds = [values[name] if end is None else end for end in ends] + [values[name]]
                values[f"{name}_interval"] = (min(bounds), max(bounds))
    return Lesion(**values)


def _outline(mask: Mask) -> NDArray[np.int32]:
    box = _box(mask)
    contours, _ = cv2.findContours(
        mask[box].view(np.uint8),
        cv2.RETR_EXTERNAL,
        cv2.CHAIN_APPROX_NONE,
        offset=(box[1].start, box[0].start),
    )
    return max(contours, key=len)[:, 0, ::-1].astype(np.int32)  # (N, 2), row first


def _sizes(
    mask: Mask, face: NDArray[np.intp], step: tuple[float, float]
) -> tuple[float, float, float, float]:
    """Diameter, width, area and depth of a mask's largest part, in units of the step (per row, per
    column)."""
    outline = _outline(mask)
    diameter, width = caliper(_edge_points(outline) * np.array(step))
    area = float(cv2.countNonZero(mask.view(np.uint8))) * step[0] * step[1]
    return diameter, width, area, _depth(outline, face, step)


def _edge_points(outline: NDArray[np.int32]) -> NDArray[np.float64]:
    """Corners of the outline's pixels, so that a disc of diameter 20 measures 20 and not 19. (N,
    2) -> (4 N, 2)."""
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    points: NDArray[np.float64] = (outline[:, None] + corners).reshape(-1, 2).astype(np.float64)
    return points


def caliper(points: NDArray[np.float64]) -> tuple[float, float]:
    """Measure points as a caliper would.

    Args:
        points: (N, 2) of row and column, in any unit of length.

    Returns:
        Longest distance between two of them, and their extent perpendicular to it, in that unit.
    """
    hull = cv2.convexHull(points.astype(np.float32))[:, 0].astype(np.float64)
    apart = np.linalg.norm(hull[:, None] - hull[None], axis=2)
    first, second = np.unravel_index(int(np.argmax(apart)), apart.shape)
    longest = float(apart[first, second])
    along = (hull[second] - hull[first]) / max(longest, 1e-9)
    across = hull @ np.array([-along[1], along[0]])
    return longest, float(across.max() - across.min())


def _face(sector: Mask) -> NDArray[np.intp]:
    """The sector's top edge, (N, 2) of row and column."""
    columns = np.flatnonzero(sector.any(0))
    tops = sector[:, columns].argmax(0)
    # Only the face counts: the flanks of a fan are below its upper corners.
    middle = (columns > np.percentile(columns, 30)) & (columns < np.percentile(columns, 70))
    return np.column_stack([tops[middle], columns[middle]])


def _depth(
    outline: NDArray[np.int32], face: NDArray[np.intp], spacing: tuple[float, float]
) -> float:
    """Shortest way from the outline to the top edge of the sector, in units of the spacing."""
    if not len(face):
        return 0.0
    ends = outline[::4] * np.array(spacing), face[::4] * np.array(spacing)
    apart = np.linalg.norm(ends[0][:, None] - ends[1][None], axis=2)
    return float(apart.min())
