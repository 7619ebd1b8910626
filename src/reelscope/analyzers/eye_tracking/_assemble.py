"""The result of a clip from its face tracks and the rows of their eyes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from reelscope.analyzers.eye_tracking._blinks import find_blinks, open_levels
from reelscope.analyzers.eye_tracking._gaze import (
    BRIDGE_S,
    CLOSED,
    MAX_PITCH_DEG,
    MAX_YAW_DEG,
    NEAR_OPEN,
    Calibration,
    Gaze,
    calibrate,
    gaze_of,
    stretches,
    visible_openness,
)
from reelscope.analyzers.eye_tracking._result import EyeCalibration, EyeResult, EyeSegment, EyeSummary, EyeTrack, Look
from reelscope.analyzers.eye_tracking._stream import BACK_S, MIN_EYE_PX, EyeLog, EyeRow
from reelscope.document.schema import Series, TrackPoint
from reelscope.features.faces import Faces, FaceTrack
from reelscope.timebase import round_s, total_s

__all__ = ["BLINK_EYE_PX", "MIN_BLINK_FPS", "assemble"]

BLINK_EYE_PX = 7.0
"""Least width of an eye in which blinks are counted: down to here all labelled ones were found after shrinking the clips; at 5 px not."""
MIN_BLINK_FPS = 24.9  # 25 frames/s, with slack for rounded pts: at fewer a blink may fall between two frames
MIN_RATE_S = 5.0
"""Shorter, blinks are counted but no rate is given: people blink every 2 to 6 seconds."""
GAZE_HZ, HEAD_HZ = 10.0, 5.0
SAME_S = 0.001  # a frame this near to a cut is the first one after it

WEAK_EYE_PX = 8.0
"""Directions of narrower eyes are told but marked: at 7 px they are off by 2.4 degrees, at 5 px by 4.3, half of what a look may be off.
On the one labelled clip with such eyes (6.9 px) all of the time was told rightly."""

NO_MESH = "the face is too small, blurred or turned away for a mesh"
TOO_SMALL = "the eyes are at most {:.1f} px wide, 5 are needed"
CROWDED = "there were three larger faces"
TURNED = "the head is turned by more than 40 degrees"
SHUT = "the eyes are closed or narrowed"
UNSEEN = "the eyes are not seen well enough"
FEW_FPS = "the eyes were seen at {:.1f} frames/s, 25 are needed"
SMALL_EYES = "the eyes are {:.1f} px wide, 7 are needed"
HIDDEN = "the head is turned away"
SHORT = "less than 5 s to count in: no rate"
SHORT_EACH = "no face was seen for 5 s to count in: no rate"
MANY_RATES = "{} faces have a rate of their own: see the tracks"
ONE_FRAME = "a single frame is too short"
NO_LOOK = "too short: a look takes 0.2 s"
WEAK = "the eyes are {:.1f} px wide, below 8 the direction is uncertain"
NO_PITCH = "the eyes are {:.1f} px wide, 18 are needed for up and down"
NARROW = "the eyes are {:.1f} px wide, 5 are needed"
NO_FACES = "no face was found"


def assemble(
    faces: Faces,
    shots: Sequence[tuple[float, float]],
    rows: Mapping[int, EyeLog],
    *,
    times: Sequence[float],
    too_small: Mapping[int, float] | None = None,
    crowded: frozenset[int] = frozenset(),
) -> EyeResult:
    """All faces.

    Args:
        rows: By live id. times: of all frames that were looked at.
        too_small, crowded: Live ids that were left out, and why (see EyeStream).
    """
    segments: list[EyeSegment] = []
    tracks: list[EyeTrack] = []
    series: list[Series] = []
    for face in faces.tracks:
        start_s, end_s = shots[face.shot] if shots else (0.0, face.end_s)
        low, high = max(start_s, face.start_s - BACK_S), min(end_s, face.end_s + BACK_S)
        own = rows[face.live_id].between(low - SAME_S, high - SAME_S) if face.live_id in rows else []
        if own:
            track, parts, lines = _measured(face, own, high, _step(times))
        else:
            track, parts = _unmeasured(face, too_small or {}, crowded)
            lines = []
        tracks.append(track)
        segments += parts
        series += lines
    segments.sort(key=lambda s: (s.start_s, s.face, s.kind))
    return EyeResult(
        coverage=1.0 if len(times) else 0.0,
        segments=segments,
        tracks=tracks,
        series=series,
        summary=_summary(faces, tracks, segments, times),
    )


def _unmeasured(face: FaceTrack, too_small: Mapping[int, float], crowded: frozenset[int]) -> tuple[EyeTrack, list[EyeSegment]]:
    """A face without eyes: one stretch that says why."""
    reason = CROWDED if face.live_id in crowded else NO_MESH
    if face.live_id in too_small:
        reason = TOO_SMALL.format(too_small[face.live_id])
    start_s, end_s = round_s(face.start_s), round_s(face.end_s)
    track = EyeTrack(
        track_id=face.track_id,
        start_s=start_s,
        end_s=end_s,
        label="face",
        points=_points(face),
        shot=face.shot,
        measured_s=0.0,
        weak_s=0.0,
        blink_reason=reason,
        reason=reason,
    )
    return track, [EyeSegment(start_s=start_s, end_s=end_s, kind="look", face=face.track_id, shot=face.shot, reason=reason)]


def _step(times: Sequence[float]) -> float | None:
    """Usual time between frames; None for fewer than two."""
    return float(np.median(np.diff(times))) if len(times) > 1 else None


def _measured(
    face: FaceTrack, rows: Sequence[EyeRow], high_s: float, frame_s: float | None
) -> tuple[EyeTrack, list[EyeSegment], list[Series]]:
    """A face with rows; `frame_s`: time between the clip's frames, None where it has only one."""
    t_s = np.array([r.t_s for r in rows])
    steps = np.diff(t_s)
    own_step = _step(t_s)
    step = own_step or frame_s or 0.0
    openness = visible_openness(rows)
    gaze = gaze_of(rows, open_levels(t_s, openness))
    calibration = calibrate(gaze)
    looks: list[EyeSegment] = []
    for chunk in np.split(np.arange(len(rows)), np.flatnonzero(steps > BRIDGE_S) + 1):
        part = _cut(gaze, chunk)
        parts = stretches(part, calibration, step)
        for k, s in enumerate(parts):
            last_s = float(part.t_s[s.last]) + step
            end_s = float(part.t_s[parts[k + 1].first]) if k + 1 < len(parts) else last_s
            end_s = min(end_s, last_s + step, high_s) if step else min(face.end_s, high_s)
            inside = slice(s.first, s.last + 1)
            looks.append(_look(face, part, inside, calibration, float(part.t_s[s.first]), end_s, s.at_camera))
    blinks, observed_s, blink_reason = _blinks(face, gaze, own_step)
    at_camera = [s for s in looks if s.at_camera]
    measured = [s for s in looks if s.at_camera is not None]
    measured_s, at_camera_s = (sum(s.end_s - s.start_s for s in some) for some in (measured, at_camera))
    rate = None if blinks is None or observed_s < MIN_RATE_S else 60 * len(blinks) / observed_s
    track = EyeTrack(
        track_id=face.track_id,
        start_s=round_s(min(face.start_s, float(t_s[0]))),
        end_s=round_s(max(face.end_s, min(float(t_s[-1]) + step, high_s))),
        label="face",
        points=_points(face),
        shot=face.shot,
        measured_s=measured_s,
        weak_s=sum((s.end_s - s.start_s for s in measured if s.weak_reason), 0.0),
        at_camera_s=at_camera_s if measured_s else None,
        at_camera_share=min(1.0, at_camera_s / measured_s) if measured_s else None,
        longest_look_s=max((s.end_s - s.start_s for s in at_camera), default=0.0) if measured_s else None,
        blinks=None if blinks is None else len(blinks),
        blink_observed_s=observed_s if blinks is not None else None,
        blinks_per_min=rate,
        blink_reason=SHORT if blinks is not None and rate is None else blink_reason,
        eye_width_px=_r(float(np.median(gaze.width_px)), 1),
        eye_fps=None if own_step is None else _r(1 / own_step, 2),
        calibration=EyeCalibration(yaw_deg=_r(calibration.yaw_deg, 1), pitch_deg=_r(calibration.pitch_deg, 1), frames=calibration.frames),
        reason=None if measured_s else max(looks, key=lambda s: s.end_s - s.start_s).reason,
    )
    return track, looks + (blinks or []), _series(face.track_id, gaze, calibration)


def _look(
    face: FaceTrack, gaze: Gaze, inside: slice, calibration: Calibration, start_s: float, end_s: float, at_camera: bool | None
) -> EyeSegment:
    head = np.median(gaze.head_deg[inside], axis=0)
    width = float(np.median(gaze.width_px[inside]))
    yaw, pitch = gaze.yaw_deg[inside], gaze.pitch_deg[inside]
    unknown_pitch = np.isfinite(yaw).any() and not np.isfinite(pitch).any()
    return EyeSegment(
        start_s=round_s(start_s),
        end_s=round_s(end_s),
        kind="look",
        face=face.track_id,
        shot=face.shot,
        at_camera=at_camera,
        reason=None if at_camera is not None else _why(gaze, inside),
        weak_reason=WEAK.format(width) if at_camera is not None and width < WEAK_EYE_PX else None,
        gaze_yaw_deg=_median(yaw - calibration.yaw_deg),
        gaze_pitch_deg=_median(pitch - calibration.pitch_deg),
        raw_gaze_yaw_deg=_median(yaw),
        raw_gaze_pitch_deg=_median(pitch),
        pitch_reason=NO_PITCH.format(float(gaze.width_px[inside][np.isfinite(yaw)].max())) if unknown_pitch else None,
        head_yaw_deg=_r(head[0], 1),
        head_pitch_deg=_r(head[1], 1),
        head_roll_deg=_r(head[2], 1),
        eye_width_px=_r(width, 1),
    )


def _why(gaze: Gaze, inside: slice) -> str:
    """Why a stretch, or most frames of it, tell no look."""
    if np.isfinite(gaze.yaw_deg[inside]).mean() >= 0.5:  # seen, but not for long enough
        return ONE_FRAME if len(gaze.t_s) == 1 else NO_LOOK
    turned = (np.abs(gaze.head_deg[inside, 0]) > MAX_YAW_DEG) | (np.abs(gaze.head_deg[inside, 1]) > MAX_PITCH_DEG)
    if turned.mean() >= 0.5:
        return TURNED
    if (gaze.width_px[inside] < MIN_EYE_PX).mean() >= 0.5:
        return NARROW.format(float(np.median(gaze.width_px[inside])))
    shut = (gaze.openness[inside] < CLOSED) | (gaze.open_part[inside] < NEAR_OPEN)
    return SHUT if shut.mean() >= 0.5 else UNSEEN


def _blinks(face: FaceTrack, gaze: Gaze, step_s: float | None) -> tuple[list[EyeSegment] | None, float, str | None]:
    """Blinks, the time in which they would have been seen, and why there is none of both."""
    if step_s is None:
        return None, 0.0, ONE_FRAME
    if 1 / step_s < MIN_BLINK_FPS:
        return None, 0.0, FEW_FPS.format(1 / step_s)
    wide = gaze.width_px >= BLINK_EYE_PX
    usable = wide & (np.abs(gaze.head_deg[:, 0]) <= MAX_YAW_DEG) & (np.abs(gaze.head_deg[:, 1]) <= MAX_PITCH_DEG)
    if not wide.any():
        return None, 0.0, SMALL_EYES.format(float(gaze.width_px.max()))
    if not usable.any():
        return None, 0.0, HIDDEN
    found = find_blinks(gaze.t_s[usable], gaze.open_part[usable])
    out = [
        EyeSegment(
            start_s=round_s(b.start_s),
            end_s=round_s(b.end_s),
            kind="blink",
            face=face.track_id,
            shot=face.shot,
            closed_s=round_s(b.closed_s),
            open_part=b.depth,
        )
        for b in found
    ]
    return out, float(usable.sum()) * step_s, None


def _series(number: int, gaze: Gaze, calibration: Calibration) -> list[Series]:
    out = []
    for name, unit, values, hz, decimals in (
        ("gaze_yaw", "deg", gaze.yaw_deg - calibration.yaw_deg, GAZE_HZ, 1),
        ("gaze_pitch", "deg", gaze.pitch_deg - calibration.pitch_deg, GAZE_HZ, 1),
        ("openness", "eye widths", gaze.openness, GAZE_HZ, 3),
        ("head_yaw", "deg", gaze.head_deg[:, 0], HEAD_HZ, 1),
        ("head_pitch", "deg", gaze.head_deg[:, 1], HEAD_HZ, 1),
        ("head_roll", "deg", gaze.head_deg[:, 2], HEAD_HZ, 1),
    ):
        bins = np.floor(gaze.t_s * hz + 1e-6).astype(int)
        first = np.flatnonzero(np.diff(bins, prepend=bins[0] - 1))
        medians = [_median(v, decimals) for v in np.split(values, first[1:])]
        out.append(Series(name=f"{name}.{number}", unit=unit, t_s=[round(float(t), 3) for t in gaze.t_s[first]], values=medians))
    return out


def _summary(faces: Faces, tracks: Sequence[EyeTrack], segments: Sequence[EyeSegment], times: Sequence[float]) -> EyeSummary:
    if not tracks:
        reason = NO_FACES if len(times) else "no frame was decoded"
        return EyeSummary(blink_reason=reason, reason=reason)
    looks = [s for s in segments if s.kind == "look"]
    at_camera = [s for s in looks if s.at_camera]
    face_s = total_s((t.start_s, t.end_s) for t in tracks)
    measured_s = total_s((s.start_s, s.end_s) for s in looks if s.at_camera is not None)
    at_camera_s = total_s((s.start_s, s.end_s) for s in at_camera)
    longest = max(at_camera, key=lambda s: s.end_s - s.start_s, default=None)
    counted = [t for t in tracks if t.blinks is not None]
    rated = [t for t in counted if t.blinks_per_min is not None]
    main = max(tracks, key=lambda t: t.end_s - t.start_s)
    return EyeSummary(
        face_tracks=len(tracks),
        face_s=face_s,
        measured_s=measured_s,
        weak_s=total_s((s.start_s, s.end_s) for s in looks if s.weak_reason),
        at_camera_s=at_camera_s if measured_s else None,
        at_camera_share=min(1.0, at_camera_s / face_s) if measured_s and face_s else None,
        looks=len(at_camera),
        longest_look=None if longest is None else Look(start_s=longest.start_s, end_s=longest.end_s, face=longest.face),
        blinks=sum(t.blinks or 0 for t in counted) if counted else None,
        blink_observed_s=sum(t.blink_observed_s or 0.0 for t in counted) if counted else None,
        blinks_per_min=rated[0].blinks_per_min if len(rated) == 1 else None,
        blinks_face=rated[0].track_id if len(rated) == 1 else None,
        blink_reason=_why_no_rate(main, counted, rated),
        eye_fps=_r((len(times) - 1) / (times[-1] - times[0]), 2) if len(times) > 1 and any(t.eye_fps for t in tracks) else None,
        reason=None if measured_s else main.reason,
    )


def _why_no_rate(main: EyeTrack, counted: Sequence[EyeTrack], rated: Sequence[EyeTrack]) -> str | None:
    """Why the clip has no rate of blinks; None where it has that of one face."""
    if len(rated) > 1:
        return MANY_RATES.format(len(rated))
    if rated:
        return None
    if not counted:
        return main.blink_reason
    return SHORT if len(counted) == 1 else SHORT_EACH


def _points(face: FaceTrack) -> list[TrackPoint]:
    """The box path, at most 5 a second."""
    out: list[TrackPoint] = []
    for t_s, box in zip(face.t_s.tolist(), face.xywh_norm.tolist(), strict=True):
        if not out or t_s - out[-1].t_s >= 0.2 - 1e-3:
            out.append(TrackPoint(t_s=round_s(t_s), xywh_norm=tuple(box)))
    return out


def _cut(gaze: Gaze, rows: np.ndarray) -> Gaze:
    return Gaze(*(getattr(gaze, name)[rows] for name in Gaze.__slots__))


def _median(values: np.ndarray, decimals: int = 1) -> float | None:
    good = values[np.isfinite(values)]
    return _r(float(np.median(good)), decimals) if len(good) else None


def _r(value: float, decimals: int) -> float:
    return round(float(value), decimals)
