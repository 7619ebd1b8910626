"""Global motion of the picture: corners followed from anchor frames (pyramidal Lucas-Kanade), grouped by the similarity that carries them.

Over a quarter of a second each, the corners that one similarity carries form a group: background and large subjects each give one. Which
group is the camera is decided over the whole clip: many corners, near the edge of the picture, and a motion that goes on (`choose`).

Points are complex numbers z = x + iy in pixels from the picture's centre, so that a similarity is `z -> a * z + b`: |a| the scale,
arg(a) the turn (clockwise on screen, y points down), b the translation of the centre.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Candidate", "Span", "Tracker", "choose", "fit_groups", "grid_corners", "least_squares"]

CELL_PX = 16  # one corner per cell: a textured subject cannot outvote a plain background; 220 cells on 180 x 320
CORNER_BLOCK_PX = 5
CORNER_FLOOR = 5e-5  # least eigenvalue of the structure tensor (of cornerMinEigenVal, picture 0-255): below it is sensor noise on a wall
CORNER_LAST_FLOOR = 5e-6
CORNER_SHARE = 0.003  # and of the picture's strong corners (95th percentile of the cells): below it the flow follows compression blocks
LK_WINDOW_PX = 11
LK_LEVELS = 3  # 11 px at 1/8 scale: catches about 45 px between frames, 0.25 frame widths
MIN_POINTS = 8  # a similarity has 4 unknowns; twice that many coordinates over is the least that can show an outlier
TRIALS = 96  # 2-point samples; with 25 % inliers 96 pairs miss with probability 0.002
INLIER_PX = 0.9  # three to five times the error of a tracked corner (0.1-0.3 px after H.264)
SCALE_PX = 0.3  # of the Cauchy weights in the last fit
MAX_LOG_SCALE = 0.7  # over a span: beyond it, it is no camera move but a wrong fit
MAX_TURN_RAD = 0.7
BORDER_WEIGHT = 2.0  # subjects stand in the middle, background reaches the edges
SPAN_S = 0.25  # longer: more corners are lost; shorter: slow subjects cannot be told from the background, and errors add up more often
SPAN_FRAMES = 10
KEEP_SHARE = 0.6  # of the corners still found; below it the span ends
LOST_LEVELS = 12.0  # median patch difference (grey levels) that ends a span at once: a cut or a flash
GROUPS = 3
MIN_SHARE = 0.08  # a smaller group is chance
ZONES = 4
ZONE_SHARE = 0.25
MIN_SPREAD = 0.35  # a group in fewer zones is a thing in the picture, not the picture
STILL_SPEED = 0.01  # frame widths per second

# Weights of `choose`, set on generated clips (seeds 1-3 of bench/accuracy/_camera_clips.py)
SPREAD_COST = 0.5  # per e-fold of the spread
CHANGE_COST = 0.4  # per e-fold of the change of speed over CHANGE_UNIT
CHANGE_UNIT = 0.03  # frame widths per second
MOVE_COST = 0.15  # a camera that stands still is likelier than one that moves

Similarity = tuple[complex, complex]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One group of corners that move together. `share` (0-1): weighted share of the corners; `residual_px`: RMS distance from its fit.

    `spread` (0-1): of the ZONES x ZONES zones of the picture that hold corners, the share in which the group has its part of them.

    `pairs`: float64 [f, 4], per pair of frames dx, dy (px), ln scale, turn; `local_px`: float64 [f], mean speed of all corners against it.
    """

    share: float
    spread: float
    residual_px: float
    pairs: np.ndarray
    local_px: np.ndarray


@dataclass(frozen=True, slots=True)
class Span:
    """Pairs of frames measured from one anchor. `t_s`: float64 [f + 1], the anchor's time first; no candidates: nothing to measure."""

    t_s: np.ndarray
    candidates: tuple[Candidate, ...]


def least_squares(p: np.ndarray, q: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted similarities a, b (complex [...]) that carry `p` [n] to each row of `q` [..., n] (closed form)."""
    total = weight.sum()
    pm = (p @ weight) / total
    qm = (q @ weight) / total
    centred = p - pm
    a = ((q - qm[..., None]) @ (weight * np.conj(centred))) / max(1e-9, float(weight @ np.abs(centred) ** 2))
    return a, qm - a * pm


def residuals(a: np.ndarray, b: np.ndarray, p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Largest distance over the frames between where the similarities put `p` and where the points are: [n]. a, b: [f]; q: [f, n]."""
    return np.abs(a[:, None] * p + b[:, None] - q).max(0)


def fit_groups(p: np.ndarray, q: np.ndarray, weight: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Up to GROUPS sets of points (bool [n] each), each carried by one similarity per frame; the largest first.

    Args:
        p: complex [n], positions in the anchor.
        q: complex [f, n], positions in a few later frames; all must agree.
        weight: float64 [n].
        rng: Chooses the 2-point samples (MSAC scores them; Cauchy-weighted least squares refines the best).
    """
    free = np.ones(len(p), bool)
    groups: list[np.ndarray] = []
    for k in range(GROUPS + 1):
        index = np.flatnonzero(free)
        if len(index) < MIN_POINTS:
            break
        pf, qf, wf = p[index], q[:, index], weight[index]
        if k == GROUPS:  # the last place is for standing still, where no group has found it
            a, b = np.ones(len(q), complex), np.zeros(len(q), complex)
        else:
            fit = _sample(pf, qf, wf, rng)
            if fit is None:
                break
            a, b = fit
        r = residuals(a, b, p, q)
        member = r < INLIER_PX
        if weight[member].sum() < MIN_SHARE * weight.sum() or member.sum() < MIN_POINTS // 2:
            if k == GROUPS:
                break
            continue
        groups.append(member)
        free &= r > 2 * INLIER_PX
    return groups


def _sample(p: np.ndarray, q: np.ndarray, weight: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray] | None:
    n = len(p)
    i = rng.integers(0, n, TRIALS)
    j = (i + rng.integers(1, n, TRIALS)) % n
    apart = p[i] - p[j]
    ok = np.abs(apart) > 4.0
    a = np.divide(q[:, i] - q[:, j], apart, out=np.ones((len(q), TRIALS), complex), where=ok)
    b = q[:, i] - a * p[i]
    a = np.concatenate([np.ones((len(q), 1), complex), a], 1)  # standing still is always one of the guesses
    b = np.concatenate([np.zeros((len(q), 1), complex), b], 1)
    size = np.maximum(np.abs(a), 1e-6)
    plausible = ((np.abs(np.log(size)) < MAX_LOG_SCALE) & (np.abs(np.angle(a)) < MAX_TURN_RAD)).all(0)
    error = a[:, :, None] * p + b[:, :, None] - q[:, None, :]
    square = (error.real**2 + error.imag**2).max(0)
    score = np.where(plausible, np.maximum(0.0, 1.0 - square / INLIER_PX**2) @ weight, -1.0)
    best = int(np.argmax(score))
    if score[best] <= 0:
        return None
    fit_a, fit_b = a[:, best], b[:, best]
    for _ in range(3):
        r = residuals(fit_a, fit_b, p, q)
        w = weight / (1.0 + (r / SCALE_PX) ** 2) * (r < 2 * INLIER_PX)
        if np.count_nonzero(w) < MIN_POINTS // 2:
            return None
        fit_a, fit_b = least_squares(p, q, w)
    return fit_a, fit_b


def grid_corners(strength: np.ndarray) -> np.ndarray:
    """The strongest pixel of every CELL_PX cell that is strong enough: float32 [n, 2] (x, y), from a corner strength [h, w]."""
    h, w = strength.shape
    cell = max(4, min(CELL_PX, min(h, w) // 4))
    rows, cols = h // cell, w // cell
    if rows == 0 or cols == 0:
        return np.zeros((0, 2), np.float32)
    top, left = (h - rows * cell) // 2, (w - cols * cell) // 2
    blocks = (
        strength[top : top + rows * cell, left : left + cols * cell].reshape(rows, cell, cols, cell).swapaxes(1, 2).reshape(rows * cols, -1)
    )
    best = blocks.argmax(1)
    value = blocks[np.arange(len(blocks)), best]
    keep = value > max(CORNER_FLOOR, CORNER_SHARE * float(np.percentile(value, 95)))
    if keep.sum() < MIN_POINTS:  # a dim or soft picture: weak corners are better than none
        keep = value > CORNER_LAST_FLOOR
    y = np.arange(rows).repeat(cols) * cell + top + best // cell
    x = np.tile(np.arange(cols), rows) * cell + left + best % cell
    return np.stack([x[keep], y[keep]], 1).astype(np.float32)


def spread(p: np.ndarray, member: np.ndarray, width_px: int, height_px: int) -> float:
    """Share of the zones that hold at least two corners in which ZONE_SHARE of them are members: a background is everywhere."""
    x = np.clip(((p.real / width_px + 0.5) * ZONES).astype(int), 0, ZONES - 1)
    y = np.clip(((p.imag / height_px + 0.5) * ZONES).astype(int), 0, ZONES - 1)
    zone = y * ZONES + x
    total = np.bincount(zone, minlength=ZONES * ZONES)
    mine = np.bincount(zone[member], minlength=ZONES * ZONES)
    held = total >= 2
    return float((mine[held] >= ZONE_SHARE * total[held]).mean()) if held.any() else 0.0


class Tracker:
    """Follows corners from anchor frame to anchor frame; `spans` grows by one per anchor. Keeps two frames and one span of positions."""

    def __init__(self, cv2: Any) -> None:
        self._cv2 = cv2
        self._criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 10, 0.03)
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._rng = np.random.default_rng(0)  # the same clip gives the same result
        self.spans: list[Span] = []
        self._last: np.ndarray | None = None
        self._last_t = 0.0

    def feed(self, gray: np.ndarray, t_s: float) -> None:
        """Take the next frame: uint8 [h, w], C-contiguous, kept as it is."""
        if self._last is None:
            self._start(gray, t_s)
        else:
            now, found, lost = self._follow(gray)
            if lost and len(self._times) > 1:  # a cut: what came before it must not suffer
                self._end()
                self._start(self._last, self._last_t)
                now, found, lost = self._follow(gray)
            self._times.append(t_s)
            self._positions.append(now)
            self._found = found
            full = t_s - self._times[0] >= SPAN_S - 1e-3 or len(self._times) > SPAN_FRAMES
            if lost or full or found.sum() < KEEP_SHARE * len(found):
                self._end()
                self._start(gray, t_s)
        self._last, self._last_t = gray, t_s

    def finish(self) -> list[Span]:
        """All spans, the last one too."""
        if self._last is not None and len(self._times) > 1:
            self._end()
            self._last = None
        return self.spans

    def _start(self, gray: np.ndarray, t_s: float) -> None:
        self._anchor = gray
        points = grid_corners(self._cv2.cornerMinEigenVal(gray, CORNER_BLOCK_PX, ksize=3))
        self._times = [t_s]
        self._positions = [points]
        self._found = np.ones(len(points), bool)

    def _follow(self, gray: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
        """(positions float32 [n, 2], which corners are still found, whether the picture is another one)."""
        points = self._positions[0]
        if len(points) < MIN_POINTS:
            return points, np.zeros(len(points), bool), True
        h, w = gray.shape
        start = self._positions[-1].copy()  # from where it was: a weak corner that "goes on as it did" runs away
        lk = self._cv2.calcOpticalFlowPyrLK
        size = (LK_WINDOW_PX, LK_WINDOW_PX)
        flags = self._cv2.OPTFLOW_USE_INITIAL_FLOW
        now, status, error = lk(self._anchor, gray, points, start, winSize=size, maxLevel=LK_LEVELS, criteria=self._criteria, flags=flags)
        found = self._found & (status[:, 0] != 0) & (now >= 0).all(1) & (now[:, 0] <= w - 1) & (now[:, 1] <= h - 1)
        lost = not found.any() or float(np.median(error[found])) > LOST_LEVELS
        return now, found, lost

    def _end(self) -> None:
        h, w = self._anchor.shape
        centre = complex((w - 1) / 2, (h - 1) / 2)
        times = np.array(self._times)
        found = self._found
        path = np.stack([x[found, 0] + 1j * x[found, 1] for x in self._positions]) - centre
        if path.shape[1] < MIN_POINTS:
            self.spans.append(Span(times, ()))
            return
        p, q = path[0], path[1:]
        weight = 1.0 + (BORDER_WEIGHT - 1.0) * np.maximum(np.abs(p.real) / (w / 2), np.abs(p.imag) / (h / 2))
        check = sorted({len(q) // 2, len(q) - 1})
        out: list[Candidate] = []
        for member in fit_groups(p, q[check], weight, self._rng):
            a, b = least_squares(p[member], q[:, member], weight[member])
            if not np.abs(a).all():
                continue
            r = np.abs(a[:, None] * p[member] + b[:, None] - q[:, member])
            a, b = np.concatenate([[1], a]), np.concatenate([[0], b])
            step = a[1:] / a[:-1]
            shift = b[1:] - step * b[:-1]
            pairs = np.stack([shift.real, shift.imag, np.log(np.abs(step)), np.angle(step)], 1)
            rest = np.abs(path[1:] - (step[:, None] * path[:-1] + shift[:, None]))
            local = np.minimum(rest, 0.1 * w).mean(1)
            share = float(weight[member].sum() / weight.sum())
            out.append(Candidate(share, spread(p, member, w, h), float(np.sqrt((r**2).mean())), pairs, local))
        self.spans.append(Span(times, tuple(out)))


def choose(spans: Sequence[Span], width_px: int, radius_px: float) -> list[int | None]:
    """For each span the candidate that is the camera, by the cheapest sequence (Viterbi); None where there is none.

    The cost of a candidate is -ln(share), more where it moves; of a transition the logarithm of the change of the four speeds.
    """
    picked: list[int | None] = [None] * len(spans)
    run: list[tuple[int, np.ndarray, np.ndarray, np.ndarray]] = []  # (span, speeds at its start, at its end, cost so far)
    back: list[np.ndarray] = []

    def settle() -> None:
        if not run:
            return
        k = int(np.argmin(run[-1][3]))
        for n in range(len(run) - 1, -1, -1):
            picked[run[n][0]] = k
            k = int(back[n][k])
        run.clear()
        back.clear()

    units = np.array([1.0, 1.0, radius_px, radius_px]) / width_px
    for i, span in enumerate(spans):
        if not span.candidates:
            settle()
            continue
        dt = np.diff(span.t_s)
        half = max(1, (len(dt) + 1) // 2)
        first = np.stack([c.pairs[:half].sum(0) / dt[:half].sum() * units for c in span.candidates])
        last = np.stack([c.pairs[-half:].sum(0) / dt[-half:].sum() * units for c in span.candidates])
        mean = np.stack([c.pairs.sum(0) / dt.sum() * units for c in span.candidates])
        own = np.array([-np.log(max(c.share, 1e-3)) - SPREAD_COST * np.log(max(c.spread, 0.05)) for c in span.candidates])
        own = (own + MOVE_COST * (np.abs(mean).sum(1) > STILL_SPEED)) * dt.sum() / SPAN_S
        if run:
            change = np.abs(run[-1][2][:, None, :] - first[None, :, :]).sum(2)
            cost = run[-1][3][:, None] + CHANGE_COST * np.log1p(change / CHANGE_UNIT)
            back.append(cost.argmin(0))
            run.append((i, first, last, cost.min(0) + own))
        else:
            back.append(np.zeros(len(own), int))
            run.append((i, first, last, own))
    settle()
    return picked
