"""The router, from the public sets that the bundles are trained on.

    python scripts/train_router.py SETS TRUNK OUT

SETS is a folder with `aul/`, `body-x-ray/`, `brain-mri/`, `chest-x-ray/`, `mammogram/` and
`kinds/`, each with an index.csv; TRUNK the ImageNet weights of mobilenetv2_100 as safetensors. What
the trunk sees of every picture, as it is and in four disguises, is kept in OUT/features.npz; then
sources are left out one by one, limits are set on what was said of them, and `config.json`,
`trunk.safetensors`, `head.safetensors` and `metrics.json` are written. Forty minutes on one core.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from safetensors.torch import load_file

from hcc_xai.files import write_json
from hcc_xai.model.router import OTHER, OTHER_ULTRASOUND, Head, Router, new_trunk
from hcc_xai.training.disguise import disguise, stranger
from hcc_xai.training.pretrained import fitting_tensors
from hcc_xai.training.router import (
    Seen,
    far_distances,
    fates,
    fit_head,
    least_chances,
    leave_folds_out,
    leave_sources_out,
    temperature,
)

TRUNK, SIZE = "mobilenetv2_100", 160
DISGUISES, STRANGERS = 4, 900
KEEP = 0.98  # share of a kind's pictures of another source that must not be stopped
MORE = 0.06  # how much further another source's pictures lie than this one's, as seen of the others
SURE = 0.35  # calibrated probability that some kind needs
NAMES = (
    "liver-ultrasound",
    "breast-ultrasound",
    OTHER_ULTRASOUND,
    "brain-mri",
    "chest-x-ray",
    "mammogram",
    "x-ray-body-part",
    OTHER,
)
KINDS = {
    "breast-ultrasound": "breast-ultrasound",
    "thyroid-ultrasound": OTHER_ULTRASOUND,
    "fetal-ultrasound": OTHER_ULTRASOUND,
    "heart-ultrasound": OTHER_ULTRASOUND,
    "lung-ultrasound": OTHER_ULTRASOUND,
    "brain-mri": "brain-mri",
    "chest-x-ray": "chest-x-ray",
    "mammogram": "mammogram",
    "limb-x-ray": "x-ray-body-part",
    "photograph": OTHER,
    "screenshot": OTHER,
}
# Sources that are left out together; of breast ultrasound and mammograms there is one source each.
GROUPS = (
    ("aul-1024x768",),
    ("aul-720x576",),
    ("aul-768x576", "aul-800x600", "aul-other"),
    ("thyroid-ultrasound",),
    ("fetal-ultrasound",),
    ("heart-ultrasound",),
    ("lung-ultrasound",),
    ("cheng", "brain-mri"),
    ("lgg",),
    ("shenzhen",),
    ("chest-x-ray",),
    ("unifesp-chest",),
    ("unifesp-part",),
    ("limb-x-ray",),
    ("photograph",),
    ("screenshot",),
    ("stranger",),
)


class Picture(NamedTuple):
    """path: of the file. kind: one of `NAMES`. source: what is left out together."""

    path: Path
    kind: str
    source: str


def pictures(sets: Path) -> Iterator[Picture]:
    """All pictures that the router learns from."""
    for row in rows_of(sets / "aul"):
        path = sets / "aul" / "images" / f"{row['name']}.jpg"
        yield Picture(path, "liver-ultrasound", f"aul-{row['stratum']}")
    for path in sorted((sets / "aul" / "raw").iterdir()):
        yield Picture(path, "liver-ultrasound", "aul-raw")
    for row in rows_of(sets / "kinds"):
        yield Picture(sets / "kinds" / row["path"], KINDS[row["kind"]], row["kind"])
    rng = np.random.default_rng(0)
    brain = rows_of(sets / "brain-mri")
    for source, most in (("cheng", 700), ("lgg", 500)):
        own = [row for row in brain if row["source"] == source]
        for i in rng.permutation(len(own))[:most]:
            yield Picture(sets / "brain-mri" / own[i]["path"], "brain-mri", source)
    for row in rows_of(sets / "chest-x-ray"):
        yield Picture(sets / "chest-x-ray" / row["path"], "chest-x-ray", "shenzhen")
    for row in rows_of(sets / "mammogram"):
        yield Picture(sets / "mammogram" / row["path"], "mammogram", "mini-mias")
    for row in rows_of(sets / "body-x-ray"):
        chest = row["label"] == "chest"
        kind, part = ("chest-x-ray", "chest") if chest else ("x-ray-body-part", "part")
        yield Picture(sets / "body-x-ray" / row["path"], kind, f"unifesp-{part}")


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "index.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def look_at(sets: Path, weights: Path, out: Path) -> tuple[Seen, Router]:
    """What the trunk sees of everything, kept in OUT; and a router without a head of its own."""
    trunk = new_trunk(TRUNK)
    state = {name: value.float() for name, value in load_file(str(weights)).items()}
    own = trunk.state_dict()
    trunk.load_state_dict({**own, **fitting_tensors(state, own)})
    empty = Head(*(np.zeros(0, np.float32),) * 7)
    config = {"kinds": NAMES, "size": SIZE, "far": {}, "sure": SURE, "least": {}}
    router = Router(config, trunk, empty)
    kept = out / "features.npz"
    if not kept.is_file():
        np.savez(kept, **_seen(sets, router))
    arrays = np.load(kept, allow_pickle=False)
    return Seen(**{name: arrays[name] for name in arrays.files}, names=NAMES), router


def _seen(sets: Path, router: Router) -> dict[str, np.ndarray]:
    features, kinds, sources, plain, order = [], [], [], [], []
    numbers: dict[str, int] = {}  # a film that stands in two folders is one

    def add(greys: list[np.ndarray], kind: str, source: str, name: str) -> None:
        features.append(router.features([grey / np.float32(255) for grey in greys]))
        kinds.extend([NAMES.index(kind)] * len(greys))
        sources.extend([source] * len(greys))
        order.extend([numbers.setdefault(f"{kind}/{name}", len(numbers))] * len(greys))
        plain.extend([True, *[False] * (len(greys) - 1)])

    for index, picture in enumerate(pictures(sets)):
        grey = np.asarray(cv2.imread(str(picture.path), cv2.IMREAD_GRAYSCALE), np.uint8)
        scale = min(1.0, 480 / max(grey.shape))
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        views = [disguise(grey, np.random.default_rng([index, v])) for v in range(1, DISGUISES + 1)]
        add([grey, *views], picture.kind, picture.source, picture.path.stem)
        if index % 500 == 0:
            print(f"{index} pictures seen", flush=True)
    for index in range(STRANGERS):
        rng = np.random.default_rng([10**6, index])
        grey = stranger(index, rng)
        add([disguise(grey, rng) if index % 2 else grey], OTHER, "stranger", str(index))
    return {
        "features": np.concatenate(features),
        "kinds": np.array(kinds),
        "sources": np.array(sources),
        "plain": np.array(plain),
        "order": np.array(order),
    }


def main(sets: Path, weights: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    everything, router = look_at(sets, weights, out)
    left = leave_sources_out(everything, GROUPS)
    alone = np.isin(everything.sources, ("breast-ultrasound", "mammogram", "mini-mias"))
    folds = np.where(alone, everything.order % 5, -1)
    one_source = leave_folds_out(everything, folds)
    by = temperature(left)
    router.least = least_chances(left, by, keep=KEEP)
    router.far = far_distances(left, one_source, keep=KEEP, more=MORE)
    router.sure = SURE
    head = fit_head(everything)
    scaled = {"weight": head.weight / np.float32(by), "bias": head.bias / np.float32(by)}
    router.head = Head(**{**vars(head), **scaled})
    router.save(out, trunk=TRUNK)
    rows = [*fates(left, router, by), *fates(one_source, router, by)]
    write_json(out / "metrics.json", {"temperature": by, "left_out": rows})
    for row in rows:
        print(row)
    print(f"temperature {by:.2f}, far {router.far}, least {router.least}")


if __name__ == "__main__":
    main(*(Path(path) for path in sys.argv[1:4]))
