"""The model that the page serves; on a ZeroGPU Space its forward runs on a GPU lent for a call."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from hcc_xai.model.runtime import Floats, Raw, TorchRuntime

if TYPE_CHECKING:
    from hcc_xai.analysis.models import Answerer
    from hcc_xai.model.bundle import Bundle

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
        import torch

        from hcc_xai.analysis.device import pick_device

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


def load_for_page(where: str | None) -> Answerer:
    """Load a bundle, or all that ship; on a ZeroGPU Space, where the package `spaces` is installed,
    with a `LentRuntime` each.

    Args:
        where: what `hcc_xai.load` takes.

    Raises:
        BundleError: one sentence says what is wrong with the bundle.
    """
    from hcc_xai.analysis.models import load

    try:
        import spaces
    except ImportError:
        return load(where)
    return load(where, runtime=lambda bundle: LentRuntime(bundle, spaces.GPU))
