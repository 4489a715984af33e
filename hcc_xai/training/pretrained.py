"""Weights to start from, and which of them a training leaves as they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file

from hcc_xai.errors import DataError
from hcc_xai.model.network import Network


def load_pretrained(network: Network, path: str | Path) -> int:
    """Start from other weights; a colour stem is summed to grey.

    Args:
        network: is changed in place.
        path: safetensors of a trunk (ImageNet's, under timm's names), or of a whole network as
            `train` writes it.

    Returns:
        How many tensors fitted.

    Raises:
        DataError: the file is missing, or fewer than nine tenths of the tensors fit.
    """
    if not Path(path).is_file():
        raise DataError(
            "pretrained-missing", "pretrained weights {path} are missing", path=str(path)
        )
    weights = {k: v.float() for k, v in load_file(str(path)).items()}
    whole = any(name.startswith("trunk.") for name in weights)
    module: torch.nn.Module = network if whole else network.trunk
    own = module.state_dict()
    fitting = fitting_tensors(weights, own)
    if len(fitting) < 0.9 * sum(not k.endswith("num_batches_tracked") for k in own):
        raise DataError(
            "pretrained-does-not-fit",
            "{path} fits {fitting} of {tensors} tensors of {trunk}",
            path=str(path),
            fitting=len(fitting),
            tensors=len(own),
            trunk=network.config.trunk,
        )
    module.load_state_dict({**own, **fitting})
    return len(fitting)


def fitting_tensors(
    weights: Mapping[str, torch.Tensor], own: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """The weights that a module has a tensor of that name and shape for; a colour stem is summed
    to grey.

    Args:
        weights: to start from, by name.
        own: the module's state.
    """
    fitting = {}
    for name, value in own.items():
        weight = weights.get(name)
        if weight is not None and weight.ndim == 4 and weight.shape[1] == 3 and value.shape[1] == 1:
            weight = weight.sum(1, keepdim=True)
        if weight is not None and weight.shape == value.shape:
            fitting[name] = weight
    return fitting


def early(network: Network) -> set[str]:
    """Names of the trunk's parameters that its level at a quarter of the input depends on."""
    parameters = dict(network.trunk.named_parameters())
    index = min(network.levels)
    device = next(network.parameters()).device
    level = network.trunk(torch.zeros(1, 1, 64, 64, device=device))[index].sum()
    gradients = torch.autograd.grad(level, list(parameters.values()), allow_unused=True)
    return {
        name for name, gradient in zip(parameters, gradients, strict=True) if gradient is not None
    }


def train_mode(network: Network, frozen: set[str]) -> None:
    """Set training mode, in which the norms of frozen stages keep their statistics.

    Args:
        network: is changed in place.
        frozen: names of the trunk's parameters that stay as they are, as `early` gives them.
    """
    network.train()
    for name, module in network.trunk.named_modules():
        if f"{name}.weight" in frozen:
            module.eval()
