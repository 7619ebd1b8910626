"""A process with one session in it that does what it is told, line by line in JSON: so that sessions can take turns and none sees the
memory, the threads or the models of another.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = ["Runner", "computing"]

END_S = 60.0


def computing(data: Path, *, workers: int | None, many: bool = False, **more: dict[str, Any]) -> dict[str, Any]:
    """What a runner starts with: the embedded tier, and nothing kept that would spare work, unless `more` says so."""
    tree: dict[str, dict[str, Any]] = {
        "analysis": {"fresh": True, "tier": "embedded"},
        "placement": {"workers": workers},
        "system": {"keep_results": False, "data_dir": str(data)},
    }
    for node, values in more.items():
        tree[node] = {**tree.get(node, {}), **values}
    return {"settings": tree, "many": many}


class Runner:
    """The process as its starter sees it. Use it as a context manager.

    Args:
        start: Of `computing`.
    """

    def __init__(self, start: dict[str, Any]) -> None:
        self.started = time.time()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.engine.serve", json.dumps(start)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def ask(self, what: str, **arguments: Any) -> dict[str, Any]:
        """Have something done (a function of bench.engine.serve) and wait for what came of it."""
        self.send(what, **arguments)
        return self.answer()

    def send(self, what: str, **arguments: Any) -> None:
        """Have something done; `answer` waits for it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, **arguments}) + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """What came of the last `send`."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process that measures ended with {self._process.wait(END_S)}; what it said stands above")
        found: dict[str, Any] = json.loads(line)
        return found

    def one(self, clip: Path, *, only: Sequence[str] | None = None, since: float | None = None) -> dict[str, Any]:
        """Analyse a clip."""
        return self.ask("one", clip=str(clip), only=only, since=since)

    def close(self) -> float:
        """End it; seconds from its start to its end."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        return time.time() - self.started
