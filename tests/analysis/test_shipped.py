"""The bundle that ships: small, open about itself, right about phantoms whose truth is known."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from hcc_xai import load
from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.analysis.models import Models
from hcc_xai.model.bundle import default_model, load_bundle
from hcc_xai.model.network import sector_of
from hcc_xai.model.router import Router, default_router
from hcc_xai.phantoms.phantom import make, random_spec
from hcc_xai.training.disguise import stranger

TOP = Path(__file__).parents[2]
EXAMPLES = sorted(p for p in (TOP / "examples").iterdir() if p.suffix in (".png", ".dcm"))
TOLERANCE = 0.01  # of a probability, between float32 and float16 (stated in analysis.py)


@pytest.fixture(scope="module")
def shipped() -> Analyzer:
    bundle = load_bundle(TOP / "weights" / "liver-us")
    return Analyzer(bundle, device="cpu", router=Router.load(TOP / "weights" / "router"))


def test_it_is_the_default_and_fits_a_plain_push_to_the_hub(monkeypatch) -> None:
    monkeypatch.delenv("HCC_XAI_MODEL", raising=False)
    assert Path(default_model()).resolve() == TOP / "weights" / "liver-us"
    for path in (TOP / "weights" / "liver-us").iterdir():
        assert path.stat().st_size < 10 * 2**20
    for path in EXAMPLES:
        assert path.stat().st_size < 2**20


def test_the_router_that_ships_is_small_and_found(monkeypatch) -> None:
    monkeypatch.delenv("HCC_XAI_ROUTER", raising=False)
    router = default_router()
    assert router is not None and "liver-ultrasound" in router.kinds
    files = list((TOP / "weights" / "router").iterdir())
    assert sum(path.stat().st_size for path in files) < 5 * 10**6
    assert load(device="cpu").router is router


def test_its_standing_does_not_turn_on_compression(shipped: Analyzer) -> None:
    for path in EXAMPLES:
        if path.suffix != ".png":
            continue
        picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        for quality in (100, 95, 90, 75, 50):
            coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
            answer = shipped.analyze(cv2.imdecode(coded, cv2.IMREAD_COLOR))
            assert answer.standing == "accepted", (path.name, quality)


@pytest.mark.parametrize("index", range(12))
def test_what_is_no_picture_of_a_patient_is_stopped(shipped: Analyzer, index: int) -> None:
    drawn = stranger(index, np.random.default_rng([7, index]))
    assert shipped.analyze(np.dstack([drawn] * 3)).standing == "stopped"


def test_its_card_says_what_it_is_not(shipped: Analyzer) -> None:
    card = shipped.bundle.card
    for said in (
        "not a medical device",
        "10.1093/bib/bbac569",
        "frame size",
        "malignant liver mass",
    ):
        assert said in card, said
    assert shipped.bundle.stale == ()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_it_answers_every_example(shipped: Analyzer, path: Path) -> None:
    answer = shipped.analyze(path)
    assert answer.masks["liver"].sum() > 0.2 * answer.sector.sum()
    total = sum(answer.contribution_grid(label) for label in answer.probabilities)
    assert np.abs(total).max() < 1e-4 * max(1, answer.scale("contribution"))
    assert ("normal" in path.name) == (not answer.lesions)


def test_it_outlines_the_phantoms_lesion_and_needs_it(shipped: Analyzer) -> None:
    answer = shipped.analyze(TOP / "examples" / "malignant.png")
    truth = make(random_spec(30, label="malignant", shape=(480, 640))).lesion  # as make_examples.py
    found = answer.lesions[0].mask
    assert answer.label == "malignant"
    assert (found & truth).sum() / (found | truth).sum() > 0.5
    assert answer.evidence.shares["contribution"]["lesion"] > 0.6
    hidden = shipped.evidence(answer).hidden
    assert hidden is not None and hidden < 0.5 * answer.probabilities["malignant"]


def test_hiding_a_lesion_moves_the_answer_more_than_hiding_as_much_elsewhere(
    shipped: Analyzer,
) -> None:
    moved = []
    for path in EXAMPLES:
        answer = shipped.analyze(path)
        before, evidence = answer.probabilities[answer.label], shipped.evidence(answer)
        if evidence.hidden is not None and evidence.elsewhere is not None:
            moved.append((abs(before - evidence.hidden), abs(before - evidence.elsewhere)))
    assert moved  # some lesion leaves room elsewhere in its liver
    assert sum(lesion for lesion, _ in moved) > 3 * sum(other for _, other in moved)


def test_float16_gives_the_same_answer_within_the_stated_tolerance(shipped: Analyzer) -> None:
    for path in EXAMPLES:
        answer = shipped.analyze(path)
        x = torch.from_numpy(answer.frame.to_network(answer.image.grey))[None, None]
        with torch.inference_mode():
            shared, _ = shipped.runtime.features(x, half=True)
            assert not torch.equal(shared, shipped.runtime.features(x, half=False)[0])
            logits = shipped.network.heads(shared, sector_of(x)).logits[0]
        found = shipped.chances(logits.double().numpy())
        for value, exact in zip(found, answer.probabilities.values(), strict=True):
            assert value == pytest.approx(exact, abs=TOLERANCE)


def test_what_float16_cannot_hold_is_computed_in_float32() -> None:
    large = load(TOP / "weights" / "liver-us", device="cpu")
    with torch.inference_mode():
        for name, value in large.network.state_dict().items():
            if name.startswith("last.") and value.is_floating_point() and value.ndim == 1:
                value.mul_(1e4)
        x = torch.zeros(1, 1, 64, 64)
        shared, _ = large.runtime.features(x, half=True)
        assert shared.max() > torch.finfo(torch.float16).max
        assert torch.equal(shared, large.runtime.features(x, half=False)[0])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_cuda_gives_the_same_answer_within_the_stated_tolerance(shipped: Analyzer) -> None:
    gpu = load(TOP / "weights" / "liver-us", device="cuda")
    for path in EXAMPLES:
        for label, exact in shipped.analyze(path).probabilities.items():
            assert gpu.analyze(path).probabilities[label] == pytest.approx(exact, abs=TOLERANCE)


BUNDLES = sorted(p.parent for p in (TOP / "weights").glob("*/model.safetensors"))


@pytest.mark.parametrize("folder", BUNDLES, ids=lambda folder: folder.name)
def test_every_bundle_that_ships_is_whole_small_and_open_about_itself(folder: Path) -> None:
    bundle = load_bundle(folder)
    config, card = bundle.config, bundle.card
    assert config.name == folder.name and bundle.stale == ()
    assert config.kind in Router.load(TOP / "weights" / "router").kinds
    assert {"calibration.json", "neighbours.safetensors", "metrics.json"} <= set(bundle.extras)
    assert sum(path.stat().st_size for path in folder.iterdir()) < 10 * 2**20
    assert (folder / "model.safetensors").stat().st_size < 8 * 10**6
    for said in ("not a medical device", "95 %", "Data and terms", "## Confidence", "## Limits"):
        assert said in card, said
    assert "a set that this bundle does not name" not in card
    if config.kind != "liver-ultrasound":
        assert config.format == 2 and config.training["source"]["licence"]


def test_all_that_ship_answer_behind_the_router(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HCC_XAI_MODEL", "HCC_XAI_ROUTER"):
        monkeypatch.delenv(name, raising=False)
    models = load(device="cpu")
    assert isinstance(models, Models) and models.loaded == ()
    assert {load_bundle(folder).config.kind for folder in BUNDLES} == set(models.kinds)
    for path in EXAMPLES:
        answer = models.analyze(path)
        assert answer.kind == "liver-ultrasound" and answer.standing == "accepted", path.name
    assert models.loaded == ("liver-ultrasound",)
    drawn = stranger(3, np.random.default_rng(3))
    assert models.analyze(np.dstack([drawn] * 3)).standing == "stopped"
