"""Summaries of analyzers as named figures; why one is null stands beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reelscope.document.report.words import NA, clean, figure, key_title, percent, sentence, timecode, unit_of, value_text
from reelscope.document.schema import Document
from reelscope.document.unread import measured

__all__ = ["Figure", "figures", "missing", "null_reason", "summary_of", "unread_lines"]

MOST_LISTED = 8  # plain values on a line
MOST_ENTRIES = 12  # of a table inside a summary: more belongs to a lane or to the document


@dataclass(frozen=True, slots=True)
class Figure:
    """A named figure; `value` is an em dash where it was not measured and `why` then says why, if the document does.

    at: The second that it speaks of, where it is one moment's.
    """

    name: str
    value: str
    note: str = ""
    why: str | None = None
    at: float | None = None

    @property
    def missing(self) -> bool:
        return self.value == NA


def summary_of(document: Document, name: str) -> dict[str, Any]:
    """Summary of an analyzer that ran, else nothing."""
    entry = document.analyzers[name]
    return measured(name, entry.summary.model_dump(mode="json")) if entry.status == "ok" else {}


def unread_lines(document: Document) -> str:
    """How many lines stood on the screen and could not be read, in words; empty where there are none."""
    lines = summary_of(document, "text_overlay").get("unreadable_lines")
    return f"{lines} {'line' if lines == 1 else 'lines'}" if isinstance(lines, int) and lines > 0 else ""


def null_reason(summary: Mapping[str, Any], key: str) -> str | None:
    """Why a figure is null: from a dict of reasons in the summary, or from a field `<key>_reason`."""
    for name, value in summary.items():
        if _tells_why(name, value) and isinstance(value.get(key), str):
            return clean(value[key])
    told = summary.get(f"{key}_reason")
    return clean(told) if isinstance(told, str) else None


def _tells_why(key: str, value: object) -> bool:
    """Whether a summary's field says for others why they are null."""
    return isinstance(value, Mapping) and (key == "not_measured" or key.endswith("reasons"))


def figures(summary: Mapping[str, Any]) -> list[Figure]:
    """Every scalar and short table of a summary, named, tables in words; lists of another kind stand in the document only."""
    out = []
    for key, value in summary.items():
        if key.endswith("_reason") or _tells_why(key, value) or (key == "reason" and value is None):
            continue
        title = key_title(key)
        if isinstance(value, list) and value and isinstance(value[0], Mapping | list):
            out += _table(title, value) if _flat(value) else []
        elif isinstance(value, list) and len(value) > MOST_LISTED:
            continue
        elif isinstance(value, Mapping):
            out += [Figure(f"{title}: {sentence(clean(k)).lower()}", _inner(key, str(k), v)) for k, v in list(value.items())[:MOST_ENTRIES]]
        elif value == []:
            out.append(Figure(title, "none"))
        else:
            out.append(Figure(title, value_text(key, value), why=null_reason(summary, key)))
    return out


def _inner(key: str, inner: str, value: Any) -> str:
    """A figure of a table inside a summary: its own unit where its name has one, else the table's (`reasons_s`); a row in words."""
    if isinstance(value, Mapping):
        return ", ".join(_words(value)) or NA
    return value_text(inner if unit_of(inner)[1] else key, value)


def _words(row: Mapping[str, Any]) -> list[str]:
    """A row of figures: a status and a share need no name, start and end are a stretch; lists in it stand in the document."""
    told = [value_text("status", row["status"])] if isinstance(row.get("status"), str) else []
    start, end = row.get("start_s"), row.get("end_s")
    stretch = isinstance(start, int | float) and isinstance(end, int | float)
    told += [f"{timecode(start)} to {timecode(end)}"] if stretch else []  # type: ignore[arg-type]
    told += [percent(row["share"])] if isinstance(row.get("share"), int | float) else []
    said = {"status", "share", *(("start_s", "end_s") if stretch else ())}
    told += [f"{key_title(k).lower()} {figure(k, v)}" for k, v in row.items() if k not in said and isinstance(v, str | int | float)]
    return told


def _flat(rows: list[Any]) -> bool:
    """Whether rows are few, small and called by their first field, so that each fits on a line."""
    return len(rows) <= MOST_ENTRIES and all(
        isinstance(r, Mapping)
        and len(r) <= 7
        and r
        and isinstance(next(iter(r.values())), str)
        and not any(isinstance(v, Mapping | list) for v in r.values())
        and "hex" not in r
        for r in rows
    )


def _table(title: str, rows: list[Any]) -> list[Figure]:
    out = []
    for row in rows:
        name, *rest = row.items()
        unit = f" {clean(row['unit'])}" if isinstance(row.get("unit"), str) else ""
        told = [
            value_text(k, v) + unit if k == "value" else f"{key_title(k).lower()} {value_text(k, v)}"
            for k, v in rest
            if k != "unit" and v is not None
        ]
        out.append(Figure(f"{title}: {sentence(clean(name[1])).lower()}", ", ".join(told) or NA))
    return out


def missing(found: Iterable[Figure]) -> list[tuple[str, str]]:
    """Figures that are null, those with the same reason together: names, reason ("" where the document gives none)."""
    groups: dict[str, list[str]] = {}
    for figure_ in found:
        if figure_.missing:
            groups.setdefault(figure_.why or "", []).append(figure_.name)
    return [(", ".join(names), why) for why, names in groups.items()]
