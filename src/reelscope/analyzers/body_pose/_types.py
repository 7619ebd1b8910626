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
    """A posture that lasts, or a gesture.

    Attributes:
        kind: What this segment is; the field of that name says which one.
        track_id: Of the person. shot: index of its shot.
        posture: "upright": the torso is upright and the picture does not show whether the person stands or sits.
        side: Arm of a wave or a pointing, the person's own; null for the others.
        evidence: The figures that the rule decided on; their names are explained in docs/analyzers/body_pose.md.
    """

    kind: Literal["posture", "gesture"]
    track_id: int
    shot: int
    posture: Posture | None = None
    gesture: Gesture | None = None
    side: Literal["left", "right"] | None = None
    evidence: dict[str, Value] = {}


class BodyPoint(TrackPoint):
    """A person at one moment.

    Attributes:
        keypoints: In the order of summary.keypoint_names: x, y (0-1 of the display picture) and the model's visibility or confidence
            (0-1); null where that lies below summary.visibility_limit or the point lies outside of the picture.
    """

    keypoints: list[Keypoint | None] = []


class BodyTrack(Track):
    """One person within one shot; `label` is "person".

    Attributes:
        shot: Index of the shot. score: mean confidence that this is a person.
        movement_mean, movement_peak: Of the movement (see summary) over the track.
    """

    shot: int
    score: Value = None
    movement_mean: Value = None
    movement_peak: Value = None
    points: list[BodyPoint] = []  # type: ignore[assignment]


class PersonFigures(Model):
    """Counts of one kind of segment: how often and for how long."""

    count: int
    seconds: Value


class BodySummary(Summary):
    """The whole clip.

    Attributes:
        people_max: Most people seen at once. person_share: share (0-1) of the sampled times with at least one.
        keypoint_names: Order of every `keypoints` list; left and right are the person's own. visibility_limit: see BodyPoint.
        points_per_s: Density of the tracks' points, thinned where people are many or the clip is long.
        movement_mean, movement_peak: Mean and 98th percentile of the movement, torso lengths per second: mean speed of the visible main
            points relative to the middle of the shoulders. travel_mean: mean speed of that middle itself, the camera's motion included.
        postures, gestures: Figures by name.
        not_measured: Why fields are null.
    """

    people_max: int = 0
    person_share: Annotated[Value, Field(ge=0, le=1)] = None
    keypoint_names: list[str] = []
    visibility_limit: Value = None
    points_per_s: Value = None
    movement_mean: Value = None
    movement_peak: Value = None
    travel_mean: Value = None
    postures: dict[Posture, PersonFigures] = {}
    gestures: dict[Gesture, PersonFigures] = {}
    not_measured: dict[str, str] = {}


class BodyPoseResult(AnalyzerResult):
    """Result of body_pose."""

    segments: list[BodySegment] = []  # type: ignore[assignment]
    tracks: list[BodyTrack] = []  # type: ignore[assignment]
    summary: BodySummary = BodySummary()
