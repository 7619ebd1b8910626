"""`python -m bench.engine [--only PART,...] [--clip FILE] [--runs N] [--json FILE] [--page FILE]`: what the engine costs and saves.

Parts: modes (in this process or in worker processes), cache (models loaded or not), passes (one decode pass or one for each analyzer),
reuse (kept results); only when named, since they take long: batch (20 clips in one call), memory (1 and 20 minutes of video).
Figures of one part come from one run and are measured in turns: compare ratios, not seconds. Nothing that was kept spares work,
except in reuse.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as Grid

from bench.console import make_console, save_page
from bench.engine.figures import Goal, Part
from bench.engine.material import main_clip
from bench.engine.parts import DEFAULT, PARTS
from bench.engine.setting import Bench
from bench.machine import machine_facts

PACKAGES = ("av", "numpy", "opencv-python-headless", "onnxruntime", "rapidocr", "faster-whisper", "swift-f0")


def show(console: Console, part: Part) -> None:
    """Print a part."""
    for table in part.tables:
        grid = Grid(title=table.title, title_justify="left")
        for i, column in enumerate(table.columns):
            grid.add_column(column, justify="right" if i else "left")
        for row in table.rows:
            grid.add_row(*row)
        console.print(grid)
    for note in part.notes:
        console.print(note)
    for goal in part.goals:
        console.print(str(goal), style="bold")


def names_of(text: str | None) -> tuple[str, ...]:
    """Parts by name, in the order in which they stand in PARTS; None: the default set."""
    if text is None:
        return DEFAULT
    asked = [name.strip() for name in text.split(",")]
    unknown = [name for name in asked if name not in PARTS]
    if unknown:
        raise SystemExit(f"no part is called {unknown[0]!r}; there are: {', '.join(PARTS)}")
    return tuple(name for name in PARTS if name in asked)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print. A goal that is missed is told, no error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="PART,...", help=f"of {', '.join(PARTS)}; default: {','.join(DEFAULT)}")
    parser.add_argument("--clip", type=Path, help="default: reel-a of ../shared/media, else the demo reel")
    parser.add_argument("--runs", type=int, default=3, help="of everything that is repeated")
    parser.add_argument("--minutes", type=float, default=20.0, help="length of the long clip of the part memory")
    parser.add_argument("--clips", type=int, default=20, help="clips of the part batch")
    parser.add_argument("--most-s", type=float, metavar="SECONDS", help="cut the clips of the part batch to that, for a quick look")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    parser.add_argument("--page", type=Path, help="write what is printed there, as Markdown")
    given = parser.parse_args(arguments)
    names = names_of(given.only)
    console = make_console(150)
    goals: list[Goal] = []
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="reelscope-bench-") as folder:
        work = Path(folder)
        bench = Bench(main_clip(given.clip, work), work, given.runs, given.minutes, given.clips, given.most_s)
        for name in names:
            started = time.perf_counter()
            part = PARTS[name](bench)
            show(console, part)
            figures[name] = {**part.figures, "took_s": time.perf_counter() - started}
            goals += part.goals
    facts: dict[str, Any] = {"runs": given.runs, "load_average_1min": os.getloadavg()[0], **machine_facts(PACKAGES)}
    for key, value in facts.items():
        console.print(f"{key}: {value:.2f}" if isinstance(value, float) else f"{key}: {value}")
    missed = [goal for goal in goals if not goal.met]
    console.print(f"{len(goals) - len(missed)} of {len(goals)} goals met", style="bold")
    if given.page:
        command = "python -m bench.engine" + (f" --only {given.only}" if given.only else "")
        save_page(console, given.page, title="The engine", command=command)
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"clip": bench.clip.name, "machine": facts, "parts": figures}, indent=1)
        given.json.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
