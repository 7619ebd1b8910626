"""The web page: files of its own, without a build step and without a line of anybody else's.

It needs nothing that a strict policy forbids (`POLICY`): no script or style in the page itself, no eval, no connection to elsewhere. What
comes from a clip reaches the page as text only, never as markup. docs/server.md says what it shows.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType

from reelscope.document.names import ANALYZER_TITLES
from reelscope.version import VERSION

__all__ = ["ASSETS", "POLICY", "files"]

ASSETS = "/assets/"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; media-src 'self' blob:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Content-Security-Policy that the page is made for. Its last two rules forbid to turn any text into markup or script."""

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@functools.cache
def files() -> Mapping[str, tuple[str, bytes]]:
    """Content type and bytes of each file by the path of its address: "/" is the page, "/assets/..." what it loads.

    They stay the same while the process lives; an ETag over the bytes and `Cache-Control: no-cache` serve them well.
    """
    found = {}
    for file in resources.files(__name__).iterdir():
        suffix = file.name[file.name.rfind(".") :]
        if suffix in TYPES:
            path = "/" if file.name == "index.html" else ASSETS + file.name
            found[path] = (TYPES[suffix], file.read_bytes())
    found[ASSETS + "names.js"] = (TYPES[".js"], _names())
    return MappingProxyType(found)


def _names() -> bytes:
    """What the page shares with the rest of reelscope, so that it cannot drift: the analyzers' titles, the version."""
    return f"export const TITLES = {json.dumps(ANALYZER_TITLES)};\nexport const VERSION = {json.dumps(VERSION)};\n".encode()
