"""What is measured of one answer: a row of numbers, by the true outlines, in the file's pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.analysis.result import Analysis
from hcc_xai.dataset.folder import TARGET, Record, image_path, read_sector, read_truth
from hcc_xai.dataset.scanner import frame_features
from hcc_xai.errors import DataError
from hcc_xai.evaluation.changed import Looks, bare, other_looks, painted
from hcc_xai.evaluation.row_type import STEPS, Part, Row, Shares
from hcc_xai.explain.shares import shares
from hcc_xai.findings.lesions import LEAST_PIXELS
from hcc_xai.model.exact import KINDS
from hcc_xai.stats import dice, iou, softmax

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Changed:
    """A picture of an image that was changed, for the network to answer again.

    Attributes:
        row: of the image; takes the answer up.
        how: "bare", "hidden", "elsewhere" or "looks".
        input: (S, S) float32, as the network takes it.
    """

    row: Row
    how: str
    input: NDArray[np.float32]


def predict(
    analyzer: Analyzer, records: Sequence[Record], data: str | Path, *, looks: Looks | None = None
) -> list[Row]:
    """Rows of some images: two forwards, one for the answers and one for the pictures that were
    changed.

    Args:
        analyzer: of a network that was trained without them.
        records: the images.
        data: the data folder.
        looks: frame size -> looks of its scanners (see `gather_looks`); each image is shown with
            three that are not of its own frame size.

    Raises:
        DataError: a picture, its mask and its sector are not of one size, or the sector is empty.
    """
    answers = analyzer.analyze([image_path(data, r.name) for r in records])
    rows: list[Row] = []
    changed: list[Changed] = []
    for record, answer in zip(records, answers, strict=True):
        truth, sector = _outlines(record, answer, data)
        row = measure_answer(record, answer, truth, sector)
        rows.append(row)
        changed.append(Changed(row, "bare", bare(answer)))
        if row["has_liver"]:
            for how, picture in painted(answer, truth).items():
                changed.append(Changed(row, how, picture))
            for picture in other_looks(answer, truth, record, looks or {}):
                changed.append(Changed(row, "looks", picture))
    if changed:
        _answer_again(analyzer, changed)
    return rows


def _outlines(record: Record, answer: Analysis, data: str | Path) -> tuple[NDArray[np.uint8], Mask]:
    """The true outlines of an image: (H, W) of 0, 1 liver, 2 lesion, and its sector."""
    truth, sector = read_truth(data, record.name), read_sector(data, record.name)
    if truth.shape != answer.image.shape or sector.shape != answer.image.shape:
        raise DataError(
            "rows-sizes-differ",
            "{name}: picture, mask and sector are not of one size",
            name=record.name,
        )
    if not sector.any():
        raise DataError("rows-empty-sector", "{name}: its sector is empty", name=record.name)
    return truth, sector


def _answer_again(analyzer: Analyzer, changed: Sequence[Changed]) -> None:
    """Write into the rows what the network says of the changed pictures."""
    labels = analyzer.config.network.labels
    inputs = np.stack([one.input for one in changed])
    logits = analyzer.forward(inputs).logits.astype(np.float64).tolist()
    for one, values in zip(changed, logits, strict=True):
        row, chances = one.row, _chances(dict(zip(labels, values, strict=True)))
        chance = chances[row["label"]]
        if one.how == "bare":
            row["bare"] = chances
        elif one.how == "looks":
            stayed = max(chances, key=chances.__getitem__) == row["answer"]
            row["looks"].append([chance, stayed])
        elif one.how == "hidden":
            row["hidden"] = chance
        else:
            row["elsewhere"] = chance


def measure_answer(record: Record, answer: Analysis, truth: NDArray[np.uint8], sector: Mask) -> Row:
    """All that is measured of one answer, but what needs another forward.

    Args:
        record: of the image.
        answer: of the network.
        truth: (H, W) of 0, 1 liver, 2 lesion.
        sector: (H, W), drawn by hand.
    """
    lesion, liver = truth == TARGET, truth > 0
    has_liver = record.has_organ and bool((liver & ~lesion).any())
    masks, some = answer.masks, bool(lesion.any())
    frame = frame_features(answer.image.grey, sector)
    heats = {
        whose: {kind: answer.heatmap(label, kind) for kind in KINDS}
        for whose, label in (("truth", record.label), ("answer", answer.label))
    }
    return {
        "name": record.name,
        "label": record.label,
        "fold": record.fold,
        "stratum": record.stratum,
        "group": record.group,
        "width": frame["width"],
        "height": frame["height"],
        "brightness": frame["brightness"],
        "sharpness": frame["sharpness"],
        "sector_share": frame["sector_share"],
        "probabilities": _chances(answer.logits),
        "logits": answer.logits,
        "answer": answer.label,
        "band": answer.band(),
        "sector_iou": iou(answer.sector, sector),
        "has_liver": has_liver,
        "liver_dice": dice(masks["liver"], liver) if has_liver else None,
        "lesion_px": int(lesion.sum()),
        "lesion_share": float(lesion.sum() / sector.sum()),
        "lesion_dice": dice(masks["lesion"], lesion) if some else None,
        "lesion_iou": iou(masks["lesion"], lesion) if some else None,
        "lesions": len(answer.lesions),
        "false_lesion": None if some else bool(answer.lesions),
        "found": [list(part) for part in parts_of(answer, lesion)],
        "pixels": _pixels(answer, lesion),
        "sector_px": int(answer.sector.sum()),
        "shares": {
            w: {k: _shares(h, lesion, liver, sector) for k, h in maps.items()}
            for w, maps in heats.items()
        },
        "pointing": {
            w: {k: _points(h, lesion) if some else None for k, h in maps.items()}
            for w, maps in heats.items()
        },
        "bare": None,
        "hidden": None,
        "elsewhere": None,
        "looks": [],
    }


def _chances(logits: Mapping[str, float]) -> dict[str, float]:
    """Raw probabilities: those of the painted pictures are raw too, whatever the bundle holds."""
    return dict(zip(logits, softmax(np.array(list(logits.values()))).tolist(), strict=True))


def _pixels(answer: Analysis, lesion: Mask) -> list[list[int]]:
    """Histograms of the lesion's probability over the sector: of all pixels, of the true
    lesion's."""
    chance = answer.mask_probabilities["lesion"]
    parts = (answer.sector, answer.sector & lesion)
    return [np.histogram(chance[m], STEPS, (0, 1))[0].tolist() for m in parts]


def parts_of(answer: Analysis, lesion: Mask) -> list[Part]:
    """The parts of a picture in which the lesion's probability is over its threshold, without
    specks of fewer pixels than a lesion has at least.

    Args:
        answer: of the network.
        lesion: (H, W), the true lesion.
    """
    chance = answer.mask_probabilities["lesion"]
    over = (chance > answer.config.mask_thresholds["lesion"]).astype(np.uint8)
    count, parts = cv2.connectedComponents(over, connectivity=8)
    sizes = np.bincount(parts.ravel(), minlength=count)
    inside = np.bincount(parts[lesion], minlength=count)
    chances = np.bincount(
        parts.ravel(), chance.ravel().astype(np.float64), minlength=count
    ) / np.maximum(sizes, 1)
    return [
        Part(int(sizes[i]), int(inside[i]), round(float(chances[i]), 4))
        for i in range(1, count)
        if sizes[i] >= LEAST_PIXELS
    ]


def _shares(heat: NDArray[np.float32], lesion: Mask, liver: Mask, sector: Mask) -> Shares:
    """Where a map's positive part lies; all zero where there is none. (H, W) each."""
    parts = {
        "lesion": lesion,
        "liver": liver & ~lesion,
        "rest": sector & ~liver,
        "outside": ~(sector | liver),
    }
    return cast(Shares, shares(heat, parts))


def _points(heat: NDArray[np.float32], lesion: Mask) -> bool:
    """Whether the map's peak lies in the lesion; an empty map has none."""
    return bool(heat.max() > 0 and lesion.flat[int(heat.argmax())])
