"""The card's section on confidence: its Markdown and its diagram."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np

from hcc_xai.evaluation.confidence import Confidence
from hcc_xai.evaluation.roles import LIVER_ROLES, Roles
from hcc_xai.evaluation.tables import counted
from hcc_xai.findings.outlines import Outlines
from hcc_xai.model.bundle import RELIABILITY
from hcc_xai.model.calibration import Calibration
from hcc_xai.stats import wilson


def diagram(figures: Confidence) -> bytes:
    """The reliability diagram, raw and calibrated, as PNG: share right over mean confidence in
    equal-mass bins, with 95 % Wilson intervals."""
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(9, 4.2), layout="constrained")
    axes = canvas.subplots(1, 2, sharex=True, sharey=True)
    both = (("raw", figures.raw), ("calibrated", figures.calibrated))
    for axis, (name, scores) in zip(axes, both, strict=True):
        confidence, right, n = np.array(scores.bins).T
        ends = np.array([wilson(round(r * m), int(m)) for r, m in zip(right, n, strict=True)])
        reach = np.maximum([right - ends[:, 0], ends[:, 1] - right], 0)
        axis.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
        axis.errorbar(confidence, right, yerr=reach, fmt="o", capsize=2)
        perfect = f"(perfect at this n: {scores.ece_if_perfect:.3f})"
        axis.set(
            title=f"{name}: error {scores.ece.value:.3f} {perfect}",
            xlabel="probability of the answer",
        )
    axes[0].set(ylabel="share that was right", xlim=(0.3, 1), ylim=(0, 1.02))
    written = io.BytesIO()
    canvas.savefig(written, dpi=100)
    return written.getvalue()


def section(
    fitted: Calibration, figures: Confidence, bands: Mapping[str, float], roles: Roles = LIVER_ROLES
) -> str:
    """The card's section on confidence, all of whose numbers come from the figures.

    Args:
        fitted: what the bundle holds.
        figures: how good it is.
        bands: "green" and "amber" -> probability from which an answer is in that band.
        roles: what labels and masks are; a liver ultrasound's by default.
    """
    head = (
        f"Temperature {fitted.temperature:.2f}, fitted on out-of-fold logits of networks trained "
        "as this one was. The figures below calibrate each fold by the others; 95 % bootstrap "
        "intervals by image (resampling raises the calibration error, so its interval may lie "
        "above it)."
    )
    sets = (
        f"Grades in a set: {counted(figures.set_size, digits=2)}; empty sets "
        f'("I don\'t know"): {counted(figures.empty_sets)}.'
    )
    lines = ["## Confidence", "", head, "", *_scores(figures), "", *_bands(figures, bands), ""]
    lines += [*_coverage(fitted, figures), "", sets]
    if roles.target:
        lines += ["", *_outlines(fitted.outlines, roles)]
    return "\n".join(lines)


def _scores(figures: Confidence) -> list[str]:
    raw, fitted = figures.raw, figures.calibrated
    rows = (
        ("expected calibration error, 10 equal-mass bins", raw.ece, fitted.ece),
        ("Brier score (0 to 2)", raw.brier, fitted.brier),
        ("log loss", raw.log_loss, fitted.log_loss),
    )
    return [
        "| figure | raw | calibrated |",
        "| --- | --- | --- |",
        *(f"| {title} | {counted(one)} | {counted(other)} |" for title, one, other in rows),
        "| what a perfectly calibrated model would score in that error, at this n "
        f"| {raw.ece_if_perfect:.3f} | {fitted.ece_if_perfect:.3f} |",
        "",
        "Reliability after calibration (mean confidence, share right, images, in ten bins):",
        "",
        f"![reliability, raw and calibrated]({RELIABILITY})",
        "",
        "| confidence | right | images |",
        "| --- | --- | --- |",
        *(f"| {c:.2f} | {r:.2f} | {int(n)} |" for c, r, n in fitted.bins),
    ]


def _bands(figures: Confidence, bands: Mapping[str, float]) -> list[str]:
    titles = {
        "green": f"green (over {bands['green']}, one grade in the set)",
        "amber": f"amber (from {bands['amber']})",
        "red": "red (below)",
    }
    return [
        "| band | how often right |",
        "| --- | --- |",
        *(f"| {title} | {counted(figures.right[band])} |" for band, title in titles.items()),
    ]


def _coverage(fitted: Calibration, figures: Confidence) -> list[str]:
    share = f"{100 * (1 - fitted.alpha):.0f} %"
    aim = f"the true grade in {share} of the images of every grade (class-conditional conformal)"
    if fitted.multiple:
        aim = f"{share} of the true labels (conformal, with one limit for all labels)"
    lines = [
        f"Prediction sets aim to hold {aim}. Fitted on out-of-fold scores they "
        "are cross-conformal: that coverage is what is aimed at, and the guarantee is weaker. "
        "On a scanner unlike those in the data nothing is guaranteed.",
        "",
        "| of | true grade in the set |",
        "| --- | --- |",
    ]
    least = 1 / fitted.alpha - 1
    for label, count in zip(fitted.labels, fitted.counts, strict=True):
        weak = " (too few images: no guarantee)" if count < least and not fitted.multiple else ""
        lines.append(f"| {label}{weak} | {counted(figures.coverage[label])} |")
    for stratum in sorted(figures.coverage_at) if len(figures.coverage_at) > 1 else ():
        lines.append(f"| images of {stratum} | {counted(figures.coverage_at[stratum])} |")
    return lines


def _outlines(outlines: Outlines, roles: Roles) -> list[str]:
    target = roles.words()["target"]
    drawn = (
        "No inner and outer lines are drawn: nothing was there to fit them on."
        if outlines.inner is None or outlines.outer is None
        else f"The inner dotted line is drawn at a {target} probability of {outlines.inner:.2f}, "
        f"the outer one at {outlines.outer:.2f}; how much of the inner area was {target}, and "
        f"of the {target} within the outer line, stands under Outlines above, measured with each "
        "fold's lines fitted on the others."
    )
    return [
        f"A found part is shown as a {target} from a confidence of {outlines.least:.2f} (Platt "
        "scaling of its mean probability and its size): the lowest at which at most a tenth of "
        f"the images without a {target} show one. The figures under Outlines apply that rule, each "
        "fold by the others.",
        "",
        drawn,
    ]
