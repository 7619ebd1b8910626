"""Clips on the command line: place for the results, progress, summary."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reelscope.cli.progress import ProgressView
from reelscope.cli.terminal import State, console, one_line, say_exception
from reelscope.outputs import out_folder

if TYPE_CHECKING:
    from rich.table import Table

    from reelscope.document.schema import AnalyzerEntry, Document
    from reelscope.pipeline import Origin, Session, Written

__all__ = ["Target", "analyze_all", "missing_lines"]


@dataclass(frozen=True, slots=True)
class Target:
    """One clip and the folder for its results. job: what its events are told under; origin: of a clip that was made here.

    by_post: The source is an address, and its folder, in `folder`, is named after the post once that is known.
    """

    source: str
    folder: Path
    job: str
    origin: Origin | None = None
    by_post: bool = False


KINDS = {"json": "document", "html": "report"}


def analyze_all(
    session: Session, targets: Sequence[Target], *, only: Sequence[str] | None, skip: Sequence[str], quiet: bool, state: State
) -> int:
    """Analyse clips into their folders; return the highest exit code. One clip that fails does not stop the others.

    A document that is written is success, also where analyzers failed: it says so.
    """
    from reelscope.cli.fetched import Names, analyze_fetched, label
    from reelscope.media.urls import is_url

    settings = session.settings
    names = Names(target.folder.name for target in targets if not target.by_post)
    worst = 0
    last: Document | None = None
    with ProgressView(session.events, quiet=quiet) as view:

        def work(target: Target) -> Written:
            if is_url(target.source):
                with view.clip(target.job, label(target.source)):
                    return analyze_fetched(session, target, names, only=only, skip=skip)
            with out_folder(target.folder, settings.system.min_free_disk_mib), view.clip(target.job, label(target.source)):
                analysis = session.analyze(target.source, only=only, skip=skip, job=target.job, origin=target.origin)
                return session.write(analysis, target.folder, clip=Path(target.source))

        for target, done in session.each(work, targets):
            if isinstance(done, Exception):
                if isinstance(done, BrokenPipeError):  # nobody reads our output any more
                    raise done
                worst = max(worst, say_exception(done, state))
            elif not quiet:
                _tell(label(target.source), done, brief=len(targets) > 1)
                last = done.document
    if len(targets) > 1 and last is not None:
        for line in missing_lines({n: e for n, e in last.analyzers.items() if e.status == "unavailable"}):  # the same for every clip
            console().print(line, soft_wrap=True, markup=False, highlight=False)
    return worst


def missing_lines(entries: Mapping[str, AnalyzerEntry]) -> list[str]:
    """What was not measured though it could have been asked for, one line for each reason, with what would change it."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for name, entry in entries.items():
        if entry.status in ("unavailable", "failed", "timeout"):
            groups.setdefault((entry.status, entry.reason or "no reason given", entry.hint or ""), []).append(name)
    words = {"unavailable": "not measured"}
    return [
        f"{words.get(status, status)} ({len(names)}): {reason}: {', '.join(names)}" + (f"; to change that: {hint}" if hint else "")
        for (status, reason, hint), names in groups.items()
    ]


def _tell(name: str, written: Written, *, brief: bool) -> None:
    """The summary on stdout: a table, what is missing, where the files lie. brief: for one of many, without what is alike for all."""
    from rich.text import Text

    document = written.document
    out = console()
    run = document.run
    pace = f" ({run.realtime_factor:.2f}x its length)" if run.realtime_factor is not None else ""
    took = f" analysed in {run.seconds:.1f} s{pace}" if run.seconds is not None else ""
    out.print(Text(f"{one_line(name)}: {document.media.duration_s:.1f} s{took}", style="bold"), soft_wrap=True)
    entries, reused = document.analyzers, len(document.run.cache.results_reused)
    if brief:
        ok = [n for n, e in entries.items() if e.status == "ok"]
        out.print(Text(f"{len(ok)} analyzers ok" + (f" ({reused} kept from before)" if reused else "")), soft_wrap=True)
        entries = {n: e for n, e in entries.items() if e.status != "unavailable"}
    else:
        out.print(_table(document))
        if reused:
            out.print(Text(f"{reused} of these are kept from an earlier run of this clip, with its seconds; --fresh computes them anew"))
    for line in document.media.warnings:
        out.print(Text(f"note: {one_line(line)}"), soft_wrap=True)
    for line in missing_lines(entries):
        out.print(Text(one_line(line)), soft_wrap=True)
    for kind in (k for k in KINDS if k in written.paths):
        out.print(Text(f"{KINDS[kind]}: {one_line(os.path.relpath(written.paths[kind]))}"), soft_wrap=True)


def _table(document: Document) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("analyzer", "status", "backend"):
        table.add_column(title, no_wrap=True)
    table.add_column("seconds", justify="right")
    styles = {"ok": "green", "failed": "red", "timeout": "red"}
    for name, entry in sorted(document.analyzers.items(), key=lambda item: item[1].attempts == 0):  # stable: what ran stands first
        took = "" if entry.seconds is None or not entry.attempts else f"{entry.seconds:.2f}"
        table.add_row(name, Text(entry.status, style=styles.get(entry.status, "dim")), entry.backend or "", took)
    return table
