"""Whether the end meets the beginning when the clip plays again: in picture, in sound, and in what is said.

Each part has its figures and `meets` by a documented threshold; there is no figure of all three. Formulas and limits: docs/insights.md.
"""

from __future__ import annotations

from typing import Any

from reelscope.document.evidence import Evidence, Lack, Shot, Text
from reelscope.document.insights._seam_sound import LoopSound, sound_at_the_seam
from reelscope.document.insights._seam_words import LoopSentence, sentence_over_the_seam
from reelscope.document.insights.base import unavailable
from reelscope.document.schema import Insight, Model, Value, XywhNorm

__all__ = ["RESULT", "Loop", "LoopPicture", "measure"]

# Largest OKLab difference of last and first frame that meets however still the picture is: coding noise of a still picture stays below
# half of it. And this many times what the picture changes in a tenth of a second at either end. On 750 ends composed of shared takes, 297
# of 300 that run on or come back meet, and 9 of 450 that do not.
SAME_PICTURE = 0.01
USUAL_STEPS = 1.0
# As scene_segmentation groups shots: nearer than this, two pictures show the same place or look.
SAME_LOOK = 0.48
# Texts that stand within this of the very beginning or end are seen across the seam: one sample of text_overlay.
TEXT_AT_END_S = 0.2
NO_SEAM = "the clip has fewer than two frames to compare"
OLD_SEAM = "the version of scene_segmentation that made this document did not compare the last frame with the first"
BOX_NEAR_S = 0.5  # a box is that of the first or last moment if it was seen this near to it


class EndOfPicture(Model):
    """The first or the last shot.

    Attributes:
        shot: Its index. move: of the camera, in the part nearest to the seam.
        brightness: OKLab lightness of the sample nearest to the seam, 0-1.
        face_xywh_norm: The largest face at the seam. texts: what stands there to be read.
    """

    shot: int | None = None
    move: str | None = None
    brightness: Value = None
    face_xywh_norm: XywhNorm | None = None
    texts: list[str] = []


class LoopPicture(Model):
    """Picture.

    Attributes:
        meets: Whether the last frame runs on into the first: `difference` at most `limit`.
        difference: Root mean squared OKLab difference of the last and the first frame, 18 cells along the shorter side.
        limit: SAME_PICTURE, or what the picture changes in a tenth of a second at either end where that is more.
        same_look: Whether palette_distance + layout_distance are below 0.48: the same place or look, though perhaps with a jump.
        brightness_step: Last to first, OKLab lightness.
        face_iou: Intersection over union of the faces at both ends; 0 where only one end has a face; null where neither has or is known.
        same_texts: Whether the same texts stand at both ends; null where that is not known.
        first, last: Both ends.
    """

    meets: bool | None = None
    difference: Value = None
    limit: Value = None
    same_look: bool | None = None
    palette_distance: Value = None
    layout_distance: Value = None
    brightness_step: Value = None
    face_iou: Value = None
    same_texts: bool | None = None
    first: EndOfPicture = EndOfPicture()
    last: EndOfPicture = EndOfPicture()


class Loop(Insight):
    """Whether the end meets the beginning.

    Attributes:
        picture, sound, sentence: The three parts, each with `meets`: null where it cannot be told, with the reason under not_measured.
        meeting, apart, unknown: The parts by what they say.
    """

    picture: LoopPicture | None = None
    sound: LoopSound | None = None
    sentence: LoopSentence | None = None
    meeting: list[str] = []
    apart: list[str] = []
    unknown: list[str] = []


RESULT = Loop


def measure(evidence: Evidence) -> Loop:
    """All three parts; unavailable where none can be told for want of their analyzers."""
    names = ("scene_segmentation", "audio_analysis", "speech_transcription")
    lacks = [evidence.lack(name) for name in names]
    if all(lacks):
        return unavailable(Loop, lacks[0] or Lack("nothing was measured"))
    why: dict[str, str] = {}
    result = Loop(picture=_picture(evidence, why), sound=sound_at_the_seam(evidence, why), sentence=sentence_over_the_seam(evidence, why))
    for name in ("picture", "sound", "sentence"):
        meets = getattr(result, name).meets
        (result.unknown if meets is None else result.meeting if meets else result.apart).append(name)
    result.not_measured = why
    return result


def _picture(evidence: Evidence, why: dict[str, str]) -> LoopPicture:
    out = LoopPicture(first=_end(evidence, last=False), last=_end(evidence, last=True))
    summary, lack = evidence.summary("scene_segmentation"), evidence.lack("scene_segmentation")
    seam = summary.get("seam")
    if lack is not None:
        why["picture.meets"] = lack.reason
    elif seam is None:
        why["picture.meets"] = NO_SEAM if "seam" in summary else OLD_SEAM
    else:
        usual = [u for u in (seam["usual_first"], seam["usual_last"]) if u is not None]
        out.difference = seam["difference"]
        out.limit = max([SAME_PICTURE, *(USUAL_STEPS * u for u in usual)])
        out.meets = seam["difference"] <= out.limit
        out.palette_distance, out.layout_distance = seam["palette_distance"], seam["layout_distance"]
        out.same_look = seam["palette_distance"] + seam["layout_distance"] < SAME_LOOK
    first, last = out.first, out.last
    if first.brightness is not None and last.brightness is not None:
        out.brightness_step = first.brightness - last.brightness
    if first.face_xywh_norm is not None and last.face_xywh_norm is not None:
        out.face_iou = _iou(first.face_xywh_norm, last.face_xywh_norm)
    elif first.face_xywh_norm is not None or last.face_xywh_norm is not None:
        out.face_iou = 0.0
    else:
        why["picture.face_iou"] = evidence.faces.lack.reason if evidence.faces.lack is not None else "no face is seen at either end"
    if evidence.overlays.lack is not None:
        why["picture.same_texts"] = evidence.overlays.lack.reason
    else:
        out.same_texts = sorted(first.texts) == sorted(last.texts)
    return out


def _end(evidence: Evidence, *, last: bool) -> EndOfPicture:
    """What is seen at one end."""
    shots: tuple[Shot, ...] = evidence.shots.items
    brightness = evidence.series("color_analysis", "brightness").items
    return EndOfPicture(
        shot=shots[-1 if last else 0].index if shots else None,
        move=_move(evidence, shots[-1 if last else 0], last=last) if shots else None,
        brightness=brightness[-1 if last else 0][1] if brightness else None,
        face_xywh_norm=_face(evidence, last=last),
        texts=[t.text for t in evidence.overlays.items if _stands(t, evidence, last=last)],
    )


def _move(evidence: Evidence, shot: Shot, *, last: bool) -> str | None:
    parts: list[Any] = [s for s in evidence.segments("camera_analysis").items if shot.start_s <= s["start_s"] < shot.end_s]
    move: str | None = parts[-1 if last else 0].get("move") if parts else None
    return move


def _stands(text: Text, evidence: Evidence, *, last: bool) -> bool:
    return text.end_s >= evidence.duration_s - TEXT_AT_END_S if last else text.start_s <= TEXT_AT_END_S


def _face(evidence: Evidence, *, last: bool) -> XywhNorm | None:
    """The largest face at the very beginning or end."""
    at = evidence.duration_s if last else 0.0
    found = []
    for face in evidence.faces.items:
        boxes = [b for b in face.boxes if (b.end_s >= at - BOX_NEAR_S if last else b.start_s <= BOX_NEAR_S)]
        if boxes:
            found.append(boxes[-1 if last else 0].xywh_norm)
    return max(found, key=lambda b: b[2] * b[3], default=None)


def _iou(a: XywhNorm, b: XywhNorm) -> float:
    """Intersection over union of two boxes."""
    wide = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    high = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(0.0, wide) * max(0.0, high)
    union = a[2] * a[3] + b[2] * b[3] - shared
    return shared / union if union > 0 else 0.0
