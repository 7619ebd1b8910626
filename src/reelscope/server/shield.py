"""What every answer wears, and an answer where there was none: security headers, an error body for what no handler took."""

from __future__ import annotations

import logging

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reelscope.server.intake import path_of
from reelscope.server.limits import Refusal, refuse
from reelscope.server.web import POLICY

__all__ = ["ASSETS", "HEADERS", "CutOff", "Shield"]

log = logging.getLogger(__name__)

ASSETS = "/assets/"
POLICY_NAME = "content-security-policy"
HEADERS = {
    POLICY_NAME: POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), display-capture=(), usb=(), payment=()",
}
# Answers are somebody's own. JSON is stored nowhere; reports, exports and clips by the browser alone, which asks before it uses them.
KEEP_JSON, KEEP_OTHER = "no-store", "private, no-cache"


class CutOff(OSError):
    """An answer that goes to somebody whose token was revoked; to the app it looks like a connection that broke."""


class Shield:
    """Headers on every answer, and an answer to every exception. A plain ASGI middleware, the outermost."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def shielded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _put_headers(MutableHeaders(scope=message), path_of(scope), message["status"])
            await send(message)

        try:
            await self.app(scope, receive, shielded)
        except Exception as error:
            if _gone(error):  # nobody is there to be answered, or nobody who may be
                return
            log.exception("%s %s failed", scope["method"], path_of(scope).encode("unicode_escape").decode())
            if started:
                raise
            failed = refuse(Refusal(500, "the server failed over this request", code="internal_error", hint="its log tells more"))
            await failed(scope, receive, shielded)


def _put_headers(headers: MutableHeaders, path: str, status: int) -> None:
    same = status == 304  # a browser puts these headers over those that it kept: what the whole answer said goes on
    for name, value in HEADERS.items():
        if not same or name != POLICY_NAME:
            headers.setdefault(name, value)
    kind = headers.get("content-type", "")
    if not same and not path.startswith(ASSETS):
        headers.setdefault("cache-control", KEEP_JSON if "json" in kind or not kind else KEEP_OTHER)
    if "server" in headers:
        del headers["server"]


def _gone(error: BaseException) -> bool:
    """Whether an exception says only that the client is gone; task groups wrap theirs."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(_gone, error.exceptions))
    return isinstance(error, (ClientDisconnect, CutOff))
