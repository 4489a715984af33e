"""Which found parts are lesions, and how sure their outline is: fitted on out-of-fold rows, and
measured with each fold judged by the others.

A part is kept when its confidence (from its mean lesion probability and its size) reaches a limit.
The limit is the lowest at which at most a tenth of the images without a lesion show one, the aim
that was set for them; that size counts beside the probability was found on the rows themselves.
The inner line is drawn at the probability from which nine tenths of the area is lesion, the outer
one at that within which nine tenths of the lesion lies, both averaged over images whose lesion was
hit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypedDict

import numpy as np

from hcc_xai.evaluation.row_type import STEPS, JudgedRow, Part, Row
from hcc_xai.findings.outlines import Outlines
from hcc_xai.stats import Floats

HIT = 0.1  # IoU over which a lesion counts as hit
MOST_FALSE = 0.10  # share of images without a lesion that may show one
SURE = 0.9  # share of the inner area that is lesion, and of the lesion within the outer line
LIMITS = np.round(np.arange(0.0, 1.0, 0.02), 2)


class Judged(TypedDict):
    """The figures of a row that depend on which parts are lesions; None where they have no
    meaning."""

    lesions: int
    lesion_dice: float | None
    lesion_iou: float | None
    false_lesion: bool | None


class CurvePoint(TypedDict):
    """What one limit gives.

    `least`: the limit of confidence, 0 to 1. `hit`: share of the lesions that are hit.
    `false_per_image`: parts without any lesion in them, per image. `false_normal`: share of the
    images without a lesion that show one.
    """

    least: float
    hit: float
    false_per_image: float
    false_normal: float


def parts(row: Row, share: float) -> list[Part]:
    """The parts of a row that are large enough, whatever their confidence.

    Args:
        row: of one image.
        share: of the sector that a part needs, 0 to 1.
    """
    return [
        part for part in (Part(*p) for p in row["found"]) if part.pixels >= share * row["sector_px"]
    ]


def kept(row: Row, outlines: Outlines, share: float) -> list[Part]:
    """The parts of a row that are lesions: large enough, and sure enough.

    Args:
        row: of one image.
        outlines: how sure a part is, and how sure it must be.
        share: of the sector that a part needs, 0 to 1.
    """
    return [
        part
        for part in parts(row, share)
        if outlines.confidence(part.chance, part.pixels / row["sector_px"]) >= outlines.least
    ]


def judged(row: Row, outlines: Outlines, share: float) -> Judged:
    """The figures of a row that depend on which parts are kept.

    Args:
        row: of one image.
        outlines: how sure a part is, and how sure it must be.
        share: of the sector that a part needs, 0 to 1.
    """
    lesions = kept(row, outlines, share)
    area, inside = sum(p.pixels for p in lesions), sum(p.inside for p in lesions)
    truth, drawn = row["lesion_px"], row["outlines"] != "weak"
    return {
        "lesions": len(lesions),
        "lesion_dice": 2 * inside / (area + truth) if truth and drawn else None,
        "lesion_iou": inside / (area + truth - inside) if truth else None,
        "false_lesion": None if truth else bool(lesions),
    }


def fit(rows: Sequence[Row], share: float, *, absent: str | None = "normal") -> Outlines:
    """Limit and lines of these rows; the defaults where they hold nothing to fit them on.

    Args:
        rows: what they are fitted on.
        share: of the sector that a part needs, 0 to 1.
        absent: the label that means "no lesion".
    """
    outlines = _confidence(rows, share)
    normal = [r for r in rows if not r["lesion_px"] and r["label"] == absent]
    for least in LIMITS.tolist() if normal else ():
        outlines = replace(outlines, least=least)
        if np.mean([bool(kept(r, outlines, share)) for r in normal]) <= MOST_FALSE:
            break
    drawn = [r for r in rows if r["outlines"] != "weak"]
    hit = [r for r in drawn if (judged(r, outlines, share)["lesion_iou"] or 0) > HIT]
    if not hit:
        return outlines
    precision, recall = map(_mean_known, zip(*map(_curves, hit), strict=True))
    edges = np.arange(STEPS) / STEPS
    inner = float(edges[precision >= SURE][0]) if (precision >= SURE).any() else None
    outer = float(edges[recall >= SURE][-1]) if (recall >= SURE).any() else None
    return replace(outlines, inner=inner, outer=outer)


def _mean_known(values: Sequence[Floats]) -> Floats:
    """The mean of some curves (STEPS,) where any of them is known; NaN where none is."""
    table = np.array(values)
    known = ~np.isnan(table)
    counts = known.sum(0)
    total = np.where(known, table, 0).sum(0)
    mean: Floats = np.divide(total, counts, out=np.full(STEPS, np.nan), where=counts > 0)
    return mean


def _curves(row: Row) -> tuple[Floats, Floats]:
    """Share of the area that is lesion, and of the lesion within the area, for the area over every
    probability k / STEPS. NaN where there is no area."""
    area, lesion = (np.cumsum(np.array(x, float)[::-1])[::-1] for x in row["pixels"])
    precision = np.divide(lesion, area, out=np.full(STEPS, np.nan), where=area > 0)
    return precision, lesion / max(lesion[0], 1.0)


def _confidence(rows: Sequence[Row], share: float) -> Outlines:
    """Slope, size and bias by logistic regression over the parts; a part is a lesion when over a
    tenth of it is. The defaults where there are too few."""
    from sklearn.linear_model import LogisticRegression

    known = [r for r in rows if r["outlines"] != "none"]
    pairs = [(p, p.pixels / r["sector_px"]) for r in known for p in parts(r, share)]
    real = np.array([p.inside > HIT * p.pixels for p, _ in pairs])
    if real.sum() < 5 or (~real).sum() < 5:
        return Outlines()
    mean = np.clip([p.chance for p, _ in pairs], 1e-4, 1 - 1e-4)
    features = np.column_stack([np.log(mean / (1 - mean)), np.log([s for _, s in pairs])])
    fitted = LogisticRegression(C=100.0).fit(features, real)
    slope, size = fitted.coef_[0].tolist()
    return Outlines(slope=slope, size=size, bias=float(fitted.intercept_[0]))


def nested(rows: Sequence[Row], share: float, *, absent: str | None = "normal") -> list[JudgedRow]:
    """The rows as the bundle that ships would judge them: each fold by limits and lines that were
    fitted on the other folds.

    Args:
        rows: of all folds.
        share: of the sector that a part needs, 0 to 1.
        absent: the label that means "no lesion".
    """
    folds = {r["fold"] for r in rows}
    fitted = {f: fit([r for r in rows if r["fold"] != f], share, absent=absent) for f in folds}
    return [judge(row, fitted[row["fold"]], share) for row in rows]


def judge(row: Row, outlines: Outlines, share: float) -> JudgedRow:
    """A row with limits and lines applied.

    Args:
        row: of one image; is left as it is.
        outlines: the limits and lines.
        share: of the sector that a part needs, 0 to 1.
    """
    new: JudgedRow = {**row, **judged(row, outlines, share), "inner": None, "outer": None}
    if new["lesion_dice"] is not None and (new["lesion_iou"] or 0) > HIT:
        precision, recall = _curves(row)
        if outlines.inner is not None:
            value = precision[round(outlines.inner * STEPS)]
            new["inner"] = None if np.isnan(value) else float(value)
        if outlines.outer is not None:
            new["outer"] = float(recall[round(outlines.outer * STEPS)])
    return new


def curve(rows: Sequence[Row], share: float, *, absent: str | None = "normal") -> list[CurvePoint]:
    """The free-response curve: hits and false parts at every limit; shown, not chosen by.

    Args:
        rows: of all folds, whose lesions are known.
        share: of the sector that a part needs, 0 to 1.
        absent: the label that means "no lesion".
    """
    scale = _confidence(rows, share)
    points: list[CurvePoint] = []
    for least in LIMITS.tolist():
        outlines = replace(scale, least=least)
        figures = [judged(r, outlines, share) for r in rows]
        false = [sum(p.inside == 0 for p in kept(r, outlines, share)) for r in rows]
        hits = [f["lesion_iou"] > HIT for f in figures if f["lesion_iou"] is not None]
        normal = [
            f["false_lesion"]
            for f, r in zip(figures, rows, strict=True)
            if r["label"] == absent and f["false_lesion"] is not None
        ]
        points.append(
            {
                "least": least,
                "hit": float(np.mean(hits)) if hits else 0.0,
                "false_per_image": float(np.mean(false)),
                "false_normal": float(np.mean(normal)) if normal else 0.0,
            }
        )
    return points
