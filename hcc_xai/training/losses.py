"""What a training minimises."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from hcc_xai.dataset.folder import LESION
from hcc_xai.model.network import STRIDE, Network, Outputs


def losses(
    out: Outputs,
    shared: Tensor,
    network: Network,
    sector: Tensor,
    labels: Tensor,
    targets: Tensor,
    has_liver: Tensor,
    counts: Tensor | None = None,
    *,
    pixels: float = 2.0,
    over: float = 0.5,
) -> dict[str, Tensor]:
    """What is minimised, by name.

    Args:
        out: heads' answer, in float32.
        shared: (B, C, h, w), the shared map.
        network: whose heads answered.
        sector: (B, 1, h, w) of 0 and 1.
        labels: (B,) long, indices of the true grades.
        targets: (B, S, S) of 0, 1 liver, 2 lesion.
        has_liver: (B,) bool, False where the liver was not outlined.
        counts: (B,) how much each grade counts; 1 by default.
        pixels: how much a lesion's pixel counts in the cross-entropy.
        over: of 1, how much an outline's area beyond the lesion counts (Tversky index, Salehi et
            al. 2017; 0.5 is the Dice); the rest, what it leaves out.

    Returns:
        grade: cross-entropy, mean of pooling over the predicted and over the true lesion, so that
        a grade can be learned before the outline is.
        liver, lesion: Tversky index by image and cross-entropy.
        evidence: share of the true grade's maps (contribution, and Grad-CAM++) that lies outside
        the lesion ("right for the right reasons", Ross et al. 2017).
    """
    masks = F.interpolate(out.masks, size=targets.shape[-2:], mode="bilinear", align_corners=False)
    liver, lesion = (targets > 0).float(), (targets == LESION).float()
    liver_loss = tversky_loss(masks[:, 0], liver, 0.5) + F.binary_cross_entropy_with_logits(
        masks[:, 0], liver, reduction="none"
    ).mean((1, 2))
    cross = F.binary_cross_entropy_with_logits(
        masks[:, 1],
        lesion,
        reduction="none",
        pos_weight=torch.tensor(pixels, device=lesion.device),
    )
    has_lesion = lesion.sum((1, 2)) > 0
    overlap = torch.where(has_lesion, tversky_loss(masks[:, 1], lesion, over), 0.0)
    lesion_loss = overlap + 2 * cross.mean((1, 2))
    small = F.avg_pool2d(lesion[:, None], STRIDE)
    counts = torch.ones_like(labels, dtype=torch.float32) if counts is None else counts
    grade = torch.zeros_like(counts)
    for logits in (out.logits, network.heads(shared, sector, small).logits):
        grade = grade + 0.5 * F.cross_entropy(
            logits, labels, label_smoothing=0.05, reduction="none"
        )
    graded = has_lesion & (counts > 0)
    outside = [_outside(m, small[:, 0]) for m in positive_maps(out, shared, network, labels)]
    evidence = torch.stack(outside).mean(0)
    return {
        "grade": (grade * counts).sum() / counts.sum().clamp(min=1),
        "liver": (liver_loss * has_liver).sum() / has_liver.sum().clamp(min=1),
        "lesion": lesion_loss.mean(),
        "evidence": (evidence * graded).sum() / graded.sum().clamp(min=1),
    }


def total(
    parts: Mapping[str, Tensor], *, grade: float = 1.0, evidence: float | None = None
) -> Tensor:
    """The weighted sum that is minimised.

    Args:
        parts: what `losses` gave.
        grade: weight of the grades' loss; outlines of liver and lesion count 1 each.
        evidence: weight of the loss of evidence outside the lesion; None leaves it out.

    Returns:
        A scalar, with its gradients.
    """
    whole = grade * parts["grade"] + parts["liver"] + parts["lesion"]
    return whole if evidence is None else whole + evidence * parts["evidence"]


def positive_maps(
    out: Outputs, shared: Tensor, network: Network, labels: Tensor
) -> tuple[Tensor, Tensor]:
    """The positive parts of the contribution map and of Grad-CAM++, of one label an image: the
    values of `explain.methods.immediate`, and with gradients, which that has not.

    Args:
        out: heads' answer.
        shared: (B, C, h, w), the shared map.
        network: whose heads answered.
        labels: (B,) long, the label that each image's maps are of.

    Returns:
        Contribution and Grad-CAM++, (B, h, w) each.
    """
    weight = network.grade_weights()[0][labels]  # (B, 2, C)
    read = torch.einsum("bphw,bpc->bchw", out.pools, weight)  # the gradient of the logit
    contribution = (shared * read).sum(1).clamp(min=0)
    total = shared.sum((2, 3), keepdim=True)  # (B, C, 1, 1)
    half = (read * (total / 2)).clamp(min=0)
    gain = (half / (half + 1)).sum((2, 3), keepdim=True) / total.clamp(min=1e-6)
    return contribution, (gain * shared).sum(1)


def _outside(heat: Tensor, lesion: Tensor) -> Tensor:
    """The share of a map that lies outside the lesion. (B, h, w) each -> (B,)."""
    return 1 - (heat * lesion).sum((1, 2)) / heat.sum((1, 2)).clamp(min=1e-6)


def tversky_loss(logits: Tensor, truth: Tensor, over: float) -> Tensor:
    """One minus the soft Tversky index of each image.

    Args:
        logits: (B, S, S) of a mask.
        truth: (B, S, S) of 0 and 1.
        over: of 1, how much area beyond the truth counts; at 0.5 the index is the Dice.

    Returns:
        (B,), 0 for a perfect mask.
    """
    mask = logits.sigmoid()
    both = 2 * (mask * truth).sum((1, 2)) + 1
    size, true = 2 * over * mask.sum((1, 2)), 2 * (1 - over) * truth.sum((1, 2))
    return 1 - both / (size + true + 1)
