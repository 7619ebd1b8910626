"""View counts from a CSV file: one row a clip, which is named by file, sha256 or url."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from reelscope.document.compare.figures import Clip
from reelscope.errors import InputError

__all__ = ["Views", "read_views"]

NAMES = ("sha256", "url", "file")
HINT = "columns: file, sha256 or url (one of them is enough), and views"
MAX_BYTES = 16 * 1024 * 1024  # a hundred thousand rows
DIGITS = 15  # more views than that nobody has, and a double holds it exactly
DELIMITERS = ",;\t"


@dataclass(frozen=True, slots=True)
class Views:
    """counts: by clip in the order of the clips, None where the file has none; unknown: rows that name no clip, as they name it."""

    counts: list[int | None]
    unknown: list[str]


def read_views(path: Path, clips: Sequence[tuple[Clip, Path]]) -> Views:
    """Read view counts.

    Args:
        path: CSV in UTF-8 with a header; separated by comma, semicolon or tab.
        clips: Each with the path of its document: `file` names the clip's file or the document, by its whole path or its last part.

    Raises:
        InputError: It cannot be read, a count is none, a name stands for several clips, or a clip has two counts.
    """
    names = _names(clips)
    counts: list[int | None] = [None] * len(clips)
    unknown: list[str] = []
    for line, row in _rows(path):
        told = {key: value for key in NAMES if (value := (row.get(key) or "").strip())}
        count = (row.get("views") or "").strip()
        if not told and not count:
            continue  # an empty line
        if not told:
            raise InputError(f"{path}, line {line}: views without a file, sha256 or url", code="bad_views", hint=HINT)
        if not count:
            continue  # not known of this clip
        if not (count.isascii() and count.isdigit() and len(count) <= DIGITS):
            raise InputError(
                f"{path}, line {line}: {count[:40]!r} is no count of views", code="bad_views", hint="write whole numbers: 12500"
            )
        found = {index for key, value in told.items() for index in names[key].get(_key(key, value), ())}
        if not found:
            unknown.append(next(iter(told.values())))
        elif len(found) > 1:
            message = f"{path}, line {line}: {', '.join(told.values())} stands for {len(found)} of the documents"
            raise InputError(message, code="bad_views", hint="name the clips by sha256")
        else:
            index = found.pop()
            if counts[index] not in (None, int(count)):
                message = f"{path}, line {line}: {clips[index][0].name} has {counts[index]} views and {count}"
                raise InputError(message, code="bad_views", hint="leave one count for each clip")
            counts[index] = int(count)
    return Views(counts, unknown)


def _rows(path: Path) -> list[tuple[int, dict[str, str | None]]]:
    """Rows with their line numbers, keys in small letters."""
    try:
        if path.is_file() and path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path}: is too large for a list of views", code="bad_views", hint=HINT)
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}", code="no_views", hint=HINT) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is no CSV in UTF-8", code="bad_views", hint=HINT) from error
    head = text.partition("\n")[0]
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(DELIMITERS, key=head.count), strict=True)
        header = [name.strip().lower() for name in next(reader, [])]
        if "views" not in header or not set(NAMES) & set(header):
            told = ", ".join(header)[:80] or "nothing"
            raise InputError(f"{path}: its first line holds {told}", code="bad_views", hint=HINT)
        return [(reader.line_num, dict(zip(header, row, strict=False))) for row in reader]
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}", code="bad_views", hint=HINT) from error


def _names(clips: Sequence[tuple[Clip, Path]]) -> dict[str, dict[str, set[int]]]:
    """Clips by what may name them."""
    out: dict[str, dict[str, set[int]]] = {key: {} for key in NAMES}
    for index, (clip, document) in enumerate(clips):
        told: list[tuple[str, str | None]] = [("sha256", clip.sha256), ("url", clip.url), ("file", clip.file), ("file", str(document))]
        if clip.file:
            told += [("file", PurePosixPath(clip.file).name), ("file", PureWindowsPath(clip.file).name)]
        told.append(("file", document.parent.name if document.name == "analysis.json" else document.name))
        for key, value in told:
            if value:
                out[key].setdefault(_key(key, value), set()).add(index)
    return out


def _key(kind: str, value: str) -> str:
    return value.lower() if kind == "sha256" else value
