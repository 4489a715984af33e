"""DICOM files: what goes in as known values comes out as those values, with its spacing."""

import io
import os
import shutil
import subprocess
import warnings
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pydicom
import pytest
from image_files import (
    DEEP,
    GREY,
    LOOP,
    PYDICOM,
    RGB,
    SHARED,
    assert_plain,
    close,
    dataset,
    encoded,
    lut,
    region,
    rng,
    saved,
)
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut, pixel_array

from hcc_xai.errors import ImageError
from hcc_xai.imaging import refusals
from hcc_xai.imaging.read import Image, Region, decode, read

# --- DICOM: values ---

DELIMITER = b"\xfe\xff\xdd\xe0\0\0\0\0"  # of a list of frames


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


def test_lossless_jpeg_of_signed_values(tmp_path: Path) -> None:
    deep = (DEEP.astype(np.int32) - 2048).astype(np.int16)
    ds = dataset(DEEP)
    ds.PixelData, ds.PixelRepresentation = deep.tobytes(), 1
    image = decode(lossless_jpeg(ds, tmp_path))
    assert np.array_equal(image.grey, decode(saved(ds)).grey)


def test_a_list_of_frames_that_is_not_closed_is_read_and_half_a_frame_is_not(
    tmp_path: Path,
) -> None:
    data = lossless_jpeg(dataset(DEEP), tmp_path)
    assert data.endswith(DELIMITER)
    bare = data.removesuffix(DELIMITER)
    assert np.array_equal(decode(bare).grey, decode(data).grey)
    with pytest.raises(ImageError, match="cut short"):
        decode(bare[:-40])


def test_a_jpeg_that_is_larger_than_its_file_says_is_refused(tmp_path: Path) -> None:
    data = lossless_jpeg(dataset(DEEP), tmp_path)
    start = data.index(b"\xff\xc3") + 5  # the frame's height and width
    bomb = data[:start] + b"\xf0\0\xf0\0" + data[start + 4 :]
    with pytest.raises(ImageError, match="damaged"):
        decode(bomb)


def by_dcmtk(path: Path, folder: Path) -> pydicom.Dataset:
    """A file as DCMTK decodes it; skips without it."""
    if shutil.which("dcmdjpeg") is None:
        pytest.skip("dcmdjpeg (Debian's dcmtk) is not here, and nothing else checks this file")
    plain = folder / "plain.dcm"
    subprocess.run(["dcmdjpeg", str(path), str(plain)], check=True, capture_output=True)
    return pydicom.dcmread(plain)


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
    damaged = str(refusals.damaged())
    even = "This picture is one even shade: there is nothing to see in it."
    assert outcomes <= {GREY.shape, damaged, str(refusals.cut_short()), even}
    assert damaged in outcomes


# --- DICOM: frames ---


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


# --- real files ---

NO_PICTURE = "holds no picture"
TOO_SMALL = "too small"
UNREADABLE = {
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
def test_pydicoms_own_files(name: str, tmp_path: Path) -> None:
    path = PYDICOM / name
    if name in UNREADABLE:
        with pytest.raises(ImageError, match=UNREADABLE[name]) as caught:
            read(path)
        assert_plain(caught.value, str(PYDICOM))
        return
    assert_like_pydicom(path, tmp_path)


@pytest.mark.parametrize("path", sorted(SHARED.glob("*.dcm")), ids=os.path.basename)
def test_shared_files(path: Path, tmp_path: Path) -> None:
    assert_like_pydicom(path, tmp_path)


def assert_like_pydicom(path: Path, folder: Path) -> None:
    """The picture against pydicom's own decoding and its own apply_* functions."""
    image = read(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = pydicom.dcmread(path, force=True)
        if "PixelData" not in ds:  # its list of frames is not closed
            ds = pydicom.dcmread(io.BytesIO(path.read_bytes() + DELIMITER))
        if "TransferSyntaxUID" not in ds.file_meta:
            ds.file_meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian
        if ds.file_meta.TransferSyntaxUID == uid.JPEGExtended12Bit and ds.BitsAllocated > 8:
            ds = by_dcmtk(path, folder)  # pydicom decodes no JPEG of 12 bits
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


@pytest.mark.parametrize(
    ("stated", "magnification", "mm"),
    [
        ({"PixelSpacing": [0.2, 0.2]}, None, 0.2),
        ({"ImagerPixelSpacing": [0.2, 0.2]}, 1.0, 0.2),
        ({"ImagerPixelSpacing": [0.2, 0.2], "PixelSpacing": [0.2, 0.2]}, 1.0, 0.2),
        ({"ImagerPixelSpacing": [0.2, 0.2], "PixelSpacing": [0.15, 0.15]}, None, 0.15),
        (
            {
                "ImagerPixelSpacing": [0.2, 0.2],
                "EstimatedRadiographicMagnificationFactor": "1.25",
            },
            1.25,
            0.16,
        ),
        (
            {"ImagerPixelSpacing": [0.2, 0.2], "EstimatedRadiographicMagnificationFactor": "80"},
            1.0,
            0.2,
        ),
    ],
)
def test_spacing_at_the_detector_is_told_and_divided_by_its_magnification(
    stated: dict[str, object], magnification: float | None, mm: float
) -> None:
    image = decode(saved(dataset(GREY, **stated)))
    assert image.magnification == magnification
    assert image.spacing_at(5, 5) == pytest.approx((mm, mm))
    typed = read(image, mm_per_pixel=0.3)  # a person's own is nobody's detector's
    assert typed.magnification is None and typed.spacing_at(5, 5) == (0.3, 0.3)
