"""A data folder of breast and thyroid lesions, to pretrain on before the liver.

    python scripts/lesion_folder.py KINDS OUT
    python -m hcc_xai train --data OUT --out RUN --pretrained tf_efficientnet_lite0.safetensors

KINDS is a folder with an index.csv of path, kind, label and mask. Sectors are found, lesions keep
their outlines, no liver is outlined. TI-RADS 2 to 4a count as benign, 4b to 5 as malignant (a
suspicion, not a diagnosis); images without a mask or a category are left out.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import cv2
import numpy as np

from hcc_xai.dataset.folder import TARGET
from hcc_xai.imaging.frame import find_sector
from hcc_xai.imaging.read import read

LABELS = {
    "normal": "normal",
    "benign": "benign",
    "malignant": "malignant",
    "TI-RADS 2": "benign",
    "TI-RADS 3": "benign",
    "TI-RADS 4a": "benign",
    "TI-RADS 4b": "malignant",
    "TI-RADS 4c": "malignant",
    "TI-RADS 5": "malignant",
}
COLUMNS = ("name", "label", "fold", "stratum", "group", "note")


def main(kinds: Path, out: Path) -> None:
    for name in ("images", "masks", "sectors"):
        (out / name).mkdir(parents=True, exist_ok=True)
    rows = []
    with (kinds / "index.csv").open(newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            wanted = line["kind"] in ("breast-ultrasound", "thyroid-ultrasound")
            label = LABELS.get(line["label"])
            if not wanted or label is None or (label != "normal" and not line["mask"]):
                continue
            image = read(kinds / line["path"])
            lesion = np.zeros(image.shape, bool)
            if line["mask"]:
                mask = cv2.imread(str(kinds / line["mask"]), cv2.IMREAD_GRAYSCALE)
                lesion = cv2.resize(mask, image.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
            name = f"{line['kind'].split('-')[0]}_{Path(line['path']).stem}"
            grey = np.rint(image.grey * 255).astype(np.uint8)
            cv2.imwrite(str(out / "images" / f"{name}.png"), grey)
            cv2.imwrite(str(out / "masks" / f"{name}.png"), lesion.astype(np.uint8) * TARGET)
            sector = find_sector(image.pixels).astype(np.uint8) * 255
            cv2.imwrite(str(out / "sectors" / f"{name}.png"), sector)
            rows.append([name, label, len(rows) % 5, line["kind"], "", "no liver outlined"])
    with (out / "index.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    print(f"{len(rows)} images in {out}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
