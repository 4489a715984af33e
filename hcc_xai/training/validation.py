"""How a training goes: figures on images that were held back, and the curves of its epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from hcc_xai.dataset.folder import LESION
from hcc_xai.dataset.samples import Sample, plain
from hcc_xai.model.network import Network
from hcc_xai.stats import dice


def validate(network: Network, samples: Sequence[Sample]) -> dict[str, float]:
    """Figures on held-back samples.

    Returns:
        val_log (mean log loss), val_accuracy, val_liver and val_lesion (mean Dice), and score
        (higher is better), which chooses the epoch.
    """
    labels, device = network.config.labels, next(network.parameters()).device
    logs, dices, livers, hits = [], [], [], []
    with torch.inference_mode():
        for start in range(0, len(samples), 8):
            part = samples[start : start + 8]
            plains = [plain(s, network.config.size) for s in part]
            out = network(torch.from_numpy(np.stack([p[0] for p in plains]))[:, None].to(device))
            up = F.interpolate(out.masks, size=plains[0][0].shape, mode="bilinear")
            outlined = up.cpu().numpy() > 0
            for sample, (_, truth), masks, logits in zip(
                part, plains, outlined, out.logits, strict=True
            ):
                answer = labels.index(sample.record.label)
                logs.append(-float(logits.log_softmax(0)[answer]))
                hits.append(int(logits.argmax()) == answer)
                livers.append(dice(masks[0], truth > 0))
                if (truth == LESION).any():
                    dices.append(dice(masks[1], truth == LESION))
    lesion = float(np.mean(dices)) if dices else 0.0
    row = {
        "val_log": float(np.mean(logs)),
        "val_accuracy": float(np.mean(hits)),
        "val_liver": float(np.mean(livers)),
        "val_lesion": lesion,
    }
    return {**row, "score": lesion - 0.5 * row["val_log"]}


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
            ("grade", "liver", "lesion", "evidence", "val_log"),
            ("val_accuracy", "val_liver", "val_lesion"),
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
