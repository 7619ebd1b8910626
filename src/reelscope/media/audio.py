"""The clip's sound, decoded once into files on the picture's clock and read in blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

__all__ = ["MONO_RATE_HZ", "AudioTrack", "SampleFile"]

MONO_RATE_HZ = 16_000  # what speech models take


@dataclass(frozen=True, slots=True)
class SampleFile:
    """Raw float32 samples on disk, read slice by slice: what a slice held is gone with it, so memory does not grow with the clip.

    (A memory map would keep every page that was touched: 23 MB a minute of stereo.)
    """

    path: Path
    frames: int
    channels: int | None = None  # None: one channel, slices are [n] instead of [n, channels]

    def __len__(self) -> int:
        return self.frames

    def __getitem__(self, part: slice) -> np.ndarray:
        """Samples of a slice (step 1) as float32, read-only.

        Raises:
            TypeError: Not a slice; ValueError: one with a step.
        """
        import numpy as np

        if not isinstance(part, slice):
            raise TypeError("take slices of samples, not single ones")
        start, stop, step = part.indices(self.frames)
        if step != 1:
            raise ValueError("samples are read in order, without steps")
        width = self.channels or 1
        count = max(0, stop - start) * width
        data = np.fromfile(self.path, np.float32, count, offset=start * width * 4)
        data.flags.writeable = False
        return data if self.channels is None else data.reshape(-1, width)


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

    @property
    def samples(self) -> SampleFile:
        """float32 [frames, channels], full scale +-1.0."""
        return SampleFile(self.path, self.frames, self.channels)

    @property
    def mono16k(self) -> SampleFile:
        """float32 [mono_frames], 16 kHz, mean of the channels."""
        return SampleFile(self.mono_path, self.mono_frames)

    @cached_property
    def silent(self) -> bool:
        """Whether every sample is exactly zero (digital silence)."""
        return not any(block.any() for _, block in self.blocks())

    def blocks(self, block_s: float = 10.0) -> Iterator[tuple[float, np.ndarray]]:
        """Yield (start_s, float32 [n, channels]) in blocks, so that memory does not grow with the clip."""
        step = max(1, round(block_s * self.rate_hz))
        for start in range(0, self.frames, step):
            yield start / self.rate_hz, self.samples[start : start + step]
