"""The recipe of a training: what a person may choose, and what may stand in a file of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from hcc_xai.errors import ArgumentError, unknown
from hcc_xai.model.network import NetworkConfig


@dataclass(frozen=True)
class TrainConfig:
    """The recipe.

    Attributes:
        epochs: how often the images are gone through.
        batch: images a step.
        window: side, in pixels, of what the network is shown of its input in training (see
            augment.py); the whole input where that is smaller.
        rate: learning rate at its highest.
        level: share of the training through which the rate stays, before it falls along half a
            cosine.
        decay: weight decay of AdamW.
        average: share that the averaged weights keep of themselves from step to step.
        grade: weight of the grades' loss.
        evidence: weight of the loss of evidence outside the lesion.
        pixels: how much a lesion's pixel counts in the cross-entropy of its outline.
        over: of 1, how much an outline's area beyond the lesion counts; the rest, what it misses.
        soup: one dict of overrides per network; their weights are averaged. Empty: a single network
            is trained.
        erase: directions that tell the scanner, taken out of a soup's grades (see erasure.py). One
            network can be a soup of one, `({},)`.
        balance: how far classes are drawn alike within a stratum, 0 (not) to 1 (wholly).
        turn: degrees that a picture is turned by, to either side, at most.
        zoom: share that a whole picture is made larger or smaller by, at most.
        speckle: standard deviation of the grain put on a picture, as a share of its grey level, at
            most.
        validation: share of the images held back to choose the epoch; 0 takes the last one.
        seed: of the images' order and changes.
    """

    epochs: int = 45
    batch: int = 16
    window: int = 256
    rate: float = 1e-3
    level: float = 0.8
    decay: float = 0.02
    average: float = 0.998
    grade: float = 1.0
    evidence: float = 1.0
    pixels: float = 1.0
    over: float = 0.6
    soup: tuple[Mapping[str, float], ...] = ()
    erase: int = 0
    balance: float = 0.8
    turn: float = 14
    zoom: float = 0.15
    speckle: float = 0.22
    validation: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.erase, int) or self.erase < 0:
            raise ArgumentError(
                "recipe-erase",
                '"erase" is {erase}; wanted is a number of directions',
                erase=repr(self.erase),
            )
        if self.erase and not self.soup:
            raise ArgumentError(
                "recipe-erase-without-soup",
                '"erase" goes beside a "soup"; one network is a soup of one, [{{}}]',
            )

    def to_dict(self) -> dict[str, object]:
        """The recipe as JSON holds it."""
        return {**asdict(self), "soup": [dict(own) for own in self.soup]}

    @property
    def networks(self) -> list[TrainConfig]:
        """The recipes of its networks, one each.

        Raises:
            ArgumentError: the soup names an unknown key.
        """
        whole = replace(self, soup=(), erase=0).to_dict()
        return [self.from_dict({**whole, **own}) for own in self.soup or ({},)]

    @property
    def all_epochs(self) -> int:
        """The epochs of all its networks together."""
        return sum(one.epochs for one in self.networks)

    @classmethod
    def from_dict(cls, recipe: Mapping[str, Any]) -> TrainConfig:
        """The recipe that `to_dict` made; what it lacks has its default.

        Raises:
            ArgumentError: it holds an unknown key, which is named.
        """
        names = [f.name for f in fields(cls)]
        for key in recipe:
            if key not in names:
                raise unknown("key of a recipe", key, names)
        return cls(**{**recipe, "soup": tuple(recipe.get("soup", ()))})


@dataclass(frozen=True)
class Plan:
    """What one training makes, and from what.

    Attributes:
        network: all that is needed to build the network.
        recipe: how it is trained.
        pretrained: safetensors to start from; None for weights drawn by chance.
    """

    network: NetworkConfig
    recipe: TrainConfig
    pretrained: str | Path | None = None
