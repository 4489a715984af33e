"""Seeded synthetic liver scans whose masks, sizes and cause are known.

`PhantomSpec` says what to draw, `make` draws it: anatomy in millimetres, random scatterers through
a point spread function in beam coordinates, log compression, scan conversion, and the frame that
a scanner draws around it. It looks like B-mode at a glance; it is not a model of any disease.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from hcc_xai.errors import ArgumentError, unknown
from hcc_xai.phantoms.anatomy import anatomy, cloud, make_plan
from hcc_xai.phantoms.annotations import PATIENT, VENDOR, overlay
from hcc_xai.phantoms.spec import (
    PAD,
    PROBES,
    Floats,
    LesionSpec,
    Mask,
    PhantomSpec,
    length,
    make_grid,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

__all__ = ["PATIENT", "PROBES", "VENDOR", "Echoes", "LesionSpec", "Phantom", "PhantomSpec"]
__all__ += ["echoes", "make", "random_spec", "to_dicom"]

ATTENUATION = 3.5  # dB per cm of depth, there and back: 0.5 dB/cm/MHz at 3.5 MHz
LIVER_GREY = 0.40  # share of the grey scale at which liver (0 dB) is shown with no gain


@dataclass(frozen=True, eq=False)
class Phantom:
    """A drawn scan and the truth about it.

    Attributes:
        pixels: (H, W, 3) uint8, RGB.
        sector: (H, W) bool, what was scanned.
        liver: (H, W) bool, with the lesions in it.
        lesion: (H, W) bool, all lesions.
        lesions: (H, W) bool for each lesion, in the order of the spec.
        mm_per_pixel: spacing in both directions, mm.
        origin: (row, column) in pixels of the skin at the middle of the probe.
        spec: what was drawn.
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
        """ "normal" without a lesion, "malignant" when a lesion is, else "benign"."""
        return self.spec.label


@dataclass(frozen=True, eq=False)
class Echoes:
    """What the probe heard, in beam coordinates, before log compression.

    Attributes:
        amplitude: (D, L) float32, D samples along each of L beams; liver has mean power 1.
        lateral_mm: (D, L) float32, how far each sample lies to the right of the probe's middle, mm.
        depth_mm: (D, L) float32, how deep each sample lies below the skin at that middle, mm.
        axial_mm: distance of two samples along a beam, mm.
    """

    amplitude: Floats
    lateral_mm: Floats
    depth_mm: Floats
    axial_mm: float


def make(spec: PhantomSpec) -> Phantom:
    """Draw a phantom.

    Args:
        spec: what to draw; equal specs give the same bytes.
    """
    grid = make_grid(spec.probe, spec.shape, spec.depth_mm)
    level = 20 * np.log10(echoes(spec).amplitude[:, PAD:-PAD] + 1e-6) + spec.gain_db
    grey = np.clip(level / spec.dynamic_range_db + LIVER_GREY, 0, 1) * 255
    picture = cv2.remap(grey, *grid.to_beam, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    sector = grid.sector.copy()
    picture[~sector] = 0
    x, z, along = grid.pixels
    x = x - spec.breath_mm
    lesions = tuple((lesion.radius(x, z) <= 1) & sector for lesion in spec.lesions)
    lesion = np.logical_or.reduce([np.zeros(spec.shape, bool), *lesions])
    if spec.homogeneous:
        liver = sector.copy()
    else:
        liver = (make_plan(spec).liver(x, z, along) < 0) & sector | lesion
    pixels = overlay(picture, spec, grid)
    return Phantom(pixels, sector, liver, lesion, lesions, grid.mm, grid.origin, spec)


def echoes(spec: PhantomSpec) -> Echoes:
    """Amplitudes along the beams: scatterers through the point spread function, before compression.

    The point spread function is a Gaussian, `speckle_mm` wide (but at least 1.3 pixels) along the
    beam, and across it twice as wide at the skin and wider with depth.

    Args:
        spec: what to draw.

    Returns:
        The amplitudes, with `PAD` beams more on either side than the picture shows.
    """
    grid = make_grid(spec.probe, spec.shape, spec.depth_mm)
    maps = cv2.remap(
        anatomy(spec, grid), *grid.to_canvas, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )  # (D, L, 3)
    depth, beams = maps.shape[:2]
    along = np.arange(depth, dtype=np.float32)[:, None] * grid.axial_mm  # (D, 1)
    loss = np.ascontiguousarray(maps[..., 2]).cumsum(axis=0) * grid.axial_mm
    # What losses, time gain and contact make of every echo.
    gain = _amplitude(loss + spec.tgc_slope / 10 * along + _shading(spec, beams))
    # The time gain lifts the electronic noise with depth; the loss of tissue it undoes does not.
    hiss = _amplitude(spec.noise_db + ATTENUATION / 10 * (along - spec.depth_mm))
    power = length(_amplitude(maps[..., 0]) * gain, hiss)
    mirror = maps[..., 1] * gain

    width = max(spec.speckle_mm, 1.3 * grid.mm)
    down = _kernel(width / 2.355 / grid.axial_mm)
    lateral = width * (2 + 0.012 * along[:, 0]) / 2.355 / grid.pitch_mm
    turns = fft.fftfreq(beams).astype(np.float32)[None]
    transfer = np.exp(-2 * (np.pi * turns * np.clip(lateral, 0.4, beams / 8)[:, None]) ** 2)
    transfer /= np.sqrt(np.mean(transfer**2, axis=1, keepdims=True))  # (D, L)

    # Breathing brings other scatterers into the slice, so a cine's speckle changes with it.
    breath = [round(abs(spec.breath_mm) * 1000), int(spec.breath_mm < 0)]
    rng = np.random.default_rng([spec.seed, 3, *breath])
    total, one = np.zeros((depth, beams), np.float32), np.ones(1, np.float32)
    for _ in range(spec.looks):
        field: Floats = rng.standard_normal((depth, beams, 2), dtype=np.float32)
        field *= power[..., None] * math.sqrt(0.5)  # two parts share the power
        field = cv2.sepFilter2D(field, -1, one, down, borderType=cv2.BORDER_REFLECT)
        wave = fft.ifft(fft.fft(field.view(np.complex64)[..., 0], axis=1) * transfer, axis=1)
        total += length(wave.real + mirror, wave.imag)
    return Echoes(total / spec.looks, *grid.samples, grid.axial_mm)


def _shading(spec: PhantomSpec, beams: int) -> Floats:
    """(1, L) dB: contact differs from beam to beam and is worst at the edges."""
    rng = np.random.default_rng([spec.seed, 4])
    uneven = cloud(rng, (4, beams), beams / 7, 4)[:1] * 0.35
    across = np.linspace(-1, 1, beams, dtype=np.float32)[None]
    loss: Floats = spec.shading_db * (np.abs(across + rng.uniform(-0.3, 0.3)) ** 4 + uneven)
    return -loss


def _amplitude(db: Floats) -> Floats:
    amplitude: Floats = np.exp(db * (math.log(10) / 20))
    return amplitude


def _kernel(sigma: float) -> Floats:
    """A Gaussian that keeps the power of white noise."""
    reach = int(np.ceil(3.5 * sigma)) or 1
    kernel: Floats = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= np.sqrt((kernel**2).sum())
    return kernel.astype(np.float32)


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
    shares = [1.0, 0.5] if label == "malignant" and rng.random() < 0.2 else [1.0]
    return replace(spec, lesions=tuple(_lesion(rng, spec, label, share) for share in shares))


def _lesion(rng: np.random.Generator, spec: PhantomSpec, label: str, share: float) -> LesionSpec:
    """A lesion of the label's look, where the liver has the most room of a few random places."""
    malignant = label == "malignant"
    size = rng.uniform(30, 65) * share if malignant else rng.uniform(10, 26)
    probe, plan = PROBES[spec.probe], make_plan(spec)
    x = rng.uniform(-60, 45, 60).astype(np.float32) * plan.scale
    z = rng.uniform(25, 115, 60).astype(np.float32) * plan.scale
    u, along = probe.beam(x, z)
    room = -plan.liver(x, z, along)  # mm to the nearest border
    room[np.abs(u) > 0.75 * probe.half] = -1
    fits = np.flatnonzero(room > 0.5 * size + 2)
    best = int(fits[0]) if len(fits) else int(room.argmax())
    return LesionSpec(
        row_mm=float(z[best]),
        col_mm=float(x[best]),
        diameter_mm=min(size, max(8.0, 2 * float(room[best]) - 2)),
        aspect=rng.uniform(0.7, 1.0),
        angle_deg=rng.uniform(0, 180),
        contrast_db=rng.uniform(-10, -4) if malignant else rng.uniform(4, 8),
        margin_mm=rng.uniform(1.5, 4) if malignant else rng.uniform(0.5, 1.5),
        lobes=rng.uniform(0.08, 0.2) if malignant else 0.04,
        texture_db=rng.uniform(1.5, 3) if malignant else 0.5,
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
    from pydicom import Dataset, uid
    from pydicom.dataset import FileMetaDataset
    from pydicom.pixels.utils import set_pixel_data

    frames = [phantoms] if isinstance(phantoms, Phantom) else list(phantoms)
    if len({(p.pixels.shape, p.mm_per_pixel) for p in frames}) != 1:
        raise ArgumentError(
            "phantom-frames-differ",
            "a cine needs frames of one shape and spacing, got {count} frames that differ",
            count=len(frames),
        )
    multi = len(frames) > 1
    array = np.stack([p.pixels for p in frames]) if multi else frames[0].pixels
    grey = bool((array == array[..., :1]).all())
    entropy = [str(frames[0].spec), str(len(frames))]  # the same phantoms give the same file
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.SOPClassUID = uid.UltrasoundMultiFrameImageStorage if multi else uid.UltrasoundImageStorage
    ds.SOPInstanceUID = uid.generate_uid(entropy_srcs=entropy)
    ds.StudyInstanceUID = uid.generate_uid(entropy_srcs=[*entropy, "study"])
    ds.SeriesInstanceUID = uid.generate_uid(entropy_srcs=[*entropy, "series"])
    ds.Modality, ds.Manufacturer = "US", VENDOR
    for tag, value in PATIENT.items():
        setattr(ds, tag, value)
    if multi:
        ds.FrameTime, ds.FrameIncrementPointer = "50", 0x00181063

    rows, cols = np.nonzero(frames[0].sector)
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0  # 2D, tissue
    region.RegionLocationMinX0, region.RegionLocationMaxX1 = int(cols.min()), int(cols.max())
    region.RegionLocationMinY0, region.RegionLocationMaxY1 = int(rows.min()), int(rows.max())
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3  # cm
    region.PhysicalDeltaX = region.PhysicalDeltaY = frames[0].mm_per_pixel / 10
    ds.SequenceOfUltrasoundRegions = [region]
    pixels, kind = (array[..., 0], "MONOCHROME2") if grey else (array, "RGB")
    set_pixel_data(ds, pixels, kind, 8, generate_instance_uid=False)
    ds.compress(uid.RLELossless, generate_instance_uid=False)
    ds.save_as(path, enforce_file_format=True)
