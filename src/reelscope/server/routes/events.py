"""The story of an analysis as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from reelscope.api import JobEvent, Shape
from reelscope.server.answers import errors
from reelscope.server.jobs import Job
from reelscope.server.monitor.logs import story
from reelscope.server.parts import parts
from reelscope.server.routes.analyses import job_of

__all__ = ["event_stream", "router"]

router = APIRouter(tags=["analyses"])

RETRY_MS = 1000  # how soon a browser comes back after the connection broke
STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "event: state, progress or log"}
}
# a browser that comes back after the end is told so, and comes back no more (HTML standard, section 9.2.3)
OVER: dict[int | str, dict[str, Any]] = {204: {"description": "It has ended, and there is no event after this one"}}


@router.get("/analyses/{id}/events", response_class=StreamingResponse, responses=errors(404) | STREAM | OVER)
async def follow(
    request: Request,
    job: Annotated[Job, Depends(job_of)],
    last: Annotated[str | None, Header(alias="Last-Event-ID", max_length=20)] = None,
    after: Annotated[int, Query(ge=0, description="As Last-Event-ID, for who cannot set it.")] = 0,
) -> Response:
    """Events of an analysis from its beginning or after Last-Event-ID, until it has ended."""
    asked = int(last) if last is not None and last.isascii() and last.isdecimal() else after
    seq = min(asked, job.seq)  # a number that no event has yet would wait for it, or be more than a database can count
    if job.final and seq == job.seq:
        return Response(status_code=204)
    hub = parts(request).hub
    hub.check_room()

    async def lines() -> AsyncIterator[str]:
        yield f"retry: {RETRY_MS}\n\n"
        async for event in hub.follow(job.id, seq):
            yield _line(event) if event is not None else ": still here\n\n"

    return event_stream(lines())


class LogLines(Shape):
    """What the log has about one analysis: of the server and of the workers that share its data folder, oldest first."""

    items: list[dict[str, Any]]


@router.get("/analyses/{id}/log", response_model=LogLines, responses=errors(404))
def log_lines(request: Request, job: Annotated[Job, Depends(job_of)]) -> Response:
    """The log of an analysis, for who looks for what went wrong: time, level, logger, message, analyzer, worker."""
    items = story(job.id, parts(request).data_dir)
    return Response(LogLines(items=items).model_dump_json(), media_type="application/json")


def event_stream(lines: AsyncIterator[str]) -> StreamingResponse:
    """An answer that is never stored and never gathered on the way."""
    return StreamingResponse(lines, media_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


def _line(event: JobEvent) -> str:
    return f"id: {event.seq}\nevent: {event.kind}\ndata: {event.model_dump_json()}\n\n"
