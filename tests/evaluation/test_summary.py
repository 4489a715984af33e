"""A summary of rows by who knows, guesses or cheats, and what its tables show."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hcc_xai.dataset.scanner import frame_baseline
from hcc_xai.errors import DataError
from hcc_xai.evaluation.summarise import summarise
from hcc_xai.evaluation.summary import Summary
from hcc_xai.evaluation.tables import interval, table_markdown
from hcc_xai.model.exact import KINDS
from hcc_xai.stats import Figure

LABELS = ("normal", "benign", "malignant")
STRATA = ("1024x768", "720x576", "800x600")
Row = dict[str, Any]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


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
        parts = {"lesion": 0.6 * some, "organ": 0.3, "rest": 0.1, "outside": 0.0}
        maps: Row = {kind: parts for kind in KINDS}
        rows.append({
            "name": f"i{i}", "label": label, "fold": i % 5, "stratum": stratum, "group": str(i),
            "outlines": "drawn", "present": [answer],
            "width": int(stratum.split("x")[0]), "height": int(stratum.split("x")[1]),
            "brightness": 0.3,
            "sharpness": 0.1, "sector_share": 0.5, "probabilities": chances, "answer": answer,
            "band": "green" if chances[answer] > 0.9 else "red", "sector_iou": 0.97,
            "has_organ": True,
            "organ_dice": 0.9, "lesion_px": 100 * some, "lesion_share": (0.01 + i / 9000) * some,
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


def value(summary: Summary, name: str) -> float:
    found = summary.figures[name].value
    assert found is not None
    return found


def test_who_knows_everything_scores_one() -> None:
    s = summarise(make_rows(knows), resamples=50)
    for name in ("accuracy", "balanced_accuracy", "macro_auroc", "macro_average_precision", "auroc",
                 "auroc_within", "band_green", "recall_benign"):  # fmt: skip
        assert value(s, name) == pytest.approx(1), name
    assert value(s, "log_loss") == pytest.approx(-np.log(10 / 10.2))
    assert s.figures["band_red"] == Figure(None, None, None, 0)


def test_who_guesses_scores_chance_and_the_interval_holds_it() -> None:
    s = summarise(make_rows(guesses, n=600), resamples=300)
    for name, chance in (("macro_auroc", 0.5), ("auroc", 0.5), ("auroc_within", 0.5),
                         ("balanced_accuracy", 1 / 3)):  # fmt: skip
        figure = s.figures[name]
        assert figure.low < chance < figure.high and figure.high - figure.low < 0.25


def test_who_reads_the_frame_is_found_out_within_it_and_the_baseline_does_as_well() -> None:
    s = summarise(make_rows(reads_the_frame), resamples=50)
    assert value(s, "auroc") > 0.65 and value(s, "auroc_within") == 0.5
    assert value(s, "frame_auroc") > 0.65
    assert value(s, "frame_auroc_within") < 0.6  # folds differ a little, so not quite one half
    found = {row.stratum: row for row in s.strata}
    assert found["720x576"].auroc.value == 0.5


def test_what_the_outline_of_the_scan_tells_is_a_baseline() -> None:
    rows = make_rows(knows)
    assert "bare_auroc" not in summarise(rows, resamples=5).figures  # rows of an older version
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
    assert s.figures["lesion_dice"].n == len(some)
    assert value(s, "lesion_dice") == pytest.approx(np.mean([r["lesion_dice"] for r in some]))
    assert value(s, "lesion_hit") == pytest.approx(np.mean([r["lesion_iou"] > 0.1 for r in some]))
    false = np.mean([r["false_lesion"] for r in normal])
    assert value(s, "false_lesion_absent") == pytest.approx(false)
    quarters = [s.figures[f"lesion_dice_quartile_{k}"] for k in (1, 2, 3, 4)]
    assert sum(q.n for q in quarters) == len(some)
    smallest = sorted(some, key=lambda r: r["lesion_share"])[: quarters[0].n]
    assert quarters[0].value == pytest.approx(np.mean([r["lesion_dice"] for r in smallest]))
    assert value(s, "cam_in_lesion") == pytest.approx(0.6)
    assert value(s, "contribution_pointing") == 1 and value(s, "contribution_outside") == 0
    chance = 10 / 10.2
    assert value(s, "hidden_change") == pytest.approx(-chance / 2)
    assert value(s, "hidden_mean") == pytest.approx(chance / 2)
    assert value(s, "elsewhere_mean") == pytest.approx(0, abs=1e-12)
    assert value(s, "looks_flips") == 0.5 and value(s, "looks_mean") == pytest.approx(0.15)
    assert s.figures["looks_mean"].n == len(some)
    room = s.figures["hidden_with_room_mean"].n
    assert room == sum(r["elsewhere"] is not None for r in rows) < len(some)


def test_free_response_leaves_out_what_is_too_small() -> None:
    table = summarise(make_rows(knows, n=60), resamples=20).free_response
    by_share = {row.least_lesion_share: row for row in table}
    # Parts of 100 and 10 pixels in a sector of 10 000: the smaller goes at 0.002.
    assert by_share[0.001].lesion_dice.value == pytest.approx(2 * 50 / (110 + 100))
    assert by_share[0.002].lesion_dice.value == pytest.approx(2 * 50 / (100 + 100))
    rows = make_rows(knows, n=60)
    normal = sum(r["label"] == "normal" for r in rows)
    assert by_share[0].false_per_image.value == pytest.approx((60 + normal) / 60)
    assert by_share[0.005].false_per_image.value == pytest.approx(normal / 60)


def test_same_seed_same_intervals_and_all_of_it_is_json() -> None:
    rows = make_rows(guesses, n=90)
    one = summarise(rows, resamples=50, seed=3)
    assert one == summarise(rows, resamples=50, seed=3) != summarise(rows, resamples=50, seed=4)
    assert json.loads(json.dumps(one.to_dict(), allow_nan=False)) == one.to_dict()
    assert Summary.from_dict(one.to_dict()) == one
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
    f = s.figures["auroc_within"]
    assert f"{f.value:.3f} ({f.low:.3f} to {f.high:.3f}) | {f.n} |" in text
    assert not re.search(r"\b(None|nan|inf)\b", text)
    for line in text.splitlines():
        assert not line or line.startswith("|") and line.endswith("|")
    assert "normal images that show lesions all the same |" in text
    assert interval(None) == interval(Figure(None, None, None, 0)) == "-"
    assert interval(Figure(0.1, -0.2, 0.3, 9), signed=True) == "+0.100 (-0.200 to +0.300)"
