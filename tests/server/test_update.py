"""From one version to the next while jobs wait: all of them are done, by the old one or by the new one, each once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reelscope.api import FINAL
from tests.clips import write_wav
from tests.server.conftest import Served
from tests.server.places import until

JOBS = 20
OLD, NEW = "7.1.0", "7.2.0"
# Python imports it when it starts, in the server as in its workers: before anything has asked for the version. The old version never ends
# half of the clips, so that there is something left for the new one however long this process looks elsewhere.
SITE = """
import os, sys, types
version = types.ModuleType("reelscope.version")
version.VERSION = os.environ["VERSION_OF_TEST"]
sys.modules["reelscope.version"] = version
if version.VERSION == "7.1.0" and "reelscope.server.worker" in sys.orig_argv:
    from reelscope.server import work
    real = work.Work._analyse
    def held(self, doing, folder):
        if doing.claim.job.source_name.startswith("held"):
            doing.stop.wait()
        return real(self, doing, folder)
    work.Work._analyse = held
"""


@pytest.mark.slow
def test_twenty_jobs_that_wait_are_done_after_an_update(serve: Callable[..., Served], tmp_path: Path, database_url: str) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(SITE)
    clips = [write_wav(tmp_path / name, 2.0) for name in ("tone.wav", "held.wav")]
    env = {"REELSCOPE_SERVER__DATABASE": database_url, "PYTHONPATH": str(tmp_path / "site")}
    # nobody waits for what is on its way: it is handed back
    settings = ("--root", str(tmp_path), "--set", "server.min_free_disk_mib=0", "--set", "server.drain_s=0")
    server = serve(*settings, env=env | {"VERSION_OF_TEST": OLD})
    server.ready()
    asked = [{"path": str(clips[n % 2]), "fresh": True, "analyzers": ["audio_analysis"]} for n in range(JOBS)]
    posted = [server.client.post("/analyses", json=one).json()["id"] for one in asked]

    def all_jobs() -> dict[str, dict[str, Any]]:
        return {item["id"]: item for item in server.client.get("/analyses", params={"limit": 200}).json()["items"]}

    def states() -> list[str]:
        return [item["state"] for item in all_jobs().values()]

    until(lambda: "done" in states())
    assert server.stop() == 0
    server.env["VERSION_OF_TEST"] = NEW
    server.start()
    until(lambda: set(states()) <= FINAL, lambda: f"{all_jobs()}")
    ended = all_jobs()
    assert sorted(ended) == sorted(posted) and [item["state"] for item in ended.values()] == ["done"] * JOBS
    versions = [json.loads(server.client.get(f"/analyses/{job}/document").content)["run"]["version"] for job in posted]
    assert set(versions) == {OLD, NEW}, versions  # so there was something left to be taken over
    assert server.stop() == 0
