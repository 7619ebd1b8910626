"""The sound of one shot, for the reshoot sheet."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence

from reelscope.document.evidence import Evidence, Shot
from reelscope.document.insights._sheet import SheetSound
from reelscope.document.measures.words import joined
from reelscope.timebase import Interval, clip_to, meeting, total_s

__all__ = ["Sound"]

EVENTS = 5  # that are named in one shot
NO_TRACK = "the clip has no sound track"
LOUDNESS_WINDOW_S = 0.4  # of one momentary value (ITU-R BS.1770)


class Sound:
    """The clip's sound, from which each shot takes its part. why: reasons that hold for the whole clip are written there."""

    def __init__(self, evidence: Evidence, why: dict[str, str]) -> None:
        self._evidence = evidence
        self._levels = evidence.series("audio_analysis", "momentary_lufs").items
        self._level_times = [t for t, _ in self._levels]
        self._words = sorted((((w.start_s + w.end_s) / 2, w) for w in evidence.words.items), key=lambda row: row[0])  # by their middle
        classes = sorted({s.label for s in evidence.sounds.items if s.kind == "class"})
        self._heard = {c: evidence.heard(c).items for c in classes}
        if not evidence.has_sound:
            why["sound"] = NO_TRACK
            return
        lack = evidence.lack("audio_analysis")
        if lack is not None:
            why |= dict.fromkeys(("sound.loudness_lufs", "sound.silence_share", "sound.tempo_bpm", "sound.first_beat_s"), lack.reason)
        for names, channel in (
            (("sound.voice_share",), evidence.voice),
            (("sound.words",), evidence.words),
            (("sound.heard", "sound.events"), evidence.sounds),
        ):
            if channel.lack is not None:
                why |= dict.fromkeys(names, channel.lack.reason)

    def of(self, shot: Shot, why: dict[str, str]) -> SheetSound | None:
        """What is heard in a shot; None for a clip without a sound track."""
        evidence = self._evidence
        if not evidence.has_sound:
            return None
        times = (shot.start_s, shot.end_s)
        length = shot.end_s - shot.start_s
        out = SheetSound()
        if length <= 0:
            return out
        if evidence.lack("audio_analysis") is None:
            out.loudness_lufs = self._loudness(shot)
            if out.loudness_lufs is None:
                why["sound.loudness_lufs"] = "shorter than 0.4 s" if length < LOUDNESS_WINDOW_S else "silence"
            out.silence_share = self._share(evidence.silence.items, times)
            self._beat(shot, out, why)
        if evidence.voice.known:
            out.voice_share = self._share(evidence.voice.items, times)
        if evidence.words.known:
            a, b = (bisect_left(self._words, t, key=lambda row: row[0]) for t in times)
            out.words = joined((w.text, w.language) for _, w in self._words[a:b])
        if evidence.sounds.known:
            shares = {c: self._share(heard, times) for c, heard in self._heard.items()}
            out.heard = {c: share for c, share in shares.items() if share > 0}
            events = (s.label for s in evidence.sounds.items if s.kind == "event" and s.start_s < shot.end_s and s.end_s > shot.start_s)
            out.events = list(dict.fromkeys(events))[:EVENTS]
        return out

    @staticmethod
    def _share(union: Sequence[Interval], times: Interval) -> float:
        return total_s(clip_to(meeting(union, times), times)) / (times[1] - times[0])

    def _loudness(self, shot: Shot) -> float | None:
        """Energy mean of the momentary values in the shot; None for silence or a shot shorter than a window."""
        if shot.end_s - shot.start_s < LOUDNESS_WINDOW_S:
            return None
        a, b = (bisect_left(self._level_times, t) for t in (shot.start_s, shot.end_s))
        values = [v for _, v in self._levels[a:b] if v is not None]
        return 10 * math.log10(sum(10 ** (v / 10) for v in values) / len(values)) if values else None

    def _beat(self, shot: Shot, out: SheetSound, why: dict[str, str]) -> None:
        """Tempo of the stretch of pulse that shares most time with the shot, and the first beat in it."""
        pulses = [
            p
            for p in self._evidence.segments("audio_analysis", "pulse").items
            if p["start_s"] < shot.end_s and p["end_s"] > shot.start_s and p.get("tempo_bpm")
        ]
        beats = [t for t in self._evidence.beats.items if shot.start_s <= t < shot.end_s]
        if not pulses:
            why["sound.tempo_bpm"] = "no pulse is felt"
            return
        out.tempo_bpm = max(pulses, key=lambda p: min(p["end_s"], shot.end_s) - max(p["start_s"], shot.start_s))["tempo_bpm"]
        out.first_beat_s = beats[0] - shot.start_s if beats else None
