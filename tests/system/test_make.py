"""The README's first command, as a user types it, in the checkout that is being tested."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clips import moving_frames, tone, write_clip

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
