"""The router: what it is shown, what it says of kinds it knows and of what nobody thought of."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.errors import BundleError
from hcc_xai.model.bundle import load_bundle
from hcc_xai.model.router import HEAD, OTHER, Head, Router, new_trunk, square
from hcc_xai.phantoms.phantom import make, random_spec

NAMES = ("liver-ultrasound", "chest-x-ray", OTHER)


def flat(level: float, shape: tuple[int, int] = (60, 90)) -> np.ndarray:
    """A picture of one grey level with a bright bar, so that it has some contrast."""
    grey = np.full(shape, level, np.float32)
    grey[20:40, 10:80] = 0.9
    return grey


@pytest.fixture(scope="module")
def router() -> Router:
    """Knows phantoms as livers, and bars on grey as chests; its trunk is drawn by chance."""
    import torch

    torch.manual_seed(0)
    trunk = new_trunk("mobilenetv3_small_050")
    empty = Head(*(np.zeros(0, np.float32),) * 7)
    router = Router({"kinds": NAMES, "size": 96, "far": {}, "sure": 0.0, "least": {}}, trunk, empty)
    livers = [make(random_spec(s, shape=(120, 160))).pixels[..., 0] / 255 for s in range(12)]
    chests = [flat(0.1 + 0.02 * i, (60 + i, 90)) for i in range(12)]
    others = [np.random.default_rng(s).random((80, 80)) for s in range(12)]
    features = router.features([*livers, *chests, *others])
    mean, spread = features.mean(0), features.std(0) + 1e-3
    x = (features - mean) / spread
    truth = np.repeat(np.eye(3), 12, 0)
    ridge = x.T @ x + 5 * np.eye(x.shape[1])
    weight = 8 * np.linalg.solve(ridge, x.T @ (truth - truth.mean(0))).T
    basis = np.linalg.svd(x, full_matrices=False)[2][:8]
    own = x[:24] @ basis.T
    own /= np.linalg.norm(own, axis=1, keepdims=True)
    parts = (mean, spread, weight, np.zeros(3), np.zeros(len(mean)), basis, own)
    router.head = Head(*(np.asarray(part, np.float32) for part in parts))
    far = 1.1 * float(router.head.distances(features[:24]).max())
    router.far = {"liver-ultrasound": far, "chest-x-ray": far}
    router.least = {"liver-ultrasound": 0.2, "chest-x-ray": 0.2}
    return router


def test_it_tells_what_it_knows(router: Router, scan: np.ndarray) -> None:
    liver, chest = router.look([scan[..., 0] / 255, flat(0.15)])
    assert liver.kind == "liver-ultrasound" and chest.kind == "chest-x-ray"
    assert sum(liver.probabilities.values()) == pytest.approx(1) and not liver.strange
    assert router.could_be(liver, "liver-ultrasound") and not router.could_be(chest, "mammogram")


def test_a_picture_far_from_all_is_strange_whatever_the_classifier_says(router: Router) -> None:
    sight = router.look([flat(0.15)])[0]
    router.far, before = {"chest-x-ray": -1.0}, router.far
    strange = router.look([flat(0.15)])[0]
    router.far = before
    assert strange.strange and strange.probabilities == sight.probabilities
    assert strange.kind == OTHER and not router.could_be(strange, "chest-x-ray")


def test_a_kind_is_doubted_before_it_is_lost(router: Router) -> None:
    sight = router.look([flat(0.15)])[0]
    close = replace(sight, probabilities={"liver-ultrasound": 0.3, "chest-x-ray": 0.6, OTHER: 0.1})
    assert router.could_be(close, "liver-ultrasound") and close.kind == "chest-x-ray"
    far = replace(close, probabilities={"liver-ultrasound": 0.1, "chest-x-ray": 0.8, OTHER: 0.1})
    assert not router.could_be(far, "liver-ultrasound")


def test_it_is_written_and_read_as_it_is(router: Router, tmp_path: Path) -> None:
    again = Router.load(router.save(tmp_path / "router", trunk="mobilenetv3_small_050"))
    greys = [flat(0.1), flat(0.3)]
    for one, other in zip(router.look(greys), again.look(greys), strict=True):
        assert one.kind == other.kind and one.distance == pytest.approx(other.distance, abs=0.02)
    assert again.least == router.least and again.kinds == router.kinds and again.far == router.far


@pytest.mark.parametrize("broken", ["config", "head", "nothing"])
def test_a_damaged_router_is_one_sentence(router: Router, tmp_path: Path, broken: str) -> None:
    folder = tmp_path / "router"
    if broken != "nothing":
        router.save(folder, trunk="mobilenetv3_small_050")
    if broken == "config":
        (folder / "config.json").write_text(json.dumps({"kinds": []}))
    if broken == "head":
        (folder / HEAD).write_bytes(b"no")
    with pytest.raises(BundleError, match="no router"):
        Router.load(folder)


def test_a_dark_rim_and_the_size_of_the_file_do_not_matter() -> None:
    scan = make(random_spec(1, shape=(240, 320))).pixels[..., 0]
    inner = scan[20:220, 40:280]
    rimmed = cv2.copyMakeBorder(inner, 90, 10, 60, 120, cv2.BORDER_CONSTANT, value=0)
    large = cv2.resize(inner, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    plain, within, scaled = (square(grey / 255, 96) for grey in (inner, rimmed, large))
    assert np.abs(plain - within).mean() < 0.02 and np.abs(plain - scaled).mean() < 0.02
    assert square(np.zeros((4, 900)), 96).shape == (96, 96)  # a strip, and all black


def test_three_standings(router: Router, tiny_bundle: Path, scan: np.ndarray) -> None:
    model = Analyzer(load_bundle(tiny_bundle), device="cpu", router=router)
    fine = model.analyze(scan)
    assert fine.standing == "accepted" and fine.kind_probabilities["liver-ultrasound"] > 0.5
    stopped = model.analyze((np.dstack([flat(0.15)] * 3) * 255).astype(np.uint8))
    assert stopped.standing == "stopped" and not stopped.accepted
    assert "chest X-ray" in stopped.statements[0].say("en")
    assert "tórax" in stopped.statements[0].say("es")
    router_of_doubt = Router.__new__(Router)
    router_of_doubt.__dict__.update(router.__dict__)
    router_of_doubt.least = {"liver-ultrasound": 0.0}
    doubtful = Analyzer(load_bundle(tiny_bundle), device="cpu", router=router_of_doubt)
    unusual = doubtful.analyze((np.dstack([flat(0.15)] * 3) * 255).astype(np.uint8))
    assert unusual.standing == "unusual" and unusual.accepted and unusual.band() != "green"
    doubts = [s for s in unusual.statements if s.severity == "doubt" and s.topic == "kind"]
    assert doubts[0].key == "unusual" and "doubt" in doubts[0].say("en")
    assert unusual.to_dict()["standing"] == "unusual"
