"""Requests as Prometheus counts them: how many, how they were answered, how soon. A plain ASGI middleware, around all others."""

from __future__ import annotations

import time
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Traffic", "TrafficCounter"]

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})  # a client may write any word there
ELSEWHERE = "other"  # addresses and methods that are none of ours: one label, however many somebody tries
# Around the 100 ms that GET /analyses/{id} must keep to; the longest are uploads, and those who wait for a document (`wait`).
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 120.0)


class TrafficCounter:
    """What is counted of one app."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "reelscope_http_requests", "Requests that were answered", ("method", "route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "reelscope_http_answer_seconds", "From a request's headers to the beginning of its answer", ("route",), buckets=BUCKETS_S,
            registry=self._registry,
        )  # fmt: skip

    def add(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """Count one. route: the pattern of its address, None where it is none of ours."""
        route = route or ELSEWHERE
        self._requests.labels(method if method in METHODS else ELSEWHERE, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def render(self) -> bytes:
        """Prometheus's exposition."""
        return generate_latest(self._registry)


class Traffic:
    """Counts what passes through it."""

    def __init__(self, app: ASGIApp, counter: TrafficCounter) -> None:
        self.app, self.counter = app, counter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = time.monotonic()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route: Any = scope.get("route")  # set where the request came as far as a route
                self.counter.add(scope["method"], getattr(route, "path", None), message["status"], time.monotonic() - begun)
            await send(message)

        await self.app(scope, receive, counted)
