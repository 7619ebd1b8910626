"""Which models are loaded: sessions by (model, device, precision, threads), least recently used out first.

One manager per process. A member asks for handles in `load`; nothing is opened until a handle is pinned or its session used.
See docs/models.md.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, NamedTuple

from reelscope.errors import EngineError, ModelError
from reelscope.models.cache import CacheEvent, CacheStats, EventKind
from reelscope.models.catalog import Catalog
from reelscope.models.memory import release_memory
from reelscope.models.sessions import ModelSession, SessionRequest, open_session
from reelscope.models.sources import ModelSource, Part, verify

__all__ = ["Key", "Loaded", "ModelHandle", "ModelManager", "victims"]

log = logging.getLogger(__name__)

NOTHING = CacheStats()
REST_S = 5.0  # without any use; then freed working memory (130 MiB after text detection) goes back to the system, once


class Key(NamedTuple):
    """What tells sessions apart. threads: of CPU sessions; 0 on a GPU, where they make no difference."""

    model: str
    device: str
    precision: str
    threads: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """A session that is loaded now. pins: by how many handles it is held; idle_s: since its last use."""

    key: Key
    bytes: int
    pins: int
    idle_s: float


class ModelHandle:
    """A member's hold on one model. One thread at a time pins and unpins a handle; its session may be used by several."""

    def __init__(self, manager: ModelManager, key: Key) -> None:
        self._manager, self.key = manager, key
        self._pinned: ModelSession | None = None

    @property
    def pinned(self) -> bool:
        """Whether this handle holds its session loaded."""
        return self._pinned is not None

    @property
    def loaded(self) -> bool:
        """Whether its session is there now."""
        return self._manager._is_loaded(self.key)

    @property
    def session(self) -> Any:
        """The session, loaded now where it is not. Take it anew for each use: without a pin it may be unloaded in between.

        Raises:
            ModelError: The model is missing, damaged or does not load.
        """
        return self._pinned or self._manager._acquire(self.key, pin=False)[0]

    def pin(self) -> CacheStats:
        """Keep it loaded, loading it now where it is not, until `unpin`.

        Returns:
            What that took: one hit, or one miss with its seconds; nothing for a handle that is pinned already.

        Raises:
            ModelError: As for `session`; the handle is then not pinned.
        """
        if self._pinned is not None:
            return NOTHING
        self._pinned, cost = self._manager._acquire(self.key, pin=True)
        return cost

    def unpin(self) -> None:
        """It may be unloaded again; legal for a handle that is not pinned."""
        if self._pinned is not None:
            self._pinned = None
            self._manager._unpin(self.key)


@dataclass(slots=True)
class _Slot:
    """A session or the place for one.

    Attributes:
        loading: Held by who loads it. stored: files that it was loaded from where they are the store's.
        bytes: Held, or reserved while it loads. turn: orders uses.
    """

    key: Key
    loading: threading.Lock = field(default_factory=threading.Lock)
    session: ModelSession | None = None
    stored: tuple[Part, ...] = ()
    bytes: int = 0
    pins: int = 0
    used_s: float = 0.0
    turn: int = 0


def victims(sizes: Sequence[int], excess: int) -> list[int]:
    """Which sessions have to go.

    Args:
        sizes: Bytes of those that may, the longest unused first.
        excess: Bytes that have to be freed; all go where that is not enough.

    Returns:
        Indices: the longest unused until it suffices, without those that need not go once the others have. (Four megabytes that have
        waited long are not unloaded when thirty have to go after them.)
    """
    chosen: list[int] = []
    for i, size in enumerate(sizes):
        if excess <= 0:
            break
        chosen.append(i)
        excess -= size
    for i in sorted(chosen, key=lambda i: sizes[i]):
        if excess + sizes[i] <= 0:
            chosen.remove(i)
            excess += sizes[i]
    return chosen


class ModelManager:
    """Hands out sessions and shares them; loads on demand, unloads under a budget and after idleness. Any thread may call any method.

    Args:
        budgets: Bytes that sessions may hold, by device ("cpu", "cuda:0"); None or absent: no limit.
        idle_s: `tidy` unloads what nobody has used for so long; None: never.
        open_session: Opens a request; sources: finds a model by name; None: among registered ones and those inside packages.
        clock: Seconds; release: gives memory back to the system after unloading.
        tell: Called with every CacheEvent, from the thread that caused it, without a lock held; it must not raise.
        allow_cpu: Whether a model that does not run on its GPU may run on the CPU; otherwise that is an error.
    """

    def __init__(
        self,
        budgets: Mapping[str, int | None] | None = None,
        *,
        idle_s: float | None = None,
        open_session: Callable[[SessionRequest], ModelSession] = open_session,
        sources: Callable[[str], ModelSource] | None = None,
        clock: Callable[[], float] = time.monotonic,
        release: Callable[[], None] = release_memory,
        tell: Callable[[CacheEvent], None] = lambda event: None,
        allow_cpu: bool = False,
    ) -> None:
        self._budgets = dict(budgets or {})
        self._idle_s, self._open, self._find, self._clock = idle_s, open_session, sources or Catalog().source_of, clock
        self._release, self._tell, self._allow_cpu = release, tell, allow_cpu
        self._lock = threading.Lock()
        self._slots: dict[Key, _Slot] = {}
        self._stats = CacheStats()
        self._turn = 0
        self._restless = False
        self._closed = False

    def handle(self, model: str, *, device: str = "cpu", precision: str = "fp32", threads: int = 1) -> ModelHandle:
        """A handle; nothing is loaded yet.

        Raises:
            ModelError: There is no such model, or its package is not installed.
        """
        self._find(model)
        return ModelHandle(self, Key(model, device, precision, max(1, threads) if device == "cpu" else 0))

    def stats(self) -> CacheStats:
        """Counts since the manager was made, and what is held now and was at most."""
        with self._lock:
            return replace(self._stats, bytes_held=self._held())

    def loaded(self) -> tuple[Loaded, ...]:
        """What is loaded now, the longest unused first."""
        with self._lock:
            now = self._clock()
            slots = sorted((s for s in self._slots.values() if s.session is not None), key=lambda s: s.turn)
            return tuple(Loaded(s.key, s.bytes, s.pins, max(0.0, now - s.used_s)) for s in slots)

    def tidy(self) -> int:
        """Unload what nobody has held or used for `idle_s`, and give freed working memory back when all is at rest.

        To be called about once a second; cheap where there is nothing to do. Returns the bytes of the sessions unloaded.
        """
        with self._lock:
            now = self._clock()
            old = [s for s in self._unused() if self._idle_s is not None and now - s.used_s >= self._idle_s]
            freed = [self._take(slot) for slot in old]
            self._count(idle=len(freed))
            loaded = [s for s in self._slots.values() if s.session is not None]
            rests = self._restless and bool(loaded) and all(not s.pins and now - s.used_s >= REST_S for s in loaded)
            self._restless = self._restless and not rests
        if rests and not freed:
            self._release()
        return self._drop(freed, "idle")

    def evict_unused(self, device: str, *, besides: Collection[ModelHandle] = ()) -> int:
        """Unload everything on a device that no handle has pinned, for the out-of-memory policy. Returns the bytes freed."""
        kept = {handle.key for handle in besides}
        with self._lock:
            freed = [self._take(s) for s in self._unused(device) if s.key not in kept]
            self._count(evictions=len(freed))
        return self._drop(freed, "evict")

    def close(self) -> None:
        """Unload everything, pinned or not; handles are of no use afterwards. Legal twice."""
        with self._lock:
            self._closed = True
            freed = [self._take(s) for s in self._slots.values() if s.session is not None]
        self._drop(freed, None)

    def __enter__(self) -> ModelManager:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    # --- asked by handles -----------------------------------------------------------------------------------------------------

    def _acquire(self, key: Key, *, pin: bool) -> tuple[ModelSession, CacheStats]:
        with self._lock:
            slot = self._slots.setdefault(key, _Slot(key))
        if pin and slot.stored:
            self._renew(slot)
        found = self._found(slot, pin=pin)
        if found is None:
            with slot.loading:
                found = self._found(slot, pin=pin)  # who waited for another thread's load finds it
                if found is None:
                    return self._load(slot, pin=pin)
        if not pin:
            return found, NOTHING
        self._say("hit", key, size=found.bytes)
        return found, CacheStats(hits=1)

    def _renew(self, slot: _Slot) -> None:
        """Unload a model of which the store has other files by now: a process that serves clips outlives a `models pull --revision`, and
        what it makes is kept and told as made by what is in the store."""
        try:
            now = self._find(slot.key.model).parts
        except ModelError:  # it was removed: what is loaded was verified and serves on
            return
        with self._lock:
            if slot.session is None or slot.pins or now == slot.stored:
                return
            freed = [self._take(slot)]
            self._count(evictions=1)
        self._drop(freed, "evict")

    def _is_loaded(self, key: Key) -> bool:
        with self._lock:
            slot = self._slots.get(key)
            return slot is not None and slot.session is not None

    def _unpin(self, key: Key) -> None:
        with self._lock:
            slot = self._slots[key]
            slot.pins = max(0, slot.pins - 1)  # `close` unloads what is pinned too
            self._touch(slot)
        self._shrink(key.device, only_if_enough=True)  # where more than the budget was in use: one pin of several that end now

    def _found(self, slot: _Slot, *, pin: bool) -> ModelSession | None:
        with self._lock:
            if self._closed:
                raise EngineError("the model manager is closed")
            if slot.session is not None:
                self._touch(slot)
                slot.pins += pin
                self._count(hits=int(pin))
            return slot.session

    # --- loading --------------------------------------------------------------------------------------------------------------

    def _load(self, slot: _Slot, *, pin: bool) -> tuple[ModelSession, CacheStats]:
        """Load it; the caller holds slot.loading, so that this happens once."""
        started = self._clock()
        try:
            session = self._opened(slot)
        except BaseException:
            seconds = self._clock() - started
            with self._lock:
                slot.bytes = 0
                self._count(misses=1, load_s=seconds)
            self._say("fail", slot.key, seconds=seconds)
            raise
        seconds = self._clock() - started
        with self._lock:
            slot.session, slot.bytes = session, session.bytes
            slot.pins += pin
            self._touch(slot)
            self._count(misses=1, load_s=seconds)
            closed = self._closed
            if closed:
                self._take(slot)
        if closed:  # beside this load
            session.close()
            raise EngineError("the model manager is closed")
        excess = self._make_room(slot, session.bytes)  # it may hold more than was known of it
        with self._lock:
            self._stats = replace(self._stats, bytes_peak=max(self._stats.bytes_peak, self._held()))
            self._count(over_budget=int(excess > 0))
        self._say("load", slot.key, seconds=seconds, size=session.bytes)
        if excess > 0:
            self._say("over_budget", slot.key, size=excess)
        return session, CacheStats(misses=1, load_s=seconds)

    def _opened(self, slot: _Slot) -> ModelSession:
        """Verify and open it; where opening fails: unload all that is unused, read the file again, try once more."""
        key = slot.key
        source = self._find(key.model)
        verify(source)
        slot.stored = source.parts
        self._make_room(slot, source.memory(key.device))
        request = SessionRequest(source, key.device, key.precision, key.threads or 1, self._limit(slot), self._allow_cpu)
        try:
            return self._open(request)
        except ModelError:  # says exactly what is wrong; the same again would say it again
            raise
        except Exception as error:
            log.warning("model %s did not load on %s (%s: %s); trying once more", *key[:2], type(error).__name__, error)
        self.evict_unused(key.device)
        verify(source, again=True)
        with self._lock:
            self._count(reloads=1)
        self._say("reload", key)
        try:
            return self._open(replace(request, memory_limit=self._limit(slot)))
        except ModelError:
            raise
        except Exception as error:
            raise ModelError(
                f"model {key.model} does not load on {key.device}: {type(error).__name__}: {error}", hint=source.hint
            ) from error

    def _limit(self, slot: _Slot) -> int | None:
        """GPU memory that a session may take: what the others leave of the budget, and never less than the session is known to hold."""
        budget = self._budgets.get(slot.key.device)
        if budget is None or slot.key.device == "cpu":
            return None
        with self._lock:
            return max(budget - (self._held(slot.key.device) - slot.bytes), slot.bytes)

    def _make_room(self, slot: _Slot, need: int) -> int:
        """Count `need` bytes for the slot and unload others until the device's budget holds. Returns the bytes above it that remain."""
        with self._lock:
            slot.bytes = need  # reserved: a load beside this one sees it
        return self._shrink(slot.key.device, besides=slot)

    def _shrink(self, device: str, *, besides: _Slot | None = None, only_if_enough: bool = False) -> int:
        """Unload what is unused until the device's budget holds, as chosen by `victims`. Returns the bytes above it that remain.

        only_if_enough: Unload nothing where all that is unused would not make the budget hold.
        """
        budget = self._budgets.get(device)
        if budget is None:
            return 0
        with self._lock:
            unused = [s for s in self._unused(device) if s is not besides]
            excess = self._held(device) - budget
            if only_if_enough and sum(s.bytes for s in unused) < excess:
                return excess
            freed = [self._take(unused[i]) for i in victims([s.bytes for s in unused], excess)]
            self._count(evictions=len(freed))
            excess = self._held(device) - budget
        self._drop(freed, "evict")
        return max(0, excess)

    # --- with the lock held ---------------------------------------------------------------------------------------------------

    def _held(self, device: str | None = None) -> int:
        return sum(s.bytes for s in self._slots.values() if device in (None, s.key.device))

    def _unused(self, device: str | None = None) -> list[_Slot]:
        """Loaded and not pinned, the longest unused first."""
        return sorted(
            (s for s in self._slots.values() if s.session is not None and not s.pins and device in (None, s.key.device)),
            key=lambda s: s.turn,
        )

    def _touch(self, slot: _Slot) -> None:
        self._turn += 1  # the clock may give two uses the same time
        slot.turn, slot.used_s = self._turn, self._clock()
        self._restless = True

    def _take(self, slot: _Slot) -> tuple[Key, ModelSession, int]:
        session, size = slot.session, slot.bytes
        assert session is not None
        slot.session, slot.bytes, slot.pins = None, 0, 0
        return slot.key, session, size

    def _count(self, **more: float) -> None:
        self._stats = replace(self._stats, **{name: getattr(self._stats, name) + n for name, n in more.items()})

    # --- without the lock -----------------------------------------------------------------------------------------------------

    def _drop(self, freed: list[tuple[Key, ModelSession, int]], kind: EventKind | None) -> int:
        """Close what was taken out and give its memory back."""
        for key, session, _ in freed:
            try:
                session.close()
            except Exception:
                log.exception("unloading %s failed", key.model)
        keys = [(key, size) for key, _, size in freed]
        freed.clear()  # no reference may keep them
        if keys:
            self._release()
        for key, size in keys:
            if kind is not None:
                self._say(kind, key, size=size)
        return sum(size for _, size in keys)

    def _say(self, kind: EventKind, key: Key, *, seconds: float = 0.0, size: int = 0) -> None:
        self._tell(CacheEvent(kind, key.model, key.device, seconds, size))
