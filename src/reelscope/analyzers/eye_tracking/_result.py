"""What eye_tracking gives."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from reelscope.document.schema import AnalyzerResult, Model, Seconds, Segment, Summary, Track, Value

__all__ = ["EyeCalibration", "EyeResult", "EyeSegment", "EyeSummary", "EyeTrack", "Look"]

Part = Annotated[Value, Field(ge=0, le=1)]


class EyeSegment(Segment):
    """A stretch of one face's time (`kind` look): into the camera, elsewhere, or not measurable; or a blink (`kind` blink).

    Attributes:
        face: track_id of the face. shot: index of its shot.
        at_camera: Whether the eyes look into the lens; null where that cannot be told, with the reason, and for blinks.
        weak_reason: Why at_camera rests on little (eyes below 8 px); null where it does not, or where at_camera is null.
        gaze_yaw_deg, gaze_pitch_deg: Median direction of the eyes from the camera, positive to the picture's right and up, after the
            face's own calibration was taken off: what at_camera is decided by.
        raw_gaze_yaw_deg, raw_gaze_pitch_deg: The same as measured, nothing taken off.
        pitch_reason: Why there is no gaze_pitch_deg beside a gaze_yaw_deg (small eyes).
        head_yaw_deg, head_pitch_deg, head_roll_deg: Median pose of the head: to the picture's right, up, clockwise as seen.
        eye_width_px: Median distance of the corners of the wider eye, in pixels of the picture at a short side of 360.
        closed_s: Of a blink, the most closed frame. open_part: openness there over the face's open level.
    """

    kind: Literal["look", "blink"]
    face: int
    shot: int
    at_camera: bool | None = None
    reason: str | None = None
    weak_reason: str | None = None
    gaze_yaw_deg: Value = None
    gaze_pitch_deg: Value = None
    raw_gaze_yaw_deg: Value = None
    raw_gaze_pitch_deg: Value = None
    pitch_reason: str | None = None
    head_yaw_deg: Value = None
    head_pitch_deg: Value = None
    head_roll_deg: Value = None
    eye_width_px: Value = None
    closed_s: Seconds | None = None
    open_part: Value = None


class EyeCalibration(Model):
    """What was taken off all directions of a face, in degrees, and from how many frames it was learned (0: nothing was taken off)."""

    yaw_deg: Value = 0.0
    pitch_deg: Value = 0.0
    frames: int = 0


class EyeTrack(Track):
    """One face within one shot.

    Attributes:
        measured_s: Time for which it can be told whether the eyes look into the camera. at_camera_s: time for which they do.
        weak_s: The part of measured_s that rests on eyes below 8 px.
        at_camera_share: at_camera_s over measured_s. longest_look_s: the longest look into the camera.
        blinks: Number of blinks. blink_observed_s: the time in which they would have been seen (not how long they last).
            blinks_per_min: blinks over that time. Null with blink_reason.
        eye_width_px: As in EyeSegment. eye_fps: frames per second in which the eyes were measured; null for fewer than two frames.
        reason: Why it is not known whether the eyes ever look into the camera (measured_s is 0).
    """

    shot: int
    measured_s: Value = None
    weak_s: Value = None
    at_camera_s: Value = None
    at_camera_share: Part = None
    longest_look_s: Value = None
    blinks: int | None = None
    blink_observed_s: Value = None
    blinks_per_min: Value = None
    blink_reason: str | None = None
    eye_width_px: Value = None
    eye_fps: Value = None
    calibration: EyeCalibration | None = None
    reason: str | None = None


class Look(Model):
    """A look into the camera."""

    start_s: Seconds
    end_s: Seconds
    face: int


class EyeSummary(Summary):
    """The whole clip; time in which several faces do the same counts once.

    Attributes:
        face_tracks: Faces, each counted once a shot. face_s: time in which there is any.
        measured_s, weak_s, at_camera_s: As in EyeTrack.
        at_camera_share: at_camera_s over face_s.
        looks: Looks into the camera, of all faces. longest_look: the longest of them; null where there is none.
        blinks: Of all faces where they could be counted, over blink_observed_s (face times add up).
        blinks_per_min: Of one face, `blinks_face`, where one face alone was seen long enough for a rate; never over several. Null with
            blink_reason.
        eye_fps: Frames per second that were looked at for eyes; null where none were measured.
        reason: Why nothing was measured (measured_s is 0).
    """

    face_tracks: int = 0
    face_s: Value = 0.0
    measured_s: Value = 0.0
    weak_s: Value = 0.0
    at_camera_s: Value = None
    at_camera_share: Part = None
    looks: int = 0
    longest_look: Look | None = None
    blinks: int | None = None
    blink_observed_s: Value = None
    blinks_per_min: Value = None
    blinks_face: int | None = None
    blink_reason: str | None = None
    eye_fps: Value = None
    reason: str | None = None


class EyeResult(AnalyzerResult):
    """Segments: looks and blinks of all faces, by start. Tracks: one per face and shot.

    Series per face track N, at most 10 values a second: `gaze_yaw.N`, `gaze_pitch.N` (calibrated, as in the segments), `openness.N` (of the
    lids over the eye's width); at most 5: `head_yaw.N`, `head_pitch.N`, `head_roll.N`. Null: not measurable then.
    """

    segments: list[EyeSegment] = []  # type: ignore[assignment]
    tracks: list[EyeTrack] = []  # type: ignore[assignment]
    summary: EyeSummary = EyeSummary()
