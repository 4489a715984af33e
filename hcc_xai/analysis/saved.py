"""An answer that was written as JSON, read back: its values and what it states, without pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from hcc_xai.analysis.evidence import Evidence
from hcc_xai.analysis.facts import FORMAT, Flag
from hcc_xai.errors import DataError
from hcc_xai.kinds.known import LIVER
from hcc_xai.language import words
from hcc_xai.language.statement import Statement
from hcc_xai.language.words import Words


@dataclass(frozen=True, eq=False, kw_only=True)
class SavedAnswer:
    """What `Analysis.to_dict` wrote; names and meanings are those of `Analysis`.

    Attributes:
        format: of the dict that it was read from; 1 held no statements.
        lesions: the numbers of each lesion, largest first.
        image: name, hash, size, frame and spacing of the picture.
        words_of: "headline" and "sentence" -> language -> what was said.
    """

    format: int
    model: str
    accepted: bool
    label: str
    calibrated: bool
    probabilities: Mapping[str, float]
    logits: Mapping[str, float]
    prediction_set: tuple[str, ...]
    bands: Mapping[str, str]
    words_of: Mapping[str, Words]
    statements: tuple[Statement, ...]
    flags: tuple[Flag, ...]
    areas_px: Mapping[str, int]
    lesions: tuple[Mapping[str, Any], ...]
    evidence: Evidence
    scales: Mapping[str, float]
    image: Mapping[str, Any]
    seconds: float
    kind: str = LIVER
    kind_probabilities: Mapping[str, float] = field(default_factory=dict)
    standing: str = "accepted"
    labels_present: tuple[str, ...] = ()

    def band(self, label: str | None = None) -> str:
        """How sure: "green", "amber" or "red"; of the answer by default."""
        return self.bands[label or self.label]

    def headline(self, language: str = "en") -> str:
        """The answer in a few words: grade, how sure, number."""
        return words.pick(self.words_of["headline"], language)

    def sentence(self, language: str = "en") -> str:
        """What was found, in one or two plain sentences."""
        return words.pick(self.words_of["sentence"], language)

    def to_dict(self) -> dict[str, object]:
        """The dict that it was read from."""
        stored: dict[str, Any] = {
            "model": self.model,
            "accepted": self.accepted,
            "label": self.label,
            "band": self.band(),
            "calibrated": self.calibrated,
            "probabilities": dict(self.probabilities),
            "logits": dict(self.logits),
            "prediction_set": list(self.prediction_set),
            "bands": dict(self.bands),
            "headline": dict(self.words_of["headline"]),
            "sentence": dict(self.words_of["sentence"]),
            "flags": [flag.to_dict() for flag in self.flags],
            "areas_px": dict(self.areas_px),
            "lesions": [dict(lesion) for lesion in self.lesions],
            "evidence": self.evidence.to_dict(),
            "scales": dict(self.scales),
            "image": dict(self.image),
            "seconds": self.seconds,
        }
        if self.format > 1:
            stored["format"] = self.format
            stored["kind"] = self.kind
            stored["kind_probabilities"] = dict(self.kind_probabilities)
            stored["standing"] = self.standing
            stored["labels_present"] = list(self.labels_present)
            stored["statements"] = [statement.to_dict() for statement in self.statements]
        return stored


def saved(stored: Mapping[str, Any]) -> SavedAnswer:
    """The answer that `Analysis.to_dict` wrote.

    Args:
        stored: the dict, as JSON gives it back.

    Raises:
        DataError: it is of a newer format, or lacks a key.
    """
    number = stored.get("format", 1)
    if not isinstance(number, int) or number > FORMAT:
        raise DataError(
            "answer-newer",
            "the answer is of format {got}, and this version reads up to {known}; "
            "install a newer version",
            got=str(number),
            known=FORMAT,
        )
    newer = {"statements", "kind", "kind_probabilities", "standing", "labels_present"}
    own = {f.name for f in fields(SavedAnswer)} - {"format", "words_of"} - newer
    missing = (own | {"headline", "sentence"} | (newer if number > 1 else set())) - set(stored)
    if missing:
        raise DataError(
            "answer-incomplete", "the answer lacks {keys}", keys=", ".join(sorted(missing))
        )
    plain = {name: stored[name] for name in own - {"flags", "evidence", "prediction_set"}}
    plain["lesions"] = tuple(stored["lesions"])
    if number > 1:
        plain |= {name: stored[name] for name in newer - {"statements"}}
        plain["labels_present"] = tuple(stored["labels_present"])
    return SavedAnswer(
        **plain,
        format=number,
        prediction_set=tuple(stored["prediction_set"]),
        words_of={name: stored[name] for name in ("headline", "sentence")},
        statements=tuple(map(Statement.from_dict, stored.get("statements", ()))),
        flags=tuple(Flag(**flag) for flag in stored["flags"]),
        evidence=Evidence(**stored["evidence"]),
    )
