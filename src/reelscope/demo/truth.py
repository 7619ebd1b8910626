"""What a perfect analysis of the demo reel would say, as plain JSON data."""

from __future__ import annotations

from typing import Any

from reelscope.demo import timeline
from reelscope.demo.timeline import FPS, HEIGHT_PX, WIDTH_PX, Caption, Shot

__all__ = ["Boxes", "truth"]

Box = tuple[int, int, int, int]
Boxes = dict[Caption, tuple[Box, Box]]
"""Per caption the box of all that it covers and the box of its letters' ink: x, y, width, height in pixels."""

SCENE_NAMES = ("coffee", "portrait", "cat", "garage", "launch pad", "end card")
SCENE_TEXT = {"astronaut.png": "patches and name tag of the suit", "motorcycle_left.png": "maker's name on the motorcycle"}


def truth(file: str, boxes: Boxes) -> dict[str, Any]:
    """The truth of the reel written to `file`; `boxes` as the drawing part measured them."""
    beats = timeline.beats_s()
    return {
        "file": file,
        "duration_s": timeline.DURATION_S,
        "fps": FPS,
        "frames": timeline.FRAMES,
        "width": WIDTH_PX,
        "height": HEIGHT_PX,
        "shots": [{"start_s": s.start_s, "end_s": s.end_s, "source": s.source, "scene": s.scene} for s in timeline.SHOTS],
        "transitions": [_transition(t, beats) for t in timeline.TRANSITIONS],
        "scenes": _scenes(),
        "camera": [_camera(i, s) for i, s in enumerate(timeline.SHOTS)],
        "captions": [_caption(c, boxes[c]) for c in timeline.CAPTIONS],
        "watermarks": [_caption(timeline.WATERMARK, boxes[timeline.WATERMARK])],
        "scene_text": [{"shot": i, "where": SCENE_TEXT[s.source]} for i, s in enumerate(timeline.SHOTS) if s.source in SCENE_TEXT],
        "music": "synthesised drums, bass, chords and melody, throughout",
        "tempo_bpm": timeline.TEMPO_BPM,
        "key": timeline.KEY,
        "beats_s": beats,
        "speech_phrases": [{"start_s": p.start_s, "end_s": p.end_s} for p in timeline.PHRASES],
        "speech_phrases_source": "exact: where the voice was synthesised",
        "notes": "The voice is voice-like sound without words. A fading caption's start_s and end_s are the moments of half opacity. "
        "xywh_px covers a caption with its outline and plate, ink_xywh_px its letters alone.",
    }


def _transition(transition: timeline.Cutting, beats: list[float]) -> dict[str, Any]:
    out: dict[str, Any] = {"kind": transition.kind, "start_s": transition.start_s, "end_s": transition.end_s}
    if transition.variant is not None:
        out["variant"] = transition.variant
    if transition.kind == "cut":
        out["jump_cut"] = transition.jump_cut
        out["on_beat"] = any(abs(transition.start_s - b) < 0.5 / FPS for b in beats)
    return out


def _scenes() -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    for i, shot in enumerate(timeline.SHOTS):
        if out and timeline.SHOTS[i - 1].scene == shot.scene:
            out[-1]["end_s"] = shot.end_s
            out[-1]["shots"].append(i)
        else:
            out.append({"name": SCENE_NAMES[shot.scene], "start_s": shot.start_s, "end_s": shot.end_s, "shots": [i]})
    return out


def _camera(index: int, shot: Shot) -> dict[str, Any]:
    out: dict[str, Any] = {"shot": index, "move": shot.path.move}
    if shot.path.speed_fw_s:
        out["speed_fw_s"] = abs(shot.path.speed_fw_s)
    if shot.path.zoom_rate_s:
        own_s = shot.end_s - shot.start_s
        out["zoom_rate_s"] = shot.path.zoom_rate_s
        out["zoom_factor"] = round(timeline.view_at(shot, shot.start_s).height / timeline.view_at(shot, shot.start_s + own_s).height, 4)
    return out


def _caption(caption: Caption, boxes: tuple[Box, Box]) -> dict[str, Any]:
    cover, ink = boxes
    out: dict[str, Any] = {
        "text": " ".join(caption.lines),
        "start_s": caption.start_s,
        "end_s": caption.end_s,
        "xywh_px": list(cover),
        "ink_xywh_px": list(ink),
        "lines": list(caption.lines),
        "role": caption.role,
        "fill": "#{:02x}{:02x}{:02x}".format(*caption.fill),
    }
    if caption.fade_s:
        out["fade_s"] = caption.fade_s
    return out
