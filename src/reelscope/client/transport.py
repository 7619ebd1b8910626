"""Calls to one server: its address, the token, time limits and tries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from reelscope.client.errors import is_loopback, no_answer, refusal
from reelscope.client.retry import Backoff, Retries
from reelscope.errors import ConfigError
from reelscope.version import VERSION

__all__ = ["Transport", "address_of"]

# A server on the same network answers a connection in milliseconds, one behind a slow line in a second or two.
CONNECT_S = 10.0
MOST_PORT = 65535
TOKEN_CHARS = frozenset(map(chr, range(0x21, 0x7F)))  # what a header may hold (RFC 6750 allows fewer; nobody's token is cut short)

Body = Callable[[], Iterable[bytes]]


def address_of(server: str) -> httpx.URL:
    """The server's address; `http://` may be left out, a path in front (a proxy's) may stand in it.

    Raises:
        ConfigError: It is none.
    """
    text = server.strip()
    hint = "for example http://127.0.0.1:8003"
    try:
        url = httpx.URL((text if "://" in text else f"http://{text}").rstrip("/"))
    except (httpx.InvalidURL, TypeError) as error:
        raise ConfigError(f"the server's address is not valid: {error}", code="bad_server", hint=hint) from None
    if url.userinfo:  # not shown: it is a password
        raise ConfigError("the server's address holds a name or a password", code="bad_server", hint="give a token in a file instead")
    if url.scheme not in ("http", "https") or not url.host or url.query or url.fragment or (url.port or 0) > MOST_PORT:
        raise ConfigError(f"{server!r} is no server's address", code="bad_server", hint=hint)
    return url


class Transport:
    """Sends calls and makes them again where that is safe. Any thread.

    Args:
        token: Goes into the Authorization header of every call and nowhere else.
        sleep: Waits between tries; what it raises ends the call.
    """

    def __init__(self, server: str, token: str | None, *, timeout_s: float, retries: Retries, sleep: Callable[[float], None]) -> None:
        self.base = address_of(server)
        self.retries = retries
        self.sleep = sleep
        self._timeout_s = timeout_s
        self._seen = False
        headers = {"User-Agent": f"reelscope/{VERSION}", "Accept": "application/json"}
        if token is not None:
            if not token or not set(token) <= TOKEN_CHARS:
                raise ConfigError("the token is empty or holds characters that no token has", code="bad_token", hint="make a new one")
            headers["Authorization"] = f"Bearer {token}"
        self._http = httpx.Client(
            base_url=self.base,
            headers=headers,
            timeout=self._timeout(None),
            # a proxy that the environment names cannot reach this machine's own loopback, and must not see what we tell it
            trust_env=not is_loopback(self.base.host),
        )

    def close(self) -> None:
        self._http.close()

    def backoff(self) -> Backoff:
        """A new count of failures."""
        return Backoff(self.retries, self.sleep, lambda: self._seen)

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        body: Body | None = None,
        read_s: float | None = None,
        accept: Iterable[int] = (),
        again: Callable[[], bool] = lambda: True,
        backoff: Backoff | None = None,
    ) -> httpx.Response:
        """Make a call until it is answered; the answer is read whole.

        Args:
            content: The body; body: makes it anew for every try, in pieces.
            read_s: Longest silence, in place of the client's.
            accept: Statuses that are answers too, besides those of success.
            again: Whether the call may be made once more.
            backoff: Counts its failures, for who wants to know.

        Raises:
            ApiError: The server refused, or did not answer.
        """
        backoff = backoff or self.backoff()
        query = {k: v for k, v in (params or {}).items() if v is not None}
        while True:
            try:
                response = self._http.request(
                    method,
                    path,
                    params=query or None,
                    headers=headers,
                    content=body() if body is not None else content,
                    timeout=self._timeout(read_s),
                )
            except httpx.TransportError as cause:
                error = no_answer(self.base, cause)
                error.__cause__ = cause
            except httpx.DecodingError as cause:
                raise no_answer(self.base, httpx.ReadError(str(cause))) from cause
            else:
                self._seen = True
                if response.is_success or response.status_code in tuple(accept):
                    return response
                error = refusal(response)
            if not again():
                raise error
            backoff.again(error)

    @contextmanager
    def stream(
        self, path: str, *, headers: Mapping[str, str], read_s: float | None = None, accept: Iterable[int] = ()
    ) -> Iterator[httpx.Response]:
        """One GET, once; its answer is read by the block.

        Raises:
            ApiError: The server refused, did not answer, or went away while the block was reading.
        """
        try:
            with self._http.stream("GET", path, headers=headers, timeout=self._timeout(read_s)) as response:
                self._seen = True
                if not response.is_success and response.status_code not in tuple(accept):
                    response.read()
                    raise refusal(response)
                yield response
        except (httpx.TransportError, httpx.DecodingError) as cause:
            broken = cause if isinstance(cause, httpx.TransportError) else httpx.ReadError(str(cause))
            raise no_answer(self.base, broken) from cause

    def _timeout(self, read_s: float | None) -> httpx.Timeout:
        silence = self._timeout_s if read_s is None else read_s
        return httpx.Timeout(silence, connect=min(CONNECT_S, self._timeout_s), write=self._timeout_s, pool=None)
