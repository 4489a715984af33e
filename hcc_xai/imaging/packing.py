"""Arrays in few bytes, without loss: how a picture is pickled."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Packed:
    """An array in few bytes.

    Attributes:
        content: the bytes. how: "png", "bits" or "zlib".
        shape: of the array. dtype: its name in NumPy.
    """

    content: bytes
    how: str
    shape: tuple[int, ...]
    dtype: str


def pack(array: NDArray[Any]) -> Packed:
    """An array as bytes: truth values as bits, grey levels of 8 bits as PNG, others deflated."""
    shape, dtype = array.shape, array.dtype.str
    if array.dtype == bool:
        return Packed(zlib.compress(np.packbits(array).tobytes()), "bits", shape, dtype)
    if array.dtype == np.uint8 and array.ndim == 2:
        return Packed(cv2.imencode(".png", array)[1].tobytes(), "png", shape, dtype)
    return Packed(zlib.compress(np.ascontiguousarray(array).tobytes()), "zlib", shape, dtype)


def unpack(packed: Packed) -> Any:
    """The array that was packed, equal to the last bit."""
    if packed.how == "png":
        coded = np.frombuffer(packed.content, np.uint8)
        return np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE))
    content = np.frombuffer(zlib.decompress(packed.content), np.uint8)
    if packed.how == "bits":
        count = int(np.prod(packed.shape))
        return np.unpackbits(content, count=count).astype(bool).reshape(packed.shape)
    return content.view(packed.dtype).reshape(packed.shape).copy()
