"""Figures of runs, from documents; and the lines that are printed of them. Pure, but for the console. Every line says `weights: random`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.gpu.nvml import fragmentation
from bench.gpu.sharing import Batch, fill
from reelscope.document.schema import Document

__all__ = ["WEIGHTS", "Printer", "WorkerMemory", "batches_of", "comparable", "members_of", "tokens_of", "worker_memory"]

WEIGHTS = "weights: random"
VOLATILE = ("seconds", "attempts", "options")  # of an entry; what was measured stands in its summary, under `measured`


def members_of(document: Document) -> dict[str, Any]:
    """Entries of the benchmark's members that are ok, with their summaries as mappings."""
    found = {}
    for name, entry in document.analyzers.items():
        summary = entry.summary.model_dump()
        if summary.get("weights") == "random":
            found[name] = {"entry": entry, "summary": summary}
    return found


def tokens_of(document: Document) -> int:
    """Tokens generated for a clip."""
    return sum(m["summary"]["tokens"] for m in members_of(document).values())


def batches_of(documents: Sequence[Document], name: str) -> tuple[int, float, float] | None:
    """(batches, mean fill, share with several clips) of one member over some documents."""
    found = [Batch(**b) for d in documents if (m := members_of(d).get(name)) is not None for b in m["summary"]["measured"]["batches"]]
    return fill(found)


def comparable(document: Document) -> dict[str, Any]:
    """What must be equal in two runs of a clip: everything but identity, times and what was measured of the run."""
    whole = document.model_dump(mode="json", exclude={"analysis_id", "created_at", "run"})
    for entry in whole["analyzers"].values():
        for key in VOLATILE:
            entry.pop(key, None)
        entry["summary"].pop("measured", None)
    return whole


@dataclass(frozen=True, slots=True)
class WorkerMemory:
    """PyTorch's memory in one process, at most over all documents. Peaks of both kinds need not be of the same moment."""

    pid: int
    members: tuple[str, ...]
    weights_mib: float
    allocated_peak_mib: float | None
    reserved_peak_mib: float | None
    allocated_mib: float | None
    reserved_mib: float | None
    uploads: int
    uploads_shared: int
    sent_mib: float

    @property
    def peak_fragmentation(self) -> float | None:
        """1 - allocated / reserved, of the peaks."""
        if self.allocated_peak_mib is None or self.reserved_peak_mib is None:
            return None
        return fragmentation(self.allocated_peak_mib, self.reserved_peak_mib)

    @property
    def rest_fragmentation(self) -> float | None:
        """1 - allocated / reserved, when the last member had finished: caches that are kept for the next clip count in."""
        if self.allocated_mib is None or self.reserved_mib is None:
            return None
        return fragmentation(self.allocated_mib, self.reserved_mib)


def worker_memory(documents: Sequence[Document]) -> list[WorkerMemory]:
    """One line for each process that members ran in."""
    by_pid: dict[int, dict[str, dict[str, Any]]] = {}
    last: dict[int, dict[str, Any]] = {}
    for document in documents:
        for name, member in members_of(document).items():
            measured = member["summary"]["measured"]
            mine = by_pid.setdefault(measured["pid"], {}).setdefault(name, {"weights_mib": measured["weights_mib"], "all": []})
            mine["all"].append(measured)
            last[measured["pid"]] = measured
    out = []
    for pid, members in by_pid.items():
        every = [m for found in members.values() for m in found["all"]]

        def most(key: str, every: list[dict[str, Any]] = every) -> Any:
            return max((m[key] for m in every if m[key] is not None), default=None)

        out.append(
            WorkerMemory(
                pid=pid,
                members=tuple(members),
                weights_mib=sum(found["weights_mib"] for found in members.values()),
                allocated_peak_mib=most("allocated_peak_mib"),
                reserved_peak_mib=most("reserved_peak_mib"),
                allocated_mib=last[pid]["allocated_mib"],
                reserved_mib=last[pid]["reserved_mib"],
                uploads=most("uploads") or 0,
                uploads_shared=most("uploads_shared") or 0,
                sent_mib=most("sent_mib") or 0.0,
            )
        )
    return sorted(out, key=lambda w: -w.weights_mib)


def shown(value: float | None, digits: int = 2, unit: str = "") -> str:
    """A figure, or that it was not measured."""
    return "not measured" if value is None else f"{value:.{digits}f}{unit}"


@dataclass(slots=True)
class Printer:
    """Prints tables and lines, each with `weights: random`, and keeps the figures for JSON."""

    console: Console
    figures: dict[str, Any] = field(default_factory=dict)

    def line(self, text: str) -> None:
        """One line."""
        self.console.print(f"{text} | {WEIGHTS}", highlight=False, markup=False, soft_wrap=True)

    def facts(self, name: str, facts: Mapping[str, Any]) -> None:
        """Lines of "name: value", kept under `name`."""
        self.figures[name] = dict(facts)
        for key, value in facts.items():
            self.line(f"{key}: {value:.3f}" if isinstance(value, float) else f"{key}: {'not measured' if value is None else value}")

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, others: Collection[str] = ()) -> None:
        """A table whose last column is the weights'. others: first cells of rows that are not of the benchmark's networks."""
        self.line(title)
        made = Table()
        for i, column in enumerate((*columns, "weights")):
            made.add_column(column, justify="left" if i in (0, len(columns)) else "right", overflow="fold")
        for row in rows:
            made.add_row(*row, "-" if row[0] in others else "random")
        self.console.print(made)
