"""The figures of some rows, each with n and a bootstrap interval by image.

"Within frame size" compares images of one stratum only, so that the scanner, which gives the class
away in some data, can neither help nor hurt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from hcc_xai import stats
from hcc_xai.dataset.scanner import frame_baseline
from hcc_xai.evaluation.columns import Columns
from hcc_xai.evaluation.lesion_rule import HIT
from hcc_xai.evaluation.row_type import JudgedRow
from hcc_xai.model.exact import KINDS
from hcc_xai.stats import Figure, Floats

_SHORT = {"grad-cam++": "cam", "contribution": "contribution"}


def add_all(t: Columns) -> None:
    """Add every figure to the columns' figures."""
    add_grades(t)
    _baselines(t)
    add_outlines(t)
    _evidence(t)
    _behaviour(t)
    _confidence(t)


def add_grades(t: Columns) -> None:
    """How well the classes are told apart, by the network."""
    t.rate("accuracy", t.answers == t.truth)
    t.add("balanced_accuracy", stats.balanced_accuracy(t.answers, t.truth, t.weights), len(t.rows))
    t.mean("log_loss", -np.log(np.clip(t.true_chances, 1e-12, 1)))
    for label in t.labels:
        t.rate(f"recall_{label}", t.answers == label, t.truth == label)
    _ranking(t, "", t.chances)


def _ranking(t: Columns, prefix: str, chances: Floats) -> None:
    """Figures of a ranking: macro over one class against the rest, and malignant against benign."""
    for name, metric in (
        ("auroc", stats.auroc),
        ("average_precision", stats.average_precision),
    ):
        each = [
            metric(chances[:, k], t.truth == label, t.weights) for k, label in enumerate(t.labels)
        ]
        t.add(f"{prefix}macro_{name}", np.asarray(np.mean(each, axis=0)), len(t.rows))
    if {"benign", "malignant"} <= set(t.labels):
        _malignant(t, prefix, malignant_share(chances, t.labels))


def malignant_share(chances: Floats, labels: Sequence[str]) -> Floats:
    """The probability of malignant, of those of malignant and benign. (N, K), K labels -> (N,)."""
    benign, malignant = (chances[:, labels.index(k)] for k in ("benign", "malignant"))
    share: Floats = malignant / np.maximum(malignant + benign, 1e-12)
    return share


def _malignant(t: Columns, prefix: str, score: Floats) -> None:
    """AUROC of malignant against benign, over all and within frame size."""
    two = np.isin(t.truth, ("benign", "malignant"))
    score, positive = score[two], t.truth[two] == "malignant"
    weights, strata = t.weights[:, two], t.strata[two]
    t.add(f"{prefix}auroc", stats.auroc(score, positive, weights), len(score))
    both = [s for s in np.unique(strata) if len(set(positive[strata == s])) == 2]
    t.add(
        f"{prefix}auroc_within",
        stats.auroc(score, positive, weights, strata=strata),
        int(np.isin(strata, both).sum()),
    )


def _baselines(t: Columns) -> None:
    """How well the classes are told apart from what the network should not need: the frame, the
    size of the true lesion, or what is left when the sector is painted over."""
    emptied = [row.get("bare") for row in t.rows]
    bare = None
    if all(emptied):
        bare = np.array([[row[label] for label in t.labels] for row in emptied if row])
    for prefix, chances in (("frame_", frame_baseline(t.rows, t.labels)), ("bare_", bare)):
        if chances is not None:
            t.rate(f"{prefix}accuracy", chances.argmax(1) == t.index)
            _ranking(t, prefix, chances)
    if {"benign", "malignant"} <= set(t.labels):
        _malignant(t, "size_", t.column(lambda r: r["lesion_share"]))


def add_outlines(t: Columns) -> None:
    """Overlap of the outlines, and what was missed or made up."""
    t.mean("liver_dice", t.column(lambda r: r["liver_dice"]))
    dices, overlaps = t.column(lambda r: r["lesion_dice"]), t.column(lambda r: r["lesion_iou"])
    hits = np.where(np.isnan(overlaps), np.nan, overlaps > HIT)
    t.mean("lesion_dice", dices)
    t.rate("lesion_hit", hits)
    for label in t.labels:
        if not np.isnan(dices[t.truth == label]).all():
            t.mean(f"lesion_dice_{label}", dices, t.truth == label)
            t.rate(f"lesion_hit_{label}", hits, t.truth == label)
    shares = t.column(lambda r: r["lesion_share"])
    if (shares > 0).any():
        edges = np.quantile(shares[shares > 0], [0.25, 0.5, 0.75])
        quartile = np.searchsorted(edges, shares)
        for k in range(4):
            t.mean(f"lesion_dice_quartile_{k + 1}", dices, (shares > 0) & (quartile == k))
            t.rate(f"lesion_hit_quartile_{k + 1}", hits, (shares > 0) & (quartile == k))
    if "normal" in t.labels:
        t.rate("false_lesion_normal", t.column(lambda r: r["false_lesion"]), t.truth == "normal")
    t.mean("inner_is_lesion", t.column(lambda r: r["inner"]))
    t.mean("outer_holds_lesion", t.column(lambda r: r["outer"]))
    # Where the liver was not outlined, the sector's file may hold something else than the sector.
    outlined = t.column(lambda r: r["has_liver"]) > 0
    overlap = np.where(outlined, t.column(lambda r: r["sector_iou"]), np.nan)
    t.median("sector_iou_median", overlap)
    # The worst of a sample has no useful bootstrap interval.
    t.figures["sector_iou_worst"] = Figure(
        float(np.nanmin(overlap)), None, None, int(np.isfinite(overlap).sum())
    )


def _evidence(t: Columns) -> None:
    """Where the energy of both maps of the true label lies."""
    overlaps = t.column(lambda r: r["lesion_iou"])
    outlined = t.column(lambda r: r["has_liver"]) > 0
    some = ~np.isnan(overlaps)
    for kind in KINDS:
        key = _SHORT[kind]
        shares = [row["shares"]["truth"][kind] for row in t.rows]
        lesion = np.array([share["lesion"] for share in shares])
        t.mean(f"{key}_in_lesion", lesion, some)
        t.mean(f"{key}_in_lesion_hit", lesion, some & (overlaps > HIT))
        t.mean(f"{key}_in_liver", [share["liver"] for share in shares], some & outlined)
        t.mean(f"{key}_in_rest", [share["rest"] for share in shares], some & outlined)
        t.mean(f"{key}_outside", [share["outside"] for share in shares])
        t.rate(f"{key}_pointing", t.column(_peak_in_lesion(kind)))
    area = t.column(lambda r: r["lesion_share"])
    t.mean("lesion_area", area, some)  # what a map without any idea would reach


def _peak_in_lesion(kind: str) -> Callable[[JudgedRow], bool | None]:
    """Reads of a row whether the peak of a kind of map lies in the true lesion."""
    return lambda row: row["pointing"]["truth"][kind]


def _behaviour(t: Columns) -> None:
    """How the true class's probability moves when a part is painted over."""
    before = t.true_chances
    hidden = t.column(lambda r: r["hidden"]) - before
    elsewhere = t.column(lambda r: r["elsewhere"]) - before
    room = ~np.isnan(elsewhere)
    for name, change, among in (
        ("hidden", hidden, None),
        ("elsewhere", elsewhere, None),
        ("hidden_with_room", hidden, room),
    ):
        t.mean(f"{name}_change", change, among)
        t.mean(f"{name}_mean", abs(change), among)
        t.median(f"{name}_median", abs(change), among)
    looks, moved = [r["looks"] for r in t.rows], moved_by_looks(t, before)
    flips = [
        float(np.mean([not stayed for _, stayed in some])) if some else np.nan for some in looks
    ]
    t.mean("looks_mean", moved)
    t.median("looks_median", moved)
    t.rate("looks_flips", flips)


def moved_by_looks(t: Columns, before: Floats) -> Floats:
    """Mean absolute change of the true class's probability over the looks of each image; NaN
    without looks. before: (N,), the probability as it was."""
    pairs = zip(t.rows, before, strict=True)
    return np.array(
        [
            np.mean([abs(p - was) for p, _ in r["looks"]]) if r["looks"] else np.nan
            for r, was in pairs
        ]
    )


def _confidence(t: Columns) -> None:
    """How often each band was right."""
    bands = np.array([r["band"] for r in t.rows])
    for band in ("green", "amber", "red"):
        t.rate(f"band_{band}", t.answers == t.truth, bands == band)
