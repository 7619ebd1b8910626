"""A worker process: it takes jobs out of the durable queue and does them, until it is told to end or its parent is gone.

It is started by a supervisor (reelscope.server.supervise) with what it needs on stdin, as one line of JSON; stdin then stays open, and its
end means that the supervisor has died, however that happened.
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import sqlalchemy as sa

from reelscope.config import Settings
from reelscope.config.places import data_dir
from reelscope.engine.limits import be_nice, few_arenas
from reelscope.engine.owned import sweep
from reelscope.pipeline import Session
from reelscope.server.blobs import Blobs, LocalBlobs
from reelscope.server.db import FOR_EVER_S, Database, open_database
from reelscope.server.durable import Durable, Executor
from reelscope.server.fleet import BEAT_S, Fleet, WorkerLock
from reelscope.server.jobs import Jobs
from reelscope.server.monitor.logs import log_to_files, stderr_handler
from reelscope.server.monitor.worker import WorkerSampler
from reelscope.server.remote import RemoteBlobs, token_of
from reelscope.server.work import Work

__all__ = ["EXIT_LOST", "Boot", "WorkerProcess", "main", "wait_until"]

log = logging.getLogger(__name__)

# The web process answers while the cores analyse; on a machine of its own a worker has nobody to be nice to.
NICE = 5
EXIT_LOST = 75  # taken for lost, or unfit: what it did is somebody else's now, and only a new process may go on; no clip's fault
LOOK_S = 2.0  # how often it looks for workers that are gone
STRAYS_S = 10.0  # how often it looks for work that is booked as taken by it and that it knows nothing of
HOME_S = 5.0  # how often a worker that is not where the server's files are looks again
TIDY_S = 600.0  # how often it removes clips that it fetched and that no job here has used for long
SIGNAL_S = 0.1  # how soon it heeds a signal
HAND_BACK_S = 30.0  # an analyzer looks whether its clip was given up between two windows
RECORD_S = 1.0  # for the queue's books of clips that just ended; what is not in them is found ended when it is taken again
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Boot:
    """What a worker is started with.

    Attributes:
        worker: Its id. restarts: Workers that were in its place before.
        settings: As JSON. server: address to get clips from and bring results to, where the server is another machine; token_file: with
            the token for it.
    """

    worker: str
    restarts: int
    settings: dict[str, Any]
    server: str | None = None
    token_file: str | None = None


class WorkerProcess:
    """The worker of this process."""

    def __init__(self, boot: Boot) -> None:
        self.boot = boot
        self.settings = Settings.model_validate_json(json.dumps(boot.settings))
        self.data_dir = data_dir(self.settings)
        self.ended = threading.Event()
        self.state = "starting"
        self.exit_code = 0
        self.told = False  # by a signal, to end
        self.over = False
        self.taken = False  # for lost, by others: what it does is not its any more
        self._last: list[dict[str, Any]] = []

    def run(self) -> int:
        """Work until told to end; returns the exit code."""
        settings = self.settings
        self.data_dir.mkdir(parents=True, exist_ok=True)
        lock = WorkerLock(self.data_dir, self.boot.worker)
        database = open_database(settings, patience_s=FOR_EVER_S)
        self.durable = Durable(database)
        self.jobs = Jobs(database, self.durable)
        self.fleet = Fleet(database, self.jobs, self.data_dir)
        self.fleet.look()  # what an earlier process of this machine held waits no longer than its successor's start
        self.fleet.enter(self.boot.worker, restarts=self.boot.restarts)
        spare = self.data_dir / "spare"
        spare.mkdir(exist_ok=True)
        from reelscope.engine.shared import shared_parent  # it needs numpy, which the web process, where this module is read too, does not

        for folder in (spare, shared_parent(settings, 0), settings.system.temp_dir or Path(tempfile.gettempdir())):
            sweep(folder)  # downloads, frames and sound of workers that are no more; the engine looks only when it starts a clip
        with Session(settings, many=True) as session:
            self.sampler = WorkerSampler(session, self.data_dir)
            blobs = self._blobs()
            self.work = Work(self.jobs, blobs, session, worker=self.boot.worker, spare=spare, parked=_park, unfit=self.lose)
            executor = Executor(database, self.boot.worker, analyse=self.work.run, call_back=self._call_back, at_once=_at_once(settings))
            beats = threading.Thread(target=self._beat, args=(executor,), name="beat", daemon=True)
            beats.start()
            threading.Thread(target=self._heed, name="signals", daemon=True).start()
            self._warm(session)
            if self._at_home(database) and blobs.reach():
                executor.start()
                self.state = "ready"
                wait_until(self.ended.is_set)
                self._drain(executor)
        self.sampler.close()
        self.over = True
        self.fleet.bury(self.boot.worker)
        self.durable.close()
        database.close()
        lock.close()
        return self.exit_code

    def drain(self) -> None:
        """Take no new job, end those on their way or hand them back, and end. Not for a signal handler, which sets `told`."""
        self.state = "draining"
        self.ended.set()

    def tell(self, number: int, frame: FrameType | None) -> None:
        """Handler of the signal that tells this process to end."""
        self.told = True

    def _heed(self) -> None:
        wait_until(lambda: self.told)
        self.drain()

    def lose(self) -> None:
        """Drain and end so that a new process takes this one's place."""
        self.exit_code = EXIT_LOST
        self.drain()

    def _at_home(self, database: Database) -> bool:
        """Wait until files can be had here; False where that was given up. In a folder that is not the server's every job would fail."""
        from reelscope.server.calling import at_home

        while self.boot.server is None and not at_home(database, self.data_dir):
            log.error("no jobs are taken: %s is not the server's data folder; start this worker with --server ADDRESS", self.data_dir)
            if self.ended.wait(HOME_S):
                return False
        return True

    def _blobs(self) -> Blobs:
        if self.boot.server is None:
            return LocalBlobs(self.data_dir / "blobs")
        return RemoteBlobs(self.boot.server, token_of(self.boot.token_file), LocalBlobs(self.data_dir / "fetched"), stop=self.ended)

    def _call_back(self, asked: str) -> None:
        from reelscope.server.calling import Caller  # most servers are never asked to call anybody back

        Caller(self.jobs, self.settings, self.data_dir).run(asked)

    def _warm(self, session: Session) -> None:
        """Look at the machine and the models before the first job: /ready tells that this is done."""
        session.plan()

    def _drain(self, executor: Executor) -> None:
        """Let clips end, give up those that take too long, which hands them back; jobs taken meanwhile are parked and go back too."""
        self.work.drain()
        if self.taken:
            self.work.give_up(lost=True)
        if not self._idle(self.settings.server.drain_s):
            self.work.give_up()
            self._idle(HAND_BACK_S)
        executor.stop(RECORD_S)

    def _idle(self, wait_s: float) -> bool:
        """Wait so long until nothing is on its way; whether it came to that."""
        until = time.monotonic() + wait_s
        while self.work.busy:
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True

    def _beat(self, executor: Executor) -> None:
        """Once a second: say that this worker lives and what it does; now and then look for those that do not."""
        beats = 0
        while not self.over:
            try:
                if not self.fleet.beat(self.boot.worker, self.state, self.work.doing(), self.sampler.sample()) and not self.over:
                    log.error("this worker was taken for lost: it ends, and its successor goes on")
                    self.taken = True
                    self.lose()
                    return
                if beats % round(LOOK_S / BEAT_S) == 0:
                    self.fleet.look()
                if beats % round(STRAYS_S / BEAT_S) == 0:
                    executor.put_back_strays(self.durable)
                if beats % round(TIDY_S / BEAT_S) == 0:
                    LocalBlobs(self.data_dir / "fetched").sweep(lambda _: ())
            except Exception:  # the database is away for a while
                log.warning("the beat could not be written", exc_info=True)
            beats += 1
            if self.ended.is_set():
                time.sleep(BEAT_S)  # clips on their way still end
            else:
                self.ended.wait(BEAT_S)


def wait_until(true: Callable[[], bool]) -> None:
    """What a main thread does until something has changed that a signal's handler changes.

    It does not wait for a lock: a signal may be given to another thread of the process, and Python runs the handler in the main one when
    that runs again; and a handler that wants a lock which its own thread happens to hold waits for ever. So handlers set a flag, no Event.
    """
    while not true():
        time.sleep(SIGNAL_S)


def main() -> int:
    """Read what to do from stdin and do it."""
    line = sys.stdin.readline()
    if not line:
        return 2
    boot = Boot(**json.loads(line))
    few_arenas()
    _die_with_parent()
    process = WorkerProcess(boot)
    signal.signal(signal.SIGTERM, process.tell)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor decides
    process.data_dir.mkdir(parents=True, exist_ok=True)
    logging.getLogger().addHandler(stderr_handler(process.settings.system.log_level, secrets=_secrets(boot)))
    logs = log_to_files(process.data_dir, worker=boot.worker, secrets=_secrets(boot))
    if boot.server is None:
        be_nice(NICE)
    threading.Thread(target=_end_with_stdin, name="parent", daemon=True).start()
    code = process.run()
    logs.close()
    sys.stdout.flush()
    os._exit(code)  # threads that were parked with a job that is no longer theirs never end by themselves


def _secrets(boot: Boot) -> list[str]:
    """What must not stand in a log: the database's password, the token."""
    url = boot.settings["server"]["database"]
    password = sa.make_url(url).password if url is not None else None
    return [text for text in (password, token_of(boot.token_file)) if text]


def _at_once(settings: Settings) -> int:
    return settings.optimisation.clips_in_flight


def _park() -> None:
    """Keep a workflow from returning, which would end it in the queue's books: it is somebody else's when this process is gone."""
    threading.Event().wait()


def _die_with_parent() -> None:
    """Linux ends this process when its parent's thread ends, also by kill -9; elsewhere the end of stdin tells."""
    try:
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    except (OSError, AttributeError):
        return


def _end_with_stdin() -> None:
    os.set_inheritable(0, False)
    while os.read(0, 1):
        pass
    os._exit(EXIT_LOST)


if __name__ == "__main__":
    sys.exit(main())
