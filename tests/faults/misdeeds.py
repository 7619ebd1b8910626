"""What stub members do wrong, as a control file says.

The folder of the control file stands in an environment variable, which worker processes inherit; the file is read anew at every call, so a
test can change it while workers live. `{"cut_analysis": {"do": "sigkill", "phase": "feed", "window": 2, "times": 1}}`: "times" is counted
over all processes, "window" is for the feed phase, "pause" waits until the test lets it go on, "after" names a member whose first misdeed
has to come before. Every misdeed leaves a mark with the id of its process before it is done.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import threading
from pathlib import Path
from typing import Any

__all__ = ["FOLDER", "Control", "misbehave", "wanted"]

FOLDER = "FAULT_TEST_FOLDER"
PAUSE_S = 0.02
_kept: list[bytearray] = []


class Control:
    """The test's end: what members are to do wrong, and what they have done."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def set(self, **misdeeds: dict[str, Any] | list[dict[str, Any]]) -> None:
        """Put these in the place of the old ones, one or several for a member, which count together; all counts begin anew."""
        for path in self.folder.iterdir():
            path.unlink()
        part = self.folder / ".part"
        part.write_text(json.dumps(misdeeds))
        part.rename(self.folder / "control.json")

    def release(self) -> None:
        """End every pause and every hang that can end."""
        (self.folder / "release").touch()

    def marks(self, name: str) -> list[int]:
        """Process ids of the misdeeds of a member so far."""
        return [int(p.read_text() or 0) for p in sorted(self.folder.glob(f"{name}.*.mark"))]

    def lines(self, name: str) -> list[str]:
        """What a member has noted."""
        path = self.folder / f"{name}.notes"
        return path.read_text().splitlines() if path.exists() else []


def note(name: str, text: str) -> None:
    """Leave a line for the test; whole, whoever writes at the same time."""
    with (_folder() / f"{name}.notes").open("ab", buffering=0) as file:
        file.write(f"{text}\n".encode())


def _folder() -> Path:
    return Path(os.environ[FOLDER])


def wanted(name: str, phase: str, **facts: Any) -> dict[str, Any] | None:
    """The misdeed that is due in this call, counted; None: behave."""
    try:
        found = json.loads((_folder() / "control.json").read_text()).get(name, [])
    except FileNotFoundError:
        return None
    orders = found if isinstance(found, list) else [found]
    order = next((o for o in orders if o["phase"] == phase and all(o[k] == v for k, v in facts.items() if k in o)), None)
    if order is None:
        return None
    if order["do"] == "work":
        return order
    for number in range(order.get("times", 1000)):
        try:
            with (_folder() / f"{name}.{number:03}.mark").open("x") as mark:
                mark.write(str(os.getpid()))
        except FileExistsError:
            continue
        return order
    return None


def misbehave(name: str, phase: str, **facts: Any) -> Any:
    """Do what is due; what it returns, unless None, stands in place of the member's result."""
    order = wanted(name, phase, **facts)
    if order is None:
        return None
    if "after" in order:
        _wait(f"{order['after']}.000.mark")
    return _deed(order)


def _deed(order: dict[str, Any]) -> Any:
    match order["do"]:
        case "sigkill":
            os.kill(os.getpid(), signal.SIGKILL)
            threading.Event().wait()  # the signal may reach another thread first
        case "segfault":
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            ctypes.string_at(0)
        case "exit":
            os._exit(3)
        case "fork":  # and a process that it forked keeps all that was open
            if os.fork() == 0:
                note("forked", str(os.getpid()))
                _wait()
                os._exit(0)
            os._exit(3)
        case "child":  # a process that it forked stays behind, with all that is open
            if os.fork() == 0:
                _wait()
                os._exit(0)
        case "hang":  # Python code that waits for something that never comes
            _wait()
        case "hang_locked":  # native code that does not give the interpreter's lock back
            ctypes.PyDLL(None).sleep(3600)
        case "pause":
            _wait()
        case "work":  # no misdeed: it takes its time, so that losses fall into it
            threading.Event().wait(order["s"])
        case "raise":
            raise RuntimeError("it broke")
        case "quit":
            raise SystemExit(3)
        case "memory_error":
            raise MemoryError
        case "grow":
            _kept.append(bytearray(os.urandom(1 << 20) * order["mib"]))
            if order.get("stay"):
                _wait()
        case "unpicklable":
            return threading.Lock()
        case "unreadable":
            return Unreadable()
        case other:
            raise ValueError(other)
    return None


def _wait(name: str = "release") -> None:
    go_on = threading.Event()
    while not (_folder() / name).exists():
        go_on.wait(PAUSE_S)


class Unreadable:
    """It can be pickled, and not be read back."""

    def __reduce__(self) -> Any:
        return _refuse, ()


def _refuse() -> None:
    raise RuntimeError("cannot be read")
