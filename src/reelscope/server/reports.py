"""Reports of documents that are kept here, rendered when somebody asks."""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from collections.abc import Mapping

from reelscope.document.schema import Document
from reelscope.server.answers import not_found
from reelscope.server.blobs import LocalBlobs

__all__ = ["Reports"]

REPORTS_KEPT = 8  # rendered reports in memory: some hundred kilobytes each, a fifth of a second to make


class Reports:
    """Reports that were rendered lately."""

    def __init__(self) -> None:
        self._made: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, files: Mapping[str, tuple[str, int]], blobs: LocalBlobs, title: str) -> tuple[str, str]:
        """The report of a job's files, and what it changes with.

        Raises:
            InputError: It has no document. OutputError: a file of it is gone.
        """
        from reelscope.document.report import render_report

        if "analysis.json" not in files:
            raise not_found("document of this analysis")
        key = f"{files['analysis.json'][0]}-{zlib.crc32(title.encode()):08x}"
        with self._lock:
            if key in self._made:
                self._made.move_to_end(key)
                return self._made[key], key
        document = Document.model_validate_json(blobs.path(files["analysis.json"][0]).read_bytes())
        pictures = {name: blobs.path(sha256).read_bytes() for name, (sha256, _) in files.items() if name.startswith("keyframes/")}
        html = render_report(document, keyframes=pictures, title=title)
        with self._lock:
            self._made[key] = html
            while len(self._made) > REPORTS_KEPT:
                self._made.popitem(last=False)
        return html, key
