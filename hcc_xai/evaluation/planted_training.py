"""Small networks that learn whatever tells the phantoms of a planted world apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from hcc_xai.dataset.folder import TARGET
from hcc_xai.evaluation.planted_worlds import DEFAULT, LABELS, WORLDS, Recipe
from hcc_xai.imaging.frame import Frame
from hcc_xai.model.bundle import BundleConfig, save_bundle
from hcc_xai.model.network import Network, NetworkConfig, sector_of
from hcc_xai.phantoms.phantom import Phantom
from hcc_xai.training.losses import Truth, losses

Report = Callable[[str], None]
_BATCH = 16


def samples_of(phantoms: Sequence[Phantom], recipe: Recipe = DEFAULT) -> tuple[Tensor, Tensor]:
    """What a network learns from, of some phantoms.

    Args:
        phantoms: N of them.
        recipe: says the side S of the network's input.

    Returns:
        Inputs (N, 1, S, S), 0 to 1 inside the sector and -1 outside it, and targets (N, S, S) of
        0, 1 liver, 2 lesion.
    """
    inputs, targets = [], []
    for phantom in phantoms:
        frame = Frame.around(phantom.sector, size=recipe.side)
        inputs.append(frame.to_network(phantom.pixels.mean(2).astype(np.float32) / 255))
        liver, lesion = frame.shrink_mask(phantom.liver), frame.shrink_mask(phantom.lesion)
        targets.append(np.where(lesion, TARGET, liver.astype(np.int64)))
    return torch.from_numpy(np.stack(inputs))[:, None], torch.from_numpy(np.stack(targets))


def network_of(recipe: Recipe = DEFAULT) -> Network:
    """A network with the recipe's trunk and size, with random weights; it tells `LABELS` apart."""
    return Network(NetworkConfig(recipe.trunk, recipe.side, recipe.channels, LABELS))


def train(
    samples: tuple[Tensor, Tensor],
    labels: Tensor,
    *,
    epochs: int,
    recipe: Recipe = DEFAULT,
    report: Report = lambda line: None,
    seed: int = 0,
) -> Network:
    """Train a small network on the labels, by whatever tells them apart.

    The pictures are moved about, but keep their levels and marks, and nothing asks for evidence in
    the lesion.

    Args:
        samples: inputs and targets of N pictures, 16 at least, from `samples_of`.
        labels: (N,) of 0 and 1.
        epochs: how often every picture is seen.
        recipe: that of the samples.
        report: is told the loss, every sixth epoch.
        seed: of the first weights, the order and the moves.

    Returns:
        The network in evaluation mode.
    """
    torch.manual_seed(seed)
    network = network_of(recipe)
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=0.01)
    inputs, targets = samples
    outlined = torch.ones(_BATCH, dtype=torch.bool)
    everywhere = (torch.ones(_BATCH), outlined, outlined, ~outlined)
    steps = len(inputs) // _BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, epochs * steps)
    for epoch in range(epochs):
        network.train()
        total = 0.0
        for chosen in torch.randperm(len(inputs))[: steps * _BATCH].view(steps, _BATCH):
            x, target = _moved(inputs[chosen], targets[chosen], recipe.shift)
            shared, sector = network.features(x), sector_of(x)
            out = network.heads(shared, sector)
            hot = F.one_hot(labels[chosen], len(LABELS)).float()
            truth = Truth(target, hot, *everywhere)
            parts = losses(out, shared, network, sector, truth)
            loss = 2 * parts["grade"] + parts["organ"] + parts["target"]
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            total += float(parts["grade"].detach()) / steps
        if epoch % 6 == 5:
            report(f"epoch {epoch + 1}: grade loss {total:.3f}")
    return network.eval()


def save(folder: str | Path, world: str, network: Network) -> Path:
    """Write a network of `train` as a bundle that `load` takes.

    Args:
        folder: of the bundle; it is made where it is missing.
        world: in which the network was trained, a name in `WORLDS`.
        network: its floats are rounded to float16.

    Returns:
        The folder.
    """
    config = BundleConfig(
        name=f"planted-{world}",
        network=network.config,
        titles={label: {"en": label, "es": label} for label in LABELS},
        licence="cc0-1.0",
        positive=None,
        least_lesion_share=0.001,
    )
    says = f"Trained on phantoms in which {WORLDS[world].says} decides."
    return save_bundle(folder, config, network.state_dict(), f"# Planted evidence\n\n{says}\n")


def _moved(x: Tensor, target: Tensor, shift: int) -> tuple[Tensor, Tensor]:
    """Mirrored and shifted by whole pixels, at random; anything that interpolates would change the
    speckle."""
    if torch.rand(()) < 0.5:
        x, target = x.flip(-1), target.flip(-1)
    rows, cols = (int(v) for v in torch.randint(-shift, shift + 1, (2,)))
    spread = (shift + cols, shift - cols, shift + rows, shift - rows)
    cut = (..., slice(shift, shift + x.shape[-2]), slice(shift, shift + x.shape[-1]))
    return F.pad(x, spread, value=-1.0)[cut], F.pad(target, spread)[cut]
