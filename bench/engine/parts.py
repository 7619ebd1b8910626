"""The parts of the benchmark: each measures and tells what it found. Everything that is compared is measured in turns, in one run."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from bench.engine.figures import Goal, Part, Table, less, spread
from bench.engine.material import batch_clips, count_frames, cut
from bench.engine.runner import Runner, computing
from reelscope.engine.hardware import available_cores

__all__ = ["DEFAULT", "PARTS", "Bench"]

SHORT_S = 2.0
BATCH_GOAL = 0.9  # 20 clips in one call against 20 warm single runs
RUN_GOAL, LOAD_GOAL = 0.8, 0.9  # less time for a run that finds its models loaded than in a new process, and for their loading
LOAD_LEAST_S = 0.01  # of a member that loads faster, the rest says nothing
MEMORY_GOAL_MIB = 150.0
CHANGED = ("color_analysis", {"colors": 5})  # an option that re-runs its analyzer; its default is another


@dataclass(frozen=True, slots=True)
class Bench:
    """What all parts share. work: an empty folder outside the repository; runs: of everything that is repeated."""

    clip: Path
    work: Path
    runs: int = 3
    minutes: float = 20.0
    clips: int = 20
    most_s: float | None = None

    @property
    def cores(self) -> int:
        """Cores that may be used."""
        return available_cores()

    @property
    def modes(self) -> dict[str, int]:
        """Ways to place the work, by the name that is printed."""
        return {"in this process": 0, f"{self.cores} worker processes": self.cores}

    def start(self, workers: int | None, *, many: bool = False, **more: dict[str, Any]) -> dict[str, Any]:
        """How a runner starts."""
        return computing(self.work / "data", workers=workers, many=many, **more)

    def short(self) -> Path:
        """The clip's first two seconds."""
        target = self.work / f"short-{self.clip.name}"
        return target if target.exists() else cut(self.clip, target, SHORT_S)


def modes(bench: Bench) -> Part:
    """One clip in this process, in a worker process and in one for each core: warm, and a short one in a new process."""
    part = Part("modes")
    ways = {"in this process": 0, "1 worker process": 1, f"{bench.cores} worker processes": bench.cores}
    short = bench.short()
    warm: dict[str, list[dict[str, Any]]] = {name: [] for name in ways}
    cold: dict[str, list[float]] = {name: [] for name in ways}
    first: dict[str, list[float]] = {name: [] for name in ways}
    with ExitStack() as stack:
        runners = {name: stack.enter_context(Runner(bench.start(workers))) for name, workers in ways.items()}
        for runner in runners.values():
            runner.one(bench.clip)
        for _ in range(bench.runs):
            for name, runner in runners.items():
                warm[name].append(runner.one(bench.clip))
    for _ in range(bench.runs):
        for name, workers in ways.items():
            runner = Runner(bench.start(workers))
            first[name].append(runner.one(short, since=runner.started)["first_window_s"])
            cold[name].append(runner.close())
    base = next(iter(ways))
    rows, short_rows = [], []
    for name, found in warm.items():
        seconds = [f["seconds"] for f in found]
        middle = statistics.median(seconds)
        used = statistics.median(f["cpu_s"] / f["seconds"] / bench.cores for f in found)
        phases = [spread([f["phases"].get(p, 0.0) for f in found]) for p in ("decode", "wait", "finish")]
        rows.append(
            (name, spread(seconds), f"{middle / found[0]['duration_s']:.3f}", _ratio(middle, [f["seconds"] for f in warm[base]]),
             *phases, f"{used:.0%}", f"{max(f['peak_mib'] for f in found):.0f}")
        )  # fmt: skip
        short_rows.append((name, spread(first[name]), spread(cold[name]), _ratio(statistics.median(cold[name]), cold[base])))
    part.tables.append(
        Table(
            f"{bench.clip.name}, models loaded, in turns; n = {bench.runs}; median (least-most)",
            ("where", "seconds", "x realtime", "ratio", "decode s", "wait s", "finish s", "cores used", "peak MiB"),
            tuple(rows),
        )
    )
    part.tables.append(
        Table(
            f"its first {SHORT_S:g} s in a new process, in turns; n = {bench.runs}",
            ("where", "first window analysed s", "start to end s", "ratio"),
            tuple(short_rows),
        )
    )
    best = min(cold, key=lambda name: statistics.median(cold[name]))
    part.notes.append(f"a single short clip is through soonest {best}; the default for a single clip is: in this process")
    part.figures = {"warm": warm, "cold_s": cold, "cold_first_window_s": first}
    return part


def batch(bench: Bench) -> Part:
    """Many clips in one call against the same clips one at a time, models loaded, in each mode."""
    part = Part("batch")
    clips = [str(c) for c in batch_clips(bench.work, bench.clip, count=bench.clips, most_s=bench.most_s)]
    rows = []
    for name, workers in bench.modes.items():
        with Runner(bench.start(workers, many=True)) as runner:
            warm = runner.ask("many", clips=clips[:4])  # two clips on their way: members are loaded twice
            singles: list[dict[str, Any]] = []
            together: list[dict[str, Any]] = []
            for turn in range(bench.runs):  # each goes first in turn: the machine is not equally fast all the time
                for what in ("singles", "together") if turn % 2 == 0 else ("together", "singles"):
                    if what == "together":
                        together.append(runner.ask("many", clips=clips))
                    else:
                        found = [runner.one(Path(c)) for c in clips]
                        singles.append({key: sum(f[key] for f in found) for key in ("seconds", "cpu_s", "duration_s")})
        ratios = [t["seconds"] / s["seconds"] for t, s in zip(together, singles, strict=True)]
        video_s = singles[0]["duration_s"]
        used = [statistics.median(f["cpu_s"] / f["seconds"] / bench.cores for f in which) for which in (singles, together)]
        rows.append(
            (name, spread([s["seconds"] for s in singles]), spread([t["seconds"] for t in together]), spread(ratios),
             f"{used[0]:.0%}", f"{used[1]:.0%}", f"{statistics.median(t['seconds'] for t in together) / video_s:.3f}")
        )  # fmt: skip
        part.figures[name] = {"warm_up": warm, "singles": singles, "together": together, "ratios": ratios}
        middle = statistics.median(ratios)
        part.goals.append(
            Goal(f"goal of {BATCH_GOAL}x for {len(clips)} clips in one call, {name}: {middle:.2f}x", bool(middle <= BATCH_GOAL))
        )
    columns = ("where", "one at a time s", "in one call s", "ratio", "cores used", "in one call", "x realtime")
    part.tables.append(Table(f"{len(clips)} clips, {video_s:.0f} s in all, models loaded; n = {bench.runs}", columns, tuple(rows)))
    part.figures["clips"] = [Path(c).name for c in clips]
    return part


def cache(bench: Bench) -> Part:
    """A fresh process, the first and the next run of a session; and what each member's loading took."""
    part = Part("cache")
    clips = {bench.clip.name: bench.clip, f"its first {SHORT_S:g} s": bench.short()}
    rows = []
    for label, clip in clips.items():
        fresh: list[dict[str, Any]] = []
        again: list[dict[str, Any]] = []
        for _ in range(bench.runs):
            with Runner(bench.start(0)) as runner:
                found = runner.one(clip, since=runner.started)
                again.append(runner.one(clip))
                found["process_s"] = found["begun_s"] + found["seconds"]
                fresh.append(found)
        with Runner(bench.start(0)) as runner:
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
    return Table("loading of each analyzer and feature, seconds", ("", "first", "next", "less time"), tuple(rows))


def passes(bench: Bench) -> Part:
    """One shared decode pass against every analyzer decoding for itself."""
    part = Part("passes")
    frames = count_frames(bench.clip)
    shared: list[dict[str, Any]] = []
    alone: dict[str, list[dict[str, Any]]] = {}
    beside: list[float] = []
    short = bench.short()
    with ExitStack() as stack:
        runner = stack.enter_context(Runner(bench.start(0)))
        pair = [stack.enter_context(Runner(bench.start(0, placement={"threads": 1}))) for _ in range(2)]
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
        ("each decodes for itself, one after the other", spread(each_s), _ratio(statistics.median(each_s), one_s), _frames(alone)),
        ("each decodes for itself, two at a time", spread(beside), _ratio(statistics.median(beside), one_s), _frames(alone)),
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
    import time

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
    keeping = {"analysis": {"fresh": False}, "system": {"keep_results": True}}
    name, options = CHANGED
    rows: dict[str, list[dict[str, Any]]] = {"nothing kept": [], "again": [], f"again, another {next(iter(options))} for {name}": []}
    all_of_it, again, changed = rows
    short = bench.short()
    for turn in range(bench.runs):
        start = computing(bench.work / f"kept-{turn}", workers=0, **keeping)
        with Runner(start) as runner:
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
                (what, spread([f["seconds"] for f in found]), _ratio(statistics.median(f["seconds"] for f in found), base),
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


def memory(bench: Bench) -> Part:
    """Peak memory for a minute and for many, in each mode."""
    from bench.gpu.clip import loop_clip

    part = Part("memory")
    lengths = {1.0: bench.work / "one-minute.mp4", bench.minutes: bench.work / "many-minutes.mp4"}
    for minutes, path in lengths.items():
        loop_clip(bench.clip, path, seconds=60 * minutes)
    rows = []
    for name, workers in bench.modes.items():
        peaks: dict[float, dict[str, Any]] = {}
        for minutes, path in lengths.items():
            with Runner(bench.start(workers)) as runner:
                peaks[minutes] = runner.ask("one", clip=str(path), weigh=True)
        short, long = peaks[1.0], peaks[bench.minutes]
        more = long["peak_mib"] - short["peak_mib"]
        results = long["result_mib"] - short["result_mib"]
        rows.append(
            (name, f"{short['peak_mib']:.0f}", f"{long['peak_mib']:.0f}", f"{more:+.0f}", f"{results:+.1f}", f"{more - results:+.0f}",
             f"{long['json_mib']:.1f}", f"{long['seconds']:.0f}", f"{long['seconds'] / long['duration_s']:.3f}",
             f"{short['seconds'] / short['duration_s']:.3f}")
        )  # fmt: skip
        part.figures[name] = {str(minutes): found for minutes, found in peaks.items()}
        what = f"goal of at most {MEMORY_GOAL_MIB:.0f} MiB more for {bench.minutes:g} minutes than for 1, {name}: {more:+.0f} MiB"
        part.goals.append(Goal(what, more <= MEMORY_GOAL_MIB))
    minutes = f"{bench.minutes:g} min"
    columns = (
        "where", "peak MiB, 1 min", minutes, "more", "of it results", "aside", "JSON MiB", f"seconds, {minutes}", "x realtime", "x at 1 min"
    )  # fmt: skip
    part.tables.append(Table(f"{bench.clip.name} looped; a new process each; all processes together; n = 1", columns, tuple(rows)))
    return part


def _ratio(seconds: float, base: list[float]) -> str:
    return f"{seconds / statistics.median(base):.2f}"


PARTS: dict[str, Callable[[Bench], Part]] = {
    "modes": modes, "batch": batch, "cache": cache, "passes": passes, "reuse": reuse, "memory": memory
}  # fmt: skip
DEFAULT = ("modes", "cache", "passes", "reuse")
