"""Every sentence that an answer says, in English and Spanish; written for each language, not
translated.

A language that lacks a sentence says it in English. What a kind of picture calls its things stands
in braces, like {a_picture} or {the_organ}; `kinds/nouns.py` lists those words.
"""

from __future__ import annotations

from collections.abc import Mapping

SENTENCES: Mapping[str, Mapping[str, str]] = {
    "uncalibrated": {
        "en": "The probabilities are raw: nobody has measured yet how often this network is right when it says so.",
        "es": "Las probabilidades no están calibradas: aún no se ha medido cuántas veces acierta la red con ellas.",
    },
    "kind-unchecked": {
        "en": "Nothing has checked that this is {a_picture}; the network answers about any picture.",
        "es": "No se ha comprobado que sea {a_picture}; la red responde ante cualquier imagen.",
    },
    "stale": {
        "en": "{file} was made for other weights and is not used.",
        "es": "{file} corresponde a otros pesos y no se utiliza.",
    },
    "no-organ": {
        "en": "Hardly any {organ} was found in this picture, so the answer may mean nothing.",
        "es": "Apenas se ha encontrado {organ} en la imagen, así que la respuesta puede carecer de sentido.",
    },
    "evidence-elsewhere": {
        "en": "Most of the evidence for this answer lies outside {the_organ}: do not rely on it.",
        "es": "La mayor parte de la evidencia de esta respuesta está fuera {of_organ}: no se fíe de ella.",
    },
    "elsewhere-alike": {
        "en": "Hiding as much elsewhere changes it nearly as much: this does not show what the answer rests on.",
        "es": "Ocultar otro tanto en otro lugar la cambia casi igual: esto no muestra en qué se basa la respuesta.",
    },
    "lesion-ignored": {
        "en": "Hiding {the_target} hardly changes the answer: it rests on something else.",
        "es": "Ocultar {the_target} apenas cambia la respuesta: se apoya en otra cosa.",
    },
    "second-opinion": {
        "en": "What was measured of {the_target} speaks for “{title}” ({chance}) instead, chiefly “{word}”.",
        "es": "Lo medido en {the_target} apunta más bien a «{title}» ({chance}), sobre todo «{word}».",
    },
    "outline-why": {
        "en": "{one_target} {lesion}: the network gives this place {chance} for {target}; what it rests on is shown.",
        "es": "{one_target} {lesion}: la red da a este punto {chance} de ser {target}; se muestra en qué se apoya.",
    },
    "outline-why-not": {
        "en": "No {target} here: the network gives this place {chance}, {below} below the {threshold} that it takes. Of what it weighs, {against} speaks against.",
        "es": "Aquí no hay {target}: la red da a este punto {chance}, {below} por debajo del {threshold} necesario. De lo que pondera, el {against} habla en contra.",
    },
    "outline-dropped": {
        "en": "The network gives this place {chance} for {target}, over the {threshold} that it takes, but the part was too small or too unsure to be called a {target}.",
        "es": "La red da a este punto {chance} de ser {target}, por encima del {threshold} necesario, pero la parte es demasiado pequeña o dudosa para llamarla {target}.",
    },
    "stopped": {
        "en": "This picture was stopped: it is unlike the {pictures} that the model knows.",
        "es": "Imagen detenida: no se parece a las {pictures} que el modelo conoce.",
    },
    "stopped-kind": {
        "en": "This picture was stopped: it looks like {kind}.",
        "es": "Imagen detenida: parece {kind}.",
    },
    "marked": {
        "en": "NOT A KNOWN {picture}",
        "es": "NO ES {a_picture} CONOCIDA",
    },
    "unusual": {
        "en": "It is unlike the {pictures} that the model was trained on: doubt the answer.",
        "es": "Es distinta de las {pictures} con que se entrenó el modelo: dude de la respuesta.",
    },
    "kind-stated": {
        "en": "A person said that this is {a_picture}; by itself it would have been taken for something else.",
        "es": "Una persona indicó que es {a_picture}; por sí sola se habría tomado por otra cosa.",
    },
    "calibrated-unlike": {
        "en": "Calibrated on pictures unlike this one; the number may be too high.",
        "es": "Calibrada con imágenes distintas de esta; el número puede ser demasiado alto.",
    },
    "let-through": {
        "en": "Let through by hand, though it is unlike the {pictures} that the model knows: do not rely on the answer.",
        "es": "Admitida a mano, aunque no se parece a las {pictures} que el modelo conoce: no se fíe de la respuesta.",
    },
    "trained-on": {
        "en": "The network was trained on this very image, or on a near copy: what it says here proves nothing.",
        "es": "La red se entrenó con esta misma imagen o con una casi igual: lo que dice aquí no prueba nada.",
    },
    "detector-spacing": {
        "en": "Sizes are those at the detector; in the patient things are smaller, and the file does not say by how much.",
        "es": "Los tamaños son los del detector; en el paciente son menores, y el archivo no dice cuánto.",
    },
    "magnification": {
        "en": "Sizes are those in the patient if the magnification of {times} that the file estimates is right.",
        "es": "Los tamaños son los del paciente si es correcta la ampliación de {times} que estima el archivo.",
    },
    "quality-dark": {
        "en": "The picture is very dark: what is weak in it may be missed.",
        "es": "La imagen es muy oscura: lo tenue puede pasar inadvertido.",
    },
    "quality-saturated": {
        "en": "Much of the picture is at full white: tissue cannot be told apart there.",
        "es": "Gran parte de la imagen está en blanco saturado: ahí no se distinguen los tejidos.",
    },
    "quality-blurred": {
        "en": "The picture is blurred: small lesions and edges may be missed.",
        "es": "La imagen está borrosa: pueden perderse lesiones pequeñas y bordes.",
    },
    "quality-small": {
        "en": "The picture is only a few pixels wide: sizes are rough and small lesions may be missed.",
        "es": "La imagen tiene muy pocos píxeles: los tamaños son aproximados y pueden perderse lesiones pequeñas.",
    },
    "quality-cut-off": {
        "en": "The scan is cut off at the edge of the picture: what lies beyond was not seen.",
        "es": "La imagen está recortada en el borde: lo que queda fuera no se ha visto.",
    },
    "quality-colour": {
        "en": "Colour Doppler is on: the network sees it as grey, which it was not trained on.",
        "es": "El Doppler color está activado: la red lo ve en gris y no se entrenó con él.",
    },
    "quality-caliper": {
        "en": "A caliper seems to be drawn into the picture: the network may take the mark for a sign.",
        "es": "Parece haber un cursor de medida sobre la imagen: la red puede tomarlo por un signo.",
    },
    "quality-text": {
        "en": "Text seems to be written into the picture: the network may take it for a sign.",
        "es": "Parece haber texto escrito sobre la imagen: la red puede tomarlo por un signo.",
    },
    "lirads-risk-unsaid": {
        "en": "US LI-RADS is meant for surveillance of people at risk of liver cancer: say whether this is such a study.",
        "es": "US LI-RADS es para el seguimiento de personas con riesgo de cáncer hepático: indique si es el caso.",
    },
    "lirads-not-at-risk": {
        "en": "US LI-RADS is meant only for surveillance of people at risk (cirrhosis, or chronic hepatitis B at raised risk) without known cancer.",
        "es": "US LI-RADS solo se aplica al seguimiento de personas con riesgo (cirrosis, o hepatitis B crónica de riesgo elevado) sin cáncer conocido.",
    },
    "lirads-stopped": {
        "en": "Not assessable: the model does not know this kind of picture.",
        "es": "No valorable: el modelo no conoce este tipo de imagen.",
    },
    "lirads-thrombus": {
        "en": "New thrombus in vein, as you say.",
        "es": "Trombo nuevo en vena, según usted.",
    },
    "lirads-nothing": {
        "en": "Nothing was outlined in this frame; look for yourself.",
        "es": "No se ha delineado nada en este fotograma; compruébelo usted.",
    },
    "lirads-benign": {
        "en": "All that was outlined is definitely benign, as you say.",
        "es": "Todo lo delineado es benigno con certeza, según usted.",
    },
    "lirads-no-mm": {
        "en": "Not assessable: without millimetres nobody can say what is under 10 mm. Give the spacing, or mark a known length.",
        "es": "No valorable: sin milímetros no se sabe qué mide menos de 10 mm. Indique la escala o marque una longitud conocida.",
    },
    "lirads-large": {
        "en": "An observation of {size} mm (10 or more) that is not definitely benign.",
        "es": "Una observación de {size} mm (10 o más) que no es benigna con certeza.",
    },
    "lirads-small": {
        "en": "An observation of {size} mm (under 10) that is not definitely benign.",
        "es": "Una observación de {size} mm (menos de 10) que no es benigna con certeza.",
    },
    "lirads-unsure": {
        "en": "Its outline is uncertain: {low} to {high} mm, on both sides of 10.",
        "es": "Su contorno es incierto: de {low} a {high} mm, a ambos lados de 10.",
    },
    "lirads-thrombus-unsaid": {
        "en": "New thrombus in a vein, of which you said nothing, would make it US-3.",
        "es": "Un trombo nuevo en una vena, del que no ha dicho nada, lo haría US-3.",
    },
    "lirads-visualization": {
        "en": "One frame cannot score a study; its visualization score is for you to give.",
        "es": "Un fotograma no basta para clasificar un estudio; la puntuación de visualización la da usted.",
    },
    "lirads-frame": {
        "en": "One frame cannot score a study.",
        "es": "Un fotograma no basta para clasificar un estudio.",
    },
    "no-lesion": {
        "en": "No {target} was outlined.",
        "es": "No se ha delineado {no_target}.",
    },
    "one-lesion": {
        "en": "1 {target}, {sizes}.",
        "es": "1 {target}, {sizes}.",
    },
    "lesions": {
        "en": "{count} {targets}; the largest {sizes}.",
        "es": "{count} {targets}; {largest}, {sizes}.",
    },
    "lesion-but-normal": {
        "en": "Yet the grade says that there is no {mass}: look for yourself.",
        "es": "Sin embargo, el grado dice que no hay {mass}: compruébelo usted.",
    },
    "mass-but-none": {
        "en": "The grade names one, yet no {mass} was outlined: look for yourself.",
        "es": "El grado la señala, pero no se ha delineado {no_mass}: compruébelo usted.",
    },
    "set": {
        "en": "It cannot be told apart from {others}.",
        "es": "No se puede distinguir de {others}.",
    },
    "empty-set": {
        "en": "None of the grades fits well: the model does not know.",
        "es": "Ningún grado encaja bien: el modelo no lo sabe.",
    },
    "also": {
        "en": "Also on it: {others}.",
        "es": "También aparece: {others}.",
    },
    "unsure-of": {
        "en": "It cannot rule out {others}.",
        "es": "No puede descartar {others}.",
    },
    "none-present": {
        "en": "None of the labels is more likely than not.",
        "es": "Ninguna etiqueta es más probable que improbable.",
    },
    "close": {
        "en": "{other} is close behind ({value}).",
        "es": "{other} queda cerca ({value}).",
    },
    "table-folders": {
        "en": "{n} files; their folders are their labels",
        "es": "{n} archivos; sus carpetas son sus etiquetas",
    },
    "table-file": {
        "en": "file: column “{column}”",
        "es": "archivo: columna «{column}»",
    },
    "table-label": {
        "en": "label: column “{column}”",
        "es": "etiqueta: columna «{column}»",
    },
    "table-mask": {
        "en": "mask: column “{column}”",
        "es": "máscara: columna «{column}»",
    },
    "table-groups": {
        "en": "groups from: {columns}",
        "es": "grupos según: {columns}",
    },
    "table-missing": {
        "en": "left out: {n} files that are not there",
        "es": "descartados: {n} archivos que no están",
    },
    "table-unknown": {
        "en": "left out: {n} labels that the model does not know (“{label}”)",
        "es": "descartadas: {n} etiquetas que el modelo no conoce («{label}»)",
    },
    "table-twice": {
        "en": "left out: {n} files named twice (the first counts)",
        "es": "descartados: {n} archivos repetidos (cuenta el primero)",
    },
    "kind-checked": {
        "en": "looks like {a_picture}",
        "es": "parece {a_picture}",
    },
    "calibrated": {
        "en": "Of answers with {percent}, about that share is right (calibrated).",
        "es": "De las respuestas con {percent}, acierta aproximadamente esa proporción (calibrada).",
    },
    "calibrated-elsewhere": {
        "en": "Calibrated on {picture} only; for this picture the number means nothing.",
        "es": "Calibrada solo con {pictures}; en esta imagen el número no significa nada.",
    },
    "shares": {
        "en": "{target_share} in {targets}, {organ_share} in the rest of {the_organ}, {elsewhere} elsewhere",
        "es": "{target_share} en {targets}, {organ_share} en el resto {of_organ}, {elsewhere} fuera",
    },
    "shares-target": {
        "en": "{target_share} in {targets}, {elsewhere} elsewhere",
        "es": "{target_share} en {targets}, {elsewhere} fuera",
    },
    "shares-organ": {
        "en": "{organ_share} in {the_organ}, {elsewhere} elsewhere",
        "es": "{organ_share} en {the_organ}, {elsewhere} fuera",
    },
    "no-evidence": {
        "en": "no evidence speaks for this answer",
        "es": "ninguna evidencia apoya esta respuesta",
    },
    "hidden": {
        "en": "hiding {the_targets}: {before} → {after}",
        "es": "al ocultar {the_targets}: {before} → {after}",
    },
    "hidden-elsewhere": {
        "en": "hiding as much elsewhere: {before} → {after}",
        "es": "al ocultar otro tanto: {before} → {after}",
    },
    "second-agrees": {
        "en": "What was measured of {the_target} speaks for the same ({chance}).",
        "es": "Lo medido en {the_target} apunta a lo mismo ({chance}).",
    },
    "answer": {
        "en": "{title}, {band} ({chance})",
        "es": "{title}, {band} ({chance})",
    },
    "lesion": {
        "en": "{one_target} {number}: {sizes}, confidence {chance}.",
        "es": "{one_target} {number}: {sizes}, confianza {chance}.",
    },
}
