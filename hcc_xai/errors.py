"""Everything that can go wrong, in one tree.

HccXaiError
├── ImageError       a file that cannot be read as a picture
├── SpacingError     a millimetres-per-pixel value that makes no sense
├── BundleError      a model that cannot be loaded, or is not a bundle
├── DataError        a training or test folder that is not what it should be
└── ArgumentError    an unknown label, method, scale ...; names the known ones (also a ValueError)

An error is raised with a key, its sentence in English and the values that the sentence names:

    raise ImageError("too-small", "This picture is too small: a side needs {least}.", least=32)

`str(error)` is the English sentence, filled in; `language/errors.py` says it in other languages by
the key. A sentence says what was wrong, what was got and what is allowed. It never holds a
traceback, a patient's name or a tag's value, so it can be shown as it is.
"""

from __future__ import annotations

Value = str | int | float


class HccXaiError(Exception):
    """Base of all errors raised on purpose by this package.

    Attributes:
        key: names the fault in every language, like "too-small".
        text: the English sentence, with a `{name}` for each value.
        values: name -> what stands there; only what JSON can hold.
    """

    def __init__(self, key: str, text: str | None = None, /, **values: Value) -> None:
        super().__init__(key, text)
        self.key, self.text, self.values = key, text, values

    def __str__(self) -> str:
        return self.key if self.text is None else self.text.format(**self.values)


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
    """The error for a name that is not in a list of names; the message lists them.

    Args:
        what: what is named, as one or two English words; its key is `unknown-` and these words.
    """
    return ArgumentError(
        f"unknown-{what.replace(' ', '-')}",
        f"unknown {what} {{got!r}}; known: {{known}}",
        got=str(got),
        known=", ".join(str(name) for name in known),  # type: ignore[attr-defined]
    )
