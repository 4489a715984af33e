"""What stands where on the tab "Batch": what comes in, how it is drawn, the grid, the table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import gradio as gr

from hcc_xai.analysis.models import Answerer
from hcc_xai.analysis.result import Analysis
from hcc_xai.batch.tables import ANSWERS, PARQUET, TABLE
from hcc_xai.explain.methods import METHODS
from hcc_xai.imaging import draw
from hcc_xai.language import words
from hcc_xai.model.exact import KINDS
from hcc_xai.page.inputs import Inputs
from hcc_xai.page.labels import Choice, Labels
from hcc_xai.page.tabs.analyze_layout import kind_choices, titles_of
from hcc_xai.page.tabs.view import LAYERS
from hcc_xai.page.texts import i18n, text

DOWNLOADS = {
    "zip": "all.zip",
    "csv": TABLE,
    "parquet": PARQUET,
    "jsonl": ANSWERS,
}
_SORTS = ("file", "probability", "size", "sure")
_OTHERS = tuple(m for m in METHODS if m not in KINDS)  # methods that run the network again
_Choices = Callable[[str], list[Choice]]  # language -> what can be chosen


@dataclass(frozen=True)
class GridView(Inputs):
    """What the controls above the grid say.

    Attributes:
        layout: "grid", or "one" large picture at a time.
        sort: by "file", "probability" of the worst class, "size" of the largest lesion, or "sure".
        only: which pictures: "" for all, a kind, a label, a band, "flagged", "lesion" or "stopped".
        show: of `LAYERS`, what is drawn.
        opacity: of the map, 0 to 1.
        label: the class whose evidence is drawn; "" for each picture's answer.
        method: of `METHODS`, whose map is drawn.
        colour_map: of `draw.COLOUR_MAPS`.
    """

    layout: str
    sort: str
    only: str
    show: Sequence[str]
    opacity: float
    label: str
    method: str
    colour_map: str

    def label_of(self, a: Analysis) -> str:
        """The label whose evidence is drawn: the one that is chosen, where the answer has it."""
        return self.label if self.label in a.probabilities else a.label

    @property
    def asked(self) -> bool:
        """Whether the map that is drawn takes another run of the network."""
        return self.method not in KINDS and "heatmap" in self.show


class BatchLayout:
    """The tab's components, made within a `gr.Blocks`."""

    def __init__(self, models: Answerer, labels: Labels) -> None:
        self.models = models
        with gr.Column(elem_id="batch-page"):
            labels.add(gr.HTML(_intro("en"), elem_id="batch-intro"), value=_intro)
            with gr.Row(elem_id="batch-intake"):
                self.choose_files = _upload(labels, "batch-files", "multiple")
                self.choose_folder = _upload(labels, "batch-folder", "directory")
                stop = gr.Button(i18n("explain-stop"), size="sm", elem_id="batch-stop")
                self.stop = labels.add(stop, value="explain-stop")
            self.progress = gr.HTML("", elem_id="batch-progress")
            with gr.Row(elem_id="batch-controls"):
                self._controls(labels)
            self.gallery = gr.Gallery(
                [],
                show_label=False,
                columns=4,
                object_fit="contain",
                height="auto",
                interactive=False,
                buttons=["fullscreen"],
                elem_id="batch-gallery",
            )
            with gr.Row(elem_id="batch-take"):
                go = gr.Button(
                    i18n("batch-open"), size="sm", interactive=False, elem_id="batch-open"
                )
                self.open = labels.add(go, value="batch-open")
                self.files = {
                    name: gr.DownloadButton(
                        name.upper(), size="sm", interactive=False, elem_id=f"batch-{name}"
                    )
                    for name in DOWNLOADS
                }
            self.table = gr.HTML("", elem_id="batch-table")

    def _controls(self, labels: Labels) -> None:
        view = gr.Radio(_views("en"), value="grid", label=i18n("view"), elem_id="b-view")
        labels.add(view, label="view", choices=_views)
        sort = _pick(labels, "sort", _sorts, "file")
        only = _pick(labels, "only", self._filters, "")
        show = gr.CheckboxGroup(
            _layers("en"), value=list(LAYERS), label=i18n("show"), elem_id="b-show"
        )
        labels.add(show, label="show", choices=_layers)
        opacity = gr.Slider(0, 1, 0.6, step=0.05, label=i18n("opacity"), elem_id="b-opacity")
        labels.add(opacity, label="opacity")
        label = _pick(labels, "class", self._classes, "")
        method = _pick(labels, "map", _methods, KINDS[0])
        colours = gr.Dropdown(
            list(draw.COLOUR_MAPS),
            value="inferno",
            label=i18n("colours"),
            filterable=False,
            elem_id="b-colours",
        )
        labels.add(colours, label="colours")
        self.controls = GridView.in_order(
            layout=view,
            sort=sort,
            only=only,
            show=show,
            opacity=opacity,
            label=label,
            method=method,
            colour_map=colours,
        )

    def _named_labels(self, language: str) -> list[Choice]:
        """The labels to choose from; of several kinds none, as each has its own."""
        if len(self.models.kinds) > 1:
            return []
        return titles_of(self.models.of(self.models.kinds[0]).config, language)

    def _named_kinds(self, language: str) -> list[Choice]:
        """The kinds to choose from, where there are several."""
        several = self.models.kinds if len(self.models.kinds) > 1 else ()
        return kind_choices(several, language)

    def _classes(self, language: str) -> list[Choice]:
        return [(text("the-answer", language), ""), *self._named_labels(language)]

    def _filters(self, language: str) -> list[Choice]:
        bands = [(words.BANDS[band][language], band) for band in words.BANDS]
        more = [(text(f"only-{name}", language), name) for name in ("flagged", "lesion", "stopped")]
        named = [*self._named_kinds(language), *self._named_labels(language)]
        return [(text("only-all", language), ""), *named, *bands, *more]


def _views(language: str) -> list[Choice]:
    return [(text(f"view-{name}", language), name) for name in ("grid", "one")]


def _sorts(language: str) -> list[Choice]:
    return [(text(f"sort-{name}", language), name) for name in _SORTS]


def _layers(language: str) -> list[Choice]:
    return [(text(name, language), name) for name in LAYERS]


def _methods(language: str) -> list[Choice]:
    return [
        (text(name, language) if name == KINDS[1] else METHODS[name].title, name)
        for name in (*KINDS, *_OTHERS)
    ]


def _pick(labels: Labels, name: str, choices: _Choices, value: str) -> gr.Dropdown:
    dropdown = gr.Dropdown(
        choices("en"), value=value, label=i18n(name), filterable=False, elem_id=f"b-{name}"
    )
    return labels.add(dropdown, label=name, choices=choices)


def _upload(labels: Labels, name: str, count: Literal["multiple", "directory"]) -> gr.UploadButton:
    button = gr.UploadButton(
        i18n(name),
        file_count=count,
        type="filepath",
        size="sm",
        variant="primary" if count == "multiple" else "secondary",
        elem_id=name,
    )
    return labels.add(button, label=name)


def _intro(language: str) -> str:
    return f"<p>{text('batch-intro', language)}</p>"
