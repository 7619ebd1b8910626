"""Files to the server and from it: in pieces, as often as needed, whole or not at all."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartParser

from reelscope.client import ApiError, Client
from reelscope.client.upload import PIECE_BYTES, Upload
from reelscope.errors import InputError, OutputError
from tests.client.stub import Answer, Stub, cut_off, hung_up, job, refused, reply, told

ID = "a" * 32
MIB = 1024 * 1024
UPLOAD, MEDIA = "/analyses/upload", f"/analyses/{ID}/media"


def fields_of(body: bytes, content_type: str) -> list[tuple[str, Any]]:
    """The fields of a form, as the server's own library reads them."""

    async def read() -> list[tuple[str, Any]]:
        async def pieces() -> AsyncIterator[bytes]:
            yield body

        form = await MultiPartParser(Headers({"content-type": content_type}), pieces()).parse()
        found = []
        for name, value in form.multi_items():
            found.append((name, value if isinstance(value, str) else (value.filename, value.content_type, await value.read())))
        await form.close()
        return found

    return asyncio.run(read())


class Endless(io.RawIOBase):
    """A file of zeros that is nowhere, and remembers how it was read."""

    def __init__(self, size: int, *, seekable: bool = True) -> None:
        self.size, self.at, self.largest, self._seekable = size, 0, 0, seekable

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._seekable

    def tell(self) -> int:
        return self.at

    def seek(self, to: int, whence: int = 0) -> int:
        self.at = to + (self.size if whence == os.SEEK_END else 0)
        return self.at

    def read(self, size: int = -1) -> bytes:
        assert size > 0, "the whole file was asked for"
        self.largest = max(self.largest, size)
        piece = bytes(min(size, self.size - self.at))
        self.at += len(piece)
        return piece


# --- uploads --------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["clip.mp4", 'a"b\r\nc%.mov', "日本 ü.webm", "no-suffix"])
def test_the_form_is_what_a_server_reads(stub: Stub, client: Client, tmp_path: Path, name: str) -> None:
    stub.on("POST", UPLOAD, told(job(), 202))
    (tmp_path / name).write_bytes(b"\x00video\r\n--" * 1000)
    assert client.submit(file=tmp_path / name, tier="compact").id == ID
    call = stub.calls[0]
    assert int(call.headers["content-length"]) == call.body_bytes
    assert "transfer-encoding" not in call.headers
    (request_name, request), (file_name, (filename, _, content)) = fields_of(call.body, call.headers["content-type"])
    assert (request_name, file_name) == ("request", "file")
    assert request == '{"tier":"compact"}'
    assert filename.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n") == name
    assert content == (tmp_path / name).read_bytes()


def test_a_name_that_is_no_text_can_be_sent(stub: Stub, client: Client, tmp_path: Path) -> None:
    stub.on("POST", UPLOAD, told(job(), 202))
    path = os.fsencode(tmp_path) + b"/\xff.mp4"
    Path(os.fsdecode(path)).write_bytes(b"x")
    client.submit(file=os.fsdecode(path))
    assert b'filename="?.mp4"' in stub.calls[0].body


def test_a_large_file_is_never_whole_in_memory(stub: Stub, client: Client, tmp_path: Path) -> None:
    stub.on("POST", UPLOAD, told(job(), 202))
    path = tmp_path / "large.mp4"
    with path.open("wb") as file:
        file.truncate(48 * MIB)
    seen: list[tuple[int, int | None]] = []
    tracemalloc.start()
    try:
        client.submit(file=path, progress=lambda done, total: seen.append((done, total)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 * MIB
    assert stub.calls[0].body_bytes > 48 * MIB
    assert seen[-1] == (48 * MIB, 48 * MIB)
    assert [done for done, _ in seen] == list(range(PIECE_BYTES, 48 * MIB + 1, PIECE_BYTES))


@pytest.mark.parametrize("seekable", [True, False])
def test_something_open_is_sent_in_pieces_too(stub: Stub, client: Client, seekable: bool) -> None:
    stub.on("POST", UPLOAD, told(job(), 202))
    file = Endless(3 * MIB + 5, seekable=seekable)
    client.submit(file=file)  # type: ignore[arg-type]
    call = stub.calls[0]
    assert file.largest == PIECE_BYTES
    assert ("content-length" in call.headers) is seekable
    assert call.headers.get("transfer-encoding") == (None if seekable else "chunked")
    assert call.body_bytes > 3 * MIB + 5


def test_an_upload_that_broke_is_sent_again_from_its_start_under_one_key(stub: Stub, client: Client) -> None:
    stub.on("POST", UPLOAD, hung_up, reply(503), told(job(), 202))
    file = io.BytesIO(b"header|" + b"v" * 1000)
    file.seek(7)  # somebody read the header: the clip starts here
    client.submit(file=file)
    assert len({c.headers["idempotency-key"] for c in stub.calls}) == 1
    assert len({c.body_sha256 for c in stub.calls}) == 1
    assert fields_of(stub.calls[2].body, stub.calls[2].headers["content-type"])[1][1][2] == b"v" * 1000


def test_what_cannot_be_rewound_is_sent_once(stub: Stub, client: Client, slept: list[float]) -> None:
    stub.on("POST", UPLOAD, hung_up, told(job(), 202))
    with pytest.raises(ApiError):
        client.submit(file=Endless(10, seekable=False))  # type: ignore[arg-type]
    assert (len(stub.calls), slept) == (1, [])


def test_a_refusal_of_a_large_file_is_told(stub: Stub, client: Client, tmp_path: Path) -> None:
    stub.on("POST", UPLOAD, refused(413, "too_large", "the file is larger than 512 MiB", "server.max_upload_mib"))
    (tmp_path / "a.mp4").write_bytes(b"x")
    with pytest.raises(ApiError) as caught:
        client.submit(file=tmp_path / "a.mp4")
    assert (caught.value.status, caught.value.code, caught.value.hint) == (413, "too_large", "server.max_upload_mib")


def test_a_file_that_shrinks_while_it_is_sent_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(bytes(2 * PIECE_BYTES))
    body = iter(Upload(path, b"{}"))
    next(body), next(body)
    os.truncate(path, PIECE_BYTES)
    with pytest.raises(InputError) as caught:
        list(body)
    assert caught.value.code == "file_changed"


def test_what_is_appended_while_it_is_sent_is_not_sent(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"x" * 10)
    form = Upload(path, b"{}")
    path.write_bytes(b"x" * 20)
    assert len(b"".join(form)) == form.length


def test_files_that_cannot_be_sent(stub: Stub, client: Client, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, code in (("missing.mp4", "no_file"), (".", "not_a_file"), ("pipe", "not_a_file"), ("a\0b", "no_file")):
        with pytest.raises(InputError) as caught:
            client.submit(file=f"{tmp_path}/{name}")
        assert caught.value.code == code, name
    assert stub.calls == []


def test_what_the_progress_raises_ends_an_upload(stub: Stub, client: Client) -> None:
    class EnoughError(Exception):
        pass

    def enough(done: int, total: int | None) -> None:
        raise EnoughError

    stub.on("POST", UPLOAD, told(job(), 202))
    with pytest.raises(EnoughError):
        client.submit(file=io.BytesIO(bytes(2 * PIECE_BYTES)), progress=enough)


# --- media ----------------------------------------------------------------------------------------------------------------------------

CLIP = bytes(range(256)) * 4000
TAG = f'"{hashlib.sha256(CLIP).hexdigest()}"'


def ranged(content: bytes, *, tag: str = TAG) -> Answer:
    """A server that answers with what is left."""

    def answer(handler: Any, call: Any) -> None:
        wanted = call.headers.get("range")
        if wanted is None or call.headers.get("if-range", tag) != tag:
            return reply(200, content, ETag=tag)(handler, call)
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if start >= len(content):
            return reply(416, b"", Content_Range=f"bytes */{len(content)}", ETag=tag)(handler, call)
        where = f"bytes {start}-{len(content) - 1}/{len(content)}"
        return reply(206, content[start:], Content_Range=where, ETag=tag)(handler, call)

    return answer


def files_in(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def test_a_clip_comes_whole(stub: Stub, client: Client, tmp_path: Path) -> None:
    stub.on("GET", MEDIA, ranged(CLIP))
    seen: list[tuple[int, int | None]] = []
    assert client.media(ID, tmp_path / "a.mp4", progress=lambda *now: seen.append(now)) == tmp_path / "a.mp4"
    assert files_in(tmp_path) == {"a.mp4": CLIP}
    assert seen[-1] == (len(CLIP), len(CLIP))


def test_a_broken_download_goes_on_where_it_broke(stub: Stub, client: Client, tmp_path: Path) -> None:
    stub.on("GET", MEDIA, cut_off(CLIP[:300_000], len(CLIP), ETag=TAG), hung_up, ranged(CLIP))
    client.media(ID, tmp_path / "a.mp4")
    assert files_in(tmp_path) == {"a.mp4": CLIP}
    assert [c.headers.get("range") for c in stub.calls] == [None, "bytes=300000-", "bytes=300000-"]
    assert [c.headers.get("if-range") for c in stub.calls] == [None, TAG, TAG]


def test_a_later_call_goes_on_too(stub: Stub, client: Client, tmp_path: Path) -> None:
    stub.on("GET", MEDIA, cut_off(CLIP[:300_000], len(CLIP), ETag=TAG), refused(500, "internal"))
    with pytest.raises(ApiError):
        client.media(ID, tmp_path / "a.mp4")
    assert "a.mp4" not in files_in(tmp_path)
    stub.on("GET", MEDIA, ranged(CLIP))
    client.media(ID, tmp_path / "a.mp4")
    assert stub.calls[-1].headers["range"] == "bytes=300000-"
    assert files_in(tmp_path) == {"a.mp4": CLIP}


@pytest.mark.parametrize("left", [CLIP, CLIP + b"more", b"other" * 1000])
def test_what_lies_there_is_checked(stub: Stub, client: Client, tmp_path: Path, left: bytes) -> None:
    (tmp_path / f".a.mp4.{ID}.part").write_bytes(left)
    stub.on("GET", MEDIA, ranged(CLIP))
    client.media(ID, tmp_path / "a.mp4")
    assert files_in(tmp_path) == {"a.mp4": CLIP}


def test_a_file_that_changed_meanwhile_is_fetched_anew(stub: Stub, client: Client, tmp_path: Path) -> None:
    stub.on("GET", MEDIA, cut_off(b"old" * 1000, 9999, ETag='"old"'), ranged(CLIP))
    client.media(ID, tmp_path / "a.mp4")
    assert files_in(tmp_path) == {"a.mp4": CLIP}


def test_a_clip_that_never_matches_its_own_sum_is_refused(stub: Stub, client: Client, tmp_path: Path) -> None:
    stub.on("GET", MEDIA, reply(200, b"wrong", ETag=TAG))
    with pytest.raises(ApiError) as caught:
        client.media(ID, tmp_path / "a.mp4")
    assert caught.value.code == "bad_answer"
    assert files_in(tmp_path) == {}
    assert len(stub.calls) == 2


@pytest.mark.parametrize("answer", [refused(404, "not_found"), refused(410, "media_removed", "removed after 30 days")])
def test_no_clip_no_file(stub: Stub, client: Client, tmp_path: Path, answer: Answer) -> None:
    stub.on("GET", MEDIA, answer)
    with pytest.raises(ApiError):
        client.media(ID, tmp_path / "a.mp4")
    assert files_in(tmp_path) == {}


def test_places_that_take_no_file(stub: Stub, client: Client, tmp_path: Path) -> None:
    stub.on("GET", MEDIA, ranged(CLIP))
    for place in (tmp_path, tmp_path / "missing" / "a.mp4"):
        with pytest.raises(InputError):
            client.media(ID, place)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk(stub: Stub, client: Client, tmp_path: Path) -> None:
    (tmp_path / f".a.mp4.{ID}.part").symlink_to("/dev/full")
    stub.on("GET", MEDIA, ranged(CLIP))
    with pytest.raises(OutputError) as caught:
        client.media(ID, tmp_path / "a.mp4")
    assert caught.value.code == "disk_full"
    assert files_in(tmp_path) == {}
