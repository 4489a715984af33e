"""The layers at work."""

from __future__ import annotations

import io
import time
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.analysis.animation import animate
from hcc_xai.cli.main import main
from hcc_xai.errors import ArgumentError


def test_every_layer_is_a_frame_with_its_name(tiny: Analyzer, scan: np.ndarray) -> None:
    moving = animate(tiny, tiny.analyze(scan), label="benign")
    assert moving.names == tiny.layers and len(moving.frames) == len(moving.names)
    assert moving.sizes[0] == (48, 48) and moving.sizes[-1] == (24, 24)
    assert len({frame.tobytes() for frame in moving.frames}) == len(moving.frames)
    for content, form in ((moving.gif(), "GIF"), (moving.webp(), "WEBP")):
        picture = PIL.Image.open(io.BytesIO(content))
        assert (picture.format, picture.n_frames) == (form, len(moving.names))
        assert picture.size == moving.frames[0].shape[1::-1]
    with pytest.raises(ArgumentError, match="malignant"):
        animate(tiny, tiny.analyze(scan), label="no-such-label")


def test_the_bundle_that_ships_is_quick_and_small() -> None:
    from hcc_xai import load

    analyzer = load(Path(__file__).parents[2] / "weights" / "liver-us", device="cpu")
    answer = analyzer.analyze(Path(__file__).parents[2] / "examples" / "malignant.png")
    animate(analyzer, answer)
    start = time.perf_counter()
    moving = animate(analyzer, answer)
    contents = moving.gif(), moving.webp()
    assert time.perf_counter() - start < 8  # two seconds on a computer that does nothing else
    assert max(map(len, contents)) < 3 * 10**6


def test_on_the_command_line(tiny_bundle: Path, scan: np.ndarray, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "scan.png"), scan)
    arguments = ["explain", str(tmp_path / "scan.png"), "--layers", "--label", "benign"]
    assert main([*arguments, "--out", str(tmp_path), "--model", str(tiny_bundle)]) == 0
    for ending in ("gif", "webp"):
        assert (tmp_path / f"scan_layers_benign.{ending}").stat().st_size > 1000
