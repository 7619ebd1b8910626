"""What comes in: whether a body is taken at all, and how much of it, counted while it streams. A plain ASGI middleware.

A length that is announced decides early and is never relied on: bytes are counted as they come, in chunks or not.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from anyio import to_thread
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reelscope.server.limits import MIB, DiskWatch, QueueWatch, Refusal, database_failed, draining, refuse

__all__ = ["BLOBS", "JSON_BYTES", "Intake", "answer", "header", "path_of"]

# The largest request is options for 60-odd analyzers; real ones have some hundred bytes.
JSON_BYTES = 256 * 1024
# All waiting for a JSON body: 13 KB/s for the largest, and half a minute more than any sane client needs for a real one.
JSON_S = 20.0
# An upload may come over a slow line for hours. It may not stop: a phone that changes its network is back within this, or starts anew.
SILENCE_S = 60.0
# After the first minute an upload must keep this pace on average, which the slowest mobile networks do; below it the connection is held
# rather than used.
PACE_BYTES_S = 1024
# Around the file: the form's boundaries and its other fields.
FORM_BYTES = MIB
# A client that is still sending does not look for an answer, and a connection that is closed in its face loses it. So some of what it
# sends is taken and thrown away; who sends more than this will not get the reason.
LINGER_BYTES = 8 * MIB
LINGER_S = 2.0

UPLOAD = "/analyses/upload"
MAKES_JOBS = frozenset({"/analyses", UPLOAD})
BLOBS = "/blobs/"


@dataclass(frozen=True, slots=True)
class _Rule:
    """What a request's body may be. most: bytes, None: as many as the disk takes; kind: its media type, None: any."""

    most: int | None
    kind: str | None
    to_disk: bool


class Intake:
    """Refuses bodies; see reelscope.server.security for the order of things and the codes."""

    def __init__(self, app: ASGIApp, *, max_upload_mib: int, disk: DiskWatch, queue: QueueWatch, draining: Callable[[], bool]) -> None:
        self.app, self.disk, self.queue, self.draining = app, disk, queue, draining
        self._json = _Rule(JSON_BYTES, "application/json", to_disk=False)
        self._upload = _Rule(max_upload_mib * MIB + FORM_BYTES, "multipart/form-data", to_disk=True)
        self._blob = _Rule(None, None, to_disk=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, send)
            return
        path = path_of(scope)
        makes_jobs = scope["method"] == "POST" and path in MAKES_JOBS
        rule = self._upload if path == UPLOAD else self._json
        if path.startswith(BLOBS) and scope["method"] in ("PUT", "POST", "PATCH"):
            rule = self._blob
        try:
            length = _admit(scope, rule)
            if makes_jobs and self.draining():
                raise draining()
            if makes_jobs or rule.to_disk:
                self.disk.check(length if rule.to_disk else 0)
            if makes_jobs:
                await self._queue_up()
        except Refusal as refusal:
            await answer(refusal, scope, receive, send)
            return
        body = _Body(self, rule, scope, receive, send)
        try:
            await body.pass_on()
        finally:
            if makes_jobs:
                self.queue.done(accepted=body.accepted)

    async def _queue_up(self) -> None:
        try:
            await to_thread.run_sync(self.queue.check)
        except SQLAlchemyError as error:
            raise database_failed() from error


class _Body:
    """One request on its way in. What it refuses is answered here, whatever the app makes of the body that broke off."""

    def __init__(self, intake: Intake, rule: _Rule, scope: Scope, receive: Receive, send: Send) -> None:
        self._intake, self._rule = intake, rule
        self._scope, self._receive, self._send = scope, receive, send
        self._came = 0
        self._waited_s = 0.0
        self._whole = False
        self._refusal: Refusal | None = None
        self._started = False
        self.accepted = False

    async def pass_on(self) -> None:
        try:
            await self._intake.app(self._scope, self._take, self._give)
        except Exception:
            if self._refusal is None or self._started:
                raise
        if self._refusal is not None and not self._started:
            await answer(self._refusal, self._scope, self._receive, self._send)

    async def _take(self) -> Message:
        if self._whole:  # what is waited for now is the client's going away
            return await self._receive()
        if self._refusal is not None:  # an app that asks on after it was told
            raise self._refusal
        try:
            message = await self._wait()
            self._whole = message["type"] != "http.request" or not message.get("more_body", False)
            self._came += len(message.get("body", b""))
            self._check()
        except Refusal as refusal:
            self._refusal = refusal
            raise
        return message

    async def _wait(self) -> Message:
        """The next piece; only the time in which the client lets us wait counts, not what the disk takes."""
        most_s = SILENCE_S if self._rule.to_disk else JSON_S - self._waited_s
        begun = time.monotonic()
        try:
            async with asyncio.timeout(most_s):
                return await self._receive()
        except TimeoutError:
            raise _too_slow() from None
        finally:
            self._waited_s += time.monotonic() - begun

    def _check(self) -> None:
        if self._rule.most is not None and self._came > self._rule.most:
            raise _too_large(self._rule)
        if self._rule.to_disk and not self._whole:
            if self._waited_s > SILENCE_S and self._came < self._waited_s * PACE_BYTES_S:
                raise _too_slow()
            self._intake.disk.check()

    async def _give(self, message: Message) -> None:
        if self._refusal is not None and not self._started:
            return  # the app's own words on a body that broke off
        if message["type"] == "http.response.start":
            self._started = True
            self.accepted = message["status"] in (201, 202)
        await self._send(message)


async def answer(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with a refusal; where a body is still coming, let the client see the answer, and close the connection."""
    response = refuse(refusal)
    coming = header(scope, b"content-length") not in (None, "0") or header(scope, b"transfer-encoding") is not None
    if coming:  # kept open, the rest would be read to its end, however long it is
        response.headers["Connection"] = "close"
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": response.body, "more_body": True})
    if coming and header(scope, b"expect") is None:  # who asked for leave waits for it, and sends nothing
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                await _throw_away(receive)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _throw_away(receive: Receive) -> None:
    left = LINGER_BYTES
    while left > 0:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            return
        left -= len(message.get("body", b""))


def header(scope: Scope, name: bytes) -> str | None:
    """A header's value; None where it is missing. name: lower case."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), None)


def path_of(scope: Scope) -> str:
    """The path that routes are compared with: decoded, without what a proxy put in front."""
    path, root = scope["path"], scope.get("root_path", "").rstrip("/")
    return path.removeprefix(root) if root and path.startswith(f"{root}/") else path


def _admit(scope: Scope, rule: _Rule) -> int:
    """Refuse by the headers what they already tell; returns the announced length, 0 where there is none."""
    announced = header(scope, b"content-length") or ""
    digits = announced if re.fullmatch(r"[0-9]+", announced) else "0"  # what is no number is refused before it comes here
    length = int(digits[:19])  # no disk holds that much, and Python reads no number of thousands of digits
    if rule.most is not None and length > rule.most:
        raise _too_large(rule)
    if rule.kind is not None and (length > 0 or header(scope, b"transfer-encoding") is not None):
        kind = (header(scope, b"content-type") or "").partition(";")[0].strip().lower()
        if kind != rule.kind:
            # a form of another website can send anything but this without asking first
            raise Refusal(
                415, f"the body is {kind or 'of no named type'}, not {rule.kind}", code="not_a_form" if rule.to_disk else "not_json",
                hint=f"send it with the header Content-Type: {rule.kind}",
            )  # fmt: skip
    return length


def _too_large(rule: _Rule) -> Refusal:
    if rule.to_disk:
        most = ((rule.most or 0) - FORM_BYTES) // MIB
        return Refusal(413, f"larger than the {most} MiB that are taken", code="too_large", hint="raise server.max_upload_mib")
    return Refusal(413, f"larger than the {JSON_BYTES // 1024} KiB that a request may have", code="too_large")


def _too_slow() -> Refusal:
    return Refusal(408, "the body came too slowly", code="too_slow", hint="send it again", retry_after_s=1.0)
