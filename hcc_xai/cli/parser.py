"""The options of every command; what each command does is in `use` and `develop`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hcc_xai.cli import develop, use


@dataclass(frozen=True)
class Command:
    """A command.

    Attributes:
        help: what it does, in half a sentence.
        add: gives a parser its options.
        run: does it; returns the exit code.
    """

    help: str
    add: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], int]


def parser() -> ArgumentParser:
    """The parser of the whole command line; its answer's `run` is the function of the command."""
    whole = ArgumentParser(
        prog="python -m hcc_xai", description="Why was this lesion flagged? Research software."
    )
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        one = commands.add_parser(name, help=command.help)
        command.add(one)
        one.set_defaults(run=command.run)
    return whole


def _model(one: ArgumentParser) -> None:
    one.add_argument(
        "--model",
        metavar="BUNDLE",
        help="folder, or owner/name[@revision] on the Hub (all that ship, by what a picture shows)",
    )


def _kind(one: ArgumentParser) -> None:
    one.add_argument("--kind", help="what the picture is, where the router takes it for another")


def _analyze(one: ArgumentParser) -> None:
    _model(one)
    _kind(one)
    one.add_argument("files", nargs="+", metavar="FILE")
    one.add_argument("--out", type=Path, help="folder for overlay, masks and JSON")
    one.add_argument("--frame", type=int, help="of a file with several; the middle one by default")
    one.add_argument("--mm-per-pixel", type=float)
    one.add_argument(
        "--accept",
        action="store_true",
        help="let pictures through that the gate stops; they stay marked",
    )
    one.add_argument("--language", choices=("en", "es"), default="en")
    one.add_argument("--no-pictures", action="store_true", help="of a folder: only the table")
    one.add_argument("--anonymous", action="store_true", help="of a folder: no file names")
    one.add_argument("--zip", action="store_true", help="of a folder: all of it in one ZIP, too")


def _explain(one: ArgumentParser) -> None:
    _model(one)
    _kind(one)
    one.add_argument("file", metavar="FILE")
    one.add_argument("--method", default="grad-cam++")
    one.add_argument("--label")
    one.add_argument("--against")
    one.add_argument("--layer", help="of the network; the one that both heads read by default")
    one.add_argument(
        "--layers", action="store_true", help="a moving picture of all layers instead, GIF and WebP"
    )
    one.add_argument(
        "--point",
        type=int,
        nargs=2,
        metavar=("ROW", "COLUMN"),
        help="why this place is outlined as lesion, or why not, instead",
    )
    one.add_argument("--check", action="store_true", help="test the map: insertion less deletion")
    one.add_argument("--seed", type=int, default=0, help="of the methods that draw at random (0)")
    one.add_argument("--frame", type=int)
    one.add_argument("--out", type=Path, default=Path("."))


def _kinds(one: ArgumentParser) -> None:
    one.add_argument("--language", choices=("en", "es"), default="en")


def _audit(one: ArgumentParser) -> None:
    one.add_argument("bundle", metavar="MODEL", help="folder, or owner/name[@revision]")
    one.add_argument(
        "--data", type=Path, required=True, help="CSV of file, label and more; or a folder"
    )
    one.add_argument("--by", action="append", default=[], metavar="COLUMN", help="(repeatable)")
    one.add_argument("--against", metavar="MODEL", help="another model, on the same images")
    one.add_argument(
        "--folds", type=Path, metavar="DIR", help="as for evaluate: each image by who never saw it"
    )
    one.add_argument("--out", type=Path, required=True)


def _train(one: ArgumentParser) -> None:
    one.add_argument("--data", type=Path, required=True)
    one.add_argument("--out", type=Path, required=True)
    one.add_argument(
        "--fold", type=int, action="append", help="leave this fold out (may be repeated)"
    )
    one.add_argument(
        "--folds", action="store_true", help="every fold of the index in turn, then all images"
    )
    one.add_argument(
        "--pretrained", type=Path, help="safetensors with the trunk's ImageNet weights"
    )
    one.add_argument(
        "--without", action="append", metavar="FRAME", help="leave this frame size out (repeatable)"
    )
    one.add_argument(
        "--source", type=Path, metavar="JSON", help="whose data it is and its terms, for the card"
    )
    one.add_argument("--pretrained-on", metavar="WORDS", help="data and terms, for the card")
    one.add_argument(
        "--chosen-on", metavar="WORDS", help="where the recipe was chosen, for the card"
    )
    _network(one)
    one.add_argument(
        "--recipe",
        type=Path,
        help="JSON of a TrainConfig, as `tune` writes it; or a bundle: its own",
    )
    _of_the_recipe(one, int, "epochs", "batch", "window", "seed")
    losses = ("grade", "evidence", "pixels", "over")
    moves = ("balance", "turn", "zoom", "speckle")
    _of_the_recipe(one, float, "rate", "level", "decay", "average", *losses, *moves, "validation")
    one.add_argument("--cache", type=Path, help="folder for decoded pictures (OUT/cache)")
    one.add_argument(
        "--labels",
        help="comma-separated, in the order of the logits; those of the kind by default",
    )
    one.add_argument("--name", help="of the bundle (that of the kind)")
    one.add_argument("--licence", default="other")


def _tune(one: ArgumentParser) -> None:
    one.add_argument("--data", type=Path, required=True)
    one.add_argument("--out", type=Path, required=True)
    one.add_argument("--trials", type=int, default=20, help="that the study shall hold (20)")
    one.add_argument("--fold", type=int, help="left out, to be reported on later")
    one.add_argument("--pretrained", type=Path)
    _network(one)
    _of_the_recipe(one, int, "epochs", "batch", "window", "seed")


def _network(one: ArgumentParser) -> None:
    one.add_argument("--trunk", default="tf_efficientnet_lite0")
    one.add_argument("--kind", default="liver-ultrasound", help="of picture (liver-ultrasound)")
    one.add_argument("--size", type=int, help="of the input, in pixels (what the kind says)")
    one.add_argument("--channels", type=int, default=96)
    one.add_argument(
        "--deep", type=int, default=0, help="more channels, from the trunk's deepest level"
    )
    one.add_argument("--decoder", default="full", help="or separable")


def _of_the_recipe(one: ArgumentParser, kind: type[int] | type[float], *names: str) -> None:
    for name in names:
        one.add_argument(f"--{name}", type=kind, help="(of the recipe)")


def _data(one: ArgumentParser) -> None:
    one.add_argument("folder", type=Path, metavar="DIR")
    one.add_argument("--out", type=Path, default=Path("data.html"), help="the page (data.html)")


def _evaluate(one: ArgumentParser) -> None:
    one.add_argument("--data", type=Path, required=True)
    one.add_argument(
        "--folds", type=Path, required=True, metavar="DIR", help="what `train --folds` wrote"
    )
    one.add_argument("--out", type=Path, required=True)
    one.add_argument("--card", type=Path, metavar="BUNDLE", help="write this bundle's model card")
    one.add_argument(
        "--commands",
        type=Path,
        help="a command a line: what made it, where it was not the plain way",
    )


def _check_methods(one: ArgumentParser) -> None:
    one.add_argument("--data", type=Path, required=True)
    one.add_argument("--folds", type=Path, required=True, metavar="DIR", help="as for evaluate")
    one.add_argument("--out", type=Path, required=True)
    one.add_argument("--method", action="append", help="this one (repeatable); all by default")
    one.add_argument("--card", type=Path, metavar="BUNDLE", help="add to this bundle's card")


def _benchmark(one: ArgumentParser) -> None:
    one.add_argument("--out", type=Path, required=True)
    one.add_argument("--images", type=int, default=400, help="phantoms to learn from (400)")
    one.add_argument("--tested", type=int, default=40, help="phantoms to score on (40)")
    one.add_argument("--epochs", type=int, default=20, help="of each of five trainings (20)")
    one.add_argument("--seed", type=int, default=1, help="of phantoms and trainings (1)")
    one.add_argument("--method", action="append", help="this one (repeatable); all by default")


def _finish(one: ArgumentParser) -> None:
    one.add_argument("bundle", type=Path)
    one.add_argument("--out-of-fold", type=Path, required=True, help="what `evaluate` wrote")
    one.add_argument("--data", type=Path, help="data folder, to fit the gate")
    one.add_argument("--kinds", type=Path, help="folder of pictures of other kinds, for the gate")
    one.add_argument(
        "--folds", type=Path, metavar="DIR", help="to measure the gate: what `train` left"
    )


def _bench(one: ArgumentParser) -> None:
    _model(one)
    one.add_argument("--json", action="store_true")
    one.add_argument("--repeats", type=int, default=20)


def _publish(one: ArgumentParser) -> None:
    one.add_argument("bundle", nargs="?", type=Path)
    one.add_argument("repository", nargs="?", metavar="owner/name")
    one.add_argument("--space", metavar="owner/name", help="upload this project as a Space")
    one.add_argument("--private", action="store_true")


# In the order in which the help shows them.
COMMANDS: dict[str, Command] = {
    "analyze": Command(
        "masks, grades, maps and JSON of pictures; of a folder or ZIP, a table as well",
        _analyze,
        use.analyze,
    ),
    "kinds": Command("the kinds of picture that are known", _kinds, use.kinds),
    "explain": Command("one map of one picture by a named method", _explain, use.explain),
    "train": Command(
        "train on a data folder; goes on where a killed run stopped", _train, develop.train
    ),
    "tune": Command(
        "search for a better recipe (Optuna); goes on where a killed search stopped",
        _tune,
        develop.tune,
    ),
    "data": Command(
        "a page about a data folder: what gives the class away", _data, develop.describe_data
    ),
    "evaluate": Command(
        "out-of-fold figures with intervals, and the model card", _evaluate, develop.evaluate
    ),
    "check-methods": Command(
        "how far each method of explanation can be trusted, out of fold",
        _check_methods,
        develop.check_methods,
    ),
    "benchmark-explanations": Command(
        "planted evidence: does each method find what is known to decide?",
        _benchmark,
        develop.benchmark_explanations,
    ),
    "finish": Command("fit to a trained bundle what follows its weights", _finish, develop.finish),
    "audit": Command(
        "may this model be used, and for whom? By group, and what it does by shortcut",
        _audit,
        use.audit,
    ),
    "bench": Command("milliseconds per image", _bench, develop.bench),
    "publish": Command(
        "upload a bundle, or the whole Space, to the Hugging Face Hub", _publish, develop.publish
    ),
}
