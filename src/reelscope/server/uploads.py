"""An upload, written to the blobs as it comes in: a multipart form with `request` (JSON, optional) before `file`."""

from __future__ import annotations

import json
from typing import Any

from fastapi import Request
from pydantic import ValidationError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool

from reelscope.api import AnalysisRequest
from reelscope.errors import InputError
from reelscope.server.blobs import Incoming, LocalBlobs
from reelscope.server.limits import DiskWatch

__all__ = ["Upload", "receive"]

REQUEST_MOST = 256 * 1024  # bytes of the field `request`, as of any JSON body
HEADER_MOST = 4096  # bytes of one header of a part; a file's name has at most some hundred
WRITE_BYTES = 1 << 20  # gathered before they are written, in a thread: the loop must not wait for a disk


class Upload:
    """What came in. asked: with the file in place of url and path; name: of the file, as its sender says."""

    def __init__(self, asked: AnalysisRequest, name: str, sha256: str, size: int) -> None:
        self.asked, self.name, self.sha256, self.size = asked, name, sha256, size


class _Form:
    """Callbacks of the parser: gathers fields, and bytes of the file that are still to be written."""

    def __init__(self) -> None:
        self.fields: dict[str, bytearray] = {}
        self.file_name: str | None = None
        self.file_done = False
        self.ended = False
        self.pending = bytearray()
        self._name = ""
        self._header = [bytearray(), bytearray()]
        self._headers: dict[bytes, bytes] = {}
        self._in_file = False

    def callbacks(self) -> dict[str, Any]:
        """For MultipartParser."""
        return {
            "on_part_begin": self._begin,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_header_field": lambda data, start, end: self._head(0, data[start:end]),
            "on_header_value": lambda data, start, end: self._head(1, data[start:end]),
            "on_header_end": self._head_end,
            "on_headers_finished": self._begun,
            "on_end": self._finished,
        }

    def _begin(self) -> None:
        self._headers, self._in_file, self._name = {}, False, ""

    def _head(self, part: int, data: bytes) -> None:
        self._header[part] += data
        if len(self._header[part]) > HEADER_MOST:
            raise _invalid("a header of the form is too long")

    def _head_end(self) -> None:
        self._headers[bytes(self._header[0]).lower()] = bytes(self._header[1])
        self._header = [bytearray(), bytearray()]

    def _begun(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if self._name == "file":
            if self.file_name is not None:
                raise _invalid("one file at a time")
            self.file_name = options.get(b"filename", b"").decode("utf-8", "replace") or "clip"
            self._in_file = True
        elif self._name == "request":
            if self._name in self.fields or self.file_name is not None:
                raise _invalid("`request` stands once, before `file`")
            self.fields[self._name] = bytearray()
        else:
            raise _invalid("the form has the fields `request` and `file`, no other")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self.pending += data[start:end]
            return
        field = self.fields[self._name]
        field += data[start:end]
        if len(field) > REQUEST_MOST:
            raise InputError("the field request is too long", code="too_large", hint=f"at most {REQUEST_MOST // 1024} KiB are taken")

    def _end(self) -> None:
        self.file_done |= self._in_file

    def _finished(self) -> None:
        self.ended = True


async def receive(request: Request, blobs: LocalBlobs, *, most_bytes: int, disk: DiskWatch) -> Upload:
    """Take an upload in.

    Raises:
        InputError: No such form, no file, an empty or too large one; whatever was written of it is gone.
        Refusal: The disk fills.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise InputError("the body is no multipart form", code="invalid_request", hint="send the fields `request` and `file`")
    form = _Form()
    try:
        parser = MultipartParser(boundary, form.callbacks())  # type: ignore[arg-type]
    except FormParserError:  # longer than a boundary may be
        raise _invalid("the body is no multipart form") from None
    with blobs.incoming(most_bytes=most_bytes) as new:
        async for chunk in request.stream():
            _parse(parser, chunk)
            if len(form.pending) >= WRITE_BYTES:
                await run_in_threadpool(_write, new, form)
                disk.check()
        if not form.file_done or not form.ended:
            raise _invalid("the form has no file" if form.file_name is None else "the form ends in the middle of the file")
        asked = _request(form)
        await run_in_threadpool(_write, new, form)
        if new.size == 0:
            raise InputError("the file is empty", code="empty_file", hint="send a clip")
        sha256 = await run_in_threadpool(new.keep)
    name = (form.file_name or "clip").replace("\\", "/").rsplit("/", 1)[-1]
    return Upload(asked, name, sha256, new.size)


def _parse(parser: MultipartParser, chunk: bytes) -> None:
    try:
        parser.write(chunk)
    except FormParserError:
        raise _invalid("the body is no multipart form") from None


def _write(new: Incoming, form: _Form) -> None:
    data, form.pending = form.pending, bytearray()
    new.write(bytes(data))


def _request(form: _Form) -> AnalysisRequest:
    text = bytes(form.fields.get("request", b"")) or b"{}"
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        raise _invalid("request: no JSON") from None
    if not isinstance(given, dict) or "url" in given or "path" in given:
        raise _invalid("request: an object with the fields of POST /analyses but for url and path")
    try:
        return AnalysisRequest.model_validate({**given, "path": "upload"}, strict=False)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _invalid(f"request{f'.{where}' if where else ''}: {first['msg']}") from None


def _invalid(message: str) -> InputError:
    return InputError(message, code="invalid_request", hint="a multipart form with `request` (JSON, optional), then `file`")
