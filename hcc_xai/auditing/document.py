"""An audit as a document: one file that needs no network, in both languages, fit to be printed."""

from __future__ import annotations

# ruff: noqa: E501  (sentences and styles, kept whole)
import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from hcc_xai.language import words

_WIDTH = 130  # of a forest plot, pixels
_PARTS = {  # where evidence may lie, from the lesion outwards
    "in_lesion": "#e69f00",
    "in_liver": "#56b4e9",
    "in_rest": "#98a1ab",
    "outside": "#d55e00",
}
_MAPS = ("cam", "contribution")
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
_METRICS = {
    "auroc": ("AUROC", "AUROC"),
    "sensitivity": ("sensitivity", "sensibilidad"),
    "specificity": ("specificity", "especificidad"),
    "accuracy": ("accuracy", "exactitud"),
    "calibration_error": ("surer than right", "más seguro que acertado"),
    "set_size": ("size of the prediction set", "tamaño del conjunto de predicción"),
    "coverage": ("coverage of the set", "cobertura del conjunto"),
    "refused": ("stopped by the gate", "detenidas por el filtro"),
    "dice": ("lesion Dice", "Dice de la lesión"),
    "hit": ("lesions hit", "lesiones halladas"),
    "false_lesion": ("false lesions", "lesiones falsas"),
    "cam_in_lesion": ("Grad-CAM++ in the lesion", "Grad-CAM++ en la lesión"),
    "cam_in_liver": ("Grad-CAM++ in the rest of the liver", "Grad-CAM++ en el resto del hígado"),
    "cam_in_rest": ("Grad-CAM++ elsewhere in the scan", "Grad-CAM++ en el resto de la imagen"),
    "cam_outside": ("Grad-CAM++ outside the scan", "Grad-CAM++ fuera de la imagen"),
    "contribution_in_lesion": ("contribution in the lesion", "contribución en la lesión"),
    "contribution_in_liver": (
        "contribution in the rest of the liver",
        "contribución en el resto del hígado",
    ),
    "contribution_in_rest": (
        "contribution elsewhere in the scan",
        "contribución en el resto de la imagen",
    ),
    "contribution_outside": (
        "contribution outside the scan",
        "contribución fuera de la imagen",
    ),
}
_COLUMNS = {
    "frame": ("frame size", "tamaño de imagen"),
    "brightness": ("brightness", "brillo"),
    "sharpness": ("sharpness", "nitidez"),
    "speckle": ("grain", "grano"),
    "marks": ("marks drawn in", "marcas dibujadas"),
    "sector_shape": ("sector's shape", "forma del sector"),
    "scan_depth_mm": ("depth of the scan (mm)", "profundidad explorada (mm)"),
    "lesion_depth": ("lesion's depth in the scan", "profundidad de la lesión en la imagen"),
    "lesion_size": ("lesion's share of the scan", "parte de la imagen que ocupa la lesión"),
}
_GROUPS = {
    "drawn in": ("drawn in", "dibujadas"),
    "none": ("none", "ninguna"),
    "unknown": ("unknown", "sin dato"),
    "whole frame": ("whole frame", "toda la imagen"),
    "linear": ("linear", "lineal"),
    "phased": ("phased", "sectorial"),
    "convex": ("convex", "convexa"),
    "trapezoid": ("trapezoid", "trapecio"),
}
_BASELINES = {
    "frame-alone": (
        "the frame alone (size, brightness, sharpness, sector) tells {positive}",
        "la imagen en sí (tamaño, brillo, nitidez, sector) delata {positive}",
    ),
    "size-alone": (
        "the lesion's size alone tells {positive}",
        "el tamaño de la lesión por sí solo delata {positive}",
    ),
}
_TEXT = {
    "title": ("Audit of {model}", "Auditoría de {model}"),
    "about": (
        "{n} images ({labels}); {date}; hcc_xai {version}; weights {weights}; images {images}; seed {seed}.",
        "{n} imágenes ({labels}); {date}; hcc_xai {version}; pesos {weights}; imágenes {images}; semilla {seed}.",
    ),
    "not-device": (
        "Research software, not a medical device. An audit says how a model did on these images, and nothing of others.",
        "Programa de investigación; no es un producto sanitario. Una auditoría dice cómo ha ido el modelo con estas imágenes y nada de otras.",
    ),
    "worst": (
        "Worst: {column} {group}, {metric} {value} ({low} to {high}), n {n}, against {rest} in the others (p {p}, corrected).",
        "Peor: {column} {group}, {metric} {value} ({low} a {high}), n {n}, frente a {rest} en los demás (p {p}, corregido).",
    ),
    "no-worst": (
        "No group stands out from the others by more than chance would make it, as far as this many images can tell.",
        "Ningún grupo se aparta de los demás más de lo que explica el azar, hasta donde alcanzan estas imágenes.",
    ),
    "caught": ("Speaks against it", "En su contra"),
    "none-caught": (
        "No shortcut was caught on these images.",
        "No se ha detectado ningún atajo en estas imágenes.",
    ),
    "overall": ("Over all", "En conjunto"),
    "groups": ("By group", "Por grupos"),
    "groups-said": (
        "Value and 95 % interval (Fairlearn, {draws} bootstrap resamples); p from {shuffles} permutations, corrected for all comparisons after Holm. Grey: fewer than 20 images, too few to say anything.",
        "Valor e intervalo del 95 % (Fairlearn, {draws} remuestreos); p de {shuffles} permutaciones, corregido por Holm para todas las comparaciones. En gris: menos de 20 imágenes, demasiado pocas.",
    ),
    "shortcuts": ("Shortcuts", "Atajos"),
    "baseline": (
        "{what} with an AUROC of {value} ({low} to {high}); cross-validated.",
        "{what} con un AUROC de {value} ({low} a {high}); con validación cruzada.",
    ),
    "change": (
        "{what} moves the answer by {move} (median) and flips {flips} of {n}, of the {sure_n} with 0.70 or more {sure}.",
        "{what} cambia la respuesta en {move} (mediana) e invierte {flips} de {n}; de las {sure_n} con 0,70 o más, {sure}.",
    ),
    "lesion": (
        "{what} leaves the answer as it was (moved by less than 0.10) in {bad} of {n}; it moves by {move} (median).",
        "{what} deja la respuesta igual (menos de 0,10) en {bad} de {n}; cambia {move} (mediana).",
    ),
    "steps": (
        "{what}: flips {flips}.",
        "{what}: invierte {flips}.",
    ),
    "step": ("{flips} of {n} at {amount}", "{flips} de {n} con {amount}"),
    "steps-title": ("In steps", "Por pasos"),
    "steps-said": (
        "Share of answers that flip, with 95 % intervals, from the one end to the other.",
        "Parte de las respuestas que se invierten, con intervalos del 95 %, de un extremo a otro.",
    ),
    "evidence": (
        "Where the evidence lies: lesion, rest of the liver, rest of the scan, outside (Grad-CAM++; contribution)",
        "Dónde está la evidencia: lesión, resto del hígado, resto de la imagen, fuera (Grad-CAM++; contribución)",
    ),
    "versus": ("Against {model}", "Frente a {model}"),
    "versus-said": (
        "Only this one is right in {ours} images, only the other in {theirs} (McNemar, exact: p {p}). Differences, this less the other, paired:",
        "Solo este acierta en {ours} imágenes, solo el otro en {theirs} (McNemar exacto: p {p}). Diferencias pareadas, este menos el otro:",
    ),
    "understood": ("What was understood of the table", "Qué se ha entendido de la tabla"),
    "not-read": ("Not read", "No leídas"),
    "for-card": ("For the model card", "Para la ficha del modelo"),
    "metric": ("figure", "medida"),
    "under": ("under {p}", "menos de {p}"),
    "value": ("value", "valor"),
}

_CSS = """body{font:14px/1.5 system-ui,sans-serif;max-width:1080px;margin:24px auto;padding:0 16px;color:#1c2127;background:#fff}
h1{font-size:24px}h2{font-size:17px;border-bottom:1px solid #ccd3da;margin-top:26px}h3{font-size:14px;margin:14px 0 2px}
table{border-collapse:collapse;font-size:12.5px}td,th{padding:2px 12px 2px 0;text-align:left;font-weight:400;vertical-align:middle}
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(440px,1fr));gap:6px 16px;align-items:start}
.worst{font-size:17px;border-left:4px solid #d55e00;padding-left:10px}.fine{border-color:#009e73}
.small{color:#98a1ab}.caught{color:#b23c00;font-weight:600}ul{padding-left:18px}pre{white-space:pre-wrap;background:#f4f6f8;padding:10px;font-size:12px}
input[name=lang]{position:absolute;opacity:0}label{padding:2px 8px;border:1px solid #ccd3da;border-radius:4px;cursor:pointer}
#en:checked~main .es,#es:checked~main .en{display:none}#en:checked~label[for=en],#es:checked~label[for=es]{background:#e6f0f8}
#en:focus-visible~label[for=en],#es:focus-visible~label[for=es]{outline:2px solid #0072b2}
@media print{label{display:none}body{margin:0}h2,h3{break-after:avoid}tr{break-inside:avoid}}"""


def _named(names: Mapping[str, tuple[str, str]], key: str, language: str) -> str:
    return names.get(key, (key, key))[words.LANGUAGES.index(language)]


def document(found: Mapping[str, Any]) -> str:
    """The page of `Audit.to_dict()`. The numbers stand in it, too, as JSON."""
    parts = "".join(
        f'<div class="{language}" lang="{language}">{_body(found, language)}</div>'
        for language in words.LANGUAGES
    )
    data = json.dumps(found).replace("<", "\\u003c")
    title = escape(_say("title", "en", model=found["about"]["model"]))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title}</title><style>{_CSS}</style></head><body>"
        '<input type="radio" name="lang" id="en" checked><label for="en">English</label> '
        '<input type="radio" name="lang" id="es"><label for="es">Español</label>'
        f'<main>{parts}</main><script type="application/json" id="audit">{data}</script>'
        "</body></html>"
    )


def _say(key: str, language: str, **values: object) -> str:
    return _TEXT[key][words.LANGUAGES.index(language)].format(**values)


def _body(found: Mapping[str, Any], language: str) -> str:
    about = found["about"]
    labels = ", ".join(f"{n} {label}" for label, n in about["labels"].items())
    parts = [
        f"<h1>{escape(_say('title', language, model=about['model']))}</h1>",
        _worst(found["worst"], language),
        _caught(found, language),
        "<p>"
        + escape(
            _say(
                "about",
                language,
                n=about["images"],
                labels=labels,
                date=about["date"],
                version=about["version"],
                weights=about["weights_sha256"][:12],
                images=about["images_sha256"][:12],
                seed=about["seed"],
            )
        )
        + "</p>",
        f"<p>{_say('not-device', language)}</p>",
        f"<h2>{_say('overall', language)}</h2>{_overall(found['overall'], language)}",
        f"<h2>{_say('shortcuts', language)}</h2><ul>"
        + "".join(
            f'<li class="{"caught" if s["caught"] else ""}">{escape(line(s, about, language))}</li>'
            for s in found["shortcuts"]
            if s["kind"] != "steps"
        )
        + "</ul>",
        _steps([s for s in found["shortcuts"] if s["kind"] == "steps"], language),
        f"<h2>{_say('groups', language)}</h2>",
        f"<p>{escape(_say('groups-said', language, draws=about['draws'], shuffles=about['shuffles']))}</p>",
        _groups(found["groups"], language),
    ]
    if found["versus"] is not None:
        parts.append(_versus(found["versus"], language))
    parts.append(
        f"<h2>{_say('understood', language)}</h2>{_list([s[language] for s in about['understood']])}"
    )
    if about["not_read"]:
        parts.append(f"<h2>{_say('not-read', language)}</h2>{_list(about['not_read'])}")
    parts.append(f"<h2>{_say('for-card', language)}</h2><pre>{escape(for_card(found))}</pre>")
    return "".join(parts)


def summary(found: Mapping[str, Any], language: str) -> str:
    """The head of the document, for a page that offers the whole of it."""
    versus = _versus(found["versus"], language) if found["versus"] is not None else ""
    return (
        f"{_worst(found['worst'], language)}{_caught(found, language)}"
        f"<h3>{_say('overall', language)}</h3>{_overall(found['overall'], language)}{versus}"
    )


def _list(lines: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(one)}</li>" for one in lines) + "</ul>"


def _number(value: float | None, language: str, digits: int = 2) -> str:
    if value is None:
        return "–"
    return words.number(value, language, digits).replace("-", "−")


def _chance(p: float, language: str) -> str:
    """A p-value: 0.012, or "under 0.001"."""
    if p >= 0.001:
        return _number(p, language, 3)
    return _say("under", language, p=_number(0.001, language, 3))


def column(name: str, language: str) -> str:
    """What groups are made of, in words; a user's own column by its name."""
    return _named(_COLUMNS, name, language)


def worst_said(worst: Mapping[str, Any] | None, language: str) -> str:
    """The worst group, in words."""
    if worst is None:
        return _say("no-worst", language)
    return _say(
        "worst",
        language,
        column=column(worst["column"], language),
        group=_named(_GROUPS, worst["group"], language),
        metric=_named(_METRICS, worst["metric"], language),
        n=worst["n"],
        **{k: _number(worst[k], language) for k in ("value", "low", "high", "rest")},
        p=_chance(worst["p"], language),
    )


def _worst(worst: Mapping[str, Any] | None, language: str) -> str:
    kind = "worst" if worst is not None else "worst fine"
    return f'<p class="{kind}">{escape(worst_said(worst, language))}</p>'


def _caught(found: Mapping[str, Any], language: str) -> str:
    lines = [line(s, found["about"], language) for s in found["shortcuts"] if s["caught"]]
    if not lines:
        return f"<p>{_say('none-caught', language)}</p>"
    return f'<p class="caught">{_say("caught", language)}: {escape(" ".join(lines))}</p>'


def line(shortcut: Mapping[str, Any], about: Mapping[str, Any], language: str) -> str:
    """A shortcut in words."""
    if shortcut["kind"] == "baseline":
        what = _named(_BASELINES, shortcut["name"], language).format(positive=about["positive"])
        values = {k: _number(shortcut[k], language) for k in ("value", "low", "high")}
        said = _say("baseline", language, what=what, **values)
    elif shortcut["kind"] == "steps":
        flips = ", ".join(
            _say("step", language, flips=s["flips"], n=s["n"], amount=_amount(s, language))
            for s in shortcut["steps"]
        )
        what = words.named(words.STEPS, shortcut["name"], language)
        said = _say("steps", language, what=what, flips=flips)
    else:
        said = _say(
            "lesion" if shortcut["name"] == "lesion" else "change",
            language,
            what=words.change(shortcut["name"], language),
            move=_number(shortcut["median_move"], language),
            flips=shortcut["flips"],
            sure=shortcut["sure_flips"],
            sure_n=shortcut["sure_n"],
            bad=round((shortcut["value"] or 0) * shortcut["n"]),
            n=shortcut["n"],
        )
    return said[:1].upper() + said[1:]


def _amount(step: Mapping[str, Any], language: str) -> str:
    digits = 0 if step["amount"] == int(step["amount"]) else 3
    text = _number(step["amount"], language, digits)
    return text.rstrip("0") if digits else text


def _steps(shortcuts: Sequence[Mapping[str, Any]], language: str) -> str:
    """What is moved in steps: a small forest plot each."""
    if not shortcuts:
        return ""
    parts = []
    for one in shortcuts:
        title = escape(words.named(words.STEPS, one["name"], language))
        rows = [f"<tr><th colspan='4'><b>{title}</b></th></tr>"]
        for step in one["steps"]:
            shown = {**step, "group": _amount(step, language), "small": False}
            rows.append(_forest(shown, language))
        parts.append(f"<table>{''.join(rows)}</table>")
    title, said = (_say(key, language) for key in ("steps-title", "steps-said"))
    return f"<h3>{title}</h3><p>{said}</p><div class='plots'>{''.join(parts)}</div>"


def _overall(overall: Mapping[str, Any], language: str) -> str:
    rows = []
    for name, figure in overall.items():
        if figure["value"] is not None:
            numbers = _interval(figure, language)
            title = escape(_named(_METRICS, name, language))
            rows.append(f"<tr><th>{title}</th><td>{numbers}</td><td>n {figure['n']}</td></tr>")
    return f"<table>{''.join(rows)}</table>"


def _interval(figure: Mapping[str, Any], language: str) -> str:
    if figure["low"] is None:
        return _number(figure["value"], language)
    low, high = (_number(figure[k], language) for k in ("low", "high"))
    return f"{_number(figure['value'], language)} ({low} – {high})"


def _groups(groups: Sequence[Mapping[str, Any]], language: str) -> str:
    """A forest plot a column and metric."""
    parts = []
    for name in dict.fromkeys(g["column"] for g in groups):
        parts.append(f"<h3>{escape(column(name, language))}</h3><div class='plots'>")
        for metric in _SHOWN:
            mine = [g for g in groups if g["column"] == name and g["metric"] == metric]
            if not any(g["value"] is not None for g in mine):
                continue
            p = mine[0]["p"]
            title = _named(_METRICS, metric, language)
            more = "" if p is None else f" <small>p {_chance(p, language)}</small>"
            rows = "".join(_forest(g, language) for g in mine if g["value"] is not None)
            head = f"<tr><th colspan='4'><b>{escape(title)}</b>{more}</th></tr>"
            parts.append(f"<table>{head}{rows}</table>")
        parts.append(f"{_evidence(groups, name, language)}</div>")
    return "".join(parts)


def _evidence(groups: Sequence[Mapping[str, Any]], column: str, language: str) -> str:
    """A bar a group and map: the shares of its energy, from the lesion outwards."""
    found: dict[str, dict[str, Any]] = {}
    for g in groups:
        lies = g["metric"].partition("_")[2] in _PARTS
        if g["column"] == column and lies and g["value"] is not None:
            found.setdefault(g["group"], {})[g["metric"]] = g
    rows = []
    for name, by_metric in found.items():
        bars = []
        for short in _MAPS:
            mine = {
                part: by_metric[f"{short}_{part}"]["value"]
                for part in _PARTS
                if f"{short}_{part}" in by_metric
            }
            said = ", ".join(
                f"{_named(_METRICS, f'{short}_{part}', language)} {_number(value, language)}"
                for part, value in mine.items()
            )
            bars.append(f"<td>{_bar(mine, said)}</td>")
        small = ' class="small"' if any(g["small"] for g in by_metric.values()) else ""
        title = escape(_named(_GROUPS, name, language))
        rows.append(f"<tr{small}><td>{title}</td>{''.join(bars)}</tr>")
    if not rows:
        return ""
    head = f"<tr><th colspan='3'><b>{escape(_say('evidence', language))}</b></th></tr>"
    return f"<table>{head}{''.join(rows)}</table>"


def _bar(shares: Mapping[str, float], said: str) -> str:
    """Shares beside each other, brought to one where their means do not sum to it."""
    left, parts, total = 0.0, [], sum(shares.values()) or 1.0
    for part, value in shares.items():
        width = _WIDTH * value / total
        colour = _PARTS[part]
        parts.append(f'<rect x="{left:.1f}" width="{width:.1f}" height="12" fill="{colour}"/>')
        left += width
    return (
        f'<svg width="{_WIDTH}" height="12" role="img" aria-label="{escape(said)}">'
        f"<title>{escape(said)}</title>{''.join(parts)}</svg>"
    )


def _forest(group: Mapping[str, Any], language: str) -> str:
    low, value, high = (
        _WIDTH * min(1.0, max(0.0, group[k] if group[k] is not None else group["value"]))
        for k in ("low", "value", "high")
    )
    colour = "#98a1ab" if group["small"] else "#0072b2"
    drawn = (
        f'<svg width="{_WIDTH}" height="12" role="img" aria-hidden="true">'
        f'<line x1="0" x2="{_WIDTH}" y1="6" y2="6" stroke="#eef1f4"/>'
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="6" y2="6" stroke="{colour}" stroke-width="2"/>'
        f'<circle cx="{value:.1f}" cy="6" r="3.5" fill="{colour}"/></svg>'
    )
    kind = ' class="small"' if group["small"] else ""
    return (
        f"<tr{kind}><td>{escape(_named(_GROUPS, group['group'], language))}</td><td>{drawn}</td>"
        f"<td>{_interval(group, language)}</td><td>n {group['n']}</td></tr>"
    )


def _versus(versus: Mapping[str, Any], language: str) -> str:
    said = _say(
        "versus-said",
        language,
        ours=versus["only_this_right"],
        theirs=versus["only_other_right"],
        p=_chance(versus["p"], language),
    )
    title = escape(_say("versus", language, model=versus["model"]))
    return f"<h2>{title}</h2><p>{escape(said)}</p>{_overall(versus['differences'], language)}"


def for_card(found: Mapping[str, Any]) -> str:
    """A section that can be pasted into the model card, in English."""
    about = found["about"]
    lines = [
        f"## Audit ({about['date']}, hcc_xai {about['version']})",
        "",
        f"{about['images']} images, grouped by {', '.join(about['columns'])}. "
        + worst_said(found["worst"], "en"),
        "",
        "| figure | value | n |",
        "| --- | --- | --- |",
    ]
    for name, figure in found["overall"].items():
        if figure["value"] is not None:
            title = _METRICS[name][0]
            lines.append(f"| {title} | {_interval(figure, 'en')} | {figure['n']} |")
    lines += ["", "Shortcuts:", ""]
    for one in found["shortcuts"]:
        mark = "**caught** " if one["caught"] else ""
        lines.append(f"- {mark}{line(one, about, 'en')}")
    return "\n".join(lines)
