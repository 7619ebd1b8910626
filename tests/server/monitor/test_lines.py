"""Files of lines: bounded, shared by processes, readable while written; a full disk costs lines and nothing else. The journal on top."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from reelscope.server.monitor import lines as module
from reelscope.server.monitor.journal import Journal, compact, read_journal
from reelscope.server.monitor.lines import RotatingLines, files_of, read_lines
from reelscope.server.monitor.shapes import MonitorSnapshot
from tests.server.monitor.made import example

LINE = json.dumps({"n": 1, "text": "x" * 80})


def numbers(folder: Path, name: str = "log") -> list[int]:
    return [each["n"] for each in read_lines(folder, name)]


def line(n: int, length: int = 80) -> str:
    return json.dumps({"n": n, "text": "x" * length})


def test_lines_can_be_read_at_once_and_in_order(tmp_path: Path) -> None:
    lines = RotatingLines(tmp_path / "new" / "folder", "log")
    for n in range(5):
        assert lines.write(line(n))
        assert numbers(tmp_path / "new" / "folder") == list(range(n + 1))
    lines.close()
    assert lines.write(line(5))  # opens again
    lines.close()
    assert numbers(tmp_path / "new" / "folder") == list(range(6))
    assert files_of(tmp_path / "new" / "folder", "log")[0].stat().st_mode & 0o777 == 0o600


def test_the_oldest_go_and_the_whole_stays_bounded(tmp_path: Path) -> None:
    lines = RotatingLines(tmp_path, "log", file_bytes=1000, files=3)
    for n in range(500):
        lines.write(line(n))
        assert sum(p.stat().st_size for p in files_of(tmp_path, "log")) <= 3000
    lines.close()
    kept = numbers(tmp_path)
    assert kept == list(range(kept[0], 500)) and len(kept) >= 20
    assert len(list(tmp_path.iterdir())) == 3


def test_a_line_longer_than_a_file_is_still_whole(tmp_path: Path) -> None:
    lines = RotatingLines(tmp_path, "log", file_bytes=1000, files=3)
    assert lines.write(line(1)) and lines.write(line(2, 5000)) and lines.write(line(3))
    lines.close()
    assert numbers(tmp_path) == [1, 2, 3]


def test_files_of_other_names_are_left_alone(tmp_path: Path) -> None:
    for name in ("log-1.jsonl.gz", "mylog-000001.jsonl", "log-x.jsonl"):
        (tmp_path / name).write_text("mine")
    lines = RotatingLines(tmp_path, "log", file_bytes=200, files=1)
    for n in range(20):
        lines.write(line(n))
    lines.close()
    assert len(list(tmp_path.iterdir())) == 4


def test_a_full_disk_costs_lines_and_is_over_when_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = RotatingLines(tmp_path, "log")
    lines.write(line(0))
    real = os.write

    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.os, "write", full)
    assert [lines.write(line(n)) for n in (1, 2)] == [False, False]
    monkeypatch.setattr(module.os, "write", lambda fd, data: real(fd, data[:10]))  # there is room for a part
    assert not lines.write(line(3))
    monkeypatch.setattr(module.os, "write", real)
    assert lines.write(line(4))
    lines.close()
    assert (lines.dropped, numbers(tmp_path)) == (3, [0, 4])


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: the kernel writes a part of a line, then nothing."""
    program = f"""
import resource, signal, sys
from pathlib import Path
from reelscope.server.monitor.lines import RotatingLines
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
lines = RotatingLines(Path({str(tmp_path)!r}), "log")
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
first = [lines.write('{{"n": %d, "text": "%s"}}' % (n, "x" * 80)) for n in range(20)]
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
assert first[:9] == [True] * 9 and first[10:] == [False] * 10, first
assert lines.write('{{"n": 99}}') and lines.dropped == 11 - first[9]
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    found = numbers(tmp_path)
    assert found[:9] == list(range(9)) and found[-1] == 99


def test_a_folder_that_cannot_be_made_costs_lines_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    lines = RotatingLines(tmp_path / "file", "log")
    assert not lines.write(LINE) and lines.dropped == 1
    (tmp_path / "file").unlink()
    assert lines.write(LINE)
    lines.close()


def test_what_a_crash_cut_is_left_out_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "log-000007.jsonl").write_text(line(1) + "\n" + line(2)[:30])
    lines = RotatingLines(tmp_path, "log")
    lines.write(line(3))
    lines.close()
    assert numbers(tmp_path) == [1, 3] and len(files_of(tmp_path, "log")) == 1


def test_a_file_that_was_removed_is_not_written_to_any_more(tmp_path: Path) -> None:
    lines = RotatingLines(tmp_path, "log")
    lines.write(line(1))
    files_of(tmp_path, "log")[0].unlink()
    lines.write(line(2))
    lines.close()
    assert numbers(tmp_path) == [2]


def test_processes_and_threads_share_the_files(tmp_path: Path) -> None:
    program = f"""
import json, sys, threading
from pathlib import Path
from reelscope.server.monitor.lines import RotatingLines
lines = RotatingLines(Path({str(tmp_path)!r}), "log", file_bytes=20_000, files=1000)
def write(thread):
    for n in range(300):
        assert lines.write(json.dumps({{"who": [int(sys.argv[1]), thread], "n": n, "text": "y" * (n % 90)}}))
threads = [threading.Thread(target=write, args=(i,)) for i in range(2)]
[t.start() for t in threads]; [t.join() for t in threads]
"""
    started = [subprocess.Popen([sys.executable, "-c", program, str(i)]) for i in range(3)]
    assert [p.wait() for p in started] == [0, 0, 0]
    found: dict[tuple[int, int], list[int]] = {}
    for each in read_lines(tmp_path, "log"):
        found.setdefault(tuple(each["who"]), []).append(each["n"])
    assert sorted(found) == [(p, t) for p in range(3) for t in range(2)]
    assert all(sorted(ns) == list(range(300)) for ns in found.values())
    raw = sum(len(p.read_bytes().splitlines()) for p in files_of(tmp_path, "log"))
    assert raw == 1800  # none cut, none empty
    assert len(files_of(tmp_path, "log")) > 3


def test_an_idle_process_follows_the_others_to_newer_files(tmp_path: Path) -> None:
    idle, busy = (RotatingLines(tmp_path, "log", file_bytes=500, files=2) for _ in range(2))
    idle.write(line(0))
    for n in range(1, 60):
        busy.write(line(n))
    idle.write(line(60))
    busy.close()
    idle.close()
    assert numbers(tmp_path)[-1] == 60 and len(files_of(tmp_path, "log")) == 2


def test_only_lines_with_a_text_are_parsed(tmp_path: Path) -> None:
    (tmp_path / "log-000001.jsonl").write_text('{"n": 1}\nnot json with needle\n[1, "needle"]\n{"n": 2, "job": "needle"}\n')
    assert list(read_lines(tmp_path, "log", containing="needle")) == [{"n": 2, "job": "needle"}]
    assert list(read_lines(tmp_path / "nowhere", "log")) == []


def test_the_journal_keeps_snapshots_a_reader_understands(tmp_path: Path) -> None:
    made = example()
    journal = Journal(tmp_path)
    assert journal.write(made) and journal.write(made)
    kept = list(read_journal(tmp_path))
    journal.close()
    assert len(kept) == 2 and kept[0] == json.loads(compact(made))
    assert kept[0]["queue"] == made.queue.model_dump() and "cpu_why" not in kept[0]["machines"][0]
    cut = next(a for a in kept[0]["analyzers"] if a["name"] == "cut_analysis")
    assert cut["error_rate_1h"] == 0.5
    lost = next(m for m in kept[0]["machines"] if m["host"] == "beta")["gpus"][1]
    assert lost == {"index": 1, "state": "lost"}  # what is null has no key
    assert MonitorSnapshot.model_validate(json.loads(made.model_dump_json())) == made


def test_the_journal_is_bounded_and_survives_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = example()
    journal = Journal(tmp_path, file_bytes=10_000, files=2)
    for _ in range(30):
        journal.write(made)
    assert sum(p.stat().st_size for p in (tmp_path / "monitor").iterdir()) <= 20_000
    monkeypatch.setattr(module.os, "write", lambda fd, data: 0)
    assert not journal.write(made) and journal.dropped == 1
    monkeypatch.undo()
    assert journal.write(made)
    journal.close()


def test_reading_beside_a_writer_never_fails(tmp_path: Path) -> None:
    lines, stop = RotatingLines(tmp_path, "log", file_bytes=2000, files=2), threading.Event()

    def write() -> None:
        n = 0
        while not stop.is_set():
            lines.write(line(n))
            n += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(60):
            found = numbers(tmp_path)
            assert found == sorted(found)
    finally:
        stop.set()
        writer.join()
        lines.close()
