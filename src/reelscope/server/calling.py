"""Telling a callback address that an analysis has ended: one try for each workflow, the next one is put into the queue with a delay."""

from __future__ import annotations

import logging
from pathlib import Path

import sqlalchemy as sa

from reelscope.config import Settings
from reelscope.net import AddressRules
from reelscope.server.callbacks import DELAYS_S, SECRET_FILE, deliver, secret_of
from reelscope.server.db import Database, secrets
from reelscope.server.durable import CALLBACKS
from reelscope.server.jobs import Jobs
from reelscope.server.views import status_of

__all__ = ["Caller", "at_home", "share_secret"]

log = logging.getLogger(__name__)

NAME = "callback"
TIMEOUT_S = 15.0  # of one try: an address that needs longer than this to take some hundred bytes is not there


def share_secret(database: Database, data_dir: Path) -> None:
    """What the server does at its start: its folder's secret is what callbacks of all its workers are signed with."""
    secret = secret_of(data_dir)

    def body(c: sa.Connection) -> None:
        if c.execute(sa.update(secrets).where(secrets.c.name == NAME).values(value=secret)).rowcount == 0:
            c.execute(secrets.insert().values(name=NAME, value=secret))

    database.write(body)


def at_home(database: Database, data_dir: Path) -> bool:
    """Whether a data folder is that of the database's server, or there was none yet: its secret lies beside its files."""
    found = database.read(lambda c: c.execute(sa.select(secrets.c.value).where(secrets.c.name == NAME)).scalar())
    try:
        own = (data_dir / SECRET_FILE).read_bytes().strip()
    except OSError:
        own = b""
    return found is None or bytes(found) == own


class Caller:
    """Delivers callbacks."""

    def __init__(self, jobs: Jobs, settings: Settings, data_dir: Path) -> None:
        self.jobs, self.data_dir = jobs, data_dir
        self.rules = AddressRules(settings.sources.allow_private)

    def run(self, asked: str) -> None:
        """Try once. asked: a job's id, with ":N" after it for its (N+1)th try. Raises nothing."""
        job_id, _, number = asked.partition(":")
        tried = int(number or 0)
        try:
            self._try(job_id, tried)
        except Exception:
            log.exception("job %s: its callback failed", job_id)
            self._again(job_id, tried)

    def _try(self, job_id: str, tried: int) -> None:
        job = self.jobs.get(job_id)
        if job is None or job.callback_url is None:  # removed meanwhile
            return
        body = status_of(job).model_dump(mode="json", exclude={"progress", "estimate"})
        came = deliver(
            job.callback_url, body, secret=self._secret(), rules=self.rules, timeout_s=TIMEOUT_S, job_id=job_id,
            attempt=tried + 1,
        )  # fmt: skip
        if came.delivered:
            self.jobs.called_back(job_id, "delivered")
        elif came.outcome == "give_up":
            self.jobs.called_back(job_id, "failed")
        else:
            self._again(job_id, tried)

    def _secret(self) -> bytes:
        """The server's, which it shares with the workers of other machines; without a server, this folder's own."""
        found = self.jobs.database.read(lambda c: c.execute(sa.select(secrets.c.value).where(secrets.c.name == NAME)).scalar())
        return bytes(found) if found is not None else secret_of(self.data_dir)

    def _again(self, job_id: str, tried: int) -> None:
        if tried >= len(DELAYS_S):
            self.jobs.called_back(job_id, "failed")
            return
        workflow = f"{job_id}.callback.{tried + 1}"
        enqueue = self.jobs.durable.enqueue
        self.jobs.database.write(lambda c: enqueue(c, CALLBACKS, workflow, f"{job_id}:{tried + 1}", delay_s=DELAYS_S[tried]))
