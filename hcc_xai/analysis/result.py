"""What was found in one picture: one frozen result of arrays and values, which all that show it
only look at."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hcc_xai.analysis import facts
from hcc_xai.analysis.evidence import Evidence, Square, mask_sector, parts_of, strongest
from hcc_xai.analysis.facts import Flag
from hcc_xai.errors import ArgumentError, unknown
from hcc_xai.explain.methods import Explanation
from hcc_xai.explain.shares import shares
from hcc_xai.findings.describe import Descriptor, describe
from hcc_xai.findings.lesions import Lesion, find_lesions, whole_organ
from hcc_xai.findings.lirads import Study, Suggestion, suggest
from hcc_xai.findings.outlines import Outlines
from hcc_xai.imaging import draw
from hcc_xai.imaging.frame import Frame
from hcc_xai.imaging.image import Image
from hcc_xai.kinds.known import kind_named
from hcc_xai.language import telling, words
from hcc_xai.language.statement import Statement
from hcc_xai.model.config import BundleConfig
from hcc_xai.model.exact import KINDS
from hcc_xai.model.neighbours import Neighbour
from hcc_xai.model.second_opinion import GlassBox, Opinion, values_of
from hcc_xai.reports import pictures, writers
from hcc_xai.reports.pictures import Look

NEAREST = 20  # training images that an answer knows


@dataclass(frozen=True, eq=False)
class Analysis:
    """What was found in one picture; docs/api.md explains every name.

    It holds arrays and values, and no network: it can be pickled, sent to another process and
    kept. What is worked out from them is made when first asked for; `forget` drops that again.

    Attributes:
        image: the picture; H, W are its pixels, origin top left, row first.
        frame: where it was scanned, and the way to the network's square.
        config: of the bundle that answered.
        probabilities: label -> 0 to 1, summing to 1; calibrated where `calibrated` says so.
        logits: label -> what the network said.
        model: name and revision of the bundle.
        seconds: that the answer took.
        calibrated: whether the probabilities are.
        prediction_set: the labels that cannot be ruled out; () where none was computed, too.
        accepted: whether the gate knows this kind of picture.
        outlines: which found parts count as lesions, and where their lines are drawn.
        raised: what gate and bundle have to say; `flags` has the picture's, too.
        mask_logits: (M, h, w) float32 at the shared map's resolution.
        maps: kind of map -> (K, h, w) float32, in the order of the labels.
        pooled: (P, C) float32, all that the grades read.
        neighbours: the nearest images of the training set, nearest first.
        glass_box: the weights of the second opinion, where the bundle holds one.
        kind_probabilities: kind of picture -> 0 to 1, as the router sees it; empty without one.
        tested: the evidence with what hiding the lesion does, where that was tried.
    """

    image: Image
    frame: Frame
    config: BundleConfig
    probabilities: dict[str, float]
    logits: dict[str, float]
    model: str
    seconds: float
    calibrated: bool = False
    prediction_set: tuple[str, ...] = ()
    accepted: bool = True
    outlines: Outlines = Outlines()
    raised: tuple[Flag, ...] = ()
    mask_logits: NDArray[np.float32] = field(
        repr=False, default_factory=lambda: np.zeros((2, 1, 1), np.float32)
    )
    maps: Mapping[str, NDArray[np.float32]] = field(repr=False, default_factory=dict)
    pooled: NDArray[np.float32] | None = field(repr=False, default=None)
    neighbours: tuple[Neighbour, ...] = field(repr=False, default=())
    glass_box: GlassBox | None = field(repr=False, default=None)
    kind_probabilities: Mapping[str, float] = field(default_factory=dict)
    tested: Evidence | None = field(repr=False, default=None)

    def __getstate__(self) -> dict[str, Any]:
        """The fields alone: what was worked out from them is not sent along."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def forget(self) -> Analysis:
        """The same answer without what was worked out from it, which is made anew when asked for:
        a picture's masks and maps take a hundred times what the answer itself does."""
        return copy.copy(self)

    def with_evidence(self, evidence: Evidence) -> Analysis:
        """The same answer, holding what hiding the lesion does (see `Analyzer.evidence`)."""
        twin = copy.copy(self)
        twin.__dict__.update({**self.__dict__, "tested": evidence})
        twin.__dict__.pop("statements", None)  # they say what was tested
        return twin

    # -- the answer -------------------------------------------------------------------------------

    @property
    def label(self) -> str:
        """The most probable label."""
        return max(self.probabilities, key=lambda label: self.probabilities[label])

    def band(self, label: str | None = None) -> str:
        """How sure: "green" over the bundle's limit (0.9), "amber" from the next (0.7), "red"
        below."""
        value = self.probabilities[self.known(label)]
        clear = not self._unsure_of and self.standing == "accepted"
        if value > self.config.bands["green"] and clear:
            return "green"
        return "amber" if value >= self.config.bands["amber"] else "red"

    @property
    def kind(self) -> str:
        """The kind of picture that the bundle answers about, like "liver-ultrasound"."""
        return self.config.kind

    @property
    def nouns(self) -> words.Nouns:
        """What the kind of picture calls its things, for sentences."""
        return self.config.nouns

    @property
    def standing(self) -> str:
        """ "accepted"; "unusual", of its kind, and unlike what the network was trained on; or
        "stopped"."""
        if not self.accepted:
            return "stopped"
        doubtful = self.let_through or any(flag.code == "unusual" for flag in self.raised)
        return "unusual" if doubtful else "accepted"

    @property
    def labels_present(self) -> tuple[str, ...]:
        """The labels that hold: those more likely than not, most likely first, where several may;
        else the answer alone."""
        if not self.config.network.multiple:
            return (self.label,)
        likely = [label for label, chance in self.probabilities.items() if chance > 0.5]
        return tuple(sorted(likely, key=lambda label: -self.probabilities[label]))

    @property
    def trained_on(self) -> bool:
        """Whether the network was trained on this very image, or on a near copy, as far as the
        bundle knows."""
        return bool(self.neighbours) and self.neighbours[0].same

    @property
    def _unsure_of(self) -> bool:
        """Whether the prediction set holds more than what the answer says."""
        if not self.config.network.multiple:
            return len(self.prediction_set) > 1
        return bool(set(self.prediction_set) - {self.label, *self.labels_present})

    @property
    def let_through(self) -> bool:
        """Whether the gate would have stopped it, and a person let it through."""
        return any(flag.code == "let-through" for flag in self.raised)

    def known(self, label: str | None) -> str:
        """The label, the answer where it is None.

        Raises:
            ArgumentError: there is no such label; names those there are.
        """
        if label is None:
            return self.label
        if label not in self.probabilities:
            raise unknown("label", label, self.probabilities)
        return label

    # -- where it is ------------------------------------------------------------------------------

    @property
    def sector(self) -> NDArray[np.bool_]:
        """(H, W) bool, what was scanned."""
        return self.frame.sector

    @cached_property
    def mask_logits_in_file(self) -> dict[str, NDArray[np.float32]]:
        """Mask -> (H, W) float32 in the pixels of the file, -20 outside the sector."""
        return {
            name: self.frame.to_file(m, fill=-20.0)
            for name, m in zip(self.config.network.masks, self.mask_logits, strict=True)
        }

    @cached_property
    def masks(self) -> dict[str, NDArray[np.bool_]]:
        """The bundle's masks ("liver" and "lesion"), (H, W) bool; the organ includes its lesions,
        specks are left out."""
        lesion, masks = self.target_mask, {}
        for name in self.config.network.masks:
            if name == self.target:
                masks[name] = lesion
            elif name == self.config.organ:
                masks[name] = whole_organ(self._over(name) | lesion) & self.sector | lesion
            else:
                masks[name] = self._over(name) & self.sector
        return masks

    @property
    def target(self) -> str | None:
        """The mask that lesions come from, or None."""
        return self.config.network.target

    def role(self, mask: str) -> str:
        """What a mask is: "lesion" for the target, "organ" for what evidence should lie in, else
        its own name."""
        return {self.target: "lesion", self.config.organ: "organ"}.get(mask, mask)

    @property
    def mask_names(self) -> dict[str, str]:
        """What a mask is, see `role` -> its name in this bundle."""
        return {self.role(mask): mask for mask in self.config.network.masks}

    @cached_property
    def target_mask(self) -> NDArray[np.bool_]:
        """(H, W) bool: all lesions; empty where the bundle outlines none."""
        target = np.zeros(self.image.shape, bool)
        for each in self.lesions:
            target |= each.mask
        return target

    @cached_property
    def tested_mask(self) -> NDArray[np.bool_]:
        """(H, W) bool: what is hidden to test the answer: all lesions; the strongest evidence for
        the answer where the bundle outlines none."""
        if self.target is not None:
            return self.target_mask
        grid = self.grid(None, "contribution")
        cells = strongest(grid, mask_sector(self.frame)).astype(np.float32)
        return (self.frame.to_file(cells) > 0.5) & self.sector

    @cached_property
    def testable(self) -> bool:
        """Whether there is anything to hide that would test the answer."""
        return bool(self.tested_mask.any())

    @property
    def organ_mask(self) -> NDArray[np.bool_]:
        """(H, W) bool: the organ with its lesions; the sector where the bundle has no organ."""
        return self.sector if self.config.organ is None else self.masks[self.config.organ]

    def _over(self, name: str) -> NDArray[np.bool_]:
        over: NDArray[np.bool_] = self.mask_logits_in_file[name] > self.config.mask_logit(name)
        return over

    @cached_property
    def mask_probabilities(self) -> dict[str, NDArray[np.float32]]:
        """Mask -> (H, W) float32, 0 to 1; zero outside the sector."""
        return {
            k: np.where(self.sector, 1 / (1 + np.exp(-v)), 0).astype(np.float32)
            for k, v in self.mask_logits_in_file.items()
        }

    @cached_property
    def lesions(self) -> tuple[Lesion, ...]:
        """The lesions that are sure enough, largest first; none where the bundle has no target."""
        if self.target is None:
            return ()
        return find_lesions(
            self.mask_logits_in_file[self.target],
            self._over(self.target),
            self.sector,
            least_share=self.config.least_lesion_share,
            outlines=self.outlines,
            spacing_at=self.image.spacing_at,
        )

    @cached_property
    def square(self) -> Square:
        """The answer in the network's square."""
        lesion = self.frame.shrink_mask(self.tested_mask)
        organ = self.frame.shrink_mask(self.organ_mask) & ~lesion
        return Square(self.square_input, lesion, organ)

    @cached_property
    def square_input(self) -> NDArray[np.float32]:
        """(S, S) float32, what the network saw: 0 to 1 inside the sector, -1 outside."""
        return self.frame.to_network(self.image.grey)

    # -- why --------------------------------------------------------------------------------------

    def heatmap(self, label: str | None = None, kind: str = "grad-cam++") -> NDArray[np.float32]:
        """One of the maps that came with the answer, in the pixels of the file.

        Args:
            label: which grade to explain; the answer by default.
            kind: "grad-cam++" (not negative) or "contribution" (signed).

        Returns:
            (H, W) float32, raw, zero outside the sector.

        Raises:
            ArgumentError: an unknown label or kind.
        """
        return self.frame.to_file(self.grid(label, kind))

    def contribution_grid(self, label: str | None = None) -> NDArray[np.float32]:
        """(h, w) float32 at the network's resolution; sums to the label's logit less its bias."""
        return self.grid(label, "contribution")

    def grid(self, label: str | None, kind: str) -> NDArray[np.float32]:
        """One of the maps that came with the answer, at the network's resolution.

        Args:
            label: the answer where it is None.
            kind: "grad-cam++" or "contribution".

        Returns:
            (h, w) float32.

        Raises:
            ArgumentError: an unknown label or kind.
        """
        if kind not in KINDS:
            raise unknown("kind of map", kind, KINDS)
        grid: NDArray[np.float32] = self.maps[kind][
            list(self.probabilities).index(self.known(label))
        ]
        return grid

    def scale(self, kind: str = "grad-cam++") -> float:
        """The bundle's fixed scale for drawing; this picture's own where the bundle holds none."""
        if kind not in KINDS:
            raise unknown("kind of map", kind, KINDS)
        return self.config.scales.get(kind) or draw.own_scale(self.maps[kind])

    @property
    def evidence(self) -> Evidence:
        """Where the answer's maps lie; with what hiding the lesion does where the answer holds that
        (`Analyzer.evidence` finds it out)."""
        return self.tested or Evidence(self.label, self.shares)

    @cached_property
    def shares(self) -> dict[str, dict[str, float]]:
        """Kind of map -> share of its positive part in the target ("lesion"), the rest of the organ
        ("liver"), the "rest" of the sector and "outside", of the answer's maps."""
        return self.shares_of(self.label)

    def shares_of(self, label: str) -> dict[str, dict[str, float]]:
        """What `shares` says, of the maps of any label."""
        return {kind: shares(self.grid(label, kind), self._parts) for kind in KINDS}

    @cached_property
    def _parts(self) -> dict[str, NDArray[np.bool_]]:
        grids = zip(self.config.network.masks, self.mask_logits, strict=True)
        over = {name: grid > self.config.mask_logit(name) for name, grid in grids}
        return parts_of(self.frame, self.target_mask, over, self.config)

    # -- what it states ---------------------------------------------------------------------------

    @cached_property
    def flags(self) -> tuple[Flag, ...]:
        """What gate, bundle and picture have to say."""
        return facts.flags_of(self)

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        """All that the answer states: what page, report, JSON and command line print."""
        return telling.statements(facts.facts_of(self, second=True))

    def statements_now(self, *, tested: bool) -> tuple[Statement, ...]:
        """The statements that there was time for.

        Args:
            tested: all of them; else without the second opinion, for which the lesion has to be
                described first.
        """
        return self.statements if tested else telling.statements(facts.facts_of(self))

    def title(self, label: str | None = None, language: str = "en") -> str:
        """A label in words."""
        return words.pick(self.config.titles[self.known(label)], language)

    def headline(self, language: str = "en") -> str:
        """The answer in a few words: grade, how sure, number."""
        return telling.headline(facts.facts_of(self)).say(language)

    def sentence(self, language: str = "en") -> str:
        """What was found, in one or two plain sentences."""
        found = telling.findings(facts.facts_of(self))
        return " ".join(statement.say(language) for statement in found)

    # -- describing -------------------------------------------------------------------------------

    def describe(self, lesion: int = 1) -> tuple[Descriptor, ...]:
        """A lesion in the reader's own words, each with the number behind it; see `describe`. What
        means nothing in this kind of picture is left out.

        Args:
            lesion: its number, from 1, largest first.

        Returns:
            Nothing where no lesion was outlined.

        Raises:
            ArgumentError: there is no lesion of that number.
        """
        if not self.lesions and lesion == 1:
            return ()
        if not 1 <= lesion <= len(self.lesions):
            raise ArgumentError(
                "lesion-not-there",
                "lesion {lesion} is not there; there are {count}",
                lesion=lesion,
                count=len(self.lesions),
            )
        if lesion not in self._descriptions:
            all_of_it = describe(
                self.image.grey, self.sector, self.organ_mask, self.lesions[lesion - 1]
            )
            wanted = kind_named(self.kind).described
            self._descriptions[lesion] = tuple(
                one for one in all_of_it if wanted is None or one.name in wanted
            )
        return self._descriptions[lesion]

    @cached_property
    def _descriptions(self) -> dict[int, tuple[Descriptor, ...]]:
        """By the lesion's number, each made once: page and second opinion ask several times."""
        return {}

    @cached_property
    def second_opinion(self) -> Opinion | None:
        """What the description of the largest lesion says by itself (see `second_opinion.py`);
        None where nothing was outlined, or the bundle holds no such opinion."""
        if self.glass_box is None or not self.lesions:
            return None
        values = values_of(self.describe(), self.lesions[0], self.sector)
        return self.glass_box.opinion(values)

    def disagreement(self, language: str = "en") -> str | None:
        """Where the second opinion is not the network's: a sentence that names the word."""
        said = (s.say(language) for s in self.statements if s.key == "second-opinion")
        return next(said, None)

    def nearest(self, count: int = 5) -> tuple[Neighbour, ...]:
        """The nearest images of the training set, nearest first; none where the bundle does not
        know them.

        Args:
            count: at most 20.
        """
        return self.neighbours[:count]

    def lirads(
        self,
        *,
        at_risk: bool | None = None,
        thrombus: bool | None = None,
        benign: Sequence[int] = (),
        visualization: str | None = None,
    ) -> Suggestion:
        """What US LI-RADS would call a study that holds this frame, and why; see `lirads.Study`
        for what is asked.

        Raises:
            ArgumentError: a lesion or a visualization score that there is not.
        """
        study = Study(at_risk, thrombus, tuple(benign), visualization)
        return suggest(self.lesions, study, known=self.accepted and not self.let_through)

    # -- writing ----------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, object]:
        """Everything but pixels; nothing from the file's tags. `hcc_xai.saved` reads it back."""
        return facts.stored(self)

    def overlay(
        self,
        *,
        label: str | None = None,
        kind: str | None = "grad-cam++",
        absolute: bool = True,
        opacity: float = 0.6,
        colour_map: str = "inferno",
        show: Sequence[str] | None = None,
    ) -> NDArray[np.uint8]:
        """The explained picture, (H, W, 3) uint8; `reports.pictures.Look` says what each option
        does."""
        look = Look(
            label=label,
            kind=kind,
            absolute=absolute,
            opacity=opacity,
            colour_map=colour_map,
            show=show,
        )
        return pictures.overlay(self, look)

    def overlay_of(
        self,
        explanation: Explanation,
        *,
        absolute: bool = True,
        opacity: float = 0.6,
        colour_map: str = "inferno",
        show: Sequence[str] | None = None,
    ) -> NDArray[np.uint8]:
        """The scan with the map of an explanation, (H, W, 3) uint8; `reports.pictures.Look` says
        what each option does."""
        look = Look(absolute=absolute, opacity=opacity, colour_map=colour_map, show=show)
        return pictures.overlay_of(self, explanation, look)

    def save(self, folder: str | Path, *, stem: str | None = None) -> tuple[Path, ...]:
        """Write `<stem>_overlay.png`, `<stem>_lesion.png`, `<stem>_liver.png` and `<stem>.json`;
        returns the paths."""
        return writers.save(self, Path(folder), stem or Path(self.image.source).stem)
