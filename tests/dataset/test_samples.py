"""A training sees of a picture what serving sees of it, whatever kind of file it is."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from types import FrameType

import cv2
import numpy as np
import pytest

import hcc_xai
from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.dataset.folder import image_path, read_index
from hcc_xai.dataset.samples import CODE, cached_samples, load_sample, plain
from hcc_xai.errors import DataError
from hcc_xai.imaging.frame import Frame, find_sector
from hcc_xai.imaging.read import ENDINGS, read
from hcc_xai.kinds import fields
from hcc_xai.phantoms.phantom import make, random_spec, to_dicom

SIZE = 96
FILES = ("grey.png", "colour.jpg", "deep.png", "study.dcm")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One phantom as a picture of 8 bits, in colour with a blue caption, of 16 bits, and as a DICOM
    file."""
    top = tmp_path_factory.mktemp("kinds")
    for name in ("images", "masks", "sectors"):
        (top / name).mkdir()
    phantom = make(random_spec(2, label="malignant", shape=(240, 320)))
    grey = phantom.pixels[..., 0]
    colour = np.stack([grey // 2, grey // 3 * 2, grey], axis=2)  # blue, green, red
    cv2.putText(colour, "B", (4, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 0, 0), 1)
    finer = np.random.default_rng(0).integers(0, 257, grey.shape)  # what 8 bits do not hold
    deep = np.where(grey > 0, grey * 256.0 + finer, 0).clip(0, 65535).astype(np.uint16)
    for file, picture in zip(FILES, (grey, colour, deep), strict=False):
        cv2.imwrite(str(top / "images" / file), picture)
    to_dicom(phantom, top / "images" / FILES[-1])
    rows = [["name", "label", "fold"]]
    for file in FILES:
        name = Path(file).stem
        mask = phantom.liver.astype(np.uint8) + phantom.lesion
        cv2.imwrite(str(top / "masks" / f"{name}.png"), mask)
        cv2.imwrite(str(top / "sectors" / f"{name}.png"), phantom.sector.astype(np.uint8) * 255)
        rows.append([name, "malignant", "0"])
    with (top / "index.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return top


@pytest.mark.parametrize("index", range(len(FILES)), ids=FILES)
def test_training_and_serving_read_a_picture_alike(
    folder: Path, tiny: Analyzer, index: int
) -> None:
    record = read_index(folder)[index]
    sample = load_sample(folder, record, size=SIZE)
    image = read(folder / "images" / FILES[index])
    frame = Frame.around(find_sector(image.pixels), size=len(sample.grey))
    np.testing.assert_array_equal(sample.sector, frame.network_sector)
    np.testing.assert_array_equal(sample.grey, np.rint(frame.shrink(image.grey * 255)))
    prepared = tiny.prepare(image)
    served, seen = prepared.frame, prepared.input
    np.testing.assert_array_equal(served.sector, frame.sector)
    both = (seen >= 0) & (plain(sample, SIZE)[0] >= 0)
    assert both.sum() > 0.97 * (seen >= 0).sum()
    # Training makes it small in two steps, which blurs the speckle a little.
    assert np.corrcoef(seen[both], plain(sample, SIZE)[0][both])[0, 1] > 0.95


def test_a_picture_is_found_by_every_ending_that_is_read(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match=r"no picture images/x\.jpg, \.png, .* or \.dcm in "):
        image_path(tmp_path, "x")
    for ending in reversed(ENDINGS):  # an earlier one wins over a later one
        (tmp_path / "images" / f"x{ending}").write_bytes(b"")
        assert image_path(tmp_path, "x").suffix == ending
    assert [image_path(folder, Path(file).stem).name for file in FILES] == list(FILES)


def test_a_picture_that_cannot_be_read_is_named(folder: Path) -> None:
    record = read_index(folder)[0]
    broken = folder / "images" / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(DataError, match=r"broken\.png: This file is "):
        load_sample(folder, type(record)("broken", "malignant", 0), size=SIZE)
    broken.unlink()


def test_the_cache_depends_on_all_code_that_makes_a_sample(folder: Path, tmp_path: Path) -> None:
    ran: set[str] = set()

    def watch(frame: FrameType, event: str, argument: object) -> None:
        ran.add(frame.f_code.co_filename)

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        for record in read_index(folder):
            load_sample(folder, record, size=SIZE)
    finally:
        sys.setprofile(before)
    top = str(Path(hcc_xai.__file__).parent)
    mine = {path for path in ran if path.startswith(top)}
    assert mine == set(CODE) - {fields.__file__}  # which finds other kinds' fields
    made = cached_samples(folder, read_index(folder), size=SIZE, cache=tmp_path)
    again = cached_samples(folder, read_index(folder), size=SIZE, cache=tmp_path)
    for one, other in zip(made, again, strict=True):
        np.testing.assert_array_equal(one.grey, other.grey)
