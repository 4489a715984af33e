"""The seam between arrays and a network: arrays go in, arrays come out.

`TorchRuntime` runs the network here. Another runtime (an exported graph, a GPU that is lent for one
call) only has to answer `forward` and `summaries`; whatever stands above never sees a tensor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hcc_xai.model.exact import immediate
from hcc_xai.model.network import Network, sector_of
from hcc_xai.stats import Numbers

Floats = NDArray[np.float32]
_BATCH = 8  # pictures of a pass; more at once take memory and no less time
_PAIR = 2  # of them, on a CPU


@dataclass(frozen=True, eq=False)
class Raw:
    """What one pass says of B pictures: float32 arrays on the CPU.

    Attributes:
        logits: (B, K), of the grades.
        masks: (B, M, h, w), logits of the masks at the shared map's resolution.
        maps: kind of map -> (B, K, h, w); "grad-cam++" is not negative, "contribution" is signed.
        summary: (B, D), what the trunk saw; the gate reads it.
        pooled: (B, P, C), the shared map pooled: all that the grades read.
    """

    logits: Floats
    masks: Floats
    maps: Mapping[str, Floats]
    summary: Floats
    pooled: Floats


class Runtime(Protocol):
    """What runs a network.

    Attributes:
        network: the network itself where gradients can be taken of it, None where they cannot.
    """

    @property
    def network(self) -> Network | None: ...

    def forward(self, inputs: Floats) -> Raw:
        """One pass. inputs: (B, S, S) float32 as `Frame.to_network` makes them."""

    def summaries(self, inputs: Numbers) -> Floats:
        """Only `Raw.summary`, of any number of inputs. (N, S, S) -> (N, D)."""


class TorchRuntime:
    """PyTorch, on the device where the network lies. Holds nothing between calls, so threads can
    share it.

    Trunk and decoder run in float16 on CUDA and in float32 elsewhere; probabilities differ by less
    than 0.01 between the two (tested; in bf16 it was up to 0.04).
    """

    def __init__(self, network: Network, device: torch.device) -> None:
        self.device = device
        self.network = network.to(device).to(memory_format=torch.channels_last)
        with torch.inference_mode():
            self._weight, _ = self.network.grade_weights()

    def forward(self, inputs: Floats) -> Raw:
        """One pass over any number of pictures.

        A CPU gets pairs: larger batches allocate fresh memory every time and are slower.

        Args:
            inputs: (B, S, S) float32 as `Frame.to_network` makes them.
        """
        step = _PAIR if self.device.type == "cpu" else len(inputs)
        parts = [self._forward(inputs[i : i + step]) for i in range(0, len(inputs), step)]
        return parts[0] if len(parts) == 1 else _joined(parts)

    def _forward(self, inputs: Floats) -> Raw:
        with torch.inference_mode():
            x = torch.from_numpy(inputs)[:, None].to(self.device)
            shared, summary = self.features(x, half=x.device.type == "cuda")
            out = self.network.heads(shared, sector_of(x))
            maps = immediate(shared, out.pools, self._weight)
            return Raw(
                _array(out.logits),
                _array(out.masks),
                {
                    "grad-cam++": _array(maps.grad_cam_pp),
                    "contribution": _array(maps.contribution),
                },
                _array(summary),
                _array(out.pooled),
            )

    def features(self, x: Tensor, *, half: bool) -> tuple[Tensor, Tensor]:
        """The network's shared map, float32, and its summary.

        Args:
            x: (B, 1, S, S) on the runtime's device.
            half: compute in float16 where that can hold the map.
        """
        with torch.autocast(x.device.type, torch.float16, enabled=half):
            shared, summary = self.network.features_and_summary(x)
        if half and not bool(shared.isfinite().all()):
            return self.features(x, half=False)
        return shared.float().contiguous(), summary

    def summaries(self, inputs: Numbers) -> Floats:
        """The trunk's summary of any number of inputs, without the rest of the network.

        Args:
            inputs: (N, S, S) of any float type.

        Returns:
            (N, D) float32.
        """
        with torch.inference_mode():
            parts = (torch.from_numpy(part)[:, None] for part in in_parts(inputs))
            rows = [self.network.summary(x.to(self.device)).cpu().numpy() for x in parts]
        return np.concatenate(rows)


def in_parts(inputs: Numbers) -> Iterator[Floats]:
    """Inputs in batches of a size that is quick, as float32."""
    for start in range(0, len(inputs), _BATCH):
        yield inputs[start : start + _BATCH].astype(np.float32, copy=False)


def _joined(parts: list[Raw]) -> Raw:
    return Raw(
        np.concatenate([part.logits for part in parts]),
        np.concatenate([part.masks for part in parts]),
        {kind: np.concatenate([part.maps[kind] for part in parts]) for kind in parts[0].maps},
        np.concatenate([part.summary for part in parts]),
        np.concatenate([part.pooled for part in parts]),
    )


def _array(value: Tensor) -> Floats:
    array: Floats = value.float().cpu().numpy()
    return array
