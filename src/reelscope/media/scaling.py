"""From decoded frames to arrays: rotation, pixel aspect, colour matrix, HDR, and scaling, in one small filter graph per size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np

from reelscope.media.frames import FrameSpec
from reelscope.media.hdr import write_tone_map

__all__ = ["Scaler"]

_MATRIX = {1: "bt709", 5: "bt601", 6: "bt601", 4: "fcc", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}  # AVCOL_SPC_*
_HDR = {16: "pq", 18: "hlg"}
_TRANSPOSE = {90: "clock", 180: None, 270: "cclock"}
HD_HEIGHT_PX = 576  # untagged pictures larger than standard definition are BT.709 (ITU-R BT.709 against BT.601), as players assume


class Scaler:
    """Scales frames of one geometry to several specifications.

    The graph works on the coded picture (scaling first, turning the small picture after); its output is sRGB-like SDR of the display
    orientation with square pixels. Frames that differ in size, format or colour tags need a new Scaler: ask `fits`.
    """

    def __init__(self, frame: Any, specs: Sequence[FrameSpec], *, rotation_deg: int = 0, work_dir: Path | None = None) -> None:
        self._key = _key(frame)
        self._rotation = rotation_deg
        self._hdr = _HDR.get(int(frame.color_trc or 0))
        self._tone_map = write_tone_map(self._hdr, work_dir) if self._hdr else None
        self._branches = {spec: self._build(frame, spec) for spec in specs}

    def fits(self, frame: Any) -> bool:
        """Whether `frame` has this scaler's geometry."""
        return _key(frame) == self._key

    def scale(self, frame: Any, specs: Sequence[FrameSpec]) -> Iterator[tuple[FrameSpec, np.ndarray]]:
        """Yield (specification, picture) for those that want this frame; the picture is valid until the next one is asked for."""
        for spec in specs:
            graph, sink = self._branches[spec]
            graph.push(frame)
            yield spec, _array(sink.pull(), spec)

    def _build(self, frame: Any, spec: FrameSpec) -> tuple[Any, Any]:
        width, height = spec.width_px, spec.height_px
        if self._rotation in (90, 270):
            width, height = height, width
        graph = av.filter.Graph()
        graph.threads = 1
        source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)
        chain: list[Any] = [source]

        def then(name: str, **arguments: Any) -> None:
            node = graph.add(name, **{k: str(v) for k, v in arguments.items()})
            chain[-1].link_to(node)
            chain.append(node)

        # Area averaging neither aliases nor rings when it shrinks; a picture that keeps its size passes as it is.
        then("scale", w=width, h=height, flags="area", in_color_matrix=self._matrix(frame), in_range="pc" if _full_range(frame) else "tv")
        if self._tone_map is not None:
            then("format", pix_fmts="rgb48le")  # 8 bits of a PQ signal would band
            then("lut3d", file=_escape(self._tone_map))
        then("format", pix_fmts="rgb24" if spec.format == "rgb24" else "gray")
        if self._rotation == 180:
            then("hflip")
            then("vflip")
        elif self._rotation:
            then("transpose", dir=_TRANSPOSE[self._rotation])
        then("buffersink")
        graph.configure()
        return graph, chain[-1]

    @staticmethod
    def _matrix(frame: Any) -> str:
        tagged = _MATRIX.get(int(frame.colorspace or 0))
        return tagged or ("bt709" if min(frame.width, frame.height) > HD_HEIGHT_PX else "bt601")


def _full_range(frame: Any) -> bool:
    return int(frame.color_range or 0) == 2 or frame.format.name.startswith("yuvj")


def _key(frame: Any) -> tuple[Any, ...]:
    return (
        frame.width,
        frame.height,
        frame.format.name,
        int(frame.colorspace or 0),
        int(frame.color_range or 0),
        int(frame.color_trc or 0),
    )


def _escape(path: Path) -> str:
    """A file name as a filter option's value (FFmpeg's first level of quoting)."""
    return str(path).replace("\\", "\\\\").replace("'", "\\'").replace(":", "\\:")


def _array(frame: Any, spec: FrameSpec) -> np.ndarray:
    """View of a packed picture without the padding at the end of its rows."""
    plane = frame.planes[0]
    row = spec.width_px * (3 if spec.format == "rgb24" else 1)
    data = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, :row]
    return data.reshape(spec.shape)
