"""What a job's row says of how far it is, made from the engine's events."""

from __future__ import annotations

from typing import Any

from reelscope.events import Event
from reelscope.server.progress import JobProgress

JOB = "a" * 32


def phases(*events: dict[str, Any]) -> list[str]:
    progress, seen = JobProgress(JOB), []
    for of in events:
        progress(Event(job=JOB, **of))
        seen.append(progress.now().phase)
    return seen


def test_sound_that_is_ready_before_the_first_picture_does_not_end_the_clip() -> None:
    said = phases(
        {"step": "probe"},
        {"step": "plan", "names": ("audio_analysis", "cut_analysis")},
        {"step": "finish", "analyzer": "audio_analysis", "seconds": 0.1, "message": "ok"},
        {"step": "decode", "done": 2.0, "total": 10.0},
        {"step": "finish", "analyzer": "speech_flow", "message": "ok"},
        {"step": "decode", "done": 10.0, "total": 10.0},
        {"step": "finish", "analyzer": "cut_analysis", "message": "ok"},
        {"step": "merge"},
    )
    assert said == ["probe", "plan", "decode", "decode", "decode", "decode", "finish", "merge"]


def test_where_no_length_is_known_the_end_is_told_by_the_analyzers() -> None:
    said = phases(
        {"step": "plan", "names": ("cut_analysis",)},
        {"step": "decode", "done": 2.0, "total": None},
        {"step": "finish", "analyzer": "cut_analysis", "message": "failed"},
    )
    assert said == ["plan", "decode", "finish"]


def test_events_of_other_jobs_change_nothing() -> None:
    progress = JobProgress(JOB)
    progress(Event(job="b" * 32, step="decode", done=1.0, total=2.0))
    assert progress.now().phase == "queued" and progress.now().done_s is None
