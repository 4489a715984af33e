"""The tab "Analyze", and the endpoints `/analyze` and `/explain`: inputs -> the Python API -> draw."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from hcc_xai import draw
from hcc_xai.analysis import Analysis, Analyzer, with_spacing
from hcc_xai.errors import ArgumentError, HccXaiError
from hcc_xai.explain import KINDS, METHODS
from hcc_xai.images import decode, read
from hcc_xai.network import MASKS
from hcc_xai.page import answer as html
from hcc_xai.page import service, texts
from hcc_xai.page.labels import Labels
from hcc_xai.page.service import HIDDEN, MODEL, REDRAW, SLOW, Answers, Kept

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
_ORDER = ("normal", "benign", "malignant", "malignant_two", "benign_with_text", "malignant_cine")
_LAYERS = ("lesion", "liver", "heatmap")
_NAME = 80  # characters of a file's name that downloads carry on
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class View:
    """How the visitor wants the picture drawn; the values of the controls, in their order."""

    show: Sequence[str]
    opacity: float
    label: str
    kind: str
    scale: str
    colour_map: str

    def draw(self, a: Analysis) -> Any:
        return a.overlay(label=self.label, kind=self.kind if "heatmap" in self.show else None,
                         absolute=self.scale == "absolute", opacity=self.opacity, colour_map=self.colour_map,
                         show=[name for name in MASKS if name in self.show])

    def top(self, a: Analysis) -> float:
        """The value that is drawn at full strength."""
        return a.scale(self.kind) if self.scale == "absolute" else draw.own_scale(a.heatmap(self.label, self.kind))


class AnalyzeTab:
    """Builds the tab within a `gr.Blocks`; its methods are the events."""

    def __init__(self, analyzer: Analyzer, answers: Answers, labels: Labels, language: gr.Radio, i18n: gr.I18n) -> None:
        self.analyzer, self.answers, self.labels, self.language = analyzer, answers, labels, language
        self.i18n = i18n
        with gr.Row(elem_id="work"):
            with gr.Column(elem_id="left"):
                self._intake()
                with gr.Column(elem_id="stage-wrap"):
                    self.stage = gr.ImageSlider(show_label=False, container=False, interactive=False, format="png",
                                                type="filepath", slider_position=0, buttons=["fullscreen"],
                                                max_height=10_000, elem_id="stage")
                    self._html(lambda x: f"<div><h2>{texts.text('empty', x)}</h2><p>{texts.text('empty-more', x)}</p></div>",
                               "empty")
                self.legend = gr.HTML("", elem_id="legend")
                self._controls()
            with gr.Column(elem_id="right"):
                self.answer = gr.HTML(html.waiting("en"), elem_id="answer")
                self.spoken = gr.HTML("", elem_id="spoken", elem_classes="sr-only")
                self._measures()
        self._events()
        self._endpoints()

    # --- what stands where ---

    def _html(self, words: Callable[[str], str], name: str) -> gr.HTML:
        component: gr.HTML = self.labels.add(gr.HTML(words("en"), elem_id=name), value=words)
        return component

    def _intake(self) -> None:
        with gr.Row(elem_id="intake"):
            with gr.Column(elem_id="choose-side"):
                self.upload = self.labels.add(
                    gr.UploadButton(self.i18n("choose"), type="filepath", variant="primary", size="sm", elem_id="choose"),
                    label="choose")
                self.note = gr.HTML(html.note(texts.text("hint", "en")), elem_id="note")
            paths = sorted((p for p in EXAMPLES.glob("*") if p.suffix in (".png", ".dcm")),
                           key=lambda p: (_ORDER.index(p.stem) if p.stem in _ORDER else len(_ORDER), p.stem))
            self.examples: dict[gr.Button, Path] = {}
            with gr.Row(elem_id="examples"):
                for path in paths:
                    key = f"example-{path.stem}"
                    plain = path.stem.replace("_", " ")
                    known = key in texts.TEXTS
                    button = gr.Button(self.i18n(key) if known else plain, elem_id=f"example-{path.stem}",
                                       elem_classes="example", size="sm")
                    self.examples[self.labels.add(button, value=key) if known else button] = path
        if paths:
            gr.HTML(f"<style>{''.join(_thumbnail(p) for p in paths)}</style>", visible="hidden")

    def _controls(self) -> None:
        add, config = self.labels.add, self.analyzer.config
        layers = partial(_choices, _LAYERS)
        with gr.Column(elem_id="controls"):
            with gr.Row(elem_classes="controls"):
                self.show = add(gr.CheckboxGroup(layers("en"), value=list(_LAYERS), label=self.i18n("show"),
                                                 elem_id="show"), label="show", choices=layers)
                self.opacity = add(gr.Slider(0, 1, 0.6, step=0.05, label=self.i18n("opacity"), elem_id="opacity",
                                             buttons=[]), label="opacity")
                self.frame = add(gr.Slider(1, 2, 1, step=1, label=self.i18n("frame"), visible=False, elem_id="frame",
                                           buttons=[]), label="frame")
            with gr.Row(elem_classes="controls"):
                titles = [(config.titles[label]["en"], label) for label in config.network.labels]
                self.label = add(gr.Dropdown(titles, value=config.network.labels[0], label=self.i18n("class"),
                                             elem_id="class", filterable=False),
                                 label="class", choices=lambda x: [(config.titles[n][x], n) for n in config.network.labels])
                self.kind = add(gr.Radio(_kinds("en"), value=KINDS[0], label=self.i18n("map"), elem_id="map"),
                                label="map", choices=_kinds)
                scales = partial(_choices, ("own", "absolute"))
                self.scale = add(gr.Radio(scales("en"), value="absolute", label=self.i18n("scale"), elem_id="scale"),
                                 label="scale", choices=scales)
                self.colours = add(gr.Dropdown(list(draw.COLOUR_MAPS), value=draw.COLOUR_MAPS[0],
                                               label=self.i18n("colours"), elem_id="colours", filterable=False),
                                   label="colours")
        self.controls = [self.show, self.opacity, self.label, self.kind, self.scale, self.colours]

    def _measures(self) -> None:
        add = self.labels.add
        with gr.Row(elem_id="measure"):
            self.spacing = add(gr.Textbox("", label=self.i18n("spacing"), placeholder=self.i18n("spacing-hint"),
                                          max_lines=1, elem_id="spacing",
                                          html_attributes=gr.InputHTMLAttributes(autocomplete="off")),
                               label="spacing", placeholder="spacing-hint")
        self.spacing_note = gr.HTML("", elem_id="spacing-note")
        with gr.Row(elem_id="downloads"):
            self.downloads = {name: add(gr.DownloadButton(self.i18n(f"get-{name}"), size="sm", interactive=False,
                                                          elem_id=f"get-{name}"), label=f"get-{name}")
                              for name in ("overlay", "lesion", "liver", "json")}

    # --- what happens when ---

    def _events(self) -> None:
        shown = [self.stage, self.legend, self.answer, self.spoken, self.note, self.label, self.frame, self.spacing_note,
                 self.upload, *self.downloads.values()]
        start = [self.language, self.spacing, *self.controls]
        progress: dict[str, Any] = {"show_progress": "full", "show_progress_on": self.stage}
        quiet: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "always_last"}

        def then_test(event: Any) -> None:
            event.then(self.test, [self.language], [self.answer, self.downloads["json"]], show_progress="hidden",
                       **HIDDEN, **SLOW)

        then_test(self.upload.upload(self.read_upload, [self.upload, *start], shown, **progress, **HIDDEN, **MODEL))
        for button, path in self.examples.items():
            then_test(button.click(partial(self.read_example, path), start, shown, **progress, **HIDDEN, **MODEL))
        then_test(self.frame.input(self.read_frame, [self.frame, *start], shown, **quiet, **HIDDEN, **MODEL))
        measured = [self.answer, self.spoken, self.spacing_note, self.downloads["json"]]
        gr.on([self.spacing.submit, self.spacing.blur], self.measure, [self.spacing, self.language], measured,
              **quiet, **HIDDEN, **REDRAW).then(self.test, [self.language], [self.answer, self.downloads["json"]],
                                                show_progress="hidden", **HIDDEN, **SLOW)
        gr.on([control.input for control in self.controls], self.redraw, [self.language, *self.controls],
              [self.stage, self.legend, self.downloads["overlay"], self.note], **quiet, **HIDDEN, **REDRAW)

    def read_upload(self, path: str | None, *given: Any, request: gr.Request) -> dict[Any, Any]:
        """A file was chosen, dropped or pasted. It is deleted as soon as it is read."""
        if path is None:
            return {self.upload: None}
        return self._answer(lambda: (service.take(path), Path(path).name), None, *given, request=request)

    def read_example(self, path: Path, *given: Any, request: gr.Request) -> dict[Any, Any]:
        return self._answer(lambda: (service.take(path), path.name), None, *given, request=request)

    def read_frame(self, number: float, *given: Any, request: gr.Request) -> dict[Any, Any]:
        """Another frame of the file that is shown, counted from 1."""
        kept = self.answers.get(str(request.session_hash))
        if kept is None or kept.data is None:
            return self._failure(texts.text("gone", given[0]), given[0])
        data, name = kept.data, kept.answer.image.source
        return self._answer(lambda: (data, name), int(number) - 1, *given, request=request)

    def _answer(self, load: Callable[[], tuple[bytes, str]], frame: int | None, language: str, spacing: str, *view: Any,
                request: gr.Request) -> dict[Any, Any]:
        session = str(request.session_hash)
        try:
            data, name = load()
            mm, unclear = _spacing(spacing, language)
            image = decode(data, name=name, frame=frame, mm_per_pixel=mm)
            analysis = self.analyzer.analyze(image)
        except HccXaiError as error:
            self.answers.drop(session)
            return self._failure(texts.error(str(error), language), language)
        except Exception:  # the page's boundary: whatever it was, the visitor gets a sentence and the service goes on
            _log.exception("an analysis failed")
            self.answers.drop(session)
            return self._failure(texts.text("failed", language), language)
        kept = self.answers.put(session, analysis, data)
        wanted = View(*view)
        if frame is None:
            wanted = View(wanted.show, wanted.opacity, analysis.label, wanted.kind, wanted.scale, wanted.colour_map)
        return self._success(kept, wanted, language) | {self.spacing_note: _small(unclear)}

    def _success(self, kept: Kept, view: View, language: str) -> dict[Any, Any]:
        a, name = kept.answer, _stem(kept.answer)
        scanned = kept.write(f"{name}_scanned.png", draw.png(a.overlay(kind=None, show=())))
        overlay = kept.write(f"{name}_overlay.png", draw.png(view.draw(a)))
        frames = a.image.frames
        return {
            self.stage: (scanned, overlay),
            self.legend: self._legend(a, view, language),
            self.answer: html.answer(a, language, None if a.lesions else a.evidence),
            self.spoken: html.spoken(a, language),
            self.note: html.note(texts.text("hint", language)),
            self.label: view.label,
            self.frame: gr.update(visible=frames > 1, maximum=max(2, frames), value=a.image.frame + 1),
            self.upload: None,
            self.downloads["overlay"]: gr.update(value=overlay, interactive=True),
            **{self.downloads[mask]: gr.update(value=kept.write(f"{name}_{mask}.png", draw.png(a.masks[mask])),
                                               interactive=True) for mask in ("lesion", "liver")},
            self.downloads["json"]: gr.update(value=_json(kept), interactive=True),
        }

    def _failure(self, message: str, language: str) -> dict[Any, Any]:
        """The old answer goes, as it would seem to belong to the new file; a sentence stands where that was dropped."""
        return {
            self.stage: None, self.legend: "", self.answer: html.waiting(language), self.spoken: "", self.upload: None,
            self.note: html.note(message, frame=texts.text("file-error", language), bad=True),
            self.frame: gr.update(visible=False), self.spacing_note: "",
            **{button: gr.update(value=None, interactive=False) for button in self.downloads.values()},
        }

    def _legend(self, a: Analysis, view: View, language: str) -> str:
        kind = view.kind if "heatmap" in view.show else None
        top = view.top(a) if kind else 0.0
        return html.legend(a, language, label=view.label, kind=kind, top=top, colour_map=view.colour_map)

    def test(self, language: str, request: gr.Request) -> dict[Any, Any]:
        """After the answer is on the screen: what does hiding the lesion do? Runs the network twice more."""
        kept = self.answers.get(str(request.session_hash))
        if kept is None or not kept.answer.lesions:
            return {self.answer: gr.skip()}
        try:
            evidence = kept.answer.evidence
            return {self.answer: html.answer(kept.answer, language, evidence), self.downloads["json"]: _json(kept)}
        except FileNotFoundError:  # another picture came in between
            return {self.answer: gr.skip()}

    def measure(self, spacing: str, language: str, request: gr.Request) -> dict[Any, Any]:
        """Sizes with the visitor's millimetres; the network is not run."""
        kept = self.answers.get(str(request.session_hash))
        try:
            mm, unclear = _spacing(spacing, language)
            if kept is None or mm is None:
                return {self.spacing_note: _small(unclear)}
            kept.answer = with_spacing(kept.answer, mm)
            return {self.answer: html.answer(kept.answer, language, None), self.spoken: html.spoken(kept.answer, language),
                    self.spacing_note: "", self.downloads["json"]: _json(kept)}
        except HccXaiError as error:
            return {self.spacing_note: _small(texts.error(str(error), language))}
        except FileNotFoundError:
            return {self.spacing_note: ""}

    def redraw(self, language: str, *view: Any, request: gr.Request) -> dict[Any, Any]:
        """A control was moved: draws what is there already."""
        kept = self.answers.get(str(request.session_hash))
        if kept is None:
            return {self.note: gr.skip()}
        wanted = View(*view)
        try:
            overlay = kept.write(f"{_stem(kept.answer)}_overlay.png", draw.png(wanted.draw(kept.answer)))
        except FileNotFoundError:
            return {self.note: gr.skip()}
        scanned = next(str(path) for path in kept.drawn if path.name.endswith("_scanned.png"))
        return {self.stage: (scanned, overlay), self.legend: self._legend(kept.answer, wanted, language),
                self.downloads["overlay"]: overlay}

    def translate(self, language: str, *view: Any, request: gr.Request) -> dict[Any, Any]:
        """The language was switched: what Python has written is written again."""
        kept = self.answers.get(str(request.session_hash))
        if kept is None:
            return self.translate_empty(language)
        evidence = kept.answer.__dict__.get("evidence")  # only if it is there: it would run the network
        return {self.answer: html.answer(kept.answer, language, evidence), self.spoken: html.spoken(kept.answer, language),
                self.legend: self._legend(kept.answer, View(*view), language), self.spacing_note: "",
                self.note: html.note(texts.text("hint", language))}

    def translate_empty(self, language: str) -> dict[Any, Any]:
        return {self.answer: html.waiting(language), self.legend: "", self.spoken: "", self.spacing_note: "",
                self.note: html.note(texts.text("hint", language))}

    # --- for programs ---

    def _endpoints(self) -> None:
        """`/analyze` and `/explain`: components that are never shown say what goes in and out."""
        labels = list(self.analyzer.config.network.labels)
        with gr.Row(visible=False):
            file = gr.File(label="file", type="filepath")
            frame = gr.Number(None, label="frame", precision=0)
            spacing = gr.Number(None, label="mm_per_pixel")
            label = gr.Dropdown(labels, value=None, label="label")
            against = gr.Dropdown(labels, value=None, label="against")
            kind = gr.Dropdown([*KINDS, "none"], value=KINDS[0], label="map")
            scale = gr.Dropdown(["absolute", "own"], value="absolute", label="scale")
            opacity = gr.Number(0.6, label="opacity")
            colour_map = gr.Dropdown(list(draw.COLOUR_MAPS), value=draw.COLOUR_MAPS[0], label="colour_map")
            evidence = gr.Checkbox(False, label="evidence")
            language = gr.Dropdown(list(texts.NAMES), value="en", label="language")
            method = gr.Dropdown(list(METHODS), value=next(iter(METHODS)), label="method")
            numbers = gr.JSON(label="answer")
            pictures = [gr.Image(label=name, type="filepath", format="png") for name in ("overlay", *reversed(MASKS))]
        gr.Button(visible=False).click(
            self.api_analyze, [file, frame, spacing, label, kind, scale, opacity, colour_map, evidence, language],
            [numbers, *pictures], api_name="analyze", **MODEL)
        gr.Button(visible=False).click(
            self.api_explain, [file, method, label, against, frame, scale, opacity, language], [numbers, pictures[0]],
            api_name="explain", **SLOW)

    def api_analyze(self, file: str, frame: int | None = None, mm_per_pixel: float | None = None,
                    label: str | None = None, map: str = KINDS[0], scale: str = "absolute", opacity: float = 0.6,
                    colour_map: str = "inferno", evidence: bool = False, language: str = "en") -> tuple[Any, ...]:
        """Analyze a liver ultrasound: the answer as numbers and words, then overlay, lesion mask and liver mask.

        `evidence` also tests what hiding the lesion does (two more passes of the network).
        """
        def run() -> tuple[Any, ...]:
            a = self._read(file, frame, mm_per_pixel)
            if evidence:
                a.evidence  # noqa: B018  (filled in when asked for; `to_dict` shows it)
            overlay = a.overlay(label=label, kind=None if map == "none" else map, absolute=scale == "absolute",
                                opacity=opacity, colour_map=colour_map)
            return (a.to_dict(), overlay, *(draw_mask(a.masks[name]) for name in reversed(MASKS)))

        return _for_programs(run, language)

    def api_explain(self, file: str, method: str = KINDS[0], label: str | None = None, against: str | None = None,
                    frame: int | None = None, scale: str = "absolute", opacity: float = 0.6,
                    language: str = "en") -> tuple[Any, ...]:
        """One map by one method: what speaks for a label (rather than for another), as numbers and as a picture."""
        def run() -> tuple[Any, ...]:
            a = self._read(file, frame, None)
            found = self.analyzer.explain(a, method, label=label, against=against)
            top = found.scale if scale == "absolute" else draw.own_scale(found.map)
            picture = draw.overlay(a.image.pixels, a.sector, a.masks, heat=found.map, scale=top, opacity=opacity,
                                   signed=bool((found.map < 0).any()))
            return found.to_dict(), picture

        return _for_programs(run, language)

    def _read(self, file: str | None, frame: int | None, spacing: float | None) -> Analysis:
        if file is None:
            raise ArgumentError("no file was given; the first parameter is a file")
        image = decode(service.take(file), name=Path(file).name, frame=frame, mm_per_pixel=spacing)
        return self.analyzer.analyze(image)


def draw_mask(mask: Any) -> Any:
    """A mask as a picture of 0 and 255."""
    return (mask * 255).astype("uint8")


def _for_programs(run: Callable[[], tuple[Any, ...]], language: str) -> tuple[Any, ...]:
    try:
        return run()
    except HccXaiError as error:
        raise gr.Error(texts.error(str(error), language), print_exception=False) from None
    except FileNotFoundError:
        raise gr.Error(texts.text("upload-failed", language), print_exception=False) from None


def _choices(keys: Sequence[str], language: str) -> list[tuple[str, str]]:
    return [(texts.text(key, language), key) for key in keys]


def _kinds(language: str) -> list[tuple[str, str]]:
    return [(METHODS[kind].title if kind != "contribution" else texts.text(kind, language), kind) for kind in KINDS]


def _spacing(typed: str, language: str) -> tuple[float | None, str]:
    """What was typed as mm per pixel -> (number or None, what is wrong with it)."""
    typed = (typed or "").strip()
    if not typed:
        return None, ""
    try:
        return float(typed.replace(",", ".")), ""
    except ValueError:
        return None, texts.text("no-number", language, value=typed[:20])


def _small(message: str) -> str:
    from html import escape

    return f'<p role="alert">{escape(message)}</p>' if message else ""


def _stem(a: Analysis) -> str:
    return Path(a.image.source).stem[:_NAME] or "picture"


def _json(kept: Kept) -> str:
    content = json.dumps(kept.answer.to_dict(), indent=1, ensure_ascii=False)
    return kept.write(f"{_stem(kept.answer)}.json", content.encode())


def _thumbnail(path: Path) -> str:
    """An example's small picture, within the page's CSS: no file to serve, nothing for the cache to delete."""
    import io

    import PIL.Image

    picture = PIL.Image.fromarray(read(path).pixels)
    picture.thumbnail((96, 90))
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=80)
    code = base64.b64encode(file.getvalue()).decode()
    return f"#example-{path.stem}{{background-image:url(data:image/webp;base64,{code})!important}}"
