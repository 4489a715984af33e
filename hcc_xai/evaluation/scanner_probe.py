"""How well a network's features tell the scanner: a linear probe of the frame size, class by class.

A network that grades by the lesion alone has no use for the scanner, and its pooled features should
say little about it. The probe is fitted on the images that the network was trained on and tested on
those that it never saw; within a class, so that the class itself cannot help.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hcc_xai import stats
from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.dataset.folder import image_path, read_index
from hcc_xai.evaluation.summary import ProbeFigure
from hcc_xai.imaging.read import read
from hcc_xai.model.bundle import load_bundle
from hcc_xai.stats import Floats

Mask = NDArray[np.bool_]
_LEAST = 5  # images that a frame size needs, fitted on and tested on, to take part


def scanner_probe(
    bundles: Mapping[int, Path],
    data: str | Path,
    *,
    device: str | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, ProbeFigure]:
    """Balanced accuracy of the probe over all folds.

    Args:
        bundles: fold -> the bundle trained without it.
        data: the data folder.
        device: to compute on; the best there is by default.
        report: is told one line a fold.

    Returns:
        Label -> figure, and under "mean" the mean over the labels. Labels of one frame size alone
        are left out; empty where no label is left.
    """
    records = read_index(data)
    truth = np.array([r.label for r in records])
    strata = np.array([r.stratum for r in records])
    if len(np.unique(strata)) == 1:
        return {}
    folds = np.array([r.fold for r in records])
    guesses = np.full(len(records), "", dtype=object)
    inputs: dict[int, NDArray[np.float32]] = {}
    for fold, path in sorted(bundles.items()):
        analyzer = Analyzer(load_bundle(path), device=device)
        size = analyzer.config.network.size
        if size not in inputs:
            images = (read(image_path(data, r.name)) for r in records)
            inputs[size] = np.stack([analyzer.prepare_seen(image, None).input for image in images])
        report(f"fold {fold}: features of {len(records)} images")
        features = analyzer.pooled(inputs[size]).reshape(len(records), -1)
        for label in np.unique(truth):
            mine = truth == label
            guesses[mine & (folds == fold)] = probe(
                features, strata, fitted=mine & (folds != fold), tested=mine & (folds == fold)
            )
    return probe_figures(guesses.astype(str), truth, strata)


def probe(
    features: NDArray[np.float32], strata: NDArray[np.str_], *, fitted: Mask, tested: Mask
) -> NDArray[np.str_]:
    """Guess the frame size of some images from their features.

    Args:
        features: (N, D).
        strata: (N,) frame sizes.
        fitted: (N,), the images that the probe is fitted on.
        tested: (N,), those whose frame size is guessed.

    Returns:
        A frame size for each that is tested; "" where it is too rare to take part, and for all
        where there are not two to tell apart.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    guesses = np.full(len(strata), "", dtype=object)
    names, counts = np.unique(strata[fitted | tested], return_counts=True)
    usable = np.isin(strata, names[counts >= 2 * _LEAST])
    fitted, asked = fitted & usable, tested & usable
    if len(np.unique(strata[fitted])) >= 2 and asked.any():
        linear = LogisticRegression(C=0.1, class_weight="balanced", max_iter=2000)
        pipeline = make_pipeline(StandardScaler(), linear)
        pipeline.fit(features[fitted], strata[fitted])
        guesses[asked] = pipeline.predict(features[asked])
    return guesses[tested].astype(str)


def probe_figures(
    guesses: NDArray[np.str_], truth: NDArray[np.str_], strata: NDArray[np.str_]
) -> dict[str, ProbeFigure]:
    """How good the guesses of frame sizes are, class by class.

    Args:
        guesses: (N,), "" where there is none.
        truth: (N,) classes.
        strata: (N,) true frame sizes.

    Returns:
        Class -> balanced accuracy, and "mean" over the classes; empty without any guess.
    """
    known = guesses != ""
    if not known.any():
        return {}
    guesses, truth, strata = guesses[known], truth[known], strata[known]
    weights = stats.draws(len(truth))
    figures, each = {}, []
    for label in np.unique(truth):
        mine = truth == label
        each.append(stats.balanced_accuracy(guesses[mine], strata[mine], weights[:, mine]))
        chance = 1 / len(np.unique(strata[mine]))
        figures[str(label)] = _with_chance(each[-1], int(mine.sum()), chance)
    mean = np.asarray(np.mean(each, axis=0))
    chance = float(np.mean([figure.chance for figure in figures.values()]))
    return figures | {"mean": _with_chance(mean, len(truth), chance)}


def _with_chance(resamples: Floats, n: int, chance: float) -> ProbeFigure:
    figure = stats.figure(resamples, n)
    return ProbeFigure(figure.value, figure.low, figure.high, figure.n, chance)
