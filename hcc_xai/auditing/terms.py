"""The words of an audit's document, in both languages: its sentences, its names, its numbers."""

from __future__ import annotations

from collections.abc import Sequence

# ruff: noqa: E501  (sentences, kept whole)
from hcc_xai.auditing.groups import SMALL
from hcc_xai.auditing.report import About, Baseline, Change, GroupRow, Shortcut, Step, Steps
from hcc_xai.language import words
from hcc_xai.stats import Figure, FigureRow

_METRICS = {
    "auroc": {"en": "AUROC", "es": "AUROC"},
    "sensitivity": {"en": "sensitivity", "es": "sensibilidad"},
    "specificity": {"en": "specificity", "es": "especificidad"},
    "accuracy": {"en": "accuracy", "es": "exactitud"},
    "calibration_error": {"en": "surer than right", "es": "más seguro que acertado"},
    "set_size": {"en": "size of the prediction set", "es": "tamaño del conjunto de predicción"},
    "coverage": {"en": "coverage of the set", "es": "cobertura del conjunto"},
    "refused": {"en": "stopped by the gate", "es": "detenidas por el filtro"},
    "dice": {"en": "lesion Dice", "es": "Dice de la lesión"},
    "hit": {"en": "lesions hit", "es": "lesiones halladas"},
    "false_lesion": {"en": "false lesions", "es": "lesiones falsas"},
    "cam_in_lesion": {"en": "Grad-CAM++ in the lesion", "es": "Grad-CAM++ en la lesión"},
    "cam_in_organ": {
        "en": "Grad-CAM++ in the rest of the organ",
        "es": "Grad-CAM++ en el resto del órgano",
    },
    "cam_in_rest": {
        "en": "Grad-CAM++ elsewhere in the scan",
        "es": "Grad-CAM++ en el resto de la imagen",
    },
    "cam_outside": {"en": "Grad-CAM++ outside the scan", "es": "Grad-CAM++ fuera de la imagen"},
    "contribution_in_lesion": {
        "en": "contribution in the lesion",
        "es": "contribución en la lesión",
    },
    "contribution_in_organ": {
        "en": "contribution in the rest of the organ",
        "es": "contribución en el resto del órgano",
    },
    "contribution_in_rest": {
        "en": "contribution elsewhere in the scan",
        "es": "contribución en el resto de la imagen",
    },
    "contribution_outside": {
        "en": "contribution outside the scan",
        "es": "contribución fuera de la imagen",
    },
}
_COLUMNS = {
    "frame": {"en": "frame size", "es": "tamaño de imagen"},
    "brightness": {"en": "brightness", "es": "brillo"},
    "sharpness": {"en": "sharpness", "es": "nitidez"},
    "speckle": {"en": "grain", "es": "grano"},
    "marks": {"en": "marks drawn in", "es": "marcas dibujadas"},
    "sector_shape": {"en": "sector's shape", "es": "forma del sector"},
    "scan_depth_mm": {"en": "depth of the scan (mm)", "es": "profundidad explorada (mm)"},
    "lesion_depth": {
        "en": "lesion's depth in the scan",
        "es": "profundidad de la lesión en la imagen",
    },
    "lesion_size": {
        "en": "lesion's share of the scan",
        "es": "parte de la imagen que ocupa la lesión",
    },
}
_GROUPS = {
    "drawn in": {"en": "drawn in", "es": "dibujadas"},
    "none": {"en": "none", "es": "ninguna"},
    "unknown": {"en": "unknown", "es": "sin dato"},
    "whole frame": {"en": "whole frame", "es": "toda la imagen"},
    "linear": {"en": "linear", "es": "lineal"},
    "phased": {"en": "phased", "es": "sectorial"},
    "convex": {"en": "convex", "es": "convexa"},
    "trapezoid": {"en": "trapezoid", "es": "trapecio"},
}
_BASELINES = {
    "frame-alone": {
        "en": "the frame alone (size, brightness, sharpness, sector) tells {positive}",
        "es": "la imagen en sí (tamaño, brillo, nitidez, sector) delata {positive}",
    },
    "size-alone": {
        "en": "the lesion's size alone tells {positive}",
        "es": "el tamaño de la lesión por sí solo delata {positive}",
    },
}
_TEXT = {
    "title": {"en": "Audit of {model}", "es": "Auditoría de {model}"},
    "about": {
        "en": "{n} images ({labels}); {date}; hcc_xai {version}; weights {weights}; images {images}; seed {seed}.",
        "es": "{n} imágenes ({labels}); {date}; hcc_xai {version}; pesos {weights}; imágenes {images}; semilla {seed}.",
    },
    "positive-guessed": {
        "en": "The model does not say which of its labels is the positive one; the last, {positive}, was taken.",
        "es": "El modelo no indica cuál de sus etiquetas es la positiva; se ha tomado la última, {positive}.",
    },
    "not-device": {
        "en": "Research software, not a medical device. An audit says how a model did on these images, and nothing of others.",
        "es": "Programa de investigación; no es un producto sanitario. Una auditoría dice cómo ha ido el modelo con estas imágenes y nada de otras.",
    },
    "worst": {
        "en": "Worst: {column} {group}, {metric} {value} ({low} to {high}), n {n}, against {rest} in the others (p {p}, corrected).",
        "es": "Peor: {column} {group}, {metric} {value} ({low} a {high}), n {n}, frente a {rest} en los demás (p {p}, corregido).",
    },
    "no-worst": {
        "en": "No group stands out from the others by more than chance would make it, as far as this many images can tell.",
        "es": "Ningún grupo se aparta de los demás más de lo que explica el azar, hasta donde alcanzan estas imágenes.",
    },
    "cannot-tell": {
        "en": "Cannot tell whether any group stands out: no two groups could be compared. Each needs {least} images of a figure (of the rarer class {half}).",
        "es": "No se puede saber si algún grupo se aparta: no hay dos grupos comparables. Cada uno necesita {least} imágenes por medida ({half} de la clase menor).",
    },
    "trained-on": {
        "en": "{count} of {n} images, or near copies of them, are among those that the model was trained on: these figures say nothing about new images.",
        "es": "{count} de {n} imágenes, o copias casi iguales, están entre las usadas para entrenar el modelo: estas medidas no dicen nada de imágenes nuevas.",
    },
    "caught": {"en": "Speaks against it", "es": "En su contra"},
    "none-caught": {
        "en": "No shortcut was caught on these images.",
        "es": "No se ha detectado ningún atajo en estas imágenes.",
    },
    "overall": {"en": "Over all", "es": "En conjunto"},
    "groups": {"en": "By group", "es": "Por grupos"},
    "groups-said": {
        "en": "Value and 95 % interval (Fairlearn, {draws} bootstrap resamples); p from {shuffles} permutations, corrected for all comparisons after Holm. Grey: fewer than 20 images, too few to say anything.",
        "es": "Valor e intervalo del 95 % (Fairlearn, {draws} remuestreos); p de {shuffles} permutaciones, corregido por Holm para todas las comparaciones. En gris: menos de 20 imágenes, demasiado pocas.",
    },
    "shortcuts": {"en": "Shortcuts", "es": "Atajos"},
    "baseline": {
        "en": "{what} with an AUROC of {value} ({low} to {high}); cross-validated.",
        "es": "{what} con un AUROC de {value} ({low} a {high}); con validación cruzada.",
    },
    "change": {
        "en": "{what} moves the answer by {move} (median) and flips {flips} of {n}, of the {sure_n} with 0.70 or more {sure}.",
        "es": "{what} cambia la respuesta en {move} (mediana) e invierte {flips} de {n}; de las {sure_n} con 0,70 o más, {sure}.",
    },
    "lesion": {
        "en": "{what} leaves the answer as it was (moved by less than 0.10) in {bad} of {n}; it moves by {move} (median).",
        "es": "{what} deja la respuesta igual (menos de 0,10) en {bad} de {n}; cambia {move} (mediana).",
    },
    "steps": {"en": "{what}: flips {flips}.", "es": "{what}: invierte {flips}."},
    "step": {"en": "{flips} of {n} at {amount}", "es": "{flips} de {n} con {amount}"},
    "steps-title": {"en": "In steps", "es": "Por pasos"},
    "steps-said": {
        "en": "Share of answers that flip, with 95 % intervals, from the one end to the other.",
        "es": "Parte de las respuestas que se invierten, con intervalos del 95 %, de un extremo a otro.",
    },
    "evidence": {
        "en": "Where the evidence lies: lesion, rest of the liver, rest of the scan, outside (Grad-CAM++; contribution)",
        "es": "Dónde está la evidencia: lesión, resto del hígado, resto de la imagen, fuera (Grad-CAM++; contribución)",
    },
    "versus": {"en": "Against {model}", "es": "Frente a {model}"},
    "versus-said": {
        "en": "Only this one is right in {ours} images, only the other in {theirs} (McNemar, exact: p {p}). Differences, this less the other, paired:",
        "es": "Solo este acierta en {ours} imágenes, solo el otro en {theirs} (McNemar exacto: p {p}). Diferencias pareadas, este menos el otro:",
    },
    "understood": {
        "en": "What was understood of the table",
        "es": "Qué se ha entendido de la tabla",
    },
    "not-read": {"en": "Not read", "es": "No leídas"},
    "for-card": {"en": "For the model card", "es": "Para la ficha del modelo"},
    "metric": {"en": "figure", "es": "medida"},
    "under": {"en": "under {p}", "es": "menos de {p}"},
    "value": {"en": "value", "es": "valor"},
}


def say(key: str, language: str, **values: object) -> str:
    """A sentence of the document by its key, filled in."""
    return words.pick(_TEXT[key], language).format(**values)


def number(value: float | None, language: str, digits: int = 2) -> str:
    """A number as it is printed: with a true minus, and a dash where it is not known."""
    if value is None:
        return "–"
    return words.number(value, language, digits).replace("-", "−")


def interval(figure: FigureRow, language: str) -> str:
    """A figure with its interval: 0.81 (0.79 – 0.83)."""
    return Figure.from_dict(figure).text(between=" – ", write=lambda value: number(value, language))


def chance(p: float, language: str) -> str:
    """A p-value: 0.012, or "under 0.001"."""
    if p >= 0.001:
        return number(p, language, 3)
    return say("under", language, p=number(0.001, language, 3))


def metric(name: str, language: str) -> str:
    """A metric, in words."""
    return words.named(_METRICS, name, language)


def column(name: str, language: str) -> str:
    """What groups are made of, in words; a user's own column by its name."""
    return words.named(_COLUMNS, name, language)


def group(name: str, language: str) -> str:
    """A group, in words; one of a user's own column by its name."""
    return words.named(_GROUPS, name, language)


def comparable(groups: Sequence[GroupRow]) -> bool:
    """Whether any two groups hold enough images to be compared."""
    return any(row["p"] is not None for row in groups)


def worst_said(worst: GroupRow | None, groups: Sequence[GroupRow], language: str) -> str:
    """The worst of some groups, in words; or that none stands out, or that none can be told."""
    if worst is None or worst["p"] is None:
        if comparable(groups):
            return say("no-worst", language)
        return say("cannot-tell", language, least=SMALL, half=SMALL // 2)
    return say(
        "worst",
        language,
        column=column(worst["column"], language),
        group=group(worst["group"], language),
        metric=metric(worst["metric"], language),
        n=worst["n"],
        value=number(worst["value"], language),
        low=number(worst["low"], language),
        high=number(worst["high"], language),
        rest=number(worst["rest"], language),
        p=chance(worst["p"], language),
    )


def line(shortcut: Shortcut, about: About, language: str) -> str:
    """A shortcut, in words."""
    if shortcut["kind"] == "baseline":
        text = _baseline(shortcut, about["positive"], language)
    elif shortcut["kind"] == "steps":
        text = _steps(shortcut, language)
    else:
        text = _change(shortcut, language)
    return text[:1].upper() + text[1:]


def _baseline(shortcut: Baseline, positive: str, language: str) -> str:
    what = words.named(_BASELINES, shortcut["name"], language).format(positive=positive)
    return say(
        "baseline",
        language,
        what=what,
        value=number(shortcut["value"], language),
        low=number(shortcut["low"], language),
        high=number(shortcut["high"], language),
    )


def _steps(shortcut: Steps, language: str) -> str:
    flips = ", ".join(
        say("step", language, flips=step["flips"], n=step["n"], amount=amount(step, language))
        for step in shortcut["steps"]
    )
    return say("steps", language, what=ladder(shortcut, language), flips=flips)


def ladder(shortcut: Steps, language: str) -> str:
    """What is changed in steps, in words."""
    return words.named(words.STEPS, shortcut["name"], language)


def amount(step: Step, language: str) -> str:
    """How much was changed in a step, without needless zeros."""
    digits = 0 if step["amount"] == int(step["amount"]) else 3
    text = number(step["amount"], language, digits)
    return text.rstrip("0") if digits else text


def _change(shortcut: Change, language: str) -> str:
    return say(
        "lesion" if shortcut["name"] == "lesion" else "change",
        language,
        what=words.change(shortcut["name"], language),
        move=number(shortcut["median_move"], language),
        flips=shortcut["flips"],
        sure=shortcut["sure_flips"],
        sure_n=shortcut["sure_n"],
        bad=round((shortcut["value"] or 0) * shortcut["n"]),
        n=shortcut["n"],
    )
