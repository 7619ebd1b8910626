"""A PostgreSQL server of the tests' own: made in a temporary folder, on a loopback port, gone afterwards."""

from __future__ import annotations

import contextlib
import getpass
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

DEADLINE_S = 60.0


def programs() -> Path | None:
    """The folder of PostgreSQL's server programs, which Debian keeps off the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: float(p.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


class Postgres:
    """A running server."""

    def __init__(self) -> None:
        bin_dir = programs()
        if bin_dir is None:
            (pytest.fail if os.environ.get("CI") else pytest.skip)("needs Debian's postgresql, which is not installed")
        self.folder = Path(tempfile.mkdtemp(prefix="reelscope-pg-", dir="/tmp"))  # short: a socket's path may have 107 bytes
        self._as = _other_user(self.folder) if os.geteuid() == 0 else []  # it refuses to run as root
        data = self.folder / "data"
        self._run([str(bin_dir / "initdb"), "-D", str(data), "-A", "trust", "-U", "reelscope", "-E", "UTF8", "--locale=C", "--no-sync"])
        self.port = _free_port()
        args = ["-D", str(data), "-h", "127.0.0.1", "-p", str(self.port), "-k", str(self.folder)]
        args += ["-c", "fsync=off", "-c", "max_connections=200"]
        self._command = [*self._as, str(bin_dir / "postgres"), *args]
        self.admin = sa.create_engine(f"postgresql+psycopg://reelscope@127.0.0.1:{self.port}/postgres", isolation_level="AUTOCOMMIT")
        self.start()

    def start(self) -> None:
        """Start it, again after `stop`; waits until it answers."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log, cwd="/")
        until = time.monotonic() + DEADLINE_S
        while True:
            try:
                with self.admin.connect():
                    return
            except sa.exc.OperationalError:
                if time.monotonic() > until or self.process.poll() is not None:
                    self.close()
                    pytest.fail(f"PostgreSQL did not start: {(self.folder / 'log').read_text()[-2000:]}")
                time.sleep(0.05)

    def stop(self) -> None:
        """Take it away, with every connection to it; what was committed stays."""
        self.admin.dispose()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def _run(self, command: list[str]) -> None:
        done = subprocess.run([*self._as, *command], capture_output=True, text=True, cwd="/")
        assert done.returncode == 0, done.stderr

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """The address of an empty database, gone afterwards."""
        name = f"t{uuid.uuid4().hex}"
        with self.admin.connect() as c:
            c.exec_driver_sql(f'CREATE DATABASE "{name}"')
        try:
            yield f"postgresql://reelscope@127.0.0.1:{self.port}/{name}"
        finally:
            with self.admin.connect() as c:
                c.exec_driver_sql(f'DROP DATABASE "{name}" WITH (FORCE)')

    def close(self) -> None:
        """End it."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def _other_user(folder: Path) -> list[str]:
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            os.chown(folder, user.pw_uid, user.pw_gid)
            return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    pytest.skip(f"needs a user other than {getpass.getuser()} to run PostgreSQL")


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
