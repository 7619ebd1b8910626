"""A worker that misbehaves over clips by their names: `dies-...` kills its process, `waits-...` takes as long as it is let."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

from reelscope.errors import EngineError
from reelscope.server import work, worker

real = work.Work._analyse


def _analyse(self: work.Work, doing: Any, folder: Any) -> bool:
    name = doing.claim.job.source_name
    if name.startswith("dies"):
        os.kill(os.getpid(), signal.SIGKILL)
    if name.startswith("bug"):
        raise ZeroDivisionError("a bug of ours")
    while name.startswith("waits"):
        if doing.stop.is_set():
            raise EngineError("stopped", code=work.STOPPED, retryable=True)
        time.sleep(0.02)
    return real(self, doing, folder)


work.Work._analyse = _analyse  # type: ignore[method-assign]

if __name__ == "__main__":
    sys.exit(worker.main())
