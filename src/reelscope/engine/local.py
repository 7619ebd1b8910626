"""The engine: hosts that keep members loaded across clips, in this process or in worker processes, and the clips that run on them.

`LocalEngine.run` conducts one clip (reelscope.engine.conduct) and may be called from several threads: clips then take turns in decoding,
and the next one decodes while the last one finishes. Everything that the engine has on disk or in shared memory stands in owned folders.
"""

from __future__ import annotations

import atexit
import itertools
import logging
import queue
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from reelscope.analyzers.registry import INSTALLED, Registry
from reelscope.config import Settings
from reelscope.engine.aside import all_beside
from reelscope.engine.board import Running
from reelscope.engine.conduct import ClipRun
from reelscope.engine.faults import BOOTS, recycle
from reelscope.engine.flow import Flow, HereFlow, SharedFlow, Stopped
from reelscope.engine.host import Host, Nobody, make_models
from reelscope.engine.kept import Kept
from reelscope.engine.level import WorkerLevel, level_of
from reelscope.engine.limits import Guard, rss_mib
from reelscope.engine.messages import Died, Job, ModelNews, Preload, Ready, Shrunk
from reelscope.engine.outcome import Outcome, members_of
from reelscope.engine.owned import OwnedFolder, sweep
from reelscope.engine.placement import Hardware, WorkerPlan
from reelscope.engine.plan import Plan
from reelscope.engine.process import WorkerProcess
from reelscope.engine.shared import FramePool, shared_parent, slot_bytes
from reelscope.engine.steps import Crashed
from reelscope.errors import EngineError, OutputError
from reelscope.events import Event, EventBus, News
from reelscope.media.decode import DecodePass, DecodeStats
from reelscope.media.probe import Probe
from reelscope.outputs import DISK_ERRORS

__all__ = ["LocalEngine"]

log = logging.getLogger(__name__)

WATCH_S = 0.5  # how often deadlines are looked at
POLL_S = 0.1
PAUSE_S = 5.0  # the watcher sleeps a tenth of that: a longer gap between two looks is a pause of the program, not of the watcher


@dataclass(slots=True)
class _Seat:
    """A worker's place: the host that sits there now, and what outlives it.

    Attributes:
        plan: As it was started. life: counts hosts; messages of an earlier one are not listened to.
        held: Bytes of the models that are loaded in it.
        preload: Members to load before a clip wants them.
        boots: Starts in a row that never became ready; clips: served by this host; first_mib: what it held after its first whole one.
        after: The newest clip when it was started: only later ones are served whole.
    """

    plan: WorkerPlan
    host: Any = None
    life: int = 0
    boots: int = 0
    clips: int = 0
    first_mib: float = 0.0
    after: int = 0
    held: int = 0
    preload: tuple[Job, ...] = ()
    tired: str | None = None
    runs: set[int] = field(default_factory=set)


class LocalEngine:
    """Runs plans; keeps members and models loaded from clip to clip. Use it as a context manager.

    Args:
        hardware: What workers are limited by; read_hardware of it otherwise.
    """

    def __init__(
        self, settings: Settings, events: EventBus | None = None, *, registry: Registry = INSTALLED, hardware: Hardware | None = None
    ) -> None:
        self.registry, self.settings, self.events = registry, settings, events or EventBus()
        self.hardware = hardware
        self._seats: dict[str, _Seat] = {}
        self._runs: dict[int, ClipRun] = {}
        self._numbers = itertools.count(1)
        self._batches: dict[Any, int] = {}
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._turn = threading.Condition()
        self._waiting: set[int] = set()
        self._decoding = False
        self._folders: list[OwnedFolder] = []
        self._pool: FramePool | None = None
        self._guard: Guard | None = None
        self._closed = threading.Event()
        self._watcher: threading.Thread | None = None
        self._looked = time.monotonic()
        self._news: queue.SimpleQueue[News] = queue.SimpleQueue()
        self._spreading = threading.Lock()
        self._pauses: list[tuple[float, float]] = []  # when a pause of the whole program was noticed, and how long it was
        sweep(self._spare)  # what dead owners left: sound and spools of their clips
        self._at_exit = partial(_close_at_exit, weakref.ref(self))
        atexit.register(self._at_exit)

    @property
    def _spare(self) -> Path:
        return Path(self.settings.system.temp_dir or tempfile.gettempdir())

    def __enter__(self) -> LocalEngine:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End every worker and let go of everything loaded; clips that are still on their way are given up."""
        self._closed.set()
        atexit.unregister(self._at_exit)
        self.stop()
        if self._guard is not None:
            self._guard.close()
        if self._watcher is not None:
            self._watcher.join()
        with self._lock:
            hosts = [s.host for s in self._seats.values() if s.host is not None]
            self._seats.clear()
        all_beside(h.close for h in hosts)
        if self._pool is not None:
            self._pool.close()
            self._pool = None
        while self._folders:
            self._folders.pop().close()

    def stop(self, token: threading.Event | None = None) -> None:
        """Give up every clip that is on its way, or those that were begun with this token, which stands for all that come with it."""
        if token is not None:
            token.set()
        with self._lock:
            for run in self._runs.values():
                if token is None or run.token is token:
                    run.give_up()

    # --- clips ------------------------------------------------------------------------------------------------------------------------

    def run(
        self,
        probe: Probe,
        plan: Plan,
        work_dir: Path,
        *,
        job: str = "",
        kept: Mapping[str, Kept] | None = None,
        stats: DecodeStats | None = None,
        whole: Plan | None = None,
        token: threading.Event | None = None,
    ) -> Outcome:
        """Run a plan over a clip.

        Args:
            probe: The clip; plan: made for it; work_dir: an empty folder that the caller removes; job: what events are told under.
            kept: Results of an earlier run by member, which are taken as they are; stats: what decoding taught then; whole: the plan
                with those members in it.
            token: `stop` with it gives this clip up, also before it has begun.

        Raises:
            MediaError: No frame could be decoded. OutputError: no room for frames or sound. EngineError: a bug of ours.
        """
        run = ClipRun(self, next(self._numbers), job or probe.path.name, probe, plan, work_dir, kept or {}, stats, whole, token)
        with self._lock:
            self._runs[run.number] = run
            if token is not None and token.is_set():
                run.give_up()
        names = [w.name for w in plan.placement.workers]
        try:
            self._sit(plan, run, probe)
            self._spread()
            outcome = run.go()
            with self._lock:
                outcome.bytes_held = sum(self._seats[name].held for name in names if name in self._seats)
            return outcome
        finally:
            with self._lock:
                self._runs.pop(run.number, None)
                seats = [seat for name in names if (seat := self._seats.get(name)) is not None]
                for seat in seats:
                    seat.runs.discard(run.number)
                old = [host for seat in seats if (host := self._after_clip(seat, run.number)) is not None]
                self._changed.notify_all()
            for host in old:  # without the lock, which what it still says needs
                host.close()
            self._spread()

    @contextmanager
    def turn(self, number: int, stop: threading.Event) -> Iterator[None]:
        """A clip's turn in decoding: one after the other, since each decodes on all cores; the clip that came first goes first."""
        with self._turn:
            self._waiting.add(number)
            try:
                while self._decoding or number != min(self._waiting):
                    if stop.is_set():
                        raise Stopped
                    self._turn.wait(POLL_S)
            finally:
                self._waiting.discard(number)
            self._decoding = True
        try:
            yield
        finally:
            with self._turn:
                self._decoding = False
                self._turn.notify_all()

    def flow(self, plan: Plan, stop: threading.Event) -> Flow:
        """The way of one pass's windows to the hosts of a plan."""
        if plan.placement.here:
            return HereFlow(plan.placement.windows_in_flight, stop)
        assert self._pool is not None
        return SharedFlow(self._pool, next(self._numbers), stop)

    # --- hosts ------------------------------------------------------------------------------------------------------------------------

    def host(self, name: str) -> Any:
        """The host that sits in a worker's place now."""
        with self._lock:
            seat = self._seats.get(name)
            return seat.host if seat is not None and seat.host is not None else Nobody()

    def hosts_of(self, plan: Plan) -> list[Any]:
        """The hosts of a plan that are there now."""
        with self._lock:
            return [s.host for w in plan.placement.workers if (s := self._seats.get(w.name)) is not None and s.host is not None]

    def views(self) -> list[dict[str, Any]]:
        """What each worker process says that it sees of the machine."""
        with self._lock:
            return [s.host.view for s in self._seats.values() if isinstance(s.host, WorkerProcess)]

    def overview(self) -> list[WorkerLevel]:
        """Every worker that is there, for who watches the engine."""
        with self._lock:
            levels = self._guard.levels() if self._guard is not None else {}
            return [level_of(s.plan, s.host, s.held, levels) for s in self._seats.values() if s.host is not None]

    def _sit(self, plan: Plan, run: ClipRun, probe: Probe) -> None:
        """Start the hosts that a plan needs and that are not there; first let others leave those that are to be started anew."""
        old = []
        with self._lock:
            seats = [self._seats.setdefault(w.name, _Seat(w)) for w in plan.placement.workers]
            while any(seat.tired is not None and seat.runs for seat in seats) and not run.stop.is_set():
                self._changed.wait(POLL_S)
            if self._closed.is_set() or run.stop.is_set():
                raise EngineError("stopped", code="stopped", retryable=True)
            try:
                if not plan.placement.here and self._pool is None:
                    self._make_room(plan, probe)
                placed = members_of(plan, {}, plan)
                for seat, worker in zip(seats, plan.placement.workers, strict=True):
                    if seat.host is not None and _identity(seat.plan) != _identity(worker) and not seat.runs:
                        old.append(seat.host)
                        seat.host = None
                    seat.runs.add(run.number)
                    if seat.host is None:
                        seat.plan = worker
                        seat.preload = tuple(placed[n].job for n in self.settings.models.preload if n in worker.members)
                        self._start(seat, after=run.number - 1)
            except OSError as error:
                raise _no_room(error, self._spare) from error
            finally:
                if old:  # beside: it takes a while, and what they still say needs the lock
                    threading.Thread(target=lambda: [host.close() for host in old], name="left-behind", daemon=True).start()
            if self._watcher is None:
                self._watcher = threading.Thread(target=self._watch, name="engine-watch", daemon=True)
                self._watcher.start()

    def _make_room(self, plan: Plan, probe: Probe) -> None:
        """The pool of windows, in shared memory where there is room, and the folder of the workers' boards."""
        slots = plan.placement.windows_in_flight + 1
        media = probe.media
        need = 0
        if plan.needs and media.width_px is not None and media.height_px is not None:
            specs = [n.resolve(media.width_px, media.height_px) for n in plan.needs]
            need = slots * slot_bytes(DecodePass(probe, specs, window_s=self.settings.performance.window_s).capacities)
        try:
            for place in dict.fromkeys((shared_parent(self.settings, need), self._spare)):
                sweep(place)
                self._folders.append(OwnedFolder(place))
        except OSError:
            while self._folders:
                self._folders.pop().close()
            raise
        self._pool = FramePool(self._folders[0].path, slots, spare=self._folders[-1].path)
        if self.hardware is not None:
            self._guard = Guard(self.settings, self.hardware, self._offender, self._gpu_seen)

    def _start(self, seat: _Seat, *, after: int) -> None:
        seat.life += 1
        seat.after = after
        seat.clips, seat.first_mib, seat.tired, seat.held = 0, 0.0, None, 0
        name, life = seat.plan.name, seat.life
        self._news.put(News("started", name, device=seat.plan.device))

        def tell(message: Any) -> None:
            self._hear(name, life, message)

        if seat.plan.name == "here":
            models = make_models(self.settings, seat.plan, tell)
            seat.host = Host(self.registry, tell, models=models, threads=seat.plan.threads, keep=self.settings.optimisation.clips_in_flight)
            seat.host.remember_batches(self._batches)
        else:
            folder = self._folders[-1].path
            seat.host = WorkerProcess(seat.plan, self.settings, self.registry, folder, tell, self._batches)
            if self._guard is not None:
                self._guard.add(name, seat.host.pid, seat.plan.gpu_budget_mib)
        if seat.preload:
            seat.host.preload(Preload(seat.preload))

    def _start_again(self, seat: _Seat) -> None:
        """After a loss: not where it cannot be started, or never becomes ready."""
        if seat.boots >= BOOTS:
            return
        try:
            self._start(seat, after=max(self._runs, default=0))
        except Exception as error:  # no more processes or threads, say; whoever waits for it has to hear of it
            log.error("worker %s cannot be started: %s: %s", seat.plan.name, type(error).__name__, error)
            log.debug("worker %s cannot be started", seat.plan.name, exc_info=True)
            seat.host, seat.boots = None, BOOTS

    def _hear(self, name: str, life: int, message: Any) -> None:
        """A message from a host, in one of its threads: it goes to its clip, or it concerns the host itself."""
        self._listen(name, life, message)
        self._spread()

    def _listen(self, name: str, life: int, message: Any) -> None:
        with self._lock:
            seat = self._seats.get(name)
            if seat is None or seat.life != life:
                return
            try:
                self._heard(seat, message)
            except Exception as error:  # a bug of ours ends the clips that are there instead of leaving them waiting
                log.exception("a message of worker %s was not understood", name)
                self._pass_on(seat, Crashed(error))

    def _heard(self, seat: _Seat, message: Any) -> None:
        match message:
            case Ready():
                seat.boots = 0
            case Shrunk(key, size):
                self._batches[key] = size
            case Died():
                self._buried(seat, message)
            case ModelNews(event):
                seat.held += {"load": event.bytes, "evict": -event.bytes, "idle": -event.bytes}.get(event.kind, 0)
                self._news.put(News(event.kind, seat.plan.name, event.model, event.device, event.seconds, event.bytes))
                self._pass_on(seat, message)
            case _:
                run = self._runs.get(message.run)
                if run is not None:
                    run.inbox.put((seat.plan.name, message))

    def _pass_on(self, seat: _Seat, message: Any) -> None:
        """Tell every clip that is there."""
        for number in sorted(seat.runs):
            if number in self._runs:
                self._runs[number].inbox.put((seat.plan.name, message))

    def _spread(self) -> None:
        """Publish the news, in their order; without the engine's lock, which a subscriber may want."""
        with self._spreading, suppress(queue.Empty):
            while True:
                self.events.publish(Event("", "worker", news=self._news.get_nowait()))

    def _buried(self, seat: _Seat, died: Died) -> None:
        """Put a new host into the place of a lost one and tell the clips that were there."""
        name = seat.plan.name
        self._news.put(News("lost", name, device=seat.plan.device, why=died.kind))
        if self._guard is not None:
            self._guard.remove(name)
        seat.boots = seat.boots + 1 if died.kind == "boot" else 0
        lost, seat.host = seat.host, None
        if isinstance(lost, Host):  # it lets go of what it can, beside the thread that is stuck in it
            threading.Thread(target=lost.close, name="left-behind", daemon=True).start()
        if any(r.run == 0 and r.phase == "load" for r in died.running):
            seat.preload = ()  # it may well be what brought it down; a clip that wants it will tell
        if any(number in self._runs for number in seat.runs):  # else the next clip starts it
            self._start_again(seat)
        self._pass_on(seat, replace(died, kind="boot" if seat.host is None else died.kind, boots=seat.boots, host=lost))

    def _after_clip(self, seat: _Seat, number: int) -> WorkerProcess | None:
        """A clip is through. Returns a worker to be ended, which has grown too much and which nobody uses: the next clip starts it anew."""
        if not isinstance(seat.host, WorkerProcess) or self._closed.is_set():
            return None
        seat.clips += 1
        held = rss_mib(seat.host.pid)
        if held is not None and number > seat.after:
            seat.first_mib = seat.first_mib or held
            seat.tired = seat.tired or recycle(seat.clips, held, seat.first_mib, self.settings)
        if seat.tired is None or seat.runs:
            return None
        log.info("worker %s is started anew: %s", seat.plan.name, seat.tired)
        self._news.put(News("recycled", seat.plan.name, device=seat.plan.device, why=seat.tired))
        if self._guard is not None:
            self._guard.remove(seat.plan.name)
        old, seat.host, seat.tired = seat.host, None, None
        seat.life += 1  # nothing that it still says matters
        return old

    # --- watching ---------------------------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """End hosts whose members are past their deadlines, and workers that never become ready; unload idle models."""
        while not self._closed.wait(WATCH_S):
            now = time.monotonic()
            if now - self._looked > PAUSE_S:  # a suspended machine or container: nobody worked meanwhile
                self._pauses = [*self._pauses[-20:], (now, now - self._looked)]
            self._looked = now
            try:
                with self._lock:
                    here = [s.host for s in self._seats.values() if isinstance(s.host, Host)]
                    for seat in list(self._seats.values()):
                        self._look_at(seat)
                self._spread()
                for host in here:  # without the lock: unloading takes a while
                    host.models.tidy()
            except Exception:
                log.exception("looking after the workers failed")

    def _worked_s(self, running: Running) -> float:
        """For how long a call has been under way, pauses of the whole program aside."""
        began = self._looked - running.seconds
        return running.seconds - sum(length for noticed, length in self._pauses if noticed > began)

    def _look_at(self, seat: _Seat) -> None:
        host = seat.host
        if host is None:
            return
        late, limit_s = None, 0.0
        for running in host.board.read():
            run = self._runs.get(running.run)
            if run is not None and running.name in run.out.members:
                limit_s = run.limit_s(running.name, running.phase)
            else:  # loading before a clip wants it, or left of a clip that was given up
                limit_s = self.settings.faults.load_timeout_s
            if self._worked_s(running) > limit_s:
                late = running
                break
        if isinstance(host, WorkerProcess):
            host.look()
            if late is not None:
                host.kill("hung", f"{late.name} took more than {limit_s:g} s in {late.phase}", late.run)
            elif not host.ready and time.monotonic() - host.started > self.settings.faults.load_timeout_s:
                host.kill("boot", f"not ready after {self.settings.faults.load_timeout_s:g} s")
            elif host.unread_s > self.settings.faults.load_timeout_s:
                host.kill("hung", f"took none of its messages for {self.settings.faults.load_timeout_s:g} s")
            return
        if late is not None:  # a thread cannot be ended: the host is left behind with it, and another takes its place
            detail = f"{late.name} took more than {limit_s:g} s in {late.phase}"
            self._listen(seat.plan.name, seat.life, Died("hung", detail=detail, running=tuple(host.board.read()), late_run=late.run))

    def _gpu_seen(self, mib: float) -> None:
        with self._lock:
            for run in self._runs.values():
                run.out.peak_vram_mib = max(run.out.peak_vram_mib or 0.0, mib)

    def _offender(self, worker: str, kind: str, used_mib: float, limit_mib: float) -> None:
        with self._lock:
            seat = self._seats.get(worker)
            if seat is not None and isinstance(seat.host, WorkerProcess):
                seat.host.kill("memory", f"{kind}: {used_mib:.0f} MiB, at most {limit_mib:.0f} are allowed")


def _close_at_exit(engine: weakref.ref[LocalEngine]) -> None:
    """A session that nobody closed must not leave its shared memory behind."""
    left = engine()
    if left is not None:
        left.close()


def _no_room(error: OSError, place: Path) -> OutputError:
    what = f"{error.filename or place}: cannot be written to: {error.strerror or error}"
    code = "disk_full" if error.errno in DISK_ERRORS else None
    return OutputError(what, code=code, hint="free some space, or set system.temp_dir and system.shared_dir")


def _identity(plan: WorkerPlan) -> tuple[Any, ...]:
    """What a worker cannot change while it lives."""
    return (plan.device, plan.gpu_uuid, plan.threads, plan.numeric_threads, plan.gpu_budget_mib, plan.ram_budget_mib)
