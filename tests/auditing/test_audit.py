"""Tables read leniently, groups that differ and groups that do not, shortcuts that are caught."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from conftest import make_tiny

import hcc_xai
from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.analysis.challenges import STEPS, Challenge
from hcc_xai.auditing import audit as auditing
from hcc_xai.auditing.document import document
from hcc_xai.auditing.groups import COMPARED, by_group, cut, worst
from hcc_xai.auditing.measure import EVIDENCE, OWN, Measurement
from hcc_xai.auditing.metrics import METRICS, overall
from hcc_xai.auditing.report import GroupRow
from hcc_xai.auditing.shortcuts import shortcuts
from hcc_xai.auditing.table import read_table
from hcc_xai.auditing.terms import worst_said
from hcc_xai.cli.main import main
from hcc_xai.errors import DataError
from hcc_xai.evaluation.finish import fit_neighbours
from hcc_xai.imaging import draw
from hcc_xai.language.errors import say
from hcc_xai.phantoms.phantom import PATIENT, make, random_spec

LABELS = ("normal", "benign", "malignant")


@pytest.fixture(scope="module", autouse=True)
def few_draws() -> Iterator[None]:
    """Fairlearn takes its time with each."""
    patch = pytest.MonkeyPatch()
    patch.setattr(auditing, "audit", partial(auditing.audit, resamples=10, shuffles=300))
    yield
    patch.undo()


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV of twelve phantoms, and of what tables do wrong."""
    top = tmp_path_factory.mktemp("audit")
    lines = ["Filename,True Label,Mask,Scanner,Age,fold"]
    for i in range(12):
        phantom = make(random_spec(i, label=LABELS[i % 3], shape=(120, 160)))
        (top / f"{i}.png").write_bytes(draw.png(phantom.pixels))
        (top / f"{i}_mask.png").write_bytes(draw.png(phantom.lesion))
        lines.append(f"{i}.png,{LABELS[i % 3].upper()},{i}_mask.png,{'AB'[i % 2]},{20 + 5 * i},0")
    lines += ["gone.png,benign,,A,40,0", "0.png,normal,,A,40,0", "1.png,weird,,A,NaN,0"]
    (top / "broken.png").write_bytes(b"no picture")
    lines.append("broken.png,benign,,A,,0")
    (top / "table.csv").write_text("\n".join(lines))
    return top


def test_columns_are_understood_and_what_is_wrong_is_said(studies: Path) -> None:
    found = read_table(studies / "table.csv", LABELS)
    assert len(found.cases) == 13 and found.columns == ("Scanner", "Age")
    said = " ".join(line["en"] for line in found.said)
    assert "descartados: 1 archivos que no están" in [line["es"] for line in found.said]
    for part in ("“Filename”", "“True Label”", "“Mask”", "not there", "weird", "named twice"):
        assert part in said
    assert found.cases[1].label == "benign" and found.cases[0].mask is not None


def test_a_folder_of_labels_and_a_data_folder(studies: Path, data: Path, tmp_path: Path) -> None:
    for label in LABELS[:2]:
        (tmp_path / label).mkdir()
        (tmp_path / label / "1.png").write_bytes((studies / "1.png").read_bytes())
    assert [c.label for c in read_table(tmp_path, LABELS).cases] == ["benign", "normal"]
    whole = read_table(data, LABELS)
    assert len(whole.cases) == 12 and whole.cases[0].fold in (0, 1)
    assert whole.cases[0].mask is not None and "stratum" in whole.columns


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a,b\n1,2", "no column for the file"),
        ("file,c\nx.png,2", "no column for the label"),
        ("file,label\nx.png,benign", "not there"),
        ("", "it has none"),
    ],
)
def test_a_table_that_cannot_be_used(tmp_path: Path, text: str, part: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match=part):
        read_table(tmp_path / "t.csv", LABELS)
    with pytest.raises(DataError, match="missing"):
        read_table(tmp_path / "none.csv", LABELS)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="neither"):
        read_table(tmp_path / "empty", LABELS)


def test_numbers_are_cut_in_the_usual_way() -> None:
    ages = [5, 17, 18, 39, 40, 59, 60, 75, 90, "", "nan"]
    found = cut("Age", ages)
    assert found[0] == found[1] == "0 to 18" and found[2] == found[3] == "18 to 40"
    assert found[7] == found[8] == "75 to 200" and found[9] == found[10] == "unknown"
    assert set(cut("lesion_size_mm", range(5, 60, 5))) == {
        "0 to 10", "10 to 20", "20 to 50", "50 to 1000",
    }  # fmt: skip
    quartiles = cut("brightness", np.linspace(0, 1, 100))
    assert {quartiles.count(g) for g in set(quartiles)} == {25}
    assert cut("site", ["a", "b", None]) == ["a", "b", "unknown"]
    assert cut("few", [1, 2, 1, 2]) == ["1", "2", "1", "2"]


@pytest.fixture(scope="module")
def found(studies: Path, tmp_path_factory: pytest.TempPathFactory) -> hcc_xai.Audit:
    model = make_tiny(tmp_path_factory.mktemp("m") / "tiny")
    other = make_tiny(tmp_path_factory.mktemp("o") / "other", seed=1)
    return hcc_xai.audit(model, studies / "table.csv", by=["Scanner"], other=other)


def test_an_audit_holds_what_it_promises(found: hcc_xai.Audit, tmp_path: Path) -> None:
    assert found.about["images"] == 12 and len(found.about["not_read"]) == 1
    groups = found.to_dict()["groups"]
    assert {"column", "group", "n", "metric", "value", "low", "high"} <= set(groups[0])
    assert {g["group"] for g in groups} == {"A", "B"} and {g["metric"] for g in groups} == set(
        METRICS
    )
    accuracy = [g for g in groups if g["metric"] == "accuracy"]
    assert sum(g["n"] for g in accuracy) == 12 and all(g["small"] for g in accuracy)
    mean = sum(g["n"] * g["value"] for g in accuracy) / 12
    assert mean == pytest.approx(found.overall["accuracy"]["value"])
    lies = {g["metric"]: g["value"] for g in groups if g["group"] == "A"}
    for short in ("cam", "contribution"):
        rest = sum(lies[m] for m in EVIDENCE[1:] if m.startswith(short) and "lesion" not in m)
        assert 0 <= rest <= 1 + 1e-9 and lies[f"{short}_outside"] < 0.02
    assert found.worst is None  # six images a group say nothing
    names = [s["name"] for s in found.shortcuts]
    assert {"lesion", "text", "calipers", "coarser", "flipped", "compressed"} <= set(names)
    assert found.versus is not None and 0 <= found.versus["p"] <= 1
    page = found.to_html(tmp_path / "audit.html").read_text()
    assert json.loads(re.search(r'id="audit">(.*?)</script>', page)[1]) == json.loads(
        json.dumps(found.to_dict())
    )
    steps = {s["name"]: s["steps"] for s in found.shortcuts if s["kind"] == "steps"}
    assert set(steps) == set(STEPS) and all(s["n"] == 12 for some in steps.values() for s in some)
    assert [s["amount"] for s in steps["gain"]] == list(STEPS["gain"].steps)
    assert "Por grupos" in page and "By group" in page and "In steps" in page
    assert "archivo: columna «Filename»" in page
    assert re.search(r"flips \d+ of 12, of the \d+ with 0\.70 or more \d+", page)
    assert not re.search(r'(src|href)="http', page) and "@import" not in page
    assert not any(name in page for name in PATIENT.values())


def test_without_columns_the_pictures_make_the_groups(studies: Path, tiny: Analyzer) -> None:
    (studies / "plain.csv").write_text(
        "\n".join(["file,label", *(f"{i}.png,{LABELS[i % 3]}" for i in range(12))])
    )
    found = hcc_xai.audit(tiny, studies / "plain.csv")
    assert found.about["columns"] == list(OWN)
    shapes = {g["group"] for g in found.groups if g["column"] == "sector_shape"}
    assert not shapes or shapes <= {"convex", "phased", "linear", "trapezoid", "whole frame"}
    assert not any(g["column"] == "scan_depth_mm" for g in found.groups)  # nobody knows it here


def test_an_unknown_column_and_other_labels_are_refused(studies: Path, tiny: Analyzer) -> None:
    with pytest.raises(DataError, match="no column Sex; there are Scanner"):
        hcc_xai.audit(tiny, studies / "table.csv", by=["Sex"])
    with pytest.raises(DataError, match="without fold 0"):
        hcc_xai.audit(tiny, studies / "table.csv", folds={3: tiny.bundle.path})


def rows(n: int, right: dict[str, float], *, seed: int = 0) -> list[Measurement]:
    """Answers that are right with a probability of their scanner's."""
    rng = np.random.default_rng(seed)
    made = []
    for i in range(n):
        scanner, truth = ("A", "B", "C")[i % 3], ("benign", "malignant")[int(rng.random() < 0.5)]
        other = "benign" if truth == "malignant" else "malignant"
        answer = truth if rng.random() < right[scanner] else other
        chance = rng.uniform(0.6, 1)
        made.append(
            Measurement(
                sha256="",
                label=truth,
                answer=answer,
                probabilities={answer: chance, ({*LABELS[1:]} - {answer}).pop(): 1 - chance},
                prediction_set=None,
                accepted=True,
                trained_on=False,
                dice=None,
                hit=None,
                false_lesion=None,
                evidence=dict.fromkeys(EVIDENCE),
                frame=(800, 600, rng.random(), rng.random(), 0.5),
                lesion_share=rng.random() if answer else 0.0,
                about={"scanner": scanner},
            )
        )
    return made


def grouped(
    some: list[Measurement], columns: tuple[str, ...] = ("scanner",), *, shuffles: int = 300
) -> list[GroupRow]:
    return by_group(some, columns, "malignant", resamples=10, shuffles=shuffles)


def test_a_group_that_falls_behind_is_named_and_equal_ones_are_not() -> None:
    worse = grouped(rows(300, {"A": 0.95, "B": 0.95, "C": 0.6}))
    found = worst(worse)
    assert found is not None and found["group"] == "C" and found["p"] < 0.05
    assert found["value"] < found["rest"] and found["low"] <= found["value"] <= found["high"]
    few = {"resamples": 10, "compared": ("accuracy", "specificity")}
    columns = [f"noise {i}" for i in range(7)]
    many = [
        replace(
            row,
            about={**row.about, **{c: "xy"[(i * (k + 2) // 3) % 2] for k, c in enumerate(columns)}},
        )
        for i, row in enumerate(rows(300, {"A": 0.95, "B": 0.95, "C": 0.6}))
    ]
    still = worst(by_group(many, ["scanner", *columns], "malignant", shuffles=1000, **few))
    assert still is not None and still["column"] == "scanner"  # corrected for 16 comparisons
    false = 0
    for seed in range(6):
        same = rows(240, {"A": 0.8, "B": 0.8, "C": 0.8}, seed=seed + 10)
        false += worst(by_group(same, ["scanner"], "malignant", shuffles=300, **few)) is not None
    assert false <= 2  # one in twenty, by chance


def test_only_what_is_compared_has_a_chance_of_its_own() -> None:
    table = grouped(rows(90, {"A": 0.9, "B": 0.9, "C": 0.9}))
    assert {row["metric"] for row in table if row["p"] is not None} <= set(COMPARED)
    assert any(row["p"] is not None for row in table)


def test_intervals_and_figures_by_hand() -> None:
    some = rows(90, {"A": 1.0, "B": 0.5, "C": 0.0})
    groups = grouped(some)
    by = {(g["group"], g["metric"]): g for g in groups}
    assert by["A", "accuracy"]["value"] == 1 and by["C", "accuracy"]["value"] == 0
    assert by["A", "sensitivity"]["value"] == by["A", "specificity"]["value"] == 1
    assert by["A", "auroc"]["value"] == 1 and by["C", "auroc"]["value"] == 0
    mine = [r for r in some if r.about["scanner"] == "B"]
    sick = [r for r in mine if r.label == "malignant"]
    hits = np.mean([r.answer == "malignant" for r in sick])
    assert by["B", "sensitivity"]["value"] == pytest.approx(hits)
    assert by["B", "sensitivity"]["n"] == len(sick)
    assert by["B", "dice"]["value"] is None


def test_one_class_only_and_one_group_only_say_nothing() -> None:
    one = [r for r in rows(60, {"A": 1, "B": 1, "C": 1}) if r.label == "benign"]
    groups = grouped(one)
    assert all(g["value"] is None for g in groups if g["metric"] in ("auroc", "sensitivity"))
    alone = [r for r in one if r.about["scanner"] == "A"]
    assert grouped(alone) == []
    assert shortcuts(one, "malignant", resamples=10) == []


def test_a_shortcut_is_caught_by_its_own_line_and_an_honest_model_by_none() -> None:
    def challenged(flips: dict[str, float]) -> list[Measurement]:
        return [
            replace(
                row,
                challenges=tuple(
                    Challenge(n, "malignant", 0.9, 0.2, "benign" if i / 60 < share else "malignant")
                    for n, share in flips.items()
                ),
            )
            for i, row in enumerate(rows(60, {"A": 0.9, "B": 0.9, "C": 0.9}))
        ]

    honest = shortcuts(challenged({"text": 0.02, "coarser": 0.05}), "malignant", resamples=10)
    assert not any(s["caught"] for s in honest)
    bent = shortcuts(challenged({"text": 0.5, "coarser": 0.05}), "malignant", resamples=10)
    assert [s["name"] for s in bent if s["caught"]] == ["text"]


def test_a_class_that_the_frame_gives_away_is_said() -> None:
    made = []
    for row in rows(120, {"A": 0.7, "B": 0.7, "C": 0.7}):
        width, height, brightness, *more = row.frame
        brighter = brightness + 2.0 * (row.label == "malignant")
        made.append(replace(row, frame=(width, height, brighter, *more)))
    lines = {s["name"]: s for s in shortcuts(made, "malignant", resamples=10)}
    assert lines["frame-alone"]["value"] > 0.95 and lines["frame-alone"]["caught"]
    assert not lines["size-alone"]["caught"]


def test_a_positive_label_that_is_guessed_is_said(found: hcc_xai.Audit) -> None:
    assert found.about["positive"] == "malignant" and found.about["positive_by"] == "config"
    report = found.to_dict()
    guessed: dict = {**report, "about": {**report["about"], "positive_by": "last label"}}
    for sentence in (
        "The model does not say which of its labels is the positive one; the last, malignant,",
        "El modelo no indica cuál de sus etiquetas es la positiva; se ha tomado la última, malig",
    ):
        assert sentence in document(guessed) and sentence not in document(report)


def test_without_a_malignant_label_the_last_is_taken_and_the_numbers_say_so(
    studies: Path, tmp_path: Path
) -> None:
    bundle = make_tiny(tmp_path / "tiny")
    config = json.loads((bundle / "config.json").read_text())
    (bundle / "config.json").write_text(json.dumps({**config, "malignant": None}))
    (studies / "two.csv").write_text("file,label\n0.png,normal\n1.png,benign")
    about = hcc_xai.audit(bundle, studies / "two.csv", by=["marks"]).about
    assert (about["positive"], about["positive_by"]) == ("malignant", "last label")


def test_the_command_line_writes_page_and_numbers(
    studies: Path, tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["audit", str(tiny_bundle), "--data", str(studies / "table.csv")]
    assert main([*arguments, "--out", str(tmp_path), "--by", "Scanner"]) == 0
    told = capsys.readouterr()
    assert "audit.html" in told.out and "Cannot tell" in told.out
    assert "left out" in told.err
    assert json.loads((tmp_path / "audit.json").read_text())["about"]["columns"] == ["Scanner"]
    assert main([*arguments, "--out", str(tmp_path), "--by", "nothing"]) == 2


def test_what_is_wrong_with_a_table_is_said_in_spanish(tmp_path: Path, tiny: Analyzer) -> None:
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "gone.csv").write_text("file,label\nx.png,benign")
    (tmp_path / "broken.csv").write_text("file,label\nbroken.png,benign")
    (tmp_path / "broken.png").write_bytes(b"")
    for name, sentence in {
        "empty.csv": "no tiene columna con el archivo (se ha buscado file, filename, file_name, "
        "image, image_path, path, name, picture); columnas que tiene: ninguna.",
        "gone.csv": "no se puede usar ninguna fila; archivo: columna «file»; etiqueta: columna "
        "«label»; grupos según: –; descartados: 1 archivos que no están.",
        "broken.csv": "No se ha podido leer ninguna imagen: broken.png: ",
    }.items():
        with pytest.raises(DataError) as caught:
            hcc_xai.audit(tiny, tmp_path / name)
        assert sentence in say(caught.value, "es")
        assert "{" not in str(caught.value)


def test_where_nothing_can_be_compared_the_verdict_is_grey_and_names_the_number(
    found: hcc_xai.Audit,
) -> None:
    said = worst_said(found.worst, found.groups, "en")  # six images a group
    assert said.startswith("Cannot tell") and "20 images" in said
    page = document(found.to_dict())
    assert 'class="worst unknown"' in page and 'class="worst fine"' not in page
    enough = grouped(rows(240, {"A": 0.8, "B": 0.8, "C": 0.8}))
    assert worst_said(None, enough, "en").startswith("No group stands out")
    assert worst_said(None, enough, "es").startswith("Ningún grupo")


def test_one_image_or_one_mind_has_no_interval_of_no_width() -> None:
    some = rows(90, {"A": 1.0, "B": 0.5, "C": 0.0})
    by = {(g["group"], g["metric"]): g for g in grouped(some)}
    right, wrong = by["A", "accuracy"], by["C", "accuracy"]
    n = right["n"]
    assert (right["low"], right["high"]) == (pytest.approx(0.025 ** (1 / n)), 1.0)
    assert (wrong["low"], wrong["high"]) == (0.0, pytest.approx(1 - 0.025 ** (1 / n)))
    perfect = by["A", "auroc"]
    assert perfect["value"] == 1 and perfect["low"] < 0.95
    for figures in (overall(some[:1], "malignant", resamples=10),
                    overall(some, "malignant", resamples=50)):  # fmt: skip
        for name, figure in figures.items():
            if figure["low"] is not None:
                assert figure["low"] < figure["high"], name
    alone = overall(some[:1], "malignant", resamples=10)
    assert alone["calibration_error"]["low"] is None  # nothing is known of its spread
    assert alone["accuracy"]["low"] == pytest.approx(0.025)


def test_images_that_were_trained_on_make_no_figures_of_new_ones(
    studies: Path, tmp_path: Path
) -> None:
    bundle = make_tiny(tmp_path / "tiny")
    data = tmp_path / "data"
    (data / "images").mkdir(parents=True)
    for name in "012":
        shutil.copy(studies / f"{name}.png", data / "images")
    lines = [f"{name},benign,0" for name in "012"]
    (data / "index.csv").write_text("\n".join(["name,label,fold", *lines]))
    fit_neighbours(bundle, data)
    audit = hcc_xai.audit(bundle, studies / "table.csv", by=["Scanner"])
    assert audit.about["trained_on"] == 3
    page = document(audit.to_dict())
    assert "3 of 12 images, or near copies of them" in page and "no dicen nada" in page
