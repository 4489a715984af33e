"""The phantom's truth is exact, and its speckle behaves as speckle does."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hcc_xai.errors import ArgumentError
from hcc_xai.phantoms.phantom import (
    PATIENT,
    PROBES,
    VENDOR,
    LesionSpec,
    PhantomSpec,
    echoes,
    make,
    random_spec,
    to_dicom,
)

# Nothing but liver speckle: one look, no noise, no shading, no slope.
PLAIN = PhantomSpec(
    5,
    (256, 320),
    homogeneous=True,
    looks=1,
    noise_db=-90,
    shading_db=0,
    tgc_slope=0,
    speckle_mm=1.0,
)


def test_same_spec_same_bytes_other_seed_other_bytes() -> None:
    spec = random_spec(3, label="malignant", shape=(128, 160))
    assert make(spec).pixels.tobytes() == make(spec).pixels.tobytes()
    assert make(replace(spec, seed=4)).pixels.tobytes() != make(spec).pixels.tobytes()
    one, other = (echoes(replace(PLAIN, seed=seed)).amplitude for seed in (5, 6))
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.05  # the speckle itself, too


@pytest.mark.parametrize("aspect, angle, lobes", [(1.0, 0, 0.0), (0.6, 30, 0.0), (0.8, 110, 0.25)])
def test_area_of_the_mask_is_that_of_the_ellipse(aspect: float, angle: float, lobes: float) -> None:
    lesion = LesionSpec(70, -10, 40, aspect=aspect, angle_deg=angle, lobes=lobes)
    p = make(PhantomSpec(1, (384, 512), lesions=(lesion,)))
    area = p.lesion.sum() * p.mm_per_pixel**2
    assert area == pytest.approx(np.pi / 4 * 40**2 * aspect, rel=0.02)


def test_mask_lies_where_the_spec_says() -> None:
    p = make(PhantomSpec(1, (300, 400), lesions=(LesionSpec(80, 25, 30, aspect=0.5),), breath_mm=4))
    rows, cols = np.nonzero(p.lesion)
    assert (rows.mean() - p.origin[0]) * p.mm_per_pixel == pytest.approx(80, abs=0.5)
    assert (cols.mean() - p.origin[1]) * p.mm_per_pixel == pytest.approx(25 + 4, abs=0.5)
    assert np.ptp(cols) + 1 == pytest.approx(30 / p.mm_per_pixel, abs=2)
    assert np.ptp(rows) + 1 == pytest.approx(15 / p.mm_per_pixel, abs=2)


@pytest.mark.parametrize("probe", PROBES)
def test_masks_nest_and_the_liver_is_not_everything(probe: str) -> None:
    for seed in range(4):
        spec = replace(random_spec(seed, label="malignant", shape=(192, 256)), probe=probe)
        p = make(spec)
        assert not (p.liver & ~p.sector).any() and not (p.lesion & ~p.liver).any()
        assert (np.logical_or.reduce(p.lesions) == p.lesion).all()
        assert 0.25 < p.liver.sum() / p.sector.sum() < 0.9


@pytest.mark.parametrize("probe", PROBES)
def test_spacing_agrees_with_depth_and_outside_is_black(probe: str) -> None:
    p = make(PhantomSpec(2, (240, 330), probe=probe, depth_mm=120, gain_db=5))
    middle = p.sector[:, round(p.origin[1])]
    assert middle.sum() * p.mm_per_pixel == pytest.approx(120, abs=1.5 * p.mm_per_pixel)
    assert np.flatnonzero(middle)[0] == pytest.approx(p.origin[0], abs=1)
    assert (p.pixels[~p.sector] == 0).all()
    assert np.median(p.pixels[p.sector]) > 15


@pytest.mark.parametrize("contrast", [-12.0, 7.0])
def test_contrast_before_compression(contrast: float) -> None:
    lesion = LesionSpec(75, 5, 45, contrast_db=contrast)
    heard = echoes(replace(PLAIN, lesions=(lesion,)))
    rho = lesion.radius(heard.lateral_mm, heard.depth_mm)
    power = heard.amplitude**2
    ring = (rho > 1.15) & (rho < 1.8)
    assert 10 * np.log10(power[rho < 0.85].mean() / power[ring].mean()) == pytest.approx(
        contrast, abs=0.6
    )


def test_posterior_change_lies_behind_the_lesion_only() -> None:
    lesion = LesionSpec(60, 0, 30, contrast_db=0, posterior_db=-15)
    changed, plain = (echoes(replace(PLAIN, lesions=ls)) for ls in ((lesion,), ()))
    ratio = 20 * np.log10(changed.amplitude / plain.amplitude)
    ahead = plain.depth_mm < 40
    behind = (plain.depth_mm > 90) & (np.abs(plain.lateral_mm) < 4)
    assert np.median(ratio[behind]) == pytest.approx(-15, abs=1.5)
    assert np.abs(ratio[ahead]).max() < 0.01


def test_speckle_is_rayleigh_and_compounding_smooths_it() -> None:
    deep = slice(40, -10)
    amplitude = echoes(PLAIN).amplitude[deep]
    assert amplitude.mean() / amplitude.std() == pytest.approx(1.91, abs=0.06)
    assert (amplitude**2).mean() == pytest.approx(1, abs=0.06)
    four = echoes(replace(PLAIN, looks=4)).amplitude[deep]
    assert four.mean() / four.std() == pytest.approx(2 * 1.91, abs=0.15)


def test_speckle_is_wider_across_than_along_and_widens_with_depth() -> None:
    heard = echoes(replace(PLAIN, shape=(480, 640)))

    def width_mm(rows: slice, axis: int) -> float:
        a = heard.amplitude[rows] - heard.amplitude[rows].mean()
        x, z = heard.lateral_mm[rows], heard.depth_mm[rows]
        step = np.hypot(np.diff(x, axis=axis), np.diff(z, axis=axis)).mean()
        lag = [float((a * np.roll(a, k, axis)).mean() / a.var()) for k in range(40)]
        return float(
            np.interp(
                -0.5, [-v for v in lag[: int(np.argmin(lag)) + 1]], np.arange(np.argmin(lag) + 1)
            )
            * step
        )

    n = heard.amplitude.shape[0]
    near, far = slice(n // 8, n // 4), slice(3 * n // 4, 7 * n // 8)
    assert width_mm(near, 1) > 1.5 * width_mm(near, 0)
    assert width_mm(far, 1) > 1.3 * width_mm(near, 1)
    assert width_mm(far, 0) == pytest.approx(width_mm(near, 0), rel=0.15)


def test_liver_is_mid_grey_and_lesions_show() -> None:
    for seed in range(6):
        for label, sign in (("benign", 1), ("malignant", -1)):
            p = make(random_spec(seed, label=label, shape=(256, 256)))
            grey = p.pixels[..., 0].astype(float)
            assert 35 < np.median(grey[p.liver & ~p.lesion]) < 140
            lone = make(replace(p.spec, lesions=())).pixels[..., 0].astype(float)
            assert sign * (grey[p.lesion].mean() - lone[p.lesion].mean()) > 4
            assert p.label == label


def test_text_outside_leaves_the_scan_alone_and_the_inside_marks_do_not() -> None:
    spec = replace(random_spec(2, label="benign", shape=(384, 512)), veil=0)
    bare = make(spec)
    framed = make(replace(spec, text_outside=True, veil=30))
    assert (framed.pixels[bare.sector] == bare.pixels[bare.sector]).all()
    assert (framed.pixels[~bare.sector] > 0).any(axis=1).mean() > 0.02
    marked = make(replace(spec, calipers=True, text_inside=True))
    assert (marked.pixels != bare.pixels)[bare.sector].any()
    assert (marked.liver == bare.liver).all() and (marked.lesion == bare.lesion).all()


def test_anatomy_does_not_depend_on_the_frame() -> None:
    small, large = (
        make(random_spec(9, label="malignant", shape=s)) for s in ((192, 256), (384, 512))
    )
    share = [
        (p.liver.sum() / p.sector.sum(), p.lesion.sum() / p.sector.sum()) for p in (small, large)
    ]
    assert share[0] == pytest.approx(share[1], rel=0.03)


def test_wrong_specs_name_what_is_allowed() -> None:
    with pytest.raises(ArgumentError, match="known: convex, linear"):
        PhantomSpec(1, probe="round")
    with pytest.raises(ArgumentError, match="known: normal, benign, malignant"):
        random_spec(1, label="grave")
    with pytest.raises(ArgumentError, match="known: benign, malignant"):
        LesionSpec(1, 1, 1, kind="other")
    with pytest.raises(ArgumentError, match="depth_mm is above 0, got -1"):
        PhantomSpec(1, depth_mm=-1)
    with pytest.raises(ArgumentError, match="at least 64 x 64"):
        PhantomSpec(1, (64, 63))
    with pytest.raises(ArgumentError, match="got 0 frames"):
        to_dicom([], "never.dcm")


def test_specs_become_json() -> None:
    spec = random_spec(1, label="malignant")
    back = json.loads(json.dumps(spec.to_dict()))
    assert LesionSpec(**back["lesions"][0]) == spec.lesions[0]
    assert back["depth_mm"] == spec.depth_mm


@pytest.mark.parametrize("frames, text", [(1, True), (3, False)])
def test_dicom_holds_pixels_spacing_and_fictitious_tags(
    tmp_path: Path, frames: int, text: bool
) -> None:
    import pydicom

    spec = replace(random_spec(6, label="benign", shape=(120, 160)), text_outside=text)
    made = [make(replace(spec, breath_mm=2.0 * n)) for n in range(frames)]
    to_dicom(made, tmp_path / "a.dcm")
    ds = pydicom.dcmread(tmp_path / "a.dcm")
    array = ds.pixel_array
    expected = np.stack([p.pixels if text else p.pixels[..., 0] for p in made])
    assert (array == (expected if frames > 1 else expected[0])).all()
    assert len({p.pixels.tobytes() for p in made}) == frames
    region = ds.SequenceOfUltrasoundRegions[0]
    assert region.PhysicalDeltaX * 10 == pytest.approx(made[0].mm_per_pixel)
    rows, cols = np.nonzero(made[0].sector)
    box = (
        region.RegionLocationMinX0,
        region.RegionLocationMinY0,
        region.RegionLocationMaxX1,
        region.RegionLocationMaxY1,
    )
    assert box == (cols.min(), rows.min(), cols.max(), rows.max())
    assert str(ds.PatientName) == PATIENT["PatientName"] and ds.Manufacturer == VENDOR


def test_import_is_light() -> None:
    heavy = "{'torch', 'pydicom', 'matplotlib'}"
    code = f"import sys, hcc_xai.phantoms.phantom; print({heavy} & set(sys.modules))"
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


def test_examples_are_made_small(tmp_path: Path) -> None:
    script = Path(__file__).parents[2] / "scripts" / "make_examples.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True)
    files = sorted(tmp_path.iterdir())
    assert {f.suffix for f in files} == {".png", ".dcm"} and len(files) == 6
    assert sum(f.stat().st_size for f in files) < 1_500_000
