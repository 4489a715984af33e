"""How well find_sector meets the hand-drawn sectors of a data folder.

python scripts/sector_iou.py [DATA] [--copies] [--sheet FOLDER] [--workers N]

DATA holds images/, sectors/ and index.csv, and perhaps raw/. Prints a Markdown table of the
intersection over union; with --copies also for darker, lighter, smaller, larger and re-compressed
copies. With --sheet writes the worst of each folder as a picture: drawn by hand red, found green.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from functools import partial
from multiprocessing import Pool
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hcc_xai.imaging.frame import find_sector

COPIES = {
    "as it is": (1.0, 1.0, 0),
    "gain 0.6": (0.6, 1.0, 0),
    "gain 1.5": (1.5, 1.0, 0),
    "half size": (1.0, 0.5, 0),
    "0.4 times": (1.0, 0.4, 0),
    "1.3 times": (1.0, 1.3, 0),
    "JPEG 50": (1.0, 1.0, 50),
}  # gain, scale, JPEG quality (0: as it is)


class Found(NamedTuple):
    iou: float
    name: str
    seconds: float


def copy_of(
    pixels: NDArray[np.uint8], truth: NDArray[np.uint8], kind: str
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    gain, scale, quality = COPIES[kind]
    if gain != 1:
        pixels = np.clip(pixels * gain, 0, 255).astype(np.uint8)
    if scale != 1:
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=how)
        truth = cv2.resize(truth, pixels.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    if quality:
        packed = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        pixels = cv2.imdecode(packed, cv2.IMREAD_COLOR)
    return pixels, truth > 127


def read(data: Path, folder: str, name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    pixels = cv2.imread(str(data / folder / f"{name}.jpg"))
    truth = cv2.imread(str(data / "sectors" / f"{name}.png"), cv2.IMREAD_GRAYSCALE)
    return pixels, truth


def measure(name: str, *, data: Path, folder: str, kind: str) -> Found:
    cv2.setNumThreads(1)
    pixels, truth = copy_of(*read(data, folder, name), kind)
    begun = time.process_time()
    found = find_sector(pixels)
    seconds = time.process_time() - begun
    return Found(float((found & truth).sum() / (found | truth).sum()), name, seconds)


def row_of(folder: str, kind: str, found: list[Found]) -> str:
    values = np.array([one.iou for one in found])
    took = 1000 * float(np.median([one.seconds for one in found]))
    shares = f"{np.median(values):.3f} | {np.percentile(values, 5):.3f} | {values.min():.3f}"
    below = (values < 0.8).sum()
    return f"| {folder} | {kind} | {len(values)} | {shares} | {below} | {took:.0f} |"


def write_sheet(data: Path, folder: str, found: list[Found], path: Path) -> None:
    tiles = []
    for one in sorted(found)[:25]:
        pixels, truth = read(data, folder, one.name)
        seen = (255 * (pixels / 255) ** 0.4).astype(np.uint8)  # so that dark flanks show
        for mask, colour in ((truth > 127, (0, 0, 255)), (find_sector(pixels), (0, 255, 0))):
            lines, _ = cv2.findContours(
                mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
            )
            cv2.drawContours(seen, lines, -1, colour, 3)
        cv2.putText(seen, f"{one.name} {one.iou:.3f}", (5, 40), 0, 1.2, (0, 255, 255), 3)
        tiles.append(cv2.resize(seen, (380, 285), interpolation=cv2.INTER_AREA))
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % 5)
    lines_of = [np.hstack(tiles[k : k + 5]) for k in range(0, len(tiles), 5)]
    cv2.imwrite(str(path), np.vstack(lines_of))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data/aul"))
    parser.add_argument("--copies", action="store_true", help="measure on altered copies too")
    parser.add_argument("--sheet", type=Path, help="folder for pictures of the worst")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    if not (options.data / "index.csv").exists():
        print(f"{options.data}: no index.csv there", file=sys.stderr)
        return 1
    with (options.data / "index.csv").open() as lines:
        unsound = {r["name"] for r in csv.DictReader(lines) if "sector file" in r["note"]}
    print("| folder | copy | n | median | p5 | worst | < 0.8 | ms |\n|" + " --- |" * 8)
    with Pool(options.workers) as pool:
        for folder in ("raw", "images"):
            names = sorted(path.stem for path in (options.data / folder).glob("*.jpg"))
            names = [name for name in names if name not in unsound]
            for kind in COPIES if options.copies else ["as it is"]:
                job = partial(measure, data=options.data, folder=folder, kind=kind)
                found = pool.map(job, names, chunksize=8)
                if found:
                    print(row_of(folder, kind, found), flush=True)
                if found and options.sheet and kind == "as it is":
                    options.sheet.mkdir(parents=True, exist_ok=True)
                    write_sheet(options.data, folder, found, options.sheet / f"{folder}.png")
    print(f"\nLeft out, because their sector file holds the liver's outline: {sorted(unsound)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
