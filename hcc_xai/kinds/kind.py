"""What a kind of picture is: a frozen value, one file each beside this one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hcc_xai.kinds.nouns import LESION, ORGAN, Nouns, Words
from hcc_xai.stats import Numbers


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of picture.

    What differs between two bundles of a kind stands in the bundle's `config.json`; what a new
    bundle of the kind starts with stands here.

    Attributes:
        name: as bundles and answers name it, like "brain-mri".
        nouns: what it calls its things, for sentences; see nouns.py.
        find_field: (H, W) or (H, W, 3), uint8 or float in [0, 1] -> (H, W) bool, where the patient
            is; nothing outside it is shown to a network.
        labels: label -> title; in the order of a new bundle's logits.
        absent: the label that means "nothing there", or None.
        positive: the label whose discrimination is reported first, or None.
        multiple: whether several labels may hold at once.
        organ: mask that evidence should lie in, or None.
        target: mask that lesions come from, or None.
        size: side of a new bundle's input, in pixels.
        described: what of a lesion is put into words, of `findings.describe`'s names; None for all.
        limits: of image quality, where they are not those of `imaging.quality.LIMITS`; None for
            what is no fault here.
        scheme: of reporting, that its lesions' sizes are classed by ("US LI-RADS"), or None.
    """

    name: str
    nouns: Nouns
    find_field: Callable[[Numbers], NDArray[np.bool_]]
    labels: Mapping[str, Words]
    absent: str | None = None
    positive: str | None = None
    multiple: bool = False
    organ: str | None = None
    target: str | None = None
    size: int = 256
    described: tuple[str, ...] | None = ("homogeneity", "margin", "shape", "roundness", "size")
    limits: Mapping[str, float | None] = field(default_factory=dict)
    scheme: str | None = None

    @property
    def all_nouns(self) -> Nouns:
        """Its nouns, and the general ones for what it does not name."""
        return {**LESION, **ORGAN, **self.nouns}

    @property
    def masks(self) -> tuple[str, ...]:
        """Names of the masks of a new bundle, the organ first."""
        return tuple(name for name in (self.organ, self.target) if name is not None)
