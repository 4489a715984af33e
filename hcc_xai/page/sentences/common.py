"""What every tab says, and what stands around them."""

from __future__ import annotations

# ruff: noqa: E501  (sentences, kept whole)
SENTENCES = {
    "analyze": {"en": "Analyze", "es": "Analizar"},
    "explain": {"en": "Explain", "es": "Explicar"},
    "batch": {"en": "Batch", "es": "Lote"},
    "audit": {"en": "Audit", "es": "Auditoría"},
    "model": {"en": "Model", "es": "Modelo"},
    "lesion": {"en": "lesion", "es": "lesión"},
    "organ": {"en": "organ", "es": "órgano"},
    "picture-kind": {"en": "Kind of picture", "es": "Tipo de imagen"},
    "heatmap": {"en": "heatmap", "es": "mapa de calor"},
    "show": {"en": "Show", "es": "Mostrar"},
    "opacity": {"en": "Heatmap opacity", "es": "Opacidad del mapa"},
    "class": {"en": "Evidence for", "es": "Evidencia de"},
    "map": {"en": "Map", "es": "Mapa"},
    "contribution": {"en": "contribution", "es": "contribución"},
    "colours": {"en": "Colours", "es": "Colores"},
    "the-answer": {"en": "the answer", "es": "la respuesta"},
    "confidence": {"en": "confidence", "es": "confianza"},
    "lesions": {"en": "Lesions", "es": "Lesiones"},
    "note": {"en": "note", "es": "aviso"},
    "explain-stop": {"en": "Stop", "es": "Detener"},
    "stopped-by-you": {"en": "Stopped.", "es": "Detenido."},
    "time-left": {"en": "about {seconds} s left", "es": "quedan unos {seconds} s"},
    "ok": {"en": "in order", "es": "correcto"},
    "mind": {"en": "take note", "es": "atención"},
    "yes": {"en": "yes", "es": "sí"},
    "no": {"en": "no", "es": "no"},
    "gone": {
        "en": "This answer was put away to save memory; drop the picture again.",
        "es": "Esta respuesta se descartó para ahorrar memoria; vuelva a soltar la imagen.",
    },
    "failed": {
        "en": "Something went wrong inside the program, not with your picture; try again.",
        "es": "Algo ha fallado en el programa, no en su imagen; inténtelo de nuevo.",
    },
    "upload-failed": {
        "en": "The file could not be sent; check its size and name, and that the program still runs.",
        "es": "No se ha podido enviar el archivo; compruebe su tamaño y nombre, y que el programa sigue activo.",
    },
    "file-error": {"en": "Not analyzed.", "es": "No analizada."},
    "too-large": {
        "en": "This file is too large: at most {limit} MB are read.",
        "es": "El archivo es demasiado grande: se leen como máximo {limit} MB.",
    },
    "device": {
        "en": "Research software, not a medical device.",
        "es": "Programa de investigación; no es un producto sanitario.",
    },
    "stays": {
        "en": "Nothing leaves this computer; nothing is kept.",
        "es": "Nada sale de este equipo y nada se guarda.",
    },
    "shared": {
        "en": "This page runs on a shared server: send no patient's picture. Nothing is kept.",
        "es": "Esta página funciona en un servidor compartido: no envíe imágenes de pacientes. Nada se guarda.",
    },
}
