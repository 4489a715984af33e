"""The tab "Explain": up to four maps of the picture on the tab "Analyze" side by side, how far they
agree, and whether each of them is true."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from html import escape
from typing import Any, TypeVar

import gradio as gr
import numpy as np

from hcc_xai import words
from hcc_xai.analysis import Analysis, Analyzer
from hcc_xai.animation import animate
from hcc_xai.errors import HccXaiError
from hcc_xai.explain import METHODS, Explanation, agreement
from hcc_xai.faithfulness import Faithfulness
from hcc_xai.page import answer as html
from hcc_xai.page import texts
from hcc_xai.page.labels import Labels
from hcc_xai.page.memory import Answers, Kept
from hcc_xai.page.service import HIDDEN, SLOW
from hcc_xai.page.texts import i18n, text
from hcc_xai.page.view import stem, write_picture

MOST = 4  # side by side
_PATIENCE = 0.4  # seconds between two looks at how far it is
_T = TypeVar("_T")
_Updates = dict[Any, Any]
_Tell = Callable[[float], None]


@dataclass(frozen=True)
class _Asked:
    """The values of the controls, in their order; "" is the answer, and no contrast."""

    methods: list[str]
    label: str
    against: str
    layer: str
    check: bool


class _Stopped(Exception):
    """The visitor did not want to wait."""


class ExplainTab:
    """Builds the tab within a `gr.Blocks`; `run` is its event."""

    def __init__(
        self, analyzer: Analyzer, answers: Answers, labels: Labels, language: gr.Radio
    ) -> None:
        self.analyzer, self.answers = analyzer, answers
        # One thread for all visitors: each that ran the network once keeps its working memory.
        self._pool = ThreadPoolExecutor(1)
        with gr.Column(elem_id="explain-page"):
            labels.add(gr.HTML(_intro("en"), elem_id="explain-intro"), value=_intro)
            self._controls(labels)
            self.progress = gr.HTML("", elem_id="explain-progress")
            self.cells: list[tuple[Any, Any, Any]] = []
            with gr.Row(elem_id="explain-grid"):
                for number in range(MOST):
                    self.cells.append(_cell(number))
            self.table = gr.HTML("", elem_id="explain-table")
        with gr.Row(elem_id="layers-row"):
            go = gr.Button(i18n("layers-go"), size="sm", elem_id="layers-go")
            labels.add(go, value="layers-go")
            self.files = {
                form: gr.DownloadButton(form, size="sm", interactive=False, elem_id=f"get-{form}")
                for form in ("GIF", "WebP")
            }
        self.moving = gr.HTML("", elem_id="layers-at-work")
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
            choices = [(method.title, name) for name, method in METHODS.items()]
            value = ["grad-cam++", "contribution"]
            methods = gr.CheckboxGroup(
                choices, value=value, label=i18n("methods"), elem_id="methods"
            )
            self.methods = labels.add(methods, label="methods")
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

    def layers(self, request: gr.Request, language: str, label: str) -> _Updates:
        """The attribution from the first block to the last, moving."""
        kept = self.answers.get(str(request.session_hash))
        if kept is None or not kept.answer.accepted:
            return {self.progress: _say(text("explain-first", language), bad=True)}
        a = kept.answer
        try:
            moving = self._pool.submit(animate, self.analyzer, a, label=label or None).result()
            contents = {"GIF": moving.gif(), "WebP": moving.webp()}
            name = f"{stem(a)}_layers"
            files = {
                self.files[form]: gr.update(
                    value=kept.write(f"{name}.{form.lower()}", content), interactive=True
                )
                for form, content in contents.items()
            }
        except FileNotFoundError:  # another picture came in between
            return {self.progress: _say(text("gone", language), bad=True)}
        code = base64.b64encode(contents["WebP"]).decode()
        said = escape(text("layers-said", language, title=a.title(label or None, language)))
        picture = f'<img alt="{said}" src="data:image/webp;base64,{code}"><p>{said}</p>'
        return {self.progress: "", self.moving: picture, **files}

    def halt(self, language: str) -> str:
        """What is said when the visitor stops it; what is there stays."""
        return _say(text("stopped-by-you", language))

    def run(self, request: gr.Request, language: str, *given: Any) -> Iterator[_Updates]:
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
            yield {self.progress: _say(text(wrong or "explain-first", language), bad=True)}
            return
        yield {
            self.table: "",
            self.moving: "",
            **{part: "" for _, _, part in self.cells},
            **{
                box: gr.update(visible=i < len(asked.methods))
                for i, (box, _, _) in enumerate(self.cells)
            },
            **{picture: None for _, picture, _ in self.cells},
        }
        try:
            yield from self._explain(kept, language, asked)
            yield {self.progress: ""}
        except HccXaiError as error:
            yield {self.progress: _say(texts.error(str(error), language), bad=True)}
        except FileNotFoundError:  # another picture came in between
            yield {self.progress: _say(text("gone", language), bad=True)}

    def _explain(self, kept: Kept, language: str, asked: _Asked) -> Iterator[_Updates]:
        a, found = kept.answer, list[Explanation]()
        for name, (_, picture, said) in zip(asked.methods, self.cells, strict=False):
            where = asked.layer if METHODS[name].layered else None

            def explain(tell: _Tell, name: str = name, where: str | None = where) -> Explanation:
                return self.analyzer.explain(
                    a,
                    name,
                    label=asked.label or None,
                    against=asked.against or None,
                    layer=where,
                    progress=tell,
                )

            one = yield from self._wait(explain, METHODS[name].title, language)
            found.append(one)
            file = write_picture(kept, name.replace("+", "p"), a.overlay_of(one))
            yield {picture: file, said: caption(a, one, None, language)}
        if len(found) > 1:
            yield {self.table: _agreement(found, a, language)}
        if not asked.check:
            return
        for one, (_, _, said) in zip(found, self.cells, strict=False):

            def test(tell: _Tell, one: Explanation = one) -> Faithfulness:
                return self.analyzer.check(a, one, progress=tell)

            title = text("testing", language, method=METHODS[one.method].title)
            verdict = yield from self._wait(test, title, language)
            yield {said: caption(a, one, verdict, language)}

    def _wait(
        self, work: Callable[[_Tell], _T], title: str, language: str
    ) -> Generator[_Updates, None, _T]:
        """Run something on the slow thread and say how far it is; it ends when the visitor goes."""
        stop, start, share = threading.Event(), time.monotonic(), 0.0

        def tell(done: float) -> None:
            nonlocal share
            if stop.is_set():
                raise _Stopped
            share = done

        job: Future[_T] = self._pool.submit(work, tell)
        try:
            while True:
                try:
                    return job.result(timeout=_PATIENCE)
                except NotYet:
                    left = (time.monotonic() - start) * (1 - share) / share if share > 0 else None
                    yield {self.progress: _progress(title, share, left, language)}
        finally:
            stop.set()
            job.cancel()


def _cell(number: int) -> tuple[Any, Any, Any]:
    with gr.Column(visible=False, elem_classes="cell", min_width=240) as box:
        picture = gr.Image(
            show_label=False,
            container=False,
            interactive=False,
            format="png",
            buttons=["download", "fullscreen"],
            elem_id=f"explained-{number}",
        )
        said = gr.HTML("", elem_classes="caption")
    return box, picture, said


def _intro(language: str) -> str:
    return f"<p>{text('explain-intro', language)}</p>"


def _say(message: str, *, bad: bool = False) -> str:
    role = "alert" if bad else "status"
    return f'<p class="{"bad" if bad else ""}" role="{role}">{escape(message)}</p>'


def _progress(title: str, share: float, left: float | None, language: str) -> str:
    more = "" if left is None else text("time-left", language, seconds=f"{left:.0f}")
    return (
        f'<p role="status">{escape(title)} <progress max="1" value="{share:.2f}"></progress> '
        f"{escape(more)}</p>"
    )


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
    scale = f"{f'−{top}' if METHODS[one.method].signed else '0'} … {top}"
    method = METHODS[one.method]
    layer = f" · {one.layer}" if method.layered else ""
    body = "".join(f"<p>{escape(line)}</p>" for line in lines)
    return (
        f'<div class="told" data-method="{escape(one.method)}" data-verdict="{state}">'
        f"<h3>{escape(method.title)}{escape(layer)}</h3>{body}"
        f"<p class='small'>{escape(scale)} · {words.number(one.seconds, language, 1)} s · "
        f"{escape(method.paper)}</p></div>"
    )


def _shares(a: Analysis, one: Explanation) -> dict[str, float]:
    """Of the map's positive part, in the pixels of the file."""
    positive = np.maximum(one.map, 0)
    total = float(positive.sum()) or 1.0
    lesion = float(positive[a.masks["lesion"]].sum()) / total
    liver = float(positive[a.masks["liver"]].sum()) / total - lesion
    return {"lesion": lesion, "liver": liver, "elsewhere": max(0.0, 1 - lesion - liver)}


def _agreement(found: list[Explanation], a: Analysis, language: str) -> str:
    titles = [METHODS[one.method].title for one in found]
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
