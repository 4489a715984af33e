"""Which found parts are lesions, and how sure their outline is: fitted on out-of-fold rows, and
measured with each fold judged by the others.

A part is kept when its confidence (from its mean lesion probability and its size) reaches a limit.
The limit is the lowest at which at most a tenth of the normal images show a lesion, the aim that
was set for them; that size counts beside the probability was found on the rows themselves.
The inner line is drawn at the probability from which nine tenths of the area is lesion, the outer
one at that within which nine tenths of the lesion lies, both averaged over images whose lesion was
hit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hcc_xai.findings.outlines import Outlines

HIT = 0.1  # IoU over which a lesion counts as hit
MOST_FALSE = 0.10  # share of normal images that may show a lesion
SURE = 0.9  # share of the inner area that is lesion, and of the lesion within the outer line
STEPS = 50  # bins of a row's histogram of lesion probabilities
LIMITS = np.round(np.arange(0.0, 1.0, 0.02), 2)
Row = Mapping[str, Any]


def parts(row: Row, share: float) -> list[Sequence[float]]:
    """The found parts of a row of at least that share of the sector."""
    return [p for p in row["found"] if p[0] >= share * row["sector_px"]]


def kept(row: Row, outlines: Outlines, share: float) -> list[Sequence[float]]:
    """The parts that are sure enough."""
    return [
        p
        for p in parts(row, share)
        if outlines.confidence(p[2], p[0] / row["sector_px"]) >= outlines.least
    ]


def judged(row: Row, outlines: Outlines, share: float) -> dict[str, Any]:
    """The figures of a row that depend on which parts are kept."""
    found = kept(row, outlines, share)
    area, inside = (sum(p[i] for p in found) for i in (0, 1))
    truth = row["lesion_px"]
    return {
        "lesions": len(found),
        "lesion_dice": 2 * inside / (area + truth) if truth else None,
        "lesion_iou": inside / (area + truth - inside) if truth else None,
        "false_lesion": None if truth else bool(found),
    }


def fit(rows: Sequence[Row], share: float) -> Outlines:
    """Limit and lines of these rows; the defaults where they hold nothing to fit them on."""
    found = _confidence(rows, share)
    normal = [r for r in rows if not r["lesion_px"] and r["label"] == "normal"]
    for least in LIMITS.tolist() if normal else ():
        found = replace(found, least=least)
        if np.mean([bool(kept(r, found, share)) for r in normal]) <= MOST_FALSE:
            break
    hit = [r for r in rows if (judged(r, found, share)["lesion_iou"] or 0) > HIT]
    if not hit:
        return found
    precision, recall = (np.nanmean(x, axis=0) for x in zip(*map(_curves, hit), strict=True))
    edges = np.arange(STEPS) / STEPS
    inner = float(edges[precision >= SURE][0]) if (precision >= SURE).any() else None
    outer = float(edges[recall >= SURE][-1]) if (recall >= SURE).any() else None
    return replace(found, inner=inner, outer=outer)


def _curves(row: Row) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of the area that is lesion, and of the lesion within the area, for the area over every
    probability k / STEPS. NaN where there is no area."""
    area, lesion = (np.cumsum(np.array(x, float)[::-1])[::-1] for x in row["pixels"])
    precision = np.divide(lesion, area, out=np.full(STEPS, np.nan), where=area > 0)
    return precision, lesion / max(lesion[0], 1.0)


def _confidence(rows: Sequence[Row], share: float) -> Outlines:
    """Slope, size and bias by logistic regression over the parts; a part is a lesion when over a
    tenth of it is. The defaults with too few."""
    from sklearn.linear_model import LogisticRegression

    found = [(p, p[0] / r["sector_px"]) for r in rows for p in parts(r, share)]
    real = np.array([p[1] > HIT * p[0] for p, _ in found])
    if real.sum() < 5 or (~real).sum() < 5:
        return Outlines()
    mean = np.clip([p[2] for p, _ in found], 1e-4, 1 - 1e-4)
    features = np.column_stack([np.log(mean / (1 - mean)), np.log([s for _, s in found])])
    fitted = LogisticRegression(C=100.0).fit(features, real)
    slope, size = fitted.coef_[0].tolist()
    return Outlines(slope=slope, size=size, bias=float(fitted.intercept_[0]))


def nested(rows: Sequence[Row], share: float) -> list[dict[str, Any]]:
    """The rows as the bundle that ships would judge them: each fold by limits and lines that were
    fitted on the other folds. Adds `inner` and `outer`: share of the inner area that is lesion, of
    the lesion within the outer line; None where the lesion was not hit."""
    found = []
    folds = {r["fold"] for r in rows}
    fitted = {f: fit([r for r in rows if r["fold"] != f], share) for f in folds}
    for row in rows:
        own = fitted[row["fold"]]
        found.append(judge(row, own, share))
    return found


def judge(row: Row, outlines: Outlines, share: float) -> dict[str, Any]:
    """A row with limits and lines applied."""
    new = {**row, **judged(row, outlines, share), "inner": None, "outer": None}
    if (new["lesion_iou"] or 0) > HIT:
        precision, recall = _curves(row)
        if outlines.inner is not None:
            value = precision[round(outlines.inner * STEPS)]
            new["inner"] = None if np.isnan(value) else float(value)
        if outlines.outer is not None:
            new["outer"] = float(recall[round(outlines.outer * STEPS)])
    return new


def curve(rows: Sequence[Row], share: float) -> list[dict[str, float]]:
    """The free-response curve: hits and false parts at every limit; shown, not chosen by."""
    scale, table = _confidence(rows, share), []
    for least in LIMITS.tolist():
        outlines = replace(scale, least=least)
        figures = [judged(r, outlines, share) for r in rows]
        false = [sum(p[1] == 0 for p in kept(r, outlines, share)) for r in rows]
        hits = [f["lesion_iou"] > HIT for f in figures if f["lesion_iou"] is not None]
        normal = [
            f["false_lesion"]
            for f, r in zip(figures, rows, strict=True)
            if r["label"] == "normal" and f["false_lesion"] is not None
        ]
        table.append(
            {
                "least": least,
                "hit": float(np.mean(hits)) if hits else 0.0,
                "false_per_image": float(np.mean(false)),
                "false_normal": float(np.mean(normal)) if normal else 0.0,
            }
        )
    return table
