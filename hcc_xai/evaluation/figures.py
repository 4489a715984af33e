"""From one row an image to the figures that a model card shows, each with n and a bootstrap
interval by image.

The rows are those of `evaluate.predict_folds`. "Within frame size" compares images of one stratum
only, so that the scanner, which gives the class away in some data, can neither help nor hurt.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hcc_xai import stats
from hcc_xai.dataset.scanner import frame_baseline
from hcc_xai.errors import DataError
from hcc_xai.evaluation.lesion_rule import HIT, curve, judged, parts
from hcc_xai.findings.outlines import Outlines
from hcc_xai.model.exact import KINDS
from hcc_xai.stats import Figure, Floats

LEAST_SHARES = (0.0, 0.001, 0.002, 0.005)  # of the sector, for the free-response table
_SHORT = {"grad-cam++": "cam", "contribution": "contribution"}
Row = Mapping[str, Any]
Mask = NDArray[np.bool_]


def summarise(
    rows: Sequence[Row], *, left_out: Sequence[Row] = (), resamples: int = 1000, seed: int = 0
) -> dict[str, Any]:
    """All figures.

    Args:
        rows: each image by the network trained without its fold. left_out: each image by the
            network trained without its frame size, where there are such.

    Returns:
        n, labels, folds, classes (label -> images), figures (name -> value, low, high, n; None
        where a figure has no meaning), strata, left_out and free_response (lists of dicts),
        resamples, seed.
        All of it goes into JSON.

    Raises:
        DataError: there are no rows.
    """
    if not rows:
        raise DataError("there are no rows to summarise")
    table = Table(rows, stats.draws(len(rows), resamples=resamples, seed=seed))
    _grades(table)
    _baselines(table)
    _outlines(table)
    _evidence(table)
    _behaviour(table)
    _confidence(table)
    labels = list(table.labels)
    return {
        "n": len(rows),
        "labels": labels,
        "folds": sorted({int(r["fold"]) for r in rows}),
        "classes": {label: int((table.truth == label).sum()) for label in labels},
        "figures": {name: f.to_dict() for name, f in table.figures.items()},
        "strata": _strata(table),
        "left_out": _left_out(left_out, rows, resamples=resamples, seed=seed) if left_out else [],
        "free_response": _free_response(table),
        "free_response_curve": curve(rows, LEAST_SHARES[1]),
        "resamples": resamples,
        "seed": seed,
    }


class Table:
    """The rows as columns, the resamples, and the figures made so far."""

    def __init__(self, rows: Sequence[Row], weights: Floats) -> None:
        self.rows, self.weights = rows, weights
        self.labels = tuple(rows[0]["probabilities"])
        self.truth = np.array([r["label"] for r in rows])
        self.answers = np.array([r["answer"] for r in rows])
        self.strata = np.array([r["stratum"] for r in rows])
        self.chances = np.array(
            [[r["probabilities"][k] for k in self.labels] for r in rows], np.float64
        )  # (N, K)
        self.index = np.array([self.labels.index(t) for t in self.truth])
        self.figures: dict[str, Figure] = {}

    def column(self, *path: str) -> Floats:
        """A value an image, found by its keys; NaN where it is None."""
        found: list[Any] = [reduce(operator.getitem, path, row) for row in self.rows]
        return np.array([np.nan if value is None else float(value) for value in found])

    def add(self, name: str, found: Floats, n: int) -> None:
        self.figures[name] = stats.figure(found, n)

    def mean(self, name: str, values: ArrayLike, among: Mask | None = None) -> None:
        self.figures[name] = _figure(self._among(values, among), self.weights, stats.mean)

    def median(self, name: str, values: ArrayLike, among: Mask | None = None) -> None:
        self.figures[name] = _figure(self._among(values, among), self.weights, stats.median)

    def rate(self, name: str, values: ArrayLike, among: Mask | None = None) -> None:
        """The share of images of which something is true (1) rather than not (0)."""
        self.figures[name] = _rate(self._among(values, among), self.weights)

    def _among(self, values: ArrayLike, among: Mask | None) -> Floats:
        values = np.asarray(values, np.float64)
        return values if among is None else np.where(among, values, np.nan)


def _figure(
    values: Floats, weights: Floats, how: Callable[[ArrayLike, Floats], Floats] = stats.mean
) -> Figure:
    return stats.figure(how(values, weights), int((~np.isnan(values)).sum()))


def _rate(values: Floats, weights: Floats) -> Figure:
    known = values[~np.isnan(values)]
    if len(known) and known.min() == known.max():
        return stats.unanimous(float(known[0]), len(known))
    return _figure(values, weights)


def _grades(t: Table) -> None:
    """How well the classes are told apart, by the network."""
    t.rate("accuracy", t.answers == t.truth)
    t.add("balanced_accuracy", stats.balanced_accuracy(t.answers, t.truth, t.weights), len(t.rows))
    t.mean("log_loss", -np.log(np.clip(t.chances[np.arange(len(t.rows)), t.index], 1e-12, 1)))
    for label in t.labels:
        t.rate(f"recall_{label}", t.answers == label, t.truth == label)
    _ranking(t, "", t.chances)


def _ranking(t: Table, prefix: str, chances: Floats) -> None:
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
        benign, malignant = (chances[:, t.labels.index(k)] for k in ("benign", "malignant"))
        _malignant(t, prefix, malignant / np.maximum(malignant + benign, 1e-12))


def _malignant(t: Table, prefix: str, score: Floats) -> None:
    """AUROC of malignant against benign, over all and within frame size."""
    kept = np.isin(t.truth, ("benign", "malignant"))
    score, positive, weights, strata = (
        score[kept],
        t.truth[kept] == "malignant",
        t.weights[:, kept],
        t.strata[kept],
    )
    t.add(f"{prefix}auroc", stats.auroc(score, positive, weights), len(score))
    both = [s for s in np.unique(strata) if len(set(positive[strata == s])) == 2]
    t.add(
        f"{prefix}auroc_within",
        stats.auroc(score, positive, weights, strata=strata),
        int(np.isin(strata, both).sum()),
    )


def _baselines(t: Table) -> None:
    """The same, from what the network should not need: the frame, the size of the true lesion, or
    what is left when the sector is painted over."""
    bare = None
    if all(row.get("bare") for row in t.rows):
        bare = np.array([[row["bare"][label] for label in t.labels] for row in t.rows])
    for prefix, chances in (("frame_", frame_baseline(t.rows, t.labels)), ("bare_", bare)):
        if chances is not None:
            t.rate(f"{prefix}accuracy", chances.argmax(1) == t.index)
            _ranking(t, prefix, chances)
    if {"benign", "malignant"} <= set(t.labels):
        _malignant(t, "size_", t.column("lesion_share"))


def _outlines(t: Table) -> None:
    """Overlap of the outlines, and what was missed or made up."""
    t.mean("liver_dice", t.column("liver_dice"))
    dices, overlaps = t.column("lesion_dice"), t.column("lesion_iou")
    hits = np.where(np.isnan(overlaps), np.nan, overlaps > HIT)
    t.mean("lesion_dice", dices)
    t.rate("lesion_hit", hits)
    for label in t.labels:
        if not np.isnan(dices[t.truth == label]).all():
            t.mean(f"lesion_dice_{label}", dices, t.truth == label)
            t.rate(f"lesion_hit_{label}", hits, t.truth == label)
    shares = t.column("lesion_share")
    if (shares > 0).any():
        edges = np.quantile(shares[shares > 0], [0.25, 0.5, 0.75])
        quartile = np.searchsorted(edges, shares)
        for k in range(4):
            t.mean(f"lesion_dice_quartile_{k + 1}", dices, (shares > 0) & (quartile == k))
            t.rate(f"lesion_hit_quartile_{k + 1}", hits, (shares > 0) & (quartile == k))
    if "normal" in t.labels:
        t.rate("false_lesion_normal", t.column("false_lesion"), t.truth == "normal")
    t.mean("inner_is_lesion", t.column("inner"))
    t.mean("outer_holds_lesion", t.column("outer"))
    # Where the liver was not outlined, the sector's file may hold something else than the sector.
    found = np.where(t.column("has_liver") > 0, t.column("sector_iou"), np.nan)
    t.median("sector_iou_median", found)
    # The worst of a sample has no useful bootstrap interval.
    t.figures["sector_iou_worst"] = Figure(
        float(np.nanmin(found)), None, None, int(np.isfinite(found).sum())
    )


def _evidence(t: Table) -> None:
    """Where the energy of both maps of the true label lies."""
    overlaps = t.column("lesion_iou")
    outlined = t.column("has_liver") > 0
    for kind in KINDS:
        key = _SHORT[kind]
        share = {
            p: t.column("shares", "truth", kind, p) for p in ("lesion", "liver", "rest", "outside")
        }
        some = ~np.isnan(overlaps)
        t.mean(f"{key}_in_lesion", share["lesion"], some)
        t.mean(f"{key}_in_lesion_hit", share["lesion"], some & (overlaps > HIT))
        t.mean(f"{key}_in_liver", share["liver"], some & outlined)
        t.mean(f"{key}_in_rest", share["rest"], some & outlined)
        t.mean(f"{key}_outside", share["outside"])
        t.rate(f"{key}_pointing", t.column("pointing", "truth", kind))
    area = t.column("lesion_share")
    t.mean("lesion_area", area, ~np.isnan(overlaps))  # what a map without any idea would reach


def _behaviour(t: Table) -> None:
    """How the true class's probability moves when a part is painted over."""
    before = t.chances[np.arange(len(t.rows)), t.index]
    hidden = t.column("hidden") - before
    elsewhere = t.column("elsewhere") - before
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


def moved_by_looks(t: Table, before: Floats) -> Floats:
    """Mean absolute change of the true class's probability over the looks of each image; NaN
    without looks. before: (N,), the probability as it was."""
    pairs = zip(t.rows, before, strict=True)
    return np.array(
        [
            np.mean([abs(p - was) for p, _ in r["looks"]]) if r["looks"] else np.nan
            for r, was in pairs
        ]
    )


def _confidence(t: Table) -> None:
    """How often each band was right."""
    bands = np.array([r["band"] for r in t.rows])
    for band in ("green", "amber", "red"):
        t.rate(f"band_{band}", t.answers == t.truth, bands == band)


def _strata(t: Table) -> list[dict[str, Any]]:
    """Malignant against benign within each frame size, by network, frame alone and size alone."""
    found = []
    benign = np.isin(t.truth, ("benign", "malignant"))
    for stratum in sorted(set(t.strata)):
        mine = t.strata == stratum
        counts = {label: int((t.truth[mine] == label).sum()) for label in t.labels}
        row: dict[str, Any] = {
            "stratum": str(stratum),
            "classes": counts,
            "auroc": None,
            "size_auroc": None,
        }
        if counts.get("benign") and counts.get("malignant"):
            kept = mine & benign
            malignant, other = (t.chances[kept, t.labels.index(k)] for k in ("malignant", "benign"))
            share = t.column("lesion_share")[kept]
            for name, score in (
                ("auroc", malignant / np.maximum(malignant + other, 1e-12)),
                ("size_auroc", share),
            ):
                positive = t.truth[kept] == "malignant"
                row[name] = stats.figure(
                    stats.auroc(score, positive, t.weights[:, kept]), int(kept.sum())
                ).to_dict()
        found.append(row)
    return found


def _left_out(
    left_out: Sequence[Row], rows: Sequence[Row], *, resamples: int, seed: int
) -> list[dict[str, Any]]:
    """Figures on a frame size that was left out of training, a row each and one over all of them,
    beside those of the same images by networks that knew their frame size."""
    out_of_fold = {r["name"]: r for r in rows}
    strata = sorted({r["stratum"] for r in left_out})
    found = []
    for stratum in [*strata, None]:
        names = [r["name"] for r in left_out if stratum in (r["stratum"], None)]
        row: dict[str, Any] = {"stratum": stratum, "n": len(names)}
        for whose, source in (("unseen", {r["name"]: r for r in left_out}), ("seen", out_of_fold)):
            mine = [source[name] for name in names if name in source]
            t = Table(mine, stats.draws(len(mine), resamples=resamples, seed=seed))
            _grades(t)
            _outlines(t)
            recalls = (f"recall_{label}" for label in t.labels)
            outlines = ("liver_dice", "lesion_dice", "lesion_hit")
            kept = ("auroc_within", "accuracy", "log_loss", *recalls, *outlines)
            row[whose] = {k: t.figures[k].to_dict() for k in kept if k in t.figures}
        found.append(row)
    return found


def _free_response(t: Table) -> list[dict[str, Any]]:
    """What leaving out small found parts does to hits and false lesions; shown, not chosen by."""
    table = []
    for least in LEAST_SHARES:
        figures = [judged(r, Outlines(), least) for r in t.rows]  # every part counts
        overlap, dice, false = (
            np.array([np.nan if f[k] is None else float(f[k]) for f in figures])
            for k in ("lesion_iou", "lesion_dice", "false_lesion")
        )
        outside = [sum(p[1] == 0 for p in parts(r, least)) for r in t.rows]
        hits = np.where(np.isnan(overlap), np.nan, overlap > HIT)
        found = {
            "hit": _rate(hits, t.weights),
            "lesion_dice": _figure(dice, t.weights),
            "false_per_image": _figure(np.array(outside, float), t.weights),
            "false_lesion_normal": _rate(np.where(t.truth == "normal", false, np.nan), t.weights),
        }
        shown = {name: value.to_dict() for name, value in found.items()}
        table.append({"least_lesion_share": least, **shown})
    return table
