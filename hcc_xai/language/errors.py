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
_DATASET: dict[str, str] = {}
_TRAINING: dict[str, str] = {}
_EVALUATION: dict[str, str] = {}
_AUDITING: dict[str, str] = {}
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
