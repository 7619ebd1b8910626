"""The columns of the three tables, in the order in which they stand. They are added to, never renamed.

Nineteen analyzers have some 150 different fields. One column for each would be a sheet nobody can read, one row for each value
would tear a segment apart. So the segments' table has a typed column for each field that people filter and other programs rely on, under
the name that it has in the document, and one column `fields` with all others as JSON: nothing is lost, and nothing stands there twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["ANALYZERS", "BOX", "OWN", "SEGMENTS", "SHOTS", "TABLES", "TYPED", "Kind", "TableColumn"]

Kind = Literal["text", "int", "float", "bool", "texts", "json"]
"""`texts`: a list of texts, in CSV joined by " | ". `json`: whatever it is, in CSV and Parquet as JSON text."""


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One column: its name with the unit as suffix, the type of its cells, the unit in words and a sentence for the page."""

    name: str
    kind: Kind
    unit: str
    meaning: str


C = TableColumn

WHOSE: tuple[TableColumn, ...] = (
    C("analysis_id", "text", "", "The document, the same in every row: tables of several clips can be put one below the other."),
    C("sha256", "text", "", "The clip's bytes, the same in every row; joins with `reelscope table`."),
)

OWN: tuple[TableColumn, ...] = (
    C("analyzer", "text", "", "Who measured it."),
    C("status", "text", "", "Of the analyzer, nearly always `ok`: only what ran has segments."),
    C("backend", "text", "", "The way in which it was computed."),
    C("index", "int", "", "The segment's place in the analyzer's list, from 0."),
    C("start_s", "float", "s", "When it begins."),
    C("end_s", "float", "s", "When it ends, which is no longer part of it; a hard cut or a beat has `end_s` = `start_s`."),
    C("confidence", "float", "0-1", "The analyzer's own; blank where it gives none."),
    C("shot", "int", "", "`index` of the shot, from 0: as the analyzer says, else the one that shares most of its time."),
    C("corrected", "texts", "", "Fields that a person has corrected, what the row shows; what was measured is in `fields`."),
)

TYPED: tuple[TableColumn, ...] = (
    C("kind", "text", "", "What sort of segment it is."),
    C("variant", "text", "", "Of a transition: which wipe, which fade."),
    C("jump_cut", "bool", "", "Of a cut: between like pictures."),
    C("label", "text", "", "What was seen or heard: the object, the sound."),
    C("text", "text", "", "What stands on the screen, or is said."),
    C("role", "text", "", "Of a text on the screen: caption, title, sticker, watermark, scene_text."),
    C("language", "text", "", "Of what is said."),
    C("speaker", "int", "", "Who says it, from 0 in order of appearance; the report calls voice 0 Speaker 1."),
    C("utterance", "int", "", "Of the voice: number of the utterance, from 0."),
    C("what_happens", "text", "", "What the vision-language model tells."),
    C("setting", "text", "", "Where it is."),
    C("mood", "text", "", "The mood, as the model tells it."),
    C("move", "text", "", "What the camera does."),
    C("stage", "text", "", "Of the story."),
    C("claim", "text", "", "What several analyzers together were asked."),
    C("holds", "bool", "", "Whether the claim does."),
    C("subject", "text", "", "What the claim is about."),
    C("strength", "float", "0-1", "Of a stage or claim."),
    C("posture", "text", "", "Of a person."),
    C("gesture", "text", "", "Of a person."),
    C("track_id", "int", "", "Of the thing that is followed, in the analyzer's own numbers, which need not begin at 0 and may have gaps."),
    C("face", "int", "", "Number of the face, from 0: `track_id` of its track."),
    C("at_camera", "bool", "", "Whether the gaze meets the camera."),
    C("age_low", "float", "years", "Lower end of the range."),
    C("age_high", "float", "years", "Upper end of the range."),
    C("category", "text", "", "Of the voice's emotion."),
    C("arousal", "float", "-1 to 1", "Of the voice."),
    C("valence", "float", "-1 to 1", "Of the voice."),
    C("share", "float", "0-1", "Share of the picture."),
    C("subject_share", "float", "0-1", "Share of the picture that the subject takes."),
    C("speed_fw_s", "float", "frame widths/s", "Of the camera."),
    C("zoom_rate_s", "float", "1/s", "Natural logarithm of the scale per second."),
    C("shake", "float", "", "Of the camera."),
    C("brightness", "float", "0-1", "OKLab lightness."),
    C("contrast", "float", "0-1", "Range of lightness."),
    C("saturation", "float", "", "OKLab chroma over lightness."),
    C("tone", "text", "", "warm, neutral or cool."),
    C("sharpness", "float", "0-1", "Of the picture."),
    C("contrast_ratio", "float", "1-21", "Of a text against what is behind it (WCAG)."),
    C("syllables_per_s", "float", "1/s", "Of an utterance."),
    C("pitch_median_hz", "float", "Hz", "Of an utterance."),
    C("level_dbfs", "float", "dBFS", "Of a stretch of sound."),
    C("tempo_bpm", "float", "1/min", "Of the music."),
    C("reason", "text", "", "Why a figure of the segment is blank."),
)

BOX: tuple[TableColumn, ...] = (
    C("x_norm", "float", "0-1", "Left edge of the box `xywh_norm`, from the left of the upright picture."),
    C("y_norm", "float", "0-1", "Its top edge, from the top."),
    C("w_norm", "float", "0-1", "Its width."),
    C("h_norm", "float", "0-1", "Its height."),
)

SEGMENTS: tuple[TableColumn, ...] = (
    *OWN,
    *TYPED,
    *BOX,
    C("fields", "json", "", "All other fields of the segment, by their names in the document; blank where there are none."),
    *WHOSE,
)

SHOTS: tuple[TableColumn, ...] = (
    C("number", "int", "", "From 1, as people count and the report does: `index` and 1."),
    C("start", "text", "h:m:s", "When it begins."),
    C("end", "text", "h:m:s", "When it ends, which is no longer part of it."),
    C("length", "text", "h:m:s", "How long it is."),
    C("start_s", "float", "s", "When it begins."),
    C("end_s", "float", "s", "When it ends."),
    C("length_s", "float", "s", "How long it is."),
    C("transition", "text", "", "How it is entered; blank for the first one, and where that was not measured."),
    C("transition_variant", "text", "", "Which wipe, which fade."),
    C("transition_s", "float", "s", "How long the transition takes; 0 for a hard cut. It is divided at its middle between the shots."),
    C("jump_cut", "bool", "", "Whether it is entered by a cut between like pictures."),
    C("size", "text", "", "Size of the shot: close_up, medium, ..."),
    C("camera", "text", "", "What the camera does."),
    C("camera_components", "texts", "", "All moves that are in it."),
    C("camera_speed_fw_s", "float", "frame widths/s", "How fast it turns."),
    C("camera_zoom_rate_s", "float", "1/s", "Natural logarithm of the scale per second."),
    C("camera_shake", "float", "", "How much it shakes."),
    C("text", "texts", "", "What stands on the screen."),
    C("speech", "text", "", "What is said."),
    C("speech_share", "float", "0-1", "Share of the time with a voice."),
    C("palette", "texts", "", "Its colours (sRGB), the largest first."),
    C("palette_shares", "json", "0-1", "Their shares of the picture, in the same order."),
    C("palette_names", "texts", "", "Their names, in the same order where all have one."),
    C("loudness_lufs", "float", "LUFS", "How loud it is; blank for silence and below 0.4 s."),
    C("sharpness", "float", "0-1", "How sharp the picture is."),
    C("scene", "int", "", "The scene it belongs to, from 0: `index` of the segment of scene_segmentation; the report shows it from 1."),
    C("description", "text", "", "What happens in it."),
    C("keyframe_s", "float", "s", "When its keyframe is."),
    C("keyframe", "text", "", "The keyframe's file, beside the document."),
    C("corrected", "texts", "", "Fields that a person has corrected, what the row shows."),
    C("index", "int", "", "From 0, as in the document: what `shot` of `segments` refers to."),
    *WHOSE,
)

ANALYZERS: tuple[TableColumn, ...] = (
    C("analyzer", "text", "", "Its name, as in `segments`."),
    C("title", "text", "", "What it tells."),
    C("status", "text", "", "ok, not_applicable, unavailable, skipped, failed or timeout."),
    C("requested", "bool", "", "Whether it was asked for."),
    C("code", "text", "", "What kind of failure it was."),
    C("reason", "text", "", "Why it has no result."),
    C("hint", "text", "", "What would change that."),
    C("coverage", "float", "0-1", "Share of the clip that it looked at, not in which it found something."),
    C("segments", "int", "", "How many rows it has in `segments`."),
    C("tracks", "int", "", "How many tracks it has in the document."),
    C("series", "int", "", "How many series it has in the document."),
    C("backend", "text", "", "The way in which it was computed."),
    C("tier", "text", "", "embedded, compact or full."),
    C("device", "text", "", "Where."),
    C("version", "int", "", "Of the analyzer; it rises when its output may change."),
    C("seconds", "float", "s", "How long it took."),
    C("attempts", "int", "", "How often it was tried."),
    C("reused", "bool", "", "Whether it was taken from an earlier run of the clip."),
    C("models", "texts", "", "Models that took part; their revisions and sha256 stand in the document."),
    C("licences", "texts", "", "Of these models, each once."),
    C("warnings", "texts", "", "What it wants to be known."),
    C("options", "json", "", "Options that were set."),
    C("summary", "json", "", "Its figures of the whole clip."),
    *WHOSE,
)

TABLES: Mapping[str, tuple[TableColumn, ...]] = {"shots": SHOTS, "segments": SEGMENTS, "analyzers": ANALYZERS}
"""By name, which is that of the file without its ending."""
