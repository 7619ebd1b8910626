"""The failure policy: what happened and the history go in, what to do comes out. Pure functions over frozen data; no clocks, no I/O.

A lost worker is judged for each clip by itself. Who brought it down is known where exactly one member was running; nobody is given up on a
mere suspicion before it has had a round of its own. Every death counts against somebody, so any sequence of deaths ends: docs/failures.md.
A model that does not load is the business of reelscope.models.manager.
"""

from __future__ import annotations

import signal
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from reelscope.config import Settings
from reelscope.document.schema import Status
from reelscope.engine.runner import Failure

__all__ = [
    "BOOTS",
    "EvictOthers",
    "GiveUp",
    "HalveBatch",
    "Kind",
    "Lost",
    "Round",
    "Unfinished",
    "Verdict",
    "after_death",
    "batch_step",
    "dependants",
    "dependency_failure",
    "describe",
    "over_limit",
    "recycle",
    "still_to_do",
]

BOOTS = 3  # a worker that never became ready so often in a row will not: its environment is broken, not its luck
GROWTH_X, GROWTH_MIB = 2, 512  # default of faults.recycle_mib: allocators settle within these; a leak passes them

Phase = Literal["waiting", "load", "begin", "feed", "fed", "finish", "close"]
Kind = Literal["killed", "exited", "hung", "memory", "boot"]

OFTEN = {
    "SIGKILL": "often the system ran out of memory",
    "SIGSEGV": "it crashed in native code",
    "SIGABRT": "native code gave up, often for want of memory",
    "SIGBUS": "it crashed in native code, or the shared-memory folder is full",
    "SIGFPE": "it crashed in native code",
    "SIGILL": "a package was built for another processor",
}
DOING = {
    "waiting": "waiting",
    "load": "loading",
    "begin": "starting",
    "feed": "taking frames",
    "fed": "idle",
    "finish": "finishing",
    "close": "letting go",
}


# --- out of memory -------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HalveBatch:
    """Free caches and try the same batch again in pieces of `size`; keep that size."""

    size: int


@dataclass(frozen=True, slots=True)
class EvictOthers:
    """Unload the models of others in this process, free caches, try again."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The member fails with this."""

    code: str
    reason: str


def batch_step(size: int, *, evicted: bool) -> HalveBatch | EvictOthers | GiveUp:
    """What to do when a batch of `size` items ran out of memory. evicted: the models of others were unloaded already."""
    if size > 1:
        return HalveBatch(size // 2)
    return GiveUp("out_of_memory", "out of memory even with a batch of 1 and every other model unloaded") if evicted else EvictOthers()


# --- a worker is lost ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A member that was in the worker when it was lost, without having ended there.

    Attributes:
        phase: How far it was; running: it was inside a call; late: that call was past its deadline.
        needs_frames: Whether it has to be fed again, with a decode pass; what reads live does.
        needs: Features and analyzers that it must have; soft: whose results it uses where they are there.
        live: Those features of them, with all that these read live in turn, that must be fed beside it.
        done: Its result is there from an earlier round; it ran again only for its live consumers.
    """

    name: str
    phase: Phase
    running: bool = False
    late: bool = False
    needs_frames: bool = True
    needs: tuple[str, ...] = ()
    soft: tuple[str, ...] = ()
    live: tuple[str, ...] = ()
    done: bool = False


@dataclass(frozen=True, slots=True)
class Lost:
    """A worker is gone, as one clip sees it.

    Attributes:
        worker: Its name.
        kind: killed (by a signal), exited, hung (ended by us, past a deadline), memory (ended by the guard), boot (never became ready).
        members: This clip's members in it, each after those that it needs. Those that wait for a later round of an earlier verdict do not
            belong here: they keep it.
        returncode: As subprocess gives it: minus the signal, or the exit code; None where it is not known.
        detail: More for people, such as the last line of its log.
        elsewhere: The cause is known and not in this clip: only members of another clip were running, or one of another was late.
        boots: Boots that failed in a row, this one included.
        shared: Members of another clip were running, too, so nobody is proven guilty.
    """

    worker: str
    kind: Kind
    members: tuple[Unfinished, ...]
    returncode: int | None = None
    detail: str = ""
    elsewhere: bool = False
    boots: int = 0
    shared: bool = False

    @property
    def cause(self) -> str:
        """What happened to it, for people: "was killed by ..."."""
        what = {
            "hung": "was ended, past its deadline",
            "memory": "was ended, above its memory limit",
            "boot": "did not start",
        }.get(self.kind) or describe(self.returncode)
        return f"{what} ({self.detail})" if self.detail else what


@dataclass(frozen=True, slots=True)
class Round:
    """Members to run together from begin to finish, in a worker started anew.

    Attributes:
        members: In order; beside: features that run again only because members read them while they are fed.
        decode: Whether it takes a decode pass. alone: a suspect's own round.
    """

    members: tuple[str, ...]
    beside: tuple[str, ...] = ()
    decode: bool = True
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do about a lost worker.

    Attributes:
        failures: Members that have ended, with their failures; `dependants` finds those in other workers.
        rounds: In order, to stand before those that are left from an earlier verdict; together they hold every member of the lost worker
            that has not ended, once.
        history: Incidents of each member in this clip, to be handed in at the next loss.
        blamed: Members that this incident counted against.
    """

    failures: Mapping[str, Failure] = field(default_factory=dict)
    rounds: tuple[Round, ...] = ()
    history: Mapping[str, int] = field(default_factory=dict)
    blamed: tuple[str, ...] = ()


def after_death(lost: Lost, history: Mapping[str, int], tries: int) -> Verdict:
    """Decide who ends, who is tried again, and with whom.

    The members that were running (past their deadline, where it hung) are the culprits: each goes alone, after a round of all others but
    those that need it, which come last. A single culprit that brought its worker down `tries` times is given up. Where several were
    running they are suspects, each with a round of its own and at most one incident more. Where none was, all that had been started are:
    they go again together, and after `tries` such deaths each alone.
    """
    if lost.kind == "boot":
        return _after_boot(lost, history)
    if lost.elsewhere:
        return Verdict(rounds=_rounds(lost.members, (), {}), history=dict(history))
    culprits = [m for m in lost.members if m.late] if lost.kind == "hung" else []
    culprits = culprits or [m for m in lost.members if m.running]
    culprits = [m for m in culprits if not m.done] or culprits  # what ran before without harm is blamed last
    known = bool(culprits)
    suspects = culprits or [m for m in lost.members if m.phase != "waiting"] or list(lost.members)
    counts = dict(history)
    for m in suspects:
        counts[m.name] = counts.get(m.name, 0) + 1
    proven = len(suspects) == 1 and not lost.shared
    given_up = [m for m in suspects if counts[m.name] >= tries + (not proven)]
    failures = _failures(lost, given_up, counts)
    alone = [m for m in suspects if (known or len(suspects) == 1 or counts[m.name] >= tries) and m not in given_up]
    return Verdict(failures, _rounds(lost.members, alone, failures), counts, tuple(m.name for m in suspects))


def _after_boot(lost: Lost, history: Mapping[str, int]) -> Verdict:
    if lost.boots < BOOTS:
        return Verdict(rounds=_rounds(lost.members, (), {}), history=dict(history))
    reason = f"worker {lost.worker} {lost.cause}, {lost.boots} times in a row"
    failure = Failure("failed", "worker_failed", reason, "reelscope doctor shows what each worker sees")
    return Verdict({m.name: failure for m in lost.members if not m.done}, history=dict(history))


def _failures(lost: Lost, given_up: Iterable[Unfinished], counts: Mapping[str, int]) -> dict[str, Failure]:
    failures = {m.name: _poison(lost, m, counts[m.name]) for m in given_up}
    there = {m.name for m in lost.members if m.done}  # such a feature breaks only those that it has to be fed beside
    failures |= dependants(failures, {m.name: {*m.needs} - there | {*m.live} for m in lost.members if not m.done})
    return {m.name: failures[m.name] for m in lost.members if m.name in failures and not m.done}


def _poison(lost: Lost, member: Unfinished, times: int) -> Failure:
    often = f"{times} times" if times > 1 else "once"
    if lost.kind == "hung":
        reason = f"was still {DOING[member.phase]} at its deadline; worker {lost.worker} was ended {often}"
        hint = "a longer deadline: faults.window_timeout_s, for loading faults.load_timeout_s"
        return Failure("timeout", "deadline", reason, hint)
    reason = f"worker {lost.worker} was lost {often} in the course of it; last it {lost.cause} while this was {DOING[member.phase]}"
    hint = "more memory for a worker: faults.worker_mib" if lost.kind == "memory" else "more tries: faults.tries"
    return Failure("failed", "worker_died", reason, hint)


def _rounds(members: tuple[Unfinished, ...], alone: Collection[Unfinished], failures: Mapping[str, Failure]) -> tuple[Round, ...]:
    """First all others together, then each of `alone`, then what waits for those; live consumers go with their feature."""
    todo = [m for m in members if not m.done and m.name not in failures]
    own: dict[str, list[Unfinished]] = {m.name: [m] for m in alone if m in todo}
    rest: list[Unfinished] = []
    for m in todo:
        if m.name not in own:
            feature = [n for n in own if n in m.live]
            (own[feature[-1]] if feature else rest).append(m)
    rounds: list[Round] = []
    open_ = {m.name for m in todo}  # not in a round yet
    while open_:
        before = len(open_)
        ready = _ready(rest, open_)
        if ready:
            rounds.append(_round(ready, alone=False))
            open_ -= {m.name for m in ready}
        for group in own.values():
            if group[0].name in open_ and _ready(group, open_) == group:
                rounds.append(_round(group, alone=True))
                open_ -= {m.name for m in group}
        if len(open_) == before:  # each waits for another: a consumer that reads a suspect live also needs what needs that suspect
            rounds.append(_round([m for m in todo if m.name in open_], alone=False))
            open_ = set()
    return tuple(rounds)


def _ready(group: list[Unfinished], open_: set[str]) -> list[Unfinished]:
    """Those that need nothing still open, but for what goes with them."""
    ready: list[Unfinished] = []
    for m in (m for m in group if m.name in open_):  # each stands after those that it needs
        if not {*m.needs, *m.soft, *m.live} & (open_ - {r.name for r in ready}):
            ready.append(m)
    return ready


def _round(group: list[Unfinished], *, alone: bool) -> Round:
    names = tuple(m.name for m in group)
    beside = tuple(dict.fromkeys(f for m in group for f in m.live if f not in names))
    return Round(names, beside, decode=any(m.needs_frames for m in group), alone=alone)


def still_to_do(round_: Round, ended: Collection[str]) -> Round | None:
    """A round without the members that have ended since it was planned; None where nothing is left of it."""
    members = tuple(n for n in round_.members if n not in ended)
    return replace(round_, members=members) if members else None


# --- what depends on a failure -------------------------------------------------------------------------------------------------------


def dependency_failure(name: str, cause: Failure | None) -> Failure:
    """The failure of what needs `name`, which ended with `cause`; None: this clip has no material for it."""
    if cause is None:
        return Failure("not_applicable", "dependency", f"needs {name}, which this clip has no material for")
    status: Status = "not_applicable" if cause.status == "not_applicable" else "failed"
    return Failure(status, "dependency_failed", f"needs {name}, which {cause.status}: {cause.reason}", cause.hint)


def dependants(failures: Mapping[str, Failure], needs: Mapping[str, Iterable[str]]) -> dict[str, Failure]:
    """Failures of all that must have one of the failed, directly or over others. needs: by member, what it must have."""
    found: dict[str, Failure] = {}
    while True:
        ended = {**failures, **found}
        new = {n: next((b for b in must if b in ended), None) for n, must in needs.items() if n not in ended}
        broken = {n: dependency_failure(b, ended[b]) for n, b in new.items() if b is not None}
        if not broken:
            return found
        found |= broken


# --- memory that grows ---------------------------------------------------------------------------------------------------------------


def recycle(clips_served: int, rss_mib: float, first_rss_mib: float, settings: Settings) -> str | None:
    """Why a worker should be started anew now that a clip is through; None: it may stay.

    Args:
        clips_served: Clips since it started; rss_mib: memory it holds now; first_rss_mib: after its first clip.
    """
    faults = settings.faults
    if faults.recycle_clips and clips_served >= faults.recycle_clips:
        return f"it has served {clips_served} clips (faults.recycle_clips)"
    limit = faults.recycle_mib if faults.recycle_mib is not None else GROWTH_X * first_rss_mib + GROWTH_MIB
    if rss_mib > limit:
        said = "faults.recycle_mib" if faults.recycle_mib is not None else f"{first_rss_mib:.0f} MiB after its first clip"
        return f"it holds {rss_mib:.0f} MiB, more than {limit:.0f} ({said})"
    return None


def over_limit(used_mib: float | None, limit_mib: float | None) -> bool:
    """Whether a worker is to be ended at once. used_mib None: not known; limit_mib None: no limit."""
    return used_mib is not None and limit_mib is not None and used_mib > limit_mib


def describe(returncode: int | None) -> str:
    """How a process ended, for people, after "it": "was killed by signal 9 (SIGKILL): ...". As subprocess gives it."""
    if returncode is None:
        return "went away"
    if returncode >= 0:
        return "ended by itself in the middle of its work" if returncode == 0 else f"ended with exit code {returncode}"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:  # a real-time signal, or one of another system
        return f"was killed by signal {-returncode}"
    return f"was killed by signal {-returncode} ({name})" + (f": {OFTEN[name]}" if name in OFTEN else "")
