"""docs/cli.md, generated from the commands as they are."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import typer.main

__all__ = ["cli_reference", "commands"]

HEAD = """# Command line

Generated from the commands by `make docs`; do not edit.

Results go to stdout, progress and errors to stderr. An error is one line `error: ...`, mostly with a line `hint: ...` below it; `--debug`
(or `REELSCOPE_DEBUG=1`) adds the traceback. `python -m reelscope` is the same as `reelscope`.

| exit code | meaning |
|---|---|
| 0 | done; for `analyze`: the document is written |
| 1 | failed: the analysis, the disk, or for `doctor` a check |
| 2 | bad input, setting or usage |
| 130 | interrupted with Ctrl-C; nothing half-written is left |
"""


def commands() -> Iterator[tuple[str, Any]]:
    """Every command by its full name, the root first."""
    from reelscope.cli.app import app

    def walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
        yield name, command
        for sub, child in getattr(command, "commands", {}).items():
            yield from walk(f"{name} {sub}", child)

    yield from walk("reelscope", typer.main.get_command(app))


def cli_reference() -> str:
    """The page: every command with its arguments and options."""
    parts = [HEAD]
    for name, command in commands():
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
        group = bool(getattr(command, "commands", None))
        usage = " ".join(
            [name, *(["[OPTIONS]"] if options else []), *(["COMMAND"] if group else []), *(a.metavar or a.name.upper() for a in arguments)]
        )
        parts.append(f"\n## {name}\n\n```\n{usage}\n```\n\n{inspect.cleandoc(command.help or '')}\n")
        if arguments or options:
            parts.append("\n| | |\n|---|---|\n")
            for argument in arguments:
                parts.append(f"| `{argument.metavar or argument.name.upper()}` | {argument.help or ''} |\n")
            for option in options:
                shown = ", ".join(option.opts) + ("" if option.is_flag else f" {option.metavar or option.type.name.upper()}")
                parts.append(f"| `{shown}` | {option.help or ''} |\n")
    return "".join(parts)
