"""An X-ray film of any part of the body: which parts are on it."""

from hcc_xai.kinds.fields import film
from hcc_xai.kinds.kind import Kind
from hcc_xai.kinds.nouns import picture

_PARTS = {
    "abdomen": ("abdomen", "abdomen"),
    "ankle": ("ankle", "tobillo"),
    "cervical-spine": ("cervical spine", "columna cervical"),
    "chest": ("chest", "tórax"),
    "clavicles": ("clavicles", "clavículas"),
    "elbow": ("elbow", "codo"),
    "feet": ("foot", "pie"),
    "finger": ("finger", "dedo"),
    "forearm": ("forearm", "antebrazo"),
    "hand": ("hand", "mano"),
    "hip": ("hip", "cadera"),
    "knee": ("knee", "rodilla"),
    "lower-leg": ("lower leg", "pierna"),
    "lumbar-spine": ("lumbar spine", "columna lumbar"),
    "others": ("another part or examination", "otra parte o estudio"),
    "pelvis": ("pelvis", "pelvis"),
    "shoulder": ("shoulder", "hombro"),
    "sinus": ("paranasal sinuses", "senos paranasales"),
    "skull": ("skull", "cráneo"),
    "thigh": ("thigh", "muslo"),
    "thoracic-spine": ("thoracic spine", "columna dorsal"),
    "wrist": ("wrist", "muñeca"),
}

KIND = Kind(
    name="x-ray-body-part",
    nouns=picture(
        one={"en": "X-ray of a body part", "es": "radiografía de una parte del cuerpo"},
        a={"en": "an X-ray of a body part", "es": "una radiografía de una parte del cuerpo"},
        many={"en": "X-rays of body parts", "es": "radiografías de partes del cuerpo"},
    ),
    find_field=film,
    labels={label: {"en": en, "es": es} for label, (en, es) in _PARTS.items()},
    multiple=True,
    size=160,
    limits={"cut-off": None, "blurred": 0.012},  # a film ends where it ends
)
