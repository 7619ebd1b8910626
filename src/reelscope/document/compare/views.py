"""How often clips were viewed: from what the platform said of the post, or from a table that the user gives."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from reelscope.errors import InputError

__all__ = ["ViewRow", "match_views", "read_views", "views_of_post"]

HINT = "give a CSV with a heading: views, and file or sha256 (or both); views are whole numbers without separators"


@dataclass(frozen=True, slots=True)
class ViewRow:
    """One row. file: path or name of the clip or of its document."""

    line: int
    views: int
    file: str | None = None
    sha256: str | None = None


def views_of_post(post: Mapping[str, Any] | None) -> int | None:
    """Views as a post has them (`view_count`, else `counts.views`); None where it has none."""
    counts = (post or {}).get("counts")
    found = (post or {}).get("view_count", counts.get("views") if isinstance(counts, Mapping) else None)
    return found if isinstance(found, int) and not isinstance(found, bool) and found >= 0 else None


def read_views(text: str, name: str) -> list[ViewRow]:
    """Read a table of views. Rows whose views are blank are left out.

    Raises:
        InputError: A column is missing, or a row's views are no whole number; the message names the line.
    """
    reader = csv.DictReader(text.removeprefix("\ufeff").splitlines())
    columns = {str(c).strip().lower(): c for c in reader.fieldnames or ()}
    if "views" not in columns or not columns.keys() & {"file", "sha256"}:
        raise InputError(f"{name}: has no columns views and file or sha256", code="bad_views", hint=HINT)
    rows = []
    for row in reader:
        cells = {c: (row.get(real) or "").strip() for c, real in columns.items()}
        if not cells["views"]:
            continue
        if not (cells["views"].isascii() and cells["views"].isdigit()):
            wrong = f"views are {cells['views']!r}, not a whole number"
            raise InputError(f"{name}: line {reader.line_num}: {wrong}", code="bad_views", hint=HINT)
        file, sha256 = cells.get("file") or None, (cells.get("sha256") or "").lower() or None
        if file is None and sha256 is None:
            raise InputError(f"{name}: line {reader.line_num}: says of no clip whose views they are", code="bad_views", hint=HINT)
        rows.append(ViewRow(reader.line_num, int(cells["views"]), file, sha256))
    return rows


def match_views(rows: Sequence[ViewRow], clips: Sequence[tuple[str, str, str | None]]) -> tuple[list[int | None], list[str]]:
    """Views per clip, and a warning for each row that belongs to none or to several.

    Args:
        rows: The table.
        clips: Name as given, sha256 and the clip's own path. A row belongs to the clip with its sha256; without one, to the clip of which
            `file` is the whole name or path or, where only one clip has it, the last part of the path.

    Raises:
        InputError: Two rows say different things of one clip.
    """
    views: list[int | None] = [None] * len(clips)
    lines: dict[int, ViewRow] = {}
    warnings = []
    for row in rows:
        found = _clips_of(row, clips)
        what = row.file or row.sha256
        if not found:
            warnings.append(f"line {row.line}: {what} is none of these documents' clips")
        elif len({clips[i][1] for i in found}) > 1:
            warnings.append(f"line {row.line}: {what} is the name of {len(found)} clips: give sha256 or a longer path; not used")
        else:
            for i in found:
                if i in lines and lines[i].views != row.views:
                    raise InputError(
                        f"lines {lines[i].line} and {row.line} give one clip {lines[i].views} and {row.views} views",
                        code="bad_views",
                        hint="keep one of them",
                    )
                lines[i], views[i] = row, row.views
    return views, warnings


def _clips_of(row: ViewRow, clips: Sequence[tuple[str, str, str | None]]) -> list[int]:
    if row.sha256 is not None:
        return [i for i, clip in enumerate(clips) if clip[1] == row.sha256]
    assert row.file is not None
    whole = [i for i, (name, _, path) in enumerate(clips) if row.file in (name, path)]
    return whole or [i for i, (name, _, path) in enumerate(clips) if row.file in (PurePath(name).name, PurePath(path or "").name)]
