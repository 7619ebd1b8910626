"""A program of its own with one engine: `python -m tests.faults.parent ROOT CLIP N [BYTES]`. It prints a line for each clip.

With BYTES no file can become larger, as on a full disk.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

from reelscope.errors import ReelscopeError
from tests.faults.misdeeds import Control
from tests.faults.tools import Place, facts


def main(root: Path, clip: Path, count: int) -> None:
    """Analyse one clip `count` times."""
    place = Place(root, Control(root / "control"))
    with place.session() as session:
        for _ in range(count):
            try:
                document = session.analyze(clip).document
            except ReelscopeError as error:
                print(type(error).__name__, error.message, flush=True)
                continue
            statuses = {e["status"] for e in facts(document)["analyzers"].values()}
            print(document.run.passes, *sorted(statuses), flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 4:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]), resource.RLIM_INFINITY))
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
