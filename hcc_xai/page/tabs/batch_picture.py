"""A picture of the grid of a batch, and maps kept small until one is drawn."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from hcc_xai.analysis.result import Analysis
from hcc_xai.explain.methods import Explanation
from hcc_xai.imaging import draw
from hcc_xai.page.tabs.batch_layout import GridView
from hcc_xai.page.tabs.view import View, masks_of


def picture(a: Analysis, view: GridView, heat: Explanation | None) -> NDArray[np.uint8]:
    """A picture of the grid, (H, W, 3) RGB.

    Args:
        a: the answer, small.
        view: how it is drawn.
        heat: the map that `view` asks for, where it took another run and is there.
    """
    outlines = [layer for layer in view.show if layer != "heatmap"]
    if not a.accepted:
        return a.overlay(kind=None, show=())
    if heat is not None and view.asked:
        large = _large(heat, a.sector)
        masks = masks_of(a, outlines)
        return a.overlay_of(large, opacity=view.opacity, colour_map=view.colour_map, show=masks)
    layers = outlines if view.asked else view.show
    return View(
        layers, view.opacity, view.label_of(a), view.method, "absolute", view.colour_map
    ).draw(a)


def small_map(explanation: Explanation) -> Explanation:
    """An explanation in a thirtieth of the memory, to be drawn: on a scale of its own, as single
    pixels are not as strong as they were."""
    resized = cv2.resize(explanation.map, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    small = np.asarray(resized, np.float32)
    scale = draw.own_scale(small)
    return replace(explanation, map=(small / scale).astype(np.float16), scale=1.0)


def _large(explanation: Explanation, sector: NDArray[np.bool_]) -> Explanation:
    values = cv2.resize(explanation.map.astype(np.float32), sector.shape[::-1])
    return replace(explanation, map=np.where(sector, values, 0).astype(np.float32))
