"""A training's state on disk: what it carries from epoch to epoch, saved after each and taken up
again."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from hcc_xai.analysis.device import pick_device
from hcc_xai.errors import DataError
from hcc_xai.model.network import Network, NetworkConfig
from hcc_xai.training.pretrained import early, load_pretrained, train_mode
from hcc_xai.training.recipe import Plan, TrainConfig

BEST, LAST, CURVES = "best.safetensors", "last.safetensors", "curves.json"


class About(TypedDict):
    """What stands beside the tensors in `last.safetensors`, as JSON."""

    recipe: dict[str, object]
    network: dict[str, object]
    epoch: int
    rows: list[dict[str, float]]
    best: float


class Run:
    """All that a training carries from epoch to epoch, on disk as safetensors (no pickle).

    Attributes:
        out: folder of the run.
        plan: what is trained, and how.
        network: what learns.
        averaged: the running mean of its weights, which is what is validated and ships.
        epoch: epochs that are done.
        rows: the figures of each of them.
        best: the score of the best epoch so far.
    """

    def __init__(self, out: Path, plan: Plan) -> None:
        self.out, self.plan, self.device = out, plan, pick_device()
        torch.manual_seed(0)  # one start for all seeds: their mean needs it
        self.network = new_network(plan, self.device)
        self.averaged = new_network(plan, self.device).eval()
        pairs = zip(
            self.averaged.state_dict().values(), self.network.state_dict().values(), strict=True
        )
        self._means = [(mean, new) for mean, new in pairs if mean.is_floating_point()]
        self.frozen: set[str] = set()
        if plan.pretrained is not None:
            self.frozen = early(self.network)
            for name, parameter in self.network.trunk.named_parameters():
                parameter.requires_grad_(name not in self.frozen)
        self.optimizer = self._optimizer()
        self.epoch, self.best = 0, -np.inf
        self.rows: list[dict[str, float]] = []

    @classmethod
    def start(cls, out: Path, plan: Plan) -> Run:
        """The run of a folder: gone on with where there is one, begun where there is none.

        Raises:
            DataError: the folder holds a training of another recipe.
        """
        run = cls(out, plan)
        if (out / LAST).is_file():
            run._resume()
        else:
            if plan.pretrained is not None:
                load_pretrained(run.network, plan.pretrained)
            run.averaged.load_state_dict(run.network.state_dict())
        return run

    def _optimizer(self) -> torch.optim.AdamW:
        """Steps of the trunk, which knows something already, are smaller than those of the rest."""
        new = [p for n, p in self.network.named_parameters() if not n.startswith("trunk.")]
        trunk = [p for p in self.network.trunk.parameters() if p.requires_grad]
        return torch.optim.AdamW(
            [{"params": trunk, "scale": 0.4}, {"params": new, "scale": 1.0}],
            lr=self.plan.recipe.rate,
            weight_decay=self.plan.recipe.decay,
        )

    def _resume(self) -> None:
        path = self.out / LAST
        about = read_about(path)
        recipe = {**TrainConfig().to_dict(), **about["recipe"]}  # of an older version, perhaps
        network = {**NetworkConfig().to_dict(), **about["network"]}
        if recipe != self.plan.recipe.to_dict() or network != self.plan.network.to_dict():
            raise DataError(
                "run-of-another-recipe",
                "{folder} holds a training with another recipe; name another folder",
                folder=str(self.out),
            )
        self.epoch, self.rows, self.best = about["epoch"], about["rows"], about["best"]
        parts: dict[str, dict[str, Tensor]] = {}
        for key, value in load_file(str(path)).items():
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
        """Move the averaged weights on by a step; `keep` is the old ones' share, 0 to 1."""
        update = get_ema_multi_avg_fn(keep)  # type: ignore[no-untyped-call]
        update([mean for mean, _ in self._means], [new for _, new in self._means], 0)

    def train_mode(self) -> None:
        """Set training mode, in which the norms of frozen stages keep their statistics."""
        train_mode(self.network, self.frozen)

    def finish_epoch(self, row: dict[str, float]) -> None:
        """Keep an epoch's figures and, where they are the best, its averaged weights; write the
        state."""
        recipe = self.plan.recipe
        self.rows.append(row)
        self.epoch += 1
        score = row.get("score", float(self.epoch) if not recipe.validation else -np.inf)
        if score > self.best and self.epoch > recipe.epochs // 2 or not (self.out / BEST).exists():
            self.best = score
            write_state(self.out / BEST, self.averaged.state_dict(), {"epoch": self.epoch})
        self._save()
        (self.out / CURVES).write_text(json.dumps(self.rows, indent=1), encoding="utf-8")

    def _save(self) -> None:
        state = {f"network/{k}": v for k, v in self.network.state_dict().items()}
        state |= {f"averaged/{k}": v for k, v in self.averaged.state_dict().items()}
        for index, slots in self.optimizer.state_dict()["state"].items():
            state |= {f"optimizer/{index}/{slot}": value for slot, value in slots.items()}
        about: About = {
            "recipe": self.plan.recipe.to_dict(),
            "network": self.network.config.to_dict(),
            "epoch": self.epoch,
            "rows": self.rows,
            "best": self.best,
        }
        write_state(self.out / LAST, state, about)


def new_network(plan: Plan, device: torch.device) -> Network:
    """The network of a plan with weights drawn by chance, laid out for speed."""
    return Network(plan.network).to(device).to(memory_format=torch.channels_last)


def read_about(path: Path) -> About:
    """What stands beside the tensors of a `last.safetensors`."""
    with safe_open(str(path), framework="pt") as file:
        about: About = json.loads(file.metadata()["about"])
    return about


def write_state(path: Path, state: Mapping[str, Tensor], about: Mapping[str, object]) -> None:
    """Write tensors as safetensors, whole or not at all, with what is said about them as JSON."""
    unfinished = path.with_suffix(".partial")
    save_file(
        {k: v.detach().contiguous().clone() for k, v in state.items()},
        unfinished,
        {"about": json.dumps(about)},
    )
    os.replace(unfinished, path)
