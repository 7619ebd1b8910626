"""Documents that are kept here in other formats, made when somebody asks.

They are made in this process, a few at a time in threads of their own, so that neither the event loop nor other requests wait for them.
Nothing here opens media: keyframes are JPEGs that a worker of ours wrote, and the libraries behind a format (Pillow, OpenTimelineIO,
pyarrow with numpy) are imported when it is first asked for.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from anyio import CapacityLimiter, to_thread

from reelscope.document.exports.registry import FORMATS
from reelscope.document.exports.shapes import ExportOptions, Material
from reelscope.errors import InputError
from reelscope.server.answers import not_found
from reelscope.server.corrections import corrected_document, revision_of
from reelscope.server.jobs import Job
from reelscope.server.limits import Refusal
from reelscope.version import VERSION

if TYPE_CHECKING:
    from reelscope.server.parts import Parts

__all__ = ["ZIP", "Making", "chosen", "key_of", "material_of", "packed", "tag_of"]

T = TypeVar("T")

ZIP = "application/zip"
ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the first that a ZIP can hold: the same files give the same bytes
STORED = frozenset({"image/png", "application/vnd.apache.parquet"})  # compressed already
# A contact sheet of 200 shots takes a second of a core; two leave cores to the rest, and 32 more are some ten seconds of waiting.
AT_ONCE, MOST_WAITING, RETRY_S = 2, 32, 2.0

Files = Mapping[str, tuple[str, int]]
"""What a job has: sha256 and bytes by name."""


def material_of(p: Parts, job: Job, files: Files, format: str, options: ExportOptions, clip: str | None) -> Material:
    """What exporters are given of a job. What changes it must also change `key_of`.

    Raises:
        InputError: It has no document. OutputError: a file of it is gone.
    """
    document, _ = corrected_document(p, files)
    names = [name for name in files if name.startswith("keyframes/")] if FORMATS[format].pictures else []
    pictures = {name: p.blobs.path(files[name][0]).read_bytes() for name in names}
    return Material(document, pictures, job.title, clip, options)


def key_of(p: Parts, job: Job, files: Files) -> str:
    """What `material_of` of a job changes with, but for options and clip.

    Raises:
        InputError: It has no document.
    """
    return f"{_document(files)} c{revision_of(p, files)} {job.title}"


def _document(files: Files) -> str:
    if "analysis.json" not in files:
        raise not_found("document of this analysis")
    return files["analysis.json"][0]


class Making:
    """Makes exports, a few at a time. Of one event loop."""

    def __init__(self) -> None:
        self._limiter = CapacityLimiter(AT_ONCE)

    async def run(self, make: Callable[[], T]) -> T:
        """What `make` returns, from a thread.

        Raises:
            Refusal: Too many wait (503 `exports_busy`).
        """
        if self._limiter.statistics().tasks_waiting >= MOST_WAITING:
            raise Refusal(503, "too many exports are being made", code="exports_busy", hint="ask again soon", retry_after_s=RETRY_S)
        return await to_thread.run_sync(make, limiter=self._limiter)


def chosen(format: str, file: str | None) -> list[str]:
    """Names of the files to answer with, in order.

    Raises:
        InputError: The format makes no such file (`unknown_file`).
    """
    names = list(FORMATS[format].files)
    if file is None:
        return names
    if file not in names:
        raise InputError("the format makes no such file", code="unknown_file", hint=f"it makes: {', '.join(names)}")
    return [file]


def packed(format: str, names: list[str], material: Material) -> tuple[bytes, str, str]:
    """Content, media type and name of the answer: one file as itself, several as a ZIP."""
    made, types = FORMATS[format].make(material), FORMATS[format].files
    if len(names) == 1:
        return made[names[0]], types[names[0]], names[0]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            entry = zipfile.ZipInfo(name, ZIP_TIME)
            entry.create_system = 3  # Unix on every system, for the rights
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, made[name], zipfile.ZIP_STORED if types[name] in STORED else zipfile.ZIP_DEFLATED)
    return out.getvalue(), ZIP, f"{format}.zip"


def tag_of(key: str, format: str, names: list[str], options: ExportOptions, clip: str | None) -> str:
    """The ETag of an answer: of all that it is made from, and of the version that makes it."""
    parts = [VERSION, key, format, names, options.model_dump(), clip]
    return f'"{hashlib.sha256(json.dumps(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]}"'
