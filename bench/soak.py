"""`python -m bench.soak [--jobs N] [--files N] [--minutes M] [--json FILE] [--page FILE]`: much of what tests/faults has a little of.

Three parts, one after the other:

- jobs over HTTP while the server is killed at random (and its start, one time in three), and between that its worker and the engine's
  processes; then every job must have ended once, as in a quiet run, with nothing left of anything;
- damaged files through a worker's code path: each a clear error or a document, no crash, no hang, no leak;
- one in fifty of as many more damaged files over HTTP.

`--minutes` shares that time among the parts: what was not begun by then is left out, and the page says how much was done. It ends with 1
where anything is not as it must be.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rich.table import Table
from tests.faults.mutants import Bulk, Mutants, asked_of, complaints
from tests.faults.siege import Hunter, Kind, Posters, Siege, kinds_of, server_dies, siege

from bench.console import make_console, save_page
from bench.machine import machine_facts

JOBS, FILES, SEED = 1000, 10_000, 7
# Parts of --minutes.
SHARE_JOBS, SHARE_FILES = 0.5, 0.4
PAUSE_S = (4.0, 15.0)  # between two strikes: some dozen jobs
HTTP_EACH = 50  # one file over HTTP for so many through the code path alone
FIRST_HTTP = 1_000_000  # numbers of mutants that no other part has
PACKAGES = ("av", "dbos", "fastapi", "sqlalchemy")


def strikes(place: Siege) -> Any:
    """One time in two the server, else its worker or one of the engine's processes."""
    kill_server = server_dies(place)

    def strike(chance: random.Random) -> bool:
        what = chance.random()
        if what < 0.5:
            kill_server(chance)
            return True
        place.served.ready()
        return place.kill_worker() if what < 0.75 else place.kill_engine_worker(chance)

    return strike


def jobs_under_fire(folder: Path, count: int, seconds: float, database: str | None = None) -> dict[str, Any]:
    """Jobs while processes are killed; raises AssertionError where one is not as it must be."""
    kinds = kinds_of(folder / "clips")
    chance = random.Random(SEED)
    work = [(f"job-{i}", chance.choice(kinds), chance.randint(1, 10)) for i in range(count)]
    began = time.monotonic()
    with siege(folder, database, **{"faults.tries": 1000}) as place:
        quiet = place.quiet(kinds)
        posters = Posters(place, work, SEED, pause_s=0.2, until=began + seconds)
        with Hunter(strikes(place), SEED, PAUSE_S, most=100_000) as hunter:
            posters.run(2)
            hunter.stop_when(lambda: place.left(posters.accepted.values()) == 0)
        place.served.ready()
        place.wait_for(posters.accepted.values())
        handed_in = {key: kind for key, kind, _ in work if key in posters.accepted}
        attempts = place.check(handed_in, posters.accepted, quiet, before=len(kinds))
        place.settle()
        states = Counter(job.state for job in place.all())
        killed = Counter(place.kills)
    return {
        "jobs": len(handed_in), "of": count, "seconds": round(time.monotonic() - began), "killed": dict(killed), "attempts": dict(attempts),
        "states": dict(states), "sent_again": posters.again, "repeated": posters.repeated,
    }  # fmt: skip


def damaged_files(folder: Path, count: int, seconds: float) -> dict[str, Any]:
    """Mutants through a worker's code path, one process for each core."""
    cores = len(os.sched_getaffinity(0))
    each = -(-count // cores)
    began = time.monotonic()
    bulks = [Bulk(folder / f"{first}", first, min(first + each, count)) for first in range(0, count, each)]
    with ThreadPoolExecutor(len(bulks)) as pool:
        list(pool.map(lambda bulk: bulk.run(began + seconds), bulks))
    told = [row for bulk in bulks for row in bulk.told]
    held = [[row["rss_mib"] for row in bulk.told if "rss_mib" in row] for bulk in bulks]
    return {
        "files": len(told), "of": count, "seconds": round(time.monotonic() - began), "ends": Bulk.summary(told),
        "died": [f"{index}: {how}" for bulk in bulks for index, how in bulk.died],
        "leaks": [text for bulk in bulks for text in bulk.leaks()],
        "complaints": [text for row in told for text in complaints(row)], "slowest_s": max((row["seconds"] for row in told), default=0.0),
        "memory_mib": [{"first": h[0], "quarter": h[len(h) // 4], "end": h[-1]} for h in held if h],
    }  # fmt: skip


def files_over_http(folder: Path, count: int, seconds: float) -> dict[str, Any]:
    """Mutants through the whole server."""
    mutants, kinds = Mutants(folder / "sources"), []
    for index in range(FIRST_HTTP, FIRST_HTTP + count):
        name, data = mutants.make(index)
        (folder / name).write_bytes(data)
        kinds.append(Kind(folder / name, asked_of(index)))
    began = time.monotonic()
    with siege(folder / "server") as place:
        worker = {process.pid for process in place.processes("reelscope.server.worker")}
        posters = Posters(place, [(f"{i}", kind, 5) for i, kind in enumerate(kinds)], SEED, hang_up=0.0, until=began + seconds)
        posters.run(4)
        place.wait_for(posters.accepted.values(), 3600.0)
        place.settle()
        answers = [place.served.client.get(f"/analyses/{job}").json() for job in posters.accepted.values()]
        for answer in answers:
            place.check_story(place.job(answer["id"]))
        same = {process.pid for process in place.processes("reelscope.server.worker")} == worker
    return {
        "files": len(answers), "of": count, "seconds": round(time.monotonic() - began), "worker_died": not same,
        "complaints": [text for answer in answers for text in complaints(answer | {"name": answer["title"]})],
        "ends": dict(Counter(answer["error"]["code"] if answer["error"] else answer["state"] for answer in answers).most_common()),
    }  # fmt: skip


def _lines(found: dict[str, Any]) -> str:
    return "\n".join(f"{key}: {json.dumps(value)}" for key, value in found.items())


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; 0 where all is as it must be."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=JOBS)
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--minutes", type=float, help="not longer than about that; not given: until all is done")
    parser.add_argument("--note", default="", help="what else ran, for the page")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--page", type=Path)
    given = parser.parse_args(argv)
    console = make_console(150)
    whole = 60 * given.minutes if given.minutes is not None else 1e9
    made: dict[str, Any] = {}
    wrong: list[str] = []
    parts = {
        "jobs": lambda folder: jobs_under_fire(folder, given.jobs, SHARE_JOBS * whole),
        "damaged": lambda folder: damaged_files(folder, given.files, SHARE_FILES * whole),
        "http": lambda folder: files_over_http(folder, -(-given.files // HTTP_EACH), (1 - SHARE_JOBS - SHARE_FILES) * whole),
    }
    table = Table("part", "done", "of", "seconds", "what was seen")
    for name, part in parts.items():
        with tempfile.TemporaryDirectory(prefix="soak-") as folder:
            try:
                made[name] = found = part(Path(folder))
            except AssertionError as error:
                wrong.append(f"{name}: {error}")
                continue
        wrong += [f"{name}: {text}" for key in ("died", "leaks", "complaints") for text in found.get(key, ())]
        wrong += [f"{name}: a worker died"] * bool(found.get("worker_died"))
        rest = {key: value for key, value in found.items() if key not in ("jobs", "files", "of", "seconds", "died", "leaks", "complaints")}
        table.add_row(name, str(found.get("jobs", found.get("files"))), str(found["of"]), str(found["seconds"]), _lines(rest))
    console.print(table)
    console.print("\n".join(wrong) or "nothing is wrong: each job has one end, the quiet run's; each file a clear error or a document")
    console.print(machine_facts(PACKAGES) | {"load": round(os.getloadavg()[1], 2)})
    if given.note:
        console.print(given.note)
    if given.json:
        given.json.write_text(json.dumps(made | {"wrong": wrong}, indent=1) + "\n", encoding="utf-8")
    if given.page:
        more = f" --jobs {given.jobs} --files {given.files}" + (f" --minutes {given.minutes:g}" if given.minutes is not None else "")
        save_page(console, given.page, title="A long run with kills and damaged files", command=f"python -m bench.soak{more}")
    return int(bool(wrong))


if __name__ == "__main__":
    raise SystemExit(main())
