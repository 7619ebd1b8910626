"""`python -m bench.chaos [--clips N] [--seed S] [CLIP...]`: the real analyzers while a worker is killed in the middle of every clip.

Each clip is analysed once in quiet; then all of them, two at a time, while for each clip a random worker is killed (SIGKILL) at a random
moment of it: while it is decoded, or after. Every document must be complete and the same, but for what is volatile: ids, times, seconds,
attempts, passes, memory. It ends with 1 where one is not.
"""

from __future__ import annotations

import argparse
import logging
import queue
import random
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.table import Table
from tests.conftest import SHARED
from tests.faults.tools import facts, workers_of

from bench.console import make_console, save_page
from bench.machine import machine_facts
from reelscope.config import Settings
from reelscope.document.schema import Document
from reelscope.events import Event, EventBus
from reelscope.pipeline import Analysis, Session

PACKAGES = ("numpy", "av", "onnxruntime")
LATEST = 1.1  # of a clip's length: what is above 1 falls into its finishing
TRIES = 20  # so that no analyzer is given up for having been near several kills


@dataclass(slots=True)
class OneKillEach:
    """Kills a random worker that is ready, once for each job, when that job has come to its moment.

    Attributes:
        moments: Share of its length by job. killed: (job, worker, where the job was) of each kill.
    """

    moments: dict[str, float]
    seed: int
    killed: list[tuple[str, str, str]] = field(default_factory=list)
    _due: queue.SimpleQueue[tuple[str, str] | None] = field(default_factory=queue.SimpleQueue)

    def listen(self, event: Event) -> None:
        """A subscriber of the session's events."""
        moment = self.moments.get(event.job)
        if moment is None:
            return
        here = event.done / event.total if event.step == "decode" and event.total else None
        if (here is not None and here >= min(moment, 1.0) and moment <= 1.0) or (event.step == "finish" and moment > 1.0):
            del self.moments[event.job]
            self._due.put((event.job, "finishing" if here is None else f"{here:.0%} decoded"))

    def run(self, session: Session) -> None:
        """Kill until told to stop; a thread's body."""
        chance = random.Random(self.seed)
        while (due := self._due.get()) is not None:
            there: list[Any] = []
            while not there:
                there = [s for s in session.engine._seats.values() if s.host is not None and s.host.ready]
                time.sleep(0.01)
            seat = chance.choice(sorted(there, key=lambda s: s.plan.name))
            seat.host.process.kill()
            self.killed.append((due[0], seat.plan.name, due[1]))

    def stop(self) -> None:
        """End the thread."""
        self._due.put(None)


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; 0 where every document is the same."""
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__)
    parser.add_argument("sources", nargs="*", type=Path, metavar="CLIP", help="default: the clips of ../shared/media")
    parser.add_argument("--clips", type=int, default=10, help="how many; the list is gone through again where it is shorter")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--page", type=Path, help="write what was printed as a Markdown page")
    given = parser.parse_args(argv)
    logging.basicConfig(level="ERROR")
    # the reel first, then the smallest, which are the shortest
    sources = given.sources or sorted((SHARED / "media").glob("*.mp4"), key=lambda p: (not p.name.startswith("reel-a"), p.stat().st_size))
    if not sources:
        parser.error("there is no ../shared/media: name clips")
    clips = [sources[i % len(sources)] for i in range(given.clips)]
    console = make_console(130)
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        settings = Settings.model_validate(
            {
                "placement": {"workers": 2},
                "faults": {"tries": TRIES},
                "analysis": {"fresh": True},
                "system": {"keep_results": False, "temp_dir": folder},
            }
        )
        quiet = _quiet(settings, list(dict.fromkeys(clips)))
        failures = _chaos(console, settings, clips, quiet, given.seed)
        left = [str(p) for p in Path(folder).iterdir()]
    workers = workers_of()
    console.print(f"left on disk: {left or 'nothing'}; workers left: {[w.pid for w in workers] or 'none'}")
    console.print(machine_facts(PACKAGES))
    if given.page:
        save_page(console, given.page, title="Workers killed in every clip", command=f"python -m bench.chaos --clips {len(clips)}")
    return int(bool(failures or left or workers))


def _quiet(settings: Settings, clips: Sequence[Path]) -> dict[Path, tuple[dict[str, Any], dict[str, bytes]]]:
    with Session(settings, many=True) as session:
        return {clip: _gist(session.analyze(clip)) for clip in clips}


def _gist(analysis: Analysis) -> tuple[dict[str, Any], dict[str, bytes]]:
    return facts(analysis.document), dict(analysis.keyframes)


def _chaos(console: Any, settings: Settings, clips: Sequence[Path], quiet: dict[Path, Any], seed: int) -> int:
    chance = random.Random(seed)
    killer = OneKillEach({f"{i}": chance.uniform(0.0, LATEST) for i in range(len(clips))}, seed)
    table = Table("clip", "killed", "when", "passes", "tried again", "s", "compared")
    failures = 0
    started = time.monotonic()
    with Session(settings, EventBus([killer.listen]), many=True) as session:
        thread = threading.Thread(target=killer.run, args=(session,), name="killer")
        thread.start()
        try:
            jobs = list(enumerate(clips))
            for (i, clip), done in session.each(lambda job: session.analyze(job[1], job=f"{job[0]}"), jobs):
                why = _differs(done, quiet[clip])
                failures += bool(why)
                kills = [(worker, when) for job, worker, when in killer.killed if job == f"{i}"]
                row = _row(done.document) if isinstance(done, Analysis) else ("", "", "")
                table.add_row(clip.name, *(", ".join(k[n] for k in kills) for n in (0, 1)), *row, why or "the same")
        finally:
            killer.stop()
            thread.join()
    console.print(table)
    console.print(f"{len(clips)} clips in {time.monotonic() - started:.0f} s, {len(killer.killed)} kills, {failures} documents differ")
    return failures + (len(killer.killed) < len(clips))


def _row(document: Document) -> tuple[str, str, str]:
    again = [name for name, entry in document.analyzers.items() if entry.attempts > 1]
    return str(document.run.passes), str(len(again)), f"{document.run.seconds:.1f}"


def _differs(done: Analysis | Exception, quiet: tuple[dict[str, Any], dict[str, bytes]]) -> str:
    """Where a document is not the quiet one; empty: nowhere."""
    if isinstance(done, Exception):
        return f"{type(done).__name__}: {done}"
    ours, pictures = _gist(done)
    theirs, their_pictures = quiet
    found = [name for name, entry in theirs["analyzers"].items() if ours["analyzers"][name] != entry]
    found += [key for key in theirs if key != "analyzers" and ours[key] != theirs[key]]
    return ", ".join(found + (["keyframes"] if pictures != their_pictures else []))


if __name__ == "__main__":
    raise SystemExit(main())
