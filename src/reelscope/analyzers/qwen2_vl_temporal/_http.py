"""One HTTP request with the standard library, to one address that was checked before, within a deadline and a size.

A server is reached on this machine only (127.0.0.0/8, ::1, localhost), or at the one host that the option `server_host` names as well: a
typing error or a setting from elsewhere must not send somebody's video over a network. The host is resolved once and connected to by the
address that was checked; redirects are not followed, proxies of the environment are not used.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from reelscope.errors import ConfigError
from reelscope.version import VERSION

__all__ = ["Address", "HttpError", "Unreachable", "call", "find"]

CONNECT_S = 5.0  # on this machine it takes none
MAX_ANSWER_BYTES = 2**20  # a description has some hundred characters; a server that sends a megabyte is broken


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens. ip: the address that was checked; base: path in front of /chat/completions."""

    scheme: str
    host: str
    ip: str
    port: int
    base: str

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.base}"


class HttpError(Exception):
    """A request that brought no usable answer. status: the server's, None without one; retry_after_s: as the server asks for."""

    def __init__(self, message: str, *, status: int | None = None, retry_after_s: float | None = None, timed_out: bool = False) -> None:
        super().__init__(message)
        self.status, self.retry_after_s, self.timed_out = status, retry_after_s, timed_out


class Unreachable(HttpError):
    """Nobody listens there."""


def find(url: str, allowed_host: str | None = None) -> Address:
    """Check where a URL leads, without connecting.

    Args:
        url: Such as http://127.0.0.1:8000/v1.
        allowed_host: Host outside this machine that may be contacted.

    Raises:
        ConfigError: It is no such URL, or leads elsewhere.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"qwen2_vl_temporal.server={url}: {error}") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigError(f"qwen2_vl_temporal.server={url}: no http or https URL", hint="such as http://127.0.0.1:8000/v1")
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigError("qwen2_vl_temporal.server: the URL must hold no user, query or fragment: it stands in the document")
    allowed = allowed_host is not None and host.casefold() == allowed_host.strip("[]").casefold()
    refused = ConfigError(
        f"qwen2_vl_temporal.server={url}: {host} is not this machine, and frames of the clip would be sent there",
        code="not_loopback",
        hint=f"reelscope analyze CLIP --option qwen2_vl_temporal.server={url} --option qwen2_vl_temporal.server_host={host} allows it",
    )
    if not allowed and not _is_loopback(host) and host.casefold() != "localhost":
        raise refused  # any other name would have to be looked up, which is a connection of its own
    port = port or (443 if parts.scheme == "https" else 80)
    try:
        found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except OSError as error:
        raise ConfigError(f"qwen2_vl_temporal.server={url}: {host} is not known ({error.strerror or error})") from None
    if not allowed and not all(_is_loopback(ip) for ip in found):
        raise refused
    ip = next((ip for ip in found if ":" not in ip), found[0])
    return Address(parts.scheme, host, ip, port, parts.path.rstrip("/"))


def call(address: Address, method: str, path: str, body: Any, *, until: float) -> Any:
    """Send a request and read the JSON that comes back.

    Args:
        until: time.monotonic() at which it is given up, whatever the server is doing.

    Raises:
        HttpError: No answer in time, a status other than 200, an answer too large or without JSON; Unreachable: nobody listens.
    """
    connection = _Connection(address, min(CONNECT_S, max(0.001, until - time.monotonic())))
    cut = threading.Timer(max(0.0, until - time.monotonic()), connection.cut)
    cut.daemon = True
    cut.start()
    try:
        return _exchange(connection, address, method, path, body)
    except HttpError:
        raise
    except TimeoutError:
        raise HttpError("the server did not answer in time", timed_out=True) from None
    except (OSError, http.client.HTTPException) as error:
        if connection.was_cut:
            raise HttpError("the server did not answer in time", timed_out=True) from None
        raise HttpError(f"the connection to the server broke off ({type(error).__name__})") from None
    finally:
        cut.cancel()
        connection.close()


def _exchange(connection: _Connection, address: Address, method: str, path: str, body: Any) -> Any:
    data = None if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {"Accept": "application/json", "Content-Type": "application/json", "User-Agent": f"reelscope/{VERSION}"}
    try:
        connection.connect()
    except OSError as error:
        if connection.was_cut or (isinstance(error, TimeoutError) and connection.hurried):
            raise HttpError("the server did not answer in time", timed_out=True) from None  # it had less than it takes to connect
        raise Unreachable(f"nobody answers there ({error.strerror or error})") from None
    connection.request(method, address.base + path, body=data, headers=headers)
    with connection.getresponse() as answer:
        raw = answer.read(MAX_ANSWER_BYTES + 1)
    if connection.was_cut:
        raise HttpError("the server did not answer in time", timed_out=True)
    if answer.status != 200:
        raise HttpError(
            f"the server answered {answer.status}", status=answer.status, retry_after_s=_seconds(answer.getheader("Retry-After"))
        )
    if len(raw) > MAX_ANSWER_BYTES:
        raise HttpError(f"the server's answer is larger than {MAX_ANSWER_BYTES // 2**20} MiB")
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise HttpError("the server's answer is no JSON") from None


class _Connection(http.client.HTTPConnection):
    """To the address that was checked, whatever its name resolves to by now."""

    def __init__(self, address: Address, connect_s: float) -> None:
        super().__init__(address.host, address.port)
        self._address, self._connect_s = address, connect_s
        self._socket: Any = None  # `sock` is forgotten once the headers of an answer without a length are there
        self.was_cut = False
        self.hurried = connect_s < CONNECT_S

    def connect(self) -> None:
        sock: Any = socket.create_connection((self._address.ip, self._address.port), self._connect_s)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._address.scheme == "https":
            sock = ssl.create_default_context().wrap_socket(sock, server_hostname=self._address.host)
        sock.settimeout(None)  # the timer below ends whatever takes too long
        self.sock = self._socket = sock
        if self.was_cut:
            self.cut()

    def cut(self) -> None:
        """End it from another thread: what it waits for ends at once."""
        self.was_cut = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _seconds(text: str | None) -> float | None:
    try:
        return None if text is None else max(0.0, float(text))
    except ValueError:  # a date: not worth it on one machine
        return None
