"""What takes seconds: run on a thread of its own, with how far it is and how long it takes yet."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from html import escape
from typing import TypeVar

from gradio.blocks import Block

from hcc_xai.page.texts import text

Updates = dict[Block, object]  # component -> its value, or what `gr.update` makes
Tell = Callable[[float], None]  # is told the share that is done, 0 to 1
_PATIENCE = 0.4  # seconds between two looks at how far it is
_T = TypeVar("_T")


class _Stopped(Exception):
    """The visitor did not want to wait."""


class Slow:
    """One thread for all visitors: each that ran the network once keeps its working memory."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(1)

    def wait(
        self, work: Callable[[Tell], _T], title: str, language: str, progress: Block
    ) -> Generator[Updates, None, _T]:
        """Run something, and say how far it is; it ends when the visitor goes.

        Args:
            work: what is run; it tells how far it is, which stops it when nobody waits any more.
            title: what is running, in the reader's language.
            language: of the reader.
            progress: the component that shows it.

        Returns:
            What `work` returned.
        """
        stop, start, share = threading.Event(), time.monotonic(), 0.0

        def tell(done: float) -> None:
            nonlocal share
            if stop.is_set():
                raise _Stopped
            share = done

        job: Future[_T] = self.pool.submit(work, tell)
        try:
            while True:
                try:
                    return job.result(timeout=_PATIENCE)
                except NotYet:
                    left = (time.monotonic() - start) * (1 - share) / share if share > 0 else None
                    yield {progress: bar(title, share, left, language)}
        finally:
            stop.set()
            job.cancel()


def line(message: str, *, bad: bool = False) -> str:
    """A line of HTML where the progress stands; a bad one is read out at once."""
    role = "alert" if bad else "status"
    return f'<p class="{"bad" if bad else ""}" role="{role}">{escape(message)}</p>'


def bar(title: str, share: float, left: float | None, language: str) -> str:
    """A line of HTML that says how far it is.

    Args:
        title: what is running.
        share: of it that is done, 0 to 1.
        left: seconds that it takes yet, or None as long as nobody knows.
        language: of the reader.
    """
    more = "" if left is None else text("time-left", language, seconds=f"{left:.0f}")
    return (
        f'<p role="status">{escape(title)} <progress max="1" value="{share:.2f}"></progress> '
        f"{escape(more)}</p>"
    )
