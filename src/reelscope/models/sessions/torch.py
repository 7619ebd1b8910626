"""PyTorch models: a source's loader makes the object, this holds it. PyTorch is imported by the loader, not here."""

from __future__ import annotations

import sys
from typing import Any

from reelscope.errors import ModelError
from reelscope.models.sessions.base import SessionRequest

__all__ = ["TorchSession", "device_of", "held_by", "open_session"]


class TorchSession:
    """A loaded PyTorch model: `model` is what the loader returned.

    Attributes:
        device: Where its parameters lie. bytes: parameters and buffers, or what loading took of the GPU's memory.
    """

    def __init__(self, name: str, model: Any, *, device: str, size: int) -> None:
        self.device, self.bytes = device, size
        self._name, self._model = name, model

    @property
    def model(self) -> Any:
        """The model."""
        if self._model is None:
            raise ModelError(f"model {self._name} was unloaded; take handle.session anew for each use, or pin it")
        return self._model

    def close(self) -> None:
        """Let go of it; the manager empties PyTorch's cache afterwards."""
        self._model = None


def open_session(request: SessionRequest) -> TorchSession:
    """Have the loader make the model.

    Raises:
        ModelError: The source has no loader, or the model does not lie on the device asked for and the CPU was not allowed.
    """
    source = request.source
    if source.loader is None:
        raise ModelError(f"model {source.name}: the torch runtime needs a loader")
    before = _allocated(request.device)
    model = source.loader(request)
    device = device_of(source.name, model, request)
    # Parameters are exact; the allocator's difference also counts what other threads load at the same time.
    size = held_by(model) or max(0, _allocated(request.device) - before)
    return TorchSession(source.name, model, device=device, size=max(size, source.memory(device)))


def device_of(name: str, model: Any, request: SessionRequest) -> str:
    """Where the model's parameters and buffers lie.

    Raises:
        ModelError: Not on the device asked for, and the CPU was not allowed.
    """
    places = sorted({_place(t) for t in _tensors(model)}) or [request.device]
    if places != [request.device] and not (request.allow_cpu and places == ["cpu"]):
        raise ModelError(f"model {name} lies on {', '.join(places)}, not on {request.device}", code="wrong_device")
    return places[0]


def held_by(model: Any) -> int:
    """Bytes of its parameters and buffers."""
    return sum(t.numel() * t.element_size() for t in _tensors(model))


def _tensors(model: Any) -> list[Any]:
    return [*model.parameters(), *model.buffers()] if hasattr(model, "parameters") else []


def _place(tensor: Any) -> str:
    kind, index = tensor.device.type, tensor.device.index
    return kind if kind == "cpu" else f"{kind}:{index or 0}"


def _allocated(device: str) -> int:
    torch = sys.modules.get("torch")
    return torch.cuda.memory_allocated(device) if torch is not None and device != "cpu" else 0
