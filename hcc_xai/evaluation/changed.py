"""Pictures that were changed, to see what the network does then: the scan emptied, the lesion
painted over, or another scanner's look around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hcc_xai.analysis.result import Analysis
from hcc_xai.dataset.folder import TARGET, Record, image_path
from hcc_xai.imaging.frame import Frame, find_sector
from hcc_xai.imaging.painting import Look, hidden_and_elsewhere, look_of, with_look
from hcc_xai.imaging.read import read

Looks = Mapping[str, Sequence[Look]]


def bare(answer: Analysis) -> NDArray[np.float32]:
    """The network's input with the whole sector painted over in its mean: of the scan only its
    outline is left. (S, S)."""
    grey, sector = answer.frame.to_network(answer.image.grey), answer.frame.network_sector
    return np.where(sector, grey[sector].mean(), grey).astype(np.float32)


def gather_looks(
    records: Sequence[Record], data: str | Path, size: int, *, each: int = 6
) -> dict[str, list[Look]]:
    """Looks of a few pictures of every frame size, chosen by a fixed seed.

    Args:
        records: the images.
        data: the data folder.
        size: side of the network's input, in pixels.
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
            frame = Frame.around(find_sector(image.pixels), size=size)
            looks.setdefault(stratum, []).append(look_of(frame.to_network(image.grey)))
    return looks


def other_looks(
    answer: Analysis, truth: NDArray[np.uint8], record: Record, looks: Looks
) -> list[NDArray[np.float32]]:
    """Network inputs in which all but the true lesion and a ring around it has another scanner's
    look.

    Args:
        answer: of the image.
        truth: (H, W) of 0, 1 liver, 2 lesion.
        record: of the image.
        looks: frame size -> looks of its scanners.

    Returns:
        Three, each (S, S), or none where there is no lesion or no other scanner.
    """
    lesion = answer.frame.shrink_mask(truth == TARGET)
    lesion &= answer.frame.network_sector
    others = [look for s, some in sorted(looks.items()) if s != record.stratum for look in some]
    if not lesion.any() or not others:
        return []
    grey = answer.frame.to_network(answer.image.grey)
    chosen = np.random.default_rng(sum(record.name.encode())).permutation(len(others))[:3]
    return [with_look(grey, lesion, others[int(i)]) for i in chosen]


def painted(answer: Analysis, truth: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
    """Network inputs with the true lesion painted over ("hidden"), and with as much of the true
    liver painted over elsewhere ("elsewhere"); without those that cannot be made.

    Args:
        answer: of the image.
        truth: (H, W) of 0, 1 liver, 2 lesion.

    Returns:
        Name -> (S, S).
    """
    frame = answer.frame
    lesion = frame.shrink_mask(truth == TARGET)
    liver = frame.shrink_mask(truth > 0) & ~lesion & frame.network_sector
    lesion &= frame.network_sector
    if not lesion.any():
        return {}
    return hidden_and_elsewhere(frame.to_network(answer.image.grey), lesion, liver)
