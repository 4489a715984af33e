"""What a phantom shows, and where: specs, probes, and the coordinates of beams and pixels.

`depth_mm` (z) is below the skin at the middle of the probe, `lateral_mm` (x) to the right of it.
A pixel is in a mask when its centre is.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hcc_xai.errors import ArgumentError, unknown

Floats = NDArray[Any]  # float32
Mask = NDArray[np.bool_]

CANVAS = 300  # rows at most of the millimetre canvas on which the anatomy is drawn
PAD = 8  # beams simulated beyond either edge: the lateral filter is circular


@dataclass(frozen=True)
class Probe:
    """A transducer's field of view; beams spread from a virtual apex behind the face.

    Attributes:
        apex_mm: distance from the apex to the face, mm; infinite for parallel beams.
        half: half of the fan in radians, or half of the face in mm where the face is flat.
        flat: whether the face is flat.
    """

    apex_mm: float
    half: float
    flat: bool = False

    def beam(self, x: Floats, z: Floats) -> tuple[Floats, Floats]:
        """Which beam meets a point, and how far along it.

        Args:
            x: lateral place of the points, mm to the right of the probe's middle; any shape.
            z: their depth below the skin at that middle, mm; of a shape that fits.

        Returns:
            Place of the beam on the face in the unit of `half`, and distance along the beam in mm.
        """
        if math.isinf(self.apex_mm):
            return x + 0 * z, z + 0 * x
        if self.flat:
            below = np.maximum(z + self.apex_mm, 1e-3)
            return x * self.apex_mm / below, z * np.hypot(x, below) / below
        return np.arctan2(x, z + self.apex_mm), np.hypot(x, z + self.apex_mm) - self.apex_mm

    def point(self, u: Floats, along: Floats) -> tuple[Floats, Floats]:
        """Where a point on a beam lies; the inverse of `beam`.

        Args:
            u: place of the beam on the face, in the unit of `half`; any shape.
            along: distance along the beam in mm; of a shape that fits.

        Returns:
            Lateral place and depth of the points, mm.
        """
        if math.isinf(self.apex_mm):
            return u + 0 * along, along + 0 * u
        if self.flat:
            turn = np.arctan2(u, np.float32(self.apex_mm))
            return u + along * np.sin(turn), along * np.cos(turn)
        radius = self.apex_mm + along
        return radius * np.sin(u), radius * np.cos(u) - self.apex_mm


PROBES = {
    "convex": Probe(apex_mm=55.0, half=np.deg2rad(33.0)),
    "linear": Probe(apex_mm=math.inf, half=26.0, flat=True),
    "trapezoid": Probe(apex_mm=90.0, half=26.0, flat=True),
    "phased": Probe(apex_mm=4.0, half=np.deg2rad(43.0)),
}


@dataclass(frozen=True)
class LesionSpec:
    """One lesion: an ellipse, optionally lobed."""

    row_mm: float  # depth of its centre below the skin
    col_mm: float  # its centre to the right of the middle of the probe
    diameter_mm: float  # long axis; the area is pi / 4 * diameter_mm**2 * aspect, lobed or not
    aspect: float = 1.0  # short axis over long axis, in (0, 1]
    angle_deg: float = 0.0  # of the long axis, clockwise from the horizontal
    contrast_db: float = -10.0  # mean echo level against the liver
    margin_mm: float = 1.0  # width over which the level changes across the outline
    lobes: float = 0.0  # how far the outline departs from the ellipse, 0 to 0.3 of the radius
    texture_db: float = 0.0  # spread of its own coarse texture
    halo: bool = False  # a dark rim just inside the outline
    posterior_db: float = 0.0  # change of what lies behind it (enhancement > 0, shadow < 0)
    kind: str = "benign"  # or "malignant"

    def __post_init__(self) -> None:
        if self.kind not in ("benign", "malignant"):
            raise unknown("lesion kind", self.kind, ("benign", "malignant"))
        for name in ("diameter_mm", "aspect"):
            _check_positive(name, getattr(self, name))
        if self.aspect > 1.0 or not 0.0 <= self.lobes <= 0.3:
            raise ArgumentError(
                "phantom-lesion-form",
                "aspect is in (0, 1] and lobes in [0, 0.3], got {aspect:g} and {lobes:g}",
                aspect=self.aspect,
                lobes=self.lobes,
            )

    def radius(self, lateral_mm: Floats, depth_mm: Floats) -> Floats:
        """Distance from the centre, in units of the outline's distance in that direction.

        Args:
            lateral_mm: lateral place of the points, mm; any shape.
            depth_mm: their depth, mm; of a shape that fits.

        Returns:
            Below 1 inside the lesion, 1 on its outline, above 1 outside.
        """
        turn = math.radians(self.angle_deg)
        cos, sin = math.cos(turn), math.sin(turn)
        x, z = lateral_mm - self.col_mm, depth_mm - self.row_mm
        along = (x * cos + z * sin) * (2 / self.diameter_mm)
        across = (z * cos - x * sin) * (2 / (self.diameter_mm * self.aspect))
        rho = length(along, across)
        if self.lobes:
            phi = np.arctan2(across, along)
            bumps = 1 + self.lobes * (0.6 * np.cos(3 * phi + 1.0) + 0.4 * np.cos(5 * phi + 2.1))
            rho = rho / bumps * math.sqrt(1 + 0.26 * self.lobes**2)  # keeps the area
        return rho

    def to_dict(self) -> dict[str, object]:
        """Each attribute by its name."""
        return asdict(self)


@dataclass(frozen=True)
class PhantomSpec:
    """What to draw; two equal specs give the same bytes."""

    seed: int  # of anatomy, speckle and frame
    shape: tuple[int, int] = (384, 512)  # (H, W) in pixels, at least 64 x 64
    probe: str = "convex"  # a name in `PROBES`
    depth_mm: float = 150.0  # how deep the scan reaches along a beam
    lesions: tuple[LesionSpec, ...] = ()  # none makes a normal liver
    vessels: int = 3  # large ones; 0: small ones neither
    homogeneous: bool = False  # liver-like speckle everywhere but in the lesions, to measure
    gain_db: float = 0.0  # added before compression
    tgc_slope: float = -0.3  # what the time gain leaves, dB per cm (below 0: darker in depth)
    noise_db: float = -25.0  # level of the electronic noise at the bottom, against liver
    shading_db: float = 5.0  # uneven contact: how much beams differ, and lose at the edges
    speckle_mm: float = 0.8  # axial width (full at half maximum) of the point spread function
    looks: int = 4  # compounded frames; 1 gives Rayleigh speckle
    dynamic_range_db: float = 60.0  # of the grey scale
    breath_mm: float = 0.0  # moves all below the abdominal wall, lesions too, to the right
    text_outside: bool = False  # text, ticks, body mark, grey bar and colour bar round the sector
    text_inside: bool = False  # a label inside the sector
    calipers: bool = False  # crosses and a dotted line along the first lesion's long axis
    caliper_scale: float = 1.0  # their size, 1 as most scanners draw them
    veil: int = 0  # grey level of a haze round the sector, 0 to 255
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)  # multipliers of red, green and blue

    def __post_init__(self) -> None:
        if self.probe not in PROBES:
            raise unknown("probe", self.probe, PROBES)
        if self.seed < 0 or self.looks < 1 or min(self.shape) < 64:
            raise ArgumentError(
                "phantom-least",
                "seed is at least 0, looks at least 1 and shape at least 64 x 64, "
                "got {seed}, {looks} and {shape}",
                seed=self.seed,
                looks=self.looks,
                shape=str(self.shape),
            )
        for name in ("depth_mm", "speckle_mm", "dynamic_range_db", "caliper_scale"):
            _check_positive(name, getattr(self, name))

    @property
    def label(self) -> str:
        """ "normal" without a lesion, "malignant" when a lesion is, else "benign"."""
        kinds = {lesion.kind for lesion in self.lesions}
        return "malignant" if "malignant" in kinds else "benign" if kinds else "normal"

    def to_dict(self) -> dict[str, object]:
        """Each attribute by its name."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Grid:
    """The pixels of a picture, the samples of its beams and the canvas of the anatomy; all in mm.

    Attributes:
        mm: mm per pixel of the picture.
        origin: (row, column) in pixels of the skin at the middle of the probe.
        sector: (H, W) bool, what is scanned.
        pixels: of the picture's pixels, (1, W) lateral place, (H, 1) depth, and (H, W) distance
            from the probe's face along the beam, mm.
        to_beam: two (H, W) maps for `cv2.remap` that lead from a pixel to its beam and sample.
        samples: (D, L) lateral place and (D, L) depth of the beams' samples, mm, with `PAD` beams
            more on either side.
        axial_mm: distance of two samples along a beam, mm.
        pitch_mm: (D,) distance of two neighbouring beams, mm.
        canvas: of the canvas' pixels, (1, Wc) lateral place, (Hc, 1) depth, and (Hc, Wc) distance
            from the probe's face along the beam, mm.
        canvas_mm: mm per pixel of the canvas.
        to_canvas: two (D, L) maps for `cv2.remap` that lead from a sample to the canvas.
    """

    mm: float
    origin: tuple[float, float]
    sector: Mask
    pixels: tuple[Floats, Floats, Floats]
    to_beam: tuple[NDArray[Any], NDArray[Any]]
    samples: tuple[Floats, Floats]
    axial_mm: float
    pitch_mm: Floats
    canvas: tuple[Floats, Floats, Floats]
    canvas_mm: float
    to_canvas: tuple[NDArray[Any], NDArray[Any]]


@lru_cache(maxsize=12)
def make_grid(probe_name: str, shape: tuple[int, int], depth_mm: float) -> Grid:
    """Everything that depends on probe, shape and depth alone, computed once for many phantoms.

    Args:
        probe_name: a name in `PROBES`.
        shape: (H, W) of the picture, pixels.
        depth_mm: how deep the scan reaches along a beam, mm.
    """
    probe, (height, width) = PROBES[probe_name], shape
    edge = np.linspace(-probe.half, probe.half, 65, dtype=np.float32)
    outline = [probe.point(edge, np.full(1, d, np.float32)) for d in (0.0, depth_mm)]
    left, right = min(o[0].min() for o in outline), max(o[0].max() for o in outline)
    top, bottom = min(o[1].min() for o in outline), max(o[1].max() for o in outline)
    mm = float(max((bottom - top) / (0.88 * height), (right - left) / (0.9 * width)))
    origin = (0.5 * (height - 1) - 0.5 * float(bottom + top) / mm, 0.5 * (width - 1))
    x = (np.arange(width, dtype=np.float32)[None] - origin[1]) * mm
    z = (np.arange(height, dtype=np.float32)[:, None] - origin[0]) * mm
    u, along = probe.beam(x, z)
    sector = (np.abs(u) <= probe.half) & (along >= 0) & (along <= depth_mm)

    samples = int(np.clip(depth_mm / mm, 280, 720))
    beams = int(np.clip((right - left) / mm * 0.5, 128, 400))
    step = 2 * probe.half / (beams - 1)
    d = np.linspace(0, depth_mm, samples, dtype=np.float32)
    lines = ((np.arange(-PAD, beams + PAD) - (beams - 1) / 2) * step).astype(np.float32)
    beam_x, beam_z = probe.point(lines[None], d[:, None])
    # Beams of a curved face are an angle apart, those of a flat one a distance.
    pitch = step * (1 + d / probe.apex_mm) if probe.flat else step * (probe.apex_mm + d)
    column = (u / step + (beams - 1) / 2).astype(np.float32)
    to_beam = cv2.convertMaps(column, along * ((samples - 1) / depth_mm), cv2.CV_16SC2)
    unit = max(depth_mm / CANVAS, 0.8 * mm)
    cx = np.arange(beam_x.min() - unit, beam_x.max() + 2 * unit, unit, dtype=np.float32)[None]
    cz = np.arange(beam_z.min() - unit, beam_z.max() + 2 * unit, unit, dtype=np.float32)[:, None]
    to_canvas = cv2.convertMaps(
        (beam_x - cx[0, 0]) / unit, (beam_z - cz[0, 0]) / unit, cv2.CV_16SC2
    )
    return Grid(
        mm=mm,
        origin=origin,
        sector=sector,
        pixels=(x, z, along),
        to_beam=to_beam,
        samples=(beam_x, beam_z),
        axial_mm=float(d[1]),
        pitch_mm=pitch.astype(np.float32),
        canvas=(cx, cz, probe.beam(cx, cz)[1]),
        canvas_mm=unit,
        to_canvas=to_canvas,
    )


def length(a: Floats, b: Floats) -> Floats:
    """The length of vectors: what np.hypot gives, several times as fast.

    Nothing in a phantom is near overflow, which np.hypot guards against.

    Args:
        a: first component; any shape.
        b: second component; of a shape that fits.
    """
    both: Floats = np.sqrt(a * a + b * b)
    return both


def _check_positive(name: str, value: float) -> None:
    if not math.isfinite(value) or value <= 0:
        raise ArgumentError(
            "phantom-not-positive", "{name} is above 0, got {value:g}", name=name, value=value
        )
