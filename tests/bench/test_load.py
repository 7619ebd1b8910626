"""A short run of bench.load: no answer of 500 and above, no 429, no broken connection, and figures for every kind of request."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.load import MIX, asked_for_a_minute

from tests.clips import moving_frames, tone, write_clip


@pytest.mark.slow
def test_many_who_ask_a_server_that_analyses(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", moving_frames(120), sound=tone(4.0))
    made = asked_for_a_minute(tmp_path, clients=32, seconds=5.0, think_s=0.1, clip=clip)
    assert made["failures"] == []
    assert made["requests"].keys() <= {kind for kind, _ in MIX} and made["requests"]["GET /analyses/{id}"]["count"] > 50
    assert set(made["statuses"]) <= {"200", "202", "409"}  # a document that is not there yet
    assert made["analysed"] + made["waiting_at_the_end"] >= 4 and made["cores"]["workers"] > 0
