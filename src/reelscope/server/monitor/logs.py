"""The log as lines of JSON in DATA/logs/: what happened, to which job, in which analyzer and worker; and the story of one job.

Nothing secret gets in: every text is redacted before it is written (reelscope.server.monitor.redact).
"""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reelscope.events import bound, bound_now
from reelscope.server.monitor.lines import FILE_BYTES, FILES, RotatingLines, read_lines
from reelscope.server.monitor.redact import Redactor

__all__ = ["FOLDER", "JsonLines", "LogFiles", "bound", "log_to_files", "stderr_handler", "story"]

FOLDER, NAME = "logs", "log"
FIELDS = ("job", "analyzer", "worker")
# Whose records are written: ours, and those of the libraries that serve and queue for us. The root logger stays the program's own.
LOGGERS = ("reelscope", "uvicorn", "dbos")
LONGEST = 32 << 10  # characters of a message or a traceback: one line of a library must not fill a file


class JsonLines(logging.Formatter):
    """A record as one line of JSON: time, level, logger, message; job, analyzer and worker where they are known; trace of an exception.

    The fields come from `bound` (what the thread is at work on), or from `extra` of the call, which goes first.

    Args:
        worker: For records that are bound to no worker. redactor: takes secrets out.
    """

    def __init__(self, *, worker: str | None = None, redactor: Redactor | None = None) -> None:
        super().__init__()
        self._worker = worker
        self._redact = redactor or Redactor()

    def format(self, record: logging.LogRecord) -> str:
        """One line, without its end."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._text(_message(record)),
        }
        known = {"worker": self._worker, **bound_now()}
        for name in FIELDS:
            value = getattr(record, name, None) or known.get(name)
            if value:
                line[name] = self._text(str(value))
        trace = getattr(record, "trace", "")  # of a process of the engine, which has its exceptions to itself
        if record.exc_info and record.exc_info[0] is not None:
            trace = "".join(traceback.format_exception(*record.exc_info))
        if trace:
            line["trace"] = self._text(str(trace))
        return json.dumps(line, ensure_ascii=False)

    def _text(self, text: str) -> str:
        text = self._redact(text)  # first: a secret that is cut in two is not known any more
        return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} [...] {text[-LONGEST // 2 :]}"


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # arguments that do not fit their format, or whose own text fails: somebody's bug, told as such
        return f"{record.msg!r} (could not be put together: {type(error).__name__})"


class _Files(logging.Handler):
    """Writes to the files; a line that cannot be written is dropped there and counted."""

    def __init__(self, lines: RotatingLines) -> None:
        super().__init__()
        self.lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.write(self.format(record))

    def close(self) -> None:
        self.lines.close()
        super().close()


class LogFiles:
    """The log goes to files until `close`. dropped: lines that the disk had no room for."""

    def __init__(self, handler: _Files, before: dict[logging.Logger, int]) -> None:
        self._handler, self._before = handler, before

    @property
    def dropped(self) -> int:
        """Lines that could not be written."""
        return self._handler.lines.dropped

    def close(self) -> None:
        """Write no more and leave the loggers as they were; legal twice."""
        for logger, level in self._before.items():
            logger.removeHandler(self._handler)
            logger.setLevel(level)
        self._before = {}
        self._handler.close()

    def __enter__(self) -> LogFiles:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def log_to_files(
    data_dir: Path,
    *,
    worker: str | None = None,
    level: str = "info",
    secrets: Sequence[str] = (),
    loggers: Sequence[str] = LOGGERS,
    file_bytes: int = FILE_BYTES,
    files: int = FILES,
) -> LogFiles:
    """Send the log to DATA/logs/, beside wherever else it goes. All processes of a data folder share the files.

    Args:
        worker: Id of this process's worker; None in the server.
        level: The least grave that is written; a logger that lets less through is opened so far.
        secrets: Texts that must not be written wherever they turn up: tokens, passwords, keys.
    """
    handler = _Files(RotatingLines(data_dir / FOLDER, NAME, file_bytes=file_bytes, files=files))
    handler.setLevel(level.upper())
    handler.setFormatter(JsonLines(worker=worker, redactor=Redactor(secrets)))
    before: dict[logging.Logger, int] = {}
    for name in loggers:
        logger = logging.getLogger(name)
        before[logger] = logger.level
        if not logger.isEnabledFor(handler.level):
            logger.setLevel(handler.level)
        logger.addHandler(handler)
    return LogFiles(handler, before)


class _PlainLines(logging.Formatter):
    def __init__(self, redactor: Redactor) -> None:
        super().__init__("%(levelname)s:%(name)s:%(message)s")
        self._redact = redactor

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(super().format(record))


def stderr_handler(level: str, *, secrets: Sequence[str] = ()) -> logging.Handler:
    """For the root logger of a program of ours: plain lines on stderr, redacted too, and none below `level` however much the files take."""
    handler = logging.StreamHandler()
    handler.setLevel(level.upper())
    handler.setFormatter(_PlainLines(Redactor(secrets)))
    return handler


def story(job_id: str, data_dir: Path) -> list[dict[str, Any]]:
    """All lines that the log has about one job, oldest first, whichever processes wrote them."""
    found = [line for line in read_lines(data_dir / FOLDER, NAME, containing=job_id) if line.get("job") == job_id]
    return sorted(found, key=lambda line: str(line.get("time", "")))
