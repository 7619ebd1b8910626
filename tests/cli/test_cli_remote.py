"""Commands that talk to a server: submit, status, watch, cancel."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reelscope.cli import remote
from reelscope.cli.remote import read_token, request_of
from reelscope.cli.status import span
from reelscope.document.corrections import FILE_NAME, Corrections, Edit, planned
from reelscope.errors import ConfigError, InputError
from tests.cli.jobs_stub import DOCUMENT, KEYFRAME, Jobs, jobs, lines
from tests.client.stub import refused, reply, told
from tests.document.fixtures import full_document

URL = "https://example.com/v"


@pytest.fixture
def server(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jobs]:
    with jobs() as made:
        monkeypatch.setenv("REELSCOPE_SERVER", made.stub.url)
        yield made


def first_id(server: Jobs, source: str) -> str:
    """Put an analysis on the server."""
    id = f"{len(server.sources) + 1:032x}"
    server.sources[id] = source
    return id


# --- the server's address and the token -----------------------------------------------------------------------------------------------


def test_no_server_is_told_with_what_to_do(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reelscope.client.retry.Retries.pause_s", lambda *a, **k: 0.0)
    for command in (["submit", URL], ["status"], ["watch", "a" * 32], ["cancel", "a" * 32]):
        result = cli([*command, "--server", "http://127.0.0.1:1"])
        result.assert_refused(1, "no server answers at http://127.0.0.1:1", "reelscope serve")


def test_the_option_wins_over_the_variable(cli: Any, server: Jobs) -> None:
    cli(["status", "--server", "ftp://elsewhere"]).assert_refused(2, "ftp://elsewhere")


def test_the_token_comes_from_a_file(cli: Any, server: Jobs, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.stub.on("GET", "/analyses", told({"items": [], "total": 0}))
    own = place.parent / "home/.config/reelscope/token"
    own.parent.mkdir(parents=True)
    own.write_text("of-the-user\n")
    (place / "named").write_text("of-the-option")
    (place / "variable").write_text("of-the-variable")
    cli(["status"])
    monkeypatch.setenv("REELSCOPE_TOKEN_FILE", str(place / "variable"))
    cli(["status"])
    cli(["status", "--token-file", "named"])
    sent = [c.headers["authorization"] for c in server.stub.calls]
    assert sent == ["Bearer of-the-user", "Bearer of-the-variable", "Bearer of-the-option"]


def test_no_token_is_no_header(cli: Any, server: Jobs) -> None:
    server.stub.on("GET", "/analyses", told({"items": [], "total": 0}))
    assert cli(["status"]).code == 0
    assert "authorization" not in server.stub.calls[0].headers


@pytest.mark.parametrize("content", [b"", b"\n", b"two words", b"s3cret\nsecond", b"s3cret\x00", b"s3cret\xc3\xbc", b"s3cret" * 1000])
def test_files_that_hold_no_token_are_refused_and_not_shown(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_token(tmp_path / "token", {})
    assert "s3cret" not in str(caught.value)
    assert caught.value.code == "no_token"


def test_a_token_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(InputError):
            read_token(path, {})
        with pytest.raises(InputError):
            read_token(None, {"REELSCOPE_TOKEN_FILE": str(path)})
    assert read_token(None, {"XDG_CONFIG_HOME": str(tmp_path)}) is None


def test_no_command_takes_a_token_as_an_option() -> None:
    from reelscope.cli.reference import commands

    assert [name for name, command in commands() for p in command.params if "--token" in p.opts] == []


def test_the_token_on_a_foreign_network_is_remarked(monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path) -> None:
    from reelscope.cli.remote import connect

    (tmp_path / "token").write_text("s3cret")
    for server, noted in (("http://h.example:1", True), ("https://h.example", False), ("http://127.0.0.1:1", False)):
        connect(server, tmp_path / "token", env={}).close()
        err = capsys.readouterr().err
        assert ("unencrypted" in err) is noted
        assert "s3cret" not in err


# --- what to compute ------------------------------------------------------------------------------------------------------------------


def test_only_the_command_line_says_what_to_compute(place: Path) -> None:
    (place / "reelscope.toml").write_text('analysis.tier = "full"\nanalysis.backends.cut_analysis = "x"\n')
    plain = request_of(analyzers=None, skip=None, tier=None, backend=None, option=None, fresh=False)
    assert plain == {"analyzers": None, "skip": [], "tier": None, "backends": {}, "options": {}, "fresh": False}
    asked = request_of(
        analyzers=["cut_analysis,body_pose"], skip=["body_pose"], tier="compact", backend=["text_overlay=rapidocr"],
        option=["color_analysis.colors=7"], fresh=True,
    )  # fmt: skip
    assert asked["options"] == {"color_analysis": {"colors": 7}}  # a number, as its analyzer declares
    assert (asked["analyzers"], asked["tier"], asked["backends"]) == (
        ["cut_analysis", "body_pose"],
        "compact",
        {"text_overlay": "rapidocr"},
    )


@pytest.mark.parametrize(
    "wrong", [{"analyzers": ["cuts"]}, {"tier": "best"}, {"option": ["color_analysis.colors=many"]}, {"option": ["x"]}, {"backend": ["x"]}]
)
def test_names_and_values_are_checked_before_anything_is_sent(place: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        request_of(**{"analyzers": None, "skip": None, "tier": None, "backend": None, "option": None, "fresh": False, **wrong})


# --- submit ---------------------------------------------------------------------------------------------------------------------------


def test_submit_prints_ids_and_nothing_else_on_stdout(cli: Any, server: Jobs, place: Path) -> None:
    (place / "clip.mp4").write_bytes(b"video")
    result = cli(["submit", URL, "clip.mp4", "--tier", "compact", "--priority", "1", "--callback", "https://me.example/"])
    assert (result.code, result.out.split()) == (0, [f"{1:032x}", f"{2:032x}"])
    assert result.err.splitlines() == [f"{URL}: queued", "clip.mp4: queued"]
    assert server.stub.calls[0].json() == {"url": URL, "tier": "compact", "priority": 1, "callback_url": "https://me.example/"}
    assert b"clip.mp4" in server.stub.calls[1].body


def test_submit_of_a_path_on_the_server(cli: Any, server: Jobs) -> None:
    assert cli(["submit", "--path", "/srv/clips/a.mp4"]).code == 0
    assert server.stub.calls[0].json() == {"path": "/srv/clips/a.mp4"}


def test_one_source_that_is_refused_does_not_stop_the_others(cli: Any, server: Jobs) -> None:
    result = cli(["submit", "missing.mp4", URL])
    assert (result.code, result.out.split()) == (2, [f"{1:032x}"])
    assert "error: missing.mp4: no such file" in result.err


def test_a_wrong_token_is_told_once(cli: Any, server: Jobs) -> None:
    server.stub.on("POST", "/analyses", refused(401, "bad_token", "the token is not known"))
    result = cli(["submit", URL, f"{URL}2"])
    assert result.code == 2
    assert result.err.count("error: the token is not known") == 1
    assert len(server.stub.calls) == 1


def test_submit_as_json(cli: Any, server: Jobs) -> None:
    result = cli(["submit", URL, f"{URL}2", "--json"])
    assert [one["state"] for one in lines(result.out)] == ["queued", "queued"]


def test_submit_waits_and_writes_the_results(cli: Any, server: Jobs, place: Path) -> None:
    result = cli(["submit", URL, "--wait", "--out", "got"])
    assert result.code == 0, result.err
    assert f"done: {1:032x}: {URL}: 15 analyzers ok, 1 failed, 3 not measured" in result.out
    assert "document: got/analysis.json" in result.out
    assert (place / "got/analysis.json").read_bytes() == DOCUMENT
    assert (place / "got/report.html").read_bytes() == b"<p>report</p>"
    assert {p.name for p in (place / "got/keyframes").iterdir()} == {Path(s.keyframe or "").name for s in full_document().shots}
    assert (place / "got/keyframes/shot-000.jpg").read_bytes() == KEYFRAME
    assert not (place / "got/corrections.json").exists()


def test_what_was_corrected_comes_with_the_results_and_exports_show_it(cli: Any, server: Jobs, place: Path) -> None:
    document = full_document()
    shot, text = document.shots[1], "A table by a window."
    edit = Edit(kind="shot", field="description", start_s=shot.start_s, end_s=shot.end_s, was=shot.description, now=text)
    book = Corrections(sha256=document.source.sha256)
    book.edits += planned(document, book, [edit], author="Ana", at=datetime.now(UTC), new_id=lambda: "one")
    server.stub.on("GET", r"/analyses/([0-9a-f]{32})/corrections", reply(200, book.model_dump_json().encode()))
    result = cli(["submit", URL, "--wait", "--out", "got"])
    assert result.code == 0 and "corrections: got/corrections.json" in result.out
    exported = cli(["export", "got", "--to", "csv"])
    assert exported.code == 0 and text in (place / "got/shots.csv").read_text()
    assert "note: corrections: 1 applied" in exported.err


def test_the_files_name_is_the_one_that_is_looked_for() -> None:
    assert remote.FILE_NAME == FILE_NAME


def test_keyframes_that_the_server_has_no_more_or_that_lead_elsewhere_are_left_out(cli: Any, server: Jobs, place: Path) -> None:
    document = full_document()
    document.shots[0].keyframe, document.shots[1].keyframe = "keyframes/../../escaped.jpg", "elsewhere.jpg"
    server.stub.on("GET", r"/analyses/([0-9a-f]{32})/document", reply(200, document.model_dump_json().encode()))
    server.stub.on("GET", r"/analyses/([0-9a-f]{32})/keyframes/shot-002.jpg", refused(410, "blob_missing"))
    assert cli(["submit", URL, "--wait", "--out", "got"]).code == 0
    names = {p.name for p in (place / "got/keyframes").iterdir()}
    assert names == {Path(s.keyframe or "").name for s in document.shots[3:]}
    assert sorted(p.name for p in place.iterdir()) == ["got"]


def test_several_that_are_waited_for_have_a_folder_each_and_the_highest_exit_code(cli: Any, server: Jobs, place: Path) -> None:
    result = cli(["submit", f"{URL}/one", f"{URL}/bad", f"{URL}/gone", "--wait", "--out", "got"])
    assert result.code == 3
    assert [p.name[:-8] for p in (place / "got").iterdir()] == ["v-one-"]
    assert "error: https://example.com/v/bad: the clip holds no picture\nhint: give a video" in result.err


def test_results_are_only_written_when_they_are_waited_for(cli: Any, server: Jobs) -> None:
    cli(["submit", URL, "--out", "got"]).assert_refused(2, "--wait")
    assert server.stub.calls == []


# --- status, cancel -------------------------------------------------------------------------------------------------------------------


def test_status_lists(cli: Any, server: Jobs) -> None:
    ids = [first_id(server, name) for name in ("one", "bad", "slow", "gone")]
    server.stub.on("GET", "/analyses", told({"items": [server.status(id) for id in ids], "total": 4}))
    result = cli(["status", "--state", "failed", "--search", "cat dog", "--limit", "3"])
    assert server.stub.calls[0].query == {"state": "failed", "q": "cat dog", "limit": "3"}
    rows = result.out.splitlines()
    assert len(rows) == 4  # a head, and as many as were asked for
    assert rows[1].startswith(f"{ids[0]}  done")
    assert "15 ok, 1 failed" in rows[1]
    assert "no_video" in rows[2]
    assert "25%, about 1 min left" in rows[3]
    assert lines(cli(["status", "--json"]).out)[3]["state"] == "cancelled"


def test_status_of_nothing(cli: Any, server: Jobs) -> None:
    server.stub.on("GET", "/analyses", told({"items": [], "total": 0}))
    result = cli(["status"])
    assert (result.code, result.out, result.err) == (0, "", "none\n")


def test_status_refuses_a_state_that_is_none(cli: Any, server: Jobs) -> None:
    cli(["status", "--state", "fail"]).assert_refused(2, "did you mean 'failed'?")


def test_status_of_one_tells_all(cli: Any, server: Jobs) -> None:
    slow, bad = first_id(server, "slow"), first_id(server, "bad")
    text = cli(["status", slow, bad]).out
    for words in ("running, decode, 25%", "in about 1 min; 2 go first (the last 8 clips)", "cut_analysis  running 1.0 of 4.0 s"):
        assert words in text, text
    assert "the clip holds no picture (no_video)" in text
    assert "give a video" in text
    result = cli(["status", "f" * 32, bad, "--json"])
    assert (result.code, [one["id"] for one in lines(result.out)]) == (2, [bad])
    assert f"no analysis {'f' * 32}" in result.err


def test_cancel(cli: Any, server: Jobs) -> None:
    slow = first_id(server, "slow")
    result = cli(["cancel", slow, "f" * 32])
    assert (result.code, result.out) == (2, f"cancelled: {slow}: slow\n")
    assert cli(["cancel", "--purge", slow]).out == f"removed: {slow}\n"
    assert slow not in server.sources


# --- watch ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("source", "code"), [("one", 0), ("bad", 1), ("gone", 3)])
def test_watch_ends_with_the_analysis(cli: Any, server: Jobs, source: str, code: int) -> None:
    id = first_id(server, source)
    result = cli(["watch", id])
    assert result.code == code
    if source == "bad":
        assert result.err.endswith("error: bad: the clip holds no picture\nhint: give a video\n")
    else:
        assert result.out.startswith({"one": "done", "gone": "cancelled"}[source] + f": {id}: {source}")


def test_watch_tells_the_story_of_one(cli: Any, server: Jobs) -> None:
    id = first_id(server, "slow")
    server.stub.on("GET", f"/analyses/{id}/events", lambda handler, call: (server.release.set(), server._events(handler, call))[0])
    result = cli(["watch", id])
    assert result.code == 0, result.err
    assert "slow: decoding and analysing (50%)" in result.err
    assert "slow: a worker was lost" in result.err
    assert "detail" not in result.err


def test_watch_of_several_waits_for_all(cli: Any, server: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [first_id(server, name) for name in ("slow-1", "bad", "slow-2")]
    monkeypatch.setattr("reelscope.cli.watch.time.sleep", lambda s: server.release.set())
    result = cli(["watch", *ids, ids[0]])
    assert result.code == 1
    assert [line.split(":")[0] for line in result.out.splitlines()] == ["done", "done"]


def test_watch_of_what_is_not_there(cli: Any, server: Jobs) -> None:
    cli(["watch", "f" * 32]).assert_refused(2, "no analysis")


def test_an_interrupt_leaves_the_analysis_running_and_says_so(server: Jobs) -> None:
    id = first_id(server, "slow")
    child = subprocess.Popen(
        [sys.executable, "-m", "reelscope", "watch", id], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    try:
        deadline = time.monotonic() + 60
        while not server.stub.of("GET", f"/analyses/{id}/events"):
            assert time.monotonic() < deadline
            assert child.poll() is None, child.communicate()
            time.sleep(0.02)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
    finally:
        child.kill()
        child.wait()
    assert (child.returncode, out) == (130, "")
    assert f"hint: to look again: reelscope watch {id}; to end it: reelscope cancel {id}" in err
    assert server.stub.of("DELETE", ".*") == []


@pytest.mark.parametrize(("seconds", "text"), [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min"), (3599, "1 h 0 min"), (7800, "2 h 10 min")])
def test_spans(seconds: float, text: str) -> None:
    assert span(seconds) == text
