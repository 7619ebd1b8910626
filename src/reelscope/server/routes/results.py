"""What came of an analysis: document, report, exports, the clip itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response

from reelscope.document.schema import Document
from reelscope.errors import InputError, OutputError
from reelscope.server.answers import errors, not_found
from reelscope.server.jobs import Job
from reelscope.server.parts import Parts, parts
from reelscope.server.ranges import file_answer, unchanged
from reelscope.server.routes.analyses import document_answer, job_of

__all__ = ["FORMATS", "router"]

router = APIRouter(prefix="/analyses/{id}", tags=["results"])

TheJob = Annotated[Job, Depends(job_of)]
HTML = {200: {"content": {"text/html": {"schema": {"type": "string"}}}, "description": "A page that needs nothing beside it"}}
SAME: dict[int | str, dict[str, Any]] = {304: {"description": "It is what If-None-Match names"}}
FILE = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
MEDIA = {200: {**FILE, "description": "All of it"}, 206: {**FILE, "description": "The range that was asked for"}}


def _json(p: Parts, job: Job) -> Response:
    answer = document_answer(p, job)
    answer.headers["Content-Disposition"] = 'attachment; filename="analysis.json"'
    return answer


def _html(p: Parts, job: Job) -> Response:
    answer = _report(p, job)
    answer.headers["Content-Disposition"] = 'attachment; filename="report.html"'
    return answer


FORMATS: Mapping[str, Callable[[Parts, Job], Response]] = {"json": _json, "html": _html}
"""What `/export/{format}` makes, by name."""


def done(job: TheJob) -> Job:
    """A job that is done.

    Raises:
        InputError: It is not (yet): `not_done`, with its state.
    """
    if job.state != "done":
        hint = "GET /analyses/{id} tells the error" if job.state == "failed" else "GET /analyses/{id}/events tells how far it is"
        raise InputError(f"this analysis is {job.state}, not done", code="not_done", hint=hint)
    return job


Done = Annotated[Job, Depends(done)]


@router.get("/document", response_model=Document, responses=errors(404, 409, 410) | SAME)
def document(request: Request, job: Done) -> Response:
    """The production document (docs/document.md)."""
    return document_answer(parts(request), job, request)


@router.get("/report", response_model=None, responses=errors(404, 409, 410) | HTML | SAME)
def report(request: Request, job: Done) -> Response:
    """The report, a page of its own."""
    answer = _report(parts(request), job)
    tag = answer.headers["ETag"]
    return Response(status_code=304, headers={"ETag": tag}) if unchanged(request, tag) else answer


def _report(p: Parts, job: Job) -> Response:
    from reelscope.document.report.render import report_policy

    html, key = p.reports.of(p.jobs.files(job.id), p.blobs, job.title)
    policy = f"{report_policy()}; frame-ancestors 'none'"
    return Response(html, media_type="text/html; charset=utf-8", headers={"ETag": f'"{key}"', "Content-Security-Policy": policy})


@router.get("/export/{format}", response_model=None, responses={**errors(404, 409, 410), 200: {**FILE, "description": "A file"}})
def export(request: Request, job: Done, format: Annotated[str, Path(json_schema_extra={"enum": sorted(FORMATS)})]) -> Response:
    """The document in another format."""
    make = FORMATS.get(format)
    if make is None:
        raise InputError("there is no such format", code="unknown_format", hint=f"there are: {', '.join(FORMATS)}")
    return make(parts(request), job)


@router.head("/media", response_model=None, responses={**errors(404, 410, 416), **MEDIA}, include_in_schema=False)
@router.get("/media", response_model=None, responses={**errors(404, 410, 416), **MEDIA})
def media(request: Request, job: TheJob) -> Response:
    """The clip; takes a range."""
    p = parts(request)
    found = p.jobs.files(job.id).get("clip")
    if found is None:
        if job.final:
            raise OutputError("the clip is not here any more", code="blob_missing", hint="server.keep_media_days says how long clips stay")
        raise not_found("clip of this analysis yet")
    return file_answer(request, p.blobs.path(found[0]), found[0], name=job.source_name)
