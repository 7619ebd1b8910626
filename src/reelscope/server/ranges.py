"""Files over HTTP: whole or a range of them, named by their content, with a type that a browser may play and nothing that it may run."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from reelscope.server.limits import Refusal

__all__ = ["file_answer", "media_type", "range_of", "saved_as", "unchanged"]

BLOCK = 256 * 1024
RANGE = re.compile(r"bytes=(\d*)-(\d*)")
ENDING = re.compile(r"\.(mp4|m4v|mov|mkv|webm|avi|m?ts|3gp|mpe?g|gif|jpe?g|png|webp|heic|m4a|mp3|wav|ogg|opus|flac|aac)$", re.IGNORECASE)
UNFIT = frozenset('/\\:*?<>|"')  # of a file's name, on one system or another
LONGEST_STEM = 50  # characters: of four bytes each they fit, with the file's own name, into the 255 bytes of a name
ANYTHING = "application/octet-stream"


def media_type(head: bytes) -> str:
    """The type of a clip by its first bytes; of what is none, one that no browser shows or runs."""
    if head[4:8] == b"ftyp":
        return "video/quicktime" if head[8:12] == b"qt  " else "audio/mp4" if head[8:12] in (b"M4A ", b"M4B ") else "video/mp4"
    if head[4:8] in (b"moov", b"mdat", b"wide", b"free"):
        return "video/quicktime"
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    for magic, kind in ((b"OggS", "video/ogg"), (b"fLaC", "audio/flac"), (b"ID3", "audio/mpeg"), (b"\xff\xfb", "audio/mpeg")):
        if head.startswith(magic):
            return kind
    if head.startswith(b"RIFF"):
        return {b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}.get(head[8:12], ANYTHING)
    return ANYTHING


def range_of(header: str | None, size: int) -> tuple[int, int] | None:
    """First and last byte of the one range that is asked for; None: all of it, also where what is asked for is no range.

    Raises:
        Refusal: No byte of it is there (416).
    """
    match = RANGE.fullmatch(header.strip()) if header is not None else None
    if match is None or match[0] == "bytes=-":  # several ranges, other units: a server may always answer with everything
        return None
    first, last = match[1], match[2]
    if len(first) > 18 or len(last) > 18:
        raise _unsatisfiable(size)
    if not first:
        start, end = max(0, size - int(last)), size - 1
        if int(last) == 0:
            raise _unsatisfiable(size)
    else:
        start, end = int(first), min(int(last), size - 1) if last else size - 1
        if last and int(last) < start:
            return None
    if start >= size:
        raise _unsatisfiable(size)
    return start, end


def unchanged(request: Request, tag: str) -> bool:
    """Whether the client has what this tag stands for: If-None-Match is a list, in which proxies make tags weak."""
    known = request.headers.get("if-none-match", "")
    return tag in (one.strip().removeprefix("W/") for one in known.split(","))


def saved_as(title: str, name: str) -> str:
    """Content-Disposition of a file that is saved, with the clip's name in front: of many clips' files none is called like another's.

    Args:
        title: Of the clip; an ending of media is left out, and what no disk takes in a name. name: Of the file.
    """
    stem = ENDING.sub("", title)
    stem = " ".join("".join(" " if c in UNFIT or not c.isprintable() else c for c in stem).split())[:LONGEST_STEM].strip(" .-")
    whole = f"{stem}-{name}" if stem else name
    plain = "".join(c if c.isascii() and c not in '"%' else "_" for c in whole)
    return f'attachment; filename="{plain}"' + ("" if plain == whole else f"; filename*=UTF-8''{quote(whole, safe='')}")


def file_answer(request: Request, path: Path, etag: str, *, name: str | None = None, kind: str | None = None) -> Response:
    """A file, or the range of it that is asked for.

    Args:
        etag: What its content is known by. name: for who saves it.

    Raises:
        Refusal: The range is not there (416).
    """
    file = path.open("rb")
    try:
        size = os.fstat(file.fileno()).st_size
        tag = f'"{etag}"'
        condition = request.headers.get("if-range")
        wanted = range_of(request.headers.get("range"), size) if condition in (None, tag) else None
        headers = {"Accept-Ranges": "bytes", "ETag": tag, "Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}
        if name is not None:
            headers["Content-Disposition"] = f"inline; filename*=UTF-8''{quote(name, safe='')}"
        kind = kind or media_type(file.read(64))
        if unchanged(request, tag):
            file.close()
            return Response(status_code=304, headers=headers)
        start, end = wanted if wanted is not None else (0, size - 1)
        headers["Content-Length"] = str(end - start + 1)
        if wanted is not None:
            headers["Content-Range"] = f"bytes {start}-{end}/{size}"
        status = 206 if wanted is not None else 200
        if request.method == "HEAD":
            file.close()
            return Response(status_code=status, headers=headers, media_type=kind)
        return StreamingResponse(_blocks(file, start, end), status, headers, kind)
    except BaseException:
        file.close()
        raise


async def _blocks(file: BinaryIO, start: int, end: int) -> AsyncIterator[bytes]:
    try:
        await run_in_threadpool(file.seek, start)
        left = end - start + 1
        while left > 0:
            block = await run_in_threadpool(file.read, min(BLOCK, left))
            if not block:
                return
            left -= len(block)
            yield block
    finally:
        file.close()


def _unsatisfiable(size: int) -> Refusal:
    return Refusal(
        416, "the range is not in the file", code="no_such_range", hint=f"it has {size} bytes", headers={"Content-Range": f"bytes */{size}"}
    )
