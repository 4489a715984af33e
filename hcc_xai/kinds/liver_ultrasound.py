"""Ultrasound of the liver: masses, told apart by what they are."""

from hcc_xai.imaging.sector import find_sector
from hcc_xai.kinds.kind import Kind
from hcc_xai.kinds.nouns import MASS, organ, picture

KIND = Kind(
    name="liver-ultrasound",
    nouns={
        **picture(
            one={"en": "liver ultrasound", "es": "ecografía hepática"},
            a={"en": "a liver ultrasound", "es": "una ecografía hepática"},
            many={"en": "liver ultrasound images", "es": "ecografías hepáticas"},
        ),
        **organ(
            one={"en": "liver", "es": "hígado"},
            the={"en": "the liver", "es": "el hígado"},
            of={"en": "of the liver", "es": "del hígado"},
        ),
        **MASS,
    },
    find_field=find_sector,
    labels={
        "normal": {"en": "no mass", "es": "sin masa"},
        "benign": {"en": "benign liver mass", "es": "masa hepática benigna"},
        "malignant": {"en": "malignant liver mass", "es": "masa hepática maligna"},
    },
    absent="normal",
    positive="malignant",
    organ="liver",
    target="lesion",
    size=384,
    described=None,
    scheme="US LI-RADS",
)
