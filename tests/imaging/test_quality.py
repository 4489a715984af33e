"""Spoilt phantoms raise the flag that is meant for them, and sound ones raise none."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.imaging.frame import find_sector
from hcc_xai.imaging.quality import LIMITS, faults, measure_quality
from hcc_xai.phantoms.phantom import make, random_spec

SEEDS = range(8)


def _scan(seed: int) -> tuple[np.ndarray, np.ndarray]:
    phantom = make(random_spec(seed, shape=(480, 640)))
    return phantom.pixels, phantom.sector


def _gain(pixels: np.ndarray, factor: float) -> np.ndarray:
    return np.clip(pixels * factor, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_sound_scan_raises_nothing(seed: int) -> None:
    pixels, sector = _scan(seed)
    assert faults(measure_quality(pixels, sector)) == ()


@pytest.mark.parametrize("seed", SEEDS)
def test_each_fault_raises_its_own_flag(seed: int) -> None:
    pixels, sector = _scan(seed)
    dark = faults(measure_quality(_gain(pixels, 0.1), sector))
    assert "dark" in dark
    assert "saturated" in faults(measure_quality(_gain(pixels, 4.0), sector))
    blurred = cv2.GaussianBlur(pixels, (0, 0), 9)
    assert "blurred" in faults(measure_quality(blurred, sector))
    small = cv2.resize(pixels, (130, 98), interpolation=cv2.INTER_AREA)
    inside = cv2.resize(sector.astype(np.uint8), (130, 98), interpolation=cv2.INTER_NEAREST) > 0
    assert "small" in faults(measure_quality(small, inside))
    rows, cols = np.flatnonzero(sector.any(1)), np.flatnonzero(sector.any(0))
    middle, half = int(cols.mean()), len(cols) // 6
    cut = np.s_[rows[0] + len(rows) // 4 : rows[-1] - len(rows) // 4, middle - half : middle + half]
    assert "cut-off" in faults(measure_quality(pixels[cut], sector[cut]))
    doppler = pixels.copy()
    centre = (int(cols.mean()), int(rows.mean()))
    cv2.circle(doppler, centre, 25, (220, 40, 30), -1)
    assert faults(measure_quality(doppler, sector)) == ("colour",)


@pytest.mark.parametrize("marker", [cv2.MARKER_CROSS, cv2.MARKER_TILTED_CROSS])
@pytest.mark.parametrize("size", [9, 13, 20])
@pytest.mark.parametrize("seed", SEEDS[:4])
def test_a_caliper_is_found_and_is_no_text(seed: int, size: int, marker: int) -> None:
    pixels, sector = _scan(seed)
    row, col = (int(i.mean()) for i in np.nonzero(sector))
    cv2.drawMarker(pixels, (col, row), (230, 230, 230), marker, size, 1 + size // 10)
    sent = cv2.imdecode(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])[1], 1)
    assert faults(measure_quality(sent, sector)) == ("caliper",)


@pytest.mark.parametrize("seed", SEEDS[:4])
def test_text_in_the_scan_is_found_and_text_beside_it_is_none(seed: int) -> None:
    pixels, sector = _scan(seed)
    row, col = (int(i.mean()) for i in np.nonzero(sector))
    written = pixels.copy()
    font, white = cv2.FONT_HERSHEY_SIMPLEX, (230, 230, 230)
    cv2.putText(written, "S8 LESION", (col - 60, row), font, 0.6, white, 1, cv2.LINE_AA)
    assert "text" in faults(measure_quality(written, sector))
    left = int(np.flatnonzero(sector[:40].any(0))[0]) if sector[:40].any() else 200
    cv2.putText(pixels, "GEN", (2, 20), font, 0.5, white, 1, cv2.LINE_AA)
    assert left > 60 and faults(measure_quality(pixels, sector)) == ()


def test_a_tint_is_no_doppler() -> None:
    pixels, sector = _scan(1)
    tinted = np.clip(pixels * np.array([1.0, 0.85, 0.6]), 0, 255).astype(np.uint8)
    assert "colour" not in faults(measure_quality(tinted, sector))


def test_flags_come_with_words_in_both_languages(tiny: Analyzer) -> None:
    pixels, _ = _scan(2)
    flags = {f.code: f for f in tiny.analyze(_gain(pixels, 0.15)).flags}
    flag = flags["quality-dark"]
    assert flag.severity == "warning" and flag.message["en"] and flag.message["es"]
    from hcc_xai.language import words

    assert all(words.both(f"quality-{name}") for name in LIMITS)
    assert find_sector(pixels).any()


def test_a_kind_has_limits_of_its_own() -> None:
    measured = {name: (limit + 1 if more else limit - 1) for name, (limit, more) in LIMITS.items()}
    assert faults(measured) == tuple(LIMITS)
    own = {"cut-off": None, "dark": -5.0}
    assert faults(measured, own) == tuple(n for n in LIMITS if n not in own)
