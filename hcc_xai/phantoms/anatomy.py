"""The phantom's liver and what lies around it, in millimetres: echo level, mirrors and losses."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from hcc_xai.phantoms.spec import Floats, Grid, LesionSpec, PhantomSpec, length


@dataclass(frozen=True)
class Plan:
    """Where the seed puts the liver's borders, whatever the picture's shape and noise.

    Attributes:
        wall: thickness of the abdominal wall, mm.
        dome: the diaphragm's centre (lateral, depth) and radius, mm.
        border: a point of the visceral border (lateral, depth), mm, and the angle of its normal,
            radians.
        wave: phases of the waves in the wall's lower edge and in the visceral border, radians.
        scale: depth of the scan over 150 mm.
    """

    wall: float
    dome: tuple[float, float, float]
    border: tuple[float, float, float]
    wave: tuple[float, float]
    scale: float

    def walled(self, x: Floats, along: Floats) -> Floats:
        """Distance below the abdominal wall's lower edge.

        Args:
            x: lateral place of the points, mm; any shape.
            along: their distance from the probe's face along the beam, mm; of a shape that fits.

        Returns:
            Signed mm, below 0 in the wall.
        """
        return along - self.wall - 1.5 * np.sin(x / 17 + self.wave[0])

    def diaphragm(self, x: Floats, z: Floats) -> Floats:
        """Distance from the diaphragm.

        Args:
            x: lateral place of the points, mm; any shape.
            z: their depth, mm; of a shape that fits.

        Returns:
            Signed mm, below 0 on the liver's side.
        """
        cx, cz, radius = self.dome
        return length(x - cx, z - cz) - radius

    def visceral(self, x: Floats, z: Floats) -> Floats:
        """Distance from the visceral border.

        Args:
            x: lateral place of the points, mm; any shape.
            z: their depth, mm; of a shape that fits.

        Returns:
            Signed mm, below 0 on the liver's side.
        """
        px, pz, angle = self.border
        nx, nz = math.cos(angle), math.sin(angle)
        s = (z - pz) * nx - (x - px) * nz
        bend = 3.0 * np.sin(s / (13 * self.scale + 4) + self.wave[1])
        return (x - px) * nx + (z - pz) * nz + self.scale * bend

    def liver(self, x: Floats, z: Floats, along: Floats) -> Floats:
        """Distance from the liver's outline: the greatest of the distances from its borders.

        Args:
            x: lateral place of the points, mm; any shape.
            z: their depth, mm; of a shape that fits.
            along: their distance from the probe's face along the beam, mm; of a shape that fits.

        Returns:
            Signed mm, below 0 inside.
        """
        behind: Floats = np.maximum(self.diaphragm(x, z), self.visceral(x, z))
        return np.maximum(behind, -self.walled(x, along))


def make_plan(spec: PhantomSpec) -> Plan:
    """The plan that the seed draws, scaled with the depth of the scan.

    Args:
        spec: its seed and depth count.
    """
    rng = np.random.default_rng([spec.seed, 1])
    s = spec.depth_mm / 150
    wall = rng.uniform(15, 24) * min(max(s, 0.5), 1.1)
    bottom, radius = rng.uniform(118, 142) * s, rng.uniform(72, 100) * s
    dome = (rng.uniform(-15, 12) * s, bottom - radius, radius)
    if rng.random() < 0.75:  # right lobe: kidney, gut or gallbladder to the lower right
        border = (rng.uniform(38, 58) * s, rng.uniform(65, 85) * s, rng.uniform(0.35, 1.0))
    else:  # left lobe: a wedge above stomach and pancreas
        border = (rng.uniform(5, 20) * s, rng.uniform(75, 100) * s, rng.uniform(1.0, 1.4))
    return Plan(wall, dome, border, (rng.uniform(0, 6.3), rng.uniform(0, 6.3)), s)


def anatomy(spec: PhantomSpec, grid: Grid) -> Floats:
    """What lies in the body, on the canvas.

    Args:
        spec: what to draw.
        grid: the coordinates of the canvas.

    Returns:
        (Hc, Wc, 3) float32: the scatterers' level in dB, the amplitude of mirror-like echoes, and
        the loss in dB per mm.
    """
    rng = np.random.default_rng([spec.seed, 2])
    x, z, along = grid.canvas
    x = x - spec.breath_mm
    out = np.zeros((*along.shape, 3), np.float32)
    if not spec.homogeneous:
        plan = make_plan(spec)
        _organs(out, plan, rng, grid, x)
        if spec.vessels:
            _vessels(out, plan.liver(x, z, along), spec, plan, rng, grid)
    for lesion in spec.lesions:
        _lesion(out, lesion, rng, x, z, grid.canvas_mm)
    return out


def cloud(rng: Generator, size: tuple[int, int], across: float, down: float) -> Floats:
    """Smooth noise, of mean about 0 and spread about 1.

    Args:
        rng: where it is drawn from.
        size: (H, W), pixels of the canvas.
        across: width of a grain, pixels.
        down: height of a grain, pixels.

    Returns:
        (H, W) float32.
    """
    cells = (int(size[0] / max(down, 1)) + 4, int(size[1] / max(across, 1)) + 4)
    coarse = rng.standard_normal(cells, dtype=np.float32) * 1.5
    return cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)


def _lesion(
    out: Floats, lesion: LesionSpec, rng: Generator, x: Floats, z: Floats, unit: float
) -> None:
    """Draw a lesion over what is in `out`; `unit` is mm per pixel of the canvas."""
    far = 0.75 * lesion.diameter_mm + lesion.margin_mm
    rows = slice(*np.searchsorted(z[:, 0] - lesion.row_mm, (-far, far)))
    columns = slice(*np.searchsorted(x[0] - lesion.col_mm, (-far, far)))
    rho = lesion.radius(x[:, columns], z[rows])
    size = np.float32(0.5 * lesion.diameter_mm * math.sqrt(lesion.aspect))
    inside = np.clip(0.5 - (rho - 1) * size / max(lesion.margin_mm, 0.1), 0, 1)
    level = np.full_like(rho, lesion.contrast_db)
    if lesion.texture_db:
        grain = lesion.diameter_mm / 6 / unit
        level += lesion.texture_db * cloud(rng, level.shape, grain, grain)
    if lesion.halo:
        rim = min(0.22, 2.5 / float(size))
        ring = np.clip(1.5 - np.abs(rho - 1 + rim / 2) / rim * 2, 0, 1)
        level += np.minimum(-9 - level, 0) * ring
    part = out[rows, columns]
    part[..., 0] += inside * (level - part[..., 0])
    part[..., 1] *= 1 - inside
    part[..., 2] += inside * (lesion.posterior_db / (2 * float(size)))


def _edge(distance: Floats, blur: float) -> Floats:
    """0 to 1 plan a signed distance rises through 0; both in mm."""
    return np.clip(0.5 + distance / blur, 0, 1)


def _organs(out: Floats, plan: Plan, rng: Generator, grid: Grid, x: Floats) -> None:
    """Wall, liver, diaphragm and what lies around, into `out`."""
    _, z, along = grid.canvas
    size, unit = along.shape, 1 / grid.canvas_mm  # unit: canvas pixels per mm
    walled, dome, border = plan.walled(x, along), plan.diaphragm(x, z), plan.visceral(x, z)
    patchy = cloud(rng, size, 14 * unit, 9 * unit)
    streaks = cloud(rng, size, 18 * unit, 1.1 * unit)

    level = 0.7 * patchy
    fibres = 2.2 * cloud(rng, size, 9 * unit, 2.2 * unit)
    fibres = fibres + 2.5 * cloud(rng, size, 3 * unit, 2 * unit)
    beyond = rng.uniform(0, 5) + 3 * patchy + fibres - 0.05 * np.maximum(border, 0)
    level += _edge(border, 2.0) * (beyond - level)
    lung = -7 - 0.2 * np.maximum(dome, 0) + 2.5 * cloud(rng, size, 16 * unit, 4 * unit)
    level += _edge(dome, 1.5) * (lung - level)
    _neighbour(level, out, plan, rng, x, z)
    fat = plan.wall * rng.uniform(0.35, 0.6)
    wall = np.where(along < fat, np.float32(-1), np.float32(1.5)) + 3 * streaks
    wall += 12 * np.clip(1 - along / 2.2, 0, 1)
    level += _edge(-walled, 0.8) * (wall - level)
    out[..., 0] = level

    # Mirror-like surfaces shine plan the beam meets them at a right angle.
    _, cz, radius = plan.dome
    upright = np.clip((z - cz) / radius, 0, 1) ** 1.5 + 0.1
    uneven = np.clip(0.7 + 0.3 * cloud(rng, size, 9 * unit, 9 * unit), 0.1, 1.5)
    uneven *= np.clip(0.9 + 0.22 * cloud(rng, size, 3 * unit, 2 * unit), 0.1, 2)
    below = _edge(walled - 1, 2.0)
    shine = 24 * upright * np.exp(-0.5 * ((dome - 1.2) / 0.9) ** 2) * _edge(-border, 6.0)
    shine += 2.6 * np.exp(-0.5 * (border / 0.7) ** 2) * _edge(-dome, 2.0)
    shine = shine * below * uneven
    shine += 4.0 * np.exp(-0.5 * (walled / 0.55) ** 2) * uneven
    shine += 2.5 * np.exp(-0.5 * ((along - fat) / 0.5) ** 2) * uneven
    out[..., 1] = shine
    out[..., 2] -= 0.10 * below * (dome > 0)


def _neighbour(
    level: Floats, out: Floats, plan: Plan, rng: Generator, x: Floats, z: Floats
) -> None:
    """Gallbladder, kidney or gas beyond the visceral border, into `level` and the loss of `out`."""
    px, pz, angle = plan.border
    size = plan.scale * rng.uniform(14, 20)
    which = str(rng.choice(["gallbladder", "kidney", "gas", "none"]))
    away = {"gallbladder": 0.75, "kidney": 1.25}.get(which, 0.8) * size
    slide = rng.uniform(-10, 15) * plan.scale
    organ = LesionSpec(
        pz + away * math.sin(angle) + slide * math.cos(angle),
        px + away * math.cos(angle) - slide * math.sin(angle),
        2.6 * size if which == "kidney" else 1.9 * size,
        aspect=0.55,
        angle_deg=math.degrees(angle) + 90 + rng.uniform(-25, 25),
    )
    rho, beyond = organ.radius(x, z), plan.visceral(x, z) > 0
    if which == "gallbladder":
        inside = np.clip((1 - rho) * 12, 0, 1) * beyond
        level += inside * (-32 - level) + 8 * np.exp(-(((rho - 1.04) * 18) ** 2)) * beyond
        out[..., 2] += inside * (6 / size)
    elif which == "kidney":
        level += np.clip((1 - rho) * 10, 0, 1) * (-4 - level) * beyond
        level += np.clip((0.5 - rho) * 8, 0, 1) * (8 - level) * beyond
    elif which == "gas":
        inside = np.clip((1 - rho) * 6, 0, 1) * beyond
        level += inside * (10 - 0.6 * level)
        out[..., 2] -= inside * (12 / size)


def _vessels(
    out: Floats, liver: Floats, spec: PhantomSpec, plan: Plan, rng: Generator, grid: Grid
) -> None:
    """Hepatic veins (plain), portal branches (bright walls) and small ones, into `out`."""
    s = plan.scale
    lumen, wall = np.zeros(liver.shape, np.uint8), np.zeros(liver.shape, np.uint8)
    corner = np.array([grid.canvas[0][0, 0], grid.canvas[1][0, 0]], np.float64)
    corner[0] -= np.float32(spec.breath_mm)

    def tube(points: list[NDArray[np.float64]], thick: NDArray[np.float64], bright: bool) -> None:
        t = np.linspace(0, 1, 24)[:, None]
        curve = (1 - t) ** 2 * points[0] + 2 * t * (1 - t) * points[1] + t**2 * points[2]  # (24, 2)
        ahead = np.gradient(curve, axis=0)
        normal = np.stack([-ahead[:, 1], ahead[:, 0]], 1) / np.hypot(*ahead.T)[:, None]
        radius = np.interp(t, [0, 1], thick) * (1 + 0.15 * np.sin(9 * t + points[0][0]))
        radius *= np.sqrt(1 - 0.98 * (2 * t - 1) ** 4)  # round ends
        for image, more in [(lumen, 0.0), (wall, 1.1)] if bright else [(lumen, 0.0)]:
            side = (radius + more) * normal
            pixel = (np.vstack([curve + side, (curve - side)[::-1]]) - corner) / grid.canvas_mm * 16
            cv2.fillPoly(image, [pixel.round().astype(np.int32)], 255, cv2.LINE_AA, 4)

    cava = np.array([plan.dome[0] + rng.uniform(-5, 20) * s, plan.dome[1] + 0.8 * plan.dome[2]])
    hilum = np.array([rng.uniform(5, 30), rng.uniform(62, 85)]) * s
    for n in range(int(spec.vessels)):
        portal = n % 2 == 1
        start = (hilum if portal else cava) + rng.normal(0, 3, 2) * s
        reach = [rng.uniform(-45, 12), rng.uniform(-40, 8) if portal else rng.uniform(-70, -35)]
        stop = start + np.array(reach) * s
        bend = 0.5 * (start + stop) + rng.normal(0, 7, 2) * s
        thick = np.array([rng.uniform(2.2, 4.6), rng.uniform(0.6, 1.2)]) * s
        tube([start, bend, stop], thick, portal)
    for _ in range(4 * int(spec.vessels)):
        start = np.array([rng.uniform(-70, 50), rng.uniform(30, 120)]) * s
        way = rng.normal(0, 4.5, 2) * s
        thick = rng.uniform(0.5, 1.5, 2) * s
        bend = start + way * 0.5 + rng.normal(0, 1, 2)
        tube([start, bend, start + way], thick, rng.random() < 0.45)

    inside = np.clip(-liver / 2 - 0.5, 0, 1)
    blood = cv2.GaussianBlur(lumen, (0, 0), 1.0).astype(np.float32) * inside / 255
    walls = cv2.GaussianBlur(wall, (0, 0), 0.7).astype(np.float32) * inside / 255
    out[..., 0] += np.maximum(walls - blood, 0) * (10 - out[..., 0])
    out[..., 0] += blood * (-18 - out[..., 0])
