"""Where the server listens, and how patient its connections are."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from reelscope.api import ErrorBody
from reelscope.config import Settings
from reelscope.errors import ConfigError
from reelscope.server.shield import HEADERS
from reelscope.server.sites import is_loopback

__all__ = ["PatientProtocol", "addresses_of", "check_listening", "uvicorn_options"]

# A request's first line and headers; those of browsers, with a session's cookie, have some 2 KiB.
HEADER_BYTES = 32 * 1024
# From a connection's beginning, or a request's first byte, to the end of its headers. They fit into one or two packets.
HEADER_S = 10.0
# How long a connection may stay open between two requests: the page asks at least once a second while it is looked at.
IDLE_S = 15
# Connections at the same time, each with a file descriptor, of which processes often have 1024. Pages hold one or two for their events.
MOST_CONNECTIONS = 512


def addresses_of(host: str) -> list[str]:
    """Every address that a host to listen on stands for.

    Raises:
        ConfigError: It stands for none.
    """
    try:
        found = socket.getaddrinfo(host or None, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise ConfigError(
            f"server.host: {host!r} is no address to listen on: {error}", code="bad_host", hint="for example 127.0.0.1, or 0.0.0.0 for all"
        ) from None
    return sorted({str(entry[4][0]) for entry in found})


def check_listening(settings: Settings, *, tokens_exist: bool) -> bool:
    """Refuse to listen where others could come in without a token.

    Returns:
        Whether every address of `server.host` is this machine's own (loopback).

    Raises:
        ConfigError: It can be reached from elsewhere, no token was made and `server.without_token` is off (`token_needed`); or it is no
            address.
    """
    host = settings.server.host
    outside = [address for address in addresses_of(host) if not is_loopback(address)]
    if outside and not tokens_exist and not settings.server.without_token:
        raise ConfigError(
            f"server.host {host} can be reached from other machines, and no token was made",
            code="token_needed",
            hint="make one: reelscope token create NAME; or let everybody in: --set server.without_token=true",
        )
    return not outside


def uvicorn_options() -> dict[str, Any]:
    """What uvicorn must be told besides the app, host and port."""
    return {
        "http": PatientProtocol,
        "ws": "none",
        "h11_max_incomplete_event_size": HEADER_BYTES,
        "timeout_keep_alive": IDLE_S,
        # Whoever connects may write X-Forwarded-For; behind a proxy its address is the peer's, and that is what we go by.
        "proxy_headers": False,
        "server_header": False,
        "access_log": False,  # addresses in queries would land in it
    }


class PatientProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with an end to its patience: with headers that do not come, and with more connections than it can hold."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.write(_BUSY)
            transport.close()
            return
        self._arm()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # IDLE with bytes left over: the beginning of a request. Without: between two requests, where uvicorn's own timer runs.
        if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0] and not self.transport.is_closing():
            self._arm()
        else:
            self._disarm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        if self.cycle is None or self.cycle.response_complete:  # else it would land in the middle of an answer
            self.transport.write(_NO_HTTP)
        self.transport.close()

    def _arm(self) -> None:
        if self._late is None:  # counted from the first byte: one more each second buys no time
            self._late = self.loop.call_later(HEADER_S, self._give_up)

    def _disarm(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _give_up(self) -> None:
        self._late = None
        if not self.transport.is_closing():
            self.transport.close()


def _raw(status: str, body: ErrorBody, *, retry_after_s: int | None = None) -> bytes:
    """A whole answer, from before there is an app to give one."""
    content = json.dumps(body.model_dump()).encode()
    headers = {**HEADERS, "content-type": "application/json", "content-length": str(len(content)), "connection": "close"}
    if retry_after_s is not None:
        headers["retry-after"] = str(retry_after_s)
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode("ascii") + content


_BUSY = _raw(
    "503 Service Unavailable",
    ErrorBody(code="too_many_connections", message=f"{MOST_CONNECTIONS} connections are open", hint="ask again soon", retryable=True),
    retry_after_s=5,
)
_NO_HTTP = _raw("400 Bad Request", ErrorBody(code="bad_request", message="this is not HTTP, or its headers are too large"))
