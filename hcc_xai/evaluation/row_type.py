"""What a row is: all that is measured of one image, as one line of JSON holds it."""

from __future__ import annotations

from typing import NamedTuple, NotRequired, TypedDict

STEPS = 50  # bins of a row's histograms of lesion probabilities, from 0 to 1


class Shares(TypedDict):
    """Where a map's positive part lies, by the true outlines: shares, all 0 for an empty map.

    `lesion`: in the true target. `organ`: in the rest of the organ. `rest`: in the rest of the
    field. `outside`: beyond it.
    """

    lesion: float
    organ: float
    rest: float
    outside: float


class Row(TypedDict):
    """One image, answered by a network that was trained without it; None where a figure has no
    meaning.

    "Lesion" stands for what the bundle's target is, "organ" for the mask that holds it, "sector"
    for the field that the patient fills.

    Who it is: `name`, `label` (the true one; several are joined by "+"), `fold`, `stratum` (frame
    size or source), `group` (of near-duplicates), `outlines` (what is known of its outlines, see
    `dataset.folder.OUTLINES`), and `made_by`, a hash of weights, configuration and code.

    What the scanner gives away: `width` and `height` in pixels, `brightness` (0 to 1),
    `sharpness`, `sector_share` (0 to 1).

    The answer: `probabilities` and `logits` by label, `answer` (a label), `present` (the labels
    that it says hold), `band`.

    Outlines, in pixels of the file: `sector_iou` (None where no sector was drawn by hand),
    `has_organ` (whether the organ was outlined by hand), `organ_dice`, `lesion_px` (of the true
    lesion, or of the box around it), `lesion_share` (of the sector), `lesion_dice` (None where
    only a box is known), `lesion_iou` (with the box, where only that is known), `lesions` (how
    many were outlined), `false_lesion` (whether any was, where there is none), `found` ([pixels,
    of these in the true lesion, mean probability] of each part over the threshold, see `Part`),
    `pixels` (two histograms of the lesion's probability over the sector: of all pixels, of the
    true lesion's), `sector_px`.

    Maps, of the true label ("truth") and of the answer ("answer"), by kind of map: `shares`,
    `pointing` (whether the peak lies in the true lesion).

    Changed pictures: `bare` (probability of each label with the sector painted over), `hidden` and
    `elsewhere` (probability of the true label with the lesion painted over, and with as much
    elsewhere in the organ; without a target, the strongest evidence for that label), `looks`
    ([probability of the true label, whether the answer stayed] with each of three scanners' looks
    around the lesion).
    """

    name: str
    label: str
    fold: int
    stratum: str
    group: str
    outlines: str
    width: float
    height: float
    brightness: float
    sharpness: float
    sector_share: float
    probabilities: dict[str, float]
    logits: dict[str, float]
    answer: str
    present: list[str]
    band: str
    sector_iou: float | None
    has_organ: bool
    organ_dice: float | None
    lesion_px: int
    lesion_share: float
    lesion_dice: float | None
    lesion_iou: float | None
    lesions: int
    false_lesion: bool | None
    found: list[list[float]]
    pixels: list[list[int]]
    sector_px: int
    shares: dict[str, dict[str, Shares]]
    pointing: dict[str, dict[str, bool | None]]
    bare: NotRequired[dict[str, float] | None]  # rows of older versions lack it
    hidden: float | None
    elsewhere: float | None
    looks: list[list[float]]
    made_by: NotRequired[str]


class JudgedRow(Row):
    """A row with limits and lines applied (see lesion_rule.py), so that its figures of lesions are
    those of the parts that are kept.

    `inner`: share of the area within the inner line that is lesion. `outer`: share of the lesion
    within the outer line. None where the lesion was not hit, or no line is drawn.
    """

    inner: float | None
    outer: float | None


class Part(NamedTuple):
    """A part of the picture in which the lesion's probability is over its threshold.

    Attributes:
        pixels: its size, in pixels of the file.
        inside: how many of them lie in the true lesion.
        chance: mean probability of the lesion in it, 0 to 1.
    """

    pixels: float
    inside: float
    chance: float
