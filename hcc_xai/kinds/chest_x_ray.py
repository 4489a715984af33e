"""A frontal X-ray of the chest: normal or not."""

from hcc_xai.kinds.fields import film
from hcc_xai.kinds.kind import Kind
from hcc_xai.kinds.nouns import organ, picture

KIND = Kind(
    name="chest-x-ray",
    nouns={
        **picture(
            one={"en": "chest X-ray", "es": "radiografía de tórax"},
            a={"en": "a chest X-ray", "es": "una radiografía de tórax"},
            many={"en": "chest X-rays", "es": "radiografías de tórax"},
        ),
        **organ(
            one={"en": "lung", "es": "pulmón"},
            the={"en": "the lungs", "es": "los pulmones"},
            of={"en": "of the lungs", "es": "de los pulmones"},
        ),
    },
    find_field=film,
    labels={
        "normal": {"en": "normal chest", "es": "tórax normal"},
        "abnormal": {"en": "abnormal chest", "es": "tórax anormal"},
    },
    positive="abnormal",
    organ="lungs",
    size=224,
    limits={"cut-off": None},  # a film ends where it ends
)
