"""Files and arrays -> Image: PNG, JPEG, TIFF, BMP, WebP, GIF and DICOM, told apart by content.

Whatever the readers raise leaves this module as one `ImageError` of one plain sentence. No tag,
EXIF entry or path is kept, so nothing that could name a patient travels on with an `Image`.
"""

import hashlib
import operator
import os
import re
import subprocess
import sys
import threading
import warnings
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from hcc_xai.errors import HccXaiError, ImageError, SpacingError

if TYPE_CHECKING:
    from pydicom import Dataset

MAX_BYTES = 512 * 2**20  # of a file, and of a deflated one when inflated
MAX_PIXELS = 64_000_000
MIN_SIDE = 16  # pixels
MAX_MM = 5.0  # per pixel

KINDS = "a PNG, JPEG, TIFF, BMP, WebP, GIF or DICOM file"
CUT_SHORT = "This file is cut short: a part of the picture is missing; copy or export it again."
DAMAGED = "This file is damaged or of an unsupported kind; export it again as PNG or plain DICOM."
NO_PIXELS = "This DICOM file holds no picture (it may be a report, a plan or a folder listing)."
FILM = "This DICOM file holds a film (MPEG, H.264 or H.265); export it as single pictures."
EVEN = "This picture is one even shade: there is nothing to see in it."

# Group 2 or 8 in either byte order: what a DICOM file without a preamble starts with.
_DICOM = re.compile(rb"(?s)([\x02\x08]\0.[\0-\x20]|\0[\x02\x08][\0-\x20].)")
_RASTER = re.compile(rb"(?s)\x89PNG\r\n\x1a\n|\xff\xd8\xff|II[*+]\0|MM\0[*+]|BM|GIF8|RIFF....WEBP")
_REFUSED = {
    rb"\s*$": "is empty",
    rb"PK[\3\5\7]": "is a ZIP archive (unpack it first)",
    rb"\x1f\x8b|BZh|7z\xbc\xaf|\xfd7zXZ|Rar!": "is a compressed archive (unpack it first)",
    rb"%PDF": "is a PDF document",
    rb"....ftyp": "is a film or an HEIC picture",
    rb"(?s)\s*<.*<svg|\s*<svg": "is an SVG drawing",
    rb"([\t\n\r\x20-\x7e]|[\xc2-\xf4][\x80-\xbf]+)+($|(?<=.{64}))": "holds text",
}


@dataclass(frozen=True)
class Region:
    """A rectangle of the picture that has its own spacing.

    Attributes:
        top, left, bottom, right: half-open, in pixels of the file after EXIF orientation.
        mm_per_row: distance between neighbouring rows in mm.
        mm_per_column: distance between neighbouring columns in mm.
    """

    top: int
    left: int
    bottom: int
    right: int
    mm_per_row: float
    mm_per_column: float

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Image:
    """One picture, ready for the sector finder.

    Attributes:
        pixels: (H, W, 3) uint8, RGB, for display.
        grey: (H, W) float32 in [0, 1], at the full bit depth of the file; the luma of colour files.
        regions: the rectangles whose spacing is known.
        frame, frames: which frame this is, counted from 0, and how many the file has.
        source: base name of the file without control characters; "array" for an array.
        sha256: of the file's bytes; of the pixels for an array.
        burned_in: whether a DICOM file says that text is burned into its pixels.
    """

    pixels: np.ndarray
    grey: np.ndarray
    regions: tuple[Region, ...] = ()
    frame: int = 0
    frames: int = 1
    source: str = "array"
    sha256: str = ""
    burned_in: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W)."""
        return self.grey.shape[0], self.grey.shape[1]

    def spacing_at(self, row: float, col: float) -> tuple[float, float] | None:
        """(mm per row, mm per column) of the smallest region that holds the point, or None."""
        holders = [r for r in self.regions if r.top <= row < r.bottom and r.left <= col < r.right]
        if not holders:
            return None
        region = min(holders, key=lambda r: (r.bottom - r.top) * (r.right - r.left))
        return region.mm_per_row, region.mm_per_column

    def to_dict(self) -> dict[str, Any]:
        """Everything but the pixels."""
        height, width = self.shape
        return {
            "source": self.source,
            "sha256": self.sha256,
            "height": height,
            "width": width,
            "frame": self.frame,
            "frames": self.frames,
            "burned_in": self.burned_in,
            "regions": [region.to_dict() for region in self.regions],
        }


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
            known = f"This picture is frame {source.frame} already"
            raise ImageError(f"{known}; read its file again for frame {frame}.")
        return _with_spacing(source, spacing)
    if isinstance(source, np.ndarray):
        return _with_spacing(_from_array(source, frame), spacing)
    if not isinstance(source, str | os.PathLike):
        raise ImageError(f"Expected a path, an array or an Image, got {type(source).__name__}.")
    return decode(_load(source), name=os.fspath(source), frame=frame, mm_per_pixel=mm_per_pixel)


def decode(
    data: bytes, *, name: str = "upload", frame: int | None = None, mm_per_pixel: Spacing = None
) -> Image:
    """Like `read`, from the bytes of a file: by content, never by the name's extension.

    Raises:
        ImageError: the bytes cannot be read as a picture.
        SpacingError: `mm_per_pixel` is not between 0 and 5 mm.
    """
    spacing = _check_spacing(mm_per_pixel)
    reader = READERS[sniff(data)]
    try:
        with _quiet:
            image = reader(data, frame)
    except (HccXaiError, ImportError):
        raise
    except EOFError:
        raise ImageError(CUT_SHORT) from None
    except Exception:
        # The one boundary: Pillow and pydicom raise many types, whose messages hold values of tags.
        raise ImageError(DAMAGED) from None
    image = replace(image, source=_clean(name), sha256=hashlib.sha256(data).hexdigest())
    return _with_spacing(image, spacing)


def sniff(data: bytes) -> str:
    """Name the reader in `READERS` for the bytes of a file.

    Raises:
        ImageError: no reader takes them; the sentence names what they are, where that is known.
    """
    if len(data) > MAX_BYTES:
        raise ImageError(f"This file is too large: at most {MAX_BYTES >> 20} MB are read.")
    if data[128:132] == b"DICM":
        return "dicom"
    if _RASTER.match(data):
        return "raster"
    for pattern, what in _REFUSED.items():
        if re.match(pattern, data[:4096], re.DOTALL):
            raise ImageError(f"This file {what}; choose {KINDS}.")
    length = int.from_bytes(data[4:8], "little")
    if _DICOM.match(data) and (length < len(data) or re.match(rb"[A-Z]{2}", data[4:])):
        return "dicom"
    raise ImageError(f"This file is not a picture that can be read; choose {KINDS}.")


# --- DICOM ---


_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


def _read_dicom(data: bytes, frame: int | None) -> Image:
    import pydicom
    from pydicom.pixels.processing import apply_color_lut
    from pydicom.pixels.utils import get_expected_length, get_nr_frames

    _check_inflated(data)
    ds = pydicom.dcmread(BytesIO(data), force=True)
    keyword = next((k for k in _PIXELS if k in ds), None)
    if keyword is None or "Rows" not in ds or "Columns" not in ds:
        # pydicom drops an element that the file ends within.
        started = "Rows" in ds and (b"\xe0\x7f\x10\0" in data or b"\x7f\xe0\0\x10" in data)
        raise ImageError(CUT_SHORT if started else NO_PIXELS)
    _check_size(ds.Rows, ds.Columns)
    syntax = _transfer_syntax(ds)
    if "MPEG" in syntax.name or "HEVC" in syntax.name:
        raise ImageError(FILM)
    frames = get_nr_frames(ds, warn=False)
    frame = _choose(frame, frames)
    if syntax.is_encapsulated:
        _check_codestream(ds, frame, frames)
    elif len(ds[keyword].value) < get_expected_length(ds):
        raise ImageError(CUT_SHORT)
    array = _decode_frame(data, ds, frame)
    _flatten(ds, frame)
    if array.ndim == 3:
        pixels, grey = _render(array, 2 ** int(ds.BitsStored) - 1)
    elif ds.PhotometricInterpretation == "PALETTE COLOR":
        colours = apply_color_lut(array, ds)[..., :3]
        # A 16-bit palette that stays below 256 holds 8-bit entries, whatever its descriptor says.
        pixels, grey = _render(colours, 255 if colours.max() <= 255 else 65535)
    else:
        pixels, grey = _render(_present(array, ds), 1)
    burned_in = str(ds.get("BurnedInAnnotation", "")).strip().upper() == "YES"
    return Image(pixels, grey, _regions(ds), frame, frames, burned_in=burned_in)


# By what the name of the transfer syntax starts with.
_PLUGINS = {"JPEG 2000": "pylibjpeg", "JPEG-LS": "pyjpegls", "JPEG ": "pillow"}
_CHILD = """
import io, sys, numpy, pydicom
ds = pydicom.dcmread(io.BytesIO(sys.stdin.buffer.read()), force=True)
numpy.save(sys.stdout.buffer, pydicom.pixels.pixel_array(ds, index=int(sys.argv[1])))
"""


def _decode_frame(data: bytes, ds: "Dataset", frame: int) -> np.ndarray:
    """One frame -> (rows, columns) or (rows, columns, 3), stored values; YBR has become RGB.

    GDCM, pydicom's first choice, ends the whole process on some damaged files. So it is asked last,
    for what nothing else reads (lossless JPEG in colour or of more than 8 bits), and in a process
    of its own.
    """
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.pixels.utils import as_pixel_options
    from pydicom.uid import JPEGBaseline8Bit

    syntax = ds.file_meta.TransferSyntaxUID
    lossless = syntax.name.startswith("JPEG Lossless")
    if lossless and (ds.BitsAllocated > 8 or ds.SamplesPerPixel > 1):
        command = [sys.executable, "-Wignore", "-c", _CHILD, str(frame)]
        child = subprocess.run(command, input=data, capture_output=True, timeout=300, check=True)
        deep: np.ndarray = np.load(BytesIO(child.stdout), allow_pickle=False)
        return deep
    plugin = next((p for name, p in _PLUGINS.items() if syntax.name.startswith(name)), "")
    if lossless:
        # Pillow decodes 8-bit lossless frames too; only the syntax's name keeps pydicom from it.
        ds.file_meta.TransferSyntaxUID = syntax = JPEGBaseline8Bit
    options = as_pixel_options(ds)
    return get_decoder(syntax).as_array(ds, index=frame, decoding_plugin=plugin, **options)[0]


def _check_inflated(data: bytes) -> None:
    """Refuse deflated data that are cut short or would fill the memory (pydicom has no limit)."""
    if data[128:132] != b"DICM" or b"1.2.840.10008.1.2.1.99" not in data[132:1024]:
        return
    start = 144 + int.from_bytes(data[140:144], "little")  # the group length ends at 144
    inflater, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
    for place in range(start, len(data), 2**16):
        size += len(inflater.decompress(data[place : place + 2**16]))
        if size > MAX_BYTES:
            raise ImageError(f"This file is too large: inflated it exceeds {MAX_BYTES >> 20} MB.")
    if not inflater.eof:
        raise ImageError(CUT_SHORT)


def _check_codestream(ds: "Dataset", frame: int, frames: int) -> None:
    """Refuse a compressed frame that is cut short, or larger than the data set says (a bomb)."""
    import PIL.Image
    from pydicom.encaps import get_frame

    code = get_frame(ds.PixelData, frame, number_of_frames=frames)
    jpeg = code.startswith((b"\xff\xd8", b"\xff\x4f"))
    if jpeg and not code.rstrip(b"\0\xff").endswith(b"\xff\xd9"):  # frames are padded with either
        raise ImageError(CUT_SHORT)
    try:
        with PIL.Image.open(BytesIO(code), formats=("JPEG", "JPEG2000")) as inner:
            size, layers = inner.size, getattr(inner, "layer", [])
    except (OSError, SyntaxError):
        return  # RLE, JPEG-LS and 12-bit JPEG: their decoders allocate what the data set says
    if size != (ds.Columns, ds.Rows):
        raise ImageError(DAMAGED)
    if len(layers) == 3 and layers[0][1:3] != layers[1][1:3]:
        ds.PhotometricInterpretation = "YBR_FULL_422"  # some call it RGB, but RGB is not subsampled


def _transfer_syntax(ds: "Dataset") -> Any:
    """The transfer syntax; of a file that states none, the one by which it was parsed."""
    from pydicom import uid

    ds.ensure_file_meta()
    if "TransferSyntaxUID" not in ds.file_meta:
        implicit, little = ds.original_encoding
        explicit = uid.ExplicitVRLittleEndian if little else uid.ExplicitVRBigEndian
        ds.file_meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian if implicit else explicit
    return ds.file_meta.TransferSyntaxUID


_PER_FRAME = ("PixelSpacing", "RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth")


def _flatten(ds: "Dataset", frame: int) -> None:
    """Lift what enhanced files keep in functional groups to where other files have it."""
    shared, own = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"
    groups = [*(ds.get(shared) or [])[:1], *(ds.get(own) or [])[frame : frame + 1]]
    for macro in (element for group in groups for element in group if element.VR == "SQ"):
        for element in (element for item in macro.value[:1] for element in item):
            if element.keyword in (*_PER_FRAME, "VOILUTFunction"):
                ds[element.tag] = element


def _present(array: np.ndarray, ds: "Dataset") -> np.ndarray:
    """Stored values -> (H, W) float32 in [0, 1], as the file wants it shown (PS3.3 C.11.1-2).

    Where the file gives neither window nor VOI LUT, up to 8 bits keep their full range and more are
    stretched from the darkest to the brightest pixel, as viewers do.
    """
    signed, bits = bool(ds.get("PixelRepresentation", 0)), int(ds.get("BitsStored", 32))
    low = -(2 ** (bits - 1)) if signed else 0
    ends: np.ndarray = np.array([low, low + 2**bits - 1], np.float64)
    values: np.ndarray = array.astype(np.float32)
    grey: np.ndarray
    if modality := ds.get("ModalityLUTSequence"):
        values, top = _look_up(array, modality[0], ds)
        ends = np.array([0.0, top])
    elif "RescaleSlope" in ds and "RescaleIntercept" in ds:
        slope, intercept = float(ds.RescaleSlope), float(ds.RescaleIntercept)
        values = values * np.float32(slope) + np.float32(intercept)
        ends = np.sort(ends * slope + intercept)
    width = _first(ds.get("WindowWidth"))
    center = _first(ds.get("WindowCenter"))
    if voi := ds.get("VOILUTSequence"):
        values, top = _look_up(values, voi[0], ds)
        grey = values / np.float32(top)
    elif width and center is not None:
        grey = _window(values, center, width, str(ds.get("VOILUTFunction", "LINEAR")).upper())
    else:
        if bits > 8 and not modality:
            ends = np.array([values.min(), values.max()], np.float64)
        grey = (values - np.float32(ends[0])) / np.float32(max(ends[1] - ends[0], 1e-12))
    grey = np.clip(grey, 0, 1).astype(np.float32)
    return 1 - grey if ds.PhotometricInterpretation == "MONOCHROME1" else grey


def _window(values: np.ndarray, center: float, width: float, function: str) -> np.ndarray:
    """Window to [0, 1] (DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3), not clipped."""
    if function == "SIGMOID":
        return 1 / (1 + np.exp(-4 * (values - center) / width))
    if function == "LINEAR":
        center, width = center - 0.5, width - 1
    if width <= 0:  # LINEAR with a width of 1 is a threshold
        return (values > center).astype(np.float32)
    return (values - np.float32(center)) / np.float32(width) + np.float32(0.5)


def _look_up(values: np.ndarray, item: "Dataset", ds: "Dataset") -> tuple[np.ndarray, int]:
    """Values through a modality or VOI LUT -> (float32, largest value that the LUT could give).

    pydicom's own `apply_voi` overflows where an 8-bit table has more than 256 entries.
    """
    entries, first, bits = (int(v) for v in item.LUTDescriptor)
    entries = entries or 2**16
    table = item.LUTData
    if isinstance(table, bytes):
        order = "<" if ds.file_meta.TransferSyntaxUID.is_little_endian else ">"
        table = np.frombuffer(table, f"{order}u2" if len(table) >= 2 * entries else "u1")
    table = np.atleast_1d(np.asarray(table, np.float32))[:entries]
    index = np.clip(np.rint(values).astype(np.int64) - first, 0, len(table) - 1)
    return table[index], max(2**bits - 1, int(table.max()))


def _first(value: Any) -> float | None:
    """The first of one or many numbers; None for none."""
    if value is None or value == "":
        return None
    return float(value) if isinstance(value, str | float | int) else float(value[0])


def _regions(ds: "Dataset") -> tuple[Region, ...]:
    """The ultrasound regions that are 2D and in cm; else the spacing of the whole picture."""
    height, width = int(ds.Rows), int(ds.Columns)
    items = list(ds.get("SequenceOfUltrasoundRegions") or [])
    found = [region for item in items if (region := _region(item, height, width))]
    # One spacing for a picture of several parts, or of a spectrum, would be wrong somewhere.
    if found or len(items) > 1 or (items and items[0].get("RegionSpatialFormat") != 1):
        return tuple(found)
    try:
        row, column = ds.get("PixelSpacing") or ds.get("ImagerPixelSpacing") or (0, 0)
        region = Region(0, 0, height, width, float(row), float(column))
    except (TypeError, ValueError):
        return ()
    return (region,) if _plausible(region) else ()


def _region(item: "Dataset", height: int, width: int) -> Region | None:
    """One item of SequenceOfUltrasoundRegions; None where it has no usable spacing."""
    try:
        units = item.PhysicalUnitsXDirection, item.PhysicalUnitsYDirection
        if item.RegionSpatialFormat != 1 or units != (3, 3):  # 2D, cm
            return None
        region = Region(
            max(int(item.RegionLocationMinY0), 0),
            max(int(item.RegionLocationMinX0), 0),
            min(int(item.RegionLocationMaxY1) + 1, height),  # the file counts the last row in
            min(int(item.RegionLocationMaxX1) + 1, width),
            abs(float(item.PhysicalDeltaY)) * 10,  # negative where an axis points up or left
            abs(float(item.PhysicalDeltaX)) * 10,
        )
    except (AttributeError, TypeError, ValueError):
        return None
    return region if _plausible(region) else None


# --- PNG, JPEG, TIFF, BMP, WebP, GIF ---


_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF")


def _read_raster(data: bytes, frame: int | None) -> Image:
    import PIL.Image
    import PIL.ImageOps

    picture: Any
    try:
        picture = PIL.Image.open(BytesIO(data), formats=_FORMATS)
        # The second picture of an MPO is a preview or the other eye.
        frames = 1 if picture.format == "MPO" else int(getattr(picture, "n_frames", 1))
        _check_size(picture.height, picture.width)
        frame = _choose(frame, frames)
        picture.seek(frame)
        _check_size(picture.height, picture.width)
        tags = dict(getattr(picture, "tag_v2", {}))
        picture.load()
        orientation = int(picture.getexif().get(0x0112, 1))
    except PIL.Image.DecompressionBombError:
        raise ImageError(_too_large()) from None
    except (OSError, SyntaxError) as error:
        cut = "truncated" in str(error) or "not processed" in str(error) or _endless(data)
        raise ImageError(CUT_SHORT if cut else DAMAGED) from None
    if picture.format == "PNG":
        bits = data[24]  # of IHDR
    else:
        bits = max(tags.get(258, (8,)))
    if bits == 16 and picture.mode in ("RGB", "RGBA", "RGBX", "LA"):
        pixels, grey = _render(_deep(data, frame, orientation), 65535)
    else:
        picture = PIL.ImageOps.exif_transpose(picture)
        pixels, grey = _render(*_values(picture, bits, inverted=tags.get(262) == 0))
    return Image(pixels, grey, (), frame, frames)


def _endless(data: bytes) -> bool:
    """Whether a JPEG or PNG lacks the mark of its end."""
    ends = {b"\xff\xd8": b"\xff\xd9", b"\x89PNG": b"IEND"}
    return any(data.startswith(start) and end not in data[-1024:] for start, end in ends.items())


def _deep(data: bytes, page: int, orientation: int) -> np.ndarray:
    """16-bit colour, which Pillow would cut to 8 -> (H, W, 3 or 4) uint16, turned upright."""
    import cv2

    done, pages = cv2.imdecodemulti(
        np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED, range=(page, page + 1)
    )
    if not done or pages[0].dtype != np.uint16:
        raise ImageError(CUT_SHORT if _endless(data) else DAMAGED)
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


def _values(picture: Any, bits: int, *, inverted: bool) -> tuple[np.ndarray, float]:
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


# --- what all of them share ---


def _from_array(array: np.ndarray, frame: int | None) -> Image:
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 3, 4):
        raise ImageError(f"An array must be (H, W), (H, W, 3) or (H, W, 4), got {array.shape}.")
    _check_size(*array.shape[:2])
    _choose(frame, 1)
    full = {"bool": 1, "uint8": 255, "uint16": 65535}.get(array.dtype.name, 1)
    if array.dtype.kind == "f":
        _check_finite(array)
        if array.min() < 0 or array.max() > 1:
            raise ImageError(
                f"A float array must lie in 0 to 1, got {array.min():g} to {array.max():g}; "
                "scale it or convert it to uint8."
            )
    elif array.dtype.name not in ("bool", "uint8", "uint16"):
        raise ImageError(f"An array must be bool, uint8, uint16 or float, got {array.dtype.name}.")
    pixels, grey = _render(array, full)
    return Image(pixels, grey, sha256=hashlib.sha256(array.tobytes()).hexdigest())


def _render(values: np.ndarray, full: float) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) or (H, W, 1, 3 or 4) from 0 to `full` -> `Image.pixels` and `Image.grey`.

    Alpha is laid over black, as the surround of a scan is.
    """
    _check_size(*values.shape[:2])
    values = values[..., 0] if values.shape[2:] == (1,) else values
    pixels = np.empty((*values.shape[:2], 3), np.uint8)
    grey = np.empty(values.shape[:2], np.float32)
    rows = max(1, 2**16 // values.shape[1])
    for top in range(0, len(values), rows):
        # Strip by strip: it stays in the cache, and 64 megapixels as floats would take 0.8 GB.
        strip = slice(top, top + rows)
        unit = np.minimum(values[strip].astype(np.float32) / np.float32(full), 1)
        _check_finite(unit)
        if unit.shape[2:] == (4,):
            unit = unit[..., :3] * unit[..., 3:]
        grey[strip] = unit if unit.ndim == 2 else _luma(unit)
        pixels[strip] = np.rint(unit * 255).reshape(*unit.shape[:2], -1)
    if grey.min() == grey.max():
        raise ImageError(EVEN)
    return pixels, grey


def _luma(unit: np.ndarray) -> np.ndarray:
    """(H, W, 3) -> (H, W), ITU-R BT.601; exactly the red channel where all three are the same."""
    red, green, blue = unit[..., 0], unit[..., 1], unit[..., 2]
    luma: np.ndarray = red + np.float32(0.587) * (green - red) + np.float32(0.114) * (blue - red)
    return np.clip(luma, 0, 1)


def _check_finite(values: np.ndarray) -> None:
    if not np.isfinite(values).all():
        raise ImageError("This picture holds values that are not numbers (NaN or infinite).")


def _check_size(height: int, width: int) -> None:
    if min(height, width) < MIN_SIDE:
        got = f"{width} x {height} pixels"
        raise ImageError(f"This picture is too small ({got}): a side needs at least {MIN_SIDE}.")
    if height * width > MAX_PIXELS:
        raise ImageError(_too_large(f" ({width} x {height} pixels)"))


def _too_large(size: str = "") -> str:
    return f"This picture is too large{size}: at most {MAX_PIXELS // 10**6} megapixels are read."


def _choose(frame: int | None, frames: int) -> int:
    """The frame asked for, or the middle one."""
    if frame is None:
        return frames // 2
    if not isinstance(frame, SupportsIndex) or not 0 <= operator.index(frame) < frames:
        allowed = f"it has {frames}, 0 to {frames - 1}" if frames > 1 else "it has only frame 0"
        raise ImageError(f"Frame {frame} is not in this picture: {allowed}.")
    return operator.index(frame)


def _check_spacing(value: Spacing) -> tuple[float, float] | None:
    if value is None:
        return None
    pair = value if isinstance(value, tuple | list) else (value, value)
    try:
        row, column = (float(v) for v in pair)
    except (TypeError, ValueError):
        row = column = float("nan")
    if not (0 < row <= MAX_MM and 0 < column <= MAX_MM):
        allowed = f"more than 0 and at most {MAX_MM:g} mm"
        raise SpacingError(f"A pixel must measure {allowed}, got {value!r}.")
    return row, column


def _plausible(region: Region) -> bool:
    spaced = 0 < region.mm_per_row <= MAX_MM and 0 < region.mm_per_column <= MAX_MM
    return spaced and region.top < region.bottom and region.left < region.right


def _with_spacing(image: Image, spacing: tuple[float, float] | None) -> Image:
    if spacing is None:
        return image
    return replace(image, regions=(Region(0, 0, *image.shape, *spacing),))


def _load(source: str | os.PathLike[str]) -> bytes:
    path = Path(source)
    try:
        if path.is_dir():
            raise ImageError(f"This is a folder, not a file; choose {KINDS}.")
        if not path.is_file():
            raise ImageError("There is no such file.")
        if path.stat().st_size > MAX_BYTES:
            raise ImageError(f"This file is too large: at most {MAX_BYTES >> 20} MB are read.")
        return path.read_bytes()
    except OSError:
        raise ImageError("This file cannot be opened; check that you may read it.") from None


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
                warnings.filterwarnings("ignore", module=r"(pydicom|PIL|openjpeg|jpeg_ls)\b")
                warnings.filterwarnings("ignore", module=re.escape(__name__))
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._saved.__exit__(None, None, None)


_quiet = _Quiet()
READERS: dict[str, Reader] = {"dicom": _read_dicom, "raster": _read_raster}
