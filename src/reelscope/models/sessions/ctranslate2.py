"""Whisper models as CTranslate2 folders, opened by faster-whisper from the store; never from a hub."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from reelscope.errors import ModelError
from reelscope.models.sessions.base import SessionRequest

__all__ = ["WhisperSession", "open_session"]

NEEDED = ("config.json", "model.bin", "tokenizer.json")  # without the last one faster-whisper would ask a hub
COMPUTE = {"int8": "int8", "fp16": "float16", "bf16": "bfloat16", "fp32": "float32"}


class WhisperSession:
    """A loaded model: `model` is faster-whisper's WhisperModel.

    Attributes:
        device: Where it runs. bytes: what it holds there, by its files and the manifest; the runtime does not tell.
    """

    def __init__(self, name: str, model: Any, *, device: str, size: int) -> None:
        self.device, self.bytes = device, size
        self._name, self._model = name, model

    @property
    def model(self) -> Any:
        """The model; its own `model` is CTranslate2's."""
        if self._model is None:
            raise ModelError(f"model {self._name} was unloaded; take handle.session anew for each use, or pin it")
        return self._model

    def close(self) -> None:
        """Let go of it: CTranslate2 frees its memory with the last reference."""
        self._model = None


def open_session(request: SessionRequest) -> WhisperSession:
    """Open a model's folder in the precision asked for; weights are converted while they load.

    Raises:
        ModelError: The folder lacks a file or its parts are of different models (`model_corrupt`), or the model does not run on the device
            asked for and the CPU was not allowed (`wrong_device`).
    """
    source = request.source
    folder = Path(source.path) if source.path is not None else None
    if folder is None or not folder.is_dir():
        raise ModelError(f"model {source.name}: the ctranslate2 runtime needs a folder", code="model_missing", hint=source.hint)
    lacking = [name for name in NEEDED if not (folder / name).is_file()]
    if not any(folder.glob("vocabulary.*")):
        lacking.append("vocabulary.json")
    if lacking:
        raise ModelError(f"model {source.name}: its folder has no {' and no '.join(lacking)}", code="model_corrupt", hint=source.hint)
    if request.precision not in COMPUTE:
        raise ModelError(f"model {source.name}: the ctranslate2 runtime knows no precision {request.precision!r}")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when huggingface_hub is imported: nothing asks a hub for anything
    device, compute = _place(request)
    kind, _, index = device.partition(":")
    from faster_whisper import WhisperModel

    model = WhisperModel(
        str(folder),
        device=kind,
        device_index=int(index or 0),
        compute_type=compute,
        cpu_threads=max(1, request.threads),
        num_workers=1,
        local_files_only=True,
    )
    made, takes = len(model.feature_extractor.mel_filters), model.model.n_mels
    if made != takes:
        raise ModelError(
            f"model {source.name}: it takes spectra of {takes} bands, its preprocessor_config.json makes {made}",
            code="model_corrupt",
            hint=source.hint,
        )
    if kind == "cuda":
        _try(source.name, model, device)
    return WhisperSession(source.name, model, device=device, size=source.memory(device))


def _place(request: SessionRequest) -> tuple[str, str]:
    """The device and what CTranslate2 calls the precision; the CPU instead of a GPU where that is allowed."""
    import ctranslate2

    kind, _, index = request.device.partition(":")
    name, compute = request.source.name, COMPUTE[request.precision]
    if kind not in ("cpu", "cuda"):
        raise ModelError(f"model {name}: the ctranslate2 runtime knows no device {request.device!r}")
    if kind == "cpu":
        return "cpu", compute
    count = ctranslate2.get_cuda_device_count()
    if int(index or 0) < count:
        return request.device, compute
    if not request.allow_cpu:
        raise ModelError(
            f"model {name} does not run on {request.device}: CTranslate2 {ctranslate2.__version__} sees {count} CUDA devices",
            code="wrong_device",
            hint="`reelscope doctor` shows which devices work; `make setup-gpu` installs what CUDA needs",
        )
    return "cpu", "int8"


def _try(name: str, model: Any, device: str) -> None:
    """Encode half a minute of silence: CTranslate2 looks for CUDA's libraries at the first use, not when it loads.

    Raises:
        ModelError: It does not work there (`wrong_device`).
    """
    import numpy as np

    try:
        model.encode(np.zeros((1, model.model.n_mels, 3000), np.float32))
    except RuntimeError as error:
        if "out of memory" in str(error):  # the engine's own policy
            raise
        raise ModelError(
            f"model {name} does not run on {device}: {error}",
            code="wrong_device",
            hint="`reelscope doctor` shows which devices work; `make setup-gpu` installs what CUDA needs",
        ) from error
