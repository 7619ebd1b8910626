"""One clip on its way through the hosts: decode passes feed members, members finish as what they need is there, losses are made good.

One thread conducts: it reads an inbox of messages and is the only one that changes a clip's state. Beside it run the decode pass, the
decoding of the sound, and one thread for each worker that puts messages into the inbox.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelscope.engine.faults import BOOTS, Lost, Round, Unfinished, after_death, dependency_failure, still_to_do
from reelscope.engine.flow import Stopped
from reelscope.engine.kept import Kept
from reelscope.engine.messages import Begin, Broken, Died, Fed, Finish, Finished, Job, Loaded, ModelNews, Took
from reelscope.engine.outcome import MemberOutcome, Outcome, members_of
from reelscope.engine.plan import Plan
from reelscope.engine.runner import Failure
from reelscope.engine.steps import Crashed, Decoded, Pass, Sound, State
from reelscope.errors import EngineError, NotApplicable
from reelscope.events import Event, Step, bound
from reelscope.features.base import Clip, Inputs
from reelscope.media.decode import DecodePass, DecodeStats
from reelscope.media.probe import Probe, settle
from reelscope.media.sound import decode_sound
from reelscope.models.cache import CacheStats
from reelscope.outputs import DISK_ERRORS, write_error

if TYPE_CHECKING:
    from reelscope.engine.local import LocalEngine

__all__ = ["ClipRun"]

log = logging.getLogger(__name__)

SOUND, FRAMES = "sound", "frames"  # what a member may wait for besides members


@dataclass(slots=True)
class ClipRun:
    """Conducts one clip; `go` returns what it left.

    Attributes:
        token: What `LocalEngine.stop` may name this run by.
        number: Of the run in its engine, which all messages carry; job: what its events are told under.
        plan: Of the members that run; whole: with those whose results are there already.
        kept: Results of an earlier run by member; stats: what decoding taught then.
    """

    engine: LocalEngine
    number: int
    job: str
    probe: Probe
    plan: Plan
    work_dir: Path
    kept: Mapping[str, Kept] = field(default_factory=dict)
    stats: DecodeStats | None = None
    whole: Plan | None = None
    token: threading.Event | None = None
    inbox: queue.SimpleQueue[tuple[str, Any]] = field(default_factory=queue.SimpleQueue)
    stop: threading.Event = field(default_factory=threading.Event)
    out: Outcome = field(init=False)
    _states: dict[str, State] = field(init=False)
    _needs: dict[str, set[str]] = field(init=False)
    _rounds: dict[str, deque[Round]] = field(init=False)
    _history: dict[str, int] = field(default_factory=dict)
    _again: set[str] = field(default_factory=set)
    _heard: set[str] = field(default_factory=set)  # workers that have said something of this clip since they were started
    _spared: Counter[str] = field(default_factory=Counter)  # their losses before that
    _pass: Pass | None = None
    _threads: list[threading.Thread] = field(default_factory=list)
    _last_window: float = 0.0

    def __post_init__(self) -> None:
        clip = Clip(self.probe.path.name, self.probe.media, str(self.work_dir))
        self.out = Outcome(members_of(self.plan, self.kept, self.whole or self.plan), clip, self.stats)
        members = self.out.members
        self._states = {name: State("done" if m.done else "waiting") for name, m in members.items()}
        self._needs = {n: self._needs_of(m) for n, m in members.items()}
        self._rounds = {w.name: deque() for w in self.plan.placement.workers}

    # --- the way of the clip ----------------------------------------------------------------------------------------------------------

    def go(self) -> Outcome:
        """Run everything.

        Raises:
            MediaError: No frame could be decoded. OutputError: The disk or the shared memory is full. EngineError: a bug of ours.
        """
        try:
            for name, member in self.out.members.items():
                if member.done:
                    self._settle(name)
            if not self.plan.needs:
                self._settle(FRAMES)
            if self.plan.sound:
                self._start("sound", self._decode_sound)
            else:
                self._settle(SOUND)
            streaming = tuple(n for n, m in self.out.members.items() if m.frames and not m.done)
            for place in self.plan.placement.workers:
                here = tuple(n for n in streaming if n in place.members)
                if here:
                    self._rounds[place.name].append(Round(here))
            self._go_on()
            while not all(m.done for m in self.out.members.values()):
                worker, message = self.inbox.get()
                self._take(worker, message)
                self._go_on()
            self.out.phases["finish"] = time.perf_counter() - self._last_window if self._last_window else 0.0
            return self.out
        finally:
            self.stop.set()
            try:
                for thread in self._threads:
                    thread.join()
            finally:  # also where a second Ctrl-C ends the waiting
                if self._pass is not None:  # given up in the middle of it: nobody listens any more to who gives windows back
                    self._pass.flow.close()
                for host in self.engine.hosts_of(self.plan):
                    host.forget(self.number)

    def give_up(self) -> None:
        """End this run from another thread; `go` raises."""
        self.stop.set()
        self.inbox.put(("", Crashed(EngineError("stopped", code="stopped", retryable=True))))

    def limit_s(self, name: str, phase: str) -> float:
        """How long one call into a member may take."""
        faults, spec = self.engine.settings.faults, self.out.members[name].spec
        if phase == "load":
            return faults.load_timeout_s
        window_s = faults.window_timeout_s or spec.window_timeout_s
        return window_s if phase != "finish" else max(window_s, spec.finish_timeout_x * self.probe.media.duration_s)

    def _take(self, worker: str, message: Any) -> None:
        if isinstance(message, Loaded | Took | Fed | Finished):
            self._heard.add(worker)
        match message:
            case Loaded():
                member = self.out.members[message.name]
                member.load_s += message.seconds
                self.out.cache += message.cache
                self._tell("load", message.name, seconds=message.seconds)
            case Took():
                if self._pass is not None:
                    self._pass.flow.took(worker, message.key)
                    self._pass.through[worker] += 1
                    self._tell("feed", done=min(self._pass.through[w] for w in self._pass.hosts))
            case Fed():
                self._fed(worker, message)
            case Finished():
                self._finished(message)
            case ModelNews(event):
                self.out.cache += CacheStats(evictions=int(event.kind == "evict"))
                self._tell("model", seconds=event.seconds or None, message=f"{event.kind} {event.model} on {event.device}")
            case Died():
                self._lost(worker, message)
            case Sound():
                self._sound(message)
            case Decoded():
                self._decoded(message)
            case Broken():
                raise EngineError(f"worker {worker}: {message.reason}", hint="this is a bug in reelscope: please report it")
            case Crashed():
                raise message.error

    def _go_on(self) -> None:
        """Do whatever has become possible: end what cannot go on, let members finish, start the next pass."""
        for name, state in self._states.items():
            if state.phase == "done" or state.phase == "finish":
                continue
            broken = self._broken(name)
            if broken is not None and state.phase != "feeding":
                self._done(name, failure=broken)
        for name, state in sorted(self._states.items(), key=lambda item: item[1].hold):
            member = self.out.members[name]
            ready = state.phase == "fed" or (state.phase == "waiting" and not member.frames)
            if ready and not self._needs[name] and not self._must_wait(name):
                self._finish(member, state)
        if self._pass is None and not self.stop.is_set():
            self._next_pass()

    # --- decode passes ----------------------------------------------------------------------------------------------------------------

    def _next_pass(self) -> None:
        """Begin the next round of every worker that has one and is not in the middle of finishing (a loss there would cost both)."""
        members: dict[str, tuple[str, ...]] = {}
        hosts: dict[str, Any] = {}
        begun = [n for n, s in self._states.items() if s.phase != "waiting"]
        for worker, rounds in self._rounds.items():
            while rounds and ((left := still_to_do(rounds[0], begun)) is None or not left.decode):
                rounds.popleft()  # what takes no frames begins by itself once its needs are there
            if not rounds or (self.out.passes and self._finishing(worker)):
                continue
            rounds.popleft()
            assert left is not None
            members[worker] = (*left.beside, *left.members)
            hosts[worker] = self.engine.host(worker)
            for name in left.members:
                self._states[name].hold = left.alone
        if not members:
            return
        flow = self.engine.flow(self.plan, self.stop)
        self._pass = Pass(hosts, members, flow, set(members))
        for worker, names in members.items():
            lanes = []
            for lane in next(w for w in self.plan.placement.workers if w.name == worker).lanes:
                jobs = tuple(self._job(n) for n in lane.members if n in names and self.out.members[n].frames)
                if jobs:
                    lanes.append(jobs)
            for name in (n for jobs in lanes for n in (j.name for j in jobs)):
                if self._states[name].phase == "done":  # it runs again only for those that read it live
                    self._again.add(name)
                else:
                    self._states[name].phase, self._states[name].host = "feeding", hosts[worker]
                    self.out.members[name].attempts += 1
            hosts[worker].begin(Begin(self.number, self.out.clip, tuple(lanes), self.job))
        self._start("decode", self._decode, self._pass)

    def _job(self, name: str) -> Job:
        return self.out.members[name].job

    def _decode(self, current: Pass) -> None:
        """One pass: decode, hand the windows round, wait for the slowest reader. Clips take turns in it."""
        media, settings = self.probe.media, self.engine.settings
        assert media.width_px is not None and media.height_px is not None
        wanted = {n for names in current.members.values() for n in names}
        needs = dict.fromkeys(need for n in wanted for need in self.out.members[n].job.frames)
        specs = [n.resolve(media.width_px, media.height_px) for n in needs]
        wait_s = decode_s = 0.0
        with suppress(Stopped), self.engine.turn(self.number, self.stop), current.flow.writer() as writer:
            decode = DecodePass(
                self.probe, specs, window_s=settings.performance.window_s, threads=self.plan.placement.decode_threads,
                work_dir=self.work_dir, arrays=writer.arrays,
            )  # fmt: skip
            started = time.perf_counter()
            for window in decode.windows():
                if not current.feeding and self.out.stats is not None:  # all readers are lost; the first pass has more to tell than frames
                    break
                writer.hand_out(window, current.hosts, self.number)
                self._tell("decode", done=window.end_s, total=media.duration_s)
            wait_s, decode_s = writer.waited_s, time.perf_counter() - started - writer.waited_s
            for host in current.hosts.values():
                host.end(self.number)
            self.inbox.put(("", Decoded(current, decode.stats, decode_s, wait_s)))

    def _decoded(self, message: Decoded) -> None:
        out = self.out
        out.passes += 1
        out.frames_decoded += message.stats.frames
        out.stats = out.stats or message.stats
        for phase, seconds in (("decode", message.decode_s), ("wait", message.wait_s)):
            out.phases[phase] = out.phases.get(phase, 0.0) + seconds
        self._last_window = time.perf_counter()
        message.decode.decoded = True
        self._settle(FRAMES)
        self._end_pass()

    def _fed(self, worker: str, message: Fed) -> None:
        current = self._pass
        if current is None or worker not in current.feeding:
            return
        current.feeding.discard(worker)
        for name in current.members[worker]:
            if name in self._again or not self.out.members[name].frames:
                continue
            failure = message.failures.get(name)
            if failure is not None:
                self._done(name, failure=failure)
            elif self._states[name].phase == "feeding":
                self._states[name].phase = "fed"
        self._end_pass()

    def _end_pass(self) -> None:
        if self._pass is not None and self._pass.decoded and not self._pass.feeding:
            self._pass.flow.close()
            self._pass = None
            self._again.clear()

    # --- sound ------------------------------------------------------------------------------------------------------------------------

    def _decode_sound(self) -> None:
        started = time.perf_counter()
        audio, failure = None, None
        try:
            audio = decode_sound(self.probe, self.work_dir, stop=self.stop.is_set)
        except NotApplicable as error:
            failure = Failure("not_applicable", error.code, error.message, error.hint)
        self.inbox.put(("", Sound(audio, failure, time.perf_counter() - started)))

    def _sound(self, message: Sound) -> None:
        self.out.phases[SOUND] = message.seconds
        self.out.audio = message.audio
        for name, member in self.out.members.items():
            if message.failure is not None and member.audio and not member.done:
                self._done(name, failure=message.failure)
        self._settle(SOUND)

    # --- finishing --------------------------------------------------------------------------------------------------------------------

    def _needs_of(self, member: MemberOutcome) -> set[str]:
        """What has to be there before a member can finish."""
        members = self.out.members
        needs = {n for n in (*member.must, *member.soft) if n in members}
        return needs | ({SOUND} if member.audio else set()) | ({FRAMES} if self._sees(member.name) else set())

    def _sees(self, name: str) -> bool:
        """Whether a member or anything that it reads takes frames: then it finishes with the clip's decoded facts, always."""
        member = self.out.members[name]
        return member.frames or any(self._sees(n) for n in (*member.must, *member.soft) if n in self.out.members)

    def _settle(self, what: str) -> None:
        for needs in self._needs.values():
            needs.discard(what)

    def _finish(self, member: MemberOutcome, state: State) -> None:
        if not member.frames:
            member.attempts += 1
            state.host = self.engine.host(member.worker)
        state.phase = "finish"
        state.host.finish(Finish(self.number, self.out.clip, member.job, self._inputs(member), self.job))

    def _finished(self, message: Finished) -> None:
        state, member = self._states[message.name], self.out.members[message.name]
        if state.phase != "finish":  # told by a worker that was lost meanwhile, or for a member that was ended otherwise
            return
        member.seconds, member.phases = message.seconds, message.phases
        self._done(message.name, message.result, message.failure)
        self._tell("finish", message.name, seconds=message.seconds, message=message.failure.status if message.failure is not None else "ok")

    def _done(self, name: str, result: Any = None, failure: Failure | None = None) -> None:
        member = self.out.members[name]
        if member.done:
            return
        member.result, member.failure, member.done = result, failure, True
        self._states[name].phase = "done"
        self._settle(name)

    def _broken(self, name: str) -> Failure | None:
        """Why a member cannot have what it must have."""
        for other in self.out.members[name].must:
            member = self.out.members.get(other)
            if member is None:
                return dependency_failure(other, None)
            if member.done and member.failure is not None:
                return dependency_failure(other, member.failure)
        return None

    def _inputs(self, member: MemberOutcome) -> Inputs:
        """What a member may read: what its backend named, where it is there."""
        clip = self.out.clip
        if self.out.stats is not None and self._sees(member.name):
            clip = replace(clip, media=settle(clip.media, self.out.stats))
        there = {n: m.result for n, m in self.out.members.items() if m.ok}
        features = member.backend.features if member.backend is not None else member.must
        results = (*member.backend.after, *member.backend.soft_after) if member.backend is not None else ()
        return Inputs(
            clip,
            self.out.audio if member.audio else None,
            {n: there[n] for n in features if n in there},
            {n: there[n] for n in results if n in there},
            {n: self._status(n) for n in results if n not in there},
        )

    def _status(self, name: str) -> str:
        """Of an analyzer that gave no result: how it ended, or why it never ran; "not_yet": it waits for the one that asks."""
        member = self.out.members.get(name)
        if member is not None:
            return member.failure.status if member.failure is not None else "not_yet"
        return (self.whole or self.plan).choices[name].status or "not_yet"

    # --- losses -----------------------------------------------------------------------------------------------------------------------

    def _lost(self, worker: str, died: Died) -> None:
        """A worker is gone: ask the policy what becomes of its members."""
        mine = [n for n, m in self.out.members.items() if m.worker == worker]
        lost_for_good = died.kind == "boot" and died.boots >= BOOTS
        # who waits keeps its round; who was begun with an earlier or a later host than this one has nothing to do with it
        begun = [n for n in mine if (s := self._states[n]).phase not in ("waiting", "done") and s.host is died.host]
        if lost_for_good:
            begun = [n for n in mine if self._states[n].phase != "done"]
        if self._pass is not None and worker in self._pass.hosts and (lost_for_good or self._pass.hosts[worker] is died.host):
            self._pass.flow.forget(worker)
            self._pass.feeding.discard(worker)
        if not begun:
            self._end_pass()
            return
        calls = {r.name: r for r in died.running if r.run == self.number}
        unfinished = tuple(self._unfinished(n, calls) for n in mine if n in begun or self._read_live(n, begun))
        others = any(r.run != self.number for r in died.running)  # of other clips, or loading before any clip wants it
        elsewhere = died.late_run != self.number if died.late_run is not None else others and not calls
        if not calls and worker not in self._heard and self._spared[worker] < BOOTS:
            self._spared[worker] += 1  # it was dead before it took up anything of this clip: nobody here is to blame
            elsewhere = True
        self._heard.discard(worker)
        lost = Lost(worker, died.kind, unfinished, died.returncode, died.detail, elsewhere, died.boots, shared=others)
        verdict = after_death(lost, self._history, self.engine.settings.faults.tries)
        self._history = dict(verdict.history)
        for member in unfinished:
            if not member.done:
                self._states[member.name].phase = "waiting"
        for name, failure in verdict.failures.items():
            self._done(name, failure=failure)
        self._rounds[worker].extendleft(reversed(verdict.rounds))
        for round_ in verdict.rounds:
            for name in round_.members:
                self._states[name].hold = round_.alone
        what = ", ".join(calls) or "nothing of this clip"
        log.warning("%s: worker %s %s; at work was: %s", self.out.clip.name, worker, lost.cause, what)
        self._tell(
            "retry", message=f"worker {worker} {lost.cause}; {sum(len(r.members) for r in verdict.rounds)} analyzers are tried again"
        )
        self._end_pass()

    def _unfinished(self, name: str, calls: Mapping[str, Any]) -> Unfinished:
        member, state = self.out.members[name], self._states[name]
        call = calls.get(name)
        phase = {"feeding": "feed", "done": "fed"}.get(state.phase, state.phase)
        return Unfinished(
            name,
            call.phase if call is not None else phase,  # type: ignore[arg-type]
            running=call is not None,
            late=call is not None and call.seconds > self.limit_s(name, call.phase),
            needs_frames=member.frames,
            needs=tuple(n for n in member.must if n in self.out.members),
            soft=tuple(n for n in member.soft if n in self.out.members),
            live=self._live(name),
            done=member.done,
        )

    def _live(self, name: str) -> tuple[str, ...]:
        """Features that a member reads while it is fed, with all that these read themselves."""
        member = self.out.members[name]
        direct = member.job.live if member.backend is not None else tuple(f for f in member.must if self.out.members[f].frames)
        return tuple(dict.fromkeys(f for d in direct if d in self.out.members for f in (*self._live(d), d))) if member.frames else ()

    def _read_live(self, name: str, members: list[str]) -> bool:
        """Whether a finished feature has to run again beside one of these members, which reads it live."""
        return self._states[name].phase == "done" and any(name in self._live(n) for n in members)

    def _must_wait(self, name: str) -> bool:
        """Whether who must run alone is at work beside a member, or anybody beside one that must run alone itself."""
        worker, alone = self.out.members[name].worker, self._states[name].hold
        beside = [s for n, s in self._states.items() if n != name and self.out.members[n].worker == worker]
        return any(s.phase in ("feeding", "finish") and (alone or s.hold) for s in beside)

    def _finishing(self, worker: str) -> bool:
        return any(m.worker == worker and self._states[n].phase == "finish" for n, m in self.out.members.items())

    # --- helpers ----------------------------------------------------------------------------------------------------------------------

    def _start(self, name: str, body: Any, *args: Any) -> None:
        """Run a step in a thread of its own; its error ends the run."""

        def guarded() -> None:
            try:
                with bound(job=self.job):
                    body(*args)
            except OSError as error:
                self.inbox.put(("", Crashed(write_error(self.work_dir, error) if error.errno in DISK_ERRORS else error)))
            except BaseException as error:
                self.inbox.put(("", Crashed(error)))

        thread = threading.Thread(target=guarded, name=f"{name}-{self.number}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _tell(
        self, step: Step, name: str | None = None, *, done: float = 0.0, total: float | None = None, seconds: float | None = None,
        message: str = "",
    ) -> None:  # fmt: skip
        self.engine.events.publish(Event(self.job, step, name, done, total, seconds, message))
