"""The two maps that come with the answer's own forward.

The head is linear in the shared map, so its gradient is written down here (and tested against
autograd), not taken: no hook, no second pass, no state.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

KINDS = ("grad-cam++", "contribution")


class Maps(NamedTuple):
    """Both maps of every grade.

    Attributes:
        grad_cam_pp: (B, K, h, w) float32, Grad-CAM++, not negative, at the shared map's resolution.
        contribution: (B, K, h, w) float32, what each place adds to each logit, at the shared map's
            resolution.
    """

    grad_cam_pp: Tensor
    contribution: Tensor


def immediate(shared: Tensor, pools: Tensor, weight: Tensor) -> Maps:
    """Grad-CAM++ and the contribution map of every grade.

    With the head of `network.py` the gradient of logit k at channel c, position x is
    g = W1_kc P1(x) + W2_kc P2(x), the mask in P2 being a constant.

    Contribution (gradient times activation; HiRes-CAM, Draelos and Carin 2020): sum_c A_c(x)
    g_kc(x). Its values sum over x to logit_k - bias_k, exactly, and over k to zero at every x, as
    the weights are centred.

    Grad-CAM++ (Chattopadhay et al. 2018, eq. 10-19): w_kc = sum_x alpha relu(g), map = relu(sum_c
    w_kc A_c(x)). Where g > 0, eq. 19 reduces to alpha = 1 / (2 + g sum_x A_c): no epsilon, no pole,
    as A is not negative; where g <= 0, relu(g) is zero. The paper's factor exp(S) cancels when a
    map is normalised and is left out, so that maps of different images stay comparable.

    Args:
        shared: (B, C, h, w) float32, the map that both heads read, not negative.
        pools: (B, P, h, w) float32, how much each position counts in each pool.
        weight: (K, P, C) float32, the grade head's weights, centred.
    """
    batch, channels, height, width = shared.shape
    labels = weight.shape[0]
    cams, contributions = [], []
    for activation, pool in zip(shared.flatten(2), pools.flatten(2), strict=True):
        read = torch.einsum("kpc,cx->kpx", weight, activation)
        contributions.append((read * pool).sum(1))  # (K, h w)
        # alpha g = (T g / 2) / (1 + T g / 2) / T with T = sum_x A_c; one buffer, sector only.
        total = activation.sum(1)  # (C,)
        seen = pool[:, pool[0] > 0]  # (2, n)
        half = (weight * (total / 2)).transpose(1, 2).reshape(labels * channels, len(pool))
        gain = (half @ seen).clamp_(min=0)
        gain = gain.div_(gain + 1).sum(1).view(labels, channels) / total.clamp(min=1e-30)
        cams.append((gain @ activation).clamp_(min=0))
    shape = (batch, labels, height, width)
    return Maps(torch.stack(cams).view(shape), torch.stack(contributions).view(shape))
