"""The formats that an answer is written in. A new format is one function and one line of
`WRITERS`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hcc_xai.imaging import draw
from hcc_xai.reports.answer import Answer
from hcc_xai.reports.pictures import Look, overlay

Files = Mapping[str, bytes]  # ending of a file's name, after its stem -> what is in the file
Writer = Callable[[Answer, Look], Files]


def write_overlay(answer: Answer, look: Look) -> Files:
    """The explained picture, as PNG."""
    return {"_overlay.png": draw.png(overlay(answer, look))}


def write_masks(answer: Answer, look: Look) -> Files:
    """A black and white PNG of every mask, in the pixels of the file."""
    names = sorted(answer.masks, key=lambda name: name != answer.target)
    return {f"_{name}.png": draw.png(answer.masks[name]) for name in names}


def write_json(answer: Answer, look: Look) -> Files:
    """Everything but pixels; nothing from the file's tags."""
    return {".json": json.dumps(answer.to_dict(), indent=1, ensure_ascii=False).encode()}


WRITERS: Mapping[str, Writer] = {
    "overlay": write_overlay,
    "masks": write_masks,
    "json": write_json,
}


def files_of(answer: Answer, formats: Sequence[str], look: Look | None = None) -> dict[str, bytes]:
    """The files of some formats.

    Args:
        formats: names in `WRITERS`.
        look: how pictures are drawn.

    Returns:
        Ending of a file's name -> its content, like "_overlay.png" or ".json".
    """
    files: dict[str, bytes] = {}
    for name in formats:
        files.update(WRITERS[name](answer, look or Look()))
    return files


def save(answer: Answer, folder: Path, stem: str) -> tuple[Path, ...]:
    """Write all formats into a folder, as `<stem>_overlay.png` and so on; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for ending, content in files_of(answer, tuple(WRITERS)).items():
        paths.append(folder / f"{stem}{ending}")
        paths[-1].write_bytes(content)
    return tuple(paths)
