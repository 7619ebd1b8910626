"""A session that analyses nothing: what a source is called says what becomes of it.

Run as a program it is `reelscope` with this session, for tests that end it with a signal.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from reelscope.errors import EngineError, InputError, OutputError
from reelscope.pipeline import Analysis, Session
from tests.document.fixtures import full_document

DOCUMENT = full_document()
GATE = "gate"  # a file in the current folder: "slow" clips end when it is there


class StubSession(Session):
    """ "bad" is refused, "again" fails for now, "boom" is a bug of ours, "full" meets a full disk, "slow" waits for the gate."""

    seen: list[str] = []
    at_once = most = 0
    counting = threading.Lock()

    def analyze(self, source: Any, **more: Any) -> Analysis:
        name = Path(source).name
        with StubSession.counting:
            StubSession.at_once += 1
            StubSession.most = max(StubSession.most, StubSession.at_once)
        try:
            StubSession.seen.append(name)
            Path(f"began-{name}").touch()
            if "bad" in name:
                raise InputError("holds no picture", code="no_video", hint="give a video")
            if "again" in name:
                raise EngineError("a worker was lost", code="worker_lost", retryable=True)
            if "boom" in name:
                raise ValueError("boom")
            if "full" in name:
                raise OutputError("no room", code="disk_full")
            deadline = time.monotonic() + 60
            while "slow" in name and not Path(GATE).exists():
                assert time.monotonic() < deadline
                token = self._token
                if token is not None and token.wait(0.01):
                    raise EngineError("stopped", code="stopped", retryable=True)
            return Analysis(DOCUMENT)
        finally:
            with StubSession.counting:
                StubSession.at_once -= 1

    def fetch(self, url: str, folder: Path, **more: Any) -> Any:
        from reelscope.media.source import Fetched

        if "gone" in url:
            raise InputError(f"{url}: the post is not there", code="not_found")
        path = folder / "clip.mp4"
        path.write_bytes(url.encode())
        return Fetched(path, url, None, "a title")


if __name__ == "__main__":
    import reelscope.pipeline
    from reelscope.cli import main

    reelscope.pipeline.Session = StubSession  # type: ignore[misc]
    os.environ.setdefault("COLUMNS", "200")
    sys.argv[0] = "reelscope"
    main()
