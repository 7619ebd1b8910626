"""Recipes of synthetic clips whose truth is known from how they are made."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from reelscope.document.schema import MediaInfo
from reelscope.media.encode import ClipWriter

__all__ = ["RATE_HZ", "colour_frames", "moving_frames", "picture_facts", "remux", "tone", "write_clip", "write_wav"]

RATE_HZ = 48_000


def moving_frames(n: int, *, width: int = 160, height: int = 120, seed: int = 0) -> list[np.ndarray]:
    """`n` different frames: a textured picture that shifts by a pixel each time; rgb24 [h, w, 3]."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (height // 8 + 2, (width + n) // 8 + 2, 3), np.uint8)
    big = np.kron(small, np.ones((8, 8, 1), np.uint8))
    return [np.ascontiguousarray(big[:height, i : i + width]) for i in range(n)]


def colour_frames(colours: Iterable[tuple[int, int, int]], *, each: int, width: int = 64, height: int = 48) -> list[np.ndarray]:
    """Flat frames, `each` of every colour."""
    return [np.full((height, width, 3), c, np.uint8) for c in colours for _ in range(each)]


def tone(seconds: float, *, hz: float = 440.0, level: float = 0.25, channels: int = 1) -> np.ndarray:
    """A sine: float32 [n, channels] at RATE_HZ."""
    wave = (level * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)).astype(np.float32)
    return np.repeat(wave[:, None], channels, 1)


def write_clip(
    path: Path,
    frames: Iterable[np.ndarray],
    *,
    fps: float | Fraction = 30,
    times: Iterable[float] | None = None,
    sound: np.ndarray | None = None,
    **writer: Any,
) -> Path:
    """Encode frames (and sound) to `path`; `times` gives each frame's seconds for a variable rate."""
    frames, times = list(frames), None if times is None else list(times)
    height, width = frames[0].shape[:2]
    if sound is not None:
        writer |= {"audio_rate_hz": RATE_HZ, "channels": sound.shape[1]}
    with ClipWriter(path, width, height, fps=fps, **writer) as clip:
        for i, frame in enumerate(frames):
            clip.frame(frame, pts_s=None if times is None else times[i])
        if sound is not None:
            clip.audio(sound)
    return path


def write_wav(path: Path, seconds: float = 1.0) -> Path:
    """A tone as 16-bit PCM, written by hand: the same bytes everywhere."""
    samples = (tone(seconds)[:, 0] * 32767).astype("<i2").tobytes()
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE_HZ, 2 * RATE_HZ, 2, 16)
    head = struct.pack("<4sI4s", b"RIFF", 36 + len(samples), b"WAVE")
    path.write_bytes(head + form + struct.pack("<4sI", b"data", len(samples)) + samples)
    return path


def remux(source: Path, target: Path, *, video_offset_s: float = 0.0, rotation_deg: int = 0, drop: tuple[str, ...] = ()) -> Path:
    """Copy streams into a new container: the picture later by `video_offset_s`, with a rotation, without the kinds in `drop`."""
    with av.open(str(source)) as given, av.open(str(target), "w") as out:
        pairs = {s.index: out.add_stream_from_template(s) for s in given.streams if s.type not in drop}
        for stream in out.streams:
            if stream.type == "video" and rotation_deg:
                stream.set_display_rotation(rotation_deg)
        for packet in given.demux():
            if packet.dts is None or packet.stream.index not in pairs:
                continue
            if packet.stream.type == "video":
                shift = round(Fraction(video_offset_s).limit_denominator(1000) / packet.time_base)
                packet.pts += shift
                packet.dts += shift
            packet.stream = pairs[packet.stream.index]
            out.mux(packet)
    return target


def picture_facts(duration_s: float, width: int, height: int) -> MediaInfo:
    """The facts of an ordinary clip, for analyzers that are driven without a file."""
    return MediaInfo(
        container="mp4",
        duration_s=duration_s,
        width_px=width,
        height_px=height,
        coded_width_px=width,
        coded_height_px=height,
        codec="h264",
        size_bytes=1,
    )
