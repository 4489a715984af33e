"""The whole way: pictures of a data folder, answered out of fold, to rows, figures and a card."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import make_tiny

from hcc_xai import stats
from hcc_xai.dataset.folder import read_index, read_truth
from hcc_xai.errors import DataError
from hcc_xai.evaluation import lesion_rule
from hcc_xai.evaluation.card import card
from hcc_xai.evaluation.changed import bare, gather_looks, other_looks, painted, part_tested
from hcc_xai.evaluation.evaluate import run
from hcc_xai.evaluation.out_of_fold import (
    PREDICTIONS,
    fold_bundles,
    predict_folds,
    predict_strata,
    read_rows,
    stratum_bundles,
)
from hcc_xai.evaluation.rows import predict
from hcc_xai.evaluation.scanner_probe import probe, probe_figures
from hcc_xai.evaluation.summarise import summarise
from hcc_xai.evaluation.summary import Summary
from hcc_xai.evaluation.tables import table_markdown
from hcc_xai.findings.outlines import Outlines
from hcc_xai.kinds.known import LIVER
from hcc_xai.model.bundle import load_bundle

LABELS = ("normal", "benign", "malignant")


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("folds")
    return {k: make_tiny(folder / str(k), seed=k) for k in (0, 1)}


@pytest.fixture(scope="module")
def answered(
    data: Path, bundles: dict[int, Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder with the predictions of all folds."""
    folder = tmp_path_factory.mktemp("answered")
    predict_folds(bundles, data, folder)
    return folder


def copy(bundle: Path, to: Path, **changes: Any) -> Path:
    """A bundle with another config."""
    shutil.copytree(bundle, to)
    config = json.loads((to / "config.json").read_text())
    (to / "config.json").write_text(json.dumps({**config, **changes}))
    return to


def test_rows_say_what_the_analysis_says(
    data: Path, bundles: dict[int, Path], answered: Path
) -> None:
    from hcc_xai.analysis.models import load

    rows = {r["name"]: r for r in read_rows(answered / PREDICTIONS)}
    assert list(rows) == [r.name for r in read_index(data)]
    for record in read_index(data)[:6]:
        row, model = rows[record.name], load(bundles[record.fold], device="cpu")
        answer = model.analyze(data / "images" / f"{record.name}.png")
        truth = read_truth(data, record.name)
        sector = cv2.imread(str(data / "sectors" / f"{record.name}.png"), 0) > 0
        assert row["probabilities"] == pytest.approx(answer.probabilities, abs=1e-5)
        lesion = truth == 2
        if lesion.any():
            assert row["lesion_dice"] == stats.dice(answer.masks["lesion"], lesion)
            assert row["lesion_px"] == lesion.sum() and row["false_lesion"] is None
        else:
            assert row["lesion_dice"] is row["lesion_iou"] is row["hidden"] is None
            assert row["false_lesion"] == bool(answer.lesions)
        assert (row["organ_dice"] is None) == (record.name == "malignant_5")
        heat = np.maximum(answer.heatmap(record.label, "contribution"), 0)
        share = row["shares"]["truth"]["contribution"]
        assert share["lesion"] == pytest.approx(heat[lesion].sum() / heat.sum(), abs=1e-4)
        assert share["outside"] == pytest.approx(
            heat[~sector & (truth == 0)].sum() / heat.sum(), abs=1e-4
        )
        assert sum(share.values()) == pytest.approx(1)
        assert sum(p[0] for p in row["found"]) == pytest.approx(answer.masks["lesion"].sum(), abs=8)
        inside = (answer.masks["lesion"] & lesion).sum()
        assert sum(p[1] for p in row["found"]) == pytest.approx(inside, abs=8)
        said = model.forward(bare(answer)[None]).logits[0].astype(float)
        odds = np.exp(said - said.max())
        assert list(row["bare"].values()) == pytest.approx(odds / odds.sum(), abs=1e-5)
        if row["hidden"] is not None:
            pictures = painted(answer, part_tested(answer, truth, record), truth)
            logits = model.forward(pictures["hidden"][None]).logits[0].astype(float)
            odds = np.exp(logits - logits.max())
            index = list(answer.probabilities).index(record.label)
            assert row["hidden"] == pytest.approx(odds[index] / odds.sum(), abs=1e-5)
    assert any(row["elsewhere"] is not None for row in rows.values())


def test_painting_changes_the_lesion_and_nothing_else(data: Path, bundles: dict[int, Path]) -> None:
    from hcc_xai.analysis.models import load

    record = next(r for r in read_index(data) if r.name == "benign_4")
    answer = load(bundles[0], device="cpu").analyze(data / "images" / "benign_4.png")
    truth = read_truth(data, "benign_4")
    before = answer.frame.to_network(answer.image.grey)
    pictures = painted(answer, part_tested(answer, truth, record), truth)
    lesion = answer.frame.shrink((truth == 2).astype(np.float32)) > 0.5
    liver = answer.frame.shrink((truth > 0).astype(np.float32)) > 0.5
    assert (pictures["hidden"] != before)[lesion].mean() > 0.9
    assert (pictures["hidden"] == before)[~lesion].all()
    changed = pictures["elsewhere"] != before
    assert not (changed & lesion).any() and not (changed & ~liver).any()
    assert 0.9 * lesion.sum() < changed.sum() <= lesion.sum()
    empty, sector = bare(answer), answer.frame.network_sector
    assert np.ptp(empty[sector]) == 0 < np.ptp(before[sector])
    assert (empty == before)[~sector].all()


def test_a_stopped_run_goes_on_and_another_network_starts_anew(
    data: Path, bundles: dict[int, Path], answered: Path, tmp_path: Path
) -> None:
    shutil.copy(answered / PREDICTIONS, tmp_path)
    whole = read_rows(tmp_path / PREDICTIONS)
    said: list[str] = []
    assert predict_folds(bundles, data, tmp_path, report=said.append) == whole
    assert [line.split(":")[1].split()[0] for line in said] == ["0", "0"]
    # As a kill would leave it: some whole lines, and a torn one.
    lines = (tmp_path / PREDICTIONS).read_text().splitlines()
    (tmp_path / PREDICTIONS).unlink()
    (tmp_path / f"{PREDICTIONS}.partial").write_text("\n".join(lines[:5]) + "\n" + lines[5][:40])
    said.clear()
    again = predict_folds(bundles, data, tmp_path, report=said.append)
    assert again[:5] == whole[:5] and [r["name"] for r in again] == [r["name"] for r in whole]
    for row, old in zip(again, whole, strict=True):  # to rounding: batches are other ones
        assert row["probabilities"] == pytest.approx(old["probabilities"], abs=1e-5)
    assert sum(int(line.split(":")[1].split()[0]) for line in said) == 7
    assert not (tmp_path / f"{PREDICTIONS}.partial").exists()
    said.clear()
    other = {0: bundles[0], 1: copy(bundles[1], tmp_path / "other", name="renamed")}
    predict_folds(other, data, tmp_path, report=said.append)
    assert [line.split(":")[1].split()[0] for line in said] == ["0", "6"]


def test_another_scanners_look_leaves_the_lesion_and_its_ring_alone(
    data: Path, bundles: dict[int, Path], answered: Path
) -> None:
    from hcc_xai.analysis.models import load

    records = read_index(data)
    record = next(r for r in records if r.name == "benign_4")
    answer = load(bundles[0], device="cpu").analyze(data / "images" / "benign_4.png")
    truth = read_truth(data, "benign_4")
    looks = gather_looks(records, data, 96, kind=LIVER)
    assert set(looks) == {"a", "b"} and len(looks["a"]) == 6
    before = answer.frame.to_network(answer.image.grey)
    lesion = answer.frame.shrink((truth == 2).astype(np.float32)) > 0.5
    tested = part_tested(answer, truth, record)
    pictures = other_looks(answer, tested, record, looks)
    assert len(pictures) == 3
    for after in pictures:
        assert (after == before)[lesion].all() and (after < 0)[before < 0].all()
        assert (after != before)[(before >= 0) & ~lesion].mean() > 0.5
    assert other_looks(answer, tested, record, {record.stratum: looks[record.stratum]}) == []
    rows = {r["name"]: r for r in read_rows(answered / PREDICTIONS)}
    for row in rows.values():
        assert len(row["looks"]) == (3 if row["lesion_px"] and row["has_organ"] else 0)
        area, inside = row["pixels"]
        assert sum(area) == row["sector_px"] and sum(inside) <= row["lesion_px"]


def test_a_frame_size_left_out_is_answered_by_who_never_saw_it(
    data: Path, bundles: dict[int, Path], answered: Path, tmp_path: Path
) -> None:
    made = {
        s: copy(bundles[k], tmp_path / f"without-{s}", training={"left_out_stratum": s})
        for k, s in enumerate("ab")
    }
    assert stratum_bundles(tmp_path, tmp_path / "made") == made
    rows = predict_strata(made, data, tmp_path)
    assert [r["name"] for r in rows] == [r.name for r in read_index(data)]
    summary = summarise(
        lesion_rule.nested(read_rows(answered / PREDICTIONS), 0.0),
        left_out=[lesion_rule.judge(r, Outlines(), 0.0) for r in rows],
        resamples=10,
    )
    table = summary.left_out
    assert [(row.stratum, row.n) for row in table] == [("a", 6), ("b", 6), (None, 12)]
    assert table[0].unseen["organ_dice"].n == table[0].seen["organ_dice"].n == 5
    unseen = table[2].unseen
    shares = {k: [r["answer"] == k for r in rows if r["label"] == k] for k in ("normal", "benign")}
    for label, right in shares.items():
        assert unseen[f"recall_{label}"].value == pytest.approx(np.mean(right))
    logs = [-np.log(r["probabilities"][r["label"]]) for r in rows]
    assert unseen["log_loss"].value == pytest.approx(np.mean(logs))
    shown = table_markdown(summary)
    assert "| log loss | normal called so | benign called so | malignant called so |" in shown
    assert f"{unseen['log_loss'].value:.3f} (" in shown
    with pytest.raises(DataError, match="without stratum a, not b"):
        predict_strata({"b": made["a"]}, data, tmp_path / "other")


def test_the_page_about_the_data_finds_what_was_planted(data: Path, tmp_path: Path) -> None:
    from hcc_xai.dataset.overview import overview

    folder = tmp_path / "planted"
    shutil.copytree(data, folder)
    (folder / "images" / "benign_10.png").write_bytes(
        (folder / "images" / "benign_4.png").read_bytes()  # a twin in another fold
    )
    lines = (folder / "index.csv").read_text().replace("benign_10,benign,0", "benign_10,benign,1")
    (folder / "index.csv").write_text(lines)
    mask = cv2.imread(str(folder / "masks" / "normal_3.png"), 0)
    mask[60:63, 80:83] = 2
    cv2.imwrite(str(folder / "masks" / "normal_3.png"), mask)
    found = overview(folder, tmp_path / "page.html", resamples=20)
    assert found["images"] == 12 and found["counts"]["a"] == dict.fromkeys(LABELS, 2)
    said = {o["odd"] for o in found["odd"] if o["name"] == "normal_3"}
    assert said == {"1 part(s) of the lesion under 25 pixels", "labelled normal, with a lesion"}
    pair = found["alike"][0]
    assert pair["names"] == ["benign_4", "benign_10"] and not pair["same_fold"]
    assert pair["correlation"] > 0.95
    page = (tmp_path / "page.html").read_text()
    assert "http" not in page.replace("http-equiv", "") and "benign_10" in page
    assert found["size"]["over_all"]["n"] == 8


def test_wrong_folds_and_wrong_sizes_are_named(
    data: Path, bundles: dict[int, Path], tmp_path: Path
) -> None:
    from hcc_xai.analysis.models import load

    with pytest.raises(DataError, match="fold 7"):
        predict_folds({7: bundles[0]}, data, tmp_path)
    with pytest.raises(DataError, match="holds no folds"):
        fold_bundles(tmp_path, tmp_path)
    with pytest.raises(DataError, match="is missing"):
        read_rows(tmp_path / "none.jsonl")
    leaky = copy(bundles[0], tmp_path / "0", training={"left_out_fold": 1})
    with pytest.raises(DataError, match="without fold 1, not 0"):
        predict_folds({0: leaky}, data, tmp_path)
    for kind in ("images", "masks", "sectors"):
        (tmp_path / kind).mkdir()
        picture = cv2.imread(str(data / kind / "benign_4.png"))
        cv2.imwrite(
            str(tmp_path / kind / "benign_4.png"), picture[:-8] if kind == "masks" else picture
        )
    with pytest.raises(DataError, match="benign_4: picture, mask and sector"):
        predict(
            load(bundles[0], device="cpu"),
            [r for r in read_index(data) if r.name == "benign_4"],
            tmp_path,
        )


def test_run_writes_all_and_the_card_holds_its_figures(
    data: Path, bundles: dict[int, Path], tmp_path: Path
) -> None:
    text = run(
        data,
        bundles[0].parent,
        tmp_path / "out",
        bundle=copy(bundles[0], tmp_path / "all"),
        commands=["make it"],
    )
    written_summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    summary = Summary.from_dict(written_summary)
    assert summary.to_dict() == written_summary
    assert summary.n == 12 and summary.folds == [0, 1]
    assert (tmp_path / "out" / "table.md").read_text() == text == table_markdown(summary)
    picture = cv2.imread(str(tmp_path / "out" / "figures.png"))
    assert picture is not None and picture.std() > 1
    written = (tmp_path / "all" / "README.md").read_text()
    assert text.strip() in written and "make it" in written and "not a medical device" in written
    before = ""
    for line in written.splitlines():  # tables stay whole: no wrapped row, a blank line before each
        assert line.startswith("|") == line.endswith("|"), line
        assert not line.startswith("|") or before == "" or before.startswith("|"), line
        before = line
    front = written.split("---\n")[1].splitlines()
    assert "license: cc0-1.0" in front and "library_name: hcc-xai" in front
    # The figures were fitted to these weights, so the bundle takes them for its own.
    bundle = load_bundle(tmp_path / "all")
    assert "metrics.json" in bundle.extras and not bundle.stale and bundle.card == written
    with pytest.raises(DataError, match="the summary is of"):
        card(tmp_path / "all", replace(summary, labels=["G1", "G2", "G3"]), commands=[])


def test_the_probe_finds_a_scanner_that_is_there_and_none_that_is_not() -> None:
    strata = np.array(["a", "b"] * 100)
    truth, folds = np.array(["benign"] * 200), np.arange(200) % 10
    told = {}
    for name, size in (("there", 3.0), ("not", 0.0)):
        features = np.random.default_rng(5).normal(size=(200, 6)) + size * (strata == "a")[:, None]
        guesses = np.full(200, "", dtype=object)
        for fold in range(10):
            held = folds == fold
            guesses[held] = probe(features.astype(np.float32), strata, fitted=~held, tested=held)
        told[name] = probe_figures(guesses.astype(str), truth, strata)
    assert told["there"]["mean"].value > 0.95 and told["there"]["mean"].chance == 0.5
    assert told["not"]["mean"].low < 0.5 < told["not"]["mean"].high
