"""The documents say what the code does: every link, name, key and cell of them is held to it."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from test_house import GROUND, PACKAGE, ROOMS, SHOWN, TOP

import hcc_xai
from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.model.bundle import OPTIONAL, REQUIRED
from hcc_xai.model.config import BundleConfig
from hcc_xai.model.network import NetworkConfig

DOCS = TOP / "docs"
PAGES = [TOP / "README.md", TOP / "CHANGELOG.md", *sorted(DOCS.glob("*.md"))]
DIARIES = ("CHANGELOG.md", "experiments.md")  # that speak of how things were
TOUR = DOCS / "tour.ipynb"


def _links(path: Path) -> list[str]:
    """The relative links and pictures of a page or notebook, without what follows `#`."""
    text = path.read_text(encoding="utf-8")
    return re.findall(r"\]\((?!https?:|#)([^)#]+)", text)


@pytest.mark.parametrize("path", [*PAGES, TOUR], ids=lambda path: path.name)
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    for link in _links(path):
        assert (path.parent / link).exists(), link


def test_every_page_is_linked_from_the_readme() -> None:
    linked = {(TOP / link).resolve() for link in _links(TOP / "README.md")}
    assert {*PAGES, TOUR} - {TOP / "README.md"} <= linked


def test_the_readme_is_short() -> None:
    assert len((TOP / "README.md").read_text(encoding="utf-8").split()) < 1400


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_file_that_is_named_is_there(path: Path) -> None:
    if path.name in DIARIES:
        return
    for name in re.findall(r"`([\w/]+\.py)`", path.read_text(encoding="utf-8")):
        there = any((folder / name).is_file() for folder in (TOP, PACKAGE))
        assert there or list((TOP / "tests").rglob(name)), name


# -- architecture ----------------------------------------------------------------------------------


def _sentence(room: str) -> str:
    """The first sentence of a room's docstring, on one line."""
    text = (PACKAGE / room / "__init__.py").read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(text)) or ""
    return docstring.split("\n\n")[0].replace("\n", " ")


def test_the_drawing_of_the_rooms_is_the_dict_that_imports_are_held_to() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    drawing = text.split("```mermaid")[1].split("```")[0]
    arrows = dict(re.findall(r"^ +(\w+) --> ([\w& ]+)$", drawing, re.MULTILINE))
    drawn = {room: set(entered.split(" & ")) for room, entered in arrows.items()}
    alone = set(re.findall(r"^ {8}(\w+)$", drawing, re.MULTILINE))
    wanted = [
        f"        {room} --> {' & '.join(sorted(ROOMS[room]))}".removesuffix(" --> ")
        for room in reversed(ROOMS)
    ]
    assert drawn | {room: set() for room in alone} == ROOMS, "\n".join(["draw:", *wanted])
    assert set(re.findall(r"^ +(\w+) ==> rooms$", drawing, re.MULTILINE)) == SHOWN


def test_the_table_of_rooms_says_what_each_room_says_of_itself() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    for room in (*ROOMS, *SHOWN):
        assert f"| `{room}` | {_sentence(room)} |" in text, f"| `{room}` | {_sentence(room)} |"
    for name in GROUND:
        assert f"`{name}.py`" in text, name


# -- API -------------------------------------------------------------------------------------------


def _public(thing: object) -> set[str]:
    """The public attributes and methods of a class of this package."""
    if not inspect.isclass(thing) or issubclass(thing, Exception):
        return set()
    fields = dataclasses.fields(thing) if dataclasses.is_dataclass(thing) else ()
    return {field.name for field in fields} | {n for n in dir(thing) if not n.startswith("_")}


def _section(name: str) -> str:
    """What stands under a name's own heading."""
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    found = re.search(rf"^### {name}\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, f"docs/api.md has no heading ### {name}"
    return found[1]


def test_every_public_name_is_explained() -> None:
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    for name in hcc_xai.__all__:
        assert f"`{name}`" in text or f"`{name}(" in text or f"### {name}\n" in text, name


@pytest.mark.parametrize("name", [n for n in hcc_xai.__all__ if _public(getattr(hcc_xai, n))])
def test_everything_that_a_class_offers_is_explained(name: str) -> None:
    text = _section(name)
    explained = set(re.findall(r"`(\w+)[`(]", text))
    missing = _public(getattr(hcc_xai, name)) - explained
    assert not missing, f"docs/api.md, ### {name}: {', '.join(sorted(missing))}"


def test_what_an_analyzer_holds_is_explained(tiny: Analyzer) -> None:
    held = {name for name in vars(tiny) if not name.startswith("_")}
    assert held <= set(re.findall(r"`(\w+)[`(]", _section("Analyzer")))


def test_the_table_of_methods_is_the_dict_of_methods() -> None:
    rows = [
        f"| `{name}` | {method.title} | {_yes(method.layered)} | {_yes(method.signed)} "
        f"| {method.paper} |"
        for name, method in hcc_xai.METHODS.items()
    ]
    assert "\n".join(rows) in (DOCS / "api.md").read_text(encoding="utf-8"), "\n".join(rows)


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"


# -- bundles ---------------------------------------------------------------------------------------


def test_every_key_of_a_config_is_explained_and_the_example_is_one() -> None:
    text = (DOCS / "bundles.md").read_text(encoding="utf-8")
    example = json.loads(text.split("```json")[1].split("```")[0])
    config = BundleConfig.from_dict(example)
    assert set(config.to_dict()) == set(example)
    assert set(config.network.to_dict()) == set(example["network"])
    explained = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`[^|]+) \|", text, re.M))))
    for kind in (BundleConfig, NetworkConfig):
        assert {field.name for field in dataclasses.fields(kind)} <= explained
    for file in (*REQUIRED, *OPTIONAL):
        assert f"| `{file}` |" in text, file


# -- the notebook ----------------------------------------------------------------------------------


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Two threads of a tiny network wait for each other more than they compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
def test_the_tour_runs_from_its_first_cell_to_its_last(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, one_thread: None
) -> None:
    monkeypatch.setenv("HCC_XAI_MODEL", str(tiny_bundle))
    namespace: dict[str, object] = {}
    cells = [c for c in json.loads(TOUR.read_text("utf-8"))["cells"] if c["cell_type"] == "code"]
    for number, cell in enumerate(cells, 1):
        assert cell["outputs"] == [], f"code cell {number} holds outputs: strip them"
        exec(compile("".join(cell["source"]), f"tour.ipynb, code cell {number}", "exec"), namespace)
    answer = namespace["answer"]
    assert isinstance(answer, hcc_xai.Analysis) and answer.model.startswith("tiny")
    assert answer.evidence.hidden is not None or not answer.lesions
    report = namespace["report"]
    assert isinstance(report, hcc_xai.Audit) and report.about["images"] == 6
