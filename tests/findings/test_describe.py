"""Descriptions of phantoms whose values are known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.errors import ArgumentError
from hcc_xai.findings.describe import Descriptor, describe
from hcc_xai.findings.lesions import find_lesions
from hcc_xai.phantoms.phantom import make
from hcc_xai.phantoms.spec import LesionSpec, PhantomSpec

BASE = LesionSpec(70, 0, 35)


def told(
    lesion: LesionSpec, *, seed: int = 3, mm: bool = True, **more: Any
) -> dict[str, Descriptor]:
    """The description by the true outline."""
    spec = PhantomSpec(seed, (480, 640), lesions=(lesion,), vessels=0, shading_db=1, **more)
    p = make(spec)
    logits = np.where(p.lesion, 4.0, -4.0).astype(np.float32)
    spacing = (lambda r, c: (p.mm_per_pixel, p.mm_per_pixel)) if mm else None
    found = find_lesions(logits, p.lesion, p.sector, spacing_at=spacing)[0]
    grey = p.pixels[..., 0].astype(np.float32) / 255
    return {d.name: d for d in describe(grey, p.sector, p.liver | p.lesion, found)}


@pytest.mark.parametrize(
    ("contrast", "word"),
    [
        (-12, "hypoechoic"),
        (-6, "hypoechoic"),
        (0, "isoechoic"),
        (5, "hyperechoic"),
        (9, "hyperechoic"),
    ],
)
@pytest.mark.parametrize("seed", [0, 2, 3])
def test_echogenicity_in_decibels(contrast: float, word: str, seed: int) -> None:
    found = told(replace(BASE, contrast_db=contrast), seed=seed)["echogenicity"]
    assert found.value == pytest.approx(contrast, abs=1.0)
    assert (found.word, found.unit) == (word, "dB")


def test_a_cyst_is_anechoic() -> None:
    cyst = replace(BASE, contrast_db=-50, posterior_db=5)
    found = told(cyst, noise_db=-60, gain_db=-6)
    assert found["echogenicity"].word == "anechoic"


def test_texture_margin_and_lobes_rise_with_what_was_drawn() -> None:
    textures = [told(replace(BASE, texture_db=t))["homogeneity"] for t in (0, 2, 4, 6)]
    margins = [told(replace(BASE, margin_mm=m))["margin"] for m in (1, 4, 8, 12)]
    hulls = [told(replace(BASE, lobes=x))["shape"] for x in (0, 0.1, 0.2, 0.3)]
    for some, rises in ((textures, True), (margins, True), (hulls, False)):
        values = [d.value for d in some]
        assert values == sorted(values, reverse=not rises)
    assert [textures[0].word, textures[-1].word] == ["homogeneous", "heterogeneous"]
    assert [margins[0].word, margins[-1].word] == ["well-defined", "ill-defined"]
    assert [hulls[0].word, hulls[-1].word] == ["round", "lobulated"]
    assert margins[2].value == pytest.approx(0.8 * 8 / 35, abs=0.06)  # a tenth to nine tenths
    assert told(replace(BASE, aspect=0.5))["roundness"].value == pytest.approx(0.5, abs=0.04)
    assert told(replace(BASE, aspect=0.5))["shape"].word == "oval"


def test_halo() -> None:
    bright = replace(BASE, contrast_db=4)
    assert told(bright)["halo"].word == "no halo"
    found = told(replace(bright, halo=True))["halo"]
    assert found.word == "halo" and 2 < found.value < 9.5


@pytest.mark.parametrize(
    ("behind", "word"),
    [(-7, "posterior shadow"), (0, "no posterior change"), (6, "posterior enhancement")],
)
def test_what_lies_behind(behind: float, word: str) -> None:
    found = told(replace(BASE, posterior_db=behind))["posterior"]
    assert found.value == pytest.approx(behind, abs=1.5) and found.word == word


def test_size_depth_and_capsule() -> None:
    found = told(BASE)
    assert found["size"].value == pytest.approx(35, abs=1) and found["size"].unit == "mm"
    assert found["depth"].value == pytest.approx(70 - 17.5, abs=4)
    assert found["capsule"].unit == "mm" and found["capsule"].word in ("deep", "subcapsular")
    pixels = told(BASE, mm=False)
    assert pixels["size"].unit == pixels["capsule"].unit == "px"
    high = told(replace(BASE, row_mm=42))["capsule"]
    assert high.word == "subcapsular" and high.value < 10


@pytest.mark.parametrize(("gap", "word"), [(3, "at a vessel"), (12, "away from vessels")])
def test_how_near_a_vessel_is(gap: float, word: str) -> None:
    spec = PhantomSpec(3, (480, 640), lesions=(BASE,), homogeneous=True, shading_db=1)
    p = make(spec)
    logits = np.where(p.lesion, 4.0, -4.0).astype(np.float32)
    found = find_lesions(
        logits, p.lesion, p.sector, spacing_at=lambda r, c: (p.mm_per_pixel, p.mm_per_pixel)
    )[0]
    grey = p.pixels[..., 0].astype(np.float32) / 255
    plain = {d.name: d for d in describe(grey, p.sector, p.liver, found)}
    assert plain["vessel"].value is None and plain["vessel"].word == ""  # none to be seen
    right = int(np.nonzero(p.lesion.any(0))[0].max())
    rows = np.nonzero(p.lesion.any(1))[0]
    left = right + round(gap / p.mm_per_pixel)
    grey[rows.min() : rows.max(), left : left + round(5 / p.mm_per_pixel)] *= 0.2
    one = {d.name: d for d in describe(grey, p.sector, p.liver, found)}["vessel"]
    assert one.value == pytest.approx(gap, abs=2.0) and (one.word, one.unit) == (word, "mm")


def test_a_lesion_at_the_livers_edge_has_nothing_to_compare_behind_it() -> None:
    found = told(BASE, seed=1)  # bowel lies right behind it
    assert found["posterior"].value is None and found["posterior"].word == ""
    assert found["capsule"].value == pytest.approx(0, abs=1)


def test_an_answer_describes_its_lesions_in_both_languages(
    tiny: Analyzer, scan: np.ndarray
) -> None:
    answer = tiny.analyze(scan)
    found = answer.describe()
    assert {d.name for d in found} >= {"echogenicity", "margin", "shape", "posterior", "size"}
    assert all(d.said("en") == d.word and (not d.word or d.said("es")) for d in found)
    assert found[0].to_dict()["name"] == "echogenicity"
    with pytest.raises(ArgumentError, match=f"there are {len(answer.lesions)}"):
        answer.describe(len(answer.lesions) + 1)
