"""httpx over the filtering connector: httpcore's pool and protocol, our sockets."""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

from reelscope.net.addresses import AddressRules
from reelscope.net.connector import MOST_REDIRECTS, Resolver, connect
from reelscope.version import VERSION

__all__ = ["FilteringTransport", "make_client"]


def make_client(
    rules: AddressRules,
    *,
    timeout_s: float,
    total_s: float | None,
    follow_redirects: bool,
    resolver: Resolver,
    tls: ssl.SSLContext | None,
) -> httpx.Client:
    """As `connector.client`."""
    return httpx.Client(
        transport=FilteringTransport(rules, total_s=total_s, resolver=resolver, tls=tls),
        trust_env=False,
        follow_redirects=follow_redirects,
        max_redirects=MOST_REDIRECTS,
        timeout=timeout_s,
        headers={"User-Agent": f"reelscope/{VERSION}"},
    )


class FilteringTransport(httpx.HTTPTransport):
    """httpx's transport with a pool that opens its connections through `connect`; each hop of a redirect comes through here."""

    def __init__(self, rules: AddressRules, *, total_s: float | None, resolver: Resolver, tls: ssl.SSLContext | None) -> None:
        self._rules = rules
        # Not super().__init__: httpx offers no other way to give its pool a network backend, and that one would make a pool of its own.
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls or httpx.create_ssl_context(trust_env=False),
            network_backend=FilteringBackend(rules, total_s, resolver),
            max_connections=10,
            max_keepalive_connections=5,
            keepalive_expiry=5.0,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._rules.check_url(str(request.url))
        return super().handle_request(request)


class FilteringBackend(httpcore.NetworkBackend):
    """Opens what the pool asks for, if it is permitted."""

    def __init__(self, rules: AddressRules, total_s: float | None, resolver: Resolver) -> None:
        self._rules = rules
        self._total_s = total_s
        self._resolver = resolver

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        deadline = None if self._total_s is None else time.monotonic() + self._total_s
        limit = min((t for t in (timeout, self._total_s) if t is not None), default=60.0)
        with _as_httpcore(httpcore.ConnectTimeout, httpcore.ConnectError):
            connection = connect(host, port, self._rules, limit, resolver=self._resolver)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return _Stream(connection, deadline)

    def connect_unix_socket(self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None) -> Any:
        raise httpcore.ConnectError("only addresses of hosts are connected to")


class _Stream(httpcore.NetworkStream):
    """A connection whose every wait ends by the connection's deadline."""

    def __init__(self, connection: socket.socket, deadline: float | None) -> None:
        self._connection = connection
        self._deadline = deadline

    def _limit(self, timeout: float | None) -> None:
        if self._deadline is not None:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("the connection's time is over")
            timeout = left if timeout is None else min(timeout, left)
        self._connection.settimeout(timeout)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _as_httpcore(httpcore.ReadTimeout, httpcore.ReadError):
            self._limit(timeout)
            return self._connection.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with _as_httpcore(httpcore.WriteTimeout, httpcore.WriteError):
            self._limit(timeout)
            self._connection.sendall(buffer)

    def close(self) -> None:
        self._connection.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        try:
            with _as_httpcore(httpcore.ConnectTimeout, httpcore.ConnectError):
                self._limit(timeout)
                return _Stream(ssl_context.wrap_socket(self._connection, server_hostname=server_hostname), self._deadline)
        except BaseException:
            self.close()
            raise

    def get_extra_info(self, info: str) -> Any:
        match info:
            case "is_readable":  # the pool asks whether a connection at rest was closed by the other side
                return _is_readable(self._connection)
            case "ssl_object":
                return self._connection if isinstance(self._connection, ssl.SSLSocket) else None
            case "client_addr":
                return self._connection.getsockname()
            case "server_addr":
                return self._connection.getpeername()
            case "socket":
                return self._connection
        return None


def _is_readable(connection: socket.socket) -> bool:
    if connection.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


@contextmanager
def _as_httpcore(timeout: type[Exception], other: type[Exception]) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise timeout(str(error)) from error
    except OSError as error:
        raise other(str(error)) from error
