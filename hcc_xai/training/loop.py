"""A plain training loop: one fold, or all images for the bundle that ships.

Every epoch is a function of (seed, epoch) and of the state before it, and the state is written
after each, so a run that was killed goes on as if it had not been (a test compares the two).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hcc_xai.dataset.folder import Record
from hcc_xai.dataset.samples import Sample
from hcc_xai.errors import DataError
from hcc_xai.kinds.known import LIVER
from hcc_xai.model.network import NetworkConfig, sector_of
from hcc_xai.training.batches import Batch, Images, Steps, batches, hold_back, keep_memory
from hcc_xai.training.losses import Truth, losses, total
from hcc_xai.training.recipe import Plan, TrainConfig
from hcc_xai.training.soup import soup
from hcc_xai.training.state import BEST, Run, write_state
from hcc_xai.training.validation import draw_curves, validate

Report = Callable[[str], None]
Watch = Callable[[dict[str, float]], None]


def train(
    folder: str | Path,
    records: Sequence[Record],
    out: str | Path,
    *,
    network: NetworkConfig,
    recipe: TrainConfig,
    kind: str = LIVER,
    pretrained: str | Path | None = None,
    cache: str | Path | None = None,
    report: Report = lambda line: None,
    watch: Watch = lambda row: None,
) -> Path:
    """Train on the given records; write `best.safetensors`, `last.safetensors` and the curves to
    `out`.

    Goes on from `out` where a run with the same recipe stopped.

    Args:
        folder: the data folder.
        records: what to train on (the fold that is tested is not among them).
        out: folder of the run.
        network: what is trained.
        recipe: how it is trained.
        kind: of picture, a name in `KINDS`.
        pretrained: weights to start from (see `load_pretrained`); the trunk's stages up to a
            quarter of the input stay as they are.
        cache: folder for decoded, cropped pictures, shared by all trainings.
        report: is told one line an epoch.
        watch: is given the epoch's figures (not in a soup), and may raise to stop.

    Returns:
        Path of the averaged weights that are best in validation (or last, without one), float32
        safetensors. A soup's networks each hold back their own images.

    Raises:
        DataError: no records, a label the network does not know, a state of another recipe in
            `out`.
    """
    _check(records, network)
    images, plan = Images(folder, records, kind, cache), Plan(network, recipe, pretrained)
    keep_memory()
    if recipe.soup:
        return _train_soup(images, plan, Path(out), report)
    return _train_one(images, plan, Path(out), report, watch)


def _check(records: Sequence[Record], network: NetworkConfig) -> None:
    if not records:
        raise DataError("training-without-images", "there is nothing to train on")
    for record in records:
        if not set(record.labels) <= set(network.labels):
            raise DataError(
                "training-unknown-label",
                "label {label!r} of {name} is none of {labels}",
                label=record.label,
                name=record.name,
                labels=", ".join(network.labels),
            )


def _train_soup(images: Images, plan: Plan, out: Path, report: Report) -> Path:
    """Train each network of a soup, and mix them."""
    weights = []
    for index, own in enumerate(plan.recipe.networks):
        one, folder = replace(plan, recipe=own), out / f"network-{index}"
        if own.soup:
            weights.append(_train_soup(images, one, folder, report))
        else:
            weights.append(_train_one(images, one, folder, report, watch=lambda row: None))
    state = soup(weights, images.samples(plan.network.size), plan)
    write_state(out / BEST, state, {"recipe": plan.recipe.to_dict()})
    return out / BEST


def _train_one(images: Images, plan: Plan, out: Path, report: Report, watch: Watch) -> Path:
    """Train one network, epoch by epoch, from where its folder stands."""
    out.mkdir(parents=True, exist_ok=True)
    recipe, size = plan.recipe, plan.network.size
    fitted, held = hold_back(images.records, share=recipe.validation, seed=recipe.seed)
    run = Run.start(out, plan)
    fitted_samples = replace(images, records=fitted).samples(size)
    held_samples = replace(images, records=held).samples(size)
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        while run.epoch < recipe.epochs:
            row = {"epoch": run.epoch + 1.0, **one_epoch(run, fitted_samples, pool)}
            if held_samples and (run.epoch % 2 == 0 or run.epoch == recipe.epochs - 1):
                row |= validate(run.averaged, held_samples)
            run.finish_epoch(row)
            report("  ".join(f"{key} {value:.3f}" for key, value in row.items()))
            watch(row)
    draw_curves(run.rows, out / "curves.png")
    return out / BEST


def one_epoch(run: Run, samples: Sequence[Sample], pool: ThreadPoolExecutor) -> dict[str, float]:
    """Train for an epoch, whose batches depend on the recipe's seed and the epoch alone.

    Returns:
        The mean of each loss.
    """
    recipe = run.plan.recipe
    rng = np.random.default_rng([recipe.seed, run.epoch])
    torch.manual_seed(recipe.seed * 1000 + run.epoch)
    count = max(1, len(samples) // recipe.batch)
    run.train_mode()
    sums: dict[str, Tensor] = {}
    steps = Steps(samples, run.plan, steps=count, rng=rng)
    for step, batch in enumerate(batches(steps, run.device, pool)):
        for group in run.optimizer.param_groups:
            done = (run.epoch + step / count) / recipe.epochs
            group["lr"] = rate_at(recipe, done, scale=group["scale"])
        parts = _losses_of(run, batch)
        whole = total(parts, grade=recipe.grade, evidence=recipe.evidence)
        run.optimizer.zero_grad(set_to_none=True)
        whole.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(run.network.parameters(), 5.0)
        run.optimizer.step()
        steps_done = run.epoch * count + step
        run.average(min(recipe.average, (1 + steps_done) / (10 + steps_done)))
        for key, value in parts.items():  # read once an epoch: reading makes a GPU wait
            sums[key] = sums.get(key, torch.zeros(())) + value.detach() / count
    return {key: float(value) for key, value in sums.items()}


def rate_at(recipe: TrainConfig, done: float, *, scale: float) -> float:
    """The learning rate: a warm-up, perhaps a level stretch, then half a cosine.

    Args:
        recipe: holds its height and when it falls.
        done: share of the training that is done, 0 to 1.
        scale: of the parameters' group.
    """
    fallen = (done - recipe.level) / (1 - recipe.level) if done > recipe.level else 0.0
    rate = recipe.rate * scale * min(1, done * 15 + 0.02) * (0.51 + 0.49 * np.cos(np.pi * fallen))
    return float(rate)


def mixed(device: torch.device) -> torch.autocast:
    """bf16 where the device computes in it; elsewhere it would be ten times slower, not faster."""
    able = device.type == "cuda"
    if device.type == "cpu":
        known: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
        able = bool(known.get("avx512_bf16") or known.get("amx_bf16"))
    return torch.autocast(device.type, torch.bfloat16, enabled=able)


def _losses_of(run: Run, batch: Batch) -> dict[str, Tensor]:
    """The losses of a batch, by name; the trunk computes in bf16 where that is faster."""
    network, recipe = run.network, run.plan.recipe
    x = batch.input.to(run.device, non_blocking=True)
    truth = Truth(*(part.to(run.device, non_blocking=True) for part in batch.truth))
    sector = sector_of(x)
    with mixed(x.device):
        shared = network.features(x)
    shared = shared.float()
    out = network.heads(shared, sector)
    return losses(out, shared, network, sector, truth, pixels=recipe.pixels, over=recipe.over)
