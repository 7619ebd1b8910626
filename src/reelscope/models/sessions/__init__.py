"""Sessions by runtime. A runtime is imported when its first model is opened."""

from __future__ import annotations

from importlib import import_module

from reelscope.errors import ModelError
from reelscope.models.sessions.base import ModelSession, SessionRequest

__all__ = ["RUNTIMES", "ModelSession", "SessionRequest", "open_session"]

# Modules with open_session(request).
RUNTIMES = {name: f"reelscope.models.sessions.{name}" for name in ("onnx", "litert", "torch", "transformers", "ctranslate2")}


def open_session(request: SessionRequest) -> ModelSession:
    """Open a model.

    Raises:
        ModelError: There is no such runtime, or the model does not run on the device asked for.
        Exception: Whatever the runtime raises for a file that it cannot load.
    """
    source = request.source
    if source.runtime not in RUNTIMES:
        raise ModelError(f"model {source.name}: there is no runtime {source.runtime!r} (there are: {', '.join(RUNTIMES)})")
    return import_module(RUNTIMES[source.runtime]).open_session(request)
