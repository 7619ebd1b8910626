"""The first three seconds in picture, text, voice and sound, and when the first of each comes. Facts only; docs/insights.md."""

from __future__ import annotations

from collections.abc import Iterable
from math import log10

from reelscope.document.evidence import Channel, Entry, Evidence, Text
from reelscope.document.insights.base import lacking, unavailable
from reelscope.document.measures.paths import held
from reelscope.document.measures.words import joined
from reelscope.document.schema import Document, Insight, Model, Seconds, Value, XywhNorm
from reelscope.timebase import Interval, clip_to, total_s

__all__ = ["HOOK_S", "LOCAL_MOTION_FW_S", "RESULT", "first_of", "gated_lufs", "measure"]

HOOK_S = 3.0  # the opening that short-form editors speak of; a convention, not a measured limit of anybody's patience

# Mean speed of what moves besides the camera, frame widths a second, from which something in the picture moves. Measured: photographs under
# a resting camera with a little drawn dust 0.001-0.029 (median 0.003), talking heads 0.01-0.07 (median 0.02), close-ups 0.02-0.5.
LOCAL_MOTION_FW_S = 0.03

# ITU-R BS.1770-4: blocks below -70 LUFS do not count, then those 10 LU below the mean of the rest.
ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = 10.0
BLOCK_S = 0.4  # momentary loudness stands at the middle of its window of 400 ms
ROUNDING_S = 1e-6


class HookText(Model):
    """A text that stands in the first seconds. role: as text_overlay tells it; a watermark and writing in the scene are here too."""

    start_s: Seconds
    end_s: Seconds
    text: str
    role: str | None
    xywh_norm: XywhNorm | None


class HookShot(Model):
    """A shot that is seen in the first seconds. size, move: null where camera_analysis could not tell, or did not run."""

    start_s: Seconds
    end_s: Seconds
    size: str | None
    move: str | None


class HookSound(Model):
    """Something heard in the first seconds. kind: class or event."""

    start_s: Seconds
    end_s: Seconds
    label: str
    kind: str


class Hook(Insight):
    """How the clip opens.

    Times of the first of something are of the whole clip, so they may lie behind the window. A figure that is null and does not stand in
    `not_measured` was looked for and is not there. Shares (0-1) are of the window's seconds.

    Attributes:
        window_s: Length of the window: three seconds, or the whole of a shorter clip.
        first_face_s, first_motion_s, first_cut_s: Picture. Motion is a camera that moves or something that moves in the picture; to 0.2 s.
            The first cut counts where a gradual transition begins.
        first_text_s: Of captions, titles and stickers.
        first_word_s, first_voice_s: Word of the transcript; voice, whether or not there are words.
        first_sound_s: First onset: a note, beat or syllable that sets in.
        face_share: With a face; largest_face: largest face's height, share of the picture's.
        at_camera_share: With a gaze that is measured to meet the camera; gaze_known_share: with a measured gaze at all.
        cuts: Transitions that begin in the window. shots: those seen in it.
        text_share: With a caption, title or sticker. texts: of every role.
        voice_share: With voice. words: words that begin in the window; said: those words.
        loudness_lufs: Of the window, by the gates of BS.1770-4; clip_loudness_lufs: of the whole clip; louder_by_lu: the difference.
        silence_share: Below the level of silence. onsets: that set in in the window. sounds: what is heard.
        told: What the vision-language model says of the segments that meet the window.
    """

    window_s: Seconds | None = None
    first_face_s: Seconds | None = None
    first_motion_s: Seconds | None = None
    first_cut_s: Seconds | None = None
    first_text_s: Seconds | None = None
    first_word_s: Seconds | None = None
    first_voice_s: Seconds | None = None
    first_sound_s: Seconds | None = None
    face_share: Value = None
    largest_face: Value = None
    at_camera_share: Value = None
    gaze_known_share: Value = None
    cuts: int | None = None
    shots: list[HookShot] | None = None
    text_share: Value = None
    texts: list[HookText] | None = None
    voice_share: Value = None
    words: int | None = None
    said: str | None = None
    loudness_lufs: Value = None
    clip_loudness_lufs: Value = None
    louder_by_lu: Value = None
    silence_share: Value = None
    onsets: int | None = None
    sounds: list[HookSound] | None = None
    told: list[str] | None = None


RESULT = Hook

NO_MOTION = "camera_analysis could measure no motion: too little structure in the picture, or too short"
TOO_QUIET = "nothing in the first seconds is above -70 LUFS"


def measure(evidence: Evidence) -> Hook:
    """The window and the firsts."""
    camera, levels = evidence.segments("camera_analysis"), evidence.series("audio_analysis", "momentary_lufs")
    needs: dict[str, Channel] = {
        "first_face_s": evidence.faces, "face_share": evidence.faces, "largest_face": evidence.faces,
        "at_camera_share": evidence.looks, "gaze_known_share": evidence.looks,
        "first_motion_s": camera,
        "first_cut_s": evidence.cuts, "cuts": evidence.cuts, "shots": evidence.shots,
        "first_text_s": evidence.overlays, "text_share": evidence.overlays, "texts": evidence.texts,
        "first_word_s": evidence.words, "words": evidence.words, "said": evidence.words,
        "first_voice_s": evidence.voice, "voice_share": evidence.voice,
        "first_sound_s": evidence.onsets, "onsets": evidence.onsets, "silence_share": evidence.silence,
        "loudness_lufs": levels, "louder_by_lu": levels, "clip_loudness_lufs": evidence.segments("audio_analysis"),
        "sounds": evidence.sounds,
        "told": evidence.told,
    }  # fmt: skip
    if not any(channel.known for channel in needs.values()):
        return unavailable(Hook, next(c.lack for c in needs.values() if c.lack is not None))
    window = 0.0, min(HOOK_S, evidence.duration_s)
    found = Hook(window_s=window[1], not_measured=lacking(needs))
    _picture(found, evidence, window)
    _text(found, evidence, window)
    _voice(found, evidence, window)
    _sound(found, evidence, window)
    if evidence.told.known:
        found.told = [t.text for t in evidence.told.items if t.start_s < window[1] and t.end_s > 0]
    return found


def _picture(found: Hook, evidence: Evidence, window: Interval) -> None:
    if evidence.faces.known:
        found.first_face_s = min((f.start_s for f in evidence.faces.items), default=None)
        found.face_share = _share(evidence.face_time.items, window)
        boxes = [b for f in evidence.faces.items for b in held(f.boxes, f.start_s, f.end_s) if b[0] < window[1] and b[1] > 0]
        found.largest_face = max((where[3] for _, _, where in boxes), default=None)
    if evidence.looks.known:
        found.at_camera_share = _share(((x.start_s, x.end_s) for x in evidence.looks.items if x.at_camera), window)
        found.gaze_known_share = _share(((x.start_s, x.end_s) for x in evidence.looks.items if x.at_camera is not None), window)
    if evidence.cuts.known:
        found.first_cut_s = min((c.start_s for c in evidence.cuts.items), default=None)
        found.cuts = sum(c.start_s < window[1] for c in evidence.cuts.items)
        rows = evidence.summary("camera_analysis").get("shots", ())
        found.shots = [
            HookShot(start_s=s.start_s, end_s=s.end_s, size=row.get("size"), move=(row.get("camera") or {}).get("move"))
            for s in evidence.shots.items
            if s.start_s < window[1]
            for row in [_row_at(rows, s.start_s, s.end_s)]
        ]
    _add_first_motion(found, evidence)


def _row_at(rows: Iterable[Entry], start_s: float, end_s: float) -> Entry:
    """The row of a shot, found by its middle: the analyzers count shots alike, but nothing in the document promises it."""
    middle = (start_s + end_s) / 2
    return next((r for r in rows if r["start_s"] <= middle < r["end_s"]), {})


def _add_first_motion(found: Hook, evidence: Evidence) -> None:
    """When the camera moves or something moves in the picture, whichever comes first."""
    camera = evidence.segments("camera_analysis")
    local = evidence.series("camera_analysis", "local_motion").items
    step = min((b[0] - a[0] for a, b in zip(local, local[1:], strict=False)), default=0.0)
    moves = [s["start_s"] for s in camera.items if s.get("move") != "static"]
    moves += [max(0.0, t - step / 2) for t, value in local if value is not None and value >= LOCAL_MOTION_FW_S]
    found.first_motion_s = min(moves, default=None)
    if camera.known and not camera.items and all(value is None for _, value in local):
        found.not_measured["first_motion_s"] = NO_MOTION


def _text(found: Hook, evidence: Evidence, window: Interval) -> None:
    if not evidence.texts.known:
        return
    if evidence.overlays.known:  # else a line that could not be read may have been the first
        found.first_text_s = min((t.start_s for t in evidence.overlays.items), default=None)
        found.text_share = _share(((t.start_s, t.end_s) for t in evidence.overlays.items), window)
    found.texts = [_hook_text(t) for t in evidence.texts.items if t.start_s < window[1]]


def _hook_text(text: Text) -> HookText:
    return HookText(start_s=text.start_s, end_s=text.end_s, text=text.text, role=text.role, xywh_norm=text.xywh_norm)


def _voice(found: Hook, evidence: Evidence, window: Interval) -> None:
    if evidence.voice.known:
        found.first_voice_s = min((start for start, _ in evidence.voice.items), default=None)
        found.voice_share = _share(evidence.voice.items, window)
    if evidence.words.known:
        words = [w for w in evidence.words.items if w.start_s < window[1]]
        found.first_word_s = min((w.start_s for w in evidence.words.items), default=None)
        found.words, found.said = len(words), joined((w.text, w.language) for w in words)


def _sound(found: Hook, evidence: Evidence, window: Interval) -> None:
    if evidence.onsets.known:
        found.first_sound_s = min(evidence.onsets.items, default=None)
        found.onsets = sum(t < window[1] for t in evidence.onsets.items)
        found.silence_share = _share(evidence.silence.items, window)
    if evidence.sounds.known:
        found.sounds = [
            HookSound(start_s=s.start_s, end_s=s.end_s, label=s.label, kind=s.kind)
            for s in evidence.sounds.items
            if s.start_s < window[1]
        ]  # fmt: skip
    summary = evidence.summary("audio_analysis")
    found.clip_loudness_lufs = summary.get("integrated_lufs")
    if evidence.lack("audio_analysis") is None and found.clip_loudness_lufs is None:
        why = (summary.get("not_measured") or {}).get("integrated_lufs", "audio_analysis measured no loudness")
        found.not_measured |= {"clip_loudness_lufs": why, "louder_by_lu": why}
    levels = evidence.series("audio_analysis", "momentary_lufs")
    if not levels.known:
        return
    margin = BLOCK_S / 2 - ROUNDING_S
    blocks = [level for t, level in levels.items if level is not None and margin <= t <= window[1] - margin]
    found.loudness_lufs = gated_lufs(blocks)
    if found.loudness_lufs is None:
        found.not_measured |= {"loudness_lufs": TOO_QUIET, "louder_by_lu": TOO_QUIET}
    elif found.clip_loudness_lufs is not None:
        found.louder_by_lu = found.loudness_lufs - found.clip_loudness_lufs


def gated_lufs(blocks: Iterable[float]) -> float | None:
    """Integrated loudness of blocks of 400 ms, ITU-R BS.1770-4: mean power of those above both gates; None where none is."""
    power = [10 ** (level / 10) for level in blocks if level > ABSOLUTE_GATE_LUFS]
    if not power:
        return None
    gate = sum(power) / len(power) * 10 ** (-RELATIVE_GATE_LU / 10)
    loud = [p for p in power if p > gate]
    return 10 * log10(sum(loud) / len(loud))


def _share(intervals: Iterable[Interval], window: Interval) -> float | None:
    length = window[1] - window[0]
    return total_s(clip_to(intervals, window)) / length if length > 0 else None


def first_of(key: str, t_s: float, document: Document) -> str:
    """What `first_<what>_s` is the first of; `first_cut_s` is the first transition of any kind, and one that is no cut goes by its kind."""
    what = key.removeprefix("first_").removesuffix("_s")
    if what == "cut":
        kinds = [getattr(s, "kind", None) for s in document.analyzers["cut_analysis"].segments if abs(s.start_s - t_s) <= ROUNDING_S]
        what = next((str(kind) for kind in kinds if kind), what)
    return what
