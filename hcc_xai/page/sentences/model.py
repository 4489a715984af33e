"""The tab "Model"."""

from __future__ import annotations

SENTENCES = {
    "fact-name": {"en": "Bundle", "es": "Modelo"},
    "fact-labels": {"en": "Grades", "es": "Grados"},
    "fact-trunk": {"en": "Network", "es": "Red"},
    "fact-input": {"en": "Input", "es": "Entrada"},
    "fact-bands": {"en": "Colours from", "es": "Colores desde"},
    "fact-masks": {"en": "Mask thresholds", "es": "Umbrales de máscara"},
    "fact-training": {"en": "Training", "es": "Entrenamiento"},
    "fact-licence": {"en": "Licence", "es": "Licencia"},
    "fact-calibrated": {"en": "Calibrated", "es": "Calibrado"},
    "fact-gate": {"en": "Checks the kind of image", "es": "Comprueba el tipo de imagen"},
    "facts": {"en": "What is loaded", "es": "Qué está cargado"},
    "card": {
        "en": "Model card (in its author's words)",
        "es": "Ficha del modelo (en palabras de su autor)",
    },
}
