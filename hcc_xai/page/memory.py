"""What the page remembers between two clicks, and for how long: nothing is kept.

An upload is deleted as soon as it is read. Pictures made for a visitor go when the visitor goes,
those made for a program after a while. All of them lie in a folder of this process that only its
user may enter, each at a random address, as who knows an address may read what is there.
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
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from hcc_xai.imaging.read import MAX_BYTES

if TYPE_CHECKING:
    from hcc_xai.analysis.result import Analysis

KEPT_SECONDS = 30 * 60  # of files, and of answers nobody asked for again
_MOST_ANSWERS = 16
_MOST_BYTES = 512 * 2**20
_MOST_HANDED = 200  # answers to programs whose pictures are still there
_REST_SECONDS = 0.3
_LAST = 4  # drawings of one answer that stay: the browser may still be fetching one
_BYTES_A_PIXEL = 24  # of an Analysis: pixels, grey, two logit maps, masks


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


def take(path: str | Path) -> bytes:
    """The bytes of an upload, which is deleted; a file that was not uploaded (an example) stays.

    Raises:
        FileNotFoundError: it was taken before.
    """
    path = Path(path)
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if path.resolve().is_relative_to(private_folder().resolve()):
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # something else may lie there
            path.parent.rmdir()
    return data


def move(uploads: Iterable[str], folder: Path) -> list[Path]:
    """Uploads, moved to a folder, each to one of its own, so that names may repeat."""
    moved = []
    for number, path in enumerate(uploads):
        place = folder / str(number)
        place.mkdir(parents=True)
        moved.append(Path(shutil.move(path, place / Path(path).name)))
    return moved


@lru_cache(maxsize=1)
def _trimmer() -> Callable[[int], object] | None:
    import ctypes

    try:
        trim: Callable[[int], object] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    except (OSError, TypeError):  # no shared C library, as on Windows
        return None
    return trim


_resting = threading.Lock()


def give_back() -> None:
    """Soon return freed memory to the system, where the C library keeps it (glibc): between
    answers of several megabytes each it would come to hundreds."""

    def soon() -> None:
        time.sleep(_REST_SECONDS)  # by then the answer's own temporary arrays are gone, too
        _resting.release()
        if trim is not None:
            trim(0)

    trim = _trimmer()
    if trim is not None and _resting.acquire(blocking=False):
        threading.Thread(target=soon, daemon=True).start()


def new_folder() -> Path:
    """A folder of one visitor's or program's files, at a random address."""
    folder = private_folder() / secrets.token_urlsafe(24)
    folder.mkdir(mode=0o700)
    return folder


@dataclass
class Kept:
    """One visitor's last answer.

    Attributes:
        answer: the last one.
        data: the file's bytes where it has more frames.
        folder: of the pictures made from it.
        explained: whether the tab "Explain" shows something of it.
        own: the picture with the spacing that its file states.
        touched: when it was asked for last, in seconds of `time.monotonic`.
    """

    answer: Analysis
    data: bytes | None
    folder: Path
    explained: bool = False
    touched: float = field(default_factory=time.monotonic)
    _drawn: list[Path] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.own = self.answer.image

    def measured(self, mm_per_pixel: float | None) -> Analysis:
        """The answer with another spacing; with the file's own where none is given."""
        from hcc_xai.analysis.analyzer import with_spacing

        if mm_per_pixel is None:
            return replace(self.answer, image=self.own)
        return with_spacing(self.answer, mm_per_pixel)

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
        with self._lock:
            self._drawn.append(place / name)
            for old in [path for path in self._drawn if path.name == name][:-_LAST]:
                self._drawn.remove(old)
                shutil.rmtree(old.parent, ignore_errors=True)
        return str(place / name)

    def last(self, ending: str) -> str:
        """The file written last whose name ends so."""
        with self._lock:
            return str(next(path for path in reversed(self._drawn) if path.name.endswith(ending)))


class Answers:
    """Session -> its last answer; bounded in number and bytes, the oldest go first.

    Safe for threads. `gr.State` would not do: it copies what it is given (an answer and with it
    the network), and keeps it for an hour after a visitor has gone.

    Args:
        most: answers.
        most_bytes: that they take together.
        most_handed: answers to programs whose files are still there.
    """

    def __init__(
        self,
        *,
        most: int = _MOST_ANSWERS,
        most_bytes: int = _MOST_BYTES,
        most_handed: int = _MOST_HANDED,
    ) -> None:
        self.most, self.most_bytes, self.most_handed = most, most_bytes, most_handed
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._handed: deque[tuple[float, Path]] = deque()
        self._lock = threading.Lock()
        # Gradio notes every file that it serves, for ever; what is deleted here is taken off.
        self.notes: Iterable[set[str]] = ()

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, session: str, answer: Analysis, data: bytes | None) -> Kept:
        """Remember an answer in place of the session's last.

        Args:
            session: of the visitor.
            answer: to remember.
            data: the file's bytes; they stay only where the file has more frames.
        """
        kept = Kept(answer, data if answer.image.frames > 1 else None, new_folder())
        with self._lock:
            gone = [self._kept.pop(session, None)]
            self._kept[session] = kept
            gone += [self._kept.pop(old) for old in self._surplus()]
        self._remove(old.folder for old in gone if old is not None)
        gone.clear()
        give_back()
        return kept

    def get(self, session: str) -> Kept | None:
        """The session's answer, if it is still there."""
        with self._lock:
            kept = self._kept.get(session)
            if kept is not None:
                kept.touched = time.monotonic()
                self._kept.move_to_end(session)
        return kept

    def drop(self, session: str) -> None:
        """Forget the session's answer and everything made from it."""
        with self._lock:
            gone = self._kept.pop(session, None)
        self._remove([gone.folder] if gone is not None else [])

    def hand_out(self, files: Mapping[str, bytes]) -> list[str]:
        """Write files for a program to fetch, at addresses of their own; they go after a while.

        Gradio's own way is one address for one content, so two programs with one picture get one
        file, and one may fetch it while it is being written for the other.
        """
        folder, now = new_folder(), time.monotonic()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        with self._lock:
            gone = []
            while self._handed and (
                len(self._handed) >= self.most_handed or self._handed[0][0] < now - KEPT_SECONDS
            ):
                gone.append(self._handed.popleft()[1])
            self._handed.append((now, folder))
        self._remove(gone)
        give_back()
        return [str(folder / name) for name in files]

    def _surplus(self) -> list[str]:
        limit, count, size, surplus = time.monotonic() - KEPT_SECONDS, 0, 0, []
        for session, kept in reversed(self._kept.items()):
            count, size = count + 1, size + kept.size
            if count > 1 and (count > self.most or size > self.most_bytes or kept.touched < limit):
                surplus.append(session)
        return surplus

    def _remove(self, folders: Iterable[Path]) -> None:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
            for files in self.notes:
                files -= {file for file in list(files) if file.startswith(f"{folder}{os.sep}")}


class HasFolder(Protocol):
    """What has files that go with it."""

    @property
    def folder(self) -> Path: ...


_T = TypeVar("_T", bound=HasFolder)


class Visitors(Generic[_T]):
    """Session -> its last batch or table, whose files go with it; the oldest go first. Safe for
    threads.

    Args:
        most: sessions that are remembered.
        close: is told of what goes, before its files do.
    """

    def __init__(self, most: int, *, close: Callable[[_T], None] = lambda gone: None) -> None:
        self.most, self._close = most, close
        self._kept: OrderedDict[str, _T] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, session: str) -> _T | None:
        """What the session holds, if it is still there."""
        return self._kept.get(session)

    def put(self, session: str, kept: _T) -> None:
        """Remember it in place of the session's last."""
        with self._lock:
            gone = [self._kept.pop(session, None)]
            self._kept[session] = kept
            while len(self._kept) > self.most:
                gone.append(self._kept.popitem(last=False)[1])
        self._forget(gone)

    def drop(self, session: str) -> None:
        """The session has ended: nothing of it stays."""
        with self._lock:
            gone = self._kept.pop(session, None)
        self._forget([gone])

    def _forget(self, gone: Iterable[_T | None]) -> None:
        for kept in gone:
            if kept is not None:
                self._close(kept)
                shutil.rmtree(kept.folder, ignore_errors=True)
