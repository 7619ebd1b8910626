"""The engine of one process: one decode feeds lanes of members over bounded queues, then members finish as what they need is there.

Threads suffice on a CPU, since decoding, OpenCV, onnxruntime and NumPy release the interpreter's lock; processes come where models on
several devices or crash isolation call for them. A member that has failed is fed no more; the others go on.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from reelscope.analyzers.base import Inputs, LoadContext
from reelscope.analyzers.registry import INSTALLED, Registry
from reelscope.config import Settings
from reelscope.engine.hardware import available_cores
from reelscope.engine.plan import Plan
from reelscope.engine.runner import Failure, MemberRun
from reelscope.errors import NotApplicable
from reelscope.events import Event, EventBus, Step
from reelscope.features.base import Clip, NoOptions
from reelscope.media.audio import AudioTrack
from reelscope.media.decode import DecodePass, DecodeStats
from reelscope.media.frames import Window
from reelscope.media.probe import Probe, settle
from reelscope.media.sound import decode_sound

__all__ = ["LocalEngine", "Outcome"]

log = logging.getLogger(__name__)

POLL_S = 0.1  # how often waiting threads look whether they should stop
SOUND = "sound"


@dataclass(slots=True)
class Outcome:
    """What a run left.

    Attributes:
        members: Every member by name, with its result or failure.
        clip: The clip with what decoding taught about it.
        stats: Of the decode pass; None for a clip of sound alone or where nothing took frames.
        phases: Wall seconds: decode (inside the decoder), wait (for the slowest lane), sound, finish.
        hits, misses, load_s: Members found loaded, loaded now, and seconds spent on that.
    """

    members: dict[str, MemberRun]
    clip: Clip
    stats: DecodeStats | None = None
    audio: AudioTrack | None = None
    phases: dict[str, float] = field(default_factory=dict)
    passes: int = 0
    hits: int = 0
    misses: int = 0
    load_s: float = 0.0


class LocalEngine:
    """Runs plans; keeps members loaded from clip to clip. Use it as a context manager, from one thread."""

    def __init__(self, settings: Settings, events: EventBus | None = None, *, registry: Registry = INSTALLED) -> None:
        self.registry = registry
        self.settings = settings
        self.events = events or EventBus()
        self.cores = settings.placement.threads or available_cores()
        self._loaded: dict[Any, Any] = {}

    @property
    def lanes(self) -> int:
        """How many members may be fed at the same time."""
        return self.settings.optimisation.lanes or self.cores

    def close(self) -> None:
        """Let go of every loaded member."""
        while self._loaded:
            _, member = self._loaded.popitem()
            try:
                member.close()
            except Exception:
                log.exception("closing %r failed", member)

    def __enter__(self) -> LocalEngine:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def run(self, probe: Probe, plan: Plan, work_dir: Path) -> Outcome:
        """Run a plan over a clip.

        Args:
            probe: The clip; plan: made for it; work_dir: an empty folder that the caller removes.

        Raises:
            MediaError: No frame could be decoded.
        """
        clip = Clip(probe.path.name, probe.media, str(work_dir))
        outcome = Outcome({}, clip)
        outcome.members = {name: self._member(name, plan, outcome) for name in [*plan.features, *(c.name for c in plan.running)]}
        run = _Run(self, probe, plan, work_dir, outcome)
        try:
            run.go()
        except BaseException:
            run.stop.set()
            raise
        finally:
            run.join()
            self._keep(outcome)
        return outcome

    def _member(self, name: str, plan: Plan, outcome: Outcome) -> MemberRun:
        if name in plan.features:
            context = LoadContext("cpu", NoOptions(), plan.features[name].frames)
            kind: Any = self.registry.feature(name)
        else:
            choice = plan.choices[name]
            assert choice.backend is not None
            context = LoadContext("cpu", choice.options, choice.frames, choice.backend.name, choice.batch, choice.backend.threads)
            kind = self.registry.analyzer(name)
        key = (name, context.backend, context.options.model_dump_json(), context.frames, context.batch)
        member = self._loaded.pop(key, None)
        outcome.hits += member is not None
        outcome.misses += member is None
        return MemberRun(name, member or kind(), context, loaded=member is not None, key=key)

    def _keep(self, outcome: Outcome) -> None:
        """Keep healthy members for the next clip, close the others."""
        for run in outcome.members.values():
            outcome.load_s += run.load_s
            if run.loaded and (run.failure is None or run.failure.status == "not_applicable"):
                self._loaded[run.key] = run.member
            else:
                with contextlib.suppress(Exception):
                    run.member.close()


class _Run:
    """One clip on its way; lives as long as LocalEngine.run."""

    def __init__(self, engine: LocalEngine, probe: Probe, plan: Plan, work_dir: Path, outcome: Outcome) -> None:
        self.engine, self.probe, self.plan, self.work_dir, self.out = engine, probe, plan, work_dir, outcome
        self.stop = threading.Event()
        self.pool = ThreadPoolExecutor(max(1, engine.cores), thread_name_prefix="finish")
        self.threads: list[threading.Thread] = []
        self.queues: list[queue.Queue[Window | None]] = []
        self.lock = threading.Lock()
        self.all_done = threading.Event()
        self.waiting: dict[str, set[str]] = {}
        self.late_error: BaseException | None = None

    def go(self) -> None:
        out, plan = self.out, self.plan
        in_lane = {m: f"lane {i}" for i, lane in enumerate(plan.lanes) for m in lane.members}
        for name in out.members:
            self.waiting[name] = self._needs(name) | ({in_lane[name]} if name in in_lane else set())
        if not self.waiting:
            self.all_done.set()
        if plan.sound:
            self.pool.submit(self._guard, self._decode_sound)
        else:
            self._complete(SOUND)
        for i, lane in enumerate(plan.lanes):
            windows: queue.Queue[Window | None] = queue.Queue(self.engine.settings.performance.windows_in_flight)
            self.queues.append(windows)
            thread = threading.Thread(
                target=self._guard, args=(lambda i=i, lane=lane, q=windows: self._feed_lane(i, lane.members, q),), name=f"lane-{i}"
            )
            self.threads.append(thread)
            thread.start()
        self._advance()
        if plan.lanes:
            self._decode()
        started = time.perf_counter()
        while not self.all_done.wait(POLL_S):
            if self.late_error is not None:
                raise self.late_error
        if self.late_error is not None:
            raise self.late_error
        out.phases["finish"] = time.perf_counter() - started

    def join(self) -> None:
        """End every thread of this run; after a stop they leave at the next window or poll."""
        for thread in self.threads:
            thread.join()
        self.pool.shutdown(wait=True, cancel_futures=True)

    def _needs(self, name: str) -> set[str]:
        """What has to be complete before this member can finish."""
        if name in self.plan.features:
            spec = self.plan.features[name]
            return {f for f in spec.features if f in self.out.members} | ({SOUND} if spec.audio else set())
        backend = self.plan.choices[name].backend
        assert backend is not None
        needs = {n for n in (*backend.features, *backend.after, *backend.soft_after) if n in self.out.members}
        return needs | ({SOUND} if backend.audio else set())

    # --- decoding and feeding -----------------------------------------------------------------------------------------------------

    def _decode(self) -> None:
        settings, media = self.engine.settings, self.probe.media
        assert media.width_px is not None and media.height_px is not None
        specs = [n.resolve(media.width_px, media.height_px) for n in self.plan.needs]
        threads = settings.placement.decode_threads or self.engine.cores
        decode = DecodePass(self.probe, specs, window_s=settings.performance.window_s, threads=threads, work_dir=self.work_dir)
        self.out.stats, self.out.passes = decode.stats, 1
        decode_s = wait_s = 0.0
        windows = decode.windows()
        while True:
            started = time.perf_counter()
            window = next(windows, None)
            got = time.perf_counter()
            decode_s += got - started
            for windows_in in self.queues:
                self._put(windows_in, replace(window, features={}) if window is not None else None)
            wait_s += time.perf_counter() - got
            if window is None:
                break
            self._tell("decode", done=window.end_s, total=media.duration_s)
        self.out.phases |= {"decode": decode_s, "wait": wait_s}

    def _put(self, windows: queue.Queue[Window | None], window: Window | None) -> None:
        while True:
            if self.late_error is not None:
                raise self.late_error
            with contextlib.suppress(queue.Full):
                windows.put(window, timeout=POLL_S)
                return

    def _feed_lane(self, index: int, names: tuple[str, ...], windows: queue.Queue[Window | None]) -> None:
        runs = [self.out.members[n] for n in names]
        for run in runs:
            self._load(run)
        _one_thread_each()
        while not self.stop.is_set():
            try:
                window = windows.get(timeout=POLL_S)
            except queue.Empty:
                continue
            if window is None:
                self._complete(f"lane {index}")
                return
            for run in runs:
                self._feed(run, window)

    def _feed(self, run: MemberRun, window: Window) -> None:
        choice = self.plan.choices.get(run.name)
        if choice is not None and choice.backend is not None:
            broken = next((f for f in choice.backend.live if f not in window.features), None)
            if broken is not None:
                run.fail(self._dependency_failure(broken))
        run.feed(window)

    def _load(self, run: MemberRun) -> None:
        started = time.perf_counter()
        run.load()
        run.begin(self.out.clip)
        self._tell("load", run.name, seconds=time.perf_counter() - started)

    def _decode_sound(self) -> None:
        started = time.perf_counter()
        try:
            self.out.audio = decode_sound(self.probe, self.work_dir)
        except NotApplicable as error:
            failure = Failure("not_applicable", error.code, error.message, error.hint)
            for name, run in self.out.members.items():
                if SOUND in self.waiting.get(name, ()):
                    run.fail(failure)
        self.out.phases["sound"] = time.perf_counter() - started
        self._complete(SOUND)
        self._advance()

    # --- finishing ----------------------------------------------------------------------------------------------------------------

    def _complete(self, what: str) -> None:
        with self.lock:
            for needs in self.waiting.values():
                needs.discard(what)
        self._advance()

    def _advance(self) -> None:
        """Submit every member whose needs are complete."""
        with self.lock:
            ready = [n for n, needs in self.waiting.items() if not needs]
            for name in ready:
                del self.waiting[name]
            for name in ready:
                if not self.stop.is_set():
                    self.pool.submit(self._guard, lambda name=name: self._finish(name))

    def _finish(self, name: str) -> None:
        run = self.out.members[name]
        if not run.loaded and run.failure is None:
            self._load(run)
        elif run.failure is None and "begin" not in run.phases:
            run.begin(self.out.clip)
        failure = self._missing_dependency(name)
        if failure is not None:
            run.fail(failure)
        run.finish(self._inputs(name))
        self._tell("finish", name, seconds=run.seconds)
        self._complete(name)
        with self.lock:
            if all(r.done for r in self.out.members.values()):
                self.all_done.set()

    def _missing_dependency(self, name: str) -> Failure | None:
        choice = self.plan.choices.get(name)
        spec = self.plan.features.get(name)
        must = (*choice.backend.features, *choice.backend.after) if choice is not None and choice.backend else spec.features if spec else ()
        for other in must:
            run = self.out.members.get(other)
            if run is None or run.failure is not None:
                return self._dependency_failure(other)
        return None

    def _dependency_failure(self, name: str) -> Failure:
        run = self.out.members.get(name)
        cause = run.failure if run is not None else None
        if cause is None:
            return Failure("not_applicable", "dependency", f"needs {name}, which this clip has no material for")
        status = "not_applicable" if cause.status == "not_applicable" else "failed"
        return Failure(status, "dependency_failed", f"needs {name}, which {cause.status}: {cause.reason}", cause.hint)

    def _inputs(self, name: str) -> Inputs:
        """What a member may read: what its backend named, where it is there."""
        choice = self.plan.choices.get(name)
        if choice is not None and choice.backend is not None:
            features, results, wants_sound = (
                choice.backend.features,
                (*choice.backend.after, *choice.backend.soft_after),
                choice.backend.audio,
            )
        else:
            features, results, wants_sound = self.plan.features[name].features, (), self.plan.features[name].audio
        clip = self.out.clip
        if self.out.stats is not None and not self.queues_open(name):
            clip = replace(clip, media=settle(clip.media, self.out.stats))
        return Inputs(
            clip,
            self.out.audio if wants_sound else None,
            _results(self.out.members, features),
            _results(self.out.members, results),
        )

    def queues_open(self, name: str) -> bool:
        """Whether the decode pass may still be under way while this member finishes (it takes no frames itself)."""
        return "decode" not in self.out.phases and not any(name in lane.members for lane in self.plan.lanes)

    # --- helpers ------------------------------------------------------------------------------------------------------------------

    def _guard(self, call: Callable[[], None]) -> None:
        """Run one of our own steps in a thread; a bug in it ends the run instead of leaving it waiting."""
        try:
            call()
        except BaseException as error:
            log.debug("the engine failed", exc_info=True)
            self.late_error = error
            self.stop.set()
            self.all_done.set()

    def _tell(
        self, step: Step, name: str | None = None, *, done: float = 0.0, total: float | None = None, seconds: float | None = None
    ) -> None:
        self.engine.events.publish(Event(self.out.clip.name, step, name, done, total, seconds))


def _results(members: Mapping[str, MemberRun], names: tuple[str, ...]) -> dict[str, Any]:
    return {n: members[n].result for n in names if n in members and members[n].failure is None and members[n].done}


def _one_thread_each() -> None:
    """Lanes are the parallelism; libraries with thread pools of their own would only crowd the cores."""
    if "cv2" in sys.modules:  # a member of this or another lane uses it
        import cv2  # waits where another lane is in the middle of importing it

        cv2.setNumThreads(1)
