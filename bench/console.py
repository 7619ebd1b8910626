"""A console whose output can be kept as a page of results."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

__all__ = ["make_console", "save_page"]


def make_console(width: int) -> Console:
    """Prints as wide as the table wants, whatever the terminal, and remembers."""
    return Console(width=width, record=True, soft_wrap=False)


def save_page(console: Console, target: Path, *, title: str, command: str) -> None:
    """Write what was printed so far, as it came out, as a Markdown page."""
    target.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join(line.rstrip() for line in console.export_text(clear=False).splitlines())
    target.write_text(f"# {title}\n\nAs printed by `{command}`.\n\n```text\n{text}\n```\n", encoding="utf-8")
