"""A slice of an MRI of the head: tumour or not, and which."""

from hcc_xai.kinds.fields import head
from hcc_xai.kinds.kind import Kind

KIND = Kind(
    name="brain-mri",
    title={"en": "a brain MRI", "es": "una RM cerebral"},
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
)
