"""A user's table, read leniently: which images there are, what each is, and what else is known."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hcc_xai.errors import DataError
from hcc_xai.imaging.read import ENDINGS
from hcc_xai.language import words

_NAMES = {  # how people call the columns
    "file": ("file", "filename", "file_name", "image", "image_path", "path", "name", "picture"),
    "label": ("label", "true_label", "truth", "class", "diagnosis", "grade", "y", "target"),
    "mask": ("mask", "lesion_mask", "mask_path", "segmentation"),
}
_SKIPPED = ("fold", "group", "note", "split")
_Row = Mapping[str, str | None]


@dataclass(frozen=True)
class Case:
    """One image of a table.

    Attributes:
        path: where it lies.
        label: what it is; several labels that hold are joined by "+".
        about: column -> what else is known of it.
        mask: of the lesion, or of a data folder (0, 1 organ, 2 target); None without one.
        fold: of a data folder; None without one.
    """

    path: Path
    label: str
    about: Mapping[str, str] = field(default_factory=dict)
    mask: Path | None = None
    fold: int | None = None


@dataclass(frozen=True)
class Table:
    """What was understood of a user's table.

    Attributes:
        cases: the images that can be used.
        columns: what groups can be made of.
        said: sentences about it, the odd things included, each by language.
    """

    cases: tuple[Case, ...]
    columns: tuple[str, ...]
    said: tuple[dict[str, str], ...]


@dataclass(frozen=True)
class _Columns:
    """The names of a table's columns, by what they hold; `mask` is None without one."""

    file: str
    label: str
    mask: str | None
    more: tuple[str, ...]


def read_table(source: str | Path, labels: Sequence[str]) -> Table:
    """Understand a CSV with a row an image, a data folder, or a folder with one folder a label.

    Columns are matched leniently ("Filename", "true label"); those that are neither file, label
    nor mask are what groups are made of. Rows that cannot be used are left out, and said.

    Args:
        source: the CSV or the folder; a data folder is one that holds an index.csv.
        labels: of the model.

    Raises:
        DataError: nothing usable is in it; the sentence says what was looked for.
    """
    source = Path(source)
    if source.is_dir():
        index = source / "index.csv"
        return _from_csv(index, labels) if index.is_file() else _from_folders(source, labels)
    if not source.is_file():
        raise DataError("audit-table-missing", "{path} is missing", path=str(source))
    return _from_csv(source, labels)


def _from_folders(source: Path, labels: Sequence[str]) -> Table:
    folders = [f for f in sorted(source.iterdir()) if f.is_dir() and f.name in labels]
    if not folders:
        raise DataError(
            "audit-table-no-index",
            "{path} holds neither index.csv nor a folder named {labels}",
            path=str(source),
            labels=", ".join(labels),
        )
    cases = tuple(
        Case(path, folder.name)
        for folder in folders
        for path in sorted(folder.iterdir())
        if path.is_file() and not path.name.startswith(".")
    )
    return Table(cases, (), (words.both("table-folders", n=len(cases)),))


def _from_csv(path: Path, labels: Sequence[str]) -> Table:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error):
        raise DataError(
            "audit-table-not-utf-8", "{name} is no CSV in UTF-8", name=path.name
        ) from None
    columns = _columns(path, [c for c in (rows[0] if rows else {}) if c])
    named = {"file": columns.file, "label": columns.label, "mask": columns.mask}
    said = [words.both(f"table-{key}", column=name) for key, name in named.items() if name]
    said.append(words.both("table-groups", columns=", ".join(columns.more) or "–"))
    cases: dict[Path, Case] = {}
    wrong = Counter[tuple[str, str]]()
    lenient = {plain_name(label): label for label in labels}
    for row in rows:
        place = _find(path.parent, row[columns.file] or "")
        told = [lenient.get(plain_name(part)) for part in (row[columns.label] or "").split("+")]
        label = None if None in told else "+".join(map(str, told))
        if place is None:
            wrong["table-missing", ""] += 1
        elif label is None:
            wrong["table-unknown", str(row[columns.label])] += 1
        elif place in cases:
            wrong["table-twice", ""] += 1
        else:
            cases[place] = _case(row, columns, place, label, path.parent)
    said += [words.both(key, n=n, label=label) for (key, label), n in wrong.items()]
    if not cases:
        raise DataError(
            "audit-table-no-row",
            "{name}: no row can be used; {why_en}",
            name=path.name,
            why_en="; ".join(s["en"] for s in said),
            why_es="; ".join(s["es"] for s in said),
        )
    return Table(tuple(cases.values()), columns.more, tuple(said))


def _columns(path: Path, names: Sequence[str]) -> _Columns:
    """Which column holds what.

    Raises:
        DataError: there is none for the file, or none for the label.
    """
    known = {plain_name(c): c for c in names}
    chosen = {
        key: next((known[n] for n in usual if n in known), None) for key, usual in _NAMES.items()
    }
    file, label, mask = chosen.values()
    if file is None:
        raise DataError(
            "audit-table-no-file",
            "{name} has no column for the file (looked for {wanted}); it has {columns_en}",
            name=path.name,
            wanted=", ".join(_NAMES["file"]),
            columns_en=", ".join(names) or "none",
            columns_es=", ".join(names) or "ninguna",
        )
    if label is None:
        raise DataError(
            "audit-table-no-label",
            "{name} has no column for the label (looked for {wanted}); it has {columns_en}",
            name=path.name,
            wanted=", ".join(_NAMES["label"]),
            columns_en=", ".join(names) or "none",
            columns_es=", ".join(names) or "ninguna",
        )
    more = (c for c in names if c not in chosen.values() and plain_name(c) not in _SKIPPED)
    return _Columns(file, label, mask, tuple(more))


def _case(row: _Row, columns: _Columns, place: Path, label: str, folder: Path) -> Case:
    """The image of a row that can be used; without a mask of its own, that of its name."""
    mask = _find(folder, row[columns.mask] or "") if columns.mask else None
    if mask is None and (folder / "masks" / f"{place.stem}.png").is_file():
        mask = folder / "masks" / f"{place.stem}.png"
    about = {c: (row[c] or "").strip() for c in columns.more}
    fold = row.get("fold") or ""
    return Case(place, label, about, mask, int(fold) if fold.isdecimal() else None)


def plain_name(name: str) -> str:
    """A name without what people write differently: "True-Label " is "true_label"."""
    return "_".join(name.strip().lower().replace("-", " ").replace("_", " ").split())


def _find(folder: Path, name: str) -> Path | None:
    """The file of a name, in a table's folder or its `images/`; its ending may be left out."""
    if not name:
        return None
    for place in (folder / name, folder / "images" / name):
        if place.is_file():
            return place
        for ending in ENDINGS:
            if place.with_name(place.name + ending).is_file():
                return place.with_name(place.name + ending)
    return None
