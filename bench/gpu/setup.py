"""What a run needs before it starts: which packages and GPUs are there, logical devices, settings, a session on given hardware."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from bench.gpu.members import MEMBERS
from reelscope.config import Settings
from reelscope.engine.hardware import read_hardware
from reelscope.engine.placement import Gpu, Hardware
from reelscope.pipeline import Session

__all__ = ["Size", "backends", "check", "hardware_for", "logical_gpus", "missing", "session_on", "settings_for", "stand_ins"]

Size = str  # "full" or "tiny"
NEEDED = ("torch", "transformers")
STAND_IN_MIB = 48 * 1024  # a card on which the groups get their ordinary budgets
FLAVOURS = ("onnxruntime", "onnxruntime-gpu")


def missing() -> list[str]:
    """Packages that are not installed."""
    return [name for name in NEEDED if importlib.util.find_spec(name) is None]


def check() -> tuple[list[str], bool]:
    """Lines about the environment, and whether the benchmark can run in it (tiny at least)."""
    lines = []
    for name in (*NEEDED, "nvidia-ml-py"):
        version = _version(name)
        lines.append(f"{name} {version or 'is not installed'}")
    good = not missing()
    flavours = [f"{name} {_version(name)}" for name in FLAVOURS if _version(name)]
    advice = "" if len(flavours) == 1 else "  <- exactly one is wanted: make setup-gpu"
    lines.append(f"onnxruntime: {', '.join(flavours) or 'none'}{advice}")
    good &= len(flavours) == 1
    hardware = read_hardware(Settings())
    lines += [f"cuda:{g.index} {g.name}, {g.memory_mib} MiB, {g.uuid}" for g in hardware.gpus] or [f"GPU: {hardware.why[-1]}"]
    if not missing():
        import torch

        lines.append(f"torch is built for CUDA {torch.version.cuda or 'no CUDA'}; it sees {torch.cuda.device_count()} GPUs")
    return lines, good


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def logical_gpus(gpu: Gpu, count: int) -> tuple[Gpu, ...]:
    """One GPU as `count` of them, each with its share of the memory: all workers see the same physical device by its UUID."""
    if count < 1:
        raise ValueError(f"--logical {count}: at least 1")
    if count == 1:
        return (gpu,)
    share = gpu.memory_mib // count
    return tuple(replace(gpu, index=i, name=f"{gpu.name} (logical {i + 1} of {count})", memory_mib=share) for i in range(count))


def stand_ins(count: int) -> tuple[Gpu, ...]:
    """GPUs that do not exist: the plan treats them as GPUs, the members compute on the CPU and say so."""
    return tuple(Gpu(i, f"GPU-stand-in-{i}", "CPU standing in for a GPU", STAND_IN_MIB) for i in range(count))


def hardware_for(size: Size, logical: int, *, found: Hardware | None = None) -> Hardware:
    """The hardware that the plan is made for. Tiny always uses stand-ins, so that it does the same everywhere.

    Raises:
        LookupError: Full size without a GPU.
    """
    found = found or read_hardware(Settings())
    if size == "tiny":
        return replace(found, gpus=stand_ins(logical))
    if not found.gpus:
        raise LookupError(f"--size full needs an NVIDIA GPU ({found.why[-1] if found.why else 'none found'}); --size tiny runs on a CPU")
    return replace(found, gpus=found.gpus if logical == 1 else logical_gpus(found.gpus[0], logical))


def backends(size: Size, vlm: str, names: Sequence[str]) -> dict[str, str]:
    """Backend of each member: the tiny one, or the full one (of the VLM the size asked for)."""
    chosen = {}
    for member in MEMBERS:
        spec = member.spec
        if spec.name in names:
            by_name = [b.name for b in spec.backends]
            wanted = f"qwen2-vl-{vlm}" if spec.name == "qwen2_vl_temporal" else by_name[0]
            chosen[spec.name] = by_name[-1] if size == "tiny" else wanted
    return chosen


def settings_for(
    size: Size,
    vlm: str,
    names: Sequence[str],
    *,
    allocator: bool = True,
    oom_above: int | None = None,
    batch: int | None = None,
    batches: Mapping[str, int] | None = None,
    **placement: Any,
) -> Settings:
    """Settings of one session: kept results off, backends by name, the allocator as we set it or as PyTorch does it by itself.

    Args:
        batch: Of every member; batches: of some by name. None: as the plan has them.
    """
    options: dict[str, Any] = {"stand_in": size == "tiny"}
    if oom_above is not None:
        options["oom_above"] = oom_above
    tree: dict[str, Any] = {
        "analysis": {"fresh": True, "backends": backends(size, vlm, names), "options": dict.fromkeys(backends(size, vlm, names), options)},
        "system": {"keep_results": False},
        "placement": placement,
    }
    if not allocator:
        tree["optimisation"] = {"cuda_expandable_segments": False, "cuda_gc_threshold": None, "cuda_max_split_mib": None}
    wanted = {n: b for n, b in (batches or {}).items() if n in names} | (dict.fromkeys(names, batch) if batch is not None else {})
    if wanted:
        tree["performance"] = {"analyzers": {n: {"batch": b} for n, b in wanted.items()}}
    return Settings.model_validate(tree)


@contextmanager
def session_on(hardware: Hardware, settings: Settings, *, many: bool = True) -> Iterator[Session]:
    """A session of the benchmark's analyzers on this hardware."""
    from bench.gpu import REGISTRY

    with Session(settings, registry=REGISTRY, many=many, hardware=hardware) as session:
        yield session
