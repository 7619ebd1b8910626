"""Uploads: what a form may be, how large, and what is left where somebody goes away in the middle."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reelscope.api import ErrorBody
from tests.server.conftest import InProcess, in_process
from tests.server.places import until

CLIP = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 40
MIB = 1 << 20


@pytest.fixture
def api(tmp_path: Path) -> Iterator[InProcess]:
    with in_process(tmp_path, f"sqlite:///{tmp_path}/x.sqlite3", max_upload_mib=4) as found:
        yield found


def left(api: InProcess) -> list[str]:
    """Files in the blobs, whole or not; the lock that the janitor's rounds hold is none."""
    return [p.name for p in api.parts.blobs.folder.rglob("*") if p.is_file() and p.name != ".lock"]


def form(*parts: tuple[str, str | None, bytes], end: bytes = b"--x--\r\n") -> bytes:
    """A form by hand: name, file name, content."""
    body = b""
    for name, file_name, data in parts:
        disposition = f'form-data; name="{name}"' + (f'; filename="{file_name}"' if file_name is not None else "")
        body += f"--x\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + data + b"\r\n"
    return body + end


def send(api: InProcess, body: Any, content_type: str | bytes = "multipart/form-data; boundary=x") -> Any:
    return api.client.post("/analyses/upload", content=body, headers={"Content-Type": content_type})


def test_a_file_with_what_is_asked_of_it(api: InProcess) -> None:
    asked = {"analyzers": ["cut_analysis"], "priority": 1, "title": "Hello"}
    answer = send(api, form(("request", None, json.dumps(asked).encode()), ("file", "../../My clip.mp4", CLIP)))
    assert answer.status_code == 202, answer.text
    found = answer.json()
    assert (found["title"], found["priority"], found["source"]["name"], found["source"]["kind"]) == ("Hello", 1, "My clip.mp4", "upload")
    assert api.client.get(found["links"]["media"]).content == CLIP
    assert send(api, form(("request", None, json.dumps(asked).encode()), ("file", "again.mp4", CLIP))).json()["id"] == found["id"]


def test_a_file_alone(api: InProcess) -> None:
    assert send(api, form(("file", "C:\\clips\\a.mp4", CLIP))).json()["source"]["name"] == "a.mp4"
    assert send(api, form(("file", None, CLIP + b"2"))).json()["source"]["name"] == "clip"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        form(),
        form(("request", None, b"{}")),
        form(("file", "a.mp4", CLIP), ("file", "b.mp4", CLIP)),
        form(("file", "a.mp4", CLIP), ("request", None, b"{}")),
        form(("request", None, b"{}"), ("request", None, b"{}"), ("file", "a.mp4", CLIP)),
        form(("surprise", None, b"1"), ("file", "a.mp4", CLIP)),
        form(("request", None, b"{nonsense"), ("file", "a.mp4", CLIP)),
        form(("request", None, b"[]"), ("file", "a.mp4", CLIP)),
        form(("request", None, b'{"path": "/etc/passwd"}'), ("file", "a.mp4", CLIP)),
        form(("request", None, b'{"url": "https://a.example/"}'), ("file", "a.mp4", CLIP)),
        form(("request", None, b'{"priority": 99}'), ("file", "a.mp4", CLIP)),
        form(("file", "a.mp4", CLIP), end=b""),
        form(("file", "a.mp4", CLIP))[:-30],
        form(("x" * 5000, "a.mp4", CLIP)),
        form(("request", None, b"[" * 200_000), ("file", "a.mp4", CLIP)),
        form(("request", None, b'{"priority": ' + b"1" * 5000 + b"}"), ("file", "a.mp4", CLIP)),
        form(("request", None, b"\xff\xfe"), ("file", "a.mp4", CLIP)),
        b"--x\r\n" + b"".join(b"a%d: x\r\n" % n for n in range(100_000)),
    ],
)
def test_what_is_no_such_form_is_refused_and_leaves_nothing(api: InProcess, body: bytes) -> None:
    answer = send(api, body)
    assert answer.status_code == 422, answer.text
    assert ErrorBody.model_validate(answer.json()).code == "invalid_request"
    assert left(api) == []


def test_an_empty_file_and_an_unknown_analyzer(api: InProcess) -> None:
    assert send(api, form(("file", "a.mp4", b""))).json()["code"] == "empty_file"
    assert send(api, form(("request", None, b'{"analyzers": ["x"]}'), ("file", "a.mp4", CLIP))).json()["code"] == "unknown_analyzer"
    assert send(api, CLIP, "video/mp4").status_code in (415, 422)
    assert send(api, form(("file", "a.mp4", CLIP)), "multipart/form-data").json()["code"] == "invalid_request"


@pytest.mark.parametrize("boundary", ["", "y" * 5000, "\xff\xfe"])
def test_a_boundary_that_is_none(api: InProcess, boundary: str) -> None:
    answer = send(api, form(("file", "a.mp4", CLIP)), f"multipart/form-data; boundary={boundary}".encode("latin-1"))
    assert (answer.status_code, answer.json()["code"], left(api)) == (422, "invalid_request", [])


def test_too_large_is_refused_while_it_comes_in(api: InProcess) -> None:
    sent = 0

    def body() -> Iterator[bytes]:
        nonlocal sent
        yield form(("file", "a.mp4", b""), end=b"")[:-2]
        for _ in range(64):
            sent += MIB
            yield bytes(MIB)
        yield b"\r\n--x--\r\n"

    answer = send(api, body())
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert left(api) == []


def test_a_large_request_field_is_refused(api: InProcess) -> None:
    answer = send(api, form(("request", None, b" " * (300 * 1024)), ("file", "a.mp4", CLIP)))
    assert answer.json()["code"] == "too_large"


@pytest.mark.system
def test_who_goes_away_leaves_nothing(serve: Any) -> None:
    server = serve("--workers", "0", "--set", "server.min_free_disk_mib=0")
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        head = [
            "POST /analyses/upload HTTP/1.1",
            f"Host: {host}",
            "Content-Type: multipart/form-data; boundary=x",
            "Content-Length: 99999999",
        ]
        connection.sendall("\r\n".join([*head, "", ""]).encode() + form(("file", "a.mp4", bytes(3 * MIB)), end=b""))
        blobs = server.data_dir / "blobs"
        until(lambda: any(p.stat().st_size for p in blobs.glob(".incoming-*")))
    until(lambda: not any(blobs.glob(".incoming-*")))
    assert server.client.get("/analyses").json()["total"] == 0
