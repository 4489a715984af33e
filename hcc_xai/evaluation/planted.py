"""Planted evidence: a benchmark in which an explanation can fail.

Five small networks learn from the same phantoms, each to tell another thing: the lesion's
brightness, a text in a corner, a caliper, the slope of the gain with depth, the speckle's size. All
five things vary in every phantom, by themselves; so what decides is known, and a method that shows
the same map for all five networks is blind. Of the first three the place is known and every method
is scored on finding it. The last two have no place: no heatmap can show them, and the challenges
(see `analysis/challenges.py`) must.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.analysis.result import Analysis
from hcc_xai.analysis.tally import fired, share, tally
from hcc_xai.evaluation.planted_training import Report, samples_of, save, train
from hcc_xai.evaluation.planted_worlds import (
    DEFAULT,
    LABELS,
    WORLDS,
    Mask,
    Recipe,
    place_of,
    spec_of,
)
from hcc_xai.explain.methods import METHODS
from hcc_xai.explain.shares import shares
from hcc_xai.files import write_whole
from hcc_xai.imaging import draw
from hcc_xai.model.bundle import load_bundle
from hcc_xai.model.network import STRIDE
from hcc_xai.phantoms.phantom import Phantom, make

Figure = dict[str, Any]  # value, low, high and n, as `challenges.share` gives them
_SHOWN = ("grad-cam++", "contribution", "integrated-gradients", "occlusion")  # in the picture


class MethodFigures(TypedDict):
    """How well a method finds the place; the keys of one method in `planted.json`.

    peak: how often its map's highest point lies there. energy: the mean share of the map's positive
    energy that does. area: the place's mean share of the sector, which is what chance would reach.
    """

    peak: Figure
    energy: float | None
    area: float | None


class WorldFigures(TypedDict):
    """What was found in one world; its keys in `planted.json`.

    says: what decides. accuracy: of the answers. challenges: by name, how often each spoke against
    an answer. methods: by name; empty where what decides has no place. fired: the warnings.
    """

    says: str
    accuracy: Figure
    challenges: dict[str, Figure]
    methods: dict[str, MethodFigures]
    fired: list[str]


@dataclass(frozen=True)
class Score:
    """How well one map finds the place.

    Attributes:
        peak: whether its highest point lies there.
        energy: the share of its positive energy that does, 0 to 1.
        area: the place's share of the sector, 0 to 1.
    """

    peak: bool
    energy: float
    area: float


def benchmark(
    out: str | Path,
    *,
    images: int = 400,
    tested: int = 40,
    epochs: int = 20,
    seed: int = 1,
    methods: Sequence[str] = tuple(METHODS),
    recipe: Recipe = DEFAULT,
    report: Report = lambda line: None,
) -> dict[str, WorldFigures]:
    """Train the five networks, score every method and every challenge, and write
    `planted.json`, `planted.md` and `planted.png` to `out`.

    Args:
        out: folder; the five bundles are written to `bundles` in it.
        images: phantoms to learn from, 16 at least.
        tested: others to score on.
        epochs: of each training.
        seed: of the phantoms and the trainings.
        methods: names in `METHODS`.
        recipe: of the phantoms and the networks.
        report: is told what is done.

    Returns:
        What stands in `planted.json`, by world.
    """
    out = Path(out)
    specs = [spec_of(100_000 * seed + i, recipe) for i in range(images + tested)]
    report(f"drawing {len(specs)} phantoms")
    phantoms = [make(spec) for spec, _ in specs]
    samples = samples_of(phantoms[:images], recipe)
    figures: dict[str, WorldFigures] = {}
    rows: list[NDArray[np.uint8]] = []
    for world in WORLDS:
        marks = [int(coins[world]) for _, coins in specs]
        labels = torch.tensor(marks[:images])
        network = train(samples, labels, epochs=epochs, recipe=recipe, seed=seed, report=report)
        folder = save(out / "bundles" / world, world, network)
        analyzer = Analyzer(load_bundle(folder), device="cpu")
        answers = analyzer.analyze([p.pixels for p in phantoms[images:]])
        right = [a.label == LABELS[m] for a, m in zip(answers, marks[images:], strict=True)]
        report(f"{world}: {sum(right)} of {len(right)} right")
        challenges = [analyzer.challenge(a) for a in answers]
        seen = [
            (answer, phantom)
            for answer, phantom, mark, hit in zip(
                answers, phantoms[images:], marks[images:], right, strict=True
            )
            if mark and hit
        ]
        figures[world] = {
            "says": WORLDS[world].says,
            "accuracy": share(right),
            "challenges": tally(challenges),
            "methods": _methods(analyzer, world, seen, methods, report),
            "fired": fired(challenges),
        }
        if seen:
            rows.append(_row(analyzer, seen[0][0], world))
    write_whole(out / "planted.json", (json.dumps(figures, indent=1) + "\n").encode())
    write_whole(out / "planted.md", markdown(figures).encode())
    if rows:
        write_whole(out / "planted.png", draw.png(np.vstack(rows)))
    return figures


def _methods(
    analyzer: Analyzer,
    world: str,
    seen: Sequence[tuple[Analysis, Phantom]],
    methods: Sequence[str],
    report: Report,
) -> dict[str, MethodFigures]:
    """The figures of every method, on the phantoms in which the network saw what decides."""
    if not WORLDS[world].placed:
        return {}
    places = [(answer, place_of(world, phantom)) for answer, phantom in seen]
    figures: dict[str, MethodFigures] = {}
    for method in methods:
        scores = [
            _score(analyzer, answer, method, place)
            for answer, place in places
            if place is not None and place.any()
        ]
        figures[method] = {
            "peak": share([s.peak for s in scores]),
            "energy": float(np.mean([s.energy for s in scores])) if scores else None,
            "area": float(np.mean([s.area for s in scores])) if scores else None,
        }
        report(f"{world}: {method}")
    return figures


def _score(analyzer: Analyzer, answer: Analysis, method: str, place: Mask) -> Score:
    """How well a method's map finds the place, widened by one position of the shared map."""
    heat = analyzer.explain(answer, method).map
    reach = round(STRIDE * max(answer.sector.shape) / analyzer.config.network.size)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    wide = (cv2.dilate(place.astype(np.uint8), kernel) > 0) & answer.sector
    area = float(wide.sum() / answer.sector.sum())
    peak = heat.max() > 0 and bool(wide.flat[int(heat.argmax())])
    return Score(peak, shares(heat, {"place": wide})["place"], area)


def _row(analyzer: Analyzer, answer: Analysis, world: str) -> NDArray[np.uint8]:
    """The picture and a few maps of it, beside each other."""
    maps = [answer.overlay_of(analyzer.explain(answer, m), absolute=False) for m in _SHOWN]
    tiles = []
    for name, picture in zip([world, *_SHOWN], [answer.image.pixels, *maps], strict=True):
        tile = picture.copy()
        cv2.putText(
            tile, name, (6, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 0), 1, cv2.LINE_AA
        )
        tiles.append(tile)
    return np.hstack(tiles)


def markdown(figures: Mapping[str, WorldFigures]) -> str:
    """Two tables of what `benchmark` returns: how well each method finds what decides, where it has
    a place, and how often each challenge spoke against an answer."""
    return "\n".join([*_method_table(figures), *_challenge_table(figures)]) + "\n"


def _method_table(figures: Mapping[str, WorldFigures]) -> list[str]:
    """Its lines and an empty one; none where no method was scored."""
    placed = [w for w in figures if figures[w]["methods"]]
    if not placed:
        return []
    first = {w: next(iter(figures[w]["methods"].values())) for w in placed}
    heads = [
        f"{w}: peak (n {one['peak']['n']}), energy; area {_number(one['area'])}"
        for w, one in first.items()
    ]
    lines = ["| method | " + " | ".join(heads) + " |", "|" + " --- |" * (len(placed) + 1)]
    for method in figures[placed[0]]["methods"]:
        cells = []
        for w in placed:
            one = figures[w]["methods"][method]
            cells.append(f"{_interval(one['peak'])}, {_number(one['energy'])}")
        lines.append(f"| {METHODS[method].title} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _challenge_table(figures: Mapping[str, WorldFigures]) -> list[str]:
    names = list(dict.fromkeys(n for w in figures.values() for n in w["challenges"]))
    lines = [
        "| what decides | accuracy | " + " | ".join(names) + " | warnings |",
        "|" + " --- |" * (len(names) + 3),
    ]
    for one in figures.values():
        shares = [one["challenges"][n]["value"] if n in one["challenges"] else None for n in names]
        cells = " | ".join(map(_number, shares))
        warnings = ", ".join(one["fired"]) or "none"
        lines.append(f"| {one['says']} | {_interval(one['accuracy'])} | {cells} | {warnings} |")
    return lines


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _interval(figure: Figure) -> str:
    if figure["value"] is None:
        return "–"
    return f"{figure['value']:.2f} ({figure['low']:.2f} to {figure['high']:.2f})"
