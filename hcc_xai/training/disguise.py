"""A picture as another hospital, screen or sender might have it; and strangers that are none.

The router learns from disguised pictures, so that it knows a kind by what is in the picture and not
by how one hospital cuts, scales and compresses it. Harder than what a bundle is trained with:
nothing has to be measured here.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
Levels = NDArray[np.float32]
Change = Callable[[Levels, np.random.Generator], Levels]
_LETTERS = list("ABCDEFGHLMRSTX0123456789 .:/cm")
_WORDS = list("abcdefghijklmnopqrstuvwxyz   ,.")


def disguise(grey: Grey, rng: np.random.Generator) -> Grey:
    """A seeded disguise: cut, turned, scaled down and back, lit, blurred, regrained, vignetted,
    framed, written on, compressed; each with a chance of its own.

    Args:
        grey: (H, W) uint8.
        rng: the same state gives the same picture.

    Returns:
        (h, w) uint8.
    """
    levels = grey.astype(np.float32)
    for change, chance in _CHANGES:
        if rng.random() < chance:
            levels = np.ascontiguousarray(change(levels, rng), np.float32)
    shown = np.clip(levels, 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        shown = _framed(shown, rng)
    if rng.random() < 0.3:
        shown = _written_on(shown, rng)
    return _compressed(shown, rng) if rng.random() < 0.5 else shown


def _mirrored(levels: Levels, rng: np.random.Generator) -> Levels:
    return levels[:, ::-1]


def _cut(levels: Levels, rng: np.random.Generator) -> Levels:
    """A part of the picture, often without any of its edges."""
    height, width = levels.shape
    share = rng.uniform(0.5, 0.97)
    tall = min(height, max(24, int(height * share)))
    beside = rng.uniform(max(0.45, share - 0.2), min(1, share + 0.2))
    wide = min(width, max(24, int(width * beside)))
    top, left = rng.integers(0, height - tall + 1), rng.integers(0, width - wide + 1)
    return levels[top : top + tall, left : left + wide]


def _turned(levels: Levels, rng: np.random.Generator) -> Levels:
    height, width = levels.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-12, 12), 1)
    return np.asarray(cv2.warpAffine(levels, matrix, (width, height)), np.float32)


def _stretched(levels: Levels, rng: np.random.Generator) -> Levels:
    by = float(np.exp(rng.uniform(-0.2, 0.2)))
    return np.asarray(cv2.resize(levels, None, fx=by, fy=1), np.float32)


def _resampled(levels: Levels, rng: np.random.Generator) -> Levels:
    """Down to 80 to 300 pixels, and back."""
    by = rng.uniform(80, 300) / max(levels.shape)
    if by >= 1:
        return levels
    how = int(rng.choice([cv2.INTER_AREA, cv2.INTER_LINEAR]))
    small = cv2.resize(levels, None, fx=by, fy=by, interpolation=how)
    return np.asarray(cv2.resize(small, levels.shape[::-1]), np.float32)


def _gamma(levels: Levels, rng: np.random.Generator) -> Levels:
    exponent = np.float32(np.exp(rng.uniform(-0.6, 0.6)))
    return np.asarray(255 * np.clip(levels / 255, 0, 1) ** exponent, np.float32)


def _gain(levels: Levels, rng: np.random.Generator) -> Levels:
    lit = levels * np.exp(rng.uniform(-0.5, 0.5)) + rng.uniform(-20, 20)
    return np.asarray(np.clip(lit, 0, 255), np.float32)


def _uneven(levels: Levels, rng: np.random.Generator) -> Levels:
    small = rng.normal(0, 0.25, (4, 4)).astype(np.float32)
    field = cv2.resize(small, levels.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(levels * np.exp(field), np.float32)


def _blurred(levels: Levels, rng: np.random.Generator) -> Levels:
    sigma = rng.uniform(0.5, 1 + max(levels.shape) / 200)
    return np.asarray(cv2.GaussianBlur(levels, (0, 0), sigma), np.float32)


def _regrained(levels: Levels, rng: np.random.Generator) -> Levels:
    if rng.random() < 0.5:
        smooth = cv2.medianBlur(np.clip(levels, 0, 255).astype(np.uint8), 5)
        levels = np.asarray(smooth, np.float32)
    noise = rng.normal(0, 1, levels.shape).astype(np.float32)
    noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), rng.uniform(0.4, 1.6)), np.float32)
    share = rng.uniform(0.04, 0.25) / max(float(noise.std()), 1e-6)
    return np.asarray(levels * (1 + share * noise), np.float32)


def _vignetted(levels: Levels, rng: np.random.Generator) -> Levels:
    rows, cols = np.mgrid[: levels.shape[0], : levels.shape[1]]
    centre = rng.uniform(0.3, 0.7, 2)
    away = np.hypot(rows / levels.shape[0] - centre[0], cols / levels.shape[1] - centre[1])
    if rng.random() < 0.5:
        return np.asarray(levels * np.clip(1.3 - rng.uniform(0.5, 1.5) * away, 0, 1), np.float32)
    return np.asarray(levels * (away < rng.uniform(0.45, 0.6)), np.float32)


# In the order in which they are made.
_CHANGES: tuple[tuple[Change, float], ...] = (
    (_mirrored, 0.5),
    (_cut, 0.5),
    (_turned, 0.3),
    (_stretched, 0.4),
    (_resampled, 0.5),
    (_gamma, 0.6),
    (_gain, 0.4),
    (_uneven, 0.4),
    (_blurred, 0.35),
    (_regrained, 0.35),
    (_vignetted, 0.25),
)


def _framed(grey: Grey, rng: np.random.Generator) -> Grey:
    height, width = grey.shape
    top, bottom, left, right = (
        int(rng.uniform(0, 0.2) * side) for side in (height, height, width, width)
    )
    value = int(rng.choice([0, 0, 0, 30, 128, 255]))
    around = (top, bottom, left, right, cv2.BORDER_CONSTANT)
    return np.asarray(cv2.copyMakeBorder(grey, *around, value=value), np.uint8)


def _written_on(grey: Grey, rng: np.random.Generator) -> Grey:
    inked = np.ascontiguousarray(grey)
    height, width = grey.shape
    for _ in range(int(rng.integers(1, 7))):
        words = "".join(rng.choice(_LETTERS, int(rng.integers(1, 14))))
        place = (int(rng.uniform(0, 0.8) * width), int(rng.uniform(0.05, 1) * height))
        scale = rng.uniform(0.3, 0.9) * max(height, width) / 400
        level = int(rng.uniform(120, 255))
        cv2.putText(inked, words, place, cv2.FONT_HERSHEY_SIMPLEX, scale, level, 1, cv2.LINE_AA)
    return inked


def _compressed(grey: Grey, rng: np.random.Generator) -> Grey:
    quality = int(rng.uniform(15, 96))
    coded = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8)


def stranger(index: int, rng: np.random.Generator) -> Grey:
    """A picture of nothing: noise, a page of text, shapes, clouds, a plot or a ramp, in turn.

    Args:
        index: which of the six it is, counted on.
        rng: the same state gives the same picture.

    Returns:
        (H, W) uint8.
    """
    height, width = (int(side) for side in rng.uniform(150, 350, 2))
    levels = _STRANGERS[index % len(_STRANGERS)](height, width, rng)
    return np.asarray(np.clip(levels, 0, 255), np.uint8)


def _noise(height: int, width: int, rng: np.random.Generator) -> NDArray[np.generic]:
    cells = (int(rng.integers(2, 80)), int(rng.integers(2, 80)))
    small = rng.uniform(0, 255, cells).astype(np.float32)
    return cv2.resize(small, (width, height), interpolation=int(rng.choice([0, 1, 2])))


def _page(height: int, width: int, rng: np.random.Generator) -> NDArray[np.generic]:
    page = np.full((height, width), rng.choice([255, 245, 20]), np.uint8)
    ink, row, scale = (0 if page[0, 0] > 100 else 230), 12.0, rng.uniform(0.25, 0.7)
    while row < height:
        words = "".join(rng.choice(_WORDS, int(rng.integers(5, 60))))
        place = (int(rng.choice([6, 6, 20])), int(row))
        cv2.putText(page, words, place, cv2.FONT_HERSHEY_SIMPLEX, scale, ink, 1, cv2.LINE_AA)
        row += scale * rng.uniform(28, 45) + (rng.uniform(20, 60) if rng.random() < 0.1 else 0)
    return page


def _shapes(height: int, width: int, rng: np.random.Generator) -> NDArray[np.generic]:
    sheet = np.full((height, width), rng.uniform(0, 255), np.float32)
    for _ in range(int(rng.integers(2, 25))):
        a, b, c, d = (int(v) for v in rng.uniform(0, max(height, width), 4))
        level, form = float(rng.uniform(0, 255)), int(rng.integers(3))
        thick = int(rng.choice([-1, 1, 3]))
        if form == 0:
            cv2.rectangle(sheet, (a, b), (c, d), level, thick)
        elif form == 1:
            cv2.circle(sheet, (a, b), c // 4 + 2, level, thick)
        else:
            cv2.line(sheet, (a, b), (c, d), level, int(rng.integers(1, 5)))
    return sheet


def _clouds(height: int, width: int, rng: np.random.Generator) -> NDArray[np.generic]:
    waves = np.fft.rfft2(rng.normal(0, 1, (height, width)))
    rows, cols = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    waves /= np.maximum(np.hypot(rows, cols), 1 / width) ** rng.uniform(0.3, 2.2)
    clouds = np.fft.irfft2(waves, (height, width))
    return np.asarray((clouds - clouds.mean()) / clouds.std() * 50 + rng.uniform(60, 190))


def _plot(height: int, width: int, rng: np.random.Generator) -> NDArray[np.generic]:
    sheet = np.full((height, width), 255, np.float32)
    along = np.linspace(10, width - 10, 60)
    for _ in range(int(rng.integers(1, 4))):
        curve = height / 2 + np.cumsum(rng.normal(0, height / 30, 60))
        points = np.stack([along, curve], 1).astype(np.int32)
        cv2.polylines(sheet, [points], False, float(rng.uniform(0, 150)), int(rng.integers(1, 3)))
    cv2.rectangle(sheet, (10, 10), (width - 10, height - 10), 0, 1)
    return sheet


def _ramp(height: int, width: int, rng: np.random.Generator) -> NDArray[np.generic]:
    ramp = np.tile(np.linspace(0, 255, width), (height, 1))
    return np.asarray(ramp[:, :: int(rng.choice([1, -1]))] + rng.normal(0, rng.uniform(0, 40)))


_STRANGERS = (_noise, _page, _shapes, _clouds, _plot, _ramp)
