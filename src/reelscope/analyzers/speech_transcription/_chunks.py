"""Which stretches of sound the model hears at once. Pure functions.

Whisper hears 30 s at a time. A chunk is a stretch of the clip as it is, pauses included, so that a time in it is a time of the clip less
one constant. Phrases are packed in their order:

1. A pause of more than 3 s parts chunks, as does a phrase that would make the chunk longer than 29.6 s.
2. In the second case the chunk ends at its longest pause in its second half, if it has one; the phrases behind it go to the next chunk.
3. Only a phrase that is longer than a chunk itself is cut, where a voice is least probable between its 20th and its last possible second.
4. Each chunk gets 0.2 s more at both ends, at most half of the way to the next phrase.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reelscope.timebase import Interval

__all__ = ["CHUNK_S", "Chunk", "chunks_of"]

CHUNK_S = 30.0  # what the model takes
MARGIN_S = 0.2  # the voice detector starts up to 0.1 s late, and a word that starts with the sound is misheard
MAX_SPEECH_S = CHUNK_S - 2 * MARGIN_S
MAX_PAUSE_S = 3.0  # a longer gap is no pause in speaking (as in speech_flow); Whisper fills long music with text
CUT_FROM_S = 20.0  # of a phrase that is too long: pieces stay long enough to make sense

VoiceAt = Callable[[float, float], float | None]  # mean probability of a voice in [start, end), None where nothing was measured
STEP_S = 0.064  # two frames of the voice detector


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of the clip. start_s, end_s: what is heard; phrases: the voice in it."""

    start_s: float
    end_s: float
    phrases: tuple[Interval, ...]

    @property
    def voice_s(self) -> float:
        """Seconds of voice."""
        return sum(end - start for start, end in self.phrases)


def chunks_of(phrases: Sequence[Interval], duration_s: float, voice: VoiceAt = lambda start, end: None) -> list[Chunk]:
    """Pack the phrases of the voice detector, in order, into chunks; `voice` tells where a phrase of more than a chunk is cut."""
    packed: list[list[Interval]] = []
    for phrase in _pieces(phrases, voice):
        if not packed or phrase[0] - packed[-1][-1][1] > MAX_PAUSE_S:
            packed.append([phrase])
            continue
        last = packed[-1]
        if phrase[1] - last[0][0] > MAX_SPEECH_S:
            rest = _split(last)
            packed.append([*rest, phrase])
            if phrase[1] - packed[-1][0][0] > MAX_SPEECH_S:  # what was to go along is too long with it
                packed[-1:] = [rest, [phrase]]
        else:
            last.append(phrase)
    if not packed:
        return []
    before = [None, *(p[-1][1] for p in packed[:-1])]
    after = [*(p[0][0] for p in packed[1:]), None]
    return [_chunk(p, b, a, duration_s) for p, b, a in zip(packed, before, after, strict=True)]


def _split(phrases: list[Interval]) -> list[Interval]:
    """Take the phrases behind the longest pause in the second half away from a full chunk; none where it has no pause there."""
    half = phrases[0][0] + MAX_SPEECH_S / 2
    gaps = [(b[0] - a[1], i) for i, (a, b) in enumerate(zip(phrases, phrases[1:], strict=False), 1) if a[1] >= half]
    if not gaps:
        return []
    at = max(gaps)[1]
    rest = phrases[at:]
    del phrases[at:]
    return rest


def _pieces(phrases: Sequence[Interval], voice: VoiceAt) -> list[Interval]:
    """Phrases, those that are too long in pieces that follow each other without a gap."""
    out: list[Interval] = []
    for start, end in phrases:
        while end - start > MAX_SPEECH_S:
            steps = int((MAX_SPEECH_S - CUT_FROM_S) / STEP_S)
            places = [start + CUT_FROM_S + i * STEP_S for i in range(steps)]
            cut = min(places, key=lambda t: (p if (p := voice(t - STEP_S / 2, t + STEP_S / 2)) is not None else 1.0, -t))
            out.append((start, cut))
            start = cut
        out.append((start, end))
    return out


def _chunk(phrases: list[Interval], before: float | None, after: float | None, duration_s: float) -> Chunk:
    start, end = phrases[0][0], phrases[-1][1]
    head = MARGIN_S if before is None else min(MARGIN_S, (start - before) / 2)
    tail = MARGIN_S if after is None else min(MARGIN_S, (after - end) / 2)
    return Chunk(max(0.0, start - head), min(duration_s, end + tail), tuple(phrases))
