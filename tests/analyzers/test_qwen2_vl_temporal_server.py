"""qwen2_vl_temporal with a server: a stub of one on loopback, and addresses that are never contacted."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from reelscope.analyzers.qwen2_vl_temporal import _http
from reelscope.analyzers.qwen2_vl_temporal._asking import NO_TIME, Ask
from reelscope.analyzers.qwen2_vl_temporal._http import MAX_ANSWER_BYTES, Address, HttpError, Unreachable, call, find
from reelscope.analyzers.qwen2_vl_temporal._prompt import SEGMENT_SCHEMA
from reelscope.analyzers.qwen2_vl_temporal._server import TRIES, Server
from reelscope.config import Settings
from reelscope.document.schema import AnalyzerEntry
from reelscope.errors import AnalyzerError, ConfigError
from reelscope.pipeline import Session
from tests.clips import moving_frames, write_clip

GOOD = json.dumps({"what_happens": "Blocks move.", "objects": ["block"], "setting": None, "mood": None, "continuity": "They go on."})
PICTURE = np.full((28, 56, 3), (200, 30, 10), np.uint8)
SOON_S = 5.0


class Stub(ThreadingHTTPServer):
    """A server whose answers a test writes. `chat` gets a request's body and its number from 0; it may write to the handler itself."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.chat: Callable[[dict[str, Any], int, Any], Any] = lambda body, number, handler: said(GOOD)
        self.models: list[str] = ["stub-vl"]
        self.bodies: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.lock = threading.Lock()
        self.ending = threading.Event()
        self.at_once = self.most_at_once = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: Stub

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:  # noqa: N802
        self.server.paths.append(self.path)
        self.reply(200, {"object": "list", "data": [{"id": name} for name in self.server.models]})

    def do_POST(self) -> None:  # noqa: N802
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        stub = self.server
        with stub.lock:
            number = len(stub.bodies)
            stub.bodies.append(body)
            stub.paths.append(self.path)
            stub.at_once += 1
            stub.most_at_once = max(stub.most_at_once, stub.at_once)
        try:
            answer = stub.chat(body, number, self)
            if isinstance(answer, tuple):
                self.reply(*answer)
            elif answer is not None:
                self.reply(200, answer)
        finally:
            with stub.lock:
                stub.at_once -= 1

    def reply(self, status: int, answer: Any, headers: dict[str, str] | None = None) -> None:
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


def said(text: str, **choice: Any) -> dict[str, Any]:
    return {
        "model": "stub-vl-7b", "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop", **choice}],
        "usage": {"completion_tokens": 12},
    }  # fmt: skip


@pytest.fixture
def stub() -> Iterator[Stub]:
    server = Stub()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.ending.set()
    server.shutdown()
    server.server_close()
    thread.join(SOON_S)
    assert not thread.is_alive()


def ask(text: str = "What?", frames: int = 1) -> Ask:
    return Ask(text, SEGMENT_SCHEMA, 50, (PICTURE,) * frames, (0.0,) * frames)


def reached(stub: Stub, **options: Any) -> Server:
    return Server(find(stub.url), **{"sleep": lambda s: None, **options})


def soon(seconds: float = SOON_S) -> float:
    return time.monotonic() + seconds


# --- where nothing is sent


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.7:8000/v1",
        "http://10.0.0.1/v1",
        "http://0.0.0.0:8000/v1",
        "http://example.com/v1",
        "http://localhost.example.com/v1",
        "http://127.0.0.1.example.com/v1",
        "http://[2001:db8::1]:8000/v1",
        "http://[::ffff:192.0.2.7]:8000/v1",
        "http://2130706433/v1",
        "https://api.example.com",
    ],
)
def test_another_machine_is_refused_without_a_look_up_or_a_connection(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: Any, **rest: Any) -> Any:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", never)
    monkeypatch.setattr(socket, "create_connection", never)
    with pytest.raises(ConfigError, match="is not this machine") as caught:
        find(url)
    assert caught.value.code == "not_loopback" and "server_host=" in str(caught.value.hint)


def test_a_name_that_leads_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever rewrites localhost gets nothing."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **rest: [(0, 0, 0, "", ("127.0.0.1", 80)), (0, 0, 0, "", ("192.0.2.7", 80))])
    with pytest.raises(ConfigError, match="is not this machine"):
        find("http://localhost:80/v1")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("127.0.0.1:8000", "no http or https URL"),
        ("ftp://127.0.0.1/v1", "no http or https URL"),
        ("file:///etc/passwd", "no http or https URL"),
        ("http://user:secret@127.0.0.1/v1", "no user"),
        ("http://127.0.0.1/v1?key=secret", "no user, query"),
        ("http://127.0.0.1:99999/v1", "port|Port"),
        ("http://[::1", "Invalid|IPv6"),
    ],
)
def test_what_is_no_address(url: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        find(url)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/v1/", "http://127.9.9.9:8000/v1", "http://[::1]:8000/v1", "http://LOCALHOST:8000/v1"]
)
def test_this_machine(url: str) -> None:
    found = find(url)
    assert (found.port, found.base) == (8000, "/v1")


def test_another_host_only_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **rest: [(0, 0, 0, "", ("192.0.2.7", 443))])
    found = find("https://gpu.lan/v1", "gpu.lan")
    assert (found.ip, found.port, str(found)) == ("192.0.2.7", 443, "https://gpu.lan:443/v1")
    with pytest.raises(ConfigError):
        find("https://other.lan/v1", "gpu.lan")


def test_proxies_of_the_environment_are_not_used(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://192.0.2.1:3128")
    assert call(find(stub.url), "GET", "/models", None, until=soon())["data"] == [{"id": "stub-vl"}]


def test_a_redirect_is_not_followed(stub: Stub) -> None:
    stub.chat = lambda body, number, handler: (302, b"", {"Location": "http://192.0.2.7/"})
    (reply,) = reached(stub).answer([ask()], soon())
    assert reply.error == "the server answered 302" and len(stub.bodies) == 1


# --- a server that fails


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(AnalyzerError, match=f"http://127.0.0.1:{port}/v1: nobody answers") as caught:
        Server(find(f"http://127.0.0.1:{port}/v1"))
    assert caught.value.code == "server_unreachable"
    with pytest.raises(AnalyzerError, match="nobody answers"):
        Server(find(f"http://127.0.0.1:{port}/v1"), model="x").answer([ask()], soon())


@pytest.mark.parametrize(("models", "message"), [([], "offers no model"), (["a", "b"], r"offers 2 models \(a, b\)")])
def test_which_model_must_be_clear(stub: Stub, models: list[str], message: str) -> None:
    stub.models = models
    with pytest.raises(AnalyzerError, match=message) as caught:
        reached(stub)
    assert "server_model" in str(caught.value.hint)
    assert reached(stub, model="b").model == "b"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((500, b"boom"), "the server answered 500"),
        ((404, {"error": "no such model"}), "the server answered 404"),
        (b"<html>", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        ({"choices": []}, "has no text"),
        ({"choices": [{"message": {"content": None}}]}, "has no text"),
        ({"choices": [{"message": {"content": [{"text": "x"}]}}]}, "has no text"),
        (["x"], "has no text"),
        (b'"' + b"x" * (MAX_ANSWER_BYTES + 10) + b'"', "larger than 1 MiB"),
    ],
)
def test_an_answer_that_cannot_be_used_fails_that_segment(stub: Stub, answer: Any, message: str) -> None:
    stub.chat = lambda body, number, handler: answer if body["messages"][-1]["content"][-1]["text"] == "bad" else said(GOOD)
    good, bad = reached(stub).answer([ask(), ask("bad")], soon())
    assert good.text == GOOD and bad.text is None and message in str(bad.error)


def test_an_answer_without_end_is_cut_off_at_its_size(stub: Stub) -> None:
    def flood(body: Any, number: int, handler: Any) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            for _ in range(1000):  # 64 MiB without a Content-Length
                handler.wfile.write(b" " * 65536)
        except OSError:
            flooded.set()

    flooded = threading.Event()
    stub.chat = flood
    (reply,) = reached(stub).answer([ask()], soon())
    assert "larger than 1 MiB" in str(reply.error) and flooded.wait(SOON_S)


def test_a_slow_server_is_given_up_in_time(stub: Stub) -> None:
    stub.chat = lambda body, number, handler: stub.ending.wait(30) and None
    server = reached(stub, timeout_s=0.2)
    started = time.monotonic()
    (reply,) = server.answer([ask()], soon(60))
    assert reply.error == "the server did not answer in time"
    (reply,) = server.answer([ask()], time.monotonic() + 0.1)
    assert reply.error == NO_TIME and time.monotonic() - started < SOON_S


def test_a_server_that_drips_is_given_up_in_time(stub: Stub) -> None:
    def drip(body: Any, number: int, handler: Any) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not stub.ending.wait(0.02):
            try:
                handler.wfile.write(b" ")
                handler.wfile.flush()
            except OSError:
                return

    stub.chat = drip
    started = time.monotonic()
    (reply,) = reached(stub, timeout_s=0.3).answer([ask()], soon(60))
    assert reply.error == "the server did not answer in time" and time.monotonic() - started < SOON_S


def test_a_server_that_hangs_up(stub: Stub) -> None:
    stub.chat = lambda body, number, handler: handler.connection.shutdown(socket.SHUT_RDWR)
    (reply,) = reached(stub).answer([ask()], soon())
    assert "broke off" in str(reply.error)


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_after_a_while(stub: Stub, status: int) -> None:
    waits: list[float] = []
    stub.chat = lambda body, number, handler: (status, b"") if number < 2 else said(GOOD)
    (reply,) = reached(stub, sleep=waits.append).answer([ask()], soon(60))
    assert reply.text == GOOD and waits == [0.5, 1.0]
    stub.chat = lambda body, number, handler: (status, b"")
    (reply,) = reached(stub, sleep=waits.append).answer([ask()], soon(60))
    assert reply.error == f"the server answered {status}" and len(stub.bodies) == 3 + TRIES


@pytest.mark.parametrize(("after", "asked"), [("3", 2), ("3600", 1), ("Wed, 21 Oct 2026 07:28:00 GMT", 2)])
def test_a_server_may_say_when_to_come_back(stub: Stub, after: str, asked: int) -> None:
    waits: list[float] = []
    stub.chat = lambda body, number, handler: (503, b"", {"Retry-After": after}) if number == 0 else said(GOOD)
    reached(stub, sleep=waits.append).answer([ask()], soon(60))
    assert len(stub.bodies) == asked and waits in ([3.0], [], [0.5])


def test_a_server_without_json_schemas_is_asked_without_one(stub: Stub) -> None:
    stub.chat = lambda body, number, handler: (400, b"") if "response_format" in body else said(GOOD)
    server = reached(stub, at_once=1)
    assert [r.text for r in server.answer([ask(), ask()], soon())] == [GOOD, GOOD]
    assert ["response_format" in b for b in stub.bodies] == [True, False, False]  # once is enough
    stub.chat = lambda body, number, handler: (400, b"")
    assert server.answer([ask()], soon())[0].error == "the server answered 400"


# --- a server that answers


def test_what_is_sent(stub: Stub) -> None:
    question = Ask("What?", SEGMENT_SCHEMA, 50, (PICTURE, PICTURE), (0.0, 0.1), PICTURE, (("bad", "again"),))
    server = reached(stub)
    (reply,) = server.answer([question], soon())
    (body,) = stub.bodies
    assert (reply.text, reply.tokens, reply.cut) == (GOOD, 12, False)
    assert stub.paths == ["/v1/models", "/v1/chat/completions"] and list(server.models) == ["stub-vl-7b"]
    assert {k: body[k] for k in ("model", "max_tokens", "temperature", "seed", "stream")} == {
        "model": "stub-vl", "max_tokens": 50, "temperature": 0, "seed": 0, "stream": False,
    }  # fmt: skip
    assert body["response_format"]["json_schema"]["schema"] == SEGMENT_SCHEMA
    assert [m["role"] for m in body["messages"]] == ["system", "user", "assistant", "user"]
    *pictures, words = body["messages"][1]["content"]
    assert words == {"type": "text", "text": "What?"} and len(pictures) == 3
    kind, _, data = pictures[0]["image_url"]["url"].partition(",")
    seen = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]
    assert kind == "data:image/jpeg;base64" and seen.shape == PICTURE.shape and np.abs(seen.astype(int) - PICTURE).max() < 12


def test_questions_go_out_side_by_side_up_to_a_number(stub: Stub) -> None:
    together = threading.Barrier(3)

    def wait(body: Any, number: int, handler: Any) -> Any:
        together.wait(SOON_S)
        return said(json.dumps(number), finish_reason="length")

    stub.chat = wait
    replies = reached(stub, at_once=3).answer([ask(str(i)) for i in range(6)], soon())
    assert len({r.text for r in replies}) == 6 and all(r.cut for r in replies) and stub.most_at_once == 3


# --- the whole way of a clip


def entry(url: str, folder: Path, **options: Any) -> AnalyzerEntry:
    clip = folder / "clip.mp4"
    if not clip.exists():
        write_clip(clip, moving_frames(150, width=64, height=96))
    given = {"server": url, **options}
    settings = Settings.model_validate({"analysis": {"options": {"qwen2_vl_temporal": given}}})
    with Session(settings) as session:
        return session.analyze(clip, only=["qwen2_vl_temporal"]).document.analyzers["qwen2_vl_temporal"]


def test_a_clip_through_the_server(stub: Stub, tmp_path: Path) -> None:
    stub.chat = lambda body, number, handler: said('{"summary": "Blocks move on."}' if is_whole(body) else GOOD)
    found = entry(stub.url, tmp_path)
    assert (found.status, found.backend, found.tier, found.device) == ("ok", "server", "full", "cpu")
    assert [m.id for m in found.models] == ["stub-vl-7b"] and found.models[0].sha256 is None
    assert [(s.start_s, s.end_s, s.status, s.what_happens) for s in found.segments] == [  # type: ignore[attr-defined]
        (0, 2, "ok", "Blocks move."), (2, 4, "ok", "Blocks move."), (4, 5, "ok", "Blocks move."),
    ]  # fmt: skip
    assert [s.continuity for s in found.segments] == [None, "They go on.", "They go on."]  # type: ignore[attr-defined]
    assert found.summary.text == "Blocks move on." and found.coverage == 1.0  # type: ignore[attr-defined]
    before = len(stub.bodies)
    entry(stub.url, tmp_path)
    assert len(stub.bodies) == 2 * before  # what a server made is not kept: nobody knows what it will be tomorrow


def is_whole(body: dict[str, Any]) -> bool:
    return '"summary"' in body["messages"][1]["content"][-1]["text"]


def test_bad_json_is_asked_for_again_and_for_ever_bad_json_leaves_nulls(stub: Stub, tmp_path: Path) -> None:
    def chat(body: dict[str, Any], number: int, handler: Any) -> Any:
        if is_whole(body):
            return said("no")
        first = len(body["messages"][1]["content"]) == 17  # without a picture before
        again = len(body["messages"]) > 2
        return said(GOOD if first and again else "{'broken'")

    stub.chat = chat
    found = entry(stub.url, tmp_path)
    assert [(s.status, s.repaired) for s in found.segments] == [("ok", True), ("failed", False), ("failed", False)]  # type: ignore[attr-defined]
    assert found.segments[1].what_happens is None and "asked again" in found.segments[1].reason  # type: ignore[attr-defined]
    assert found.summary.text is None and "no JSON object" in found.summary.text_reason  # type: ignore[attr-defined]
    assert found.status == "ok" and found.coverage == pytest.approx(0.4) and "2 of 3" in found.warnings[0]


def test_without_a_server_the_analyzer_fails_and_says_where_it_looked(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    found = entry(f"http://127.0.0.1:{port}/v1", tmp_path)
    assert (found.status, found.code) == ("failed", "server_unreachable") and str(port) in str(found.reason) and found.segments == []


def test_a_server_elsewhere_is_refused_in_the_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: Any, **rest: Any) -> Any:
        raise AssertionError("connected")

    monkeypatch.setattr(_http, "call", never)
    found = entry("http://192.0.2.7:8000/v1", tmp_path)
    assert (found.status, found.code) == ("failed", "not_loopback") and "server_host=192.0.2.7" in str(found.hint)


def test_the_deadline_holds_while_connecting() -> None:
    """A port whose queue is full does not answer."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = Address("http", "127.0.0.1", "127.0.0.1", full.getsockname()[1], "/v1")
        with pytest.raises(HttpError, match="in time"):
            call(address, "GET", "/models", None, until=soon(0.2))


@pytest.mark.parametrize(("left_s", "kind"), [(0.05, HttpError), (60.0, Unreachable)])
def test_a_connection_that_the_deadline_cut_short_is_late_and_not_nobody(
    left_s: float, kind: type[HttpError], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody ends the whole analyzer; too late ends a question."""

    def wait(place: object, limit_s: float) -> None:
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket, "create_connection", wait)
    with pytest.raises(HttpError) as caught:
        call(Address("http", "127.0.0.1", "127.0.0.1", 9, "/v1"), "GET", "/models", None, until=soon(left_s))
    assert type(caught.value) is kind and caught.value.timed_out == (kind is HttpError)
