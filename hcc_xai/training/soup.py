"""A soup: one network whose weights are the mean of several trained ones."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from hcc_xai.analysis.device import pick_device
from hcc_xai.dataset.samples import Sample
from hcc_xai.model.network import Network
from hcc_xai.training.batches import Steps, batches
from hcc_xai.training.erasure import erase
from hcc_xai.training.pretrained import early, train_mode
from hcc_xai.training.recipe import Plan
from hcc_xai.training.state import new_network

SETTLE = 24  # batches from which averaged weights get the statistics of their norms


def soup(weights: Sequence[Path], samples: Sequence[Sample], plan: Plan) -> dict[str, Tensor]:
    """Mean weights of networks that were trained from one start (Wortsman et al. 2022), with the
    statistics of their norms taken anew from views as in training (Izmailov et al. 2018); then
    the recipe's directions are erased.

    Args:
        weights: float32 safetensors, one a network.
        samples: what they were trained on.
        plan: the soup's; of the same network.

    Returns:
        The network's tensors by name, on the CPU.
    """
    device = pick_device()
    network = new_network(plan, device)
    frozen = early(network) if plan.pretrained is not None else set()
    network.load_state_dict(mean_of([load_file(str(path)) for path in weights]))
    train_mode(network, frozen)
    _forget_statistics(network)
    rng = np.random.default_rng([plan.recipe.seed, plan.recipe.epochs])
    steps = Steps(samples, plan, steps=SETTLE, rng=rng)
    with torch.no_grad(), ThreadPoolExecutor(torch.get_num_threads()) as pool:
        for batch in batches(steps, device, pool):
            network(batch.input.to(device))
    if plan.recipe.erase:
        erase(network, samples, plan.recipe.erase)
    return {name: value.cpu() for name, value in network.state_dict().items()}


def mean_of(states: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of every tensor of floats; of the others, the first network's."""
    mean = dict(states[0])
    for name, value in mean.items():
        if value.is_floating_point():
            mean[name] = torch.stack([state[name] for state in states]).mean(0)
    return mean


def _forget_statistics(network: Network) -> None:
    """Let the norms that are in training mode take the mean over all batches to come."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d) and module.training:
            module.reset_running_stats()
            module.momentum = None
