"""Frames between processes: windows in memory-mapped files that the decoder writes and readers map, without a copy.

The parent owns a `FramePool` of slots, one file each. A decode pass writes a window into a free slot (`WindowWriter`), readers get a small
`WindowRef` and open it with their own `Attachment`. Who still reads a slot is counted in the parent alone, so that a dead reader leaks
nothing; with no slot free the writer waits, and so the slowest reader paces the decoder. Room is reserved before anything is written: a
full tmpfs would otherwise end the process with SIGBUS in the middle of a frame.
"""

from __future__ import annotations

import errno
import logging
import mmap
import os
import secrets
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from reelscope.engine.windows import HEADER, MAGIC, Attachment, FramesRef, SlotKey, WindowRef, frame_bytes, layout, slot_bytes
from reelscope.errors import EngineError, OutputError
from reelscope.media.frames import FrameSpec, Window

if TYPE_CHECKING:
    from reelscope.config import Settings

__all__ = ["Attachment", "FramePool", "Stop", "WindowRef", "WindowWriter", "shared_parent", "slot_bytes"]

log = logging.getLogger(__name__)

SHM = Path("/dev/shm")
# Left free in the shared-memory directory for others: semaphores, browsers and PyTorch's loaders use it too.
RESERVE_BYTES = 16 << 20
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOMEM)
UNSUPPORTED = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)
POLL_S = 0.1  # how often a waiting writer looks whether it should stop


class Stop(Protocol):
    """What tells a waiting writer to give up: a threading.Event, say."""

    def is_set(self) -> bool: ...


def shared_parent(settings: Settings, need_bytes: int) -> Path:
    """The folder to make the pool's owned folder in.

    `system.shared_dir` where it is set; else /dev/shm where it can be written to and has room; else, with a warning, the temporary folder.

    Args:
        need_bytes: Of all slots together: `slots * slot_bytes(...)`.

    Raises:
        OutputError: system.shared_dir cannot be used.
    """
    chosen = settings.system.shared_dir
    if chosen is not None:
        try:
            chosen.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unusable(chosen, error.strerror or str(error)) from error
        if not os.access(chosen, os.W_OK | os.X_OK):
            raise _unusable(chosen, "permission denied")
        return chosen
    other = settings.system.temp_dir or Path(tempfile.gettempdir())
    if not SHM.is_dir():  # normal on macOS
        log.info("%s is not there: frames go through files in %s", SHM, other)
        return other
    if not os.access(SHM, os.W_OK | os.X_OK):
        log.warning("%s is not writable: frames go through files in %s, which may be slower", SHM, other)
        return other
    free = shutil.disk_usage(SHM).free
    if free < need_bytes + RESERVE_BYTES:
        log.warning(
            "%s has %d MiB free, frames need %d MiB: they go through files in %s, which may be slower; enlarge it (docker run "
            "--shm-size=1g) or set system.shared_dir",
            *(SHM, free >> 20, _mib(need_bytes + RESERVE_BYTES), other),
        )
        return other
    return SHM


@dataclass(slots=True)
class _Slot:
    """One file and who reads it. size 0: there is no file at the moment."""

    number: int
    generation: int = 0
    path: Path | None = None
    map: mmap.mmap | None = None
    size: int = 0
    holds: Counter[Hashable] = field(default_factory=Counter)

    def drop(self) -> None:
        """Unlink the file. Views that somebody still has stay valid: they keep the mapping."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
        self.path, self.map, self.size = None, None, 0


class FramePool:
    """The slots, in the process that decodes. Every method may be called from any thread.

    Args:
        folder: An owned folder in shared memory. slots: Windows that exist at the same time at most: one that is written and those that
            are read, so windows in flight + 1, and one more for each further decode pass at the same time.
        spare: Another folder, used for slots that do not fit into the first.

    Example:
        >>> with pool.writer() as writer:  # doctest: +SKIP
        ...     for window in DecodePass(probe, specs, arrays=writer.arrays).windows():
        ...         send(writer.publish(window, readers=["cpu-0", "cpu-1"]))  # then: pool.release(ref.key, "cpu-0")
    """

    def __init__(self, folder: Path, slots: int, *, spare: Path | None = None) -> None:
        if slots < 2:
            raise ValueError(f"a pool has at least 2 slots, one to write and one to read, not {slots}")
        self._places = (folder,) if spare is None else (folder, spare)
        self._free = [_Slot(n) for n in reversed(range(slots))]  # the last one given back goes out first: its pages are warm
        self._busy: dict[int, _Slot] = {}
        self._changed = threading.Condition()
        self._closed = False

    @property
    def bytes(self) -> int:
        """Memory held by all slots."""
        with self._changed:
            return sum(s.size for s in (*self._free, *self._busy.values()))

    @property
    def in_use(self) -> int:
        """Slots that are written or read at the moment."""
        with self._changed:
            return len(self._busy)

    def writer(self, *, stop: Stop | None = None, timeout_s: float | None = None) -> WindowWriter:
        """For one decode pass. stop: ends its waiting; timeout_s: of one wait for a free slot."""
        return WindowWriter(self, stop, timeout_s)

    def retain(self, key: SlotKey, reader: Hashable) -> None:
        """Count one more use of a window that is still in use.

        Raises:
            EngineError: The window is gone.
        """
        with self._changed:
            slot = self._find(key)
            if slot is None:
                raise EngineError(f"the window in slot {key[0]} is gone", code="stale_window")
            slot.holds[reader] += 1

    def release(self, key: SlotKey, reader: Hashable) -> bool:
        """Count one use less; False where `reader` has none (any more), which is no error after `forget`."""
        with self._changed:
            slot = self._find(key)
            if slot is None or slot.holds[reader] < 1:
                return False
            slot.holds[reader] -= 1
            self._settle(slot)
            return True

    def forget(self, reader: Hashable) -> int:
        """Give back everything that a dead reader held (end it first: it would see what comes next); how many windows that were."""
        with self._changed:
            held = [s for s in self._busy.values() if s.holds.pop(reader, 0)]
            for slot in held:
                self._settle(slot)
            return len(held)

    def readers(self, key: SlotKey) -> frozenset[Hashable]:
        """Who still reads a window; nobody where it is gone."""
        with self._changed:
            slot = self._find(key)
            return frozenset(r for r, n in slot.holds.items() if n) if slot is not None else frozenset()

    def trim(self) -> None:
        """Give the memory of slots that nobody uses back to the system, between clips, say."""
        with self._changed:
            for slot in self._free:
                slot.drop()

    def close(self) -> None:
        """Unlink every file and end every wait; may be called again."""
        with self._changed:
            self._closed = True
            for slot in (*self._free, *self._busy.values()):
                slot.drop()
            self._changed.notify_all()

    def __enter__(self) -> FramePool:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _find(self, key: SlotKey) -> _Slot | None:
        slot = self._busy.get(key[0])
        return slot if slot is not None and slot.generation == key[1] else None

    def _settle(self, slot: _Slot) -> None:
        if not any(slot.holds.values()):
            slot.holds.clear()
            del self._busy[slot.number]
            if self._closed:
                slot.drop()
            self._free.append(slot)
            self._changed.notify()

    def _acquire(self, writer: Hashable, size: int, stop: Stop | None, timeout_s: float | None) -> tuple[_Slot, mmap.mmap]:
        """A slot of at least `size` bytes, held by `writer`, under a new generation."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        with self._changed:
            while not self._free or self._closed:
                if self._closed or (stop is not None and stop.is_set()):
                    raise _stopped()
                left = POLL_S if deadline is None else min(POLL_S, deadline - time.monotonic())
                if left <= 0:
                    raise EngineError(f"no window became free within {timeout_s:g} s", code="window_timeout", retryable=True)
                self._changed.wait(left)
            slot = next((s for s in reversed(self._free) if s.size >= size), self._free[-1])
            self._free.remove(slot)
            self._busy[slot.number] = slot
            slot.generation += 1
            slot.holds[writer] = 1
        try:
            if slot.size < size:
                self._grow(slot, size)
            with self._changed:
                mapped = slot.map
            if mapped is None:
                raise _stopped()
            HEADER.pack_into(mapped, 0, MAGIC, slot.generation)
        except BaseException:
            self.forget(writer)
            raise
        return slot, mapped

    def _grow(self, slot: _Slot, size: int) -> None:
        """Put a larger file in the slot's place: readers map a new name anew, and what they still see of the old one stays."""
        slot.drop()
        for place in (self._places[0], *self._places):  # twice, the second time without what free slots held
            path = place / f"slot-{slot.number}-{secrets.token_hex(4)}"
            try:
                mapped = _create(path, size)
            except OSError as error:
                if error.errno not in FULL:
                    why = error.strerror or str(error)
                    raise OutputError(
                        f"{place}: frames cannot be stored ({why})",
                        code="shared_memory_failed",
                        hint="set system.shared_dir",
                    ) from error
                log.debug("%s has no room for %d bytes of frames: %s", place, size, error)
                self.trim()
                continue
            with self._changed:
                slot.path, slot.map, slot.size = path, mapped, size
                if self._closed:
                    slot.drop()
            if place != self._places[0]:
                log.warning("%s is full: a window of %d MiB goes through a file in %s", self._places[0], _mib(size), place)
            return
        raise OutputError(
            f"{' and '.join(map(str, self._places))}: no room for a window of {_mib(size)} MiB",
            code="shared_memory_full",
            hint=f"free {_mib(size)} MiB for each window in flight there, name another folder with system.shared_dir, or enlarge /dev/shm"
            " (docker run --shm-size=1g)",
        )


class WindowWriter:
    """Fills slots for one decode pass, one after the other, from one thread. Use it as a context manager."""

    def __init__(self, pool: FramePool, stop: Stop | None, timeout_s: float | None) -> None:
        self._pool, self._stop, self._timeout_s = pool, stop, timeout_s
        self._slot: _Slot | None = None
        self._offsets: Mapping[FrameSpec, int] = {}
        self._addresses: Mapping[FrameSpec, int] = {}

    def arrays(self, capacities: Mapping[FrameSpec, int]) -> dict[FrameSpec, np.ndarray]:
        """Writable arrays of the next window, in a free slot; waits for one. `DecodePass` takes this as its `arrays`.

        Raises:
            EngineError: Stopped ("stopped") or out of time ("window_timeout") while waiting.
            OutputError: No room ("shared_memory_full").
        """
        if self._slot is not None:
            raise RuntimeError("the last window was not published")
        self._offsets, size = layout(capacities)
        self._slot, mapped = self._pool._acquire(self, size, self._stop, self._timeout_s)
        arrays = {
            s: np.frombuffer(mapped, np.uint8, n * frame_bytes(s), self._offsets[s]).reshape((n, *s.shape)) for s, n in capacities.items()
        }
        self._addresses = {s: _address(a) for s, a in arrays.items()}
        return arrays

    def publish(self, window: Window, readers: Iterable[Hashable]) -> WindowRef:
        """Hand the window that lies in the last arrays to its readers, each counted once; with none its slot is free again."""
        slot = self._slot
        if slot is None:
            raise RuntimeError("there is no window to publish")
        file = slot.path
        if file is None:  # the pool was closed meanwhile
            raise _stopped()
        refs = []
        for spec, frames in window.by_spec.items():
            if _address(frames.pixels) != self._addresses[spec]:
                raise ValueError(f"window {window.index} does not lie in the arrays that were given out for it")
            refs.append(FramesRef(spec, self._offsets[spec], len(frames), frames.pts_s.tobytes(), frames.index.tobytes()))
        ref = WindowRef(
            str(file), slot.size, slot.number, slot.generation, window.index, window.start_s, window.end_s, window.last,
            window.size_px, tuple(refs),
        )  # fmt: skip
        for reader in readers:
            self._pool.retain(ref.key, reader)
        self.close()
        return ref

    def close(self) -> None:
        """Give back a slot that was begun and not published."""
        slot, self._slot = self._slot, None
        if slot is not None:
            self._pool.forget(self)

    def __enter__(self) -> WindowWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _create(path: Path, size: int) -> mmap.mmap:
    """A new file of `size` bytes that are really there, mapped read-write; nothing is left of it where that fails."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        _reserve(fd, size)
        return mmap.mmap(fd, size)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(fd)


def _reserve(fd: int, size: int) -> None:
    try:
        os.posix_fallocate(fd, 0, size)
        return
    except AttributeError:  # macOS has none
        pass
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
    block = bytes(1 << 20)
    at = 0
    while at < size:
        at += os.pwrite(fd, block[: size - at], at)


def _address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


def _mib(count: int) -> int:
    return -(-count // (1 << 20))


def _stopped() -> EngineError:
    return EngineError("stopped: no window can be written any more", code="stopped")


def _unusable(folder: Path, why: str) -> OutputError:
    return OutputError(
        f"system.shared_dir: {folder} cannot be used ({why})",
        code="shared_memory_failed",
        hint="name a folder that can be written to, or unset it",
    )
