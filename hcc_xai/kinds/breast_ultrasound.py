"""Ultrasound of the breast: masses, told apart by what they are."""

from hcc_xai.imaging.sector import find_sector
from hcc_xai.kinds.kind import Kind
from hcc_xai.kinds.nouns import MASS, picture

KIND = Kind(
    name="breast-ultrasound",
    nouns={
        **picture(
            one={"en": "breast ultrasound", "es": "ecografía mamaria"},
            a={"en": "a breast ultrasound", "es": "una ecografía mamaria"},
            many={"en": "breast ultrasound images", "es": "ecografías mamarias"},
        ),
        **MASS,
    },
    find_field=find_sector,
    labels={
        "normal": {"en": "no mass", "es": "sin masa"},
        "benign": {"en": "benign breast mass", "es": "masa mamaria benigna"},
        "malignant": {"en": "malignant breast mass", "es": "masa mamaria maligna"},
    },
    absent="normal",
    positive="malignant",
    target="lesion",
    size=224,
    described=(
        *("echogenicity", "homogeneity", "margin", "halo", "shape", "roundness"),
        *("posterior", "size", "depth"),
    ),
    limits={"cut-off": None},  # a linear probe fills the picture
)
