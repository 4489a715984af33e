"""After a training: what is fitted to a network's out-of-fold answers, and written into its
bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypedDict

import numpy as np

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.dataset.folder import TARGET, Record, image_path, read_index, read_truth
from hcc_xai.errors import DataError
from hcc_xai.evaluation import confidence, lesion_rule
from hcc_xai.evaluation.card import put_section
from hcc_xai.evaluation.confidence import Answers
from hcc_xai.evaluation.confidence_section import diagram, section
from hcc_xai.evaluation.out_of_fold import read_rows
from hcc_xai.evaluation.roles import Roles
from hcc_xai.evaluation.row_type import Row
from hcc_xai.evaluation.tables import counted
from hcc_xai.files import write_json, write_whole
from hcc_xai.findings.outlines import Outlines
from hcc_xai.imaging.read import read
from hcc_xai.kinds.known import kind_named
from hcc_xai.model import calibration, second_opinion
from hcc_xai.model.bundle import CARD, RELIABILITY, load_bundle
from hcc_xai.model.neighbours import FILE as NEAR
from hcc_xai.model.neighbours import Neighbours
from hcc_xai.model.second_opinion import GlassBox, values_of
from hcc_xai.stats import Figure


def finish(
    bundle: str | Path, out_of_fold: str | Path, *, alpha: float = 0.1, more: str = ""
) -> dict[str, object]:
    """Fit the calibration of a bundle and write `calibration.json`, the reliability diagram and
    the card's section.

    Args:
        bundle: folder of the bundle that ships.
        out_of_fold: what `evaluate` wrote for networks that were trained the same way.
        alpha: share that a prediction set may miss.
        more: Markdown that the card shows after it, such as the section on the gate.

    Returns:
        The figures of the card's section as JSON holds them: name -> [value, low, high, n], and
        what else `Confidence.to_dict` names.

    Raises:
        DataError: the rows are missing or of other labels.
        BundleError: no bundle.
    """
    loaded = load_bundle(bundle)
    labels = loaded.config.network.labels
    rows = read_rows(out_of_fold)
    if not rows or tuple(rows[0]["logits"]) != labels:
        raise DataError(
            "finish-other-labels",
            "{rows} does not hold answers for {labels}",
            rows=str(out_of_fold),
            labels=", ".join(labels),
        )
    answers = answers_of(rows, labels, multiple=loaded.config.network.multiple)
    fitted = calibration.fit(answers.logits, answers.truth, labels, alpha=alpha)
    figures = confidence.measure(answers, loaded, alpha=alpha)
    roles = Roles.of(loaded.config)
    outlines = Outlines()
    if roles.target:
        share = loaded.config.least_lesion_share
        outlines = lesion_rule.fit(rows, share, absent=roles.absent)
    whole = replace(fitted, weights_sha256=loaded.weights_sha256, outlines=outlines)
    write_json(loaded.path / "calibration.json", whole.to_dict())
    write_whole(loaded.path / RELIABILITY, diagram(figures))
    text = f"{section(whole, figures, loaded.config.bands, roles)}\n\n{more}"
    write_whole(loaded.path / CARD, put_section(loaded.card, "finish", text).encode())
    return figures.to_dict()


def answers_of(rows: Sequence[Row], labels: Sequence[str], *, multiple: bool = False) -> Answers:
    """The answers of rows, with the labels in this order; `multiple`: several may hold at once."""
    return Answers(
        logits=np.array([[row["logits"][k] for k in labels] for row in rows]),
        holds=np.array([[k in row["label"].split("+") for k in labels] for row in rows]),
        folds=np.array([row["fold"] for row in rows]),
        strata=np.array([row["stratum"] for row in rows]),
        multiple=multiple,
    )


def fit_glass_box(
    bundle: str | Path,
    data: str | Path,
    folds: Mapping[int, Path],
    *,
    report: Callable[[str], None] = lambda line: None,
) -> GlassBox | None:
    """Fit the second opinion of a bundle to the lesions that the networks of the folds outlined and
    hit; write `descriptors.json` and the card's section. None, and nothing written, where there are
    not two grades of lesions, or the kind's lesions are described in fewer words.

    Args:
        bundle: folder of the bundle that ships.
        data: the data folder.
        folds: fold -> the bundle that was trained without it.
        report: is told one line a fold.

    Raises:
        DataError: too few lesions.
    """
    loaded = load_bundle(bundle)
    absent = loaded.config.network.absent
    two = [k for k in loaded.config.network.labels if k != absent]
    if len(two) != 2:
        report(f"no second opinion: it tells two grades apart, and there are {len(two)}")
        return None
    described = kind_named(loaded.config.kind).described
    if described is not None and not {*second_opinion.NAMES} <= {*described}:
        report("no second opinion: it reads words that are not used of this kind of picture")
        return None
    labels = (two[0], two[1])
    rows: list[DescribedLesion] = []
    records = read_index(data)
    for fold, path in folds.items():
        mine = [r for r in records if r.fold == fold and r.label in labels]
        rows += _described(Analyzer(load_bundle(path)), data, mine, labels)
        report(f"fold {fold}: {len(rows)} lesions described")
    box = second_opinion.fit(rows, labels)
    box.save(loaded.path / second_opinion.FILE, loaded.weights_sha256)
    text = put_section(loaded.card, "second-opinion", opinion_section(box))
    write_whole(loaded.path / CARD, text.encode())
    return box


class DescribedLesion(TypedDict):
    """A lesion that a network outlined and hit: what was measured of it, `label` (the true one),
    `fold`, `stratum` (frame size), and `answer`, the network's grade of the two."""

    values: list[float | None]
    label: str
    fold: int
    stratum: str
    answer: str


def _described(
    analyzer: Analyzer, data: str | Path, records: Sequence[Record], labels: tuple[str, str]
) -> Iterator[DescribedLesion]:
    """The lesions of some images that the network outlines and hits."""
    for record in records:
        answer = analyzer.analyze(image_path(data, record.name))
        truth = read_truth(data, record.name) == TARGET
        if answer.lesions and (answer.lesions[0].mask & truth).any():
            yield {
                "values": values_of(answer.describe(), answer.lesions[0], answer.sector),
                "label": record.label,
                "fold": record.fold,
                "stratum": record.stratum,
                "answer": max(labels, key=lambda k: answer.logits[k]),
            }


def opinion_section(box: GlassBox) -> str:
    """The card's section on the second opinion, all of whose numbers come from what was fitted."""
    figures = {name: counted(Figure.from_dict(row)) for name, row in box.figures.items()}
    agreed = figures["agrees"]
    agree, differ = figures["right_where_they_agree"], figures["right_where_they_do_not"]
    order = np.argsort(-np.abs(box.weights))
    named = ", ".join(f"{box.names[i]} {box.weights[i]:+.2f}" for i in order)
    return f"""## The second opinion

A logistic regression on the numbers of the description alone (`descriptors.json`), fitted to
lesions that the networks of the folds outlined and hit, each fold measured by the others. AUROC
{box.labels[1]} against {box.labels[0]} {figures["auroc"]}; within frame size
{figures["auroc_within"]}. It agrees with the network in {agreed}; the network is right in
{agree} where they agree, in {differ} where they
do not. Weights towards {box.labels[1]}, by standard deviation: {named}."""


def fit_neighbours(bundle: str | Path, data: str | Path) -> None:
    """Keep what the bundle's network saw in every image of a data folder, in
    `neighbours.safetensors`. No picture and no name of one is kept."""
    loaded = load_bundle(bundle)
    analyzer = Analyzer(loaded)
    records = read_index(data)
    inputs = []
    for record in records:
        image = read(image_path(data, record.name))
        inputs.append(analyzer.prepare_seen(image, None).input.astype(np.float16))
    pooled = analyzer.pooled(np.stack(inputs))
    neighbours = Neighbours.fit(pooled, [r.label for r in records])
    neighbours.save(loaded.path / NEAR, loaded.weights_sha256)
