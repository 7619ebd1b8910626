"""Calls of `reelscope.Client`: errors, tries, waiting, pages, results."""

from __future__ import annotations

import email.utils
import pickle
import socket
import time
from types import SimpleNamespace
from typing import Any

import pytest

import reelscope
from reelscope.client import ApiError, Client, Retries, errors
from reelscope.client.transport import address_of
from reelscope.errors import ConfigError, InputError, ReelscopeError
from tests.client.stub import Stub, cut_off, hung_up, job, refused, reply, start, told
from tests.document.fixtures import full_document

ID = "a" * 32


def error_of(call: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        call()
    return caught.value


# --- the address and the token --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("127.0.0.1:8003", "http://127.0.0.1:8003"),
        (" http://h:1/ ", "http://h:1"),
        ("https://h/reel/", "https://h/reel"),
        ("[::1]:80", "http://[::1]"),
    ],
)
def test_addresses(given: str, used: str) -> None:
    assert str(address_of(given)) == used


@pytest.mark.parametrize("wrong", ["", "ftp://h", "http://", "http://h?x=1", "http://h#x", "http://h:99999999", "http://[::1"])
def test_what_is_no_address_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigError):
        Client(wrong)


def test_a_password_in_the_address_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        Client("http://me:hunter2@h")
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize("token", ["", "a b", "a\r\nX: y", "ü"])
def test_what_is_no_token_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Client(token=token)
    assert not token or token not in str(caught.value)


def test_the_token_goes_into_the_header_of_every_call(stub: Stub, client: Client) -> None:
    stub.on("GET", "/health", told({"ok": True}))
    assert client.health() == {"ok": True}
    assert stub.calls[0].headers["authorization"] == "Bearer secret-token"
    assert stub.calls[0].headers["user-agent"].startswith("reelscope/")


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    stub.on("GET", "/health", told({"ok": True}))
    with Client(stub.url) as client:
        assert client.health() == {"ok": True}


# --- errors ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "exit_code"), [(400, 2), (401, 2), (403, 2), (404, 2), (409, 1), (413, 2), (422, 2), (500, 1)])
def test_a_refusal_is_told_in_the_servers_words(stub: Stub, client: Client, slept: list[float], status: int, exit_code: int) -> None:
    stub.on("GET", "/analyses/.*", refused(status, "why", "because", "do that"))
    error = error_of(lambda: client.get(ID))
    assert (error.status, error.code, error.message, error.hint, error.retryable) == (status, "why", "because", "do that", False)
    assert error.exit_code == exit_code
    assert isinstance(error, ReelscopeError)
    assert (len(stub.calls), slept) == (1, [])


def test_an_error_survives_pickling() -> None:
    error = ApiError("m", status=503, code="c", hint="h", retryable=True, retry_after_s=4.0)
    again = pickle.loads(pickle.dumps(error))
    assert (again.message, again.status, again.code, again.hint, again.retryable, again.retry_after_s) == ("m", 503, "c", "h", True, 4.0)


@pytest.mark.parametrize("body", [b"<html>Bad Gateway</html>", b"", b"[]", b'{"detail": "x"}', b"\xff"])
def test_an_error_that_is_not_the_servers_own_has_its_status(stub: Stub, client: Client, body: bytes) -> None:
    stub.on("GET", "/analyses/.*", reply(418, body))
    error = error_of(lambda: client.get(ID))
    assert (error.code, error.status, error.retryable) == ("http_418", 418, False)
    assert stub.url in error.message
    assert "418" in error.message


def test_a_missing_token_has_a_hint_where_the_server_gives_none(stub: Stub, client: Client) -> None:
    stub.on("GET", "/analyses/.*", refused(401, "no_token"))
    assert "--token-file" in (error_of(lambda: client.get(ID)).hint or "")


def test_a_redirection_is_not_followed(stub: Stub, client: Client) -> None:
    stub.on("GET", "/analyses/.*", reply(307, Location="https://elsewhere.example/x?key=s3cret"))
    error = error_of(lambda: client.get(ID))
    assert error.code == "redirected"
    assert "https://elsewhere.example/x" in error.message
    assert "s3cret" not in error.message


@pytest.mark.parametrize("body", [b"hello", b"{}", b'{"id": 1}', b"\xff\xfe"])
def test_an_answer_of_another_shape_is_an_error(stub: Stub, client: Client, body: bytes) -> None:
    stub.on("GET", "/analyses/.*", reply(200, body))
    assert error_of(lambda: client.get(ID)).code == "bad_answer"
    assert error_of(lambda: client.document(ID)).code == "bad_answer"


def test_no_server(slept: list[float]) -> None:
    with socket.socket() as held:  # bound and not listening: a connection is refused
        held.bind(("127.0.0.1", 0))
        with Client(f"http://127.0.0.1:{held.getsockname()[1]}", retries=Retries(times=2), sleep=slept.append) as client:
            error = error_of(client.health)
    assert (error.code, error.status, error.retryable, error.exit_code) == ("no_server", 0, True, 1)
    assert error.hint == "start one: reelscope serve"
    assert "connection refused" in error.message
    assert len(slept) == 2
    assert 0.18 < slept[0] < 0.32
    assert 0.37 < slept[1] < 0.63


def test_a_server_that_was_there_is_waited_for_longer_than_one_nobody_has_seen(slept: list[float]) -> None:
    stub, server = start()
    stub.on("GET", "/health", told({"ok": True}))
    with Client(stub.url, retries=Retries(times=5, unseen_times=1), sleep=slept.append) as client:
        client.health()
        server.shutdown()
        server.server_close()
        assert error_of(client.health).code == "no_server"
    assert len(slept) == 5
    with Client(stub.url, retries=Retries(times=5, unseen_times=1), sleep=slept.append) as client:
        assert error_of(client.health).code == "no_server"
    assert len(slept) == 6


def test_a_server_that_falls_silent(slept: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        with Client(url, timeout_s=0.05, retries=Retries(times=1), sleep=slept.append) as client:
            error = error_of(client.health)
    assert (error.code, error.status) == ("no_answer", 0)
    assert "timed out" in error.message
    assert len(slept) == 1


@pytest.mark.parametrize("id", ["", "../models", "a/b", "a?b", "ä", "x" * 65])
def test_what_is_no_id_is_never_sent(stub: Stub, client: Client, id: str) -> None:
    for call in (client.get, client.delete, client.cancel, client.document, client.report, lambda i: next(client.events(i))):
        with pytest.raises(InputError):
            call(id)
    with pytest.raises(InputError):
        client.export(ID, "../x")
    assert stub.calls == []


# --- tries ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_server_is_asked_again_when_it_wants_to_be(stub: Stub, client: Client, slept: list[float], status: int) -> None:
    stub.on("GET", "/analyses/.*", refused(status, "busy", retryable=True, Retry_After="7"), reply(status), told(job()))
    assert client.get(ID).state == "queued"
    assert slept[0] == 7.0
    assert 0.37 < slept[1] < 0.63  # where it says nothing, our own pause
    assert len(stub.calls) == 3


def test_a_retry_after_may_be_a_date(stub: Stub, client: Client, slept: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(errors, "time", SimpleNamespace(time=lambda: now))
    stub.on("GET", "/analyses/.*", reply(503, Retry_After=email.utils.formatdate(now + 20, usegmt=True)), told(job()))
    client.get(ID)
    assert 19 <= slept[0] <= 20  # dates are told in whole seconds


def test_nobody_waits_longer_than_their_patience(stub: Stub, client: Client, slept: list[float]) -> None:
    stub.on("GET", "/analyses/.*", refused(503, "disk_full", retryable=True, Retry_After="3600"))
    error = error_of(lambda: client.get(ID))
    assert (error.code, error.retry_after_s, slept) == ("disk_full", 3600.0, [])


def test_a_busy_server_that_says_it_will_not_help_is_not_asked_again(stub: Stub, client: Client) -> None:
    stub.on("GET", "/analyses/.*", refused(503, "no_workers", retryable=False))
    assert error_of(lambda: client.get(ID)).code == "no_workers"
    assert len(stub.calls) == 1


def test_what_may_help_later_is_not_tried_again_at_once(stub: Stub, client: Client) -> None:
    stub.on("GET", "/analyses/.*", refused(409, "not_done", retryable=True))
    assert error_of(lambda: client.document(ID)).retryable
    assert len(stub.calls) == 1


def test_tries_end(stub: Stub, client: Client, slept: list[float]) -> None:
    stub.on("GET", "/analyses/.*", hung_up)
    assert error_of(lambda: client.get(ID)).code == "no_answer"
    assert (len(stub.calls), len(slept)) == (4, 3)


def test_an_answer_that_breaks_off_is_fetched_again(stub: Stub, client: Client) -> None:
    document = full_document().model_dump_json().encode()
    stub.on("GET", "/analyses/.*/document", cut_off(document[:100], len(document)), reply(200, document))
    assert client.document(ID).model_dump_json().encode() == document


def test_pauses_grow_to_a_limit() -> None:
    retries = Retries(first_s=1.0, longest_s=8.0)
    assert [retries.pause_s(n) for n in (0, 1, 2, 3, 4, 1000)] == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert (retries.pause_s(0, chance=0.0), retries.pause_s(0, chance=1.0)) == (0.75, 1.25)


# --- submitting -----------------------------------------------------------------------------------------------------------------------


def test_a_submission_is_tried_again_under_one_key(stub: Stub, client: Client) -> None:
    stub.on("POST", "/analyses", hung_up, reply(503), told(job(), 202))
    assert client.submit("https://example.com/v").id == ID
    keys = [c.headers["idempotency-key"] for c in stub.calls]
    assert (len(keys), len(set(keys))) == (3, 1)
    client.submit("https://example.com/v")
    assert stub.calls[-1].headers["idempotency-key"] != keys[0]


def test_only_what_was_asked_for_is_sent(stub: Stub, client: Client) -> None:
    stub.on("POST", "/analyses", told(job(), 202))
    client.submit(path="/srv/a.mp4")
    assert stub.calls[-1].json() == {"path": "/srv/a.mp4"}
    client.submit(
        "https://example.com/v", analyzers=("cut_analysis",), skip=["body_pose"], tier="full", backends={"text_overlay": "x"},
        options={"color_analysis": {"colors": 5}}, priority=1, fresh=True, callback_url="https://me.example/hook", title="t",
    )  # fmt: skip
    assert stub.calls[-1].json() == {
        "url": "https://example.com/v", "analyzers": ["cut_analysis"], "skip": ["body_pose"], "tier": "full",
        "backends": {"text_overlay": "x"}, "options": {"color_analysis": {"colors": 5}}, "priority": 1, "fresh": True,
        "callback_url": "https://me.example/hook", "title": "t",
    }  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"url": "https://a", "path": "/b"},
        {"url": "https://a", "file": "b"},
        {"url": ""},
        {"url": "https://a", "priority": 11},
        {"url": "https://a", "analyzers": []},
        {"url": "https://a", "tier": "best"},
    ],
)
def test_a_request_that_is_none_is_never_sent(stub: Stub, client: Client, arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        client.submit(**arguments)
    assert caught.value.code == "bad_request"
    assert stub.calls == []


def test_submit_can_wait_for_the_end(stub: Stub, client: Client, slept: list[float]) -> None:
    stub.on("POST", "/analyses", told(job(), 202))
    stub.on("GET", f"/analyses/{ID}", told(job(state="running")), told(job(state="running")), told(job(state="done")))
    assert client.submit("https://example.com/v", wait_s=60).state == "done"
    assert slept == pytest.approx([0.1, 0.15])


def test_what_was_there_is_not_waited_for(stub: Stub, client: Client) -> None:
    stub.on("POST", "/analyses", told(job(state="done"), 200))
    assert client.submit("https://example.com/v", wait_s=60).state == "done"
    assert len(stub.calls) == 1


def test_waiting_ends_with_the_time_and_tells_the_state(stub: Stub, client: Client) -> None:
    stub.on("GET", f"/analyses/{ID}", told(job(state="running")))
    assert client.wait(ID, timeout_s=0).state == "running"
    assert len(stub.calls) == 1


def test_waiting_polls_slower_and_slower(stub: Stub, client: Client, slept: list[float]) -> None:
    stub.on("GET", f"/analyses/{ID}", *[told(job(state="running"))] * 12, told(job(state="failed")))
    assert client.wait(ID).state == "failed"
    assert (len(slept), slept[0], slept[-1]) == (12, 0.1, 2.0)


def test_what_sleep_raises_ends_a_wait(stub: Stub) -> None:
    class EnoughError(Exception):
        pass

    def nap(seconds: float) -> None:
        raise EnoughError

    stub.on("GET", f"/analyses/{ID}", told(job(state="running")))
    with Client(stub.url, sleep=nap) as client, pytest.raises(EnoughError):
        client.wait(ID)


# --- the rest -------------------------------------------------------------------------------------------------------------------------


def test_pages(stub: Stub, client: Client) -> None:
    first = {"items": [job("a" * 32), job("b" * 32)], "next": "c1", "total": 3}
    stub.on("GET", "/analyses", told(first), told({"items": [job("c" * 32)], "next": None, "total": 3}))
    assert [one.id[0] for one in client.iterate(state="done", q="cat & dog", page=2)] == ["a", "b", "c"]
    assert [c.query for c in stub.calls] == [
        {"state": "done", "q": "cat & dog", "limit": "2"},
        {"state": "done", "q": "cat & dog", "limit": "2", "cursor": "c1"},
    ]


def test_a_cursor_that_does_not_move_ends(stub: Stub, client: Client) -> None:
    stub.on("GET", "/analyses", told({"items": [job()], "next": "same", "total": 9}))
    assert len(list(client.iterate())) == 2


def test_cancel_and_delete(stub: Stub, client: Client) -> None:
    stub.on("DELETE", f"/analyses/{ID}", told(job(state="cancelled")), reply(204))
    assert client.cancel(ID).state == "cancelled"
    client.delete(ID)
    assert [c.query for c in stub.calls] == [{}, {"purge": "true"}]


def test_what_has_ended_cannot_be_cancelled_and_that_is_no_error(stub: Stub, client: Client) -> None:
    stub.on("DELETE", f"/analyses/{ID}", hung_up, refused(409, "already_ended"), refused(409, "other"))
    stub.on("GET", f"/analyses/{ID}", told(job(state="done")))
    assert client.cancel(ID).state == "done"
    assert error_of(lambda: client.cancel(ID)).code == "other"


def test_a_removal_whose_answer_was_lost_is_done(stub: Stub, client: Client) -> None:
    stub.on("DELETE", f"/analyses/{ID}", hung_up, refused(404, "not_found"))
    client.delete(ID)
    assert len(stub.calls) == 2
    assert error_of(lambda: client.delete(ID)).code == "not_found"


def test_results(stub: Stub, client: Client) -> None:
    stub.on("GET", f"/analyses/{ID}/report", reply(200, "<p>ä</p>".encode()))
    stub.on("GET", f"/analyses/{ID}/export/srt", reply(200, b"1\n"))
    stub.on("GET", f"/analyses/{ID}/document", reply(200, b'{"x": 1}'))
    assert client.report(ID) == "<p>ä</p>"
    assert client.export(ID, "srt") == b"1\n"
    assert client.export(ID, "srt", file="speech.srt", lines=1, highlight=False) == b"1\n"
    assert stub.calls[-1].query == {"file": "speech.srt", "lines": "1", "highlight": "false"}
    assert client.document_json(ID) == b'{"x": 1}'
    stub.on("GET", f"/analyses/{ID}/keyframes/shot-001.jpg", reply(200, b"jpeg"))
    stub.on("GET", f"/analyses/{ID}/corrections", reply(200, b"{}"))
    assert client.keyframe(ID, "keyframes/shot-001.jpg") == b"jpeg"
    assert (client.corrections_file(ID), stub.calls[-1].query) == (b"{}", {"file": "true"})
    for name in ("", "keyframes/", "../document", "keyframes/.x", "a/b"):
        with pytest.raises(InputError, match="no name of a keyframe"):
            client.keyframe(ID, name)


def test_the_server_itself(stub: Stub, client: Client) -> None:
    for path in ("analyzers", "models", "monitor", "health"):
        stub.on("GET", f"/{path}", told({"at": path}))
    assert [client.analyzers(), client.models(), client.monitor(), client.health()] == [
        {"at": "analyzers"}, {"at": "models"}, {"at": "monitor"}, {"at": "health"},
    ]  # fmt: skip


def test_a_server_that_is_not_ready_is_no_error(stub: Stub, client: Client, slept: list[float]) -> None:
    stub.on("GET", "/ready", told({"workers": 0}, 503, Retry_After="5"), reply(503, b"<html>"), told({"workers": 1}))
    assert client.ready() == {"workers": 0, "ready": False}
    assert client.ready() == {"ready": False}
    assert client.ready() == {"workers": 1, "ready": True}
    assert slept == []


def test_a_server_behind_a_path(stub: Stub) -> None:
    stub.on("GET", "/reel/health", told({"ok": True}))
    with Client(f"{stub.url}/reel/") as client:
        assert client.health() == {"ok": True}


def test_the_class_is_the_public_one() -> None:
    assert reelscope.Client is Client
