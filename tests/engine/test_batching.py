from __future__ import annotations

import errno
import gc
import weakref
from collections.abc import Sequence
from typing import Any

import pytest

from reelscope.engine.batching import MemoryBatches, is_out_of_memory
from reelscope.errors import AnalyzerError, ModelError

ITEMS = list(range(10))
CUDA = "CUDA out of memory. Tried to allocate 20.00 MiB"


class Device:
    """Squares numbers; fails on the calls named, or on batches larger than `room`."""

    def __init__(self, fails: Sequence[int] = (), *, room: int = 1000, error: Exception | None = None) -> None:
        self.fails, self.room, self.error = set(fails), room, error or RuntimeError(CUDA)
        self.seen: list[int] = []
        self.sizes: list[int] = []

    def __call__(self, batch: Sequence[int]) -> list[int]:
        self.sizes.append(len(batch))
        if len(self.sizes) in self.fails or len(batch) > self.room:
            raise self.error
        self.seen += batch
        return [n * n for n in batch]


class Notes:
    """What the engine is asked for."""

    def __init__(self) -> None:
        self.shrunk: list[int] = []
        self.evicted = self.freed = 0

    def batches(self, size: int) -> MemoryBatches:
        return MemoryBatches(size, on_shrink=self.shrunk.append, evict=self._evict, free=self._free)

    def _evict(self) -> None:
        self.evicted += 1

    def _free(self) -> None:
        self.freed += 1


@pytest.mark.parametrize(("fails", "sizes"), [((1,), [4, 2, 2, 2, 2, 2]), ((3,), [4, 4, 2, 1, 1]), ((1, 2), [4, 2, 1, *[1] * 9])])
def test_the_same_batch_is_tried_again_in_halves(fails: tuple[int, ...], sizes: list[int]) -> None:
    quiet, device, notes = Device(), Device(fails), Notes()
    assert notes.batches(4).run(ITEMS, device) == MemoryBatches(4).run(ITEMS, quiet)
    assert device.seen == ITEMS and device.sizes == sizes
    assert notes.freed == len(fails) and notes.evicted == 0


def test_the_smaller_size_is_kept_and_told() -> None:
    notes, device = Notes(), Device(room=3)
    batches = notes.batches(16)
    batches.run(ITEMS, device)
    assert notes.shrunk == [5, 2] and batches.size == 2  # the batch that failed held 10 items
    device.sizes.clear()
    assert batches.run(ITEMS, device) == [n * n for n in ITEMS] and device.sizes == [2] * 5


def test_at_a_batch_of_one_others_are_unloaded_once() -> None:
    notes, device = Notes(), Device((1,))
    assert notes.batches(1).run([7], device) == [49]
    assert notes.evicted == 1 and notes.shrunk == [] and device.sizes == [1, 1]


def test_each_item_gets_others_unloaded_anew() -> None:
    notes = Notes()
    assert notes.batches(1).run([1, 2], Device((1, 3))) == [1, 4] and notes.evicted == 2


def test_in_the_end_it_says_what_was_tried() -> None:
    notes, device = Notes(), Device(room=0)
    with pytest.raises(AnalyzerError) as caught:
        notes.batches(8).run(ITEMS, device)
    assert caught.value.code == "out_of_memory" and caught.value.hint
    assert "8, 4, 2, 1" in caught.value.message and CUDA in caught.value.message
    assert device.sizes == [8, 4, 2, 1, 1] and notes.evicted == 1 and caught.value.__context__ is None


@pytest.mark.parametrize("error", [RuntimeError("shape mismatch"), ValueError("out of memory"), ModelError("model x is damaged")])
def test_other_errors_pass_untouched(error: Exception) -> None:
    device, notes = Device((1,), error=error), Notes()
    with pytest.raises(type(error)) as caught:
        notes.batches(4).run(ITEMS, device)
    assert caught.value is error and device.sizes == [4] and notes.freed == 0 and notes.shrunk == []


def test_results_must_match_the_batch() -> None:
    with pytest.raises(ValueError, match="1 results for a batch of 2"):
        MemoryBatches(2).run([1, 2], lambda batch: [0])


def test_an_error_in_lazy_results_counts_too() -> None:
    device = Device((1,))
    assert MemoryBatches(2, free=gc.collect).run([1, 2], lambda batch: (n for _ in [0] for n in device(batch))) == [1, 4]  # type: ignore[arg-type, return-value]


def test_nothing_to_do_calls_nothing() -> None:
    device = Device()
    assert MemoryBatches(4).run([], device) == [] and device.sizes == []


def test_what_the_failed_call_held_is_gone_before_caches_are_freed() -> None:
    class Tensor:
        pass

    held: list[weakref.ref[Tensor]] = []
    alive: list[bool] = []

    def call(batch: Sequence[int]) -> list[int]:
        tensor = Tensor()
        held.append(weakref.ref(tensor))
        if len(held) == 1:
            raise RuntimeError(CUDA)
        return list(batch)

    MemoryBatches(2, free=lambda: alive.append(held[0]() is not None)).run([1, 2], call)
    assert alive == [False]


def _torch_error() -> Exception:
    return type("OutOfMemoryError", (RuntimeError,), {"__module__": "torch"})("no text that we know")


def _foreign(module: str, text: str) -> Exception:
    return type("RuntimeException", (Exception,), {"__module__": module})(text)


ORT = "onnxruntime.capi.onnxruntime_pybind11_state"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (_torch_error(), True),
        (RuntimeError(CUDA), True),
        (RuntimeError("CUDA failed with error out of memory"), True),  # CTranslate2
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), True),
        (_foreign(ORT, "BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 939524096"), True),
        (_foreign(ORT, "Available memory of 1024 is smaller than requested bytes of 4096"), True),
        (_foreign(ORT, "Can't allocate memory on the CUDA device using this package of OnnxRuntime."), False),
        (_foreign("cv2", "(-4:Insufficient memory) Failed to allocate 4000000000000 bytes"), True),
        (_foreign("somebody", "out of memory"), False),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), True),
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (AnalyzerError("x", code="out_of_memory"), True),
        (AnalyzerError("out of memory"), False),
        (KeyError("out of memory"), False),
    ],
)
def test_what_counts_as_out_of_memory(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


def test_real_errors_of_the_libraries_here() -> None:
    import cv2
    import numpy as np

    def caught(call: Any) -> Exception:
        with pytest.raises(Exception) as info:
            call()
        return info.value

    assert is_out_of_memory(caught(lambda: cv2.resize(np.zeros((4, 4), np.uint8), (2_000_000, 2_000_000))))
    assert is_out_of_memory(caught(lambda: np.zeros((10**9, 10**6))))
    assert not is_out_of_memory(caught(lambda: cv2.resize(np.zeros((0, 0), np.uint8), (2, 2))))
