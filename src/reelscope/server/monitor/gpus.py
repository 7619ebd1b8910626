"""GPUs of this machine and how busy they are, through NVML. No library, no driver, no device: all normal, and told as the reason."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Protocol

__all__ = ["GpuReader", "GpuSample", "NvmlGpus"]

log = logging.getLogger(__name__)

MIB = 2**20
MILLI = 1000.0


@dataclass(frozen=True, slots=True)
class GpuSample:
    """One GPU now. A figure that the driver does not tell (of a divided GPU, of a lost one) is None.

    Attributes:
        index: In PCI bus order, as nvidia-smi counts. name: None where it was lost before it could be asked.
        state: lost: the driver gives it no more (fallen off the bus, in need of a reset); as a rule a restart of the driver brings it back.
    """

    index: int
    name: str | None
    state: str
    util_percent: float | None = None
    memory_used_mib: float | None = None
    memory_total_mib: float | None = None
    temperature_c: float | None = None
    power_w: float | None = None

    def as_json(self) -> dict[str, Any]:
        """For the beat."""
        return asdict(self)


class GpuReader(Protocol):
    """What the sampler asks; tests put recorded answers here."""

    def read(self) -> tuple[list[GpuSample], str | None]:
        """Every GPU of the machine, and why there are none; it raises nothing."""
        ...

    def close(self) -> None:
        """Let go of the driver."""
        ...


class _Lost(Exception):
    """The driver says that the GPU is gone."""


class NvmlGpus:
    """NVML through nvidia-ml-py.

    Args:
        nvml: A module with pynvml's functions and errors; pynvml itself where it is not given.
    """

    def __init__(self, *, nvml: Any = None) -> None:
        self._nvml: Any = None
        self._names: dict[int, str] = {}
        self.note: str | None = None
        try:
            if nvml is None:
                import pynvml as nvml
        except ImportError:
            self.note = "the Python package nvidia-ml-py is not installed"
            return
        try:
            nvml.nvmlInit()
        except nvml.NVMLError as error:
            self.note = f"no NVIDIA driver ({error})"
            return
        self._nvml = nvml
        # What says that a GPU is gone rather than that it has no answer to this question.
        codes = ("NVML_ERROR_GPU_IS_LOST", "NVML_ERROR_RESET_REQUIRED")
        self._gone = {getattr(nvml, name) for name in codes if hasattr(nvml, name)}

    def read(self) -> tuple[list[GpuSample], str | None]:
        """Every GPU of the machine; one that is lost does not keep the others from being told."""
        if self._nvml is None:
            return [], self.note
        try:
            count = self._nvml.nvmlDeviceGetCount()
        except self._nvml.NVMLError as error:
            return [], f"the NVIDIA driver does not answer ({error})"
        return [self._sample(i) for i in range(count)], None if count else "no GPU is installed"

    def close(self) -> None:
        """Let go of NVML; legal twice."""
        nvml, self._nvml = self._nvml, None
        if nvml is not None:
            self.note = "closed"
            with suppress(nvml.NVMLError):
                nvml.nvmlShutdown()

    def _sample(self, index: int) -> GpuSample:
        nvml = self._nvml
        try:
            handle = self._ask(nvml.nvmlDeviceGetHandleByIndex, index)
            if handle is None:
                return GpuSample(index, self._names.get(index), "lost")
            if index not in self._names:
                name = self._ask(nvml.nvmlDeviceGetName, handle)
                if name is not None:
                    self._names[index] = name.decode() if isinstance(name, bytes) else name
            memory = self._ask(nvml.nvmlDeviceGetMemoryInfo, handle)
            util = self._ask(nvml.nvmlDeviceGetUtilizationRates, handle)
            temperature = self._ask(nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU)
            power = self._ask(nvml.nvmlDeviceGetPowerUsage, handle)
        except _Lost:
            return GpuSample(index, self._names.get(index), "lost")
        return GpuSample(
            index,
            self._names.get(index),
            "ok",
            float(util.gpu) if util is not None else None,
            round(memory.used / MIB, 1) if memory is not None else None,
            round(memory.total / MIB, 1) if memory is not None else None,
            float(temperature) if temperature is not None else None,
            round(power / MILLI, 1) if power is not None else None,
        )

    def _ask(self, call: Callable[..., Any], *args: Any) -> Any:
        """The answer; None where this GPU or this driver has none."""
        try:
            return call(*args)
        except self._nvml.NVMLError as error:
            if getattr(error, "value", None) in self._gone:
                raise _Lost from error
            return None
