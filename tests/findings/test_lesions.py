"""Sizes against shapes whose sizes are known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy.spatial.distance import pdist

from hcc_xai.findings.lesions import caliper, find_lesions, whole_organ
from hcc_xai.findings.outlines import Outlines


def _ellipse(
    axes: tuple[int, int], angle: float, centre: tuple[int, int] = (150, 100)
) -> np.ndarray:
    canvas = np.zeros((220, 300), np.uint8)
    cv2.ellipse(canvas, centre, axes, angle, 0, 360, 1, -1)
    return canvas > 0


@pytest.mark.parametrize(
    ("axes", "angle"), [((40, 20), 0), ((40, 20), 33), ((25, 25), 0), ((60, 12), 120)]
)
def test_diameters_of_ellipses_to_within_two_pixels(axes, angle) -> None:
    mask = _ellipse(axes, angle)
    lesion = find_lesions(np.where(mask, 4.0, -4.0), mask, np.ones_like(mask))[0]
    assert lesion.diameter_px == pytest.approx(2 * axes[0] + 1, abs=2)
    assert lesion.width_px == pytest.approx(2 * axes[1] + 1, abs=2)
    assert lesion.area_px == mask.sum()
    assert lesion.confidence == pytest.approx(1 / (1 + np.exp(-4.0)))
    assert lesion.diameter_mm is None


def test_uneven_spacing_is_honoured() -> None:
    mask = _ellipse((20, 20), 0)
    lesion = find_lesions(
        np.zeros(mask.shape), mask, np.ones_like(mask), spacing_at=lambda r, c: (0.5, 0.25)
    )[0]
    assert lesion.diameter_mm == pytest.approx(41 * 0.5, abs=1)
    assert lesion.width_mm == pytest.approx(41 * 0.25, abs=1)
    assert lesion.area_mm2 == pytest.approx(mask.sum() * 0.125)
    assert lesion.depth_mm == pytest.approx(80 * 0.5, abs=1)


def test_largest_first_and_specks_left_out() -> None:
    mask = _ellipse((10, 10), 0, (60, 60)) | _ellipse((30, 20), 0, (200, 120))
    mask[5, 5] = True
    found = find_lesions(np.zeros(mask.shape), mask, np.ones_like(mask), least_share=0.0)
    assert len(found) == 2 and found[0].area_px > found[1].area_px
    assert len(find_lesions(np.zeros(mask.shape), mask, np.ones_like(mask), least_share=0.01)) == 1
    assert find_lesions(np.zeros(mask.shape), np.zeros_like(mask), np.ones_like(mask)) == ()


def test_depth_is_measured_from_the_face() -> None:
    sector = np.zeros((220, 300), bool)
    sector[30:] = True
    mask = _ellipse((15, 15), 0, (150, 100))
    assert find_lesions(np.zeros(mask.shape), mask, sector)[0].depth_px == pytest.approx(
        100 - 15 - 30, abs=1
    )


def test_caliper_of_a_square() -> None:
    longest, across = caliper(np.array([[0, 0], [0, 3], [3, 0], [3, 3]], float))
    assert longest == pytest.approx(3 * 2**0.5) and across == pytest.approx(3 * 2**0.5)


@pytest.mark.parametrize("seed", range(8))
def test_sizes_are_those_of_opencv_and_scipy(seed: int) -> None:
    """The farthest pair of any ragged shape's points; both sides of a turned rectangle."""
    rng = np.random.default_rng(seed)
    ragged = rng.normal(0, (30, 12), (200, 2))
    assert caliper(ragged)[0] == pytest.approx(pdist(ragged).max(), rel=1e-5)
    corners = cv2.boxPoints(((150, 110), (90, 12), float(rng.uniform(0, 90))))
    mask = cv2.fillPoly(np.zeros((220, 300), np.uint8), [np.rint(corners).astype(int)], 1) > 0
    lesion = find_lesions(np.zeros(mask.shape), mask, np.ones_like(mask))[0]
    (_, sides, _) = cv2.minAreaRect(np.argwhere(mask).astype(np.float32))
    diagonal = np.hypot(*(np.array(sides) + 1))
    assert lesion.diameter_px == pytest.approx(diagonal, abs=2)
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    inside, rim = cv2.contourArea(contours[0]), len(contours[0])
    assert lesion.area_px == inside + rim / 2 + 1  # Pick's theorem


def test_an_organ_loses_islands_and_holes_and_keeps_its_large_parts() -> None:
    mask = _ellipse((40, 30), 0) | _ellipse((15, 15), 0, (260, 30))
    ragged = mask.copy()
    ragged[200:206, 10:16] = True
    ragged[95:100, 145:150] = False
    np.testing.assert_array_equal(whole_organ(ragged), mask)
    assert not whole_organ(np.zeros_like(mask)).any()


def _cone(radius: float = 40.0) -> np.ndarray:
    """Logits that fall from the middle outwards and are zero on a circle of that radius."""
    y, x = np.mgrid[:220, :300]
    return ((radius - np.hypot(y - 110, x - 150)) / 10).astype(np.float32)


def test_inner_and_outer_lines_bound_the_sizes() -> None:
    logits = _cone()
    lines = Outlines(inner=0.8, outer=0.2)
    mask = logits > 0
    lesion = find_lesions(
        logits, mask, np.ones_like(mask), outlines=lines, spacing_at=lambda r, c: (0.5, 0.5)
    )[0]
    assert not (lesion.inner & ~lesion.mask).any() and not (lesion.mask & ~lesion.outer).any()
    reach = 10 * np.log(4)  # pixels from the circle at which the probability is 0.8, and 0.2
    low, high = lesion.diameter_px_interval
    assert low == pytest.approx(2 * (40 - reach), abs=2)
    assert high == pytest.approx(2 * (40 + reach), abs=2)
    assert lesion.diameter_mm_interval == pytest.approx((low / 2, high / 2))
    assert lesion.area_mm2_interval[0] == pytest.approx(lesion.inner.sum() / 4)
    assert lesion.depth_px_interval[0] < lesion.depth_px < lesion.depth_px_interval[1]
    assert "inner" not in lesion.to_dict() and lesion.to_dict()["diameter_px_interval"]


def test_without_lines_there_are_no_intervals_and_an_empty_inner_line_bounds_by_zero() -> None:
    logits = _cone()
    mask = logits > 0
    assert find_lesions(logits, mask, np.ones_like(mask))[0].diameter_px_interval is None
    weak = np.minimum(logits, 1.0)  # nowhere surer than 0.73
    found = find_lesions(weak, mask, np.ones_like(mask), outlines=Outlines(inner=0.9, outer=0.3))[0]
    assert not found.inner.any() and found.diameter_px_interval[0] == 0
    assert found.depth_px_interval[1] == found.depth_px


def test_a_part_that_is_not_sure_enough_is_no_lesion_and_size_counts() -> None:
    small, large = _ellipse((6, 6), 0, (60, 60)), _ellipse((30, 20), 0, (200, 120))
    mask = small | large
    sure = Outlines(least=0.5, slope=1.0, size=1.0, bias=3.0)
    found = find_lesions(np.where(mask, 1.0, -4.0), mask, np.ones_like(mask), outlines=sure)
    assert len(found) == 1 and found[0].area_px == large.sum()
    share = large.sum() / mask.size
    assert found[0].confidence == pytest.approx(sure.confidence(1 / (1 + np.exp(-1.0)), share))
