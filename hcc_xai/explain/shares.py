"""How much of a map lies where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def shares(heat: NDArray[Any], parts: Mapping[str, NDArray[np.bool_]]) -> dict[str, float]:
    """The share of a map's positive part in each of some places.

    Args:
        heat: (H, W) of any float type; what speaks against (below zero) does not count.
        parts: name -> (H, W) bool.

    Returns:
        name -> 0 to 1; all zero where nothing in the map is positive.
    """
    positive = np.maximum(heat, 0).astype(np.float64)
    total = positive.sum()
    return {
        name: float(positive[part].sum() / total) if total > 0 else 0.0
        for name, part in parts.items()
    }
