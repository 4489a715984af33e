"""The one call that most people need: `load(...).analyze(...)`. One forward, one frozen result."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import overload

import numpy as np
import torch
from numpy.typing import NDArray

from hcc_xai.analysis import questions
from hcc_xai.analysis.challenges import Challenge
from hcc_xai.analysis.device import pick_device
from hcc_xai.analysis.evidence import Evidence
from hcc_xai.analysis.facts import Flag
from hcc_xai.analysis.result import NEAREST, Analysis
from hcc_xai.errors import BundleError, unknown
from hcc_xai.explain.attribution import SHARED, layers
from hcc_xai.explain.change_of_mind import ChangeOfMind
from hcc_xai.explain.faithfulness import RANDOM, Faithfulness
from hcc_xai.explain.methods import Explanation, OutlineExplanation
from hcc_xai.findings.outlines import Outlines
from hcc_xai.imaging.frame import Frame
from hcc_xai.imaging.read import Image, Source, Spacing, read
from hcc_xai.kinds.known import kind_named
from hcc_xai.language import words
from hcc_xai.model.bundle import Bundle, BundleConfig
from hcc_xai.model.calibration import Calibration
from hcc_xai.model.gate import Gate, Verdict
from hcc_xai.model.neighbours import FILE as NEAR
from hcc_xai.model.neighbours import Neighbours
from hcc_xai.model.network import Network
from hcc_xai.model.router import OTHER, Router, Sight
from hcc_xai.model.runtime import Floats, Raw, Runtime, TorchRuntime, in_parts
from hcc_xai.model.second_opinion import FILE as WORDS
from hcc_xai.model.second_opinion import GlassBox
from hcc_xai.stats import Numbers, probabilities_of

# How far a picture may fall short of the gate's limit where the router agrees on its kind, in
# standard deviations of the gate's own pictures: compression alone moves one by 0.2.
_SLACK = 0.4
Progress = Callable[[float], None]  # is told the share that is done, and may raise to stop


def silent(share: float) -> None:
    """Tells nobody how far it is."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A picture that waits for a network.

    Attributes:
        image: the picture.
        frame: where the patient is in it.
        input: (S, S) float32, what the network sees of it.
        kind: whose network answers.
        sight: what the router sees in it; None where it was not asked.
        stated: a person said that it is of this kind, so it is not stopped.
    """

    image: Image
    frame: Frame
    input: Floats
    kind: str
    sight: Sight | None = None
    stated: bool = False


class Analyzer:
    """A loaded bundle that answers. Holds nothing between calls, so threads can share it.

    Attributes:
        bundle: what was loaded.
        runtime: what runs its network; by default PyTorch, on the best device there is.
        router: what tells kinds of picture apart; None without one, or where it does not know the
            bundle's.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        device: str | torch.device | None = None,
        runtime: Runtime | None = None,
        router: Router | None = None,
    ) -> None:
        self.bundle = bundle
        knows = router is not None and bundle.config.kind in router.kinds
        self.router = router if knows else None
        where = torch.device(device) if device else pick_device()
        self.runtime: Runtime = runtime or TorchRuntime(bundle.network(), where)
        extras = bundle.extras
        self.calibration = _calibration(bundle)
        self.gate = Gate.load(extras["gate.safetensors"]) if "gate.safetensors" in extras else None
        self.glass_box = GlassBox.load(extras[WORDS]) if WORDS in extras else None
        self.neighbours = Neighbours.load(extras[NEAR]) if NEAR in extras else None
        flags = []
        if self.calibration is None:
            flags.append(Flag("uncalibrated", "info", words.both("uncalibrated")))
        if self.gate is None and self.router is None:
            flags.append(
                Flag("kind-unchecked", "info", words.both("kind-unchecked", bundle.config.nouns))
            )
        flags += [Flag("stale", "warning", words.both("stale", file=name)) for name in bundle.stale]
        self._flags = tuple(flags)

    @property
    def config(self) -> BundleConfig:
        """What the bundle's config.json holds."""
        return self.bundle.config

    @property
    def name(self) -> str:
        """Name and revision of the bundle, as answers carry it."""
        return f"{self.config.name}@{self.bundle.revision}"

    @property
    def network(self) -> Network:
        """The network itself, for what has to look inside it.

        Raises:
            ArgumentError: the runtime holds none.
        """
        return questions.network_of(self, "this")

    @property
    def device(self) -> torch.device:
        """Where the network lies."""
        return next(self.network.parameters()).device

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that can be explained, first to last; the shared map alone where the runtime
        holds no network."""
        network = self.runtime.network
        return (SHARED,) if network is None else tuple(layers(network))

    @property
    def names(self) -> tuple[str, ...]:
        """Name and revision of every bundle that answers may carry: its own."""
        return (self.name,)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of picture that it can answer about: the bundle's."""
        return (self.config.kind,)

    def of(self, kind: str) -> Analyzer:
        """The model of a kind: itself, as `Models.of`.

        Raises:
            ArgumentError: the bundle is of another kind.
        """
        if kind not in self.kinds:
            raise unknown("kind of picture", kind, self.kinds)
        return self

    # -- answering --------------------------------------------------------------------------------

    @overload
    def analyze(
        self,
        source: list[Source],
        *,
        kind: str | None = ...,
        frame: int | None = ...,
        mm_per_pixel: Spacing = ...,
        accept: bool = ...,
    ) -> tuple[Analysis, ...]: ...

    @overload
    def analyze(
        self,
        source: Source,
        *,
        kind: str | None = ...,
        frame: int | None = ...,
        mm_per_pixel: Spacing = ...,
        accept: bool = ...,
    ) -> Analysis: ...

    def analyze(
        self,
        source: Source | list[Source],
        *,
        kind: str | None = None,
        frame: int | None = None,
        mm_per_pixel: Spacing = None,
        accept: bool = False,
    ) -> Analysis | tuple[Analysis, ...]:
        """Masks, grades and maps of a picture, from one forward.

        Args:
            source: a path, an (H, W) or (H, W, 3) array, an `Image`; or a list of them, which is
                one batch.
            kind: that a person says it is, which can only be this bundle's; the answer says so, and
                is unusual where router or gate take the picture for another.
            frame: of a file with several; the middle one by default.
            mm_per_pixel: where the user knows it; wins over the file's.
            accept: let a picture through that the gate stops (its answer stays marked).

        Returns:
            An `Analysis`; a tuple of them, in order, for a list.

        Raises:
            ArgumentError: another kind than the bundle's.
            ImageError: a file cannot be read.
            SpacingError: the spacing makes no sense.
        """
        start = time.perf_counter()
        many = source if isinstance(source, list) else [source]
        images = [read(one, frame=frame, mm_per_pixel=mm_per_pixel) for one in many]
        prepared = [self.prepare(image, kind=kind) for image in images]
        answers = self.answer(prepared, accept=accept, start=start)
        return answers if isinstance(source, list) else answers[0]

    def prepare(self, image: Image, *, kind: str | None = None) -> Prepared:
        """Everything before the network: where the patient is, what the network sees of it, and
        what the router takes the picture for. May be called on other threads.

        Args:
            image: the picture.
            kind: that a person says it is.

        Raises:
            ArgumentError: another kind than the bundle's.
        """
        if kind is not None:
            self.of(kind)
        sight = self.router.look([image.grey])[0] if self.router is not None else None
        return self.prepare_seen(image, sight, stated=kind is not None)

    def prepare_seen(self, image: Image, sight: Sight | None, *, stated: bool = False) -> Prepared:
        """As `prepare`, of a picture that the router has looked at, or is not asked about.

        Args:
            image: the picture.
            sight: what the router sees in it.
            stated: a person said that it is of this kind.
        """
        field = kind_named(self.config.kind).find_field(image.pixels)
        frame = Frame.around(field, size=self.config.network.size)
        seen = frame.to_network(image.grey)
        return Prepared(image, frame, seen, self.config.kind, sight, stated)

    def answer(
        self, pictures: Sequence[Prepared], *, accept: bool = False, start: float | None = None
    ) -> tuple[Analysis, ...]:
        """Answers of pictures that `prepare` gave, in one forward.

        Args:
            pictures: in the order of the answers.
            accept: let pictures through that the gate stops.
            start: of the time that answers carry (`time.perf_counter`); now by default.
        """
        if not pictures:
            return ()
        start = time.perf_counter() if start is None else start
        raw = self.forward(np.stack([picture.input for picture in pictures]))
        seconds = (time.perf_counter() - start) / len(pictures)
        found = self._judged(pictures, raw.summary)
        answers = (
            self._answer(picture, raw, index, found[index], seconds)
            for index, picture in enumerate(pictures)
        )
        return tuple(let_through(one) if accept and not one.accepted else one for one in answers)

    def _answer(
        self,
        picture: Prepared,
        raw: Raw,
        index: int,
        found: tuple[Flag, ...],
        seconds: float,
    ) -> Analysis:
        labels = self.config.network.labels
        logits = raw.logits[index].astype(np.float64)
        chances = self.chances(logits).tolist()
        fitted, near = self.calibration, self.neighbours
        unlike = any(flag.code == "unusual" for flag in found)
        return Analysis(
            picture.image,
            picture.frame,
            self.config,
            dict(zip(labels, chances, strict=True)),
            dict(zip(labels, logits.tolist(), strict=True)),
            self.name,
            seconds,
            accepted=not any(flag.severity == "stop" for flag in found),
            calibrated=fitted is not None,
            prediction_set=fitted.prediction_set(chances, wide=unlike) if fitted else (),
            outlines=fitted.outlines if fitted else Outlines(),
            raised=(*found, *self._flags),
            mask_logits=raw.masks[index],
            maps={kind: maps[index] for kind, maps in raw.maps.items()},
            pooled=raw.pooled[index],
            neighbours=near.nearest(raw.pooled[index], NEAREST) if near else (),
            glass_box=self.glass_box,
            kind_probabilities=picture.sight.probabilities if picture.sight else {},
        )

    def _judged(self, pictures: Sequence[Prepared], summaries: Floats) -> list[tuple[Flag, ...]]:
        """What router and gate say of each picture. What the gate knows is accepted; else the
        router says whether it is of this kind at all, and without a router the gate alone
        stops."""
        verdicts: Sequence[Verdict | None] = [None] * len(summaries)
        if self.gate is not None:
            verdicts = self.gate.judge(summaries)
        judged: list[tuple[Flag, ...]] = []
        for picture, verdict in zip(pictures, verdicts, strict=True):
            sight = picture.sight
            agreed = sight is not None and sight.kind == self.config.kind
            if verdict is None:
                known = sight is None or agreed
            else:
                known = verdict.margin >= (-_SLACK if agreed else 0.0)
            if known:
                judged.append(())
                continue
            possible, other = False, None if verdict is None else verdict.kind
            if sight is not None and self.router is not None:
                possible = self.router.could_be(sight, self.config.kind)
                other = sight.kind
            judged.append(
                self._doubts(possible, other, unknown=verdict is not None, stated=picture.stated)
            )
        return judged

    def _doubts(
        self, possible: bool, other: str | None, *, unknown: bool, stated: bool
    ) -> tuple[Flag, ...]:
        """Flags of a picture that the gate does not know, or that there is no gate for.

        Args:
            possible: it may be of this kind.
            other: what it looks like, if known.
            unknown: the gate does not know it.
            stated: a person said that it is of this kind.
        """
        nouns, kind = self.config.nouns, self.config.kind
        if not possible and not stated:
            named = None if other in (OTHER, kind) else other
            return (Flag("stopped", "stop", words.stopped(named, nouns)),)
        flags = []
        if stated and other != kind:
            flags.append(Flag("kind-stated", "warning", words.both("kind-stated", nouns)))
        if unknown or other != kind:
            flags.append(Flag("unusual", "warning", words.both("unusual", nouns)))
        return tuple(flags)

    def forward(self, inputs: Floats) -> Raw:
        """One pass of the network over (B, S, S) float32 inputs; see `runtime.Raw`."""
        return self.runtime.forward(inputs)

    def chances(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities, calibrated where the bundle holds a calibration. (..., K) -> (..., K)."""
        if self.calibration:
            return self.calibration.probabilities(logits)
        return probabilities_of(logits, multiple=self.config.network.multiple)

    def predict(self, inputs: Numbers) -> NDArray[np.float64]:
        """Probabilities of any number of inputs. (N, S, S) of any float type -> (N, K)."""
        logits = [self.forward(part).logits for part in in_parts(inputs)]
        return self.chances(np.concatenate(logits).astype(np.float64))

    def pooled(self, inputs: Numbers) -> Floats:
        """What the grades read of any number of inputs. (N, S, S) of any float type ->
        (N, P, C)."""
        return np.concatenate([self.forward(part).pooled for part in in_parts(inputs)])

    def summaries(self, inputs: Numbers) -> Floats:
        """What the gate reads of any number of inputs. (N, S, S) of any float type -> (N, D)."""
        return self.runtime.summaries(inputs)

    def with_network(self, network: Network) -> Analyzer:
        """A copy with other weights, without calibration, gate, second opinion and neighbours,
        which belong to the old ones."""
        twin = copy.copy(self)
        twin.runtime = TorchRuntime(network, self.device)
        twin.calibration = twin.gate = twin.glass_box = twin.neighbours = None
        return twin

    # -- asking; each is one call of `questions` --------------------------------------------------

    def evidence(self, answer: Analysis, label: str | None = None) -> Evidence:
        """Where the evidence lies, and what hiding the lesions does to a label's probability. Runs
        the network on two more pictures.

        Args:
            label: the answer by default.

        Raises:
            ArgumentError: an unknown label.
        """
        return questions.evidence(self, answer, label)

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
        progress: Progress = silent,
    ) -> Explanation:
        """One map by one method; see `hcc_xai.METHODS`.

        Args:
            image: what `analyze` takes, or an `Analysis` (whose maps are used again).
            method: its name in `METHODS`.
            label: the answer by default.
            against: show what speaks for `label` rather than for this one.
            layer: of the network, see `layers`; the shared map by default.
            seed: of the methods that draw at random.
            check: test the map, too, and fill in its score (`Analyzer.check` says more).
            progress: is told the share that is done, and may raise to stop.

        Raises:
            ArgumentError: an unknown method, label or layer (the message names the known ones), or
                a method that needs the network where the runtime has none.
        """
        question = questions.Question(method, label, against, layer, seed)
        questions.check_method(self, question)
        start = time.perf_counter()
        answer = self._one(image)
        explanation = questions.explain(self, answer, question, start=start, progress=progress)
        if not check:
            return explanation
        return replace(explanation, score=self.check(answer, explanation).score)

    def explain_outline(
        self,
        image: Source | Analysis,
        point: tuple[int, int],
        *,
        layer: str | None = None,
        progress: Progress = silent,
    ) -> OutlineExplanation:
        """Why the lesion at a place is outlined; or, where none is, why not.

        Args:
            image: what `analyze` takes, or an `Analysis`.
            point: (row, column) in pixels of the file.
            layer: of the network, see `layers`; the last at a sixteenth of the input by default.
            progress: is told the share that is done, and may raise to stop.

        Raises:
            ArgumentError: the point lies outside the scan, or an unknown layer.
        """
        start = time.perf_counter()
        answer = self._one(image)
        return questions.explain_outline(
            self, answer, point, layer=layer, start=start, progress=progress
        )

    def _one(self, image: Source | Analysis) -> Analysis:
        return image if isinstance(image, Analysis) else self.analyze(image)

    def change_of_mind(self, answer: Analysis, *, progress: Progress = silent) -> ChangeOfMind:
        """The smallest set of regions whose removal changes the answer. Runs the network on some
        80 pictures.

        Args:
            answer: of this bundle.
            progress: is told the share that is done, and may raise to stop.
        """
        return questions.change_of_mind(self, answer, progress=progress)

    def challenge(self, answer: Analysis) -> tuple[Challenge, ...]:
        """What every change of the picture does to the answer; see `challenges`. Runs the network
        on some 17 pictures."""
        return questions.challenge(self, answer)

    def challenge_in_steps(self, answer: Analysis) -> tuple[Challenge, ...]:
        """What gain, blur, speckle and compression do to the answer, from little to much; see
        `challenges.STEPS`. Runs the network on 25 pictures."""
        return questions.challenge_in_steps(self, answer)

    def check(
        self,
        answer: Analysis,
        explanation: Explanation,
        *,
        seed: int = 0,
        progress: Progress = silent,
    ) -> Faithfulness:
        """Whether an explanation of an answer tells the truth; see `faithfulness`. Runs the
        network on some 160 pictures. Of a contrast, the label's probability is watched.

        Args:
            answer: that is explained.
            explanation: of that answer.
            seed: of the random maps that it is held against.
            progress: is told the share that is done, and may raise to stop.
        """
        return self.test_map(
            answer, explanation.map, explanation.label, seed=seed, progress=progress
        )

    def test_map(
        self,
        answer: Analysis,
        heat: Floats,
        label: str,
        *,
        seed: int = 0,
        random: int = RANDOM,
        progress: Progress = silent,
    ) -> Faithfulness:
        """Whether any map, wherever it comes from, tells the truth; see `faithfulness`.

        Args:
            answer: that the map claims to explain.
            heat: (H, W) float32 in the pixels of the file.
            label: whose probability is watched.
            seed: of the random maps.
            random: how many random maps it is held against.
            progress: is told the share that is done, and may raise to stop.
        """
        return questions.test_map(
            self, answer, heat, label, seed=seed, random=random, progress=progress
        )


def _calibration(bundle: Bundle) -> Calibration | None:
    """The calibration of a bundle, None where it holds none.

    Raises:
        BundleError: it is no calibration, or of other labels.
    """
    path = bundle.extras.get("calibration.json")
    if path is None:
        return None
    fitted = Calibration.from_dict(json.loads(path.read_text(encoding="utf-8")))
    if fitted.labels != bundle.config.network.labels:
        raise BundleError(
            "calibration-labels",
            "calibration.json is of other labels: {labels}",
            labels=", ".join(fitted.labels),
        )
    return fitted


def let_through(answer: Analysis) -> Analysis:
    """A stopped answer that a person wants to see all the same; it stays marked everywhere."""
    flags = tuple(flag for flag in answer.raised if flag.severity != "stop")
    through = Flag("let-through", "warning", words.both("let-through", answer.config.nouns))
    return replace(answer, accepted=True, raised=(through, *flags))


def with_spacing(answer: Analysis, mm_per_pixel: Spacing) -> Analysis:
    """The same answer, measured with another spacing; the network is not run again."""
    return replace(answer, image=read(answer.image, mm_per_pixel=mm_per_pixel))
