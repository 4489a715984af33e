"""One thing that an answer states, and how it is said in every language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hcc_xai.language import words
from hcc_xai.language.words import Nouns, Words

# A name is given in every language; several are a tuple of such.
Value = str | int | float | None | Words | Sequence[Words]

FINDING, PASSED, DOUBT, STOP = "finding", "passed", "doubt", "stop"
SEVERITIES = (FINDING, PASSED, DOUBT, STOP)


@dataclass(frozen=True)
class Statement:
    """One thing that an answer states.

    Attributes:
        key: of its sentence in `sentences.SENTENCES`, or of the flag that it repeats.
        values: what the sentence names: numbers, words, or names in every language.
        severity: "finding", "passed" (a check that was made and held), "doubt" or "stop".
        place: what it speaks of: "lesion-1" and so on, "lesions", "organ", "picture", "model", or
            None.
        topic: which question it belongs to: "answer", "findings", "kind", "confidence",
            "evidence", "second" (opinion), "note" or "lesion".
        words: the sentence itself where a flag brought it, by language.
        nouns: what the kind of picture calls its things.
    """

    key: str
    values: Mapping[str, Value] = field(default_factory=dict)
    severity: str = FINDING
    place: str | None = None
    topic: str = "findings"
    words: Words | None = None
    nouns: Nouns = field(default_factory=dict, repr=False)

    def say(self, language: str = "en") -> str:
        """The sentence in that language, in English where there is none."""
        if self.words is not None:
            return words.pick(self.words, language)
        nouns = words.in_language(self.nouns, language)
        return words.say(self.key, language, **nouns, **_written(self.values, language))

    def to_dict(self) -> dict[str, object]:
        """As JSON holds it, with the sentence in every language."""
        return {
            "key": self.key,
            "severity": self.severity,
            "place": self.place,
            "topic": self.topic,
            "values": {name: _plain(value) for name, value in self.values.items()},
            "words": {language: self.say(language) for language in words.LANGUAGES},
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Statement:
        """The statement that `to_dict` wrote; it says the sentence that was said then."""
        return cls(
            stored["key"],
            stored["values"],
            stored["severity"],
            stored["place"],
            stored["topic"],
            stored["words"],
        )


_PERCENT = (
    "target_share",
    "organ_share",
    "elsewhere",
)  # values that are written as a share of a hundred


def _written(values: Mapping[str, Value], language: str) -> dict[str, object]:
    """Values as a reader of that language writes them."""
    text: dict[str, object] = {}
    for name, value in values.items():
        if isinstance(value, float):
            share = f"{round(100 * value)} %"
            text[name] = share if name in _PERCENT else words.number(value, language)
        elif isinstance(value, Mapping):
            text[name] = words.pick(value, language)
        elif isinstance(value, str | int) or value is None:
            text[name] = value
        else:
            text[name] = ", ".join(words.pick(one, language) for one in value)
    diameter, width = values.get("diameter"), values.get("width")
    if isinstance(diameter, float) and isinstance(width, float):
        text["sizes"] = words.sizes(diameter, width, str(values["unit"]), language)
    return text


def _plain(value: Value) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, str | int | float) or value is None:
        return value
    return [dict(one) for one in value]
