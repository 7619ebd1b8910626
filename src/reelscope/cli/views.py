"""What each worker sees, as a table for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["view_rows", "views_table"]

TITLES = {name: name for name in ("worker", "pid", "cores", "threads", "device")} | {"gpus": "sees", "allocator": "allocator"}


def view_rows(views: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """One row for each worker: name, pid, cores, numeric threads, device, the GPUs that it sees, CUDA allocator, packages that differ.

    Args:
        views: With the keys worker, pid, cores, threads, device, gpus (names), allocator, packages (versions by name). A worker that
            did not answer has worker and error alone.
    """
    packages = [dict(v.get("packages") or {}) for v in views]
    shared = {name: version for name, version in packages[0].items() if all(p.get(name) == version for p in packages)} if packages else {}
    rows = []
    for view, own in zip(views, packages, strict=True):
        if "error" in view:
            rows.append([str(view["worker"]), f"did not answer: {view['error']}"])
            continue
        differ = ", ".join(f"{name} {version}" for name, version in own.items() if name not in shared)
        values = {**view, "gpus": ", ".join(map(str, view.get("gpus") or ())) or "no GPU", "allocator": view.get("allocator") or "-"}
        rows.append([*(str(values.get(key, "")) for key in TITLES), differ])
    return rows


def views_table(views: Sequence[Mapping[str, Any]]) -> Table:
    """The rows as a table."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in TITLES.values():
        table.add_column(title)
    rows = view_rows(views)
    if any(row[-1] for row in rows if len(row) > len(TITLES)):
        table.add_column("packages")
    for row in rows:
        if len(row) == 2:  # it did not answer: the reason goes into the widest column
            table.add_row(Text(row[0]), "", "", "", "", "", Text(row[1], style="red"))
        else:
            table.add_row(*map(Text, row[: len(table.columns)]))
    return table
