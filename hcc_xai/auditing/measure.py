"""What is measured of one image: the model's answer, its outlines, its evidence, and the picture
itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.analysis.challenges import Challenge
from hcc_xai.analysis.result import Analysis
from hcc_xai.auditing.table import Case
from hcc_xai.dataset.folder import TARGET, read_truth
from hcc_xai.dataset.scanner import FRAME, frame_features
from hcc_xai.errors import DataError
from hcc_xai.explain.shares import shares
from hcc_xai.imaging.read import read
from hcc_xai.imaging.sector import shape_of
from hcc_xai.model.exact import KINDS
from hcc_xai.stats import dice, iou

OWN = (  # what is read off the picture itself, to make groups of
    "frame",
    "sector_shape",
    "brightness",
    "sharpness",
    "speckle",
    "marks",
    "scan_depth_mm",
    "lesion_depth",
    "lesion_size",
)
MAPS = dict(zip(("cam", "contribution"), KINDS, strict=True))  # short name -> the answer's map
PARTS = ("in_lesion", "in_organ", "in_rest", "outside")  # where a map's energy may lie
EVIDENCE = tuple(f"{short}_{part}" for short in MAPS for part in PARTS)
_HIT = 0.1  # overlap of outline and truth, over their union, from which a lesion is found


@dataclass(frozen=True)
class Measurement:
    """What is measured of one image.

    Attributes:
        sha256: of the image's file.
        label: what it is; several labels that hold are joined by "+".
        answer: what the model says that it is.
        probabilities: label -> 0 to 1, the model's.
        prediction_set: labels that the model cannot rule out; None where it is not calibrated.
        accepted: whether the gate lets it through.
        trained_on: whether the model was trained on it, or on a near copy.
        dice: of the lesion's outline, 0 to 1; None without a mask that holds a lesion.
        hit: whether the lesion is found; None without a mask that holds a lesion.
        false_lesion: whether a lesion is outlined where there is none; None without an empty mask.
        evidence: name in `EVIDENCE` -> share of that map's energy, 0 to 1; None in a lesion where
            there is none, and in the organ where the model outlines none.
        frame: what the scanner alone gives away: width and height in pixels, brightness,
            sharpness, share of the frame that was scanned.
        lesion_share: share of the sector that the lesion takes, 0 to 1; of the mask's lesion where
            there is one, of the model's otherwise.
        about: column -> what groups are made of; None where it is not known.
        challenges: what the answer did when something was changed that no lesion has.
        steps: the same of changes that go from little to much.
    """

    sha256: str
    label: str
    answer: str
    probabilities: Mapping[str, float]
    prediction_set: tuple[str, ...] | None
    accepted: bool
    trained_on: bool
    dice: float | None
    hit: bool | None
    false_lesion: bool | None
    evidence: Mapping[str, float | None]
    frame: tuple[float, ...]
    lesion_share: float
    about: Mapping[str, str | float | None]
    challenges: tuple[Challenge, ...] = ()
    steps: tuple[Challenge, ...] = ()

    def holds(self, label: str) -> bool:
        """Whether a label is true of it."""
        return label in self.label.split("+")

    @property
    def right(self) -> bool:
        """Whether the answer is true."""
        return self.holds(self.answer)


def measure(analyzer: Analyzer, case: Case, *, challenges: bool = True) -> Measurement:
    """Have the model answer one image, and measure all that an audit needs.

    Args:
        analyzer: the model.
        case: the image.
        challenges: whether the picture is also changed, and the answer watched; takes most of the
            time.

    Raises:
        ImageError: the picture cannot be read.
        DataError: its mask cannot be read, or is of another size.
    """
    answer = analyzer.analyze(read(case.path))
    truth = None if case.mask is None else _lesion_of(case.mask, answer.image.shape)
    outline = answer.target_mask
    drawn = truth is not None and bool(truth.any())
    lesion = truth if truth is not None and drawn else outline
    features = frame_features(answer.image.grey, answer.sector)
    share = float(lesion.sum() / answer.sector.sum())
    own = {
        "frame": f"{answer.image.shape[1]}x{answer.image.shape[0]}",
        "brightness": features["brightness"],
        "sharpness": features["sharpness"],
        "lesion_size": share if lesion.any() else None,
        **_read_off(answer, lesion),
    }
    return Measurement(
        sha256=answer.image.sha256,
        label=case.label,
        answer=answer.label,
        probabilities=answer.probabilities,
        prediction_set=answer.prediction_set if answer.calibrated else None,
        accepted=answer.accepted,
        trained_on=answer.trained_on,
        dice=dice(outline, lesion) if drawn and answer.target else None,
        hit=iou(outline, lesion) > _HIT if drawn and answer.target else None,
        false_lesion=(
            None if truth is None or drawn or not answer.target else bool(answer.lesions)
        ),
        evidence=_evidence(answer, lesion),
        frame=tuple(features[name] for name in FRAME),
        lesion_share=share,
        about={**own, **case.about},
        challenges=analyzer.challenge(answer) if challenges else (),
        steps=analyzer.challenge_in_steps(answer) if challenges else (),
    )


def _lesion_of(path: Path, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The lesion of a mask: what is 2 where there is liver (1), or all that is not black."""
    if path.parent.name == "masks" and (path.parents[1] / "index.csv").is_file():
        lesion = np.asarray(read_truth(path.parents[1], path.stem) == TARGET, bool)
    else:
        grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if grey is None:
            raise DataError("audit-mask-unreadable", "mask {name} cannot be read", name=path.name)
        lesion = np.asarray(grey, np.uint8) > 0
    if lesion.shape != shape:
        raise DataError(
            "audit-mask-size",
            "mask {name} is {got}, its picture {wanted}",
            name=path.name,
            got=str(lesion.shape),
            wanted=str(shape),
        )
    return lesion


def _evidence(answer: Analysis, lesion: NDArray[np.bool_]) -> dict[str, float | None]:
    """The shares of `EVIDENCE`: of the answer's maps in the lesion (None without one), the rest of
    the organ (None where the model outlines none), the rest of the sector, and outside it."""
    named = answer.config.organ is not None
    organ = answer.organ_mask & ~lesion if named else np.zeros_like(lesion)
    parts = {"lesion": lesion, "organ": organ, "rest": ~(lesion | organ)}
    evidence: dict[str, float | None] = {}
    for short, kind in MAPS.items():
        outside = answer.shares[kind]["outside"]
        lies = shares(answer.heatmap(None, kind), parts)
        own = [(1 - outside) * lies[part] for part in parts]
        values = (
            own[0] if lesion.any() else None,
            own[1] if named else None,
            own[2],
            outside,
        )
        evidence |= {f"{short}_{part}": value for part, value in zip(PARTS, values, strict=True)}
    return evidence


def _read_off(answer: Analysis, lesion: NDArray[np.bool_]) -> dict[str, str | float | None]:
    """What the picture itself tells to make groups of."""
    written = {"quality-caliper", "quality-text"} & {flag.code for flag in answer.flags}
    return {
        "speckle": _speckle(answer.frame.to_network(answer.image.grey)),
        "sector_shape": shape_of(answer.sector),
        "marks": "drawn in" if written else "none",
        "scan_depth_mm": _scan_depth(answer),
        "lesion_depth": _lesion_depth(lesion, answer.sector) if lesion.any() else None,
    }


def _scan_depth(answer: Analysis) -> float | None:
    """From the sector's top to its bottom, in mm; None without a spacing."""
    rows, cols = np.nonzero(answer.sector)
    spacing = answer.image.spacing_at(float(rows.mean()), float(cols.mean()))
    return None if spacing is None else float(np.ptp(rows) + 1) * spacing[0]


def _lesion_depth(lesion: NDArray[np.bool_], sector: NDArray[np.bool_]) -> float:
    """How deep its middle lies, as a share of the sector's height."""
    rows = np.flatnonzero(sector.any(1))
    return float((np.nonzero(lesion)[0].mean() - rows[0]) / max(1, np.ptp(rows)))


def _speckle(grey: NDArray[np.float32]) -> float:
    """How coarse the grain is: the mean correlation of neighbours, of what a wide blur leaves."""
    inside = grey >= 0
    rough = np.where(inside, grey - cv2.GaussianBlur(np.clip(grey, 0, 1), (0, 0), 4.0), 0)
    both = inside[:, 1:] & inside[:, :-1]
    one, two = rough[:, 1:][both], rough[:, :-1][both]
    return float((one * two).mean() / max(float((rough[inside] ** 2).mean()), 1e-9))
