"""Everything that can go wrong, in one tree.

HccXaiError
├── ImageError       a file that cannot be read as a picture
├── SpacingError     a millimetres-per-pixel value that makes no sense
├── BundleError      a model that cannot be loaded, or is not a bundle
├── DataError        a training or test folder that is not what it should be
└── ArgumentError    an unknown label, method, scale ...; names the known ones (also a ValueError)

Messages are one sentence: what was wrong, what was got, what is allowed. They never hold a
traceback, a
patient's name or a tag's value, so the page and the command line can show them as they are.
"""


class HccXaiError(Exception):
    """Base of all errors raised on purpose by this package."""


class ImageError(HccXaiError):
    """A file could not be read as a picture."""


class SpacingError(HccXaiError):
    """A spacing (mm per pixel) is zero, negative, not finite or absurd."""


class BundleError(HccXaiError):
    """A model could not be found, fetched or loaded."""


class DataError(HccXaiError):
    """A folder of training or test data is not laid out as expected."""


class ArgumentError(HccXaiError, ValueError):
    """An argument names something that is not there."""


def unknown(what: str, got: object, known: object) -> ArgumentError:
    """The error for a name that is not in a list of names; the message lists them."""
    names = ", ".join(str(k) for k in known)  # type: ignore[attr-defined]
    return ArgumentError(f"unknown {what} {got!r}; known: {names}")
