"""Reading arrays, paths and bytes: known values, or one plain sentence that names nobody."""

import hashlib
import json
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
import pytest
from image_files import (
    BAD,
    DEEP,
    DICOM,
    GREY,
    JPEG,
    LOOP,
    PATIENT,
    RGB,
    assert_plain,
    close,
    dataset,
    encoded,
    raster,
    saved,
)
from pydicom import uid
from pydicom.dataset import FileDataset

from hcc_xai.errors import ImageError, SpacingError
from hcc_xai.imaging import read as images
from hcc_xai.imaging.read import decode, read

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


@pytest.mark.parametrize(
    "spacing", [0, -0.1, float("nan"), float("inf"), 5.01, (0.1, 0), (1,), "x"]
)
def test_absurd_spacing_from_the_user_is_an_error(spacing: object) -> None:
    with pytest.raises(SpacingError, match="more than 0 and at most 5 mm"):
        read(GREY, mm_per_pixel=spacing)  # type: ignore[arg-type]


# --- bad input ---


def deflated_bomb() -> bytes:
    data = saved(dataset(GREY), uid.DeflatedExplicitVRLittleEndian)
    start = 144 + struct.unpack("<I", data[140:144])[0]
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    plain = [zlib.decompress(data[start:], -15)] + [bytes(2**20)] * 9
    return data[:start] + b"".join(map(deflater.compress, plain)) + deflater.flush()


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
            "magnification",
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
