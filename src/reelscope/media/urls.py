"""Whether a source is an address or a file."""

from __future__ import annotations

import os
import re

__all__ = ["is_url"]

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def is_url(source: str | os.PathLike[str]) -> bool:
    """Whether `source` names something on the network; a path of any form does not."""
    return isinstance(source, str) and SCHEME.match(source) is not None
