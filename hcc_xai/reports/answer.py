"""What a writer may look at of an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hcc_xai.findings.lesions import Lesion
from hcc_xai.imaging.image import Image
from hcc_xai.language.words import Nouns

Mask = NDArray[np.bool_]


class Answer(Protocol):
    """An answer as a writer sees it: arrays in the pixels of the file, values, no network; an
    `Analysis` is one."""

    @property
    def image(self) -> Image: ...
    @property
    def sector(self) -> Mask: ...
    @property
    def masks(self) -> Mapping[str, Mask]: ...
    @property
    def target(self) -> str | None: ...
    @property
    def lesions(self) -> Sequence[Lesion]: ...
    @property
    def accepted(self) -> bool: ...
    @property
    def nouns(self) -> Nouns: ...
    @property
    def let_through(self) -> bool: ...

    def role(self, mask: str) -> str: ...
    def heatmap(self, label: str | None = ..., kind: str = ...) -> NDArray[np.float32]: ...
    def scale(self, kind: str = ...) -> float: ...
    def to_dict(self) -> dict[str, object]: ...
