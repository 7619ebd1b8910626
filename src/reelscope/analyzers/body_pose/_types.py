"""The typed result of body_pose."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PlainSerializer

from reelscope.document.schema import AnalyzerResult, Model, Segment, Summary, Track, TrackPoint, Value

__all__ = ["BodyPoint", "BodyPoseResult", "BodySegment", "BodySummary", "BodyTrack", "Gesture", "PersonFigures", "Posture"]

Posture = Literal["standing", "sitting", "bending", "lying", "upright"]
Gesture = Literal["wave", "point", "clap", "hands_up"]

Coordinate = Annotated[float, PlainSerializer(lambda v: round(float(v), 4), return_type=float)]
Visibility = Annotated[float, PlainSerializer(lambda v: round(float(v), 2), return_type=float)]
Keypoint = tuple[Coordinate, Coordinate, Visibility]


class BodySegment(Segment):
    """A posture that lasts, or a gesture."""

    kind: Literal["posture", "gesture"] = Field(description="what this segment is; the field of that name says which one")
    track_id: int = Field(description="of the person")
    shot: int = Field(description="index of the person's shot")
    posture: Posture | None = Field(
        None, description='"upright": the torso is upright and the picture does not show whether the person stands or sits'
    )
    gesture: Gesture | None = Field(None, description="what the arms do, by rule")
    side: Literal["left", "right"] | None = Field(None, description="arm of a wave or a pointing, the person's own; null for the others")
    evidence: dict[str, Value] = Field({}, description="the figures that the rule decided on; docs/analyzers/body_pose.md explains them")


class BodyPoint(TrackPoint):
    """A person at one moment."""

    keypoints: list[Keypoint | None] = Field(
        [],
        description="in the order of summary.keypoint_names: x, y (0-1 of the display picture) and the model's visibility or confidence "
        "(0-1); null where that lies below summary.visibility_limit or the point lies outside of the picture",
    )


class BodyTrack(Track):
    """One person within one shot; `label` is "person"."""

    shot: int = Field(description="index of the shot")
    score: Value = Field(None, description="mean confidence (0-1) that this is a person")
    movement_mean: Value = Field(None, description="mean over the track of the movement (see summary), torso lengths per second")
    movement_peak: Value = Field(None, description="98th percentile over the track of the movement (see summary), torso lengths per second")
    points: list[BodyPoint] = Field([], description="the person over time, summary.points_per_s of them a second")  # type: ignore[assignment]


class PersonFigures(Model):
    """Figures of one kind of segment, over all people."""

    count: int = Field(description="segments of this kind")
    person_s: Value = Field(description="person-seconds: their lengths added up over all people, so two who stand for 4 s give 8")


class BodySummary(Summary):
    """The whole clip; "people" are those with a skeleton."""

    people_max: int = Field(
        0,
        description="most people with a skeleton at once; persons without one do not count, not_measured tells of them",
    )
    person_time_share: Annotated[Value, Field(ge=0, le=1)] = Field(
        None, description="share (0-1) of the sampled times, not of the picture, at which somebody has a skeleton"
    )
    keypoint_names: list[str] = Field([], description="order of every `keypoints` list; left and right are the person's own")
    visibility_limit: Value = Field(None, description="visibility or confidence (0-1) from which on a keypoint is written")
    points_per_s: Value = Field(None, description="points a second of the tracks, thinned where people are many or the clip is long")
    movement_mean: Value = Field(
        None,
        description="mean movement, torso lengths per second: mean speed of the visible main points against the middle of the shoulders",
    )
    movement_peak: Value = Field(None, description="98th percentile of the movement, torso lengths per second")
    travel_mean: Value = Field(
        None, description="mean speed of the middle of the shoulders, torso lengths per second, the camera's motion included"
    )
    postures: dict[Posture, PersonFigures] = Field({}, description="figures of the postures, by name")
    gestures: dict[Gesture, PersonFigures] = Field({}, description="figures of the gestures, by name")
    not_measured: dict[str, str] = Field({}, description="why fields are null")


class BodyPoseResult(AnalyzerResult):
    """Result of body_pose."""

    segments: list[BodySegment] = []  # type: ignore[assignment]
    tracks: list[BodyTrack] = []  # type: ignore[assignment]
    summary: BodySummary = BodySummary()
