"""An Analysis as HTML: the answer in words first, numbers second, bars third. What holds is decided
by `language/telling.py`."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

from hcc_xai.imaging import draw
from hcc_xai.language import words
from hcc_xai.language.statement import DOUBT, PASSED, Statement
from hcc_xai.page.texts import text

if TYPE_CHECKING:
    from hcc_xai.analysis.result import Analysis
    from hcc_xai.findings.lesions import Lesion
    from hcc_xai.findings.lirads import Suggestion

_ROWS = 4  # lesions in the table; the JSON holds all
_BARS = 5  # labels that are seen at once; of more, the most probable
_TRUST = ("kind", "confidence", "evidence", "second", "note")  # topics with a line of their own


def answer(a: Analysis, language: str) -> str:
    """Everything right of the picture. A stopped picture gets the reason, and no answer.

    What hiding the lesions does, their description and the second opinion come when the answer
    holds the test; picture and grade do not wait for that.
    """
    if not a.accepted:
        reason = stopped(a, language)
        return (
            f'<div class="head" data-stopped="true"><h2>{text("stopped-title", language)}</h2>'
            f'<p class="sentence" role="alert">{escape(reason)}</p>'
            f"<p>{text('stopped-more', language, **_nouns(a, language))}</p></div>"
        )
    tested = a.tested is not None or not a.testable
    parts = [
        _head(a, language, tested=tested),
        _bars(a, language),
        _trust(a, language, tested=tested),
        _lesions(a, language) if a.target is not None else "",
        _description(a, language) if tested else "",
        f'<p class="about">{escape(_about(a, language))}</p>',
    ]
    return "\n".join(parts)


def lirads(found: Suggestion, language: str) -> str:
    """The suggested category and its reason."""
    name = " · ".join(x for x in (found.category, found.visualization) if x)
    title = name or text("no-category", language)
    return (
        f'<p class="lirads" data-category="{found.category or ""}"><b>{title}</b> '
        f"{escape(found.reason[language])}</p>"
    )


def waiting(language: str) -> str:
    """What stands there before the first picture."""
    title, more = text("waiting", language), text("waiting-more", language)
    return f'<div class="waiting"><h2>{title}</h2><p>{more}</p></div>'


def spoken(a: Analysis, language: str) -> str:
    """What was found, for a screen reader: read out when it arrives, and the picture's alternative
    text."""
    if not a.accepted:
        return escape(stopped(a, language))
    return escape(f"{a.headline(language)}. {a.sentence(language)}")


def stopped(a: Analysis, language: str) -> str:
    """Why the gate stopped a picture; nothing where it did not."""
    return next((f.message[language] for f in a.raised if f.severity == "stop"), "")


def note(message: str, *, frame: str = "", bad: bool = False) -> str:
    """The line below the place where files are dropped."""
    if bad:
        return f'<p class="note bad" role="alert"><b>{escape(frame)}</b> {escape(message)}</p>'
    return f'<p class="note">{escape(message)}</p>'


def legend(
    a: Analysis, language: str, *, label: str, kind: str | None, top: float, colour_map: str
) -> str:
    """The scale of the heatmap beside the picture, with its numbers."""
    nouns = _nouns(a, language)
    keys = "".join(
        f'<span class="key"><i style="background:rgb{colour}"></i>{escape(name)}</span>'
        for name, colour in _outlined(a, language)
    )
    if any(lesion.outer is not None for lesion in a.lesions):
        keys += f'<span class="key dots">{escape(text("dotted", language, **nouns))}</span>'
    peek = f'<span class="peek">{text("peek", language)}</span>'
    if kind is None:
        off = text("legend-off", language)
        return f'<div class="legend">{keys}<span class="what">{off}</span>{peek}</div>'
    signed = kind == "contribution"
    high = figure(top, language)
    low = f"−{high}" if signed else "0"
    what = text(
        "legend-contribution" if signed else "legend-cam", language, title=a.title(label, language)
    )
    bar = draw.css_gradient(signed=signed, colour_map=colour_map)
    how = text("how-contribution" if signed else "how-cam", language)
    return (
        f'<div class="legend">{keys}<span class="scale"><span>{low}</span>'
        f'<i class="ramp" style="background:{bar}"></i><span>{high}</span></span>'
        f'<span class="what">{escape(what)}</span><span class="how">{how}</span>{peek}</div>'
    )


def mask_name(a: Analysis, mask: str, language: str) -> str:
    """What a mask shows, in words: the kind's noun for its target and its organ, else its own
    name."""
    noun = {"lesion": "target", "organ": "organ"}.get(a.role(mask))
    return mask if noun is None else _nouns(a, language)[noun]


def _outlined(a: Analysis, language: str) -> list[tuple[str, tuple[int, int, int]]]:
    """The name and the colour of each mask, the target first."""
    masks = sorted(a.config.network.masks, key=lambda mask: mask != a.target)
    return [
        (mask_name(a, mask, language), draw.COLOURS.get(a.role(mask), draw.OTHER_COLOUR))
        for mask in masks
    ]


def _nouns(a: Analysis, language: str) -> dict[str, str]:
    return words.in_language(a.nouns, language)


def figure(value: float, language: str) -> str:
    """Two significant digits, without an exponent where that can be read."""
    digits = f"{value:.2g}" if 1e-4 <= abs(value) < 1e4 or value == 0 else f"{value:.1e}"
    return digits.replace(".", ",") if language == "es" else digits


def _head(a: Analysis, language: str, *, tested: bool) -> str:
    band = a.band()
    count = sum(s.severity == DOUBT for s in a.statements_now(tested=tested))
    key = "no-doubts" if not count else "one-doubt" if count == 1 else "doubts"
    doubts = text(key, language, count=count)
    number = words.number(a.probabilities[a.label], language)
    title = a.title(None, language)
    return (
        f'<div class="head" data-label="{escape(a.label)}" data-band="{band}">'
        f"<h2>{escape(title[:1].upper() + title[1:])}</h2>"
        f'<p class="band"><i class="dot" style="background:{draw.BAND_COLOURS[band]}"></i>'
        f"<b>{escape(words.BANDS[band][language])}</b> <span class='number'>{number}</span>"
        f"<small>{text('sure-not-dangerous', language)}</small></p>"
        f'<p class="doubts" data-doubts="{count}">{doubts}</p>'
        f'<p class="sentence">{escape(a.sentence(language))}</p></div>'
    )


def _bars(a: Analysis, language: str) -> str:
    order = list(a.probabilities)
    if len(order) > _BARS:
        order.sort(key=lambda label: -a.probabilities[label])
    rows = []
    for label in order:
        value = a.probabilities[label]
        mark = ' class="top"' if label in (a.label, *a.labels_present) else ""
        rows.append(
            f'<li{mark} data-label="{escape(label)}" data-value="{value:.6f}">'
            f'<span class="name">{escape(a.title(label, language))}</span>'
            f'<span class="bar" aria-hidden="true"><i style="width:{100 * value:.1f}%"></i></span>'
            f'<span class="number">{words.number(value, language)}</span></li>'
        )
    shown, more = "".join(rows[:_BARS]), "".join(rows[_BARS:])
    bars = f'<ul class="bars" aria-label="{text("probabilities", language)}">{shown}</ul>'
    if not more:
        return bars
    title = text("others", language, count=len(rows) - _BARS)
    return f'{bars}<details><summary>{title}</summary><ul class="bars">{more}</ul></details>'


def _trust(a: Analysis, language: str, *, tested: bool) -> str:
    """A line for each question of trust: what was checked, and what speaks against."""
    lines = []
    for topic, said in groupby(a.statements_now(tested=tested), key=lambda s: s.topic):
        if topic not in _TRUST:
            continue
        group = list(said)
        for part in ([s] for s in group) if topic == "note" else (group,):
            wait = topic == "evidence" and not tested
            hiding = text("hiding-wait", language, **_nouns(a, language)) if wait else ""
            lines.append(_line(topic, part, language, more=hiding))
    return f'<h3>{text("trust", language)}</h3><ul class="trust">{"".join(lines)}</ul>'


def _line(topic: str, said: Sequence[Statement], language: str, *, more: str) -> str:
    """One question's statements, the first beside its name, the others and what is still to come
    below it."""
    severities = {s.severity for s in said}
    sign, state = "·", "told"
    if DOUBT in severities:
        sign, state = "!", "mind"
    elif PASSED in severities:
        sign, state = "✓", "ok"
    first, *others = (escape(s.say(language)) for s in said)
    rest = "".join(f"<br>{line}" for line in (*others, escape(more)) if line)
    return (
        f'<li class="{state}"><span class="sign" role="img" aria-label="{text(state, language)}">'
        f"{sign}</span><b>{text(topic, language)}</b>"
        f'<span class="said">{first}{rest}</span></li>'
    )


def _lesions(a: Analysis, language: str) -> str:
    nouns = _nouns(a, language)
    title = f"<h3>{escape(nouns['targets'][:1].upper() + nouns['targets'][1:])}</h3>"
    if not a.lesions:
        return f'{title}<p class="none">{text("none", language)}</p>'
    in_mm = all(lesion.diameter_mm is not None for lesion in a.lesions[:_ROWS])
    head = "".join(
        f"<th scope='col'>{text(key, language)}</th>"
        for key in ("size", "depth", "area", "confidence")
    )
    rows = "".join(
        f"<tr><th scope='row'>{i}</th>{_cells(lesion, in_mm, language)}</tr>"
        for i, lesion in enumerate(a.lesions[:_ROWS], 1)
    )
    below = [] if in_mm else [text("pixels-only", language)]
    if any(lesion.diameter_px_interval for lesion in a.lesions[:_ROWS]):
        below.append(text("interval-note", language))
    if len(a.lesions) > _ROWS:
        below.append(text("further", language, count=len(a.lesions) - _ROWS))
    tail = f'<p class="none">{" ".join(below)}</p>' if below else ""
    head = f"<thead><tr><th></th>{head}</tr></thead>"
    return f"{title}<table class='lesions'>{head}<tbody>{rows}</tbody></table>{tail}"


def _cells(lesion: Lesion, in_mm: bool, language: str) -> str:
    if in_mm and lesion.diameter_mm is not None and lesion.width_mm is not None:
        size = words.sizes(lesion.diameter_mm, lesion.width_mm, "mm", language)
        depth = f"{words.number(lesion.depth_mm or 0, language, 0)} mm"
        area = f"{words.number((lesion.area_mm2 or 0) / 100, language, 1)} cm²"
        interval = lesion.diameter_mm_interval
    else:
        size = words.sizes(lesion.diameter_px, lesion.width_px, "px", language)
        depth, area = f"{lesion.depth_px:.0f} px", f"{lesion.area_px:.0f} px²"
        interval = lesion.diameter_px_interval
    if interval is not None:
        size += f" ({interval[0]:.0f}–{interval[1]:.0f})"
    return "".join(
        f"<td>{cell}</td>"
        for cell in (size, depth, area, words.number(lesion.confidence, language))
    )


def _description(a: Analysis, language: str) -> str:
    """The largest lesion in the reader's own words, each with its number."""
    said = []
    for d in a.describe():
        if d.word and d.value is not None:
            number = words.number(d.value, language, 0 if d.unit else 2).replace("-", "−")
            said.append(
                f"{d.said(language)} <small>({number}{' ' if d.unit else ''}{d.unit})</small>"
            )
    if not said:
        return ""
    title = escape(text("described", language, **_nouns(a, language)))
    return f'<p class="described"><b>{title}</b> {", ".join(said)}.</p>'


def _about(a: Analysis, language: str) -> str:
    height, width = a.image.shape
    frame = (
        ""
        if a.image.frames == 1
        else text("about-frame", language, frame=a.image.frame + 1, frames=a.image.frames)
    )
    return text(
        "about",
        language,
        source=a.image.source,
        width=width,
        height=height,
        frame=frame,
        model=a.model,
        seconds=words.number(a.seconds, language),
    )
