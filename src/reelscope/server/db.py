"""The database: SQLite in the data folder, or PostgreSQL shared by a fleet. Tables, connections, the one clock.

A job's truth is its row in `reelscope_jobs`. DBOS keeps its queue in the same database, so that a job and its place in the queue are
written in one transaction.
"""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import FunctionElement

from reelscope.config import Settings
from reelscope.config.places import data_dir
from reelscope.errors import ConfigError, ReelscopeError

__all__ = [
    "FOR_EVER_S", "Database", "corrections", "events", "is_away", "job_files", "jobs", "meta", "now", "open_database", "runs", "secrets",
    "tokens", "workers",
]  # fmt: skip

log = logging.getLogger(__name__)

SCHEMA = 1  # rises with the tables; `_upgrade` says how one becomes the next

BUSY_MS = 30_000  # a writer waits for the other ones of an SQLite file; they hold it for milliseconds, a slow disk for a second
POOL = 10  # connections of one process: request threads wait for one rather than fail
# How long a transaction that met a deadlock, a lock or a lost connection is tried again: for somebody who waits for an answer; a worker
# waits for its database for as long as it lives, since what it has in its hands is told nowhere else.
PATIENCE_S, FOR_EVER_S = 1.0, math.inf
PAUSES_S = (0.05, 0.1, 0.2, 0.4, 1.0, 2.0)
TELL_S = 30.0  # of waiting, between two lines in the log

T = TypeVar("T")

meta = sa.MetaData()

schema_version = sa.Table("reelscope_schema", meta, sa.Column("version", sa.Integer, nullable=False))

jobs = sa.Table(
    "reelscope_jobs",
    meta,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),  # microseconds of its coming in: the order of pages and, within a priority, of work
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("created_at", sa.Float(53), nullable=False),
    sa.Column("started_at", sa.Float(53)),
    sa.Column("finished_at", sa.Float(53)),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("source_kind", sa.String(8), nullable=False),
    sa.Column("source_name", sa.Text, nullable=False),
    sa.Column("source_url", sa.Text),
    sa.Column("clip_sha256", sa.String(64)),
    sa.Column("request", sa.Text, nullable=False),  # JSON of api.AnalysisRequest
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("same_key", sa.String(64)),  # what makes two requests the same: clip, options, versions
    sa.Column("idempotency_key", sa.Text, unique=True),
    sa.Column("idempotency_body", sa.String(64)),
    sa.Column("owner", sa.Text),  # name of the token it came with
    sa.Column("workflow", sa.Text, nullable=False),
    sa.Column("fence", sa.Integer, nullable=False, default=0),  # counts claims: who holds an older one may change nothing
    sa.Column("worker", sa.Text),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("strikes", sa.Integer, nullable=False, default=0),  # workers that died over it
    sa.Column("seq", sa.Integer, nullable=False, default=0),  # of its newest event
    sa.Column("progress", sa.Text),  # JSON of api.Progress
    sa.Column("duration_s", sa.Float(53)),
    sa.Column("seconds", sa.Float(53)),
    sa.Column("ok", sa.Integer),
    sa.Column("failed", sa.Integer),
    sa.Column("unavailable", sa.Integer),
    sa.Column("error", sa.Text),  # JSON of api.ErrorBody
    sa.Column("callback_url", sa.Text),
    sa.Column("callback", sa.String(16)),
    sa.Column("search_text", sa.Text, nullable=False, default=""),  # casefolded: title, transcript, text on screen
    sa.Index("reelscope_jobs_number", "number"),
    sa.Index("reelscope_jobs_state", "state", "priority", "number", "id"),
    sa.Index("reelscope_jobs_same", "same_key"),
    sa.Index("reelscope_jobs_finished", "finished_at"),
)

events = sa.Table(
    "reelscope_events",
    meta,
    sa.Column("job_id", sa.String(32), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("at", sa.Float(53), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("data", sa.Text, nullable=False),
)

job_files = sa.Table(
    "reelscope_job_files",
    meta,
    sa.Column("job_id", sa.String(32), primary_key=True),
    sa.Column("name", sa.String(255), primary_key=True),  # "analysis.json", "keyframes/shot-0001.jpg", "clip"
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Index("reelscope_job_files_sha256", "sha256"),
)

workers = sa.Table(
    "reelscope_workers",
    meta,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("data_dir", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),  # starting, ready, draining, gone
    sa.Column("started_at", sa.Float(53), nullable=False),
    sa.Column("beat_at", sa.Float(53), nullable=False),
    sa.Column("restarts", sa.Integer, nullable=False, default=0),  # workers that were here before it, in the same place
    sa.Column("doing", sa.Text, nullable=False, default="[]"),
    sa.Column("sample", sa.Text, nullable=False, default="{}"),
)

runs = sa.Table(
    "reelscope_runs",
    meta,
    sa.Column("job_id", sa.String(32), primary_key=True),
    sa.Column("analyzer", sa.String(64), primary_key=True),
    sa.Column("at", sa.Float(53), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("seconds", sa.Float(53)),
    sa.Column("reused", sa.Boolean, nullable=False),
    sa.Index("reelscope_runs_at", "at"),
)

tokens = sa.Table(
    "reelscope_tokens",
    meta,
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("sha256", sa.String(64), nullable=False),  # of the token, which is 32 random bytes: no salt or stretching is needed
    sa.Column("scope", sa.String(16), nullable=False),  # client, worker
    sa.Column("created_at", sa.Float(53), nullable=False),
)


secrets = sa.Table(
    "reelscope_secrets",
    meta,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.LargeBinary, nullable=False),  # what callbacks are signed with: whoever works for this server signs as it does
)


# What users corrected, by clip and not by job: a new analysis has it too, and no job that goes takes it along. Rows are only added (but for
# `clear`, which removes all of a clip's), so a change that two make at once is two rows. `seq` counts the changes of a clip: its revision.
corrections = sa.Table(
    "reelscope_corrections",
    meta,
    sa.Column("sha256", sa.String(64), primary_key=True),  # of the clip
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("action", sa.String(8), nullable=False),  # add, withdraw, clear
    sa.Column("id", sa.String(64), nullable=False),  # of the correction
    sa.Column("at", sa.Float(53), nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),  # JSON of document.corrections.Correction; "" for what is no addition
)


class now(FunctionElement[float]):  # noqa: N801  (a function of SQL, named as one)
    """Seconds since 1970 by the database's clock: the one clock of a fleet."""

    type = sa.Float(53)
    inherit_cache = True


@compiles(now, "sqlite")
def _now_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"  # unixepoch('subsec') is newer than the SQLite of many Pythons


@compiles(now, "postgresql")
def _now_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    return "extract(epoch from clock_timestamp())::float8"


class Database:
    """Connections to the one database.

    Args:
        patience_s: How long a database that is away is waited for.

    Attributes:
        url: For DBOS, with the password. shown: the same without it, for people.
        engine: SQLAlchemy's.
    """

    def __init__(self, url: str, *, patience_s: float = PATIENCE_S) -> None:
        parsed = sa.make_url(url)
        self.patience_s = patience_s
        self.url = url
        self.shown = parsed.render_as_string(hide_password=True)
        self.sqlite = parsed.get_backend_name() == "sqlite"
        # hide_parameters: an error of a statement, which is logged, would show what it was to write: a signed address, what was said
        if self.sqlite:
            self.engine = sa.create_engine(url, pool_size=POOL, max_overflow=POOL, hide_parameters=True)
            sa.event.listen(self.engine, "connect", _set_up_sqlite)
        else:
            self.engine = sa.create_engine(
                parsed.set(drivername="postgresql+psycopg"), pool_size=POOL, max_overflow=POOL, pool_pre_ping=True, pool_recycle=600,
                hide_parameters=True,
            )  # fmt: skip

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def write(self, body: Callable[[sa.Connection], T]) -> T:
        """Run `body` in a transaction, again where it met a deadlock, a lock or a lost connection.

        A connection that is lost while it commits does not tell whether it did: `body` may find what it did itself.
        """

        def transaction() -> T:
            with self.engine.begin() as connection:
                return body(connection)

        return self._patiently(transaction)

    def read(self, body: Callable[[sa.Connection], T]) -> T:
        """Run `body`, which only reads; again as `write` does."""

        def look() -> T:
            with self.engine.connect() as connection:
                return body(connection)

        return self._patiently(look)

    def _patiently(self, body: Callable[[], T]) -> T:
        began = told = time.monotonic()
        attempt = 0
        while True:
            try:
                return body()
            except SQLAlchemyError as error:
                pause, at = PAUSES_S[min(attempt, len(PAUSES_S) - 1)], time.monotonic()
                if not is_away(error) or at + pause - began > self.patience_s:
                    raise
                if at - told >= TELL_S:
                    told = at
                    log.warning("the database is waited for, %.0f s by now: %s", at - began, _first_line(error, self.url))
            attempt += 1
            time.sleep(pause)

    def prepare(self) -> None:
        """Make what is missing of the tables, ours and DBOS's.

        Raises:
            ConfigError: The database cannot be reached, or was made by a newer version.
        """
        from dbos import DBOS

        try:
            DBOS.migrate(self.url)
            self.write(_make_tables)
        except ReelscopeError:
            raise
        except Exception as error:
            raise ConfigError(
                f"{self.shown}: {_first_line(error, self.url)}", code="database_failed", hint="check server.database"
            ) from None


def is_away(error: BaseException) -> bool:
    """Whether an error of SQLAlchemy's may pass: no connection, a lost one, a lock, a deadlock, a full disk."""
    return isinstance(error, OperationalError | sa.exc.TimeoutError) or (isinstance(error, DBAPIError) and error.connection_invalidated)


def open_database(settings: Settings, *, patience_s: float = PATIENCE_S) -> Database:
    """The database of these settings: `server.database`, else SQLite in the data folder, which is made.

    Raises:
        ConfigError: An address that is none, or of another kind of database.
    """
    if settings.server.database is None:
        folder = data_dir(settings)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "server.sqlite3"
        if not path.exists():  # readable by its owner alone: it holds what was said in clips
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        return Database(f"sqlite:///{path}", patience_s=patience_s)
    given = settings.server.database
    try:
        url = sa.make_url(given)
    except sa.exc.ArgumentError:
        url = None
    if url is None or url.get_backend_name() not in ("postgresql", "sqlite"):
        raise ConfigError("server.database is no address of a PostgreSQL database", hint="write postgresql://USER:PASSWORD@HOST/NAME")
    return Database(url.set(drivername=url.get_backend_name()).render_as_string(hide_password=False), patience_s=patience_s)


def _set_up_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = "IMMEDIATE"  # a transaction that will write waits for its turn at its start, not in its middle
    connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    connection.execute("PRAGMA journal_mode=WAL")  # readers do not wait for writers
    connection.execute("PRAGMA synchronous=FULL")  # an accepted job is there after a power cut too
    connection.execute("PRAGMA foreign_keys=ON")
    if connection.execute("SELECT unixepoch('subsec')").fetchone()[0] is None:
        # SQLite before 3.42 does not know the word; DBOS trusts every Python 3.12 to bring a newer one, and Debian 12's does not
        connection.create_function("unixepoch", -1, _unixepoch)


def _unixepoch(*asked: str) -> float:
    """SQLite's function of that name, as far as DBOS calls it: the time, with `subsec` in milliseconds."""
    return round(time.time(), 3) if "subsec" in asked else float(int(time.time()))


def _make_tables(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":  # server and workers may start at the same time
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(8003)"))
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    meta.create_all(connection)
    found = connection.execute(sa.select(schema_version.c.version)).scalar()
    if found is None:
        connection.execute(schema_version.insert().values(version=SCHEMA))
    elif found > SCHEMA:
        raise ConfigError(
            f"the database was made by a newer version of reelscope (tables {found}, this one knows {SCHEMA})",
            code="database_newer",
            hint="update reelscope here",
        )


def _first_line(error: Exception, secret: str) -> str:
    lines = str(error).strip().splitlines()
    password = sa.make_url(secret).password
    text = lines[0] if lines else type(error).__name__
    return text.replace(password, "***") if password else text
