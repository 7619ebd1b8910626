"""From motion pairs to moves: the path of each shot, its parts, what each part is. Pure functions over arrays.

Units: positions in frame widths of picture motion (right, down positive), scale as natural log, turn in radians. To compare the four, scale
and turn are multiplied by the RMS radius of the picture (frame widths), so that each says how far an average point of the picture moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reelscope.features.motion import Motion
from reelscope.features.shots import Shots
from reelscope.timebase import Interval, merge, subtract

__all__ = [
    "Path",
    "Stretch",
    "analyse_shot",
    "build_path",
    "classify",
    "cut_path",
    "fw_series",
    "join_shake",
    "measured_intervals",
    "stability",
]

EPS_S = 1e-4
MIN_INLIERS = 0.2  # below it the group is a subject, or chance: measured on generated clips, a wrong fit is worse than none
DOUBT_INLIERS = 0.35  # up to here another group may have been the camera
DOUBT_S = 1.2
MAX_STEP = 0.35  # frame widths between two frames: beyond what the tracker can follow
FILL_S = 0.5  # a gap of this length is bridged by its neighbours' speed; longer ones only where these agree
FILL_LONG_S = 2.5  # a car or a hand that fills the picture for a moment; the gap still counts as not measured
AGREE_SPEED = 0.03  # frame widths per second
MIN_SHOT_S = 0.25  # shorter stretches hold too few pairs to tell a move from noise
GRID_HZ = 30.0
STEP_HZ = 10.0  # resolution of the division into parts
SMOOTH_S = 1.0  # the path without shake: a second-order fit over one second (Savitzky-Golay); shake is what is faster
MIN_SHAKE_S = 0.6
EDGE_S = 0.2  # parts meet at marks of 0.1 s, and a move takes about that long to start
MIN_KNOWN = 0.4  # share of a shot that must be measured before the shot as a whole is said to do anything
MIN_PART_S = 0.6  # a camera move that viewers take for one lasts at least about that long
SPEED_MIN = 0.012  # frame widths per second; below it (1.2 % of the width in a second) a shot counts as still
TRAVEL_MIN = 0.02  # and it must get somewhere: 2 % of the width
SHAKE_TIMES = 5.0  # net travel must exceed the shake (RMS) by this, or the shake is the move: its swings reach 2-3 RMS either way
MINOR = 0.15  # share of the largest speed from which a second move is named beside it
SHAKE_MIN = 0.0018  # 1.9 px of 1080: tripod shots measure below 0.001, hand-held ones above 0.002
STABLE = 0.005
NOISE_MIN = 0.012  # frame widths per second at STEP_HZ: a pan of 0.04 for 1.5 s then outweighs two more parts; tripods show below 0.003
SWAY = 1.2  # times the median deviation from the course over SWAY_S: hands sway for half a second to a second; that is no move of its own
SWAY_S = 3.0
PENALTY = 30.0  # cost of one more part, in units of squared noise; 4 speeds x about 7 (BIC of 1,000 samples)
LOOK_BACK = 200  # longest part that the division considers at once (20 s); equal neighbours join afterwards, cost stays linear
SERIES_HZ = 5.0

Directions = (
    ("pan_left", "pan_right"),
    ("tilt_up", "tilt_down"),
    ("zoom_in", "zoom_out"),
    ("roll", "roll"),
)  # by sign of the picture's motion: +, -


@dataclass(frozen=True, slots=True)
class Path:
    """The picture's path in one shot on an even grid.

    Attributes:
        t_s: float64 [m]; xysr: float64 [m, 4], position x, y, ln scale, turn, from 0; local: float64 [m], local motion.
        radius: RMS distance of the picture's points from its centre, frame widths.
    """

    t_s: np.ndarray
    xysr: np.ndarray
    local: np.ndarray
    radius: float

    @property
    def units(self) -> np.ndarray:
        """Factors that turn the four columns into how far an average point moves, frame widths."""
        return np.array([1.0, 1.0, self.radius, self.radius])


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a shot with its figures; the names are those of the document."""

    start_s: float
    end_s: float
    move: str
    components: tuple[str, ...]
    net: tuple[float, float, float, float]
    shake: float | None
    local_motion: float | None

    def figures(self) -> dict[str, Any]:
        """As the document has it: directions of the camera, per second."""
        length = self.end_s - self.start_s
        x, y, s, r = self.net
        return {
            "move": self.move,
            "components": list(self.components),
            "speed_fw_s": float(np.hypot(x, y)) / length,
            "pan_fw_s": -x / length,
            "tilt_fw_s": y / length,
            "zoom_rate_s": s / length,
            "zoom_factor": float(np.exp(s)),
            "roll_deg": float(np.degrees(r)),
            "shake": self.shake,
            "stability": stability(self.shake),
            "local_motion_fw_s": self.local_motion,
        }


def stability(shake: float | None) -> float | None:
    """1 for a tripod, 0.37 at a shake of STABLE frame widths."""
    return None if shake is None else float(np.exp(-shake / STABLE))


def join_shake(stretches: Sequence[Stretch]) -> float | None:
    """RMS over stretches, weighted by their length."""
    known = [(s.end_s - s.start_s, s.shake) for s in stretches if s.shake is not None]
    return float(np.sqrt(sum(n * v * v for n, v in known) / sum(n for n, _ in known))) if known else None


def usable(shots: Shots, index: int) -> list[Interval]:
    """A shot without the gradual transitions that reach into it."""
    return subtract([shots.shots[index]], [(t.start_s, t.end_s) for t in shots.transitions if t.end_s > t.start_s])


def pairs_within(motion: Motion, start_s: float, end_s: float) -> slice:
    """The pairs both of whose frames are shown within [start_s, end_s)."""
    first = int(np.searchsorted(motion.t_s - motion.dt_s, start_s - EPS_S))
    last = int(np.searchsorted(motion.t_s, end_s - EPS_S))
    return slice(first, max(first, last))


def valid_pairs(motion: Motion, part: slice) -> np.ndarray:
    """Which pairs hold a measurement: bool [n]."""
    with np.errstate(invalid="ignore"):
        fits = np.hypot(motion.dx[part], motion.dy[part]) < MAX_STEP
    share = motion.inliers[part]
    ok = fits & (share >= MIN_INLIERS)
    # Beside a stretch that could not be measured, a few doubtful pairs that do not go on as the clear ones on their other side are the
    # subject that fills the picture, coming in or going out.
    doubtful = ok & (share < DOUBT_INLIERS)
    clear = ok & ~doubtful
    runs = np.flatnonzero(np.diff(np.concatenate([[False], doubtful, [False]]).astype(int))).reshape(-1, 2)
    t, dt = motion.t_s[part], motion.dt_s[part]
    step = np.stack([motion.dx[part], motion.dy[part]], 1)
    for first, last in runs:
        before = clear & (t > t[first] - dt[first] - DOUBT_S) & (t < t[first])
        after = clear & (t < t[last - 1] + DOUBT_S) & (t > t[last - 1])
        gap_before, gap_after = first > 0 and not ok[first - 1], last < len(ok) and not ok[last]
        if clear.mean() >= 0.3 and gap_before and gap_after and t[last - 1] - t[first] + dt[first] < MIN_PART_S:
            ok[first:last] = False  # an island of doubt in a shot that is mostly clear
            continue
        other = before if gap_after and not gap_before else after if gap_before and not gap_after else np.zeros(0, bool)
        if not other.any() or t[last - 1] - t[first] > DOUBT_S:
            continue
        change = step[first:last].sum(0) / dt[first:last].sum() - step[other].sum(0) / dt[other].sum()
        if np.hypot(*change) > AGREE_SPEED:
            ok[first:last] = False
    return ok


def measured_intervals(motion: Motion, shots: Shots) -> list[Interval]:
    """Where motion was measured: spans of valid pairs within shots (the last frame of a shot reaches to the shot's end)."""
    out: list[Interval] = []
    for index in range(len(shots.shots)):
        for start, end in usable(shots, index):
            part = pairs_within(motion, start, end)
            ok = valid_pairs(motion, part)
            t, dt = motion.t_s[part][ok], motion.dt_s[part][ok]
            spans = [(float(b - a), float(b)) for b, a in zip(t, dt, strict=True)]
            if spans and end - spans[-1][1] < 2 * float(dt[-1]):
                spans.append((spans[-1][1], end))
            out += spans
    return merge(out, gap_s=EPS_S)


def build_path(motion: Motion, start_s: float, end_s: float) -> list[Path]:
    """Paths of a stretch without transitions: one, or several where a gap longer than FILL_S could not be measured."""
    part = pairs_within(motion, start_s, end_s)
    ok = valid_pairs(motion, part)
    if not ok.any():
        return []
    t, dt = motion.t_s[part], motion.dt_s[part]
    step = np.stack([motion.dx[part], motion.dy[part], motion.log_scale[part], motion.rot[part]], 1)
    local = motion.local_motion[part]
    good = np.flatnonzero(ok)
    begins = t[good] - dt[good]
    radius = float(np.sqrt((1 + motion.height_fw**2) / 12))
    gaps = np.flatnonzero(begins[1:] - t[good][:-1] > FILL_S)
    breaks = [g + 1 for g in gaps if begins[g + 1] - t[good][g] > FILL_LONG_S or not _agree(step[good], dt[good], g, radius)]
    paths = []
    for run in np.split(good, breaks):
        span = np.arange(run[0], run[-1] + 1)
        middle = t[span] - dt[span] / 2
        inside = np.isin(span, run)
        speed = step[span] / dt[span, None]
        speed = np.stack([np.interp(middle, middle[inside], speed[inside, c]) for c in range(4)], 1)
        edges = np.concatenate([[t[span[0]] - dt[span[0]]], t[span]])
        position = np.concatenate([np.zeros((1, 4)), np.cumsum(speed * dt[span, None], 0)])
        length = edges[-1] - edges[0]
        if length < max(MIN_SHOT_S, min(MIN_PART_S, (end_s - start_s) / 2)):
            continue
        rate = min(GRID_HZ, 1.0 / float(np.median(dt[span])))
        grid = edges[0] + np.arange(round(length * rate) + 1) * (length / max(1, round(length * rate)))
        xysr = np.stack([np.interp(grid, edges, position[:, c]) for c in range(4)], 1)
        paths.append(Path(grid, xysr, np.interp(grid, middle[inside], local[span][inside]), radius))
    return paths


def _agree(step: np.ndarray, dt: np.ndarray, gap: int, radius: float) -> bool:
    """Whether the half second before and after a gap (between valid pairs `gap` and `gap` + 1) shows the same speed."""
    n = max(1, round(0.5 / float(np.median(dt))))
    units = np.array([1.0, 1.0, radius, radius])
    before, after = slice(max(0, gap + 1 - n), gap + 1), slice(gap + 1, gap + 1 + n)
    change = step[after].sum(0) / dt[after].sum() - step[before].sum(0) / dt[before].sum()
    return bool(np.abs(change * units).sum() < AGREE_SPEED)


def smooth(values: np.ndarray, rate_hz: float, over_s: float = SMOOTH_S) -> np.ndarray:
    """Savitzky-Golay, second order over `over_s`; short paths are fitted as a whole: [m, k] -> [m, k]."""
    n = len(values)
    half = (min(round(over_s * rate_hz) | 1, n if n % 2 else n - 1) - 1) // 2
    if half < 2:
        return values
    fit = np.linalg.pinv(np.vander(np.arange(-half, half + 1), 3))  # [3, window]: its last row gives the value in the middle
    out = np.empty_like(values)
    out[half : n - half] = np.einsum("mkw,w->mk", np.lib.stride_tricks.sliding_window_view(values, 2 * half + 1, axis=0), fit[2])
    ends = np.vander(np.arange(-half, half + 1), 3)
    out[:half] = ends[:half] @ (fit @ values[: 2 * half + 1])
    out[n - half :] = ends[half + 1 :] @ (fit @ values[n - 2 * half - 1 :])
    return out


def rate_of(path: Path) -> float:
    return (len(path.t_s) - 1) / float(path.t_s[-1] - path.t_s[0])


def shake_of(path: Path, first: int, last: int) -> float | None:
    """RMS distance between the picture and its smoothed path, samples `first` to `last`; None where they are too short.

    Smoothed within these samples, and their ends left out where another part follows: the start of a pan is not shake.
    """
    rate = rate_of(path)
    if path.t_s[last] - path.t_s[first] < MIN_SHAKE_S - EPS_S:
        return None
    margin = round(EDGE_S * rate)
    if last - first > 4 * margin:
        first += margin if first > 0 else 0
        last -= margin if last < len(path.t_s) - 1 else 0
    here = path.xysr[first : last + 1]
    wobble = (here - smooth(here, rate))[:, :2]
    return float(np.sqrt((wobble**2).sum(1).mean()))


def classify(net: np.ndarray, length_s: float, shake: float, units: np.ndarray) -> tuple[str, tuple[str, ...]]:
    """(move, components) of a stretch from its net motion [4] over `length_s` and its shake."""
    travel = np.abs(net) * units
    speed = travel / length_s
    need = np.maximum(min(TRAVEL_MIN, SPEED_MIN * 2 * length_s), SHAKE_TIMES * shake)
    real = (speed >= SPEED_MIN) & (travel >= need) & (speed >= MINOR * speed.max())
    named = [Directions[c][0 if net[c] > 0 else 1] for c in sorted(np.flatnonzero(real), key=lambda c: -speed[c])]
    if shake >= SHAKE_MIN:
        named.append("handheld")
    return (named[0], tuple(named)) if named else ("static", ("static",))


def cut_path(path: Path) -> list[int]:
    """Sample indices where the motion changes, with both ends: the division into parts of even speed that is cheapest.

    Optimal partitioning (Jackson et al. 2005) of the four speeds at STEP_HZ: squared deviation from each part's mean in units of the noise,
    plus PENALTY for every part. The noise is what the speeds show around their own smoothed course, so that shake does not cut.
    """
    n = len(path.t_s)
    rate = rate_of(path)
    stride = max(1, round(rate / STEP_HZ))
    marks = list(range(0, n, stride))
    if marks[-1] != n - 1:
        marks.append(n - 1)
    if len(marks) < 4:
        return [0, n - 1]
    even = smooth(path.xysr, rate) * path.units
    length = np.diff(path.t_s[marks])
    speed = np.diff(even[marks], axis=0) / length[:, None]
    raw = np.diff((path.xysr * path.units)[marks], axis=0) / length[:, None]
    sway = SWAY * 1.4826 * np.median(np.abs(raw - smooth(raw, STEP_HZ, SWAY_S)), axis=0)
    noise = np.maximum(NOISE_MIN, sway)
    z = speed / noise
    total = np.concatenate([np.zeros((1, 4)), np.cumsum(z, 0)])
    square = np.concatenate([[0.0], np.cumsum((z**2).sum(1))])
    m = len(z)
    best = np.zeros(m + 1)
    came = np.zeros(m + 1, int)
    for end in range(1, m + 1):
        start = np.arange(max(0, end - LOOK_BACK), end)
        cost = square[end] - square[start] - ((total[end] - total[start]) ** 2).sum(1) / (end - start)
        value = best[start] + cost + PENALTY
        k = int(np.argmin(value))
        best[end], came[end] = value[k], start[k]
    cuts = [m]
    while cuts[-1] > 0:
        cuts.append(int(came[cuts[-1]]))
    return [marks[c] for c in reversed(cuts)]


def join_short(path: Path, cuts: list[int]) -> list[int]:
    """Remove parts shorter than MIN_PART_S: each goes to the neighbour whose speed is nearer."""
    cuts = list(cuts)
    units = path.units

    def speed(k: int) -> np.ndarray:
        a, b = cuts[k], cuts[k + 1]
        return (path.xysr[b] - path.xysr[a]) * units / (path.t_s[b] - path.t_s[a])

    while len(cuts) > 2:
        lengths = np.diff(path.t_s[cuts])
        k = int(np.argmin(lengths))
        if lengths[k] >= MIN_PART_S:
            break
        if k == 0:
            drop = 1
        elif k == len(cuts) - 2:
            drop = k
        else:
            drop = k if np.abs(speed(k) - speed(k - 1)).sum() <= np.abs(speed(k) - speed(k + 1)).sum() else k + 1
        del cuts[drop]
    return cuts


def stretch(path: Path, first: int, last: int, start_s: float, end_s: float) -> Stretch:
    """The figures of samples `first` to `last`, shown from `start_s` to `end_s`."""
    length = float(path.t_s[last] - path.t_s[first])
    net = path.xysr[last] - path.xysr[first]
    shake = shake_of(path, first, last)
    move, components = classify(net, length, shake or 0.0, path.units)
    scaled = net * (end_s - start_s) / length  # the last frame is shown until the shot ends: rates stay those of the samples
    local = path.local[first : last + 1]
    local = local[np.isfinite(local)]
    return Stretch(start_s, end_s, move, components, tuple(float(v) for v in scaled), shake, float(local.mean()) if len(local) else None)


def analyse_shot(motion: Motion, shots: Shots, index: int) -> tuple[Stretch | None, list[Stretch]]:
    """(the whole shot or None where too little of it was measured, its parts in time order)."""
    parts: list[Stretch] = []
    for start_s, end_s in usable(shots, index):
        for path in build_path(motion, start_s, end_s):
            cuts = join_short(path, cut_path(path))
            edges = [float(path.t_s[c]) for c in cuts]
            if edges[0] - start_s < 0.1:
                edges[0] = start_s
            if end_s - edges[-1] < 0.1:
                edges[-1] = end_s
            labels = [stretch(path, a, b, p, q) for a, b, p, q in zip(cuts[:-1], cuts[1:], edges[:-1], edges[1:], strict=True)]
            k = 0
            while k < len(labels) - 1:  # neighbours that do the same are one part
                if labels[k].move == labels[k + 1].move:
                    labels[k : k + 2] = [stretch(path, cuts[k], cuts[k + 2], edges[k], edges[k + 2])]
                    del cuts[k + 1], edges[k + 1]
                    k = max(0, k - 1)
                else:
                    k += 1
            parts += labels
    if not parts:
        return None, []
    whole_s = sum(b - a for a, b in usable(shots, index))
    known = sum(p.end_s - p.start_s for p in parts) >= MIN_KNOWN * whole_s
    return (whole_shot(parts) if known else None), parts


def whole_shot(parts: Sequence[Stretch]) -> Stretch:
    """One stretch over all parts: net motion added up, the move that lasts longest, components in order of their time."""
    if len(parts) == 1:
        return parts[0]
    lasting: dict[str, float] = {}
    named: dict[str, float] = {}
    for p in parts:
        lasting[p.move] = lasting.get(p.move, 0.0) + p.end_s - p.start_s
        for c in p.components:
            named[c] = named.get(c, 0.0) + p.end_s - p.start_s
    move = max(lasting, key=lambda m: lasting[m])
    components = (move, *(c for c in sorted(named, key=lambda c: -named[c]) if c not in {move, "static"}))
    net = tuple(float(sum(p.net[c] for p in parts)) for c in range(4))
    local = [(p.end_s - p.start_s, p.local_motion) for p in parts if p.local_motion is not None]
    mean = sum(n * v for n, v in local) / sum(n for n, _ in local) if local else None
    return Stretch(parts[0].start_s, parts[-1].end_s, move, components, net, join_shake(parts), mean)  # type: ignore[arg-type]


def fw_series(motion: Motion, shots: Shots) -> list[tuple[str, str, list[float], list[float | None]]]:
    """(name, unit, t_s, values) at SERIES_HZ: speed, zoom rate, local motion; null in transitions and where nothing was measured."""
    if not shots.shots or not len(motion):
        return []
    t = np.arange(0.5 / SERIES_HZ, shots.shots[-1][1], 1 / SERIES_HZ)
    columns = np.full((len(t), 3), np.nan)
    for index in range(len(shots.shots)):
        for start, end in usable(shots, index):
            for path in build_path(motion, start, end):
                here = (t >= path.t_s[0]) & (t <= path.t_s[-1])
                speed = np.gradient(smooth(path.xysr, rate_of(path)), path.t_s, axis=0)
                for c, values in enumerate((np.hypot(speed[:, 0], speed[:, 1]), speed[:, 2], path.local)):
                    columns[here, c] = np.interp(t[here], path.t_s, values)
    names = (("speed", "frame widths/s"), ("zoom_rate", "ln scale/s"), ("local_motion", "frame widths/s"))
    times = [round(float(v), 3) for v in t]
    return [(n, u, times, [None if np.isnan(v) else float(v) for v in columns[:, c]]) for c, (n, u) in enumerate(names)]
