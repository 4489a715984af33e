"""Learning from what several trained networks say, beside the truth (Hinton et al. 2015).

Trainings from one start, each with another order and other changes of the pictures, agree where the
pictures tell the answer and differ where chance did. Their mean outlines lesions better than any of
them, and most of that is left in one network that learned from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from hcc_xai.network import Network, NetworkConfig, Outputs


class Said(NamedTuple):
    """Mean probabilities: masks (B, 2, h, w), grades (B, K)."""

    masks: Tensor
    grades: Tensor


def mean_weights(paths: Sequence[str | Path]) -> dict[str, Tensor]:
    """The mean of networks that were trained from one start: a good start for one that learns from
    them."""
    states = [load_file(str(path)) for path in paths]
    mean = {}
    for name, value in states[0].items():
        same = torch.stack([state[name] for state in states])
        mean[name] = same.mean(0) if value.is_floating_point() else value
    return mean


def load_teachers(
    paths: Sequence[str | Path], config: NetworkConfig, device: torch.device
) -> list[Network]:
    """Networks of one shape, ready to be asked."""
    teachers = []
    for path in paths:
        teacher = Network(config).eval()
        teacher.load_state_dict(load_file(str(path)))
        teachers.append(teacher.to(device).to(memory_format=torch.channels_last))
    return teachers


def ask(teachers: Sequence[Network], x: Tensor) -> Said:
    """What the teachers say of a batch, (B, 1, S, S)."""
    with torch.no_grad():
        answers = [teacher(x) for teacher in teachers]
        masks = torch.stack([a.masks.float().sigmoid() for a in answers]).mean(0)
        grades = torch.stack([a.logits.float().softmax(1) for a in answers]).mean(0)
    return Said(masks, grades)


def distance(out: Outputs, said: Said, sector: Tensor) -> Tensor:
    """How far answers are from the teachers': cross-entropy of the grades and of the masks within
    the sector (twice), and one minus the Dice of the masks' probabilities, by image."""
    seen = sector.expand_as(said.masks)
    pixels = F.binary_cross_entropy_with_logits(out.masks, said.masks, reduction="none")
    mine, theirs = out.masks.sigmoid() * seen, said.masks * seen
    both = 2 * (mine * theirs).sum((2, 3)) + 0.1
    overlap = both / (mine.square().sum((2, 3)) + theirs.square().sum((2, 3)) + 0.1)
    grades = -(said.grades * out.logits.log_softmax(1)).sum(1)
    cross = (pixels * seen).sum() / seen.sum().clamp(min=1)
    return 2 * cross + (1 - overlap).sum(1).mean() + grades.mean()
