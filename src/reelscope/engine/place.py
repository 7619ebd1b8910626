"""Which worker, device and lane each member of a clip gets. Pure functions over frozen data; docs/placement.md tells the rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from reelscope.config import Settings
from reelscope.engine.balance import Unit, dependency_order, lanes_of, spread, units_of
from reelscope.engine.gpu_groups import GpuShare, share_gpus
from reelscope.engine.gpus import BUDGET_MIB, check_pins, factor_of, pinned_cpu, room_mib, usable_gpus
from reelscope.engine.placement import Gpu, Hardware, Lane, Placement, WorkerPlan
from reelscope.features.base import FeatureSpec

if TYPE_CHECKING:
    from reelscope.engine.plan import Choice

__all__ = ["WORKERS_FROM_CORE_S", "place"]

FINISHING = 2  # members of a worker that may finish at once: one of this clip beside the feeding of the next
# Work of the members from which worker processes are worth their start: measured by `python -m bench.engine --only modes`, docs/speed.md.
WORKERS_FROM_CORE_S = 2.5
POOL_MOST = 16  # more members than that never finish at the same time


def place(
    running: Sequence[Choice],
    features: Mapping[str, FeatureSpec],
    *,
    hardware: Hardware,
    settings: Settings,
    many: bool,
    material_s: float = 0.0,
) -> Placement:
    """Place the members of one clip.

    Args:
        running: Choices that run, in the document's order; features: those that they need, each after its own needs.
        hardware: What may be used. many: Whether several clips are analysed, so that worker processes pay for their start.
        material_s: Length of a single clip: a long one pays for them too.

    Raises:
        ConfigError: Devices, pins or budgets by setting that this machine does not have.
    """
    return _Placing({c.name: c for c in running}, features, hardware, settings, many, material_s).placement()


@dataclass(frozen=True)
class _Placing:
    """What the steps of one placement share."""

    choices: Mapping[str, Choice]
    features: Mapping[str, FeatureSpec]
    hardware: Hardware
    settings: Settings
    many: bool
    material_s: float

    def placement(self) -> Placement:
        check_pins(self.hardware, self.settings)
        workers, why = (self._here(), self._why_here()) if self.here else self._workers()
        dropped = self.share.dropped
        why += tuple(f"{name} runs on the CPU: {reason}" for name, reason in dropped.items() if name not in self.share.unplaced)
        return Placement(
            here=self.here,
            workers=workers,
            batches={c.name: self._batch(c) for c in self.choices.values()},
            windows_in_flight=self.settings.performance.windows_in_flight,
            decode_threads=self.settings.placement.decode_threads or self.hardware.cores,
            why=why,
            unplaced=self.share.unplaced,
        )

    # --- what everything rests on -------------------------------------------------------------------------------------------------

    @cached_property
    def order(self) -> tuple[str, ...]:
        return tuple(n for n in dependency_order(list(self.choices.values()), self.features) if n not in self.share.unplaced)

    @cached_property
    def all_units(self) -> list[Unit]:
        return units_of(list(self.choices.values()), self.features)

    @cached_property
    def units(self) -> list[Unit]:
        return units_of([c for c in self.choices.values() if c.name not in self.share.unplaced], self.features)

    @cached_property
    def gpus(self) -> tuple[Gpu, ...]:
        return usable_gpus(self.hardware, self.settings)

    @cached_property
    def share(self) -> GpuShare:
        """Groups on GPUs, in this process as one."""
        return share_gpus(self.choices, self.all_units, self.gpus, self.settings, together=self.settings.placement.workers == 0)

    @cached_property
    def here(self) -> bool:
        workers = self.settings.placement.workers
        numbered = any(p >= 0 for name in self.choices if (p := pinned_cpu(name, self.settings)) is not None)
        return workers == 0 or (workers is None and not self.pays and not self.share.groups and not numbered)

    @cached_property
    def pays(self) -> bool:
        """Whether there is work enough for worker processes to be worth their start."""
        return self.many or self.material_s * sum(u.cost for u in self.units) >= WORKERS_FROM_CORE_S

    def _why_here(self) -> tuple[str, ...]:
        if self.settings.placement.workers == 0:
            return ("placement.workers is 0: everything works in this process",)
        return ("a single clip with so little to do does not pay for the start of worker processes",)

    def _batch(self, choice: Choice) -> int:
        own = self.settings.performance.analyzers.of(choice.name).batch
        gpu = self.share.gpu_of(choice.name)
        # The backend's own size, not the choice's: that of a plan placed anew (reuse.reduced) has the factor in it already.
        batch = choice.backend.batch if choice.backend is not None else choice.batch
        if own is not None or gpu is None or batch == 1:  # one at a time stays one: such a backend knows no batches
            return own or batch
        return batch * factor_of(gpu)

    def _numeric_threads(self, members: Sequence[str], processes: int) -> int:
        """Threads of numeric libraries: what the backends make good use of, within a fair part of the cores."""
        most = max((c.backend.threads for n in members if (c := self.choices.get(n)) and c.backend), default=1)
        return max(1, min(most, self.hardware.cores // max(1, processes)))

    def _members(self, units: Sequence[Unit]) -> tuple[str, ...]:
        names = {n for u in units for n in u.members}
        return tuple(n for n in self.order if n in names)

    # --- workers ------------------------------------------------------------------------------------------------------------------

    def _here(self) -> tuple[WorkerPlan, ...]:
        group = next(iter(self.share.groups), None)
        gpu = self.share.at[group.name] if group else None
        lanes = self._gpu_worker_lanes(self.units, self.settings.optimisation.lanes or self.hardware.cores)
        return (
            WorkerPlan(
                name="here",
                device=f"cuda:{gpu.index}" if gpu else "cpu",
                lanes=lanes,
                members=self.order,
                member_device={n: f"cuda:{gpu.index}" if gpu and n in self.share.members else "cpu" for n in self.order},
                gpu_uuid=gpu.uuid if gpu else None,
                threads=self.hardware.cores,
                gpu_budget_mib=self.share.budget_mib.get("here"),
                ram_budget_mib=self.settings.models.ram_mib,
                why=(f"{_count(len(lanes), 'lane')} for {_count(self.hardware.cores, 'core')}, balanced by measured cost",),
            ),
        )

    def _workers(self) -> tuple[tuple[WorkerPlan, ...], tuple[str, ...]]:
        parts = self._parts()
        cpu, pool = parts.pop("cpu", []), parts.pop("pool", [])
        cost = {name: sum(u.cost for u in part if not self._on_gpu(u)) for name, part in {**parts, "cpu": cpu}.items()}
        all_cost = sum(cost.values()) or 1.0
        # cores are shared by what each worker's CPU members cost; without GPUs all belong to the CPU workers
        cores = {name: max(1, round(self.hardware.cores * c / all_cost)) if parts else self.hardware.cores for name, c in cost.items()}
        processes = len(parts) + bool(pool)
        lanes = self.settings.optimisation.lanes
        workers = [self._gpu_worker(name, part, lanes or cores[name], processes) for name, part in parts.items()]
        cpu_workers = self._cpu_workers(cpu, cores["cpu"], processes)
        workers += cpu_workers
        if pool:
            workers.append(self._pool(pool, processes))
        return tuple(workers), self._why(parts, len(cpu_workers))

    def _why(self, parts: Mapping[str, object], cpu_workers: int) -> tuple[str, ...]:
        why = []
        if parts:
            why.append("an analyzer that uses a GPU runs in a worker process of its group")
            idle = [g for g in self.gpus if g.index not in {gpu.index for gpu in self.share.at.values()}]
            if idle:
                names = ", ".join(f"cuda:{g.index}" for g in idle)
                why.append(f"unused: {names}; run one process for each GPU or set of GPUs, each with its own CUDA_VISIBLE_DEVICES")
        elif self.gpus:
            why.append("no analyzer of this plan uses the GPU")
        if cpu_workers:
            wanted = self.settings.placement.workers
            reason = "placement.workers" if wanted is not None else "one for each core to use, at most one for each part of the work"
            why.append(f"{_count(cpu_workers, 'CPU worker')} for {_count(self.hardware.cores, 'core')}: {reason}")
        return tuple(why)

    def _on_gpu(self, unit: Unit) -> bool:
        return any(n in self.share.members for n in unit.members)

    def _parts(self) -> dict[str, list[Unit]]:
        """Units by worker: the groups on GPUs, "cpu" for what the CPU workers share, "pool"."""
        names = [g.name for g in self.share.groups]
        key = {u.members: self._key(u, names) for u in self.units if any(n in self.choices for n in u.members)}
        for unit in self.units:
            if unit.members not in key:
                key[unit.members] = self._feature_key(unit, names, key)
        parts: dict[str, list[Unit]] = {name: [] for name in names}
        for unit in self.units:
            parts.setdefault(key[unit.members], []).append(unit)
        return parts

    def _key(self, unit: Unit, groups: Sequence[str]) -> str:
        """Worker of a unit with an analyzer in it."""
        on_gpu = next((self.share.members[n] for n in unit.members if n in self.share.members), None)
        if on_gpu is not None:
            return on_gpu
        pins = [p for n in unit.members if (p := pinned_cpu(n, self.settings)) is not None]
        elsewhere = "cpu" if unit.streaming or not groups else "pool"
        if pins:
            return "cpu" if max(pins) >= 0 else elsewhere
        spec = max((self.choices[n] for n in unit.members if n in self.choices), key=lambda c: c.backend.cost if c.backend else 0).spec
        group = spec.group if spec else "audio"
        return group if group in groups and group in BUDGET_MIB else elsewhere

    def _feature_key(self, unit: Unit, groups: Sequence[str], key: Mapping[tuple[str, ...], str]) -> str:
        """Worker of features that nobody reads while they are made: beside most of those that read them afterwards."""
        if not groups:
            return "cpu"
        if not unit.streaming:
            return "pool"
        names = set(unit.members)
        readers = Counter(key[u.members] for u in self.units if u.members in key and not names.isdisjoint(u.reads))
        readers.pop("pool", None)  # it takes no frames
        if readers:
            return readers.most_common(1)[0][0]
        if "cpu" in key.values():
            return "cpu"
        load = {name: sum(u.cost for u in self.units if key.get(u.members) == name and not self._on_gpu(u)) for name in groups}
        return min((n for n in groups if load[n]), key=load.__getitem__, default=groups[-1])  # beside others of the CPU, if there are any

    def _gpu_worker_lanes(self, units: Sequence[Unit], cores: int) -> tuple[Lane, ...]:
        """Units on the GPU take turns in one lane; those on the CPU get lanes of their own."""
        shared = lanes_of([u for u in units if self._on_gpu(u)], 1)
        return shared + lanes_of([u for u in units if not self._on_gpu(u)], cores)

    def _gpu_worker(self, name: str, units: Sequence[Unit], cores: int, processes: int) -> WorkerPlan:
        gpu, members, budget = self.share.at[name], self._members(units), self.share.budget_mib[name]
        why = [f"cuda:{gpu.index} is {gpu.name} with {gpu.memory_mib / 1024:.1f} GiB, {room_mib(gpu) / 1024:.1f} of them for workers"]
        why.append(self.share.why_budget(name))
        pinned = [f"{n}={p}" for n, p in self.settings.placement.pin.items() if n in members]
        why += [f"pinned: {', '.join(pinned)}"] if pinned else []
        return WorkerPlan(
            name=name,
            device=f"cuda:{gpu.index}",
            lanes=self._gpu_worker_lanes(units, cores),
            members=members,
            member_device={n: "cuda:0" if n in self.share.members else "cpu" for n in members},
            gpu_uuid=gpu.uuid,
            threads=FINISHING,
            numeric_threads=self._numeric_threads(members, processes),
            gpu_budget_mib=budget,
            ram_budget_mib=self.settings.models.ram_mib,
            why=tuple(why),
        )

    def _cpu_workers(self, units: Sequence[Unit], cores: int, processes: int) -> list[WorkerPlan]:
        if not units:
            return []
        fixed = {n: p for u in units for n in u.members if (p := pinned_cpu(n, self.settings)) is not None and p >= 0}
        lanes = self.settings.optimisation.lanes
        wanted = self.settings.placement.workers or cores
        count = max(1, min(wanted, len(units), lanes or wanted), max(fixed.values(), default=-1) + 1)
        workers = []
        for i, pile in enumerate(spread(units, count, fixed)):
            members = self._members(pile)
            own = 1 if lanes is None else max(1, lanes // count + (i < lanes % count))
            pinned = [f"{n}={self.settings.placement.pin[n]}" for n in members if pinned_cpu(n, self.settings) is not None]
            workers.append(
                WorkerPlan(
                    name=f"cpu-{i}",
                    device="cpu",
                    lanes=lanes_of(pile, own),
                    members=members,
                    member_device=dict.fromkeys(members, "cpu"),
                    threads=FINISHING,
                    numeric_threads=self._numeric_threads(members, processes + count),
                    ram_budget_mib=self.settings.models.ram_mib,
                    why=("balanced by measured cost", *([f"pinned: {', '.join(pinned)}"] if pinned else [])),
                )
            )
        return [w for w in workers if w.members]  # a pin to cpu:3 does not start idle workers before it

    def _pool(self, units: Sequence[Unit], processes: int) -> WorkerPlan:
        members = self._members(units)
        return WorkerPlan(
            name="pool",
            device="cpu",
            lanes=(),
            members=members,
            member_device=dict.fromkeys(members, "cpu"),
            threads=min(POOL_MOST, max(1, self.hardware.cores - 2)),
            numeric_threads=self._numeric_threads(members, processes),
            ram_budget_mib=self.settings.models.ram_mib,
            why=("members that take no frames, on the CPU; two cores are left to decoding and to the GPU workers",),
        )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
