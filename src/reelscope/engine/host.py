"""A host drives members in one process: lanes of threads that feed windows, and a few threads in which members finish.

The conductor (reelscope.engine.conduct) talks to hosts in messages (reelscope.engine.messages). There is one in this process, or one in
every worker process. A host keeps members loaded from clip to clip; two clips on their way at the same time get an instance each, which
share the sessions of their models.
"""

from __future__ import annotations

import logging
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from reelscope.analyzers.registry import Registry
from reelscope.config import Settings
from reelscope.engine.aside import started
from reelscope.engine.batching import MemoryBatches
from reelscope.engine.board import Board
from reelscope.engine.messages import Begin, Broken, Fed, Finish, Finished, Job, Loaded, ModelNews, Preload, Shrunk, Took
from reelscope.engine.placement import WorkerPlan
from reelscope.engine.runner import Failure, MemberRun
from reelscope.events import bound
from reelscope.features.base import Clip, LoadContext
from reelscope.media.frames import Window
from reelscope.models.catalog import Catalog
from reelscope.models.manager import ModelManager

__all__ = ["Host", "Nobody", "make_models"]

log = logging.getLogger(__name__)

CLOSE_S = 10.0  # a member that does not close within this is left behind

FORGOTTEN_MOST = 4096  # clips that are remembered as forgotten: a late message of theirs comes within a few

Tell = Callable[[Any], None]
Release = Callable[[], None]


@dataclass(slots=True)
class _Member:
    """A member at work on a clip."""

    job: Job
    run: MemberRun
    busy: bool = True  # a thread is at work on it, and puts it back itself where the clip is forgotten meanwhile


@dataclass(slots=True)
class _Clip:
    """What a host holds of one clip."""

    members: dict[str, _Member] = field(default_factory=dict)
    lanes: list[queue.SimpleQueue[tuple[Window, Release] | None]] = field(default_factory=list)
    open_lanes: int = 0
    forgotten: bool = False


class Host:
    """Members of one process. Its methods return at once; what comes of them is told in messages.

    Args:
        tell: Takes the messages, from any thread.
        threads: Members that finish at the same time.
        keep: Idle instances of a member that stay loaded: as many as clips may be on their way.
    """

    def __init__(
        self, registry: Registry, tell: Tell, *, models: ModelManager, board: Board | None = None, threads: int = 1, keep: int = 2
    ) -> None:
        self.registry, self.tell, self.models, self.keep = registry, tell, models, keep
        self.board = board or Board()
        self._clips: dict[int, _Clip] = {}
        self._idle: dict[Any, list[Any]] = {}
        self._batches: dict[Any, int] = {}
        self._forgotten: set[int] = set()
        self._lock = threading.Lock()
        self._finishing: queue.SimpleQueue[Finish | Preload | None] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._crew, name=f"finish-{i}", daemon=True) for i in range(max(1, threads))]
        for thread in self._threads:
            thread.start()

    def remember_batches(self, sizes: Mapping[Any, int]) -> None:
        """Batch sizes by member key that had to shrink in an earlier life of this host."""
        self._batches.update(sizes)

    # --- what the conductor asks ----------------------------------------------------------------------------------------------------

    def begin(self, message: Begin) -> None:
        """Load the members of a pass and begin the clip with them, every lane in a thread of its own."""
        with self._lock:
            clip = self._clips.setdefault(message.run, _Clip())
            clip.lanes = [queue.SimpleQueue() for _ in message.lanes]
            clip.open_lanes = len(message.lanes)
            self._threads = [t for t in self._threads if t.is_alive()]
            for i, (jobs, windows) in enumerate(zip(message.lanes, clip.lanes, strict=True)):
                body = partial(self._lane, message, clip, jobs, windows)
                thread = threading.Thread(target=self._told, args=(message.run, message.about, body), name=f"lane-{i}", daemon=True)
                self._threads.append(thread)
                thread.start()

    def feed(self, run: int, window: Window, key: Any = None) -> None:
        """Hand a window to every lane; `Took` with `key` (its index where that is not given) follows when all are through with it."""
        clip = self._clips.get(run)
        if clip is None:  # forgotten meanwhile
            return
        left = [len(clip.lanes)]
        lock = threading.Lock()

        def release() -> None:
            with lock:
                left[0] -= 1
                last = left[0] == 0
            if last:
                self.tell(Took(run, window.index if key is None else key))

        for lane in clip.lanes:
            lane.put((replace(window, features={}), release))

    def end(self, run: int) -> None:
        """The pass has no more windows; `Fed` follows."""
        clip = self._clips.get(run)
        for lane in clip.lanes if clip is not None else ():
            lane.put(None)

    def finish(self, message: Finish) -> None:
        """Let a member finish; `Finished` follows."""
        self._finishing.put(message)

    def preload(self, message: Preload) -> None:
        """Load members that no clip has asked for yet; one that does not load is told when a clip wants it."""
        self._finishing.put(message)

    def forget(self, run: int) -> None:
        """Let go of a clip, finished or not."""
        with self._lock:
            self._forgotten.add(run)
            if len(self._forgotten) > FORGOTTEN_MOST:
                self._forgotten = set(sorted(self._forgotten)[FORGOTTEN_MOST // 2 :])
            clip = self._clips.pop(run, None)
            if clip is None:
                return
            clip.forgotten = True
            for lane in clip.lanes:
                lane.put(None)
            left = [m for m in clip.members.values() if not m.busy]
        if left:
            self._aside(lambda: [self._put_back(member) for member in left])

    def knows(self, run: int) -> bool:
        """Whether a clip has begun here and was not forgotten."""
        return run in self._clips

    def close(self, timeout_s: float = CLOSE_S) -> None:
        """End every thread and let go of everything loaded; threads stuck in a member are left behind."""
        until = time.monotonic() + timeout_s
        for run in list(self._clips):
            self.forget(run)
        for thread in list(self._threads):
            if thread.name.startswith("finish"):
                self._finishing.put(None)
        for thread in list(self._threads):
            thread.join(max(0.0, until - time.monotonic()))
        for run in [run for idle in self._idle.values() for run in idle]:
            self._aside(run.close, wait_s=until - time.monotonic())
        self._idle.clear()
        self._aside(self.models.close, wait_s=until - time.monotonic())

    # --- lanes ----------------------------------------------------------------------------------------------------------------------

    def _lane(self, message: Begin, clip: _Clip, jobs: tuple[Job, ...], windows: queue.SimpleQueue[tuple[Window, Release] | None]) -> None:
        members: list[_Member] = []
        for job in jobs:
            if not clip.forgotten:
                members.append(self._ready(message.run, message.clip, clip, job))
        one_thread_each()
        while (item := windows.get()) is not None:
            window, release = item
            try:
                for member in members:
                    if not clip.forgotten:
                        _feed(clip, member, window)
            finally:
                release()
        with self._lock:
            clip.open_lanes -= 1
            last, forgotten = clip.open_lanes == 0, clip.forgotten
            for member in members:
                member.busy = False
        if forgotten:
            for member in members:
                self._put_back(member)
        elif last:
            with self._lock:  # members without frames come and go beside the lanes
                failures = {n: m.run.failure for n, m in clip.members.items() if m.run.failure is not None}
            self.tell(Fed(message.run, failures))

    def _ready(self, run: int, about: Clip, clip: _Clip, job: Job) -> _Member:
        """A loaded member that has begun the clip, or one that carries its failure."""
        started = time.perf_counter()
        with self._lock:
            idle = self._idle.get(job.key)
            member = idle.pop() if idle else None
        made = _Member(job, member if member is not None else self._make(job))
        made.run.watch = lambda phase: self.board.entry(run, job.name, phase)
        made.run.over = lambda: clip.forgotten or not Path(about.work_dir).is_dir()
        made.run.renew()
        made.run.load()
        made.run.begin(about)
        with self._lock:
            before = clip.members.get(job.name)  # a feature that is fed again beside those that read it
            clip.members[job.name] = made
        if before is not None and not before.busy:
            self._put_back(before)
        self.tell(Loaded(run, job.name, time.perf_counter() - started, made.run.failure, made.run.cache))
        return made

    def _make(self, job: Job) -> MemberRun:
        def make() -> Any:  # where it is loaded: what its module or constructor raises is its own failure
            kind: Any = self.registry.feature(job.name) if job.kind == "feature" else self.registry.analyzer(job.name)
            return kind()

        batches = MemoryBatches(
            min(job.batch, self._batches.get(job.key, job.batch)),
            on_shrink=lambda size: self._shrunk(job.key, size),
            evict=lambda: self.models.evict_unused(job.device),
        )
        context = LoadContext(job.device, job.options, job.frames, job.backend, job.batch, job.threads, self.models, batches)
        return MemberRun(job.name, make, context)

    def _shrunk(self, key: Any, size: int) -> None:
        self._batches[key] = min(size, self._batches.get(key, size))
        self.tell(Shrunk(key, size))

    # --- finishing ------------------------------------------------------------------------------------------------------------------

    def _crew(self) -> None:
        while (message := self._finishing.get()) is not None:
            if isinstance(message, Preload):
                for job in message.jobs:
                    self._preload(job)
            else:
                self._told(message.run, message.about, partial(self._finish, message))

    def _preload(self, job: Job) -> None:
        member = _Member(job, self._make(job))
        member.run.watch = lambda phase: self.board.entry(0, job.name, phase)
        member.run.load()
        member.run.warm()
        self._put_back(member)

    def _finish(self, message: Finish) -> None:
        with self._lock:
            if message.run in self._forgotten:
                return
            clip = self._clips.setdefault(message.run, _Clip())
            member = clip.members.get(message.job.name)
            if member is not None:
                member.busy = True
        member = member or self._ready(message.run, message.clip, clip, message.job)
        run = member.run
        run.finish(message.inputs)
        with self._lock:
            clip.members.pop(message.job.name, None)
        made = Finished(message.run, message.job.name, run.result, run.failure, run.seconds, run.phases)
        self._put_back(member)  # first: the next clip may begin as soon as this one is told
        if not clip.forgotten:
            self.tell(made)

    def _put_back(self, member: _Member) -> None:
        """Keep a healthy member for the next clip; close any other, beside everything else: nobody waits for that."""
        run = member.run
        if run.loaded and (run.failure is None or run.failure.status == "not_applicable"):
            run.let_go()
            with self._lock:
                idle = self._idle.setdefault(member.job.key, [])
                if len(idle) < self.keep:
                    idle.append(run)
                    return
        run.watch = lambda phase: nullcontext()  # however long it takes
        self._aside(run.close)

    def _aside(self, call: Callable[[], object], *, wait_s: float = 0.0) -> None:
        """Run in a thread of its own that nothing waits for longer than this; here where there are no threads any more."""
        thread = threading.Thread(target=call, name="aside", daemon=True)
        with self._lock:
            alive = [t for t in self._threads if t.is_alive()]
            runs = started(thread)
            self._threads = [*alive, thread] if runs else alive
        if not runs:
            call()
        elif wait_s > 0:
            thread.join(wait_s)

    def _told(self, run: int, about: str, body: Callable[[], None]) -> None:
        """Run one of our own steps; a bug in it is told instead of leaving the clip waiting."""
        with bound(job=about):
            try:
                body()
            except BaseException as error:
                log.debug("the host failed", exc_info=True)
                self.tell(Broken(run, f"{type(error).__name__}: {error}"))


class Nobody:
    """In the place of a host that is gone for good. Whoever gets it finds `Died` in the inbox already, and loses nothing by these calls."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args, **kwargs: None


def make_models(settings: Settings, plan: WorkerPlan, tell: Tell) -> ModelManager:
    """The model manager of one process, with its worker's budgets; what happens in it is told as `ModelNews`."""
    limits = {"cpu": plan.ram_budget_mib} | {d: plan.gpu_budget_mib for d in plan.member_device.values() if d != "cpu"}
    budgets = {device: mib << 20 for device, mib in limits.items() if mib is not None}
    sources = Catalog.of(settings).source_of
    return ModelManager(budgets, idle_s=settings.models.idle_s, sources=sources, tell=lambda event: tell(ModelNews(event)))


def _feed(clip: _Clip, member: _Member, window: Window) -> None:
    broken = next((f for f in member.job.live if f not in window.features), None)
    if broken is not None:
        cause = clip.members[broken].run.failure if broken in clip.members else None
        what = f"{cause.status}: {cause.reason}" if cause is not None else "gave nothing"
        status = "not_applicable" if cause is not None and cause.status == "not_applicable" else "failed"
        member.run.fail(Failure(status, "dependency_failed", f"needs {broken}, which {what}", cause.hint if cause else None))
    member.run.feed(window)


def one_thread_each() -> None:
    """Lanes are the parallelism; libraries with thread pools of their own would only crowd the cores."""
    if "cv2" in sys.modules:  # a member of this or another lane uses it
        import cv2  # waits where another lane is in the middle of importing it

        cv2.setNumThreads(1)
