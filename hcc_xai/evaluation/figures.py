"""The figures of some rows, each with n and a bootstrap interval by image.

"Within frame size" compares images of one stratum only, so that the scanner, which gives the class
away in some data, can neither help nor hurt.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hcc_xai import stats
from hcc_xai.dataset.scanner import frame_baseline
from hcc_xai.evaluation.columns import Columns, Mask
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
    t.rate("accuracy", t.right)
    if t.roles.multiple:
        _several(t)
    else:
        t.add("balanced_accuracy", stats.balanced_accuracy(t.answers, t.truth, t.weights), t.n)
        t.mean("log_loss", -np.log(np.clip(t.true_chances, 1e-12, 1)))
    for k, label in enumerate(t.labels):
        said = np.array([label in r["present"] for r in t.rows])
        t.rate(f"recall_{label}", said, t.holds[:, k])
    _ranking(t, "", t.chances)
    for k, label in enumerate(t.labels):
        _apart(t, f"auroc_{label}", t.chances[:, k], t.holds[:, k], np.ones(t.n, bool))


def _several(t: Columns) -> None:
    """Where several labels may hold: figures of the labels that are said to."""
    said = np.array([[label in r["present"] for label in t.labels] for r in t.rows])
    hits, both = (said & t.holds).sum(1), said.sum(1) + t.holds.sum(1)
    t.add("micro_f1", 2 * (t.weights @ hits) / np.maximum(t.weights @ both, 1e-12), t.n)
    t.rate("all_labels_right", (said == t.holds).all(1))
    t.rate("accuracy_single", t.right, t.holds.sum(1) == 1)
    chances = np.clip(t.chances, 1e-12, 1 - 1e-12)
    t.mean("log_loss", -np.where(t.holds, np.log(chances), np.log(1 - chances)).sum(1))


def _ranking(t: Columns, prefix: str, chances: Floats) -> None:
    """Figures of a ranking: macro over one class against the rest, and the positive class against
    its rivals."""
    there = [k for k in range(len(t.labels)) if 0 < t.holds[:, k].sum() < t.n]
    for name, metric in (
        ("auroc", stats.auroc),
        ("average_precision", stats.average_precision),
    ):
        each = [metric(chances[:, k], t.holds[:, k], t.weights) for k in there]
        if each:
            t.add(f"{prefix}macro_{name}", np.asarray(np.mean(each, axis=0)), t.n)
    if t.roles.rivals(t.labels):
        _positive(t, prefix, positive_share(t, chances))


def positive_share(t: Columns, chances: Floats) -> Floats:
    """The probability of the positive label, of that of it and its rivals. (N, K) -> (N,)."""
    positive = chances[:, t.labels.index(str(t.roles.positive))]
    rivals = chances[:, [t.labels.index(k) for k in t.roles.rivals(t.labels)]].sum(1)
    share: Floats = positive / np.maximum(positive + rivals, 1e-12)
    return share


def contested(t: Columns) -> Mask:
    """The images of the positive label and of its rivals, (N,)."""
    return np.isin(t.truth, (str(t.roles.positive), *t.roles.rivals(t.labels)))


def _positive(t: Columns, prefix: str, score: Floats) -> None:
    """AUROC of the positive label against its rivals, over all and within frame size."""
    two = contested(t)
    _apart(t, f"{prefix}auroc", score[two], t.truth[two] == t.roles.positive, two)


def _apart(t: Columns, name: str, score: Floats, positive: Mask, among: Mask) -> None:
    """AUROC of one class against the others, over all and within frame size.

    Args:
        name: of the figure.
        score, positive: (M,), of the images in question.
        among: (N,), which these are.
    """
    weights, strata = t.weights[:, among], t.strata[among]
    t.add(name, stats.auroc(score, positive, weights), len(score))
    both = [s for s in np.unique(strata) if len(set(positive[strata == s])) == 2]
    t.add(
        f"{name}_within",
        stats.auroc(score, positive, weights, strata=strata),
        int(np.isin(strata, both).sum()),
    )


def _baselines(t: Columns) -> None:
    """How well the classes are told apart from what the network should not need: the source, the
    frame, the size of the true lesion, or what is left when the field is painted over."""
    emptied = [row.get("bare") for row in t.rows]
    bare = None
    if all(emptied):
        bare = np.array([[row[label] for label in t.labels] for row in emptied if row])
    for prefix, chances in (
        ("source_", _by_source(t)),
        ("frame_", frame_baseline(t.rows, t.labels)),
        ("bare_", bare),
    ):
        if chances is not None:
            t.rate(f"{prefix}accuracy", t.holds[np.arange(t.n), chances.argmax(1)])
            _ranking(t, prefix, chances)
    if t.roles.rivals(t.labels) and t.roles.target:
        _positive(t, "size_", t.column(lambda r: r["lesion_share"]))


def _by_source(t: Columns) -> Floats | None:
    """Probabilities of the labels by their shares in a stratum's other folds, (N, K); None where
    there is one stratum."""
    if len(np.unique(t.strata)) == 1:
        return None
    folds = np.array([r["fold"] for r in t.rows])
    chances = np.zeros(t.holds.shape)
    for fold in np.unique(folds):
        for stratum in np.unique(t.strata[folds == fold]):
            others = (folds != fold) & (t.strata == stratum)
            known = t.holds[others] if others.any() else t.holds[folds != fold]
            if len(known):
                chances[(folds == fold) & (t.strata == stratum)] = known.mean(0)
    return chances


def add_outlines(t: Columns) -> None:
    """Overlap of the outlines, and what was missed or made up."""
    if t.roles.organ:
        t.mean("organ_dice", t.column(lambda r: r["organ_dice"]))
    if t.roles.target:
        _lesions(t)
    # Where the organ was not outlined, the sector's file may hold something else than the sector.
    overlap = t.column(lambda r: r["sector_iou"])
    if t.roles.organ:
        overlap = np.where(t.column(lambda r: r["has_organ"]) > 0, overlap, np.nan)
    if np.isnan(overlap).all():
        return
    t.median("sector_iou_median", overlap)
    # The worst of a sample has no useful bootstrap interval.
    t.figures["sector_iou_worst"] = Figure(
        float(np.nanmin(overlap)), None, None, int(np.isfinite(overlap).sum())
    )


def _lesions(t: Columns) -> None:
    """What of the lesions was outlined, missed or made up."""
    dices, overlaps = t.column(lambda r: r["lesion_dice"]), t.column(lambda r: r["lesion_iou"])
    hits = np.where(np.isnan(overlaps), np.nan, overlaps > HIT)
    t.mean("lesion_dice", dices)
    t.rate("lesion_hit", hits)
    for label in t.labels:
        for name, values, add in (("dice", dices, t.mean), ("hit", hits, t.rate)):
            if not np.isnan(values[t.truth == label]).all():
                add(f"lesion_{name}_{label}", values, t.truth == label)
    shares = np.where(np.isnan(dices), 0, t.column(lambda r: r["lesion_share"]))
    if (shares > 0).any():
        edges = np.quantile(shares[shares > 0], [0.25, 0.5, 0.75])
        quartile = np.searchsorted(edges, shares)
        for k in range(4):
            t.mean(f"lesion_dice_quartile_{k + 1}", dices, (shares > 0) & (quartile == k))
            t.rate(f"lesion_hit_quartile_{k + 1}", hits, (shares > 0) & (quartile == k))
    if t.roles.absent in t.labels:
        t.rate(
            "false_lesion_absent",
            t.column(lambda r: r["false_lesion"]),
            t.truth == t.roles.absent,
        )
    t.mean("inner_is_lesion", t.column(lambda r: r["inner"]))
    t.mean("outer_holds_lesion", t.column(lambda r: r["outer"]))


def _evidence(t: Columns) -> None:
    """Where the energy of both maps of the true label lies."""
    overlaps = t.column(lambda r: r["lesion_iou"])
    outlined = t.column(lambda r: r["has_organ"]) > 0
    some = ~np.isnan(overlaps)
    told = some & outlined if t.roles.target else outlined  # whose organ and rest are told apart
    for kind in KINDS:
        key = _SHORT[kind]
        shares = [row["shares"]["truth"][kind] for row in t.rows]
        if t.roles.target:
            lesion = np.array([share["lesion"] for share in shares])
            t.mean(f"{key}_in_lesion", lesion, some)
            t.mean(f"{key}_in_lesion_hit", lesion, some & (overlaps > HIT))
            t.rate(f"{key}_pointing", t.column(_peak_in_lesion(kind)))
        if t.roles.organ:
            t.mean(f"{key}_in_organ", [share["organ"] for share in shares], told)
            t.mean(f"{key}_in_rest", [share["rest"] for share in shares], told)
        t.mean(f"{key}_outside", [share["outside"] for share in shares])
    if t.roles.target:
        # What a map without any idea would reach.
        t.mean("lesion_area", t.column(lambda r: r["lesion_share"]), some)


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
        t.rate(f"band_{band}", t.right, bands == band)
