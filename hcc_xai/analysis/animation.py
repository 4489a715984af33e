"""The layers at work: one map a layer, from the first block to the last, as a moving picture, so
that one sees how the evidence gathers."""

from __future__ import annotations

import io
from dataclasses import dataclass

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.analysis.result import Analysis

METHOD = "layer-cam"  # it keeps its place in shallow layers, where one weight a channel says little
_SIDE = 640  # longer side of the moving picture, pixels
_STEP_MS, _LAST_MS = 700, 2200


@dataclass(frozen=True, eq=False)
class Animation:
    """frames: (H, W, 3) uint8 each, at most 640 pixels wide or high; names: of the layers, first
    to last; sizes: (rows, columns) of each layer's map."""

    frames: tuple[NDArray[np.uint8], ...]
    names: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]

    def gif(self) -> bytes:
        """For anything that shows pictures."""
        return self._write("GIF")

    def webp(self) -> bytes:
        """Smaller, and with all its colours."""
        return self._write("WEBP", quality=80, method=2)

    def _write(self, form: str, **options: int) -> bytes:
        first, *others = (PIL.Image.fromarray(frame) for frame in self.frames)
        file = io.BytesIO()
        times = [_STEP_MS] * len(others) + [_LAST_MS]
        first.save(
            file, form, save_all=True, append_images=others, duration=times, loop=0, **options
        )
        return file.getvalue()


def animate(analyzer: Analyzer, answer: Analysis, *, label: str | None = None) -> Animation:
    """The attribution of every layer, each on its own scale.

    Args:
        label: the answer by default.

    Raises:
        ArgumentError: an unknown label.
    """
    frames, sizes = [], []
    scale = min(1.0, _SIDE / max(answer.image.shape))
    for layer in analyzer.layers:
        found = analyzer.explain(answer, METHOD, label=label, layer=layer)
        drawn = answer.overlay_of(found)
        small = cv2.resize(drawn, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        rows, cols = found.resolution
        frames.append(_named(small.astype(np.uint8), f"{layer}  {cols} x {rows}"))
        sizes.append((rows, cols))
    return Animation(tuple(frames), analyzer.layers, tuple(sizes))


def _named(frame: NDArray[np.uint8], text: str) -> NDArray[np.uint8]:
    """A bar below the picture with a layer's name and resolution."""
    height = max(18, frame.shape[0] // 20)
    bar = np.zeros((height, frame.shape[1], 3), np.uint8)
    place = (8, round(0.72 * height))
    cv2.putText(
        bar, text, place, cv2.FONT_HERSHEY_SIMPLEX, height / 40, (230, 230, 230), 1, cv2.LINE_AA
    )
    return np.vstack([frame, bar])
