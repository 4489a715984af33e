"""The explained picture: the scan with a heatmap and the outlines, in the pixels of the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hcc_xai.explain.methods import METHODS, Explanation
from hcc_xai.imaging import draw
from hcc_xai.language import words
from hcc_xai.reports.answer import Answer

Picture = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Look:
    """How an answer is drawn.

    Attributes:
        label: whose map; the answer's by default.
        kind: of map ("grad-cam++", "contribution"), or None for no heatmap.
        absolute: on the bundle's fixed scale; else the map's own largest value is full strength.
        opacity: of the heatmap, 0 to 1.
        colour_map: one of `draw.COLOUR_MAPS`; signed maps have colours of their own.
        show: the masks whose outlines are drawn; all by default.
    """

    label: str | None = None
    kind: str | None = "grad-cam++"
    absolute: bool = True
    opacity: float = 0.6
    colour_map: str = "inferno"
    show: Sequence[str] | None = None


def overlay(answer: Answer, look: Look) -> Picture:
    """The scan with one of the answer's own maps, (H, W, 3) uint8 RGB; text outside the sector is
    black. Marked where the gate stopped the picture, unless nothing at all is drawn on it."""
    lines = _lines(answer, look)
    if look.kind is None:
        masks = _masks(answer, look)
        shown = draw.overlay(answer.image.pixels, answer.sector, masks, lines=lines)
        return marked(answer, shown) if masks else shown
    heat = answer.heatmap(look.label, look.kind)
    shown = draw.overlay(
        answer.image.pixels,
        answer.sector,
        _masks(answer, look),
        heat=heat,
        lines=lines,
        scale=answer.scale(look.kind) if look.absolute else draw.own_scale(heat),
        opacity=look.opacity,
        colour_map=look.colour_map,
        signed=METHODS[look.kind].signed,
    )
    return marked(answer, shown)


def overlay_of(answer: Answer, explanation: Explanation, look: Look) -> Picture:
    """The scan with the map of an explanation, (H, W, 3) uint8 RGB; marked where the gate stopped
    the picture."""
    heat = explanation.map
    shown = draw.overlay(
        answer.image.pixels,
        answer.sector,
        _masks(answer, look),
        heat=heat,
        scale=explanation.scale if look.absolute else draw.own_scale(heat),
        opacity=look.opacity,
        colour_map=look.colour_map,
        signed=explanation.signed,
    )
    return marked(answer, shown)


def marked(answer: Answer, picture: Picture) -> Picture:
    """A picture of an answer, with a bar that says so where the gate stopped the image."""
    if answer.accepted and not answer.let_through:
        return picture
    nouns = words.in_language(answer.nouns, "en")
    return draw.mark(picture, words.say("marked", "en", **nouns).upper())


def _masks(answer: Answer, look: Look) -> dict[str, NDArray[np.bool_]]:
    """The masks that are drawn, by what they are; the target last, on top of the organ."""
    names = answer.masks if look.show is None else look.show
    shown = {answer.role(name): answer.masks[name] for name in names}
    if "lesion" in shown:
        shown["lesion"] = shown.pop("lesion")
    return shown


def _lines(answer: Answer, look: Look) -> list[NDArray[np.bool_]]:
    """What lies within the inner and the outer lines of the lesions, where the bundle draws
    them."""
    if look.show is not None and answer.target not in look.show:
        return []
    both = [line for lesion in answer.lesions for line in (lesion.inner, lesion.outer)]
    return [line for line in both if line is not None and line.any()]
