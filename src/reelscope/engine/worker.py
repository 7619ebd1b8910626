"""A worker process: `python -m reelscope.engine.worker FD`. It holds one host and does what comes through the socket FD.

It ends when told to, and by itself when its parent is gone. Ctrl-C is the parent's business. Frames come through mapped files; the socket
carries messages of a few kilobytes and, back, results.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import mmap
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

__all__ = ["Boot", "main", "registry_reference", "unpicklable"]

log = logging.getLogger(__name__)

PACKAGES = ("numpy", "opencv-python-headless", "onnxruntime", "onnxruntime-gpu", "torch")  # of which a wrong one shows in odd ways
CLOSE_S = 3.0  # at the end nothing is left to be saved: who does not end within this, ends with the process
TICK_S = 1.0  # how often idle models are looked at
STUCK_S = 600.0  # native code that keeps the interpreter's lock for so long ends the process: nothing in it could notice a dead parent


@dataclass(frozen=True, slots=True)
class Boot:
    """The first message: everything that a worker has to know.

    Attributes:
        registry: A picklable registry, or "module:NAME" of one.
        board: Its board's file.
        parent: Process id of the parent. log_level: of our own log.
        batches: Batch sizes that had to shrink in an earlier life.
    """

    name: str
    registry: Any
    settings: Any
    plan: Any
    board: str
    log_level: int
    parent: int
    batches: dict[Any, int]


def registry_reference(registry: Any) -> Any:
    """How a registry travels: by the name that it says it has (`where`), else pickled."""
    return getattr(registry, "where", None) or registry


def main(fd: int) -> None:
    """Serve until told to stop or until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.set_inheritable(fd, False)  # a program that a member starts must not hold it open after our end
    connection = Connection(fd)
    sys.path[:] = pickle.loads(connection.recv_bytes())  # before anything is unpickled that names a module of the parent's
    boot: Boot = pickle.loads(connection.recv_bytes())
    lock = threading.Lock()

    def tell(message: Any) -> None:
        send(connection, lock, message)

    faulthandler.enable()
    logging.basicConfig(handlers=[_ToParent(tell)], level=logging.WARNING, force=True)
    logging.getLogger("reelscope").setLevel(boot.log_level)
    code = 0
    try:
        _serve(boot, connection, tell)
    except (EOFError, ConnectionError):  # the parent is gone: nobody is left to tell, and its leftovers are swept by the next start
        code = 1
    except BaseException:
        code = 1
        traceback.print_exc()  # the parent tells the end of it where this happens before `Ready`
    finally:
        with contextlib.suppress(OSError):
            sys.stderr.flush()
        os._exit(code)  # threads stuck in a member, and exit handlers of native libraries, must not keep the process


def _serve(boot: Boot, connection: Connection, tell: Any) -> None:
    from reelscope.engine.board import Board
    from reelscope.engine.host import Host, make_models
    from reelscope.engine.limits import apply_in_worker
    from reelscope.engine.messages import Begin, Broken, End, Feed, Finish, Forget, Preload, Ready, Stop
    from reelscope.engine.windows import Attachment
    from reelscope.errors import ReelscopeError

    apply_in_worker(boot.plan, boot.settings)
    registry = _find(boot.registry)
    with Path(boot.board).open("r+b") as file:
        board = Board(memoryview(mmap.mmap(file.fileno(), 0)))
    models = make_models(boot.settings, boot.plan, tell)
    host = Host(registry, tell, models=models, board=board, threads=boot.plan.threads, keep=boot.settings.optimisation.clips_in_flight)
    host.remember_batches(boot.batches)
    attachment = Attachment()
    threading.Thread(target=_tick, args=(models, boot.parent), name="tick", daemon=True).start()
    tell(Ready(view(boot.plan)))
    while True:
        message = pickle.loads(connection.recv_bytes())
        board.take()
        match message:
            case Feed(run, window):
                if host.knows(run):
                    try:
                        host.feed(run, attachment.open(window), window.key)
                    except ReelscopeError as error:
                        if host.knows(run):  # else its slot was given to another window by right
                            tell(Broken(run, error.message))
            case Begin() as message:
                host.begin(message)
            case End(run):
                host.end(run)
            case Finish() as message:
                host.finish(message)
            case Preload() as message:
                host.preload(message)
            case Forget(run):
                host.forget(run)
            case Stop():
                host.close(CLOSE_S)
                return


def send(connection: Connection, lock: threading.Lock, message: Any) -> None:
    """Send a message; a result that cannot be pickled is sent as that failure."""
    from reelscope.engine.messages import Finished, Pickled

    if isinstance(message, Finished):
        try:
            message = replace(message, result=Pickled(pickle.dumps(message.result, protocol=pickle.HIGHEST_PROTOCOL)))
        except Exception as error:  # pickling calls into the result's own code
            message = unpicklable(message, error)
    data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    with lock, contextlib.suppress(BrokenPipeError):  # a dead parent is noticed where we read
        connection.send_bytes(data)


def unpicklable(message: Any, error: Exception) -> Any:
    """`Finished` with a failure in place of a result that cannot get from one process to the other."""
    from reelscope.engine.runner import Failure

    reason = f"its result cannot be sent to the main process: {type(error).__name__}: {error}"
    return replace(message, result=None, failure=Failure("failed", "unpicklable_result", reason))


def view(plan: Any) -> dict[str, Any]:
    """What this process sees of the machine, for `reelscope doctor`."""
    from importlib.metadata import PackageNotFoundError, version

    from reelscope.engine.hardware import available_cores

    packages = {}
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            packages[name] = version(name)
    return {
        "worker": plan.name,
        "pid": os.getpid(),
        "device": plan.device,
        "cores": available_cores(),
        "threads": plan.numeric_threads,
        "gpus": [uuid for uuid in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if uuid],
        "gpu_budget_mib": plan.gpu_budget_mib,
        "nice": os.nice(0),
        "allocator": os.environ.get("PYTORCH_ALLOC_CONF") or os.environ.get("PYTORCH_CUDA_ALLOC_CONF"),
        "packages": packages,
    }


def _find(reference: Any) -> Any:
    if not isinstance(reference, str):
        return reference
    import importlib

    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)


def _tick(models: Any, parent: int) -> None:
    """Unload idle models; end without a parent; show the watchdog, which needs no interpreter, that this process still runs."""
    while True:
        faulthandler.dump_traceback_later(STUCK_S, exit=True)
        if os.getppid() != parent:  # also where another child of it holds our connection open
            os._exit(1)
        try:
            models.tidy()
        except Exception:
            log.exception("unloading idle models failed")
        time.sleep(TICK_S)


class _ToParent(logging.Handler):
    """Log records go to the parent's log, under their own names."""

    def __init__(self, tell: Any) -> None:
        super().__init__()
        self.tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        from reelscope.engine.messages import LogLine
        from reelscope.events import bound_now

        with contextlib.suppress(Exception):  # a log line must not end a worker
            trace = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
            self.tell(LogLine(record.name, record.levelno, record.getMessage(), trace, dict(bound_now())))


if __name__ == "__main__":
    # under its own name, so that messages unpickle as the classes of this module and not of __main__
    from reelscope.engine import worker

    worker.main(int(sys.argv[1]))
