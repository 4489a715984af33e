"""An audit as a document: one file that needs no network, in both languages, fit to be printed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources

from hcc_xai.auditing.measure import MAPS, PARTS
from hcc_xai.auditing.report import About, GroupRow, Report, Shortcut, Steps, Versus
from hcc_xai.auditing.terms import (
    amount,
    chance,
    column,
    comparable,
    group,
    interval,
    ladder,
    line,
    metric,
    number,
    say,
    worst_said,
)
from hcc_xai.language import words
from hcc_xai.stats import FigureRow

_WIDTH = 130  # of a forest plot, pixels
_COLOURS = dict(zip(PARTS, ("#e69f00", "#56b4e9", "#98a1ab", "#d55e00"), strict=True))
_SHOWN = (
    "auroc",
    "sensitivity",
    "specificity",
    "accuracy",
    "coverage",
    "refused",
    "dice",
    "hit",
    "false_lesion",
    "contribution_in_lesion",
)


def document(report: Report) -> str:
    """The page of `Audit.to_dict()`. The numbers stand in it, too, as JSON."""
    parts = "".join(
        f'<div class="{language}" lang="{language}">{_body(report, language)}</div>'
        for language in words.LANGUAGES
    )
    data = json.dumps(report).replace("<", "\\u003c")
    title = escape(say("title", "en", model=report["about"]["model"]))
    css = resources.files(__package__).joinpath("document.css").read_text("utf-8").strip()
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title}</title><style>{css}</style></head><body>"
        '<input type="radio" name="lang" id="en" checked><label for="en">English</label> '
        '<input type="radio" name="lang" id="es"><label for="es">Español</label>'
        f'<main>{parts}</main><script type="application/json" id="audit">{data}</script>'
        "</body></html>"
    )


def summary(report: Report, language: str) -> str:
    """The head of the document, for a page that offers the whole of it."""
    versus = _versus(report["versus"], language) if report["versus"] is not None else ""
    return (
        f"{_trained_on(report['about'], language)}{_worst(report, language)}"
        f"{_caught(report, language)}"
        f"<h3>{say('overall', language)}</h3>{_overall(report['overall'], language)}{versus}"
    )


def _body(report: Report, language: str) -> str:
    about = report["about"]
    effort = {"draws": about["draws"], "shuffles": about["shuffles"]}
    parts = [
        f"<h1>{escape(say('title', language, model=about['model']))}</h1>",
        _trained_on(about, language),
        _worst(report, language),
        _caught(report, language),
        _about(about, language),
        f"<h2>{say('overall', language)}</h2>{_overall(report['overall'], language)}",
        f"<h2>{say('shortcuts', language)}</h2>",
        _shortcuts(report["shortcuts"], about, language),
        f"<h2>{say('groups', language)}</h2>",
        f"<p>{escape(say('groups-said', language, **effort))}</p>",
        _groups(report["groups"], language),
    ]
    if report["versus"] is not None:
        parts.append(_versus(report["versus"], language))
    understood = [lines[language] for lines in about["understood"]]
    parts.append(f"<h2>{say('understood', language)}</h2>{_list(understood)}")
    if about["not_read"]:
        parts.append(f"<h2>{say('not-read', language)}</h2>{_list(about['not_read'])}")
    parts.append(f"<h2>{say('for-card', language)}</h2><pre>{escape(for_card(report))}</pre>")
    return "".join(parts)


def _about(about: About, language: str) -> str:
    """What was judged, on what; what was guessed; and what an audit cannot say."""
    lines = [
        say(
            "about",
            language,
            n=about["images"],
            labels=", ".join(f"{n} {label}" for label, n in about["labels"].items()),
            date=about["date"],
            version=about["version"],
            weights=about["weights_sha256"][:12],
            images=about["images_sha256"][:12],
            seed=about["seed"],
        )
    ]
    if about["positive_by"] != "config":
        lines.append(say("positive-guessed", language, positive=about["positive"]))
    lines.append(say("not-device", language))
    return "".join(f"<p>{escape(one)}</p>" for one in lines)


def _list(lines: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(one)}</li>" for one in lines) + "</ul>"


def _trained_on(about: About, language: str) -> str:
    """That images were trained on; nothing where none was."""
    count = about.get("trained_on", 0)
    if not count:
        return ""
    return f'<p class="worst">{say("trained-on", language, count=count, n=about["images"])}</p>'


def _worst(report: Report, language: str) -> str:
    """The verdict: red, green, or grey where nothing could be compared."""
    worst, groups = report["worst"], report["groups"]
    kind = "worst" if worst else "worst fine" if comparable(groups) else "worst unknown"
    return f'<p class="{kind}">{escape(worst_said(worst, groups, language))}</p>'


def _caught(report: Report, language: str) -> str:
    lines = [line(s, report["about"], language) for s in report["shortcuts"] if s["caught"]]
    if not lines:
        return f"<p>{say('none-caught', language)}</p>"
    return f'<p class="caught">{say("caught", language)}: {escape(" ".join(lines))}</p>'


def _shortcuts(shortcuts: Sequence[Shortcut], about: About, language: str) -> str:
    """A line for each that was judged, and plots of what was moved in steps."""
    lines = "".join(
        f'<li class="{"caught" if one["caught"] else ""}">{escape(line(one, about, language))}</li>'
        for one in shortcuts
        if one["kind"] != "steps"
    )
    ladders = [one for one in shortcuts if one["kind"] == "steps"]
    return f"<ul>{lines}</ul>{_steps(ladders, language)}"


def _steps(shortcuts: Sequence[Steps], language: str) -> str:
    """What is moved in steps: a small forest plot each."""
    if not shortcuts:
        return ""
    parts = []
    for one in shortcuts:
        rows = [f"<tr><th colspan='4'><b>{escape(ladder(one, language))}</b></th></tr>"]
        for step in one["steps"]:
            rows.append(_forest(step, amount(step, language), language))
        parts.append(f"<table>{''.join(rows)}</table>")
    title, text = (say(key, language) for key in ("steps-title", "steps-said"))
    return f"<h3>{title}</h3><p>{text}</p><div class='plots'>{''.join(parts)}</div>"


def _overall(overall: Mapping[str, FigureRow], language: str) -> str:
    rows = []
    for name, figure in overall.items():
        if figure["value"] is not None:
            title = escape(metric(name, language))
            numbers = interval(figure, language)
            rows.append(f"<tr><th>{title}</th><td>{numbers}</td><td>n {figure['n']}</td></tr>")
    return f"<table>{''.join(rows)}</table>"


def _groups(groups: Sequence[GroupRow], language: str) -> str:
    """A forest plot a column and metric."""
    parts = []
    for name in dict.fromkeys(row["column"] for row in groups):
        own = [row for row in groups if row["column"] == name and row["value"] is not None]
        parts.append(f"<h3>{escape(column(name, language))}</h3><div class='plots'>")
        for shown in _SHOWN:
            rows = [row for row in own if row["metric"] == shown]
            if rows:
                parts.append(_plot(rows, language))
        parts.append(f"{_evidence(own, language)}</div>")
    return "".join(parts)


def _plot(rows: Sequence[GroupRow], language: str) -> str:
    """A metric of all groups of a column."""
    p = rows[0]["p"]
    more = "" if p is None else f" <small>p {chance(p, language)}</small>"
    title = escape(metric(rows[0]["metric"], language))
    head = f"<tr><th colspan='4'><b>{title}</b>{more}</th></tr>"
    lines = (
        _forest(row, group(row["group"], language), language, small=row["small"]) for row in rows
    )
    return f"<table>{head}{''.join(lines)}</table>"


def _forest(figure: FigureRow, name: str, language: str, *, small: bool = False) -> str:
    """A line of a forest plot: its name, the interval drawn from 0 to 1, and in numbers."""
    low, value, high = (
        _WIDTH * min(1.0, max(0.0, end if end is not None else figure["value"] or 0.0))
        for end in (figure["low"], figure["value"], figure["high"])
    )
    colour = "#98a1ab" if small else "#0072b2"
    drawn = (
        f'<svg width="{_WIDTH}" height="12" role="img" aria-hidden="true">'
        f'<line x1="0" x2="{_WIDTH}" y1="6" y2="6" stroke="#eef1f4"/>'
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="6" y2="6" stroke="{colour}" stroke-width="2"/>'
        f'<circle cx="{value:.1f}" cy="6" r="3.5" fill="{colour}"/></svg>'
    )
    kind = ' class="small"' if small else ""
    return (
        f"<tr{kind}><td>{escape(name)}</td><td>{drawn}</td>"
        f"<td>{interval(figure, language)}</td><td>n {figure['n']}</td></tr>"
    )


def _evidence(groups: Sequence[GroupRow], language: str) -> str:
    """A bar a group and map: the shares of its energy, from the lesion outwards."""
    by_group: dict[str, dict[str, GroupRow]] = {}
    for row in groups:
        if row["metric"].partition("_")[2] in PARTS:
            by_group.setdefault(row["group"], {})[row["metric"]] = row
    lines = []
    for name, by_metric in by_group.items():
        bars = "".join(f"<td>{_bar(by_metric, short, language)}</td>" for short in MAPS)
        small = ' class="small"' if any(row["small"] for row in by_metric.values()) else ""
        lines.append(f"<tr{small}><td>{escape(group(name, language))}</td>{bars}</tr>")
    if not lines:
        return ""
    head = f"<tr><th colspan='3'><b>{escape(say('evidence', language))}</b></th></tr>"
    return f"<table>{head}{''.join(lines)}</table>"


def _bar(by_metric: Mapping[str, GroupRow], short: str, language: str) -> str:
    """Shares of a map beside each other, brought to one where their means do not sum to it."""
    rows = {part: by_metric[f"{short}_{part}"] for part in PARTS if f"{short}_{part}" in by_metric}
    shares = {part: row["value"] or 0.0 for part, row in rows.items()}
    text = ", ".join(
        f"{metric(row['metric'], language)} {number(row['value'], language)}"
        for row in rows.values()
    )
    left, parts, total = 0.0, [], sum(shares.values()) or 1.0
    for part, share in shares.items():
        width = _WIDTH * share / total
        colour = _COLOURS[part]
        parts.append(f'<rect x="{left:.1f}" width="{width:.1f}" height="12" fill="{colour}"/>')
        left += width
    return (
        f'<svg width="{_WIDTH}" height="12" role="img" aria-label="{escape(text)}">'
        f"<title>{escape(text)}</title>{''.join(parts)}</svg>"
    )


def _versus(versus: Versus, language: str) -> str:
    text = say(
        "versus-said",
        language,
        ours=versus["only_this_right"],
        theirs=versus["only_other_right"],
        p=chance(versus["p"], language),
    )
    title = escape(say("versus", language, model=versus["model"]))
    return f"<h2>{title}</h2><p>{escape(text)}</p>{_overall(versus['differences'], language)}"


def for_card(report: Report) -> str:
    """A section that can be pasted into the model card, in English."""
    about = report["about"]
    lines = [
        f"## Audit ({about['date']}, hcc_xai {about['version']})",
        "",
        f"{about['images']} images, grouped by {', '.join(about['columns'])}. "
        + worst_said(report["worst"], report["groups"], "en"),
        "",
        "| figure | value | n |",
        "| --- | --- | --- |",
    ]
    for name, figure in report["overall"].items():
        if figure["value"] is not None:
            title = metric(name, "en")
            lines.append(f"| {title} | {interval(figure, 'en')} | {figure['n']} |")
    lines += ["", "Shortcuts:", ""]
    for one in report["shortcuts"]:
        mark = "**caught** " if one["caught"] else ""
        lines.append(f"- {mark}{line(one, about, 'en')}")
    return "\n".join(lines)
