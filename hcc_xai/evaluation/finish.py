"""After a training: what is fitted to a network's out-of-fold answers, and how good it is.

Fitting and measuring never share an image: for the figures, each fold is calibrated by the others.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hcc_xai import stats
from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.dataset.folder import LESION, image_path, read_index, read_truth
from hcc_xai.errors import DataError
from hcc_xai.evaluation import lesion_rule
from hcc_xai.evaluation.card import put_section
from hcc_xai.evaluation.evaluate import read_rows
from hcc_xai.files import write_whole
from hcc_xai.imaging.read import read
from hcc_xai.model import calibration, second_opinion
from hcc_xai.model.bundle import CARD, RELIABILITY, Bundle, load_bundle
from hcc_xai.model.calibration import Calibration
from hcc_xai.model.neighbours import FILE as NEAR
from hcc_xai.model.neighbours import Neighbours
from hcc_xai.model.second_opinion import values_of
from hcc_xai.stats import Floats, wilson

_RESAMPLES = 1000


def finish(
    bundle: str | Path, out_of_fold: str | Path, *, alpha: float = 0.1, more: str = ""
) -> dict[str, Any]:
    """Fit the calibration of a bundle and write `calibration.json`, the reliability diagram and
    the card's section.

    Args:
        bundle: folder of the bundle that ships.
        out_of_fold: what `evaluate` wrote for networks that were trained the same way.
        alpha: share that a prediction set may miss.
        more: what the card says after it (see `screen`).

    Returns:
        The figures of the card's section.

    Raises:
        DataError: the rows are missing or of other labels. BundleError: no bundle.
    """
    loaded = load_bundle(bundle)
    labels = loaded.config.network.labels
    rows = read_rows(out_of_fold)
    if not rows or tuple(rows[0]["logits"]) != labels:
        raise DataError(f"{out_of_fold} does not hold answers for {', '.join(labels)}")
    logits = np.array([[row["logits"][k] for k in labels] for row in rows])
    truth = np.array([labels.index(row["label"]) for row in rows])
    folds = np.array([row["fold"] for row in rows])
    strata = np.array([row["stratum"] for row in rows])
    fitted = calibration.fit(logits, truth, labels, alpha=alpha)
    figures = measure(logits, truth, folds, strata, loaded, alpha=alpha)
    outlines = lesion_rule.fit(rows, loaded.config.least_lesion_share)
    whole = replace(fitted, weights_sha256=loaded.weights_sha256, outlines=outlines)
    text = json.dumps(whole.to_dict(), indent=1) + "\n"
    write_whole(loaded.path / "calibration.json", text.encode())
    write_whole(loaded.path / RELIABILITY, diagram(figures))
    section = f"{_section(whole, figures, loaded)}\n\n{more}"
    write_whole(loaded.path / CARD, put_section(loaded.card, "finish", section).encode())
    return figures


def fit_glass_box(
    bundle: str | Path,
    data: str | Path,
    folds: Mapping[int, Path],
    *,
    report: Callable[[str], None] = lambda line: None,
) -> second_opinion.GlassBox | None:
    """Fit the second opinion of a bundle to the lesions that the networks of the folds outlined and
    hit; write `descriptors.json` and the card's section. None, and nothing written, where there are
    not two grades of lesions.

    Args:
        folds: fold -> the bundle that was trained without it.

    Raises:
        DataError: too few lesions.
    """
    loaded = load_bundle(bundle)
    absent = loaded.config.network.absent
    two = [k for k in loaded.config.network.labels if k != absent]
    if len(two) != 2:
        report(f"no second opinion: it tells two grades apart, and there are {len(two)}")
        return None
    first, second = two
    rows, records = [], read_index(data)
    for fold, path in folds.items():
        analyzer = Analyzer(load_bundle(path))
        for record in records:
            if record.fold != fold or record.label not in (first, second):
                continue
            answer = analyzer.analyze(image_path(data, record.name))
            truth = read_truth(data, record.name) == LESION
            if not answer.lesions or not (answer.lesions[0].mask & truth).any():
                continue
            rows.append(
                {
                    "values": values_of(answer.describe(), answer.lesions[0], answer.sector),
                    "label": record.label,
                    "fold": record.fold,
                    "stratum": record.stratum,
                    "answer": max((first, second), key=lambda k: answer.logits[k]),
                }
            )
        report(f"fold {fold}: {len(rows)} lesions described")
    found = second_opinion.fit(rows, (first, second))
    found.save(loaded.path / second_opinion.FILE, loaded.weights_sha256)
    text = put_section(loaded.card, "second-opinion", _opinion_section(found))
    write_whole(loaded.path / CARD, text.encode())
    return found


def _opinion_section(found: second_opinion.GlassBox) -> str:
    figures = found.figures

    def show(name: str) -> str:
        figure = figures[name]
        return _show([figure[k] for k in ("value", "low", "high", "n")])

    order = np.argsort(-np.abs(found.weights))
    named = ", ".join(f"{found.names[i]} {found.weights[i]:+.2f}" for i in order)
    return f"""## The second opinion

A logistic regression on the numbers of the description alone (`descriptors.json`), fitted to
lesions that the networks of the folds outlined and hit, each fold measured by the others. AUROC
{found.labels[1]} against {found.labels[0]} {show("auroc")}; within frame size
{show("auroc_within")}. It agrees with the network in {show("agrees")}; the network is right in
{show("right_where_they_agree")} where they agree, in {show("right_where_they_do_not")} where they
do not. Weights towards {found.labels[1]}, by standard deviation: {named}."""


def fit_neighbours(bundle: str | Path, data: str | Path) -> None:
    """Keep what the bundle's network saw in every image of a data folder, in
    `neighbours.safetensors`. No picture and no name of one is kept."""
    loaded = load_bundle(bundle)
    analyzer = Analyzer(loaded)
    records = read_index(data)
    inputs = []
    for record in records:
        _, given = analyzer.prepare(read(image_path(data, record.name)))
        inputs.append(given.astype(np.float16))
    pooled = analyzer.pooled(np.stack(inputs))
    found = Neighbours.fit(pooled, [r.label for r in records])
    found.save(loaded.path / NEAR, loaded.weights_sha256)


def measure(
    logits: Floats,
    truth: NDArray[Any],
    folds: NDArray[Any],
    strata: NDArray[Any],
    bundle: Bundle,
    *,
    alpha: float,
) -> dict[str, Any]:
    """Calibration, bands and coverage, each fold calibrated by the others.

    Returns:
        name -> [value, low, high, n], 95 % bootstrap intervals by image; "bins" before and after.
    """
    labels = bundle.config.network.labels
    chances = np.zeros_like(logits)
    held = np.zeros(logits.shape, bool)  # whether a label is in the image's set
    for fold in np.unique(folds):
        others: Calibration = calibration.fit(
            logits[folds != fold], truth[folds != fold], labels, alpha=alpha
        )
        mine = folds == fold
        chances[mine] = others.probabilities(logits[mine])
        held[mine] = chances[mine] >= np.array(others.limits)
    raw = stats.softmax(logits)
    figures: dict[str, Any] = {}
    for name, p in (("raw", raw), ("calibrated", chances)):
        top, right = p.max(1), p.argmax(1) == truth
        figures[f"ece_{name}"] = _interval(partial(_ece_of, top, right), truth)
        figures[f"brier_{name}"] = _interval(partial(_of, stats.brier, p, truth), truth)
        figures[f"log_loss_{name}"] = _interval(partial(_of, stats.log_loss, p, truth), truth)
        figures[f"bins_{name}"] = stats.reliability(top, right).round(3).tolist()
        figures[f"ece_if_perfect_{name}"] = stats.ece_if_perfect(top)
    figures |= _bands(chances, held, truth, bundle)
    covered = np.take_along_axis(held, truth[:, None], 1)[:, 0]
    for index, label in enumerate(labels):
        figures[f"coverage_{label}"] = _share(covered, truth == index)
    for stratum in np.unique(strata):
        figures[f"coverage_at_{stratum}"] = _share(covered, strata == stratum)
    figures["set_size"] = _interval(lambda i: float(held[i].sum(1).mean()), truth)
    figures["empty_sets"] = _share(held.sum(1) == 0, np.ones(len(truth), bool))
    return figures


def _ece_of(top: Floats, right: NDArray[np.bool_], i: NDArray[Any]) -> float:
    return stats.ece(top[i], right[i])


def _of(
    figure: Callable[[Floats, NDArray[Any]], float],
    chances: Floats,
    truth: NDArray[Any],
    i: NDArray[Any],
) -> float:
    return figure(chances[i], truth[i])


def _bands(
    chances: Floats, held: NDArray[np.bool_], truth: NDArray[Any], bundle: Bundle
) -> dict[str, Any]:
    """How often each band was right; green also needs a single grade in the set."""
    top, right = chances.max(1), chances.argmax(1) == truth
    limits = bundle.config.bands
    green = (top > limits["green"]) & (held.sum(1) <= 1)
    amber = (top >= limits["amber"]) & ~green
    parts = {"green": green, "amber": amber, "red": ~green & ~amber}
    return {f"right_when_{band}": _share(right, part) for band, part in parts.items()}


def _share(hits: NDArray[np.bool_], among: NDArray[np.bool_]) -> list[float | None]:
    picked = hits[among]
    return _interval(lambda i: float(picked[i].mean()), picked)


def _interval(
    figure: Callable[[NDArray[Any]], float], items: Sequence[Any] | NDArray[Any]
) -> list[float | None]:
    """[value, low, high, n] of a figure of indices, by a seeded bootstrap."""
    n = len(items)
    if n == 0:
        return [None, None, None, 0]
    rng = np.random.default_rng(0)
    values = [figure(rng.integers(n, size=n)) for _ in range(_RESAMPLES)]
    low, high = np.percentile(values, [2.5, 97.5])
    return [figure(np.arange(n)), float(low), float(high), n]


def _show(figure: Sequence[float | None], digits: int = 3) -> str:
    value, low, high, n = figure
    if value is None or low is None or high is None:
        return "no images"
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f}), n = {n}"


def diagram(figures: dict[str, Any]) -> bytes:
    """The reliability diagram, raw and calibrated, as PNG: share right over mean confidence in
    equal-mass bins, with 95 % Wilson intervals."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(9, 4.2), layout="constrained")
    axes = canvas.subplots(1, 2, sharex=True, sharey=True)
    for axis, name in zip(axes, ("raw", "calibrated"), strict=True):
        said, right, n = np.array(figures[f"bins_{name}"]).T
        ends = np.array([wilson(round(r * m), int(m)) for r, m in zip(right, n, strict=True)])
        reach = np.maximum([right - ends[:, 0], ends[:, 1] - right], 0)
        axis.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
        axis.errorbar(said, right, yerr=reach, fmt="o", capsize=2)
        error, perfect = figures[f"ece_{name}"][0], figures[f"ece_if_perfect_{name}"]
        axis.set(
            title=f"{name}: error {error:.3f} (perfect at this n: {perfect:.3f})",
            xlabel="probability of the answer",
        )
    axes[0].set(ylabel="share that was right", xlim=(0.3, 1), ylim=(0, 1.02))
    written = io.BytesIO()
    canvas.savefig(written, dpi=100)
    return written.getvalue()


def _section(fitted: Calibration, figures: dict[str, Any], bundle: Bundle) -> str:
    """The card's section, all of whose numbers come from the figures."""
    lines = [
        "## Confidence",
        "",
        f"Temperature {fitted.temperature:.2f}, fitted on out-of-fold logits of networks trained "
        "as this one was. The figures below calibrate each fold by the others; 95 % bootstrap "
        "intervals by image (resampling raises the calibration error, so its interval may lie "
        "above it).",
        "",
        "| figure | raw | calibrated |",
        "| --- | --- | --- |",
    ]
    for name, title in (
        ("ece", "expected calibration error, 10 equal-mass bins"),
        ("brier", "Brier score (0 to 2)"),
        ("log_loss", "log loss"),
    ):
        pair = " | ".join(_show(figures[f"{name}_{x}"]) for x in ("raw", "calibrated"))
        lines.append(f"| {title} | {pair} |")
    perfect = " | ".join(f"{figures[f'ece_if_perfect_{x}']:.3f}" for x in ("raw", "calibrated"))
    lines += [
        f"| what a perfectly calibrated model would score in that error, at this n | {perfect} |",
        "",
        "Reliability after calibration (mean confidence, share right, images, in ten bins):",
        "",
        f"![reliability, raw and calibrated]({RELIABILITY})",
        "",
        "| confidence | right | images |",
        "| --- | --- | --- |",
        *(f"| {c:.2f} | {r:.2f} | {int(n)} |" for c, r, n in figures["bins_calibrated"]),
        "",
        "| band | how often right |",
        "| --- | --- |",
    ]
    bands = bundle.config.bands
    words = {
        "green": f"green (over {bands['green']}, one grade in the set)",
        "amber": f"amber (from {bands['amber']})",
        "red": "red (below)",
    }
    lines += [f"| {title} | {_show(figures[f'right_when_{b}'])} |" for b, title in words.items()]
    lines += [
        "",
        f"Prediction sets aim to hold the true grade in {100 * (1 - fitted.alpha):.0f} % of the "
        "images of every grade (class-conditional conformal). Fitted on out-of-fold scores they "
        "are cross-conformal: that coverage is what is aimed at, and the guarantee is weaker. "
        "On a scanner unlike those in the data nothing is guaranteed.",
        "",
        "| of | true grade in the set |",
        "| --- | --- |",
    ]
    least = 1 / fitted.alpha - 1
    for label, count in zip(fitted.labels, fitted.counts, strict=True):
        weak = " (too few images: no guarantee)" if count < least else ""
        lines.append(f"| {label}{weak} | {_show(figures[f'coverage_{label}'])} |")
    at = "coverage_at_"
    for name in sorted(k for k in figures if k.startswith(at)):
        lines.append(f"| frames of {name.removeprefix(at)} | {_show(figures[name])} |")
    lines += [
        "",
        f'Grades in a set: {_show(figures["set_size"], 2)}; empty sets ("I don\'t know"): '
        f"{_show(figures['empty_sets'])}.",
    ]
    return "\n".join([*lines, "", *_outlines(fitted)])


def _outlines(fitted: Calibration) -> list[str]:
    o = fitted.outlines
    drawn = (
        "No inner and outer lines are drawn: nothing was there to fit them on."
        if o.inner is None or o.outer is None
        else f"The inner dotted line is drawn at a lesion probability of {o.inner:.2f}, the outer "
        f"one at {o.outer:.2f}; how much of the inner area was lesion, and of the lesion within "
        "the outer line, stands under Outlines above, measured with each fold's lines fitted on "
        "the others."
    )
    return [
        f"A found part is shown as a lesion from a confidence of {o.least:.2f} (Platt scaling of "
        "its mean probability and its size): the lowest at which at most a tenth of the normal "
        "images show one. The figures under Outlines apply that rule, each fold by the others.",
        "",
        drawn,
    ]
