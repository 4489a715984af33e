"""What stands where on the tab "Analyze": picture and controls left, the answer right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from pathlib import Path

import gradio as gr

from hcc_xai.analysis.models import Answerer
from hcc_xai.explain.methods import METHODS
from hcc_xai.findings.lirads import VISUALIZATION
from hcc_xai.imaging import draw
from hcc_xai.kinds.known import kind_named
from hcc_xai.language import words
from hcc_xai.model.bundle import BundleConfig
from hcc_xai.model.exact import KINDS
from hcc_xai.page.labels import Choice, Labels
from hcc_xai.page.tabs import answer_html as html
from hcc_xai.page.tabs.view import LAYERS, StudyAnswers, View, thumbnail
from hcc_xai.page.texts import TEXTS, i18n, text

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
_ORDER = ("normal", "benign", "malignant", "malignant_two", "benign_with_text", "malignant_cine")


class Layout:
    """The tab's components, made within a `gr.Blocks`."""

    def __init__(self, models: Answerer, labels: Labels) -> None:
        self.models, self.labels = models, labels
        self.config = models.of(models.kinds[0]).config  # until there is an answer
        with gr.Row(elem_id="work"):
            with gr.Column(elem_id="left"):
                self._intake()
                with gr.Column(elem_id="stage-wrap"):
                    self._stage()
                self.legend = gr.HTML("", elem_id="legend")
                with gr.Column(elem_id="controls"):
                    self._controls()
            with gr.Column(elem_id="right"):
                self.answer = gr.HTML(html.waiting("en"), elem_id="answer")
                self.spoken = gr.HTML("", elem_id="spoken", elem_classes="sr-only")
                self._measures()
        self.controls = View.in_order(
            show=self.show,
            opacity=self.opacity,
            label=self.label,
            kind=self.kind,
            scale=self.scale,
            colour_map=self.colours,
        )

    def _intake(self) -> None:
        with gr.Row(elem_id="intake"):
            with gr.Column(elem_id="choose-side"):
                self.upload = self.labels.add(
                    gr.UploadButton(
                        i18n("choose"),
                        type="filepath",  # an array would lose 16 bit, and DICOM altogether
                        variant="primary",
                        size="sm",
                        elem_id="choose",
                    ),
                    label="choose",
                )
                self.note = gr.HTML(html.note(text("hint", "en")), elem_id="note")
            self.examples: dict[gr.Button, Path] = {}
            with gr.Row(elem_id="examples"):
                self._html(lambda x: f"<p>{text('simulated', x)}</p>", "simulated")
                for path in _examples():
                    self.examples[self._example(path)] = path
        styles = "".join(thumbnail(p, _id(p)) for p in self.examples.values())
        gr.HTML(f"<style>{styles}</style>", visible="hidden")

    def _example(self, path: Path) -> gr.Button:
        key = _id(path)
        known = key in TEXTS
        button = gr.Button(
            i18n(key) if known else path.stem.replace("_", " "),
            elem_id=key,
            elem_classes="example",
            size="sm",
        )
        return self.labels.add(button, value=key) if known else button

    def _stage(self) -> None:
        self.stage = gr.ImageSlider(
            show_label=False,
            container=False,
            interactive=False,
            format="png",  # Gradio's default is lossy
            slider_position=0,
            buttons=["fullscreen"],
            max_height=10_000,  # Gradio's 500 is overruled; the style says how high it is
            elem_id="stage",
        )
        self._html(partial(empty, self.models.kinds), "empty")
        self._html(lambda x: f"<p>{text('caption', x)}</p>", "caption")

    def _html(self, words: Callable[[str], str], name: str) -> None:
        self.labels.add(gr.HTML(words("en"), elem_id=name), value=words)

    def _controls(self) -> None:
        add, slider = self.labels.add, partial(gr.Slider, buttons=[])
        with gr.Row(elem_classes="controls"):
            layers = partial(_choices, LAYERS)
            show = gr.CheckboxGroup(
                layers("en"), value=list(LAYERS), label=i18n("show"), elem_id="show"
            )
            self.show = add(show, label="show", choices=layers)
            opacity = slider(0, 1, 0.6, step=0.05, label=i18n("opacity"), elem_id="opacity")
            self.opacity = add(opacity, label="opacity")
            colours = gr.Dropdown(
                list(draw.COLOUR_MAPS),
                value=draw.COLOUR_MAPS[0],
                label=i18n("colours"),
                filterable=False,  # a list to choose from, nothing to type
                elem_id="colours",
            )
            self.colours = add(colours, label="colours")
            self.picture_kind = kind_list(
                self.models.kinds, self.labels, "picture-kind", value=None
            )
            frame = slider(1, 2, 1, step=1, label=i18n("frame"), visible=False, elem_id="frame")
            self.frame = add(frame, label="frame")
        with gr.Row(elem_classes="controls"):
            labels = self.config.network.labels
            label = gr.Dropdown(
                self._titles("en"),
                value=labels[0],
                label=i18n("class"),
                filterable=False,
                elem_id="class",
            )
            self.label = add(label, label="class", choices=self._titles)
            kind = gr.Radio(_kinds("en"), value=KINDS[0], label=i18n("map"), elem_id="map")
            self.kind = add(kind, label="map", choices=_kinds)
            scales = partial(_choices, ("own", "absolute"))
            scale = gr.Radio(scales("en"), value="absolute", label=i18n("scale"), elem_id="scale")
            self.scale = add(scale, label="scale", choices=scales)

    def _titles(self, language: str) -> list[Choice]:
        return titles_of(self.config, language)

    def _measures(self) -> None:
        through = gr.Button(i18n("through"), visible=False, size="sm", elem_id="through")
        self.through = self.labels.add(through, value="through")
        with self.labels.add(
            gr.Accordion(i18n("measure"), open=False, elem_id="measure"), label="measure"
        ):
            with gr.Row(elem_classes="fields"):
                self.spacing = self._field("spacing", "spacing-hint")
                self.length = self._field("length", "length-hint")
                mark = gr.Button(i18n("mark"), size="sm", elem_id="mark")
                self.labels.add(mark, value="mark")  # the browser's: see `static/ruler.js`
            self.spacing_note = gr.HTML("", elem_id="spacing-note")
            with gr.Column(visible=self._scheme(self.config.kind), elem_id="study") as self.scheme:
                self._study()
        self.downloads: dict[str, gr.DownloadButton] = {}
        with gr.Row(elem_id="downloads"):
            for name in ("overlay", "lesion", "organ", "json"):
                mask = name in LAYERS
                key = f"get-{name}"
                button = gr.DownloadButton(
                    i18n(name if mask else key),
                    size="sm",
                    interactive=False,
                    visible=not mask,
                    elem_id=key,
                )
                # What a mask's button says, the answer says.
                self.downloads[name] = button if mask else self.labels.add(button, label=key)

    @staticmethod
    def _scheme(kind: str) -> bool:
        """Whether there is a scheme of reporting for a kind of picture."""
        return kind_named(kind).scheme is not None

    def _field(self, name: str, hint: str) -> gr.Textbox:
        box = gr.Textbox(
            "",
            label=i18n(name),
            placeholder=i18n(hint),
            max_lines=1,
            interactive=True,
            html_attributes=gr.InputHTMLAttributes(autocomplete="off"),
            elem_id=name,
        )
        return self.labels.add(box, label=name, placeholder=hint)

    def _study(self) -> None:
        """What US LI-RADS asks, which no picture tells."""
        self._html(lambda x: f"<h3>{text('lirads', x)}</h3>", "lirads-title")
        at_risk = self._question("at-risk", _yes_or_no)
        thrombus = self._question("thrombus", _yes_or_no)
        visualization = self._question("visualization", _visualization)
        group = gr.CheckboxGroup(
            [], value=[], label=i18n("benign"), visible=False, elem_id="benign"
        )
        self.benign = self.labels.add(group, label="benign")
        self.study = StudyAnswers.in_order(
            at_risk=at_risk, thrombus=thrombus, visualization=visualization, benign=self.benign
        )
        self.lirads = gr.HTML("", elem_id="lirads")

    def _question(self, name: str, choices: Callable[[str], list[Choice]]) -> gr.Radio:
        radio = gr.Radio(choices("en"), value=None, label=i18n(name), elem_id=name)
        return self.labels.add(radio, label=name, choices=choices)


def empty(kinds: Sequence[str], language: str) -> str:
    """What stands where the first picture will be, as HTML."""
    named = [words.in_language(kind_named(kind).nouns, language) for kind in kinds]
    a_picture = named[0]["a_picture"] if len(kinds) == 1 else text("any-picture", language)
    more = text("empty-more", language)
    if len(kinds) > 1:
        pictures = ", ".join(nouns["pictures"] for nouns in named)
        more += f"<br>{escape(text('empty-kinds', language, kinds=pictures))}"
    head = escape(text("empty", language, a_picture=a_picture))
    return f"<div><h2>{head}</h2><p>{more}</p></div>"


def kind_choices(kinds: Sequence[str], language: str) -> list[Choice]:
    """Kinds of picture to choose from: in words, and by name."""
    return [(words.in_language(kind_named(k).nouns, language)["picture"], k) for k in kinds]


def kind_list(kinds: Sequence[str], labels: Labels, name: str, *, value: str | None) -> gr.Dropdown:
    """A list to choose a kind of picture from; hidden where there is one alone.

    Args:
        kinds: to choose from, by name.
        labels: takes note of its words.
        name: of the element.
        value: what is chosen at first.
    """
    choices = partial(kind_choices, kinds)
    dropdown = gr.Dropdown(
        choices("en"),
        value=value,
        label=i18n("picture-kind"),
        filterable=False,
        interactive=True,
        visible=len(kinds) > 1,
        elem_id=name,
    )
    return labels.add(dropdown, label="picture-kind", choices=choices)


def titles_of(config: BundleConfig, language: str) -> list[Choice]:
    """The labels of a bundle to choose from: in words, and by name."""
    return [(words.pick(config.titles[k], language), k) for k in config.network.labels]


def _yes_or_no(language: str) -> list[Choice]:
    return _choices(("yes", "no"), language)


def _visualization(language: str) -> list[Choice]:
    return [(text(f"visualization-{x}", language), x) for x in VISUALIZATION]


def _id(example: Path) -> str:
    return f"example-{example.stem}"


def _examples() -> list[Path]:
    paths = [p for p in EXAMPLES.glob("*") if p.suffix in (".png", ".dcm")]
    return sorted(
        paths,
        key=lambda p: (
            p.stem not in _ORDER,
            _ORDER.index(p.stem) if p.stem in _ORDER else 0,
            p.stem,
        ),
    )


def _choices(keys: Sequence[str], language: str) -> list[Choice]:
    return [(text(key, language), key) for key in keys]


def _kinds(language: str) -> list[Choice]:
    return [
        (text(kind, language) if kind in TEXTS else METHODS[kind].title, kind) for kind in KINDS
    ]
