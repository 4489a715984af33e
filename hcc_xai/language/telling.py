"""What an answer states: a key, values, how serious it is, and the place it speaks of; no HTML.

The page's lines of trust, the JSON, the headline and the sentence are these statements. Whether one
holds ("the lesion is ignored") is decided here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from hcc_xai.language import words
from hcc_xai.language.statement import DOUBT, FINDING, PASSED, STOP, Statement, Value
from hcc_xai.language.words import Words

LEAST_CHANGE = 0.1  # of a probability: hiding the lesion must move it so much, or it was ignored
LEAST_ORGAN = 0.02  # share of the sector that the organ covers, below which there is hardly any
MOST_ELSEWHERE = 0.5  # share of the evidence outside the organ, above which it is out of place
CLOSE = 0.2  # probability from which the second label is named where no set was computed


def lesion_ignored(before: float, hidden: float) -> bool:
    """Whether hiding the lesion hardly changes the answer, so that it rests on something else.

    Args:
        before: probability of the answer, 0 to 1.
        hidden: the same with the lesion painted over.
    """
    return abs(before - hidden) < LEAST_CHANGE


def elsewhere_alike(before: float, hidden: float, elsewhere: float) -> bool:
    """Whether hiding as much elsewhere changes the answer at least half as much as hiding the
    lesion does, so that the test does not show what it rests on.

    Args:
        before: probability of the answer, 0 to 1.
        hidden: the same with the lesion painted over.
        elsewhere: the same with as much painted over elsewhere.
    """
    return 2 * abs(before - elsewhere) >= abs(before - hidden)


def evidence_elsewhere(shares: Mapping[str, float]) -> bool:
    """Whether most of the evidence lies outside the organ.

    Args:
        shares: part -> share of the map, 0 to 1; "rest" of the sector and "outside" of it are
            elsewhere.
    """
    return shares["rest"] + shares["outside"] > MOST_ELSEWHERE


def hardly_any_organ(share: float) -> bool:
    """Whether the organ covers too little of the sector for the answer to mean anything.

    Args:
        share: of the sector that the organ covers, 0 to 1.
    """
    return share < LEAST_ORGAN


def no_organ(organ: str) -> str:
    """The code of the flag that there is hardly any of an organ."""
    return f"no-{organ}"


class Flag(Protocol):
    """What the model or the picture's quality brings up; see `analysis.Flag`."""

    @property
    def code(self) -> str: ...
    @property
    def severity(self) -> str: ...
    @property
    def message(self) -> Words: ...


class Sizes(Protocol):
    """The sizes of a lesion; see `findings.Lesion`."""

    @property
    def confidence(self) -> float: ...
    @property
    def diameter_px(self) -> float: ...
    @property
    def width_px(self) -> float: ...
    @property
    def diameter_mm(self) -> float | None: ...
    @property
    def width_mm(self) -> float | None: ...


@dataclass(frozen=True)
class Second:
    """What a second opinion says, as far as it is told.

    Attributes:
        label: the grade that it speaks for.
        title: that grade in words, by language.
        chance: its probability, 0 to 1.
        word: what speaks for it most, by language.
        comparable: whether it tells the answer's grade apart at all.
    """

    label: str
    title: Words
    chance: float
    word: Words
    comparable: bool


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All that statements are made from. Whoever has an answer fills it in.

    Attributes:
        label: the answer. absent: the label that means "nothing there", or None.
        titles: label -> its words by language.
        probabilities: label -> 0 to 1.
        band: of the answer: "green", "amber" or "red".
        accepted: whether the gate let it through. let_through: whether a person did.
        calibrated: whether the probabilities are. prediction_set: the labels that cannot be ruled
            out.
        flags: of the model and the picture.
        lesions: largest first; None where the model outlines none at all.
        shares: of the exact map in "target", "organ" (the rest of it), "rest", "outside", as far
            as the model outlines them; None where it outlines nothing.
        hidden, elsewhere: probability of the answer with the lesions, and with as much elsewhere,
            painted over; None where it was not tested.
        second: the second opinion, where there is one.
        nouns: what the kind of picture calls its things.
        organ: name of the organ's mask, or None.
        present: the labels that hold, where several may; None where one alone holds.
    """

    label: str
    absent: str | None
    titles: Mapping[str, Words]
    probabilities: Mapping[str, float]
    band: str
    accepted: bool
    let_through: bool
    calibrated: bool
    prediction_set: Sequence[str]
    flags: Sequence[Flag]
    lesions: Sequence[Sizes] | None
    shares: Mapping[str, float] | None
    hidden: float | None = None
    elsewhere: float | None = None
    second: Second | None = None
    nouns: words.Nouns = field(default_factory=dict)
    organ: str | None = None
    present: Sequence[str] | None = None


def statements(facts: Facts) -> tuple[Statement, ...]:
    """All that an answer states, in the order in which it is told."""
    if not facts.accepted:
        return tuple(
            Statement(f.code, {}, STOP, "picture", "kind", f.message)
            for f in facts.flags
            if f.severity == "stop"
        )
    return (
        headline(facts),
        *findings(facts),
        *_named(facts, _trust(facts)),
        *_named(facts, _lesions(facts.lesions or ())),
    )


def _named(facts: Facts, told: Iterator[Statement]) -> Iterator[Statement]:
    """The statements with the words of the picture's kind."""
    for statement in told:
        yield replace(statement, nouns=facts.nouns)


def headline(facts: Facts) -> Statement:
    """The answer: grade, how sure, number."""
    return Statement(
        "answer",
        {
            "label": facts.label,
            "title": {k: words.capital(v) for k, v in facts.titles[facts.label].items()},
            "band": words.BANDS[facts.band],
            "chance": facts.probabilities[facts.label],
        },
        topic="answer",
        place="picture",
    )


def findings(facts: Facts) -> tuple[Statement, ...]:
    """What was found, and never more than the prediction set allows."""
    return tuple(_named(facts, iter((*_outlined(facts), *_grades(facts)))))


def _outlined(facts: Facts) -> Iterator[Statement]:
    if facts.lesions is None:
        return
    count = len(facts.lesions)
    if not count and facts.absent not in (None, facts.label):
        yield Statement("mass-but-none", severity=DOUBT)
    elif not count:
        yield Statement("no-lesion")
    else:
        key = "one-lesion" if count == 1 else "lesions"
        yield Statement(key, {"count": count, **_sizes(facts.lesions[0])}, place="lesion-1")
    if count and facts.label == facts.absent:
        yield Statement("lesion-but-normal", severity=DOUBT, place="lesions")


def _grades(facts: Facts) -> Iterator[Statement]:
    if facts.present is not None:
        yield from _several(facts, facts.present)
        return
    if facts.calibrated and not facts.prediction_set:
        yield Statement("empty-set", severity=DOUBT)
    others = tuple(facts.titles[k] for k in facts.prediction_set if k != facts.label)
    if facts.calibrated and others:
        yield Statement("set", {"others": others}, DOUBT)
    elif not facts.calibrated:
        second = max(
            (k for k in facts.probabilities if k != facts.label),
            key=lambda k: facts.probabilities[k],
        )
        if facts.probabilities[second] > CLOSE:
            title = {x: words.capital(t) for x, t in facts.titles[second].items()}
            chance = facts.probabilities[second]
            yield Statement("close", {"other": title, "value": chance}, DOUBT)


def _several(facts: Facts, present: Sequence[str]) -> Iterator[Statement]:
    """What else holds, where several labels may, and what cannot be ruled out."""
    also = tuple(facts.titles[k] for k in present if k != facts.label)
    if also:
        yield Statement("also", {"others": also})
    if not present:
        yield Statement("none-present", severity=DOUBT)
    unsure = set(facts.prediction_set) - {facts.label, *present}
    others = tuple(facts.titles[k] for k in facts.prediction_set if k in unsure)
    if facts.calibrated and others:
        yield Statement("unsure-of", {"others": others}, DOUBT)


# Flags that belong to a topic of their own; the others are notes.
_TOPICS = {
    "kind-unchecked": "kind",
    "unusual": "kind",
    "kind-stated": "kind",
    "let-through": "kind",
    "uncalibrated": "confidence",
    "evidence-elsewhere": "evidence",
}
_PLACES = {"stale": "model"}  # of notes; the others speak of the picture


def _trust(facts: Facts) -> Iterator[Statement]:
    """Why it may be believed, and why not."""
    flags = {flag.code: flag for flag in facts.flags}

    def repeated(code: str, place: str) -> Statement:
        topic = _TOPICS.get(code, "note")
        return Statement(code, {}, DOUBT, place, topic, flags[code].message)

    if facts.let_through:
        yield repeated("let-through", "picture")
        yield Statement("calibrated-elsewhere", {}, DOUBT, "model", "confidence")
    else:
        if "kind-stated" in flags:
            yield repeated("kind-stated", "picture")
        if "unusual" in flags:
            yield repeated("unusual", "picture")
        elif "kind-unchecked" in flags:
            yield repeated("kind-unchecked", "picture")
        else:
            yield Statement("kind-checked", {}, PASSED, "picture", "kind")
        if "uncalibrated" in flags:
            yield repeated("uncalibrated", "model")
        elif "unusual" in flags:
            yield Statement("calibrated-unlike", {}, DOUBT, "model", "confidence")
        else:
            percent = facts.probabilities[facts.label]
            passed = PASSED if facts.band == "green" else DOUBT
            yield Statement("calibrated", {"percent": percent}, passed, "model", "confidence")
    yield from _evidence(facts)
    if "evidence-elsewhere" in flags:
        yield repeated("evidence-elsewhere", "organ")
    yield from _tested(facts)
    yield from _second_opinion(facts.second, facts.label)
    for code in flags:
        if code not in _TOPICS:
            about_organ = facts.organ is not None and code == no_organ(facts.organ)
            yield repeated(code, "organ" if about_organ else _PLACES.get(code, "picture"))


def _evidence(facts: Facts) -> Iterator[Statement]:
    if facts.shares is not None:
        yield where_evidence_lies(facts.shares, facts.nouns)


def where_evidence_lies(shares: Mapping[str, float], nouns: words.Nouns) -> Statement:
    """How much of a map lies where.

    Args:
        shares: as `Facts.shares`.
        nouns: what the kind of picture calls its things.
    """
    if not any(shares.values()):
        return Statement("no-evidence", {}, FINDING, "picture", "evidence")
    elsewhere = shares["rest"] + shares["outside"]
    values: dict[str, Value] = {
        **{f"{part}_share": shares[part] for part in ("target", "organ") if part in shares},
        "elsewhere": elsewhere,
    }
    key = "shares" if len(values) == 3 else "shares-organ" if "organ" in shares else "shares-target"
    place = "lesions" if "target" in shares else "organ"
    return Statement(key, values, FINDING, place, "evidence", nouns=nouns)


def _tested(facts: Facts) -> Iterator[Statement]:
    """What hiding the lesions does, where it was tried."""
    if facts.hidden is None:
        return
    before = facts.probabilities[facts.label]
    ignored = lesion_ignored(before, facts.hidden)
    alike = facts.elsewhere is not None and elsewhere_alike(before, facts.hidden, facts.elsewhere)
    severity = DOUBT if ignored or alike else PASSED
    values: dict[str, Value] = {"before": before, "after": facts.hidden}
    yield Statement("hidden", values, severity, "lesions", "evidence")
    if facts.elsewhere is not None:
        values = {"before": before, "after": facts.elsewhere}
        yield Statement("hidden-elsewhere", values, FINDING, "organ", "evidence")
    if ignored:
        yield Statement("lesion-ignored", {}, DOUBT, "lesions", "evidence")
    elif alike:
        yield Statement("elsewhere-alike", {}, DOUBT, "lesions", "evidence")


def _second_opinion(second: Second | None, label: str) -> Iterator[Statement]:
    """Whether the second opinion speaks for the answer, or what it speaks for instead.

    Args:
        label: the answer.
    """
    if second is None or not second.comparable:
        return
    if second.label == label:
        values: dict[str, Value] = {"chance": second.chance}
        yield Statement("second-agrees", values, PASSED, "lesion-1", "second")
    else:
        values = {"title": second.title, "chance": second.chance, "word": second.word}
        yield Statement("second-opinion", values, DOUBT, "lesion-1", "second")


def _lesions(lesions: Sequence[Sizes]) -> Iterator[Statement]:
    for number, lesion in enumerate(lesions, 1):
        values = {"number": number, "chance": lesion.confidence, **_sizes(lesion)}
        yield Statement("lesion", values, FINDING, f"lesion-{number}", "lesion")


def _sizes(lesion: Sizes) -> dict[str, Value]:
    if lesion.diameter_mm is not None and lesion.width_mm is not None:
        return {"diameter": lesion.diameter_mm, "width": lesion.width_mm, "unit": "mm"}
    return {"diameter": lesion.diameter_px, "width": lesion.width_px, "unit": "px"}
