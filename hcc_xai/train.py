"""A plain training loop: one fold, or all images for the bundle that ships.

Every epoch is a function of (seed, epoch) and of the state before it, and the state is written
after each, so a run that was killed goes on as if it had not been (a test compares the two).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from hcc_xai import draw
from hcc_xai.analysis import Analyzer
from hcc_xai.bundle import BundleConfig, load_bundle, save_bundle
from hcc_xai.data import LESION, Record, Sample, augment, load_sample, plain, sampling_weights
from hcc_xai.errors import DataError
from hcc_xai.explain import KINDS
from hcc_xai.network import STRIDE, Network, NetworkConfig, Outputs, sector_of


@dataclass(frozen=True)
class TrainConfig:
    """The recipe. `validation` is the share of images held back to choose the epoch; 0 takes the
    last one."""

    epochs: int = 9
    batch: int = 16
    rate: float = 2e-3
    decay: float = 0.02
    average: float = 0.98
    style_share: float = 0.35
    evidence: float = 0.5
    validation: float = 0.12
    seed: int = 0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def losses(
    out: Outputs,
    shared: Tensor,
    network: Network,
    sector: Tensor,
    labels: Tensor,
    targets: Tensor,
    has_liver: Tensor,
) -> dict[str, Tensor]:
    """What is minimised, by name.

    Args:
        out: heads' answer, in float32. shared: (B, C, h, w). sector: (B, 1, h, w).
        labels: (B,) long. targets: (B, S, S) of 0, 1 liver, 2 lesion. has_liver: (B,) bool, False
        where the liver was not outlined.

    Returns:
        grade: cross-entropy; liver, lesion: Dice by image and cross-entropy; evidence: share of the
        true grade's positive contribution that lies outside the lesion ("right for the right
        reasons", Ross et al. 2017).
    """
    masks = F.interpolate(out.masks, size=targets.shape[-2:], mode="bilinear", align_corners=False)
    liver, lesion = (targets > 0).float(), (targets == LESION).float()
    liver_loss = _dice(masks[:, 0], liver) + F.binary_cross_entropy_with_logits(
        masks[:, 0], liver, reduction="none"
    ).mean((1, 2))
    cross = F.binary_cross_entropy_with_logits(
        masks[:, 1], lesion, reduction="none", pos_weight=torch.tensor(2.0)
    )
    has_lesion = lesion.sum((1, 2)) > 0
    lesion_loss = torch.where(has_lesion, _dice(masks[:, 1], lesion), 0.0) + 2 * cross.mean((1, 2))
    weight, _ = network.grade_weights()
    mine = torch.einsum("bchw,bphw,bpc->bhw", shared, out.pools, weight[labels]).clamp(min=0)
    small = F.avg_pool2d(lesion[:, None], STRIDE)[:, 0]
    inside = (mine * small).sum((1, 2)) / mine.sum((1, 2)).clamp(min=1e-6)
    return {
        "grade": F.cross_entropy(out.logits, labels, label_smoothing=0.05),
        "liver": (liver_loss * has_liver).sum() / has_liver.sum().clamp(min=1),
        "lesion": lesion_loss.mean(),
        "evidence": ((1 - inside) * has_lesion).sum() / has_lesion.sum().clamp(min=1),
    }


def _dice(logits: Tensor, truth: Tensor) -> Tensor:
    """One minus the soft Dice of each image. (B, S, S) -> (B,)."""
    found = logits.sigmoid()
    return 1 - (2 * (found * truth).sum((1, 2)) + 1) / (found.sum((1, 2)) + truth.sum((1, 2)) + 1)


def train(
    folder: str | Path,
    records: Sequence[Record],
    out: str | Path,
    *,
    network: NetworkConfig,
    recipe: TrainConfig,
    pretrained: str | Path | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> Path:
    """Train on the given records; write `best.safetensors`, `last.safetensors` and the curves to
    `out`.

    Goes on from `out` where a run with the same recipe stopped.

    Args:
        folder: the data folder.
        records: what to train on (the fold that is tested is not among them).
        pretrained: safetensors with a trunk of the same timm name.
        report: is told one line an epoch.

    Returns:
        Path of the averaged weights that are best in validation (or last, without one), float32
        safetensors.

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
    run = _Run.start(out, network, recipe, pretrained)
    fitted, held = hold_back(records, share=recipe.validation, seed=recipe.seed)
    with ThreadPoolExecutor(2) as pool:
        load = lambda r: load_sample(folder, r, size=network.size)  # noqa: E731
        fitted_samples, held_samples = list(pool.map(load, fitted)), list(pool.map(load, held))
        while run.epoch < recipe.epochs:
            row = {"epoch": run.epoch + 1.0, **_epoch(run, fitted_samples, pool)}
            if held_samples and (run.epoch % 2 == 0 or run.epoch == recipe.epochs - 1):
                row |= validate(run.averaged, held_samples)
            run.finish_epoch(row)
            report("  ".join(f"{key} {value:.3f}" for key, value in row.items()))
    _draw_curves(run.rows, out / "curves.png")
    return out / "best.safetensors"


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

    def __init__(self, out: Path, network: NetworkConfig, recipe: TrainConfig) -> None:
        torch.manual_seed(recipe.seed)
        self.out, self.recipe = out, recipe
        self.network = Network(network).to(memory_format=torch.channels_last)
        self.averaged = Network(network).to(memory_format=torch.channels_last).eval()
        new = [p for n, p in self.network.named_parameters() if not n.startswith("trunk.")]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": list(self.network.trunk.parameters()), "scale": 0.4},
                {"params": new, "scale": 1.0},
            ],
            lr=recipe.rate,
            weight_decay=recipe.decay,
        )
        self.epoch, self.best = 0, -np.inf
        self.rows: list[dict[str, float]] = []

    @classmethod
    def start(
        cls, out: Path, network: NetworkConfig, recipe: TrainConfig, pretrained: str | Path | None
    ) -> _Run:
        run = cls(out, network, recipe)
        if (out / "last.safetensors").is_file():
            run._resume()
        else:
            if pretrained is not None:
                load_trunk(run.network, pretrained)
            run.averaged.load_state_dict(run.network.state_dict())
        return run

    def _resume(self) -> None:
        path = str(self.out / "last.safetensors")
        with safe_open(path, framework="pt") as file:
            about = json.loads(file.metadata()["about"])
        if (
            about["recipe"] != self.recipe.to_dict()
            or about["network"] != self.network.config.to_dict()
        ):
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


def _write(path: Path, state: dict[str, Tensor], about: dict[str, Any]) -> None:
    partial = path.with_suffix(".partial")
    save_file(
        {k: v.detach().contiguous().clone() for k, v in state.items()},
        partial,
        {"about": json.dumps(about)},
    )
    os.replace(partial, path)


def load_trunk(network: Network, path: str | Path) -> int:
    """Put ImageNet weights into a trunk; a colour stem is summed to grey. Returns how many tensors
    fitted.

    Raises:
        DataError: the file is missing, or fewer than nine tenths of the trunk's tensors are in it.
    """
    if not Path(path).is_file():
        raise DataError(f"pretrained weights {path} are missing")
    given = {k: v.float() for k, v in load_file(str(path)).items()}
    own = network.trunk.state_dict()
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
    network.trunk.load_state_dict({**own, **fitting})
    return len(fitting)


def _epoch(run: _Run, samples: Sequence[Sample], pool: ThreadPoolExecutor) -> dict[str, float]:
    recipe, network = run.recipe, run.network
    rng = np.random.default_rng([recipe.seed, run.epoch])
    torch.manual_seed(recipe.seed * 1000 + run.epoch)
    steps = max(1, len(samples) // recipe.batch)
    network.train()
    sums: dict[str, float] = {}
    for step, (x, targets, labels, has_liver) in enumerate(
        _batches(samples, steps, run, rng, pool)
    ):
        done = (run.epoch + step / steps) / recipe.epochs
        for group in run.optimizer.param_groups:  # warm-up, then half a cosine
            group["lr"] = (
                recipe.rate
                * group["scale"]
                * min(1, done * 15 + 0.02)
                * (0.51 + 0.49 * np.cos(np.pi * done))
            )
        sector = sector_of(x)
        with torch.autocast(x.device.type, torch.bfloat16):
            shared = network.features(x)
        shared = shared.float()
        out = network.heads(shared, sector)
        parts = losses(out, shared, network, sector, labels, targets, has_liver)
        total = (
            parts["grade"] + parts["liver"] + parts["lesion"] + recipe.evidence * parts["evidence"]
        )
        run.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        run.optimizer.step()
        keep = min(recipe.average, (1 + run.epoch * steps + step) / (10 + run.epoch * steps + step))
        with torch.no_grad():
            for mean, new in zip(
                run.averaged.state_dict().values(), network.state_dict().values(), strict=True
            ):
                mean.copy_(mean.lerp(new, 1 - keep) if mean.is_floating_point() else new)
        for key, value in parts.items():
            sums[key] = sums.get(key, 0.0) + float(value.detach()) / steps
    return sums


def _batches(
    samples: Sequence[Sample],
    steps: int,
    run: _Run,
    rng: np.random.Generator,
    pool: ThreadPoolExecutor,
) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Batches, made one ahead of the network."""
    records = [s.record for s in samples]
    weights = sampling_weights(records)
    size, labels = run.network.config.size, run.network.config.labels
    draws = rng.choice(len(samples), size=(steps, run.recipe.batch), p=weights)
    seeds = rng.integers(0, 2**31, size=draws.shape)

    def make(index: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        own = np.random.default_rng(seed)
        other = (
            samples[int(own.integers(len(samples)))]
            if own.random() < run.recipe.style_share
            else None
        )
        return augment(samples[index], size, own, style=other)

    waiting = [pool.submit(make, int(i), int(s)) for i, s in zip(draws[0], seeds[0], strict=True)]
    for step in range(steps):
        made = [job.result() for job in waiting]
        if step + 1 < steps:
            waiting = [
                pool.submit(make, int(i), int(s))
                for i, s in zip(draws[step + 1], seeds[step + 1], strict=True)
            ]
        drawn = [records[int(i)] for i in draws[step]]
        yield (
            torch.from_numpy(np.stack([m[0] for m in made]))[:, None],
            torch.from_numpy(np.stack([m[1] for m in made])),
            torch.tensor([labels.index(r.label) for r in drawn]),
            torch.tensor([r.has_liver for r in drawn]),
        )


def validate(network: Network, samples: Sequence[Sample]) -> dict[str, float]:
    """Figures on held-back samples; `score` (higher is better) chooses the epoch."""
    labels = network.config.labels
    logs, dices, livers, hits = [], [], [], []
    with torch.inference_mode():
        for start in range(0, len(samples), 8):
            part = samples[start : start + 8]
            made = [plain(s, network.config.size) for s in part]
            out = network(torch.from_numpy(np.stack([m[0] for m in made]))[:, None])
            found = F.interpolate(out.masks, size=made[0][0].shape, mode="bilinear").numpy() > 0
            for sample, (_, truth), masks, logits in zip(
                part, made, found, out.logits, strict=True
            ):
                answer = labels.index(sample.record.label)
                logs.append(-float(logits.log_softmax(0)[answer]))
                hits.append(int(logits.argmax()) == answer)
                livers.append(_overlap(masks[0], truth > 0))
                if (truth == LESION).any():
                    dices.append(_overlap(masks[1], truth == LESION))
    lesion = float(np.mean(dices)) if dices else 0.0
    row = {
        "val_log": float(np.mean(logs)),
        "val_accuracy": float(np.mean(hits)),
        "val_liver": float(np.mean(livers)),
        "val_lesion": lesion,
    }
    return {**row, "score": lesion - 0.5 * row["val_log"]}


def _overlap(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    return 2 * float((found & truth).sum()) / max(1, int(found.sum()) + int(truth.sum()))


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
            tops[kind].append(draw.own_scale(answer._grid(None, kind)))
    # Strong evidence of a typical sure answer is drawn at full strength.
    scales = {kind: float(np.percentile(values, 75)) for kind, values in tops.items()}
    return save_bundle(out, replace(config, scales=scales), state, card or f"# {name}\n")
