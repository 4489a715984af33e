"""Pictures of answers: no evidence is drawn as none, and outlines lie on the mask's edge."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from hcc_xai.errors import ArgumentError
from hcc_xai.imaging import draw

GREY = np.full((40, 60, 3), 90, np.uint8)


def test_no_evidence_leaves_the_picture_as_it_is() -> None:
    for signed in (False, True):
        np.testing.assert_array_equal(
            draw.add_heat(GREY, np.zeros((40, 60), np.float32), scale=1.0, signed=signed), GREY
        )


def test_the_absolute_scale_does_not_stretch_noise_to_full_strength() -> None:
    weak = np.full((40, 60), 0.01, np.float32)
    absolute = draw.add_heat(GREY, weak, scale=1.0)
    own = draw.add_heat(GREY, weak, scale=draw.own_scale(weak))
    assert np.abs(absolute.astype(int) - GREY).max() < 5
    assert np.abs(own.astype(int) - GREY).max() > 50


def test_signed_maps_have_two_colours() -> None:
    values = np.zeros((40, 60), np.float32)
    values[:, :20], values[:, 40:] = -1, 1
    drawn = draw.add_heat(GREY, values, scale=1.0, opacity=1.0, signed=True)
    assert drawn[0, 0, 2] > drawn[0, 0, 0] and drawn[0, 59, 0] > drawn[0, 59, 2]
    np.testing.assert_array_equal(drawn[:, 30], GREY[:, 30])


def test_an_outline_lies_on_the_masks_own_edge() -> None:
    mask = np.zeros((40, 60), bool)
    mask[10:30, 20:50] = True
    drawn = draw.add_outline(GREY, mask, draw.COLOURS["lesion"])
    changed = (drawn != GREY).any(2)
    assert changed[10, 20:50].all() and changed[29, 20:50].all() and not changed[~mask].any()
    assert not changed[14:26, 24:46].any()


def test_text_outside_the_sector_is_black() -> None:
    sector = np.zeros((40, 60), bool)
    sector[10:, 10:] = True
    shown = draw.overlay(GREY, sector, {})
    assert shown[~sector].max() == 0 and (shown[sector] == 90).all()


@pytest.mark.parametrize(
    "bad",
    [
        {"opacity": 1.5},
        {"opacity": -0.1},
        {"scale": 0.0},
        {"colour_map": "jet"},
        {"scale": float("nan")},
    ],
)
def test_wrong_options_are_refused(bad: dict) -> None:
    with pytest.raises(ArgumentError):
        draw.add_heat(GREY, np.ones((40, 60), np.float32), **{"scale": 1.0, **bad})


def test_png_is_lossless_and_rgb() -> None:
    colour = np.random.default_rng(0).integers(0, 255, (9, 7, 3), dtype=np.uint8)
    back = cv2.imdecode(np.frombuffer(draw.png(colour), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    np.testing.assert_array_equal(back, colour)


def test_colour_maps_get_brighter_evenly() -> None:
    for name in draw.COLOUR_MAPS:
        light = cv2.cvtColor(draw.lookup(name)[None], cv2.COLOR_RGB2LAB)[0, :, 0].astype(float)
        assert (np.diff(light) >= -1).all() and light[-1] - light[0] > 150
    assert "rgb(" in draw.css_gradient(signed=True)
