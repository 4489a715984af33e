"""An Analysis as HTML: the answer in words first, numbers second, bars third. Looks at the result,
decides nothing."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from hcc_xai.imaging import draw
from hcc_xai.language import words
from hcc_xai.page.texts import text

if TYPE_CHECKING:
    from hcc_xai.analysis.analyzer import Analysis, Evidence
    from hcc_xai.findings.lesions import Lesion
    from hcc_xai.findings.lirads import Suggestion

_ROWS = 4  # lesions in the table; the JSON holds all
_LEAST_CHANGE = 0.05  # of the probability when the lesions are hidden; less is worth a mark
_SHOWN = (
    "uncalibrated",
    "kind-unchecked",
    "evidence-elsewhere",
    "let-through",
)  # flags with a line of their own


def answer(a: Analysis, language: str, evidence: Evidence | None) -> str:
    """Everything right of the picture; `evidence` is None as long as it is being computed.

    A stopped picture gets the reason, and no answer.
    """
    if not a.accepted:
        reason = next((f.message[language] for f in a.flags if f.severity == "stop"), "")
        return (
            f'<div class="head" data-stopped="true"><h2>{text("stopped-title", language)}</h2>'
            f'<p class="sentence" role="alert">{escape(reason)}</p>'
            f"<p>{text('stopped-more', language)}</p></div>"
        )
    parts = [
        _head(a, language),
        _bars(a, language),
        _trust(a, language, evidence),
        _lesions(a, language),
        "" if evidence is None else _description(a, language),
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
        return escape(next((f.message[language] for f in a.flags if f.severity == "stop"), ""))
    return escape(f"{a.headline(language)}. {a.sentence(language)}")


def note(message: str, *, frame: str = "", bad: bool = False) -> str:
    """The line below the place where files are dropped."""
    if bad:
        return f'<p class="note bad" role="alert"><b>{escape(frame)}</b> {escape(message)}</p>'
    return f'<p class="note">{escape(message)}</p>'


def legend(
    a: Analysis, language: str, *, label: str, kind: str | None, top: float, colour_map: str
) -> str:
    """The scale of the heatmap beside the picture, with its numbers."""
    keys = "".join(
        f'<span class="key"><i style="background:rgb{draw.COLOURS[name]}"></i>'
        f"{text(name, language)}</span>"
        for name in ("lesion", "liver")
    )
    if any(lesion.outer is not None for lesion in a.lesions):
        keys += f'<span class="key dots">{text("dotted", language)}</span>'
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


def figure(value: float, language: str) -> str:
    """Two significant digits, without an exponent where that can be read."""
    digits = f"{value:.2g}" if 1e-4 <= abs(value) < 1e4 or value == 0 else f"{value:.1e}"
    return digits.replace(".", ",") if language == "es" else digits


def _head(a: Analysis, language: str) -> str:
    band = a.band()
    number = words.number(a.probabilities[a.label], language)
    title = a.title(None, language)
    return (
        f'<div class="head" data-label="{escape(a.label)}" data-band="{band}">'
        f"<h2>{escape(title[:1].upper() + title[1:])}</h2>"
        f'<p class="band"><i class="dot" style="background:{draw.BAND_COLOURS[band]}"></i>'
        f"<b>{escape(words.BANDS[band][language])}</b> <span class='number'>{number}</span>"
        f"<small>{text('sure-not-dangerous', language)}</small></p>"
        f'<p class="sentence">{escape(a.sentence(language))}</p></div>'
    )


def _bars(a: Analysis, language: str) -> str:
    rows = []
    for label, value in a.probabilities.items():
        mark = ' class="top"' if label == a.label else ""
        rows.append(
            f'<li{mark} data-label="{escape(label)}" data-value="{value:.6f}">'
            f'<span class="name">{escape(a.title(label, language))}</span>'
            f'<span class="bar" aria-hidden="true"><i style="width:{100 * value:.1f}%"></i></span>'
            f'<span class="number">{words.number(value, language)}</span></li>'
        )
    return f'<ul class="bars" aria-label="{text("probabilities", language)}">{"".join(rows)}</ul>'


def _trust(a: Analysis, language: str, evidence: Evidence | None) -> str:
    flags = {flag.code: flag.message[language] for flag in a.flags}
    value = words.number(a.probabilities[a.label], language)
    unchecked, raw = flags.get("kind-unchecked"), flags.get("uncalibrated")
    lines = [
        _line("!" if unchecked else "✓", "kind", unchecked or text("checked", language), language),
        _line(
            "!" if raw else "✓",
            "confidence",
            raw or text("calibrated", language, percent=value),
            language,
        ),
    ]
    if a.let_through:
        lines[0] = _line("!", "kind", flags["let-through"], language)
        lines[1] = _line("!", "confidence", text("calibrated-elsewhere", language), language)
    lines.append(_evidence(a, language, evidence, flags.get("evidence-elsewhere")))
    if evidence is not None and a.second_opinion is not None:  # by then there is time for it
        against = a.disagreement(language)
        if against:
            lines.append(_line("!", "second", against, language))
        elif a.second_opinion.label == a.label:
            chance = words.number(a.second_opinion.probability, language)
            said = text("second-agrees", language, chance=chance)
            lines.append(_line("✓", "second", said, language))
    lines += [
        _line("!", "note", message, language)
        for code, message in flags.items()
        if code not in _SHOWN
    ]
    return f'<h3>{text("trust", language)}</h3><ul class="trust">{"".join(lines)}</ul>'


def _line(sign: str, key: str, message: str, language: str, more: str = "") -> str:
    state = text("ok" if sign == "✓" else "mind", language)
    kind = "ok" if sign == "✓" else "mind"
    return (
        f'<li class="{kind}"><span class="sign" role="img" aria-label="{state}">{sign}</span>'
        f'<b>{text(key, language)}</b><span class="said">{escape(message)}{more}</span></li>'
    )


def _evidence(a: Analysis, language: str, evidence: Evidence | None, elsewhere: str | None) -> str:
    """Where the exact map says the evidence lies, and its test: what hiding the lesion does."""
    shares = a.to_dict()["evidence"]["shares"]["contribution"]
    percent = {name: f"{round(100 * share)} %" for name, share in shares.items()}
    outside = f"{round(100 * (shares['rest'] + shares['outside']))} %"
    message = text(
        "shares", language, lesion=percent["lesion"], liver=percent["liver"], elsewhere=outside
    )
    if not any(shares.values()):
        message = text("no-evidence", language)
    more, mind = [], elsewhere is not None
    if elsewhere:
        more.append(elsewhere)
    before = a.probabilities[a.label]
    say = [
        words.number(value, language) if value is not None else ""
        for value in (
            before,
            evidence.hidden if evidence else None,
            evidence.elsewhere if evidence else None,
        )
    ]
    if evidence is None and a.lesions:
        more.append(text("hiding-wait", language))
    if evidence is not None and evidence.hidden is not None:
        more.append(text("hiding", language, before=say[0], after=say[1]))
        if evidence.elsewhere is not None:
            more.append(text("hiding-elsewhere", language, before=say[0], after=say[2]))
        if before - evidence.hidden < _LEAST_CHANGE:
            mind = True
            more.append(words.say("lesion-ignored", language))
    rest = "".join(f"<br>{escape(line)}" for line in more)
    return _line("!" if mind else "✓", "evidence", message, language, rest)


def _lesions(a: Analysis, language: str) -> str:
    title = f"<h3>{text('lesions', language)}</h3>"
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
    return f'<p class="described"><b>{text("described", language)}</b> {", ".join(said)}.</p>'


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
