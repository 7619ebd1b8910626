"""`reelscope analyze`: what it writes, what it refuses, how it ends."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from reelscope.document.names import ANALYZER_NAMES
from tests.cli.conftest import write_clip

ONLY = ["--only", "color_analysis"]


def left_in(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def test_it_writes_the_document_and_the_report_and_says_where(cli: Any, place: Path, clip: Path) -> None:
    result = cli(["analyze", clip, *ONLY, "--out", "results"])
    assert result.code == 0, result.err
    document = json.loads((place / "results/analysis.json").read_text())
    assert list(document["analyzers"]) == list(ANALYZER_NAMES)
    assert document["analyzers"]["color_analysis"]["status"] == "ok"
    assert document["analyzers"]["cut_analysis"]["status"] == "skipped"
    assert "<html" in (place / "results/report.html").read_text()
    lines = result.out.splitlines()
    assert "document: results/analysis.json" in lines
    assert "report: results/report.html" in lines
    row = next(line.split() for line in lines if line.startswith("color_analysis"))
    assert row[1] == "ok"
    assert float(row[-1]) >= 0
    assert all(any(line.startswith(name) for line in lines) for name in ANALYZER_NAMES)
    assert left_in(place.parent / "tmp") == []
    assert not [name for name in left_in(place) if name.endswith(".part")]


def test_without_out_the_folder_has_the_clips_name(cli: Any, place: Path, clip: Path) -> None:
    assert cli(["analyze", clip, *ONLY, "--format", "json"]).code == 0
    assert (place / "out/clip/analysis.json").is_file()
    assert not (place / "out/clip/report.html").exists()


def test_quiet_says_nothing(cli: Any, place: Path, clip: Path) -> None:
    result = cli(["analyze", clip, *ONLY, "--out", "o", "--quiet"])
    assert (result.code, result.out, result.err) == (0, "", "")
    assert (place / "o/analysis.json").is_file()


def test_progress_is_a_few_plain_lines_without_a_terminal(cli: Any, clip: Path) -> None:
    result = cli(["analyze", clip, *ONLY, "--out", "o"])
    lines = result.err.splitlines()
    assert 1 <= len(lines) <= 8
    assert all(line.startswith("clip.mp4: ") for line in lines)
    assert "\x1b" not in result.err


def test_several_clips_get_a_folder_each_and_one_that_fails_does_not_stop_the_others(cli: Any, place: Path, clip: Path) -> None:
    result = cli(["analyze", clip, "missing.mp4", clip, *ONLY, "--out", "all", "--quiet"])
    assert result.code == 2
    assert result.err.splitlines()[0] == "error: missing.mp4: no such file"
    assert sorted(p.name for p in (place / "all").iterdir()) == ["clip", "clip-2"]
    assert all((place / "all" / name / "analysis.json").is_file() for name in ("clip", "clip-2"))


def test_a_bug_in_one_clip_is_one_line_and_the_others_go_on(cli: Any, place: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from reelscope import pipeline

    write = pipeline.write
    calls = []

    def broken_once(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("a\nbug")
        return write(*args, **kwargs)

    monkeypatch.setattr(pipeline, "write", broken_once)
    result = cli(["analyze", clip, clip, *ONLY, "--out", "all", "--quiet"])
    assert result.code == 1
    assert result.err.splitlines()[0] == "error: internal error: RuntimeError: a bug"
    assert "--debug" in result.err.splitlines()[1]
    assert len(list((place / "all").iterdir())) == 1


# --- bad input ----------------------------------------------------------------------------------------------------------------------


def _text(path: Path) -> None:
    path.write_text("once upon a time\n")


def _no_index(path: Path) -> None:
    whole = write_clip(path.with_name("whole.mp4"))
    data = whole.read_bytes()
    whole.unlink()
    path.write_bytes(data[: data.rindex(b"moov") - 4])


def _no_packets(path: Path) -> None:
    import av

    with av.open(str(path), "w", options={"movflags": "frag_keyframe+empty_moov"}) as container:
        stream: Any = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        container.start_encoding()


def _image(path: Path) -> None:
    import cv2
    import numpy as np

    cv2.imwrite(str(path.with_suffix(".png")), np.zeros((32, 32, 3), np.uint8))
    path.with_suffix(".png").rename(path)


BAD_CLIPS = {
    "empty": (lambda p: p.write_bytes(b""), "is empty"),
    "directory": (lambda p: p.mkdir(), "directory"),
    "text": (_text, "is text"),
    "no index": (_no_index, "index"),
    "no packets": (_no_packets, ""),
    "image": (_image, "image"),
    "missing": (lambda p: None, "no such file"),
    "noise": (lambda p: p.write_bytes(bytes(range(256)) * 40), "not a video"),
    "dead link": (lambda p: p.symlink_to("nowhere"), "no such file"),
}


@pytest.mark.parametrize("kind", BAD_CLIPS)
def test_a_clip_that_cannot_be_used_is_refused_in_one_line_and_leaves_nothing(cli: Any, place: Path, kind: str) -> None:
    make, word = BAD_CLIPS[kind]
    path = place / "bad clip.mp4"
    make(path)
    before = left_in(place)
    result = cli(["analyze", "bad clip.mp4", "--out", "deep/results"])
    result.assert_refused(2, "bad clip.mp4", word)
    assert left_in(place) == before
    assert left_in(place.parent / "tmp") == []


def test_a_hostile_file_name_cannot_write_to_the_terminal(cli: Any) -> None:
    result = cli(["analyze", "a\x1b[2J\nb\u202e.mp4"])
    result.assert_refused(2, "\\x1b[2J b\\u202e.mp4")


def test_a_reader_that_goes_away_is_no_error_and_the_document_is_there(place: Path, clip: Path) -> None:
    script = f"{sys.executable} -m reelscope analyze {clip} --only color_analysis --out o 2>err.txt | true"
    subprocess.run(["bash", "-c", script], check=True, stdout=subprocess.DEVNULL)
    assert "error" not in (place / "err.txt").read_text()
    assert (place / "o/analysis.json").is_file()


@pytest.mark.parametrize("name", [b"\xff\xfe.mp4", "日本 é %d?#&[red].mp4".encode(), b"-x.mp4"])
def test_odd_file_names_are_file_names(place: Path, clip: Path, name: bytes) -> None:
    """Through a shell's eyes, in a locale that cannot show them."""
    shutil.copy(clip, os.fsencode(place) + b"/" + name)
    done = subprocess.run(
        [sys.executable, "-m", "reelscope", "analyze", *ONLY, "--out", "o", "--", name],
        env={**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    path = json.loads((place / "o/analysis.json").read_text())["source"]["path"]
    assert path.endswith(name.decode("utf-8", "backslashreplace"))


def test_a_clip_beyond_the_limits_is_refused(cli: Any, place: Path, clip: Path) -> None:
    cli(["analyze", clip, "--set", "system.max_duration_s=1", "--out", "o"]).assert_refused(2, "system.max_duration_s")
    cli(["analyze", clip, "--set", "system.max_pixels=256", "--out", "o"]).assert_refused(2, "system.max_pixels")
    assert left_in(place) == []


# --- bad output ---------------------------------------------------------------------------------------------------------------------


def test_an_output_that_cannot_be_a_folder_is_refused(cli: Any, place: Path, clip: Path) -> None:
    (place / "taken").write_text("mine")
    cli(["analyze", clip, "--out", "taken"]).assert_refused(2, "taken: cannot be written to")
    cli(["analyze", clip, "--out", "taken/deeper"]).assert_refused(2, "cannot be written to")
    assert (place / "taken").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_without_permission_is_refused(cli: Any, place: Path, clip: Path) -> None:
    (place / "locked").mkdir(mode=0o500)
    cli(["analyze", clip, "--out", "locked/o"]).assert_refused(2, "Permission denied")


def test_a_refused_permission_is_told_whoever_runs_this(cli: Any, place: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same without the file system's help, since root (CI, say) may write everywhere."""

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("reelscope.outputs.tempfile.TemporaryFile", refuse)
    cli(["analyze", clip, "--out", "o"]).assert_refused(2, "Permission denied")
    assert left_in(place) == []


def test_a_full_disk_is_a_failure_with_the_figure(cli: Any, place: Path, clip: Path) -> None:
    cli(["analyze", clip, "--out", "o", "--set", "system.min_free_disk_mib=1000000000"]).assert_refused(1, "MiB free", "1000000000 MiB")
    assert left_in(place) == []


@pytest.mark.parametrize("name", ["analysis.json", "report.html"])
def test_a_disk_that_fills_while_writing_leaves_nothing(
    cli: Any, place: Path, clip: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    real = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if name in path.name:
            real(path, data[:10])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    result = cli(["analyze", clip, *ONLY, "--out", "o", "--quiet"])
    result.assert_refused(1, "No space left on device")
    assert left_in(place) == []


def test_a_disk_that_is_full_at_once_is_a_failure(cli: Any, place: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any, **kwargs: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    cli(["analyze", clip, "--out", "o"]).assert_refused(1, "No space left on device")
    assert left_in(place) == []


def test_an_earlier_document_survives_a_failure(cli: Any, place: Path, clip: Path) -> None:
    assert cli(["analyze", clip, *ONLY, "--out", "o", "--quiet"]).code == 0
    before = {p: p.read_bytes() for p in (place / "o").rglob("*") if p.is_file()}
    assert cli(["analyze", "missing.mp4", "--out", "o"]).code == 2
    assert {p: p.read_bytes() for p in (place / "o").rglob("*") if p.is_file()} == before


# --- bad arguments ------------------------------------------------------------------------------------------------------------------

BAD_ARGUMENTS = [
    (["--only", "cut_analisis"], "did you mean 'cut_analysis'?"),
    (["--only", ","], "--only: no name given"),
    (["--skip", "colours"], "did you mean 'color_analysis'?"),
    (["--tier", "ful"], "did you mean 'full'?"),
    (["--backend", "cut_analysis"], "NAME=BACKEND"),
    (["--backend", "cuts=x"], "did you mean 'cut_analysis'?"),
    (["--backend", "cut_analysis=no_such"], "no_such"),
    (["--backend", "body_pose=x"], "body_pose"),
    (["--option", "text_overlay=1"], "NAME.KEY=VALUE"),
    (["--option", "a.b.c=1"], "NAME.KEY=VALUE"),
    (["--option", "text_overlay.no_such=1"], "no option 'no_such'"),
    (["--option", "temporal_flow.x=1"], "options of temporal_flow: none"),
    (["--set", "performance.windw_s=1"], "did you mean 'window_s'?"),
    (["--set", "performance.window_s=soon"], "must be a valid number"),
    (["--set", "performance.window_s"], "KEY=VALUE"),
    (["--format", "xml"], "--format"),
    (["--nope"], "no such option"),
    (["--out"], "--out"),
]


@pytest.mark.parametrize(("arguments", "word"), BAD_ARGUMENTS, ids=lambda v: " ".join(v) if isinstance(v, list) else "")
def test_bad_arguments_are_refused_in_one_line(cli: Any, place: Path, clip: Path, arguments: list[str], word: str) -> None:
    cli(["analyze", clip, "--out", "o", *arguments] if arguments != ["--out"] else ["analyze", clip, "--out"]).assert_refused(2, word)
    assert left_in(place) == []


def test_no_clip_is_refused(cli: Any) -> None:
    cli(["analyze"]).assert_refused(2, "SRC")


def test_bad_settings_are_refused_with_file_and_line(cli: Any, place: Path, clip: Path) -> None:
    (place / "reelscope.toml").write_text("[performance]\nwindow_s = 99\n")
    cli(["analyze", clip]).assert_refused(2, f"{place}/reelscope.toml:2: performance.window_s = 99: must be less than or equal to 10")


def test_debug_adds_the_traceback(cli: Any, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = cli(["analyze", "missing.mp4", "--debug"])
    assert "Traceback" in result.err
    assert result.err.splitlines()[-2:][0].startswith("error: missing.mp4")
    monkeypatch.setenv("REELSCOPE_DEBUG", "1")
    assert "Traceback" in cli(["analyze", "missing.mp4"]).err
    monkeypatch.setenv("REELSCOPE_DEBUG", "0")
    assert "Traceback" not in cli(["analyze", "missing.mp4"]).err


# --- settings reach the engine ------------------------------------------------------------------------------------------------------


def test_settings_reach_the_pipeline(cli: Any, place: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from reelscope import pipeline

    seen = []

    class Spy(pipeline.Session):
        def __init__(self, settings: Any, **others: Any) -> None:
            seen.append(settings)
            super().__init__(settings, **others)

    monkeypatch.setattr(pipeline, "Session", Spy)
    monkeypatch.setenv("REELSCOPE_PLACEMENT__THREADS", "1")
    (place / "reelscope.toml").write_text("[performance.analyzers.color_analysis]\nfps = 1\n")
    assert cli(["analyze", clip, *ONLY, "--out", "o", "--set", "performance.window_s=0.5", "--tier", "embedded", "--quiet"]).code == 0
    (settings,) = seen
    assert settings.placement.threads == 1
    assert settings.performance.window_s == 0.5
    assert settings.performance.analyzers["color_analysis"].fps == 1.0
    assert settings.analysis.tier == "embedded"


# --- interrupted --------------------------------------------------------------------------------------------------------------------

DEADLINE_S = 120  # far above what a loaded machine needs; only a hang reaches it
SLOWLY = """
import time
from reelscope.cli import main
from reelscope.media.decode import DecodePass

decode = DecodePass._decode

def slowly(*given):
    for frame in decode(*given):
        time.sleep(0.5)
        yield frame

DecodePass._decode = slowly
main()
"""  # minutes for a clip of seconds: it is in the middle of it whenever the signal comes


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_leaves_nothing_behind(place: Path, number: int, code: int) -> None:
    write_clip(place / "long.mp4", 15, fps=30)
    before = left_in(place)
    with subprocess.Popen(
        [sys.executable, "-c", SLOWLY, "analyze", "long.mp4", "--out", "o/p", "--set", "performance.window_s=0.25"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a test run in the background has it ignored
    ) as process:
        try:
            assert process.stderr is not None
            first = process.stderr.readline()  # blocks until the analysis is under way
            made = (place / "o/p").is_dir()
            process.send_signal(number)
            out, err = process.communicate(timeout=DEADLINE_S)
        finally:
            process.kill()  # nothing where it has ended
    assert first.startswith("long.mp4: "), first + err
    assert made
    assert process.returncode == code, err
    assert "Traceback" not in err
    if number == signal.SIGINT:
        assert err.splitlines()[-1] == "error: interrupted"
    assert out == ""
    assert left_in(place) == before
    assert left_in(place.parent / "tmp") == []


def test_kept_results_are_said_to_be_kept_and_fresh_computes_them_anew(cli: Any, place: Path, clip: Path) -> None:
    said = "1 of these are kept from an earlier run of this clip"
    first, again = (cli(["analyze", clip, *ONLY, "--out", "o"]) for _ in range(2))
    assert said not in first.out and said in again.out
    assert json.loads((place / "o/analysis.json").read_text())["analyzers"]["color_analysis"]["reused"] is True
    assert said not in cli(["analyze", clip, *ONLY, "--out", "o", "--fresh"]).out
    assert json.loads((place / "o/analysis.json").read_text())["analyzers"]["color_analysis"]["reused"] is False


def test_several_clips_get_a_line_each_in_the_order_given_and_one_that_fails_stops_no_other(cli: Any, place: Path, clip: Path) -> None:
    (place / "bad.mp4").write_text("no video")
    result = cli(["analyze", clip, place / "bad.mp4", clip, *ONLY, "--workers", "0", "--out", "all"])
    assert result.code == 2
    assert [line for line in result.out.splitlines() if "analysed in" in line or line.startswith("document")] == [
        line for line in result.out.splitlines() if line.startswith(("clip.mp4: ", "document: "))
    ]
    assert [line for line in result.out.splitlines() if line.startswith("document")] == [
        "document: all/clip/analysis.json",
        "document: all/clip-2/analysis.json",
    ]
    assert "bad.mp4" in result.err
