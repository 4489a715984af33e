"""What a kind of picture calls its things, for the sentences of `language/sentences.py`.

`Nouns` maps a name, which stands in braces in those sentences, to words in every language. Spanish
needs the article with its gender, so a noun has several forms.
"""

from __future__ import annotations

from collections.abc import Mapping

Words = Mapping[str, str]  # language -> words; English always
Nouns = Mapping[str, Words]


def picture(*, one: Words, a: Words, many: Words) -> Nouns:
    """The picture itself: "liver ultrasound", "a liver ultrasound", "liver ultrasound images". Its
    Spanish noun is feminine, as "ecografía" and "radiografía" are."""
    return {"picture": one, "a_picture": a, "pictures": many}


def organ(*, one: Words, the: Words, of: Words) -> Nouns:
    """What evidence should lie in: "hígado", "el hígado", "del hígado"."""
    return {"organ": one, "the_organ": the, "of_organ": of}


LESION: Nouns = {
    "target": {"en": "lesion", "es": "lesión"},
    "one_target": {"en": "Lesion", "es": "Lesión"},
    "targets": {"en": "lesions", "es": "lesiones"},
    "the_target": {"en": "the lesion", "es": "la lesión"},
    "the_targets": {"en": "the lesions", "es": "las lesiones"},
    "no_target": {"en": "no lesion", "es": "ninguna lesión"},
    "largest": {"en": "the largest", "es": "la mayor"},
    "mass": {"en": "lesion", "es": "lesión"},
    "no_mass": {"en": "no lesion", "es": "ninguna lesión"},
}
MASS: Nouns = {
    **LESION,
    "mass": {"en": "mass", "es": "masa"},
    "no_mass": {"en": "no mass", "es": "ninguna masa"},
}
TUMOUR: Nouns = {
    "target": {"en": "tumour", "es": "tumor"},
    "one_target": {"en": "Tumour", "es": "Tumor"},
    "targets": {"en": "tumours", "es": "tumores"},
    "the_target": {"en": "the tumour", "es": "el tumor"},
    "the_targets": {"en": "the tumours", "es": "los tumores"},
    "no_target": {"en": "no tumour", "es": "ningún tumor"},
    "largest": {"en": "the largest", "es": "el mayor"},
    "mass": {"en": "tumour", "es": "tumor"},
    "no_mass": {"en": "no tumour", "es": "ningún tumor"},
}
ORGAN: Nouns = organ(
    one={"en": "organ", "es": "órgano"},
    the={"en": "the organ", "es": "el órgano"},
    of={"en": "of the organ", "es": "del órgano"},
)
# Without a target, what is hidden to test an answer is the strongest part of its map.
STRONGEST: Nouns = {
    "the_target": {"en": "the strongest evidence", "es": "la evidencia más fuerte"},
    "the_targets": {"en": "the strongest evidence", "es": "la evidencia más fuerte"},
}
