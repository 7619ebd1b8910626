"""`reelscope analyze`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reelscope.cli.once import Target
from reelscope.cli.terminal import State, log_to_stderr, read_settings
from reelscope.errors import ConfigError

if TYPE_CHECKING:
    from reelscope.config import Settings

__all__ = ["analyze", "names_of", "settings_flags", "targets"]


def analyze(
    ctx: typer.Context,
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SRC...",
            help="Video files, addresses of posts or files on the web; or pictures, which become one clip of slides.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Folder for the results; several SRC get a folder each in it. Without: out/CLIP, out/POST for an address.",
        ),
    ] = None,
    audio: Annotated[Path | None, typer.Option("--audio", metavar="FILE", help="Sound of a clip of pictures.")] = None,
    seconds_each: Annotated[float | None, typer.Option("--seconds-each", metavar="S", help="How long each picture is shown.")] = None,
    only: Annotated[list[str] | None, typer.Option("--only", metavar="A,B", help="Run these analyzers (and what they need).")] = None,
    skip: Annotated[list[str] | None, typer.Option("--skip", metavar="A,B", help="Do not run these analyzers.")] = None,
    tier: Annotated[str | None, typer.Option("--tier", metavar="T", help="Best tier to use: auto, embedded, compact or full.")] = None,
    backend: Annotated[list[str] | None, typer.Option("--backend", metavar="NAME=B", help="Use backend B for analyzer NAME.")] = None,
    option: Annotated[list[str] | None, typer.Option("--option", metavar="NAME.KEY=V", help="Set an option of analyzer NAME.")] = None,
    licence: Annotated[
        str | None, typer.Option("--licence", metavar="L", help="Models to use: permissive (Apache, MIT, BSD), or any accepted by name.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=V", help="Set any setting, such as performance.window_s=1.")
    ] = None,
    cpus: Annotated[int | None, typer.Option("--cpus", metavar="N", help="Use N CPU cores (placement.threads).")] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", help="Use N worker processes on the CPU; 0: work in this one.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Compute everything anew instead of using kept results.")] = False,
    formats: Annotated[list[str] | None, typer.Option("--format", metavar="json,html", help="What to write.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Write nothing but errors.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Analyse clips and write their production documents.

    Exit codes: 0 document written, 1 analysis failed, 2 bad input or usage, 130 interrupted; with several SRC the highest.
    """
    from reelscope.cli.once import analyze_all
    from reelscope.cli.options import checked_options
    from reelscope.cli.slides import analyze_slides, slides_of
    from reelscope.pipeline import Session

    state = ctx.ensure_object(State)
    state.debug |= debug
    flags = settings_flags(
        tier=tier,
        licence=licence,
        backend=backend or (),
        option=option or (),
        set_=set_ or (),
        formats=formats or (),
        cpus=cpus,
        workers=workers,
        fresh=fresh,
    )
    settings = checked_options(read_settings(flags)).settings
    chosen = names_of(only, "--only") if only else None
    dropped = names_of(skip or (), "--skip")
    slides = slides_of(sources, audio, seconds_each)
    clips = targets(sources[:1] if slides is not None else sources, out, settings)
    with log_to_stderr(settings.system.log_level, state), Session(settings, many=len(clips) > 1) as session:
        if slides is None:
            worst = analyze_all(session, clips, only=chosen, skip=dropped, quiet=quiet, state=state)
        else:
            worst = analyze_slides(session, slides, clips[0], only=chosen, skip=dropped, quiet=quiet, state=state)
    raise typer.Exit(worst)


def settings_flags(
    *,
    tier: str | None = None,
    licence: str | None = None,
    backend: Sequence[str] = (),
    option: Sequence[str] = (),
    set_: Sequence[str] = (),
    formats: Sequence[str] = (),
    cpus: int | None = None,
    workers: int | None = None,
    fresh: bool = False,
) -> dict[str, Any]:
    """Flags as settings, by dotted key. A flag of its own wins over --set."""
    from reelscope.config import FlagValue

    flags: dict[str, Any] = {}
    for given in set_:
        key, value = _pair(given, "--set", "KEY=VALUE")
        flags[key] = FlagValue(value, f"--set {given}")
    for given in backend:
        name, value = _pair(given, "--backend", "NAME=BACKEND")
        flags[f"analysis.backends.{name}"] = FlagValue(value, f"--backend {given}")
    for given in option:
        key, value = _pair(given, "--option", "NAME.KEY=VALUE")
        if not re.fullmatch(r"[^.]+\.[^.]+", key):
            raise ConfigError(f"--option {given}: not of the form NAME.KEY=VALUE", hint="for example --option color_analysis.colors=5")
        flags[f"analysis.options.{key}"] = FlagValue(value, f"--option {given}")
    if tier is not None:
        flags["analysis.tier"] = FlagValue(tier, "--tier")
    if licence is not None:
        flags["analysis.licence"] = FlagValue(licence, "--licence")
    if formats:
        flags["output.formats"] = FlagValue(",".join(formats), "--format")
    if cpus is not None:
        flags["placement.threads"] = FlagValue(cpus, "--cpus")
    if workers is not None:
        flags["placement.workers"] = FlagValue(workers, "--workers")
    if fresh:
        flags["analysis.fresh"] = FlagValue(True, "--fresh")
    return flags


def _pair(given: str, flag: str, form: str) -> tuple[str, str]:
    key, equals, value = given.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"{flag} {given}: not of the form {form}", hint=f"write {flag} {form}")
    return key.strip(), value


def names_of(given: Iterable[str], flag: str) -> tuple[str, ...]:
    """Analyzer names of a flag that takes comma-separated names and may be repeated.

    Raises:
        ConfigError: A name that is no analyzer, or no name at all.
    """
    from reelscope.errors import nearest
    from reelscope.plugins import known_names

    given = tuple(given)
    names = tuple(dict.fromkeys(name.strip() for part in given for name in part.split(",") if name.strip()))
    for name in names:
        if name not in known_names():
            raise ConfigError(
                f"{flag}: {name!r} is no analyzer{nearest(name, known_names())}",
                code="unknown_analyzer",
                hint="'reelscope analyzers' lists them",
            )
    if given and not names:
        raise ConfigError(f"{flag}: no name given", hint="'reelscope analyzers' lists them")
    return names


def targets(sources: Sequence[str], out: Path | None, settings: Settings) -> list[Target]:
    """Where each clip's results go: into --out itself for one clip, else into folders named after the clips or posts."""
    from reelscope.media.urls import is_url

    if out is not None and len(sources) == 1:
        return [Target(sources[0], out, "1")]
    base = out if out is not None else settings.output.dir
    taken: set[str] = set()
    found = []
    for number, source in enumerate(sources, 1):
        if is_url(source):
            found.append(Target(source, base, str(number), by_post=True))
            continue
        # what a terminal or another file system would stumble over (control characters, bytes that are no text) stays out of the name
        stem = "".join("_" if unicodedata.category(c).startswith("C") else c for c in Path(source).stem).strip(". ") or "clip"
        name = next(n for n in _numbered(stem) if n.casefold() not in taken)  # case: some file systems do not tell
        taken.add(name.casefold())
        found.append(Target(source, base / name, str(number)))
    return found


def _numbered(stem: str) -> Iterable[str]:
    yield stem
    number = 2
    while True:
        yield f"{stem}-{number}"
        number += 1
