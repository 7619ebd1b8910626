"""The way of a clip from Python: documents, files, and what is refused."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from reelscope import analyze
from reelscope.errors import InputError
from reelscope.outputs import write_files
from reelscope.pipeline import Session, analyze_to, write
from tests.clips import moving_frames, write_clip
from tests.engine.stubs import FakeRegistry, stub_analyzer


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "short.mp4", moving_frames(20) + moving_frames(20, seed=5))


def test_analyze_from_python(clip: Path) -> None:
    document = analyze(clip, only=["cut_analysis"])
    assert document.analyzers["cut_analysis"].status == "ok"
    assert document.source.sha256 == hashlib.sha256(clip.read_bytes()).hexdigest()
    assert document.run.passes == 1 and document.media.frames_decoded == 40


def test_files_and_their_links(clip: Path, tmp_path: Path) -> None:
    written = analyze_to(clip, tmp_path / "out", only=["cut_analysis"])
    document = json.loads(written.paths["json"].read_text(encoding="utf-8"))
    assert written.paths["html"].read_text(encoding="utf-8").startswith("<!doctype html>")
    for shot in document["shots"]:
        assert (tmp_path / "out" / shot["keyframe"]).read_bytes().startswith(b"\xff\xd8")
    assert not list((tmp_path / "out").rglob("*.part"))


def test_keyframes_of_an_earlier_analysis_go(clip: Path, tmp_path: Path) -> None:
    with Session() as session:
        analysis = session.analyze(clip, only=["cut_analysis"])
    (tmp_path / "keyframes").mkdir()
    (tmp_path / "keyframes/shot-099.jpg").touch()
    (tmp_path / "keyframes/mine.jpg").touch()
    write(analysis, tmp_path)
    assert {p.name for p in (tmp_path / "keyframes").iterdir()} == {"mine.jpg", *(Path(k).name for k in analysis.keyframes)}


def test_models_are_named_with_what_they_truly_are(clip: Path) -> None:
    with Session(registry=FakeRegistry(stub_analyzer("text_overlay", models=("silero-vad",)))) as session:
        (model,) = session.analyze(clip).document.analyzers["text_overlay"].models
    from reelscope.models.catalog import Catalog

    path = Catalog().find("silero-vad")
    assert path is not None and model.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (model.id, model.licence) == ("silero-vad", "MIT") and (model.revision or "").startswith("faster-whisper ")


@pytest.mark.parametrize(("source", "code"), [("http://127.0.0.1/x", "address_not_allowed"), ("s3://bucket/x", "bad_url")])
def test_addresses_that_are_none_of_the_web_are_refused(source: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        analyze(source)
    assert caught.value.code == code


def test_parts_that_a_killed_process_left_are_swept_and_those_of_a_living_one_stay(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for pid in (dead.pid, os.getppid()):
        (tmp_path / f".a.json.{pid}.part").write_bytes(b"half")
    (tmp_path / ".a.json.notes.part").write_bytes(b"somebody else's")
    write_files(tmp_path, {"a.json": b"{}"})
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([f".a.json.{os.getppid()}.part", ".a.json.notes.part", "a.json"])
