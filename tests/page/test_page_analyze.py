"""The tab "Analyze" without a browser: its events, and the answer as HTML."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

pytest.importorskip("gradio")


from image_files import dataset, saved
from page_tools import CONTROLS, UNSAID, VIEW, VISITOR, shown

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.imaging import read as images
from hcc_xai.language import words
from hcc_xai.model.neighbours import Neighbour
from hcc_xai.model.second_opinion import NAMES, GlassBox
from hcc_xai.page.memory import private_folder
from hcc_xai.page.tabs import answer_html as html
from hcc_xai.page.tabs.analyze import AnalyzeTab
from hcc_xai.page.tabs.view import StudyAnswers, View
from hcc_xai.page.texts import TEXTS
from hcc_xai.phantoms.phantom import make, random_spec, to_dicom

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.usefixtures("tidy"),
]


def test_the_controls_stand_in_the_order_of_their_values(tab: AnalyzeTab) -> None:
    assert [control.value for control in tab.controls] == list(VIEW.values())
    assert [question.value for question in tab.study] == list(UNSAID.values())
    assert View.from_values(*CONTROLS) == VIEW
    with pytest.raises(TypeError, match="wanted"):
        View.in_order(show=tab.show)


def test_redrawing_keeps_few_files(tab: AnalyzeTab, png: Path) -> None:
    tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    kept = tab.answers.get("one")
    for step in range(12):
        tab.redraw(VISITOR, "en", *replace(VIEW, opacity=step / 12).values())
    assert kept is not None and len(list(kept.folder.rglob("*_overlay.png"))) == 4
    tab.leave(VISITOR)
    assert not kept.folder.exists() and len(tab.answers) == 0


def test_an_example_stays_an_upload_goes(tab: AnalyzeTab, png: Path) -> None:
    tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    assert png.exists()
    copy = private_folder() / "upload" / "a.png"
    copy.parent.mkdir()
    copy.write_bytes(png.read_bytes())
    tab.read_upload(VISITOR, str(copy), "en", "", *CONTROLS)
    assert not copy.parent.exists()


def test_controls_redraw_without_the_network(
    tab: AnalyzeTab, tiny: Analyzer, png: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    a = tiny.analyze(png)
    assert np.array_equal(shown(first[tab.stage][0]), a.overlay(kind=None, show=()))
    assert np.array_equal(shown(first[tab.stage][1]), a.overlay())
    assert first[tab.label]["value"] == a.label

    def refuse(*_: Any) -> None:
        raise AssertionError("the network was run")

    monkeypatch.setattr(tiny, "forward", refuse)
    view = View(
        show=["organ", "heatmap"],
        opacity=0.9,
        label="benign",
        kind="contribution",
        scale="own",
        colour_map="viridis",
    )
    again = tab.redraw(VISITOR, "es", *view.values())
    expected = a.overlay(
        label="benign", kind="contribution", absolute=False, opacity=0.9, show=("liver",)
    )
    assert np.array_equal(shown(again[tab.stage][1]), expected)
    assert again[tab.stage][0] == first[tab.stage][0]
    assert "a favor" in again[tab.legend]
    bare = tab.redraw(VISITOR, "en", *replace(view, show=[]).values())
    assert np.array_equal(shown(bare[tab.stage][1]), shown(first[tab.stage][0]))
    tab.measure(VISITOR, "es", "0,5", *UNSAID.values())
    tab.translate(VISITOR, "es", *view.values(), *UNSAID.values())


def test_the_downloads_are_what_save_writes(
    tab: AnalyzeTab, tiny: Analyzer, png: Path, tmp_path: Path
) -> None:
    found = tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    written = {path.name: path for path in tiny.analyze(png).save(tmp_path)}
    for name in ("overlay", "lesion", "organ"):
        path = found[tab.downloads[name]]["value"]
        assert np.array_equal(shown(path), shown(str(written[Path(path).name])))
    numbers = json.loads(Path(found[tab.downloads["json"]]["value"]).read_text())
    assert set(numbers) == set(json.loads(written["scan.json"].read_text()))


def test_hiding_is_tested_after_the_answer(tab: AnalyzeTab, tiny: Analyzer, png: Path) -> None:
    first = tab.read_example(png)(VISITOR, "en", "", *CONTROLS)[tab.answer]
    assert "hiding the lesions: …" in first
    a = tiny.analyze(png)
    tested = tab.test(VISITOR, "en")
    before, after = (
        words.number(x, "en") for x in (a.probabilities[a.label], tiny.evidence(a).hidden or 0)
    )
    assert f"hiding the lesions: {before} → {after}" in tested[tab.answer]
    assert "Lesion 1, measured:" in tested[tab.answer] and "Lesion 1," not in first
    assert a.describe()[0].word in tested[tab.answer]
    numbers = json.loads(Path(tested[tab.downloads["json"]]).read_text())
    assert numbers["evidence"]["hidden"] == pytest.approx(tiny.evidence(a).hidden, abs=1e-6)


def test_another_frame_needs_no_upload(tab: AnalyzeTab, tmp_path: Path) -> None:
    path = tmp_path / "loop.dcm"
    spec = random_spec(1, shape=(120, 160))
    to_dicom([make(replace(spec, breath_mm=mm)) for mm in (0.0, 2.0, 4.0)], path)
    first = tab.read_example(path)(VISITOR, "en", "", *CONTROLS)
    assert first[tab.frame]["visible"] and first[tab.frame]["value"] == 2
    path.unlink()
    tab.read_frame(VISITOR, 3, "en", "", *CONTROLS)
    kept = tab.answers.get("one")
    assert kept is not None and kept.answer.image.frame == 2


def test_errors_stand_where_the_file_was_dropped(
    tab: AnalyzeTab, png: Path, tmp_path: Path
) -> None:
    tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture at all\n" * 9)
    said = tab.read_example(bad)(VISITOR, "es", "", *CONTROLS)
    assert 'role="alert"' in said[tab.note] and "El archivo contiene texto" in said[tab.note]
    assert said[tab.stage] is None and "data-value" not in said[tab.answer]
    assert len(tab.answers) == 0
    gone = tab.read_frame(VISITOR, 2, "en", "", *CONTROLS)
    assert "put away" in gone[tab.note]


def test_whatever_fails_becomes_a_sentence(
    tab: AnalyzeTab, tiny: Analyzer, png: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("patient Jane Doe")

    monkeypatch.setattr(tiny, "forward", fail)
    said = tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    assert "Something went wrong" in said[tab.note] and "Jane" not in said[tab.note]


@pytest.mark.parametrize(
    ("typed", "part"),
    [("0", "more than 0"), ("-1", "more than 0"), ("abc", "no number"), ("nan", "more than 0")],
)
def test_a_spacing_that_makes_no_sense(tab: AnalyzeTab, png: Path, typed: str, part: str) -> None:
    tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    assert part in unescape(tab.measure(VISITOR, "en", typed, *UNSAID.values())[tab.spacing_note])


def test_a_spacing_measures_again(tab: AnalyzeTab, tiny: Analyzer, png: Path) -> None:
    tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    lesion = tiny.analyze(png, mm_per_pixel=0.5).lesions[0]
    said = tab.measure(VISITOR, "es", "0,5", *UNSAID.values())[tab.answer]
    assert lesion.diameter_mm and lesion.width_mm
    assert words.sizes(lesion.diameter_mm, lesion.width_mm, "mm", "es") in said


def test_us_li_rads_is_asked_for_and_follows_the_millimetres(
    tab: AnalyzeTab, tiny: Analyzer, png: Path
) -> None:
    first = tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    benign = first[tab.study[-1]]
    assert benign["visible"] and benign["choices"][0] == "1" and benign["value"] == []
    assert "no category" in first[tab.lirads] and "say whether" in first[tab.lirads]
    study = StudyAnswers(at_risk="yes", thrombus="no", visualization="A", benign=[])
    said = tab.suggest(VISITOR, "en", *study.values())[tab.lirads]
    assert 'data-category=""' in said and "Not assessable" in said
    measured = tab.measure(VISITOR, "en", "5", *study.values())
    assert 'data-category="US-3"' in measured[tab.lirads] and "VIS-A" in measured[tab.lirads]
    spanish = tab.translate(
        VISITOR, "es", *CONTROLS, *replace(study, benign=benign["choices"]).values()
    )
    assert 'data-category="US-1"' in spanish[tab.lirads]
    assert "según usted" in unescape(spanish[tab.lirads])
    again = tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    assert all(again[part]["value"] is None for part in tab.study[:-1])


def test_a_second_opinion_stands_beside_the_answer(tiny: Analyzer, png: Path) -> None:
    a = tiny.analyze(png)
    other = next(k for k in a.probabilities if k != a.label)
    box = GlassBox((other, a.label), NAMES, (0.1,) * 10, (0.0,) * 10, (1.0,) * 10, 5.0, {})
    held = a.with_evidence(tiny.evidence(a))
    agrees, early = replace(held, glass_box=box), replace(a, glass_box=box)
    assert "speaks for the same" in html.answer(agrees, "en")
    assert "second opinion" not in html.answer(early, "en")  # not before there is time
    differs = replace(held, glass_box=replace(box, bias=-5.0))
    assert "instead, chiefly" in html.answer(differs, "en")


def test_the_answer_says_the_numbers(tiny: Analyzer, png: Path) -> None:
    a = tiny.analyze(png)
    for language in words.LANGUAGES:
        said = html.answer(a, language)
        values = dict(re.findall(r'data-label="(\w+)" data-value="([\d.]+)"', said))
        assert {k: float(v) for k, v in values.items()} == pytest.approx(a.probabilities, abs=1e-6)
        assert unescape(a.sentence(language)) in unescape(said)
        assert words.BANDS[a.band()][language] in said
        assert words.number(a.probabilities[a.label], language) in said


def test_a_files_name_is_no_html(tiny: Analyzer, scan: np.ndarray) -> None:
    file = io.BytesIO()
    PIL.Image.fromarray(scan).save(file, "PNG")
    a = tiny.analyze(images.decode(file.getvalue(), name="<img src=x onerror=alert(1)>.png"))
    assert "<img" not in html.answer(a, "en")


def test_greeting_in_english_leaves_what_an_early_file_was_told(tab: AnalyzeTab) -> None:
    given = (*CONTROLS, *UNSAID.values())
    assert tab.note not in tab.greet(VISITOR, "en", *given)
    assert "suéltela" in unescape(tab.greet(VISITOR, "es", *given)[tab.note])


def test_a_typed_scale_is_this_pictures_alone_and_emptying_the_field_undoes_it(
    tab: AnalyzeTab, tmp_path: Path
) -> None:
    scan = make(random_spec(3, label="malignant", shape=(150, 200))).pixels
    paths = [tmp_path / f"{name}.png" for name in ("one", "two")]
    for path in paths:
        PIL.Image.fromarray(scan).save(path)
    stated = tmp_path / "stated.dcm"
    stated.write_bytes(saved(dataset(scan[..., 0], PixelSpacing=[0.25, 0.25])))

    def mm() -> float | None:
        return tab._kept(VISITOR).answer.lesions[0].diameter_mm

    tab.read_example(paths[0])(VISITOR, "en", "", *CONTROLS)
    assert mm() is None
    tab.measure(VISITOR, "en", "0.5", *UNSAID.values())
    typed = mm()
    assert typed is not None
    undone = tab.measure(VISITOR, "en", "", *UNSAID.values())
    assert mm() is None and "px" in undone[tab.answer]
    tab.measure(VISITOR, "en", "0.5", *UNSAID.values())
    # The field still says 0.5 when the next file comes.
    shown = tab.read_example(paths[1])(VISITOR, "en", "0.5", *CONTROLS)
    assert mm() is None and shown[tab.spacing] == "" and shown[tab.length] == ""
    tab.read_example(stated)(VISITOR, "en", "0.5", *CONTROLS)
    own = mm()
    assert own == pytest.approx(typed / 2)  # the file's, not the typed one
    tab.measure(VISITOR, "en", "0.5", *UNSAID.values())
    assert mm() == pytest.approx(typed)  # said of this picture
    tab.measure(VISITOR, "en", "", *UNSAID.values())
    assert mm() == pytest.approx(own)


def test_another_frame_keeps_the_typed_scale_and_can_be_undone_too(
    tab: AnalyzeTab, tmp_path: Path
) -> None:
    frames = np.stack([make(random_spec(3, shape=(150, 200))).pixels[..., 0]] * 3)
    path = tmp_path / "loop.dcm"
    path.write_bytes(saved(dataset(frames, NumberOfFrames=3, PixelSpacing=[0.25, 0.25])))
    tab.read_example(path)(VISITOR, "en", "", *CONTROLS)
    tab.measure(VISITOR, "en", "0.5", *UNSAID.values())
    tab.read_frame(VISITOR, 3, "en", "0.5", *CONTROLS)
    image = tab._kept(VISITOR).answer.image
    assert image.frame == 2 and image.spacing_at(70, 100) == (0.5, 0.5)
    tab.measure(VISITOR, "en", "", *UNSAID.values())
    assert tab._kept(VISITOR).answer.image.spacing_at(70, 100) == (0.25, 0.25)


def test_a_tick_is_a_check_that_held_and_doubts_are_counted(
    tab: AnalyzeTab, tiny: Analyzer, png: Path
) -> None:
    tab.read_example(png)(VISITOR, "en", "", *CONTROLS)
    said = tab.test(VISITOR, "en")[tab.answer]
    answer = tab._kept(VISITOR).answer
    doubts = sum(s.severity == "doubt" for s in answer.statements)
    assert doubts > 0 and f'data-doubts="{doubts}"' in said
    for line in re.findall(r"<li class=\"(ok|mind|told)\">(.*?)</li>", said):
        topic = re.search(r"<b>(.*?)</b>", line[1])[1]
        severities = {
            s.severity for s in answer.statements if TEXTS.get(s.topic, {}).get("en") == topic
        }
        if line[0] == "ok":
            assert "passed" in severities


@pytest.mark.parametrize("band", ["green", "amber", "red"])
def test_confidence_has_a_tick_where_it_is_high_alone(tiny: Analyzer, png: Path, band: str) -> None:
    chance = {"green": 0.95, "amber": 0.8, "red": 0.5}[band]
    rest = (1 - chance) / 2
    answer = replace(
        tiny.analyze(png),
        probabilities={"normal": rest, "benign": rest, "malignant": chance},
        calibrated=True,
        prediction_set=("malignant",),
        raised=(),
    )
    assert answer.band() == band
    said = next(s for s in answer.statements if s.key == "calibrated")
    assert (said.severity == "passed") == (band == "green")


def test_an_image_that_was_trained_on_is_a_doubt_everywhere(tiny: Analyzer, png: Path) -> None:
    answer = tiny.analyze(png)
    for distance, known in ((0.05, True), (0.5, False)):
        near = replace(answer, neighbours=(Neighbour("benign", distance),))
        assert ("trained-on" in {flag.code for flag in near.flags}) == known
        stated = {s.key: s for s in near.statements}
        assert ("trained-on" in stated) == known
        assert ("this very image" in html.answer(near, "en")) == known
        assert ("trained-on" in json.dumps(near.to_dict())) == known
