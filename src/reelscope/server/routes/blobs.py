"""Files by their sha256, for workers on other machines; what is asked and answered stands in reelscope.server.remote."""

from __future__ import annotations

import asyncio
import hashlib
import re
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from fastapi import Path as InPath
from starlette.concurrency import run_in_threadpool

from reelscope.errors import InputError
from reelscope.server.answers import errors, not_found
from reelscope.server.limits import Refusal
from reelscope.server.parts import parts
from reelscope.server.ranges import file_answer
from reelscope.server.remote import OFFSET

__all__ = ["router"]

router = APIRouter(prefix="/blobs", tags=["workers"])

Sha256 = Annotated[str, InPath(pattern=r"^[0-9a-f]{64}$")]
CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})|bytes \*/0")
WRITE_BYTES = 1 << 20


@router.get("/{sha256}", response_model=None, responses=errors(404, 416))
def get_blob(request: Request, sha256: Sha256) -> Response:
    """A file; takes a range."""
    blobs = parts(request).blobs
    if not blobs.has(sha256):
        raise not_found("such file")
    return file_answer(request, blobs.path(sha256), sha256, kind="application/octet-stream")


@router.head("/{sha256}", response_model=None, responses=errors(404))
def head_blob(request: Request, sha256: Sha256) -> Response:
    """Whether a file is there, or how much of it."""
    blobs = parts(request).blobs
    if blobs.touch(sha256):
        return Response(headers={"Content-Length": str(blobs.path(sha256).stat().st_size)})
    return Response(status_code=404, headers={OFFSET: str(_size(blobs.part(sha256)))}, media_type="application/json")


@router.put("/{sha256}", response_model=None, status_code=201, responses=errors(409, 413) | {204: {"description": "More is wanted"}})
async def put_blob(request: Request, sha256: Sha256, content_range: Annotated[str, Header(max_length=80)]) -> Response:
    """A piece of a file; the last one gives it its name, if its content is what the name says."""
    blobs, settings = parts(request).blobs, parts(request).settings
    match = CONTENT_RANGE.fullmatch(content_range)
    if match is None:
        raise InputError("Content-Range: not of the form bytes A-B/TOTAL", code="invalid_request")
    first, total = int(match[1] or 0), int(match[3] or 0)
    if total > settings.server.max_upload_mib << 20:
        raise InputError("the file is too large", code="too_large", hint="raise server.max_upload_mib")
    if await run_in_threadpool(blobs.touch, sha256):
        return Response(status_code=201)
    async with _lock(request, sha256):
        part = blobs.part(sha256)
        have = await run_in_threadpool(_size, part)
        if have > total:  # somebody was wrong about its length: it can never become whole
            await run_in_threadpool(part.unlink)
            have = 0
        if first != have:
            raise Refusal(409, "it goes on elsewhere", code="wrong_offset", headers={OFFSET: str(have)})
        await _append(request, part, total - have)
        have = await run_in_threadpool(_size, part)
        if have < total:
            return Response(status_code=204, headers={OFFSET: str(have)})
        if await run_in_threadpool(_sha256, part) != sha256:
            await run_in_threadpool(part.unlink)
            raise InputError("another content than its name says", code="wrong_content", hint="send it again")
        await run_in_threadpool(blobs.adopt, part, sha256)
    return Response(status_code=201)


async def _append(request: Request, part: Path, most: int) -> None:
    """Write what comes in to the end of a part; what came before a connection broke stays."""
    disk = request.app.state.security.disk
    pending = bytearray()
    with part.open("ab") as file:
        try:
            async for chunk in request.stream():
                pending += chunk
                if len(pending) > most:
                    raise InputError("more came than Content-Range says", code="invalid_request")
                if len(pending) >= WRITE_BYTES:
                    most -= await run_in_threadpool(file.write, bytes(pending))
                    pending.clear()
                    disk.check()
        finally:
            file.write(bytes(pending[: max(0, most)]))


def _lock(request: Request, sha256: str) -> asyncio.Lock:
    """One writer at a time for a part: two workers may bring the same keyframe."""
    locks = parts(request).blob_locks
    if len(locks) > 1000:
        for key in [k for k, lock in locks.items() if not lock.locked()]:
            del locks[key]
    return locks.setdefault(sha256, asyncio.Lock())


def _size(part: Path) -> int:
    try:
        return part.stat().st_size
    except FileNotFoundError:
        return 0


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
