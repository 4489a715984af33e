"""What users run: analyze, explain, audit. Each takes the options and returns the exit code."""

from __future__ import annotations

import json
import os
import zipfile
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from hcc_xai.cli.console import bar, complain, note, one_line
from hcc_xai.errors import ArgumentError, ImageError, SpacingError

if TYPE_CHECKING:
    from hcc_xai.analysis.models import Answerer
    from hcc_xai.analysis.result import Analysis
    from hcc_xai.batch.run import Options, Progress
    from hcc_xai.explain.methods import Explanation


def analyze(options: Namespace) -> int:
    """Masks, grades, maps and JSON of pictures; of a folder or ZIP, a table as well."""
    from hcc_xai.analysis.models import load

    models = load(options.model)
    if any(os.path.isdir(file) or zipfile.is_zipfile(file) for file in options.files):
        return _analyze_many(options, models)
    used: set[str] = set()
    whole = [_analyze_one(file, options, models, used) for file in options.files]
    return int(not all(whole))


def _analyze_one(file: str, options: Namespace, models: Answerer, used: set[str]) -> bool:
    """Answer a file and say so; whether it could be read and the gate let it pass."""
    try:
        answer = models.analyze(
            file,
            kind=options.kind,
            frame=options.frame,
            mm_per_pixel=options.mm_per_pixel,
            accept=options.accept,
        )
    except (ImageError, SpacingError) as error:
        complain(file, error)
        return False
    language = options.language
    if options.out:
        answer.save(options.out, stem=_stem(answer.image.source, used))
    if answer.accepted or options.accept:
        sentences = f"{answer.headline(language)}. {answer.sentence(language)}"
        print(f"{one_line(file)}: {sentences}")
    if not answer.accepted:
        reasons = (flag.message[language] for flag in answer.flags if flag.severity == "stop")
        complain(file, next(reasons, ""))
    return answer.accepted


def _stem(source: str, used: set[str]) -> str:
    """The name to write under: the file's, numbered where two files share it."""
    plain = Path(source).stem or "picture"
    stem, count = plain, 2
    while stem in used:
        stem, count = f"{plain}-{count}", count + 1
    used.add(stem)
    return stem


def _analyze_many(options: Namespace, models: Answerer) -> int:
    from hcc_xai.batch.run import Options
    from hcc_xai.batch.tables import TABLE, pack, read_rows

    if options.out is None:
        raise ArgumentError(
            "cli-out-missing", "a folder or a ZIP wants --out, a folder for what is written"
        )
    asked = Options(
        pictures=not options.no_pictures,
        every_frame=options.frame is None,
        accept=options.accept,
        anonymous=options.anonymous,
        mm_per_pixel=options.mm_per_pixel,
        kind=options.kind,
    )
    done = _run(models, options.files, options.out, asked)
    for row in read_rows(options.out):
        if "error" in row:
            complain(row["file"], row["error"])
    if options.zip:
        pack(options.out, options.out / "all.zip")
    print(
        f"{options.out / TABLE}: {done.rows} pictures of {done.files} files answered, "
        f"{done.skipped} done before, {done.failed} files not read, {done.stopped} pictures "
        f"stopped by the gate; {done.seconds:.0f} s"
    )
    return int(done.failed + done.stopped > 0)


def _run(models: Answerer, files: list[str], out: Path, asked: Options) -> Progress:
    """Answer many files, with a bar."""
    from tqdm import tqdm

    from hcc_xai.batch.run import run

    with tqdm(unit="file") as drawn:  # how many there are is known once the run has begun

        def advance(now: Progress) -> None:
            drawn.total = now.files
            drawn.update(now.done - drawn.n)

        return run(models, files, out, options=asked, progress=advance)


def kinds(options: Namespace) -> int:
    """The kinds of picture that are known, and the bundle that answers about each."""
    from hcc_xai.kinds.known import KINDS
    from hcc_xai.model.bundle import shipped_bundles

    bundles = shipped_bundles()
    for name, kind in KINDS.items():
        answers = bundles[name].name if name in bundles else "no bundle"
        print(f"{name}: {kind.nouns['picture'][options.language]}; {answers}")
    return 0


def explain(options: Namespace) -> int:
    """One map of one picture by a named method, or why a place of it is outlined."""
    from hcc_xai.analysis.models import load
    from hcc_xai.explain.methods import method_named

    method_named(options.method)
    models = load(options.model)
    try:
        answer = models.analyze(options.file, kind=options.kind, frame=options.frame)
    except ImageError as error:
        complain(options.file, error)
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    stem = Path(answer.image.source).stem
    if options.layers:
        _write_layers(options, models, answer, f"{stem}_layers_{options.label or answer.label}")
    elif options.point:
        place = models.explain_outline(answer, tuple(options.point), layer=options.layer)
        print(place.sentence())
        _write(answer, place, f"{stem}_outline", options.out)
    else:
        one = _by_method(options, models, answer)
        if one.score is not None:
            print(f"insertion less deletion {one.score:.2f} (a random map reaches 0)")
        _write(answer, one, f"{stem}_{one.method.replace('+', 'p')}_{one.label}", options.out)
    return 0 if answer.accepted else 1


def _by_method(options: Namespace, models: Answerer, answer: Analysis) -> Explanation:
    from hcc_xai.explain.methods import METHODS

    with bar(100, "%", quiet=METHODS[options.method].seconds_hint < 1) as advance:
        return models.explain(
            answer,
            options.method,
            label=options.label,
            against=options.against,
            layer=options.layer,
            seed=options.seed,
            check=options.check,
            progress=advance,
        )


def _write_layers(options: Namespace, models: Answerer, answer: Analysis, stem: str) -> None:
    """Write a moving picture of all layers, as GIF and WebP."""
    from hcc_xai.analysis.animation import animate

    moving = animate(models.of(answer.kind), answer, label=options.label)
    for ending, content in (("gif", moving.gif()), ("webp", moving.webp())):
        (options.out / f"{stem}.{ending}").write_bytes(content)
    print(options.out / f"{stem}.webp")


def _write(answer: Analysis, explanation: Explanation, stem: str, out: Path) -> None:
    """Write an explanation's picture and numbers."""
    from hcc_xai.imaging import draw

    (out / f"{stem}.png").write_bytes(draw.png(answer.overlay_of(explanation)))
    about = {
        **explanation.to_dict(),
        "model": answer.model,
        "accepted": answer.accepted,
        "image": answer.image.to_dict(),
    }
    (out / f"{stem}.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
    print(out / f"{stem}.png")


def audit(options: Namespace) -> int:
    """May this model be used, and for whom? A document, and its numbers as JSON."""
    from hcc_xai.analysis.models import load
    from hcc_xai.auditing.audit import audit as audited
    from hcc_xai.auditing.table import read_table
    from hcc_xai.auditing.terms import worst_said
    from hcc_xai.evaluation.out_of_fold import fold_bundles

    options.out.mkdir(parents=True, exist_ok=True)
    analyzer = load(options.bundle)
    table = read_table(options.data, analyzer.config.network.labels)
    for line in table.said:
        note(one_line(line["en"]))
    folds = fold_bundles(options.folds, options.out / "bundles") if options.folds else None
    with bar(len(table.cases), "image") as advance:
        result = audited(
            analyzer,
            table,
            by=options.by,
            other=options.against,
            folds=folds,
            progress=advance,
        )
    numbers = json.dumps(result.to_dict(), indent=1)
    (options.out / "audit.json").write_text(numbers, encoding="utf-8")
    print(result.to_html(options.out / "audit.html"))
    print(worst_said(result.worst, result.groups, "en"))
    return 0
