"""Putting a picture and the sound that belongs to it into one file, packet by packet: nothing is decoded, nothing loses quality."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError

from reelscope.errors import InputError, MediaError
from reelscope.media.guards import open_guarded

__all__ = ["mux"]

# Codecs that each container takes and browsers play in it.
_WEBM = frozenset({"vp8", "vp9", "av1", "libdav1d", "opus", "vorbis"})
_MP4 = frozenset({"h264", "hevc", "av1", "libdav1d", "vp9", "mpeg4", "aac", "mp3", "mp3float", "opus", "ac3", "eac3", "alac", "flac"})

# Segments of one recording follow each other without a leap; other recordings between them (advertisements) have clocks of their own.
LEAP_BACK_S, LEAP_AHEAD_S = Fraction(1, 2), 20


def mux(sources: Sequence[Path], target: Path) -> Path:
    """Copy the picture of the first file that has one and the sound of the last that has one into one file.

    Args:
        sources: A file with picture (and sound), and a file with the sound where that is apart.
        target: Where to; its suffix is replaced by the container's that takes the codecs: .mp4, .webm or .mkv.

    Returns:
        The file.

    Raises:
        InputError: A source is no clip. MediaError: `media_failed`, its packets cannot be copied.
    """
    with ExitStack() as files:
        inputs = [files.enter_context(open_guarded(path)) for path in sources]
        pictures = [s for container in inputs for s in container.streams.video if not s.disposition & s.disposition.attached_pic]
        sounds = [s for container in reversed(inputs) for s in container.streams.audio]
        streams: list[Any] = [*pictures[:1], *sounds[:1]]
        if not streams:
            raise InputError("the fetched file has neither picture nor sound", code="no_media", hint="open the post in a browser")
        names = {s.codec_context.name for s in streams if s.codec_context is not None}
        suffix = ".webm" if names <= _WEBM else ".mp4" if names <= _MP4 else ".mkv"
        path = target.with_suffix(suffix)
        try:
            # The index goes to the front, so that a browser shows the first frame before it has the whole file.
            options = {"movflags": "+faststart"} if suffix == ".mp4" else {}
            with av.open(str(path), "w", options=options) as out:
                copies = {id(s): out.add_stream_from_template(s) for s in streams}
                chosen = [[s for s in streams if s.container is container] for container in inputs]
                flows = [_packets(container, own) for container, own in zip(inputs, chosen, strict=True) if own]
                for _, _, stream, packet in heapq.merge(*flows, key=lambda row: row[0]):
                    packet.stream = copies[id(stream)]
                    out.mux(packet)
        except (FFmpegError, ValueError) as error:
            path.unlink(missing_ok=True)
            raise MediaError(
                f"picture and sound of this post cannot be put together: {getattr(error, 'strerror', None) or error}",
                hint="fetch it with another program and analyse the file",
            ) from error
        return path


def _packets(container: Any, streams: list[Any]) -> Iterator[tuple[Fraction, int, Any, Any]]:
    """Packets in the order of their decoding, on one clock: (seconds, bytes, stream, packet)."""
    clock = _Clock()
    for packet in _with_times(container, streams):
        shift = clock.shift(packet)
        packet.dts += shift
        packet.pts = max(packet.dts, packet.pts + shift) if packet.pts is not None else packet.dts
        yield packet.dts * packet.time_base, packet.size, packet.stream, packet


def _with_times(container: Any, streams: list[Any]) -> Iterator[Any]:
    """Packets with content, each with a time of decoding. Matroska tells none for the first ones where frames are reordered."""
    waiting: dict[int, list[Any]] = {}
    for packet in container.demux(streams):
        if not packet.size or (packet.dts is None and packet.pts is None):
            continue
        early = waiting.setdefault(packet.stream.index, [])
        if packet.dts is None:
            early.append(packet)
            continue
        for place, held in enumerate(early):
            held.dts = packet.dts - len(early) + place
            yield held
        early.clear()
        yield packet
    for held in (packet for early in waiting.values() for packet in early):
        held.dts = held.pts
        yield held


class _Clock:
    """One clock for segments that each bring their own: a stream's times that leap back, or far ahead, go on where the others ended."""

    def __init__(self) -> None:
        self._shifts = [Fraction(0)]  # of each stretch of segments, in seconds
        self._stretch: dict[int, int] = {}
        self._last: dict[int, tuple[Fraction, Fraction, int]] = {}  # of each stream: given time, its end on our clock, ticks written
        self._end = Fraction(0)

    def shift(self, packet: Any) -> int:
        """What is added to a packet's times, in ticks of its time base."""
        index, base = packet.stream.index, packet.time_base
        given = packet.dts * base
        stretch = self._stretch.setdefault(index, 0)
        before = self._last.get(index)
        if before is not None and not -LEAP_BACK_S <= given - before[0] <= LEAP_AHEAD_S:
            stretch += 1
            self._stretch[index] = stretch
            if stretch == len(self._shifts):  # the first stream to get there decides for all
                self._shifts.append(self._end - given)
        ticks = packet.dts + round(self._shifts[stretch] / base)
        if before is not None:
            ticks = max(ticks, before[2] + 1)  # containers take no packet at the time of the one before
        end = (ticks + (packet.duration or 0)) * base
        self._last[index] = (given, end, ticks)
        self._end = max(self._end, end)
        return int(ticks - packet.dts)
