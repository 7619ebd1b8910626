"""Segments, series and summary from what was found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from reelscope.analyzers.audio_environment import _audioset, _frames, _levels, _music
from reelscope.analyzers.audio_environment._classes import CLASSES, Label, heard
from reelscope.analyzers.audio_environment._result import EnvironmentResult, EnvironmentSegment, EnvironmentSummary, TopEvent
from reelscope.document.schema import Series
from reelscope.timebase import Interval, clip_to, intersect, merge, subtract, total_s

if TYPE_CHECKING:
    from reelscope.features.voice import Voice
    from reelscope.media.audio import AudioTrack

__all__ = ["by_lines", "by_scores"]

NO_MODEL = "no sounds are named without a model: reelscope models pull yamnet"
EMPTY = "the sound track is empty"

Confidence = Callable[[Label, Interval], float | None]


def by_lines(audio: AudioTrack, voice: Voice) -> EnvironmentResult:
    """By voice activity and lines in the spectrum; nothing is named."""
    duration_s = _duration(audio)
    music = _music.find_music(_frames.frame_features(audio.mono16k), voice.probability, duration_s)
    silence, zeros = _levels.silences(audio)
    found = heard(duration_s, phrases=voice.segments, music=music.intervals, silences=silence, zeros=zeros)

    def confidence(label: Label, at: Interval) -> float | None:
        if label == "speech":
            return voice.mean_probability(*at)
        return music.mean_probability(*at) if label == "music" else None

    inside = music.t_s <= duration_s
    series = [Series(name="music_probability", unit="0-1", t_s=music.t_s[inside].tolist(), values=music.probability[inside].tolist())]
    return _result(duration_s, found, confidence, series, None, [])


def by_scores(audio: AudioTrack, voice: Voice, scores: _audioset.Scores) -> EnvironmentResult:
    """By a model's scores. Speech stays with voice activity, which was the better one; noise is also what no class explains."""
    duration_s = _duration(audio)
    by_class = _audioset.class_scores(scores)
    told = {k: [at for at, _ in _audioset.stretches(by_class[k], scores.edges_s)] for k in by_class}
    silence, zeros = _levels.silences(audio)
    found = dict(heard(duration_s, phrases=voice.segments, music=told["music"], silences=silence, zeros=zeros))
    zeros = clip_to(zeros, (0.0, duration_s))
    found["noise"] = merge([*found["noise"], *subtract(told["noise"], zeros)])

    def confidence(label: Label, at: Interval) -> float | None:
        if label == "speech":
            return voice.mean_probability(*at)
        if label == "silence":
            return None
        cells = (scores.edges_s[1:] > at[0]) & (scores.edges_s[:-1] < at[1])
        return float(by_class[label][cells].mean()) if cells.any() else None

    events = [
        EnvironmentSegment(kind="event", label=e.label, start_s=a, end_s=b, confidence=min(1.0, e.score))
        for e in _audioset.events(scores)
        for a, b in subtract([(e.start_s, e.end_s)], zeros)
    ]
    middle = ((scores.edges_s[:-1] + scores.edges_s[1:]) / 2).tolist()
    series = [Series(name=f"{k}_score", unit="0-1", t_s=middle, values=by_class[k].tolist()) for k in by_class if duration_s]
    return _result(duration_s, found, confidence, series, _audioset.top_events(scores) if duration_s else [], events)


def _duration(audio: AudioTrack) -> float:
    return min(audio.mono_frames / 16_000, audio.duration_s)


def _result(
    duration_s: float,
    found: Mapping[Label, Sequence[Interval]],
    confidence: Confidence,
    series: list[Series],
    top: list[TopEvent] | None,
    events: list[EnvironmentSegment],
) -> EnvironmentResult:
    segments = [
        EnvironmentSegment(kind="class", label=label, start_s=a, end_s=b, confidence=_probability(confidence(label, (a, b))))
        for label in CLASSES
        for a, b in found[label]
    ]
    segments = sorted([*segments, *events], key=lambda s: (s.start_s, s.end_s, s.kind, s.label))
    seconds = {label: total_s(found[label]) for label in CLASSES}
    explained = merge(i for label in CLASSES for i in found[label])
    missing = {} if top is not None else {"top_events": NO_MODEL}
    if not duration_s:
        missing |= dict.fromkeys([f"{label}_share" for label in CLASSES], EMPTY)
    summary = EnvironmentSummary(
        **{f"{label}_s": value for label, value in seconds.items()},
        **{f"{label}_share": min(1.0, value / duration_s) if duration_s else None for label, value in seconds.items()},
        speech_over_music_s=total_s(intersect(found["speech"], found["music"])),
        speech_over_noise_s=total_s(intersect(found["speech"], found["noise"])),
        unexplained_s=total_s(subtract([(0.0, duration_s)], explained)),
        top_events=top,
        not_measured=missing,
    )
    return EnvironmentResult(segments=segments, series=series, summary=summary)


def _probability(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else min(1.0, max(0.0, value))
