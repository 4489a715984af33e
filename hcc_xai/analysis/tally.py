"""What challenges say of a model, counted over many pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hcc_xai.analysis.challenges import STEPS, Challenge
from hcc_xai.stats import wilson

_SURE = 0.7  # probability from which a flip is more than a close call that falls the other way

# The lower bound of the share of bad challenges above which a warning fires. Where the network must
# choose between two grades, hiding the lesion leaves one of them as it is; a network that ignores
# the lesion leaves most.
_FIRES = {"lesion": 0.5}
_FIRES_ELSE = 0.1


def fired(challenges: Sequence[Sequence[Challenge]]) -> list[str]:
    """The warnings about a model: the challenges that spoke against it so often that the lower
    bound of their share is over a tenth; or over a half, for the lesion painted over."""
    found = tally(challenges)
    return [n for n, figure in found.items() if figure["low"] > _FIRES.get(n, _FIRES_ELSE)]


def tally(challenges: Sequence[Sequence[Challenge]]) -> dict[str, dict[str, Any]]:
    """Of every change: how often it spoke against the answer, the median move, and how often the
    answer flipped: of all, and of those that were given with 0.7 or more."""
    names = dict.fromkeys(c.name for some in challenges for c in some)
    return {
        name: _told([c for some in challenges for c in some if c.name == name]) for name in names
    }


def tally_steps(challenges: Sequence[Sequence[Challenge]]) -> dict[str, list[dict[str, Any]]]:
    """The same of every step, in their order, with its amount."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name, ladder in STEPS.items():
        for amount in ladder.steps:
            mine = [c for some in challenges for c in some if (c.name, c.amount) == (name, amount)]
            if mine:
                found.setdefault(name, []).append({"amount": amount, **_told(mine)})
    return found


def _told(mine: Sequence[Challenge]) -> dict[str, Any]:
    sure = [c for c in mine if c.before >= _SURE]
    return share([c.bad for c in mine]) | {
        "median_move": float(np.median([abs(c.before - c.after) for c in mine])),
        "flips": sum(c.flips for c in mine),
        "sure_flips": sum(c.flips for c in sure),
        "sure_n": len(sure),
    }


def share(hits: Sequence[bool]) -> dict[str, Any]:
    """How often, with its Wilson interval."""
    low, high = wilson(sum(hits), len(hits))
    return {
        "value": float(np.mean(hits)) if hits else None,
        "low": low,
        "high": high,
        "n": len(hits),
    }
