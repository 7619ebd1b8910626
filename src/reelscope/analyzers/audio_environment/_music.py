"""Is there music: a few figures around every half second, two small logistic regressions on them, and a smoothing over time.

One regression is for where nobody speaks, one for where somebody does: vowels are lines too, so there the quietest quarter of the frames
counts, the gaps between the syllables, and lines longer than any vowel. Coefficients: docs/analyzers/audio_environment.md says on what they
were fitted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reelscope.analyzers.audio_environment._frames import FRAME_S, Frames
from reelscope.timebase import Interval

__all__ = ["QUIET_FEATURES", "SPOKEN_FEATURES", "Music", "find_music", "windows"]

HOP = 16  # frames: 0.512 s
NEAR, MID, FAR = 47, 94, 156  # frames on each side: 3 s, 6 s and 10 s in all
VOICED = 0.3  # voice probability from which a frame is somebody's; below the threshold of phrases, so that their edges count as well
AFTER_VOICE = 3  # frames beside it that are reverberation or a consonant
SPOKEN = 0.3  # share of such frames within 3 s from which the second regression answers
QUIETEST = 25  # per cent
LAGS = slice(6, 64)  # frames: beats 0.19 to 2 s apart
SOFT = 1e-10
UNHEARD_DB = -58.0  # RMS of a second below which nothing is judged: 8 dB below what counts as silence
NO_MUSIC = -6.0  # log-odds given there
# Smoothing: neighbouring windows overlap, so each counts half; a change must be worth 3 in log-odds (about a second of certainty), so that
# single windows neither make nor break a stretch of music.
WEIGHT, CHANGE = 0.5, 3.0

# Name, mean, standard deviation and coefficient (per standard deviation) of each figure; then the intercept.
QUIET_FEATURES: tuple[tuple[str, float, float, float], ...] = (
    ("gap_lines", 1.772, 1.154, 1.314),
    ("starts", 24.63, 16.82, 1.603),
    ("notes_10", 0.3661, 0.279, 0.337),
    ("flux", 0.7915, 0.4463, 0.530),
    ("pulse", 0.3562, 0.1662, 0.882),
    ("flatness", -18.82, 8.33, -0.335),
)
QUIET_INTERCEPT = 0.511
SPOKEN_FEATURES: tuple[tuple[str, float, float, float], ...] = (
    ("gap_lines_12", 4.056, 5.38, 2.475),
    ("gap_lines_24", 1.774, 3.124, -1.956),
    ("lines_12", 0.4231, 1.431, 0.338),
    ("pulse", 0.2652, 0.09496, 0.272),
    ("gap_notes_5", 0.5155, 0.3012, 0.821),
    ("starts", 23.69, 14.18, 0.155),
)
SPOKEN_INTERCEPT = 0.094


@dataclass(frozen=True, slots=True)
class Music:
    """What was found.

    Attributes:
        t_s: Middle of each window; probability: of music there, by the regression, before smoothing; intervals: after it.
    """

    t_s: np.ndarray
    probability: np.ndarray
    intervals: tuple[Interval, ...]

    def mean_probability(self, start_s: float, end_s: float) -> float | None:
        """Mean over the windows in [start_s, end_s), or the nearest one; None without windows."""
        if not len(self.t_s):
            return None
        inside = self.probability[(self.t_s >= start_s) & (self.t_s < end_s)]
        if not len(inside):
            inside = self.probability[[np.argmin(np.abs(self.t_s - (start_s + end_s) / 2))]]
        return float(inside.mean())


def find_music(frames: Frames, voice: np.ndarray, duration_s: float) -> Music:
    """Stretches of music.

    Args:
        voice: float32 [n], probability per 32 ms that somebody speaks (feature `voice`).
    """
    t_s, figures, spoken, level_db = windows(frames, voice)
    odds = np.where(spoken, _odds(figures, SPOKEN_FEATURES, SPOKEN_INTERCEPT), _odds(figures, QUIET_FEATURES, QUIET_INTERCEPT))
    odds = np.where(level_db < UNHEARD_DB, NO_MUSIC / WEIGHT, odds)
    probability = 1 / (1 + np.exp(-np.clip(odds, -50, 50)))
    half = HOP * FRAME_S / 2
    found: list[Interval] = []
    for t, music in zip(t_s.tolist(), smooth(WEIGHT * odds), strict=True):
        if music:
            start = 0.0 if t <= 2 * half else t - half
            end = duration_s if t >= float(t_s[-1]) - 1e-9 else t + half
            found = [*found[:-1], (found[-1][0], end)] if found and start - found[-1][1] < half else [*found, (start, end)]
    return Music(t_s, probability, tuple((a, min(b, duration_s)) for a, b in found))


def smooth(odds: np.ndarray) -> list[bool]:
    """The most likely sequence of two states with log-odds `odds` [n], where each change costs CHANGE (Viterbi)."""
    scores = [0.0, 0.0]
    back: list[tuple[int, int]] = []
    for value in odds.tolist():
        came = tuple(k if scores[k] >= scores[1 - k] - CHANGE else 1 - k for k in (0, 1))
        best = [max(scores[k], scores[1 - k] - CHANGE) for k in (0, 1)]
        scores = [best[0] - value / 2, best[1] + value / 2]
        back.append((came[0], came[1]))
    state = int(scores[1] > scores[0])
    out: list[bool] = []
    for came in reversed(back):
        out.append(bool(state))
        state = came[state]
    return out[::-1]


def _odds(figures: dict[str, np.ndarray], features: tuple[tuple[str, float, float, float], ...], intercept: float) -> np.ndarray:
    total = intercept + sum(weight * (figures[name] - mean) / spread for name, mean, spread, weight in features)
    return np.asarray(total, np.float64)


def windows(frames: Frames, voice: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Figures of every window: middles in seconds, name -> float64 [windows], whether somebody speaks, RMS of its second in dBFS.

    Of the frames within 1.5 s (`near`) unless said otherwise:
        gap_lines, gap_lines_12, gap_lines_24: mean number of lines of at least 6, 12 and 24 frames in the quietest quarter of the frames;
        the first as log(0.3 + n). lines_12: log(0.1 + mean number in all frames). notes_5, notes_10: share of the frames in which a
        semitone holds a line, mean of the five semitones with the most and of the next five; gap_notes_5: in the quietest quarter.
        starts: lines that begin per second, one a semitone and frame, within 3 s. flux, flux_spread: mean and standard deviation.
        flatness: mean. pulse: largest autocorrelation of the rises at 0.19 to 2 s within 5 s, best of the three bands.
    """
    count = len(frames.power)
    centres = np.arange(HOP - 1, count, HOP) if count >= 2 * HOP else np.array([count // 2])
    voiced = _voiced(voice, count)
    level = 10 * np.log10(frames.power + SOFT)
    rows = [_window(frames, level, int(c), count) for c in centres]
    figures = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    spoken = np.array([voiced[max(0, c - NEAR) : c + NEAR].mean() for c in centres]) >= SPOKEN
    second = np.array([10 * np.log10(frames.power[max(0, c - HOP) : c + HOP].mean() + SOFT) for c in centres])
    return centres * FRAME_S, figures, spoken, second


def _voiced(voice: np.ndarray, count: int) -> np.ndarray:
    """bool [count]: frames in which somebody speaks, with those beside them; a frame lies over two of the voice's."""
    own = np.zeros(count, bool)
    inside = np.asarray(voice[:count]) > VOICED
    own[: len(inside)] = inside
    own[1:] |= own[:-1].copy()
    out = own.copy()
    for k in range(1, AFTER_VOICE + 1):
        out[k:] |= own[:-k]
        out[:-k] |= own[k:]
    return out


def _window(frames: Frames, level: np.ndarray, centre: int, count: int) -> dict[str, float]:
    near, mid, far = (slice(max(0, centre - k), min(count, centre + k)) for k in (NEAR, MID, FAR))
    here = level[near]
    gaps = here <= np.percentile(here, QUIETEST)
    lines = frames.lines[near]
    in_gaps = lines[gaps].mean(axis=0)
    notes = np.sort(frames.notes[near].mean(axis=0))
    flux = frames.flux[near]
    return {
        "gap_lines": float(np.log(in_gaps[0] + 0.3)),
        "gap_lines_12": float(in_gaps[1]),
        "gap_lines_24": float(in_gaps[2]),
        "lines_12": float(np.log(lines[:, 1].mean() + 0.1)),
        "notes_5": float(notes[-5:].mean()),
        "notes_10": float(notes[-10:-5].mean()),
        "gap_notes_5": float(np.sort(frames.notes[near][gaps].mean(axis=0))[-5:].mean()),
        "starts": float(frames.starts[mid].mean(axis=0).sum() / FRAME_S),
        "flux": float(flux.mean()),
        "flux_spread": float(flux.std()),
        "flatness": float(frames.flatness_db[near].mean()),
        "pulse": _pulse(frames.beats[far]),
    }


def _pulse(beats: np.ndarray) -> float:
    """Largest normalised autocorrelation of rises float32 [n, 3] at the lags of beats; 0 where nothing rises."""
    rises = beats - beats.mean(axis=0)
    spectra = np.fft.rfft(rises, 1024, axis=0)
    own = np.fft.irfft(np.square(np.abs(spectra)), axis=0)[: LAGS.stop]
    return float((own[LAGS] / (own[0] + 1e-9)).max(initial=0.0))
