"""How a summary is shown: Markdown tables and a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hcc_xai import metrics
from hcc_xai.explain import KINDS
from hcc_xai.summary import Row, Table, frame_baseline

Summary = Mapping[str, Any]
_SIGNED = ("_change",)  # figures that can be negative, and show their sign
_Group = tuple[str, tuple[tuple[str, str], ...]]

_TABLE: tuple[_Group, ...] = (
    (
        "Grades",
        (
            ("accuracy", "accuracy"),
            ("balanced_accuracy", "balanced accuracy"),
            ("macro_auroc", "macro AUROC (one against the rest)"),
            ("macro_average_precision", "macro average precision"),
            ("log_loss", "log loss (probabilities not calibrated)"),
            ("auroc", "AUROC malignant against benign, over all frame sizes"),
            ("auroc_within", "**AUROC malignant against benign, within frame size**"),
        ),
    ),
    (
        "Baselines: what the frame or the size alone would reach",
        (
            ("frame_accuracy", "frame alone: accuracy"),
            ("frame_macro_auroc", "frame alone: macro AUROC"),
            ("frame_macro_average_precision", "frame alone: macro average precision"),
            ("frame_auroc", "frame alone: AUROC malignant against benign, over all"),
            ("frame_auroc_within", "frame alone: the same within frame size"),
            (
                "size_auroc",
                "size of the true lesion alone: AUROC malignant against benign, over all",
            ),
            ("size_auroc_within", "size of the true lesion alone: the same within frame size"),
        ),
    ),
    (
        "Outlines",
        (
            ("liver_dice", "liver Dice"),
            ("lesion_dice", "lesion Dice, images with a lesion"),
            ("lesion_dice_malignant", "lesion Dice, malignant"),
            ("lesion_dice_benign", "lesion Dice, benign"),
            ("lesion_dice_quartile_1", "lesion Dice, smallest quarter"),
            ("lesion_dice_quartile_2", "lesion Dice, second quarter"),
            ("lesion_dice_quartile_3", "lesion Dice, third quarter"),
            ("lesion_dice_quartile_4", "lesion Dice, largest quarter"),
            ("lesion_hit", "lesions hit (IoU over 0.1)"),
            ("lesion_hit_malignant", "lesions hit, malignant"),
            ("lesion_hit_benign", "lesions hit, benign"),
            ("false_lesion_normal", "normal images with a false lesion"),
            ("sector_iou_median", "scanned sector found: IoU, median"),
            ("sector_iou_worst", "scanned sector found: IoU, worst"),
        ),
    ),
    (
        "Evidence: where the maps of the true label have their energy",
        (
            ("lesion_area", "the true lesion's share of the sector (what a blind map has there)"),
            ("cam_in_lesion", "Grad-CAM++ in the true lesion"),
            ("cam_in_lesion_hit", "Grad-CAM++ in the true lesion, where it was hit"),
            ("cam_in_liver", "Grad-CAM++ in the rest of the liver"),
            ("cam_in_rest", "Grad-CAM++ in the rest of the sector"),
            ("cam_outside", "Grad-CAM++ outside the sector"),
            ("cam_pointing", "Grad-CAM++ peak in the true lesion"),
            ("contribution_in_lesion", "contribution in the true lesion"),
            ("contribution_in_lesion_hit", "contribution in the true lesion, where it was hit"),
            ("contribution_in_liver", "contribution in the rest of the liver"),
            ("contribution_in_rest", "contribution in the rest of the sector"),
            ("contribution_outside", "contribution outside the sector"),
            ("contribution_pointing", "contribution peak in the true lesion"),
        ),
    ),
    (
        "Behaviour: change of the true class's probability",
        (
            ("hidden_change", "lesion painted over: mean change"),
            ("hidden_mean", "lesion painted over: mean absolute"),
            ("hidden_median", "lesion painted over: median absolute"),
            ("elsewhere_change", "as much painted over elsewhere in the liver: mean change"),
            ("elsewhere_mean", "elsewhere: mean absolute"),
            ("elsewhere_median", "elsewhere: median absolute"),
            (
                "hidden_with_room_mean",
                "lesion painted over, only images with room elsewhere: mean absolute",
            ),
        ),
    ),
    (
        "Confidence: how often an answer was right",
        (
            ("band_green", "green (over 0.9)"),
            ("band_amber", "amber (0.7 to 0.9)"),
            ("band_red", "red (below 0.7)"),
        ),
    ),
)


def table_markdown(summary: Summary) -> str:
    """All figures as Markdown tables: value, 95 % interval, n. Figures that have no meaning are
    left out."""
    figures = summary["figures"]
    parts = []
    for title, rows in _TABLE:
        lines = [
            f"| {name} | {show(figures[key], signed=key.endswith(_SIGNED))} | {figures[key]['n']} |"
            for key, name in rows
            if figures.get(key, {}).get("value") is not None
        ]
        if lines:
            parts.append(
                "\n".join(
                    [f"| {title} | value (95 % interval) | images |", "| --- | --- | --- |", *lines]
                )
            )
    if any(row["auroc"] for row in summary["strata"]):
        parts.append(_strata_table(summary))
    return "\n\n".join([*parts, _free_response_table(summary)]) + "\n"


def _strata_table(summary: Summary) -> str:
    labels = summary["labels"]
    lines = [
        f"| Frame size | {' | '.join(labels)} | AUROC malignant/benign | lesion size alone |",
        "| --- |" + " --- |" * (len(labels) + 2),
    ]
    for row in summary["strata"]:
        counts = " | ".join(str(row["classes"][label]) for label in labels)
        both = " | ".join(show(row[k]) if row[k] else "-" for k in ("auroc", "size_auroc"))
        lines.append(f"| {row['stratum']} | {counts} | {both} |")
    return "\n".join(lines)


def _free_response_table(summary: Summary) -> str:
    lines = [
        "| Found parts left out below this share of the sector | lesions hit | lesion Dice "
        "| false parts an image | normal images with a false lesion |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {row['least_lesion_share']:g} | "
        + " | ".join(
            show(row[k]) for k in ("hit", "lesion_dice", "false_per_image", "false_lesion_normal")
        )
        + " |"
        for row in summary["free_response"]
    ]
    return "\n".join(lines)


def show(figure: Mapping[str, Any], *, signed: bool = False) -> str:
    """0.812 (0.790 to 0.834); with three digits, a dash where there is no value."""
    if figure["value"] is None:
        return "-"
    sign = "+" if signed else ""
    interval = (
        ""
        if figure["low"] is None
        else f" ({figure['low']:{sign}.3f} to {figure['high']:{sign}.3f})"
    )
    return f"{figure['value']:{sign}.3f}{interval}"


def pictures(rows: Sequence[Row], path: str | Path) -> None:
    """ROC of malignant against benign, and histograms of lesion Dice and of the evidence in the
    lesion, as a PNG."""
    from matplotlib.figure import Figure as Canvas

    t = Table(rows, np.ones((1, len(rows))))
    canvas = Canvas(figsize=(12, 3.8), layout="constrained")
    left, middle, right = canvas.subplots(1, 3)
    if {"benign", "malignant"} <= set(t.labels):
        frame = frame_baseline(rows, t.labels)
        kept = np.isin(t.truth, ("benign", "malignant"))
        index = [t.labels.index(k) for k in ("benign", "malignant")]
        scores = {"network": t.chances, "frame alone": frame}
        curves = {
            k: v[:, index[1]] / np.maximum(v[:, index].sum(1), 1e-12)
            for k, v in scores.items()
            if v is not None
        }
        for name, score in {**curves, "lesion size alone": t.column("lesion_share")}.items():
            left.plot(*metrics.roc(score[kept], t.truth[kept] == "malignant"), label=name)
        left.set(
            xlabel="benign called malignant",
            ylabel="malignant called malignant",
            title="over all frame sizes",
        )
        left.legend()
    dices = t.column("lesion_dice")
    for label in t.labels:
        mine = dices[(t.truth == label) & ~np.isnan(dices)]
        if len(mine):
            middle.hist(mine, np.linspace(0, 1, 21).tolist(), histtype="step", label=label)
    middle.set(xlabel="lesion Dice", ylabel="images")
    for kind in KINDS:
        share = t.column("shares", "truth", kind, "lesion")
        right.hist(
            share[~np.isnan(dices)], np.linspace(0, 1, 21).tolist(), histtype="step", label=kind
        )
    right.set(xlabel="share of the map in the true lesion", ylabel="images")
    for axis in (middle, right):
        if axis.get_legend_handles_labels()[0]:
            axis.legend()
    canvas.savefig(path, dpi=110)
