"""Gradual transitions in a stretch of thumbnails: blends (dissolves and fades) and wipes.

A blend is looked for as what it is: with A the picture before and B the picture after, every frame between them is a * A + (1 - a) * B
with a falling from 1 to 0 along a ramp. A pan, a zoom or a passing object is not on that line once A and B have nothing in common any
more; as long as they have (their correlation is high), a small movement is on it as well, so that similar pictures are never taken for
two shots. All of it follows from the Gram matrix of the thumbnails.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Found", "scan"]

# Lengths tried, in samples at 30 per second: 0.13 to 0.73 s; each about 1.35 times the one before, which puts some tried length within
# 16 % of any true one, and the ramp fit then measures the length itself. Longer ones, to 4 s, are looked for among every fourth sample.
SPANS = (4, 5, 7, 9, 12, 16, 22)
SLOW_SPANS = (7, 9, 12, 16, 22, 30)
SLOW_STEP = 4
# A and B must be different pictures: correlation of their thumbnails below this. Dissolves between different sources have -0.4 to 0.6.
SAME_PICTURE_NCC = 0.75
# ... all over: share of thumbnail cells that differ by more than CHANGED_LUMA. A title that fades in covers less than half of the picture.
CHANGED_LUMA = 7.0
CHANGED_SHARE = 0.55
# Energy off the line between A and B, as a share of |A - B|^2. Generated dissolves between moving takes have a median of 0.02.
OFF_LINE = 0.08
# In a short dissolve nothing moves far: the allowance grows from this share to all of it at about half a second. A quick pan over large
# soft shapes is as close to the line as a long dissolve between moving takes.
LEAST_ALLOWED, LONG_S = 0.25, 0.7
# Root mean square deviation of the blend factor from a straight ramp (with flat ends).
OFF_RAMP = 0.10
# Standard deviation of luma under which a picture is one tone; black and white ends of fades (limited-range remnants, watermark over
# black).
OUTSIDE = 0.30
DIFFERENT_REGIONS = 0.75
PLAIN_STD = 9.0
# ... or what is left of contrast and of distance to black or white, where the turning point itself was not sampled.
FADED = 0.3
MAX_COST = 1.0
# The frame half way has a blend factor within this of one half (ramps with ease included, two samples off at the shortest span).
MIDDLE_ALPHA = 0.3
# A cover before the lens: steps between thumbnail cells below this (a plane in an empty sky has 0.8) ...
OUT_OF_FOCUS = 0.6
# ... or a picture close to the one before it (in shares of the difference) is back within this time; a dissolve also needs one side to have
# less detail than this share of the other's, since dissolves to a cutaway and back are edited.
LESS_DETAIL, UNDONE, UNDONE_S = 0.6, 0.5, 2.5
# Root mean square luma difference of two pictures that may be two shots.
MIN_APART = 12.0
BLACK_LUMA, WHITE_LUMA = 40.0, 215.0


@dataclass(frozen=True, slots=True)
class Found:
    """A gradual transition. `cost` is how far it is from the ideal one, in units of what is allowed (0 perfect, 1 just accepted)."""

    kind: str
    start_s: float
    end_s: float
    variant: str | None
    cost: float
    figures: tuple[tuple[str, float], ...]
    apart: float = 0.0


def scan(pts_s: np.ndarray, thumbs: np.ndarray) -> list[Found]:
    """Find gradual transitions.

    Args:
        pts_s: float64 [n], times of the samples.
        thumbs: float32 [n, h, w], luma 0-255.
    """
    n = len(pts_s)
    if n < SPANS[0] + 1:
        return []
    slow_s, slow = pts_s[::SLOW_STEP], thumbs[::SLOW_STEP]
    found = (
        _blends(pts_s, thumbs, SPANS) + _blends(slow_s, slow, SLOW_SPANS) + _wipes(pts_s, thumbs, SPANS) + _wipes(slow_s, slow, SLOW_SPANS)
    )
    found = [f for f in found if f.cost <= MAX_COST]
    found = [f for f in found if not _covered(f, pts_s, thumbs)]
    chosen: list[Found] = []
    for f in sorted(found, key=lambda f: -(f.apart**0.5) * (1 - 0.25 * f.cost)):
        if all(min(f.end_s, c.end_s) - max(f.start_s, c.start_s) <= 0.15 * min(f.end_s - f.start_s, c.end_s - c.start_s) for c in chosen):
            chosen.append(f)
    return sorted(chosen, key=lambda f: f.start_s)


def _detail(thumb: np.ndarray) -> float:
    """Mean step between neighbouring cells, luma."""
    return float(np.abs(np.diff(thumb, axis=0)).mean() + np.abs(np.diff(thumb, axis=1)).mean()) / 2


def _covered(f: Found, pts_s: np.ndarray, thumbs: np.ndarray) -> bool:
    """Whether a wipe or dissolve is a hand or a passer-by before the lens: out of focus, or soon undone."""
    if f.kind == "fade":
        return False
    a = max(0, int(np.searchsorted(pts_s, f.start_s)) - 1)
    b = min(len(pts_s) - 1, int(np.searchsorted(pts_s, f.end_s)) + 1)
    before, after = thumbs[a], thumbs[b]
    details = _detail(before), _detail(after)
    if min(details) < OUT_OF_FOCUS:
        return True
    if f.kind == "dissolve" and min(details) > LESS_DETAIL * max(details):
        return False
    limit = UNDONE * float(np.abs(before - after).mean())
    later = thumbs[b : np.searchsorted(pts_s, f.end_s + UNDONE_S)]
    earlier = thumbs[np.searchsorted(pts_s, f.start_s - UNDONE_S) : a + 1]
    comes_back = len(later) > 0 and float(np.abs(later - before).mean((1, 2)).min()) < limit
    was_there = len(earlier) > 0 and float(np.abs(earlier - after).mean((1, 2)).min()) < limit
    return comes_back or was_there


def _blends(pts_s: np.ndarray, thumbs: np.ndarray, spans: tuple[int, ...]) -> list[Found]:
    n = len(thumbs)
    flat = thumbs.reshape(n, -1).astype(np.float64)
    gram = flat @ flat.T
    mean, d = flat.mean(1), flat.shape[1]
    norm = np.diag(gram)
    std = np.sqrt(np.maximum(norm / d - mean**2, 0))
    found = []
    for span in spans:
        if span >= n:
            break
        a = np.arange(n - span)
        b = a + span
        ab = gram[a, b]
        apart = norm[a] + norm[b] - 2 * ab
        ncc = (ab / d - mean[a] * mean[b]) / (std[a] * std[b] + 1.0)
        low = np.minimum(std[a], std[b])
        plain = (low < PLAIN_STD) | (low < FADED * np.maximum(std[a], std[b]))
        middle = (a + b) // 2  # most pairs fail here already: the frame half way is not between A and B
        alpha_middle = (gram[middle, a] - gram[middle, b] - ab + norm[b]) / np.maximum(apart, 1e-6)
        off_middle = norm[middle] + norm[b] - 2 * gram[middle, b] - alpha_middle**2 * apart
        likely = (np.abs(alpha_middle - 0.5) < MIDDLE_ALPHA) & (off_middle < 2 * OFF_LINE * apart)
        for i in np.flatnonzero(likely & ((ncc < SAME_PICTURE_NCC) | plain) & (apart / d > MIN_APART**2)):
            p, q = a[i], b[i]
            lo, hi = max(0, p - 3), min(n - 1, q + 3)
            k = np.arange(lo, hi + 1)
            alpha = (gram[k, p] - gram[k, q] - ab[i] + norm[q]) / apart[i]
            off = norm[k] + norm[q] - 2 * gram[k, q] - alpha**2 * apart[i]
            inside = slice(p - lo, q - lo + 1)
            off_line = float(np.maximum(off[inside][1:-1], 0).mean() / apart[i])
            if off_line > OFF_LINE:
                continue
            fit = _ramp(pts_s[p : q + 1], alpha[inside])
            if fit is None:
                continue
            start, end, rms = fit
            outside = max(float(np.abs(alpha[: p - lo] - 1).max(initial=0)), float(np.abs(alpha[q - lo + 1 :]).max(initial=0)))
            if rms > OFF_RAMP or outside > OUTSIDE:
                continue
            kind, variant = _name(std[p], mean[p], std[q], mean[q])
            if kind is None or (kind == "dissolve" and _different(thumbs[p], thumbs[q]) < DIFFERENT_REGIONS):
                continue
            allowed = OFF_LINE * (min(1.0, LEAST_ALLOWED + (end - start) / LONG_S) if kind == "dissolve" else 1.0)
            cost = off_line / allowed + rms / OFF_RAMP + outside / OUTSIDE
            found.append(
                Found(
                    kind,
                    start,
                    end,
                    variant,
                    cost,
                    (("off_line", round(off_line, 4)), ("off_ramp", round(rms, 4)), ("ncc", round(float(ncc[i]), 3))),
                    float(apart[i] / d),
                )
            )
    return found


def _different(a: np.ndarray, b: np.ndarray) -> float:
    """Share of the nine regions (3 x 3) in which two pictures differ in structure, brightness aside."""
    h, w = a.shape
    b = b + np.median(a - b)
    count = 0
    for i in range(3):
        for j in range(3):
            where = (slice(i * h // 3, (i + 1) * h // 3), slice(j * w // 3, (j + 1) * w // 3))
            x, y = a[where], b[where]
            if float(np.abs(x - y).mean()) > 5 and _shifted_ncc(x, y) < 0.8:
                count += 1
    return count / 9


def _shifted_ncc(a: np.ndarray, b: np.ndarray) -> float:
    """Highest correlation of two regions over shifts of one cell: a slow camera does not make another picture."""
    h, w = a.shape
    if h < 4 or w < 4:
        x, y = a - a.mean(), b - b.mean()
        return float((x * y).mean() / (x.std() * y.std() + 4.0))
    y = b[1:-1, 1:-1] - b[1:-1, 1:-1].mean()
    best = -1.0
    for dy in range(3):
        for dx in range(3):
            x = a[dy : h - 2 + dy, dx : w - 2 + dx]
            x = x - x.mean()
            best = max(best, float((x * y).mean() / (x.std() * y.std() + 4.0)))
    return best


def _name(std_a: float, mean_a: float, std_b: float, mean_b: float) -> tuple[str | None, str | None]:
    """What a blend from A to B is; (None, None) where one end is of one tone that is neither black nor white: something before the lens."""
    for std, mean, full, full_mean, way in ((std_b, mean_b, std_a, mean_a, "to"), (std_a, mean_a, std_b, mean_b, "from")):
        if std < max(PLAIN_STD, FADED * full):
            if mean < max(BLACK_LUMA, FADED * full_mean):
                return "fade", f"{way} black"
            if 255 - mean < max(255 - WHITE_LUMA, FADED * (255 - full_mean)):
                return "fade", f"{way} white"
            if std < PLAIN_STD:
                return None, None
    return "dissolve", None


def _ramp(t: np.ndarray, alpha: np.ndarray) -> tuple[float, float, float] | None:
    """Start, end and rms of the ramp 1 -> 0 that follows alpha; None where alpha does not fall steadily."""
    inner = np.flatnonzero((alpha > 0.12) & (alpha < 0.88))
    if len(inner) < 2 or inner[-1] - inner[0] + 1 != len(inner):
        return None
    low, high = max(0, inner[0] - 1), min(len(t) - 1, inner[-1] + 1)
    x, y = t[inner], alpha[inner]
    if len(inner) < 3:  # short: the neighbours help
        x, y = t[low : high + 1], np.clip(alpha[low : high + 1], 0, 1)
    if np.any(np.diff(y) > 0.06):
        return None
    slope, offset = np.polyfit(x - x[0], y, 1)
    if slope >= 0:
        return None
    start, end = x[0] + (1 - offset) / slope, x[0] - offset / slope
    model = np.clip(1 - (t - start) / max(end - start, 1e-6), 0, 1)
    return float(start), float(end), float(np.sqrt(np.mean((alpha - model) ** 2)))


# Off-boundary share of the difference that a wipe may leave (0.5 is what any dissolve leaves).
WIPE_ERROR = 0.30
# Deviation of the boundary from a straight path, share of the picture.
WIPE_OFF_PATH = 0.08
WIPE_STD = 12.0
WIPE_PARTS = 0.4


def _wipes(pts_s: np.ndarray, thumbs: np.ndarray, spans: tuple[int, ...]) -> list[Found]:
    n, h, w = thumbs.shape
    found = []
    flat = thumbs.reshape(n, -1).astype(np.float64)
    std = flat.std(1)
    gram = flat @ flat.T
    norm = np.diag(gram)
    for span in spans:
        if span >= n:
            break
        first = np.arange(n - span)
        last, middle = first + span, first + span // 2
        apart2 = norm[first] + norm[last] - 2 * gram[first, last]
        parts = norm[first] + norm[last] + 2 * norm[middle] - 2 * gram[first, middle] - 2 * gram[middle, last]
        # Half way A and B lie side by side: the squared differences to both add up to that between them (a blend: half of it; movement:
        # up to twice).
        likely = (
            (np.abs(parts / np.maximum(apart2, 1e-6) - 1) < WIPE_PARTS)
            & (apart2 > MIN_APART**2 * flat.shape[1])
            & (np.minimum(std[first], std[last]) >= WIPE_STD)
        )
        for a in np.flatnonzero(likely):
            b = a + span
            apart = np.abs(thumbs[a] - thumbs[b])
            if (apart > CHANGED_LUMA).mean() < CHANGED_SHARE:
                continue
            inner = thumbs[a + 1 : b]
            to_a, to_b = np.abs(inner - thumbs[a]), np.abs(inner - thumbs[b])
            for axis, names in ((1, ("right", "left")), (2, ("down", "up"))):
                da, db, total = to_a.sum(axis), to_b.sum(axis), apart.sum(axis - 1)
                for sense, name in enumerate(names):
                    fit = _boundary(da, db, total, sense == 0)
                    if fit is None:
                        continue
                    path, error = fit
                    t = pts_s[a + 1 : b]
                    run = _ramp(t, 1 - path)
                    if run is None or run[2] > WIPE_OFF_PATH or error > WIPE_ERROR:
                        continue
                    found.append(
                        Found(
                            "wipe",
                            run[0],
                            run[1],
                            name,
                            error / WIPE_ERROR + run[2] / WIPE_OFF_PATH,
                            (("off_boundary", round(error, 4)), ("off_path", round(run[2], 4))),
                            float((apart**2).mean()),
                        )
                    )
    return found


def _boundary(da: np.ndarray, db: np.ndarray, total: np.ndarray, from_start: bool) -> tuple[np.ndarray, float] | None:
    """Where the boundary lies in each frame (0 none of B, 1 all of B) and the difference left beside the best boundary.

    Args:
        da, db: [k, size] summed differences to A and B by column or row; total: [size], between A and B.
        from_start: B comes in from position 0 and grows (edge moves right or down); else from the far end.
    """
    if not from_start:
        da, db = da[:, ::-1], db[:, ::-1]
    k, size = da.shape
    cost = np.zeros((k, size + 1))
    cost[:, 1:] += np.cumsum(db, 1)
    cost[:, :-1] += np.cumsum(da[:, ::-1], 1)[:, ::-1]
    best = cost.argmin(1)
    path = best / size
    moving = (path > 0.08) & (path < 0.92)
    if moving.sum() < 2 or np.any(np.diff(path) < -0.06) or path[-1] - path[0] < 0.5:
        return None
    error = float((cost[np.arange(k), best] / (total.sum() + 1e-6))[moving].mean())
    return path, error
