"""May this model be used, and for whom? Its answers by group, and what it does when something is
changed that no lesion has.

`read_table` understands a user's table, `audit` measures, `Audit.to_html` writes the document (see
audit_page.py). Group figures and their intervals are Fairlearn's; many comparisons are corrected
for.
"""

from __future__ import annotations

import csv
import datetime
import hashlib
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from hcc_xai import stats
from hcc_xai.analysis.analyzer import Analyzer, load
from hcc_xai.analysis.challenges import fired, tally, tally_steps
from hcc_xai.analysis.result import Analysis
from hcc_xai.dataset.folder import LESION, read_truth
from hcc_xai.dataset.scanner import frame_features
from hcc_xai.errors import DataError, HccXaiError
from hcc_xai.explain.methods import KINDS
from hcc_xai.imaging.read import read
from hcc_xai.imaging.sector import shape_of
from hcc_xai.language import words
from hcc_xai.stats import dice, iou
from hcc_xai.version import __version__

Row = dict[str, Any]
SMALL = 20  # images below which a group says nothing
_DRAWS = 300
_SHUFFLES = 5000  # so many that a difference can stand out among a hundred comparisons
_ALPHA = 0.05
_NAMES = {  # how people call the columns
    "file": ("file", "filename", "file_name", "image", "image_path", "path", "name", "picture"),
    "label": ("label", "true_label", "truth", "class", "diagnosis", "grade", "y", "target"),
    "mask": ("mask", "lesion_mask", "mask_path", "segmentation"),
}
_SKIPPED = ("fold", "group", "note", "split")
_AGES, _SIZES_MM = (0, 18, 40, 60, 75, 200), (0, 10, 20, 50, 1000)
OWN = (
    "frame",
    "sector_shape",
    "brightness",
    "sharpness",
    "speckle",
    "marks",
    "scan_depth_mm",
    "lesion_depth",
    "lesion_size",
)
# Of both maps: how much of their energy lies where.
EVIDENCE = tuple(
    f"{short}_{part}"
    for short in ("cam", "contribution")
    for part in ("in_lesion", "in_liver", "in_rest", "outside")
)
METRICS = (
    "auroc",
    "sensitivity",
    "specificity",
    "accuracy",
    "calibration_error",
    "set_size",
    "coverage",
    "refused",
    "dice",
    "hit",
    "false_lesion",
    *EVIDENCE,
)
_LOW_IS_GOOD = ("calibration_error", "set_size", "refused", "false_lesion")
_COMPARED = ("auroc", "sensitivity", "specificity", "accuracy", "dice", "refused")


@dataclass(frozen=True)
class Case:
    """One image of a table: where it lies, what it is, and what else is known of it. mask: of the
    lesion, or of a data folder (0, 1 liver, 2 lesion); None without one. fold: of a data folder."""

    path: Path
    label: str
    about: Mapping[str, str] = field(default_factory=dict)
    mask: Path | None = None
    fold: int | None = None


@dataclass(frozen=True)
class Table:
    """What was understood of a user's table. said: sentences about it, the odd ones included, each
    by language."""

    cases: tuple[Case, ...]
    columns: tuple[str, ...]
    said: tuple[dict[str, str], ...]


def read_table(source: str | Path, labels: Sequence[str]) -> Table:
    """A CSV with a row an image, a data folder (see data.py), or a folder with one folder a label.

    Columns are matched leniently ("Filename", "true label"); those that are neither file, label
    nor mask are what groups are made of. Rows that cannot be used are left out, and said.

    Raises:
        DataError: nothing usable is in it; the sentence says what was looked for.
    """
    source = Path(source)
    if source.is_dir():
        index = source / "index.csv"
        if index.is_file():
            return _from_csv(index, labels)
        folders = [f for f in sorted(source.iterdir()) if f.is_dir() and f.name in labels]
        if not folders:
            raise DataError(
                f"{source} holds neither index.csv nor a folder named {', '.join(labels)}"
            )
        cases = tuple(
            Case(path, folder.name)
            for folder in folders
            for path in sorted(folder.iterdir())
            if path.is_file() and not path.name.startswith(".")
        )
        return Table(cases, (), (words.both("table-folders", n=len(cases)),))
    if not source.is_file():
        raise DataError(f"{source} is missing")
    return _from_csv(source, labels)


def _from_csv(path: Path, labels: Sequence[str]) -> Table:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error):
        raise DataError(f"{path.name} is no CSV in UTF-8") from None
    columns = [c for c in (rows[0] if rows else {}) if c]
    known = {_plain(c): c for c in columns}
    found = {
        key: next((known[n] for n in names if n in known), None) for key, names in _NAMES.items()
    }
    for key in ("file", "label"):
        if found[key] is None:
            raise DataError(
                f"{path.name} has no column for the {key} (looked for {', '.join(_NAMES[key])}); "
                f"it has {', '.join(columns) or 'none'}"
            )
    more = tuple(c for c in columns if c not in found.values() and _plain(c) not in _SKIPPED)
    said = [
        words.both(f"table-{key}", column=column)
        for key, column in found.items()
        if column is not None
    ]
    said.append(words.both("table-groups", columns=", ".join(more) or "–"))
    cases, wrong = [], Counter[tuple[str, str]]()
    seen: set[Path] = set()
    lenient = {_plain(label): label for label in labels}
    for row in rows:
        place = _find(path.parent, str(row[found["file"]] or ""))
        label = lenient.get(_plain(str(row[found["label"]] or "")))
        if place is None:
            wrong["table-missing", ""] += 1
        elif label is None:
            wrong["table-unknown", str(row[found["label"]])] += 1
        elif place in seen:
            wrong["table-twice", ""] += 1
        else:
            seen.add(place)
            mask = _find(path.parent, str(row[found["mask"]] or "")) if found["mask"] else None
            if mask is None and (path.parent / "masks" / f"{place.stem}.png").is_file():
                mask = path.parent / "masks" / f"{place.stem}.png"
            about = {c: (row[c] or "").strip() for c in more}
            fold = str(row.get("fold") or "")
            number = int(fold) if fold.isdigit() else None
            cases.append(Case(place, label, about, mask, number))
    said += [words.both(key, n=n, label=label) for (key, label), n in wrong.items()]
    if not cases:
        raise DataError(f"{path.name}: no row can be used; {'; '.join(s['en'] for s in said)}")
    return Table(tuple(cases), more, tuple(said))


def _plain(name: str) -> str:
    return "_".join(name.strip().lower().replace("-", " ").replace("_", " ").split())


def _find(folder: Path, name: str) -> Path | None:
    if not name:
        return None
    for place in (folder / name, folder / "images" / name):
        if place.is_file():
            return place
        for ending in (".png", ".jpg", ".jpeg", ".dcm", ".tif"):
            if place.with_name(place.name + ending).is_file():
                return place.with_name(place.name + ending)
    return None


@dataclass(frozen=True, eq=False)
class Audit:
    """What an audit found.

    Attributes:
        about: model, revision, hashes, date, version, seed, n, what was understood of the table.
        groups: dicts of column, group, n, metric, value, low, high, small (too few to say
            anything), and p (of the column and metric, corrected after Holm).
        shortcuts: dicts of name, kind and caught: a "baseline" with value, low, high and n; a
            "change" with these and median_move, flips, sure_flips and sure_n (of the answers given
            with 0.7 or more); or "steps", each with these and its amount (shown and not judged:
            the changes are points on them).
        worst: the worst group, or None where no difference stands out. overall: metric -> value,
        low, high, n. versus: differences to another model, where one was given.
    """

    about: dict[str, Any]
    groups: tuple[Row, ...]
    shortcuts: tuple[Row, ...]
    worst: Row | None
    overall: dict[str, Any]
    versus: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "about": self.about,
            "overall": self.overall,
            "groups": list(self.groups),
            "shortcuts": list(self.shortcuts),
            "worst": self.worst,
            "versus": self.versus,
        }

    def to_html(self, path: str | Path) -> Path:
        """Write it as one self-contained page in both languages, fit to be printed."""
        from hcc_xai.auditing.document import document

        path = Path(path)
        path.write_text(document(self.to_dict()), encoding="utf-8")
        return path


def audit(
    model: Analyzer | str | Path | None,
    table: str | Path | Table,
    *,
    by: Sequence[str] = (),
    other: Analyzer | str | Path | None = None,
    folds: Mapping[int, str | Path] | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Audit:
    """Audit a model on a user's images.

    Args:
        model: what `load` takes, or an `Analyzer`. table: see `read_table`.
        by: columns to group by; by default all of the table's, or else what the tool reads off the
            pictures themselves (`OWN`).
        other: another model, to be compared on the same images.
        folds: fold -> a bundle trained without it, for the images of that fold (the table has a
            column fold): what the audit then says is of a model that never saw them.
        progress: is told the share that is done, and may raise to stop.

    Raises:
        DataError: a column that the table has not, or nothing usable. BundleError: no bundle.
    """
    analyzer = model if isinstance(model, Analyzer) else load(model)
    labels = list(analyzer.config.network.labels)
    known = table if isinstance(table, Table) else read_table(table, labels)
    unknown = [c for c in by if c not in known.columns and c not in OWN]
    if unknown:
        raise DataError(
            f"no column {', '.join(unknown)}; there are {', '.join((*known.columns, *OWN))}"
        )
    second = None
    if other is not None:
        second = other if isinstance(other, Analyzer) else load(other)
        if list(second.config.network.labels) != labels:
            raise DataError("the other model has other labels; the two cannot be compared")
    by_fold = {fold: load(path) for fold, path in (folds or {}).items()}
    strange = {c.fold for c in known.cases} - set(by_fold) if folds else set()
    if strange:
        raise DataError(f"no bundle was trained without fold {', '.join(map(str, strange))}")
    rows, others, failed = [], [], []
    for number, case in enumerate(known.cases, 1):
        try:
            mine = analyzer if case.fold is None or not by_fold else by_fold[case.fold]
            rows.append(_measure(mine, case))
        except HccXaiError as error:
            failed.append(f"{case.path.name}: {error}")
            continue
        if second is not None:
            others.append(_measure(second, case, challenges=False))
        progress(number / len(known.cases))
    if not rows:
        raise DataError(f"no image can be read; {'; '.join(failed[:3])}")
    positive = analyzer.config.malignant or labels[-1]
    columns = tuple(by) or known.columns or OWN
    groups = _groups(rows, columns, positive)
    overall = {name: _overall(rows, name, positive) for name in METRICS}
    hashes = hashlib.sha256("".join(sorted(r["sha256"] for r in rows)).encode()).hexdigest()
    about = {
        "model": analyzer.name,
        "weights_sha256": analyzer.bundle.weights_sha256,
        "out_of_fold": bool(by_fold),
        "images": len(rows),
        "labels": dict(Counter(r["label"] for r in rows)),
        "positive": positive,
        "images_sha256": hashes,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "version": __version__,
        "seed": 0,
        "understood": list(known.said),
        "not_read": failed,
        "columns": list(columns),
        "draws": _DRAWS,
        "shuffles": _SHUFFLES,
    }
    return Audit(
        about,
        tuple(groups),
        tuple(_shortcuts(rows, positive)),
        _worst(groups),
        overall,
        _versus(rows, others, positive, second) if second is not None else None,
    )


def _measure(analyzer: Analyzer, case: Case, *, challenges: bool = True) -> Row:
    """All that is measured of one image."""
    a = analyzer.analyze(read(case.path))
    features = frame_features(a.image.grey, a.sector)
    lesion = None if case.mask is None else _mask(case.mask, a.image.shape)
    where = lesion if lesion is not None and lesion.any() else a.masks["lesion"]
    some = lesion is not None and bool(lesion.any())
    flags = {flag.code for flag in a.flags}
    area = float(where.sum() / a.sector.sum())
    return {
        "sha256": a.image.sha256,
        "label": case.label,
        "answer": a.label,
        "probabilities": a.probabilities,
        "set": list(a.prediction_set) if a.calibrated else None,
        "accepted": a.accepted,
        "dice": dice(a.masks["lesion"], lesion) if some and lesion is not None else None,
        "hit": iou(a.masks["lesion"], lesion) > 0.1 if some and lesion is not None else None,
        "false_lesion": None if lesion is None or some else bool(a.lesions),
        **dict(zip(EVIDENCE, _evidence(a, where), strict=True)),
        "features": [features[k] for k in ("width", "height", "brightness", "sharpness")]
        + [features["sector_share"]],
        "size": area,
        "about": {
            "frame": f"{a.image.shape[1]}x{a.image.shape[0]}",
            "brightness": features["brightness"],
            "sharpness": features["sharpness"],
            "speckle": _speckle(a.frame.to_network(a.image.grey)),
            "sector_shape": shape_of(a.sector),
            "marks": "drawn in" if flags & {"quality-caliper", "quality-text"} else "none",
            "scan_depth_mm": _scan_depth(a),
            "lesion_depth": _lesion_depth(where, a.sector) if where.any() else None,
            "lesion_size": area if where.any() else None,
        }
        | dict(case.about),
        "challenges": analyzer.challenge(a) if challenges else (),
        "steps": analyzer.challenge_in_steps(a) if challenges else (),
    }


def _evidence(a: Analysis, lesion: NDArray[np.bool_]) -> list[float | None]:
    """The shares of `EVIDENCE`: of the answer's maps in the lesion (None without one), the rest of
    the liver, the rest of the sector, and outside it."""
    liver = a.masks["liver"] & ~lesion
    found: list[float | None] = []
    for kind in KINDS:
        heat = np.maximum(a.heatmap(None, kind), 0).astype(np.float64)
        outside = a._shares[kind]["outside"]
        total = heat.sum()
        within = (1 - outside) / total if total > 0 else 0.0
        lies = float(heat[lesion].sum() * within), float(heat[liver].sum() * within)
        rest = max(0.0, 1 - outside - sum(lies)) if total > 0 else 0.0
        found += [lies[0] if lesion.any() else None, lies[1], rest, outside]
    return found


def _mask(path: Path, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The lesion of a mask: what is 2 where there is liver (1), or all that is not black."""
    if path.parent.name == "masks" and (path.parents[1] / "index.csv").is_file():
        found = read_truth(path.parents[1], path.stem) == LESION
    else:
        given = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if given is None:
            raise DataError(f"mask {path.name} cannot be read")
        found = np.asarray(given, np.uint8) > 0
    if found.shape != shape:
        raise DataError(f"mask {path.name} is {found.shape}, its picture {shape}")
    lesion: NDArray[np.bool_] = found
    return lesion


def _scan_depth(a: Analysis) -> float | None:
    """From the sector's top to its bottom, in mm; None without a spacing."""
    rows, cols = np.nonzero(a.sector)
    spacing = a.image.spacing_at(float(rows.mean()), float(cols.mean()))
    return None if spacing is None else float(np.ptp(rows) + 1) * spacing[0]


def _lesion_depth(lesion: NDArray[np.bool_], sector: NDArray[np.bool_]) -> float:
    """How deep its middle lies, as a share of the sector's height."""
    rows = np.flatnonzero(sector.any(1))
    return float((np.nonzero(lesion)[0].mean() - rows[0]) / max(1, np.ptp(rows)))


def _speckle(grey: NDArray[np.float32]) -> float:
    """How coarse the grain is: the mean correlation of neighbours, of what a wide blur leaves."""
    inside = grey >= 0
    rough = np.where(inside, grey - cv2.GaussianBlur(np.clip(grey, 0, 1), (0, 0), 4.0), 0)
    both = inside[:, 1:] & inside[:, :-1]
    one, two = rough[:, 1:][both], rough[:, :-1][both]
    return float((one * two).mean() / max(float((rough[inside] ** 2).mean()), 1e-9))


# -- by group --------------------------------------------------------------------------------------


def cut(name: str, values: Sequence[Any]) -> list[str]:
    """The group of every value: ages and sizes in the usual bins, other numbers in quartiles, words
    as they are; what is missing is "unknown"."""
    numbers = [_number(v) for v in values]
    known = [v for v in numbers if v is not None]
    filled = sum(v not in (None, "", "nan", "NaN") for v in values)
    if not known or len(known) < filled or len(set(known)) < 6:
        return [str(v).strip() or "unknown" if v is not None else "unknown" for v in values]
    plain = _plain(name)
    if "age" in plain.split("_"):
        edges: Sequence[float] = _AGES
    elif plain.endswith("mm") and "size" in plain:
        edges = _SIZES_MM
    else:
        edges = np.quantile(known, [0, 0.25, 0.5, 0.75, 1]).tolist()
    found = []
    for value in numbers:
        if value is None:
            found.append("unknown")
            continue
        index = min(int(np.searchsorted(edges, value, side="right")), len(edges) - 1)
        low, high = edges[max(0, index - 1)], edges[index]
        found.append(f"{_short(low)} to {_short(high)}")
    return found


def _short(value: float) -> str:
    """Three digits, and never an exponent for a large number."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _number(value: Any) -> float | None:
    try:
        found = float(str(value).replace(",", "."))
    except ValueError:
        return None
    return found if np.isfinite(found) else None


def _figure(
    rows: Sequence[Row], name: str, positive: str
) -> Callable[[NDArray[Any], NDArray[Any]], float]:
    """A metric as Fairlearn wants it: of the numbers of some rows; NaN where it has no meaning."""
    if name == "auroc":
        truth, score = _scores(rows, positive)

        def auroc(y_true: NDArray[Any], y_pred: NDArray[Any]) -> float:
            chosen = np.asarray(y_true, int)
            weights = np.ones((1, len(chosen)))
            return float(stats.auroc(score[chosen], truth[chosen], weights)[0])

        return auroc
    values = _values(rows, name, positive)

    def mean(y_true: NDArray[Any], y_pred: NDArray[Any]) -> float:
        mine = values[np.asarray(y_true, int)]
        known = mine[np.isfinite(mine)]
        return float(known.mean()) if known.size else np.nan

    return mean


def _scores(rows: Sequence[Row], positive: str) -> tuple[NDArray[np.bool_], NDArray[Any]]:
    """Whether each is positive, and how probable the model thought it."""
    truth = np.array([r["label"] == positive for r in rows])
    return truth, np.array([r["probabilities"][positive] for r in rows])


def _values(rows: Sequence[Row], name: str, positive: str) -> NDArray[np.float64]:
    """What each image adds to a metric, NaN where nothing."""
    each = [_of(r, name, positive) for r in rows]
    return np.array([np.nan if v is None else v for v in each])


def _of(row: Row, name: str, positive: str) -> float | None:
    """What one image adds to the mean that a metric is."""
    right = row["answer"] == row["label"]
    flagged, sick = row["answer"] == positive, row["label"] == positive
    if name == "sensitivity":
        return float(flagged) if sick else None
    if name == "specificity":
        return None if sick else float(not flagged)
    if name == "accuracy":
        return float(right)
    if name == "calibration_error":  # of the answer: how sure, less how often right
        return float(row["probabilities"][row["answer"]] - right)
    if name == "set_size":
        return None if row["set"] is None else float(len(row["set"]))
    if name == "coverage":
        return None if row["set"] is None else float(row["label"] in row["set"])
    if name == "refused":
        return float(not row["accepted"])
    found = row[name]
    return None if found is None else float(found)


def _overall(rows: Sequence[Row], name: str, positive: str) -> stats.FigureRow:
    n = len(rows)
    draws = stats.draws(n, resamples=_DRAWS)
    if name == "auroc":
        truth, score = _scores(rows, positive)
        return stats.figure(stats.auroc(score, truth, draws), n).to_dict()
    values = _values(rows, name, positive)
    count = int(np.isfinite(values).sum())
    return stats.figure(stats.mean(values, draws), count).to_dict()


def _groups(rows: Sequence[Row], columns: Sequence[str], positive: str) -> list[Row]:
    """Every metric of every group, with Fairlearn's intervals, and p-values after Holm."""
    from fairlearn.metrics import MetricFrame

    found: list[Row] = []
    tests: list[tuple[float, list[Row]]] = []
    table = np.arange(len(rows))
    figures = {name: _figure(rows, name, positive) for name in METRICS}
    for column in columns:
        groups = np.array(cut(column, [r["about"].get(column) for r in rows]))
        if len(set(groups.tolist())) < 2:
            continue

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a resample without one of the classes is NaN
            frame = MetricFrame(
                metrics=figures,
                y_true=table,
                y_pred=table,
                sensitive_features=groups,
                n_boot=_DRAWS,
                ci_quantiles=[0.025, 0.975],
                random_state=0,
            )
        low, high = frame.by_group_ci
        for name in METRICS:
            mine = []
            for group in frame.by_group.index:
                n = _count(rows, groups == group, name, positive)
                values = (frame.by_group, low, high)
                value, bottom, top = (_finite(t.loc[group, name]) for t in values)
                mine.append(
                    {
                        "column": column,
                        "group": str(group),
                        "n": n,
                        "metric": name,
                        "value": value,
                        "low": bottom,
                        "high": top,
                        "small": n < SMALL,
                        "rest": _finite(figures[name](table[groups != group], table)),
                        "p": None,
                    }
                )
            found += mine
            if name in _COMPARED:
                chance = _permuted(rows, groups, name, positive)
                if chance is not None:
                    tests.append((chance, mine))
    corrected = 0.0
    for rank, (chance, mine) in enumerate(sorted(tests, key=lambda t: t[0])):  # Holm 1979
        corrected = min(1.0, max(corrected, chance * (len(tests) - rank)))
        for row in mine:
            row["p"] = corrected
    return found


def _count(rows: Sequence[Row], inside: NDArray[np.bool_], name: str, positive: str) -> int:
    mine = [r for r, i in zip(rows, inside, strict=True) if i]
    if name == "auroc":
        sick = sum(r["label"] == positive for r in mine)
        return int(2 * min(sick, len(mine) - sick))
    return sum(_of(r, name, positive) is not None for r in mine)


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def _permuted(rows: Sequence[Row], groups: NDArray[Any], name: str, positive: str) -> float | None:
    """How often groups drawn at random differ as much as these (largest less smallest, groups large
    enough); None with fewer than two such groups."""
    names = sorted(set(groups.tolist()))
    large = [g for g in names if _count(rows, groups == g, name, positive) >= SMALL]
    if len(large) < 2:
        return None
    kept = [r for r, g in zip(rows, groups, strict=True) if g in large]
    own = np.array([g for g in groups.tolist() if g in large])
    if name == "auroc":
        truth, score = _scores(kept, positive)
    else:
        values = _values(kept, name, positive)

    def gap(groups: NDArray[Any]) -> float:
        inside = np.stack([groups == g for g in large]).astype(float)
        if name == "auroc":
            found = stats.auroc(score, truth, inside)
        else:
            found = stats.mean(values, inside)
        return float(np.nanmax(found) - np.nanmin(found))

    rng, here = np.random.default_rng(0), gap(own)
    beyond = sum(gap(rng.permutation(own)) >= here - 1e-12 for _ in range(_SHUFFLES))
    return (beyond + 1) / (_SHUFFLES + 1)


def _worst(groups: Sequence[Row]) -> Row | None:
    """The group that falls furthest behind the rest, among differences that stand out."""
    behind = []
    for row in groups:
        if row["metric"] not in _COMPARED or row["small"] or row["value"] is None:
            continue
        if row["rest"] is None or row["p"] is None or row["p"] > _ALPHA:
            continue
        sign = 1 if row["metric"] in _LOW_IS_GOOD else -1
        behind.append((sign * (row["value"] - row["rest"]), row))
    worst = max(behind, key=lambda pair: pair[0], default=None)
    return worst[1] if worst is not None and worst[0] > 0 else None


# -- shortcuts -------------------------------------------------------------------------------------


def _shortcuts(rows: Sequence[Row], positive: str) -> list[Row]:
    """What the frame alone, and the size alone, would reach; and what every change does."""
    found: list[Row] = []
    truth, score = _scores(rows, positive)
    draws = stats.draws(len(rows), resamples=_DRAWS)
    model = stats.figure(stats.auroc(score, truth, draws), len(rows)).to_dict()
    given = {
        "frame-alone": np.array([r["features"] for r in rows], float),
        "size-alone": np.array([[r["size"], r["size"] ** 0.5] for r in rows], float),
    }
    for name, x in given.items():
        guess = _cross_validated(x, truth)
        if guess is not None:
            figure = stats.figure(stats.auroc(guess, truth, draws), len(rows)).to_dict()
            speaks = (figure["low"] or 0) > 0.6 and (figure["value"] or 0) > (model["value"] or 0)
            found.append({"name": name, "kind": "baseline", **figure, "caught": speaks})
    challenges = [r["challenges"] for r in rows]
    caught = fired(challenges)
    for name, change in tally(challenges).items():
        found.append({"name": name, "kind": "change", **change, "caught": name in caught})
    for name, steps in tally_steps([r["steps"] for r in rows]).items():
        found.append({"name": name, "kind": "steps", "steps": steps, "caught": False})
    return found


def _cross_validated(x: NDArray[np.float64], truth: NDArray[np.bool_]) -> NDArray[Any] | None:
    """Scores of images by a logistic regression that never saw them; None where a class has fewer
    than five."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if min(truth.sum(), (~truth).sum()) < 5:
        return None
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    found: NDArray[Any] = cross_val_predict(model, x, truth, cv=folds, method="predict_proba")
    return found[:, 1]


# -- two models ------------------------------------------------------------------------------------


def _versus(
    rows: Sequence[Row], others: Sequence[Row], positive: str, second: Analyzer
) -> dict[str, Any]:
    """Paired differences (this model less the other) with bootstrap intervals, and McNemar's exact
    test of who is right where they differ."""
    n = len(rows)
    draws = stats.draws(n, resamples=_DRAWS)
    differences = {}
    for name in METRICS:
        if name == "auroc":
            pair = [
                stats.auroc(score, truth, draws)
                for truth, score in (_scores(some, positive) for some in (rows, others))
            ]
            differences[name] = stats.figure(pair[0] - pair[1], n).to_dict()
            continue
        mine, theirs = (_values(some, name, positive) for some in (rows, others))
        both = np.where(np.isfinite(mine) & np.isfinite(theirs), mine - theirs, np.nan)
        known = int(np.isfinite(both).sum())
        differences[name] = stats.figure(stats.mean(both, draws), known).to_dict()
    pairs = list(zip(rows, others, strict=True))
    only_ours = sum(r["answer"] == r["label"] != o["answer"] for r, o in pairs)
    only_theirs = sum(o["answer"] == o["label"] != r["answer"] for r, o in pairs)
    differ = only_ours + only_theirs
    p = float(binomtest(only_ours, differ).pvalue) if differ else 1.0
    return {
        "model": second.name,
        "differences": differences,
        "only_this_right": only_ours,
        "only_other_right": only_theirs,
        "p": p,
    }
