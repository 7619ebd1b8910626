"""The tiny size of the GPU benchmark through the real engine. Runs where PyTorch and transformers are installed (docs/gpu.md)."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs PyTorch, which is not installed: docs/gpu.md")
pytest.importorskip("transformers", reason="needs transformers, which is not installed: docs/gpu.md")

from bench.gpu.__main__ import main  # noqa: E402
from bench.gpu.clip import make_clip  # noqa: E402
from bench.gpu.report import comparable, members_of, worker_memory  # noqa: E402
from bench.gpu.setup import hardware_for, session_on, settings_for  # noqa: E402

# PyTorch and transformers warn of their own matters.
pytestmark = [pytest.mark.torch, pytest.mark.slow, pytest.mark.filterwarnings("default")]

VLM, OBJECTS, BACKGROUND, WORDS = "qwen2_vl_temporal", "object_detection", "background_segmentation", "speech_transcription"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", seconds=5, width=72, height=128, fps=10)


def test_in_one_process(clip: Path, caplog: pytest.LogCaptureFixture) -> None:
    names = (VLM, OBJECTS, BACKGROUND, WORDS)
    hardware = hardware_for("tiny", 1)
    with session_on(hardware, settings_for("tiny", "7b", names, workers=0)) as session:
        first, second = (session.analyze(clip, only=names).document for _ in range(2))
    assert {n: first.analyzers[n].status for n in names} == dict.fromkeys(names, "ok"), {n: first.analyzers[n].reason for n in names}
    found = {n: m["summary"] for n, m in members_of(first).items()}
    assert found[VLM]["items"] == 3 and found[VLM]["tokens"] == 3 * 160 and found[WORDS]["tokens"] == 12
    assert found[OBJECTS]["items"] == found[BACKGROUND]["items"] == 25 == len(first.analyzers[OBJECTS].segments)
    assert all(m["weights"] == "random" and m["outputs"] == "recorded" and "stands in" in m["measured"]["on"] for m in found.values())
    assert first.analyzers[VLM].segments[0].model_extra["objects"]  # type: ignore[index]
    assert comparable(first) == comparable(second)
    assert second.run.cache.misses == 0 and second.run.cache.hits >= len(names)  # a second clip loads nothing
    (before,), (after,) = worker_memory([first]), worker_memory([first, second])
    windows = 3
    assert after.uploads - before.uploads == 2 * windows  # of the VLM's size, and one for objects and background together
    assert after.uploads_shared - before.uploads_shared == windows

    with caplog.at_level(logging.WARNING), session_on(hardware, settings_for("tiny", "7b", (OBJECTS,), workers=0, oom_above=2)) as session:
        pressed = session.analyze(clip, only=(OBJECTS,)).document
    assert "out of memory with a batch of 4" in caplog.text
    summary = members_of(pressed)[OBJECTS]["summary"]
    assert summary["measured"]["largest_batch"] == 2 and found[OBJECTS]["measured"]["largest_batch"] == 4
    assert comparable(pressed)["analyzers"][OBJECTS] == comparable(first)["analyzers"][OBJECTS]


def test_the_command_on_two_logical_devices_in_worker_processes(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures, page = tmp_path / "f.json", tmp_path / "p.md"
    code = main(
        ["--size", "tiny", "--clip", str(clip), "--clips", "2", "--only", VLM, OBJECTS, "--logical", "2"]
        + ["--json", str(figures), "--page", str(page)]
    )
    printed = capsys.readouterr().out
    assert code == 0, printed
    kept = json.loads(figures.read_text())
    assert kept["weights"] == "random" and kept["analyzers"][VLM]["tokens"] == 480
    assert kept["one clip"]["frames in the clip, decoded"] == 50 and kept["one clip"]["decode passes"] == 1
    assert kept["batch"]["tokens generated"] == 960 and kept["batch"]["GPU use, mean % at 1 Hz"] is None
    ours, own = kept["fragmentation"][:2], kept["fragmentation"][2:]
    assert all("expandable_segments:True" in row[-1] for row in ours) and all(row[-1] == "-" for row in own) and len(own) == 2
    assert all(row[2] == "not measured" for row in kept["fragmentation"])  # PyTorch tells of CUDA memory only
    assert kept["out of memory"]["same document"] and kept["out of memory"]["ballast alive"]
    assert kept["out of memory"]["times memory ran out"] == 1 and kept["out of memory"]["largest batch that ran, under pressure"] == 2
    assert {row[0] for row in kept["workers"]} == {"language", "detection"}
    text = page.read_text()
    assert "cuda:1" in text and "a CPU stands in for each GPU" in text
    facts = [line for line in text.splitlines() if ": " in line and not line.startswith(("#", "As printed", "│"))]
    assert facts and [line for line in facts if not line.rstrip().endswith("weights: random")] == []
