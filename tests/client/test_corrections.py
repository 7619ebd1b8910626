"""Corrections by the client: what is sent, and tries whose answer was lost."""

from __future__ import annotations

from typing import Any

import pytest

from reelscope.client import ApiError, Client
from reelscope.document.corrections import Edit
from reelscope.errors import ConfigError, InputError
from tests.client.stub import Stub, hung_up, refused, told

ID = "a" * 32
PATH = f"/analyses/{ID}/corrections"
WORD = {"kind": "word", "start_s": 0.3, "end_s": 2.2, "was": "reel scope", "now": "reelscope"}
ONE: dict[str, Any] = {
    "id": "c1", "kind": "word", "field": "text", "anchor": {"analyzer": "speech_transcription", "part": "words"}, "was": "reel scope",
    "now": "reelscope", "author": "ana", "at": "2026-11-24T09:00:00Z", "state": "applied",
}  # fmt: skip
LIST = {"sha256": "0" * 64, "revision": 3, "items": [ONE], "editable": []}
GONE = {**LIST, "revision": 4, "items": [{**ONE, "state": "withdrawn", "withdrawn": {"author": "ana", "at": "2026-11-24T09:00:00Z"}}]}


def test_what_is_no_edit_is_not_sent(client: Client, stub: Stub) -> None:
    for edit in ({"kind": "colour", "now": "x"}, {**WORD, "now": "a\0b"}, {**WORD, "index": 3}):
        with pytest.raises(ConfigError) as caught:
            client.correct(ID, [edit])
        assert caught.value.code == "bad_request"
    with pytest.raises(ConfigError):
        client.correct(ID, [])
    with pytest.raises(InputError):
        client.withdraw(ID, "../x")
    assert stub.calls == []


def test_edits_are_sent_as_they_are(client: Client, stub: Stub) -> None:
    stub.routes["POST", PATH] = [told({**LIST, "added": {"ids": ["c1"]}}, 201)]
    found = client.correct(ID, [WORD, Edit(kind="speaker", was=0, now="Ana")], author="ana", revision=2)
    assert found.added is not None and found.added.ids == ["c1"] and found.items[0].state == "applied"
    (call,) = stub.calls
    assert call.json() == {"edits": [WORD, {"kind": "speaker", "was": 0, "now": "Ana"}], "author": "ana"}
    assert {k.lower(): v for k, v in call.headers.items()}["if-match"] == '"2"'


def test_a_stale_revision_is_told(client: Client, stub: Stub) -> None:
    stub.routes["POST", PATH] = [refused(409, "stale_corrections")]
    with pytest.raises(ApiError) as caught:
        client.correct(ID, [WORD], author="ana", revision=1)
    assert (caught.value.status, caught.value.code, caught.value.exit_code) == (409, "stale_corrections", 1)


def test_taking_back_once_though_the_answer_was_lost(client: Client, stub: Stub) -> None:
    stub.routes["DELETE", f"{PATH}/c1"] = [hung_up, refused(409, "already_withdrawn")]
    stub.routes["GET", PATH] = [told(GONE)]
    assert client.withdraw(ID, "c1", author="ana").items[0].state == "withdrawn"
    stub.routes["DELETE", f"{PATH}/c1"] = [refused(409, "already_withdrawn")]
    with pytest.raises(ApiError):
        client.withdraw(ID, "c1")
    stub.routes["DELETE", f"{PATH}/c1"] = [told(GONE)]
    assert client.withdraw(ID, "c1").revision == 4
    stub.routes["GET", PATH] = [told(LIST)]
    assert client.corrections(ID).items[0].now == "reelscope"


def test_the_document_as_corrected(client: Client, stub: Stub) -> None:
    stub.routes["GET", f"/analyses/{ID}/document"] = [told({})]
    client.document_json(ID)
    client.document_json(ID, corrected=True)
    assert [c.query for c in stub.calls] == [{}, {"corrected": "true"}]
