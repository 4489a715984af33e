"""DICOM -> Image: one frame, as the file wants it shown, with its spacing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from hcc_xai.errors import ImageError
from hcc_xai.imaging.image import (
    Image,
    Region,
    check_size,
    choose_frame,
    plausible,
    render,
)
from hcc_xai.imaging.refusals import cut_short, damaged

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.uid import UID

DICOM_ENDINGS = (".dcm",)
_LARGEST_MAGNIFICATION = 5.0  # a larger one is a mistake
_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


def read_dicom(data: bytes, frame: int | None) -> Image:
    """Read one frame of a DICOM file.

    Args:
        data: the whole file.
        frame: which frame, counted from 0; None for the middle one.

    Raises:
        ImageError: there is no picture, or not all of it; pydicom raises other types too.
    """
    import pydicom
    from pydicom.pixels.processing import apply_color_lut
    from pydicom.pixels.utils import get_expected_length, get_nr_frames

    ds = pydicom.dcmread(BytesIO(data), force=True)
    keyword = next((k for k in _PIXELS if k in ds), None)
    if keyword is None and (closed := _closed(data)) is not data:
        ds = pydicom.dcmread(BytesIO(closed), force=True)
        keyword = next((k for k in _PIXELS if k in ds), None)
    if keyword is None or "Rows" not in ds or "Columns" not in ds:
        # pydicom drops an element that the file ends within.
        started = ("Rows" in ds or not len(ds)) and (
            b"\xe0\x7f\x10\0" in data or b"\x7f\xe0\0\x10" in data
        )
        if started:
            raise cut_short()
        raise ImageError(
            "dicom-no-picture",
            "This DICOM file holds no picture (it may be a report, a plan or a folder listing).",
        )
    check_size(ds.Rows, ds.Columns)
    syntax = _transfer_syntax(ds)
    if "MPEG" in syntax.name or "HEVC" in syntax.name:
        raise ImageError(
            "dicom-film",
            "This DICOM file holds a film (MPEG, H.264 or H.265); export it as single pictures.",
        )
    frames = get_nr_frames(ds, warn=False)
    frame = choose_frame(frame, frames)
    if syntax.is_encapsulated:
        _check_codestream(ds, frame, frames)
    elif len(ds[keyword].value) < get_expected_length(ds):
        raise cut_short()
    array = _decode_frame(ds, frame, frames)
    _flatten(ds, frame)
    if array.ndim == 3:
        pixels, grey = render(array, 2 ** int(ds.BitsStored) - 1)
    elif ds.PhotometricInterpretation == "PALETTE COLOR":
        colours = apply_color_lut(array, ds)[..., :3]
        # A 16-bit palette that stays below 256 holds 8-bit entries, whatever its descriptor says.
        pixels, grey = render(colours, 255 if colours.max() <= 255 else 65535)
    else:
        pixels, grey = render(_present(array, ds), 1)
    burned_in = str(ds.get("BurnedInAnnotation", "")).strip().upper() == "YES"
    regions, magnification = _regions(ds), _magnification(ds)
    if magnification is not None:
        regions = tuple(_shrunk(region, magnification) for region in regions)
    return Image(
        pixels,
        grey,
        regions,
        frame,
        frames,
        burned_in=burned_in,
        magnification=magnification if regions else None,
    )


_DELIMITER = b"\xfe\xff\xdd\xe0\0\0\0\0"
_OPEN = tuple(b"\xe0\x7f\x10\0" + vr + b"\0\0\xff\xff\xff\xff" for vr in (b"OB", b"OW"))


def _closed(data: bytes) -> bytes:
    """A file whose last frame is whole and whose list of frames is not closed, as some devices
    write it, closed; pydicom would lose all of it. Any other file as it is."""
    if data.endswith(_DELIMITER):
        return data
    place = max(data.rfind(start) for start in _OPEN)
    if place < 0:
        return data
    place += 12
    while data[place : place + 4] == b"\xfe\xff\x00\xe0":
        place += 8 + int.from_bytes(data[place + 4 : place + 8], "little")
    return data + _DELIMITER if place == len(data) else data


# By what the name of the transfer syntax starts with.
_PLUGINS = {"JPEG 2000": "pylibjpeg", "JPEG-LS": "pyjpegls", "JPEG ": "pillow"}


def _decode_frame(ds: Dataset, frame: int, frames: int) -> np.ndarray:
    """One frame -> (rows, columns) or (rows, columns, 3), stored values; YBR has become RGB."""
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.pixels.utils import as_pixel_options

    syntax = ds.file_meta.TransferSyntaxUID
    if syntax.name.startswith("JPEG Lossless") or (
        syntax.name.startswith("JPEG Extended") and ds.BitsAllocated > 8
    ):
        return _decode_jpeg(ds, frame, frames)
    plugin = next((p for name, p in _PLUGINS.items() if syntax.name.startswith(name)), "")
    options = as_pixel_options(ds)
    return get_decoder(syntax).as_array(ds, index=frame, decoding_plugin=plugin, **options)[0]


def _decode_jpeg(ds: Dataset, frame: int, frames: int) -> np.ndarray:
    """A lossless JPEG, or one of 12 bits, which Pillow does not read; shapes as `_decode_frame`."""
    import imagecodecs
    from pydicom.encaps import get_frame

    code = get_frame(ds.PixelData, frame, number_of_frames=frames)
    if _size_of_jpeg(code) is None:  # `_check_codestream` could not tell how large it would be
        raise damaged()
    stored = shown = None
    if ds.SamplesPerPixel == 3:
        stored = "RGB" if ds.PhotometricInterpretation == "RGB" else "YCBCR"
        shown = "RGB"
    array = imagecodecs.jpeg_decode(code, colorspace=stored, outcolorspace=shown)
    if ds.get("PixelRepresentation", 0):
        unused = 8 * array.itemsize - int(ds.BitsStored)
        array = (array << unused).view(f"i{array.itemsize}") >> unused
    return array


def _check_codestream(ds: Dataset, frame: int, frames: int) -> None:
    """Refuse a compressed frame that is cut short, or larger than the data set says (a bomb)."""
    import PIL.Image
    from pydicom.encaps import get_frame

    code = get_frame(ds.PixelData, frame, number_of_frames=frames)
    jpeg = code.startswith((b"\xff\xd8", b"\xff\x4f"))
    if jpeg and not code.rstrip(b"\0\xff").endswith(b"\xff\xd9"):  # frames are padded with either
        raise cut_short()
    try:
        with PIL.Image.open(BytesIO(code), formats=("JPEG", "JPEG2000")) as inner:
            size, layers = inner.size, getattr(inner, "layer", [])
    except (OSError, SyntaxError):
        stated = _size_of_jpeg(code)
        if stated is None:
            return  # RLE and JPEG-LS: their decoders allocate what the data set says
        size, layers = stated, []
    if size != (ds.Columns, ds.Rows):
        raise damaged()
    if len(layers) == 3 and layers[0][1:3] != layers[1][1:3]:
        ds.PhotometricInterpretation = "YBR_FULL_422"  # some call it RGB, but RGB is not subsampled


def _size_of_jpeg(code: bytes) -> tuple[int, int] | None:
    """Width and height that a JPEG states (ITU T.81, B.2.2); None of what is none."""
    place = 2 if code.startswith(b"\xff\xd8") else len(code)
    while place + 9 <= len(code) and code[place] == 0xFF:
        marker, length = code[place + 1], int.from_bytes(code[place + 2 : place + 4])
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # a start of frame
            height, width = code[place + 5 : place + 7], code[place + 7 : place + 9]
            return int.from_bytes(width), int.from_bytes(height)
        place += 2 + length
    return None


def _transfer_syntax(ds: Dataset) -> UID:
    """The transfer syntax; of a file that states none, the one by which it was parsed."""
    from pydicom import uid

    ds.ensure_file_meta()
    if "TransferSyntaxUID" not in ds.file_meta:
        implicit, little = ds.original_encoding
        explicit = uid.ExplicitVRLittleEndian if little else uid.ExplicitVRBigEndian
        ds.file_meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian if implicit else explicit
    return ds.file_meta.TransferSyntaxUID


_LIFTED = ("PixelSpacing", "RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth")


def _flatten(ds: Dataset, frame: int) -> None:
    """Lift what enhanced files keep in functional groups to where other files have it."""
    shared, own = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"
    groups = [*(ds.get(shared) or [])[:1], *(ds.get(own) or [])[frame : frame + 1]]
    for macro in (element for group in groups for element in group if element.VR == "SQ"):
        for element in (element for item in macro.value[:1] for element in item):
            if element.keyword in (*_LIFTED, "VOILUTFunction"):
                ds[element.tag] = element


def _present(array: np.ndarray, ds: Dataset) -> np.ndarray:
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
        if bits > 8:
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


def _look_up(values: np.ndarray, item: Dataset, ds: Dataset) -> tuple[np.ndarray, int]:
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


def _first(value: str | float | Sequence[float] | None) -> float | None:
    """The first of one or many numbers; None for none."""
    if value is None or value == "":
        return None
    return float(value) if isinstance(value, str | float | int) else float(value[0])


def _regions(ds: Dataset) -> tuple[Region, ...]:
    """The ultrasound regions that are 2D and in cm; else the spacing of the whole picture."""
    height, width = int(ds.Rows), int(ds.Columns)
    items = list(ds.get("SequenceOfUltrasoundRegions") or [])
    regions = [region for item in items if (region := _region(item, height, width))]
    # One spacing for a picture of several parts, or of a spectrum, would be wrong somewhere.
    if regions or len(items) > 1 or (items and items[0].get("RegionSpatialFormat") != 1):
        return tuple(regions)
    try:
        row, column = ds.get("PixelSpacing") or ds.get("ImagerPixelSpacing") or (0, 0)
        region = Region(0, 0, height, width, float(row), float(column))
    except (TypeError, ValueError):
        return ()
    return (region,) if plausible(region) else ()


def _magnification(ds: Dataset) -> float | None:
    """How much larger things are at the detector than in the patient, where the spacing is the
    detector's (PS3.3 10.7.1.3: PixelSpacing is missing, or the same): as the file estimates it, or
    1.0; None elsewhere."""
    own, detector = ds.get("PixelSpacing"), ds.get("ImagerPixelSpacing")
    if not detector or (own and list(own) != list(detector)):
        return None
    try:
        stated = float(ds.get("EstimatedRadiographicMagnificationFactor") or 1.0)
    except (TypeError, ValueError):
        stated = 1.0
    return stated if 1.0 < stated < _LARGEST_MAGNIFICATION else 1.0


def _shrunk(region: Region, times: float) -> Region:
    return replace(
        region,
        mm_per_row=region.mm_per_row / times,
        mm_per_column=region.mm_per_column / times,
    )


def _region(item: Dataset, height: int, width: int) -> Region | None:
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
    return region if plausible(region) else None
