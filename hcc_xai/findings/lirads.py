"""What ACR US LI-RADS (surveillance, v2024) would call a study that holds this frame: a suggestion
with its reason, from what was measured here and what only a person can know.

US-1: no observation, or only definitely benign ones. US-2: an observation under 10 mm that is not
definitely benign. US-3: one of 10 mm or more, or new thrombus in vein.
https://www.acr.org/Clinical-Resources/Reporting-and-Data-Systems/LI-RADS
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hcc_xai.errors import ArgumentError, unknown
from hcc_xai.findings.lesions import Lesion
from hcc_xai.language import words

POSITIVE_MM = 10.0
VISUALIZATION = ("A", "B", "C")  # no or minimal, moderate, severe limitations


@dataclass(frozen=True)
class Study:
    """What no picture tells.

    Attributes:
        at_risk: whether this is surveillance of a person at risk of hepatocellular carcinoma
            without known cancer; LI-RADS is meant for nobody else. None: not said.
        thrombus: new thrombus in vein. None: not said.
        benign: numbers of the lesions that are definitely benign, like a simple cyst. The largest
            lesion has number 1.
        visualization: "A", "B" or "C". None: not said.
    """

    at_risk: bool | None = None
    thrombus: bool | None = None
    benign: tuple[int, ...] = ()
    visualization: str | None = None

    def __post_init__(self) -> None:
        if self.visualization not in (None, *VISUALIZATION):
            raise unknown("visualization score", self.visualization, VISUALIZATION)


@dataclass(frozen=True)
class Suggestion:
    """What US LI-RADS would say of the study, and why.

    Attributes:
        category: "US-1", "US-2", "US-3", or None where none can be given.
        visualization: "VIS-A", "VIS-B" or "VIS-C"; None where the user gave no score.
        reason: language -> the sentences that say why.
    """

    category: str | None
    visualization: str | None
    reason: Mapping[str, str]

    def to_dict(self) -> dict[str, str | dict[str, str] | None]:
        """Each attribute by its name."""
        return {
            "category": self.category,
            "visualization": self.visualization,
            "reason": dict(self.reason),
        }


def suggest(lesions: Sequence[Lesion], study: Study, *, known: bool = True) -> Suggestion:
    """The category that this frame alone would give its study.

    Args:
        lesions: what was outlined, largest first.
        study: what the user knows of the study.
        known: whether the gate takes the picture for a liver ultrasound.

    Raises:
        ArgumentError: `study.benign` names a lesion that is not there.
    """
    for number in study.benign:
        if not 1 <= number <= len(lesions):
            raise ArgumentError(
                "lesion-not-there",
                "lesion {lesion} is not there; there are {count}",
                lesion=number,
                count=len(lesions),
            )
    category, reasons = _category(lesions, study) if known else (None, [("lirads-stopped", {})])
    score = study.visualization and f"VIS-{study.visualization}"
    if category is not None:
        if study.thrombus is None:
            reasons.append(("lirads-thrombus-unsaid", {}))
        reasons.append(("lirads-visualization" if score is None else "lirads-frame", {}))
    reason = {
        language: " ".join(words.say(key, language, **_local(v, language)) for key, v in reasons)
        for language in words.LANGUAGES
    }
    return Suggestion(category, score if category else None, reason)


_Reasons = list[tuple[str, dict[str, float]]]  # key of a sentence, and the numbers in it


def _category(lesions: Sequence[Lesion], study: Study) -> tuple[str | None, _Reasons]:
    if not study.at_risk:
        key = "lirads-risk-unsaid" if study.at_risk is None else "lirads-not-at-risk"
        return None, [(key, {})]
    if study.thrombus:
        return "US-3", [("lirads-thrombus", {})]
    counted = [x for i, x in enumerate(lesions, 1) if i not in study.benign]
    if not counted:
        return "US-1", [("lirads-benign" if lesions else "lirads-nothing", {})]
    sizes = [(x.diameter_mm, x.diameter_mm_interval) for x in counted if x.diameter_mm is not None]
    if len(sizes) < len(counted):
        return None, [("lirads-no-mm", {})]
    size, interval = max(sizes, key=lambda pair: pair[0])
    positive = size >= POSITIVE_MM
    reasons: _Reasons = [("lirads-large" if positive else "lirads-small", {"size": size})]
    if interval and interval[0] < POSITIVE_MM <= interval[1]:
        reasons.append(("lirads-unsure", {"low": interval[0], "high": interval[1]}))
    return "US-3" if positive else "US-2", reasons


def _local(values: Mapping[str, float], language: str) -> dict[str, str]:
    return {name: words.number(v, language, 1 if v < 20 else 0) for name, v in values.items()}
