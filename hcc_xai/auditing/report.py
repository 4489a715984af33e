"""What an audit hands over: the types of its rows, just as they stand in its JSON."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from hcc_xai.stats import FigureRow


class About(TypedDict):
    """What was judged, on what, and how.

    Attributes:
        model: name and revision of the bundle.
        weights_sha256: of the bundle's weights.
        out_of_fold: whether every image was judged by a model that never saw it.
        images: how many were measured.
        trained_on: how many of them the model was trained on, or on a near copy.
        labels: true label -> images.
        positive: the label that sensitivity, specificity and AUROC are about.
        positive_by: who says so: the bundle's "config", or nobody, and it is the "last label".
        images_sha256: of the hashes of all images, whatever their order.
        date: of the audit, in UTC, as 2026-01-31.
        version: of hcc_xai.
        seed: of all that is drawn at random.
        understood: sentences about the table, each by language.
        not_read: one line in English for each image that could not be measured.
        columns: what the groups are made of.
        draws: bootstrap resamples behind an interval.
        shuffles: permutations behind a p-value.
    """

    model: str
    weights_sha256: str
    out_of_fold: bool
    images: int
    trained_on: NotRequired[int]  # reports of older versions lack it
    labels: dict[str, int]
    positive: str
    positive_by: Literal["config", "last label"]
    images_sha256: str
    date: str
    version: str
    seed: int
    understood: list[dict[str, str]]
    not_read: list[str]
    columns: list[str]
    draws: int
    shuffles: int


class GroupRow(FigureRow):
    """One metric of one group.

    Attributes:
        column: what the groups are made of.
        group: the group's name.
        metric: see `METRICS`.
        small: whether the group has too few images to say anything.
        rest: the metric over all images of other groups.
        p: how often groups drawn at random differ as much; of the column and metric, corrected for
            all comparisons after Holm. None where they are not compared.
    """

    column: str
    group: str
    metric: str
    small: bool
    rest: float | None
    p: float | None


class Baseline(FigureRow):
    """The AUROC that something other than the model reaches.

    Attributes:
        name: "frame-alone" or "size-alone".
        caught: whether it is so high that it speaks against the model.
    """

    name: str
    kind: Literal["baseline"]
    caught: bool


class Moved(FigureRow):
    """What a change of the picture does to the answers; the figure is the share that it speaks
    against.

    Attributes:
        median_move: median change of the answer's probability.
        flips: answers that become another.
        sure_flips: those of them that were given with 0.7 or more.
        sure_n: answers that were given with 0.7 or more.
    """

    median_move: float
    flips: int
    sure_flips: int
    sure_n: int


class Change(Moved):
    """A change of the picture that no lesion makes.

    Attributes:
        name: see `CHANGES` of the challenges.
        caught: whether it speaks against the model.
    """

    name: str
    kind: Literal["change"]
    caught: bool


class Step(Moved):
    """One step of a change that goes from little to much; amount: how much."""

    amount: float


class Steps(TypedDict):
    """A change in steps: shown, and never judged, for the changes are points on them.

    Attributes:
        name: see `STEPS` of the challenges.
        steps: from one end to the other.
    """

    name: str
    kind: Literal["steps"]
    steps: list[Step]
    caught: bool


Shortcut = Baseline | Change | Steps


class Versus(TypedDict):
    """The model beside another one, on the same images.

    Attributes:
        model: name and revision of the other one.
        differences: metric -> this model less the other, paired.
        only_this_right: images that only this model answers rightly.
        only_other_right: images that only the other answers rightly.
        p: McNemar's exact test of these two numbers.
    """

    model: str
    differences: dict[str, FigureRow]
    only_this_right: int
    only_other_right: int
    p: float


class Report(TypedDict):
    """A whole audit; the parts are those of `Audit`."""

    about: About
    overall: dict[str, FigureRow]
    groups: list[GroupRow]
    shortcuts: list[Shortcut]
    worst: GroupRow | None
    versus: Versus | None
