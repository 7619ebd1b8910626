"""Where two analyzers say what cannot both be so."""

from __future__ import annotations

import re
from collections.abc import Sequence

from reelscope.analyzers.cross_analyzer_intelligence._against_cuts import cut_contradictions
from reelscope.analyzers.cross_analyzer_intelligence._made import STEP_S, Found, Turns, cells, claim, clip_spans
from reelscope.analyzers.cross_analyzer_intelligence._result import ClaimName
from reelscope.document.evidence import Evidence
from reelscope.timebase import Interval, clip_to, intersect, merge, subtract, total_s

__all__ = ["AGAINST", "contradictions"]

# Borders of stretches are good to some tenths of a second (samples of 0.2 s, voice to 0.1 s): overlaps at borders are no contradiction.
BORDER_S = 0.3
LEAST_S = 0.5  # together, of what is left
# A sound model hears windows of about a second: two of them make speech, and each reaches half a second beyond what is in it.
SPEECH_SCORE, HEARD_LEAST_S, WINDOW_HALF_S = 0.5, 0.9, 0.5
JOIN_S = 1e-3  # neighbouring steps of a series meet but for rounding
NO_TEXT = re.compile(r"\bno (?:visible |on-?screen |readable |overlaid )?(?:text|captions?|subtitles?|writing)\b", re.IGNORECASE)
MOVING_FW_S = 0.05  # frame widths a second: no still picture reads so much

AGAINST: tuple[ClaimName, ...] = (
    "words_outside_voice", "voice_without_words", "silence_while_speaking", "speech_without_voice", "face_without_person",
    "black_with_text_or_face", "frozen_while_moving", "cut_inside_move", "scene_text_over_cut", "told_no_text",
)  # fmt: skip

Pair = tuple[str, Sequence[Interval], str, Sequence[Interval]]


def contradictions(evidence: Evidence, found: Found) -> None:
    """Examine the rules about time, which hold where the analyzers contradict each other for half a second, and those about cuts."""
    _words(evidence, found)
    silence, voice = evidence.silence, evidence.voice
    if not found.lacks(("silence_while_speaking",), silence, voice):
        _overlap("silence_while_speaking", evidence, found, ("audio_analysis", silence.items, "speech_flow", voice.items))
    _model_speech(evidence, found)
    _people(evidence, found)
    _picture(evidence, found)
    _told(evidence, found)
    cut_contradictions(evidence, found)


def _words(evidence: Evidence, found: Found) -> None:
    words, voice = evidence.words, evidence.voice
    if found.lacks(("words_outside_voice", "voice_without_words"), words, voice):
        return
    said = merge(((w.start_s, w.end_s) for w in words.items), gap_s=BORDER_S)
    _beside("words_outside_voice", evidence, found, ("speech_transcription", said, "speech_flow", voice.items))
    _beside("voice_without_words", evidence, found, ("speech_flow", voice.items, "speech_transcription", said))


def _model_speech(evidence: Evidence, found: Found) -> None:
    """A model for sounds hears speech; the class speech itself comes from the same voice activity as the phrases and proves nothing."""
    scores, voice = evidence.series("audio_environment", "speech_score"), evidence.voice
    if found.lacks(("speech_without_voice",), scores, voice):
        return
    times = [t for t, _ in scores.items]
    half = min((b - a for a, b in zip(times, times[1:], strict=False)), default=0.0) / 2
    high = merge(((t - half, t + half) for t, v in scores.items if v is not None and v >= SPEECH_SCORE), gap_s=JOIN_S)
    heard = [(a, b) for a, b in high if b - a >= HEARD_LEAST_S]
    around = [(a - WINDOW_HALF_S, b + WINDOW_HALF_S) for a, b in voice.items]
    _beside("speech_without_voice", evidence, found, ("audio_environment", heard, "speech_flow", around))


def _told(evidence: Evidence, found: Found) -> None:
    if found.lacks(("told_no_text",), evidence.told, evidence.overlays):
        return
    none = [(t.start_s, t.end_s) for t in evidence.told.items if NO_TEXT.search(t.text)]
    shown = [(t.start_s, t.end_s) for t in evidence.overlays.items]
    _overlap("told_no_text", evidence, found, ("qwen2_vl_temporal", none, "text_overlay", shown))


def _people(evidence: Evidence, found: Found) -> None:
    if found.lacks(("face_without_person",), evidence.faces, evidence.segments("object_detection")):
        return
    if "person" not in (evidence.summary("object_detection").get("vocabulary") or ()):
        found.not_measured["face_without_person"] = "the backend of object_detection does not tell people"
        return
    if evidence.faces_from == "object_detection":
        found.not_measured["face_without_person"] = "the faces are object_detection's own: it cannot contradict itself"
        return
    people = [(t["start_s"], t["end_s"]) for t in evidence.entry("object_detection").get("tracks", ()) if t.get("label") == "person"]
    _beside("face_without_person", evidence, found, ("eye_tracking", evidence.face_time.items, "object_detection", people))


def _picture(evidence: Evidence, found: Found) -> None:
    quality = evidence.segments("content_quality")
    names: tuple[ClaimName, ...] = ("black_with_text_or_face", "frozen_while_moving")
    if found.lacks(names, quality):
        return

    def of_kind(kind: str) -> list[Interval]:
        return merge((s["start_s"], s["end_s"]) for s in quality.items if s.get("kind") == kind)

    if not found.lacks(names[:1], evidence.overlays, evidence.faces):
        shown = merge([*((t.start_s, t.end_s) for t in evidence.overlays.items), *evidence.face_time.items])
        _overlap(names[0], evidence, found, ("content_quality", of_kind("black"), f"text_overlay and {evidence.faces_from}", shown))
    speed = evidence.series("camera_analysis", "speed")
    if not found.lacks(names[1:], speed):
        steps = list(zip(speed.items, speed.items[1:], strict=False))
        moving = merge((a[0], b[0]) for a, b in steps if a[1] is not None and b[1] is not None and min(a[1], b[1]) >= MOVING_FW_S)
        _overlap(names[1], evidence, found, ("content_quality", of_kind("frozen"), "camera_analysis", moving))


def _shrunk(intervals: Sequence[Interval]) -> list[Interval]:
    return [(a + BORDER_S, b - BORDER_S) for a, b in merge(intervals) if b - a > 2 * BORDER_S]


def _grown(intervals: Sequence[Interval]) -> list[Interval]:
    return merge((a - BORDER_S, b + BORDER_S) for a, b in intervals)


def _overlap(name: ClaimName, evidence: Evidence, found: Found, pair: Pair) -> None:
    """Both at once, but for their borders."""
    one, other = _shrunk(pair[1]), _shrunk(pair[3])
    _judge(name, evidence, found, pair, one, intersect(one, other), cells(other, evidence.duration_s))


def _beside(name: ClaimName, evidence: Evidence, found: Found, pair: Pair) -> None:
    """The first without the second, but for borders."""
    one, other = list(merge(pair[1])), _grown(pair[3])
    _judge(name, evidence, found, pair, one, subtract(one, other), ~cells(other, evidence.duration_s))


def _judge(
    name: ClaimName,
    evidence: Evidence,
    found: Found,
    pair: Pair,
    one: Sequence[Interval],
    clashing: Sequence[Interval],
    against: int,
) -> None:
    """One claim. one: stretches of the first that could clash; clashing: those that do; against: the cells where they would."""
    first, given, second, _ = pair
    if not given:
        found.not_measured[name] = f"{first} has nothing that could contradict {second}"
        return
    duration = evidence.duration_s
    clashing = clip_to(clashing, evidence.bounds)
    seconds, whole = total_s(clashing), total_s(given)
    turns = Turns(one, duration)
    chance = turns.rate([(m & against).bit_count() * STEP_S >= LEAST_S for m in turns.masks])
    found.claims.append(
        claim(
            name,
            (clashing[0][0], clashing[-1][1]) if seconds >= LEAST_S else evidence.bounds,
            holds=seconds >= LEAST_S,
            strength=min(1.0, seconds / whole) if whole > 0 else None,
            chance=chance,
            reason=f"{first} and {second} clash for {seconds:.2f} s, {LEAST_S:g} s are needed",
            figures={"seconds": seconds},
            evidence=clip_spans(clashing, first, f"against {second}"),
        )
    )
