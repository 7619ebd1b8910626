"""Words on screen that may be spoken, as a hint for the model. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reelscope.document.measures.words import tokens

__all__ = ["hints_of"]

ROLES = ("title", "caption")  # what is written for the clip; a watermark or a sign is hardly spoken
MAX_CHARACTERS = 200  # some 50 tokens: a longer prompt costs time and makes the model write on instead of listening


def hints_of(texts: Sequence[Any]) -> tuple[str, ...]:
    """Titles and captions in the order of their time, each once, up to 200 characters together.

    Args:
        texts: Segments of text_overlay (text, role).
    """
    out: list[str] = []
    seen: set[tuple[str, ...]] = set()
    room = MAX_CHARACTERS
    for text in texts:
        words = tokens(text.text)
        if text.role not in ROLES or not words or words in seen:
            continue
        seen.add(words)
        plain = " ".join(text.text.split())
        if len(plain) > room:
            plain = plain[: room + 1].rpartition(" ")[0]  # whole words
        if plain:
            out.append(plain)
        room -= len(plain) + 2
        if room <= 0 or len(plain) < len(" ".join(text.text.split())):
            break
    return tuple(out)
