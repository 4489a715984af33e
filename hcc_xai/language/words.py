"""Every sentence that an answer says, in English and Spanish; written for each language, not
translated.

Kept apart from the page because the same words stand in the JSON, on the command line and in
reports.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hcc_xai.errors import unknown

LANGUAGES = ("en", "es")

BANDS = {
    "green": {"en": "sure", "es": "seguro"},
    "amber": {"en": "fairly sure", "es": "bastante seguro"},
    "red": {"en": "not sure", "es": "poco seguro"},
}

_SAY: dict[str, tuple[str, str]] = {
    "uncalibrated": (
        "The probabilities are raw: nobody has measured yet how often this network is right when it says so.",
        "Las probabilidades no están calibradas: aún no se ha medido cuántas veces acierta la red con ellas.",
    ),
    "kind-unchecked": (
        "Nothing has checked that this is a liver ultrasound; the network answers about any picture.",
        "No se ha comprobado que sea una ecografía hepática; la red responde ante cualquier imagen.",
    ),
    "stale": (
        "{file} was made for other weights and is not used.",
        "{file} corresponde a otros pesos y no se utiliza.",
    ),
    "no-liver": (
        "Hardly any liver was found in this picture, so the answer may mean nothing.",
        "Apenas se ha encontrado hígado en la imagen, así que la respuesta puede carecer de sentido.",
    ),
    "evidence-elsewhere": (
        "Most of the evidence for this answer lies outside the liver: do not rely on it.",
        "La mayor parte de la evidencia de esta respuesta está fuera del hígado: no se fíe de ella.",
    ),
    "lesion-ignored": (
        "Hiding the lesion hardly changes the answer: it rests on something else.",
        "Ocultar la lesión apenas cambia la respuesta: se apoya en otra cosa.",
    ),
    "second-opinion": (
        "What was measured of the lesion speaks for “{title}” ({chance}) instead, chiefly “{word}”.",
        "Lo medido en la lesión apunta más bien a «{title}» ({chance}), sobre todo «{word}».",
    ),
    "outline-why": (
        "Lesion {lesion}: the network gives this place {chance} for lesion; what it rests on is shown.",
        "Lesión {lesion}: la red da a este punto {chance} de ser lesión; se muestra en qué se apoya.",
    ),
    "outline-why-not": (
        "No lesion here: the network gives this place {chance}, {below} below the {threshold} that it takes. Of what it weighs, {against} speaks against.",
        "Aquí no hay lesión: la red da a este punto {chance}, {below} por debajo del {threshold} necesario. De lo que pondera, el {against} habla en contra.",
    ),
    "outline-dropped": (
        "The network gives this place {chance} for lesion, over the {threshold} that it takes, but the part was too small or too unsure to be called a lesion.",
        "La red da a este punto {chance} de ser lesión, por encima del {threshold} necesario, pero la parte es demasiado pequeña o dudosa para llamarla lesión.",
    ),
    "stopped": (
        "This picture was stopped: it is unlike the liver ultrasound images that the model knows.",
        "Imagen detenida: no se parece a las ecografías hepáticas que el modelo conoce.",
    ),
    "stopped-kind": (
        "This picture was stopped: it looks like {kind}.",
        "Imagen detenida: parece {kind}.",
    ),
    "marked": ("NOT A KNOWN LIVER ULTRASOUND", "NO ES UNA ECOGRAFIA HEPATICA CONOCIDA"),
    "let-through": (
        "Let through by hand, though it is unlike the liver ultrasound images that the model knows: do not rely on the answer.",
        "Admitida a mano, aunque no se parece a las ecografías hepáticas que el modelo conoce: no se fíe de la respuesta.",
    ),
    "quality-dark": (
        "The scan is very dark: what is weak in it may be missed.",
        "La imagen es muy oscura: lo tenue puede pasar inadvertido.",
    ),
    "quality-saturated": (
        "Much of the scan is at full white: the gain was too high to tell tissue apart.",
        "Gran parte de la imagen está en blanco saturado: la ganancia impide distinguir tejidos.",
    ),
    "quality-blurred": (
        "The scan is blurred: small lesions and edges may be missed.",
        "La imagen está borrosa: pueden perderse lesiones pequeñas y bordes.",
    ),
    "quality-small": (
        "The scan is only a few pixels wide: sizes are rough and small lesions may be missed.",
        "La imagen tiene muy pocos píxeles: los tamaños son aproximados y pueden perderse lesiones pequeñas.",
    ),
    "quality-cut-off": (
        "The scan is cut off at the edge of the picture: what lies beyond was not seen.",
        "La imagen está recortada en el borde: lo que queda fuera no se ha visto.",
    ),
    "quality-colour": (
        "Colour Doppler is on: the network sees it as grey, which it was not trained on.",
        "El Doppler color está activado: la red lo ve en gris y no se entrenó con él.",
    ),
    "quality-caliper": (
        "A caliper seems to be drawn into the scan: the network may take the mark for a sign.",
        "Parece haber un cursor de medida sobre la imagen: la red puede tomarlo por un signo.",
    ),
    "quality-text": (
        "Text seems to be written into the scan: the network may take it for a sign.",
        "Parece haber texto escrito sobre la imagen: la red puede tomarlo por un signo.",
    ),
    "lirads-risk-unsaid": (
        "US LI-RADS is meant for surveillance of people at risk of liver cancer: say whether this is such a study.",
        "US LI-RADS es para el seguimiento de personas con riesgo de cáncer hepático: indique si es el caso.",
    ),
    "lirads-not-at-risk": (
        "US LI-RADS is meant only for surveillance of people at risk (cirrhosis, or chronic hepatitis B at raised risk) without known cancer.",
        "US LI-RADS solo se aplica al seguimiento de personas con riesgo (cirrosis, o hepatitis B crónica de riesgo elevado) sin cáncer conocido.",
    ),
    "lirads-stopped": (
        "Not assessable: the model does not know this kind of picture.",
        "No valorable: el modelo no conoce este tipo de imagen.",
    ),
    "lirads-thrombus": ("New thrombus in vein, as you say.", "Trombo nuevo en vena, según usted."),
    "lirads-nothing": (
        "Nothing was outlined in this frame; look for yourself.",
        "No se ha delineado nada en este fotograma; compruébelo usted.",
    ),
    "lirads-benign": (
        "All that was outlined is definitely benign, as you say.",
        "Todo lo delineado es benigno con certeza, según usted.",
    ),
    "lirads-no-mm": (
        "Not assessable: without millimetres nobody can say what is under 10 mm. Give the spacing, or mark a known length.",
        "No valorable: sin milímetros no se sabe qué mide menos de 10 mm. Indique la escala o marque una longitud conocida.",
    ),
    "lirads-large": (
        "An observation of {size} mm (10 or more) that is not definitely benign.",
        "Una observación de {size} mm (10 o más) que no es benigna con certeza.",
    ),
    "lirads-small": (
        "An observation of {size} mm (under 10) that is not definitely benign.",
        "Una observación de {size} mm (menos de 10) que no es benigna con certeza.",
    ),
    "lirads-unsure": (
        "Its outline is uncertain: {low} to {high} mm, on both sides of 10.",
        "Su contorno es incierto: de {low} a {high} mm, a ambos lados de 10.",
    ),
    "lirads-thrombus-unsaid": (
        "New thrombus in a vein, of which you said nothing, would make it US-3.",
        "Un trombo nuevo en una vena, del que no ha dicho nada, lo haría US-3.",
    ),
    "lirads-visualization": (
        "One frame cannot score a study; its visualization score is for you to give.",
        "Un fotograma no basta para clasificar un estudio; la puntuación de visualización la da usted.",
    ),
    "lirads-frame": (
        "One frame cannot score a study.",
        "Un fotograma no basta para clasificar un estudio.",
    ),
    "no-lesion": ("No lesion was outlined.", "No se ha delineado ninguna lesión."),
    "one-lesion": ("1 lesion, {sizes}.", "1 lesión, {sizes}."),
    "lesions": ("{count} lesions; the largest {sizes}.", "{count} lesiones; la mayor, {sizes}."),
    "lesion-but-normal": (
        "Yet the grade says that there is no mass: look for yourself.",
        "Sin embargo, el grado dice que no hay masa: compruébelo usted.",
    ),
    "mass-but-none": (
        "Yet no mass was outlined: look for yourself.",
        "Sin embargo, no se ha delineado ninguna masa: compruébelo usted.",
    ),
    "set": ("It cannot be told apart from {others}.", "No se puede distinguir de {others}."),
    "empty-set": (
        "None of the grades fits well: the model does not know.",
        "Ningún grado encaja bien: el modelo no lo sabe.",
    ),
    "close": ("{other} is close behind ({value}).", "{other} queda cerca ({value})."),
    "table-folders": (
        "{n} files; their folders are their labels",
        "{n} archivos; sus carpetas son sus etiquetas",
    ),
    "table-file": ("file: column “{column}”", "archivo: columna «{column}»"),
    "table-label": ("label: column “{column}”", "etiqueta: columna «{column}»"),
    "table-mask": ("mask: column “{column}”", "máscara: columna «{column}»"),
    "table-groups": ("groups from: {columns}", "grupos según: {columns}"),
    "table-missing": (
        "left out: {n} files that are not there",
        "descartados: {n} archivos que no están",
    ),
    "table-unknown": (
        "left out: {n} labels that the model does not know (“{label}”)",
        "descartadas: {n} etiquetas que el modelo no conoce («{label}»)",
    ),
    "table-twice": (
        "left out: {n} files named twice (the first counts)",
        "descartados: {n} archivos repetidos (cuenta el primero)",
    ),
}


# What a picture may be instead, by the gate's names.
KINDS = {
    "breast-ultrasound": {"en": "an ultrasound of the breast", "es": "una ecografía de mama"},
    "thyroid-ultrasound": {"en": "an ultrasound of the thyroid", "es": "una ecografía de tiroides"},
    "fetal-ultrasound": {"en": "an ultrasound of a fetus", "es": "una ecografía fetal"},
    "heart-ultrasound": {"en": "an ultrasound of the heart", "es": "una ecocardiografía"},
    "lung-ultrasound": {"en": "an ultrasound of the lung", "es": "una ecografía pulmonar"},
    "brain-mri": {"en": "an MRI of the brain", "es": "una resonancia cerebral"},
    "chest-x-ray": {"en": "a chest X-ray", "es": "una radiografía de tórax"},
    "limb-x-ray": {"en": "an X-ray of a limb", "es": "una radiografía de una extremidad"},
    "mammogram": {"en": "a mammogram", "es": "una mamografía"},
    "photograph": {"en": "a photograph", "es": "una fotografía"},
    "screenshot": {"en": "a screenshot", "es": "una captura de pantalla"},
}


# Words of a description (`describe`), in Spanish; in English they are themselves.
TERMS = {
    "anechoic": "anecoica",
    "hypoechoic": "hipoecoica",
    "isoechoic": "isoecoica",
    "hyperechoic": "hiperecoica",
    "homogeneous": "homogénea",
    "heterogeneous": "heterogénea",
    "well-defined": "bien definida",
    "ill-defined": "mal definida",
    "halo": "con halo",
    "no halo": "sin halo",
    "round": "redonda",
    "oval": "ovalada",
    "lobulated": "lobulada",
    "posterior enhancement": "refuerzo posterior",
    "posterior shadow": "sombra posterior",
    "no posterior change": "sin cambio posterior",
    "subcapsular": "subcapsular",
    "deep": "profunda",
    "at a vessel": "junto a un vaso",
    "away from vessels": "lejos de vasos",
}


def named(names: Mapping[str, tuple[str, str]], key: str, language: str) -> str:
    """A name in the reader's language; the key itself where there is none."""
    return names.get(key, (key, key))[LANGUAGES.index(check_language(language))]


# What is changed in a picture to see what the answer follows (`shortcuts`).
CHANGES = {
    "lesion": ("the lesion painted over", "la lesión tapada"),
    "all-but-lesion": ("all but the lesion painted over", "todo tapado salvo la lesión"),
    "elsewhere": ("as much painted over elsewhere", "otro tanto tapado en otra parte"),
    "flipped": ("mirrored", "en espejo"),
    "outside": (
        "everything outside the sector replaced",
        "todo lo de fuera del sector, sustituido",
    ),
    "text": ("a text written into a corner", "un texto escrito en una esquina"),
    "body-mark": ("a body mark drawn into it", "un pictograma dibujado en ella"),
    "calipers": ("calipers set on the lesion", "cursores puestos en la lesión"),
    "unmarked": ("drawn marks painted over", "marcas dibujadas, tapadas"),
    "slope-up": ("brighter in depth", "más clara en profundidad"),
    "slope-down": ("darker in depth", "más oscura en profundidad"),
    "gain-up": ("more gain", "más ganancia"),
    "gain-down": ("less gain", "menos ganancia"),
    "finer": ("finer speckle around the lesion", "moteado más fino en torno a la lesión"),
    "coarser": ("coarser speckle around the lesion", "moteado más grueso en torno a la lesión"),
    "blurred": ("a little blurred", "algo borrosa"),
    "compressed": ("strongly compressed (JPEG)", "muy comprimida (JPEG)"),
}


# What is moved in steps (`shortcuts.STEPS`), and what its amount is.
STEPS = {
    "gain": ("gain (share of the grey scale)", "ganancia (parte de la escala de grises)"),
    "slope": (
        "gain with depth (bottom less top, share of the grey scale)",
        "ganancia con la profundidad (fondo menos superficie, parte de la escala de grises)",
    ),
    "blur": ("blur (pixels of the network)", "desenfoque (píxeles de la red)"),
    "grain": (
        "speckle size around the lesion (pixels of the network)",
        "tamaño del moteado en torno a la lesión (píxeles de la red)",
    ),
    "jpeg": ("JPEG quality", "calidad JPEG"),
}


def change(name: str, language: str) -> str:
    """A change of the picture, in words."""
    return named(CHANGES, name, language)


# Names of descriptors whose value is a number without a word, as a reader writes them.
NAMES = {
    "roundness": ("roundness", "redondez"),
    "size": ("size", "tamaño"),
    "depth": ("depth", "profundidad"),
}


def descriptor(name: str, language: str) -> str:
    """What is described, as a reader of that language writes it."""
    return named(NAMES, name, language)


def term(word: str, language: str) -> str:
    """A word of a description as a reader of that language writes it."""
    return TERMS[word] if check_language(language) == "es" else word


def stopped(kind: str | None) -> dict[str, str]:
    """Why a picture was stopped, in every language; `kind` is what it looks like, if known."""
    if kind is None:
        return both("stopped")
    named = KINDS.get(kind, dict.fromkeys(LANGUAGES, kind))
    return {language: say("stopped-kind", language, kind=named[language]) for language in LANGUAGES}


def check_language(language: str) -> str:
    """The language, if there is one of that name.

    Raises:
        ArgumentError: names the known ones.
    """
    if language not in LANGUAGES:
        raise unknown("language", language, LANGUAGES)
    return language


def say(key: str, language: str, **values: object) -> str:
    """A sentence by its key, filled in."""
    return _SAY[key][LANGUAGES.index(check_language(language))].format(**values)


def both(key: str, **values: object) -> dict[str, str]:
    """A sentence in every language, as flags carry it."""
    return {language: say(key, language, **values) for language in LANGUAGES}


def number(value: float, language: str, digits: int = 2) -> str:
    """A number as a reader of that language writes it: 0.83 or 0,83."""
    text = f"{value:.{digits}f}"
    return text.replace(".", ",") if check_language(language) == "es" else text


def sizes(diameter: float, width: float, unit: str, language: str) -> str:
    """Two diameters with their unit: 32 × 27 mm."""
    digits = 0 if unit == "px" or diameter >= 10 else 1
    return f"{number(diameter, language, digits)} × {number(width, language, digits)} {unit}"


def headline(title: str, band: str, probability: float, language: str) -> str:
    """The answer in five words: "Malignant mass, fairly sure (0.83)"."""
    grade = f"{title[:1].upper()}{title[1:]}"
    return f"{grade}, {BANDS[band][check_language(language)]} ({number(probability, language)})"


def findings(
    titles: dict[str, str],
    probabilities: dict[str, float],
    label: str,
    prediction_set: Sequence[str] | None,
    lesion_sizes: Sequence[str],
    normal: str | None,
    language: str,
) -> str:
    """What was found, in plain words; never more than the prediction set allows.

    Args:
        titles: label -> words in `language`. probabilities: label -> 0 to 1. label: the answer.
        prediction_set: labels that cannot be ruled out, or None where none was computed.
        lesion_sizes: one text a lesion, largest first. normal: the label that means "no mass", or
        None.
    """
    parts = []
    if not lesion_sizes:
        parts.append(say("no-lesion", language))
    elif len(lesion_sizes) == 1:
        parts.append(say("one-lesion", language, sizes=lesion_sizes[0]))
    else:
        parts.append(say("lesions", language, count=len(lesion_sizes), sizes=lesion_sizes[0]))
    if lesion_sizes and label == normal:
        parts.append(say("lesion-but-normal", language))
    if not lesion_sizes and normal is not None and label != normal:
        parts.append(say("mass-but-none", language))
    if prediction_set is not None and not prediction_set:
        parts.append(say("empty-set", language))
    others = [titles[other] for other in prediction_set or () if other != label]
    if others:
        parts.append(say("set", language, others=", ".join(others)))
    elif prediction_set is None:
        second = max(
            (other for other in probabilities if other != label),
            key=lambda other: probabilities[other],
        )
        if probabilities[second] > 0.2:
            title = f"{titles[second][:1].upper()}{titles[second][1:]}"
            parts.append(
                say("close", language, other=title, value=number(probabilities[second], language))
            )
    return " ".join(parts)
