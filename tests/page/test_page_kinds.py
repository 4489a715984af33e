"""The page with a bundle of another shape than the liver's."""

from __future__ import annotations

from html import unescape
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from conftest import CHEST, LABELS, LIVER, SHAPES, make_tab, make_tiny
from page_tools import CONTROLS, UNSAID, VISITOR, put

from hcc_xai.analysis.models import Models, load
from hcc_xai.imaging import draw
from hcc_xai.page.labels import Labels
from hcc_xai.page.tabs.audit import AuditTab
from hcc_xai.page.tabs.explain import ExplainTab
from hcc_xai.page.tabs.model import ModelTab

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.usefixtures("tidy"),
]


@pytest.mark.parametrize("name", SHAPES)
def test_the_page_answers(name: str, png: Path, tmp_path: Path) -> None:
    shape = SHAPES[name]
    tab = make_tab(load(make_tiny(tmp_path / "tiny", shape=shape), device="cpu"))
    shown = tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    assert "data-label" in shown[tab.answer]
    assert shown[tab.stage] is not None


def test_the_kind_is_shown_and_a_visitor_may_say_another(
    models: Models, film: np.ndarray, png: Path, tmp_path: Path
) -> None:
    tab = make_tab(models)
    path = tmp_path / "film.png"
    path.write_bytes(draw.png(film))
    shown = tab.read_example(path)(VISITOR, "en", "", *CONTROLS)
    assert shown[tab.picture_kind] == CHEST
    assert shown[tab.label]["choices"] == [
        ("normal (test)", "normal"), ("abnormal (test)", "abnormal"),
    ]  # fmt: skip
    assert shown[tab.show]["choices"] == [("lung", "organ"), ("heatmap", "heatmap")]
    assert shown[tab.show]["value"] == ["organ", "heatmap"]
    assert not shown[tab.downloads["lesion"]]["visible"]
    assert shown[tab.downloads["organ"]]["label"] == "Mask: lung"
    assert not shown[tab.scheme]["visible"]  # US LI-RADS is the liver's
    assert "Lesions" not in shown[tab.answer] and "lung" in shown[tab.legend]
    spanish = tab.translate(VISITOR, "es", *CONTROLS, *UNSAID.values())
    assert spanish[tab.show]["choices"][0] == ("pulmón", "organ")
    tested = tab.test(VISITOR, "en")[tab.answer]
    assert "hiding the strongest evidence" in tested.lower()

    overruled = tab.state_kind(VISITOR, LIVER, "en", "", *CONTROLS)
    assert overruled[tab.picture_kind] == LIVER
    assert [value for _, value in overruled[tab.label]["choices"]] == list(LABELS)
    assert overruled[tab.show]["value"] == ["lesion", "organ", "heatmap"]
    assert overruled[tab.downloads["organ"]]["label"] == "Mask: liver"
    assert overruled[tab.scheme]["visible"]
    assert "A person said that this is a liver ultrasound" in unescape(overruled[tab.answer])

    next_one = tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    assert next_one[tab.picture_kind] == LIVER  # what it is taken for again
    assert "A person said" not in next_one[tab.answer]


def test_explain_offers_what_the_picture_has(models: Models, film: np.ndarray) -> None:
    tab = make_tab(models)
    with gr.Blocks():
        explain = ExplainTab(models, tab.answers, Labels(), gr.Radio())
    before = explain.refresh(VISITOR, "en")
    assert [value for _, value in before[explain.label]["choices"]] == ["", *LABELS]
    tab.answers.put("one", models.analyze(film), None)
    after = explain.refresh(VISITOR, "es")
    assert [value for _, value in after[explain.label]["choices"]] == ["", "normal", "abnormal"]
    assert after[explain.layer]["choices"] == list(models.of(CHEST).layers)


def test_what_was_explained_of_another_picture_is_gone(
    models: Models, film: np.ndarray, png: Path
) -> None:
    tab = make_tab(models)
    with gr.Blocks():
        explain = ExplainTab(models, tab.answers, Labels(), gr.Radio())
    tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    for _ in explain.run(VISITOR, "en", ["contribution"], "", "", "map", False):
        pass
    picture, below = explain.cells[0]
    same = explain.refresh(VISITOR, "en")
    assert picture not in same and below not in same and "scan.png" in same[explain.file]
    tab.answers.put("one", models.analyze(film), None)
    other = explain.refresh(VISITOR, "en")
    assert other[picture] is None and other[below] == "" and other[explain.table] == ""
    assert other[explain.questions.told] == "" and "array" in other[explain.file]
    assert {*other} <= {*explain.refreshed}


def test_a_model_and_an_audit_for_each_kind(models: Models, tmp_path: Path) -> None:
    with gr.Blocks():
        shown = ModelTab(models, Labels(), gr.Radio())
        audit = AuditTab(models, Labels(), gr.Radio())
    told = shown.show(CHEST, "en")
    assert "abnormal (test) (abnormal)" in told[shown.facts] and "lungs 0.50" in told[shown.facts]
    table = put("table.csv", b"file,label\nfilm.png,abnormal\n")
    film = put("film.png", draw.png(np.full((64, 64, 3), 150, np.uint8)))
    read = audit.read(VISITOR, [table, film], "en", CHEST)
    assert read[audit.go]["interactive"]
    table = put("table.csv", b"file,label\nfilm.png,abnormal\n")
    film = put("film.png", draw.png(np.full((64, 64, 3), 150, np.uint8)))
    assert "no row can be used" in audit.read(VISITOR, [table, film], "en", LIVER)[audit.progress]
