"""Reading: what goes in as known values comes out as those values, or as one plain sentence."""

import hashlib
import io
import json
import os
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pydicom
import pytest
from pydicom import uid
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import apply_modality_lut, apply_voi_lut, pixel_array

from hcc_xai.errors import ImageError, SpacingError
from hcc_xai.imaging import read as images
from hcc_xai.imaging.read import Image, Region, decode, read

PATIENT = "Quixote^Alonso"
SHARED = Path(__file__).parents[2] / "shared" / "data" / "dicom"
PYDICOM = Path(pydicom.__file__).parent / "data" / "test_files"

rng = np.random.default_rng(6)
GREY = cv2.GaussianBlur(rng.integers(0, 256, (24, 40), dtype=np.uint8), (5, 5), 0)
RGB = cv2.GaussianBlur(rng.integers(0, 256, (24, 40, 3), dtype=np.uint8), (5, 5), 0)
DEEP = cv2.GaussianBlur(rng.integers(0, 65536, (24, 40), dtype=np.uint16), (5, 5), 0)


# --- makers ---


def dataset(array: np.ndarray, *, bits: int | None = None, **tags: object) -> Dataset:
    """A data set of (H, W), (H, W, 3) or, with NumberOfFrames, (N, H, W) pixels."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = uid.UltrasoundImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = uid.generate_uid()
    ds.PatientName = PATIENT
    ds.PatientID = "1605"
    colour = array.shape[-1] == 3
    ds.SamplesPerPixel = 3 if colour else 1
    if colour:
        ds.PlanarConfiguration = 0
    ds.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    ds.Rows, ds.Columns = array.shape[-3:-1] if colour else array.shape[-2:]
    ds.BitsAllocated = array.itemsize * 8
    ds.BitsStored = bits or ds.BitsAllocated
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(array.dtype.kind == "i")
    ds.PixelData = array.tobytes() + b"\0" * (array.nbytes % 2)
    ds["PixelData"].VR = "OB" if ds.BitsAllocated == 8 else "OW"
    for keyword, value in tags.items():
        setattr(ds, keyword, value)
    return ds


def saved(ds: Dataset, syntax: str = uid.ExplicitVRLittleEndian, *, bare: bool = False) -> bytes:
    """The bytes of a DICOM file; `bare` without preamble and header."""
    out = io.BytesIO()
    if bare:
        syntax = uid.UID(syntax)
        kind = {"implicit_vr": syntax.is_implicit_VR, "little_endian": syntax.is_little_endian}
        body = Dataset(ds)
        pydicom.dcmwrite(out, body, **kind)
    else:
        ds.file_meta.TransferSyntaxUID = syntax
        ds.save_as(out, enforce_file_format=True)
    return out.getvalue()


def lut(entries: list[int] | np.ndarray, first: int, bits: int) -> list[Dataset]:
    item = Dataset()
    item.LUTDescriptor = [len(entries) % 65536, first, bits]
    item.LUTData = [int(v) for v in entries]
    item["LUTDescriptor"].VR = item["LUTData"].VR = "US"
    return [item]


def region(box: tuple[int, int, int, int], dx: float, dy: float, **tags: object) -> Dataset:
    """An ultrasound region; `box` is x0, y0, x1, y1 with both corners inside, spacing in cm."""
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType, item.RegionFlags = 1, 1, 0
    item.RegionLocationMinX0, item.RegionLocationMinY0 = box[:2]
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = box[2:]
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
    item.PhysicalDeltaX, item.PhysicalDeltaY = dx, dy
    for keyword, value in tags.items():
        setattr(item, keyword, value)
    return item


def raster(array: np.ndarray, kind: str, mode: str | None = None, **options: object) -> bytes:
    out = io.BytesIO()
    picture = PIL.Image.fromarray(array)
    (picture.convert(mode) if mode else picture).save(out, kind, **options)
    return out.getvalue()


def oriented(kind: str, array: np.ndarray, orientation: int) -> bytes:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    return raster(array, kind, exif=exif)


def tiff16(array: np.ndarray, *, orientation: int = 1, photometric: int = 2) -> bytes:
    """An uncompressed 16-bit TIFF; Pillow writes none in colour."""
    height, width = array.shape[:2]
    samples = 1 if array.ndim == 2 else array.shape[2]
    body = array.astype("<u2").tobytes()
    end = 8 + len(body) + 2 + 12 * 10 + 4
    depth = (258, 3, samples, end if samples > 2 else 16)
    tags = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        depth,
        (259, 3, 1, 1),
        (262, 3, 1, photometric),
    ]
    tags += [(273, 4, 1, 8), (274, 3, 1, orientation), (277, 3, 1, samples), (278, 4, 1, height)]
    tags += [(279, 4, 1, len(body))]
    directory = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    head = b"II*\0" + struct.pack("<I", 8 + len(body))
    return head + body + struct.pack("<H", 10) + directory + bytes(4) + b"\x10\0" * samples


def png_of_size(width: int, height: int) -> bytes:
    """A tiny PNG that claims to be of any size."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head)
    return start + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def turned(array: np.ndarray, orientation: int) -> np.ndarray:
    """What EXIF means by its orientations, by NumPy's own words."""
    return {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
        8: np.rot90,
    }[orientation](array)


def close(a: np.ndarray, b: np.ndarray, tolerance: float = 2e-7) -> bool:
    return a.shape == b.shape and bool(np.abs(a.astype(np.float64) - b).max() <= tolerance)


# --- DICOM: values ---


def test_eight_bits_keep_their_values() -> None:
    image = decode(saved(dataset(GREY)))
    assert np.array_equal(image.pixels, np.dstack([GREY] * 3))
    assert image.pixels.dtype == np.uint8 and image.grey.dtype == np.float32
    assert close(image.grey, GREY / 255)


def test_monochrome1_is_the_negative() -> None:
    image = decode(saved(dataset(GREY, PhotometricInterpretation="MONOCHROME1")))
    assert np.array_equal(image.pixels[..., 0], 255 - GREY)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_rescale_and_window_match_pydicom(function: str, photometric: str) -> None:
    stored = rng.integers(-2048, 2048, GREY.shape, dtype=np.int16)
    ds = dataset(stored, bits=12, PhotometricInterpretation=photometric, VOILUTFunction=function)
    ds.RescaleSlope, ds.RescaleIntercept = 2, -100
    ds.WindowCenter, ds.WindowWidth = [40, 500], [700, 50]
    shown = apply_voi_lut(apply_modality_lut(stored, ds), ds)
    low, high = -2048 * 2 - 100, 2047 * 2 - 100
    expected = (shown - low) / (high - low)
    grey = decode(saved(ds)).grey
    assert close(grey, expected if photometric == "MONOCHROME2" else 1 - expected, 1e-6)


def test_window_by_hand() -> None:
    stored = np.arange(16 * 16, dtype=np.uint16).reshape(16, 16)
    grey = decode(saved(dataset(stored, bits=12, WindowCenter=100.5, WindowWidth=101))).grey.ravel()
    # PS3.3 C.11.2.1.2: black up to 50, white above 150, a hundred even steps between.
    assert grey[50] == 0 and grey[150] == 1 and grey[100] == pytest.approx(0.5)
    assert grey[75] == pytest.approx(0.25)
    threshold = decode(
        saved(dataset(stored, bits=12, WindowCenter=100, WindowWidth=1))
    ).grey.ravel()
    assert set(threshold[:100]) == {0} and set(threshold[100:]) == {1}


def test_more_than_eight_bits_without_a_window_are_stretched() -> None:
    stored = DEEP >> 4
    grey = decode(saved(dataset(stored, bits=12))).grey
    low, high = int(stored.min()), int(stored.max())
    assert close(grey, (stored - low) / (high - low))


def test_negative_slope_turns_eight_bits_round() -> None:
    ds = dataset(GREY, RescaleSlope=-1, RescaleIntercept=255)
    assert np.array_equal(decode(saved(ds)).pixels[..., 0], 255 - GREY)


def test_modality_lut() -> None:
    ds = dataset(GREY, ModalityLUTSequence=lut(np.arange(256)[::-1] * 16, 0, 12))
    assert close(decode(saved(ds)).grey, (255 - GREY.astype(int)) * 16 / 4095)


def test_voi_lut_of_more_entries_than_it_has_levels() -> None:
    stored = DEEP >> 4
    table = (np.sqrt(np.arange(4096) / 4095) * 255).astype(int)
    ds = dataset(stored, bits=12, VOILUTSequence=lut(table, 0, 8))
    assert close(decode(saved(ds)).grey, table[stored] / 255)


@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian])
def test_voi_lut_packed_in_the_byte_order_of_the_file(syntax: uid.UID) -> None:
    stored = DEEP >> 4
    table = np.arange(4096)[::-1]
    order = "<" if syntax.is_little_endian else ">"
    ds = dataset(stored, bits=12, VOILUTSequence=lut(table, 0, 12))
    ds.PixelData = stored.astype(f"{order}u2").tobytes()
    ds.VOILUTSequence[0]["LUTData"].VR = "OW"
    ds.VOILUTSequence[0].LUTData = table.astype(f"{order}u2").tobytes()
    assert close(decode(saved(ds, syntax)).grey, table[stored] / 4095)


def test_voi_lut_starts_at_its_first_value() -> None:
    ds = dataset(GREY, VOILUTSequence=lut([0, 51, 255], 100, 8))
    expected = np.select([GREY <= 100, GREY == 101], [0, 0.2], 1)
    assert close(decode(saved(ds)).grey, expected)


@pytest.mark.parametrize("depth", [8, 16])
def test_palette(depth: int) -> None:
    ds = dataset(GREY, PhotometricInterpretation="PALETTE COLOR")
    scale = 257 if depth == 16 else 1
    tables = [np.arange(256), np.arange(256)[::-1], np.full(256, 7)]
    for name, table in zip(("Red", "Green", "Blue"), tables, strict=True):
        setattr(ds, f"{name}PaletteColorLookupTableDescriptor", [256, 0, depth])
        data = (table * scale).astype(f"<u{depth // 8}").tobytes()
        setattr(ds, f"{name}PaletteColorLookupTableData", data)
    expected = np.dstack([GREY, 255 - GREY, np.full_like(GREY, 7)])
    assert np.array_equal(decode(saved(ds)).pixels, expected)


def test_colour_by_pixel_and_by_plane() -> None:
    planes = dataset(RGB, PlanarConfiguration=1)
    planes.PixelData = RGB.transpose(2, 0, 1).tobytes()
    for ds in (dataset(RGB), planes):
        image = decode(saved(ds))
        assert np.array_equal(image.pixels, RGB)
        assert close(image.grey, RGB @ [0.299, 0.587, 0.114] / 255, 1e-6)


def test_ybr_becomes_rgb() -> None:
    ybr = cv2.cvtColor(RGB, cv2.COLOR_RGB2YCrCb)[..., [0, 2, 1]]
    image = decode(saved(dataset(ybr, PhotometricInterpretation="YBR_FULL")))
    assert close(image.pixels, RGB, 2)  # rounding, twice


def test_sixteen_bit_colour_keeps_its_depth() -> None:
    deep = RGB.astype(np.uint16) * 257 ^ 5
    image = decode(saved(dataset(deep)))
    assert close(image.grey, deep @ [0.299, 0.587, 0.114] / 65535, 1e-6)


# --- DICOM: encodings ---

PLAIN = {
    "explicit": uid.ExplicitVRLittleEndian,
    "implicit": uid.ImplicitVRLittleEndian,
    "big endian": uid.ExplicitVRBigEndian,
    "deflated": uid.DeflatedExplicitVRLittleEndian,
}


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("syntax", PLAIN)
def test_plain_encodings_give_the_same_picture(syntax: str, bits: int) -> None:
    array = GREY if bits == 8 else DEEP
    ds = dataset(array, WindowCenter=2**bits / 2, WindowWidth=2**bits)
    if syntax == "big endian":
        ds.PixelData = array.astype(array.dtype.newbyteorder(">")).tobytes()
    data = saved(ds, PLAIN[syntax])
    assert close(decode(data).grey, array / (2**bits - 1), 1e-6)
    if syntax != "deflated":
        assert close(decode(saved(ds, PLAIN[syntax], bare=True)).grey, decode(data).grey, 0)


@pytest.mark.parametrize("array", [GREY, DEEP, RGB], ids=["grey", "deep", "rgb"])
@pytest.mark.parametrize("syntax", [uid.RLELossless, uid.JPEGLSLossless, uid.JPEG2000Lossless])
def test_lossless_compression_changes_nothing(syntax: uid.UID, array: np.ndarray) -> None:
    ds = dataset(np.concatenate([array, array]))  # JPEG 2000 wants 32 rows
    expected = decode(saved(ds))
    ds.compress(syntax, generate_instance_uid=False)
    image = decode(saved(ds, syntax))
    assert np.array_equal(image.grey, expected.grey)
    assert np.array_equal(image.pixels, expected.pixels)


def encoded(code: bytes | list[bytes], array: np.ndarray, syntax: str, **tags: object) -> bytes:
    ds = dataset(array, **tags)
    ds.PixelData = encapsulate(code if isinstance(code, list) else [code])
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    return saved(ds, syntax)


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL_422"])
def test_subsampled_jpeg_is_ybr_whatever_its_label(photometric: str) -> None:
    smooth = cv2.resize(RGB[:4, :6], (48, 32), interpolation=cv2.INTER_CUBIC)
    picture = PIL.Image.fromarray(smooth)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=95, subsampling="4:2:0")
    code = out.getvalue()
    code = code[:2] + code[code.index(b"\xff\xdb") :]  # without the JFIF mark, as scanners write it
    data = encoded(code, smooth, uid.JPEGBaseline8Bit, PhotometricInterpretation=photometric)
    expected = np.asarray(PIL.Image.open(io.BytesIO(out.getvalue())))
    assert close(decode(data).pixels, expected, 2)


def lossless_jpeg(ds: Dataset, folder: Path) -> bytes:
    """Lossless JPEG as GDCM writes it; nothing else in the requirements does."""
    import gdcm

    (folder / "plain.dcm").write_bytes(saved(ds))
    reader = gdcm.ImageReader()
    reader.SetFileName(str(folder / "plain.dcm"))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    writer.SetFileName(str(folder / "lossless.dcm"))
    assert writer.Write()
    return (folder / "lossless.dcm").read_bytes()


@pytest.mark.parametrize("array", [GREY, DEEP, RGB], ids=["grey", "deep", "rgb"])
def test_lossless_jpeg(array: np.ndarray, tmp_path: Path) -> None:
    ds = dataset(array)
    image = decode(lossless_jpeg(ds, tmp_path))
    assert np.array_equal(image.grey, decode(saved(ds)).grey)


def test_damaged_lossless_jpeg_does_not_end_the_process(tmp_path: Path) -> None:
    data = lossless_jpeg(dataset(GREY), tmp_path)
    start = data.index(b"\xff\xd8\xff")
    outcomes = set()
    for seed in range(200):
        damaged = bytearray(data)
        chance = np.random.default_rng(seed)
        for place in chance.integers(2, 80, 3):
            damaged[start + place] = chance.integers(0, 256)
        try:
            outcomes.add(decode(bytes(damaged)).shape)
        except ImageError as error:
            outcomes.add(str(error))
    assert outcomes <= {GREY.shape, images.DAMAGED, images.CUT_SHORT, images.EVEN}
    assert images.DAMAGED in outcomes


# --- DICOM: frames ---

LOOP = np.stack([np.roll(GREY, 3 * n, axis=1) for n in range(5)])


@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.RLELossless])
def test_frames(syntax: uid.UID) -> None:
    ds = dataset(LOOP, NumberOfFrames=5)
    if syntax.is_encapsulated:
        ds.compress(syntax, generate_instance_uid=False)
    data = saved(ds, syntax)
    for n in range(5):
        image = decode(data, frame=n)
        assert (image.frame, image.frames) == (n, 5)
        assert np.array_equal(image.pixels[..., 0], LOOP[n])
    assert decode(data).frame == 2
    for wrong in (5, -1):
        with pytest.raises(ImageError, match=f"Frame {wrong} .* it has 5, 0 to 4"):
            decode(data, frame=wrong)


def test_only_the_wanted_frame_is_decoded() -> None:
    codes = []
    for frame in LOOP:
        ok, code = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 100])
        codes.append(code.tobytes() if ok else b"")
    codes[0] = b"\xff\xd8 no picture \xff\xd9"
    data = encoded(codes, LOOP, uid.JPEGBaseline8Bit, NumberOfFrames=5)
    assert close(decode(data, frame=1).pixels[..., 0], LOOP[1], 3)
    with pytest.raises(ImageError):
        decode(data, frame=0)


def test_enhanced_files_have_spacing_and_window_per_frame() -> None:
    ds = dataset(np.repeat(LOOP[:2], 1, axis=0), NumberOfFrames=2)
    shared, frames = Dataset(), [Dataset(), Dataset()]
    measures = Dataset()
    measures.PixelSpacing = [0.2, 0.3]
    shared.PixelMeasuresSequence = [measures]
    for item, center in zip(frames, (64, 128), strict=True):
        voi = Dataset()
        voi.WindowCenter, voi.WindowWidth = center, 64
        item.FrameVOILUTSequence = [voi]
    ds.SharedFunctionalGroupsSequence, ds.PerFrameFunctionalGroupsSequence = [shared], frames
    for n, center in enumerate((64, 128)):
        image = decode(saved(ds), frame=n)
        assert image.spacing_at(0, 0) == (0.2, 0.3)
        assert close(image.grey, np.clip((LOOP[n] - (center - 0.5)) / 63 + 0.5, 0, 1), 1e-6)


# --- spacing ---


def regions_of(*items: Dataset, **tags: object) -> Image:
    return decode(saved(dataset(GREY, SequenceOfUltrasoundRegions=list(items), **tags)))


def test_each_region_has_its_own_spacing() -> None:
    image = regions_of(region((0, 0, 19, 23), 0.02, 0.01), region((20, 4, 39, 23), 0.05, -0.04))
    assert image.regions[0] == Region(0, 0, 24, 20, 0.1, 0.2)
    assert image.spacing_at(23, 19) == pytest.approx((0.1, 0.2))
    assert image.spacing_at(4, 20) == pytest.approx((0.4, 0.5))
    assert image.spacing_at(3, 20) is None and image.spacing_at(4, 40) is None


def test_the_smallest_region_that_holds_a_point_counts() -> None:
    image = regions_of(region((0, 0, 39, 23), 0.02, 0.02), region((5, 5, 9, 9), 0.01, 0.01))
    assert image.spacing_at(7, 7) == (0.1, 0.1) and image.spacing_at(10, 7) == (0.2, 0.2)


@pytest.mark.parametrize(
    "tags",
    [
        {"RegionSpatialFormat": 2},
        {"RegionSpatialFormat": 3},
        {"PhysicalUnitsXDirection": 4},
        {"PhysicalUnitsYDirection": 0},
        {"PhysicalDeltaX": 0.0},
        {"PhysicalDeltaX": 0.51},
        {"PhysicalDeltaY": float("nan")},
        {"RegionLocationMinX0": 60},
        {"PhysicalDeltaX": None},
    ],
)
def test_regions_without_a_usable_spacing_are_dropped(tags: dict[str, object]) -> None:
    image = regions_of(
        region((0, 0, 19, 23), 0.02, 0.02, **tags), region((20, 0, 39, 23), 0.1, 0.1)
    )
    assert image.spacing_at(5, 5) is None and image.spacing_at(5, 25) == (1, 1)


def test_a_region_is_clipped_to_the_picture() -> None:
    assert regions_of(region((0, 0, 800, 600), 0.1, 0.1)).regions == (Region(0, 0, 24, 40, 1, 1),)


@pytest.mark.parametrize("keyword", ["PixelSpacing", "ImagerPixelSpacing"])
def test_pixel_spacing_is_row_first(keyword: str) -> None:
    image = decode(saved(dataset(GREY, **{keyword: [0.25, 0.5]})))
    assert image.regions == (Region(0, 0, 24, 40, 0.25, 0.5),)


def test_pixel_spacing_is_not_used_where_parts_differ() -> None:
    doppler = region((0, 12, 39, 23), 0.1, 0.1, RegionSpatialFormat=3)
    assert regions_of(doppler, PixelSpacing=[0.2, 0.2]).regions == ()
    two = (region((0, 0, 39, 11), 0, 0), doppler)
    assert regions_of(*two, PixelSpacing=[0.2, 0.2]).regions == ()


@pytest.mark.parametrize("spacing", [[0, 0], [-1, 1], [6, 6], [1e-400, 1], []])
def test_absurd_pixel_spacing_is_dropped(spacing: list[float]) -> None:
    image = decode(saved(dataset(GREY, PixelSpacing=spacing)))
    assert image.regions == () and image.spacing_at(1, 1) is None


def test_the_user_knows_better_than_the_file() -> None:
    data = saved(dataset(GREY, SequenceOfUltrasoundRegions=[region((0, 0, 9, 9), 0.02, 0.02)]))
    assert decode(data, mm_per_pixel=0.3).regions == (Region(0, 0, 24, 40, 0.3, 0.3),)
    assert read(decode(data), mm_per_pixel=(0.1, 0.2)).spacing_at(5, 5) == (0.1, 0.2)


@pytest.mark.parametrize(
    "spacing", [0, -0.1, float("nan"), float("inf"), 5.01, (0.1, 0), (1,), "x"]
)
def test_absurd_spacing_from_the_user_is_an_error(spacing: object) -> None:
    with pytest.raises(SpacingError, match="more than 0 and at most 5 mm"):
        read(GREY, mm_per_pixel=spacing)  # type: ignore[arg-type]


# --- PNG, JPEG, TIFF, BMP, WebP, GIF ---

LOSSLESS: dict[str, dict[str, object]] = {
    "PNG": {},
    "TIFF": {},
    "BMP": {},
    "WEBP": {"lossless": True},
}


@pytest.mark.parametrize("kind", LOSSLESS)
def test_lossless_files_keep_their_pixels(kind: str) -> None:
    image = decode(raster(RGB, kind, **LOSSLESS[kind]))
    assert np.array_equal(image.pixels, RGB)
    assert close(image.grey, RGB @ [0.299, 0.587, 0.114] / 255, 1e-6)
    assert (image.regions, image.frame, image.frames, image.burned_in) == ((), 0, 1, False)


def test_jpeg() -> None:
    data = raster(RGB, "JPEG", quality=95)
    assert np.array_equal(decode(data).pixels, np.asarray(PIL.Image.open(io.BytesIO(data))))


def test_a_grey_picture_saved_in_colour_has_the_same_grey() -> None:
    assert np.array_equal(decode(raster(GREY, "PNG", "RGB")).grey, decode(raster(GREY, "PNG")).grey)
    assert np.array_equal(decode(raster(GREY, "PNG")).grey, GREY / np.float32(255))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_of_grey(kind: str) -> None:
    image = decode(raster(DEEP, kind))
    assert np.array_equal(image.grey, DEEP / np.float32(65535))
    assert len(np.unique(image.grey)) == len(np.unique(DEEP)) > 256


def test_sixteen_bits_white_is_zero() -> None:
    image = decode(tiff16(DEEP, photometric=0))
    assert close(image.grey, 1 - DEEP / 65535)


@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_sixteen_bits_of_colour(kind: str) -> None:
    deep = RGB.astype(np.uint16) * 257 ^ 5
    ok, code = cv2.imencode(f".{kind}", deep[..., ::-1])
    image = decode(code.tobytes())
    assert ok and close(image.grey, deep @ [0.299, 0.587, 0.114] / 65535, 1e-6)
    assert close(image.pixels, deep / 257, 0.5)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation: int) -> None:
    expected = turned(RGB, orientation)
    for kind in ("PNG", "TIFF"):
        assert np.array_equal(decode(oriented(kind, RGB, orientation)).pixels, expected)
    jpeg = decode(oriented("JPEG", RGB, orientation))
    assert np.array_equal(jpeg.pixels, turned(decode(raster(RGB, "JPEG")).pixels, orientation))
    assert np.array_equal(
        decode(oriented("PNG", DEEP, orientation)).grey,
        turned(DEEP, orientation) / np.float32(65535),
    )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_of_sixteen_bits_of_colour(orientation: int) -> None:
    deep = RGB.astype(np.uint16) * 257
    expected = turned(RGB, orientation)
    assert np.array_equal(decode(tiff16(deep, orientation=orientation)).pixels, expected)
    ok, code = cv2.imencode(".png", deep[..., ::-1])
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    body = exif.tobytes()[6:]
    chunk = struct.pack(">I", len(body)) + b"eXIf" + body
    chunk += struct.pack(">I", zlib.crc32(b"eXIf" + body))
    data = code.tobytes()
    assert ok and np.array_equal(decode(data[:33] + chunk + data[33:]).pixels, expected)


def test_alpha_lies_over_black() -> None:
    alpha = np.dstack([RGB, GREY])
    expected = np.rint(RGB * (GREY[..., None] / 255))
    assert close(decode(raster(alpha, "PNG")).pixels, expected, 0)
    assert close(read(alpha).pixels, expected, 0)
    palette = decode(raster(GREY, "PNG", "P", transparency=int(GREY[0, 0])))
    assert set(palette.pixels[GREY == GREY[0, 0]].ravel()) == {0}


def test_cmyk_is_converted() -> None:
    data = raster(RGB, "JPEG", "CMYK", quality=100)
    assert np.abs(decode(data).pixels.astype(int) - RGB).mean() < 3


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP", "PNG"])
def test_frames_of_pictures(kind: str) -> None:
    pictures = [PIL.Image.fromarray(frame) for frame in LOOP]
    options = {"lossless": True} if kind == "WEBP" else {}
    out = io.BytesIO()
    pictures[0].save(out, kind, save_all=True, append_images=pictures[1:], **options)
    for n in (0, 3):
        image = decode(out.getvalue(), frame=n)
        assert (image.frame, image.frames) == (n, 5)
        assert close(image.pixels[..., 0], LOOP[n], 1)
    assert decode(out.getvalue()).frame == 2


def test_pages_of_sixteen_bits() -> None:
    deep = [RGB.astype(np.uint16) * 257, RGB[::-1].astype(np.uint16) * 257]
    ok, code = cv2.imencodemulti(".tiff", [page[..., ::-1] for page in deep])
    assert ok and np.array_equal(decode(code.tobytes(), frame=1).pixels, RGB[::-1])


@pytest.mark.parametrize("data", [raster(GREY, "PNG"), saved(dataset(GREY))], ids=["png", "dicom"])
def test_a_single_picture_has_one_frame(data: bytes) -> None:
    with pytest.raises(ImageError, match="Frame 5 is not in this picture: it has only frame 0"):
        decode(data, frame=5)


def test_float_tiff() -> None:
    unit = (GREY / 255).astype(np.float32)
    assert close(decode(raster(unit, "TIFF")).grey, unit)
    stretched = decode(raster(unit * 80 - 20, "TIFF")).grey
    assert close(stretched, (unit - unit.min()) / (unit.max() - unit.min()), 1e-6)


# --- arrays ---


@pytest.mark.parametrize(
    ("array", "grey"),
    [
        (GREY, GREY / 255),
        (DEEP, DEEP / 65535),
        (GREY > 128, GREY > 128),
        (GREY / 255, GREY / 255),
        ((GREY / 255).astype(np.float16), (GREY / 255).astype(np.float16)),
        (GREY[..., None], GREY / 255),
        (np.asfortranarray(RGB)[:, ::-1], RGB[:, ::-1] @ [0.299, 0.587, 0.114] / 255),
    ],
    ids=["uint8", "uint16", "bool", "float64", "float16", "one channel", "view"],
)
def test_arrays(array: np.ndarray, grey: np.ndarray) -> None:
    image = read(array)
    assert close(image.grey, grey.astype(np.float64), 1e-6)
    assert (image.source, image.regions, image.frames) == ("array", (), 1)
    assert image.sha256 == read(array.copy()).sha256 != read(GREY[::-1]).sha256


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (GREY.astype(np.int64), "bool, uint8, uint16 or float, got int64"),
        (GREY.astype(float), "lie in 0 to 1, got .* to"),
        (np.where(GREY > 9, np.nan, 0.5), "not numbers"),
        (np.where(GREY > 9, np.inf, 0.5), "not numbers"),
        (
            np.zeros((3, 24, 40), np.uint8),
            r"\(H, W\), \(H, W, 3\) or \(H, W, 4\), got \(3, 24, 40\)",
        ),
        (np.zeros((0, 40), np.uint8), "too small"),
        (GREY[:15], r"too small \(40 x 15 pixels\)"),
        (np.full((24, 40), 77, np.uint8), "one even shade"),
        (np.broadcast_to(np.uint8(1), (8001, 8000)), "too large .8000 x 8001 pixels.: at most 64"),
    ],
)
def test_bad_arrays(array: np.ndarray, sentence: str) -> None:
    with pytest.raises(ImageError, match=sentence):
        read(array)


def test_an_image_is_handed_on() -> None:
    image = decode(saved(dataset(LOOP, NumberOfFrames=5)), frame=1)
    assert read(image) is image and read(image, frame=1) is image
    with pytest.raises(ImageError, match="frame 1 already"):
        read(image, frame=2)


# --- bad input ---

JPEG = raster(RGB, "JPEG")
DICOM = saved(dataset(GREY))


def without(*keywords: str) -> bytes:
    ds = dataset(GREY)
    for keyword in keywords:
        delattr(ds, keyword)
    return saved(ds)


def film() -> bytes:
    return encoded(b"\0\0\1\xba", LOOP, uid.MPEG4HP41, NumberOfFrames=5)


def deflated_bomb() -> bytes:
    data = saved(dataset(GREY), uid.DeflatedExplicitVRLittleEndian)
    start = 144 + struct.unpack("<I", data[140:144])[0]
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    plain = [zlib.decompress(data[start:], -15)] + [bytes(2**20)] * 9
    return data[:start] + b"".join(map(deflater.compress, plain)) + deflater.flush()


def inner_bomb() -> bytes:
    """A small data set whose JPEG 2000 codestream claims to be huge."""
    ds = dataset(np.concatenate([GREY, GREY]))
    ds.compress(uid.JPEG2000Lossless, generate_instance_uid=False)
    data = saved(ds, uid.JPEG2000Lossless)
    place = data.index(b"\xff\x4f\xff\x51") + 8
    return data[:place] + struct.pack(">II", 60000, 60000) + data[place + 8 :]


BAD = {
    "empty": (b"", "This file is empty; choose"),
    "text": (b"not a picture at all\n", "holds text"),
    "Spanish text": ("hígado, ecografía, lesión: ñ".encode() * 20, "holds text"),
    "SVG": (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG drawing"),
    "ZIP": (b"PK\3\4" + bytes(100), "ZIP archive .unpack it first."),
    "PDF": (b"%PDF-1.7\n", "PDF document"),
    "HEIC": (b"\0\0\0\x18ftypheic" + bytes(50), "HEIC"),
    "noise": (bytes(range(128, 256)) * 9, "not a picture that can be read"),
    "zeros": (bytes(999), "not a picture that can be read"),
    "cut JPEG": (JPEG[: len(JPEG) // 2], "cut short"),
    "cut JPEG header": (JPEG[:100], "cut short"),
    "cut PNG": (raster(RGB, "PNG")[:-300], "cut short"),
    "1 x 1": (raster(RGB[:1, :1], "PNG"), "too small .1 x 1 pixels.: a side needs at least 16"),
    "10000 x 10000": (png_of_size(10000, 10000), "too large .10000 x 10000 pixels.*64 megapixels"),
    "20000 x 20000": (png_of_size(20000, 20000), "too large.*64 megapixels"),
    "black": (raster(np.zeros_like(RGB), "PNG"), "one even shade"),
    "transparent": (raster(np.dstack([RGB, GREY * 0]), "PNG"), "one even shade"),
    "NaN": (raster(np.where(GREY > 9, np.nan, 1).astype(np.float32), "TIFF"), "not numbers"),
    "DICOM, preamble only": (bytes(128) + b"DICM", "holds no picture"),
    "DICOM without pixels": (without("PixelData"), "holds no picture"),
    "DICOM without rows": (without("Rows"), "holds no picture"),
    "DICOM without a kind": (without("PhotometricInterpretation"), "damaged"),
    "DICOM, wrong length": (saved(dataset(GREY, Rows=25)), "cut short"),
    "DICOM, too many frames": (saved(dataset(GREY, NumberOfFrames=3)), "cut short"),
    "DICOM, negative frames": (saved(dataset(GREY, NumberOfFrames=-3)), "damaged"),
    "DICOM, cut": (DICOM[:-100], "cut short"),
    "DICOM, cut early": (DICOM[:200], "holds no picture"),
    "DICOM, deflated, cut": (saved(dataset(GREY), PLAIN["deflated"])[:-100], "cut short"),
    "DICOM, JPEG cut": (encoded(JPEG[:-200], RGB, uid.JPEGBaseline8Bit), "cut short"),
    "DICOM, JPEG of another size": (encoded(JPEG, RGB[:16], uid.JPEGBaseline8Bit), "damaged"),
    "DICOM, huge": (saved(dataset(GREY, Rows=30000, Columns=30000)), "too large"),
    "DICOM, film": (film(), "holds a film"),
    "DICOM, black": (saved(dataset(GREY * 0)), "one even shade"),
    "JPEG 2000 bomb": (inner_bomb(), "damaged"),
}


def assert_plain(error: ImageError, folder: str = "\0") -> None:
    """One sentence, with nothing of the patient, the path or the library in it."""
    sentence = str(error)
    assert sentence[0].isupper() and sentence.endswith(".") and ". " not in sentence
    assert len(sentence) < 160 and "\n" not in sentence
    for secret in (PATIENT, "1605", folder, "Error", "pydicom", "PIL", "0028", "Traceback"):
        assert secret not in sentence
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gives_one_plain_sentence(name: str, tmp_path: Path) -> None:
    data, sentence = BAD[name]
    path = tmp_path / "picture.png"
    path.write_bytes(data)
    for source in (lambda: decode(data), lambda: read(path)):
        with pytest.raises(ImageError, match=sentence) as caught:
            source()
        assert_plain(caught.value, str(tmp_path))


def test_bad_paths(tmp_path: Path) -> None:
    for source, sentence in [
        (tmp_path, "folder"),
        (tmp_path / "none.png", "no such file"),
        ("a\0b.png", "no such file"),
        ("/dev/zero", "no such file"),
        (7, "Expected a path, an array or an Image, got int"),
    ]:
        with pytest.raises(ImageError, match=sentence) as caught:
            read(source)  # type: ignore[arg-type]
        assert_plain(caught.value, str(tmp_path))


def test_large_files_are_refused_before_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "large.dcm"
    with path.open("wb") as file:
        file.truncate(images.MAX_BYTES + 1)  # sparse: takes no room
    with pytest.raises(ImageError, match="too large: at most 512 MB"):
        read(path)


def test_deflated_bombs_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_BYTES", 8 * 2**20)
    with pytest.raises(ImageError, match="inflated it exceeds 8 MB") as caught:
        decode(deflated_bomb())
    assert_plain(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        raster(RGB, "PNG"),
        JPEG,
        raster(RGB, "JPEG", progressive=True),
        raster(RGB, "TIFF"),
        raster(RGB, "BMP"),
        raster(RGB, "WEBP"),
        raster(GREY, "GIF"),
        cv2.imencode(".png", RGB.astype(np.uint16) * 257)[1].tobytes(),
        DICOM,
        saved(dataset(GREY), uid.DeflatedExplicitVRLittleEndian),
        encoded(JPEG, RGB, uid.JPEGBaseline8Bit),
    ],
    ids="png jpeg progressive tiff bmp webp gif png16 dicom deflated dicom-jpeg".split(),
)
def test_a_file_cut_anywhere_is_never_half_a_picture(data: bytes) -> None:
    whole = decode(data)
    cuts = {len(data) - n for n in (1, 2, 3, 8, 20, 60)} | set(range(1, len(data), len(data) // 40))
    refused = 0
    for cut in cuts:
        try:
            assert np.array_equal(decode(data[:cut]).grey, whole.grey)
        except ImageError as error:
            assert_plain(error)
            refused += 1
    assert refused >= 40


def test_flipped_bytes_raise_nothing_else() -> None:
    for data in (raster(RGB, "PNG"), JPEG, raster(RGB, "TIFF"), DICOM, saved(dataset(LOOP))):
        for seed in range(60):
            chance = np.random.default_rng(seed)
            damaged = bytearray(data)
            for place in chance.integers(0, len(data), 4):
                damaged[place] = chance.integers(0, 256)
            try:
                decode(bytes(damaged))
            except ImageError as error:
                assert_plain(error)


# --- names, privacy, warnings ---


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("/home/quixote/liver.png", "liver.png"),
        ("C:\\scans\\liver.png", "liver.png"),
        ("two\nlines\t\x1b.png", "twolines.png"),
        ("ecografía 🩺.png", "ecografía 🩺.png"),
        ("\u202egnp.exe", "gnp.exe"),
        ("\udcff.png", ".png"),
        ("a/", "unnamed"),
    ],
)
def test_source_is_a_clean_base_name(name: str, source: str) -> None:
    assert decode(JPEG, name=name).source == source


@pytest.mark.parametrize(
    "name", ["new\nline.png", "emoji 🩺 é.dcm", "back\\slash.jpg", "no extension"]
)
def test_odd_file_names_are_read_by_content(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(DICOM)
    for source in (path, str(path)):
        assert np.array_equal(read(source).pixels[..., 0], GREY)


def test_nothing_names_the_patient() -> None:
    exif = PIL.Image.Exif()
    exif[0x010E] = PATIENT
    jpeg = decode(raster(RGB, "JPEG", exif=exif, comment=PATIENT))
    dicom = decode(saved(dataset(GREY, BurnedInAnnotation="YES", PixelSpacing=[0.1, 0.1])))
    assert dicom.burned_in and not jpeg.burned_in
    for image in (jpeg, dicom):
        fields = json.dumps(image.to_dict())
        assert "Quixote" not in fields + repr(image) and "1605" not in json.loads(fields)
        assert set(image.to_dict()) == {
            "source", "sha256", "height", "width", "frame", "frames", "burned_in", "regions",
        }  # fmt: skip


def test_values_of_tags_reach_neither_errors_nor_warnings() -> None:
    ds = FileDataset("x", dataset(GREY), file_meta=dataset(GREY).file_meta)
    data = saved(ds).replace(b"MONOCHROME2 ", b"Quixote^Alon").replace(b"1605", b"\xff\xfe\x00\\")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(ImageError) as error:
            decode(data)
    assert_plain(error.value)
    assert not caught


def test_warning_filters_are_left_as_they_were_by_many_threads() -> None:
    noisy = saved(dataset(GREY)) + bytes(20)
    before = list(warnings.filters)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(10):
                decode(noisy)
                decode(JPEG)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures and list(warnings.filters) == before


def test_sha256_is_of_the_file() -> None:
    assert decode(DICOM).sha256 == hashlib.sha256(DICOM).hexdigest()


def test_importing_is_light() -> None:
    code = "import sys, hcc_xai.imaging.read; print('pydicom' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# --- real files ---

NO_PICTURE = "holds no picture"
TOO_SMALL = "too small"
UNREADABLE = {
    # A 12-bit JPEG: only the GPL-licensed pylibjpeg-libjpeg decodes it.
    "JPEG-lossy.dcm": "unsupported",
    "JPGExtended.dcm": "unsupported",
    # Four of its encoded bytes are replaced.
    "JPEG2000-embedded-sequence-delimiter.dcm": "damaged",
    "MR_truncated.dcm": "cut short",
    # A stray byte before the first tag: pydicom itself finds no element.
    "no_meta.dcm": "not a picture",
    # Of 3 x 3 to 10 x 50 pixels.
    "JPEGLSNearLossless_08.dcm": TOO_SMALL,
    "JPEGLSNearLossless_16.dcm": TOO_SMALL,
    "SC_rgb_small_odd.dcm": TOO_SMALL,
    "SC_rgb_small_odd_big_endian.dcm": TOO_SMALL,
    "SC_rgb_small_odd_jpeg.dcm": TOO_SMALL,
    "badVR.dcm": TOO_SMALL,
    "rtdose.dcm": TOO_SMALL,
    "rtdose_1frame.dcm": TOO_SMALL,
    "rtdose_expb.dcm": TOO_SMALL,
    "rtdose_expb_1frame.dcm": TOO_SMALL,
    "rtdose_rle.dcm": TOO_SMALL,
    "rtdose_rle_1frame.dcm": TOO_SMALL,
    # Headers, plans, reports, structures and curves.
    "ExplVR_BigEndNoMeta.dcm": NO_PICTURE,
    "ExplVR_LitEndNoMeta.dcm": NO_PICTURE,
    "UN_sequence.dcm": NO_PICTURE,
    "empty_charset_LEI.dcm": NO_PICTURE,
    "meta_missing_tsyntax.dcm": NO_PICTURE,
    "nested_priv_SQ.dcm": NO_PICTURE,
    "no_meta_group_length.dcm": NO_PICTURE,
    "priv_SQ.dcm": NO_PICTURE,
    "reportsi.dcm": NO_PICTURE,
    "reportsi_with_empty_number_tags.dcm": NO_PICTURE,
    "rtplan.dcm": NO_PICTURE,
    "rtplan_truncated.dcm": NO_PICTURE,
    "rtstruct.dcm": NO_PICTURE,
    "test-SR.dcm": NO_PICTURE,
    "waveform_ecg.dcm": NO_PICTURE,
}


@pytest.mark.parametrize("name", sorted(path.name for path in PYDICOM.glob("*.dcm")))
def test_pydicoms_own_files(name: str) -> None:
    path = PYDICOM / name
    if name in UNREADABLE:
        with pytest.raises(ImageError, match=UNREADABLE[name]) as caught:
            read(path)
        assert_plain(caught.value, str(PYDICOM))
        return
    assert_like_pydicom(path)


@pytest.mark.parametrize("path", sorted(SHARED.glob("*.dcm")), ids=os.path.basename)
def test_shared_files(path: Path) -> None:
    assert_like_pydicom(path)


def assert_like_pydicom(path: Path) -> None:
    """The picture against pydicom's own decoding and its own apply_* functions."""
    image = read(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = pydicom.dcmread(path, force=True)
        if "TransferSyntaxUID" not in ds.file_meta:
            ds.file_meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian
        stored = pixel_array(ds, index=image.frame)
    assert image.shape == (ds.Rows, ds.Columns)
    if stored.ndim == 3:
        expected = np.rint(stored / (2**ds.BitsStored - 1) * 255)
        assert close(image.pixels, expected, 1)
    elif ds.PhotometricInterpretation == "PALETTE COLOR":
        colours = pydicom.pixels.apply_color_lut(stored, ds)
        scale = 257 if colours.max() > 255 else 1
        assert close(image.pixels, colours / scale, 0.5)
    else:
        values = apply_modality_lut(stored, ds)
        if "WindowWidth" in ds:
            low = -(2 ** (ds.BitsStored - 1)) if ds.PixelRepresentation else 0
            ends = apply_modality_lut(np.array([low, low + 2**ds.BitsStored - 1]), ds)
            values = apply_voi_lut(values, ds)
        elif ds.BitsStored > 8:
            ends = np.array([values.min(), values.max()])
        else:
            ends = np.array([0, 2**ds.BitsStored - 1])
        expected = (values - ends[0]) / (ends[1] - ends[0])
        negative = ds.PhotometricInterpretation == "MONOCHROME1"
        assert close(image.grey, 1 - expected if negative else expected, 1e-6)


@pytest.mark.skipif(not SHARED.exists(), reason="the data folder is not here")
def test_regions_of_real_ultrasound() -> None:
    image = read(SHARED / "OBXXXX1A_rle_2frame.dcm", frame=0)
    assert image.frames == 2
    # B-mode above in cm; the trace below in seconds, which is no spacing.
    assert image.spacing_at(300, 400) == pytest.approx((0.2622878766,) * 2)
    assert image.spacing_at(550, 400) is None
