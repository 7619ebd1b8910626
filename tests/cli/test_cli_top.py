"""`reelscope top`: what it prints, live on a terminal and once elsewhere, on narrow screens, and when the server goes away."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from fcntl import ioctl
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from reelscope.cli import top as module
from reelscope.cli.top import look, top
from reelscope.cli.top_view import bar, view
from reelscope.client import ApiError, Client, Retries
from reelscope.server.monitor.shapes import MonitorSnapshot
from tests.client.stub import Stub, hung_up, refused, reply, start, told
from tests.server.monitor.made import example

DEADLINE_S = 180.0
SNAPSHOT = example().model_dump(mode="json")


@pytest.fixture
def server(place: Path) -> Iterator[Stub]:
    stub, running = start()
    yield stub.on("GET", "/monitor", told(SNAPSHOT))
    running.shutdown()
    running.server_close()


def call(server: Stub, *, once: bool = False, as_json: bool = False) -> None:
    top(server=server.url, token_file=None, once=once, as_json=as_json)


def shown(snapshot: MonitorSnapshot, width: int, **more: Any) -> list[str]:
    out = Console(file=StringIO(), width=width, highlight=False)
    out.print(view(snapshot, width=width, server="http://here:8003", **more))
    return out.file.getvalue().splitlines()  # type: ignore[attr-defined]


def test_once_where_nobody_looks(server: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    call(server)
    text = capsys.readouterr().out
    for part in (
        "ready, up 50 s",
        "3 waiting (the oldest for 12 s), 1 running",
        "1 failed",
        "decode a clip",
        "50%",
        "lost",
        "cut_analysis",
    ):
        assert part in text, part
    assert "\x1b" not in text and len(server.calls) == 1


def test_json_is_the_servers_answer(server: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    call(server, as_json=True)
    assert json.loads(capsys.readouterr().out) == SNAPSHOT


@pytest.mark.parametrize("width", [60, 79, 80, 109, 110, 200])
def test_every_width_shows_what_matters_and_fits(width: int) -> None:
    lines = shown(example(), width)
    assert all(len(line) <= width for line in lines)
    text = "\n".join(lines)
    for part in ("alpha-77-1-aaaa", "0.9 of 4.0 GiB", "50% decode a clip", "beta:1", "lost", "cut_analysis", "50.0%", "yamnet", "8.8 GiB"):
        assert part in text, part
    assert ("gpu-0 on cuda:0" in text) == (width >= 110)


def test_what_is_not_known_is_a_dash_and_not_zero() -> None:
    made = example()
    bare = made.model_copy(update={
        "machines": [made.machines[0].model_copy(update={"cpu_percent": None, "memory_used_mib": None, "load_1m": None, "disks": []})],
        "analyzers": [made.analyzers[0].model_copy(update={"error_rate_5m": None, "seconds_median_5m": None, "runs_5m": 0})],
        "models": [made.models[0].model_copy(update={"hits": 0, "misses": 0, "hit_rate": None})],
    })  # fmt: skip
    lines = shown(bare, 120)
    assert re.fullmatch(r"web +- of 2 +- +- +- +- +-\s*", next(line for line in lines if line.startswith("web")))
    assert re.match(r"cut_analysis +0 +- +- +2", next(line for line in lines if line.startswith("cut_analysis")))
    assert re.match(r"yamnet +- +0", next(line for line in lines if line.startswith("yamnet")))


def test_nothing_there_yet() -> None:
    made = example().model_copy(update={"workers": [], "analyzers": [], "models": [], "machines": []})
    assert "no workers" in shown(made, 80)


def test_hostile_names_do_not_reach_the_terminal() -> None:
    made = example()
    doing = made.workers[0].doing[0].model_copy(update={"title": "evil\x1b]0;owned\x07[bold]x[/]\u202e\nnext"})
    worker = made.workers[0].model_copy(update={"doing": [doing], "id": "w\x1b[2J"})
    for width in (60, 120):
        text = "\n".join(shown(made.model_copy(update={"workers": [worker]}), width))
        assert "\x1b" not in text and "\x07" not in text and "\u202e" not in text and "[bold]x[/]" in text


def test_trouble_and_silence_are_told() -> None:
    made = example()
    silent = made.workers[0].model_copy(update={"beat_age_s": 17.0})
    text = "\n".join(shown(made.model_copy(update={"workers": [silent]}), 120, trouble="no server answers"))
    assert "ready, silent 17 s" in text and "no server answers; figures of 08:00:00 UTC" in text


def test_a_process_near_its_limit_is_shown_on_any_but_the_smallest_screen() -> None:
    made = example()
    near = made.workers[0].engine[0].model_copy(update={"rss_mib": 6800.0})
    worker = made.workers[0].model_copy(update={"engine": [near]})
    assert any("cpu-0 on cpu" in line for line in shown(made.model_copy(update={"workers": [worker]}), 80))
    assert not any("cpu-0 on cpu" in line for line in shown(made, 80))


def test_bars() -> None:
    assert [bar(x) for x in (None, 0.0, 0.55, 1.0, 7.0)] == [" " * 10, "░" * 10, "█" * 6 + "░" * 4, "█" * 10, "█" * 10]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (refused(401, "unauthorized", "a token is needed"), "unauthorized"),
        (told({"hello": 1}), "bad_answer"),
        (reply(200, b"<html>"), "bad_answer"),
        (hung_up, "no_answer"),
    ],
)
def test_what_is_no_answer_is_an_error(server: Stub, answer: Any, code: str) -> None:
    server.on("GET", "/monitor", answer)
    with Client(server.url, retries=Retries(times=0)) as client, pytest.raises(ApiError) as caught:
        look(client)
    assert caught.value.code == code


def test_a_server_that_goes_away_is_asked_on(server: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    answers = iter([refused(503, "busy", "not now"), told({**SNAPSHOT, "version": "9.9.9"})])

    def sleep(seconds: float) -> None:
        answer = next(answers, None)
        if answer is None:
            raise KeyboardInterrupt
        server.on("GET", "/monitor", answer)

    def view(snapshot: MonitorSnapshot, **more: Any) -> str:
        seen.append((snapshot.version, more["trouble"]))
        return ""

    monkeypatch.setattr("reelscope.cli.top_view.view", view)
    with Client(server.url, retries=Retries(times=0)) as client:
        module._live(client, look(client), sleep=sleep)
    assert [s[0] for s in seen][-1] == "9.9.9" and [s[1] for s in seen] == [None, "not now", None]


def test_live_on_a_terminal_until_ctrl_c(server: Stub) -> None:
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    program = f"from reelscope.cli.top import top; top(server={server.url!r}, token_file=None, once=False, as_json=False)"
    env = {**os.environ, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"}
    env.pop("COLUMNS", None)
    process = subprocess.Popen([sys.executable, "-c", program], stdin=theirs, stdout=theirs, stderr=theirs, env=env, start_new_session=True)
    os.close(theirs)
    text = b""
    end = time.monotonic() + DEADLINE_S
    try:
        while len(server.calls) < 3:
            if select.select([ours], [], [], 0.1)[0]:
                text += os.read(ours, 65536)
            assert time.monotonic() < end, text
        process.send_signal(signal.SIGINT)
        while time.monotonic() < end:
            try:
                if select.select([ours], [], [], 0.1)[0]:
                    text += os.read(ours, 65536)
            except OSError:  # its end of the terminal is closed
                break
        assert process.wait(DEADLINE_S) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    plain = text.decode(errors="replace")
    assert "\x1b[?1049h" in plain and plain.rstrip().endswith(("\x1b[?1049l", "\x1b[?25h"))  # the screen is as it was
    assert "cut_analysis" in plain and "Traceback" not in plain


def test_importing_it_is_light() -> None:
    program = "import sys, reelscope.cli.top; print([m for m in ('rich', 'httpx', 'fastapi', 'sqlalchemy', 'psutil') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
