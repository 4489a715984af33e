"""Every way to explain an answer, by name: `METHODS`. Each makes an `Explanation`.

Two of them come with the answer's own forward (see `model/exact.py`); the others run the network
again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hcc_xai.errors import unknown
from hcc_xai.explain import attribution
from hcc_xai.explain.attribution import SHARED, Floats, Task
from hcc_xai.language import words


@dataclass(frozen=True, eq=False)
class Explanation:
    """One map of one picture.

    Attributes:
        map: (H, W) float32 in the pixels of the file, in the method's own unit, zero outside the
            sector.
        method: name of the method, a key of `METHODS`.
        label: the grade that is explained.
        against: the grade that it is contrasted with; None for no contrast.
        layer: name of the network's layer that is explained.
        scale: the value that is drawn at full strength: the bundle's for the method, or the map's
            own largest.
        seconds: time taken.
        score: insertion less deletion, -1 to 1, which `Faithfulness.score` explains; None where it
            was not asked for.
        resolution: rows and columns of the map before it was brought to the file's pixels, when it
            covered the network's square.
    """

    map: NDArray[np.float32]
    method: str
    label: str
    against: str | None
    layer: str
    scale: float
    seconds: float
    score: float | None = None
    resolution: tuple[int, int] = (0, 0)

    @property
    def signed(self) -> bool:
        """Whether the map says what speaks against the label, too."""
        return METHODS[self.method].signed

    def to_dict(self) -> dict[str, object]:
        """Everything but the map's pixels, and its largest and smallest value."""
        return {
            "method": self.method,
            "label": self.label,
            "against": self.against,
            "layer": self.layer,
            "scale": self.scale,
            "seconds": self.seconds,
            "score": self.score,
            "resolution": list(self.resolution),
            "largest": float(self.map.max()),
            "smallest": float(self.map.min()),
        }


@dataclass(frozen=True, eq=False)
class OutlineExplanation(Explanation):
    """Why a place is outlined as lesion, or why not.

    `map` says what speaks for it (and, where nothing is outlined, against it); `label` is "lesion".

    Attributes:
        point: (row, column) in pixels of the file.
        lesion: number of the lesion there, from 1; None where nothing is outlined.
        probability: of lesion at the point, 0 to 1.
        threshold: probability above which it would be outlined, 0 to 1.
    """

    point: tuple[int, int] = (0, 0)
    lesion: int | None = None
    probability: float = 0.0
    threshold: float = 0.5
    nouns: words.Nouns = field(default_factory=dict, repr=False)

    @property
    def signed(self) -> bool:
        return self.lesion is None

    @property
    def against_share(self) -> float:
        """How much of the map speaks against a lesion there, 0 to 1."""
        total = float(abs(self.map).sum())
        return float(np.maximum(-self.map, 0).sum()) / total if total > 0 else 0.0

    def sentence(self, language: str = "en") -> str:
        """What it says, in plain words.

        Args:
            language: "en" or "es".
        """
        values = {
            "lesion": self.lesion,
            "chance": words.number(self.probability, language),
            "threshold": words.number(self.threshold, language),
            "below": words.number(self.threshold - self.probability, language),
            "against": f"{round(100 * self.against_share)} %",
        }
        nouns = words.in_language(self.nouns, language)
        if self.lesion is not None:
            return words.say("outline-why", language, **nouns, **values)
        dropped = self.probability > self.threshold
        key = "outline-dropped" if dropped else "outline-why-not"
        return words.say(key, language, **nouns, **values)

    def to_dict(self) -> dict[str, object]:
        """Everything but the map's pixels, and the sentence in every language."""
        return {
            **super().to_dict(),
            "point": list(self.point),
            "lesion": self.lesion,
            "probability": self.probability,
            "threshold": self.threshold,
            "against_share": self.against_share,
            "sentence": {x: self.sentence(x) for x in words.LANGUAGES},
        }


@dataclass(frozen=True)
class Method:
    """A way to explain.

    Attributes:
        function: gives the map of a `Task`, (h, w) float32 of any resolution; it covers the
            network's square.
        title: its name for people.
        seconds_hint: about how long it takes on two CPU cores, for the bundle that ships, seconds.
        paper: what to cite.
        signed: whether its map says what speaks against, too.
        layered: whether it can explain any layer.
        immediate: whether its map came with the answer already.
    """

    function: Callable[[Task], Floats]
    title: str
    seconds_hint: float
    paper: str
    signed: bool = False
    layered: bool = False
    immediate: bool = False


def _grad_cam_pp(task: Task) -> Floats:
    if task.layer != SHARED:
        return attribution.cam("GradCAMPlusPlus")(task)
    cam = task.maps["grad-cam++"]
    grid: Floats = cam[task.index]
    return grid if task.against is None else np.maximum(grid - cam[task.against], 0)


def _contribution(task: Task) -> Floats:
    exact = task.maps["contribution"]
    grid: Floats = exact[task.index]
    return grid if task.against is None else grid - exact[task.against]


METHODS: dict[str, Method] = {
    "grad-cam++": Method(
        _grad_cam_pp,
        "Grad-CAM++",
        0.05,
        "Chattopadhay et al. 2018, Grad-CAM++, doi 10.1109/WACV.2018.00097",
        layered=True,
        immediate=True,
    ),
    "contribution": Method(
        _contribution,
        "Contribution (exact)",
        0.05,
        "Draelos and Carin 2020, HiResCAM, arXiv 2011.08891",
        signed=True,
        immediate=True,
    ),
    "grad-cam": Method(
        attribution.cam("GradCAM"),
        "Grad-CAM",
        0.2,
        "Selvaraju et al. 2017, Grad-CAM, doi 10.1109/ICCV.2017.74",
        layered=True,
    ),
    "hires-cam": Method(
        attribution.cam("HiResCAM", signed=True),
        "HiRes-CAM",
        0.2,
        "Draelos and Carin 2020, HiResCAM, arXiv 2011.08891",
        signed=True,
        layered=True,
    ),
    "layer-cam": Method(
        attribution.cam("LayerCAM"),
        "Layer-CAM",
        0.2,
        "Jiang et al. 2021, LayerCAM, doi 10.1109/TIP.2021.3089943",
        layered=True,
    ),
    "score-cam": Method(
        attribution.cam("ScoreCAM"),
        "Score-CAM",
        8,
        "Wang et al. 2020, Score-CAM, doi 10.1109/CVPRW50498.2020.00020",
        layered=True,
    ),
    "ablation-cam": Method(
        attribution.cam("AblationCAM"),
        "Ablation-CAM",
        1,
        "Desai and Ramaswamy 2020, Ablation-CAM, doi 10.1109/WACV45572.2020.9093360",
        layered=True,
    ),
    "eigen-cam": Method(
        attribution.cam("EigenCAM"),
        "Eigen-CAM (blind to the class)",
        5,
        "Muhammad and Yeasin 2020, Eigen-CAM, arXiv 2008.00299",
        layered=True,
    ),
    "integrated-gradients": Method(
        attribution.integrated_gradients,
        "Integrated Gradients",
        6,
        "Sundararajan et al. 2017, Axiomatic Attribution, arXiv 1703.01365",
        signed=True,
    ),
    "smooth-grad": Method(
        attribution.smooth_grad,
        "SmoothGrad",
        3,
        "Smilkov et al. 2017, SmoothGrad, arXiv 1706.03825",
    ),
    "gradient-shap": Method(
        attribution.gradient_shap,
        "Gradient SHAP",
        5,
        "Lundberg and Lee 2017, A Unified Approach, arXiv 1705.07874",
        signed=True,
    ),
    "occlusion": Method(
        attribution.occlusion,
        "Occlusion",
        10,
        "Zeiler and Fergus 2014, Visualizing CNNs, arXiv 1311.2901",
        signed=True,
    ),
    "kernel-shap": Method(
        attribution.kernel_shap,
        "Kernel SHAP of superpixels",
        13,
        "Lundberg and Lee 2017, A Unified Approach, arXiv 1705.07874",
        signed=True,
    ),
}


def method_named(name: str) -> Method:
    """The method of a name.

    Args:
        name: a key of `METHODS`.

    Raises:
        ArgumentError: there is none; the sentence names the known ones.
    """
    if name not in METHODS:
        raise unknown("method", name, METHODS)
    return METHODS[name]


def outline(task: Task) -> Floats:
    """What the outline at the task's region rests on: Seg-Grad-CAM.

    Vinogradova et al. 2020, doi 10.1609/aaai.v34i10.7244.

    Args:
        task: what is explained; it has a region.

    Returns:
        (h, w) float32, not negative, at the layer's resolution.
    """
    return attribution.cam("GradCAM")(task)


def no_outline(task: Task) -> Floats:
    """What speaks for and against an outline at the task's region: Seg-HiRes-CAM.

    It is gradient times activation, signed (Hasany et al. 2023, arXiv 2309.14889).

    Args:
        task: what is explained; it has a region.

    Returns:
        (h, w) float32, below 0 where it speaks against, at the layer's resolution.
    """
    return attribution.cam("HiResCAM", signed=True)(task)


def agreement(maps: Sequence[NDArray[np.float32]], sector: NDArray[np.bool_]) -> Floats:
    """How alike maps order the places of the sector: Spearman's rank correlation.

    Args:
        maps: M maps, (H, W) float32 each.
        sector: (H, W) bool, what was scanned.

    Returns:
        (M, M) float32, -1 to 1; NaN where a map is the same everywhere.
    """
    from scipy.stats import rankdata

    step = max(1, max(sector.shape) // 160)  # neighbours say the same: every few pixels will do
    inside = sector[::step, ::step]
    ranks = np.stack([rankdata(m[::step, ::step][inside]) for m in maps])
    ranks -= ranks.mean(1, keepdims=True)
    lengths = np.linalg.norm(ranks, axis=1)
    with np.errstate(invalid="ignore"):
        alike: Floats = ((ranks @ ranks.T) / np.outer(lengths, lengths)).astype(np.float32)
    return alike
