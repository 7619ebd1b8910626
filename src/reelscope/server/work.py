"""One job, from its claim to its commit: get the clip, analyse it, keep what came of it, commit. This is where media is opened."""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reelscope.api import ErrorBody
from reelscope.config import AnalysisSettings, Settings
from reelscope.document.schema import Document
from reelscope.engine.owned import OwnedFolder
from reelscope.errors import EngineError, ReelscopeError
from reelscope.events import bound
from reelscope.outputs import check_room
from reelscope.pipeline import Analysis, Origin, Session
from reelscope.server.blobs import Blobs
from reelscope.server.jobs import Claim, Job, Jobs, Made
from reelscope.server.progress import JobProgress
from reelscope.server.search import search_text

__all__ = ["Work", "analysis_of"]

log = logging.getLogger(__name__)

REPORT_S = 0.5  # how often a job's row hears how far it is; also how soon a cancelled job's worker hears of it
STOPPED = "stopped"  # code of what a session raises for a clip that was given up
# Codes of errors that say nothing about a clip: its worker cannot reach the server's files. It hands back what it has and ends, or it would
# fail every job of the queue, one after the other.
UNFIT = frozenset({"server_away", "token_refused"})
ROOM_S = 1.0  # how often a disk without room is looked at


@dataclass(slots=True)
class _Doing:
    """A claim on its way in this process."""

    claim: Claim
    progress: JobProgress
    stop: threading.Event = field(default_factory=threading.Event)
    since: float = field(default_factory=time.monotonic)
    clip: Path | None = None  # where it lies here, which is nobody's business: errors name it as who handed it in does
    lost: bool = False  # it is no longer this claim's: cancelled, or somebody else's


class Work:
    """Does jobs, several at a time, in one session.

    Args:
        worker: The id that claims go under.
        parked: Waits for the end of this process: for a job that is handed back while its place in the queue is still ours.
        unfit: Called where this worker can do no job, or has lost sight of one: it must drain and end as one that was lost.
    """

    def __init__(
        self,
        jobs: Jobs,
        blobs: Blobs,
        session: Session,
        *,
        worker: str,
        spare: Path,
        parked: Callable[[], None] = lambda: None,
        unfit: Callable[[], None] = lambda: None,
    ) -> None:
        self.jobs, self.blobs, self.session, self.worker, self.spare = jobs, blobs, session, worker, spare
        self.parked, self.unfit = parked, unfit
        self._draining = threading.Event()
        self._inside = 0
        self._doing: dict[str, _Doing] = {}
        self._lock = threading.Lock()
        self._room = _Room()

    @property
    def settings(self) -> Settings:
        """The session's."""
        return self.session.settings

    @property
    def draining(self) -> bool:
        """Whether it takes no more jobs."""
        return self._draining.is_set()

    def drain(self) -> None:
        """Take no more jobs."""
        with self._lock:
            self._draining.set()

    @property
    def busy(self) -> bool:
        """Whether a job is in its hands, from before its claim until after its commit."""
        with self._lock:
            return self._inside > 0

    def doing(self) -> list[dict[str, Any]]:
        """What is on its way, for the monitor."""
        with self._lock:
            found = list(self._doing.values())
        return [_described(d) for d in found]

    def give_up(self, *, lost: bool = False) -> None:
        """Stop every clip that is on its way; lost: whatever comes of them is not this worker's any more."""
        with self._lock:
            found = list(self._doing.values())
        for doing in found:
            doing.lost |= lost
            self._stop(doing)

    def run(self, job_id: str) -> None:
        """Do a job to its end, whichever it is; raises nothing. What it does not end it keeps hold of, until this process has ended."""
        if not self._enter():
            self.parked()
            return
        ended = False
        try:
            ended = self._take(job_id)
        except Exception:  # a bug of ours, and nobody knows where it left the job: this process ends, and the job waits again
            log.exception("job %s was lost sight of", job_id)
            self.unfit()
        finally:
            with self._lock:
                self._inside -= 1
        if not ended:
            self.parked()

    def _enter(self) -> bool:
        """Wait for room on the disk, so that a full one does not fail every job of the queue; False where no more are taken."""
        told = False
        while (short := self._short()) is not None:
            if not told:
                told = True
                log.error("waits for room on the disk and takes no jobs: %s", short)
            if self._draining.wait(ROOM_S):
                return False
        with self._lock:
            if self._draining.is_set():
                return False
            self._inside += 1
        return True

    def _short(self) -> str | None:
        """What is wrong with the room on the disks that a job needs."""
        system, server = self.settings.system, self.settings.server
        try:
            check_room(self.spare, max(server.min_free_disk_mib, system.min_free_disk_mib))
            check_room(system.temp_dir or Path(tempfile.gettempdir()), system.min_free_disk_mib)
        except ReelscopeError as error:
            return error.message
        return None

    def _take(self, job_id: str) -> bool:
        """Claim a job and do it; whether nothing of it is left to do. The database is waited for, however long it is away.

        It is claimed when its turn has come: what only waits here is not to blame where this worker dies.
        """
        job = self.jobs.get(job_id)
        if job is None or job.final:
            return True
        with self._room.alone() if job.alone else self._room.shared():
            if self.draining:
                return False
            claim = self.jobs.claim(job_id, self.worker)
            if claim is None:
                return True
            if self.draining:
                self.jobs.hand_back(claim)
                return False
            with bound(job=claim.job.id, worker=self.worker):
                log.info("begins, attempt %d: %s", claim.job.attempts, claim.job.title)
                return self._run(claim)

    def _run(self, claim: Claim) -> bool:
        doing = _Doing(claim, JobProgress(claim.job.id))
        with self._lock:
            self._doing[claim.job.id] = doing
        self.session.events.subscribe(doing.progress)
        ended = threading.Event()
        reporter = threading.Thread(target=self._report, args=(doing, ended), name=f"report-{claim.job.id[:8]}", daemon=True)
        reporter.start()
        try:
            error = self._answer(doing)
        finally:
            ended.set()
            reporter.join()
            self.session.events.unsubscribe(doing.progress)
            with self._lock:
                del self._doing[claim.job.id]
        if error is None or doing.lost:
            return True
        if error.code in UNFIT or (self.draining and error.retryable):
            self.jobs.hand_back(claim)
            if error.code in UNFIT:
                log.error("this worker can do no job: %s", error.message)
                self.unfit()
            return False
        if not self.jobs.fail(claim, error):
            log.info("job %s: its failure came too late: %s", claim.job.id, error.code)
        return True

    def _answer(self, doing: _Doing) -> ErrorBody | None:
        """Analyse and commit; the error where that failed."""
        try:
            with OwnedFolder(self.spare) as folder:
                committed = self._analyse(doing, folder.path)
            if committed:
                log.info("done in %.1f s", time.monotonic() - doing.since)
            else:
                log.info("job %s: its result came too late and is dropped", doing.claim.job.id)
        except ReelscopeError as error:
            log.info("ends: %s: %s", error.code, error.message)
            message = error.message.replace(str(doing.clip), doing.claim.job.source_name) if doing.clip is not None else error.message
            return ErrorBody(code=error.code, message=message, hint=error.hint, retryable=error.retryable)
        except Exception as error:  # a bug of ours ends this job and no other
            log.exception("job %s failed", doing.claim.job.id)
            hint = "the server's log has the traceback; please report it"
            return ErrorBody(code="internal", message=f"{type(error).__name__}: {error}"[:500], hint=hint)
        return None

    def _analyse(self, doing: _Doing, folder: Path) -> bool:
        job, asked = doing.claim.job, doing.claim.job.asked
        clip, origin, title = self._clip(doing, folder)
        doing.clip = clip
        analysis = self.session.analyze(
            clip,
            only=asked.analyzers,
            skip=asked.skip,
            job=job.id,
            origin=origin,
            analysis=analysis_of(job, self.settings),
            stop=doing.stop,
        )
        doing.progress.phase("store")
        return self.jobs.finish(doing.claim, self._made(analysis, title))

    def _clip(self, doing: _Doing, folder: Path) -> tuple[Path, Origin, str]:
        """The clip's file, where it came from, its title."""
        job, asked = doing.claim.job, doing.claim.job.asked
        known = self.jobs.files(job.id).get("clip")
        if known is not None and asked.url is None:
            return _linked(self.blobs.path(known[0]), folder), Origin(name=job.source_name), job.title
        assert asked.url is not None
        doing.progress.phase("fetch")
        got = self.session.fetch(asked.url, folder, job=job.id, stop=doing.stop)
        sha256, size = self.blobs.put_file(got.path)
        title = asked.title or got.title or job.title
        if not self.jobs.found_clip(doing.claim, sha256, size, title):
            raise EngineError("stopped", code=STOPPED, retryable=True)
        return got.path, Origin(url=got.url, post=got.post), title

    def _made(self, analysis: Analysis, title: str) -> Made:
        document = analysis.document
        files = {name: self.blobs.put_bytes(data) for name, data in analysis.keyframes.items()}
        files["analysis.json"] = self.blobs.put_bytes(document.model_dump_json(indent=1).encode())
        states = [entry.status for entry in document.analyzers.values()]
        return Made(
            files=files,
            title=title,
            clip_sha256=document.source.sha256,
            duration_s=document.media.duration_s,
            seconds=document.run.seconds or 0.0,
            ok=states.count("ok"),
            failed=states.count("failed") + states.count("timeout"),
            unavailable=states.count("unavailable"),
            search_text=search_text(title, document),
            runs=_runs(document),
        )

    def _report(self, doing: _Doing, ended: threading.Event) -> None:
        """Tell the row how far it is, and stop the clip where the row is no longer this claim's."""
        while not ended.wait(REPORT_S):
            try:
                new = doing.progress.take()
                if new is not None:
                    mine = self.jobs.report(doing.claim, *new)
                else:
                    mine = self.jobs.held(self.worker).get(doing.claim.job.id) == doing.claim.fence
            except Exception:
                log.warning("job %s: its progress could not be written", doing.claim.job.id, exc_info=True)
                continue
            if not mine and not ended.is_set():
                doing.lost = True
                self._stop(doing)
                return

    def _stop(self, doing: _Doing) -> None:
        doing.stop.set()
        self.session.stop_clip(doing.stop)


class _Room:
    """Many share it, or one is alone in it; who wants to be alone waits for the others and keeps new ones out."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._wanted = 0
        self._alone = False

    @contextmanager
    def shared(self) -> Iterator[None]:
        with self._changed:
            while self._alone or self._wanted:
                self._changed.wait()
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        with self._changed:
            self._wanted += 1
            while self._alone or self._inside:
                self._changed.wait()
            self._wanted -= 1
            self._alone = True
        try:
            yield
        finally:
            with self._changed:
                self._alone = False
                self._changed.notify_all()


def analysis_of(job: Job, settings: Settings) -> AnalysisSettings:
    """The settings `analysis.*` of one job: the server's, with what the request names."""
    asked, base = job.asked, settings.analysis
    return base.model_copy(
        update={
            "tier": asked.tier or base.tier,
            "backends": {**base.backends, **asked.backends},
            "options": {**base.options, **{name: {**base.options.get(name, {}), **given} for name, given in asked.options.items()}},
            "fresh": asked.fresh or base.fresh,
        }
    )


def _linked(path: Path, folder: Path) -> Path:
    """The same file under a name of this job's own: it stays while the job needs it, whoever removes the other name."""
    own = folder / "clip"
    try:
        own.hardlink_to(path)
    except OSError:  # another file system, or one without links
        return path
    return own


def _runs(document: Document) -> list[tuple[str, str, float | None, bool]]:
    return [(name, e.status, e.seconds, e.reused) for name, e in document.analyzers.items() if e.requested]


def _described(doing: _Doing) -> dict[str, Any]:
    progress = doing.progress.now()
    return {
        "job": doing.claim.job.id,
        "title": doing.claim.job.title,
        "phase": progress.phase,
        "share": progress.share,
        "seconds": round(time.monotonic() - doing.since, 1),
    }
