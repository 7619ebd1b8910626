"""GPUs of a plan: which may be used, which worker group goes onto which, how much memory each gets. Pure functions over frozen data.

The rules. A GPU's **room** is its memory less what the driver and the CUDA contexts of some processes take. Language, detection and
people **want** 24, 10 and 7 GiB, doubled for every doubling of the GPU's memory over 47.5 GiB; any other worker wants its models and a
quarter more. A group **needs** the memory of its models at least. Where the wants do not fit, what is left above the needs is shared in
proportion; where the needs do not fit either, the largest models leave the GPU until they do.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from reelscope.analyzers.base import Backend
from reelscope.config import Settings
from reelscope.engine.placement import Gpu, Hardware
from reelscope.errors import ConfigError, nearest
from reelscope.plugins import known_names

__all__ = [
    "BUDGET_MIB",
    "COMMAND",
    "GpuGroup",
    "Unusable",
    "budgets",
    "check_pins",
    "factor_of",
    "fits_no_gpu",
    "group_of",
    "pinned_cpu",
    "pinned_gpu",
    "room_mib",
    "spread_groups",
    "usable_gpus",
]

COMMAND = "reelscope analyze CLIP"  # hints begin with it: a flag by itself is nothing that can be copied and run
GIB = 1024
BUDGET_MIB = {"language": 24 * GIB, "detection": 10 * GIB, "people": 7 * GIB}  # 7B weights in bf16 alone take 15.4 GiB
DOUBLED_FROM_MIB = 95 * GIB  # twice the budgets fit easily; cards sold with 96 GB tell of a little less than 96 GiB
AIR = 1.25  # a worker without a budget of its own gets its models and a quarter for what they compute
CONTEXT_MIB = 1 * GIB  # assumed: a CUDA context takes some hundred MiB in each process, and there are three or four
CONTEXT_SHARE = 0.04  # assumed too: on large GPUs the driver's tables and what libraries take beside their models grow


@dataclass(frozen=True, slots=True)
class Unusable:
    """Why a backend cannot run here, and the command that would change it.

    choice: Of several backends that cannot run, those with the lowest are told of. 0: what is missing is there for everybody; 1: a model
    that is fetched only on request; 2: a GPU; 3: an option.
    """

    reason: str
    hint: str | None = None
    choice: int = 0


@dataclass(frozen=True, slots=True)
class GpuGroup:
    """Members that share one worker on a GPU.

    Attributes:
        name: Of the worker. vram_mib: what each of its members holds.
        base_mib: Wanted on a GPU of ordinary size; None: the models and a quarter more.
        set_mib: Budget by setting, which holds as it is. pin: index of the GPU that it must lie on.
    """

    name: str
    vram_mib: Mapping[str, int]
    base_mib: int | None = None
    set_mib: int | None = None
    pin: int | None = None

    @property
    def need_mib(self) -> int:
        """The least that its models fit into."""
        return sum(self.vram_mib.values())

    def want_mib(self, gpu: Gpu) -> int:
        """What it gets where there is room."""
        if self.set_mib is not None:
            return self.set_mib
        if self.base_mib is None:
            return math.ceil(self.need_mib * AIR)
        return max(self.base_mib * factor_of(gpu), self.need_mib)

    def without(self, name: str) -> GpuGroup:
        """The group less one member."""
        return replace(self, vram_mib={n: v for n, v in self.vram_mib.items() if n != name})


def factor_of(gpu: Gpu) -> int:
    """How many times the ordinary budgets and batches: 1 below 95 GiB, 2 below 190, 4 below 380."""
    return int(2 ** max(0, math.floor(math.log2(gpu.memory_mib / (DOUBLED_FROM_MIB / 2)))))


def room_mib(gpu: Gpu) -> int:
    """GPU memory that workers may be given."""
    return max(0, gpu.memory_mib - max(CONTEXT_MIB, math.ceil(gpu.memory_mib * CONTEXT_SHARE)))


def usable_gpus(hardware: Hardware, settings: Settings) -> tuple[Gpu, ...]:
    """GPUs that `placement.devices` leaves.

    Raises:
        ConfigError: A device that does not exist.
    """
    wanted = settings.placement.devices
    known = ["cpu", *(f"cuda:{g.index}" for g in hardware.gpus)]
    for name in wanted or ():
        if name not in known:
            why = f" ({hardware.why[-1]})" if len(known) == 1 and hardware.why else ""
            raise ConfigError(
                f"placement.devices: there is no device {name!r}{nearest(name, known)}", hint=f"there is: {', '.join(known)}{why}"
            )
    return tuple(g for g in hardware.gpus if wanted is None or f"cuda:{g.index}" in wanted)


def pinned_gpu(name: str, settings: Settings) -> int | None:
    """Index of the GPU that an analyzer is pinned to."""
    pin = settings.placement.pin.get(name, "")
    return int(pin.removeprefix("cuda:")) if pin.startswith("cuda:") else None


def pinned_cpu(name: str, settings: Settings) -> int | None:
    """Number of the CPU worker that an analyzer is pinned to; -1: any; None: it is not pinned to the CPU."""
    pin = settings.placement.pin.get(name, "")
    return -1 if pin == "cpu" else int(pin.removeprefix("cpu:")) if pin.startswith("cpu:") else None


def check_pins(hardware: Hardware, settings: Settings, *, names: Collection[str] | None = None) -> None:
    """Refuse pins of unknown analyzers or to places that do not exist.

    Args:
        names: Analyzers that there are; not given: the nineteen and what is installed besides.

    Raises:
        ConfigError: With the names that exist.
    """
    count = hardware.cores if settings.placement.workers is None else settings.placement.workers
    gpus = [f"cuda:{g.index}" for g in usable_gpus(hardware, settings)]
    numbered = [f"cpu:{i}" for i in range(count)]
    shown = ["cpu", *(numbered if count < 4 else [f"cpu:0 to cpu:{count - 1}"]), *gpus]
    names = known_names() if names is None and settings.placement.pin else names or ()
    for name, place in settings.placement.pin.items():
        if name not in names:
            raise ConfigError(
                f"placement.pin: there is no analyzer {name!r}{nearest(name, names)}", hint="`reelscope analyzers` lists them"
            )
        if place not in ("cpu", *numbered, *gpus):
            raise ConfigError(f"placement.pin.{name}: there is no place {place!r}", hint=f"there is: {', '.join(shown)}")


def fits_no_gpu(name: str, backend: Backend, gpus: Sequence[Gpu], settings: Settings, *, group: str | None = None) -> Unusable | None:
    """Why a backend that is made for a GPU cannot run; None where it can, be it on the CPU because somebody named it.

    Args:
        gpus: Those that may be used. group: Of its analyzer, for the budget that a setting gives it.
    """
    if backend.vram_mib == 0:
        return None
    pin = pinned_gpu(name, settings)
    named = settings.analysis.backends.get(name) == backend.name
    if pin is None and (named or backend.tier != "full"):
        return None
    gib = f"{backend.vram_mib / GIB:.1f} GiB"
    hint = f"{COMMAND} --backend {name}={backend.name} runs it on the CPU, slowly"
    if pinned_cpu(name, settings) is not None:
        return Unusable(f"it is pinned to the CPU, where a backend of the full tier ({backend.name}) runs only when it is named", hint, 2)
    if not gpus:
        return Unusable(f"it needs {gib} of GPU memory, and there is no GPU to use", hint, 2)
    rooms = {f"cuda:{g.index}": min(room_mib(g), _set_mib(group, settings) or room_mib(g)) for g in gpus if pin in (None, g.index)}
    if max(rooms.values()) >= backend.vram_mib:
        return None
    shown = ", ".join(f"{device} has {mib / GIB:.1f}" for device, mib in rooms.items())
    return Unusable(
        f"it needs {gib} of GPU memory; {shown} for it", hint if pin is None else "remove the pin or choose a smaller backend", 2
    )


def _set_mib(group: str | None, settings: Settings) -> int | None:
    gib = getattr(settings.placement.gpu_gib, group) if group in BUDGET_MIB else None
    return None if gib is None else int(gib * GIB)


def group_of(name: str, vram_mib: Mapping[str, int], settings: Settings, pin: int | None = None) -> GpuGroup:
    """A group with its budgets; one that is not language, detection or people has none of its own."""
    return GpuGroup(name, vram_mib, BUDGET_MIB.get(name), _set_mib(name, settings), pin)


def spread_groups(groups: Sequence[GpuGroup], gpus: Sequence[Gpu]) -> dict[str, Gpu]:
    """A GPU for each group: those with the largest want first, each onto the GPU with the least promised, where it fits.

    So that two GPUs leave the language model alone on the larger one; a GPU too small for the want is taken only where all are.
    """
    taken = {g.index: 0 for g in gpus}
    found: dict[str, Gpu] = {}
    for group in sorted(groups, key=lambda g: (g.pin is None, -max(g.want_mib(gpu) for gpu in gpus))):
        free = {g.index: room_mib(g) - taken[g.index] for g in gpus}
        candidates = [g for g in gpus if g.index == group.pin]
        candidates = candidates or [g for g in gpus if free[g.index] >= group.want_mib(g)]
        candidates = candidates or [g for g in gpus if free[g.index] >= group.need_mib]
        if candidates:
            chosen = min(candidates, key=lambda g: (taken[g.index], -g.memory_mib, g.index))
        else:
            chosen = max(gpus, key=lambda g: (free[g.index], -g.index))
        taken[chosen.index] += group.want_mib(chosen)
        found[group.name] = chosen
    return found


def budgets(groups: Sequence[GpuGroup], gpu: Gpu) -> dict[str, int] | str:
    """Budgets of the groups on one GPU, in MiB, or the name of the member that must leave it first.

    Raises:
        ConfigError: Budgets by setting that the GPU has no room for.
    """
    room = room_mib(gpu)
    held = sum(g.set_mib for g in groups if g.set_mib is not None)
    if held > room:
        names = ", ".join(g.name for g in groups if g.set_mib is not None)
        raise ConfigError(f"placement.gpu_gib: {held / GIB:.1f} GiB for {names} on cuda:{gpu.index}, which has room for {room / GIB:.1f}")
    for group in groups:
        if group.set_mib is not None and group.need_mib > group.set_mib:
            return _largest([group])
    free = [g for g in groups if g.set_mib is None]
    spare = room - held - sum(g.need_mib for g in free)
    if spare < 0:
        return _largest(free)
    wish = sum(g.want_mib(gpu) - g.need_mib for g in free)
    share = min(1.0, spare / wish) if wish else 0.0
    return {g.name: g.set_mib if g.set_mib is not None else g.need_mib + int((g.want_mib(gpu) - g.need_mib) * share) for g in groups}


def _largest(groups: Sequence[GpuGroup]) -> str:
    """The member with the largest models: without it the fewest lose their place."""
    return max(((v, n) for g in groups for n, v in g.vram_mib.items()), key=lambda pair: pair[0])[1]
