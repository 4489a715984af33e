"""The answers by group: how images are cut into groups, the metrics of each with their intervals
(Fairlearn's), whether groups differ more than chance makes them, and which falls behind."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hcc_xai.auditing.measure import Measurement
from hcc_xai.auditing.metrics import LOW_IS_GOOD, METRICS, Numbers, numbers
from hcc_xai.auditing.report import GroupRow
from hcc_xai.auditing.table import plain_name
from hcc_xai.stats import Floats

SMALL = 20  # images below which a group says nothing
COMPARED = ("auroc", "sensitivity", "specificity", "accuracy", "dice", "refused")
_ALPHA = 0.05
_AGES, _SIZES_MM = (0, 18, 40, 60, 75, 200), (0, 10, 20, 50, 1000)
_FEW = 6  # different numbers below which they are names
_Names = NDArray[np.str_]
_Key = tuple[str, str]  # column and metric


def cut(name: str, values: Sequence[str | float | None]) -> list[str]:
    """The group of every value: ages and sizes in the usual bins, other numbers in quartiles, words
    as they are; what is missing is "unknown".

    Args:
        name: of the column, which tells ages and sizes in millimetres.
        values: of the images, as read or as measured.
    """
    read = [_number(v) for v in values]
    known = [v for v in read if v is not None]
    filled = sum(v not in (None, "", "nan", "NaN") for v in values)
    if not known or len(known) < filled or len(set(known)) < _FEW:
        return [str(v).strip() or "unknown" if v is not None else "unknown" for v in values]
    edges = _edges(plain_name(name), known)
    return ["unknown" if value is None else _bin(value, edges) for value in read]


def _edges(name: str, known: Sequence[float]) -> Sequence[float]:
    if "age" in name.split("_"):
        return _AGES
    if name.endswith("mm") and "size" in name:
        return _SIZES_MM
    quartiles: list[float] = np.quantile(known, [0, 0.25, 0.5, 0.75, 1]).tolist()
    return quartiles


def _bin(value: float, edges: Sequence[float]) -> str:
    index = min(int(np.searchsorted(edges, value, side="right")), len(edges) - 1)
    return f"{_short(edges[max(0, index - 1)])} to {_short(edges[index])}"


def _short(value: float) -> str:
    """Three digits, and never an exponent for a large number."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _number(value: str | float | None) -> float | None:
    try:
        number = float(str(value).replace(",", "."))
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def by_group(
    rows: Sequence[Measurement],
    columns: Sequence[str],
    positive: str,
    *,
    resamples: int,
    shuffles: int,
    compared: Sequence[str] = COMPARED,
) -> list[GroupRow]:
    """Every metric of every group, with its interval, and p-values corrected after Holm (1979).

    Args:
        rows: the images.
        columns: what groups are made of; one that puts all images into one group is left out.
        positive: the label that counts as positive.
        resamples: bootstrap resamples behind an interval.
        shuffles: permutations behind a p-value.
        compared: the metrics that are compared between groups.
    """
    metrics = {name: numbers(rows, name, positive) for name in METRICS}
    names = {c: np.array(cut(c, [row.about.get(c) for row in rows])) for c in columns}
    names = {c: groups for c, groups in names.items() if len(set(groups.tolist())) > 1}
    chances: dict[_Key, float] = {}
    for column, groups in names.items():
        for name in METRICS:
            chance = _permuted(metrics[name], groups, shuffles) if name in compared else None
            if chance is not None:
                chances[column, name] = chance
    corrected = _holm(chances)
    table: list[GroupRow] = []
    for column, groups in names.items():
        p = {name: corrected.get((column, name)) for name in METRICS}
        table += _rows(column, groups, metrics, p, resamples)
    return table


def _rows(
    column: str,
    groups: _Names,
    metrics: Mapping[str, Numbers],
    p: Mapping[str, float | None],
    resamples: int,
) -> list[GroupRow]:
    """Every metric of every group of one column."""
    from fairlearn.metrics import MetricFrame

    images = np.arange(len(groups))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a resample without one of the classes is NaN
        frame = MetricFrame(
            metrics={name: _for_fairlearn(some) for name, some in metrics.items()},
            y_true=images,
            y_pred=images,
            sensitive_features=groups,
            n_boot=resamples,
            ci_quantiles=[0.025, 0.975],
            random_state=0,
        )
    low, high = frame.by_group_ci
    table: list[GroupRow] = []
    for name, some in metrics.items():
        for group in frame.by_group.index:
            inside = groups == group
            own = some.at(inside)
            n = own.weight
            figure = own.figure(_finite(low.loc[group, name]), _finite(high.loc[group, name]))
            table.append(
                {
                    "column": column,
                    "group": str(group),
                    "n": n,
                    "metric": name,
                    "value": figure.value,
                    "low": figure.low,
                    "high": figure.high,
                    "small": n < SMALL,
                    "rest": _finite(some.at(~inside).value()),
                    "p": p[name],
                }
            )
    return table


def _for_fairlearn(some: Numbers) -> Callable[[NDArray[np.int_], NDArray[np.int_]], float]:
    """A metric as Fairlearn wants it: of the numbers of some images; NaN where it has no
    meaning."""

    def metric(y_true: NDArray[np.int_], y_pred: NDArray[np.int_]) -> float:
        return some.at(np.asarray(y_true, int)).value()

    return metric


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _permuted(some: Numbers, groups: _Names, shuffles: int) -> float | None:
    """How often groups drawn at random differ as much as these (largest less smallest, groups large
    enough); None with fewer than two such groups."""
    large = [g for g in sorted(set(groups.tolist())) if some.at(groups == g).weight >= SMALL]
    if len(large) < 2:
        return None
    inside = np.isin(groups, large)
    some, own = some.at(inside), groups[inside]

    def gap(groups: _Names) -> float:
        weights: Floats = np.stack([groups == g for g in large]).astype(float)
        values = some.over(weights)
        return float(np.nanmax(values) - np.nanmin(values))

    rng, here = np.random.default_rng(0), gap(own)
    beyond = sum(gap(rng.permutation(own)) >= here - 1e-12 for _ in range(shuffles))
    return (beyond + 1) / (shuffles + 1)


def _holm(chances: Mapping[_Key, float]) -> dict[_Key, float]:
    """P-values of many comparisons, corrected after Holm (1979)."""
    corrected, last = {}, 0.0
    for rank, (key, chance) in enumerate(sorted(chances.items(), key=lambda item: item[1])):
        last = min(1.0, max(last, chance * (len(chances) - rank)))
        corrected[key] = last
    return corrected


def worst(groups: Sequence[GroupRow]) -> GroupRow | None:
    """The group that falls furthest behind the rest, among differences that stand out."""
    behind = []
    for row in groups:
        if row["small"] or row["value"] is None or row["rest"] is None:
            continue
        if row["p"] is None or row["p"] > _ALPHA:
            continue
        sign = 1 if row["metric"] in LOW_IS_GOOD else -1
        behind.append((sign * (row["value"] - row["rest"]), row))
    furthest = max(behind, key=lambda pair: pair[0], default=None)
    return furthest[1] if furthest is not None and furthest[0] > 0 else None
