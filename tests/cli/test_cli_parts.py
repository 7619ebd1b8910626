"""The pure parts behind the commands."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from reelscope.cli.analyze import names_of, targets
from reelscope.cli.once import missing_lines
from reelscope.cli.progress import Tally
from reelscope.cli.rerender import keyframes_beside
from reelscope.cli.terminal import State, log_to_stderr
from reelscope.config import Settings
from reelscope.document.schema import AnalyzerEntry
from reelscope.errors import ConfigError, InputError, OutputError
from reelscope.events import Event
from reelscope.outputs import out_folder, write_error, write_files
from reelscope.pipeline import Analysis, write
from tests.document.fixtures import full_document


def test_names_are_split_and_kept_once() -> None:
    assert names_of(["cut_analysis, text_overlay", "cut_analysis"], "--only") == ("cut_analysis", "text_overlay")
    assert names_of([], "--skip") == ()
    with pytest.raises(ConfigError, match=r"--skip: 'text' is no analyzer, did you mean 'text_overlay'\?"):
        names_of(["text"], "--skip")


@pytest.mark.parametrize(
    ("sources", "out", "folders"),
    [
        (["a.mp4"], Path("o"), ["o"]),
        (["a.mp4"], None, ["out/a"]),
        (["x/a.mp4", "y/a.mov", "A.mp4", "b.mp4"], Path("o"), ["o/a", "o/a-2", "o/A-3", "o/b"]),
        ([".mp4", "...", "a.b.mp4"], None, ["out/mp4", "out/clip", "out/a.b"]),
        (["a\n\x1b[31m.mp4", "\udcff.mp4"], None, ["out/a__[31m", "out/_"]),
        (["a-2.mp4", "a.mp4", "a.mov"], None, ["out/a-2", "out/a", "out/a-3"]),
    ],
)
def test_each_clip_has_a_folder_of_its_own(sources: list[str], out: Path | None, folders: list[str]) -> None:
    assert [str(t.folder) for t in targets(sources, out, Settings())] == folders


def test_what_was_not_measured_is_grouped_by_reason() -> None:
    entries = {
        "a": AnalyzerEntry(status="ok", requested=True),
        "b": AnalyzerEntry(status="unavailable", requested=True, reason="not built"),
        "c": AnalyzerEntry(status="unavailable", requested=True, reason="not built"),
        "d": AnalyzerEntry(status="failed", requested=True, reason="it broke", hint="mend it"),
        "e": AnalyzerEntry(status="skipped", requested=False, reason="not asked for"),
        "f": AnalyzerEntry(status="not_applicable", requested=True, reason="no sound"),
    }
    assert missing_lines(entries) == ["not measured (2): not built: b, c", "failed (1): it broke: d; to change that: mend it"]


def test_the_log_shows_an_exception_in_one_line_and_its_traceback_only_when_debugging(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("reelscope.x")
    for debug in (False, True):
        with log_to_stderr("warning", State(debug=debug)):
            try:
                raise ValueError("a\nb")
            except ValueError:
                logger.exception("%s failed", "it")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "error: it failed (ValueError: a b)"
    assert lines[1:3] == ["ERROR reelscope.x: it failed", "Traceback (most recent call last):"]


# --- progress -----------------------------------------------------------------------------------------------------------------------


def shares(*events: Event) -> list[float]:
    tally, found = Tally(), []
    for event in events:
        tally.take(event)
        found.append(tally.share)
    return found


def test_progress_never_goes_back_and_ends_at_one() -> None:
    events = [
        Event("j", "probe", total=10.0),
        Event("j", "plan", total=3),
        Event("j", "load", "a"),
        Event("j", "decode", done=2.0, total=10.0),
        Event("j", "load", "b"),
        Event("j", "finish", "of_sound_alone"),
        Event("j", "decode", done=9.9, total=10.0),
        Event("j", "finish", "a"),
        Event("j", "merge"),
        Event("j", "done", seconds=3.0),
    ]
    found = shares(*events)
    assert found == sorted(found)
    assert found[-1] == 1.0
    assert found[5] == found[3] < 0.3  # what finishes early does not move the bar to the end


def test_progress_bears_odd_figures() -> None:
    assert shares(
        Event("j", "decode", done=5, total=0), Event("j", "decode", done=20, total=10), Event("j", "decode", done=-1, total=10)
    ) == [
        pytest.approx(0.08),
        pytest.approx(0.9),
        pytest.approx(0.9),
    ]


# --- outputs ------------------------------------------------------------------------------------------------------------------------


def test_files_are_written_whole_and_in_order(tmp_path: Path) -> None:
    write_files(tmp_path, {"keyframes/a.jpg": b"1", "b": b"2"})
    assert {str(p.relative_to(tmp_path)): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == {
        "keyframes/a.jpg": b"1",
        "b": b"2",
    }


@pytest.mark.parametrize("raised", [KeyboardInterrupt(), OSError(errno.ENOSPC, "full"), RuntimeError("bug")])
def test_whatever_stops_a_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: BaseException) -> None:
    real = Path.replace

    def stop(path: Path, target: Path) -> Path:
        if target.name == "b":
            raise raised
        return real(path, target)

    monkeypatch.setattr(Path, "replace", stop)
    with pytest.raises((type(raised), OutputError)):
        write_files(tmp_path, {"keyframes/a.jpg": b"1", "b": b"2", "c": b"3"})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_goes_again_only_if_it_was_made_and_is_empty(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), out_folder(tmp_path / "a/b"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mine").mkdir()
    with pytest.raises(KeyboardInterrupt), out_folder(tmp_path / "mine/new"):
        (tmp_path / "mine/new/file").write_text("x")
        raise KeyboardInterrupt
    assert (tmp_path / "mine/new/file").read_text() == "x"


@pytest.mark.parametrize(
    ("number", "kind", "code"),
    [
        (errno.EACCES, InputError, 2),
        (errno.EROFS, InputError, 2),
        (errno.ENOTDIR, InputError, 2),
        (errno.ENOSPC, OutputError, 1),
        (errno.EDQUOT, OutputError, 1),
        (errno.EIO, OutputError, 1),
    ],
)
def test_a_wrong_place_is_usage_and_a_failing_disk_is_failure(number: int, kind: type, code: int) -> None:
    error = write_error(Path("o"), OSError(number, os.strerror(number)))
    assert type(error) is kind
    assert error.exit_code == code
    assert os.strerror(number) in error.message


# --- keyframes of a document that somebody else made --------------------------------------------------------------------------------


def test_keyframes_come_only_from_beside_the_document(tmp_path: Path) -> None:
    jpeg = b"\xff\xd8\xff\xe0rest"
    folder = tmp_path / "doc"
    (folder / "keyframes").mkdir(parents=True)
    (folder / "keyframes/good.jpg").write_bytes(jpeg)
    (folder / "keyframes/text.jpg").write_bytes(b"secret")
    (tmp_path / "outside.jpg").write_bytes(jpeg)
    (folder / "link.jpg").symlink_to(tmp_path / "outside.jpg")
    names = [
        "keyframes/good.jpg",
        "keyframes/text.jpg",
        "../outside.jpg",
        str(tmp_path / "outside.jpg"),
        "link.jpg",
        "gone.jpg",
        "a\0b",
        "",
    ]
    assert keyframes_beside(folder, names) == {"keyframes/good.jpg": jpeg}


def test_report_refuses_what_is_no_document(cli: Any, place: Path) -> None:
    cli(["report", "gone.json"]).assert_refused(2, "gone.json: cannot be read")
    (place / "a.json").write_text("{")
    cli(["report", "a.json"]).assert_refused(2, "a.json: is no document")
    (place / "a.json").write_text('{"schema_version": "1.0"}')
    cli(["report", "a.json"]).assert_refused(2, "a.json: is no document", "analysis_id")
    assert sorted(p.name for p in place.iterdir()) == ["a.json"]


def test_report_takes_the_folder_of_a_document(cli: Any, place: Path) -> None:
    (place / "o").mkdir()
    cli(["report", "o"]).assert_refused(2, "o/analysis.json: cannot be read: No such file", "reelscope analyze")
    write(Analysis(full_document()), place / "o")
    (place / "o/report.html").unlink()
    done = cli(["report", "o"])
    assert (done.code, done.out) == (0, "report: o/report.html\n")
    assert sorted(p.name for p in place.iterdir()) == ["o"] and (place / "o/report.html").is_file()


@pytest.mark.parametrize("command", [["report"], ["export", "--to", "srt"], ["corrections"], ["compare", "b.json"]])
def test_a_document_that_may_not_be_read_is_told_as_one(cli: Any, place: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    for name in ("a.json", "b.json"):
        (place / name).write_text(full_document().model_dump_json())
    granted, read = os.access, Path.read_bytes

    def refused(path: Path) -> bytes:
        if path.name == "a.json":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(os, "access", lambda path, mode, **kw: not str(path).endswith("a.json") and granted(path, mode, **kw))
    monkeypatch.setattr(Path, "read_bytes", refused)
    cli([*command, "a.json"]).assert_refused(2, "a.json: cannot be read: Permission denied")


def test_report_renders_a_document_again(cli: Any, place: Path, clip: Path) -> None:
    assert cli(["analyze", clip, "--only", "color_analysis", "--out", "o", "--quiet"]).code == 0
    first = (place / "o/report.html").read_bytes()
    (place / "o/report.html").unlink()
    result = cli(["report", "o/analysis.json"])
    assert (result.code, result.out) == (0, "report: o/report.html\n")
    assert (place / "o/report.html").read_bytes() == first
    assert cli(["report", "o/analysis.json", "--out", "again/r.html"]).code == 0
    assert (place / "again/r.html").read_bytes() == first


def test_a_report_plays_the_clip_where_it_lies_and_names_no_folder_of_the_machine(cli: Any, place: Path, clip: Path) -> None:
    mine = place / "my #1.mp4"
    shutil.copy(clip, mine)
    assert cli(["analyze", mine, "--only", "color_analysis", "--out", "o", "--quiet"]).code == 0
    first = (place / "o/report.html").read_bytes()
    assert b'src="../my%20%231.mp4"' in first
    assert str(place).encode() not in first
    assert cli(["report", "o/analysis.json", "--out", "deep/er/r.html"]).code == 0
    assert b'src="../../my%20%231.mp4"' in (place / "deep/er/r.html").read_bytes()
    mine.write_bytes(b"another one")
    assert cli(["report", "o/analysis.json"]).code == 0
    assert b'id="video" src=' not in (place / "o/report.html").read_bytes(), "a file of another size is another clip"


def test_a_report_shows_the_figures_as_the_document_has_them(cli: Any, place: Path) -> None:
    # Two digits of 0.1950000001 are 0.20, of the 0.195 that is written 0.19 or 0.20: the two must not be rounded apart.
    document = full_document()
    document.run.phases = {"decode": 0.19499999999, "finish": 0.20500000001, "merge": 1.0}
    write(Analysis(document), place)
    first = (place / "report.html").read_bytes()
    assert cli(["report", "analysis.json"]).code == 0
    assert (place / "report.html").read_bytes() == first


# --- demo ---------------------------------------------------------------------------------------------------------------------------


def test_demo_refuses_a_place_that_cannot_hold_it(cli: Any, place: Path) -> None:
    cli(["demo", "clip.avi"]).assert_refused(2, "clip.avi")
    (place / "d.mp4").mkdir()
    cli(["demo", "d.mp4"]).assert_refused(2, "d.mp4 is a folder")
    (place / "file").write_text("")
    cli(["demo", "file/x.mp4"]).assert_refused(2, "cannot be written to")
