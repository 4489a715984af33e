"""How good is it? Every image is answered by the network that was trained without it, and measured.

`predict_folds` writes one row an image, `summary.summarise` makes the figures of them, `run` does it all. The
pictures go through the whole pipeline, as a user's would: the sector is found, not given.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from hcc_xai import __version__
from hcc_xai.analysis import Analysis, Analyzer
from hcc_xai.behaviour import elsewhere, paint_over
from hcc_xai.bundle import CONFIG, load_bundle
from hcc_xai.data import LESION, Record, image_path, read_index, read_sector, read_truth
from hcc_xai.errors import DataError
from hcc_xai.explain import KINDS
from hcc_xai.metrics import dice, iou
from hcc_xai.network import NetworkConfig
from hcc_xai.summary import pictures, summarise, table_markdown
from hcc_xai.train import make_bundle

PREDICTIONS = "out_of_fold.jsonl"
_BATCH = 8
_LEAST_PIXELS = 4  # a found part below that is no lesion, whatever its share (as in measure.py)
Row = dict[str, Any]
Mask = NDArray[np.bool_]


def run(
    data: str | Path,
    folds_dir: str | Path,
    out: str | Path,
    *,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Out-of-fold predictions of all folds, and what they amount to.

    Writes `out_of_fold.jsonl`, `summary.json`, `table.md` and `figures.png` to `out`.

    Args:
        data: a data folder (see data.py).
        folds_dir: a folder a fold, named by its number, that holds a bundle or what `train` left there.
        report: is told one line now and then.

    Returns:
        The summary (see `summarise`).

    Raises:
        DataError: no fold is there, or one that the index does not know.
    """
    out = Path(out)
    rows = predict_folds(fold_bundles(folds_dir, out / "bundles"), data, out, report=report)
    report(f"{len(rows)} images answered; resampling")
    summary = summarise(rows)
    _write(out / "summary.json", json.dumps(summary, indent=1))
    _write(out / "table.md", table_markdown(summary))
    pictures(rows, out / "figures.png")
    return summary


def fold_bundles(folds_dir: str | Path, out: str | Path) -> dict[int, Path]:
    """The bundles of a folder of folds, by fold; trainings are turned into bundles under `out`.

    Raises:
        DataError: there is none.
    """
    found = {}
    for folder in sorted(Path(folds_dir).glob("*")):
        if not folder.name.isdigit():  # "all" is trained on everything, and is not evaluated
            continue
        if (folder / CONFIG).is_file():
            found[int(folder.name)] = folder
        elif (folder / "best.safetensors").is_file() and (folder / "last.safetensors").is_file():
            target = Path(out) / folder.name
            found[int(folder.name)] = bundle_of_training(folder, target, fold=int(folder.name))
    if not found:
        raise DataError(
            f"{folds_dir} holds no folds; wanted are folders 0, 1, ... with a bundle, or what train wrote, in each"
        )
    return found


def bundle_of_training(folder: Path, out: Path, *, fold: int) -> Path:
    """A bundle from the folder of a training that left out `fold`."""
    with safe_open(str(folder / "last.safetensors"), framework="pt") as file:
        about = json.loads(file.metadata()["about"])
    training = {"left_out_fold": fold, "recipe": about["recipe"]}
    network = NetworkConfig.from_dict(about["network"])
    weights = folder / "best.safetensors"
    return make_bundle(
        weights, out, name=f"fold-{fold}", network=network, training=training, licence="other", examples=()
    )


def predict_folds(
    bundles: Mapping[int, Path],
    data: str | Path,
    out: str | Path,
    *,
    records: Sequence[Record] | None = None,
    device: str | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> list[Row]:
    """One row an image of the folds given, each by the bundle that was trained without it.

    Rows are kept as they come, and a run that was stopped goes on; rows that another network, configuration or
    version made are made anew. `out/out_of_fold.jsonl` appears when all are there.

    Args:
        bundles: fold -> the bundle trained without it.
        records: a part of the index; all of it by default.

    Returns:
        The rows, in the order of the index. See `_measure` for what is in one.

    Raises:
        DataError: no bundle, a fold without images, a bundle that says that it left out another fold, a picture
            that does not fit its outlines.
    """
    records = [r for r in records or read_index(data) if r.fold in bundles]
    strange = set(bundles) - {r.fold for r in records}
    if strange or not records:
        raise DataError(f"the index has no images of fold {', '.join(map(str, sorted(strange))) or '(none given)'}")
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    partial, whole = out / f"{PREDICTIONS}.partial", out / PREDICTIONS
    rows = {row["name"]: row for path in (whole, partial) for row in _read_rows(path)}
    for fold, path in sorted(bundles.items()):
        analyzer = Analyzer(load_bundle(path), device=device)
        said = analyzer.config.training.get("left_out_fold", fold)
        if said != fold:
            raise DataError(f"{path} says that it was trained without fold {said}, not {fold}")
        made_by = _made_by(analyzer)
        mine = [r for r in records if r.fold == fold]
        todo = [r for r in mine if rows.get(r.name, {}).get("made_by") != made_by]
        report(f"fold {fold}: {len(todo)} of {len(mine)} images to answer")
        for start in range(0, len(todo), _BATCH):
            new = predict(analyzer, todo[start : start + _BATCH], data)
            with partial.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(row | {"made_by": made_by}) + "\n" for row in new)
            rows |= {row["name"]: row | {"made_by": made_by} for row in new}
    ordered = [rows[r.name] for r in records]
    _write(whole, "".join(json.dumps(row) + "\n" for row in ordered))
    partial.unlink(missing_ok=True)
    return ordered


def read_rows(path: str | Path) -> list[Row]:
    """The rows that `predict_folds` wrote.

    Raises:
        DataError: there is no such file.
    """
    if not Path(path).is_file():
        raise DataError(f"{path} is missing; `python -m hcc_xai evaluate` writes it")
    return _read_rows(Path(path))


def _read_rows(path: Path) -> list[Row]:
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:  # torn by a kill
            continue
    return rows


def _made_by(analyzer: Analyzer) -> str:
    """What a row depends on, as a hash: weights, configuration, version."""
    config = json.dumps(analyzer.config.to_dict(), sort_keys=True)
    return hashlib.sha256(f"{analyzer.bundle.weights_sha256} {config} {__version__}".encode()).hexdigest()[:12]


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def predict(analyzer: Analyzer, records: Sequence[Record], data: str | Path) -> list[Row]:
    """Rows of some images: two forwards, one for the answers and one for the pictures painted over."""
    answers = analyzer.analyze([image_path(data, r.name) for r in records])
    rows, inputs, owners = [], [], []
    for record, answer in zip(records, answers, strict=True):
        truth, sector = read_truth(data, record.name), read_sector(data, record.name)
        if truth.shape != answer.image.shape or sector.shape != answer.image.shape:
            raise DataError(f"{record.name}: picture, mask and sector are not of one size")
        rows.append(_measure(record, answer, truth, sector))
        for key, picture in painted(answer, truth).items() if rows[-1]["has_liver"] else ():
            inputs.append(picture)
            owners.append((rows[-1], key))
    if inputs:
        logits = analyzer.forward(np.stack(inputs))["logits"].astype(np.float64)
        odds = np.exp(logits - logits.max(1, keepdims=True))
        labels = analyzer.config.network.labels
        for (row, key), chances in zip(owners, odds / odds.sum(1, keepdims=True), strict=True):
            row[key] = float(chances[labels.index(row["label"])])
    return rows


def painted(answer: Analysis, truth: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
    """Network inputs with the true lesion painted over ("hidden"), and with as much of the true liver painted over
    elsewhere ("elsewhere"); without those that cannot be made. truth: (H, W) -> (S, S) each."""
    frame = answer.frame
    lesion = frame.shrink((truth == LESION).astype(np.float32)) > 0.5
    liver = (frame.shrink((truth > 0).astype(np.float32)) > 0.5) & ~lesion & frame.network_sector
    lesion &= frame.network_sector
    if not lesion.any():
        return {}
    grey = frame.to_network(answer.image.grey)
    made = {"hidden": paint_over(grey, lesion, tissue=liver)}
    place = elsewhere(lesion, liver)
    if place is not None:
        other = np.zeros(lesion.shape, bool)
        other[place] = True
        made["elsewhere"] = paint_over(grey, other, tissue=liver & ~other)
    return made


def _measure(record: Record, answer: Analysis, truth: NDArray[np.uint8], sector: Mask) -> Row:
    """All that is measured of one answer, but what needs another forward. None where it has no meaning.

    Shares are of a map's positive part in the pixels of the file: lesion, liver (the rest of it), rest of the
    sector, outside, by the true outlines; "truth" are the maps of the true label, "answer" those of the answer.
    `found`: [pixels, of these in the true lesion, mean probability] of each part of the found lesion mask.
    """
    lesion, liver = truth == LESION, truth > 0
    has_liver = record.has_liver and bool((liver & ~lesion).any())
    masks, some = answer.masks, bool(lesion.any())
    parts = {"lesion": lesion, "liver": liver & ~lesion, "rest": sector & ~liver, "outside": ~(sector | liver)}
    heats = {
        whose: {kind: answer.heatmap(label, kind) for kind in KINDS}
        for whose, label in (("truth", record.label), ("answer", answer.label))
    }
    return {
        "name": record.name, "label": record.label, "fold": record.fold, "stratum": record.stratum,
        "group": record.group, **frame_features(answer.image.grey, sector),
        "probabilities": answer.probabilities, "logits": answer.logits, "answer": answer.label,
        "band": answer.band(),
        "sector_iou": iou(answer.sector, sector), "has_liver": has_liver,
        "liver_dice": dice(masks["liver"], liver) if has_liver else None,
        "lesion_px": int(lesion.sum()), "lesion_share": float(lesion.sum() / sector.sum()),
        "lesion_dice": dice(masks["lesion"], lesion) if some else None,
        "lesion_iou": iou(masks["lesion"], lesion) if some else None,
        "lesions": len(answer.lesions), "false_lesion": None if some else bool(answer.lesions),
        "found": _found(answer, lesion), "sector_px": int(answer.sector.sum()),
        "shares": {w: {k: _shares(h, parts) for k, h in maps.items()} for w, maps in heats.items()},
        "pointing": {w: {k: _points(h, lesion) if some else None for k, h in maps.items()} for w, maps in heats.items()},
        "hidden": None, "elsewhere": None,
    }


def frame_features(grey: NDArray[np.float32], sector: Mask) -> dict[str, float]:
    """What the scanner alone gives away: frame size, mean grey level, sharpness (mean absolute Laplacian over the
    mean), share of the frame that was scanned."""
    brightness = float(grey[sector].mean())
    inner = cv2.erode(sector.astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=0) > 0
    edges = abs(cv2.Laplacian(np.ascontiguousarray(grey, np.float32), cv2.CV_32F))
    sharpness = float(edges[inner].mean()) / max(brightness, 1e-6) if inner.any() else 0.0
    return {"width": grey.shape[1], "height": grey.shape[0], "brightness": brightness, "sharpness": sharpness,
            "sector_share": float(sector.mean())}


def _found(answer: Analysis, lesion: Mask) -> list[list[float]]:
    chance = answer.mask_probabilities["lesion"]
    over = (chance > answer.config.mask_thresholds["lesion"]).astype(np.uint8)
    count, parts = cv2.connectedComponents(over, connectivity=8)
    sizes = np.bincount(parts.ravel(), minlength=count)
    inside = np.bincount(parts[lesion], minlength=count)
    chances = np.bincount(parts.ravel(), chance.ravel().astype(np.float64), minlength=count) / np.maximum(sizes, 1)
    return [[int(sizes[i]), int(inside[i]), round(float(chances[i]), 4)]
            for i in range(1, count) if sizes[i] >= _LEAST_PIXELS]


def _shares(heat: NDArray[np.float32], parts: Mapping[str, Mask]) -> dict[str, float]:
    """Shares of the positive part; all zero where there is none."""
    positive = np.maximum(heat, 0).astype(np.float64)
    total = positive.sum()
    return {name: float(positive[mask].sum() / total) if total > 0 else 0.0 for name, mask in parts.items()}


def _points(heat: NDArray[np.float32], lesion: Mask) -> bool:
    """Whether the map's peak lies in the lesion; an empty map has none."""
    return bool(heat.max() > 0 and lesion.flat[int(heat.argmax())])
