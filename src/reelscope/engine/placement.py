"""Where the members of a plan run: worker processes, devices, lanes, budgets, batch sizes. Pure functions over frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Gpu", "Hardware", "Lane", "Placement", "WorkerPlan"]


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU that this process may use.

    Attributes:
        index: As this process counts them under CUDA_VISIBLE_DEVICES: `cuda:<index>`.
        uuid: NVML's, "GPU-..." or "MIG-..."; what a worker's CUDA_VISIBLE_DEVICES is set to.
    """

    index: int
    uuid: str
    name: str
    memory_mib: int


@dataclass(frozen=True, slots=True)
class Hardware:
    """What may be used of the machine.

    Attributes:
        cores: Under affinity, quota and settings; ram_mib: of the machine or its memory cgroup.
        why: Reasons for the cores, the memory and the GPUs, for people.
    """

    cores: int
    ram_mib: int
    gpus: tuple[Gpu, ...] = ()
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lane:
    """Members that are fed windows one after the other, in this order; features stand before their consumers."""

    members: tuple[str, ...]
    cost: float


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """One worker and its members in one clip.

    Attributes:
        name: "cpu-0", "language", "detection", "people", "pool"; "here" is this process.
        device: "cpu" or "cuda:<index>"; gpu_uuid: what its CUDA_VISIBLE_DEVICES says, None for a CPU worker, which sees no GPU.
        lanes: Streaming members; members: all of them, finish-only ones too, in an order in which each comes after its needs.
        member_device: Device of each member as the worker itself sees it: "cpu" or "cuda:0".
        threads: Members that may finish at the same time; numeric_threads: OMP, BLAS and torch threads.
        gpu_budget_mib: Limit of GPU memory; ram_budget_mib: of its loaded models in main memory; None: no limit.
        why: Reasons, for people.
    """

    name: str
    device: str
    lanes: tuple[Lane, ...]
    members: tuple[str, ...]
    member_device: Mapping[str, str] = field(default_factory=dict)
    gpu_uuid: str | None = None
    threads: int = 1
    numeric_threads: int = 1
    gpu_budget_mib: int | None = None
    ram_budget_mib: int | None = None
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a clip's members run.

    Attributes:
        here: Whether everything runs in this process ("here" is then the only worker).
        workers: In starting order.
        batches: Batch size by member.
        windows_in_flight: Windows that may be held at the same time; decode_threads: of the decoder.
        why: Reasons that concern the whole.
        unplaced: Members that fit no GPU beside the others and do not run on the CPU unasked, with the reason. They stand in no worker:
            `make_plan` chooses another backend for them.
    """

    here: bool
    workers: tuple[WorkerPlan, ...]
    batches: Mapping[str, int]
    windows_in_flight: int
    decode_threads: int
    why: tuple[str, ...] = ()
    unplaced: Mapping[str, str] = field(default_factory=dict)

    def worker_of(self, member: str) -> WorkerPlan:
        """The worker that a member was placed in."""
        return next(w for w in self.workers if member in w.members)
