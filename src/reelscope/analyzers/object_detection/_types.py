"""What object_detection writes into the document."""

from __future__ import annotations

from pydantic import Field

from reelscope.document.schema import AnalyzerResult, Model, Seconds, Segment, Summary, Track, Value, XywhNorm

__all__ = ["LabelFigures", "ObjectResult", "ObjectSegment", "ObjectSummary", "ObjectTrack"]


class ObjectSegment(Segment):
    """One object for as long as it is seen without a gap of three samples.

    Attributes:
        label: What it is; track_id: its track; shot: index of its shot.
        share: Mean share (0-1) of the picture that its box takes.
        first_xywh_norm, last_xywh_norm: Where it is at its first and at its last sighting.
        sightings: Pictures in which it was detected.
        confidence: Mean score of these detections, the model's own (0-1; not a probability, and not comparable between backends).
    """

    label: str
    track_id: int
    shot: int
    share: Value
    first_xywh_norm: XywhNorm
    last_xywh_norm: XywhNorm
    sightings: int


class ObjectTrack(Track):
    """One object in one shot. `points`: its path, straight between them; where it was not seen the segments have a gap.

    Attributes:
        shot: Index of its shot.
        score: Mean score of its detections; share: mean share (0-1) of the picture; sightings: pictures in which it was detected.
    """

    shot: int
    score: Value
    share: Value
    sightings: int


class LabelFigures(Model):
    """All objects of one label.

    Attributes:
        tracks: How many, each shot by itself: one person in five shots is five tracks.
        largest_count: Most at one time; seconds: time with at least one.
        mean_share: Mean share (0-1) of the picture that one of them takes while it is seen.
    """

    label: str
    tracks: int
    largest_count: int
    seconds: Seconds
    mean_share: Value


class ObjectSummary(Summary):
    """The whole clip.

    Attributes:
        labels: By time on screen. vocabulary: what this backend could have found; what is not in it was not looked for.
        step_s: Distance of the pictures that the detector looked at; null for a clip of less than two.
    """

    labels: list[LabelFigures] = []
    vocabulary: list[str] = []
    step_s: Value = None


class ObjectResult(AnalyzerResult):
    """Objects followed through shots. Series `count_<label>`: how many at a time, for the labels longest on screen."""

    segments: list[ObjectSegment] = []  # type: ignore[assignment]
    tracks: list[ObjectTrack] = []  # type: ignore[assignment]
    summary: ObjectSummary = Field(default_factory=ObjectSummary)
