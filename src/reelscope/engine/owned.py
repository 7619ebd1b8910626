"""Folders that end with their owner: a lock file, held with flock by the living process, tells a later start what may be removed.

A lock dies with its process, however that ends; a process id in a file could belong to somebody else by the time it is read.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from reelscope.errors import OutputError
from reelscope.outputs import check_room

if TYPE_CHECKING:
    from reelscope.config.tree import System

__all__ = ["OwnedFolder", "sweep", "work_folder"]

log = logging.getLogger(__name__)

# Only names of this form are ever removed: a user's own "reelscope-results" in the same place is not ours.
ID_BYTES = 8
LOCK_SUFFIX = ".lock"
# An owner holds its lock before its folder exists, so a folder without one is left of a removed lock file, never of a slow start.
# The minute is for clocks and file systems that lag behind.
UNLOCKED_AGE_S = 60.0


class OwnedFolder:
    """A private folder that is removed on close, and by the next `sweep` where its owner died before.

    Args:
        parent: An existing folder; prefix: of the names `<prefix><id>` and `<prefix><id>.lock` in it.

    Attributes:
        path: The folder, readable by its owner only (mode 0700).

    Raises:
        OSError: The folder cannot be made.

    Example:
        >>> with OwnedFolder(Path("/dev/shm")) as folder: ...  # doctest: +SKIP
    """

    def __init__(self, parent: Path, prefix: str = "reelscope-") -> None:
        self._pid = os.getpid()
        self._fds: list[int] = []
        while True:
            lock = parent / f"{prefix}{secrets.token_hex(ID_BYTES)}{LOCK_SUFFIX}"
            fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
                if _names(lock, fd):
                    break
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)  # a sweep was quicker than our lock and has removed the file
        self._fds.append(fd)
        self._lock = lock
        self.path = lock.with_name(lock.name.removesuffix(LOCK_SUFFIX))
        try:
            self.path.mkdir(mode=0o700)
            # A second lock on the folder itself: programs that clean /tmp by age respect it, and may remove the lock file.
            self._fds.append(os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC))
            fcntl.flock(self._fds[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Remove the folder, then the lock; may be called again. A forked child only lets go of it."""
        fds, self._fds = self._fds, []
        if fds and self._pid == os.getpid() and _remove_tree(self.path):
            self._lock.unlink(missing_ok=True)  # else it stays, and a later sweep tries again
        for fd in fds:
            os.close(fd)  # never LOCK_UN: it would take the lock from the parent of a forked child

    def __enter__(self) -> OwnedFolder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


@contextmanager
def work_folder(system: System) -> Iterator[Path]:
    """A clip's private folder for its decoded sound and spools, gone afterwards.

    Raises:
        OutputError: It cannot be made, or has less room than `system.min_free_disk_mib`.
    """
    parent = system.temp_dir or Path(tempfile.gettempdir())
    try:
        folder = OwnedFolder(parent)
    except OSError as error:
        raise OutputError(f"{parent}: cannot be written ({error.strerror or error})", hint="set system.temp_dir") from error
    with folder:
        check_room(folder.path, system.min_free_disk_mib)
        yield folder.path


def sweep(parent: Path, prefix: str = "reelscope-") -> list[Path]:
    """Remove what dead owners left in `parent`; what a living owner holds and what belongs to other users stays.

    Returns:
        The folders and lock files that were removed, by name. An empty list where `parent` does not exist.
    """
    pattern = re.compile(f"({re.escape(prefix)}[0-9a-f]{{{2 * ID_BYTES}}})({re.escape(LOCK_SUFFIX)})?")
    try:
        found = [m for name in sorted(os.listdir(parent)) if (m := pattern.fullmatch(name))]  # noqa: PTH208
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []
    removed: list[Path] = []
    locked = {m[1] for m in found if m[2]}
    for name in sorted(locked):
        removed += _sweep_locked(parent / name, parent / f"{name}{LOCK_SUFFIX}")
    for name in sorted({m[1] for m in found} - locked):
        removed += _sweep_unlocked(parent / name, parent / f"{name}{LOCK_SUFFIX}")
    if removed:
        log.info("removed what ended processes left: %s", ", ".join(map(str, removed)))
    return removed


def _sweep_locked(folder: Path, lock: Path) -> list[Path]:
    fd = _take(lock, os.O_RDWR | os.O_NONBLOCK, stat.S_ISREG)
    if fd is None:
        return []
    try:
        if not _names(lock, fd):  # another sweep was here
            return []
        removed = []
        if folder.exists() or folder.is_symlink():
            if not _sweep_folder(folder):
                return []
            removed.append(folder)
        lock.unlink(missing_ok=True)
        return [*removed, lock]
    except PermissionError:
        return []
    finally:
        os.close(fd)


def _sweep_unlocked(folder: Path, lock: Path) -> list[Path]:
    try:
        if time.time() - folder.lstat().st_mtime < UNLOCKED_AGE_S or lock.exists():
            return []
    except OSError:  # gone since it was listed
        return []
    return [folder] if _sweep_folder(folder) else []


def _sweep_folder(folder: Path) -> bool:
    """Remove a folder whose own lock nobody holds; a link or a file of that name is not ours and stays."""
    fd = _take(folder, os.O_RDONLY | os.O_DIRECTORY, stat.S_ISDIR)
    if fd is None:
        return False
    try:
        return _remove_tree(folder)
    finally:
        os.close(fd)


def _take(path: Path, flags: int, kind: Callable[[int], bool]) -> int | None:
    """Open and lock without waiting; None where it is held, not of that kind, another user's, or gone."""
    try:
        fd = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:  # gone, a link, or not permitted: in each case not ours to remove
        return None
    try:
        facts = os.fstat(fd)
        if kind(facts.st_mode) and facts.st_uid == os.geteuid():  # root must not clear up after others either
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return fd
    except OSError:  # BlockingIOError: its owner lives; others: a file system without locks
        pass
    os.close(fd)
    return None


def _names(path: Path, fd: int) -> bool:
    """Whether `path` still names the open file."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(fd))
    except FileNotFoundError:
        return False


def _remove_tree(folder: Path) -> bool:
    """Remove as much as can be removed, never through a link; whether nothing is left."""
    shutil.rmtree(folder, ignore_errors=True)
    left = folder.exists()
    if left:
        log.warning("%s could not be removed completely", folder)
    return not left
