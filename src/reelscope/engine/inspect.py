"""What each worker of a plan sees of the machine: every one is started, asked and ended again."""

from __future__ import annotations

import queue
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from reelscope.analyzers.registry import Registry
from reelscope.config import Settings
from reelscope.engine.messages import Died, Ready
from reelscope.engine.owned import OwnedFolder
from reelscope.engine.placement import Placement
from reelscope.engine.process import WorkerProcess

__all__ = ["worker_views"]

WAIT_S = 60.0  # a worker needs about a second; a slow disk and a cold cache a good deal more


def worker_views(placement: Placement, settings: Settings, registry: Registry, *, wait_s: float = WAIT_S) -> list[dict[str, Any]]:
    """Views of the workers in the order of the plan; a worker that does not start has its name and `error` instead.

    Raises:
        OSError: The temporary folder cannot be written to, or there is no room for a process.
    """
    told: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
    found: dict[str, dict[str, Any]] = {}
    names = [w.name for w in placement.workers]
    with ExitStack() as stack:
        folder = stack.enter_context(OwnedFolder(Path(settings.system.temp_dir or tempfile.gettempdir())))
        for plan in placement.workers:
            worker = WorkerProcess(plan, settings, registry, folder.path, lambda message, name=plan.name: told.put((name, message)), {})  # type: ignore[misc]
            stack.callback(worker.close)
        until = time.monotonic() + wait_s
        while len(found) < len(names) and (left := until - time.monotonic()) > 0:
            try:
                name, message = told.get(timeout=left)
            except queue.Empty:
                break
            if isinstance(message, Ready):
                found[name] = message.view
            elif isinstance(message, Died):
                found[name] = {"worker": name, "error": message.detail or message.kind}
    return [found.get(n, {"worker": n, "error": f"not ready after {wait_s:g} s"}) for n in names]
