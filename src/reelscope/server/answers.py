"""Every error as one shape: whatever is raised becomes an api.ErrorBody with a status."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from reelscope.api import ErrorBody
from reelscope.errors import EngineError, InputError, OutputError, ReelscopeError
from reelscope.server.db import is_away
from reelscope.server.limits import Refusal, database_failed, refuse

__all__ = ["errors", "install_errors", "not_found"]

log = logging.getLogger(__name__)

# What is wrong with the request is 422; these codes say more.
STATUS = {
    "paths_not_allowed": 403,
    "path_not_allowed": 403,
    "address_not_allowed": 403,
    "not_found": 404,
    "unknown_format": 404,
    "unknown_file": 404,
    "not_done": 409,
    "already_ended": 409,
    "not_there": 409,
    "stale_corrections": 409,
    "already_withdrawn": 409,
    "idempotency_conflict": 422,
    "blob_missing": 410,
    "too_large": 413,
    "disk_full": 503,
    "too_many_streams": 503,
}
WORDS = {404: ("not_found", "there is nothing at this address"), 405: ("method_not_allowed", "this address does not take this method")}
MESSAGE_MOST = 500  # characters
NOTHING_THERE_HINT = "GET /openapi.json lists the addresses"


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For `responses=` of a route: these statuses, with the one shape; and those that any request may get."""
    return {status: {"model": ErrorBody} for status in sorted({*statuses, 400, 401, 403, 421, 422, 429, 500, 503})}


def not_found(what: str) -> InputError:
    """The error for what is not there."""
    return InputError(f"there is no {what}", code="not_found", hint="GET /analyses lists what there is")


def install_errors(app: FastAPI) -> None:
    """Make every error of an app the one shape."""
    app.add_exception_handler(ReelscopeError, _ours)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _invalid)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, _http)  # type: ignore[arg-type]
    app.add_exception_handler(SQLAlchemyError, _database)  # type: ignore[arg-type]


def _answer(status: int, body: ErrorBody, headers: dict[str, str] | None = None) -> Response:
    if len(body.message) > MESSAGE_MOST:  # what was sent stands in it
        body = body.model_copy(update={"message": f"{body.message[:MESSAGE_MOST]}…"})
    return JSONResponse(body.model_dump(), status, headers)


def _ours(request: Request, error: ReelscopeError) -> Response:
    if isinstance(error, Refusal):
        return refuse(error)
    status = STATUS.get(error.code)
    if status is None:
        status = 422 if isinstance(error, InputError) else 503 if isinstance(error, OutputError | EngineError) and error.retryable else 500
    if status == 500:
        log.error("%s %s: %s: %s", request.method, request.url.path, error.code, error.message)
    headers = {"Retry-After": "5"} if status == 503 else None
    retryable = error.retryable or status == 503
    return _answer(status, ErrorBody(code=error.code, message=error.message, hint=error.hint, retryable=retryable), headers)


def _database(request: Request, error: SQLAlchemyError) -> Response:
    """A database that is away is no bug of ours: it is said to pass."""
    if not is_away(error):
        raise error
    log.warning("%s %s: the database does not answer: %s", request.method, request.url.path, type(error).__name__)
    return refuse(database_failed())


def _invalid(request: Request, error: RequestValidationError) -> Response:
    """What is wrong, and where; never what was sent, which may hold secrets."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return _no_json(f"the body is no JSON, from its character {first['loc'][-1]} on")
    where = ".".join(map(str, first["loc"][1:]))  # its first part says where a field stands: body, query, path, header
    said = "the body is missing" if not where and first["type"] == "missing" else str(first["msg"]).removeprefix("Value error, ")
    return _answer(
        422, ErrorBody(code="invalid_request", message=f"{where}: {said}" if where else said, hint="GET /openapi.json has the shapes")
    )


def _no_json(message: str) -> Response:
    return _answer(422, ErrorBody(code="invalid_request", message=message, hint="send JSON in UTF-8"))


def _http(request: Request, error: HTTPException) -> Response:
    if error.status_code == 400:  # FastAPI's own, for a body that json cannot read: bytes that are no text, too deep, numbers too long
        return _no_json("the body cannot be read as JSON")
    code, message = WORDS.get(error.status_code, ("http_error", str(error.detail)))
    headers = dict(error.headers) if error.headers else None
    hint = NOTHING_THERE_HINT if error.status_code in WORDS else None
    return _answer(error.status_code, ErrorBody(code=code, message=message, hint=hint), headers)
