"""A real server under fire, for the chaos tests and bench/soak.py: jobs over HTTP, processes killed at random, the proof after it."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from reelscope.api import FINAL
from reelscope.config import Settings
from reelscope.document.schema import Document
from reelscope.server.db import open_database
from reelscope.server.durable import Durable
from reelscope.server.jobs import Job, Jobs
from tests.clips import moving_frames, tone, write_clip
from tests.faults.tools import facts
from tests.server.conftest import Served

__all__ = ["Hunter", "Kind", "Outcome", "Posters", "Siege", "kinds_of", "processes_of", "server_dies", "siege"]

SPAWN_S = (0.1, 1.2)  # when a start is cut short: while it imports, makes tables, opens its port
GONE_S = 120.0  # for processes that were told to end, or whose parent died
TAKEN_S = 300.0  # for a submission, however often the server is killed meanwhile


@dataclass(frozen=True, slots=True)
class Kind:
    """A file and what is asked of it. clip: in the folder of the siege."""

    clip: Path
    analyzers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that two runs of a kind must agree in: state, error, document, pictures."""

    state: str
    error: dict[str, Any] | None
    document: dict[str, Any] | None
    files: dict[str, str]


def kinds_of(folder: Path) -> list[Kind]:
    """Small clips of different lengths and contents, sound alone, and files that are no clips."""
    folder.mkdir(parents=True, exist_ok=True)
    clips = [
        write_clip(folder / f"{i}.mp4", moving_frames(15 * n, width=64, height=48, seed=i), fps=15, sound=tone(n, hz=300 + 100 * i))
        for i, n in enumerate((1, 2, 3))
    ]
    text, cut, noise = (folder / name for name in ("text.mp4", "cut.mp4", "noise.mkv"))
    text.write_bytes(b"nothing that plays\n" * 100)
    cut.write_bytes(clips[0].read_bytes()[:1500])  # its index, which is at the end, is missing
    noise.write_bytes(random.Random(5).randbytes(4000))
    sound, picture = ("audio_analysis",), ("cut_analysis", "color_analysis", "audio_analysis")
    asked = [(clip, analyzers) for clip in clips for analyzers in (sound, picture)]
    return [Kind(*one) for one in (*asked, *((path, sound) for path in (text, cut, noise)))]


class Siege:
    """A server with folders of its own, which can be killed and started while others talk to it.

    Attributes:
        kills: What was killed, in order.
    """

    def __init__(self, folder: Path, database: str | None = None, **changes: Any) -> None:
        self.folder, self.data_dir = folder, folder / "data"
        for name in ("temp", "shared"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        tree = {
            "system.temp_dir": str(folder / "temp"), "system.shared_dir": str(folder / "shared"), "system.min_free_disk_mib": 0,
            "server.min_free_disk_mib": 0, "server.requests_per_minute": 10_000_000, "server.drain_s": 5.0, **changes,
        }  # fmt: skip
        self.args = [word for key, value in tree.items() for word in ("--set", f"{key}={value}")]
        # by the environment, as docs/server.md wants it
        self.env = {"REELSCOPE_SERVER__DATABASE": database} if database is not None else {}
        self.kills: list[str] = []
        self.served = Served(self.data_dir, *self.args, env=self.env)
        server = {"database": database} if database is not None else {}
        self.database = open_database(Settings.model_validate({"system": {"data_dir": str(self.data_dir)}, "server": server}))
        self.jobs = Jobs(self.database, Durable(self.database))

    @property
    def url(self) -> str:
        """Where it listens now."""
        return self.served.url

    def kill_server(self) -> None:
        """kill -9."""
        self.served.kill()
        self.kills.append("server")

    def kill_start(self, after_s: float) -> None:
        """Start it and kill it so soon after."""
        command = [sys.executable, "-m", "reelscope", "serve", "--port", "0", *self.args]
        with self.served.errors.open("ab") as errors:
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors, env=self.served.env)
        try:
            process.wait(after_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            self.kills.append("starting server")

    def kill_worker(self) -> bool:
        """Kill a worker process, unless it holds a clip over which one died before: two end a clip by policy (docs/server.md)."""
        for process in self.processes("reelscope.server.worker"):
            try:
                process.suspend()  # nothing changes while its jobs are looked at
                held = [job for job in self.all() if job.state == "running"]
                if held and not any(job.strikes for job in held):
                    process.kill()
                    self.kills.append("worker")
                    return True
                process.resume()
            except psutil.NoSuchProcess:
                continue
        return False

    def kill_engine_worker(self, chance: random.Random) -> bool:
        """Kill one of the engine's processes."""
        found = self.processes("reelscope.engine.worker")
        if not found:
            return False
        try:
            chance.choice(found).kill()
        except psutil.NoSuchProcess:
            return False
        self.kills.append("engine worker")
        return True

    def processes(self, *modules: str) -> list[psutil.Process]:
        """Processes of ours that run one of these modules, or any."""
        return processes_of(self.data_dir, *modules)

    def all(self) -> list[Job]:
        """Every job, as its row says."""
        from reelscope.server.listing import Listing

        listing, found, cursor = Listing(self.database, self.jobs), [], None
        while True:
            page, cursor, _ = listing.page(state=None, q=None, limit=200, cursor=cursor)
            found += page
            if cursor is None:
                return found

    def job(self, job_id: str) -> Job:
        """One job."""
        found = self.jobs.get(job_id)
        assert found is not None, job_id
        return found

    def outcome(self, job: Job) -> Outcome:
        """What came of a job, without what is volatile; the document comes over HTTP."""
        document = None
        if job.state == "done":
            answer = self.served.client.get(f"/analyses/{job.id}/document")
            assert answer.status_code == 200, answer.text
            document = facts(Document.model_validate_json(answer.content))
            for entry in document["analyzers"].values():
                entry.pop("reused")
        files = {name: sha256 for name, (sha256, _) in self.jobs.files(job.id).items() if name != "analysis.json"}
        return Outcome(job.state, json.loads(job.error) if job.error else None, document, files)

    def quiet(self, kinds: Sequence[Kind]) -> dict[Kind, Outcome]:
        """What comes of each kind while nothing goes wrong. These jobs count with the others."""
        posters = Posters(self, [(f"quiet-{i}", kind, 5) for i, kind in enumerate(kinds)], seed=0)
        posters.run(1)
        self.wait_for(posters.accepted.values())
        found = {job.id: job for job in self.all()}
        return {kind: self.outcome(found[posters.accepted[f"quiet-{i}"]]) for i, kind in enumerate(kinds)}

    def left(self, ids: Collection[str]) -> int:
        """How many of these jobs have not ended."""
        wanted = set(ids)
        return sum(job.id in wanted and not job.final for job in self.all())

    def wait_for(self, ids: Collection[str], seconds: float = 300.0) -> None:
        """Until these jobs have ended. seconds: in which none of them ends; many take long on a slow machine."""
        wanted, left, until = set(ids), len(ids) + 1, 0.0
        while True:
            found = [job for job in self.all() if job.id in wanted and not job.final]
            if not found:
                return
            if len(found) < left:
                left, until = len(found), time.monotonic() + seconds
            assert time.monotonic() < until, f"{len(found)} jobs are left, none ended in {seconds:g} s: {found[:3]} {self.log()}"
            time.sleep(0.1)

    def check(self, submissions: dict[str, Kind], accepted: dict[str, str], quiet: dict[Kind, Outcome], *, before: int) -> Counter[str]:
        """Whether every submission is one job with one end, and that end the quiet one. before: jobs that were there.

        Returns:
            How many jobs were begun how often, as "1 attempt", "2 attempts" ...
        """
        assert accepted.keys() == submissions.keys()
        assert len(set(accepted.values())) == len(submissions), "two submissions are one job"
        rows = {job.id: job for job in self.all()}
        assert len(rows) == before + len(submissions), "jobs that nobody handed in"
        assert self.served.client.get("/analyses", params={"limit": 1}).json()["total"] == len(rows)
        attempts: Counter[str] = Counter()
        for key, kind in submissions.items():
            job = rows[accepted[key]]
            self.check_story(job)
            ours, theirs = self.outcome(job), quiet[kind]
            assert ours == theirs, (kind, job, _difference(ours, theirs))
            attempts[f"{job.attempts} attempt{'s' * (job.attempts != 1)}"] += 1
        return attempts

    def check_story(self, job: Job) -> None:
        """A story has one end, which is the row's; it is told without gaps, and each state comes from one that leads to it."""
        story = self.jobs.events_after(job.id, 0, 10_000)
        assert [event.seq for event in story] == list(range(1, len(story) + 1)), story
        states = [event.data["state"] for event in story if event.kind == "state"]
        assert [state for state in states if state in FINAL] == [job.state], (states, job)
        assert states[0] == "queued" and states[-1] == job.state and story[-1].kind == "state", states
        leads = {"queued": {"running", "failed"}, "running": {"queued", "done", "failed"}}
        assert all(after in leads[state] for state, after in zip(states, states[1:], strict=False)), states
        assert states.count("running") >= job.attempts >= 1 and job.finished_at is not None, (states, job)

    def settle(self) -> None:
        """Until the queue's books agree that nothing waits."""
        until = time.monotonic() + GONE_S
        while left := [s for s in self.jobs.durable.states([job.workflow for job in self.all()]).values() if s in ("ENQUEUED", "PENDING")]:
            assert time.monotonic() < until, f"DBOS has {Counter(left)} of jobs that have ended"
            time.sleep(0.2)

    def nothing_left(self) -> None:
        """After its end: no process and no file of somebody who is gone."""
        until = time.monotonic() + GONE_S
        while left := self.processes():
            assert time.monotonic() < until, left
            time.sleep(0.1)
        places = (self.folder / "temp", self.folder / "shared", self.data_dir / "spare", self.data_dir / "workers")
        files = [str(path.relative_to(self.folder)) for place in places if place.exists() for path in place.iterdir()]
        assert files == [], files

    def log(self) -> str:
        """The end of what it said on stderr."""
        return self.served.errors.read_text(errors="replace")[-3000:]


@contextmanager
def siege(folder: Path, database: str | None = None, **changes: Any) -> Iterator[Siege]:
    """A server that is up; ended afterwards in order where the test has not failed, and killed otherwise."""
    found = Siege(folder, database, **changes)
    try:
        found.served.ready()
        yield found
        assert found.served.stop() == 0, found.log()
        found.nothing_left()
    finally:
        if found.served.process.poll() is None:
            found.served.kill()
        for process in found.processes():
            process.kill()
        found.jobs.durable.close()
        found.database.close()


def processes_of(data_dir: Path, *modules: str) -> list[psutil.Process]:
    """Living processes whose data folder this is, whoever their parent is now; of these modules, or any."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            line = process.cmdline()
            if (not modules or any(m in line for m in modules)) and process.environ().get("REELSCOPE_DATA_DIR") == str(data_dir):
                found.append(process)
        except psutil.Error:  # it has just ended, or is another user's
            continue
    return found


@dataclass(slots=True)
class Posters:
    """Threads that hand in, each submission until it is answered, also where it was taken and the answer never came.

    Attributes:
        work: Key, kind and priority of each.
        pause_s: Longest pause between two. hang_up: Share of senders that go away before they have read the answer.
        until: No new submission after that (time.monotonic).
        accepted: Job ids by key. again: How many were sent again after no answer; repeated: after one, to the same id.
    """

    siege: Siege
    work: Sequence[tuple[str, Kind, int]]
    seed: int
    pause_s: float = 0.0
    hang_up: float = 0.1
    until: float = float("inf")
    accepted: dict[str, str] = field(default_factory=dict)
    again: int = 0
    repeated: int = 0
    errors: list[BaseException] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, threads: int) -> None:
        """Hand all in, by so many threads."""
        waiting = iter(self.work)
        pool = [threading.Thread(target=self._post_all, args=(waiting, self.seed + i), name=f"poster-{i}") for i in range(threads)]
        for thread in pool:
            thread.start()
        for thread in pool:
            thread.join()
        if self.errors:
            raise self.errors[0]

    def _post_all(self, waiting: Iterator[tuple[str, Kind, int]], seed: int) -> None:
        chance = random.Random(seed)
        try:
            while True:
                with self._lock:
                    item = next(waiting, None)
                if item is None or self.errors or time.monotonic() > self.until:
                    return
                self._post(chance, *item)
                time.sleep(chance.uniform(0, self.pause_s))
        except BaseException as error:
            self.errors.append(error)

    def _post(self, chance: random.Random, key: str, kind: Kind, priority: int) -> None:
        hang_up = chance.random() < self.hang_up
        until = time.monotonic() + TAKEN_S
        while True:
            try:
                answer = _sent(self.siege.url, key, kind, priority, timeout_s=0.005 if hang_up else 30.0)
                if answer.status_code not in (429, 503):
                    break
            except httpx.TransportError:
                self.again += 1
                hang_up = False
            assert time.monotonic() < until, f"{key} was not taken in {TAKEN_S:g} s {self.siege.log()}"
            time.sleep(0.1)
        assert answer.status_code in (200, 202), answer.text
        self.accepted[key] = answer.json()["id"]
        if chance.random() < 0.1:
            try:
                answer = _sent(self.siege.url, key, kind, priority)
            except httpx.TransportError:
                return
            if answer.status_code not in (429, 503):
                assert answer.json()["id"] == self.accepted[key], "one key made two jobs"
                self.repeated += 1


def _sent(url: str, key: str, kind: Kind, priority: int, timeout_s: float = 30.0) -> httpx.Response:
    request = json.dumps({"analyzers": kind.analyzers, "fresh": True, "priority": priority})
    with kind.clip.open("rb") as file:
        return httpx.post(
            f"{url}/analyses/upload", data={"request": request}, files={"file": (kind.clip.name, file)},
            headers={"Idempotency-Key": key}, timeout=httpx.Timeout(30.0, read=timeout_s), trust_env=False,
        )  # fmt: skip


@dataclass(slots=True)
class Hunter:
    """A thread that strikes at random moments: `strike` after each pause, `most` times; it ends earlier where it is told to.

    Attributes:
        pause_s: Shortest and longest.
    """

    strike: Callable[[random.Random], Any]
    seed: int
    pause_s: tuple[float, float]
    most: int
    errors: list[BaseException] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Hunter:
        self._thread = threading.Thread(target=self._run, name="hunter")
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self.join()

    def stop_when(self, condition: Callable[[], bool]) -> None:
        """Let it go on until then."""
        while not condition() and not self.errors:
            time.sleep(0.5)

    def join(self) -> None:
        """Wait for its last strike."""
        assert self._thread is not None
        self._thread.join()
        if self.errors:
            raise self.errors[0]

    def _run(self) -> None:
        chance = random.Random(self.seed)
        done = 0
        try:
            while done < self.most and not self._stop.wait(chance.uniform(*self.pause_s)):
                done += self.strike(chance) is not False
        except BaseException as error:
            self.errors.append(error)


def server_dies(place: Siege) -> Callable[[random.Random], None]:
    """A strike: kill -9 of the server, which is then started; one time in three the start is killed as well."""

    def strike(chance: random.Random) -> None:
        place.kill_server()
        if chance.random() < 1 / 3:
            place.kill_start(chance.uniform(*SPAWN_S))
        place.served.start()

    return strike


def _difference(ours: Outcome, theirs: Outcome) -> Any:
    """Where two outcomes part, for the reader of a failure."""
    if ours.document is None or theirs.document is None or ours.document == theirs.document:
        return ours.state, theirs.state, ours.error, theirs.error, ours.files, theirs.files
    found = [(key, ours.document[key], theirs.document[key]) for key in theirs.document if ours.document[key] != theirs.document[key]]
    return str(found)[:3000]
