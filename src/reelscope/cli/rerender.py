"""The report of a document that was written before."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from reelscope.errors import InputError, ReelscopeError
from reelscope.outputs import out_folder, write_files

if TYPE_CHECKING:
    from reelscope.document.schema import Document

__all__ = ["document_at", "keyframes_beside", "read_document", "reading", "rerender"]

# A still of 540 px is some 60 kB; a document is a few MB. Far more is not ours, and is not read into memory.
MAX_KEYFRAME_BYTES = 4 * 1024 * 1024
MAX_DOCUMENT_BYTES = 256 * 1024 * 1024
JPEG_START = b"\xff\xd8\xff"


def rerender(path: Path, out: Path | None) -> Path:
    """Render the report of the document at `path`, or in that folder, as corrected by what lies beside it; return where it was written.

    Raises:
        InputError: No document, corrections of another clip, or the place cannot be written to.
        OutputError: The disk fails.
    """
    from reelscope.document.corrections import beside, corrected

    path = document_at(path)
    document = read_document(path)
    with reading(document, path):
        document = corrected(document, beside(document, path)).document
    target = out if out is not None else path.with_name("report.html")
    if target.is_dir():
        target = target / "report.html"
    from reelscope.document.report import render_report
    from reelscope.document.report.beside import clip_address

    names = (shot.keyframe for shot in document.shots if shot.keyframe)
    clip = _clip_of(document, path)
    address = clip_address(clip, target.parent) if clip is not None else None
    with reading(document, path):
        html = render_report(document, keyframes=keyframes_beside(path.parent, names), clip=address)
    with out_folder(target.absolute().parent):
        write_files(target.parent, {target.name: html.encode()})
    return target


def _clip_of(document: Document, path: Path) -> Path | None:
    """Where the clip lies: beside the document, as a clip that was fetched does, else where it was analysed."""
    from reelscope.cli.export import find_clip

    for file in sorted(path.parent.glob("clip.*")):
        with contextlib.suppress(OSError):
            if file.is_file() and file.stat().st_size == document.media.size_bytes:
                return file
    return find_clip(document, path)


def document_at(path: Path) -> Path:
    """The document itself, where its folder is given.

    Commands take it with `readable=False`: a file that may not be read is told here, with what to give, not as wrong usage.
    """
    return path / "analysis.json" if path.is_dir() else path


def read_document(path: Path) -> Document:
    """Read a document.

    Raises:
        InputError: It is not there or is no document.
    """
    from reelscope.document.schema import Document

    hint = "give the analysis.json that 'reelscope analyze' wrote"
    try:
        if path.stat().st_size > MAX_DOCUMENT_BYTES:
            raise InputError(f"{path}: is too large for a document", code="not_a_document", hint=hint)
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}", code="no_document", hint=hint) from error
    try:
        return Document.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"{path}: is no document: {f'{where}: ' if where else ''}{first['msg']}", code="not_a_document", hint=hint
        ) from error


@contextmanager
def reading(document: Document, path: Path) -> Iterator[None]:
    """Around what reads a document that anybody may have edited: an error that comes from a field of the wrong kind names the field.

    Raises:
        InputError: That. Any other error goes through as it is.
    """
    try:
        yield
    except (ReelscopeError, MemoryError, OSError, RuntimeError):  # nothing that the kind of a value leads to
        raise
    except Exception as error:
        from reelscope.analyzers.schema import wrong_field

        wrong = wrong_field(document)
        if wrong is None:
            raise
        hint = "analyse the clip again, or mend that field; its type stands in docs/reference.md"
        raise InputError(f"{path}: {wrong}", code="not_a_document", hint=hint) from error


def keyframes_beside(folder: Path, names: Iterable[str]) -> dict[str, bytes]:
    """Pictures of shots that lie beside the document. A name that leads out of the folder, or a file that is no JPEG, is left out."""
    base = folder.resolve()
    found: dict[str, bytes] = {}
    for name in names:
        with contextlib.suppress(OSError, ValueError):  # ValueError: a name with a null byte
            file = (base / name).resolve()
            if file.is_relative_to(base) and file.is_file() and file.stat().st_size <= MAX_KEYFRAME_BYTES:
                data = file.read_bytes()
                if data.startswith(JPEG_START):
                    found[name] = data
    return found
