"""The gate on made-up summaries whose kinds are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hcc_xai.errors import ArgumentError, BundleError
from hcc_xai.model.gate import LIVER, Gate, fit


def _world(seed: int = 0, n: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(12, 60))
    kinds = {LIVER: 0.0, "chest-x-ray": 4.0, "brain-mri": -4.0}
    rows, names = [], []
    for kind, shift in kinds.items():
        latent = rng.normal(size=(n, 12))
        latent[:, 0] += shift
        rows.append(latent @ mixing + 0.2 * rng.normal(size=(n, 60)))
        names += [kind] * n
    return np.vstack(rows), np.array(names), np.arange(3 * n) % 5


def test_it_accepts_the_wanted_share_of_new_liver_images_and_stops_the_others() -> None:
    gate = fit(*_world())
    summaries, names, _ = _world(seed=0, n=200)
    rng = np.random.default_rng(9)
    new = rng.normal(size=(2000, 12)) @ np.random.default_rng(0).normal(size=(12, 60))
    new += 0.2 * rng.normal(size=new.shape)
    accepted = np.mean([v.accepted for v in gate.judge(new)])
    assert accepted == pytest.approx(0.95, abs=0.04)
    for kind in ("chest-x-ray", "brain-mri"):
        verdicts = gate.judge(summaries[names == kind])
        assert np.mean([v.accepted for v in verdicts]) < 0.1
        stopped = [v for v in verdicts if not v.accepted]
        assert np.mean([v.kind == kind for v in stopped]) > 0.9
        assert all(v.margin < 0 for v in stopped)


def test_a_stranger_of_no_known_kind_is_stopped_and_not_named() -> None:
    gate = fit(*_world())
    stranger = np.random.default_rng(5).normal(0, 6, (50, 60))
    assert not any(v.accepted for v in gate.judge(stranger))


def test_it_is_the_same_after_saving(tmp_path: Path) -> None:
    gate, (summaries, _, _) = fit(*_world()), _world()
    gate.save(tmp_path / "gate.safetensors", "ab")
    again = Gate.load(tmp_path / "gate.safetensors")
    assert again.kinds == gate.kinds
    for one, other in zip(again.judge(summaries), gate.judge(summaries), strict=True):
        assert (one.accepted, one.kind) == (other.accepted, other.kind)
        assert one.margin == pytest.approx(other.margin, rel=1e-12)  # sums may round otherwise
    (tmp_path / "bad.safetensors").write_bytes(b"no")
    with pytest.raises(BundleError, match="bad.safetensors"):
        Gate.load(tmp_path / "bad.safetensors")


def test_too_few_images_are_refused() -> None:
    summaries, names, folds = _world(n=30)
    with pytest.raises(ArgumentError, match="40"):
        fit(summaries, names, folds)
    with pytest.raises(ArgumentError, match="other kinds"):
        fit(summaries, np.full(len(names), LIVER), folds)


@pytest.fixture
def gated(tmp_path: Path, tiny_bundle: Path, tiny):
    """The tiny bundle with a gate that knows phantoms from noise."""
    import shutil

    from hcc_xai import load
    from hcc_xai.imaging.frame import Frame, find_sector
    from hcc_xai.model.bundle import load_bundle
    from hcc_xai.phantoms.phantom import make, random_spec

    rng = np.random.default_rng(0)
    livers = [make(random_spec(s, shape=(120, 160))).pixels for s in range(60)]
    noise = [rng.integers(0, 255, (120, 160), dtype=np.uint8) for _ in range(60)]
    inputs = []
    for pixels in [*livers, *noise]:
        frame = Frame.around(find_sector(pixels), size=96)
        grey = pixels if pixels.ndim == 2 else pixels[..., 0]
        inputs.append(frame.to_network(grey / 255.0))
    summaries = tiny.summaries(np.stack(inputs))
    np.testing.assert_allclose(summaries, tiny.forward(np.stack(inputs)).summary, atol=1e-5)
    gate = fit(summaries, [LIVER] * 60 + ["screenshot"] * 60, np.arange(120) % 5)
    shutil.copytree(tiny_bundle, tmp_path / "gated")
    gate.save(tmp_path / "gated" / "gate.safetensors", load_bundle(tiny_bundle).weights_sha256)
    return load(tmp_path / "gated", device="cpu")


def test_a_stopped_picture_is_answered_in_full_but_not_accepted(gated) -> None:
    noise = np.random.default_rng(7).integers(0, 255, (120, 160), dtype=np.uint8)
    answer = gated.analyze(noise)
    assert not answer.accepted and answer.flags[0].severity == "stop"
    assert answer.flags[0].message == {
        "en": "This picture was stopped: it looks like a screenshot.",
        "es": "Imagen detenida: parece una captura de pantalla.",
    }
    assert answer.masks["liver"].shape == (120, 160) and answer.probabilities
    assert answer.band() != "green" and answer.to_dict()["accepted"] is False
    through = gated.analyze(noise, accept=True)
    assert through.accepted and through.let_through and through.band() != "green"
    assert "let-through" in {flag["code"] for flag in through.to_dict()["flags"]}


def test_most_phantoms_pass_a_gate_that_was_fitted_on_phantoms(gated) -> None:
    from hcc_xai.phantoms.phantom import make, random_spec

    scans = [make(random_spec(s, shape=(120, 160))).pixels for s in range(200, 220)]
    answers = gated.analyze(scans)
    assert np.mean([a.accepted for a in answers]) >= 0.7
    assert all("kind-unchecked" not in {f.code for f in a.flags} for a in answers)


def test_the_command_line_holds_a_stopped_answer_back(gated, tmp_path, capsys) -> None:
    import cv2

    from hcc_xai.cli.main import main

    noise = np.random.default_rng(8).integers(0, 255, (120, 160), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "noise.png"), noise)
    arguments = ["analyze", str(tmp_path / "noise.png"), "--model", str(gated.bundle.path)]
    assert main([*arguments, "--out", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith(f"{tmp_path / 'noise.png'}: ")
    assert (tmp_path / "noise.json").is_file()
    assert main([*arguments, "--accept"]) == 0
    assert "noise.png: " in capsys.readouterr().out


def test_the_page_shows_the_reason_and_no_answer_until_it_is_let_through(gated) -> None:
    from hcc_xai.analysis.analyzer import let_through
    from hcc_xai.imaging import draw
    from hcc_xai.page.tabs import answer_html as html

    noise = np.random.default_rng(7).integers(0, 255, (120, 160), dtype=np.uint8)
    stopped = gated.analyze(noise)
    for language, reason in (("en", "looks like a screenshot"), ("es", "captura de pantalla")):
        said = html.answer(stopped, language)
        assert reason in said and "data-value" not in said
        assert reason in html.spoken(stopped, language)
        assert stopped.title(None, language) not in said
    through = let_through(stopped)
    said = html.answer(through, "en")
    assert "data-value" in said and "Let through by hand" in said
    assert (through.overlay()[:10, -1] == draw.COLOURS["lesion"]).all()  # the bar that says so
    assert (gated.analyze(noise).overlay(kind=None, show=())[0] == stopped.image.pixels[0]).all()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A data folder of phantoms and a folder of noise and of stripes."""
    import csv

    import cv2

    from hcc_xai.phantoms.phantom import make, random_spec

    data, kinds = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("kinds")
    (data / "images").mkdir()
    rows = [["name", "label", "fold", "stratum", "group", "note"]]
    for i in range(40):
        pixels = make(random_spec(i, shape=(120, 160))).pixels
        cv2.imwrite(str(data / "images" / f"p{i}.png"), pixels)
        rows.append([f"p{i}", "normal", i % 4, "ab"[i % 2], i, ""])
    with (data / "index.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    rng, rows = np.random.default_rng(0), [["path", "kind"]]
    for i in range(40):
        noise = rng.integers(0, 255, (120, 160), dtype=np.uint8)
        stripes = np.tile((np.arange(160) * (3 + i) % 255).astype(np.uint8), (120, 1))
        bars = np.ascontiguousarray(np.rot90(stripes))
        drawn = (("screenshot", noise), ("mammogram", stripes), ("photograph", bars))
        for kind, picture in drawn:
            cv2.imwrite(str(kinds / f"{kind}{i}.png"), picture)
            rows.append([f"{kind}{i}.png", kind])
    with (kinds / "index.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return data, kinds


def test_screening_fits_the_gate_and_measures_others_on_what_they_never_saw(
    pictures: tuple[Path, Path], tiny_bundle: Path, tmp_path: Path
) -> None:
    import shutil

    from hcc_xai import load
    from hcc_xai.evaluation.gate_figures import screen

    shutil.copytree(tiny_bundle, tmp_path / "bundle")
    told: list[str] = []
    said = screen(
        tmp_path / "bundle",
        *pictures,
        folds={0: tiny_bundle, 1: tiny_bundle},
        left_out={"a": tiny_bundle},
        report=told.append,
    )
    assert told == ["fitted", "tiny", "tiny", "tiny"]
    model = load(tmp_path / "bundle", device="cpu")
    assert model.gate is not None
    assert set(model.gate.kinds) == {
        LIVER,
        "screenshot",
        "photograph",
    }  # mammograms are for research only
    noise = np.random.default_rng(7).integers(0, 255, (120, 160), dtype=np.uint8)
    assert not model.analyze(noise).accepted
    lines = {line.split(" | ")[0]: line for line in said.splitlines()}
    assert lines["| a"].count("n = ") == 3 and lines["| b"].count("n = ") == 1
    assert "n = 20" in lines["| a"] and "| - | - |" in lines["| b"]
    assert "not fitted (research only)" in lines["| mammogram"]
    assert lines["| screenshot"].count("n = 40") == 1  # each picture once, of two networks


def test_a_rectangle_from_within_holds_nothing_else() -> None:
    from hcc_xai.evaluation.gate_pictures import within
    from hcc_xai.imaging.frame import find_sector
    from hcc_xai.phantoms.phantom import make, random_spec

    for seed in range(6):
        sector = find_sector(make(random_spec(seed, shape=(240, 320))).pixels)
        box = within(sector)
        assert sector[box].mean() > 0.99
        height, width = sector[box].shape
        assert width == pytest.approx(4 * height / 3, abs=3) and height > 40
