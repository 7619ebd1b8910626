"""The parts that take long: many clips in one call, and long clips."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from bench.engine.figures import Goal, Part, Table, spread
from bench.engine.material import batch_clips
from bench.engine.setting import Bench

__all__ = ["batch", "memory"]

BATCH_GOAL = 0.9  # 20 clips in one call against 20 warm single runs
MEMORY_GOAL_MIB = 150.0


def batch(bench: Bench) -> Part:
    """Many clips in one call against the same clips one at a time, models loaded: in each mode, and each as it is by default."""
    part = Part("batch")
    clips = [str(c) for c in batch_clips(bench.work, bench.clip, count=bench.clips, most_s=bench.most_s)]
    rows = []
    modes = {name: (workers, workers) for name, workers in bench.modes.items()}
    modes["as by default: short clips here, a call in workers"] = (0, max(bench.modes.values()))
    for name, (one_at_a_time, in_a_call) in modes.items():
        with bench.process(one_at_a_time) as single, bench.process(in_a_call, many=True) as runner:
            single.ask("many", clips=clips[:4])
            warm = runner.ask("many", clips=clips[:4])  # two clips on their way: members are loaded twice
            singles: list[dict[str, Any]] = []
            together: list[dict[str, Any]] = []
            for turn in range(bench.runs):  # each goes first in turn: the machine is not equally fast all the time
                for what in ("singles", "together") if turn % 2 == 0 else ("together", "singles"):
                    if what == "together":
                        together.append(runner.ask("many", clips=clips))
                    else:
                        found = [single.one(Path(c)) for c in clips]
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
            with bench.process(workers) as runner:
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
    label = f"{bench.minutes:g} min"
    columns = (
        "where", "peak MiB, 1 min", label, "more", "of it results", "aside", "JSON MiB", f"seconds, {label}", "x realtime", "x at 1 min"
    )  # fmt: skip
    part.tables.append(Table(f"{bench.clip.name} looped; a new process each; all processes together; n = 1", columns, tuple(rows)))
    return part
