"""Advanced SubStation Alpha (v4.00+): speech with the spoken word lit up, texts at their place in their colours.

The spoken word is lit by one event for each step, not by karaoke tags. `\\k` fills what was sung and leaves it filled, so it cannot light
one word alone; `\\t` could, but many players and editing programs leave it out. Events with plain colours look the same in all of them.
The price: a program that turns the file into another format sees a cue once for each word; `highlight: false` writes it once.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from reelscope.document.exports.shapes import Material
from reelscope.document.exports.subtitles._letters import clean, width_cells
from reelscope.document.exports.subtitles._plain import JOINER
from reelscope.document.exports.subtitles._room import Room, picture_px, room_of
from reelscope.document.exports.subtitles._shape import Line, line_text
from reelscope.document.exports.subtitles._texts import Shown
from reelscope.document.exports.subtitles._timing import Cue, milliseconds

__all__ = ["speech_ass", "texts_ass"]

INK, LIT, EDGE = "#ffffff", "#ffd629", "#000000"
# On every system one of this family or of its width is found: Arial, or Liberation Sans in its place.
FONT = "Arial"
# A word stays lit over a gap up to this long, so that no frame between two words flickers; longer, and nothing is lit while nobody speaks.
HELD_MS = 200

# Ink of a line in font sizes of Arial: from the top of a capital to the foot of a "p", and to the foot of other letters.
DEEP_SHARE, FLAT_SHARE = 0.83, 0.65
_DEEP = frozenset("gjpqyQ,;()[]{}|/_@$")
# Least width of a cell in font sizes: of small letters of Arial that is not bold, so that a narrow font is not made smaller for it.
NARROW_EM = 0.44
# Least tilt that is drawn: text_overlay reads level lines to within about one degree.
TILT_DEG = 2.0

_ROLES = {"caption": "Caption", "title": "Title", "sticker": "Sticker", "watermark": "Watermark", "scene_text": "Scene"}

_STYLE_FIELDS = (
    "Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, StrikeOut, "
    "ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding"
)
_EVENT_FIELDS = "Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text"


def speech_ass(material: Material, cues: Sequence[Cue]) -> bytes:
    """Subtitles of speech at the lowest place that no app covers."""
    room = room_of(material.document, material.options)
    script = [line_text(line) for cue in cues for line in cue.lines]
    events = []
    for cue in cues:
        size = _size(cue, room, material.options.chars_per_line)
        for start, end, lit in _steps(cue) if material.options.highlight else [(cue.start_ms, cue.end_ms, None)]:
            if start // 10 < end // 10:
                events.append(_event(start, end, "Speech", cue.speaker or "", size + _lines(cue.lines, lit)))
    return _file(material, {"Speech": room}, script, events)


def _steps(cue: Cue) -> Iterator[tuple[int, int, int | None]]:
    """A cue in parts (start_ms, end_ms, number of the lit word), without a gap between them."""
    words = [t for line in cue.lines for t in line]
    marks: list[tuple[int, int | None]] = [(cue.start_ms, None)]
    for i, token in enumerate(words):
        if not token.measured or (i and words[i - 1].word == token.word):
            continue
        last = max(t.end_s for t in words if t.word == token.word)
        after = next((t for t in words[i:] if t.word != token.word), None)
        end = milliseconds(last)
        until = milliseconds(after.start_s) if after is not None else cue.end_ms
        marks.append((milliseconds(token.start_s), token.word))
        if until - end > HELD_MS or (after is not None and not after.measured):
            marks.append((end, None))
    at, lit = marks[0]
    for start, word in marks[1:]:
        start = min(max(start, at), cue.end_ms)
        if start > at:
            yield at, start, lit
        at, lit = start, word
    if at < cue.end_ms:
        yield at, cue.end_ms, lit


def _size(cue: Cue, room: Room, cells: int) -> str:
    """A smaller font for a cue with a word that is wider than a line may be."""
    widest = max(width_cells(line_text(line)) for line in cue.lines)
    return f"{{\\fs{max(1, room.size * cells // widest)}}}" if widest > cells else ""


def _lines(lines: Sequence[Line], lit: int | None) -> str:
    return "\\N".join(_line(line, lit) for line in lines)


def _line(line: Line, lit: int | None) -> str:
    """A line with one word in another colour; blanks around it keep theirs, so that a line of right-to-left text stays one."""
    out, on = "", False
    for i, token in enumerate(line):
        light = token.word == lit
        blank = " " if token.space and i else ""
        if light and not on:
            out += f"{blank}{{\\1c{_bgr(LIT)}}}"
        elif on and not light:
            out += f"{{\\1c{_bgr(INK)}}}{blank}"
        else:
            out += blank
        out, on = out + escaped(token.text), light
    return out + (f"{{\\1c{_bgr(INK)}}}" if on else "")


def texts_ass(material: Material, texts: Iterable[Shown]) -> bytes:
    """Texts of every role where they stand, as large and in the colours as they were measured."""
    shown = list(texts)
    room = room_of(material.document, material.options)
    size_px = picture_px(material.document)
    events = [_event(t.start_ms, t.end_ms, _ROLES.get(t.role or "", "Text"), "", _placed(t, size_px)) for t in shown]
    return _file(material, dict.fromkeys((*_ROLES.values(), "Text"), room), [line for t in shown for line in t.lines], events)


def _placed(text: Shown, size_px: tuple[int, int]) -> str:
    """A text with what puts it where it was; without a place it stands where subtitles do."""
    tags = []
    if text.xywh_norm is not None:
        x, y, width, height = text.xywh_norm
        tags.append(f"\\an5\\pos({(x + width / 2) * size_px[0]:.1f},{(y + height / 2) * size_px[1]:.1f})\\q2")
        tags.append(f"\\fs{_text_size(text, width * size_px[0], height * size_px[1])}")
        if abs(text.tilt_deg) >= TILT_DEG:
            tags.append(f"\\frz{-text.tilt_deg:.1f}")  # ASS turns against the clock
    if text.text_hex is not None:
        tags.append(f"\\1c{_bgr(text.text_hex)}")
    if text.ground_hex is not None:
        tags.append(f"\\3c{_bgr(text.ground_hex)}")
    words = "\\N".join(escaped(line) for line in text.lines)
    return f"{{{''.join(tags)}}}{words}" if tags else words


def _text_size(text: Shown, width_px: float, height_px: float) -> int:
    """Font size at which the ink is as high as it was; smaller where that would be wider than the box: the clip's font is not known."""
    ink = text.line_height_px or height_px / len(text.lines)
    deep = any(c in _DEEP or not c.isascii() for line in text.lines for c in line)
    widest = max(1, *(width_cells(line) for line in text.lines))
    return max(1, round(min(ink / (DEEP_SHARE if deep else FLAT_SHARE), width_px / (widest * NARROW_EM))))


def escaped(text: str) -> str:
    """Text that a player shows as it is: `{` would begin tags, and a backslash would take the letter behind it along."""
    return text.replace("\\", "\\" + JOINER).replace("{", "\\{").replace("}", "\\}")


def _file(material: Material, styles: dict[str, Room], script: Iterable[str], events: Sequence[str]) -> bytes:
    width, height = picture_px(material.document)
    encoding = -1 if any(_right_to_left(c) for line in script for c in line) else 1
    head = [
        "[Script Info]",
        f"Title: {clean(material.title)}",
        "ScriptType: v4.00+",
        f"PlayResX: {width}",
        f"PlayResY: {height}",
        f"LayoutResX: {width}",
        f"LayoutResY: {height}",
        "WrapStyle: 0",
        "ScaledBorderAndShadow: yes",
        "YCbCr Matrix: None",  # colours are sRGB as they stand here, not bent by the clip's matrix
        "",
        "[V4+ Styles]",
        f"Format: {_STYLE_FIELDS}",
        *(_style(name, room, encoding) for name, room in styles.items()),
        "",
        "[Events]",
        f"Format: {_EVENT_FIELDS}",
        *events,
    ]
    return "".join(f"{line}\n" for line in head).encode()


def _style(name: str, room: Room, encoding: int) -> str:
    """A style. encoding: 1, or -1 where there is right-to-left text: libass then finds each line's direction by itself."""
    ink, other, dark = (_bgr(c).rstrip("&").replace("&H", "&H00") for c in (INK, LIT, EDGE))
    return (
        f"Style: {name},{FONT},{room.size},{ink},{other},{dark},{dark},-1,0,0,0,100,100,0,0,1,{room.edge},0,2,"
        f"{room.left},{room.right},{room.bottom},{encoding}"
    )


def _event(start_ms: int, end_ms: int, style: str, name: str, text: str) -> str:
    actor = name.replace(",", " ")
    return f"Dialogue: 0,{_clock(start_ms)},{_clock(end_ms)},{style},{actor},0,0,0,,{text}"


def _clock(ms: int) -> str:
    """H:MM:SS and hundredths, rounded down: the order of times is kept, and nothing ends behind the clip."""
    return f"{ms // 3_600_000}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000 // 10:02}"


def _bgr(hex_colour: str) -> str:
    """`#rrggbb` as ASS writes it."""
    red, green, blue = hex_colour[1:3], hex_colour[3:5], hex_colour[5:7]
    return f"&H{blue}{green}{red}&".upper()


def _right_to_left(c: str) -> bool:
    return unicodedata.bidirectional(c) in ("R", "AL")
