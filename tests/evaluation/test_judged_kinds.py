"""A bundle of any kind is judged as the liver's is: rows, figures, card, confidence; in its own
words, and without what it lacks."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import SHAPES, Shape, make_tiny

from hcc_xai.analysis.models import load
from hcc_xai.dataset.folder import ORGAN, TARGET, read_index
from hcc_xai.evaluation import evaluate
from hcc_xai.evaluation.changed import part_tested
from hcc_xai.evaluation.finish import finish, fit_neighbours
from hcc_xai.evaluation.out_of_fold import PREDICTIONS, read_rows
from hcc_xai.evaluation.roles import Roles
from hcc_xai.evaluation.summarise import summarise
from hcc_xai.evaluation.tables import table_markdown
from hcc_xai.kinds.known import kind_named
from hcc_xai.phantoms.phantom import make, random_spec

OTHERS = {name: shape for name, shape in SHAPES.items() if shape.kind != "liver-ultrasound"}
OUTLINES = ("drawn", "weak", "none", "target")


def make_data(folder: Path, shape: Shape) -> Path:
    """24 phantoms of two sources and two folds, labelled as a shape wants; what is outlined
    differs from picture to picture, no sector is drawn by hand, and labels hold together where
    they may."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    rows = []
    for i in range(24):
        phantom = make(random_spec(i, label="malignant", shape=(120, 160)))
        label = shape.labels[i // 2 % len(shape.labels)]
        if shape.multiple and i % 5 == 0:
            label += "+" + shape.labels[(i // 2 + 1) % len(shape.labels)]
        outlines = OUTLINES[i % 4]
        truth = np.where(phantom.lesion, TARGET, np.where(phantom.liver, ORGAN, 0))
        if outlines == "none":
            truth[:] = 0
        elif outlines != "drawn":
            truth[truth == ORGAN] = 0
        cv2.imwrite(str(folder / "images" / f"p{i}.png"), phantom.pixels[..., ::-1])
        cv2.imwrite(str(folder / "masks" / f"p{i}.png"), truth.astype(np.uint8))
        rows.append([f"p{i}", label, i % 2, "north" if i < 12 else "south", "", outlines])
    head = ["name", "label", "fold", "stratum", "group", "outlines"]
    with (folder / "index.csv").open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    return folder


@pytest.fixture(scope="module", params=OTHERS)
def judged(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Shape, Path, Path, Path]:
    """A shape, its data, what `evaluate` wrote, and the bundle whose card it wrote."""
    shape, top = OTHERS[request.param], tmp_path_factory.mktemp("judged")
    data = make_data(top / "data", shape)
    for fold in (0, 1):
        make_tiny(top / "folds" / str(fold), seed=fold, shape=shape)
    bundle = top / "bundle"
    shutil.copytree(top / "folds" / "0", bundle)
    evaluate.run(data, top / "folds", top / "out", bundle=bundle, commands=("make it",))
    return shape, data, top / "out", bundle


def test_the_card_speaks_of_its_own_kind_alone(judged) -> None:
    shape, _, _, bundle = judged
    card = (bundle / "README.md").read_text()
    words = {k: v["en"] for k, v in kind_named(shape.kind).nouns.items()}
    assert f"From one {words['picture']}" in card and "{" not in card.split("```json")[0]
    assert "liver" not in card.replace("hcc_xai", "").lower()
    if shape.target is None:
        assert "lesion" not in card and "strongest evidence painted over" in card
    elif "target" in words:
        assert f"{words['target']} Dice" in card and "lesion" not in card
    if shape.organ is not None and "organ" in words:
        assert f"{words['organ']} Dice" in card
    assert ("Dice" in card) == bool(shape.masks)
    assert f"Nothing in the bundle stops a picture that is not {words['a_picture']}" in card
    metrics = json.loads((bundle / "metrics.json").read_text())
    assert metrics["out_of_fold"]["roles"]["kind"] == shape.kind


def test_rows_hold_what_is_known_and_nothing_else(judged) -> None:
    shape, data, out, _ = judged
    rows = {row["name"]: row for row in read_rows(out / PREDICTIONS)}
    assert len(rows) == 24
    for record in read_index(data):
        row = rows[record.name]
        assert row["sector_iou"] is None and row["outlines"] == record.outlines
        assert set(row["present"]) <= set(shape.labels)
        if not shape.multiple:
            assert row["present"] == [row["answer"]]
            assert sum(row["probabilities"].values()) == pytest.approx(1)
        known = record.outlines in ("drawn", "target")
        assert (row["lesion_dice"] is not None) == (shape.target is not None and known)
        weak = shape.target is not None and record.outlines != "none"
        assert (row["lesion_iou"] is not None) == weak
        drawn = shape.organ is not None and record.outlines == "drawn"
        assert (row["organ_dice"] is not None) == drawn
        if shape.target is None and (shape.organ is None or drawn):
            assert row["hidden"] is not None  # the strongest evidence
        if record.outlines == "none" and shape.target is not None:
            assert row["hidden"] is None


def test_what_is_hidden_without_a_target_is_the_strongest_evidence_for_the_true_label(
    judged,
) -> None:
    shape, data, out, _ = judged
    if shape.target is not None:
        pytest.skip("it has a target")
    record = read_index(data)[2]
    model = load(out.parent / "folds" / str(record.fold), device="cpu")
    answer = model.analyze(data / "images" / f"{record.name}.png")
    tested = part_tested(answer, np.zeros(answer.image.shape, np.uint8), record)
    grid = answer.grid(record.labels[0], "contribution")
    cells = tested.reshape(len(grid), 4, -1, 4).mean((1, 3)) > 0.5
    inside = np.maximum(grid, 0)
    assert 0 < tested.mean() < 0.2
    assert inside[cells].min() >= np.partition(inside[~cells].ravel(), -20)[-20]


def test_figures_are_by_hand(judged) -> None:
    shape, _, out, bundle = judged
    rows = read_rows(out / PREDICTIONS)
    roles = Roles.of(load(bundle, device="cpu").config)
    rows = [{**row, "inner": None, "outer": None} for row in rows]
    summary = summarise(rows, roles=roles, resamples=20)
    value = {name: figure.value for name, figure in summary.figures.items()}
    right = [row["answer"] in row["label"].split("+") for row in rows]
    assert value["accuracy"] == pytest.approx(np.mean(right))
    if shape.multiple:
        truth = [set(row["label"].split("+")) for row in rows]
        said = [set(row["present"]) for row in rows]
        hits = sum(len(a & b) for a, b in zip(truth, said, strict=True))
        both = sum(len(a) + len(b) for a, b in zip(truth, said, strict=True))
        assert value["micro_f1"] == pytest.approx(2 * hits / both)
        assert value["all_labels_right"] == pytest.approx(
            np.mean([a == b for a, b in zip(truth, said, strict=True)])
        )
        assert sum(summary.classes.values()) > len(rows)
    # A source that always shows the same labels tells nothing more than the labels' shares.
    assert 0 <= value["source_accuracy"] <= 1
    first = shape.labels[0]
    scores = np.array([row["probabilities"][first] for row in rows])
    holds = np.array([first in row["label"].split("+") for row in rows])
    pairs = scores[holds][:, None] - scores[~holds]
    assert value[f"auroc_{first}"] == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())
    if roles.rivals(shape.labels):
        assert "auroc" in value
    by_source = {row.stratum: row for row in summary.strata}
    assert set(by_source) == {"north", "south"}
    north = [ok for ok, row in zip(right, rows, strict=True) if row["stratum"] == "north"]
    assert by_source["north"].accuracy.value == pytest.approx(np.mean(north))
    text = table_markdown(summary)
    assert "Source | " in text and "frame size" not in text
    for label in shape.labels:
        assert f"| {label} | {summary.classes[label]} |" in text


def test_it_is_finished_and_then_calibrated(judged) -> None:
    shape, data, out, bundle = judged
    finish(bundle, out / PREDICTIONS)
    fit_neighbours(bundle, data)
    card = (bundle / "README.md").read_text()
    assert "## Confidence" in card and "liver" not in card.split("## Confidence")[1].lower()
    assert ("A found part is shown as" in card) == (shape.target is not None)
    answer = load(bundle, device="cpu").analyze(data / "images" / "p3.png")
    assert answer.calibrated and answer.neighbours
    for language in ("en", "es"):
        assert all(s.say(language) for s in answer.statements)
