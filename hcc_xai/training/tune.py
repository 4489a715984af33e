"""Search for a better recipe with Optuna: resumable, its study in SQLite, every trial kept.

What is maximised is `validate`'s score on images held back from the training part, so that
the fold that is reported on is never looked at.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hcc_xai.dataset.folder import leave_out, read_index
from hcc_xai.errors import DataError
from hcc_xai.files import write_json
from hcc_xai.kinds.known import LIVER
from hcc_xai.model.network import NetworkConfig
from hcc_xai.training.loop import train
from hcc_xai.training.recipe import TrainConfig

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

STUDY = "study.sqlite3"
_NAME = "recipe"
_SEARCHED = ("rate", "decay", "evidence", "average", "pixels", "over")
_HELD = 0.2  # share of the training part that judges a trial


def tune(
    data: str | Path,
    out: str | Path,
    *,
    network: NetworkConfig,
    trials: int,
    kind: str = LIVER,
    recipe: TrainConfig | None = None,
    fold: int | None = None,
    pretrained: str | Path | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> TrainConfig:
    """Try recipes until the study holds `trials` of them; a killed study goes on.

    Writes `study.sqlite3`, `best.json` (for `train --recipe`) and `study.png` to `out`, and keeps
    each trial's curves. Trials that fall behind are stopped early.

    Args:
        data: the data folder.
        out: folder of the study.
        network: what is trained.
        kind: of picture, a name in `KINDS`.
        trials: how many the study is to hold, at least 1.
        recipe: what is not searched for is taken from it; it is also the first trial.
        fold: left out, to be reported on later; none by default.
        pretrained: safetensors of a trunk, or of a whole network, to start from.
        report: is told one line a trial.

    Returns:
        The best recipe so far, without held-back images.

    Raises:
        DataError: fewer than one trial was asked for, or none came to its end.
    """
    import optuna

    if trials < 1:
        raise DataError("tune-trials", "trials is {trials}; at least 1 is wanted", trials=trials)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    records = leave_out(read_index(data), fold).records
    recipe = replace(recipe or TrainConfig(), validation=_HELD, soup=(), erase=0)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name=_NAME,
        storage=f"sqlite:///{out / STUDY}",
        load_if_exists=True,
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=recipe.seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=recipe.epochs // 3),
    )
    _take_up(study, recipe)

    def objective(trial: Trial) -> float:
        tried = suggest(trial, recipe)

        def watch(row: dict[str, float]) -> None:
            if "score" in row:
                trial.report(row["score"], int(row["epoch"]))
                if trial.should_prune():
                    raise optuna.TrialPruned

        folder = out / f"trial-{trial.number}"
        train(
            data,
            records,
            folder,
            network=network,
            recipe=tried,
            kind=kind,
            pretrained=pretrained,
            cache=out / "cache",
            watch=watch,
        )
        rows = json.loads((folder / "curves.json").read_text(encoding="utf-8"))
        score = max(row["score"] for row in rows if "score" in row)
        report(f"trial {trial.number}: {score:.4f}  {json.dumps(trial.params)}")
        return float(score)

    missing = trials - len(_ended(study))
    if missing > 0:
        study.optimize(objective, n_trials=missing)
    if not any(t.value is not None for t in _ended(study)):
        raise DataError(
            "tune-no-trial-ended", "no trial came to its end; try more trials or more epochs"
        )
    best = replace(recipe, **study.best_params, validation=0.0)
    write_json(out / "best.json", best.to_dict())
    draw_study(_ended(study), out / "study.png")
    return best


def suggest(trial: Trial, recipe: TrainConfig) -> TrainConfig:
    """The recipe that a trial asks for; the ranges are about a factor of three around what was
    found good by hand."""
    return replace(
        recipe,
        rate=trial.suggest_float("rate", 3e-4, 3e-3, log=True),
        decay=trial.suggest_float("decay", 5e-3, 1e-1, log=True),
        evidence=trial.suggest_float("evidence", 0.2, 3.0, log=True),
        average=trial.suggest_categorical("average", [0.99, 0.995, 0.998]),
        pixels=trial.suggest_float("pixels", 0.5, 2.0, log=True),
        over=trial.suggest_float("over", 0.4, 0.75),
    )


def _take_up(study: Study, recipe: TrainConfig) -> None:
    """Queue what a kill interrupted, or, in a new study, the recipe as it stands."""
    from optuna.trial import TrialState

    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
        study.enqueue_trial(trial.params)
    if not study.trials:
        study.enqueue_trial({name: getattr(recipe, name) for name in _SEARCHED})


def _ended(study: Study) -> list[FrozenTrial]:
    from optuna.trial import TrialState

    return study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))


def draw_study(trials: list[FrozenTrial], path: str | Path) -> None:
    """The score of each trial with the best so far, and against each setting, as a PNG."""
    from matplotlib.figure import Figure

    done = [t for t in trials if t.value is not None]
    names = sorted({name for t in done for name in t.params})
    figure = Figure(figsize=(3.2 * (1 + len(names)), 3.2), layout="constrained")
    first, *others = np.atleast_1d(np.asarray(figure.subplots(1, 1 + len(names), sharey=True)))
    scores = [t.value for t in done if t.value is not None]
    first.plot([t.number for t in done], scores, "o")
    first.plot([t.number for t in done], np.maximum.accumulate(scores), drawstyle="steps-post")
    first.set(xlabel="trial", ylabel="score on held-back images")
    for axis, name in zip(others, names, strict=True):
        axis.plot([t.params[name] for t in done], scores, "o")
        axis.set(xlabel=name, xscale="log")
    figure.savefig(path, dpi=110)
