"""Reading documents that are to be compared, and saying what a file is that is none."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from reelscope.document.compare.figures import Figures, figures_of
from reelscope.document.schema import SCHEMA_VERSION, Document
from reelscope.document.table import MEASURED, row_of
from reelscope.errors import InputError

__all__ = ["TESTED", "names_of", "read_figures", "with_views"]

# A minute of clip makes 3 MB at most; what is far larger is not ours, and is not read into memory.
MAX_BYTES = 256 * 1024 * 1024
ANALYSE = "analyse the clip first: reelscope analyze CLIP"
GIVE = "give the analysis.json that 'reelscope analyze' wrote"

# How files begin that are given by mistake: (offset, bytes, what it is, what to do).
KINDS: tuple[tuple[int, bytes, str, str], ...] = (
    (4, b"ftyp", "an MP4 or MOV file", ANALYSE),
    (0, b"\x1a\x45\xdf\xa3", "a WebM or Matroska file", ANALYSE),
    (0, b"RIFF", "an AVI, WAV or WebP file", ANALYSE),
    (0, b"OggS", "an Ogg file", ANALYSE),
    (0, b"\x89PNG", "a PNG picture", GIVE),
    (0, b"\xff\xd8\xff", "a JPEG picture", GIVE),
    (0, b"PAR1", "a Parquet table", GIVE),
    (0, b"PK\x03\x04", "a ZIP archive", "unpack it first"),
    (0, b"\x1f\x8b", "a gzip file", "unpack it first"),
)

# Figures that are held against views: of the table, those with an order, and the clip's length.
TESTED = ("duration_s", *(column.name for column in MEASURED if column.kind != "text"))


def read_figures(path: Path, name: str) -> Figures:
    """Read a document's figures. name: how it is called in the output.

    Raises:
        InputError: It is not there, or is no document; the message says what it is.
    """
    try:
        if path.is_dir():
            raise InputError(f"{path}: is a folder without an analysis.json", code="not_a_document", hint=GIVE)
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path}: is too large for a document", code="not_a_document", hint=GIVE)
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}", code="no_document", hint=GIVE) from error
    raw = _json(path, data)
    _check_head(path, raw)
    try:
        document = Document.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        message = f"{path}: is a damaged document: {f'{where}: ' if where else ''}{first['msg']}"
        raise InputError(message, code="not_a_document", hint="analyse the clip again") from error
    cells = row_of(raw, name)
    row = {key: float(value) for key in TESTED if isinstance(value := cells.get(key), int | float)}
    return figures_of(document, name, row)


def _json(path: Path, data: bytes) -> Any:
    if not data.strip():
        raise InputError(f"{path}: is an empty file", code="not_a_document", hint=GIVE)
    for offset, start, what, hint in KINDS:
        if data[offset : offset + len(start)] == start:
            raise InputError(f"{path}: is {what}, not its document", code="not_a_document", hint=hint)
    if data.lstrip()[:1] == b"<":
        hint = "give the analysis.json beside the report"
        raise InputError(f"{path}: is an HTML or XML page, no document", code="not_a_document", hint=hint)
    try:
        return json.loads(data)
    except RecursionError as error:
        raise InputError(f"{path}: is JSON nested too deeply for a document", code="not_a_document", hint=GIVE) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not JSON: it is no text in UTF-8", code="not_a_document", hint=GIVE) from error
    except ValueError as error:
        raise InputError(f"{path}: is not JSON: {error}", code="not_a_document", hint=GIVE) from error


def _check_head(path: Path, raw: Any) -> None:
    """Raise for JSON of something else, and for documents whose keys may mean something else."""
    if not isinstance(raw, dict):
        kind = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}.get(type(raw), "a number")
        raise InputError(f"{path}: is JSON but no document: it holds {kind}, not an object", code="not_a_document", hint=GIVE)
    version = raw.get("schema_version")
    if not isinstance(version, str) or "analyzers" not in raw:
        keys = ", ".join(sorted(map(str, raw))[:5]) or "none"
        lacks = "analyzers" if isinstance(version, str) else "schema_version"
        raise InputError(f"{path}: is JSON but no document: it has no {lacks} (its keys: {keys})", code="not_a_document", hint=GIVE)
    if version.partition(".")[0] != SCHEMA_VERSION.partition(".")[0]:
        message = f"{path}: has schema version {version[:20]}; this version of reelscope reads {SCHEMA_VERSION.partition('.')[0]}.x"
        raise InputError(message, code="other_schema", hint="analyse the clip again with this version")


def names_of(paths: Sequence[Path]) -> list[str]:
    """Short names that tell the documents apart: of `OUT/analysis.json` the folder, of another file its name; else the path as given."""
    short = [path.parent.name if path.name == "analysis.json" and path.parent.name else path.stem for path in paths]
    if len(set(short)) == len(short):
        return short
    return [str(path) if short.count(name) > 1 else name for path, name in zip(paths, short, strict=True)]


def with_views(documents: Sequence[Figures], views: Sequence[int | None]) -> Iterator[Figures]:
    """Documents with the view counts given; None leaves what the document says."""
    for document, count in zip(documents, views, strict=True):
        yield document if count is None else replace(document, clip=replace(document.clip, views=count))
