"""Where results go: a folder that takes them, files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from reelscope.errors import InputError, OutputError, ReelscopeError

__all__ = ["DISK_ERRORS", "check_room", "out_folder", "write_error", "write_files"]

MIB = 1024 * 1024

# Errors of the disk itself, rather than of the path that was asked for: exit code 1 instead of 2.
DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG})


@contextmanager
def out_folder(folder: Path, min_free_mib: int = 0) -> Iterator[Path]:
    """Make the folder and see that it takes files and has room; folders made here go again if the block fails.

    Raises:
        InputError: It cannot be written to.
        OutputError: The disk has no room or fails.
    """
    made = [p for p in (folder, *folder.parents) if not p.exists()]
    try:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise write_error(folder, error) from error
        check_room(folder, min_free_mib)
        yield folder
    except BaseException:
        for path in made:
            with contextlib.suppress(OSError):  # not empty: something of value is in it
                path.rmdir()
        raise


def check_room(folder: Path, min_free_mib: int) -> None:
    """Raise where a folder's disk has less than this free.

    Raises:
        OutputError: Too little, or the disk cannot be asked.
    """
    try:
        free = shutil.disk_usage(folder).free // MIB
    except OSError as error:
        raise write_error(folder, error) from error
    if free < min_free_mib:
        raise OutputError(
            f"{folder}: {free} MiB free, at least {min_free_mib} MiB are wanted",
            code="disk_full",
            hint="free some space, choose another folder, or lower system.min_free_disk_mib",
        )


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files into `folder`, all of them or none: each under a temporary name first, then renamed in the order given.

    Args:
        folder: An existing folder.
        files: Content by relative path; folders on the way are made.

    Raises:
        InputError: The place cannot be written to.
        OutputError: The disk fails. In either case, and on an interrupt, what this call wrote is gone.
    """
    parts: list[tuple[Path, Path]] = []
    placed: list[Path] = []
    made: list[Path] = []
    try:
        try:
            for name, data in files.items():
                target = folder / name
                made += [p for p in (target.parent, *target.parent.parents) if not p.exists()]
                target.parent.mkdir(parents=True, exist_ok=True)
                _sweep_parts(target)
                part = target.with_name(f".{target.name}.{os.getpid()}.part")
                parts.append((part, target))
                part.write_bytes(data)
            for part, target in parts:
                part.replace(target)
                placed.append(target)
        except OSError as error:
            raise write_error(folder, error) from error
    except BaseException:
        for path in (*(part for part, _ in parts), *placed):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        for path in made:
            with contextlib.suppress(OSError):
                path.rmdir()
        raise


def _sweep_parts(target: Path) -> None:
    """Remove what processes that are no more left of a file when they were killed in the middle of it."""
    for left in target.parent.glob(f".{glob.escape(target.name)}.*.part"):
        owner = left.name.split(".")[-2]
        with contextlib.suppress(ValueError, OverflowError, PermissionError):  # not a name of ours; another user's process lives
            try:
                os.kill(int(owner), 0)
            except ProcessLookupError:
                left.unlink(missing_ok=True)


def write_error(path: Path, error: OSError) -> ReelscopeError:
    """What an OSError means to the user: a wrong place (exit code 2) or a failing disk (1)."""
    message = f"{path}: cannot be written to: {error.strerror or error}"
    if error.errno in DISK_ERRORS:
        code = "disk_full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else None
        return OutputError(message, code=code, hint="free some space, or choose another folder")
    return InputError(message, code="unwritable_output", hint="choose another folder with --out")
