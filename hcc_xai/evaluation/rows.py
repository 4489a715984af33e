"""What is measured of one answer: a row of numbers, by the true outlines, in the file's pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.analysis.result import Analysis
from hcc_xai.dataset.folder import LESION, Record, image_path, read_sector, read_truth
from hcc_xai.dataset.scanner import frame_features
from hcc_xai.errors import DataError
from hcc_xai.evaluation.lesion_rule import STEPS
from hcc_xai.imaging.frame import Frame, find_sector
from hcc_xai.imaging.painting import Look, hidden_and_elsewhere, look_of, with_look
from hcc_xai.imaging.read import read
from hcc_xai.model.exact import KINDS
from hcc_xai.stats import dice, iou, softmax

_LEAST_PIXELS = 4  # a found part below that is no lesion, whatever its share (as in measure.py)
Row = dict[str, Any]
Mask = NDArray[np.bool_]


def predict(
    analyzer: Analyzer,
    records: Sequence[Record],
    data: str | Path,
    *,
    looks: Mapping[str, Sequence[Look]] | None = None,
) -> list[Row]:
    """Rows of some images: two forwards, one for the answers and one for the pictures that were
    changed.

    Args:
        looks: frame size -> looks of its scanners (see `gather_looks`); each image is shown with
            three that are not of its own frame size.
    """
    answers = analyzer.analyze([image_path(data, r.name) for r in records])
    rows, inputs, owners = [], [], []
    for record, answer in zip(records, answers, strict=True):
        truth = read_truth(data, record.name)
        sector = read_sector(data, record.name)
        if truth.shape != answer.image.shape or sector.shape != answer.image.shape:
            raise DataError(f"{record.name}: picture, mask and sector are not of one size")
        if not sector.any():
            raise DataError(f"{record.name}: its sector is empty")
        rows.append(measure_answer(record, answer, truth, sector))
        inputs.append(bare(answer))
        owners.append((rows[-1], "bare"))
        if rows[-1]["has_liver"]:
            for key, picture in painted(answer, truth).items():
                inputs.append(picture)
                owners.append((rows[-1], key))
            for picture in other_looks(answer, truth, record, looks or {}):
                inputs.append(picture)
                owners.append((rows[-1], "looks"))
    if inputs:
        labels = analyzer.config.network.labels
        logits = analyzer.forward(np.stack(inputs)).logits.astype(np.float64).tolist()
        for (row, key), said in zip(owners, logits, strict=True):
            chances = _chances(dict(zip(labels, said, strict=True)))
            if key == "bare":
                row[key] = chances
            elif key == "looks":
                stayed = max(chances, key=chances.__getitem__) == row["answer"]
                row[key].append([chances[row["label"]], stayed])
            else:
                row[key] = chances[row["label"]]
    return rows


def bare(answer: Analysis) -> NDArray[np.float32]:
    """The network's input with the whole sector painted over in its mean: of the scan only its
    outline is left. (S, S)."""
    grey, sector = answer.frame.to_network(answer.image.grey), answer.frame.network_sector
    return np.where(sector, grey[sector].mean(), grey).astype(np.float32)


def gather_looks(
    records: Sequence[Record], data: str | Path, size: int, *, each: int = 6
) -> dict[str, list[Look]]:
    """Looks of a few pictures of every frame size, chosen by a fixed seed. size: of the network's
    input."""
    found: dict[str, list[Look]] = {}
    for stratum in sorted({r.stratum for r in records}):
        mine = [r for r in records if r.stratum == stratum]
        chosen = np.random.default_rng(0).permutation(len(mine))[:each]
        for record in (mine[int(i)] for i in chosen):
            image = read(image_path(data, record.name))
            frame = Frame.around(find_sector(image.pixels), size=size)
            found.setdefault(stratum, []).append(look_of(frame.to_network(image.grey)))
    return found


def other_looks(
    answer: Analysis,
    truth: NDArray[np.uint8],
    record: Record,
    looks: Mapping[str, Sequence[Look]],
) -> list[NDArray[np.float32]]:
    """Network inputs in which all but the true lesion and a ring around it has another scanner's
    look: three, each (S, S), or none where there is no lesion or no other scanner."""
    lesion = answer.frame.shrink_mask(truth == LESION)
    lesion &= answer.frame.network_sector
    others = [look for s, some in sorted(looks.items()) if s != record.stratum for look in some]
    if not lesion.any() or not others:
        return []
    grey = answer.frame.to_network(answer.image.grey)
    chosen = np.random.default_rng(sum(record.name.encode())).permutation(len(others))[:3]
    return [with_look(grey, lesion, others[int(i)]) for i in chosen]


def painted(answer: Analysis, truth: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
    """Network inputs with the true lesion painted over ("hidden"), and with as much of the true
    liver painted over elsewhere ("elsewhere"); without those that cannot be made. truth: (H, W) ->
    (S, S) each."""
    frame = answer.frame
    lesion = frame.shrink_mask(truth == LESION)
    liver = frame.shrink_mask(truth > 0) & ~lesion & frame.network_sector
    lesion &= frame.network_sector
    if not lesion.any():
        return {}
    return hidden_and_elsewhere(frame.to_network(answer.image.grey), lesion, liver)


def measure_answer(record: Record, answer: Analysis, truth: NDArray[np.uint8], sector: Mask) -> Row:
    """All that is measured of one answer, but what needs another forward. None where it has no
    meaning.

    Shares are of a map's positive part in the pixels of the file: lesion, liver (the rest of it),
    rest of the sector, outside, by the true outlines; "truth" are the maps of the true label,
    "answer" those of the answer. `bare`: probabilities of each label with the sector painted over.
    `found`: [pixels, of these in the true lesion, mean probability]
    of each part of the found lesion mask. `looks`: [probability of the true label, whether the
    answer stayed] with each of three scanners' looks around the lesion.
    """
    lesion, liver = truth == LESION, truth > 0
    has_liver = record.has_liver and bool((liver & ~lesion).any())
    masks, some = answer.masks, bool(lesion.any())
    parts = {
        "lesion": lesion,
        "liver": liver & ~lesion,
        "rest": sector & ~liver,
        "outside": ~(sector | liver),
    }
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
        **frame_features(answer.image.grey, sector),
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
        "found": _found(answer, lesion),
        "pixels": _pixels(answer, lesion),
        "sector_px": int(answer.sector.sum()),
        "shares": {w: {k: _shares(h, parts) for k, h in maps.items()} for w, maps in heats.items()},
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


def _found(answer: Analysis, lesion: Mask) -> list[list[float]]:
    chance = answer.mask_probabilities["lesion"]
    over = (chance > answer.config.mask_thresholds["lesion"]).astype(np.uint8)
    count, parts = cv2.connectedComponents(over, connectivity=8)
    sizes = np.bincount(parts.ravel(), minlength=count)
    inside = np.bincount(parts[lesion], minlength=count)
    chances = np.bincount(
        parts.ravel(), chance.ravel().astype(np.float64), minlength=count
    ) / np.maximum(sizes, 1)
    return [
        [int(sizes[i]), int(inside[i]), round(float(chances[i]), 4)]
        for i in range(1, count)
        if sizes[i] >= _LEAST_PIXELS
    ]


def _shares(heat: NDArray[np.float32], parts: Mapping[str, Mask]) -> dict[str, float]:
    """Shares of the positive part; all zero where there is none."""
    positive = np.maximum(heat, 0).astype(np.float64)
    total = positive.sum()
    return {
        name: float(positive[mask].sum() / total) if total > 0 else 0.0
        for name, mask in parts.items()
    }


def _points(heat: NDArray[np.float32], lesion: Mask) -> bool:
    """Whether the map's peak lies in the lesion; an empty map has none."""
    return bool(heat.max() > 0 and lesion.flat[int(heat.argmax())])
