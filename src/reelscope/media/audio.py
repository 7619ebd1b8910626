"""The clip's sound, decoded once into memory-mapped files on the picture's clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

__all__ = ["MONO_RATE_HZ", "AudioTrack"]

MONO_RATE_HZ = 16_000  # what speech models take


@dataclass(frozen=True, slots=False)
class AudioTrack:
    """Decoded sound; picklable, since it names files instead of holding samples.

    Sample `i` of either form lies at `i / rate` seconds of the clip's clock: a late start and gaps are filled with zeros.

    Attributes:
        path, mono_path: The two raw float32 files.
        rate_hz, channels, layout: Of the original form (layout as FFmpeg names it: "mono", "stereo", "5.1").
        frames: Number of sample frames of the original form; mono_frames: of the 16 kHz form.
        decode_errors: Packets that did not decode.
    """

    path: Path
    mono_path: Path
    rate_hz: int
    channels: int
    layout: str
    frames: int
    mono_frames: int
    decode_errors: int = 0

    @property
    def duration_s(self) -> float:
        """Seconds from the clock's zero to the end of the sound."""
        return self.frames / self.rate_hz

    @cached_property
    def samples(self) -> np.ndarray:
        """float32 [frames, channels], full scale +-1.0, read-only memory map."""
        return _open(self.path, (self.frames, self.channels))

    @cached_property
    def mono16k(self) -> np.ndarray:
        """float32 [mono_frames], 16 kHz, mean of the channels, read-only memory map."""
        return _open(self.mono_path, (self.mono_frames,))

    @cached_property
    def silent(self) -> bool:
        """Whether every sample is exactly zero (digital silence)."""
        return not any(block.any() for _, block in self.blocks())

    def blocks(self, block_s: float = 10.0) -> Iterator[tuple[float, np.ndarray]]:
        """Yield (start_s, float32 [n, channels]) in blocks, so that memory does not grow with the clip."""
        step = max(1, round(block_s * self.rate_hz))
        for start in range(0, self.frames, step):
            yield start / self.rate_hz, self.samples[start : start + step]


def _open(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    import numpy as np

    if 0 in shape:  # an empty file cannot be mapped
        empty = np.zeros(shape, np.float32)
        empty.flags.writeable = False
        return empty
    return np.memmap(path, np.float32, "r", shape=shape)
