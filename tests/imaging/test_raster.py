"""PNG, JPEG, TIFF, BMP, WebP and GIF: the pixels and grey levels are those of the file."""

import io
import struct
import zlib

import cv2
import numpy as np
import PIL.Image
import pytest
from image_files import (
    DEEP,
    GREY,
    LOOP,
    RGB,
    close,
    dataset,
    oriented,
    raster,
    saved,
    tiff16,
    turned,
)

from hcc_xai.errors import ImageError
from hcc_xai.imaging.read import decode, read

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
