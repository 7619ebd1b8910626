"""A program of its own with one engine: `python -m tests.faults.parent ROOT CLIP N`. It prints a line for each clip."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.faults.misdeeds import Control
from tests.faults.tools import Place, facts


def main(root: Path, clip: Path, count: int) -> None:
    """Analyse one clip `count` times."""
    place = Place(root, Control(root / "control"))
    with place.session() as session:
        for _ in range(count):
            document = session.analyze(clip).document
            statuses = {e["status"] for e in facts(document)["analyzers"].values()}
            print(document.run.passes, *sorted(statuses), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
