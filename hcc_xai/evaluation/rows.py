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
from hcc_xai.dataset.folder import (
    TARGET,
    Record,
    image_path,
    read_sector,
    read_truth,
    sector_path,
)
from hcc_xai.dataset.scanner import frame_features
from hcc_xai.errors import DataError
from hcc_xai.evaluation.changed import Looks, bare, other_looks, painted, part_tested
from hcc_xai.evaluation.row_type import STEPS, Part, Row, Shares
from hcc_xai.explain.shares import shares
from hcc_xai.findings.lesions import LEAST_PIXELS
from hcc_xai.model.exact import KINDS
from hcc_xai.stats import dice, iou, probabilities_of

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
        if answer.config.organ is None or row["has_organ"]:
            tested = part_tested(answer, truth, record)
            for how, picture in painted(answer, tested, truth).items():
                changed.append(Changed(row, how, picture))
            for picture in other_looks(answer, tested, record, looks or {}):
                changed.append(Changed(row, "looks", picture))
    if changed:
        _answer_again(analyzer, changed)
    return rows


def _outlines(
    record: Record, answer: Analysis, data: str | Path
) -> tuple[NDArray[np.uint8], Mask | None]:
    """The true outlines of an image: (H, W) of 0, 1 organ, 2 target, and its sector, if drawn."""
    truth = read_truth(data, record.name)
    if not sector_path(data, record.name).is_file():
        sector = None
    else:
        sector = read_sector(data, record.name)
    if truth.shape != answer.image.shape or (
        sector is not None and sector.shape != answer.image.shape
    ):
        raise DataError(
            "rows-sizes-differ",
            "{name}: picture, mask and sector are not of one size",
            name=record.name,
        )
    if sector is not None and not sector.any():
        raise DataError("rows-empty-sector", "{name}: its sector is empty", name=record.name)
    return truth, sector


def _answer_again(analyzer: Analyzer, changed: Sequence[Changed]) -> None:
    """Write into the rows what the network says of the changed pictures."""
    network = analyzer.config.network
    inputs = np.stack([one.input for one in changed])
    logits = analyzer.forward(inputs).logits.astype(np.float64).tolist()
    for one, values in zip(changed, logits, strict=True):
        told = dict(zip(network.labels, values, strict=True))
        row, chances = one.row, _chances(told, multiple=network.multiple)
        chance = chances[row["label"].split("+")[0]]
        if one.how == "bare":
            row["bare"] = chances
        elif one.how == "looks":
            stayed = max(chances, key=chances.__getitem__) == row["answer"]
            row["looks"].append([chance, stayed])
        elif one.how == "hidden":
            row["hidden"] = chance
        else:
            row["elsewhere"] = chance


def measure_answer(
    record: Record, answer: Analysis, truth: NDArray[np.uint8], drawn: Mask | None
) -> Row:
    """All that is measured of one answer, but what needs another forward.

    Args:
        record: of the image.
        answer: of the network.
        truth: (H, W) of 0, 1 organ, 2 target.
        drawn: (H, W), the sector as drawn by hand; None where it was not.
    """
    lesion, organ = truth == TARGET, truth > 0
    named = answer.config.organ
    has_organ = named is not None and record.has_organ and bool((organ & ~lesion).any())
    some = answer.target is not None and bool(lesion.any())
    outlined = some and record.outlines != "weak"
    sector = answer.sector if drawn is None else drawn
    frame = frame_features(answer.image.grey, sector)
    heats = {
        whose: {kind: answer.heatmap(label, kind) for kind in KINDS}
        for whose, label in (("truth", record.labels[0]), ("answer", answer.label))
    }
    return {
        "name": record.name,
        "label": record.label,
        "fold": record.fold,
        "stratum": record.stratum,
        "group": record.group,
        "outlines": record.outlines,
        "width": frame["width"],
        "height": frame["height"],
        "brightness": frame["brightness"],
        "sharpness": frame["sharpness"],
        "sector_share": frame["sector_share"],
        "probabilities": _chances(answer.logits, multiple=answer.config.network.multiple),
        "logits": answer.logits,
        "answer": answer.label,
        "present": list(answer.labels_present),
        "band": answer.band(),
        "sector_iou": None if drawn is None else iou(answer.sector, drawn),
        "has_organ": has_organ,
        "organ_dice": dice(answer.organ_mask, organ) if has_organ else None,
        "lesion_px": int(lesion.sum()),
        "lesion_share": float(lesion.sum() / sector.sum()),
        "lesion_dice": dice(answer.target_mask, lesion) if outlined else None,
        "lesion_iou": iou(answer.target_mask, lesion) if some else None,
        "lesions": len(answer.lesions),
        "false_lesion": None if some else bool(answer.lesions),
        "found": [list(part) for part in parts_of(answer, lesion)],
        "pixels": _pixels(answer, lesion),
        "sector_px": int(answer.sector.sum()),
        "shares": {
            w: {k: _shares(h, lesion, organ, sector) for k, h in maps.items()}
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


def _chances(logits: Mapping[str, float], *, multiple: bool) -> dict[str, float]:
    """Raw probabilities: those of the painted pictures are raw too, whatever the bundle holds."""
    values = np.array(list(logits.values()))
    return dict(zip(logits, probabilities_of(values, multiple=multiple).tolist(), strict=True))


def _pixels(answer: Analysis, lesion: Mask) -> list[list[int]]:
    """Histograms of the lesion's probability over the sector: of all pixels, of the true
    lesion's; empty where the bundle outlines no lesions."""
    if answer.target is None:
        return []
    chance = answer.mask_probabilities[answer.target]
    parts = (answer.sector, answer.sector & lesion)
    return [np.histogram(chance[m], STEPS, (0, 1))[0].tolist() for m in parts]


def parts_of(answer: Analysis, lesion: Mask) -> list[Part]:
    """The parts of a picture in which the lesion's probability is over its threshold, without
    specks of fewer pixels than a lesion has at least; none where the bundle outlines no lesions.

    Args:
        answer: of the network.
        lesion: (H, W), the true lesion.
    """
    if answer.target is None:
        return []
    chance = answer.mask_probabilities[answer.target]
    over = (chance > answer.config.mask_thresholds[answer.target]).astype(np.uint8)
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


def _shares(heat: NDArray[np.float32], lesion: Mask, organ: Mask, sector: Mask) -> Shares:
    """Where a map's positive part lies; all zero where there is none. (H, W) each."""
    parts = {
        "lesion": lesion,
        "organ": organ & ~lesion,
        "rest": sector & ~organ,
        "outside": ~(sector | organ),
    }
    return cast(Shares, shares(heat, parts))


def _points(heat: NDArray[np.float32], lesion: Mask) -> bool:
    """Whether the map's peak lies in the lesion; an empty map has none."""
    return bool(heat.max() > 0 and lesion.flat[int(heat.argmax())])
