"""Further questions on the tab "Explain"."""

from __future__ import annotations

# ruff: noqa: E501  (sentences, kept whole)
SENTENCES = {
    "ask-title": {"en": "Ask further", "es": "Preguntar más"},
    "ask-follow": {"en": "What does it follow?", "es": "¿A qué atiende?"},
    "ask-mind": {"en": "What would change its mind?", "es": "¿Qué la haría cambiar?"},
    "ask-outline": {"en": "Why is this outlined, or not?", "es": "¿Por qué se delinea, o no?"},
    "ask-place": {"en": "or type a place: row, column", "es": "o escriba un punto: fila, columna"},
    "ask-click": {
        "en": "Click a lesion to see what its outline rests on, or any other place to see why nothing is outlined there.",
        "es": "Pulse una lesión para ver en qué se apoya su contorno, o cualquier otro punto para ver por qué no se delinea nada.",
    },
    "ask-outside": {
        "en": "This place lies outside the scan.",
        "es": "Ese punto está fuera de la imagen.",
    },
    "ask-no-place": {
        "en": "“{place}” is no place; write row and column, like 120, 200.",
        "es": "«{place}» no es un punto; escriba fila y columna, como 120, 200.",
    },
    "ask-rests": {"en": "Seg-Grad-CAM; brighter: more.", "es": "Seg-Grad-CAM; más claro: más."},
    "ask-signed": {
        "en": "Red speaks for a lesion there, blue against (Seg-HiRes-CAM).",
        "es": "Rojo habla a favor de una lesión ahí; azul, en contra (Seg-HiRes-CAM).",
    },
    "follow-good": {
        "en": "“{title}” follows the lesion: no change of anything else overturned it.",
        "es": "«{title}» atiende a la lesión: ningún otro cambio la invirtió.",
    },
    "follow-bad": {
        "en": "{count} of {of} changes speak against “{title}”: it follows more than the lesion.",
        "es": "{count} de {of} cambios hablan en contra de «{title}»: atiende a algo más que la lesión.",
    },
    "mind-one": {
        "en": "Painting over one region ({share} of the scan) changes “{title}” from {before} to {after}; the answer becomes “{other}”.",
        "es": "Al tapar una región ({share} de la imagen), «{title}» pasa de {before} a {after}; la respuesta es «{other}».",
    },
    "mind-changes": {
        "en": "Painting over {count} regions ({share} of the scan) changes “{title}” from {before} to {after}; the answer becomes “{other}”.",
        "es": "Al tapar {count} regiones ({share} de la imagen), «{title}» pasa de {before} a {after}; la respuesta es «{other}».",
    },
    "mind-stays": {
        "en": "Not even painting over the {count} strongest regions ({share} of the scan) changes the answer: “{title}” goes from {before} to {after}.",
        "es": "Ni tapando las {count} regiones más fuertes ({share} de la imagen) cambia la respuesta: «{title}» pasa de {before} a {after}.",
    },
    "mind-exact": {
        "en": "No smaller set of regions does.",
        "es": "Ningún conjunto menor de regiones lo logra.",
    },
    "mind-rough": {
        "en": "None of them can be given back; a smaller set may exist.",
        "es": "No sobra ninguna; puede existir un conjunto menor.",
    },
    "nearest": {
        "en": "Nearest training images, by what the network saw (1: as near as training images are to each other; the images themselves are not kept):",
        "es": "Imágenes de entrenamiento más cercanas según lo que vio la red (1: tan cerca como lo están entre sí; las imágenes no se guardan):",
    },
    "nearest-same": {
        "en": "This very image was trained on: the answer says nothing about how it does on new ones.",
        "es": "El modelo se entrenó con esta misma imagen: la respuesta no dice cómo acierta con otras nuevas.",
    },
}
