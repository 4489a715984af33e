"""Explanations as HTML: what stands below a map, the curves of its test, how far maps agree."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from hcc_xai.analysis.result import Analysis
from hcc_xai.explain.faithfulness import Faithfulness
from hcc_xai.explain.methods import METHODS, Explanation, agreement
from hcc_xai.explain.shares import shares
from hcc_xai.language import words
from hcc_xai.language.telling import evidence_elsewhere, where_evidence_lies
from hcc_xai.page import texts
from hcc_xai.page.tabs import answer_html as html
from hcc_xai.page.texts import text


def title_of(method: str, language: str) -> str:
    """A method's name; those that are words, in the reader's language."""
    key = f"method-{method}"
    return text(key, language) if key in texts.TEXTS else METHODS[method].title


def caption(a: Analysis, one: Explanation, verdict: Faithfulness | None, language: str) -> str:
    """What stands below a map: its name, where it lies, and whether it holds.

    Args:
        a: the answer that is explained.
        one: the map.
        verdict: of its test, or None as long as there is none.
        language: of the reader.
    """
    lies = shares(one.map, _parts(a))
    nouns = a.config.nouns
    lines = []
    if a.config.network.masks:
        lines.append(where_evidence_lies(lies, nouns).say(language))
    if a.config.organ is not None and evidence_elsewhere(lies):
        lines.append(words.both("evidence-elsewhere", nouns)[language])
    state = ""
    if verdict is not None:
        values = {
            name: words.number(getattr(verdict, name), language)
            for name in ("before", "tenth", "random_tenth")
        }
        lines.append(text("check-tenth", language, title=a.title(one.label, language), **values))
        share = f"{round(100 * verdict.better_than)} %"
        state = "holds" if verdict.holds else "fails"
        lines.append(text(f"check-{state}", language, share=share))
    top = html.figure(one.scale, language)
    scale = f"{f'−{top}' if one.signed else '0'} … {top}"
    method = METHODS[one.method]
    layer = f" · {one.layer}" if method.layered else ""
    body = "".join(f"<p>{escape(line)}</p>" for line in lines)
    return (
        f'<div class="told" data-method="{escape(one.method)}" data-verdict="{state}">'
        f"<h3>{escape(title_of(one.method, language))}{escape(layer)}</h3>{body}"
        f"{curves(verdict, language) if verdict else ''}"
        f"<p class='small'>{escape(scale)} · {words.number(one.seconds, language, 1)} s · "
        f"{escape(method.paper)}</p></div>"
    )


def curves(verdict: Faithfulness, language: str) -> str:
    """Deletion and insertion as a small drawing, with their areas and ROAD."""
    width, height = 220, 90

    def line(values: tuple[float, ...], style: str) -> str:
        points = " ".join(
            f"{width * step:.1f},{height * (1 - value):.1f}"
            for step, value in zip(verdict.steps, values, strict=True)
        )
        return f'<polyline points="{points}" class="{style}" fill="none"/>'

    drawn = (
        line(verdict.random_deletion, "random")
        + line(verdict.random_insertion, "random")
        + line(verdict.deletion, "deletion")
        + line(verdict.insertion, "insertion")
    )
    values = {
        "deletion": words.number(verdict.deletion_auc, language),
        "insertion": words.number(verdict.insertion_auc, language),
        "road": words.number(verdict.road, language).replace("-", "−"),
    }
    label = text("curves", language, **values)
    return (
        f'<details class="curves"><summary>{text("curves-title", language)}</summary>'
        f'<svg viewBox="-2 -2 {width + 4} {height + 4}" role="img" aria-label="{escape(label)}">'
        f"{drawn}</svg><p>{escape(label)}</p></details>"
    )


def _parts(a: Analysis) -> dict[str, NDArray[np.bool_]]:
    """The places that a map may lie in, (H, W) bool in the pixels of the file."""
    parts = {}
    if a.target is not None:
        parts["target"] = a.target_mask
    if a.config.organ is not None:
        parts["organ"] = a.organ_mask & ~a.target_mask
    covered = np.logical_or.reduce([*parts.values(), np.zeros_like(a.sector)])
    return {**parts, "rest": a.sector & ~covered, "outside": ~a.sector}


def agreement_table(explanations: Sequence[Explanation], a: Analysis, language: str) -> str:
    """How far maps agree, each with each."""
    titles = [title_of(one.method, language) for one in explanations]
    values = agreement([one.map for one in explanations], a.sector)
    head = "".join(f"<th scope='col'>{escape(title)}</th>" for title in titles)
    rows = "".join(
        f"<tr><th scope='row'>{escape(title)}</th>"
        + "".join(
            f"<td>{'–' if np.isnan(v) else words.number(float(v), language)}</td>" for v in row
        )
        + "</tr>"
        for title, row in zip(titles, values, strict=True)
    )
    return (
        f"<h3>{text('agreement', language)}</h3><table><thead><tr><th></th>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )
