"""Folders, archives and loops: every file is a row, what is done stays done, nothing leads out."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.batch import run as batch
from hcc_xai.batch.run import Options
from hcc_xai.batch.sources import find
from hcc_xai.batch.tables import ANSWERS, PARQUET, TABLE, pack, read_rows
from hcc_xai.cli.main import main
from hcc_xai.errors import ArgumentError
from hcc_xai.imaging import draw
from hcc_xai.language.errors import said as said_in
from hcc_xai.phantoms.phantom import PATIENT, make, random_spec, to_dicom

TABLE_ONLY = Options(pictures=False)


def scan(seed: int, shape: tuple[int, int] = (120, 160)) -> bytes:
    return draw.png(make(random_spec(seed, shape=shape)).pixels)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eleven files: seven pictures, one a loop of three frames, and four that are none."""
    top = tmp_path_factory.mktemp("studies")
    for name in ("a", "a/b", ".hidden"):
        (top / name).mkdir()
    for i, name in enumerate(["1.png", "a/1.png", "a/2.png", "a/b/no_ending", "a/b/lies.txt"]):
        (top / name).write_bytes(scan(i))
    (top / "a/1.jpg").write_bytes(scan(9))  # shares its stem with another
    frames = [make(random_spec(3, shape=(120, 160))) for _ in range(3)]
    to_dicom(frames, top / "a/loop")
    (top / "notes.txt").write_text("no picture at all, but a note that is long enough to be text")
    (top / "empty.png").write_bytes(b"")
    (top / "cut.png").write_bytes(scan(1)[:400])
    (top / "link.png").symlink_to(top / "1.png")
    (top / ".hidden/3.png").write_bytes(scan(3))
    (top / ".DS_Store").write_bytes(b"x")
    return top


def rows_of(out: Path) -> list[dict]:
    return list(read_rows(out))


def strip(rows: list[dict]) -> dict[tuple[str, int], dict]:
    return {(r["file"], r["frame"]): r for r in rows}


def alike(rows: dict[tuple[str, int], dict], others: dict[tuple[str, int], dict]) -> bool:
    """The same answers, as near as a forward in another batch comes."""
    assert rows.keys() == others.keys()
    for key, row in rows.items():
        assert row.get("error") == others[key].get("error") and row.get("key") == others[key].get(
            "key"
        )
        assert row.get("logits") == pytest.approx(others[key].get("logits"), abs=1e-3)
    return True


def test_every_file_is_a_row(folder: Path, tiny: Analyzer, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    found = batch.run(
        tiny, [folder], tmp_path, progress=lambda now: told.append((now.done, now.files))
    )
    assert (found.files, found.done, found.rows, found.failed) == (11, 11, 9, 4)
    assert told[-1] == (11, 11) and found.skipped == 0
    rows = strip(rows_of(tmp_path))
    assert len(rows) == 13
    assert "holds text" in rows["notes.txt", 0]["error"]
    assert "link" in rows["link.png", 0]["error"] and "empty" in rows["empty.png", 0]["error"]
    assert {f for n, f in rows if n == "a/loop"} == {0, 1, 2}
    for name in ("a/2.png", "a/b/lies.txt"):
        alone = tiny.analyze(folder / name).to_dict()
        one = rows[name, 0]
        for label, chance in alone["probabilities"].items():
            assert one["probabilities"][label] == pytest.approx(chance, abs=1e-4)
        assert one["image"]["sha256"] == alone["image"]["sha256"]
    assert all(v not in (tmp_path / ANSWERS).read_text() for v in PATIENT.values())


def test_pictures_are_what_save_writes(folder: Path, tiny: Analyzer, tmp_path: Path) -> None:
    batch.run(tiny, [folder], tmp_path / "out")
    made = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.png")}
    assert len(made) == 9 * 3
    assert {"pictures/a/1_overlay.png", "pictures/a/1-2_lesion.png"} <= made
    assert "pictures/a/loop_frame0002_liver.png" in made
    tiny.analyze(folder / "1.png").save(tmp_path, stem="one")
    ours = cv2.imread(str(tmp_path / "out/pictures/1_overlay.png")).astype(int)
    assert (abs(ours - cv2.imread(str(tmp_path / "one_overlay.png"))) > 8).mean() < 0.002


def test_one_table_with_a_row_a_lesion_or_picture(
    folder: Path, tiny: Analyzer, tmp_path: Path
) -> None:
    batch.run(tiny, [folder], tmp_path, options=TABLE_ONLY)
    assert not (tmp_path / batch.PICTURES).exists()
    table, same = pd.read_csv(tmp_path / TABLE), pd.read_parquet(tmp_path / PARQUET)
    assert list(table) == list(same) and len(table) == len(same)
    rows = rows_of(tmp_path)
    assert len(table) == sum(max(1, len(r.get("lesions", []))) for r in rows)
    assert table["error"].notna().sum() == 4
    whole = table[table["error"].isna()]
    chances = [f"probabilities.{k}" for k in tiny.config.network.labels]
    assert np.allclose(whole[chances].to_numpy().sum(1), 1)
    some = whole[whole["lesion.number"] == 1].iloc[0]
    row = next(r for r in rows if (r["file"], r["frame"]) == (some["file"], some["frame"]))
    assert some["lesion.area_px"] == row["lesions"][0]["area_px"]
    assert some["lesion.centre.row"] == pytest.approx(row["lesions"][0]["centre"][0])
    assert some["image.sha256"] == row["image"]["sha256"]
    packed = pack(tmp_path, tmp_path / "all.zip")
    with zipfile.ZipFile(packed) as archive:
        assert set(archive.namelist()) == {ANSWERS, TABLE, PARQUET}


def test_a_second_run_does_nothing_and_another_model_all(
    folder: Path, tiny: Analyzer, tmp_path: Path
) -> None:
    first = batch.run(tiny, [folder], tmp_path, options=TABLE_ONLY)
    before = strip(rows_of(tmp_path))
    lines = (tmp_path / ANSWERS).read_text().splitlines(keepends=True)
    again = batch.run(tiny, [folder], tmp_path, options=TABLE_ONLY)
    assert (again.rows, again.skipped, again.failed) == (0, first.rows, 4)
    assert alike(strip(rows_of(tmp_path)), before)
    answered = [line for line in lines if "error" not in json.loads(line)]
    torn = "".join(answered[:4]) + answered[4][:50]  # killed in the middle of a line
    (tmp_path / ANSWERS).write_text(torn)
    third = batch.run(tiny, [folder], tmp_path, options=TABLE_ONLY)
    assert (third.rows, third.skipped, third.done) == (5, 4, 11)
    assert alike(strip(rows_of(tmp_path)), before)
    other = (tmp_path / ANSWERS).read_text().replace(tiny.name, "another@1")
    (tmp_path / ANSWERS).write_text(other)
    assert batch.run(tiny, [folder], tmp_path, options=TABLE_ONLY).rows == first.rows


def test_a_changed_file_is_done_anew(tiny: Analyzer, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/1.png").write_bytes(scan(1))
    batch.run(tiny, [tmp_path / "in"], tmp_path / "out", options=TABLE_ONLY)
    (tmp_path / "in/1.png").write_bytes(scan(2))
    assert batch.run(tiny, [tmp_path / "in"], tmp_path / "out", options=TABLE_ONLY).rows == 1
    for rows in (1, 0):  # by a hash that tells nothing, but changes with the file
        (tmp_path / "in/2.png").write_bytes(scan(3))
        os.utime(tmp_path / "in/2.png", ns=(1, 1))
        there = Options(anonymous=True, pictures=False)
        found = batch.run(tiny, [tmp_path / "in/2.png"], tmp_path / "secret", options=there)
        assert found.rows == rows
    (tmp_path / "in/2.png").write_bytes(scan(4))
    assert batch.run(tiny, [tmp_path / "in/2.png"], tmp_path / "secret", options=there).rows == 1


KILLED = """
import os, signal, sys
from hcc_xai.batch import run
from hcc_xai.cli.main import main

answer_all = run.run

def kill(now):
    if now.rows >= 32:
        os.kill(os.getpid(), signal.SIGKILL)

run.run = lambda *given, **more: answer_all(*given, **{**more, "progress": kill})
main(sys.argv[1:])
"""


def test_a_killed_run_goes_on(tiny_bundle: Path, tiny: Analyzer, tmp_path: Path) -> None:
    studies = tmp_path / "in"
    studies.mkdir()
    one = scan(4)
    for i in range(120):
        (studies / f"{i:03}.png").write_bytes(one)
    arguments = ["analyze", str(studies), "--out", str(tmp_path / "out"), "--model"]
    process = subprocess.run(
        [sys.executable, "-c", KILLED, *arguments, str(tiny_bundle)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
    )
    assert process.returncode == -signal.SIGKILL
    done = len(rows_of(tmp_path / "out"))
    assert 16 <= done < 120
    (tmp_path / "out" / "pictures" / ".119_liver.png.7.partial").write_bytes(b"cut by the kill")
    found = batch.run(tiny, [studies], tmp_path / "out")
    assert found.skipped == done and found.rows == 120 - done
    rows = rows_of(tmp_path / "out")
    assert len(strip(rows)) == len(rows) == 120
    assert all((tmp_path / "out" / f"{r['pictures']}_overlay.png").is_file() for r in rows)
    assert not list((tmp_path / "out").rglob("*.partial"))


def test_it_can_be_stopped_and_what_is_done_stays(tiny: Analyzer, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for i in range(30):
        (tmp_path / f"in/{i}.png").write_bytes(scan(i % 3))
    told: list[int] = []
    found = batch.run(
        tiny,
        [tmp_path / "in"],
        tmp_path / "out",
        progress=lambda now: told.append(now.rows),
        stop=lambda: bool(told),
    )
    assert 0 < found.rows < 30
    assert len(pd.read_csv(tmp_path / "out" / TABLE)["file"].unique()) == found.rows
    assert batch.run(tiny, [tmp_path / "in"], tmp_path / "out").rows == 30 - found.rows


def archive(path: Path) -> Path:
    """A ZIP of two pictures, and of all that an archive may do wrong."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("x/1.png", scan(1))
        made.writestr("x/2", scan(2))
        made.writestr("../../out.png", scan(3))
        made.writestr("/etc/out.png", scan(3))
        made.writestr("bomb.png", bytes(60 * 2**20))
        made.writestr("__MACOSX/._1.png", b"x")
        link = zipfile.ZipInfo("link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        made.writestr(link, "/etc/passwd")
    return path


def test_what_an_archive_does_wrong_is_a_sentence(tiny: Analyzer, tmp_path: Path) -> None:
    found = batch.run(tiny, [archive(tmp_path / "in.zip")], tmp_path / "deep" / "out")
    assert (found.files, found.rows, found.failed) == (6, 2, 4)
    said = {r["file"]: r.get("error", "") for r in rows_of(tmp_path / "deep" / "out")}
    assert said["x/1.png"] == said["x/2"] == ""
    assert "leads out" in said["out.png"] and "leads out" in said["etc/out.png"]
    assert "packed more than" in said["bomb.png"] and "link" in said["link.png"]
    failures = {r["file"]: r for r in rows_of(tmp_path / "deep" / "out") if "error" in r}
    assert failures["bomb.png"]["error_key"] == "archive-bomb"
    assert failures["bomb.png"]["error_values"] == {"times": 200}
    for row in failures.values():  # each can be said in another language
        spanish = said_in(row["error_key"], row["error"], row["error_values"], "es")
        assert spanish != row["error"] and row["error"] not in spanish
    assert {p.name for p in tmp_path.iterdir()} == {"in.zip", "deep"}
    assert {p.name for p in (tmp_path / "deep").iterdir()} == {"out"}


def test_an_archive_that_lies_or_is_damaged(tiny: Analyzer, tmp_path: Path) -> None:
    path = archive(tmp_path / "in.zip")
    data = bytearray(path.read_bytes())
    data[60:90] = bytes(30)  # within the first picture
    path.write_bytes(data)
    found = batch.run(tiny, [path], tmp_path / "out")
    assert found.failed == 5
    assert any("damaged" in r.get("error", "") for r in rows_of(tmp_path / "out"))


def test_a_damaged_file_of_every_kind_of_packing_is_a_row(tiny: Analyzer, tmp_path: Path) -> None:
    kinds = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    for kind in kinds:
        with zipfile.ZipFile(tmp_path / f"{kind}.zip", "w", kind) as packed:
            packed.writestr(f"{kind}.png", scan(1))
        data = bytearray((tmp_path / f"{kind}.zip").read_bytes())
        data[60:90] = bytes(30)
        (tmp_path / f"{kind}.zip").write_bytes(data)
    archives = sorted(tmp_path.glob("*.zip"))
    found = batch.run(tiny, archives, tmp_path / "out", options=TABLE_ONLY)
    assert (found.files, found.failed) == (len(kinds), len(kinds))
    assert {r["error_key"] for r in rows_of(tmp_path / "out")} == {"archive-member-damaged"}


def test_a_name_that_is_no_text_is_written_down_all_the_same(
    tiny: Analyzer, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    try:
        (tmp_path / "in" / os.fsdecode(b"caf\xe9.png")).write_bytes(scan(1))
    except OSError:
        pytest.skip("this file system takes no such name")
    found = batch.run(tiny, [tmp_path / "in"], tmp_path / "out")
    assert (found.rows, found.failed) == (1, 0)
    assert [r["file"] for r in rows_of(tmp_path / "out")] == ["caf?.png"]
    assert batch.run(tiny, [tmp_path / "in"], tmp_path / "out").skipped == 1


def test_names_may_be_left_out(folder: Path, tiny: Analyzer, tmp_path: Path) -> None:
    secret = tmp_path / "in" / "Quimera_Zenobia"
    shutil.copytree(folder / "a", secret)
    batch.run(tiny, [secret.parent], tmp_path / "out", options=Options(anonymous=True))
    for path in (tmp_path / "out").rglob("*"):
        assert "Quimera" not in str(path.relative_to(tmp_path / "out"))
        if path.is_file():
            assert b"Quimera" not in path.read_bytes()
    assert (
        batch.run(tiny, [secret.parent], tmp_path / "out", options=Options(anonymous=True)).rows
        == 0
    )


def test_nothing_and_too_much(tiny: Analyzer, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="no file"):
        batch.run(tiny, [tmp_path], tmp_path / "out")
    many = tmp_path / "many"
    many.mkdir()
    for i in range(6):
        (many / f"{i}.png").write_bytes(b"")
    items = list(find([many], most=4))
    assert len(items) == 5 and "first 4 files" in str(items[-1].wrong)


def test_the_command_line_takes_folders(
    folder: Path, tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ["--model", str(tiny_bundle)]
    assert main(["analyze", str(folder), *model]) == 2
    assert "--out" in capsys.readouterr().err
    assert main(["analyze", str(folder), "--out", str(tmp_path), "--zip", *model]) == 1
    told = capsys.readouterr()
    assert "9 pictures of 11 files" in told.out
    assert any(line.startswith("notes.txt: ") for line in told.err.splitlines())
    with zipfile.ZipFile(tmp_path / "all.zip") as made:
        assert "pictures/1_overlay.png" in made.namelist()


def test_the_middle_frame_alone(folder: Path, tiny: Analyzer, tmp_path: Path) -> None:
    batch.run(
        tiny, [folder / "a/loop"], tmp_path, options=Options(pictures=False, every_frame=False)
    )
    assert [r["frame"] for r in rows_of(tmp_path)] == [1]
