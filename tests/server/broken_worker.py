"""A worker that misbehaves over clips by their names.

`dies-...` kills its process, `bug-...` fails as a bug of ours would, `waits-...` takes as long as it is let, `held-...` as long as the file
`hold` lies in the data folder: a state that a test wants to see lasts until the test has seen it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

from reelscope.errors import EngineError
from reelscope.server import fleet, work, worker

real = work.Work._analyse
fleet.LEASE_S = 600.0  # a machine that stalls makes nobody lost: that is none of what these tests are about


def _analyse(self: work.Work, doing: Any, folder: Any) -> bool:
    name = doing.claim.job.source_name
    if name.startswith("dies"):
        os.kill(os.getpid(), signal.SIGKILL)
    if name.startswith("bug"):
        raise ZeroDivisionError("a bug of ours")
    while name.startswith("waits") or (name.startswith("held") and (self.spare.parent / "hold").exists()):
        if doing.stop.is_set():
            raise EngineError("stopped", code=work.STOPPED, retryable=True)
        time.sleep(0.02)
    return real(self, doing, folder)


work.Work._analyse = _analyse  # type: ignore[method-assign]

if __name__ == "__main__":
    sys.exit(worker.main())
