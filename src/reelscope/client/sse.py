"""Server-sent events, as the HTML standard defines their stream (section 9.2.6)."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from reelscope.client.errors import bad_answer

__all__ = ["Message", "messages"]

# An event of ours holds some kilobytes; a stream without an end of line is none, and must not fill the memory.
LONGEST_CHARS = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Message:
    """One message. id: the last one that the stream told, "" before; retry_ms: pause before a reconnection, where it was told."""

    event: str
    data: str
    id: str
    retry_ms: int | None


def messages(chunks: Iterable[bytes]) -> Iterator[Message]:
    """Messages of a stream, in whatever pieces it arrives. What follows the last blank line is no message and is dropped.

    Raises:
        ApiError: It is no stream of events.
    """
    event, last_id, retry_ms = "", "", None
    data: list[str] = []
    size = 0
    for line in _lines(chunks):
        if not line:
            if data:
                yield Message(event or "message", "\n".join(data), last_id, retry_ms)
            event, data, size = "", [], 0
            continue
        name, _, value = line.partition(":")  # a line that starts with a colon is a comment: its name is empty
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
            size += len(value)
            if size > LONGEST_CHARS:
                raise bad_answer("a stream of events")
        elif name == "event":
            event = value
        elif name == "id" and "\0" not in value:
            last_id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            retry_ms = int(value)


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Lines that end in LF, CR or CRLF and in nothing else: str.splitlines would also part JSON at U+2028."""
    decode = codecs.getincrementaldecoder("utf-8-sig")("replace").decode
    rest, after_cr = "", False
    for chunk in chunks:
        text = decode(chunk)
        if after_cr and text:
            text, after_cr = text.removeprefix("\n"), False
        if "\n" not in text and "\r" not in text:
            rest += text
            if len(rest) > LONGEST_CHARS:
                raise bad_answer("a stream of events")
            continue
        after_cr = text.endswith("\r")  # the LF that belongs to it may come in the next piece
        *whole, rest = (rest + text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        yield from whole
