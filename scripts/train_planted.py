"""Train the five tiny networks that the tests load, and say how well each learned its world.

python scripts/train_planted.py [--world WORLD] [--seed SEED] [--threads N] [--out FOLDER]

The stored ones are of seed 0, but for the world of the text: of seeds 0, 1 and 2, all of which
learn it (each of 200 right), only seed 1's answers also follow the text that the audit writes, in
another place and size; the other two are caught by other lines of the audit.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from planted_networks import DATA, SMALL

from hcc_xai.evaluation.planted_training import samples_of, save, train
from hcc_xai.evaluation.planted_worlds import WORLDS, spec_of
from hcc_xai.files import write_whole
from hcc_xai.model.bundle import WEIGHTS, load_bundle
from hcc_xai.phantoms.phantom import make

TAUGHT, TESTED = 400_000, 500_000  # first seeds; the tests use other phantoms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--world", action="append", choices=list(WORLDS))
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--tested", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=DATA)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    seeds = [*range(TAUGHT, TAUGHT + options.images), *range(TESTED, TESTED + options.tested)]
    specs = [spec_of(seed, SMALL) for seed in seeds]
    inputs, targets = samples_of([make(spec) for spec, _ in specs], SMALL)
    some = slice(options.images)
    for world in options.world or WORLDS:
        start = time.process_time()
        marks = torch.tensor([int(coins[world]) for _, coins in specs])
        network = train(
            (inputs[some], targets[some]),
            marks[some],
            epochs=options.epochs,
            recipe=SMALL,
            seed=options.seed,
        )
        seconds = time.process_time() - start
        with tempfile.TemporaryDirectory() as folder:
            bundle = load_bundle(save(folder, world, network))
            weights = (bundle.path / WEIGHTS).read_bytes()
        with torch.no_grad():
            logits = bundle.network()(inputs[options.images :]).logits
        right = (logits.argmax(1) == marks[options.images :]).float().mean()
        print(f"{world}: {right:.3f} right, {seconds:.0f} s", flush=True)
        options.out.mkdir(parents=True, exist_ok=True)
        write_whole(options.out / f"{world}.safetensors", weights)


if __name__ == "__main__":
    main()
