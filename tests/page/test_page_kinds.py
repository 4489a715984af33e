"""The page with a bundle of another shape than the liver's."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import SHAPES, make_tab, make_tiny
from page_tools import CONTROLS, VISITOR

from hcc_xai.analysis.analyzer import load

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.usefixtures("tidy"),
]


@pytest.mark.parametrize("name", SHAPES)
def test_the_page_answers(
    name: str, png: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    shape = SHAPES[name]
    if shape.masks != ("liver", "lesion"):
        request.applymarker(pytest.mark.xfail(strict=True, reason="the kinds' issue"))
    tab = make_tab(load(make_tiny(tmp_path / "tiny", shape=shape), device="cpu"))
    shown = tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    assert "data-label" in shown[tab.answer]
    assert shown[tab.stage] is not None
