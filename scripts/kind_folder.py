"""A data folder of one kind of picture, from the public sets that it is trained on.

    python scripts/kind_folder.py brain-mri SETS OUT
    python -m hcc_xai train --kind brain-mri --data OUT --out RUNS --folds

SETS is a folder with `body-x-ray/`, `brain-mri/`, `chest-x-ray/`, `mammogram/` and `kinds/`, each
with an index.csv. Near-copies (thumbnails of the picture without its black rim that correlate by
more than a limit, see ALIKE) get one group and one fold, also across two sets; it prints how many.
`brain-mri-elsewhere` is what is only reported on: slices without a tumour of another source than
the tumours, from which "no tumour" would be learned off the source.
"""

from __future__ import annotations

import csv
import shutil
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hcc_xai.dataset.folder import ORGAN, TARGET

# Correlation of two thumbnails over which pictures are near-copies; any two chests are alike.
ALIKE = {"brain-mri": 0.93, "breast-ultrasound": 0.93, "chest-x-ray": 0.985}
COLUMNS = ("name", "label", "fold", "stratum", "group", "outlines")
CHANNELS = {"pre": 2, "flair": 1, "post": 0}  # of LGG's colour pictures, as OpenCV counts them


@dataclass(frozen=True)
class Picture:
    """One picture of a set; `outlines` is a word of `Record.outlines`, `fold` None where the set
    gives none."""

    path: Path
    name: str
    label: str
    source: str
    group: str
    fold: int | None
    outlines: str
    mask: Path | None = None
    box: str = ""
    channel: int | None = None


def main(kind: str, sets: Path, out: Path) -> None:
    pictures = GATHER[kind](sets)
    if any(p.fold is None for p in pictures):
        pictures = with_folds(pictures, ALIKE[kind])
    if kind == "brain-mri":
        pictures = [q for p in pictures for q in in_channels(p)]
    value = ORGAN if kind == "chest-x-ray" else TARGET
    for name in ("images", "masks"):
        (out / name).mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        write(picture, out, value)
    with (out / "index.csv").open("w", newline="", encoding="utf-8") as file:
        rows = [(p.name, p.label, p.fold, p.source, p.group, p.outlines) for p in pictures]
        csv.writer(file).writerows([COLUMNS, *rows])
    print(f"{len(pictures)} pictures in {out}: {dict(Counter(p.source for p in pictures))}")


def write(picture: Picture, out: Path, value: int) -> None:
    """The picture as it is (or one of its channels), and its outlines."""
    if picture.channel is None:
        shutil.copyfile(picture.path, out / "images" / f"{picture.name}.jpg")
    else:
        grey = cv2.imread(str(picture.path))[..., picture.channel]
        cv2.imwrite(str(out / "images" / f"{picture.name}.png"), grey)
    height, width = cv2.imread(str(picture.path), cv2.IMREAD_GRAYSCALE).shape
    mask = np.zeros((height, width), np.uint8)
    if picture.mask is not None:
        drawn = cv2.imread(str(picture.mask), cv2.IMREAD_GRAYSCALE)
        mask = cv2.resize((drawn > 127).astype(np.uint8), (width, height)) * np.uint8(value)
    elif picture.box:
        left, top, right, bottom = (int(float(x)) for x in picture.box.split())
        mask[top:bottom, left:right] = value
    cv2.imwrite(str(out / "masks" / f"{picture.name}.png"), mask)


def rows_of(folder: Path, kind: str | None = None) -> list[dict[str, str]]:
    with (folder / "index.csv").open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if kind is None or row["kind"] == kind]


def body_x_ray(sets: Path) -> list[Picture]:
    folder = sets / "body-x-ray"
    return [
        Picture(
            folder / r["path"], Path(r["path"]).stem, r["label"], r["source"], r["patient"],
            int(r["fold"]), "none",
        )
        for r in rows_of(folder)
    ]  # fmt: skip


def chest_x_ray(sets: Path) -> list[Picture]:
    folder, pictures = sets / "chest-x-ray", []
    for r in rows_of(folder):
        label = "normal" if r["label"] == "normal" else "abnormal"
        mask = folder / r["mask"] if r["mask"] else None
        pictures.append(
            Picture(
                folder / r["path"], Path(r["path"]).stem, label, "shenzhen", r["patient"],
                int(r["fold"]), "drawn" if mask else "none", mask,
            )
        )  # fmt: skip
    folder = sets / "kinds"
    for r in rows_of(folder, "chest-x-ray"):
        label = "normal" if r["label"] == "normal" else "abnormal"
        stem = Path(r["path"]).stem
        patient = next((part for part in stem.split("_") if part.startswith("person")), stem)
        pictures.append(
            Picture(folder / r["path"], f"kermany_{stem}", label, "kermany", patient, None, "none")
        )
    return pictures


def brain_mri(sets: Path) -> list[Picture]:
    folder, pictures = sets / "brain-mri", []
    for r in rows_of(folder):
        mask = folder / r["mask"] if r["mask"] else None
        label = "notumor" if r["label"] == "notumor-slice" else r["label"]
        pictures.append(
            Picture(
                folder / r["path"], f"{r['source']}_{Path(r['path']).stem}", label, r["source"],
                r["patient"], int(r["fold"]), "drawn" if mask else "weak", mask, r["box"],
            )
        )  # fmt: skip
    folder = sets / "kinds"
    for r in rows_of(folder, "brain-mri"):
        stem = Path(r["path"]).stem
        if r["label"] == "notumor":
            continue
        pictures.append(
            Picture(folder / r["path"], f"nick_{stem}", r["label"], "nickparvar", "", None, "none")
        )
    return pictures


def brain_mri_elsewhere(sets: Path) -> list[Picture]:
    folder = sets / "kinds"
    return [
        Picture(
            folder / r["path"], f"nick_{Path(r['path']).stem}", r["label"], "nickparvar", "", 0,
            "drawn",
        )
        for r in rows_of(folder, "brain-mri")
        if r["label"] == "notumor"
    ]  # fmt: skip


def mammogram(sets: Path) -> list[Picture]:
    folder, pictures = sets / "mammogram", []
    for r in rows_of(folder):
        mask = folder / r["mask"] if r["mask"] else None
        outlines = "weak" if mask else "drawn" if r["label"] == "normal" else "none"
        pictures.append(
            Picture(
                folder / r["path"], Path(r["path"]).stem, r["label"], "mini-mias", r["patient"],
                int(r["fold"]), outlines, mask,
            )
        )  # fmt: skip
    return pictures


def breast_ultrasound(sets: Path) -> list[Picture]:
    folder = sets / "kinds"
    return [
        Picture(
            folder / r["path"], Path(r["path"]).stem, r["label"], "busi", "", None, "target",
            folder / r["mask"] if r["mask"] else None,
        )
        for r in rows_of(folder, "breast-ultrasound")
    ]  # fmt: skip


def in_channels(picture: Picture) -> list[Picture]:
    """An LGG picture as it is, and each of its channels as a picture of its own."""
    if picture.source != "lgg":
        return [picture]
    parts = [
        replace(picture, name=f"{picture.name}_{name}", channel=channel)
        for name, channel in CHANNELS.items()
    ]
    return [picture, *parts]


def with_folds(pictures: list[Picture], alike_from: float) -> list[Picture]:
    """Near-copies of what has a fold get that fold; all others one by their group, 0 to 4."""
    thumbs = np.stack([thumbnail(p.path) for p in pictures])
    known = [i for i, p in enumerate(pictures) if p.source == "cheng"]
    new = [i for i, p in enumerate(pictures) if p.fold is None]
    result = list(pictures)
    copies = set()
    if known:
        for i, row in zip(new, thumbs[new] @ thumbs[known].T, strict=True):
            j = known[int(row.argmax())]
            if row.max() > alike_from:
                copies.add(i)
                result[i] = replace(
                    pictures[i], fold=pictures[j].fold, group=pictures[j].group or pictures[j].name
                )
        print(f"{len(copies)} of {len(new)} are near-copies of pictures that have a fold")
        new = [i for i in new if i not in copies]
    alike = thumbs[new] @ thumbs[new].T > alike_from
    names = np.arange(len(new))
    same = {}  # a patient's pictures belong together, too
    for k, i in enumerate(new):
        same.setdefault(pictures[i].group or f"alone-{i}", []).append(k)
    for members in same.values():
        alike[np.ix_(members, members)] = True
    while True:  # the least number among all that are linked
        least = np.array([names[row].min() for row in alike])
        if (least == names).all():
            break
        names = least
    sizes = Counter(names.tolist())
    print(f"{sum(n for n in sizes.values() if n > 1)} of {len(new)} have a near-copy or a patient "
          f"among themselves, in {sum(n > 1 for n in sizes.values())} groups")  # fmt: skip
    folds = spread({int(g): [pictures[new[k]].label for k in np.flatnonzero(names == g)]
                    for g in sizes})  # fmt: skip
    for k, i in enumerate(new):
        group = f"{pictures[i].source}-{names[k]}"
        result[i] = replace(pictures[i], fold=folds[int(names[k])], group=group)
    return result


def spread(groups: dict[int, list[str]], folds: int = 5) -> dict[int, int]:
    """A fold for each group, so that every fold has as many of each label; large groups first."""
    have: list[Counter[str]] = [Counter() for _ in range(folds)]
    chosen = {}
    for group, labels in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        fold = min(range(folds), key=lambda f: (sum(have[f][x] for x in labels), have[f].total()))
        have[fold].update(labels)
        chosen[group] = fold
    return chosen


def thumbnail(path: Path, side: int = 32) -> NDArray[np.float32]:
    """Without its black rim, of mean 0 and length 1: the product of two is their correlation."""
    grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    rows, cols = np.flatnonzero((grey > 12).any(1)), np.flatnonzero((grey > 12).any(0))
    if len(rows) > 10 and len(cols) > 10:
        grey = grey[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    small = cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
    small = cv2.GaussianBlur(small, (0, 0), 0.7)
    small -= small.mean()
    return np.asarray(small / max(float(np.linalg.norm(small)), 1e-6), np.float32).ravel()


GATHER = {
    "x-ray-body-part": body_x_ray,
    "chest-x-ray": chest_x_ray,
    "brain-mri": brain_mri,
    "brain-mri-elsewhere": brain_mri_elsewhere,
    "mammogram": mammogram,
    "breast-ultrasound": breast_ultrasound,
}

if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
