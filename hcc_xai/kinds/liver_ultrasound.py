"""Ultrasound of the liver: masses, told apart by what they are."""

from hcc_xai.imaging.sector import find_sector
from hcc_xai.kinds.kind import Kind

KIND = Kind(
    name="liver-ultrasound",
    title={"en": "a liver ultrasound", "es": "una ecografía hepática"},
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
)
