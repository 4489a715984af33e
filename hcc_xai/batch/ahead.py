"""Reading ahead: other threads read and prepare pictures while the network answers others."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field

from hcc_xai.analysis.analyzer import Prepared
from hcc_xai.analysis.models import Answerer
from hcc_xai.batch.sources import Item
from hcc_xai.errors import HccXaiError, ImageError, SpacingError
from hcc_xai.imaging.read import Spacing, decode

_AHEAD = 24  # pictures read before the network asks for them
_NEWS = 100  # files that could not be read, after which a batch ends so that there is news


@dataclass(frozen=True, eq=False)
class Ready:
    """A picture that waits for the network.

    Attributes:
        item: the file.
        picture: what the network sees of it.
        data: the file's bytes, for its other frames; empty where it has none.
        first: whether the file was not opened before.
    """

    item: Item
    picture: Prepared
    data: bytes
    first: bool

    @property
    def frame(self) -> int:
        """Which of the file's frames it is, counted from 0."""
        return self.picture.image.frame


@dataclass(frozen=True, eq=False)
class Failure:
    """A file, or a frame of it, that could not be read."""

    item: Item
    frame: int
    error: HccXaiError


@dataclass(frozen=True, eq=False)
class Batch:
    """Pictures for the network, and what could not be read on the way to them."""

    pictures: list[Ready] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class _Task:
    """A picture to read.

    Attributes:
        item: the file.
        frame: counted from 0; None of a file that was not opened yet.
        data: the file's bytes, where they were read already.
    """

    item: Item
    frame: int | None = None
    data: bytes = b""


class Reader:
    """Reads the pictures of files, in order, a few of them ahead of who takes them.

    Args:
        models: prepare what a network sees.
        items: the files.
        pool: the threads to read on.
        before: what an earlier run did, by the name of a file: frame -> frames of the file.
        every_frame: read every frame of a loop, not only the middle one.
        mm_per_pixel: spacing of every picture; by default each file's own.
        kind: of every picture; by default what each is taken for.

    Attributes:
        done: files that are done: nothing more will come of them.
        skipped: pictures that an earlier run had done.
    """

    def __init__(
        self,
        models: Answerer,
        items: Sequence[Item],
        pool: Executor,
        *,
        before: Mapping[str, Mapping[int, int]],
        every_frame: bool = True,
        mm_per_pixel: Spacing = None,
        kind: str | None = None,
    ) -> None:
        self.done = self.skipped = 0
        self._models, self._pool, self._kind = models, pool, kind
        self._every_frame, self._mm_per_pixel = every_frame, mm_per_pixel
        self._todo = deque[_Task]()
        self._ahead = deque[Future[Ready | Failure]]()
        self._open: dict[str, int] = {}  # of a loop, the frames that are not read yet
        for item in items:
            self._plan(item, before.get(item.name, {}))

    def _plan(self, item: Item, before: Mapping[int, int]) -> None:
        frames = next(iter(before.values()), 0)
        missing = [k for k in range(frames) if k not in before] if self._every_frame else []
        self.skipped += len(before)
        if missing:
            self._open[item.name] = len(missing)
            self._todo.extend(_Task(item, k) for k in missing)
        elif before:
            self.done += 1
        else:
            self._todo.append(_Task(item))

    def take(self, count: int) -> Batch:
        """The next pictures, as many as asked for or as there are, and what could not be read on
        the way; an empty batch at the end."""
        batch = Batch()
        while len(batch.pictures) < count and len(batch.failures) < _NEWS:
            while self._todo and len(self._ahead) < _AHEAD:
                self._ahead.append(self._pool.submit(self._prepare, self._todo.popleft()))
            if not self._ahead:
                break
            ready = self._ahead.popleft().result()
            if isinstance(ready, Ready):
                batch.pictures.append(ready)
            else:
                batch.failures.append(ready)
            self._count(ready)
        return batch

    def leave(self) -> None:
        """Nothing more is wanted."""
        for job in self._ahead:
            job.cancel()

    def _prepare(self, task: _Task) -> Ready | Failure:
        """Everything before the network: read, find the sector, even out."""
        item, frame = task.item, task.frame
        if item.wrong is not None:
            return Failure(item, 0, item.wrong)
        if frame is None and self._every_frame:
            frame = 0
        try:
            data = task.data or item.read()
            image = decode(data, name=item.name, frame=frame, mm_per_pixel=self._mm_per_pixel)
        except (ImageError, SpacingError) as error:
            return Failure(item, frame or 0, error)
        prepared = self._models.prepare(image, kind=self._kind)
        rest = data if image.frames > 1 else b""
        return Ready(item, prepared, rest, first=task.frame is None)

    def _count(self, ready: Ready | Failure) -> None:
        """Of a loop's first frame, the others are put in front; of its last, the file is done."""
        name = ready.item.name
        if isinstance(ready, Ready) and self._every_frame and ready.first:
            rest = [_Task(ready.item, k, ready.data) for k in range(1, ready.picture.image.frames)]
            self._open[name] = len(rest)
            self._todo.extendleft(reversed(rest))
        elif name in self._open:
            self._open[name] -= 1
        if not self._open.get(name):
            self.done += 1
