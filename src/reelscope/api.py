"""The shapes of the server's API: what it takes and what it answers. The server, the client and the command line share them.

Every error has one shape (`ErrorBody`), whatever raised it. Times are UTC; seconds are wall seconds except where they are the clip's.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = [
    "FINAL",
    "AnalysisList",
    "AnalysisRequest",
    "AnalysisStatus",
    "AnalyzerProgress",
    "ErrorBody",
    "Estimate",
    "JobEvent",
    "JobState",
    "Links",
    "Progress",
    "SourceBrief",
    "Tier",
]

JobState = Literal["queued", "running", "done", "failed", "cancelled"]
FINAL: frozenset[str] = frozenset({"done", "failed", "cancelled"})
Tier = Literal["auto", "embedded", "compact", "full"]

LONGEST_URL = 4096  # longer than any post's address; a data: address of megabytes is none
MOST_OPTIONS = 200
MOST_NAMES = 64  # the nineteen, and more plugins than anybody has


class Shape(BaseModel):
    """Base of what the server answers."""

    model_config = ConfigDict(allow_inf_nan=False)


class AnalysisRequest(BaseModel):
    """A clip to analyse: `url` or `path`, one of them.

    Attributes:
        url: A post (TikTok, Reel, Short) or a direct address of a file.
        path: A file on the server, under one of its configured roots.
        analyzers: Names of the analyzers to run; not given: all. skip: names not to run.
        tier, backends, options: As the settings `analysis.*`; not given: what the server is set to.
        priority: 1 goes first, 10 last; within one priority the oldest goes first.
        fresh: Compute anew, also where the same was analysed before.
        callback_url: Told when the analysis has ended, signed (docs/server.md).
    """

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, Field(min_length=1, max_length=LONGEST_URL)] | None = None
    path: Annotated[str, Field(min_length=1, max_length=LONGEST_URL)] | None = None
    title: Annotated[str, Field(max_length=300)] | None = None
    analyzers: Annotated[list[str], Field(min_length=1, max_length=MOST_NAMES)] | None = None
    skip: Annotated[list[str], Field(max_length=MOST_NAMES)] = []
    tier: Tier | None = None
    backends: Annotated[dict[str, str], Field(max_length=MOST_NAMES)] = {}
    options: Annotated[dict[str, dict[str, Any]], Field(max_length=MOST_NAMES)] = {}
    priority: Annotated[int, Field(ge=1, le=10)] = 5
    fresh: bool = False
    callback_url: Annotated[str, Field(min_length=1, max_length=LONGEST_URL)] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> AnalysisRequest:
        if (self.url is None) == (self.path is None):
            raise ValueError("give url or path, one of them")
        return self


class ErrorBody(Shape):
    """Every error: a stable word for programs, a line for people, what to do about it, whether the same call may succeed later."""

    code: str
    message: str
    hint: str | None = None
    retryable: bool = False


class SourceBrief(Shape):
    """What was handed in. name: a file's name or an address, for people."""

    kind: Literal["url", "path", "upload"]
    name: str
    url: str | None = None
    sha256: str | None = None


class AnalyzerProgress(Shape):
    """One analyzer on its way. done, total: seconds of the clip that it was fed, where it is fed."""

    state: Literal["waiting", "running", "ok", "not_applicable", "unavailable", "skipped", "failed", "timeout"]
    done: float | None = None
    total: float | None = None
    seconds: float | None = None
    reused: bool = False


class Progress(Shape):
    """How far an analysis is. share: 0-1 of its steps (not of its time); null before it is known."""

    phase: Literal["queued", "fetch", "probe", "plan", "decode", "finish", "merge", "store", "ended"]
    share: float | None = None
    done_s: float | None = None
    total_s: float | None = None
    analyzers: dict[str, AnalyzerProgress] = {}


class Estimate(Shape):
    """When it should end, from clips that were analysed here before; null with the reason where there are none.

    Attributes:
        seconds: From now until its end.
        jobs_ahead: Jobs that go first.
        basis: What the figure is made of.
    """

    seconds: float | None
    jobs_ahead: int
    basis: str


class Links(Shape):
    """Where the parts of an analysis are."""

    self: str
    events: str
    document: str
    report: str
    media: str
    export: str


class AnalysisStatus(Shape):
    """One analysis.

    Attributes:
        attempts: How often it was begun; more than one after a worker was lost.
        duration_s: Length of the clip, once known.
        ok, failed, unavailable: How many analyzers ended so (failed counts timeouts).
        error: Why it failed; null in every other state.
    """

    id: str
    state: JobState
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    title: str
    source: SourceBrief
    priority: int
    analyzers: list[str] | None = None
    tier: str | None = None
    fresh: bool = False
    attempts: int = 0
    worker: str | None = None
    progress: Progress
    estimate: Estimate | None = None
    duration_s: float | None = None
    ok: int | None = None
    failed: int | None = None
    unavailable: int | None = None
    error: ErrorBody | None = None
    callback: Literal["waiting", "delivered", "failed"] | None = None
    links: Links


class AnalysisList(Shape):
    """A page of analyses, newest first. next: the cursor of the next page; null at the end. total: of all pages."""

    items: list[AnalysisStatus]
    next: str | None = None
    total: int


class JobEvent(Shape):
    """One line of an analysis's story, kept until it is deleted. seq: counts from 1 within the analysis; SSE's id.

    kind: "state" (data: AnalysisStatus's state, error), "progress" (data: Progress), "log" (data: level, message, analyzer).
    """

    seq: int
    at: datetime
    kind: Literal["state", "progress", "log"]
    data: dict[str, Any]
