"""Every method of explanation on the same images, out of fold: is its map true, does it lie in the
lesion, is it steady, and does it depend on what the network learned? One row an image and method.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.analysis.result import Analysis
from hcc_xai.dataset.folder import TARGET, Record, image_path, read_index, read_truth
from hcc_xai.errors import DataError
from hcc_xai.evaluation.method_probes import explain_input, infidelity, sensitivity, shuffled
from hcc_xai.explain.methods import METHODS, agreement
from hcc_xai.explain.shares import shares
from hcc_xai.files import read_lines
from hcc_xai.model.bundle import load_bundle

IMAGES = 60
STEADY, RANDOMISED = 12, 6  # of these, for what needs a method many times
RANDOM = "random"  # the row of smooth noise that every method must beat
ROWS = "methods.jsonl"


class Measured(TypedDict, total=False):
    """What is measured of a method on an image; None where it has no meaning.

    Of a "map": `label` (the true one), `seconds`, `before` (probability of the answer), `tenth`
    (with the strongest tenth deleted), `deletion` and `insertion` (areas under the curves),
    `score` (insertion less deletion), `road`, `in_lesion` (share of its energy in the true
    lesion), `pointing` (whether its peak lies there).

    Of "steadiness": `infidelity` (0 to 1), `sensitivity`.

    Of "randomised": `stage` (down to which the weights were shuffled), `alike` (rank correlation
    with the true map).
    """

    label: str
    seconds: float
    before: float
    tenth: float
    deletion: float
    insertion: float
    score: float
    road: float | None
    in_lesion: float | None
    pointing: bool | None
    infidelity: float | None
    sensitivity: float
    stage: str
    alike: float


class MethodRow(Measured):
    """One line of `methods.jsonl`: `kind` ("map", "randomised" or "steadiness"), `method`, `name`
    (of the image), and what was measured."""

    kind: str
    method: str
    name: str


def chosen(records: Sequence[Record], count: int = IMAGES) -> list[Record]:
    """As many images of every fold, fixed by a seed; each fold in turn, so that any beginning of
    the list is spread over the folds."""
    folds = sorted({r.fold for r in records})
    mine = [sorted((r for r in records if r.fold == f), key=lambda r: r.name) for f in folds]
    orders = [np.random.default_rng(0).permutation(len(some)) for some in mine]
    each = -(-count // len(folds))
    picked = [
        some[int(order[i])]
        for i in range(each)
        for some, order in zip(mine, orders, strict=True)
        if i < len(order)
    ]
    return picked[:count]


def measure(
    bundles: Mapping[int, Path],
    data: str | Path,
    out: str | Path,
    *,
    records: Sequence[Record] | None = None,
    methods: Sequence[str] = tuple(METHODS),
    report: Callable[[str], None] = lambda line: None,
) -> list[MethodRow]:
    """Rows of every image and method, written to `out/methods.jsonl` as they come; a run that was
    stopped goes on.

    Args:
        bundles: fold -> the bundle that was trained without it.
        data: the data folder.
        out: folder of the rows.
        records: the images; `chosen` of the index by default. The first twelve measure steadiness,
            the first six the dependence on the weights.
        methods: names of the methods; the cheapest is measured first.
        report: is told one line a method and kind.

    Raises:
        DataError: an image of a fold that has no bundle.
    """
    records = list(records) if records is not None else chosen(read_index(data))
    missing = {r.fold for r in records} - set(bundles)
    if missing:
        raise DataError(
            "methods-fold-missing",
            "no bundle was trained without fold {folds}",
            folds=", ".join(map(str, missing)),
        )
    analyzers = {f: Analyzer(load_bundle(path)) for f, path in bundles.items()}
    path = Path(out) / ROWS
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [cast(MethodRow, row) for row in read_lines(path)] if path.is_file() else []
    done = {(r["kind"], r["method"], r["name"]) for r in rows}
    for method in [RANDOM, *sorted(methods, key=lambda m: METHODS[m].seconds_hint)]:
        for kind in _kinds(method):
            for record in records[: kind.images]:
                if (kind.name, method, record.name) in done:
                    continue
                new: list[MethodRow] = [
                    {"kind": kind.name, "method": method, "name": record.name, **measured}
                    for measured in kind.measure(analyzers[record.fold], data, record, method)
                ]
                with path.open("a", encoding="utf-8") as file:
                    file.write("".join(json.dumps(row) + "\n" for row in new))
                rows += new
            report(f"{method}: {kind.name}")
    return rows


@dataclass(frozen=True)
class Kind:
    """A kind of measurement.

    Attributes:
        name: of the rows.
        images: how many images it is made of, from the first; None for all.
        measure: gives what is measured of a method on an image.
    """

    name: str
    images: int | None
    measure: Callable[[Analyzer, str | Path, Record, str], Iterator[Measured]]


def _kinds(method: str) -> tuple[Kind, ...]:
    """What is measured of a method, in this order."""
    randomised = () if method == RANDOM else (Kind("randomised", RANDOMISED, _randomised),)
    return Kind("map", None, _map), *randomised, Kind("steadiness", STEADY, _steadiness)


def _map(analyzer: Analyzer, data: str | Path, record: Record, method: str) -> Iterator[Measured]:
    """Deletion, insertion, ROAD, and where the map lies; of the answer's label."""
    answer = analyzer.analyze(image_path(data, record.name))
    heat, seconds = _heat(analyzer, answer, record, method)
    faith = analyzer.test_map(answer, heat, answer.label, random=0)
    lesion = read_truth(data, record.name) == TARGET
    some = bool(lesion.any()) and heat.max() > 0
    yield {
        "label": record.label,
        "seconds": seconds,
        "before": faith.before,
        "tenth": faith.tenth,
        "deletion": faith.deletion_auc,
        "insertion": faith.insertion_auc,
        "score": faith.score,
        "road": faith.road,
        "in_lesion": shares(heat, {"lesion": lesion})["lesion"] if some else None,
        "pointing": bool(lesion.flat[int(heat.argmax())]) if some else None,
    }


def _heat(
    analyzer: Analyzer, answer: Analysis, record: Record, method: str
) -> tuple[NDArray[np.float32], float]:
    """A method's map in the pixels of the file, and its seconds."""
    if method != RANDOM:
        explanation = analyzer.explain(answer, method)
        return explanation.map, explanation.seconds
    rng = np.random.default_rng(sum(record.name.encode()))
    noise = cv2.GaussianBlur(rng.normal(size=answer.image.shape), (0, 0), 20.0)
    return np.where(answer.sector, noise - noise.min(), 0).astype(np.float32), 0.0


def _steadiness(
    analyzer: Analyzer, data: str | Path, record: Record, method: str
) -> Iterator[Measured]:
    """Infidelity and, of a method, how far its map changes under noise that no eye sees."""
    answer = analyzer.analyze(image_path(data, record.name))
    heat = answer.frame.shrink(_heat(analyzer, answer, record, method)[0])
    measured: Measured = {"infidelity": infidelity(analyzer, answer, heat)}
    if method != RANDOM:
        measured["sensitivity"] = sensitivity(analyzer, answer, method)
    yield measured


def _randomised(
    analyzer: Analyzer, data: str | Path, record: Record, method: str
) -> Iterator[Measured]:
    """The map once the weights are shuffled, from the heads down, a stage more each time (Adebayo
    et al. 2018): its rank correlation with the true one, inside the sector."""
    answer = analyzer.analyze(image_path(data, record.name))
    grey = answer.frame.to_network(answer.image.grey)
    index = list(answer.probabilities).index(answer.label)
    true = explain_input(analyzer, grey, method, index)
    seen = np.ascontiguousarray(
        cv2.resize((grey >= 0).astype(np.uint8), true.shape[::-1], interpolation=cv2.INTER_NEAREST)
    )
    for stage, twin in shuffled(analyzer):
        other = explain_input(twin, grey, method, index)
        alike = float(agreement([true, other], seen > 0)[0, 1])
        yield {"stage": stage, "alike": 0.0 if np.isnan(alike) else alike}
