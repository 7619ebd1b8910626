"""The application: its commands and its exit codes (0 done, 1 failed, 2 bad input or usage, 130 interrupted)."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from types import FrameType
from typing import Annotated, NoReturn

import typer

from reelscope.cli import (
    analyze,
    batch,
    compare,
    corrections,
    doctor,
    export,
    models,
    plan,
    serve,
    show,
    status,
    submit,
    table,
    token,
    top,
    watch,
    worker,
)
from reelscope.cli.terminal import EXIT_INTERRUPTED, State, say_error, say_exception

__all__ = ["app", "main", "run"]

app = typer.Typer(
    name="reelscope",
    help="One short-form video in, its complete production document out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
config = typer.Typer(help="Settings: what holds here and where it comes from.", no_args_is_help=True)

app.command("analyze")(analyze.analyze)
app.command("analyzers")(show.analyzers)
app.command("batch")(batch.batch)
app.command("cancel")(status.cancel)
app.command("compare")(compare.compare)
app.command("corrections")(corrections.corrections)
app.command("doctor")(doctor.doctor)
app.command("demo")(show.demo)
app.command("export")(export.export)
app.command("plan")(plan.plan)
app.command("report")(show.report)
app.command("status")(status.status)
app.command("serve")(serve.serve)
app.command("submit")(submit.submit)
app.command("table")(table.table)
app.command("top")(top.top)
app.command("watch")(watch.watch)
app.command("worker")(worker.worker)
app.add_typer(config, name="config")
app.add_typer(models.app, name="models")
app.add_typer(token.app, name="token")
config.command("show")(show.config_show)
config.command("path")(show.config_path)


def _version(value: bool) -> None:
    if value:
        from reelscope.version import VERSION

        typer.echo(f"reelscope {VERSION}")
        raise typer.Exit


@app.callback()
def _root(
    ctx: typer.Context,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks (also: REELSCOPE_DEBUG=1).")] = False,
) -> None:
    ctx.ensure_object(State).debug |= debug


def run(argv: Sequence[str]) -> int:
    """Run one command line and return its exit code; nothing is raised, whatever happens."""
    state = State(debug=os.environ.get("REELSCOPE_DEBUG", "") not in ("", "0"))
    usage_error = typer.BadParameter.__mro__[1]  # the base of all usage errors has no public name in every version of typer
    try:
        code = app(list(argv), prog_name="reelscope", standalone_mode=False, obj=state) or 0
        if code == EXIT_INTERRUPTED:  # newer versions of typer turn Ctrl-C into this code, older ones into Abort
            say_error("interrupted")
        return code
    except usage_error as error:  # type: ignore[misc]
        message = error.format_message()  # type: ignore[attr-defined]
        if not message.strip():  # no arguments: the help was printed
            return 2
        command = error.ctx.command_path if getattr(error, "ctx", None) else "reelscope"  # type: ignore[attr-defined]
        say_error(message[:1].lower() + message[1:].rstrip("."), f"{command} --help")
        return 2
    except (KeyboardInterrupt, typer.Abort):
        say_error("interrupted")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # the reader of our output went away (`| head`): nothing to tell, and Python must not try to flush at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        return say_exception(error, state)


def main() -> NoReturn:
    """The console script."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal or pipe that cannot show a character of a file name gets its escape
            stream.reconfigure(errors="backslashreplace")
    for name in ("SIGTERM", "SIGHUP"):  # not every system has both
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # nohup has SIGHUP ignored
            signal.signal(number, _terminated)
    sys.exit(run(sys.argv[1:]))


def _terminated(number: int, frame: FrameType | None) -> None:
    """The signal unwinds like Ctrl-C, so that temporary files go; the exit code is what shells give for it."""
    raise SystemExit(128 + number)
