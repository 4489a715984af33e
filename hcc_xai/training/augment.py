"""A training sample as another scanner, operator and patient might have given it.

The window that the network sees in training is smaller than its input: it moves over the picture,
mostly to where the lesion is. Lesions are seen larger for the same cost, the outline of the sector
(which gives the class away here) is often out of sight, and a window without the lesion is a normal
one, so that every scanner shows normal liver.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hcc_xai.dataset.folder import ORGAN, TARGET
from hcc_xai.dataset.samples import Sample
from hcc_xai.imaging.frame import even_out_by

_ABOUT_THE_LESION = 0.75  # share of the windows that are laid where the lesion is
_WHOLE = 0.25  # share of the windows that show the whole sector, smaller


@dataclass(frozen=True)
class Shares:
    """How often a sample is changed in which way.

    Attributes:
        style: grey levels from another picture.
        look: grey levels from another picture, only outside the lesion and a ring around it.
        hidden: lesion painted over (its window is a normal one then).
        elsewhere: as much painted over elsewhere in the liver.
    """

    style: float = 0.35
    look: float = 0.3
    hidden: float = 0.12
    elsewhere: float = 0.12


@dataclass(frozen=True)
class Limits:
    """How far a picture is changed, at most.

    Attributes:
        turn: degrees, to either side.
        zoom: share that a whole picture is made larger or smaller by.
        speckle: standard deviation of grain, as a share of the grey level.
    """

    turn: float = 14
    zoom: float = 0.15
    speckle: float = 0.22


@dataclass(frozen=True, eq=False)
class View:
    """What the network is shown.

    Attributes:
        input: (w, w) float32, 0 to 1, and -1 outside the sector.
        target: (w, w) uint8 of 0, 1 organ, 2 target.
        lesion_seen: share of the lesion that lies in the window, NaN where there never was one.
    """

    input: NDArray[np.float32]
    target: NDArray[np.uint8]
    lesion_seen: float


def augment(
    sample: Sample,
    size: int,
    rng: np.random.Generator,
    *,
    window: int | None = None,
    style: Sample | None = None,
    shares: Shares = Shares(),
    limits: Limits = Limits(),
) -> View:
    """A seeded view of a sample.

    Args:
        sample: is left as it is.
        size: side of the network's square, in pixels, which sets the scale.
        rng: what chance there is; the same state gives the same view.
        window: side of what is shown, in pixels; `size` by default.
        style: a picture that lends its grey levels, best of another frame size.
        shares: how often the sample is changed in which way.
        limits: how far it is changed.
    """
    window = window or size
    levels, target, sector = _painted(sample, rng, shares)
    donor = style if style is not None and rng.random() < shares.style + shares.look else None
    local = donor is not None and rng.random() < shares.look / (shares.style + shares.look)
    grey: NDArray[Any] = _levels(levels, sector, donor, rng)
    if local:  # the lesion and a ring around it keep a look of their own
        mix = _ring(target, rng)
        grey = mix * _levels(levels, sector, None, rng) + (1 - mix) * grey
    # Evened out over the whole sector, as the network's input is, before the window is cut.
    seen = grey[sector]
    mean, spread = float(seen.mean()), float(seen.std())
    matrix = _placed(sample, size, window, rng, limits)
    whole = (window, window)
    grey = cv2.warpAffine(grey, matrix, whole, flags=cv2.INTER_LINEAR)
    area = float((target == TARGET).sum()) * abs(np.linalg.det(matrix[:, :2]))
    shown = cv2.warpAffine(target, matrix, whole, flags=cv2.INTER_NEAREST)
    inside = cv2.warpAffine(sector.astype(np.uint8), matrix, whole, flags=cv2.INTER_NEAREST) > 0
    inside = _cut(inside, rng)
    if inside.sum() < 0.05 * window**2:  # nothing to see: look elsewhere
        return augment(sample, size, rng, window=window, style=style, shares=shares, limits=limits)
    shown = np.where(inside, shown, 0)
    share = float((shown == TARGET).sum()) / area if area else float("nan")
    evened = even_out_by(_restyle(grey, rng, limits.speckle), inside, mean, spread)
    return View(evened, shown.astype(np.uint8), min(share, 1.0))


def _painted(
    sample: Sample, rng: np.random.Generator, shares: Shares
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.bool_]]:
    """Grey levels (s, s) uint8, target (s, s) uint8 and sector (s, s) bool, the lesion painted over
    or not."""
    grey, target = sample.grey, sample.target
    draw = rng.random()
    if draw < shares.hidden:
        grey, target = sample.hidden, np.where(target == TARGET, ORGAN, target).astype(np.uint8)
    elif draw < shares.hidden + shares.elsewhere:
        grey = sample.elsewhere
    grey, sector = _outlined(sample, grey, rng)
    return grey, target, sector


def _outlined(
    sample: Sample, grey: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Picture and sector: as found, with what the hand-drawn outline cut away black, or filled in
    again; or both outlines at once. A network that only ever sees one kind learns the outline's
    shape, which here tells much about the class, and fails where the outline is another.
    """
    draw = rng.random()
    if draw < 0.4 or not sample.drawn.any():
        return grey, sample.sector
    if draw < 0.7:
        return grey, sample.drawn
    speckle = rng.normal(1, 0.2, grey.shape).astype(np.float32)
    filled = np.where(sample.drawn, grey, sample.filled * speckle)
    return np.clip(filled, 0, 255).astype(np.uint8), sample.sector


def _levels(
    grey: NDArray[np.uint8],
    sector: NDArray[np.bool_],
    donor: Sample | None,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Grey levels of another scanner: the donor's histogram, gamma, a smooth gain field, depth
    gain. (s, s) uint8 -> (s, s) float32 in [0, 1]."""
    table = np.arange(256, dtype=np.float32) / 255
    if donor is not None:
        steps = np.linspace(0, 1, 65)
        mine = quantiles(grey[sector], steps) + np.arange(65) * 1e-6  # strictly rising
        table = np.interp(table * 255, mine, quantiles(donor.grey[donor.sector], steps)) / 255
    table = (table ** np.exp(rng.uniform(-0.45, 0.45))).astype(np.float32)
    levels: NDArray[np.float32] = table[grey]
    if rng.random() < 0.6:
        side = grey.shape[0]
        small = rng.normal(0, 0.18, (4, 4)).astype(np.float32)
        field = cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC)
        slope = np.linspace(-0.5, 0.5, side, dtype=np.float32)[:, None]
        levels = levels * np.exp(field + slope * np.float32(rng.normal(0, 0.5)))
    return levels


def quantiles(grey: NDArray[np.uint8], steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """`np.quantile` of grey levels, by counting them: much faster, and the same to the bit.

    Args:
        grey: (N,) uint8.
        steps: (Q,) shares, 0 to 1.

    Returns:
        (Q,) float64.
    """
    up_to = np.cumsum(np.bincount(grey.ravel(), minlength=256))
    at = steps * (up_to[-1] - 1)
    below = np.floor(at)
    low, high = (
        np.searchsorted(up_to, np.minimum(k, up_to[-1] - 1), side="right").astype(np.float64)
        for k in (below, below + 1)
    )
    gamma = at - below
    cuts = np.where(gamma < 0.5, low + (high - low) * gamma, high - (high - low) * (1 - gamma))
    return np.asarray(cuts, np.float64)


def _ring(target: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """1 on the lesion and a ring around it, falling softly to 0; around any place of the liver
    where there is no lesion. (s, s) float32."""
    side = target.shape[0]
    core = (target == TARGET).astype(np.uint8)
    if not core.any():
        rows, cols = np.nonzero(target)
        middle = (side // 2, side // 2)
        if len(rows):
            chosen = int(rng.integers(len(rows)))
            middle = (int(cols[chosen]), int(rows[chosen]))
        cv2.circle(core, middle, int(side * rng.uniform(0.03, 0.15)), 1, cv2.FILLED)
    wide = int(side * rng.uniform(0.02, 0.08))
    small = cv2.resize(core, (side // 4, side // 4), interpolation=cv2.INTER_AREA)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (wide // 2 + 1, wide // 2 + 1))
    soft = cv2.GaussianBlur(cv2.dilate(small, kernel).astype(np.float32), (0, 0), 2)
    return np.asarray(cv2.resize(soft, (side, side), interpolation=cv2.INTER_LINEAR), np.float32)


def _placed(
    sample: Sample, size: int, window: int, rng: np.random.Generator, limits: Limits
) -> NDArray[np.float64]:
    """The affine map (2 x 3, of x, y) from the sample to the window: turned, scaled, stretched,
    mirrored, moved."""
    side = sample.grey.shape[0]
    whole = window == size or rng.random() < _WHOLE
    scale = (
        window / side * rng.uniform(1 - limits.zoom, 1 + limits.zoom)
        if whole
        else size / side * _zoom(rng)
    )
    stretch = np.exp(rng.uniform(-0.12, 0.12, 2)) * scale
    turn = np.deg2rad(rng.uniform(-limits.turn, limits.turn))
    mirror = rng.choice([-1.0, 1.0])
    linear = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ np.diag(
        stretch * [mirror, 1]
    )
    centre = np.full(2, side / 2)
    if not whole:
        wanted = sample.target == TARGET  # where it was, if it is painted over
        if not wanted.any() or rng.random() > _ABOUT_THE_LESION:
            wanted = sample.sector
        rows, cols = np.nonzero(wanted)
        chosen = int(rng.integers(len(rows)))
        centre = np.array([cols[chosen], rows[chosen]], float)
        centre += rng.uniform(-0.25, 0.25, 2) * window / scale
        half = 0.4 * window / scale  # the window stays on the picture
        centre = np.clip(centre, min(half, side / 2), max(side - half, side / 2))
    shift = window / 2 - linear @ centre + whole * rng.uniform(-0.06, 0.06, 2) * window
    return np.column_stack([linear, shift])


def _zoom(rng: np.random.Generator) -> float:
    return float(np.exp(rng.uniform(np.log(0.75), np.log(1.2))))


def _cut(sector: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Sometimes lose a strip of the sector, or a ring of it: sectors found are never quite the
    true ones."""
    size = sector.shape[0]
    if rng.random() < 0.25:
        normal = rng.normal(size=2)
        normal /= np.hypot(*normal)
        y, x = np.mgrid[:size, :size] - size / 2
        keep = normal[0] * y + normal[1] * x < rng.uniform(0.22, 0.42) * size
        if (sector & keep).sum() > 0.6 * sector.sum():
            sector = sector & keep
    if rng.random() < 0.5:
        kernel = np.ones((3, 3), np.uint8)
        sector = cv2.erode(sector.astype(np.uint8), kernel, iterations=int(rng.integers(1, 5))) > 0
    return sector


def _restyle(grey: NDArray[Any], rng: np.random.Generator, speckle: float) -> NDArray[Any]:
    """Sharpness, speckle and compression of another scanner. (w, w) float32."""
    size = grey.shape[0]
    if rng.random() < 0.4:
        grey = cv2.GaussianBlur(grey, (0, 0), rng.uniform(0.4, 1.3))
    if rng.random() < 0.4:
        noise = cv2.GaussianBlur(
            rng.normal(0, 1, (size, size)).astype(np.float32), (0, 0), rng.uniform(0.5, 1.2)
        )
        grey = grey * (1 + np.float32(rng.uniform(5 / 22 * speckle, speckle) / noise.std()) * noise)
    if rng.random() < 0.3:
        small = cv2.resize(grey, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
        grey = cv2.resize(small, (size, size), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.3:
        quality = int(rng.integers(30, 90))
        levels = (np.clip(grey, 0, 1) * 255).astype(np.uint8)
        coded = cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        grey = np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.float32) / 255
    styled: NDArray[np.float32] = np.maximum(grey, 0).astype(np.float32)
    return styled
