"""Global motion between frames: corners tracked from an anchor frame (pyramidal Lucas-Kanade) and a robust similarity through them.

Points are complex numbers z = x + iy in pixels from the picture's centre, so that a similarity is `z -> a * z + b`: |a| the scale,
arg(a) the turn (clockwise on screen, y points down), b the translation of the centre.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Fit", "PairMotion", "Similarity", "Tracker", "fit_similarity", "grid_corners"]

Similarity = tuple[complex, complex]
IDENTITY: Similarity = (1 + 0j, 0j)

CELL_PX = 20  # one corner per cell: a textured subject cannot outvote a plain background; 144 cells on 180 x 320
CORNER_BLOCK_PX = 5
CORNER_FLOOR = 2e-5  # least eigenvalue of the structure tensor (of cornerMinEigenVal, picture 0-255): below it is sensor noise on a wall
CORNER_SHARE = 0.002  # and of the picture's strong corners (95th percentile of the cells): below it the flow follows compression blocks
LK_WINDOW_PX = 11
LK_LEVELS = 3  # 11 px at 1/8 scale: catches about 45 px between frames, 0.25 frame widths
MIN_POINTS = 8  # a similarity has 4 unknowns; twice that many coordinates over is the least that can show an outlier
TRIALS = 48  # 2-point samples; with 40 % inliers 48 pairs miss with probability 0.0002
INLIER_PX = 0.9  # three to five times the error of a tracked corner (0.1-0.3 px after H.264)
SCALE_PX = 0.3  # of the Cauchy weights in the last fit
MAX_LOG_SCALE = 0.35  # between anchor and frame: beyond it, it is no camera move but a wrong fit
MAX_TURN_RAD = 0.5
BORDER_WEIGHT = 2.0  # subjects stand in the middle, background reaches the edges
CLEAR = 0.0  # share of inliers from which nothing else can be the camera: the rest could not outvote it
DIFFERENT_PX = 0.7  # mean distance of two similarities over the picture, from which on they are two answers
VOTE_LEVELS = 0.4  # grey levels by which an answer must explain a cell better than the others to get its vote
VOTE_SHARE = 0.2  # and in proportion to what the others leave unexplained
STILL_BONUS = 1.15  # standing still and going on as before are likelier than a new move


@dataclass(frozen=True, slots=True)
class Fit:
    """A robust similarity. `inliers`: weighted share (0-1) of the points that follow it within INLIER_PX; `residual_px`: their RMS."""

    similarity: Similarity
    inliers: float
    residual_px: float


@dataclass(frozen=True, slots=True)
class PairMotion:
    """From one frame to the next; see features.motion.Motion for the units. NaN where there was nothing to fit."""

    dx: float
    dy: float
    log_scale: float
    rot: float
    inliers: float
    residual: float
    local_motion: float


NO_MOTION = PairMotion(*(float("nan"),) * 4, inliers=0.0, residual=float("nan"), local_motion=float("nan"))


def fit_similarity(
    p: np.ndarray, q: np.ndarray, weight: np.ndarray, guesses: tuple[Similarity, ...], rng: np.random.Generator
) -> Fit | None:
    """Similarity that carries `p` to `q` (complex [n] each): best of guesses and 2-point samples (MSAC score), then Cauchy-weighted least squares.

    Args:
        p, q: Points before and after.
        weight: float64 [n], >= 0.
        guesses: Similarities that are likely by themselves (standing still, the move so far).
        rng: Chooses the samples.

    Returns:
        None where fewer than MIN_POINTS points are there or none of the candidates is plausible.
    """
    n = len(p)
    if n < MIN_POINTS:
        return None
    i = rng.integers(0, n, TRIALS)
    j = (i + rng.integers(1, n, TRIALS)) % n
    apart = p[i] - p[j]
    ok = np.abs(apart) > 4.0
    a = np.divide(q[i] - q[j], apart, out=np.ones(TRIALS, complex), where=ok)
    b = q[i] - a * p[i]
    a = np.concatenate([[g[0] for g in guesses], a])
    b = np.concatenate([[g[1] for g in guesses], b])
    plausible = (np.abs(np.log(np.maximum(np.abs(a), 1e-6))) < MAX_LOG_SCALE) & (np.abs(np.angle(a)) < MAX_TURN_RAD)
    error = a[:, None] * p + b[:, None] - q
    square = error.real**2 + error.imag**2
    score = np.where(plausible, np.maximum(0.0, 1.0 - square / INLIER_PX**2) @ weight, -1.0)
    best = int(np.argmax(score))
    if score[best] <= 0:
        return None
    fit = (complex(a[best]), complex(b[best]))
    for _ in range(4):
        r = np.abs(fit[0] * p + fit[1] - q)
        w = weight / (1.0 + (r / SCALE_PX) ** 2) * (r < 2 * INLIER_PX)
        total = w.sum()
        if total <= 0:
            return None
        pm, qm = (w @ p) / total, (w @ q) / total
        spread = w @ np.abs(p - pm) ** 2
        if spread < 1e-9:
            return None
        a1 = (w @ ((q - qm) * np.conj(p - pm))) / spread
        fit = (complex(a1), complex(qm - a1 * pm))
    return share_of(fit, p, q, weight)


def share_of(similarity: Similarity, p: np.ndarray, q: np.ndarray, weight: np.ndarray) -> Fit:
    """How well a similarity that is given carries `p` to `q`."""
    r = np.abs(similarity[0] * p + similarity[1] - q)
    inside = r < INLIER_PX
    share = float(weight[inside].sum() / weight.sum())
    rms = float(np.sqrt(np.average(r[inside] ** 2, weights=weight[inside]))) if inside.any() else float("nan")
    return Fit(similarity, share, rms)


def apart_px(one: Similarity, other: Similarity, width_px: int, height_px: int) -> float:
    """RMS distance between where two similarities put the points of a picture of this size."""
    a, b = one[0] - other[0], one[1] - other[1]
    return float(np.sqrt(abs(a) ** 2 * (width_px**2 + height_px**2) / 12 + abs(b) ** 2))


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
    y = np.arange(rows).repeat(cols) * cell + top + best // cell
    x = np.tile(np.arange(cols), rows) * cell + left + best % cell
    return np.stack([x[keep], y[keep]], 1).astype(np.float32)


class Tracker:
    """Motion from frame to frame, each measured against an anchor frame so that errors do not add up frame by frame.

    The anchor is renewed after `anchor_s`, after `anchor_move` frame widths or when too few of its corners follow; the pair's motion is the
    new frame's similarity after the inverse of the old one's.
    """

    anchor_s = 0.3
    anchor_move = 0.06
    enough = 0.35  # share of inliers below which an anchor has had its time

    def __init__(self, cv2: Any) -> None:
        self._cv2 = cv2
        self._criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 10, 0.03)
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._rng = np.random.default_rng(0)  # the same clip gives the same result
        self._last: np.ndarray | None = None
        self._anchor: np.ndarray | None = None
        self._anchor_t = 0.0
        self._points = np.zeros((0, 2), np.float32)
        self._previous = np.zeros((0, 2), np.float32)
        self._tracked = np.zeros(0, bool)
        self._similarity = IDENTITY
        self._step = IDENTITY

    def feed(self, gray: np.ndarray, t_s: float) -> PairMotion | None:
        """Motion from the frame before to this one (uint8 [h, w], C-contiguous); None for the first frame."""
        if self._last is None:
            self._renew(gray, t_s)
            self._last = gray
            return None
        pair = self._measure(gray, t_s)
        self._last = gray
        return pair

    def _renew(self, gray: np.ndarray, t_s: float) -> None:
        cv2 = self._cv2
        self._anchor, self._anchor_t = gray, t_s
        self._points = grid_corners(cv2.cornerMinEigenVal(gray, CORNER_BLOCK_PX, ksize=3))
        self._previous = self._points
        self._tracked = np.ones(len(self._points), bool)
        self._similarity = IDENTITY

    def _centred(self, points: np.ndarray) -> np.ndarray:
        h, w = self._anchor.shape  # type: ignore[union-attr]
        return (points[:, 0] - (w - 1) / 2) + 1j * (points[:, 1] - (h - 1) / 2)

    def _follow(self, gray: np.ndarray) -> tuple[Fit | None, np.ndarray, np.ndarray]:
        """Fit from the anchor to `gray`; where its corners are now, and which were found."""
        if len(self._points) < MIN_POINTS:
            return None, self._points, np.zeros(len(self._points), bool)
        h, w = gray.shape
        p = self._centred(self._points)
        a, b = self._similarity
        guess = (self._step[0] * a, self._step[0] * b + self._step[1])  # the camera goes on as it did
        z = guess[0] * p + guess[1]
        start = np.stack([z.real + (w - 1) / 2, z.imag + (h - 1) / 2], 1).astype(np.float32)
        now, status, _ = self._cv2.calcOpticalFlowPyrLK(
            self._anchor,
            gray,
            self._points,
            start,
            winSize=(LK_WINDOW_PX, LK_WINDOW_PX),
            maxLevel=LK_LEVELS,
            criteria=self._criteria,
            flags=self._cv2.OPTFLOW_USE_INITIAL_FLOW,
        )
        found = (status[:, 0] != 0) & (now[:, 0] >= 0) & (now[:, 1] >= 0) & (now[:, 0] <= w - 1) & (now[:, 1] <= h - 1)
        q = self._centred(now)
        edge = np.maximum(np.abs(p.real) / (w / 2), np.abs(p.imag) / (h / 2))
        weight = 1.0 + (BORDER_WEIGHT - 1.0) * edge
        fit = fit_similarity(p[found], q[found], weight[found], (IDENTITY, self._similarity, guess), self._rng)
        if fit is None or fit.inliers >= CLEAR:
            return fit, now, found
        p, q, weight = p[found], q[found], weight[found]
        fits, bonus = [fit], [1.0]
        rest = np.abs(fit.similarity[0] * p + fit.similarity[1] - q) > 2 * INLIER_PX
        second = fit_similarity(p[rest], q[rest], weight[rest], (), self._rng)
        for other, by in (
            (second and share_of(second.similarity, p, q, weight), 1.0),
            (share_of(IDENTITY, p, q, weight), STILL_BONUS),
            (share_of(guess, p, q, weight), STILL_BONUS),
        ):
            if other is not None and all(apart_px(other.similarity, f.similarity, w, h) > DIFFERENT_PX for f in fits):
                fits.append(other)
                bonus.append(by)
        if len(fits) > 1:
            fit = fits[self._arbitrate(gray, fits, bonus)]
        return fit, now, found

    def _arbitrate(self, gray: np.ndarray, fits: list[Fit], bonus: list[float]) -> int:
        """Which of the answers is the camera: the one that explains most of the picture's area (border cells count more).

        Corners vote by where texture is, and texture is often the subject's. So warp the anchor by each answer; a cell goes to the answer
        whose difference from the frame is clearly the smallest. Cells without structure go to nobody.
        """
        cv2 = self._cv2
        h, w = gray.shape
        cols, rows = max(1, w // CELL_PX), max(1, h // CELL_PX)
        maps = []
        for fit in fits:
            a, b = fit.similarity
            m = np.array([[a.real, -a.imag, 0.0], [a.imag, a.real, 0.0]])
            centre = np.array([(w - 1) / 2, (h - 1) / 2])
            m[:, 2] = centre + (b.real, b.imag) - m[:, :2] @ centre
            warped = cv2.warpAffine(self._anchor, m, (w, h), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            maps.append(cv2.resize(cv2.absdiff(warped, gray).astype(np.float32), (cols, rows), interpolation=cv2.INTER_AREA))
        cost = np.stack(maps)
        order = np.sort(cost, axis=0)
        clear = order[1] - order[0] > VOTE_LEVELS + VOTE_SHARE * order[0]
        y = np.abs(np.linspace(-1, 1, rows))[:, None]
        x = np.abs(np.linspace(-1, 1, cols))[None, :]
        weight = (1.0 + (BORDER_WEIGHT - 1.0) * np.maximum(x, y)) * clear
        winner = cost.argmin(0)
        return int(np.argmax([(weight * (winner == k)).sum() * bonus[k] for k in range(len(fits))]))

    def _measure(self, gray: np.ndarray, t_s: float) -> PairMotion:
        h, w = gray.shape
        fit, now, found = self._follow(gray)
        if (fit is None or fit.inliers < self.enough) and self._anchor is not self._last:
            self._renew(self._last, self._anchor_t)  # type: ignore[arg-type]
            fit, now, found = self._follow(gray)
        if fit is None:
            self._renew(gray, t_s)
            self._step = IDENTITY
            return NO_MOTION
        a = fit.similarity[0] / self._similarity[0]
        b = fit.similarity[1] - a * self._similarity[1]
        both = found & self._tracked
        rest = np.abs(self._centred(now[both]) - (a * self._centred(self._previous[both]) + b))
        local = float(np.mean(np.minimum(rest, 0.1 * w))) / w if both.any() else float("nan")
        pair = PairMotion(b.real / w, b.imag / w, float(np.log(abs(a))), float(np.angle(a)), fit.inliers, fit.residual_px / w, local)
        self._similarity = fit.similarity
        self._step = (a, b) if fit.inliers >= self.enough else IDENTITY  # a doubtful fit must not lead the next search astray
        self._previous, self._tracked = now, found
        moved = abs(fit.similarity[1]) / w + abs(np.log(abs(fit.similarity[0]))) + abs(np.angle(fit.similarity[0]))
        if t_s - self._anchor_t >= self.anchor_s or moved > self.anchor_move or fit.inliers < self.enough:
            self._renew(gray, t_s)
        return pair
