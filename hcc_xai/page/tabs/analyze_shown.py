"""What the tab "Analyze" shows of an answer, of a stopped picture and of a failure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component
from gradio.events import Dependency

from hcc_xai.analysis.result import Analysis
from hcc_xai.page import texts
from hcc_xai.page.labels import Choice
from hcc_xai.page.memory import Kept
from hcc_xai.page.progress import Updates
from hcc_xai.page.tabs import answer_html as html
from hcc_xai.page.tabs.analyze_layout import Layout, titles_of
from hcc_xai.page.tabs.view import LAYERS, View, layers_of, write_files, write_picture
from hcc_xai.reports.writers import WRITERS


@dataclass(frozen=True)
class Opener:
    """What another tab needs to have a file of its own answered on this tab.

    Attributes:
        inputs: controls whose values `read_bytes` takes last, in this order.
        shown: what it sets.
        read_bytes: of a request, the file's bytes, its name, the frame (None: the file's own
            choice), the language and the values of `inputs`, it makes what to show.
        then_test: adds to an event that the answer is tested afterwards.
    """

    inputs: Sequence[Component]
    shown: Sequence[Block]
    read_bytes: Callable[..., Updates]
    then_test: Callable[[Dependency], None]


class Shown(Layout):
    """The layout, and what an event sets in it."""

    def success(self, kept: Kept, view: View, language: str) -> Updates:
        """An answer: pictures, words and files.

        Args:
            kept: the answer; where it was stopped, only the reason is shown.
            view: how it is drawn.
            language: of the reader.

        Raises:
            FileNotFoundError: the answer has been put away in the meantime.
        """
        a, frames = kept.answer, kept.answer.image.frames
        if not a.accepted:
            return self._stopped(kept, language)
        files = write_files(kept, tuple(WRITERS), view.look(a))
        scanned = write_picture(kept, "scanned", a.overlay(kind=None, show=()))
        return {
            self.stage: (scanned, files["overlay"]),
            self.legend: self.legend_of(a, view, language),
            self.answer: html.answer(a, language),
            self.spoken: html.spoken(a, language),
            self.note: html.note(texts.text("hint", language)),
            **self._named(a, view, language),
            self.through: gr.update(visible=False),
            self.scheme: gr.update(visible=self._scheme(a.kind)),
            **self._questions(a, language),
            self.frame: gr.update(
                visible=frames > 1, maximum=max(2, frames), value=a.image.frame + 1
            ),
            self.upload: None,
            **self._offered(a, files, language),
        }

    def _named(self, a: Analysis, view: View, language: str) -> Updates:
        """The controls whose choices depend on the kind of picture."""
        show = [layer for layer in view.show if layer in layers_of(a)]
        return {
            self.picture_kind: a.kind,
            self.label: gr.update(choices=titles_of(a.config, language), value=view.label),
            self.show: gr.update(choices=_layers(a, language), value=show),
        }

    def _offered(self, a: Analysis, files: Mapping[str, str], language: str) -> Updates:
        """The files to fetch; of masks, those that there are, by their names."""
        masks = a.mask_names
        offered: Updates = {}
        for name, button in self.downloads.items():
            given, there = files.get(name), name in files
            if name not in LAYERS:
                offered[button] = gr.update(value=given, interactive=there)
                continue
            thing = html.mask_name(a, masks[name], language) if there else ""
            label = texts.text("get-mask", language, thing=thing)
            offered[button] = gr.update(value=given, interactive=there, visible=there, label=label)
        return offered

    def failure(self, message: str, language: str) -> Updates:
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

    def without_answer(self, language: str) -> Updates:
        """What Python writes where there is no answer."""
        return {
            self.answer: html.waiting(language),
            self.note: html.note(texts.text("hint", language)),
            self.legend: "",
            self.spoken: "",
            self.spacing_note: "",
            self.lirads: "",
        }

    def legend_of(self, a: Analysis, view: View, language: str) -> str:
        """The scale of the map beside the picture, as HTML."""
        top = view.top(a) if view.drawn else 0.0
        return html.legend(
            a, language, label=view.label, kind=view.drawn, top=top, colour_map=view.colour_map
        )

    def _stopped(self, kept: Kept, language: str) -> Updates:
        """The picture as it was scanned and the reason; nothing that could pass for an answer."""
        scanned = write_picture(kept, "scanned", kept.answer.overlay(kind=None, show=()))
        return {
            **self.failure("", language),
            self.stage: (scanned, scanned),
            self.answer: html.answer(kept.answer, language),
            self.spoken: html.spoken(kept.answer, language),
            self.note: html.note(texts.text("hint", language)),
            self.through: gr.update(visible=True),
            self.picture_kind: None,  # whichever is chosen is an event then
        }

    def named_again(self, a: Analysis, view: View, language: str) -> Updates:
        """What of an answer's controls is written anew in another language."""
        named = self._named(a, view, language)
        del named[self.picture_kind]
        masks = a.mask_names
        for name in (name for name in self.downloads if name in masks):
            thing = html.mask_name(a, masks[name], language)
            named[self.downloads[name]] = gr.update(
                label=texts.text("get-mask", language, thing=thing)
            )
        return named

    def _questions(self, a: Analysis, language: str) -> Updates:
        """Another picture may be of another person: what was said of the last one is not kept."""
        numbers = [str(i) for i in range(1, len(a.lesions) + 1)]
        return {
            **{question: gr.update(value=None) for question in self.study},
            self.benign: gr.update(choices=numbers, value=[], visible=bool(numbers)),
            self.lirads: html.lirads(a.lirads(), language),
        }


def _layers(a: Analysis, language: str) -> list[Choice]:
    """What of an answer can be shown: in the kind's words, and by name."""
    masks = a.mask_names
    return [
        (
            html.mask_name(a, masks[layer], language)
            if layer in masks
            else texts.text(layer, language),
            layer,
        )
        for layer in layers_of(a)
    ]
