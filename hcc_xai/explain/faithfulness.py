"""Does a heatmap tell the truth? What it marks is hidden, or shown alone; the answer is watched.

Hidden means blurred, as black is itself evidence in ultrasound. The map is held against random
maps with the same power spectrum, and so the same smoothness: one that does no better says
nothing. ROAD fills what is hidden from its rim instead, so that its shape is not itself seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from hcc_xai.errors import ArgumentError

Floats = NDArray[np.float32]
Predict = Callable[[Floats], NDArray[np.float64]]  # (N, S, S) -> (N,) of 0 to 1
STEPS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0)  # share of the sector
_TENTH = STEPS.index(0.1)
RANDOM = 10  # random maps
ROAD = (0.1, 0.2, 0.3)  # shares of the sector
_NOISE = 0.01  # share of the grey scale, as ROAD's authors add


@dataclass(frozen=True)
class Faithfulness:
    """How an answer follows a map.

    Attributes:
        label: whose probability is watched.
        steps: shares of the sector that are hidden or shown, from 0 to 1.
        deletion: probability at each step when the map's highest places are hidden first (Petsiuk
            et al. 2018; low is good).
        insertion: probability at each step when the map's highest places are shown first, on
            blurred tissue (high is good).
        deletion_auc: area under `deletion` over the steps, 0 to 1.
        insertion_auc: area under `insertion` over the steps, 0 to 1.
        random_deletion: deletion of random maps that are as smooth as this one, mean at each step.
        random_insertion: insertion of these random maps, mean at each step.
        better_than: share of the random maps, and of their negatives, that score less, 0 to 1; NaN
            where none was tried.
        road: how much more the probability is with the map's lowest places filled from their rims
            than with its highest, halved, mean over a tenth to three tenths of the sector (Rong et
            al. 2022; high is good, a random map reaches 0).
    """

    label: str
    steps: tuple[float, ...]
    deletion: tuple[float, ...]
    insertion: tuple[float, ...]
    deletion_auc: float
    insertion_auc: float
    random_deletion: tuple[float, ...]
    random_insertion: tuple[float, ...]
    better_than: float
    road: float

    @property
    def before(self) -> float:
        """The probability of the picture as it is."""
        return self.deletion[0]

    @property
    def tenth(self) -> float:
        """The probability with the highlighted tenth of the sector hidden."""
        return self.deletion[_TENTH]

    @property
    def random_tenth(self) -> float:
        """The probability with a random tenth of the sector hidden."""
        return self.random_deletion[_TENTH]

    @property
    def score(self) -> float:
        """Insertion less deletion, -1 to 1. Random maps reach 0 on average: to hide what one marks
        is to show what its negative does."""
        return self.insertion_auc - self.deletion_auc

    @property
    def holds(self) -> bool:
        """Whether the map does better than all random ones but, at most, a tenth of them."""
        return self.better_than >= 0.9

    def to_dict(self) -> dict[str, object]:
        """Each attribute by its name, and `score` and `holds`."""
        curves = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
        return {**curves, "score": self.score, "holds": self.holds}


def check(
    predict: Predict,
    grey: Floats,
    blurred: Floats,
    heat: Floats,
    *,
    label: str = "",
    seed: int = 0,
    random: int = RANDOM,
    progress: Callable[[float], None] = lambda share: None,
) -> Faithfulness:
    """Deletion and insertion of a map and of random ones, and ROAD.

    Args:
        predict: gives the probability that is watched of a batch of pictures, (N, S, S) -> (N,).
        grey: (S, S) float32, the picture; -1 outside the sector.
        blurred: (S, S) float32, the picture without its detail; -1 outside the sector.
        heat: (S, S) float32, the map; what speaks against, below 0, does not count.
        label: whose probability is watched, for the result.
        seed: of the random maps and of ties.
        random: how many random maps.
        progress: is told the share that is done, and may raise to stop.

    Raises:
        ArgumentError: shapes that do not fit, or nothing to see.
    """
    inside = grey >= 0
    if not grey.shape == blurred.shape == heat.shape or not inside.any():
        raise ArgumentError(
            "faithfulness-shapes",
            "picture, blurred picture and map are {picture}, {heat}",
            picture=str(grey.shape),
            heat=str(heat.shape),
        )
    rng = np.random.default_rng(seed)
    heat = np.where(inside, np.maximum(heat, 0), 0).astype(np.float32)
    maps = [heat, *(surrogate(heat, rng) for _ in range(random))]
    ends = predict(np.stack([grey, blurred]))
    curves = []
    for number, one in enumerate(maps, 1):
        masks = [_highest(one, inside, share, rng) for share in STEPS[1:-1]]
        hidden = [np.where(mask, blurred, grey) for mask in masks]
        shown = [np.where(mask, grey, blurred) for mask in masks]
        middle = predict(np.stack(hidden + shown)).tolist()
        half = len(masks)
        curves.append(
            (
                (float(ends[0]), *middle[:half], float(ends[1])),
                (float(ends[1]), *middle[half:], float(ends[0])),
            )
        )
        progress(number / len(maps))
    gains = [area(STEPS, up) - area(STEPS, down) for down, up in curves]
    deletion, insertion = curves[0]
    chance = np.mean(curves[1:], axis=0) if random else np.full((2, len(STEPS)), np.nan)
    beaten = [sign * gain < gains[0] for gain in gains[1:] for sign in (-1, 1)]
    return Faithfulness(
        label,
        STEPS,
        deletion,
        insertion,
        area(STEPS, deletion),
        area(STEPS, insertion),
        tuple(chance[0].tolist()),
        tuple(chance[1].tolist()),
        float(np.mean(beaten)) if beaten else np.nan,
        _road(predict, grey, heat, seed),
    )


def _road(predict: Predict, grey: Floats, heat: Floats, seed: int) -> float:
    inside, rng = grey >= 0, np.random.default_rng(seed)
    whole, filled = _extended(grey), []
    for sign in (-1, 1):  # the lowest first
        for share in ROAD:
            hidden = _highest(sign * heat, inside, share, rng)
            picture = np.where(inside, _from_the_rim(whole, hidden, rng).clip(0, 1), -1)
            filled.append(picture.astype(np.float32))
    chances = predict(np.stack(filled)).reshape(2, len(ROAD))
    return float((chances[0] - chances[1]).mean() / 2)


def _from_the_rim(
    grey: Floats, hidden: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Every hidden pixel as the mean of its neighbours, all at once, and a little noise: the
    equations are those of ROAD's authors."""
    from pytorch_grad_cam.metrics.road import NoisyLinearImputer, neighbors_weights
    from scipy.sparse import csc_matrix
    from scipy.sparse.linalg import spsolve

    shown = (~hidden).astype(np.float32)
    left, right = NoisyLinearImputer.setup_sparse_system(shown, grey[None], neighbors_weights)
    filled = grey.astype(np.float64)
    noise = _NOISE * rng.standard_normal(int(hidden.sum()))
    filled[hidden] = spsolve(csc_matrix(left), right).ravel() + noise
    return filled


def _extended(grey: Floats) -> Floats:
    """The picture with what is outside the sector as its nearest pixel inside, so that nothing
    outside is carried in."""
    from scipy.ndimage import distance_transform_edt

    rows, cols = distance_transform_edt(grey < 0, return_distances=False, return_indices=True)
    whole: Floats = grey[rows, cols]
    return whole


def area(steps: Sequence[float], values: Sequence[float]) -> float:
    """The area under a curve, by the trapezoidal rule.

    Args:
        steps: where the curve is known, ascending.
        values: its value at each step.
    """
    return float(np.trapezoid(values, steps))


def surrogate(heat: Floats, rng: np.random.Generator) -> Floats:
    """A random map with the power spectrum of another: the phases of noise (Theiler et al. 1992).

    Args:
        heat: (S, S) float32, the map.
        rng: where the noise is drawn from.

    Returns:
        (S, S) float32.
    """
    noise = np.fft.rfft2(rng.normal(size=heat.shape))
    phases = noise / np.maximum(abs(noise), 1e-12)
    spread = np.fft.irfft2(abs(np.fft.rfft2(heat)) * phases, s=heat.shape)
    random: Floats = spread.astype(np.float32)
    return random


def _highest(
    heat: Floats, inside: NDArray[np.bool_], share: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """The highest share of the sector's pixels; ties are broken by chance."""
    rows, cols = np.nonzero(inside)
    count = round(share * len(rows))
    order = np.lexsort((rng.random(len(rows)), -heat[rows, cols]))[:count]
    mask = np.zeros_like(inside)
    mask[rows[order], cols[order]] = True
    return mask
