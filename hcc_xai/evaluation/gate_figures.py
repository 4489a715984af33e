"""Fit the gate of a bundle, and measure how well gates stop what is no liver ultrasound."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.evaluation.gate_pictures import BARE, RESEARCH_ONLY, Crowd, gather, look
from hcc_xai.evaluation.gate_section import Accepted, Count, GateFigures, Unknown, section
from hcc_xai.model.bundle import Bundle, load_bundle
from hcc_xai.model.gate import LIVER, Gate, fit
from hcc_xai.stats import Floats

Mask = NDArray[np.bool_]


def screen(
    bundle: str | Path,
    data: str | Path,
    kinds: str | Path,
    *,
    folds: Mapping[int, Path],
    left_out: Mapping[str, Path],
    report: Callable[[str], None] = lambda line: None,
) -> str:
    """Fit the gate of a bundle, measure gates of other networks, and give the card's section.

    Args:
        bundle: folder of the bundle that ships.
        data: the data folder.
        kinds: a folder with `index.csv` of path and kind.
        folds: fold -> bundle that was trained without it.
        left_out: frame size -> bundle that was trained without it.
        report: is told of each network.

    Returns:
        Markdown.
    """
    loaded = load_bundle(bundle)
    pictures = gather(data, kinds, loaded.config.network.size)
    fit_gate(loaded, look(Analyzer(loaded), pictures))
    report("fitted")

    def seen(path: Path) -> Crowd:
        report(path.name)
        return look(Analyzer(load_bundle(path)), pictures)

    measured = [measure(seen(path), fold) for fold, path in folds.items()]
    unseen = {s: measure_frame_size(seen(path), s) for s, path in left_out.items()}
    return section(measured, unseen)


def fit_gate(loaded: Bundle, crowd: Crowd) -> Gate:
    """Fit the gate of a bundle and write `gate.safetensors` into its folder."""
    gate = _fit(crowd, crowd.pictures.usable)
    gate.save(loaded.path / "gate.safetensors", loaded.weights_sha256)
    return gate


def measure(crowd: Crowd, fold: int) -> GateFigures:
    """How a gate does on what neither it nor its network has seen.

    Args:
        crowd: of a network that was trained without `fold`.
        fold: number of the fold.
    """
    p = crowd.pictures
    own = p.liver & (p.folds == fold)
    seen, half = p.usable & ~own, np.arange(len(own)) % 2 == 0
    known = _fit(crowd, seen & (p.liver | half))
    test = own & (p.shapes != BARE)
    kinds = sorted(set(p.kinds.tolist()) - {LIVER})
    return GateFigures(
        accepted=_accepted(known, crowd, own),
        strata={
            str(stratum): _passed(known, crowd, test & (p.strata == stratum))
            for stratum in np.unique(p.strata[test])
        },
        known={
            kind: _stopped(_margins(known, crowd, (p.kinds == kind) & ~half))
            for kind in kinds
            if kind not in RESEARCH_ONLY
        },
        unknown={
            kind: _unknown(_fit(crowd, seen & (p.kinds != kind)), crowd, p.kinds == kind, test)
            for kind in kinds
        },
    )


def measure_frame_size(crowd: Crowd, stratum: str) -> Accepted:
    """Liver images of a frame size that neither the gate nor its network has seen.

    Args:
        crowd: of a network that was trained without `stratum`.
        stratum: the frame size.
    """
    p = crowd.pictures
    own = p.liver & (p.strata == stratum)
    return _accepted(_fit(crowd, ~own & p.usable), crowd, own)


def _unknown(gate: Gate, crowd: Crowd, mine: Mask, liver: Mask) -> Unknown:
    """A kind that the gate never saw, against liver images."""
    margins, livers = _margins(gate, crowd, mine), _margins(gate, crowd, liver)
    return Unknown(_stopped(margins), auroc=float((livers[:, None] > margins[None]).mean()))


def _accepted(gate: Gate, crowd: Crowd, own: Mask) -> Accepted:
    bare = crowd.pictures.shapes == BARE
    return Accepted(whole=_passed(gate, crowd, own & ~bare), bare=_passed(gate, crowd, own & bare))


def _passed(gate: Gate, crowd: Crowd, which: Mask) -> Count:
    margins = _margins(gate, crowd, which)
    return Count(int((margins >= 0).sum()), len(margins))


def _stopped(margins: Floats) -> Count:
    return Count(int((margins < 0).sum()), len(margins))


def _fit(crowd: Crowd, keep: Mask) -> Gate:
    """Rectangles are fitted too, but whole scans set the limits: else more strangers would pass."""
    p = crowd.pictures
    kinds, judged = p.kinds[keep].tolist(), p.shapes[keep] != BARE
    return fit(crowd.summaries[keep], kinds, p.folds[keep], judged=judged)


def _margins(gate: Gate, crowd: Crowd, which: Mask) -> Floats:
    return np.array([verdict.margin for verdict in gate.judge(crowd.summaries[which])])
