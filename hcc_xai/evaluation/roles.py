"""What the labels and masks of a bundle are, for its figures: which label means "nothing there",
which is reported first, and what its kind calls its things."""

from __future__ import annotations

from dataclasses import dataclass

from hcc_xai.kinds.known import LIVER, kind_named
from hcc_xai.model.config import BundleConfig


@dataclass(frozen=True)
class Roles:
    """What the labels and masks of a bundle are. The defaults are those of a liver ultrasound.

    Attributes:
        kind: of picture, a name in `KINDS`.
        absent: the label that means "nothing there", or None.
        positive: the label whose discrimination is reported first, or None.
        organ: whether an organ is outlined.
        target: whether lesions are.
        multiple: whether several labels may hold at once.
    """

    kind: str = LIVER
    absent: str | None = "normal"
    positive: str | None = "malignant"
    organ: bool = True
    target: bool = True
    multiple: bool = False

    @classmethod
    def of(cls, config: BundleConfig) -> Roles:
        """The roles that a bundle names."""
        network = config.network
        return cls(
            kind=config.kind,
            absent=config.absent,
            positive=config.positive,
            organ=config.organ is not None,
            target=network.target is not None,
            multiple=network.multiple,
        )

    def rivals(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        """The labels that the positive one is told apart from: all others but the absent one;
        none where no label is positive or several may hold."""
        if self.positive not in labels or self.multiple:
            return ()
        return tuple(label for label in labels if label not in (self.positive, self.absent))

    def words(self) -> dict[str, str]:
        """The kind's nouns in English, for sentences with blanks."""
        nouns = kind_named(self.kind).all_nouns
        return {name: words["en"] for name, words in nouns.items()}


LIVER_ROLES = Roles()
