"""The glass box on the words of a description, and the nearest training images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.errors import BundleError, DataError
from hcc_xai.evaluation.finish import fit_glass_box
from hcc_xai.model.neighbours import Neighbours
from hcc_xai.model.second_opinion import NAMES, GlassBox, fit, values_of

TWO = ("benign", "malignant")


def lesions(n: int = 120, *, seed: int = 0) -> list[dict[str, Any]]:
    """Lesions whose label is told by their echogenicity alone, with some values missing."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        values: list[float | None] = rng.normal(size=len(NAMES)).tolist()
        label = TWO[int((values[0] or 0) + 0.3 * rng.normal() < 0)]
        if i % 7 == 0:
            values[3] = None
        rows.append(
            {
                "values": values,
                "label": label,
                "fold": i % 5,
                "stratum": "one",
                "answer": label if i % 4 else TWO[0],
            }
        )
    return rows


def test_it_learns_what_tells_them_apart_and_says_so() -> None:
    box = fit(lesions(), TWO)
    assert NAMES[int(np.argmax(np.abs(box.weights)))] == "echogenicity"
    assert box.figures["auroc"]["value"] > 0.9 and box.figures["auroc"]["n"] == 120
    agree = box.figures["right_where_they_agree"]
    differ = box.figures["right_where_they_do_not"]
    assert agree["n"] + differ["n"] == 120 and agree["value"] > differ["value"]
    dark: list[float | None] = [-2.0, *[0.0] * 9]
    opinion = box.opinion(dark)
    assert opinion.label == "malignant" and opinion.reasons[0][0] == "echogenicity"
    assert 0.5 < opinion.probability < 1 and opinion.reasons[0][1] > 0
    assert box.opinion([2.0, *[0.0] * 9]).label == "benign"


def test_its_probability_is_the_librarys() -> None:
    rows = [r for r in lesions() if None not in r["values"]]
    x = np.array([r["values"] for r in rows])
    truth = np.array([TWO.index(r["label"]) for r in rows])
    box = fit(rows, TWO)
    standard = (x - x.mean(0)) / x.std(0)
    model = LogisticRegression(C=0.3, max_iter=500).fit(standard, truth)
    for values, chance in zip(x[:20], model.predict_proba(standard)[:20, 1], strict=True):
        opinion = box.opinion(values.tolist())
        mine = opinion.probability if opinion.label == "malignant" else 1 - opinion.probability
        assert mine == pytest.approx(chance, abs=1e-4)


def test_what_cannot_be_measured_adds_nothing() -> None:
    box = fit(lesions(), TWO)
    mean: list[float | None] = list(box.mean)
    assert box.opinion(mean).probability == box.opinion([None] * len(NAMES)).probability


def test_it_is_kept_and_read_again(tmp_path: Path) -> None:
    box = fit(lesions(), TWO)
    box.save(tmp_path / "descriptors.json", "ab")
    again = GlassBox.load(tmp_path / "descriptors.json")
    assert again.opinion([1.0] * 10) == box.opinion([1.0] * 10)
    (tmp_path / "descriptors.json").write_text('{"labels": ["a", "b"], "names": ["x"]}')
    with pytest.raises(BundleError, match="other descriptors"):
        GlassBox.load(tmp_path / "descriptors.json")
    (tmp_path / "descriptors.json").write_text("[1")
    with pytest.raises(BundleError, match="cannot be read"):
        GlassBox.load(tmp_path / "descriptors.json")


def test_too_few_lesions_or_one_kind_are_refused() -> None:
    with pytest.raises(DataError, match="40"):
        fit(lesions(30), TWO)
    with pytest.raises(DataError, match="both"):
        fit([r | {"label": "benign"} for r in lesions()], TWO)


def test_three_grades_of_lesions_have_no_second_opinion(tiny_bundle: Path) -> None:
    """The tiny bundle names no label for "no lesion", so it has three."""
    told: list[str] = []
    before = sorted(p.name for p in tiny_bundle.iterdir())
    assert fit_glass_box(tiny_bundle, "nowhere", {}, report=told.append) is None
    assert "there are 3" in told[0]
    assert sorted(p.name for p in tiny_bundle.iterdir()) == before


def test_an_answer_says_where_the_words_disagree(tiny: Analyzer, scan: np.ndarray) -> None:
    answer = tiny.analyze(scan)
    assert answer.second_opinion is None and answer.disagreement() is None
    values = values_of(answer.describe(), answer.lesions[0], answer.sector)
    assert len(values) == len(NAMES)
    both = (answer.label, next(k for k in TWO if k != answer.label))
    box = GlassBox(both, NAMES, (0.1,) * 10, (0.0,) * 10, (1.0,) * 10, 5.0, {})
    against = replace(answer, glass_box=box)
    assert against.second_opinion is not None and against.second_opinion.label == both[1]
    said = against.disagreement()
    assert said is not None and against.title(both[1]) in said
    assert (against.disagreement("es") or "").startswith("Lo medido")
    same = replace(answer, glass_box=replace(box, bias=-5.0))
    assert same.second_opinion is not None and same.disagreement() is None


def test_values_do_not_depend_on_the_pictures_resolution(tiny: Analyzer, scan: np.ndarray) -> None:
    answer = tiny.analyze(scan)
    known = tiny.analyze(scan, mm_per_pixel=0.5)
    plain, in_mm = (values_of(a.describe(), a.lesions[0], a.sector) for a in (answer, known))
    for one, other in zip(plain, in_mm, strict=True):
        assert one == other or one == pytest.approx(other, rel=1e-6)


def test_the_nearest_image_is_itself(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pooled = rng.normal(size=(50, 2, 8)).astype(np.float32) * 3 + 1
    labels = [TWO[i % 2] for i in range(50)]
    made = Neighbours.fit(pooled, labels)
    made.save(tmp_path / "neighbours.safetensors", "ab")
    again = Neighbours.load(tmp_path / "neighbours.safetensors")
    for index in (0, 17):
        found = again.nearest(pooled[index], 3)
        assert found[0].label == labels[index] and found[0].distance < 0.02
        flat = (pooled.reshape(50, -1) - pooled.reshape(50, -1).mean(0)) / pooled.reshape(
            50, -1
        ).std(0)
        by_hand = np.sqrt(((flat - flat[index]) ** 2).mean(1))
        order = np.argsort(by_hand)[1:3]
        assert [n.label for n in found[1:]] == [labels[int(i)] for i in order]
        assert found[1].distance == pytest.approx(by_hand[order[0]] / again.unit, rel=0.01)
    far = again.nearest(pooled[0] + 100, 1)[0]
    assert far.distance > 5 and far.to_dict()["label"] in TWO
    (tmp_path / "neighbours.safetensors").write_bytes(b"nonsense")
    with pytest.raises(BundleError, match="cannot be read"):
        Neighbours.load(tmp_path / "neighbours.safetensors")


def test_an_answer_knows_its_neighbours(tiny: Analyzer, scan: np.ndarray) -> None:
    answer = tiny.analyze(scan)
    assert answer.nearest() == () and answer.pooled is not None
    near = Neighbours.fit(np.stack([answer.pooled, answer.pooled + 1]), TWO)
    assert replace(answer, neighbours=near.nearest(answer.pooled)).nearest(1)[0].label == "benign"
