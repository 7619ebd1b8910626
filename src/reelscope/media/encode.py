"""Writing small clips: for the demo reel, the tests and the benchmarks."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import av

if TYPE_CHECKING:
    import numpy as np

__all__ = ["ClipWriter"]


class ClipWriter:
    """Writes an H.264/AAC MP4 (or what the suffix and codecs say) frame by frame, single-threaded: mostly the same bytes again.

    Args:
        path: Output file; its suffix chooses the container.
        width_px, height_px: Coded size (even for 4:2:0).
        fps: Nominal frame rate; frames without an explicit pts follow each other at this rate.
        audio_rate_hz: Rate of a sound track, None for none; channels: its channel count (1 or 2).
        crf: Quality of x264 (lower is better); codec, pixel_format, audio_codec: FFmpeg names; options: further encoder options.

    Example:
        >>> with ClipWriter("a.mp4", 64, 64, fps=30) as clip:  # doctest: +SKIP
        ...     clip.frame(np.zeros((64, 64, 3), np.uint8))
    """

    def __init__(
        self,
        path: str | Path,
        width_px: int,
        height_px: int,
        *,
        fps: float | Fraction = 30,
        audio_rate_hz: int | None = None,
        channels: int = 1,
        crf: int = 18,
        preset: str = "veryfast",
        codec: str = "libx264",
        pixel_format: str = "yuv420p",
        audio_codec: str = "aac",
        options: Mapping[str, str] | None = None,
        container_options: Mapping[str, str] | None = None,
    ) -> None:
        self.rate = Fraction(fps).limit_denominator(60_000)
        self._container = av.open(str(path), "w", options=dict(container_options or {}))
        self._video: Any = self._container.add_stream(codec, rate=self.rate)
        self._video.width, self._video.height, self._video.pix_fmt = width_px, height_px, pixel_format
        self._video.thread_count = 1
        if codec == "libx264":
            self._video.options = {"crf": str(crf), "preset": preset, **(options or {})}
        else:
            self._video.options = dict(options or {})
        self._video.codec_context.time_base = Fraction(1, 90_000) if self.rate.numerator > 90_000 else 1 / self.rate / 100
        self._count = 0
        self._audio: Any = None
        if audio_rate_hz is not None:
            self._audio = self._container.add_stream(audio_codec, rate=audio_rate_hz, layout="mono" if channels == 1 else "stereo")
            self._audio_pts = 0

    def frame(self, rgb: np.ndarray, *, pts_s: float | None = None) -> None:
        """Add one picture: uint8 [h, w, 3], sRGB, or uint8 [h * 3 / 2, w], planar 4:2:0 (I420); `pts_s` for variable frame rates."""
        frame = av.VideoFrame.from_ndarray(rgb, format="rgb24" if rgb.ndim == 3 else "yuv420p")
        time_base = self._video.codec_context.time_base
        frame.pts = round((Fraction(pts_s).limit_denominator(1_000_000) if pts_s is not None else self._count / self.rate) / time_base)
        frame.time_base = time_base
        self._count += 1
        self._container.mux(self._video.encode(frame))

    def audio(self, samples: np.ndarray) -> None:
        """Add sound: float32 [n] or [n, channels], full scale +-1.0."""
        import numpy as np

        if self._audio is None:
            raise ValueError("this clip was opened without audio_rate_hz")
        data = samples.reshape(len(samples), -1).astype(np.float32)
        step = 1024
        for start in range(0, len(data), step):
            block = np.ascontiguousarray(data[start : start + step].T)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=self._audio.layout.name)
            frame.rate = self._audio.rate
            frame.pts = self._audio_pts
            frame.time_base = Fraction(1, self._audio.rate)
            self._audio_pts += block.shape[1]
            self._container.mux(self._audio.encode(frame))

    def close(self) -> None:
        """Flush the encoders and finish the file."""
        if self._count:
            self._container.mux(self._video.encode(None))
        if self._audio is not None:
            self._container.mux(self._audio.encode(None))
        self._container.close()

    def __enter__(self) -> ClipWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
