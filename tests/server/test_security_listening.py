"""Where the server may listen, and connections that ask for nothing."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from reelscope.config import Settings
from reelscope.errors import ConfigError
from reelscope.server import listening
from reelscope.server.listening import check_listening
from reelscope.server.shield import HEADERS
from tests.server.guard import DEADLINE_S, Guarded, guarded, read_answer, send_raw, serving, until


def settings(host: str, **server: Any) -> Settings:
    return Settings.model_validate({"server": {"host": host, **server}})


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.7", "2001:db8::7", "0", "::ffff:192.0.2.7"])
def test_beyond_this_machine_a_token_is_needed(host: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_listening(settings(host), tokens_exist=False)
    assert caught.value.code == "token_needed"
    assert "reelscope token create NAME" in (caught.value.hint or "")
    assert check_listening(settings(host), tokens_exist=True) is False
    assert check_listening(settings(host, without_token=True), tokens_exist=False) is False


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "::ffff:127.0.0.1"])
def test_on_this_machine_none_is(host: str) -> None:
    assert check_listening(settings(host), tokens_exist=False) is True


def test_a_name_counts_by_every_address_that_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolves(*args: Any, **kwargs: Any) -> list[Any]:
        return [(2, 1, 6, "", ("127.0.0.1", 0)), (2, 1, 6, "", ("192.0.2.7", 0))]

    monkeypatch.setattr(listening.socket, "getaddrinfo", resolves)
    with pytest.raises(ConfigError) as caught:
        check_listening(settings("reels.example"), tokens_exist=False)
    assert caught.value.code == "token_needed"


@pytest.mark.parametrize("host", ["no such host", "a..b", "x" * 300, "127.0.0.1:80"])
def test_hosts_that_are_none(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def offline(name: Any, *args: Any, **kwargs: Any) -> Any:
        return real(name, *args, **{**kwargs, "flags": kwargs.get("flags", 0) | socket.AI_NUMERICHOST})

    monkeypatch.setattr(listening.socket, "getaddrinfo", offline)
    with pytest.raises(ConfigError) as caught:
        check_listening(settings(host), tokens_exist=True)
    assert caught.value.code == "bad_host"


@pytest.fixture
def g() -> Iterator[Guarded]:
    made = guarded()
    yield made
    made.database.close()


def body_of(raw: bytes) -> dict[str, Any]:
    return json.loads(raw.partition(b"\r\n\r\n")[2])


def test_what_is_no_http(g: Guarded) -> None:
    with serving(g.app) as address:
        for raw in (b"hello\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"):
            got = send_raw(address, raw)
            assert got.startswith(b"HTTP/1.1 400 ")
            assert body_of(got)["code"] == "bad_request"
            for name, value in HEADERS.items():
                assert f"{name}: {value}\r\n".encode() in got


def test_headers_that_are_too_large(g: Guarded) -> None:
    with serving(g.app) as address:
        for line in (b"A: " + b"a" * 65536 + b"\r\n", b"A: a\r\n" * 20_000):
            assert send_raw(address, b"GET /health HTTP/1.1\r\nHost: a\r\n" + line).startswith(b"HTTP/1.1 400 ")
        assert httpx.get(f"http://{address[0]}:{address[1]}/health", timeout=DEADLINE_S).status_code == 200


def test_a_connection_that_asks_nothing_is_closed(g: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "HEADER_S", 0.2)
    with serving(g.app) as address:
        assert send_raw(address) == b""
        assert send_raw(address, b"GET /health HTTP/1.1\r\nHost: a\r\n") == b""
        monkeypatch.setattr(listening, "HEADER_S", DEADLINE_S)  # the first request is to be in time
        with socket.create_connection(address, timeout=DEADLINE_S) as connection:  # also when it has asked before
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
            assert read_answer(connection).startswith(b"HTTP/1.1 200")
            monkeypatch.setattr(listening, "HEADER_S", 0.2)
            connection.sendall(b"GET /hea")
            assert connection.recv(100) == b""
        with socket.create_connection(address, timeout=DEADLINE_S) as connection:  # one more byte buys no time
            connection.settimeout(0.05)
            until(lambda: _drips(connection))


def _drips(connection: socket.socket) -> bool:
    """Send one byte; whether the server has closed."""
    try:
        connection.sendall(b"G")
        return connection.recv(100) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def test_a_long_answer_is_not_cut_by_the_patience_for_headers(g: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "HEADER_S", 0.1)
    got = b""

    def began() -> bool:
        """Ask; False where this process stalled between its connecting and its asking, which does end the patience."""
        nonlocal got
        with suppress(httpx.TransportError), httpx.stream("GET", f"http://{host}:{port}/stream", timeout=DEADLINE_S) as stream:
            for piece in stream.iter_raw():
                got += piece
                if got.count(b"tick") > 20:  # 20 ms each
                    break
        return got != b""

    with serving(g.app) as (host, port):
        until(began)
    assert got.count(b"tick") > 20


def test_more_connections_than_it_can_hold(g: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "MOST_CONNECTIONS", 3)
    for patience in ("HEADER_S", "IDLE_S"):  # those that are held stay open, however slow this process is
        monkeypatch.setattr(listening, patience, 600)
    with serving(g.app) as address:
        held = [socket.create_connection(address, timeout=DEADLINE_S) for _ in range(3)]
        try:
            held[2].sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
            assert read_answer(held[2]).startswith(b"HTTP/1.1 200")
            got = send_raw(address)
            assert got.startswith(b"HTTP/1.1 503 ")
            assert b"retry-after: 5\r\n" in got
            assert body_of(got)["code"] == "too_many_connections"
        finally:
            for connection in held:
                connection.close()
        until(lambda: send_raw(address, b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n").startswith(b"HTTP/1.1 200"))
