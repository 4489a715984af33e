"""The command line: `python -m hcc_xai COMMAND`.

Exit codes: 0 all done; 1 some file could not be read or was stopped by the gate (one line each on
standard error, beginning with its path); 2 wrong usage, or a model or data folder that cannot be
used.
"""

from __future__ import annotations

import argparse
import json
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hcc_xai.errors import (
    ArgumentError,
    BundleError,
    DataError,
    HccXaiError,
    ImageError,
    SpacingError,
)
from hcc_xai.files import read_lines

if TYPE_CHECKING:
    from hcc_xai.analysis.analyzer import Analyzer
    from hcc_xai.analysis.result import Analysis
    from hcc_xai.explain.methods import Explanation
    from hcc_xai.model.network import NetworkConfig
    from hcc_xai.training.recipe import TrainConfig


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        return code
    except HccXaiError as error:
        print(f"hcc_xai: {_one_line(str(error))}", file=sys.stderr)
        return 1 if isinstance(error, ImageError) else 2


def _one_line(text: object) -> str:
    return "".join(c if c.isprintable() else " " for c in str(text))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hcc_xai", description="Why was this lesion flagged? Research software."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    model = argparse.ArgumentParser(add_help=False)
    model.add_argument(
        "--model",
        metavar="BUNDLE",
        help="folder, or owner/name[@revision] on the Hub (weights/liver-us)",
    )

    one = commands.add_parser(
        "analyze",
        parents=[model],
        help="masks, grades, maps and JSON of pictures; of a folder or ZIP, a table as well",
    )
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
    one.set_defaults(run=_analyze)

    why = commands.add_parser(
        "explain", parents=[model], help="one map of one picture by a named method"
    )
    why.add_argument("file", metavar="FILE")
    why.add_argument("--method", default="grad-cam++")
    why.add_argument("--label")
    why.add_argument("--against")
    why.add_argument("--layer", help="of the network; the one that both heads read by default")
    why.add_argument(
        "--layers", action="store_true", help="a moving picture of all layers instead, GIF and WebP"
    )
    why.add_argument(
        "--point",
        type=int,
        nargs=2,
        metavar=("ROW", "COLUMN"),
        help="why this place is outlined as lesion, or why not, instead",
    )
    why.add_argument("--check", action="store_true", help="test the map: insertion less deletion")
    why.add_argument("--seed", type=int, default=0, help="of the methods that draw at random (0)")
    why.add_argument("--frame", type=int)
    why.add_argument("--out", type=Path, default=Path("."))
    why.set_defaults(run=_explain)

    fit = commands.add_parser(
        "train", help="train on a data folder; goes on where a killed run stopped"
    )
    fit.add_argument("--data", type=Path, required=True)
    fit.add_argument("--out", type=Path, required=True)
    fit.add_argument(
        "--fold", type=int, action="append", help="leave this fold out (may be repeated)"
    )
    fit.add_argument(
        "--folds", action="store_true", help="every fold of the index in turn, then all images"
    )
    fit.add_argument(
        "--pretrained", type=Path, help="safetensors with the trunk's ImageNet weights"
    )
    fit.add_argument(
        "--without", action="append", metavar="FRAME", help="leave this frame size out (repeatable)"
    )
    fit.add_argument("--pretrained-on", metavar="WORDS", help="data and terms, for the card")
    fit.add_argument(
        "--chosen-on", metavar="WORDS", help="where the recipe was chosen, for the card"
    )
    fit.add_argument("--trunk", default="tf_efficientnet_lite0")
    fit.add_argument("--size", type=int, default=384)
    fit.add_argument("--channels", type=int, default=96)
    fit.add_argument("--decoder", default="full", help="or separable")
    fit.add_argument(
        "--recipe",
        type=Path,
        help="JSON of a TrainConfig, as `tune` writes it; or a bundle: its own",
    )
    for name in ("epochs", "batch", "window", "seed"):
        fit.add_argument(f"--{name}", type=int, help="(of the recipe)")
    losses = ("grade", "evidence", "pixels", "over")
    for name in ("rate", "level", "decay", "average", *losses, "validation"):
        fit.add_argument(f"--{name}", type=float, help="(of the recipe)")
    fit.add_argument("--cache", type=Path, help="folder for decoded pictures (OUT/cache)")
    fit.add_argument(
        "--labels",
        help="comma-separated, in the order of the logits; read off the index by default",
    )
    fit.add_argument("--name", default="liver-us")
    fit.add_argument("--licence", default="other")
    fit.set_defaults(run=_train)

    search = commands.add_parser(
        "tune", help="search for a better recipe (Optuna); goes on where a killed search stopped"
    )
    search.add_argument("--data", type=Path, required=True)
    search.add_argument("--out", type=Path, required=True)
    search.add_argument("--trials", type=int, default=20, help="that the study shall hold (20)")
    search.add_argument("--fold", type=int, help="left out, to be reported on later")
    search.add_argument("--pretrained", type=Path)
    search.add_argument("--trunk", default="tf_efficientnet_lite0")
    search.add_argument("--size", type=int, default=384)
    search.add_argument("--channels", type=int, default=96)
    search.add_argument("--decoder", default="full", help="or separable")
    for name in ("epochs", "batch", "window", "seed"):
        search.add_argument(f"--{name}", type=int, help="(of the recipe)")
    search.set_defaults(run=_tune)

    see = commands.add_parser("data", help="a page about a data folder: what gives the class away")
    see.add_argument("folder", type=Path, metavar="DIR")
    see.add_argument("--out", type=Path, default=Path("data.html"), help="the page (data.html)")
    see.set_defaults(run=_data)

    judge = commands.add_parser(
        "evaluate", help="out-of-fold figures with intervals, and the model card"
    )
    judge.add_argument("--data", type=Path, required=True)
    judge.add_argument(
        "--folds", type=Path, required=True, metavar="DIR", help="what `train --folds` wrote"
    )
    judge.add_argument("--out", type=Path, required=True)
    judge.add_argument("--card", type=Path, metavar="BUNDLE", help="write this bundle's model card")
    judge.set_defaults(run=_evaluate)

    every = commands.add_parser(
        "check-methods", help="how far each method of explanation can be trusted, out of fold"
    )
    every.add_argument("--data", type=Path, required=True)
    every.add_argument("--folds", type=Path, required=True, metavar="DIR", help="as for evaluate")
    every.add_argument("--out", type=Path, required=True)
    every.add_argument("--method", action="append", help="this one (repeatable); all by default")
    every.add_argument("--card", type=Path, metavar="BUNDLE", help="add to this bundle's card")
    every.set_defaults(run=_check_methods)

    planted = commands.add_parser(
        "benchmark-explanations",
        help="planted evidence: does each method find what is known to decide?",
    )
    planted.add_argument("--out", type=Path, required=True)
    planted.add_argument("--images", type=int, default=400, help="phantoms to learn from (400)")
    planted.add_argument("--tested", type=int, default=40, help="phantoms to score on (40)")
    planted.add_argument("--epochs", type=int, default=20, help="of each of five trainings (20)")
    planted.add_argument("--seed", type=int, default=1, help="of phantoms and trainings (1)")
    planted.add_argument("--method", action="append", help="this one (repeatable); all by default")
    planted.set_defaults(run=_benchmark)

    end = commands.add_parser("finish", help="fit to a trained bundle what follows its weights")
    end.add_argument("bundle", type=Path)
    end.add_argument("--out-of-fold", type=Path, required=True, help="what `evaluate` wrote")
    end.add_argument("--data", type=Path, help="data folder, to fit the gate")
    end.add_argument("--kinds", type=Path, help="folder of pictures of other kinds, for the gate")
    end.add_argument(
        "--folds", type=Path, metavar="DIR", help="to measure the gate: what `train` left"
    )
    end.set_defaults(run=_finish)

    review = commands.add_parser(
        "audit", help="may this model be used, and for whom? By group, and what it does by shortcut"
    )
    review.add_argument("bundle", metavar="MODEL", help="folder, or owner/name[@revision]")
    review.add_argument(
        "--data", type=Path, required=True, help="CSV of file, label and more; or a folder"
    )
    review.add_argument("--by", action="append", default=[], metavar="COLUMN", help="(repeatable)")
    review.add_argument("--against", metavar="MODEL", help="another model, on the same images")
    review.add_argument(
        "--folds", type=Path, metavar="DIR", help="as for evaluate: each image by who never saw it"
    )
    review.add_argument("--out", type=Path, required=True)
    review.set_defaults(run=_audit)

    speed = commands.add_parser("bench", parents=[model], help="milliseconds per image")
    speed.add_argument("--json", action="store_true")
    speed.add_argument("--repeats", type=int, default=20)
    speed.set_defaults(run=_bench)

    push = commands.add_parser(
        "publish", help="upload a bundle, or the whole Space, to the Hugging Face Hub"
    )
    push.add_argument("bundle", nargs="?", type=Path)
    push.add_argument("repository", nargs="?", metavar="owner/name")
    push.add_argument("--space", metavar="owner/name", help="upload this project as a Space")
    push.add_argument("--private", action="store_true")
    push.set_defaults(run=_publish)
    return parser


def _analyze(options: argparse.Namespace) -> int:
    from hcc_xai.analysis.analyzer import load

    analyzer = load(options.model)
    if any(Path(file).is_dir() or zipfile.is_zipfile(file) for file in options.files):
        return _batch(options, analyzer)
    failed = False
    used: set[str] = set()
    for file in options.files:
        try:
            answer = analyzer.analyze(
                file, frame=options.frame, mm_per_pixel=options.mm_per_pixel, accept=options.accept
            )
        except (ImageError, SpacingError) as error:
            print(f"{_one_line(file)}: {_one_line(error)}", file=sys.stderr)
            failed = True
            continue
        if options.out:
            answer.save(options.out, stem=_stem(answer.image.source, used))
        if answer.accepted or options.accept:
            said = f"{answer.headline(options.language)}. {answer.sentence(options.language)}"
            print(f"{_one_line(file)}: {said}")
        if not answer.accepted:
            reason = next(
                (f.message[options.language] for f in answer.flags if f.severity == "stop"), ""
            )
            print(f"{_one_line(file)}: {_one_line(reason)}", file=sys.stderr)
            failed = True
    return int(failed)


def _batch(options: argparse.Namespace, analyzer: Analyzer) -> int:
    from tqdm import tqdm

    from hcc_xai.batch import run as batch

    if options.out is None:
        raise ArgumentError("a folder or a ZIP wants --out, a folder for what is written")
    with tqdm(unit="file") as bar:

        def advance(now: batch.Progress) -> None:
            bar.total = now.files
            bar.update(now.done - bar.n)

        found = batch.run(
            analyzer,
            options.files,
            options.out,
            pictures=not options.no_pictures,
            every_frame=options.frame is None,
            accept=options.accept,
            anonymous=options.anonymous,
            mm_per_pixel=options.mm_per_pixel,
            progress=advance,
        )
    for row in read_lines(options.out / batch.ANSWERS):
        if "error" in row:
            print(f"{_one_line(row['file'])}: {_one_line(row['error'])}", file=sys.stderr)
    if options.zip:
        batch.pack(options.out, options.out / "all.zip")
    print(
        f"{options.out / batch.TABLE}: {found.rows} pictures of {found.files} files answered, "
        f"{found.skipped} done before, {found.failed} files not read, {found.stopped} pictures "
        f"stopped by the gate; {found.seconds:.0f} s"
    )
    return int(found.failed + found.stopped > 0)


def _stem(source: str, used: set[str]) -> str:
    """The name to write under: the file's, numbered where two files share it."""
    stem = Path(source).stem or "picture"
    name, count = stem, 2
    while name in used:
        name, count = f"{stem}-{count}", count + 1
    used.add(name)
    return name


def _explain(options: argparse.Namespace) -> int:
    from hcc_xai.analysis.analyzer import load
    from hcc_xai.explain.methods import METHODS, method_named

    method_named(options.method)
    analyzer = load(options.model)
    try:
        answer = analyzer.analyze(options.file, frame=options.frame)
    except ImageError as error:
        print(f"{_one_line(options.file)}: {_one_line(error)}", file=sys.stderr)
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    stem = Path(answer.image.source).stem
    if options.layers:
        from hcc_xai.reports.animation import animate

        moving = animate(analyzer, answer, label=options.label)
        stem = f"{stem}_layers_{options.label or answer.label}"
        for ending, content in (("gif", moving.gif()), ("webp", moving.webp())):
            (options.out / f"{stem}.{ending}").write_bytes(content)
        print(options.out / f"{stem}.webp")
        return 0 if answer.accepted else 1
    if options.point:
        place = analyzer.explain_outline(answer, tuple(options.point), layer=options.layer)
        print(place.sentence())
        return _written(answer, place, f"{stem}_outline", options.out)
    from tqdm import tqdm

    with tqdm(total=100, unit="%", disable=METHODS[options.method].seconds_hint < 1) as bar:

        def advance(share: float) -> None:
            bar.update(round(100 * share) - bar.n)

        found = analyzer.explain(
            answer,
            options.method,
            label=options.label,
            against=options.against,
            layer=options.layer,
            seed=options.seed,
            check=options.check,
            progress=advance,
        )
    if found.score is not None:
        print(f"insertion less deletion {found.score:.2f} (a random map reaches 0)")
    return _written(
        answer, found, f"{stem}_{found.method.replace('+', 'p')}_{found.label}", options.out
    )


def _written(answer: Analysis, found: Explanation, stem: str, out: Path) -> int:
    """Write an explanation's picture and numbers; the exit code."""
    from hcc_xai.imaging import draw

    (out / f"{stem}.png").write_bytes(draw.png(answer.overlay_of(found)))
    about = {
        **found.to_dict(),
        "model": answer.model,
        "accepted": answer.accepted,
        "image": answer.image.to_dict(),
    }
    (out / f"{stem}.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
    print(out / f"{stem}.png")
    return 0 if answer.accepted else 1


def _train(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from hcc_xai.dataset.folder import image_path, leave_out, read_index
    from hcc_xai.training.loop import train
    from hcc_xai.training.make_bundle import label_order, make_bundle
    from hcc_xai.training.recipe import TrainConfig

    records = read_index(options.data)
    labels = tuple(options.labels.split(",")) if options.labels else label_order(records)
    network = _network(options, labels)
    recipe = _asked(_recipe(options.recipe) if options.recipe else TrainConfig(), options)
    parts: list[int | str | None] = [*(options.fold or ()), *(options.without or ())]
    if options.folds:
        parts = [*sorted({r.fold for r in records}), *parts, None]
    for part in parts or [None]:
        mine, about, name = leave_out(records, part)
        out = options.out / name
        with tqdm(total=recipe.all_epochs, desc=name, unit="epoch") as bar:

            def report(line: str, bar: Any = bar) -> None:
                bar.update()
                bar.write(line)

            weights = train(
                options.data,
                mine,
                out,
                network=network,
                recipe=recipe,
                pretrained=options.pretrained,
                cache=options.cache or options.out / "cache",
                report=report,
            )
        training = {
            "data": str(options.data.name),
            "images": len(mine),
            **about,
            **recipe.to_dict(),
            "pretrained": options.pretrained.name if options.pretrained else None,
            "pretrained_on": options.pretrained_on,
            "chosen_on": options.chosen_on,
        }
        make_bundle(
            weights,
            out / "bundle",
            name=options.name,
            network=network,
            training=training,
            licence=options.licence,
            examples=[image_path(options.data, r.name) for r in mine[::25]],
        )
    return 0


def _network(options: argparse.Namespace, labels: tuple[str, ...]) -> NetworkConfig:
    from hcc_xai.model.network import NetworkConfig

    absent = "normal" if "normal" in labels else None
    return NetworkConfig(
        *(options.trunk, options.size, options.channels, labels),
        absent=absent,
        decoder=options.decoder,
    )


def _recipe(path: Path) -> TrainConfig:
    from hcc_xai.model.bundle import load_bundle
    from hcc_xai.training.recipe import TrainConfig

    if not path.is_dir():
        return TrainConfig.from_dict(json.loads(path.read_text(encoding="utf-8")))
    said = load_bundle(path).config.training
    return TrainConfig.from_dict(
        {f.name: said[f.name] for f in fields(TrainConfig) if f.name in said}
    )


def _asked(recipe: TrainConfig, options: argparse.Namespace) -> TrainConfig:
    """The recipe with what the command line says of it."""
    asked = {f.name: getattr(options, f.name, None) for f in fields(recipe)}
    return replace(recipe, **{k: v for k, v in asked.items() if v is not None})


def _tune(options: argparse.Namespace) -> int:
    from hcc_xai.dataset.folder import read_index
    from hcc_xai.training.make_bundle import label_order
    from hcc_xai.training.recipe import TrainConfig
    from hcc_xai.training.tune import tune

    best = tune(
        options.data,
        options.out,
        network=_network(options, label_order(read_index(options.data))),
        trials=options.trials,
        recipe=_asked(TrainConfig(), options),
        fold=options.fold,
        pretrained=options.pretrained,
        report=lambda line: print(line, file=sys.stderr),
    )
    print(json.dumps(best.to_dict(), indent=1))
    return 0


def _data(options: argparse.Namespace) -> int:
    from hcc_xai.dataset.overview import overview

    found = overview(options.folder, options.out)
    print(f"{options.out}: {found['images']} images, {len(found['odd'])} odd outlines, ", end="")
    print(f"{len(found['alike'])} near-duplicates")
    return 0


def _commands(runs: str) -> tuple[str, ...]:
    """What makes the bundle and its figures again, for the card."""
    return (
        "python scripts/lesion_folder.py KINDS LESIONS",
        "python -m hcc_xai train --data LESIONS --out PRE --epochs 10 --rate 0.002 --level 0 "
        "--average 0.99 --pretrained tf_efficientnet_lite0.safetensors",
        f"python -m hcc_xai train --data DATA --out {runs} --folds --without 1024x768 "
        "--recipe weights/liver-us --pretrained PRE/all/best.safetensors --licence cc-by-4.0",
        f"python -m hcc_xai evaluate --data DATA --folds {runs} --out REPORT "
        f"--card {runs}/all/bundle",
        f"python -m hcc_xai check-methods --data DATA --folds {runs} --out REPORT "
        f"--card {runs}/all/bundle",
        f"python -m hcc_xai finish {runs}/all/bundle --data DATA --kinds KINDS "
        f"--folds {runs} --out-of-fold REPORT/out_of_fold.jsonl",
    )


def _evaluate(options: argparse.Namespace) -> int:
    from hcc_xai.evaluation.evaluate import run

    def report(line: str) -> None:
        print(line, file=sys.stderr)

    print(
        run(
            options.data,
            options.folds,
            options.out,
            bundle=options.card,
            commands=_commands(options.folds.name),
            report=report,
        )
    )
    return 0


def _check_methods(options: argparse.Namespace) -> int:
    from hcc_xai.evaluation.method_figures import markdown, write
    from hcc_xai.evaluation.method_rows import measure
    from hcc_xai.evaluation.out_of_fold import fold_bundles

    rows = measure(
        fold_bundles(options.folds, options.out / "bundles"),
        options.data,
        options.out,
        methods=_methods(options.method),
        report=lambda line: print(line, file=sys.stderr),
    )
    print(markdown(write(rows, options.out, bundle=options.card)))
    return 0


def _benchmark(options: argparse.Namespace) -> int:
    from hcc_xai.evaluation.planted import benchmark, markdown

    found = benchmark(
        options.out,
        images=options.images,
        tested=options.tested,
        epochs=options.epochs,
        seed=options.seed,
        methods=_methods(options.method),
        report=lambda line: print(line, file=sys.stderr),
    )
    print(markdown(found))
    return 0


def _methods(asked: list[str] | None) -> tuple[str, ...]:
    """All methods, or those asked for, each of which must be known."""
    from hcc_xai.explain.methods import METHODS, method_named

    for name in asked or ():
        method_named(name)
    return tuple(asked or METHODS)


def _finish(options: argparse.Namespace) -> int:
    from hcc_xai.evaluation.finish import finish, fit_glass_box, fit_neighbours
    from hcc_xai.evaluation.gate_figures import screen
    from hcc_xai.evaluation.out_of_fold import fold_bundles, stratum_bundles

    more = ""
    if options.data and options.folds:
        fit_neighbours(options.bundle, options.data)
        fit_glass_box(
            options.bundle,
            options.data,
            fold_bundles(options.folds, options.folds / "bundles"),
            report=lambda line: print(line, file=sys.stderr),
        )
    if options.kinds and options.data and options.folds:
        made = options.folds / "bundles"
        more = screen(
            options.bundle,
            options.data,
            options.kinds,
            folds=fold_bundles(options.folds, made),
            left_out=stratum_bundles(options.folds, made),
            report=lambda line: print(line, file=sys.stderr),
        )
    elif options.kinds:
        raise DataError("the gate wants --data, --kinds and --folds together")
    print(json.dumps(finish(options.bundle, options.out_of_fold, more=more), indent=1))
    return 0


def _audit(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from hcc_xai.analysis.analyzer import load
    from hcc_xai.auditing.audit import audit, read_table
    from hcc_xai.auditing.document import worst_said
    from hcc_xai.evaluation.out_of_fold import fold_bundles

    options.out.mkdir(parents=True, exist_ok=True)
    analyzer = load(options.bundle)
    table = read_table(options.data, analyzer.config.network.labels)
    for line in table.said:
        print(_one_line(line["en"]), file=sys.stderr)
    folds = fold_bundles(options.folds, options.out / "bundles") if options.folds else None
    with tqdm(total=len(table.cases), unit="image") as bar:
        found = audit(
            analyzer,
            table,
            by=options.by,
            other=options.against,
            folds=folds,
            progress=lambda share: bar.update(round(share * len(table.cases)) - bar.n) and None,
        )
    (options.out / "audit.json").write_text(json.dumps(found.to_dict(), indent=1), encoding="utf-8")
    print(found.to_html(options.out / "audit.html"))
    print(worst_said(found.worst, "en"))
    return 0


def _bench(options: argparse.Namespace) -> int:
    from hcc_xai.analysis.analyzer import load
    from hcc_xai.evaluation.speed import as_text, bench

    result = bench(load(options.model), repeats=options.repeats)
    print(json.dumps(result) if options.json else as_text(result))
    return 0


def _publish(options: argparse.Namespace) -> int:
    from hcc_xai.model.bundle import publish_bundle, publish_space

    if options.space and not options.bundle:
        print(publish_space(Path(__file__).parents[2], options.space, private=options.private))
    elif options.bundle and options.repository and not options.space:
        print(publish_bundle(options.bundle, options.repository, private=options.private))
    else:
        raise BundleError("publish wants a bundle's folder and owner/name, or --space owner/name")
    return 0
