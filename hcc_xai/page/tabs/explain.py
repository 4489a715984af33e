"""The tab "Explain": up to four maps of the picture on the tab "Analyze" side by side, how far they
agree, and whether each of them is true."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from hcc_xai.analysis.animation import animate
from hcc_xai.analysis.models import Answerer
from hcc_xai.analysis.result import Analysis
from hcc_xai.errors import HccXaiError
from hcc_xai.explain.faithfulness import Faithfulness
from hcc_xai.explain.methods import METHODS, Explanation
from hcc_xai.language import errors
from hcc_xai.model.bundle import BundleConfig
from hcc_xai.page.gradio_settings import HIDDEN, QUIET, SLOW
from hcc_xai.page.inputs import Inputs
from hcc_xai.page.labels import Choice, Labels
from hcc_xai.page.memory import Answers, Kept
from hcc_xai.page.progress import Slow, Tell, Updates, line
from hcc_xai.page.tabs.analyze_layout import titles_of
from hcc_xai.page.tabs.explain_html import agreement_table, caption, title_of
from hcc_xai.page.tabs.explain_questions import Questions
from hcc_xai.page.tabs.view import stem, write_picture
from hcc_xai.page.texts import i18n, text

MOST = 4  # side by side


@dataclass(frozen=True)
class Asked(Inputs):
    """What the controls of this tab say.

    Attributes:
        methods: of `METHODS`, in the order of the cells.
        label: the class that is explained; "" for the answer.
        against: the class that it is contrasted with; "" for none.
        layer: of the methods that read one, of `Analyzer.layers`.
        check: whether each map is tested afterwards.
    """

    methods: Sequence[str]
    label: str
    against: str
    layer: str
    check: bool

    def wrong(self, a: Analysis) -> str | None:
        """The key of the text that says why this cannot be asked about an answer, if so."""
        if not self.methods:
            return "explain-none"
        if len(self.methods) > MOST:
            return "explain-many"
        if self.against and self.against == (self.label or a.label):
            return "explain-same"
        return None


class ExplainTab:
    """Builds the tab within a `gr.Blocks`; `run` is its event."""

    def __init__(
        self, models: Answerer, answers: Answers, labels: Labels, language: gr.Radio
    ) -> None:
        self.models, self.answers = models, answers
        self.first = models.of(models.kinds[0])  # until there is an answer
        self.slow = Slow()
        with gr.Column(elem_id="explain-page"):
            labels.add(gr.HTML(_intro("en"), elem_id="explain-intro"), value=_intro)
            self.file = gr.HTML("", elem_id="explain-file")
            self._controls(labels)
            self.progress = gr.HTML("", elem_id="explain-progress")
            with gr.Row(elem_id="explain-grid"):
                self.cells = [_cell(number) for number in range(MOST)]
            self.table = gr.HTML("", elem_id="explain-table")
        with gr.Row(elem_id="layers-row"):
            go = gr.Button(i18n("layers-go"), size="sm", elem_id="layers-go")
            labels.add(go, value="layers-go")
            self.files = {
                form: gr.DownloadButton(form, size="sm", interactive=False, elem_id=f"get-{form}")
                for form in ("GIF", "WebP")
            }
        self.moving = gr.HTML("", elem_id="layers-at-work")
        self.questions = Questions(models, answers, self.slow, labels, language)
        go.click(
            self.layers,
            [language, self.label],
            [self.progress, self.moving, *self.files.values()],
            **QUIET,
            **SLOW,
        )
        shown = [
            self.progress,
            self.table,
            self.moving,
            *(part for cell in self.cells for part in cell),
        ]
        started = self.start.click(self.run, [language, *self.controls], shown, **QUIET, **SLOW)
        self.refreshed = [  # what `refresh` sets
            *(self.file, self.label, self.against, self.layer, self.progress, self.table),
            *(self.moving, *self.files.values(), *(part for cell in self.cells for part in cell)),
            *self.questions.shown,
        ]
        self.stop.click(self.halt, [language], [self.progress], cancels=[started], **HIDDEN)

    def _controls(self, labels: Labels) -> None:
        def grades(key: str) -> Callable[[str], list[Choice]]:
            return lambda x: _grades(self.first.config, key, x)

        with gr.Row(elem_classes="controls"):
            value = ["grad-cam++", "contribution"]
            methods = gr.CheckboxGroup(
                _choices("en"), value=value, label=i18n("methods"), elem_id="methods"
            )
            self.methods = labels.add(methods, label="methods", choices=_choices)
        with gr.Row(elem_classes="controls"):
            self.label = self._list(labels, "class", grades("the-answer"))
            self.against = self._list(labels, "against", grades("nothing"))
            layer = gr.Dropdown(
                list(self.first.layers), value="map", label=i18n("layer"), elem_id="layer"
            )
            self.layer = labels.add(layer, label="layer")
            check = gr.Checkbox(True, label=i18n("check"), elem_id="check")
            self.check = labels.add(check, label="check")
            go = gr.Button(i18n("explain-go"), variant="primary", size="sm", elem_id="explain-go")
            self.start = labels.add(go, value="explain-go")
            stop = gr.Button(i18n("explain-stop"), size="sm", elem_id="explain-stop")
            self.stop = labels.add(stop, value="explain-stop")
        self.controls = Asked.in_order(
            methods=self.methods,
            label=self.label,
            against=self.against,
            layer=self.layer,
            check=self.check,
        )

    def _list(
        self, labels: Labels, name: str, choices: Callable[[str], list[Choice]]
    ) -> gr.Dropdown:
        dropdown = gr.Dropdown(
            choices("en"), value="", label=i18n(name), filterable=False, elem_id=f"explain-{name}"
        )
        return labels.add(dropdown, label=name, choices=choices)

    def layers(self, request: gr.Request, language: str, label: str) -> Updates:
        """The attribution from the first block to the last, moving."""
        kept = self.answers.get(str(request.session_hash))
        if kept is None or not kept.answer.accepted:
            return {self.progress: line(text("explain-first", language), bad=True)}
        a = kept.answer
        kept.explained = True
        try:
            moving = animate(self.models.of(a.kind), a, label=label or None)
            contents = {"GIF": moving.gif(), "WebP": moving.webp()}
            name = f"{stem(a)}_layers"
            files: Updates = {
                self.files[form]: gr.update(
                    value=kept.write(f"{name}.{form.lower()}", content), interactive=True
                )
                for form, content in contents.items()
            }
        except FileNotFoundError:  # another picture came in between
            return {self.progress: line(text("gone", language), bad=True)}
        code = base64.b64encode(contents["WebP"]).decode()
        words = escape(text("layers-said", language, title=a.title(label or None, language)))
        picture = f'<img alt="{words}" src="data:image/webp;base64,{code}"><p>{words}</p>'
        return {self.progress: "", self.moving: picture, **files}

    def refresh(self, request: gr.Request, language: str) -> Updates:
        """The tab was opened, or the language switched: the classes and layers to choose from are
        those of the picture's kind, and what was explained of another picture is gone."""
        kept = self.answers.get(str(request.session_hash))
        model = self.first if kept is None else self.models.of(kept.answer.kind)
        updates: Updates = {} if kept is not None and kept.explained else self._cleared()
        updates |= {
            self.file: "" if kept is None else _file(kept.answer, language),
            self.label: gr.update(choices=_grades(model.config, "the-answer", language), value=""),
            self.against: gr.update(choices=_grades(model.config, "nothing", language), value=""),
            self.layer: gr.update(choices=list(model.layers), value="map"),
        }
        return updates

    def _cleared(self) -> Updates:
        """Nothing that was made of a picture is left."""
        return {
            self.progress: "",
            self.table: "",
            self.moving: "",
            **{below: "" for _, below in self.cells},
            **{picture: None for picture, _ in self.cells},
            **{file: gr.update(value=None, interactive=False) for file in self.files.values()},
            **self.questions.cleared(),
        }

    def halt(self, language: str) -> str:
        """What is said when the visitor stops it; what is there stays."""
        return line(text("stopped-by-you", language))

    def run(self, request: gr.Request, language: str, *controls: Any) -> Iterator[Updates]:
        """Explain, one method after the other, then test each map."""
        asked = Asked.from_values(*controls)
        kept = self.answers.get(str(request.session_hash))
        if kept is None or not kept.answer.accepted:
            yield {self.progress: line(text("explain-first", language), bad=True)}
            return
        wrong = asked.wrong(kept.answer)
        if wrong is not None:
            yield {self.progress: line(text(wrong, language), bad=True)}
            return
        kept.explained = True
        yield {
            self.table: "",
            self.moving: "",
            **{below: "" for _, below in self.cells},
            **{picture: None for picture, _ in self.cells},
        }
        try:
            yield from self._explain(kept, language, asked)
            yield {self.progress: ""}
        except HccXaiError as error:
            yield {self.progress: line(errors.say(error, language), bad=True)}
        except FileNotFoundError:  # another picture came in between
            yield {self.progress: line(text("gone", language), bad=True)}

    def _explain(self, kept: Kept, language: str, asked: Asked) -> Iterator[Updates]:
        a, explanations = kept.answer, list[Explanation]()
        for name, (picture, below) in zip(asked.methods, self.cells, strict=False):
            where = asked.layer if METHODS[name].layered else None

            def explain(tell: Tell, name: str = name, where: str | None = where) -> Explanation:
                return self.models.explain(
                    a,
                    name,
                    label=asked.label or None,
                    against=asked.against or None,
                    layer=where,
                    progress=tell,
                )

            one = yield from self.slow.wait(
                explain, title_of(name, language), language, self.progress
            )
            explanations.append(one)
            file = write_picture(kept, name.replace("+", "p"), a.overlay_of(one))
            yield {picture: file, below: caption(a, one, None, language)}
        if len(explanations) > 1:
            yield {self.table: agreement_table(explanations, a, language)}
        if not asked.check:
            return
        for one, (_, below) in zip(explanations, self.cells, strict=False):

            def test(tell: Tell, one: Explanation = one) -> Faithfulness:
                return self.models.check(a, one, progress=tell)

            title = text("testing", language, method=title_of(one.method, language))
            verdict = yield from self.slow.wait(test, title, language, self.progress)
            yield {below: caption(a, one, verdict, language)}


def _grades(config: BundleConfig, key: str, language: str) -> list[Choice]:
    """The labels of a bundle to choose from, after a choice that names none of them."""
    return [(text(key, language), ""), *titles_of(config, language)]


def _file(a: Analysis, language: str) -> str:
    """Which picture is explained, as HTML."""
    return f"<p>{escape(text('explain-file', language, name=a.image.source))}</p>"


def _cell(number: int) -> tuple[gr.Image, gr.HTML]:
    # Always in the page, and hidden by its style while empty: a picture that came while Gradio was
    # building its cell would be lost.
    with gr.Column(elem_classes="cell", min_width=240):
        picture = gr.Image(
            show_label=False,
            container=False,
            interactive=False,
            format="png",
            buttons=["download", "fullscreen"],
            elem_id=f"explained-{number}",
        )
        below = gr.HTML("", elem_classes="caption")
    return picture, below


def _choices(language: str) -> list[Choice]:
    return [(title_of(name, language), name) for name in METHODS]


def _intro(language: str) -> str:
    return f"<p>{text('explain-intro', language)}</p>"
