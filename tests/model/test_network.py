"""The three things that stay: one map that is not negative, an exact sum, centred class weights."""

from __future__ import annotations

import pytest
import torch

from hcc_xai.errors import ArgumentError
from hcc_xai.model.network import Network, NetworkConfig, sector_of


def _network(trunk: str = "mobilenetv3_small_050") -> Network:
    torch.manual_seed(1)
    network = Network(NetworkConfig(trunk=trunk, size=64, channels=12)).eval()
    torch.nn.init.normal_(network.grade_head.weight)
    torch.nn.init.normal_(network.grade_head.bias)
    return network


def _input(batch: int = 2, size: int = 64) -> torch.Tensor:
    torch.manual_seed(2)
    x = torch.rand(batch, 1, size, size)
    x[:, :, :, : size // 4] = -1
    x[0, :, size // 2 :] = -1
    return x


@pytest.mark.parametrize("trunk", ["mobilenetv3_small_050", "resnet18", "convnext_atto"])
def test_any_trunk_gives_one_map_at_a_quarter_not_negative_zero_outside(trunk: str) -> None:
    x = _input()
    with torch.inference_mode():
        shared = _network(trunk).features(x)
    assert shared.shape == (2, 12, 16, 16)
    assert shared.min() >= 0 and shared.max() > 0
    assert (shared * (1 - sector_of(x))).abs().max() == 0


def test_pixels_outside_the_sector_cannot_reach_the_answer() -> None:
    network, x = _network(), _input()
    other = x.clone()
    other[x < 0] = -5.0  # whatever a caller writes there
    with torch.inference_mode():
        assert torch.equal(network(x).logits, network(other).logits)


def test_weights_are_centred_and_a_shift_of_all_classes_changes_nothing() -> None:
    network, x = _network(), _input()
    weight, bias = network.grade_weights()
    assert weight.sum(0).abs().max() < 1e-5 and bias.sum().abs() < 1e-6
    with torch.no_grad():
        before = network(x).logits
        network.grade_head.weight += torch.randn(1, 24)
        network.grade_head.bias += 3
        after = network(x).logits
    assert torch.allclose(before, after, atol=1e-4)


def test_without_a_lesion_the_lesions_pool_is_zero() -> None:
    network, x = _network(), _input()
    with torch.no_grad():
        network.mask_head.bias[1] = -40
        weight, bias = network.grade_weights()
        out = network(x)
        shared = network.features(x)
        mean = shared.sum((2, 3)) / sector_of(x).sum((2, 3))
        assert torch.allclose(out.logits, mean @ weight[:, 0].T + bias, atol=1e-5)


def test_the_lesions_mask_is_a_constant_to_the_grade() -> None:
    network, x = _network(), _input()
    network(x).logits.sum(0)[0].backward()
    assert network.mask_head.weight.grad is None


@pytest.mark.parametrize(
    "bad", [{"size": 100}, {"size": 32}, {"labels": ("a",)}, {"labels": ("a", "a")}]
)
def test_a_wrong_config_is_refused(bad: dict) -> None:
    with pytest.raises(ArgumentError):
        NetworkConfig(**bad)


def test_config_round_trip_and_unknown_key() -> None:
    config = NetworkConfig(size=128, labels=("g1", "g2", "g3"))
    assert NetworkConfig.from_dict(config.to_dict()) == config
    with pytest.raises(ArgumentError, match="depth.*known: trunk"):
        NetworkConfig.from_dict({"depth": 3})


def test_an_unknown_trunk_is_named() -> None:
    with pytest.raises(ArgumentError, match="no_such_trunk"):
        Network(NetworkConfig(trunk="no_such_trunk"))
