"""What a scanner writes round and over its picture: text, ticks, bars, body mark, calipers."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from hcc_xai.phantoms.spec import Floats, Grid, PhantomSpec

# Fictitious: tests look for these in whatever is written or shown.
VENDOR = "Imaginis Nova 7"
PATIENT = {
    "PatientName": "Quimera^Zenobia",
    "PatientID": "FICT-00417",
    "PatientBirthDate": "19020304",
}


def overlay(picture: Floats, spec: PhantomSpec, grid: Grid) -> NDArray[np.uint8]:
    """Draw what a scanner draws: haze, tint, text and marks, all that the spec asks for.

    Args:
        picture: (H, W) float32, grey levels from 0 to 255.
        spec: says what is drawn.
        grid: where the sector lies.

    Returns:
        (H, W, 3) uint8, RGB.
    """
    grey = np.rint(picture).astype(np.uint8)
    if spec.veil:
        reach = max(spec.shape) // 40
        near = cv2.dilate(grid.sector.astype(np.uint8), np.ones((3, 3)), iterations=reach)
        grey[(near > 0) & ~grid.sector] = spec.veil
    pixels = np.repeat(grey[..., None], 3, axis=2)
    if spec.tint != (1.0, 1.0, 1.0):
        pixels = np.clip(pixels * np.array(spec.tint, np.float32), 0, 255).astype(np.uint8)
    if spec.text_outside:
        around = pixels.copy()
        _surroundings(around, grid, spec.depth_mm)
        pixels = np.where(grid.sector[..., None], pixels, around)  # never over the scan
    scale = spec.shape[0] / 700
    if spec.calipers and spec.lesions:
        _calipers(pixels, spec, grid, max(5, int(16 * scale * spec.caliper_scale)))
    if spec.text_inside:
        row = int(grid.origin[0] + 0.9 * spec.depth_mm / grid.mm)
        _write(pixels, "RT LOBE", (int(grid.origin[1] - 60 * scale), row), 0.8 * scale)
    return pixels


def _calipers(pixels: NDArray[np.uint8], spec: PhantomSpec, grid: Grid, size: int) -> None:
    first, yellow = spec.lesions[0], (255, 255, 120)
    thick = max(1, round(spec.caliper_scale))
    turn = math.radians(first.angle_deg)
    reach = 0.5 * first.diameter_mm * np.array([math.cos(turn), math.sin(turn)])
    centre = np.array([first.col_mm + spec.breath_mm, first.row_mm])
    for k in np.linspace(-1, 1, 13):
        col, row = (int(v) for v in np.rint((centre + k * reach) / grid.mm + grid.origin[::-1]))
        if abs(k) == 1:
            cv2.drawMarker(pixels, (col, row), yellow, cv2.MARKER_CROSS, size, thick)
        else:
            cv2.circle(pixels, (col, row), 0, yellow, -1)


def _write(pixels: NDArray[np.uint8], text: str, at: tuple[int, int], scale: float) -> None:
    font, ink = cv2.FONT_HERSHEY_SIMPLEX, (225, 225, 225)
    cv2.putText(pixels, text, at, font, max(scale, 0.28), ink, 1, cv2.LINE_AA)


def _surroundings(pixels: NDArray[np.uint8], grid: Grid, depth_mm: float) -> None:
    """Text lines, depth ticks, grey bar, colour bar and body mark."""
    height, width = pixels.shape[:2]
    scale = height / 700
    line = max(10, int(24 * scale))
    name = PATIENT["PatientName"].replace("^", ", ")
    for n, text in enumerate((VENDOR, name, PATIENT["PatientID"], "MI 1.1  TIS 0.4"), 1):
        _write(pixels, text, (int(0.01 * width), line * n), 0.55 * scale)
    for n, text in enumerate(("C5-1 / Abd", f"{depth_mm / 10:.0f} cm  38 Hz", "2D 62%  DR 60"), 1):
        _write(pixels, text, (int(0.8 * width), line * n), 0.5 * scale)
    ramp = np.linspace(1, -1, int(0.22 * height))[:, None]
    top, left, thick = int(0.25 * height), int(0.02 * width), max(3, int(14 * scale))
    bars = pixels[top : top + len(ramp), left:]
    bars[:, :thick] = np.linspace(255, 0, len(ramp)).astype(np.uint8)[:, None, None]
    red, green, blue = (
        np.clip(ramp, 0, 1) * 255,
        60 * (1 - np.abs(ramp)),
        np.clip(-ramp, 0, 1) * 255,
    )
    bars[:, 2 * thick : 3 * thick] = np.dstack([red, green, blue]).astype(np.uint8)
    for cm in range(int(depth_mm // 10) + 1):
        row, col = int(grid.origin[0] + cm * 10 / grid.mm), int(0.985 * width)
        reach = int((14 if cm % 5 == 0 else 7) * scale) + 1
        cv2.line(pixels, (col - reach, row), (col, row), (200, 200, 200), 1)
    row, col, arm = int(0.9 * height), int(0.9 * width), max(6, int(28 * scale))
    for side in (-1, 1):  # a torso from the front, and the probe on it
        middle, turn, ink = (col + side * 2 * arm, row), 90 - side * 90, (190, 190, 190)
        axes = (arm, 2 * arm)
        cv2.ellipse(pixels, middle, axes, 0, turn + 120, turn + 240, ink, 1, cv2.LINE_AA)
    cv2.line(pixels, (col - arm // 2, row - arm // 3), (col, row - arm // 2), (90, 220, 90), 2)
