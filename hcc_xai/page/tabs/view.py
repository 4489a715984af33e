"""How a visitor wants the picture drawn, and an example drawn small."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hcc_xai.imaging import draw
from hcc_xai.imaging.read import read
from hcc_xai.model.network import MASKS
from hcc_xai.reports.pictures import Look, overlay
from hcc_xai.reports.writers import files_of

if TYPE_CHECKING:
    from hcc_xai.analysis.result import Analysis
    from hcc_xai.page.memory import Kept

LAYERS = ("lesion", "liver", "heatmap")
_NAME = 80  # characters of a file's name that downloads carry on


@dataclass(frozen=True)
class View:
    """The values of the controls, in their order."""

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

    @property
    def look(self) -> Look:
        """How the controls want an answer drawn."""
        return Look(
            label=self.label,
            kind=self.drawn,
            absolute=self.scale == "absolute",
            opacity=self.opacity,
            colour_map=self.colour_map,
            show=[name for name in MASKS if name in self.show],
        )

    def draw(self, a: Analysis) -> NDArray[np.uint8]:
        """(H, W, 3): the explained picture."""
        return overlay(a, self.look)

    def top(self, a: Analysis) -> float:
        """The value that is drawn at full strength."""
        if self.scale == "absolute":
            return a.scale(self.kind)
        return draw.own_scale(a.heatmap(self.label, self.kind))


def stem(a: Analysis) -> str:
    """What downloads are named by."""
    return Path(a.image.source).stem[:_NAME] or "picture"


def write_picture(kept: Kept, name: str, pixels: NDArray[Any]) -> str:
    """A picture or mask for the visitor to fetch: `<stem>_<name>.png`."""
    return kept.write(f"{stem(kept.answer)}_{name}.png", draw.png(pixels))


def write_files(kept: Kept, formats: Sequence[str], look: Look) -> dict[str, str]:
    """An answer in some formats (names in `reports.WRITERS`) for the visitor to fetch.

    Returns:
        "overlay", "lesion", "json" and so on -> the file's address.
    """
    files = files_of(kept.answer, formats, look)
    return {
        Path(ending).stem.lstrip("_.") or Path(ending).suffix: kept.write(
            f"{stem(kept.answer)}{ending}", content
        )
        for ending, content in files.items()
    }


def write_json(kept: Kept) -> str:
    """The answer for the visitor to fetch: `<stem>.json`."""
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
