"""The tab "Explain" without a browser: maps side by side, and further questions."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

pytest.importorskip("gradio")

import gradio as gr
from page_tools import CONTROLS, VISITOR, shown

from hcc_xai import METHODS
from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.imaging import draw
from hcc_xai.model.neighbours import Neighbours
from hcc_xai.page.labels import Labels
from hcc_xai.page.tabs.analyze import AnalyzeTab
from hcc_xai.page.tabs.explain import Asked, ExplainTab
from hcc_xai.page.tabs.explain_questions import near

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.usefixtures("tidy"),
]


@pytest.fixture
def explain(tiny: Analyzer, tab: AnalyzeTab) -> ExplainTab:
    with gr.Blocks(analytics_enabled=False):
        return ExplainTab(tiny, tab.answers, Labels(), gr.Radio())


def told(updates: list[dict[Any, Any]], component: Any) -> list[Any]:
    return [u[component] for u in updates if component in u]


def test_the_controls_stand_in_the_order_of_their_values(explain: ExplainTab) -> None:
    asked = Asked(["grad-cam++", "contribution"], label="", against="", layer="map", check=True)
    assert [control.value for control in explain.controls] == list(asked.values())


def test_maps_stand_side_by_side_and_are_tested(
    tab: AnalyzeTab, explain: ExplainTab, tiny: Analyzer, png: Path
) -> None:
    tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    methods = ["contribution", "layer-cam", "occlusion"]
    layer = tiny.layers[1]
    asked = Asked(methods=methods, label="malignant", against="benign", layer=layer, check=True)
    updates = list(explain.run(VISITOR, "en", *asked.values()))
    assert all(updates[0][picture] is None for picture, _ in explain.cells)
    assert [bool(told(updates, picture)[-1]) for picture, _ in explain.cells] == [
        True, True, True, False,
    ]  # fmt: skip
    a = tiny.analyze(png)
    for name, (picture, said) in zip(methods, explain.cells, strict=False):
        captions = told(updates, said)
        assert f'data-method="{name}"' in captions[1] and 'data-verdict=""' in captions[1]
        assert re.search('data-verdict="(holds|fails)"', captions[2])
        assert "Hiding the highlighted tenth" in captions[2]
        one = tiny.explain(
            a,
            name,
            label="malignant",
            against="benign",
            layer=layer if name == "layer-cam" else None,
        )
        drawn = draw.overlay(
            a.image.pixels,
            a.sector,
            {a.role(name): mask for name, mask in a.masks.items()},
            heat=one.map,
            scale=one.scale,
            signed=name != methods[1],
        )
        assert np.array_equal(shown(told(updates, picture)[1]), drawn)
        verdict = tiny.check(a, one)
        assert f"from {verdict.before:.2f} to {verdict.tenth:.2f}" in unescape(captions[2])
    assert "1.00" in told(updates, explain.table)[-1]
    assert any("<progress" in said for said in told(updates, explain.progress))
    assert told(updates, explain.progress)[-1] == ""


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"methods": []}, "at least one"),
        ({"methods": list(METHODS)[:5]}, "at most four"),
        ({"label": "benign", "against": "benign"}, "with itself"),
        ({"layer": "nowhere", "methods": ["grad-cam"]}, "unknown layer"),
    ],
)
def test_what_cannot_be_explained_is_a_sentence(
    tab: AnalyzeTab, explain: ExplainTab, png: Path, change: dict[str, Any], part: str
) -> None:
    asked = Asked(methods=["contribution"], label="", against="", layer="map", check=False)
    first = list(explain.run(VISITOR, "en", *asked.values()))[0]
    assert "first" in first[explain.progress]
    tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    changed = replace(asked, **change).values()
    assert part in list(explain.run(VISITOR, "en", *changed))[-1][explain.progress]


def test_the_layers_move_and_can_be_kept(tab: AnalyzeTab, explain: ExplainTab, png: Path) -> None:
    assert "first" in explain.layers(VISITOR, "en", "")[explain.progress]
    tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    found = explain.layers(VISITOR, "es", "benign")
    assert (
        "data:image/webp;base64," in found[explain.moving]
        and "Layer-CAM de" in found[explain.moving]
    )
    for form, button in explain.files.items():
        assert PIL.Image.open(found[button]["value"]).format == form.upper()


def test_a_visitor_who_leaves_stops_the_work(
    tab: AnalyzeTab, explain: ExplainTab, png: Path
) -> None:
    tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    asked = Asked(methods=["kernel-shap"] * 4, label="", against="", layer="map", check=True)
    run = explain.run(VISITOR, "en", *asked.values())
    for update in run:
        if "<progress" in str(update.get(explain.progress)):
            break
    run.close()
    start = time.monotonic()
    explain.slow.pool.submit(int).result(timeout=5)  # the thread is free again
    assert time.monotonic() - start < 2


def ask(explain: ExplainTab, question: Any, language: str = "en") -> dict[Any, Any]:
    """The last update of a question."""
    return list(explain.questions.answered(VISITOR, language, question))[-1]


def test_questions_want_a_picture_first(explain: ExplainTab) -> None:
    questions = explain.questions
    for question in (questions.follow, questions.mind):
        assert "first" in ask(explain, question)[questions.progress]
    assert "first" in list(questions.begin(VISITOR, "en"))[-1][questions.progress]


def test_what_the_answer_follows_is_a_table(
    tab: AnalyzeTab, explain: ExplainTab, tiny: Analyzer, png: Path
) -> None:
    tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    a = tiny.analyze(png)
    found = tiny.challenge(a)
    table = ask(explain, explain.questions.follow)[explain.questions.told]
    assert table.count("<tr") == len(found)
    for one in found:
        bad = str(one.bad).lower()
        assert f'data-change="{one.name}" data-bad="{bad}"' in table
        assert f"{one.before:.2f} → {one.after:.2f}" in table
    against = sum(c.bad for c in found)
    assert ("follows the lesion" in table) == (against == 0)
    assert "en espejo" in ask(explain, explain.questions.follow, "es")[explain.questions.told]


def test_what_would_change_its_mind_is_drawn(
    tab: AnalyzeTab, explain: ExplainTab, tiny: Analyzer, png: Path
) -> None:
    tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    a = tiny.analyze(png)
    found = tiny.change_of_mind(a)
    update = ask(explain, explain.questions.mind)
    said = unescape(update[explain.questions.told])
    assert f"from {found.before:.2f} to {found.after:.2f}" in said
    assert ("changes “" in said) == found.changed
    picture = shown(update[explain.questions.picture]["value"])
    assert (picture == (255, 176, 0)).all(2).sum() > 20
    assert "Nearest" not in said  # this bundle knows none


def test_neighbours_are_listed_and_the_same_image_is_named(tiny: Analyzer, png: Path) -> None:
    a = tiny.analyze(png)
    assert a.pooled is not None
    known = Neighbours.fit(np.stack([a.pooled, a.pooled + 1]), ["benign", "normal"])
    said = near(replace(a, neighbours=known.nearest(a.pooled)), "en")
    assert said.count("<li>") == 2 and "very image" in said
    other = Neighbours.fit(np.stack([a.pooled + 2, a.pooled + 3]), ["benign", "normal"])
    assert "very image" not in near(replace(a, neighbours=other.nearest(a.pooled)), "en")


def test_a_place_is_asked_about(
    tab: AnalyzeTab, explain: ExplainTab, tiny: Analyzer, png: Path
) -> None:
    tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    questions, a = explain.questions, tiny.analyze(png)
    begun = list(questions.begin(VISITOR, "en"))[-1]
    assert "Click a lesion" in begun[questions.told]
    lesion = np.argwhere(a.lesions[0].mask)
    row, col = (int(v) for v in lesion[len(lesion) // 2])
    typed = list(questions.typed(VISITOR, "en", f"{row}, {col}"))[-1]
    assert "Lesion 1" in typed[questions.told] and typed[questions.picture]["visible"] is True
    event = gr.SelectData(None, {"index": [col, row], "value": None})
    clicked = list(questions.point(VISITOR, "en", event))[-1]
    assert clicked[questions.told] == typed[questions.told]
    away = list(questions.typed(VISITOR, "es", "0; 0"))[-1]
    assert "fuera de la imagen" in away[questions.progress]
    wrong = list(questions.typed(VISITOR, "en", "left"))[-1]
    assert "no place" in unescape(wrong[questions.progress])
