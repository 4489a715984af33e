"""Further questions on the tab "Explain": what the answer follows, what would change it, and why
something is outlined or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape

import cv2
import gradio as gr
import numpy as np
from numpy.typing import NDArray

from hcc_xai.analysis.challenges import Challenge
from hcc_xai.analysis.models import Answerer
from hcc_xai.analysis.result import Analysis
from hcc_xai.errors import ArgumentError, HccXaiError
from hcc_xai.explain.change_of_mind import ChangeOfMind
from hcc_xai.language import errors, words
from hcc_xai.page.gradio_settings import QUIET, SLOW
from hcc_xai.page.inputs import place_of
from hcc_xai.page.labels import Labels
from hcc_xai.page.memory import Answers, Kept
from hcc_xai.page.progress import Slow, Tell, Updates, line
from hcc_xai.page.tabs.view import write_picture
from hcc_xai.page.texts import i18n, text

_MARK = (255, 176, 0)  # of the regions and the point that was asked about
Ask = Callable[[Kept, str], Iterator[Updates]]  # a question: a picture, a language -> its answer


class Questions:
    """Builds the part of the tab within a `gr.Blocks`."""

    def __init__(
        self,
        models: Answerer,
        answers: Answers,
        slow: Slow,
        labels: Labels,
        language: gr.Radio,
    ) -> None:
        self.models, self.answers, self.slow = models, answers, slow
        labels.add(gr.HTML(_title("en"), elem_id="ask-title"), value=_title)
        with gr.Row(elem_id="ask-row"):
            follow, mind, outline = (self._button(labels, name) for name in _BUTTONS)
            place = gr.Textbox(
                "",
                label=i18n("ask-place"),
                placeholder="120, 200",
                max_lines=1,
                elem_id="ask-place",
            )
            labels.add(place, label="ask-place")
        self.progress = gr.HTML("", elem_id="ask-progress")
        with gr.Row(elem_id="asked"):
            self.picture = gr.Image(
                show_label=False,
                container=False,
                interactive=False,
                format="png",
                visible="hidden",
                buttons=["download", "fullscreen"],
                elem_id="asked-picture",
            )
            self.told = gr.HTML("", elem_id="asked-told")
        self.shown = shown = [self.progress, self.picture, self.told]
        for button, ask in ((follow, self.follow), (mind, self.mind)):
            button.click(self._event(ask), [language], shown, **QUIET, **SLOW)
        outline.click(self.begin, [language], shown, **QUIET)
        self.picture.select(self.point, [language], shown, **QUIET, **SLOW)
        place.submit(self.typed, [language, place], shown, **QUIET, **SLOW)

    def _button(self, labels: Labels, name: str) -> gr.Button:
        button = gr.Button(i18n(f"ask-{name}"), size="sm", elem_id=f"ask-{name}")
        return labels.add(button, value=f"ask-{name}")

    def _event(self, ask: Ask) -> Callable[..., Iterator[Updates]]:
        def run(request: gr.Request, language: str) -> Iterator[Updates]:
            yield from self.answered(request, language, ask)

        return run

    def answered(self, request: gr.Request, language: str, ask: Ask) -> Iterator[Updates]:
        """The answer to a question about the visitor's picture, or what stands in its way.

        Args:
            request: of the visitor.
            language: of the reader.
            ask: the question.
        """
        kept = self.answers.get(str(request.session_hash))
        if kept is None or not kept.answer.accepted:
            yield {self.progress: line(text("explain-first", language), bad=True)}
            return
        kept.explained = True
        try:
            yield from ask(kept, language)
        except HccXaiError as error:
            yield {self.progress: line(errors.say(error, language), bad=True)}
        except FileNotFoundError:  # another picture came in between
            yield {self.progress: line(text("gone", language), bad=True)}

    def cleared(self) -> Updates:
        """Nothing that was asked of a picture is left."""
        return self._show("")

    def _show(self, told: str, picture: str | None = None) -> Updates:
        shown = gr.update(value=picture, visible=True if picture else "hidden")
        return {self.progress: "", self.told: told, self.picture: shown}

    def follow(self, kept: Kept, language: str) -> Iterator[Updates]:
        """What every change of the picture does to the answer."""
        a = kept.answer

        def work(tell: Tell) -> tuple[Challenge, ...]:
            return self.models.challenge(a)

        title = text("ask-follow", language)
        challenged = yield from self.slow.wait(work, title, language, self.progress)
        yield self._show(challenges(a, challenged, language))

    def mind(self, kept: Kept, language: str) -> Iterator[Updates]:
        """The smallest set of regions whose removal changes the answer, and the nearest images."""
        a = kept.answer

        def work(tell: Tell) -> ChangeOfMind:
            return self.models.change_of_mind(a, progress=tell)

        title = text("ask-mind", language)
        changed = yield from self.slow.wait(work, title, language, self.progress)
        picture = _outlined(a, a.frame.to_file(changed.regions.astype(np.float32)) > 0.5)
        file = write_picture(kept, "change_of_mind", picture)
        yield self._show(change(a, changed, language) + near(a, language), file)

    def begin(self, request: gr.Request, language: str) -> Iterator[Updates]:
        """The picture to click on."""

        def ask(kept: Kept, language: str) -> Iterator[Updates]:
            file = write_picture(kept, "outlines", kept.answer.overlay(kind=None))
            yield self._show(f"<p>{escape(text('ask-click', language))}</p>", file)

        yield from self.answered(request, language, ask)

    def point(self, request: gr.Request, language: str, event: gr.SelectData) -> Iterator[Updates]:
        """Why the clicked place is outlined, or not."""
        col, row = (int(v) for v in event.index[:2])
        yield from self.answered(request, language, self._outline(row, col))

    def typed(self, request: gr.Request, language: str, place: str) -> Iterator[Updates]:
        """Why a place is outlined, or not, that was typed: row, column."""
        try:
            row, col = place_of(place)
        except ArgumentError:
            yield {self.progress: line(text("ask-no-place", language, place=place), bad=True)}
            return
        yield from self.answered(request, language, self._outline(row, col))

    def _outline(self, row: int, col: int) -> Ask:
        def ask(kept: Kept, language: str) -> Iterator[Updates]:
            a = kept.answer
            try:
                explanation = self.models.explain_outline(a, (row, col))
            except ArgumentError as error:
                if error.key != "point-outside":
                    raise
                yield {self.progress: line(text("ask-outside", language), bad=True)}
                return
            picture = a.overlay_of(explanation)
            size = max(6, max(a.image.shape) // 60)
            cv2.drawMarker(picture, (col, row), _MARK, cv2.MARKER_CROSS, size, max(1, size // 6))
            file = write_picture(kept, "outline", picture)
            more = text("ask-signed" if explanation.signed else "ask-rests", language)
            why = escape(explanation.sentence(language))
            told = f"<p>{why}</p><p class='small'>{escape(more)}</p>"
            yield self._show(told, file)

        return ask


_BUTTONS = ("follow", "mind", "outline")


def _title(language: str) -> str:
    return f"<h3>{text('ask-title', language)}</h3>"


def challenges(a: Analysis, challenged: Sequence[Challenge], language: str) -> str:
    """A table, as HTML: what was changed, the probability before and after, what speaks against.

    Args:
        a: the answer.
        challenged: what each change of its picture does.
        language: of the reader.
    """
    order = sorted(challenged, key=lambda c: (not c.bad, c.name != "lesion", c.after - c.before))
    rows = []
    for one in order:
        before, after = (words.number(v, language) for v in (one.before, one.after))
        flipped = f" → {escape(a.title(one.answer, language))}" if one.flips else ""
        state = text("mind" if one.bad else "ok", language)
        rows.append(
            f'<tr data-change="{one.name}" data-bad="{str(one.bad).lower()}">'
            f'<td><span class="sign" role="img" aria-label="{state}">'
            f"{'!' if one.bad else '✓'}</span></td>"
            f"<th scope='row'>{escape(words.change(one.name, language))}</th>"
            f"<td>{before} → {after}{flipped}</td></tr>"
        )
    against = sum(one.bad for one in challenged)
    key = "follow-good" if not against else "follow-bad"
    summary = text(key, language, title=a.title(None, language), count=against, of=len(challenged))
    return f"<p>{escape(summary)}</p><table class='challenges'>{''.join(rows)}</table>"


def change(a: Analysis, mind: ChangeOfMind, language: str) -> str:
    """What painting over the marked regions does, as HTML.

    Args:
        a: the answer.
        mind: the regions that change it.
        language: of the reader.
    """
    values = {
        "count": mind.count,
        "share": f"{100 * mind.share:.0f} %",
        "title": a.title(None, language),
        "before": words.number(mind.before, language),
        "after": words.number(mind.after, language),
        "other": a.title(list(a.probabilities)[mind.answer], language),
    }
    key = "mind-stays" if not mind.changed else "mind-one" if mind.count == 1 else "mind-changes"
    more = text("mind-exact" if mind.exact else "mind-rough", language) if mind.changed else ""
    return f"<p>{escape(text(key, language, **values))} {escape(more)}</p>"


def near(a: Analysis, language: str) -> str:
    """The nearest images of the training set, as HTML; empty where the bundle knows none."""
    neighbours = a.nearest()
    if not neighbours:
        return ""
    items = "".join(
        f"<li>{escape(_titles(a, n.label, language))} "
        f"<small>({words.number(n.distance, language)})</small></li>"
        for n in neighbours
    )
    known = f"<p>{escape(text('nearest-same', language))}</p>" if a.trained_on else ""
    return f"<p>{escape(text('nearest', language))}</p><ol class='nearest'>{items}</ol>{known}"


def _titles(a: Analysis, label: str, language: str) -> str:
    """A label in words; several that hold are joined by "+"."""
    return " + ".join(a.title(one, language) for one in label.split("+"))


def _outlined(a: Analysis, regions: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The picture with its outlines, and the regions drawn thick."""
    picture = a.overlay(kind=None)
    lines, _ = cv2.findContours(regions.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, lines, -1, _MARK, max(2, max(a.image.shape) // 300))
    return picture
