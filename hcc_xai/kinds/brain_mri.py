"""A slice of an MRI of the head: tumour or not, and which."""

from hcc_xai.kinds.fields import head
from hcc_xai.kinds.kind import Kind
from hcc_xai.kinds.nouns import TUMOUR, picture

KIND = Kind(
    name="brain-mri",
    nouns={
        **picture(
            one={"en": "brain MRI", "es": "resonancia cerebral"},
            a={"en": "a brain MRI", "es": "una resonancia cerebral"},
            many={"en": "brain MRI slices", "es": "resonancias cerebrales"},
        ),
        **TUMOUR,
    },
    find_field=head,
    labels={
        "notumor": {"en": "no tumour", "es": "sin tumor"},
        "glioma": {"en": "glioma", "es": "glioma"},
        "meningioma": {"en": "meningioma", "es": "meningioma"},
        "pituitary": {"en": "pituitary tumour", "es": "tumor hipofisario"},
    },
    absent="notumor",
    target="tumour",
    size=192,
    limits={"cut-off": 0.5},
)
