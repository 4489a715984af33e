"""A summary as a picture for the card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hcc_xai import stats
from hcc_xai.dataset.scanner import frame_baseline
from hcc_xai.evaluation.columns import Columns
from hcc_xai.evaluation.figures import contested, moved_by_looks, positive_share
from hcc_xai.evaluation.row_type import JudgedRow
from hcc_xai.evaluation.summary import Summary
from hcc_xai.evaluation.tables import words_of
from hcc_xai.model.exact import KINDS
from hcc_xai.stats import Figure, Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_MOST_CURVES = 6  # labels whose curves are drawn


def pictures(rows: Sequence[JudgedRow], path: str | Path, summary: Summary) -> None:
    """The figures as pictures, one PNG: ROC, Dice, evidence, behaviour, and (from the summary) free
    response, and how well the classes are told apart on each frame size, seen in training and not;
    without what the rows do not hold.

    Args:
        rows: each image by the network trained without its fold.
        path: the file to write.
        summary: of these rows.
    """
    from matplotlib.figure import Figure as Canvas

    t = Columns(rows, np.ones((1, len(rows))), summary.roles)
    canvas = Canvas(figsize=(12, 7.2), layout="constrained")
    axes = iter(canvas.subplots(2, 3).ravel())
    _draw_roc(next(axes), t)
    if summary.roles.organ and not summary.roles.target:
        dices = t.column(lambda r: r["organ_dice"])
        _draw_histogram(next(axes), _by_label(t, dices), f"{words_of(summary)['organ']} Dice")
    if summary.roles.target:
        _draw_lesions(next(axes), next(axes), next(axes), t, summary)
    _draw_behaviour(next(axes), t)
    if any(row.auroc for row in summary.strata):
        _draw_strata(next(axes), summary)
    for axis in axes:
        axis.set_axis_off()
    for axis in canvas.axes:
        if axis.get_legend_handles_labels()[0]:
            axis.legend()
    canvas.savefig(path, dpi=100)


def _by_label(t: Columns, values: Floats) -> dict[str, Floats]:
    """Values (N,) by the true label, without NaN."""
    return {x: values[(t.truth == x) & ~np.isnan(values)] for x in t.labels}


def _draw_lesions(left: Axes, middle: Axes, right: Axes, t: Columns, summary: Summary) -> None:
    """Dice, energy in the lesion, free response."""
    words = words_of(summary)
    dices = t.column(lambda r: r["lesion_dice"])
    _draw_histogram(left, _by_label(t, dices), f"{words['target']} Dice")
    some = t.column(lambda r: r["lesion_iou"])
    shares = {
        kind: np.array([row["shares"]["truth"][kind]["lesion"] for row in t.rows])[~np.isnan(some)]
        for kind in KINDS
    }
    _draw_histogram(middle, shares, f"share of the map in {words['the_target']}")
    points = summary.free_response_curve
    right.plot([p["false_per_image"] for p in points], [p["hit"] for p in points], marker=".")
    right.set(
        xlabel="false parts an image", ylabel=f"{words['targets']} hit", title="free response"
    )


def _draw_roc(axis: Axes, t: Columns) -> None:
    """The positive label against its rivals; each label against all others where none is
    positive."""
    if t.roles.rivals(t.labels):
        two, positive = contested(t), t.truth == t.roles.positive
        chances = {"network": t.chances, "frame alone": frame_baseline(t.rows, t.labels)}
        scores = {k: positive_share(t, v) for k, v in chances.items() if v is not None}
        if t.roles.target:
            scores["size alone"] = t.column(lambda r: r["lesion_share"])
        for name, score in scores.items():
            axis.plot(*stats.roc(score[two], positive[two]), label=name)
    else:
        commonest = np.argsort(-t.holds.sum(0))[:_MOST_CURVES]
        for k in (k for k in commonest if 0 < t.holds[:, k].sum() < t.n):
            axis.plot(*stats.roc(t.chances[:, k], t.holds[:, k]), label=t.labels[k])
    axis.set(xlabel="others called so", ylabel="called so", title="over all images")


def _draw_histogram(axis: Axes, values: Mapping[str, Floats], title: str) -> None:
    for name, some in values.items():
        if len(some):
            axis.hist(some, np.linspace(0, 1, 21).tolist(), histtype="step", label=name)
    axis.set(xlabel=title, ylabel="images")


def _draw_behaviour(axis: Axes, t: Columns) -> None:
    """Share of the images whose true class's probability moves by at most x."""
    before = t.true_chances
    for name, change in (
        ("what is tested painted over", abs(t.column(lambda r: r["hidden"]) - before)),
        ("as much elsewhere", abs(t.column(lambda r: r["elsewhere"]) - before)),
        ("another look around it", moved_by_looks(t, before)),
    ):
        moved = np.sort(change[~np.isnan(change)])
        if len(moved):
            axis.plot(moved, np.arange(1, len(moved) + 1) / len(moved), label=name)
    axis.set(xlabel="change of the true class's probability", ylabel="share of the images")


def _draw_strata(axis: Axes, summary: Summary) -> None:
    """The positive label against its rivals on each frame size: intervals, when seen in training
    and when not."""
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
    axis.set(
        xlabel=f"AUROC {words_of(summary)['pair']}", yticks=range(len(names)), yticklabels=names
    )
