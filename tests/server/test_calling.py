"""Callbacks from the end of a job to the address: signed with the server's secret, tried again, given up, never sent inside."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from reelscope.api import ErrorBody
from reelscope.server import calling
from reelscope.server.callbacks import SIGNATURE_HEADER, secret_of, verify
from reelscope.server.calling import Caller, share_secret
from tests.server.places import Place, place, small_clip, until

# A try that nobody answers in time is made again, and a machine that stands still answers nobody: here a try has all the time there is.
TRY_S = 600.0
PROGRAM = f"import sys; from reelscope.server import calling, worker; calling.TIMEOUT_S = {TRY_S}; sys.exit(worker.main())"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for tries of this process."""
    monkeypatch.setattr(calling, "TIMEOUT_S", TRY_S)


@dataclass
class Receiver:
    """Somebody's address: what it answers, what it got."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    got: list[tuple[str, bytes]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

        def do_POST(self) -> None:  # noqa: N802
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.got.append((self.headers[SIGNATURE_HEADER], body))
            self.send_response(found.answers.pop(0) if found.answers else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_port}/hook?key=hidden"
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def here(tmp_path: Path, database_url: str) -> Iterator[Place]:
    with place(tmp_path / "data", database_url) as found:
        found.settings = found.settings.model_copy(
            update={"sources": found.settings.sources.model_copy(update={"allow_private": ("127.0.0.1",)})}
        )
        share_secret(found.database, found.data_dir)
        yield found


def ended(here: Place, tmp_path: Path, url: str) -> str:
    """A job with a callback that has failed; its workflow is not taken by anybody here."""
    job = here.put(small_clip(tmp_path), callback_url=url)
    claim = here.jobs.claim(job.id, "w1")
    assert claim is not None
    here.jobs.fail(claim, ErrorBody(code="x", message="y"))
    return job.id


def callback(here: Place, job_id: str) -> str | None:
    found = here.jobs.get(job_id)
    return found.callback if found is not None else None


def test_a_worker_calls_back_when_a_job_has_ended(here: Place, tmp_path: Path, receiver: Receiver) -> None:
    with here.workers(command=(sys.executable, "-c", PROGRAM)):
        job = here.put(small_clip(tmp_path), callback_url=receiver.url)
        here.ended(job)
        until(lambda: callback(here, job.id) == "delivered")
    (signature, body), *rest = receiver.got
    assert rest == []
    assert verify(secret_of(here.data_dir), signature, body)
    told = json.loads(body)
    assert (told["id"], told["state"], told["links"]["document"]) == (job.id, "done", f"/analyses/{job.id}/document")


def test_it_is_tried_again_and_then_given_up(here: Place, tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "DELAYS_S", (0.01, 0.01))
    receiver.answers = [500, 503, 500]
    job_id = ended(here, tmp_path, receiver.url)
    caller = Caller(here.jobs, here.settings, here.data_dir)
    for tried in ("", ":1"):
        caller.run(f"{job_id}{tried}")
        assert callback(here, job_id) == "waiting"
    assert set(here.jobs.durable.states([f"{job_id}.callback.1", f"{job_id}.callback.2"])) == {
        f"{job_id}.callback.1",
        f"{job_id}.callback.2",
    }
    caller.run(f"{job_id}:2")
    assert callback(here, job_id) == "failed" and len(receiver.got) == 3


def test_gone_is_given_up_at_once(here: Place, tmp_path: Path, receiver: Receiver) -> None:
    receiver.answers = [410]
    job_id = ended(here, tmp_path, receiver.url)
    Caller(here.jobs, here.settings, here.data_dir).run(job_id)
    assert callback(here, job_id) == "failed"


def test_an_address_inside_is_never_connected_to(here: Place, tmp_path: Path, receiver: Receiver) -> None:
    job_id = ended(here, tmp_path, receiver.url)
    inside = here.settings.model_copy(update={"sources": here.settings.sources.model_copy(update={"allow_private": ()})})
    Caller(here.jobs, inside, here.data_dir).run(job_id)
    assert callback(here, job_id) == "failed" and receiver.got == []


def test_a_worker_of_another_machine_signs_as_the_server_does(here: Place, tmp_path: Path, receiver: Receiver) -> None:
    job_id = ended(here, tmp_path, receiver.url)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    Caller(here.jobs, here.settings, elsewhere).run(job_id)
    assert verify(secret_of(here.data_dir), *receiver.got[0])
    assert not list(elsewhere.iterdir())


def test_a_removed_job_calls_nobody(here: Place, tmp_path: Path, receiver: Receiver) -> None:
    job_id = ended(here, tmp_path, receiver.url)
    here.jobs.purge(job_id)
    Caller(here.jobs, here.settings, here.data_dir).run(job_id)
    assert receiver.got == []
