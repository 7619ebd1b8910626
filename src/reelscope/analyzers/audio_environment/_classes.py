"""What is heard when, several at once: silence by level, speech by voice activity, music as found, noise as what is left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from reelscope.timebase import Interval, clip_to, intersect, merge, subtract, total_s

__all__ = ["CLASSES", "Label", "heard"]

Label = Literal["speech", "music", "noise", "silence"]
CLASSES: tuple[Label, ...] = ("speech", "music", "noise", "silence")

REST_S = 1.0  # music goes on over a shorter silence: a rest, a staccato
LEAST_NOISE_S = 0.3  # as the shortest silence: a bark is 0.3 s long, what is shorter between phrases is the end of a word
VOICE_TAIL_S = 0.1  # beside a phrase: its reverberation
CARRIED_S = 6.0  # noise or music before and after phrases is taken to go on under them for so long: longer ones hide too much


def heard(
    duration_s: float, *, phrases: Iterable[Interval], music: Iterable[Interval], silences: Iterable[Interval], zeros: Iterable[Interval]
) -> Mapping[Label, list[Interval]]:
    """Stretches of each class in [0, duration_s).

    Args:
        phrases: Where somebody speaks. music: Where there is music.
        silences: Where the level says silence; zeros: those of them in which every sample is zero.
    """
    whole = (0.0, duration_s)
    silence, zero = clip_to(silences, whole), clip_to(zeros, whole)
    speech = subtract(clip_to(phrases, whole), zero)
    long = [s for s in silence if s[1] - s[0] >= REST_S]
    voices = merge((a - VOICE_TAIL_S, b + VOICE_TAIL_S) for a, b in speech)
    tune = subtract(_carried(clip_to(music, whole), voices), merge([*long, *zero]))
    return {"speech": speech, "music": tune, "noise": _noise(whole, voices, tune, silence), "silence": silence}


def _noise(whole: Interval, voices: Sequence[Interval], music: Sequence[Interval], silence: Sequence[Interval]) -> list[Interval]:
    """What is heard and is neither speech nor music; carried on under speech that it surrounds."""
    left = subtract(subtract(subtract([whole], silence), music), voices)
    pieces = [i for i in left if i[1] - i[0] >= LEAST_NOISE_S - 1e-9]
    others = merge([*music, *silence])
    return subtract(_carried(pieces, subtract(voices, others)), others)  # a gap too short to part pieces is still no noise


def _carried(pieces: Sequence[Interval], cover: Sequence[Interval]) -> list[Interval]:
    """Pieces, those joined whose gap is covered (but for a tenth of a second) and no longer than CARRIED_S."""
    out: list[Interval] = []
    for piece in pieces:
        gap = (out[-1][1], piece[0]) if out else (0.0, 0.0)
        open_s = gap[1] - gap[0] - total_s(intersect([gap], cover))
        if out and gap[1] - gap[0] <= CARRIED_S and open_s <= VOICE_TAIL_S:
            out[-1] = (out[-1][0], piece[1])
        else:
            out.append(piece)
    return out
