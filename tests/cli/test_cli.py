"""The command line: exit codes, one line a fault, files named as promised."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from hcc_xai.cli.main import main


@pytest.fixture
def picture(tmp_path: Path, scan: np.ndarray) -> Path:
    path = tmp_path / "scan.png"
    cv2.imwrite(str(path), scan)
    return path


def test_analyze_writes_and_says(picture: Path, tiny_bundle: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    assert (
        main(
            [
                "analyze",
                str(picture),
                "--out",
                str(out),
                "--model",
                str(tiny_bundle),
                "--language",
                "es",
            ]
        )
        == 0
    )
    said = capsys.readouterr()
    assert said.err == "" and said.out.startswith(f"{picture}: ") and "," in said.out
    assert {p.name for p in out.iterdir()} == {
        "scan_overlay.png",
        "scan_lesion.png",
        "scan_liver.png",
        "scan.json",
    }
    assert json.loads((out / "scan.json").read_text())["label"] in ("normal", "benign", "malignant")


def test_a_bad_file_is_one_line_and_the_others_are_done(
    picture: Path, tiny_bundle: Path, tmp_path: Path, capsys
) -> None:
    bad = tmp_path / "bad\nname.png"
    bad.write_bytes(b"")
    gone = tmp_path / "gone.png"
    files = [str(bad), str(gone), str(picture)]
    assert main(["analyze", *files, "--out", str(tmp_path / "o"), "--model", str(tiny_bundle)]) == 1
    said = capsys.readouterr()
    lines = said.err.splitlines()
    assert len(lines) == 2 and "Traceback" not in said.err
    assert lines[0].startswith(str(bad).replace("\n", " ")) and lines[1].startswith(str(gone))
    assert (tmp_path / "o" / "scan.json").is_file()


def test_two_files_of_one_name_do_not_overwrite_each_other(
    picture: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    (tmp_path / "b").mkdir()
    other = tmp_path / "b" / "scan.png"
    other.write_bytes(picture.read_bytes())
    assert (
        main(
            [
                "analyze",
                str(picture),
                str(other),
                "--out",
                str(tmp_path / "o"),
                "--model",
                str(tiny_bundle),
            ]
        )
        == 0
    )
    assert {p.stem for p in (tmp_path / "o").glob("*.json")} == {"scan", "scan-2"}


def test_wrong_usage_is_two(picture: Path, tiny_bundle: Path, tmp_path: Path, capsys) -> None:
    assert main(["analyze", str(picture), "--model", str(tmp_path / "no-bundle")]) == 2
    assert main(["explain", str(picture), "--method", "magic", "--model", str(tiny_bundle)]) == 2
    assert "grad-cam++, contribution" in capsys.readouterr().err
    with pytest.raises(SystemExit) as left:
        main(["no-such-command"])
    assert left.value.code == 2


def test_explain_writes_the_map(picture: Path, tiny_bundle: Path, tmp_path: Path, capsys) -> None:
    arguments = [
        "explain",
        str(picture),
        "--method",
        "contribution",
        "--label",
        "benign",
        "--out",
        str(tmp_path),
    ]
    assert main([*arguments, "--model", str(tiny_bundle)]) == 0
    about = json.loads((tmp_path / "scan_contribution_benign.json").read_text())
    assert about["label"] == "benign" and about["smallest"] < 0 < about["largest"]
    assert cv2.imread(str(tmp_path / "scan_contribution_benign.png")).shape == (300, 400, 3)


def test_bench_has_the_promised_columns(tiny_bundle: Path, capsys) -> None:
    assert main(["bench", "--json", "--repeats", "1", "--model", str(tiny_bundle)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["batch"] for row in told["rows"]] == [1, 8]
    for row in told["rows"]:
        assert set(row) == {"batch", "forward_ms", "maps_ms", "analyze_ms", "two_pass_ms"}
        assert row["analyze_ms"] > row["maps_ms"] * 0.8 > 0


def test_publish_wants_to_know_where(tiny_bundle: Path, capsys) -> None:
    assert main(["publish", str(tiny_bundle)]) == 2
    assert "owner/name" in capsys.readouterr().err


def test_explain_a_place_and_test_a_map(
    picture: Path, tiny_bundle: Path, tmp_path: Path, capsys
) -> None:
    model = ["--model", str(tiny_bundle), "--out", str(tmp_path)]
    assert main(["explain", str(picture), "--check", *model]) == 0
    assert "insertion less deletion" in capsys.readouterr().out
    assert main(["explain", str(picture), "--point", "150", "200", *model]) == 0
    assert (tmp_path / "scan_outline.png").is_file()
    about = json.loads((tmp_path / "scan_outline.json").read_text())
    assert about["point"] == [150, 200] and about["sentence"]["es"]
    assert main(["explain", str(picture), "--point", "0", "0", *model]) == 2
    assert "outside the scan" in capsys.readouterr().err


def test_the_benchmarks_refuse_an_unknown_method(tmp_path: Path, capsys) -> None:
    arguments = ["benchmark-explanations", "--out", str(tmp_path), "--method", "magic"]
    assert main(arguments) == 2
    assert "grad-cam++" in capsys.readouterr().err


@pytest.mark.parametrize("out", ["scan.png", "scan.png/below"])
@pytest.mark.parametrize("command", ["analyze", "analyze a folder", "explain", "audit"])
def test_a_place_that_cannot_be_written_to_is_one_line(
    command: str, out: str, picture: Path, tiny_bundle: Path, capsys
) -> None:
    folder = picture.parent / "studies"
    folder.mkdir()
    (folder / "scan.png").write_bytes(picture.read_bytes())
    commands = {
        "analyze": ["analyze", str(picture), "--model", str(tiny_bundle)],
        "analyze a folder": ["analyze", str(folder), "--model", str(tiny_bundle)],
        "explain": ["explain", str(picture), "--model", str(tiny_bundle)],
        "audit": ["audit", str(tiny_bundle), "--data", str(folder)],
    }
    assert main([*commands[command], "--out", str(picture.parent / out)]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("hcc_xai: ") and str(picture) in line and "Traceback" not in line


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full disk at hand")
def test_a_full_disk_is_one_line(data: Path, capsys) -> None:
    assert main(["data", str(data), "--out", "/dev/full"]) == 2
    assert capsys.readouterr().err == "hcc_xai: No space left on device\n"


def test_a_file_that_is_not_there_is_one_line(data: Path, tmp_path: Path, capsys) -> None:
    recipe = tmp_path / "recipe.json"
    arguments = ["train", "--data", str(data), "--out", str(tmp_path), "--recipe", str(recipe)]
    assert main(arguments) == 2
    assert capsys.readouterr().err == f"hcc_xai: {recipe}: No such file or directory\n"
    for content in (b"{", b"[]", b"\xff"):
        recipe.write_bytes(content)
        assert main(arguments) == 2
        line = capsys.readouterr().err
        assert line.count("\n") == 1 and "is no recipe" in line
