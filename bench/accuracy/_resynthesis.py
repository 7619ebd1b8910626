"""The same voice spoken otherwise: pitch range, rate and gain of a recording changed, its timbre kept.

TD-PSOLA (F. Charpentier, M. Stella, "Diphone synthesis using an overlap-add technique for speech waveforms", ICASSP 1986): two periods of
the sound around each glottal pulse are laid out anew, closer or further apart for the pitch, left out or repeated for the rate.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["respoken"]

RATE_HZ = 16_000
UNVOICED = 128  # samples between the marks of what has no pitch: 8 ms
VOICED = 0.5
SEARCH = 0.3  # of a period: how far a mark is moved to the nearest pulse

Detect = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]


def respoken(samples: np.ndarray, detect: Detect, *, pitch_range: float = 1.0, rate: float = 1.0, gain_db: float = 0.0) -> np.ndarray:
    """float32 [n / rate] of float32 [n] at 16 kHz.

    Args:
        detect: samples -> (t_s, hz, score), as speech_flow's pitch network; voiced from 0.5.
        pitch_range: Semitones around the median are multiplied by it. rate: above 1 it is faster. gain_db: of the whole.
    """
    t_s, hz, score = detect(samples)
    voiced = score >= VOICED
    marks, periods, tones = _marks(samples, t_s, hz, voiced)
    centre = np.exp(np.median(np.log(hz[voiced]))) if voiced.any() else 1.0
    length = round(len(samples) / rate)
    out, weight = np.zeros(length + 4 * RATE_HZ // 50), np.zeros(length + 4 * RATE_HZ // 50)
    at = float(marks[0])
    while at < length:
        i = int(np.argmin(np.abs(marks - at * rate)))
        grain = np.hanning(2 * periods[i] + 1)
        low, start = marks[i] - periods[i], round(at) - periods[i]
        skip = max(0, -low, -start)
        part = samples[low + skip : marks[i] + periods[i] + 1]
        grain = grain[skip : skip + len(part)]
        out[start + skip : start + skip + len(part)] += part * grain
        weight[start + skip : start + skip + len(part)] += grain
        wanted = centre * (hz_of / centre) ** pitch_range if (hz_of := tones[i]) else RATE_HZ / UNVOICED
        at += RATE_HZ / wanted
    made = out[:length] / np.maximum(weight[:length], 0.5)  # where periods are laid closer their windows add up
    return (made * 10 ** (gain_db / 20)).astype(np.float32)


def _marks(samples: np.ndarray, t_s: np.ndarray, hz: np.ndarray, voiced: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """Pulses: sample, period in samples and pitch (0 where unvoiced) of each."""
    marks, periods, tones = [], [], []
    smooth = np.convolve(samples, np.hanning(18)[1:-1] / 8.5, "same")  # the pulse, not its formants
    sign = 1 if abs(smooth.max()) >= abs(smooth.min()) else -1
    at = float(UNVOICED)
    while at < len(samples) - UNVOICED:
        frame = min(int(at / RATE_HZ / 0.016), len(hz) - 1)
        if voiced[frame]:
            period = RATE_HZ / hz[frame]
            low, high = max(0, round(at - SEARCH * period)), min(len(samples), round(at + SEARCH * period) + 1)
            peak = low + int(np.argmax(sign * smooth[low:high]))
            marks.append(peak)
            periods.append(round(period))
            tones.append(float(hz[frame]))
            at = max(peak, at - 0.2 * period) + period
        else:
            marks.append(round(at))
            periods.append(UNVOICED)
            tones.append(0.0)
            at += UNVOICED
    return np.array(marks), np.array(periods), tones
