"""Files and arrays -> Image: PNG, JPEG, TIFF, BMP, WebP, GIF and DICOM, told apart by content.

Whatever the readers raise leaves this module as one `ImageError` of one plain sentence. No tag,
EXIF entry or path is kept, so nothing that could name a patient travels on with an `Image`.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
import warnings
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from hcc_xai.errors import HccXaiError, ImageError, SpacingError
from hcc_xai.imaging import refusals
from hcc_xai.imaging.dicom import DICOM_ENDINGS, read_dicom
from hcc_xai.imaging.image import (
    MAX_MM,
    Image,
    Region,
    check_finite,
    check_size,
    choose_frame,
    render,
)
from hcc_xai.imaging.raster import RASTER_ENDINGS, read_raster

__all__ = ["Image", "Reader", "Region", "Source", "Spacing", "READERS", "read", "decode", "sniff"]
__all__ += ["ENDINGS", "MAX_BYTES"]

# How the names of pictures end, the commonest first: for names that are given without an ending.
ENDINGS = (*RASTER_ENDINGS, *DICOM_ENDINGS)
MAX_BYTES = 512 * 2**20  # of a file, and of a deflated one when inflated

# Group 2 or 8 in either byte order: what a DICOM file without a preamble starts with.
_DICOM = re.compile(rb"(?s)([\x02\x08]\0.[\0-\x20]|\0[\x02\x08][\0-\x20].)")
_RASTER = re.compile(rb"(?s)\x89PNG\r\n\x1a\n|\xff\xd8\xff|II[*+]\0|MM\0[*+]|BM|GIF8|RIFF....WEBP")

Source = str | os.PathLike[str] | np.ndarray | Image
Spacing = float | tuple[float, float] | None
Reader = Callable[[bytes, int | None], Image]


def read(source: Source, *, frame: int | None = None, mm_per_pixel: Spacing = None) -> Image:
    """Read a picture from a file or an array.

    Args:
        source: a path; an array, (H, W) or (H, W, 1) grey, (H, W, 3) RGB or (H, W, 4) RGBA, of
            bool, uint8, uint16 or float in [0, 1]; or an Image, which is handed on.
        frame: which frame of a file with several, counted from 0; the middle one by default.
        mm_per_pixel: spacing that the user knows, one number or (per row, per column); it covers
            the whole picture and wins over the file's.

    Raises:
        ImageError: the source cannot be read as a picture; one sentence says why.
        SpacingError: `mm_per_pixel` is not between 0 and 5 mm.
    """
    spacing = _check_spacing(mm_per_pixel)
    if isinstance(source, Image):
        if frame is not None and frame != source.frame:
            raise ImageError(
                "frame-is-another",
                "This picture is frame {own} already; read its file again for frame {frame}.",
                own=source.frame,
                frame=str(frame),
            )
        return _with_spacing(source, spacing)
    if isinstance(source, np.ndarray):
        return _with_spacing(_from_array(source, frame), spacing)
    if not isinstance(source, str | os.PathLike):
        raise ImageError(
            "source-kind",
            "Expected a path, an array or an Image, got {got}.",
            got=type(source).__name__,
        )
    return decode(_load(source), name=os.fspath(source), frame=frame, mm_per_pixel=mm_per_pixel)


def decode(
    data: bytes, *, name: str = "upload", frame: int | None = None, mm_per_pixel: Spacing = None
) -> Image:
    """Read a picture from the bytes of a file; its kind is told by content, not by its name.

    Args:
        data: the whole file.
        name: what the file is called; only its base name is kept, as `Image.source`.
        frame: which frame of a file with several, counted from 0; the middle one by default.
        mm_per_pixel: spacing that the user knows, one number or (per row, per column); it covers
            the whole picture and wins over the file's.

    Raises:
        ImageError: the bytes cannot be read as a picture.
        SpacingError: `mm_per_pixel` is not between 0 and 5 mm.
    """
    spacing = _check_spacing(mm_per_pixel)
    reader = READERS[sniff(data)]
    try:
        with _quiet:
            _check_inflated(data)
            image = reader(data, frame)
    except (HccXaiError, ImportError):
        raise
    except EOFError:
        raise refusals.cut_short() from None
    except Exception:
        # The one boundary: Pillow and pydicom raise many types, whose messages hold values of tags.
        raise refusals.damaged() from None
    image = replace(image, source=_clean(name), sha256=hashlib.sha256(data).hexdigest())
    return _with_spacing(image, spacing)


def sniff(data: bytes) -> str:
    """Name the reader for the bytes of a file.

    Args:
        data: the whole file.

    Returns:
        A key of `READERS`: "dicom" or "raster".

    Raises:
        ImageError: no reader takes them; the sentence names what they are, where that is known.
    """
    if len(data) > MAX_BYTES:
        raise refusals.too_large(MAX_BYTES)
    if data[128:132] == b"DICM":
        return "dicom"
    if _RASTER.match(data):
        return "raster"
    other = refusals.other_kind(data[:4096])
    if other is not None:
        raise other
    length = int.from_bytes(data[4:8], "little")
    if _DICOM.match(data) and (length < len(data) or re.match(rb"[A-Z]{2}", data[4:])):
        return "dicom"
    raise refusals.no_picture()


def _check_inflated(data: bytes) -> None:
    """Refuse deflated data that are cut short or would fill the memory (pydicom has no limit)."""
    if data[128:132] != b"DICM" or b"1.2.840.10008.1.2.1.99" not in data[132:1024]:
        return
    start = 144 + int.from_bytes(data[140:144], "little")  # the group length ends at 144
    inflater, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
    for place in range(start, len(data), 2**16):
        size += len(inflater.decompress(data[place : place + 2**16]))
        if size > MAX_BYTES:
            raise refusals.too_large_inflated(MAX_BYTES)
    if not inflater.eof:
        raise refusals.cut_short()


def _from_array(array: np.ndarray, frame: int | None) -> Image:
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 3, 4):
        raise ImageError(
            "array-shape",
            "An array must be (H, W), (H, W, 3) or (H, W, 4), got {shape}.",
            shape=str(array.shape),
        )
    check_size(*array.shape[:2])
    choose_frame(frame, 1)
    scales = {"bool": 1, "uint8": 255, "uint16": 65535}
    full = 1 if array.dtype.kind == "f" else scales.get(array.dtype.name)
    if full is None:
        raise ImageError(
            "array-type",
            "An array must be bool, uint8, uint16 or float, got {got}.",
            got=array.dtype.name,
        )
    if array.dtype.kind == "f":
        check_finite(array)
        low, high = array.min(), array.max()
        if low < 0 or high > 1:
            raise ImageError(
                "array-range",
                "A float array must lie in 0 to 1, got {low:g} to {high:g}; "
                "scale it or convert it to uint8.",
                low=float(low),
                high=float(high),
            )
    pixels, grey = render(array, full)
    return Image(pixels, grey, sha256=hashlib.sha256(array.tobytes()).hexdigest())


def _check_spacing(value: Spacing) -> tuple[float, float] | None:
    if value is None:
        return None
    pair = value if isinstance(value, tuple | list) else (value, value)
    try:
        row, column = (float(v) for v in pair)
    except (TypeError, ValueError):
        row = column = float("nan")
    if not (0 < row <= MAX_MM and 0 < column <= MAX_MM):
        raise SpacingError(
            "spacing-range",
            "A pixel must measure more than 0 and at most {most:g} mm, got {got}.",
            most=MAX_MM,
            got=repr(value),
        )
    return row, column


def _with_spacing(image: Image, spacing: tuple[float, float] | None) -> Image:
    if spacing is None:
        return image
    return replace(image, regions=(Region(0, 0, *image.shape, *spacing),), magnification=None)


def _load(source: str | os.PathLike[str]) -> bytes:
    path = Path(source)
    try:
        if path.is_dir():
            raise refusals.is_folder()
        if not path.is_file():
            raise refusals.not_there()
        if path.stat().st_size > MAX_BYTES:
            raise refusals.too_large(MAX_BYTES)
        return path.read_bytes()
    except OSError:
        raise refusals.not_opened() from None


def _clean(name: str) -> str:
    """The base name, without control characters and bytes that are no text."""
    base = re.split(r"[/\\]", name)[-1]
    return "".join(c for c in base if c.isprintable()).strip() or "unnamed"


class _Quiet:
    """Hides the warnings of the readers, whose text may hold values of tags.

    Python keeps one list of filters for all threads, so the first to enter saves it and the last to
    leave puts it back; each thread for itself would put back another's.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._saved = warnings.catch_warnings()
                self._saved.__enter__()
                ours = r"hcc_xai\.imaging\.(read|dicom|raster|image)"
                readers = rf"({ours}|pydicom|PIL|openjpeg|jpeg_ls)\b"
                warnings.filterwarnings("ignore", module=readers)
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._saved.__exit__(None, None, None)


_quiet = _Quiet()
READERS: dict[str, Reader] = {"dicom": read_dicom, "raster": read_raster}
