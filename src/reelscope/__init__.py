"""One short-form video in, its complete production document out.

>>> from reelscope import analyze
>>> document = analyze("clip.mp4")  # doctest: +SKIP
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from reelscope.version import VERSION

# onnxruntime's wheels (seen in 1.32) upload usage data from the first session on and leave a device id in the user's cache, unless this
# stands in the environment before the library loads. All that we do is local; who wants it can still set the variable to 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if TYPE_CHECKING:
    from reelscope.client import Client as Client
    from reelscope.document.schema import Document as Document
    from reelscope.errors import ReelscopeError as ReelscopeError
    from reelscope.pipeline import Session as Session
    from reelscope.pipeline import analyze as analyze

__all__ = ["Client", "Document", "ReelscopeError", "Session", "__version__", "analyze"]

__version__ = VERSION

_HOME = {
    "Client": "reelscope.client",
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
