"""The endpoints for programs: inputs -> the Python API -> draw."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from hcc_xai.analysis.analyzer import Analysis, Analyzer
from hcc_xai.auditing import audit as auditing
from hcc_xai.batch.run import Options
from hcc_xai.batch.run import run as answer_all
from hcc_xai.batch.tables import pack, read_rows
from hcc_xai.errors import ArgumentError, HccXaiError, unknown
from hcc_xai.explain.methods import KINDS, METHODS, Explanation
from hcc_xai.imaging import draw
from hcc_xai.imaging.read import decode
from hcc_xai.page import texts
from hcc_xai.page.memory import Answers, move, private_folder, take
from hcc_xai.page.service import BATCH, MODEL, SLOW
from hcc_xai.page.tabs.audit import unpack

_MASKS = ("lesion", "liver")
_log = logging.getLogger(__name__)


class Endpoints:
    """Adds the endpoints to a `gr.Blocks`; components that are never shown say what goes in and
    out.

    Gradio's clients take a parameter as optional where its component has a value, or where it has
    none and the function's default is None.
    """

    def __init__(
        self, analyzer: Analyzer, answers: Answers, rivals: Mapping[str, str] | None = None
    ) -> None:
        self.analyzer, self.answers, self.rivals = analyzer, answers, rivals or {}
        labels = list(analyzer.config.network.labels)
        with gr.Row(visible=False):
            file = gr.File(label="file", type="filepath")
            frame = gr.Number(None, label="frame", precision=0)
            spacing = gr.Number(None, label="mm_per_pixel")
            label = gr.Dropdown(labels, value=None, label="label")
            against = gr.Dropdown(labels, value=None, label="against")
            kind = gr.Dropdown([*KINDS, "none"], value=KINDS[0], label="map")
            scale = gr.Dropdown(["absolute", "own"], value="absolute", label="scale")
            opacity = gr.Number(0.6, label="opacity")
            colours = gr.Dropdown(list(draw.COLOUR_MAPS), value="inferno", label="colour_map")
            evidence = gr.Checkbox(False, label="evidence")
            accept = gr.Checkbox(False, label="accept")
            language = gr.Dropdown(list(texts.NAMES), value="en", label="language")
            method = gr.Dropdown(list(METHODS), value=KINDS[0], label="method")
            layer = gr.Dropdown(list(analyzer.layers), value=None, label="layer")
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
        given = [file, frame, spacing, label, kind, scale, opacity, colours, evidence, language]
        given.append(accept)
        analyze.click(self.analyze, given, [numbers, *pictures], api_name="analyze", **MODEL)
        given = [file, method, label, against, frame, scale, opacity, language, layer, seed]
        given += [check, point]
        explain.click(self.explain, given, [numbers, pictures[0]], api_name="explain", **SLOW)

        given = [files, draws, every, accept, language]
        batch.click(self.batch, given, [numbers, archive], api_name="batch", **BATCH)

        given = [files, by, language, rival]
        audit.click(self.audit, given, [numbers, archive], api_name="audit", **BATCH)

    def audit(
        self,
        files: list[str] | None,
        by: list[str] | None = None,
        language: str = "en",
        against: str | None = None,
    ) -> tuple[Any, ...]:
        """Audit the model on images and a table (CSV), or a ZIP of both: numbers and document;
        against another bundle, of those that the page offers."""

        def run() -> tuple[Any, ...]:
            if against and against not in self.rivals:
                raise unknown("bundle", against, list(self.rivals))
            other = self.rivals[against] if against else None
            with tempfile.TemporaryDirectory(dir=private_folder()) as folder:
                source = unpack(files or (), Path(folder))
                found = auditing.audit(self.analyzer, source, by=by or (), other=other)
                page = found.to_html(Path(folder) / "audit.html").read_bytes()
            return found.to_dict(), *self.answers.hand_out({"audit.html": page})

        return _in_a_sentence(run, language)

    def batch(
        self,
        files: list[str] | None,
        pictures: bool = True,
        every_frame: bool = True,
        accept: bool = False,
        language: str = "en",
    ) -> tuple[Any, ...]:
        """Analyze many files, ZIP archives and loops: a row a picture, and all of it as a ZIP."""

        def run() -> tuple[Any, ...]:
            if not files:
                raise ArgumentError("no file was given; the first parameter is a list of files")
            with tempfile.TemporaryDirectory(dir=private_folder()) as folder:
                sources, out = move(files, Path(folder) / "in"), Path(folder) / "out"
                options = Options(pictures=pictures, every_frame=every_frame, accept=accept)
                answer_all(self.analyzer, sources, out, options=options)
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
    ) -> tuple[Any, ...]:
        """Analyze a liver ultrasound: numbers and words, then overlay, lesion mask, liver mask.

        With `evidence` it also tests what hiding the lesion does: two more passes of the network.
        """

        def run() -> tuple[Any, ...]:
            a = self._read(file, frame, mm_per_pixel, accept=accept)
            if evidence:
                a.evidence  # noqa: B018  (filled in when asked for; `to_dict` shows it)
            overlay = a.overlay(
                label=label,
                kind=None if map == "none" else map,
                absolute=scale == "absolute",
                opacity=opacity,
                colour_map=colour_map,
            )
            files = {"overlay.png": draw.png(overlay)}
            files |= {f"{name}.png": draw.png(a.masks[name]) for name in _MASKS}
            return a.to_dict(), *self.answers.hand_out(files)

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
    ) -> tuple[Any, ...]:
        """One map by one method: what speaks for a label (rather than another).

        With `check` it is tested: its score. With a `point`, "row, column", why that place is
        outlined as lesion, or why not.
        """

        def run() -> tuple[Any, ...]:
            a = self._read(file, frame, None, accept=False)
            found: Explanation
            if point:
                found = self.analyzer.explain_outline(a, place_of(point), layer=layer)
            else:
                found = self.analyzer.explain(
                    a, method, label=label, against=against, layer=layer, seed=seed, check=check
                )
            picture = a.overlay_of(found, absolute=scale == "absolute", opacity=opacity)
            told = {**found.to_dict(), "accepted": a.accepted}
            return told, *self.answers.hand_out({"overlay.png": draw.png(picture)})

        return _in_a_sentence(run, language)

    def _read(
        self, file: str | None, frame: int | None, spacing: float | None, *, accept: bool
    ) -> Analysis:
        if file is None:
            raise ArgumentError("no file was given; the first parameter is a file")
        name = Path(file).name
        image = decode(take(file), name=name, frame=frame, mm_per_pixel=spacing)
        return self.analyzer.analyze(image, accept=accept)


def place_of(typed: str) -> tuple[int, int]:
    """Row and column of "row, column".

    Raises:
        ArgumentError: it is no place.
    """
    try:
        row, col = (int(part) for part in typed.replace(";", ",").split(","))
    except ValueError:
        raise ArgumentError(f"{typed!r} is no place; write row and column, like 120, 200") from None
    return row, col


def _in_a_sentence(run: Callable[[], tuple[Any, ...]], language: str) -> tuple[Any, ...]:
    try:
        return run()
    except HccXaiError as error:
        raise gr.Error(texts.error(str(error), language), print_exception=False) from None
    except FileNotFoundError:  # an upload is read once
        raise gr.Error(texts.text("upload-failed", language), print_exception=False) from None
    except Exception:  # the page's boundary: whatever it was, programs get a sentence, too
        _log.exception("a request failed")
        raise gr.Error(texts.text("failed", language), print_exception=False) from None
