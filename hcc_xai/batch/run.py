"""A folder at a time: files are read ahead of the network, which gets real batches, and pictures
are written beside it. What is done stays done: a run that was killed goes on where it stopped.

Files are told apart by content; of a loop every frame is answered. A file that cannot be read is a
row with a sentence, never the end of the run.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.analysis.result import Analysis
from hcc_xai.errors import ArgumentError, ImageError, SpacingError
from hcc_xai.files import append_lines, json_line, read_lines, write_whole
from hcc_xai.imaging.frame import Frame
from hcc_xai.imaging.read import MAX_BYTES, Image, Spacing, decode
from hcc_xai.reports.writers import files_of

ANSWERS, TABLE, PARQUET, PICTURES = "answers.jsonl", "table.csv", "table.parquet", "pictures"
BATCH = 8
MOST = 50_000  # files of one run
_AHEAD = 24  # pictures read before the network asks for them
_INFLATED = 200  # times its size in the archive that a file may grow to
_SECRET = 12  # digits of the hash that stands for a name
Row = dict[str, Any]


@dataclass(frozen=True)
class Item:
    """A file to answer.

    Attributes:
        name: its path below the folder, or within the archive. read: gives its bytes.
        key: changes when the file does. wrong: why it is not read, if it is not.
    """

    name: str
    read: Callable[[], bytes]
    key: str
    wrong: str = ""


def find(sources: Iterable[str | Path], *, most: int = MOST) -> Iterator[Item]:
    """The files of some files, folders (and theirs) and ZIP archives, in the order of their names.

    Links, hidden files and archives within archives are left out; what an archive holds is read in
    memory and never unpacked, so that no path of it leads anywhere. After `most` files one more
    item says that there are more.
    """
    count, used = 0, dict[str, int]()
    for source in sources:
        for item in _in(Path(source)):
            used[item.name] = used.get(item.name, 0) + 1
            if used[item.name] > 1:  # of two sources
                item = replace(item, name=f"{item.name} ({used[item.name]})")
            if count == most:
                said = f"Only the first {most} files are read; run the others by themselves."
                yield Item(item.name, bytes, item.name, said)
                return
            count += 1
            yield item


def _in(source: Path) -> Iterator[Item]:
    if source.is_dir():
        for folder, folders, files in os.walk(source):
            folders[:] = sorted(f for f in folders if not f.startswith("."))
            for file in sorted(files):
                path = Path(folder) / file
                if not file.startswith("."):
                    yield _file(path, path.relative_to(source).as_posix())
    elif zipfile.is_zipfile(source):
        yield from _archived(source)
    else:
        yield _file(source, source.name)


def _file(path: Path, name: str) -> Item:
    try:
        about = path.lstat()
    except OSError:
        return Item(name, bytes, name, "There is no such file.")
    if stat.S_ISLNK(about.st_mode):
        return Item(name, bytes, name, "This is a link, which is not followed.")

    def load() -> bytes:
        if about.st_size > MAX_BYTES:
            raise ImageError(f"This file is too large: at most {MAX_BYTES >> 20} MB are read.")
        try:
            return path.read_bytes()
        except OSError:
            raise ImageError("This file cannot be opened; check that you may read it.") from None

    return Item(name, load, f"{name}|{about.st_size}|{about.st_mtime_ns}")


def _archived(source: Path) -> Iterator[Item]:
    try:
        with zipfile.ZipFile(source) as archive:
            entries = sorted(archive.infolist(), key=lambda entry: entry.filename)
    except (zipfile.BadZipFile, OSError):
        yield Item(source.name, bytes, source.name, "This archive is damaged; pack it again.")
        return
    for entry in entries:
        parts = PurePosixPath(entry.filename.replace("\\", "/")).parts
        if entry.is_dir() or any(p.startswith((".", "__MACOSX")) and p != ".." for p in parts):
            continue
        wrong = ""
        if ".." in parts or (parts and parts[0].startswith("/")) or ":" in entry.filename[:3]:
            wrong = "Its path leads out of the archive; it is not read."
        elif stat.S_ISLNK(entry.external_attr >> 16):
            wrong = "This is a link, which is not followed."
        elif entry.flag_bits & 1:
            wrong = "This file is encrypted; pack it again without a password."
        elif entry.file_size > MAX_BYTES:
            wrong = f"This file is too large: inflated it exceeds {MAX_BYTES >> 20} MB."
        elif entry.file_size > 2**20 and entry.file_size > _INFLATED * entry.compress_size:
            wrong = f"This file is packed more than {_INFLATED} times; it is not read."
        name = "/".join(p for p in parts if p not in ("..", "/"))
        yield Item(name, _member(source, entry), f"{name}|{entry.file_size}|{entry.CRC}", wrong)


def _member(source: Path, entry: zipfile.ZipInfo) -> Callable[[], bytes]:
    def load() -> bytes:
        try:
            with zipfile.ZipFile(source) as archive, archive.open(entry) as file:
                data = file.read(entry.file_size + 1)  # an archive may lie about its sizes
        except (zipfile.BadZipFile, zlib.error, OSError, NotImplementedError, EOFError, ValueError):
            raise ImageError("This file in the archive is damaged; pack it again.") from None
        if len(data) > entry.file_size:
            raise ImageError("This file in the archive is damaged; pack it again.")
        return data

    return load


@dataclass
class Progress:
    """How far a run is. files: of all; done: of them; rows: pictures answered; skipped: pictures
    that an earlier run had done; failed: files that could not be read; stopped: pictures that the
    gate stopped; seconds: since the start."""

    files: int = 0
    done: int = 0
    rows: int = 0
    skipped: int = 0
    failed: int = 0
    stopped: int = 0
    seconds: float = 0.0

    @property
    def left(self) -> float | None:
        """Seconds yet, as far as can be told."""
        if not self.done or not self.rows:
            return None
        return self.seconds / self.done * (self.files - self.done)


@dataclass(frozen=True, eq=False)
class _Ready:
    """A picture that waits for the network, or a row that says why there is none."""

    item: Item
    frame: int
    image: Image | None = None
    seen: Frame | None = None
    input: NDArray[np.float32] | None = None
    data: bytes = b""
    error: str = ""
    first: bool = False  # of its file: what else there is was not known before


@dataclass
class _Run:
    analyzer: Analyzer
    out: Path
    pictures: bool
    accept: bool
    anonymous: bool
    every_frame: bool
    mm_per_pixel: Spacing
    keep: Callable[[Item, Analysis], None]
    used: set[str] = field(default_factory=set)

    def prepare(self, item: Item, frame: int | None, data: bytes) -> _Ready:
        """Everything before the network: read, find the sector, even out. frame: None of a file
        that was not opened yet."""
        if item.wrong:
            return _Ready(item, 0, error=item.wrong)
        first, wanted = frame is None, 0 if frame is None and self.every_frame else frame
        try:
            data = data or item.read()
            image = decode(data, name=item.name, frame=wanted, mm_per_pixel=self.mm_per_pixel)
        except (ImageError, SpacingError) as error:
            return _Ready(item, wanted or 0, error=str(error))
        seen, given = self.analyzer.prepare(image)
        kept = data if image.frames > 1 else b""
        return _Ready(item, image.frame, image, seen, given, kept, first=first)

    def name(self, item: Item) -> str:
        """How a file is called in what is written: by itself, or by a hash that tells nothing."""
        return self._secret(item.name) if self.anonymous else item.name

    def key(self, item: Item) -> str:
        """What says in what is written that a file is done."""
        return self._secret(item.key) if self.anonymous else item.key

    def _secret(self, name: str) -> str:
        return hashlib.sha256(name.encode()).hexdigest()[:_SECRET]

    def stem(self, item: Item) -> str:
        """What its pictures are called: its path without the ending, numbered where two share
        it."""
        path = PurePosixPath(self.name(item))
        stem = str(path.with_suffix("") if path.suffix and path.stem else path)
        found, count = stem, 2
        while found in self.used:
            found, count = f"{stem}-{count}", count + 1
        self.used.add(found)
        return found

    def write(self, ready: _Ready, stem: str, answer: Analysis) -> Row:
        """The pictures of an answer, each whole or not there, and its row."""
        name = self.name(ready.item)
        image = replace(answer.image, source=PurePosixPath(name).name)
        answer = replace(answer, image=image)
        row = {
            "file": name,
            "frame": ready.frame,
            "frames": image.frames,
            "key": self.key(ready.item),
            **answer.to_dict(),
        }
        if self.pictures:
            if image.frames > 1:
                stem = f"{stem}_frame{ready.frame:04}"
            for ending, content in files_of(answer, ("overlay", "masks")).items():
                path = self.out / PICTURES / f"{stem}{ending}"
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, content)
            row["pictures"] = f"{PICTURES}/{stem}"
        self.keep(ready.item, answer)
        return row


def run(
    analyzer: Analyzer,
    sources: Sequence[str | Path],
    out: str | Path,
    *,
    pictures: bool = True,
    every_frame: bool = True,
    accept: bool = False,
    anonymous: bool = False,
    mm_per_pixel: Spacing = None,
    progress: Callable[[Progress], None] = lambda now: None,
    stop: Callable[[], bool] = lambda: False,
    keep: Callable[[Item, Analysis], None] = lambda item, answer: None,
) -> Progress:
    """Answer every picture of some files, folders and ZIP archives.

    Writes `answers.jsonl` (one line a picture, as `Analysis.to_dict`, with file and frame; or file
    and error), `table.csv` and `table.parquet` (a row a lesion, or a picture without one), and
    overlays and masks under `pictures/`. What an earlier run with the same network wrote whole is
    not done again.

    Args:
        pictures: write overlays and masks, too. every_frame: of loops; else the middle one.
        accept: let pictures through that the gate stops; they stay marked.
        anonymous: call files by a hash of their path, which may name a patient.
        progress: is told after every batch. stop: is asked before every batch. keep: is given
            every answer with its file, on another thread.

    Raises:
        ArgumentError: there is no file at all. SpacingError: the spacing makes no sense.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    items = list(find(sources))
    if not items:
        raise ArgumentError("there is no file in what was given")
    work = _Run(analyzer, out, pictures, accept, anonymous, every_frame, mm_per_pixel, keep)
    now, start = Progress(files=len(items)), time.monotonic()
    stems = {item.name: work.stem(item) for item in items}
    known = _whole(out / ANSWERS, analyzer.name)
    with ThreadPoolExecutor(2) as pool, (out / ANSWERS).open("a", encoding="utf-8") as file:
        reader = _Reader(work, pool, items, known, now)
        writing: list[Future[Row]] = []
        while not stop():
            waiting, failed = reader.take(BATCH)
            if not waiting and not failed:
                break
            append_lines(file, [_failure(work, ready) for ready in failed])
            answers = _answers(analyzer, waiting, accept=accept) if waiting else ()
            append_lines(file, [job.result() for job in writing])  # of the batch before
            writing = [
                pool.submit(work.write, ready, stems[ready.item.name], answer)
                for ready, answer in zip(waiting, answers, strict=True)
            ]
            now.rows += len(waiting)
            now.failed += len(failed)
            now.stopped += sum(not a.accepted or a.let_through for a in answers)
            now.seconds = time.monotonic() - start
            progress(now)
        reader.leave()
        append_lines(file, [job.result() for job in writing])
    tables(out)
    now.seconds = time.monotonic() - start
    progress(now)
    return now


class _Reader:
    """Reads ahead on other threads: the pictures of all files that are not whole yet, in order.

    Args:
        known: what an earlier run did, see `_whole`. now: is told what is done and skipped.
    """

    def __init__(
        self,
        work: _Run,
        pool: ThreadPoolExecutor,
        items: Sequence[Item],
        known: Mapping[str, Mapping[int, int]],
        now: Progress,
    ) -> None:
        self.work, self.pool, self.now = work, pool, now
        self.todo = deque[tuple[Item, int | None, bytes]]()
        self.ahead = deque[Future[_Ready]]()
        self.open_frames: dict[str, int] = {}  # of a file, those that are not read yet
        for item in items:
            done = known.get(work.key(item), {})
            frames = next(iter(done.values()), 0)
            missing = [k for k in range(frames) if k not in done] if work.every_frame else []
            now.skipped += len(done)
            if missing:
                self.open_frames[item.name] = len(missing)
                self.todo.extend((item, k, b"") for k in missing)
            elif done:
                now.done += 1
            else:
                self.todo.append((item, None, b""))

    def take(self, count: int) -> tuple[list[_Ready], list[_Ready]]:
        """The next pictures, as many as asked for or as there are, and what could not be read on
        the way (at most a hundred, so that there is news)."""
        pictures: list[_Ready] = []
        failed: list[_Ready] = []
        while len(pictures) < count and len(failed) < 100:
            while self.todo and len(self.ahead) < _AHEAD:
                self.ahead.append(self.pool.submit(self.work.prepare, *self.todo.popleft()))
            if not self.ahead:
                break
            ready = self.ahead.popleft().result()
            self._count(ready)
            (failed if ready.image is None else pictures).append(ready)
        return pictures, failed

    def leave(self) -> None:
        """Nothing more is wanted."""
        for job in self.ahead:
            job.cancel()

    def _count(self, ready: _Ready) -> None:
        """Of a loop's first frame, the others are put in front; of its last, the file is done."""
        name = ready.item.name
        if ready.image is not None and self.work.every_frame and ready.first:
            rest = range(1, ready.image.frames)
            self.open_frames[name] = len(rest)
            self.todo.extendleft((ready.item, k, ready.data) for k in reversed(rest))
        elif name in self.open_frames:
            self.open_frames[name] -= 1
        if not self.open_frames.get(name):
            self.now.done += 1


def _failure(work: _Run, ready: _Ready) -> Row:
    return {"file": work.name(ready.item), "frame": ready.frame, "error": ready.error}


def _answers(analyzer: Analyzer, ready: Sequence[_Ready], *, accept: bool) -> tuple[Analysis, ...]:
    images = [r.image for r in ready if r.image is not None]
    frames = [r.seen for r in ready if r.seen is not None]
    inputs = [r.input for r in ready if r.input is not None]
    return analyzer.analyze_prepared(images, frames, inputs, accept=accept)


def _whole(path: Path, model: str) -> dict[str, dict[int, int]]:
    """What is done already by this model: key -> frame -> frames of its file. A last line that a
    kill tore is cut off; lines of errors and of other models are dropped, as they are done
    anew."""
    found: dict[str, dict[int, int]] = {}
    if not path.is_file():
        return found
    kept = []
    for row in read_lines(path):
        if row.get("model") == model:
            found.setdefault(row["key"], {})[row["frame"]] = row["frames"]
            kept.append(json_line(row))
    write_whole(path, "".join(kept).encode())
    return found


def tables(out: str | Path) -> None:
    """`table.csv` and `table.parquet` from `answers.jsonl`, sorted by file and frame."""
    import pandas as pd

    rows = [flat for row in read_lines(Path(out) / ANSWERS) for flat in flatten(row)]
    order = ["file", "frame", "lesion.number"]
    table = pd.DataFrame(rows, columns=None if rows else order).sort_values(order, kind="stable")
    for name, write in ((TABLE, table.to_csv), (PARQUET, table.to_parquet)):
        partial = Path(out) / f"{name}.partial"
        write(partial, index=False)
        partial.replace(Path(out) / name)


def flatten(row: Mapping[str, Any]) -> list[Row]:
    """One row a lesion, or one of a picture without: the numbers of the JSON, named by their path;
    sentences are left out, and sets are joined by semicolons."""
    base: Row = {"file": row["file"], "frame": row["frame"], "error": row.get("error")}
    base["lesion.number"] = None
    if "error" in row:
        return [base]
    for key in ("model", "accepted", "label", "band", "calibrated", "seconds", "pictures"):
        base[key] = row.get(key)
    base["prediction_set"] = ";".join(row["prediction_set"])
    base["flags"] = ";".join(flag["code"] for flag in row["flags"])
    base["lesions"] = len(row["lesions"])
    for name in ("probabilities", "logits", "areas_px", "scales"):
        base |= {f"{name}.{key}": value for key, value in row[name].items()}
    for kind, shares in row["evidence"]["shares"].items():
        base |= {f"evidence.{kind}.{part}": value for part, value in shares.items()}
    base |= {f"evidence.{k}": row["evidence"][k] for k in ("hidden", "elsewhere")}
    base |= {f"image.{k}": v for k, v in row["image"].items() if not isinstance(v, list | dict)}
    if not row["lesions"]:
        return [base]
    found = []
    for number, lesion in enumerate(row["lesions"], 1):
        own: Row = {"lesion.number": number}
        for key, value in lesion.items():
            if isinstance(value, list):
                ends = ("row", "column") if key == "centre" else ("low", "high")
                own |= {f"lesion.{key}.{e}": v for e, v in zip(ends, value, strict=True)}
            elif not key.endswith("_interval"):
                own[f"lesion.{key}"] = value
        found.append(base | own)
    return found


def pack(out: str | Path, path: str | Path) -> Path:
    """All that a run wrote, in one ZIP."""
    out, path = Path(out), Path(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(out.rglob("*")):
            if file.is_file() and file != path and not file.name.endswith(".partial"):
                archive.write(file, file.relative_to(out))
    return path
