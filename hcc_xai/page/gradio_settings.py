"""Gradio's settings and its traps, settled in one place.

What `Blocks` and `launch` are given, which routes are open, how an address is made, and what waits
for what. What is remembered, and for how long: `memory`.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from typing import Any, Literal, TypedDict

from hcc_xai.imaging.read import MAX_BYTES
from hcc_xai.page.memory import KEPT_SECONDS, private_folder


class Lane(TypedDict):
    """What an event waits for: events of one id share its limit."""

    concurrency_id: str
    concurrency_limit: int


class Hidden(TypedDict):
    """An event that programs cannot call."""

    api_visibility: Literal["private"]


class Quiet(Hidden):
    """And over which Gradio draws no progress of its own."""

    show_progress: Literal["hidden"]


class Latest(Quiet):
    """And which runs once more for the last change that came while it ran."""

    trigger_mode: Literal["always_last"]


# Many slow events wait for each other, never in the way of an answer.
MODEL: Lane = {"concurrency_id": "model", "concurrency_limit": 2}
SLOW: Lane = {"concurrency_id": "slow", "concurrency_limit": 1}
BATCH: Lane = {"concurrency_id": "batch", "concurrency_limit": 1}
REDRAW: Lane = {"concurrency_id": "redraw", "concurrency_limit": 4}
CHOSEN: Lane = {"concurrency_id": "chosen", "concurrency_limit": 1}
HIDDEN: Hidden = {"api_visibility": "private"}  # the API is what `api` adds
QUIET: Quiet = {"show_progress": "hidden", **HIDDEN}
LATEST: Latest = {"trigger_mode": "always_last", **QUIET}

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
    """ASGI middleware: closes routes the page does not need, keeps browsers from storing or
    fetching elsewhere, and says of a file that has just gone no more than that."""

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
            await _not_here(send)
            return
        started = False

        async def marked(message: _Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = [*message.get("headers", ()), *_HEADERS]
                if file:  # no patient's picture in the browser's cache on disk
                    headers.append((b"cache-control", b"no-store"))
                message = {**message, "headers": headers}
            await send(message)

        try:
            await self.app(scope, receive, marked)
        except RuntimeError as error:
            # Who leaves while a picture is on its way takes it along: no fault, and its name is
            # nothing for a log.
            if started or not file or not isinstance(error.__context__, FileNotFoundError):
                raise
            await _not_here(send)


async def _not_here(send: _Send) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": list(_HEADERS)})
    await send({"type": "http.response.body", "body": b"Not here."})


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
        # Every thread that ran the network once keeps its working memory; 40 by default.
        "max_threads": 12,
        "max_file_size": MAX_BYTES,
        "allowed_paths": [],
        "state_session_capacity": 32,  # each holds a copy of the page's settings; 10,000 by default
        "show_error": False,  # errors become sentences before they get there
        # Else Gradio asks itself for the page and gives up after three seconds, which a busy
        # computer needs, or one whose proxy is asked for 127.0.0.1 too.
        "_frontend": False,
        "ssr_mode": False,
        "pwa": False,
        "mcp_server": False,
        "footer_links": ["api"],
        "app_kwargs": {"middleware": [Middleware(Guard)]},
    }
