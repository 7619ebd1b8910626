"""`corrections.json`: reading it, and finding it beside a document."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from reelscope.document.corrections.shapes import OVERLAY_VERSION, Corrections
from reelscope.document.schema import Document
from reelscope.errors import InputError

__all__ = ["FILE_NAME", "beside", "read_corrections"]

FILE_NAME = "corrections.json"
MAX_BYTES = 32 * 1024 * 1024  # five thousand corrections make some 5 MB
HINT = "give what GET /analyses/{id}/corrections?file=true wrote"


def read_corrections(path: Path) -> Corrections:
    """Read a file of corrections.

    Raises:
        InputError: It is not there, or is none (`no_corrections`, `not_corrections`).
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path}: is too large for corrections", code="not_corrections", hint=HINT)
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}", code="no_corrections", hint=HINT) from error
    try:
        found = Corrections.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        message = f"{path}: holds no corrections: {f'{where}: ' if where else ''}{first['msg']}"
        raise InputError(message, code="not_corrections", hint=HINT) from error
    if found.schema_version.partition(".")[0] != OVERLAY_VERSION.partition(".")[0]:
        message = f"{path}: has version {found.schema_version[:20]}; this version of reelscope reads {OVERLAY_VERSION.partition('.')[0]}.x"
        raise InputError(message, code="other_schema", hint="update reelscope here")
    return found


def beside(document: Document, path: Path) -> Corrections | None:
    """The corrections that lie in the folder of a document; None where there are none.

    Raises:
        InputError: They are of another clip (`other_clip`), or the file is none.
    """
    file = path.with_name(FILE_NAME)
    if not file.exists():
        return None
    found = read_corrections(file)
    if found.sha256 != document.source.sha256:
        message = f"{file}: is of another clip ({found.sha256[:12]}, the document's is {document.source.sha256[:12]})"
        raise InputError(message, code="other_clip", hint="put it beside the document of its own clip, or move it away")
    return found
