"""What an answer says of itself: its flags, what its statements are made from, its JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hcc_xai.imaging.quality import faults, measure_quality
from hcc_xai.kinds.known import kind_named
from hcc_xai.language import telling, words
from hcc_xai.model.exact import KINDS

if TYPE_CHECKING:
    from hcc_xai.analysis.result import Analysis

FORMAT = 2  # of the JSON


@dataclass(frozen=True)
class Flag:
    """Something to know about an answer.

    Attributes:
        code: names it in every language.
        severity: "info", "warning" or "stop".
        message: language -> sentence.
    """

    code: str
    severity: str
    message: Mapping[str, str]

    def to_dict(self) -> dict[str, object]:
        """As JSON holds it."""
        return {"code": self.code, "severity": self.severity, "message": dict(self.message)}


def flags_of(answer: Analysis) -> tuple[Flag, ...]:
    """What gate, bundle and picture have to say of an answer."""
    flags = list(answer.raised)

    def warn(code: str) -> None:
        flags.append(Flag(code, "warning", words.both(code, answer.config.nouns)))

    if answer.config.organ is not None:
        if telling.hardly_any_organ(answer.organ_mask.sum() / answer.sector.sum()):
            code = telling.no_organ(answer.config.organ)
            flags.append(Flag(code, "warning", words.both("no-organ", answer.config.nouns)))
        if telling.evidence_elsewhere(answer.shares["contribution"]):
            warn("evidence-elsewhere")
    if answer.trained_on:
        warn("trained-on")
    if answer.image.magnification is not None and answer.lesions:
        times = answer.image.magnification
        code = "detector-spacing" if times == 1 else "magnification"
        told = words.both(code, times=f"{times:.2f}")
        flags.append(Flag(code, "warning", told))
    measured = measure_quality(answer.image.pixels, answer.sector)
    for name in faults(measured, kind_named(answer.kind).limits):
        warn(f"quality-{name}")
    return tuple(flags)


def facts_of(answer: Analysis, *, second: bool = False) -> telling.Facts:
    """What an answer's statements are made from.

    Args:
        answer: that is told.
        second: with the second opinion, for which the lesion has to be described.
    """
    evidence = answer.evidence
    own = evidence.label == answer.label  # what was tested of another label is not the answer's
    return telling.Facts(
        label=answer.label,
        absent=answer.config.absent,
        titles=answer.config.titles,
        probabilities=answer.probabilities,
        band=answer.band(),
        accepted=answer.accepted,
        let_through=answer.let_through,
        calibrated=answer.calibrated,
        prediction_set=answer.prediction_set,
        flags=answer.flags,
        lesions=None if answer.target is None else answer.lesions,
        shares=_shares(answer),
        hidden=evidence.hidden if own else None,
        elsewhere=evidence.elsewhere if own else None,
        second=second_of(answer) if second else None,
        nouns=answer.config.nouns,
        organ=answer.config.organ,
        present=answer.labels_present if answer.config.network.multiple else None,
    )


def _shares(answer: Analysis) -> dict[str, float] | None:
    """The shares of the exact map, by the names that are told."""
    roles = {"target": answer.target, "organ": answer.config.organ}
    own = answer.shares["contribution"]
    shares = {role: own[mask] for role, mask in roles.items() if mask is not None}
    return {**shares, "rest": own["rest"], "outside": own["outside"]} if shares else None


def second_of(answer: Analysis) -> telling.Second | None:
    """What the second opinion says of an answer, as far as it is told."""
    opinion = answer.second_opinion
    if opinion is None or answer.glass_box is None:
        return None
    name = opinion.reasons[0][0]
    descriptor = next(d for d in answer.describe() if d.name == name)
    word = {x: descriptor.said(x) or words.descriptor(name, x) for x in words.LANGUAGES}
    return telling.Second(
        opinion.label,
        answer.config.titles[opinion.label],
        opinion.probability,
        word,
        answer.label in answer.glass_box.labels,
    )


def stored(answer: Analysis) -> dict[str, Any]:
    """An answer as JSON holds it: everything but pixels, nothing from the file's tags."""
    return {
        "format": FORMAT,
        "model": answer.model,
        "kind": answer.kind,
        "kind_probabilities": dict(answer.kind_probabilities),
        "standing": answer.standing,
        "accepted": answer.accepted,
        "label": answer.label,
        "band": answer.band(),
        "calibrated": answer.calibrated,
        "probabilities": dict(answer.probabilities),
        "logits": dict(answer.logits),
        "prediction_set": list(answer.prediction_set),
        "labels_present": list(answer.labels_present),
        "bands": {label: answer.band(label) for label in answer.probabilities},
        "headline": {x: answer.headline(x) for x in words.LANGUAGES},
        "sentence": {x: answer.sentence(x) for x in words.LANGUAGES},
        "statements": [statement.to_dict() for statement in answer.statements],
        "flags": [flag.to_dict() for flag in answer.flags],
        "areas_px": {
            name: int(np.count_nonzero(mask))
            for name, mask in {**answer.masks, "sector": answer.sector}.items()
        },
        "lesions": [lesion.to_dict() for lesion in answer.lesions],
        "evidence": answer.evidence.to_dict(),
        "scales": {kind: answer.scale(kind) for kind in KINDS},
        "image": answer.image.to_dict(),
        "seconds": answer.seconds,
    }
