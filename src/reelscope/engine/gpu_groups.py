"""Which members share which GPU worker, with what budget. Pure functions over frozen data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reelscope.config import Settings
from reelscope.engine.balance import Unit
from reelscope.engine.gpus import AIR, BUDGET_MIB, GIB, GpuGroup, budgets, factor_of, group_of, pinned_cpu, pinned_gpu, spread_groups
from reelscope.engine.placement import Gpu
from reelscope.errors import ConfigError

if TYPE_CHECKING:
    from reelscope.engine.plan import Choice

__all__ = ["GpuShare", "share_gpus"]

TOGETHER = "here"


@dataclass(frozen=True, slots=True)
class GpuShare:
    """How the GPUs are shared.

    Attributes:
        groups: Workers on GPUs. at: GPU of each; budget_mib: of each. members: worker of each member that runs on a GPU.
        dropped: Members that found no room, with the reason; unplaced: those of them that do not run on the CPU unasked.
    """

    groups: tuple[GpuGroup, ...] = ()
    at: Mapping[str, Gpu] = field(default_factory=dict)
    budget_mib: Mapping[str, int] = field(default_factory=dict)
    members: Mapping[str, str] = field(default_factory=dict)
    dropped: Mapping[str, str] = field(default_factory=dict)
    unplaced: Mapping[str, str] = field(default_factory=dict)

    def gpu_of(self, member: str) -> Gpu | None:
        """GPU of a member; None on the CPU."""
        worker = self.members.get(member)
        return None if worker is None else self.at[worker]

    def why_budget(self, name: str) -> str:
        """Where the budget of a worker comes from."""
        group, gpu, given = next(g for g in self.groups if g.name == name), self.at[name], self.budget_mib[name]
        shown = f"{given / GIB:.1f} GiB"
        if group.set_mib is not None:
            return f"{shown} of GPU memory: placement.gpu_gib.{name}"
        if given < group.want_mib(gpu):
            others = sum(g is not group and self.at[g.name] == gpu for g in self.groups)
            beside = f" beside {others} other worker{'s' * (others > 1)}" if others else ""
            return f"{shown} of GPU memory: less than the {group.want_mib(gpu) / GIB:.1f} that it wants, for lack of room{beside}"
        if group.base_mib is None:
            return f"{shown} of GPU memory: its models and a quarter more"
        if given == group.need_mib:
            return f"{shown} of GPU memory: its models take that much"
        times = factor_of(gpu)
        return f"{shown} of GPU memory: the usual" + (f", times {times} on a GPU of this size; batches too" if times > 1 else "")


def share_gpus(
    choices: Mapping[str, Choice], units: Sequence[Unit], gpus: Sequence[Gpu], settings: Settings, *, together: bool
) -> GpuShare:
    """Share the GPUs among the members that use one.

    Args:
        units: Members that must stand together. together: All GPU members work in one process, on one GPU.

    Raises:
        ConfigError: Pins that contradict each other, budgets by setting without room.
    """
    for unit in units:
        _check_unit(unit, choices, settings)
    dropped: dict[str, str] = {}
    freed: set[str] = set()  # pinned members whose group lies on that GPU anyway
    while gpus:
        members = _workers(choices, units, settings, dropped, freed, together)
        if not members:
            break
        groups = _groups(choices, members, settings, together)
        at = spread_groups(groups, gpus)
        merged = {n for n, w in members.items() if "-cuda" in w and at.get(w.partition("-cuda")[0]) == at[w]}
        if merged:
            freed |= merged
            continue
        budget: dict[str, int] = {}
        for gpu in gpus:
            mine = [g for g in groups if at[g.name] == gpu]
            found = budgets(mine, gpu) if mine else {}
            if isinstance(found, str):
                backend = choices[found].backend
                assert backend is not None
                dropped[found] = f"the {backend.vram_mib / GIB:.1f} GiB of its models find no room beside the others on cuda:{gpu.index}"
                break
            budget |= found
        else:
            return GpuShare(tuple(groups), at, budget, members, dropped, _unplaced(choices, dropped, settings))
    return GpuShare(dropped=dropped, unplaced=_unplaced(choices, dropped, settings))


def _unplaced(choices: Mapping[str, Choice], dropped: Mapping[str, str], settings: Settings) -> dict[str, str]:
    """The dropped members that nobody named: the full tier is no use on a CPU unasked, and a pin is not silently left."""
    found = {}
    for name, reason in dropped.items():
        backend = choices[name].backend
        named = backend is not None and settings.analysis.backends.get(name) == backend.name
        if pinned_gpu(name, settings) is not None or (backend is not None and backend.tier == "full" and not named):
            found[name] = reason
    return found


def _check_unit(unit: Unit, choices: Mapping[str, Choice], settings: Settings) -> None:
    """Members that work in one process cannot be pinned apart, nor one of them to a CPU worker while another uses a GPU."""
    pins = {n: p for n in unit.members if (p := settings.placement.pin.get(n, "cpu")) != "cpu"}
    numbered = any(p.startswith("cpu:") for p in pins.values())
    free = [n for n in unit.members if n not in settings.placement.pin and (c := choices.get(n)) and c.backend and c.backend.vram_mib]
    if len(set(pins.values())) > 1 or (numbered and free):
        given = ", ".join(f"{n}={p}" for n, p in pins.items())
        also = f" ({', '.join(free)} too)" if free else ""
        raise ConfigError(
            f"placement.pin: {given}: they read the same feature while it is made{also}, so they work in one process",
            hint="pin them to the same place",
        )


def _workers(
    choices: Mapping[str, Choice], units: Sequence[Unit], settings: Settings, dropped: Mapping[str, str], freed: set[str], together: bool
) -> dict[str, str]:
    """Worker of each member that runs on a GPU: one for each group; members pinned to another GPU than the rest get one of their own."""
    vram = {
        n: c.backend.vram_mib
        for n, c in choices.items()
        if c.backend and c.backend.vram_mib > 0 and n not in dropped and pinned_cpu(n, settings) is None
    }
    found: dict[str, str] = {}
    pins: dict[str, set[int | None]] = {}
    for unit in units:
        mine = [n for n in unit.members if n in vram]
        if not mine:
            continue
        spec = choices[max(mine, key=vram.__getitem__)].spec
        base = TOGETHER if together else spec.group if spec else TOGETHER
        pin = next((p for n in mine if n not in freed and (p := pinned_gpu(n, settings)) is not None), None)
        pins.setdefault(base, set()).add(pin)
        found |= dict.fromkeys(mine, base if pin is None or together else f"{base}-cuda{pin}")
    alone = {f"{base}-cuda{next(iter(where))}": base for base, where in pins.items() if len(where) == 1 and None not in where}
    return {n: alone.get(w, w) for n, w in found.items()}


def _groups(choices: Mapping[str, Choice], members: Mapping[str, str], settings: Settings, together: bool) -> list[GpuGroup]:
    groups = []
    for worker in sorted(set(members.values()), key=_rank):
        vram = {n: choices[n].backend.vram_mib for n, w in members.items() if w == worker}  # type: ignore[union-attr]  # see _workers
        pins = {p for n in vram if (p := pinned_gpu(n, settings)) is not None}
        pin = min(pins) if pins else None
        if together and len(pins) > 1:
            raise ConfigError("placement.pin: with placement.workers = 0 all analyzers work on one GPU", hint="unset placement.workers")
        groups.append(_together(choices, vram, settings, pin) if together else group_of(worker, vram, settings, pin))
    return groups


def _rank(worker: str) -> tuple[int, str]:
    order = [*BUDGET_MIB, "audio"]
    base = worker.partition("-cuda")[0]
    return order.index(base) if base in order else len(order), worker


def _together(choices: Mapping[str, Choice], vram: Mapping[str, int], settings: Settings, pin: int | None) -> GpuGroup:
    """All groups as one worker: their budgets add up."""
    by_group: dict[str, dict[str, int]] = {}
    for name, mib in vram.items():
        spec = choices[name].spec
        by_group.setdefault(spec.group if spec else TOGETHER, {})[name] = mib
    parts = [group_of(name, held, settings) for name, held in by_group.items()]
    base = sum(p.set_mib or max(p.base_mib or int(p.need_mib * AIR), p.need_mib) for p in parts)
    return GpuGroup(TOGETHER, vram, base, pin=pin)
