"""What came of an analysis: document, report, exports, the clip itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from reelscope.document.exports.registry import FORMATS
from reelscope.document.exports.shapes import ExportOptions
from reelscope.document.schema import Document
from reelscope.errors import InputError, OutputError
from reelscope.server.answers import errors, not_found
from reelscope.server.corrections import corrected_document, corrections_of
from reelscope.server.exports import ZIP, chosen, key_of, material_of, packed, tag_of
from reelscope.server.jobs import Job
from reelscope.server.parts import Parts, parts
from reelscope.server.ranges import file_answer, saved_as, unchanged
from reelscope.server.routes.analyses import NO_NUL, document_answer, job_of

__all__ = ["OWN", "ExportAsked", "router"]

router = APIRouter(prefix="/analyses/{id}", tags=["results"])

TheJob = Annotated[Job, Depends(job_of)]
HTML = {200: {"content": {"text/html": {"schema": {"type": "string"}}}, "description": "A page that needs nothing beside it"}}
SAME: dict[int | str, dict[str, Any]] = {304: {"description": "It is what If-None-Match names"}}
FILE = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
JPEG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}, "description": "The picture"}
}
MEDIA = {200: {**FILE, "description": "All of it"}, 206: {**FILE, "description": "The range that was asked for"}}


def _json(p: Parts, job: Job) -> Response:
    answer = document_answer(p, job)
    answer.headers["Content-Disposition"] = saved_as(job.title, "analysis.json")
    return answer


def _html(p: Parts, job: Job) -> Response:
    answer = _report(p, job)
    answer.headers["Content-Disposition"] = saved_as(job.title, "report.html")
    return answer


OWN: Mapping[str, Callable[[Parts, Job], Response]] = {"json": _json, "html": _html}
"""What `/export/{format}` answers with beside the formats of `document/exports`."""


class ExportAsked(ExportOptions):
    """The options of an export, as parameters of the address."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    file: str | None = Field(None, max_length=100, description="One of the format's files, such as speech.srt; without: all, as a ZIP.")
    clip: str | None = Field(None, max_length=1000, pattern=NO_NUL, description="Where editing programs find the clip; without: its name.")

    @property
    def options(self) -> ExportOptions:
        """Those that exporters take."""
        return ExportOptions(**{name: getattr(self, name) for name in ExportOptions.model_fields})


TYPES = sorted({ZIP, *(kind for format in FORMATS.values() for kind in format.files.values())} - {"application/json"})
EXPORTED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A file as itself, several as a ZIP; `json` and `html`: the document and the report",
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in TYPES}
        | {"application/json": {"schema": {"type": "object"}}, "text/html": {"schema": {"type": "string"}}},
    }
}


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
def document(
    request: Request,
    job: Done,
    corrected: Annotated[bool, Query(description="As its users corrected it, rather than as it was measured.")] = False,
) -> Response:
    """The production document (docs/document.md)."""
    p = parts(request)
    if not corrected:
        return document_answer(p, job, request)
    found, tag = corrected_document(p, p.jobs.files(job.id))
    if unchanged(request, tag):
        return Response(status_code=304, headers={"ETag": tag})
    return Response(found.model_dump_json(), media_type="application/json", headers={"ETag": tag})


@router.get("/report", response_model=None, responses=errors(404, 409, 410) | HTML | SAME)
def report(request: Request, job: Done) -> Response:
    """The report, a page of its own."""
    answer = _report(parts(request), job, served=True)
    tag = answer.headers["ETag"]
    return Response(status_code=304, headers={"ETag": tag}) if unchanged(request, tag) else answer


def _report(p: Parts, job: Job, *, served: bool = False) -> Response:
    from reelscope.document.report.render import report_policy

    files = p.jobs.files(job.id)
    html, key = p.reports.of(files, p.blobs, job.title, corrections_of(p, files), served=served)
    policy = f"{report_policy(served=served)}; frame-ancestors 'none'"
    return Response(html, media_type="text/html; charset=utf-8", headers={"ETag": f'"{key}"', "Content-Security-Policy": policy})


@router.get("/keyframes/{name}", response_model=None, responses=errors(404, 409, 410) | SAME | JPEG)
def keyframe(
    request: Request,
    job: Done,
    name: Annotated[str, Path(max_length=200, pattern=r"^[0-9A-Za-z_][0-9A-Za-z._-]*$", description="As the document's shots name it.")],
) -> Response:
    """The picture of a shot, a JPEG."""
    p = parts(request)
    found = p.jobs.files(job.id).get(f"keyframes/{name}")
    if found is None:
        raise not_found("such keyframe of this analysis")
    return file_answer(request, p.blobs.path(found[0]), found[0], name=name, kind="image/jpeg")


@router.get("/export/{format}", response_model=None, responses=errors(404, 409, 410) | EXPORTED | SAME)
async def export(
    request: Request,
    job: Done,
    format: Annotated[str, Path(json_schema_extra={"enum": [*OWN, *FORMATS]})],
    asked: Annotated[ExportAsked, Query()],
) -> Response:
    """The document in another format (docs/exports.md)."""
    p = parts(request)
    if format in OWN:
        answer = await run_in_threadpool(OWN[format], p, job)
        tag = answer.headers["ETag"]
        return Response(status_code=304, headers={"ETag": tag}) if unchanged(request, tag) else answer
    if format not in FORMATS:
        raise InputError("there is no such format", code="unknown_format", hint=f"there are: {', '.join([*OWN, *FORMATS])}")
    names = chosen(format, asked.file)
    files = await run_in_threadpool(p.jobs.files, job.id)
    clip = asked.clip or job.source_name  # the name under which the clip is saved from here
    tag = tag_of(await run_in_threadpool(key_of, p, job, files), format, names, asked.options, clip)
    if unchanged(request, tag):
        return Response(status_code=304, headers={"ETag": tag})
    content, kind, name = await p.exports.run(lambda: packed(format, names, material_of(p, job, files, format, asked.options, clip)))
    return Response(content, media_type=kind, headers={"ETag": tag, "Content-Disposition": saved_as(job.title, name)})


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
