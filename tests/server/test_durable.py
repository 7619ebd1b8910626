"""What DBOS says by itself, and which of it reaches the log."""

from __future__ import annotations

import inspect
import logging
import sys

import dbos._core
from dbos import error

from reelscope.server import durable


def record(message: str, raised: Exception | None = None) -> logging.LogRecord:
    try:
        if raised is not None:
            raise raised
        found = None
    except Exception:
        found = sys.exc_info()
    return logging.LogRecord("dbos", logging.ERROR, "", 0, message, (), found)


def test_a_cancelled_analysis_is_no_error() -> None:
    text = f"Workflow x {durable.NOT_RECORDED}: the workflow is no longer owned by this execution."
    assert not durable._worth_telling(record(text))
    said = "Exception encountered in background workflow:"
    assert not durable._worth_telling(record(said, error.DBOSAwaitedWorkflowCancelledError("x")))
    assert durable._worth_telling(record(said, ValueError("something else")))
    assert durable._worth_telling(record("the database is away"))


def test_dbos_still_says_it_so() -> None:
    assert durable.NOT_RECORDED in inspect.getsource(dbos._core)
