"""Gradio's settings and its traps, settled in one place; and what the page remembers between two
clicks.

Nothing here is kept: an upload is deleted as soon as it is read, pictures made for a visitor go
when the visitor goes, and all of them lie in a folder of this process that only its user may enter.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
import shutil
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hcc_xai.images import MAX_BYTES

if TYPE_CHECKING:
    from hcc_xai.analysis import Analysis, Analyzer

# Events that share an id share its limit: many slow ones wait for each other, never in the way of
# an answer.
MODEL: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 2}
SLOW: dict[str, Any] = {"concurrency_id": "slow", "concurrency_limit": 1}
REDRAW: dict[str, Any] = {"concurrency_id": "redraw", "concurrency_limit": 4}
HIDDEN: dict[str, Any] = {"api_visibility": "private"}  # the API is what `endpoints` adds

KEPT_SECONDS = 30 * 60  # of files, and of answers nobody asked for again
_MOST_ANSWERS = 24
_MOST_BYTES = 512 * 2**20
_BYTES_A_PIXEL = 24  # of an Analysis: pixels, grey, two logit maps, masks

# Routes that write a visitor's page to disk, fetch from elsewhere, or are for developers.
_CLOSED = (
    "/deep_link",
    "/monitoring",
    "/process_recording",
    "/proxy=",
    "/vibe-",
    "/undo-vibe",
    "/run-history",
    "/gradio_api/runs",
    "/custom_component",
)
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' data: blob:; worker-src 'self' blob:; object-src 'none'; base-uri 'self'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)

_Message = MutableMapping[str, Any]
_Send = Callable[[_Message], Awaitable[None]]


@lru_cache(maxsize=1)
def private_folder() -> Path:
    """The folder for everything Gradio writes: of this process, for its user only, gone when it
    ends.

    Gradio's own default is one folder in /tmp that every user of the computer may read. Call this
    before building any component, as each notes the folder when it is made.
    """
    folder = Path(tempfile.mkdtemp(prefix="hcc_xai_", dir=os.environ.get("GRADIO_TEMP_DIR")))
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@lru_cache(maxsize=1)
def randomise_addresses() -> None:
    """Make addresses of uploads and pictures unguessable.

    Gradio names an upload by a hash of its content with a seed that is fixed for an installation,
    so who holds a picture can find out its address, and whether somebody else sent it. Here the
    seed is new for each process, and each upload gets a random address of its own, so two visitors
    with one picture do not share a file either.
    """
    from gradio import processing_utils, route_utils

    class RandomUpload(route_utils.GradioUploadFile):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.sha.update(secrets.token_bytes(32))

    processing_utils.hash_seed = secrets.token_bytes(32)
    setattr(route_utils, "GradioUploadFile", RandomUpload)  # noqa: B010  (mypy: no type to assign)


class Guard:
    """ASGI middleware: closes routes the page does not need, and keeps browsers from storing or
    fetching elsewhere."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.app = app

    async def __call__(
        self, scope: _Message, receive: Callable[[], Awaitable[_Message]], send: _Send
    ) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        route, _, file = scope["path"].partition("/file=")
        if any(closed in route for closed in _CLOSED) or file.startswith("http"):
            await send({"type": "http.response.start", "status": 404, "headers": list(_HEADERS)})
            await send({"type": "http.response.body", "body": b"Not here."})
            return

        async def marked(message: _Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), *_HEADERS]
                if file:  # no patient's picture in the browser's cache on disk
                    headers.append((b"cache-control", b"no-store"))
                message = {**message, "headers": headers}
            await send(message)

        await self.app(scope, receive, marked)


def blocks_settings() -> dict[str, Any]:
    """For `gr.Blocks`."""
    private_folder()
    randomise_addresses()
    return {"analytics_enabled": False, "delete_cache": (60, KEPT_SECONDS), "fill_width": True}


def launch_settings() -> dict[str, Any]:
    """For `Blocks.launch`; server name and port are left to Gradio (and a Space's environment)."""
    from starlette.middleware import Middleware

    return {
        "share": False,
        "run_history": False,  # True by default: patients' pictures in the browser's storage
        "enable_monitoring": False,
        "max_file_size": MAX_BYTES,
        "allowed_paths": [],
        "state_session_capacity": 64,  # each holds a copy of the page's settings; 10,000 by default
        "show_error": False,  # errors become sentences before they get there
        "ssr_mode": False,
        "pwa": False,
        "mcp_server": False,
        "footer_links": ["api"],
        "app_kwargs": {"middleware": [Middleware(Guard)]},
    }


def take(path: str | Path) -> bytes:
    """The bytes of an upload, which is deleted; a file that was not uploaded (an example) stays."""
    path = Path(path)
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if path.resolve().is_relative_to(private_folder().resolve()):
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # somebody else's file may lie there too
            path.parent.rmdir()
    return data


@dataclass
class Kept:
    """One visitor's last answer. data: the file's bytes where it has more frames; folder: of
    pictures made from it."""

    answer: Analysis
    data: bytes | None
    folder: Path
    touched: float = field(default_factory=time.monotonic)
    drawn: list[Path] = field(default_factory=list)

    @property
    def size(self) -> int:
        """About as many bytes as it takes."""
        height, width = self.answer.image.shape
        return height * width * _BYTES_A_PIXEL + len(self.data or b"")

    def write(self, name: str, content: bytes) -> str:
        """Write a file to fetch, at an address of its own; the last few of each name stay.

        Raises:
            FileNotFoundError: the answer has been put away in the meantime.
        """
        place = self.folder / secrets.token_urlsafe(8)
        place.mkdir()
        (place / name).write_bytes(content)
        self.drawn.append(place / name)
        for old in [p for p in self.drawn if p.name == name][:-4]:
            self.drawn.remove(old)
            shutil.rmtree(old.parent, ignore_errors=True)
        return str(place / name)

    def last(self, ending: str) -> str:
        """The file written last whose name ends so."""
        return str(next(path for path in reversed(self.drawn) if path.name.endswith(ending)))


class Answers:
    """Session -> its last answer; bounded in number and bytes, the oldest go first. Safe for
    threads.

    `gr.State` would copy an answer (and with it the network), and keeps up to an hour after a
    visitor has gone.
    """

    def __init__(self, *, most: int = _MOST_ANSWERS, most_bytes: int = _MOST_BYTES) -> None:
        self.most, self.most_bytes = most, most_bytes
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._lock = threading.Lock()
        self.file_sets: Iterable[
            set[str]
        ] = ()  # Gradio's own notes of what it serves; they would grow for ever

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, session: str, answer: Analysis, data: bytes | None) -> Kept:
        folder = private_folder() / secrets.token_urlsafe(24)
        folder.mkdir(mode=0o700)
        kept = Kept(answer, data if answer.image.frames > 1 else None, folder)
        with self._lock:
            gone = [self._kept.pop(session, None)]
            self._kept[session] = kept
            gone += [self._kept.pop(old) for old in self._surplus()]
        self._forget(gone)
        return kept

    def get(self, session: str) -> Kept | None:
        with self._lock:
            kept = self._kept.get(session)
            if kept is not None:
                kept.touched = time.monotonic()
                self._kept.move_to_end(session)
        return kept

    def drop(self, session: str) -> None:
        with self._lock:
            gone = self._kept.pop(session, None)
        self._forget([gone])

    def _surplus(self) -> list[str]:
        limit, count, size, surplus = time.monotonic() - KEPT_SECONDS, 0, 0, []
        for session, kept in reversed(self._kept.items()):
            count, size = count + 1, size + kept.size
            if count > 1 and (count > self.most or size > self.most_bytes or kept.touched < limit):
                surplus.append(session)
        return surplus

    def _forget(self, gone: Iterable[Kept | None]) -> None:
        folders = [str(kept.folder) + os.sep for kept in gone if kept is not None]
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
            for files in self.file_sets:
                files -= {f for f in list(files) if f.startswith(folder)}


def load_for_page(where: str | None) -> Analyzer:
    """Load a bundle; on a ZeroGPU Space, only the forward is sent to the GPU lent for a call.

    A lent call runs in a process of its own: arrays go in and arrays come back, the network is
    built over there, and nothing on CUDA crosses the border. Where the package `spaces` is not
    installed this is `hcc_xai.load`.

    Raises:
        BundleError: one sentence says what is wrong with the bundle.
    """
    from hcc_xai.analysis import Analyzer, load

    try:
        import spaces
    except ImportError:
        return load(where)
    analyzer = load(where, device="cpu")
    bundle = analyzer.bundle

    @lru_cache(maxsize=1)
    def over_there() -> Analyzer:
        return Analyzer(bundle)

    def forward(inputs: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        return over_there().forward(inputs)

    analyzer.forward = spaces.GPU(forward)  # type: ignore[method-assign]
    return analyzer
