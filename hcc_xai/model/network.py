"""The network: a timm trunk, one shared map, and two heads that read it.

    features(x)      (B, 1, S, S) -> map (B, C, S/4, S/4), not negative, zero outside the sector
    heads(map, ...)  map -> Outputs: mask logits by a 1x1 convolution, grade logits by a linear
    layer

The grade's logit is an exact sum over the map's positions, so "which places made it malignant" has
one exact answer (the contribution map) and the heatmap is as fine as the mask. See `Network.heads`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hcc_xai.errors import ArgumentError, unknown

STRIDE = 4  # of the shared map
MASKS = ("liver", "lesion")
_RARE = -2.0  # log-odds that each of several labels starts with
_LEAST_LESION = 4.0  # cells of the map; below about this much, the lesion's pool fades to zero


@dataclass(frozen=True)
class NetworkConfig:
    """All that is needed to build the network again.

    Attributes:
        trunk: name of a timm model with `features_only` support.
        size: side of the square input, in pixels; a multiple of 32.
        channels: channels of the shared map.
        labels: ids of the grades, in the order of the logits.
        mean, std: grey levels (0 to 1) that the trunk calls 0 and 1.
        absent: the label that means "no lesion". Where there is one, the others are told apart by
            the lesion's pool alone: over the sector, they share their weights.
        decoder: how the two last blocks convolve: "separable", depthwise and then 1x1, or "full".
        masks: names of the masks, in the order of their logits; there may be none.
        target: the mask that lesions come from and that the grades read by a pool of its own, or
            None; the grades then read the whole sector alone.
        multiple: whether several labels may hold at once: each has its own probability then.
        deep: channels that the shared map has besides, straight from the trunk's deepest level:
            coarse, and nearest to what the trunk was trained to tell.
    """

    trunk: str = "tf_efficientnet_lite0"
    size: int = 256
    channels: int = 96
    labels: tuple[str, ...] = ("normal", "benign", "malignant")
    mean: float = 127 / 255
    std: float = 128 / 255
    absent: str | None = None
    decoder: str = "separable"
    masks: tuple[str, ...] = MASKS
    target: str | None = "lesion"
    multiple: bool = False
    deep: int = 0

    def __post_init__(self) -> None:
        if self.size < 64 or self.size % 32:
            raise ArgumentError(
                "network-size",
                "size is {size}; allowed are multiples of 32 from 64 up",
                size=self.size,
            )
        if self.decoder not in _BLOCKS:
            raise unknown("decoder", self.decoder, _BLOCKS)
        if len(self.labels) < 2 or len(set(self.labels)) != len(self.labels):
            raise ArgumentError(
                "network-labels",
                "labels are {labels}; wanted are two or more different names",
                labels=str(self.labels),
            )
        if self.absent is not None and self.absent not in self.labels:
            raise unknown("label for no lesion", self.absent, self.labels)
        if len(set(self.masks)) != len(self.masks):
            raise ArgumentError(
                "masks-twice",
                "masks are {masks}; wanted are different names",
                masks=str(self.masks),
            )
        if self.target is not None and self.target not in self.masks:
            raise unknown("target", self.target, self.masks)

    @property
    def width(self) -> int:
        """Channels of the whole shared map."""
        return self.channels + self.deep

    @property
    def pools(self) -> int:
        """How often the grades read the shared map: over the sector, and over the target."""
        return 1 if self.target is None else 2

    def to_dict(self) -> dict[str, object]:
        """As JSON holds it."""
        return {**asdict(self), "labels": list(self.labels), "masks": list(self.masks)}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> NetworkConfig:
        known = [f.name for f in fields(cls)]
        for key in given:
            if key not in known:
                raise ArgumentError(
                    "network-unknown-key",
                    "unknown key {key!r} in the network's config; known: {known}",
                    key=key,
                    known=", ".join(known),
                )
        lists = {key: tuple(given.get(key, getattr(cls, key))) for key in ("labels", "masks")}
        return cls(**{**given, **lists})


class Outputs(NamedTuple):
    """What the heads say of a batch.

    logits: (B, K) of the grades.
    masks: (B, M, h, w) logits, in the order of the config's masks.
    pools: (B, P, h, w), how much each position counts in each pool; see `Network.heads`.
    pooled: (B, P, C), the map pooled by them: all that the grades read.
    """

    logits: Tensor
    masks: Tensor
    pools: Tensor
    pooled: Tensor


class Network(nn.Module):
    """Trunk, decoder and heads. `config` says all about its shape."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        try:
            self.trunk = timm.create_model(
                config.trunk, features_only=True, in_chans=1, pretrained=False
            )
        except RuntimeError as error:
            raise ArgumentError(
                "network-trunk",
                "timm has no trunk named {trunk!r} that gives feature maps",
                trunk=config.trunk,
            ) from error
        info: Any = self.trunk.feature_info
        self.levels = [i for i, r in enumerate(info.reduction()) if r >= STRIDE]
        widths = [info.channels()[i] for i in self.levels]
        self.lateral = nn.ModuleList(nn.Conv2d(width, config.channels, 1) for width in widths)
        self.merge = nn.ModuleList(_block(config.channels) for _ in widths[1:])
        last = _BLOCKS[config.decoder]
        self.last = nn.Sequential(last(config.channels), last(config.channels))
        self.deep = _convolution(widths[-1], config.deep, 1) if config.deep else None
        self.mask_head = nn.Conv2d(config.width, len(config.masks), 1) if config.masks else None
        self.grade_head = nn.Linear(config.pools * config.width, len(config.labels))
        nn.init.normal_(self.grade_head.weight, std=0.05)
        if config.multiple:
            nn.init.constant_(self.grade_head.bias, _RARE)
        if self.mask_head is not None:
            nn.init.constant_(self.mask_head.bias, -1.0)  # type: ignore[arg-type]

    def features(self, x: Tensor) -> Tensor:
        """The shared map.

        Args:
            x: (B, 1, S, S) as `Frame.to_network` makes it: 0 to 1 inside the sector, -1 outside.

        Returns:
            (B, C, S/4, S/4), not negative, zero outside the sector.
        """
        return self.features_and_summary(x)[0]

    def features_and_summary(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The shared map, and what the trunk saw in a few hundred numbers: the mean of every
        channel of every level over the sector, and its root mean square. (B, C, S/4, S/4) and
        (B, D); the gate reads the second."""
        found = self._see(x)
        levels = [lateral(found[i]) for lateral, i in zip(self.lateral, self.levels, strict=True)]
        top = levels[-1]
        for merge, level in zip(reversed(self.merge), reversed(levels[:-1]), strict=True):
            top = merge(
                level
                + F.interpolate(top, size=level.shape[-2:], mode="bilinear", align_corners=False)
            )
        size = (x.shape[-2] // STRIDE, x.shape[-1] // STRIDE)
        if top.shape[-2:] != size:  # a trunk without a level at a quarter of the input
            top = F.interpolate(top, size=size, mode="bilinear", align_corners=False)
        shared = self.last(top)
        if self.deep is not None:
            deep = self.deep(found[self.levels[-1]])
            coarse = F.interpolate(deep, size=size, mode="bilinear", align_corners=False)
            shared = torch.cat([shared, coarse], 1)
        return shared * sector_of(x), _summary(found, x)

    def summary(self, x: Tensor) -> Tensor:
        """As `features_and_summary` gives it, without the rest of the network."""
        return _summary(self._see(x), x)

    def _see(self, x: Tensor) -> list[Tensor]:
        grey = torch.where(x >= 0, (x - self.config.mean) / self.config.std, 0.0)
        levels: list[Tensor] = self.trunk(grey.contiguous(memory_format=torch.channels_last))
        return levels

    def heads(
        self, shared: Tensor, sector: Tensor, lesion: Tensor | None = None, *, held: bool = True
    ) -> Outputs:
        """Masks and grades from the shared map.

        The grades read the map pooled twice, over the sector and over the predicted target (its
        soft mask taken as a constant); where none is predicted the second pool fades to zero. A
        network without a target has the first pool alone:

            logit_k = bias_k + sum_x sum_c A_c(x) (W1_kc P1(x) + W2_kc P2(x)),
            P1 = sector / sum(sector), P2 = mask / (sum(mask) + 4)

        with weights (and biases) centred so that they sum to zero over k, unless several labels may
        hold: each logit is a log-odds of its own then.

        Args:
            shared: (B, C, h, w) from `features`.
            sector: (B, 1, h, w) from `sector_of`.
            lesion: (B, 1, h, w) of 0 to 1, to pool over another lesion than the predicted one
                (training does, over the true one).
            held: whether the soft mask is a constant to gradients.
        """
        masks = shared[:, :0] if self.mask_head is None else self.mask_head(shared)
        parts = [sector / sector.sum((2, 3), keepdim=True).clamp(min=1)]
        target = self.config.target
        if target is not None:
            index = self.config.masks.index(target)
            own = masks[:, index : index + 1].sigmoid() if lesion is None else lesion
            own = own * sector
            own = own.detach() if held else own
            parts.append(own / (own.sum((2, 3), keepdim=True) + _LEAST_LESION))
        pools = torch.cat(parts, 1)  # (B, P, h, w)
        pooled = torch.einsum("bchw,bphw->bpc", shared, pools)
        weight, bias = self.grade_weights()
        logits = torch.einsum("bpc,kpc->bk", pooled, weight) + bias
        return Outputs(logits, masks, pools, pooled)

    def grade_weights(self) -> tuple[Tensor, Tensor]:
        """Weights (K, P, C) and biases (K,) of the grades. Both are centred, to sum to zero over K,
        unless several labels may hold."""
        labels = self.config.labels
        weight = self.grade_head.weight.view(len(labels), self.config.pools, self.config.width)
        if self.config.absent is not None and self.config.target is not None:
            alike = [k for k, label in enumerate(labels) if label != self.config.absent]
            shared = weight[alike, 0].mean(0)
            over_sector = torch.stack(
                [shared if k in alike else weight[k, 0] for k in range(len(labels))]
            )
            weight = torch.stack([over_sector, weight[:, 1]], 1)
        if self.config.multiple:
            return weight, self.grade_head.bias
        weight = weight - weight.mean(0, keepdim=True)
        bias: Tensor = self.grade_head.bias - self.grade_head.bias.mean()
        return weight, bias

    def forward(self, x: Tensor) -> Outputs:
        """(B, 1, S, S) -> Outputs; the bare forward of bench and training."""
        return self.heads(self.features(x), sector_of(x))


def sector_of(x: Tensor) -> Tensor:
    """Where the input was scanned, at the map's resolution. (B, 1, S, S) -> (B, 1, S/4, S/4) of 0
    and 1."""
    return (F.avg_pool2d((x >= 0).to(x.dtype), STRIDE) > 0.5).to(x.dtype)


def _summary(levels: list[Tensor], x: Tensor) -> Tensor:
    seen = (x >= 0).to(x.dtype)
    parts = []
    for level in levels:
        weight = F.interpolate(seen, size=level.shape[-2:], mode="area")
        weight = weight / weight.sum((2, 3), keepdim=True).clamp(min=1e-6)
        level = level.float()
        parts.append((level * weight).sum((2, 3)))
        parts.append((level.square() * weight).sum((2, 3)).sqrt())
    return torch.cat(parts, 1)


def _block(channels: int) -> nn.Sequential:
    """A 3x3 depthwise and a 1x1 convolution: a tenth of the cost of a full 3x3 at this width."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )


def _full_block(channels: int) -> nn.Sequential:
    return _convolution(channels, channels, 3)


def _convolution(channels: int, wanted: int, side: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, wanted, side, padding=side // 2, bias=False),
        nn.BatchNorm2d(wanted),
        nn.ReLU(inplace=True),
    )


_BLOCKS = {"separable": _block, "full": _full_block}
