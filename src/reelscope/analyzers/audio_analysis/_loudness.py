"""Loudness after EBU R 128 / ITU-R BS.1770-4 through FFmpeg's `ebur128` filter, fed with the original channels as float."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.filter import Graph

__all__ = ["Loudness", "Reading", "measure_loudness", "measure_true_peak", "summarise"]

STEP_S = 0.1  # the filter reports every 100 ms
MOMENTARY_S = 0.4  # window of momentary loudness, the gating block of BS.1770-4
SHORT_TERM_S = 3.0  # window of short-term loudness, EBU Tech 3341
ABSOLUTE_GATE_LUFS = -70.0  # BS.1770-4: quieter blocks do not count; the filter says exactly this where none did
SHORT_TERM_EVERY = 5  # short-term values kept: one in five of the filter's (two a second)
FLOOR_LUFS = -120.0  # readings below are the filter's numeric zero, not a level
FINE_PEAK = 0.25  # the filter writes peaks with 3 decimals: from here up that is within 0.02 dB

# Layouts by count for streams that name none; FFmpeg would take "4 channels" as unknown and weigh it as front channels anyway.
DEFAULT_LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}


@dataclass(frozen=True, slots=True)
class Reading:
    """What the filter says at one step; `t_s` is the end of the windows that it describes."""

    t_s: float
    momentary_lufs: float
    short_term_lufs: float
    integrated_lufs: float
    range_lu: float


@dataclass(frozen=True, slots=True)
class Loudness:
    """Loudness of a clip; `reasons` says for every None of the first four fields why.

    Attributes:
        momentary: (t_s, LUFS or None) every 100 ms; t_s is the middle of the 400 ms window.
        short_term: The same every 500 ms; the middle of the 3 s window.
    """

    integrated_lufs: float | None
    range_lu: float | None
    momentary_max_lufs: float | None
    short_term_max_lufs: float | None
    momentary: tuple[tuple[float, float | None], ...]
    short_term: tuple[tuple[float, float | None], ...]
    reasons: dict[str, str]


def known_layout(layout: str, channels: int) -> str:
    """A layout name that FFmpeg's filters take for this many channels."""
    try:
        if av.AudioLayout(layout).nb_channels == channels and "channels" not in layout:
            return layout
    except (ValueError, av.error.FFmpegError):
        pass
    return DEFAULT_LAYOUTS.get(channels, f"{channels}c")


def _metered(blocks: Iterable[np.ndarray], rate_hz: int, layout: str, options: str) -> Iterator[dict[str, str]]:
    """Feed float32 [n, channels] blocks through the filter, yield the metadata of every full 100 ms step."""
    graph: Any = Graph()
    source = graph.add("abuffer", f"sample_rate={rate_hz}:sample_fmt=flt:channel_layout={layout}:time_base=1/{rate_hz}")
    meter = graph.add("ebur128", f"metadata=1:framelog=quiet:{options}")
    sink = graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()

    def drain() -> Iterator[dict[str, str]]:
        while True:
            try:
                metadata = sink.pull().metadata
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            if metadata:  # the last, shorter step carries none
                yield metadata

    pts = 0
    for block in blocks:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block, np.float32).reshape(1, -1), format="flt", layout=layout)
        frame.rate, frame.pts, frame.time_base = rate_hz, pts, Fraction(1, rate_hz)
        pts += len(block)
        source.push(frame)
        yield from drain()
    source.push(None)
    yield from drain()


def measure_loudness(blocks: Iterable[np.ndarray], rate_hz: int, layout: str) -> Loudness:
    """Loudness of float32 [n, channels] blocks that follow each other."""
    readings = []
    seconds = 0.0

    def counted() -> Iterator[np.ndarray]:
        nonlocal seconds
        for block in blocks:
            seconds += len(block) / rate_hz
            yield block

    for i, data in enumerate(_metered(counted(), rate_hz, layout, "peak=none")):
        values = (float(data.get(f"lavfi.r128.{key}", "nan")) for key in ("M", "S", "I", "LRA"))
        readings.append(Reading((i + 1) * STEP_S, *values))
    return summarise(readings, seconds)


def summarise(readings: list[Reading], duration_s: float) -> Loudness:
    """Turn the filter's readings into figures, with None where the standard's windows do not fit or nothing passes the gate."""

    def series(window_s: float, key: str, every: int) -> tuple[tuple[float, float | None], ...]:
        full = [r for r in readings if r.t_s > window_s - STEP_S / 2][::every]
        return tuple((r.t_s - window_s / 2, _level(getattr(r, key))) for r in full)

    reasons: dict[str, str] = {}
    momentary = series(MOMENTARY_S, "momentary_lufs", 1)
    short_term = series(SHORT_TERM_S, "short_term_lufs", 1)
    integrated = span = None
    short = f"the sound lasts {duration_s:.2f} s, shorter than one"
    if not momentary:
        reasons["integrated_lufs"] = reasons["max_momentary_lufs"] = f"{short} 0.4 s gating block"
    elif all(v is None or v < ABSOLUTE_GATE_LUFS for _, v in momentary):
        reasons["integrated_lufs"] = "no 0.4 s of the sound is louder than the absolute gate of -70 LUFS"
    else:
        integrated = readings[-1].integrated_lufs
    if not short_term:
        reasons["loudness_range_lu"] = reasons["max_short_term_lufs"] = f"{short} 3 s window"
    elif all(v is None or v < ABSOLUTE_GATE_LUFS for _, v in short_term):
        reasons["loudness_range_lu"] = "no 3 s of the sound are louder than the absolute gate of -70 LUFS"
    else:
        span = readings[-1].range_lu
    tops = {}
    for name, values in (("max_momentary_lufs", momentary), ("max_short_term_lufs", short_term)):
        tops[name] = max((v for _, v in values if v is not None), default=None)
        if tops[name] is None:
            reasons.setdefault(name, "digital silence")
    return Loudness(
        integrated, span, tops["max_momentary_lufs"], tops["max_short_term_lufs"], momentary, short_term[::SHORT_TERM_EVERY], reasons
    )


def _level(lufs: float) -> float | None:
    return lufs if math.isfinite(lufs) and lufs > FLOOR_LUFS else None


def measure_true_peak(blocks: Iterable[np.ndarray], rate_hz: int, layout: str, sample_peak: float, frames: int) -> float | None:
    """True peak in dBTP (4x oversampling or more, BS.1770-4 annex 2) over all channels; None for digital silence.

    The filter writes peaks with 3 decimals, too coarse for quiet sound, so that is scaled by a power of two first (exact in float).
    Its last step reports nothing where it is shorter than 100 ms: zeros before the sound make the steps come out even (after it they
    would add an edge, which rings).

    Args:
        blocks: float32 [n, channels].
        sample_peak: Largest absolute sample, full scale 1.0.
        frames: Number of samples per channel in all blocks.
    """
    if sample_peak <= 0 or not frames:
        return None
    gain = 2.0 ** math.ceil(math.log2(FINE_PEAK / sample_peak)) if sample_peak < FINE_PEAK else 1.0
    step = max(1, int(rate_hz * STEP_S))

    def scaled() -> Iterator[np.ndarray]:
        first = True
        for block in blocks:
            loud = np.asarray(block, np.float32) * np.float32(gain)
            yield np.concatenate([np.zeros((-frames % step, loud.shape[1]), np.float32), loud]) if first else loud
            first = False

    peak = 0.0
    for data in _metered(scaled(), rate_hz, layout, "peak=true"):
        peak = max(peak, float(data.get("lavfi.r128.true_peak", "0")))
    return 20 * math.log10(max(peak / gain, sample_peak))  # never below the samples, whatever the rounding
