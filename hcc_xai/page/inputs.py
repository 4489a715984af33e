"""What comes in from a visitor or a program: values of controls, files, questions, places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from hcc_xai.batch.sources import find
from hcc_xai.errors import ArgumentError, DataError

if TYPE_CHECKING:
    import gradio as gr

    from hcc_xai.analysis.models import Answerer
    from hcc_xai.analysis.result import Analysis
    from hcc_xai.explain.methods import Explanation

    Control = gr.CheckboxGroup | gr.Radio | gr.Dropdown | gr.Slider | gr.Checkbox


@dataclass(frozen=True)
class Inputs:
    """Base of the values that hold what controls say.

    Gradio takes a list of controls and hands over a list of values. The order of both is the order
    of the dataclass's fields, and is written down nowhere else.
    """

    @classmethod
    def in_order(cls, **controls: Control) -> list[Control]:
        """The controls as Gradio takes them.

        Args:
            **controls: the name of a field, and the control that says it; one for each field.
        """
        names = [field.name for field in fields(cls)]
        if set(names) != set(controls):
            raise TypeError(f"controls are {sorted(controls)}, wanted {sorted(names)}")
        return [controls[name] for name in names]

    @classmethod
    def from_values(cls, *values: Any) -> Self:
        """The values as Gradio hands them over, by name."""
        return cls(*values)

    def values(self) -> tuple[Any, ...]:
        """The values as Gradio would hand them over."""
        return tuple(getattr(self, field.name) for field in fields(self))


@dataclass(frozen=True)
class Picture:
    """A file that a program sent, to be answered.

    Attributes:
        path: of the upload, which is deleted; None where none was given.
        frame: of a file with frames, from 0; None for the file's own choice.
        spacing: mm per pixel, or None for the file's own.
        accept: the gate does not stop it.
        kind: that it is said to be; None for what it is taken for.
    """

    path: str | None
    frame: int | None = None
    spacing: float | None = None
    accept: bool = False
    kind: str | None = None


@dataclass(frozen=True)
class Question:
    """What is asked about an answer: a map by a method, or why a place is outlined.

    Attributes:
        method: of `METHODS`.
        label: that is explained; None for the answer.
        against: the label that it is contrasted with; None for none.
        layer: of the methods that read one; None for the method's own.
        seed: of the methods that draw numbers.
        check: whether the map is tested.
        point: "row, column", or empty: then it is a map that is asked for.
    """

    method: str
    label: str | None
    against: str | None
    layer: str | None
    seed: int
    check: bool
    point: str | None

    def put(self, models: Answerer, a: Analysis) -> Explanation:
        """Ask it.

        Raises:
            ArgumentError: a name, or a place, that is not there.
        """
        if self.point:
            return models.explain_outline(a, place_of(self.point), layer=self.layer)
        return models.explain(
            a,
            self.method,
            label=self.label,
            against=self.against,
            layer=self.layer,
            seed=self.seed,
            check=self.check,
        )


def place_of(typed: str) -> tuple[int, int]:
    """Row and column of "row, column".

    Raises:
        ArgumentError: it is no place.
    """
    try:
        row, col = (int(part) for part in typed.replace(";", ",").split(","))
    except ValueError:
        raise ArgumentError(
            "place-unread",
            "{typed!r} is no place; write row and column, like 120, 200",
            typed=typed,
        ) from None
    return row, col


def unpack(paths: Sequence[str | Path], folder: Path) -> Path:
    """A reviewer's files, and what their ZIP archives hold, in one folder.

    Args:
        paths: of the uploads, which are deleted.
        folder: where all of it goes; it is there, and empty.

    Returns:
        The CSV among them, or else the folder.

    Raises:
        DataError: nothing was given, or more than one table.
    """
    tables = []
    for item in find(paths):
        if item.wrong:
            continue
        place = folder / item.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(item.read())
        if place.suffix.lower() == ".csv":
            tables.append(place)
    for path in paths:
        Path(path).unlink(missing_ok=True)
    if len(tables) > 1:
        raise DataError(
            "audit-many-tables",
            "wanted is one table, there are {count} CSV files",
            count=len(tables),
        )
    if not tables and not any(folder.iterdir()):
        raise DataError(
            "audit-no-files", "choose pictures and a table (CSV), or a ZIP that holds both"
        )
    return tables[0] if tables else folder
