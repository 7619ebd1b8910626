"""ONNX models through onnxruntime, on the CPU or on a GPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reelscope.errors import ModelError
from reelscope.models.sessions.base import SessionRequest

__all__ = ["OnnxSession", "open_session"]

CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"


class OnnxSession:
    """A loaded ONNX model.

    Attributes:
        device: Where it runs. bytes: what it holds there.
        metadata: What its makers wrote into the file.
    """

    def __init__(self, name: str, inner: Any, *, device: str, size: int) -> None:
        self.device, self.bytes = device, size
        self.metadata: Mapping[str, str] = dict(inner.get_modelmeta().custom_metadata_map)
        self._name, self._inner = name, inner

    def run(self, outputs: Sequence[str] | None, feeds: Mapping[str, Any]) -> list[Any]:
        """Infer; several threads may at once. Outputs by name, None for all, in the model's order."""
        inner = self._inner  # an unloading beside this call lets it end
        if inner is None:
            raise ModelError(f"model {self._name} was unloaded; take handle.session anew for each use, or pin it")
        return inner.run(outputs, feeds)

    def close(self) -> None:
        """Unload it; a run that is under way ends first."""
        self._inner = None


def open_session(request: SessionRequest) -> OnnxSession:
    """Open the model's file.

    Raises:
        ModelError: It does not run on the GPU that was asked for, and the CPU was not allowed.
    """
    import onnxruntime

    source = request.source
    if source.path is None:
        raise ModelError(f"model {source.name}: the onnx runtime needs a file")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = max(1, request.threads)
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # inputs differ in size; an arena would keep the memory of the largest for good
    options.log_severity_level = 3
    if not source.spin:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    wanted, providers = _providers(request)
    if wanted != CPU:
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    offered = onnxruntime.get_available_providers()
    device = request.device
    if wanted not in offered:
        device = _cpu_instead(request, f"onnxruntime {onnxruntime.__version__} offers {', '.join(offered)}")
        providers = [CPU]
    elif wanted == CUDA and hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()  # of the CUDA and cuDNN packages in this environment, which the system's loader does not know
    inner = onnxruntime.InferenceSession(str(source.path), options, providers=providers)
    active = inner.get_providers()
    if device != "cpu" and active[0] != wanted:  # onnxruntime only prints a line where a provider does not start
        device = _cpu_instead(request, f"{wanted} did not start; active: {', '.join(active)}")
    elif device != "cpu" and not _nodes(inner, wanted):
        device = _cpu_instead(request, f"{wanted} is active and runs none of its nodes")
    return OnnxSession(source.name, inner, device=device, size=source.memory(device))


def _providers(request: SessionRequest) -> tuple[str, list[Any]]:
    """The provider that must come first, and the list that onnxruntime takes."""
    kind, _, index = request.device.partition(":")
    if kind == "cpu":
        return CPU, [CPU]
    if kind != "cuda":
        raise ModelError(f"model {request.source.name}: the onnx runtime knows no device {request.device!r}")
    options: dict[str, str] = {"device_id": index or "0", "arena_extend_strategy": "kSameAsRequested"}  # not the next power of two
    if request.memory_limit is not None:
        options["gpu_mem_limit"] = str(request.memory_limit)
    return CUDA, [(CUDA, options), CPU]  # shapes and the like are computed on the CPU in any case


def _nodes(inner: Any, provider: str) -> int:
    """How many parts of the graph the provider runs; 1 where this onnxruntime does not tell (before 1.23)."""
    if not hasattr(inner, "get_provider_graph_assignment_info"):
        return 1
    return sum(part.ep_name == provider for part in inner.get_provider_graph_assignment_info())


def _cpu_instead(request: SessionRequest, why: str) -> str:
    """ "cpu" where that is allowed."""
    if not request.allow_cpu:
        raise ModelError(
            f"model {request.source.name} does not run on {request.device}: {why}",
            code="wrong_device",
            hint="`reelscope doctor` shows which devices work; `make setup-gpu` installs what CUDA needs",
        )
    return "cpu"
