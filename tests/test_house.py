"""The house's own rules: what may import what, and what never stands in it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
PACKAGE = TOP / "hcc_xai"
# The ground floor: files in the package's top folder, which import only each other.
GROUND = {"errors", "files", "stats", "version"}
# A room -> the rooms that it may enter; all of them stand above it here, so there is no circle.
# Every room may use the ground floor.
ROOMS: dict[str, set[str]] = {
    "language": set(),
    "imaging": set(),
    "phantoms": set(),
    "findings": {"imaging", "language"},
    "kinds": {"imaging"},
    "dataset": {"imaging", "kinds"},
    "model": {"findings", "kinds"},
    "explain": {"imaging", "language", "model"},
    "reports": {"explain", "findings", "imaging", "language"},
    "analysis": {"explain", "findings", "imaging", "kinds", "language", "model", "reports"},
    "batch": {"analysis", "imaging", "reports"},
    "training": {"analysis", "dataset", "explain", "imaging", "kinds", "model"},
    "evaluation": {
        *("analysis", "dataset", "explain", "findings", "imaging", "kinds", "model", "phantoms"),
        "training",
    },
    "auditing": {"analysis", "dataset", "explain", "imaging", "language", "model"},
}
SHOWN = {"page", "cli"}  # they may enter every room above, and not each other; nothing enters them
FILES = sorted(PACKAGE.rglob("*.py"))


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def _imports(path: Path) -> set[str]:
    """The rooms that a file enters."""
    entered = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.ImportFrom)
            and node.module
            and node.module.split(".")[0] == "hcc_xai"
        ):
            parts = node.module.split(".")
            entered |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        if isinstance(node, ast.Import):
            entered |= {a.name.split(".")[1] for a in node.names if a.name.startswith("hcc_xai.")}
    return entered


def test_every_file_has_its_room() -> None:
    assert {path.stem for path in PACKAGE.glob("*.py")} == {"__init__", "__main__", *GROUND}
    rooms = {path.parent.relative_to(PACKAGE).parts[0] for path in PACKAGE.rglob("*/*.py")}
    assert rooms == {*ROOMS, *SHOWN}


def test_the_rooms_stand_in_an_order_so_there_is_no_circle() -> None:
    order = list(ROOMS)
    for room, entered in ROOMS.items():
        assert entered <= set(order[: order.index(room)]), room


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(TOP)))
def test_a_file_enters_only_the_rooms_that_its_own_may(path: Path) -> None:
    room = _room(path)
    if room in ("__init__", "__main__"):
        return
    allowed = (ROOMS.get(room, set(ROOMS)) | GROUND | {room}) if room not in GROUND else GROUND
    assert _imports(path) <= allowed, _imports(path) - allowed


@pytest.mark.parametrize("room", sorted({p.parent for p in PACKAGE.rglob("*/*.py")}))
def test_a_room_says_in_one_sentence_what_it_is_for(room: Path) -> None:
    text = (room / "__init__.py").read_text(encoding="utf-8")
    said = ast.get_docstring(ast.parse(text)) or ""
    assert said.endswith(".") and said.count(". ") == 0, said


def test_no_pickle_is_ever_loaded() -> None:
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert "torch.load" not in text and "import pickle" not in text, path


def test_requirements_hold_one_opencv_and_no_upper_torch() -> None:
    lines = [x.split("#")[0].strip() for x in (TOP / "requirements.txt").read_text().splitlines()]
    names = [x.split(">")[0].split("=")[0].split("<")[0] for x in lines if x]
    assert [n for n in names if n.startswith("opencv")] == ["opencv-python-headless"]
    assert {"torch", "torchvision", "timm", "gradio", "grad-cam", "captum", "pydicom"} <= set(names)
    assert "pylibjpeg-libjpeg" not in names


def test_the_readme_opens_as_a_space_and_names_every_method_and_command() -> None:
    import re

    import yaml

    from hcc_xai.cli.parser import COMMANDS
    from hcc_xai.explain.methods import METHODS

    text = (TOP / "README.md").read_text(encoding="utf-8")
    front = yaml.safe_load(text.split("---")[1])
    wanted = {"title", "emoji", "sdk", "sdk_version", "python_version", "app_file", "license"}
    assert wanted | {"short_description", "models"} <= set(front)
    assert front["sdk"] == "gradio" and front["python_version"] == "3.11"
    assert (TOP / front["app_file"]).is_file()
    assert len(front["short_description"]) <= 60  # the Hub refuses longer ones
    for command in ("python app.py", "python -m pytest"):
        assert f"pip install -r requirements.txt && {command}" in text
    for name in METHODS:
        assert f"| `{name}` |" in text
    for name in COMMANDS:
        assert f"`{name} " in text or f"`{name}`" in text, name
    for link in re.findall(r"\]\((?!https?:|#)([^)]+)\)", text):
        assert (TOP / link).exists(), link
