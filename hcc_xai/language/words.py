"""How things are named and numbers are written, in every language. The sentences themselves stand
in `sentences.py`.

Kept apart from the page because the same words stand in the JSON, on the command line and in
reports.
"""

from __future__ import annotations

from collections.abc import Mapping

from hcc_xai.errors import unknown
from hcc_xai.language.sentences import SENTENCES

LANGUAGES = ("en", "es")
Words = Mapping[str, str]  # language -> words; English always, the others where there are any
Nouns = Mapping[str, Words]  # what a kind of picture calls its things; see kinds/nouns.py
NO_NOUNS: Nouns = {}

BANDS = {
    "green": {"en": "certainty high", "es": "certeza alta"},
    "amber": {"en": "certainty medium", "es": "certeza media"},
    "red": {"en": "certainty low", "es": "certeza baja"},
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
    "liver-ultrasound": {"en": "a liver ultrasound", "es": "una ecografía hepática"},
    "other-ultrasound": {
        "en": "an ultrasound of another part",
        "es": "una ecografía de otra parte",
    },
    "x-ray-body-part": {
        "en": "an X-ray of another part of the body",
        "es": "una radiografía de otra parte del cuerpo",
    },
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


def pick(words: Words, language: str) -> str:
    """The words in that language, in English where there are none."""
    return words.get(check_language(language)) or words["en"]


def named(names: Mapping[str, Words], key: str, language: str) -> str:
    """A name in the reader's language; the key itself where there is none."""
    return pick(names.get(key, {"en": key}), language)


# What is changed in a picture to see what the answer follows (`shortcuts`).
CHANGES = {
    "lesion": {"en": "the lesion painted over", "es": "la lesión tapada"},
    "all-but-lesion": {
        "en": "all but the lesion painted over",
        "es": "todo tapado salvo la lesión",
    },
    "elsewhere": {"en": "as much painted over elsewhere", "es": "otro tanto tapado en otra parte"},
    "flipped": {"en": "mirrored", "es": "en espejo"},
    "outside": {
        "en": "everything outside the sector replaced",
        "es": "todo lo de fuera del sector, sustituido",
    },
    "text": {"en": "a text written into a corner", "es": "un texto escrito en una esquina"},
    "body-mark": {"en": "a body mark drawn into it", "es": "un pictograma dibujado en ella"},
    "calipers": {"en": "calipers set on the lesion", "es": "cursores puestos en la lesión"},
    "unmarked": {"en": "drawn marks painted over", "es": "marcas dibujadas, tapadas"},
    "slope-up": {"en": "brighter in depth", "es": "más clara en profundidad"},
    "slope-down": {"en": "darker in depth", "es": "más oscura en profundidad"},
    "gain-up": {"en": "more gain", "es": "más ganancia"},
    "gain-down": {"en": "less gain", "es": "menos ganancia"},
    "finer": {
        "en": "finer speckle around the lesion",
        "es": "moteado más fino en torno a la lesión",
    },
    "coarser": {
        "en": "coarser speckle around the lesion",
        "es": "moteado más grueso en torno a la lesión",
    },
    "blurred": {"en": "a little blurred", "es": "algo borrosa"},
    "compressed": {"en": "strongly compressed (JPEG)", "es": "muy comprimida (JPEG)"},
}


# What is moved in steps (`shortcuts.STEPS`), and what its amount is.
STEPS = {
    "gain": {
        "en": "gain (share of the grey scale)",
        "es": "ganancia (parte de la escala de grises)",
    },
    "slope": {
        "en": "gain with depth (bottom less top, share of the grey scale)",
        "es": "ganancia con la profundidad (fondo menos superficie, parte de la escala de grises)",
    },
    "blur": {"en": "blur (pixels of the network)", "es": "desenfoque (píxeles de la red)"},
    "grain": {
        "en": "speckle size around the lesion (pixels of the network)",
        "es": "tamaño del moteado en torno a la lesión (píxeles de la red)",
    },
    "jpeg": {"en": "JPEG quality", "es": "calidad JPEG"},
}


def change(name: str, language: str) -> str:
    """A change of the picture, in words."""
    return named(CHANGES, name, language)


# Names of descriptors whose value is a number without a word, as a reader writes them.
NAMES = {
    "roundness": {"en": "roundness", "es": "redondez"},
    "size": {"en": "size", "es": "tamaño"},
    "depth": {"en": "depth", "es": "profundidad"},
}


def descriptor(name: str, language: str) -> str:
    """What is described, as a reader of that language writes it."""
    return named(NAMES, name, language)


def term(word: str, language: str) -> str:
    """A word of a description as a reader of that language writes it."""
    return pick({"en": word, "es": TERMS[word]}, language)


def stopped(kind: str | None, nouns: Nouns) -> dict[str, str]:
    """Why a picture was stopped, in every language.

    Args:
        kind: what it looks like, if known.
        nouns: of the kind that the model knows.
    """
    if kind is None:
        return both("stopped", nouns)
    return {
        language: say("stopped-kind", language, kind=named(KINDS, kind, language))
        for language in LANGUAGES
    }


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
    return pick(SENTENCES[key], language).format(**values)


def both(key: str, nouns: Nouns = NO_NOUNS, **values: object) -> dict[str, str]:
    """A sentence in every language, as flags carry it.

    Args:
        nouns: what the kind of picture calls its things.
        values: what else the sentence names.
    """
    return {
        language: say(key, language, **in_language(nouns, language), **values)
        for language in LANGUAGES
    }


def in_language(nouns: Nouns, language: str) -> dict[str, str]:
    """What a kind of picture calls its things, in that language."""
    return {name: pick(word, language) for name, word in nouns.items()}


def number(value: float, language: str, digits: int = 2) -> str:
    """A number as a reader of that language writes it: 0.83 or 0,83."""
    text = f"{value:.{digits}f}"
    return text.replace(".", ",") if check_language(language) == "es" else text


def sizes(diameter: float, width: float, unit: str, language: str) -> str:
    """Two diameters with their unit: 32 × 27 mm."""
    digits = 0 if unit == "px" or diameter >= 10 else 1
    return f"{number(diameter, language, digits)} × {number(width, language, digits)} {unit}"


def capital(text: str) -> str:
    """The text with its first letter as a capital."""
    return f"{text[:1].upper()}{text[1:]}"


def headline(title: str, band: str, probability: float, language: str) -> str:
    """The answer in five words: "Malignant mass, certainty medium (0.83)"."""
    return say(
        "answer",
        language,
        title=capital(title),
        band=pick(BANDS[band], language),
        chance=number(probability, language),
    )
