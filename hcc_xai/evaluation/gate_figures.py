"""Fit the gate of a bundle, and say how well it stops what is no liver ultrasound.

All pictures are made alike first (small, recompressed), or the gate would learn the file and not
the picture; liver images are shown in their own size as well, as users' will be, and as rectangles
from within the sector.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.dataset.folder import image_path, read_index
from hcc_xai.errors import DataError
from hcc_xai.imaging.frame import Frame, find_sector
from hcc_xai.imaging.read import read
from hcc_xai.model.bundle import Bundle, load_bundle
from hcc_xai.model.gate import LIVER, Gate, fit
from hcc_xai.stats import wilson

_SIDE, _QUALITY = 300, 85
MOST = 200  # pictures of a kind; more of one would drown the others
RESEARCH_ONLY = ("mammogram",)  # terms that allow testing, and not fitting what ships
_NOT_ULTRASOUND = ("x-ray", "mri", "mammogram", "photograph", "screenshot")
# How a liver image is shown: in its own size; small and recompressed, as all other kinds are; and a
# rectangle from within its sector, without any outline, as a linear probe or a crop has it.
WHOLE, SMALL, BARE = SHAPES = ("whole", "small", "bare")


@dataclass(frozen=True, eq=False)
class Pictures:
    """What every network is shown.

    Attributes:
        inputs: (N, S, S) float16. kinds: N names. folds: -1 where there is none. strata: frame
        sizes, "" where there is none. shapes: see `SHAPES`.
    """

    inputs: NDArray[np.float16]
    kinds: NDArray[Any]
    folds: NDArray[np.int64]
    strata: NDArray[Any]
    shapes: NDArray[Any]


@dataclass(frozen=True, eq=False)
class Crowd:
    """What one network saw in them: summaries (N, D)."""

    pictures: Pictures
    summaries: NDArray[np.float32]


def gather(data: str | Path, kinds: str | Path, size: int, *, seed: int = 0) -> Pictures:
    """Every liver image in three shapes, and up to 200 pictures of each other kind.

    Args:
        data: a data folder. kinds: a folder with `index.csv` of path and kind. size: of the
            network's input.

    Raises:
        DataError: no index, or a picture is missing.
    """
    items: list[tuple[Path, str, int, str, str]] = []
    for record in read_index(data):
        path = image_path(data, record.name)
        items += [(path, LIVER, record.fold, record.stratum, shape) for shape in SHAPES]
    index = Path(kinds) / "index.csv"
    if not index.is_file():
        raise DataError(f"{index} is missing; wanted are the columns path and kind")
    with index.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    rng = np.random.default_rng(seed)
    for kind in sorted({row["kind"] for row in rows}):
        paths = [row["path"] for row in rows if row["kind"] == kind]
        for path in rng.permutation(paths)[:MOST]:
            items.append((Path(kinds) / str(path), kind, -1, "", SMALL))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        inputs = np.stack(list(pool.map(lambda item: _input(item[0], size, item[-1]), items)))
    columns = [np.array(column) for column in zip(*(i[1:] for i in items), strict=True)]
    return Pictures(inputs, *columns)


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
    """What a network sees in them."""
    return Crowd(pictures, analyzer.summaries(pictures.inputs))


def screen(
    bundle: str | Path,
    data: str | Path,
    kinds: str | Path,
    *,
    folds: Mapping[int, Path],
    left_out: Mapping[str, Path],
    report: Callable[[str], None] = lambda line: None,
) -> str:
    """Fit the gate of a bundle, measure gates of other networks, and give the card's section.

    Args:
        folds: fold -> bundle that was trained without it. left_out: frame size -> the same.
        report: is told of each network.
    """
    loaded = load_bundle(bundle)
    pictures = gather(data, kinds, loaded.config.network.size)
    fit_gate(loaded, look(Analyzer(loaded), pictures))
    report("fitted")

    def seen(path: Path) -> Crowd:
        report(path.name)
        return look(Analyzer(load_bundle(path)), pictures)

    measured = [measure(seen(path), fold) for fold, path in folds.items()]
    unseen = {s: measure_frame_size(seen(path), s) for s, path in left_out.items()}
    return section(measured, unseen)


def fit_gate(loaded: Bundle, crowd: Crowd) -> Gate:
    """Fit the gate of a bundle and write `gate.safetensors` into its folder."""
    gate = _fit(crowd, ~np.isin(crowd.pictures.kinds, RESEARCH_ONLY))
    gate.save(loaded.path / "gate.safetensors", loaded.weights_sha256)
    return gate


def measure(crowd: Crowd, fold: int) -> dict[str, Any]:
    """How a gate does on what neither it nor its network has seen.

    Args:
        crowd: of a network that was trained without `fold`.

    Returns:
        accepted (liver images of the fold, their own size and small), strata (the same by frame
        size), bare (rectangles from within their sectors); caught per kind when half of the kind
        was known ("known") and when the kind never was ("unknown"), as [hits, n]; the AUROC of
        the margin for each unknown kind.
    """
    p = crowd.pictures
    liver, usable = p.kinds == LIVER, ~np.isin(p.kinds, RESEARCH_ONLY)
    own = liver & (p.folds == fold)
    seen, half = usable & ~own, np.arange(len(liver)) % 2 == 0
    known = _fit(crowd, seen & (liver | half))
    test = own & (p.shapes != BARE)
    result: dict[str, Any] = _accepted(known, crowd, own)
    result["strata"] = {
        str(stratum): _passed(known, crowd, test & (p.strata == stratum))
        for stratum in np.unique(p.strata[test])
    }
    result["known"], result["unknown"], result["auroc"] = {}, {}, {}
    for kind in sorted(set(p.kinds.tolist()) - {LIVER}):
        mine = p.kinds == kind
        if kind not in RESEARCH_ONLY:
            caught = _margins(known, crowd, mine & ~half) < 0
            result["known"][kind] = [int(caught.sum()), len(caught)]
        without = _fit(crowd, seen & ~mine)
        margins, livers = _margins(without, crowd, mine), _margins(without, crowd, test)
        result["unknown"][kind] = [int((margins < 0).sum()), len(margins)]
        result["auroc"][kind] = float((livers[:, None] > margins[None]).mean())
    return result


def measure_frame_size(crowd: Crowd, stratum: str) -> dict[str, list[int]]:
    """Liver images of a frame size that neither the gate nor its network has seen; see `measure`.

    Args:
        crowd: of a network that was trained without `stratum`.
    """
    p = crowd.pictures
    own = (p.kinds == LIVER) & (p.strata == stratum)
    return _accepted(_fit(crowd, ~own & ~np.isin(p.kinds, RESEARCH_ONLY)), crowd, own)


def _accepted(gate: Gate, crowd: Crowd, own: NDArray[np.bool_]) -> dict[str, Any]:
    bare = crowd.pictures.shapes == BARE
    found = {"accepted": own & ~bare, "bare": own & bare}
    return {name: _passed(gate, crowd, which) for name, which in found.items()}


def _passed(gate: Gate, crowd: Crowd, which: NDArray[np.bool_]) -> list[int]:
    margins = _margins(gate, crowd, which)
    return [int((margins >= 0).sum()), len(margins)]


def _fit(crowd: Crowd, keep: NDArray[np.bool_]) -> Gate:
    """Rectangles are fitted too, but whole scans set the limits: else more strangers would pass."""
    p = crowd.pictures
    kinds, judged = p.kinds[keep].tolist(), p.shapes[keep] != BARE
    return fit(crowd.summaries[keep], kinds, p.folds[keep], judged=judged)


def _margins(gate: Gate, crowd: Crowd, which: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.array([verdict.margin for verdict in gate.judge(crowd.summaries[which])])


def section(
    measured: Sequence[dict[str, Any]], unseen: Mapping[str, Mapping[str, list[int]]]
) -> str:
    """The model card's section; all of its numbers come from `measure`, pooled over folds, and
    `measure_frame_size`."""
    accepted, bare = (_pool([m[name] for m in measured]) for name in ("accepted", "bare"))
    lines = [
        "## Is it a liver ultrasound?",
        "",
        "The gate stops what is unlike the liver images. Measured with networks and gates that had "
        "not seen the liver images; a kind is either known to the gate (half of it fitted, the "
        "other half shown) or was never seen in fitting, which is what a gate meets in use. "
        "95 % Wilson intervals; every liver image counts twice, in its own size and small, so "
        "theirs are somewhat narrow. A rectangle is cut from within the sector, as a linear probe "
        "or a cropped picture shows it; an unseen frame size is one that neither the network nor "
        f"its gate was given. Pictures of other kinds were shown to {len(measured)} networks, and "
        "count once.",
        "",
        f"Liver images accepted: {accepted}. Rectangles without an outline: {bare}.",
        "",
        "| frame size | accepted | when unseen | rectangles, when unseen |",
        "| --- | --- | --- | --- |",
    ]
    for stratum in sorted({s for m in measured for s in m["strata"]}):
        pairs = [m["strata"][stratum] for m in measured if stratum in m["strata"]]
        new = unseen.get(stratum)
        others = [_pool([new[name]]) if new else "-" for name in ("accepted", "bare")]
        lines.append(f"| {stratum} | {_pool(pairs)} | {' | '.join(others)} |")
    lines += ["", "| kind | stopped, known | stopped, never seen | AUROC, never seen |"]
    lines += ["| --- | --- | --- | --- |"]
    groups: dict[str, list[list[int]]] = {"other ultrasound": [], "no ultrasound": []}
    for kind in measured[0]["unknown"]:
        unknown = [m["unknown"][kind] for m in measured]
        known = [m["known"][kind] for m in measured if kind in m["known"]]
        other = any(word in kind for word in _NOT_ULTRASOUND)
        groups["no ultrasound" if other else "other ultrasound"] += unknown
        area = float(np.mean([m["auroc"][kind] for m in measured]))
        told = _pool(known, shown=len(measured)) if known else "not fitted (research only)"
        lines.append(f"| {kind} | {told} | {_pool(unknown, shown=len(measured))} | {area:.3f} |")
    for name, pairs in groups.items():
        lines.append(f"| **all {name}** | | {_pool(pairs, shown=len(measured))} | |")
    return "\n".join(lines)


def _pool(pairs: Sequence[Sequence[int]], *, shown: int = 1) -> str:
    """Hits of n with a Wilson interval; `shown`: to how many networks each picture was, which
    makes no more pictures of them."""
    hits, n = (sum(p[i] for p in pairs) / shown for i in (0, 1))
    if n == 0:
        return "none"
    low, high = wilson(round(hits), round(n))
    return f"{hits / n:.3f} ({low:.3f} to {high:.3f}), n = {round(n)}"
