"""What the scanner alone gives away of a picture's class: figures of the frame, and a guess from
them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hcc_xai.stats import Floats

FRAME = ("width", "height", "brightness", "sharpness", "sector_share")


def frame_features(grey: NDArray[np.float32], sector: NDArray[np.bool_]) -> dict[str, float]:
    """What the scanner alone gives away.

    Args:
        grey: (H, W) float32 in [0, 1].
        sector: (H, W) bool, what was scanned.

    Returns:
        "width" and "height" of the frame in pixels, "brightness" (mean grey level of the sector, 0
        to 1), "sharpness" (mean absolute Laplacian over the mean grey level), and "sector_share"
        (share of the frame that was scanned, 0 to 1).
    """
    brightness = float(grey[sector].mean())
    inner = cv2.erode(sector.astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=0) > 0
    edges = abs(cv2.Laplacian(np.ascontiguousarray(grey, np.float32), cv2.CV_32F))
    sharpness = float(edges[inner].mean()) / max(brightness, 1e-6) if inner.any() else 0.0
    return {
        "width": grey.shape[1],
        "height": grey.shape[0],
        "brightness": brightness,
        "sharpness": sharpness,
        "sector_share": float(sector.mean()),
    }


def frame_baseline(rows: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> Floats | None:
    """Probabilities from the frame alone: gradient boosting on its size, brightness, sharpness and
    share scanned, out of fold.

    Args:
        rows: N pictures; each has a label (of several joined by "+", the first counts), a fold,
            and what `frame_features` gives.
        labels: K of them, in the order of the columns.

    Returns:
        (N, K) float64, or None where a fold is all there is, or the others hold one class alone.
    """
    from sklearn.ensemble import GradientBoostingClassifier

    features = np.array([[r[k] for k in FRAME] for r in rows], np.float64)
    truth, folds = (
        np.array([labels.index(r["label"].split("+")[0]) for r in rows]),
        np.array([r["fold"] for r in rows]),
    )
    chances = np.zeros((len(rows), len(labels)))
    for fold in np.unique(folds):
        fitted = folds != fold
        if len(set(truth[fitted])) < 2:
            return None
        model = GradientBoostingClassifier(
            n_estimators=80, max_depth=3, subsample=0.8, random_state=0
        )
        model.fit(features[fitted], truth[fitted])
        chances[np.ix_(~fitted, model.classes_)] = model.predict_proba(features[~fitted])
    return chances
