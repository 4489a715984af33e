"""The tab "Batch" without a browser."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest

pytest.importorskip("gradio")

import gradio as gr
from page_tools import CONTROLS, GRID, VISITOR, put

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.imaging import draw
from hcc_xai.imaging import read as images
from hcc_xai.page.labels import Labels
from hcc_xai.page.memory import private_folder
from hcc_xai.page.tabs.analyze import AnalyzeTab
from hcc_xai.page.tabs.batch import BatchTab, shrink
from hcc_xai.phantoms.phantom import make, random_spec, to_dicom

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.usefixtures("tidy"),
]


@pytest.fixture
def many(tiny: Analyzer, tab: AnalyzeTab) -> Iterator[BatchTab]:
    with gr.Blocks(analytics_enabled=False):
        made = BatchTab(tiny, Labels(), gr.Radio(), tab.opener, gr.Tabs())
    yield made
    made.leave(VISITOR)


def pictures_of(update: Any) -> list[tuple[str, str]]:
    return update["value"]


def test_the_controls_stand_in_the_order_of_their_values(many: BatchTab) -> None:
    assert [control.value for control in many.controls] == list(GRID.values())


def test_a_batch_is_shown_sorted_and_taken_home(
    many: BatchTab, tab: AnalyzeTab, tiny: Analyzer, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans = [draw.png(make(random_spec(s, shape=(150, 200))).pixels) for s in range(5)]
    frames = [make(random_spec(s, shape=(150, 200))) for s in (7, 7)]
    paths = [put(f"{i}.png", content) for i, content in enumerate(scans)]
    paths.append(put("note.txt", b"a text that is long enough to be taken for a text, that is"))
    loop = Path(tempfile.mkdtemp(dir=private_folder())) / "loop.dcm"
    to_dicom(frames, loop)
    updates = list(many.run(VISITOR, [*paths, str(loop)], "en", *GRID.values()))
    last = updates[-1]
    assert "7 pictures of 7 files" in last[many.progress]
    assert not any(Path(path).exists() for path in paths)  # moved to where they are forgotten
    shown_ = pictures_of(last[many.gallery])
    assert [caption.split(":")[0] for _, caption in shown_] == [
        "0.png", "1.png", "2.png", "3.png", "4.png", "loop.dcm [1]", "loop.dcm [2]",
    ]  # fmt: skip
    assert last[many.table].count("<tr") == 9 and "holds text" in last[many.table]
    with zipfile.ZipFile(last[many.files["zip"]]["value"]) as made:
        assert "pictures/0_overlay.png" in made.namelist()
    answers = [tiny.analyze(s) for s in map(images.decode, scans)]
    wanted = replace(GRID, sort="probability", show=[]).values()
    redrawn = pictures_of(list(many.redraw(VISITOR, "en", *wanted))[-1][many.gallery])
    chances = {f"{i}.png": a.probabilities["malignant"] for i, a in enumerate(answers)}
    order = [name for _, c in redrawn if (name := c.split(":")[0]) in chances]
    assert order == sorted(chances, key=lambda name: -chances[name])
    assert not Path(shown_[0][0]).exists() and Path(redrawn[0][0]).is_file()
    label = answers[0].label
    few = pictures_of(
        list(
            many.redraw(
                VISITOR, "es", *replace(GRID, layout="one", sort="size", only=label).values()
            )
        )[-1][many.gallery]
    )
    assert 1 <= len(few) <= 7
    before = pictures_of(list(many.redraw(VISITOR, "en", *GRID.values()))[-1][many.gallery])
    kept_before = [Path(path).read_bytes() for path, _ in before]
    other = replace(GRID, method="layer-cam").values()  # a method that no answer holds
    updates = list(many.redraw(VISITOR, "en", *other))
    heated = pictures_of(updates[-1][many.gallery])
    assert all(
        Path(path).read_bytes() != old for (path, _), old in zip(heated, kept_before, strict=True)
    )
    for heat in many.visitors.get(str(VISITOR.session_hash)).heats.values():
        assert abs(heat.map).max() == pytest.approx(heat.scale, rel=1e-3)  # drawn at full strength
    assert updates[-2][many.progress] == "" and len(list(many.redraw(VISITOR, "en", *other))) == 1
    many.visitors.get(str(VISITOR.session_hash)).heats.clear()
    explain = many.models.explain

    def once(*given: Any, **more: Any) -> Any:  # the visitor stops it after the first
        many.halt(VISITOR)
        return explain(*given, **more)

    monkeypatch.setattr(many.models, "explain", once)
    updates = list(many.redraw(VISITOR, "en", *other))
    assert "6 pictures are shown without" in updates[-2][many.progress]
    assert len(pictures_of(updates[-1][many.gallery])) == 7
    list(many.redraw(VISITOR, "en", *GRID.values()))
    event = gr.SelectData(None, {"index": 6, "value": None})
    assert many.choose(VISITOR, event)[many.open]["interactive"] is True
    opened = many.show(VISITOR, "en", "", *CONTROLS)
    kept = tab.answers.get(str(VISITOR.session_hash))
    assert kept is not None and kept.answer.image.source == "loop.dcm"
    assert kept.answer.image.frame == 1 and many.tabs in opened
    folder = many.visitors.get(str(VISITOR.session_hash)).folder
    many.leave(VISITOR)
    assert not folder.exists()


def test_small_pictures_are_drawn_like_large_ones(tiny: Analyzer) -> None:
    a = tiny.analyze(make(random_spec(3, label="malignant", shape=(600, 800))).pixels)
    small = shrink(a)
    assert max(small.image.shape) == 480 and small.label == a.label
    large = cv2.resize(a.overlay(), small.image.shape[::-1], interpolation=cv2.INTER_AREA)
    assert abs(small.overlay().astype(int) - large).mean() < 6
    ours, theirs = (x.lesions[0].area_px / x.sector.sum() for x in (small, a))
    assert ours == pytest.approx(theirs, rel=0.1)


def test_a_batch_of_nothing_and_a_batch_stopped(many: BatchTab) -> None:
    last = list(many.run(VISITOR, [], "en", *GRID.values()))[-1]
    assert "no file" in last[many.progress]
    assert many.choose(VISITOR, gr.SelectData(None, {"index": 0, "value": None}))
    scan_ = draw.png(make(random_spec(1, shape=(150, 200))).pixels)
    paths = [put(f"{i}.png", scan_) for i in range(60)]
    run = many.run(VISITOR, paths, "en", *GRID.values())
    next(run)
    many.halt(VISITOR)
    last = list(run)[-1]
    assert last[many.progress].count("Stopped") == 1 or "60 pictures" in last[many.progress]
