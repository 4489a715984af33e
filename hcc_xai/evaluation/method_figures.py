"""How far each method of explanation can be trusted: means with intervals, tables, a picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from hcc_xai import stats
from hcc_xai.evaluation.card import put_section
from hcc_xai.evaluation.method_rows import RANDOM, MethodRow
from hcc_xai.explain.methods import METHODS
from hcc_xai.files import write_json, write_whole
from hcc_xai.model.bundle import CARD, METHOD_FIGURES, load_bundle
from hcc_xai.stats import Figure

SUMMARY = "methods.json"
_COLUMNS = {
    "deletion": "deletion AUC (low is good)",
    "insertion": "insertion AUC (high)",
    "score": "insertion − deletion",
    "road": "ROAD",
    "infidelity": "infidelity (0 to 1, low)",
    "in_lesion": "energy in the true lesion",
    "pointing": "peak in it",
    "sensitivity": "max-sensitivity (low)",
}
_FIGURES = ("seconds", *_COLUMNS)


@dataclass(frozen=True)
class MethodFigures:
    """Means with 95 % bootstrap intervals by image.

    Attributes:
        methods: method -> name of a figure -> the figure.
        randomised: method -> stage -> rank correlation with the true map, once the weights are
            shuffled down to that stage.
    """

    methods: dict[str, dict[str, Figure]]
    randomised: dict[str, dict[str, Figure]]

    def to_dict(self) -> dict[str, object]:
        """As `methods.json` holds it."""
        return asdict(self)


def figures(rows: Sequence[MethodRow]) -> MethodFigures:
    """The figures of some rows; of the methods that they hold."""
    methods, randomised = {}, {}
    for method in [RANDOM, *METHODS]:
        mine = [r for r in rows if r["method"] == method]
        if not mine:
            continue
        methods[method] = {
            name: _mean(cast("float | None", r.get(name)) for r in mine) for name in _FIGURES
        }
        stages = list(dict.fromkeys(r["stage"] for r in mine if r["kind"] == "randomised"))
        if stages:
            randomised[method] = {
                s: _mean(r["alike"] for r in mine if r.get("stage") == s) for s in stages
            }
    return MethodFigures(methods, randomised)


def _mean(values: Iterable[float | None]) -> Figure:
    """The mean of the values that are there."""
    known = [value for value in values if value is not None]
    n = len(known)
    return stats.figure(stats.mean(known, stats.draws(n)), n) if n else Figure(None, None, None, 0)


def markdown(measured: MethodFigures) -> str:
    """Both tables."""
    names = {RANDOM: "smooth noise"} | {name: m.title for name, m in METHODS.items()}
    shown = [m for m in names if m in measured.methods]
    n = max(measured.methods[m]["score"].n for m in shown)
    head = ["method", *_COLUMNS.values()]
    lines = [
        f"Of the answer's label, on {n} images fixed ahead, each explained through the network "
        "that was trained without its fold; mean (95 % bootstrap interval by image; n where it is "
        "smaller).",
        "",
        "| " + " | ".join(head) + " |",
        "|" + " --- |" * len(head),
    ]
    for method in shown:
        cells = [_cell(measured.methods[method][name], n) for name in _COLUMNS]
        lines.append(f"| {names[method]} | " + " | ".join(cells) + " |")
    if measured.randomised:
        lines += ["", *_randomised_table(measured.randomised, names)]
    return "\n".join(lines)


def _randomised_table(
    randomised: Mapping[str, Mapping[str, Figure]], names: Mapping[str, str]
) -> list[str]:
    stages = list(next(iter(randomised.values())))
    lines = [
        "What is left of a map when the weights are shuffled, from the heads down (Adebayo et "
        "al. 2018): rank correlation with the true map inside the sector. A method whose map "
        "stays shows the picture, not the network.",
        "",
        "| method | " + " | ".join(f"+ {s}" for s in stages) + " | n |",
        "|" + " --- |" * (len(stages) + 2),
    ]
    for method, by_stage in randomised.items():
        cells = [number(by_stage[s].value) for s in stages]
        n = by_stage[stages[0]].n
        lines.append(f"| {names[method]} | " + " | ".join(cells) + f" | {n} |")
    return lines


def _cell(figure: Figure, n: int) -> str:
    return figure.text(write=number, note="" if figure.n == n else f"n {figure.n}")


def number(value: float | None) -> str:
    """A number with two digits and a true minus; a dash for none."""
    if value is None:
        return "–"
    return f"{value:.2f}".replace("-", "−")


def picture(measured: MethodFigures, path: str | Path) -> None:
    """Insertion less deletion of every method, and the curves of the shuffled networks."""
    from matplotlib.figure import Figure as Canvas

    shown = [m for m in [RANDOM, *METHODS] if m in measured.methods]
    drawn = Canvas(figsize=(11, 4.2), layout="constrained")
    left, right = drawn.subplots(1, 2)
    for row, method in enumerate(reversed(shown)):
        figure = measured.methods[method]["score"]
        left.plot([figure.low, figure.high], [row, row], color="0.4")
        left.plot(figure.value, row, "o", color="tab:blue")
    left.set_yticks(range(len(shown)), list(reversed(shown)))
    left.axvline(0, color="0.7", lw=0.8)
    left.set_xlabel("insertion less deletion AUC")
    for number, (method, by_stage) in enumerate(measured.randomised.items()):
        values = [1.0, *(figure.value for figure in by_stage.values())]
        style = ("-", "--", ":")[number // 10 % 3]
        right.plot(["trained", *by_stage], values, style, marker=".", label=method)
    right.set_ylabel("rank correlation with the true map")
    right.tick_params(axis="x", rotation=20)
    if measured.randomised:
        right.legend(fontsize=7, ncols=2)
    drawn.savefig(path, dpi=110)


def write(
    rows: Sequence[MethodRow], out: str | Path, *, bundle: str | Path | None = None
) -> MethodFigures:
    """Write `methods.json` and `methods.png` of some rows, and a card's section.

    Args:
        rows: what was measured.
        out: the folder to write to.
        bundle: folder of the bundle whose card it is; None for no card.
    """
    measured = figures(rows)
    write_json(Path(out) / SUMMARY, measured.to_dict())
    picture(measured, Path(out) / METHOD_FIGURES)
    if bundle is not None:
        loaded = load_bundle(bundle)
        shown = f"![insertion less deletion, and shuffled networks]({METHOD_FIGURES})"
        section = f"## How far each explanation can be trusted\n\n{shown}\n\n{markdown(measured)}"
        text = put_section(loaded.card, "methods", section)
        write_whole(loaded.path / METHOD_FIGURES, (Path(out) / METHOD_FIGURES).read_bytes())
        write_whole(loaded.path / CARD, text.encode())
    return measured
