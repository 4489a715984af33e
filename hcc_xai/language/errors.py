"""What went wrong, in the reader's language: a look-up by the error's key."""

from __future__ import annotations

from collections.abc import Mapping

from hcc_xai.errors import HccXaiError, Value
from hcc_xai.language.words import check_language

# By room: the error's key -> the sentence as a Spanish reader would write it, with the same values.
_IMAGING: dict[str, str] = {
    "file-cut-short": (
        "El archivo está incompleto: falta parte de la imagen; cópielo o expórtelo de nuevo."
    ),
    "file-damaged": (
        "El archivo está dañado o no es compatible; "
        "expórtelo de nuevo como PNG o DICOM sin comprimir."
    ),
    "file-too-large": "El archivo es demasiado grande: se leen como máximo {most} MB.",
    "file-too-large-inflated": "El archivo es demasiado grande: se leen como máximo {most} MB.",
    "file-not-there": "El archivo no existe.",
    "file-not-opened": "No se puede abrir el archivo; compruebe que tiene permiso para leerlo.",
    "file-is-folder": "Esto es una carpeta, no un archivo; elija un {formats} o DICOM.",
    "file-no-picture": "El archivo no es una imagen legible; elija un {formats} o DICOM.",
    "file-empty": "El archivo está vacío; elija un {formats} o DICOM.",
    "file-zip": "El archivo está comprimido (descomprímalo antes); elija un {formats} o DICOM.",
    "file-archive": "El archivo está comprimido (descomprímalo antes); elija un {formats} o DICOM.",
    "file-pdf": "El archivo es un documento PDF; elija un {formats} o DICOM.",
    "file-film": "El archivo es un vídeo o una imagen HEIC; elija un {formats} o DICOM.",
    "file-svg": "El archivo es un dibujo SVG; elija un {formats} o DICOM.",
    "file-text": "El archivo contiene texto; elija un {formats} o DICOM.",
    "dicom-no-picture": (
        "Este archivo DICOM no contiene ninguna imagen "
        "(puede ser un informe, un plan o un índice de carpeta)."
    ),
    "dicom-film": (
        "Este archivo DICOM contiene un vídeo (MPEG, H.264 o H.265); "
        "expórtelo como imágenes sueltas."
    ),
    "picture-one-shade": "La imagen es de un solo tono: no hay nada que ver en ella.",
    "picture-not-finite": "La imagen contiene valores que no son números (NaN o infinitos).",
    "picture-too-small": (
        "La imagen es demasiado pequeña ({width} × {height} píxeles): "
        "cada lado necesita al menos {least}."
    ),
    "picture-too-large": "La imagen es demasiado grande: se leen como máximo {most} megapíxeles.",
    "picture-too-large-unsized": (
        "La imagen es demasiado grande: se leen como máximo {most} megapíxeles."
    ),
    "frame-not-there": "La imagen no tiene el fotograma {frame}.",
    "frame-only-one": "La imagen no tiene el fotograma {frame}.",
    "frame-is-another": (
        "Esta imagen ya es el fotograma {own}; vuelva a leer su archivo para ver el {frame}."
    ),
    "source-kind": "Se espera una ruta, una matriz o una imagen ya leída; se ha recibido {got}.",
    "array-shape": "La matriz debe ser (H, W), (H, W, 3) o (H, W, 4); es {shape}.",
    "array-type": "La matriz debe ser de tipo bool, uint8, uint16 o float; es de tipo {got}.",
    "array-range": (
        "Una matriz de tipo float debe tener valores de 0 a 1; los tiene de {low:g} a {high:g}; "
        "reescálela o conviértala a uint8."
    ),
    "spacing-range": (
        "Un píxel debe medir más de 0 y como máximo {most:g} mm; se ha indicado {got}."
    ),
    "sector-empty": "No hay zona explorada en la imagen: debe tener al menos un píxel.",
    "sector-shape": (
        "La imagen mide {shape} y la máscara de su zona explorada {sector}; deben coincidir."
    ),
    "sector-picture-shape": (
        "Para buscar la zona explorada, la imagen debe ser (H, W) o (H, W, 3); es {shape}."
    ),
    "sector-picture-type": (
        "Para buscar la zona explorada, la imagen debe ser uint8, o float de 0 a 1; es {got}."
    ),
    "heat-opacity": "La opacidad del mapa de calor va de 0 a 1; se ha indicado {opacity}.",
    "heat-scale": "La escala del mapa de calor debe ser mayor que 0; se ha indicado {scale}.",
    "unknown-colour-map": "El mapa de color {got!r} no existe; los disponibles son: {known}.",
}
_FINDINGS: dict[str, str] = {
    "lesion-not-there": "La lesión {lesion} no existe; hay {count}.",
    "unknown-visualization-score": (
        "La puntuación de visualización {got!r} no existe; las posibles son: {known}."
    ),
}
_MODEL: dict[str, str] = {}
_EXPLAIN: dict[str, str] = {
    "unknown-method": "El método {got!r} no existe; los disponibles son: {known}.",
    "unknown-layer": "La capa {got!r} no existe; las disponibles son: {known}.",
}
_ANALYSIS: dict[str, str] = {
    "label-against-itself": (
        "Se ha pedido comparar el grado {label!r} consigo mismo; elija dos distintos."
    ),
    "no-outlines": "Este modelo no delinea nada que se pueda explicar.",
    "point-outside": "El punto ({row}, {col}) está fuera de la imagen.",
    "unknown-label": "El grado {got!r} no existe; los conocidos son: {known}.",
    "unknown-kind-of-map": "El tipo de mapa {got!r} no existe; los disponibles son: {known}.",
}
_BATCH: dict[str, str] = {
    "archive-bomb": "El archivo está comprimido más de {times} veces; por seguridad no se lee.",
    "archive-damaged": "El archivo comprimido está dañado; vuelva a comprimirlo.",
    "archive-encrypted": "El archivo está cifrado; vuelva a comprimirlo sin contraseña.",
    "archive-member-damaged": (
        "Este archivo está dañado dentro del comprimido; vuelva a comprimirlo."
    ),
    "archive-path": "Su ruta apunta fuera del archivo comprimido; no se lee.",
    "archive-too-large": "El archivo es demasiado grande: descomprimido supera los {most} MB.",
    "batch-link": "Es un enlace a otro archivo, y los enlaces no se siguen.",
    "batch-missing": "El archivo no existe.",
    "batch-nothing": "No hay ningún archivo en lo que se ha enviado.",
    "batch-too-large": "El archivo es demasiado grande: se leen como máximo {most} MB.",
    "batch-too-many": (
        "Solo se leen los primeros {most} archivos; analice los demás por separado."
    ),
    "batch-unreadable": "No se puede abrir el archivo; compruebe que tiene permiso para leerlo.",
}
_DATASET: dict[str, str] = {
    "data-outline-unreadable": "{path} no existe o no es una imagen.",
}
_TRAINING: dict[str, str] = {}
_EVALUATION: dict[str, str] = {}
_AUDITING: dict[str, str] = {
    "audit-table-missing": "No se encuentra {path}.",
    "audit-table-no-index": (
        "En {path} no hay ni un index.csv ni una carpeta con el nombre de una etiqueta ({labels})."
    ),
    "audit-table-not-utf-8": "{name} no es un CSV en UTF-8.",
    "audit-table-no-file": (
        "{name} no tiene columna con el archivo (se ha buscado {wanted}); columnas que tiene: "
        "{columns_es}."
    ),
    "audit-table-no-label": (
        "{name} no tiene columna con la etiqueta (se ha buscado {wanted}); columnas que tiene: "
        "{columns_es}."
    ),
    "audit-table-no-row": "{name}: no se puede usar ninguna fila; {why_es}.",
    "audit-unknown-column": "No hay ninguna columna {columns}; las que hay son {known}.",
    "audit-other-labels": "El otro modelo tiene otras etiquetas; no se pueden comparar.",
    "audit-nothing-read": "No se ha podido leer ninguna imagen: {why_es}",
    "audit-mask-unreadable": "no se puede leer la máscara {name}.",
    "audit-mask-size": "la máscara {name} mide {got} y su imagen {wanted}.",
}
_PAGE: dict[str, str] = {
    "api-no-file": "No se ha enviado ningún archivo; el primer parámetro es un archivo.",
    "api-no-files": (
        "No se ha enviado ningún archivo; el primer parámetro es una lista de archivos."
    ),
    "audit-many-tables": "Se necesita una sola tabla; hay {count} archivos CSV.",
    "audit-no-files": "Elija imágenes y una tabla (CSV), o un ZIP que contenga ambas.",
    "place-unread": "«{typed}» no es un punto; escriba fila y columna, como 120, 200.",
    "unknown-bundle": "El modelo {got!r} no existe; los disponibles son: {known}.",
}
SPANISH: dict[str, str] = {
    **_IMAGING,
    **_FINDINGS,
    **_MODEL,
    **_EXPLAIN,
    **_ANALYSIS,
    **_BATCH,
    **_DATASET,
    **_TRAINING,
    **_EVALUATION,
    **_AUDITING,
    **_PAGE,
}


def say(error: HccXaiError, language: str) -> str:
    """An error in a language, one sentence."""
    return said(error.key, str(error), error.values, language)


def said(key: str, english: str, values: Mapping[str, Value], language: str) -> str:
    """The same of an error that was written down: its key, its English sentence and its values.

    A sentence that has no Spanish yet is given in English, and says so.
    """
    if check_language(language) == "en":
        return english
    if key in SPANISH:
        return SPANISH[key].format(**values)
    return f"No se ha podido hacer. Motivo, en inglés: {english}"
