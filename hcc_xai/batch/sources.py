"""The files of a run: from folders, ZIP archives and by themselves, each with what reads it or with
what is wrong with it; and what they are called in what is written."""

from __future__ import annotations

import hashlib
import lzma
import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from hcc_xai.errors import ImageError
from hcc_xai.imaging.read import MAX_BYTES

MOST = 50_000  # files of one run
_INFLATED = 200  # times its size in the archive that a file may grow to
_SECRET = 12  # digits of the hash that stands for a name
_SMALL = 2**20  # bytes; a file up to this size may grow as it likes
_DAMAGES = (  # what `zipfile` raises of an archive that is not whole
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError),
    NotImplementedError,
)


@dataclass(frozen=True)
class Item:
    """A file to answer.

    Attributes:
        name: its path below the folder, or within the archive.
        read: gives its bytes; raises ImageError where it cannot.
        key: changes when the file does.
        wrong: why it is not read at all; None where it may be.
    """

    name: str
    read: Callable[[], bytes]
    key: str
    wrong: ImageError | None = None

    @classmethod
    def unread(cls, name: str, wrong: ImageError) -> Item:
        """A file that is named in the answers, but never read."""
        return cls(name, bytes, name, wrong)


def find(sources: Iterable[str | Path], *, most: int = MOST) -> Iterator[Item]:
    """The files of some files, folders (and theirs) and ZIP archives, in the order of their names.

    Links, hidden files and archives within archives are left out; what an archive holds is read in
    memory and never unpacked, so that no path of it leads anywhere.

    Args:
        sources: paths of files, folders and ZIP archives.
        most: how many files are given; one more item then says that there are more.
    """
    count, used = 0, dict[str, int]()
    for source in sources:
        for item in _in(Path(source)):
            used[item.name] = used.get(item.name, 0) + 1
            if used[item.name] > 1:  # of two sources
                item = replace(item, name=f"{item.name} ({used[item.name]})")
            if count == most:
                yield Item.unread(
                    item.name,
                    ImageError(
                        "batch-too-many",
                        "Only the first {most} files are read; run the others by themselves.",
                        most=most,
                    ),
                )
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
    name = _readable(name)
    try:
        about = path.lstat()
    except OSError:
        return Item.unread(name, ImageError("batch-missing", "There is no such file."))
    if stat.S_ISLNK(about.st_mode):
        return Item.unread(name, _link())

    def load() -> bytes:
        if about.st_size > MAX_BYTES:
            raise ImageError(
                "batch-too-large",
                "This file is too large: at most {most} MB are read.",
                most=MAX_BYTES >> 20,
            )
        try:
            return path.read_bytes()
        except OSError:
            raise ImageError(
                "batch-unreadable", "This file cannot be opened; check that you may read it."
            ) from None

    return Item(name, load, f"{name}|{about.st_size}|{about.st_mtime_ns}")


def _readable(name: str) -> str:
    """A name that can be written down: what is no text in it becomes a question mark."""
    return name.encode(errors="replace").decode()


def _link() -> ImageError:
    return ImageError("batch-link", "This is a link, which is not followed.")


def _archived(source: Path) -> Iterator[Item]:
    try:
        with zipfile.ZipFile(source) as archive:
            entries = sorted(archive.infolist(), key=lambda entry: entry.filename)
    except _DAMAGES:
        yield Item.unread(
            _readable(source.name),
            ImageError("archive-damaged", "This archive is damaged; pack it again."),
        )
        return
    for entry in entries:
        parts = _parts(entry)
        if entry.is_dir() or any(p.startswith((".", "__MACOSX")) and p != ".." for p in parts):
            continue
        name = "/".join(p for p in parts if p not in ("..", "/"))
        key = f"{name}|{entry.file_size}|{entry.CRC}"
        yield Item(name, _member(source, entry), key, _wrong(entry))


def _parts(entry: zipfile.ZipInfo) -> tuple[str, ...]:
    return PurePosixPath(entry.filename.replace("\\", "/")).parts


def _wrong(entry: zipfile.ZipInfo) -> ImageError | None:
    """Why a file in an archive is not read, by what the archive says about it."""
    parts = _parts(entry)
    if ".." in parts or (parts and parts[0].startswith("/")) or ":" in entry.filename[:3]:
        return ImageError("archive-path", "Its path leads out of the archive; it is not read.")
    if stat.S_ISLNK(entry.external_attr >> 16):
        return _link()
    if entry.flag_bits & 1:
        return ImageError(
            "archive-encrypted", "This file is encrypted; pack it again without a password."
        )
    if entry.file_size > MAX_BYTES:
        return ImageError(
            "archive-too-large",
            "This file is too large: inflated it exceeds {most} MB.",
            most=MAX_BYTES >> 20,
        )
    if entry.file_size > _SMALL and entry.file_size > _INFLATED * entry.compress_size:
        return ImageError(
            "archive-bomb",
            "This file is packed more than {times} times; it is not read.",
            times=_INFLATED,
        )
    return None


def _member(source: Path, entry: zipfile.ZipInfo) -> Callable[[], bytes]:
    def load() -> bytes:
        try:
            with zipfile.ZipFile(source) as archive, archive.open(entry) as file:
                data = file.read(entry.file_size + 1)  # an archive may lie about its sizes
        except _DAMAGES:
            data = None
        if data is None or len(data) > entry.file_size:
            raise ImageError(
                "archive-member-damaged", "This file in the archive is damaged; pack it again."
            )
        return data

    return load


class Names:
    """What the files of a run are called in what is written.

    Args:
        items: all the files, so that the same ones are always called the same.
        anonymous: call a file by a hash of its path, which may name a patient.
    """

    def __init__(self, items: Iterable[Item], *, anonymous: bool) -> None:
        self._anonymous = anonymous
        self._stems: dict[str, str] = {}
        used: set[str] = set()
        for item in items:
            path = PurePosixPath(self.name(item))
            plain = str(path.with_suffix("") if path.suffix and path.stem else path)
            stem, count = plain, 2
            while stem in used:
                stem, count = f"{plain}-{count}", count + 1
            used.add(stem)
            self._stems[item.name] = stem

    def name(self, item: Item) -> str:
        """A file's name: its own, or a hash that tells nothing."""
        return self._shown(item.name)

    def key(self, item: Item) -> str:
        """What changes when the file does: as it is, or a hash that tells nothing."""
        return self._shown(item.key)

    def stem(self, item: Item) -> str:
        """What the file's pictures are called: its name without the ending, numbered where two
        files share it."""
        return self._stems[item.name]

    def _shown(self, text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()[:_SECRET] if self._anonymous else text
