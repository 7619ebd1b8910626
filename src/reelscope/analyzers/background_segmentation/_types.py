"""What background_segmentation writes into the document."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from reelscope.document.schema import AnalyzerResult, Model, Segment, Summary, Track, Value, XywhNorm

__all__ = ["BackgroundFigures", "BackgroundResult", "BackgroundSegment", "BackgroundSummary", "ClassShare", "SubjectTrack"]


class ClassShare(Model):
    """A class of the background and its share of it (0-1; without people)."""

    label: str
    share: Value


class BackgroundFigures(Model):
    """Figures of a stretch. The subject is people: those that the features `faces` and `people` found, as far as the mask model marks them.

    Attributes:
        subject_share: Mean share of the picture that people fill, 0 at times when nobody was found; background_share: the rest. Null where
            people were seen but none could be cut out, never 0.
        subject_max_share: Largest of them.
        subject_known_share: Share of the sampled times for which the subject's share is known; the means are over these.
        person_present_share: Share of the sampled times (not of the picture) with somebody: of the two features, or a person of
            object_detection where that ran.
        subject_reason: Why there is no subject: the shares are 0 or null.
        subject_edge_blur, background_edge_blur: Standard deviation of the blur of the median edge, thousandths of the shorter side.
        background_blur: Blur of the background's edges over that of the subject's: 1 equally sharp, 3 three times as soft.
        blur_reason: Why it is null.
        edge_density: Share of the background's cells that hold an edge; texture: plain below 0.06, busy from 0.22, else null with the
            reason.
        classes: Of the background, 5 % and more, the largest first; null where the backend does not tell.
        person_class_share: Mean share of the picture (not of the time) that the class model calls a person. No gate stands before it, so it
            may be above 0 where nobody is, and it is the only figure of the size of people who could not be cut out.
        setting: Inside or outside by the documented rule, or null with the reason; indoor_evidence, outdoor_evidence: shares of the
            background that speak for each.
    """

    subject_share: Value = None
    background_share: Value = None
    subject_max_share: Value = None
    subject_known_share: Value = None
    person_present_share: Value = Field(None, description="Share of the sampled times at which somebody was seen.")
    subject_reason: str | None = None
    subject_edge_blur: Value = None
    background_edge_blur: Value = None
    background_blur: Value = None
    blur_reason: str | None = None
    edge_density: Value = None
    texture: Literal["plain", "busy"] | None = None
    texture_reason: str | None = None
    classes: list[ClassShare] | None = None
    person_class_share: Value = Field(None, description="Mean share of the picture that the class model calls a person.")
    setting: Literal["indoor", "outdoor"] | None = None
    setting_reason: str | None = None
    indoor_evidence: Value = None
    outdoor_evidence: Value = None


class BackgroundSegment(Segment, BackgroundFigures):
    """A shot. subject_xywh_norm, subject_centre: medians over the times with a subject; samples: frames behind the subject's figures."""

    shot: int
    subject_xywh_norm: XywhNorm | None = None
    subject_centre: tuple[Annotated[float, Field(ge=0, le=1)], Annotated[float, Field(ge=0, le=1)]] | None = None
    samples: int = 0


class BackgroundSummary(Summary, BackgroundFigures):
    """The whole clip: means over all samples.

    Attributes:
        setting_share: Share of the clip's duration per setting that was told of a shot; what is missing to 1 was not told.
        setting: The one that has at least 0.8 of the told time, where that is at least half of the clip; else null with the reason.
    """

    setting_share: dict[str, Value] = {}


class SubjectTrack(Track):
    """The subject (everybody together) while it is there, within one shot; it ends half a sampling step after its last point."""

    shot: int


class BackgroundResult(AnalyzerResult):
    """Segments: the shots. Series: `subject_share` (2.5 a second; null: somebody is there without a mask), `background_blur` (1.25)."""

    segments: list[BackgroundSegment] = []  # type: ignore[assignment]
    tracks: list[SubjectTrack] = []  # type: ignore[assignment]
    summary: BackgroundSummary = BackgroundSummary()
