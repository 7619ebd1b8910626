"""Takes secrets out of texts before they are written: what is a secret is told by where it stands, or named beforehand.

Addresses keep only the parts of their query that are known to be harmless: a signed address is as good as its file, and whoever makes up
the next name for a signature does not ask us.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["HIDDEN", "Redactor", "redact"]

HIDDEN = "***"
# Parts of a query whose values say which page or clip is meant and open nothing.
HARMLESS = frozenset({"v", "t", "list", "index", "page", "limit", "lang", "format", "state", "wait", "since"})
SHORTEST = 6  # of a named secret: a shorter one would also stand in innocent words

# user:password@ before the host. Of a web address up to its path (an account's page has an @ there); of any other, a database's say, up
# to the last @: passwords are often written down as they are, with whatever is in them.
_PASSWORD = re.compile(r"(?i)(\bhttps?://)[^\s/?#\"'<>]{0,300}@")
_ANY_PASSWORD = re.compile(r"(?i)(\b(?!https?:)[a-z][a-z0-9+.-]{0,30}://)[^\s\"'<>]{0,300}@")
_HEADER = re.compile(
    r"(?i)([\"']?\b(?:proxy-)?(?:authorization|cookie|set-cookie|x-api-key|x-reelscope-signature)(?:[\"']?\s*[:=]|[\"']\s*,)\s*)"
    r"(\"[^\"\n]*\"|'[^'\n]*'|b'[^'\n]*'|[^\n\"'}\])]+)"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)(\s+)[A-Za-z0-9._~+/=-]{4,}")
_QUERY = re.compile(r"([?&;#])([\w.~%\[\]-]{1,80})=([^&;#\s\"'<>`\\)\]}]*)")
_NAMED = re.compile(
    r"(?i)([\"']?\b[\w-]{0,40}(?:password|passwd|secret|token|api_?key|signature|session_?id)[\"']?\s*[:=]\s*)"
    r"(\"[^\"\n]*\"|'[^'\n]*'|[^\s,;&\"'}\])]+)"
)


class Redactor:
    """Replaces secrets by ***.

    Args:
        secrets: Texts that are secret wherever they stand.
    """

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        named = sorted({s for s in secrets if len(s) >= SHORTEST}, key=len, reverse=True)
        self._named = re.compile("|".join(map(re.escape, named))) if named else None

    def __call__(self, text: str) -> str:
        """The text without them."""
        if self._named is not None:
            text = self._named.sub(HIDDEN, text)
        text = _PASSWORD.sub(rf"\g<1>{HIDDEN}@", text)
        text = _ANY_PASSWORD.sub(rf"\g<1>{HIDDEN}@", text)
        text = _HEADER.sub(rf"\g<1>{HIDDEN}", text)
        text = _BEARER.sub(rf"\g<1>\g<2>{HIDDEN}", text)
        text = _QUERY.sub(_query, text)
        return _NAMED.sub(rf"\g<1>{HIDDEN}", text)


def _query(found: re.Match[str]) -> str:
    kept = found[3] if found[2].lower() in HARMLESS else HIDDEN
    return f"{found[1]}{found[2]}={kept}"


redact = Redactor()
