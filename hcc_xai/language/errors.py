"""What went wrong, in the reader's language: a look-up by the error's key."""

from __future__ import annotations

from collections.abc import Mapping

from hcc_xai.errors import HccXaiError, Value
from hcc_xai.language.words import check_language

# By room: the error's key -> the sentence as a Spanish reader would write it, with the same values.
_IMAGING: dict[str, str] = {}
_MODEL: dict[str, str] = {}
_EXPLAIN: dict[str, str] = {}
_ANALYSIS: dict[str, str] = {}
_BATCH: dict[str, str] = {}
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
_PAGE: dict[str, str] = {}
SPANISH: dict[str, str] = {
    **_IMAGING,
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
