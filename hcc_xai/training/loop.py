"""A plain training loop: one fold, or all images for the bundle that ships.

Every epoch is a function of (seed, epoch) and of the state before it, and the state is written
after each, so a run that was killed goes on as if it had not been (a test compares the two).
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F
from torch.optim.swa_utils import get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset

from hcc_xai.analysis.analyzer import Analyzer
from hcc_xai.analysis.device import pick_device
from hcc_xai.dataset.folder import LESION, Record
from hcc_xai.dataset.samples import Sample, cached_samples, plain, sampling_weights
from hcc_xai.errors import ArgumentError, DataError, unknown
from hcc_xai.imaging import draw
from hcc_xai.model.bundle import BundleConfig, load_bundle, save_bundle
from hcc_xai.model.exact import KINDS
from hcc_xai.model.network import Network, NetworkConfig, sector_of
from hcc_xai.stats import dice
from hcc_xai.training.augment import View, augment
from hcc_xai.training.erasure import erase
from hcc_xai.training.losses import losses

_SETTLE = 24  # batches from which averaged weights get the statistics of their norms
_WORKERS = 4  # processes that make batches for a GPU
_ENOUGH = 0.4  # share of the lesion in a view that its grade can be told from


@dataclass(frozen=True)
class TrainConfig:
    """The recipe.

    Attributes:
        window: side of what the network is shown of its input in training, see augment.py; the
            whole input where that is smaller.
        level: share of the training through which the rate stays, before it falls along half a
            cosine. average: of the weights, from step to step. grade, evidence: weights of these
            losses. pixels, over: see `losses`.
        soup: what each network of a soup, whose weights are averaged, has of its own, as
            `({}, {"seed": 1})`; without it one network is trained.
        erase: directions that tell the scanner, taken out of a soup's grades; see erasure.py. One
        network is a soup of one, `({},)`.
        validation: share of the images held back to choose the epoch; 0 takes the last one.
    """

    epochs: int = 45
    batch: int = 16
    window: int = 256
    rate: float = 1e-3
    level: float = 0.8
    decay: float = 0.02
    average: float = 0.998
    grade: float = 1.0
    evidence: float = 1.0
    pixels: float = 1.0
    over: float = 0.6
    soup: tuple[Mapping[str, Any], ...] = ()
    erase: int = 0
    validation: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.erase, int) or self.erase < 0:
            raise ArgumentError(f'"erase" is {self.erase!r}; wanted is a number of directions')
        if self.erase and not self.soup:
            raise ArgumentError('"erase" goes beside a "soup"; one network is a soup of one, [{}]')

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {**asdict(self), "soup": [dict(own) for own in self.soup]}

    @property
    def networks(self) -> list[TrainConfig]:
        """The recipes of its networks, one each. Raises ArgumentError that names an unknown key."""
        whole = replace(self, soup=(), erase=0).to_dict()
        return [self.from_dict({**whole, **own}) for own in self.soup or ({},)]

    @property
    def all_epochs(self) -> int:
        """Of all its networks."""
        return sum(one.epochs for one in self.networks)

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> TrainConfig:
        """Raises ArgumentError that names an unknown key."""
        names = [f.name for f in fields(cls)]
        for key in given:
            if key not in names:
                raise unknown("key of a recipe", key, names)
        return cls(**{**given, "soup": tuple(given.get("soup", ()))})


def train(
    folder: str | Path,
    records: Sequence[Record],
    out: str | Path,
    *,
    network: NetworkConfig,
    recipe: TrainConfig,
    pretrained: str | Path | None = None,
    cache: str | Path | None = None,
    report: Callable[[str], None] = lambda line: None,
    watch: Callable[[dict[str, float]], None] = lambda row: None,
) -> Path:
    """Train on the given records; write `best.safetensors`, `last.safetensors` and the curves to
    `out`.

    Goes on from `out` where a run with the same recipe stopped.

    Args:
        folder: the data folder.
        records: what to train on (the fold that is tested is not among them).
        pretrained: see `load_pretrained`; the trunk's stages up to a quarter of the input stay as
            they are.
        cache: folder for decoded, cropped pictures, shared by all trainings.
        report: is told one line an epoch. watch: is given the epoch's figures (not in a soup), and
            may raise to stop.

    Returns:
        Path of the averaged weights that are best in validation (or last, without one), float32
        safetensors. A soup's networks each hold back their own images.

    Raises:
        DataError: no records, a label the network does not know, a state of another recipe in
        `out`.
    """
    if not records:
        raise DataError("there is nothing to train on")
    for record in records:
        if record.label not in network.labels:
            raise DataError(
                f"label {record.label!r} of {record.name} is none of {', '.join(network.labels)}"
            )
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    keep_memory()
    if recipe.soup:
        paths = []
        for index, own in enumerate(recipe.networks):
            where = (folder, records, out / f"network-{index}")
            one = partial(train, *where, network=network, recipe=own, report=report)
            paths.append(one(pretrained=pretrained, cache=cache))
        samples = cached_samples(folder, records, size=network.size, cache=cache)
        state = soup(paths, samples, _Run(out, network, recipe, pretrained))
        _write(out / "best.safetensors", state, {"recipe": recipe.to_dict()})
        return out / "best.safetensors"
    fitted, held = hold_back(records, share=recipe.validation, seed=recipe.seed)
    run = _Run.start(out, network, recipe, pretrained)
    fitted_samples = cached_samples(folder, fitted, size=network.size, cache=cache)
    held_samples = cached_samples(folder, held, size=network.size, cache=cache)
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        while run.epoch < recipe.epochs:
            row = {"epoch": run.epoch + 1.0, **_epoch(run, fitted_samples, pool)}
            if held_samples and (run.epoch % 2 == 0 or run.epoch == recipe.epochs - 1):
                row |= validate(run.averaged, held_samples)
            run.finish_epoch(row)
            report("  ".join(f"{key} {value:.3f}" for key, value in row.items()))
            watch(row)
    _draw_curves(run.rows, out / "curves.png")
    return out / "best.safetensors"


def label_order(records: Sequence[Record]) -> tuple[str, ...]:
    """The labels of the records, the harmless ones first."""
    order = {"normal": 0, "benign": 1, "malignant": 2}
    found = sorted({r.label for r in records}, key=lambda label: (order.get(label, 9), label))
    return tuple(found)


def keep_memory() -> None:
    """Keep freed memory in this process: glibc gives large blocks back after every step, and the
    page faults of taking them again cost a fifth of a training on a CPU."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        for option in (-1, -3):  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
            mallopt(option, 2**31 - 1)


def hold_back(
    records: Sequence[Record], *, share: float, seed: int
) -> tuple[list[Record], list[Record]]:
    """Split into what is fitted and what chooses the epoch; near-duplicates stay together."""
    rng = np.random.default_rng(seed)
    groups = sorted({r.group or r.name for r in records})
    rng.shuffle(groups)
    chosen = set(groups[: round(share * len(groups))])
    return (
        [r for r in records if (r.group or r.name) not in chosen],
        [r for r in records if (r.group or r.name) in chosen],
    )


class _Run:
    """All that a training carries from epoch to epoch, on disk as safetensors (no pickle)."""

    def __init__(
        self, out: Path, network: NetworkConfig, recipe: TrainConfig, pretrained: str | Path | None
    ) -> None:
        torch.manual_seed(0)  # one start for all seeds: their mean needs it
        self.out, self.recipe, self.device = out, recipe, pick_device()
        self.network = Network(network).to(self.device).to(memory_format=torch.channels_last)
        self.averaged = Network(network).to(self.device).to(memory_format=torch.channels_last)
        self.averaged.eval()
        pairs = zip(
            self.averaged.state_dict().values(), self.network.state_dict().values(), strict=True
        )
        self._means = [(mean, new) for mean, new in pairs if mean.is_floating_point()]
        self.frozen: set[str] = set()
        if pretrained is not None:
            self.frozen = early(self.network)
            for name, parameter in self.network.trunk.named_parameters():
                parameter.requires_grad_(name not in self.frozen)
        new = [p for n, p in self.network.named_parameters() if not n.startswith("trunk.")]
        self.optimizer = torch.optim.AdamW(
            [
                {
                    "params": [p for p in self.network.trunk.parameters() if p.requires_grad],
                    "scale": 0.4,
                },
                {"params": new, "scale": 1.0},
            ],
            lr=recipe.rate,
            weight_decay=recipe.decay,
        )
        self.epoch, self.best = 0, -np.inf
        self.rows: list[dict[str, float]] = []

    @classmethod
    def start(
        cls,
        out: Path,
        network: NetworkConfig,
        recipe: TrainConfig,
        pretrained: str | Path | None,
    ) -> _Run:
        run = cls(out, network, recipe, pretrained)
        if (out / "last.safetensors").is_file():
            run._resume()
        else:
            if pretrained is not None:
                load_pretrained(run.network, pretrained)
            run.averaged.load_state_dict(run.network.state_dict())
        return run

    def _resume(self) -> None:
        path = str(self.out / "last.safetensors")
        with safe_open(path, framework="pt") as file:
            about = json.loads(file.metadata()["about"])
        recipe = {**TrainConfig().to_dict(), **about["recipe"]}  # of an older version, perhaps
        if recipe != self.recipe.to_dict() or about["network"] != self.network.config.to_dict():
            raise DataError(f"{self.out} holds a training with another recipe; name another folder")
        self.epoch, self.rows, self.best = about["epoch"], about["rows"], about["best"]
        parts: dict[str, dict[str, Tensor]] = {}
        for key, value in load_file(path).items():
            part, name = key.split("/", 1)
            parts.setdefault(part, {})[name] = value
        self.network.load_state_dict(parts["network"])
        self.averaged.load_state_dict(parts["averaged"])
        state = self.optimizer.state_dict()
        for name, value in parts["optimizer"].items():
            index, slot = name.split("/")
            state["state"].setdefault(int(index), {})[slot] = value
        self.optimizer.load_state_dict(state)

    def average(self, keep: float) -> None:
        """Move the averaged weights on by a step; `keep` is the old ones' share."""
        update = get_ema_multi_avg_fn(keep)  # type: ignore[no-untyped-call]
        update([mean for mean, _ in self._means], [new for _, new in self._means], 0)

    def train_mode(self) -> None:
        """Training mode; the norms of frozen stages keep their statistics."""
        self.network.train()
        for name, module in self.network.trunk.named_modules():
            if f"{name}.weight" in self.frozen:
                module.eval()

    def finish_epoch(self, row: dict[str, float]) -> None:
        self.rows.append(row)
        self.epoch += 1
        score = row.get("score", float(self.epoch) if not self.recipe.validation else -np.inf)
        if (
            score > self.best
            and self.epoch > self.recipe.epochs // 2
            or not (self.out / "best.safetensors").exists()
        ):
            self.best = score
            _write(self.out / "best.safetensors", self.averaged.state_dict(), {"epoch": self.epoch})
        state = {f"network/{k}": v for k, v in self.network.state_dict().items()}
        state |= {f"averaged/{k}": v for k, v in self.averaged.state_dict().items()}
        for index, slots in self.optimizer.state_dict()["state"].items():
            state |= {f"optimizer/{index}/{slot}": value for slot, value in slots.items()}
        about = {
            "recipe": self.recipe.to_dict(),
            "network": self.network.config.to_dict(),
            "epoch": self.epoch,
            "rows": self.rows,
            "best": self.best,
        }
        _write(self.out / "last.safetensors", state, about)
        (self.out / "curves.json").write_text(json.dumps(self.rows, indent=1), encoding="utf-8")


def soup(paths: Sequence[Path], samples: Sequence[Sample], run: _Run) -> dict[str, Tensor]:
    """Mean weights of networks that were trained from one start (Wortsman et al. 2022), with the
    statistics of their norms taken anew from views as in training (Izmailov et al. 2018); then
    the recipe's directions are erased.

    Args:
        paths: float32 safetensors. samples: what they were trained on. run: of the same network
        and recipe; its network becomes the mean.
    """
    states = [load_file(str(path)) for path in paths]
    mean = dict(states[0])
    for name, value in mean.items():
        if value.is_floating_point():
            mean[name] = torch.stack([state[name] for state in states]).mean(0)
    run.network.load_state_dict(mean)
    run.train_mode()
    for module in run.network.modules():
        if isinstance(module, torch.nn.BatchNorm2d) and module.training:
            module.reset_running_stats()
            module.momentum = None  # the mean over all batches
    rng = np.random.default_rng([run.recipe.seed, run.recipe.epochs])
    steps = _Steps(samples, _SETTLE, run, rng)
    with torch.no_grad(), ThreadPoolExecutor(torch.get_num_threads()) as pool:
        for batch in _batches(steps, run.device, pool):
            run.network(batch.input.to(run.device))
    if run.recipe.erase:
        erase(run.network, samples, run.recipe.erase)
    return {name: value.cpu() for name, value in run.network.state_dict().items()}


def _write(path: Path, state: dict[str, Tensor], about: dict[str, Any]) -> None:
    unfinished = path.with_suffix(".partial")
    save_file(
        {k: v.detach().contiguous().clone() for k, v in state.items()},
        unfinished,
        {"about": json.dumps(about)},
    )
    os.replace(unfinished, path)


def load_pretrained(network: Network, path: str | Path) -> int:
    """Start from other weights; a colour stem is summed to grey.

    Args:
        path: safetensors of a trunk (ImageNet's, under timm's names), or of a whole network as
            `train` writes it.

    Returns:
        How many tensors fitted.

    Raises:
        DataError: the file is missing, or fewer than nine tenths of the tensors fit.
    """
    if not Path(path).is_file():
        raise DataError(f"pretrained weights {path} are missing")
    given = {k: v.float() for k, v in load_file(str(path)).items()}
    whole = any(name.startswith("trunk.") for name in given)
    module: torch.nn.Module = network if whole else network.trunk
    own = module.state_dict()
    fitting = {}
    for name, value in own.items():
        got = given.get(name)
        if got is not None and got.ndim == 4 and got.shape[1] == 3 and value.shape[1] == 1:
            got = got.sum(1, keepdim=True)
        if got is not None and got.shape == value.shape:
            fitting[name] = got
    if len(fitting) < 0.9 * sum(not k.endswith("num_batches_tracked") for k in own):
        raise DataError(
            f"{path} fits {len(fitting)} of {len(own)} tensors of {network.config.trunk}"
        )
    module.load_state_dict({**own, **fitting})
    return len(fitting)


def early(network: Network) -> set[str]:
    """Names of the trunk's parameters that its level at a quarter of the input depends on."""
    parameters = dict(network.trunk.named_parameters())
    index = min(network.levels)
    device = next(network.parameters()).device
    level = network.trunk(torch.zeros(1, 1, 64, 64, device=device))[index].sum()
    found = torch.autograd.grad(level, list(parameters.values()), allow_unused=True)
    return {name for name, got in zip(parameters, found, strict=True) if got is not None}


def mixed(device: torch.device) -> torch.autocast:
    """bf16 where the device computes in it; elsewhere it would be ten times slower, not faster."""
    able = device.type == "cuda"
    if device.type == "cpu":
        known: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
        able = bool(known.get("avx512_bf16") or known.get("amx_bf16"))
    return torch.autocast(device.type, torch.bfloat16, enabled=able)


def _epoch(run: _Run, samples: Sequence[Sample], pool: ThreadPoolExecutor) -> dict[str, float]:
    recipe, network = run.recipe, run.network
    rng = np.random.default_rng([recipe.seed, run.epoch])
    torch.manual_seed(recipe.seed * 1000 + run.epoch)
    steps = max(1, len(samples) // recipe.batch)
    run.train_mode()
    sums: dict[str, Tensor] = {}
    made = _Steps(samples, steps, run, rng)
    for step, batch in enumerate(_batches(made, run.device, pool)):
        x, targets, labels, has_liver, counts = (
            part.to(run.device, non_blocking=True) for part in batch
        )
        done = (run.epoch + step / steps) / recipe.epochs
        fallen = (done - recipe.level) / (1 - recipe.level) if done > recipe.level else 0.0
        for group in run.optimizer.param_groups:  # warm-up, perhaps level, then half a cosine
            group["lr"] = (
                recipe.rate
                * group["scale"]
                * min(1, done * 15 + 0.02)
                * (0.51 + 0.49 * np.cos(np.pi * fallen))
            )
        sector = sector_of(x)
        with mixed(x.device):
            shared = network.features(x)
        shared = shared.float()
        out = network.heads(shared, sector)
        parts = losses(
            *(out, shared, network, sector, labels, targets, has_liver, counts),
            pixels=recipe.pixels,
            over=recipe.over,
        )
        total = recipe.grade * parts["grade"] + parts["liver"] + parts["lesion"]
        total = total + recipe.evidence * parts["evidence"]
        run.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        run.optimizer.step()
        keep = min(recipe.average, (1 + run.epoch * steps + step) / (10 + run.epoch * steps + step))
        run.average(keep)
        for key, value in parts.items():  # read once an epoch: reading makes a GPU wait
            sums[key] = sums.get(key, torch.zeros(())) + value.detach() / steps
    return {key: float(value) for key, value in sums.items()}


class Batch(NamedTuple):
    """input (B, 1, w, w), target (B, w, w), label (B,), has_liver (B,), and how much each grade
    counts (B,)."""

    input: Tensor
    target: Tensor
    label: Tensor
    has_liver: Tensor
    counts: Tensor


class _Steps(Dataset[Batch]):
    """The batches of an epoch, each a function of its index."""

    def __init__(
        self, samples: Sequence[Sample], steps: int, run: _Run, rng: np.random.Generator
    ) -> None:
        self.samples, self.config = samples, run.network.config
        self.window = min(run.recipe.window, self.config.size)
        weights = sampling_weights([s.record for s in samples])
        self.draws = rng.choice(len(samples), size=(steps, run.recipe.batch), p=weights)
        self.seeds = rng.integers(0, 2**31, size=self.draws.shape)

    def __len__(self) -> int:
        return len(self.draws)

    def __getitem__(self, step: int) -> Batch:
        drawn = [self.samples[int(i)] for i in self.draws[step]]
        views = [self._view(s, int(i)) for s, i in zip(drawn, self.seeds[step], strict=True)]
        graded = [_grade(s, v, self.config) for s, v in zip(drawn, views, strict=True)]
        return Batch(
            torch.from_numpy(np.stack([v.input for v in views]))[:, None],
            torch.from_numpy(np.stack([v.target for v in views])),
            torch.tensor([index for index, _ in graded]),
            torch.tensor([s.record.has_liver for s in drawn]),
            torch.tensor([count for _, count in graded]),
        )

    def _view(self, sample: Sample, seed: int) -> View:
        own = np.random.default_rng(seed)
        other = self.samples[int(own.integers(len(self.samples)))]
        return augment(sample, self.config.size, own, window=self.window, style=other)


def _batches(steps: _Steps, device: torch.device, pool: ThreadPoolExecutor) -> Iterator[Batch]:
    """Batches, made ahead of the network: in threads, or, for a GPU, which would wait for them, in
    processes."""
    if device.type == "cuda":
        workers = min(_WORKERS, os.cpu_count() or 1)
        yield from DataLoader(steps, batch_size=None, num_workers=workers, pin_memory=True)
        return
    ahead = torch.get_num_threads()
    waiting = deque(pool.submit(steps.__getitem__, step) for step in range(min(ahead, len(steps))))
    for step in range(len(steps)):
        batch = waiting.popleft().result()
        if step + ahead < len(steps):
            waiting.append(pool.submit(steps.__getitem__, step + ahead))
        yield batch


def _grade(sample: Sample, view: View, config: NetworkConfig) -> tuple[int, float]:
    """The label that a view deserves, and how much it counts: a view without the lesion shows
    none, one with a part of it counts for nothing."""
    label = config.labels.index(sample.record.label)
    if not (sample.target == LESION).any() or view.lesion_seen >= _ENOUGH:
        return label, 1.0
    if view.lesion_seen > 0 or config.absent is None:  # NaN where it was painted over
        return label, 0.0
    return config.labels.index(config.absent), 1.0


def validate(network: Network, samples: Sequence[Sample]) -> dict[str, float]:
    """Figures on held-back samples; `score` (higher is better) chooses the epoch."""
    labels, device = network.config.labels, next(network.parameters()).device
    logs, dices, livers, hits = [], [], [], []
    with torch.inference_mode():
        for start in range(0, len(samples), 8):
            part = samples[start : start + 8]
            made = [plain(s, network.config.size) for s in part]
            out = network(torch.from_numpy(np.stack([m[0] for m in made]))[:, None].to(device))
            up = F.interpolate(out.masks, size=made[0][0].shape, mode="bilinear")
            found = up.cpu().numpy() > 0
            for sample, (_, truth), masks, logits in zip(
                part, made, found, out.logits, strict=True
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


def _draw_curves(rows: Sequence[dict[str, float]], path: Path) -> None:
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


TITLES = {
    "normal": {"en": "no mass", "es": "sin masa"},
    "benign": {"en": "benign liver mass", "es": "masa hepática benigna"},
    "malignant": {"en": "malignant liver mass", "es": "masa hepática maligna"},
}


def make_bundle(
    weights: str | Path,
    out: str | Path,
    *,
    name: str,
    network: NetworkConfig,
    training: dict[str, Any],
    licence: str,
    examples: Sequence[str | Path],
    card: str = "",
) -> Path:
    """Turn trained weights into a bundle; the drawing scales are read off the maps of `examples`.

    Args:
        weights: what `train` returned. out: the bundle's folder.
        training: what the card and the config say about it. examples: pictures (of the training
        part).

    Returns:
        The bundle's folder.
    """
    titles = {label: TITLES.get(label, {"en": label, "es": label}) for label in network.labels}
    malignant = "malignant" if "malignant" in network.labels else None
    config = BundleConfig(
        name=name,
        network=network,
        titles=titles,
        licence=licence,
        malignant=malignant,
        # About two cells of the map: less than that is no outline. Fixed ahead, not fitted.
        least_lesion_share=0.001,
        training=training,
    )
    state = load_file(str(weights))
    folder = save_bundle(out, config, state, card or f"# {name}\n")
    if not examples:
        return folder
    analyzer = Analyzer(load_bundle(folder), device="cpu")
    tops: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for path in examples:
        answer = analyzer.analyze(path)
        for kind in KINDS:
            tops[kind].append(draw.own_scale(answer.grid(None, kind)))
    # Strong evidence of a typical sure answer is drawn at full strength.
    scales = {kind: float(np.percentile(values, 75)) for kind, values in tops.items()}
    return save_bundle(out, replace(config, scales=scales), state, card or f"# {name}\n")
