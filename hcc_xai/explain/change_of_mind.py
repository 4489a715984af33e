"""What would change its mind: the smallest set of regions whose removal changes the answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from hcc_xai.explain.attribution import Floats, superpixels
from hcc_xai.imaging.painting import paint_over

Mask = NDArray[np.bool_]
Predict = Callable[[Floats], NDArray[np.float64]]  # (N, S, S) -> (N, K)
_REGIONS = 40
_TRIED = 8  # of the strongest, in pairs
_MOST = 12  # regions; an answer that stands that long does not hang on a few


@dataclass(frozen=True, eq=False)
class ChangeOfMind:
    """The regions that were painted over, and what the answer was before and after.

    Attributes:
        regions: (S, S) bool in the network's square, what was painted over.
        count: how many regions that are.
        share: their share of the sector, 0 to 1.
        label: index of the grade that was the answer before.
        before: its probability before, 0 to 1.
        after: its probability after, 0 to 1.
        answer: index of the most probable grade after.
        exact: whether no smaller set of regions changes the answer. Where it is False a smaller set
            may exist, but none of these regions can be given back without losing the change.
    """

    regions: Mask
    count: int
    share: float
    label: int
    before: float
    after: float
    answer: int
    exact: bool

    @property
    def changed(self) -> bool:
        """Whether another grade became the answer."""
        return self.answer != self.label

    def to_dict(self) -> dict[str, float]:
        """The numbers and the yes-or-no values; no pixels."""
        names = ("count", "share", "before", "after", "exact", "changed")
        return {name: getattr(self, name) for name in names}


def change_of_mind(
    predict: Predict,
    grey: Floats,
    tissue: Mask,
    *,
    progress: Callable[[float], None] = lambda share: None,
) -> ChangeOfMind:
    """The smallest set of superpixels that, painted over with the tissue around them, changes the
    most probable grade.

    One region is found for certain, then pairs of the eight strongest are tried; beyond that the
    strongest are taken one after another and given back where the answer stays changed.

    Args:
        predict: gives the probability of every grade of a batch of pictures,
            (N, S, S) -> (N, K).
        grey: (S, S) float32, 0 to 1 inside the sector, -1 outside.
        tissue: (S, S) bool, where speckle may be copied from.
        progress: is told the share that is done, and may raise to stop.

    Returns:
        The regions and what they change. Where nothing changes the answer: the twelve strongest
        regions, with `changed` False.
    """
    cells, inside = superpixels(grey, wanted=_REGIONS), grey >= 0
    names = np.unique(cells[inside])
    start = predict(grey[None])[0]
    label = int(start.argmax())

    def without(sets: Sequence[tuple[int, ...]]) -> NDArray[np.float64]:
        pictures = []
        for chosen in sets:
            hole = np.isin(cells, chosen) & inside
            pictures.append(paint_over(grey, hole, tissue=tissue & ~hole))
        return predict(np.stack(pictures))

    def result(chosen: tuple[int, ...], chances: NDArray[np.float64], exact: bool) -> ChangeOfMind:
        hole = np.isin(cells, chosen) & inside
        share = float(hole.sum() / inside.sum())
        return ChangeOfMind(
            hole,
            len(chosen),
            share,
            label,
            float(start[label]),
            float(chances[label]),
            int(chances.argmax()),
            exact,
        )

    singles = [(int(name),) for name in names]
    alone = without(singles)
    progress(0.5)
    best = int(alone[:, label].argmin())
    if alone[best].argmax() != label:
        return result(singles[best], alone[best], exact=True)
    order = [singles[i][0] for i in np.argsort(alone[:, label])]
    pairs = list(combinations(order[:_TRIED], 2))
    if pairs:
        both = without(pairs)
        progress(0.8)
        best = int(both[:, label].argmin())
        if both[best].argmax() != label:
            return result(pairs[best], both[best], exact=True)
    chosen = tuple(order[:_MOST])
    growing = [chosen[:k] for k in range(1, len(chosen) + 1)]
    chances = without(growing)
    progress(0.9)
    changed = np.flatnonzero(chances.argmax(1) != label)
    if not len(changed):
        return result(chosen, chances[-1], exact=False)
    needed, last = list(growing[int(changed[0])]), chances[int(changed[0])]
    for name in list(needed):
        fewer = tuple(n for n in needed if n != name)
        if fewer:
            again = without([fewer])[0]
            if again.argmax() != label:
                needed, last = list(fewer), again
    progress(1.0)
    return result(tuple(needed), last, exact=False)
