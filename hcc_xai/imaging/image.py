"""Image: the pixels of a picture, grey and in colour, and where their spacing is known.

Also what all readers share: the checks, and the way from stored values to pixels.
"""

from __future__ import annotations

import operator
from dataclasses import asdict, dataclass
from typing import Any, SupportsIndex

import numpy as np

from hcc_xai.errors import ImageError
from hcc_xai.imaging.packing import pack, unpack

MAX_PIXELS = 64_000_000
MIN_SIDE = 16  # pixels
MAX_MM = 5.0  # per pixel


@dataclass(frozen=True)
class Region:
    """A rectangle of the picture that has its own spacing.

    Rows and columns are counted in pixels of the file, after it was turned upright.

    Attributes:
        top: first row.
        left: first column.
        bottom: row after the last one.
        right: column after the last one.
        mm_per_row: distance between neighbouring rows in mm, above 0 and at most 5.
        mm_per_column: distance between neighbouring columns in mm, above 0 and at most 5.
    """

    top: int
    left: int
    bottom: int
    right: int
    mm_per_row: float
    mm_per_column: float

    def to_dict(self) -> dict[str, float]:
        """Each attribute by its name."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Image:
    """One picture, ready for the sector finder.

    Attributes:
        pixels: (H, W, 3) uint8, RGB, for display.
        grey: (H, W) float32 in [0, 1], at the full bit depth of the file; the luma of colour files.
        regions: the rectangles whose spacing is known; they may overlap.
        frame: which frame of the file this is, counted from 0.
        frames: how many frames the file has.
        source: base name of the file without control characters; "array" for an array.
        sha256: of the file's bytes; of the pixels for an array.
        burned_in: whether a DICOM file says that text is burned into its pixels.
        magnification: of a projection whose file gives the spacing at the detector: how much larger
            things are there than in the patient, by which the spacing was divided; 1.0 where the
            file does not say it. None of other pictures.
    """

    pixels: np.ndarray
    grey: np.ndarray
    regions: tuple[Region, ...] = ()
    frame: int = 0
    frames: int = 1
    source: str = "array"
    sha256: str = ""
    burned_in: bool = False
    magnification: float | None = None

    def __getstate__(self) -> dict[str, object]:
        """Pixels in few bytes, without loss: a grey picture is one channel, and its grey levels are
        left out where they are those of its pixels."""
        state = dict(self.__dict__)
        red = np.ascontiguousarray(self.pixels[..., 0])
        same = all(np.array_equal(red, self.pixels[..., i]) for i in (1, 2))
        state["pixels"] = pack(red if same else self.pixels)
        derived = same and np.array_equal(self.grey, red / np.float32(255))
        state["grey"] = None if derived else pack(self.grey)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        pixels = unpack(state["pixels"])
        grey = pixels / np.float32(255) if state["grey"] is None else unpack(state["grey"])
        shown = np.stack([pixels] * 3, 2) if pixels.ndim == 2 else pixels
        self.__dict__.update({**state, "pixels": shown, "grey": grey})

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width, (H, W), in pixels."""
        return self.grey.shape[0], self.grey.shape[1]

    def spacing_at(self, row: float, col: float) -> tuple[float, float] | None:
        """The spacing at a point of the picture.

        Args:
            row: distance from the top edge in pixels.
            col: distance from the left edge in pixels.

        Returns:
            (mm per row, mm per column) of the smallest region that holds the point; None where no
            region holds it.
        """
        holders = [r for r in self.regions if r.top <= row < r.bottom and r.left <= col < r.right]
        if not holders:
            return None
        region = min(holders, key=lambda r: (r.bottom - r.top) * (r.right - r.left))
        return region.mm_per_row, region.mm_per_column

    def to_dict(self) -> dict[str, object]:
        """Everything but the pixels, as JSON can hold it."""
        height, width = self.shape
        return {
            "source": self.source,
            "sha256": self.sha256,
            "height": height,
            "width": width,
            "frame": self.frame,
            "frames": self.frames,
            "burned_in": self.burned_in,
            "magnification": self.magnification,
            "regions": [region.to_dict() for region in self.regions],
        }


def render(values: np.ndarray, full: float) -> tuple[np.ndarray, np.ndarray]:
    """The pixels and the grey levels of an `Image` from stored values.

    Where the values have alpha they are laid over black, because the surround of a scan is black.

    Args:
        values: (H, W) or (H, W, 1) grey, (H, W, 3) RGB or (H, W, 4) RGBA, from 0 to `full`.
        full: the value of white.

    Returns:
        `Image.pixels`, (H, W, 3) uint8, and `Image.grey`, (H, W) float32 in [0, 1].

    Raises:
        ImageError: the picture is too small or too large, holds NaN, or is of one even shade.
    """
    check_size(*values.shape[:2])
    values = values[..., 0] if values.shape[2:] == (1,) else values
    pixels = np.empty((*values.shape[:2], 3), np.uint8)
    grey = np.empty(values.shape[:2], np.float32)
    rows = max(1, 2**16 // values.shape[1])
    for top in range(0, len(values), rows):
        # Strip by strip: it stays in the cache, and 64 megapixels as floats would take 0.8 GB.
        strip = slice(top, top + rows)
        if full == 255 and _is_grey(values[strip]):
            pixels[strip], grey[strip] = values[strip], values[strip, :, 0] / np.float32(255)
            continue
        unit = np.minimum(values[strip].astype(np.float32) / np.float32(full), 1)
        check_finite(unit)
        if unit.shape[2:] == (4,):
            unit = unit[..., :3] * unit[..., 3:]
        grey[strip] = unit if unit.ndim == 2 else _luma(unit)
        pixels[strip] = np.rint(unit * 255).reshape(*unit.shape[:2], -1)
    if grey.min() == grey.max():
        raise ImageError(
            "picture-one-shade", "This picture is one even shade: there is nothing to see in it."
        )
    return pixels, grey


def _is_grey(values: np.ndarray) -> bool:
    """Whether (H, W, C) are three equal channels of 8 bits; of those, what follows is known."""
    if values.dtype != np.uint8 or values.shape[2:] != (3,):
        return False
    red = values[..., 0]
    return np.array_equal(red, values[..., 1]) and np.array_equal(red, values[..., 2])


def _luma(unit: np.ndarray) -> np.ndarray:
    """(H, W, 3) -> (H, W), ITU-R BT.601; exactly the red channel where all three are the same."""
    red, green, blue = unit[..., 0], unit[..., 1], unit[..., 2]
    luma: np.ndarray = red + 0.587 * (green - red) + 0.114 * (blue - red)
    return luma.clip(0, 1)


def check_finite(values: np.ndarray) -> None:
    """Refuse a picture with values that are no numbers.

    Args:
        values: of any shape and type.

    Raises:
        ImageError: a value is NaN or infinite.
    """
    if not np.isfinite(values).all():
        raise ImageError(
            "picture-not-finite",
            "This picture holds values that are not numbers (NaN or infinite).",
        )


def check_size(height: int, width: int) -> None:
    """Refuse a picture that is too small to show anything, or too large for the memory.

    Args:
        height: in pixels.
        width: in pixels.

    Raises:
        ImageError: a side has fewer than 16 pixels, or the picture more than 64 megapixels.
    """
    if min(height, width) < MIN_SIDE:
        raise ImageError(
            "picture-too-small",
            "This picture is too small ({width} x {height} pixels): a side needs at least {least}.",
            width=width,
            height=height,
            least=MIN_SIDE,
        )
    if height * width > MAX_PIXELS:
        raise ImageError(
            "picture-too-large",
            "This picture is too large ({width} x {height} pixels): "
            "at most {most} megapixels are read.",
            width=width,
            height=height,
            most=MAX_PIXELS // 10**6,
        )


def choose_frame(frame: int | None, frames: int) -> int:
    """Which frame of a file is read.

    Args:
        frame: the frame that was asked for, counted from 0; None for the middle one.
        frames: how many the file has.

    Returns:
        Its number, from 0 to `frames` - 1.

    Raises:
        ImageError: the file has no such frame.
    """
    if frame is None:
        return frames // 2
    if not isinstance(frame, SupportsIndex) or not 0 <= operator.index(frame) < frames:
        if frames > 1:
            raise ImageError(
                "frame-not-there",
                "Frame {frame} is not in this picture: it has {frames}, 0 to {last}.",
                frame=str(frame),
                frames=frames,
                last=frames - 1,
            )
        raise ImageError(
            "frame-only-one",
            "Frame {frame} is not in this picture: it has only frame 0.",
            frame=str(frame),
        )
    return operator.index(frame)


def plausible(region: Region) -> bool:
    """Whether a region holds a pixel, and its pixels measure more than 0 and at most 5 mm."""
    spaced = 0 < region.mm_per_row <= MAX_MM and 0 < region.mm_per_column <= MAX_MM
    return spaced and region.top < region.bottom and region.left < region.right
