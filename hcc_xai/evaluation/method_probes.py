"""What is asked of a method of explanation: does it foretell, is it steady, and does it depend on
what the network learned?"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.analysis.questions import task_of
from hcc_xai.analysis.result import Analysis
from hcc_xai.explain.attribution import Floats, Task
from hcc_xai.explain.methods import METHODS
from hcc_xai.model.network import Network

_SQUARES, _NOISE = 20, 0.02  # of infidelity; of max-sensitivity, share of the grey scale


def infidelity(analyzer: Analyzer, answer: Analysis, heat: Floats) -> float | None:
    """How badly a map foretells what blurring squares does to the answer's logit (Yeh et al. 2019,
    captum.metrics). The map's scale is fitted first, as most maps have none.

    Args:
        analyzer: of the network that answered.
        answer: whose label is explained.
        heat: (S, S), in the network's square.

    Returns:
        A share of what the logit moves: 0 foretold, 1 not at all; None where it does not move.
    """
    from captum.metrics import infidelity as measured

    task = task_of(analyzer, answer, answer.label)
    x, blurred = task.picture, task.blurred
    side = x.shape[-1]

    def blur_squares(rng: np.random.Generator, inputs: Tensor) -> tuple[Tensor, Tensor]:
        mask = torch.zeros_like(inputs)
        for one in mask:
            width = int(rng.integers(side // 10, side // 3))
            top, left = (int(rng.integers(0, side - width)) for _ in range(2))
            one[:, top : top + width, left : left + width] = 1
        change = (x - blurred) * mask * (x >= 0)
        return change, inputs - change

    logit = _remembered_logit(analyzer, task.index)
    map_ = torch.from_numpy(heat)[None, None]
    with torch.no_grad():
        raw, nothing = (
            float(
                measured(
                    logit,
                    functools.partial(blur_squares, np.random.default_rng(0)),
                    x,
                    m,
                    n_perturb_samples=_SQUARES,
                    max_examples_per_batch=10,
                    normalize=True,
                )
            )
            for m in (map_, torch.zeros_like(map_))
        )
    return min(1.0, raw / nothing) if nothing > 0 else None


def _remembered_logit(analyzer: Analyzer, index: int) -> Callable[[Tensor], Tensor]:
    """A function of (B, 1, S, S) that gives a label's logit, (B,), and answers no picture twice."""
    known: dict[bytes, float] = {}

    def logit(inputs: Tensor) -> Tensor:
        keys = [one.numpy().tobytes() for one in inputs]
        new = [i for i, key in enumerate(keys) if key not in known]
        if new:
            logits = analyzer.forward(inputs[new, 0].numpy().astype(np.float32)).logits
            known.update(zip((keys[i] for i in new), logits[:, index].tolist(), strict=True))
        return torch.tensor([known[key] for key in keys])

    return logit


def sensitivity(analyzer: Analyzer, answer: Analysis, method: str) -> float:
    """How far a method's map changes, at most, under noise that no eye sees (Yeh et al. 2019,
    captum.metrics).

    Args:
        analyzer: of the network that answered.
        answer: whose label is explained.
        method: its name.

    Returns:
        Norm of the change over the norm of the map, 0 or more.
    """
    from captum.metrics import sensitivity_max

    task = task_of(analyzer, answer, answer.label)

    def explained(inputs: Tensor | tuple[Tensor]) -> tuple[Tensor]:
        (pictures,) = inputs if isinstance(inputs, tuple) else (inputs,)  # the library sends both
        maps = []
        for picture in pictures[:, 0].numpy():
            grey = np.where(task.input >= 0, picture.clip(0, 1), -1).astype(np.float32)
            with torch.enable_grad():  # which the library turns off
                maps.append(explain_input(analyzer, grey, method, task.index))
        return (torch.from_numpy(np.stack(maps)),)

    torch.manual_seed(0)
    value = sensitivity_max(explained, task.picture, perturb_radius=_NOISE, n_perturb_samples=2)
    return float(value)


def explain_input(analyzer: Analyzer, grey: Floats, method: str, index: int) -> Floats:
    """A map of a network's input, at the method's own resolution.

    Args:
        analyzer: of the network.
        grey: (S, S) as `Frame.to_network` makes it.
        method: its name.
        index: of the label.

    Returns:
        (h, w) float32.
    """
    raw = analyzer.forward(grey[None])
    maps = {kind: grids[0] for kind, grids in raw.maps.items()}
    return METHODS[method].function(Task(maps, index, None, grey, analyzer.network))


def shuffled(analyzer: Analyzer) -> Iterator[tuple[str, Analyzer]]:
    """The network with the weights of one more stage shuffled each time, heads first. Shuffling
    keeps the layers' scale, so that what is left is not a dead network but an ignorant one."""
    network = copy.deepcopy(analyzer.network)
    generator = torch.Generator().manual_seed(0)
    for name, modules in stages(network):
        with torch.no_grad():
            for module in modules:
                for parameter in module.parameters():
                    flat = parameter.flatten()
                    parameter.copy_(
                        flat[torch.randperm(len(flat), generator=generator)].view_as(parameter)
                    )
        yield name, analyzer.with_network(copy.deepcopy(network))


def stages(network: Network) -> list[tuple[str, list[nn.Module]]]:
    """Name and modules, from the heads down to the picture."""
    trunk = [m for m in network.trunk.children() if any(True for _ in m.parameters())]
    blocks = [b for m in trunk for b in (m if isinstance(m, nn.Sequential) else [m])]
    third = -(-len(blocks) // 3)
    low, middle, high = blocks[:third], blocks[third : 2 * third], blocks[2 * third :]
    return [
        ("heads", [m for m in (network.grade_head, network.mask_head) if m is not None]),
        ("decoder", [network.last, network.merge, network.lateral]),
        ("trunk, last third", high),
        ("trunk, middle", middle),
        ("trunk, first third", low),
    ]
