"""What the commands say: lines on standard error, and bars."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def one_line(text: object) -> str:
    """A text without line ends and other characters that a terminal acts on."""
    return "".join(c if c.isprintable() else " " for c in str(text))


def complain(about: object, fault: object) -> None:
    """One line on standard error.

    Args:
        about: what it is about: the path of a file, or this program.
        fault: what is wrong; of an `OSError` the system's words, and its file.
    """
    if isinstance(fault, OSError) and fault.strerror:
        fault = fault.strerror if fault.filename is None else f"{fault.filename}: {fault.strerror}"
    note(f"{one_line(about)}: {one_line(fault)}")


def note(line: str) -> None:
    """A line on standard error, as it is."""
    print(line, file=sys.stderr)


@contextmanager
def bar(total: int, unit: str, *, quiet: bool = False) -> Iterator[Callable[[float], None]]:
    """A bar on standard error; what it gives moves it, and takes the share that is done, 0 to 1.

    Args:
        total: what the bar counts to.
        unit: what it counts.
        quiet: draw nothing.
    """
    from tqdm import tqdm

    with tqdm(total=total, unit=unit, disable=quiet) as drawn:

        def advance(share: float) -> None:
            drawn.update(round(total * share) - drawn.n)

        yield advance
