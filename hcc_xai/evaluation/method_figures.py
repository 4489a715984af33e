"""Every method of explanation on the same images, out of fold: is its map true, does it lie in the
lesion, is it steady, and does it depend on what the network learned?

`measure` writes one row an image and method, `figures` makes means with intervals of them,
`markdown` and `picture` show them.
"""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hcc_xai import stats
from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.analysis.questions import task_of
from hcc_xai.analysis.result import Analysis
from hcc_xai.dataset.folder import LESION, Record, image_path, read_index, read_truth
from hcc_xai.errors import DataError
from hcc_xai.evaluation.card import put_section
from hcc_xai.explain.attribution import Floats, Task
from hcc_xai.explain.methods import METHODS, agreement
from hcc_xai.files import read_lines, write_whole
from hcc_xai.model.bundle import CARD, METHOD_FIGURES, load_bundle
from hcc_xai.model.network import Network

IMAGES = 60
_STEADY, _RANDOMISED = 12, 6  # of these, for what needs a method many times
_SQUARES, _NOISE = 20, 0.02  # of infidelity; of max-sensitivity, share of the grey scale
RANDOM = "random"  # the row of smooth noise that every method must beat
ROWS, SUMMARY = "methods.jsonl", "methods.json"
Row = dict[str, Any]
_COLUMNS = {
    "deletion": "deletion AUC (low is good)",
    "insertion": "insertion AUC (high)",
    "score": "insertion − deletion",
    "road": "ROAD",
    "infidelity": "infidelity (0 to 1, low)",
    "in_lesion": "energy in the true lesion",
    "pointing": "peak in it",
    "sensitivity": "max-sensitivity (low)",
}


def chosen(records: Sequence[Record], count: int = IMAGES) -> list[Record]:
    """As many images of every fold, fixed by a seed; each fold in turn, so that any beginning of
    the list is spread over the folds."""
    folds = sorted({r.fold for r in records})
    mine = [sorted((r for r in records if r.fold == f), key=lambda r: r.name) for f in folds]
    shuffled = [np.random.default_rng(0).permutation(len(some)) for some in mine]
    each = -(-count // len(folds))
    picked = [
        some[int(order[i])]
        for i in range(each)
        for some, order in zip(mine, shuffled, strict=True)
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
) -> list[Row]:
    """Rows of every image and method, written to `out/methods.jsonl` as they come; a run that was
    stopped goes on.

    Args:
        bundles: fold -> the bundle that was trained without it.
        records: the images; `chosen` of the index by default. The first twelve measure steadiness,
            the first six the dependence on the weights.

    Raises:
        DataError: an image of a fold that has no bundle.
    """
    records = list(records) if records is not None else chosen(read_index(data))
    missing = {r.fold for r in records} - set(bundles)
    if missing:
        raise DataError(f"no bundle was trained without fold {', '.join(map(str, missing))}")
    analyzers = {f: Analyzer(load_bundle(path)) for f, path in bundles.items()}
    path = Path(out) / ROWS
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = list(read_lines(path)) if path.is_file() else []
    done = {(r["kind"], r["method"], r["name"]) for r in rows}
    by_cost = sorted(methods, key=lambda m: METHODS[m].seconds_hint)
    kinds = (("map", len(records)), ("randomised", _RANDOMISED), ("steadiness", _STEADY))
    for method in [RANDOM, *by_cost]:
        for kind, count in kinds:
            if method == RANDOM and kind == "randomised":
                continue
            for record in records[:count]:
                if (kind, method, record.name) in done:
                    continue
                made = _MAKERS[kind](analyzers[record.fold], data, record, method)
                new = [{"kind": kind, "method": method, "name": record.name, **m} for m in made]
                with path.open("a", encoding="utf-8") as file:
                    file.write("".join(json.dumps(row) + "\n" for row in new))
                rows += new
            report(f"{method}: {kind}")
    return rows


def _map(analyzer: Analyzer, data: str | Path, record: Record, method: str) -> Iterator[Row]:
    """Deletion, insertion, ROAD, and where the map lies; of the answer's label."""
    answer = analyzer.analyze(image_path(data, record.name))
    heat, seconds = _heat(analyzer, answer, record, method)
    found = analyzer.test_map(answer, heat, answer.label, random=0)
    lesion = read_truth(data, record.name) == LESION
    positive = np.maximum(heat, 0).astype(np.float64)
    some = bool(lesion.any()) and positive.sum() > 0
    yield {
        "label": record.label,
        "seconds": seconds,
        "before": found.before,
        "tenth": found.tenth,
        "deletion": found.deletion_auc,
        "insertion": found.insertion_auc,
        "score": found.score,
        "road": found.road,
        "in_lesion": float(positive[lesion].sum() / positive.sum()) if some else None,
        "pointing": bool(lesion.flat[int(positive.argmax())]) if some else None,
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


def infidelity(analyzer: Analyzer, answer: Analysis, heat: Floats) -> float | None:
    """How badly a map foretells what blurring squares does to the answer's logit (Yeh et al. 2019,
    captum.metrics), as a share of what the logit moves: 0 foretold, 1 not at all. The map's scale
    is fitted first, as most maps have none. None where the logit does not move. heat: (S, S), in
    the network's square."""
    from captum.metrics import infidelity as measured

    task = task_of(analyzer, answer, answer.label)
    x, blurred = task.picture, task.blurred
    side, known = x.shape[-1], dict[bytes, float]()

    def blur_squares(rng: np.random.Generator, inputs: Tensor) -> tuple[Tensor, Tensor]:
        mask = torch.zeros_like(inputs)
        for one in mask:
            width = int(rng.integers(side // 10, side // 3))
            top, left = (int(rng.integers(0, side - width)) for _ in range(2))
            one[:, top : top + width, left : left + width] = 1
        change = (x - blurred) * mask * (x >= 0)
        return change, inputs - change

    def logit(inputs: Tensor) -> Tensor:
        keys = [one.numpy().tobytes() for one in inputs]
        new = [i for i, key in enumerate(keys) if key not in known]
        if new:
            found = analyzer.forward(inputs[new, 0].numpy().astype(np.float32)).logits
            known.update(zip((keys[i] for i in new), found[:, task.index].tolist(), strict=True))
        return torch.tensor([known[key] for key in keys])

    map_ = torch.from_numpy(heat)[None, None]
    with torch.no_grad():
        raw, nothing = (
            float(
                measured(
                    logit,
                    functools.partial(blur_squares, np.random.default_rng(0)),
                    x,
                    m,
                    n_perturb_samples=_SQUARES,
                    max_examples_per_batch=10,
                    normalize=True,
                )
            )
            for m in (map_, torch.zeros_like(map_))
        )
    return min(1.0, raw / nothing) if nothing > 0 else None


def _steadiness(analyzer: Analyzer, data: str | Path, record: Record, method: str) -> Iterator[Row]:
    """Infidelity, and how far a map changes under noise that no eye sees (Yeh et al. 2019,
    captum.metrics)."""
    from captum.metrics import sensitivity_max

    answer = analyzer.analyze(image_path(data, record.name))
    heat = answer.frame.shrink(_heat(analyzer, answer, record, method)[0])
    known = infidelity(analyzer, answer, heat)
    if method == RANDOM:
        yield {"infidelity": known}
        return
    task = task_of(analyzer, answer, answer.label)

    def explained(inputs: Tensor | tuple[Tensor]) -> tuple[Tensor]:
        (given,) = inputs if isinstance(inputs, tuple) else (inputs,)  # the library sends both
        found = []
        for picture in given[:, 0].numpy():
            grey = np.where(task.input >= 0, picture.clip(0, 1), -1).astype(np.float32)
            with torch.enable_grad():  # which the library turns off
                found.append(explain_input(analyzer, grey, method, task.index))
        return (torch.from_numpy(np.stack(found)),)

    torch.manual_seed(0)
    value = sensitivity_max(explained, task.picture, perturb_radius=_NOISE, n_perturb_samples=2)
    yield {"infidelity": known, "sensitivity": float(value)}


def explain_input(analyzer: Analyzer, grey: Floats, method: str, index: int) -> Floats:
    """A map of a network's input, (S, S) as `Frame.to_network` makes it, at the method's own
    resolution. index: of the label."""
    raw = analyzer.forward(grey[None])
    maps = {kind: grids[0] for kind, grids in raw.maps.items()}
    return METHODS[method].function(Task(maps, index, None, grey, analyzer.network))


def _randomised(analyzer: Analyzer, data: str | Path, record: Record, method: str) -> Iterator[Row]:
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


def shuffled(analyzer: Analyzer) -> Iterator[tuple[str, Analyzer]]:
    """The network with the weights of one more stage shuffled each time, heads first. Shuffling
    keeps the layers' scale, so that what is left is not a dead network but an ignorant one."""
    network = copy.deepcopy(analyzer.network)
    generator = torch.Generator().manual_seed(0)
    for name, modules in stages(network):
        with torch.no_grad():
            for module in modules:
                for parameter in module.parameters():
                    flat = parameter.flatten()
                    parameter.copy_(
                        flat[torch.randperm(len(flat), generator=generator)].view_as(parameter)
                    )
        yield name, analyzer.with_network(copy.deepcopy(network))


def stages(network: Network) -> list[tuple[str, list[nn.Module]]]:
    """Name and modules, from the heads down to the picture."""
    trunk = [m for m in network.trunk.children() if any(True for _ in m.parameters())]
    blocks = [b for m in trunk for b in (m if isinstance(m, nn.Sequential) else [m])]
    third = -(-len(blocks) // 3)
    low, middle, high = blocks[:third], blocks[third : 2 * third], blocks[2 * third :]
    return [
        ("heads", [m for m in (network.grade_head, network.mask_head) if m is not None]),
        ("decoder", [network.last, network.merge, network.lateral]),
        ("trunk, last third", high),
        ("trunk, middle", middle),
        ("trunk, first third", low),
    ]


_MAKERS: dict[str, Callable[[Analyzer, str | Path, Record, str], Iterator[Row]]] = {
    "map": _map,
    "randomised": _randomised,
    "steadiness": _steadiness,
}


def figures(rows: Sequence[Row]) -> dict[str, Any]:
    """Means with 95 % bootstrap intervals by image: method -> figure -> value, low, high, n; and
    method -> stage -> the same of the randomised networks."""
    found: dict[str, Any] = {"methods": {}, "randomised": {}}
    for method in [RANDOM, *METHODS]:
        mine = [r for r in rows if r["method"] == method]
        if not mine:
            continue
        found["methods"][method] = {
            name: _mean([r[name] for r in mine if r.get(name) is not None])
            for name in ("seconds", *_COLUMNS)
        }
        names = list(dict.fromkeys(r["stage"] for r in mine if r["kind"] == "randomised"))
        if names:
            found["randomised"][method] = {
                s: _mean([r["alike"] for r in mine if r.get("stage") == s]) for s in names
            }
    return found


def _mean(values: Sequence[float]) -> stats.FigureRow:
    n = len(values)
    if not n:
        return stats.Figure(None, None, None, 0).to_dict()
    return stats.figure(stats.mean(values, stats.draws(n)), n).to_dict()


def markdown(found: Mapping[str, Any]) -> str:
    """Both tables."""
    names = {RANDOM: "smooth noise"} | {name: m.title for name, m in METHODS.items()}
    shown = [m for m in names if m in found["methods"]]
    n = max(found["methods"][m]["score"]["n"] for m in shown)
    head = ["method", *_COLUMNS.values()]
    lines = [
        f"Of the answer's label, on {n} images fixed ahead, each explained through the network "
        "that was trained without its fold; mean (95 % bootstrap interval by image; n where it is "
        "smaller).",
        "",
        "| " + " | ".join(head) + " |",
        "|" + " --- |" * len(head),
    ]
    for method in shown:
        cells = [_cell(found["methods"][method][name], n) for name in _COLUMNS]
        lines.append(f"| {names[method]} | " + " | ".join(cells) + " |")
    if found["randomised"]:
        steps = list(next(iter(found["randomised"].values())))
        lines += [
            "",
            "What is left of a map when the weights are shuffled, from the heads down (Adebayo et "
            "al. 2018): rank correlation with the true map inside the sector. A method whose map "
            "stays shows the picture, not the network.",
            "",
            "| method | " + " | ".join(f"+ {s}" for s in steps) + " | n |",
            "|" + " --- |" * (len(steps) + 2),
        ]
        for method, by_stage in found["randomised"].items():
            cells = [_number(by_stage[s]["value"]) for s in steps]
            size = by_stage[steps[0]]["n"]
            lines.append(f"| {names[method]} | " + " | ".join(cells) + f" | {size} |")
    return "\n".join(lines)


def _cell(figure: Mapping[str, Any], n: int) -> str:
    if figure["value"] is None:
        return "–"
    more = "" if figure["n"] == n else f"; n {figure['n']}"
    return (
        f"{_number(figure['value'])} ({_number(figure['low'])} to {_number(figure['high'])}{more})"
    )


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def picture(found: Mapping[str, Any], path: str | Path) -> None:
    """Insertion less deletion of every method, and the curves of the shuffled networks."""
    from matplotlib.figure import Figure

    shown = [m for m in [RANDOM, *METHODS] if m in found["methods"]]
    drawn = Figure(figsize=(11, 4.2), layout="constrained")
    left, right = drawn.subplots(1, 2)
    for row, method in enumerate(reversed(shown)):
        figure = found["methods"][method]["score"]
        left.plot([figure["low"], figure["high"]], [row, row], color="0.4")
        left.plot(figure["value"], row, "o", color="tab:blue")
    left.set_yticks(range(len(shown)), list(reversed(shown)))
    left.axvline(0, color="0.7", lw=0.8)
    left.set_xlabel("insertion less deletion AUC")
    for number, (method, by_stage) in enumerate(found["randomised"].items()):
        values = [1.0, *(figure["value"] for figure in by_stage.values())]
        style = ("-", "--", ":")[number // 10 % 3]
        right.plot(["trained", *by_stage], values, style, marker=".", label=method)
    right.set_ylabel("rank correlation with the true map")
    right.tick_params(axis="x", rotation=20)
    if found["randomised"]:
        right.legend(fontsize=7, ncols=2)
    drawn.savefig(path, dpi=110)


def write(
    rows: Sequence[Row], out: str | Path, *, bundle: str | Path | None = None
) -> dict[str, Any]:
    """`methods.json` and `methods.png` of some rows; and, where a bundle is given, its card's
    section."""
    found = figures(rows)
    write_whole(Path(out) / SUMMARY, (json.dumps(found, indent=1) + "\n").encode())
    picture(found, Path(out) / METHOD_FIGURES)
    if bundle is not None:
        loaded = load_bundle(bundle)
        shown = f"![insertion less deletion, and shuffled networks]({METHOD_FIGURES})"
        section = f"## How far each explanation can be trusted\n\n{shown}\n\n{markdown(found)}"
        text = put_section(loaded.card, "methods", section)
        write_whole(loaded.path / METHOD_FIGURES, (Path(out) / METHOD_FIGURES).read_bytes())
        write_whole(loaded.path / CARD, text.encode())
    return found
