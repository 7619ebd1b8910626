"""A clip like a reel, made on the spot: textures that move, a cut every two seconds or so, text-like blocks, sound with a beat.

Its pictures mean nothing; they cost decoding, scaling and copying what a real reel costs. The same seed makes the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from reelscope.media.encode import ClipWriter

__all__ = ["loop_clip", "make_clip", "pictures", "sound"]

RATE_HZ = 44_100
SHOT_S = (1.2, 3.4)  # lengths of shots as in fast short-form clips


def make_clip(path: Path, *, seconds: float, width: int, height: int, fps: int = 30, seed: int = 0) -> Path:
    """Write an MP4 with a picture and a sound track."""
    with ClipWriter(path, width, height, fps=fps, crf=23, audio_rate_hz=RATE_HZ, preset="ultrafast") as clip:
        for frame in pictures(round(seconds * fps), width, height, fps, seed):
            clip.frame(frame)
        clip.audio(sound(seconds, seed))
    return path


def pictures(count: int, width: int, height: int, fps: int, seed: int) -> Iterator[np.ndarray]:
    """`count` frames, uint8 [h, w, 3]: each shot a texture of its own that drifts, with a bar of "text" that changes each second."""
    rng = np.random.default_rng(seed)
    left, index = 0, 0
    texture, step = np.empty(0), (0, 0)
    while index < count:
        if left == 0:
            left = round(rng.uniform(*SHOT_S) * fps)
            texture, step = _texture(rng, width, height), (int(rng.integers(-3, 4)), int(rng.integers(1, 5)))
            offset = [0, 0]
        offset = [(offset[0] + step[0]) % height, (offset[1] + step[1]) % width]
        frame = np.ascontiguousarray(texture[offset[0] : offset[0] + height, offset[1] : offset[1] + width])
        _text(frame, index // fps, seed)
        yield frame
        left -= 1
        index += 1


def _texture(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Twice as wide and high as the picture, in blocks of two sizes over a colour."""
    coarse = np.kron(rng.integers(40, 216, (height // 40 + 2, width // 40 + 2, 3), np.uint8), np.ones((40, 40, 1), np.uint8))[
        :height, :width
    ]
    fine = np.kron(rng.integers(0, 40, (height // 4 + 1, width // 4 + 1, 1), np.uint8), np.ones((4, 4, 1), np.uint8))[:height, :width]
    return np.tile(coarse + fine, (2, 2, 1))


def _text(frame: np.ndarray, second: int, seed: int) -> None:
    height, width = frame.shape[:2]
    letters = np.random.default_rng((seed, second)).integers(0, 2, (5, 24), np.uint8) * 255
    top, cell_h, cell_w = height * 3 // 4, max(1, height // 100), max(1, width // 30)
    block = np.kron(letters, np.ones((cell_h, cell_w), np.uint8))[: height - top, :width]
    frame[top : top + block.shape[0], (width - block.shape[1]) // 2 : (width - block.shape[1]) // 2 + block.shape[1]] = block[:, :, None]


def sound(seconds: float, seed: int) -> np.ndarray:
    """A tone under bursts twice a second: float32 [n]."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    noise = np.random.default_rng(seed).standard_normal(len(t)) * 0.2
    return (0.15 * np.sin(2 * np.pi * 220 * t) + noise * np.exp(-12 * (t * 2 % 1))).astype(np.float32)


def loop_clip(source: Path, path: Path, *, seconds: float) -> Path:
    """Repeat a clip's picture and sound, without encoding again, until it lasts about `seconds` (to the next packet)."""
    import av

    with av.open(str(path), "w") as out:
        streams: dict[int, av.stream.Stream] = {}
        start_s = 0.0
        while start_s < seconds:
            with av.open(str(source)) as given:
                tracks = [s for s in given.streams if s.type in ("video", "audio")]
                for track in tracks:
                    if track.index not in streams:
                        streams[track.index] = out.add_stream_from_template(track)
                packets = [p for p in given.demux(tracks) if p.dts is not None and p.pts is not None]
                # decoding times start below zero (B-frames, the audio encoder's priming) and must never step back
                shift_s = start_s - min((float(p.dts * p.time_base) for p in packets), default=0.0)
                ends = [start_s]
                for packet in packets:
                    base = packet.time_base
                    if shift_s + float(packet.dts * base) > seconds:
                        continue
                    ends.append(shift_s + float((packet.pts + (packet.duration or 0)) * base))
                    packet.dts += round(shift_s / base)
                    packet.pts += round(shift_s / base)
                    packet.stream = streams[packet.stream.index]
                    out.mux(packet)
            if max(ends) <= start_s:  # nothing to repeat
                break
            start_s = max(ends)
    return path
