"""Clips that run on into their own beginning, or do not, composed of takes and sounds of the shared clips, with known truth.

Pictures are encoded as H.264 (crf 23), sounds as AAC. Thresholds were chosen on other seeds; takes and sounds are the same: no others are
there.
"""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np

from bench.accuracy._cut_material import Take
from reelscope.media.encode import ClipWriter

__all__ = ["PICTURES", "SOUNDS", "compose_picture", "compose_sound", "load_sounds", "moving", "write_picture", "write_sound"]

FPS = 30
WIDTH, HEIGHT = 360, 640
END_FRAMES = 45  # at each end
APART_FRAMES = 45  # a jump within a take goes at least so far
PUNCH_IN = 1.3
RATE_HZ = 48_000
END_S = 2.0

# Name of the kind: whether the end meets the beginning.
PICTURES = {"runs on": True, "boomerang": True, "hard end": False, "jump in a take": False, "punch-in": False}
SOUNDS = {"runs on": True, "another sound": False, "stops": False, "quieter": False}
FILES = (
    "music-jazz-vibe-ace.ogg",
    "vertical-drummer-rehearsal.mp4",
    "stage-applause-handheld.mp4",
    "speech-en-jfk.flac",
    "title-animation-bbb-30s.webm",
    "speech-ru-sadtalker.wav",
)


def moving(takes: list[Take]) -> list[Take]:
    """Takes in which something moves and that are long enough to jump in."""
    return [t for t in takes if t.seconds >= 4 and "cars" not in t.source and "clock" not in t.source]


def _frames(take: Take, first: int, last: int) -> list[np.ndarray]:
    """Frames of a take at FPS from one number to another, cut to the upright picture."""
    out = []
    for i in range(first, last):
        frame = take.frames[min(len(take.frames) - 1, int(i * take.fps / FPS))]
        h, w = frame.shape[:2]
        scale = max(WIDTH / w, HEIGHT / h)
        cut_w, cut_h = round(WIDTH / scale), round(HEIGHT / scale)
        x, y = (w - cut_w) // 2, (h - cut_h) // 2
        out.append(cv2.resize(frame[y : y + cut_h, x : x + cut_w], (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR))
    return out


def compose_picture(kind: str, seed: int, takes: list[Take]) -> list[np.ndarray]:
    """uint8 [h, w, 3] frames at FPS of about four seconds."""
    rng = np.random.default_rng([seed, list(PICTURES).index(kind)])
    take, other = (takes[i] for i in rng.choice(len(takes), 2, replace=False))
    while other.source == take.source:
        other = takes[int(rng.integers(len(takes)))]
    count = int(take.seconds * FPS)
    at = int(rng.integers(END_FRAMES, count - END_FRAMES))
    head = _frames(take, at, at + END_FRAMES)
    elsewhere = int(rng.integers(END_FRAMES, int(other.seconds * FPS)))
    between = _frames(other, elsewhere - END_FRAMES, elsewhere)
    tail = _frames(take, at - END_FRAMES, at)
    if kind == "runs on":
        return head + between + tail
    if kind == "boomerang":
        return head + head[::-1]
    if kind == "hard end":
        return head + tail + between
    if kind == "punch-in":
        h, w = round(HEIGHT / PUNCH_IN), round(WIDTH / PUNCH_IN)
        y, x = (HEIGHT - h) // 2, (WIDTH - w) // 2
        return head + between + [cv2.resize(f[y : y + h, x : x + w], (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) for f in tail]
    ends = [e for e in range(END_FRAMES, count) if abs(e - at) >= APART_FRAMES]
    end = int(rng.choice(ends))
    return head + between + _frames(take, end - END_FRAMES, end)


def write_picture(frames: list[np.ndarray], path: Path) -> Path:
    """Encode it."""
    with ClipWriter(path, WIDTH, HEIGHT, fps=FPS, crf=23) as clip:
        for frame in frames:
            clip.frame(np.ascontiguousarray(frame))
    return path


def load_sounds(media: Path) -> dict[str, np.ndarray]:
    """float32 [n] mono at 48 kHz of every sound that is long enough."""
    out = {}
    for name in FILES:
        parts = []
        with av.open(str(media / name)) as container:
            resampler = av.AudioResampler("flt", "mono", RATE_HZ)
            for frame in container.decode(audio=0):
                parts += [part.to_ndarray()[0] for part in resampler.resample(frame)]
        out[name] = np.concatenate(parts)
    return out


def compose_sound(kind: str, seed: int, sounds: dict[str, np.ndarray]) -> np.ndarray:
    """float32 [n] of six seconds."""
    rng = np.random.default_rng([seed, list(SOUNDS).index(kind)])
    mine, other = (list(sounds.values())[i] for i in rng.choice(len(sounds), 2, replace=False))
    n = round(END_S * RATE_HZ)
    at = int(rng.integers(n, len(mine) - n))
    start = int(rng.integers(0, len(other) - n))
    head, tail, elsewhere = mine[at : at + n], mine[at - n : at], other[start : start + n]
    if kind == "runs on":
        return np.concatenate([head, elsewhere, tail])
    if kind == "another sound":
        return np.concatenate([head, tail, elsewhere])
    if kind == "stops":
        return np.concatenate([head, elsewhere, tail[: n // 2], np.zeros(n // 2, np.float32)])
    return np.concatenate([head, elsewhere, tail / 4])


def write_sound(sound: np.ndarray, path: Path) -> Path:
    """Encode it beside a black picture."""
    with ClipWriter(path, 64, 64, fps=10, audio_rate_hz=RATE_HZ) as clip:
        for _ in range(round(10 * len(sound) / RATE_HZ)):
            clip.frame(np.zeros((64, 64, 3), np.uint8))
        clip.audio(sound.astype(np.float32))
    return path
