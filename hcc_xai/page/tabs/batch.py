"""The tab "Batch": many files at once, seen in a grid or one by one, and all of it to take home."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import Any

import cv2
import gradio as gr
import numpy as np
from numpy.typing import NDArray

from hcc_xai.analysis.analyzer import Analysis, Analyzer
from hcc_xai.batch import run as batch
from hcc_xai.batch.sources import Item
from hcc_xai.batch.tables import ANSWERS, PARQUET, TABLE, Row, pack, read_rows
from hcc_xai.errors import HccXaiError
from hcc_xai.explain.methods import KINDS, METHODS, Explanation
from hcc_xai.imaging import draw
from hcc_xai.imaging.frame import Frame
from hcc_xai.language import words
from hcc_xai.model.network import MASKS
from hcc_xai.page import texts
from hcc_xai.page.labels import Labels
from hcc_xai.page.memory import Visitors, move, new_folder
from hcc_xai.page.progress import Slow, Tell, Updates, bar, say
from hcc_xai.page.service import BATCH, HIDDEN, REDRAW, SLOW
from hcc_xai.page.tabs.analyze import AnalyzeTab
from hcc_xai.page.tabs.view import LAYERS, View
from hcc_xai.page.texts import i18n, text

SHOWN = 200  # pictures in the grid; all are in the table and the ZIP
_SIDE = 480  # longer side of what the grid is drawn from, pixels
_VISITORS = 4  # whose pictures are remembered; the oldest go first
_PATIENCE = 0.5  # seconds between two looks at how far it is
_SORTS = ("file", "probability", "size", "sure")
_OTHERS = tuple(m for m in METHODS if m not in KINDS)  # methods that run the network again
_DOWNLOADS = {
    "zip": "all.zip",
    "csv": TABLE,
    "parquet": PARQUET,
    "jsonl": ANSWERS,
}


@dataclass
class _Kept:
    """One visitor's batch. folder: of all its files; small: the answers, on small pictures; heats:
    (index, method, label) -> what a method found that runs the network again, small."""

    folder: Path
    small: list[tuple[Item, Analysis]] = field(default_factory=list)
    shown: list[int] = field(default_factory=list)
    chosen: int | None = None
    turn: int = 0  # which change of the controls is the latest
    heats: dict[tuple[int, str, str], Explanation] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)  # no more files
    enough: threading.Event = field(default_factory=threading.Event)  # no more maps
    lock: threading.Lock = field(default_factory=threading.Lock)

    def halt(self) -> None:
        """What runs for this visitor ends; what is done stays."""
        self.stop.set()
        self.enough.set()

    def add(self, item: Item, answer: Analysis) -> None:
        if len(self.small) < SHOWN:
            made = shrink(answer)
            with self.lock:
                self.small.append((item, made))


class BatchTab:
    """Builds the tab within a `gr.Blocks`."""

    def __init__(
        self, analyzer: Analyzer, labels: Labels, language: gr.Radio, tab: AnalyzeTab, tabs: gr.Tabs
    ) -> None:
        self.analyzer, self.tab, self.tabs = analyzer, tab, tabs
        self.visitors = Visitors[_Kept](_VISITORS, close=_Kept.halt)
        self._pool, self.slow = ThreadPoolExecutor(1), Slow()
        with gr.Column(elem_id="batch-page"):
            labels.add(gr.HTML(_intro("en"), elem_id="batch-intro"), value=_intro)
            with gr.Row(elem_id="batch-intake"):
                files = self._upload(labels, "batch-files", "multiple")
                folder = self._upload(labels, "batch-folder", "directory")
                stop = gr.Button(i18n("explain-stop"), size="sm", elem_id="batch-stop")
                labels.add(stop, value="explain-stop")
            self.progress = gr.HTML("", elem_id="batch-progress")
            self._controls(labels)
            self.gallery = gr.Gallery(
                [],
                show_label=False,
                columns=4,
                object_fit="contain",
                height="auto",
                interactive=False,
                buttons=["fullscreen"],
                elem_id="batch-gallery",
            )
            with gr.Row(elem_id="batch-take"):
                go = gr.Button(
                    i18n("batch-open"), size="sm", interactive=False, elem_id="batch-open"
                )
                self.open = labels.add(go, value="batch-open")
                self.files = {
                    name: gr.DownloadButton(
                        name.upper(), size="sm", interactive=False, elem_id=f"batch-{name}"
                    )
                    for name in _DOWNLOADS
                }
            self.table = gr.HTML("", elem_id="batch-table")
        shown = [self.progress, self.gallery, self.table, self.open, *self.files.values()]
        given = [language, *self.controls]
        for button in (files, folder):
            button.upload(
                self.run,
                [button, *given],
                [button, *shown],
                show_progress="hidden",
                **HIDDEN,
                **BATCH,
            )
        stop.click(self.halt, None, None, show_progress="hidden", **HIDDEN, **REDRAW)
        gr.on(
            [control.input for control in self.controls],
            self.redraw,
            given,
            [self.progress, self.gallery, self.open],
            show_progress="hidden",
            trigger_mode="always_last",
            **HIDDEN,
            **REDRAW,
        )
        # One after the other, and none left out: what is opened is what was chosen last.
        in_turn: dict[str, Any] = {"concurrency_id": "chosen", "concurrency_limit": 1}
        self.gallery.select(
            self.choose,
            None,
            [self.open],
            show_progress="hidden",
            trigger_mode="multiple",
            **HIDDEN,
            **in_turn,
        )
        go.click(
            self.show,
            [language, tab.spacing, *tab.controls],
            [*tab.shown, tabs],
            show_progress="hidden",
            **HIDDEN,
            **in_turn,
        ).then(
            tab.test,
            [language],
            [tab.answer, tab.downloads["json"]],
            show_progress="hidden",
            **HIDDEN,
            **SLOW,
        )

    def _upload(self, labels: Labels, name: str, count: Any) -> Any:
        button = gr.UploadButton(
            i18n(name),
            file_count=count,
            type="filepath",
            size="sm",
            variant="primary" if count == "multiple" else "secondary",
            elem_id=name,
        )
        return labels.add(button, label=name)

    def _controls(self, labels: Labels) -> None:
        titles = self.analyzer.config.titles

        def classes(x: str) -> list[tuple[str, str]]:
            return [(text("the-answer", x), ""), *((titles[k][x], k) for k in titles)]

        def layers(x: str) -> list[tuple[str, str]]:
            return [(text(name, x), name) for name in LAYERS]

        def kinds(x: str) -> list[tuple[str, str]]:
            return [
                (text(k, x) if k == KINDS[1] else METHODS[k].title, k) for k in (*KINDS, *_OTHERS)
            ]

        def sorts(x: str) -> list[tuple[str, str]]:
            return [(text(f"sort-{name}", x), name) for name in _SORTS]

        def filters(x: str) -> list[tuple[str, str]]:
            bands = [(words.BANDS[band][x], band) for band in words.BANDS]
            more = [(text(f"only-{name}", x), name) for name in ("flagged", "lesion", "stopped")]
            return [(text("only-all", x), ""), *((titles[k][x], k) for k in titles), *bands, *more]

        def views(x: str) -> list[tuple[str, str]]:
            return [(text(f"view-{name}", x), name) for name in ("grid", "one")]

        def pick(name: str, choices: Callable[[str], list[tuple[str, str]]], value: str) -> Any:
            made = gr.Dropdown(
                choices("en"), value=value, label=i18n(name), filterable=False, elem_id=f"b-{name}"
            )
            return labels.add(made, label=name, choices=choices)

        with gr.Row(elem_id="batch-controls"):
            view = gr.Radio(views("en"), value="grid", label=i18n("view"), elem_id="b-view")
            labels.add(view, label="view", choices=views)
            sort, only = pick("sort", sorts, "file"), pick("only", filters, "")
            show = gr.CheckboxGroup(
                layers("en"), value=list(LAYERS), label=i18n("show"), elem_id="b-show"
            )
            labels.add(show, label="show", choices=layers)
            opacity = gr.Slider(0, 1, 0.6, step=0.05, label=i18n("opacity"), elem_id="b-opacity")
            labels.add(opacity, label="opacity")
            label, kind = pick("class", classes, ""), pick("map", kinds, KINDS[0])
            colours = gr.Dropdown(
                list(draw.COLOUR_MAPS),
                value="inferno",
                label=i18n("colours"),
                filterable=False,
                elem_id="b-colours",
            )
            labels.add(colours, label="colours")
        self.controls = [view, sort, only, show, opacity, label, kind, colours]

    # -- running ---------------------------------------------------------------------------------

    def run(
        self, request: gr.Request, paths: Sequence[str] | None, language: str, *view: Any
    ) -> Iterator[Updates]:
        """Files were chosen: answer them all, and show what there is."""
        session = str(request.session_hash)
        kept = _Kept(new_folder())
        self.visitors.put(session, kept)
        sources = move(paths or (), kept.folder / "in")
        out, latest = kept.folder / "out", batch.Progress()

        def tell(now: batch.Progress) -> None:
            nonlocal latest
            latest = replace(now)

        def work() -> batch.Progress:
            return batch.run(
                self.analyzer, sources, out, progress=tell, stop=kept.stop.is_set, keep=kept.add
            )

        empty: Updates = {self.gallery: [], self.table: "", self.open: gr.update(interactive=False)}
        yield empty | {button: gr.update(interactive=False) for button in self.files.values()}
        job = self._pool.submit(work)
        try:
            while True:
                try:
                    found = job.result(timeout=_PATIENCE)
                    break
                except NotYet:
                    share = latest.done / max(1, latest.files)
                    title = text("batch-going", language, done=latest.done, files=latest.files)
                    yield {self.progress: bar(title, share, latest.left, language)}
            pack(out, kept.folder / "all.zip")
        except HccXaiError as error:
            yield {self.progress: say(texts.error(str(error), language), bad=True)}
            return
        finally:  # the visitor may have gone
            kept.stop.set()
        rows = sorted(read_rows(out), key=lambda r: (r["file"], r["frame"]))
        said = text(
            "batch-done",
            language,
            rows=found.rows,
            files=found.files,
            failed=found.failed,
            stopped=found.stopped,
            seconds=f"{found.seconds:.0f}",
        )
        if found.done < found.files:
            said = f"{text('stopped-by-you', language)} {said}"
        if found.rows > SHOWN:
            said += f" {text('batch-most', language, shown=SHOWN)}"
        yield from self._explain(kept, language, *view)
        yield {
            self.progress: say(said),
            self.gallery: self._drawn(kept, language, *view),
            self.table: table(rows, self.analyzer.config.titles, language),
            **{
                button: gr.update(
                    value=str(kept.folder / ("" if name == "zip" else "out") / _DOWNLOADS[name]),
                    interactive=True,
                )
                for name, button in self.files.items()
            },
        }

    def leave(self, request: gr.Request) -> None:
        """The tab was closed: nothing of the visitor stays."""
        self.visitors.drop(str(request.session_hash))

    def halt(self, request: gr.Request) -> None:
        """Stop after the batch that is running; what is done stays."""
        kept = self.visitors.get(str(request.session_hash))
        if kept is not None:
            kept.halt()

    # -- looking ---------------------------------------------------------------------------------

    def redraw(self, request: gr.Request, language: str, *view: Any) -> Iterator[Updates]:
        """All pictures once more, drawn and ordered as the controls say."""
        kept = self.visitors.get(str(request.session_hash))
        if kept is None:
            yield {self.gallery: []}
            return
        kept.turn = turn = kept.turn + 1
        yield from self._explain(kept, language, *view)
        if turn != kept.turn:  # the controls say something else by now
            return
        yield {
            self.gallery: self._drawn(kept, language, *view),
            self.open: gr.update(interactive=False),
        }

    def _explain(self, kept: _Kept, language: str, *view: Any) -> Iterator[Updates]:
        """The maps that the controls ask for and that no answer holds, one picture after the other;
        those that were made before the visitor stopped it stay."""
        _, _, only, show, _, label, method, _ = view
        if method in KINDS or "heatmap" not in show:
            return
        kept.enough.clear()
        turn = kept.turn
        with kept.lock:
            everything = list(kept.small)
        wanted = [
            (i, a, label or a.label)
            for i, (_, a) in enumerate(everything)
            if a.accepted and _wanted(a, only)
        ]
        todo = [one for one in wanted if (one[0], method, one[2]) not in kept.heats]
        if not todo:
            return

        def work(tell: Tell) -> None:
            for number, (index, a, name) in enumerate(todo):
                if kept.enough.is_set() or turn != kept.turn:
                    return
                found = self.analyzer.explain(replace(a), method, label=name)
                kept.heats[index, method, name] = _small(found)
                tell((number + 1) / len(todo))

        yield from self.slow.wait(work, METHODS[method].title, language, self.progress)
        if turn != kept.turn:
            return
        missing = sum((i, method, name) not in kept.heats for i, _, name in wanted)
        said = text("batch-without", language, count=missing) if missing else ""
        yield {self.progress: say(said) if said else ""}

    def _drawn(
        self,
        kept: _Kept,
        language: str,
        view: str,
        sort: str,
        only: str,
        show: Sequence[str],
        opacity: float,
        label: str,
        kind: str,
        colours: str,
    ) -> Any:
        with kept.lock:
            everything = list(kept.small)
        order = [i for i, (_, a) in enumerate(everything) if _wanted(a, only)]
        order.sort(key=lambda i: _rank(everything[i], sort, self.analyzer.config.malignant))
        kept.shown, kept.chosen = order, None
        folder = kept.folder / "drawn"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        stamp = time.time_ns()  # a new address, or the browser shows the old picture
        value = []
        for place, index in enumerate(order):
            item, small = everything[index]
            a = replace(small)  # whatever it works out to be drawn goes with it
            name, masks = label or a.label, [layer for layer in show if layer in MASKS]
            heat = kept.heats.get((index, kind, name)) if "heatmap" in show else None
            if not a.accepted:
                picture = a.overlay(kind=None, show=())
            elif heat is not None:
                heat = _large(heat, a.sector)
                picture = a.overlay_of(heat, opacity=opacity, colour_map=colours, show=masks)
            else:
                layers = show if kind in KINDS else masks
                picture = View(layers, opacity, name, kind, "absolute", colours).draw(a)
            path = folder / f"{stamp}_{place}.jpg"
            cv2.imwrite(str(path), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
            value.append((str(path), _caption(item.name, a, language)))
        one = view == "one" and bool(value)
        return gr.update(value=value, preview=one, selected_index=0 if one else None)

    def choose(self, request: gr.Request, event: gr.SelectData) -> Updates:
        """A picture of the grid was clicked."""
        kept = self.visitors.get(str(request.session_hash))
        if kept is None or not 0 <= int(event.index) < len(kept.shown):
            return {self.open: gr.update(interactive=False)}
        kept.chosen = kept.shown[int(event.index)]
        return {self.open: gr.update(interactive=True)}

    def show(self, request: gr.Request, language: str, spacing: str, *view: Any) -> Updates:
        """The chosen picture on the tab "Analyze", from its own file."""
        kept = self.visitors.get(str(request.session_hash))
        if kept is None or kept.chosen is None:
            return {}
        item, small = kept.small[kept.chosen]
        frame = small.image.frame if small.image.frames > 1 else None
        answered = self.tab.read_bytes(
            request,
            item.read(),
            Path(item.name).name,
            frame,
            language,
            spacing,
            *view,
        )
        return {**answered, self.tabs: gr.Tabs(selected="analyze")}


def shrink(answer: Analysis) -> Analysis:
    """The same answer on a small picture, in a fortieth of the memory; nothing of it is measured
    any more, only drawn."""
    scale = min(1.0, _SIDE / max(answer.image.shape))
    size = tuple(max(8, round(n * scale)) for n in answer.image.shape[::-1])
    pixels = cv2.resize(answer.image.pixels, size, interpolation=cv2.INTER_AREA)
    sector = cv2.resize(answer.sector.astype(np.uint8), size, interpolation=cv2.INTER_AREA) > 0
    grey = pixels.mean(2, dtype=np.float32) / 255
    image = replace(answer.image, pixels=pixels, grey=grey, regions=())
    return replace(
        answer,
        image=image,
        frame=Frame.around(sector, size=answer.frame.size),
        _mask_logits=answer._mask_logits.astype(np.float16),
        _maps={kind: grid.astype(np.float16) for kind, grid in answer._maps.items()},
        _pooled=None,
        _hide=None,
    )


def _small(found: Explanation) -> Explanation:
    """An explanation in a thirtieth of the memory, to be drawn: on a scale of its own, as single
    pixels are not as strong as they were."""
    resized = cv2.resize(found.map, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    small = np.asarray(resized, np.float32)
    scale = draw.own_scale(small)
    return replace(found, map=(small / scale).astype(np.float16), scale=1.0)


def _large(found: Explanation, sector: NDArray[np.bool_]) -> Explanation:
    values = cv2.resize(found.map.astype(np.float32), sector.shape[::-1])
    return replace(found, map=np.where(sector, values, 0).astype(np.float32))


def _wanted(a: Analysis, only: str) -> bool:
    if only == "stopped":
        return not a.accepted
    if only == "flagged":
        return any(flag.severity != "info" for flag in a._flags) or not a.accepted
    if only == "lesion":
        return a.accepted and bool(replace(a).lesions)
    return not only or a.accepted and only in (a.label, a.band())


def _rank(one: tuple[Item, Analysis], sort: str, malignant: str | None) -> tuple[Any, ...]:
    item, a = one
    first: Any = 0
    if sort == "probability":
        first = -a.probabilities[malignant or a.label]
    elif sort == "size":
        first = -max((x.area_px / a.sector.sum() for x in replace(a).lesions), default=0)
    elif sort == "sure":
        first = a.probabilities[a.label]
    return (first, item.name, a.image.frame)


def _caption(name: str, a: Analysis, language: str) -> str:
    if a.image.frames > 1:
        name = f"{name} [{a.image.frame + 1}]"
    if a.accepted:
        return f"{name}: {a.headline(language)}"
    reason = next((f.message[language] for f in a._flags if f.severity == "stop"), "")
    return f"{name}: {reason}"


def table(rows: Sequence[Row], titles: Any, language: str) -> str:
    """A row a picture, or a file that could not be read; at most a thousand on the page."""
    lines = []
    for row in rows[:1000]:
        name = escape(row["file"])
        if "error" in row:
            said = escape(texts.error(row["error"], language))
            lines.append(_bad(name, said))
            continue
        if row["frames"] > 1:
            name += f" [{row['frame'] + 1}]"
        flags = [f for f in row["flags"] if f["severity"] != "info"]
        more = escape(" ".join(f["message"][language] for f in flags))
        if not row["accepted"]:
            lines.append(_bad(name, more))
            continue
        band = row["band"]
        dot = f'<i class="dot" style="background:{draw.BAND_COLOURS[band]}"></i>'
        chance = words.number(row["probabilities"][row["label"]], language)
        title = escape(titles[row["label"]][language])
        lines.append(
            f'<tr><th scope="row">{name}</th><td>{title}</td>'
            f"<td>{dot} {words.BANDS[band][language]} {chance}</td>"
            f"<td>{len(row['lesions'])}</td><td>{more}</td></tr>"
        )
    keys = ("col-file", "col-answer", "confidence", "lesions", "note")
    head = "".join(f"<th scope='col'>{text(key, language)}</th>" for key in keys)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _bad(name: str, said: str) -> str:
    return f'<tr class="bad"><th scope="row">{name}</th><td colspan="4">{said}</td></tr>'


def _intro(language: str) -> str:
    return f"<p>{text('batch-intro', language)}</p>"
