"""Memory under pressure: fragmentation with both allocators, and a device that another process has filled."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from bench.gpu.ballast import hold, leave_mib
from bench.gpu.nvml import Sampler
from bench.gpu.report import comparable, members_of, shown, worker_memory
from bench.gpu.state import Bench, analyze
from reelscope.document.schema import Document

__all__ = ["allocator", "out_of_memory"]

OOM_MEMBER = "object_detection"
OOM_BATCH = 512  # more than the clip has frames: everything in one batch, whatever memory there is
TINY_OOM_BATCH, TINY_FITS = 4, 2


def allocator(bench: Bench) -> bool:
    """Fragmentation with our allocator settings and with PyTorch's own, over the same clips."""
    rows = []
    for ours in (True, False):
        with bench.session(allocator=ours) as session:
            documents = [analyze(session, bench.clip, bench.names) for _ in range(2)]
            names = {v.get("pid"): v.get("worker") for v in session.engine.views()}
            variables = {str(v["allocator"]) for v in session.engine.views() if v["allocator"]}
        for worker in worker_memory(documents):
            rows.append(
                (
                    "ours" if ours else "PyTorch's own",
                    str(names.get(worker.pid, worker.pid)),
                    shown(worker.peak_fragmentation, 3),
                    shown(worker.rest_fragmentation, 3),
                    ", ".join(sorted(variables)) or "-",
                )
            )
    bench.out.table("fragmentation: 1 - allocated / reserved", ("allocator", "worker", "at the peaks", "at rest", "setting"), rows)
    bench.out.figures["fragmentation"] = [list(r) for r in rows]
    return True


def out_of_memory(bench: Bench) -> bool:
    """One member with everything in one batch: quiet first, then beside a process that holds nearly all memory. The same document?"""
    full = bench.size == "full"
    names = (OOM_MEMBER,)
    given = {"names": names, "batch": OOM_BATCH if full else TINY_OOM_BATCH}
    read = bench.reader()
    idle_mib = read().used_mib if read is not None else 0.0
    with bench.session(**given) as session, Sampler(read, period_s=0.1) as sampler:
        quiet = analyze(session, bench.clip, names)
        peak = sampler.use().device_peak_mib
    leave, uuid = 0, None
    if full:
        memory = worker_memory([quiet])[0]
        assert peak is not None and memory.reserved_peak_mib is not None
        leave = leave_mib(device_peak_mib=peak - idle_mib, reserved_mib=memory.reserved_peak_mib, weights_mib=memory.weights_mib)
        uuid = bench.hardware.gpus[0].uuid
    with _shrinks() as lines, hold(uuid, leave) as ballast:
        with bench.session(**given, oom_above=None if full else TINY_FITS) as session:
            pressed = analyze(session, bench.clip, names)
        alive = ballast.alive
    same = comparable(quiet) == comparable(pressed)
    bench.out.facts(
        "out of memory",
        {
            "how": "a process holds GPU memory" if full else "pretended: batches above 2 raise torch's error; the ballast is empty",
            "ballast holds, MiB": ballast.held_mib,
            "left for us, MiB": leave if full else None,
            "times memory ran out": len(lines),
            "largest batch that ran, quiet": _largest(quiet),
            "largest batch that ran, under pressure": _largest(pressed),
            "same document": same,
            "status": pressed.analyzers[OOM_MEMBER].status,
            "ballast alive": alive,
        },
    )
    return same and alive and bool(lines) and pressed.analyzers[OOM_MEMBER].status == "ok"


@contextmanager
def _shrinks() -> Iterator[list[str]]:
    """Lines of the log about memory that ran out, from this process and its workers."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "out of memory" in record.getMessage():
                lines.append(record.getMessage())

    logger, handler = logging.getLogger("reelscope.engine.batching"), Keep()
    logger.addHandler(handler)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)


def _largest(document: Document) -> int:
    return max((m["summary"]["measured"]["largest_batch"] for m in members_of(document).values()), default=0)
