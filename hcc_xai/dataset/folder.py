"""Training data: a folder with `images/`, `masks/`, `sectors/` and an `index.csv`, and its samples
as the network meets them.

The folder's layout is that of the Annotated Ultrasound Liver set: masks hold 0 background, 1 liver,
2 lesion (the liver is everything above 0), sectors 255 inside what was scanned, and `index.csv` the
columns name, label, fold, and optionally stratum (the scanner's frame size) and group
(near-duplicates).
"""

from __future__ import annotations

import csv
import hashlib
import os
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hcc_xai.errors import DataError
from hcc_xai.imaging import painting
from hcc_xai.imaging.frame import Frame, even_out, find_sector

_CACHE_SIDE = 1.25  # side of a cached sample, as a multiple of the network's
LIVER, LESION = 1, 2
_ARRAYS = ("grey", "target", "sector", "drawn", "filled", "hidden", "elsewhere", "has_liver")


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
    """A picture, cropped to the sector that is found in it, as a user's would be; (s, s) each.

    Attributes:
        grey: uint8. target: uint8 of 0, 1 liver, 2 lesion. sector: bool, as found. drawn: bool,
        the hand-drawn one. filled: uint8, the tissue carried on beyond the drawn one.
        hidden: uint8, `grey` with the lesion painted over. elsewhere: uint8, with as much painted
        over elsewhere in the liver. Both are `grey` itself where there is nothing to paint.
    """

    record: Record
    grey: NDArray[np.uint8]
    target: NDArray[np.uint8]
    sector: NDArray[np.bool_]
    drawn: NDArray[np.bool_]
    filled: NDArray[np.uint8]
    hidden: NDArray[np.uint8]
    elsewhere: NDArray[np.uint8]


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


class Part(NamedTuple):
    """What to train on, what a bundle says was left out, and the name of its folder."""

    records: list[Record]
    about: dict[str, int | str | None]
    name: str


def leave_out(records: Sequence[Record], part: int | str | None) -> Part:
    """The records without a fold (an int) or a frame size (a str); all of them with None.

    Raises:
        DataError: the index has no such fold or frame size.
    """
    if part is None:
        return Part(list(records), {"left_out_fold": None}, "all")
    key = "fold" if isinstance(part, int) else "stratum"
    mine = [r for r in records if getattr(r, key) != part]
    if len(mine) == len(records):
        raise DataError(f"the index has no {key} {part}")
    return Part(mine, {f"left_out_{key}": part}, str(part) if key == "fold" else f"without-{part}")


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
    return _read_grey(_outline_paths(folder, name)[0])


def read_sector(folder: str | Path, name: str) -> NDArray[np.bool_]:
    """(H, W) bool, the hand-drawn sector."""
    return _read_grey(_outline_paths(folder, name)[1]) > 127


def _outline_paths(folder: str | Path, name: str) -> tuple[Path, Path]:
    """Where the mask and the hand-drawn sector of a record lie."""
    return Path(folder) / "masks" / f"{name}.png", Path(folder) / "sectors" / f"{name}.png"


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
    drawn = read_sector(folder, record.name)
    frame = Frame.around(find_sector(grey), size=int(size * _CACHE_SIDE))
    liver = frame.shrink_mask(truth > 0)
    lesion = frame.shrink_mask(truth == LESION)
    small = frame.shrink(grey.astype(np.float32))
    target = np.where(lesion, LESION, np.where(liver, LIVER, 0)).astype(np.uint8)
    record = replace(record, has_liver=record.has_liver and bool((truth == LIVER).any()))
    inside = frame.network_sector & frame.shrink_mask(drawn)
    known = inside.astype(np.float32)
    wide = cv2.GaussianBlur(small * known, (0, 0), 9) / np.maximum(
        cv2.GaussianBlur(known, (0, 0), 9), 1e-3
    )
    levels, filled = np.rint(small).astype(np.uint8), np.clip(wide, 0, 255).astype(np.uint8)
    hidden, elsewhere = _painted(levels, target, frame.network_sector, record)
    return Sample(record, levels, target, frame.network_sector, inside, filled, hidden, elsewhere)


def _painted(
    grey: NDArray[np.uint8], target: NDArray[np.uint8], sector: NDArray[np.bool_], record: Record
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The picture with its lesion painted over, a little more or less generously by its name, and
    with as much painted over elsewhere."""
    wider = sum(record.name.encode()) % 4
    kernel = np.ones((2 * wider + 1,) * 2, np.uint8)
    lesion = cv2.dilate((target == LESION).astype(np.uint8), kernel).astype(bool) & sector
    liver = (target > 0) & ~lesion
    seen = np.where(sector, grey / np.float32(255), -1).astype(np.float32)
    made = [grey, grey]
    if lesion.any():
        made[0] = _levels(painting.paint_over(seen, lesion, tissue=liver))
        place = painting.elsewhere(lesion, liver)
        if place is not None:
            other = np.zeros(lesion.shape, bool)
            other[place] = True
            made[1] = _levels(painting.paint_over(seen, other, tissue=liver & ~other))
    return made[0], made[1]


def _levels(grey: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(np.clip(grey, 0, 1) * 255).astype(np.uint8)


def cached_samples(
    folder: str | Path, records: Sequence[Record], *, size: int, cache: str | Path | None = None
) -> list[Sample]:
    """The samples of some records, in their order, made on all cores.

    Args:
        cache: a folder in which they are kept as .npz, each under a hash of picture, outlines,
            size and this package's code, so that a second training starts at once.
    """
    code = hashlib.sha256()
    for module in (__name__, painting.__name__, Frame.__module__, find_sector.__module__):
        code.update(Path(sys.modules[module].__file__ or "").read_bytes())

    def get(record: Record) -> Sample:
        if cache is None:
            return load_sample(folder, record, size=size)
        key = code.copy()
        key.update(f"{size} {record}".encode())
        for path in (image_path(folder, record.name), *_outline_paths(folder, record.name)):
            key.update(path.read_bytes() if path.is_file() else b"")
        kept = Path(cache) / f"{key.hexdigest()[:24]}.npz"
        if kept.is_file():
            with np.load(kept, allow_pickle=False) as arrays:
                whole = {name: arrays[name] for name in _ARRAYS}
            outlined = replace(record, has_liver=bool(whole["has_liver"]))
            return Sample(outlined, **{n: v for n, v in whole.items() if n != "has_liver"})
        sample = load_sample(folder, record, size=size)
        kept.parent.mkdir(parents=True, exist_ok=True)
        arrays = {n: getattr(sample, n) for n in _ARRAYS if n != "has_liver"}
        partial = kept.with_suffix(f".{os.getpid()}.partial.npz")
        np.savez_compressed(partial, has_liver=np.array(sample.record.has_liver), **arrays)
        os.replace(partial, kept)
        return sample

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(get, records))


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
