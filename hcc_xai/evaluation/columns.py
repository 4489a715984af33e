"""Rows as columns, with the resamples and the figures that were made of them so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hcc_xai import stats
from hcc_xai.evaluation.roles import LIVER_ROLES, Roles
from hcc_xai.evaluation.row_type import JudgedRow
from hcc_xai.stats import Figure, Floats

Mask = NDArray[np.bool_]


class Columns:
    """The rows as columns, the resamples, and the figures made so far.

    Attributes:
        rows: N of them.
        weights: (R, N) float64, how often each image is drawn in each resample.
        roles: what labels and masks are.
        labels: names of the K grades.
        truth, answers, strata: (N,) names; a truth of several labels is joined by "+".
        holds: (N, K) bool, whether a label is true.
        right: (N,) bool, whether the answer is true.
        chances: (N, K) float64, raw probabilities.
        index: (N,) int, the (first) true label's place among the labels.
        figures: name -> figure.
    """

    def __init__(
        self, rows: Sequence[JudgedRow], weights: Floats, roles: Roles = LIVER_ROLES
    ) -> None:
        self.rows, self.weights, self.roles = rows, weights, roles
        self.labels = tuple(rows[0]["probabilities"])
        self.truth = np.array([r["label"] for r in rows])
        self.answers = np.array([r["answer"] for r in rows])
        self.strata = np.array([r["stratum"] for r in rows])
        self.chances = np.array(
            [[r["probabilities"][k] for k in self.labels] for r in rows], np.float64
        )
        named = [t.split("+") for t in self.truth.tolist()]
        self.index = np.array([self.labels.index(some[0]) for some in named])
        self.holds = np.array([[label in some for label in self.labels] for some in named])
        said = [self.labels.index(a) for a in self.answers.tolist()]
        self.right = self.holds[np.arange(len(rows)), said]
        self.figures: dict[str, Figure] = {}

    @property
    def n(self) -> int:
        """How many images there are."""
        return len(self.rows)

    @property
    def true_chances(self) -> Floats:
        """The probability of the (first) true label, (N,)."""
        chances: Floats = self.chances[np.arange(len(self.rows)), self.index]
        return chances

    def column(self, read: Callable[[JudgedRow], float | None]) -> Floats:
        """A value an image, (N,); NaN where it is None."""
        return or_nan([read(row) for row in self.rows])

    def add(self, name: str, resamples: Floats, n: int) -> None:
        """Keep a figure.

        Args:
            name: of the figure.
            resamples: (R,), its value in each resample, the sample's own first.
            n: images that it rests on.
        """
        self.figures[name] = stats.figure(resamples, n)

    def mean(self, name: str, values: ArrayLike, among: Mask | None = None) -> None:
        """Keep the mean of values, (N,), NaN where missing; among some images, (N,), or all."""
        self.figures[name] = mean_figure(_among(values, among), self.weights)

    def median(self, name: str, values: ArrayLike, among: Mask | None = None) -> None:
        """Keep the median of values, (N,), NaN where missing; among some images, (N,), or all."""
        values = _among(values, among)
        self.add(name, stats.median(values, self.weights), int((~np.isnan(values)).sum()))

    def rate(self, name: str, values: ArrayLike, among: Mask | None = None) -> None:
        """Keep the share of images of which something is true (1) rather than not (0); values (N,),
        NaN where missing; among some images, (N,), or all."""
        self.figures[name] = rate_figure(_among(values, among), self.weights)


def or_nan(values: Sequence[float | None]) -> Floats:
    """Values as an array, (N,), NaN where one is None."""
    return np.array([np.nan if value is None else float(value) for value in values])


def _among(values: ArrayLike, among: Mask | None) -> Floats:
    values = np.asarray(values, np.float64)
    return values if among is None else np.where(among, values, np.nan)


def mean_figure(values: Floats, weights: Floats) -> Figure:
    """The mean of values.

    Args:
        values: (N,), NaN where missing.
        weights: (R, N), how often each is drawn.
    """
    return stats.figure(stats.mean(values, weights), int((~np.isnan(values)).sum()))


def rate_figure(values: Floats, weights: Floats) -> Figure:
    """The share of values that are 1; with an exact bound where all agree.

    Args:
        values: (N,) of 0 and 1, NaN where missing.
        weights: (R, N), how often each is drawn.
    """
    known = values[~np.isnan(values)]
    if len(known) and known.min() == known.max():
        return stats.unanimous(float(known[0]), len(known))
    return mean_figure(values, weights)
