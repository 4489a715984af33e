"""Sentences: both languages, decimal commas, and never more than the prediction set allows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hcc_xai.errors import ArgumentError
from hcc_xai.findings.lesions import Lesion
from hcc_xai.kinds.known import KINDS
from hcc_xai.kinds.nouns import LESION
from hcc_xai.language import telling, words
from hcc_xai.language.sentences import SENTENCES
from hcc_xai.language.statement import SEVERITIES, Statement
from hcc_xai.language.telling import Facts

TITLES = {
    "normal": {"en": "no mass", "es": "sin masa"},
    "benign": {"en": "benign mass", "es": "masa benigna"},
    "malignant": {"en": "malignant mass", "es": "masa maligna"},
}
NOUNS = {**LESION, **KINDS["liver-ultrasound"].nouns}
ODDS = {"normal": 0.02, "benign": 0.3, "malignant": 0.68}

FOUND = Lesion(np.ones((2, 2), bool), np.zeros((4, 2), np.int32), 0.8, 32.0, 27.0, 4.0, 9.0)
FACTS = Facts(
    label="malignant",
    absent="normal",
    titles=TITLES,
    probabilities=ODDS,
    band="red",
    accepted=True,
    let_through=False,
    calibrated=True,
    prediction_set=("malignant",),
    flags=(),
    lesions=(FOUND,),
    nouns=NOUNS,
    shares={"target": 0.7, "organ": 0.2, "rest": 0.1, "outside": 0.0},
)


def _say(
    label="malignant", prediction_set=None, sizes=((32.0, 27.0),), odds=ODDS, language="en"
) -> str:
    """What is found by an answer with these odds."""
    lesions = [replace(FOUND, diameter_px=d, width_px=w) for d, w in sizes]
    facts = replace(
        FACTS,
        label=label,
        probabilities=odds,
        lesions=lesions,
        calibrated=prediction_set is not None,
        prediction_set=prediction_set or (),
    )
    return " ".join(s.say(language) for s in telling.findings(facts))


def test_every_sentence_has_both_languages_with_the_same_blanks() -> None:
    import re

    for key, sentence in SENTENCES.items():
        assert set(sentence) == set(words.LANGUAGES) and all(sentence.values()), key
        blanks = [sorted(set(re.findall(r"{(\w+)}", t)) - set(NOUNS)) for t in sentence.values()]
        assert blanks[0] == blanks[1], key
        assert sentence["en"] != sentence["es"] or key in ("answer", "one-lesion"), key


def test_spanish_writes_decimal_commas() -> None:
    assert words.number(0.834, "es") == "0,83" and words.number(0.834, "en") == "0.83"
    assert (
        words.headline("masa maligna", "amber", 0.83, "es") == "Masa maligna, certeza media (0,83)"
    )
    assert words.sizes(8.25, 7, "mm", "es") == "8,2 × 7,0 mm"


def test_a_contradiction_is_said() -> None:
    assert "no mass: look" in _say(
        label="normal", odds={"normal": 0.9, "benign": 0.1, "malignant": 0.0}
    )
    assert "no mass was outlined" in _say(sizes=())
    assert "no mass" not in _say()


def test_what_cannot_be_ruled_out_is_named() -> None:
    assert "cannot be told apart from benign mass" in _say(prediction_set=("benign", "malignant"))
    assert "does not know" in _say(prediction_set=())
    assert _say(prediction_set=("malignant",)) == "1 lesion, 32 × 27 px."
    assert "Benign mass is close behind (0.30)" in _say()


def test_an_unknown_language_names_the_known() -> None:
    with pytest.raises(ArgumentError, match="en, es"):
        words.number(1.0, "fr")


def _keys(**changed: object) -> dict[str, str]:
    """Key -> severity of what is stated."""
    return {s.key: s.severity for s in telling.statements(replace(FACTS, **changed))}


def test_a_check_that_held_is_passed_and_one_that_failed_a_doubt() -> None:
    fine = _keys(hidden=0.2, band="green")
    assert fine["kind-checked"] == fine["calibrated"] == fine["hidden"] == "passed"
    assert "lesion-ignored" not in fine and "doubt" not in fine.values()
    for band in ("amber", "red"):  # a number is no check that held
        assert _keys(band=band)["calibrated"] == "doubt"
    ignored = _keys(hidden=0.67)
    assert ignored["lesion-ignored"] == ignored["hidden"] == "doubt"
    assert "hidden" not in _keys()  # what was not tested is not stated


def test_a_change_that_comes_anywhere_is_no_evidence() -> None:
    clear = _keys(hidden=0.2, elsewhere=0.6, band="green")  # 0.68 before
    assert clear["hidden"] == "passed" and "elsewhere-alike" not in clear
    alike = _keys(hidden=0.2, elsewhere=0.4, band="green")
    assert alike["hidden"] == alike["elsewhere-alike"] == "doubt"
    ignored = _keys(hidden=0.67, elsewhere=0.67)
    assert "elsewhere-alike" not in ignored and ignored["lesion-ignored"] == "doubt"


def test_the_lesion_is_ignored_by_one_limit_wherever_it_is_said() -> None:
    from hcc_xai.analysis.challenges import Challenge

    for after in np.linspace(0, 1, 41):
        challenge = Challenge("lesion", "malignant", 0.68, float(after), "malignant")
        said = "lesion-ignored" in _keys(hidden=float(after))
        assert challenge.bad == said == telling.lesion_ignored(0.68, float(after))


def test_a_language_that_lacks_a_sentence_says_it_in_english(monkeypatch) -> None:
    monkeypatch.setitem(SENTENCES, "no-lesion", {"en": "No lesion was outlined."})
    assert "No lesion was outlined." in _say(label="normal", sizes=(), language="es")
    only = {name: {"en": title["en"]} for name, title in TITLES.items()}
    assert "Benign mass" in telling.headline(replace(FACTS, titles=only, label="benign")).say("es")


def test_a_statement_that_was_written_down_says_the_same() -> None:
    for statement in telling.statements(replace(FACTS, hidden=0.2, elsewhere=0.6)):
        again = Statement.from_dict(statement.to_dict())
        assert again.to_dict() == statement.to_dict()
        for language in words.LANGUAGES:
            assert again.say(language) == statement.say(language)
        assert statement.severity in SEVERITIES and "{" not in statement.say("es")


def test_a_stopped_picture_states_nothing_but_why() -> None:
    class Stop:
        code, severity, message = "stopped", "stop", {"en": "Stopped.", "es": "Detenida."}

    found = telling.statements(replace(FACTS, accepted=False, flags=(Stop(),)))
    assert [(s.key, s.severity, s.say("es")) for s in found] == [("stopped", "stop", "Detenida.")]
