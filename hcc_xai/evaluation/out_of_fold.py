"""Rows of every image, each by the network that was trained without it; kept as they come.

The pictures go through the whole pipeline, as a user's would: the sector is found, not taken from
the data folder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar, cast

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.dataset.folder import Record, read_index
from hcc_xai.errors import DataError
from hcc_xai.evaluation.changed import gather_looks
from hcc_xai.evaluation.row_type import Row
from hcc_xai.evaluation.rows import predict
from hcc_xai.files import read_lines, write_whole
from hcc_xai.model.bundle import CONFIG, load_bundle
from hcc_xai.model.network import NetworkConfig
from hcc_xai.training.make_bundle import make_bundle
from hcc_xai.training.state import BEST, LAST, read_about

PREDICTIONS = "out_of_fold.jsonl"
LEFT_OUT = "left_out.jsonl"
WITHOUT = "without-"  # how the folder of a training begins that left a frame size out
_BATCH = 8
_ROOMS = (
    "imaging",
    "kinds",
    "findings",
    "dataset",
    "model",
    "explain",
    "analysis",
)  # that rows depend on
_MODULES = ("changed", "row_type", "rows")  # of this room
Report = Callable[[str], None]
Key = TypeVar("Key", int, str)


def fold_bundles(folds_dir: str | Path, out: str | Path) -> dict[int, Path]:
    """The bundles of a folder of folds, by fold; trainings are turned into bundles under `out`.

    Raises:
        DataError: there is none.
    """
    bundles = {}
    for folder in sorted(Path(folds_dir).glob("*")):
        if folder.name.isdigit():  # "all" is trained on everything, and is not evaluated
            path = _bundle_in(folder, Path(out), {"left_out_fold": int(folder.name)})
            if path is not None:
                bundles[int(folder.name)] = path
    if not bundles:
        raise DataError(
            "folds-missing",
            "{folder} holds no folds; wanted are folders 0, 1, ... with a bundle, or what "
            "train wrote, in each",
            folder=str(folds_dir),
        )
    return bundles


def stratum_bundles(folds_dir: str | Path, out: str | Path) -> dict[str, Path]:
    """The bundles that were trained without a frame size, by frame size; trainings are turned into
    bundles under `out`. There may be none."""
    bundles = {}
    for folder in sorted(Path(folds_dir).glob(f"{WITHOUT}*")):
        stratum = folder.name.removeprefix(WITHOUT)
        path = _bundle_in(folder, Path(out), {"left_out_stratum": stratum})
        if path is not None:
            bundles[stratum] = path
    return bundles


def _bundle_in(folder: Path, out: Path, left_out: dict[str, int | str]) -> Path | None:
    """The bundle of a training's folder, made under `out` where the training left only weights."""
    for path in (folder / "bundle", folder):
        if (path / CONFIG).is_file():
            return path
    if not all((folder / name).is_file() for name in (BEST, LAST)):
        return None
    about = read_about(folder / LAST)
    return make_bundle(
        folder / BEST,
        out / folder.name,
        name=folder.name,
        network=NetworkConfig.from_dict(about["network"]),
        training={**left_out, "recipe": about["recipe"]},
        licence="other",
        examples=(),
    )


@dataclass(frozen=True)
class Parting(Generic[Key]):
    """How images are parted among networks.

    Attributes:
        name: what the parts are, as a bundle's config says it after `left_out_`.
        of: the part of an image.
        file: name of the file of rows.
    """

    name: str
    of: Callable[[Record], Key]
    file: str


BY_FOLD = Parting("fold", lambda record: record.fold, PREDICTIONS)
BY_STRATUM = Parting("stratum", lambda record: record.stratum, LEFT_OUT)


def predict_folds(
    bundles: Mapping[int, Path],
    data: str | Path,
    out: str | Path,
    *,
    records: Sequence[Record] | None = None,
    device: str | None = None,
    report: Report = lambda line: None,
) -> list[Row]:
    """One row an image of the folds named, each by the bundle that was trained without it.

    Rows are kept as they come, and a run that was stopped goes on; rows that another network,
    configuration or code made are made anew. `out/out_of_fold.jsonl` appears when all are there.

    Args:
        bundles: fold -> the bundle trained without it.
        data: the data folder.
        out: folder of the rows.
        records: a part of the index; all of it by default.
        device: to compute on; the best there is by default.
        report: is told one line a fold.

    Returns:
        The rows, in the order of the index.

    Raises:
        DataError: no bundle, a fold without images, a bundle that says that it left out another
            fold, a picture that does not fit its outlines.
    """
    return _predict(BY_FOLD, bundles, data, out, records=records, device=device, report=report)


def predict_strata(
    bundles: Mapping[str, Path],
    data: str | Path,
    out: str | Path,
    *,
    records: Sequence[Record] | None = None,
    device: str | None = None,
    report: Report = lambda line: None,
) -> list[Row]:
    """One row an image of the frame sizes named, each by the bundle that never saw its frame size.

    Rows are kept as they come, and a run that was stopped goes on; rows that another network,
    configuration or code made are made anew. `out/left_out.jsonl` appears when all are there.

    Args:
        bundles: frame size -> the bundle trained without it.
        data: the data folder.
        out: folder of the rows.
        records: a part of the index; all of it by default.
        device: to compute on; the best there is by default.
        report: is told one line a frame size.

    Returns:
        The rows, in the order of the index.

    Raises:
        DataError: no bundle, a frame size without images, a bundle that says that it left out
            another, a picture that does not fit its outlines.
    """
    return _predict(BY_STRATUM, bundles, data, out, records=records, device=device, report=report)


def _predict(
    parting: Parting[Key],
    bundles: Mapping[Key, Path],
    data: str | Path,
    out: str | Path,
    *,
    records: Sequence[Record] | None,
    device: str | None,
    report: Report,
) -> list[Row]:
    everything = records or read_index(data)
    records = [r for r in everything if parting.of(r) in bundles]
    _check(parting, bundles, records)
    whole = Path(out) / parting.file
    whole.parent.mkdir(parents=True, exist_ok=True)
    partial = whole.with_name(f"{whole.name}.partial")
    rows = {row["name"]: row for path in (whole, partial) for row in _read_rows(path)}
    code, looks = _code(), {}
    for key, path in sorted(bundles.items()):
        analyzer = Analyzer(load_bundle(path), device=device)
        _check_left_out(analyzer, parting.name, key, path)
        made_by = _made_by(analyzer, code)
        mine = [r for r in records if parting.of(r) == key]
        todo = [r for r in mine if r.name not in rows or rows[r.name].get("made_by") != made_by]
        report(f"{parting.name} {key}: {len(todo)} of {len(mine)} images to answer")
        size = analyzer.config.network.size
        if todo and size not in looks:
            looks[size] = gather_looks(everything, data, size, kind=analyzer.config.kind)
        for start in range(0, len(todo), _BATCH):
            new = predict(analyzer, todo[start : start + _BATCH], data, looks=looks[size])
            for row in new:
                row["made_by"] = made_by
            with partial.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(row) + "\n" for row in new)
            rows |= {row["name"]: row for row in new}
    ordered = [rows[r.name] for r in records]
    write_whole(whole, "".join(json.dumps(row) + "\n" for row in ordered).encode())
    partial.unlink(missing_ok=True)
    return ordered


def _check(parting: Parting[Key], bundles: Mapping[Key, Path], records: Sequence[Record]) -> None:
    """That every bundle has images to answer."""
    strange = set(bundles) - {parting.of(r) for r in records}
    if strange or not records:
        raise DataError(
            "rows-no-images",
            "the index has no images of {part} {names}",
            part=parting.name,
            names=", ".join(map(str, sorted(strange))) or "(none given)",
        )


def _check_left_out(analyzer: Analyzer, part: str, key: int | str, path: Path) -> None:
    """That a bundle does not say that it was trained on what it is to answer."""
    left_out = analyzer.config.training.get(f"left_out_{part}", key)
    if left_out != key:
        raise DataError(
            "bundle-left-out-another",
            "{path} says that it was trained without {part} {left_out}, not {key}",
            path=str(path),
            part=part,
            left_out=str(left_out),
            key=key,
        )


def read_rows(path: str | Path) -> list[Row]:
    """The rows that `predict_folds` wrote, in their order.

    Raises:
        DataError: there is no such file.
    """
    if not Path(path).is_file():
        raise DataError(
            "rows-missing",
            "{path} is missing; `python -m hcc_xai evaluate` writes it",
            path=str(path),
        )
    return _read_rows(Path(path))


def _read_rows(path: Path) -> list[Row]:
    return [cast(Row, row) for row in read_lines(path)] if path.is_file() else []


def _code() -> str:
    """A hash of the code that a row depends on: a changed sector finder makes other predictions, a
    changed sentence does not."""
    package, code = Path(__file__).parents[1], hashlib.sha256()
    modules = [path for room in _ROOMS for path in sorted((package / room).glob("*.py"))]
    modules.append(package / "stats.py")
    modules += [package / "evaluation" / f"{name}.py" for name in _MODULES]
    for path in modules:
        code.update(path.read_bytes())
    return code.hexdigest()


def _made_by(analyzer: Analyzer, code: str) -> str:
    """What a row depends on, as a hash: weights, configuration, code."""
    config = json.dumps(analyzer.config.to_dict(), sort_keys=True)
    text = f"{analyzer.bundle.weights_sha256} {config} {code}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]
