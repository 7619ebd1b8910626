"""The torch runtime with a file of weights: `loads` names the network, the file is read with weights_only."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from reelscope.errors import ModelError
from reelscope.models.sessions import SessionRequest, open_session
from reelscope.models.sources import ModelSource

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs torch: make test-full")


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module of networks: one small layer."""
    module = ModuleType("some_networks")
    module.small = lambda: torch.nn.Linear(3, 2)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "some_networks", module)
    return module


def source_of(path: Path, loads: str = "some_networks:small") -> ModelSource:
    return ModelSource.of_file("small", path, runtime="torch", loads=loads)


def saved(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


class Evil:
    """What a pickle may run when it is opened without weights_only."""

    done: list[str] = []

    def __reduce__(self) -> Any:
        return (Evil.done.append, ("it ran",))


def test_a_file_that_holds_more_than_tensors_is_refused_and_runs_nothing(tmp_path: Path, network: Any) -> None:
    path = tmp_path / "evil.pth"
    path.write_bytes(pickle.dumps(Evil(), protocol=2))
    with pytest.raises(ModelError, match="model small: evil.pth does not hold the weights") as caught:
        open_session(SessionRequest(source_of(path)))
    assert caught.value.code == "model_corrupt" and Evil.done == []
    with pytest.raises(ModelError, match="does not hold the weights"):
        open_session(SessionRequest(source_of(saved(tmp_path / "object.pth", {"weight": SimpleNamespace()}))))


def test_weights_of_another_network_are_refused(tmp_path: Path, network: Any) -> None:
    other = saved(tmp_path / "other.pth", torch.nn.Linear(4, 2).state_dict())
    with pytest.raises(ModelError, match="other.pth does not hold the weights of some_networks:small") as caught:
        open_session(SessionRequest(source_of(other)))
    assert caught.value.code == "model_corrupt"


def test_a_truncated_file_is_refused(tmp_path: Path, network: Any) -> None:
    whole = saved(tmp_path / "whole.pth", torch.nn.Linear(3, 2).state_dict()).read_bytes()
    for size in (0, len(whole) // 2):
        (tmp_path / "part.pth").write_bytes(whole[:size])
        with pytest.raises(ModelError, match="does not hold the weights"):
            open_session(SessionRequest(source_of(tmp_path / "part.pth")))


def test_a_network_that_is_not_installed(tmp_path: Path) -> None:
    path = saved(tmp_path / "w.pth", {})
    with pytest.raises(ModelError, match="its network nowhere:net cannot be imported") as caught:
        open_session(SessionRequest(source_of(path, "nowhere:net")))
    assert caught.value.hint == "make setup-full"


def test_weights_are_loaded_for_asking(tmp_path: Path, network: Any) -> None:
    given = torch.nn.Linear(3, 2)
    session = open_session(SessionRequest(source_of(saved(tmp_path / "w.pth", given.state_dict())), threads=1))
    assert (session.device, session.model.training, torch.get_num_threads()) == ("cpu", False, 1)
    assert session.bytes >= 8 * 4
    x = torch.rand(5, 3)
    assert torch.equal(session.model(x), given(x))
    half = open_session(SessionRequest(source_of(tmp_path / "w.pth"), precision="bf16"))
    assert half.model.weight.dtype == torch.bfloat16
