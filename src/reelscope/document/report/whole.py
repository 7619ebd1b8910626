"""Figures of the whole clip as people read them: by names that stand alone, tables in words, times that lead there.

What says how was measured (steps, thresholds, vocabularies) and long lists stay in the document. A figure that this page does not know, of
a plugin or of a later version, is shown by the rules of `figures`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reelscope.document.names import ANALYZER_TITLES
from reelscope.document.report.summaries import Figure, figures, missing, summary_of
from reelscope.document.report.words import NA, clean, figure, number, percent, sentence, timecode
from reelscope.document.schema import Document

__all__ = ["Whole", "by_title", "whole"]

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Whole:
    """One analyzer's figures. untold: names of what was not measured with the reason, those with one reason together."""

    title: str
    name: str
    figures: Sequence[Figure]
    untold: Sequence[tuple[str, str]]


TITLES: dict[str, dict[str, str | None]] = {
    "object_detection": {"vocabulary": None, "step_s": None},
    "text_overlay": {
        "count": "Texts", "characters": "Letters and digits", "text_s": "Time with text", "text_share": "Share of the clip with text",
        "overlay_s": "Time with captions, titles, stickers", "unreadable_lines": "Lines that could not be read",
        "lowest_contrast_ratio": "Lowest contrast of a text",
    },
    "background_segmentation": {
        "subject_share": "Subject, share of the picture", "background_share": "Background, share of the picture",
        "subject_max_share": "Subject at its largest", "subject_known_share": None,
        "person_present_share": "Share of the clip with a person",
        "subject_edge_blur": "Blur of the subject's edges", "background_edge_blur": "Blur of the background's edges",
        "background_blur": "Background blurrier than subject by", "edge_density": "Density of edges behind", "texture": "Background",
        "classes": None, "person_class_share": None, "setting": "Indoor or outdoor",
        "indoor_evidence": None, "outdoor_evidence": None,
    },
    "camera_analysis": {"shake": "Shake", "stability": "Stability"},
    "scene_segmentation": {"scenes": "Scenes", "shots": "Shots", "mean_scene_s": "Mean length of a scene", "threshold": None, "seam": None},
    "body_pose": {
        "people_max": "Most people at once", "person_time_share": "Share of the clip with a body", "keypoint_names": None,
        "visibility_limit": None, "points_per_s": None, "movement_mean": "Movement, mean (torso lengths/s)",
        "movement_peak": "Movement, peak (torso lengths/s)", "travel_mean": "Way through the picture (torso lengths/s)",
    },
    "age_estimation": {"face_tracks": "Faces, each once a shot", "estimated": "Faces with an age"},
    "content_quality": {
        "sharpness": "Sharpness", "sharpness_peak": "Sharpness at its best", "fine_detail": "Fine detail", "noise_sigma": "Noise",
        "blockiness": "Blockiness", "banding_share": "Banding, share of the picture", "over_share": "Blown out, share of the picture",
        "under_share": "Crushed, share of the picture", "black_s": "Black picture", "frozen_s": "Frozen picture",
        "duplicate_frames": "Repeated frames", "unique_fps": "Frame rate without repeats", "frames": None, "native_frames": None,
        "video_bit_rate_bps": "Bit rate of the picture", "clip_iqa": "Look, by a model (CLIP-IQA)",
    },
    "eye_tracking": {
        "face_tracks": "Faces, each once a shot", "face_s": "Time with a face", "measured_s": "Time with a measured gaze",
        "weak_s": "Of it weakly measured", "at_camera_s": "Time looking at the camera", "at_camera_share": "Share of the face time",
        "looks": "Looks into the camera", "blinks": "Blinks counted", "blink_observed_s": "Time in which they were counted",
        "blinks_per_min": "Rate of blinks, per minute", "blinks_face": None, "eye_fps": None,
    },
    "cut_analysis": {
        "gradual": None, "transitions_per_minute": "Transitions a minute", "shot_length_mean_s": "Shot length, mean",
        "shot_length_median_s": "Shot length, median", "shot_length_min_s": "Shortest shot", "shot_length_max_s": "Longest shot",
        "shot_length_cv": "Spread of the lengths (sd / mean)", "rhythm": "Rhythm", "trend": "Cutting over time",
    },
    "speech_transcription": {
        "language_probability": "Probability of the language", "text": None, "voice_s": "Voice that was listened to", "hints": None,
    },
    "audio_analysis": {
        "integrated_lufs": "Loudness of the clip", "max_momentary_lufs": "Loudest 0.4 s", "max_short_term_lufs": "Loudest 3 s",
        "rms_dbfs": "RMS level", "pulse_clarity": "Clarity of the pulse", "pulse_share": "Share of the sound with a pulse",
        "key_correlation": "Fit of the key", "key_margin": "Lead over the next key", "key_runner_up": "Next key",
        "tuning_cents": "Tuning against A4 = 440 Hz", "onsets": "Note and sound beginnings", "clipped_runs": "Places that clip",
        "clipped_samples": "Samples that clip",
    },
    "audio_environment": {
        "speech_over_music_s": "Speech over music", "speech_over_noise_s": "Speech over noise", "unexplained_s": "Heard, not classed",
        "top_events": "Named sounds",
    },
    "speech_emotion": {
        "measured": "Utterances with an arousal", "arousal_spread": "Spread of arousal", "speakers": "Speakers told apart",
        "category_shares": "Categories of emotion",
    },
    "temporal_flow": {"key_moments_total": "Key moments", "pace_counts": None},
    "speech_flow": {
        "speech_s": "Time spoken", "speech_share": "Share of the sound", "pause_median_s": "Median pause",
        "pause_longest_s": "Longest pause",
        "articulation_rate_syl_s": "Speed while speaking", "speech_rate_syl_s": "Speed with pauses", "pitch_median_hz": "Pitch, median",
        "pitch_low_hz": "Pitch, low (10th percentile)", "pitch_high_hz": "Pitch, high (90th percentile)",
        "pitch_variation_semitones": "Variation of the pitch", "level_dbfs": "Level of the speech",
        "background_margin_db": "Above the background by", "emphasis": "Emphasised syllables",
        "words_outside": "Words outside of utterances",
        "words_per_minute": "Words a minute", "articulation_words_per_minute": "Words a minute while speaking", "fillers": "Filler words",
        "filler_words": "Which fillers", "by_utterance": "Figures by utterance",
    },
    "cross_analyzer_intelligence": {
        "complete_share": "Time described, mean of the channels", "channels": None, "channels_measured": None,
    },
    "qwen2_vl_temporal": {
        "text_from": None, "answers": None, "tokens": None, "repaired": None, "segments_ok": "Segments described",
        "segments_failed": "Segments without an answer",
    },
}  # fmt: skip
"""Names of figures that read alone where the field's own does not; None for what says how was measured, or is told elsewhere."""

TABLES = {
    "by_role": "Texts as {}", "move_share": "Camera {}", "reasons_s": "Called {}", "edits": "Edits: {}",
    "dropped": "Words not believed: {}",
    "setting_share": "Told as {}", "category_shares": "Emotion {}", "filler_words": "Filler “{}”", "languages": "Language {}",
}  # fmt: skip
"""How a row of a table of plain figures is called."""

REASON_OF = {
    "blinks_per_min": "blink_reason", "blinks": "blink_reason", "background_blur": "blur_reason", "subject_edge_blur": "subject_reason",
    "subject_share": "subject_reason",
}  # fmt: skip
"""Where the reason of a null stands under another name than its own."""


NAMED = re.compile(rf"\b(?:{'|'.join(ANALYZER_TITLES)})\b")


def by_title(reason: str) -> str:
    """A reason with analyzers by their titles: people know "Words", not `speech_transcription`."""
    name, colon, rest = reason.partition(": ")
    if colon and name in ANALYZER_TITLES:
        return f"{ANALYZER_TITLES[name]}: {rest}"
    return NAMED.sub(lambda found: f"“{ANALYZER_TITLES[found[0]]}”", reason)


def whole(document: Document, titles: Sequence[tuple[str, str]]) -> list[Whole]:
    """Cards of the analyzers that ran. titles: name and title, in the order in which they are shown."""
    out = []
    for name, title in titles:
        summary = summary_of(document, name)
        found = _figures(name, summary)
        untold = [(names, by_title(why)) for names, why in missing(found)] + _reasons(summary)
        if shown := [f for f in found if not f.missing]:
            out.append(Whole(title, name, shown, untold))
        elif untold:
            out.append(Whole(title, name, (), untold))
    return out


def _figures(name: str, summary: Fields) -> list[Figure]:
    known, told = TITLES.get(name, {}), OWN.get(name, {})
    out: list[Figure] = []
    for key, value in summary.items():
        if key in told:
            out += told[key](value, summary)
        elif key in known and known[key] is None:
            continue
        elif key in TABLES and isinstance(value, Mapping):
            rows = figures({key: value})
            out += [replace(f, name=TABLES[key].format(_lower(str(k)))) for f, k in zip(rows, value, strict=False)]
        else:
            why = summary.get(REASON_OF.get(key, ""))
            for f in figures({key: value} | {k: v for k, v in summary.items() if k.endswith("reason") or k == "not_measured"}):
                if f.name != "Reason" or key == "reason":
                    own = known.get(key)
                    out.append(replace(f, name=own or f.name, why=f.why or (clean(why) if isinstance(why, str) else None)))
    return [f for f in out if f.name != "Reason" and not f.name.endswith(": Reason")]


def _reasons(summary: Fields) -> list[tuple[str, str]]:
    """Kinds of edits that nothing measures, and analyzers that could not be read: what is missing beside the figures."""
    edits, unread = summary.get("edits_not_measured"), summary.get("not_read")
    out = [(sentence(clean(k)), clean(v)) for k, v in edits.items()] if isinstance(edits, Mapping) else []
    if isinstance(unread, Mapping) and unread:
        names = ", ".join(ANALYZER_TITLES.get(k, sentence(clean(k))) for k in unread)
        out.append((names, "could not be read; what they show is not in the story"))
    return out


def _lower(word: str) -> str:
    return sentence(clean(word)).lower()


# ---- tables with a way of their own ---------------------------------------------------------------------------------------------------


def _nothing(_: Any, __: Fields) -> list[Figure]:
    return []


def _stages(found: Any, _: Fields) -> list[Figure]:
    out = []
    for stage, row in found.items():
        name = sentence(clean(stage))
        if row.get("start_s") is None:
            out.append(Figure(name, clean(row.get("status") or NA).replace("_", " "), note=clean(row.get("reason") or "")))
        else:
            start, end = timecode(row["start_s"]), timecode(row.get("end_s"))
            words = f"{clean(row.get('status') or 'found')}, {start}" + (f" to {end}" if end != start else "")
            out.append(Figure(name, words, at=float(row["start_s"])))
    return out


def _claims(found: Any, summary: Fields) -> list[Figure]:
    examined = summary.get("examined") or {}
    return [Figure(sentence(clean(k)), f"{number(n)} of {number(examined.get(k) or n)} hold") for k, n in found.items()]


def _completeness(found: Any, _: Fields) -> list[Figure]:
    out = []
    for channel, row in found.items():
        share = row.get("share")
        reason = clean(row["reason"]) if row.get("reason") else None
        out.append(Figure(f"Time described: {_lower(channel)}", NA if share is None else percent(share), why=reason))
    return out


def _labels(found: Any, _: Fields) -> list[Figure]:
    out = []
    for row in found:
        seconds, share, most = row.get("seconds"), row.get("mean_share"), row.get("largest_count")
        notes = [f"{percent(share)} of the picture" if share is not None else "", f"at most {number(most)} at once" if most else ""]
        out.append(Figure(sentence(clean(row.get("label"))), figure("x_s", seconds), note=", ".join(n for n in notes if n)))
    return out or [Figure("Objects", "none found")]


def _checks(found: Any, _: Fields) -> list[Figure]:
    out = []
    for row in found:
        unit = " fps" if row.get("check") == "frame_rate" else f" {clean(row['unit'])}" if row.get("unit") else ""
        value, least, good = row.get("value"), row.get("least"), row.get("ok")
        note = "" if least is None or good is None else "enough" if good else f"below {number(least)}{unit}"
        why = clean(row["reason"]) if row.get("reason") else None
        out.append(Figure(sentence(clean(row.get("check"))), NA if value is None else number(value) + unit, note=note, why=why))
    return out


def _people(title: str) -> Callable[[Any, Fields], list[Figure]]:
    return lambda found, _: [Figure(f"{title} {_lower(k)}", figure("x_s", row.get("person_s"))) for k, row in found.items()]


def _look(found: Any, _: Fields) -> list[Figure]:
    if not found:
        return []
    start, end = found["start_s"], found["end_s"]
    return [Figure("Longest look", f"{figure('x_s', round(end - start, 2))} from {timecode(start)}", at=float(start))]


def _moment(title: str) -> Callable[[Any, Fields], list[Figure]]:
    def told(found: Any, summary: Fields) -> list[Figure]:
        if found is None:
            return [Figure(title, NA, why=_why(summary))]
        return [Figure(title, timecode(found), at=float(found))]

    return told


def _why(summary: Fields) -> str | None:
    reasons = summary.get("not_measured") or {}
    return next((clean(v) for k, v in reasons.items() if k.startswith("arousal")), None)


OWN: dict[str, dict[str, Callable[[Any, Fields], list[Figure]]]] = {
    "temporal_flow": {"stages": _stages, "not_read": _nothing, "key_moments": _nothing},
    "cross_analyzer_intelligence": {"holding": _claims, "examined": _nothing, "completeness": _completeness},
    "object_detection": {"labels": _labels},
    "content_quality": {"checks": _checks},
    "body_pose": {"postures": _people("Posture"), "gestures": _people("Gesture")},
    "eye_tracking": {"longest_look": _look},
    "speech_emotion": {"arousal_highest_s": _moment("Most aroused at"), "arousal_lowest_s": _moment("Least aroused at")},
    "cut_analysis": {"pace": _nothing, "edits_not_measured": _nothing},
}
