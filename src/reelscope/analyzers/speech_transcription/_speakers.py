"""Who speaks: an embedding of each phrase, and groups of phrases that sound alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reelscope.analyzers.speech_transcription._fbank import fbank
from reelscope.media.audio import MONO_RATE_HZ
from reelscope.timebase import Interval

__all__ = ["MIN_EMBED_S", "embed", "groups", "speakers_of"]

# A second of voice is the least that tells voices apart; what is shorter joins the group that it is nearest to, if it is near enough.
MIN_EMBED_S = 1.0
SHORTEST_S = 0.4
LONGEST_S = 10.0  # of a phrase that is looked at, from its middle: longer ones say nothing more
INPUT = "feats"


def speakers_of(
    phrases: Sequence[Interval], sound: Callable[[int, int], np.ndarray], session: Callable[[], Any], limit: float
) -> list[int | None]:
    """The speaker of each phrase, numbered from 0 in order of appearance; None where a phrase is too short to tell.

    Args:
        sound: Samples [first, after) at 16 kHz. session: ONNX model of features [1, frames, 80] to one embedding.
        limit: Cosine distance up to which voices are the same.
    """
    vectors = [embed(sound, session, phrase) for phrase in phrases]
    return groups(vectors, [end - start for start, end in phrases], limit)


def embed(sound: Callable[[int, int], np.ndarray], session: Callable[[], Any], phrase: Interval) -> np.ndarray | None:
    """float64 [d] of length 1; None for a phrase of less than 0.4 s."""
    start, end = phrase
    if end - start < SHORTEST_S:
        return None
    if end - start > LONGEST_S:
        middle = (start + end) / 2
        start, end = middle - LONGEST_S / 2, middle + LONGEST_S / 2
    features = fbank(sound(round(start * MONO_RATE_HZ), round(end * MONO_RATE_HZ)))
    (vector,) = np.asarray(session().run(None, {INPUT: features[None]})[0], np.float64).reshape(1, -1)
    length = float(np.linalg.norm(vector))
    return vector / length if length > 0 else None


def groups(vectors: Sequence[np.ndarray | None], lengths_s: Sequence[float], limit: float) -> list[int | None]:
    """Group unit vectors by agglomerative clustering: average linkage of cosine distances, as long as it stays within `limit`.

    Only phrases of 1 s or more make groups; then each shorter one joins the group whose mean it is nearest to, where that is within the
    limit too. Where no phrase is so long, none has a group.
    """
    long = [i for i, v in enumerate(vectors) if v is not None and lengths_s[i] >= MIN_EMBED_S]
    members: dict[int, list[int]] = {}
    if len(long) > 1:
        from scipy.cluster.hierarchy import fcluster, linkage

        merged = linkage(np.stack([np.asarray(vectors[i]) for i in long]), "average", "cosine")
        for i, label in zip(long, fcluster(merged, limit, "distance").tolist(), strict=True):
            members.setdefault(label, []).append(i)
    elif long:
        members[0] = long
    found: list[int | None] = [None] * len(vectors)
    for number, group in enumerate(members.values()):
        for i in group:
            found[i] = number
    means = [np.mean([vectors[i] for i in group], axis=0) for group in members.values()]
    means = [m / np.linalg.norm(m) for m in means]
    for i, vector in enumerate(vectors):
        if vector is not None and found[i] is None and means:
            far = [1.0 - float(vector @ m) for m in means]
            if min(far) <= limit:
                found[i] = int(np.argmin(far))
    order = {n: k for k, n in enumerate(dict.fromkeys(n for n in found if n is not None))}
    return [None if n is None else order[n] for n in found]
