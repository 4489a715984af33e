"""A mammogram, one view of one breast: normal, or a lesion that is benign or malignant."""

from hcc_xai.kinds.fields import breast
from hcc_xai.kinds.kind import Kind
from hcc_xai.kinds.nouns import LESION, picture

KIND = Kind(
    name="mammogram",
    nouns={
        **picture(
            one={"en": "mammogram", "es": "mamografía"},
            a={"en": "a mammogram", "es": "una mamografía"},
            many={"en": "mammograms", "es": "mamografías"},
        ),
        **LESION,
    },
    find_field=breast,
    labels={
        "normal": {"en": "no lesion", "es": "sin lesión"},
        "benign": {"en": "benign lesion", "es": "lesión benigna"},
        "malignant": {"en": "malignant lesion", "es": "lesión maligna"},
    },
    absent="normal",
    positive="malignant",
    target="lesion",
    size=320,
)
