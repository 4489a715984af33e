"""What every kind of picture must do, from its field to a trained bundle that answers."""

from __future__ import annotations

import ast
import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from hcc_xai import load
from hcc_xai.dataset.folder import ORGAN, TARGET, read_index
from hcc_xai.imaging.quality import LIMITS
from hcc_xai.kinds import fields
from hcc_xai.kinds.kind import Kind
from hcc_xai.kinds.known import KINDS, LIVER
from hcc_xai.kinds.nouns import LESION
from hcc_xai.language import words
from hcc_xai.model.config import FORMAT
from hcc_xai.model.network import NetworkConfig
from hcc_xai.training.loop import train
from hcc_xai.training.make_bundle import make_bundle
from hcc_xai.training.recipe import TrainConfig

PACKAGE = Path(fields.__file__).parents[1]


def body(seed: int, *, shape: tuple[int, int] = (120, 150), letters: bool = True) -> np.ndarray:
    """A bright round body with a brighter spot on a dark film, a letter in the corner; (H, W)."""
    rng = np.random.default_rng(seed)
    grey = np.full(shape, 8, np.float32)
    middle = (int(rng.uniform(60, 85)), int(rng.uniform(55, 65)))
    cv2.ellipse(grey, middle, (45, 38), 0, 0, 360, 110, cv2.FILLED)
    cv2.circle(grey, (middle[0] + 12, middle[1] - 8), 9, 190, cv2.FILLED)
    grey += rng.normal(0, 4, shape)
    film = np.clip(grey, 0, 255).astype(np.uint8)
    if letters:
        cv2.putText(film, "R", (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 250, 1)
    return film


@pytest.fixture(params=list(KINDS.values()), ids=list(KINDS))
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


def test_it_names_itself_in_every_language(kind: Kind) -> None:
    for language in words.LANGUAGES:
        assert all(word[language] for word in kind.nouns.values())
        assert all(title[language] for title in kind.labels.values())
    assert {"picture", "a_picture", "pictures"} <= set(kind.nouns)
    assert kind.target is None or set(LESION) <= set(kind.nouns)
    assert kind.organ is None or {"organ", "the_organ", "of_organ"} <= set(kind.nouns)


def test_its_labels_masks_and_roles_agree(kind: Kind) -> None:
    assert kind.absent is None or kind.absent in kind.labels
    assert kind.positive is None or kind.positive in kind.labels
    assert kind.size % 32 == 0 and len(kind.masks) == len(set(kind.masks))
    assert not (kind.multiple and kind.absent)


def test_its_limits_of_quality_are_known(kind: Kind) -> None:
    assert set(kind.limits) <= set(LIMITS)


@pytest.mark.parametrize("empty", [0, 128, 255])
def test_its_field_is_never_empty(kind: Kind, empty: int) -> None:
    for shape in ((1, 1), (3, 200), (200, 3), (120, 150)):
        flat = np.full(shape, empty, np.uint8)
        for picture in (flat, np.dstack([flat] * 3), flat / np.float32(255)):
            field = kind.find_field(picture)
            assert field.shape == shape and field.dtype == bool and field.any()


def test_its_field_holds_the_patient(kind: Kind) -> None:
    for seed in range(5):
        grey = body(seed)
        field = kind.find_field(grey)
        assert field[grey > 150][:].mean() > 0.7  # the spot, and perhaps not the letter
        assert (kind.find_field(np.dstack([grey] * 3)) == field).all()


@pytest.mark.parametrize("find", [fields.film, fields.head, fields.breast])
def test_a_letter_beside_the_patient_is_hidden(find) -> None:
    for seed in range(5):
        with_letter, without = body(seed), body(seed, letters=False)
        letter = cv2.absdiff(with_letter, without) > 60
        assert letter.sum() > 10 and not find(with_letter)[letter].any()


def test_the_muscle_in_the_corner_is_hidden_and_only_where_there_is_one() -> None:
    rows, cols = np.mgrid[:240, :160]
    breast = (((rows - 120) / 115) ** 2 + (cols / 130) ** 2 < 1) * 90.0
    muscle = (cols / 70 + rows / 120 < 1) & (breast > 0)
    noise = np.random.default_rng(0).normal(0, 3, breast.shape)
    with_muscle = np.clip(breast + 60 * muscle + noise, 0, 255).astype(np.uint8)
    for picture, shown in ((with_muscle, muscle), (with_muscle[:, ::-1], muscle[:, ::-1])):
        assert fields.breast(picture)[shown].mean() < 0.15
    plain = np.clip(breast + noise, 0, 255).astype(np.uint8)
    assert fields.breast(plain)[muscle].mean() > 0.9


def test_a_tiny_training_of_it_makes_a_bundle_that_answers(kind: Kind, tmp_path: Path) -> None:
    data = tmp_path / "data"
    for name in ("images", "masks"):
        (data / name).mkdir(parents=True)
    labels = list(kind.labels)
    rows = []
    for index in range(6):
        grey, name = body(index), f"p{index}"
        mask = np.zeros(grey.shape, np.uint8)
        mask[grey > 60] = ORGAN if kind.organ else 0
        label = labels[index % len(labels)]
        if kind.multiple and index == 0:
            label = f"{labels[0]}+{labels[1]}"
        if kind.target and label != kind.absent:
            mask[(grey > 150) & (np.indices(grey.shape)[0] > 20)] = TARGET
        cv2.imwrite(str(data / "images" / f"{name}.png"), grey)
        cv2.imwrite(str(data / "masks" / f"{name}.png"), mask)
        outlines = ("drawn", "weak", "none")[index % 3] if kind.masks else "none"
        rows.append((name, label, index % 2, outlines))
    with (data / "index.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("name", "label", "fold", "outlines"), *rows])
    network = NetworkConfig(
        trunk="mobilenetv3_small_050",
        size=64,
        channels=8,
        labels=tuple(labels),
        absent=kind.absent,
        masks=kind.masks,
        target=kind.target,
        multiple=kind.multiple,
    )
    recipe = TrainConfig(epochs=1, batch=3, window=64)
    weights = train(
        data, read_index(data), tmp_path / "run", network=network, recipe=recipe, kind=kind.name
    )
    made = make_bundle(
        weights,
        tmp_path / "bundle",
        name=kind.name,
        kind=kind.name,
        network=network,
        training={"data": "shapes"},
        licence="cc0-1.0",
        examples=[data / "images" / "p1.png"],
    )
    model = load(made, device="cpu")
    assert model.config.format == (1 if kind.name == LIVER else FORMAT)
    answer = model.analyze(data / "images" / "p2.png", accept=True)
    assert answer.kind == kind.name and tuple(answer.masks) == kind.masks
    for language in words.LANGUAGES:
        for statement in answer.statements:
            assert "{" not in statement.say(language)
    assert model.explain(answer, "hires-cam").map.shape == answer.image.shape


def test_no_module_asks_which_kind_it_is() -> None:
    """No comparison with a kind's name outside `kinds`; a seventh kind touches no other file."""
    for path in PACKAGE.rglob("*.py"):
        if path.parent.name == "kinds":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare):
                named = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant)]
                assert not set(map(str, named)) & set(KINDS), f"{path.name}:{node.lineno}"
