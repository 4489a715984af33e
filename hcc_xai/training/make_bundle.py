"""From trained weights to a bundle that answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from safetensors.torch import load_file

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.imaging import draw
from hcc_xai.kinds.known import LIVER, kind_named
from hcc_xai.model.bundle import BundleConfig, load_bundle, save_bundle
from hcc_xai.model.config import FORMAT
from hcc_xai.model.exact import KINDS
from hcc_xai.model.network import MASKS, NetworkConfig

BUNDLE_NAMES = {LIVER: "liver-us"}  # where a bundle is not called what its kind is


def make_bundle(
    weights: str | Path,
    out: str | Path,
    *,
    name: str,
    kind: str = LIVER,
    network: NetworkConfig,
    training: Mapping[str, object],
    licence: str,
    examples: Sequence[str | Path],
    card: str = "",
) -> Path:
    """Turn trained weights into a bundle; the drawing scales are read off the maps of `examples`.

    Args:
        weights: what `train` returned.
        out: the bundle's folder.
        name: short name of the bundle.
        kind: of picture, a name in `KINDS`.
        network: of which the weights are.
        training: what the card and the config say about how it was trained.
        licence: of the bundle, as the Hub names it.
        examples: pictures of the training part; without any, the bundle holds no scales.
        card: text of its README.md; a heading by default.

    Returns:
        The bundle's folder.
    """
    of = kind_named(kind)
    config = BundleConfig(
        name=name,
        kind=kind,
        organ=of.organ,
        network=network,
        titles={
            label: dict(of.labels.get(label, {"en": label, "es": label}))
            for label in network.labels
        },
        licence=licence,
        positive=of.positive if of.positive in network.labels else None,
        # About two cells of the map: less than that is no outline. Fixed ahead, not fitted.
        least_lesion_share=0.001,
        training=dict(training),
        format=1 if kind == LIVER and network.masks == MASKS else FORMAT,
    )
    state = load_file(str(weights))
    folder = save_bundle(out, config, state, card or f"# {name}\n")
    if not examples:
        return folder
    scales = drawing_scales(folder, examples)
    return save_bundle(out, replace(config, scales=scales), state, card or f"# {name}\n")


def drawing_scales(bundle: Path, examples: Sequence[str | Path]) -> dict[str, float]:
    """What the absolute drawing scale of each kind of map ends at: a typical sure answer's strong
    evidence is drawn at full strength.

    Args:
        bundle: a bundle's folder.
        examples: pictures to take the scales from.
    """
    analyzer = Analyzer(load_bundle(bundle), device="cpu")
    tops: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for path in examples:
        answer = analyzer.analyze(path)
        for kind in KINDS:
            tops[kind].append(draw.own_scale(answer.grid(None, kind)))
    return {kind: float(np.percentile(values, 75)) for kind, values in tops.items()}
