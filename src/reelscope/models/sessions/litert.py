"""TensorFlow Lite models through LiteRT, on the CPU. MediaPipe's models are opened here by path: its package is never imported."""

from __future__ import annotations

import os
import tempfile
import threading
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from reelscope.errors import ModelError
from reelscope.models.sessions.base import SessionRequest

__all__ = ["LiteRtSession", "open_session"]

GREETING = b"INFO: Created TensorFlow Lite XNNPACK delegate"
_greeting = threading.Lock()
_greeted: list[bool] = []


class LiteRtSession:
    """A loaded model.

    Attributes:
        device: "cpu". bytes: what it holds.
        input_shapes: Of its inputs, in the model's order; output_names: of its outputs.
        folder: Where its file lies, and what else belongs to it (names of classes).
    """

    device = "cpu"

    def __init__(self, name: str, interpreter: Any, *, size: int, folder: Path | None = None) -> None:
        self.bytes, self.folder = size, folder
        self._name, self._interpreter = name, interpreter
        self._lock = threading.Lock()  # an interpreter has one set of tensors
        self._inputs, self._outputs = interpreter.get_input_details(), interpreter.get_output_details()
        self.input_shapes = [tuple(int(n) for n in d["shape"]) for d in self._inputs]
        self.output_names = [d["name"] for d in self._outputs]

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        """Infer; several threads may at once, one after the other. Inputs and outputs (copies) in the model's order.

        An input of another shape than the last one resizes the model's (YAMNet takes sound of any length).
        """
        interpreter = self._interpreter
        if interpreter is None:
            raise ModelError(f"model {self._name} was unloaded; take handle.session anew for each use, or pin it")
        with self._lock:
            for i, (detail, value) in enumerate(zip(self._inputs, inputs, strict=True)):
                if tuple(value.shape) != self.input_shapes[i]:
                    interpreter.resize_tensor_input(detail["index"], value.shape)
                    interpreter.allocate_tensors()
                    self.input_shapes[i] = tuple(value.shape)
            for detail, value in zip(self._inputs, inputs, strict=True):
                interpreter.set_tensor(detail["index"], value)
            interpreter.invoke()
            return [interpreter.get_tensor(d["index"]) for d in self._outputs]

    def close(self) -> None:
        """Unload it."""
        self._interpreter = None


def open_session(request: SessionRequest) -> LiteRtSession:
    """Open the model's file, or the member of the archive that it names.

    Raises:
        ModelError: A GPU was asked for and the CPU is not allowed, or there is no file.
    """
    source = request.source
    if source.path is None:
        raise ModelError(f"model {source.name}: the litert runtime needs a file")
    if request.device != "cpu" and not request.allow_cpu:
        raise ModelError(f"model {source.name} runs on the CPU only, not on {request.device}", code="wrong_device")
    from ai_edge_litert.interpreter import Interpreter

    with _first_words_held_back():
        if source.member is None:
            interpreter = Interpreter(model_path=str(source.path), num_threads=max(1, request.threads))
        else:
            with zipfile.ZipFile(source.path) as archive:
                content = archive.read(source.member)
            interpreter = Interpreter(model_content=content, num_threads=max(1, request.threads))
        interpreter.allocate_tensors()
    return LiteRtSession(source.name, interpreter, size=source.memory("cpu"), folder=source.path.parent)


@contextmanager
def _first_words_held_back() -> Iterator[None]:
    """LiteRT tells once in each process, on stderr, that it uses XNNPACK, and has no switch for that; all else is passed on."""
    if _greeted:
        yield
        return
    with _greeting, ExitStack() as stack:
        try:
            held = stack.enter_context(tempfile.TemporaryFile())
            stderr = os.dup(2)
        except OSError:  # nowhere to hold them back, or stderr is closed, as daemons have it
            yield
            return
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            held.seek(0)
            said = b"".join(line for line in held if not line.startswith(GREETING))
            with suppress(OSError):  # who reads it may be gone
                os.write(2, said)
        _greeted.append(True)
