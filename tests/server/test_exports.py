"""Exports over HTTP: what is refused, one file as itself, several as a ZIP, conditions, and how many are made at a time."""

from __future__ import annotations

import asyncio
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from PIL import Image

from reelscope.api import ErrorBody
from reelscope.document.exports import FORMATS, ExportOptions, Material, registry
from reelscope.document.exports import export as make_export
from reelscope.document.schema import Document, Segment
from reelscope.server import exports as module
from reelscope.server.exports import Making
from reelscope.server.jobs import Made
from reelscope.server.limits import Refusal
from reelscope.server.ranges import saved_as
from tests.document.fixtures import entry, full_document, keyframes_of
from tests.server.conftest import InProcess, in_process

CLIP = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256))


@pytest.fixture
def api(tmp_path: Path) -> Iterator[InProcess]:
    """The app on SQLite: exports ask the database for nothing of their own."""
    (tmp_path / "roots").mkdir()
    with in_process(tmp_path, f"sqlite:///{tmp_path}/x.sqlite3", roots=[str(tmp_path / "roots")]) as found:
        yield found


def told() -> Document:
    """The full document, with words that are said."""
    document = full_document()
    words = [{"start_s": 1 + i / 2, "end_s": 1.4 + i / 2, "text": f"word{i}", "confidence": 0.9} for i in range(8)]
    said = {"start_s": 1.0, "end_s": 4.9, "text": " ".join(str(w["text"]) for w in words), "words": words, "language": "en"}
    document.analyzers["speech_transcription"] = entry(segments=[Segment.model_validate(said)])
    return document


def handed_in(api: InProcess) -> str:
    path = api.folder / "roots" / "Mein Clip.mp4"
    path.write_bytes(CLIP)
    answer = api.client.post("/analyses", json={"path": str(path)})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def finish(api: InProcess, id: str, document: Document) -> None:
    claim = api.parts.jobs.claim(id, "w1")
    assert claim is not None
    contents = {"analysis.json": document.model_dump_json().encode(), **keyframes_of(document)}
    files = {name: api.parts.blobs.put_bytes(data) for name, data in contents.items()}
    facts: dict[str, Any] = {"duration_s": 24.0, "seconds": 1.5, "ok": 3, "failed": 0, "unavailable": 2}
    made = Made(files=files, title="Mein Clip.mp4", clip_sha256="0" * 64, search_text="", **facts)
    assert api.parts.jobs.finish(claim, made)


@pytest.fixture
def base(api: InProcess) -> str:
    """The address of the exports of an analysis that is done."""
    id = handed_in(api)
    finish(api, id, told())
    return f"/analyses/{id}/export"


def error(answer: Any, status: int, code: str) -> ErrorBody:
    assert answer.status_code == status, answer.text
    found = ErrorBody.model_validate(answer.json())
    assert found.code == code
    return found


# --- what is refused ------------------------------------------------------------------------------------------------------------------


def test_what_there_is_not(api: InProcess, base: str) -> None:
    found = error(api.client.get(f"{base}/docx"), 404, "unknown_format")
    assert found.hint == f"there are: json, html, {', '.join(FORMATS)}"
    found = error(api.client.get(f"{base}/srt", params={"file": "speech.vtt"}), 404, "unknown_file")
    assert found.hint == "it makes: speech.srt, text.srt"
    error(api.client.get(f"{base}/srt", params={"file": "../analysis.json"}), 404, "unknown_file")
    error(api.client.get(f"/analyses/{'0' * 32}/export/srt"), 404, "not_found")


def test_what_is_not_done(api: InProcess) -> None:
    id = handed_in(api)
    for format in FORMATS:
        error(api.client.get(f"/analyses/{id}/export/{format}"), 409, "not_done")
    error(api.client.get(f"/analyses/{id}/keyframes/shot-000.jpg"), 409, "not_done")


def test_what_is_gone(api: InProcess, base: str) -> None:
    for path in api.parts.blobs.folder.glob("*/*"):
        path.unlink()
    error(api.client.get(f"{base}/srt"), 410, "blob_missing")
    error(api.client.get(f"{base}/contact-sheet"), 410, "blob_missing")


def test_a_picture_that_is_gone_keeps_nothing_back_that_shows_none(api: InProcess, base: str) -> None:
    for path in api.parts.blobs.folder.glob("*/*"):
        if path.read_bytes().startswith(b"\xff\xd8\xff"):
            path.unlink()
    assert {f for f in FORMATS if api.client.get(f"{base}/{f}").status_code != 200} == {"contact-sheet"}


@pytest.mark.parametrize(
    "query",
    [
        {"words_per_line": 0}, {"words_per_line": 21}, {"words_per_line": "many"}, {"lines": 0}, {"lines": 5}, {"chars_per_line": 7},
        {"chars_per_line": 81}, {"highlight": "perhaps"}, {"clip": "a\x00b"}, {"clip": "x" * 1001}, {"file": "x" * 101},
    ],
)  # fmt: skip
def test_options_out_of_range(api: InProcess, base: str, query: dict[str, Any]) -> None:
    found = error(api.client.get(f"{base}/srt", params=query), 422, "invalid_request")
    assert next(iter(query)) in found.message


def test_a_format_that_fails_says_nothing_of_itself(api: InProcess, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: registry.Format, material: Material) -> dict[str, bytes]:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(registry.Format, "make", broken)
    answer = api.client.get(f"{base}/srt")
    assert answer.status_code == 500 and "secret" not in answer.text
    ErrorBody.model_validate(answer.json())


# --- what is answered -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_what_the_exporter_makes(api: InProcess, base: str, format: str) -> None:
    document = Document.model_validate_json(told().model_dump_json())
    made = make_export(format, Material(document, keyframes_of(document), "Mein Clip.mp4", "Mein Clip.mp4"))
    answer = api.client.get(f"{base}/{format}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    if len(made) == 1:
        ((name, data),) = made.items()
        assert answer.content == data
        assert answer.headers["content-type"].partition(";")[0] == FORMATS[format].files[name]
        assert answer.headers["content-disposition"] == f'attachment; filename="Mein Clip-{name}"'
        return
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == f'attachment; filename="Mein Clip-{format}.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == made
        assert all(entry.external_attr >> 16 == 0o644 for entry in archive.infolist())
    assert api.client.get(f"{base}/{format}").content == answer.content
    for name, data in made.items():
        one = api.client.get(f"{base}/{format}", params={"file": name})
        assert (one.status_code, one.content) == (200, data)
        assert one.headers["content-type"].partition(";")[0] == FORMATS[format].files[name]


def test_document_and_report_as_before(api: InProcess, base: str) -> None:
    assert api.client.get(f"{base}/json").json() == json.loads(told().model_dump_json())
    assert api.client.get(f"{base}/html").headers["content-disposition"] == 'attachment; filename="Mein Clip-report.html"'
    assert api.client.get(f"{base}/json").headers["content-disposition"] == 'attachment; filename="Mein Clip-analysis.json"'


NAMES = [
    ("Mein Clip.mp4", 'attachment; filename="Mein Clip-csv.zip"'),
    ("a.b.MOV", 'attachment; filename="a.b-csv.zip"'),
    ("Über/uns: “ja”", "attachment; filename=\"_ber uns _ja_-csv.zip\"; filename*=UTF-8''%C3%9Cber%20uns%20%E2%80%9Cja%E2%80%9D-csv.zip"),
    ("../../etc/passwd", 'attachment; filename="etc passwd-csv.zip"'),
    ('a"; filename="b\r\nX-Y: z', 'attachment; filename="a ; filename= b X-Y z-csv.zip"'),
    ("100 %", "attachment; filename=\"100 _-csv.zip\"; filename*=UTF-8''100%20%25-csv.zip"),
    (".mp4", 'attachment; filename="csv.zip"'),
    ("\ud800", 'attachment; filename="csv.zip"'),
]


@pytest.mark.parametrize(("title", "header"), NAMES)
def test_downloads_are_named_after_the_clip(title: str, header: str) -> None:
    assert saved_as(title, "csv.zip") == header
    name = saved_as("\U0001f600" * 500, "contact-sheet.png").partition("UTF-8''")[2]
    assert len(unquote_to_bytes(name)) <= 255


def test_timelines_name_the_clip_without_being_told(api: InProcess, base: str) -> None:
    assert "* FROM CLIP: Mein Clip.mp4" in api.client.get(f"{base}/edl").text
    assert "* FROM CLIP: /footage/a.mp4" in api.client.get(f"{base}/edl", params={"clip": "/footage/a.mp4"}).text


def test_options_reach_the_exporter(api: InProcess, base: str) -> None:
    plain = api.client.get(f"{base}/srt", params={"file": "speech.srt"}).text
    one = api.client.get(f"{base}/srt", params={"file": "speech.srt", "words_per_line": 1, "lines": 1}).text
    assert one.count("-->") == 8 > plain.count("-->")
    lit = api.client.get(f"{base}/ass", params={"file": "speech.ass"}).content
    assert api.client.get(f"{base}/ass", params={"file": "speech.ass", "highlight": False}).content != lit
    named = api.client.get(f"{base}/fcpxml", params={"clip": "/Volumes/Footage/a b.mp4"}).text
    assert "/Volumes/Footage/a%20b.mp4" in named
    assert str(api.folder) not in api.client.get(f"{base}/otio").text  # where the server keeps the clip is nobody's business


def test_the_keyframes_are_on_the_contact_sheet(api: InProcess, base: str) -> None:
    picture = Image.open(io.BytesIO(api.client.get(f"{base}/contact-sheet").content)).convert("RGB")
    assert len(picture.getcolors(1 << 24) or ()) > 500


def test_keyframes_by_the_names_that_the_document_gives_them(api: InProcess, base: str) -> None:
    one = base.removesuffix("/export")
    for name, data in keyframes_of(told()).items():
        answer = api.client.get(f"{one}/{name}")
        assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, data, "image/jpeg")
        assert api.client.get(f"{one}/{name}", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    error(api.client.get(f"{one}/keyframes/shot-999.jpg"), 404, "not_found")
    assert api.client.get(f"{one}/keyframes/..%2Fanalysis.json").status_code in (404, 422)
    assert api.client.get(f"{one}/keyframes/.analysis.json").status_code == 422


def test_what_the_client_has_is_not_made_again(api: InProcess, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tags = {}
    for query in ({}, {"lines": 1}, {"file": "text.srt"}, {"clip": "x.mp4"}, {"highlight": False}):
        answer = api.client.get(f"{base}/srt", params=query)
        tags[answer.headers["etag"]] = query
    assert len(tags) == 5
    assert api.client.get(f"{base}/vtt").headers["etag"] not in tags
    monkeypatch.setattr(module, "material_of", None)  # a 304 reads nothing
    monkeypatch.setattr(registry.Format, "make", None)
    for tag, query in tags.items():
        for known in (tag, f'"other", W/{tag}'):
            answer = api.client.get(f"{base}/srt", params=query, headers={"If-None-Match": known})
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)


@pytest.mark.parametrize("path", ["export/json", "export/html", "report", "document?corrected=true"])
def test_the_document_and_the_report_are_not_sent_twice(api: InProcess, base: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from reelscope.server import corrections, reports

    url = f"{base.removesuffix('export')}{path}"
    tag = api.client.get(url).headers["etag"]
    again = api.client.get(url, headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    for part in (corrections, reports):
        monkeypatch.setattr(part, "VERSION", "99.0")
    answer = api.client.get(url, headers={"If-None-Match": tag})
    assert answer.status_code == (304 if path == "export/json" else 200), "what is made by another version is another"


def test_corrections_are_in_every_export_and_change_its_tag(api: InProcess, base: str) -> None:
    before = {format: api.client.get(f"{base}/{format}") for format in FORMATS}
    edit = {"kind": "word", "start_s": 1.0, "end_s": 1.4, "was": "word0", "now": "Bonjour"}
    answer = api.client.post(f"{base.removesuffix('/export')}/corrections", json={"edits": [edit], "author": "ana"})
    assert answer.status_code == 201, answer.text
    for format, old in before.items():
        new = api.client.get(f"{base}/{format}", headers={"If-None-Match": old.headers["etag"]})
        assert new.status_code == 200 and new.headers["etag"] != old.headers["etag"], format
    assert "Bonjour" in api.client.get(f"{base}/srt", params={"file": "speech.srt"}).text
    rows = [json.loads(line) for line in api.client.get(f"{base}/jsonl", params={"file": "segments.jsonl"}).text.splitlines()]
    (row,) = [row for row in rows if row["analyzer"] == "speech_transcription"]
    assert row["text"].startswith("Bonjour word1") and row["corrected"]


def test_a_tag_changes_with_all_that_the_file_is_made_of(monkeypatch: pytest.MonkeyPatch) -> None:
    def tag(key: str = "k", format: str = "srt", names: tuple[str, ...] = ("a",), clip: str | None = None, **options: Any) -> str:
        return module.tag_of(key, format, list(names), ExportOptions(**options), clip)

    tags = {tag(), tag("l"), tag(format="vtt"), tag(names=("a", "b")), tag(clip="c"), tag(clip=""), tag(lines=1), tag(highlight=False)}
    assert len(tags) == 8 and tag() == tag()
    monkeypatch.setattr(module, "VERSION", "another")
    assert tag() not in tags


def test_the_description_names_formats_files_and_limits(api: InProcess) -> None:
    operation = api.client.get("/openapi.json").json()["paths"]["/analyses/{id}/export/{format}"]["get"]
    parameters = {p["name"]: p for p in operation["parameters"]}
    assert parameters["format"]["schema"]["enum"] == ["json", "html", *FORMATS]
    assert set(parameters) == {"id", "format", "file", "clip", *ExportOptions.model_fields}
    assert (parameters["lines"]["schema"]["minimum"], parameters["lines"]["schema"]["maximum"]) == (1, 4)
    assert all(parameters[name].get("description") for name in parameters if name not in ("id", "format"))
    types = {kind for format in FORMATS.values() for kind in format.files.values()}
    assert types | {"application/zip", "text/html"} <= set(operation["responses"]["200"]["content"])
    assert "304" in operation["responses"]


# --- how many at a time ---------------------------------------------------------------------------------------------------------------


def test_exports_are_made_off_the_loop_and_a_few_at_a_time() -> None:
    async def main() -> None:
        making, loop_thread = Making(), threading.get_ident()
        gate, lock = threading.Event(), threading.Lock()
        running, most, threads = 0, 0, set()

        def make() -> bytes:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
                threads.add(threading.get_ident())
            assert gate.wait(120)
            with lock:
                running -= 1
            return b"x"

        tasks = [asyncio.create_task(making.run(make)) for _ in range(module.AT_ONCE + module.MOST_WAITING)]
        while len(threads) < module.AT_ONCE or making._limiter.statistics().tasks_waiting < module.MOST_WAITING:
            await asyncio.sleep(0)  # the loop is free all the time
        with pytest.raises(Refusal) as refused:
            await making.run(make)
        assert (refused.value.status, refused.value.code, refused.value.retryable) == (503, "exports_busy", True)
        gate.set()
        assert await asyncio.gather(*tasks) == [b"x"] * len(tasks)
        assert most == module.AT_ONCE and loop_thread not in threads
        assert await making.run(make) == b"x"  # there is room again

    asyncio.run(main())
