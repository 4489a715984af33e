"""Spoilt phantoms raise the flag that is meant for them, and sound ones raise none."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from hcc_xai.analysis import Analyzer
from hcc_xai.geometry import find_sector
from hcc_xai.phantom import make, random_spec
from hcc_xai.quality import LIMITS, faults, measure_quality

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


def test_a_tint_is_no_doppler() -> None:
    pixels, sector = _scan(1)
    tinted = np.clip(pixels * np.array([1.0, 0.85, 0.6]), 0, 255).astype(np.uint8)
    assert "colour" not in faults(measure_quality(tinted, sector))


def test_flags_come_with_words_in_both_languages(tiny: Analyzer) -> None:
    pixels, _ = _scan(2)
    flags = {f.code: f for f in tiny.analyze(_gain(pixels, 0.15)).flags}
    flag = flags["quality-dark"]
    assert flag.severity == "warning" and flag.message["en"] and flag.message["es"]
    from hcc_xai import words

    assert all(words.both(f"quality-{name}") for name in LIMITS)
    assert find_sector(pixels).any()
