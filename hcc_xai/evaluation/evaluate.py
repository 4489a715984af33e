"""How good is it? Every image is answered by the network that was trained without it, and measured.

`predict_folds` writes one row an image, `summary.summarise` makes the figures of them, `run` does
it all. The pictures go through the whole pipeline, as a user's would: the sector is found, not
given.
"""

from __future__ import annotations

import hashlib
import json
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import safe_open

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.dataset.folder import Record, read_index
from hcc_xai.errors import DataError
from hcc_xai.evaluation import lesion_rule
from hcc_xai.evaluation.card import card
from hcc_xai.evaluation.figures import summarise
from hcc_xai.evaluation.rows import Row, gather_looks, predict
from hcc_xai.evaluation.scanner_probe import scanner_probe
from hcc_xai.evaluation.tables import pictures, table_markdown
from hcc_xai.files import read_lines, write_whole
from hcc_xai.model.bundle import CONFIG, FIGURES, load_bundle
from hcc_xai.model.network import NetworkConfig
from hcc_xai.training.loop import make_bundle

PREDICTIONS = "out_of_fold.jsonl"
LEFT_OUT = "left_out.jsonl"
WITHOUT = "without-"  # how the folder of a training begins that left a frame size out
_BATCH = 8
_ROOMS = ("imaging", "findings", "dataset", "model", "explain", "analysis")  # that rows depend on


def run(
    data: str | Path,
    folds_dir: str | Path,
    out: str | Path,
    *,
    bundle: str | Path | None = None,
    commands: Sequence[str] = (),
    report: Callable[[str], None] = lambda line: None,
) -> str:
    """Out-of-fold predictions of all folds, and what they amount to.

    Writes `out_of_fold.jsonl`, `summary.json`, `table.md` and `figures.png` to `out`; where there
    are trainings that left a frame size out, `left_out.jsonl` too.

    Args:
        data: a data folder (see data.py).
        folds_dir: a folder a fold, named by its number, that holds a bundle or what `train` left
            there; and perhaps one a frame size, named `without-` and the frame size.
        bundle: where given, its model card is written with these figures.
        commands: that made it, for the card.
        report: is told one line now and then.

    Returns:
        All figures as Markdown tables.

    Raises:
        DataError: no fold is there, or one that the index does not know.
    """
    out = Path(out)
    folds = fold_bundles(folds_dir, out / "bundles")
    rows = predict_folds(folds, data, out, report=report)
    strata = stratum_bundles(folds_dir, out / "bundles")
    left_out = predict_strata(strata, data, out, report=report) if strata else []
    probe = scanner_probe(folds, data, report=report)
    report(f"{len(rows)} images answered; resampling")
    share = load_bundle(next(iter(folds.values()))).config.least_lesion_share
    shown = lesion_rule.nested(rows, share)
    for stratum in {r["stratum"] for r in left_out}:  # judged by limits of the other frame sizes
        lines = lesion_rule.fit([r for r in rows if r["stratum"] != stratum], share)
        left_out = [
            lesion_rule.judge(r, lines, share) if r["stratum"] == stratum else r for r in left_out
        ]
    summary = summarise(shown, left_out=left_out) | {
        "probe": probe,
        "outlines": asdict(lesion_rule.fit(rows, share)),
    }
    write_whole(out / "summary.json", json.dumps(summary, indent=1).encode())
    text = table_markdown(summary)
    write_whole(out / "table.md", text.encode())
    pictures(shown, out / FIGURES, summary)
    if bundle is not None:
        card(bundle, summary, commands=commands)
        write_whole(Path(bundle) / FIGURES, (out / FIGURES).read_bytes())
    return text


def fold_bundles(folds_dir: str | Path, out: str | Path) -> dict[int, Path]:
    """The bundles of a folder of folds, by fold; trainings are turned into bundles under `out`.

    Raises:
        DataError: there is none.
    """
    found = {}
    for folder in sorted(Path(folds_dir).glob("*")):
        if folder.name.isdigit():  # "all" is trained on everything, and is not evaluated
            path = _bundle_in(folder, Path(out), {"left_out_fold": int(folder.name)})
            if path is not None:
                found[int(folder.name)] = path
    if not found:
        raise DataError(
            f"{folds_dir} holds no folds; wanted are folders 0, 1, ... with a bundle, or what "
            "train wrote, in each"
        )
    return found


def stratum_bundles(folds_dir: str | Path, out: str | Path) -> dict[str, Path]:
    """The bundles that were trained without a frame size, by frame size; as `fold_bundles`."""
    found = {}
    for folder in sorted(Path(folds_dir).glob(f"{WITHOUT}*")):
        stratum = folder.name.removeprefix(WITHOUT)
        path = _bundle_in(folder, Path(out), {"left_out_stratum": stratum})
        if path is not None:
            found[stratum] = path
    return found


def _bundle_in(folder: Path, out: Path, left_out: dict[str, int | str]) -> Path | None:
    """The bundle of a training's folder, made under `out` where the training left only weights."""
    for path in (folder / "bundle", folder):
        if (path / CONFIG).is_file():
            return path
    if not all((folder / f"{n}.safetensors").is_file() for n in ("best", "last")):
        return None
    with safe_open(str(folder / "last.safetensors"), framework="pt") as file:
        about = json.loads(file.metadata()["about"])
    return make_bundle(
        folder / "best.safetensors",
        out / folder.name,
        name=folder.name,
        network=NetworkConfig.from_dict(about["network"]),
        training={**left_out, "recipe": about["recipe"]},
        licence="other",
        examples=(),
    )


def predict_folds(
    bundles: Mapping[int, Path],
    data: str | Path,
    out: str | Path,
    *,
    records: Sequence[Record] | None = None,
    device: str | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> list[Row]:
    """One row an image of the folds given, each by the bundle that was trained without it.

    Rows are kept as they come, and a run that was stopped goes on; rows that another network,
    configuration or code made are made anew. `out/out_of_fold.jsonl` appears when all are there.

    Args:
        bundles: fold -> the bundle trained without it.
        records: a part of the index; all of it by default.

    Returns:
        The rows, in the order of the index. See `outcome.measure_answer` for what is in one.

    Raises:
        DataError: no bundle, a fold without images, a bundle that says that it left out another
            fold, a picture that does not fit its outlines.
    """
    whole, fold = Path(out) / PREDICTIONS, operator.attrgetter("fold")
    return _predict(bundles, "fold", fold, data, whole, records, device, report)


def predict_strata(
    bundles: Mapping[str, Path],
    data: str | Path,
    out: str | Path,
    *,
    records: Sequence[Record] | None = None,
    device: str | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> list[Row]:
    """As `predict_folds`, each image by the bundle that never saw its frame size; written to
    `out/left_out.jsonl`."""
    whole, stratum = Path(out) / LEFT_OUT, operator.attrgetter("stratum")
    return _predict(bundles, "stratum", stratum, data, whole, records, device, report)


def _predict(
    bundles: Mapping[Any, Path],
    part: str,
    part_of: Callable[[Record], Any],
    data: str | Path,
    whole: Path,
    records: Sequence[Record] | None,
    device: str | None,
    report: Callable[[str], None],
) -> list[Row]:
    everything = records or read_index(data)
    records = [r for r in everything if part_of(r) in bundles]
    strange = set(bundles) - {part_of(r) for r in records}
    if strange or not records:
        named = ", ".join(map(str, sorted(strange))) or "(none given)"
        raise DataError(f"the index has no images of {part} {named}")
    whole.parent.mkdir(parents=True, exist_ok=True)
    partial = whole.with_name(f"{whole.name}.partial")
    rows = {row["name"]: row for path in (whole, partial) for row in _read_rows(path)}
    code, looks = _code(), {}
    for key, path in sorted(bundles.items()):
        analyzer = Analyzer(load_bundle(path), device=device)
        said = analyzer.config.training.get(f"left_out_{part}", key)
        if said != key:
            raise DataError(f"{path} says that it was trained without {part} {said}, not {key}")
        made_by = _made_by(analyzer, code)
        mine = [r for r in records if part_of(r) == key]
        todo = [r for r in mine if rows.get(r.name, {}).get("made_by") != made_by]
        report(f"{part} {key}: {len(todo)} of {len(mine)} images to answer")
        size = analyzer.config.network.size
        if todo and size not in looks:
            looks[size] = gather_looks(everything, data, size)
        for start in range(0, len(todo), _BATCH):
            new = predict(analyzer, todo[start : start + _BATCH], data, looks=looks[size])
            with partial.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(row | {"made_by": made_by}) + "\n" for row in new)
            rows |= {row["name"]: row | {"made_by": made_by} for row in new}
    ordered = [rows[r.name] for r in records]
    write_whole(whole, "".join(json.dumps(row) + "\n" for row in ordered).encode())
    partial.unlink(missing_ok=True)
    return ordered


def read_rows(path: str | Path) -> list[Row]:
    """The rows that `predict_folds` wrote.

    Raises:
        DataError: there is no such file.
    """
    if not Path(path).is_file():
        raise DataError(f"{path} is missing; `python -m hcc_xai evaluate` writes it")
    return _read_rows(Path(path))


def _read_rows(path: Path) -> list[Row]:
    return list(read_lines(path)) if path.is_file() else []


def _code() -> str:
    """A hash of the code that a row depends on: a changed sector finder makes other predictions, a
    changed sentence does not."""
    package, code = Path(__file__).parents[1], hashlib.sha256()
    modules = [path for room in _ROOMS for path in sorted((package / room).glob("*.py"))]
    for path in (*modules, package / "stats.py", package / "evaluation" / "rows.py"):
        code.update(path.read_bytes())
    return code.hexdigest()


def _made_by(analyzer: Analyzer, code: str) -> str:
    """What a row depends on, as a hash: weights, configuration, code."""
    config = json.dumps(analyzer.config.to_dict(), sort_keys=True)
    text = f"{analyzer.bundle.weights_sha256} {config} {code}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]
