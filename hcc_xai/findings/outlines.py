"""Which found parts are lesions, and where the lines of their uncertain outline are drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hcc_xai.errors import BundleError


@dataclass(frozen=True)
class Outlines:
    """Which found parts are lesions, and where the lines of their uncertain outline are drawn.

    Attributes:
        least: confidence from which a part is a lesion, 0 to 1.
        inner: lesion probability at which the inner line is drawn, 0 to 1; None for no line.
        outer: lesion probability at which the outer line is drawn, 0 to 1; None for no line.
        slope: factor of the logit of the part's mean lesion probability.
        size: factor of the logarithm of the part's share of the sector.
        bias: what is added to both; their sum is the logit of the confidence.
    """

    least: float = 0.0
    inner: float | None = None
    outer: float | None = None
    slope: float = 1.0
    size: float = 0.0
    bias: float = 0.0

    def __post_init__(self) -> None:
        lines = [x for x in (self.least, self.inner, self.outer) if x is not None]
        if not all(0 <= x <= 1 for x in lines) or not all(
            np.isfinite(x) for x in (self.slope, self.size, self.bias)
        ):
            raise BundleError(
                "outlines-range", "calibration.json: a value of outlines is out of range"
            )

    def confidence(self, mean: float, share: float) -> float:
        """The chance that a part is a lesion, 0 to 1.

        Args:
            mean: mean lesion probability in the part, 0 to 1.
            share: its share of the sector, 0 to 1.
        """
        logit = np.log(max(mean, 1e-6) / max(1 - mean, 1e-6))
        scored = self.slope * logit + self.size * np.log(max(share, 1e-6)) + self.bias
        return float(1 / (1 + np.exp(-scored)))
