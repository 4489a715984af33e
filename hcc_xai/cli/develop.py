"""What developers run: train, tune, judge, finish, publish. Each takes the options and returns the
exit code."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hcc_xai.cli.console import note
from hcc_xai.errors import BundleError, DataError

if TYPE_CHECKING:
    from hcc_xai.dataset.folder import Record
    from hcc_xai.model.network import NetworkConfig
    from hcc_xai.training.recipe import TrainConfig


def train(options: Namespace) -> int:
    """Train on a data folder: on all images, or without each of some folds and frame sizes."""
    from hcc_xai.dataset.folder import read_index
    from hcc_xai.training.recipe import TrainConfig

    records = read_index(options.data)
    network = _network(options)
    recipe = _asked(recipe_at(options.recipe) if options.recipe else TrainConfig(), options)
    parts: list[int | str | None] = [*(options.fold or ()), *(options.without or ())]
    if options.folds:
        parts = [*sorted({r.fold for r in records}), *parts, None]
    for part in parts or [None]:
        _train_without(part, records, options, network, recipe)
    return 0


def _train_without(
    part: int | str | None,
    records: Sequence[Record],
    options: Namespace,
    network: NetworkConfig,
    recipe: TrainConfig,
) -> None:
    """Train without a fold or a frame size (None: on all), and write the bundle."""
    from tqdm import tqdm

    from hcc_xai.dataset.folder import image_path, leave_out
    from hcc_xai.evaluation.source import KEY, source_at
    from hcc_xai.training.loop import train as trained
    from hcc_xai.training.make_bundle import BUNDLE_NAMES, make_bundle

    mine, about, name = leave_out(records, part)
    out = options.out / name
    with tqdm(total=recipe.all_epochs, desc=name, unit="epoch") as bar:

        def report(line: str) -> None:
            bar.update()
            bar.write(line)

        weights = trained(
            options.data,
            mine,
            out,
            network=network,
            recipe=recipe,
            kind=options.kind,
            pretrained=options.pretrained,
            cache=options.cache or options.out / "cache",
            report=report,
        )
    make_bundle(
        weights,
        out / "bundle",
        name=options.name or BUNDLE_NAMES.get(options.kind, options.kind),
        kind=options.kind,
        network=network,
        training={
            "data": str(options.data.name),
            "images": len(mine),
            **about,
            **recipe.to_dict(),
            "pretrained": options.pretrained.name if options.pretrained else None,
            "pretrained_on": options.pretrained_on,
            "chosen_on": options.chosen_on,
            **({KEY: source_at(options.source)} if options.source else {}),
        },
        licence=options.licence,
        examples=[image_path(options.data, r.name) for r in mine[::25]],
    )


def _network(options: Namespace) -> NetworkConfig:
    """A new network for a kind of picture."""
    from hcc_xai.kinds.known import kind_named
    from hcc_xai.model.network import NetworkConfig

    kind = kind_named(options.kind)
    asked = getattr(options, "labels", None)
    labels = tuple(asked.split(",")) if asked else tuple(kind.labels)
    return NetworkConfig(
        trunk=options.trunk,
        size=options.size or kind.size,
        channels=options.channels,
        deep=options.deep,
        labels=labels,
        absent=kind.absent if kind.absent in labels else None,
        decoder=options.decoder,
        masks=kind.masks,
        target=kind.target,
        multiple=kind.multiple,
    )


def recipe_at(path: Path) -> TrainConfig:
    """The recipe in a JSON file, or that of a bundle.

    Raises:
        DataError: the file holds no JSON object.
    """
    from hcc_xai.model.bundle import load_bundle
    from hcc_xai.training.recipe import TrainConfig

    if path.is_dir():
        training = load_bundle(path).config.training
        names = [f.name for f in fields(TrainConfig)]
        return TrainConfig.from_dict({name: training[name] for name in names if name in training})
    try:
        recipe = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        recipe = None
    if not isinstance(recipe, dict):
        raise DataError(
            "cli-no-recipe",
            "{path} is no recipe; wanted is a JSON object, as `tune` writes it",
            path=str(path),
        )
    return TrainConfig.from_dict(recipe)


def _asked(recipe: TrainConfig, options: Namespace) -> TrainConfig:
    """The recipe with what the command line says of it."""
    asked = {f.name: getattr(options, f.name, None) for f in fields(recipe)}
    return replace(recipe, **{k: v for k, v in asked.items() if v is not None})


def tune(options: Namespace) -> int:
    """Search for a better recipe."""
    from hcc_xai.training.recipe import TrainConfig
    from hcc_xai.training.tune import tune as tuned

    best = tuned(
        options.data,
        options.out,
        network=_network(options),
        kind=options.kind,
        trials=options.trials,
        recipe=_asked(TrainConfig(), options),
        fold=options.fold,
        pretrained=options.pretrained,
        report=note,
    )
    print(json.dumps(best.to_dict(), indent=1))
    return 0


def describe_data(options: Namespace) -> int:
    """A page about a data folder: what gives the class away."""
    from hcc_xai.dataset.overview import overview

    page = overview(options.folder, options.out)
    print(
        f"{options.out}: {page['images']} images, {len(page['odd'])} odd outlines, "
        f"{len(page['alike'])} near-duplicates"
    )
    return 0


def evaluate(options: Namespace) -> int:
    """Out-of-fold figures with intervals, and the model card."""
    from hcc_xai.evaluation.evaluate import run

    table = run(
        options.data,
        options.folds,
        options.out,
        bundle=options.card,
        commands=_commands(options),
        report=note,
    )
    print(table)
    return 0


def _commands(options: Namespace) -> tuple[str, ...]:
    """What makes a bundle and its figures again, for its card: what a file says, or the plain
    way."""
    from hcc_xai.model.bundle import load_bundle

    if options.card is None:
        return ()
    if options.commands is not None:
        return tuple(options.commands.read_text(encoding="utf-8").splitlines())
    config, runs = load_bundle(options.card).config, options.folds.name
    network, start = config.network, config.training.get("pretrained")
    return (
        f"python -m hcc_xai train --kind {config.kind} --data DATA --out {runs} --folds "
        f"--size {network.size} --channels {network.channels} --deep {network.deep} "
        f"--decoder {network.decoder} --recipe weights/{config.name} --pretrained {start}",
        f"python -m hcc_xai evaluate --data DATA --folds {runs} --out REPORT "
        f"--card {runs}/all/bundle",
        f"python -m hcc_xai finish {runs}/all/bundle --data DATA --folds {runs} "
        "--out-of-fold REPORT/out_of_fold.jsonl",
    )


def check_methods(options: Namespace) -> int:
    """How far each method of explanation can be trusted, out of fold."""
    from hcc_xai.evaluation.method_figures import markdown, write
    from hcc_xai.evaluation.method_rows import measure
    from hcc_xai.evaluation.out_of_fold import fold_bundles

    rows = measure(
        fold_bundles(options.folds, options.out / "bundles"),
        options.data,
        options.out,
        methods=_methods(options.method),
        report=note,
    )
    print(markdown(write(rows, options.out, bundle=options.card)))
    return 0


def benchmark_explanations(options: Namespace) -> int:
    """Planted evidence: does each method find what is known to decide?"""
    from hcc_xai.evaluation.planted import benchmark, markdown

    scores = benchmark(
        options.out,
        images=options.images,
        tested=options.tested,
        epochs=options.epochs,
        seed=options.seed,
        methods=_methods(options.method),
        report=note,
    )
    print(markdown(scores))
    return 0


def _methods(asked: list[str] | None) -> tuple[str, ...]:
    """All methods, or those asked for, each of which must be known."""
    from hcc_xai.explain.methods import METHODS, method_named

    for name in asked or ():
        method_named(name)
    return tuple(asked or METHODS)


def finish(options: Namespace) -> int:
    """Fit to a trained bundle what follows its weights."""
    from hcc_xai.evaluation.finish import finish as finished
    from hcc_xai.evaluation.finish import fit_glass_box, fit_neighbours
    from hcc_xai.evaluation.gate_figures import screen
    from hcc_xai.evaluation.out_of_fold import fold_bundles, stratum_bundles

    if options.kinds and not (options.data and options.folds):
        raise DataError(
            "cli-gate-needs-more", "the gate wants --data, --kinds and --folds together"
        )
    about_the_gate = ""
    if options.data and options.folds:
        fit_neighbours(options.bundle, options.data)
        bundles = options.folds / "bundles"
        by_fold = fold_bundles(options.folds, bundles)
        fit_glass_box(options.bundle, options.data, by_fold, report=note)
        if options.kinds:
            about_the_gate = screen(
                options.bundle,
                options.data,
                options.kinds,
                folds=by_fold,
                left_out=stratum_bundles(options.folds, bundles),
                report=note,
            )
    figures = finished(options.bundle, options.out_of_fold, more=about_the_gate)
    print(json.dumps(figures, indent=1))
    return 0


def bench(options: Namespace) -> int:
    """Milliseconds per image."""
    from hcc_xai.analysis.models import load
    from hcc_xai.evaluation.speed import as_text
    from hcc_xai.evaluation.speed import bench as benched
    from hcc_xai.model.bundle import default_model

    result = benched(load(options.model or default_model()), repeats=options.repeats)
    print(json.dumps(result) if options.json else as_text(result))
    return 0


def publish(options: Namespace) -> int:
    """Upload a bundle, or the whole Space, to the Hugging Face Hub."""
    from hcc_xai.model.publish import publish_bundle, publish_space

    if options.space and not options.bundle:
        print(publish_space(_checkout(), options.space, private=options.private))
    elif options.bundle and options.repository and not options.space:
        print(publish_bundle(options.bundle, options.repository, private=options.private))
    else:
        raise BundleError(
            "cli-publish-needs",
            "publish wants a bundle's folder and owner/name, or --space owner/name",
        )
    return 0


def _checkout() -> Path:
    """The top folder of the project that this package lies in.

    Raises:
        BundleError: it was installed from a wheel, and lies in no project.
    """
    top = Path(__file__).resolve().parents[2]
    if not (top / "app.py").is_file():
        raise BundleError(
            "cli-no-checkout",
            "a Space is uploaded from a checkout of the project, and {folder} is "
            "none; run `python -m hcc_xai publish --space` in the top folder of one",
            folder=str(top),
        )
    return top
