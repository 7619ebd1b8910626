"""Every format on two documents of different length, read back by somebody else's reader."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import opentimelineio
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image

from reelscope.document.exports import FORMATS, ExportOptions, Material, count_of, export, title_of
from reelscope.document.schema import Document, Segment
from tests.document.fixtures import empty_document, entry, full_document, keyframes_of

HOSTILE = '=1+1 </script> {\\b1} --> & "]]>" \x1b'


def hostile_document() -> Document:
    """Texts that mean something in one format or another, wherever a clip has texts."""
    document = full_document()
    for segment in document.analyzers["text_overlay"].segments:
        segment.text = HOSTILE  # type: ignore[attr-defined]
    document.analyzers["speech_transcription"] = entry(
        segments=[
            Segment.model_validate(
                {
                    "start_s": 0.5, "end_s": 2.0, "text": HOSTILE, "language": "en", "speaker": None,
                    "words": [{"start_s": 0.5, "end_s": 2.0, "text": HOSTILE, "confidence": 0.9}],
                }
            )
        ]
    )  # fmt: skip
    document.shots[0].description = HOSTILE
    return document


DOCUMENTS: dict[str, Callable[[], Document]] = {"full": full_document, "empty": empty_document, "hostile": hostile_document}


def material(name: str, title: str = "clip.mp4") -> Material:
    document = Document.model_validate_json(DOCUMENTS[name]().model_dump_json())
    return Material(document, keyframes_of(document), title, "/clips/clip.mp4")


CUE = re.compile(r"(\d+):(\d\d):(\d\d)[,.](\d{3}) --> (\d+):(\d\d):(\d\d)[,.](\d{3})")


def cues(text: str, document: Document) -> int:
    """Number of cues; every one within the clip and longer than nothing."""
    found = CUE.findall(text)
    for cue in found:
        h, m, s, ms, h2, m2, s2, ms2 = map(int, cue)
        start, end = ((h * 60 + m) * 60 + s) * 1000 + ms, ((h2 * 60 + m2) * 60 + s2) * 1000 + ms2
        assert 0 <= start < end <= round(document.media.duration_s * 1000), cue
    return len(found)


def read(name: str, data: bytes, document: Document) -> int | None:
    """Read a file with a reader that is not ours; returns what it counts, None where it counts nothing."""
    match name.rpartition(".")[2]:
        case "csv":
            rows = list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))
            assert len({len(row) for row in rows}) == 1
            return len(rows) - 1
        case "jsonl":
            return len([json.loads(line) for line in data.decode().split("\n")[:-1]])
        case "parquet":
            return int(pyarrow.parquet.read_table(pyarrow.BufferReader(data)).num_rows)
        case "png":
            with Image.open(io.BytesIO(data)) as picture:
                picture.verify()
            return None
        case "srt":
            return cues(data.decode(), document)
        case "vtt":
            assert data.decode().startswith("WEBVTT")
            return cues(data.decode(), document)
        case "ass":
            lines = data.decode("utf-8-sig").splitlines()
            assert lines[0] == "[Script Info]" and "[Events]" in lines
            return sum(line.startswith("Dialogue:") for line in lines)
        case "otio":
            timeline = opentimelineio.adapters.read_from_string(data.decode(), "otio_json")
            assert isinstance(timeline, opentimelineio.schema.Timeline)
            return sum(len(track.find_clips()) for track in timeline.video_tracks())
        case "edl":
            timeline = opentimelineio.adapters.read_from_string(data.decode(), "cmx_3600", rate=30)
            return sum(len(track.find_clips()) for track in timeline.video_tracks())
        case "fcpxml":
            root = ElementTree.fromstring(data)
            assert root.tag == "fcpxml"
            return len(root.findall(".//spine/clip") + root.findall(".//spine/asset-clip"))
    raise AssertionError(name)


# --- what is wrong --------------------------------------------------------------------------------------------------------------------


def test_an_unknown_format() -> None:
    with pytest.raises(KeyError):
        export("docx", material("full"))


@pytest.mark.parametrize(("field", "value"), [("words_per_line", 0), ("lines", 5), ("chars_per_line", 7), ("surprise", 1)])
def test_options_that_are_none(field: str, value: int) -> None:
    with pytest.raises(ValueError, match=field):
        ExportOptions(**{field: value})  # type: ignore[arg-type]


# --- every format ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("format", FORMATS)
def test_every_file_is_valid(format: str, document: str) -> None:
    given = material(document)
    made = export(format, given)
    assert list(made) == list(FORMATS[format].files)  # with nothing to say, too
    for name, data in made.items():
        assert isinstance(data, bytes)
        count = read(name, data, given.document)
        told = count_of(name, data)
        assert told.split()[0] == str(count) if count is not None else re.fullmatch(r"\d+ x \d+ px", told), (name, told, count)
    assert export(format, given) == made


@pytest.mark.parametrize("format", FORMATS)
def test_titles_and_clips_of_any_kind(format: str) -> None:
    for title in ("", "=1+1", "Три вещи & <b>.mp4", "a\nb\x00c"):
        document = full_document()
        for name, data in export(format, Material(document, {}, title, None)).items():
            read(name, data, document)
    full = material("full")
    for name, data in export(format, Material(full.document, {}, "x", "https://example.com/ä b.mp4?x=1&y=2")).items():
        read(name, data, full.document)


def test_a_document_with_nothing_to_say_has_no_cues() -> None:
    counts = {name: count_of(name, data) for format in ("srt", "vtt", "ass") for name, data in export(format, material("empty")).items()}
    assert {told.split()[0] for told in counts.values()} == {"0"}


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("a.srt", b"1\n00:00:00,000 --> 00:00:01,000\nx\n", "1 cue"),
        ("a.csv", b'a\n"x\ny"\n', "1 row"),
        ("a.csv", b"a\n", "0 rows"),
        ("a.csv", b'a,b\n"""x""\ny","' + b"z\n" * 100_000 + b'"\n', "1 row"),
        ("a.jsonl", b"", "0 rows"),
        ("a.edl", b"001  A V C\n001  A V D 020\n002  A V C\n* 003  A V C\n", "2 events"),
    ],
)
def test_counts(name: str, data: bytes, told: str) -> None:
    assert count_of(name, data) == told


def test_names_of_files_are_of_one_format_each_and_plain() -> None:
    names = [name for format in FORMATS.values() for name in format.files]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z-]+\.[a-z]+", name) for name in names)
    assert all(re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", kind) for format in FORMATS.values() for kind in format.files.values())


def test_naming_the_formats_imports_nothing_heavy() -> None:
    """The server's web process and `reelscope export --help` know the list; what is behind a format comes when it is asked for."""
    heavy = ("PIL", "numpy", "pyarrow", "opentimelineio", "cv2", "av", "jinja2")
    code = f"import sys, reelscope.document.exports, reelscope.cli.export\nprint([m for m in {heavy!r} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ({"path": "/clips/a b.mp4"}, "a b.mp4"),
        ({"path": "C:\\clips\\a.mp4"}, "a.mp4"),
        ({"path": "folder/"}, "folder"),
        ({"path": "/"}, "clip"),
        ({"url": "https://example.com/x"}, "https://example.com/x"),
        ({"path": "/x/a.mp4", "url": "https://example.com/x"}, "a.mp4"),
        ({}, "clip"),
    ],
)
def test_title(source: dict[str, Any], title: str) -> None:
    document = empty_document()
    document.source = document.source.model_copy(update={"path": None, "url": None, **source})
    assert title_of(document) == title
