"""`reelscope export`: what is refused, that all files are written or none, where the clip and the corrections are found."""

from __future__ import annotations

import errno
import inspect
import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from reelscope.cli import export as module
from reelscope.document.exports import FORMATS, ExportOptions, registry
from reelscope.document.schema import Document, Segment
from tests.cli.conftest import Result
from tests.document.fixtures import empty_document, entry, full_document, keyframes_of

Cli = Callable[[Sequence[object]], Result]
FILES = [name for format in FORMATS.values() for name in format.files]


def save(folder: Path, document: Document, clip: bytes | None = None) -> Path:
    """A result folder; with a clip, the document says that it has this size."""
    folder.mkdir(parents=True, exist_ok=True)
    if clip is not None:
        document.media.size_bytes = len(clip)
    for name, data in keyframes_of(document).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    path = folder / "analysis.json"
    path.write_text(document.model_dump_json(), encoding="utf-8")
    return path


@pytest.fixture
def done(place: Path) -> Path:
    """A result folder in the current one."""
    return save(place / "done", full_document()).parent


def listing(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


# --- what is refused ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "missing option '--to'"),
        (["--to", "docx"], "'docx' is no format"),
        (["--to", "srt,vvt"], "did you mean 'vtt'"),
        (["--to", ","], "no format is given"),
        (["--to", "srt", "--file", "speech.vtt"], "the formats make no 'speech.vtt', did you mean 'speech.srt'"),
        (["--to", "srt", "--file", ","], "no file is given"),
        (["--to", "srt", "--out", "-"], "these are 2"),
        (["--to", "srt", "--words-per-line", "0"], "--words-per-line"),
        (["--to", "srt", "--lines", "9"], "--lines"),
        (["--to", "srt", "--chars-per-line", "many"], "--chars-per-line"),
    ],
)
def test_what_is_asked_for_wrongly(cli: Cli, done: Path, options: list[str], words: str) -> None:
    before = listing(done)
    cli(["export", "done", *options]).assert_refused(2, words)
    assert listing(done) == before


def test_the_formats_are_named(cli: Cli, done: Path) -> None:
    cli(["export", "done", "--to", "docx"]).assert_refused(2, ", ".join(FORMATS))
    assert module.FORMATS_HELP.partition(", or all")[0].removeprefix("Formats: ") == ", ".join(FORMATS)


def test_what_is_no_document(cli: Cli, place: Path) -> None:
    cli(["export", "nothing.json", "--to", "srt"]).assert_refused(2, "nothing.json: cannot be read", "reelscope analyze")
    (place / "empty").mkdir()
    cli(["export", "empty", "--to", "srt"]).assert_refused(2, "empty/analysis.json: cannot be read")
    (place / "other.json").write_text('{"a": 1}')
    cli(["export", "other.json", "--to", "srt"]).assert_refused(2, "other.json: is no document")
    (place / "broken.json").write_bytes(b"\xff\xfe{")
    cli(["export", "broken.json", "--to", "srt"]).assert_refused(2, "broken.json: is no document")
    assert listing(place) == {"empty", "other.json", "broken.json"}


def test_a_place_that_cannot_be_written(cli: Cli, done: Path, place: Path) -> None:
    (place / "file").write_text("kept")
    for out in ("file", "file/deep"):
        cli(["export", "done", "--to", "srt", "--out", out]).assert_refused(2, "cannot be written to", "--out")
    assert (place / "file").read_text() == "kept"
    (place / "t" / "text.srt").mkdir(parents=True)
    cli(["export", "done", "--to", "srt", "--out", "t"]).assert_refused(2, "text.srt: is a folder")
    assert listing(place / "t") == {"text.srt"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_the_right_to_write(cli: Cli, done: Path, place: Path) -> None:
    (place / "locked").mkdir(mode=0o500)
    cli(["export", "done", "--to", "srt", "--out", "locked"]).assert_refused(2, "cannot be written to")


def test_a_refused_permission_is_told_whoever_runs_this(cli: Cli, done: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same without the file system's help, since root (CI, say) may write anywhere."""

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("reelscope.outputs.tempfile.TemporaryFile", refuse)
    cli(["export", "done", "--to", "srt", "--out", "locked"]).assert_refused(2, "cannot be written to", "--out")
    assert not (place / "locked").exists()


def test_the_document_is_never_overwritten(cli: Cli, place: Path) -> None:
    path = save(place / "done", full_document())
    before = path.read_bytes()
    for name in ("segments.jsonl", "timeline.otio"):
        odd = path.rename(path.with_name(name))
        cli(["export", odd, "--to", "jsonl,otio"]).assert_refused(2, "is what is read here")
        assert odd.read_bytes() == before
        path = odd.rename(path)
    (place / "done" / "shots.csv").hardlink_to(path)  # under another name, too
    cli(["export", "done", "--to", "csv"]).assert_refused(2, "shots.csv: is what is read here")
    assert path.read_bytes() == before


@pytest.mark.parametrize("broken", ["contact-sheet", "fcpxml", "csv"])
def test_one_format_that_fails_leaves_nothing(cli: Cli, done: Path, place: Path, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    real = registry.Format.make

    def make(self: registry.Format, material: Any) -> dict[str, bytes]:
        if self is FORMATS[broken]:
            raise RuntimeError("a bug of ours")
        return real(self, material)

    monkeypatch.setattr(registry.Format, "make", make)
    before = listing(done)
    answer = cli(["export", "done", "--to", "all", "--out", "new/deep"])
    assert (answer.code, answer.out) == (1, "")
    assert cli(["export", "done", "--to", "all"]).code == 1
    assert not (place / "new").exists() and listing(done) == before


def test_a_disk_that_fills_leaves_nothing(cli: Cli, done: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, written = Path.write_bytes, []

    def write_bytes(self: Path, data: bytes) -> int:
        written.append(self)
        if len(written) == 4:
            raise OSError(28, "No space left on device")
        return real(self, data)

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    answer = cli(["export", "done", "--to", "all", "--out", "new"])
    assert (answer.code, answer.out, len(written)) == (1, "", 4)
    assert "No space left" in answer.err
    assert not (place / "new").exists()


def test_without_pyarrow_nothing_is_written(cli: Cli, done: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    cli(["export", "done", "--to", "srt,parquet", "--out", "new"]).assert_refused(2, "pyarrow")
    assert not (place / "new").exists()
    assert cli(["export", "done", "--to", "srt", "--out", "new"]).code == 0


# --- what is written ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("argument", ["done", "done/analysis.json"])
def test_all_formats(cli: Cli, done: Path, place: Path, argument: str) -> None:
    answer = cli(["export", argument, "--to", "all", "--out", "new"])
    assert answer.code == 0, answer.err
    assert listing(place / "new") == set(FILES)
    lines = answer.out.splitlines()
    assert [line.split(" (")[0] for line in lines] == [f"{f}: new/{name}" for f, format in FORMATS.items() for name in format.files]
    assert "csv: new/shots.csv (8 rows)" in lines and "csv: new/analyzers.csv (19 rows)" in lines
    before = {name: (place / "new" / name).read_bytes() for name in FILES}
    assert cli(["export", argument, "--to", "ALL", "--out", "new"]).code == 0
    assert {name: (place / "new" / name).read_bytes() for name in FILES} == before


def test_an_empty_document_in_all_formats(cli: Cli, place: Path) -> None:
    save(place / "empty", empty_document())
    answer = cli(["export", "empty", "--to", "all"])
    assert answer.code == 0, answer.err
    assert listing(place / "empty") == {"analysis.json", *FILES}
    assert "srt: empty/speech.srt (0 cues)" in answer.out.splitlines()


def test_beside_the_document_without_out(cli: Cli, done: Path) -> None:
    before = listing(done)
    answer = cli(["export", "done", "--to", "vtt, srt,vtt"])
    assert answer.code == 0, answer.err
    assert listing(done) - before == {"speech.vtt", "text.vtt", "speech.srt", "text.srt"}
    assert [line.split(":")[0] for line in answer.out.splitlines()] == ["vtt", "vtt", "srt", "srt"]


def test_some_files_of_a_format(cli: Cli, done: Path, place: Path) -> None:
    answer = cli(["export", "done", "--to", "csv,srt", "--file", "text.srt,shots.csv", "--out", "new"])
    assert answer.code == 0, answer.err
    assert listing(place / "new") == {"shots.csv", "text.srt"}


def test_one_file_on_stdout(cli: Cli, done: Path) -> None:
    before = listing(done)
    answer = cli(["export", "done", "--to", "jsonl", "--file", "shots.jsonl", "--out", "-"])
    assert answer.code == 0, answer.err
    assert [json.loads(line)["number"] for line in answer.out.splitlines()] == [*range(1, 9)]
    assert listing(done) == before


def test_the_shape_of_subtitles(cli: Cli, place: Path) -> None:
    document = full_document()
    words = [{"start_s": 1 + i / 2, "end_s": 1.4 + i / 2, "text": f"word{i}", "confidence": 0.9} for i in range(6)]
    said = {"start_s": 1.0, "end_s": 3.9, "text": " ".join(w["text"] for w in words), "words": words, "language": "en"}  # type: ignore[misc]
    document.analyzers["speech_transcription"] = entry(segments=[Segment.model_validate(said)])
    save(place / "done", document)

    def longest(*options: str) -> int:
        assert cli(["export", "done", "--to", "srt", "--file", "speech.srt", "--out", "new", *options]).code == 0
        lines = (place / "new" / "speech.srt").read_text().splitlines()
        return max(len(line.split()) for line in lines if line.startswith("word"))

    assert longest("--words-per-line", "1", "--lines", "1") == 1 < longest()


def test_the_flags_are_the_options_of_exports() -> None:
    flags = inspect.signature(module.export, eval_str=True).parameters
    for name, field in ExportOptions.model_fields.items():
        if name == "highlight":
            assert flags["no_highlight"].default is (not field.default)
            continue
        option = flags[name].annotation.__metadata__[0]
        limits = {key: getattr(limit, key) for limit in field.metadata for key in ("ge", "le") if hasattr(limit, key)}
        assert {"ge": option.min, "le": option.max} == limits
        assert f"({field.default})" in option.help


# --- the clip -------------------------------------------------------------------------------------------------------------------------


def named(cli: Cli, place: Path, *options: str) -> tuple[str, str]:
    """What the Final Cut file calls the clip's place, and what was said."""
    answer = cli(["export", "done", "--to", "fcpxml", "--out", "new", *options])
    assert answer.code == 0, answer.err
    return (place / "new" / "timeline.fcpxml").read_text(), answer.err


def test_a_clip_that_is_nowhere_is_told(cli: Cli, place: Path) -> None:
    save(place / "done", full_document(), clip=b"12345")
    assert "--clip PATH" in named(cli, place)[1]
    assert "note" not in cli(["export", "done", "--to", "srt"]).err  # only where it matters


@pytest.mark.parametrize("where", ["clips/a.mp4", "done/a.mp4", "a.mp4", "done/clips/a.mp4"])
def test_the_clip_is_found_where_it_was_or_beside_the_document(cli: Cli, place: Path, where: str) -> None:
    document = full_document()
    document.source.path = "clips/a.mp4"
    save(place / "done", document, clip=b"12345")
    (place / where).parent.mkdir(parents=True, exist_ok=True)
    (place / where).write_bytes(b"12345")
    text, said = named(cli, place)
    assert (place / where).as_uri() in text and said == ""
    (place / where).write_bytes(b"another clip of that name")
    text, said = named(cli, place)
    assert (place / where).as_uri() not in text and "--clip PATH" in said


@pytest.mark.parametrize("path", ["a\x00b.mp4", "x" * 5000, "https://example.com/a.mp4", "..", "/", "", "C:\\clips\\a.mp4"])
def test_paths_that_are_no_file_here(cli: Cli, place: Path, path: str) -> None:
    document = full_document()
    document.source.path = path
    save(place / "done", document)
    assert module.find_clip(document, place / "done" / "analysis.json") is None
    assert named(cli, place)[1] != ""


def test_a_folder_moved_from_another_system(cli: Cli, place: Path) -> None:
    document = full_document()
    document.source.path = "C:\\clips\\a.mp4"
    save(place / "done", document, clip=b"12345")
    (place / "done" / "a.mp4").write_bytes(b"12345")
    assert module.find_clip(document, place / "done" / "analysis.json") == (place / "done" / "a.mp4").resolve()


def test_the_clip_as_it_is_told(cli: Cli, place: Path) -> None:
    save(place / "done", full_document())
    (place / "b.mp4").write_bytes(b"1")
    assert (place / "b.mp4").as_uri() in named(cli, place, "--clip", "b.mp4")[0]
    for no_file in ("done", "", "b" * 400 + ".mp4"):
        assert (place / no_file).resolve().as_uri() + '"' not in named(cli, place, "--clip", no_file)[0]
    text, said = named(cli, place, "--clip", "/Volumes/Footage/b.mp4")  # of the machine on which it will be edited
    assert "/Volumes/Footage/b.mp4" in text and said == ""


# --- corrections ----------------------------------------------------------------------------------------------------------------------


def corrections(document: Document, sha256: str | None = None, *, start_s: float = 0.0) -> str:
    """A file that says of the first shot that it is an extreme close-up."""
    anchor = {"analyzer": "shots", "part": "shots", "start_s": start_s, "end_s": start_s + 2.4}
    edit = {
        "id": "c1", "kind": "shot", "field": "size", "anchor": anchor, "was": "close_up", "now": "extreme_close_up", "author": "ana",
        "at": "2026-11-26T00:00:00Z",
    }  # fmt: skip
    return json.dumps({"schema_version": "1.0", "sha256": sha256 or document.source.sha256, "edits": [edit]})


def sizes(cli: Cli, place: Path, *options: str) -> tuple[list[Any], str]:
    answer = cli(["export", "done", "--to", "jsonl", "--out", "new", *options])
    assert answer.code == 0, answer.err
    rows = [json.loads(line) for line in (place / "new" / "shots.jsonl").read_text().splitlines()]
    return [(row["size"], row["corrected"]) for row in rows][:2], answer.err


MEASURED, MENDED, NEXT = ("close_up", []), ("extreme_close_up", ["size"]), ("medium", [])


def test_files_that_are_no_corrections(cli: Cli, done: Path, place: Path) -> None:
    cli(["export", "done", "--to", "srt", "--corrections", "nothing.json"]).assert_refused(2, "nothing.json: cannot be read")
    (place / "x.json").write_text("{}")
    cli(["export", "done", "--to", "srt", "--corrections", "x.json"]).assert_refused(2, "x.json: holds no corrections")
    (place / "x.json").write_text(corrections(full_document(), "0" * 64))
    cli(["export", "done", "--to", "srt", "--corrections", "x.json"]).assert_refused(2, "x.json: is of another clip")
    (done / "corrections.json").write_text(corrections(full_document(), "0" * 64))
    cli(["export", "done", "--to", "srt"]).assert_refused(2, "corrections.json: is of another clip")


def test_corrections_are_what_exports_show(cli: Cli, done: Path, place: Path) -> None:
    before = (done / "analysis.json").read_bytes()
    assert sizes(cli, place) == ([MEASURED, NEXT], "")
    (place / "mine.json").write_text(corrections(full_document()))
    rows, said = sizes(cli, place, "--corrections", "mine.json")
    assert (rows, said) == ([MENDED, NEXT], "note: corrections: 1 applied\n")
    (place / "mine.json").rename(done / "corrections.json")
    assert sizes(cli, place) == ([MENDED, NEXT], "note: corrections: 1 applied\n")  # beside the document, without a flag
    assert (done / "analysis.json").read_bytes() == before


def test_a_correction_without_a_place_is_told(cli: Cli, done: Path, place: Path) -> None:
    (done / "corrections.json").write_text(corrections(full_document(), start_s=300.0))
    rows, said = sizes(cli, place)
    assert rows == [MEASURED, NEXT]
    assert "note: corrections: 1 without a place in this analysis\n" in said and "no place in this analysis" in said


def test_corrections_are_never_overwritten(cli: Cli, done: Path) -> None:
    (done / "shots.csv").write_text(corrections(full_document()))
    cli(["export", "done", "--to", "csv", "--corrections", "done/shots.csv"]).assert_refused(2, "is what is read here")


def test_keyframes_that_are_not_to_be_seen_are_told(cli: Cli, done: Path) -> None:
    shots = len(full_document().shots)
    assert cli(["export", "done", "--to", "contact-sheet"]).err == ""
    first, *_ = sorted((done / "keyframes").iterdir())
    first.write_bytes(first.read_bytes()[:200])
    assert (
        cli(["export", "done", "--to", "contact-sheet"]).err
        == f"note: 1 of {shots} keyframes is unreadable: the contact sheet has empty places\n"
    )
    shutil.rmtree(done / "keyframes")
    said = f"note: {shots} of {shots} keyframes are missing beside the document: the contact sheet has empty places\n"
    assert cli(["export", "done", "--to", "contact-sheet"]).err == said
    assert "keyframes" not in cli(["export", "done", "--to", "srt"]).err


def test_what_became_of_corrections_counts_no_replaced_one_as_failed(cli: Cli, done: Path, place: Path) -> None:
    found = json.loads(corrections(full_document()))
    found["edits"].append(found["edits"][0] | {"id": "later", "now": "medium"})
    (done / "corrections.json").write_text(json.dumps(found))
    assert sizes(cli, place)[1] == "note: corrections: 1 applied, 1 replaced by later ones\n"


def test_texts_that_could_not_be_read_are_told(cli: Cli, place: Path) -> None:
    lost = full_document()
    summary = {"count": 0, "text_share": 0.0, "unreadable_lines": 3}
    lost.analyzers["text_overlay"] = entry(summary=summary)
    (place / "lost.json").write_text(lost.model_dump_json())
    told = cli(["export", "lost.json", "--to", "srt", "--out", "a"])
    assert told.code == 0
    assert "note: 3 lines stand on the screen and could not be read: no text of them is in the files" in told.err
    (place / "read.json").write_text(full_document().model_dump_json())
    assert "could not be read" not in cli(["export", "read.json", "--to", "srt", "--out", "b"]).err
