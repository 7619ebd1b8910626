"""Frames go to a device once for each window and worker: its members share the tensor that the first of them sent up."""

from __future__ import annotations

import functools
import threading
import weakref
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reelscope.media.frames import FrameNeed, Window

__all__ = ["WindowUpload", "uploads"]

# Two clips on their way with two windows each and a few sizes: more than this lying on a device means that windows are not let go.
MAX_HELD = 16


@dataclass(slots=True)
class _Held:
    """One upload. `arrays` tell whether it is still of the window that is asked for; `ready` is a CUDA event, None on the CPU."""

    arrays: tuple[weakref.ref[Any], ...]
    lock: threading.Lock = field(default_factory=threading.Lock)
    tensor: Any = None
    ready: Any = None


class WindowUpload:
    """Device tensors of windows, shared by the members of one worker.

    A window is told by its arrays, not by its number: two clips may be on their way, and the memory under a window is used again. The
    members of a worker must therefore be handed the same array objects for one window, and new ones for the next. A tensor is let go when
    its window's arrays are; it stays whole for members that kept it.

    Attributes:
        uploads: Copies made; shared: times a member found one; sent_bytes: over all copies.
    """

    def __init__(self, device: str, *, max_held: int = MAX_HELD) -> None:
        self.device = device
        self.uploads = self.shared = self.sent_bytes = 0
        self._max_held = max_held
        self._held: OrderedDict[tuple[int, int], _Held] = OrderedDict()
        self._lock = threading.RLock()  # collecting garbage inside may call _drop

    def frames(self, window: Window, need: FrameNeed) -> Any:
        """The window's frames for `need` as a uint8 tensor on the device: [n, h, w, 3] (rgb24) or [n, h, w] (gray8).

        Unlike the arrays of the window it may be kept after feed(). On a CUDA device the copy goes through pinned memory on the caller's
        current stream, and other streams are made to wait for it; the caller's later work on its stream needs no synchronisation.
        """
        given = window.frames(need)
        held = self._entry(given.pixels, given.pts_s)
        with held.lock:  # the second of two members that come at once waits for the first one's copy
            if held.tensor is None:
                held.tensor, held.ready = _send(given.pixels, self.device)
                with self._lock:
                    self.uploads += 1
                    self.sent_bytes += given.pixels.nbytes
            else:
                with self._lock:
                    self.shared += 1
                if held.ready is not None:
                    _wait_for(held.ready, held.tensor)
            return held.tensor

    def clear(self) -> None:
        """Let go of every tensor: the device is short of memory."""
        with self._lock:
            self._held.clear()

    def __len__(self) -> int:
        return len(self._held)

    def _entry(self, *arrays: Any) -> _Held:
        key = (id(arrays[0]), id(arrays[1]))
        with self._lock:
            found = self._held.get(key)
            if found is not None and all(ref() is array for ref, array in zip(found.arrays, arrays, strict=True)):
                self._held.move_to_end(key)
                return found
            made = _Held(tuple(weakref.ref(array, functools.partial(self._drop, key)) for array in arrays))
            self._held[key] = made
            while len(self._held) > self._max_held:
                self._held.popitem(last=False)
            return made

    def _drop(self, key: tuple[int, int], dead: weakref.ref[Any]) -> None:
        with self._lock:
            found = self._held.get(key)
            if found is not None and any(ref is dead for ref in found.arrays):  # not of a later window at the same address
                del self._held[key]


@functools.lru_cache(maxsize=8)
def uploads(device: str) -> WindowUpload:
    """The one of this process for a device ("cpu", "cuda:0")."""
    return WindowUpload(device)


def _send(pixels: Any, device: str) -> tuple[Any, Any]:
    """Copy an array to the device: (tensor, event that says when it is there)."""
    import torch

    # Pinned blocks come from torch's own cache, which gives one out again only when the copy from it has ended.
    staging = torch.empty(pixels.shape, dtype=torch.uint8, pin_memory=device.startswith("cuda"))
    staging.numpy()[...] = pixels
    if not device.startswith("cuda"):
        return staging, None
    with torch.cuda.device(device):
        tensor = staging.to(device, non_blocking=True)
        ready = torch.cuda.Event()
        ready.record()
    return tensor, ready


def _wait_for(ready: Any, tensor: Any) -> None:
    import torch

    stream = torch.cuda.current_stream(tensor.device)
    stream.wait_event(ready)
    tensor.record_stream(stream)  # its memory is not given out again before this stream has read it
