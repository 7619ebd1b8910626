"""What the API makes of the odd: bodies that are none, characters that a database refuses, what the client has already."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from reelscope.server.search import search_text
from tests.document.fixtures import full_document
from tests.server.conftest import InProcess, in_process
from tests.server.test_api import clip, error, finish, job, post


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"path": ""}', "path: "),
        (b'{"path": "/x", "options": {"color_analysis": 1}}', "options.color_analysis: "),
        (b'{"path":', "no JSON, from its character 8 on"),
        (b'{"path": "\xff"}', "cannot be read as JSON"),
        (b"[" * 100_000, "cannot be read as JSON"),
        (b'{"path": "/x", "priority": ' + b"1" * 5000 + b"}", "cannot be read as JSON"),
        (b'{"path": "/x", "priority": NaN}', "priority: "),
        (b'{"path": "/x", "title": "\\ud800"}', "title: "),
        (b"", "the body is missing"),
    ],
)
def test_a_body_that_is_none_is_named(tmp_path: Path, body: bytes, says: str) -> None:
    with in_process(tmp_path, f"sqlite:///{tmp_path}/x.sqlite3") as api:
        answer = api.client.post("/analyses", content=body, headers={"Content-Type": "application/json"})
        assert says in error(answer, 422, "invalid_request").message


def test_what_was_sent_is_not_sent_back_at_length(api: InProcess) -> None:
    found = post(api, 422, path=clip(api), options={"color_analysis": {"colors": "x" * 100_000}})
    assert 400 < len(found["message"]) < 600


def test_an_empty_file_is_refused(api: InProcess) -> None:
    assert post(api, 422, path=clip(api, data=b""))["code"] == "empty_file"
    assert not any(api.parts.blobs.folder.glob("[0-9a-f][0-9a-f]/*")) and not any(api.parts.blobs.folder.glob(".incoming-*"))


def test_titles_are_one_line_also_those_that_a_worker_reads(api: InProcess) -> None:
    found = post(api, url="https://a.example/x.mp4", title=" a\0b\n c ")
    assert (found["title"], job(api, found).asked.title) == ("a b c", "a b c")
    found = post(api, url="https://a.example/x.mp4", title="\n\0")
    assert (found["title"], job(api, found).asked.title) == ("x.mp4", None)


def test_no_text_has_a_nul(api: InProcess) -> None:
    """PostgreSQL refuses it, also in what is only looked for."""
    assert "q: " in error(api.client.get("/analyses?q=%00"), 422, "invalid_request").message
    error(api.client.get(f"/analyses/{'%00' * 32}"), 404, "not_found")
    document = full_document()
    document.source.post = {"caption": "one\0two"}
    finish(api, post(api, path=clip(api)), text=search_text("x", document))
    assert api.client.get("/analyses?q=one two").json()["total"] == 1


@pytest.mark.parametrize("part", ["document", "report", "media"])
def test_what_the_client_has_is_not_sent_again(api: InProcess, part: str) -> None:
    found = post(api, path=clip(api))
    finish(api, found)
    address = f"/analyses/{found['id']}/{part}"
    tag = api.client.get(address).headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}'):
        answer = api.client.get(address, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    assert api.client.get(address, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_file_whose_length_somebody_was_wrong_about_can_be_brought_again(api: InProcess) -> None:
    data = b"hello"
    address = f"/blobs/{hashlib.sha256(data).hexdigest()}"
    api.client.put(address, content=data[:4], headers={"Content-Range": "bytes 0-3/99"})
    assert api.client.head(address).headers["upload-offset"] == "4"
    answer = api.client.put(address, content=b"", headers={"Content-Range": "bytes 4-3/3"})
    assert (answer.status_code, answer.headers["upload-offset"]) == (409, "0")
    assert api.client.put(address, content=data, headers={"Content-Range": "bytes 0-4/5"}).status_code == 201
    assert api.client.get(address).content == data
