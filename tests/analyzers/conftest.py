"""Fixtures of the analyzers' tests."""

from __future__ import annotations

import pytest

from reelscope.engine import hardware


@pytest.fixture(autouse=True)
def no_gpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests say what a CPU does, also on a machine that has a GPU; only test_full_on_gpu.py sees it."""
    if request.path.stem != "test_full_on_gpu":
        monkeypatch.setattr(hardware, "visible_gpus", lambda nvml, environ: ((), "no GPU: hidden by the tests"))
