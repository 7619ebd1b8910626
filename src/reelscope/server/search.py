"""What a clip can be found by: its title, what is said in it and what is written on its screen."""

from __future__ import annotations

from reelscope.document.schema import Document

__all__ = ["MOST_CHARACTERS", "search_text", "words_of"]

MOST_CHARACTERS = 100_000  # an hour of talk has some 60,000


def search_text(title: str, document: Document) -> str:
    """Casefolded text of a document, a line for each of its texts."""
    lines = [title]
    post = document.source.post or {}
    lines += [str(post[key]) for key in ("caption", "title") if post.get(key)]
    for name in ("speech_transcription", "text_overlay"):
        lines += [text for s in document.analyzers[name].segments if isinstance(text := getattr(s, "text", None), str)]
    text = "\n".join(dict.fromkeys(line.strip() for line in lines if line.strip())).casefold()
    return text.replace("\0", " ")[:MOST_CHARACTERS]  # PostgreSQL has no text with a NUL


def words_of(query: str) -> list[str]:
    """The words that a text must have, all of them, in any order."""
    return query.casefold().split()
