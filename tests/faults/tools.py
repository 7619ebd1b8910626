"""A place for one engine with its folders, and what must hold after a fault: the document, and that nothing is left."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import psutil

from reelscope.analyzers.registry import Registry
from reelscope.config import Settings
from reelscope.document.schema import Document
from reelscope.engine.conduct import ClipRun
from reelscope.pipeline import Session
from tests.faults.misdeeds import FOLDER, Control
from tests.faults.stubs import REGISTRY

if TYPE_CHECKING:
    import pytest

__all__ = ["DEADLINE_S", "Place", "facts", "impatient", "pids", "same", "until", "workers_of"]

DEADLINE_S = 120.0  # far above what anything here takes, also on a machine that stalls
PATIENCE_S = 600.0  # for calls that no test wants to be late: what is held by a test is let go by it


@dataclass(frozen=True, slots=True)
class Place:
    """Folders of a test, with settings that put everything of an engine into them."""

    root: Path
    control: Control

    @property
    def temp(self) -> Path:
        """Where sound, spools and boards go."""
        return self.root / "temp"

    @property
    def shared(self) -> Path:
        """Where windows go."""
        return self.root / "shared"

    @property
    def environment(self) -> dict[str, str]:
        """For programs of the test's own."""
        return {**os.environ, FOLDER: str(self.control.folder)}

    def settings(self, **changes: dict[str, Any]) -> Settings:
        """Two workers; keys of `changes` are merged table by table."""
        tables: dict[str, dict[str, Any]] = {
            "placement": {"workers": 2, "threads": 2},
            "performance": {"window_s": 0.5},
            "faults": {"window_timeout_s": PATIENCE_S},
            "system": {
                "temp_dir": str(self.temp), "shared_dir": str(self.shared), "keep_results": False, "min_free_disk_mib": 0,
            },
        }  # fmt: skip
        for table, values in changes.items():
            tables[table] = {**tables.get(table, {}), **values}
        return Settings.model_validate(tables)

    def session(self, registry: Registry = REGISTRY, **changes: dict[str, Any]) -> Session:
        """A session with worker processes."""
        return Session(self.settings(**changes), registry=registry, many=True)

    def left(self) -> list[str]:
        """What lies in the engine's folders."""
        walked = (step for folder in (self.temp, self.shared) for step in os.walk(folder))  # which does not mind what goes meanwhile
        return sorted(str(Path(at, name).relative_to(self.root)) for at, folders, files in walked for name in (*folders, *files))


def workers_of(pid: int | None = None) -> list[psutil.Process]:
    """Worker processes that a process has started and that are alive."""
    found = []
    for child in psutil.Process(pid).children(recursive=True):
        try:
            if child.status() != psutil.STATUS_ZOMBIE and "reelscope.engine.worker" in child.cmdline():
                found.append(child)
        except psutil.Error:  # it has just ended
            continue
    return found


def pids(session: Session) -> set[int]:
    """Process ids of a session's workers."""
    return {seat.host.pid for seat in session.engine._seats.values() if seat.host is not None}


def impatient(patch: pytest.MonkeyPatch, control: Control, name: str, *, tries: int = 1, **faults: float) -> None:
    """Let these settings of deadlines hold for one member alone, once it has begun a misdeed, and in its first `tries`.

    Every other call has all the time in the world: on a machine that stalls it would be late as well.
    """
    real = ClipRun.limit_s

    def limit_s(run: ClipRun, member: str, phase: str) -> float:
        if member != name or run.out.members[name].attempts > tries or not control.marks(name):
            return PATIENCE_S
        hurried = run.engine.settings.model_copy(update={"faults": run.engine.settings.faults.model_copy(update=faults)})
        return real(SimpleNamespace(engine=SimpleNamespace(settings=hurried), out=run.out, probe=run.probe), member, phase)  # type: ignore[arg-type]

    patch.setattr(ClipRun, "limit_s", limit_s)


def until(condition: Callable[[], Any], what: str, *, deadline_s: float = DEADLINE_S, left: Callable[[], Any] = lambda: "") -> Any:
    """Wait for something true and return it."""
    end = time.monotonic() + deadline_s
    pause = threading.Event()
    while not (found := condition()):
        assert time.monotonic() < end, f"did not happen within {deadline_s:g} s: {what} {left()}"
        pause.wait(0.02)
    return found


def facts(document: Document, *, besides: Collection[str] = ()) -> dict[str, Any]:
    """All that two runs of the same clip must agree in."""
    made = document.model_dump(mode="json", exclude={"analysis_id", "created_at", "run"})
    for name, entry in made["analyzers"].items():
        for key in ("seconds", "attempts"):
            entry.pop(key)
        if name in besides:
            entry.clear()
    if besides:  # rows of shots are put together from what analyzers found
        for row in made["shots"]:
            for key in row.keys() - {"index", "start_s", "end_s"}:
                row.pop(key)
        made["insights"] = sorted(made["insights"])  # conclusions from what analyzers found
    return made


def same(document: Document, quiet: Document, *, besides: Collection[str] = ()) -> None:
    """Whether two documents of the same clip agree, but for what is volatile and for the analyzers `besides`."""
    ours, theirs = facts(document, besides=besides), facts(quiet, besides=besides)
    for name in theirs["analyzers"]:
        assert ours["analyzers"][name] == theirs["analyzers"][name], name
    for key in theirs:
        assert ours[key] == theirs[key], key
    assert ours.keys() == theirs.keys()
