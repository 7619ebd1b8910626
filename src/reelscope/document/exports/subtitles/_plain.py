"""SRT and WebVTT. Both are UTF-8 without a byte order mark; what each escapes, and why, stands at its function."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reelscope.document.exports.subtitles._shape import line_text
from reelscope.document.exports.subtitles._texts import Shown
from reelscope.document.exports.subtitles._timing import Cue

__all__ = ["Entry", "of_cues", "of_texts", "srt_bytes", "vtt_bytes"]

# Invisible, without width, and it breaks no line: parts signs that a player would otherwise take for markup.
JOINER = "\u2060"

# SRT has markup and no escape for it. Players take `<b>`, `</i>`, `<!`, `{\an8}`, `{y:i}` for styles and some take `&lt;` for a character.
_SRT_MARKUP = re.compile(r"<(?=[A-Za-z/!?])|\{(?=\\|[A-Za-z]:)|&(?=#|[A-Za-z])")


@dataclass(frozen=True, slots=True)
class Entry:
    """A cue of either format: lines without markup, never empty ones."""

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]
    speaker: str | None = None


def of_cues(cues: Iterable[Cue]) -> list[Entry]:
    """Subtitles of speech."""
    return [Entry(c.start_ms, c.end_ms, tuple(line_text(line) for line in c.lines), c.speaker) for c in cues]


def of_texts(texts: Iterable[Shown]) -> list[Entry]:
    """Texts on the screen, without watermarks: such a mark stands all the clip long and would stand under every other text."""
    return [Entry(t.start_ms, t.end_ms, t.lines) for t in texts if t.role != "watermark"]


def srt_bytes(entries: Sequence[Entry]) -> bytes:
    """SubRip: numbered from 1, lines end with CR LF as SubRip writes them. Without entries there is nothing to write: no bytes at all."""
    return "".join(
        f"{n}\r\n{_clock(e.start_ms, ',')} --> {_clock(e.end_ms, ',')}\r\n" + "".join(f"{_srt_line(line)}\r\n" for line in e.lines) + "\r\n"
        for n, e in enumerate(entries, 1)
    ).encode()


def _srt_line(line: str) -> str:
    return _SRT_MARKUP.sub(lambda found: found[0] + JOINER, line).replace("-->", f"--{JOINER}>")


def vtt_bytes(entries: Sequence[Entry]) -> bytes:
    """WebVTT: lines end with LF, `&`, `<` and `>` are escaped (which leaves no `-->`), a known speaker is a voice (`<v ...>`)."""
    head = "WEBVTT\n"
    return (head + "".join(_vtt_cue(n, e) for n, e in enumerate(entries, 1))).encode()


def _vtt_cue(n: int, entry: Entry) -> str:
    words = "\n".join(_vtt_escaped(line) for line in entry.lines)
    if entry.speaker is not None:
        words = f"<v {_vtt_escaped(entry.speaker)}>{words}"  # the only span of the cue: its end may be left out
    return f"\n{n}\n{_clock(entry.start_ms, '.')} --> {_clock(entry.end_ms, '.')}\n{words}\n"


def _vtt_escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(ms: int, point: str) -> str:
    """HH:MM:SS and three digits of ms; more hours than 99 take more digits."""
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}{point}{ms % 1000:03}"
