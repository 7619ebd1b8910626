"""The fetching process: `python -m reelscope.media.source.child`, one request on its input, lines of JSON on its output.

Pages and extractors can hang, crash or eat memory: here they can do so without harm to a worker. It ends when its parent does.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
import threading
from typing import IO, Any

__all__ = ["main"]

# Address space, not memory in use: decoders of pictures and the encoder of stills map a lot. A page that grows without end ends here.
MEMORY_BYTES = 4 << 30
PR_SET_PDEATHSIG = 1
KINDS = ("ConfigError", "InputError", "OutputError", "MediaError", "ReelscopeError")  # classes of errors that the parent makes again


def main() -> int:
    """Do what the first line of the input says; the exit code is 0 wherever the output tells how it went."""
    out = _own_output()
    _bound()
    line = sys.stdin.buffer.readline()
    if not line.strip():
        return 1
    threading.Thread(target=_end_with_parent, daemon=True, name="parent").start()
    given = json.loads(line)
    if os.getppid() != given.pop("parent"):
        return 1

    lock = threading.Lock()

    def say(**row: Any) -> None:
        with lock:
            out.write(json.dumps(row) + "\n")
            out.flush()

    from reelscope.errors import ReelscopeError

    try:
        say(result=_work(given, say))
    except ReelscopeError as error:
        kind = next(c.__name__ for c in type(error).__mro__ if c.__name__ in KINDS)
        say(error={"kind": kind, "message": error.message, "code": error.code, "hint": error.hint, "retryable": error.retryable})
    return 0


def _work(given: dict[str, Any], say: Any) -> Any:
    from reelscope.errors import MediaError, OutputError, ReelscopeError
    from reelscope.media.source.fetching import Request, fetch, list_posts

    request = Request(**{**given, "allow_private": tuple(given["allow_private"])})
    work = {"fetch": fetch, "list": list_posts}[request.op]
    try:
        return work(request, lambda done, total: say(done=done, total=total))
    except ReelscopeError:
        raise
    except MemoryError:
        raise MediaError("fetching took too much memory", code="extractor_failed", hint="open the post in a browser") from None
    except OSError as error:
        raise OutputError(f"the fetched file cannot be written: {error.strerror or error}", hint="free some space") from error


def _own_output() -> IO[str]:
    """The way to the parent, which nothing that a library prints gets into."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return out


def _bound() -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold cookies


def _end_with_parent() -> None:
    """The input stays open as long as the parent lives."""
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    # Not sys.exit: a thread of a library, or one that looks up a name, must not hold up the end.
    os._exit(main())
