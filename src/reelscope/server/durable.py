"""The durable queue: DBOS in the same database as the jobs. The web process hands in, workers take out.

A workflow here does one thing: it runs a job by its id. What is true of the job stands in its row (reelscope.server.jobs); DBOS sees to
it that somebody works on it, after whatever end of whichever process. An executor of DBOS recovers its own work only; work of executors
that are gone for good goes back to the queue by `recover`, told by who watches the workers' beats.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSConfig, EnqueueOptions, error

from reelscope.server.db import Database

__all__ = ["ANALYSES", "CALLBACKS", "Durable", "Executor"]

log = logging.getLogger(__name__)

NAME = "reelscope"
ANALYSES, CALLBACKS = "analyses", "callbacks"  # queues, and the workflows that they hold

# DBOS gives work to executors of the same application version only. This is the version of what is handed over (a job's id), not of the
# program: jobs handed in before an update are done after it.
CONTRACT = "1"

# How often a worker looks for work: a job starts that much later at most. DBOS asks the database each time.
POLL_S = 0.25
# Tries of DBOS itself are not what ends a job: strikes are counted in its row.
MAX_RECOVERIES = 10_000
NOT_RECORDED = "outcome was not recorded"
ENDED = ("SUCCESS", "ERROR", "CANCELLED")
SWEPT_AT_ONCE = 500
CALLBACKS_AT_ONCE = 4  # of one worker: they mostly wait for somebody else's server


class Durable:
    """Hands work in. Any process may have one; it runs no work itself."""

    def __init__(self, database: Database) -> None:
        # a database that is away is an error: by itself DBOS waits for it for ever, also in a request, and in a server that is to end
        self._client = DBOSClient(system_database_engine=database.engine, application_name=NAME, retry_connection_errors=False)

    def close(self) -> None:
        """Let go of it; the database stays open."""
        self._client.destroy()

    def enqueue(self, c: sa.Connection, queue: str, workflow: str, job_id: str, *, priority: int = 5, delay_s: float = 0.0) -> None:
        """Put a job's workflow into a queue, in the caller's transaction. Of one `workflow` id only the first counts.

        job_id: What it is run with. delay_s: how much later it may be taken.
        """
        asked: EnqueueOptions = {
            "queue_name": queue, "workflow_name": queue, "workflow_id": workflow, "priority": priority, "app_version": CONTRACT,
        }  # fmt: skip
        if delay_s:
            asked["delay_seconds"] = delay_s
        self._client.enqueue_in_transaction(c, asked, job_id)

    def cancel(self, workflow: str) -> None:
        """Take it out of the queue, or mark it cancelled where it runs (it is stopped by who runs it)."""
        self._client.cancel_workflow(workflow)

    def forget(self, workflows: Collection[str]) -> None:
        """Remove what is kept of ended workflows."""
        if workflows:
            self._client.delete_workflows(list(workflows))

    def sweep(self, older_than_s: float) -> int:
        """Remove what is kept of workflows that ended so long ago; returns how many. What came of them stands elsewhere."""
        before = datetime.now(UTC) - timedelta(seconds=older_than_s)
        ended = self._client.list_workflows(
            status=list(ENDED), completed_before=before.isoformat(), limit=SWEPT_AT_ONCE, load_input=False, load_output=False
        )
        self.forget([status.workflow_id for status in ended])
        return len(ended)

    def pending(self) -> dict[str, list[str]]:
        """Workflows that an executor has taken and not ended, by executor."""
        found: dict[str, list[str]] = {}
        for status in self._client.list_workflows(status="PENDING", load_input=False, load_output=False):
            found.setdefault(status.executor_id or "", []).append(status.workflow_id)
        return found

    def states(self, workflows: Collection[str]) -> dict[str, str]:
        """DBOS's own state of each workflow that it knows."""
        if not workflows:
            return {}
        found = self._client.list_workflows(workflow_ids=list(workflows), load_input=False, load_output=False)
        return {status.workflow_id: status.status for status in found}

    def recover(self, executor: str) -> int:
        """Put what a dead executor had taken back into its queue, and return how much; what another has taken meanwhile stays there."""
        return self.put_back(executor, self.pending().get(executor, []))

    def put_back(self, executor: str, workflows: Collection[str]) -> int:
        """Put these back of what an executor had taken, and return how many were still its."""
        # DBOS's public call for this wants an executor's process; the statement behind it asks for the dead executor's id again.
        return sum(self._client._sys_db.reenqueue_for_recovery(w, [executor], ANALYSES) for w in workflows)


def _worth_telling(record: logging.LogRecord) -> bool:
    """Not what DBOS says of a workflow that was cancelled or put back while it ran: that is how jobs are ended here, and told by us."""
    raised = record.exc_info[1] if record.exc_info else None
    return not isinstance(raised, error.DBOSAwaitedWorkflowCancelledError) and NOT_RECORDED not in record.getMessage()


class Executor:
    """Takes work out and runs it, in threads of this process. There is one in a process.

    Args:
        worker: Its id, new for each process: what an earlier one had taken is recovered by its id.
        analyse, call_back: Run a job; they return when it is through and raise nothing.
        at_once: Analyses at the same time.
    """

    def __init__(
        self, database: Database, worker: str, *, analyse: Callable[[str], None], call_back: Callable[[str], None], at_once: int
    ) -> None:
        config: DBOSConfig = {
            "name": NAME,
            "system_database_url": database.url,
            "executor_id": worker,
            "application_version": CONTRACT,
            "enable_otlp": False,
            "log_level": "WARNING",
            "use_listen_notify": True,
            "max_executor_threads": 64,
        }
        if database.sqlite:
            config["system_database_engine"] = database.engine  # connections that are set up as ours are (see db)
        DBOS(config=config)
        logging.getLogger("dbos").addFilter(_worth_telling)
        DBOS.workflow(name=ANALYSES, max_recovery_attempts=MAX_RECOVERIES)(self._named(ANALYSES, analyse))
        DBOS.workflow(name=CALLBACKS, max_recovery_attempts=MAX_RECOVERIES)(self._named(CALLBACKS, call_back))
        self._worker, self._at_once = worker, at_once
        self._running: set[str] = set()
        self._strays: set[str] = set()

    def start(self) -> None:
        """Begin to take work."""
        DBOS.launch()
        kept: dict[str, Any] = {"polling_interval_sec": POLL_S, "on_conflict": "always_update"}
        DBOS.register_queue(ANALYSES, worker_concurrency=self._at_once, **kept)
        DBOS.register_queue(CALLBACKS, worker_concurrency=CALLBACKS_AT_ONCE, **kept)

    def stop(self, wait_s: float = 0.0) -> None:
        """Take no more work; wait so long for what is on its way."""
        DBOS.destroy(workflow_completion_timeout_sec=round(wait_s))

    def put_back_strays(self, durable: Durable) -> int:
        """Put back what the queue says this process has taken and that it does not run; returns how much.

        A connection that breaks while work is taken leaves it so: taken in the queue's books, and nobody knows of it. To be called now and
        then: what was so at the last call too did not only just come in. A mistake does no harm, a job is claimed once.
        """
        strays = set(durable.pending().get(self._worker, ())) - self._running
        back, self._strays = strays & self._strays, strays
        return durable.put_back(self._worker, back)

    def _named(self, name: str, call: Callable[[str], None]) -> Callable[[str], None]:
        def workflow(job_id: str) -> None:
            own = DBOS.workflow_id or ""
            self._running.add(own)
            try:
                call(job_id)
            finally:
                self._running.discard(own)

        workflow.__name__ = workflow.__qualname__ = name  # DBOS finds workflows by it
        return workflow
