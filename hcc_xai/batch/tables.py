"""What a run leaves behind: `answers.jsonl`, a line a picture; tables of it, a row a lesion; all of
it in one ZIP."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Required, TypedDict, cast

from hcc_xai.errors import Value
from hcc_xai.files import read_lines, write_whole

ANSWERS, TABLE, PARQUET = "answers.jsonl", "table.csv", "table.parquet"
Cell = str | int | float | bool | None


class FlagRow(TypedDict):
    """A flag of an answer: what it is called, how grave it is, and its sentence by language."""

    code: str
    severity: str
    message: dict[str, str]


class EvidenceRow(TypedDict):
    """Where the evidence for a label lies, and the label's probability with the lesion hidden."""

    label: str
    shares: dict[str, dict[str, float]]
    hidden: float | None
    elsewhere: float | None


class Row(TypedDict, total=False):
    """A line of `answers.jsonl`: an answer, or a file that could not be read.

    Every line has `file` and `frame`. One of a file that could not be read has the three keys of
    its error as well, and no other; one of an answer has what `Analysis.to_dict` gives.

    Attributes:
        file: the name of the file, or the hash that stands for it.
        frame: counted from 0.
        error: why the file could not be read, in English.
        error_key: the same as a key, for other languages.
        error_values: what the sentence names, for other languages.
        frames: how many the file holds.
        key: changes when the file does.
        pictures: where the overlay and masks begin, below the folder of the run.
    """

    file: Required[str]
    frame: Required[int]
    error: str
    error_key: str
    error_values: dict[str, Value]
    frames: int
    key: str
    pictures: str
    model: str
    kind: str
    kind_probabilities: dict[str, float]
    standing: str
    labels_present: list[str]
    accepted: bool
    label: str
    band: str
    calibrated: bool
    probabilities: dict[str, float]
    logits: dict[str, float]
    prediction_set: list[str]
    bands: dict[str, str]
    headline: dict[str, str]
    sentence: dict[str, str]
    flags: list[FlagRow]
    areas_px: dict[str, int]
    lesions: list[dict[str, Cell | list[float]]]
    evidence: EvidenceRow
    scales: dict[str, float]
    image: dict[str, Cell | list[dict[str, float]]]
    seconds: float


def read_rows(out: str | Path) -> Iterator[Row]:
    """The lines of a run's `answers.jsonl`; one that a kill tore is left out.

    Args:
        out: folder of the run.
    """
    for row in read_lines(Path(out) / ANSWERS):
        yield cast(Row, row)


def tables(out: str | Path) -> None:
    """Write `table.csv` and `table.parquet` from `answers.jsonl`, sorted by file and frame.

    Args:
        out: folder of the run.
    """
    import pandas as pd

    rows = [flat for row in read_rows(out) for flat in flatten(row)]
    order = ["file", "frame", "lesion.number"]
    table = pd.DataFrame(rows, columns=None if rows else order).sort_values(order, kind="stable")
    write_whole(Path(out) / TABLE, table.to_csv(index=False).encode())
    write_whole(Path(out) / PARQUET, table.to_parquet(index=False))


def flatten(row: Row) -> list[dict[str, Cell]]:
    """The rows of a table for a line: one a lesion, or one of a picture without.

    They hold the numbers of the JSON, named by their path. Sentences are left out, and sets are
    joined by semicolons.
    """
    picture: dict[str, Cell] = {"file": row["file"], "frame": row["frame"]}
    picture |= {"error": row.get("error"), "lesion.number": None}
    if "error" in row:
        return [picture]
    picture |= _of_the_picture(row)
    lesions = [
        picture | {"lesion.number": number} | _of_a_lesion(lesion)
        for number, lesion in enumerate(row["lesions"], 1)
    ]
    return lesions or [picture]


def _of_the_picture(row: Row) -> dict[str, Cell]:
    cells: dict[str, Cell] = {
        "model": row["model"],
        "kind": row.get("kind"),
        "standing": row.get("standing"),
        "accepted": row["accepted"],
        "label": row["label"],
        "band": row["band"],
        "calibrated": row["calibrated"],
        "seconds": row["seconds"],
        "pictures": row.get("pictures"),
        "prediction_set": ";".join(row["prediction_set"]),
        "flags": ";".join(flag["code"] for flag in row["flags"]),
        "lesions": len(row["lesions"]),
    }
    evidence = row["evidence"]
    groups: dict[str, Mapping[str, float]] = {
        "probabilities": row["probabilities"],
        "logits": row["logits"],
        "areas_px": row["areas_px"],
        "scales": row["scales"],
        **{f"evidence.{kind}": shares for kind, shares in evidence["shares"].items()},
    }
    for group, values in groups.items():
        cells |= {f"{group}.{name}": value for name, value in values.items()}
    cells |= {
        "evidence.hidden": evidence["hidden"],
        "evidence.elsewhere": evidence["elsewhere"],
    }
    for name, value in row["image"].items():
        if not isinstance(value, list):
            cells[f"image.{name}"] = value
    return cells


def _of_a_lesion(lesion: Mapping[str, Cell | list[float]]) -> dict[str, Cell]:
    cells: dict[str, Cell] = {}
    for name, value in lesion.items():
        if isinstance(value, list):
            ends = ("row", "column") if name == "centre" else ("low", "high")
            cells |= {f"lesion.{name}.{e}": v for e, v in zip(ends, value, strict=True)}
        elif not name.endswith("_interval"):
            cells[f"lesion.{name}"] = value
    return cells


def pack(out: str | Path, path: str | Path) -> Path:
    """Write all that a run wrote into one ZIP.

    Args:
        out: folder of the run.
        path: the ZIP to write; it may lie in that folder.

    Returns:
        The path of the ZIP.
    """
    out, path = Path(out), Path(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(out.rglob("*")):
            if file.is_file() and file != path and not file.name.endswith(".partial"):
                archive.write(file, file.relative_to(out))
    return path
