"""Fixtures that many tests share: a tiny seeded bundle and phantoms. Nothing here downloads."""

from __future__ import annotations

import asyncio
import csv
import gc
import os
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import PIL.Image
import pytest
import torch
from bundle_tools import (  # noqa: F401  (fixtures)
    bundle_files,
    bundle_folder,
    bundle_server,
    bundle_state,
)

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.analysis.models import Models, load
from hcc_xai.imaging import draw
from hcc_xai.imaging.frame import Frame, find_sector
from hcc_xai.model.bundle import BundleConfig, save_bundle
from hcc_xai.model.network import Network, NetworkConfig, sector_of
from hcc_xai.model.router import OTHER, Sight
from hcc_xai.phantoms.phantom import make, random_spec

if TYPE_CHECKING:
    from hcc_xai.page.tabs.analyze import AnalyzeTab

# Bundles of tests answer about phantoms whatever their kind; what tests the router names it.
os.environ["HCC_XAI_ROUTER"] = ""

LABELS = ("normal", "benign", "malignant")
LIVER, CHEST = "liver-ultrasound", "chest-x-ray"
_WIDE = "\n".join("|" + f" {cell} |" * 12 for cell in ("frame", "---", "1024x768"))  # a table


@dataclass(frozen=True)
class Shape:
    """What bundles of different kinds of picture differ in.

    Attributes:
        labels: of the grades. masks: of the outlines. target, organ: among the masks, or None.
        kind: of picture. multiple: whether several labels may hold. deep: of the network.
    """

    labels: tuple[str, ...] = LABELS
    masks: tuple[str, ...] = ("liver", "lesion")
    target: str | None = "lesion"
    organ: str | None = "liver"
    kind: str = "liver-ultrasound"
    multiple: bool = False
    deep: int = 0


TUMOURS = ("glioma", "meningioma", "pituitary", "metastasis")
SHAPES = {
    "liver": Shape(("G1", "G2", "G3"), ("liver", "lesion")),
    "no masks": Shape(("normal", "abnormal"), (), None, None, "chest-x-ray"),
    "four labels": Shape(TUMOURS, ("tumour",), "tumour", None, "brain-mri", deep=8),
    "three masks": Shape(LABELS, ("lungs", "heart", "nodule"), "nodule", "lungs", "chest-x-ray"),
    "organ alone": Shape(("normal", "abnormal"), ("lungs",), None, "lungs", "chest-x-ray"),
    "together": Shape(("hand", "wrist", "knee"), (), None, None, "x-ray-body-part", True, 12),
}


def make_tiny(folder: Path, *, seed: int = 0, shape: Shape = Shape()) -> Path:
    """A bundle with random weights, quick to run; it outlines and grades, but knows nothing."""
    torch.manual_seed(seed)
    network = Network(
        NetworkConfig(
            trunk="mobilenetv3_small_050",
            size=96,
            channels=16,
            labels=shape.labels,
            masks=shape.masks,
            target=shape.target,
            multiple=shape.multiple,
            deep=shape.deep,
        )
    )
    scans = [make(random_spec(s, shape=(120, 160))).pixels for s in range(6)]
    frames = [Frame.around(find_sector(s), size=96) for s in scans]
    inputs = [f.to_network(s[..., 0] / 255.0) for f, s in zip(frames, scans, strict=True)]
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = None  # the mean over what it is shown
        x = torch.from_numpy(np.stack(inputs))[:, None]
        network.train()(x)
        network.grade_head.weight.mul_(20)
        # Outline something of every phantom: half of it as liver, a sixth as lesion.
        masks = network.eval()(x).masks
        seen = (sector_of(x) > 0)[:, 0]
        for index, name in enumerate(shape.masks):
            share = 0.16 if name == shape.target else 0.5
            network.mask_head.bias[index] -= masks[:, index][seen].quantile(1 - share)
    config = BundleConfig(
        name="tiny",
        network=network.config,
        titles={name: {"en": f"{name} (test)", "es": f"{name} (prueba)"} for name in shape.labels},
        licence="cc0-1.0",
        positive="malignant" if "malignant" in shape.labels else None,
        **({} if shape == Shape() else {"format": 2, "kind": shape.kind, "organ": shape.organ}),
        scales={"grad-cam++": 0.5, "contribution": 0.01},
    )
    return save_bundle(
        folder, config, network.state_dict(), f"# tiny\n\nRandom weights, for tests.\n\n{_WIDE}"
    )


class Told:
    """A router that tells a film from a scan by its brightness; white is neither."""

    kinds = (LIVER, CHEST, OTHER)
    least = {LIVER: 0.2, CHEST: 0.2}

    def look(self, greys: Sequence[np.ndarray]) -> tuple[Sight, ...]:
        return tuple(self.sight(float(np.mean(grey))) for grey in greys)

    def sight(self, level: float) -> Sight:
        if level > 0.9:
            return Sight({LIVER: 0.1, CHEST: 0.2, OTHER: 0.7}, 0.9, True)
        liver = 0.9 if level < 0.5 else 0.02
        return Sight({LIVER: liver, CHEST: 0.98 - liver, OTHER: 0.02}, 0.2, False)

    def could_be(self, sight: Sight, kind: str) -> bool:
        return not sight.strange and sight.probabilities[kind] >= self.least[kind]


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two bundles: a liver's, and a chest's with its lungs."""
    folder = tmp_path_factory.mktemp("several")
    make_tiny(folder / "liver", shape=Shape())
    make_tiny(folder / "chest", shape=SHAPES["organ alone"])
    return folder


@pytest.fixture
def models(bundles: Path) -> Models:
    """Both bundles behind a router that goes by brightness."""
    return Models({LIVER: bundles / "liver", CHEST: bundles / "chest"}, Told(), device="cpu")


@pytest.fixture(scope="session")
def film() -> np.ndarray:
    """(120, 140, 3) uint8: what `Told` takes for a chest X-ray."""
    grey = np.random.default_rng(0).integers(120, 220, (120, 140)).astype(np.uint8)
    return np.dstack([grey] * 3)


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture(scope="session")
def tiny(tiny_bundle: Path) -> Analyzer:
    return load(tiny_bundle, device="cpu")


@pytest.fixture(scope="session")
def scan() -> np.ndarray:
    """(300, 400, 3) uint8: a phantom with one malignant lesion."""
    return make(random_spec(3, label="malignant", shape=(300, 400))).pixels


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of phantoms: three classes, two folds, one picture without a liver outline."""
    folder = tmp_path_factory.mktemp("data")
    for name in ("images", "masks", "sectors"):
        (folder / name).mkdir()
    rows = []
    for i in range(12):
        label = LABELS[i % 3]
        phantom = make(random_spec(i, label=label, shape=(120, 160)))
        truth = phantom.liver.astype(np.uint8) + phantom.lesion
        pictures = (("images", phantom.pixels[..., ::-1]), ("masks", truth),
                    ("sectors", phantom.sector.astype(np.uint8) * 255))  # fmt: skip
        for kind, picture in pictures:
            cv2.imwrite(str(folder / kind / f"{label}_{i}.png"), picture)
        rows.append(
            [f"{label}_{i}", label, i % 2, "a" if i < 6 else "b", i, "none" if i == 5 else ""]
        )
    with (folder / "index.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["name", "label", "fold", "stratum", "group", "note"], *rows])
    return folder


@pytest.fixture(scope="module")
def tidy() -> Iterator[None]:
    """Gradio opens an event loop for each `Blocks` and never closes it; Python complains later."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        asyncio.set_event_loop(None)
        gc.collect()


@pytest.fixture(scope="session")
def png(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a malignant lesion, 150 x 200 pixels."""
    path = tmp_path_factory.mktemp("scans") / "scan.png"
    PIL.Image.fromarray(make(random_spec(3, label="malignant", shape=(150, 200))).pixels).save(path)
    return path


@pytest.fixture
def tab(tiny: Analyzer) -> AnalyzeTab:
    """The tab "Analyze", where nothing was asked yet."""
    return make_tab(tiny)


def make_tab(analyzer: Analyzer) -> AnalyzeTab:
    """The tab "Analyze" of a bundle."""
    import gradio as gr

    from hcc_xai.page.gradio_settings import blocks_settings
    from hcc_xai.page.labels import Labels
    from hcc_xai.page.memory import Answers
    from hcc_xai.page.tabs.analyze import AnalyzeTab

    blocks_settings()
    with gr.Blocks(analytics_enabled=False):
        return AnalyzeTab(analyzer, Answers(), Labels(), gr.Radio(["en", "es"]))


@pytest.fixture(scope="session")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ZIP of six phantoms and a table."""
    path = tmp_path_factory.mktemp("review") / "all.zip"
    lines = ["file,label,site"]
    with zipfile.ZipFile(path, "w") as archive:
        for i, label in enumerate(("normal", "benign", "malignant") * 2):
            picture = make(random_spec(i, label=label, shape=(120, 160))).pixels
            archive.writestr(f"x/{i}.png", draw.png(picture))
            lines.append(f"{i}.png,{label},{'AB'[i % 2]}")
        archive.writestr("x/table.csv", "\n".join(lines))
        archive.writestr("../../out.csv", "file,label")
    return path
