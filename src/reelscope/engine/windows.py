"""Windows in slots of shared memory as both sides know them: the reference that is sent, the layout of a slot's file, the reader."""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from reelscope.errors import EngineError
from reelscope.media.frames import Frames, FrameSpec, Window

__all__ = ["HEADER", "MAGIC", "Attachment", "FramesRef", "SlotKey", "WindowRef", "frame_bytes", "layout", "slot_bytes"]

SlotKey = tuple[int, int]
"""Slot number and generation: names one window in one slot, never the next one there."""

# Arrays begin on pages of the smallest size in use, which suits every SIMD width and DMA.
ALIGN = 4096
HEADER = struct.Struct("<8sQ")  # magic, generation; in the first page of a slot's file
MAGIC = b"reelfrm1"


@dataclass(frozen=True, slots=True)
class FramesRef:
    """Where the frames of one specification lie in a slot's file. pts_s: float64, index: int64, both as bytes."""

    spec: FrameSpec
    offset: int
    count: int
    pts_s: bytes
    index: bytes


@dataclass(frozen=True, slots=True)
class WindowRef:
    """A window in a slot; small and picklable.

    Attributes:
        file: Path of the slot's file; size: its bytes.
        slot, generation: Also as `key`, which an acknowledgement carries.
        index, start_s, end_s, last, size_px: As in `Window`.
        frames: Where the pixels are.
    """

    file: str
    size: int
    slot: int
    generation: int
    index: int
    start_s: float
    end_s: float
    last: bool
    size_px: tuple[int, int]
    frames: tuple[FramesRef, ...]

    @property
    def key(self) -> SlotKey:
        """What `FramePool.release` wants."""
        return self.slot, self.generation


class Attachment:
    """A reader's mappings of the slots: each file is mapped once and again where it grew. For one thread, or under the caller's lock."""

    def __init__(self) -> None:
        self._maps: dict[int, tuple[str, mmap.mmap]] = {}

    def open(self, ref: WindowRef) -> Window:
        """The window: read-only C-contiguous views, valid until the parent was told of the release.

        Raises:
            EngineError: "stale_window": the slot holds another window by now, or its file is gone.
        """
        mapped = self._mapped(ref)
        if HEADER.unpack_from(mapped, 0) != (MAGIC, ref.generation):
            raise EngineError(f"window {ref.index} is no longer in slot {ref.slot}", code="stale_window")
        by_spec = {}
        for f in ref.frames:
            pixels = np.frombuffer(mapped, np.uint8, f.count * frame_bytes(f.spec), f.offset).reshape((f.count, *f.spec.shape))
            by_spec[f.spec] = Frames(pixels, np.frombuffer(f.pts_s, np.float64), np.frombuffer(f.index, np.int64))
        return Window(ref.index, ref.start_s, ref.end_s, ref.last, by_spec, ref.size_px)

    def close(self) -> None:
        """Forget the mappings; views that are still held keep theirs."""
        self._maps.clear()

    def __enter__(self) -> Attachment:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _mapped(self, ref: WindowRef) -> mmap.mmap:
        known = self._maps.get(ref.slot)
        if known is not None and known[0] == ref.file:
            return known[1]
        self._maps.pop(ref.slot, None)
        try:
            fd = os.open(ref.file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise EngineError(f"window {ref.index} is gone: {ref.file} is not there", code="stale_window") from error
        try:
            mapped = mmap.mmap(fd, ref.size, access=mmap.ACCESS_READ)
        finally:
            os.close(fd)
        self._maps[ref.slot] = (ref.file, mapped)
        return mapped


def layout(capacities: Mapping[FrameSpec, int]) -> tuple[dict[FrameSpec, int], int]:
    """Offset of each array behind the header's page, and the size of the whole."""
    offsets: dict[FrameSpec, int] = {}
    at = ALIGN
    for spec, count in capacities.items():
        offsets[spec] = at
        at += -(-count * frame_bytes(spec) // ALIGN) * ALIGN
    return offsets, at


def frame_bytes(spec: FrameSpec) -> int:
    """Bytes of one frame."""
    return spec.width_px * spec.height_px * (3 if spec.format == "rgb24" else 1)


def slot_bytes(capacities: Mapping[FrameSpec, int]) -> int:
    """Bytes of a slot with room for so many frames of each specification (`DecodePass.capacities`)."""
    return layout(capacities)[1]
