"""What tells scanners apart, taken out of the grades' weights after a training.

Within a class, what is pooled in the lesion should not depend on the scanner. Where it does, the
direction along which the frame sizes' means lie furthest apart, for the spread that the features
have, is erased from the weights that read it: the leading direction of least-squares concept
erasure (Belrose et al. 2023). All directions would cost more of the grade than they are worth
(docs/experiments.md). The map stays what it was, not negative, and the logits stay its sum.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from hcc_xai.dataset.samples import Sample, plain
from hcc_xai.model.network import Network
from hcc_xai.stats import softmax

_LEAST = 5  # images of a class that a frame size needs to take part
_RIDGE = 0.1  # of the features' mean variance, added to each
_LESION = 1  # the pool over the lesion
_ROUNDS, _CLOSE = 1000, 1e-9  # of fitting biases; shares that are alike enough
Floats = NDArray[np.float64]


def erase(network: Network, samples: Sequence[Sample], directions: int) -> None:
    """Change the grades' weights so that they are blind to the frame size, as far as the leading
    directions of the lesion's pool tell it. The biases are fitted anew, so that each label gets the
    mean probability that it had, over these samples with every class counting the same.

    Args:
        network: of any device; its `grade_head` is changed in place.
        samples: what it was trained on; without two frame sizes in one class nothing is changed.
        directions: how many are erased, 0 or more.
    """
    pooled = _pooled(network, samples)
    labels = np.array([s.record.label for s in samples])
    strata = np.array([s.record.stratum for s in samples])
    matrix = erasing(pooled[:, _LESION], labels, strata, directions)
    if np.array_equal(matrix, np.eye(len(matrix))):
        return
    weight, bias = (x.detach().cpu().double().numpy() for x in network.grade_weights())
    before = np.einsum("npc,kpc->nk", pooled, weight) + bias
    weight[:, _LESION] = weight[:, _LESION] @ matrix
    after = np.einsum("npc,kpc->nk", pooled, weight) + bias
    bias += same_shares(after, before, labels)
    with torch.no_grad():
        network.grade_head.weight.copy_(torch.from_numpy(weight.reshape(len(weight), -1)))
        network.grade_head.bias.copy_(torch.from_numpy(bias))


def erasing(
    features: NDArray[np.generic],
    labels: NDArray[np.generic],
    strata: NDArray[np.generic],
    directions: int,
) -> Floats:
    """The matrix that weights are multiplied by from the right, (C, C).

    Args:
        features: (N, C).
        labels: (N,) names of the classes.
        strata: (N,) frame sizes; an empty one is not known.
        directions: how many are erased, the one that tells the frame sizes apart best first; fewer
            where there are no more.
    """
    centred = features.astype(np.float64)
    identity = np.eye(centred.shape[1])
    means = []
    for label in np.unique(labels):
        mine = labels == label
        centred[mine] -= centred[mine].mean(0)
        names, counts = np.unique(strata[mine], return_counts=True)
        names = names[(counts >= _LEAST) & (names != "")]
        for name in names if len(names) > 1 else ():
            cell = centred[mine & (strata == name)]
            means.append(cell.mean(0) * np.sqrt(len(cell)))
    if not means or not np.any(centred):
        return identity
    spread = centred.T @ centred / len(centred)
    spread += _RIDGE * np.trace(spread) / len(spread) * identity
    values, vectors = np.linalg.eigh(spread)
    whiten = (vectors / np.sqrt(values)) @ vectors.T
    colour = (vectors * np.sqrt(values)) @ vectors.T
    axes, sizes, _ = np.linalg.svd(whiten @ np.array(means).T, full_matrices=False)
    axes = axes[:, :directions][:, sizes[:directions] > 1e-6 * sizes[0]]
    matrix: Floats = identity - colour @ axes @ axes.T @ whiten
    return matrix


def _pooled(network: Network, samples: Sequence[Sample]) -> Floats:
    """What the grades read of each sample, which is not changed before, (N, 2, C)."""
    size, device = network.config.size, next(network.parameters()).device
    network.eval()
    pooled = []
    with torch.inference_mode():
        for start in range(0, len(samples), 8):
            inputs = np.stack([plain(s, size)[0] for s in samples[start : start + 8]])
            out = network(torch.from_numpy(inputs)[:, None].to(device))
            pooled.append(out.pooled.cpu().numpy())
    return np.concatenate(pooled).astype(np.float64)


def same_shares(after: Floats, before: Floats, labels: NDArray[np.generic]) -> Floats:
    """What is added to logits so that each label gets the mean probability that it had, every class
    counting the same.

    Args:
        after: (N, K) logits that are to be mended.
        before: (N, K) logits whose mean probabilities are wanted.
        labels: (N,) true classes.

    Returns:
        (K,), of mean zero.
    """

    def shares(logits: Floats) -> Floats:
        each = [softmax(logits)[labels == label].mean(0) for label in np.unique(labels)]
        return np.asarray(np.mean(each, axis=0))

    wanted, added = shares(before), np.zeros(before.shape[1])
    for _ in range(_ROUNDS):
        reached = shares(after + added)
        if np.abs(reached - wanted).max() < _CLOSE:
            break
        added += np.log(wanted) - np.log(reached)
    return np.asarray(added - added.mean())
