"""A figure with its interval: as text, and to JSON and back."""

from __future__ import annotations

import json

from hcc_xai.stats import Figure

FIGURE = Figure(0.8123, 0.79, 0.8341, 12)


def test_a_figure_is_written_in_one_way() -> None:
    assert FIGURE.text() == "0.812 (0.790 to 0.834)"
    assert FIGURE.text(digits=2, note="n 12") == "0.81 (0.79 to 0.83; n 12)"
    change = Figure(-0.05, -0.125, 0.025, 12)
    assert change.text(digits=2, signed=True, between=" – ") == "-0.05 (-0.12 – +0.03)"
    assert change.text(write=lambda v: f"{v:.1%}") == "-5.0% (-12.5% to 2.5%)"


def test_what_a_figure_lacks_is_left_out() -> None:
    assert Figure(0.5, None, None, 3).text() == "0.500"
    assert Figure(0.5, None, None, 3).text(digits=1, note="n 3") == "0.5 (n 3)"
    assert Figure(None, None, None, 0).text() == "–"
    assert Figure(None, None, None, 0).text(missing="no images", note="n 0") == "no images"


def test_a_figure_comes_back_from_json() -> None:
    row = json.loads(json.dumps({"name": "auroc", **FIGURE.to_dict()}))
    assert list(row) == ["name", "value", "low", "high", "n"]
    assert Figure.from_dict(row) == FIGURE
