"""A data folder: `images/`, `masks/`, `sectors/` and an `index.csv`.

The layout is that of the Annotated Ultrasound Liver set: masks hold 0 background, 1 organ, 2 target
(the liver and its lesions, say; the organ is everything above 0), sectors 255 inside what was
scanned, and `index.csv` the columns name, label, fold, and optionally stratum (the scanner's frame
size, or the hospital), group (near-duplicates, a patient's pictures), outlines (see `OUTLINES`) and
note. A label may be several, "hand+wrist". Pictures may be of any kind that `hcc_xai.imaging.read`
reads; masks and sectors are PNGs. Sectors may be missing: the field is found then.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hcc_xai.errors import DataError, unknown
from hcc_xai.imaging.read import ENDINGS

ORGAN, TARGET = 1, 2
OUTLINES = ("drawn", "target", "weak", "none")


@dataclass(frozen=True)
class Record:
    """One line of the index.

    Attributes:
        name: of the picture and its outlines, without an ending.
        label: what it is; several are joined by "+".
        fold: of the cross-validation.
        stratum: the scanner's frame size, as 1024x768.
        group: joins near-duplicates; empty where it stands alone.
        outlines: what its mask says: "drawn", organ and target are outlined; "target", the target
            alone; "weak", a box or circle around the target; "none", nothing.
    """

    name: str
    label: str
    fold: int
    stratum: str = ""
    group: str = ""
    outlines: str = "drawn"

    @property
    def labels(self) -> tuple[str, ...]:
        """All that holds."""
        return tuple(self.label.split("+"))

    @property
    def has_organ(self) -> bool:
        """Whether the organ is outlined."""
        return self.outlines == "drawn"


class Part(NamedTuple):
    """What to train on, what a bundle says was left out, and the name of its folder."""

    records: list[Record]
    about: dict[str, int | str | None]
    name: str


def read_index(folder: str | Path) -> tuple[Record, ...]:
    """The records of a data folder, in the order of its index.

    Raises:
        DataError: no index, a column or a row is missing, a fold is no number, outlines are none of
            `OUTLINES`.
    """
    path = Path(folder) / "index.csv"
    if not path.is_file():
        raise DataError(
            "data-no-index",
            "{path} is missing; a data folder holds index.csv, images/, masks/ and sectors/",
            path=str(path),
        )
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise DataError("data-no-rows", "{path} has no rows", path=str(path))
    for column in ("name", "label", "fold"):
        if column not in rows[0]:
            raise DataError(
                "data-no-column",
                "{path} has no column {column!r}; it has {columns}",
                path=str(path),
                column=column,
                columns=", ".join(rows[0]),
            )
    try:
        records = tuple(
            Record(
                row["name"],
                row["label"],
                int(row["fold"]),
                row.get("stratum", ""),
                row.get("group", ""),
                row.get("outlines") or ("target" if row.get("note") else "drawn"),
            )
            for row in rows
        )
    except ValueError as error:
        raise DataError(
            "data-fold-no-number",
            "{path}: fold must be a whole number ({why})",
            path=str(path),
            why=str(error),
        ) from error
    for record in records:
        if record.outlines not in OUTLINES:
            raise unknown("outlines", record.outlines, OUTLINES)
    return records


def leave_out(records: Sequence[Record], part: int | str | None) -> Part:
    """The records without a fold or a frame size.

    Args:
        records: of the index.
        part: a fold (an int), a frame size (a str), or None to leave out nothing.

    Raises:
        DataError: the index has no such fold or frame size.
    """
    if part is None:
        return Part(list(records), {"left_out_fold": None}, "all")
    key = "fold" if isinstance(part, int) else "stratum"
    mine = [r for r in records if getattr(r, key) != part]
    if len(mine) == len(records):
        raise DataError("data-no-such-part", "the index has no {key} {part}", key=key, part=part)
    return Part(mine, {f"left_out_{key}": part}, str(part) if key == "fold" else f"without-{part}")


def image_path(folder: str | Path, name: str) -> Path:
    """The picture of a record, whatever its kind.

    Raises:
        DataError: there is none.
    """
    for ending in ENDINGS:
        path = Path(folder) / "images" / f"{name}{ending}"
        if path.is_file():
            return path
    raise DataError(
        "data-no-picture",
        "no picture images/{name}{endings} or {last} in {folder}",
        name=name,
        endings=", ".join(ENDINGS[:-1]),
        last=ENDINGS[-1],
        folder=str(folder),
    )


def mask_path(folder: str | Path, name: str) -> Path:
    """Where the mask of a record lies."""
    return Path(folder) / "masks" / f"{name}.png"


def sector_path(folder: str | Path, name: str) -> Path:
    """Where the hand-drawn sector of a record lies."""
    return Path(folder) / "sectors" / f"{name}.png"


def read_truth(folder: str | Path, name: str) -> NDArray[np.uint8]:
    """The mask of a record: (H, W) uint8 of 0 background, 1 liver, 2 lesion, in the pixels of the
    file.

    Raises:
        DataError: it is missing, or is no picture.
    """
    return _read_outline(mask_path(folder, name))


def read_sector(folder: str | Path, name: str) -> NDArray[np.bool_]:
    """The hand-drawn sector of a record: (H, W) bool, in the pixels of the file.

    Raises:
        DataError: it is missing, or is no picture.
    """
    return _read_outline(sector_path(folder, name)) > 127


def _read_outline(path: Path) -> NDArray[np.uint8]:
    grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        raise DataError(
            "data-outline-unreadable", "{path} is missing or is no picture", path=str(path)
        )
    return np.asarray(grey, np.uint8)
