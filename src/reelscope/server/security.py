"""Who may ask for what: tokens and sessions, other websites in the user's browser, headers of every answer.

For who writes the app:

    security = install(app, settings, database, draining=lambda: stopping)      # once, after the app is made, before it serves

It adds middlewares (all plain ASGI, so answers stream) and the routes `POST /session` and `DELETE /session`. From outside to inside:

1. Shield: headers on every answer; a route's own Content-Security-Policy and Cache-Control stay. An exception that no handler took is
   logged and answered 500 `internal_error` (so a handler for Exception is never asked). WebSockets are refused.
2. Gate: wrong Host (421 `wrong_host`), another website (403 `cross_site`), no token (401 `token_needed`), a wrong one (401
   `token_unknown`), a token of the other scope (403 `wrong_scope`), too many requests (429 `too_many_requests`).
3. Intake (reelscope.server.limits): a body that is too large (413 `too_large`), too slow (408 `too_slow`) or no JSON (415 `not_json`);
   for `POST /analyses` and `POST /analyses/upload` also 503 `draining`, `queue_full`, `disk_full`, before the body is read. A disk that
   fills while an upload or a blob comes in ends it with 503 `disk_full`.

Every refusal has the shape api.ErrorBody and, where it passes, Retry-After. Refusals are `limits.Refusal`, a ReelscopeError with `status`
and `retry_after_s`: a route may raise one, and `limits.refuse(error)` makes the ASGI answer of it (what a handler of the app may use).

What a route finds:
- `request.state.client`: a `Client(name, scope, peer, trusted)`. name: the token's, what `owner` of a job is; None without tokens.
  trusted: False only on open paths for who has no token (`/health`, `/ready`, `/`, `/assets/*`): `/ready` then tells no details.
- `request.app.state.security`: this object; its `disk` is a `limits.DiskWatch` (`disk.check()` raises where there is no room),
  `queue.waiting` the number of waiting jobs.

`/metrics` needs a token like everything else. `/blobs/*` needs the scope worker, and that scope opens nothing else.
Errors of the app's own (422 and the like) must not repeat what was sent: pydantic's errors hold it as `input`.

With no token made, everybody on this machine is let in, and nobody else (unless `server.without_token`). `reelscope serve` calls
`listening.check_listening(settings, tokens_exist=...)` before it listens, and passes `listening.uvicorn_options()` to uvicorn.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, Request, Response
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reelscope.api import ErrorBody, Shape
from reelscope.config import Settings
from reelscope.config.places import data_dir
from reelscope.server.db import Database
from reelscope.server.intake import BLOBS, Intake, answer, header, path_of
from reelscope.server.limits import Buckets, DiskWatch, QueueWatch, Refusal, database_failed, refuse
from reelscope.server.listening import addresses_of
from reelscope.server.shield import ASSETS, CutOff, Shield
from reelscope.server.sites import from_elsewhere, ip_of, is_loopback, may_be_asked_for
from reelscope.server.tokens import BOOK_S, SESSION_S, Sessions, Token, TokenBook, Tokens

__all__ = ["COOKIE", "Client", "Security", "install"]

COOKIE = "reelscope_session"
OPEN = frozenset({"/", "/ready", "/session"})
HEALTH = "/health"  # neither counted: who watches whether we live must not be told to ask less often
FORWARDED = frozenset({b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip", b"via"})

# Nobody mistypes a token more often. It is no protection of the tokens, whose 256 bits nobody guesses, but of the log and the processor;
# so a right token is let in also after many wrong ones from the same address, which many may share.
FAILED_PER_MINUTE = 20
TOKEN_LONGEST = 1024  # characters; longer ones are not even hashed


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks. name: the token's, None without one; scope: "client", "worker", or "any" where no token is needed; trusted: see above."""

    name: str | None
    scope: str
    peer: str
    trusted: bool


class SessionRequest(Shape):
    """A token, for a session of the page."""

    token: str


class Security:
    """What the middlewares and routes share."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        *,
        loopback: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        server, folder = settings.server, data_dir(settings)
        self.settings, self.loopback = server, loopback
        self.disk = DiskWatch(folder, server.min_free_disk_mib, clock=clock)
        self.queue = QueueWatch(database, server.max_queue, clock=clock)
        self.book = TokenBook(Tokens(database), clock=clock)
        self.sessions = Sessions(folder)
        self.requests = Buckets(server.requests_per_minute, clock=clock)
        self.failures = Buckets(FAILED_PER_MINUTE, clock=clock)
        self._reader: CapacityLimiter | None = None

    async def read_book(self) -> TokenBook:
        """The tokens, at most `BOOK_S` old.

        Raises:
            Refusal: The database does not answer.
        """
        if not self.book.fresh:
            if self._reader is None:  # of its own: routes that all wait for the database must not keep others from being let in
                self._reader = CapacityLimiter(1)
            try:
                await to_thread.run_sync(self.book.refresh, limiter=self._reader)
            except SQLAlchemyError as error:  # nobody is let in by what was true some time ago
                raise database_failed() from error
        return self.book

    def identify(self, scope: Scope, book: TokenBook) -> Client:
        """Who asks, by a token, a session, or because no token is needed.

        Raises:
            Refusal: None of these: 401, 421, 429.
        """
        peer = scope["client"][0] if scope.get("client") else ""
        bearer, cookie = _bearer(scope), cookie_parser(header(scope, b"cookie") or "").get(COOKIE)
        if bearer is not None and book.closed:
            return _as(self.log_in(bearer, peer, book), peer)
        if cookie is not None and book.closed:
            token = self.sessions.find(cookie, book)
            if token is not None:
                return _as(token, peer)
        if self.settings.without_token or (not book.closed and is_loopback(peer) and not _forwarded(scope)):
            if not may_be_asked_for(header(scope, b"host"), configured=self.settings.host, loopback=self.loopback):
                raise Refusal(
                    421, "this server does not go by the name in the address", code="wrong_host",
                    hint="ask for 127.0.0.1 or localhost; for other names make a token: reelscope token create NAME",
                )  # fmt: skip
            return Client(None, "any", peer, trusted=True)
        raise _token_needed(ended=cookie is not None)

    def log_in(self, text: str, peer: str, book: TokenBook) -> Token:
        """The token of this text.

        Raises:
            Refusal: There is none: 401, and 429 for who tried too often.
        """
        token = book.find(text) if len(text) <= TOKEN_LONGEST else None
        if token is not None:
            return token
        wait_s = self.failures.take(_network(peer))
        if wait_s > 0:
            raise Refusal(429, "too many wrong tokens", code="too_many_failures", hint="wait, and check the token", retry_after_s=wait_s)
        raise Refusal(
            401, "no such token, or it was revoked", code="token_unknown", hint="make one on the server: reelscope token create NAME",
            headers={"WWW-Authenticate": 'Bearer realm="reelscope", error="invalid_token"'},
        )  # fmt: skip

    def holds(self, client: Client) -> bool:
        """Whether who was let in by a token still would be."""
        return client.name is None or self.book.named(client.name) is not None


def install(app: FastAPI, settings: Settings, database: Database, *, draining: Callable[[], bool] = lambda: False) -> Security:
    """Put all of it around an app; see the module.

    Args:
        draining: Whether the server is about to end and takes no new jobs.

    Raises:
        ConfigError: `server.host` is no address.
    """
    loopback = all(map(is_loopback, addresses_of(settings.server.host)))
    security = Security(settings, database, loopback=loopback)
    app.state.security = security
    app.add_middleware(
        Intake, max_upload_mib=settings.server.max_upload_mib, disk=security.disk, queue=security.queue, draining=draining
    )  # fmt: skip
    app.add_middleware(Gate, security=security)
    app.add_middleware(Shield)
    _add_routes(app, security)
    return security


class Gate:
    """Lets in who may come in, and as often as he may. A plain ASGI middleware."""

    def __init__(self, app: ASGIApp, security: Security) -> None:
        self.app, self.security = app, security

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            client = await self._let_in(scope)
        except Refusal as refusal:
            await answer(refusal, scope, receive, send)
            return
        scope.setdefault("state", {})["client"] = client
        await self.app(scope, receive, self._until_revoked(client, send))

    async def _let_in(self, scope: Scope) -> Client:
        path, peer = path_of(scope), scope["client"][0] if scope.get("client") else ""
        if from_elsewhere(
            scope["method"],
            host=header(scope, b"host"),
            origin=header(scope, b"origin"),
            site=header(scope, b"sec-fetch-site"),
            mode=header(scope, b"sec-fetch-mode"),
            dest=header(scope, b"sec-fetch-dest"),
        ):
            raise Refusal(403, "another website sent this request", code="cross_site", hint="open the server's own page")
        if path == HEALTH:  # it says that the process lives, to everybody, also without a database
            return Client(None, "none", peer, trusted=False)
        open_path = path in OPEN or path.startswith(ASSETS)
        try:
            client = self.security.identify(scope, await self.security.read_book())
        except Refusal as refusal:
            self._count(("peer", _network(peer)))
            if not open_path or refusal.status not in (401, 429):
                raise
            return Client(None, "none", peer, trusted=False)
        self._count(("token", client.name) if client.name is not None else ("peer", _network(peer)))
        if not open_path and client.scope != "any" and (client.scope == "worker") != path.startswith(BLOBS):
            raise Refusal(
                403, f"a token of the scope {client.scope} does not open this", code="wrong_scope", hint="use one of the other scope"
            )
        return client

    def _count(self, who: tuple[str, str]) -> None:
        wait_s = self.security.requests.take(who)
        if wait_s > 0:
            raise Refusal(
                429, "too many requests", code="too_many_requests", hint="ask less often, or raise server.requests_per_minute",
                retry_after_s=wait_s,
            )  # fmt: skip

    def _until_revoked(self, client: Client, send: Send) -> Send:
        """An answer that streams for hours (events) ends soon after its token was revoked."""
        checked = time.monotonic()

        async def checking(message: Message) -> None:
            nonlocal checked
            if client.name is not None and message.get("more_body", False) and time.monotonic() - checked >= BOOK_S:
                await self.security.read_book()
                checked = time.monotonic()
                if not self.security.holds(client):
                    raise CutOff("the token was revoked")
            await send(message)

        return checking


def _add_routes(app: FastAPI, security: Security) -> None:
    errors: dict[int | str, dict[str, Any]] = {status: {"model": ErrorBody} for status in (400, 401, 403, 413, 415, 429)}
    body = {"requestBody": {"required": True, "content": {"application/json": {"schema": SessionRequest.model_json_schema()}}}}

    @app.post("/session", status_code=204, responses=errors, openapi_extra=body, tags=["session"])
    async def log_in(request: Request) -> Response:
        """Open a session: with a token, the answer sets the page's cookie."""
        try:  # by hand: the app's own words on an invalid body might repeat it
            asked = SessionRequest.model_validate_json(await request.body())
        except ValidationError:
            return refuse(Refusal(400, 'the body is not {"token": "..."}', code="bad_request"))
        peer = request.client.host if request.client is not None else ""
        try:
            token = security.log_in(asked.token, peer, await security.read_book())
            if token.scope != "client":
                raise Refusal(403, "a worker's token opens no session", code="wrong_scope", hint="use a token of the scope client")
        except Refusal as refusal:
            return refuse(refusal)
        answer = Response(status_code=204)
        # Behind a proxy that ends https, only the browser knows that it is https.
        https = request.url.scheme == "https" or request.headers.get("origin", "").lower().startswith("https://")
        answer.set_cookie(
            COOKIE, security.sessions.open(token), max_age=SESSION_S, path="/", httponly=True, samesite="strict", secure=https
        )  # fmt: skip
        return answer

    @app.delete("/session", status_code=204, tags=["session"])
    async def log_out() -> Response:
        """End the session of this browser."""
        answer = Response(status_code=204)
        answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return answer


def _bearer(scope: Scope) -> str | None:
    kind, _, text = (header(scope, b"authorization") or "").partition(" ")
    return text.strip() if kind.lower() == "bearer" else None


def _forwarded(scope: Scope) -> bool:
    """Whether a proxy says that it asks for somebody else, who need not be on this machine."""
    return any(name in FORWARDED for name, _ in scope["headers"])


def _network(peer: str) -> str:
    """Who a peer is when requests are counted: of IPv6 the network, in which one machine may have any number of addresses."""
    address = ip_of(peer)
    return str(address) if address is None or address.version == 4 else address.exploded[:19]


def _as(token: Token, peer: str) -> Client:
    return Client(token.name, token.scope, peer, trusted=True)


def _token_needed(*, ended: bool) -> Refusal:
    what = "the session has ended" if ended else "a token is needed"
    return Refusal(
        401, what, code="token_needed", hint="make one on the server: reelscope token create NAME",
        headers={"WWW-Authenticate": 'Bearer realm="reelscope"'},
    )  # fmt: skip
