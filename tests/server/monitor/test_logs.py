"""The log as JSON: what stands in a line, that one job's story is found again, and that no secret is ever written."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reelscope.server.monitor.lines import read_lines
from reelscope.server.monitor.logs import LONGEST, JsonLines, bound, log_to_files, stderr_handler, story
from reelscope.server.monitor.redact import Redactor, redact

log = logging.getLogger("reelscope.tests.logs")
JOB, OTHER = "0123456789abcdef" * 2, "fedcba9876543210" * 2


@pytest.fixture(autouse=True)
def levels() -> Iterator[None]:
    """What a test opens is closed again."""
    before = {name: logging.getLogger(name).level for name in ("reelscope", "uvicorn", "dbos")}
    yield
    assert {name: logging.getLogger(name).level for name in before} == before
    assert not any(h for name in before for h in logging.getLogger(name).handlers if type(h).__name__ == "_Files")


def lines(data_dir: Path) -> list[dict[str, Any]]:
    return list(read_lines(data_dir / "logs", "log"))


def test_a_line_carries_what_the_thread_is_at_work_on(tmp_path: Path) -> None:
    with log_to_files(tmp_path, worker="w-1"):
        log.info("outside")
        with bound(job=JOB):
            with bound(analyzer="cut_analysis"):
                log.warning("slow by %d", 3)
            log.error("given", extra={"analyzer": "speech_flow", "worker": "w-2"})
    told = [{k: v for k, v in each.items() if k != "time"} for each in lines(tmp_path)]
    common = {"logger": "reelscope.tests.logs"}
    assert told == [
        {**common, "level": "info", "message": "outside", "worker": "w-1"},
        {**common, "level": "warning", "message": "slow by 3", "job": JOB, "analyzer": "cut_analysis", "worker": "w-1"},
        {**common, "level": "error", "message": "given", "job": JOB, "analyzer": "speech_flow", "worker": "w-2"},
    ]
    assert all(each["time"].endswith("+00:00") for each in lines(tmp_path))


def test_a_traceback_stands_in_its_line(tmp_path: Path) -> None:
    with log_to_files(tmp_path):
        try:
            raise ValueError("no\nsuch thing")
        except ValueError:
            log.exception("it failed")
    (made,) = lines(tmp_path)
    assert "test_logs.py" in made["trace"] and made["trace"].rstrip().endswith("such thing")


def test_levels_and_loggers(tmp_path: Path) -> None:
    with log_to_files(tmp_path, level="warning"):
        log.info("too little")
        logging.getLogger("uvicorn.error").warning("of the server")
        logging.getLogger("somebody.else").error("not ours")
    assert [each["message"] for each in lines(tmp_path)] == ["of the server"]


@pytest.mark.parametrize("fault", ["format", "text"])
def test_a_record_that_cannot_be_put_together_is_told_all_the_same(fault: str) -> None:
    class Bad:
        def __str__(self) -> str:
            raise RuntimeError

    given = {"format": ("x %d y", "word"), "text": ("x %s y", Bad())}[fault]
    record = logging.LogRecord("reelscope.x", logging.ERROR, "x.py", 1, given[0], (given[1],), None)
    made = json.loads(JsonLines().format(record))
    assert "could not be put together" in made["message"] and made["level"] == "error"


def test_odd_characters_and_long_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("reelscope"), "propagate", False)  # pytest-xdist cannot hand captured half characters on
    with log_to_files(tmp_path):
        log.info("a\x00b\n\udcff é \u2028")
        log.info("x" * (3 * LONGEST))
    first, second = lines(tmp_path)
    assert "é" in first["message"] and "\n" in first["message"]
    assert len(second["message"]) < LONGEST + 20


def test_the_story_of_one_job_from_several_processes(tmp_path: Path) -> None:
    server, worker = log_to_files(tmp_path), log_to_files(tmp_path, worker="w-1")
    server_log, worker_log = logging.getLogger("reelscope.web"), logging.getLogger("reelscope.work")
    worker.close()
    with bound(job=JOB):
        server_log.warning("came in")
    with bound(job=OTHER):
        server_log.warning("another one, after %s", JOB)  # names it, and is not about it
    server.close()
    with log_to_files(tmp_path, worker="w-1"), bound(job=JOB):
        worker_log.warning("began")
        worker_log.warning("ended", extra={"analyzer": "cut_analysis"})
    told = story(JOB, tmp_path)
    assert [each["message"] for each in told] == ["came in", "began", "ended"]
    assert [each.get("worker") for each in told] == [None, "w-1", "w-1"] and told[2]["analyzer"] == "cut_analysis"
    assert [each["message"] for each in story(OTHER, tmp_path)] == [f"another one, after {JOB}"]
    assert story("f" * 32, tmp_path) == [] and story(JOB, tmp_path / "nowhere") == []


def test_the_files_are_bounded_and_dropped_lines_are_counted(tmp_path: Path) -> None:
    with log_to_files(tmp_path, file_bytes=2000, files=2) as files:
        for n in range(200):
            log.info("line %d", n)
        assert files.dropped == 0
    assert sum(p.stat().st_size for p in (tmp_path / "logs").iterdir()) <= 4000
    assert lines(tmp_path)[-1]["message"] == "line 199"
    (tmp_path / "file").write_text("")
    with log_to_files(tmp_path / "file") as files:
        log.info("nowhere")
        assert files.dropped == 1


# What must not be written, what must be left of the text.
SECRETS = [
    ("Authorization: Bearer rs_abc.DEF-123~x/y+z==", "rs_abc", "Authorization: ***"),
    ("got 'Bearer rs_topsecret123' from 10.0.0.1", "rs_topsecret123", "from 10.0.0.1"),
    ("headers={'authorization': 'Bearer topsecret', 'accept': '*/*'}", "topsecret", "'accept': '*/*'"),
    ("[(b'authorization', b'Bearer topsecret'), (b'host', b'x')]", "topsecret", "(b'host', b'x')"),
    ('{"cookie": "sessionid=topsecret; b=2", "n": 1}', "topsecret", '"n": 1'),
    ("Cookie: sessionid=topsecret; tt_chain=alsosecret\nHost: x", "topsecret", "Host: x"),
    ("Cookie: sessionid=x1; tt_chain=alsosecret\nHost: x", "alsosecret", "Host: x"),
    ("Set-Cookie: msToken=topsecret; Path=/", "topsecret", "Set-Cookie: ***"),
    ("authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz", "authorization"),
    ("proxy basic dXNlcjpwYXNzd29yZA== refused", "dXNlcjpwYXNzd29yZA", "refused"),
    ("cannot reach postgresql://me:pa55word@db.example:5432/reels", "pa55word", "@db.example:5432/reels"),
    ("cannot reach postgresql+psycopg://me:p:5#5w/rd@db/reels", "p:5", "reels"),
    ("https://me:p@topsecret@a.example/x", "topsecret", "https://***@a.example/x"),
    ("socks5://u:topsecret@proxy:1080", "topsecret", "proxy:1080"),
    ("GET https://cdn.example/clip.mp4?x-expires=17&x-signature=AbC%3D&l=2", "AbC", "https://cdn.example/clip.mp4"),
    ("https://s3.example/k?X-Amz-Credential=AKIA123&X-Amz-Signature=fe12", "AKIA123", "X-Amz-Credential=***"),
    ("https://s3.example/k?X-Amz-Credential=AKIA123&X-Amz-Signature=fe12", "fe12", "X-Amz-Signature=***"),
    ("https://a.example/v?some_new_name=topsecret", "topsecret", "some_new_name=***"),
    ("https://a.example/cb#access_token=topsecret&x=1", "topsecret", "https://a.example/cb"),
    ('"GET /analyses?token=topsecret HTTP/1.1" 200', "topsecret", "HTTP/1.1"),
    ("password=topsecret, host=db", "topsecret", "host=db"),
    ("{'db_password': 'topsecret', 'n': 3}", "topsecret", "'n': 3"),
    ("callback_secret: topsecret", "topsecret", "callback_secret"),
    ("API_KEY=topsecret next", "topsecret", "next"),
    ("X-Reelscope-Signature: t=1,v1=topsecret", "topsecret", "X-Reelscope-Signature"),
]


@pytest.mark.parametrize(("text", "secret", "left"), SECRETS)
@pytest.mark.parametrize("place", ["message", "argument", "exception", "field"])
def test_secrets_are_never_written(tmp_path: Path, text: str, secret: str, left: str, place: str) -> None:
    with log_to_files(tmp_path):
        if place == "message":
            log.warning(text)
        elif place == "argument":
            log.warning("saw %s", text)
        elif place == "exception":
            try:
                raise RuntimeError(text)
            except RuntimeError:
                log.exception("failed")
        else:
            log.warning("x", extra={"worker": text})
    raw = b"".join(p.read_bytes() for p in (tmp_path / "logs").iterdir()).decode()
    assert secret not in raw
    if place != "exception":  # a traceback shows this file's own lines, too
        assert left in redact(text)


def test_stderr_is_redacted_and_keeps_its_own_level(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    handler = stderr_handler("warning", secrets=["hunter22"])
    logging.getLogger("reelscope").addHandler(handler)
    try:
        with log_to_files(tmp_path):
            log.info("for the files")
            try:
                raise RuntimeError("Bearer topsecret1")
            except RuntimeError:
                log.exception("hunter22 at https://a.example/?sig=abc")
    finally:
        logging.getLogger("reelscope").removeHandler(handler)
    told = capsys.readouterr().err
    assert told.startswith("ERROR:reelscope.tests.logs:*** at https://a.example/?sig=***\nTraceback")
    assert "RuntimeError: Bearer ***" in told and "for the files" not in told
    assert [each["level"] for each in lines(tmp_path)] == ["info", "error"]


HARMLESS = [
    "https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=4",
    "GET /analyses?limit=20&page=2&state=done",
    "job 0123 took 3.5 s in cut_analysis: ok=3, failed=0",
    "tokens: 512, max_tokens=50",
    "cookies file /home/x/cookies.txt does not exist",
    "C:\\clips\\a=b.mp4; next",
    "mail a@b.example, see http://example.com/a@b",
    "the token of 'alpha' was made",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


def test_named_secrets_are_found_wherever_they_stand(tmp_path: Path) -> None:
    with log_to_files(tmp_path, secrets=["hunter22", "", "ab"]):
        log.warning("xxhunter22xx about")
    assert lines(tmp_path)[0]["message"] == "xx***xx about"
    assert Redactor(["longer-secret-1", "longer-secret"])("longer-secret-1") == "***"


def test_a_secret_across_the_cut_of_a_long_text_is_not_written() -> None:
    made = logging.makeLogRecord({"msg": "x" * (LONGEST // 2 - 5) + "hunter22-abcdef" + "y" * LONGEST, "levelname": "INFO"})
    text = JsonLines(redactor=Redactor(["hunter22-abcdef"])).format(made)
    assert "hunte" not in text and json.loads(text)["message"].startswith("xxx")


def test_redacting_is_linear() -> None:
    import time

    def seconds(text: str) -> float:
        started = time.thread_time()  # its own work: what others do on the machine meanwhile is not in it
        redact(text)
        return time.thread_time() - started

    for unit in ("a.", "a-", "://", "token", "?a=", "cookie:", '"', "bearer ", "x@", "a://"):
        short, long = (min(seconds(unit * n) for _ in range(3)) for n in (1500, 6000))
        assert long < 10 * short + 0.05, unit  # four times the text; sixteen would be its square
