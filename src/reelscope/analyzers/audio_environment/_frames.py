"""Short-time spectra of 16 kHz mono in blocks, and in each the lines: spectral peaks that stay at one frequency.

Notes are horizontal lines in a spectrogram, speech glides and noise has peaks that come and go. Counting how long peaks stay was found to
tell music in broadcasts even under speech (Seyerlehner, Pohle, Schedl, Widmer, "Automatic music detection in television productions",
DAFx 2007). Memory: spectra of one block (about 10 MiB), and 200 bytes per frame of the whole sound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy import fft

__all__ = ["FRAME_S", "Frames", "frame_features"]

RATE_HZ = 16_000
SIZE, HOP = 2048, 512  # 128 ms, 7.8 Hz a bin: parts the notes of chords above 130 Hz; 32 ms as the voice activity has
FRAME_S = HOP / RATE_HZ
BLOCK = 625  # frames, 20 s
LEAST_BLOCK = 250  # a shorter rest joins the block before
LOW_BIN, HIGH_BIN = 8, 640  # lines are looked for from 62 Hz to 5 kHz
AROUND = 12  # bins on each side (94 Hz) whose mean level a peak is compared with
PEAK_DB = 6.0  # above that mean
LINES = (6, 12, 24)  # frames that a peak stays within one bin: 0.19 s (a short note; vowels rarely), 0.38 s, 0.77 s (no voice)
MARGIN = 2 * LINES[-1]  # frames beside a block, so that lines are not cut at its edge
HUM_FRAMES, HUM_SHARE, HUM_TOP_HZ = 250, 0.75, 500.0  # a peak that is there for three quarters of 8 s or more is mains hum, not a note
LOUD = 1e-6  # -60 dBFS
LOWEST_HZ, NOTES = 65.406, 81  # lines are counted by semitone, C2 and up
MEL_BANDS, MEL_LOW_HZ, MEL_HIGH_HZ = 20, 60.0, 7500.0
MEL_FLOOR = 1e-8
BEATS = ((0, 5), (5, 12), (12, 20))  # mel bands: up to 450 Hz (kick, bass), to 1.7 kHz, above (hats)
FLAT_BINS = slice(13, 896)  # 100 Hz to 7 kHz


@dataclass(frozen=True, slots=True)
class Frames:
    """One row per frame; frame i is centred at i * 0.032 s.

    Attributes:
        power: Mean square, full scale 1. flux: mean rise of the mel bands in dB. flatness_db: geometric over arithmetic mean of the power.
        beats: float32 [n, 3], rises of the low, middle and high mel bands. lines: float32 [n, 3], peaks in lines of at least 6, 12 and
            24 frames. notes, starts: uint8 [n, 81], whether a semitone holds a line of 6 frames, and whether one begins there.
    """

    power: np.ndarray
    flux: np.ndarray
    flatness_db: np.ndarray
    beats: np.ndarray
    lines: np.ndarray
    notes: np.ndarray
    starts: np.ndarray


def frame_features(samples: np.ndarray) -> Frames:
    """All frames of float32 [n] at 16 kHz (an array or what is sliced like one); what is not a number counts as zero."""
    parts = [_block(*part) for part in _blocks(samples)]
    columns = [np.concatenate([p[k] for p in parts]) for k in range(7)]
    return Frames(*columns)


def _blocks(samples: np.ndarray) -> Iterator[tuple[np.ndarray, int, int]]:
    """Stretches of samples with margins, and which of their frames count: [first, after)."""
    count = len(samples) // HOP + 1
    starts = list(range(0, count, BLOCK))
    if len(starts) > 1 and count - starts[-1] < LEAST_BLOCK:
        starts.pop()
    for start, after in zip(starts, [*starts[1:], count], strict=True):
        low, high = max(0, start - MARGIN), min(count, after + MARGIN)
        first, last = low * HOP - SIZE // 2, (high - 1) * HOP + SIZE // 2  # samples from the first frame's begin to the last one's end
        inside = np.asarray(samples[max(0, first) : min(len(samples), last)], np.float32)
        padded = np.pad(inside, (max(0, -first), max(0, last - len(samples))))
        yield np.nan_to_num(padded, nan=0.0, posinf=0.0, neginf=0.0), start - low, after - low


def _mel() -> np.ndarray:
    hz = np.arange(SIZE // 2 + 1) * RATE_HZ / SIZE
    low, high = (2595 * np.log10(1 + f / 700) for f in (MEL_LOW_HZ, MEL_HIGH_HZ))
    edges = 700 * (10 ** (np.linspace(low, high, MEL_BANDS + 2) / 2595) - 1)
    rising = (hz[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hz[:, None]) / (edges[2:] - edges[1:-1])
    return np.clip(np.minimum(rising, falling), 0, None).astype(np.float32)


def _semitones() -> np.ndarray:
    hz = np.arange(LOW_BIN, HIGH_BIN) * RATE_HZ / SIZE
    note = np.clip(np.round(12 * np.log2(hz / LOWEST_HZ)), 0, NOTES - 1).astype(int)
    out = np.zeros((len(hz), NOTES), np.float32)
    out[np.arange(len(hz)), note] = 1
    return out


WINDOW = np.hanning(SIZE + 1)[:-1].astype(np.float32)
SCALE = np.float32(2 / (np.square(WINDOW, dtype=np.float64).sum() * SIZE))  # power spectrum whose sum is the mean square
MEL = _mel()
SEMITONES = _semitones()


def _block(samples: np.ndarray, first: int, after: int) -> tuple[np.ndarray, ...]:
    spectra = fft.rfft(sliding_window_view(samples, SIZE)[::HOP] * WINDOW, axis=1)
    spectrum = (np.square(spectra.real) + np.square(spectra.imag)) * SCALE
    power = spectrum.sum(axis=1)
    band = spectrum[:, FLAT_BINS] + np.float32(1e-12)
    flatness = (np.log(band).mean(axis=1) - np.log(band.mean(axis=1))) * np.float32(10 / np.log(10))
    mel = 10 * np.log10(spectrum @ MEL + np.float32(MEL_FLOOR))
    rise = np.maximum(np.diff(mel, axis=0, prepend=mel[:1]), 0)
    peaks = _peaks(spectrum)
    near = peaks.copy()
    near[:, 1:] |= peaks[:, :-1]
    near[:, :-1] |= peaks[:, 1:]
    lines = [_lasting(near, length) for length in LINES]
    inside = lines[0] & peaks
    begin = inside.copy()
    begin[1:] &= ~lines[0][:-1]
    rows = slice(first, after)
    return (
        power[rows],
        rise.mean(axis=1)[rows],
        flatness[rows],
        np.stack([rise[:, a:b].mean(axis=1) for a, b in BEATS], axis=1)[rows],
        np.stack([(line & peaks).sum(axis=1) for line in lines], axis=1).astype(np.float32)[rows],
        (inside.astype(np.float32) @ SEMITONES > 0).astype(np.uint8)[rows],
        (begin.astype(np.float32) @ SEMITONES > 0).astype(np.uint8)[rows],
    )


def _peaks(spectrum: np.ndarray) -> np.ndarray:
    """bool [frames, bins]: bins above both neighbours and 6 dB above the mean level around them, hum left out."""
    wide = 10 * np.log10(spectrum[:, : HIGH_BIN + AROUND] + np.float32(1e-11))
    sums = np.cumsum(np.pad(wide, ((0, 0), (AROUND + 1, AROUND)), mode="edge"), axis=1, dtype=np.float32)
    mean = (sums[:, 2 * AROUND + 1 :] - sums[:, : -2 * AROUND - 1]) / (2 * AROUND + 1)
    here = wide[:, LOW_BIN:HIGH_BIN]
    peaks = (here > wide[:, LOW_BIN - 1 : HIGH_BIN - 1]) & (here >= wide[:, LOW_BIN + 1 : HIGH_BIN + 1])
    peaks &= here - mean[:, LOW_BIN:HIGH_BIN] > PEAK_DB
    loud = spectrum.sum(axis=1) > LOUD
    if loud.sum() >= HUM_FRAMES:
        top = int(HUM_TOP_HZ * SIZE / RATE_HZ) - LOW_BIN
        low = peaks[loud, : top + 1]
        near = low.copy()
        near[:, 1:] |= low[:, :-1]
        near[:, :-1] |= low[:, 1:]
        peaks[:, :top] &= ~(near[:, :top].mean(axis=0) > HUM_SHARE)
    return peaks


def _lasting(near: np.ndarray, length: int) -> np.ndarray:
    """Cells of bool [frames, bins] that lie in a run of `length` frames or more: an erosion and a dilation in time."""
    if len(near) < length:
        return np.zeros_like(near)
    kept, done = near.copy(), 1
    while done < length:
        step = min(done, length - done)
        kept[:-step] &= kept[step:].copy()
        kept[-step:] = False
        done += step
    done = 1
    while done < length:
        step = min(done, length - done)
        kept[step:] |= kept[:-step].copy()
        done += step
    return kept
