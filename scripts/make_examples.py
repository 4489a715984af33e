"""Make the pictures in examples/ with the phantom: no patient's picture is shipped.

python scripts/make_examples.py [FOLDER]
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hcc_xai.phantoms.phantom import PhantomSpec, make, random_spec, to_dicom

SHAPE = (480, 640)
SPECS = {
    "normal": random_spec(22, label="normal", shape=SHAPE),
    "benign": random_spec(38, label="benign", shape=SHAPE),
    "malignant": random_spec(30, label="malignant", shape=SHAPE),
    "malignant_two": random_spec(364, label="malignant", shape=SHAPE),
    "benign_with_text": replace(
        random_spec(40, label="benign", shape=SHAPE),
        text_outside=True,
        calipers=True,
        tint=(0.92, 0.97, 1.0),
    ),
}
CINE = random_spec(24, label="malignant", shape=(240, 320))
BREATH_MM = (0.0, 2.0, 3.5, 4.0, 3.5, 2.0)


def save_png(spec: PhantomSpec, path: Path) -> None:
    pixels = make(spec).pixels
    grey = bool((pixels == pixels[..., :1]).all())
    Image.fromarray(np.ascontiguousarray(pixels[..., 0]) if grey else pixels).save(
        path, optimize=True
    )


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, spec in SPECS.items():
        save_png(spec, folder / f"{name}.png")
    to_dicom([make(replace(CINE, breath_mm=mm)) for mm in BREATH_MM], folder / "malignant_cine.dcm")


if __name__ == "__main__":
    main(
        Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[1] / "examples"
    )
