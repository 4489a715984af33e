"""Pictures that were changed, to see what the network does then: the field emptied, what is tested
painted over, or another scanner's look around it. What is tested is the target; for a bundle
without one, the strongest evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hcc_xai.analysis.evidence import mask_sector, strongest
from hcc_xai.analysis.result import Analysis
from hcc_xai.dataset.folder import ORGAN, TARGET, Record, image_path
from hcc_xai.imaging.frame import Frame
from hcc_xai.imaging.painting import Look, hidden_and_elsewhere, look_of, with_look
from hcc_xai.imaging.read import read
from hcc_xai.kinds.known import kind_named
from hcc_xai.model.network import STRIDE

Looks = Mapping[str, Sequence[Look]]
Mask = NDArray[np.bool_]


def bare(answer: Analysis) -> NDArray[np.float32]:
    """The network's input with the whole sector painted over in its mean: of the scan only its
    outline is left. (S, S)."""
    grey, sector = answer.frame.to_network(answer.image.grey), answer.frame.network_sector
    return np.where(sector, grey[sector].mean(), grey).astype(np.float32)


def gather_looks(
    records: Sequence[Record], data: str | Path, size: int, *, kind: str, each: int = 6
) -> dict[str, list[Look]]:
    """Looks of a few pictures of every frame size, chosen by a fixed seed.

    Args:
        records: the images.
        data: the data folder.
        size: side of the network's input, in pixels.
        kind: of the pictures, a name in `KINDS`.
        each: pictures of each frame size, at most.

    Returns:
        Frame size -> looks.
    """
    looks: dict[str, list[Look]] = {}
    for stratum in sorted({r.stratum for r in records}):
        mine = [r for r in records if r.stratum == stratum]
        chosen = np.random.default_rng(0).permutation(len(mine))[:each]
        for record in (mine[int(i)] for i in chosen):
            image = read(image_path(data, record.name))
            frame = Frame.around(kind_named(kind).find_field(image.pixels), size=size)
            looks.setdefault(stratum, []).append(look_of(frame.to_network(image.grey)))
    return looks


def other_looks(
    answer: Analysis, tested: Mask, record: Record, looks: Looks
) -> list[NDArray[np.float32]]:
    """Network inputs in which all but what is tested and a ring around it has another scanner's
    look.

    Args:
        answer: of the image.
        tested: (S, S), see `part_tested`.
        record: of the image.
        looks: frame size -> looks of its scanners.

    Returns:
        Three, each (S, S), or none where there is nothing to test or no other scanner.
    """
    others = [look for s, some in sorted(looks.items()) if s != record.stratum for look in some]
    if not tested.any() or not others:
        return []
    grey = answer.frame.to_network(answer.image.grey)
    chosen = np.random.default_rng(sum(record.name.encode())).permutation(len(others))[:3]
    return [with_look(grey, tested, others[int(i)]) for i in chosen]


def part_tested(answer: Analysis, truth: NDArray[np.uint8], record: Record) -> Mask:
    """What is hidden to test an answer, in the network's square: the true target (the box around
    it, where only that is known); for a bundle without a target, the strongest evidence for the
    true label.

    Args:
        answer: of the image.
        truth: (H, W) of 0, 1 organ, 2 target.
        record: of the image.

    Returns:
        (S, S), nowhere where there is nothing to test.
    """
    if answer.target is not None:
        return answer.frame.shrink_mask(truth == TARGET) & answer.frame.network_sector
    grid = answer.grid(record.labels[0], "contribution")
    cells = strongest(grid, mask_sector(answer.frame))
    return np.kron(cells, np.ones((STRIDE, STRIDE), bool)) & answer.frame.network_sector


def painted(
    answer: Analysis, tested: Mask, truth: NDArray[np.uint8]
) -> dict[str, NDArray[np.float32]]:
    """Network inputs with what is tested painted over ("hidden"), and with as much of the true
    organ (of the field, where no organ is outlined) painted over elsewhere ("elsewhere"); without
    those that cannot be made.

    Args:
        answer: of the image.
        tested: (S, S), see `part_tested`.
        truth: (H, W) of 0, 1 organ, 2 target.

    Returns:
        Name -> (S, S).
    """
    if not tested.any():
        return {}
    frame = answer.frame
    room = frame.network_sector & ~tested
    if (truth == ORGAN).any():
        room &= frame.shrink_mask(truth > 0)
    return hidden_and_elsewhere(frame.to_network(answer.image.grey), tested, room)
