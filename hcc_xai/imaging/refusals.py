"""Why a file is not read: the errors that more than one reader raises, and what else a file may be.

Each is one sentence that names neither the file nor anything that stands in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from hcc_xai.errors import ImageError

_FORMATS = "PNG, JPEG, TIFF, BMP, WebP, GIF"  # that can be chosen, besides DICOM


def cut_short() -> ImageError:
    """The file ends within its picture."""
    return ImageError(
        "file-cut-short",
        "This file is cut short: a part of the picture is missing; copy or export it again.",
    )


def damaged() -> ImageError:
    """A reader knows the kind of file, but cannot decode this one."""
    return ImageError(
        "file-damaged",
        "This file is damaged or of an unsupported kind; export it again as PNG or plain DICOM.",
    )


def too_large(most: int) -> ImageError:
    """The file has more than `most` bytes."""
    return ImageError(
        "file-too-large", "This file is too large: at most {most} MB are read.", most=most >> 20
    )


def too_large_inflated(most: int) -> ImageError:
    """What a compressed file holds has more than `most` bytes."""
    return ImageError(
        "file-too-large-inflated",
        "This file is too large: inflated it exceeds {most} MB.",
        most=most >> 20,
    )


def not_there() -> ImageError:
    """No file lies at a path."""
    return ImageError("file-not-there", "There is no such file.")


def not_opened() -> ImageError:
    """The system does not let the file be read."""
    return ImageError("file-not-opened", "This file cannot be opened; check that you may read it.")


def is_folder() -> ImageError:
    """A path leads to a folder."""
    return ImageError(
        "file-is-folder",
        "This is a folder, not a file; choose a {formats} or DICOM file.",
        formats=_FORMATS,
    )


def no_picture() -> ImageError:
    """No reader takes the file, and its kind is not known either."""
    return ImageError(
        "file-no-picture",
        "This file is not a picture that can be read; choose a {formats} or DICOM file.",
        formats=_FORMATS,
    )


# What a file without a picture starts with -> the error that names its kind.
_OTHER_KINDS: dict[bytes, Callable[[], ImageError]] = {
    rb"\s*$": lambda: ImageError(
        "file-empty", "This file is empty; choose a {formats} or DICOM file.", formats=_FORMATS
    ),
    rb"PK[\3\5\7]": lambda: ImageError(
        "file-zip",
        "This file is a ZIP archive (unpack it first); choose a {formats} or DICOM file.",
        formats=_FORMATS,
    ),
    rb"\x1f\x8b|BZh|7z\xbc\xaf|\xfd7zXZ|Rar!": lambda: ImageError(
        "file-archive",
        "This file is a compressed archive (unpack it first); choose a {formats} or DICOM file.",
        formats=_FORMATS,
    ),
    rb"%PDF": lambda: ImageError(
        "file-pdf",
        "This file is a PDF document; choose a {formats} or DICOM file.",
        formats=_FORMATS,
    ),
    rb"....ftyp": lambda: ImageError(
        "file-film",
        "This file is a film or an HEIC picture; choose a {formats} or DICOM file.",
        formats=_FORMATS,
    ),
    rb"(?s)\s*<.*<svg|\s*<svg": lambda: ImageError(
        "file-svg",
        "This file is an SVG drawing; choose a {formats} or DICOM file.",
        formats=_FORMATS,
    ),
    rb"([\t\n\r\x20-\x7e]|[\xc2-\xf4][\x80-\xbf]+)+($|(?<=.{64}))": lambda: ImageError(
        "file-text", "This file holds text; choose a {formats} or DICOM file.", formats=_FORMATS
    ),
}


def other_kind(start: bytes) -> ImageError | None:
    """The error that names what a file is instead of a picture.

    Args:
        start: the first bytes of the file; 4096 are plenty.

    Returns:
        The error, to be raised; None where the file is of none of the kinds that are told apart.
    """
    for pattern, error in _OTHER_KINDS.items():
        if re.match(pattern, start, re.DOTALL):
            return error()
    return None
