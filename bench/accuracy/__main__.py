"""`python -m bench.accuracy [--only a,b] [--quick] [--json FILE] [--page FILE]`: the accuracy table, a row or more for each analyzer."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import platform
import tempfile
import time
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from rich.table import Table

from bench.accuracy.rows import Context, Counts, Row
from bench.console import make_console
from reelscope.analyzers.registry import INSTALLED
from reelscope.document.names import ANALYZER_NAMES
from reelscope.version import VERSION

NAMES = (*ANALYZER_NAMES, "insights", "compare")
SHARED_MEDIA = Path(__file__).resolve().parents[3] / "shared" / "media"


def measure(name: str, context: Context) -> list[Row]:
    """Rows of one analyzer, or of the insights; one that says why where there is nothing to measure."""
    if name in ANALYZER_NAMES and INSTALLED.analyzer(name) is None:
        return [Row(name, "no truth", note="not part of this version")]
    module = f"bench.accuracy.{name}"
    if importlib.util.find_spec(module) is None:
        return [Row(name, "no truth", note="no measurement has been written for it")]
    return list(importlib.import_module(module).measure(context))


HEADINGS = ("analyzer", "measure", "n", "TP", "FP", "FN", "value", "goal", "", "others in the same run", "note")


def cells(row: Row) -> list[str]:
    """A row as text, one cell for each heading."""
    counts = [str(v) for v in (row.counts.tp, row.counts.fp, row.counts.fn)] if row.counts else ["", "", ""]
    none = "not measured" if row.goal else "no truth"
    value = none if row.value is None else f"{row.value:.4g} {row.unit}".strip()
    met = "" if row.met is None else "met" if row.met else "MISSED"
    others = ", ".join(f"{k} {v:.4g}" for k, v in (row.reference or {}).items())
    return [row.analyzer, row.measure, str(row.n or ""), *counts, value, row.goal, met, others, row.note]


def as_table(rows: list[Row]) -> Table:
    """Rows as they are printed."""
    table = Table(header_style="bold")
    for heading in HEADINGS:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*cells(row))
    return table


def as_page(rows: list[Row]) -> str:
    """Rows as a Markdown page."""
    lines = ["# Accuracy", "", f"As `make accuracy` printed it: reelscope {VERSION}, Python {platform.python_version()}.", ""]
    lines += [f"| {' | '.join(HEADINGS)} |", "|" + "---|" * len(HEADINGS)]
    lines += [f"| {' | '.join(c.replace('|', chr(92) + '|') for c in cells(row))} |" for row in rows]
    return "\n".join(lines) + "\n"


def with_kept(rows: list[Row], measured: Iterable[str], kept: Path) -> list[Row]:
    """The rows and, in the document's order, those of analyzers that were not measured now, from an earlier run's JSON."""
    measured = set(measured)
    old = [_row(raw) for raw in json.loads(kept.read_text(encoding="utf-8"))["rows"]] if kept.is_file() else []
    both = rows + [row for row in old if row.analyzer not in measured]
    order = {name: i for i, name in enumerate(NAMES)}
    return sorted(both, key=lambda row: order.get(row.analyzer, len(order)))


def _row(raw: dict[str, Any]) -> Row:
    known = {f.name for f in fields(Row)}
    counts = Counts(**raw["counts"]) if raw.get("counts") else None
    return Row(**{k: v for k, v in raw.items() if k in known and k != "counts"}, counts=counts)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="analyzers, separated by commas")
    parser.add_argument("--quick", action="store_true", help="about a tenth of the trials")
    parser.add_argument("--json", type=Path, help="write the rows there as well")
    parser.add_argument("--page", type=Path, help="write what is printed there, as Markdown")
    parser.add_argument(
        "--keep", type=Path, help="JSON of an earlier run: what is not measured now is taken from there into --json and --page"
    )
    given = parser.parse_args()
    names = given.only.split(",") if given.only else NAMES
    media = SHARED_MEDIA if (SHARED_MEDIA / "MANIFEST.json").is_file() else None
    console = make_console(200)
    if media is None:
        console.print("../shared/media is not here: what needs real footage is not measured")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="reelscope-accuracy-") as work:
        for name in names:
            started = time.perf_counter()
            rows += measure(name, Context(media, Path(work), given.quick))
            console.print(f"{name}: {time.perf_counter() - started:.0f} s", style="dim")
    console.print(as_table(rows))
    console.print(f"reelscope {VERSION}, Python {platform.python_version()}, {platform.system()}{', quick' if given.quick else ''}")
    if given.keep:
        rows = with_kept(rows, names, given.keep)
    if given.page:
        given.page.parent.mkdir(parents=True, exist_ok=True)
        given.page.write_text(as_page(rows), encoding="utf-8")
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(
            json.dumps({"version": VERSION, "quick": given.quick, "rows": [asdict(r) for r in rows]}, indent=1, default=float) + "\n"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
