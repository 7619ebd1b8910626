"""A batch at work: in this process, or on a server."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelscope.cli.batch_ledger import Ledger
from reelscope.cli.batch_list import Item
from reelscope.errors import EngineError, OutputError, ReelscopeError
from reelscope.media.urls import is_url

if TYPE_CHECKING:
    from reelscope.api import AnalysisStatus
    from reelscope.client import Client
    from reelscope.pipeline import Session

__all__ = ["run_local", "run_remote"]

# What every further clip would meet too: going on would only mark all of them as failed.
FATAL = frozenset({"disk_full", "unwritable_output"})
GIVEN_UP = frozenset({"stopped", "closed"})
LONG_NAP_S = 10.0  # a wait that somebody who looks should be told the reason of; ours between two looks are shorter
CANCEL_S = 5.0  # for telling the server what is not wanted any more: an interrupt is not made to wait longer for one answer


class _StopError(Exception):
    """Ends what a thread is doing for the batch."""


def run_local(session: Session, items: Sequence[Item], ledger: Ledger, *, only: Sequence[str] | None, skip: Sequence[str]) -> None:
    """Analyse clips here, `optimisation.clips_in_flight` at a time, each into its folder.

    Raises:
        ReelscopeError: Something that ends the whole: the folder or the disk. What is finished is in the journal.
    """
    from reelscope.cli.fetched import Names, analyze_fetched
    from reelscope.cli.once import Target
    from reelscope.outputs import out_folder

    settings = session.settings
    base = ledger.journal.path.parent
    ended = threading.Event()

    def work(item: Item) -> None:
        if ended.is_set():
            raise _StopError
        started = time.monotonic()
        try:
            if is_url(item.source):
                analyze_fetched(session, Target(item.source, base / item.folder, item.folder), Names(()), only=only, skip=skip)
            else:
                with out_folder(base / item.folder, settings.system.min_free_disk_mib) as folder:
                    analysis = session.analyze(item.source, only=only, skip=skip, job=item.folder)
                    session.write(analysis, folder, clip=Path(item.source))
        except EngineError as error:
            if error.code in GIVEN_UP:
                raise
            ledger.lose(item, error, seconds=time.monotonic() - started)
        except Exception as error:  # one clip that fails does not stop the others
            if isinstance(error, ReelscopeError) and error.code in FATAL:
                ended.set()
                raise
            ledger.lose(item, error, seconds=time.monotonic() - started)
        else:
            ledger.finish(item, seconds=time.monotonic() - started)

    def told(item: Item) -> None:
        try:
            work(item)
        except (OutputError, OSError):  # the journal or whoever reads our output is gone
            ended.set()
            raise

    fatal: Exception | None = None
    for _, outcome in session.each(told, items):
        if isinstance(outcome, Exception) and not isinstance(outcome, _StopError) and fatal is None:
            fatal = outcome
            ended.set()
    if fatal is not None:
        raise fatal


def run_remote(connect: Callable[..., Client], items: Sequence[Item], ledger: Ledger, *, at_once: int, request: Mapping[str, Any]) -> None:
    """Hand clips to a server, at most `at_once` outstanding, and fetch their results.

    Where this is interrupted, what is outstanding is cancelled on the server.

    Args:
        connect: Makes a client; takes `sleep`, `retries` and `timeout_s`.

    Raises:
        ReelscopeError: The server does not answer any more or does not let us in, or the disk is full.
    """
    stop = threading.Event()
    outstanding: dict[str, str] = {}  # key -> id

    silent = threading.Event()  # once is enough: with many clips at the same time each one waits

    def nap(seconds: float) -> None:
        if seconds >= LONG_NAP_S and not silent.is_set():
            silent.set()
            sys.stderr.write(f"the server takes nothing more for now (busy or full); it is asked again every {seconds:.0f} s\n")
            sys.stderr.flush()
        if stop.wait(seconds):
            raise _StopError

    def pulse(done: int, total: int | None) -> None:
        if stop.is_set():
            raise _StopError

    with connect(sleep=nap) as client:

        def work(item: Item) -> None:
            if stop.is_set():
                raise _StopError
            started = time.monotonic()
            status: AnalysisStatus | None = None
            try:
                status = _earlier(client, item, ledger)
                if status is None:
                    status = _hand_in(client, item, request, pulse)
                    ledger.submitted(item, status.id)
                outstanding[item.key] = status.id
                status = client.wait(status.id)
                if status.state == "done":
                    _save(client, status.id, item, ledger)
            except ReelscopeError as error:
                if _ends_all(error):
                    raise
                ledger.lose(item, error, seconds=time.monotonic() - started, id=status.id if status else None)
            else:
                _settle(ledger, item, status, time.monotonic() - started)
            outstanding.pop(item.key, None)

        def guarded(item: Item) -> None:
            try:
                work(item)
            except BaseException:
                stop.set()  # before this thread takes the next one
                raise

        pool = ThreadPoolExecutor(at_once, thread_name_prefix="submit")
        try:
            futures = [pool.submit(guarded, item) for item in items]
            wait(futures, return_when=FIRST_EXCEPTION)
        except BaseException:  # an interrupt
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            _cancel(connect, list(outstanding.values()))
            raise
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
    errors = [error for future in futures if not future.cancelled() and (error := future.exception()) is not None]
    if errors:
        raise next((error for error in errors if not isinstance(error, _StopError)), errors[0])


def _hand_in(client: Client, item: Item, request: Mapping[str, Any], pulse: Callable[[int, int | None], None]) -> AnalysisStatus:
    if is_url(item.source):
        return client.submit(item.source, **request)
    return client.submit(file=item.source, progress=pulse, **request)


def _earlier(client: Client, item: Item, ledger: Ledger) -> AnalysisStatus | None:
    """The analysis that a killed run has left on the server, unless it is gone or was cancelled."""
    from reelscope.client import ApiError

    entry = ledger.journal.entries.get(item.key)
    if entry is None or entry.state != "submitted" or entry.id is None or entry.options != ledger.options:
        return None
    try:
        status = client.get(entry.id)
    except ApiError as error:
        if error.status == 404:
            return None
        raise
    return None if status.state == "cancelled" else status


def _save(client: Client, id: str, item: Item, ledger: Ledger) -> None:
    from reelscope.cli.remote import save

    save(client, id, ledger.journal.path.parent / item.folder)


def _settle(ledger: Ledger, item: Item, status: AnalysisStatus, seconds: float) -> None:
    from reelscope.client import ApiError

    if status.state == "done":
        ledger.finish(item, seconds=seconds, id=status.id)
        return
    told = status.error
    error = (
        ApiError(told.message, code=told.code, hint=told.hint, retryable=told.retryable)
        if told is not None
        else ApiError("cancelled on the server", code="cancelled", retryable=True)
    )
    ledger.lose(item, error, seconds=seconds, id=status.id, cancelled=status.state == "cancelled")


def _ends_all(error: ReelscopeError) -> bool:
    """Whether the next clip would meet the same: the server is gone, busy beyond all patience, or does not let us in."""
    from reelscope.client import ApiError
    from reelscope.client.errors import BUSY

    if isinstance(error, ApiError):
        return (error.status == 0 and error.code in ("no_server", "no_answer")) or error.status in BUSY | {401, 403}
    return error.code in FATAL


def _cancel(connect: Callable[..., Client], ids: Sequence[str]) -> None:
    """Tell the server what is not wanted any more, for a few seconds; what it is not told a rerun finds there."""
    deadline = time.monotonic() + CANCEL_S
    with connect(retries={"times": 0}, timeout_s=CANCEL_S) as client:
        for id in ids:
            if time.monotonic() > deadline:
                return
            with contextlib.suppress(ReelscopeError):
                client.cancel(id)
