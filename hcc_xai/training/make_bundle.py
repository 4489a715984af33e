"""From trained weights to a bundle that answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from safetensors.torch import load_file

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.dataset.folder import Record
from hcc_xai.imaging import draw
from hcc_xai.model.bundle import BundleConfig, load_bundle, save_bundle
from hcc_xai.model.exact import KINDS
from hcc_xai.model.network import NetworkConfig

TITLES = {
    "normal": {"en": "no mass", "es": "sin masa"},
    "benign": {"en": "benign liver mass", "es": "masa hepática benigna"},
    "malignant": {"en": "malignant liver mass", "es": "masa hepática maligna"},
}


def label_order(records: Sequence[Record]) -> tuple[str, ...]:
    """The labels of the records, the harmless ones first."""
    order = {"normal": 0, "benign": 1, "malignant": 2}
    labels = sorted({r.label for r in records}, key=lambda label: (order.get(label, 9), label))
    return tuple(labels)


def make_bundle(
    weights: str | Path,
    out: str | Path,
    *,
    name: str,
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
        network: of which the weights are.
        training: what the card and the config say about how it was trained.
        licence: of the bundle, as the Hub names it.
        examples: pictures of the training part; without any, the bundle holds no scales.
        card: text of its README.md; a heading by default.

    Returns:
        The bundle's folder.
    """
    config = BundleConfig(
        name=name,
        network=network,
        titles={label: TITLES.get(label, {"en": label, "es": label}) for label in network.labels},
        licence=licence,
        malignant="malignant" if "malignant" in network.labels else None,
        # About two cells of the map: less than that is no outline. Fixed ahead, not fitted.
        least_lesion_share=0.001,
        training=dict(training),
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
