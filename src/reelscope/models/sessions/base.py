"""What a session is: a model loaded on a device, ready to be asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from reelscope.models.sources import ModelSource

__all__ = ["ModelSession", "SessionRequest"]


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """What is to be opened.

    Attributes:
        device: "cpu", or "cuda:<index>" as this process counts GPUs. precision: "fp32", "fp16", "bf16" ...
        threads: For one inference on the CPU.
        memory_limit: Bytes of GPU memory that the runtime may take for it; None: no limit.
        allow_cpu: Whether a model that does not run on its GPU may run on the CPU instead of failing.
    """

    source: ModelSource
    device: str = "cpu"
    precision: str = "fp32"
    threads: int = 1
    memory_limit: int | None = None
    allow_cpu: bool = False


class ModelSession(Protocol):
    """What the manager needs of a session; how it is asked is the runtime's own (`run` of onnx, `model` of torch)."""

    @property
    def device(self) -> str:
        """Where it truly runs."""

    @property
    def bytes(self) -> int:
        """What it holds in memory on that device."""

    def close(self) -> None:
        """Let go of the model; legal twice."""
