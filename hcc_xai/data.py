"""Training data: a folder with `images/`, `masks/`, `sectors/` and an `index.csv`, and what is
done to a sample.

The folder's layout is that of the Annotated Ultrasound Liver set: masks hold 0 background, 1 liver,
2 lesion (the liver is everything above 0), sectors 255 inside what was scanned, and `index.csv` the
columns name, label, fold, and optionally stratum (the scanner's frame size) and group
(near-duplicates).
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hcc_xai.errors import DataError
from hcc_xai.geometry import Frame, even_out, find_sector

_CACHE_SIDE = 1.25  # side of a cached sample, as a multiple of the network's
LIVER, LESION = 1, 2


@dataclass(frozen=True)
class Record:
    """One line of the index. `stratum` is the scanner's frame size, `group` joins
    near-duplicates."""

    name: str
    label: str
    fold: int
    stratum: str = ""
    group: str = ""
    has_liver: bool = True


@dataclass(frozen=True, eq=False)
class Sample:
    """A cached picture, cropped to the sector that is found in it, as a user's would be.

    grey (s, s) uint8; target (s, s) uint8 of 0, 1 liver, 2 lesion; sector (s, s) bool, as found;
    drawn (s, s) bool, the hand-drawn one; filled (s, s) uint8, the tissue carried on beyond it.
    """

    record: Record
    grey: NDArray[np.uint8]
    target: NDArray[np.uint8]
    sector: NDArray[np.bool_]
    drawn: NDArray[np.bool_]
    filled: NDArray[np.uint8]


def read_index(folder: str | Path) -> tuple[Record, ...]:
    """The records of a data folder, in the order of its index.

    Raises:
        DataError: no index, a column or a picture is missing, a fold is no number.
    """
    path = Path(folder) / "index.csv"
    if not path.is_file():
        raise DataError(
            f"{path} is missing; a data folder holds index.csv, images/, masks/ and sectors/"
        )
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise DataError(f"{path} has no rows")
    for column in ("name", "label", "fold"):
        if column not in rows[0]:
            raise DataError(f"{path} has no column {column!r}; it has {', '.join(rows[0])}")
    try:
        return tuple(
            Record(
                r["name"],
                r["label"],
                int(r["fold"]),
                r.get("stratum", ""),
                r.get("group", ""),
                not r.get("note"),
            )
            for r in rows
        )
    except ValueError as error:
        raise DataError(f"{path}: fold must be a whole number ({error})") from error


def image_path(folder: str | Path, name: str) -> Path:
    """The picture of a record, whatever its type.

    Raises:
        DataError: there is none.
    """
    for suffix in (".jpg", ".png"):
        path = Path(folder) / "images" / f"{name}{suffix}"
        if path.is_file():
            return path
    raise DataError(f"no picture images/{name}.jpg or .png in {folder}")


def read_truth(folder: str | Path, name: str) -> NDArray[np.uint8]:
    """(H, W) uint8 of 0 background, 1 liver, 2 lesion, in the pixels of the file."""
    return _read_grey(Path(folder) / "masks" / f"{name}.png")


def _read_grey(path: Path) -> NDArray[np.uint8]:
    read = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if read is None:
        raise DataError(f"{path} is missing or is no picture")
    return np.asarray(read, np.uint8)


def load_sample(folder: str | Path, record: Record, *, size: int) -> Sample:
    """Crop a picture to its sector at a quarter more than the network's size, so that turns cost no
    sharpness."""
    grey = _read_grey(image_path(folder, record.name))
    truth = read_truth(folder, record.name)
    drawn = _read_grey(Path(folder) / "sectors" / f"{record.name}.png") > 127
    frame = Frame.around(find_sector(grey), size=int(size * _CACHE_SIDE))
    liver = frame.shrink((truth > 0).astype(np.float32)) > 0.5
    lesion = frame.shrink((truth == LESION).astype(np.float32)) > 0.5
    small = frame.shrink(grey.astype(np.float32))
    target = np.where(lesion, LESION, np.where(liver, LIVER, 0)).astype(np.uint8)
    record = replace(record, has_liver=record.has_liver and bool((truth == LIVER).any()))
    inside = frame.network_sector & (frame.shrink(drawn.astype(np.float32)) > 0.5)
    known = inside.astype(np.float32)
    wide = cv2.GaussianBlur(small * known, (0, 0), 9) / np.maximum(
        cv2.GaussianBlur(known, (0, 0), 9), 1e-3
    )
    levels, filled = np.rint(small).astype(np.uint8), np.clip(wide, 0, 255).astype(np.uint8)
    return Sample(record, levels, target, frame.network_sector, inside, filled)


def sampling_weights(records: Sequence[Record]) -> NDArray[np.float64]:
    """Weights that balance the classes within each frame size (most of the way), so that the frame
    size says little about the class. (N,) float64, summing to one."""
    cells = Counter((r.stratum, r.label) for r in records)
    strata = Counter(r.stratum for r in records)
    classes = {s: len({r.label for r in records if r.stratum == s}) for s in strata}
    balanced = np.array(
        [strata[r.stratum] / classes[r.stratum] / cells[r.stratum, r.label] for r in records]
    )
    weights: NDArray[np.float64] = balanced**0.8
    weights /= weights.sum()
    return weights


def plain(sample: Sample, size: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """A sample without augmentation: input (size, size) float32, -1 outside; target (size, size)
    uint8."""
    side = sample.grey.shape[0]
    scale = size / side
    grey = cv2.resize(
        sample.grey.astype(np.float32) / 255, (size, size), interpolation=cv2.INTER_AREA
    )
    pick = (np.arange(size) / scale).astype(int)
    sector = sample.sector[np.ix_(pick, pick)]
    return even_out(grey, sector), sample.target[np.ix_(pick, pick)]


def augment(
    sample: Sample, size: int, rng: np.random.Generator, *, style: Sample | None = None
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """A sample as another scanner, operator and patient might have given it.

    Turned, scaled, stretched, mirrored; a flank lost in the dark; grey levels taken from `style` (a
    picture of another frame size); gamma, a smooth gain field, depth gain; blur, speckle,
    compression.

    Returns:
        Input (size, size) float32, -1 outside the sector, and target (size, size) uint8.
    """
    side = sample.grey.shape[0]
    angle, zoom = rng.uniform(-14, 14), size / side * rng.uniform(0.8, 1.15)
    stretch = np.exp(rng.uniform(-0.12, 0.12, 2)) * zoom
    turn = np.deg2rad(angle)
    mirror = rng.choice([-1.0, 1.0])
    linear = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ np.diag(
        stretch * [mirror, 1]
    )
    middle = np.full(2, side / 2)
    shift = size / 2 - linear @ middle + rng.uniform(-0.06, 0.06, 2) * size
    matrix = np.column_stack([linear, shift])
    source, seen = _outlined(sample, rng)
    if style is not None:
        source = _match(source, seen, style.grey[style.sector].astype(np.float32) / 255)
    grey = cv2.warpAffine(source, matrix, (size, size), flags=cv2.INTER_LINEAR)
    target = cv2.warpAffine(sample.target, matrix, (size, size), flags=cv2.INTER_NEAREST)
    sector = (
        cv2.warpAffine(seen.astype(np.uint8), matrix, (size, size), flags=cv2.INTER_NEAREST) > 0
    )
    sector = _cut(sector, rng)
    grey = _restyle(grey, sector, rng)
    return even_out(grey, sector), np.where(sector, target, 0).astype(np.uint8)


def _outlined(
    sample: Sample, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Picture and sector: as found, with what the hand-drawn outline cut away black, or filled in
    again; or both outlines at once. A network that only ever sees one kind learns the outline's
    shape, which here tells much about the class, and fails where the outline is another.
    """
    grey = np.asarray(sample.grey / 255, np.float32)
    draw = rng.random()
    if draw < 0.4 or not sample.drawn.any():
        return grey, sample.sector
    if draw < 0.7:
        return grey, sample.drawn
    speckle = rng.normal(1 / 255, 0.2 / 255, grey.shape)
    return np.where(sample.drawn, grey, sample.filled * speckle).astype(np.float32), sample.sector


def _match(grey: NDArray[Any], sector: NDArray[np.bool_], other: NDArray[Any]) -> NDArray[Any]:
    """Grey levels with the histogram of another picture. (s, s) and (n,) float in [0, 1]."""
    levels = np.linspace(0, 1, 65)
    mine, theirs = np.quantile(grey[sector], levels), np.quantile(other, levels)
    mine = mine + np.arange(65) * 1e-6  # strictly rising, for interp
    return np.where(sector, np.interp(grey, mine, theirs), 0).astype(np.float32)


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


def _restyle(
    grey: NDArray[Any], sector: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[Any]:
    size = grey.shape[0]
    grey = np.clip(grey, 0, 1) ** np.exp(rng.uniform(-0.45, 0.45))
    if rng.random() < 0.6:
        field = cv2.resize(
            rng.normal(0, 0.18, (4, 4)).astype(np.float32),
            (size, size),
            interpolation=cv2.INTER_CUBIC,
        )
        slope = np.linspace(-0.5, 0.5, size, dtype=np.float32)[:, None] * rng.normal(0, 0.5)
        grey = grey * np.exp(field + slope)
    if rng.random() < 0.4:
        grey = cv2.GaussianBlur(grey, (0, 0), rng.uniform(0.4, 1.3))
    if rng.random() < 0.4:
        noise = cv2.GaussianBlur(
            rng.normal(0, 1, (size, size)).astype(np.float32), (0, 0), rng.uniform(0.5, 1.2)
        )
        grey = grey * (1 + rng.uniform(0.05, 0.22) * noise / noise.std())
    if rng.random() < 0.3:
        small = cv2.resize(grey, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
        grey = cv2.resize(small, (size, size), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.3:
        quality = int(rng.integers(30, 90))
        levels = (np.clip(grey, 0, 1) * 255).astype(np.uint8)
        coded = cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        grey = np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.float32) / 255
    return np.clip(grey, 0, 1).astype(np.float32)
