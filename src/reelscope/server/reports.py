"""Reports of documents that are kept here, rendered when somebody asks."""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from collections.abc import Mapping

from reelscope.document.corrections.apply import corrected
from reelscope.document.corrections.shapes import Corrections
from reelscope.document.schema import Document
from reelscope.server.answers import not_found
from reelscope.server.blobs import LocalBlobs
from reelscope.version import VERSION

__all__ = ["Reports"]

CLIP = "media"  # as seen from the report's address
REPORTS_KEPT = 8  # rendered reports in memory: some hundred kilobytes each, a fifth of a second to make


class Reports:
    """Reports that were rendered lately."""

    def __init__(self) -> None:
        self._made: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def of(
        self,
        files: Mapping[str, tuple[str, int]],
        blobs: LocalBlobs,
        title: str,
        corrections: Corrections | None = None,
        *,
        served: bool = False,
    ) -> tuple[str, str]:
        """The report of a job's files, and what it changes with.

        Args:
            corrections: Of its clip, as they are now.
            served: Whether it is shown from here: with the clip, and with what it takes to mend; not so a report that is taken away.

        Raises:
            InputError: It has no document. OutputError: a file of it is gone.
        """
        from reelscope.document.report import render_report

        if "analysis.json" not in files:
            raise not_found("document of this analysis")
        key = f"{files['analysis.json'][0]}-{VERSION}-{zlib.crc32(title.encode()):08x}"  # another version renders another page
        if corrections is not None and corrections.revision:
            key = f"{key}-c{corrections.revision}"
        clip = CLIP if served and "clip" in files and blobs.has(files["clip"][0]) else None
        key += "-served" * served + "-clip" * (clip is not None)
        with self._lock:
            if key in self._made:
                self._made.move_to_end(key)
                return self._made[key], key
        document = Document.model_validate_json(blobs.path(files["analysis.json"][0]).read_bytes())
        document = corrected(document, corrections).document
        pictures = {name: blobs.path(sha256).read_bytes() for name, (sha256, _) in files.items() if name.startswith("keyframes/")}
        revision = corrections.revision if corrections is not None else 0
        html = render_report(document, keyframes=pictures, title=title, clip=clip, served=served, revision=revision)
        with self._lock:
            self._made[key] = html
            while len(self._made) > REPORTS_KEPT:
                self._made.popitem(last=False)
        return html, key
