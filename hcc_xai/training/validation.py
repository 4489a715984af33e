"""How a training goes: figures on images that were held back, and the curves of its epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from hcc_xai.dataset.folder import TARGET
from hcc_xai.dataset.samples import Sample, plain
from hcc_xai.model.network import Network
from hcc_xai.stats import dice


def validate(network: Network, samples: Sequence[Sample]) -> dict[str, float]:
    """Figures on held-back samples.

    Returns:
        val_log (mean log loss), val_accuracy (how often the most probable label holds), val_organ
        and val_target (mean Dice, where there are such masks; of a box where that is all), and
        score (higher is better), which chooses the epoch.
    """
    config, device = network.config, next(network.parameters()).device
    labels = config.labels
    logs: list[float] = []
    hits: list[bool] = []
    dices: dict[str, list[float]] = {"organ": [], "target": []}
    with torch.inference_mode():
        for start in range(0, len(samples), 8):
            part = samples[start : start + 8]
            plains = [plain(s, network.config.size) for s in part]
            out = network(torch.from_numpy(np.stack([p[0] for p in plains]))[:, None].to(device))
            outlined = np.zeros((len(part), 0, *plains[0][0].shape), bool)
            if config.masks:
                up = F.interpolate(out.masks, size=plains[0][0].shape, mode="bilinear")
                outlined = up.cpu().numpy() > 0
            for sample, (_, truth), masks, logits in zip(
                part, plains, outlined, out.logits, strict=True
            ):
                record = sample.record
                held = torch.tensor([k in record.labels for k in labels], device=device)
                if config.multiple:
                    each = F.binary_cross_entropy_with_logits(logits, held.float())
                    logs.append(float(each))
                else:
                    logs.append(-float(logits.log_softmax(0)[held].sum()))
                hits.append(bool(held[logits.argmax()]))
                for name, mask in zip(config.masks, masks, strict=True):
                    if name != config.target and record.has_organ:
                        dices["organ"].append(dice(mask, truth > 0))
                    elif name == config.target and (truth == TARGET).any():
                        dices["target"].append(dice(mask, truth == TARGET))
    own = {f"val_{role}": float(np.mean(values)) for role, values in dices.items() if values}
    row = {"val_log": float(np.mean(logs)), "val_accuracy": float(np.mean(hits)), **own}
    return {**row, "score": own.get("val_target", 0.0) - 0.5 * row["val_log"]}


def draw_curves(rows: Sequence[Mapping[str, float]], path: Path) -> None:
    """Draw the losses and the figures of every epoch, as a PNG.

    Args:
        rows: a row an epoch: "epoch", the losses, and in some the figures of `validate`.
        path: the file to write.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.5), layout="constrained")
    for axis, keys in zip(
        figure.subplots(1, 2),
        (
            ("grade", "organ", "target", "evidence", "val_log"),
            ("val_accuracy", "val_organ", "val_target"),
        ),
        strict=True,
    ):
        for key in keys:
            points = [(row["epoch"], row[key]) for row in rows if key in row]
            if points:
                axis.plot(*zip(*points, strict=True), marker=".", label=key)
        axis.set_xlabel("epoch")
        if axis.lines:
            axis.legend()
    figure.savefig(path, dpi=110)
