"""Erasing what tells scanners apart: gone from the grade, and nothing else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from hcc_xai.dataset.folder import Record
from hcc_xai.dataset.samples import Sample, plain
from hcc_xai.model.network import Network, NetworkConfig
from hcc_xai.stats import softmax
from hcc_xai.training.erasure import erase, erasing, same_shares

LABELS = ("normal", "benign", "malignant")
NETWORK = NetworkConfig(
    trunk="mobilenetv3_small_050", size=64, channels=8, labels=LABELS, absent="normal"
)


def _features(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Six features of unlike spread, of which the first tells the label. Two mixtures of the others
    tell three frame sizes, of which the last is rare; the label comes with the frame size."""
    rng = np.random.default_rng(seed)
    strata = rng.choice(3, 600, p=[0.45, 0.45, 0.1])
    labels = (rng.random(600) < np.array([0.2, 0.8, 0.5])[strata]).astype(int)
    features = rng.normal(size=(600, 6)) * [1, 1, 3, 0.3, 1, 6]
    features[:, 0] += 3 * labels
    often, rare = np.array([-1.0, 1, 0])[strata], np.array([0.0, 0, 4])[strata]
    features[:, 1:3] += np.outer(often, [3.0, 1.5])
    features[:, 3:5] += np.outer(rare, [0.6, -1.0])
    return features, labels, strata


def _gaps(scores: np.ndarray, labels: np.ndarray, strata: np.ndarray, which: int) -> float:
    """How far a frame size's mean lies from the first's within a class at most, in deviations."""
    means = [[scores[(labels == k) & (strata == s)].mean() for s in (0, which)] for k in (0, 1)]
    return float(np.ptp(means, axis=1).max() / scores.std())


def test_weights_no_longer_see_the_frame_size_but_still_the_label() -> None:
    features, labels, strata = _features(0)
    new = _features(1)
    weight = np.array([1.0, 1, 0.3, 3, -1, 0])
    one, two, most = (weight @ erasing(features, labels, strata, n) for n in (1, 2, 9))
    often, rare = ([_gaps(new[0] @ w, *new[1:], k) for w in (weight, one, two)] for k in (1, 2))
    assert often[0] > 1 and often[1] < 0.35 and often[2] < 0.1  # the one that most images tell
    assert min(rare[:2]) > 1.2 and rare[2] < 0.2  # and then the other
    assert _gaps(features @ most, labels, strata, 1) < 1e-9  # none is left where it was fitted

    def right(weight: np.ndarray) -> float:
        return float(((new[0] @ weight > np.median(new[0] @ weight)) == new[1]).mean())

    assert right(two) > right(weight)


def test_what_needs_no_erasing_stays() -> None:
    features, labels, strata = _features(0)
    same = np.eye(features.shape[1])
    few = np.where(np.arange(600) < 4, "b", "a")  # four images are no frame size
    for unknown in (np.zeros(600), np.arange(600), labels, few, np.where(strata == 0, "", "a")):
        assert np.array_equal(erasing(features, labels, unknown, 1), same)
    assert np.array_equal(erasing(np.zeros((600, 6)), labels, strata, 1), same)
    assert np.allclose(erasing(features, labels, strata, 0), same)
    matrix = erasing(features, labels, strata, 1)
    assert np.allclose(matrix @ matrix, matrix)
    assert np.linalg.matrix_rank(matrix, tol=1e-8) == features.shape[1] - 1


def test_shares_stay_however_sure_the_answers_are() -> None:
    rng = np.random.default_rng(0)
    labels = rng.choice(3, 300, p=[0.7, 0.2, 0.1])
    before = 12 * np.eye(3)[labels] + 3 * rng.normal(size=(300, 3))
    after = before + rng.normal(size=(300, 3)) + [2.0, -1.0, 0.0]
    after += same_shares(after, before, labels)
    found = [
        np.mean([softmax(x)[labels == k].mean(0) for k in range(3)], axis=0)
        for x in (before, after)
    ]
    assert np.allclose(*found, atol=1e-6)


def _samples(strata: tuple[str, ...]) -> list[Sample]:
    """Pictures of noise whose frame sizes differ in grain."""
    made = []
    for index in range(36):
        rng = np.random.default_rng(index)
        which = index // 3 % len(strata)
        noise = rng.integers(0, 256, (64 >> 3 * which,) * 2).astype(np.uint8)
        grey = cv2.resize(noise, (64, 64), interpolation=cv2.INTER_NEAREST)
        target = np.ones((64, 64), np.uint8)
        sector = np.ones((64, 64), bool)
        record = Record(f"p{index}", LABELS[index % 3], 0, stratum=strata[which])
        made.append(Sample(record, grey, target, sector, sector, grey, grey, grey))
    return made


def _inputs(samples: list[Sample]) -> torch.Tensor:
    return torch.from_numpy(np.stack([plain(s, 64)[0] for s in samples]))[:, None]


@pytest.fixture
def network() -> Network:
    """With norms that have seen the pictures, or all features would be next to nothing."""
    torch.manual_seed(0)
    made = Network(NETWORK)
    for _ in range(15):
        made(_inputs(_samples(("10x10", "20x20"))))
    torch.nn.init.normal_(made.grade_head.weight)
    return made.eval()


def test_only_the_grades_change_and_none_is_given_more_often(network: Network) -> None:
    samples = _samples(("10x10", "20x20"))
    inputs = _inputs(samples)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    with torch.no_grad():
        old = network(inputs)
    erase(network.train(), samples, 1)
    with torch.no_grad():
        new = network(inputs)
    changed = [k for k, v in network.state_dict().items() if not torch.equal(v, before[k])]
    assert changed == ["grade_head.weight", "grade_head.bias"]
    assert torch.equal(new.masks, old.masks) and not torch.allclose(new.logits, old.logits)
    mean = [x.logits.softmax(1).mean(0) for x in (old, new)]
    assert torch.allclose(mean[0], mean[1], atol=1e-4)
    weight, bias = network.grade_weights()
    sector = Network(NETWORK)
    sector.load_state_dict(before)
    assert torch.allclose(weight[:, 0], sector.grade_weights()[0][:, 0], atol=1e-6)
    assert weight.sum(0).abs().max() < 1e-5 and bias.sum().abs() < 1e-5
    assert torch.equal(weight[1, 0], weight[2, 0])  # the sector does not tell masses apart
    exact = torch.einsum("npc,kpc->nk", new.pooled, weight) + bias
    assert torch.allclose(exact, new.logits, atol=1e-5)

    def gap(logits: torch.Tensor) -> float:
        score = logits[:, 2] - logits[:, 1]
        second = torch.tensor([s.record.stratum == "20x20" for s in samples])
        return float((score[second].mean() - score[~second].mean()).abs())

    assert gap(new.logits) < 0.2 * gap(old.logits)


def test_one_frame_size_leaves_the_answers_alone(network: Network) -> None:
    samples = _samples(("10x10",))
    inputs = _inputs(samples)
    with torch.no_grad():
        old = network(inputs).logits.softmax(1)
        erase(network, samples, 1)
        assert torch.allclose(network(inputs).logits.softmax(1), old, atol=1e-4)
