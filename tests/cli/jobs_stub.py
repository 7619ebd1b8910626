"""A scripted server that takes analyses and ends them as the name of their source says."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.client.stub import Answer, Call, Stub, event, job, refused, reply, start, stream, told
from tests.document.fixtures import full_document

DOCUMENT = full_document().model_dump_json().encode()
KEYFRAME = b"\xff\xd8\xffjpeg"
SHA256 = full_document().source.sha256
CORRECTIONS = json.dumps({"sha256": SHA256, "revision": 0, "edits": []}).encode()
ERROR = {"code": "no_video", "message": "the clip holds no picture", "hint": "give a video", "retryable": False}


class Jobs:
    """Analyses by id. What has "bad" in its name fails, "again" fails for now, "gone" is cancelled, "slow" runs until `release`.

    `release_at`: so many that are outstanding at once release the slow ones.
    """

    def __init__(self, stub: Stub) -> None:
        self.stub = stub
        self.sources: dict[str, str] = {}
        self.final: dict[str, str] = {}
        self.release = threading.Event()
        self.most = 0
        self.release_at: int | None = None
        one = r"/analyses/([0-9a-f]{32})"
        stub.on("POST", "/analyses", self._submit).on("POST", "/analyses/upload", self._submit)
        stub.on("GET", one, self._get).on("DELETE", one, self._cancel).on("GET", f"{one}/events", self._events)
        stub.on("GET", f"{one}/document", reply(200, DOCUMENT)).on("GET", f"{one}/export/html", reply(200, b"<p>report</p>"))
        stub.on("GET", f"{one}/keyframes/shot-00[0-9].jpg", reply(200, KEYFRAME)).on("GET", f"{one}/corrections", reply(200, CORRECTIONS))

    def status(self, id: str) -> dict[str, Any]:
        source = self.sources[id]
        state = self.final.get(id) or self._ends(source)
        with self.stub.lock:
            if state not in ("queued", "running"):
                self.final[id] = state
        more: dict[str, Any] = {"title": source}
        if state == "failed":
            more["error"] = {**ERROR, "retryable": "again" in source}
        if state == "done":
            more |= {"ok": 15, "failed": 1, "unavailable": 3}
        if state == "running":
            running = {"cut_analysis": {"state": "running", "done": 1.0, "total": 4.0}}
            more["progress"] = {"phase": "decode", "share": 0.25, "analyzers": running}
            more["estimate"] = {"seconds": 75.0, "jobs_ahead": 2, "basis": "the last 8 clips"}
        return job(id, state, **more)

    def _ends(self, source: str) -> str:
        if "slow" in source:
            return "done" if self.release.is_set() else "running"
        return "failed" if "bad" in source or "again" in source else "cancelled" if "gone" in source else "done"

    def _submit(self, handler: Any, call: Call) -> None:
        if call.path.endswith("upload"):
            source = re.findall(rb'filename="([^"]*)"', call.body)[0].decode()
        else:
            source = call.json().get("url") or call.json()["path"]
        with self.stub.lock:
            id = f"{len(self.sources) + 1:032x}"
            self.sources[id] = source
            self.most = max(self.most, len(self.sources) - len(self.final))
            if self.most == self.release_at:
                self.release.set()
        told(job(id, "queued", title=source), 202)(handler, call)

    def _id(self, call: Call) -> str:
        return call.path.split("/")[2]

    def _get(self, handler: Any, call: Call) -> None:
        id = self._id(call)
        answer: Answer = told(self.status(id)) if id in self.sources else refused(404, "not_found", f"no analysis {id}")
        answer(handler, call)

    def _cancel(self, handler: Any, call: Call) -> None:
        id = self._id(call)
        if id not in self.sources:
            refused(404, "not_found", f"no analysis {id}")(handler, call)
            return
        if call.query.get("purge"):
            del self.sources[id]
            reply(204)(handler, call)
            return
        self.final.setdefault(id, "cancelled")
        told(self.status(id))(handler, call)

    def _events(self, handler: Any, call: Call) -> None:
        status = self.status(self._id(call))
        pieces = [event(1, "state", state="running"), event(2, "progress", phase="decode", share=0.5)]
        pieces += [event(3, "log", level="warning", message="a worker was lost"), event(4, "log", level="info", message="detail")]
        if status["state"] == "running":
            self.release.wait(30)
        stream(*pieces, event(5, "state", state=self.status(self._id(call))["state"]))(handler, call)


@contextmanager
def jobs() -> Iterator[Jobs]:
    """A server for the length of a block."""
    stub, server = start()
    made = Jobs(stub)
    try:
        yield made
    finally:
        made.release.set()
        server.shutdown()
        server.server_close()


def lines(text: str) -> list[Any]:
    """Lines of JSON."""
    return [json.loads(line) for line in text.splitlines()]
