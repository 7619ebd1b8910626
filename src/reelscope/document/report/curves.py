"""Series of the document as SVG paths on the clip's clock, with the plain numbers beside them for the read-out under the pointer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from reelscope.document.report.words import LEVEL_UNITS, clean, key_title, number
from reelscope.document.schema import Series

__all__ = ["WIDTH", "Curve", "Waveform", "curve", "limits", "thin_out", "waveform", "words"]

WIDTH = 10_000
"""Width of a curve's view box; the clip's duration. Whole units suffice for a short clip (0.01 % of it); longer ones get decimals, so that
a point stays within a frame when the timeline is drawn at some pixels a frame."""
WHOLE_UNITS_S = 100.0
HEIGHT = 100

# A screen shows about a thousand columns; two points (low and high) for each keep every peak visible at a bounded size.
MAX_POINTS = 1600

# Levels fall without bound towards silence; below this many dB under the loudest value nothing more is told apart on paper.
LEVEL_SPAN_DB = 54.0

# The axis of a figure that hardly moves is not stretched until its noise looks like an event.
LEAST_SPAN = 0.4  # of the largest value
LEAST_SPAN_DB = 12.0

# Where values are further apart than this many times the usual step, nothing was measured between: the line breaks.
GAP_STEPS = 4.0
GAP_MIN_S = 0.75

# Series of moments (a value for each beat) are drawn as stems: between them nothing was measured.
LEAST_STEM = 30  # units of height: the weakest beat is still one that can be aimed at
MOMENT_WORDS = ("beat", "onset", "event")

PURE = frozenset({"1", "0-1", "ratio", "share", "norm"})  # pure numbers: the word says nothing beside the figure


@dataclass(frozen=True, slots=True)
class Curve:
    """One series, drawn.

    Attributes:
        name: As in the document; title, unit: for people.
        path: SVG path of the line in a view box of WIDTH x 100, broken where values are null; "" where nothing was measured.
        area: The same down to the bottom, for filling; mirror: the same upwards and downwards from the middle, as sound is drawn.
        low, high: Values at the bottom and at the top of the axis.
        words_low, words_high: Lowest and highest value measured, as words.
        data: Compact numbers for the script: name "n", unit "u", decimals "d", times "t" (or "t0" and step "dt"), values "v".
        measured: How many values are not null.
        stems: Whether it is a series of moments (beats): a stem for each, no line between them.
    """

    name: str
    title: str
    unit: str
    path: str
    area: str
    mirror: str
    low: float | None
    high: float | None
    words_low: str
    words_high: str
    data: dict[str, object]
    measured: int
    stems: bool = False


def thin_out(t_s: Sequence[float], values: Sequence[float | None], most: int = MAX_POINTS) -> tuple[list[float], list[float | None]]:
    """At most about `most` points: of every bucket its lowest and highest value in time order, null where a bucket has none."""
    if len(values) <= most:
        return list(t_s), list(values)
    size = math.ceil(len(values) / (most // 2))
    out_t: list[float] = []
    out_v: list[float | None] = []
    for start in range(0, len(values), size):
        known = [(v, i) for i, v in enumerate(values[start : start + size], start) if v is not None]
        if not known:
            out_t.append(t_s[start])
            out_v.append(None)
            continue
        for i in sorted({min(known)[1], max(known)[1]}):
            out_t.append(t_s[i])
            out_v.append(values[i])
    return out_t, out_v


def limits(series: Iterable[Series]) -> tuple[float, float] | None:
    """Lowest and highest value to draw for series that share an axis; None where none of them has a value."""
    group = list(series)
    known = [v for s in group for v in s.values if v is not None and math.isfinite(v)]
    if not known:
        return None
    low, high = min(known), max(known)
    level = group[0].unit in LEVEL_UNITS
    if level:
        low = max(low, high - LEVEL_SPAN_DB)
    elif 0 < low < 0.5 * high and group[0].unit != "Hz":  # pitch is a place, not an amount
        low = 0.0  # figures counted from nothing are compared by their height above nothing
    least = LEAST_SPAN_DB if level else LEAST_SPAN * max(abs(low), abs(high)) or 1.0
    if high - low < least:
        middle = (low + high) / 2
        floor = 0.0 if low >= 0 and not level else -math.inf
        low = max(floor, middle - least / 2)
        high = low + least
    return low, high


def _decimals(ends: tuple[float, float] | None, unit: str) -> int:
    """Decimals that tell a hundredth of the axis apart."""
    if unit in LEVEL_UNITS or ends is None:
        return 1
    return min(6, max(0, 2 - math.floor(math.log10(ends[1] - ends[0]))))


def words(value: float, unit: str, ends: tuple[float, float]) -> str:
    """A value of a series with the decimals that its axis and its unit deserve."""
    return number(round(value, _decimals(ends, unit)))


def _moments(name: str) -> bool:
    return any(word in name.lower() for word in MOMENT_WORDS)


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def _data(title: str, unit: str, t_s: list[float], values: list[float | None], ends: tuple[float, float] | None) -> dict[str, object]:
    data: dict[str, object] = {"n": title, "u": unit, "d": _decimals(ends, unit), "v": [_rounded(v) for v in values]}
    steps = [b - a for a, b in zip(t_s, t_s[1:], strict=False)]
    if (
        steps
        and max(steps) - min(steps) < 2e-3
        and max(abs(t_s[0] + i * (t_s[-1] - t_s[0]) / len(steps) - t) for i, t in enumerate(t_s)) < 5e-3
    ):
        data |= {"t0": round(t_s[0], 4), "dt": round((t_s[-1] - t_s[0]) / len(steps), 6)}
    else:
        data["t"] = [round(t, 3) for t in t_s]
    return data


def _runs(t_s: list[float], values: list[float | None]) -> list[list[tuple[float, float]]]:
    """Stretches without a hole."""
    steps = [b - a for a, b in zip(t_s, t_s[1:], strict=False)]
    gap = max(GAP_MIN_S, GAP_STEPS * median(steps)) if steps else math.inf
    runs: list[list[tuple[float, float]]] = []
    last: float | None = None
    for t, v in zip(t_s, values, strict=True):
        if v is None or not math.isfinite(v):
            last = None
            continue
        if last is None or t - last > gap:
            runs.append([])
        runs[-1].append((t, v))
        last = t
    return runs


def curve(series: Series, duration_s: float, bounds: tuple[float, float] | None = None) -> Curve:
    """Draw one series; `bounds` are the axis' ends where it shares its axis with others."""
    t_s, values = thin_out(series.t_s, series.values)
    ends = bounds or limits([series])
    known = [v for v in series.values if v is not None and math.isfinite(v)]
    stem, _, number = clean(series.name).partition(".")  # one curve of several: gaze_yaw.0 of the first face
    title = key_title(stem) + (f" {int(number) + 1}" if number.isdigit() else "")
    unit = "" if series.unit in PURE else clean(series.unit)
    path: list[str] = []
    area: list[str] = []
    mirror: list[str] = []
    if ends is not None and duration_s > 0:
        low, high = ends
        ground = _y(0.0, low, high) if low < 0 < high and unit not in LEVEL_UNITS else HEIGHT  # figures with a sign stand on zero
        for run in _runs(t_s, values):
            xy = [(_x(t, duration_s), _y(v, low, high)) for t, v in run]
            if _moments(series.name):
                path += [f"M{x:g} {HEIGHT}V{min(y, HEIGHT - LEAST_STEM):g}" for x, y in xy]
                continue
            if len(xy) == 1:  # a lone value is a dot, not nothing
                xy.append((min(WIDTH, xy[0][0] + WIDTH // 600), xy[0][1]))
            line = " ".join(f"{x} {y:g}" for x, y in xy)
            path.append(f"M{line}")
            half = [(x, round(max(0.4, (HEIGHT - 4 - y) / 2), 1)) for x, y in xy]
            around = [f"{x} {50 - h:g}" for x, h in half] + [f"{x} {50 + h:g}" for x, h in reversed(half)]
            mirror.append(f"M{' '.join(around)}Z")
            area.append(f"M{xy[0][0]} {ground:g} {line} {xy[-1][0]} {ground:g}Z")
    return Curve(
        name=series.name,
        title=title,
        unit=unit,
        path="".join(path),
        area="".join(area),
        mirror="".join(mirror),
        low=None if ends is None else ends[0],
        high=None if ends is None else ends[1],
        words_low=words(min(known), unit, ends) if ends and known else "",
        words_high=words(max(known), unit, ends) if ends and known else "",
        data=_data(title, unit, t_s, values, ends),
        measured=len(known),
        stems=_moments(series.name),
    )


# Steps of the waveform drawn at most: of a longer clip the largest peak of neighbours stands for them.
MAX_STEPS = 3000
LEAST_HALF = 0.6  # units of height: where something is heard at all there is a line


@dataclass(frozen=True, slots=True)
class Waveform:
    """The sound as an editor's timeline draws it: amplitude up and down from the middle, full scale at the edges.

    Attributes:
        path: Filled SVG path in a view box of WIDTH x 100, one step for each value; broken in digital silence.
        clips: Path of the stretches at full scale; "" where none is.
        data: As of a `Curve`. clipped: How many stretches there are. words_high: The largest peak, as words.
    """

    path: str
    clips: str
    data: dict[str, object]
    clipped: int
    words_high: str


def waveform(series: Series, duration_s: float, clipping: Sequence[tuple[float, float]] = ()) -> Waveform | None:
    """Draw peaks (dBFS, null in digital silence) as a waveform; None where nothing was measured. clipping: stretches (s)."""
    known = [v for v in series.values if v is not None and math.isfinite(v)]
    if not known or duration_s <= 0:
        return None
    t_s, values = series.t_s, series.values
    step = median(b - a for a, b in zip(t_s, t_s[1:], strict=False)) if len(t_s) > 1 else 0.1
    size = max(1, math.ceil(len(values) / MAX_STEPS))
    halves: list[tuple[float, float, float]] = []  # begin and end (s), half the height
    for i in range(0, len(values), size):
        loud = [v for v in values[i : i + size] if v is not None and math.isfinite(v)]
        if loud:
            last = min(len(values), i + size) - 1
            halves.append((t_s[i] - step / 2, t_s[last] + step / 2, max(LEAST_HALF, 50 * min(1.0, 10 ** (max(loud) / 20)))))
    path: list[str] = []
    run: list[tuple[float, float, float]] = []
    for piece in halves:
        if run and piece[0] - run[-1][1] > step / 2:
            path.append(_mirrored(run, duration_s))
            run = []
        run.append(piece)
    path.append(_mirrored(run, duration_s))
    edges = [(_x(a, duration_s), _x(b, duration_s)) for a, b in clipping]
    clips = "".join(f"M{a:g} 0H{max(b, a + 2):g}V100H{a:g}Z" for a, b in edges)
    kept_t, kept = thin_out(t_s, values)
    ends = (max(known) - LEVEL_SPAN_DB, max(known))
    data = _data("Waveform", clean(series.unit), kept_t, kept, ends)
    return Waveform("".join(path), clips, data, len(clipping), words(max(known), "dBFS", ends))


def _mirrored(run: list[tuple[float, float, float]], duration_s: float) -> str:
    """A closed path of steps: along the upper edge and back along the lower."""
    there = [f"V{50 - h:.1f}H{_x(b, duration_s):g}" for _, b, h in run]
    back = [f"V{50 + h:.1f}H{_x(a, duration_s):g}" for a, _, h in reversed(run)]
    return f"M{_x(run[0][0], duration_s):g} 50{''.join(there)}{''.join(back)}Z"


def _x(t_s: float, duration_s: float) -> float:
    at = min(1.0, max(0.0, t_s / duration_s)) * WIDTH
    return round(at) if duration_s <= WHOLE_UNITS_S else round(at, 1 if duration_s <= 10 * WHOLE_UNITS_S else 2)


def _y(value: float, low: float, high: float) -> float:
    share = (min(high, max(low, value)) - low) / (high - low)
    return round(HEIGHT - 4 - share * (HEIGHT - 8), 1)  # 4 units of air, so that a line at its limit is not cut in half
