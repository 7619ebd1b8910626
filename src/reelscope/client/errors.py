"""What a server's refusal, a broken connection and an answer that is none become: one error with the server's own words."""

from __future__ import annotations

import email.utils
import ipaddress
import re
import time
from collections.abc import Iterator
from http import HTTPStatus

import httpx
from pydantic import ValidationError

from reelscope.api import ErrorBody
from reelscope.errors import ReelscopeError

__all__ = ["BUSY", "ApiError", "bad_answer", "is_loopback", "no_answer", "refusal"]

# Answers that mean "not now": the server's own 429 and 503, and what a proxy says of a server that is being restarted.
BUSY = frozenset({429, 502, 503, 504})
# Of those, and of the refusals, what the caller can do nothing about by asking for something else.
NOT_THE_CALLERS = frozenset({408, 409, 429})
TOKEN_HINT = "put a token into a file and name it with --token-file or REELSCOPE_TOKEN_FILE (docs/client.md)"


class ApiError(ReelscopeError):
    """The server refused, or did not answer.

    Attributes:
        status: The HTTP status; 0 where there was no answer.
        retry_after_s: Seconds after which the server wants to be asked again, where it said so.
    """

    default_code = "server_error"

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        code: str | None = None,
        hint: str | None = None,
        retryable: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, code=code, hint=hint, retryable=retryable)
        self.status = status
        self.retry_after_s = retry_after_s

    @property
    def exit_code(self) -> int:  # type: ignore[override]
        """2 where something else must be asked for, as for every bad input; 1 where the server or the way to it failed."""
        return 2 if 400 <= self.status < 500 and self.status not in NOT_THE_CALLERS else 1

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (self.message, self.status, self.code, self.hint, self.retryable, self.retry_after_s))


def _rebuild(message: str, status: int, code: str, hint: str | None, retryable: bool, retry_after_s: float | None) -> ApiError:
    return ApiError(message, status=status, code=code, hint=hint, retryable=retryable, retry_after_s=retry_after_s)


def refusal(response: httpx.Response) -> ApiError:
    """The error of an answer that is none of success; its body must have been read."""
    status = response.status_code
    after = _retry_after_s(response.headers.get("Retry-After"))
    if 300 <= status < 400:
        # never followed: the token would go where nobody sent it
        to = re.sub(r"[?#].*", "", response.headers.get("Location", "")) or "nowhere"
        return ApiError(
            f"the server at {_origin(response.request.url)} sends on to {to}",
            status=status, code="redirected", hint="give the server's own address, with --server",
        )  # fmt: skip
    try:
        body = ErrorBody.model_validate_json(response.content)
    except ValidationError:  # a proxy, or a program that is no reelscope server
        words = f"{status} {_phrase(status)}".strip()
        body = ErrorBody(code=f"http_{status}", message=f"the server at {_origin(response.request.url)} answered {words}")
        body.retryable = status in BUSY
    hint = body.hint or (TOKEN_HINT if status == HTTPStatus.UNAUTHORIZED else None)
    return ApiError(body.message, status=status, code=body.code, hint=hint, retryable=body.retryable, retry_after_s=after)


def no_answer(base: httpx.URL, error: httpx.TransportError) -> ApiError:
    """The error of a connection that could not be made, broke or fell silent."""
    where = _origin(base)
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
        refused = any(isinstance(cause, ConnectionRefusedError) for cause in _causes(error))
        why = "connection refused" if refused else "timed out" if isinstance(error, httpx.ConnectTimeout) else str(error) or "no connection"
        here = is_loopback(base.host)
        hint = "start one: reelscope serve" if here and refused else "see that 'reelscope serve' runs there, or give --server"
        return ApiError(f"no server answers at {where}: {why}", code="no_server", hint=hint, retryable=True)
    if isinstance(error, (httpx.LocalProtocolError, httpx.UnsupportedProtocol, httpx.ProxyError)):
        return ApiError(f"{where} cannot be asked: {error}", code="no_server", hint="see the address and the proxy that are set")
    why = "timed out" if isinstance(error, httpx.TimeoutException) else str(error) or type(error).__name__
    return ApiError(f"the connection to {where} broke: {why}", code="no_answer", hint="try again", retryable=True)


def bad_answer(what: str) -> ApiError:
    """The error of an answer that has not the shape that it should have."""
    return ApiError(
        f"the answer is not {what}", code="bad_answer", hint="is this a reelscope server, and of the same version as the client?"
    )


def is_loopback(host: str) -> bool:
    """Whether a host of an address is this machine by its form; nothing is resolved."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _origin(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _retry_after_s(value: str | None) -> float | None:
    """Seconds of a Retry-After header in either of its forms (RFC 9110, 10.2.3); None where it has neither."""
    if value is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", value.strip()):
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        yield at
        at = at.__cause__ or at.__context__
