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
    ORGAN,
    TARGET,
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
from hcc_xai.imaging.frame import Frame, even_out
from hcc_xai.kinds import fields, known
from hcc_xai.kinds.known import LIVER, kind_named

_CACHE_SIDE = 1.25  # side of a cached sample, as a multiple of the network's
_ARRAYS = ("grey", "target", "sector", "drawn", "filled", "hidden", "elsewhere")
# Files whose code makes a sample: when one of them changes, cached samples are made anew.
CODE = (
    __file__,
    *(
        str(m.__file__)
        for m in (data_folder, dicom, fields, frame, image, known, painting, raster, read, sector)
    ),
)


@dataclass(frozen=True, eq=False)
class Sample:
    """A picture, cropped to the field that is found in it, as a user's would be; (s, s) each.

    Attributes:
        record: its line of the index.
        grey: uint8, the picture.
        target: uint8 of 0, 1 organ, 2 target.
        sector: bool, the field as found.
        drawn: bool, the hand-drawn sector within the one that is found; nowhere without one.
        filled: uint8, the tissue carried on beyond the drawn sector.
        hidden: uint8, `grey` with the target painted over; `grey` itself where there is none.
        elsewhere: uint8, `grey` with as much painted over elsewhere in the organ; `grey` itself
            where there is no target, or no room.
    """

    record: Record
    grey: NDArray[np.uint8]
    target: NDArray[np.uint8]
    sector: NDArray[np.bool_]
    drawn: NDArray[np.bool_]
    filled: NDArray[np.uint8]
    hidden: NDArray[np.uint8]
    elsewhere: NDArray[np.uint8]


def load_sample(folder: str | Path, record: Record, *, size: int, kind: str = LIVER) -> Sample:
    """Crop a picture to its field at a quarter more than the network's size, so that turns cost no
    sharpness.

    Args:
        folder: the data folder.
        record: the picture's line of the index.
        size: side of the network's input, in pixels.
        kind: of the picture, a name in `KINDS`; says how its field is found.

    Raises:
        DataError: the picture or an outline is missing, cannot be read, or is of another size.
    """
    picture = _read_picture(folder, record.name)
    truth = read_truth(folder, record.name)
    drawn = np.zeros(truth.shape, bool)
    if sector_path(folder, record.name).is_file():
        drawn = read_sector(folder, record.name)
    if not picture.shape == truth.shape == drawn.shape:
        raise DataError(
            "data-sizes-differ",
            "{name}: picture, mask and sector are not of one size",
            name=record.name,
        )
    around = Frame.around(kind_named(kind).find_field(picture.pixels), size=int(size * _CACHE_SIDE))
    organ = around.shrink_mask(truth > 0)
    own = around.shrink_mask(truth == TARGET)
    target = np.where(own, TARGET, np.where(organ, ORGAN, 0)).astype(np.uint8)
    small = around.shrink(picture.grey * np.float32(255))
    grey = np.rint(small).astype(np.uint8)
    inside = around.network_sector & around.shrink_mask(drawn)
    if record.has_organ and not (truth == ORGAN).any():
        record = replace(record, outlines="target")
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
    """The picture with its target painted over, a little more or less generously by its name, and
    with as much painted over elsewhere in the organ (in the field, where no organ is outlined)."""
    wider = sum(record.name.encode()) % 4
    kernel = np.ones((2 * wider + 1,) * 2, np.uint8)
    own = cv2.dilate((target == TARGET).astype(np.uint8), kernel).astype(bool) & sector
    tissue = ((target > 0) if (target == ORGAN).any() else sector) & ~own
    seen = np.where(sector, grey / np.float32(255), -1).astype(np.float32)
    hidden = elsewhere = grey
    if own.any():
        hidden = _levels(painting.paint_over(seen, own, tissue=tissue))
        place = painting.elsewhere(own, tissue)
        if place is not None:
            other = np.zeros(own.shape, bool)
            other[place] = True
            elsewhere = _levels(painting.paint_over(seen, other, tissue=tissue & ~other))
    return hidden, elsewhere


def _levels(grey: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(np.clip(grey, 0, 1) * 255).astype(np.uint8)


def cached_samples(
    folder: str | Path,
    records: Sequence[Record],
    *,
    size: int,
    kind: str = LIVER,
    cache: str | Path | None = None,
) -> list[Sample]:
    """The samples of some records, in their order, made on all cores.

    Args:
        folder: the data folder.
        records: lines of its index.
        size: side of the network's input, in pixels.
        kind: of the pictures, a name in `KINDS`.
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
            return load_sample(folder, record, size=size, kind=kind)
        key = code.copy()
        key.update(f"{size} {kind} {record}".encode())
        for path in (f(folder, record.name) for f in (image_path, mask_path, sector_path)):
            key.update(path.read_bytes() if path.is_file() else b"")
        place = Path(cache) / f"{key.hexdigest()[:24]}.npz"
        if place.is_file():
            return _unpack(place, record)
        sample = load_sample(folder, record, size=size, kind=kind)
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, _pack(sample))
        return sample

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(get, records))


def _pack(sample: Sample) -> bytes:
    file = io.BytesIO()
    arrays = {name: getattr(sample, name) for name in _ARRAYS}
    np.savez_compressed(file, outlines=np.array(sample.record.outlines), **arrays)
    return file.getvalue()


def _unpack(path: Path, record: Record) -> Sample:
    with np.load(path, allow_pickle=False) as arrays:
        outlined = replace(record, outlines=str(arrays["outlines"]))
        return Sample(outlined, **{name: arrays[name] for name in _ARRAYS})


def sampling_weights(records: Sequence[Record], *, balance: float = 0.8) -> NDArray[np.float64]:
    """Weights that balance the classes within each stratum (most of the way), so that the frame
    size or the hospital says little about the class. A picture of several labels counts as one of
    its rarest.

    Args:
        records: N lines of the index.
        balance: 0 draws every picture alike, 1 draws the classes alike.

    Returns:
        (N,) float64, summing to one.
    """
    cells = Counter((r.stratum, label) for r in records for label in r.labels)
    strata = Counter(r.stratum for r in records)
    classes = {s: len({k for own, k in cells if own == s}) for s in strata}
    rarest = [min(cells[r.stratum, label] for label in r.labels) for r in records]
    balanced = np.array(
        [
            strata[r.stratum] / classes[r.stratum] / count
            for r, count in zip(records, rarest, strict=True)
        ]
    )
    weights: NDArray[np.float64] = balanced**balance
    weights /= weights.sum()
    return weights


def plain(sample: Sample, size: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """A sample without augmentation.

    Args:
        sample: the picture.
        size: side of the network's input, in pixels.

    Returns:
        The network's input, (size, size) float32, -1 outside the field, and the target, (size,
        size) uint8 of 0, 1 organ, 2 target.
    """
    side = sample.grey.shape[0]
    scale = size / side
    grey = cv2.resize(
        sample.grey.astype(np.float32) / 255, (size, size), interpolation=cv2.INTER_AREA
    )
    pick = (np.arange(size) / scale).astype(int)
    sector = sample.sector[np.ix_(pick, pick)]
    return even_out(grey, sector), sample.target[np.ix_(pick, pick)]
