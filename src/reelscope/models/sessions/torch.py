"""PyTorch models: a source's loader makes the object, or the network that it names takes the weights of its file; this holds it.

PyTorch is imported when a model is opened, not here. Files of weights are pickles: they are read with `weights_only`, which builds tensors
and nothing else, and the manager has compared their sha256 before.
"""

from __future__ import annotations

import importlib
import pickle
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
    """Have the loader make the model, or load the file's weights into the network that the source names (`loads` = "module:callable").

    Raises:
        ModelError: The source has neither, its network is not installed, the weights are not those of this network or more than tensors
            (`model_corrupt`), or the model does not lie on the device asked for and the CPU was not allowed.
    """
    source = request.source
    if source.loader is None and (source.loads is None or source.path is None):
        raise ModelError(f"model {source.name}: the torch runtime needs a loader, or a file and the network that takes it")
    before = _allocated(request.device)
    model = source.loader(request) if source.loader is not None else _of_weights(request)
    device = device_of(source.name, model, request)
    # Parameters are exact; the allocator's difference also counts what other threads load at the same time.
    size = held_by(model) or max(0, _allocated(request.device) - before)
    return TorchSession(source.name, model, device=device, size=max(size, source.memory(device)))


def _of_weights(request: SessionRequest) -> Any:
    """The network that the source names with its file's weights, in evaluation mode on the device and in the precision asked for."""
    source = request.source
    module, _, attribute = str(source.loads).partition(":")
    try:
        make = getattr(importlib.import_module(module), attribute)
        network = make()
    except ImportError as error:
        raise ModelError(f"model {source.name}: its network {source.loads} cannot be imported: {error}", hint="make setup-full") from error
    import torch

    if request.device == "cpu":
        torch.set_num_threads(max(1, request.threads))  # of the whole process: PyTorch would take every core for each of the workers
    try:
        weights = torch.load(source.path, map_location="cpu", weights_only=True)
        network.load_state_dict(weights)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ModelError(
            f"model {source.name}: {source.path.name if source.path else 'its file'} does not hold the weights of {source.loads}: {error}",
            code="model_corrupt",
            hint=source.hint,
        ) from error
    dtype = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[request.precision]
    return network.to(request.device, dtype).eval()


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
