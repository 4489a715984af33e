"""Fit the gate of a bundle, and say how well it stops what is no liver ultrasound.

All pictures are made alike first (small, recompressed), or the gate would learn the file and not
the picture; liver images are shown in their own size as well, as users' will be.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hcc_xai.analysis import Analyzer
from hcc_xai.bundle import load_bundle
from hcc_xai.data import image_path, read_index
from hcc_xai.errors import DataError
from hcc_xai.gate import LIVER, Gate, fit
from hcc_xai.geometry import Frame, find_sector
from hcc_xai.images import read
from hcc_xai.metrics import wilson

_SIDE, _QUALITY, _BATCH = 300, 85, 8
MOST = 200  # pictures of a kind; more of one would drown the others
RESEARCH_ONLY = ("mammogram",)  # terms that allow testing, and not fitting what ships
_NOT_ULTRASOUND = ("x-ray", "mri", "mammogram", "photograph", "screenshot")


@dataclass(frozen=True, eq=False)
class Crowd:
    """Summaries (N, D) of pictures, their kinds, folds (-1 where there is none) and frame sizes."""

    summaries: NDArray[np.float32]
    kinds: NDArray[Any]
    folds: NDArray[np.int64]
    strata: NDArray[Any]


def gather(analyzer: Analyzer, data: str | Path, kinds: str | Path, *, seed: int = 0) -> Crowd:
    """Show the network every liver image, twice, and up to 200 pictures of each other kind.

    Args:
        data: a data folder. kinds: a folder with `index.csv` of path and kind.

    Raises:
        DataError: no index, or a picture is missing.
    """
    items: list[tuple[Path, str, int, str, bool]] = []
    for record in read_index(data):
        for small in (False, True):
            path = image_path(data, record.name)
            items.append((path, LIVER, record.fold, record.stratum, small))
    index = Path(kinds) / "index.csv"
    if not index.is_file():
        raise DataError(f"{index} is missing; wanted are the columns path and kind")
    with index.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    rng = np.random.default_rng(seed)
    for kind in sorted({row["kind"] for row in rows}):
        paths = [row["path"] for row in rows if row["kind"] == kind]
        for path in rng.permutation(paths)[:MOST]:
            items.append((Path(kinds) / str(path), kind, -1, "", True))
    found = []
    for start in range(0, len(items), _BATCH):
        inputs = [_input(analyzer, i[0], small=i[4]) for i in items[start : start + _BATCH]]
        found.append(analyzer.forward(np.stack(inputs))["summary"])
    return Crowd(
        np.concatenate(found),
        np.array([i[1] for i in items]),
        np.array([i[2] for i in items]),
        np.array([i[3] for i in items]),
    )


def _input(analyzer: Analyzer, path: Path, *, small: bool) -> NDArray[np.float32]:
    image = read(path)
    if small:
        scale = min(1.0, _SIDE / max(image.shape))
        pixels = cv2.resize(image.pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1]
        image = read(np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8))
    frame = Frame.around(find_sector(image.pixels), size=analyzer.config.network.size)
    return frame.to_network(image.grey)


def screen(
    bundle: str | Path, data: str | Path, kinds: str | Path, folds: Mapping[int, Path]
) -> str:
    """Fit the gate of a bundle, measure gates of the folds' bundles, and give the card's section.

    Args:
        folds: fold -> bundle that was trained without it.
    """
    fit_gate(bundle, data, kinds)
    crowds = {
        fold: gather(Analyzer(load_bundle(path)), data, kinds) for fold, path in folds.items()
    }
    return section([measure(crowd, fold) for fold, crowd in crowds.items()])


def fit_gate(bundle: str | Path, data: str | Path, kinds: str | Path) -> Gate:
    """Fit the gate of a bundle and write `gate.safetensors` into its folder."""
    loaded = load_bundle(bundle)
    crowd = gather(Analyzer(loaded), data, kinds)
    keep = ~np.isin(crowd.kinds, RESEARCH_ONLY)
    gate = fit(crowd.summaries[keep], crowd.kinds[keep].tolist(), crowd.folds[keep])
    gate.save(loaded.path / "gate.safetensors", loaded.weights_sha256)
    return gate


def measure(crowd: Crowd, fold: int) -> dict[str, Any]:
    """How a gate does on what neither it nor its network has seen.

    Args:
        crowd: of a network that was trained without `fold`.

    Returns:
        accepted (liver images of the fold), by frame size too; caught per kind when half of the
        kind was known ("known") and when the kind never was ("unknown"), as [hits, n]; the AUROC
        of the margin for each unknown kind.
    """
    liver = crowd.kinds == LIVER
    usable = ~np.isin(crowd.kinds, RESEARCH_ONLY)
    seen = ~(liver & (crowd.folds == fold))
    half = np.arange(len(liver)) % 2 == 0
    known = _fit(crowd, seen & usable & (liver | half))
    test = liver & (crowd.folds == fold)
    passed = _margins(known, crowd, test) >= 0
    result: dict[str, Any] = {"accepted": [int(passed.sum()), len(passed)], "strata": {}}
    for stratum in np.unique(crowd.strata[test]):
        own = passed[crowd.strata[test] == stratum]
        result["strata"][str(stratum)] = [int(own.sum()), len(own)]
    result["known"], result["unknown"], result["auroc"] = {}, {}, {}
    for kind in sorted(set(crowd.kinds.tolist()) - {LIVER}):
        mine = crowd.kinds == kind
        caught = _margins(known, crowd, mine & ~half) < 0
        if kind not in RESEARCH_ONLY:
            result["known"][kind] = [int(caught.sum()), len(caught)]
        without = _fit(crowd, seen & usable & ~mine)
        margins, own = _margins(without, crowd, mine), _margins(without, crowd, test)
        result["unknown"][kind] = [int((margins < 0).sum()), len(margins)]
        result["auroc"][kind] = float((own[:, None] > margins[None]).mean())
    return result


def _fit(crowd: Crowd, keep: NDArray[np.bool_]) -> Gate:
    return fit(crowd.summaries[keep], crowd.kinds[keep].tolist(), crowd.folds[keep])


def _margins(gate: Gate, crowd: Crowd, which: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.array([verdict.margin for verdict in gate.judge(crowd.summaries[which])])


def section(measured: Sequence[dict[str, Any]]) -> str:
    """The model card's section; all of its numbers come from `measure`, pooled over folds."""
    accepted = _pool([m["accepted"] for m in measured])
    lines = [
        "## Is it a liver ultrasound?",
        "",
        "The gate stops what is unlike the liver images. Measured with networks and gates that had "
        "not seen the liver images; a kind is either known to the gate (half of it fitted, the "
        "other half shown) or was never seen in fitting, which is what a gate meets in use. "
        "95 % Wilson intervals; every liver image counts twice, in its own size and small, so "
        "theirs are somewhat narrow.",
        "",
        f"Liver images accepted: {accepted}.",
        "",
        "| frame size | accepted |",
        "| --- | --- |",
    ]
    for stratum in sorted({s for m in measured for s in m["strata"]}):
        pairs = [m["strata"][stratum] for m in measured if stratum in m["strata"]]
        lines.append(f"| {stratum} | {_pool(pairs)} |")
    lines += ["", "| kind | stopped, known | stopped, never seen | AUROC, never seen |"]
    lines += ["| --- | --- | --- | --- |"]
    groups: dict[str, list[list[int]]] = {"other ultrasound": [], "no ultrasound": []}
    for kind in measured[0]["unknown"]:
        unknown = [m["unknown"][kind] for m in measured]
        known = [m["known"][kind] for m in measured if kind in m["known"]]
        other = any(word in kind for word in _NOT_ULTRASOUND)
        groups["no ultrasound" if other else "other ultrasound"] += unknown
        area = float(np.mean([m["auroc"][kind] for m in measured]))
        shown = _pool(known) if known else "not fitted (research only)"
        lines.append(f"| {kind} | {shown} | {_pool(unknown)} | {area:.3f} |")
    for name, pairs in groups.items():
        lines.append(f"| **all {name}** | | {_pool(pairs)} | |")
    return "\n".join(lines)


def _pool(pairs: Sequence[Sequence[int]]) -> str:
    """Hits of n with a Wilson interval."""
    hits, n = (sum(p[i] for p in pairs) for i in (0, 1))
    if n == 0:
        return "none"
    low, high = wilson(hits, n)
    return f"{hits / n:.3f} ({low:.3f} to {high:.3f}), n = {n}"
