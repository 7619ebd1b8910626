"""When something new comes: moments at which picture or sound changes, and who says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reelscope.document.evidence import Channel, Evidence

__all__ = ["SILENCE_S", "News", "lacking_essential", "news", "not_looked_at"]

# Without these it cannot be said that nothing came; the others can only shorten such a stretch.
ESSENTIAL = ("cut_analysis", "text_overlay")
IN_PICTURE = ("cut_analysis", "text_overlay", "camera_analysis", "eye_tracking", "object_detection", "body_pose")
IN_SOUND = ("speech_flow", "audio_environment", "audio_analysis")
HOLDS_S = 0.5  # what is seen for less time is a slip of the tracker, or nobody notices it
SILENCE_S = 1.0  # shorter ones are pauses, in speech and between the beats of a drum
# A track that begins this near to a cut is the new shot's own, not something new in it (two sightings at 5 a second).
AT_CUT_S = 0.4


@dataclass(frozen=True, slots=True)
class News:
    """Something new. source: the analyzer; what: in words of a few letters, with the thing's own name where it has one."""

    t_s: float
    source: str
    what: str


def news(evidence: Evidence, *, picture_only: bool = False) -> list[News]:
    """Everything new, in order of time, within the clip."""
    found = [*_picture(evidence), *(() if picture_only else _sound(evidence))]
    return sorted((n for n in found if 0 <= n.t_s <= evidence.duration_s), key=lambda n: (n.t_s, n.source, n.what))


def not_looked_at(evidence: Evidence) -> dict[str, str]:
    """Analyzers that could have told of something new and have no result, with the reason."""
    names = (*IN_PICTURE, *(IN_SOUND if evidence.has_sound else ()))
    found = {name: lack.reason for name in names if (lack := evidence.lack(name)) is not None}
    unread = evidence.overlays.lack
    return found | ({"text_overlay": unread.reason} if unread is not None else {})


def _picture(evidence: Evidence) -> Iterator[News]:
    cuts = [c.middle_s for c in evidence.cuts.items]
    for cut in evidence.cuts.items:
        yield News(cut.middle_s, "cut_analysis", cut.kind)
    for text in evidence.texts.items:
        if text.role != "scene_text":
            yield News(text.start_s, "text_overlay", f"text: {text.text}")
    last_move: dict[int, str] = {}
    for part in evidence.segments("camera_analysis").items:
        shot, move = part.get("shot"), part.get("move")
        if shot is None or move is None:
            continue
        if last_move.get(shot, move) != move:
            yield News(part["start_s"], "camera_analysis", f"camera: {move}")
        last_move[shot] = move
    yield from _tracks(evidence, "eye_tracking", "face", cuts)
    yield from _tracks(evidence, "object_detection", None, cuts)
    for gesture in evidence.segments("body_pose", "gesture").items:
        yield News(gesture["start_s"], "body_pose", f"gesture: {gesture.get('gesture')}")


def _tracks(evidence: Evidence, name: str, label: str | None, cuts: list[float]) -> Iterator[News]:
    """Things that come into a shot, not those it begins with."""
    for track in evidence.entry(name).get("tracks", ()):
        what = track.get("label")
        if what is None or (label is not None and what != label) or track["end_s"] - track["start_s"] < HOLDS_S:
            continue
        if label is None and what == "face" and evidence.lack("eye_tracking") is None:
            continue  # told already
        start = track["start_s"]
        if start > AT_CUT_S and not any(-AT_CUT_S <= start - cut <= AT_CUT_S for cut in cuts):
            yield News(start, name, f"new in the picture: {what}")


def _sound(evidence: Evidence) -> Iterator[News]:
    for phrase in evidence.phrases.items:
        yield News(phrase.start_s, "speech_flow", "somebody speaks")
    for sound in evidence.sounds.items:
        told = sound.kind == "class" and (sound.label in ("speech", "silence") or sound.end_s - sound.start_s < HOLDS_S)
        if sound.start_s > 0 and not told:
            yield News(sound.start_s, "audio_environment", f"sound: {sound.label}")
    for start, end in evidence.silence.items:
        if end - start < SILENCE_S:
            continue
        if start > 0:
            yield News(start, "audio_analysis", "silence begins")
        if end < evidence.duration_s:
            yield News(end, "audio_analysis", "silence ends")


def lacking_essential(evidence: Evidence) -> Channel:
    """The first channel without which nothing can be said of what is new, else an empty one."""
    for name in ESSENTIAL:
        lack = evidence.lack(name)
        if lack is not None:
            return Channel(lack=lack)
    if evidence.overlays.lack is not None:  # lines that could not be read may have been what was new
        return Channel(lack=evidence.overlays.lack)
    return evidence.voice if evidence.has_sound else Channel()
