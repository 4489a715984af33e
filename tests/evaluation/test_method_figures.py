"""Every method on the same images: rows, means, and that shuffled weights are shuffled."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import make_tiny

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.analysis.models import load
from hcc_xai.dataset.folder import Record, read_index
from hcc_xai.errors import DataError
from hcc_xai.evaluation import method_rows
from hcc_xai.evaluation.method_figures import figures, markdown, write
from hcc_xai.evaluation.method_probes import explain_input, infidelity, shuffled, stages
from hcc_xai.evaluation.method_rows import RANDOM, chosen, measure
from hcc_xai.model.runtime import Raw


def test_the_images_are_fixed_ahead_and_spread_over_the_folds() -> None:
    records = [Record(f"{i:03}", "benign", i % 5, "one", "") for i in range(200)]
    some = chosen(records)
    assert len(some) == 60 and len({r.name for r in some}) == 60
    assert some == chosen(list(reversed(records)))
    assert all(sum(r.fold == f for r in some) == 12 for f in range(5))
    assert {r.fold for r in some[:5]} == set(range(5))


def test_rows_of_every_kind_and_a_stopped_run_goes_on(
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(method_rows, "STEADY", 1)
    monkeypatch.setattr(method_rows, "RANDOMISED", 1)
    records = read_index(data)[:2]
    bundles = {r.fold: make_tiny(tmp_path / str(r.fold), seed=r.fold) for r in records}
    rows = measure(bundles, data, tmp_path, records=records, methods=["grad-cam++", "grad-cam"])
    kinds = [(r["method"], r["kind"]) for r in rows]
    assert kinds.count((RANDOM, "map")) == 2 and kinds.count(("grad-cam", "map")) == 2
    assert kinds.count(("grad-cam", "randomised")) == 5
    assert kinds.count(("grad-cam", "steadiness")) == 1
    told: list[str] = []
    path = tmp_path / "methods.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]) + '{"torn')
    again = measure(
        bundles,
        data,
        tmp_path,
        records=records,
        methods=["grad-cam++", "grad-cam"],
        report=told.append,
    )
    strip = [{k: v for k, v in r.items() if k != "seconds"} for r in rows]
    assert [{k: v for k, v in r.items() if k != "seconds"} for r in again] == strip
    found = write(again, tmp_path)
    assert json.loads((tmp_path / "methods.json").read_text()) == found.to_dict()
    assert (tmp_path / "methods.png").stat().st_size > 5000
    text = markdown(found)
    assert "smooth noise" in text and "| Grad-CAM | " in text and "+ heads" in text
    with pytest.raises(DataError, match="fold"):
        measure({}, data, tmp_path / "none", records=records)


def test_means_by_hand() -> None:
    rows = [
        {"kind": "map", "method": "grad-cam", "name": str(i), "score": float(i), "pointing": None}
        for i in range(5)
    ]
    found = figures(rows).methods["grad-cam"]
    assert found["score"].value == 2 and found["score"].n == 5
    assert found["score"].low < 2 < found["score"].high
    assert found["pointing"].value is None and found["pointing"].n == 0


def test_shuffling_goes_down_from_the_heads_and_leaves_the_network_alone(tiny: Analyzer) -> None:
    before = {k: v.clone() for k, v in tiny.network.state_dict().items()}
    names, changed = [], []
    for name, twin in shuffled(tiny):
        names.append(name)
        state = dict(twin.network.named_parameters())
        changed.append({k for k, v in state.items() if not torch.equal(v, before[k])})
        for key, value in state.items():  # shuffled, not drawn anew
            torch.testing.assert_close(value.flatten().sort()[0], before[key].flatten().sort()[0])
    assert names == [name for name, _ in stages(tiny.network)]
    assert changed[0] <= {k for k in before if "head" in k} and changed[0]
    assert all(a < b for a, b in zip(changed, changed[1:], strict=False))
    kernels = {k for k, v in tiny.network.named_parameters() if v.ndim == 4 and v.std() > 0}
    assert kernels <= changed[-1]
    for key, value in tiny.network.state_dict().items():
        assert torch.equal(value, before[key])


def test_a_shuffled_network_has_maps_of_its_own(tiny: Analyzer, scan: np.ndarray) -> None:
    answer = tiny.analyze(scan)
    grey = answer.frame.to_network(answer.image.grey)
    true = explain_input(tiny, grey, "contribution", 0)
    np.testing.assert_allclose(true, answer.maps["contribution"][0], atol=1e-6)
    _, twin = next(iter(shuffled(tiny)))
    other = explain_input(twin, grey, "contribution", 0)
    assert np.corrcoef(true.ravel(), other.ravel())[0, 1] < 0.99


def test_infidelity_is_small_for_a_map_that_foretells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scan: np.ndarray
) -> None:
    """A logit that is a known weighted sum of the input is foretold by the weights, and by nothing
    else."""
    analyzer = load(make_tiny(tmp_path / "tiny"), device="cpu")
    answer = analyzer.analyze(scan)
    size = answer.frame.size
    weights = np.zeros((size, size), np.float32)
    weights[size // 3 : size // 2, size // 3 : size // 2] = 1
    index = list(answer.probabilities).index(answer.label)

    known = analyzer.forward

    def forward(inputs: np.ndarray) -> Raw:
        logits = np.zeros((len(inputs), 3), np.float32)
        logits[:, index] = (inputs * weights).sum((1, 2))
        return replace(known(inputs), logits=logits)

    monkeypatch.setattr(analyzer, "forward", forward)
    good = infidelity(analyzer, answer, weights)
    bad = infidelity(analyzer, answer, np.ascontiguousarray(weights[::-1, ::-1]))
    assert good == pytest.approx(0, abs=1e-3) and bad is not None and bad > 0.5
