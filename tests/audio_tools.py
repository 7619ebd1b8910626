"""Sound for tests: an AudioTrack made from arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from reelscope.media.audio import MONO_RATE_HZ, AudioTrack

__all__ = ["make_track"]

LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}


def make_track(folder: Path, samples: np.ndarray, rate_hz: int, *, layout: str | None = None, name: str = "sound") -> AudioTrack:
    """Write float [n] or [n, channels] as the two raw float32 files of an AudioTrack in `folder`."""
    import soxr

    data = np.asarray(samples, np.float32)
    data = data[:, None] if data.ndim == 1 else data
    mono = data.mean(axis=1, dtype=np.float32) if len(data) else np.zeros(0, np.float32)
    if rate_hz != MONO_RATE_HZ and len(mono):
        mono = soxr.resample(mono, rate_hz, MONO_RATE_HZ).astype(np.float32)
    path, mono_path = folder / f"{name}.f32", folder / f"{name}.16k.f32"
    np.ascontiguousarray(data).tofile(path)
    mono.tofile(mono_path)
    channels = data.shape[1]
    return AudioTrack(path, mono_path, rate_hz, channels, layout or LAYOUTS.get(channels, f"{channels}c"), len(data), len(mono))
