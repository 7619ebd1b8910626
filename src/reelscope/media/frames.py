"""What analyzers ask of the decode pass (`FrameNeed`, `AudioNeed`) and what they get (`Window`, `Frames`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "EVERY_FRAME",
    "EYES",
    "NATIVE_LUMA",
    "SAMPLED_LARGE",
    "SAMPLED_SMALL",
    "AudioNeed",
    "FrameNeed",
    "FrameSpec",
    "Frames",
    "PixelFormat",
    "Window",
]

PixelFormat = Literal["rgb24", "gray8"]


@dataclass(frozen=True, slots=True)
class FrameNeed:
    """Frames that a backend wants.

    Attributes:
        fps: Samples per second: the first frame at or after each tick `k / fps` of the clip's clock; None for every frame.
        short_side_px: Length of the picture's shorter side after scaling, the aspect kept; never enlarged. None with `size_px`
            None too: the display size unscaled.
        size_px: An exact (width, height) instead, the aspect not kept.
        format: `rgb24` (uint8 [h, w, 3], R G B, 0-255, sRGB) or `gray8` (uint8 [h, w], full-range luma).
    """

    fps: float | None
    short_side_px: int | None = None
    size_px: tuple[int, int] | None = None
    format: PixelFormat = "rgb24"

    def __post_init__(self) -> None:
        if self.fps is not None and not self.fps > 0:
            raise ValueError(f"fps must be above 0 or None, not {self.fps}")
        if self.short_side_px is not None and self.size_px is not None:
            raise ValueError("give short_side_px or size_px, not both")

    def resolve(self, width_px: int, height_px: int) -> FrameSpec:
        """The exact size for a clip of this display size."""
        if self.size_px is not None:
            width, height = self.size_px
        else:
            short = min(width_px, height_px)
            scale = 1.0 if self.short_side_px is None else min(1.0, self.short_side_px / short)
            width, height = max(1, round(width_px * scale)), max(1, round(height_px * scale))
        return FrameSpec(self.fps, width, height, self.format)


@dataclass(frozen=True, slots=True)
class FrameSpec:
    """A need made exact for one clip; equal specs share their frames."""

    fps: float | None
    width_px: int
    height_px: int
    format: PixelFormat

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one frame's array."""
        return (self.height_px, self.width_px, 3) if self.format == "rgb24" else (self.height_px, self.width_px)


@dataclass(frozen=True, slots=True)
class AudioNeed:
    """Sound that a backend wants: in the original layout and rate, or as 16 kHz mono."""

    form: Literal["original", "mono16k"]


@dataclass(frozen=True, slots=True)
class Frames:
    """Frames of one window for one need, in time order; may be empty.

    Attributes:
        pixels: uint8 [n, h, w, 3] (rgb24) or [n, h, w] (gray8), C-contiguous, read-only; valid only until feed() returns.
        pts_s: float64 [n], presentation times in seconds, strictly increasing.
        index: int64 [n], each frame's number in decode (presentation) order, from 0, damaged frames not counted.
    """

    pixels: np.ndarray
    pts_s: np.ndarray
    index: np.ndarray

    def __post_init__(self) -> None:
        if not (len(self.pixels) == len(self.pts_s) == len(self.index)):
            raise ValueError("pixels, pts_s and index differ in length")
        if not self.pixels.flags.c_contiguous or self.pixels.flags.writeable:
            raise ValueError("pixels must be C-contiguous and read-only")

    def __len__(self) -> int:
        return len(self.pts_s)


@dataclass(slots=True)
class Window:
    """About two seconds of decoded frames, in time order, without overlap with its neighbours.

    Attributes:
        index: From 0.
        start_s, end_s: Half-open; the first window starts at the first frame, the last ends with the last frame.
        last: Whether no window follows.
        by_spec: Frames per exact specification.
        size_px: The clip's display size (width, height), by which needs are made exact.
        features: What streaming features made of this window, by feature name.
    """

    index: int
    start_s: float
    end_s: float
    last: bool
    by_spec: Mapping[FrameSpec, Frames]
    size_px: tuple[int, int]
    features: dict[str, Any] = field(default_factory=dict)

    def frames(self, need: FrameNeed) -> Frames:
        """The frames for `need`, which must be one that the plan knew of (`self.frames[i]` of the analyzer)."""
        spec = need.resolve(*self.size_px)
        try:
            return self.by_spec[spec]
        except KeyError:
            raise KeyError(f"{need} was not part of the plan; ask with one of the analyzer's own self.frames") from None


# The needs that most backends share: an equal need costs the decode pass nothing more, so prefer one of these to a size of your own.
EVERY_FRAME = FrameNeed(fps=None, short_side_px=180)
"""Every frame, small: cuts and motion."""
SAMPLED_SMALL = FrameNeed(fps=4, short_side_px=180)
"""Four a second, small: colours, layout."""
SAMPLED_LARGE = FrameNeed(fps=5, short_side_px=540)
"""Five a second, large enough to read: text, stills."""
EYES = FrameNeed(fps=30, short_side_px=360)
"""Thirty a second, large enough for an eye: a blink lasts 0.1 to 0.4 s."""
NATIVE_LUMA = FrameNeed(fps=1, format="gray8")
"""One a second, unscaled luma: what scaling would hide (sharpness, noise, blockiness)."""
