"""Sessions: where they truly run, what they hold, and that nothing falls back to the CPU in silence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from reelscope.errors import ModelError
from reelscope.models.catalog import Catalog
from reelscope.models.memory import release_memory
from reelscope.models.sessions import SessionRequest, open_session
from reelscope.models.sources import ModelSource

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


class FakeOrt(SimpleNamespace):
    """onnxruntime with providers of the tests' choice."""

    def __init__(self, *, offered: list[str], active: list[str], nodes: dict[str, int] | None = None) -> None:
        super().__init__(__version__="9", made=[])
        self.get_available_providers = lambda: offered

        def session(path: str, options: Any, providers: list[Any]) -> Any:
            self.made.append((options, providers))
            inner = SimpleNamespace(
                get_providers=lambda: active if providers != [CPU] else [CPU],
                get_modelmeta=lambda: SimpleNamespace(custom_metadata_map={}),
                run=lambda outputs, feeds: ["answer"],
            )
            if nodes is not None:
                inner.get_provider_graph_assignment_info = lambda: [
                    SimpleNamespace(ep_name=name) for name, count in nodes.items() for _ in range(count)
                ]
            return inner

        self.InferenceSession = session
        self.SessionOptions = lambda: SimpleNamespace(
            entries={}, add_session_config_entry=lambda key, value: self.entries.__setitem__(key, value)
        )
        self.entries: dict[str, str] = {}


@pytest.fixture
def source(tmp_path: Path) -> ModelSource:
    (tmp_path / "m.onnx").write_bytes(b"12345")
    return ModelSource.of_file("tiny", tmp_path / "m.onnx", ram_mib=2.0, vram_mib=3.0)


def on_gpu(source: ModelSource, monkeypatch: pytest.MonkeyPatch, ort: FakeOrt, **rest: Any) -> Any:
    monkeypatch.setitem(sys.modules, "onnxruntime", ort)
    return open_session(SessionRequest(source, "cuda:1", **rest))


# --- what must not happen


def test_a_gpu_that_this_onnxruntime_cannot_use_is_an_error() -> None:
    """The installed build, without any fake: the CPU flavour offers no CUDA."""
    import onnxruntime

    if CUDA in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime offers CUDA")
    with pytest.raises(ModelError, match="swift-f0 does not run on cuda:0") as caught:
        open_session(SessionRequest(Catalog().source_of("swift-f0"), "cuda:0"))
    assert caught.value.code == "wrong_device"


@pytest.mark.parametrize(
    ("ort", "reason"),
    [
        (FakeOrt(offered=[CPU], active=[CPU]), "offers CPUExecutionProvider"),
        (FakeOrt(offered=[CUDA, CPU], active=[CPU]), "did not start"),
        (FakeOrt(offered=[CUDA, CPU], active=[CUDA, CPU], nodes={CPU: 9}), "runs none of its nodes"),
    ],
    ids=["not in this build", "does not start", "starts and does nothing"],
)
def test_silent_fall_back_to_the_cpu_is_an_error(source: ModelSource, monkeypatch: pytest.MonkeyPatch, ort: FakeOrt, reason: str) -> None:
    with pytest.raises(ModelError, match=f"tiny does not run on cuda:1: .*{reason}") as caught:
        on_gpu(source, monkeypatch, ort)
    assert caught.value.code == "wrong_device" and "doctor" in str(caught.value.hint)
    allowed = on_gpu(source, monkeypatch, ort, allow_cpu=True)
    assert (allowed.device, allowed.bytes) == ("cpu", 2 * 2**20)  # and says where it runs


@pytest.mark.parametrize("device", ["mps", "gpu", "cudax:0"])
def test_a_device_that_the_runtime_does_not_know_is_an_error(source: ModelSource, device: str) -> None:
    with pytest.raises(ModelError, match=f"knows no device '{device}'"):
        open_session(SessionRequest(source, device))


def test_a_runtime_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ModelError, match="no runtime 'caffe'"):
        open_session(SessionRequest(ModelSource("x", runtime="caffe", loader=lambda request: None)))


@pytest.mark.parametrize("runtime", ["onnx", "torch"])
def test_a_source_must_have_what_its_runtime_needs(source: ModelSource, runtime: str) -> None:
    wrong = ModelSource("x", runtime, loader=lambda request: None) if runtime == "onnx" else ModelSource("x", runtime, source.path, "0")
    with pytest.raises(ModelError, match="needs a"):
        open_session(SessionRequest(wrong))


# --- onnx


def test_cuda_gets_its_limit_and_grows_by_what_is_asked_for(source: ModelSource, monkeypatch: pytest.MonkeyPatch) -> None:
    ort = FakeOrt(offered=[CUDA, CPU], active=[CUDA, CPU], nodes={CUDA: 5, CPU: 2})
    session = on_gpu(source, monkeypatch, ort, memory_limit=7_000_000)
    options = {"device_id": "1", "arena_extend_strategy": "kSameAsRequested", "gpu_mem_limit": "7000000"}
    assert ort.made[-1][1] == [(CUDA, options), CPU]
    assert (session.device, session.bytes, session.run(None, {})) == ("cuda:1", 3 * 2**20, ["answer"])


def test_cuda_libraries_of_this_environment_are_loaded_before_the_first_session(
    source: ModelSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    ort = FakeOrt(offered=[CUDA, CPU], active=[CUDA, CPU])
    make = ort.InferenceSession
    ort.preload_dlls = lambda: order.append("libraries")
    ort.InferenceSession = lambda *args, **rest: order.append("session") or make(*args, **rest)
    on_gpu(source, monkeypatch, ort)
    assert order == ["libraries", "session"]
    open_session(SessionRequest(source, "cpu"))
    assert order == ["libraries", "session", "session"]  # not for the CPU


def test_a_real_model_runs_and_is_let_go() -> None:
    session = open_session(SessionRequest(Catalog().source_of("swift-f0")))
    assert session.device == "cpu" and session.bytes == Catalog().source_of("swift-f0").memory("cpu")
    limits = {"fmin": np.asarray(60, np.float32), "fmax": np.asarray(600, np.float32)}
    hz, _ = session.run(["pitch", "confidence"], {"audio": np.zeros((1, 2560), np.float32), **limits})
    assert hz.shape == (1, 10)
    session.close()
    session.close()
    with pytest.raises(ModelError, match="swift-f0 was unloaded"):
        session.run(None, {})


# --- torch


class FakeModel:
    """An object with parameters as PyTorch's modules have them."""

    def __init__(self, *devices: str) -> None:
        self._tensors = []
        for device in devices:
            kind, _, index = device.partition(":")
            place = SimpleNamespace(type=kind, index=int(index) if index else None)
            self._tensors.append(SimpleNamespace(device=place, numel=lambda: 100, element_size=lambda: 4))

    def parameters(self) -> list[Any]:
        return self._tensors[:1]

    def buffers(self) -> list[Any]:
        return self._tensors[1:]


def torch_session(device: str, model: Any, **rest: Any) -> Any:
    return open_session(SessionRequest(ModelSource("net", "torch", loader=lambda request: model), device, **rest))


@pytest.mark.parametrize(
    ("device", "places"), [("cuda:0", ["cpu"]), ("cuda:0", ["cuda:0", "cpu"]), ("cuda:1", ["cuda:0"]), ("cpu", ["meta"])]
)
def test_a_model_that_lies_elsewhere_is_an_error(device: str, places: list[str]) -> None:
    with pytest.raises(ModelError, match=f"net lies on .*, not on {device}") as caught:
        torch_session(device, FakeModel(*places))
    assert caught.value.code == "wrong_device"


def test_a_torch_model_counts_its_parameters_and_buffers() -> None:
    model = FakeModel("cuda:0", "cuda:0")
    session = torch_session("cuda:0", model)
    assert (session.device, session.bytes, session.model) == ("cuda:0", 800, model)
    session.close()
    with pytest.raises(ModelError, match="net was unloaded"):
        _ = session.model
    assert torch_session("cuda:0", FakeModel("cpu"), allow_cpu=True).device == "cpu"


def test_without_parameters_what_loading_took_of_the_gpu_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = iter([1000, 5000])
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=SimpleNamespace(memory_allocated=lambda device: next(taken))))
    assert torch_session("cuda:0", object()).bytes == 4000


# --- memory


def test_pytorchs_cache_is_emptied_only_where_it_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    emptied: list[bool] = []
    for started in (False, True):
        cuda = SimpleNamespace(is_initialized=lambda started=started: started, empty_cache=lambda started=started: emptied.append(started))
        monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
        release_memory()
    assert emptied == [True]


def test_the_manager_imports_no_runtime() -> None:
    code = "import sys, reelscope.models.manager\nprint([m for m in ('onnxruntime', 'torch', 'numpy') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_litert_starts_without_a_word() -> None:
    """Its greeting on stderr is held back; what else is written there meanwhile is not."""
    code = (
        "import os, threading, time\n"
        "from reelscope.models.catalog import Catalog\n"
        "from reelscope.models.sessions import SessionRequest, open_session\n"
        "session = open_session(SessionRequest(Catalog().source_of('selfie-segmentation')))\n"
        "os.write(2, b'mine')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "mine")


@pytest.mark.parametrize("lacks", ["tempfile.TemporaryFile = refuse", "os.close(2)"])
def test_litert_starts_where_its_words_cannot_be_held_back(lacks: str) -> None:
    """A machine without a writable temporary folder, a daemon without stderr: the greeting is no reason to fail."""
    code = (
        "import os, tempfile\n"
        "from reelscope.models.catalog import Catalog\n"
        "from reelscope.models.sessions import SessionRequest, open_session\n"
        "def refuse(*rest):\n"
        "    raise FileNotFoundError('no usable temporary directory')\n"
        f"{lacks}\n"
        "session = open_session(SessionRequest(Catalog().source_of('selfie-segmentation')))\n"
        "print(session.device)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "cpu\n"
