"""The five worlds: phantoms alike in all, and the one thing that decides in each."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hcc_xai.phantoms.phantom import Phantom, PhantomSpec, make, random_spec

Mask = NDArray[np.bool_]
LABELS = ("without", "with")  # the thing that decides


@dataclass(frozen=True)
class World:
    """What decides.

    Attributes:
        says: in words.
        placed: whether it has a place in the picture.
        warnings: the challenges of which one at least must fail; empty where none may.
    """

    says: str
    placed: bool
    warnings: tuple[str, ...] = ()


WORLDS = {
    "lesion": World("the lesion's brightness", True),
    "text": World("a text in a corner of the sector", True, ("text", "unmarked")),
    "caliper": World("a caliper on the lesion's edge", True, ("calipers", "unmarked")),
    "slope": World("the slope of gain with depth", False, ("slope-up", "slope-down")),
    "speckle": World("the size of the speckle", False, ("finer", "coarser")),
}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Of what the phantoms and the networks are made; by default, as `benchmark` makes them.

    Attributes:
        shape: (H, W) of a phantom, in pixels.
        speckle_mm: axial width of the fine and of the coarse speckle, in mm.
        trunk: the network's, a name that timm knows.
        side: of the network's square input, in pixels; a multiple of 32.
        channels: of the network's shared map.
        rate: the highest learning rate of a training.
        shift: by how many of the network's pixels a picture is moved at most.
    """

    shape: tuple[int, int] = (320, 416)
    speckle_mm: tuple[float, float] = (0.7, 1.6)
    trunk: str = "mobilenetv3_small_050"
    side: int = 192
    channels: int = 24
    rate: float = 3e-3
    shift: int = 10


DEFAULT = Recipe()


def spec_of(seed: int, recipe: Recipe = DEFAULT) -> tuple[PhantomSpec, dict[str, bool]]:
    """A phantom with one lesion, and which of the five things it has: each by a coin of its own.

    Args:
        seed: of the phantom and of the coins, at least 0.
        recipe: of the phantom; the coins do not depend on it.

    Returns:
        What to draw, and for every world whether the thing that decides is there.
    """
    rng = np.random.default_rng([seed, 11])
    coins = dict(zip(WORLDS, (rng.random(len(WORLDS)) < 0.5).tolist(), strict=True))
    spec = random_spec(seed, label="malignant", shape=recipe.shape)
    lesion = replace(
        spec.lesions[0], contrast_db=-9.0 if coins["lesion"] else 7.0, halo=False, texture_db=0.5
    )
    fine, coarse = recipe.speckle_mm
    spec = replace(
        spec,
        lesions=(lesion,),
        text_inside=coins["text"],
        calipers=coins["caliper"],
        caliper_scale=2.0,  # a network this small would need more phantoms to learn a smaller one
        tgc_slope=0.4 if coins["slope"] else -0.6,
        speckle_mm=coarse if coins["speckle"] else fine,
        looks=3,
        gain_db=0.0,
        noise_db=-30.0,
    )
    return spec, coins


def place_of(world: str, phantom: Phantom) -> Mask | None:
    """Where the thing that decides lies.

    Args:
        world: a name in `WORLDS`.
        phantom: drawn from a spec of `spec_of`.

    Returns:
        (H, W), true where it lies; None where it is not there, or has no place.
    """
    spec = phantom.spec
    if world == "lesion":
        return phantom.lesion
    there = {"text": spec.text_inside, "caliper": spec.calipers}
    if not there.get(world):
        return None
    without = replace(spec, text_inside=False) if world == "text" else replace(spec, calipers=False)
    plain = make(without).pixels
    place: Mask = (plain != phantom.pixels).any(2) & phantom.sector
    return place
