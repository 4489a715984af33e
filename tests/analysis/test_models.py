"""Several bundles behind a router: the right one answers, a person may overrule, none is loaded
before it is needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hcc_xai.analysis.models import Models
from hcc_xai.errors import ArgumentError
from hcc_xai.model.router import OTHER, Sight
from tests.conftest import SHAPES, Shape, make_tiny

LIVER, CHEST = "liver-ultrasound", "chest-x-ray"


class Told:
    """A router that says what it is told of pictures by their brightness."""

    kinds = (LIVER, CHEST, OTHER)
    least = {LIVER: 0.2, CHEST: 0.2}

    def look(self, greys):
        return tuple(self.sight(float(np.mean(grey))) for grey in greys)

    def sight(self, level: float) -> Sight:
        if level > 0.9:
            return Sight({LIVER: 0.1, CHEST: 0.2, OTHER: 0.7}, 0.9, True)
        liver = 0.9 if level < 0.5 else 0.02
        return Sight({LIVER: liver, CHEST: 0.98 - liver, OTHER: 0.02}, 0.2, False)

    def could_be(self, sight: Sight, kind: str) -> bool:
        return not sight.strange and sight.probabilities[kind] >= self.least[kind]


@pytest.fixture
def models(tmp_path: Path) -> Models:
    folders = {
        LIVER: make_tiny(tmp_path / "liver", shape=Shape()),
        CHEST: make_tiny(tmp_path / "chest", shape=SHAPES["organ alone"]),
    }
    return Models(folders, Told(), device="cpu")


@pytest.fixture
def film() -> np.ndarray:
    grey = np.random.default_rng(0).integers(120, 220, (120, 140)).astype(np.uint8)
    return np.dstack([grey] * 3)


def test_each_picture_is_answered_by_its_own_bundle(models, scan, film) -> None:
    assert models.loaded == ()
    first = models.analyze(film)
    assert first.kind == CHEST and models.loaded == (CHEST,)
    answers = models.analyze([scan, film, scan])
    assert [a.kind for a in answers] == [LIVER, CHEST, LIVER]
    assert [a.standing for a in answers] == ["accepted"] * 3
    alone = models.of(LIVER).analyze(scan)
    for one, other in ((answers[1], first), (answers[0], alone)):  # a batch rounds otherwise
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)
    assert models.analyze([]) == ()


def test_questions_go_to_the_bundle_that_answered(models, scan, film) -> None:
    for picture in (scan, film):
        answer = models.analyze(picture)
        own = models.of(answer.kind)
        assert models.evidence(answer) == own.evidence(answer)
        explained = models.explain(answer, "hires-cam")
        assert explained.label in own.config.network.labels
        assert models.check(answer, explained) == own.check(answer, explained)
        assert models.challenge(answer) == own.challenge(answer)
    with pytest.raises(ArgumentError, match="outlines nothing"):
        models.explain_outline(film, (40, 40))


def test_what_is_no_picture_of_any_kind_is_stopped(models) -> None:
    white = np.full((90, 90, 3), 250, np.uint8)
    white[::7] = 255
    stopped = models.analyze(white)
    assert stopped.standing == "stopped" and stopped.kind == CHEST  # the most probable answers
    through = models.analyze(white, accept=True)
    assert through.accepted and through.let_through and through.standing == "unusual"


def test_a_person_overrules_and_the_answer_says_so(models, scan, film) -> None:
    overruled = models.analyze(film, kind=LIVER)
    assert overruled.kind == LIVER and overruled.standing == "unusual"
    assert overruled.accepted and overruled.band() != "green"
    keys = [s.key for s in overruled.statements if s.severity == "doubt"]
    assert keys[:2] == ["kind-stated", "unusual"]
    agreed = models.analyze(scan, kind=LIVER)
    assert agreed.standing == "accepted"
    assert "kind-stated" not in {flag.code for flag in agreed.flags}
    with pytest.raises(ArgumentError, match=f"known: {LIVER}, {CHEST}"):
        models.analyze(film, kind="dental-x-ray")
    with pytest.raises(ArgumentError, match="at least one"):
        Models({}, Told())
