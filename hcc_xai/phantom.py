"""Seeded synthetic liver scans whose masks, sizes and cause are known.

`PhantomSpec` says what to draw, `make` draws it: anatomy in millimetres, random scatterers through
a point spread function in beam coordinates, log compression, scan conversion, and the frame that
a scanner draws around it. It looks like B-mode at a glance; it is not a model of any disease.

Coordinates: `depth_mm` (z) below the skin at the middle of the probe, `lateral_mm` (x) to the right
of it. A pixel is in a mask when its centre is.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from .errors import ArgumentError, unknown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

__all__ = [
    "PATIENT",
    "PROBES",
    "VENDOR",
    "Echoes",
    "LesionSpec",
    "Phantom",
    "PhantomSpec",
    "echoes",
    "make",
    "random_spec",
    "to_dicom",
]

Floats = NDArray[Any]  # float32
Mask = NDArray[np.bool_]

# Fictitious: tests look for these in whatever is written or shown.
VENDOR = "Imaginis Nova 7"
PATIENT = {
    "PatientName": "Quimera^Zenobia",
    "PatientID": "FICT-00417",
    "PatientBirthDate": "19020304",
}

ATTENUATION = 3.5  # dB per cm of depth, there and back: 0.5 dB/cm/MHz at 3.5 MHz
LIVER_GREY = 0.40  # share of the grey scale at which liver (0 dB) is shown with no gain
CANVAS = 300  # rows at most of the millimetre canvas on which the anatomy is drawn
PAD = 8  # beams simulated beyond either edge: the lateral filter is circular


@dataclass(frozen=True)
class Probe:
    """A transducer's field of view; beams spread from a virtual apex behind the face."""

    apex_mm: float  # from the apex to the face; infinite: parallel beams
    half: float  # half of the fan in radians, or half of the face in mm for a flat face
    flat: bool = False


PROBES = {
    "convex": Probe(apex_mm=55.0, half=np.deg2rad(33.0)),
    "linear": Probe(apex_mm=np.inf, half=26.0, flat=True),
    "trapezoid": Probe(apex_mm=90.0, half=26.0, flat=True),
    "phased": Probe(apex_mm=4.0, half=np.deg2rad(43.0)),
}


@dataclass(frozen=True)
class LesionSpec:
    """One lesion: an ellipse, optionally lobed.

    Attributes:
        row_mm: depth of its centre below the skin, in mm.
        col_mm: its centre to the right of the middle of the probe, in mm.
        diameter_mm: long axis; the area is pi / 4 * diameter_mm**2 * aspect, lobed or not.
        aspect: short axis over long axis, in (0, 1].
        angle_deg: of the long axis, clockwise from the horizontal.
        contrast_db: mean echo level against the liver.
        margin_mm: width over which the level changes across the outline.
        lobes: how far the outline departs from the ellipse, 0 to 0.3 of the radius.
        texture_db: spread of its own coarse texture.
        halo: a dark rim just inside the outline.
        posterior_db: change of what lies behind it (enhancement > 0, shadow < 0).
        kind: "benign" or "malignant".
    """

    row_mm: float
    col_mm: float
    diameter_mm: float
    aspect: float = 1.0
    angle_deg: float = 0.0
    contrast_db: float = -10.0
    margin_mm: float = 1.0
    lobes: float = 0.0
    texture_db: float = 0.0
    halo: bool = False
    posterior_db: float = 0.0
    kind: str = "benign"

    def __post_init__(self) -> None:
        if self.kind not in ("benign", "malignant"):
            raise unknown("lesion kind", self.kind, ("benign", "malignant"))
        _positive(diameter_mm=self.diameter_mm, aspect=self.aspect)
        if self.aspect > 1.0 or not 0.0 <= self.lobes <= 0.3:
            raise ArgumentError(
                f"aspect is in (0, 1] and lobes in [0, 0.3], got {self.aspect:g} and {self.lobes:g}"
            )

    def radius(self, lateral_mm: Floats, depth_mm: Floats) -> Floats:
        """Distance from the centre in units of the outline's: below 1 inside, 1 on the outline."""
        turn = np.deg2rad(self.angle_deg)
        x, z = lateral_mm - np.float32(self.col_mm), depth_mm - np.float32(self.row_mm)
        along = (x * np.float32(np.cos(turn)) + z * np.float32(np.sin(turn))) * np.float32(
            2 / self.diameter_mm
        )
        across = (z * np.float32(np.cos(turn)) - x * np.float32(np.sin(turn))) * np.float32(
            2 / (self.diameter_mm * self.aspect)
        )
        rho = _length(along, across)
        if self.lobes:
            phi = np.arctan2(across, along)
            bumps = 1 + np.float32(self.lobes) * (
                0.6 * np.cos(3 * phi + 1.0) + 0.4 * np.cos(5 * phi + 2.1)
            )
            rho = rho / bumps * np.float32(np.sqrt(1 + 0.26 * self.lobes**2))  # keeps the area
        return rho

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class PhantomSpec:
    """What to draw; two equal specs give the same bytes.

    Attributes:
        seed: of anatomy, speckle and frame.
        shape: (H, W) of the picture in pixels, at least 64 x 64.
        probe: a name in `PROBES`.
        depth_mm: how deep the scan reaches along a beam.
        lesions: the lesions; none makes a normal liver.
        vessels: large vessels (False or 0: none, small ones neither).
        homogeneous: liver-like speckle everywhere, no anatomy but the lesions; for measurements.
        gain_db: added before compression.
        tgc_slope: what the time gain leaves uncorrected, in dB per cm (below 0: darker in depth).
        noise_db: level of the electronic noise at the bottom, against liver.
        shading_db: uneven contact: how much beams differ, and how much those at the edges lose.
        speckle_mm: axial width (full at half maximum) of the point spread function.
        looks: compounded frames; 1 gives Rayleigh speckle.
        dynamic_range_db: of the grey scale.
        breath_mm: everything below the abdominal wall, lesions too, is moved right by so much.
        text_outside: text, ticks, body mark, grey bar and colour bar around the sector.
        text_inside: a label inside the sector.
        calipers: crosses and a dotted line along the first lesion's long axis.
        veil: grey level of a haze round the sector, 0 to 255.
        tint: multipliers of red, green and blue.
    """

    seed: int
    shape: tuple[int, int] = (384, 512)
    probe: str = "convex"
    depth_mm: float = 150.0
    lesions: tuple[LesionSpec, ...] = ()
    vessels: int = 3
    homogeneous: bool = False
    gain_db: float = 0.0
    tgc_slope: float = -0.3
    noise_db: float = -25.0
    shading_db: float = 5.0
    speckle_mm: float = 0.8
    looks: int = 4
    dynamic_range_db: float = 60.0
    breath_mm: float = 0.0
    text_outside: bool = False
    text_inside: bool = False
    calipers: bool = False
    veil: int = 0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        if self.probe not in PROBES:
            raise unknown("probe", self.probe, PROBES)
        if self.seed < 0 or self.looks < 1 or min(self.shape) < 64:
            raise ArgumentError(
                "seed is at least 0, looks at least 1 and shape at least 64 x 64, "
                f"got {self.seed}, {self.looks} and {self.shape}"
            )
        _positive(
            depth_mm=self.depth_mm,
            speckle_mm=self.speckle_mm,
            dynamic_range_db=self.dynamic_range_db,
        )

    @property
    def label(self) -> str:
        """ "normal" without a lesion, "malignant" when a lesion is, else "benign"."""
        kinds = {lesion.kind for lesion in self.lesions}
        return "malignant" if "malignant" in kinds else "benign" if kinds else "normal"

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Phantom:
    """A drawn scan and the truth about it.

    Attributes:
        pixels: (H, W, 3) uint8, RGB.
        sector: (H, W) bool, what was scanned.
        liver: (H, W) bool, lesions included.
        lesion: (H, W) bool, all lesions.
        lesions: one (H, W) bool for each lesion, in the order of the spec.
        mm_per_pixel: in both directions.
        origin: (row, col) in pixels of the skin at the middle of the probe.
        spec: what it was made from.
    """

    pixels: NDArray[np.uint8]
    sector: Mask
    liver: Mask
    lesion: Mask
    lesions: tuple[Mask, ...]
    mm_per_pixel: float
    origin: tuple[float, float]
    spec: PhantomSpec

    @property
    def label(self) -> str:
        """As `PhantomSpec.label`."""
        return self.spec.label


@dataclass(frozen=True, eq=False)
class Echoes:
    """What the probe heard, in beam coordinates, before log compression.

    Attributes:
        amplitude: (D, L) float32, D samples along each of L beams; liver has mean power 1.
        lateral_mm, depth_mm: (D, L) float32, where each sample lies.
        axial_mm: distance of two samples along a beam.
    """

    amplitude: Floats
    lateral_mm: Floats
    depth_mm: Floats
    axial_mm: float


def make(spec: PhantomSpec) -> Phantom:
    """Draw a phantom."""
    geo = _geometry(spec.probe, spec.shape, spec.depth_mm)
    level = 20 * np.log10(echoes(spec).amplitude[:, PAD:-PAD] + np.float32(1e-6)) + np.float32(
        spec.gain_db
    )
    grey = np.clip(
        level / np.float32(spec.dynamic_range_db) + np.float32(LIVER_GREY), 0, 1
    ) * np.float32(255)
    picture = cv2.remap(grey, *geo.to_beam, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    picture[~geo.sector] = 0
    x, z = geo.lateral, geo.depth
    lesions = tuple((s.radius(x - spec.breath_mm, z) <= 1) & geo.sector for s in spec.lesions)
    lesion = np.logical_or.reduce(lesions) if lesions else np.zeros(spec.shape, bool)
    liver = (
        _plan(spec).liver(x - np.float32(spec.breath_mm), z, geo.along) < 0
    ) & geo.sector | lesion
    if spec.homogeneous:
        liver = geo.sector.copy()
    pixels = _frame(picture, spec, geo)
    return Phantom(pixels, geo.sector.copy(), liver, lesion, lesions, geo.mm, geo.origin, spec)


# ---------------------------------------------------------------- probe and pixels


@dataclass(frozen=True, eq=False)
class _Geometry:
    mm: float
    origin: tuple[float, float]
    sector: Mask  # (H, W)
    lateral: Floats  # (1, W) mm
    depth: Floats  # (H, 1) mm
    along: Floats  # (H, W) mm along the beam from the face
    to_beam: tuple[NDArray[Any], NDArray[Any]]  # (H, W) maps for cv2.remap: pixel -> (beam, sample)
    beam_x: Floats  # (D, L) mm, PAD beams more on either side
    beam_z: Floats
    axial_mm: float
    pitch_mm: Floats  # (D,) distance of two beams
    canvas: Floats  # (Hc, Wc, 3): lateral, depth, along the beam, in mm
    canvas_mm: float
    to_canvas: tuple[NDArray[Any], NDArray[Any]]  # (D, L) maps: sample -> canvas


def _beam(probe: Probe, x: Floats, z: Floats) -> tuple[Floats, Floats]:
    """(position of the beam on the face in the unit of `half`, mm along it) of points in mm."""
    if np.isinf(probe.apex_mm):
        return x + 0 * z, z + 0 * x
    apex = np.float32(probe.apex_mm)
    if probe.flat:
        z_safe = np.maximum(z + apex, np.float32(1e-3))
        return x * apex / z_safe, z * np.hypot(x, z_safe) / z_safe
    return np.arctan2(x, z + apex), np.hypot(x, z + apex) - apex


def _point(probe: Probe, u: Floats, along: Floats) -> tuple[Floats, Floats]:
    """Inverse of `_beam`: (lateral, depth) in mm."""
    if np.isinf(probe.apex_mm):
        return u + 0 * along, along + 0 * u
    apex = np.float32(probe.apex_mm)
    if probe.flat:
        turn = np.arctan2(u, apex)
        return u + along * np.sin(turn), along * np.cos(turn)
    return (apex + along) * np.sin(u), (apex + along) * np.cos(u) - apex


@lru_cache(maxsize=12)
def _geometry(probe_name: str, shape: tuple[int, int], depth_mm: float) -> _Geometry:
    """Everything that depends on probe, shape and depth alone (made once for many phantoms)."""
    probe, (height, width) = PROBES[probe_name], shape
    edge = np.linspace(-probe.half, probe.half, 65, dtype=np.float32)
    outline = [_point(probe, edge, np.full(1, d, np.float32)) for d in (0.0, depth_mm)]
    left, right = min(o[0].min() for o in outline), max(o[0].max() for o in outline)
    top, bottom = min(o[1].min() for o in outline), max(o[1].max() for o in outline)
    mm = float(max((bottom - top) / (0.88 * height), (right - left) / (0.9 * width)))
    origin = (0.5 * (height - 1) - 0.5 * float(bottom + top) / mm, 0.5 * (width - 1))
    x = (np.arange(width, dtype=np.float32)[None] - np.float32(origin[1])) * np.float32(mm)
    z = (np.arange(height, dtype=np.float32)[:, None] - np.float32(origin[0])) * np.float32(mm)
    u, along = _beam(probe, x, z)
    sector = (np.abs(u) <= probe.half) & (along >= 0) & (along <= depth_mm)

    samples = int(np.clip(depth_mm / mm, 280, 720))
    beams = int(np.clip((right - left) / mm * 0.5, 128, 400))
    step = 2 * probe.half / (beams - 1)
    d = np.linspace(0, depth_mm, samples, dtype=np.float32)
    lines = ((np.arange(-PAD, beams + PAD) - (beams - 1) / 2) * step).astype(np.float32)
    beam_x, beam_z = _point(probe, lines[None], d[:, None])
    if np.isinf(probe.apex_mm):
        pitch = np.full(samples, step, np.float32)
    else:
        pitch = step * (1 + d / probe.apex_mm) if probe.flat else step * (probe.apex_mm + d)
    to_beam = cv2.convertMaps(
        ((u / step) + (beams - 1) / 2).astype(np.float32),
        (along * ((samples - 1) / depth_mm)).astype(np.float32),
        cv2.CV_16SC2,
    )

    unit = max(depth_mm / CANVAS, 0.8 * mm)
    cx = np.arange(beam_x.min() - unit, beam_x.max() + 2 * unit, unit, dtype=np.float32)[None]
    cz = np.arange(beam_z.min() - unit, beam_z.max() + 2 * unit, unit, dtype=np.float32)[:, None]
    canvas = np.dstack(np.broadcast_arrays(cx, cz, _beam(probe, cx, cz)[1]))
    to_canvas = cv2.convertMaps(
        (beam_x - cx[0, 0]) / unit, (beam_z - cz[0, 0]) / unit, cv2.CV_16SC2
    )
    return _Geometry(
        mm,
        origin,
        sector,
        x,
        z,
        along,
        to_beam,
        beam_x,
        beam_z,
        float(d[1]),
        pitch.astype(np.float32),
        canvas,
        unit,
        to_canvas,
    )


# ---------------------------------------------------------------- anatomy


@dataclass(frozen=True, eq=False)
class _Plan:
    """Where the seed puts the liver's borders; the same for every shape and noise."""

    wall: float  # thickness of the abdominal wall, mm
    dome: tuple[float, float, float]  # diaphragm: lateral, depth, radius, mm
    border: tuple[float, float, float]  # a point of the visceral border, mm, and its normal's angle
    wave: tuple[float, float]
    scale: float

    def walled(self, x: Floats, along: Floats) -> Floats:
        """Signed mm below the abdominal wall's lower edge (below 0 in the wall)."""
        return along - np.float32(self.wall) - 1.5 * np.sin(x / np.float32(17) + self.wave[0])

    def diaphragm(self, x: Floats, z: Floats) -> Floats:
        """Signed mm from the diaphragm, below 0 on the liver's side."""
        cx, cz, radius = self.dome
        return _length(x - np.float32(cx), z - np.float32(cz)) - np.float32(radius)

    def visceral(self, x: Floats, z: Floats) -> Floats:
        """Signed mm from the visceral border, below 0 on the liver's side."""
        px, pz, angle = self.border
        nx, nz = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        s = (z - np.float32(pz)) * nx - (x - np.float32(px)) * nz
        bend = 3.0 * np.sin(s / np.float32(13 * self.scale + 4) + self.wave[1])
        return (x - np.float32(px)) * nx + (z - np.float32(pz)) * nz + np.float32(self.scale) * bend

    def liver(self, x: Floats, z: Floats, along: Floats) -> Floats:
        """Signed mm from the liver's outline, below 0 inside (the greatest of its borders)."""
        return np.maximum(
            np.maximum(self.diaphragm(x, z), self.visceral(x, z)), -self.walled(x, along)
        )


def _plan(spec: PhantomSpec) -> _Plan:
    rng = np.random.default_rng([spec.seed, 1])
    s = spec.depth_mm / 150
    wall = rng.uniform(15, 24) * float(np.clip(s, 0.5, 1.1))
    bottom, radius = rng.uniform(118, 142) * s, rng.uniform(72, 100) * s
    dome = (rng.uniform(-15, 12) * s, bottom - radius, radius)
    if rng.random() < 0.75:  # right lobe: kidney, gut or gallbladder to the lower right
        border = (rng.uniform(38, 58) * s, rng.uniform(65, 85) * s, rng.uniform(0.35, 1.0))
    else:  # left lobe: a wedge above stomach and pancreas
        border = (rng.uniform(5, 20) * s, rng.uniform(75, 100) * s, rng.uniform(1.0, 1.4))
    return _Plan(wall, dome, border, (rng.uniform(0, 6.3), rng.uniform(0, 6.3)), s)


def _cloud(rng: np.random.Generator, size: tuple[int, int], across: float, down: float) -> Floats:
    """Smooth noise, mean about 0 and spread about 1, (H, W); grains in pixels of the canvas."""
    grid = (int(size[0] / max(down, 1)) + 4, int(size[1] / max(across, 1)) + 4)
    coarse = rng.standard_normal(grid, dtype=np.float32) * np.float32(1.5)
    return cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)


def _anatomy(spec: PhantomSpec, geo: _Geometry) -> Floats:
    """(Hc, Wc, 3) float32: scatterers' level in dB, mirror-like echo, loss in dB per mm."""
    plan, rng = _plan(spec), np.random.default_rng([spec.seed, 2])
    x, z, along = (np.ascontiguousarray(c) for c in np.moveaxis(geo.canvas, -1, 0))
    x = x - np.float32(spec.breath_mm)
    out = np.zeros((*x.shape, 3), np.float32)
    if not spec.homogeneous:
        liver = _organs(out, plan, rng, geo, x, z, along)
        _vessels(out, liver, spec, plan, rng, geo)
    for lesion in spec.lesions:
        far = 0.75 * lesion.diameter_mm + lesion.margin_mm
        box = _around(x[0] - lesion.col_mm, far), _around(z[:, 0] - lesion.row_mm, far)
        cut = (box[1], box[0])
        rho = lesion.radius(x[cut], z[cut])
        size = np.float32(0.5 * lesion.diameter_mm * np.sqrt(lesion.aspect))
        inside = np.clip(0.5 - (rho - 1) * size / np.float32(max(lesion.margin_mm, 0.1)), 0, 1)
        level = np.full_like(rho, lesion.contrast_db)
        if lesion.texture_db:
            grain = lesion.diameter_mm / 6 / geo.canvas_mm
            level += np.float32(lesion.texture_db) * _cloud(rng, level.shape, grain, grain)
        if lesion.halo:
            rim = np.float32(min(0.22, 2.5 / float(size)))
            level += np.minimum(-9 - level, 0) * np.clip(
                1.5 - np.abs(rho - 1 + rim / 2) / rim * 2, 0, 1
            )
        part = out[cut]
        part[..., 0] += inside * (level - part[..., 0])
        part[..., 1] *= 1 - inside
        part[..., 2] += inside * np.float32(lesion.posterior_db / (2 * float(size)))
    return out


def _around(distance: Floats, far: float) -> slice:
    """The run of a rising axis where |distance| is at most `far`."""
    first, last = np.searchsorted(distance, (-far, far))
    return slice(int(first), int(last))


def _organs(
    out: Floats,
    plan: _Plan,
    rng: np.random.Generator,
    geo: _Geometry,
    x: Floats,
    z: Floats,
    along: Floats,
) -> Floats:
    """Wall, liver, diaphragm and what lies around, into `out`; returns `_Plan.liver`."""
    size, unit = x.shape, 1 / geo.canvas_mm  # unit: canvas pixels per mm
    walled, dome, border = plan.walled(x, along), plan.diaphragm(x, z), plan.visceral(x, z)
    patchy = _cloud(rng, size, 14 * unit, 9 * unit)
    streaks = _cloud(rng, size, 18 * unit, 1.1 * unit)

    def edge(distance: Floats, blur: float) -> Floats:
        return np.clip(0.5 + distance / np.float32(blur), 0, 1)

    level = 0.7 * patchy
    fibres = 2.2 * _cloud(rng, size, 9 * unit, 2.2 * unit) + 2.5 * _cloud(
        rng, size, 3 * unit, 2 * unit
    )
    beyond = np.float32(rng.uniform(0, 5)) + 3 * patchy + fibres - 0.05 * np.maximum(border, 0)
    level += edge(border, 2.0) * (beyond - level)
    lung = -7 - 0.2 * np.maximum(dome, 0) + 2.5 * _cloud(rng, size, 16 * unit, 4 * unit)
    level += edge(dome, 1.5) * (lung - level)
    _neighbour(level, out, border > 0, plan, rng, x, z)
    fat = plan.wall * rng.uniform(0.35, 0.6)
    wall = np.where(along < fat, np.float32(-1), np.float32(1.5)) + 3 * streaks
    wall += 12 * np.clip(1 - along / np.float32(2.2), 0, 1)
    level += edge(-walled, 0.8) * (wall - level)
    out[..., 0] = level

    # Mirror-like surfaces shine where the beam meets them at a right angle.
    cx, cz, radius = plan.dome
    upright = np.clip((z - np.float32(cz)) / np.float32(radius), 0, 1) ** 1.5 + np.float32(0.1)
    uneven = np.clip(0.7 + 0.3 * _cloud(rng, size, 9 * unit, 9 * unit), 0.1, 1.5)
    uneven *= np.clip(0.9 + 0.22 * _cloud(rng, size, 3 * unit, 2 * unit), 0.1, 2)
    below = edge(walled - 1, 2.0)
    shine = 24 * upright * np.exp(-0.5 * ((dome - 1.2) / 0.9) ** 2) * edge(-border, 6.0)
    shine += 2.6 * np.exp(-0.5 * (border / 0.7) ** 2) * edge(-dome, 2.0)
    shine = shine * below * uneven
    shine += 4.0 * np.exp(-0.5 * (walled / 0.55) ** 2) * uneven
    shine += 2.5 * np.exp(-0.5 * ((along - np.float32(fat)) / 0.5) ** 2) * uneven
    out[..., 1] = shine
    out[..., 2] += np.where(dome > 0, np.float32(-0.10), np.float32(0)) * below
    return np.maximum(np.maximum(dome, border), -walled)


def _neighbour(
    level: Floats,
    out: Floats,
    beyond: Mask,
    plan: _Plan,
    rng: np.random.Generator,
    x: Floats,
    z: Floats,
) -> None:
    """Gallbladder, kidney or gas beyond the visceral border, into `level` and the loss of `out`."""
    px, pz, angle = plan.border
    size, which = (
        plan.scale * rng.uniform(14, 20),
        rng.choice(["gallbladder", "kidney", "gas", "none"]),
    )
    away = {"gallbladder": 0.75, "kidney": 1.25}.get(str(which), 0.8) * size
    slide = rng.uniform(-10, 15) * plan.scale
    centre = LesionSpec(
        pz + away * np.sin(angle) + slide * np.cos(angle),
        px + away * np.cos(angle) - slide * np.sin(angle),
        2.6 * size if which == "kidney" else 1.9 * size,
        aspect=0.55,
        angle_deg=float(np.rad2deg(angle)) + 90 + rng.uniform(-25, 25),
    )
    if which == "none":
        return
    rho = centre.radius(x, z)
    if which == "gallbladder":
        inside = np.clip((1 - rho) * 12, 0, 1) * beyond
        level += inside * (-32 - level) + 8 * np.exp(-(((rho - 1.04) * 18) ** 2)) * beyond
        out[..., 2] += inside * np.float32(6 / size)
    elif which == "kidney":
        level += np.clip((1 - rho) * 10, 0, 1) * (-4 - level) * beyond
        level += np.clip((0.5 - rho) * 8, 0, 1) * (8 - level) * beyond
    elif which == "gas":
        inside = np.clip((1 - rho) * 6, 0, 1) * beyond
        level += inside * (10 - 0.6 * level)
        out[..., 2] -= inside * np.float32(12 / size)


def _vessels(
    out: Floats,
    liver: Floats,
    spec: PhantomSpec,
    plan: _Plan,
    rng: np.random.Generator,
    geo: _Geometry,
) -> None:
    """Hepatic veins (plain), portal branches (bright walls) and small ones, into `out`."""
    if not spec.vessels:
        return
    s, (height, width) = plan.scale, out.shape[:2]
    lumen, wall = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
    corner = geo.canvas[0, 0, :2] + np.array([spec.breath_mm, 0], np.float32) * [-1, 0]

    def tube(points: NDArray[np.float64], thick: NDArray[np.float64], bright: bool) -> None:
        t = np.linspace(0, 1, 24)[:, None]
        curve = (1 - t) ** 2 * points[0] + 2 * t * (1 - t) * points[1] + t**2 * points[2]  # (24, 2)
        ahead = np.gradient(curve, axis=0)
        normal = np.stack([-ahead[:, 1], ahead[:, 0]], 1) / np.hypot(*ahead.T)[:, None]
        radius = np.interp(t, [0, 1], thick) * (1 + 0.15 * np.sin(9 * t + points[0, 0]))
        radius *= np.sqrt(1 - 0.98 * (2 * t - 1) ** 4)  # round ends
        for image, more in ((lumen, 0.0), (wall, 1.1)):
            if image is lumen or bright:
                ring = np.vstack(
                    [curve + (radius + more) * normal, (curve - (radius + more) * normal)[::-1]]
                )
                pixel = (ring - corner) / geo.canvas_mm * 16
                cv2.fillPoly(image, [pixel.round().astype(np.int32)], 255, cv2.LINE_AA, 4)

    cava = np.array([plan.dome[0] + rng.uniform(-5, 20) * s, plan.dome[1] + 0.8 * plan.dome[2]])
    hilum = np.array([rng.uniform(5, 30), rng.uniform(62, 85)]) * s
    for n in range(int(spec.vessels)):
        portal = bool(n % 2)
        start = hilum if portal else cava
        start = start + rng.normal(0, 3, 2) * s
        stop = (
            start
            + np.array(
                [rng.uniform(-45, 12), rng.uniform(-40, 8) if portal else rng.uniform(-70, -35)]
            )
            * s
        )
        bend = 0.5 * (start + stop) + rng.normal(0, 7, 2) * s
        thick = np.array([rng.uniform(2.2, 4.6), rng.uniform(0.6, 1.2)]) * s
        tube(np.stack([start, bend, stop]), thick, portal)
    for _ in range(4 * int(spec.vessels)):
        start = np.array([rng.uniform(-70, 50), rng.uniform(30, 120)]) * s
        reach = rng.normal(0, 4.5, 2) * s
        thick = rng.uniform(0.5, 1.5, 2) * s
        tube(
            np.stack([start, start + reach * 0.5 + rng.normal(0, 1, 2), start + reach]),
            thick,
            rng.random() < 0.45,
        )

    inside = np.clip(-liver / 2 - 0.5, 0, 1)
    blood = cv2.GaussianBlur(lumen, (0, 0), 1.0).astype(np.float32) * inside / 255
    rim = np.maximum(
        cv2.GaussianBlur(wall, (0, 0), 0.7).astype(np.float32) * inside / 255 - blood, 0
    )
    out[..., 0] += rim * (10 - out[..., 0])
    out[..., 0] += blood * (-18 - out[..., 0])


# ---------------------------------------------------------------- beams


def echoes(spec: PhantomSpec) -> Echoes:
    """Amplitudes along the beams: scatterers through the point spread function, before compression.

    The point spread function is a Gaussian, `speckle_mm` wide (but at least 1.3 pixels) along the
    beam, and across it twice as wide at the skin and wider with depth.
    """
    geo = _geometry(spec.probe, spec.shape, spec.depth_mm)
    maps = cv2.remap(
        _anatomy(spec, geo), *geo.to_canvas, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    along = np.arange(maps.shape[0], dtype=np.float32)[:, None] * np.float32(geo.axial_mm)  # (D, 1)
    db = (
        np.ascontiguousarray(maps[..., 2]).cumsum(axis=0) * np.float32(geo.axial_mm)
        + np.float32(spec.tgc_slope / 10) * along
    )
    db += _shading(spec, maps.shape[1])
    gain = _amplitude(db)  # what time gain and losses make of every echo
    # The time gain lifts the electronic noise with depth; the loss of tissue it undoes does not.
    hiss = _amplitude(
        np.float32(spec.noise_db)
        + np.float32(ATTENUATION / 10) * (along - np.float32(spec.depth_mm))
    )
    power = _length(_amplitude(maps[..., 0]) * gain, hiss)
    mirror = maps[..., 1] * gain

    width = max(spec.speckle_mm, 1.3 * geo.mm)
    down = _kernel(width / 2.355 / geo.axial_mm)
    lateral = (
        np.float32(width) * (2 + np.float32(0.012) * along[:, 0]) / np.float32(2.355) / geo.pitch_mm
    )
    turns = fft.fftfreq(maps.shape[1]).astype(np.float32)[None]
    transfer = np.exp(
        -2 * (np.pi * turns * np.clip(lateral, 0.4, maps.shape[1] / 8)[:, None]) ** 2
    )  # (D, L)
    transfer /= np.sqrt(np.mean(transfer**2, axis=1, keepdims=True))

    # Breathing brings other scatterers into the slice, so a cine's speckle changes with it.
    rng = np.random.default_rng(
        [spec.seed, 3, round(abs(spec.breath_mm) * 1000), int(spec.breath_mm < 0)]
    )
    total, one = np.zeros(maps.shape[:2], np.float32), np.ones(1, np.float32)
    for _ in range(spec.looks):
        field: Floats = rng.standard_normal((*maps.shape[:2], 2), dtype=np.float32)
        field *= power[..., None] * np.float32(np.sqrt(0.5))  # two parts share the power
        field = cv2.sepFilter2D(field, -1, one, down, borderType=cv2.BORDER_REFLECT)
        wave = fft.ifft(fft.fft(field.view(np.complex64)[..., 0], axis=1) * transfer, axis=1)
        total += _length(wave.real + mirror, wave.imag)
    return Echoes(total / np.float32(spec.looks), geo.beam_x, geo.beam_z, geo.axial_mm)


def _shading(spec: PhantomSpec, beams: int) -> Floats:
    """(1, L) dB: contact differs from beam to beam and is worst at the edges."""
    rng = np.random.default_rng([spec.seed, 4])
    uneven = _cloud(rng, (4, beams), beams / 7, 4)[:1] * np.float32(0.35)
    across = np.linspace(-1, 1, beams, dtype=np.float32)[None]
    tilt = np.float32(rng.uniform(-0.3, 0.3))
    loss: Floats = np.float32(spec.shading_db) * (np.abs(across + tilt) ** 4 + uneven)
    return -loss


def _length(a: Floats, b: Floats) -> Floats:
    """As np.hypot, several times as fast; nothing here is near overflow."""
    length: Floats = np.sqrt(a * a + b * b)
    return length


def _amplitude(db: Floats) -> Floats:
    amplitude: Floats = np.exp(db * np.float32(np.log(10) / 20))
    return amplitude


def _kernel(sigma: float) -> Floats:
    """A Gaussian that keeps the power of white noise."""
    reach = int(np.ceil(3.5 * sigma)) or 1
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= np.sqrt((kernel**2).sum())
    return np.asarray(kernel, np.float32)


# ---------------------------------------------------------------- the scanner's frame


def _frame(picture: Floats, spec: PhantomSpec, geo: _Geometry) -> NDArray[np.uint8]:
    """(H, W, 3) uint8: grey picture, tint, and what the scanner writes round and over it."""
    grey = np.rint(picture).astype(np.uint8)
    if spec.veil:
        near = cv2.dilate(
            geo.sector.astype(np.uint8), np.ones((3, 3)), iterations=max(spec.shape) // 40
        )
        grey[(near > 0) & ~geo.sector] = spec.veil
    pixels = np.repeat(grey[..., None], 3, axis=2)
    if spec.tint != (1.0, 1.0, 1.0):
        pixels = np.clip(pixels * np.array(spec.tint, np.float32), 0, 255).astype(np.uint8)
    if spec.text_outside:
        around = pixels.copy()
        _surroundings(around, geo, spec.depth_mm)
        pixels = np.where(geo.sector[..., None], pixels, around)  # never over the scan
    scale = spec.shape[0] / 700
    if spec.calipers and spec.lesions:
        first = spec.lesions[0]
        turn = np.deg2rad(first.angle_deg)
        reach = 0.5 * first.diameter_mm * np.array([np.cos(turn), np.sin(turn)])
        centre = np.array([first.col_mm + spec.breath_mm, first.row_mm])
        ends = [(centre + k * reach) / geo.mm + geo.origin[::-1] for k in np.linspace(-1, 1, 13)]
        for n, end in enumerate(ends):
            at = (int(round(end[0])), int(round(end[1])))
            if n in (0, 12):
                cv2.drawMarker(
                    pixels, at, (255, 255, 120), cv2.MARKER_CROSS, max(5, int(16 * scale)), 1
                )
            else:
                cv2.circle(pixels, at, 0, (255, 255, 120), -1)
    if spec.text_inside:
        at = (int(geo.origin[1] - 60 * scale), int(geo.origin[0] + 0.9 * spec.depth_mm / geo.mm))
        _write(pixels, "RT LOBE", at, 0.8 * scale)
    return np.ascontiguousarray(pixels)


def _write(pixels: NDArray[np.uint8], text: str, at: tuple[int, int], scale: float) -> None:
    cv2.putText(
        pixels,
        text,
        at,
        cv2.FONT_HERSHEY_SIMPLEX,
        max(scale, 0.28),
        (225, 225, 225),
        1,
        cv2.LINE_AA,
    )


def _surroundings(pixels: NDArray[np.uint8], geo: _Geometry, depth_mm: float) -> None:
    """Text lines, depth ticks, grey bar, colour bar and body mark."""
    height, width = pixels.shape[:2]
    scale = height / 700
    line = max(10, int(24 * scale))
    name = PATIENT["PatientName"].replace("^", ", ")
    for n, text in enumerate((VENDOR, name, PATIENT["PatientID"], "MI 1.1  TIS 0.4")):
        _write(pixels, text, (int(0.01 * width), line * (n + 1)), 0.55 * scale)
    for n, text in enumerate(("C5-1 / Abd", f"{depth_mm / 10:.0f} cm  38 Hz", "2D 62%  DR 60")):
        _write(pixels, text, (int(0.8 * width), line * (n + 1)), 0.5 * scale)
    ramp = np.linspace(255, 0, int(0.22 * height)).astype(np.uint8)[:, None]
    top, left, thick = int(0.25 * height), int(0.02 * width), max(3, int(14 * scale))
    pixels[top : top + len(ramp), left : left + thick] = ramp[..., None]
    half = np.linspace(1, -1, len(ramp))[:, None]
    flow = np.dstack(
        [np.clip(half, 0, 1) * 255, 60 * (1 - np.abs(half)), np.clip(-half, 0, 1) * 255]
    )
    pixels[top : top + len(ramp), left + 2 * thick : left + 3 * thick] = flow.astype(np.uint8)
    for cm in range(int(depth_mm // 10) + 1):
        row, col = int(geo.origin[0] + cm * 10 / geo.mm), int(0.985 * width)
        reach = int((14 if cm % 5 == 0 else 7) * scale) + 1
        cv2.line(pixels, (col - reach, row), (col, row), (200, 200, 200), 1)
    row, col, arm = int(0.9 * height), int(0.9 * width), max(6, int(28 * scale))
    for side in (-1, 1):  # a torso from the front, and the probe on it
        cv2.ellipse(
            pixels,
            (col + side * 2 * arm, row),
            (arm, 2 * arm),
            0,
            90 - side * 90 + 120,
            90 - side * 90 + 240,
            (190, 190, 190),
            1,
            cv2.LINE_AA,
        )
    cv2.line(pixels, (col - arm // 2, row - arm // 3), (col, row - arm // 2), (90, 220, 90), 2)


# ---------------------------------------------------------------- random ones, and files


def random_spec(
    seed: int, *, label: str | None = None, shape: tuple[int, int] = (384, 512)
) -> PhantomSpec:
    """A plausible random phantom; the same seed gives the same one.

    What tells the labels apart is a *convention of this phantom and not medicine*: "benign" is one
    small, smooth, bright lesion (as many haemangiomas look), "malignant" one larger, darker, lobed,
    uneven lesion with a halo, sometimes a second one. Real lesions of either kind can look like
    anything, so nothing measured on phantoms says how well real ones are told apart.

    Args:
        seed: at least 0.
        label: "normal", "benign" or "malignant"; by default the seed chooses.
        shape: (H, W) in pixels.

    Raises:
        ArgumentError: for another label.
    """
    labels = ("normal", "benign", "malignant")
    rng = np.random.default_rng([seed, 5])
    drawn = str(rng.choice(labels))
    if label is not None and label not in labels:
        raise unknown("label", label, labels)
    label = label or drawn
    spec = PhantomSpec(
        seed,
        shape,
        depth_mm=float(rng.choice([130, 140, 150, 160, 170])),
        vessels=int(rng.integers(2, 6)),
        gain_db=rng.uniform(-6, 4),
        tgc_slope=rng.uniform(-0.6, 0.1),
        noise_db=rng.uniform(-30, -10),
        shading_db=rng.uniform(2, 8),
        speckle_mm=rng.uniform(0.6, 1.0),
        looks=int(rng.integers(3, 7)),
        dynamic_range_db=float(rng.choice([55, 60, 65])),
    )
    if label == "normal":
        return spec
    plan, lesions = _plan(spec), list[LesionSpec]()
    count = 2 if label == "malignant" and rng.random() < 0.2 else 1
    for n in range(count):
        lesions.append(_lesion(rng, plan, spec, label, 0.5 if n else 1.0))
    return replace(spec, lesions=tuple(lesions))


def _lesion(
    rng: np.random.Generator, plan: _Plan, spec: PhantomSpec, label: str, share: float
) -> LesionSpec:
    """A lesion of the label's look, where the liver has the most room of a few random places."""
    malignant = label == "malignant"
    size = rng.uniform(30, 65) * share if malignant else rng.uniform(10, 26)
    tries = np.column_stack([rng.uniform(-60, 45, 60), rng.uniform(25, 115, 60)]).astype(
        np.float32
    ) * np.float32(plan.scale)
    probe = PROBES[spec.probe]
    u, along = _beam(probe, tries[:, 0], tries[:, 1])
    room = -plan.liver(tries[:, 0], tries[:, 1], along)  # mm to the nearest border
    room[np.abs(u) > 0.75 * probe.half] = -1
    fits = np.flatnonzero(room > 0.5 * size + 2)
    best = int(fits[0]) if len(fits) else int(room.argmax())
    size = min(size, max(8.0, 2 * float(room[best]) - 2))
    bright = not malignant
    return LesionSpec(
        row_mm=float(tries[best, 1]),
        col_mm=float(tries[best, 0]),
        diameter_mm=float(size),
        aspect=rng.uniform(0.7, 1.0),
        angle_deg=rng.uniform(0, 180),
        contrast_db=rng.uniform(4, 8) if bright else rng.uniform(-10, -4),
        margin_mm=rng.uniform(0.5, 1.5) if bright else rng.uniform(1.5, 4),
        lobes=0.04 if bright else rng.uniform(0.08, 0.2),
        texture_db=0.5 if bright else rng.uniform(1.5, 3),
        halo=malignant and rng.random() < 0.7,
        posterior_db=rng.uniform(0, 3),
        kind=label,
    )


def to_dicom(phantoms: Phantom | Sequence[Phantom], path: str | PathLike[str]) -> None:
    """Write one phantom or a cine as an ultrasound DICOM file (run-length coded, lossless).

    Spacing stands in SequenceOfUltrasoundRegions; the patient's tags are `PATIENT`, all fictitious.

    Args:
        phantoms: one, or frames of one shape and spacing. Grey ones give MONOCHROME2, others RGB.
        path: file to write.

    Raises:
        ArgumentError: for no frame, or frames of different shape or spacing.
    """
    from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
    from pydicom.uid import (
        ExplicitVRLittleEndian,
        RLELossless,
        UltrasoundImageStorage,
        UltrasoundMultiFrameImageStorage,
        generate_uid,
    )

    frames = [phantoms] if isinstance(phantoms, Phantom) else list(phantoms)
    if len({(p.pixels.shape, p.mm_per_pixel) for p in frames}) != 1:
        raise ArgumentError(
            f"a cine needs frames of one shape and spacing, got {len(frames)} frames that differ"
        )
    stack = np.stack([p.pixels for p in frames])  # (F, H, W, 3)
    grey = bool((stack == stack[..., :1]).all())
    array = stack[..., 0] if grey else stack
    multi = len(frames) > 1
    entropy = [str(frames[0].spec), str(len(frames))]  # the same phantoms give the same file
    meta = FileMetaDataset()
    kind = UltrasoundMultiFrameImageStorage if multi else UltrasoundImageStorage
    meta.MediaStorageSOPClassUID = kind
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=entropy)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = FileDataset(path, {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SOPClassUID, ds.SOPInstanceUID = (
        meta.MediaStorageSOPClassUID,
        meta.MediaStorageSOPInstanceUID,
    )
    ds.StudyInstanceUID = generate_uid(entropy_srcs=[*entropy, "study"])
    ds.SeriesInstanceUID = generate_uid(entropy_srcs=[*entropy, "series"])
    ds.Modality, ds.Manufacturer = "US", VENDOR
    for tag, value in PATIENT.items():
        setattr(ds, tag, value)
    ds.Rows, ds.Columns = array.shape[1:3]
    ds.SamplesPerPixel = 1 if grey else 3
    ds.PhotometricInterpretation = "MONOCHROME2" if grey else "RGB"
    if not grey:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    if multi:
        ds.NumberOfFrames, ds.FrameTime = len(frames), "50"
        ds.FrameIncrementPointer = 0x00181063

    rows, cols = np.nonzero(frames[0].sector)
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0  # 2D, tissue
    region.RegionLocationMinX0, region.RegionLocationMaxX1 = int(cols.min()), int(cols.max())
    region.RegionLocationMinY0, region.RegionLocationMaxY1 = int(rows.min()), int(rows.max())
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3  # cm
    region.PhysicalDeltaX = region.PhysicalDeltaY = frames[0].mm_per_pixel / 10
    ds.SequenceOfUltrasoundRegions = [region]
    ds.PixelData = np.ascontiguousarray(array).tobytes()
    ds.compress(RLELossless, generate_instance_uid=False)
    ds.save_as(path, enforce_file_format=True)


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not np.isfinite(value) or value <= 0:
            raise ArgumentError(f"{name} is above 0, got {value:g}")
