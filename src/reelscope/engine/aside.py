"""Work beside everything else, also when the interpreter ends: from Python 3.12 on it starts no thread any more then."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

__all__ = ["all_beside", "started"]


def started(thread: threading.Thread) -> bool:
    """Start a thread; whether that was possible. Where it was not, who asks must do its work."""
    try:
        thread.start()
    except RuntimeError:  # "can't start new thread", "... at interpreter shutdown"
        return False
    return True


def all_beside(calls: Iterable[Callable[[], object]]) -> None:
    """Make calls at the same time, one after the other where there are no threads, and wait for all."""
    threads = []
    for call in calls:
        thread = threading.Thread(target=call)
        if started(thread):
            threads.append(thread)
        else:
            call()
    for thread in threads:
        thread.join()
