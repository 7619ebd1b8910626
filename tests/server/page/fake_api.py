"""A server for the web page alone: the page's own files and answers that a test sets, over real HTTP on a loopback port.

The shapes are those of reelscope.api and reelscope.server.monitor.shapes, so that it cannot answer what the real server could not.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from reelscope.api import (
    AnalysisList,
    AnalysisRequest,
    AnalysisStatus,
    AnalyzerProgress,
    ErrorBody,
    Estimate,
    JobEvent,
    Links,
    Progress,
    SourceBrief,
)
from reelscope.document.names import ANALYZER_NAMES
from reelscope.server.monitor.shapes import MonitorHistory, MonitorSnapshot
from reelscope.server.web import POLICY, files

COOKIE = "reelscope_session"
POLL_S = 0.02


@dataclass
class Fake:
    """What the page is answered. Tests change it from their own thread."""

    base: str = ""
    token: str | None = None
    jobs: dict[str, AnalysisStatus] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    events: dict[str, list[JobEvent]] = field(default_factory=dict)
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    media: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    snapshot: MonitorSnapshot | None = None
    history: MonitorHistory = field(default_factory=lambda: MonitorHistory(points=[]))
    refusals: list[tuple[int, ErrorBody, int | None]] = field(default_factory=list)
    """What the next hand-ins are refused with: status, body, Retry-After."""
    received: list[dict[str, Any]] = field(default_factory=list)
    slow_upload: threading.Event | None = None
    """While it is there and not set, an upload is not read on."""
    down: bool = False
    made: int = 0
    asked: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    # --- what tests say --------------------------------------------------------------------------------------------------------------

    def add(self, title: str, state: str = "queued", **more: Any) -> str:
        """An analysis, newer than all before."""
        with self.lock:
            self.made += 1
            id = hashlib.sha256(f"{self.made}".encode()).hexdigest()[:32]
            base = f"/analyses/{id}"
            links = Links(
                **{n: f"{base}/{n}" for n in ("events", "document", "report", "media")}, self=base, export=f"{base}/export/{{format}}"
            )
            at = datetime.now(UTC) + timedelta(milliseconds=self.made)
            values: dict[str, Any] = {
                "id": id, "state": state, "created_at": at, "title": title, "source": SourceBrief(kind="upload", name=title), "priority": 5,
                "progress": Progress(phase="queued"), "links": links,
            }  # fmt: skip
            self.jobs[id] = AnalysisStatus(**{**values, **more})
            self.events[id] = []
            self.tell(id, "state", state="queued")
            return id

    def change(self, id: str, **values: Any) -> None:
        with self.lock:
            self.jobs[id] = self.jobs[id].model_copy(update=values)

    def tell(self, id: str, kind: str, **data: Any) -> None:
        with self.lock:
            story = self.events[id]
            story.append(JobEvent(seq=len(story) + 1, at=datetime.now(UTC), kind=kind, data=data))  # type: ignore[arg-type]

    def run(self, id: str, share: float = 0.0, seconds: float | None = None, **states: str) -> None:
        """It runs; states: of single analyzers."""
        analyzers = {
            n: AnalyzerProgress(state=states.get(n, "running"), seconds=1.5 if states.get(n) == "ok" else None) for n in ANALYZER_NAMES
        }  # type: ignore[arg-type]
        progress = Progress(phase="decode", share=share, done_s=round(20 * share, 3), total_s=20.0, analyzers=analyzers)
        if self.jobs[id].state != "running":
            self.tell(id, "state", state="running", worker="box-1", attempt=1)
        estimate = Estimate(
            seconds=seconds, jobs_ahead=0, basis="from 12 earlier clips" if seconds is not None else "no clip was analysed here yet"
        )
        self.change(id, state="running", started_at=datetime.now(UTC), attempts=1, worker="box-1", progress=progress, estimate=estimate)
        self.tell(id, "progress", **progress.model_dump(mode="json"))

    def end(self, id: str, state: str = "done", error: ErrorBody | None = None, **more: Any) -> None:
        values: dict[str, Any] = {
            "state": state,
            "finished_at": datetime.now(UTC),
            "progress": Progress(phase="ended", share=1.0 if state == "done" else None),
            "estimate": None,
            "error": error,
            "worker": None,
        }
        if state == "done":
            values |= {"ok": 17, "failed": 1, "unavailable": 1, "duration_s": 20.4}
        self.change(id, **{**values, **more})
        self.tell(id, "state", state=state, error=error.model_dump() if error else None)

    # --- what the page asks ---------------------------------------------------------------------------------------------------------------

    def app(self) -> Starlette:
        def route(path: str, handler: Any, methods: list[str] | None = None, *, free: bool = False) -> Route:
            async def guarded(request: Request) -> Response:
                self.asked.append(f"{request.method} {request.url.path}")
                if self.down and not free:
                    return Response(status_code=502)
                if self.token and not free and request.cookies.get(COOKIE) != hashlib.sha256(self.token.encode()).hexdigest():
                    return refusal(401, ErrorBody(code="token_needed", message="a token is needed", hint="make one on the server"))
                return await handler(request)

            return Route(path, guarded, methods=methods or ["GET"])

        one = "/analyses/{id}"
        return Starlette(
            routes=[
                route("/session", self._session, ["POST", "DELETE"], free=True),
                route("/analyses", self._list),
                route("/analyses", self._submit, ["POST"]),
                route("/analyses/upload", self._upload, ["POST"]),
                route(one, self._one, ["GET", "DELETE"]),
                route(f"{one}/events", self._story),
                route(f"{one}/document", self._document),
                route(f"{one}/report", self._report),
                route(f"{one}/media", self._media),
                route("/analyzers", self._analyzers),
                route("/monitor", self._monitor),
                route("/monitor/history", self._history),
                route("/monitor/events", self._pulse),
                route("/openapi.json", self._openapi),
                route("/{path:path}", self._file, free=True),
            ]
        )

    async def _file(self, request: Request) -> Response:
        found = files().get(request.url.path)
        if found is None:
            return refusal(404, ErrorBody(code="not_found", message="there is nothing here"))
        return Response(found[1], media_type=found[0], headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"})

    async def _session(self, request: Request) -> Response:
        answer = Response(status_code=204)
        if request.method == "DELETE":
            answer.delete_cookie(COOKIE)
            return answer
        given = (await request.json())["token"]
        if given != self.token:
            return refusal(401, ErrorBody(code="token_unknown", message="no such token, or it was revoked"))
        answer.set_cookie(COOKIE, hashlib.sha256(given.encode()).hexdigest(), httponly=True, samesite="strict")
        return answer

    async def _list(self, request: Request) -> Response:
        ask = request.query_params
        with self.lock:
            found = [j for j in reversed(self.jobs.values()) if ask.get("state", j.state) == j.state]
            words = ask.get("q", "").casefold().split()
            found = [j for j in found if all(w in f"{j.title} {self.texts.get(j.id, '')}".casefold() for w in words)]
        first, limit = int(ask.get("cursor", 0)), int(ask.get("limit", 20))
        more = str(first + limit) if len(found) > first + limit else None
        return shaped(AnalysisList(items=found[first : first + limit], next=more, total=len(found)))

    def _refused(self) -> Response | None:
        if not self.refusals:
            return None
        status, body, after = self.refusals.pop(0)
        return refusal(status, body, after)

    async def _submit(self, request: Request) -> Response:
        asked = AnalysisRequest.model_validate(await request.json())
        self.received.append({"request": asked, "key": request.headers.get("Idempotency-Key")})
        url = asked.url or ""
        return self._refused() or shaped(
            self.jobs[self.add(url, source=SourceBrief(kind="url", name=url, url=url), priority=asked.priority)], 202
        )

    async def _upload(self, request: Request) -> Response:
        while self.slow_upload is not None and not self.slow_upload.is_set() and not self.down:
            await asyncio.sleep(POLL_S)
        try:
            async with request.form() as form:
                file = form["file"]
                assert not isinstance(file, str) and file.filename
                body = await file.read()
                asked = json.loads(str(form["request"]))
                AnalysisRequest.model_validate({**asked, "path": "x"})
                self.received.append(
                    {"name": file.filename, "bytes": len(body), "request": asked, "key": request.headers["Idempotency-Key"]}
                )
                return self._refused() or shaped(self.jobs[self.add(file.filename)], 202)
        except ClientDisconnect:
            return Response(status_code=400)

    async def _one(self, request: Request) -> Response:
        id = request.path_params["id"]
        if id not in self.jobs:
            return refusal(404, ErrorBody(code="not_found", message="there is no such analysis"))
        if request.method == "DELETE":
            if request.query_params.get("purge") == "true":
                del self.jobs[id]
                return Response(status_code=204)
            self.end(id, "cancelled")
        return shaped(self.jobs[id])

    async def _story(self, request: Request) -> Response:
        id, after = request.path_params["id"], int(request.headers.get("Last-Event-ID", request.query_params.get("after", 0)))

        async def lines() -> AsyncIterator[str]:
            last = after
            yield "retry: 100\n\n"
            while not self.down:
                for event in self.events[id][last:]:
                    last = event.seq
                    yield f"id: {event.seq}\nevent: {event.kind}\ndata: {event.model_dump_json()}\n\n"
                    if event.data.get("state") in ("done", "failed", "cancelled"):
                        return
                if await request.is_disconnected():
                    return
                await asyncio.sleep(POLL_S)

        return StreamingResponse(lines(), media_type="text/event-stream")

    async def _document(self, request: Request) -> Response:
        return JSONResponse(self.documents.get(request.path_params["id"], {"analyzers": {}}))

    async def _report(self, request: Request) -> Response:
        return Response("<!doctype html><title>A report</title><h1>Report</h1>", media_type="text/html")

    async def _media(self, request: Request) -> Response:
        kind, body = self.media.get(request.path_params["id"], ("video/mp4", b""))
        return Response(body, media_type=kind) if body else Response(status_code=404)

    async def _analyzers(self, request: Request) -> Response:
        items = [{"name": n, "status": "usable", "backend": "x", "tier": "embedded", "reason": None, "hint": None} for n in ANALYZER_NAMES]
        items[0] |= {
            "status": "unavailable",
            "backend": None,
            "tier": None,
            "reason": "it needs 18.4 GiB of GPU memory, and there is no GPU to use",
            "hint": "make setup-full",
        }
        return JSONResponse({"items": items})

    async def _monitor(self, request: Request) -> Response:
        assert self.snapshot is not None
        return shaped(self.snapshot)

    async def _history(self, request: Request) -> Response:
        return shaped(self.history)

    async def _pulse(self, request: Request) -> Response:
        async def lines() -> AsyncIterator[str]:
            told = None
            while not self.down and not await request.is_disconnected():
                if self.snapshot is not told:
                    told = self.snapshot
                    assert told is not None
                    yield f"event: snapshot\ndata: {told.model_dump_json()}\n\n"
                await asyncio.sleep(POLL_S)

        return StreamingResponse(lines(), media_type="text/event-stream")

    async def _openapi(self, request: Request) -> Response:
        parameter = {"name": "format", "in": "path", "schema": {"type": "string", "enum": ["srt", "csv", "edl"]}}
        return JSONResponse({"paths": {"/analyses/{id}/export/{format}": {"get": {"parameters": [parameter]}}}})


def shaped(answer: Any, status: int = 200) -> Response:
    return Response(answer.model_dump_json(), status_code=status, media_type="application/json")


def refusal(status: int, body: ErrorBody, after: int | None = None) -> Response:
    return Response(
        body.model_dump_json(),
        status_code=status,
        media_type="application/json",
        headers={"Retry-After": str(after)} if after is not None else {},
    )


@contextmanager
def serving(fake: Fake, port: int = 0) -> Iterator[str]:
    """Serve it on a loopback port; gives the address."""
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        server = uvicorn.Server(uvicorn.Config(fake.app(), log_level="critical", lifespan="off", ws="none", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, args=([listening],), name="fake-api")
        thread.start()
        until = time.monotonic() + 120
        while not server.started and thread.is_alive() and time.monotonic() < until:
            time.sleep(POLL_S)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            fake.down = True  # ends the streams
            server.should_exit = True
            thread.join()
