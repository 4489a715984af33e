"""Several bundles behind one router: each picture is answered by the bundle of its kind."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, overload

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.analysis.challenges import Challenge
from hcc_xai.analysis.evidence import Evidence
from hcc_xai.analysis.result import Analysis
from hcc_xai.errors import ArgumentError, unknown
from hcc_xai.explain.change_of_mind import ChangeOfMind
from hcc_xai.explain.faithfulness import Faithfulness
from hcc_xai.explain.methods import Explanation, OutlineExplanation
from hcc_xai.imaging.read import Source, Spacing, read
from hcc_xai.model.bundle import load_bundle
from hcc_xai.model.router import Router, Sight


class Models:
    """Several bundles that answer, one for each kind of picture. A network is loaded when it is
    first needed. Threads can share it.

    Attributes:
        kinds: that it can answer about.
        router: what tells them apart.
    """

    def __init__(
        self, folders: Mapping[str, str | Path], router: Router, *, device: str | None = None
    ) -> None:
        """
        Args:
            folders: kind -> its bundle; at least one.
            router: what tells the kinds apart.
            device: "cpu", "cuda", "mps"; the best there is by default.
        """
        if not folders:
            raise ArgumentError("models-none", "no bundle was named; at least one is wanted")
        self.kinds = tuple(folders)
        self.router = router
        self._folders, self._device = dict(folders), device
        self._loaded: dict[str, Analyzer] = {}
        self._lock = threading.Lock()

    def of(self, kind: str) -> Analyzer:
        """The model of a kind, loaded if it was not.

        Raises:
            ArgumentError: no bundle is of that kind; names those there are.
            BundleError: the bundle cannot be loaded.
        """
        if kind not in self._folders:
            raise unknown("kind of picture", kind, self.kinds)
        with self._lock:
            if kind not in self._loaded:
                bundle = load_bundle(self._folders[kind])
                self._loaded[kind] = Analyzer(bundle, device=self._device, router=self.router)
            return self._loaded[kind]

    @property
    def loaded(self) -> tuple[str, ...]:
        """The kinds whose networks are in memory."""
        return tuple(self._loaded)

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
        """As `Analyzer.analyze`, by the bundle of the picture's kind; where no bundle is of that
        kind, by the one that is most probable, and the picture is stopped.

        Args:
            source: a path, an (H, W) or (H, W, 3) array, an `Image`; or a list of them.
            kind: that a person says it is; the answer says so, and is unusual where the router
                takes the picture for another.
            frame: of a file with several; the middle one by default.
            mm_per_pixel: where the user knows it; wins over the file's.
            accept: let a picture through that is stopped.

        Raises:
            ArgumentError: no bundle is of the stated kind.
            ImageError: a file cannot be read.
            SpacingError: the spacing makes no sense.
        """
        many = source if isinstance(source, list) else [source]
        if kind is not None and kind not in self._folders:
            raise unknown("kind of picture", kind, self.kinds)
        images = [read(one, frame=frame, mm_per_pixel=mm_per_pixel) for one in many]
        if not images:
            return ()
        sights = self.router.look([image.grey for image in images])
        chosen = [kind or self.choose(sight) for sight in sights]
        answers: dict[int, Analysis] = {}
        for name in dict.fromkeys(chosen):
            mine = [index for index, picked in enumerate(chosen) if picked == name]
            model, own = self.of(name), [images[i] for i in mine]
            frames, inputs = zip(*(model.prepare(image) for image in own), strict=True)
            found = model.analyze_prepared(
                own,
                frames,
                inputs,
                accept=accept,
                sights=[sights[i] for i in mine],
                stated=kind is not None,
            )
            answers |= dict(zip(mine, found, strict=True))
        done = tuple(answers[index] for index in range(len(images)))
        return done if isinstance(source, list) else done[0]

    def choose(self, sight: Sight) -> str:
        """The kind whose bundle answers about a picture."""
        if sight.kind in self._folders:
            return sight.kind
        return max(self.kinds, key=lambda kind: sight.probabilities.get(kind, 0.0))

    # -- asking -----------------------------------------------------------------------------------

    def evidence(self, answer: Analysis, label: str | None = None) -> Evidence:
        """See `Analyzer.evidence`."""
        return self.of(answer.kind).evidence(answer, label)

    def explain(
        self, image: Source | Analysis, method: str = "grad-cam++", **more: Any
    ) -> Explanation:
        """See `Analyzer.explain`, whose options it takes."""
        answer = self._one(image)
        return self.of(answer.kind).explain(answer, method, **more)

    def explain_outline(
        self, image: Source | Analysis, point: tuple[int, int], **more: Any
    ) -> OutlineExplanation:
        """See `Analyzer.explain_outline`, whose options it takes."""
        answer = self._one(image)
        return self.of(answer.kind).explain_outline(answer, point, **more)

    def change_of_mind(self, answer: Analysis, **more: Any) -> ChangeOfMind:
        """See `Analyzer.change_of_mind`, whose options it takes."""
        return self.of(answer.kind).change_of_mind(answer, **more)

    def challenge(self, answer: Analysis) -> tuple[Challenge, ...]:
        """See `Analyzer.challenge`."""
        return self.of(answer.kind).challenge(answer)

    def challenge_in_steps(self, answer: Analysis) -> tuple[Challenge, ...]:
        """See `Analyzer.challenge_in_steps`."""
        return self.of(answer.kind).challenge_in_steps(answer)

    def check(self, answer: Analysis, explanation: Explanation, **more: Any) -> Faithfulness:
        """See `Analyzer.check`, whose options it takes."""
        return self.of(answer.kind).check(answer, explanation, **more)

    def _one(self, image: Source | Analysis) -> Analysis:
        return image if isinstance(image, Analysis) else self.analyze(image)
