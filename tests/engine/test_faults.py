from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest

from reelscope.config import Settings
from reelscope.engine.faults import (
    BOOTS,
    EvictOthers,
    GiveUp,
    HalveBatch,
    Lost,
    Round,
    Unfinished,
    Verdict,
    after_death,
    batch_step,
    dependants,
    dependency_failure,
    describe,
    over_limit,
    recycle,
    still_to_do,
)
from reelscope.engine.runner import Failure

FAILED = Failure("failed", "feed_failed", "ValueError: odd", "try again")


def running(name: str, phase: Any = "feed", **more: Any) -> Unfinished:
    return Unfinished(name, phase, running=True, **more)


def idle(name: str, phase: Any = "fed", **more: Any) -> Unfinished:
    return Unfinished(name, phase, **more)


def killed(*members: Unfinished, **more: Any) -> Lost:
    return Lost("cpu-0", "killed", members, returncode=-9, **more)


def names(verdict: Verdict) -> list[tuple[str, ...]]:
    return [r.members for r in verdict.rounds]


# --- out of memory -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "evicted", "step"),
    [
        (64, False, HalveBatch(32)),
        (3, False, HalveBatch(1)),
        (2, True, HalveBatch(1)),  # evicted for an earlier batch: halving still comes first
        (1, False, EvictOthers()),
    ],
)
def test_out_of_memory(size: int, evicted: bool, step: object) -> None:
    assert batch_step(size, evicted=evicted) == step


def test_out_of_memory_with_nothing_left_to_do() -> None:
    step = batch_step(1, evicted=True)
    assert isinstance(step, GiveUp) and step.code == "out_of_memory"


# --- a worker is lost ----------------------------------------------------------------------------------------------------------------


def test_others_first_then_the_culprit_alone() -> None:
    verdict = after_death(killed(idle("a"), running("b"), idle("c", "waiting")), {}, 2)
    assert verdict == Verdict({}, (Round(("a", "c")), Round(("b",), alone=True)), {"b": 1}, ("b",))


def test_a_culprit_without_others_goes_first() -> None:
    assert after_death(killed(running("b")), {}, 2).rounds == (Round(("b",), alone=True),)


@pytest.mark.parametrize(
    ("kind", "returncode", "status", "code", "said"),
    [
        ("killed", -9, "failed", "worker_died", "SIGKILL"),
        ("killed", -11, "failed", "worker_died", "SIGSEGV"),
        ("exited", 3, "failed", "worker_died", "exit code 3"),
        ("memory", -9, "failed", "worker_died", "memory limit"),
        ("hung", -9, "timeout", "deadline", "deadline"),
    ],
)
def test_a_poison_pair_is_dropped_and_told(kind: Any, returncode: int, status: str, code: str, said: str) -> None:
    lost = Lost("people", kind, (running("b", late=True), idle("a")), returncode=returncode)
    verdict = after_death(lost, {"b": 1}, 2)
    failure = verdict.failures["b"]
    assert (failure.status, failure.code) == (status, code)
    assert said in failure.reason and "people" in failure.reason and "2 times" in failure.reason and failure.hint
    assert names(verdict) == [("a",)]


def test_the_phase_and_the_log_are_told() -> None:
    reason = after_death(killed(running("b", "load"), detail="bad magic number"), {}, 1).failures["b"].reason
    assert "loading" in reason and "bad magic number" in reason and "once" in reason


def test_members_that_need_no_frames_retry_without_a_decode_pass() -> None:
    verdict = after_death(killed(idle("a", needs_frames=False), running("b", "finish", needs_frames=False)), {}, 2)
    assert verdict.rounds == (Round(("a",), decode=False), Round(("b",), decode=False, alone=True))


def test_of_several_that_were_running_each_goes_alone_and_nobody_is_given_up_yet() -> None:
    verdict = after_death(killed(running("a"), running("b"), idle("c")), {}, 1)
    assert verdict.failures == {} and names(verdict) == [("c",), ("a",), ("b",)]
    assert [r.alone for r in verdict.rounds] == [False, True, True] and verdict.history == {"a": 1, "b": 1}
    assert set(after_death(killed(running("a")), verdict.history, 1).failures) == {"a"}


def test_several_running_again_and_again_ends() -> None:
    assert set(after_death(killed(running("a"), running("b")), {"a": 2, "b": 1}, 2).failures) == {"a"}


def test_without_a_culprit_those_that_had_started_count_and_go_together() -> None:
    verdict = after_death(killed(idle("a"), idle("b"), idle("c", "waiting")), {}, 2)
    assert verdict.history == {"a": 1, "b": 1} and verdict.rounds == (Round(("a", "b", "c")),)


def test_without_a_culprit_before_anything_started_all_count() -> None:
    assert after_death(killed(idle("a", "waiting"), idle("b", "waiting")), {}, 2).history == {"a": 1, "b": 1}


def test_without_a_culprit_for_the_last_time_each_goes_alone_and_then_it_ends() -> None:
    lost = killed(idle("a"), idle("b"))
    verdict = after_death(lost, {"a": 1, "b": 1}, 2)
    assert verdict.failures == {} and names(verdict) == [("a",), ("b",)]
    assert set(after_death(killed(idle("a")), verdict.history, 2).failures) == {"a"}
    assert set(after_death(lost, verdict.history, 2).failures) == {"a", "b"}


def test_where_it_hung_those_in_time_are_not_to_blame() -> None:
    verdict = after_death(Lost("cpu-0", "hung", (running("a"), running("b", late=True))), {}, 2)
    assert verdict.blamed == ("b",) and names(verdict) == [("a",), ("b",)]


def test_who_is_late_matters_only_where_it_hung() -> None:
    assert after_death(killed(running("a"), running("b", late=True)), {}, 2).blamed == ("a", "b")


def test_what_hung_without_a_late_call_is_blamed_on_those_that_ran() -> None:
    assert after_death(Lost("cpu-0", "hung", (running("a"), idle("b"))), {}, 2).blamed == ("a",)


def test_a_cause_in_another_clip_counts_against_nobody() -> None:
    verdict = after_death(killed(idle("a"), running("b"), elsewhere=True), {"b": 1}, 2)
    assert verdict == Verdict({}, (Round(("a", "b")),), {"b": 1})


def test_beside_another_clip_one_death_proves_nothing() -> None:
    lost = killed(running("a"), idle("b"), shared=True)
    verdict = after_death(lost, {}, 1)
    assert verdict.failures == {} and names(verdict) == [("b",), ("a",)] and verdict.history == {"a": 1}
    assert set(after_death(lost, verdict.history, 1).failures) == {"a"}


def test_boots_that_fail() -> None:
    members = (idle("a", "waiting"), idle("b", "waiting"))
    lost = Lost("language", "boot", members, returncode=1, detail="No module named x", boots=BOOTS - 1)
    assert after_death(lost, {}, 2) == Verdict({}, (Round(("a", "b")),), {})
    last = after_death(Lost("language", "boot", members, detail="No module named x", boots=BOOTS), {}, 1000)
    assert last.rounds == () and set(last.failures) == {"a", "b"}
    failure = last.failures["a"]
    assert failure.code == "worker_failed" and "language" in failure.reason and "No module named x" in failure.reason


# --- features ------------------------------------------------------------------------------------------------------------------------


def reader(name: str, feature: str, **more: Any) -> Unfinished:
    """A member that reads a feature while it is fed."""
    return idle(name, needs=(feature,), live=(feature,), **more)


def test_a_live_consumer_goes_alone_with_its_feature_beside_it() -> None:
    culprit = running("camera", needs=("motion",), live=("motion",))
    verdict = after_death(killed(idle("motion"), culprit, idle("c")), {}, 2)
    assert verdict.rounds == (Round(("motion", "c")), Round(("camera",), beside=("motion",), alone=True))


def test_live_consumers_go_with_a_feature_that_is_a_culprit() -> None:
    verdict = after_death(killed(running("motion"), reader("camera", "motion"), idle("c")), {}, 2)
    assert verdict.rounds == (Round(("c",)), Round(("motion", "camera"), alone=True))


def test_what_needs_the_culprit_waits_for_it() -> None:
    flow = idle("flow", needs=("a",), needs_frames=False)
    hint = idle("hint", soft=("flow",), needs_frames=False)
    verdict = after_death(killed(running("a"), idle("b"), flow, hint), {}, 2)
    assert verdict.rounds == (Round(("b",)), Round(("a",), alone=True), Round(("flow", "hint"), decode=False))


def test_a_suspect_that_needs_another_goes_after_it() -> None:
    assert names(after_death(killed(running("a"), idle("mid", needs=("a",)), running("z", needs=("mid",))), {}, 2)) == [
        ("a",),
        ("mid",),
        ("z",),
    ]


def test_where_each_waits_for_another_all_go_together() -> None:
    consumer = idle("k", needs=("f", "x"), live=("f",))
    assert names(after_death(killed(running("f"), idle("x", needs=("f",)), consumer), {}, 2)) == [("f", "x", "k")]


def test_a_feature_given_up_takes_its_dependants_along() -> None:
    lost = killed(running("motion"), reader("camera", "motion"), idle("flow", needs=("camera",)), idle("c", soft=("camera",)))
    verdict = after_death(lost, {"motion": 1}, 2)
    assert {n: f.code for n, f in verdict.failures.items()} == {
        "motion": "worker_died",
        "camera": "dependency_failed",
        "flow": "dependency_failed",
    }
    assert names(verdict) == [("c",)]


def test_a_feature_that_is_there_already_breaks_only_those_beside_it() -> None:
    lost = killed(running("motion", done=True), reader("camera", "motion"), idle("flow", needs=("motion",)))
    first = after_death(lost, {}, 2)
    assert first.failures == {} and first.rounds == (Round(("camera", "flow"), beside=("motion",)),)
    second = after_death(lost, first.history, 2)
    assert set(second.failures) == {"camera"} and names(second) == [("flow",)]


def test_a_feature_that_is_there_already_is_blamed_last() -> None:
    consumer = running("camera", needs=("motion",), live=("motion",))
    assert after_death(killed(running("motion", done=True), consumer), {}, 2).blamed == ("camera",)


def test_rounds_lose_what_has_ended_meanwhile() -> None:
    round_ = Round(("a", "b"), beside=("f",), alone=True)
    assert still_to_do(round_, {"a"}) == Round(("b",), beside=("f",), alone=True)
    assert still_to_do(round_, {"a", "b"}) is None


def test_dependency_failures_say_why() -> None:
    assert dependency_failure("motion", FAILED) == Failure(
        "failed", "dependency_failed", "needs motion, which failed: ValueError: odd", "try again"
    )
    silent = Failure("not_applicable", "no_audio", "no sound track")
    assert dependency_failure("voice", silent).status == "not_applicable"
    assert dependency_failure("voice", Failure("timeout", "deadline", "too late")).status == "failed"
    assert dependency_failure("voice", None) == Failure("not_applicable", "dependency", "needs voice, which this clip has no material for")


def test_dependants_over_others() -> None:
    found = dependants({"a": FAILED}, {"c": ("b",), "b": ("x", "a"), "d": ("x",), "a": ("b",)})
    assert set(found) == {"b", "c"} and "needs b" in found["c"].reason


# --- any sequence ends ---------------------------------------------------------------------------------------------------------------


def _world(rng: random.Random) -> dict[str, Unfinished]:
    """Members with needs on earlier ones, some of them live."""
    members: dict[str, Unfinished] = {}
    for i in range(rng.randint(1, 7)):
        before = list(members)
        needs = rng.sample(before, rng.randint(0, min(2, len(before))))
        live = {*needs[: rng.randint(0, 1)]}
        live |= {deep for n in live for deep in members[n].live}
        members[f"m{i}"] = idle(f"m{i}", needs=tuple(needs), live=tuple(sorted(live)), needs_frames=bool(live) or rng.random() < 0.6)
    return members


def _lost(rng: random.Random, round_: Round, ended: Mapping[str, Failure | None], world: Mapping[str, Unfinished]) -> Lost:
    there = sorted({*round_.members, *round_.beside})
    share = rng.choice((0.0, 0.3, 1.0))
    members = tuple(
        Unfinished(
            n,
            rng.choice(("waiting", "load", "begin", "feed", "fed", "finish")),
            running=rng.random() < share,
            late=rng.random() < 0.3,
            needs_frames=world[n].needs_frames,
            needs=world[n].needs,
            live=world[n].live,
            done=n in ended,
        )
        for n in there
        if n in round_.members and n not in ended or n in round_.beside
    )
    return Lost("cpu-0", rng.choice(("killed", "exited", "hung", "memory")), members, returncode=-9, shared=rng.random() < 0.3)


@pytest.mark.parametrize("deadly", [1.0, 0.8, 0.3])
def test_any_sequence_of_deaths_ends_and_every_member_ends_once(deadly: float) -> None:
    for seed in range(300):
        rng = random.Random(seed)
        world, tries = _world(rng), rng.randint(1, 4)
        ended: dict[str, Failure | None] = {}
        history: Mapping[str, int] = {}
        pending = [Round(tuple(world))]
        deaths = 0
        while pending:
            round_ = still_to_do(pending.pop(0), ended)
            if round_ is None:
                continue
            for n in round_.members:  # whoever is run has what it needs: ended well, or beside it
                assert all(need in round_.members or need in round_.beside or ended.get(need, FAILED) is None for need in world[n].needs)
            if rng.random() >= deadly:
                ended |= dict.fromkeys(round_.members)
                continue
            for n in round_.members:  # some had finished before it died
                if rng.random() < 0.2 and all(ended.get(need, FAILED) is None for need in world[n].needs):
                    ended[n] = None
            lost = _lost(rng, round_, ended, world)
            open_ = {m.name for m in lost.members if not m.done}
            if not open_:
                continue
            verdict = after_death(lost, history, tries)
            deaths += 1
            scheduled = [n for r in verdict.rounds for n in r.members]
            assert sorted([*scheduled, *verdict.failures]) == sorted(open_)
            assert sum(verdict.history.values()) > sum(history.values())
            history = verdict.history
            ended |= verdict.failures
            ended |= dependants({n: f for n, f in ended.items() if f}, {n: m.needs for n, m in world.items() if n not in ended})
            pending = [*verdict.rounds, *pending]
        assert set(ended) == set(world)
        assert deaths <= len(world) * (tries + 2)


# --- memory that grows, words --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clips", "rss", "first", "faults", "said"),
    [
        (5, 900.0, 400.0, {}, None),
        (5, 1312.0, 400.0, {}, None),  # twice the first and 512: not above it
        (5, 1313.0, 400.0, {}, "400 MiB after its first clip"),
        (5, 701.0, 400.0, {"recycle_mib": 700}, "faults.recycle_mib"),
        (5, 5000.0, 400.0, {"recycle_mib": 6000}, None),
        (19, 400.0, 400.0, {"recycle_clips": 20}, None),
        (20, 400.0, 400.0, {"recycle_clips": 20}, "20 clips"),
        (10**6, 400.0, 400.0, {"recycle_clips": 0}, None),
    ],
)
def test_creeping_memory(clips: int, rss: float, first: float, faults: dict[str, int], said: str | None) -> None:
    reason = recycle(clips, rss, first, Settings.model_validate({"faults": faults}))
    assert reason is None if said is None else said in (reason or "")


@pytest.mark.parametrize(("used", "limit", "over"), [(5.0, 4.0, True), (4.0, 4.0, False), (None, 4.0, False), (5.0, None, False)])
def test_over_limit(used: float | None, limit: float | None, over: bool) -> None:
    assert over_limit(used, limit) is over


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (-9, "signal 9 (SIGKILL): often the system ran out of memory"),
        (-11, "(SIGSEGV): it crashed in native code"),
        (-15, "signal 15 (SIGTERM)"),
        (-63, "signal 63"),
        (3, "exit code 3"),
        (0, "in the middle of its work"),
        (None, "went away"),
    ],
)
def test_how_a_process_ended(code: int | None, said: str) -> None:
    assert said in describe(code)
