"""What is secret appears nowhere: no answer, no log, no column of the database, no file of the data folder."""

from __future__ import annotations

import json
import logging
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

import reelscope.cli
from reelscope.api import AnalysisRequest
from reelscope.config import Settings
from reelscope.errors import ConfigError
from reelscope.server.callbacks import secret_of
from reelscope.server.db import Database, open_database
from reelscope.server.durable import Durable
from reelscope.server.jobs import Handed, Jobs
from reelscope.server.tokens import digest
from tests.server.guard import DEADLINE_S, Guarded, guarded, serving

HUSH = "hush-hush-hush"


@pytest.fixture
def g() -> Iterator[Guarded]:
    made = guarded()
    made.database.prepare()
    yield made
    made.database.close()


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Every logger of ours, of uvicorn and of the database's tools, at its most talkative."""
    names = ["reelscope", "uvicorn", "uvicorn.error", "uvicorn.access", "sqlalchemy", "fastapi", "dbos", "asyncio"]
    loggers = [logging.getLogger(name) for name in names]
    before = [(one.level, one.propagate) for one in loggers]
    for one in loggers:
        one.setLevel(logging.DEBUG)
        one.propagate = True
    caplog.set_level(logging.DEBUG)
    for client in ("httpx", "httpcore"):  # what asks here is the test's own
        caplog.set_level(logging.WARNING, client)
    yield caplog
    for one, (level, propagate) in zip(loggers, before, strict=True):
        one.setLevel(level)
        one.propagate = propagate


def columns(database: Database) -> str:
    """Everything that is in the database, in every table, DBOS's too."""
    with database.engine.connect() as c:
        names = sa.inspect(c).get_table_names()
        assert "reelscope_tokens" in names
        return "\n".join(repr(row) for name in names for row in c.exec_driver_sql(f'SELECT * FROM "{name}"'))


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_tokens_and_sessions_are_nowhere(g: Guarded, everything_logged: pytest.LogCaptureFixture) -> None:
    text = g.tokens.create("laptop")
    wrong = "rs_" + "Hush" * 10 + "abc"
    answers: list[httpx.Response] = []
    with serving(g.app) as (host, port), httpx.Client(base_url=f"http://{host}:{port}", timeout=DEADLINE_S) as client:
        answers.append(client.post("/session", json={"token": text}))
        cookie = client.cookies["reelscope_session"]
        for headers in (
            {"Authorization": f"Bearer {text}"},
            {"Authorization": f"Bearer {wrong}"},
            {},
            {"Cookie": f"reelscope_session={wrong}"},
        ):
            for path in ("/analyses", "/fails", "/nothing", f"/analyses?token={wrong}"):
                answers.append(client.get(path, headers=headers))
            answers.append(client.post("/analyses", json={"url": ["x"], "token": wrong}, headers=headers))
        answers.append(client.post("/session", json={"token": wrong}))
        answers.append(client.post("/session", json={"token": [wrong]}))
        answers.append(client.post("/session", content=wrong, headers={"Content-Type": "application/json"}))
    assert {a.status_code for a in answers} >= {200, 204, 400, 401, 404, 422, 500}
    secrets = (text, text[3:], wrong, cookie, cookie.rpartition(".")[2])
    told = "\n".join(a.text for a in answers if a.status_code != 422)  # its words are the app's; see the tests of the API
    kept = columns(g.database)
    stored = files(g.folder)
    assert digest(text) in kept
    assert "POST" not in kept
    assert any(path.name == "server.sqlite3" for path in stored)
    for secret in secrets:
        assert secret not in told
        assert secret not in everything_logged.text
        assert secret not in kept
        assert [path for path, content in stored.items() if secret.encode() in content] == []
    for path in (g.folder / "session.key", g.folder / "server.sqlite3"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    key = (g.folder / "session.key").read_bytes()
    assert all(key not in content for path, content in stored.items() if path.name != "session.key")


def test_the_key_of_callbacks_is_its_owners(g: Guarded, everything_logged: pytest.LogCaptureFixture) -> None:
    key = secret_of(g.folder).decode()
    holders = [path for path, content in files(g.folder).items() if key.encode() in content]
    assert len(holders) == 1
    assert stat.S_IMODE(holders[0].stat().st_mode) == 0o600
    assert key not in everything_logged.text
    assert key not in columns(g.database)


def test_an_error_of_the_database_does_not_show_a_signed_address(g: Guarded, everything_logged: pytest.LogCaptureFixture) -> None:
    durable = Durable(g.database)
    try:
        jobs = Jobs(g.database, durable)
        request = AnalysisRequest(url=f"https://cdn.example/a.mp4?signature={HUSH}", callback_url=f"https://hooks.example/{HUSH}")
        g.database.write(lambda c: c.exec_driver_sql("DROP TABLE reelscope_jobs"))

        @g.app.post("/hand-in")
        def hand_in() -> None:
            jobs.hand_in(Handed(request, "url", "a.mp4", "a.mp4", url=request.url))

        response = g.ask("POST", "/hand-in")
    finally:
        durable.close()
    assert response.status_code == 500
    assert "no such table" in everything_logged.text  # the log does tell what is wrong
    assert HUSH not in everything_logged.text
    assert HUSH not in response.text


@pytest.mark.parametrize("password", [HUSH, f"{HUSH}%40%2F%3A", f"{HUSH}:x"])
def test_the_databases_password_is_not_shown_when_it_cannot_be_reached(
    password: str, everything_logged: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    database = open_database(Settings.model_validate({"server": {"database": f"postgresql://user:{password}@127.0.0.1:1/reels"}}))
    try:
        with pytest.raises(ConfigError) as caught:
            database.prepare()
    finally:
        database.close()
    assert caught.value.code == "database_failed"
    out, err = capfd.readouterr()
    for text in (caught.value.message, str(caught.value.hint), everything_logged.text, out, err, database.shown, repr(database.engine)):
        assert HUSH not in text
    assert "user:***@127.0.0.1:1/reels" in database.shown


@pytest.mark.parametrize("given", [f"user:{HUSH}@127.0.0.1", f"mysql://user:{HUSH}@127.0.0.1/a", f"postgres ql://user:{HUSH}@127.0.0.1/a"])
def test_an_address_of_no_database_is_not_repeated(given: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_database(Settings.model_validate({"server": {"database": given}}))
    assert HUSH not in caught.value.message + str(caught.value.hint)


@pytest.mark.parametrize(
    "given",
    [
        f"postgresql://user:{HUSH}@db.example:5432/reels", f"postgresql://user:a@{HUSH}:/?#@db.example/reels", f"postgresql://:{HUSH}@db.example",
        f"postgresql://db.example/reels?user=a&password={HUSH}&sslmode=require",
    ],
)  # fmt: skip
@pytest.mark.parametrize("how", ["flag", "environment", "file"])
@pytest.mark.parametrize("more", [[], ["--origin"], ["--json"], ["--json", "--origin"]])
def test_config_show_hides_it(
    given: str, how: str, more: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    flags: list[str] = []
    if how == "flag":
        flags = ["--set", f"server.database={given}"]
    elif how == "environment":
        monkeypatch.setenv("REELSCOPE_SERVER__DATABASE", given)
    else:
        (tmp_path / "reelscope.toml").write_text(f"server.database = {json.dumps(given)}\n")
    assert reelscope.cli.run(["config", "show", *more, *flags]) == 0
    out, err = capsys.readouterr()
    assert HUSH not in out + err
    assert "***" in out
    assert "db.example" in out


def test_config_show_shows_what_is_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for given in ("postgresql://user@db.example:5432/reels", "sqlite:////srv/reels.sqlite3"):
        assert reelscope.cli.run(["config", "show", "--set", f"server.database={given}"]) == 0
        assert f'server.database = "{given}"\n' in capsys.readouterr().out


def test_a_request_that_fails_leaves_no_body_in_the_log(g: Guarded, everything_logged: pytest.LogCaptureFixture) -> None:
    asked: Any = {"url": f"https://user:{HUSH}@cdn.example/a.mp4?sig={HUSH}", "callback_url": f"https://hooks.example/{HUSH}"}
    assert g.ask("POST", "/analyses", json=asked).status_code == 202
    assert g.ask("POST", "/fails", json=asked).status_code == 405
    assert g.ask("GET", f"/fails?url=https://cdn.example/{HUSH}").status_code == 500
    assert HUSH not in everything_logged.text
