"""Planted evidence: a benchmark in which an explanation can fail.

Five small networks learn from the same phantoms, each to tell another thing: the lesion's
brightness, a text in a corner, a caliper, the slope of the gain with depth, the speckle's size. All
five things vary in every phantom, by themselves; so what decides is known, and a method that shows
the same map for all five networks is blind. Of the first three the place is known and every method
is scored on finding it. The last two have no place: no heatmap can show them, and the challenges
(see shortcuts.py) must.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.analysis.challenges import fired, share, tally
from hcc_xai.analysis.result import Analysis
from hcc_xai.dataset.folder import LESION
from hcc_xai.explain.methods import METHODS
from hcc_xai.files import write_whole
from hcc_xai.imaging import draw
from hcc_xai.imaging.frame import Frame
from hcc_xai.model.bundle import BundleConfig, load_bundle, save_bundle
from hcc_xai.model.network import Network, NetworkConfig, sector_of
from hcc_xai.phantoms.phantom import Phantom, PhantomSpec, make, random_spec
from hcc_xai.training.losses import losses

Mask = NDArray[np.bool_]
Report = Callable[[str], None]
LABELS = ("without", "with")  # the thing that decides
SHAPE = (320, 416)
_SIDE, _CHANNELS, _TRUNK = 192, 24, "mobilenetv3_small_050"
_SHIFT = 10  # pixels at most


@dataclass(frozen=True)
class World:
    """What decides.

    Attributes:
        says: in words. placed: whether it has a place. warnings: the challenges that must fail,
            one of them at least; none where nothing may.
    """

    says: str
    placed: bool
    warnings: tuple[str, ...] = ()


WORLDS = {
    "lesion": World("the lesion's brightness", True),
    "text": World("a text in a corner of the sector", True, ("text", "unmarked")),
    "caliper": World("a caliper on the lesion's edge", True, ("calipers", "unmarked")),
    "slope": World("the slope of gain with depth", False, ("slope-up", "slope-down")),
    "speckle": World("the size of the speckle", False, ("finer", "coarser")),
}


def spec_of(seed: int) -> tuple[PhantomSpec, dict[str, bool]]:
    """A phantom with one lesion, and which of the five things it has: each by a coin of its own."""
    rng = np.random.default_rng([seed, 11])
    coins = dict(zip(WORLDS, (rng.random(len(WORLDS)) < 0.5).tolist(), strict=True))
    spec = random_spec(seed, label="malignant", shape=SHAPE)
    lesion = replace(
        spec.lesions[0], contrast_db=-9.0 if coins["lesion"] else 7.0, halo=False, texture_db=0.5
    )
    spec = replace(
        spec,
        lesions=(lesion,),
        text_inside=coins["text"],
        calipers=coins["caliper"],
        caliper_scale=2.0,  # a network this small would need more phantoms to learn a smaller one
        tgc_slope=0.4 if coins["slope"] else -0.6,
        speckle_mm=1.6 if coins["speckle"] else 0.7,
        looks=3,
        gain_db=0.0,
        noise_db=-30.0,
    )
    return spec, coins


def place_of(world: str, phantom: Phantom) -> Mask | None:
    """Where the thing that decides lies, (H, W); None where it is not there, or has no place."""
    spec = phantom.spec
    if world == "lesion":
        return phantom.lesion
    there = {"text": spec.text_inside, "caliper": spec.calipers}
    if not there.get(world):
        return None
    without = replace(spec, text_inside=False) if world == "text" else replace(spec, calipers=False)
    plain = make(without).pixels
    found: Mask = (plain != phantom.pixels).any(2) & phantom.sector
    return found


def benchmark(
    out: str | Path,
    *,
    images: int = 400,
    tested: int = 40,
    epochs: int = 20,
    seed: int = 1,
    methods: Sequence[str] = tuple(METHODS),
    report: Report = lambda line: None,
) -> dict[str, Any]:
    """Train the five networks, score every method and every challenge, and write
    `planted.json`, `planted.md` and `planted.png` to `out`.

    Args:
        images: phantoms to learn from. tested: others to score on. epochs: of each training.
        seed: of the phantoms and the trainings.

    Returns:
        What stands in `planted.json`: world -> accuracy, methods, challenges, warnings.
    """
    out = Path(out)
    made = [spec_of(100_000 * seed + i) for i in range(images + tested)]
    report(f"drawing {len(made)} phantoms")
    phantoms = [make(spec) for spec, _ in made]
    coins = [c for _, c in made]
    samples = _samples(phantoms[:images])
    found: dict[str, Any] = {}
    shown: list[NDArray[np.uint8]] = []
    for world, about in WORLDS.items():
        marks = [int(c[world]) for c in coins]
        network = train(
            samples, torch.tensor(marks[:images]), epochs=epochs, seed=seed, report=report
        )
        folder = save(out / "bundles" / world, world, network)
        analyzer = Analyzer(load_bundle(folder), device="cpu")
        answers = analyzer.analyze([p.pixels for p in phantoms[images:]])
        right = [a.label == LABELS[m] for a, m in zip(answers, marks[images:], strict=True)]
        report(f"{world}: {sum(right)} of {len(right)} right")
        challenges = [analyzer.challenge(a) for a in answers]
        found[world] = {
            "says": about.says,
            "accuracy": share(right),
            "challenges": tally(challenges),
            "methods": {},
        }
        found[world]["fired"] = fired(challenges)
        chosen = [i for i in range(tested) if marks[images + i] and right[i]]
        if about.placed:
            places = {i: place_of(world, phantoms[images + i]) for i in chosen}
            for method in methods:
                hits = [
                    _find(analyzer, answers[i], method, place)
                    for i, place in places.items()
                    if place is not None and place.any()
                ]
                found[world]["methods"][method] = {
                    "peak": share([h[0] for h in hits]),
                    "energy": float(np.mean([h[1] for h in hits])) if hits else None,
                    "area": float(np.mean([h[2] for h in hits])) if hits else None,
                }
                report(f"{world}: {method}")
        if chosen:
            shown.append(_row(analyzer, answers[chosen[0]], world))
    write_whole(out / "planted.json", (json.dumps(found, indent=1) + "\n").encode())
    write_whole(out / "planted.md", markdown(found).encode())
    if shown:
        write_whole(out / "planted.png", draw.png(np.vstack(shown)))
    return found


def _samples(phantoms: Sequence[Phantom]) -> tuple[Tensor, Tensor]:
    """Inputs (N, 1, S, S) and targets (N, S, S) of 0, 1 liver, 2 lesion."""
    inputs, targets = [], []
    for phantom in phantoms:
        frame = Frame.around(phantom.sector, size=_SIDE)
        inputs.append(frame.to_network(phantom.pixels.mean(2).astype(np.float32) / 255))
        liver, lesion = frame.shrink_mask(phantom.liver), frame.shrink_mask(phantom.lesion)
        targets.append(np.where(lesion, LESION, liver.astype(np.int64)))
    return torch.from_numpy(np.stack(inputs))[:, None], torch.from_numpy(np.stack(targets))


def train(
    samples: tuple[Tensor, Tensor],
    labels: Tensor,
    *,
    epochs: int,
    report: Report = lambda line: None,
    seed: int = 0,
) -> Network:
    """A small network that learns the labels by whatever tells them apart: the pictures are moved
    about, but keep their levels and marks, and nothing asks for evidence in the lesion. labels:
    (N,) of 0 and 1."""
    torch.manual_seed(seed)
    network = Network(NetworkConfig(_TRUNK, _SIDE, _CHANNELS, LABELS))
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.01)
    inputs, targets = samples
    batch, everywhere = 16, torch.ones(16, dtype=torch.bool)
    steps = len(inputs) // batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, epochs * steps)
    for epoch in range(epochs):
        network.train()
        total = 0.0
        for chosen in torch.randperm(len(inputs))[: steps * batch].view(steps, batch):
            x, target = _moved(inputs[chosen], targets[chosen])
            shared, sector = network.features(x), sector_of(x)
            out = network.heads(shared, sector)
            parts = losses(out, shared, network, sector, labels[chosen], target, everywhere)
            loss = 2 * parts["grade"] + parts["liver"] + parts["lesion"]
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            total += float(parts["grade"].detach()) / steps
        if epoch % 6 == 5:
            report(f"epoch {epoch + 1}: grade loss {total:.3f}")
    return network.eval()


def save(folder: str | Path, world: str, network: Network) -> Path:
    """A network of `train` as a bundle that `load` takes; returns the folder."""
    config = BundleConfig(
        name=f"planted-{world}",
        network=network.config,
        titles={label: {"en": label, "es": label} for label in LABELS},
        licence="cc0-1.0",
        malignant=None,
        least_lesion_share=0.001,
    )
    says = f"Trained on phantoms in which {WORLDS[world].says} decides."
    return save_bundle(folder, config, network.state_dict(), f"# Planted evidence\n\n{says}\n")


def _moved(x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Mirrored and shifted by whole pixels, at random; anything that interpolates would change the
    speckle."""
    if torch.rand(()) < 0.5:
        x, target = x.flip(-1), target.flip(-1)
    rows, cols = (int(v) for v in torch.randint(-_SHIFT, _SHIFT + 1, (2,)))
    spread = (_SHIFT + cols, _SHIFT - cols, _SHIFT + rows, _SHIFT - rows)
    cut = (..., slice(_SHIFT, _SHIFT + _SIDE), slice(_SHIFT, _SHIFT + _SIDE))
    return F.pad(x, spread, value=-1.0)[cut], F.pad(target, spread)[cut]


def _find(
    analyzer: Analyzer, answer: Analysis, method: str, place: Mask
) -> tuple[bool, float, float]:
    """Whether the map's peak lies at the place, the share of its energy there, and the place's
    share of the sector; the place is widened by one position of the shared map."""
    heat = np.maximum(analyzer.explain(answer, method).map, 0).astype(np.float64)
    reach = round(4 * max(answer.sector.shape) / _SIDE)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    wide = (cv2.dilate(place.astype(np.uint8), kernel) > 0) & answer.sector
    area = float(wide.sum() / answer.sector.sum())
    if heat.sum() == 0:
        return False, 0.0, area
    return bool(wide.flat[int(heat.argmax())]), float(heat[wide].sum() / heat.sum()), area


def _row(analyzer: Analyzer, answer: Analysis, world: str) -> NDArray[np.uint8]:
    """The picture and a few maps of it, beside each other."""
    shown = ["grad-cam++", "contribution", "integrated-gradients", "occlusion"]
    maps = [answer.overlay_of(analyzer.explain(answer, m), absolute=False) for m in shown]
    named = [world, *shown]
    tiles = []
    for name, tile in zip(named, [answer.image.pixels, *maps], strict=True):
        made = tile.copy()
        cv2.putText(
            made, name, (6, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 0), 1, cv2.LINE_AA
        )
        tiles.append(made)
    return np.hstack(tiles)


def markdown(found: Mapping[str, Any]) -> str:
    """Both tables."""
    placed = [w for w in found if found[w]["methods"]]
    lines = []
    if placed:
        first = {w: next(iter(found[w]["methods"].values())) for w in placed}
        heads = [
            f"{w}: peak (n {one['peak']['n']}), energy; area {_number(one['area'])}"
            for w, one in first.items()
        ]
        lines += ["| method | " + " | ".join(heads) + " |", "|" + " --- |" * (len(placed) + 1)]
        for method in found[placed[0]]["methods"]:
            cells = []
            for w in placed:
                one = found[w]["methods"][method]
                cells.append(f"{_figure(one['peak'])}, {_number(one['energy'])}")
            lines.append(f"| {METHODS[method].title} | " + " | ".join(cells) + " |")
        lines.append("")
    names = list(dict.fromkeys(n for w in found.values() for n in w["challenges"]))
    lines += [
        "| what decides | accuracy | " + " | ".join(names) + " | warnings |",
        "|" + " --- |" * (len(names) + 3),
    ]
    for one in found.values():
        cells = [
            f"{one['challenges'][n]['value']:.2f}" if n in one["challenges"] else "–" for n in names
        ]
        said = ", ".join(one["fired"]) or "none"
        lines.append(
            f"| {one['says']} | {_figure(one['accuracy'])} | " + " | ".join(cells) + f" | {said} |"
        )
    return "\n".join(lines) + "\n"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _figure(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return "–"
    return f"{figure['value']:.2f} ({figure['low']:.2f} to {figure['high']:.2f})"
