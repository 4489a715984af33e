"""Metrics against sklearn, by hand, who knows, guesses or cheats; then the whole way."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import make_tiny
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    roc_auc_score,
    roc_curve,
)

from hcc_xai import stats
from hcc_xai.dataset.folder import read_index, read_truth
from hcc_xai.errors import ArgumentError, DataError
from hcc_xai.evaluation import lesion_rule
from hcc_xai.evaluation.card import card
from hcc_xai.evaluation.evaluate import (
    PREDICTIONS,
    fold_bundles,
    predict_folds,
    predict_strata,
    read_rows,
    run,
    stratum_bundles,
)
from hcc_xai.evaluation.figures import frame_baseline, summarise
from hcc_xai.evaluation.rows import bare, gather_looks, other_looks, painted, predict
from hcc_xai.evaluation.scanner_probe import _figures, _probe
from hcc_xai.evaluation.tables import show, table_markdown
from hcc_xai.findings.outlines import Outlines
from hcc_xai.model.bundle import load_bundle
from hcc_xai.model.exact import KINDS

LABELS = ("normal", "benign", "malignant")
STRATA = ("1024x768", "720x576", "800x600")
Row = dict[str, Any]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def drawn(weights: np.ndarray, row: int) -> np.ndarray:
    """The indices that a row of `draws` stands for."""
    return np.repeat(np.arange(weights.shape[1]), weights[row].astype(int))


# ---- metrics -------------------------------------------------------------------------------------


@pytest.mark.parametrize("digits", [1, 9])  # with many ties, and with none
def test_every_resample_agrees_with_sklearn_on_the_sample_it_stands_for(digits: int) -> None:
    positive = rng(1).random(60) < 0.4
    scores = np.round(rng(2).normal(size=60) + positive, digits)
    guesses = rng(3).integers(0, 3, 60)
    truth = rng(4).integers(0, 3, 60)
    weights = stats.draws(60, resamples=20)
    assert (weights[0] == 1).all() and (weights.sum(1) == 60).all()
    area = stats.auroc(scores, positive, weights)
    precision = stats.average_precision(scores, positive, weights)
    balanced = stats.balanced_accuracy(guesses, truth, weights)
    middle, average = stats.median(scores, weights), stats.mean(scores, weights)
    for row in range(21):
        i = drawn(weights, row)
        assert area[row] == pytest.approx(roc_auc_score(positive[i], scores[i]))
        assert precision[row] == pytest.approx(average_precision_score(positive[i], scores[i]))
        assert balanced[row] == pytest.approx(balanced_accuracy_score(truth[i], guesses[i]))
        assert middle[row] == pytest.approx(np.median(scores[i]))
        assert average[row] == pytest.approx(scores[i].mean())


def test_roc_curve_agrees_with_sklearn_and_its_area_with_the_auroc() -> None:
    positive = rng(1).random(80) < 0.5
    scores = np.round(rng(2).normal(size=80) + positive, 1)
    ours, theirs = (
        stats.roc(scores, positive),
        roc_curve(positive, scores, drop_intermediate=False),
    )
    assert np.allclose(ours, theirs[:2])
    area = stats.auroc(scores, positive, np.ones((1, 80)))[0]
    assert np.trapezoid(ours[1], ours[0]) == pytest.approx(area)


def test_missing_values_are_left_out_and_nothing_known_is_nan() -> None:
    weights = stats.draws(4, resamples=5)
    values = [1.0, np.nan, 3.0, np.nan]
    assert stats.mean(values, weights)[0] == 2 and stats.median(values, weights)[0] == 2
    assert np.isnan(stats.mean([np.nan] * 4, weights)).all()
    assert np.isnan(stats.median([np.nan] * 4, weights)).all()
    assert np.isnan(stats.auroc([1, 2, 3, 4], [True] * 4, weights)).all()
    assert stats.figure(np.full(6, np.nan), 0).value is None
    with pytest.raises(ArgumentError, match="NaN"):
        stats.auroc([1, np.nan, 3, 4], [True, False, True, False], weights)
    with pytest.raises(ArgumentError, match="at least 1"):
        stats.draws(0)


def test_within_strata_is_the_average_over_strata_weighted_by_pairs() -> None:
    strata = np.repeat(["a", "b", "c"], [30, 20, 10])
    positive = np.concatenate([rng(1).random(50) < 0.4, np.ones(10, bool)])  # c has one class only
    scores = rng(2).normal(size=60) + positive
    areas, pairs = [], []
    for s in "ab":
        mine = strata == s
        areas.append(roc_auc_score(positive[mine], scores[mine]))
        pairs.append(positive[mine].sum() * (~positive[mine]).sum())
    ours = stats.auroc(scores, positive, np.ones((1, 60)), strata=strata)[0]
    assert ours == pytest.approx(np.average(areas, weights=pairs))


def test_within_strata_is_blind_to_who_only_knows_the_stratum() -> None:
    strata = np.repeat([0, 1], 200)
    positive = rng(1).random(400) < np.where(strata, 0.9, 0.1)
    weights = stats.draws(400, resamples=50)
    assert stats.auroc(strata, positive, weights)[0] > 0.85
    assert (stats.auroc(strata, positive, weights, strata=strata) == 0.5).all()


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    held = 0
    for seed in range(200):
        values = rng(seed).random(80) < 0.3
        found = stats.figure(stats.mean(values, stats.draws(80, resamples=300, seed=seed)), 80)
        assert found.low is not None and found.high is not None
        held += found.low <= 0.3 <= found.high
    assert 0.88 <= held / 200 <= 0.99


def test_a_share_of_nothing_or_all_has_the_exact_bound() -> None:
    none, all_ = stats.unanimous(0.0, 100), stats.unanimous(1.0, 100)
    assert none.low == 0 and (1 - none.high) ** 100 == pytest.approx(0.025)  # type: ignore[operator]
    assert all_.high == 1 and all_.low**100 == pytest.approx(0.025)  # type: ignore[operator]


def test_dice_and_iou_by_hand() -> None:
    one, other = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    one[:2], other[1:3] = True, True  # 8 and 8 pixels, 4 in common
    assert stats.dice(one, other) == 0.5 and stats.iou(one, other) == pytest.approx(4 / 12)
    assert stats.dice(one & False, one & False) == 1 == stats.iou(one, one)
    assert stats.dice(one, one & False) == 0 == stats.iou(one, one & False)


# ---- summary -------------------------------------------------------------------------------------


def make_rows(
    score: Callable[[np.random.Generator, str, str], np.ndarray], *, n: int = 300, seed: int = 0
) -> list[Row]:
    """Made-up rows whose label depends on the frame size; `score` gives the three probabilities."""
    random, rows = rng(seed), []
    for i in range(n):
        stratum = STRATA[i % 3]
        shares = {
            "1024x768": (0.0, 0.15, 0.85),
            "720x576": (0.3, 0.5, 0.2),
            "800x600": (0.2, 0.4, 0.4),
        }
        label = str(random.choice(LABELS, p=shares[stratum]))
        odds = score(random, label, stratum)
        chances = dict(zip(LABELS, (odds / odds.sum()).tolist(), strict=True))
        answer, some = max(LABELS, key=lambda k: chances[k]), label != "normal"
        overlap = float(random.random()) if some else None
        parts = {"lesion": 0.6 * some, "liver": 0.3, "rest": 0.1, "outside": 0.0}
        maps: Row = {kind: parts for kind in KINDS}
        rows.append({
            "name": f"i{i}", "label": label, "fold": i % 5, "stratum": stratum, "group": str(i),
            "width": int(stratum.split("x")[0]), "height": int(stratum.split("x")[1]),
            "brightness": 0.3,
            "sharpness": 0.1, "sector_share": 0.5, "probabilities": chances, "answer": answer,
            "band": "green" if chances[answer] > 0.9 else "red", "sector_iou": 0.97,
            "has_liver": True,
            "liver_dice": 0.9, "lesion_px": 100 * some, "lesion_share": (0.01 + i / 9000) * some,
            "lesion_dice": overlap and 2 * overlap / (1 + overlap), "lesion_iou": overlap,
            "lesions": 1, "false_lesion": None if some else i % 2 == 0,
            "found": [[100, 50 * some, 0.8], [10, 0, 0.6]], "sector_px": 10000,
            "shares": {"truth": maps, "answer": maps},
            "pointing": {"truth": dict.fromkeys(KINDS, True if some else None), "answer": {}},
            "hidden": chances[label] / 2 if some else None,
            "elsewhere": chances[label] if some and i % 4 else None,
            "looks": [[chances[label] - 0.1, True], [chances[label] + 0.2, False]] if some else [],
            "inner": 0.9 if some else None, "outer": 0.8 if some else None,
        })  # fmt: skip
    return rows


def knows(random: np.random.Generator, label: str, stratum: str) -> np.ndarray:
    return np.array([10.0 if k == label else 0.1 for k in LABELS])


def guesses(random: np.random.Generator, label: str, stratum: str) -> np.ndarray:
    return random.random(3)


def reads_the_frame(random: np.random.Generator, label: str, stratum: str) -> np.ndarray:
    return np.array([0.2, 0.2, 0.9] if stratum == "1024x768" else [0.3, 0.6, 0.2])


def value(summary: Row, name: str) -> float:
    return float(summary["figures"][name]["value"])


def test_who_knows_everything_scores_one() -> None:
    s = summarise(make_rows(knows), resamples=50)
    for name in ("accuracy", "balanced_accuracy", "macro_auroc", "macro_average_precision", "auroc",
                 "auroc_within", "band_green", "recall_benign"):  # fmt: skip
        assert value(s, name) == pytest.approx(1), name
    assert value(s, "log_loss") == pytest.approx(-np.log(10 / 10.2))
    assert s["figures"]["band_red"] == {"value": None, "low": None, "high": None, "n": 0}


def test_who_guesses_scores_chance_and_the_interval_holds_it() -> None:
    s = summarise(make_rows(guesses, n=600), resamples=300)
    for name, chance in (("macro_auroc", 0.5), ("auroc", 0.5), ("auroc_within", 0.5),
                         ("balanced_accuracy", 1 / 3)):  # fmt: skip
        figure = s["figures"][name]
        assert figure["low"] < chance < figure["high"] and figure["high"] - figure["low"] < 0.25


def test_who_reads_the_frame_is_found_out_within_it_and_the_baseline_does_as_well() -> None:
    s = summarise(make_rows(reads_the_frame), resamples=50)
    assert value(s, "auroc") > 0.65 and value(s, "auroc_within") == 0.5
    assert value(s, "frame_auroc") > 0.65
    assert value(s, "frame_auroc_within") < 0.6  # folds differ a little, so not quite one half
    found = {row["stratum"]: row for row in s["strata"]}
    assert found["720x576"]["auroc"]["value"] == 0.5


def test_what_the_outline_of_the_scan_tells_is_a_baseline() -> None:
    rows = make_rows(knows)
    assert "bare_auroc" not in summarise(rows, resamples=5)["figures"]  # rows of an older version
    told = make_rows(reads_the_frame)
    rows = [{**row, "bare": other["probabilities"]} for row, other in zip(rows, told, strict=True)]
    s, alone = summarise(rows, resamples=5), summarise(told, resamples=5)
    assert value(s, "auroc") == 1 and value(s, "bare_auroc_within") == 0.5
    for name in ("accuracy", "macro_auroc", "macro_average_precision", "auroc"):
        assert value(s, f"bare_{name}") == value(alone, name)


def test_figures_of_outlines_evidence_and_behaviour_by_hand() -> None:
    rows = make_rows(knows, n=120)
    s = summarise(rows, resamples=50)
    some = [r for r in rows if r["label"] != "normal"]
    normal = [r for r in rows if r["label"] == "normal"]
    assert s["figures"]["lesion_dice"]["n"] == len(some)
    assert value(s, "lesion_dice") == pytest.approx(np.mean([r["lesion_dice"] for r in some]))
    assert value(s, "lesion_hit") == pytest.approx(np.mean([r["lesion_iou"] > 0.1 for r in some]))
    false = np.mean([r["false_lesion"] for r in normal])
    assert value(s, "false_lesion_normal") == pytest.approx(false)
    quarters = [s["figures"][f"lesion_dice_quartile_{k}"] for k in (1, 2, 3, 4)]
    assert sum(q["n"] for q in quarters) == len(some)
    smallest = sorted(some, key=lambda r: r["lesion_share"])[: quarters[0]["n"]]
    assert quarters[0]["value"] == pytest.approx(np.mean([r["lesion_dice"] for r in smallest]))
    assert value(s, "cam_in_lesion") == pytest.approx(0.6)
    assert value(s, "contribution_pointing") == 1 and value(s, "contribution_outside") == 0
    chance = 10 / 10.2
    assert value(s, "hidden_change") == pytest.approx(-chance / 2)
    assert value(s, "hidden_mean") == pytest.approx(chance / 2)
    assert value(s, "elsewhere_mean") == pytest.approx(0, abs=1e-12)
    assert value(s, "looks_flips") == 0.5 and value(s, "looks_mean") == pytest.approx(0.15)
    assert s["figures"]["looks_mean"]["n"] == len(some)
    room = s["figures"]["hidden_with_room_mean"]["n"]
    assert room == sum(r["elsewhere"] is not None for r in rows) < len(some)


def test_free_response_leaves_out_what_is_too_small() -> None:
    table = summarise(make_rows(knows, n=60), resamples=20)["free_response"]
    by_share = {row["least_lesion_share"]: row for row in table}
    # Parts of 100 and 10 pixels in a sector of 10 000: the smaller goes at 0.002.
    assert by_share[0.001]["lesion_dice"]["value"] == pytest.approx(2 * 50 / (110 + 100))
    assert by_share[0.002]["lesion_dice"]["value"] == pytest.approx(2 * 50 / (100 + 100))
    rows = make_rows(knows, n=60)
    normal = sum(r["label"] == "normal" for r in rows)
    assert by_share[0]["false_per_image"]["value"] == pytest.approx((60 + normal) / 60)
    assert by_share[0.005]["false_per_image"]["value"] == pytest.approx(normal / 60)


def test_same_seed_same_intervals_and_all_of_it_is_json() -> None:
    rows = make_rows(guesses, n=90)
    one = summarise(rows, resamples=50, seed=3)
    assert one == summarise(rows, resamples=50, seed=3) != summarise(rows, resamples=50, seed=4)
    assert json.loads(json.dumps(one, allow_nan=False)) == one
    with pytest.raises(DataError, match="no rows"):
        summarise([])


def test_frame_baseline_never_sees_the_fold_it_answers() -> None:
    rows = make_rows(guesses, n=150)
    before = frame_baseline(rows, LABELS)
    for row in rows:
        if row["fold"] == 0:
            row["label"] = "normal"
    after = frame_baseline(rows, LABELS)
    mine = np.array([row["fold"] == 0 for row in rows])
    assert before is not None and after is not None
    assert (before[mine] == after[mine]).all() and (before[~mine] != after[~mine]).any()
    assert frame_baseline([r for r in rows if r["fold"] == 0], LABELS) is None


def test_table_shows_each_figure_and_leaves_out_what_has_no_meaning() -> None:
    s = summarise(make_rows(guesses), resamples=50)
    text = table_markdown(s)
    f = s["figures"]["auroc_within"]
    assert f"{f['value']:.3f} ({f['low']:.3f} to {f['high']:.3f}) | {f['n']} |" in text
    assert not re.search(r"\b(None|nan|inf)\b", text)
    for line in text.splitlines():
        assert not line or line.startswith("|") and line.endswith("|")
    assert "normal images with a false lesion |" in text
    assert show({"value": None}) == "-"
    assert (
        show({"value": 0.1, "low": -0.2, "high": 0.3}, signed=True) == "+0.100 (-0.200 to +0.300)"
    )


# ---- the whole way -------------------------------------------------------------------------------


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
    from hcc_xai.analysis.analyzer import load

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
        assert (row["liver_dice"] is None) == (record.name == "malignant_5")
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
            pictures = painted(answer, truth)
            logits = model.forward(pictures["hidden"][None]).logits[0].astype(float)
            odds = np.exp(logits - logits.max())
            index = list(answer.probabilities).index(record.label)
            assert row["hidden"] == pytest.approx(odds[index] / odds.sum(), abs=1e-5)
    assert any(row["elsewhere"] is not None for row in rows.values())


def test_painting_changes_the_lesion_and_nothing_else(data: Path, bundles: dict[int, Path]) -> None:
    from hcc_xai.analysis.analyzer import load

    answer = load(bundles[0], device="cpu").analyze(data / "images" / "benign_4.png")
    truth = read_truth(data, "benign_4")
    before, pictures = answer.frame.to_network(answer.image.grey), painted(answer, truth)
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
    from hcc_xai.analysis.analyzer import load

    records = read_index(data)
    record = next(r for r in records if r.name == "benign_4")
    answer = load(bundles[0], device="cpu").analyze(data / "images" / "benign_4.png")
    truth = read_truth(data, "benign_4")
    looks = gather_looks(records, data, 96)
    assert set(looks) == {"a", "b"} and len(looks["a"]) == 6
    before = answer.frame.to_network(answer.image.grey)
    lesion = answer.frame.shrink((truth == 2).astype(np.float32)) > 0.5
    pictures = other_looks(answer, truth, record, looks)
    assert len(pictures) == 3
    for after in pictures:
        assert (after == before)[lesion].all() and (after < 0)[before < 0].all()
        assert (after != before)[(before >= 0) & ~lesion].mean() > 0.5
    assert other_looks(answer, truth, record, {record.stratum: looks[record.stratum]}) == []
    rows = {r["name"]: r for r in read_rows(answered / PREDICTIONS)}
    for row in rows.values():
        assert len(row["looks"]) == (3 if row["lesion_px"] and row["has_liver"] else 0)
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
    table = summary["left_out"]
    assert [(row["stratum"], row["n"]) for row in table] == [("a", 6), ("b", 6), (None, 12)]
    assert table[0]["unseen"]["liver_dice"]["n"] == table[0]["seen"]["liver_dice"]["n"] == 5
    unseen = table[2]["unseen"]
    shares = {k: [r["answer"] == k for r in rows if r["label"] == k] for k in ("normal", "benign")}
    for label, right in shares.items():
        assert unseen[f"recall_{label}"]["value"] == pytest.approx(np.mean(right))
    logs = [-np.log(r["probabilities"][r["label"]]) for r in rows]
    assert unseen["log_loss"]["value"] == pytest.approx(np.mean(logs))
    shown = table_markdown(summary)
    assert "| log loss | normal called so | benign called so | malignant called so |" in shown
    assert f"{unseen['log_loss']['value']:.3f} (" in shown
    with pytest.raises(DataError, match="without stratum a, not b"):
        predict_strata({"b": made["a"]}, data, tmp_path / "other")


def test_the_probe_finds_a_scanner_that_is_there_and_none_that_is_not() -> None:
    strata = np.array(["a", "b"] * 100)
    truth, folds = np.array(["benign"] * 200), np.arange(200) % 10
    told = {}
    for name, size in (("there", 3.0), ("not", 0.0)):
        features = rng(5).normal(size=(200, 6)) + size * (strata == "a")[:, None]
        said = np.full(200, "", dtype=object)
        for fold in range(10):
            _probe(features.astype(np.float32), strata, truth == "benign", folds == fold, said)
        told[name] = _figures(said, truth, strata)
    assert told["there"]["mean"]["value"] > 0.95 and told["there"]["mean"]["chance"] == 0.5
    assert told["not"]["mean"]["low"] < 0.5 < told["not"]["mean"]["high"]


def test_limits_of_a_lesion_and_its_lines_by_hand() -> None:
    rows = []
    for i in range(40):  # normal images: one part each, of mean probability 0.50, 0.51, ... 0.89
        rows.append({"name": str(i), "label": "normal", "fold": i % 4, "lesion_px": 0,
                     "sector_px": 1000, "found": [[50, 0, 0.5 + i / 100]],
                     "pixels": [[20] * 50, [0] * 50]})  # fmt: skip
    # In the lesions, the share that is lesion rises with the probability k / 50 as k / 40.
    lesion = [round(20 * min(1, k / 40)) for k in range(50)]
    for i in range(40):
        rows.append({"name": f"m{i}", "label": "malignant", "fold": i % 4, "lesion_px": 400,
                     "sector_px": 1000, "found": [[400, 380, 0.95], [30, 0, 0.7]],
                     "pixels": [[20] * 50, lesion]})  # fmt: skip
    found = lesion_rule.fit(rows, 0.0)
    # At most 4 of 40 may stay, and no limit that is a step lower would do.
    lower = replace(found, least=found.least - 0.02)
    kept = [sum(bool(lesion_rule.kept(r, o, 0.0)) for r in rows[:40]) for o in (found, lower)]
    assert kept[0] <= 4 < kept[1]
    area, inside = np.array([20] * 50)[::-1].cumsum()[::-1], np.array(lesion)[::-1].cumsum()[::-1]
    first = int(np.argmax(inside / area >= 0.9))
    assert found.inner == pytest.approx(first / 50)
    last = int(np.flatnonzero(inside / inside[0] >= 0.9)[-1])
    assert found.outer == pytest.approx(last / 50)
    assert found.confidence(0.95, 0.4) > 0.9 > 0.2 > found.confidence(0.55, 0.05)
    assert found.confidence(0.7, 0.4) > found.confidence(0.7, 0.03)  # larger parts are likelier
    new = lesion_rule.judge(rows[-1], found, 0.0)
    assert new["lesions"] == 1 and new["lesion_dice"] == pytest.approx(2 * 380 / 800)
    assert new["outer"] >= 0.9 and new["inner"] >= 0.9
    nested = lesion_rule.nested(rows, 0.0)
    assert np.mean([r["false_lesion"] for r in nested[:40]]) <= 0.15
    points = lesion_rule.curve(rows, 0.0)
    assert points[0]["false_normal"] == 1 and points[0]["hit"] == 1
    assert points[0]["false_per_image"] == pytest.approx(1.0)  # one in every image
    hits = [p["hit"] for p in points]
    assert hits == sorted(hits, reverse=True)


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
    from hcc_xai.analysis.analyzer import load

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
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["n"] == 12 and summary["folds"] == [0, 1]
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
        card(tmp_path / "all", {**summary, "labels": ["G1", "G2", "G3"]}, commands=[])
