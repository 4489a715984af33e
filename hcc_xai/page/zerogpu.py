"""The model that the page serves; on a ZeroGPU Space its forward runs on a GPU lent for a call."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from hcc_xai.analysis.analyzer import Analyzer


def load_for_page(where: str | None) -> Analyzer:
    """Load a bundle; on a ZeroGPU Space, only the forward is sent to the GPU lent for a call.

    A lent call runs in a process of its own: arrays go in and arrays come back, the network is
    built over there, and nothing on CUDA crosses the border. Where the package `spaces` is not
    installed this is `hcc_xai.load`.

    Raises:
        BundleError: one sentence says what is wrong with the bundle.
    """
    from hcc_xai.analysis.analyzer import Analyzer, load

    try:
        import spaces
    except ImportError:
        return load(where)
    analyzer = load(where, device="cpu")
    bundle = analyzer.bundle

    @lru_cache(maxsize=1)
    def over_there() -> Analyzer:
        return Analyzer(bundle)

    def forward(inputs: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        return over_there().forward(inputs)

    analyzer.forward = spaces.GPU(forward)  # type: ignore[method-assign]
    return analyzer
