"""The model manager with sessions that are none and a clock that the tests move: what is loaded, shared, kept and unloaded."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from reelscope.errors import EngineError, ModelError
from reelscope.features.base import LoadContext, NoOptions
from reelscope.models.cache import CacheEvent, CacheStats
from reelscope.models.manager import REST_S, ModelHandle, ModelManager, victims
from reelscope.models.sessions import SessionRequest
from reelscope.models.sources import ModelSource, Part, file_sha256

SECONDS = 0.5  # that each load takes on the tests' clock
DEADLINE_S = 120.0  # for threads of ours; far above what they need


@dataclass
class FakeSession:
    """Counts as loaded until it is closed."""

    device: str
    bytes: int
    closed: int = 0

    def close(self) -> None:
        self.closed += 1


@dataclass
class World:
    """A manager and everything around it."""

    budgets: dict[str, int | None] = field(default_factory=dict)
    idle_s: float | None = None
    sizes: dict[str, int] = field(default_factory=dict)
    surprises: dict[str, int] = field(default_factory=dict)  # bytes that a session turns out to hold, other than was known
    now_s: float = 100.0
    opened: list[SessionRequest] = field(default_factory=list)
    sessions: dict[str, FakeSession] = field(default_factory=dict)  # the last of each model
    events: list[CacheEvent] = field(default_factory=list)
    released: int = 0
    failures: dict[str, list[Exception]] = field(default_factory=dict)  # raised by the next loads

    def __post_init__(self) -> None:
        self.manager = ModelManager(
            self.budgets,
            idle_s=self.idle_s,
            open_session=self.open,
            sources=self.source,
            clock=lambda: self.now_s,
            release=self.release,
            tell=self.events.append,
        )

    def source(self, name: str) -> ModelSource:
        return ModelSource(name, bytes=self.sizes.get(name, 10), loader=lambda request: None, hint=f"fetch {name}")

    def open(self, request: SessionRequest) -> FakeSession:
        name = request.source.name
        self.opened.append(request)
        self.now_s += SECONDS
        if self.failures.get(name):
            raise self.failures[name].pop(0)
        self.sessions[name] = FakeSession(request.device, self.surprises.get(name, request.source.bytes))
        return self.sessions[name]

    def release(self) -> None:
        self.released += 1

    def handle(self, name: str, **rest: object) -> ModelHandle:
        return self.manager.handle(name, **rest)  # type: ignore[arg-type]

    def use(self, *names: str) -> None:
        """What a clip does: pin, work, unpin."""
        for name in names:
            handle = self.handle(name)
            handle.pin()
            handle.unpin()

    @property
    def loaded(self) -> list[str]:
        return [each.key.model for each in self.manager.loaded()]

    @property
    def kinds(self) -> list[tuple[str, str]]:
        return [(e.kind, e.model) for e in self.events]


def together(*calls: Callable[[], object]) -> None:
    """Run calls at the same time; what they raise comes out."""
    errors: list[BaseException] = []

    def guarded(call: Callable[[], object]) -> None:
        try:
            call()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert not any(t.is_alive() for t in threads), "a thread hangs"
    if errors:
        raise errors[0]


# --- what fails


def test_a_load_that_fails_once_is_tried_again_after_unloading_what_is_unused() -> None:
    world = World(failures={"big": [RuntimeError("no room")]})
    world.use("old")
    held = world.handle("held")
    held.pin()
    assert world.handle("big").pin().misses == 1
    assert world.loaded == ["held", "big"]
    assert world.kinds[-3:] == [("evict", "old"), ("reload", "big"), ("load", "big")]
    stats = world.manager.stats()
    assert (stats.reloads, stats.evictions, stats.misses) == (1, 1, 3)


def test_a_load_that_fails_twice_names_the_model_and_leaves_nothing() -> None:
    world = World(failures={"big": [RuntimeError("first"), ValueError("second")]}, budgets={"cpu": 100})
    handle = world.handle("big")
    with pytest.raises(ModelError, match=r"model big does not load on cpu: ValueError: second") as caught:
        handle.pin()
    assert (caught.value.code, caught.value.hint) == ("model_failed", "fetch big")
    assert not handle.pinned and world.loaded == [] and world.manager.stats().bytes_held == 0
    assert len(world.opened) == 2
    assert handle.pin().misses == 1  # the next clip may be luckier


def test_an_error_that_says_what_is_wrong_is_not_tried_again() -> None:
    world = World(failures={"big": [ModelError("it runs elsewhere", code="wrong_device")]})
    with pytest.raises(ModelError, match="it runs elsewhere"):
        world.handle("big").pin()
    assert len(world.opened) == 1 and world.manager.stats().reloads == 0


def test_who_waits_for_a_load_that_fails_tries_for_himself() -> None:
    world = World(failures={"a": [ModelError("not now")]})
    inside, go = threading.Event(), threading.Event()
    plain = world.open

    def slow(request: SessionRequest) -> FakeSession:
        inside.set()
        assert go.wait(DEADLINE_S)
        return plain(request)

    world.manager._open = slow  # type: ignore[method-assign]
    outcome: list[object] = []

    def first() -> None:
        with pytest.raises(ModelError):
            world.handle("a").pin()

    def second() -> None:
        assert inside.wait(DEADLINE_S)
        go.set()
        outcome.append(world.handle("a").pin())

    together(first, second)
    assert outcome == [CacheStats(misses=1, load_s=SECONDS)]


def test_a_session_that_does_not_close_is_told_and_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.use("a", "b")

    def broken() -> None:
        raise RuntimeError("stuck")

    world.sessions["a"].close = broken  # type: ignore[method-assign]
    world.manager.evict_unused("cpu")
    assert world.loaded == [] and world.sessions["b"].closed == 1
    assert "unloading a failed" in caplog.text


def test_a_context_pins_all_its_models_or_none() -> None:
    world = World(failures={"b": [ModelError("gone")]})
    context = LoadContext("cpu", NoOptions(), (), models=world.manager)
    handles = [context.model("a"), context.model("b")]
    with pytest.raises(ModelError, match="gone"):
        context.pin()
    assert [h.pinned for h in handles] == [False, False]
    assert world.manager.evict_unused("cpu") == 10  # a is free to go
    assert context.pin() == CacheStats(misses=2, load_s=2 * SECONDS)
    assert context.pin() == CacheStats()  # held already
    context.unpin()
    context.unpin()
    assert context.pin() == CacheStats(hits=2)


def test_a_context_holds_what_is_there_before_it_loads_the_rest() -> None:
    world = World(budgets={"cpu": 15})
    world.use("b")
    context = LoadContext("cpu", NoOptions(), (), models=world.manager)
    context.model("a"), context.model("b")
    assert context.pin() == CacheStats(hits=1, misses=1, load_s=SECONDS)  # loading a first would have unloaded b


def test_a_closed_manager_unloads_everything_and_serves_no_more() -> None:
    world = World()
    handle = world.handle("a")
    handle.pin()
    with world.manager:
        pass
    assert world.sessions["a"].closed == 1
    handle.unpin()
    with pytest.raises(EngineError, match="closed"):
        handle.pin()
    world.manager.close()
    assert world.sessions["a"].closed == 1


def test_closing_beside_a_load_leaves_nothing_loaded() -> None:
    world = World()
    plain = world.open

    def late(request: SessionRequest) -> FakeSession:
        session = plain(request)
        world.manager.close()
        return session

    world.manager._open = late  # type: ignore[method-assign]
    with pytest.raises(EngineError, match="closed"):
        world.handle("a").pin()
    assert world.sessions["a"].closed == 1 and world.loaded == []


# --- what is shared


def test_nothing_is_loaded_before_it_is_used() -> None:
    world = World()
    handle = world.handle("a")
    assert world.opened == []
    assert handle.session is world.sessions["a"]
    assert handle.session is world.handle("a").session
    assert world.manager.stats() == CacheStats(misses=1, load_s=SECONDS, bytes_held=10, bytes_peak=10)


@pytest.mark.parametrize(
    ("rest", "count"),
    [
        ([{}, {}], 1),
        ([{}, {"threads": 2}], 2),
        ([{}, {"precision": "fp16"}], 2),
        ([{}, {"device": "cuda:0"}], 2),
        ([{"device": "cuda:0"}, {"device": "cuda:0", "threads": 4}], 1),  # threads of the CPU make no difference there
    ],
)
def test_sessions_are_shared_where_nothing_differs(rest: list[dict[str, object]], count: int) -> None:
    world = World()
    for each in rest:
        world.handle("a", **each).pin()
    assert len(world.opened) == count


def test_two_threads_that_ask_at_the_same_time_load_once() -> None:
    world = World()
    loading, waits = threading.Event(), threading.Event()
    costs: list[CacheStats] = []
    plain_open, plain_found = world.open, world.manager._found

    def open_late(request: SessionRequest) -> FakeSession:
        loading.set()
        assert waits.wait(DEADLINE_S), "the second thread never looked"
        return plain_open(request)

    def found(slot: object, *, pin: bool) -> object:
        try:
            return plain_found(slot, pin=pin)  # type: ignore[arg-type]
        finally:
            if threading.current_thread().name == "second":
                waits.set()  # it has found nothing and will wait for the first one's load

    world.manager._open = open_late  # type: ignore[method-assign]
    world.manager._found = found  # type: ignore[method-assign, assignment]

    def second() -> None:
        threading.current_thread().name = "second"
        assert loading.wait(DEADLINE_S)
        costs.append(world.handle("a").pin())

    together(lambda: costs.append(world.handle("a").pin()), second)
    assert len(world.opened) == 1
    assert sum(costs, CacheStats()) == CacheStats(hits=1, misses=1, load_s=SECONDS)


def test_a_load_does_not_hold_up_other_models() -> None:
    world = World()
    plain = world.open
    inside, done = threading.Event(), threading.Event()

    def slow(request: SessionRequest) -> FakeSession:
        if request.source.name == "slow":
            inside.set()
            assert done.wait(DEADLINE_S), "the other model waited for this one"
        return plain(request)

    world.manager._open = slow  # type: ignore[method-assign]

    def other() -> None:
        assert inside.wait(DEADLINE_S)
        world.handle("quick").pin()
        done.set()

    together(lambda: world.handle("slow").pin(), other)
    assert sorted(world.loaded) == ["quick", "slow"]


def test_loads_beside_each_other_know_of_each_other() -> None:
    world = World(budgets={"cpu": 25})
    world.use("old")
    gate = threading.Barrier(2)
    plain = world.open

    def meet(request: SessionRequest) -> FakeSession:
        gate.wait(DEADLINE_S)
        return plain(request)

    world.manager._open = meet  # type: ignore[method-assign]
    together(lambda: world.handle("a").pin(), lambda: world.handle("b").pin())
    assert sorted(world.loaded) == ["a", "b"]  # each alone would have left room for the old one


def test_a_second_clip_on_warm_models_loads_nothing() -> None:
    world = World(budgets={"cpu": 100}, idle_s=60)
    contexts = [LoadContext("cpu", NoOptions(), (), models=world.manager) for _ in range(3)]
    for context, names in zip(contexts, ("ab", "bc", "d"), strict=True):
        for name in names:
            context.model(name)
    per_clip = []
    for _ in range(2):
        before = world.manager.stats()
        for context in contexts:
            context.pin()
        for context in contexts:
            context.unpin()
        world.manager.tidy()
        per_clip.append(world.manager.stats() - before)
    assert per_clip[0] == CacheStats(hits=1, misses=4, load_s=4 * SECONDS, bytes_held=40, bytes_peak=40)
    assert per_clip[1] == CacheStats(hits=5, bytes_held=40, bytes_peak=40)
    assert len(world.opened) == 4


# --- what is unloaded


def test_the_longest_unused_goes_first() -> None:
    world = World(budgets={"cpu": 30})
    world.use("a", "b", "c", "a", "d")
    assert world.loaded == ["c", "a", "d"]
    assert world.sessions["b"].closed == 1 and world.released == 1
    assert world.kinds[-2:] == [("evict", "b"), ("load", "d")]


def test_use_without_a_pin_counts_as_use() -> None:
    world = World(budgets={"cpu": 20})
    world.use("a", "b")
    assert world.handle("a").session is world.sessions["a"]
    world.use("c")
    assert world.loaded == ["a", "c"]


def test_as_many_go_as_have_to() -> None:
    world = World(budgets={"cpu": 30}, sizes={"big": 25})
    world.use("a", "b", "c", "big")
    assert world.loaded == ["big"] and world.manager.stats().evictions == 3
    assert world.manager.stats().bytes_peak == 30


def test_what_is_pinned_stays_and_too_much_is_told() -> None:
    world = World(budgets={"cpu": 25})
    first, second = world.handle("a"), world.handle("a")
    first.pin(), second.pin()
    first.unpin()  # the other one still holds it
    world.use("b")
    world.handle("c").pin()
    assert world.loaded == ["a", "c"]
    assert world.handle("d").pin().misses == 1
    assert world.loaded == ["a", "c", "d"] and world.sessions["a"].closed == 0
    assert world.events[-1] == CacheEvent("over_budget", "d", "cpu", bytes=5)
    assert world.manager.stats().over_budget == 1
    second.unpin()  # now something can go, and the budget holds again
    assert world.loaded == ["c", "d"] and world.sessions["a"].closed == 1


def test_of_several_pins_that_end_one_after_the_other_only_what_must_goes() -> None:
    world = World(budgets={"cpu": 60}, sizes={"small": 4, "large": 30, "huge": 42})
    handles = [world.handle(name) for name in ("small", "large", "huge")]
    for handle in handles:
        handle.pin()
    for handle in handles:
        handle.unpin()
    assert world.loaded == ["small", "huge"] and world.manager.stats().evictions == 1


def test_each_device_has_its_own_budget() -> None:
    world = World(budgets={"cpu": 10, "cuda:0": None})
    world.use("a")
    for name in "bcd":
        world.handle(name, device="cuda:0").pin()
    assert world.loaded == ["a", "b", "c", "d"]
    assert world.opened[-1].memory_limit is None


def test_a_session_on_a_gpu_may_take_what_the_others_leave() -> None:
    world = World(budgets={"cuda:0": 100, "cpu": 100}, sizes={"vast": 500})
    for name in ("a", "b", "vast"):
        world.handle(name, device="cuda:0").pin()
    world.handle("a").pin()
    assert [r.memory_limit for r in world.opened] == [100, 90, 500, None]


def test_a_session_that_holds_more_than_was_known_of_it_counts_with_that() -> None:
    world = World(budgets={"cpu": 30}, surprises={"b": 25})
    world.use("a", "b")
    assert world.loaded == ["b"] and world.manager.stats().bytes_held == 25


def test_idle_models_go_once_their_time_is_over() -> None:
    world = World(idle_s=60)
    world.use("a")
    world.now_s += 30
    held = world.handle("b")
    held.pin()
    world.now_s += 29.25
    assert world.manager.tidy() == 0 and world.released == 0
    world.now_s += 0.25
    assert world.manager.tidy() == 10
    assert world.loaded == ["b"] and world.kinds[-1] == ("idle", "a")
    world.now_s += 1000
    assert world.manager.tidy() == 0  # in use all the time
    held.unpin()
    assert world.manager.tidy() == 0  # counted from the end of its use
    world.now_s += 60
    assert world.manager.tidy() == 10
    assert (world.manager.stats().idle, world.manager.stats().evictions, world.released) == (2, 0, 2)


def test_freed_working_memory_goes_back_once_when_all_is_at_rest() -> None:
    world = World()
    world.manager.tidy()
    held = world.handle("a")
    held.pin()
    world.use("b")
    world.now_s += 10 * REST_S
    world.manager.tidy()
    assert world.released == 0  # somebody is at work
    held.unpin()
    world.manager.tidy()
    assert world.released == 0
    for expected in (1, 1, 1):
        world.now_s += REST_S
        world.manager.tidy()
        assert world.released == expected
    world.use("b")
    world.now_s += REST_S
    world.manager.tidy()
    assert world.released == 2 and world.loaded == ["a", "b"]


@pytest.mark.parametrize(
    ("sizes", "excess", "expected"),
    [
        ([], 5, []),
        ([10, 10], 0, []),
        ([10, 10, 10], 15, [0, 1]),
        ([4, 6, 30, 42], 25, [2]),  # the small ones would not have been enough, and with the large one they are not needed
        ([30, 4, 6], 25, [0]),
        ([4, 6, 30], 36, [1, 2]),
        ([4, 6, 30], 37, [0, 1, 2]),
        ([10, 10], 50, [0, 1]),
    ],
)
def test_who_has_to_go(sizes: list[int], excess: int, expected: list[int]) -> None:
    assert victims(sizes, excess) == expected


def test_without_a_time_to_live_nothing_goes_for_being_idle() -> None:
    world = World()
    world.use("a")
    world.now_s += 1e9
    assert world.manager.tidy() == 0 and world.loaded == ["a"]


def test_out_of_memory_frees_all_that_nobody_holds_on_that_device() -> None:
    world = World()
    world.use("a", "b")
    kept, held = world.handle("c"), world.handle("d")
    for handle in (kept, held):
        handle.pin()
    kept.unpin()
    world.handle("e", device="cuda:0").pin()
    assert world.manager.evict_unused("cpu", besides=[kept]) == 20
    assert world.loaded == ["d", "c", "e"]
    assert world.manager.evict_unused("cuda:0") == 0


def test_counts_add_up_and_subtract() -> None:
    early = CacheStats(hits=1, misses=2, load_s=1.5, bytes_held=10, bytes_peak=20)
    late = CacheStats(hits=4, misses=2, load_s=2.0, evictions=1, bytes_held=5, bytes_peak=30)
    assert late - early == CacheStats(hits=3, misses=0, load_s=0.5, evictions=1, bytes_held=5, bytes_peak=30)
    assert early + late == CacheStats(hits=5, misses=4, load_s=3.5, evictions=1, bytes_held=15, bytes_peak=50)


def test_a_model_that_the_store_has_anew_is_loaded_anew(tmp_path: Path) -> None:
    """A server outlives `models pull --revision`: what it makes afterwards is kept as made by the new files."""

    def source(content: bytes) -> ModelSource:
        path = tmp_path / "some.onnx"
        path.write_bytes(content)
        return ModelSource("some", path=path, parts=(Part(path, file_sha256(path), len(content)),))

    now, opened = [source(b"first")], []

    def open_one(request: SessionRequest) -> FakeSession:
        opened.append(request.source.parts[0].sha256)
        return FakeSession(request.device, 10)

    def find(name: str) -> ModelSource:
        if not now:
            raise ModelError("removed", code="model_missing")
        return now[-1]

    with ModelManager(open_session=open_one, sources=find, release=lambda: None) as manager:
        one, other = manager.handle("some"), manager.handle("some")
        one.pin()
        first = one.session
        now.append(source(b"second"))
        other.pin()
        assert other.session is first and len(opened) == 1  # in use: a clip is done with what it began with
        one.unpin()
        other.unpin()
        assert one.pin().misses == 1 and one.session is not first and len(set(opened)) == 2 and first.closed == 1  # type: ignore[attr-defined]
        one.unpin()
        now.clear()
        assert one.pin().hits == 1  # removed: what was verified serves on
        one.unpin()
