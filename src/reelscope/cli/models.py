"""`reelscope models`: what is here, bringing it here, checking it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reelscope.errors import InputError, ModelError

if TYPE_CHECKING:
    from reelscope.config import Settings
    from reelscope.models.fetch import Progress
    from reelscope.models.importing import Imported
    from reelscope.models.store import ModelStore

__all__ = ["app"]

app = typer.Typer(help="Models: what is here, fetching or importing it, checking it.", no_args_is_help=True)

DEFAULT_TIER = "compact"  # some 20 MB for any computer; the full tier is for a GPU and has tens of GB

WIDE = 110  # columns of a terminal that has room for what a model is for

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Accept = Annotated[
    list[str] | None,
    typer.Option("--accept-licence", metavar="NAME", help="Accept the licence of model NAME, where it is not Apache, MIT or BSD."),
]


@app.command("list")
def list_models(
    tier: Annotated[str | None, typer.Option("--tier", metavar="T", help="Only this tier: embedded, compact or full.")] = None,
    as_json: Json = False,
) -> None:
    """List every model: what it is for, its licence, its size, whether it is here."""
    from reelscope.cli.terminal import console, read_settings
    from reelscope.models.catalog import Catalog
    from reelscope.models.manifest import TIERS, manifest
    from reelscope.models.states import state

    if tier is not None and tier not in TIERS:
        raise InputError(f"--tier {tier}: there is no such tier", hint=f"one of {', '.join(TIERS)}")
    catalog = Catalog.of(read_settings().settings)
    states = [state(catalog, entry) for entry in manifest().values() if tier in (None, entry.tier)]
    if as_json:
        rows = [
            {
                "name": s.entry.name,
                "tier": s.entry.tier,
                "purpose": s.entry.purpose,
                "licence": s.entry.licence,
                "opt_in": s.entry.opt_in,
                "bytes": s.bytes,
                "state": s.word,
                "detail": s.detail,
                "hint": s.hint,
            }
            for s in states
        ]
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return
    from rich.table import Table
    from rich.text import Text

    out = console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    titles = ("model", "tier", "MB", "state", "licence", *(("for",) if out.width >= WIDE else ()))
    for title in titles:
        table.add_column(title, no_wrap=title != "licence", justify="right" if title == "MB" else "left", overflow="ellipsis")
    styles = {"in package": "green", "in store": "green", "damaged": "bold red", "licence not accepted": "yellow"}
    for s in states:
        licence = s.entry.licence + ("" if s.entry.permissive else "*")
        size = "" if s.entry.files_of else _mb(s.bytes)
        row = (s.entry.name, s.entry.tier, size, Text(s.word, style=styles.get(s.word, "dim")), licence, s.entry.purpose)
        table.add_row(*row[: len(titles)])
    out.print(table)
    out.print(Text("*: used only when accepted by name: --accept-licence NAME, with pull or import"), soft_wrap=True)
    for s in states:
        if s.detail and s.word in ("damaged", "not here"):
            out.print(Text(f"{s.entry.name}: {s.detail}" + (f"; to change that: {s.hint}" if s.hint else "")), soft_wrap=True)


@app.command()
def pull(
    ctx: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME|TIER]...", help="Models or tiers; without: compact.")] = None,
    accept_licence: Accept = None,
    revision: Annotated[
        str | None, typer.Option("--revision", metavar="R", help="Of one model of a hub: this commit or branch, trusted as it is.")
    ] = None,
    if_online: Annotated[
        bool, typer.Option("--if-online", help="Where connections are forbidden, go on with those that are here.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Write nothing but errors.")] = False,
) -> None:
    """Fetch models into the store; nothing else fetches any.

    What was interrupted goes on where it stopped. Files are verified before they get their names. A model of a hub is pinned by what came
    the first time.
    """
    import os
    from dataclasses import replace

    from reelscope.cli.terminal import State, read_settings, say_exception
    from reelscope.models.download import Client, Places
    from reelscope.models.fetch import Puller, choose, why_offline
    from reelscope.models.manifest import manifest

    settings = read_settings().settings
    store = _store(settings)
    accept = _known(accept_licence or ())
    words = tuple(names or (DEFAULT_TIER,))
    chosen = choose(store, manifest(), words, accept)
    if revision is not None and len(chosen.entries) != 1:
        raise InputError("--revision is of one model", hint="reelscope models pull NAME --revision COMMIT")
    say = (lambda line: None) if quiet else (lambda line: sys.stdout.write(f"{line}\n"))
    new = [e for e in chosen.entries if not store.present(e)]
    offline = why_offline(settings)
    if if_online and offline is not None and len(new) < len(chosen.entries):
        for entry in new:
            say(f"{entry.name}: not here, and {offline} forbids every connection")
        chosen = replace(chosen, entries=tuple(e for e in chosen.entries if e not in new))
        new = []
    if new:
        total = sum(e.bytes for e in new)
        say(f"to fetch into {store.root}: {', '.join(f'{e.name} ({_mb(e.bytes)} MB)' for e in new)}; {_mb(total)} MB in all")
    for entry, why, command in chosen.left_out:
        say(f"left out: {entry.name}: {why}; {command}")
    if chosen.on_request:
        say(f"only by name: {', '.join(e.name for e in chosen.on_request)}")
    worst = 0
    with _progress(quiet=quiet) as progress:
        puller = Puller(
            store,
            Client(Places.of(os.environ)),
            offline=offline,
            accept=accept,
            reserve_mib=settings.system.min_free_disk_mib,
            progress=progress,
        )
        for entry in chosen.entries:
            try:
                fetched = puller.pull(entry, revision=revision)
            except ModelError as error:
                if error.code in STOPPING or len(chosen.entries) == 1:
                    raise
                worst = max(worst, say_exception(error, ctx.ensure_object(State)))
                continue
            say(f"{entry.name}: {f'fetched {_mb(fetched)} MB' if fetched else 'here already'}")
            if fetched and entry.on_hub:
                record = store.record(entry)
                say(f"{entry.name}: recorded as commit {record.revision if record else None}; another content of it will be refused")
    if worst:
        raise typer.Exit(worst)


# What would fail for the next model too.
STOPPING = frozenset({"offline", "download_failed", "not_trusted", "not_https"})


@app.command("import")
def import_models(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with the files, or one file.", show_default=False)],
    as_name: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", help="Take the files as those of model NAME, whose sums the manifest does not pin."),
    ] = None,
    revision: Annotated[str | None, typer.Option("--revision", metavar="R", help="With --as: the commit that the files are of.")] = None,
    link: Annotated[bool, typer.Option("--link", help="Make hard links instead of copies, where the disk is the same.")] = False,
    accept_licence: Accept = None,
    as_json: Json = False,
) -> None:
    """Take models out of a folder, without any connection: files that the manifest pins, told by their sums.

    Other files do no harm and are listed. With --as the files are trusted as they are, and their sums recorded. Exit code 1: nothing taken.
    """
    from reelscope.cli.terminal import read_settings, say_error
    from reelscope.models.importing import import_as, import_folder
    from reelscope.models.manifest import manifest

    settings = read_settings().settings
    accept, store = _known(accept_licence or ()), _store(settings)
    reserve_mib = settings.system.min_free_disk_mib
    if as_name is not None:
        entry = manifest()[_known([as_name])[0]]
        done = import_as(store, entry, folder, accept, revision=revision, link=link, reserve_mib=reserve_mib)
    elif revision is not None:
        raise InputError("--revision goes with --as", hint="reelscope models import DIR --as NAME --revision COMMIT")
    else:
        done = import_folder(store, manifest(), folder, accept, link=link, reserve_mib=reserve_mib)
    if as_json:
        sys.stdout.write(json.dumps(_imported(done), indent=2) + "\n")
    else:
        _tell(done, trusted=as_name is not None)
    if not done.taken and not done.here:
        say_error(f"nothing taken: {folder} has no whole model that the manifest pins", _what_would_do(done))
        raise typer.Exit(1)


def _what_would_do(done: Imported) -> str:
    """What to do where nothing was taken: what is lacking of a model that is there in part, else where files come from."""
    if done.incomplete:
        return f"bring the missing files of {next(iter(done.incomplete))} into the folder, too"
    return "copy a store there whole (`reelscope models path` names it where the models are), or fetch: reelscope models pull NAME"


def _imported(done: Imported) -> dict[str, Any]:
    return {
        "taken": done.taken,
        "here": done.here,
        "not_accepted": done.not_accepted,
        "incomplete": {name: list(files) for name, files in done.incomplete.items()},
        "refused": [{"file": str(path), "why": why} for path, why in done.refused],
        "unknown": [str(path) for path in done.unknown],
    }


def _tell(done: Imported, *, trusted: bool) -> None:
    from reelscope.cli.terminal import one_line
    from reelscope.models.manifest import manifest

    lines = []
    if done.taken:
        lines.append(f"taken: {', '.join(done.taken)}")
        if trusted:
            lines.append("these files are trusted as they are: their sums are recorded, and other files of that name will be refused")
    if done.here:
        lines.append(f"here already: {', '.join(done.here)}")
    for name in done.not_accepted:
        lines.append(f"not used until its licence is accepted: {name} ({manifest()[name].terms}): --accept-licence {name}")
    for name, files in done.incomplete.items():
        lines.append(f"incomplete: {name} lacks {', '.join(files)}")
    for path, why in done.refused:
        lines.append(f"refused: {path.name}: {why}")
    if done.unknown:
        shown = [p.name for p in done.unknown[:MANY]]
        more = len(done.unknown) - len(shown)
        lines.append(f"unknown, left alone: {', '.join(shown)}" + (f" and {more} more" if more else ""))
    sys.stdout.write("".join(f"{one_line(line)}\n" for line in lines))


MANY = 20  # names of unknown files that are worth reading


@app.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Models; without: all that are here.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Read every file, also those inside packages.")] = False,
    as_json: Json = False,
) -> None:
    """Check the models that are here; exit code 1 names what is damaged.

    Without --full files of the store are read where they changed since they were read last, and those of packages are looked at by size.
    """
    from reelscope.cli.terminal import read_settings, say_error
    from reelscope.models.catalog import Catalog
    from reelscope.models.manifest import manifest
    from reelscope.models.states import check

    entries = manifest()
    catalog = Catalog.of(read_settings().settings)
    wanted = [entries[entries[n].folder] for n in _known(names or ())] or list(entries.values())
    found = check(catalog, wanted, full=full)
    bad = [c for c in found if c.problem is not None]
    missing = [e.name for e in wanted if names and e.name not in {c.name for c in found}]
    if as_json:
        rows = [
            {
                "name": c.name,
                "ok": c.problem is None,
                "bytes": c.bytes,
                "seconds": round(c.seconds, 4),
                "problem": c.problem,
                "code": c.code,
            }
            for c in found
        ]
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
    else:
        for c in found:
            sys.stdout.write(f"{c.name}: {c.problem or 'ok'} ({c.bytes / 1e6:.1f} MB, {c.seconds * 1000:.0f} ms)\n")
        size, seconds = sum(c.bytes for c in found), sum(c.seconds for c in found)
        how = "read in full" if full else "read only where changed"
        sys.stdout.write(f"{len(found)} models, {size / 1e6:.0f} MB {how}, {seconds:.2f} s\n")
    if missing:
        say_error(f"not here: {', '.join(missing)}", "`reelscope models list` shows what is")
        raise typer.Exit(1)
    if bad:
        say_error(f"damaged: {', '.join(c.name for c in bad)}", bad[0].hint)
        raise typer.Exit(1)


@app.command()
def path(name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="A model; without: the store.")] = None) -> None:
    """Print the folder of the store, or where a model lies."""
    from reelscope.cli.terminal import read_settings
    from reelscope.models.catalog import Catalog

    settings = read_settings().settings
    if name is None:
        sys.stdout.write(f"{_store(settings).root}\n")
        return
    catalog = Catalog.of(settings)
    found = catalog.find(_known([name])[0])
    if found is None:
        lack = catalog.lack(name)
        raise InputError(f"the model {name} is not here", code="model_missing", hint=lack.hint if lack else None)
    sys.stdout.write(f"{found}\n")


@app.command()
def remove(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Models of the store.", show_default=False)],
) -> None:
    """Remove models from the store, with what was recorded of them and what was fetched of them in part."""
    from reelscope.cli.terminal import read_settings
    from reelscope.models.manifest import manifest

    store, entries = _store(read_settings().settings), manifest()
    for name in _known(names):
        if entries[name].in_package:
            raise InputError(f"the model {name} lies inside the package {entries[name].distribution}", code="in_package")
        owner = entries[name].files_of
        if owner is not None and owner not in names:
            raise InputError(f"the model {name} is a part of the files of {owner}", hint=f"reelscope models remove {owner} removes both")
    for name in _known(names):
        freed = store.remove(entries[name])
        sys.stdout.write(f"{name}: {f'removed, {_mb(freed)} MB freed' if freed else 'was not here'}\n")


def _store(settings: Settings) -> ModelStore:
    from reelscope.config.places import models_dir
    from reelscope.models.store import ModelStore

    return ModelStore(models_dir(settings))


def _known(names: Sequence[str]) -> list[str]:
    from reelscope.errors import nearest
    from reelscope.models.manifest import manifest

    for name in names:
        if name not in manifest():
            raise InputError(
                f"there is no model {name!r}{nearest(name, manifest())}", code="model_missing", hint="`reelscope models list` shows them"
            )
    return list(dict.fromkeys(names))


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f}" if size < 10e6 else f"{size / 1e6:,.0f}"


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Progress]:
    """A bar for the file that comes, on a terminal; elsewhere nothing: what was fetched is told when it is there."""
    if quiet or not sys.stderr.isatty():
        yield lambda model, file, done, total: None
        return
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    from reelscope.cli.terminal import console

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Bars(*columns, console=console(stderr=True), transient=True) as bars:
        tasks: dict[tuple[str, str], Any] = {}

        def told(model: str, file: str, done: int, total: int) -> None:
            key = (model, file)
            if key not in tasks:
                for other in tasks.values():
                    bars.update(other, visible=False)
                tasks[key] = bars.add_task(f"{model}: {file}", total=total, completed=done)
            bars.update(tasks[key], completed=done)

        yield told
