"""`reelscope doctor`."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

__all__ = ["doctor"]


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check that this machine can analyse: decoder, cores, memory, GPU, inference, disk, models.

    Exit code 1 names what is wrong.
    """
    from reelscope.cli.checks import all_checks
    from reelscope.cli.terminal import console, say_error

    checks = all_checks()
    if as_json:
        sys.stdout.write(json.dumps([check.as_dict() for check in checks], indent=2) + "\n")
    else:
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, show_header=False)
        for check in checks:
            style = {"ok": "green", "warn": "yellow", "fail": "bold red"}[check.status]
            detail = Text(check.detail)
            if check.fix:
                detail.append(f"\nfix: {check.fix}", style="italic")
            table.add_row(Text(check.status, style=style), Text(check.name), detail)
        console().print(table)
    failed = [check for check in checks if check.status == "fail"]
    if failed:
        say_error("; ".join(f"{check.name}: {check.detail}" for check in failed), failed[0].fix)
        raise typer.Exit(1)
