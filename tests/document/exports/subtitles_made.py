"""Documents with words and texts made by hand, and small readers of SRT, WebVTT and ASS that share nothing with the writers."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from reelscope.document.exports import ExportOptions, Material
from reelscope.document.schema import Document
from tests.document.fixtures import empty_document, entry

__all__ = ["Read", "document", "material", "read_ass", "read_srt", "read_vtt", "said", "seen", "words"]


def words(text: str, start_s: float, end_s: float, *, gap_s: float = 0.0) -> list[dict[str, Any]]:
    """Words of even length in a stretch of time, with a gap after each."""
    parts = text.split()
    step = (end_s - start_s) / max(1, len(parts))
    return [
        {"start_s": round(start_s + i * step, 6), "end_s": round(start_s + (i + 1) * step - gap_s, 6), "text": w, "confidence": 0.9}
        for i, w in enumerate(parts)
    ]


def said(text: str, start_s: float, end_s: float, speaker: int | None = None, **fields: Any) -> dict[str, Any]:
    """A segment of the transcript as it stands in the JSON."""
    base = {"start_s": start_s, "end_s": end_s, "text": text, "words": words(text, start_s, end_s), "speaker": speaker, "language": "en"}
    return base | fields


def seen(text: str, start_s: float, end_s: float, **fields: Any) -> dict[str, Any]:
    """A text on the screen as it stands in the JSON."""
    return {
        "start_s": start_s, "end_s": end_s, "text": text, "lines": [text], "role": "caption", "xywh_norm": [0.25, 0.5, 0.5, 0.05],
        "line_height_px": 60.0, "tilt_deg": 0.0, "text_colour": "#ffcc00", "background_colour": "#102030", **fields,
    }  # fmt: skip


def document(
    spoken: Sequence[Any] = (), shown: Sequence[Any] = (), *, duration_s: float = 30.0, size: tuple[int, int] | None = (1080, 1920)
) -> Document:
    """A clip in which that is said and shown, as it is read back from its JSON."""
    made = empty_document()
    found = {"speech_transcription": entry(segments=list(spoken)), "text_overlay": entry(segments=list(shown))}
    picture = {"width_px": size and size[0], "height_px": size and size[1]}
    media = made.media.model_copy(update={"duration_s": duration_s, **picture})
    return made.model_copy(update={"analyzers": {**made.analyzers, **found}, "media": media})


def material(*args: Any, options: ExportOptions | None = None, title: str = "clip", **kwargs: Any) -> Material:
    return Material(document(*args, **kwargs), title=title, options=options or ExportOptions())


@dataclass(frozen=True)
class Read:
    """A cue that was read back."""

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]
    speaker: str | None = None
    style: str | None = None

    @property
    def text(self) -> str:
        return " ".join(self.lines)


def _ms(clock: str) -> int:
    hours, minutes, seconds, rest = re.fullmatch(r"(\d+):(\d\d):(\d\d)[.,](\d{2,3})", clock).groups()  # type: ignore[union-attr]
    return (int(hours) * 3600 + int(minutes) * 60 + int(seconds)) * 1000 + int(rest.ljust(3, "0"))


def read_srt(data: bytes) -> list[Read]:
    """Blocks between empty lines: a number, a line of times, the text. Everything else is an error."""
    text = data.decode("utf-8")
    assert not text.startswith("\ufeff")
    assert "\n" not in text.replace("\r\n", "") and "\r" not in text.replace("\r\n", "")
    out = []
    for n, block in enumerate(text.split("\r\n\r\n")[:-1], 1):
        number, times, *lines = block.split("\r\n")
        assert number == str(n) and lines and all(lines)
        start, end = re.fullmatch(r"(\d\d:\d\d:\d\d,\d{3}) --> (\d\d:\d\d:\d\d,\d{3})", times).groups()  # type: ignore[union-attr]
        assert not any("-->" in line for line in lines)
        out.append(Read(_ms(start), _ms(end), tuple(lines)))
    return out


def read_vtt(data: bytes) -> list[Read]:
    """By the grammar of a WebVTT file: nothing but cues, whose text has no tag but one voice and no bare `&`, `<` or `-->`."""
    text = data.decode("utf-8")
    assert "\r" not in text and "\0" not in text
    head, *blocks = text.split("\n\n")
    assert head.rstrip("\n") == "WEBVTT"
    out = []
    for n, block in enumerate(blocks, 1):
        number, times, *lines = block.removesuffix("\n").split("\n")
        assert number == str(n) and lines and all(lines)
        start, end = re.fullmatch(r"(\d\d:\d\d:\d\d\.\d{3}) --> (\d\d:\d\d:\d\d\.\d{3})", times).groups()  # type: ignore[union-attr]
        voice = re.match(r"<v ([^<>&\n]|&amp;|&lt;|&gt;)+>", lines[0])
        if voice:
            lines[0] = lines[0][voice.end() :]
        assert not re.search(r"<|>|&(?!amp;|lt;|gt;)", "\n".join(lines))
        speaker = html.unescape(voice[0][3:-1]) if voice else None
        out.append(Read(_ms(start), _ms(end), tuple(html.unescape(line) for line in lines), speaker))
    return out


def read_ass(data: bytes) -> tuple[dict[str, str], dict[str, dict[str, str]], list[Read]]:
    """Script info, styles by name, and the events with their tags as they stand."""
    text = data.decode("utf-8")
    parts = re.split(r"^\[(.+)\]\n", text, flags=re.MULTILINE)
    assert parts[0] == "" and parts[1::2] == ["Script Info", "V4+ Styles", "Events"]
    info = dict(line.split(": ", 1) for line in parts[2].splitlines() if line)
    styles = {row["Name"]: row for row in _rows(parts[4], "Style")}
    events = [
        Read(_ms(row["Start"]), _ms(row["End"]), tuple(row["Text"].split("\\N")), row["Name"] or None, row["Style"])
        for row in _rows(parts[6], "Dialogue")
    ]
    return info, styles, events


def _rows(part: str, kind: str) -> Iterable[dict[str, str]]:
    head, *lines = [line for line in part.splitlines() if line]
    fields = head.removeprefix("Format: ").split(", ")
    for line in lines:
        assert line.startswith(f"{kind}: "), line
        values = line.removeprefix(f"{kind}: ").split(",", len(fields) - 1)
        assert len(values) == len(fields)
        yield dict(zip(fields, values, strict=True))
