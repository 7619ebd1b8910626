"""Corrections on the command line: listed, and in the report and the exports that are made of a document beside them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reelscope.cli.app import run
from tests.cli.jobs_stub import CORRECTIONS, jobs
from tests.client.stub import refused, reply
from tests.document.corrections.made import Overlay, spoken

ID = "a" * 32
CLIP = spoken()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A document with corrections beside it: a word, and one whose place is not in this analysis."""
    overlay = Overlay(CLIP)
    overlay.say(0, "Welcome to reelscope,")
    overlay.add("label", analyzer="object_detection", start_s=2, end_s=9, was="cup", now="mug\u202e")
    raw = CLIP.model_dump(mode="json")
    entry = raw["analyzers"]["object_detection"]
    entry["tracks"] = [t for t in entry["tracks"] if t["label"] != "cup"]
    (tmp_path / "analysis.json").write_text(json.dumps(raw))
    (tmp_path / "corrections.json").write_text(overlay.all.model_dump_json())
    return tmp_path


def test_without_corrections_there_is_nothing_to_list(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "corrections.json").unlink()
    assert run(["corrections", str(folder)]) == 0
    assert capsys.readouterr().out == "no corrections\n"
    assert run(["report", str(folder / "analysis.json")]) == 0
    assert "reel scope," in (folder / "report.html").read_text()


def test_they_are_fetched_from_a_server(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / "corrections.json"
    kept = file.read_bytes()
    file.unlink()
    assert run(["corrections", str(folder), "--fetch", ID, "--corrections", "x.json"]) == 2
    with jobs() as server:
        monkeypatch.setenv("REELSCOPE_SERVER", server.stub.url)
        path = f"/analyses/{ID}/corrections"
        server.stub.on("GET", path, refused(404, "not_found", "no such analysis"))
        assert run(["corrections", str(folder), "--fetch", ID]) == 2 and not file.exists()
        server.stub.on("GET", path, reply(200, kept.replace(CLIP.source.sha256.encode(), b"1" * 64)))
        assert run(["corrections", str(folder), "--fetch", ID]) == 2
        assert "is of another clip" in capsys.readouterr().err and not file.exists()
        server.stub.on("GET", path, reply(200, kept))
        assert run(["corrections", str(folder), "--fetch", ID]) == 0
        assert file.read_bytes() == kept and "2 corrections: 1 applied, 1 unplaced" in capsys.readouterr().out
        server.stub.on("GET", path, reply(200, CORRECTIONS))  # it has none: what lies here stays
        assert run(["corrections", str(folder), "--fetch", ID]) == 0
        assert file.read_bytes() == kept and "the server has no corrections" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["corrections"], ["report"], ["export", "--to", "srt"]])
def test_corrections_of_another_clip_are_refused_by_name(folder: Path, command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / "corrections.json"
    file.write_text(file.read_text().replace(CLIP.source.sha256, "0" * 64))
    assert run([command[0], str(folder / "analysis.json"), *command[1:]]) == 2
    assert str(file) in capsys.readouterr().err
    assert not (folder / "report.html").exists() and not (folder / "speech.srt").exists()


def test_each_is_listed_with_what_became_of_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["corrections", str(folder / "analysis.json")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("applied") and "'reel scope,' -> 'reelscope,'" in lines[0] and "(ana, 2026-11-24" in lines[0]
    assert lines[1].startswith("unplaced") and "\u202e" not in lines[1]
    assert "'cup' is not found there" in lines[2]
    assert lines[3] == "2 corrections: 1 applied, 1 unplaced"


def test_report_and_exports_are_of_the_corrected_document(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (folder / "analysis.json").read_bytes()
    assert run(["report", str(folder / "analysis.json")]) == 0
    assert run(["export", str(folder / "analysis.json"), "--to", "srt,csv"]) == 0
    assert "reelscope," in (folder / "report.html").read_text()
    assert "reelscope," in (folder / "speech.srt").read_text() and "reelscope," in (folder / "shots.csv").read_text()
    assert "corrections: 1 applied, 1 without a place in this analysis" in capsys.readouterr().err
    assert (folder / "analysis.json").read_bytes() == before
