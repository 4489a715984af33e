"""The house's own rules: what may import what, and what never stands in it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
# A file imports only from files above it.
ROOMS = [
    "errors",
    "metrics",
    "pixels",
    "dicom",
    "raster",
    "images",
    "sector",
    "geometry",
    "scan",
    "anatomy",
    "overlay",
    "phantom",
    "network",
    "bundle_config",
    "calibration",
    "gate",
    "hub",
    "bundle",
    "words",
    "attribution",
    "explain",
    "faithfulness",
    "measure",
    "graphics",
    "quality",
    "draw",
    "lirads",
    "describe",
    "glass_box",
    "neighbours",
    "behaviour",
    "change_of_mind",
    "result",
    "shortcuts",
    "analysis",
    "animation",
    "batch",
    "bench",
    "data",
    "augment",
    "losses",
    "erasure",
    "train",
    "tune",
    "free_response",
    "outcome",
    "summary",
    "tables",
    "overview",
    "card",
    "probe",
    "evaluate",
    "method_figures",
    "audit_page",
    "auditing",
    "planted",
    "screen",
    "finish",
    "page",
    "cli",
]
FILES = sorted((TOP / "hcc_xai").rglob("*.py"))


def _room(path: Path) -> str:
    parts = path.relative_to(TOP / "hcc_xai").with_suffix("").parts
    return parts[0]


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.ImportFrom)
            and node.module
            and node.module.split(".")[0] == "hcc_xai"
        ):
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        if isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("hcc_xai.")}
    return found


def test_every_file_has_its_room() -> None:
    rooms = {_room(path) for path in FILES} - {"__init__", "__main__"}
    assert rooms <= set(ROOMS), rooms - set(ROOMS)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(TOP)))
def test_a_file_imports_only_from_above(path: Path) -> None:
    room = _room(path)
    if room in ("__init__", "__main__"):
        return
    above = ROOMS[: ROOMS.index(room)] + (["page"] if room == "page" else [])
    assert {name for name in _imports(path) if name in ROOMS} <= set(above)


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

    from hcc_xai.cli import _parser
    from hcc_xai.explain import METHODS

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
    subparsers = next(a for a in _parser()._actions if a.dest not in ("help",))
    for name in subparsers.choices:
        assert f"`{name} " in text or f"`{name}`" in text, name
    for link in re.findall(r"\]\((?!https?:|#)([^)]+)\)", text):
        assert (TOP / link).exists(), link
