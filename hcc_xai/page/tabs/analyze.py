"""The tab "Analyze": inputs -> the Python API -> draw. Its events; what stands where is in
`analyze_layout`, what they show in `analyze_shown`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.blocks import Block
from gradio.events import Dependency

from hcc_xai.analysis.analyzer import let_through
from hcc_xai.analysis.models import Answerer
from hcc_xai.analysis.result import Analysis
from hcc_xai.errors import HccXaiError
from hcc_xai.imaging.read import decode
from hcc_xai.language import errors
from hcc_xai.page import texts
from hcc_xai.page.gradio_settings import HIDDEN, LATEST, MODEL, QUIET, REDRAW, SLOW
from hcc_xai.page.labels import Labels
from hcc_xai.page.memory import Answers, Kept, take
from hcc_xai.page.progress import Updates
from hcc_xai.page.tabs import answer_html as html
from hcc_xai.page.tabs.analyze_shown import Opener, Shown
from hcc_xai.page.tabs.view import (
    StudyAnswers,
    View,
    Wish,
    layers_of,
    write_json,
    write_picture,
)

_log = logging.getLogger(__name__)


class AnalyzeTab(Shown):
    """Builds the tab within a `gr.Blocks`; its methods are the events.

    Gradio hands the request to the positional parameter that is annotated so: it comes first, as
    one after `*view` would be left out. A session's hash is known to its own browser only.
    """

    def __init__(
        self, models: Answerer, answers: Answers, labels: Labels, language: gr.Radio
    ) -> None:
        super().__init__(models, labels)
        self.answers, self.language = answers, language
        self.shown: list[Block] = [  # what an answer sets
            *(self.stage, self.legend, self.answer, self.spoken, self.note, self.label),
            *(self.through, self.frame, self.spacing_note, self.upload, self.lirads),
            *(self.picture_kind, self.show, self.scheme, self.spacing, self.length),
            *self.study,
            *self.downloads.values(),
        ]
        self.opener = Opener(
            [self.spacing, *self.controls], self.shown, self.read_bytes, self.then_test
        )
        answered = [*self._answered(), self._measured()]
        gr.on(
            [question.input for question in self.study],
            self.suggest,
            [language, *self.study],
            [self.lirads],
            **LATEST,
            **REDRAW,
        )
        for event in answered:  # the answer first, the test of it when it is on the screen
            self.then_test(event)
        gr.on(
            [control.input for control in self.controls],
            self.redraw,
            [language, *self.controls],
            [self.stage, self.legend, self.downloads["overlay"], self.colours],
            **LATEST,
            **REDRAW,
        )

    def _answered(self) -> list[Dependency]:
        """The events that answer a picture."""
        start = [self.language, *self.opener.inputs]
        uploaded = self.upload.upload(
            self.read_upload,
            [self.upload, *start],
            self.shown,
            show_progress_on=self.stage,
            **HIDDEN,
            **MODEL,
        )
        examples = [
            button.click(
                self.read_example(path),
                start,
                self.shown,
                show_progress_on=self.stage,
                **HIDDEN,
                **MODEL,
            )
            for button, path in self.examples.items()
        ]
        moved = self.frame.input(
            self.read_frame, [self.frame, *start], self.shown, **LATEST, **MODEL
        )
        through = self.through.click(self.let_through, start, self.shown, **QUIET, **MODEL)
        other = self.picture_kind.input(
            self.state_kind, [self.picture_kind, *start], self.shown, **QUIET, **MODEL
        )
        return [uploaded, *examples, moved, through, other]

    def _measured(self) -> Dependency:
        """The event of a spacing that was typed."""
        event: Dependency = gr.on(
            [self.spacing.submit, self.spacing.blur],
            self.measure,
            [self.language, self.spacing, *self.study],
            [self.answer, self.spoken, self.spacing_note, self.lirads, self.downloads["json"]],
            **LATEST,
            **REDRAW,
        )
        return event

    def then_test(self, event: Dependency) -> None:
        """Once an event has shown an answer, the answer is tested."""
        tested = [self.answer, self.downloads["json"]]
        event.then(self.test, [self.language], tested, **QUIET, **SLOW)

    def read_upload(self, request: gr.Request, path: str | None, *inputs: Any) -> Updates:
        """A file was chosen, dropped or pasted. It is deleted as soon as it is read."""
        if path is None:
            return {self.upload: None}
        wish = Wish.from_values(*inputs)
        return self._new(request, lambda: (take(path), Path(path).name), None, wish)

    def read_example(self, path: Path) -> Callable[..., Updates]:
        """The event of an example's button."""

        def read_this(request: gr.Request, *inputs: Any) -> Updates:
            wish = Wish.from_values(*inputs)
            return self._new(request, lambda: (take(path), path.name), None, wish)

        return read_this

    def read_bytes(
        self, request: gr.Request, data: bytes, name: str, frame: int | None, *inputs: Any
    ) -> Updates:
        """A file that another tab holds (see `Opener`)."""
        wish = Wish.from_values(*inputs)
        return self._new(request, lambda: (data, name), frame, wish)

    def _new(
        self,
        request: gr.Request,
        load: Callable[[], tuple[bytes, str]],
        frame: int | None,
        wish: Wish,
    ) -> Updates:
        """Another file, perhaps of another person: nothing that was typed for the last one
        counts."""
        said = self._answer(request, load, frame, replace(wish, spacing=""), anew=True)
        return {**said, self.spacing: "", self.length: ""}

    def read_frame(self, request: gr.Request, number: float, *inputs: Any) -> Updates:
        """Another frame of the file that is shown, counted from 1."""
        kept, wish = self._kept(request), Wish.from_values(*inputs)
        if kept is None or kept.data is None:
            return self.failure(texts.text("gone", wish.language), wish.language)
        data, name = kept.data, kept.answer.image.source
        return self._answer(request, lambda: (data, name), int(number) - 1, wish, anew=False)

    def state_kind(self, request: gr.Request, kind: str, *inputs: Any) -> Updates:
        """The visitor says what kind of picture it is; it is answered by that kind's model."""
        kept, wish = self._kept(request), Wish.from_values(*inputs)
        if kept is None:
            return self.without_answer(wish.language)
        image, data = kept.own, kept.data
        mm, unclear = _number(wish.spacing, wish.language)
        said = self._shown(
            request, lambda: (self.models.analyze(image, kind=kind), data), wish, mm, anew=True
        )
        return {**said, self.spacing_note: unclear}

    def _kept(self, request: gr.Request) -> Kept | None:
        return self.answers.get(str(request.session_hash))

    def _answer(
        self,
        request: gr.Request,
        load: Callable[[], tuple[bytes, str]],
        frame: int | None,
        wish: Wish,
        *,
        anew: bool,
    ) -> Updates:
        """A picture is answered.

        Args:
            request: of the visitor.
            load: gives the file's bytes and its name.
            frame: of the file, counted from 0; None for the file's own choice.
            wish: how it is drawn.
            anew: it is another file; another frame keeps the class that was chosen.
        """
        mm, unclear = _number(wish.spacing, wish.language)

        def answer() -> tuple[Analysis, bytes]:
            data, name = load()
            return self.models.analyze(decode(data, name=name, frame=frame)), data

        said = self._shown(request, answer, wish, mm, anew=anew)
        return {**said, self.spacing_note: unclear}

    def _shown(
        self,
        request: gr.Request,
        answer: Callable[[], tuple[Analysis, bytes | None]],
        wish: Wish,
        mm_per_pixel: float | None,
        *,
        anew: bool,
    ) -> Updates:
        """What is shown of a new answer, or why there is none.

        Args:
            request: of the visitor.
            answer: gives the answer, and the file's bytes.
            wish: how it is drawn.
            mm_per_pixel: what the visitor typed for this picture, if anything.
            anew: show the evidence for the answer, whatever class was chosen before.
        """
        session, language = str(request.session_hash), wish.language
        before = self._kept(request)
        try:
            analysis, data = answer()
            kept = self.answers.put(session, analysis, data)
            if mm_per_pixel is not None:
                kept.answer = kept.measured(mm_per_pixel)
            view = wish.view
            if anew or view.label not in analysis.probabilities:
                view = replace(view, label=analysis.label)
            if before is None or before.answer.kind != analysis.kind:
                view = replace(view, show=layers_of(analysis))
            return self.success(kept, view, language)
        except HccXaiError as error:
            message = errors.say(error, language)
        except Exception:  # the page's boundary: a sentence, and the service goes on
            _log.exception("an analysis failed")
            message = texts.text("failed", language)
        self.answers.drop(session)
        return self.failure(message, language)

    def let_through(self, request: gr.Request, *inputs: Any) -> Updates:
        """The visitor wants the answer of a stopped picture all the same."""
        kept, wish = self._kept(request), Wish.from_values(*inputs)
        if kept is None:
            return self.failure(texts.text("gone", wish.language), wish.language)
        kept.answer = let_through(kept.answer)
        view = replace(wish.view, label=kept.answer.label)
        return self.success(kept, view, wish.language)

    def test(self, request: gr.Request, language: str) -> Updates:
        """What does hiding the lesion do? Runs the network on two more pictures."""
        kept = self._kept(request)
        if kept is None or not kept.answer.accepted or not kept.answer.testable:
            return {self.answer: gr.skip()}
        try:
            kept.answer = kept.answer.with_evidence(self.models.evidence(kept.answer))
            said = html.answer(kept.answer, language)
            return {self.answer: said, self.downloads["json"]: write_json(kept)}
        except FileNotFoundError:  # another picture came in between
            return {self.answer: gr.skip()}

    def suggest(self, request: gr.Request, language: str, *study: Any) -> Updates:
        """What US LI-RADS would say; the network is not run."""
        return self._suggestion(self._kept(request), StudyAnswers.from_values(*study), language)

    def _suggestion(self, kept: Kept | None, study: StudyAnswers, language: str) -> Updates:
        if kept is None or not kept.answer.accepted:
            return {self.lirads: ""}
        return {self.lirads: html.lirads(study.suggest(kept.answer), language)}

    def measure(self, request: gr.Request, language: str, spacing: str, *study: Any) -> Updates:
        """Sizes with the visitor's millimetres; the network is not run."""
        kept = self._kept(request)
        try:
            mm, unclear = _number(spacing, language)
            if kept is None or unclear or not kept.answer.accepted:
                return {self.spacing_note: unclear}
            kept.answer = kept.measured(mm)
            return {
                self.answer: html.answer(kept.answer, language),
                self.spoken: html.spoken(kept.answer, language),
                self.spacing_note: "",
                self.downloads["json"]: write_json(kept),
                **self._suggestion(kept, StudyAnswers.from_values(*study), language),
            }
        except HccXaiError as error:
            return {self.spacing_note: _alert(errors.say(error, language))}
        except FileNotFoundError:
            return {self.spacing_note: ""}

    def redraw(self, request: gr.Request, language: str, *controls: Any) -> Updates:
        """A control was moved: draws what is there already."""
        kept, view = self._kept(request), View.from_values(*controls)
        # A signed map has colours of its own.
        colours: Updates = {self.colours: gr.update(interactive=view.kind != "contribution")}
        if kept is None or not kept.answer.accepted:
            return colours
        try:
            overlay = write_picture(kept, "overlay", view.draw(kept.answer))
        except FileNotFoundError:  # another picture came in between
            return colours
        return {
            **colours,
            self.stage: (kept.last("_scanned.png"), overlay),
            self.legend: self.legend_of(kept.answer, view, language),
            self.downloads["overlay"]: overlay,
        }

    def translate(self, request: gr.Request, language: str, *given: Any) -> Updates:
        """The language was switched: labels are set, what Python has written is written again.

        Args:
            request: of the visitor.
            language: that was chosen.
            *given: values of `controls`, then those of `study`.
        """
        kept = self._kept(request)
        view = View.from_values(*given[: len(self.controls)])
        study = StudyAnswers.from_values(*given[len(self.controls) :])
        said = {**self.labels.updates(language), **self.without_answer(language)}
        if kept is None:
            return said
        a = kept.answer
        return {
            **said,
            self.answer: html.answer(a, language),
            self.spoken: html.spoken(a, language),
            self.legend: self.legend_of(a, view, language) if a.accepted else "",
            **(self.named_again(a, view, language) if a.accepted else {}),
            **self._suggestion(kept, study, language),
        }

    def greet(self, request: gr.Request, language: str, *given: Any) -> Updates:
        """The page was opened, in the language that the browser asks for."""
        said = {self.language: language, **self.translate(request, language, *given)}
        if language == "en":  # as it was built; a file may have been refused there meanwhile
            said.pop(self.note)
        return said

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


def _alert(message: str) -> str:
    return f'<p role="alert">{escape(message)}</p>'
