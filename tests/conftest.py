"""Fixtures that every test may use."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.postgres import Postgres

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in the background of a shell: what the tests start would not hear a Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)


def debian_program(name: str) -> str:
    """Path of a program that .ci/run installs. Without it a test is skipped by name, and fails where CI is set: there it must run."""
    path = shutil.which(name)
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"needs Debian's {name}, which is not installed")
    return path


SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def media() -> Path:
    """The folder of real clips beside the checkout; the test is skipped, by name, where it does not exist."""
    folder = SHARED / "media"
    if not (folder / "MANIFEST.json").is_file():
        pytest.skip("needs ../shared/media, which is not here")
    return folder


@contextmanager
def _own_data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("XDG_DATA_HOME", raising=False)
        patch.setenv("REELSCOPE_DATA_DIR", str(tmp_path_factory.mktemp("data") / "reelscope"))
        yield


@pytest.fixture(autouse=True, scope="session")
def own_data_dir_of_session_fixtures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What fixtures of the whole session analyse is kept apart from the user's folder and from what tests read."""
    with _own_data_dir(tmp_path_factory):
        yield


@pytest.fixture(autouse=True, scope="module")
def own_data_dir_of_module_fixtures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The same for fixtures of one module."""
    with _own_data_dir(tmp_path_factory):
        yield


@pytest.fixture(autouse=True)
def own_data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes the user's kept results, nor another test's; programs that it starts inherit the variable."""
    with _own_data_dir(tmp_path_factory):
        yield


@pytest.fixture(autouse=True)
def no_model_left_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test makes known under a model's name is no other test's model."""
    from reelscope.models import sources

    monkeypatch.setattr(sources, "_registered", dict(sources._registered))


def still_there(threads: Iterable[threading.Thread]) -> list[threading.Thread]:
    """Those of these threads that have not ended within a minute."""
    until = time.monotonic() + 60
    for thread in (found := list(threads)):
        thread.join(max(0.0, until - time.monotonic()))
    return [thread for thread in found if thread.is_alive()]


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """A thread of ours that outlives its test fails it; a lane ends by itself, a moment after it has told that it is through."""
    before = set(threading.enumerate())
    yield
    left = still_there(t for t in threading.enumerate() if t not in before and t.name.startswith(("lane-", "finish", "peak-memory")))
    assert not left, f"threads left running: {left}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server of this test process."""
    server = Postgres()
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database, of either kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'server.sqlite3'}"
        return
    with request.getfixturevalue("postgres").database() as url:
        yield url


@pytest.fixture(scope="session")
def demo_reel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo reel, rendered once; its truth lies beside it with the suffix .json."""
    from reelscope.demo import render_demo

    path = tmp_path_factory.mktemp("demo") / "demo.mp4"
    render_demo(path)
    return path
