"""Batches that survive a device without memory: caches are freed, the batch is halved, the same items are tried again."""

from __future__ import annotations

import errno
import logging
import re
from collections.abc import Callable, Sequence
from typing import Any

from reelscope.engine.faults import EvictOthers, HalveBatch, batch_step
from reelscope.errors import AnalyzerError, ReelscopeError
from reelscope.models.batches import Batches
from reelscope.models.memory import release_memory

__all__ = ["MemoryBatches", "is_out_of_memory"]

log = logging.getLogger(__name__)

# As the runtimes word it: PyTorch, CTranslate2 and CUDA itself ("out of memory"), onnxruntime's arena with and without a limit, C++,
# cuBLAS and cuDNN, OpenCV. Words alone prove nothing ("can't allocate memory on the CUDA device using this package"): exact ones only.
WORDS = re.compile(
    r"out of memory|outofmemory|failed to allocate memory|smaller than requested bytes|bad_alloc|bad allocation|_alloc_failed"
    r"|insufficient memory|defaultcpuallocator: can't allocate|defaultcpuallocator: not enough memory",
    re.IGNORECASE,
)
RUNTIMES = ("onnxruntime", "torch", "ctranslate2", "cv2")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, of the main memory or of a GPU. Imports nothing."""
    if isinstance(error, MemoryError):  # NumPy's, too
        return True
    if isinstance(error, ReelscopeError):
        return error.code == "out_of_memory"
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    kinds = type(error).__mro__
    if any(k.__name__ == "OutOfMemoryError" for k in kinds):  # torch.OutOfMemoryError
        return True
    ours_to_read = isinstance(error, RuntimeError) or any(k.__module__.partition(".")[0] in RUNTIMES for k in kinds)
    return ours_to_read and WORDS.search(str(error)) is not None


class MemoryBatches(Batches):
    """Batches that shrink for good where memory runs out; lives as long as its member.

    Args:
        size: Items at once, to begin with.
        on_shrink: Told each smaller size, so that it outlives a restart of the worker.
        evict: Unloads the models of others on the device.
        free: Frees caches.
    """

    def __init__(
        self,
        size: int = 1,
        *,
        on_shrink: Callable[[int], object] | None = None,
        evict: Callable[[], object] | None = None,
        free: Callable[[], object] = release_memory,
    ) -> None:
        super().__init__(size)
        self._on_shrink, self._evict, self._free = on_shrink, evict, free

    def run(self, items: Sequence[Any], call: Callable[[Sequence[Any]], Sequence[Any]]) -> list[Any]:
        """Results of `call` for all items, in order, as if memory had never run out.

        A call that ran out of memory is repeated with the same items: it must not count them before it returns.

        Raises:
            AnalyzerError: out_of_memory, where even one item does not fit with every other model unloaded.
        """
        out: list[Any] = []
        tried: list[int] = []  # sizes that the items at hand did not fit with
        evicted = False
        while len(out) < len(items):
            batch = items[len(out) : len(out) + self.size]
            try:
                results = list(call(batch))
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                why = f"{type(error).__name__}: {error}".splitlines()[0]
            else:
                if len(results) != len(batch):
                    raise ValueError(f"the call returned {len(results)} results for a batch of {len(batch)}")
                out.extend(results)
                tried, evicted = [], False
                continue
            # Only here, past the handler, are the frames of the failed call and the memory that they hold let go of.
            tried.append(len(batch))
            match batch_step(len(batch), evicted=evicted):
                case HalveBatch(size):
                    log.warning("out of memory with a batch of %d; going on with %d (%s)", len(batch), size, why)
                    self.size = size
                    if self._on_shrink is not None:
                        self._on_shrink(size)
                case EvictOthers():
                    log.warning("out of memory with a batch of 1; unloading other models (%s)", why)
                    evicted = True
                    if self._evict is not None:
                        self._evict()
                case step:
                    sizes = ", ".join(str(n) for n in dict.fromkeys(tried))
                    raise AnalyzerError(
                        f"{step.reason}; tried batches of {sizes}; last: {why}",
                        code=step.code,
                        hint="a smaller model (--backend, --tier), or more free memory on the device",
                    )
            self._free()
        return out
