"""Where the scan lies in the picture."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hcc_xai.errors import ArgumentError

_MID = 640
_WORK = 256
_ROWS = 96
DARK = 0.05
REST = 0.8
RIM = 0.5
LOW = 2.0
OPEN = 3
HALO = 9
CUT = 0.8
FL = 0.93
NEAR = 1.5
NEARD = 0.12
Floats = NDArray[np.float64]


def find_sector(pixels: NDArray[Any]) -> NDArray[np.bool_]:
    if pixels.ndim not in (2, 3):
        raise ArgumentError(f"find_sector wants (H, W) or (H, W, 3), got {pixels.shape}")
    shape = (pixels.shape[0], pixels.shape[1])
    scale = min(1.0, _MID / max(shape))
    size = (max(8, round(shape[1] * scale)), max(8, round(shape[0] * scale)))
    mid = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    if mid.ndim == 3:
        mid = cv2.max(cv2.max(mid[..., 0], mid[..., 1]), mid[..., 2])
    if mid.dtype != np.uint8:
        mid = (np.clip(mid, 0, 1) * 255).astype(np.uint8)
    mid = unveil(mid)
    scale = min(1.0, _WORK / max(shape))
    size = (max(8, round(shape[1] * scale)), max(8, round(shape[0] * scale)))
    small = cv2.resize(mid, size, interpolation=cv2.INTER_AREA)
    e = evidence(small)
    p, score = fit_fan(e)
    k = np.array([shape[1] / size[0], shape[0] / size[1]])
    return draw_fan(p, shape, k)


KERN = np.ones((3, 3), np.uint8)


def box(n):
    return np.ones((n, n), np.uint8)


def black_level(grey):
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    hist = np.convolve(np.bincount(edge, minlength=256), np.ones(5), "same")
    level = int(np.argmax(hist))
    return level if hist[level] > 0.25 * edge.size else 0


def unveil(grey):
    """grey less black; halo removed"""
    b = black_level(grey)
    grey = cv2.subtract(grey, b)
    seen = (grey > 6).astype(np.uint8)
    seen = cv2.morphologyEx(cv2.morphologyEx(seen, cv2.MORPH_CLOSE, box(5)), cv2.MORPH_OPEN, box(9))
    outer = cv2.erode(seen, box(5), borderValue=1)
    ring = outer > cv2.erode(outer, box(5), borderValue=1)
    rim = grey[ring]
    if rim.size < 100:
        return grey
    hist = np.convolve(np.bincount(rim, minlength=256), np.ones(7), "same")
    hist[:8] = 0
    v = int(np.argmax(hist))
    V = cv2.morphologyEx(cv2.inRange(grey, v - 4, v + 4), cv2.MORPH_CLOSE, KERN)
    thick = cv2.dilate(cv2.erode(V, box(15), borderValue=0), box(19)) > 0
    rest = ring & ~thick
    if v > 100 or rest.sum() < REST * ring.sum() or (V[rest] > 0).mean() < RIM:
        return grey
    near = cv2.erode(seen, box(2 * HALO + 1), borderValue=1) == 0
    grey = grey.copy()
    grey[near & ((V > 0) | (grey < v))] = 0
    return grey


def evidence(small):
    e = np.clip((small.astype(np.float32) - LOW) / (2 * LOW), 0, 1)
    e = cv2.blur(e, (3, 3))
    return cv2.morphologyEx(cv2.morphologyEx(e, cv2.MORPH_CLOSE, KERN), cv2.MORPH_OPEN, box(OPEN))


def fan_spans(p, y):
    """p (N, 7): x0, yt, c, a, yb, cut, flat; y (R,)"""
    x0, yt, c, a, yb, cut, flat = (p[:, k : k + 1] for k in range(7))
    t = np.tan(a)
    y0 = yt - c / t
    r1 = c / np.sin(a)
    r2 = yb - y0
    dy = y - y0
    half = np.minimum(dy * t, np.sqrt(np.maximum(r2 * r2 - dy * dy, 0)))
    half = np.minimum(half, r2 * np.sin(a) * cut)
    half = np.where((y < yt) | (dy > r2 * flat), 0, np.maximum(half, 0))
    hole = np.minimum(np.sqrt(np.maximum(r1 * r1 - dy * dy, 0)), half)
    return x0 - half, x0 - hole, x0 + hole, x0 + half


def lookup(cum, rows, x):
    """cum (R, W + 1): integral along the row; x (N, R) real."""
    w = cum.shape[1] - 1
    x = np.clip(x, 0, w - 1e-3)
    k = x.astype(np.int32)
    f = x - k
    flat = cum.ravel()
    i = k + rows * (w + 1)
    lo = flat[i]
    return lo + f * (flat[i + 1] - lo)


def make_cum(e, n_rows):
    h, w = e.shape
    n = min(h, n_rows)
    er = cv2.resize(e, (w, n), interpolation=cv2.INTER_AREA)
    y = (np.arange(n) + 0.5) * h / n
    top = np.flatnonzero((er > 0.5).sum(1) > 2)
    first, last = (y[top[0]], y[top[-1]]) if len(top) else (0, h)
    near = np.clip(1 - (y - first) / (NEARD * (last - first) + 1e-6), 0, 1)
    dark = (DARK + NEAR * near)[:, None]
    s = np.where(er > 0.5, 2 * er - 1, dark * (2 * er - 1))
    cum = np.zeros((n, w + 1), np.float32)
    np.cumsum(s, axis=1, out=cum[:, 1:])
    return cum, y.astype(np.float32), float(np.clip(s, 0, None).sum())


def score(p, cum, y):
    l, hl, hr, r = fan_spans(p.astype(np.float32), y)
    rows = np.arange(len(y))
    v = lookup(cum, rows, np.stack([l, hl, hr, r]))
    return (v[1] - v[0] + v[3] - v[2]).sum(1)


def fit_fan(e):
    h, w = e.shape
    cum, y, total = make_cum(e, _ROWS)
    on = e > 0.4
    colsum, rowsum = on.sum(0), on.sum(1)
    cs = np.flatnonzero(colsum > 2)
    rs = np.flatnonzero(rowsum > 2)
    if len(cs) < 4 or len(rs) < 4:
        return np.array([w / 2, 0, w, .1, 2 * h, 1, 1]), 0
    x1, x2, t, b = cs[0], cs[-1] + 1, rs[0], rs[-1] + 1
    tall, wide = b - t, x2 - x1
    # grid
    top = on[t : t + max(2, tall // 8)]
    xs = np.flatnonzero(top.any(0))
    mid = (xs[0] + xs[-1] + 1) / 2
    centres = np.unique(np.concatenate([mid + wide * np.linspace(-.1, .1, 5), [(x1 + x2) / 2]]))
    cands = np.array([(x0, yt, c, a, b, 0.95, 1.0) for x0 in centres for yt in (t, t + 0.04 * tall)
                      for c in wide * np.array([0.02, .1, .15, .2, .3, .4]) for a in (.2, .35, .5, .65, .8, 1.0)], float)
    s = score(cands, cum[::3], y[::3])
    order = np.argsort(-s)[:24]
    elite = cands[order]
    rng = np.random.default_rng(0)
    floor = np.array([.02 * wide, .02 * tall, .02 * wide, .05, .02 * tall, .03, .02])
    mean, cov = elite.mean(0), np.cov(elite.T) + np.diag(floor**2)
    best, least = elite[0], -np.inf
    for k in range(18):
        pop = rng.multivariate_normal(mean, cov, size=60)
        pop[0] = best
        pop[1] = mean
        pop[:, 2] = np.maximum(pop[:, 2], 0.2)
        pop[:, 3] = np.clip(pop[:, 3], .12, 1.3)
        pop[:, 5] = np.clip(pop[:, 5], CUT, 1)
        pop[:, 6] = np.clip(pop[:, 6], FL, 1)
        s = score(pop, cum, y)
        o = np.argsort(-s)
        if s[o[0]] > least:
            best, least = pop[o[0]].copy(), s[o[0]]
        el = pop[o[:14]]
        new = el.mean(0)
        cov = 0.3 * cov + 0.7 * (np.cov(el.T) + np.outer(new - mean, new - mean) * 0.5) + np.diag(floor**2) * 0.05 * 0.75**k
        mean = new
    return best, least / max(total, 1)


def draw_fan(p, shape, k):
    y = (np.arange(shape[0], dtype=np.float32) + 0.5) / k[1]
    l, hl, hr, r = (v[0] * k[0] for v in fan_spans(p[None].astype(np.float32), y))
    x = np.arange(shape[1], dtype=np.float32) + 0.5
    x = x[None]
    return ((x > l[:, None]) & (x < hl[:, None])) | ((x > hr[:, None]) & (x < r[:, None]))
