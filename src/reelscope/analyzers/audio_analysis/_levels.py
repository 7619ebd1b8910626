"""Sample peak over all and per 0.1 s, clipping and silence of blocks of samples."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

__all__ = ["Clipping", "LevelMeter", "Silence"]

PEAKS_PER_S = 10  # values of the waveform: as dense as a series of the document may be
STEP_S = 0.02  # grain of silence: edges are good to this
FULL_SCALE = 0.999  # -0.009 dBFS: 32 of 16-bit's 32768 steps below the top, so that dithered and resampled tops still count
CLIP_RUN = 3  # samples in a row at full scale: two can be a peak that just touches, three are a flat top (0.06 ms at 48 kHz)
CLIP_JOIN_S = 0.1  # clipped runs closer than this are one interval
MAX_INTERVALS = 2000  # bounds the document: a clip that clips all the time says so by its share


@dataclass(frozen=True, slots=True)
class Clipping:
    """Neighbouring runs of full-scale samples: samples counts them over all channels."""

    start_s: float
    end_s: float
    runs: int
    samples: int


@dataclass(frozen=True, slots=True)
class Silence:
    """A stretch below the threshold; level_dbfs is its RMS over all channels, None for digital silence."""

    start_s: float
    end_s: float
    level_dbfs: float | None


@dataclass(slots=True)
class LevelMeter:
    """Takes float32 [n, channels] blocks in order; memory grows only with what is found, one power per 20 ms and one peak per 0.1 s.

    Clipping is a run of at least three consecutive samples of one channel at or beyond +-0.999 on the same side. Decoded lossy
    sound overshoots where the original was clipped, so values beyond full scale count as well.
    """

    rate_hz: int
    position: int = 0
    sample_peak: float = 0.0
    square_sum: float = 0.0
    clipped_samples: int = 0
    clipped_runs: int = 0
    clipping: list[Clipping] = field(default_factory=list)
    _peaks: list[float] = field(default_factory=list)  # largest absolute sample of each 0.1 s
    _powers: list[np.ndarray] = field(default_factory=list)
    _rest: np.ndarray | None = None
    _open_runs: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)  # (channel, side) -> (first, length)

    def push(self, block: np.ndarray) -> None:
        """Measure the next block."""
        if not len(block):
            return
        top, bottom = float(block.max()), float(block.min())
        self.sample_peak = max(self.sample_peak, top, -bottom)
        self._push_peaks(block)
        self._push_power(block)
        for side, extreme in ((1, top), (-1, -bottom)):
            for channel in range(block.shape[1]):
                if extreme >= FULL_SCALE:
                    self._push_clipping(block[:, channel], channel, side)
                else:
                    self._end_run((channel, side))
        self.position += len(block)

    def _push_peaks(self, block: np.ndarray) -> None:
        size = np.abs(block).max(axis=1)
        first = self.position * PEAKS_PER_S // self.rate_hz
        last = (self.position + len(block) - 1) * PEAKS_PER_S // self.rate_hz
        begins = -(-np.arange(first, last + 1) * self.rate_hz // PEAKS_PER_S) - self.position  # rounded up: the first sample of each
        found = np.maximum.reduceat(size, np.maximum(begins, 0)).tolist()
        if len(self._peaks) > first:  # begun in the block before
            self._peaks[first] = max(self._peaks[first], found.pop(0))
        self._peaks += found

    def _push_power(self, block: np.ndarray) -> None:
        power = np.einsum("ij,ij->i", block, block, dtype=np.float32) / block.shape[1]
        self.square_sum += float(power.sum(dtype=np.float64))
        if self._rest is not None:
            power = np.concatenate([self._rest, power])
        step = max(1, round(self.rate_hz * STEP_S))
        whole = len(power) // step
        self._powers.append(power[: whole * step].reshape(whole, step).mean(axis=1))
        self._rest = power[whole * step :].copy()

    def _push_clipping(self, samples: np.ndarray, channel: int, side: int) -> None:
        key = (channel, side)
        at = np.flatnonzero(samples >= FULL_SCALE if side > 0 else samples <= -FULL_SCALE)
        if not len(at) or at[0] != 0:
            self._end_run(key)
        if not len(at):
            return
        breaks = np.flatnonzero(np.diff(at) > 1) + 1
        firsts = at[np.concatenate([[0], breaks])]
        lasts = at[np.concatenate([breaks - 1, [len(at) - 1]])]
        for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
            begun, length = self._open_runs.pop(key, (self.position + first, 0))
            self._open_runs[key] = (begun, length + last - first + 1)
            if last < len(samples) - 1:
                self._end_run(key)

    def _end_run(self, key: tuple[int, int]) -> None:
        first, length = self._open_runs.pop(key, (0, 0))
        if length < CLIP_RUN:
            return
        self.clipped_runs += 1
        self.clipped_samples += length
        self.clipping.append(Clipping(first / self.rate_hz, (first + length) / self.rate_hz, 1, length))
        if len(self.clipping) > 2 * MAX_INTERVALS:
            self.clipping = _join(self.clipping)

    def finish(self) -> None:
        """Close what is open at the end of the sound."""
        for key in list(self._open_runs):
            self._end_run(key)
        if self._rest is not None and len(self._rest):
            self._powers.append(self._rest.mean(keepdims=True))
            self._rest = None
        self.clipping = _join(self.clipping)

    def sample_peak_dbfs(self) -> float | None:
        """Largest absolute sample; None for digital silence."""
        return 20 * math.log10(self.sample_peak) if self.sample_peak > 0 else None

    def peaks(self) -> tuple[list[float], list[float | None]]:
        """The waveform: middle (s) and largest absolute sample of all channels (dBFS; None for digital silence) of each 0.1 s.

        A last piece of less than half of that belongs to the one before it, so that values never lie closer than documented.
        """
        values = list(self._peaks)
        begin_s, end_s = (len(values) - 1) / PEAKS_PER_S, self.position / self.rate_hz
        t_s = [(i + 0.5) / PEAKS_PER_S for i in range(len(values))]
        if len(values) > 1 and end_s - begin_s < 0.5 / PEAKS_PER_S:
            last = values.pop()
            values[-1] = max(values[-1], last)
            t_s.pop()
        elif values:
            t_s[-1] = (begin_s + min(end_s, len(values) / PEAKS_PER_S)) / 2
        return t_s, [20 * math.log10(v) if v > 0 else None for v in values]

    def rms_dbfs(self) -> float | None:
        """RMS over all channels; a full-scale sine reads -3.01; None for digital silence."""
        return _db(self.square_sum / self.position) if self.position else None

    def silences(self, threshold_dbfs: float, minimum_s: float) -> list[Silence]:
        """Stretches of at least `minimum_s` whose every 20 ms lie below the threshold."""
        power = np.concatenate(self._powers) if self._powers else np.zeros(0, np.float32)
        quiet = np.concatenate([[0], (power < 10 ** (threshold_dbfs / 10)).astype(np.int8), [0]])
        edges = np.flatnonzero(np.diff(quiet))
        step_s = max(1, round(self.rate_hz * STEP_S)) / self.rate_hz
        end_s = self.position / self.rate_hz
        out = []
        for first, after in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            start, end = first * step_s, min(after * step_s, end_s)
            if end - start >= minimum_s - 1e-9:
                out.append(Silence(start, end, _db(float(power[first:after].mean(dtype=np.float64)))))
        return out


def _join(found: list[Clipping]) -> list[Clipping]:
    out: list[Clipping] = []
    for item in sorted(found, key=lambda c: c.start_s):
        if out and item.start_s - out[-1].end_s <= CLIP_JOIN_S:
            last = out[-1]
            out[-1] = Clipping(last.start_s, max(last.end_s, item.end_s), last.runs + item.runs, last.samples + item.samples)
        else:
            out.append(item)
    return out


def _db(power: float) -> float | None:
    return 10 * math.log10(power) if power > 0 else None
