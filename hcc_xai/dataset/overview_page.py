"""The page about a data folder: its tables, its pictures, and what they give away."""

from __future__ import annotations

import base64
import html
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import cv2
import numpy as np

from hcc_xai.dataset.folder import ORGAN, TARGET, image_path, read_truth
from hcc_xai.imaging.read import read
from hcc_xai.stats import Figure, FigureRow

_MOST = 24  # pictures shown of a kind
_QUARTERS = ("smallest", "10 %", "25 %", "median", "75 %", "90 %", "largest")
Values = Mapping[str, Mapping[str, Sequence[float]]]  # figure -> label -> of each picture


class Odd(TypedDict):
    """Something odd about the outlines of a picture."""

    name: str
    odd: str


class Pair(TypedDict):
    """Two pictures that look alike.

    Attributes:
        names: of both.
        correlation: of their thumbnails.
        together: whether the index keeps them in one group.
        same_fold: whether they lie in the same fold.
    """

    names: list[str]
    correlation: float
    together: bool
    same_fold: bool


class GivenAway(TypedDict):
    """The AUROC of malignant against benign, "over_all" and "within" frame size, that is reached
    without looking at the lesion.

    Attributes:
        frame: from the frame alone; None where it cannot be said.
        size: from the lesion's size alone; None where it cannot be said.
    """

    frame: dict[str, FigureRow] | None
    size: dict[str, FigureRow] | None


class Overview(GivenAway):
    """What the page shows.

    Attributes:
        images: how many there are.
        counts: frame size -> label -> images.
        lesion_share: label -> seven quantiles of the lesion's share of the sector.
        brightness: label -> the same of the sector's mean grey level.
        sharpness: label -> the same of the sector's sharpness.
        odd: what is odd about outlines.
        alike: pairs of pictures that look alike, the likest first.
    """

    images: int
    counts: dict[str, dict[str, int]]
    lesion_share: dict[str, list[float]]
    brightness: dict[str, list[float]]
    sharpness: dict[str, list[float]]
    odd: list[Odd]
    alike: list[Pair]


def page(data: Path, result: Overview, values: Values, *, alike: float) -> str:
    """The page, as self-contained HTML.

    Args:
        data: the data folder, of which some pictures are shown.
        result: what is said of it.
        values: of every picture, for the histograms.
        alike: correlation of two thumbnails over which pictures are called near-duplicates.
    """
    labels = list(values["lesion_share"])
    counts = [[s, *c.values()] for s, c in result["counts"].items()]
    parts = [
        f"<h1>{html.escape(data.name)}: {result['images']} images</h1>",
        "<p>What this data gives away before anything is trained on it. A network that grades no "
        "better than the frame or the size of the lesion has learned nothing else.</p>",
        "<h2>Class by frame size</h2>",
        _table(["frame size", *labels], counts),
        *_given_away(result),
        "<h2>Sizes, brightness, sharpness</h2>",
        f'<img alt="Histograms by class" src="{_histograms(values)}">',
    ]
    for quantiles, title in (
        (result["lesion_share"], "Lesion, share of the sector"),
        (result["brightness"], "Mean grey level of the sector, 0 to 1"),
        (result["sharpness"], "Sharpness: mean absolute Laplacian over the mean grey level"),
    ):
        lines = [[label, *(f"{v:.3f}" for v in cuts)] for label, cuts in quantiles.items()]
        parts += [f"<h3>{title}</h3>", _table(["class", *_QUARTERS], lines)]
    parts += ["<h2>Odd outlines</h2>", _odd(data, result["odd"])]
    parts += ["<h2>Near-duplicates</h2>", _pairs(data, result["alike"], alike)]
    return _HTML.replace("{{title}}", html.escape(data.name)).replace("{{body}}", "\n".join(parts))


def _given_away(result: Overview) -> list[str]:
    lines = []
    for reached, title in (
        (result["frame"], "the frame alone (size, brightness, sharpness, share scanned)"),
        (result["size"], "the size of the true lesion alone"),
    ):
        if reached:
            figures = (Figure.from_dict(reached[k]) for k in ("over_all", "within"))
            lines.append([title, *(figure.text(missing="cannot be said") for figure in figures)])
    if not lines:
        return []
    head = ["malignant against benign, from", "AUROC over all", "within frame size"]
    return ["<h2>What gives the class away</h2>", _table(head, lines)]


def _table(head: Sequence[object], lines: Sequence[Sequence[object]]) -> str:
    top = "".join(f"<th>{html.escape(str(x))}</th>" for x in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(x))}</td>" for x in line) + "</tr>"
        for line in lines
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _odd(data: Path, odd: Sequence[Odd]) -> str:
    if not odd:
        return "<p>None found.</p>"
    kinds = Counter("".join(c for c in o["odd"] if not c.isdigit()).strip() for o in odd)
    table = _table(["what", "images"], kinds.most_common())
    shown = "".join(_picture(data, o["name"], f"{o['name']}: {o['odd']}") for o in odd[:_MOST])
    return f"{table}<div class=grid>{shown}</div>"


def _pairs(data: Path, pairs: Sequence[Pair], alike: float) -> str:
    if not pairs:
        return "<p>None found.</p>"
    apart = sum(not p["same_fold"] for p in pairs)
    text = (
        f"<p>{len(pairs)} pairs of pictures whose thumbnails correlate over {alike}; {apart} of "
        "them lie in different folds, where a network is tested on what it has nearly seen.</p>"
    )
    worst = sorted(pairs, key=lambda p: (p["same_fold"], -p["correlation"]))[: _MOST // 2]
    shown = []
    for pair in worst:
        where = "same fold" if pair["same_fold"] else "different folds"
        for name in pair["names"]:
            shown.append(_picture(data, name, f"{name}: {pair['correlation']}, {where}"))
    return f"{text}<div class=grid>{''.join(shown)}</div>"


def _picture(data: Path, name: str, text: str) -> str:
    """A small picture with its outlines, and a line below it."""
    picture = read(image_path(data, name)).pixels[..., ::-1].copy()  # BGR
    truth = read_truth(data, name)
    scale = 220 / max(picture.shape[:2])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    for least, colour in ((ORGAN, (120, 200, 120)), (TARGET, (60, 220, 255))):
        mask = cv2.resize(
            (truth >= least).astype(np.uint8),
            small.shape[1::-1],
            interpolation=cv2.INTER_NEAREST,
        )
        lines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(small, lines, -1, colour, 1)
    coded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    source = f"data:image/jpeg;base64,{base64.b64encode(coded.tobytes()).decode()}"
    text = html.escape(text)
    return f'<figure><img alt="{text}" src="{source}"><figcaption>{text}</figcaption></figure>'


def _histograms(values: Values) -> str:
    from matplotlib.figure import Figure as Canvas

    figure = Canvas(figsize=(11, 3.2), layout="constrained")
    for axis, (key, title) in zip(
        figure.subplots(1, 3),
        (
            ("lesion_share", "lesion, share of the sector"),
            ("brightness", "mean grey level of the sector"),
            ("sharpness", "sharpness"),
        ),
        strict=True,
    ):
        drawn = {label: [v for v in some if v > 0] for label, some in values[key].items()}
        every = [v for some in drawn.values() for v in some]
        bins = np.linspace(0, float(np.quantile(every, 0.99)) if every else 1.0, 25).tolist()
        for label, some in drawn.items():
            if some:
                axis.hist(some, bins, histtype="step", label=label, density=True)
        axis.set(xlabel=title, ylabel="density")
        if axis.get_legend_handles_labels()[0]:
            axis.legend()
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


_HTML = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{title}}: look at the data first</title>
<meta name="viewport" content="width=device-width">
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: .5rem 0 1rem; display: block; overflow-x: auto; }
th, td { border-bottom: 1px solid #ccc; padding: .2rem .8rem; text-align: right; }
th:first-child, td:first-child { text-align: left; }
img { max-width: 100%; }
.grid { display: flex; flex-wrap: wrap; gap: .8rem; }
figure { margin: 0; width: 220px; } figcaption { font-size: 12px; overflow-wrap: anywhere; }
</style></head><body>
{{body}}
</body></html>
"""
