"""From one row an image to all that a model card shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hcc_xai import stats
from hcc_xai.errors import DataError
from hcc_xai.evaluation import figures
from hcc_xai.evaluation.columns import Columns, Mask, mean_figure, or_nan, rate_figure
from hcc_xai.evaluation.lesion_rule import HIT, curve, judged, parts
from hcc_xai.evaluation.row_type import JudgedRow
from hcc_xai.evaluation.summary import FreeResponse, LeftOutFigures, StratumFigures, Summary
from hcc_xai.findings.outlines import Outlines
from hcc_xai.stats import Figure, Floats

LEAST_SHARES = (0.0, 0.001, 0.002, 0.005)  # of the sector, for the free-response table


def summarise(
    rows: Sequence[JudgedRow],
    *,
    left_out: Sequence[JudgedRow] = (),
    resamples: int = 1000,
    seed: int = 0,
) -> Summary:
    """All figures.

    Args:
        rows: each image by the network trained without its fold.
        left_out: each image by the network trained without its frame size, where there are such.
        resamples: bootstrap resamples behind each interval.
        seed: of the resamples.

    Raises:
        DataError: there are no rows.
    """
    if not rows:
        raise DataError("summary-without-rows", "there are no rows to summarise")
    t = Columns(rows, stats.draws(len(rows), resamples=resamples, seed=seed))
    figures.add_all(t)
    return Summary(
        n=len(rows),
        labels=list(t.labels),
        folds=sorted({int(r["fold"]) for r in rows}),
        classes={label: int((t.truth == label).sum()) for label in t.labels},
        figures=t.figures,
        strata=_strata(t),
        left_out=_left_out(left_out, rows, resamples=resamples, seed=seed) if left_out else [],
        free_response=_free_response(t),
        free_response_curve=curve(rows, LEAST_SHARES[1]),
        resamples=resamples,
        seed=seed,
    )


def _strata(t: Columns) -> list[StratumFigures]:
    """Malignant against benign within each frame size, by network and by size alone."""
    two = np.isin(t.truth, ("benign", "malignant"))
    sizes = t.column(lambda r: r["lesion_share"])
    rows = []
    for stratum in sorted(set(t.strata)):
        mine = t.strata == stratum
        counts = {label: int((t.truth[mine] == label).sum()) for label in t.labels}
        auroc = size_auroc = None
        if counts.get("benign") and counts.get("malignant"):
            among = mine & two
            auroc = _auroc(t, figures.malignant_share(t.chances[among], t.labels), among)
            size_auroc = _auroc(t, sizes[among], among)
        rows.append(StratumFigures(str(stratum), counts, auroc, size_auroc))
    return rows


def _auroc(t: Columns, score: Floats, among: Mask) -> Figure:
    """AUROC of malignant against the other images of a part."""
    areas = stats.auroc(score, t.truth[among] == "malignant", t.weights[:, among])
    return stats.figure(areas, int(among.sum()))


def _left_out(
    left_out: Sequence[JudgedRow], rows: Sequence[JudgedRow], *, resamples: int, seed: int
) -> list[LeftOutFigures]:
    """Figures on a frame size that was left out of training, a row each and one over all of them,
    beside those of the same images by networks that knew their frame size."""
    unseen, seen = ({r["name"]: r for r in some} for some in (left_out, rows))
    strata: list[str | None] = [*sorted({r["stratum"] for r in left_out}), None]
    table = []
    for stratum in strata:
        names = [r["name"] for r in left_out if stratum in (r["stratum"], None)]
        both = (
            _left_out_figures(
                [source[name] for name in names if name in source], resamples=resamples, seed=seed
            )
            for source in (unseen, seen)
        )
        table.append(LeftOutFigures(stratum, len(names), *both))
    return table


def _left_out_figures(rows: Sequence[JudgedRow], *, resamples: int, seed: int) -> dict[str, Figure]:
    """The figures that are shown of a frame size that was left out."""
    t = Columns(rows, stats.draws(len(rows), resamples=resamples, seed=seed))
    figures.add_grades(t)
    figures.add_outlines(t)
    recalls = (f"recall_{label}" for label in t.labels)
    outlines = ("liver_dice", "lesion_dice", "lesion_hit")
    names = ("auroc_within", "accuracy", "log_loss", *recalls, *outlines)
    return {k: t.figures[k] for k in names if k in t.figures}


def _free_response(t: Columns) -> list[FreeResponse]:
    """What leaving out small parts does to hits and false lesions; shown, not chosen by."""
    table = []
    for least in LEAST_SHARES:
        rows = [judged(r, Outlines(), least) for r in t.rows]  # every part counts
        overlap = or_nan([r["lesion_iou"] for r in rows])
        false = or_nan([r["false_lesion"] for r in rows])
        outside = [sum(p.inside == 0 for p in parts(r, least)) for r in t.rows]
        hits = np.where(np.isnan(overlap), np.nan, overlap > HIT)
        table.append(
            FreeResponse(
                least,
                hit=rate_figure(hits, t.weights),
                lesion_dice=mean_figure(or_nan([r["lesion_dice"] for r in rows]), t.weights),
                false_per_image=mean_figure(np.array(outside, float), t.weights),
                false_lesion_normal=rate_figure(
                    np.where(t.truth == "normal", false, np.nan), t.weights
                ),
            )
        )
    return table
