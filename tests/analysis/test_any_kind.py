"""What a bundle of any kind of picture must do: one without masks, one with four labels of which
none means "nothing there", one with three masks."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import LABELS, SHAPES, Shape, make_tiny

import hcc_xai
from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.analysis.models import load
from hcc_xai.batch.run import run
from hcc_xai.cli.main import main
from hcc_xai.errors import ArgumentError, BundleError
from hcc_xai.explain.methods import METHODS
from hcc_xai.files import read_lines
from hcc_xai.imaging import draw
from hcc_xai.model.bundle import load_bundle
from hcc_xai.model.config import BundleConfig
from hcc_xai.model.network import NetworkConfig


@pytest.fixture(scope="module", params=SHAPES)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Analyzer:
    folder = tmp_path_factory.mktemp("kinds") / "tiny"
    return load(make_tiny(folder, shape=SHAPES[request.param]), device="cpu")


@pytest.fixture
def answer(model: Analyzer, scan: np.ndarray) -> hcc_xai.Analysis:
    return model.analyze(scan)


@pytest.fixture
def png(tmp_path: Path, scan: np.ndarray) -> Path:
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "scan.png"
    path.write_bytes(draw.png(scan))
    return path


def test_it_answers_with_its_own_labels_and_masks(model: Analyzer, answer) -> None:
    config = model.config.network
    assert tuple(answer.probabilities) == config.labels
    assert all(0 <= chance <= 1 for chance in answer.probabilities.values())
    if not config.multiple:
        assert sum(answer.probabilities.values()) == pytest.approx(1)
    assert tuple(answer.masks) == tuple(answer.mask_probabilities) == config.masks
    assert answer.target == config.target and (config.target is not None or not answer.lesions)
    if config.target is not None:
        assert answer.lesions and answer.masks[config.target].any()
        np.testing.assert_array_equal(answer.masks[config.target], answer.target_mask)


def test_its_maps_are_exact(model: Analyzer, answer) -> None:
    biases = model.network.grade_weights()[1].tolist()
    for label, bias in zip(answer.probabilities, biases, strict=True):
        total = answer.contribution_grid(label).astype(np.float64).sum()
        assert total + bias == pytest.approx(answer.logits[label], abs=1e-4)
    for shares in answer.shares.values():
        assert sum(shares.values()) == pytest.approx(1)
        assert {"rest", "outside"} <= set(shares)


def test_what_it_states_is_said_in_both_languages_and_of_itself_alone(answer) -> None:
    for language in ("en", "es"):
        for statement in answer.statements:
            assert statement.say(language) and "{" not in statement.say(language)
    if answer.target is None:
        keys = {s.key for s in answer.statements}
        assert not keys & {"no-lesion", "mass-but-none", "one-lesion", "lesions", "shares"}
    assert answer.kind == answer.config.kind and answer.standing == "accepted"
    said = " ".join(s.say("en") for s in answer.statements)
    assert answer.kind == "liver-ultrasound" or "liver" not in said
    if answer.config.organ is None:
        assert not {f.code for f in answer.flags} & {"no-liver", "evidence-elsewhere"}


def test_it_is_sent_and_read_back(answer) -> None:
    again = pickle.loads(pickle.dumps(answer))
    stored = json.loads(json.dumps(answer.to_dict()))
    assert json.loads(json.dumps(again.to_dict())) == stored == hcc_xai.saved(stored).to_dict()


def test_it_is_explained_and_challenged(model: Analyzer, answer) -> None:
    for name in ("grad-cam++", "contribution", "hires-cam"):
        explanation = model.explain(answer, name)
        assert explanation.map.shape == answer.image.shape
        assert explanation.signed == METHODS[name].signed
        assert answer.overlay_of(explanation).shape == (*answer.image.shape, 3)
    evidence = model.evidence(answer)
    assert evidence.hidden is not None  # the lesions, or else the strongest evidence
    names = {challenge.name for challenge in model.challenge(answer)}
    assert {"lesion", "flipped"} <= names
    assert model.change_of_mind(answer).before == answer.probabilities[answer.label]


def test_an_outline_is_explained_where_there_is_one(model: Analyzer, answer) -> None:
    point = tuple(int(v) for v in np.argwhere(answer.sector)[len(np.argwhere(answer.sector)) // 2])
    if answer.target is None:
        with pytest.raises(ArgumentError, match="outlines nothing"):
            model.explain_outline(answer, point)
    else:
        assert model.explain_outline(answer, point).map.shape == answer.image.shape


def test_it_is_saved(answer, tmp_path: Path) -> None:
    names = {path.name for path in answer.save(tmp_path, stem="scan")}
    masks = {f"scan_{name}.png" for name in answer.masks}
    assert names == {"scan_overlay.png", "scan.json", *masks}


def test_a_folder_and_the_command_line_answer(model: Analyzer, png: Path, tmp_path: Path) -> None:
    progress = run(model, [png.parent], tmp_path / "out")
    rows = list(read_lines(tmp_path / "out" / "answers.jsonl"))
    assert progress.failed == 0 and rows[0]["label"] in model.config.network.labels
    arguments = ["analyze", str(png), "--out", str(tmp_path / "one")]
    assert main([*arguments, "--model", str(model.bundle.path)]) == 0
    assert (tmp_path / "one" / "scan.json").is_file()


def test_the_config_is_written_and_read_as_it_is(model: Analyzer) -> None:
    again = BundleConfig.from_dict(json.loads(json.dumps(model.config.to_dict())))
    assert again == model.config and again.format == 2
    assert load_bundle(model.bundle.path).config == model.config


def test_a_config_of_format_1_is_the_liver_and_says_so() -> None:
    network = NetworkConfig(masks=("lungs",), target=None)
    titles = {label: {"en": label} for label in LABELS}
    with pytest.raises(BundleError, match="others need format 2"):
        BundleConfig(name="x", network=network, titles=titles, licence="other")
    liver = BundleConfig(name="x", network=NetworkConfig(), titles=titles, licence="other")
    assert liver.organ == "liver" and liver.kind == "liver-ultrasound"
    assert not {"kind", "organ"} & set(liver.to_dict())
    with pytest.raises(BundleError, match="organ is 'heart'"):
        replace(liver, format=2, organ="heart")


def test_a_title_that_a_language_lacks_is_said_in_english(tmp_path: Path, scan) -> None:
    folder = make_tiny(tmp_path / "tiny", shape=Shape())
    config = json.loads((folder / "config.json").read_text())
    for title in config["titles"].values():
        del title["es"]
    (folder / "config.json").write_text(json.dumps(config))
    answer = load(folder, device="cpu").analyze(scan)
    assert "(test)" in answer.headline("es")
    del config["titles"]["benign"]["en"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(BundleError, match="titles have no 'en' for label 'benign'"):
        load(folder)


def test_an_audit_measures_it(model: Analyzer, png: Path, tmp_path: Path) -> None:
    labels = model.config.network.labels
    table = tmp_path / "table.csv"
    table.write_text(f"file,label\n{png},{labels[0]}\n")
    report = hcc_xai.audit(model, table)
    assert report.about["images"] == 1
