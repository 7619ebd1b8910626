"""Arousal of speech_emotion on recordings of which one utterance is spoken otherwise, among others of the same speaker.

A case is one utterance of a clip made of 4 to 8 utterances of a recording. It is measured as it was recorded, and again with only this
utterance changed: livelier and faster and louder together, louder alone, resynthesised alone, duller and slower. The others stay the
same to the sample. LEAST_SPREAD, SOFT_Z and MIN_MARGIN_DB of the analyzer are round figures chosen on these recordings; no others are here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bench.accuracy import _speech
from bench.accuracy._resynthesis import respoken
from bench.accuracy.rows import Context, Row
from bench.accuracy.speech_flow import Tools
from reelscope.analyzers.speech_emotion import MIN_MARGIN_DB, SpeechEmotionSegment, judge
from reelscope.analyzers.speech_emotion._prosody import read_utterances

__all__ = ["measure"]

NAME = "speech_emotion"
SEED = 4242
RATE_HZ = _speech.RATE_HZ
# Recording, from and until in seconds: one voice each.
VOICES: tuple[tuple[str, float, float | None], ...] = (
    ("speech-en-jfk.flac", 0.0, 10.6),
    ("speech-en-librispeech-198-209-0000.ogg", 0.0, None),
    ("speech-en-de-licence-text.mp3", 0.0, 29.5),
    ("speech-en-de-licence-text.mp3", 30.5, None),
    ("speech-ru-sadtalker.wav", 0.0, None),
    ("talking-woman-flag-512.mp4", 0.0, None),
    ("obama-statement-lower-third.mp4", 0.0, None),
)
HARVARD = ("speech-en-harvard-dog.wav", "speech-en-harvard-air.wav")  # two sentences of one voice
UTTERANCE_S, MIN_PIECE_S = (1.7, 1.25, 1.1), 0.05
LEAST, MOST = 4, 8  # utterances of a voice: three others to compare with
GAP_S = 1.1  # more than the 0.7 s that part utterances
TONE_DB = -45.0  # of the noise in the gaps, beside the speech
GAIN_DB = 6.0
DRAWS = 2  # of range and rate for each utterance
TOLERANCE = 0.1  # of a scale of -1 to 1: what gain alone may change; documented
JAZZ_DB = 15.0


@dataclass(frozen=True, slots=True)
class Change:
    """What is done to the utterance. `lively`: pitch range and rate are drawn anew for each case, +1 up, -1 down, 0 as they are."""

    name: str
    lively: int
    gain_db: float


UP = Change("range x1.3-1.6, rate x1.15-1.25, gain +6 dB", 1, GAIN_DB)
LOUDER, SOFTER = Change("gain +6 dB alone", 0, GAIN_DB), Change("gain -6 dB alone", 0, -GAIN_DB)
SAME = Change("resynthesis alone", 0, 0.0)
DOWN = Change("range x0.6-0.75, rate x0.8-0.87, gain -6 dB", -1, -GAIN_DB)


def measure(ctx: Context) -> list[Row]:
    """All rows."""
    if ctx.media is None:
        return [Row(NAME, "arousal of changed utterances", note="no shared media here")]
    tools = Tools(ctx.work)
    rng = np.random.default_rng(SEED)
    voices = _voices(ctx)
    jazz = _speech.read_mono16k(ctx.media / "music-jazz-vibe-ace.ogg")
    rows = []
    for ground in (None, jazz):
        found = _cases(ctx, tools, voices, ground, rng)
        rows += _rows(found, "" if ground is None else f", jazz {JAZZ_DB:.0f} dB below")
    return [*rows, _scatter(tools, voices)]


def _voices(ctx: Context) -> list[list[np.ndarray]]:
    """Of each voice its utterances, float32 [n] at 16 kHz; at least 4, at most 8."""
    assert ctx.media is not None
    parts = []
    for name, start, end in VOICES[: 2 if ctx.quick else None]:
        sound = _speech.read_mono16k(ctx.media / name)[round(start * RATE_HZ) : None if end is None else round(end * RATE_HZ)]
        parts.append(_utterances([sound]))
    parts.append(_utterances([_speech.read_mono16k(ctx.media / name) for name in HARVARD]))
    return [part[:MOST] for part in parts if len(part) >= LEAST]


def _utterances(sounds: list[np.ndarray]) -> list[np.ndarray]:
    """Neighbouring pieces of speech, parted by pauses of 0.05 s or more, until they are long enough; shorter ones from short recordings."""
    out: list[np.ndarray] = []
    for least_s in UTTERANCE_S:
        out = []
        for sound in sounds:
            start = None
            for a, b in _speech.dry_phrases(sound, MIN_PIECE_S):
                start = a if start is None else start
                if b - start >= least_s:
                    out.append(sound[max(0, round((start - 0.05) * RATE_HZ)) : round((b + 0.05) * RATE_HZ)])
                    start = None
        if len(out) >= LEAST:
            break
    return out


def _clip(utterances: list[np.ndarray], level: float, ground: np.ndarray | None = None, seed: int = 7) -> tuple[np.ndarray, list[float]]:
    """Utterances in a row with gaps between them, and the middle of each in seconds; what lies below follows `level`, not their gain."""
    gap = np.zeros(round(GAP_S * RATE_HZ), np.float32)
    parts, middles, at = [gap], [], GAP_S
    for u in utterances:
        middles.append(at + len(u) / RATE_HZ / 2)
        parts += [u, gap]
        at += len(u) / RATE_HZ + GAP_S
    clip = np.concatenate(parts)
    clip = clip + np.random.default_rng(seed).normal(0, level * 10 ** (TONE_DB / 20), len(clip)).astype(np.float32)
    if ground is not None:
        below = np.resize(np.roll(ground, -seed * RATE_HZ), len(clip))
        clip += below * (level / np.sqrt(np.mean(np.square(below))) * 10 ** (-JAZZ_DB / 20))
    return (clip * 0.2).astype(np.float32), middles  # room for the gain


def _level(utterances: list[np.ndarray]) -> float:
    return float(np.sqrt(np.mean(np.square(np.concatenate(utterances)))))


def _arousal(tools: Tools, clip: np.ndarray, middle_s: float) -> SpeechEmotionSegment | None:
    result = judge(read_utterances(tools.analyse(clip), MIN_MARGIN_DB))
    return next((s for s in result.segments if s.start_s <= middle_s < s.end_s), None)


def _cases(
    ctx: Context, tools: Tools, voices: list[list[np.ndarray]], ground: np.ndarray | None, rng: np.random.Generator
) -> dict[Change, list[tuple[float, float | None]]]:
    """Arousal before and after, by change; cases without an arousal before are left out under the key of none."""
    out: dict[Change, list[tuple[float, float | None]]] = {c: [] for c in (UP, LOUDER, SOFTER, SAME, DOWN)}
    unmeasured = 0
    for utterances in voices:
        loudest = max(float(np.abs(u).max()) for u in utterances)
        utterances = [u / loudest for u in utterances]
        level = _level(utterances)
        plain, middles = _clip(utterances, level, ground)
        for i, u in enumerate(utterances):
            before = _arousal(tools, plain, middles[i])
            if before is None or before.arousal is None:
                unmeasured += 1
                continue
            for change in (c for c in out for _ in range(DRAWS if c.lively else 1)):
                if change.lively > 0:
                    how = {"pitch_range": rng.uniform(1.3, 1.6), "rate": rng.uniform(1.15, 1.25)}
                else:
                    how = {"pitch_range": rng.uniform(0.6, 0.75), "rate": rng.uniform(0.8, 0.87)} if change.lively else {}
                made = u if change in (LOUDER, SOFTER) else respoken(u, tools.flow._pitch, **how)
                changed = [*utterances[:i], made * np.float32(10 ** (change.gain_db / 20)), *utterances[i + 1 :]]
                clip, moved = _clip(changed, level, ground)
                after = _arousal(tools, clip, moved[i])
                out[change].append((before.arousal, None if after is None else after.arousal))
    out[Change("unmeasured", 0, 0.0)] = [(0.0, None)] * unmeasured
    return out


def _share(values: Iterable[bool]) -> float:
    values = list(values)
    return sum(values) / len(values) if values else 0.0


def _rows(found: dict[Change, list[tuple[float, float | None]]], where: str) -> list[Row]:
    """Steps of arousal by change; a case without an arousal afterwards is a miss where a rise is asked for, else no trial."""
    steps = {c: [b - a for a, b in cases if b is not None] for c, cases in found.items()}
    lost = {c: len(cases) - len(steps[c]) for c, cases in found.items()}
    unmeasured = next(n for c, n in lost.items() if c.name == "unmeasured")
    total = len(found[UP])
    up = sum(d > 0 for d in steps[UP]) / max(1, total)
    note = f"median rise {_median(steps[UP]):.2f}; by more than {TOLERANCE}: {sum(d > TOLERANCE for d in steps[UP])} of {total}"
    note += f"; without an arousal afterwards, counted as missed: {lost[UP]}; utterances without one as recorded, no cases: {unmeasured}"
    rows = [Row(NAME, f"arousal rises: {UP.name}{where}", total, up, "share", ">= 0.95", up >= 0.95, note=note)]
    for change in (LOUDER, SOFTER, SAME):
        sizes = [abs(d) for d in steps[change]]
        rises = _share(d > TOLERANCE for d in steps[change])
        note = f"size of the change: median {_median(sizes):.3f}, largest {max(sizes, default=0.0):.2f}; {_null(lost[change])}"
        goal = {"goal": "0", "met": rises == 0} if change is not SAME else {}
        rows.append(
            Row(NAME, f"arousal rises by more than {TOLERANCE}: {change.name}{where}", len(sizes), rises, "share", note=note, **goal)
        )
    falls = _share(d < 0 for d in steps[DOWN])
    note = f"median change {_median(steps[DOWN]):.2f}; {_null(lost[DOWN])}"
    return [*rows, Row(NAME, f"arousal falls: {DOWN.name}{where}", len(steps[DOWN]), falls, "share", note=note)]


def _null(count: int) -> str:
    return f"null afterwards, since it is too near to what sounds beside it: {count}"


def _median(values: list[float]) -> float:
    return float(np.median(values)) if values else 0.0


def _scatter(tools: Tools, voices: list[list[np.ndarray]]) -> Row:
    """How far the utterances of one calm voice scatter: what LEAST_SPREAD stands beside."""
    told = []
    for name in ("pitch_level", "pitch_range", "syllable_rate"):
        spreads = []
        for utterances in voices:
            clip, _ = _clip(utterances, _level(utterances))
            values = [u.figures[name] for u in read_utterances(tools.analyse(clip), MIN_MARGIN_DB) if name in u.figures]
            spreads.append(1.4826 * float(np.median(np.abs(np.array(values) - np.median(values)))))
        told.append(f"{name} {np.median(spreads):.2f} ({min(spreads):.2f}-{max(spreads):.2f})")
    return Row(NAME, "scatter of a voice's utterances (1.4826 MAD): median and range over voices", len(voices), note="; ".join(told))
