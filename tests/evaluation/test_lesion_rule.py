"""Which parts are lesions: fitted by hand, and the same in rows as in an answer."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.evaluation import lesion_rule
from hcc_xai.evaluation.rows import parts_of
from hcc_xai.findings.lesions import LEAST_PIXELS
from hcc_xai.findings.outlines import Outlines
from hcc_xai.phantoms.phantom import make, random_spec


def test_limits_of_a_lesion_and_its_lines_by_hand() -> None:
    rows = []
    for i in range(40):  # normal images: one part each, of mean probability 0.50, 0.51, ... 0.89
        rows.append({"name": str(i), "label": "normal", "fold": i % 4, "lesion_px": 0,
                     "outlines": "drawn", "sector_px": 1000, "found": [[50, 0, 0.5 + i / 100]],
                     "pixels": [[20] * 50, [0] * 50]})  # fmt: skip
    # In the lesions, the share that is lesion rises with the probability k / 50 as k / 40.
    lesion = [round(20 * min(1, k / 40)) for k in range(50)]
    for i in range(40):
        rows.append({"name": f"m{i}", "label": "malignant", "fold": i % 4, "lesion_px": 400,
                     "outlines": "drawn",
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


def _between(values: np.ndarray, cut: float) -> float:
    """A threshold near a quantile that is no pixel's own value: rows compare probabilities, answers
    their logits, and the last bit of one may fall the other way."""
    known = np.unique(values)
    near = known[max(0, int(cut * len(known)) - 20) :][:40].astype(float)
    at = int(np.diff(near).argmax())
    return (near[at] + near[at + 1]) / 2


def test_a_row_and_an_answer_call_the_same_parts_lesions(tiny: Analyzer) -> None:
    """Number and pixel counts are equal. Confidences are not quite: a row keeps four digits of the
    mean probability, so a part within 0.0001 of the limit may go either way."""
    outlines = Outlines(least=0.45, slope=2.0, size=0.3, bias=1.0)
    specks = lesions = 0
    for seed in range(6):
        phantom = make(random_spec(seed, label="malignant", shape=(120, 160)))
        answer = tiny.analyze(phantom.pixels)
        chance = answer.mask_probabilities["lesion"]
        for cut in (0.5, 0.9, 0.99, 0.999):
            thresholds = {"liver": 0.5, "lesion": _between(chance[answer.sector], cut)}
            for share in (0.0, 0.002, 0.01):
                config = replace(
                    answer.config, mask_thresholds=thresholds, least_lesion_share=share
                )
                same = replace(answer, config=config, outlines=Outlines())
                parts = parts_of(same, phantom.lesion)
                row = {"found": [list(p) for p in parts], "sector_px": int(same.sector.sum())}
                found = sorted(lesion_rule.kept(row, Outlines(), share))
                there = sorted(same.lesions, key=lambda lesion: lesion.area_px)
                assert [p.pixels for p in found] == [lesion.area_px for lesion in there]
                inside = sum((lesion.mask & phantom.lesion).sum() for lesion in there)
                assert sum(p.inside for p in found) == inside
                assert sorted(p.chance for p in found) == pytest.approx(
                    sorted(lesion.confidence for lesion in there), abs=1e-4
                )
                sure = replace(same, outlines=outlines)
                kept = sorted(p.pixels for p in lesion_rule.kept(row, outlines, share))
                assert kept == sorted(lesion.area_px for lesion in sure.lesions)
                lesions += len(kept)
            over = (chance > thresholds["lesion"]).astype(np.uint8)
            sizes = cv2.connectedComponentsWithStats(over, connectivity=8)[2][1:, cv2.CC_STAT_AREA]
            specks += int((sizes < LEAST_PIXELS).sum())
    assert specks > 0 and lesions > 10  # there was something to leave out, and to keep
