"""The sound where the clip begins again: levels at both ends against what they change there anyway, music, beat and silence."""

from __future__ import annotations

import math
from statistics import median

from reelscope.document.evidence import Evidence
from reelscope.document.schema import Model, Seconds, Value

__all__ = ["LoopSound", "sound_at_the_seam"]

BLOCK_S = 0.5  # two values of each band and five of loudness: one word or one beat does not decide
NEAR_S = 2.0  # of blocks at each end, from which the usual step is taken
FLOOR_DB = -70.0  # what stands as null is below -90; the gate of loudness is -70, and below it nothing is heard on a phone
# Chosen on 160 ends composed of shared sounds: 32 of 40 that run on meet, and 2 of 120 that stop, fade to nothing, jump in level or turn
# into something else.
SAME_BANDS_DB = 6.0
USUAL_STEPS = 1.25
SAME_LOUDNESS_LU = 6.0
BEAT_TOLERANCE = 0.1  # of a beat, 50 ms at 120 bpm: what is heard as late
SAME_TEMPO = 0.04  # as far apart as two stretches of one tempo are measured
SHORTEST_S = 2 * BLOCK_S  # ends of a shorter clip would overlap

NO_TRACK = "the clip has no sound track"


class LoopSound(Model):
    """Sound.

    Attributes:
        meets: Whether levels run on: band_step_db at most band_limit_db and loudness_step_lu at most 6 either way.
        band_step_db: Root mean square over the bands of the difference of their levels in the first and last half second.
        band_limit_db: 6 dB, or 1.25 times the same difference from half second to half second at either end where that is more.
        loudness_step_lu: Last half second to first, momentary loudness.
        music_through: Whether music is heard in the whole last and first half second.
        silence_first_s: Silence right at the beginning; silence_last_s: right at the end.
        voice_first, voice_last: Whether somebody speaks in the first and the last half second.
        beat_gap: Beats from the last beat over the seam to the first one; on_beat: whether that is a whole number within a tenth.
    """

    meets: bool | None = None
    band_step_db: Value = None
    band_limit_db: Value = None
    loudness_step_lu: Value = None
    music_through: bool | None = None
    silence_first_s: Seconds | None = None
    silence_last_s: Seconds | None = None
    voice_first: bool | None = None
    voice_last: bool | None = None
    beat_gap: Value = None
    on_beat: bool | None = None


def sound_at_the_seam(evidence: Evidence, why: dict[str, str]) -> LoopSound:
    """The figures; why: takes the reasons of those that are null."""
    out = LoopSound()
    lack = evidence.lack("audio_analysis")
    if not evidence.has_sound or lack is not None:
        why["sound.meets"] = NO_TRACK if not evidence.has_sound else lack.reason if lack is not None else ""
        return out
    _levels(evidence, out, why)
    end = evidence.duration_s
    out.silence_first_s = next((b - a for a, b in evidence.silence.items if a <= BLOCK_S / 10), 0.0)
    out.silence_last_s = next((b - a for a, b in evidence.silence.items if b >= end - BLOCK_S / 10), 0.0)
    if evidence.voice.known:
        out.voice_first = any(a < BLOCK_S for a, _ in evidence.voice.items)
        out.voice_last = any(b > end - BLOCK_S for _, b in evidence.voice.items)
    music = evidence.heard("music")
    if music.lack is not None:
        why["sound.music_through"] = music.lack.reason
    else:
        out.music_through = any(a <= 0 and b >= BLOCK_S for a, b in music.items) and any(
            a <= end - BLOCK_S and b >= end for a, b in music.items
        )
    _beat(evidence, out, why)
    return out


def _levels(evidence: Evidence, out: LoopSound, why: dict[str, str]) -> None:
    end = evidence.duration_s
    series = [s["name"] for s in evidence.entry("audio_analysis").get("series", ()) if s["name"].startswith("band_")]
    if end < SHORTEST_S or not series:
        why["sound.meets"] = f"the clip is shorter than {SHORTEST_S:g} s" if end < SHORTEST_S else "audio_analysis has no levels of bands"
        return
    bands = [evidence.series("audio_analysis", name).items for name in series]

    def levels(start_s: float) -> list[float | None]:
        return [_level(band, start_s) for band in bands]

    step = _distance(levels(0.0), levels(end - BLOCK_S))
    first = _level(evidence.series("audio_analysis", "momentary_lufs").items, 0.0)
    last = _level(evidence.series("audio_analysis", "momentary_lufs").items, end - BLOCK_S)
    if step is None or first is None or last is None:
        why["sound.meets"] = "no level was measured in the first or last half second"
        return
    count = int((min(NEAR_S, end) - 2 * BLOCK_S) / (BLOCK_S / 2) + 1e-9) + 1
    shifts = [k * BLOCK_S / 2 for k in range(count)]
    starts = [_distance(levels(s), levels(s + BLOCK_S)) for s in shifts]
    ends = [_distance(levels(end - s - 2 * BLOCK_S), levels(end - s - BLOCK_S)) for s in shifts]
    usual = [median(known) for side in (starts, ends) if (known := [d for d in side if d is not None])]
    out.band_step_db = step
    out.band_limit_db = max([SAME_BANDS_DB, *(USUAL_STEPS * u for u in usual)])
    out.loudness_step_lu = first - last
    out.meets = step <= out.band_limit_db and abs(out.loudness_step_lu) <= SAME_LOUDNESS_LU


def _level(series: tuple[tuple[float, float | None], ...], start_s: float) -> float | None:
    """Level in dB of the mean energy in half a second, the floor where it is lower; None where no value lies in it."""
    values = [max(FLOOR_DB, FLOOR_DB if v is None else v) for t, v in series if start_s <= t < start_s + BLOCK_S]
    return 10 * math.log10(sum(10 ** (v / 10) for v in values) / len(values)) if values else None


def _distance(a: list[float | None], b: list[float | None]) -> float | None:
    """Root mean square of the differences; None where none is known."""
    squares = [(x - y) ** 2 for x, y in zip(a, b, strict=True) if x is not None and y is not None]
    return math.sqrt(sum(squares) / len(squares)) if squares else None


def _beat(evidence: Evidence, out: LoopSound, why: dict[str, str]) -> None:
    """How many beats lie over the seam, where the pulse is felt at both ends."""
    beats, end = evidence.beats.items, evidence.duration_s
    pulses = [s for s in evidence.segments("audio_analysis", "pulse").items if s.get("tempo_bpm")]
    first = next((p for p in pulses if p["start_s"] <= BLOCK_S), None)
    last = next((p for p in reversed(pulses) if p["end_s"] >= end - BLOCK_S), None)
    if not beats or first is None or last is None:
        why["sound.on_beat"] = "no pulse is felt at both ends"
        return
    slow, fast = sorted((first["tempo_bpm"], last["tempo_bpm"]))
    if fast - slow > SAME_TEMPO * slow:
        why["sound.on_beat"] = f"the tempo at the end is another: {last['tempo_bpm']:g} and {first['tempo_bpm']:g} bpm"
        return
    out.beat_gap = (end - beats[-1] + beats[0]) * (slow + fast) / 2 / 60
    out.on_beat = abs(out.beat_gap - round(out.beat_gap)) <= BEAT_TOLERANCE
