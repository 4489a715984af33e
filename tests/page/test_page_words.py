"""What the page says, in every language, and how it looks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("gradio")

import gradio as gr
from page_tools import put

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.errors import ArgumentError, DataError, HccXaiError, ImageError
from hcc_xai.imaging import image, refusals
from hcc_xai.kinds.known import LIVER
from hcc_xai.language import errors, words
from hcc_xai.page import gradio_settings, style, texts
from hcc_xai.page.inputs import place_of, unpack
from hcc_xai.page.labels import Labels
from hcc_xai.page.memory import Answers
from hcc_xai.page.tabs.analyze import AnalyzeTab
from hcc_xai.page.tabs.batch_table import table
from hcc_xai.page.tabs.model import card, facts

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.usefixtures("tidy"),
]


def test_every_text_stands_in_every_language() -> None:
    for key, both in texts.TEXTS.items():
        assert set(both) == set(words.LANGUAGES) and all(both.values()), key
        fields = [set(re.findall(r"{(\w+)}", said)) for said in both.values()]
        assert fields[0] == fields[1], key


def test_what_the_reader_raises_has_spanish() -> None:
    raised: list[HccXaiError] = [refusals.cut_short(), refusals.damaged()]
    kinds = (b"", b"PK\3\4", b"\x1f\x8b", b"%PDF", b"\0\0\0\x18ftyp", b"<svg", b"a text")
    raised += [refusals.other_kind(start) for start in kinds]
    for size in ((5, 5), (20000, 20000)):
        with pytest.raises(ImageError) as caught:
            image.check_size(*size)
        raised.append(caught.value)
    for error in raised:
        assert "inglés" not in errors.say(error, "es"), error
        assert errors.say(error, "en") == str(error)
    fixed = {
        "dicom-no-picture": "This DICOM file holds no picture "
        "(it may be a report, a plan or a folder listing).",
        "dicom-film": "This DICOM file holds a film (MPEG, H.264 or H.265); "
        "export it as single pictures.",
        "picture-one-shade": "This picture is one even shade: there is nothing to see in it.",
    }
    for key, sentence in fixed.items():
        assert "inglés" not in errors.said(key, sentence, {}, "es"), key
        assert errors.said(key, sentence, {}, "en") == sentence
    assert errors.say(HccXaiError("Something new."), "es").endswith("Something new.")


def test_what_the_page_raises_itself_has_spanish(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError) as caught:
        place_of("left")
    assert str(caught.value).startswith("'left' is no place; write row and column")
    assert errors.say(caught.value, "es").startswith("«left» no es un punto")
    with pytest.raises(DataError, match="choose pictures") as caught:
        unpack([], tmp_path)
    assert errors.say(caught.value, "es").startswith("Elija imágenes")
    tables = [put(name, b"file,label") for name in ("a.csv", "b.csv")]
    with pytest.raises(DataError, match="there are 2 CSV files") as caught:
        unpack(tables, tmp_path)
    assert errors.say(caught.value, "es") == "Se necesita una sola tabla; hay 2 archivos CSV."


def test_a_file_that_a_batch_could_not_read_says_why_in_the_readers_language() -> None:
    row = {"file": "a.png", "error": "This file is cut short."}
    assert "This file is cut short." in table([row], lambda kind: {}, (LIVER,), "en")
    assert "Motivo, en inglés" in table([row], lambda kind: {}, (LIVER,), "es")
    row |= {
        "error_key": "picture-too-small",
        "error_values": {"width": 5, "height": 6, "least": 32},
    }
    assert "demasiado pequeña (5 × 6 píxeles)" in table([row], lambda kind: {}, (LIVER,), "es")


def test_a_text_without_a_language_is_said_in_english() -> None:
    assert texts.said_in({"en": "one"}, "es") == "one"
    assert texts.said_in({"en": "one", "es": "uno"}, "es") == "uno"


def test_the_switch_sets_every_label(tiny: Analyzer) -> None:
    gradio_settings.blocks_settings()
    labels = Labels()
    with gr.Blocks(analytics_enabled=False):
        AnalyzeTab(tiny, Answers(), labels, gr.Radio(["en", "es"]))
    english, spanish = labels.updates("en"), labels.updates("es")
    same = [c.elem_id for c in labels.components if english[c] == spanish[c]]
    assert len(labels.components) > 15 and same in ([], ["example-malignant_cine"])


def test_no_address_of_another_host_is_in_what_is_ours() -> None:
    assert "http" not in style.css() and "http" not in style.script()
    assert not style.theme()._font_css


def test_the_card_loses_its_front_matter(tiny: Analyzer) -> None:
    assert card("---\nlicense: mit\n---\n\n# Title\n\n---\nrest") == "# Title\n\n---\nrest"
    assert card("# Title\n---\n") == "# Title\n---\n"
    assert tiny.config.network.trunk in facts(tiny, "en") and "cc0-1.0" in facts(tiny, "es")


def test_the_cards_figures_are_shown_within_the_page_and_large_ones_are_not(tmp_path) -> None:
    from hcc_xai.page.tabs import model

    assert model.card("---\na: b\n---\n# name\n\n![x](figures.png)\n\ntext\n") == "# name\n\ntext\n"
    path = tmp_path / "figures.png"
    assert model.picture(path, "what it shows") == ""
    path.write_bytes(b"\x89PNG")
    assert 'src="data:image/png;base64,iVBORw=="' in model.picture(path, "what it shows")
    path.write_bytes(b"x" * (2**21 + 1))
    assert model.picture(path, "what it shows") == ""
