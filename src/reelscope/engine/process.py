"""The parent's end of a worker process: starting it, talking to it, knowing when and of what it died."""

from __future__ import annotations

import contextlib
import itertools
import logging
import mmap
import os
import pickle
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import reelscope
from reelscope.config import Settings
from reelscope.engine.board import BOARD_BYTES, Board
from reelscope.engine.faults import Kind, describe
from reelscope.engine.limits import worker_environment
from reelscope.engine.messages import Begin, Died, End, Feed, Finish, Finished, Forget, LogLine, Pickled, Preload, Ready, Stop
from reelscope.engine.placement import WorkerPlan
from reelscope.engine.worker import Boot, registry_reference, unpicklable
from reelscope.errors import EngineError
from reelscope.events import bound

__all__ = ["WorkerProcess"]

log = logging.getLogger(__name__)

CLOSE_S = 15.0  # a worker that does not end by itself within this is killed
STDERR_TAIL = 4000  # bytes of what a dead worker last wrote
ERRORS_MOST = 4 << 20  # bytes of it that are kept while it lives: the folder may be in memory
_numbers = itertools.count()


class WorkerProcess:
    """One life of a worker. It has the methods of a host, and returns as quickly: messages wait in a queue for the process.

    Args:
        tell: Takes the worker's messages, and `Died` as the last one unless `close` was called; from a thread of this object.
        folder: Where windows, the board and the worker's error output lie.
    """

    def __init__(
        self, plan: WorkerPlan, settings: Settings, registry: Any, folder: Path, tell: Callable[[Any], None], batches: Mapping[Any, int]
    ) -> None:
        self.plan, self.tell = plan, tell
        self.view: dict[str, Any] = {}
        self.started = time.monotonic()
        self.ready = False
        self._doomed: Died | None = None
        self._closing = False
        level = logging.getLogger("reelscope").getEffectiveLevel()
        number = next(_numbers)
        board_path = folder / f"worker-{number}.board"
        boot = Boot(plan.name, registry_reference(registry), settings, plan, str(board_path), level, os.getpid(), dict(batches))
        try:
            first = pickle.dumps(sys.path), pickle.dumps(boot)
        except Exception as error:
            raise EngineError(
                f"a worker process cannot be given this registry: {error}",
                hint="work in this process: placement.workers=0",
            ) from error
        self._errors = folder / f"worker-{number}.stderr"
        board_path.write_bytes(bytes(BOARD_BYTES))
        with board_path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self.board = Board(memoryview(self._map))
        self._files = (self._errors, board_path)
        ours, theirs = socket.socketpair()
        with theirs, self._errors.open("ab") as errors, contextlib.ExitStack() as undo:
            undo.callback(ours.close)
            self.process = subprocess.Popen(
                # -P: a user's queue.py in the current folder is not Python's
                [sys.executable, "-P", "-m", "reelscope.engine.worker", str(theirs.fileno())],
                env={**os.environ, **worker_environment(plan, settings), "PYTHONPATH": _with_package(os.environ.get("PYTHONPATH"))},
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=errors,  # nothing of a worker may get into the program's own output
                stderr=errors,
                start_new_session=True,  # Ctrl-C in a terminal reaches the parent only, which then ends its workers
            )
            undo.pop_all()
        self._connection = Connection(ours.detach())
        self._out: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._sent = 0
        self._moved = (0, self.started)  # messages that it had taken when last looked, and since when
        for data in first:
            self._out.put(data)
        self._threads = [
            threading.Thread(target=self._write, name=f"to-{plan.name}", daemon=True),
            threading.Thread(target=self._read, name=f"from-{plan.name}", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    # --- as a host ------------------------------------------------------------------------------------------------------------------

    def begin(self, message: Begin) -> None:
        self._send(message)

    def feed(self, run: int, window: Any) -> None:
        self._send(Feed(run, window))

    def end(self, run: int) -> None:
        self._send(End(run))

    def finish(self, message: Finish) -> None:
        self._send(message)

    def preload(self, message: Preload) -> None:
        self._send(message)

    def forget(self, run: int) -> None:
        self._send(Forget(run))

    # --- its life -------------------------------------------------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """Process id."""
        return self.process.pid

    def kill(self, kind: Kind, detail: str, late_run: int | None = None) -> None:
        """End it at once; `Died` will say this reason."""
        if self.process.poll() is None:
            self._doomed = Died(kind, detail=detail, late_run=late_run)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)  # with all that its members started: it leads a session of its own

    @property
    def unread_s(self) -> float:
        """For how long it has taken none of the messages that wait for it; 0 where none waits."""
        taken, now = self.board.taken, time.monotonic()
        if taken != self._moved[0] or taken >= self._sent:
            self._moved = (taken, now)
        return now - self._moved[1]

    def look(self) -> None:
        """Notice its end also where a process that it forked still holds the other end of the connection open; bound its error output."""
        with contextlib.suppress(OSError):
            if self._errors.stat().st_size > ERRORS_MOST:
                os.truncate(self._errors, 0)
        if self.process.poll() is not None:
            self._shut(socket.SHUT_RD)  # what it said before can still be read; then comes the end

    def _shut(self, how: int) -> None:
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(self._connection.fileno())) as end:
            end.shutdown(how)

    def close(self) -> None:
        """Let it end by itself, kill it where it does not, and clear away what belonged to it."""
        self._closing = True
        self._send(Stop())
        self._out.put(None)
        try:
            self.process.wait(CLOSE_S)
        except subprocess.TimeoutExpired:
            log.warning("worker %s (process %d) did not end within %.0f s and was killed", self.plan.name, self.pid, CLOSE_S)
            self.kill("exited", "did not end by itself")
            self.process.wait()
        self.look()
        self._threads[1].join()
        self._clear()

    def _clear(self) -> None:
        """Once it has ended: files and connection; may be called again."""
        self._shut(socket.SHUT_RDWR)  # the writer must not wait for a process that it left behind
        self._out.put(None)
        self._threads[0].join()
        self._connection.close()
        for path in self._files:
            with contextlib.suppress(OSError):
                path.unlink()

    # --- its threads ----------------------------------------------------------------------------------------------------------------

    def _send(self, message: Any) -> None:
        self._sent += 1
        self._out.put(pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL))

    def _write(self) -> None:
        """A worker that does not read must not stop its parent: a thread of its own waits for it."""
        while (data := self._out.get()) is not None:
            with contextlib.suppress(OSError):  # it died: the reader tells
                self._connection.send_bytes(data)

    def _read(self) -> None:
        while True:
            try:
                message = pickle.loads(self._connection.recv_bytes())
            except (EOFError, OSError):
                break
            except Exception:
                log.exception("worker %s sent something that cannot be read", self.plan.name)
                self.kill("exited", "sent something that cannot be read")
                continue
            if isinstance(message, Finished) and isinstance(message.result, Pickled):
                try:
                    message = replace(message, result=pickle.loads(message.result.data))
                except Exception as error:  # reading it calls into the result's own code
                    message = unpicklable(message, error)
            if isinstance(message, LogLine):
                logger = logging.getLogger(message.name)
                with bound(**message.bound):
                    logger.log(message.level, "[%s] %s", self.plan.name, message.text, extra={"trace": message.trace})
                    if message.trace:
                        logger.debug("[%s] %s", self.plan.name, message.trace)
            else:
                if isinstance(message, Ready):
                    self.ready, self.view = True, message.view
                self.tell(message)
        code = self.process.wait()
        if self._closing:
            return
        if self._doomed is not None:
            died = self._doomed
        elif self.ready:
            died = Died("killed" if code < 0 else "exited", detail=last_line(self._tail()) if code > 0 else "")
        else:
            tail = self._tail()
            log.warning("worker %s did not start: %s\n%s", self.plan.name, describe(code), tail)
            died = Died("boot", detail=f"{describe(code)}; {last_line(tail)}".rstrip("; "))
        if code < 0 and self._doomed is None and self.ready:
            log.info("worker %s last wrote: %s", self.plan.name, self._tail() or "nothing")
        running = tuple(self.board.read())
        self._clear()
        self.tell(replace(died, returncode=code, running=running))

    def _tail(self) -> str:
        try:
            with self._errors.open("rb") as file:
                file.seek(max(0, self._errors.stat().st_size - STDERR_TAIL))
                return file.read(STDERR_TAIL).decode(errors="replace").strip()
        except OSError:
            return ""


def _with_package(path: str | None) -> str:
    """PYTHONPATH on which this package is found, wherever this process has it from."""
    root = str(Path(reelscope.__file__).parents[1])
    return os.pathsep.join([root, path] if path else [root])


def last_line(text: str) -> str:
    """Of a traceback, what was raised."""
    return next((line for line in reversed(text.splitlines()) if line.strip()), "")
