"""A card's sections: those of the bundle that ships come out again from its numbers, character by
character, and no other bundle says that it was trained on the same data."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from hcc_xai.errors import ArgumentError, DataError
from hcc_xai.evaluation.card import card
from hcc_xai.evaluation.confidence import Confidence, Scores
from hcc_xai.evaluation.confidence_section import section as confidence_section
from hcc_xai.evaluation.finish import opinion_section
from hcc_xai.evaluation.gate_section import Accepted, Count, GateFigures, Unknown
from hcc_xai.evaluation.gate_section import section as gate_section
from hcc_xai.evaluation.method_figures import MethodFigures, markdown
from hcc_xai.evaluation.source import LIVER, UNNAMED, Source, source_of
from hcc_xai.evaluation.summary import Summary
from hcc_xai.evaluation.tables import counted
from hcc_xai.explain.methods import METHODS
from hcc_xai.model.bundle import load_bundle
from hcc_xai.model.calibration import Calibration
from hcc_xai.model.second_opinion import GlassBox
from hcc_xai.stats import Figure

SHIPPED = Path(__file__).parents[2] / "weights" / "liver-us"
README = (SHIPPED / "README.md").read_text(encoding="utf-8")


def part(name: str) -> str:
    """A marked section of the card that ships."""
    return README.split(f"<!-- {name}: begin -->\n")[1].split(f"\n<!-- {name}: end -->")[0]


def rows_of(text: str, head: str) -> dict[str, list[str]]:
    """The cells of a table, by what stands in its first column."""
    lines = text.split(head, 1)[1].split("\n\n")[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: row[1:] for row in cells if not row[0].startswith("---")}


def figure(text: str, n: int = 0) -> Figure:
    """A figure as it is written: value, interval, n."""
    numbers = [float(x) for x in re.findall(r"-?\d+\.\d+", text.replace("−", "-"))]
    said = re.search(r"n (?:= )?(\d+)", text)
    n = int(said[1]) if said else n
    return Figure(*numbers, n) if len(numbers) == 3 else Figure(None, None, None, 0)


def shipped(folder: Path, **changes: object) -> tuple[Path, Summary]:
    """A copy of the bundle that ships, with another config perhaps, and its summary."""
    shutil.copytree(SHIPPED, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changes}))
    metrics = json.loads((folder / "metrics.json").read_text())["out_of_fold"]
    summary = Summary.from_dict(metrics)
    assert json.dumps(summary.to_dict()) == json.dumps(metrics)
    return folder, summary


def test_the_card_that_ships_comes_out_again(tmp_path: Path) -> None:
    folder, summary = shipped(tmp_path / "bundle")
    commands = README.split("```sh\n")[1].split("\n```")[0].splitlines()
    written = card(folder, summary, commands=commands).read_text(encoding="utf-8")
    assert written == README.split("\n<!-- second-opinion: begin -->")[0]
    again = json.loads((folder / "metrics.json").read_text())
    assert again == json.loads((SHIPPED / "metrics.json").read_text())


def test_the_section_on_the_second_opinion_comes_out_again() -> None:
    assert opinion_section(GlassBox.load(SHIPPED / "descriptors.json")) == part("second-opinion")


def test_the_section_on_confidence_comes_out_again() -> None:
    text = part("finish").split("\n\n## Is it a liver")[0]
    scores = rows_of(text, "| figure | raw | calibrated |\n")
    names = list(scores)
    bins = [
        [float(cell) for cell in line.strip("|").split("|")]
        for line in text.split("| confidence | right | images |\n| --- | --- | --- |\n")[1]
        .split("\n\n")[0]
        .splitlines()
    ]
    raw, calibrated = (
        Scores(*(figure(scores[k][i]) for k in names[:3]), bins, float(scores[names[3]][i]))
        for i in (0, 1)
    )
    right = [figure(row[0]) for row in rows_of(text, "| band | how often right |\n").values()]
    held = rows_of(text, "| of | true grade in the set |\n")
    frames = {k.removeprefix("images of "): figure(v[0]) for k, v in held.items() if "images" in k}
    sizes, empty = text.split("Grades in a set: ")[1].split("\n")[0].split("; empty sets ")
    figures = Confidence(
        raw,
        calibrated,
        right=dict(zip(("green", "amber", "red"), right, strict=True)),
        coverage={k: figure(v[0]) for k, v in held.items() if "images" not in k},
        coverage_at=frames,
        set_size=figure(sizes),
        empty_sets=figure(empty),
    )
    fitted = json.loads((SHIPPED / "calibration.json").read_text())
    bands = load_bundle(SHIPPED).config.bands
    assert confidence_section(Calibration.from_dict(fitted), figures, bands) == text
    shown = figures.to_dict()
    assert shown["ece_raw"] == [0.048, 0.035, 0.086, 625] and shown["bins_calibrated"] == bins
    assert list(shown)[:5] == ["ece_raw", "brier_raw", "log_loss_raw", "bins_raw",
                               "ece_if_perfect_raw"]  # fmt: skip
    assert shown["coverage_at_other"] == [0.862, 0.759, 0.948, 58]


def test_the_section_on_the_gate_comes_out_again() -> None:
    text = part("finish").split("\n\n## Is it a liver")[1]

    def count(cell: str, shown: int = 1) -> Count:
        read = figure(cell)
        return Count(round((read.value or 0) * read.n * shown), read.n * shown)

    accepted = re.search(r"accepted: (.*)\. Rect.*: (.*)\.\n", text)
    assert accepted is not None
    whole, bare = map(count, accepted.groups())
    frames = rows_of(text, "| frame size | accepted | when unseen | rectangles, when unseen |\n")
    kinds = rows_of(text, "| kind | stopped, known | stopped, never seen | AUROC, never seen |\n")
    kinds = {k: row for k, row in kinds.items() if not k.startswith("**")}
    nothing = Accepted(Count(0, 0), Count(0, 0))
    first = GateFigures(
        Accepted(whole, bare),
        strata={k: count(row[0]) for k, row in frames.items()},
        known={k: count(row[0], 5) for k, row in kinds.items() if "n = " in row[0]},
        unknown={k: Unknown(count(row[1], 5), float(row[2])) for k, row in kinds.items()},
    )
    others = GateFigures(
        nothing,
        strata={},
        known=dict.fromkeys(first.known, Count(0, 0)),
        unknown={k: Unknown(Count(0, 0), u.auroc) for k, u in first.unknown.items()},
    )
    unseen = {
        k: Accepted(count(row[1]), count(row[2])) for k, row in frames.items() if "n" in row[1]
    }
    again = gate_section([first, others, others, others, others], unseen)
    assert again == f"## Is it a liver{text}"


def test_the_section_on_the_methods_comes_out_again() -> None:
    text = part("methods").split("(methods.png)\n\n")[1]
    titles = {"smooth noise": "random"} | {m.title: name for name, m in METHODS.items()}
    columns = ("deletion", "insertion", "score", "road", "infidelity", "in_lesion", "pointing",
               "sensitivity")  # fmt: skip
    table = rows_of(text, text[text.index("| method | deletion") : text.index("|\n| ---") + 2])
    methods = {
        titles[k]: dict(zip(columns, (figure(cell, 60) for cell in row), strict=True))
        for k, row in table.items()
    }
    left = text[text.index("| method | + heads") :]
    stages = [cell.strip("| +\n") for cell in left.splitlines()[0].split("|")[2:-2]]
    randomised = {
        titles[k]: {
            stage: Figure(float(cell.replace("−", "-")), None, None, int(row[-1]))
            for stage, cell in zip(stages, row, strict=False)
        }
        for k, row in rows_of(left, left.splitlines()[0] + "\n").items()
    }
    assert len(methods) == 7 and len(randomised) == 6
    assert markdown(MethodFigures(methods, randomised)) == text


def test_a_figure_without_images_says_so() -> None:
    assert counted(Figure(None, None, None, 0)) == "no images"
    assert counted(Figure(None, 0.0, 1.0, 0), missing="none") == "none"
    assert counted(Figure(1.584, 1.541, 1.626, 625), digits=2) == "1.58 (1.54 to 1.63), n = 625"


def test_no_other_bundle_says_that_it_was_trained_on_the_liver_set(tmp_path: Path) -> None:
    training = {"images": 40, "data": "of my own"}
    folder, summary = shipped(tmp_path / "bundle", name="mine", training=training)
    text = card(folder, summary, commands=[]).read_text(encoding="utf-8")
    for claim in ("Annotated Ultrasound Liver", "annotated-ultrasound", "bbac569", "Zenodo",
                  "ImageNet", "histology", "few scanners", "One image per patient",
                  "In this data the scanner", "datasets:", "- liver\n"):  # fmt: skip
        assert claim in README and claim not in text, claim
    assert "of a set that this bundle does not name" in text
    assert "**It is not a medical device**" in text and "trained on | 40 images" in text


def test_a_bundle_may_name_its_own_source(tmp_path: Path) -> None:
    named = {"name": "my-set", "sentence": "My set (2026).", "licence": "CC0.", "tags": ["liver"]}
    folder, summary = shipped(tmp_path / "bundle", name="mine", training={"source": named})
    text = card(folder, summary, commands=[]).read_text(encoding="utf-8")
    assert "- Images and outlines: My set (2026). CC0.\n\n## How it was made" in text
    assert "tags:\n- liver\n- medical-imaging\n" in text and "datasets:\n- my-set\n" in text
    config = load_bundle(folder).config
    assert source_of(config) == Source(
        name="my-set", sentence="My set (2026).", licence="CC0.", tags=("liver",)
    )
    assert source_of(replace(config, training={})) == UNNAMED
    assert source_of(replace(config, training={}, name="liver-us")) == LIVER
    with pytest.raises(ArgumentError, match="unknown key of a source 'lisence'"):
        Source.from_dict({"sentence": "x", "lisence": "y"})
    with pytest.raises(DataError, match="no sentence"):
        Source.from_dict({"name": "x"})
    with pytest.raises(DataError, match="tags of a source is 'liver'"):
        Source.from_dict({"sentence": "x", "tags": "liver"})
