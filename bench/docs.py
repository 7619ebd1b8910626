"""Write the generated parts of docs/ again: `python -m bench.docs`, or check them: `python -m bench.docs --check`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"


def settings_page() -> str:
    """docs/settings.md."""
    from reelscope.config import config_reference

    return config_reference()


def cli_page() -> str:
    """docs/cli.md."""
    from reelscope.cli.reference import cli_reference

    return cli_reference()


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "cli.md": cli_page,
}


def stale() -> list[str]:
    """Generated pages whose file differs from what would be written now."""
    return [name for name, make in PAGES.items() if not (DOCS / name).is_file() or (DOCS / name).read_text(encoding="utf-8") != make()]


def main(argv: list[str]) -> int:
    """Write the pages that differ; with --check only name them."""
    names = stale()
    for name in names:
        print(f"docs/{name}" + (" is not current: run make docs" if "--check" in argv else ""))
        if "--check" not in argv:
            DOCS.mkdir(exist_ok=True)
            (DOCS / name).write_text(PAGES[name](), encoding="utf-8")
    return 1 if names and "--check" in argv else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
