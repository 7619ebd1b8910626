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
    """Packets in the order of their decoding: (seconds, bytes, stream, packet)."""
    for packet in container.demux(streams):
        if packet.size and packet.dts is not None:
            yield packet.dts * packet.time_base, packet.size, packet.stream, packet
