"""One short-form video in, its complete production document out.

>>> from reelscope import analyze
>>> document = analyze("clip.mp4")  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reelscope.version import VERSION as __version__

if TYPE_CHECKING:
    from reelscope.document.schema import Document as Document
    from reelscope.errors import ReelscopeError as ReelscopeError
    from reelscope.pipeline import Session as Session
    from reelscope.pipeline import analyze as analyze

__all__ = ["Document", "ReelscopeError", "Session", "__version__", "analyze"]

_HOME = {
    "Document": "reelscope.document.schema",
    "ReelscopeError": "reelscope.errors",
    "Session": "reelscope.pipeline",
    "analyze": "reelscope.pipeline",
}


def __getattr__(name: str) -> Any:
    """Import the public names when they are first used, so that `import reelscope` stays light."""
    if name not in _HOME:
        raise AttributeError(f"module 'reelscope' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOME[name]), name)
