"""Rates and seconds over windows: what counts, what does not, and that a look costs what has changed."""

from __future__ import annotations

import random
import statistics

import pytest

from reelscope.document.names import ANALYZER_NAMES
from reelscope.server.monitor.shapes import AnalyzerRates
from reelscope.server.monitor.tally import HOUR_S, RECENT_S, Run, Windows, percentile, rates

NOW = 1_000_000.0


def run(
    ago_s: float, status: str = "ok", seconds: float | None = 1.0, *, job: str = "", name: str = "cut_analysis", reused: bool = False
) -> Run:
    return Run(NOW - ago_s, job or f"{ago_s}-{status}-{seconds}", name, status, seconds, reused)


def one(*rows: Run) -> AnalyzerRates:
    found = rates(rows, NOW)
    assert len(found) == 1
    return found[0]


def test_nothing_that_ran_is_nothing_told() -> None:
    assert rates([], NOW) == []
    assert rates([run(1, "skipped", None), run(2, "unavailable", None), run(3, "not_applicable", 0.1), run(4, reused=True)], NOW) == []


def test_what_did_not_run_within_a_window_is_null_and_not_zero() -> None:
    found = one(run(RECENT_S + 1, "ok", 2.0))
    assert (found.runs_5m, found.failed_5m, found.error_rate_5m, found.seconds_median_5m) == (0, 0, None, None)
    assert (found.runs_1h, found.failed_1h, found.error_rate_1h, found.seconds_median_1h) == (1, 0, 0.0, 2.0)
    unknown = one(run(1, "failed", None))
    assert (unknown.error_rate_5m, unknown.seconds_median_5m, unknown.seconds_p95_1h) == (1.0, None, None)


def test_failures_and_timeouts_count_against_what_ran() -> None:
    rows = [run(i, status) for i, status in enumerate(("ok", "ok", "failed", "timeout", "skipped", "unavailable", "not_applicable"))]
    found = one(*rows, run(9, "ok", 50.0, reused=True))
    assert (found.runs_5m, found.failed_5m, found.error_rate_5m) == (4, 2, 0.5)


def test_the_edges_of_the_windows() -> None:
    found = one(run(0), run(RECENT_S - 0.001), run(RECENT_S), run(HOUR_S - 0.001), run(HOUR_S), run(HOUR_S + 5))
    assert (found.runs_5m, found.runs_1h) == (2, 4)


def test_medians_are_those_of_the_library() -> None:
    rng = random.Random(4)
    for count in (1, 2, 3, 10, 501):
        seconds = [rng.expovariate(0.5) for _ in range(count)]
        found = one(*(run(1 + i / 10, seconds=s) for i, s in enumerate(seconds)))
        assert found.seconds_median_1h == pytest.approx(statistics.median(seconds), abs=1e-4)
        if count > 1:
            p95 = statistics.quantiles(seconds, n=20, method="inclusive")[-1]
            assert found.seconds_p95_1h == pytest.approx(p95, abs=1e-4)
    assert percentile([], 0.5) is None


@pytest.mark.parametrize("seed", range(5))
def test_ten_per_cent_injected_failures_read_ten_per_cent(seed: int) -> None:
    rng = random.Random(seed)
    rows = []
    for job in range(3000):
        at = NOW - rng.uniform(0, HOUR_S - 1)
        for name in ("cut_analysis", "speech_flow"):
            failed = rng.random() < 0.1
            rows.append(Run(at, str(job), name, rng.choice(("failed", "timeout")) if failed else "ok", rng.uniform(0.1, 2), False))
            rows.append(Run(at, f"again-{job}", name, "ok", 0.0, True))  # kept results must not thin the failures out
    rng.shuffle(rows)
    for found in rates(rows, NOW):
        assert found.error_rate_1h == pytest.approx(0.10, abs=0.02)
        assert found.runs_1h == 3000


def test_rows_that_come_again_count_once() -> None:
    windows = Windows()
    rows = [run(i, job=str(i)) for i in range(10)]
    for _ in range(3):
        windows.take(rows, NOW)
    assert windows.rates()[0].runs_1h == 10
    assert windows.ended == {("cut_analysis", "ok"): 10} and windows.spent == {"cut_analysis": (10, 10.0)}


def test_a_row_that_was_committed_late_is_still_counted() -> None:
    windows = Windows()
    windows.take([run(0, job="new")], NOW)
    windows.take([run(0, job="new"), run(30, job="late")], NOW + 1)
    assert windows.rates()[0].runs_1h == 2
    windows.take([], NOW + HOUR_S - 29)  # the late one is the older one
    assert windows.rates()[0].runs_1h == 1


def test_step_by_step_is_the_same_as_at_once() -> None:
    rng = random.Random(7)
    rows = [
        Run(
            NOW - 2 * HOUR_S + 5 * i,
            str(i),
            rng.choice(ANALYZER_NAMES[:3]),
            rng.choice(("ok", "ok", "failed", "skipped")),
            rng.random(),
            False,
        )
        for i in range(1400)
    ]
    windows = Windows()
    for step in range(0, 1400, 7):
        windows.take(rows[max(0, step - 20) : step + 7], rows[step].at + 31)
    windows.take([], NOW)
    assert windows.rates() == rates(rows, NOW)


def test_everything_leaves_again() -> None:
    windows = Windows()
    windows.take([run(i / 100, job=str(i)) for i in range(500)], NOW)
    windows.take([], NOW + HOUR_S + 10)
    assert windows.rates() == []
    assert all(not w.seconds and not w.runs and not w.failed for w in windows._hour.windows.values())
    assert windows.ended["cut_analysis", "ok"] == 500  # a counter does not fall


def test_what_was_before_the_server_counts_in_the_hour_and_not_since_its_start() -> None:
    windows = Windows()
    windows.take([run(50, job="before"), run(5, job="after")], NOW, counted_from=NOW - 10)
    assert windows.rates()[0].runs_1h == 2
    assert windows.ended == {("cut_analysis", "ok"): 1}


def test_memory_of_what_was_seen_is_bounded() -> None:
    windows = Windows()
    for hour in range(4):
        rows = [Run(NOW + hour * HOUR_S + i / 10, f"{hour}-{i}", "speech_flow", "skipped", None, False) for i in range(15_000)]
        windows.take(rows, NOW + hour * HOUR_S + 1500)
    assert len(windows._seen) <= 15_000
