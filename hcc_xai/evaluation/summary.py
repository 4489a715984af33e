"""What an evaluation amounts to: all figures of a recipe, and how they are written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from hcc_xai.evaluation.lesion_rule import CurvePoint
from hcc_xai.evaluation.roles import Roles
from hcc_xai.findings.outlines import Outlines
from hcc_xai.stats import Figure


@dataclass(frozen=True)
class StratumFigures:
    """How well the classes are told apart on one frame size, or in one source.

    Attributes:
        stratum: the frame size or source.
        classes: label -> images.
        auroc: of the positive label against its rivals; None where a class is missing.
        size_auroc: the same of the true lesion's size alone.
        accuracy: share of the images whose answer is true.
        labels: label -> AUROC against all others; of those that some images have and some not.
    """

    stratum: str
    classes: dict[str, int]
    auroc: Figure | None
    size_auroc: Figure | None
    accuracy: Figure | None = None
    labels: dict[str, Figure] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> StratumFigures:
        """What `to_dict` of a summary made of it."""
        auroc, size, accuracy = (
            None if row.get(name) is None else Figure.from_dict(row[name])
            for name in ("auroc", "size_auroc", "accuracy")
        )
        labels = _figures(row.get("labels", {}))
        return cls(row["stratum"], row["classes"], auroc, size, accuracy, labels)


@dataclass(frozen=True)
class LeftOutFigures:
    """Figures on a frame size that was left out of training.

    Attributes:
        stratum: the frame size; None for all of them together.
        n: images.
        unseen: name -> figure, by the network that never saw the frame size.
        seen: name -> figure, of the same images by networks that knew it.
    """

    stratum: str | None
    n: int
    unseen: dict[str, Figure]
    seen: dict[str, Figure]

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> LeftOutFigures:
        """What `to_dict` of a summary made of it."""
        return cls(row["stratum"], row["n"], _figures(row["unseen"]), _figures(row["seen"]))


@dataclass(frozen=True)
class FreeResponse:
    """What leaving out small parts does to hits and false lesions.

    Attributes:
        least_lesion_share: share of the sector below which a part is left out, 0 to 1.
        hit: share of the lesions that are hit.
        lesion_dice: mean Dice.
        false_per_image: parts without any lesion in them, per image.
        false_lesion_absent: share of the images without a lesion that show one.
    """

    least_lesion_share: float
    hit: Figure
    lesion_dice: Figure
    false_per_image: Figure
    false_lesion_absent: Figure

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> FreeResponse:
        """What `to_dict` of a summary made of it."""
        figures = _figures({k: v for k, v in row.items() if k != "least_lesion_share"})
        return cls(row["least_lesion_share"], **figures)


@dataclass(frozen=True)
class ProbeFigure(Figure):
    """Balanced accuracy of a probe.

    Attributes:
        chance: what guessing would reach, one over the number of frame sizes.
    """

    chance: float

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> ProbeFigure:
        """What `to_dict` of a summary made of it."""
        return cls(row["value"], row["low"], row["high"], row["n"], row["chance"])


@dataclass(frozen=True)
class Summary:
    """All figures of a recipe, each image answered by a network trained without it.

    Attributes:
        n: images.
        labels: names of the grades.
        folds: numbers of the folds.
        classes: label -> images.
        figures: name -> figure.
        strata: figures on each frame size.
        left_out: figures on frame sizes that were left out of training; empty without such.
        free_response: what leaving out small parts does.
        free_response_curve: what every limit of confidence gives.
        resamples: bootstrap resamples behind each interval.
        seed: of the resamples.
        probe: label, and "mean" -> how well the network's features tell the frame size; None where
            it was not asked.
        outlines: limits and lines fitted on all rows; None where they were not.
        roles: what labels and masks are.
    """

    n: int
    labels: list[str]
    folds: list[int]
    classes: dict[str, int]
    figures: dict[str, Figure]
    strata: list[StratumFigures]
    left_out: list[LeftOutFigures]
    free_response: list[FreeResponse]
    free_response_curve: list[CurvePoint]
    resamples: int
    seed: int
    probe: dict[str, ProbeFigure] | None = None
    outlines: Outlines | None = None
    roles: Roles = Roles()

    def to_dict(self) -> dict[str, object]:
        """The summary as JSON holds it; without what was not asked."""
        return {k: v for k, v in asdict(self).items() if v is not None}

    @classmethod
    def from_dict(cls, summary: Mapping[str, Any]) -> Summary:
        """The summary that `to_dict` made."""
        probe, outlines = summary.get("probe"), summary.get("outlines")
        return cls(
            n=summary["n"],
            labels=summary["labels"],
            folds=summary["folds"],
            classes=summary["classes"],
            figures=_figures(summary["figures"]),
            strata=[StratumFigures.from_dict(row) for row in summary["strata"]],
            left_out=[LeftOutFigures.from_dict(row) for row in summary["left_out"]],
            free_response=[FreeResponse.from_dict(row) for row in summary["free_response"]],
            free_response_curve=summary["free_response_curve"],
            resamples=summary["resamples"],
            seed=summary["seed"],
            probe=None
            if probe is None
            else {k: ProbeFigure.from_dict(row) for k, row in probe.items()},
            outlines=None if outlines is None else Outlines(**outlines),
            roles=Roles(**summary.get("roles", {})),
        )


def _figures(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Figure]:
    return {name: Figure.from_dict(row) for name, row in rows.items()}
