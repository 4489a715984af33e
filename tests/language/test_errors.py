"""Errors: every one has a key and a sentence, and the Spanish sentence names the same values."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Formatter

import numpy as np
import pytest
from image_files import BAD, DICOM, GREY, raster

from hcc_xai.errors import HccXaiError
from hcc_xai.explain.methods import method_named
from hcc_xai.findings.lirads import Study, suggest
from hcc_xai.imaging.draw import add_heat, lookup
from hcc_xai.imaging.frame import Frame
from hcc_xai.imaging.image import check_size
from hcc_xai.imaging.read import decode, read
from hcc_xai.imaging.sector import find_sector
from hcc_xai.language.errors import SPANISH, said, say
from hcc_xai.phantoms.phantom import random_spec

PACKAGE = Path(__file__).parents[2] / "hcc_xai"
# Rooms where an error may still be one English sentence, without a key.
OLD: set[str] = set()
# Values that the Spanish sentence does without.
UNSAID = {"picture-too-large": {"width", "height"}, "frame-not-there": {"frames", "last"}}


@dataclass(frozen=True)
class Made:
    """A place in the source where an error is made.

    Attributes:
        where: file and line.
        key: its key; None where it is no literal.
        text: its English sentence; None where it is no literal.
        values: the names of the values that are handed over.
    """

    where: str
    key: str | None
    text: str | None
    values: frozenset[str]


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def names_in(text: str) -> frozenset[str]:
    """The names in braces of a sentence. A value that is itself words comes in every language, as
    `why_en` and `why_es`, and counts as one."""
    return whole(name for _, name, _, _ in Formatter().parse(text) if name is not None)


def whole(names: Iterable[str]) -> frozenset[str]:
    """Names of values without their language."""
    return frozenset(name.removesuffix("_en").removesuffix("_es") for name in names)


def literal(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def name_of(node: ast.expr) -> str:
    """The last part of a dotted name, "" of anything else."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


SOURCES = {
    path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))
}


def error_classes() -> set[str]:
    """The names of `HccXaiError` and of every class of the package that is made from it."""
    known: set[str] = {"HccXaiError"}
    classes = [
        n for tree in SOURCES.values() for n in ast.walk(tree) if isinstance(n, ast.ClassDef)
    ]
    while True:
        more = {c.name for c in classes if known & {name_of(base) for base in c.bases}}
        if more <= known:
            return known
        known |= more


def made_in(path: Path) -> Iterator[Made]:
    """The errors that a file makes."""
    classes = error_classes()
    for node in ast.walk(SOURCES[path]):
        if not isinstance(node, ast.Call):
            continue
        where = f"{path.relative_to(PACKAGE)}:{node.lineno}"
        first = literal(node.args[0]) if node.args else None
        if name_of(node.func) in classes:
            second = literal(node.args[1]) if len(node.args) == 2 else None
            if len(node.args) < 2 and room_of(path) in OLD:
                continue
            values = whole(keyword.arg or "**" for keyword in node.keywords)
            yield Made(where, first, second, values)
        elif name_of(node.func) == "unknown":
            key = first and f"unknown-{first.replace(' ', '-')}"
            text = first and f"unknown {first} {{got!r}}; known: {{known}}"
            yield Made(where, key, text, frozenset(("got", "known")))


MADE = [made for path in SOURCES if path.name != "errors.py" for made in made_in(path)]


@pytest.mark.parametrize("made", MADE, ids=lambda made: made.where)
def test_an_error_has_a_key_a_sentence_and_the_values_that_it_names(made: Made) -> None:
    assert made.key is not None and made.text is not None
    assert made.key == made.key.lower() and made.key.replace("-", "").isalnum()
    assert names_in(made.text) == made.values


def test_one_key_always_goes_with_one_sentence() -> None:
    sentences: dict[str | None, str | None] = {}
    for made in MADE:
        assert sentences.setdefault(made.key, made.text) == made.text, made


def test_the_spanish_sentence_names_the_same_values() -> None:
    english = {made.key: made.text for made in MADE if made.text is not None}
    assert set(SPANISH) <= set(english), set(SPANISH) - set(english)
    for key, spanish in SPANISH.items():
        assert names_in(spanish) | UNSAID.get(key, set()) == names_in(english[key]), key
        assert not names_in(spanish) & UNSAID.get(key, set()), key


def test_rooms_of_the_old_form_are_there() -> None:
    assert OLD <= {room_of(path) for path in SOURCES}


FAULTS = {
    **{name: lambda data=data: decode(data) for name, (data, _) in BAD.items()},
    "too small": lambda: check_size(5, 5),
    "too large": lambda: check_size(20000, 20000),
    "frame": lambda: decode(DICOM, frame=5),
    "frame of a cine": lambda: decode(raster(GREY, "PNG"), frame=-1),
    "another frame": lambda: read(read(GREY), frame=3),
    "spacing": lambda: read(GREY, mm_per_pixel=7),
    "spacing of two": lambda: read(GREY, mm_per_pixel=(0.1, 0)),
    "no path": lambda: read(7),
    "no file": lambda: read("none.png"),
    "folder": lambda: read(PACKAGE),
    "shape of an array": lambda: read(np.zeros((3, 24, 40), np.uint8)),
    "type of an array": lambda: read(GREY.astype(np.int64)),
    "range of an array": lambda: read(GREY.astype(np.float32)),
    "no sector": lambda: Frame.around(np.zeros((9, 9), bool), size=96),
    "another sector": lambda: Frame.around(np.ones((9, 9), bool), size=96).to_network(GREY / 255),
    "shape of a scan": lambda: find_sector(np.zeros((0, 9))),
    "type of a scan": lambda: find_sector(GREY.astype(int)),
    "opacity": lambda: add_heat(np.dstack([GREY] * 3), GREY / 255, scale=1, opacity=2),
    "scale": lambda: add_heat(np.dstack([GREY] * 3), GREY / 255, scale=0),
    "colour map": lambda: lookup("rainbow"),
    "method": lambda: method_named("guess"),
    "lesion": lambda: suggest((), Study(benign=(1,))),
    "visualization": lambda: Study(visualization="D"),
    "label": lambda: random_spec(0, label="odd"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_a_visitor_can_meet_has_spanish(name: str) -> None:
    with pytest.raises(HccXaiError) as caught:
        FAULTS[name]()
    error = caught.value
    assert error.key in SPANISH
    assert all(type(value) in (str, int, float) for value in error.values.values())
    assert say(error, "en") == str(error)
    spanish = say(error, "es")
    assert "inglés" not in spanish and "{" not in spanish
    values = json.loads(json.dumps(error.values))
    assert said(error.key, str(error), values, "es") == spanish


def test_an_error_without_spanish_says_that_its_reason_is_in_english() -> None:
    spanish = say(HccXaiError("new", "Something {what}.", what="new"), "es")
    assert "inglés" in spanish and spanish.endswith("Something new.")
