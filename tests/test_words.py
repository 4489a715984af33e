"""Sentences: both languages, decimal commas, and never more than the prediction set allows."""

from __future__ import annotations

import pytest

from hcc_xai.errors import ArgumentError
from hcc_xai.language import words

TITLES = {"normal": "no mass", "benign": "benign mass", "malignant": "malignant mass"}
ODDS = {"normal": 0.02, "benign": 0.3, "malignant": 0.68}


def _say(
    label="malignant", prediction_set=None, sizes=("32 × 27 mm",), odds=ODDS, language="en"
) -> str:
    return words.findings(TITLES, odds, label, prediction_set, sizes, "normal", language)


def test_every_sentence_has_both_languages_with_the_same_blanks() -> None:
    import re

    for key, pair in words._SAY.items():
        assert len(pair) == 2 and all(pair) and pair[0] != pair[1], key
        assert sorted(re.findall(r"{(\w+)}", pair[0])) == sorted(re.findall(r"{(\w+)}", pair[1])), (
            key
        )


def test_spanish_writes_decimal_commas() -> None:
    assert words.number(0.834, "es") == "0,83" and words.number(0.834, "en") == "0.83"
    assert (
        words.headline("masa maligna", "amber", 0.83, "es")
        == "Masa maligna, bastante seguro (0,83)"
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
    assert _say(prediction_set=("malignant",)) == "1 lesion, 32 × 27 mm."
    assert "Benign mass is close behind (0.30)" in _say()


def test_an_unknown_language_names_the_known() -> None:
    with pytest.raises(ArgumentError, match="en, es"):
        words.number(1.0, "fr")
