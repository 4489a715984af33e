"""The one call that most people need: `load(...).analyze(...)`. One forward, one frozen result."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hcc_xai.analysis.challenges import Challenge, changes, in_steps
from hcc_xai.analysis.result import Analysis, Evidence, Flag
from hcc_xai.errors import ArgumentError, BundleError, unknown
from hcc_xai.explain.attribution import SHARED, Task, layers, outline_layer
from hcc_xai.explain.change_of_mind import ChangeOfMind, change_of_mind
from hcc_xai.explain.faithfulness import RANDOM, Faithfulness, check
from hcc_xai.explain.methods import (
    KINDS,
    Explanation,
    OutlineExplanation,
    immediate,
    method_named,
    no_outline,
    outline,
)
from hcc_xai.findings.outlines import Outlines
from hcc_xai.imaging.draw import own_scale
from hcc_xai.imaging.frame import Frame, find_sector
from hcc_xai.imaging.painting import hidden_and_elsewhere
from hcc_xai.imaging.read import Image, Source, Spacing, read
from hcc_xai.language import words
from hcc_xai.model.bundle import Bundle, BundleConfig, default_model, load_bundle
from hcc_xai.model.calibration import Calibration
from hcc_xai.model.gate import Gate
from hcc_xai.model.neighbours import FILE as NEAR
from hcc_xai.model.neighbours import Neighbours
from hcc_xai.model.network import STRIDE, Network, sector_of
from hcc_xai.model.second_opinion import FILE as WORDS
from hcc_xai.model.second_opinion import GlassBox
from hcc_xai.stats import softmax

__all__ = ["Analysis", "Analyzer", "Evidence", "Flag", "load", "pick_device", "with_spacing"]

_BATCH = 8  # pictures of a pass; more at once take memory and no less time
_PAIR = 2  # of them, on a CPU


def pick_device() -> torch.device:
    """CUDA where there is one, else Apple's MPS, else the CPU: the only place where this is
    chosen."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


class Analyzer:
    """A loaded bundle that answers. Holds nothing between calls, so threads can share it.

    Trunk and decoder run in float16 on CUDA and in float32 elsewhere; probabilities differ by less
    than 0.01 between the two (tested; in bf16 it was up to 0.04).
    """

    def __init__(self, bundle: Bundle, *, device: str | torch.device | None = None) -> None:
        self.bundle = bundle
        self.device = torch.device(device) if device else pick_device()
        self.network = bundle.network().to(self.device).to(memory_format=torch.channels_last)
        with torch.inference_mode():
            self._weight, self._bias = self.network.grade_weights()
        self._calibration = _calibration(bundle)
        gate = bundle.extras.get("gate.safetensors")
        self._gate = Gate.load(gate) if gate else None
        words_of, near = bundle.extras.get(WORDS), bundle.extras.get(NEAR)
        self._glass_box = GlassBox.load(words_of) if words_of else None
        self._neighbours = Neighbours.load(near) if near else None
        flags = []
        if self._gate is None:
            flags.append(Flag("kind-unchecked", "info", words.both("kind-unchecked")))
        if self._calibration is None:
            flags.insert(0, Flag("uncalibrated", "info", words.both("uncalibrated")))
        flags += [Flag("stale", "warning", words.both("stale", file=name)) for name in bundle.stale]
        self._flags = tuple(flags)

    @property
    def config(self) -> BundleConfig:
        return self.bundle.config

    @property
    def name(self) -> str:
        """Name and revision of the bundle, as answers carry it."""
        return f"{self.config.name}@{self.bundle.revision}"

    @overload
    def analyze(
        self,
        source: list[Source],
        *,
        frame: int | None = ...,
        mm_per_pixel: Spacing = ...,
        accept: bool = ...,
    ) -> tuple[Analysis, ...]: ...

    @overload
    def analyze(
        self,
        source: Source,
        *,
        frame: int | None = ...,
        mm_per_pixel: Spacing = ...,
        accept: bool = ...,
    ) -> Analysis: ...

    def analyze(
        self,
        source: Source | list[Source],
        *,
        frame: int | None = None,
        mm_per_pixel: Spacing = None,
        accept: bool = False,
    ) -> Analysis | tuple[Analysis, ...]:
        """Masks, grades and maps of a picture, from one forward.

        Args:
            source: a path, an (H, W) or (H, W, 3) array, an `Image`; or a list of them, which is
            one batch.
            frame: of a file with several; the middle one by default.
            mm_per_pixel: where the user knows it; wins over the file's.
            accept: let a picture through that the gate stops (its answer stays marked).

        Returns:
            An `Analysis`; a tuple of them, in order, for a list.

        Raises:
            ImageError: a file cannot be read. SpacingError: the spacing makes no sense.
        """
        if isinstance(source, list):
            images = [read(s, frame=frame, mm_per_pixel=mm_per_pixel) for s in source]
            return self._answer(images, accept=accept) if images else ()
        image = read(source, frame=frame, mm_per_pixel=mm_per_pixel)
        return self._answer([image], accept=accept)[0]

    def prepare(self, image: Image) -> tuple[Frame, NDArray[np.float32]]:
        """Where a picture was scanned, and what the network sees of it, (S, S); see `answer`."""
        frame = Frame.around(find_sector(image.pixels), size=self.config.network.size)
        return frame, frame.to_network(image.grey)

    def _answer(self, images: Sequence[Image], *, accept: bool) -> tuple[Analysis, ...]:
        start = time.perf_counter()
        frames, inputs = zip(*(self.prepare(image) for image in images), strict=True)
        return self.answer(images, frames, inputs, accept=accept, start=start)

    def answer(
        self,
        images: Sequence[Image],
        frames: Sequence[Frame],
        inputs: Sequence[NDArray[np.float32]],
        *,
        accept: bool = False,
        start: float | None = None,
    ) -> tuple[Analysis, ...]:
        """As `analyze`, of pictures that were prepared (on other threads, say): one forward.

        Args:
            frames, inputs: of each, as `prepare` gives them. start: of the time that answers
            carry (`time.perf_counter`); now by default.
        """
        start = time.perf_counter() if start is None else start
        raw = self.forward(np.stack(inputs))
        seconds = (time.perf_counter() - start) / len(images)
        labels = self.config.network.labels
        stops = self._stops(raw["summary"])
        answers = []
        for index, (image, frame) in enumerate(zip(images, frames, strict=True)):
            logits = raw["logits"][index].astype(np.float64)
            chances = self._chances(logits).tolist()
            fitted = self._calibration
            answers.append(
                Analysis(
                    image,
                    frame,
                    self.config,
                    dict(zip(labels, chances, strict=True)),
                    dict(zip(labels, logits.tolist(), strict=True)),
                    self.name,
                    seconds,
                    accepted=not stops[index],
                    calibrated=fitted is not None,
                    prediction_set=fitted.prediction_set(chances) if fitted else (),
                    outlines=fitted.outlines if fitted else Outlines(),
                    _flags=(*stops[index], *self._flags),
                    _mask_logits=raw["masks"][index],
                    _maps={kind: raw[kind][index] for kind in KINDS},
                    _pooled=raw["pooled"][index],
                    _glass_box=self._glass_box,
                    _neighbours=self._neighbours,
                    _hide=self.hide,
                )
            )
        return tuple(let_through(a) if accept and not a.accepted else a for a in answers)

    def _stops(self, summaries: NDArray[np.float32]) -> list[tuple[Flag, ...]]:
        """What the gate says of each picture: nothing, or one flag."""
        if self._gate is None:
            return [()] * len(summaries)
        return [
            () if verdict.accepted else (Flag("stopped", "stop", words.stopped(verdict.kind)),)
            for verdict in self._gate.judge(summaries)
        ]

    def _chances(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities, calibrated where the bundle holds a calibration. (..., K) -> (..., K)."""
        return self._calibration.probabilities(logits) if self._calibration else softmax(logits)

    def forward(self, inputs: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """One pass: (B, S, S) as `Frame.to_network` makes them -> logits (B, K), masks (B, 2, h,
        w), the maps "grad-cam++" and "contribution" (B, K, h, w), the trunk's summary (B, D) and
        what the grades read, pooled (B, 2, C), all float32 on the CPU. A CPU gets pairs: what
        they need stays in memory that is used again, where eight ask for new pages each time."""
        step = _PAIR if self.device.type == "cpu" else len(inputs)
        parts = [self._forward(inputs[i : i + step]) for i in range(0, len(inputs), step)]
        if len(parts) == 1:
            return parts[0]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _forward(self, inputs: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        with torch.inference_mode():
            x = torch.from_numpy(inputs)[:, None].to(self.device)
            shared, summary = self._features(x, half=x.device.type == "cuda")
            out = self.network.heads(shared, sector_of(x))
            maps = immediate(shared, out.pools, self._weight)
            found = {
                "logits": out.logits,
                "masks": out.masks,
                "grad-cam++": maps.grad_cam_pp,
                "contribution": maps.contribution,
                "summary": summary,
                "pooled": out.pooled,
            }
            return {name: value.float().cpu().numpy() for name, value in found.items()}

    def _features(self, x: Tensor, *, half: bool) -> tuple[Tensor, Tensor]:
        """The network's map, float32, and its summary, computed in float16 where that holds it."""
        with torch.autocast(x.device.type, torch.float16, enabled=half):
            shared, summary = self.network.features_and_summary(x)
        if half and not bool(shared.isfinite().all()):
            return self._features(x, half=False)
        return shared.float().contiguous(), summary

    def in_batches(self, inputs: NDArray[Any], name: str) -> NDArray[np.float32]:
        """One of the outputs of `forward`, for any number of inputs of any float type."""
        return np.concatenate([self.forward(part)[name] for part in _in_parts(inputs)])

    def summaries(self, inputs: NDArray[Any]) -> NDArray[np.float32]:
        """The `summary` of `forward`, for any number of inputs of any float type, without the rest
        of its work. (N, S, S) -> (N, D)."""
        with torch.inference_mode():
            parts = (torch.from_numpy(part)[:, None] for part in _in_parts(inputs))
            found = [self.network.summary(x.to(self.device)).cpu().numpy() for x in parts]
        return np.concatenate(found)

    def _predict(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probabilities of any number of inputs, (N, K)."""
        return self._chances(self.in_batches(inputs, "logits").astype(np.float64))

    def hide(self, answer: Analysis, label: str) -> tuple[float | None, float | None]:
        """Probability of a label with the lesion painted over, and with as much painted over
        elsewhere in the liver.

        None where there is no lesion, or no room for it elsewhere.
        """
        lesion = answer.frame.shrink_mask(answer.masks["lesion"])
        liver = answer.frame.shrink_mask(answer.masks["liver"]) & ~lesion
        grey = answer.frame.to_network(answer.image.grey)
        made = hidden_and_elsewhere(grey, lesion, liver)
        if not made:
            return None, None
        index = self.config.network.labels.index(label)
        found = self._predict(np.stack(list(made.values())))[:, index].tolist()
        return found[0], found[1] if len(found) > 1 else None

    def explain(
        self,
        image: Source | Analysis,
        method: str = "grad-cam++",
        *,
        label: str | None = None,
        against: str | None = None,
        layer: str | None = None,
        seed: int = 0,
        check: bool = False,
        progress: Callable[[float], None] = lambda share: None,
    ) -> Explanation:
        """One map by one method; see `hcc_xai.METHODS`.

        Args:
            image: what `analyze` takes, or an `Analysis` (whose maps are used again).
            label: the answer by default. against: show what speaks for `label` rather than for
            this one.
            layer: of the network, see `layers`; the shared map by default.
            seed: of the methods that draw at random. check: test the map, too, and fill in its
            score (`Analyzer.check` says more).
            progress: is told the share that is done, and may raise to stop.

        Raises:
            ArgumentError: an unknown method, label or layer; the message names the known ones.
        """
        chosen = method_named(method)
        layer = layer or SHARED
        known = self.layers if chosen.layered else (SHARED,)
        if layer not in known:
            raise unknown("layer", layer, known)
        start = time.perf_counter()
        answer = image if isinstance(image, Analysis) else self.analyze(image)
        label = answer._known(label)
        if against is not None and answer._known(against) == label:
            raise ArgumentError(
                "label-against-itself",
                "label and against are both {label!r}; they must differ",
                label=label,
            )
        task = self.task(answer, label, against)
        task = replace(task, layer=layer, seed=seed, progress=progress)
        grid = chosen.function(task)
        kept = chosen.immediate and layer == SHARED  # the bundle knows how strong those are
        found = Explanation(
            answer.frame.to_file(grid),
            method,
            label,
            against,
            layer,
            answer.scale(method) if kept else own_scale(grid),
            time.perf_counter() - start,
            resolution=(grid.shape[0], grid.shape[1]),
        )
        return replace(found, score=self.check(answer, found).score) if check else found

    def explain_outline(
        self,
        image: Source | Analysis,
        point: tuple[int, int],
        *,
        layer: str | None = None,
        progress: Callable[[float], None] = lambda share: None,
    ) -> OutlineExplanation:
        """Why the lesion at a place is outlined; or, where none is, why not.

        Args:
            point: (row, column) in pixels of the file.
            layer: of the network, see `layers`; the last at a sixteenth of the input by default.

        Raises:
            ArgumentError: the point lies outside the scan, or an unknown layer.
        """
        start = time.perf_counter()
        answer = image if isinstance(image, Analysis) else self.analyze(image)
        layer = layer or outline_layer(self.network)
        if layer not in self.layers:
            raise unknown("layer", layer, self.layers)
        row, col = point
        height, width = answer.image.shape
        if not (0 <= row < height and 0 <= col < width and answer.sector[row, col]):
            raise ArgumentError(
                "point-outside",
                "the point ({row}, {col}) lies outside the scan",
                row=str(row),
                col=str(col),
            )
        number = next((i for i, x in enumerate(answer.lesions, 1) if x.mask[row, col]), None)
        side = self.config.network.size // STRIDE
        if number is not None:
            mask = answer.frame.shrink(answer.lesions[number - 1].mask.astype(np.float32))
            region = mask.reshape(side, STRIDE, side, STRIDE).max((1, 3)) > 0.5
        else:
            at = np.array(answer.frame.to_network_point(row + 0.5, col + 0.5)) / STRIDE - 0.5
            rows, cols = np.mgrid[:side, :side]
            region = np.hypot(rows - at[0], cols - at[1]) < 1.5
        task = replace(
            self.task(answer, answer.label), layer=layer, region=region, progress=progress
        )
        grid = no_outline(task) if number is None else outline(task)
        return OutlineExplanation(
            answer.frame.to_file(grid),
            "seg-hires-cam" if number is None else "seg-grad-cam",
            "lesion",
            None,
            layer,
            own_scale(grid),
            time.perf_counter() - start,
            resolution=(grid.shape[0], grid.shape[1]),
            point=(row, col),
            lesion=number,
            probability=float(answer.mask_probabilities["lesion"][row, col]),
            threshold=self.config.mask_thresholds["lesion"],
        )

    def change_of_mind(
        self, answer: Analysis, *, progress: Callable[[float], None] = lambda share: None
    ) -> ChangeOfMind:
        """The smallest set of regions whose removal changes the answer; see `change_of_mind`.

        Runs the network on some 80 pictures. progress: is told the share that is done, and may
        raise to stop.
        """
        lesion = answer.frame.shrink_mask(answer.masks["lesion"])
        tissue = answer.frame.shrink_mask(answer.masks["liver"]) & ~lesion
        grey = answer.frame.to_network(answer.image.grey)
        return change_of_mind(self._predict, grey, tissue, progress=progress)

    def challenge(self, answer: Analysis) -> tuple[Challenge, ...]:
        """What every change of the picture does to the answer; see `shortcuts`. Runs the network
        on some 17 pictures."""
        made = changes(answer)
        return self._challenged(answer, [(name, None) for name in made], list(made.values()))

    def challenge_in_steps(self, answer: Analysis) -> tuple[Challenge, ...]:
        """What gain, blur, speckle and compression do to the answer, from little to much; see
        `shortcuts.STEPS`. Runs the network on 25 pictures."""
        made = in_steps(answer)
        return self._challenged(answer, list(made), list(made.values()))

    def _challenged(
        self,
        answer: Analysis,
        names: Sequence[tuple[str, float | None]],
        inputs: Sequence[NDArray[np.float32]],
    ) -> tuple[Challenge, ...]:
        chances = self._predict(np.stack(inputs))
        labels = list(answer.probabilities)
        index, before = labels.index(answer.label), answer.probabilities[answer.label]
        return tuple(
            Challenge(name, answer.label, before, float(p[index]), labels[int(p.argmax())], amount)
            for (name, amount), p in zip(names, chances, strict=True)
        )

    def check(
        self,
        answer: Analysis,
        explanation: Explanation,
        *,
        seed: int = 0,
        progress: Callable[[float], None] = lambda share: None,
    ) -> Faithfulness:
        """Whether an explanation of an answer tells the truth: see `faithfulness`.

        Runs the network on some 160 pictures. Of a contrast, the label's probability is watched.

        Args:
            progress: is told the share that is done, and may raise to stop.
        """
        return self.test_map(
            answer, explanation.map, explanation.label, seed=seed, progress=progress
        )

    def test_map(
        self,
        answer: Analysis,
        heat: NDArray[np.float32],
        label: str,
        *,
        seed: int = 0,
        random: int = RANDOM,
        progress: Callable[[float], None] = lambda share: None,
    ) -> Faithfulness:
        """The same of any map, wherever it comes from. heat: (H, W). random: how many random maps
        it is held against."""
        task = self.task(answer, label)
        return check(
            lambda inputs: self._predict(inputs)[:, task.index],
            task.input,
            task.blurred[0, 0].numpy(),
            answer.frame.shrink(heat),
            label=label,
            seed=seed,
            random=random,
            progress=progress,
        )

    def with_network(self, network: Network) -> Analyzer:
        """The same with other weights, of which nothing that was fitted to the old ones speaks."""
        twin = copy.copy(self)
        twin.network = network.to(self.device)
        with torch.inference_mode():
            twin._weight, twin._bias = twin.network.grade_weights()
        twin._calibration = twin._gate = twin._glass_box = twin._neighbours = None
        return twin

    def task(self, answer: Analysis, label: str, against: str | None = None) -> Task:
        """What a method of `explain.METHODS` is given."""
        labels = list(answer.probabilities)
        return Task(
            answer._maps,
            labels.index(label),
            None if against is None else labels.index(against),
            answer.frame.to_network(answer.image.grey),
            self.network,
        )

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that can be explained, first to last."""
        return tuple(layers(self.network))


def _calibration(bundle: Bundle) -> Calibration | None:
    """The calibration of a bundle, None where it holds none.

    Raises:
        BundleError: it is no calibration, or of other labels.
    """
    path = bundle.extras.get("calibration.json")
    if path is None:
        return None
    found = Calibration.from_dict(json.loads(path.read_text(encoding="utf-8")))
    if found.labels != bundle.config.network.labels:
        raise BundleError(
            "calibration-labels",
            "calibration.json is of other labels: {labels}",
            labels=", ".join(found.labels),
        )
    return found


def load(where: str | Path | None = None, *, device: str | None = None) -> Analyzer:
    """Load a bundle: a folder, or "owner/name" or "owner/name@revision" on the Hugging Face Hub.

    Args:
        where: `HCC_XAI_MODEL`, else the bundle that ships, by default.
        device: "cpu", "cuda", "mps"; the best there is by default.

    Raises:
        BundleError: one sentence says what is wrong with it.
    """
    return Analyzer(load_bundle(where if where is not None else default_model()), device=device)


def _in_parts(inputs: NDArray[Any]) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(inputs), _BATCH):
        yield inputs[start : start + _BATCH].astype(np.float32, copy=False)


def let_through(answer: Analysis) -> Analysis:
    """A stopped answer that a person wants to see all the same; it stays marked everywhere."""
    flags = tuple(flag for flag in answer._flags if flag.severity != "stop")
    through = Flag("let-through", "warning", words.both("let-through"))
    return replace(answer, accepted=True, _flags=(through, *flags))


def with_spacing(answer: Analysis, mm_per_pixel: Spacing) -> Analysis:
    """The same answer, measured with another spacing; the network is not run again."""
    return replace(answer, image=read(answer.image, mm_per_pixel=mm_per_pixel))
