"""On what a benchmark ran."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reelscope.engine.hardware import available_cores
from reelscope.version import VERSION

__all__ = ["machine_facts"]


def machine_facts(packages: Sequence[str]) -> dict[str, Any]:
    """Cores, processor, system, versions of Python, reelscope and `packages`, and the commit."""
    return {
        "cores": available_cores(),
        "cpu": _cpu(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "reelscope": VERSION,
        "packages": {p: importlib.metadata.version(p) for p in packages},
        "commit": _commit(),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def _commit() -> str | None:
    """The commit's short name; BENCH_COMMIT gives it where the files were copied to the machine that measures."""
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=Path(__file__).parent, check=False)
    return os.environ.get("BENCH_COMMIT") or done.stdout.strip() or None
