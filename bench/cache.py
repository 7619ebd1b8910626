"""`python -m bench.cache [--ttl S] [--clips N] [--json FILE] [--page FILE]`: what keeping models loaded saves and costs.

Every part runs in a process of its own, so that none finds the memory or the files of another warm. `--clips 500` also sends that many
tiny clips through one session and tells how its processes grow; that takes minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from rich.table import Table

from bench.console import make_console, save_page
from bench.machine import machine_facts
from reelscope.analyzers.registry import ANALYZER_NAMES, INSTALLED
from reelscope.features.base import LoadContext, NoOptions
from reelscope.models.cache import CacheStats
from reelscope.models.catalog import Catalog
from reelscope.models.manager import ModelManager

MIB = 2**20
PACKAGES = ("onnxruntime", "rapidocr", "faster-whisper", "swift-f0", "numpy")
RUNS = 5  # fresh processes for each model; the median counts
SETTLE = 20  # clips after which a worker's memory should have found its level
GROWTH_MAX = 0.05
BACK_MAX = 0.10
TIGHT = 0.7  # of what all models need
MIX_SEED, MIX_CLIPS = 1, 20
# What clips of each kind ask for. A talking head without words on screen, a silent clip with captions, everything, and picture only.
MODELS = ("pp-ocrv6-det-small", "pp-ocrv6-rec-small", "silero-vad", "swift-f0")
KINDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "all": (("silero-vad",), ("swift-f0",), ("pp-ocrv6-det-small", "pp-ocrv6-rec-small")),
    "speech": (("silero-vad",), ("swift-f0",)),
    "text": (("pp-ocrv6-det-small", "pp-ocrv6-rec-small"),),
    "picture": (),
}
WEIGHTS = (8, 4, 5, 3)  # of 20 clips, in the order of KINDS


def feeds(model: str) -> dict[str, Any]:
    """An input as large as the analyzers' own: a frame of 544 x 960, a line of 640 px, 33 s of sound, 20 s of sound."""
    import numpy as np

    random_numbers = np.random.default_rng(0)

    def array(*shape: int) -> Any:
        return random_numbers.uniform(-1, 1, shape).astype(np.float32)

    return {
        "pp-ocrv6-det-small": lambda: {"x": array(1, 3, 960, 544)},
        "pp-ocrv6-rec-small": lambda: {"x": array(1, 3, 48, 640)},
        "silero-vad": lambda: {"input": array(1024, 576), "h": array(1, 1, 128), "c": array(1, 1, 128)},
        "swift-f0": lambda: {"audio": array(1, 327_680), "fmin": np.asarray(60, np.float32), "fmax": np.asarray(600, np.float32)},
    }[model]()


def held_mib() -> float:
    """Memory of this process alone: pages that no other process shares."""
    return psutil.Process().memory_full_info().uss / MIB


def part_load(model: str) -> dict[str, float]:
    """Seconds until a model is ready: the library, the first load, and the second pin of a model that is there."""
    started = time.perf_counter()
    import onnxruntime  # noqa: F401

    library_s = time.perf_counter() - started
    with ModelManager() as manager:
        first = manager.handle(model)
        load_s = first.pin().load_s
        second = manager.handle(model)
        started = time.perf_counter()
        again = second.pin()
        return {"library_s": library_s, "load_s": load_s, "again_s": again.load_s, "pin_s": time.perf_counter() - started}


def clip_through(manager: ModelManager, kind: str) -> CacheStats:
    """What an engine does with a clip: every member's models held from its beginning to its end, all members at the same time."""
    cost = CacheStats()
    contexts = [LoadContext("cpu", NoOptions(), (), models=manager) for _ in KINDS[kind]]
    for context, member in zip(contexts, KINDS[kind], strict=True):
        for name in member:
            context.model(name)
        cost += context.pin()
    for context in contexts:
        context.unpin()
    return cost


def mixed() -> list[str]:
    """The kinds of 20 clips in an order that is always the same."""
    kinds = [kind for kind, count in zip(KINDS, WEIGHTS, strict=True) for _ in range(count)]
    random.Random(MIX_SEED).shuffle(kinds)
    assert len(kinds) == MIX_CLIPS
    return kinds


def part_mix(share: str) -> dict[str, Any]:
    """Twenty mixed clips through one manager with that share of the memory which all models need ("none": no budget)."""
    needed = sum(Catalog().source_of(name).memory("cpu") for name in MODELS)
    budget = None if share == "none" else round(needed * float(share))
    with ModelManager({"cpu": budget}) as manager:
        return mix_through(manager, budget, needed)


def mix_through(manager: ModelManager, budget: int | None, needed: int) -> dict[str, Any]:
    """The mixed clips through a manager, and what it counted; budget and all models' needs in bytes."""
    for kind in mixed():
        clip_through(manager, kind)
    stats = manager.stats()
    return {
        "budget_mib": None if budget is None else budget / MIB,
        "needed_mib": needed / MIB,
        "hits": stats.hits,
        "misses": stats.misses,
        "hit_rate": stats.hits / (stats.hits + stats.misses),
        "evictions": stats.evictions,
        "over_budget": stats.over_budget,
        "load_s": stats.load_s,
        "held_mib": stats.bytes_held / MIB,
        "peak_mib": stats.bytes_peak / MIB,
    }


def part_idle(ttl: str) -> dict[str, float]:
    """Memory before any model, at work, idle, and 10 s after the time-to-live is over.

    The state without models is the process with its libraries at work: a session of the smallest model was used and closed.
    """
    import cv2  # noqa: F401
    import onnxruntime  # noqa: F401

    from reelscope.models.memory import release_memory

    bare = held_mib()
    with ModelManager() as manager:
        manager.handle("silero-vad").session.run(None, feeds("silero-vad"))
    release_memory()
    without = held_mib()
    with ModelManager(idle_s=float(ttl)) as manager:
        handles = [manager.handle(name) for name in MODELS]
        for handle in handles:
            handle.pin()
            handle.session.run(None, feeds(handle.key.model))
        for handle in handles:
            handle.unpin()
        idle = held_mib()
        counted = manager.stats().bytes_held / MIB
        rest = idle
        end = time.monotonic() + float(ttl) + 10
        while time.monotonic() < end:
            time.sleep(1)  # as often as the engine calls it
            manager.tidy()
            rest = held_mib() if len(manager.loaded()) == len(MODELS) else rest
        assert not manager.loaded()
        after = held_mib()
    return {"libraries_mib": bare, "without_mib": without, "idle_mib": idle, "rest_mib": rest, "counted_mib": counted, "after_mib": after}


def part_once(name: str) -> dict[str, float]:
    """One analyzer over a tiny clip, as a program would that starts a process for it: `process_s` is what counts."""
    return part_runs(name, 1)


def part_runs(name: str, count: int = 4) -> dict[str, float]:
    """One analyzer over a tiny clip in one session: the first run and the median of the next ones."""
    from reelscope.pipeline import Session

    seconds = []
    with tempfile.TemporaryDirectory(prefix="reelscope-bench-") as work:
        clip = tiny_clip(Path(work) / "tiny.mp4")
        with Session(computing(Path(work))) as session:
            for _ in range(count):
                started = time.perf_counter()
                session.analyze(clip, only=[name])
                seconds.append(time.perf_counter() - started)
    return {"first_s": seconds[0], "again_s": statistics.median(seconds[1:] or seconds)}


def part_clips(count: str) -> dict[str, Any]:
    """So many tiny clips through one worker, and what it and the main process hold after each."""
    from reelscope.pipeline import Session

    held: list[float] = []
    me = psutil.Process()
    with tempfile.TemporaryDirectory(prefix="reelscope-bench-") as work:
        clip = tiny_clip(Path(work) / "tiny.mp4")
        started = time.perf_counter()
        with Session(computing(Path(work), workers=1)) as session:
            for _ in range(int(count)):
                document = session.analyze(clip).document
                failed = [name for name, entry in document.analyzers.items() if entry.status in ("failed", "timeout")]
                assert not failed, failed
                held.append(sum(p.memory_full_info().uss for p in (me, *me.children(recursive=True))) / MIB)
            workers = len(me.children(recursive=True))
    window = min(SETTLE, max(1, len(held) // 2))
    start = min(SETTLE, len(held) - window)
    before, after = statistics.median(held[start : start + window]), statistics.median(held[-window:])
    return {
        "clips": len(held),
        "workers": workers,
        "seconds": time.perf_counter() - started,
        "settled_mib": before,
        "end_mib": after,
        "growth": after / before - 1,
        "held_mib": held,
    }


def computing(folder: Path, *, workers: int | None = None) -> Any:
    """Settings under which nothing that was kept spares work, and nothing is left on this machine."""
    from reelscope.config.tree import Analysis, Placement, Settings, System

    system = System(keep_results=False, data_dir=folder)
    return Settings(analysis=Analysis(fresh=True), placement=Placement(workers=workers), system=system)


def tiny_clip(path: Path) -> Path:
    """A second of 144 x 256 noise over a moving edge, with a tone."""
    import numpy as np

    from reelscope.media.encode import ClipWriter

    random_numbers = np.random.default_rng(0)
    with ClipWriter(path, 144, 256, fps=30, audio_rate_hz=44_100) as clip:
        for number in range(30):
            picture = random_numbers.integers(0, 60, (256, 144, 3), dtype=np.uint8)
            picture[:, : 4 * number + 4] += 120
            clip.frame(picture)
        clip.audio((np.sin(2 * np.pi * 220 * np.arange(44_100) / 44_100) * 0.2).astype(np.float32))
    return path


PARTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "load": part_load,
    "mix": part_mix,
    "idle": part_idle,
    "once": part_once,
    "runs": part_runs,
    "clips": part_clips,
}


def fresh(part: str, argument: str) -> dict[str, Any]:
    """Run a part in a new process; `process_s` is the time from its start to its end."""
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "bench.cache", "--part", part, argument], stdout=subprocess.PIPE, text=True, check=True)
    return {**json.loads(done.stdout.splitlines()[-1]), "process_s": time.perf_counter() - started}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ttl", type=float, default=8.0, help="idle time-to-live in seconds; more than 5 shows models at rest too")
    parser.add_argument("--clips", type=int, default=0, help="send so many tiny clips through one worker")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    parser.add_argument("--page", type=Path, help="write what is printed there, as Markdown")
    parser.add_argument("--part", nargs=2, metavar=("NAME", "ARGUMENT"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part:
        print(json.dumps(PARTS[given.part[0]](given.part[1])))
        return 0
    return report(given.ttl, given.clips, given.json, given.page)


def report(ttl_s: float, clips: int, target: Path | None, page: Path | None) -> int:
    """Run the parts, print the tables, write the figures; 1 where a goal is missed."""
    console = make_console(130)
    missed: list[str] = []

    def goal(text: str, met: bool) -> None:
        console.print(f"{text}: {'met' if met else 'MISSED'}", style="bold")
        if not met:
            missed.append(text)

    loads = {name: [fresh("load", name) for _ in range(RUNS)] for name in MODELS}
    table = Table(title=f"A model until it is ready; n = {RUNS} new processes; median (least-most), seconds", title_justify="left")
    for column in ("model", "new process", "its onnxruntime", "first load", "second", "pin", "less time"):
        table.add_column(column, justify="left" if column == "model" else "right")
    saved: list[float] = []
    for name, runs in loads.items():
        new, pin = (statistics.median(r[key] for r in runs) for key in ("process_s", "pin_s"))
        saved.append(1 - pin / new)
        row = [spread([r[key] for r in runs]) for key in ("process_s", "library_s", "load_s")]
        table.add_row(name, *row, f"{max(r['again_s'] for r in runs):g}", f"{pin * 1e6:.0f} µs", f"{saved[-1]:.2%}")
    console.print(table)
    goal("Goal of 90 % less time for a model that is loaded", min(saved) >= 0.9)

    names = [name for name in ANALYZER_NAMES if INSTALLED.analyzer(name) is not None]
    runs_of = {name: {**fresh("runs", name), "process_s": fresh("once", name)["process_s"]} for name in names}
    table = Table(title="One analyzer over a clip of 1 s (144 x 256), seconds from start to document", title_justify="left")
    for column in ("analyzer", "new process", "first in a session", "second", "less time", "than the first"):
        table.add_column(column, justify="left" if column == "analyzer" else "right")
    for name, run in runs_of.items():
        times = [f"{run[key]:.3f}" for key in ("process_s", "first_s", "again_s")]
        table.add_row(name, *times, *(f"{1 - run['again_s'] / run[key]:.1%}" for key in ("process_s", "first_s")))
    console.print(table)
    goal("Goal of 90 % less time than a new process", all(r["again_s"] <= 0.1 * r["process_s"] for r in runs_of.values()))

    mixes = {"no budget": fresh("mix", "none"), "room for all": fresh("mix", "1"), "30 % too small": fresh("mix", str(TIGHT))}
    counts = ", ".join(f"{count} {kind}" for kind, count in zip(KINDS, WEIGHTS, strict=True))
    table = Table(title=f"{MIX_CLIPS} mixed clips ({counts})", title_justify="left")
    for column in ("", "budget MiB", "hits", "misses", "hit rate", "evictions", "over budget", "loading s", "held MiB", "peak MiB"):
        table.add_column(column, justify="right" if column else "left")
    for name, mix in mixes.items():
        budget = "-" if mix["budget_mib"] is None else f"{mix['budget_mib']:.0f}"
        whole = [str(mix[key]) for key in ("evictions", "over_budget")]
        memory = [f"{mix[key]:.0f}" for key in ("held_mib", "peak_mib")]
        table.add_row(name, budget, str(mix["hits"]), str(mix["misses"]), f"{mix['hit_rate']:.0%}", *whole, f"{mix['load_s']:.2f}", *memory)
    console.print(table)

    idle = fresh("idle", str(ttl_s))
    table = Table(title=f"Memory of a process, MiB not shared with others; time-to-live {ttl_s:g} s", title_justify="left")
    for column in ("state", "MiB", "against without models"):
        table.add_column(column, justify="left" if column == "state" else "right")
    for state, key in (
        ("libraries loaded", "libraries_mib"),
        ("without models (libraries at work)", "without_mib"),
        ("all four models idle, after use", "idle_mib"),
        (f"still loaded, at rest (up to {ttl_s:g} s)", "rest_mib"),
        ("10 s after the time-to-live", "after_mib"),
    ):
        table.add_row(state, f"{idle[key]:.1f}", f"{idle[key] / idle['without_mib'] - 1:+.1%}")
    console.print(table)
    console.print(f"counted by the manager for the four: {idle['counted_mib']:.1f} MiB")
    goal("Goal of memory back within 10 %", abs(idle["after_mib"] / idle["without_mib"] - 1) <= BACK_MAX)

    figures: dict[str, Any] = {"ttl_s": ttl_s, "loads": loads, "analyzers": runs_of, "mixes": mixes, "idle": idle}
    if clips:
        through = figures["clips"] = fresh("clips", str(clips))
        console.print(
            f"{through['clips']} clips through one session with {through['workers']} worker processes in {through['seconds']:.0f} s: "
            f"{through['settled_mib']:.1f} MiB after {SETTLE}, {through['end_mib']:.1f} MiB at the end, {through['growth']:+.1%}"
        )
        goal("Goal of less than 5 % growth", through["growth"] < GROWTH_MAX)
    figures |= {"load_average_1min": os.getloadavg()[0], "machine": machine_facts(PACKAGES)}
    for name, value in figures["machine"].items():
        console.print(f"{name}: {value}")
    if page:
        save_page(console, page, title="Models kept loaded", command="python -m bench.cache" + (f" --clips {clips}" if clips else ""))
    if target:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 1 if missed else 0


def spread(values: list[float]) -> str:
    """Median and range."""
    return f"{statistics.median(values):.3f} ({min(values):.3f}-{max(values):.3f})"


if __name__ == "__main__":
    raise SystemExit(main())
