"""The README's first command, as a user types it, in the checkout that is being tested."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reelscope.models.importing import import_folder
from reelscope.models.manifest import manifest
from reelscope.models.store import ModelStore
from tests.clips import moving_frames, tone, write_clip
from tests.conftest import SHARED

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.system


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}  # of a make that runs these tests
    python = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"  # else make might choose another
    return subprocess.run(["make", "-C", str(ROOT), f"PYTHON={python}", *arguments], capture_output=True, text=True, check=False, env=clean)


@pytest.fixture(autouse=True)
def environment_is_there() -> None:
    """These tests never set an environment up by themselves: under `make test` it is there."""
    if shutil.which("make") is None or not any((ROOT / ".venv").glob(".embedded-*")):
        (pytest.fail if os.environ.get("CI") else pytest.skip)("needs make and a .venv that `make setup` made")


def test_analyze_prints_where_its_files_lie(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "my clip.mp4", moving_frames(45), sound=tone(1.5))
    done = make("analyze", f"VIDEO={clip}", f"OUT={tmp_path / 'out'}")
    assert done.returncode == 0, done.stderr
    assert "setting up" not in done.stdout  # only when a lock file changed
    document = json.loads((tmp_path / "out/analysis.json").read_text(encoding="utf-8"))
    assert document["analyzers"]["cut_analysis"]["status"] == "ok"
    assert (tmp_path / "out/report.html").is_file()
    said = done.stdout + done.stderr
    assert "analysis.json" in said and "report.html" in said and "not measured" in said


def test_a_bad_clip_ends_make_with_its_reason(tmp_path: Path) -> None:
    done = make("analyze", f"VIDEO={tmp_path / 'none.mp4'}", f"OUT={tmp_path / 'out'}")
    assert done.returncode == 2  # make's own code for a recipe that failed
    assert "no such file" in done.stderr and "Traceback" not in done.stderr


def test_a_tier_is_fetched_first_and_a_machine_without_network_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELSCOPE_OFFLINE", "1")
    done = make("analyze", f"VIDEO={tmp_path / 'clip.mp4'}", f"OUT={tmp_path / 'out'}", "TIER=compact")
    assert done.returncode == 2 and "REELSCOPE_OFFLINE=1 forbids every connection" in done.stderr
    assert "to fetch into" in done.stdout and not (tmp_path / "out").exists()


def test_a_tier_that_is_here_is_verified_and_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not (SHARED / "models/MANIFEST.json").is_file():
        pytest.skip("needs ../shared/models, which is not here")
    import_folder(ModelStore(tmp_path / "store"), manifest(), SHARED / "models")
    monkeypatch.setenv("REELSCOPE_MODELS__DIR", str(tmp_path / "store"))
    monkeypatch.setenv("REELSCOPE_OFFLINE", "1")
    clip = write_clip(tmp_path / "clip.mp4", moving_frames(45), sound=tone(1.5))
    done = make("analyze", f"VIDEO={clip}", f"OUT={tmp_path / 'out'}", "TIER=compact")
    assert done.returncode == 0, done.stderr
    assert "yolox-nano: here already" in done.stdout and "yolox-nano: ok" in done.stdout
    assert "whisper-base: not here, and REELSCOPE_OFFLINE=1 forbids every connection" in done.stdout
    document = json.loads((tmp_path / "out/analysis.json").read_text(encoding="utf-8"))
    assert document["run"]["tier"] == "compact"
