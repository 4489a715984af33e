"""What a gate is fitted to and tested on: liver images and pictures of other kinds.

All pictures are made alike first (small, recompressed), or the gate would learn the file and not
the picture; liver images are shown in their own size as well, as users' will be, and as rectangles
from within the sector.
"""

from __future__ import annotations

import csv
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.dataset.folder import image_path, read_index
from hcc_xai.errors import DataError
from hcc_xai.imaging.frame import Frame, find_sector
from hcc_xai.imaging.read import read
from hcc_xai.model.gate import LIVER

_SIDE, _QUALITY = 300, 85
MOST = 200  # pictures of a kind; more of one would drown the others
RESEARCH_ONLY = ("mammogram",)  # terms that allow testing, and not fitting what ships
# How a liver image is shown: in its own size; small and recompressed, as all other kinds are; and a
# rectangle from within its sector, without any outline, as a linear probe or a crop has it.
WHOLE, SMALL, BARE = SHAPES = ("whole", "small", "bare")


@dataclass(frozen=True, eq=False)
class Pictures:
    """What every network is shown.

    Attributes:
        inputs: (N, S, S) float16, as a network takes them.
        kinds: (N,) names.
        folds: (N,) int, -1 where there is none.
        strata: (N,) frame sizes, "" where there is none.
        shapes: (N,) of `SHAPES`.
    """

    inputs: NDArray[np.float16]
    kinds: NDArray[np.str_]
    folds: NDArray[np.int64]
    strata: NDArray[np.str_]
    shapes: NDArray[np.str_]

    @property
    def liver(self) -> NDArray[np.bool_]:
        """Which are liver images, (N,)."""
        return np.asarray(self.kinds == LIVER)

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Which may be fitted to what ships, (N,)."""
        return ~np.isin(self.kinds, RESEARCH_ONLY)


@dataclass(frozen=True, eq=False)
class Crowd:
    """What one network saw in some pictures.

    Attributes:
        pictures: N of them.
        summaries: (N, D) float32, what the gate reads.
    """

    pictures: Pictures
    summaries: NDArray[np.float32]


class _Item(NamedTuple):
    """A picture before it is read."""

    path: Path
    kind: str
    fold: int
    stratum: str
    shape: str


def gather(data: str | Path, kinds: str | Path, size: int, *, seed: int = 0) -> Pictures:
    """Every liver image in three shapes, and up to 200 pictures of each other kind.

    Args:
        data: the data folder.
        kinds: a folder with `index.csv` of path and kind.
        size: side of the network's input, in pixels.
        seed: of which pictures of a kind are taken.

    Raises:
        DataError: no index, or a picture is missing.
    """
    items = [
        _Item(image_path(data, record.name), LIVER, record.fold, record.stratum, shape)
        for record in read_index(data)
        for shape in SHAPES
    ]
    items += _others(Path(kinds), seed)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        inputs = np.stack(list(pool.map(lambda item: _input(item.path, size, item.shape), items)))
    return Pictures(
        inputs,
        kinds=np.array([item.kind for item in items]),
        folds=np.array([item.fold for item in items]),
        strata=np.array([item.stratum for item in items]),
        shapes=np.array([item.shape for item in items]),
    )


def _others(folder: Path, seed: int) -> list[_Item]:
    """Some pictures of each kind that is no liver ultrasound."""
    index = folder / "index.csv"
    if not index.is_file():
        raise DataError(
            "kinds-index-missing",
            "{index} is missing; wanted are the columns path and kind",
            index=str(index),
        )
    with index.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    rng, items = np.random.default_rng(seed), []
    for kind in sorted({row["kind"] for row in rows}):
        paths = [row["path"] for row in rows if row["kind"] == kind]
        for path in rng.permutation(paths)[:MOST]:
            items.append(_Item(folder / str(path), kind, -1, "", SMALL))
    return items


def _input(path: Path, size: int, shape: str) -> NDArray[np.float16]:
    image = read(path)
    if shape == SMALL:
        scale = min(1.0, _SIDE / max(image.shape))
        pixels = cv2.resize(image.pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1]
        image = read(np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8))
    elif shape == BARE:
        image = read(np.ascontiguousarray(image.pixels[within(find_sector(image.pixels))]))
    frame = Frame.around(find_sector(image.pixels), size=size)
    return frame.to_network(image.grey).astype(np.float16)


def within(sector: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The largest rectangle of 4:3 about the middle of a sector that holds nothing else."""
    rows, cols = np.nonzero(sector)
    row, col = int(rows.mean()), int(cols.mean())
    for half in range(min(row, sector.shape[0] - row, 3 * col // 4), 8, -2):
        wide = 4 * half // 3
        box = np.s_[row - half : row + half, max(0, col - wide) : col + wide]
        if sector[box].mean() > 0.995:
            return box
    return np.s_[row - 8 : row + 8, max(0, col - 8) : col + 8]


def look(analyzer: Analyzer, pictures: Pictures) -> Crowd:
    """What a network sees in some pictures."""
    return Crowd(pictures, analyzer.summaries(pictures.inputs))
