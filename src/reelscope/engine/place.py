"""Which worker, device and lane each member of a clip gets. Pure functions over frozen data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from reelscope.config import Settings
from reelscope.engine.balance import Unit, dependency_order, lanes_of, spread, units_of
from reelscope.engine.placement import Hardware, Placement, WorkerPlan
from reelscope.features.base import FeatureSpec

if TYPE_CHECKING:
    from reelscope.engine.plan import Choice

__all__ = ["place"]

FINISHING = 2  # members of a CPU worker that may finish at once: one of this clip beside the feeding of the next


def place(
    running: Sequence[Choice], features: Mapping[str, FeatureSpec], *, hardware: Hardware, settings: Settings, many: bool
) -> Placement:
    """Place the members of one clip.

    Args:
        running: Choices that run, in the document's order; features: those that they need, each after its own needs.
        hardware: What may be used. many: Whether several clips are analysed, so that worker processes pay for their start.
    """
    units = units_of(running, features)
    order = dependency_order(running, features)
    here = settings.placement.workers == 0 or (settings.placement.workers is None and not many)
    workers, why = (_here(units, order, hardware, settings), ()) if here else _cpu_workers(units, order, running, hardware, settings)
    return Placement(
        here=here,
        workers=workers,
        batches={c.name: settings.performance.analyzers[c.name].batch or c.batch for c in running},
        windows_in_flight=settings.performance.windows_in_flight,
        decode_threads=settings.placement.decode_threads or hardware.cores,
        why=(_why_here(settings),) if here else why,
    )


def _why_here(settings: Settings) -> str:
    if settings.placement.workers == 0:
        return "placement.workers is 0: everything works in this process"
    return "a single clip without a GPU does not pay for the start of worker processes"


def _here(units: Sequence[Unit], order: Sequence[str], hardware: Hardware, settings: Settings) -> tuple[WorkerPlan, ...]:
    lanes = lanes_of(units, settings.optimisation.lanes or hardware.cores)
    return (
        WorkerPlan(
            name="here",
            device="cpu",
            lanes=lanes,
            members=tuple(order),
            member_device=dict.fromkeys(order, "cpu"),
            threads=hardware.cores,
            ram_budget_mib=settings.models.ram_mib,
            why=(f"{len(lanes)} lanes for {hardware.cores} cores, balanced by measured cost",) if lanes else (),
        ),
    )


def _cpu_workers(
    units: Sequence[Unit], order: Sequence[str], running: Sequence[Choice], hardware: Hardware, settings: Settings
) -> tuple[tuple[WorkerPlan, ...], tuple[str, ...]]:
    wanted = settings.placement.workers or hardware.cores
    lanes = settings.optimisation.lanes
    count = max(1, min(wanted, len(units), lanes or wanted))
    piles = spread(units, count)
    threads = {c.name: c.backend.threads for c in running if c.backend}
    workers = []
    for i, pile in enumerate(piles):
        names = {n for u in pile for n in u.members}
        members = tuple(n for n in order if n in names)
        own = 1 if lanes is None else lanes // count + (i < lanes % count)
        workers.append(
            WorkerPlan(
                name=f"cpu-{i}",
                device="cpu",
                lanes=lanes_of(pile, own),
                members=members,
                member_device=dict.fromkeys(members, "cpu"),
                threads=FINISHING,
                numeric_threads=max(1, min(hardware.cores // count, max((threads.get(n, 1) for n in members), default=1))),
                ram_budget_mib=settings.models.ram_mib,
            )
        )
    return tuple(w for w in workers if w.members) or (), (f"{len(workers)} CPU workers for {hardware.cores} cores",)
