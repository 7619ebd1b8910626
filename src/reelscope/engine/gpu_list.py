"""GPUs that this process may use: what NVML tells, cut to CUDA_VISIBLE_DEVICES by the rules of the CUDA runtime."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from reelscope.engine.placement import Gpu

__all__ = ["Board", "Mig", "Nvml", "PyNvml", "visible_gpus"]

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Mig:
    """One instance that a GPU was divided into."""

    uuid: str
    name: str
    memory_mib: int


@dataclass(frozen=True, slots=True)
class Board:
    """One GPU as NVML tells of it. migs: its instances where it is divided (and then only they can be used); None: it is whole."""

    uuid: str
    name: str
    memory_mib: int
    bus_id: str
    migs: tuple[Mig, ...] | None = None


class Nvml(Protocol):
    """What is asked of NVML; tests put tables here."""

    def boards(self) -> tuple[Sequence[Board], str | None]:
        """All GPUs of the machine, and why there are none."""
        ...


class PyNvml:
    """NVML through nvidia-ml-py. No library, no driver, no device: all normal, none found."""

    def boards(self) -> tuple[Sequence[Board], str | None]:
        try:
            import pynvml
        except ImportError:
            return (), "the Python package nvidia-ml-py is not installed"
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as error:
            return (), f"no NVIDIA driver ({error})"
        try:
            return [self._board(pynvml, i) for i in range(pynvml.nvmlDeviceGetCount())], None
        except pynvml.NVMLError as error:  # a driver in trouble: say so, work on the CPU
            return (), f"the NVIDIA driver does not answer ({error})"
        finally:
            pynvml.nvmlShutdown()

    def _board(self, nvml: Any, index: int) -> Board:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        return Board(
            uuid=_text(nvml.nvmlDeviceGetUUID(handle)),
            name=_text(nvml.nvmlDeviceGetName(handle)),
            memory_mib=int(nvml.nvmlDeviceGetMemoryInfo(handle).total) // MIB,
            bus_id=_text(nvml.nvmlDeviceGetPciInfo(handle).busId),
            migs=self._migs(nvml, handle),
        )

    def _migs(self, nvml: Any, handle: Any) -> tuple[Mig, ...] | None:
        try:
            if nvml.nvmlDeviceGetMigMode(handle)[0] != nvml.NVML_DEVICE_MIG_ENABLE:
                return None
        except nvml.NVMLError:  # cannot be divided
            return None
        found = []
        for index in range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
            with contextlib.suppress(nvml.NVMLError):  # no instance at this place
                mig = nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, index)
                total = int(nvml.nvmlDeviceGetMemoryInfo(mig).total) // MIB
                found.append(Mig(_text(nvml.nvmlDeviceGetUUID(mig)), _text(nvml.nvmlDeviceGetName(mig)), total))
        return tuple(found)


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def visible_gpus(nvml: Nvml, env: Mapping[str, str]) -> tuple[tuple[Gpu, ...], str]:
    """GPUs in the order in which this process counts them, and why these or why none.

    Without CUDA_VISIBLE_DEVICES all, in PCI bus order (as nvidia-smi counts). The variable holds indices of that order, "GPU-..." or
    "MIG-..." UUIDs or beginnings of them that fit only one; the first entry decides which of the three. The first entry that fits
    nothing ends the list; an entry twice leaves none. A divided GPU that is named by its index or its own UUID stands for its first
    instance. All this is how the CUDA runtime reads it, except that several MIG instances may be listed: each worker gets one.
    """
    boards, trouble = nvml.boards()
    boards = sorted(boards, key=lambda b: b.bus_id.lower())
    if not boards:
        return (), f"no GPU: {trouble or 'none is installed'}"
    wanted = env.get("CUDA_VISIBLE_DEVICES")
    if wanted is None:
        parts = [part for board in boards for part in _parts(board)]
        return _counted(
            parts
        ), f"{_gpus(len(parts))}: all that are installed" if parts else "no GPU: divided (MIG), but without an instance"
    if not wanted.strip():
        return (), "no GPU: CUDA_VISIBLE_DEVICES is empty"
    found, rest = _select(boards, wanted)
    if found:
        return _counted(found), f"{_gpus(len(found))}: CUDA_VISIBLE_DEVICES={wanted}" + (f"; {rest}" if rest else "")
    return (), f"no GPU: CUDA_VISIBLE_DEVICES={wanted}" + (f"; {rest}" if rest else "")


def _gpus(count: int) -> str:
    return "1 GPU" if count == 1 else f"{count} GPUs"


def _parts(board: Board) -> list[Board | Mig]:
    return [board] if board.migs is None else list(board.migs)


def _counted(parts: Sequence[Board | Mig]) -> tuple[Gpu, ...]:
    return tuple(Gpu(i, part.uuid, part.name, part.memory_mib) for i, part in enumerate(parts))


def _select(boards: Sequence[Board], wanted: str) -> tuple[list[Board | Mig], str]:
    """What the entries name, and what ended the list early."""
    parts: list[Board | Mig] = []
    kind = "MIG-" if wanted.startswith("MIG-") else "GPU-" if wanted.startswith("GPU-") else ""
    taken: set[str] = set()
    for entry in wanted.split(","):
        match: Board | Mig | None
        if kind == "MIG-":
            match = _only([m for b in boards for m in b.migs or ()], entry, kind)
        elif kind == "GPU-":
            match = _only(boards, entry, kind)
        else:
            number = re.match(r"\s*\+?(\d+)", entry)  # as strtoul reads: what follows the digits does not count
            index = int(number[1]) if number else -1
            match = boards[index] if 0 <= index < len(boards) else None
        if match is None:
            return parts, f"entry {entry.strip()!r} fits no GPU and ends the list" if entry.strip() != "-1" else ""
        if match.uuid in taken:
            return [], f"entry {entry.strip()!r} stands there twice, which leaves none"
        taken.add(match.uuid)
        usable = _parts(match) if isinstance(match, Board) else [match]
        parts += usable[:1]
    return parts, ""


def _only(candidates: Sequence[Board] | Sequence[Mig], entry: str, kind: str) -> Board | Mig | None:
    found = [c for c in candidates if entry.startswith(kind) and c.uuid.startswith(entry)]
    return found[0] if len(found) == 1 else None
