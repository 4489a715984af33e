"""The tab "Batch": many files at once, seen in a grid or one by one, and all of it to take home."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import gradio as gr
import numpy as np

from hcc_xai.analysis.models import Answerer
from hcc_xai.analysis.result import Analysis
from hcc_xai.batch.run import Progress
from hcc_xai.batch.run import run as answer_all
from hcc_xai.batch.sources import Item
from hcc_xai.batch.tables import pack, read_rows
from hcc_xai.errors import HccXaiError
from hcc_xai.explain.methods import METHODS, Explanation
from hcc_xai.imaging.frame import Frame
from hcc_xai.language import errors
from hcc_xai.page.gradio_settings import BATCH, CHOSEN, LATEST, QUIET, REDRAW
from hcc_xai.page.labels import Labels
from hcc_xai.page.memory import Visitors, move, new_folder
from hcc_xai.page.progress import Slow, Tell, Updates, bar, line
from hcc_xai.page.tabs.analyze_shown import Opener
from hcc_xai.page.tabs.batch_layout import DOWNLOADS, BatchLayout, GridView
from hcc_xai.page.tabs.batch_picture import picture, small_map
from hcc_xai.page.tabs.batch_table import Titles, summary, table
from hcc_xai.page.texts import text

SHOWN = 200  # pictures in the grid; all are in the table and the ZIP
_SIDE = 480  # longer side of what the grid is drawn from, pixels
_VISITORS = 4  # whose pictures are remembered; the oldest go first
_PATIENCE = 0.5  # seconds between two looks at how far it is


@dataclass
class _Kept:
    """One visitor's batch.

    Attributes:
        folder: of all its files.
        small: the answers, on small pictures.
        warned: indices of `small` whose answers raise a warning; told by the whole picture.
        shown: indices of `small` that are in the grid, in its order.
        chosen: the index of `small` that was clicked.
        turn: which change of the controls is the latest.
        heats: (index, method, label) -> a map that took another run of the network, small.
        stop: no more files.
        enough: no more maps.
        lock: of `small`.
    """

    folder: Path
    small: list[tuple[Item, Analysis]] = field(default_factory=list)
    warned: set[int] = field(default_factory=set)
    shown: list[int] = field(default_factory=list)
    chosen: int | None = None
    turn: int = 0
    heats: dict[tuple[int, str, str], Explanation] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)
    enough: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def halt(self) -> None:
        """What runs for this visitor ends; what is done stays."""
        self.stop.set()
        self.enough.set()

    def add(self, item: Item, answer: Analysis) -> None:
        if len(self.small) < SHOWN:
            small = shrink(answer)
            warned = any(flag.severity != "info" for flag in answer.flags)
            with self.lock:
                if warned:
                    self.warned.add(len(self.small))
                self.small.append((item, small))

    def wanted(self, index: int, only: str) -> bool:
        """Whether a picture is among those that are shown: see `GridView.only`."""
        a = self.small[index][1]
        if only == "stopped":
            return not a.accepted
        if only == "flagged":
            return index in self.warned
        if only == "lesion":
            return a.accepted and bool(a.forget().lesions)
        return not only or a.accepted and only in (a.label, a.band(), a.kind)


class BatchTab(BatchLayout):
    """Builds the tab within a `gr.Blocks`; its methods are the events."""

    def __init__(
        self, models: Answerer, labels: Labels, language: gr.Radio, opener: Opener, tabs: gr.Tabs
    ) -> None:
        super().__init__(models, labels)
        self.opener, self.tabs = opener, tabs
        self.visitors = Visitors[_Kept](_VISITORS, close=_Kept.halt)
        self._pool, self.slow = ThreadPoolExecutor(1), Slow()
        shown = [self.progress, self.gallery, self.table, self.open, *self.files.values()]
        inputs = [language, *self.controls]
        for button in (self.choose_files, self.choose_folder):
            button.upload(self.run, [button, *inputs], [button, *shown], **QUIET, **BATCH)
        self.stop.click(self.halt, None, None, **QUIET, **REDRAW)
        gr.on(
            [control.input for control in self.controls],
            self.redraw,
            inputs,
            [self.progress, self.gallery, self.open],
            **LATEST,
            **REDRAW,
        )
        # One after the other, and none left out: what is opened is what was chosen last.
        self.gallery.select(
            self.choose, None, [self.open], trigger_mode="multiple", **QUIET, **CHOSEN
        )
        opened = self.open.click(
            self.show, [language, *opener.inputs], [*opener.shown, tabs], **QUIET, **CHOSEN
        )
        opener.then_test(opened)

    # -- running ---------------------------------------------------------------------------------

    def run(
        self, request: gr.Request, paths: Sequence[str] | None, language: str, *controls: Any
    ) -> Iterator[Updates]:
        """Files were chosen: answer them all, and show what there is."""
        session, view = str(request.session_hash), GridView.from_values(*controls)
        kept = _Kept(new_folder())
        self.visitors.put(session, kept)
        sources = move(paths or (), kept.folder / "in")
        out, latest = kept.folder / "out", Progress()

        def tell(now: Progress) -> None:
            nonlocal latest
            latest = replace(now)

        def work() -> Progress:
            return answer_all(
                self.models, sources, out, progress=tell, stop=kept.stop.is_set, keep=kept.add
            )

        empty: Updates = {self.gallery: [], self.table: "", self.open: gr.update(interactive=False)}
        yield empty | {button: gr.update(interactive=False) for button in self.files.values()}
        job = self._pool.submit(work)
        try:
            while True:
                try:
                    total = job.result(timeout=_PATIENCE)
                    break
                except NotYet:
                    share = latest.done / max(1, latest.files)
                    title = text("batch-going", language, done=latest.done, files=latest.files)
                    yield {self.progress: bar(title, share, latest.left, language)}
            pack(out, kept.folder / "all.zip")
        except HccXaiError as error:
            yield {self.progress: line(errors.say(error, language), bad=True)}
            return
        finally:  # the visitor may have gone
            kept.stop.set()
        rows = sorted(read_rows(out), key=lambda r: (r["file"], r["frame"]))
        yield from self._explain(kept, language, view)
        yield {
            self.progress: line(summary(total, language, most=SHOWN)),
            self.gallery: self._drawn(kept, language, view),
            self.table: table(rows, self._titles_of, self.models.kinds, language),
            **{
                button: gr.update(
                    value=str(kept.folder / ("" if name == "zip" else "out") / DOWNLOADS[name]),
                    interactive=True,
                )
                for name, button in self.files.items()
            },
        }

    def _titles_of(self, kind: str) -> Titles:
        return self.models.of(kind).config.titles

    def leave(self, request: gr.Request) -> None:
        """The tab was closed: nothing of the visitor stays."""
        self.visitors.drop(str(request.session_hash))

    def halt(self, request: gr.Request) -> None:
        """Stop after the batch that is running; what is done stays."""
        kept = self.visitors.get(str(request.session_hash))
        if kept is not None:
            kept.halt()

    # -- looking ---------------------------------------------------------------------------------

    def redraw(self, request: gr.Request, language: str, *controls: Any) -> Iterator[Updates]:
        """All pictures once more, drawn and ordered as the controls say."""
        kept, view = self.visitors.get(str(request.session_hash)), GridView.from_values(*controls)
        if kept is None:
            yield {self.gallery: []}
            return
        kept.turn = turn = kept.turn + 1
        yield from self._explain(kept, language, view)
        if turn != kept.turn:  # the controls say something else by now
            return
        yield {
            self.gallery: self._drawn(kept, language, view),
            self.open: gr.update(interactive=False),
        }

    def _explain(self, kept: _Kept, language: str, view: GridView) -> Iterator[Updates]:
        """The maps that the controls ask for and that no answer holds, one picture after the other;
        those that were made before the visitor stopped it stay."""
        if not view.asked:
            return
        method, turn = view.method, kept.turn
        kept.enough.clear()
        with kept.lock:
            everything = list(kept.small)
        wanted = [
            (i, a, view.label_of(a))
            for i, (_, a) in enumerate(everything)
            if a.accepted and kept.wanted(i, view.only)
        ]
        todo = [one for one in wanted if (one[0], method, one[2]) not in kept.heats]
        if not todo:
            return

        def work(tell: Tell) -> None:
            for number, (index, a, label) in enumerate(todo):
                if kept.enough.is_set() or turn != kept.turn:
                    return
                explanation = self.models.explain(a.forget(), method, label=label)
                kept.heats[index, method, label] = small_map(explanation)
                tell((number + 1) / len(todo))

        yield from self.slow.wait(work, METHODS[method].title, language, self.progress)
        if turn != kept.turn:
            return
        missing = sum((i, method, label) not in kept.heats for i, _, label in wanted)
        without = line(text("batch-without", language, count=missing)) if missing else ""
        yield {self.progress: without}

    def _drawn(self, kept: _Kept, language: str, view: GridView) -> object:
        """What to show in the gallery: files drawn anew, each with its caption."""
        with kept.lock:
            everything = list(kept.small)
        order = [i for i in range(len(everything)) if kept.wanted(i, view.only)]
        order.sort(key=lambda i: _rank(everything[i], view.sort))
        kept.shown, kept.chosen = order, None
        folder = kept.folder / "drawn"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        stamp = time.time_ns()  # a new address, or the browser shows the old picture
        value = []
        for place, index in enumerate(order):
            item, small = everything[index]
            a = small.forget()  # whatever it works out to be drawn goes with it
            heat = kept.heats.get((index, view.method, view.label_of(a)))
            path = folder / f"{stamp}_{place}.jpg"
            drawn = picture(a, view, heat)
            cv2.imwrite(str(path), drawn[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
            value.append((str(path), _caption(item.name, a, language)))
        one = view.layout == "one" and bool(value)
        return gr.update(value=value, preview=one, selected_index=0 if one else None)

    def choose(self, request: gr.Request, event: gr.SelectData) -> Updates:
        """A picture of the grid was clicked."""
        kept = self.visitors.get(str(request.session_hash))
        if kept is None or not 0 <= int(event.index) < len(kept.shown):
            return {self.open: gr.update(interactive=False)}
        kept.chosen = kept.shown[int(event.index)]
        return {self.open: gr.update(interactive=True)}

    def show(self, request: gr.Request, language: str, *inputs: Any) -> Updates:
        """The chosen picture on the tab "Analyze", from its own file."""
        kept = self.visitors.get(str(request.session_hash))
        if kept is None or kept.chosen is None:
            return {}
        item, small = kept.small[kept.chosen]
        frame = small.image.frame if small.image.frames > 1 else None
        answered = self.opener.read_bytes(
            request, item.read(), Path(item.name).name, frame, language, *inputs
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
        mask_logits=answer.mask_logits.astype(np.float16),
        maps={kind: grid.astype(np.float16) for kind, grid in answer.maps.items()},
        pooled=None,
    )


def _rank(one: tuple[Item, Analysis], sort: str) -> tuple[Any, ...]:
    item, a = one
    first: Any = 0
    if sort == "probability":
        first = -a.probabilities[a.config.positive or a.label]
    elif sort == "size":
        first = -max((x.area_px / a.sector.sum() for x in a.forget().lesions), default=0)
    elif sort == "sure":
        first = a.probabilities[a.label]
    return (first, item.name, a.image.frame)


def _caption(name: str, a: Analysis, language: str) -> str:
    if a.image.frames > 1:
        name = f"{name} [{a.image.frame + 1}]"
    if a.accepted:
        return f"{name}: {a.headline(language)}"
    reason = next((f.message[language] for f in a.raised if f.severity == "stop"), "")
    return f"{name}: {reason}"
