"""The endpoints for programs: inputs -> the Python API -> draw."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from hcc_xai.analysis.models import Answerer
from hcc_xai.analysis.result import Analysis
from hcc_xai.auditing import audit as auditing
from hcc_xai.batch.run import Options
from hcc_xai.batch.run import run as answer_all
from hcc_xai.batch.tables import pack, read_rows
from hcc_xai.errors import ArgumentError, HccXaiError, unknown
from hcc_xai.explain.methods import METHODS
from hcc_xai.imaging import draw
from hcc_xai.imaging.read import decode
from hcc_xai.language import errors
from hcc_xai.model.exact import KINDS
from hcc_xai.page import texts
from hcc_xai.page.gradio_settings import BATCH, MODEL, SLOW, Lane
from hcc_xai.page.inputs import Picture, Question, unpack
from hcc_xai.page.memory import Answers, move, private_folder, take
from hcc_xai.page.tabs.view import LAYERS, View
from hcc_xai.reports.writers import files_of

_MASKS = ("lesion", "organ")  # the order in which they are handed out
_log = logging.getLogger(__name__)

# What an endpoint hands back: numbers, then the paths of files.
_Answer = tuple[Any, ...]


class Endpoints:
    """Adds the endpoints to a `gr.Blocks`; components that are never shown say what goes in and
    out.

    Gradio's clients take a parameter as optional where its component has a value, or where it has
    none and the function's default is None. A component is labelled like the parameter it fills.
    """

    def __init__(
        self, models: Answerer, answers: Answers, rivals: Mapping[str, str] | None = None
    ) -> None:
        self.models, self.answers, self.rivals = models, answers, rivals or {}
        first = models.of(models.kinds[0])
        # Of several kinds each has labels and layers of its own.
        free = len(models.kinds) > 1
        labels = list(first.config.network.labels)
        with gr.Row(visible=False):
            file = gr.File(label="file", type="filepath")
            frame = gr.Number(None, label="frame", precision=0)
            spacing = gr.Number(None, label="mm_per_pixel")
            label = gr.Dropdown(labels, value=None, label="label", allow_custom_value=free)
            against = gr.Dropdown(labels, value=None, label="against", allow_custom_value=free)
            maps_of = gr.Dropdown([*KINDS, "none"], value=KINDS[0], label="map")
            kind = gr.Dropdown(list(models.kinds), value=None, label="kind")
            scale = gr.Dropdown(["absolute", "own"], value="absolute", label="scale")
            opacity = gr.Number(0.6, label="opacity")
            colours = gr.Dropdown(list(draw.COLOUR_MAPS), value="inferno", label="colour_map")
            evidence = gr.Checkbox(False, label="evidence")
            accept = gr.Checkbox(False, label="accept")
            language = gr.Dropdown(list(texts.NAMES), value="en", label="language")
            method = gr.Dropdown(list(METHODS), value=KINDS[0], label="method")
            layer = gr.Dropdown(
                list(first.layers), value=None, label="layer", allow_custom_value=free
            )
            seed = gr.Number(0, label="seed", precision=0)
            check = gr.Checkbox(False, label="check")
            point = gr.Textbox(None, label="point")
            numbers = gr.JSON(label="answer")
            pictures = [gr.Image(label=name, format="png") for name in ("overlay", *_MASKS)]
            files = gr.File(label="files", file_count="multiple", type="filepath")
            draws = gr.Checkbox(True, label="pictures")
            every = gr.Checkbox(True, label="every_frame")
            archive = gr.File(label="archive")
            by = gr.JSON(None, label="by")
            rival = gr.Textbox(None, label="against")
            analyze, explain, batch, audit = (gr.Button() for _ in range(4))
        shared = (file, frame, spacing, label, scale, opacity, language, accept, files, kind)
        looks = [*shared, maps_of, colours, evidence]
        maps = [*shared, method, against, layer, seed, check, point]
        many = [*shared, draws, every, by, rival]
        answer, archived = [numbers, *pictures], [numbers, archive]
        _offer(analyze, self.analyze, looks, answer, MODEL)
        _offer(explain, self.explain, maps, answer[:2], SLOW)
        _offer(batch, self.batch, many, archived, BATCH)
        _offer(audit, self.audit, many, archived, BATCH)

    def audit(
        self,
        files: list[str] | None,
        by: list[str] | None = None,
        language: str = "en",
        against: str | None = None,
        kind: str | None = None,
    ) -> _Answer:
        """Audit the model of a kind (the first by default) on images and a table (CSV), or a ZIP of
        both: numbers and document; against another bundle, of those that the page offers."""

        def run() -> _Answer:
            if against and against not in self.rivals:
                raise unknown("bundle", against, list(self.rivals))
            other = self.rivals[against] if against else None
            model = self.models.of(kind or self.models.kinds[0])
            with tempfile.TemporaryDirectory(dir=private_folder()) as folder:
                source = unpack(files or (), Path(folder))
                report = auditing.audit(model, source, by=by or (), other=other)
                page = report.to_html(Path(folder) / "audit.html").read_bytes()
            return report.to_dict(), *self.answers.hand_out({"audit.html": page})

        return _in_a_sentence(run, language)

    def batch(
        self,
        files: list[str] | None,
        pictures: bool = True,
        every_frame: bool = True,
        accept: bool = False,
        language: str = "en",
        kind: str | None = None,
    ) -> _Answer:
        """Analyze many files, ZIP archives and loops: a row a picture, and all of it as a ZIP."""

        def run() -> _Answer:
            if not files:
                raise ArgumentError(
                    "api-no-files", "no file was given; the first parameter is a list of files"
                )
            with tempfile.TemporaryDirectory(dir=private_folder()) as folder:
                sources, out = move(files, Path(folder) / "in"), Path(folder) / "out"
                options = Options(
                    pictures=pictures, every_frame=every_frame, accept=accept, kind=kind
                )
                answer_all(self.models, sources, out, options=options)
                whole = pack(out, Path(folder) / "all.zip").read_bytes()
                rows = list(read_rows(out))
            return rows, *self.answers.hand_out({"all.zip": whole})

        return _in_a_sentence(run, language)

    def analyze(
        self,
        file: str | None,
        frame: int | None = None,
        mm_per_pixel: float | None = None,
        label: str | None = None,
        map: str = KINDS[0],
        scale: str = "absolute",
        opacity: float = 0.6,
        colour_map: str = "inferno",
        evidence: bool = False,
        language: str = "en",
        accept: bool = False,
        kind: str | None = None,
    ) -> _Answer:
        """Analyze a picture: numbers and words, then overlay, mask of the lesions, mask of the
        organ; no mask where its kind has none.

        With `evidence` it also tests what hiding the lesion does: two more passes of the network.
        """
        picture = Picture(file, frame, mm_per_pixel, accept, kind)

        def run() -> _Answer:
            a = self._read(picture)
            view = View(
                show=LAYERS[:-1] if map == "none" else LAYERS,
                opacity=opacity,
                label=a.label if label is None else label,
                kind=map,
                scale=scale,
                colour_map=colour_map,
            )
            return self._analysis(a, view, evidence=evidence)

        return _in_a_sentence(run, language)

    def explain(
        self,
        file: str | None,
        method: str = KINDS[0],
        label: str | None = None,
        against: str | None = None,
        frame: int | None = None,
        scale: str = "absolute",
        opacity: float = 0.6,
        language: str = "en",
        layer: str | None = None,
        seed: int = 0,
        check: bool = False,
        point: str | None = None,
        kind: str | None = None,
    ) -> _Answer:
        """One map by one method: what speaks for a label (rather than another).

        With `check` it is tested: its score. With a `point`, "row, column", why that place is
        outlined as lesion, or why not.
        """
        picture = Picture(file, frame, kind=kind)
        question = Question(method, label, against, layer, seed, check, point)

        def run() -> _Answer:
            a = self._read(picture)
            explanation = question.put(self.models, a)
            overlay = a.overlay_of(explanation, absolute=scale == "absolute", opacity=opacity)
            numbers = {**explanation.to_dict(), "accepted": a.accepted}
            return numbers, *self.answers.hand_out({"overlay.png": draw.png(overlay)})

        return _in_a_sentence(run, language)

    def _read(self, picture: Picture) -> Analysis:
        if picture.path is None:
            raise ArgumentError("api-no-file", "no file was given; the first parameter is a file")
        image = decode(
            take(picture.path),
            name=Path(picture.path).name,
            frame=picture.frame,
            mm_per_pixel=picture.spacing,
        )
        return self.models.analyze(image, kind=picture.kind, accept=picture.accept)

    def _analysis(self, a: Analysis, view: View, *, evidence: bool) -> _Answer:
        if evidence:
            a = a.with_evidence(self.models.evidence(a))
        files = files_of(a, ("overlay", "masks"), view.look(a))
        named = {ending.lstrip("_"): content for ending, content in files.items()}
        paths = dict(zip(named, self.answers.hand_out(named), strict=True))
        masks = {role: paths.get(f"{mask}.png") for role, mask in a.mask_names.items()}
        return a.to_dict(), paths["overlay.png"], *(masks.get(role) for role in _MASKS)


def _offer(
    button: gr.Button,
    endpoint: Callable[..., _Answer],
    parts: Iterable[Component],
    shown: Sequence[Component],
    lane: Lane,
) -> None:
    """Make an endpoint of a method, its inputs those of the parts that fill its parameters."""
    named = {str(part.label): part for part in parts}
    inputs = [named[name] for name in signature(endpoint).parameters]
    button.click(endpoint, inputs, shown, api_name=endpoint.__name__, **lane)


def _in_a_sentence(run: Callable[[], _Answer], language: str) -> _Answer:
    """What `run` returns, or a Gradio error that is one sentence."""
    try:
        return run()
    except HccXaiError as error:
        raise gr.Error(errors.say(error, language), print_exception=False) from None
    except FileNotFoundError:  # an upload is read once
        raise gr.Error(texts.text("upload-failed", language), print_exception=False) from None
    except Exception:  # the page's boundary: whatever it was, programs get a sentence, too
        _log.exception("a request failed")
        raise gr.Error(texts.text("failed", language), print_exception=False) from None
