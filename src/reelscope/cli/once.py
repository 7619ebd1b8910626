"""One clip on the command line: place for the results, progress, summary."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from reelscope.cli.analyze import missing_lines, refuse_url
from reelscope.cli.progress import show_progress
from reelscope.cli.terminal import console, one_line
from reelscope.errors import InputError, OutputError
from reelscope.events import EventBus

if TYPE_CHECKING:
    from reelscope.config import Settings
    from reelscope.document.schema import Document
    from reelscope.pipeline import Written

__all__ = ["analyze_one", "out_folder"]

MIB = 1024 * 1024

# Errors of the disk itself rather than of the path that was asked for: exit code 1 instead of 2.
DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG})


def analyze_one(source: str, folder: Path, *, only: Sequence[str] | None, skip: Sequence[str], settings: Settings, quiet: bool) -> int:
    """Analyse one clip into `folder`; return the exit code (1 where everything that was asked for failed)."""
    refuse_url(source)
    from reelscope.media.probe import probe

    probe(source)  # before anything is created: a bad clip leaves no folder behind
    from reelscope.pipeline import analyze_to

    bus = EventBus()
    with out_folder(folder, settings), show_progress(bus, Path(source).name, quiet=quiet):
        written = analyze_to(source, folder, formats=settings.output.formats, only=only, skip=skip, settings=settings, events=bus)
    if not quiet:
        _tell(written)
    return 0


@contextmanager
def out_folder(folder: Path, settings: Settings) -> Iterator[None]:
    """Make the folder, see that it takes files and that there is room; folders made here go again if the block fails.

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
            what = f"{folder}: cannot be written to: {error.strerror}"
            if error.errno in DISK_ERRORS:
                raise OutputError(what, hint="free some space, or choose another folder with --out") from error
            raise InputError(what, code="output_not_writable", hint="choose another folder with --out") from error
        _check_room(folder, "output.dir", settings)
        _check_room(settings.system.temp_dir or Path(tempfile.gettempdir()), "system.temp_dir", settings)
        yield
    except BaseException:
        for path in made:
            with contextlib.suppress(OSError):  # not empty: something of value is in it
                path.rmdir()
        raise


def _check_room(folder: Path, setting: str, settings: Settings) -> None:
    try:
        free = shutil.disk_usage(folder).free // MIB
    except OSError as error:
        raise InputError(
            f"{folder} ({setting}): {error.strerror}", code="output_not_writable", hint=f"set {setting} to a folder that is there"
        ) from error
    least = settings.system.min_free_disk_mib
    if free < least:
        raise OutputError(
            f"{folder}: {free} MiB free, at least {least} MiB are wanted",
            code="disk_full",
            hint="free some space, or lower system.min_free_disk_mib",
        )


def _tell(written: Written) -> None:
    """The summary on stdout: a table, where the files lie, what is missing."""
    from rich.text import Text

    document = written.document
    out = console()
    out.print(_table(document))
    run = document.run
    if run.seconds is not None:
        ratio = f" ({run.realtime_factor:.2f}x its length)" if run.realtime_factor is not None else ""
        out.print(Text(f"{document.media.duration_s:.1f} s of video in {run.seconds:.1f} s{ratio}"))
    for line in document.media.warnings:
        out.print(Text(f"note: {one_line(line)}"), soft_wrap=True)
    for kind, path in written.paths.items():
        out.print(Text(f"{ {'json': 'document', 'html': 'report'}.get(kind, kind) }: {os.path.relpath(path)}"), soft_wrap=True)
    for line in missing_lines(document.analyzers):
        out.print(Text(one_line(line)), soft_wrap=True)


def _table(document: Document) -> object:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("analyzer", "status", "backend"):
        table.add_column(title, no_wrap=True)
    table.add_column("seconds", justify="right")
    styles = {"ok": "green", "failed": "red", "timeout": "red", "not_applicable": "dim", "unavailable": "dim", "skipped": "dim"}
    for name, entry in document.analyzers.items():
        took = "" if entry.seconds is None or not entry.attempts else f"{entry.seconds:.2f}"
        table.add_row(name, Text(entry.status, style=styles[entry.status]), entry.backend or "", took)
    return table
