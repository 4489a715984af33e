"""A folder at a time: files are read ahead of the network, which gets real batches, and pictures
are written beside it. What is done stays done: a run that was killed goes on where it stopped.

Files are told apart by content; of a loop every frame is answered. A file that cannot be read is a
row with a sentence, never the end of the run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import cast

from hcc_xai.analysis.models import Answerer
from hcc_xai.analysis.result import Analysis
from hcc_xai.batch.ahead import Failure, Reader, Ready
from hcc_xai.batch.sources import Item, Names, find
from hcc_xai.batch.tables import ANSWERS, Row, read_rows, tables
from hcc_xai.errors import ArgumentError
from hcc_xai.files import append_lines, json_line, write_whole
from hcc_xai.imaging.read import Spacing
from hcc_xai.reports.writers import files_of

PICTURES = "pictures"  # folder of overlays and masks
BATCH = 8  # pictures that the network gets at once


@dataclass(frozen=True)
class Options:
    """What a run reads, and what it writes.

    Attributes:
        pictures: write overlays and masks as well.
        every_frame: answer every frame of a loop, not only the middle one.
        accept: let pictures through that the gate stops; they stay marked.
        anonymous: call files by a hash of their path, which may name a patient.
        mm_per_pixel: spacing of every picture, as for `hcc_xai.read`; by default each file's own.
        kind: of every picture, that a person says it is; by default what each is taken for.
    """

    pictures: bool = True
    every_frame: bool = True
    accept: bool = False
    anonymous: bool = False
    mm_per_pixel: Spacing = None
    kind: str | None = None


@dataclass
class Progress:
    """How far a run is.

    Attributes:
        files: how many there are.
        done: files that are done.
        rows: pictures answered.
        skipped: pictures that an earlier run had done.
        failed: files that could not be read.
        stopped: pictures that the gate stopped.
        seconds: since the start.
    """

    files: int = 0
    done: int = 0
    rows: int = 0
    skipped: int = 0
    failed: int = 0
    stopped: int = 0
    seconds: float = 0.0

    @property
    def left(self) -> float | None:
        """Seconds that the rest will take; None while that cannot be told."""
        if not self.done or not self.rows:
            return None
        return self.seconds / self.done * (self.files - self.done)


def run(
    models: Answerer,
    sources: Sequence[str | Path],
    out: str | Path,
    *,
    options: Options | None = None,
    progress: Callable[[Progress], None] = lambda now: None,
    stop: Callable[[], bool] = lambda: False,
    keep: Callable[[Item, Analysis], None] = lambda item, answer: None,
) -> Progress:
    """Answer every picture of some files, folders and ZIP archives.

    Writes `answers.jsonl` (one line a picture, see `tables.Row`), `table.csv` and `table.parquet`
    (a row a lesion, or a picture without one), and overlays and masks under `pictures/`. What an
    earlier run with the same networks wrote whole is not done again.

    Args:
        models: answer the pictures: one bundle, or several behind a router.
        sources: paths of files, folders and ZIP archives.
        out: folder to write into; it is made where there is none.
        options: what is read and written; all of it by default.
        progress: is told after every batch.
        stop: is asked before every batch.
        keep: is given every answer with its file, on another thread.

    Returns:
        What was done, counted.

    Raises:
        ArgumentError: there is no file at all, or no bundle of the kind that is asked for.
        OSError: the folder cannot be written into.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    items = list(find(sources))
    if not items:
        raise ArgumentError("batch-nothing", "there is no file in what was given")
    asked = options or Options()
    if asked.kind is not None:
        models.of(asked.kind)
    now, start = Progress(files=len(items)), time.monotonic()

    def tell() -> None:
        now.seconds = time.monotonic() - start
        progress(now)

    work = _Run(models, out, asked, items, keep)
    work.answer_all(now, tell, stop)
    tables(out)
    tell()
    return now


def _done_before(out: Path, names: Sequence[str]) -> dict[str, dict[int, int]]:
    """What models of these names have done already: key of a file -> frame -> frames of the file.

    A last line that a kill tore is cut off, and pictures that it left half-written are removed.
    Lines of errors and of other models are dropped, as they are done anew.
    """
    for torn in (out / PICTURES).rglob(".*.partial"):
        torn.unlink()
    if not (out / ANSWERS).is_file():
        return {}
    done: dict[str, dict[int, int]] = {}
    lines = []
    for row in read_rows(out):
        if row.get("model") in names:
            done.setdefault(row["key"], {})[row["frame"]] = row["frames"]
            lines.append(json_line(row))
    write_whole(out / ANSWERS, "".join(lines).encode())
    return done


class _Run:
    """What is done with the files of a run: read ahead, answered in batches, written beside."""

    def __init__(
        self,
        models: Answerer,
        out: Path,
        options: Options,
        items: Sequence[Item],
        keep: Callable[[Item, Analysis], None],
    ) -> None:
        self.models, self.out, self.options = models, out, options
        self.items, self.keep = items, keep
        self.names = Names(items, anonymous=options.anonymous)

    def answer_all(self, now: Progress, tell: Callable[[], None], stop: Callable[[], bool]) -> None:
        """Answer batch after batch; while one is in the network, the one before is written."""
        done = _done_before(self.out, self.models.names if (self.out / ANSWERS).is_file() else ())
        path = self.out / ANSWERS
        with ThreadPoolExecutor(2) as pool, path.open("a", encoding="utf-8") as file:
            reader = self._reader(pool, done)
            writing: list[Future[Row]] = []
            while not stop():
                batch = reader.take(BATCH)
                if not batch.pictures and not batch.failures:
                    break
                append_lines(file, [self.failure(failure) for failure in batch.failures])
                answers = self.answer(batch.pictures) if batch.pictures else ()
                append_lines(file, [job.result() for job in writing])
                writing = [
                    pool.submit(self.write, ready, answer)
                    for ready, answer in zip(batch.pictures, answers, strict=True)
                ]
                now.rows += len(batch.pictures)
                now.failed += len(batch.failures)
                now.stopped += sum(not a.accepted or a.let_through for a in answers)
                now.done, now.skipped = reader.done, reader.skipped
                tell()
            reader.leave()
            append_lines(file, [job.result() for job in writing])
        now.done, now.skipped = reader.done, reader.skipped

    def _reader(self, pool: Executor, done: Mapping[str, Mapping[int, int]]) -> Reader:
        return Reader(
            self.models,
            self.items,
            pool,
            before={item.name: done.get(self.names.key(item), {}) for item in self.items},
            every_frame=self.options.every_frame,
            mm_per_pixel=self.options.mm_per_pixel,
            kind=self.options.kind,
        )

    def answer(self, batch: Sequence[Ready]) -> tuple[Analysis, ...]:
        """The answers to some pictures, by one forward a kind."""
        return self.models.answer([r.picture for r in batch], accept=self.options.accept)

    def failure(self, failure: Failure) -> Row:
        """The row of a file that could not be read."""
        return {
            "file": self.names.name(failure.item),
            "frame": failure.frame,
            "error": str(failure.error),
            "error_key": failure.error.key,
            "error_values": failure.error.values,
        }

    def write(self, ready: Ready, answer: Analysis) -> Row:
        """The pictures of an answer, each whole or not there, and its row."""
        name, stem = self.names.name(ready.item), self.names.stem(ready.item)
        image = replace(answer.image, source=PurePosixPath(name).name)
        answer = replace(answer, image=image)
        about = {
            "file": name,
            "frame": ready.frame,
            "frames": image.frames,
            "key": self.names.key(ready.item),
            **answer.to_dict(),
        }
        row = cast(Row, about)
        if self.options.pictures:
            if image.frames > 1:
                stem = f"{stem}_frame{ready.frame:04}"
            for ending, content in files_of(answer, ("overlay", "masks")).items():
                path = self.out / PICTURES / f"{stem}{ending}"
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, content)
            row["pictures"] = f"{PICTURES}/{stem}"
        self.keep(ready.item, answer)
        return row
