"""Questions that are put to an answer: each runs the network on changed pictures."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hcc_xai.analysis.challenges import Challenge, changes, in_steps
from hcc_xai.analysis.evidence import Evidence
from hcc_xai.analysis.result import Analysis
from hcc_xai.errors import ArgumentError, unknown
from hcc_xai.explain import change_of_mind as minds
from hcc_xai.explain import faithfulness
from hcc_xai.explain.attribution import SHARED, Task, blurred, inside, layers, outline_layer
from hcc_xai.explain.change_of_mind import ChangeOfMind
from hcc_xai.explain.faithfulness import Faithfulness
from hcc_xai.explain.methods import (
    Explanation,
    OutlineExplanation,
    method_named,
    no_outline,
    outline,
)
from hcc_xai.imaging.draw import own_scale
from hcc_xai.imaging.painting import hidden_and_elsewhere
from hcc_xai.model.network import STRIDE, Network
from hcc_xai.model.runtime import Floats, Runtime
from hcc_xai.stats import Numbers

Progress = Callable[[float], None]


class Asked(Protocol):
    """Who answers: an `Analyzer`, as far as questions need it."""

    @property
    def runtime(self) -> Runtime: ...

    def predict(self, inputs: Numbers) -> NDArray[np.float64]:
        """Probabilities. (N, S, S) -> (N, K)."""


@dataclass(frozen=True)
class Question:
    """What is to be explained, and how.

    Attributes:
        method: its name in `METHODS`.
        label: the answer where it is None.
        against: the label that it is contrasted with, or None.
        layer: of the network; the shared map where it is None.
        seed: of what is random.
    """

    method: str
    label: str | None = None
    against: str | None = None
    layer: str | None = None
    seed: int = 0


def evidence(model: Asked, answer: Analysis, label: str | None) -> Evidence:
    """The shares of the maps, and a label's probability with the lesions painted over and with as
    much painted over elsewhere."""
    label = answer.known(label)
    if answer.target is not None and not answer.lesions:
        return Evidence(label, answer.shares_of(label))
    square = answer.square
    painted = hidden_and_elsewhere(square.input, square.lesion, square.organ)
    if not painted:
        return Evidence(label, answer.shares_of(label))
    index = list(answer.probabilities).index(label)
    chances = model.predict(np.stack(list(painted.values())))[:, index].tolist()
    elsewhere = chances[1] if len(chances) > 1 else None
    return Evidence(label, answer.shares_of(label), chances[0], elsewhere)


def check_method(model: Asked, question: Question) -> None:
    """Whether there is such a method and layer, before anything is computed.

    Raises:
        ArgumentError: there is not; names those there are.
    """
    method = method_named(question.method)
    network = model.runtime.network
    known = layers(network) if method.layered and network is not None else (SHARED,)
    if (question.layer or SHARED) not in known:
        raise unknown("layer", question.layer, known)


def explain(
    model: Asked, answer: Analysis, question: Question, *, start: float, progress: Progress
) -> Explanation:
    """One map by one method.

    Args:
        start: of the time that the explanation carries (`time.perf_counter`).
    """
    method, layer = method_named(question.method), question.layer or SHARED
    label, against = answer.known(question.label), question.against
    if against is not None and answer.known(against) == label:
        raise ArgumentError(
            "label-against-itself",
            "label and against are both {label!r}; they must differ",
            label=label,
        )
    own = method.immediate and layer == SHARED  # it came with the answer; the bundle has its scale
    task = Task(
        answer.maps,
        list(answer.probabilities).index(label),
        None if against is None else list(answer.probabilities).index(against),
        answer.square_input,
        model.runtime.network,
        layer=layer,
        seed=question.seed,
        progress=progress,
    )
    grid = method.function(task)
    return Explanation(
        answer.frame.to_file(grid),
        question.method,
        label,
        against,
        layer,
        answer.scale(question.method) if own else own_scale(grid),
        time.perf_counter() - start,
        resolution=(grid.shape[0], grid.shape[1]),
    )


def task_of(model: Asked, answer: Analysis, label: str) -> Task:
    """What a method of `METHODS` is given to explain a label of an answer."""
    index = list(answer.probabilities).index(label)
    network = network_of(model, "a method")
    return Task(answer.maps, index, None, answer.square_input, network)


def network_of(model: Asked, purpose: str) -> Network:
    """The network itself, for what has to look inside it.

    Args:
        model: who answers.
        purpose: what looks inside, as the error names it.

    Raises:
        ArgumentError: the runtime holds none.
    """
    return inside(model.runtime.network, purpose)


def explain_outline(
    model: Asked,
    answer: Analysis,
    point: tuple[int, int],
    *,
    layer: str | None,
    start: float,
    progress: Progress,
) -> OutlineExplanation:
    """Why the lesion at a place is outlined; or, where none is, why not.

    Args:
        point: (row, column) in pixels of the file.
    """
    if answer.target is None:
        raise ArgumentError("no-outlines", "this model outlines nothing that could be explained")
    network = network_of(model, "an outline's explanation")
    layer = layer or outline_layer(network)
    if layer not in layers(network):
        raise unknown("layer", layer, layers(network))
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
    task = Task(
        answer.maps,
        list(answer.probabilities).index(answer.label),
        None,
        answer.square_input,
        network,
        layer=layer,
        region=_region(answer, point, number),
        progress=progress,
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
        probability=float(answer.mask_probabilities[answer.target][row, col]),
        threshold=answer.config.mask_thresholds[answer.target],
        nouns=answer.config.nouns,
    )


def _region(answer: Analysis, point: tuple[int, int], number: int | None) -> NDArray[np.bool_]:
    """The cells of the shared map that are asked about: a lesion's, or those near the point."""
    side = answer.frame.size // STRIDE
    if number is not None:
        mask = answer.frame.shrink(answer.lesions[number - 1].mask.astype(np.float32))
        inside: NDArray[np.bool_] = mask.reshape(side, STRIDE, side, STRIDE).max((1, 3)) > 0.5
        return inside
    row, col = point
    at = np.array(answer.frame.to_network_point(row + 0.5, col + 0.5)) / STRIDE - 0.5
    rows, cols = np.mgrid[:side, :side]
    near: NDArray[np.bool_] = np.hypot(rows - at[0], cols - at[1]) < 1.5
    return near


def change_of_mind(model: Asked, answer: Analysis, *, progress: Progress) -> ChangeOfMind:
    """The smallest set of regions whose removal changes the answer."""
    square = answer.square
    return minds.change_of_mind(model.predict, square.input, square.organ, progress=progress)


def challenge(model: Asked, answer: Analysis) -> tuple[Challenge, ...]:
    """What every change of the picture does to the answer."""
    inputs = changes(answer)
    return _challenged(model, answer, [(name, None) for name in inputs], list(inputs.values()))


def challenge_in_steps(model: Asked, answer: Analysis) -> tuple[Challenge, ...]:
    """What each of `challenges.STEPS` does to the answer, from little to much."""
    inputs = in_steps(answer)
    return _challenged(model, answer, list(inputs), list(inputs.values()))


def _challenged(
    model: Asked,
    answer: Analysis,
    names: Sequence[tuple[str, float | None]],
    inputs: Sequence[Floats],
) -> tuple[Challenge, ...]:
    chances = model.predict(np.stack(inputs))
    labels = list(answer.probabilities)
    index, before = labels.index(answer.label), answer.probabilities[answer.label]
    return tuple(
        Challenge(name, answer.label, before, float(p[index]), labels[int(p.argmax())], amount)
        for (name, amount), p in zip(names, chances, strict=True)
    )


def test_map(
    model: Asked,
    answer: Analysis,
    heat: Floats,
    label: str,
    *,
    seed: int,
    random: int,
    progress: Progress,
) -> Faithfulness:
    """Whether a map tells the truth about a label's probability."""
    index = list(answer.probabilities).index(label)
    grey = answer.square_input
    return faithfulness.check(
        lambda inputs: model.predict(inputs)[:, index],
        grey,
        blurred(grey),
        answer.frame.shrink(heat),
        label=label,
        seed=seed,
        random=random,
        progress=progress,
    )
