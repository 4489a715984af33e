"""PNG, JPEG, TIFF, BMP, WebP and GIF -> Image."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import cv2
import numpy as np

from hcc_xai.errors import ImageError
from hcc_xai.imaging.image import MAX_PIXELS, Image, check_size, choose_frame, render
from hcc_xai.imaging.refusals import cut_short, damaged

if TYPE_CHECKING:
    import PIL.Image

RASTER_ENDINGS = (".jpg", ".png", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif")
_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF")


def read_raster(data: bytes, frame: int | None) -> Image:
    """Read one frame or page of a picture file, turned upright.

    Args:
        data: the whole file.
        frame: which frame or page, counted from 0; None for the middle one.

    Raises:
        ImageError: the file is damaged, cut short or too large; Pillow raises other types too.
    """
    import PIL.Image
    import PIL.ImageOps

    try:
        picture: PIL.Image.Image = PIL.Image.open(BytesIO(data), formats=_FORMATS)
        # The second picture of an MPO is a preview or the other eye.
        frames = 1 if picture.format == "MPO" else int(getattr(picture, "n_frames", 1))
        check_size(picture.height, picture.width)
        frame = choose_frame(frame, frames)
        picture.seek(frame)
        check_size(picture.height, picture.width)
        tags = dict(getattr(picture, "tag_v2", {}))
        picture.load()
        orientation = int(picture.getexif().get(0x0112, 1))
    except PIL.Image.DecompressionBombError:
        raise ImageError(
            "picture-too-large-unsized",
            "This picture is too large: at most {most} megapixels are read.",
            most=MAX_PIXELS // 10**6,
        ) from None
    except (OSError, SyntaxError) as error:
        cut = "truncated" in str(error) or "not processed" in str(error) or _endless(data)
        raise (cut_short() if cut else damaged()) from None
    bits = data[24] if picture.format == "PNG" else max(tags.get(258, (8,)))  # 24: of IHDR
    if bits == 16 and picture.mode in ("RGB", "RGBA", "RGBX", "LA"):
        pixels, grey = render(_deep(data, frame, orientation), 65535)
    else:
        picture = PIL.ImageOps.exif_transpose(picture)
        pixels, grey = render(*_values(picture, bits, inverted=tags.get(262) == 0))
    return Image(pixels, grey, (), frame, frames)


def _endless(data: bytes) -> bool:
    """Whether a JPEG or PNG lacks the mark of its end."""
    ends = {b"\xff\xd8": b"\xff\xd9", b"\x89PNG": b"IEND"}
    return any(data.startswith(start) and end not in data[-1024:] for start, end in ends.items())


def _deep(data: bytes, page: int, orientation: int) -> np.ndarray:
    """16-bit colour, which Pillow would cut to 8 -> (H, W, 3 or 4) uint16, turned upright."""
    done, pages = cv2.imdecodemulti(
        np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED, range=(page, page + 1)
    )
    if not done or pages[0].dtype != np.uint16:
        raise cut_short() if _endless(data) else damaged()
    array = pages[0] if data.startswith((b"II", b"MM")) else _upright(pages[0], orientation)
    if array.ndim == 2:
        return array
    return array[..., [2, 1, 0, 3][: array.shape[2]]]  # OpenCV keeps blue first


def _upright(array: np.ndarray, orientation: int) -> np.ndarray:
    """Undo an EXIF orientation: 2 to 4 are flips, 5 to 8 the same after a transposition."""
    if orientation >= 5:
        array = array.swapaxes(0, 1)
    rows, columns = orientation in (3, 4, 7, 8), orientation in (2, 3, 6, 7)
    return array[:: -1 if rows else 1, :: -1 if columns else 1]


def _values(picture: PIL.Image.Image, bits: int, *, inverted: bool) -> tuple[np.ndarray, float]:
    """A Pillow picture -> (array, the value of white)."""
    if picture.mode.startswith("I;16"):
        full = 2 ** min(bits, 16) - 1
        values = np.asarray(picture)
        return (full - values if inverted else values), full
    if picture.mode in ("I", "F"):  # without a scale of their own, unless from 0 to 1
        values = np.asarray(picture, np.float32)
        low, high = float(values.min()), float(values.max())
        if 0 <= low and high <= 1 and picture.mode == "F":
            return values, 1
        return values - np.float32(low), (high - low) or 1
    alpha = "A" in picture.mode.upper().replace("LAB", "") or "transparency" in picture.info
    return np.asarray(picture.convert("RGBA" if alpha else "RGB")), 255
