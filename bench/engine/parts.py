"""The parts of the benchmark: each measures and tells what it found. Everything that is compared is measured in turns, in one run."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Thread
from typing import Any

from bench.engine.figures import Goal, Part, Table, break_even, less, spread
from bench.engine.long import batch, memory
from bench.engine.material import count_frames
from bench.engine.runner import Runner
from bench.engine.setting import SHORT_S, Bench, ratio

__all__ = ["DEFAULT", "PARTS"]

RUN_GOAL, LOAD_GOAL = 0.8, 0.9  # less time for a run that finds its models loaded than in a new process, and for their loading
LOAD_LEAST_S = 0.01  # of a member that loads faster, the rest says nothing
CHANGED = ("color_analysis", {"colors": 5})  # an option that re-runs its analyzer; its default is another


def modes(bench: Bench) -> Part:
    """One clip in this process, in a worker process and in one for each core: warm, and in a new process."""
    part = Part("modes")
    ways = {"in this process": 0, "1 worker process": 1, f"{bench.cores} worker processes": bench.cores}
    short = bench.short()
    warm: dict[str, list[dict[str, Any]]] = {name: [] for name in ways}
    cold: dict[tuple[str, Path], list[dict[str, Any]]] = {(name, clip): [] for name in ways for clip in (short, bench.clip)}
    with ExitStack() as stack:
        runners = {name: stack.enter_context(bench.process(workers)) for name, workers in ways.items()}
        for runner in runners.values():
            runner.one(bench.clip)
        for _ in range(bench.runs):
            for name, runner in runners.items():
                warm[name].append(runner.one(bench.clip))
    for _ in range(bench.runs):
        for name, workers in ways.items():
            for clip in (short, bench.clip):
                runner = bench.process(workers)
                found = runner.one(clip, since=runner.started)
                cold[name, clip].append({**found, "process_s": runner.close()})
    base = next(iter(ways))
    rows, cold_rows = [], []
    for name, runs in warm.items():
        seconds = [f["seconds"] for f in runs]
        middle = statistics.median(seconds)
        used = statistics.median(f["cpu_s"] / f["seconds"] / bench.cores for f in runs)
        phases = [spread([f["phases"].get(p, 0.0) for f in runs]) for p in ("decode", "wait", "finish")]
        rows.append(
            (name, spread(seconds), f"{middle / runs[0]['duration_s']:.3f}", ratio(middle, [f["seconds"] for f in warm[base]]),
             *phases, f"{used:.0%}", f"{max(f['peak_mib'] for f in runs):.0f}")
        )  # fmt: skip
    for name in ways:
        cells = [spread([f["first_window_s"] for f in cold[name, bench.clip]])]
        for clip in (short, bench.clip):
            took = _process_s(cold[name, clip])
            cells += [spread(took), ratio(statistics.median(took), _process_s(cold[base, clip]))]
        cold_rows.append((name, *cells))
    part.tables.append(
        Table(
            f"{bench.clip.name}, models loaded, in turns; n = {bench.runs}; median (least-most)",
            ("where", "seconds", "x realtime", "ratio", "decode s", "wait s", "finish s", "cores used", "peak MiB"),
            tuple(rows),
        )
    )
    length = {clip: cold[base, clip][0]["duration_s"] for clip in (short, bench.clip)}
    columns = ("where", "first window analysed s", *(c for clip in length for c in (f"{length[clip]:.1f} s, start to end", "ratio")))
    title = f"{bench.clip.name} and its first {SHORT_S:g} s in a new process, in turns; n = {bench.runs}"
    part.tables.append(Table(title, columns, tuple(cold_rows)))
    for name in list(ways)[1:]:
        points = [[(length[c], statistics.median(_process_s(cold[n, c]))) for c in (short, bench.clip)] for n in (base, name)]
        even_s = break_even(*points)
        pays = f"pays for its start from about {even_s:.0f} s of a single clip" if even_s is not None else "never pays for its start"
        part.notes.append(f"in a new process, {name} {pays} (on a line through both lengths)")
    part.figures = {"warm": warm, "cold": {f"{name}, {clip.name}": found for (name, clip), found in cold.items()}}
    return part


def _process_s(found: Sequence[Mapping[str, Any]]) -> list[float]:
    return [float(f["process_s"]) for f in found]


def cache(bench: Bench) -> Part:
    """A fresh process, the first and the next run of a session; and what each member's loading took."""
    part = Part("cache")
    clips = {bench.clip.name: bench.clip, f"its first {SHORT_S:g} s": bench.short()}
    rows = []
    for label, clip in clips.items():
        fresh: list[dict[str, Any]] = []
        again: list[dict[str, Any]] = []
        for _ in range(bench.runs):
            with bench.process(0) as runner:
                found = runner.one(clip, since=runner.started)
                again.append(runner.one(clip))
                found["process_s"] = found["begun_s"] + found["seconds"]
                fresh.append(found)
        with bench.process(0) as runner:
            runner.one(clip)
            again += [runner.one(clip) for _ in range(bench.runs)]
        part.figures[label] = {"fresh": fresh, "again": again}
        for what, before, now in (
            ("first window analysed", [f["first_window_s"] for f in fresh], [f["first_window_s"] for f in again]),
            ("whole run", [f["process_s"] for f in fresh], [f["seconds"] for f in again]),
        ):
            saved = less(statistics.median(now), statistics.median(before))
            firsts = [f["seconds"] for f in fresh] if what == "whole run" else [f["first_window_s"] - f["begun_s"] for f in fresh]
            rows.append((f"{label}: {what}", spread(before), spread(firsts), spread(now), f"{saved:.0%}"))
            part.goals.append(Goal(f"goal of {RUN_GOAL:.0%} less time than a new process, {label}, {what}: {saved:.0%}", saved >= RUN_GOAL))
    columns = ("", "new process s", "first run of a session s", "next run s", "less time")
    part.tables.append(Table(f"models loaded or not; n = {bench.runs} new processes", columns, tuple(rows)))
    part.tables.append(_loads(part, part.figures[bench.clip.name]))
    return part


def _loads(part: Part, runs: Mapping[str, list[dict[str, Any]]]) -> Table:
    names = [n for n in runs["fresh"][0]["loads"] if all(n in f["loads"] for f in (*runs["fresh"], *runs["again"]))]
    first = {n: [f["loads"][n] for f in runs["fresh"]] for n in names}
    again = {n: [f["loads"][n] for f in runs["again"]] for n in names}
    whole = ([sum(f["loads"].values()) for f in runs["fresh"]], [sum(f["loads"].values()) for f in runs["again"]])
    rows = []
    for name in sorted(names, key=lambda n: -statistics.median(first[n])):
        before, now = statistics.median(first[name]), statistics.median(again[name])
        judged = before >= LOAD_LEAST_S
        rows.append((name, spread(first[name], 4), spread(again[name], 4), f"{less(now, before):.1%}" if judged else "-"))
        if judged:
            part.goals.append(
                Goal(f"goal of {LOAD_GOAL:.0%} less time for loading {name}: {less(now, before):.1%}", less(now, before) >= LOAD_GOAL)
            )
    saved = less(statistics.median(whole[1]), statistics.median(whole[0]))
    rows.append(("all", spread(whole[0], 4), spread(whole[1], 4), f"{saved:.1%}"))
    part.goals.append(Goal(f"goal of {LOAD_GOAL:.0%} less time for loading all of them: {saved:.1%}", saved >= LOAD_GOAL))
    cached = runs["again"][0]["cache"]
    part.notes.append(f"models in the next run: {cached['hits']} found loaded, {cached['misses']} loaded")
    part.goals.append(Goal("goal: the next run loads no model", all(f["cache"]["misses"] == 0 for f in runs["again"])))
    return Table(
        "loading of each analyzer and feature, with what it does to begin a clip; seconds", ("", "first", "next", "less time"), tuple(rows)
    )


def passes(bench: Bench) -> Part:
    """One shared decode pass against every analyzer decoding for itself."""
    part = Part("passes")
    frames = count_frames(bench.clip)
    shared: list[dict[str, Any]] = []
    alone: dict[str, list[dict[str, Any]]] = {}
    beside: list[float] = []
    short = bench.short()
    with ExitStack() as stack:
        runner = stack.enter_context(bench.process(0))
        pair = [stack.enter_context(bench.process(0, placement={"threads": 1})) for _ in range(2)]
        names = runner.one(short)["ok"]
        for one in (runner, *pair):
            for name in names:
                one.ask("lone", clip=str(short), only=[name])
        for turn in range(bench.runs):
            shared.append(runner.one(bench.clip))
            for name in names:
                alone.setdefault(name, []).append(runner.ask("lone", clip=str(bench.clip), only=[name]))
            order = sorted(names, key=lambda n: -alone[n][turn]["seconds"])
            beside.append(_two_at_a_time(pair, order, bench.clip))
    one_s = [s["seconds"] for s in shared]
    each_s = [sum(alone[n][i]["seconds"] for n in names) for i in range(bench.runs)]
    rows = [
        ("all analyzers, one shared pass", spread(one_s), "1", str(shared[0]["frames_decoded"])),
        ("each decodes for itself, one after the other", spread(each_s), ratio(statistics.median(each_s), one_s), _frames(alone)),
        ("each decodes for itself, two at a time", spread(beside), ratio(statistics.median(beside), one_s), _frames(alone)),
        *((f"  {n} alone", spread([a["seconds"] for a in alone[n]]), "", str(alone[n][0]["frames_decoded"])) for n in names),
    ]
    columns = ("what", "seconds", "x one shared pass", "frames decoded")
    part.tables.append(Table(f"{bench.clip.name}, models loaded, in turns; n = {bench.runs}", columns, tuple(rows)))
    decoded = {(s["frames_decoded"], s["passes"]) for s in shared}
    found = ", ".join(f"{f} frames in {p}" for f, p in sorted(decoded))
    part.goals.append(Goal(f"goal: every frame decoded once ({frames} in the clip; decoded: {found})", decoded == {(frames, 1)}))
    part.figures = {"frames": frames, "shared": shared, "alone": alone, "one_after_the_other_s": each_s, "two_at_a_time_s": beside}
    return part


def _two_at_a_time(pair: list[Runner], names: list[str], clip: Path) -> float:
    """Wall seconds until all are through, the longest first, each process taking the next as soon as it is free."""
    waiting = deque(names)
    broken: list[Exception] = []

    def work(runner: Runner) -> None:
        while not broken:
            try:
                name = waiting.popleft()
            except IndexError:
                return
            try:
                runner.ask("lone", clip=str(clip), only=[name])
            except Exception as error:
                broken.append(error)

    started = time.perf_counter()
    threads = [Thread(target=work, args=(runner,)) for runner in pair]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if broken:
        raise broken[0]
    return time.perf_counter() - started


def _frames(alone: Mapping[str, list[dict[str, Any]]]) -> str:
    return str(sum(runs[0]["frames_decoded"] for runs in alone.values()))


def reuse(bench: Bench) -> Part:
    """The same clip again with kept results, and with one option changed."""
    part = Part("reuse")
    keeping: dict[str, Any] = {"analysis": {"fresh": False}, "system": {"keep_results": True}}
    name, options = CHANGED
    rows: dict[str, list[dict[str, Any]]] = {"nothing kept": [], "again": [], f"again, another {next(iter(options))} for {name}": []}
    all_of_it, again, changed = rows
    short = bench.short()
    for turn in range(bench.runs):
        with bench.process(0, data=f"kept-{turn}", **keeping) as runner:
            runner.one(short)  # loads the models
            rows[all_of_it].append(runner.one(bench.clip))
            rows[again].append(runner.one(bench.clip))
            runner.ask("open", settings={"analysis": {"options": {name: options}}})
            runner.one(short)  # loads what that session has to run
            rows[changed].append(runner.one(bench.clip))
    base = [f["seconds"] for f in rows[all_of_it]]
    part.tables.append(
        Table(
            f"{bench.clip.name} with results kept; n = {bench.runs}",
            ("run", "seconds", "ratio", "frames decoded", "results used again"),
            tuple(
                (what, spread([f["seconds"] for f in found]), ratio(statistics.median(f["seconds"] for f in found), base),
                 str(found[0]["passes"] * found[0]["frames_decoded"]), f"{len(found[0]['reused'])} of {len(found[0]['ok'])}")
                for what, found in rows.items()
            ),
        )
    )  # fmt: skip
    part.goals.append(Goal("goal: the same clip again computes nothing", all(f["reused"] == f["ok"] for f in rows[again])))
    others = [set(f["ok"]) - set(f["reused"]) for f in rows[changed]]
    part.notes.append(f"with the option changed these ran: {', '.join(sorted(set().union(*others)))}")
    part.figures = rows  # type: ignore[assignment]
    return part


PARTS: dict[str, Callable[[Bench], Part]] = {
    "modes": modes, "batch": batch, "cache": cache, "passes": passes, "reuse": reuse, "memory": memory
}  # fmt: skip
DEFAULT = ("modes", "cache", "passes", "reuse")
