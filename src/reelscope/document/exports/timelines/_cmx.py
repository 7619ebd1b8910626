"""EDL after CMX 3600, through OpenTimelineIO's adapter.

What the adapter does not do, or does not do right, is done here:

- At 29.97 and 59.94 it writes drop-frame timecode and no line that says so, and its reader loses markers at such times. It is given
  the same frames at 30 and 60, which is what non-drop timecode counts, and the header says NON-DROP FRAME.
- It repeats the markers and comments of a shot in the dissolve that follows it. It is given none; they are written here, once.
- It writes no sound. One event more is the sound track.
- It cannot write a list without a picture.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import opentimelineio as otio
from opentimelineio.opentime import RationalTime, to_timecode

from reelscope.document.exports.timelines._build import build
from reelscope.document.exports.timelines._plan import Gradual, Mark, Piece, Plan
from reelscope.document.exports.timelines._text import ascii_words, one_line, reel_name, span_words

__all__ = ["edl_text"]

TITLE_LENGTH = 70  # of CMX 3600
COMMENT_LENGTH = 300  # no limit is written down; longer lines than this are cut by readers
PATH_LENGTH = 1200  # a path that is cut leads nowhere, so it gets more room
NO_TITLE = "CLIP"
EVENT = re.compile(r"(\d+)\s")


def edl_text(plan: Plan, path: str | None) -> str:
    """The list.

    Args:
        plan: What stands in it.
        path: Where the clip is, as people write it; None where that is not known.
    """
    reel = reel_name(plan.file)
    title = one_line(ascii_words(plan.title), TITLE_LENGTH).encode("ascii", "ignore").decode() or NO_TITLE
    where = one_line(path, PATH_LENGTH) if path else None
    blocks = [*_picture(plan, reel, where), *_sound(plan, reel, where)]
    if blocks:
        # Readers allow no comment before the first event.
        blocks[0] += _head(plan)
    return "\n".join([f"TITLE: {title}", "FCM: NON-DROP FRAME", *("\n" + "\n".join(block) for block in blocks)]) + "\n"


def _picture(plan: Plan, reel: str, path: str | None) -> list[list[str]]:
    """The lines of each event of the picture."""
    if not plan.pieces:
        return []
    timeline = build(plan, rate=float(plan.grid.timebase), url=path, marks=False, bare=True)
    timeline.name = ""
    for clip in timeline.find_clips():
        clip.metadata["cmx_3600"] = {"reel": reel}
    written = otio.adapters.write_to_string(timeline, "cmx_3600", rate=float(plan.grid.timebase))
    blocks: list[list[str]] = [[] for _ in plan.pieces]
    number = 0
    for line in written.splitlines():
        event = EVENT.match(line)
        number = int(event[1]) if event else number
        blocks[number - 1].append(line.rstrip())
    return [block + _comments(plan, piece) for block, piece in zip(blocks, plan.pieces, strict=True)]


def _comments(plan: Plan, piece: Piece) -> list[str]:
    how = [_transition(piece.entered)] if piece.entered is not None else []
    return [*how, *(_locator(plan, mark) for mark in piece.marks)]


def _transition(how: Gradual) -> str:
    """What a dissolve of the list was in the clip: readers know no other kind."""
    return _comment(f"REELSCOPE TRANSITION: {how.words}, {span_words(how.start_s, how.end_s)}")


def _comment(text: str) -> str:
    return "* " + one_line(text, COMMENT_LENGTH)


def _locator(plan: Plan, mark: Mark) -> str:
    note = mark.note
    return f"* LOC: {_timecode(plan, mark.first)} {note.colour:7} " + one_line(f"{note.name} | {note.comment}", COMMENT_LENGTH)


def _timecode(plan: Plan, frame: int) -> str:
    base = plan.grid.timebase
    return to_timecode(RationalTime(frame, base), base, drop_frame=False)


def _sound(plan: Plan, reel: str, path: str | None) -> list[list[str]]:
    """The sound track as one event: AA for two channels or more, of which a CMX list has two."""
    sound = plan.sound
    if sound is None:
        return []
    channels = "A" if sound.fields.get("channels") == 1 else "AA"
    first, end = _timecode(plan, sound.first), _timecode(plan, sound.end)
    event = f"{len(plan.pieces) + 1:03d}  {reel:8} {channels:5} C        {first} {end} {first} {end}"
    where = ["* FROM CLIP: " + path.replace("\\", "/")] if path else []
    return [[event, "* FROM CLIP NAME:  Sound", *where, *_comments(plan, sound)]]


def _head(plan: Plan) -> Sequence[str]:
    """What an EDL has no place for, as comments of the first event."""
    rate = f"{plan.grid.words} frames a second{', nominal' if plan.grid.nominal else ''}; timecode counts {plan.grid.timebase} to a second"
    told = [f"FILE: {plan.file}", f"ANALYSIS: {plan.facts['analysis_id']}", f"SHA256: {plan.facts['sha256']}", f"RATE: {rate}"]
    return [_comment(f"REELSCOPE {t}") for t in [*told, *(f"REMARK: {r}" for r in plan.remarks)]]
