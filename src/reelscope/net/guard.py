"""Nothing but our connector opens connections: while `only_connector` is on, the code of this thread cannot.

The last line behind the filtering handlers. A library may open sockets by a way that nobody thought of, or start a program that does
(yt-dlp hands live streams to ffmpeg, rtmp to rtmpdump). Python announces each such step to audit hooks before it is done, and a hook that
raises stops it. Code written in C that opens sockets by itself is not seen, nor are other threads: they belong to others.
"""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any

__all__ = ["only_connector", "ours"]

CONNECTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
LOOKUPS = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"})
PROGRAMS = frozenset({"subprocess.Popen", "os.posix_spawn", "os.exec"})
STARTS = frozenset({"os.system", "os.fork", "os.forkpty", "pty.spawn"})
WATCHED = CONNECTS | LOOKUPS | PROGRAMS | STARTS

_local = threading.local()
_lock = threading.Lock()
_installed = False


@contextmanager
def only_connector(programs: tuple[str, ...] = ()) -> Iterator[None]:
    """Until the block ends, no connection, look-up of a name or program is begun by this thread.

    Args:
        programs: File names of programs that may be started all the same; what they do is not seen.

    Raises:
        PermissionError: In the code that tries.
    """
    _install()
    before = getattr(_local, "programs", None)
    _local.programs = frozenset(programs)
    try:
        yield
    finally:
        _local.programs = before


@contextmanager
def ours() -> Iterator[None]:
    """What the block does is the connector's own work."""
    before = getattr(_local, "ours", False)
    _local.ours = True
    try:
        yield
    finally:
        _local.ours = before


def _install() -> None:
    """Add the hook, once for each process: hooks cannot be taken out again, so it costs a look at the event's name from then on."""
    global _installed
    with _lock:
        if not _installed:
            sys.addaudithook(_hook)
            _installed = True


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if event not in WATCHED or getattr(_local, "ours", False):
        return
    programs = getattr(_local, "programs", None)
    if programs is None:
        return
    if event in CONNECTS:
        if args[0].family in (socket.AF_INET, socket.AF_INET6):  # a socket of this machine's file system is no network
            raise PermissionError("a connection that does not go through the filtering connector was refused")
    elif event in LOOKUPS:
        raise PermissionError("a name was looked up outside the filtering connector, which was refused")
    elif event in STARTS or PurePath(str(args[0])).name not in programs:
        raise PermissionError("starting a program that could open connections was refused")
