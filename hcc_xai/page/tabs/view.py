"""How a visitor wants the picture drawn, and an example drawn small."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hcc_xai.imaging import draw
from hcc_xai.imaging.read import read
from hcc_xai.page.inputs import Inputs
from hcc_xai.reports.pictures import Look, overlay
from hcc_xai.reports.writers import files_of

if TYPE_CHECKING:
    from hcc_xai.analysis.result import Analysis
    from hcc_xai.findings.lirads import Suggestion
    from hcc_xai.page.memory import Kept

LAYERS = ("lesion", "organ", "heatmap")
_NAME = 80  # characters of a file's name that downloads carry on


@dataclass(frozen=True)
class View(Inputs):
    """What the controls below the picture say.

    Attributes:
        show: of `LAYERS`, what is drawn.
        opacity: of the map, 0 to 1.
        label: the class whose evidence is drawn.
        kind: of map, of `methods.KINDS`.
        scale: "absolute", the one of the bundle, or "own", the one of this picture.
        colour_map: of `draw.COLOUR_MAPS`.
    """

    show: Sequence[str]
    opacity: float
    label: str
    kind: str
    scale: str
    colour_map: str

    @property
    def drawn(self) -> str | None:
        """The kind of map that is drawn, or None."""
        return self.kind if "heatmap" in self.show else None

    def look(self, a: Analysis) -> Look:
        """How the controls want an answer drawn."""
        return Look(
            label=self.label,
            kind=self.drawn,
            absolute=self.scale == "absolute",
            opacity=self.opacity,
            colour_map=self.colour_map,
            show=masks_of(a, self.show),
        )

    def draw(self, a: Analysis) -> NDArray[np.uint8]:
        """The explained picture, (H, W, 3) in the pixels of the file, RGB."""
        return overlay(a, self.look(a))

    def top(self, a: Analysis) -> float:
        """The value that is drawn at full strength."""
        if self.scale == "absolute":
            return a.scale(self.kind)
        return draw.own_scale(a.heatmap(self.label, self.kind))


def masks_of(a: Analysis, layers: Sequence[str]) -> list[str]:
    """The masks of an answer that some of `LAYERS` show; one that is neither lesion nor organ goes
    with the organ."""
    roles = {mask: a.role(mask) for mask in a.config.network.masks}
    return [mask for mask, role in roles.items() if (role if role in LAYERS else "organ") in layers]


def layers_of(a: Analysis) -> list[str]:
    """Those of `LAYERS` that an answer has."""
    return [layer for layer in LAYERS if layer == "heatmap" or masks_of(a, [layer])]


@dataclass(frozen=True)
class StudyAnswers(Inputs):
    """What a visitor said of the study for US LI-RADS, which no picture tells; None: nothing.

    Attributes:
        at_risk: "yes" or "no": surveillance of a person at risk.
        thrombus: "yes" or "no": a new thrombus in a vein.
        visualization: the score, of `lirads.VISUALIZATION`.
        benign: lesions that are definitely benign, by their numbers, from 1, as words.
    """

    at_risk: str | None
    thrombus: str | None
    visualization: str | None
    benign: Sequence[str] | None

    def suggest(self, a: Analysis) -> Suggestion:
        """What US LI-RADS would say.

        Raises:
            ArgumentError: a lesion or a score that there is not.
        """
        return a.lirads(
            at_risk=_yes(self.at_risk),
            thrombus=_yes(self.thrombus),
            benign=[int(number) for number in self.benign or ()],
            visualization=self.visualization,
        )


def _yes(answer: str | None) -> bool | None:
    return None if answer is None else answer == "yes"


@dataclass(frozen=True)
class Wish:
    """How a file is to be answered.

    Attributes:
        language: of the reader.
        spacing: mm per pixel, as it was typed; empty where it is not known.
        view: how the picture is drawn.
    """

    language: str
    spacing: str
    view: View

    @classmethod
    def from_values(cls, language: str, spacing: str, *view: Any) -> Wish:
        """Values of language, spacing and the view's controls, as Gradio hands them over."""
        return cls(language, spacing, View.from_values(*view))


def stem(a: Analysis) -> str:
    """What downloads are named by."""
    return Path(a.image.source).stem[:_NAME] or "picture"


def write_picture(kept: Kept, name: str, pixels: NDArray[np.uint8] | NDArray[np.bool_]) -> str:
    """A picture or mask for the visitor to fetch: `<stem>_<name>.png`; its path."""
    return kept.write(f"{stem(kept.answer)}_{name}.png", draw.png(pixels))


def write_files(kept: Kept, formats: Sequence[str], look: Look) -> dict[str, str]:
    """An answer in some formats for the visitor to fetch.

    Args:
        kept: the answer.
        formats: names in `reports.WRITERS`.
        look: how pictures are drawn.

    Returns:
        "overlay", "json", and what each mask is ("lesion", "organ") -> the file's path.
    """
    return {
        kept.answer.role(re.sub(r"^_|\.\w+$", "", ending)) or ending[1:]: kept.write(
            f"{stem(kept.answer)}{ending}", content
        )
        for ending, content in files_of(kept.answer, formats, look).items()
    }


def write_json(kept: Kept) -> str:
    """The answer for the visitor to fetch: `<stem>.json`; its path."""
    return write_files(kept, ("json",), Look())["json"]


def thumbnail(path: Path, name: str) -> str:
    """CSS that gives the button `name` a small picture; no file to serve or to be cleaned away."""
    import PIL.Image

    picture = PIL.Image.fromarray(read(path).pixels)
    picture.thumbnail((96, 90))
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=80)
    code = base64.b64encode(file.getvalue()).decode()
    return f"#{name}{{background-image:url(data:image/webp;base64,{code})!important}}"
