"""May this model be used, and for whom? Its answers by group, and what it does when something is
changed that no lesion has.

`read_table` understands a user's table, `measure` has the model answer every image, `by_group`
and `shortcuts` compare the answers, `versus` sets another model beside it; `Audit.to_html` writes
the document.
"""

from __future__ import annotations

import datetime
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.analysis.models import load
from hcc_xai.auditing.groups import by_group, worst
from hcc_xai.auditing.measure import OWN, Measurement, measure
from hcc_xai.auditing.metrics import overall
from hcc_xai.auditing.report import About, GroupRow, Report, Shortcut, Versus
from hcc_xai.auditing.shortcuts import shortcuts
from hcc_xai.auditing.table import Case, Table, read_table
from hcc_xai.auditing.versus import versus
from hcc_xai.errors import DataError, HccXaiError
from hcc_xai.language.errors import say
from hcc_xai.model.bundle import default_model
from hcc_xai.stats import FigureRow
from hcc_xai.version import __version__

Model = Analyzer | str | Path | None  # what `load` takes, or what it gives


@dataclass(frozen=True, eq=False)
class Audit:
    """What an audit found; the rows are described in report.py.

    Attributes:
        about: model, revision, hashes, date, version, seed, n, what was understood of the table.
        groups: every metric of every group.
        shortcuts: what the model may rest on instead of the lesion, and whether it was caught.
        worst: the group that falls furthest behind, or None where no difference stands out.
        overall: metric -> its figure over all images.
        versus: differences to another model, where one was given.
    """

    about: About
    groups: tuple[GroupRow, ...]
    shortcuts: tuple[Shortcut, ...]
    worst: GroupRow | None
    overall: dict[str, FigureRow]
    versus: Versus | None = None

    def to_dict(self) -> Report:
        return {
            "about": self.about,
            "overall": self.overall,
            "groups": list(self.groups),
            "shortcuts": list(self.shortcuts),
            "worst": self.worst,
            "versus": self.versus,
        }

    def to_html(self, path: str | Path) -> Path:
        """Write it as one self-contained page in both languages, fit to be printed."""
        from hcc_xai.auditing.document import document

        path = Path(path)
        path.write_text(document(self.to_dict()), encoding="utf-8")
        return path


def audit(
    model: Model,
    table: str | Path | Table,
    *,
    by: Sequence[str] = (),
    other: Model = None,
    folds: Mapping[int, str | Path] | None = None,
    resamples: int = 300,
    shuffles: int = 5000,
    progress: Callable[[float], None] = lambda share: None,
) -> Audit:
    """Audit a model on a user's images.

    Args:
        model: what `load` takes, or an `Analyzer`.
        table: what `read_table` takes, or a `Table`.
        by: columns to group by; by default all of the table's, or else what the tool reads off the
            pictures themselves (`OWN`).
        other: another model, to be compared on the same images.
        folds: fold -> a bundle trained without it, for the images of that fold (the table has a
            column fold): what the audit then says is of a model that never saw them.
        resamples: bootstrap resamples behind every interval.
        shuffles: permutations behind every p-value; many, so that a difference can stand out among
            a hundred comparisons.
        progress: is told the share that is done, and may raise to stop.

    Raises:
        DataError: a column that the table has not, or nothing usable.
        BundleError: no bundle.
    """
    first = _loaded(model)
    labels = first.config.network.labels
    known = table if isinstance(table, Table) else read_table(table, labels)
    columns = _columns(known, by)
    models = _Models(first, _rival(other, labels), _of_folds(folds, known.cases))
    answers = _measured(models, known.cases, progress)
    rows, positive = answers.rows, _positive(first)
    groups = by_group(rows, columns, positive, resamples=resamples, shuffles=shuffles)
    return Audit(
        about=_about(
            models, answers, table=known, columns=columns, draws=resamples, shuffles=shuffles
        ),
        groups=tuple(groups),
        shortcuts=tuple(shortcuts(rows, positive, resamples=resamples)),
        worst=worst(groups),
        overall=overall(rows, positive, resamples=resamples),
        versus=_versus(models, answers, resamples),
    )


@dataclass(frozen=True)
class _Models:
    """The model that is judged, another one beside it, and those that never saw a fold."""

    first: Analyzer
    second: Analyzer | None
    by_fold: Mapping[int, Analyzer]

    def of(self, case: Case) -> Analyzer:
        """The model that answers an image: of the judged one's kind, and it never saw it."""
        return self.first if case.fold is None or not self.by_fold else self.by_fold[case.fold]


@dataclass(frozen=True)
class _Answers:
    """What was measured.

    Attributes:
        rows: the images that could be read, by the model that is judged.
        others: the same images by the other model; empty without one.
        failed: name of each file that could not be measured, and why.
    """

    rows: Sequence[Measurement]
    others: Sequence[Measurement]
    failed: Sequence[tuple[str, HccXaiError]]

    def why(self, language: str) -> list[str]:
        """What could not be measured, a line each."""
        return [f"{name}: {say(error, language)}" for name, error in self.failed]


def _loaded(model: Model) -> Analyzer:
    if isinstance(model, Analyzer):
        return model
    return load(default_model() if model is None else model)


def _columns(table: Table, by: Sequence[str]) -> tuple[str, ...]:
    """What groups are made of.

    Raises:
        DataError: a column that is neither in the table nor one of `OWN`.
    """
    unknown = [c for c in by if c not in table.columns and c not in OWN]
    if unknown:
        raise DataError(
            "audit-unknown-column",
            "no column {columns}; there are {known}",
            columns=", ".join(unknown),
            known=", ".join((*table.columns, *OWN)),
        )
    return tuple(by) or table.columns or OWN


def _rival(other: Model, labels: Sequence[str]) -> Analyzer | None:
    """The other model.

    Raises:
        DataError: it has other labels.
    """
    if other is None:
        return None
    second = _loaded(other)
    if list(second.config.network.labels) != list(labels):
        raise DataError(
            "audit-other-labels", "the other model has other labels; the two cannot be compared"
        )
    return second


def _of_folds(folds: Mapping[int, str | Path] | None, cases: Sequence[Case]) -> dict[int, Analyzer]:
    """Fold -> the model that was trained without it.

    Raises:
        DataError: an image is of a fold without such a model.
    """
    by_fold = {fold: load(path) for fold, path in (folds or {}).items()}
    strange = {c.fold for c in cases} - set(by_fold) if folds else set()
    if strange:
        raise DataError(
            "audit-no-fold",
            "no bundle was trained without fold {folds}",
            folds=", ".join(map(str, strange)),
        )
    return by_fold


def _measured(
    models: _Models, cases: Sequence[Case], progress: Callable[[float], None]
) -> _Answers:
    """All images, by the models that are to answer them.

    Raises:
        DataError: none of them can be read.
    """
    rows, others, failed = [], [], []
    for number, case in enumerate(cases, 1):
        try:
            rows.append(measure(models.of(case), case))
        except HccXaiError as error:
            failed.append((case.path.name, error))
            continue
        if models.second is not None:
            others.append(measure(models.second, case, challenges=False))
        progress(number / len(cases))
    answers = _Answers(rows, others, failed)
    if not rows:
        raise DataError(
            "audit-nothing-read",
            "no image can be read; {why_en}",
            why_en="; ".join(answers.why("en")[:3]),
            why_es="; ".join(answers.why("es")[:3]),
        )
    return answers


def _positive(model: Analyzer) -> str:
    """The label that counts as positive: the malignant one, or the last where none is named."""
    return model.config.positive or model.config.network.labels[-1]


def _about(
    models: _Models,
    answers: _Answers,
    *,
    table: Table,
    columns: Sequence[str],
    draws: int,
    shuffles: int,
) -> About:
    hashes = "".join(sorted(row.sha256 for row in answers.rows))
    return {
        "model": models.first.name,
        "weights_sha256": models.first.bundle.weights_sha256,
        "out_of_fold": bool(models.by_fold),
        "images": len(answers.rows),
        "trained_on": sum(row.trained_on for row in answers.rows),
        "labels": dict(Counter(row.label for row in answers.rows)),
        "positive": _positive(models.first),
        "positive_by": "config" if models.first.config.positive else "last label",
        "images_sha256": hashlib.sha256(hashes.encode()).hexdigest(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "version": __version__,
        "seed": 0,
        "understood": list(table.said),
        "not_read": answers.why("en"),
        "columns": list(columns),
        "draws": draws,
        "shuffles": shuffles,
    }


def _versus(models: _Models, answers: _Answers, resamples: int) -> Versus | None:
    """The comparison with the other model, where there is one."""
    if models.second is None:
        return None
    return versus(
        answers.rows,
        answers.others,
        _positive(models.first),
        other=models.second.name,
        resamples=resamples,
    )
