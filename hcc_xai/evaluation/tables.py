"""How a summary is shown: Markdown tables and a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hcc_xai import stats
from hcc_xai.dataset.scanner import frame_baseline
from hcc_xai.evaluation.figures import Row, Table, moved_by_looks
from hcc_xai.model.exact import KINDS

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
        "Baselines: what the frame, the size, or a scan without content would reach",
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
            ("bare_accuracy", "sector painted over: accuracy"),
            ("bare_macro_auroc", "sector painted over: macro AUROC"),
            ("bare_macro_average_precision", "sector painted over: macro average precision"),
            ("bare_auroc", "sector painted over: AUROC malignant against benign, over all"),
            ("bare_auroc_within", "sector painted over: the same within frame size"),
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
            ("inner_is_lesion", "area within the inner line that is lesion, where it was hit"),
            ("outer_holds_lesion", "lesion that lies within the outer line, where it was hit"),
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
            ("looks_mean", "another scanner's look around the lesion: mean absolute"),
            ("looks_median", "another scanner's look: median absolute"),
            ("looks_flips", "another scanner's look: decision flips (share)"),
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
    if summary.get("left_out"):
        parts.append(_left_out_table(summary))
    if summary.get("probe"):
        parts.append(_probe_table(summary))
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


def _left_out_table(summary: Summary) -> str:
    """Each frame size by the network that never saw it; in brackets by those that knew it."""
    names = {
        "auroc_within": "AUROC malignant/benign, within frame size",
        "accuracy": "accuracy",
        "log_loss": "log loss",
        **{f"recall_{label}": f"{label} called so" for label in summary["labels"]},
        "liver_dice": "liver Dice",
        "lesion_dice": "lesion Dice",
        "lesion_hit": "lesions hit",
    }
    lines = [
        f"| Frame size left out of training | images | {' | '.join(names.values())} |",
        "| --- | --- |" + " --- |" * len(names),
    ]
    nothing = {"value": None}
    for row in summary["left_out"]:
        cells = []
        for key in names:
            unseen, seen = (row[w].get(key, nothing) for w in ("unseen", "seen"))
            known = "" if seen["value"] is None else f" [{seen['value']:.3f} when seen]"
            cells.append(show(unseen) + known)
        title = row["stratum"] or "**all of these**"
        lines.append(f"| {title} | {row['n']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _probe_table(summary: Summary) -> str:
    lines = [
        "| Frame size told from the pooled features by a linear probe, within class "
        "| balanced accuracy | chance | images |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| {name} | {show(row)} | {row['chance']:.3f} | {row['n']} |"
        for name, row in summary["probe"].items()
    ]
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


def pictures(rows: Sequence[Row], path: str | Path, summary: Summary) -> None:
    """The figures as pictures, one PNG: ROC, lesion Dice, evidence, behaviour, and (from the
    summary) free response, and malignant against benign on each frame size, seen in training and
    not."""
    from matplotlib.figure import Figure as Canvas

    t = Table(rows, np.ones((1, len(rows))))
    canvas = Canvas(figsize=(12, 7.2), layout="constrained")
    axes = canvas.subplots(2, 3).ravel()
    _draw_roc(axes[0], t)
    dices = t.column("lesion_dice")
    _draw_histogram(
        axes[1], {x: dices[(t.truth == x) & ~np.isnan(dices)] for x in t.labels}, "lesion Dice"
    )
    shares = {k: t.column("shares", "truth", k, "lesion")[~np.isnan(dices)] for k in KINDS}
    _draw_histogram(axes[2], shares, "share of the map in the true lesion")
    points = summary["free_response_curve"]
    axes[3].plot([p["false_per_image"] for p in points], [p["hit"] for p in points], marker=".")
    axes[3].set(xlabel="false parts an image", ylabel="lesions hit", title="free response")
    _draw_behaviour(axes[4], t)
    _draw_strata(axes[5], summary)
    for axis in axes:
        if axis.get_legend_handles_labels()[0]:
            axis.legend()
    canvas.savefig(path, dpi=100)


def _draw_roc(axis: Any, t: Table) -> None:
    if not {"benign", "malignant"} <= set(t.labels):
        return
    kept = np.isin(t.truth, ("benign", "malignant"))
    index = [t.labels.index(k) for k in ("benign", "malignant")]
    scores = {"network": t.chances, "frame alone": frame_baseline(t.rows, t.labels)}
    curves = {
        k: v[:, index[1]] / np.maximum(v[:, index].sum(1), 1e-12)
        for k, v in scores.items()
        if v is not None
    }
    for name, score in {**curves, "lesion size alone": t.column("lesion_share")}.items():
        axis.plot(*stats.roc(score[kept], t.truth[kept] == "malignant"), label=name)
    axis.set(
        xlabel="benign called malignant",
        ylabel="malignant called malignant",
        title="over all frame sizes",
    )


def _draw_histogram(axis: Any, values: Mapping[str, Any], title: str) -> None:
    for name, some in values.items():
        if len(some):
            axis.hist(some, np.linspace(0, 1, 21).tolist(), histtype="step", label=name)
    axis.set(xlabel=title, ylabel="images")


def _draw_behaviour(axis: Any, t: Table) -> None:
    """Share of the images whose true class's probability moves by at most x."""
    before = t.chances[np.arange(len(t.rows)), t.index]
    for name, change in (
        ("lesion painted over", abs(t.column("hidden") - before)),
        ("as much elsewhere", abs(t.column("elsewhere") - before)),
        ("another scanner's look", moved_by_looks(t, before)),
    ):
        moved = np.sort(change[~np.isnan(change)])
        if len(moved):
            axis.plot(moved, np.arange(1, len(moved) + 1) / len(moved), label=name)
    axis.set(xlabel="change of the true class's probability", ylabel="share of the images")


def _draw_strata(axis: Any, summary: Summary) -> None:
    """Malignant against benign on each frame size: intervals, when seen in training and when
    not."""
    named = {
        "seen": {r["stratum"]: r["auroc"] for r in summary["strata"] if r["auroc"]},
        "left out": {
            r["stratum"]: r["unseen"].get("auroc_within")
            for r in summary["left_out"]
            if r["stratum"]
        },
    }
    names = sorted(named["seen"])
    for offset, (title, figures) in zip((-0.12, 0.12), named.items(), strict=True):
        known = [(i, figures[n]) for i, n in enumerate(names) if figures.get(n, {}).get("low")]
        if known:
            values = np.array([[f["value"], f["low"], f["high"]] for _, f in known])
            reach = np.array([values[:, 0] - values[:, 1], values[:, 2] - values[:, 0]])
            places = [i + offset for i, _ in known]
            axis.errorbar(values[:, 0], places, xerr=reach, fmt="o", label=title)
    axis.axvline(0.5, color="grey", linewidth=0.8)
    axis.set(xlabel="AUROC malignant/benign", yticks=range(len(names)), yticklabels=names)
