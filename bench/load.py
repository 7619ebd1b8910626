"""`python -m bench.load [--clients N] [--seconds S] [--throughput] [--json FILE] [--page FILE]`: a server that is asked while it analyses.

A server with one worker is given more clips than it can do in the time. Then that many clients ask, each in a closed loop: a request, its
answer, a pause of `--think` seconds on average (exponential), the next request. Eight of ten are GET /analyses/{id}, the rest pages of the
list, searches, documents, readiness and small uploads. Beside them eight streams of events are open all the time. Latency is wall time
from the first byte sent to the last one received, by a client on the same cores. It ends with 1 where the goal is missed: an answer of
500 and above, a 429, a broken connection, or a p99 of GET /analyses/{id} above 100 ms.

`--throughput` also tells clips per minute with one and with two workers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
from rich.table import Table
from tests.clips import moving_frames, tone, write_clip
from tests.faults.siege import Siege, siege

from bench.console import make_console, save_page
from bench.machine import machine_facts
from reelscope.api import FINAL
from reelscope.demo import render_demo

__all__ = ["Figures", "Load", "main"]

MIB = 1 << 20
PACKAGES = ("fastapi", "uvicorn", "sqlalchemy", "dbos", "av")
CLIENTS, SECONDS, THINK_S, STREAMS, SEED = 64, 60.0, 0.3, 8, 1
GOAL_MS = 100.0
WARM_S = 5.0  # threads, connections and caches of the first requests; memory is compared from then on
MIX = (  # kind of request, its share
    ("GET /analyses/{id}", 0.80), ("GET /analyses", 0.08), ("GET /analyses?q=", 0.03), ("GET /analyses/{id}/document", 0.05),
    ("GET /ready", 0.02), ("POST /analyses/upload", 0.02),
)  # fmt: skip
CLIPS = 10  # of a measurement of clips per minute, with each number of workers


@dataclass(slots=True)
class Figures:
    """What was seen. seconds: of each answer, by kind of request; memory_mib: of the web process, once a second."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statuses: Counter[int] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    events: int = 0
    memory_mib: list[float] = field(default_factory=list)

    @property
    def failures(self) -> list[str]:
        """Answers that a server under load must not give."""
        bad = [f"{n} answers {status}" for status, n in self.statuses.items() if status >= 500 or status == 429]
        return bad + [f"{n} times {what}" for what, n in self.broken.items()]


class _Connection:
    """HTTP/1.1 over one connection, as little of it as is needed: what a client costs is taken from the server on the same cores."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, target: str, body: bytes = b"", headers: str = "") -> tuple[int, bytes]:
        """Status and body."""
        reader = await self.begin(method, target, body, headers)
        status, length = await self.head(reader)
        return status, await reader.readexactly(length or 0)

    async def begin(self, method: str, target: str, body: bytes = b"", headers: str = "") -> asyncio.StreamReader:
        """Send a request."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        head = f"{method} {target} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        return reader

    async def head(self, reader: asyncio.StreamReader) -> tuple[int, int | None]:
        """Status and length of an answer; without a length it is a stream."""
        lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
        length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")), None)
        return int(lines[0].split()[1]), length

    async def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class Load:
    """Clients of one server.

    Args:
        ids: Analyses to ask for; uploads join them.
        clip: What is uploaded.
    """

    def __init__(self, url: str, pid: int, ids: Sequence[str], clip: Path, *, seed: int = SEED) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None and parts.port is not None
        self.host, self.port, self.pid = parts.hostname, parts.port, pid
        self.ids, self.done = list(ids), list[str]()
        self.figures, self.seed = Figures(), seed
        self._upload, self._upload_kind = _form(clip)

    def run(self, clients: int, seconds: float, think_s: float, streams: int = STREAMS) -> Figures:
        """Ask for so long."""
        asyncio.run(self._run(clients, seconds, think_s, streams))
        return self.figures

    async def _run(self, clients: int, seconds: float, think_s: float, streams: int) -> None:
        until = time.monotonic() + seconds
        tasks = [asyncio.create_task(self._client(random.Random(self.seed * 1000 + i), until, think_s)) for i in range(clients)]
        tasks += [asyncio.create_task(self._stream(random.Random(-1 - i), until)) for i in range(streams)]
        watch = asyncio.create_task(self._watch(until))
        await asyncio.gather(*tasks, watch)

    async def _client(self, chance: random.Random, until: float, think_s: float) -> None:
        connection = _Connection(self.host, self.port)
        kinds, shares = zip(*MIX, strict=True)
        await asyncio.sleep(chance.uniform(0, think_s))
        while time.monotonic() < until:
            kind = chance.choices(kinds, shares)[0]
            try:
                await self._one(connection, kind, chance)
            except (OSError, EOFError) as error:
                self.figures.broken[f"{kind}: {type(error).__name__}"] += 1
                await connection.close()
            await asyncio.sleep(chance.expovariate(1 / think_s))
        await connection.close()

    async def _one(self, connection: _Connection, kind: str, chance: random.Random) -> None:
        method, _, target = kind.partition(" ")
        body, headers = b"", ""
        if kind.endswith("/document"):
            target = target.replace("{id}", chance.choice(self.done or self.ids))
        elif "{id}" in kind:
            target = target.replace("{id}", chance.choice(self.ids))
        elif target.endswith("?q="):
            target += chance.choice(("demo", "clip", "nothing", "small"))
        elif method == "POST":
            body, headers = self._upload, f"Content-Type: {self._upload_kind}\r\n"
        began = time.perf_counter()
        status, answer = await connection.ask(method, target, body, headers)
        self.figures.seconds[kind].append(time.perf_counter() - began)
        self.figures.statuses[status] += 1
        if kind == "GET /analyses/{id}" and status == 200:
            found = json.loads(answer)
            if found["state"] == "done" and found["id"] not in self.done:
                self.done.append(found["id"])
        elif method == "POST" and status == 202:
            self.ids.append(json.loads(answer)["id"])

    async def _stream(self, chance: random.Random, until: float) -> None:
        """Follow one analysis after the other."""
        while (left := until - time.monotonic()) > 0:
            connection = _Connection(self.host, self.port)
            try:
                reader = await connection.begin("GET", f"/analyses/{chance.choice(self.ids)}/events")
                status, _ = await connection.head(reader)
                self.figures.statuses[status] += 1
                async with asyncio.timeout(left):
                    while line := await reader.readline():
                        self.figures.events += line.startswith(b"data:")
                        if line == b"0\r\n":  # the last chunk
                            break
            except TimeoutError:
                return
            except (OSError, EOFError) as error:
                self.figures.broken[f"events: {type(error).__name__}"] += 1
            finally:
                await connection.close()
            await asyncio.sleep(0.2)

    async def _watch(self, until: float) -> None:
        process = psutil.Process(self.pid)
        while time.monotonic() < until:
            self.figures.memory_mib.append(process.memory_info().rss / MIB)
            await asyncio.sleep(1.0)


def _form(clip: Path) -> tuple[bytes, str]:
    request = httpx.Request(
        "POST", "http://x", data={"request": '{"fresh": true, "priority": 10}'}, files={"file": (clip.name, clip.read_bytes())}
    )
    return request.read(), request.headers["content-type"]


def submit(place: Siege, clip: Path, **asked: Any) -> str:
    """Hand in a clip to be computed anew."""
    with clip.open("rb") as file:
        answer = place.served.client.post(
            "/analyses/upload", data={"request": json.dumps({"fresh": True, **asked})}, files={"file": (clip.name, file)}
        )
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def asked_for_a_minute(folder: Path, clients: int, seconds: float, think_s: float, *, clip: Path | None = None) -> dict[str, Any]:
    """The server under load while it analyses; what was seen. clip: what is analysed; the demo reel where it is not given."""
    clips = folder / "clips"
    clips.mkdir(parents=True)
    if clip is None:
        clip = clips / "demo.mp4"
        render_demo(clip)
    small = write_clip(clips / "small.mp4", moving_frames(30, width=64, height=48), sound=tone(1.0))
    with siege(folder / "server") as place:
        first = submit(place, small)
        place.wait_for([first])
        ids = [first, *(submit(place, clip) for _ in range(max(4, round(seconds / 2))))]
        workers = place.processes("reelscope.server.worker", "reelscope.engine.worker")
        before, web = {p.pid: _cpu_s(p) for p in workers}, psutil.Process(place.served.process.pid)
        web_before, own_before, began = _cpu_s(web), _cpu_s(psutil.Process()), time.monotonic()
        figures = Load(place.url, web.pid, ids, small).run(clients, seconds, think_s)
        spent = time.monotonic() - began
        busy = sum(_cpu_s(p) - before.get(p.pid, 0.0) for p in place.processes("reelscope.server.worker", "reelscope.engine.worker"))
        jobs = place.all()
        ended, open_jobs = sum(job.final for job in jobs) - 1, [job for job in jobs if not job.final]
        for job in open_jobs:
            place.jobs.cancel(job.id)
        after = round(len(figures.memory_mib) * WARM_S / spent)
        memory = figures.memory_mib[after:] or figures.memory_mib
        return {
            "clients": clients, "seconds": spent, "think_s": think_s, "streams": STREAMS, "events": figures.events,
            "statuses": {str(k): v for k, v in sorted(figures.statuses.items())}, "failures": figures.failures,
            "requests": {kind: _spread(found, spent) for kind, found in sorted(figures.seconds.items())},
            "all": _spread([s for found in figures.seconds.values() for s in found], spent),
            "memory_mib": {"warm": round(memory[0], 1), "most": round(max(memory), 1), "end": round(memory[-1], 1)},
            "analysed": ended, "waiting_at_the_end": len(open_jobs),
            "cores": {
                "workers": round(busy / spent, 2), "web": round((_cpu_s(web) - web_before) / spent, 2),
                "clients": round((_cpu_s(psutil.Process()) - own_before) / spent, 2),
            },
        }  # fmt: skip


def clips_per_minute(folder: Path, workers: int, clips: int = CLIPS) -> dict[str, Any]:
    """How many of the demo reel a server with so many workers does, all analyzers, nothing reused."""
    folder.mkdir(parents=True)
    reel = folder / "demo.mp4"
    render_demo(reel)
    with siege(folder / "server", **{"server.workers": workers}) as place:
        while place.served.client.get("/ready").json()["checks"][1]["detail"] != f"{workers} ready":
            time.sleep(0.2)
        place.wait_for([submit(place, reel) for _ in range(workers)])  # everything is loaded
        began = time.monotonic()
        ids = [submit(place, reel) for _ in range(clips)]
        place.wait_for(ids, 1800.0)
        spent = time.monotonic() - began
        found = [place.job(job_id) for job_id in ids]
        assert all(job.state in FINAL and job.state == "done" for job in found), found
        length_s = found[0].duration_s or 0.0
        return {
            "workers": workers, "clips": clips, "clip_s": length_s, "seconds": round(spent, 1), "per_minute": round(60 * clips / spent, 2),
            "rss_mib": round(sum(p.memory_info().rss for p in place.processes()) / MIB),
        }  # fmt: skip


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _spread(seconds: Sequence[float], spent: float) -> dict[str, float]:
    ordered = sorted(seconds)

    def at(share: float) -> float:
        return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)

    return {
        "count": len(ordered), "per_s": round(len(ordered) / spent, 1), "mean_ms": round(1000 * statistics.fmean(ordered), 1),
        "p50_ms": at(0.5), "p90_ms": at(0.9), "p99_ms": at(0.99), "most_ms": round(1000 * ordered[-1], 1),
    }  # fmt: skip


def _print_load(console: Any, made: dict[str, Any]) -> bool:
    table = Table("request", "count", "a second", "mean ms", "p50 ms", "p90 ms", "p99 ms", "longest ms")
    for kind, row in [*made["requests"].items(), ("all", made["all"])]:
        table.add_row(kind, *(f"{value:g}" for value in row.values()))
    console.print(table)
    p99 = made["requests"]["GET /analyses/{id}"]["p99_ms"]
    met = p99 < GOAL_MS and not made["failures"]
    console.print(
        f"{made['clients']} clients for {made['seconds']:.0f} s, think time {made['think_s']:g} s on average (closed loop); "
        f"{made['streams']} streams of events beside them, {made['events']} events"
    )
    console.print(f"statuses: {made['statuses']}; failures: {made['failures'] or 'none'}")
    console.print(f"memory of the web process, MiB: {made['memory_mib']} (warm: after {WARM_S:g} s)")
    console.print(f"meanwhile {made['analysed']} clips were analysed, {made['waiting_at_the_end']} still wait; cores used: {made['cores']}")
    console.print(f"goal: p99 of GET /analyses/{{id}} below {GOAL_MS:g} ms, no 5xx, no 429: {'met' if met else 'MISSED'} ({p99:g} ms)")
    return met


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; 0 where the goals are met."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--think", type=float, default=THINK_S, help="mean pause of a client between an answer and its next request")
    parser.add_argument("--throughput", action="store_true", help="also clips per minute with one and two workers (some minutes)")
    parser.add_argument("--note", default="", help="what else ran, for the page")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--page", type=Path)
    given = parser.parse_args(argv)
    console = make_console(120)
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="load-") as folder:
        made: dict[str, Any] = {"load": asked_for_a_minute(Path(folder) / "load", given.clients, given.seconds, given.think)}
        met = _print_load(console, made["load"])
        if given.throughput:
            made["throughput"] = [clips_per_minute(Path(folder) / f"{n}", n) for n in (1, 2)]
            for row in made["throughput"]:
                console.print(
                    f"{row['workers']} worker{'s' * (row['workers'] > 1)}: {row['per_minute']:g} clips per minute "
                    f"({row['clips']} times the demo reel of {row['clip_s']:.1f} s, all analyzers, in {row['seconds']:g} s; "
                    f"all processes {row['rss_mib']} MiB)"
                )
    made["machine"] = machine_facts(PACKAGES) | {"load_before": round(load_before, 2)}
    console.print(made["machine"])
    if given.note:
        console.print(given.note)
    if given.json:
        given.json.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    if given.page:
        more = " --throughput" * given.throughput
        save_page(console, given.page, title="The server under load while it analyses", command=f"python -m bench.load{more}")
    return int(not met)


if __name__ == "__main__":
    raise SystemExit(main())
