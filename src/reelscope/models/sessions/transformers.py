"""Models of the transformers library, loaded from a folder of the store; never from a hub, never through pickle."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from reelscope.errors import ModelError
from reelscope.models.sessions.base import SessionRequest
from reelscope.models.sessions.torch import TorchSession, device_of, held_by

__all__ = ["TransformersSession", "open_session"]


class TransformersSession(TorchSession):
    """A loaded model. folder: where its configuration and its tokenizer lie."""

    def __init__(self, name: str, model: Any, *, device: str, size: int, folder: Path) -> None:
        super().__init__(name, model, device=device, size=size)
        self.folder = folder


def open_session(request: SessionRequest) -> TransformersSession:
    """Load the class that the source names, in the precision asked for, in evaluation mode.

    `loads` names a class of the library, or "module:callable" that gives one for a checkpoint whose head the library does not have.

    Raises:
        ModelError: The installed transformers has no such class, the files lack weights of it (`model_corrupt`), or the model does not lie
            on the device asked for.
    """
    source = request.source
    if source.path is None or source.loads is None:
        raise ModelError(f"model {source.name}: the transformers runtime needs a folder and a class")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when huggingface_hub is imported: nothing asks a hub for anything
    import torch
    import transformers

    module, _, maker = source.loads.partition(":")
    kind = getattr(importlib.import_module(module), maker)() if maker else getattr(transformers, source.loads, None)
    if kind is None:
        raise ModelError(f"model {source.name}: transformers {transformers.__version__} has no {source.loads}", hint="make setup-full")
    dtype = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[request.precision]
    if request.device == "cpu":
        torch.set_num_threads(max(1, request.threads))  # of the whole process: PyTorch would take every core for each of the workers
    model, info = kind.from_pretrained(source.path, dtype=dtype, local_files_only=True, use_safetensors=True, output_loading_info=True)
    lacking = _made_up(model, info["missing_keys"])
    if lacking:
        raise ModelError(
            f"model {source.name}: {len(lacking)} weights of {source.loads} are not in its files, such as {lacking[0]}",
            code="model_corrupt",
            hint=source.hint,
        )
    model = model.to(request.device).eval()
    device = device_of(source.name, model, request)
    return TransformersSession(source.name, model, device=device, size=max(held_by(model), source.memory(device)), folder=Path(source.path))


def _made_up(model: Any, missing: Iterable[str]) -> list[str]:
    """Of the names that the files lack those that decide what comes out; the library fills them at random and only prints a line.

    Counters and tables that follow from the configuration are not among them, nor weights that are shared with others.
    """
    weights = {name for name, _ in model.named_parameters()}
    return sorted(name for name in missing if name in weights or name.endswith((".running_mean", ".running_var")))
