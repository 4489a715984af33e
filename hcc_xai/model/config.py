"""What `config.json` of a bundle holds, and what it may hold: it may come from anyone."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np

from hcc_xai.errors import ArgumentError, BundleError
from hcc_xai.kinds.known import KINDS, LIVER
from hcc_xai.kinds.nouns import STRONGEST, Nouns
from hcc_xai.model.network import MASKS, NetworkConfig

FORMAT = 2  # of config.json; a bundle of a newer one is refused
_OLD_NAMES = {"positive": "malignant"}  # key -> as format 1 calls it
_LARGEST_INPUT = 1024  # pixels; a config cannot ask for more memory than that


@dataclass(frozen=True, kw_only=True)
class BundleConfig:
    """What `config.json` holds.

    Attributes:
        name: short name of the bundle, like "liver-us".
        network: all that is needed to build the network.
        titles: label -> language -> words to show; English always, others where there are any.
        kind: of picture, like "liver-ultrasound".
        organ: the mask that evidence should lie in, or None.
        positive: the label whose discrimination is reported first, or None. Format 1 calls it
            "malignant".
        mask_thresholds: mask -> probability (0 to 1) from which a pixel is in it.
        least_lesion_share: share of the sector (0 to 1) below which a found speck is no lesion.
        bands: "green" and "amber" -> probability from which an answer is in that band; red below.
        scales: kind of heatmap -> value that the absolute drawing scale ends at, above 0.
        training: free: data, its licence, recipe, seed, folds.
        licence: of the bundle, as the Hub names it.
    """

    name: str
    network: NetworkConfig
    titles: dict[str, dict[str, str]]
    licence: str
    positive: str | None = None
    kind: str = LIVER
    organ: str | None = None
    mask_thresholds: dict[str, float] = field(default_factory=dict)
    least_lesion_share: float = 0.0
    bands: dict[str, float] = field(default_factory=lambda: {"green": 0.9, "amber": 0.7})
    scales: dict[str, float] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    version: str = "1"
    format: int = 1

    def __post_init__(self) -> None:
        masks = self.network.masks
        if not self.mask_thresholds:
            object.__setattr__(self, "mask_thresholds", dict.fromkeys(masks, 0.5))
        if self.format == 1 and "liver" in masks:
            object.__setattr__(self, "organ", "liver")
        _check_config(self)

    @property
    def nouns(self) -> Nouns:
        """What this kind of picture calls its things, for sentences."""
        own = KINDS[self.kind].all_nouns
        return own if self.network.target is not None else {**own, **STRONGEST}

    @property
    def absent(self) -> str | None:
        """The label that means "nothing there": the network's, else one called "normal"."""
        return self.network.absent or ("normal" if "normal" in self.network.labels else None)

    def mask_logit(self, mask: str) -> np.float64:
        """The logit from which a pixel is in that mask."""
        threshold = self.mask_thresholds[mask]
        logit: np.float64 = np.log(threshold / (1 - threshold))
        return logit

    def to_dict(self) -> dict[str, object]:
        """As `config.json` holds it."""
        stored = {**asdict(self), "network": self.network.to_dict()}
        if self.format == 1:  # whose keys these are not
            for key in ("kind", "organ"):
                stored.pop(key)
            stored = {_OLD_NAMES.get(key, key): value for key, value in stored.items()}
            for key in ("masks", "target", "multiple", "deep"):
                stored["network"].pop(key)
        return stored

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> BundleConfig:
        """The config that `to_dict` made.

        Raises:
            BundleError: a key is unknown or missing, a value is of the wrong kind or out of range.
        """
        if not isinstance(given, Mapping) or "network" not in given:
            raise BundleError(
                "config-no-network", "it describes no network, so this is not a bundle"
            )
        written = given.get("format", 1)
        if (
            isinstance(written, int) and written > FORMAT
        ):  # before unknown keys: a newer format has some
            raise BundleError(
                "config-newer",
                "it is of format {written}, and this version reads up to {known}; "
                "install a newer version",
                written=written,
                known=FORMAT,
            )
        known = [f.name for f in fields(cls)]
        if written != FORMAT:
            renamed = {old: new for new, old in _OLD_NAMES.items()}
            given = {"malignant": "malignant", **given}
            given = {renamed.get(key, key): value for key, value in given.items()}
        for key in given:
            if key not in known:
                raise BundleError(
                    "config-unknown-key",
                    "unknown key {key!r}; known: {known}",
                    key=key,
                    known=", ".join(known),
                )
        for key in ("name", "titles", "licence"):
            if key not in given:
                raise BundleError("config-missing-key", "key {key!r} is missing", key=key)
        return cls(**{**given, "network": _network_config(given["network"])})


def _network_config(given: Any) -> NetworkConfig:
    kinds = {
        "trunk": str,
        "size": int,
        "channels": int,
        "deep": int,
        "labels": list,
        "mean": (int, float),
        "std": (int, float),
        "absent": (str, type(None)),
        "masks": list,
        "target": (str, type(None)),
        "multiple": bool,
    }
    if not isinstance(given, Mapping):
        raise BundleError("config-network-kind", "network must be an object")
    for key, value in given.items():
        wanted = kinds.get(key)
        if wanted and (
            not isinstance(value, wanted)  # type: ignore[arg-type]
            or (isinstance(value, bool) and wanted is not bool)
        ):
            raise BundleError(
                "config-network-value",
                "network's {key} is of the wrong kind: {got}",
                key=str(key),
                got=repr(value),
            )
    try:
        return NetworkConfig.from_dict(given)
    except ArgumentError as error:
        raise BundleError("bundle-network", "{reason}", reason=str(error)) from error


def _check_config(config: BundleConfig) -> None:
    _check_format(config)
    _check_network(config.network)
    _check_kinds_of_value(config)
    if config.kind not in KINDS:
        raise BundleError(
            "config-kind",
            "kind is {got}; known are {known}",
            got=repr(config.kind),
            known=", ".join(KINDS),
        )
    _check_titles(config)
    if config.positive is not None and config.positive not in config.network.labels:
        raise BundleError(
            "config-positive",
            "{key} is {got}; allowed are null or one of {known}",
            key=_OLD_NAMES["positive"] if config.format == 1 else "positive",
            got=repr(config.positive),
            known=", ".join(config.network.labels),
        )
    _check_masks(config)
    _check_bands(config)
    _check_scales(config)


def _check_format(config: BundleConfig) -> None:
    if not isinstance(config.format, int) or not 1 <= config.format <= FORMAT:
        raise BundleError(
            "config-format",
            "format is {got}; known is 1 to {known}",
            got=repr(config.format),
            known=FORMAT,
        )


def _check_network(network: NetworkConfig) -> None:
    # A colon or slash would make timm fetch a trunk from somewhere else.
    if not re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)?", network.trunk):
        raise BundleError(
            "config-trunk", "trunk {trunk!r} is no name of a timm model", trunk=network.trunk
        )
    if network.size > _LARGEST_INPUT:
        raise BundleError(
            "config-size",
            "the network's size is {size}; allowed is up to {most}",
            size=network.size,
            most=_LARGEST_INPUT,
        )
    if network.channels < 1 or network.deep < 0:
        raise BundleError(
            "config-channels",
            "the network has {channels} channels and {deep} deep ones; wanted are 1 and 0 or more",
            channels=network.channels,
            deep=network.deep,
        )
    if not (math.isfinite(network.mean) and math.isfinite(network.std) and network.std > 0):
        raise BundleError(
            "config-mean-std",
            "mean {mean} and std {std} must be finite, and std above 0",
            mean=network.mean,
            std=network.std,
        )
    if not all(isinstance(label, str) and label for label in network.labels):
        raise BundleError(
            "config-labels", "labels are {labels}; wanted are words", labels=repr(network.labels)
        )


def _check_kinds_of_value(config: BundleConfig) -> None:
    for key in ("name", "licence", "version", "kind"):
        if not (isinstance(getattr(config, key), str) and getattr(config, key)):
            raise BundleError(
                "config-word",
                "{key} is {got}; wanted is a word",
                key=key,
                got=repr(getattr(config, key)),
            )
    for key in ("titles", "mask_thresholds", "bands", "scales", "training"):
        if not isinstance(getattr(config, key), dict):
            raise BundleError("config-object", "{key} must be an object", key=key)


def _check_masks(config: BundleConfig) -> None:
    network = config.network
    if config.format == 1 and (network.masks != MASKS or network.target != "lesion"):
        raise BundleError(
            "format-too-old",
            "masks are {masks} with target {target!r}; format 1 has {known}, others need format 2",
            masks=", ".join(network.masks) or "none",
            target=str(network.target),
            known=", ".join(MASKS),
        )
    if config.organ is not None and config.organ not in network.masks:
        raise BundleError(
            "organ-unknown",
            "organ is {organ!r}; allowed are null or one of {known}",
            organ=config.organ,
            known=", ".join(network.masks) or "none",
        )
    if set(config.mask_thresholds) != set(network.masks):
        raise BundleError(
            "config-masks",
            "mask_thresholds are for {got}; wanted are {wanted}",
            got=str(sorted(config.mask_thresholds)),
            wanted=", ".join(network.masks) or "none",
        )
    for mask, value in config.mask_thresholds.items():
        _check_number(f"mask_thresholds[{mask}]", value, 0, 1)
    _check_number("least_lesion_share", config.least_lesion_share, 0, 1)


def _check_bands(config: BundleConfig) -> None:
    if set(config.bands) != {"green", "amber"}:
        raise BundleError(
            "config-bands",
            "bands are {got}; wanted are green and amber",
            got=str(sorted(config.bands)),
        )
    for band, value in config.bands.items():
        _check_number(f"bands[{band}]", value, 0, 1)
    if config.bands["amber"] > config.bands["green"]:
        raise BundleError(
            "config-bands-order",
            "bands: amber ({amber}) begins above green ({green})",
            amber=config.bands["amber"],
            green=config.bands["green"],
        )


def _check_scales(config: BundleConfig) -> None:
    for kind, value in config.scales.items():
        _check_number(f"scales[{kind}]", value, 0, math.inf)
        if not 0 < value < math.inf:
            raise BundleError(
                "config-scale",
                "scales[{kind}] is {value}; wanted is a finite number above 0",
                kind=kind,
                value=value,
            )


def _check_titles(config: BundleConfig) -> None:
    """Every label has a title in English; where another language lacks one, English stands in."""
    for label in config.network.labels:
        title = config.titles.get(label)
        texts = {"en": None, **title} if isinstance(title, dict) else {"en": None}
        for language, text in texts.items():
            if not (isinstance(text, str) and text):
                raise BundleError(
                    "config-title-missing",
                    "titles have no {language!r} for label {label!r}",
                    language=language,
                    label=label,
                )
    for label in config.titles:
        if label not in config.network.labels:
            raise BundleError(
                "config-title-unknown",
                "titles name {label!r}, which is none of {known}",
                label=label,
                known=", ".join(config.network.labels),
            )


def _check_number(name: str, value: Any, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise BundleError(
            "config-number",
            "{name} is {got}; allowed is {low} to {high}",
            name=name,
            got=repr(value),
            low=low,
            high=high,
        )
