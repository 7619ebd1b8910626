"""Bodies: too large, too slow, of another kind, announced and other than announced; jobs when there is no room for them."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from reelscope.server import intake
from reelscope.server.limits import MIB
from tests.server.guard import DEADLINE_S, Clock, Guarded, guarded, read_answer, send_raw, serving, until

KIB = 1024
FORM = {"Content-Type": "multipart/form-data; boundary=b"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def g() -> Iterator[Guarded]:
    made = guarded(max_upload_mib=1, max_queue=2)
    yield made
    made.database.close()


def code(response: httpx.Response, status: int) -> str:
    assert response.status_code == status, response.text
    assert set(response.json()) == {"code", "message", "hint", "retryable"}
    return response.json()["code"]


def answered(raw: bytes) -> tuple[int, str]:
    head, _, body = raw.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), json.loads(body)["code"]


async def pieces(count: int, size: int = 64 * KIB) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b" " * size


# --- how large ----------------------------------------------------------------------------------------------------------------------------


def test_a_body_that_says_it_is_too_large_is_not_read(g: Guarded) -> None:
    response = g.ask("POST", "/raw", content=b" " * (256 * KIB + 1), headers=JSON)
    assert code(response, 413) == "too_large"
    assert "256 KiB" in response.json()["message"]
    assert g.ask("POST", "/raw", content=b" " * 256 * KIB, headers=JSON).json() == {"size": 256 * KIB}


def test_a_body_that_says_nothing_is_counted(g: Guarded) -> None:
    assert code(g.ask("POST", "/raw", content=pieces(5), headers=JSON), 413) == "too_large"
    assert g.got == []
    assert g.ask("POST", "/raw", content=pieces(4), headers=JSON).json() == {"size": 256 * KIB}


def test_the_app_cannot_speak_over_a_refusal(g: Guarded) -> None:
    """FastAPI makes 400 of everything that goes wrong while it reads a body for a model."""
    assert code(g.ask("POST", "/analyses", content=pieces(5), headers=JSON), 413) == "too_large"


def test_an_upload_is_counted_by_its_own_limit(g: Guarded) -> None:
    assert g.ask("POST", "/analyses/upload", content=pieces(16), headers=FORM).status_code == 202
    response = g.ask("POST", "/analyses/upload", content=pieces(33), headers=FORM)
    assert code(response, 413) == "too_large"
    assert response.json()["message"] == "larger than the 1 MiB that are taken"
    assert code(g.ask("POST", "/analyses/upload", content=b" " * (2 * MIB + 1), headers=FORM), 413) == "too_large"
    assert g.got == [MIB]


def test_lengths_over_a_socket(g: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "LINGER_S", DEADLINE_S)  # the client may stall between two pieces
    post = b"POST /raw HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    with serving(g.app) as address:
        # chunks that never end
        chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
        assert answered(send_raw(address, post + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 6)) == (413, "too_large")
        # both kinds of length: the chunks are what counts (RFC 9112, 6.3)
        both = post + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert answered(send_raw(address, both, *[chunk] * 6)) == (413, "too_large")
        # announced too large: refused before it comes
        assert answered(send_raw(address, post + b"Content-Length: 999999999\r\n\r\n")) == (413, "too_large")
        assert answered(send_raw(address, post + b"Content-Length: " + b"9" * 20 + b"\r\n\r\n")) == (413, "too_large")
        # less than announced, more than announced, two lengths, a length that is none
        send_raw(address, post + b"Content-Length: 100\r\n\r\n{}", close=True)
        assert g.got == []
        assert answered(send_raw(address, post + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}")) == (400, "bad_request")
        assert answered(send_raw(address, post + b"Content-Length: -1\r\n\r\n{}")) == (400, "bad_request")
        assert b'{"size":2}' in send_raw(address, post + b"Content-Length: 2\r\n\r\n{}GARBAGE\r\n\r\n")
        assert g.got == [2]
        assert httpx.get(f"http://{address[0]}:{address[1]}/health", timeout=DEADLINE_S).status_code == 200


def test_a_client_that_still_sends_sees_why_it_is_refused(g: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "LINGER_S", DEADLINE_S)  # it may stall between two pieces
    head = b"POST /analyses/upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data\r\nContent-Length: %d\r\n\r\n"
    with serving(g.app) as address:
        for _ in range(5):  # a client that sends everything before it looks; a closed connection would break its sending
            assert answered(send_raw(address, head % (6 * MIB), b" " * 6 * MIB)) == (413, "too_large")
        with httpx.Client(base_url=f"http://{address[0]}:{address[1]}", timeout=DEADLINE_S) as client:
            assert code(client.post("/analyses/upload", content=b" " * 6 * MIB, headers=FORM), 413) == "too_large"
        g.tokens.create("a")
        g.security.book._read_at = None
        assert answered(send_raw(address, head % MIB, b" " * MIB)) == (401, "token_needed")


def test_what_is_refused_is_not_read_to_its_end(g: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "LINGER_BYTES", MIB)
    head = b"POST /raw HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    with serving(g.app) as address, socket.create_connection(address, timeout=DEADLINE_S) as connection, pytest.raises(OSError):
        connection.sendall(head)
        for _ in range(100):
            connection.sendall(b"100000\r\n" + b" " * MIB + b"\r\n")


def test_who_waits_for_leave_is_refused_at_once(g: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "LINGER_S", 10 * DEADLINE_S)  # who waits for leave is sending nothing that could be waited for
    post = b"POST /raw HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 999999\r\n\r\n"
    with serving(g.app) as address, socket.create_connection(address, timeout=DEADLINE_S) as connection:
        connection.sendall(post)
        status, _ = answered(read_answer(connection))
        assert status == 421
        assert connection.recv(1) == b""  # closed, without lingering


# --- how slow -----------------------------------------------------------------------------------------------------------------------------


def test_a_body_that_does_not_come_is_not_waited_for(g: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "JSON_S", 0.3)
    monkeypatch.setattr(intake, "SILENCE_S", 0.3)
    monkeypatch.setattr(intake, "LINGER_S", 0.05)
    with serving(g.app) as address:
        for path, kind in ((b"/analyses", b"application/json"), (b"/analyses/upload", b"multipart/form-data; boundary=b")):
            head = b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Type: %b\r\nContent-Length: 100\r\n\r\n{" % (path, kind)
            assert answered(send_raw(address, head)) == (408, "too_slow")


def test_a_body_that_drips_is_not_waited_for(g: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then keeps no connection: all waiting together is counted."""
    monkeypatch.setattr(intake, "JSON_S", 0.4)
    monkeypatch.setattr(intake, "SILENCE_S", 0.4)
    monkeypatch.setattr(intake, "LINGER_S", 0.05)
    with serving(g.app) as address:
        for path, kind in ((b"/raw", b"application/json"), (b"/analyses/upload", b"multipart/form-data; boundary=b")):
            with socket.create_connection(address, timeout=DEADLINE_S) as connection:
                head = b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Type: %b\r\nContent-Length: 100000\r\n\r\n" % (path, kind)
                connection.sendall(head)
                ended = threading.Event()
                dripping = threading.Thread(target=_drip, args=(connection, ended))
                dripping.start()
                try:
                    assert answered(read_answer(connection)) == (408, "too_slow")
                finally:
                    ended.set()
                    dripping.join()


def _drip(connection: socket.socket, ended: threading.Event) -> None:
    while not ended.wait(0.05):
        try:
            connection.sendall(b" ")
        except OSError:
            return


def test_time_that_the_app_takes_is_not_the_clients(g: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(intake, "time", SimpleNamespace(monotonic=clock))
    real = intake._Body._check

    def slow(self: Any) -> None:
        clock.now += intake.JSON_S  # what a slow disk does between two pieces
        real(self)

    monkeypatch.setattr(intake._Body, "_check", slow)
    assert g.ask("POST", "/raw", content=pieces(4, 10), headers=JSON).json() == {"size": 40}


# --- of which kind ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["text/plain", "text/json", "application/jsonp", "application/x-www-form-urlencoded", None])
def test_a_body_of_another_kind(g: Guarded, kind: str | None) -> None:
    headers = {"Content-Type": kind} if kind else {}
    for path in ("/analyses", "/raw", "/session"):
        assert code(g.ask("POST", path, content=b"{}", headers=headers), 415) == "not_json"
    assert code(g.ask("POST", "/analyses/upload", content=b"{}", headers=headers), 415) == "not_a_form"


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON ; charset=utf-8"])
def test_json(g: Guarded, kind: str) -> None:
    assert g.ask("POST", "/analyses", content=b"{}", headers={"Content-Type": kind}).status_code == 202
    assert g.ask("POST", "/raw").json() == {"size": 0}  # no body, no kind


# --- when there is no room ----------------------------------------------------------------------------------------------------------------


def upload(g: Guarded) -> httpx.Response:
    return g.ask("POST", "/analyses/upload", content=b"--b--", headers=FORM)


def test_a_server_that_ends_takes_no_jobs(g: Guarded) -> None:
    g.stopping = True
    for response in (g.ask("POST", "/analyses", json={}), upload(g)):
        assert code(response, 503) == "draining"
        assert response.headers["retry-after"] == "5"
    assert g.ask("GET", "/analyses").status_code == 200
    assert g.ask("PUT", "/blobs/a", content=b"x").status_code == 201  # what workers are about to bring is kept


def test_a_full_queue_takes_no_jobs(g: Guarded) -> None:
    g.set_clock(Clock())
    assert g.ask("POST", "/analyses", json={}).status_code == 202
    assert g.security.queue._coming == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(g.database, "read", lambda body: 2)
        g.security.queue._seen = None
        g.security.book._read_at = g.security.book._clock()
        for response in (g.ask("POST", "/analyses", json={}), upload(g)):
            assert code(response, 503) == "queue_full"
            assert response.json()["retryable"]
            assert response.headers["retry-after"] == "10"
    assert g.ask("POST", "/analyses", json={"url": 5}).status_code == 422
    assert g.security.queue._coming == 0  # what the app refused holds no place


def test_a_disk_that_fills_ends_what_comes_in(g: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    free = [100.0]
    disk = g.security.disk
    disk.min_free_mib = 50
    monkeypatch.setattr(disk, "_statvfs", lambda path: SimpleNamespace(f_bavail=int(free[0] * 256), f_frsize=4096))

    async def body() -> AsyncIterator[bytes]:
        yield b" " * KIB
        free[0] = 49.0
        disk._seen = None
        yield b" " * KIB

    for method, path, headers in (("POST", "/analyses/upload", FORM), ("PUT", "/blobs/a", {})):
        free[0], disk._seen = 100.0, None
        response = g.ask(method, path, content=body(), headers=headers)
        assert code(response, 503) == "disk_full"
        assert response.headers["retry-after"] == "30"
    for response in (g.ask("POST", "/analyses", json={}), upload(g), g.ask("PUT", "/blobs/a", content=b"x")):
        assert code(response, 503) == "disk_full"
    assert g.got == []
    assert g.ask("POST", "/raw", json={}).status_code == 200  # what writes nothing
    free[0], disk._seen = 51.0, None
    assert code(g.ask("PUT", "/blobs/a", content=b"x" * (MIB + 1)), 503) == "disk_full"  # it would not fit
    assert g.ask("POST", "/analyses", json={}).status_code == 202


def test_a_client_that_goes_away_leaves_nothing(g: Guarded, caplog: pytest.LogCaptureFixture) -> None:
    post = b"POST /analyses/upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data\r\nContent-Length: 99\r\n\r\nxx"
    with serving(g.app) as address:
        with socket.create_connection(address, timeout=DEADLINE_S) as connection:
            connection.sendall(post)
            until(lambda: g.security.queue._coming == 1)
        until(lambda: g.security.queue._coming == 0)
    assert g.got == []
    assert "failed" not in caplog.text
