"""What a card says of the data set that a bundle was trained on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from hcc_xai.errors import DataError, unknown
from hcc_xai.model.config import BundleConfig

KEY = "source"  # of the config's `training`, where a bundle names its own


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is said of a data set, in English, as Markdown.

    Attributes:
        name: as the Hub lists it, like "annotated-ultrasound-liver-images"; "" for none.
        sentence: whose images and outlines they are.
        licence: what is known of their licence; "" for nothing.
        terms: a sentence of what else holds; "" for nothing.
        trunk: a sentence on the weights that the training started from, with `{trunk}` for the
            trunk's name; "" for none.
        labels: what its labels can and cannot mean; "" for nothing.
        scanner: whether the scanner gives its classes away.
        scanners: from how many scanners it is, as far as that limits the figures.
        patients: what is known of its patients; "" for nothing.
        tags: of the front matter, before those that every bundle has.
    """

    sentence: str
    name: str = ""
    licence: str = ""
    terms: str = ""
    trunk: str = ""
    labels: str = ""
    scanner: str = "The scanner can give the class away"
    scanners: str = "One set of images."
    patients: str = ""
    tags: tuple[str, ...] = ()

    def bullets(self, trunk: str, *, outlined: bool = True) -> str:
        """The list under "Data and terms".

        Args:
            trunk: name of the bundle's trunk.
            outlined: whether the bundle outlines anything.
        """
        what = "Images and outlines" if outlined else "Images"
        images = " ".join(filter(None, (f"{what}: {self.sentence}", self.licence)))
        start = self.trunk.replace("{trunk}", trunk)
        return "\n".join(f"- {line}" for line in (images, start, self.terms) if line)

    @classmethod
    def from_dict(cls, source: Mapping[str, Any]) -> Source:
        """The source that a bundle's config names.

        Raises:
            ArgumentError: an unknown key.
            DataError: no sentence, or a value of the wrong kind.
        """
        names = [f.name for f in fields(cls)]
        for key, value in source.items():
            if key not in names:
                raise unknown("key of a source", key, names)
            if not isinstance(value, list if key == "tags" else str):
                raise DataError(
                    "source-value", "{key} of a source is {value}", key=key, value=repr(value)
                )
        if "sentence" not in source:
            raise DataError("source-sentence", "a source says no sentence")
        return cls(**{**source, "tags": tuple(source.get("tags", ()))})


def source_at(path: Path) -> dict[str, Any]:
    """What a JSON file says of a data set, as a bundle's config names it.

    Raises:
        ArgumentError: an unknown key.
        DataError: it is no JSON object, says no sentence, or holds a value of the wrong kind.
    """
    try:
        source = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        source = None
    if not isinstance(source, dict):
        raise DataError("source-no-object", "{path} is no JSON object", path=str(path))
    Source.from_dict(source)
    return source


LIVER = Source(
    name="annotated-ultrasound-liver-images",
    sentence="""Annotated Ultrasound Liver images
  (Xu et al. 2022, *Briefings in Bioinformatics*, doi [10.1093/bib/bbac569](https://doi.org/10.1093/bib/bbac569);
  [Zenodo 7272660](https://zenodo.org/records/7272660)).""",
    licence="""The text on Zenodo asks for
  acknowledgement; a mirror of the set says CC BY 4.0. Neither is a licence that we could check with
  the authors.""",
    terms="No image of the set is in this repository.",
    trunk="Trunk: weights trained on ImageNet, as timm distributes them ({trunk}), Apache-2.0.",
    labels='**It says "malignant liver mass", not hepatocellular carcinoma.** The data holds no '
    "histology and no\ntumour grade (G1 to G3), and no public set known to us does.",
    scanner="In this data the scanner gives the class away",
    scanners="One set, from few scanners.",
    patients='"One image per patient" is what the set says; there are no patient ids to prove it.',
    tags=("ultrasound", "liver"),
)
UNNAMED = Source(
    sentence="of a set that this bundle does not name; ask whoever trained it for its terms."
)


def source_of(config: BundleConfig) -> Source:
    """What is said of the data that a bundle was trained on: what its config says, the liver set
    where it is the bundle that ships, else a sentence that names nothing.

    Raises:
        ArgumentError: its config names a source with an unknown key.
        DataError: its config names a source that says no sentence.
    """
    named = config.training.get(KEY)
    if isinstance(named, Mapping):
        return Source.from_dict(named)
    return LIVER if config.name == "liver-us" else UNNAMED
