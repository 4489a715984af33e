"""What `config.json` of a bundle holds, and what it may hold: it may come from anyone."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from hcc_xai.errors import ArgumentError, BundleError
from hcc_xai.model.network import MASKS, NetworkConfig

FORMAT = 1  # of config.json; a bundle of a newer one is refused
LANGUAGES = ("en", "es")
_LARGEST_INPUT = 1024  # pixels; a config cannot ask for more memory than that


@dataclass(frozen=True, kw_only=True)
class BundleConfig:
    """What `config.json` holds.

    Attributes:
        name: short name of the bundle, like "liver-us".
        network: all that is needed to build the network.
        titles: label -> language ("en", "es") -> words to show.
        malignant: the label that is malignant, or None.
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
    malignant: str | None = "malignant"
    mask_thresholds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(MASKS, 0.5))
    least_lesion_share: float = 0.0
    bands: dict[str, float] = field(default_factory=lambda: {"green": 0.9, "amber": 0.7})
    scales: dict[str, float] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    version: str = "1"
    format: int = FORMAT

    def __post_init__(self) -> None:
        _check_config(self)

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "network": self.network.to_dict()}

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
        written = given.get("format", FORMAT)
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
        "labels": list,
        "mean": (int, float),
        "std": (int, float),
        "absent": (str, type(None)),
    }
    if not isinstance(given, Mapping):
        raise BundleError("config-network-kind", "network must be an object")
    for key, value in given.items():
        if key in kinds and (not isinstance(value, kinds[key]) or isinstance(value, bool)):  # type: ignore[arg-type]
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
    network = config.network
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
    if network.channels < 1:
        raise BundleError(
            "config-channels",
            "the network's channels are {channels}; allowed is 1 and more",
            channels=network.channels,
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
    for key in ("name", "licence", "version"):
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
    _check_titles(config)
    if config.malignant is not None and config.malignant not in network.labels:
        raise BundleError(
            "config-malignant",
            "malignant is {got}; allowed are null or one of {known}",
            got=repr(config.malignant),
            known=", ".join(network.labels),
        )
    if set(config.mask_thresholds) != set(MASKS):
        raise BundleError(
            "config-masks",
            "mask_thresholds are for {got}; wanted are {wanted}",
            got=str(sorted(config.mask_thresholds)),
            wanted=", ".join(MASKS),
        )
    for mask, value in config.mask_thresholds.items():
        _check_number(f"mask_thresholds[{mask}]", value, 0, 1)
    _check_number("least_lesion_share", config.least_lesion_share, 0, 1)
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
    for kind, value in config.scales.items():
        _check_number(f"scales[{kind}]", value, 0, math.inf)
        if not 0 < value < math.inf:
            raise BundleError(
                "config-scale",
                "scales[{kind}] is {value}; wanted is a finite number above 0",
                kind=kind,
                value=value,
            )
    if not isinstance(config.format, int) or not 1 <= config.format <= FORMAT:
        raise BundleError(
            "config-format",
            "format is {got}; known is {known}",
            got=repr(config.format),
            known=FORMAT,
        )


def _check_titles(config: BundleConfig) -> None:
    for label in config.network.labels:
        words = config.titles.get(label)
        for language in LANGUAGES:
            if not (
                isinstance(words, dict) and isinstance(words.get(language), str) and words[language]
            ):
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
