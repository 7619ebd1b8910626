"""From a job's row to what the API answers."""

from __future__ import annotations

from datetime import UTC, datetime

from reelscope.api import AnalysisStatus, ErrorBody, Estimate, Links, Progress, SourceBrief
from reelscope.server.jobs import Job

__all__ = ["status_of"]


def status_of(job: Job, estimate: Estimate | None = None) -> AnalysisStatus:
    """One analysis as the API shows it."""
    asked = job.asked
    base = f"/analyses/{job.id}"
    if job.progress is not None:
        progress = Progress.model_validate_json(job.progress)
    else:
        progress = Progress(phase="ended" if job.final else "queued", share=1.0 if job.state == "done" else None)
    return AnalysisStatus(
        id=job.id,
        state=job.state,  # type: ignore[arg-type]
        created_at=_time(job.created_at),
        started_at=_time(job.started_at) if job.started_at is not None else None,
        finished_at=_time(job.finished_at) if job.finished_at is not None else None,
        title=job.title,
        source=SourceBrief(kind=job.source_kind, name=job.source_name, url=job.source_url, sha256=job.clip_sha256),  # type: ignore[arg-type]
        priority=job.priority,
        analyzers=asked.analyzers,
        tier=asked.tier,
        fresh=asked.fresh,
        attempts=job.attempts,
        worker=job.worker if job.state == "running" else None,
        progress=progress,
        estimate=estimate,
        duration_s=job.duration_s,
        ok=job.ok,
        failed=job.failed,
        unavailable=job.unavailable,
        error=ErrorBody.model_validate_json(job.error) if job.error is not None else None,
        callback=job.callback,  # type: ignore[arg-type]
        links=Links(
            self=base, events=f"{base}/events", document=f"{base}/document", report=f"{base}/report", media=f"{base}/media",
            export=f"{base}/export/{{format}}",
        ),
    )  # fmt: skip


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
