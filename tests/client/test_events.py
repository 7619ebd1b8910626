"""Server-sent events: the stream's grammar, and a story that survives broken connections."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelscope.client import ApiError, Client
from reelscope.client import sse as sse_module
from reelscope.client.sse import Message, messages
from tests.client.stub import Stub, event, hung_up, job, refused, reply, stream, told

ID = "a" * 32
EVENTS = f"/analyses/{ID}/events"

STREAMS = [
    (b"", []),
    (b"data: x", []),  # cut off before the blank line: no message
    (b"data: x\n\n", [("message", "x", "")]),
    (b"\xef\xbb\xbfdata: x\n\n", [("message", "x", "")]),
    (b"data:x\r\rdata:y\r\n\r\n", [("message", "x", ""), ("message", "y", "")]),
    (b"data: a\ndata:  b\ndata\n\n", [("message", "a\n b\n", "")]),
    (b": a comment\nevent: e\nid: 7\ndata: x\n\ndata: y\n\n", [("e", "x", "7"), ("message", "y", "7")]),
    (b"event: e\n\ndata: x\n\n", [("message", "x", "")]),  # a message without data is none, and its event's name is forgotten
    (b"id: a\0b\nid\ndata: x\n\n", [("message", "x", "")]),
    (b"dataset: x\nretry: soon\n\n", []),
    ("data: a\u2028b\u0085c\x0bd\n\n".encode(), [("message", "a\u2028b\u0085c\x0bd", "")]),
    (b"data: \xff\n\n", [("message", "\ufffd", "")]),
]


@pytest.mark.parametrize(("data", "expected"), STREAMS)
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_streams_in_pieces_of_any_size(data: bytes, expected: list[tuple[str, str, str]], size: int) -> None:
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    assert [(m.event, m.data, m.id) for m in messages(pieces)] == expected


def test_the_servers_pause_is_read() -> None:
    assert list(messages([b"retry: 1500\ndata: x\n\n"])) == [Message("message", "x", "", 1500)]


@given(st.binary(max_size=200), st.integers(1, 7))
def test_pieces_change_nothing(data: bytes, size: int) -> None:
    assert list(messages([data[i : i + size] for i in range(0, len(data), size)])) == list(messages([data]))


@pytest.mark.parametrize("line", [b"x" * 100, b"data: " + b"x" * 100, b"data: xxxxxxxx\n"])
def test_a_stream_without_end_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch, line: bytes) -> None:
    monkeypatch.setattr(sse_module, "LONGEST_CHARS", 500)
    with pytest.raises(ApiError):
        list(messages(line for _ in range(1000)))


# --- Client.events --------------------------------------------------------------------------------------------------------------------


def test_a_story_ends_with_the_analysis(stub: Stub, client: Client) -> None:
    pieces = (event(1, "state", state="queued"), event(2, "log", level="info", message="a\u2028b"), event(3, "state", state="done"))
    stub.on("GET", EVENTS, stream(*pieces, event(4, "log", level="info", message="afterwards")))
    story = list(client.events(ID))
    assert [(e.seq, e.kind) for e in story] == [(1, "state"), (2, "log"), (3, "state")]
    assert story[1].data["message"] == "a\u2028b"
    assert "last-event-id" not in stub.calls[0].headers


def test_a_broken_story_goes_on_where_it_broke(stub: Stub, client: Client, slept: list[float]) -> None:
    second = event(2, "progress", phase="decode")
    stub.on(
        "GET", EVENTS,
        stream(event(1, "state", state="running"), second[: len(second) // 2]),
        hung_up,
        refused(503, "busy", retryable=True, Retry_After="3"),
        stream(event(1, "state", state="running"), second, event(3, "state", state="failed", error={"code": "x", "message": "m"})),
    )  # fmt: skip
    stub.on("GET", f"/analyses/{ID}", told(job(state="running")))
    assert [e.seq for e in client.events(ID)] == [1, 2, 3]
    assert [c.headers.get("last-event-id") for c in stub.of("GET", EVENTS)] == [None, "1", "1", "1"]
    assert 3.0 in slept


def test_a_story_is_taken_up_after_what_is_known(stub: Stub, client: Client) -> None:
    stub.on("GET", EVENTS, stream(event(8, "state", state="cancelled")))
    assert [e.seq for e in client.events(ID, after=7)] == [8]
    assert stub.calls[0].headers["last-event-id"] == "7"


def test_a_story_that_is_over_ends(stub: Stub, client: Client, slept: list[float]) -> None:
    stub.on("GET", EVENTS, stream(b": nothing\n\n"))
    stub.on("GET", f"/analyses/{ID}", told(job(state="done")))
    assert list(client.events(ID, after=9)) == []
    assert slept == []


def test_a_server_that_has_nothing_more_is_believed(stub: Stub, client: Client, slept: list[float]) -> None:
    stub.on("GET", EVENTS, reply(204))
    assert list(client.events(ID, after=9)) == []
    assert (len(stub.calls), slept) == (1, [])


def test_what_happened_just_before_the_end_is_not_missed(stub: Stub, client: Client) -> None:
    stub.on("GET", EVENTS, stream(event(1, "state", state="running")), stream(event(2, "state", state="done")))
    stub.on("GET", f"/analyses/{ID}", told(job(state="done")))
    assert [e.seq for e in client.events(ID)] == [1, 2]


def test_a_server_that_keeps_hanging_up_is_asked_slower_and_for_as_long_as_the_analysis_runs(
    stub: Stub, client: Client, slept: list[float]
) -> None:
    stub.on("GET", EVENTS, stream())
    stub.on("GET", f"/analyses/{ID}", *[told(job(state="running"))] * 8, told(job(state="done")))
    assert list(client.events(ID)) == []
    assert slept == pytest.approx([0.25, 0.5, 1, 2, 4, 8, 8, 8])  # more than a broken call is tried


def test_the_servers_pause_is_kept(stub: Stub, client: Client, slept: list[float]) -> None:
    stub.on("GET", EVENTS, stream(b"retry: 100\n" + event(1, "state", state="running")), stream(event(2, "state", state="done")))
    assert [e.seq for e in client.events(ID)] == [1, 2]
    assert slept == [0.1]


def test_kinds_of_a_newer_server_are_passed_over(stub: Stub, client: Client) -> None:
    stub.on("GET", EVENTS, stream(b"event: ping\ndata: now\n\n", event(1, "mood", x=1), event(2, "state", state="done")))
    assert [e.seq for e in client.events(ID)] == [2]


def test_no_server_any_more(stub: Stub, client: Client, slept: list[float]) -> None:
    stub.on("GET", EVENTS, hung_up)
    with pytest.raises(ApiError) as caught:
        list(client.events(ID))
    assert caught.value.code == "no_answer"
    assert len(slept) == 3


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (refused(404, "not_found"), "not_found"),
        (told({"x": 1}), "bad_answer"),
        (stream(b"event: state\ndata: {\n\n"), "bad_answer"),
        (reply(200, b"<html>", Content_Type="text/html"), "bad_answer"),
    ],
)
def test_what_is_no_story(stub: Stub, client: Client, answer: object, code: str) -> None:
    stub.on("GET", EVENTS, answer)  # type: ignore[arg-type]
    with pytest.raises(ApiError) as caught:
        list(client.events(ID))
    assert caught.value.code == code
    assert len(stub.calls) == 1


def test_a_story_may_be_left(stub: Stub, client: Client) -> None:
    stub.on("GET", EVENTS, stream(event(1, "state", state="running"), event(2, "state", state="done")))
    story = client.events(ID)
    assert next(story).seq == 1
    story.close()
