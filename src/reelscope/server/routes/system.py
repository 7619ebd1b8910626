"""What the server is and does: analyzers, models, health, figures, the page."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from reelscope.api import Shape
from reelscope.models.catalog import Catalog
from reelscope.models.manifest import manifest
from reelscope.models.states import state
from reelscope.server.answers import errors, not_found
from reelscope.server.limits import Refusal
from reelscope.server.monitor.shapes import MonitorHistory, MonitorSnapshot
from reelscope.server.parts import parts
from reelscope.server.ranges import unchanged
from reelscope.server.routes.events import STREAM, event_stream
from reelscope.server.web import files
from reelscope.usable import catalog
from reelscope.version import VERSION

__all__ = ["router"]

router = APIRouter(tags=["system"])

TEXT = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus's text format"}}
PAGE = {200: {"content": {"text/html": {"schema": {"type": "string"}}}, "description": "The page"}}


class AnalyzerRow(Shape):
    """An analyzer. backend, tier: what would run here; null with the reason and what would change it. distribution: of a plugin's."""

    name: str
    title: str
    status: str
    backend: str | None
    tier: str | None
    backends: list[str]
    reason: str | None
    hint: str | None
    distribution: str | None = None


class AnalyzerList(Shape):
    """All nineteen, then those of plugins."""

    items: list[AnalyzerRow]


class ModelRow(Shape):
    """One model. status: as `reelscope models list` says it."""

    name: str
    tier: str
    purpose: str
    licence: str | None
    status: str
    bytes: int
    detail: str | None
    hint: str | None


class ModelList(Shape):
    """Every model that is known."""

    items: list[ModelRow]


class Health(Shape):
    """The process lives."""

    status: str
    version: str


class CheckRow(Shape):
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str
    hint: str | None


class Ready(Shape):
    """Whether jobs that are handed in are worked on. checks: empty for who has no token."""

    ready: bool
    state: str
    checks: list[CheckRow]


@router.get("/analyzers", response_model=AnalyzerList, responses=errors())
def analyzers(request: Request) -> Any:
    """The nineteen analyzers and those of plugins: which backend would run here, or what is missing."""
    rows = [
        AnalyzerRow(
            name=r.name, title=r.title, status="usable" if r.backend else "unavailable", backend=r.backend, tier=r.tier,
            backends=list(r.backends), reason=r.reason, hint=r.hint, distribution=r.distribution,
        )
        for r in catalog(parts(request).settings)
    ]  # fmt: skip
    return JSONResponse(AnalyzerList(items=rows).model_dump(mode="json"))


@router.get("/models", response_model=ModelList, responses=errors())
def models(request: Request) -> Any:
    """The models that are known, and whether they are here."""
    known = Catalog.of(parts(request).settings)
    rows = []
    for entry in manifest().values():
        found = state(known, entry)
        rows.append(
            ModelRow(
                name=entry.name, tier=entry.tier, purpose=entry.purpose, licence=entry.licence, status=found.word, bytes=found.bytes,
                detail=found.detail, hint=found.hint,
            )
        )  # fmt: skip
    return JSONResponse(ModelList(items=rows).model_dump(mode="json"))


@router.get("/health", response_model=Health, responses=errors())
async def health() -> Any:
    """The process lives, whatever else does not."""
    return JSONResponse({"status": "ok", "version": VERSION})


@router.get("/ready", response_model=Ready, responses={**errors(), 503: {"model": Ready}})
async def ready(request: Request) -> Any:
    """Whether jobs that are handed in are worked on, with each check."""
    p = parts(request)
    checks = [CheckRow(name=c.name, ok=c.ok, detail=c.detail, hint=c.hint) for c in p.readiness.checks()]
    body = Ready(ready=p.state == "ready", state=p.state, checks=checks if request.state.client.trusted else [])
    return JSONResponse(body.model_dump(mode="json"), 200 if body.ready else 503, None if body.ready else {"Retry-After": "2"})


@router.get("/metrics", response_class=Response, responses={**errors(), **TEXT})
def metrics(request: Request) -> Response:
    """Figures for Prometheus."""
    p = parts(request)
    return Response(p.monitor.metrics() + p.traffic.render(), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/monitor", response_model=MonitorSnapshot, responses=errors())
async def monitor(request: Request) -> Response:
    """Everything that is sampled, as of the last second."""
    found = parts(request).monitor.latest_json()
    if found is None:
        raise Refusal(503, "nothing was sampled yet", code="starting", hint="ask again in a second", retry_after_s=1)
    return Response(found, media_type="application/json")


@router.get("/monitor/history", response_model=MonitorHistory, responses=errors())
def history(request: Request) -> Response:
    """The last five minutes in a few figures for each second."""
    return Response(parts(request).monitor.history().model_dump_json(), media_type="application/json")


@router.get("/monitor/events", response_class=StreamingResponse, responses={**errors(), **STREAM})
async def monitor_events(request: Request) -> StreamingResponse:
    """A snapshot a second (event: snapshot)."""
    p = parts(request)
    p.hub.check_room()

    async def lines() -> AsyncIterator[str]:
        async for snapshot in p.monitor.follow():
            yield f"event: snapshot\ndata: {snapshot}\n\n"

    return event_stream(lines())


@router.get("/", response_class=Response, responses={**errors(), **PAGE}, operation_id="page")
async def page(request: Request) -> Response:
    """The web page."""
    return _file(request, "/")


@router.get("/assets/{name}", response_class=Response, responses={**errors(404), **PAGE})
async def asset(request: Request, name: str) -> Response:
    """A file of the page."""
    return _file(request, f"/assets/{name}")


def _file(request: Request, path: str) -> Response:
    found = files().get(path)
    if found is None:
        raise not_found("such file")
    kind, data = found
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if unchanged(request, tag):
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=kind, headers=headers)
