"""Look at the data first: one page that says what a data folder gives away before anything is
trained on it."""

from __future__ import annotations

import base64
import html
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hcc_xai import stats
from hcc_xai.dataset.folder import (
    LESION,
    LIVER,
    Record,
    image_path,
    read_index,
    read_sector,
    read_truth,
)
from hcc_xai.dataset.scanner import frame_baseline, frame_features
from hcc_xai.errors import DataError
from hcc_xai.imaging.read import read

ALIKE = 0.93  # correlation of two thumbnails over which pictures are called near-duplicates
_THUMB = 24
_SPECK = 25  # pixels; a separate part of an outline below that is a slip of the hand
_MOST = 24  # pictures shown of a kind
_QUARTERS = ("smallest", "10 %", "25 %", "median", "75 %", "90 %", "largest")


def overview(data: str | Path, out: str | Path, *, resamples: int = 1000) -> dict[str, Any]:
    """Write a page (one self-contained HTML file) about a data folder.

    Args:
        data: a data folder (see data.py). out: the file to write.

    Returns:
        What the page shows: "counts" (frame size -> label -> images), "lesion_share" (label ->
        quantiles of the lesion's share of the sector), "brightness" (label -> the same), "odd"
        (list of name and what is odd), "alike" (list of two names and their correlation), and
        "frame" and "size": what a classifier from the frame alone, and from the lesion's size
        alone, reaches, as figures with intervals.

    Raises:
        DataError: no index, a picture is missing.
    """
    records = read_index(data)
    rows, odd, thumbs = [], [], []
    for record in records:
        row, thumb, found = _look(record, data)
        rows.append(row)
        thumbs.append(thumb)
        odd += [{"name": record.name, "odd": text} for text in found]
    labels = sorted({r.label for r in records})
    result: dict[str, Any] = {
        "images": len(records),
        "counts": {
            s: {k: sum(r.stratum == s and r.label == k for r in records) for k in labels}
            for s in sorted({r.stratum for r in records})
        },
        "lesion_share": _quantiles(rows, "lesion_share", labels),
        "brightness": _quantiles(rows, "brightness", labels),
        "sharpness": _quantiles(rows, "sharpness", labels),
        "odd": odd,
        "alike": _alike(records, np.stack(thumbs)),
        **_baselines(rows, labels, resamples),
    }
    Path(out).write_text(_page(Path(data), rows, labels, result), encoding="utf-8")
    return result


def _look(record: Record, data: str | Path) -> tuple[Mapping[str, Any], NDArray[Any], list[str]]:
    """A row of numbers, a thumbnail, and what is odd about the outlines."""
    grey = read(image_path(data, record.name)).grey
    truth, sector = read_truth(data, record.name), read_sector(data, record.name)
    odd = []
    if not truth.shape == sector.shape == grey.shape:
        raise DataError(f"{record.name}: picture, mask and sector are not of one size")
    lesion = truth == LESION
    parts = cv2.connectedComponentsWithStats(lesion.astype(np.uint8), connectivity=8)[2][1:]
    specks = int((parts[:, cv2.CC_STAT_AREA] < _SPECK).sum())
    if specks:
        odd.append(f"{specks} part(s) of the lesion under {_SPECK} pixels")
    if (truth > LESION).any():
        odd.append(f"values over {LESION} in the mask")
    if record.label == "normal" and lesion.any():
        odd.append("labelled normal, with a lesion")
    if record.label != "normal" and not lesion.any():
        odd.append(f"labelled {record.label}, without a lesion")
    if not (truth == LIVER).any():
        odd.append("no liver is outlined")
    outside = float((lesion & ~sector).sum()) / max(1, int(lesion.sum()))
    if outside > 0.02:
        odd.append(f"{100 * outside:.0f} % of the lesion lies outside the sector")
    if not sector.any():
        odd.append("the sector is empty")
        sector = np.ones_like(sector)
    rows, cols = np.flatnonzero(sector.any(1)), np.flatnonzero(sector.any(0))
    cut = np.where(sector, grey, 0)[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    thumb = cv2.resize(cut.astype(np.float32), (_THUMB, _THUMB), interpolation=cv2.INTER_AREA)
    row: Mapping[str, Any] = {
        "name": record.name,
        "label": record.label,
        "fold": record.fold,
        "stratum": record.stratum,
        "lesion_share": float(lesion.sum()) / float(sector.sum()),
        **frame_features(grey, sector),
    }
    return row, thumb, odd


def _quantiles(
    rows: Sequence[Mapping[str, Any]], key: str, labels: Sequence[str]
) -> dict[str, list[float]]:
    """Seven quantiles a label; of the lesion's share, those that have a lesion."""
    found = {}
    for label in labels:
        values = [r[key] for r in rows if r["label"] == label]
        if key == "lesion_share":
            values = [v for v in values if v > 0]
        if values:
            cuts = np.quantile(values, [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1])
            found[label] = [round(float(v), 4) for v in cuts]
    return found


def _alike(records: Sequence[Record], thumbs: NDArray[np.float32]) -> list[dict[str, Any]]:
    """Pairs of pictures that look alike, the likest first; `together`: whether the index keeps
    them in one group."""
    flat = thumbs.reshape(len(thumbs), -1).astype(np.float64)
    flat -= flat.mean(1, keepdims=True)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True).clip(1e-9)
    close = flat @ flat.T
    first, second = np.nonzero(np.triu(close > ALIKE, 1))
    pairs = [
        {
            "names": [records[i].name, records[j].name],
            "correlation": round(float(close[i, j]), 4),
            "together": bool(records[i].group) and records[i].group == records[j].group,
            "same_fold": records[i].fold == records[j].fold,
        }
        for i, j in zip(first.tolist(), second.tolist(), strict=True)
    ]
    return sorted(pairs, key=lambda p: -float(p["correlation"]))


def _baselines(
    rows: Sequence[Mapping[str, Any]], labels: Sequence[str], resamples: int
) -> dict[str, Any]:
    """AUROC, over all and within frame size, of malignant against benign: from the frame alone (out
    of fold) and from the lesion's size alone."""
    truth = np.array([r["label"] for r in rows])
    kept = np.isin(truth, ("benign", "malignant"))
    if len(set(truth[kept])) < 2:
        return {"frame": None, "size": None}
    strata = np.array([r["stratum"] for r in rows])[kept]
    weights = stats.draws(int(kept.sum()), resamples=resamples)
    scores = {"size": np.array([r["lesion_share"] for r in rows])[kept], "frame": None}
    chances = frame_baseline(rows, labels)
    if chances is not None:
        benign, malignant = (chances[kept, list(labels).index(k)] for k in ("benign", "malignant"))
        scores["frame"] = malignant / np.maximum(malignant + benign, 1e-12)
    found: dict[str, Any] = {}
    for name, score in scores.items():
        found[name] = None
        if score is not None:
            positive = truth[kept] == "malignant"
            over_all = stats.auroc(score, positive, weights)
            within = stats.auroc(score, positive, weights, strata=strata)
            found[name] = {
                "over_all": stats.figure(over_all, len(score)).to_dict(),
                "within": stats.figure(within, len(score)).to_dict(),
            }
    return found


def _page(
    data: Path, rows: Sequence[Mapping[str, Any]], labels: Sequence[str], result: dict[str, Any]
) -> str:
    counts = [[s, *c.values()] for s, c in result["counts"].items()]
    parts = [
        f"<h1>{html.escape(data.name)}: {result['images']} images</h1>",
        "<p>What this data gives away before anything is trained on it. A network that grades no "
        "better than the frame or the size of the lesion has learned nothing else.</p>",
        "<h2>Class by frame size</h2>",
        _table(["frame size", *labels], counts),
        *_given_away(result),
        "<h2>Sizes, brightness, sharpness</h2>",
        f'<img alt="Histograms by class" src="{_histograms(rows, labels)}">',
    ]
    for key, title in (
        ("lesion_share", "Lesion, share of the sector"),
        ("brightness", "Mean grey level of the sector, 0 to 1"),
        ("sharpness", "Sharpness: mean absolute Laplacian over the mean grey level"),
    ):
        lines = [[label, *(f"{v:.3f}" for v in cuts)] for label, cuts in result[key].items()]
        parts += [f"<h3>{title}</h3>", _table(["class", *_QUARTERS], lines)]
    parts += ["<h2>Odd outlines</h2>", _odd(data, result["odd"])]
    parts += ["<h2>Near-duplicates</h2>", _pairs(data, result["alike"])]
    return _HTML.replace("{{title}}", html.escape(data.name)).replace("{{body}}", "\n".join(parts))


def _given_away(result: dict[str, Any]) -> list[str]:
    lines = []
    for key, title in (
        ("frame", "the frame alone (size, brightness, sharpness, share scanned)"),
        ("size", "the size of the true lesion alone"),
    ):
        if result[key]:
            cells = [_interval(result[key][k]) for k in ("over_all", "within")]
            lines.append([title, *cells])
    if not lines:
        return []
    head = ["malignant against benign, from", "AUROC over all", "within frame size"]
    return ["<h2>What gives the class away</h2>", _table(head, lines)]


def _interval(figure: dict[str, Any]) -> str:
    if figure["value"] is None:
        return "cannot be said"
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


def _table(head: Sequence[object], lines: Sequence[Sequence[object]]) -> str:
    top = "".join(f"<th>{html.escape(str(x))}</th>" for x in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(x))}</td>" for x in line) + "</tr>"
        for line in lines
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _odd(data: Path, odd: Sequence[dict[str, str]]) -> str:
    if not odd:
        return "<p>None found.</p>"
    kinds = Counter("".join(c for c in o["odd"] if not c.isdigit()).strip() for o in odd)
    said = _table(["what", "images"], kinds.most_common())
    shown = "".join(_figure(data, o["name"], f"{o['name']}: {o['odd']}") for o in odd[:_MOST])
    return f"{said}<div class=grid>{shown}</div>"


def _pairs(data: Path, pairs: Sequence[dict[str, Any]]) -> str:
    if not pairs:
        return "<p>None found.</p>"
    apart = sum(not p["same_fold"] for p in pairs)
    said = (
        f"<p>{len(pairs)} pairs of pictures whose thumbnails correlate over {ALIKE}; {apart} of "
        "them lie in different folds, where a network is tested on what it has nearly seen.</p>"
    )
    worst = sorted(pairs, key=lambda p: (p["same_fold"], -p["correlation"]))[: _MOST // 2]
    shown = []
    for pair in worst:
        where = "same fold" if pair["same_fold"] else "different folds"
        for name in pair["names"]:
            shown.append(_figure(data, name, f"{name}: {pair['correlation']}, {where}"))
    return f"{said}<div class=grid>{''.join(shown)}</div>"


def _figure(data: Path, name: str, text: str) -> str:
    """A small picture with its outlines, and a line below it."""
    picture = read(image_path(data, name)).pixels[..., ::-1].copy()  # BGR
    truth = read_truth(data, name)
    scale = 220 / max(picture.shape[:2])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    for least, colour in ((LIVER, (120, 200, 120)), (LESION, (60, 220, 255))):
        mask: NDArray[Any] = (truth >= least).astype(np.uint8)
        mask = cv2.resize(mask, small.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        lines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(small, lines, -1, colour, 1)
    coded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    source = f"data:image/jpeg;base64,{base64.b64encode(coded.tobytes()).decode()}"
    said = html.escape(text)
    return f'<figure><img alt="{said}" src="{source}"><figcaption>{said}</figcaption></figure>'


def _histograms(rows: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> str:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.2), layout="constrained")
    for axis, (key, title) in zip(
        figure.subplots(1, 3),
        (
            ("lesion_share", "lesion, share of the sector"),
            ("brightness", "mean grey level of the sector"),
            ("sharpness", "sharpness"),
        ),
        strict=True,
    ):
        values = {k: [r[key] for r in rows if r["label"] == k and r[key] > 0] for k in labels}
        every = [v for some in values.values() for v in some]
        bins = np.linspace(0, float(np.quantile(every, 0.99)) if every else 1.0, 25).tolist()
        for label, some in values.items():
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
