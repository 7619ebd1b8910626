"""What the camera does: moves, speed, zoom and shake, per shot and over time. Method and limits: docs/analyzers/camera_analysis.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from reelscope.analyzers.base import Analyzer, AnalyzerSpec, Backend
from reelscope.analyzers.camera_analysis._size import NOT_RUN, ShotSize, SizeEvidence, shot_size
from reelscope.document.schema import AnalyzerResult, Model, Seconds, Segment, Series, Summary, Value
from reelscope.features.base import Inputs
from reelscope.timebase import coverage, round_s

if TYPE_CHECKING:
    from reelscope.analyzers.camera_analysis._moves import Stretch
    from reelscope.features.motion import Motion
    from reelscope.features.shots import Shots

__all__ = ["ANALYZER", "CameraAnalyzer", "CameraResult", "CameraSegment", "CameraSummary", "Move", "ShotCameraFigures"]

Move = Literal["static", "pan_left", "pan_right", "tilt_up", "tilt_down", "zoom_in", "zoom_out", "roll", "handheld"]

NOT_MEASURED = "too little structure in the picture, or too short, to measure its motion"


class Figures(Model):
    """What is measured of a stretch of a shot. Directions are the camera's: a pan to the left moves the picture right.

    Attributes:
        move: The largest motion; `components`: all that are significant, the largest first.
        speed_fw_s: Net translation of the picture, frame widths per second, without sign.
        pan_fw_s: Its horizontal part, positive to the right; tilt_fw_s: its vertical part, positive up; both in frame widths per second.
        zoom_rate_s: Natural log of the scale per second, positive where content grows; zoom_factor: scale at the end over the start.
        roll_deg: Net turn of the camera about its axis, degrees, positive counter-clockwise (the picture turns clockwise).
        shake: RMS distance of the picture from its own path smoothed over a second, frame widths; null below 0.6 s.
        stability: exp(-shake / 0.005): 1 is a tripod, 0.37 a shake of 0.5 % of the width; null with shake.
        local_motion_fw_s: Mean speed of what moves besides the camera, frame widths per second.
    """

    move: Move
    components: list[Move]
    speed_fw_s: Value
    pan_fw_s: Value
    tilt_fw_s: Value
    zoom_rate_s: Value
    zoom_factor: Value
    roll_deg: Value
    shake: Value
    stability: Value
    local_motion_fw_s: Value


class CameraSegment(Segment, Figures):
    """A stretch of one shot in which the camera does one thing. `shot`: index of its shot."""

    shot: int


class ShotCameraFigures(Model):
    """One shot: its figures over the whole of it (`move`: what fills most of its time), or null with the reason.

    `size` is the shot size, null with `size_reason`; `size_evidence`: what it was decided on.
    """

    shot: int
    start_s: Seconds
    end_s: Seconds
    camera: Figures | None
    reason: str | None = None
    size: ShotSize | None = None
    size_reason: str | None = NOT_RUN
    size_evidence: SizeEvidence | None = None


class CameraSummary(Summary):
    """The whole clip. `move_share`: share of the measured time per move; `shake`, `stability`: over all measured time, as in Figures."""

    shots: list[ShotCameraFigures] = []
    move_share: dict[Move, Annotated[float, Field(ge=0, le=1)]] = {}
    shake: Value = None
    stability: Value = None


class CameraResult(AnalyzerResult):
    """Result of camera_analysis."""

    segments: list[CameraSegment] = []  # type: ignore[assignment]
    summary: CameraSummary = CameraSummary()


class CameraAnalyzer(Analyzer[CameraResult]):
    """Reads the motion feature shot by shot; never measures across a transition."""

    spec: ClassVar[AnalyzerSpec] = AnalyzerSpec(
        "camera_analysis",
        version=2,
        group="detection",
        backends=(Backend("flow", "embedded", rank=10, features=("motion", "shots"), soft_after=("object_detection",), cost=0.005),),
    )
    Result: ClassVar[type[AnalyzerResult]] = CameraResult

    def finish(self, inputs: Inputs) -> CameraResult:
        from reelscope.analyzers.camera_analysis._moves import analyse_shot, fw_series, measured_intervals

        motion: Motion = inputs.features["motion"]
        shots: Shots = inputs.features["shots"]
        objects = inputs.results.get("object_detection")
        segments: list[CameraSegment] = []
        rows: list[ShotCameraFigures] = []
        whole: list[Stretch] = []
        for index, (start_s, end_s) in enumerate(shots.shots):
            total, parts = analyse_shot(motion, shots, index)
            row = ShotCameraFigures(shot=index, start_s=start_s, end_s=end_s, camera=None)
            if total is None:
                row.reason = NOT_MEASURED
            else:
                row.camera = Figures(**total.figures())
                whole.append(total)
            if objects is not None:
                row.size, row.size_evidence, row.size_reason = shot_size(objects.tracks, start_s, end_s)
            rows.append(row)
            segments += [CameraSegment(start_s=round_s(p.start_s), end_s=round_s(p.end_s), shot=index, **p.figures()) for p in parts]
        measured = measured_intervals(motion, shots)
        return CameraResult(
            coverage=coverage(measured, inputs.clip.media.duration_s),
            segments=segments,
            series=[Series(name=name, unit=unit, t_s=t, values=v) for name, unit, t, v in fw_series(motion, shots)],
            summary=_summary(rows, segments, whole),
        )


def _summary(rows: list[ShotCameraFigures], segments: list[CameraSegment], whole: list[Stretch]) -> CameraSummary:
    from reelscope.analyzers.camera_analysis._moves import join_shake, stability

    total = sum(s.end_s - s.start_s for s in segments)
    share: dict[Move, float] = {}
    for s in segments:
        share[s.move] = share.get(s.move, 0.0) + (s.end_s - s.start_s) / total
    shake = join_shake(whole)
    return CameraSummary(
        shots=rows, move_share={k: min(1.0, round(v, 4)) for k, v in share.items()}, shake=shake, stability=stability(shake)
    )


ANALYZER = CameraAnalyzer
