"""Everything stays on the machine: no library that we load reports home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SESSION = """
import reelscope
import importlib.util, pathlib
import onnxruntime
folder = pathlib.Path(importlib.util.find_spec("swift_f0").origin).parent
onnxruntime.InferenceSession(str(next(folder.glob("*.onnx"))), providers=["CPUExecutionProvider"])
"""


def test_onnxruntime_keeps_no_device_id_and_starts_no_uploader(tmp_path: Path) -> None:
    """Its telemetry, when on, leaves a device id and a database in the cache and a session file in the temporary folder."""
    for name in ("home", "tmp"):
        (tmp_path / name).mkdir()
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("ORT_", "XDG_", "CI", "GITHUB_"))}
    env = {**clean, "HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp")}
    subprocess.run([sys.executable, "-c", SESSION], env=env, check=True)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_the_users_own_word_is_kept() -> None:
    script = "import os, reelscope; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "ORT_DISABLE_TELEMETRY": "0"}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "0"
