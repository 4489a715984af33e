"""What a training minimises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from hcc_xai.dataset.folder import TARGET
from hcc_xai.model.network import STRIDE, Network, NetworkConfig, Outputs

_SMOOTH = 0.05  # of the labels
_LEAST_FILLED = 0.5  # of a box


class Truth(NamedTuple):
    """What is true of B pictures.

    Attributes:
        target: (B, w, w) uint8 of 0, 1 organ, 2 target.
        labels: (B, K) float32 of 0 and 1, which labels hold.
        counts: (B,) float32, how much the labels count, 0 or 1.
        organ: (B,) bool, whether the organ is outlined.
        own: (B,) bool, whether the target is outlined.
        weak: (B,) bool, whether a box or circle stands around the target instead.
    """

    target: Tensor
    labels: Tensor
    counts: Tensor
    organ: Tensor
    own: Tensor
    weak: Tensor


def losses(
    out: Outputs,
    shared: Tensor,
    network: Network,
    sector: Tensor,
    truth: Truth,
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
        truth: what is true of the pictures.
        pixels: how much a target's pixel counts in the cross-entropy.
        over: of 1, how much an outline's area beyond the target counts (Tversky index, Salehi et
            al. 2017; 0.5 is the Dice); the rest, what it leaves out.

    Returns:
        grade: cross-entropy, mean of pooling over the predicted and over the true target, so that
        a grade can be learned before the outline is.
        organ, target: Tversky index by image and cross-entropy; of a box, see `box_loss`. 0 where
        the network has no such mask.
        evidence: share of the true grade's maps (contribution, and Grad-CAM++) that lies outside
        the target, or the organ where there is no target ("right for the right reasons", Ross et
        al. 2017).
    """
    config = network.config
    whole, own = (truth.target > 0).float(), (truth.target == TARGET).float()
    masks = out.masks
    if config.masks:
        masks = F.interpolate(
            masks, size=truth.target.shape[-2:], mode="bilinear", align_corners=False
        )
    nothing = torch.zeros_like(truth.counts)
    organ = target = nothing
    for index, name in enumerate(config.masks):
        if name == config.target:
            target = _target_loss(masks[:, index], own, truth, pixels=pixels, over=over)
        else:
            organ = _organ_loss(masks[:, index], whole)
    small = F.avg_pool2d(own[:, None], STRIDE)
    grade = _grade(out.logits, truth.labels, config)
    if config.target is not None:
        true = _grade(network.heads(shared, sector, small).logits, truth.labels, config)
        grade = torch.where(truth.own | truth.weak, 0.5 * (grade + true), grade)
    graded, region = own.sum((1, 2)) > 0, small[:, 0]
    if config.target is None:
        graded, region = (
            truth.organ & bool(config.masks),
            F.avg_pool2d(whole[:, None], STRIDE)[:, 0],
        )
    graded = graded & (truth.counts > 0)
    evidence = nothing
    if config.masks:
        maps = positive_maps(out, shared, network, truth.labels.argmax(1))
        evidence = torch.stack([_outside(m, region) for m in maps]).mean(0)
    return {
        "grade": _mean(grade, truth.counts),
        "organ": _mean(organ, truth.organ.float()),
        "target": target.mean(),
        "evidence": _mean(evidence, graded.float()),
    }


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    return (values * weights).sum() / weights.sum().clamp(min=1)


def _grade(logits: Tensor, labels: Tensor, config: NetworkConfig) -> Tensor:
    """Cross-entropy of each picture, (B,); of every label by itself where several may hold."""
    if config.multiple:
        smooth = labels * (1 - _SMOOTH) + _SMOOTH / 2
        return F.binary_cross_entropy_with_logits(logits, smooth, reduction="none").sum(1)
    return F.cross_entropy(logits, labels, label_smoothing=_SMOOTH, reduction="none")


def _target_loss(
    logits: Tensor, own: Tensor, truth: Truth, *, pixels: float, over: float
) -> Tensor:
    """(B,): of the outline where it is known, of the box where that is, else 0."""
    has_target = own.sum((1, 2)) > 0
    cross = F.binary_cross_entropy_with_logits(
        logits, own, reduction="none", pos_weight=torch.tensor(pixels, device=own.device)
    ).mean((1, 2))
    drawn = torch.where(has_target, tversky_loss(logits, own, over), 0.0) + 2 * cross
    loss = torch.where(truth.own, drawn, 0.0)
    if bool(truth.weak.any()):
        loss = torch.where(truth.weak & has_target, box_loss(logits, own), loss)
    return loss


def _organ_loss(logits: Tensor, truth: Tensor) -> Tensor:
    cross = F.binary_cross_entropy_with_logits(logits, truth, reduction="none").mean((1, 2))
    return tversky_loss(logits, truth, 0.5) + cross


def box_loss(logits: Tensor, box: Tensor) -> Tensor:
    """Of a mask of which only a box (or circle) around it is known: its greatest value in each row
    and column is that of the box (BoxInst, Tian et al. 2021), nothing lies outside, and it fills
    half of the box at least, as an ellipse does (0.79).

    Args:
        logits: (B, S, S) of a mask.
        box: (B, S, S) of 0 and 1; some 1 in each.

    Returns:
        (B,).
    """
    mask = logits.sigmoid()
    touched = torch.zeros(len(box), device=box.device)
    for axis in (1, 2):
        mine, wanted = mask.amax(axis), box.amax(axis)
        both = 2 * (mine * wanted).sum(1) + 1
        touched = touched + 0.5 * (1 - both / (mine.sum(1) + wanted.sum(1) + 1))
    outside = F.binary_cross_entropy_with_logits(
        logits, torch.zeros_like(logits), weight=1 - box, reduction="none"
    ).mean((1, 2))
    filled = (mask * box).sum((1, 2)) / box.sum((1, 2)).clamp(min=1)
    return touched + 2 * outside + F.relu(_LEAST_FILLED - filled)


def total(
    parts: Mapping[str, Tensor], *, grade: float = 1.0, evidence: float | None = None
) -> Tensor:
    """The weighted sum that is minimised.

    Args:
        parts: what `losses` gave.
        grade: weight of the grades' loss; outlines of organ and target count 1 each.
        evidence: weight of the loss of evidence outside the target; None leaves it out.

    Returns:
        A scalar, with its gradients.
    """
    whole = grade * parts["grade"] + parts["organ"] + parts["target"]
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
    """The share of a map that lies outside a region. (B, h, w) each -> (B,)."""
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
