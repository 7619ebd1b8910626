"""`reelscope batch`: lists, the journal, going on after any end, here and on a server."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reelscope.media.source as source_module
from reelscope.cli.batch_journal import Entry, Journal
from reelscope.cli.batch_ledger import Ledger, eta_s
from reelscope.cli.batch_list import folder_of, items_of, name_of_list, read_lines
from reelscope.errors import InputError, OutputError
from reelscope.media.source import Post
from tests.cli.batch_stub import StubSession
from tests.cli.jobs_stub import DOCUMENT, Jobs, jobs, lines
from tests.client.stub import hung_up, refused

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> type[StubSession]:
    """No clip is analysed; what would have been is in `seen`."""
    monkeypatch.setattr("reelscope.pipeline.Session", StubSession)
    monkeypatch.setattr(StubSession, "seen", [])
    monkeypatch.setattr(StubSession, "most", 0)
    return StubSession


@pytest.fixture
def server(place: Path) -> Iterator[Jobs]:
    with jobs() as made:
        yield made


def listed(place: Path, *names: str) -> str:
    (place / "clips.txt").write_text("\n".join(names))
    return "clips.txt"


def journal_of(place: Path, out: str = "out/clips") -> list[Any]:
    return lines((place / out / "batch.jsonl").read_text())


def wait_for(there: Callable[[], object], child: subprocess.Popen[str] | None = None) -> None:
    deadline = time.monotonic() + 60
    while not there():
        assert time.monotonic() < deadline
        assert child is None or child.poll() is None, child.communicate()
        time.sleep(0.01)


# --- lists ----------------------------------------------------------------------------------------------------------------------------


def test_a_list_is_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "urls.txt"
    path.write_bytes(b"\xef\xbb\xbf# clips\r\n\r\n  https://a/1?x=#2 \r\nb c.mp4\n\n#d\n\xff.mp4")
    assert read_lines(str(path)) == ["https://a/1?x=#2", "b c.mp4", "\udcff.mp4"]


def test_standard_input_is_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a.mp4\n")))
    assert read_lines("-") == ["a.mp4"]


@pytest.mark.parametrize("name", ["missing.txt", "folder", "clip.mp4"])
def test_what_is_no_list_is_refused(cli: Any, place: Path, local: type[StubSession], name: str) -> None:
    (place / "folder").mkdir()
    (place / "clip.mp4").write_bytes(b"\0\0\0\x18ftyp")
    cli(["batch", name]).assert_refused(2, name)
    assert local.seen == []


@pytest.mark.parametrize("text", ["", "\n\n", "# only words\n"])
def test_an_empty_list_is_told(cli: Any, place: Path, local: type[StubSession], text: str) -> None:
    (place / "clips.txt").write_text(text)
    cli(["batch", "clips.txt"]).assert_refused(2, "names no clips")


def test_each_clip_is_done_once(place: Path) -> None:
    sources = ["a.mp4", f"{place}/x/../a.mp4", "b.mp4", "https://www.tiktok.com/@u/video/7", "https://m.tiktok.com/v/7.html", "b.mp4"]
    items, again = items_of(sources)
    assert ([item.source for item in items], again) == (["a.mp4", "b.mp4", "https://www.tiktok.com/@u/video/7"], 3)
    assert items[0].key == f"{place}/a.mp4"
    assert [item.source for item in items_of(sources, limit=2)[0]] == ["a.mp4", "b.mp4"]


def test_folders_do_not_depend_on_the_rest_of_the_list(place: Path) -> None:
    assert folder_of("x/clip.mp4") != folder_of("y/clip.mp4")
    assert folder_of("x/clip.mp4").startswith("clip-")
    assert folder_of("https://example.com/a/b/c/d?x=1") != folder_of("https://example.com/a/b/c/d?x=2")
    assert folder_of("https://example.com/a/b/c/d").startswith("b-c-d-")


@given(st.text(st.characters(exclude_characters="\0"), min_size=1))
def test_folders_have_names_that_every_disk_takes(source: str) -> None:
    name = folder_of(source)
    assert 8 <= len(name.encode()) <= 255
    assert "/" not in name
    assert name.isprintable()
    assert name == name.strip(" .-")


@pytest.mark.parametrize(
    ("source", "name"), [("-", "batch"), ("lists/cats.txt", "cats"), ("https://www.tiktok.com/@cats", "cats"), ("https://[x", "batch")]
)
def test_names_of_batches(source: str, name: str) -> None:
    assert name_of_list(source) == name


# --- the journal ----------------------------------------------------------------------------------------------------------------------


def entry(source: str, state: Any = "done", **more: Any) -> Entry:
    return Entry(source, state, "0123abcd", **more)


def test_entries_survive_being_written(tmp_path: Path) -> None:
    entries = [
        entry("a", folder="a-1", seconds=1.5),
        entry("\udcff.mp4", "failed", error={"code": "x", "message": "m\u2028n", "hint": None, "retryable": True}, exit_code=2),
        entry("https://a/ü", "submitted", id="f" * 32, exit_code=1),
    ]
    with Journal(tmp_path / "j") as journal:
        for one in entries:
            journal.add(one)
    with Journal(tmp_path / "j") as journal:
        assert list(journal.entries.values()) == entries
        assert journal.broken == 0


def test_the_last_line_of_a_clip_holds(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        journal.add(entry("a", "failed"))
        journal.add(entry("a", folder="a"))
    with Journal(tmp_path / "j") as journal:
        assert journal.entries["a"].state == "done"


def test_a_journal_may_be_cut_off_at_any_byte(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        journal.add(entry("a"))
        journal.add(entry("b"))
    whole = (tmp_path / "j").read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(first, len(whole)):
        (tmp_path / "k").write_bytes(whole[:cut])
        with Journal(tmp_path / "k") as journal:
            assert set(journal.entries) == ({"a", "b"} if cut == len(whole) - 1 else {"a"})
            journal.add(entry("c"))
        with Journal(tmp_path / "k") as journal:
            assert {"a", "c"} <= set(journal.entries)
            assert journal.broken == (0 if cut in (first, len(whole) - 1) else 1)


@pytest.mark.parametrize(
    "line", ["{", "[]", "1", '"x"', "{}", '{"source": 1, "state": "done"}', '{"source": "a", "state": "lost"}', "\x00" * 50]
)
def test_lines_that_are_none_are_counted_and_passed_over(tmp_path: Path, line: str) -> None:
    (tmp_path / "j").write_text(f"{line}\n" + entry("a").line() + "\n")
    with Journal(tmp_path / "j") as journal:
        assert (set(journal.entries), journal.broken) == ({"a"}, 1)


def test_two_batches_do_not_share_a_folder(tmp_path: Path) -> None:
    with Journal(tmp_path / "j"):
        with pytest.raises(InputError) as caught:
            Journal(tmp_path / "j")
        assert caught.value.code == "batch_running"
    Journal(tmp_path / "j").close()


def test_a_line_that_does_not_fit_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Journal(tmp_path / "j") as journal:
        journal.add(entry("a"))
        before = (tmp_path / "j").read_bytes()
        write = os.write

        def little(fd: int, data: Any) -> int:
            monkeypatch.setattr(os, "write", full)
            return write(fd, data[:10])

        def full(fd: int, data: Any) -> int:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "write", little)
        with pytest.raises(OutputError):
            journal.add(entry("b"))
        monkeypatch.undo()
        assert (tmp_path / "j").read_bytes() == before
        assert "b" not in journal.entries


def test_a_journal_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        Journal(tmp_path / "missing" / "j")


@pytest.mark.parametrize(
    ("finished", "elapsed", "left", "at_once", "expected"),
    [(0, 10.0, 5, 2, None), (1, 10.0, 5, 2, None), (2, 10.0, 5, 2, 25.0), (4, 10.0, 0, 2, None), (4, 10.0, 2, 1, 5.0)],
)
def test_time_left_is_measured_or_not_told(finished: int, elapsed: float, left: int, at_once: int, expected: float | None) -> None:
    assert eta_s(finished, elapsed, left, at_once) == expected


def test_how_far_it_is_is_told_now_and_then(tmp_path: Path, capsys: Any) -> None:
    now = [0.0]
    items, _ = items_of([f"{n}.mp4" for n in range(5)])
    with Journal(tmp_path / "j") as journal, Ledger(journal, "x", total=5, settled=[], at_once=1, clock=lambda: now[0]) as ledger:
        for item in items:
            now[0] += 10.0
            ledger.finish(item, seconds=10.0)
    assert capsys.readouterr().err.splitlines() == ["2 of 5: about 30 s left", "4 of 5: about 10 s left"]


# --- here -----------------------------------------------------------------------------------------------------------------------------


def test_a_batch_has_a_line_for_each_result_and_a_folder_for_each_clip(cli: Any, place: Path, local: type[StubSession]) -> None:
    result = cli(["batch", listed(place, "one.mp4", "bad.mp4", "boom.mp4", "two.mp4", "one.mp4"), "--workers", "1"])
    assert result.code == 2, result.err
    folder = folder_of("one.mp4")
    said = [line.rsplit(" (", 1)[0] for line in result.out.splitlines()]
    assert said == [
        f"done: one.mp4: out/clips/{folder}",
        "failed: bad.mp4: holds no picture; give a video",
        "failed: boom.mp4: internal error: ValueError: boom",
        f"done: two.mp4: out/clips/{folder_of('two.mp4')}",
    ]
    assert "named more than once: 1 line is left out" in result.err
    assert "2 done, 2 failed: out/clips/batch.jsonl" in result.err
    assert sorted(p.name for p in (place / "out/clips").iterdir()) == sorted([folder, folder_of("two.mp4"), "batch.jsonl"])
    assert (place / "out/clips" / folder / "report.html").is_file()
    kept = journal_of(place)
    assert [(e["source"], e["state"], e["exit_code"]) for e in kept] == [
        (f"{place}/one.mp4", "done", 0),
        (f"{place}/bad.mp4", "failed", 2),
        (f"{place}/boom.mp4", "failed", 1),
        (f"{place}/two.mp4", "done", 0),
    ]
    assert kept[1]["error"] == {"code": "no_video", "message": "holds no picture", "hint": "give a video", "retryable": False}
    assert kept[0]["folder"] == folder
    assert kept[0]["seconds"] >= 0


def test_a_rerun_does_what_is_left(cli: Any, place: Path, local: type[StubSession]) -> None:
    path = listed(place, "one.mp4", "bad.mp4", "again.mp4")
    assert cli(["batch", path]).code == 2
    (place / path).write_text("one.mp4\nbad.mp4\nagain.mp4\nnew.mp4\n")
    local.seen.clear()
    result = cli(["batch", path])
    assert sorted(local.seen) == ["again.mp4", "new.mp4"]  # what may help is tried again, the rest is not
    assert result.code == 2  # the batch as a whole has still failed
    assert "4 clips, 2 settled before, 2 to do" in result.err
    assert "error: 1 failed in an earlier run and were not tried again\nhint: --retry-failed does" in result.err
    local.seen.clear()
    cli(["batch", path, "--retry-failed"])
    assert sorted(local.seen) == ["again.mp4", "bad.mp4"]


def test_nothing_to_do_starts_nothing(cli: Any, place: Path, local: type[StubSession], monkeypatch: pytest.MonkeyPatch) -> None:
    path = listed(place, "one.mp4")
    cli(["batch", path])
    monkeypatch.setattr("reelscope.pipeline.Session", None)
    result = cli(["batch", path])
    assert (result.code, result.out) == (0, "")
    assert "1 done (1 before), 0 failed" in result.err


def test_what_was_removed_or_asked_differently_is_done_again(cli: Any, place: Path, local: type[StubSession]) -> None:
    import shutil

    path = listed(place, "one.mp4", "two.mp4")
    cli(["batch", path])
    shutil.rmtree(place / "out/clips" / folder_of("one.mp4"))
    local.seen.clear()
    assert cli(["batch", path]).code == 0
    assert local.seen == ["one.mp4"]
    local.seen.clear()
    result = cli(["batch", path, "--skip", "body_pose"])
    assert sorted(local.seen) == ["one.mp4", "two.mp4"]
    assert "2 were analysed with other options before and are analysed again" in result.err
    local.seen.clear()
    assert cli(["batch", path, "--skip", "body_pose", "--workers", "1", "--fresh", "--set", "system.log_level=error"]).code == 0
    assert local.seen == []  # none of these changes a result


def test_as_many_go_at_once_as_was_asked_for(cli: Any, place: Path, local: type[StubSession]) -> None:
    import threading

    path = listed(place, *[f"slow-{n}.mp4" for n in range(6)])
    opener = threading.Thread(target=lambda: (wait_for(lambda: local.at_once == 3), (place / "gate").touch()))
    opener.start()
    result = cli(["batch", path, "--workers", "3"])
    opener.join()
    assert (result.code, local.most) == (0, 3)
    cli(["batch", path, "--workers", "17"]).assert_refused(2, "at most 16")


def test_posts_lie_with_their_clip(cli: Any, place: Path, local: type[StubSession]) -> None:
    result = cli(["batch", listed(place, "https://example.com/a.mp4?key=s3cret", "https://example.com/gone"), "--workers", "1"])
    assert result.code == 2
    folder = place / "out/clips" / folder_of("https://example.com/a.mp4?key=s3cret")
    assert {"clip.mp4", "analysis.json", "report.html"} <= {p.name for p in folder.iterdir()}
    assert "s3cret" not in result.out + result.err
    assert [e["state"] for e in journal_of(place)] == ["done", "failed"]


def test_a_profile_is_a_batch(cli: Any, place: Path, local: type[StubSession], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def posts(url: str, settings: Any, **more: Any) -> list[Post]:
        asked.append((url, more))
        return [Post("https://example.com/1"), Post("https://example.com/2"), Post("https://example.com/1")]

    monkeypatch.setattr(source_module, "list_posts", posts)
    result = cli(["batch", "https://www.tiktok.com/@cats", "--limit", "5", "--since", "2026-01-31"])
    assert result.code == 0, result.err
    assert asked == [("https://www.tiktok.com/@cats", {"limit": 5, "since": date(2026, 1, 31)})]
    assert len(journal_of(place, "out/cats")) == 2
    monkeypatch.setattr(source_module, "list_posts", lambda *a, **k: [])
    result = cli(["batch", "https://www.tiktok.com/@cats", "--since", "2027-01-31"])
    assert "no posts since 2027-01-31" in result.err


@pytest.mark.parametrize("since", ["yesterday", "2026-13-01", "31.01.2026"])
def test_days_are_checked(cli: Any, place: Path, local: type[StubSession], since: str) -> None:
    cli(["batch", "https://www.tiktok.com/@cats", "--since", since]).assert_refused(2, since)


def test_a_list_tells_no_days(cli: Any, place: Path, local: type[StubSession]) -> None:
    cli(["batch", listed(place, "a.mp4"), "--since", "2026-01-31"]).assert_refused(2, "--since")


def test_limit_and_json(cli: Any, place: Path, local: type[StubSession]) -> None:
    result = cli(["batch", listed(place, "one.mp4", "two.mp4", "three.mp4"), "--limit", "2", "--json"])
    assert [e["state"] for e in lines(result.out)] == ["done", "done"]
    assert sorted(local.seen) == ["one.mp4", "two.mp4"]


def test_a_full_disk_ends_the_batch_and_marks_nothing_as_failed(cli: Any, place: Path, local: type[StubSession]) -> None:
    result = cli(["batch", listed(place, "one.mp4", "full.mp4", *[f"{n}.mp4" for n in range(50)]), "--workers", "1"])
    assert result.code == 1
    assert "error: no room" in result.err
    assert "the same command goes on from here" in result.err
    assert [e["source"] for e in journal_of(place)] == [f"{place}/one.mp4"]
    assert len(local.seen) == 2


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_batch_that_was_ended_goes_on(cli: Any, place: Path, local: type[StubSession], end: signal.Signals) -> None:
    path = listed(place, "one.mp4", "slow-1.mp4", "slow-2.mp4", "two.mp4")
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.cli.batch_stub", "batch", path, "--workers", "2"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        wait_for(lambda: (place / "began-slow-1.mp4").exists() and (place / "began-slow-2.mp4").exists(), child)
        assert child.stdout is not None
        out = child.stdout.readline()  # told when it is in the journal
        child.send_signal(end)
        rest, err = child.communicate(timeout=60)
    finally:
        child.kill()
        child.wait()
    assert child.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}[end], err
    assert [e["source"] for e in journal_of(place)] == [f"{place}/one.mp4"]
    assert out.startswith("done: one.mp4") and rest == ""
    if end != signal.SIGKILL:
        assert "stopped: 1 done, 0 failed, 3 not begun or given up; the same command goes on from here" in err
        assert sorted(p.name for p in (place / "out/clips").iterdir()) == sorted([folder_of("one.mp4"), "batch.jsonl"])
    (place / "gate").touch()
    result = cli(["batch", path])
    assert result.code == 0, result.err
    assert sorted(local.seen) == ["slow-1.mp4", "slow-2.mp4", "two.mp4"]
    assert len(journal_of(place)) == 4


# --- on a server ----------------------------------------------------------------------------------------------------------------------

WEB = "https://example.com"
PATIENT = """
from reelscope.cli import batch_run, main

batch_run.CANCEL_S = 600.0
main()
"""  # a server that is held up is told nevertheless what is not wanted any more


def test_a_server_does_it(cli: Any, place: Path, server: Jobs) -> None:
    (place / "clip.mp4").write_bytes(b"video")
    path = listed(place, f"{WEB}/one", "clip.mp4", f"{WEB}/bad", f"{WEB}/gone", "missing.mp4")
    result = cli(["batch", path, "--server", server.stub.url, "--workers", "1", "--tier", "compact", "--priority", "9"])
    assert result.code == 3, result.err
    assert [line.split(": ")[0] for line in result.out.splitlines()] == ["done", "done", "failed", "cancelled", "failed"]
    assert server.stub.of("POST", "/analyses")[0].json() == {"url": f"{WEB}/one", "tier": "compact", "priority": 9}
    for source in (f"{WEB}/one", "clip.mp4"):
        assert (place / "out/clips" / folder_of(source) / "analysis.json").read_bytes() == DOCUMENT
    kept = [e for e in journal_of(place) if e["state"] != "submitted"]
    assert [(e["state"], e.get("id")) for e in kept][:2] == [("done", f"{1:032x}"), ("done", f"{2:032x}")]
    assert kept[2]["error"]["code"] == "no_video"
    assert kept[3]["error"]["code"] == "cancelled"
    assert kept[4]["error"]["code"] == "no_file"
    assert not (place / "out/clips" / folder_of(f"{WEB}/bad")).exists()


def test_as_many_are_outstanding_as_was_asked_for(cli: Any, place: Path, server: Jobs) -> None:
    server.release_at = 3
    result = cli(["batch", listed(place, *[f"{WEB}/slow-{n}" for n in range(12)]), "--server", server.stub.url, "--workers", "3"])
    assert (result.code, len(result.out.splitlines()), server.most) == (0, 12, 3)


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_a_batch_on_a_server_that_was_ended_goes_on(cli: Any, place: Path, server: Jobs, end: signal.Signals) -> None:
    path = listed(place, f"{WEB}/one", f"{WEB}/slow-1", f"{WEB}/slow-2", f"{WEB}/two")
    child = subprocess.Popen(
        [sys.executable, "-c", PATIENT, "batch", path, "--workers", "2", "--server", server.stub.url],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ),
    )  # fmt: skip
    try:
        journal = place / "out/clips/batch.jsonl"
        wait_for(lambda: journal.exists() and journal.read_text().count("submitted") == 3, child)
        child.send_signal(end)
        child.communicate(timeout=60)
    finally:
        child.kill()
        child.wait()
    cancelled = {server.sources[c.path.split("/")[2]] for c in server.stub.of("DELETE", ".*")}
    assert cancelled == ({f"{WEB}/slow-1", f"{WEB}/slow-2"} if end == signal.SIGINT else set())
    server.release.set()
    result = cli(["batch", path, "--server", server.stub.url])
    assert result.code == 0, result.err
    submitted = [c.json()["url"] for c in server.stub.of("POST", "/analyses")]
    # what a kill left on the server is taken up there; what an interrupt gave up is asked for anew
    assert sorted(submitted) == sorted([f"{WEB}/one", f"{WEB}/slow-1", f"{WEB}/slow-2", f"{WEB}/two", *cancelled])
    assert sum(e["state"] == "done" for e in journal_of(place)) == 4


def test_what_a_killed_run_left_may_be_gone(cli: Any, place: Path, server: Jobs) -> None:
    path = listed(place, f"{WEB}/one")
    cli(["batch", path, "--server", server.stub.url])
    journal = place / "out/clips/batch.jsonl"
    journal.write_text(journal.read_text().splitlines()[0] + "\n")  # submitted, and nothing since
    server.sources.clear()
    server.final.clear()
    result = cli(["batch", path, "--server", server.stub.url])
    assert result.code == 0, result.err
    assert len(server.stub.of("POST", "/analyses")) == 2


@pytest.mark.parametrize(("answer", "code"), [(refused(401, "bad_token", "no"), 2), (refused(503, "queue_full", "no"), 1), (hung_up, 1)])
def test_a_server_that_takes_nothing_ends_the_batch(
    cli: Any, place: Path, server: Jobs, monkeypatch: pytest.MonkeyPatch, answer: Any, code: int
) -> None:
    monkeypatch.setattr("reelscope.client.retry.Retries.pause_s", lambda *a, **k: 0.0)
    server.stub.on("POST", "/analyses", answer)
    result = cli(["batch", listed(place, *[f"{WEB}/{n}" for n in range(30)]), "--server", server.stub.url, "--workers", "2"])
    assert result.code == code, result.err
    assert "the same command goes on from here" in result.err
    assert journal_of(place) == []
    assert len(server.stub.calls) <= 2 * 11


def test_a_long_wait_for_the_server_is_told_once(cli: Any, place: Path, server: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reelscope.client.retry.Retries.pause_s", lambda *a, **k: 0.01)
    monkeypatch.setattr("reelscope.cli.batch_run.LONG_NAP_S", 0.01)
    server.stub.on("POST", "/analyses", refused(503, "disk_full", "no", retryable=True))
    result = cli(["batch", listed(place, f"{WEB}/one", f"{WEB}/two"), "--server", server.stub.url])
    assert result.code == 1
    assert result.err.count("the server takes nothing more for now") == 1, result.err


def test_one_that_the_server_refuses_does_not_stop_the_others(cli: Any, place: Path, server: Jobs) -> None:
    path = listed(place, "ftp://example.com/x", f"{WEB}/one")
    submit = server._submit

    def picky(handler: Any, call: Any) -> None:
        url = call.json()["url"]
        (refused(422, "bad_url", f"{url}: not http") if url.startswith("ftp") else submit)(handler, call)

    server.stub.on("POST", "/analyses", picky)
    result = cli(["batch", path, "--server", server.stub.url])
    assert result.code == 2
    assert sorted(e["state"] for e in journal_of(place)) == ["done", "failed", "submitted"]


def test_no_server_there(cli: Any, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reelscope.client.retry.Retries.pause_s", lambda *a, **k: 0.0)
    result = cli(["batch", listed(place, f"{WEB}/one"), "--server", "http://127.0.0.1:1"])
    assert result.code == 1
    assert "error: no server answers at http://127.0.0.1:1: connection refused\nhint: start one: reelscope serve" in result.err


def test_the_journal_is_json_that_other_programs_read(cli: Any, place: Path, server: Jobs) -> None:
    cli(["batch", listed(place, f"{WEB}/one"), "--server", server.stub.url, "--json"])
    assert [json.loads(line)["state"] for line in (place / "out/clips/batch.jsonl").read_text().splitlines()] == ["submitted", "done"]
