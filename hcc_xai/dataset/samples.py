"""The pictures of a data folder as a training meets them: cropped, with their outlines, and with
the lesion painted over.

A picture is read by the reader that serves a user's, so a training sees what an answer is given to.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hcc_xai.dataset import folder as data_folder
from hcc_xai.dataset.folder import (
    LESION,
    LIVER,
    Record,
    image_path,
    mask_path,
    read_sector,
    read_truth,
    sector_path,
)
from hcc_xai.errors import DataError, ImageError
from hcc_xai.files import write_whole
from hcc_xai.imaging import dicom, frame, image, painting, raster, read, sector
from hcc_xai.imaging.frame import Frame, even_out, find_sector

_CACHE_SIDE = 1.25  # side of a cached sample, as a multiple of the network's
_ARRAYS = ("grey", "target", "sector", "drawn", "filled", "hidden", "elsewhere")
# Files whose code makes a sample: when one of them changes, cached samples are made anew.
CODE = (
    __file__,
    *(str(m.__file__) for m in (data_folder, dicom, frame, image, painting, raster, read, sector)),
)


@dataclass(frozen=True, eq=False)
class Sample:
    """A picture, cropped to the sector that is found in it, as a user's would be; (s, s) each.

    Attributes:
        record: its line of the index.
        grey: uint8, the picture.
        target: uint8 of 0, 1 liver, 2 lesion.
        sector: bool, as found.
        drawn: bool, the hand-drawn sector within the one that is found.
        filled: uint8, the tissue carried on beyond the drawn sector.
        hidden: uint8, `grey` with the lesion painted over; `grey` itself where there is none.
        elsewhere: uint8, `grey` with as much painted over elsewhere in the liver; `grey` itself
            where there is no lesion, or no room.
    """

    record: Record
    grey: NDArray[np.uint8]
    target: NDArray[np.uint8]
    sector: NDArray[np.bool_]
    drawn: NDArray[np.bool_]
    filled: NDArray[np.uint8]
    hidden: NDArray[np.uint8]
    elsewhere: NDArray[np.uint8]


def load_sample(folder: str | Path, record: Record, *, size: int) -> Sample:
    """Crop a picture to its sector at a quarter more than the network's size, so that turns cost no
    sharpness.

    Args:
        folder: the data folder.
        record: the picture's line of the index.
        size: side of the network's input, in pixels.

    Raises:
        DataError: the picture or an outline is missing or cannot be read.
    """
    picture = _read_picture(folder, record.name)
    truth, drawn = read_truth(folder, record.name), read_sector(folder, record.name)
    around = Frame.around(find_sector(picture.pixels), size=int(size * _CACHE_SIDE))
    liver = around.shrink_mask(truth > 0)
    lesion = around.shrink_mask(truth == LESION)
    target = np.where(lesion, LESION, np.where(liver, LIVER, 0)).astype(np.uint8)
    small = around.shrink(picture.grey * np.float32(255))
    grey = np.rint(small).astype(np.uint8)
    inside = around.network_sector & around.shrink_mask(drawn)
    record = replace(record, has_liver=record.has_liver and bool((truth == LIVER).any()))
    hidden, elsewhere = _painted(grey, target, around.network_sector, record)
    return Sample(
        record=record,
        grey=grey,
        target=target,
        sector=around.network_sector,
        drawn=inside,
        filled=_filled(small, inside),
        hidden=hidden,
        elsewhere=elsewhere,
    )


def _read_picture(folder: str | Path, name: str) -> image.Image:
    path = image_path(folder, name)
    try:
        return read.read(path)
    except ImageError as error:
        raise DataError(
            "data-picture-unreadable", "{path}: {why}", path=str(path), why=str(error)
        ) from None


def _filled(grey: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The tissue's grey level carried on beyond where it is known."""
    known = inside.astype(np.float32)
    cover = cv2.GaussianBlur(known, (0, 0), 9)
    wide = cv2.GaussianBlur(grey * known, (0, 0), 9) / np.maximum(cover, 1e-3)
    return np.clip(wide, 0, 255).astype(np.uint8)


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
    hidden = elsewhere = grey
    if lesion.any():
        hidden = _levels(painting.paint_over(seen, lesion, tissue=liver))
        place = painting.elsewhere(lesion, liver)
        if place is not None:
            other = np.zeros(lesion.shape, bool)
            other[place] = True
            elsewhere = _levels(painting.paint_over(seen, other, tissue=liver & ~other))
    return hidden, elsewhere


def _levels(grey: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(np.clip(grey, 0, 1) * 255).astype(np.uint8)


def cached_samples(
    folder: str | Path, records: Sequence[Record], *, size: int, cache: str | Path | None = None
) -> list[Sample]:
    """The samples of some records, in their order, made on all cores.

    Args:
        folder: the data folder.
        records: lines of its index.
        size: side of the network's input, in pixels.
        cache: a folder in which they are kept as .npz, each under a hash of picture, outlines,
            size and the code that makes them, so that a second training starts at once.

    Raises:
        DataError: a picture or an outline is missing or cannot be read.
    """
    code = hashlib.sha256()
    for path in CODE:
        code.update(Path(path).read_bytes())

    def get(record: Record) -> Sample:
        if cache is None:
            return load_sample(folder, record, size=size)
        key = code.copy()
        key.update(f"{size} {record}".encode())
        for path in (f(folder, record.name) for f in (image_path, mask_path, sector_path)):
            key.update(path.read_bytes() if path.is_file() else b"")
        place = Path(cache) / f"{key.hexdigest()[:24]}.npz"
        if place.is_file():
            return _unpack(place, record)
        sample = load_sample(folder, record, size=size)
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, _pack(sample))
        return sample

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(get, records))


def _pack(sample: Sample) -> bytes:
    file = io.BytesIO()
    arrays = {name: getattr(sample, name) for name in _ARRAYS}
    np.savez_compressed(file, has_liver=np.array(sample.record.has_liver), **arrays)
    return file.getvalue()


def _unpack(path: Path, record: Record) -> Sample:
    with np.load(path, allow_pickle=False) as arrays:
        outlined = replace(record, has_liver=bool(arrays["has_liver"]))
        return Sample(outlined, **{name: arrays[name] for name in _ARRAYS})


def sampling_weights(records: Sequence[Record]) -> NDArray[np.float64]:
    """Weights that balance the classes within each frame size (most of the way), so that the frame
    size says little about the class.

    Args:
        records: N lines of the index.

    Returns:
        (N,) float64, summing to one.
    """
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
    """A sample without augmentation.

    Args:
        sample: the picture.
        size: side of the network's input, in pixels.

    Returns:
        The network's input, (size, size) float32, -1 outside the sector, and the target, (size,
        size) uint8 of 0, 1 liver, 2 lesion.
    """
    side = sample.grey.shape[0]
    scale = size / side
    grey = cv2.resize(
        sample.grey.astype(np.float32) / 255, (size, size), interpolation=cv2.INTER_AREA
    )
    pick = (np.arange(size) / scale).astype(int)
    sector = sample.sector[np.ix_(pick, pick)]
    return even_out(grey, sector), sample.target[np.ix_(pick, pick)]
