"""The parent's end of the fetching process: one process for each fetch, gone when the call returns, however it returns."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import reelscope
from reelscope import errors
from reelscope.errors import EngineError, MediaError, ReelscopeError

__all__ = ["run"]

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.1  # how soon a stop is seen
ANSWER_MOST = 32 << 20  # bytes of its output: the longest list of posts has a few MiB
STDERR_TAIL = 2000
# The process ends by its own clock (with a better message); this much later the parent ends it.
GRACE_S = 2.0

Progress = Callable[[float, float | None], None]


def run(
    request: Mapping[str, Any],
    folder: Path,
    *,
    timeout_s: float,
    stop: threading.Event | None,
    progress: Progress | None,
) -> Any:
    """Have a request done in a process of its own.

    Args:
        request: The fields of `fetching.Request`.
        folder: Where the process works.

    Returns:
        What the process answered.

    Raises:
        ReelscopeError: What it told, or `stopped`, `timeout`, `fetch_crashed`.
    """
    process = subprocess.Popen(
        # -P: a user's queue.py in the current folder is not Python's
        [sys.executable, "-P", "-m", "reelscope.media.source.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(folder),
        cwd=folder,
        start_new_session=True,
    )
    try:
        return _talk(process, {**request, "parent": os.getpid()}, timeout_s, stop, progress)
    finally:
        # Before it is waited for: until then its number is nobody else's.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):  # its end of the input is gone
                    pipe.close()


def _environment(folder: Path) -> dict[str, str]:
    """Nothing of ours that a page's extractor could send anywhere, no programs to find, no plugins."""
    kept = {key: os.environ[key] for key in ("LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "PYTHONPATH") if key in os.environ}
    own = str(Path(reelscope.__file__).resolve().parents[1])
    paths = [p for p in kept.get("PYTHONPATH", "").split(os.pathsep) if p]
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join([*paths, own] if own not in paths else paths),
        "PATH": "/nonexistent",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "YTDLP_NO_PLUGINS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        # numpy's linear algebra maps memory for each core at its import, which the limit of memory counts
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }


def _talk(
    process: subprocess.Popen[bytes],
    request: Mapping[str, Any],
    timeout_s: float,
    stop: threading.Event | None,
    progress: Progress | None,
) -> Any:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    deadline = time.monotonic() + timeout_s + GRACE_S
    with contextlib.suppress(BrokenPipeError):  # it ended at once: its output says more than that
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()  # and it stays open: its end is our end
    held, received, tail = b"", 0, b""
    with selectors.DefaultSelector() as waiting:
        waiting.register(process.stdout, selectors.EVENT_READ)
        waiting.register(process.stderr, selectors.EVENT_READ)
        while waiting.get_map():
            if stop is not None and stop.is_set():
                raise EngineError("stopped", code="stopped", retryable=True)
            if time.monotonic() > deadline:
                raise MediaError(
                    f"the post was not fetched in {timeout_s:g} s",
                    code="timeout",
                    hint="try again later, or raise sources.timeout_s",
                    retryable=True,
                )
            for key, _ in waiting.select(LOOK_EVERY_S):
                data = os.read(key.fd, 1 << 16)
                if not data:
                    waiting.unregister(key.fileobj)
                elif key.fileobj is process.stderr:
                    tail = (tail + data)[-STDERR_TAIL:]
                else:
                    received += len(data)
                    if received > ANSWER_MOST:
                        raise MediaError("the fetching process says too much", code="fetch_crashed")
                    *lines, held = (held + data).split(b"\n")
                    for line in lines:
                        row = json.loads(line)
                        if "result" in row:
                            return row["result"]
                        if "error" in row:
                            raise _error(row["error"])
                        if progress is not None:
                            progress(row["done"], row["total"])
    code = process.wait()
    log.debug("the fetching process ended with %d: %s", code, tail.decode("utf-8", "replace"))
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    raise MediaError(
        f"the fetching process ended without a result ({how})",
        code="fetch_crashed",
        hint="try again; if it stays so, fetch it by other means",
    )


def _error(told: Mapping[str, Any]) -> ReelscopeError:
    kind: type[ReelscopeError] = getattr(errors, told["kind"])
    return kind(told["message"], code=told["code"], hint=told["hint"], retryable=told["retryable"])
