"""Five tiny networks, one a planted world, that were trained once and are stored.

`scripts/train_planted.py` trains them. A trunk of 6000 weights sees enough of phantoms this small,
learns in a minute and answers in milliseconds, and five of them are a file of 20 kB each.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import load_file
from timm.models import FeatureInfo, register_model
from torch import Tensor, nn

from hcc_xai.evaluation.planted_training import network_of
from hcc_xai.evaluation.planted_worlds import Recipe
from hcc_xai.model.network import Network

DATA = Path(__file__).parent / "data" / "planted"
_WIDTHS = (8, 12, 16, 24)


class Trunk(nn.Module):
    """3x3 convolutions, each of which halves the picture; it gives what every one of them makes."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.units = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(inplace=True),
            )
            for before, after in zip((1, *widths), widths, strict=False)
        )
        levels = [
            {"num_chs": width, "reduction": 2 ** (i + 1), "module": f"units.{i}"}
            for i, width in enumerate(widths)
        ]
        self.feature_info = FeatureInfo(levels, out_indices=tuple(range(len(widths))))

    def forward(self, x: Tensor) -> list[Tensor]:
        levels = []
        for unit in self.units:
            x = unit(x)
            levels.append(x)
        return levels


@register_model
def planted_trunk(**options: object) -> Trunk:
    """What timm makes of the name "planted_trunk"."""
    assert options["features_only"] and options["in_chans"] == 1
    return Trunk(_WIDTHS)


SMALL = Recipe(
    shape=(128, 168),
    speckle_mm=(1.0, 4.0),
    trunk=planted_trunk.__name__,
    side=128,
    channels=16,
    rate=1e-2,
    shift=6,
)


def path_of(world: str) -> Path:
    """Where a world's weights are stored."""
    return DATA / f"{world}.safetensors"


def stored(world: str) -> Network:
    """A world's network, as it was trained, in evaluation mode."""
    network = network_of(SMALL)
    network.load_state_dict(load_file(path_of(world)))
    return network.eval()
