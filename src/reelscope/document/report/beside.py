"""The clip's address as seen from the report's file."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

__all__ = ["clip_address"]


def clip_address(clip: Path, folder: Path) -> str | None:
    """The relative address of a clip for a report in `folder`; None where there is none to give.

    A browser takes "..", as it stands in the address, off the folders that it was told: so do we, without following links. A way that
    leads through the root of the disk would tell the machine's folders to whoever is given the report, and lead nowhere on any other
    machine: then the reader opens the clip.
    """
    if not clip.is_file():
        return None
    here, there = Path(os.path.normpath(folder.absolute())), Path(os.path.normpath(clip.absolute()))
    try:
        common = Path(os.path.commonpath((here, there.parent)))
    except ValueError:  # on different drives
        return None
    if common == common.parent != here:
        return None
    way = os.path.relpath(there, here)
    if os.sep != "/":
        way = way.replace(os.sep, "/")
    return quote(os.fsencode(way), safe="/")
