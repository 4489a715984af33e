"""Several bundles behind one router: each picture is answered by the bundle of its kind. `load`
gives them, or one bundle alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

from hcc_xai.analysis.analyzer import Analyzer, Prepared
from hcc_xai.analysis.challenges import Challenge
from hcc_xai.analysis.evidence import Evidence
from hcc_xai.analysis.result import Analysis
from hcc_xai.errors import ArgumentError, unknown
from hcc_xai.explain.change_of_mind import ChangeOfMind
from hcc_xai.explain.faithfulness import Faithfulness
from hcc_xai.explain.methods import Explanation, OutlineExplanation
from hcc_xai.imaging.read import Image, Source, Spacing, read
from hcc_xai.model.bundle import Bundle, default_model, load_bundle, shipped_bundles
from hcc_xai.model.router import Router, Sight, default_router
from hcc_xai.model.runtime import Runtime

NewRuntime = Callable[[Bundle], Runtime]


class Models:
    """Several bundles that answer, one for each kind of picture. A network is loaded when it is
    first needed. Threads can share it.

    Attributes:
        kinds: that it can answer about.
        router: what tells them apart.
    """

    def __init__(
        self,
        folders: Mapping[str, str | Path],
        router: Router,
        *,
        device: str | None = None,
        runtime: NewRuntime | None = None,
    ) -> None:
        """
        Args:
            folders: kind -> its bundle; at least one.
            router: what tells the kinds apart.
            device: "cpu", "cuda", "mps"; the best there is by default.
            runtime: makes what runs a bundle's network; PyTorch on the device by default.
        """
        if not folders:
            raise ArgumentError("models-none", "no bundle was named; at least one is wanted")
        self.kinds = tuple(folders)
        self.router = router
        self._folders, self._device, self._runtime = dict(folders), device, runtime
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
                self._loaded[kind] = Analyzer(
                    bundle,
                    device=self._device,
                    runtime=self._runtime(bundle) if self._runtime else None,
                    router=self.router,
                )
            return self._loaded[kind]

    @property
    def names(self) -> tuple[str, ...]:
        """Name and revision of every bundle that answers may carry; loads all of them."""
        return tuple(self.of(kind).name for kind in self.kinds)

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
        images = [read(one, frame=frame, mm_per_pixel=mm_per_pixel) for one in many]
        prepared = [self.prepare(image, kind=kind) for image in images]
        answers = self.answer(prepared, accept=accept)
        return answers if isinstance(source, list) else answers[0]

    def prepare(self, image: Image, *, kind: str | None = None) -> Prepared:
        """Everything before the network: see `Analyzer.prepare`. The bundle is that of the kind
        which is stated, or that the router sees.

        Raises:
            ArgumentError: no bundle is of the stated kind.
        """
        sight = self.router.look([image.grey])[0]
        model = self.of(self.choose(sight) if kind is None else kind)
        return model.prepare_seen(image, sight, stated=kind is not None)

    def answer(self, pictures: Sequence[Prepared], *, accept: bool = False) -> tuple[Analysis, ...]:
        """Answers of pictures that `prepare` gave, in one forward a kind; see `Analyzer.answer`."""
        answers: dict[int, Analysis] = {}
        for kind in dict.fromkeys(picture.kind for picture in pictures):
            mine = [index for index, picture in enumerate(pictures) if picture.kind == kind]
            found = self.of(kind).answer([pictures[i] for i in mine], accept=accept)
            answers |= dict(zip(mine, found, strict=True))
        return tuple(answers[index] for index in range(len(pictures)))

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


Answerer = Analyzer | Models


@overload
def load(
    where: str | Path, *, device: str | None = ..., runtime: NewRuntime | None = ...
) -> Analyzer: ...


@overload
def load(
    where: str | Path | None = ..., *, device: str | None = ..., runtime: NewRuntime | None = ...
) -> Answerer: ...


def load(
    where: str | Path | None = None,
    *,
    device: str | None = None,
    runtime: NewRuntime | None = None,
) -> Answerer:
    """Load one bundle; or, without a name, all that ship, behind the router.

    Args:
        where: a folder, or "owner/name" or "owner/name@revision" on the Hugging Face Hub. By
            default what `HCC_XAI_MODEL` names, which may also be a folder of several bundles, else
            the bundles that ship; one alone (the liver's) where there is no router.
        device: "cpu", "cuda", "mps"; the best there is by default.
        runtime: makes what runs a bundle's network; PyTorch on the device by default.

    Raises:
        BundleError: one sentence says what is wrong with it.
    """
    router = default_router()
    if where is None:
        several = shipped_bundles()
        if router is not None and len(several) > 1:
            return Models(several, router, device=device, runtime=runtime)
        where = default_model()
    bundle = load_bundle(where)
    own = runtime(bundle) if runtime else None
    return Analyzer(bundle, device=device, runtime=own, router=router)
