"""A summary as Markdown tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from hcc_xai.evaluation.summary import ProbeFigure, Summary
from hcc_xai.stats import Figure

_SIGNED = ("_change",)  # figures that can be negative, and show their sign
_FRAME_SIZE = re.compile(r"\d+x\d+")
_Group = tuple[str, tuple[tuple[str, str], ...]]

_TABLE: tuple[_Group, ...] = (
    (
        "Grades",
        (
            ("micro_f1", "micro F1 of the labels that are said to hold"),
            ("all_labels_right", "all labels right"),
            ("accuracy_single", "most probable label right, images with one label"),
            ("accuracy", "accuracy"),
            ("balanced_accuracy", "balanced accuracy"),
            ("macro_auroc", "macro AUROC (one against the rest)"),
            ("macro_average_precision", "macro average precision"),
            ("log_loss", "log loss (probabilities not calibrated)"),
            ("auroc", "AUROC {pair}, over all {strata}"),
            ("auroc_within", "**AUROC {pair}, within {stratum}**"),
        ),
    ),
    (
        "Baselines: what the {stratum}, the frame, the size, or a picture without content would "
        "reach",
        (
            ("source_accuracy", "{stratum} alone: accuracy"),
            ("source_macro_auroc", "{stratum} alone: macro AUROC"),
            ("source_auroc", "{stratum} alone: AUROC {pair}"),
            ("frame_accuracy", "frame alone: accuracy"),
            ("frame_macro_auroc", "frame alone: macro AUROC"),
            ("frame_macro_average_precision", "frame alone: macro average precision"),
            ("frame_auroc", "frame alone: AUROC {pair}, over all"),
            ("frame_auroc_within", "frame alone: the same within {stratum}"),
            ("size_auroc", "size of the true {target} alone: AUROC {pair}, over all"),
            ("size_auroc_within", "size of the true {target} alone: the same within {stratum}"),
            ("bare_accuracy", "field painted over: accuracy"),
            ("bare_macro_auroc", "field painted over: macro AUROC"),
            ("bare_macro_average_precision", "field painted over: macro average precision"),
            ("bare_auroc", "field painted over: AUROC {pair}, over all"),
            ("bare_auroc_within", "field painted over: the same within {stratum}"),
        ),
    ),
    (
        "Outlines",
        (
            ("organ_dice", "{organ} Dice"),
            ("lesion_dice", "{target} Dice, images with outlined {targets}"),
            ("lesion_dice_quartile_1", "{target} Dice, smallest quarter"),
            ("lesion_dice_quartile_2", "{target} Dice, second quarter"),
            ("lesion_dice_quartile_3", "{target} Dice, third quarter"),
            ("lesion_dice_quartile_4", "{target} Dice, largest quarter"),
            ("lesion_hit", "{targets} hit (IoU over 0.1; of the box, where only that is known)"),
            ("false_lesion_absent", "{absent} images that show {targets} all the same"),
            ("inner_is_lesion", "area within the inner line that is {target}, where it was hit"),
            ("outer_holds_lesion", "{target} that lies within the outer line, where it was hit"),
            ("sector_iou_median", "scanned sector found: IoU, median"),
            ("sector_iou_worst", "scanned sector found: IoU, worst"),
        ),
    ),
    (
        "Evidence: where the maps of the true label have their energy",
        (
            (
                "lesion_area",
                "share of the field that is true {target} (what a blind map has there)",
            ),
            *(
                (f"{key}_{part}", f"{name} {where}")
                for key, name in (("cam", "Grad-CAM++"), ("contribution", "contribution"))
                for part, where in (
                    ("in_lesion", "in the true {target}"),
                    ("in_lesion_hit", "in the true {target}, where it was hit"),
                    ("in_organ", "in the rest {of_organ}"),
                    ("in_rest", "in the rest of the field"),
                    ("outside", "outside the field"),
                    ("pointing", "peak in the true {target}"),
                )
            ),
        ),
    ),
    (
        "Behaviour: change of the true class's probability",
        (
            ("hidden_change", "{tested} painted over: mean change"),
            ("hidden_mean", "{tested} painted over: mean absolute"),
            ("hidden_median", "{tested} painted over: median absolute"),
            ("elsewhere_change", "as much painted over elsewhere: mean change"),
            ("elsewhere_mean", "elsewhere: mean absolute"),
            ("elsewhere_median", "elsewhere: median absolute"),
            (
                "hidden_with_room_mean",
                "{tested} painted over, only images with room elsewhere: mean absolute",
            ),
            ("looks_mean", "look of another {stratum} around the {tested}: mean absolute"),
            ("looks_median", "look of another {stratum}: median absolute"),
            ("looks_flips", "look of another {stratum}: decision flips (share)"),
        ),
    ),
    (
        "Confidence: how often an answer was right",
        (
            ("band_green", "green (over 0.9)"),
            ("band_amber", "amber (0.7 to 0.9)"),
            ("band_red", "red (below 0.7)"),
        ),
    ),
)


def words_of(summary: Summary) -> dict[str, str]:
    """The words that stand in the blanks of the tables: the kind's nouns, and how its classes and
    strata are called."""
    sizes = any(_FRAME_SIZE.fullmatch(row.stratum) for row in summary.strata)
    rivals = " or ".join(summary.roles.rivals(tuple(summary.labels)))
    words = summary.roles.words()
    return dict(
        words,
        stratum="frame size" if sizes else "source",
        strata="frame sizes" if sizes else "sources",
        pair=f"{summary.roles.positive} against {rivals}",
        absent=summary.roles.absent or "",
        tested=f"true {words['target']}" if summary.roles.target else "strongest evidence",
    )


def table_markdown(summary: Summary) -> str:
    """All figures as Markdown tables: value, 95 % interval, n. Figures that have no meaning are
    left out."""
    words = words_of(summary)
    parts = [
        _figures_table(
            title.format_map(words),
            [
                (key, name.format_map(words))
                for key, name in rows
                if len(summary.strata) > 1 or not key.endswith("_within")
            ],
            summary.figures,
        )
        for title, rows in _TABLE
    ]
    parts.insert(1, _labels_table(summary, words))
    if len(summary.strata) > 1:
        parts.append(_strata_table(summary, words))
    if summary.left_out:
        parts.append(_left_out_table(summary, words))
    if summary.probe:
        parts.append(_probe_table(summary.probe, words))
    if summary.free_response:
        parts.append(_free_response_table(summary, words))
    return "\n\n".join(filter(None, parts)) + "\n"


def interval(figure: Figure | None, *, signed: bool = False) -> str:
    """A figure as the card shows it: "0.812 (0.790 to 0.834)", or a dash where there is no value.

    Args:
        figure: the figure, or None for none.
        signed: whether a plus stands before a number over zero.
    """
    return "-" if figure is None else figure.text(signed=signed, missing="-")


def counted(figure: Figure, *, digits: int = 3, missing: str = "no images") -> str:
    """A figure with its images: "0.812 (0.790 to 0.834), n = 625".

    Args:
        figure: with its interval.
        digits: how many stand after the decimal point.
        missing: the text where there is no value.
    """
    if figure.value is None or figure.low is None or figure.high is None:
        return missing
    return f"{figure.text(digits=digits)}, n = {figure.n}"


def _figures_table(
    title: str, rows: Sequence[tuple[str, str]], figures: Mapping[str, Figure]
) -> str:
    """One group of figures; nothing where none of them has a value."""
    shown = [(name, key, figures[key]) for key, name in rows if key in figures]
    lines = [
        f"| {name} | {interval(figure, signed=key.endswith(_SIGNED))} | {figure.n} |"
        for name, key, figure in shown
        if figure.value is not None
    ]
    head = [f"| {title} | value (95 % interval) | images |", "| --- | --- | --- |"]
    return "\n".join([*head, *lines]) if lines else ""


def _labels_table(summary: Summary, words: Mapping[str, str]) -> str:
    """A row a label: images, how often it was called so, how well it is told from all others, and
    its outline."""
    several = len(summary.strata) > 1
    columns = {
        "recall_{}": "called so",
        "auroc_{}": "AUROC against all others",
        "auroc_{}_within": f"within {words['stratum']}" if several else "",
        "lesion_dice_{}": f"{words['target']} Dice",
        "lesion_hit_{}": f"{words['targets']} hit",
    }
    shown = {
        key: title
        for key, title in columns.items()
        if title and any(key.format(label) in summary.figures for label in summary.labels)
    }
    lines = [
        f"| Label | images | {' | '.join(shown.values())} |",
        "| --- | --- |" + " --- |" * len(shown),
    ]
    for label in summary.labels:
        cells = [interval(summary.figures.get(key.format(label))) for key in shown]
        lines.append(f"| {label} | {summary.classes[label]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _strata_table(summary: Summary, words: Mapping[str, str]) -> str:
    """A row a frame size or source: images of each label, how often the answer was right, and how
    well the classes are told apart there."""
    labels = [k for k in summary.labels if any(row.classes[k] for row in summary.strata)]
    right = any(row.accuracy for row in summary.strata)
    pair = any(row.auroc for row in summary.strata)
    sizes = any(row.size_auroc for row in summary.strata)
    told = [k for k in labels if any(k in row.labels for row in summary.strata)]
    told = [] if pair and len(summary.labels) < 3 else told
    head = [
        words["stratum"].capitalize(),
        *labels,
        *(["accuracy"] if right else []),
        *([f"AUROC {words['pair']}"] if pair else []),
        *([f"size of {words['the_target']} alone"] if sizes else []),
        *(f"AUROC {label} against all others" for label in told),
    ]
    lines = [f"| {' | '.join(head)} |", "|" + " --- |" * len(head)]
    for row in summary.strata:
        cells = [
            row.stratum,
            *(str(row.classes[label]) for label in labels),
            *([interval(row.accuracy)] if right else []),
            *([interval(row.auroc)] if pair else []),
            *([interval(row.size_auroc)] if sizes else []),
            *(interval(row.labels.get(label)) for label in told),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _left_out_table(summary: Summary, words: Mapping[str, str]) -> str:
    """Each frame size by the network that never saw it; in brackets by those that knew it."""
    pair = "auroc_within" in summary.figures
    names = {
        "auroc_within": f"AUROC {words['pair']}, within {words['stratum']}",
        "accuracy": "accuracy",
        "log_loss": "log loss",
        **{f"recall_{label}": f"{label} called so" for label in summary.labels},
        **{f"auroc_{k}": f"AUROC {k} against all others" for k in summary.labels if not pair},
        "organ_dice": f"{words['organ']} Dice",
        "lesion_dice": f"{words['target']} Dice",
        "lesion_hit": f"{words['targets']} hit",
    }
    measured = {key for row in summary.left_out for key in row.unseen}
    names = {key: title for key, title in names.items() if key in measured}
    left_out = f"{words['stratum'].capitalize()} left out of training"
    lines = [
        f"| {left_out} | images | {' | '.join(names.values())} |",
        "| --- | --- |" + " --- |" * len(names),
    ]
    for row in summary.left_out:
        cells = []
        for key in names:
            seen = row.seen.get(key)
            known = "" if seen is None or seen.value is None else f" [{seen.value:.3f} when seen]"
            cells.append(interval(row.unseen.get(key)) + known)
        title = row.stratum or "**all of these**"
        lines.append(f"| {title} | {row.n} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _probe_table(probe: Mapping[str, ProbeFigure], words: Mapping[str, str]) -> str:
    lines = [
        f"| {words['stratum'].capitalize()} told from the pooled features by a linear probe, "
        "within class "
        "| balanced accuracy | chance | images |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| {name} | {interval(figure)} | {figure.chance:.3f} | {figure.n} |"
        for name, figure in probe.items()
    ]
    return "\n".join(lines)


def _free_response_table(summary: Summary, words: Mapping[str, str]) -> str:
    lines = [
        f"| Found parts left out below this share of the field | {words['targets']} hit "
        f"| {words['target']} Dice | false parts an image "
        f"| {words['absent']} images that show {words['targets']} all the same |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in summary.free_response:
        figures = (row.hit, row.lesion_dice, row.false_per_image, row.false_lesion_absent)
        cells = " | ".join(map(interval, figures))
        lines.append(f"| {row.least_lesion_share:g} | {cells} |")
    return "\n".join(lines)
