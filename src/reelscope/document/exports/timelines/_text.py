"""Words of somebody else's making, made fit for a line, an identifier and an address. Nothing here knows a format's own syntax."""

from __future__ import annotations

import re
import unicodedata
from math import isfinite
from typing import Any
from urllib.parse import quote, unquote, urlsplit

__all__ = ["ascii_words", "cleaned", "file_name", "figure", "media_url", "one_line", "reel_name", "span_words"]

# What no XML file can hold, and what turns the direction of a line round so that it reads as something else.
UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
DRIVE = re.compile(r"[A-Za-z]:[\\/]")
REEL_LENGTH = 8  # of CMX 3600
# Reels that mean something else than a tape: black, bars, and "auxiliary", which readers take for no reel at all.
RESERVED_REELS = frozenset({"BL", "BLACK", "BARS", "AX"})
NO_REEL = "CLIP"


def cleaned(value: Any) -> Any:
    """JSON-like data that can be written anywhere: finite numbers, and strings without control characters but for line ends."""
    if isinstance(value, str):
        return UNFIT.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, int) and abs(value) >= 2**63:  # OpenTimelineIO's integers have 64 bits
        return float(value)
    if isinstance(value, dict):
        return {cleaned(str(k)): cleaned(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [cleaned(v) for v in value]
    return value


def one_line(value: object, longest: int) -> str:
    """Text on one line of at most `longest` characters. Every kind of line end and blank becomes one blank; a cut is shown by dots."""
    text = " ".join(UNFIT.sub(" ", str(value)).split())
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


def ascii_words(value: str) -> str:
    """Letters without their marks, and a question mark for what ASCII has no letter for; empty where nothing is left to read."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", value) if not unicodedata.combining(c)).encode("ascii", "replace").decode()
    return plain if any(c.isalnum() for c in plain) else ""


def reel_name(name: str) -> str:
    """A reel's name after CMX 3600: at most 8 capital letters and digits, of the file's name without its ending."""
    stem = name.rsplit(".", 1)[0] or name
    reel = re.sub(r"[^A-Z0-9]", "", ascii_words(stem).upper())[:REEL_LENGTH]
    return NO_REEL if not reel or reel in RESERVED_REELS else reel


def file_name(path: str) -> str:
    """Name of the file at the end of a path or an address."""
    if SCHEME.match(path):
        path = unquote(urlsplit(path).path)
    return path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]


def media_url(clip: str) -> str:
    """A path or an address as the address that programs look for: `file:///...` for a whole path, relative where the path is.

    Whatever could end an attribute or a line stands in percent signs; an address stays as it is otherwise.
    """
    if SCHEME.match(clip):
        return _quoted(clip, "%/:=&?~#+!$,;'@()*[]")
    if DRIVE.match(clip):
        return "file:///" + _quoted(clip.replace("\\", "/"), "/:")
    if clip.startswith("\\\\"):
        return "file:" + _quoted(clip.replace("\\", "/"), "/")
    return ("file://" if clip.startswith("/") else "") + _quoted(clip, "/")


def _quoted(text: str, safe: str) -> str:
    """Percent signs for UTF-8; a file's name that is no UTF-8 keeps its bytes."""
    try:
        return quote(text, safe=safe, errors="surrogateescape")
    except UnicodeEncodeError:
        return quote(text, safe=safe, errors="replace")


def figure(value: float) -> str:
    """A measured figure in plain ASCII, three significant digits as in the report."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def span_words(start_s: float, end_s: float) -> str:
    """When, in seconds of the clip; a moment is said once."""
    return f"at {start_s:.2f} s" if end_s <= start_s else f"{start_s:.2f} s to {end_s:.2f} s"
