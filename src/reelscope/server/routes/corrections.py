"""What users correct: listing it as it stands in an analysis, adding to it, taking it back. docs/corrections.md."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from reelscope.document.corrections.files import FILE_NAME
from reelscope.document.corrections.shapes import LONGEST_AUTHOR, CorrectionList, Corrections, CorrectionsAsked, author_of
from reelscope.document.schema import Document
from reelscope.errors import InputError
from reelscope.server.answers import errors
from reelscope.server.parts import parts
from reelscope.server.routes.results import Done

__all__ = ["router"]

router = APIRouter(prefix="/analyses/{id}/corrections", tags=["corrections"])

REVISION = re.compile(r'(?:W/)?"?([0-9]{1,9})"?')

IfMatch = Annotated[
    str | None, Header(alias="If-Match", max_length=100, description="The revision that the change is made against; another is refused.")
]
Author = Annotated[str | None, Query(max_length=LONGEST_AUTHOR, description="Who asks; needed where no token says it.")]


def measured(request: Request, job: Done) -> Document:
    """The document of a job, which nobody changes."""
    p = parts(request)
    return p.corrections.documents.of(p.jobs.files(job.id), p.blobs)


Measured = Annotated[Document, Depends(measured)]


def _author(request: Request, given: str | None) -> str:
    """Who corrects or takes back: the token's name, else the name that is given.

    Raises:
        InputError: There is neither.
    """
    name = request.state.client.name or author_of(given)
    if name is None:
        hint = f"author: a name of up to {LONGEST_AUTHOR} characters"
        raise InputError("say who corrects", code="author_needed", hint=hint)
    return str(name)


def _expected(header: str | None) -> int | None:
    """The revision in If-Match; None where any will do.

    Raises:
        InputError: It holds none.
    """
    if header is None or header.strip() == "*":
        return None
    found = REVISION.fullmatch(header.strip())
    if found is None:
        raise InputError("If-Match: no revision", code="bad_revision", hint='the ETag of GET /analyses/{id}/corrections, such as "3"')
    return int(found[1])


def _listed(request: Request, document: Document, *, status: int = 200, added: list[str] | None = None) -> Response:
    book = parts(request).corrections
    found = book.documents.listed(document, book.of(document.source.sha256), added)
    return Response(
        found.model_dump_json(exclude_none=False), status, media_type="application/json", headers={"ETag": f'"{found.revision}"'}
    )  # fmt: skip


BOTH: dict[int | str, dict[str, Any]] = {
    200: {"model": CorrectionList | Corrections, "description": "With `file`, the file"}  # type: ignore[dict-item]
}


@router.get("", response_model=None, responses=errors(404, 409, 410) | BOTH)
def list_corrections(
    request: Request,
    document: Measured,
    file: Annotated[bool, Query(description=f"Answer with the file {FILE_NAME}, for the command line.")] = False,
) -> Response:
    """The corrections of the clip, and what became of each in this analysis."""
    if not file:
        return _listed(request, document)
    found = parts(request).corrections.of(document.source.sha256)
    return Response(
        found.model_dump_json(indent=1), media_type="application/json",
        headers={"ETag": f'"{found.revision}"', "Content-Disposition": f'attachment; filename="{FILE_NAME}"'},
    )  # fmt: skip


@router.post("", status_code=201, response_model=CorrectionList, responses=errors(404, 409, 410))
def correct(request: Request, document: Measured, asked: CorrectionsAsked, if_match: IfMatch = None) -> Response:
    """Correct something; all edits are taken or none."""
    author = _author(request, asked.author)
    made = parts(request).corrections.edit(document, asked.edits, author, expected=_expected(if_match))
    return _listed(request, document, status=201, added=made)


@router.delete("/{cid}", response_model=CorrectionList, responses=errors(404, 409, 410))
def withdraw(
    request: Request,
    document: Measured,
    cid: Annotated[str, Path(max_length=64, pattern=r"^[0-9A-Za-z_-]{1,64}$", description="Id of a correction")],
    author: Author = None,
    if_match: IfMatch = None,
) -> Response:
    """Take a correction back; it stays in the history."""
    name = _author(request, author)
    parts(request).corrections.withdraw(document.source.sha256, cid, name, expected=_expected(if_match))
    return _listed(request, document)


@router.delete("", response_model=CorrectionList, responses=errors(404, 409, 410))
def clear(request: Request, document: Measured, author: Author = None, if_match: IfMatch = None) -> Response:
    """Remove all corrections of the clip, with their history, from every analysis of it."""
    name = _author(request, author)
    parts(request).corrections.clear(document.source.sha256, name, expected=_expected(if_match))
    return _listed(request, document)
