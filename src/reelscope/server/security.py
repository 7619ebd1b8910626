"""Who may ask for what: tokens and sessions, other websites in the user's browser, headers of every answer.

For who writes the app:

    security = install(app, settings, database, draining=lambda: stopping)      # once, after the app is made, before it serves

It adds middlewares (all plain ASGI, so answers stream) and the routes `POST /session` and `DELETE /session`. From outside to inside:

1. Shield: headers on every answer; a route's own Content-Security-Policy and Cache-Control stay. An exception that no handler took is
   logged and answered 500 `internal_error`. WebSockets are refused.
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
