"""Handing in, listing, looking, cancelling."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, Header, Query, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from reelscope.api import AnalysisList, AnalysisRequest, AnalysisStatus
from reelscope.document.schema import Document
from reelscope.errors import InputError
from reelscope.server.answers import errors, not_found
from reelscope.server.jobs import Conflict, Handed, Job
from reelscope.server.parts import Parts, parts
from reelscope.server.ranges import unchanged
from reelscope.server.uploads import receive
from reelscope.server.views import status_of

__all__ = ["JobId", "job_of", "router"]

router = APIRouter(prefix="/analyses", tags=["analyses"])

LONGEST_WAIT_S = 120
WAIT_POLL_S = 0.1
ID = re.compile("[0-9a-f]{32}")

NO_NUL = r"^[^\x00]*$"  # PostgreSQL has no text with it

JobId = Annotated[str, "32 hex digits"]
Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$", description="One key and body make one job."),
]
Wait = Annotated[float | None, Query(ge=0, le=LONGEST_WAIT_S, description="Answer with the document if it is done within so many seconds.")]
Asked = Annotated[
    AnalysisRequest,
    Body(
        openapi_examples={
            "post": {"summary": "A post", "value": {"url": "https://www.tiktok.com/@scout2015/video/6718335390845095173"}},
            "some": {
                "summary": "Some analyzers, before others",
                "value": {"url": "https://example.com/clip.mp4", "analyzers": ["cut_analysis", "color_analysis"], "priority": 2},
            },
            "options": {
                "summary": "A file of the server, with an option",
                "value": {"path": "/srv/clips/clip.mp4", "options": {"color_analysis": {"colors": 8}}},
            },
        }
    ),
]
ACCEPTED: dict[int | str, dict[str, Any]] = {
    200: {"model": AnalysisStatus | Document, "description": "It is there already; with `wait`, the document"},  # type: ignore[dict-item]
    202: {"model": AnalysisStatus, "description": "Accepted: it will be done"},
}


def job_of(id: JobId, request: Request) -> Job:
    """The job that an address names.

    Raises:
        InputError: There is none.
    """
    found = parts(request).jobs.get(id) if ID.fullmatch(id) else None
    if found is None:
        raise not_found("such analysis")
    return found


def shown(p: Parts, job: Job) -> AnalysisStatus:
    """A job as it is answered; the estimate of one that has not ended."""
    return status_of(job, p.listing.estimates([job])[0])


@router.post("", status_code=202, response_model=None, responses=ACCEPTED | errors(408, 413, 415))
async def hand_in(request: Request, asked: Asked, key: Key = None, wait: Wait = None) -> Response:
    """Analyse a clip: a post or file on the web (`url`), or a file on the server (`path`)."""
    p = parts(request)

    def handed() -> Handed:
        checked = p.asking.check(asked)
        return p.asking.of_url(checked) if checked.url is not None else p.asking.of_path(checked)

    return await _accept(request, await run_in_threadpool(handed), key, wait, asked.model_dump_json())


UPLOAD_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "request": {"type": "string", "description": "JSON: the fields of POST /analyses but for url and path"},
                        "file": {"type": "string", "format": "binary"},
                    },
                }
            }
        },
    }
}


@router.post("/upload", status_code=202, response_model=None, responses=ACCEPTED | errors(408, 413, 415), openapi_extra=UPLOAD_BODY)
async def upload(request: Request, key: Key = None, wait: Wait = None) -> Response:
    """Analyse a clip that is sent along: a form with `request` (optional), then `file`."""
    p = parts(request)
    most = p.settings.server.max_upload_mib << 20
    got = await receive(request, p.blobs, most_bytes=most, disk=request.app.state.security.disk)

    def handed() -> Handed:
        return p.asking.of_clip(p.asking.check(got.asked), "upload", got.name, got.sha256, got.size)

    return await _accept(request, await run_in_threadpool(handed), key, wait, got.asked.model_dump_json() + got.sha256)


async def _accept(request: Request, handed: Handed, key: str | None, wait: float | None, body: str) -> Response:
    p, owner = parts(request), request.state.client.name
    if owner is not None or key is not None:
        named = f"{owner or ''}:{key}" if key is not None else None
        digest = hashlib.sha256(body.encode()).hexdigest() if key is not None else None
        handed = _with(handed, owner=owner, idempotency_key=named, idempotency_body=digest)
    try:
        job, new = await run_in_threadpool(p.jobs.hand_in, handed)
    except Conflict:
        raise InputError(
            "this Idempotency-Key came with another request before", code="idempotency_conflict", hint="use a new key for a new request"
        ) from None
    if wait is not None:
        job = await _waited(p, job, wait)
        if job.state == "done":
            return await run_in_threadpool(document_answer, p, job)
    status = await run_in_threadpool(shown, p, job)
    return JSONResponse(status.model_dump(mode="json"), 202 if new or not job.final else 200, {"Location": status.links.self})


def _with(handed: Handed, **changes: Any) -> Handed:
    from dataclasses import replace

    return replace(handed, **changes)


async def _waited(p: Parts, job: Job, seconds: float) -> Job:
    until = time.monotonic() + seconds
    while not job.final and time.monotonic() < until and not p.ending:
        await asyncio.sleep(WAIT_POLL_S)
        job = await run_in_threadpool(p.jobs.get, job.id) or job
    return job


def document_answer(p: Parts, job: Job, request: Request | None = None) -> Response:
    """The document of a job that is done, as it was written; nothing where the request has it already."""
    found = p.jobs.files(job.id).get("analysis.json")
    if found is None:
        raise not_found("document of this analysis")
    tag = f'"{found[0]}"'
    if request is not None and unchanged(request, tag):
        return Response(status_code=304, headers={"ETag": tag})
    return Response(p.blobs.path(found[0]).read_bytes(), media_type="application/json", headers={"ETag": tag})


@router.get("", response_model=AnalysisList, responses=errors())
def list_analyses(
    request: Request,
    state: Annotated[Literal["queued", "running", "done", "failed", "cancelled"] | None, Query()] = None,
    q: Annotated[
        str | None, Query(max_length=200, pattern=NO_NUL, description="Words in titles, transcripts and text on screen; all must be there.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=100, description="`next` of the page before.")] = None,
) -> Response:
    """List analyses, newest first."""
    p = parts(request)
    found, following, total = p.listing.page(state=state, q=q, limit=limit, cursor=cursor)
    estimates = p.listing.estimates(found)
    page = AnalysisList(items=[status_of(job, e) for job, e in zip(found, estimates, strict=True)], next=following, total=total)
    return Response(page.model_dump_json(), media_type="application/json")


@router.get("/{id}", response_model=AnalysisStatus, responses=errors(404))
async def get_analysis(request: Request, id: JobId) -> Response:
    """One analysis: state, progress, estimate, error."""
    found = await parts(request).looking.status(id) if ID.fullmatch(id) else None
    if found is None:
        raise not_found("such analysis")
    return Response(found, media_type="application/json")


@router.delete("/{id}", response_model=AnalysisStatus, responses=errors(404, 409) | {204: {"description": "Everything of it is gone"}})
def cancel(
    request: Request,
    job: Annotated[Job, Depends(job_of)],
    purge: Annotated[bool, Query(description="Remove everything of it, whatever its state.")] = False,
) -> Response:
    """Cancel an analysis; with `purge`, remove everything of it."""
    p = parts(request)
    if purge:
        p.jobs.purge(job.id)
        return Response(status_code=204)
    if job.final:
        raise InputError(f"it is {job.state} already", code="already_ended", hint="?purge=true removes everything of it")
    after = p.jobs.cancel(job.id)
    if after is None:
        raise not_found("such analysis")
    return Response(status_of(after).model_dump_json(), media_type="application/json")
