"""The maps against their definitions: autograd, eq. 19 in float64, another library, exact sums."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.errors import ArgumentError
from hcc_xai.explain.methods import METHODS
from hcc_xai.model.exact import immediate
from hcc_xai.model.network import Network, sector_of


def _passed(tiny: Analyzer, scan: np.ndarray) -> tuple[Network, torch.Tensor, torch.Tensor]:
    answer = tiny.analyze(scan)
    x = torch.from_numpy(answer.frame.to_network(answer.image.grey))[None, None]
    network = tiny.network
    with torch.inference_mode():
        shared = network.features(x)
    return network, x, shared.clone()


def _gradients(network: Network, x: torch.Tensor, shared: torch.Tensor) -> torch.Tensor:
    """d logit_k / d map by autograd in float64. (K, C, h, w)."""
    double = Network(network.config).double().eval()
    double.load_state_dict(network.state_dict())
    leaf = shared.double().requires_grad_(True)
    logits = double.heads(leaf, sector_of(x).double()).logits[0]
    return torch.stack(
        [torch.autograd.grad(value, leaf, retain_graph=True)[0][0] for value in logits]
    )


def test_contribution_is_gradient_times_activation_and_sums_to_the_logit(tiny, scan) -> None:
    network, x, shared = _passed(tiny, scan)
    with torch.inference_mode():
        out = network.heads(shared, sector_of(x))
        weight, bias = network.grade_weights()
        found = immediate(shared, out.pools, weight).contribution[0]
    exact = (_gradients(network, x, shared) * shared[0].double()).sum(1)
    assert torch.allclose(found.double(), exact, atol=1e-6, rtol=1e-4)
    assert torch.allclose(found.sum((1, 2)), out.logits[0] - bias, atol=1e-4)
    assert found.sum(0).abs().max() < 1e-5  # over the labels, position by position
    assert found.abs().max() > 1e-4


def test_grad_cam_pp_is_equation_19_in_float64(tiny, scan) -> None:
    """alpha = g^2 / (2 g^2 + sum(A) g^3) where the gradient is not zero, and 0 where it is."""
    network, x, shared = _passed(tiny, scan)
    with torch.inference_mode():
        out = network.heads(shared, sector_of(x))
        found = immediate(shared, out.pools, network.grade_weights()[0]).grad_cam_pp[0].numpy()
    gradient, activation = _gradients(network, x, shared).numpy(), shared[0].double().numpy()
    for k, g in enumerate(gradient):
        below = 2 * g**2 + activation.sum((1, 2), keepdims=True) * g**3
        alpha = np.divide(g**2, below, out=np.zeros_like(g), where=g != 0)
        weights = (alpha * np.maximum(g, 0)).sum((1, 2))
        expected = np.maximum((weights[:, None, None] * activation).sum(0), 0)
        assert expected.max() > 0
        np.testing.assert_allclose(found[k], expected, rtol=2e-4, atol=1e-6 * expected.max())


def test_grad_cam_pp_agrees_with_pytorch_grad_cam_where_its_epsilon_is_negligible() -> None:
    """Large gradients make the library's 1e-6 vanish in the denominator; then both give one map."""
    from pytorch_grad_cam import GradCAMPlusPlus
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    torch.manual_seed(0)
    activation = torch.rand(1, 6, 8, 8)
    plan = torch.randn(3, 6, 8, 8) * 50

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.map = nn.Identity()
            self.plan = nn.Parameter(plan)

        def forward(self, x):
            return torch.einsum("bchw,kchw->bk", self.map(x), self.plan)

    net = Net()
    theirs = GradCAMPlusPlus(model=net, target_layers=[net.map])
    got = theirs(input_tensor=activation.requires_grad_(True), targets=[ClassifierOutputTarget(1)])[
        0
    ]
    g, a = plan[1].double(), activation[0].detach().double()
    alpha = torch.where(g > 0, 1 / (2 + g * a.sum((1, 2), keepdim=True)), 0)
    ours = ((alpha * g.clamp(min=0)).sum((1, 2))[:, None, None] * a).sum(0).clamp(min=0)
    ours = (ours - ours.min()) / (ours.max() - ours.min())
    np.testing.assert_allclose(got, ours.float().numpy(), atol=1e-4)


def test_methods_name_their_paper_and_reject_unknown_names(tiny, scan) -> None:
    answer = tiny.analyze(scan)
    for name, method in METHODS.items():
        assert method.paper and method.title
        found = tiny.explain(answer, name, label="benign")
        if method.immediate:
            np.testing.assert_array_equal(found.map, answer.heatmap("benign", name))
        assert (found.method, found.label, found.layer) == (name, "benign", "map")
    with pytest.raises(ArgumentError, match=r"grad-cam\+\+"):
        tiny.explain(answer, "no-such-method")
    with pytest.raises(ArgumentError, match="malignant"):
        tiny.explain(answer, label="no-such-label")
    with pytest.raises(ArgumentError, match="differ"):
        tiny.explain(answer, label="benign", against="benign")


def test_contrast_of_contributions_sums_to_the_difference_of_logits(tiny, scan) -> None:
    answer = tiny.analyze(scan)
    difference = answer.contribution_grid("malignant") - answer.contribution_grid("benign")
    np.testing.assert_array_equal(
        tiny.explain(answer, "contribution", label="malignant", against="benign").map,
        answer.frame.to_file(difference),
    )


def test_another_network_gives_another_map(tmp_path, scan) -> None:
    from conftest import make_tiny

    from hcc_xai import load

    maps = [
        load(make_tiny(tmp_path / str(s), seed=s), device="cpu").analyze(scan).heatmap("benign")
        for s in (1, 2)
    ]
    assert abs(np.corrcoef(maps[0].ravel(), maps[1].ravel())[0, 1]) < 0.95
