"""One forward, one frozen result, the same from eight threads as from one."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import hcc_xai
from hcc_xai.analysis.analyzer import Analyzer, with_spacing
from hcc_xai.errors import ArgumentError, ImageError, SpacingError
from hcc_xai.imaging.read import read
from hcc_xai.phantoms.phantom import make, random_spec


def test_probabilities_masks_and_maps_keep_their_promises(tiny: Analyzer, scan) -> None:
    answer = tiny.analyze(scan)
    assert sum(answer.probabilities.values()) == pytest.approx(1)
    assert list(answer.probabilities) == ["normal", "benign", "malignant"]
    assert answer.label == max(answer.probabilities, key=answer.probabilities.get)
    assert not answer.calibrated and answer.prediction_set == ()
    assert {flag.code for flag in answer.flags} >= {"uncalibrated", "kind-unchecked"}
    for mask in (*answer.masks.values(), answer.sector):
        assert mask.shape == scan.shape[:2] and mask.dtype == bool
    assert (answer.masks["lesion"] <= answer.masks["liver"]).all()
    assert (answer.masks["liver"] <= answer.sector).all()
    for label in answer.probabilities:
        for kind in ("grad-cam++", "contribution"):
            heat = answer.heatmap(label, kind)
            assert heat.dtype == np.float32 and heat.shape == scan.shape[:2]
            assert np.abs(heat[~answer.sector]).max(initial=0) == 0
        assert answer.heatmap(label).min() >= 0
    assert answer.heatmap("benign", "contribution").min() < 0


def test_contributions_sum_to_the_logit_less_its_bias(tiny: Analyzer, scan) -> None:
    answer = tiny.analyze(scan)
    bias = tiny.network.grade_weights()[1].detach().numpy()
    for index, (label, logit) in enumerate(answer.logits.items()):
        assert answer.contribution_grid(label).sum() == pytest.approx(logit - bias[index], abs=1e-4)


def test_a_batch_answers_as_one_by_one(tiny: Analyzer) -> None:
    scans = [make(random_spec(s, shape=(200 + 20 * s, 300))).pixels for s in range(5)]
    for alone, together in zip([tiny.analyze(s) for s in scans], tiny.analyze(scans), strict=True):
        for label in alone.probabilities:
            assert together.probabilities[label] == pytest.approx(
                alone.probabilities[label], abs=1e-5
            )
        np.testing.assert_allclose(together.heatmap("benign"), alone.heatmap("benign"), atol=1e-5)
    assert tiny.analyze([]) == ()


def test_two_hundred_requests_from_eight_threads_give_the_serial_maps(tiny: Analyzer) -> None:
    scans = [make(random_spec(s, shape=(160, 200))).pixels for s in range(10)]
    serial = [{k: v.copy() for k, v in tiny.analyze(s).maps.items()} for s in scans]

    def check(index: int) -> float:
        got = tiny.analyze(scans[index % 10]).maps
        return max(float(np.abs(got[k] - serial[index % 10][k]).max()) for k in got)

    with ThreadPoolExecutor(8) as pool:
        worst = max(pool.map(check, range(200)))
    assert worst == 0


def test_text_outside_the_sector_changes_nothing_and_is_not_shown(tiny: Analyzer, scan) -> None:
    clean = tiny.analyze(scan)
    written = scan.copy()
    cv2.putText(written, "DOE JOHN", (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1)
    answer = tiny.analyze(written)
    for label, value in clean.probabilities.items():
        assert answer.probabilities[label] == pytest.approx(value, abs=1e-3)
    shown = answer.overlay(kind=None, show=())
    assert shown[~answer.sector].max() == 0
    assert shown[2:18, 2:80].max() == 0


def test_the_answer_is_json_without_pixels_and_saving_writes_four_files(
    tiny: Analyzer, tmp_path: Path
) -> None:
    picture = tmp_path / "a scan.png"
    cv2.imwrite(str(picture), make(random_spec(1, shape=(200, 240))).pixels)
    answer = tiny.analyze(picture)
    told = json.loads(json.dumps(answer.to_dict()))
    assert told["label"] == answer.label and told["image"]["source"] == "a scan.png"
    assert str(tmp_path) not in json.dumps(told)
    assert len(json.dumps(told)) < 20_000
    names = {path.name for path in answer.save(tmp_path / "out")}
    assert names == {"a scan_overlay.png", "a scan_lesion.png", "a scan_liver.png", "a scan.json"}
    lesion = cv2.imread(str(tmp_path / "out" / "a scan_lesion.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(lesion > 127, answer.masks["lesion"])


def test_a_spacing_gives_millimetres_without_the_network(tiny: Analyzer, scan, monkeypatch) -> None:
    answer = tiny.analyze(scan)
    assert answer.lesions and answer.lesions[0].diameter_mm is None
    monkeypatch.setattr(tiny, "forward", None)
    measured = with_spacing(answer, 0.5)
    for plain, sized in zip(answer.lesions, measured.lesions, strict=True):
        assert sized.diameter_mm == pytest.approx(plain.diameter_px / 2)
        assert sized.area_mm2 == pytest.approx(plain.area_px / 4)
    with pytest.raises(SpacingError):
        with_spacing(answer, -1)


def test_bands_follow_the_bundles_limits(tiny: Analyzer, scan) -> None:
    from dataclasses import replace

    answer = tiny.analyze(scan)
    for value, band in ((0.95, "green"), (0.9, "amber"), (0.7, "amber"), (0.69, "red")):
        sure = replace(
            answer, probabilities={"normal": 0.0, "benign": 1 - value, "malignant": value}
        )
        assert sure.band("malignant") == band
    sure = replace(answer, probabilities={"normal": 0.0, "benign": 0.05, "malignant": 0.95})
    assert replace(sure, prediction_set=("benign", "malignant")).band() == "amber"
    assert replace(sure, accepted=False).band() == "amber"
    with pytest.raises(ArgumentError, match="malignant"):
        answer.band("g4")


def test_hiding_the_lesion_is_asked_for_and_changes_only_what_is_hidden(
    tiny: Analyzer, scan
) -> None:
    answer = tiny.analyze(scan)
    assert answer.to_dict()["evidence"]["hidden"] is None
    evidence = tiny.evidence(answer)
    assert 0 <= evidence.hidden <= 1
    assert answer.evidence.hidden is None and answer.evidence.shares == evidence.shares
    assert answer.with_evidence(evidence).to_dict()["evidence"]["hidden"] == evidence.hidden
    for shares in evidence.shares.values():
        assert sum(shares.values()) == pytest.approx(1)
        assert shares["outside"] == 0


def test_unreadable_input_is_one_sentence(tiny: Analyzer, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(ImageError) as caught:
        tiny.analyze(tmp_path / "text.png")
    assert "\n" not in str(caught.value) and str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("hcc_xai", {"torch", "gradio", "cv2", "pydicom", "matplotlib", "numpy"}),
        ("hcc_xai.analysis.analyzer", {"gradio", "captum", "pydicom", "pandas", "matplotlib"}),
    ],
)
def test_importing_is_light(module: str, heavy: set[str]) -> None:
    code = f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_public_names() -> None:
    assert hcc_xai.__all__ == [
        "METHODS",
        "Analysis",
        "Analyzer",
        "Audit",
        "Challenge",
        "ChangeOfMind",
        "Descriptor",
        "Evidence",
        "Explanation",
        "Faithfulness",
        "Flag",
        "HccXaiError",
        "Image",
        "Lesion",
        "Method",
        "Models",
        "Neighbour",
        "Opinion",
        "OutlineExplanation",
        "Region",
        "SavedAnswer",
        "Statement",
        "Suggestion",
        "__version__",
        "agreement",
        "audit",
        "load",
        "read",
        "saved",
    ]
    for name in hcc_xai.__all__:
        assert getattr(hcc_xai, name) is not None
    with pytest.raises(AttributeError):
        hcc_xai.no_such_name  # noqa: B018


def test_sizes_at_the_detector_are_told(tiny: Analyzer, scan: np.ndarray) -> None:
    image = read(scan, mm_per_pixel=0.2)
    assert tiny.analyze(image).lesions
    for magnification, code, said in (
        (1.0, "detector-spacing", "at the detector"),
        (1.25, "magnification", "magnification of 1.25"),
    ):
        answer = tiny.analyze(replace(image, magnification=magnification))
        assert code in {flag.code for flag in answer.flags}
        assert said in " ".join(s.say("en") for s in answer.statements)
