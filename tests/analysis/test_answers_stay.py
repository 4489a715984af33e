"""Twenty pictures answered by version 0.9.0 are answered the same: `answers.json` holds what it
said, and no restructuring may change it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.analysis.models import load
from hcc_xai.phantoms.phantom import make, random_spec

TOP = Path(__file__).parents[2]
ANSWERS = json.loads(Path(__file__).with_name("answers.json").read_text())


@pytest.fixture(scope="module")
def shipped() -> Analyzer:
    return load(TOP / "weights" / "liver-us", device="cpu")


def _differences(said: Any, recorded: Any, where: str) -> list[str]:
    """Where two values are not the same, numbers up to the rounding of another processor."""
    if isinstance(recorded, dict):
        return [d for k in recorded for d in _differences(said[k], recorded[k], f"{where}.{k}")]
    if isinstance(recorded, list):
        if len(said) != len(recorded):
            return [f"{where}: {len(said)} for {len(recorded)}"]
        pairs = enumerate(zip(said, recorded, strict=True))
        return [d for i, (a, b) in pairs for d in _differences(a, b, f"{where}[{i}]")]
    numbers = not isinstance(recorded, bool) and isinstance(recorded, int | float)
    if numbers and isinstance(said, int | float):
        same = np.isclose(said, recorded, rtol=0.01, atol=0.002)
    else:
        same = said == recorded
    return [] if same else [f"{where}: {said} for {recorded}"]


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_what_it_was(shipped: Analyzer, name: str) -> None:
    if name.startswith("phantom"):
        picture: Any = make(random_spec(int(name.removeprefix("phantom")))).pixels
    else:
        picture = TOP / "examples" / name
    answer = shipped.analyze(picture, accept=not name.startswith("phantom"))
    answer = answer.with_evidence(shipped.evidence(answer))
    stored = answer.to_dict()
    stored["flags"] = [flag.code for flag in answer.flags]
    assert not _differences(stored, ANSWERS[name], name)
