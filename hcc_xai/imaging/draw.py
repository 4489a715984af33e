"""Outlines, heatmaps and scales: the only place that normalises or colours.

Pictures are (H, W, 3) uint8 RGB in the pixels of the file. The colours are safe for colour-blind
readers: lesion orange, organ sky blue (Okabe and Ito); colour maps are perceptually even.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypedDict, Unpack

import cv2
import numpy as np
from numpy.typing import NDArray

from hcc_xai.errors import ArgumentError, unknown

COLOURS = {"lesion": (230, 159, 0), "organ": (86, 180, 233)}  # by what a mask is
OTHER_COLOUR = (204, 121, 167)  # of masks that are neither
BAND_COLOURS = {"green": "#009E73", "amber": "#E69F00", "red": "#D55E00"}
COLOUR_MAPS = ("inferno", "viridis", "cividis", "magma")  # for maps that are not negative
SIGNED_MAP = (
    "berlin"  # for signed maps: blue speaks against, red for; dark in the middle, as the picture is
)


@lru_cache(maxsize=16)
def lookup(name: str) -> NDArray[np.uint8]:
    """The colours of a colour map.

    Args:
        name: one of `COLOUR_MAPS`, or `SIGNED_MAP`.

    Returns:
        (256, 3) uint8, RGB, from the least value to the most.

    Raises:
        ArgumentError: not one of `COLOUR_MAPS` or `SIGNED_MAP`.
    """
    if name not in (*COLOUR_MAPS, SIGNED_MAP):
        raise unknown("colour map", name, (*COLOUR_MAPS, SIGNED_MAP))
    from matplotlib import colormaps

    table: NDArray[np.uint8] = (
        (colormaps[name](np.arange(256))[:, :3] * 255).round().astype(np.uint8)
    )
    return table


def hide_outside(pixels: NDArray[np.uint8], sector: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The scan alone: text, marks and names outside the sector are black.

    Args:
        pixels: (H, W, 3) uint8, RGB.
        sector: (H, W) bool, what was scanned.

    Returns:
        (H, W, 3) uint8, a new picture.
    """
    shown = cv2.bitwise_and(pixels, pixels, mask=sector.view(np.uint8))
    return np.asarray(shown, np.uint8)


class HeatOptions(TypedDict, total=False):
    """How `add_heat` draws a map; its arguments of these names say what they mean."""

    scale: float
    opacity: float
    colour_map: str
    signed: bool


def add_heat(
    pixels: NDArray[np.uint8],
    values: NDArray[np.float32],
    *,
    scale: float,
    opacity: float = 0.6,
    colour_map: str = "inferno",
    signed: bool = False,
) -> NDArray[np.uint8]:
    """A heatmap over a picture; where the map is zero the picture stays as it is.

    Args:
        pixels: (H, W, 3) uint8, RGB.
        values: (H, W) float32, the map in its own unit.
        scale: the absolute value that is drawn at full strength; larger ones look the same.
        opacity: 0 to 1, of the colour at full strength.
        colour_map: one of `COLOUR_MAPS`; a signed map has its own.
        signed: use the two-sided colour map, zero in its middle.

    Returns:
        (H, W, 3) uint8, a new picture.

    Raises:
        ArgumentError: opacity outside 0 to 1, scale not above zero, unknown colour map.
    """
    if not 0 <= opacity <= 1:
        raise ArgumentError(
            "heat-opacity", "opacity is {opacity}; allowed is 0 to 1", opacity=opacity
        )
    if not scale > 0:
        raise ArgumentError(
            "heat-scale", "scale is {scale}; allowed is anything above 0", scale=scale
        )
    level = np.ascontiguousarray(values, np.float32) / np.float32(scale)
    strength = np.abs(level) if signed else np.maximum(level, 0)
    index = cv2.convertScaleAbs(
        np.clip(level + 1, 0, 2) if signed else strength, None, 255 / (1 + signed)
    )
    table = lookup(SIGNED_MAP if signed else colour_map)
    colours = cv2.LUT(cv2.merge([index] * 3), table[None])
    # Full opacity from a third of the scale on, so that weak evidence is seen and none is not.
    alpha = np.minimum(strength, 1 / 3) * (3 * opacity)
    drawn = cv2.blendLinear(np.ascontiguousarray(pixels), colours, 1 - alpha, alpha)
    return np.asarray(drawn, np.uint8)


def own_scale(values: NDArray[np.float32]) -> float:
    """The scale that shows this picture's own strongest evidence at full strength.

    Args:
        values: (H, W) float32, the map in its own unit.

    Returns:
        Its largest absolute value; 1 where it is zero everywhere.
    """
    largest = float(np.abs(values).max())
    return largest if largest > 0 else 1.0


def add_outline(
    pixels: NDArray[np.uint8], mask: NDArray[np.bool_], colour: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Draw a thin line round a mask, on its inner edge.

    Args:
        pixels: (H, W, 3) uint8, RGB.
        mask: (H, W) bool.
        colour: red, green and blue, 0 to 255.

    Returns:
        (H, W, 3) uint8, a new picture.
    """
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    width = max(1, round(max(mask.shape) / 800))
    drawn = np.array(pixels)
    cv2.drawContours(drawn, contours, -1, colour, width)
    return drawn


def add_dots(
    pixels: NDArray[np.uint8], mask: NDArray[np.bool_], colour: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Draw a dotted line round a mask, on its inner edge.

    Args:
        pixels: (H, W, 3) uint8, RGB.
        mask: (H, W) bool.
        colour: red, green and blue, 0 to 255.

    Returns:
        (H, W, 3) uint8, a new picture.
    """
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    width = max(1, round(max(mask.shape) / 800))
    drawn = np.array(pixels)
    for contour in contours:
        for start in range(0, len(contour), 6 * width):
            dot = contour[start : start + 2 * width]
            cv2.polylines(drawn, [dot], False, colour, width)
    return drawn


def overlay(
    pixels: NDArray[np.uint8],
    sector: NDArray[np.bool_],
    masks: dict[str, NDArray[np.bool_]],
    *,
    heat: NDArray[np.float32] | None = None,
    lines: Sequence[NDArray[np.bool_]] = (),
    **heat_options: Unpack[HeatOptions],
) -> NDArray[np.uint8]:
    """The explained picture: the scan, a heatmap if there is one, and outlines.

    Args:
        pixels: (H, W, 3) uint8, RGB.
        sector: (H, W) bool, what was scanned; the rest becomes black.
        masks: name -> (H, W) bool; each is outlined, the last on top.
        heat: (H, W) float32, a map in its own unit.
        lines: (H, W) bool each; masks with a dotted outline in the lesion's colour.
        heat_options: how `add_heat` draws the map: `scale`, `opacity`, `colour_map`, `signed`.

    Returns:
        (H, W, 3) uint8, a new picture.
    """
    shown = hide_outside(pixels, sector)
    if heat is not None:
        shown = add_heat(shown, heat, **heat_options)
    for name, mask in masks.items():
        shown = add_outline(shown, mask, COLOURS.get(name, OTHER_COLOUR))
    for line in lines:
        shown = add_dots(shown, line, COLOURS["lesion"])
    return shown


def mark(pixels: NDArray[np.uint8], text: str) -> NDArray[np.uint8]:
    """Write a line of text on a bar across the top of a picture, for answers not to rely on.

    Args:
        pixels: (H, W, 3) uint8, RGB.
        text: ASCII only.

    Returns:
        (H, W, 3) uint8, a new picture.
    """
    drawn = np.array(pixels)
    height = max(14, drawn.shape[0] // 24)
    drawn[:height] = COLOURS["lesion"]
    size, _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 1)
    scale = min(0.6 * height / size[1], 0.9 * drawn.shape[1] / size[0])
    place = (max(2, drawn.shape[1] // 40), round(height * 0.75))
    cv2.putText(drawn, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 1, cv2.LINE_AA)
    return drawn


def css_gradient(*, signed: bool, colour_map: str = "inferno") -> str:
    """A colour map as a CSS gradient, for a scale beside the picture.

    Args:
        signed: use the two-sided colour map, zero in its middle.
        colour_map: one of `COLOUR_MAPS`, where the map is not signed.

    Returns:
        A `linear-gradient(...)` from left (least) to right (most).
    """
    table = lookup(SIGNED_MAP if signed else colour_map)
    stops = ", ".join("rgb({},{},{})".format(*table[i]) for i in np.linspace(0, 255, 9).astype(int))
    return f"linear-gradient(to right, {stops})"


def png(pixels: NDArray[Any]) -> bytes:
    """Write a picture or a mask as a PNG file without metadata.

    Args:
        pixels: (H, W, 3) uint8 RGB, (H, W) uint8 grey, or (H, W) bool, written as 0 and 255.

    Returns:
        The bytes of the file.
    """
    how = [cv2.IMWRITE_PNG_COMPRESSION, 1]  # what is fast and hardly larger
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8) * 255
        how += [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
        how += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE]
    else:
        how += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_SUB]
    if pixels.ndim == 3:
        pixels = pixels[..., ::-1]
    return cv2.imencode(".png", pixels, how)[1].tobytes()
