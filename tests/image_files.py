"""Pictures for the tests of reading: DICOM data sets and picture files whose values are known."""

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pydicom
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate

from hcc_xai.errors import ImageError

PATIENT = "Quixote^Alonso"
SHARED = Path(__file__).parents[2] / "shared" / "data" / "dicom"
PYDICOM = Path(pydicom.__file__).parent / "data" / "test_files"

rng = np.random.default_rng(6)
GREY = cv2.GaussianBlur(rng.integers(0, 256, (24, 40), dtype=np.uint8), (5, 5), 0)
RGB = cv2.GaussianBlur(rng.integers(0, 256, (24, 40, 3), dtype=np.uint8), (5, 5), 0)
DEEP = cv2.GaussianBlur(rng.integers(0, 65536, (24, 40), dtype=np.uint16), (5, 5), 0)
LOOP = np.stack([np.roll(GREY, 3 * n, axis=1) for n in range(5)])


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


def encoded(code: bytes | list[bytes], array: np.ndarray, syntax: str, **tags: object) -> bytes:
    ds = dataset(array, **tags)
    ds.PixelData = encapsulate(code if isinstance(code, list) else [code])
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    return saved(ds, syntax)


JPEG = raster(RGB, "JPEG")
DICOM = saved(dataset(GREY))


def without(*keywords: str) -> bytes:
    ds = dataset(GREY)
    for keyword in keywords:
        delattr(ds, keyword)
    return saved(ds)


def film() -> bytes:
    return encoded(b"\0\0\1\xba", LOOP, uid.MPEG4HP41, NumberOfFrames=5)


def inner_bomb() -> bytes:
    """A small data set whose JPEG 2000 codestream claims to be huge."""
    ds = dataset(np.concatenate([GREY, GREY]))
    ds.compress(uid.JPEG2000Lossless, generate_instance_uid=False)
    data = saved(ds, uid.JPEG2000Lossless)
    place = data.index(b"\xff\x4f\xff\x51") + 8
    return data[:place] + struct.pack(">II", 60000, 60000) + data[place + 8 :]


# Name -> the bytes of a file that is not read, and words of the sentence that says why.
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
    "DICOM, deflated, cut": (
        saved(dataset(GREY), uid.DeflatedExplicitVRLittleEndian)[:-100],
        "cut short",
    ),
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
