"""An answer holds arrays and values: it can be sent, kept, read back and written, without a
network."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np
import pytest

import hcc_xai
from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.errors import ArgumentError, DataError
from hcc_xai.explain.methods import METHODS
from hcc_xai.imaging.packing import pack, unpack
from hcc_xai.model.runtime import Raw, TorchRuntime
from hcc_xai.phantoms.phantom import make, random_spec
from hcc_xai.reports.writers import WRITERS, files_of

TOP = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def large(tiny: Analyzer) -> hcc_xai.Analysis:
    return tiny.analyze(make(random_spec(3, label="malignant", shape=(768, 1024))).pixels)


def test_an_answer_is_sent_in_under_a_megabyte_and_says_the_same(large) -> None:
    large.lesions  # noqa: B018  (its lazy parts are not sent along)
    sent = pickle.dumps(large)
    assert len(sent) < 1_000_000
    again = pickle.loads(sent)
    assert json.dumps(again.to_dict()) == json.dumps(large.to_dict())
    np.testing.assert_array_equal(again.image.pixels, large.image.pixels)
    np.testing.assert_array_equal(again.image.grey, large.image.grey)
    np.testing.assert_array_equal(again.overlay(), large.overlay())
    np.testing.assert_array_equal(again.square_input, large.square_input)


def test_another_process_says_the_same_without_loading_a_network(large, tmp_path: Path) -> None:
    (tmp_path / "answer").write_bytes(pickle.dumps(large))
    code = """if True:
        import json, pickle, sys
        print(json.dumps(pickle.load(open(sys.argv[1], "rb")).to_dict()))"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "answer")],
        capture_output=True,
        text=True,
        check=True,
        cwd=TOP,
    )
    assert json.loads(done.stdout) == json.loads(json.dumps(large.to_dict()))


def test_nothing_in_an_answer_can_call_back(large) -> None:
    """Arrays, numbers, words and frozen values of them."""

    def look(value: object, where: str) -> None:
        if is_dataclass(value):
            for each in fields(value):
                look(getattr(value, each.name), f"{where}.{each.name}")
        elif isinstance(value, dict):
            for key, one in value.items():
                look(one, f"{where}[{key}]")
        elif isinstance(value, tuple | list):
            for one in value:
                look(one, f"{where}[]")
        else:
            assert value is None or isinstance(value, str | int | float | np.ndarray), where

    look(large, "answer")


def test_forgetting_drops_what_was_worked_out_and_nothing_else(tiny: Analyzer, scan) -> None:
    answer = tiny.analyze(scan)
    before = json.dumps(answer.to_dict())
    assert "masks" in vars(answer) and "masks" not in vars(answer.forget())
    assert json.dumps(answer.forget().to_dict()) == before


def test_an_answer_is_rebuilt_from_what_was_written(tiny: Analyzer, scan) -> None:
    answer = tiny.analyze(scan)
    answer = answer.with_evidence(tiny.evidence(answer))
    stored = json.loads(json.dumps(answer.to_dict()))
    again = hcc_xai.saved(stored)
    assert again.to_dict() == stored and stored["format"] == 2
    assert again.label == answer.label and again.band() == answer.band()
    assert again.evidence.hidden == answer.evidence.hidden
    for language in ("en", "es"):
        assert again.headline(language) == answer.headline(language)
        assert again.sentence(language) == answer.sentence(language)
        assert [s.say(language) for s in again.statements] == [
            s.say(language) for s in answer.statements
        ]
    newer = ("format", "statements", "kind", "kind_probabilities", "standing", "labels_present")
    older = {k: v for k, v in stored.items() if k not in newer}
    assert hcc_xai.saved(older).to_dict() == older  # of version 0.9
    with pytest.raises(DataError, match="install a newer version"):
        hcc_xai.saved({**stored, "format": 3})
    with pytest.raises(DataError, match="lacks label"):
        hcc_xai.saved({k: v for k, v in stored.items() if k != "label"})


def test_the_statements_hold_every_sentence_of_the_answer(tiny: Analyzer, scan) -> None:
    answer = tiny.analyze(scan)
    for language in ("en", "es"):
        said = {s.say(language) for s in answer.statements}
        assert answer.headline(language) in said
        assert all(part in said for part in answer.sentence(language).split(". ") if part in said)
        assert {flag.message[language] for flag in answer.flags} <= said
    assert [s.place for s in answer.statements if s.key == "lesion"] == [
        f"lesion-{i}" for i in range(1, len(answer.lesions) + 1)
    ]


def test_every_writer_writes_and_save_writes_them_all(tiny: Analyzer, scan, tmp_path: Path) -> None:
    answer = tiny.analyze(scan)
    paths = answer.save(tmp_path / "new" / "folder", stem="scan")
    names = ["scan_overlay.png", "scan_lesion.png", "scan_liver.png", "scan.json"]
    assert [path.name for path in paths] == names
    files = files_of(answer, tuple(WRITERS))
    assert [path.read_bytes() for path in paths] == list(files.values())


class Arrays:
    """A runtime that holds no network, as an exported graph would be."""

    network = None

    def __init__(self, inner: TorchRuntime) -> None:
        self.inner = inner

    def forward(self, inputs: np.ndarray) -> Raw:
        return self.inner.forward(inputs)

    def summaries(self, inputs: np.ndarray) -> np.ndarray:
        return self.inner.summaries(inputs)


def test_a_runtime_without_a_network_answers_and_says_what_it_cannot(tiny: Analyzer, scan) -> None:
    assert isinstance(tiny.runtime, TorchRuntime)
    bare = Analyzer(tiny.bundle, runtime=Arrays(tiny.runtime))
    answer, known = bare.analyze(scan), tiny.analyze(scan)
    stored, wanted = answer.to_dict(), known.to_dict()
    assert {**stored, "seconds": 0} == {**wanted, "seconds": 0}
    assert bare.evidence(answer) == tiny.evidence(known)
    assert bare.challenge(answer) == tiny.challenge(known)
    assert bare.layers == ("map",)
    for name, method in METHODS.items():
        if method.immediate:
            np.testing.assert_array_equal(
                bare.explain(answer, name).map, tiny.explain(known, name).map
            )
        else:
            with pytest.raises(ArgumentError, match="needs the network itself"):
                bare.explain(answer, name)
    with pytest.raises(ArgumentError, match="needs the network itself"):
        bare.explain_outline(answer, (150, 200))


@pytest.mark.parametrize(
    "array",
    [
        np.random.default_rng(0).random((37, 21)) > 0.5,
        np.random.default_rng(0).integers(0, 256, (37, 21), np.uint8),
        np.random.default_rng(0).integers(0, 256, (37, 21, 3), np.uint8),
        np.random.default_rng(0).random((37, 21)).astype(np.float32),
    ],
    ids=["mask", "grey", "colour", "float"],
)
def test_packing_loses_nothing(array: np.ndarray) -> None:
    again = unpack(pack(array))
    np.testing.assert_array_equal(again, array)
    assert again.dtype == array.dtype and again.flags.writeable


def test_what_was_tested_of_another_label_is_not_stated_of_the_answer(tiny: Analyzer, scan) -> None:
    answer = tiny.analyze(scan)
    other = next(label for label in answer.probabilities if label != answer.label)
    own, foreign = tiny.evidence(answer), tiny.evidence(answer, other)
    assert own.hidden is not None and foreign.hidden is not None and foreign.label == other
    assert "hidden" in {s.key for s in answer.with_evidence(own).statements}
    assert "hidden" not in {s.key for s in answer.with_evidence(foreign).statements}
