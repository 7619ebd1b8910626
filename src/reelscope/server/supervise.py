"""Keeps workers running on this machine: starts them, starts them again, counts strikes, ends them."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass, field

from reelscope.config import Settings
from reelscope.server.fleet import Fleet, new_worker_id
from reelscope.server.worker import EXIT_LOST, Boot

__all__ = ["Supervisor"]

log = logging.getLogger(__name__)

WATCH_S = 0.2
# A worker that dies at once would otherwise be started several times a second; the first restart is immediate.
BACKOFF_S = (0.0, 0.5, 2.0, 5.0, 15.0)
STEADY_S = 60.0  # a worker that lived so long begins the backoff anew
ASK_S = 5.0  # how often the supervisor looks whether its workers were taken for lost
LOST_S = 15.0  # such a worker ends by itself within a beat or two
KILL_S = 45.0  # beyond server.drain_s: for handing back and closing


@dataclass(slots=True)
class _Place:
    """A worker's place, whoever is in it now."""

    name: str
    process: subprocess.Popen[bytes] | None = None
    worker: str = ""
    started: float = 0.0
    restarts: int = 0
    quick: int = 0
    due: float = 0.0
    asked_next: float = 0.0
    lost_since: float | None = None


@dataclass(slots=True)
class Supervisor:
    """The workers of one machine.

    Args:
        settings: What each is started with; cores are shared among them.
        fleet: To tell of those that died.
        server, token_file: For workers whose server is another machine.
        command: Starts a worker, which gets its Boot on stdin.
    """

    settings: Settings
    fleet: Fleet
    count: int
    server: str | None = None
    token_file: str | None = None
    command: tuple[str, ...] = (sys.executable, "-m", "reelscope.server.worker")
    _places: list[_Place] = field(default_factory=list)
    _dead: list[tuple[str, bool]] = field(default_factory=list)  # and not buried yet: worker, strike
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        """Start the workers, and a thread that watches over them."""
        self._places = [_Place(f"{os.getpid()}-{i + 1}") for i in range(self.count)]
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._thread.start()

    @property
    def restarts(self) -> int:
        """Workers that had to be started again."""
        return sum(place.restarts for place in self._places)

    def pids(self) -> list[int]:
        """Of the workers that are there."""
        with self._lock:
            return [p.process.pid for p in self._places if p.process is not None and p.process.poll() is None]

    def kill(self) -> None:
        """End the workers at once, and for good: what they hold waits again, as it does when they die, and is no strike."""
        self._ended.set()
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        """Let the workers end what they do or hand it back; those that take too long are killed."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    # A worker ends when the thread that started it ends (PR_SET_PDEATHSIG), so this one lives until the last of them is gone.
    def _watch(self) -> None:
        while not self._ended.is_set():
            for place in self._places:
                try:
                    self._look_at(place)
                except Exception:
                    log.exception("looking after worker %s failed", place.name)
            self._bury_all()
            self._ended.wait(WATCH_S)
        self._end_all()
        self._bury_all()

    def _end_all(self) -> None:
        left = [(p.worker, p.process) for p in self._places if p.process is not None]
        for _, process in left:
            _signal(process, signal.SIGTERM)
        until = time.monotonic() + self.settings.server.drain_s + KILL_S
        for worker, process in left:
            try:
                process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.error("worker %s did not end and is killed", worker)
                _signal(process, signal.SIGKILL)
                process.wait()
            _close(process)
            self._dead.append((worker, False))

    def _bury_all(self) -> None:
        """Tell of those that died; where the database is away it is told later, by whom a strike is not forgotten."""
        while self._dead:
            worker, strike = self._dead[0]
            try:
                self.fleet.bury(worker, strike=strike)
            except Exception as error:
                log.warning("the end of worker %s is told later: %s", worker, type(error).__name__)
                return
            self._dead.pop(0)

    def _look_at(self, place: _Place) -> None:
        now = time.monotonic()
        if place.process is None:
            if now >= place.due:
                self._start(place)
            return
        code = place.process.poll()
        if code is None:
            if now >= place.asked_next:
                self._ask(place, now)
            return
        self._died(place, code, now)

    def _ask(self, place: _Place, now: float) -> None:
        """Kill a worker that others took for lost and that does not end by itself: it hangs as a whole."""
        place.asked_next = now + ASK_S
        if not any(w.id == place.worker and w.state == "gone" for w in self.fleet.all()):
            place.lost_since = None
        elif place.lost_since is None:
            place.lost_since = now
        elif now - place.lost_since > LOST_S:
            log.error("worker %s hangs and is killed", place.worker)
            _signal(place.process, signal.SIGKILL)

    def _start(self, place: _Place) -> None:
        place.worker = new_worker_id(place.name)
        boot = Boot(place.worker, place.restarts, _of_one(self.settings, self.count), self.server, self.token_file)
        process = subprocess.Popen(self.command, stdin=subprocess.PIPE, start_new_session=True)  # Ctrl-C is for this process to decide
        assert process.stdin is not None
        process.stdin.write(json.dumps(asdict(boot)).encode() + b"\n")
        process.stdin.flush()
        with self._lock:
            place.process, place.started, place.lost_since = process, time.monotonic(), None

    def _died(self, place: _Place, code: int, now: float) -> None:
        assert place.process is not None
        _close(place.process)
        strike = code not in (0, EXIT_LOST) and not self._ended.is_set()
        log.warning("worker %s ended with %s and is started again", place.worker, _words(code))
        place.quick = 0 if now - place.started > STEADY_S else place.quick + 1
        place.due = now + BACKOFF_S[min(place.quick, len(BACKOFF_S) - 1)] if place.quick else now
        place.restarts += 1
        with self._lock:
            place.process = None
        self._dead.append((place.worker, strike))


def _of_one(settings: Settings, count: int) -> dict[str, object]:
    """The settings of one of several workers: it has its part of the cores."""
    tree = settings.model_dump(mode="json")
    if count > 1:
        cores = settings.placement.threads or len(os.sched_getaffinity(0))
        tree["placement"]["threads"] = max(1, cores // count)
    return tree


def _signal(process: subprocess.Popen[bytes] | None, number: int) -> None:
    if process is not None and process.poll() is None:
        process.send_signal(number)


def _close(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        try:
            process.stdin.close()
        except BrokenPipeError:
            return


def _words(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"code {code}"
