"""What was found in one picture: one frozen result, which all that show it only look at."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hcc_xai.errors import ArgumentError, unknown
from hcc_xai.explain.methods import KINDS, Explanation
from hcc_xai.findings.describe import Descriptor, describe
from hcc_xai.findings.lesions import Lesion, find_lesions, whole_organ
from hcc_xai.findings.lirads import Study, Suggestion, suggest
from hcc_xai.findings.outlines import Outlines
from hcc_xai.imaging import draw
from hcc_xai.imaging.frame import Frame
from hcc_xai.imaging.quality import faults, measure_quality
from hcc_xai.imaging.read import Image
from hcc_xai.language import words
from hcc_xai.model.bundle import BundleConfig
from hcc_xai.model.neighbours import Neighbour, Neighbours
from hcc_xai.model.network import MASKS, STRIDE, sector_of
from hcc_xai.model.second_opinion import GlassBox, Opinion, values_of

_REGIONS = ("lesion", "liver", "rest", "outside")


@dataclass(frozen=True)
class Flag:
    """Something to know about an answer. severity: "info", "warning" or "stop"; message: language
    -> words."""

    code: str
    severity: str
    message: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        return {"code": self.code, "severity": self.severity, "message": dict(self.message)}


@dataclass(frozen=True)
class Evidence:
    """Where the evidence for a label lies, and what hiding the lesion does.

    Attributes:
        label: the label that is explained.
        shares: kind of map -> share of its positive part in "lesion", "liver" (the rest of it),
        "rest" of the sector, "outside"; they sum to one, or are all zero where the map is.
        hidden: probability of the label with the lesion painted over; elsewhere: with as much
        painted over elsewhere in the liver. None where it was not asked for or there is no lesion
        (or no room).
    """

    label: str
    shares: Mapping[str, Mapping[str, float]]
    hidden: float | None = None
    elsewhere: float | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "shares": {k: dict(v) for k, v in self.shares.items()},
            "hidden": self.hidden,
            "elsewhere": self.elsewhere,
        }


@dataclass(frozen=True, eq=False)
class Analysis:
    """What was found in one picture. Arrays are in the pixels of the file; see API.md for every
    name."""

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
    _flags: tuple[Flag, ...] = ()
    _mask_logits: NDArray[np.float32] = field(
        repr=False, default_factory=lambda: np.zeros((2, 1, 1), np.float32)
    )
    _maps: Mapping[str, NDArray[np.float32]] = field(repr=False, default_factory=dict)
    _pooled: NDArray[np.float32] | None = field(repr=False, default=None)
    _glass_box: GlassBox | None = field(repr=False, default=None)
    _neighbours: Neighbours | None = field(repr=False, default=None)
    _hide: Callable[[Analysis, str], tuple[float | None, float | None]] | None = field(
        repr=False, default=None
    )

    @property
    def label(self) -> str:
        """The most probable label."""
        return max(self.probabilities, key=lambda label: self.probabilities[label])

    def band(self, label: str | None = None) -> str:
        """How sure: "green" over the bundle's limit (0.9), "amber" from the next (0.7), "red"
        below."""
        value = self.probabilities[self._known(label)]
        clear = len(self.prediction_set) <= 1 and self.accepted and not self.let_through
        if value > self.config.bands["green"] and clear:
            return "green"
        return "amber" if value >= self.config.bands["amber"] else "red"

    @property
    def let_through(self) -> bool:
        """Whether the gate would have stopped it, and a person let it through."""
        return any(flag.code == "let-through" for flag in self._flags)

    @property
    def sector(self) -> NDArray[np.bool_]:
        return self.frame.sector

    @cached_property
    def _file_logits(self) -> dict[str, NDArray[np.float32]]:
        return {
            name: self.frame.to_file(m, fill=-20.0)
            for name, m in zip(MASKS, self._mask_logits, strict=True)
        }

    @cached_property
    def masks(self) -> dict[str, NDArray[np.bool_]]:
        """ "liver" and "lesion", (H, W) bool; the liver includes its lesions, specks are left
        out."""
        lesion = np.zeros(self.image.shape, bool)
        for found in self.lesions:
            lesion |= found.mask
        return {
            "liver": whole_organ(self._over("liver") | lesion) & self.sector | lesion,
            "lesion": lesion,
        }

    def _over(self, name: str) -> NDArray[np.bool_]:
        threshold = self.config.mask_thresholds[name]
        over: NDArray[np.bool_] = self._file_logits[name] > np.log(threshold / (1 - threshold))
        return over

    @cached_property
    def mask_probabilities(self) -> dict[str, NDArray[np.float32]]:
        """ "liver" and "lesion", (H, W) float32; zero outside the sector."""
        return {
            k: np.where(self.sector, 1 / (1 + np.exp(-v)), 0).astype(np.float32)
            for k, v in self._file_logits.items()
        }

    @cached_property
    def lesions(self) -> tuple[Lesion, ...]:
        return find_lesions(
            self._file_logits["lesion"],
            self._over("lesion"),
            self.sector,
            least_share=self.config.least_lesion_share,
            outlines=self.outlines,
            spacing_at=self.image.spacing_at,
        )

    def heatmap(self, label: str | None = None, kind: str = "grad-cam++") -> NDArray[np.float32]:
        """(H, W) float32, raw, zero outside the sector.

        Args:
            label: which grade to explain; the answer by default.
            kind: "grad-cam++" (not negative) or "contribution" (signed).

        Raises:
            ArgumentError: an unknown label or kind.
        """
        return self.frame.to_file(self._grid(label, kind))

    def contribution_grid(self, label: str | None = None) -> NDArray[np.float32]:
        """(h, w) float32 at the network's resolution; sums to the label's logit less its bias."""
        return self._grid(label, "contribution")

    def _grid(self, label: str | None, kind: str) -> NDArray[np.float32]:
        if kind not in KINDS:
            raise unknown("kind of map", kind, KINDS)
        grid: NDArray[np.float32] = self._maps[kind][
            list(self.probabilities).index(self._known(label))
        ]
        return grid

    def scale(self, kind: str = "grad-cam++") -> float:
        """The bundle's fixed scale for drawing; this picture's own where the bundle holds none."""
        if kind not in KINDS:
            raise unknown("kind of map", kind, KINDS)
        return self.config.scales.get(kind) or draw.own_scale(self._maps[kind])

    def _known(self, label: str | None) -> str:
        if label is None:
            return self.label
        if label not in self.probabilities:
            raise unknown("label", label, self.probabilities)
        return label

    @cached_property
    def evidence(self) -> Evidence:
        """Shares of both maps, and the change when the lesion is hidden, for the answer; runs the
        network once more."""
        shares = self._shares
        hidden, other = (
            self._hide(self, self.label) if self._hide and self.lesions else (None, None)
        )
        return Evidence(self.label, shares, hidden, other)

    @cached_property
    def _shares(self) -> dict[str, dict[str, float]]:
        grids = dict(zip(MASKS, self._mask_logits, strict=True))
        limits = {k: np.log(v / (1 - v)) for k, v in self.config.mask_thresholds.items()}
        kept = self.frame.shrink(self.masks["lesion"].astype(np.float32))
        side = grids["lesion"].shape[0]
        kept = kept.reshape(side, STRIDE, side, STRIDE).max((1, 3))
        lesion = (grids["lesion"] > limits["lesion"]) & (kept > 0)
        liver = (grids["liver"] > limits["liver"]) & ~lesion
        sector = self._mask_sector
        parts = {
            "lesion": lesion & sector,
            "liver": liver & sector,
            "rest": sector & ~lesion & ~liver,
            "outside": ~sector,
        }
        shares = {}
        for kind in KINDS:
            positive = np.maximum(self._grid(self.label, kind), 0).astype(np.float64)
            total = positive.sum()
            shares[kind] = {
                name: float(positive[parts[name]].sum() / total) if total > 0 else 0.0
                for name in _REGIONS
            }
        return shares

    @cached_property
    def _mask_sector(self) -> NDArray[np.bool_]:
        x = torch.from_numpy(np.where(self.frame.network_sector, 0.0, -1.0).astype(np.float32))[
            None, None
        ]
        return sector_of(x)[0, 0].numpy() > 0

    @cached_property
    def flags(self) -> tuple[Flag, ...]:
        found = list(self._flags)
        if self.masks["liver"].sum() < 0.02 * self.sector.sum():
            found.append(Flag("no-liver", "warning", words.both("no-liver")))
        shares = self._shares["contribution"]
        if shares["rest"] + shares["outside"] > 0.5:
            found.append(Flag("evidence-elsewhere", "warning", words.both("evidence-elsewhere")))
        broken = faults(measure_quality(self.image.pixels, self.sector))
        found += [
            Flag(f"quality-{name}", "warning", words.both(f"quality-{name}")) for name in broken
        ]
        return tuple(found)

    def title(self, label: str | None = None, language: str = "en") -> str:
        """A label in words."""
        return self.config.titles[self._known(label)][words.check_language(language)]

    def headline(self, language: str = "en") -> str:
        """The answer in a few words: grade, how sure, number."""
        return words.headline(
            self.title(None, language), self.band(), self.probabilities[self.label], language
        )

    def sentence(self, language: str = "en") -> str:
        """What was found, in one or two plain sentences."""
        titles = {label: self.title(label, language) for label in self.probabilities}
        sizes = [
            words.sizes(x.diameter_mm, x.width_mm, "mm", language)
            if x.diameter_mm is not None and x.width_mm is not None
            else words.sizes(x.diameter_px, x.width_px, "px", language)
            for x in self.lesions
        ]
        return words.findings(
            titles,
            self.probabilities,
            self.label,
            self.prediction_set if self.calibrated else None,
            sizes,
            "normal" if "normal" in self.probabilities else None,
            language,
        )

    def describe(self, lesion: int = 1) -> tuple[Descriptor, ...]:
        """A lesion in the reader's own words, each with the number behind it; see `describe`.

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
            grey, liver = self.image.grey, self.masks["liver"]
            self._descriptions[lesion] = describe(
                grey, self.sector, liver, self.lesions[lesion - 1]
            )
        return self._descriptions[lesion]

    @cached_property
    def _descriptions(self) -> dict[int, tuple[Descriptor, ...]]:
        """By the lesion's number, each made once: page and second opinion ask several times."""
        return {}

    @cached_property
    def second_opinion(self) -> Opinion | None:
        """What the description of the largest lesion says by itself (see `glass_box`); None where
        nothing was outlined, or the bundle holds no such opinion."""
        if self._glass_box is None or not self.lesions:
            return None
        values = values_of(self.describe(), self.lesions[0], self.sector)
        return self._glass_box.opinion(values)

    def disagreement(self, language: str = "en") -> str | None:
        """Where the second opinion is not the network's: a sentence that names the word."""
        found = self.second_opinion
        fitted = self._glass_box.labels if self._glass_box else ()
        if found is None or self.label not in fitted or found.label == self.label:
            return None
        name = found.reasons[0][0]
        word = {d.name: d.said(language) for d in self.describe()}[name]
        return words.say(
            "second-opinion",
            language,
            title=self.title(found.label, language),
            chance=words.number(found.probability, language),
            word=word or words.descriptor(name, language),
        )

    def nearest(self, count: int = 5) -> tuple[Neighbour, ...]:
        """The nearest images of the training set, nearest first; none where the bundle does not
        know them."""
        if self._neighbours is None or self._pooled is None:
            return ()
        return self._neighbours.nearest(self._pooled, count)

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

    def to_dict(self) -> dict[str, Any]:
        """Everything but pixels; nothing from the file's tags. Does not run the network (see
        `evidence`)."""
        known = self.__dict__.get("evidence") or Evidence(self.label, self._shares)
        return {
            "model": self.model,
            "accepted": self.accepted,
            "label": self.label,
            "band": self.band(),
            "calibrated": self.calibrated,
            "probabilities": dict(self.probabilities),
            "logits": dict(self.logits),
            "prediction_set": list(self.prediction_set),
            "bands": {label: self.band(label) for label in self.probabilities},
            "headline": {x: self.headline(x) for x in words.LANGUAGES},
            "sentence": {x: self.sentence(x) for x in words.LANGUAGES},
            "flags": [flag.to_dict() for flag in self.flags],
            "areas_px": {
                name: int(np.count_nonzero(mask))
                for name, mask in {**self.masks, "sector": self.sector}.items()
            },
            "lesions": [lesion.to_dict() for lesion in self.lesions],
            "evidence": known.to_dict(),
            "scales": {kind: self.scale(kind) for kind in KINDS},
            "image": self.image.to_dict(),
            "seconds": self.seconds,
        }

    def overlay(
        self,
        *,
        label: str | None = None,
        kind: str | None = "grad-cam++",
        absolute: bool = True,
        opacity: float = 0.6,
        colour_map: str = "inferno",
        show: Sequence[str] = MASKS,
    ) -> NDArray[np.uint8]:
        """(H, W, 3) uint8: the scan with heatmap (`kind=None` for none) and outlines; text outside
        it is black."""
        masks = {name: self.masks[name] for name in show}
        heat = None if kind is None else self.heatmap(label, kind)
        options: dict[str, Any] = {}
        if heat is not None:
            options = {
                "scale": self.scale(kind or "") if absolute else draw.own_scale(heat),
                "opacity": opacity,
                "colour_map": colour_map,
                "signed": kind == "contribution",
            }
        lines = self._lines if "lesion" in show else []
        shown = draw.overlay(
            self.image.pixels, self.sector, masks, heat=heat, lines=lines, **options
        )
        return self.marked(shown) if masks or kind else shown

    def overlay_of(
        self,
        explanation: Explanation,
        *,
        absolute: bool = True,
        opacity: float = 0.6,
        colour_map: str = "inferno",
        show: Sequence[str] = MASKS,
    ) -> NDArray[np.uint8]:
        """(H, W, 3) uint8: the scan with an explanation's map and the outlines, marked where the
        gate stopped the image. absolute: on the explanation's scale; else on the map's own."""
        heat = explanation.map
        shown = draw.overlay(
            self.image.pixels,
            self.sector,
            {name: self.masks[name] for name in show},
            heat=heat,
            scale=explanation.scale if absolute else draw.own_scale(heat),
            opacity=opacity,
            colour_map=colour_map,
            signed=explanation.signed,
        )
        return self.marked(shown)

    @property
    def _lines(self) -> list[NDArray[np.bool_]]:
        """What lies within the inner and the outer lines, where the bundle draws them."""
        both = [line for lesion in self.lesions for line in (lesion.inner, lesion.outer)]
        return [line for line in both if line is not None and line.any()]

    def marked(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A picture of this answer, with a bar that says so where the gate stopped the image."""
        if self.accepted and not self.let_through:
            return picture
        return draw.mark(picture, words.say("marked", "en"))

    def save(self, folder: str | Path, *, stem: str | None = None) -> tuple[Path, ...]:
        """Write `<stem>_overlay.png`, `<stem>_lesion.png`, `<stem>_liver.png` and `<stem>.json`;
        returns the paths."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        stem = stem or Path(self.image.source).stem
        written = {
            f"{stem}_overlay.png": draw.png(self.overlay()),
            f"{stem}_lesion.png": draw.png(self.masks["lesion"]),
            f"{stem}_liver.png": draw.png(self.masks["liver"]),
            f"{stem}.json": json.dumps(self.to_dict(), indent=1, ensure_ascii=False).encode(),
        }
        for name, content in written.items():
            (folder / name).write_bytes(content)
        return tuple(folder / name for name in written)
