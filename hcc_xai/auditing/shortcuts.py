"""What the model may rest on instead of the lesion: what the frame alone, or the lesion's size
alone, would reach, and what the answers do when something is changed that no lesion has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hcc_xai import stats
from hcc_xai.analysis.tally import fired, tally, tally_steps
from hcc_xai.auditing.measure import Measurement
from hcc_xai.auditing.metrics import Numbers, numbers
from hcc_xai.auditing.report import Baseline, Change, Moved, Shortcut, Step
from hcc_xai.stats import Floats

_TELLS = 0.6  # AUROC from which a baseline tells the class, with its interval's lower end
_LEAST = 5  # images of the rarer class, for one in each of the five folds


def shortcuts(rows: Sequence[Measurement], positive: str, *, resamples: int) -> list[Shortcut]:
    """All shortcuts that were looked for, and whether each was caught.

    Args:
        rows: the images.
        positive: the label that counts as positive.
        resamples: bootstrap resamples behind an interval.
    """
    challenges = [row.challenges for row in rows]
    caught = fired(challenges)
    table: list[Shortcut] = [*_baselines(rows, positive, resamples)]
    for name, moved in tally(challenges).items():
        table.append(_change(name, moved, caught=name in caught))
    for name, steps in tally_steps([row.steps for row in rows]).items():
        table.append(
            {"name": name, "kind": "steps", "steps": list(map(_step, steps)), "caught": False}
        )
    return table


def _baselines(rows: Sequence[Measurement], positive: str, resamples: int) -> list[Baseline]:
    draws = stats.draws(len(rows), resamples=resamples)
    model = numbers(rows, "auroc", positive)
    truth = np.asarray(model.positive)
    reached = stats.figure(model.over(draws), len(rows)).value or 0
    features = {
        "frame-alone": np.array([row.frame for row in rows], float),
        "size-alone": np.array([[row.lesion_share, row.lesion_share**0.5] for row in rows], float),
    }
    table: list[Baseline] = []
    for name, x in features.items():
        scores = _cross_validated(x, truth)
        if scores is not None:
            figure = stats.figure(Numbers(scores, truth).over(draws), len(rows))
            caught = (figure.low or 0) > _TELLS and (figure.value or 0) > reached
            table.append({"name": name, "kind": "baseline", **figure.to_dict(), "caught": caught})
    return table


def _change(name: str, moved: Mapping[str, Any], *, caught: bool) -> Change:
    return {"name": name, "kind": "change", **_moved(moved), "caught": caught}


def _step(moved: Mapping[str, Any]) -> Step:
    return {"amount": moved["amount"], **_moved(moved)}


def _moved(row: Mapping[str, Any]) -> Moved:
    return {
        **stats.Figure.from_dict(row).to_dict(),
        "median_move": row["median_move"],
        "flips": row["flips"],
        "sure_flips": row["sure_flips"],
        "sure_n": row["sure_n"],
    }


def _cross_validated(x: Floats, truth: NDArray[np.bool_]) -> Floats | None:
    """Scores of images by a logistic regression that never saw them; None where a class has fewer
    than five. (N, D), (N,) -> (N,)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if min(truth.sum(), (~truth).sum()) < _LEAST:
        return None
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    chances: Floats = cross_val_predict(model, x, truth, cv=folds, method="predict_proba")
    return chances[:, 1]
