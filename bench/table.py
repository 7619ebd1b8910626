"""`python -m bench.table [--document FILE] [--count N] [--page FILE]`: how long a table of many documents takes.

The documents are one analysed clip's, the demo reel's where none is given, with other figures in each: every number of the summaries and
insights is changed, and some analyzers have no result. The command runs as a process of its own, from its start to its end.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.table import Table

from bench.console import make_console, save_page
from bench.machine import machine_facts

COUNT, RUNS, SEED = 500, 3, 1
GOAL_S = 10.0
LOST = 0.1  # of the analyzers of each document: as many as lack a model or a sound track in practice
MIB = 2**20


def vary(value: Any, chance: random.Random) -> Any:
    """The same with other numbers: up to a fifth more or less."""
    if isinstance(value, dict):
        return {key: vary(inner, chance) for key, inner in value.items()}
    if isinstance(value, list):
        return [vary(inner, chance) for inner in value]
    if isinstance(value, float):
        return float(f"{value * chance.uniform(0.8, 1.2):.5g}")
    if isinstance(value, int) and not isinstance(value, bool):
        return round(value * chance.uniform(0.8, 1.2))
    return value


def another(document: dict[str, Any], index: int) -> dict[str, Any]:
    """A document of another clip, as like the first one as clips of one kind are."""
    chance = random.Random(SEED + index)
    out = copy.deepcopy(document)
    out["source"] |= {"sha256": f"{index:064x}", "path": f"clips/{index:04d}.mp4"}
    for entry in out["analyzers"].values():
        entry["summary"] = vary(entry["summary"], chance)
        if chance.random() < LOST:
            entry |= {"status": "unavailable", "reason": "its model is not in the store", "summary": {}}
    out["insights"] = vary(out["insights"], chance)
    return out


def demo_document(folder: Path) -> Path:
    """The demo reel's, analysed here."""
    clip, out = folder / "demo.mp4", folder / "demo"
    reelscope("demo", clip)
    reelscope("analyze", clip, "--out", out)
    return out / "analysis.json"


def reelscope(*words: str | Path) -> None:
    """Run a command; end with what it says where it fails."""
    done = subprocess.run([sys.executable, "-m", "reelscope", *map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)


def timed(folder: Path, formats: str) -> float:
    """Seconds of the command."""
    started = time.perf_counter()
    reelscope("table", folder, "--to", formats)
    return time.perf_counter() - started


def main() -> int:
    """Make the documents, time the command, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.table")
    parser.add_argument("--document", type=Path, help="an analysis.json to make the others from; without: the demo reel is analysed")
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--page", type=Path, help="where to keep what was printed")
    args = parser.parse_args()
    console = make_console(110)
    with tempfile.TemporaryDirectory(prefix="reelscope-table-") as place:
        source = args.document or demo_document(Path(place))
        document = json.loads(source.read_bytes())
        folder = Path(place) / "clips"
        total = 0
        for index in range(args.count):
            target = folder / f"{index:04d}" / "analysis.json"
            target.parent.mkdir(parents=True)
            total += target.write_text(json.dumps(another(document, index), ensure_ascii=False), encoding="utf-8")
        rows = {formats: [timed(folder, formats) for _ in range(RUNS)] for formats in ("csv", "parquet", "csv,parquet")}
    shown = Table(
        title=f"{args.count} documents, {total / MIB:.0f} MiB in all, {total / args.count / 1024:.0f} KiB each", title_justify="left"
    )
    for name in ("formats", "seconds (median)", "least", "most", "n", "documents/s"):
        shown.add_column(name, justify="left" if name == "formats" else "right")
    for formats, seconds in rows.items():
        middle = statistics.median(seconds)
        figures = (f"{middle:.2f}", f"{min(seconds):.2f}", f"{max(seconds):.2f}", str(len(seconds)), f"{args.count / middle:.0f}")
        shown.add_row(formats, *figures)
    console.print(shown)
    worst = max(statistics.median(seconds) for seconds in rows.values())
    kept = worst < GOAL_S
    console.print(f"Goal of {GOAL_S:g} s for {COUNT} documents: {'kept' if kept else 'MISSED'} ({worst:.2f} s)")
    console.print(f"load average over the last minute: {os.getloadavg()[0]:.1f}")
    for name, value in machine_facts(("pyarrow",)).items():
        console.print(f"{name}: {value}")
    if args.page:
        save_page(console, args.page, title="A table of many documents", command="python -m bench.table")
    return 0 if kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
