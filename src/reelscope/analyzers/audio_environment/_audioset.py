"""Scores of AudioSet's sounds over time: which become events, and what they say of speech, music and noise. For every model alike.

AudioSet: Gemmeke et al., "Audio Set: an ontology and human-labeled dataset for audio events", ICASSP 2017.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reelscope.analyzers.audio_environment._result import TopEvent
from reelscope.timebase import Interval

__all__ = ["BRANCHES", "Event", "Scores", "branch", "class_scores", "events", "stretches", "top_events"]

# A sound begins where its score reaches START and lasts while it is at least GO_ON. The scores are no calibrated probabilities: YAMNet's
# authors say so of theirs. On our recordings 0.3 is where what is named is mostly right; half of it bridges the dips inside one sound.
START, GO_ON = 0.3, 0.15
TOP = 10
MOST_EVENTS = 400  # the highest scores; bounds the document: 100 bytes each

# What lies under a sound in the ontology, for those that are asked for by name. Both models list their classes depth first, so that
# music is the span from its first to its last class.
BRANCHES: dict[str, tuple[str, ...]] = {
    "Speech": (
        "Male speech, man speaking", "Female speech, woman speaking", "Child speech, kid speaking", "Conversation",
        "Narration, monologue", "Babbling", "Speech synthesizer",
    ),
    "Singing": (
        "Choir", "Yodeling", "Chant", "Mantra", "Male singing", "Female singing", "Child singing", "Synthetic singing", "Rapping",
        "Humming",
    ),
    "Dog": ("Bark", "Yip", "Howl", "Bow-wow", "Growling", "Whimper (dog)"),
    "Cat": ("Purr", "Meow", "Hiss", "Caterwaul"),
    "Vehicle horn, car horn, honking": ("Toot",),
    "Thunderstorm": ("Thunder",),
    "Alarm clock": (),
    "Telephone": ("Telephone bell ringing", "Ringtone", "Telephone dialing, DTMF", "Dial tone", "Busy signal"),
}  # fmt: skip
MUSIC = ("Music", "Scary music")
# They tell of the place and the recording, not of a sound; "Silence" is told by the level.
NO_SOUNDS = (
    "Silence", "Inside, small room", "Inside, large room or hall", "Inside, public space", "Outside, urban or manmade",
    "Outside, rural or natural", "Reverberation", "Echo", "Television", "Radio", "Field recording",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of a whole sound.

    Attributes:
        names: Of the classes, in the model's order. values: float32 [cells, classes], 0-1.
        edges_s: float64 [cells + 1]; cell i lies in [edges_s[i], edges_s[i + 1]).
    """

    names: tuple[str, ...]
    values: np.ndarray
    edges_s: np.ndarray

    def __post_init__(self) -> None:
        cells, classes = self.values.shape
        if len(self.names) != classes or len(self.edges_s) != cells + 1:
            raise ValueError(f"scores {self.values.shape} with {len(self.names)} names and {len(self.edges_s)} edges do not fit together")


@dataclass(frozen=True, slots=True)
class Event:
    """One sound from start to end; score: the largest in it."""

    label: str
    start_s: float
    end_s: float
    score: float


def branch(label: str, names: Sequence[str]) -> list[int]:
    """Places in `names` of a label and of all under it.

    Raises:
        KeyError: The table does not know what lies under it.
    """
    if label == MUSIC[0]:
        return list(range(names.index(MUSIC[0]), names.index(MUSIC[1]) + 1))
    wanted = {label, *BRANCHES[label]}
    return [i for i, name in enumerate(names) if name in wanted]


def stretches(score: np.ndarray, edges_s: np.ndarray) -> list[tuple[Interval, float]]:
    """Where float [cells] passes with hysteresis, and its largest value there."""
    out: list[tuple[Interval, float]] = []
    first: int | None = None
    for i in range(len(score) + 1):
        over = i < len(score) and score[i] >= GO_ON
        if over and first is None:
            first = i
        elif not over and first is not None:
            best = float(score[first:i].max())
            if best >= START:
                out.append(((float(edges_s[first]), float(edges_s[i])), best))
            first = None
    return out


def events(scores: Scores) -> list[Event]:
    """Sounds that were heard, by time; the MOST_EVENTS highest where there are more."""
    found = []
    for k in np.flatnonzero(scores.values.max(axis=0, initial=0.0) >= START).tolist():
        if scores.names[k] != NO_SOUNDS[0]:
            found += [Event(scores.names[k], a, b, best) for (a, b), best in stretches(scores.values[:, k], scores.edges_s)]
    found = sorted(found, key=lambda e: -e.score)[:MOST_EVENTS]
    return sorted(found, key=lambda e: (e.start_s, e.end_s, e.label))


def class_scores(scores: Scores) -> dict[str, np.ndarray]:
    """Score of speech, music and noise per cell: the largest of the branch; noise: of all that is neither, nor singing, nor a place."""
    speech, music = branch("Speech", scores.names), branch("Music", scores.names)
    known = {*speech, *music, *branch("Singing", scores.names)}
    rest = [i for i, name in enumerate(scores.names) if i not in known and name not in NO_SOUNDS]
    return {
        label: scores.values[:, places].max(axis=1) if places else np.zeros(len(scores.values), np.float32)
        for label, places in (("speech", speech), ("music", music), ("noise", rest))
    }


def top_events(scores: Scores) -> list[TopEvent]:
    """The ten sounds with the largest scores, places and silence included."""
    if not len(scores.values):
        return []
    best = scores.values.max(axis=0)
    order = np.argsort(-best, kind="stable")[:TOP]
    middle = (scores.edges_s[:-1] + scores.edges_s[1:]) / 2
    return [
        TopEvent(label=scores.names[k], score=float(best[k]), t_s=float(middle[np.argmax(scores.values[:, k])])) for k in order.tolist()
    ]
