"""The tab "Model": what is loaded, and its card in the author's words."""

from __future__ import annotations

import base64
import re
from html import escape
from pathlib import Path

import gradio as gr

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.analysis.models import Answerer
from hcc_xai.language import words
from hcc_xai.model.bundle import FIGURES, METHOD_FIGURES, RELIABILITY
from hcc_xai.page.gradio_settings import QUIET, REDRAW
from hcc_xai.page.labels import Labels
from hcc_xai.page.progress import Updates
from hcc_xai.page.tabs.analyze_layout import kind_list, titles_of
from hcc_xai.page.texts import text

_LARGEST_FIGURE = 2 * 2**20  # bytes; a bundle may come from anyone
_PICTURES = {  # of the card, and what they show
    FIGURES: "ROC, lesion Dice, evidence, free response, behaviour, frame sizes",
    METHOD_FIGURES: "Methods of explanation: insertion less deletion, and shuffled networks",
    RELIABILITY: "How often it is right when it says how sure it is: raw, and calibrated",
}


class ModelTab:
    """Builds the tab within a `gr.Blocks`."""

    def __init__(self, models: Answerer, labels: Labels, language: gr.Radio) -> None:
        self.models = models
        first = models.of(models.kinds[0])
        with gr.Column(elem_id="model-page"):
            kind = kind_list(models.kinds, labels, "model-kind", value=models.kinds[0])
            self.facts = gr.HTML(facts(first, "en"), elem_id="facts")
            labels.add(gr.HTML(_title("en"), elem_id="card-title"), value=_title)
            self.pictures = {
                name: gr.HTML(_picture(first, name), elem_id=f"card-{name[:-4]}")
                for name in _PICTURES
            }
            self.card = gr.Markdown(card(first.bundle.card), elem_id="card", latex_delimiters=[])
        chosen = [self.facts, self.card, *self.pictures.values()]
        gr.on([kind.input, language.input], self.show, [kind, language], chosen, **QUIET, **REDRAW)

    def show(self, kind: str, language: str) -> Updates:
        """A kind was chosen, or the language switched."""
        model = self.models.of(kind)
        return {
            self.facts: facts(model, language),
            self.card: card(model.bundle.card),
            **{shown: _picture(model, name) for name, shown in self.pictures.items()},
        }


def _picture(model: Analyzer, name: str) -> str:
    return picture(model.bundle.path / name, _PICTURES[name])


def card(text_of_readme: str) -> str:
    """The card without the front matter that is for the Hub, and without pictures, which the page
    could not fetch."""
    bare = re.sub(r"\A---\n.*?\n---\n+", "", text_of_readme, flags=re.DOTALL)
    return re.sub(r"^!\[[^\]]*\]\([^)]*\)\n+", "", bare, flags=re.MULTILINE)


def picture(path: Path, what: str) -> str:
    """A picture of the card within the page, as HTML; empty where the bundle has none.

    Args:
        path: of the PNG.
        what: it shows, for a screen reader.
    """
    if not path.is_file() or path.stat().st_size > _LARGEST_FIGURE:
        return ""
    code = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{what}" src="data:image/png;base64,{code}" style="max-width:100%">'


def _title(language: str) -> str:
    return f"<h2>{text('card', language)}</h2>"


def facts(analyzer: Analyzer, language: str) -> str:
    """What config.json says, as a table."""
    config, extras = analyzer.config, analyzer.bundle.extras
    bands = ", ".join(
        f"{words.BANDS[band][language]} ≥ {words.number(value, language)}"
        for band, value in config.bands.items()
    )
    masks = ", ".join(
        f"{name} {words.number(value, language)}" for name, value in config.mask_thresholds.items()
    )
    rows = {
        "fact-name": f"{analyzer.name} · v{config.version}",
        "fact-labels": ", ".join(
            f"{title} ({label})" for title, label in titles_of(config, language)
        ),
        "fact-trunk": f"{config.network.trunk} · {analyzer.device.type}",
        "fact-input": f"{config.network.size} × {config.network.size} px",
        "fact-bands": bands,
        "fact-masks": masks,
        "fact-training": "; ".join(f"{key}: {value}" for key, value in config.training.items())
        or "—",
        "fact-calibrated": text("yes" if "calibration.json" in extras else "no", language),
        "fact-gate": text("yes" if "gate.safetensors" in extras else "no", language),
        "fact-licence": config.licence,
    }
    cells = "".join(
        f"<tr><th scope='row'>{text(key, language)}</th><td>{escape(value)}</td></tr>"
        for key, value in rows.items()
    )
    return f"<h2>{text('facts', language)}</h2><table>{cells}</table>"
