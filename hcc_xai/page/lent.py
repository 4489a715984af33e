"""The network on a GPU that is lent for one call, as on a ZeroGPU Space."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch

from hcc_xai.analysis.device import pick_device
from hcc_xai.model.bundle import Bundle
from hcc_xai.model.runtime import Floats, Raw, TorchRuntime

Forward = Callable[[Floats], Raw]


class LentRuntime(TorchRuntime):
    """A runtime on the CPU whose forward is sent to a GPU that is lent for the call.

    A lent call runs in a process of its own: arrays go in and arrays come back, the network is
    built over there, and nothing on CUDA crosses the border.

    Args:
        bundle: whose network it runs.
        lend: wraps a function so that it runs over there.
    """

    def __init__(self, bundle: Bundle, lend: Callable[[Forward], Forward]) -> None:
        super().__init__(bundle.network(), torch.device("cpu"))

        @lru_cache(maxsize=1)
        def over_there() -> TorchRuntime:
            return TorchRuntime(bundle.network(), pick_device())

        def forward(inputs: Floats) -> Raw:
            return over_there().forward(inputs)

        self._lent = lend(forward)

    def forward(self, inputs: Floats) -> Raw:
        """One pass over there. inputs: (B, S, S) float32 as `Frame.to_network` makes them."""
        return self._lent(inputs)
