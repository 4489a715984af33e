"""How well a network's features tell the scanner: a linear probe of the frame size, class by class.

A network that grades by the lesion alone has no use for the scanner, and its pooled features should
say little about it. The probe is fitted on the images that the network was trained on and tested on
those that it never saw; within a class, so that the class itself cannot help.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hcc_xai import stats
from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.dataset.folder import image_path, read_index
from hcc_xai.imaging.frame import Frame, find_sector
from hcc_xai.imaging.read import read
from hcc_xai.model.bundle import load_bundle

_LEAST = 5  # images that a frame size needs, fitted on and tested on, to take part


def scanner_probe(
    bundles: Mapping[int, Path],
    data: str | Path,
    *,
    device: str | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Balanced accuracy of the probe over all folds.

    Args:
        bundles: fold -> the bundle trained without it.

    Returns:
        label -> figure (value, low, high, n) with "chance" (one over the number of frame sizes),
        and under "mean" the mean over the labels. Labels of one frame size alone are left out.
    """
    records = read_index(data)
    truth = np.array([r.label for r in records])
    strata = np.array([r.stratum for r in records])
    folds = np.array([r.fold for r in records])
    said = np.full(len(records), "", dtype=object)
    inputs: dict[int, NDArray[np.float32]] = {}
    for fold, path in sorted(bundles.items()):
        analyzer = Analyzer(load_bundle(path), device=device)
        size = analyzer.config.network.size
        if size not in inputs:
            images = (read(image_path(data, r.name)) for r in records)
            inputs[size] = np.stack(
                [Frame.around(find_sector(i.pixels), size=size).to_network(i.grey) for i in images]
            )
        report(f"fold {fold}: features of {len(records)} images")
        features = analyzer.pooled(inputs[size]).reshape(len(records), -1)
        for label in np.unique(truth):
            _probe(features, strata, (truth == label), folds == fold, said)
    return _figures(said, truth, strata)


def _probe(
    features: NDArray[np.float32],
    strata: NDArray[Any],
    mine: NDArray[np.bool_],
    held: NDArray[np.bool_],
    said: NDArray[Any],
) -> None:
    """Fit on the images of a class that are not held out, and say the frame size of those that
    are."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    names, counts = np.unique(strata[mine], return_counts=True)
    usable = mine & np.isin(strata, names[counts >= 2 * _LEAST])
    fitted, tested = usable & ~held, usable & held
    if len(np.unique(strata[fitted])) < 2 or not tested.any():
        return
    linear = LogisticRegression(C=0.1, class_weight="balanced", max_iter=2000)
    probe = make_pipeline(StandardScaler(), linear)
    said[tested] = probe.fit(features[fitted], strata[fitted]).predict(features[tested])


def _figures(said: NDArray[Any], truth: NDArray[Any], strata: NDArray[Any]) -> dict[str, Any]:
    known = said != ""
    found: dict[str, Any] = {}
    if not known.any():
        return found
    weights = stats.draws(int(known.sum()))
    each, chances = [], []
    for label in np.unique(truth[known]):
        mine = truth[known] == label
        scores = stats.balanced_accuracy(
            said[known][mine].astype(str), strata[known][mine], weights[:, mine]
        )
        chance = 1 / len(np.unique(strata[known][mine]))
        found[str(label)] = stats.figure(scores, int(mine.sum())).to_dict() | {"chance": chance}
        each.append(scores)
        chances.append(chance)
    mean = stats.figure(np.asarray(np.mean(each, axis=0)), int(known.sum())).to_dict()
    return found | {"mean": mean | {"chance": float(np.mean(chances))}}
