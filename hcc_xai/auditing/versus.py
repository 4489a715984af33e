"""Two models on the same images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest

from hcc_xai import stats
from hcc_xai.auditing.measure import Measurement
from hcc_xai.auditing.metrics import METRICS, Numbers, numbers
from hcc_xai.auditing.report import Versus
from hcc_xai.stats import Floats


def versus(
    rows: Sequence[Measurement],
    others: Sequence[Measurement],
    positive: str,
    *,
    other: str,
    resamples: int,
) -> Versus:
    """Paired differences with bootstrap intervals, and McNemar's exact test of who is right where
    the two differ.

    Args:
        rows: the images by this model.
        others: the same images by the other one, in the same order.
        positive: the label that counts as positive.
        other: name of the other model.
        resamples: bootstrap resamples behind an interval.
    """
    draws = stats.draws(len(rows), resamples=resamples)
    differences = {}
    for name in METRICS:
        mine, theirs = (numbers(some, name, positive) for some in (rows, others))
        differences[name] = _difference(mine, theirs, draws).to_dict()
    pairs = list(zip(rows, others, strict=True))
    only_ours = sum(r.right and not o.right for r, o in pairs)
    only_theirs = sum(o.right and not r.right for r, o in pairs)
    differ = only_ours + only_theirs
    return {
        "model": other,
        "differences": differences,
        "only_this_right": only_ours,
        "only_other_right": only_theirs,
        "p": float(binomtest(only_ours, differ).pvalue) if differ else 1.0,
    }


def _difference(mine: Numbers, theirs: Numbers, draws: Floats) -> stats.Figure:
    """This model's metric less the other's, of the images of which both say something."""
    if mine.positive is not None:
        return stats.figure(mine.over(draws) - theirs.over(draws), mine.known)
    known = np.isfinite(mine.values) & np.isfinite(theirs.values)
    both = Numbers(np.where(known, mine.values - theirs.values, np.nan))
    return stats.figure(both.over(draws), both.known)
