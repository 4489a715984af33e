"""A summary as a picture for the card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hcc_xai import stats
from hcc_xai.dataset.scanner import frame_baseline
from hcc_xai.evaluation.columns import Columns
from hcc_xai.evaluation.figures import malignant_share, moved_by_looks
from hcc_xai.evaluation.row_type import JudgedRow
from hcc_xai.evaluation.summary import Summary
from hcc_xai.model.exact import KINDS
from hcc_xai.stats import Figure, Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def pictures(rows: Sequence[JudgedRow], path: str | Path, summary: Summary) -> None:
    """The figures as pictures, one PNG: ROC, lesion Dice, evidence, behaviour, and (from the
    summary) free response, and malignant against benign on each frame size, seen in training and
    not.

    Args:
        rows: each image by the network trained without its fold.
        path: the file to write.
        summary: of these rows.
    """
    from matplotlib.figure import Figure as Canvas

    t = Columns(rows, np.ones((1, len(rows))))
    canvas = Canvas(figsize=(12, 7.2), layout="constrained")
    axes = canvas.subplots(2, 3).ravel()
    _draw_roc(axes[0], t)
    dices = t.column(lambda r: r["lesion_dice"])
    _draw_histogram(
        axes[1], {x: dices[(t.truth == x) & ~np.isnan(dices)] for x in t.labels}, "lesion Dice"
    )
    shares = {
        kind: np.array([row["shares"]["truth"][kind]["lesion"] for row in rows])[~np.isnan(dices)]
        for kind in KINDS
    }
    _draw_histogram(axes[2], shares, "share of the map in the true lesion")
    points = summary.free_response_curve
    axes[3].plot([p["false_per_image"] for p in points], [p["hit"] for p in points], marker=".")
    axes[3].set(xlabel="false parts an image", ylabel="lesions hit", title="free response")
    _draw_behaviour(axes[4], t)
    _draw_strata(axes[5], summary)
    for axis in axes:
        if axis.get_legend_handles_labels()[0]:
            axis.legend()
    canvas.savefig(path, dpi=100)


def _draw_roc(axis: Axes, t: Columns) -> None:
    if not {"benign", "malignant"} <= set(t.labels):
        return
    two = np.isin(t.truth, ("benign", "malignant"))
    chances = {"network": t.chances, "frame alone": frame_baseline(t.rows, t.labels)}
    scores = {k: malignant_share(v, t.labels) for k, v in chances.items() if v is not None}
    scores["lesion size alone"] = t.column(lambda r: r["lesion_share"])
    for name, score in scores.items():
        axis.plot(*stats.roc(score[two], t.truth[two] == "malignant"), label=name)
    axis.set(
        xlabel="benign called malignant",
        ylabel="malignant called malignant",
        title="over all frame sizes",
    )


def _draw_histogram(axis: Axes, values: Mapping[str, Floats], title: str) -> None:
    for name, some in values.items():
        if len(some):
            axis.hist(some, np.linspace(0, 1, 21).tolist(), histtype="step", label=name)
    axis.set(xlabel=title, ylabel="images")


def _draw_behaviour(axis: Axes, t: Columns) -> None:
    """Share of the images whose true class's probability moves by at most x."""
    before = t.true_chances
    for name, change in (
        ("lesion painted over", abs(t.column(lambda r: r["hidden"]) - before)),
        ("as much elsewhere", abs(t.column(lambda r: r["elsewhere"]) - before)),
        ("another scanner's look", moved_by_looks(t, before)),
    ):
        moved = np.sort(change[~np.isnan(change)])
        if len(moved):
            axis.plot(moved, np.arange(1, len(moved) + 1) / len(moved), label=name)
    axis.set(xlabel="change of the true class's probability", ylabel="share of the images")


def _draw_strata(axis: Axes, summary: Summary) -> None:
    """Malignant against benign on each frame size: intervals, when seen in training and when
    not."""
    named: dict[str, dict[str, Figure | None]] = {
        "seen": {r.stratum: r.auroc for r in summary.strata if r.auroc},
        "left out": {
            r.stratum: r.unseen.get("auroc_within") for r in summary.left_out if r.stratum
        },
    }
    names = sorted(named["seen"])
    for offset, (title, figures) in zip((-0.12, 0.12), named.items(), strict=True):
        pairs = [(i, figures.get(name)) for i, name in enumerate(names)]
        known = [(i, figure) for i, figure in pairs if figure and figure.low]
        if known:
            values = np.array([[f.value, f.low, f.high] for _, f in known])
            reach = np.array([values[:, 0] - values[:, 1], values[:, 2] - values[:, 0]])
            places = [i + offset for i, _ in known]
            axis.errorbar(values[:, 0], places, xerr=reach, fmt="o", label=title)
    axis.axvline(0.5, color="grey", linewidth=0.8)
    axis.set(xlabel="AUROC malignant/benign", yticks=range(len(names)), yticklabels=names)
