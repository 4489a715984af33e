"""The card's section on the gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hcc_xai.evaluation.tables import counted
from hcc_xai.stats import Figure, wilson

_NOT_ULTRASOUND = ("x-ray", "mri", "mammogram", "photograph", "screenshot")
_HOW = (
    "The gate stops what is unlike the liver images. Measured with networks and gates that had "
    "not seen the liver images; a kind is either known to the gate (half of it fitted, the "
    "other half shown) or was never seen in fitting, which is what a gate meets in use. "
    "95 % Wilson intervals; every liver image counts twice, in its own size and small, so "
    "theirs are somewhat narrow. A rectangle is cut from within the sector, as a linear probe "
    "or a cropped picture shows it; an unseen frame size is one that neither the network nor "
    "its gate was given. Pictures of other kinds were shown to {networks} networks, and "
    "count once."
)


@dataclass(frozen=True)
class Count:
    """Of how many pictures something is true.

    Attributes:
        hits: of these.
        n: pictures.
    """

    hits: int
    n: int


@dataclass(frozen=True)
class Accepted:
    """Liver images that a gate lets pass.

    Attributes:
        whole: in their own size and small.
        bare: as rectangles from within their sectors.
    """

    whole: Count
    bare: Count


@dataclass(frozen=True)
class Unknown:
    """A kind of picture that a gate never saw.

    Attributes:
        stopped: of its pictures.
        auroc: of the gate's margin, liver images against them.
    """

    stopped: Count
    auroc: float


@dataclass(frozen=True)
class GateFigures:
    """How a gate does on what neither it nor its network has seen.

    Attributes:
        accepted: liver images of a fold.
        strata: frame size -> its liver images that pass, in their own size and small.
        known: kind -> pictures that are stopped, when half of the kind was fitted.
        unknown: kind -> when it never was.
    """

    accepted: Accepted
    strata: dict[str, Count]
    known: dict[str, Count]
    unknown: dict[str, Unknown]


def section(measured: Sequence[GateFigures], unseen: Mapping[str, Accepted]) -> str:
    """The card's section on the gate.

    Args:
        measured: of each fold's network.
        unseen: frame size -> its liver images, by a network that never saw it.
    """
    accepted = _pool([m.accepted.whole for m in measured])
    bare = _pool([m.accepted.bare for m in measured])
    return "\n".join(
        [
            "## Is it a liver ultrasound?",
            "",
            _HOW.format(networks=len(measured)),
            "",
            f"Liver images accepted: {accepted}. Rectangles without an outline: {bare}.",
            "",
            *_frame_sizes(measured, unseen),
            "",
            *_kinds(measured),
        ]
    )


def _frame_sizes(measured: Sequence[GateFigures], unseen: Mapping[str, Accepted]) -> list[str]:
    lines = ["| frame size | accepted | when unseen | rectangles, when unseen |"]
    lines.append("| --- | --- | --- | --- |")
    for stratum in sorted({s for m in measured for s in m.strata}):
        known = _pool([m.strata[stratum] for m in measured if stratum in m.strata])
        new = unseen.get(stratum)
        whole, bare = (_pool([new.whole]), _pool([new.bare])) if new else ("-", "-")
        lines.append(f"| {stratum} | {known} | {whole} | {bare} |")
    return lines


def _kinds(measured: Sequence[GateFigures]) -> list[str]:
    lines = ["| kind | stopped, known | stopped, never seen | AUROC, never seen |"]
    lines.append("| --- | --- | --- | --- |")
    groups: dict[str, list[Count]] = {"other ultrasound": [], "no ultrasound": []}
    shown = len(measured)
    for kind in measured[0].unknown:
        unknown = [m.unknown[kind] for m in measured]
        known = [m.known[kind] for m in measured if kind in m.known]
        other = any(word in kind for word in _NOT_ULTRASOUND)
        groups["no ultrasound" if other else "other ultrasound"] += [u.stopped for u in unknown]
        area = float(np.mean([u.auroc for u in unknown]))
        fitted = _pool(known, shown=shown) if known else "not fitted (research only)"
        never = _pool([u.stopped for u in unknown], shown=shown)
        lines.append(f"| {kind} | {fitted} | {never} | {area:.3f} |")
    for name, counts in groups.items():
        lines.append(f"| **all {name}** | | {_pool(counts, shown=shown)} | |")
    return lines


def _pool(counts: Sequence[Count], *, shown: int = 1) -> str:
    """Hits of n with a Wilson interval.

    Args:
        counts: to be added up.
        shown: to how many networks each picture was, which makes no more pictures of them.
    """
    hits, n = sum(c.hits for c in counts) / shown, sum(c.n for c in counts) / shown
    if n == 0:
        return "none"
    return counted(Figure(hits / n, *wilson(round(hits), round(n)), round(n)))
