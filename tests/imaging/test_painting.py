"""Hiding a lesion: it is gone, its surroundings are untouched, and the speckle goes on."""

from __future__ import annotations

import numpy as np

from hcc_xai.imaging.painting import elsewhere, look_of, paint_over, with_look


def _scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    grey = np.clip(rng.normal(0.5, 0.06, (120, 160)), 0, 1).astype(np.float32)
    lesion = np.zeros(grey.shape, bool)
    lesion[40:60, 50:80] = True
    grey[lesion] -= 0.35
    grey[:, :10] = -1
    return grey, lesion, (grey >= 0) & ~lesion


def test_the_lesion_is_gone_and_nothing_else_changes() -> None:
    grey, lesion, tissue = _scene()
    painted = paint_over(grey, lesion, tissue=tissue)
    np.testing.assert_array_equal(painted[~lesion], grey[~lesion])
    assert abs(painted[lesion].mean() - 0.5) < 0.04
    assert 0.5 < painted[lesion].std() / grey[tissue].std() < 1.6


def test_nothing_to_hide_changes_nothing() -> None:
    grey, lesion, tissue = _scene()
    np.testing.assert_array_equal(paint_over(grey, np.zeros_like(lesion), tissue=tissue), grey)


def test_a_lesion_as_large_as_the_liver_is_still_painted() -> None:
    grey, _, _ = _scene()
    everything = grey >= 0
    everything[:20] = False
    painted = paint_over(grey, everything, tissue=np.zeros_like(everything))
    assert np.isfinite(painted).all() and painted[everything].std() > 0.01


def test_elsewhere_is_the_same_shape_fully_inside_and_far_away() -> None:
    _, lesion, tissue = _scene()
    rows, cols = elsewhere(lesion, tissue)
    assert len(rows) == lesion.sum() and tissue[rows, cols].all()
    moved = np.zeros_like(lesion)
    moved[rows, cols] = True
    assert not (moved & lesion).any()
    shift = np.array([rows[0], cols[0]]) - np.argwhere(lesion)[0]
    assert (np.column_stack([rows, cols]) - np.argwhere(lesion) == shift).all()
    assert elsewhere(lesion, np.zeros_like(lesion)) is None


def test_another_look_takes_over_grey_levels_and_sharpness_and_spares_the_lesion() -> None:
    import cv2

    grey, lesion, _ = _scene()
    inside = grey >= 0
    soft = np.where(inside, cv2.GaussianBlur(np.clip(grey, 0, 1), (0, 0), 3) ** 2, -1)
    look = look_of(soft.astype(np.float32))
    after = with_look(grey, lesion, look)
    np.testing.assert_array_equal(after[lesion], grey[lesion])
    np.testing.assert_array_equal(after[~inside], grey[~inside])
    far = inside.copy()
    far[15:85, 25:105] = False  # lesion and ring
    assert abs(after[far].mean() - soft[far].mean()) < 0.03
    assert abs(grey[far].mean() - soft[far].mean()) > 0.15
    assert look_of(after).sharpness < 0.7 * look_of(grey).sharpness
