"""Fixtures of the fault tests: a quiet run to compare with, engines that tests share, and the proof that nothing is left."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from reelscope.document.schema import Document
from reelscope.pipeline import Session
from tests.clips import moving_frames, tone, write_clip
from tests.faults.misdeeds import FOLDER, Control
from tests.faults.tools import Place, until


@contextmanager
def _nothing_left(place: Path) -> Iterator[Place]:
    """A place, and after its engines are closed the proof that they have left nothing."""
    for name in ("control", "temp", "shared"):
        (place / name).mkdir(parents=True)
    made = Place(place, Control(place / "control"))
    threads = set(threading.enumerate())
    children = {p.pid for p in psutil.Process().children(recursive=True)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER, str(made.control.folder))
        yield made
        made.control.release()
        until(lambda: not _others(threads), "threads end", left=lambda: _others(threads))
    until(lambda: not _more(children), "processes end", left=lambda: _more(children))
    assert made.left() == []


def _others(threads: set[threading.Thread]) -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t not in threads]


def _more(children: set[int]) -> list[psutil.Process]:
    found = []
    for process in psutil.Process().children(recursive=True):
        try:  # the session's PostgreSQL is another fixture's, and starts and ends processes of its own as it likes
            if process.pid not in children and process.name() != "postgres":
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A place of a test's own; the test closes its engines."""
    with _nothing_left(tmp_path / "place") as made:
        yield made


@pytest.fixture(scope="package")
def shared_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with _nothing_left(tmp_path_factory.mktemp("faults") / "place") as made:
        yield made


@pytest.fixture(scope="package")
def session(shared_place: Place) -> Iterator[Session]:
    """One engine with two workers for all tests that leave it able to go on: which they must."""
    with shared_place.session() as made:
        yield made


@pytest.fixture
def control(shared_place: Place) -> Iterator[Control]:
    """What members of `session` do wrong; nothing to begin with."""
    shared_place.control.set()
    yield shared_place.control
    shared_place.control.set()


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds in six windows, with sound."""
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", moving_frames(90), sound=tone(3.0))


@pytest.fixture(scope="package")
def quiet(session: Session, shared_place: Place, clip: Path) -> Document:
    """The document of a run in which nothing goes wrong."""
    shared_place.control.set()
    return session.analyze(clip).document
