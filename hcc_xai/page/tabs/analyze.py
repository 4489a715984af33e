"""The tab "Analyze": inputs -> the Python API -> draw. Its events; what stands where is in
`layout`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from hcc_xai.analysis.analyzer import Analyzer, let_through, with_spacing
from hcc_xai.analysis.result import Analysis
from hcc_xai.errors import HccXaiError
from hcc_xai.imaging.read import decode
from hcc_xai.page import texts
from hcc_xai.page.labels import Labels
from hcc_xai.page.memory import Answers, Kept, take
from hcc_xai.page.service import HIDDEN, MODEL, REDRAW, SLOW
from hcc_xai.page.tabs import answer_html as html
from hcc_xai.page.tabs.analyze_layout import Layout
from hcc_xai.page.tabs.view import View, write_files, write_json, write_picture
from hcc_xai.reports.writers import WRITERS

_log = logging.getLogger(__name__)
_Updates = dict[Any, Any]  # component -> what to show in it


class AnalyzeTab(Layout):
    """Builds the tab within a `gr.Blocks`; its methods are the events.

    Gradio hands the request to the positional parameter that is annotated so: it comes first, as
    one after `*view` would be left out. A session's hash is known to its own browser only.
    """

    def __init__(
        self, analyzer: Analyzer, answers: Answers, labels: Labels, language: gr.Radio
    ) -> None:
        super().__init__(analyzer.config, labels)
        self.analyzer, self.answers, self.language = analyzer, answers, language
        shown = [self.stage, self.legend, self.answer, self.spoken, self.note, self.label]
        shown += [
            self.through,
            self.frame,
            self.spacing_note,
            self.upload,
            self.lirads,
            *self.study,
            *self.downloads.values(),
        ]
        self.shown = shown  # what an answer sets
        start = [language, self.spacing, *self.controls]
        loud: dict[str, Any] = {"show_progress_on": self.stage, **HIDDEN, **MODEL}
        quiet: dict[str, Any] = {"show_progress": "hidden", **HIDDEN}
        live: dict[str, Any] = {"trigger_mode": "always_last", **quiet}
        answered = [self.upload.upload(self.read_upload, [self.upload, *start], shown, **loud)]
        for button, path in self.examples.items():
            answered.append(button.click(self.read_example(path), start, shown, **loud))
        answered.append(
            self.frame.input(self.read_frame, [self.frame, *start], shown, **live, **MODEL)
        )
        answered.append(self.through.click(self.let_through, start, shown, **quiet, **MODEL))
        answered.append(
            gr.on(
                [self.spacing.submit, self.spacing.blur],
                self.measure,
                [language, self.spacing, *self.study],
                [
                    self.answer,
                    self.spoken,
                    self.spacing_note,
                    self.lirads,
                    self.downloads["json"],
                ],
                **live,
                **REDRAW,
            )
        )
        gr.on(
            [question.input for question in self.study],
            self.suggest,
            [language, *self.study],
            [self.lirads],
            **live,
            **REDRAW,
        )
        for event in answered:  # the answer first, the test of it when it is on the screen
            tested = [self.answer, self.downloads["json"]]
            event.then(self.test, [language], tested, **quiet, **SLOW)
        gr.on(
            [control.input for control in self.controls],
            self.redraw,
            [language, *self.controls],
            [self.stage, self.legend, self.downloads["overlay"], self.colours],
            **live,
            **REDRAW,
        )

    def read_upload(self, request: gr.Request, path: str | None, *given: Any) -> _Updates:
        """A file was chosen, dropped or pasted. It is deleted as soon as it is read."""
        if path is None:
            return {self.upload: None}
        return self._answer(request, lambda: (take(path), Path(path).name), None, *given)

    def read_example(self, path: Path) -> Callable[..., _Updates]:
        """The event of an example's button."""

        def read_this(request: gr.Request, *given: Any) -> _Updates:
            return self._answer(request, lambda: (take(path), path.name), None, *given)

        return read_this

    def read_bytes(
        self, request: gr.Request, data: bytes, name: str, frame: int | None, *given: Any
    ) -> _Updates:
        """A file that another tab holds."""
        return self._answer(request, lambda: (data, name), frame, *given)

    def read_frame(self, request: gr.Request, number: float, *given: Any) -> _Updates:
        """Another frame of the file that is shown, counted from 1."""
        kept = self._kept(request)
        if kept is None or kept.data is None:
            return self._failure(texts.text("gone", given[0]), given[0])
        data, name = kept.data, kept.answer.image.source
        return self._answer(request, lambda: (data, name), int(number) - 1, *given)

    def _kept(self, request: gr.Request) -> Kept | None:
        return self.answers.get(str(request.session_hash))

    def _answer(
        self,
        request: gr.Request,
        load: Callable[[], tuple[bytes, str]],
        frame: int | None,
        language: str,
        spacing: str,
        *view: Any,
    ) -> _Updates:
        session = str(request.session_hash)
        try:
            mm, unclear = _number(spacing, language)
            data, name = load()
            image = decode(data, name=name, frame=frame, mm_per_pixel=mm)
            analysis = self.analyzer.analyze(image)
            kept = self.answers.put(session, analysis, data)
            wanted = View(*view)
            if frame is None:  # a new file; another frame keeps the class that was chosen
                wanted = replace(wanted, label=analysis.label)
            return {**self._success(kept, wanted, language), self.spacing_note: unclear}
        except HccXaiError as error:
            message = texts.error(str(error), language)
        except (
            Exception
        ):  # the page's boundary: a sentence for the visitor, and the service goes on
            _log.exception("an analysis failed")
            message = texts.text("failed", language)
        self.answers.drop(session)
        return self._failure(message, language)

    def let_through(self, request: gr.Request, language: str, spacing: str, *view: Any) -> _Updates:
        """The visitor wants the answer of a stopped picture all the same."""
        kept = self._kept(request)
        if kept is None:
            return self._failure(texts.text("gone", language), language)
        kept.answer = let_through(kept.answer)
        return self._success(kept, replace(View(*view), label=kept.answer.label), language)

    def _stopped(self, kept: Kept, language: str) -> _Updates:
        """The picture as it was scanned and the reason; nothing that could pass for an answer."""
        scanned = write_picture(kept, "scanned", kept.answer.overlay(kind=None, show=()))
        return {
            **self._failure("", language),
            self.stage: (scanned, scanned),
            self.answer: html.answer(kept.answer, language),
            self.spoken: html.spoken(kept.answer, language),
            self.note: html.note(texts.text("hint", language)),
            self.through: gr.update(visible=True),
        }

    def _success(self, kept: Kept, view: View, language: str) -> _Updates:
        a, frames = kept.answer, kept.answer.image.frames
        if not a.accepted:
            return self._stopped(kept, language)
        files = write_files(kept, tuple(WRITERS), view.look)
        scanned = write_picture(kept, "scanned", a.overlay(kind=None, show=()))
        return {
            self.stage: (scanned, files["overlay"]),
            self.legend: self._legend(a, view, language),
            self.answer: html.answer(a, language),
            self.spoken: html.spoken(a, language),
            self.note: html.note(texts.text("hint", language)),
            self.label: view.label,
            self.through: gr.update(visible=False),
            **self._questions(a, language),
            self.frame: gr.update(
                visible=frames > 1, maximum=max(2, frames), value=a.image.frame + 1
            ),
            self.upload: None,
            **{
                button: gr.update(value=files[name], interactive=True)
                for name, button in self.downloads.items()
            },
        }

    def _failure(self, message: str, language: str) -> _Updates:
        """The sentence stands where the file was dropped. The old answer goes: it would seem to
        belong to the new file."""
        return {
            **self.without_answer(language),
            self.stage: None,
            self.upload: None,
            self.note: html.note(message, frame=texts.text("file-error", language), bad=True),
            self.frame: gr.update(visible=False),
            self.through: gr.update(visible=False),
            **{
                button: gr.update(value=None, interactive=False)
                for button in self.downloads.values()
            },
        }

    def _legend(self, a: Analysis, view: View, language: str) -> str:
        top = view.top(a) if view.drawn else 0.0
        return html.legend(
            a, language, label=view.label, kind=view.drawn, top=top, colour_map=view.colour_map
        )

    def test(self, request: gr.Request, language: str) -> _Updates:
        """What does hiding the lesion do? Runs the network on two more pictures."""
        kept = self._kept(request)
        if kept is None or not kept.answer.accepted or not kept.answer.lesions:
            return {self.answer: gr.skip()}
        try:
            kept.answer = kept.answer.with_evidence(self.analyzer.evidence(kept.answer))
            said = html.answer(kept.answer, language)
            return {self.answer: said, self.downloads["json"]: write_json(kept)}
        except FileNotFoundError:  # another picture came in between
            return {self.answer: gr.skip()}

    def _questions(self, a: Analysis, language: str) -> _Updates:
        """Another picture may be of another person: what was said of the last one is not kept."""
        numbers = [str(i) for i in range(1, len(a.lesions) + 1)]
        benign = gr.update(choices=numbers, value=[], visible=bool(numbers))
        return {
            **dict.fromkeys(self.study, gr.update(value=None)),
            self.study[-1]: benign,
            self.lirads: html.lirads(a.lirads(), language),
        }

    def suggest(self, request: gr.Request, language: str, *study: Any) -> _Updates:
        """What US LI-RADS would say; the network is not run."""
        kept = self._kept(request)
        if kept is None or not kept.answer.accepted:
            return {self.lirads: ""}
        at_risk, thrombus, visualization, benign = study
        found = kept.answer.lirads(
            at_risk=_said(at_risk),
            thrombus=_said(thrombus),
            benign=[int(number) for number in benign or ()],
            visualization=visualization,
        )
        return {self.lirads: html.lirads(found, language)}

    def measure(self, request: gr.Request, language: str, spacing: str, *study: Any) -> _Updates:
        """Sizes with the visitor's millimetres; the network is not run."""
        kept = self._kept(request)
        try:
            mm, unclear = _number(spacing, language)
            if kept is None or mm is None or not kept.answer.accepted:
                return {self.spacing_note: unclear}
            kept.answer = with_spacing(kept.answer, mm)
            return {
                self.answer: html.answer(kept.answer, language),
                self.spoken: html.spoken(kept.answer, language),
                self.spacing_note: "",
                self.downloads["json"]: write_json(kept),
                **self.suggest(request, language, *study),
            }
        except HccXaiError as error:
            return {self.spacing_note: _alert(texts.error(str(error), language))}
        except FileNotFoundError:
            return {self.spacing_note: ""}

    def redraw(self, request: gr.Request, language: str, *view: Any) -> _Updates:
        """A control was moved: draws what is there already."""
        kept, wanted = self._kept(request), View(*view)
        # A signed map has colours of its own.
        colours = {self.colours: gr.update(interactive=wanted.kind != "contribution")}
        if kept is None or not kept.answer.accepted:
            return colours
        try:
            overlay = write_picture(kept, "overlay", wanted.draw(kept.answer))
        except FileNotFoundError:  # another picture came in between
            return colours
        return {
            **colours,
            self.stage: (kept.last("_scanned.png"), overlay),
            self.legend: self._legend(kept.answer, wanted, language),
            self.downloads["overlay"]: overlay,
        }

    def translate(self, request: gr.Request, language: str, *given: Any) -> _Updates:
        """The language was switched: labels are set, what Python has written is written again.

        given: the view's controls, then what was said of the study.
        """
        kept = self._kept(request)
        view, study = given[: len(self.controls)], given[len(self.controls) :]
        said = {**self.labels.updates(language), **self.without_answer(language)}
        if kept is None:
            return said
        a = kept.answer
        return {
            **said,
            self.answer: html.answer(a, language),
            self.spoken: html.spoken(a, language),
            self.legend: self._legend(a, View(*view), language) if a.accepted else "",
            **self.suggest(request, language, *study),
        }

    def greet(self, request: gr.Request, language: str, *given: Any) -> _Updates:
        """The page was opened, in the language that the browser asks for."""
        said = {self.language: language, **self.translate(request, language, *given)}
        if language == "en":  # as it was built; a file may have been refused there meanwhile
            said.pop(self.note)
        return said

    def without_answer(self, language: str) -> _Updates:
        """What Python writes where there is no answer."""
        return {
            self.answer: html.waiting(language),
            self.note: html.note(texts.text("hint", language)),
            **dict.fromkeys((self.legend, self.spoken, self.spacing_note, self.lirads), ""),
        }

    def leave(self, request: gr.Request) -> None:
        """The tab was closed: nothing of the visitor stays."""
        self.answers.drop(str(request.session_hash))


def _number(typed: str, language: str) -> tuple[float | None, str]:
    """What was typed as mm per pixel -> (number or None, what is wrong with it)."""
    typed = (typed or "").strip()
    if not typed:
        return None, ""
    try:
        return float(typed.replace(",", ".")), ""
    except ValueError:
        return None, _alert(texts.text("no-number", language, value=typed[:20]))


def _said(answer: str | None) -> bool | None:
    return None if answer is None else answer == "yes"


def _alert(message: str) -> str:
    return f'<p role="alert">{escape(message)}</p>'
