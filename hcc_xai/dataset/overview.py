"""Look at the data first: one page that says what a data folder gives away before anything is
trained on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hcc_xai import stats
from hcc_xai.dataset.folder import (
    ORGAN,
    TARGET,
    Record,
    image_path,
    read_index,
    read_sector,
    read_truth,
)
from hcc_xai.dataset.overview_page import GivenAway, Overview, Pair, page
from hcc_xai.dataset.scanner import frame_baseline, frame_features
from hcc_xai.errors import DataError
from hcc_xai.imaging.read import read
from hcc_xai.stats import Floats

ALIKE = 0.93  # correlation of two thumbnails over which pictures are called near-duplicates
_THUMB = 24
_SPECK = 25  # pixels; a separate part of an outline below that is a slip of the hand
_BESIDE = 0.02  # share of a lesion outside the sector above which the outline is odd


@dataclass(frozen=True, eq=False)
class _Look:
    """What was measured of one picture.

    Attributes:
        record: its line of the index.
        figures: "lesion_share" of the sector, 0 to 1, and what `frame_features` gives.
        thumb: (24, 24) float32, the box of its sector.
        odd: what is odd about its outlines.
    """

    record: Record
    figures: dict[str, float]
    thumb: NDArray[np.float32]
    odd: list[str]


def overview(data: str | Path, out: str | Path, *, resamples: int = 1000) -> Overview:
    """Write a page (one self-contained HTML file) about a data folder.

    Args:
        data: a data folder (see folder.py).
        out: the file to write.
        resamples: bootstrap resamples behind every interval.

    Returns:
        What the page shows.

    Raises:
        DataError: no index, a picture or an outline is missing, or they are not of one size.
        ImageError: a picture cannot be read.
    """
    records = read_index(data)
    looks = [_look(record, data) for record in records]
    labels = sorted({r.label for r in records})
    result: Overview = {
        "images": len(records),
        "counts": {
            s: {k: sum(r.stratum == s and r.label == k for r in records) for k in labels}
            for s in sorted({r.stratum for r in records})
        },
        "lesion_share": _quantiles(looks, "lesion_share", labels),
        "brightness": _quantiles(looks, "brightness", labels),
        "sharpness": _quantiles(looks, "sharpness", labels),
        "odd": [{"name": look.record.name, "odd": text} for look in looks for text in look.odd],
        "alike": _alike(records, np.stack([look.thumb for look in looks])),
        **_baselines(looks, labels, resamples),
    }
    values = {
        key: {k: [look.figures[key] for look in looks if look.record.label == k] for k in labels}
        for key in ("lesion_share", "brightness", "sharpness")
    }
    Path(out).write_text(page(Path(data), result, values, alike=ALIKE), encoding="utf-8")
    return result


def _look(record: Record, data: str | Path) -> _Look:
    grey = read(image_path(data, record.name)).grey
    truth, sector = read_truth(data, record.name), read_sector(data, record.name)
    if not truth.shape == sector.shape == grey.shape:
        raise DataError(
            "data-sizes-differ",
            "{name}: picture, mask and sector are not of one size",
            name=record.name,
        )
    odd = _odd(record, truth, sector)
    if not sector.any():
        sector = np.ones_like(sector)
    rows, cols = np.flatnonzero(sector.any(1)), np.flatnonzero(sector.any(0))
    box = np.where(sector, grey, 0)[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    thumb = cv2.resize(box.astype(np.float32), (_THUMB, _THUMB), interpolation=cv2.INTER_AREA)
    share = float((truth == TARGET).sum()) / float(sector.sum())
    figures = {"lesion_share": share, **frame_features(grey, sector)}
    return _Look(record, figures, np.asarray(thumb, np.float32), odd)


def _odd(record: Record, truth: NDArray[np.uint8], sector: NDArray[np.bool_]) -> list[str]:
    """What is odd about the outlines of a picture, a line each."""
    odd = []
    lesion = truth == TARGET
    parts = cv2.connectedComponentsWithStats(lesion.astype(np.uint8), connectivity=8)[2][1:]
    specks = int((parts[:, cv2.CC_STAT_AREA] < _SPECK).sum())
    if specks:
        odd.append(f"{specks} part(s) of the lesion under {_SPECK} pixels")
    if (truth > TARGET).any():
        odd.append(f"values over {TARGET} in the mask")
    if record.label == "normal" and lesion.any():
        odd.append("labelled normal, with a lesion")
    if record.label != "normal" and not lesion.any():
        odd.append(f"labelled {record.label}, without a lesion")
    if not (truth == ORGAN).any():
        odd.append("no liver is outlined")
    outside = float((lesion & ~sector).sum()) / max(1, int(lesion.sum()))
    if outside > _BESIDE:
        odd.append(f"{100 * outside:.0f} % of the lesion lies outside the sector")
    if not sector.any():
        odd.append("the sector is empty")
    return odd


def _quantiles(looks: Sequence[_Look], key: str, labels: Sequence[str]) -> dict[str, list[float]]:
    """Seven quantiles a label; of the lesion's share, those that have a lesion."""
    quantiles = {}
    for label in labels:
        values = [look.figures[key] for look in looks if look.record.label == label]
        if key == "lesion_share":
            values = [v for v in values if v > 0]
        if values:
            cuts = np.quantile(values, [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1])
            quantiles[label] = [round(float(v), 4) for v in cuts]
    return quantiles


def _alike(records: Sequence[Record], thumbs: NDArray[np.float32]) -> list[Pair]:
    """Pairs of pictures that look alike, the likest first."""
    flat = thumbs.reshape(len(thumbs), -1).astype(np.float64)
    flat -= flat.mean(1, keepdims=True)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True).clip(1e-9)
    close = flat @ flat.T
    first, second = np.nonzero(np.triu(close > ALIKE, 1))
    pairs: list[Pair] = [
        {
            "names": [records[i].name, records[j].name],
            "correlation": round(float(close[i, j]), 4),
            "together": bool(records[i].group) and records[i].group == records[j].group,
            "same_fold": records[i].fold == records[j].fold,
        }
        for i, j in zip(first.tolist(), second.tolist(), strict=True)
    ]
    return sorted(pairs, key=lambda pair: -pair["correlation"])


def _baselines(looks: Sequence[_Look], labels: Sequence[str], resamples: int) -> GivenAway:
    """AUROC, over all and within frame size, of malignant against benign: from the frame alone (out
    of fold) and from the lesion's size alone."""
    truth = np.array([look.record.label for look in looks])
    judged = np.isin(truth, ("benign", "malignant"))
    if len(set(truth[judged])) < 2:
        return {"frame": None, "size": None}
    strata = np.array([look.record.stratum for look in looks])[judged]
    weights = stats.draws(int(judged.sum()), resamples=resamples)

    def reached(score: Floats) -> dict[str, stats.FigureRow]:
        positive = truth[judged] == "malignant"
        over_all = stats.auroc(score, positive, weights)
        within = stats.auroc(score, positive, weights, strata=strata)
        return {
            "over_all": stats.figure(over_all, len(score)).to_dict(),
            "within": stats.figure(within, len(score)).to_dict(),
        }

    rows = [
        {"label": look.record.label, "fold": look.record.fold, **look.figures} for look in looks
    ]
    size = np.array([look.figures["lesion_share"] for look in looks])[judged]
    chances, frame = frame_baseline(rows, labels), None
    if chances is not None:
        benign, malignant = (chances[judged, labels.index(k)] for k in ("benign", "malignant"))
        frame = reached(malignant / np.maximum(malignant + benign, 1e-12))
    return {"size": reached(size), "frame": frame}
