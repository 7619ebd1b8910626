"""When cues come and go: whole milliseconds on the clip's clock, in order, none over the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reelscope.document.exports.shapes import ExportOptions
from reelscope.document.exports.subtitles._shape import Line, shaped
from reelscope.document.exports.subtitles._words import turns_of
from reelscope.document.schema import Document

__all__ = ["LEAST_MS", "Cue", "clip_ms", "cues_of", "milliseconds"]

# Least time of a cue where there is room up to the next one: five sixths of a second, the least that subtitling guidelines ask for
# (Netflix's Timed Text Style Guide: 20 frames at 24 fps).
SHOWN_MS = 833
# A gap that is closed: below it the screen flickers between two cues instead of resting (the same guide closes gaps of up to 11 frames
# at 24 fps, 0.46 s). It is less than the pause that ends a cue, so a cue never stays over one of these.
BRIDGED_MS = 400
# Least time of a cue where there is no room: a frame at 25 fps. Less is not shown at all.
LEAST_MS = 40


@dataclass(frozen=True, slots=True)
class Cue:
    """A subtitle of speech. Half-open, in ms of the clip; speaker: name, None where speakers were not told apart."""

    start_ms: int
    end_ms: int
    lines: tuple[Line, ...]
    speaker: str | None = None


def milliseconds(seconds: float) -> int:
    """The nearest whole millisecond; nothing lies before the clip."""
    return max(0, round(seconds * 1000))


def clip_ms(document: Document) -> int | None:
    """The last whole millisecond of the clip; None where its length is not known."""
    length = int(document.media.duration_s * 1000 + 1e-6)
    return length if length > 0 else None


def cues_of(document: Document, options: ExportOptions) -> list[Cue]:
    """The subtitles of what is said."""
    raw: list[Cue] = []
    for turn in turns_of(document, options.chars_per_line):
        for lines in shaped(turn.tokens, options):
            tokens = [t for line in lines for t in line]
            raw.append(Cue(milliseconds(tokens[0].start_s), milliseconds(tokens[-1].end_s), lines, turn.speaker))
    return timed(sorted(raw, key=lambda c: c.start_ms), clip_ms(document))


def timed(raw: Sequence[Cue], length_ms: int | None) -> list[Cue]:
    """Cues in order of their start, with times at which players show them: see the constants of this module."""
    if not raw:
        return []
    starts = _starts([c.start_ms for c in raw], length_ms)
    out = []
    for i, (cue, start) in enumerate(zip(raw, starts, strict=True)):
        following = starts[i + 1] if i + 1 < len(raw) else None
        end = max(cue.end_ms, start + SHOWN_MS)
        if following is not None and (end > following or following - end <= BRIDGED_MS):
            end = following
        if length_ms is not None:
            end = max(start + 1, min(end, length_ms))
        out.append(Cue(start, end, cue.lines, cue.speaker))
    return out


def _starts(starts: Sequence[int], length_ms: int | None) -> list[int]:
    """Starts at least a frame apart, the last one a frame before the clip's end; moved only where they are not."""
    least = LEAST_MS
    if length_ms is not None:
        least = max(1, min(LEAST_MS, length_ms // len(starts)))
    out = [starts[0]]
    for start in starts[1:]:
        out.append(max(start, out[-1] + least))
    if length_ms is not None:
        latest = length_ms
        for i in range(len(out) - 1, -1, -1):
            latest = out[i] = max(0, min(out[i], latest - least))
    return out
