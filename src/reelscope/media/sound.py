"""Decoding the clip's sound, once, into the two files of an AudioTrack.

Raise reelscope.engine.reuse.DECODE_VERSION when samples may change: kept results were made of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np
import soxr
from av.error import FFmpegError
from av.stream import Discard

from reelscope.errors import NotApplicable
from reelscope.media.audio import MONO_RATE_HZ, AudioTrack
from reelscope.media.guards import open_guarded
from reelscope.media.probe import Probe
from reelscope.timebase import seconds

__all__ = ["decode_sound", "decoded_frames"]

# Times of audio packets jitter by rounding (1 ms in Matroska, a frame in transport streams); only more than this is a gap or an overlap.
JITTER_S = 0.03
# A crafted time stamp must not fill the disk with zeros: a gap is filled at most up to the clip's own length.
GAP_MARGIN_S = 1.0


def decode_sound(probe: Probe, work_dir: Path, *, stop: Callable[[], bool] = lambda: False) -> AudioTrack | None:
    """Decode the chosen sound track on the picture's clock.

    Args:
        probe: Facts of the clip.
        work_dir: Where the two raw files go. stop: asked for each frame; once it is true nothing more is decoded.

    Returns:
        The track, or None where the clip has no sound track, or where it was stopped.

    Raises:
        NotApplicable: It has one, of which nothing decodes.
    """
    if probe.audio_index is None or probe.media.audio is None:
        return None
    info = probe.media.audio
    path, mono_path = work_dir / "sound.f32", work_dir / "sound-mono16k.f32"
    with path.open("wb") as original, mono_path.open("wb") as mono:
        writer = _Writer(original, mono, info.rate_hz, info.channels)
        limit = round((probe.media.duration_s + GAP_MARGIN_S) * info.rate_hz)
        errors = 0
        with open_guarded(probe.path) as container:
            stream = container.streams[probe.audio_index]
            for other in container.streams:
                if other.index != stream.index:
                    other.discard = Discard.all
            resampler: Any = None
            key: Any = None
            for frame in decoded_frames(container, stream):
                if stop():
                    return None
                if frame is None:
                    errors += 1
                    continue
                if key != (frame.format.name, frame.layout.name, frame.sample_rate):  # some broadcasts change it on the way
                    key = (frame.format.name, frame.layout.name, frame.sample_rate)
                    resampler = av.AudioResampler(format="flt", layout=_target_layout(stream, frame), rate=info.rate_hz)
                if frame.pts is not None:
                    at = round(seconds(frame.pts, frame.time_base or stream.time_base, probe.origin) * info.rate_hz)
                    writer.seek(min(at, limit))
                try:
                    converted = resampler.resample(frame)
                except (FFmpegError, ValueError):  # what a damaged header says of it is nothing that can be converted
                    errors, key = errors + 1, None
                    continue
                for out in converted:
                    writer.write(np.frombuffer(out.planes[0], np.float32, out.samples * info.channels).reshape(-1, info.channels))
        writer.finish()
        if writer.decoded == 0:
            raise NotApplicable(f"the sound track ({info.codec}) is there, but none of it could be decoded", code="sound_undecodable")
        # The last packet's padding reaches beyond the clip's end; measured times must not.
        frames = min(writer.frames, round(probe.media.duration_s * info.rate_hz))
        mono_frames = min(writer.mono_frames, round(probe.media.duration_s * MONO_RATE_HZ))
        return AudioTrack(path, mono_path, info.rate_hz, info.channels, info.layout, frames, mono_frames, errors)


def _target_layout(stream: Any, frame: Any) -> str:
    if frame.layout.nb_channels == stream.channels:
        return frame.layout.name
    return {1: "mono", 2: "stereo"}.get(stream.channels, stream.layout.name)


def decoded_frames(container: Any, stream: Any) -> Iterator[Any]:
    """Yield a stream's frames, and None for each packet that does not decode."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except FFmpegError:
            return
        if packet is None:
            return
        try:
            yield from packet.decode()
        except FFmpegError:
            yield None


class _Writer:
    """Writes samples at their place on the clock: zeros into gaps, overlaps and what lies before zero dropped; resamples on the way."""

    def __init__(self, original: BinaryIO, mono: BinaryIO, rate_hz: int, channels: int) -> None:
        self._original, self._mono = original, mono
        self._rate, self._channels = rate_hz, channels
        self._resample = soxr.ResampleStream(rate_hz, MONO_RATE_HZ, 1, dtype="float32", quality="HQ") if rate_hz != MONO_RATE_HZ else None
        self._drop = 0
        self.frames = self.mono_frames = self.decoded = 0

    def seek(self, at: int) -> None:
        """The next samples belong at frame `at`; small deviations are left as they are."""
        off = at - self.frames
        if off > JITTER_S * self._rate or (self.frames == 0 and off > 0):
            step = self._rate  # a second at a time
            for start in range(0, off, step):
                self._put(np.zeros((min(step, off - start), self._channels), np.float32))
        elif off < -JITTER_S * self._rate or (self.frames == 0 and off < 0):
            self._drop = -off

    def write(self, block: np.ndarray) -> None:
        """Add samples: float32 [n, channels]."""
        self.decoded += len(block)
        if self._drop:
            cut = min(self._drop, len(block))
            self._drop -= cut
            block = block[cut:]
        if len(block):
            self._put(np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0))

    def finish(self) -> None:
        """Flush the resampler; the 16 kHz form ends where the original does."""
        if self._resample is not None:
            self._put_mono(self._resample.resample_chunk(np.zeros(0, np.float32), last=True))

    def _put(self, block: np.ndarray) -> None:
        self._original.write(np.ascontiguousarray(block, np.float32).tobytes())
        self.frames += len(block)
        mono = block.mean(1, dtype=np.float32)
        self._put_mono(self._resample.resample_chunk(mono) if self._resample is not None else mono)

    def _put_mono(self, block: np.ndarray) -> None:
        self._mono.write(np.ascontiguousarray(block, np.float32).tobytes())
        self.mono_frames += len(block)
