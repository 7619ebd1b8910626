"""Single analyses, looked at together: whoever asks while a look is on its way shares the next one.

It is what is asked for most, by everybody who waits. A thread and some statements for each request are little work, but threads of one
process take turns at Python: sixty of them made each answer wait for many others, and the event loop for all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from starlette.concurrency import run_in_threadpool

from reelscope.server.jobs import Jobs
from reelscope.server.listing import Listing
from reelscope.server.views import status_of

__all__ = ["Looking"]


class Looking:
    """Answers of GET /analyses/{id}. All of it runs in the event loop but for the look itself."""

    def __init__(self, jobs: Jobs, listing: Listing) -> None:
        self._jobs, self._listing = jobs, listing
        self._waiting: dict[str, list[asyncio.Future[str | None]]] = {}
        self._round: asyncio.Task[None] | None = None

    async def status(self, job_id: str) -> str | None:
        """An analysis as it is now, as JSON of api.AnalysisStatus; None where there is none.

        Raises:
            SQLAlchemyError: The database does not answer.
        """
        future: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(job_id, []).append(future)
        if self._round is None:
            self._round = asyncio.create_task(self._go_round())
        return await future

    async def _go_round(self) -> None:
        try:
            while self._waiting:
                asked, self._waiting = self._waiting, {}
                try:
                    found = await run_in_threadpool(self._look, asked.keys())
                except BaseException as error:
                    for future in _open(asked):
                        future.set_exception(error) if isinstance(error, Exception) else future.cancel()
                    if not isinstance(error, Exception):
                        raise
                    continue
                for job_id, futures in asked.items():
                    for future in _open({job_id: futures}):
                        future.set_result(found.get(job_id))
        finally:
            self._round = None
            for future in _open(self._waiting):  # this loop ends
                future.cancel()
            self._waiting = {}

    def _look(self, job_ids: Collection[str]) -> dict[str, str]:
        found = self._jobs.some(job_ids)
        estimates = self._listing.estimates(found)
        return {job.id: status_of(job, estimate).model_dump_json() for job, estimate in zip(found, estimates, strict=True)}


def _open(asked: dict[str, list[asyncio.Future[str | None]]]) -> list[asyncio.Future[str | None]]:
    """Those that somebody still waits for."""
    return [future for futures in asked.values() for future in futures if not future.done()]
