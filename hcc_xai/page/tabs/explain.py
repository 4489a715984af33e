"""The tab "Explain": up to four maps of the picture on the tab "Analyze" side by side, how far they
agree, and whether each of them is true."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr
import numpy as np

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.analysis.animation import animate
from hcc_xai.analysis.result import Analysis
from hcc_xai.errors import HccXaiError
from hcc_xai.explain.faithfulness import Faithfulness
from hcc_xai.explain.methods import METHODS, Explanation, agreement
from hcc_xai.language import words
from hcc_xai.page import texts
from hcc_xai.page.labels import Labels
from hcc_xai.page.memory import Answers, Kept
from hcc_xai.page.progress import Slow, Tell, Updates, say
from hcc_xai.page.service import HIDDEN, SLOW
from hcc_xai.page.tabs import answer_html as html
from hcc_xai.page.tabs.explain_questions import Questions
from hcc_xai.page.tabs.view import stem, write_picture
from hcc_xai.page.texts import i18n, text

MOST = 4  # side by side


@dataclass(frozen=True)
class _Asked:
    """The values of the controls, in their order; "" is the answer, and no contrast."""

    methods: list[str]
    label: str
    against: str
    layer: str
    check: bool


class ExplainTab:
    """Builds the tab within a `gr.Blocks`; `run` is its event."""

    def __init__(
        self, analyzer: Analyzer, answers: Answers, labels: Labels, language: gr.Radio
    ) -> None:
        self.analyzer, self.answers = analyzer, answers
        self.slow = Slow()
        with gr.Column(elem_id="explain-page"):
            labels.add(gr.HTML(_intro("en"), elem_id="explain-intro"), value=_intro)
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
        self.questions = Questions(analyzer, answers, self.slow, labels, language)
        go.click(
            self.layers,
            [language, self.label],
            [self.progress, self.moving, *self.files.values()],
            show_progress="hidden",
            **HIDDEN,
            **SLOW,
        )
        shown = [
            self.progress,
            self.table,
            self.moving,
            *(part for cell in self.cells for part in cell),
        ]
        given = [language, self.methods, self.label, self.against, self.layer, self.check]
        started = self.start.click(self.run, given, shown, show_progress="hidden", **HIDDEN, **SLOW)
        self.stop.click(self.halt, [language], [self.progress], cancels=[started], **HIDDEN)

    def _controls(self, labels: Labels) -> None:
        titles = self.analyzer.config.titles

        def grades(key: str) -> Callable[[str], list[tuple[str, str]]]:
            return lambda x: [
                (text(key, x), ""),
                *((titles[label][x], label) for label in self.analyzer.config.network.labels),
            ]

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
                list(self.analyzer.layers), value="map", label=i18n("layer"), elem_id="layer"
            )
            self.layer = labels.add(layer, label="layer")
            check = gr.Checkbox(True, label=i18n("check"), elem_id="check")
            self.check = labels.add(check, label="check")
            go = gr.Button(i18n("explain-go"), variant="primary", size="sm", elem_id="explain-go")
            self.start = labels.add(go, value="explain-go")
            stop = gr.Button(i18n("explain-stop"), size="sm", elem_id="explain-stop")
            self.stop = labels.add(stop, value="explain-stop")

    def _list(
        self, labels: Labels, name: str, choices: Callable[[str], list[tuple[str, str]]]
    ) -> Any:
        dropdown = gr.Dropdown(
            choices("en"), value="", label=i18n(name), filterable=False, elem_id=f"explain-{name}"
        )
        return labels.add(dropdown, label=name, choices=choices)

    def layers(self, request: gr.Request, language: str, label: str) -> Updates:
        """The attribution from the first block to the last, moving."""
        kept = self.answers.get(str(request.session_hash))
        if kept is None or not kept.answer.accepted:
            return {self.progress: say(text("explain-first", language), bad=True)}
        a = kept.answer
        try:
            moving = animate(self.analyzer, a, label=label or None)
            contents = {"GIF": moving.gif(), "WebP": moving.webp()}
            name = f"{stem(a)}_layers"
            files = {
                self.files[form]: gr.update(
                    value=kept.write(f"{name}.{form.lower()}", content), interactive=True
                )
                for form, content in contents.items()
            }
        except FileNotFoundError:  # another picture came in between
            return {self.progress: say(text("gone", language), bad=True)}
        code = base64.b64encode(contents["WebP"]).decode()
        said = escape(text("layers-said", language, title=a.title(label or None, language)))
        picture = f'<img alt="{said}" src="data:image/webp;base64,{code}"><p>{said}</p>'
        return {self.progress: "", self.moving: picture, **files}

    def halt(self, language: str) -> str:
        """What is said when the visitor stops it; what is there stays."""
        return say(text("stopped-by-you", language))

    def run(self, request: gr.Request, language: str, *given: Any) -> Iterator[Updates]:
        """Explain, one method after the other, then test each map. given: see `_Asked`."""
        asked = _Asked(*given)
        kept = self.answers.get(str(request.session_hash))
        wrong = None
        if kept is None or not kept.answer.accepted:
            wrong = "explain-first"
        elif not asked.methods:
            wrong = "explain-none"
        elif len(asked.methods) > MOST:
            wrong = "explain-many"
        elif asked.against and asked.against == (asked.label or kept.answer.label):
            wrong = "explain-same"
        if kept is None or wrong is not None:
            yield {self.progress: say(text(wrong or "explain-first", language), bad=True)}
            return
        yield {
            self.table: "",
            self.moving: "",
            **{said: "" for _, said in self.cells},
            **{picture: None for picture, _ in self.cells},
        }
        try:
            yield from self._explain(kept, language, asked)
            yield {self.progress: ""}
        except HccXaiError as error:
            yield {self.progress: say(texts.error(str(error), language), bad=True)}
        except FileNotFoundError:  # another picture came in between
            yield {self.progress: say(text("gone", language), bad=True)}

    def _explain(self, kept: Kept, language: str, asked: _Asked) -> Iterator[Updates]:
        a, found = kept.answer, list[Explanation]()
        for name, (picture, said) in zip(asked.methods, self.cells, strict=False):
            where = asked.layer if METHODS[name].layered else None

            def explain(tell: Tell, name: str = name, where: str | None = where) -> Explanation:
                return self.analyzer.explain(
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
            found.append(one)
            file = write_picture(kept, name.replace("+", "p"), a.overlay_of(one))
            yield {picture: file, said: caption(a, one, None, language)}
        if len(found) > 1:
            yield {self.table: _agreement(found, a, language)}
        if not asked.check:
            return
        for one, (_, said) in zip(found, self.cells, strict=False):

            def test(tell: Tell, one: Explanation = one) -> Faithfulness:
                return self.analyzer.check(a, one, progress=tell)

            title = text("testing", language, method=title_of(one.method, language))
            verdict = yield from self.slow.wait(test, title, language, self.progress)
            yield {said: caption(a, one, verdict, language)}


def _cell(number: int) -> tuple[Any, Any]:
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
        said = gr.HTML("", elem_classes="caption")
    return picture, said


def title_of(method: str, language: str) -> str:
    """A method's name; those that are words, in the reader's language."""
    key = f"method-{method}"
    return text(key, language) if key in texts.TEXTS else METHODS[method].title


def _choices(language: str) -> list[tuple[str, str]]:
    return [(title_of(name, language), name) for name in METHODS]


def _intro(language: str) -> str:
    return f"<p>{text('explain-intro', language)}</p>"


def caption(a: Analysis, one: Explanation, verdict: Faithfulness | None, language: str) -> str:
    """What stands below a map: its name, where it lies, and whether it holds."""
    shares = _shares(a, one)
    percent = {name: f"{round(100 * share)} %" for name, share in shares.items()}
    lines = [text("shares", language, **percent)]
    if shares["elsewhere"] > 0.5:
        lines.append(words.say("evidence-elsewhere", language))
    state = ""
    if verdict is not None:
        said = {
            name: words.number(getattr(verdict, name), language)
            for name in ("before", "tenth", "random_tenth")
        }
        lines.append(text("check-tenth", language, title=a.title(one.label, language), **said))
        share = f"{round(100 * verdict.better_than)} %"
        state = "holds" if verdict.holds else "fails"
        lines.append(text(f"check-{state}", language, share=share))
    top = html.figure(one.scale, language)
    scale = f"{f'−{top}' if one.signed else '0'} … {top}"
    method = METHODS[one.method]
    layer = f" · {one.layer}" if method.layered else ""
    body = "".join(f"<p>{escape(line)}</p>" for line in lines)
    return (
        f'<div class="told" data-method="{escape(one.method)}" data-verdict="{state}">'
        f"<h3>{escape(title_of(one.method, language))}{escape(layer)}</h3>{body}"
        f"{curves(verdict, language) if verdict else ''}"
        f"<p class='small'>{escape(scale)} · {words.number(one.seconds, language, 1)} s · "
        f"{escape(method.paper)}</p></div>"
    )


def curves(verdict: Faithfulness, language: str) -> str:
    """Deletion and insertion as a small drawing, with their areas and ROAD."""
    width, height = 220, 90

    def line(values: tuple[float, ...], style: str) -> str:
        points = " ".join(
            f"{width * step:.1f},{height * (1 - value):.1f}"
            for step, value in zip(verdict.steps, values, strict=True)
        )
        return f'<polyline points="{points}" class="{style}" fill="none"/>'

    drawn = (
        line(verdict.random_deletion, "random")
        + line(verdict.random_insertion, "random")
        + line(verdict.deletion, "deletion")
        + line(verdict.insertion, "insertion")
    )
    values = {
        "deletion": words.number(verdict.deletion_auc, language),
        "insertion": words.number(verdict.insertion_auc, language),
        "road": words.number(verdict.road, language).replace("-", "−"),
    }
    said = text("curves", language, **values)
    return (
        f'<details class="curves"><summary>{text("curves-title", language)}</summary>'
        f'<svg viewBox="-2 -2 {width + 4} {height + 4}" role="img" aria-label="{escape(said)}">'
        f"{drawn}</svg><p>{escape(said)}</p></details>"
    )


def _shares(a: Analysis, one: Explanation) -> dict[str, float]:
    """Of the map's positive part, in the pixels of the file."""
    positive = np.maximum(one.map, 0)
    total = float(positive.sum()) or 1.0
    lesion = float(positive[a.masks["lesion"]].sum()) / total
    liver = float(positive[a.masks["liver"]].sum()) / total - lesion
    return {"lesion": lesion, "liver": liver, "elsewhere": max(0.0, 1 - lesion - liver)}


def _agreement(found: list[Explanation], a: Analysis, language: str) -> str:
    titles = [title_of(one.method, language) for one in found]
    values = agreement([one.map for one in found], a.sector)
    head = "".join(f"<th scope='col'>{escape(title)}</th>" for title in titles)
    rows = "".join(
        f"<tr><th scope='row'>{escape(title)}</th>"
        + "".join(
            f"<td>{'–' if np.isnan(v) else words.number(float(v), language)}</td>" for v in row
        )
        + "</tr>"
        for title, row in zip(titles, values, strict=True)
    )
    return (
        f"<h3>{text('agreement', language)}</h3><table><thead><tr><th></th>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )
