"""Several bundles behind a router: the right one answers, a person may overrule, none is loaded
before it is needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import CHEST, LIVER, Told

from hcc_xai.analysis import models as several
from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.analysis.models import Models, load
from hcc_xai.batch.run import Options, run
from hcc_xai.cli.main import main
from hcc_xai.errors import ArgumentError
from hcc_xai.files import read_lines
from hcc_xai.imaging import draw
from hcc_xai.kinds.known import KINDS


def test_each_picture_is_answered_by_its_own_bundle(models, scan, film) -> None:
    assert models.loaded == ()
    first = models.analyze(film)
    assert first.kind == CHEST and models.loaded == (CHEST,)
    answers = models.analyze([scan, film, scan])
    assert [a.kind for a in answers] == [LIVER, CHEST, LIVER]
    assert [a.standing for a in answers] == ["accepted"] * 3
    alone = models.of(LIVER).analyze(scan)
    for one, other in ((answers[1], first), (answers[0], alone)):  # a batch rounds otherwise
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)
    assert models.analyze([]) == ()


def test_questions_go_to_the_bundle_that_answered(models, scan, film) -> None:
    for picture in (scan, film):
        answer = models.analyze(picture)
        own = models.of(answer.kind)
        assert models.evidence(answer) == own.evidence(answer)
        explained = models.explain(answer, "hires-cam")
        assert explained.label in own.config.network.labels
        assert models.check(answer, explained) == own.check(answer, explained)
        assert models.challenge(answer) == own.challenge(answer)
    with pytest.raises(ArgumentError, match="outlines nothing"):
        models.explain_outline(film, (40, 40))


def test_what_is_no_picture_of_any_kind_is_stopped(models) -> None:
    white = np.full((90, 90, 3), 250, np.uint8)
    white[::7] = 255
    stopped = models.analyze(white)
    assert stopped.standing == "stopped" and stopped.kind == CHEST  # the most probable answers
    through = models.analyze(white, accept=True)
    assert through.accepted and through.let_through and through.standing == "unusual"


def test_a_person_overrules_and_the_answer_says_so(models, scan, film) -> None:
    overruled = models.analyze(film, kind=LIVER)
    assert overruled.kind == LIVER and overruled.standing == "unusual"
    assert overruled.accepted and overruled.band() != "green"
    keys = [s.key for s in overruled.statements if s.severity == "doubt"]
    assert keys[:2] == ["kind-stated", "unusual"]
    agreed = models.analyze(scan, kind=LIVER)
    assert agreed.standing == "accepted"
    assert "kind-stated" not in {flag.code for flag in agreed.flags}
    with pytest.raises(ArgumentError, match=f"known: {LIVER}, {CHEST}"):
        models.analyze(film, kind="dental-x-ray")
    with pytest.raises(ArgumentError, match="at least one"):
        Models({}, Told())


def test_one_bundle_is_overruled_as_several_are(models, scan) -> None:
    own = models.of(LIVER)
    assert own.of(LIVER) is own and own.kinds == (LIVER,) and own.names == (own.name,)
    assert own.analyze(scan, kind=LIVER).standing == "accepted"
    with pytest.raises(ArgumentError, match=f"known: {LIVER}"):
        own.analyze(scan, kind=CHEST)


def test_without_a_name_all_that_ship_answer(
    bundles: Path, scan, film, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HCC_XAI_MODEL", str(bundles))
    monkeypatch.setattr(several, "default_router", Told)
    loaded = load(device="cpu")
    assert isinstance(loaded, Models) and loaded.kinds == (LIVER, CHEST)
    assert [a.kind for a in loaded.analyze([film, scan])] == [CHEST, LIVER]
    assert len(set(loaded.names)) == 2
    monkeypatch.setenv("HCC_XAI_MODEL", str(bundles / "chest"))
    one = load(device="cpu")
    assert isinstance(one, Analyzer) and one.kinds == (CHEST,)


def test_a_mixed_folder_says_the_kind_of_each_and_goes_on(
    models, scan, film, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    for name, picture in (("scan", scan), ("film", film)):
        (tmp_path / "in" / f"{name}.png").write_bytes(draw.png(picture))
    done = run(models, [tmp_path / "in"], tmp_path / "out")
    rows = {row["file"]: row for row in read_lines(tmp_path / "out" / "answers.jsonl")}
    assert done.rows == 2 and {k: r["kind"] for k, r in rows.items()} == {
        "scan.png": LIVER, "film.png": CHEST,
    }  # fmt: skip
    assert ",kind," in (tmp_path / "out" / "table.csv").read_text().splitlines()[0]
    again = run(models, [tmp_path / "in"], tmp_path / "out")
    assert again.rows == 0 and again.skipped == 2
    stated = run(models, [tmp_path / "in"], tmp_path / "other", options=Options(kind=LIVER))
    assert stated.rows == 2
    rows = {row["file"]: row for row in read_lines(tmp_path / "other" / "answers.jsonl")}
    assert rows["film.png"]["kind"] == LIVER and rows["film.png"]["standing"] == "unusual"
    with pytest.raises(ArgumentError, match="kind of picture"):
        run(models, [tmp_path / "in"], tmp_path / "third", options=Options(kind="tooth"))


def test_the_command_line_is_overruled(
    bundles: Path, film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setenv("HCC_XAI_MODEL", str(bundles))
    monkeypatch.setattr(several, "default_router", Told)
    path = tmp_path / "film.png"
    path.write_bytes(draw.png(film))
    assert main(["analyze", str(path)]) == 0
    assert "normal (test)" in (said := capsys.readouterr().out) or "abnormal (test)" in said
    assert main(["analyze", str(path), "--kind", LIVER, "--out", str(tmp_path / "o")]) == 0
    assert '"kind": "liver-ultrasound"' in (tmp_path / "o" / "film.json").read_text()
    assert main(["explain", str(path), "--kind", LIVER, "--out", str(tmp_path / "o")]) == 0
    assert main(["analyze", str(path), "--kind", "tooth"]) == 2
    assert "kind of picture" in capsys.readouterr().err


def test_the_command_line_lists_the_kinds(
    bundles: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HCC_XAI_MODEL", str(bundles))
    assert main(["kinds", "--language", "es"]) == 0
    said = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
    assert set(said) == set(KINDS)
    assert said[CHEST] == "radiografía de tórax; chest"
    assert said["mammogram"] == "mamografía; no bundle"
