"""The tab "Batch"."""

from __future__ import annotations

# ruff: noqa: E501  (sentences, kept whole)
SENTENCES = {
    "batch-intro": {
        "en": "Many files at once: pictures, ZIP archives, DICOM with all frames of its loops, or a whole folder. What cannot be read becomes a row that says why.",
        "es": "Muchos archivos a la vez: imágenes, ZIP, DICOM con todos los fotogramas de sus bucles o una carpeta entera. Lo que no se pueda leer será una fila que dice por qué.",
    },
    "batch-files": {"en": "Choose files", "es": "Elegir archivos"},
    "batch-folder": {"en": "Choose a folder", "es": "Elegir una carpeta"},
    "batch-open": {"en": "Open on “Analyze”", "es": "Abrir en «Analizar»"},
    "batch-going": {"en": "{done} of {files} files", "es": "{done} de {files} archivos"},
    "batch-done": {
        "en": "{rows} pictures of {files} files answered in {seconds} s; {failed} files not read, {stopped} pictures stopped.",
        "es": "{rows} imágenes de {files} archivos analizadas en {seconds} s; {failed} archivos no leídos, {stopped} imágenes detenidas.",
    },
    "batch-most": {
        "en": "The first {shown} are shown; all are in the table and the ZIP.",
        "es": "Se muestran las primeras {shown}; todas están en la tabla y el ZIP.",
    },
    "batch-without": {
        "en": "Stopped; {count} pictures are shown without this map.",
        "es": "Detenido; {count} imágenes se muestran sin este mapa.",
    },
    "view": {"en": "View", "es": "Vista"},
    "view-grid": {"en": "grid", "es": "cuadrícula"},
    "view-one": {"en": "one large (← →)", "es": "una grande (← →)"},
    "sort": {"en": "Sort by", "es": "Ordenar por"},
    "sort-file": {"en": "file", "es": "archivo"},
    "sort-probability": {"en": "most probably positive", "es": "más probablemente positiva"},
    "sort-size": {"en": "largest lesion", "es": "lesión mayor"},
    "sort-sure": {"en": "least sure", "es": "menos segura"},
    "only": {"en": "Show only", "es": "Mostrar solo"},
    "only-all": {"en": "(all)", "es": "(todas)"},
    "only-flagged": {"en": "with a warning", "es": "con aviso"},
    "only-lesion": {"en": "with a lesion", "es": "con lesión"},
    "col-kind": {"en": "kind", "es": "tipo"},
    "only-stopped": {"en": "stopped", "es": "detenidas"},
    "col-file": {"en": "file", "es": "archivo"},
    "col-answer": {"en": "answer", "es": "respuesta"},
}
