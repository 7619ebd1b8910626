"""What the model manager tells of itself: events as they happen, and counts that add up over clips and workers."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Literal

__all__ = ["CacheEvent", "CacheStats", "EventKind"]

EventKind = Literal["load", "fail", "hit", "evict", "idle", "over_budget", "reload"]
LEVELS = ("bytes_held", "bytes_peak")


@dataclass(frozen=True, slots=True)
class CacheEvent:
    """Something happened to a session.

    Attributes:
        kind: load (it was not there); fail (nor could it be loaded); hit (a pin found it); evict (made room for another); idle (unused for
            too long); over_budget (loaded although nothing more could be evicted; `bytes` by which the budget is exceeded); reload
            (loading failed once).
        seconds: Of the load, also of one that failed; 0 otherwise. bytes: of the session.
    """

    kind: EventKind
    model: str
    device: str
    seconds: float = 0.0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class CacheStats:
    """Counts of a manager, or of one pin.

    Attributes:
        hits, misses: Pins that found the session loaded, and sessions that had to be loaded (also those asked for without a pin).
        load_s: Seconds spent on loading.
        evictions: Sessions unloaded to make room; idle: for not being used. reloads: loads tried a second time.
        over_budget: Loads that exceeded the budget because everything else was in use.
        bytes_held, bytes_peak: What all sessions hold now, and held at most. Levels, not counts: a difference keeps the later ones,
            a sum over workers adds them (their peaks need not fall together: the sum is an upper bound).
    """

    hits: int = 0
    misses: int = 0
    load_s: float = 0.0
    evictions: int = 0
    idle: int = 0
    reloads: int = 0
    over_budget: int = 0
    bytes_held: int = 0
    bytes_peak: int = 0

    def __sub__(self, earlier: CacheStats) -> CacheStats:
        counts = {f.name: getattr(self, f.name) - getattr(earlier, f.name) for f in fields(self) if f.name not in LEVELS}
        return replace(self, **counts)

    def __add__(self, other: CacheStats) -> CacheStats:
        return CacheStats(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})
