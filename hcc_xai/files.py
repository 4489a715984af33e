"""Files that are whole or not there, and JSON lines that survive a kill."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or all of the new, never a part."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_bytes(content)
    os.replace(partial, path)


def write_json(path: Path, value: object) -> None:
    """Write a value as indented JSON, whole or not at all."""
    write_whole(path, (json.dumps(value, indent=1) + "\n").encode())


def json_line(row: Mapping[str, Any]) -> str:
    """A row as one line of JSON, accents kept."""
    return json.dumps(row, ensure_ascii=False) + "\n"


def append_lines(file: IO[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Add rows to a file of JSON lines, and hand them to the system at once."""
    file.write("".join(map(json_line, rows)))
    file.flush()


def read_lines(path: str | Path) -> Iterator[dict[str, Any]]:
    """The rows of a file of JSON lines; a line that a kill tore is left out."""
    with Path(path).open(encoding="utf-8") as file:
        for line in file:
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                continue
