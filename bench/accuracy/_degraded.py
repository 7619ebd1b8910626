"""Degraded versions of footage, written as clips: blur, noise, over-exposure, heavy re-compression, in three strengths each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from reelscope.media.encode import ClipWriter

__all__ = ["STRENGTHS", "excerpt", "write_excerpt", "write_version"]

STRENGTHS: dict[str, tuple[float, ...]] = {
    "blur": (1.0, 2.0, 4.0),  # sigma in px at a short side of 720, never below 0.7 px of the clip
    "noise": (4.0, 8.0, 16.0),  # sigma in levels, each channel by itself
    "over": (0.7, 1.3, 2.0),  # stops, in linear light
    "recompress": (32.0, 38.0, 44.0),  # CRF of x264
}
LOSSLESS = {"qp": "0"}
NOISE_CRF = 18  # noise is compressed as a phone would; the other versions are lossless, so that only the degradation itself differs


def excerpt(path: Path, start_s: float, duration_s: float, *, step: int = 1) -> tuple[Fraction, list[np.ndarray]]:
    """Frame rate and every `step`-th frame (uint8 [h, w, 3], sides made even) of a stretch of a clip."""
    import av

    frames = []
    count = 0
    with av.open(str(path)) as container:
        rate = container.streams.video[0].average_rate or Fraction(30)
        for frame in container.decode(video=0):
            if frame.time is None or frame.time < start_s:
                continue
            if frame.time >= start_s + duration_s:
                break
            count += 1
            if (count - 1) % step:
                continue
            rgb = frame.to_ndarray(format="rgb24")
            frames.append(np.ascontiguousarray(rgb[: rgb.shape[0] // 2 * 2, : rgb.shape[1] // 2 * 2]))
    return Fraction(rate) / step, frames


def write_excerpt(path: Path, rate: Fraction, frames: list[np.ndarray]) -> Path:
    """The excerpt itself, lossless (but for the way through YUV 4:2:0)."""
    return _write(path, rate, frames, lambda rgb: rgb, crf=0, options=LOSSLESS)


def write_version(path: Path, rate: Fraction, frames: list[np.ndarray], *, kind: str, strength: float, seed: int) -> Path:
    """A degraded version of the excerpt; `kind` and `strength` as in STRENGTHS."""
    if kind == "recompress":
        return _write(path, rate, frames, lambda rgb: rgb, crf=int(strength), options={})
    if kind == "noise":
        rng = np.random.default_rng(seed)

        def noisy(rgb: np.ndarray) -> np.ndarray:
            return (rgb + rng.normal(0.0, strength, rgb.shape)).round().clip(0, 255).astype(np.uint8)

        return _write(path, rate, frames, noisy, crf=NOISE_CRF, options={})
    if kind == "over":
        level = np.arange(256) / 255.0
        linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4) * 2.0**strength
        linear = linear.clip(0.0, 1.0)
        table = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
        curve = np.rint(table * 255.0).astype(np.uint8)
        return _write(path, rate, frames, lambda rgb: curve[rgb], crf=0, options=LOSSLESS)
    import cv2

    sigma = max(0.7, strength * min(frames[0].shape[:2]) / 720.0)
    return _write(path, rate, frames, lambda rgb: cv2.GaussianBlur(rgb, (0, 0), sigma), crf=0, options=LOSSLESS)


def _write(
    path: Path, rate: Fraction, frames: list[np.ndarray], change: Callable[[np.ndarray], np.ndarray], *, crf: int, options: dict[str, str]
) -> Path:
    height, width = frames[0].shape[:2]
    with ClipWriter(path, width, height, fps=rate, crf=crf, options=options) as clip:
        for rgb in _changed(frames, change):
            clip.frame(rgb)
    return path


def _changed(frames: list[np.ndarray], change: Callable[[np.ndarray], np.ndarray]) -> Iterator[np.ndarray]:
    for rgb in frames:
        yield change(rgb)
