"""Seconds and error rate of each analyzer over the last five minutes and hour, from what it did in each finished job."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from reelscope.server.monitor.shapes import AnalyzerRates

__all__ = ["HOUR_S", "RECENT_S", "Run", "RunRow", "Windows", "percentile", "rates"]

RECENT_S = 300.0  # long enough for some dozen short clips, short enough to see what began just now
HOUR_S = 3600.0
RAN = frozenset({"ok", "failed", "timeout"})  # a skipped or unavailable analyzer did not run: it neither failed nor succeeded
FAILED = frozenset({"failed", "timeout"})


class RunRow(Protocol):
    """What one analyzer did in one job. at: when the job ended, seconds since 1970. reused: its result was kept from before."""

    @property
    def at(self) -> float: ...
    @property
    def job_id(self) -> str: ...
    @property
    def analyzer(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def seconds(self) -> float | None: ...
    @property
    def reused(self) -> bool: ...


class Run(NamedTuple):
    """A `RunRow` in memory."""

    at: float
    job_id: str
    analyzer: str
    status: str
    seconds: float | None
    reused: bool


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The value below which `share` (0-1) of an ascending sequence lies, between its neighbours in proportion; None of nothing."""
    if not ordered:
        return None
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


@dataclass(slots=True)
class _Window:
    """Runs of one analyzer within a span. seconds: ascending."""

    runs: int = 0
    failed: int = 0
    seconds: list[float] = field(default_factory=list)

    def add(self, run: RunRow) -> None:
        self.runs += 1
        self.failed += run.status in FAILED
        if run.seconds is not None:
            insort(self.seconds, run.seconds)

    def drop(self, run: RunRow) -> None:
        self.runs -= 1
        self.failed -= run.status in FAILED
        if run.seconds is not None:
            del self.seconds[bisect_left(self.seconds, run.seconds)]

    @property
    def error_rate(self) -> float | None:
        return self.failed / self.runs if self.runs else None


class _Span:
    """All analyzers over the last `length_s`: a run goes in once and out once."""

    def __init__(self, length_s: float) -> None:
        self.length_s = length_s
        self.windows: dict[str, _Window] = {}
        self._runs: deque[RunRow] = deque()

    def add(self, run: RunRow) -> None:
        # rows come in the order of their times but for those that were written at the same moment by several workers
        place = len(self._runs)
        while place and self._runs[place - 1].at > run.at:
            place -= 1
        self._runs.insert(place, run)
        self.windows.setdefault(run.analyzer, _Window()).add(run)

    def expire(self, now: float) -> None:
        while self._runs and self._runs[0].at <= now - self.length_s:
            run = self._runs.popleft()
            self.windows[run.analyzer].drop(run)


class Windows:
    """Both spans, fed with new rows as they come: a look costs what has changed, whatever the hour held.

    Rows that were seen before (asking again for the last minute makes sure that none is missed) are not counted again.
    """

    def __init__(self) -> None:
        self._recent, self._hour = _Span(RECENT_S), _Span(HOUR_S)
        self._seen: dict[tuple[str, str], float] = {}
        self._newest = -math.inf
        self.ended: Counter[tuple[str, str]] = Counter()  # by analyzer and status, since it was made; reused ones as "reused"
        self.spent: dict[str, tuple[int, float]] = {}  # runs with known seconds, and these, by analyzer

    @property
    def newest(self) -> float:
        """Time of the newest row; minus infinity before the first."""
        return self._newest

    def take(self, rows: Iterable[RunRow], now: float, *, counted_from: float = -math.inf) -> None:
        """Take rows, known ones among them, and let go of what is older than an hour.

        counted_from: Rows that are older count in the spans but not in `ended` and `spent`.
        """
        for run in sorted(rows, key=lambda r: r.at):
            if run.at <= now - HOUR_S or self._seen.get((run.job_id, run.analyzer)) == run.at:
                continue
            self._seen[run.job_id, run.analyzer] = run.at
            self._newest = max(self._newest, run.at)
            if run.at >= counted_from:
                self._count(run)
            if run.status in RAN and not run.reused:
                self._hour.add(run)
                if run.at > now - RECENT_S:
                    self._recent.add(run)
        self._recent.expire(now)
        self._hour.expire(now)
        if len(self._seen) > 2 * len(self._hour._runs) + 10_000:  # those of skipped and reused analyzers, and expired ones
            self._seen = {key: at for key, at in self._seen.items() if at > now - HOUR_S}

    def rates(self) -> list[AnalyzerRates]:
        """Every analyzer that ran within the hour, by name."""
        found = []
        for name, hour in sorted(self._hour.windows.items()):
            if hour.runs:
                found.append(_rates(name, self._recent.windows.get(name, _Window()), hour))
        return found

    def _count(self, run: RunRow) -> None:
        self.ended[run.analyzer, "reused" if run.reused else run.status] += 1
        if run.status in RAN and not run.reused and run.seconds is not None:
            count, seconds = self.spent.get(run.analyzer, (0, 0.0))
            self.spent[run.analyzer] = (count + 1, seconds + run.seconds)


def rates(rows: Iterable[RunRow], now: float) -> list[AnalyzerRates]:
    """The same from rows alone."""
    windows = Windows()
    windows.take(rows, now)
    return windows.rates()


def _rates(name: str, recent: _Window, hour: _Window) -> AnalyzerRates:
    return AnalyzerRates(
        name=name,
        runs_5m=recent.runs,
        failed_5m=recent.failed,
        error_rate_5m=_rounded(recent.error_rate),
        seconds_median_5m=_rounded(percentile(recent.seconds, 0.5)),
        runs_1h=hour.runs,
        failed_1h=hour.failed,
        error_rate_1h=_rounded(hour.error_rate),
        seconds_median_1h=_rounded(percentile(hour.seconds, 0.5)),
        seconds_p95_1h=_rounded(percentile(hour.seconds, 0.95)),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
