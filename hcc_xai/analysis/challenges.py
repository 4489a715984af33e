"""Does the answer follow the lesion, or something that no lesion has? The picture is changed, one
thing at a time, and the answer is watched.

`changes` makes the changed pictures of one answer, `in_steps` those of what goes from little to
much; a `Challenge` says what one of them did. What a heatmap cannot show, as the speckle's size or
the gain's slope, shows here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hcc_xai.analysis.result import Analysis
from hcc_xai.imaging.frame import Frame, smooth_within
from hcc_xai.imaging.marks import drawn
from hcc_xai.imaging.painting import but_for_the_lesion, hidden_and_elsewhere, ring_about
from hcc_xai.kinds.known import kind_named
from hcc_xai.language.telling import lesion_ignored

Grey = NDArray[np.float32]
Mask = NDArray[np.bool_]
DECIDES = ("lesion", "all-but-lesion")  # of these the first shall move the answer; the others not
_INK = 0.88  # of marks, share of white
_BLACK = 0.02  # grey level, share of white, up to which there are no echoes


@dataclass(frozen=True)
class Challenge:
    """What one change did.

    Attributes:
        name: of the change, see `CHANGES`. label: the answer before. before, after: the
        probability of that label. answer: the most probable label after it. amount: how much was
        changed, where it is one of the `STEPS`.
    """

    name: str
    label: str
    before: float
    after: float
    answer: str
    amount: float | None = None

    @property
    def flips(self) -> bool:
        return self.answer != self.label

    @property
    def bad(self) -> bool:
        """Whether it speaks against the answer: that fell with what no lesion has, or stood without
        the lesion."""
        if self.name == "lesion":
            return lesion_ignored(self.before, self.after)
        return self.name not in DECIDES and self.flips

    def to_dict(self) -> dict[str, object]:
        return {**asdict(self), "flips": self.flips, "bad": self.bad}


class Scene:
    """A picture that is to be changed: grey levels 0 to 1 in the pixels of the file."""

    def __init__(self, answer: Analysis) -> None:
        self.frame = answer.frame
        self.grey: Grey = answer.image.grey
        self.sector, self.lesions = answer.sector, answer.lesions
        self.lesion, self.organ = answer.tested_mask, answer.organ_mask
        self.find_field = kind_named(answer.kind).find_field
        rows, cols = np.nonzero(self.sector)
        self.top, self.bottom = int(rows.min()), int(rows.max())
        self.width = int(np.ptp(cols)) + 1
        top, left, bottom, right = self.frame.box
        # Pixels of the file in one of the network: what is finer, it does not see.
        self.pixel = max((bottom - top), (right - left)) / self.frame.size

    @cached_property
    def kept(self) -> Grey:
        """1 in the lesion and a ring around it, 0 elsewhere, soft between; (H, W)."""
        return ring_about(self.lesion)

    def around(self, other: Grey) -> Grey:
        """Another picture everywhere but in the lesion and its ring."""
        found: Grey = but_for_the_lesion(self.grey, other, self.lesion, self.kept)
        return found.astype(np.float32)

    def inked(self, ink: NDArray[np.uint8]) -> Grey:
        """The picture with marks on it; ink: (H, W), 0 to 255."""
        share = ink / np.float32(255)
        found: Grey = ((1 - share) * self.grey + share * _INK).astype(np.float32)
        return found

    def seen(self, grey: Grey) -> Grey:
        """What the network sees of it."""
        return self.frame.to_network(np.clip(grey, 0, 1))

    def room(self, height: int, width: int) -> tuple[int, int] | None:
        """Where a box fits into the sector as far from the lesion as can be; its top left corner.
        Without a lesion, as low as can be."""
        if height >= self.sector.shape[0] or width >= self.sector.shape[1]:
            return None
        free = (self.sector & (self.kept < 0.5)).astype(np.float32)
        fits = cv2.matchTemplate(free, np.ones((height, width), np.float32), cv2.TM_CCORR)
        places = np.argwhere(fits > height * width - 0.5)
        if not len(places):
            return None
        if not self.lesion.any():
            low = places[-1]
            return int(low[0]), int(low[1])
        centre = np.argwhere(self.lesion).mean(0) - (height / 2, width / 2)
        far = places[int(((places - centre) ** 2).sum(1).argmax())]
        return int(far[0]), int(far[1])


def _text(scene: Scene) -> Grey | None:
    words, font = "RT LOBE", cv2.FONT_HERSHEY_SIMPLEX
    scale = max(0.28, scene.width / 900)
    thick = max(1, round(scene.width / 600))
    (width, height), below = cv2.getTextSize(words, font, scale, thick)
    place = scene.room(height + below + 4, width + 4)
    if place is None:
        return None
    ink = np.zeros(scene.grey.shape, np.uint8)
    origin = (place[1] + 2, place[0] + height + 2)
    cv2.putText(ink, words, origin, font, scale, 255, thick, cv2.LINE_AA)
    return scene.inked(ink)


def _body_mark(scene: Scene) -> Grey | None:
    arm = max(6, scene.width // 40)
    place = scene.room(4 * arm + 4, 6 * arm + 4)
    if place is None:
        return None
    ink = np.zeros(scene.grey.shape, np.uint8)
    row, col = place[0] + 2 * arm + 2, place[1] + 3 * arm + 2
    for side in (-1, 1):  # a torso from the front, and the probe on it
        turn, middle = 90 - side * 90, (col + side * 2 * arm, row)
        cv2.ellipse(ink, middle, (arm, 2 * arm), 0, turn + 120, turn + 240, 255, 1, cv2.LINE_AA)
    cv2.line(ink, (col - arm // 2, row - arm // 3), (col, row - arm // 2), 255, 2)
    return scene.inked(ink)


def _calipers(scene: Scene) -> Grey | None:
    if not scene.lesions:
        return None
    outline = scene.lesions[0].outline.astype(np.float64)
    centred = outline - outline.mean(0)
    along = centred @ np.linalg.svd(centred, full_matrices=False)[2][0]
    ends = outline[int(along.argmin())], outline[int(along.argmax())]
    ink = np.zeros(scene.grey.shape, np.uint8)
    size = max(5, round(scene.width / 50))
    for share in np.linspace(0, 1, 13):
        row, col = (int(v) for v in np.rint((1 - share) * ends[0] + share * ends[1]))
        if share in (0, 1):
            cv2.drawMarker(ink, (col, row), 255, cv2.MARKER_CROSS, size, 1)
        else:
            cv2.circle(ink, (col, row), 0, 255, -1)
    return scene.inked(ink)


def _unmarked(scene: Scene) -> Grey | None:
    grey = (np.clip(scene.grey, 0, 1) * 255).astype(np.uint8)
    marks = drawn(grey, scene.sector)
    if not marks.any():
        return None
    filled = cv2.inpaint(grey, marks.astype(np.uint8), 3, cv2.INPAINT_TELEA)
    return (filled / 255).astype(np.float32)


def _slope(scene: Scene, by: float) -> Grey:
    depth = (np.arange(scene.grey.shape[0]) - scene.top) / max(1, scene.bottom - scene.top)
    return (scene.grey + by * (depth[:, None] - 0.5)).astype(np.float32)


def _grain(scene: Scene, size: float) -> Grey:
    """Speckle of another size, as another probe would give, but in the lesion and its ring: what is
    larger stays (vessels, levels), and so does the spread around it."""
    grey = np.clip(scene.grey, 0, 1)
    echoes = cv2.GaussianBlur(grey, (0, 0), 1.5 * scene.pixel) > _BLACK  # a cut-out's rim is none
    cover = (scene.sector & echoes).astype(np.float32)
    reach = 2 * max(1, round(2.5 * scene.pixel)) + 1
    middle = cv2.medianBlur((grey * 255).astype(np.uint8), reach).astype(np.float32) / 255
    level = smooth_within(middle, cover, 0.7 * scene.pixel)
    spread = np.sqrt(np.maximum(smooth_within((grey - level) ** 2, cover, 3 * scene.pixel), 0))
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(grey.shape).astype(np.float32)
    grain = cv2.GaussianBlur(noise, (0, 0), size * scene.pixel)
    made = level + spread * grain / grain.std()
    return scene.around(np.where(cover > 0, made, grey).astype(np.float32))


def _compressed(scene: Scene, quality: float) -> Grey:
    grey = (np.clip(scene.grey, 0, 1) * 255).astype(np.uint8)
    _, code = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    read: Any = cv2.imdecode(code, cv2.IMREAD_GRAYSCALE)
    found: Grey = (read / 255).astype(np.float32)
    return found


def _blurred(scene: Scene, sigma: float) -> Grey:
    found: Grey = cv2.GaussianBlur(scene.grey, (0, 0), sigma * scene.pixel).astype(np.float32)
    return found


def _gain(scene: Scene, by: float) -> Grey:
    return (scene.grey + by).astype(np.float32)


@dataclass(frozen=True)
class Ladder:
    """What is changed by more and more.

    Attributes:
        change: makes the picture. steps: the amounts, from the one end to the other.
    """

    change: Callable[[Scene, float], Grey]
    steps: tuple[float, ...]


# gain, slope: share of the grey scale that is added everywhere, or at the bottom more than at the
# top (0.2 is 12 dB of 60). blur, grain: standard deviation, pixels of the network. jpeg: quality.
STEPS = {
    "gain": Ladder(_gain, (-0.225, -0.15, -0.075, 0.075, 0.15, 0.225)),
    "slope": Ladder(_slope, (-0.3, -0.2, -0.1, 0.1, 0.2, 0.3)),
    "blur": Ladder(_blurred, (0.5, 1.0, 1.5, 2.0)),
    "grain": Ladder(_grain, (0.35, 0.7, 1.1, 1.6, 2.2)),
    "jpeg": Ladder(_compressed, (75, 50, 25, 10)),
}


def _step(name: str, amount: float) -> Callable[[Scene], Grey]:
    return lambda scene: STEPS[name].change(scene, amount)


# Name -> the changed picture of the file, or None where it cannot be made.
CHANGES: dict[str, Callable[[Scene], Grey | None]] = {
    "text": _text,
    "body-mark": _body_mark,
    "calipers": _calipers,
    "unmarked": _unmarked,
    "slope-up": _step("slope", 0.2),
    "slope-down": _step("slope", -0.2),
    "gain-up": _step("gain", 0.15),
    "gain-down": _step("gain", -0.15),
    "finer": _step("grain", 0.35),
    "coarser": _step("grain", 1.6),
    "blurred": _step("blur", 1.0),
    "compressed": _step("jpeg", 25),
}
# These are made of what the network sees; the last also of where the sector is then found.
SEEN = ("lesion", "elsewhere", "all-but-lesion", "flipped", "outside")


def changes(answer: Analysis) -> dict[str, Grey]:
    """Name -> the network's input, (S, S), of every change that this picture allows."""
    scene = Scene(answer)
    plain = scene.seen(scene.grey)
    found = {"flipped": np.ascontiguousarray(plain[:, ::-1])}
    lesion = scene.frame.shrink_mask(scene.lesion)
    organ = scene.frame.shrink_mask(scene.organ) & ~lesion
    painted = hidden_and_elsewhere(plain, lesion, organ)
    if painted:
        found["lesion"] = painted.pop("hidden")
        found["all-but-lesion"] = _nothing_but(plain, scene.frame.shrink(scene.kept) > 0.5)
    found |= painted
    for name, change in CHANGES.items():
        changed = change(scene)
        if changed is not None:
            found[name] = scene.seen(changed)
    outside = _outside(scene)
    if outside is not None:
        found["outside"] = outside
    return found


def in_steps(answer: Analysis) -> dict[tuple[str, float], Grey]:
    """(name, amount) -> the network's input, (S, S), of all `STEPS`."""
    scene = Scene(answer)
    return {
        (name, amount): scene.seen(ladder.change(scene, amount))
        for name, ladder in STEPS.items()
        for amount in ladder.steps
    }


def _outside(scene: Scene) -> Grey | None:
    """All that lies outside the sector replaced by what another scanner writes there, and the
    sector looked for anew; None where there is nothing outside."""
    height, width = scene.sector.shape
    near = cv2.dilate(scene.sector.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    if (~near).mean() < 0.02:
        return None
    ink = np.zeros(scene.grey.shape, np.uint8)
    scale, line = max(0.3, width / 1400), max(12, height // 30)
    for row, words in enumerate(("GEN  FR 31Hz", "DR 60  Gn 48", "MI 0.9  TIs 0.4")):
        for left, first in ((4, line), (int(0.74 * width), height - 3 * line)):
            place = (left, first + row * line)
            cv2.putText(ink, words, place, cv2.FONT_HERSHEY_SIMPLEX, scale, 200, 1, cv2.LINE_AA)
    tall = slice(height // 4, height // 2)
    ink[tall, width - 4 - width // 60 : width - 4] = np.linspace(255, 0, tall.stop - tall.start)[
        :, None
    ]  # the grey scale
    ink[near] = 0
    grey = np.where(scene.sector, np.clip(scene.grey, 0, 1) * 255, ink).astype(np.uint8)
    frame = Frame.around(scene.find_field(grey), size=scene.frame.size)
    return frame.to_network(grey / np.float32(255))


def _nothing_but(grey: Grey, kept: Mask) -> Grey:
    """The lesion and its ring, in even tissue of the sector's middle level and spread."""
    inside = grey >= 0
    rng = np.random.default_rng(0)
    noise = cv2.GaussianBlur(rng.standard_normal(grey.shape), (0, 0), 1.0)
    even = np.median(grey[inside]) + 0.1 * noise / noise.std()
    return np.where(inside & ~kept, np.clip(even, 0, 1), grey).astype(np.float32)
