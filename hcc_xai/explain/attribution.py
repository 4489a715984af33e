"""Explanations that need passes of their own: pytorch-grad-cam's and Captum's, on a private copy of
the network, so that nothing of theirs ever touches the one that serves.

What a method takes away is replaced by blurred tissue, not by black, which is itself evidence in
ultrasound; the sector stays as it is.
"""

from __future__ import annotations

import contextlib
import copy
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hcc_xai.errors import ArgumentError, unknown
from hcc_xai.imaging.frame import smooth_within
from hcc_xai.model.network import Network, Outputs, sector_of

Floats = NDArray[np.float32]
SHARED = "map"  # the layer that both heads read
_BATCH = 8
_BLUR = 0.06  # standard deviation of the blurred tissue, share of the input's side
_RANDOM = threading.Lock()  # the libraries draw from the generators that all threads share


@dataclass(frozen=True, eq=False)
class Task:
    """What is to be explained.

    Attributes:
        maps: kind -> (K, h, w) float32, the maps of every grade that came with the answer.
        index: index of the grade.
        against: index of the grade that it is contrasted with; None for no contrast.
        input: (S, S) float32, what the network saw, which `Frame.to_network` gives: 0 to 1 inside
            the sector, -1 outside.
        network: the network that serves; it is only ever copied.
        layer: name of the layer that is explained; `layers` gives all names.
        seed: of whatever is random.
        progress: is told the share that is done, and may raise to stop.
        region: (h, w) bool at the shared map's resolution; where it is given, the mean logit of
            the lesion's outline there is explained, and not a grade.
    """

    maps: Mapping[str, Floats]
    index: int
    against: int | None
    input: Floats
    network: Network | None = None
    layer: str = SHARED
    seed: int = 0
    progress: Callable[[float], None] = field(default=lambda share: None)
    region: NDArray[np.bool_] | None = None

    @property
    def network_inside(self) -> Network:
        """The network, for a method that looks inside it.

        Raises:
            ArgumentError: there is none.
        """
        return inside(self.network, "this method")

    @property
    def picture(self) -> Tensor:
        """The network's input as a batch of one, (1, 1, S, S) float32."""
        return torch.from_numpy(self.input)[None, None]

    @cached_property
    def blurred(self) -> Tensor:
        """The picture without its detail, (1, 1, S, S) float32; -1 outside the sector."""
        return torch.from_numpy(blurred(self.input))[None, None]


def inside(network: Network | None, purpose: str) -> Network:
    """The network, for what has to look inside it.

    Args:
        network: of the runtime; None where it holds none.
        purpose: what looks inside, as the error names it.

    Raises:
        ArgumentError: there is no network.
    """
    if network is None:
        raise ArgumentError(
            "needs-network",
            "{purpose} needs the network itself, which this runtime does not hold; "
            "load the bundle with PyTorch",
            purpose=purpose,
        )
    return network


def blurred(grey: Floats) -> Floats:
    """A picture without its detail. grey: (S, S), -1 outside the sector -> (S, S), the same."""
    inside = (grey >= 0).astype(np.float32)
    smooth = smooth_within(grey, inside, _BLUR * grey.shape[0])
    return np.where(inside > 0, smooth, -1).astype(np.float32)


def outline_layer(network: Network) -> str:
    """Where an outline is explained unless told otherwise.

    Args:
        network: the one that drew the outline.

    Returns:
        Name of the last layer at a sixteenth of the input, which is past edges and not yet too
        coarse for a lesion.
    """
    info = _info(network)
    known = [n for n, r in zip(info.module_name(), info.reduction(), strict=True) if r <= 16]
    return str(known[-1])


def layers(network: Network) -> dict[str, nn.Module | None]:
    """The layers that can be explained.

    Args:
        network: the one whose answer is explained.

    Returns:
        Name -> module, first to last. The last is the shared map, "map"; it has no module of its
        own in the network, so its value is None.
    """
    names = _info(network).module_name()
    modules = {name: network.trunk.get_submodule(name) for name in names}
    return {**modules, SHARED: None}


def _info(network: Network) -> Any:
    return network.trunk.feature_info


class _Score(nn.Module):
    """A private copy that says one number of each picture: the label's logit, or how far it is
    above the other's. (B, 1, S, S) -> (B, 1).

    Whatever a method makes of the picture, the sector stays that of the original. What lies below
    the shared map changes the lesion's mask, too, and with it where the grade looks: gradients go
    through both (`held` False), or they would tell half of it. Where only what comes after the
    shared map is changed (`same`), the map is computed once.
    """

    def __init__(
        self,
        task: Task,
        *,
        passes: int,
        offset: Tensor | None = None,
        held: bool = False,
        same: bool = False,
    ) -> None:
        super().__init__()
        self.network = copy.deepcopy(task.network_inside).eval().requires_grad_(True)
        self.shared = nn.Identity()
        self.task, self.passes, self.done, self.held = task, max(1, passes), 0, held
        device = next(self.network.parameters()).device
        self.seen = (task.picture >= 0).to(device)
        self.offset = None if offset is None else offset.to(device)
        self.same = same
        self._before: Tensor | None = None

    def layer(self) -> nn.Module:
        known = layers(self.network)
        if self.task.layer not in known:
            raise unknown("layer", self.task.layer, known)
        return known[self.task.layer] or self.shared

    def outputs(self, x: Tensor) -> Outputs:
        x = x if self.offset is None else x + self.offset
        x = torch.where(self.seen, x.clamp(0, 1), -1.0)
        shared = self.shared(self._features(x))
        return self.network.heads(shared, sector_of(x), held=self.held)

    def _features(self, x: Tensor) -> Tensor:
        if not self.same:
            return self.network.features(x)
        if self._before is None:
            self._before = self.network.features(x[:1])
        return self._before.expand(len(x), -1, -1, -1)

    def forward(self, x: Tensor) -> Tensor:
        self.done += len(x)
        self.task.progress(min(1.0, self.done / self.passes))
        return self.value(self.outputs(x))

    def value(self, out: Outputs) -> Tensor:
        task = self.task
        if task.region is not None:
            inside = torch.from_numpy(task.region).to(self.seen.device)
            config = self.network.config
            index = config.masks.index(config.target or "")
            return out.masks[:, index][:, inside].mean(1, keepdim=True)
        score = out.logits[:, task.index, None]
        return score if task.against is None else score - out.logits[:, task.against, None]


class _Chance(_Score):
    """A private copy that says one probability of each picture. (B, 1, S, S) -> (B, 1).

    It is the label's among all labels, or among the two that are contrasted. It is never below
    zero, so that a share of it can be taken.
    """

    def value(self, out: Outputs) -> Tensor:
        if self.task.against is not None or self.task.region is not None:
            return super().value(out).sigmoid()
        return out.logits.softmax(1)[:, self.task.index, None]


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """The shared generators, ours alone for a while and afterwards as they were."""
    with _RANDOM, torch.random.fork_rng(devices=[]):
        before = np.random.get_state()
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)
        try:
            yield
        finally:
            np.random.set_state(before)


def cam(name: str, *, signed: bool = False) -> Callable[[Task], Floats]:
    """A method of pytorch-grad-cam by the name of its class.

    Its raw map is taken, at the layer's resolution: the library's own call would stretch every map
    to 0 to 1, and what is strong in one picture could not be told from what is weak in another.

    Args:
        name: of a class of pytorch_grad_cam, like "GradCAM".
        signed: keep what speaks against; it becomes 0 otherwise.

    Returns:
        A function of a `Task` that gives its map, (h, w) float32, at the layer's resolution.
    """

    def run(task: Task) -> Floats:
        import pytorch_grad_cam as library
        from pytorch_grad_cam.ablation_layer import AblationLayer
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

        x, channels = task.picture, _channels(task)
        more: dict[str, Any] = {}
        if name == "ScoreCAM":  # what a channel does not show is blurred: masks act on the detail
            score = _Score(task, passes=1 + channels, offset=task.blurred)
            x = x - task.blurred
        elif name == "AblationCAM":
            score = _Chance(task, passes=2 + channels, same=task.layer == SHARED)
            more = {"ablation_layer": AblationLayer(), "batch_size": _BATCH}
        else:
            score = _Score(task, passes=1, held=task.layer == SHARED)
        x = x.to(score.seen.device)
        for module in (library.score_cam, library.ablation_cam):
            module.tqdm = SimpleNamespace(tqdm=lambda some: some)  # no bars of theirs
        with getattr(library, name)(score, [score.layer()], **more) as method:
            method.batch_size = _BATCH
            targets = [ClassifierOutputTarget(0)]
            total = method.activations_and_grads(x).sum()
            if method.uses_gradients:
                score.zero_grad()
                total.backward()
            hooks = method.activations_and_grads
            activations = hooks.activations[0].numpy()
            grads = hooks.gradients[0].numpy() if method.uses_gradients else None
            raw = method.get_cam_image(
                x, method.target_layers[0], targets, activations, grads, eigen_smooth=False
            )
        grid: Floats = np.asarray(raw[0], np.float32)
        return grid if signed else np.maximum(grid, 0)

    return run


def _channels(task: Task) -> int:
    if task.layer == SHARED:
        return task.network_inside.config.width
    info = _info(task.network_inside)
    known = dict(zip(info.module_name(), info.channels(), strict=True))
    return int(known.get(task.layer, 1))


def integrated_gradients(task: Task) -> Floats:
    """Gradients on the way from blurred tissue to the picture (Integrated Gradients).

    Args:
        task: what is explained.

    Returns:
        (S, S) float32, zero outside the sector; it sums to the change of the score, nearly.
    """
    from captum.attr import IntegratedGradients

    steps = 32
    score = _Score(task, passes=steps)
    return _pixels(
        score,
        IntegratedGradients(score).attribute(
            _with_gradient(score, task.picture),
            baselines=task.blurred.to(score.seen.device),
            n_steps=steps,
            internal_batch_size=_BATCH,
        ),
    )


def smooth_grad(task: Task) -> Floats:
    """The gradient's absolute value, mean over noisy copies of the picture (SmoothGrad).

    Args:
        task: what is explained.

    Returns:
        (S, S) float32, not negative, zero outside the sector.
    """
    from captum.attr import NoiseTunnel, Saliency

    samples = 24
    score = _Score(task, passes=samples)
    with _seeded(task.seed):
        gradient = NoiseTunnel(Saliency(score)).attribute(
            _with_gradient(score, task.picture),
            nt_type="smoothgrad",
            nt_samples=samples,
            nt_samples_batch_size=_BATCH,
            stdevs=0.1,
        )
    return _pixels(score, gradient)


def gradient_shap(task: Task) -> Floats:
    """Gradients at random places between blurred tissue and noisy copies of the picture.

    Args:
        task: what is explained.

    Returns:
        (S, S) float32, zero outside the sector.
    """
    from captum.attr import GradientShap

    rounds = 4
    score = _Score(task, passes=rounds * _BATCH)
    parts = []
    with _seeded(task.seed):
        for _ in range(rounds):  # all at once would be one large batch
            parts.append(
                GradientShap(score).attribute(
                    _with_gradient(score, task.picture),
                    baselines=task.blurred.to(score.seen.device),
                    n_samples=_BATCH,
                    stdevs=0.05,
                )
            )
    return _pixels(score, torch.stack(parts).mean(0))


def occlusion(task: Task) -> Floats:
    """How far the score falls when a square is blurred.

    Args:
        task: what is explained.

    Returns:
        (S, S) float32, the mean over all squares that hold a pixel; zero outside the sector.
    """
    from captum.attr import Occlusion

    side = task.input.shape[0]
    square, step = max(4, side // 8), max(2, side // 16)
    count = -(-(side - square) // step) + 1
    score = _Score(task, passes=1 + count * count)
    with torch.no_grad():
        falls = Occlusion(score).attribute(
            task.picture.to(score.seen.device),
            sliding_window_shapes=(1, square, square),
            strides=(1, step, step),
            baselines=task.blurred.to(score.seen.device),
            perturbations_per_eval=_BATCH,
        )
    return _pixels(score, falls)


def kernel_shap(task: Task) -> Floats:
    """Shapley values of superpixels, each spread evenly over its pixels (Kernel SHAP).

    Args:
        task: what is explained.

    Returns:
        (S, S) float32, zero outside the sector.
    """
    from captum.attr import KernelShap

    samples = 300
    cells = superpixels(task.input)
    score = _Score(task, passes=samples + 2)
    with _seeded(task.seed), torch.no_grad():
        shares = KernelShap(score).attribute(
            task.picture.to(score.seen.device),
            baselines=task.blurred.to(score.seen.device),
            feature_mask=torch.from_numpy(cells)[None, None].to(score.seen.device),
            n_samples=samples,
            perturbations_per_eval=_BATCH,
        )
    sizes = np.bincount(cells.ravel()).astype(np.float32)[cells]
    spread: Floats = _pixels(score, shares) / sizes
    return spread


def superpixels(grey: Floats, *, wanted: int = 60) -> NDArray[np.int64]:
    """Parts of the sector within which pixels are alike (SLIC, Achanta et al. 2012).

    Args:
        grey: (S, S) float32, 0 to 1 inside the sector, -1 outside.
        wanted: about how many parts.

    Returns:
        (S, S) int64, the number of each pixel's part: 0, 1, ...; what is outside the sector belongs
        to part 0.
    """
    from skimage.segmentation import slic

    inside = grey >= 0
    smooth = cv2.GaussianBlur(np.clip(grey, 0, 1), (0, 0), 2.0)
    numbers = slic(
        smooth, n_segments=wanted, compactness=0.1, mask=inside, channel_axis=None, start_label=1
    )
    used = np.unique(numbers[inside])
    cells: NDArray[np.int64] = np.searchsorted(used, numbers).astype(np.int64)
    return np.where(inside, cells, 0)


def _with_gradient(score: _Score, x: Tensor) -> Tensor:
    return x.to(score.seen.device).requires_grad_()


def _pixels(score: _Score, values: Tensor) -> Floats:
    """(1, 1, S, S) -> (S, S), zero outside the sector."""
    inside = torch.where(score.seen, values, 0.0)
    return np.asarray(inside[0, 0].detach().cpu().numpy(), np.float32)
