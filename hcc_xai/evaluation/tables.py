"""A summary as Markdown tables."""

from __future__ import annotations

from hcc_xai.evaluation.summary import ProbeFigure, Summary
from hcc_xai.stats import Figure

_SIGNED = ("_change",)  # figures that can be negative, and show their sign
_Group = tuple[str, tuple[tuple[str, str], ...]]

_TABLE: tuple[_Group, ...] = (
    (
        "Grades",
        (
            ("accuracy", "accuracy"),
            ("balanced_accuracy", "balanced accuracy"),
            ("macro_auroc", "macro AUROC (one against the rest)"),
            ("macro_average_precision", "macro average precision"),
            ("log_loss", "log loss (probabilities not calibrated)"),
            ("auroc", "AUROC malignant against benign, over all frame sizes"),
            ("auroc_within", "**AUROC malignant against benign, within frame size**"),
        ),
    ),
    (
        "Baselines: what the frame, the size, or a scan without content would reach",
        (
            ("frame_accuracy", "frame alone: accuracy"),
            ("frame_macro_auroc", "frame alone: macro AUROC"),
            ("frame_macro_average_precision", "frame alone: macro average precision"),
            ("frame_auroc", "frame alone: AUROC malignant against benign, over all"),
            ("frame_auroc_within", "frame alone: the same within frame size"),
            (
                "size_auroc",
                "size of the true lesion alone: AUROC malignant against benign, over all",
            ),
            ("size_auroc_within", "size of the true lesion alone: the same within frame size"),
            ("bare_accuracy", "sector painted over: accuracy"),
            ("bare_macro_auroc", "sector painted over: macro AUROC"),
            ("bare_macro_average_precision", "sector painted over: macro average precision"),
            ("bare_auroc", "sector painted over: AUROC malignant against benign, over all"),
            ("bare_auroc_within", "sector painted over: the same within frame size"),
        ),
    ),
    (
        "Outlines",
        (
            ("liver_dice", "liver Dice"),
            ("lesion_dice", "lesion Dice, images with a lesion"),
            ("lesion_dice_malignant", "lesion Dice, malignant"),
            ("lesion_dice_benign", "lesion Dice, benign"),
            ("lesion_dice_quartile_1", "lesion Dice, smallest quarter"),
            ("lesion_dice_quartile_2", "lesion Dice, second quarter"),
            ("lesion_dice_quartile_3", "lesion Dice, third quarter"),
            ("lesion_dice_quartile_4", "lesion Dice, largest quarter"),
            ("lesion_hit", "lesions hit (IoU over 0.1)"),
            ("lesion_hit_malignant", "lesions hit, malignant"),
            ("lesion_hit_benign", "lesions hit, benign"),
            ("false_lesion_normal", "normal images with a false lesion"),
            ("inner_is_lesion", "area within the inner line that is lesion, where it was hit"),
            ("outer_holds_lesion", "lesion that lies within the outer line, where it was hit"),
            ("sector_iou_median", "scanned sector found: IoU, median"),
            ("sector_iou_worst", "scanned sector found: IoU, worst"),
        ),
    ),
    (
        "Evidence: where the maps of the true label have their energy",
        (
            ("lesion_area", "the true lesion's share of the sector (what a blind map has there)"),
            ("cam_in_lesion", "Grad-CAM++ in the true lesion"),
            ("cam_in_lesion_hit", "Grad-CAM++ in the true lesion, where it was hit"),
            ("cam_in_liver", "Grad-CAM++ in the rest of the liver"),
            ("cam_in_rest", "Grad-CAM++ in the rest of the sector"),
            ("cam_outside", "Grad-CAM++ outside the sector"),
            ("cam_pointing", "Grad-CAM++ peak in the true lesion"),
            ("contribution_in_lesion", "contribution in the true lesion"),
            ("contribution_in_lesion_hit", "contribution in the true lesion, where it was hit"),
            ("contribution_in_liver", "contribution in the rest of the liver"),
            ("contribution_in_rest", "contribution in the rest of the sector"),
            ("contribution_outside", "contribution outside the sector"),
            ("contribution_pointing", "contribution peak in the true lesion"),
        ),
    ),
    (
        "Behaviour: change of the true class's probability",
        (
            ("hidden_change", "lesion painted over: mean change"),
            ("hidden_mean", "lesion painted over: mean absolute"),
            ("hidden_median", "lesion painted over: median absolute"),
            ("elsewhere_change", "as much painted over elsewhere in the liver: mean change"),
            ("elsewhere_mean", "elsewhere: mean absolute"),
            ("elsewhere_median", "elsewhere: median absolute"),
            (
                "hidden_with_room_mean",
                "lesion painted over, only images with room elsewhere: mean absolute",
            ),
            ("looks_mean", "another scanner's look around the lesion: mean absolute"),
            ("looks_median", "another scanner's look: median absolute"),
            ("looks_flips", "another scanner's look: decision flips (share)"),
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


def table_markdown(summary: Summary) -> str:
    """All figures as Markdown tables: value, 95 % interval, n. Figures that have no meaning are
    left out."""
    parts = [_figures_table(title, rows, summary.figures) for title, rows in _TABLE]
    if any(row.auroc for row in summary.strata):
        parts.append(_strata_table(summary))
    if summary.left_out:
        parts.append(_left_out_table(summary))
    if summary.probe:
        parts.append(_probe_table(summary.probe))
    return "\n\n".join([*filter(None, parts), _free_response_table(summary)]) + "\n"


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
    title: str, rows: tuple[tuple[str, str], ...], figures: dict[str, Figure]
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


def _strata_table(summary: Summary) -> str:
    labels = summary.labels
    lines = [
        f"| Frame size | {' | '.join(labels)} | AUROC malignant/benign | lesion size alone |",
        "| --- |" + " --- |" * (len(labels) + 2),
    ]
    for row in summary.strata:
        counts = " | ".join(str(row.classes[label]) for label in labels)
        both = f"{interval(row.auroc)} | {interval(row.size_auroc)}"
        lines.append(f"| {row.stratum} | {counts} | {both} |")
    return "\n".join(lines)


def _left_out_table(summary: Summary) -> str:
    """Each frame size by the network that never saw it; in brackets by those that knew it."""
    names = {
        "auroc_within": "AUROC malignant/benign, within frame size",
        "accuracy": "accuracy",
        "log_loss": "log loss",
        **{f"recall_{label}": f"{label} called so" for label in summary.labels},
        "liver_dice": "liver Dice",
        "lesion_dice": "lesion Dice",
        "lesion_hit": "lesions hit",
    }
    lines = [
        f"| Frame size left out of training | images | {' | '.join(names.values())} |",
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


def _probe_table(probe: dict[str, ProbeFigure]) -> str:
    lines = [
        "| Frame size told from the pooled features by a linear probe, within class "
        "| balanced accuracy | chance | images |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| {name} | {interval(figure)} | {figure.chance:.3f} | {figure.n} |"
        for name, figure in probe.items()
    ]
    return "\n".join(lines)


def _free_response_table(summary: Summary) -> str:
    lines = [
        "| Found parts left out below this share of the sector | lesions hit | lesion Dice "
        "| false parts an image | normal images with a false lesion |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in summary.free_response:
        figures = (row.hit, row.lesion_dice, row.false_per_image, row.false_lesion_normal)
        cells = " | ".join(map(interval, figures))
        lines.append(f"| {row.least_lesion_share:g} | {cells} |")
    return "\n".join(lines)
