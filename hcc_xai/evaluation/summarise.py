"""From one row an image to all that a model card shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hcc_xai import stats
from hcc_xai.errors import DataError
from hcc_xai.evaluation import figures
from hcc_xai.evaluation.columns import Columns, Mask, mean_figure, or_nan, rate_figure
from hcc_xai.evaluation.lesion_rule import HIT, CurvePoint, curve, judged, parts
from hcc_xai.evaluation.roles import LIVER_ROLES, Roles
from hcc_xai.evaluation.row_type import JudgedRow
from hcc_xai.evaluation.summary import FreeResponse, LeftOutFigures, StratumFigures, Summary
from hcc_xai.findings.outlines import Outlines
from hcc_xai.stats import Figure, Floats

LEAST_SHARES = (0.0, 0.001, 0.002, 0.005)  # of the sector, for the free-response table


def summarise(
    rows: Sequence[JudgedRow],
    *,
    roles: Roles = LIVER_ROLES,
    left_out: Sequence[JudgedRow] = (),
    resamples: int = 1000,
    seed: int = 0,
) -> Summary:
    """All figures.

    Args:
        rows: each image by the network trained without its fold.
        roles: what labels and masks are; a liver ultrasound's by default.
        left_out: each image by the network trained without its frame size, where there are such.
        resamples: bootstrap resamples behind each interval.
        seed: of the resamples.

    Raises:
        DataError: there are no rows.
    """
    if not rows:
        raise DataError("summary-without-rows", "there are no rows to summarise")
    t = Columns(rows, stats.draws(len(rows), resamples=resamples, seed=seed), roles)
    figures.add_all(t)
    seen = {r["name"]: r for r in rows}
    return Summary(
        n=len(rows),
        labels=list(t.labels),
        folds=sorted({int(r["fold"]) for r in rows}),
        classes=_counts(t, np.ones(t.n, bool)),
        figures=t.figures,
        strata=_strata(t),
        left_out=_left_out(left_out, seen, roles, resamples=resamples, seed=seed),
        free_response=_free_response(t) if roles.target else [],
        free_response_curve=_curve(t) if roles.target else [],
        resamples=resamples,
        seed=seed,
        roles=roles,
    )


def _counts(t: Columns, among: Mask) -> dict[str, int]:
    """Images of each label among some, (N,)."""
    return {label: int(t.holds[among, k].sum()) for k, label in enumerate(t.labels)}


def _strata(t: Columns) -> list[StratumFigures]:
    """How well the classes are told apart within each frame size, by network and by size alone."""
    rows = []
    for stratum in sorted(set(t.strata)):
        mine = t.strata == stratum
        auroc = size_auroc = None
        if t.roles.rivals(t.labels):
            among = mine & figures.contested(t)
            positive = t.truth == t.roles.positive
            auroc = _auroc(t, figures.positive_share(t, t.chances), positive, among)
            if t.roles.target:
                sizes = t.column(lambda r: r["lesion_share"])
                size_auroc = _auroc(t, sizes, positive, among)
        each = {
            label: _auroc(t, t.chances[:, k], t.holds[:, k], mine)
            for k, label in enumerate(t.labels)
        }
        rows.append(
            StratumFigures(
                str(stratum),
                _counts(t, mine),
                auroc,
                size_auroc,
                rate_figure(np.where(mine, t.right, np.nan), t.weights),
                {label: figure for label, figure in each.items() if figure is not None},
            )
        )
    return rows


def _auroc(t: Columns, score: Floats, positive: Mask, among: Mask) -> Figure | None:
    """AUROC of some images against the others of a part; None where either is missing. (N,)
    each."""
    if len(set(positive[among])) < 2:
        return None
    areas = stats.auroc(score[among], positive[among], t.weights[:, among])
    return stats.figure(areas, int(among.sum()))


def _curve(t: Columns) -> list[CurvePoint]:
    known = [r for r in t.rows if r["outlines"] != "none"]
    return curve(known, LEAST_SHARES[1], absent=t.roles.absent)


def _left_out(
    left_out: Sequence[JudgedRow],
    seen: Mapping[str, JudgedRow],
    roles: Roles,
    *,
    resamples: int,
    seed: int,
) -> list[LeftOutFigures]:
    """Figures on a frame size that was left out of training, a row each and one over all of them,
    beside those of the same images by networks that knew their frame size (`seen`, by name)."""
    if not left_out:
        return []
    unseen = {r["name"]: r for r in left_out}
    strata: list[str | None] = [*sorted({r["stratum"] for r in left_out}), None]
    table = []
    for stratum in strata:
        names = [r["name"] for r in left_out if stratum in (r["stratum"], None)]
        both = (
            _left_out_figures(
                [source[name] for name in names if name in source],
                roles,
                resamples=resamples,
                seed=seed,
            )
            for source in (unseen, seen)
        )
        table.append(LeftOutFigures(stratum, len(names), *both))
    return table


def _left_out_figures(
    rows: Sequence[JudgedRow], roles: Roles, *, resamples: int, seed: int
) -> dict[str, Figure]:
    """The figures that are shown of a frame size that was left out."""
    t = Columns(rows, stats.draws(len(rows), resamples=resamples, seed=seed), roles)
    figures.add_grades(t)
    figures.add_outlines(t)
    recalls = (f"recall_{label}" for label in t.labels)
    pairs = (f"auroc_{label}" for label in t.labels)
    outlines = ("organ_dice", "lesion_dice", "lesion_hit")
    names = ("auroc_within", "accuracy", "log_loss", *recalls, *pairs, *outlines)
    return {k: t.figures[k] for k in names if k in t.figures}


def _free_response(t: Columns) -> list[FreeResponse]:
    """What leaving out small parts does to hits and false lesions; shown, not chosen by."""
    table = []
    known = np.array([r["outlines"] != "none" for r in t.rows])
    for least in LEAST_SHARES:
        rows = [judged(r, Outlines(), least) for r in t.rows]  # every part counts
        overlap = or_nan([r["lesion_iou"] for r in rows])
        false = or_nan([r["false_lesion"] for r in rows])
        outside = or_nan([sum(p.inside == 0 for p in parts(r, least)) for r in t.rows])
        hits = np.where(np.isnan(overlap), np.nan, overlap > HIT)
        table.append(
            FreeResponse(
                least,
                hit=rate_figure(hits, t.weights),
                lesion_dice=mean_figure(or_nan([r["lesion_dice"] for r in rows]), t.weights),
                false_per_image=mean_figure(np.where(known, outside, np.nan), t.weights),
                false_lesion_absent=rate_figure(
                    np.where(t.truth == t.roles.absent, false, np.nan), t.weights
                ),
            )
        )
    return table
