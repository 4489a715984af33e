"""Methods that run the network again: against each other, by hand, and what they leave behind."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from hcc_xai import METHODS
from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.analysis.result import Analysis
from hcc_xai.errors import ArgumentError
from hcc_xai.explain import methods as explain
from hcc_xai.explain.attribution import Task, integrated_gradients, kernel_shap, superpixels
from hcc_xai.explain.methods import agreement
from hcc_xai.model.network import sector_of

SLOW = [name for name, method in METHODS.items() if not method.immediate]


@pytest.fixture(scope="module")
def answer(tiny: Analyzer, scan: np.ndarray) -> Analysis:
    return tiny.analyze(scan)


def task(tiny: Analyzer, answer: Analysis, against: int | None = None) -> Task:
    grey = answer.frame.to_network(answer.image.grey)
    return Task(answer.maps, 2, against, grey, tiny.network)


def score(tiny: Analyzer, x: torch.Tensor, against: int | None = None) -> float:
    with torch.no_grad():
        logits = tiny.network(x).logits[0]
    return float(logits[2] - (0 if against is None else logits[against]))


@pytest.mark.parametrize("name", SLOW)
def test_every_method_gives_a_map_of_the_file(tiny: Analyzer, answer: Analysis, name: str) -> None:
    shares: list[float] = []
    found = tiny.explain(answer, name, label="malignant", seed=3, progress=shares.append)
    assert found.map.shape == answer.image.shape and found.map.dtype == np.float32
    assert np.isfinite(found.map).all() and found.map.any()
    assert not found.map[~answer.sector].any()
    assert METHODS[name].signed or found.map.min() >= 0
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1, abs=0.02)
    again = tiny.explain(answer, name, label="malignant", seed=3)
    np.testing.assert_array_equal(found.map, again.map)
    rather = tiny.explain(answer, name, label="malignant", against="benign", seed=3)
    assert rather.against == "benign"
    if name != "eigen-cam":  # which knows no label
        assert not np.array_equal(rather.map, found.map)
    else:
        np.testing.assert_array_equal(rather.map, found.map)


def test_hires_cam_at_the_shared_map_is_the_contribution(tiny: Analyzer, answer: Analysis) -> None:
    for against in (None, "benign"):
        library = tiny.explain(answer, "hires-cam", label="malignant", against=against).map
        ours = tiny.explain(answer, "contribution", label="malignant", against=against).map
        np.testing.assert_allclose(library, ours, atol=1e-5 * abs(ours).max())


def test_cams_by_hand(tiny: Analyzer, answer: Analysis) -> None:
    """Gradient of the logit at the shared map, the lesion's pool being a constant."""
    x = task(tiny, answer).picture
    shared = tiny.network.features(x).detach().requires_grad_()
    logit = tiny.network.heads(shared, sector_of(x)).logits[0, 2]
    (gradient,) = torch.autograd.grad(logit, shared)
    by_hand = {
        "grad-cam": (gradient.mean((2, 3), keepdim=True) * shared).sum(1).clamp(min=0),
        "layer-cam": (gradient.clamp(min=0) * shared).sum(1),
    }
    for name, expected in by_hand.items():
        grid = METHODS[name].function(task(tiny, answer))
        expected = expected[0].detach().numpy()
        np.testing.assert_allclose(grid, expected, rtol=1e-3, atol=1e-6 * expected.max())


def test_what_is_below_the_shared_map_need_not_be_run_again(
    tiny: Analyzer, answer: Analysis
) -> None:
    from hcc_xai.explain.attribution import _Chance

    one = task(tiny, answer)
    x = one.picture.repeat(3, 1, 1, 1)
    quick, slow = (_Chance(one, passes=1, same=same) for same in (True, False))
    with torch.no_grad():
        torch.testing.assert_close(quick(x), slow(x))


def test_an_outline_rests_on_what_adds_up_to_it(tiny: Analyzer, answer: Analysis) -> None:
    """At the shared map the outline is linear: gradient times activation, summed over the map, is
    the mean logit there less the bias."""
    place = np.argwhere(answer.sector & ~answer.masks["lesion"])[0]
    found = tiny.explain_outline(answer, (int(place[0]), int(place[1])), layer="map")
    assert found.lesion is None and found.signed and found.method == "seg-hires-cam"
    assert found.probability == answer.mask_probabilities["lesion"][tuple(place)]
    assert 0 <= found.against_share <= 1
    lesion = answer.lesions[0]
    row, col = (int(v) for v in np.argwhere(lesion.mask)[len(np.argwhere(lesion.mask)) // 2])
    why = tiny.explain_outline(answer, (row, col), layer="map")
    assert why.lesion == 1 and not why.signed and why.map.min() >= 0
    assert why.sentence().startswith("Lesion 1") and why.sentence("es").startswith("Lesión 1")
    assert why.to_dict()["point"] == [row, col]
    side = tiny.config.network.size // 4
    region = np.zeros((side, side), bool)
    region[side // 2, side // 2] = region[side // 2, side // 2 + 1] = True
    one = replace(task(tiny, answer), region=region)
    grid = explain.no_outline(one)
    logits = answer.mask_logits[1][region].mean()
    bias = float(tiny.network.mask_head.bias[1])
    assert grid.sum() == pytest.approx(logits - bias, abs=1e-3)


def test_a_place_outside_the_scan_is_refused(tiny: Analyzer, answer: Analysis) -> None:
    for point in ((0, 0), (-1, 5), (9999, 5)):
        with pytest.raises(ArgumentError, match="outside the scan"):
            tiny.explain_outline(answer, point)
    inside = np.argwhere(answer.sector)[0]
    with pytest.raises(ArgumentError, match="blocks"):
        tiny.explain_outline(answer, (int(inside[0]), int(inside[1])), layer="nowhere")


def test_what_was_left_out_as_a_speck_says_so(tiny: Analyzer, answer: Analysis) -> None:
    bare = replace(answer, config=replace(answer.config, least_lesion_share=0.9))
    assert not bare.lesions
    over = np.argwhere(bare.mask_probabilities["lesion"] > 0.6)[0]
    found = tiny.explain_outline(bare, (int(over[0]), int(over[1])))
    assert found.lesion is None and "too small" in found.sentence()


@pytest.mark.parametrize("against", [None, 1])
def test_shares_add_up_to_the_change_from_blurred_tissue(
    tiny: Analyzer, answer: Analysis, against: int | None
) -> None:
    given = task(tiny, answer, against)
    change = score(tiny, given.picture, against) - score(tiny, given.blurred, against)
    assert abs(change) > 0.05
    # The library solves for it in single precision, with a weight of a million.
    assert kernel_shap(given).sum() == pytest.approx(change, abs=0.06)
    assert integrated_gradients(given).sum() == pytest.approx(change, rel=0.25, abs=0.02)


def test_superpixels_cover_the_sector_and_nothing_else(tiny: Analyzer, answer: Analysis) -> None:
    grey = task(tiny, answer).input
    cells = superpixels(grey)
    assert not cells[grey < 0].any()
    assert 20 < cells.max() < 100
    assert set(np.unique(cells)) == set(range(int(cells.max()) + 1))


def test_layers_are_chosen_by_name(tiny: Analyzer, answer: Analysis) -> None:
    assert tiny.layers[-1] == "map" and len(tiny.layers) > 3
    maps = [tiny.explain(answer, "layer-cam", layer=layer).map for layer in tiny.layers]
    assert all(m.any() for m in maps)
    assert len({m.tobytes() for m in maps}) == len(maps)
    plus = tiny.explain(answer, "grad-cam++", layer=tiny.layers[1])
    assert plus.layer == tiny.layers[1] and plus.map.any()
    with pytest.raises(ArgumentError, match=f"{tiny.layers[0]}.*map"):
        tiny.explain(answer, "grad-cam", layer="nowhere")
    with pytest.raises(ArgumentError, match="layer"):
        tiny.explain(answer, "occlusion", layer=tiny.layers[0])


def hooks(tiny: Analyzer) -> int:
    return sum(
        len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks)
        for m in tiny.network.modules()
    )


def test_the_serving_network_is_not_touched(tiny: Analyzer, answer: Analysis) -> None:
    before = {k: v.clone() for k, v in tiny.network.state_dict().items()}
    for name in METHODS:
        tiny.explain(answer, name)
    assert hooks(tiny) == 0
    assert all(p.grad is None for p in tiny.network.parameters())
    for key, value in tiny.network.state_dict().items():
        assert torch.equal(before[key], value), key


def test_two_at_once_give_the_maps_of_one_after_the_other(tiny: Analyzer, answer: Analysis) -> None:
    names = ["gradient-shap", "smooth-grad", "kernel-shap", "ablation-cam"] * 2
    alone = [tiny.explain(answer, name, seed=i).map for i, name in enumerate(names)]
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(tiny.explain, answer, n, seed=i) for i, n in enumerate(names)]
        together = [job.result().map for job in jobs]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)
    assert torch.equal(torch.rand(3), expected)  # nobody else's random numbers are used up


def test_it_can_be_stopped(tiny: Analyzer, answer: Analysis) -> None:
    class Stop(Exception):
        pass

    def stop(share: float) -> None:
        if share > 0.3:
            raise Stop

    for name in ("occlusion", "kernel-shap", "score-cam"):
        with pytest.raises(Stop):
            tiny.explain(answer, name, progress=stop)
    assert hooks(tiny) == 0
    assert tiny.explain(answer, "kernel-shap").map.any()  # the lock was given back


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_two_hundred_in_a_row_leave_memory_where_it_was(tiny: Analyzer, answer: Analysis) -> None:
    def resident() -> float:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    names = ("grad-cam", "layer-cam", "smooth-grad", "grad-cam++")
    for i in range(40):
        tiny.explain(answer, names[i % 4])
    before = resident()
    for i in range(200):
        tiny.explain(answer, names[i % 4])
    assert resident() - before < 20


def test_agreement_is_spearmans() -> None:
    rng = np.random.default_rng(0)
    sector = np.zeros((60, 80), bool)
    sector[10:50, 10:70] = True
    first = rng.normal(size=(60, 80)).astype(np.float32)
    second = np.round(first + rng.normal(size=first.shape), 1).astype(np.float32)
    found = agreement([first, np.exp(first), -first, second, np.zeros_like(first)], sector)
    assert found[0, 1] == pytest.approx(1) and found[0, 2] == pytest.approx(-1)
    expected = spearmanr(first[sector], second[sector]).statistic
    assert found[0, 3] == pytest.approx(expected, abs=1e-5)
    assert np.isnan(found[0, 4])
