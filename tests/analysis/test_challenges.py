"""What every change of a picture changes, and what speaks against an answer."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.analysis.challenges import CHANGES, SEEN, STEPS, Challenge, Scene, changes, in_steps
from hcc_xai.analysis.result import Analysis
from hcc_xai.analysis.tally import tally, tally_steps
from hcc_xai.imaging.marks import drawn
from hcc_xai.language import words
from hcc_xai.phantoms.phantom import make, random_spec


@pytest.fixture(scope="module")
def answer(tiny: Analyzer) -> Analysis:
    """A phantom with its true outlines."""
    phantom = make(random_spec(3, label="malignant", shape=(300, 400)))
    found = tiny.analyze(phantom.pixels)
    side = found.mask_logits.shape[-1]
    masks = [
        cv2.resize(
            found.frame.shrink(mask.astype(np.float32)), (side, side), interpolation=cv2.INTER_AREA
        )
        for mask in (phantom.liver, phantom.lesion)
    ]
    return replace(found, mask_logits=(12 * (np.stack(masks) - 0.5)).astype(np.float32))


@pytest.fixture(scope="module")
def scene(answer: Analysis) -> Scene:
    return Scene(answer)


@pytest.mark.parametrize("name", ["text", "body-mark", "calipers"])
def test_a_mark_is_bright_small_and_in_the_sector(scene: Scene, name: str) -> None:
    made = CHANGES[name](scene)
    assert made is not None
    changed = made != scene.grey
    assert 20 < changed.sum() < 0.05 * scene.sector.sum()
    assert scene.sector[changed].mean() > 0.98
    assert made[changed].mean() > scene.grey[changed].mean() + 0.15
    if name != "calipers":  # far from the lesion, so that nothing of it is hidden
        assert not changed[scene.lesion].any()


def test_calipers_stand_at_both_ends_of_the_lesion(scene: Scene) -> None:
    made = CHANGES["calipers"](scene)
    assert made is not None
    ends = np.argwhere(made != scene.grey)
    longest = np.linalg.norm(ends.max(0) - ends.min(0))
    assert longest == pytest.approx(scene.lesions[0].diameter_px, rel=0.25)


def test_drawn_marks_are_found_and_painted_over(tiny: Analyzer) -> None:
    spec = random_spec(3, label="malignant", shape=(384, 512))
    plain, marked = make(spec), make(replace(spec, calipers=True))
    marks = (plain.pixels != marked.pixels).any(2)
    found = drawn(marked.pixels.mean(2).astype(np.uint8), marked.sector)
    assert found[marks].mean() > 0.8 and found.sum() < 0.03 * marked.sector.sum()
    whole = Scene(tiny.analyze(marked.pixels))
    cleaned = CHANGES["unmarked"](whole)
    assert cleaned is not None
    before = plain.pixels.mean(2) / 255
    near = found & marks
    assert abs(cleaned - before)[near].mean() < 0.5 * abs(whole.grey - before)[near].mean()
    nothing = Scene(tiny.analyze(plain.pixels))
    spared = CHANGES["unmarked"](nothing)
    assert spared is None or (spared != nothing.grey).mean() < 0.01


@pytest.mark.parametrize("name", ["finer", "coarser"])
def test_speckle_changes_its_size_and_leaves_lesion_and_levels(scene: Scene, name: str) -> None:
    made = CHANGES[name](scene)
    assert made is not None
    np.testing.assert_array_equal(made[scene.lesion], scene.grey[scene.lesion])
    around = scene.sector & (scene.kept < 0.01)
    assert made[around].mean() == pytest.approx(scene.grey[around].mean(), abs=0.02)

    def fineness(grey: np.ndarray) -> float:
        """Of neighbours' differences, how much there is of the spread."""
        both = around[:, 1:] & around[:, :-1]
        return float(np.diff(grey, axis=1)[both].std() / grey[around].std())

    assert (fineness(made) > fineness(scene.grey)) == (name == "finer")


def test_the_slope_turns_about_the_middle(scene: Scene) -> None:
    up, down = CHANGES["slope-up"](scene), CHANGES["slope-down"](scene)
    assert up is not None and down is not None
    np.testing.assert_allclose(up - scene.grey, scene.grey - down, atol=1e-6)
    assert (up - scene.grey)[scene.bottom, 0] == pytest.approx(0.1, abs=0.01)
    assert (up - scene.grey)[scene.top, 0] == pytest.approx(-0.1, abs=0.01)


def test_all_changes_are_inputs_of_the_network_with_words(tiny: Analyzer, answer: Analysis) -> None:
    made = changes(answer)
    assert set(made) <= {*CHANGES, *SEEN} and set(words.CHANGES) == {*CHANGES, *SEEN}
    assert {"lesion", "all-but-lesion", "text", "flipped", "coarser"} <= set(made)
    plain = answer.frame.to_network(answer.image.grey)
    for name, picture in made.items():
        assert picture.shape == plain.shape and picture.dtype == np.float32, name
        assert name in ("flipped", "outside") or ((picture < 0) == (plain < 0)).all()
        assert not np.array_equal(picture, plain), name
    np.testing.assert_array_equal(made["flipped"], plain[:, ::-1])
    kept = answer.frame.shrink(answer.masks["lesion"].astype(np.float32)) > 0.99
    np.testing.assert_array_equal(made["all-but-lesion"][kept], plain[kept])
    found = tiny.challenge(answer)
    assert [c.name for c in found] == list(made)
    assert found == tiny.challenge(answer)  # seeded
    assert all(c.before == answer.probabilities[answer.label] for c in found)


def test_what_lies_outside_the_sector_is_replaced_and_the_sector_stays(answer: Analysis) -> None:
    plain = answer.frame.to_network(answer.image.grey)
    made = changes(answer)["outside"]
    seen, before = made >= 0, plain >= 0
    assert (seen & before).sum() > 0.95 * (seen | before).sum()
    whole = replace(answer, frame=replace(answer.frame, sector=np.ones_like(answer.sector)))
    assert "outside" not in changes(whole)


def test_steps_go_from_little_to_much(tiny: Analyzer, answer: Analysis) -> None:
    plain = answer.frame.to_network(answer.image.grey)
    made = in_steps(answer)
    assert set(words.STEPS) == set(STEPS) == {name for name, _ in made}
    assert len(made) == sum(len(ladder.steps) for ladder in STEPS.values())

    def moved(name: str) -> list[float]:
        return [float(abs(made[name, amount] - plain).mean()) for amount in STEPS[name].steps]

    assert moved("blur") == sorted(moved("blur")) and moved("jpeg") == sorted(moved("jpeg"))
    for name in ("gain", "slope"):  # the least in the middle
        found = moved(name)
        assert found[:3] == sorted(found[:3], reverse=True) and found[3:] == sorted(found[3:])
    np.testing.assert_array_equal(made["gain", 0.15], changes(answer)["gain-up"])
    np.testing.assert_array_equal(made["grain", 0.35], changes(answer)["finer"])
    challenges = tiny.challenge_in_steps(answer)
    assert [(c.name, c.amount) for c in challenges] == list(made)
    told = tally_steps([challenges, challenges])
    assert all(step["n"] == 2 for steps in told.values() for step in steps)


def test_flips_of_sure_answers_are_counted_apart() -> None:
    some = [
        (Challenge("text", "malignant", before, 0.2, answer),)
        for before, answer in [
            (0.9, "benign"),
            (0.8, "malignant"),
            (0.5, "benign"),
            (0.4, "normal"),
        ]
    ]
    found = tally(some)["text"]
    assert (found["flips"], found["n"], found["sure_flips"], found["sure_n"]) == (3, 4, 1, 2)


def test_what_speaks_against_an_answer() -> None:
    def one(name: str, after: float, answer: str) -> Challenge:
        return Challenge(name, "malignant", 0.9, after, answer)

    assert one("lesion", 0.88, "malignant").bad  # nothing happened without the lesion
    assert not one("lesion", 0.2, "benign").bad
    assert one("text", 0.4, "benign").bad and one("text", 0.4, "benign").flips
    assert not one("text", 0.6, "malignant").bad
    assert not one("all-but-lesion", 0.3, "benign").bad  # may need what is around it
    assert one("coarser", 0.3, "benign").to_dict()["bad"] is True


def test_a_picture_without_a_lesion_is_challenged_too(tiny: Analyzer) -> None:
    plain = tiny.analyze(make(random_spec(5, label="normal", shape=(200, 260))).pixels)
    bare = replace(plain, mask_logits=np.full_like(plain.mask_logits, -9.0))
    names = [c.name for c in tiny.challenge(bare)]
    assert "lesion" not in names and "calipers" not in names and "text" in names
