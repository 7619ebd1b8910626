"""The real application, guarded: every address of it, and secrets that are handed in."""

from __future__ import annotations

import asyncio
import logging
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.routing import APIRoute

from reelscope.api import ErrorBody
from reelscope.config import Settings
from reelscope.config.places import data_dir
from reelscope.server.app import create_app
from reelscope.server.db import Database, open_database
from reelscope.server.limits import Buckets
from reelscope.server.monitor.logs import log_to_files
from reelscope.server.tokens import Tokens
from tests.server.guard import DEADLINE_S, HERE, serving

HUSH = "hush-hush-hush"
OPEN = {("GET", "/"), ("GET", "/health"), ("GET", "/ready"), ("POST", "/session"), ("DELETE", "/session")}


@pytest.fixture
def settings() -> Settings:
    return Settings.model_validate({"server": {"workers": 0, "min_free_disk_mib": 0}})


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    made = open_database(settings)
    made.prepare()
    yield made
    made.close()


def addresses(app: FastAPI) -> list[tuple[str, str]]:
    """Method and path of everything that the application answers, with names filled in."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whether the description is a good one is for other tests
        paths = app.openapi()["paths"]
    found = [(method.upper(), path) for path, methods in paths.items() for method in methods]
    found += [(method, route.path) for route in app.routes if isinstance(route, APIRoute) for method in route.methods]
    found += [("GET", "/openapi.json"), ("HEAD", "/analyses"), ("GET", "/docs")]
    return sorted({(method, re.sub(r"\{[^}]*\}", "a" * 32, path)) for method, path in found})


def test_every_address_needs_the_right_token(settings: Settings, database: Database) -> None:
    """Also one that is added later: open are those that this test names, and no other."""
    app = create_app(settings, database=database)
    app.state.security.failures = Buckets(1e6)
    tokens = Tokens(database)
    client, worker = tokens.create("laptop"), tokens.create("gpu", "worker")

    async def ask(method: str, path: str, token: str | None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        form = path == "/analyses/upload"
        headers["Content-Type"] = "multipart/form-data; boundary=b" if form else "application/json"
        body = b"{}" if method in ("POST", "PUT") else b""
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 4000))
        async with httpx.AsyncClient(transport=transport, base_url=HERE) as http:
            return await http.request(method, path, content=body, headers=headers)

    async def all_of_them() -> None:
        asked = addresses(app)
        assert len(asked) > 20
        assert any(path.startswith("/blobs/") for _, path in asked)
        for method, path in asked:
            if (method, path) in OPEN or path.startswith("/assets/"):
                continue
            blob = path.startswith("/blobs/")
            expected = [(None, 401, "token_needed"), ("rs_wrong", 401, "token_unknown"), (client if blob else worker, 403, "wrong_scope")]
            for token, status, code in expected:
                response = await ask(method, path, token)
                assert response.status_code == status, (method, path)
                if method != "HEAD":
                    assert ErrorBody.model_validate_json(response.content).code == code, (method, path)

    try:
        asyncio.run(all_of_them())
    finally:
        app.state.parts.durable.close()


def test_signed_addresses_are_told_to_nobody(
    settings: Settings, database: Database, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    for client in ("httpx", "httpcore"):  # what asks here is the test's own
        caplog.set_level(logging.WARNING, client)
    tokens = Tokens(database)
    text = tokens.create("laptop")
    folder = data_dir(settings)
    url = f"https://cdn.example.com/a.mp4?signature={HUSH}"
    asked: dict[str, Any] = {"url": url, "callback_url": f"https://hooks.example.com/{HUSH}?key={HUSH}", "analyzers": ["cut_analysis"]}
    bad: list[dict[str, Any]] = [
        {**asked, "priority": f"{HUSH}"},
        {**asked, "options": {"cut_analysis": {"none_such": HUSH}}},
        {**asked, "cookies": HUSH},
        {"url": f"ftp://user:{HUSH}@cdn.example.com/a.mp4"},
        {"url": f"https://user:{HUSH}@127.0.0.1/a.mp4?signature={HUSH}"},
        {"url": f"https://10.0.0.1/a.mp4?signature={HUSH}"},
        {"url": url, "callback_url": f"http://10.0.0.1/?key={HUSH}"},
        {"url": [HUSH]},
    ]
    headers = {"Authorization": f"Bearer {text}"}
    with (
        log_to_files(folder),
        serving(create_app(settings, database=database), lifespan="on") as (host, port),
        httpx.Client(base_url=f"http://{host}:{port}", headers=headers, timeout=DEADLINE_S) as client,
    ):
        made = client.post("/analyses", json=asked)
        assert made.status_code == 202, made.text
        refused = [client.post("/analyses", json=one) for one in bad]
        seen = [client.get(path) for path in ("/ready", "/metrics", "/health", f"/analyses?q={HUSH}")]
        told = client.get(f"/analyses/{made.json()['id']}")
    assert {r.status_code for r in refused} <= {403, 422}
    for response in (*refused, *seen):
        assert HUSH not in response.text, response.request.url.path
        assert text not in response.text
    assert f"hooks.example.com/{HUSH}" not in told.text  # where it is told to is nobody's business
    out, err = capfd.readouterr()
    logged = "\n".join(path.read_text() for path in folder.rglob("*") if path.is_file() and path.parent.name in ("logs", "monitor"))
    for log in (caplog.text, out, err, logged):
        assert HUSH not in log
        assert text not in log
    _only_the_job_has_it(folder, text)


def _only_the_job_has_it(folder: Path, token: str) -> None:
    """The address stands in the row of the job that needs it, and in no other table; the token nowhere."""
    engine = sa.create_engine(f"sqlite:///{folder / 'server.sqlite3'}")
    try:
        with engine.connect() as c:
            holders = set()
            for name in sa.inspect(c).get_table_names():
                rows = c.exec_driver_sql(f'SELECT * FROM "{name}"').mappings().all()
                holders |= {(name, key) for row in rows for key, value in row.items() if HUSH in str(value)}
                assert not any(token in str(value) for row in rows for value in row.values()), name
    finally:
        engine.dispose()
    assert {name for name, _ in holders} == {"reelscope_jobs"}
    assert {key for _, key in holders} <= {"request", "source_url", "callback_url", "source_name"}
