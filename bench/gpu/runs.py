"""Seconds of one clip, first and cached, then a batch of many; and the order of all parts."""

from __future__ import annotations

import statistics
import time
import traceback
from collections.abc import Sequence

from bench.gpu.nvml import GOAL_PERCENT, PERIOD_S, Sampler
from bench.gpu.pressure import allocator, out_of_memory
from bench.gpu.report import batches_of, members_of, shown, tokens_of, worker_memory
from bench.gpu.state import Bench, analyze
from reelscope.document.schema import Document
from reelscope.pipeline import Session

__all__ = ["run_all"]

FIRST_GOAL_S, CACHED_GOAL_S, HOUR_GOAL = 20.0, 5.0, 2000  # DESIGN section 8: 49 s clip; 30 s clips an hour


def run_all(bench: Bench, *, fragmentation: bool = True, oom: bool = True) -> bool:
    """Everything; False where a part failed (a member without a result, another document under pressure).

    What there is is saved after each part, and a part that ends with an error takes none of the others with it.
    """
    parts = [("seconds and batch", seconds_and_batch)]
    parts += [("fragmentation", allocator)] if fragmentation else []
    parts += [("out of memory", out_of_memory)] if oom else []
    good = True
    for name, part in parts:
        try:
            good &= part(bench)
        except Exception as error:
            traceback.print_exc()
            bench.out.line(f"the part {name} ended with {type(error).__name__}: {error}")
            good = False
        bench.save()
    return good


def seconds_and_batch(bench: Bench) -> bool:
    """First and cached run of one clip, then the batch; on the same workers."""
    out = bench.out
    with bench.session() as session:
        placement(bench, session)
        started = time.perf_counter()
        first = analyze(session, bench.clip, bench.only)
        first_s = time.perf_counter() - started
        again = [analyze(session, bench.clip, bench.only) for _ in range(bench.repeats)]
        seconds = [float(d.run.seconds or 0.0) for d in again]
        cached, cached_s = again[-1], statistics.median(seconds)
        bench.documents += [first, *again]
        _seconds_table(bench, first, cached)
        good = _all_ok(bench, [first, *again])
        out.facts(
            "one clip",
            {
                "clip seconds": bench.seconds,
                "first run, seconds (workers and models start)": first_s,
                f"cached run, seconds, median of {len(seconds)}": cached_s,
                "cached runs, seconds, each": ", ".join(f"{s:.2f}" for s in seconds),
                "of the last, seconds in each phase": ", ".join(f"{k} {v:.2f}" for k, v in cached.run.phases.items() if v is not None),
                "goal of the first run": _judge(bench, first_s, FIRST_GOAL_S),
                "goal of the cached run": _judge(bench, cached_s, CACHED_GOAL_S),
                "frames in the clip, decoded": cached.media.frames_decoded,
                "decode passes": cached.run.passes,
                "tokens generated": tokens_of(cached),
            },
        )
        bench.save()
        good &= batch(bench, session, cached_s)
        worker_table(bench, session)
    return good


def placement(bench: Bench, session: Session) -> None:
    """Where everything runs."""
    plan = session.plan(only=bench.only).placement
    rows = []
    for worker in plan.workers:
        mine = [m for m in worker.members if m in bench.names]
        budget = "-" if worker.gpu_budget_mib is None else f"{worker.gpu_budget_mib} MiB"
        rows.append((worker.name, worker.device, budget, "\n".join(f"{m} x{plan.batches.get(m, 1)}" for m in mine) or "-"))
    gpus = "; ".join(f"cuda:{g.index} {g.name}, {g.memory_mib} MiB" for g in bench.hardware.gpus)
    bench.out.table(f"placement on {gpus}", ("worker", "device", "budget", "members and batch"), rows)


def _seconds_table(bench: Bench, first: Document, cached: Document) -> None:
    rows, kept = [], {}
    after = members_of(cached)
    for name in bench.names:
        a, b = first.analyzers[name], cached.analyzers[name]
        facts = after.get(name, {}).get("summary", {})
        rows.append(
            (
                name,
                str(b.backend),
                f"{facts.get('parameters', 0) / 1e6:.1f}",
                str(facts.get("measured", {}).get("on", b.device)),
                shown(a.seconds),
                shown(b.seconds),
                str(facts.get("items", "-")),
                str(facts.get("tokens", "-")),
                b.status if b.status == "ok" else f"{b.status}: {b.code}",
            )
        )
        kept[name] = {
            "backend": b.backend,
            "first_s": a.seconds,
            "cached_s": b.seconds,
            "items": facts.get("items"),
            "tokens": facts.get("tokens"),
        }
    for name, entry in cached.analyzers.items():
        if name not in bench.names and entry.status == "ok":
            rows.append(
                (
                    name,
                    str(entry.backend),
                    "-",
                    str(entry.device),
                    shown(first.analyzers[name].seconds),
                    shown(entry.seconds),
                    "-",
                    "-",
                    "ok",
                )
            )
    bench.out.table(
        "seconds of each analyzer (waiting for a batch counts in)",
        ("analyzer", "network", "M parameters", "on", "first", "last cached", "items", "tokens", "status"),
        rows,
        others=[row[0] for row in rows if row[0] not in bench.names],
    )
    bench.out.figures["analyzers"] = kept


def batch(bench: Bench, session: Session, single_s: float) -> bool:
    """Many clips in one call, with the GPU's use at 1 Hz."""
    documents: list[Document] = []
    good = True
    started = time.perf_counter()
    with Sampler(bench.reader()) as sampler:
        for _, found in session.analyze_many([bench.clip] * bench.clips, only=bench.only):
            if isinstance(found, Exception):
                bench.out.line(f"a clip of the batch failed: {found}")
                good = False
            else:
                documents.append(found.document)
    spent = time.perf_counter() - started
    bench.documents += documents
    use = sampler.use()
    per_hour = bench.clips * bench.seconds / spent * 3600 / 30
    bench.out.facts(
        "batch",
        {
            "clips in one call": bench.clips,
            "seconds": spent,
            "of the sum of as many cached single runs": spent / (bench.clips * single_s) if single_s else None,
            "30 s clips an hour": round(per_hour),
            "goal of clips an hour": _verdict(per_hour >= HOUR_GOAL, str(HOUR_GOAL)) if bench.judged else "not judged: tiny",
            "frames decoded": sum(d.media.frames_decoded or 0 for d in documents),
            "tokens generated": sum(tokens_of(d) for d in documents),
            f"GPU use, mean % at {1 / PERIOD_S:.0f} Hz": use.mean_percent,
            "GPU use, median %": use.median_percent,
            "GPU use, 10th percentile %": use.p10_percent,
            "readings": use.readings,
            "goal of GPU use": None if use.goal_met is None else _verdict(use.goal_met, f"mean {GOAL_PERCENT:.0f} %"),
            "device memory at most, MiB (all processes)": use.device_peak_mib,
        },
    )
    bench.out.figures["process peaks by NVML, MiB"] = {str(k): v for k, v in use.process_peaks_mib.items()}
    rows = []
    for name in bench.names:
        found_fill = batches_of(documents, name)
        if found_fill is not None:
            count, mean, several = found_fill
            rows.append((name, str(count), f"{100 * mean:.0f} %", f"{100 * several:.0f} %"))
    bench.out.table("batches of the run of many clips", ("analyzer", "batches", "mean fill", "with items of several clips"), rows)
    bench.out.figures["batch fill"] = {r[0]: r[1:] for r in rows}
    return good and _all_ok(bench, documents)


def worker_table(bench: Bench, session: Session) -> None:
    """Memory of each worker against its budget, and what went up to the device."""
    views = {v.get("pid"): v for v in session.engine.views()}
    rows = []
    for worker in worker_memory(bench.documents):
        view = views.get(worker.pid, {})
        budget = view.get("gpu_budget_mib")
        rows.append(
            (
                str(view.get("worker", f"pid {worker.pid}")),
                shown(worker.weights_mib, 0),
                shown(worker.allocated_peak_mib, 0),
                shown(worker.reserved_peak_mib, 0),
                "-" if budget is None else str(budget),
                "-" if budget is None or worker.reserved_peak_mib is None else f"{100 * worker.reserved_peak_mib / budget:.0f} %",
                str(worker.uploads),
                str(worker.uploads_shared),
                f"{worker.sent_mib:.1f}",
            )
        )
    bench.out.table(
        "memory of each worker, MiB (by PyTorch), and frames sent up, over all clips so far",
        ("worker", "weights", "allocated peak", "reserved peak", "budget", "of budget", "uploads", "found sent", "MiB sent"),
        rows,
    )
    bench.out.figures["workers"] = [list(r) for r in rows]


def _judge(bench: Bench, value: float, goal: float) -> str:
    return _verdict(value <= goal, f"{goal:.0f} s") if bench.judged else "not judged: tiny"


def _verdict(met: bool, goal: str) -> str:
    return f"{'met' if met else 'MISSED'} ({goal})"


def _all_ok(bench: Bench, documents: Sequence[Document]) -> bool:
    good = True
    for document in documents:
        for name in bench.names:
            entry = document.analyzers[name]
            if entry.status != "ok":
                bench.out.line(f"{name}: {entry.status} ({entry.code}): {entry.reason}")
                good = False
    return good
