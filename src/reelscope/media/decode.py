"""The one decode pass: every frame decoded once, scaled to the few sizes that the plan asks for, handed out in windows.

Raise reelscope.engine.reuse.DECODE_VERSION when pixels, times or counts may change: kept results were made of them.
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from av.error import FFmpegError
from av.stream import Discard

from reelscope.errors import MediaError
from reelscope.media.frames import Frames, FrameSpec, Window
from reelscope.media.guards import MAX_SIDE_PX, open_guarded
from reelscope.media.probe import Probe
from reelscope.media.scaling import Scaler
from reelscope.timebase import seconds

__all__ = ["DecodePass", "DecodeStats", "plain_arrays"]

log = logging.getLogger(__name__)

# High-speed footage and unscaled frames must not make a window large: it also ends after so many frames ...
MAX_WINDOW_FRAMES = 128
# ... and a file that yields nothing but errors for so many packets in a row is given up, not read to the end of a crafted gigabyte.
MAX_ERRORS_IN_A_ROW = 2000


@dataclass(slots=True)
class DecodeStats:
    """What the pass met; complete once its windows are used up.

    Attributes:
        frames: Frames handed on; errors: packets and frames that did not decode; unordered: frames dropped for a time not after the last.
        end_s: End of the last frame on the clip's clock.
        resized: How often the coded size or format changed on the way.
        stopped: Why the file ended early, if it did.
    """

    frames: int = 0
    errors: int = 0
    unordered: int = 0
    end_s: float = 0.0
    resized: int = 0
    stopped: str | None = None


@dataclass(slots=True)
class _Pile:
    """Frames of one specification that gather for the current window."""

    capacity: int
    pixels: np.ndarray | None = None
    pts_s: list[float] = field(default_factory=list)
    index: list[int] = field(default_factory=list)

    def add(self, picture: np.ndarray, pts_s: float, index: int) -> None:
        assert self.pixels is not None
        self.pixels[len(self.pts_s)] = picture
        self.pts_s.append(pts_s)
        self.index.append(index)

    def take(self) -> Frames:
        assert self.pixels is not None
        pixels = self.pixels[: len(self.pts_s)]
        pixels.flags.writeable = False
        frames = Frames(pixels, np.array(self.pts_s, np.float64), np.array(self.index, np.int64))
        self.pixels, self.pts_s, self.index = None, [], []
        return frames


def plain_arrays(capacities: Mapping[FrameSpec, int]) -> dict[FrameSpec, np.ndarray]:
    """New arrays of this process's own memory for one window: uint8 [capacity, *spec.shape] each, not cleared."""
    return {spec: np.empty((capacity, *spec.shape), np.uint8) for spec, capacity in capacities.items()}


class DecodePass:
    """Decodes a clip's picture once and yields windows with every frame specification of the plan.

    Args:
        probe: Facts of the clip; it must have a picture.
        specs: Exact specifications; each becomes one branch of a filter graph, sampled by true presentation time.
        window_s: Length of a window in seconds.
        threads: Decoder threads; 0 lets FFmpeg choose.
        work_dir: Where the tone map of an HDR clip is written.
        arrays: Called once for each window, before its first frame is stored, with the room that each specification needs; gives the
            writable C-contiguous arrays that the window's frames are views of. It may block: that holds the decoder back.

    Example:
        >>> decode = DecodePass(probe("clip.mp4"), [FrameNeed(None, 180).resolve(1080, 1920)])  # doctest: +SKIP
        >>> for window in decode.windows(): ...  # doctest: +SKIP
    """

    def __init__(
        self,
        probe: Probe,
        specs: Sequence[FrameSpec],
        *,
        window_s: float = 2.0,
        threads: int = 0,
        work_dir: Path | None = None,
        arrays: Callable[[Mapping[FrameSpec, int]], Mapping[FrameSpec, np.ndarray]] = plain_arrays,
    ) -> None:
        if probe.video_index is None or probe.media.width_px is None or probe.media.height_px is None:
            raise ValueError(f"{probe.path} has no picture to decode")
        self.probe = probe
        self.specs = tuple(dict.fromkeys(specs))
        self.window_s = window_s
        self.threads = threads
        self.work_dir = work_dir
        self.arrays = arrays
        self.size_px = (probe.media.width_px, probe.media.height_px)
        self.stats = DecodeStats()

    @property
    def capacities(self) -> dict[FrameSpec, int]:
        """Frames of each specification that a window has room for; mostly a few more than it gets."""
        return {spec: self._capacity(spec) for spec in self.specs}

    def windows(self) -> Iterator[Window]:
        """Yield the windows in time order; a window without any decoded frame is left out.

        Raises:
            MediaError: Nothing at all could be decoded.
        """
        capacities = self.capacities
        piles = {spec: _Pile(capacity) for spec, capacity in capacities.items()}
        last_tick: dict[Fraction, int] = {}
        index = 0
        start_s: float | None = None
        boundary = self.window_s
        for pts_s, frame, scaler in self._frames():
            full = any(len(p.pts_s) >= p.capacity for p in piles.values())
            if start_s is not None and (pts_s >= boundary or full):
                yield self._window(index, start_s, pts_s, piles)
                index += 1
                start_s = None
            if start_s is None:
                start_s = pts_s
                for spec, pixels in self.arrays(capacities).items():
                    piles[spec].pixels = pixels
            while boundary <= pts_s:
                boundary += self.window_s
            due = [s for s in self.specs if s.fps is None or _due(s.fps, pts_s, last_tick)]
            for rate in {s.fps for s in due if s.fps is not None}:
                last_tick[rate] = _tick(rate, pts_s)
            for spec, picture in scaler.scale(frame, due):
                piles[spec].add(picture, pts_s, self.stats.frames)
            self.stats.frames += 1
        if start_s is None:
            raise MediaError(
                f"{self.probe.path}: not one frame of its {self.probe.frames} could be decoded",
                code="undecodable",
                hint="fetch or export the clip again",
            )
        tail = self._window(index, start_s, self.stats.end_s, piles)
        tail.last = True
        yield tail

    def _capacity(self, spec: FrameSpec) -> int:
        """Frames that a pile has room for; a window ends early when one is full (a variable rate can exceed the mean)."""
        fps = min(spec.fps or math.inf, self.probe.media.fps or 30)
        return min(MAX_WINDOW_FRAMES, math.ceil(fps * self.window_s) + 2)

    def _window(self, index: int, start_s: float, end_s: float, piles: dict[FrameSpec, _Pile]) -> Window:
        return Window(index, start_s, end_s, False, {s: p.take() for s, p in piles.items()}, self.size_px)

    def _frames(self) -> Iterator[tuple[float, Any, Scaler]]:
        """Yield (pts_s, frame, scaler for its geometry); damaged frames are counted and left out."""
        stats = self.stats
        scaler: Scaler | None = None
        last: float | None = None
        step = 1.0 / (self.probe.media.fps or 30)
        with open_guarded(self.probe.path) as container:
            stream = container.streams[self.probe.video_index]
            for other in container.streams:
                if other.index != stream.index:
                    other.discard = Discard.all
            stream.codec_context.thread_type = "AUTO"
            stream.codec_context.thread_count = self.threads
            for frame in self._decode(container, stream):
                if frame.is_corrupt or frame.width > MAX_SIDE_PX or frame.height > MAX_SIDE_PX:
                    stats.errors += 1
                    continue
                ticks = frame.pts if frame.pts is not None else frame.dts
                if ticks is None:  # a container without times: frames follow each other at the mean rate
                    pts_s = 0.0 if last is None else last + step
                else:
                    pts_s = seconds(ticks, frame.time_base or stream.time_base, self.probe.origin)
                if last is not None and pts_s <= last:
                    stats.unordered += 1
                    continue
                if scaler is None or not scaler.fits(frame):
                    if scaler is not None:
                        stats.resized += 1
                    scaler = Scaler(frame, self.specs, rotation_deg=self.probe.media.rotation_deg, work_dir=self.work_dir)
                last = pts_s
                duration = float(frame.duration * (frame.time_base or stream.time_base)) if frame.duration else step
                stats.end_s = round(pts_s + min(duration, max(10 * step, 1.0)), 6)
                yield pts_s, frame, scaler

    def _decode(self, container: Any, stream: Any) -> Iterator[Any]:
        """Decode packet by packet, so that a bad one costs itself only."""
        packets = container.demux(stream)
        in_a_row = 0
        while True:
            try:
                packet = next(packets, None)
            except FFmpegError as error:  # data ends before the index said so
                self.stats.stopped = str(error.strerror or error)
                packet = None
            if packet is None:
                break
            try:
                frames = packet.decode()
            except FFmpegError:
                self.stats.errors += 1
                in_a_row += 1
                if in_a_row > MAX_ERRORS_IN_A_ROW:
                    self.stats.stopped = f"{in_a_row} packets in a row did not decode"
                    break
                continue
            if frames:
                in_a_row = 0
            yield from frames
        if self.stats.stopped:  # frames that the decoder still holds
            with contextlib.suppress(FFmpegError):
                yield from stream.codec_context.decode(None)


def _tick(fps: float, pts_s: float) -> int:
    """Number of the sampling interval that holds `pts_s`; the small share forgives rounded times (33.333 ms as 33 ms) at its edge."""
    return math.floor(pts_s * fps + 0.02)


def _due(fps: float, pts_s: float, last_tick: dict[Any, int]) -> bool:
    last = last_tick.get(fps)
    return last is None or _tick(fps, pts_s) > last
