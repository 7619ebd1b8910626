"""Damaged media, the same from the same seed; and, as a program, a worker's code path over them.

`python -m tests.faults.mutants FOLDER FIRST LAST` analyses mutants FIRST to LAST - 1 as a worker does (reelscope.server.work), in one
session, and prints one line of JSON for each, so that who started it sees where it died or hung, and how its memory went.
"""

from __future__ import annotations

import base64
import gc
import json
import os
import queue
import random
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from reelscope.engine.limits import few_arenas
from reelscope.pipeline import Session
from reelscope.server.work import Work
from tests.clips import moving_frames, tone, write_clip, write_wav
from tests.server.places import place

__all__ = ["MUTATIONS", "Bulk", "Mutants", "asked_of", "complaints"]

SEED = 2026
HANG_S = 180.0  # no file of some kilobytes takes so long, nor does the start before it
GROWTH_MIB = 48.0  # allocators keep what the largest forged picture took; a leak of 100 KiB a file would be twice that in 1,000
BUGS = frozenset({"internal", "error", "worker_died", "engine_failed", "bad_input"})
PLACES = ("/tmp", "/spare", "/blobs", "/data/", "/clip", "reelscope-")
LOOK_EVERY = 25  # mutants after which a process tells what it holds
SIZE = 32  # pixels: what matters here is in the headers, and the networks take a while over real pictures
LENGTH_S = 0.5
# Values at which a reader's arithmetic turns over.
EDGES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)
MARKS = (  # names in headers; what stands beside them are sizes, counts, times, formats
    b"ftyp", b"moov", b"mvhd", b"trak", b"tkhd", b"edts", b"elst", b"mdhd", b"hdlr", b"stbl", b"stsd", b"avc1", b"avcC", b"mp4a", b"esds",
    b"stts", b"ctts", b"stss", b"stsc", b"stsz", b"stco", b"mdat", b"udta", b"RIFF", b"fmt ", b"data", b"\x1a\x45\xdf\xa3",
    b"\x18\x53\x80\x67", b"\x15\x49\xa9\x66", b"\x16\x54\xae\x6b", b"\x1f\x43\xb6\x75", b"\x1c\x53\xbb\x6b", b"\xae", b"\xe0", b"\xe1",
    b"\x63\xa2", b"V_", b"A_",
)  # fmt: skip
WAYS = (
    ("cut_analysis",), ("audio_analysis",), ("cut_analysis", "audio_analysis"), ("camera_analysis",), ("content_quality",),
    ("color_analysis", "audio_environment"),
)  # fmt: skip


def asked_of(index: int) -> tuple[str, ...]:
    """Which analyzers a mutant gets."""
    return WAYS[index % len(WAYS)]


def _truncated(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(len(data)) :]


def _flipped(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 4, 16, 64, 256))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _flipped_header(data: bytearray, chance: random.Random) -> None:
    place = _mark(data, chance)
    for _ in range(chance.choice((1, 2, 8))):
        data[min(len(data) - 1, place + chance.randrange(64))] ^= 1 << chance.randrange(8)


def _field(data: bytearray, chance: random.Random) -> None:
    size, order = chance.choice((1, 2, 4)), chance.choice("<>")
    value = chance.choice((*EDGES, chance.getrandbits(32))) & ((1 << 8 * size) - 1)
    at = _mark(data, chance) + chance.randrange(48)
    data[at : at + size] = struct.pack(f"{order}{ {1: 'B', 2: 'H', 4: 'I'}[size] }", value)


def _atom_size(data: bytearray, chance: random.Random) -> None:
    at = max(0, _mark(data, chance) - 4)
    (old,) = struct.unpack(">I", bytes(data[at : at + 4]).rjust(4, b"\0"))
    new = chance.choice((*EDGES, old + 1, old - 1, old * 2, old // 2, old + 8, len(data)))
    data[at : at + 4] = struct.pack(">I", new & 0xFFFF_FFFF)


def _swapped(data: bytearray, chance: random.Random) -> None:
    size = chance.choice((1, 4, 16, 64, 256, 1024))
    a, b = (chance.randrange(max(1, len(data) - size)) for _ in range(2))
    data[a : a + size], data[b : b + size] = data[b : b + size], data[a : a + size]


def _removed(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(data))
    del data[at : at + chance.choice((1, 3, 16, 100, 1000))]


def _repeated(data: bytearray, chance: random.Random) -> None:
    at, size = chance.randrange(len(data)), chance.choice((4, 64, 500))
    data[at:at] = data[at : at + size] * chance.choice((1, 2, 50))


def _zeroed(data: bytearray, chance: random.Random) -> None:
    at, size = chance.randrange(len(data)), chance.choice((2, 8, 32, 128, 1024))
    data[at : at + size] = bytes(len(data[at : at + size]))


def _appended(data: bytearray, chance: random.Random) -> None:
    data += chance.randbytes(chance.choice((1, 100, 10_000)))


def _inserted(data: bytearray, chance: random.Random) -> None:
    at = chance.choice((0, chance.randrange(len(data))))
    data[at:at] = chance.randbytes(chance.choice((1, 4, 50, 1000)))


MUTATIONS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    _truncated, _flipped, _flipped_header, _field, _field, _atom_size, _atom_size, _swapped, _removed, _repeated, _zeroed, _appended,
    _inserted,
)  # fmt: skip


def _mark(data: bytearray, chance: random.Random) -> int:
    """Just behind one of the names in the file; anywhere in its head where there is none left."""
    found = [at + len(mark) for mark in MARKS if (at := data.find(mark)) >= 0]
    return chance.choice(found) if found else chance.randrange(min(len(data), 512))


class Mutants:
    """Mutants by their number, of small clips in `folder`, which are made where they are missing."""

    def __init__(self, folder: Path) -> None:
        frames, sound = moving_frames(8, width=SIZE, height=SIZE), tone(LENGTH_S)
        folder.mkdir(parents=True, exist_ok=True)
        kinds: dict[str, dict[str, Any]] = {
            "a.mp4": {}, "b.mov": {"audio_codec": "pcm_s16le"}, "c.mkv": {"options": {"bf": "2"}},
            "d.webm": {"codec": "libvpx-vp9", "audio_codec": "libopus", "options": {"cpu-used": "8", "deadline": "realtime"}},
            "e.mp4": {"container_options": {"movflags": "frag_keyframe+empty_moov"}},
        }  # fmt: skip
        for writer in kinds.values():  # no random ids and no dates: the same bytes each time
            writer["container_options"] = {"fflags": "+bitexact", **writer.get("container_options", {})}
        for name, writer in kinds.items():
            write_clip(folder / name, frames, fps=15, sound=sound, **writer)
        write_wav(folder / "f.wav", LENGTH_S)
        self.sources = [(path.suffix, path.read_bytes()) for path in sorted(folder.iterdir())]

    def make(self, index: int) -> tuple[str, bytes]:
        """A name and what the file holds."""
        chance = random.Random(SEED * 1_000_003 + index)
        suffix, source = self.sources[index % len(self.sources)]
        data = bytearray(source)
        if chance.random() < 0.05:  # the head of one file on the tail of another
            other = chance.choice(self.sources)[1]
            data[chance.randrange(len(data)) :] = other[chance.randrange(len(other)) :]
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            if data:
                chance.choice(MUTATIONS)(data, chance)
        return f"mutant-{index}{suffix}", bytes(data) or b"\0"


class Bulk:
    """Processes that analyse mutants FIRST to LAST - 1, one after the other: another one goes on where one has died or hung.

    Attributes:
        told: What they told of each. died: Mutants over which one ended, and how.
    """

    def __init__(self, folder: Path, first: int, last: int) -> None:
        self.folder, self.first, self.last = folder, first, last
        self.told: list[dict[str, Any]] = []
        self.died: list[tuple[int, str]] = []

    def run(self, until: float = float("inf")) -> None:
        """Do them all, or as many as are begun before `until` (time.monotonic)."""
        self.folder.mkdir(parents=True, exist_ok=True)
        first: int | None = self.first
        while first is not None and first < self.last and time.monotonic() < until:
            first = self._one_process(first, until)

    def _one_process(self, first: int, until: float) -> int | None:
        """Start one; returns where the next has to go on, None where none has to."""
        command = [sys.executable, "-m", "tests.faults.mutants", str(self.folder), str(first), str(self.last)]
        lines: queue.Queue[str | None] = queue.Queue()
        with (
            (self.folder / "stderr").open("ab") as errors,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as one,
        ):
            reader = threading.Thread(target=_read, args=(one.stdout, lines), name="mutants")
            reader.start()
            at, how = first, None
            try:
                while time.monotonic() < until:
                    line = lines.get(timeout=HANG_S)
                    if line is None:
                        break
                    row = json.loads(line)
                    at = row["index"]
                    if "state" in row:
                        self.told.append(row)
                        at += 1
                else:
                    return None
            except queue.Empty:
                how = f"hung for {HANG_S:g} s"
            finally:
                if how is not None or time.monotonic() >= until:
                    one.kill()
                code = one.wait()
                reader.join()
        if how is None and code == 0:
            return None
        self.died.append((at, how or f"ended with {code}"))
        return at + 1

    def leaks(self) -> list[str]:
        """What grew from the first quarter, in which everything is loaded, to the end; what is left in folders."""
        held = [row for row in self.told if "fds" in row]
        if not held:
            return []
        early, late = held[len(held) // 4], held[-1]
        found = [f"{row['index']} left {row['left']}" for row in held if row["left"]]
        if late["rss_mib"] > early["rss_mib"] + GROWTH_MIB:
            found.append(f"memory: {early['rss_mib']} MiB at {early['index']}, {late['rss_mib']} MiB at {late['index']}")
        for what in ("fds", "threads"):
            if late[what] > early[what] + 2:  # a log file, a connection of the pool
                found.append(f"{what}: {early[what]} at {early['index']}, {late[what]} at {late['index']}")
        return found

    @staticmethod
    def summary(told: list[dict[str, Any]]) -> dict[str, int]:
        """How many were done, and how many ended with which error."""
        return dict(Counter((row["error"] or {}).get("code", "?") if row["error"] else row["state"] for row in told).most_common())


def complaints(row: dict[str, Any]) -> list[str]:
    """What is wrong with an end: no end, no clear error, one that names a path of ours, an analyzer that failed over it."""
    who = f"{row['name']} ({row['state']}, {row['error']})"
    found = []
    if row["state"] not in ("done", "failed"):
        found.append(f"{who}: has no end")
    if row["state"] == "failed":
        error = row["error"] or {}
        if not error.get("code") or not error.get("message") or error["code"] in BUGS:
            found.append(f"{who}: no clear error")
        if any(word in f"{error.get('message')} {error.get('hint')}" for word in PLACES):
            found.append(f"{who}: names a place of ours")
    if row.get("paths"):
        found.append(f"{who}: the document names a place of ours")
    return found + [f"{who}: {entry}" for entry in row.get("entries", ())]


def _read(stream: Any, lines: queue.Queue[str | None]) -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)


def main(folder: Path, first: int, last: int) -> None:
    """Analyse them and tell of each."""
    few_arenas()  # as a worker does
    mutants = Mutants(folder / "sources")
    for name in ("temp", "shared", "spare"):
        (folder / name).mkdir(exist_ok=True)
    with place(folder / "data", f"sqlite:///{folder / 'data' / 'server.sqlite3'}") as here:
        tree = here.settings.model_dump(mode="json")
        tree["placement"]["workers"] = 0  # the decoders are in this process either way
        tree["system"] |= {
            "temp_dir": str(folder / "temp"), "shared_dir": str(folder / "shared"), "keep_results": False, "min_free_disk_mib": 0,
        }  # fmt: skip
        settings = type(here.settings).model_validate(tree)
        with Session(settings, many=True) as session:
            work = Work(here.jobs, here.blobs, session, worker="mutants", spare=folder / "spare")
            for index in range(first, last):
                name, data = mutants.make(index)
                clip = folder / name
                clip.write_bytes(data)
                job = here.put(clip, analyzers=list(asked_of(index)))
                clip.unlink()
                print(json.dumps({"index": index}), flush=True)
                began = time.monotonic()
                work.run(job.id)
                job = here.now(job)
                files = here.jobs.files(job.id)
                document = here.blobs.path(files["analysis.json"][0]).read_text() if job.state == "done" else None
                told = {
                    "index": index, "name": name, "state": job.state, "error": json.loads(job.error) if job.error else None,
                    "seconds": round(time.monotonic() - began, 3), "paths": document is not None and str(folder) in document,
                    "entries": _failed(document),
                    # an AAC encoder's rounding is not the same in every process: what went wrong is told with the file itself
                    "file": base64.b64encode(data).decode() if job.state == "failed" and json.loads(job.error)["code"] in BUGS else None,
                }  # fmt: skip
                if (index - first) % LOOK_EVERY == LOOK_EVERY - 1:
                    told |= _held(folder)
                print(json.dumps(told), flush=True)


def _failed(document: str | None) -> list[tuple[str, str | None, str | None]]:
    """Analyzers that failed: name, code, reason."""
    if document is None:
        return []
    entries = json.loads(document)["analyzers"]
    return [(n, e.get("code"), e.get("reason")) for n, e in entries.items() if e["status"] in ("failed", "timeout")]


def _held(folder: Path) -> dict[str, Any]:
    """What this process holds, once garbage is collected."""
    gc.collect()
    process = psutil.Process()
    left = [str(path) for name in ("temp", "shared", "spare") for path in (folder / name).iterdir()]
    return {
        "rss_mib": round(process.memory_info().rss / (1 << 20), 1), "fds": len(os.listdir("/proc/self/fd")),  # noqa: PTH208
        "threads": threading.active_count(), "left": left,
    }  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
