"""How fast is it? The bare forward, the same with every map, the whole analysis, and the usual
two-pass way."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import NotRequired, TypedDict, cast

import numpy as np
import torch
from torch import Tensor, nn

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.imaging.read import Image, read
from hcc_xai.model.network import sector_of
from hcc_xai.model.runtime import TorchRuntime
from hcc_xai.phantoms.phantom import make, random_spec

COLUMNS = ("forward_ms", "maps_ms", "analyze_ms", "two_pass_ms")


class Times(TypedDict):
    """Medians per image, in milliseconds, at one batch size.

    `forward_ms`: the network alone. `maps_ms`: masks and both maps of every class at the network's
    resolution. `analyze_ms`: from decoded pixels to JSON, with masks in the file's pixels and one
    map drawn. `two_pass_ms`: pytorch-grad-cam's Grad-CAM++ (a forward and a backward, one class).
    """

    batch: int
    forward_ms: float
    maps_ms: float
    analyze_ms: float
    two_pass_ms: NotRequired[float]


class Speed(TypedDict):
    """What `bench` measured: the device's name, the threads, and a row a batch size."""

    device: str
    threads: int
    rows: list[Times]


def bench(
    analyzer: Analyzer,
    *,
    batches: Sequence[int] = (1, 8),
    repeats: int = 20,
    shape: tuple[int, int] = (768, 1024),
    two_pass: bool = True,
) -> Speed:
    """Medians per image, in milliseconds, of interleaved runs.

    Args:
        analyzer: of the network.
        batches: batch sizes.
        repeats: runs of each, after two to warm up.
        shape: (height, width) of the phantoms that are analysed, in pixels.
        two_pass: also time pytorch-grad-cam's Grad-CAM++ on the same network.
    """
    pictures = [read(make(random_spec(seed, shape=shape)).pixels) for seed in range(max(batches))]
    rows: list[Times] = []
    for batch in batches:
        runs = _runs(analyzer, pictures[:batch], two_pass=two_pass)
        times: dict[str, list[float]] = {name: [] for name in runs}
        for turn in range(repeats + 2):
            for name, run in runs.items():
                start = time.perf_counter()
                run()
                if analyzer.device.type == "cuda":
                    torch.cuda.synchronize()
                if turn >= 2:
                    times[name].append((time.perf_counter() - start) * 1000 / batch)
        medians = {name: round(median(t), 2) for name, t in times.items()}
        rows.append(cast(Times, {"batch": batch, **medians}))
    return {"device": str(analyzer.device), "threads": torch.get_num_threads(), "rows": rows}


def _runs(
    analyzer: Analyzer, pictures: Sequence[Image], *, two_pass: bool
) -> dict[str, Callable[[], object]]:
    size = analyzer.config.network.size
    inputs = np.stack([a.frame.to_network(a.image.grey) for a in analyzer.analyze(list(pictures))])
    x = torch.from_numpy(inputs)[:, None].to(analyzer.device)
    runtime = TorchRuntime(analyzer.network, analyzer.device)

    def forward() -> object:
        with torch.inference_mode():
            shared, _ = runtime.features(x, half=x.device.type == "cuda")
            return runtime.network.heads(shared, sector_of(x))

    def analyze() -> object:
        answers = analyzer.analyze(list(pictures))
        return [(json.dumps(a.to_dict()), a.masks, a.overlay()) for a in answers]

    runs: dict[str, Callable[[], object]] = {
        "forward_ms": forward,
        "maps_ms": lambda: analyzer.forward(inputs),
        "analyze_ms": analyze,
    }
    if two_pass:
        runs["two_pass_ms"] = _two_pass(analyzer, x.view(-1, 1, size, size))
    return runs


class _Grades(nn.Module):
    """The network as pytorch-grad-cam wants it: a picture in, logits out."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.network(x).logits
        return logits


def _two_pass(analyzer: Analyzer, x: Tensor) -> Callable[[], object]:
    from pytorch_grad_cam import GradCAMPlusPlus
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    network = analyzer.bundle.network().to(analyzer.device).to(memory_format=torch.channels_last)
    network.requires_grad_(True)
    cam = GradCAMPlusPlus(model=_Grades(network), target_layers=[network.last])
    targets = [ClassifierOutputTarget(len(analyzer.config.network.labels) - 1)] * len(x)
    return lambda: cam(input_tensor=x, targets=targets)


def as_text(result: Speed) -> str:
    """The result as a table for people."""
    lines = [
        f"{result['device']}, {result['threads']} threads; milliseconds per image, medians",
        "batch  " + "  ".join(f"{c:>12}" for c in COLUMNS),
    ]
    lines += [
        f"{row['batch']:>5}  " + "  ".join(f"{row.get(c, float('nan')):>12.1f}" for c in COLUMNS)
        for row in result["rows"]
    ]
    return "\n".join(lines)
