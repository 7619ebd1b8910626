"""Files named by their content: DATA/blobs/ab/abcd... A name that is there is whole; the janitor removes what nothing names any more."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Protocol

from reelscope.errors import InputError, OutputError
from reelscope.outputs import write_error

__all__ = ["SHA256", "Blobs", "Incoming", "LocalBlobs"]

SHA256 = re.compile(r"[0-9a-f]{64}")
BLOCK = 1 << 20
# A file that nothing names yet may belong to a job that is about to be committed; nothing takes this long from file to row.
YOUNG_S = 3600.0


class Blobs(Protocol):
    """Where files are, for whoever works on a job: this machine's folder, or a server elsewhere."""

    def reach(self) -> bool:
        """Wait until files can be had; False where that was given up."""

    def path(self, sha256: str) -> Path:
        """A local file of this content.

        Raises:
            OutputError: It is not there (`blob_missing`) or cannot be had now.
        """

    def put_bytes(self, data: bytes) -> tuple[str, int]:
        """Keep this content; returns its sha256 and bytes."""

    def put_file(self, path: Path) -> tuple[str, int]:
        """Keep a file's content; the file itself is moved where that saves copying it."""


class Incoming:
    """A file that is being written: hashed as it comes in, and named when it is whole. Use it as a context manager.

    Args:
        most_bytes: Refuse more than this.
    """

    def __init__(self, folder: Path, *, most_bytes: int | None = None) -> None:
        self._folder, self._most = folder, most_bytes
        self._hash = hashlib.sha256()
        self.size = 0
        self._kept = False

    def __enter__(self) -> Incoming:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            fd, name = tempfile.mkstemp(prefix=".incoming-", dir=self._folder)
        except OSError as error:
            raise write_error(self._folder, error) from error
        self.path = Path(name)
        self._file = os.fdopen(fd, "wb")
        return self

    def write(self, data: bytes) -> None:
        """Take some more.

        Raises:
            InputError: More than may be (`too_large`). OutputError: the disk is full.
        """
        self.size += len(data)
        if self._most is not None and self.size > self._most:
            raise InputError(
                f"larger than the {self._most // (1 << 20)} MiB that are taken", code="too_large", hint="raise server.max_upload_mib"
            )
        self._hash.update(data)
        try:
            self._file.write(data)
        except OSError as error:
            raise write_error(self._folder, error) from error

    def keep(self) -> str:
        """Give the file its name and return it."""
        sha256 = self._hash.hexdigest()
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            _place(self.path, _where(self._folder, sha256))
        except OSError as error:
            raise write_error(self._folder, error) from error
        self._kept = True
        return sha256

    def __exit__(self, *error: object) -> None:
        with contextlib.suppress(OSError):
            self._file.close()
        if not self._kept:
            self.path.unlink(missing_ok=True)


class LocalBlobs:
    """Blobs in a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def reach(self) -> bool:
        """See Blobs."""
        return True

    def has(self, sha256: str) -> bool:
        """Whether it is there."""
        return SHA256.fullmatch(sha256) is not None and _where(self.folder, sha256).is_file()

    def path(self, sha256: str) -> Path:
        """See Blobs."""
        if not self.has(sha256):
            raise OutputError(f"the file {sha256[:12]} is not here any more", code="blob_missing", hint="hand the clip in again")
        return _where(self.folder, sha256)

    def incoming(self, *, most_bytes: int | None = None) -> Incoming:
        """A file to be written piece by piece."""
        return Incoming(self.folder, most_bytes=most_bytes)

    def part(self, sha256: str) -> Path:
        """Where a file lies that comes in pieces, until it is whole."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f".incoming-{sha256}"

    def adopt(self, part: Path, sha256: str) -> None:
        """Give a whole file of this content its name.

        Raises:
            OutputError: The disk fails.
        """
        try:
            with part.open("rb") as file:
                os.fsync(file.fileno())
            _place(part, _where(self.folder, sha256))
        except OSError as error:
            raise write_error(self.folder, error) from error

    def put_bytes(self, data: bytes) -> tuple[str, int]:
        """See Blobs."""
        with self.incoming() as new:
            new.write(data)
            return new.keep(), len(data)

    def put_file(self, path: Path) -> tuple[str, int]:
        """See Blobs; the file is copied."""
        with self.incoming() as new, path.open("rb") as file:
            while block := file.read(BLOCK):
                new.write(block)
            return new.keep(), new.size

    def touch(self, sha256: str) -> bool:
        """Whether it is there; then it is young again: whoever asks is about to name it."""
        if not self.has(sha256):
            return False
        with _held(self.folder, fcntl.LOCK_SH):
            try:
                os.utime(_where(self.folder, sha256))
            except FileNotFoundError:
                return False
        return True

    def sweep(self, named: Callable[[str], Collection[str]], *, now_s: float | None = None) -> int:
        """Remove what nothing names and is no longer young; return the bytes.

        named: Hashes that something names, of those with the two first digits that it is called with: all at once would not fit anywhere.
        """
        now_s = time.time() if now_s is None else now_s
        freed = 0
        for folder in sorted(self.folder.glob("[0-9a-f][0-9a-f]")):
            old = [path for path in folder.iterdir() if _age(path, now_s) > YOUNG_S]
            kept = named(folder.name) if old else ()
            freed += sum(self._remove(path, now_s) for path in old if path.name not in kept)
        return freed + sum(self._remove(path, now_s) for path in self.folder.glob(".incoming-*"))

    def _remove(self, path: Path, now_s: float) -> int:
        """Remove a file if it is old; nobody makes it young between the look and the end."""
        with _held(self.folder, fcntl.LOCK_EX):
            if _age(path, now_s) <= YOUNG_S:
                return 0
            size = path.stat().st_size
            path.unlink()
            return size


def _where(folder: Path, sha256: str) -> Path:
    return folder / sha256[:2] / sha256


def _age(path: Path, now_s: float) -> float:
    """Seconds since it was written or asked for; of what is gone, none."""
    try:
        return now_s - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


@contextlib.contextmanager
def _held(folder: Path, how: int) -> Iterator[None]:
    """Keep the janitor of whichever process from removing what is made young just now."""
    fd = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, how)
        yield
    finally:
        os.close(fd)


def _place(part: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    with _held(target.parent.parent, fcntl.LOCK_SH):
        part.replace(target)  # the same content where it is there already; its age begins anew, which keeps the janitor away
    fd = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
