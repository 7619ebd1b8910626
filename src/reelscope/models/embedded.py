"""The models that come inside installed Python packages: the embedded tier downloads nothing."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from reelscope.document.schema import ModelInfo

__all__ = ["EMBEDDED", "EmbeddedModel", "describe", "find"]


@dataclass(frozen=True, slots=True)
class EmbeddedModel:
    """A model file inside an installed package.

    Attributes:
        package: Import name of the package; distribution: its name for `pip`.
        pattern: Where the file lies in it (a glob that matches one file).
        purpose: What it does, in two words. licence: SPDX identifier of the weights.
    """

    package: str
    distribution: str
    pattern: str
    purpose: str
    licence: str


EMBEDDED: dict[str, EmbeddedModel] = {
    "pp-ocrv6-det-small": EmbeddedModel("rapidocr", "rapidocr", "models/PP-OCRv6_det_small.onnx", "text detection", "Apache-2.0"),
    "pp-ocrv6-rec-small": EmbeddedModel("rapidocr", "rapidocr", "models/PP-OCRv6_rec_small.onnx", "text recognition", "Apache-2.0"),
    "silero-vad": EmbeddedModel("faster_whisper", "faster-whisper", "assets/silero_vad*.onnx", "voice activity", "MIT"),
    "swift-f0": EmbeddedModel("swift_f0", "swift-f0", "model.onnx", "pitch", "MIT"),
}


def find(name: str) -> Path | None:
    """The model's file; None where its package is not installed or does not carry it."""
    model = EMBEDDED[name]
    spec = importlib.util.find_spec(model.package)  # of a top-level package: looks it up without importing it
    if spec is None or spec.origin is None:
        return None
    return next(iter(sorted(Path(spec.origin).parent.glob(model.pattern))), None)


def describe(name: str) -> ModelInfo:
    """What the document says of a model: the package and version that brought it, the file's true sha256, its licence."""
    model, path = EMBEDDED[name], find(name)
    revision = f"{model.distribution} {importlib.metadata.version(model.distribution)}"
    return ModelInfo(id=name, revision=revision, sha256=_sha256(path) if path is not None else None, licence=model.licence)


@functools.lru_cache(maxsize=32)
def _sha256(path: Path) -> str:
    """Once per process: 32 MB of model files take 20 ms."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
