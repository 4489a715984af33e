"""US LI-RADS v2024, case by case."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hcc_xai.analysis.analyzer import Analyzer, with_spacing
from hcc_xai.errors import ArgumentError
from hcc_xai.findings.lesions import Lesion
from hcc_xai.findings.lirads import Study, suggest


def _lesion(mm: float | None, interval: tuple[float, float] | None = None) -> Lesion:
    mask = np.ones((2, 2), bool)
    return Lesion(
        mask, np.zeros((4, 2), np.int32), 0.9, 30.0, 20.0, 400.0, 50.0,
        diameter_mm=mm, diameter_mm_interval=interval,
    )  # fmt: skip


SAID = Study(at_risk=True, thrombus=False, visualization="B")


@pytest.mark.parametrize(
    ("sizes", "study", "category"),
    [
        ([], SAID, "US-1"),
        ([9.9], SAID, "US-2"),
        ([10.0], SAID, "US-3"),
        ([4.0, 32.0], SAID, "US-3"),
        ([32.0], replace(SAID, benign=(1,)), "US-1"),
        ([32.0, 6.0], replace(SAID, benign=(1,)), "US-2"),
        ([], replace(SAID, thrombus=True), "US-3"),
        ([None], replace(SAID, thrombus=True), "US-3"),
        ([None], SAID, None),
        ([6.0, None], SAID, None),
        ([None], replace(SAID, benign=(1,)), "US-1"),
        ([32.0], replace(SAID, at_risk=False), None),
        ([32.0], Study(), None),
    ],
)
def test_the_category(sizes: list[float | None], study: Study, category: str | None) -> None:
    found = suggest([_lesion(mm) for mm in sizes], study)
    assert found.category == category
    assert found.visualization == ("VIS-B" if category else None)
    assert found.reason["en"] != found.reason["es"]
    assert ("cannot score a study" in found.reason["en"]) is (category is not None)


def test_what_was_not_said_is_named() -> None:
    reason = suggest([_lesion(7.0)], Study(at_risk=True)).reason["en"]
    assert "thrombus" in reason and "visualization score" in reason
    unsure = suggest([_lesion(9.0, (7.0, 12.5))], SAID).reason
    assert "7.0 to 12.5 mm" in unsure["en"] and "7,0 a 12,5 mm" in unsure["es"]
    assert "both sides" not in suggest([_lesion(30.0, (25.0, 35.0))], SAID).reason["en"]


def test_a_picture_that_the_model_does_not_know_is_not_assessable() -> None:
    assert suggest([_lesion(20.0)], SAID, known=False).category is None


def test_what_is_not_there_is_refused() -> None:
    with pytest.raises(ArgumentError, match="lesion 2 is not there; there are 1"):
        suggest([_lesion(20.0)], replace(SAID, benign=(2,)))
    with pytest.raises(ArgumentError, match="A, B, C"):
        Study(visualization="D")


def test_an_answer_is_scored_by_its_own_millimetres(tiny: Analyzer, scan: np.ndarray) -> None:
    answer = tiny.analyze(scan)
    assert answer.lesions
    assert answer.lirads(at_risk=True).category is None
    least = answer.lesions[0].diameter_px
    large, small = (with_spacing(answer, mm / least) for mm in (40.0, 2.0))
    assert large.lirads(at_risk=True).category == "US-3"
    assert small.lirads(at_risk=True).category in ("US-2", "US-3")
    assert large.lirads(at_risk=True, thrombus=False, visualization="A").to_dict() == {
        "category": "US-3",
        "visualization": "VIS-A",
        "reason": dict(large.lirads(at_risk=True, thrombus=False, visualization="A").reason),
    }
