"""The rows of the reshoot sheet: what is written of one shot."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PlainSerializer

from reelscope.document.schema import Model, Seconds, Value

__all__ = [
    "SheetBackground",
    "SheetCamera",
    "SheetColour",
    "SheetGaze",
    "SheetMove",
    "SheetPath",
    "SheetPerson",
    "SheetShot",
    "SheetSound",
    "SheetText",
    "SheetTransition",
]


Side = Annotated[float, PlainSerializer(lambda v: round(float(v), 3), return_type=float)]
XywhSheet = tuple[Side, Side, Side, Side]
"""Box as x, y, width, height of the picture, 0-1, to a thousandth: about a pixel of a clip of 1080."""


def _nothing(value: object) -> bool:
    """Whether a field is left out of the JSON: null or empty. A sheet of many shots must stay small."""
    return value is None or value == [] or value is False


class SheetTransition(Model):
    """How a shot is entered. duration_s: left out for a cut; jump_cut: left out where it is none."""

    kind: str
    variant: str | None = Field(None, exclude_if=_nothing)
    duration_s: Seconds = Field(0.0, exclude_if=lambda v: v == 0)
    jump_cut: bool | None = Field(None, exclude_if=_nothing)


class SheetColour(Model):
    """A colour of the palette: sRGB hex and common name; the largest share comes first."""

    hex: str
    name: str | None = None


class SheetMove(Model):
    """A part of a shot with one move of the camera; seconds from the shot's start."""

    from_s: Seconds
    to_s: Seconds
    move: str


class SheetCamera(Model):
    """The camera over the whole shot.

    Attributes:
        move: As camera_analysis names it; components: all moves at once.
        pan_fw_s, tilt_fw_s: Frame widths per second that the camera turns right and up; speed_fw_s: of both.
        zoom_factor: Size of things at the end over the beginning; zoom_rate_s: natural log of scale per second.
        roll_deg: Turn about the axis. shake: deviation from the smooth path.
        parts: Moves one after the other, where there is more than one.
    """

    move: str | None = None
    components: list[str] = Field([], exclude_if=_nothing)
    speed_fw_s: Value = None
    pan_fw_s: Value = Field(None, exclude_if=_nothing)
    tilt_fw_s: Value = Field(None, exclude_if=_nothing)
    zoom_factor: Value = None
    zoom_rate_s: Value = Field(None, exclude_if=_nothing)
    roll_deg: Value = Field(None, exclude_if=_nothing)
    shake: Value = Field(None, exclude_if=_nothing)
    parts: list[SheetMove] = Field([], exclude_if=_nothing)


class SheetPath(Model):
    """Where something is when it is first and last seen in the shot.

    Attributes:
        label: face, or as object_detection names it. seen_share: share of the shot from the first to the last sight of it.
        first_xywh_norm, last_xywh_norm: Boxes; first_cell, last_cell: the cell of the grid of thirds with the box's centre. The last
            ones are left out where the box stays: no side moved by 0.03 of the picture.
        share: Mean share of the picture that the boxes take.
    """

    label: str
    first_xywh_norm: XywhSheet
    last_xywh_norm: XywhSheet | None = Field(None, exclude_if=_nothing)
    first_cell: str
    last_cell: str | None = Field(None, exclude_if=_nothing)
    share: Value
    seen_share: Value


class SheetGaze(Model):
    """Where the largest face looks. at_camera_share: of the time for which it could be told; medians in degrees, right and up positive."""

    at_camera_share: Value = None
    yaw_deg: Value = Field(None, exclude_if=_nothing)
    pitch_deg: Value = Field(None, exclude_if=_nothing)
    head_yaw_deg: Value = Field(None, exclude_if=_nothing)
    head_pitch_deg: Value = Field(None, exclude_if=_nothing)


class SheetText(Model):
    """A text; seconds from the shot's start, cut to the shot. goes_on: stands already before, or still after, the shot."""

    text: str
    role: str | None
    from_s: Seconds
    to_s: Seconds
    goes_on: bool = Field(False, exclude_if=_nothing)
    xywh_norm: XywhSheet | None
    cell: str | None
    line_height_share: Value
    text_colour: str | None
    background_colour: str | None


class SheetSound(Model):
    """What is heard in the shot.

    Attributes:
        loudness_lufs: Energy mean of the momentary values in it. silence_share: share of the shot.
        voice_share: Share in which somebody speaks. words: what is spoken, by words whose middle lies in the shot.
        heard: Share of the shot by class of sound. events: named sounds that begin in it or reach into it.
        tempo_bpm: Of the music. first_beat_s: from the shot's start.
    """

    loudness_lufs: Value = None
    silence_share: Value = None
    voice_share: Value = None
    words: str | None = Field(None, exclude_if=_nothing)
    heard: dict[str, Value] | None = Field(None, exclude_if=_nothing)
    events: list[str] | None = Field(None, exclude_if=_nothing)
    tempo_bpm: Value = Field(None, exclude_if=_nothing)
    first_beat_s: Seconds | None = Field(None, exclude_if=_nothing)


class SheetBackground(Model):
    """What is behind. setting: indoor or outdoor; classes: largest first, share of the background; blur: softness of its edges
    over the subject's, 1 is equally sharp."""

    setting: str | None = Field(None, exclude_if=_nothing)
    classes: list[str] | None = Field(None, exclude_if=_nothing)
    texture: str | None = Field(None, exclude_if=_nothing)
    blur: Value = Field(None, exclude_if=_nothing)


class SheetPerson(Model):
    """A posture or gesture; seconds from the shot's start."""

    what: str
    from_s: Seconds
    to_s: Seconds


class SheetShot(Model):
    """One shot. Null: not measured, with the reason under the shot's not_measured, or the insight's where it holds for all shots.

    Where most of the fields of something are null or empty they are left out of the JSON, so that a sheet of 60 shots stays small.

    Attributes:
        line: The shot in a line of plain text, made of the other fields and nothing else.
        transition_in: Null for the first shot.
        size: Shot size. subject: the largest thing with a name that is no face; face: the largest face.
        people: Most people seen at once. postures: of people; gestures.
        texts: Of every role but watermarks, which stand once in the sheet.
        brightness, contrast: OKLab; tone: warm, neutral or cool; cct_k: correlated colour temperature of the mean colour.
        palette: At most three colours; more stand in color_analysis.
        stage: Of the story, where temporal_flow found one. description: what the vision-language model says.
    """

    index: int
    start_s: Seconds
    end_s: Seconds
    duration_s: Seconds
    line: str = ""
    scene: int | None = Field(None, exclude_if=_nothing)
    stage: str | None = Field(None, exclude_if=_nothing)
    transition_in: SheetTransition | None = None
    size: str | None = None
    camera: SheetCamera | None = None
    subject: SheetPath | None = Field(None, exclude_if=_nothing)
    face: SheetPath | None = Field(None, exclude_if=_nothing)
    gaze: SheetGaze | None = Field(None, exclude_if=_nothing)
    people: int | None = None
    postures: list[SheetPerson] = Field([], exclude_if=_nothing)
    gestures: list[SheetPerson] = Field([], exclude_if=_nothing)
    texts: list[SheetText] = Field([], exclude_if=_nothing)
    sound: SheetSound | None = None
    palette: list[SheetColour] = []
    brightness: Value = None
    contrast: Value = None
    tone: str | None = None
    cct_k: Value = None
    background: SheetBackground | None = Field(None, exclude_if=_nothing)
    description: str | None = Field(None, exclude_if=_nothing)
    not_measured: dict[str, str] = Field({}, exclude_if=lambda v: not v)
