"""A frontal X-ray of the chest: normal or not."""

from hcc_xai.kinds.fields import film
from hcc_xai.kinds.kind import Kind

KIND = Kind(
    name="chest-x-ray",
    title={"en": "a chest X-ray", "es": "una radiografía de tórax"},
    find_field=film,
    labels={
        "normal": {"en": "normal chest", "es": "tórax normal"},
        "abnormal": {"en": "abnormal chest", "es": "tórax anormal"},
    },
    positive="abnormal",
    organ="lungs",
    size=224,
)
