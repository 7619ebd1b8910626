"""What changes when: every step of another analyzer's measurement that a story can turn on, as a list of changes in order of time.

A change carries its channel and `ratio`, measured / limit, so that different figures can be laid beside each other.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from reelscope.analyzers.temporal_flow._lines import Clause
from reelscope.analyzers.temporal_flow._result import Clue
from reelscope.document.evidence import Evidence, Told
from reelscope.document.measures.words import tokens
from reelscope.timebase import Interval, merge

__all__ = ["REVEALS", "Change", "audible", "changes", "held", "off_voice", "sample", "told_with", "voiced"]

Series = Sequence[tuple[float, float]]

FLOOR_LUFS = -50.0  # nobody hears what lies below on a phone; digital silence, which has no loudness, counts as this
STEP_LU = 6.0  # twice the loudness range within which programmes are levelled (EBU R 128 s1 allows +-3 LU around the mean)
SIDE_S = 2.0  # levels are compared over so long on either side: longer than a breath, shorter than a shot
CLEAR_VALUES = 8  # beside the voice, at ten values a second: fewer are the fading end of a phrase
SIDE_VALUES = 3  # of any series on a side
VOICE_GUARD_S = 0.25  # and so far over a phrase, whose edges are found to 0.1 s or so
GUARD_S = 0.2  # the 400 ms of a momentary loudness reach so far over the moment itself
BRIGHTNESS_STEP = 0.15  # OKLab lightness: more than an exposure's drift (0.03-0.08 in the shared footage), less than a light that goes off
QUIET_VOICE_S = 2.5  # a voice that was away so long comes back as something new; pauses between sentences are shorter
QUIET_MUSIC_S = 1.5
HELD_S = 1.0  # and what begins must go on so long
SILENCE_S = 0.5  # shorter holes are rests of music and stops of consonants
PACE_SHOTS = 3  # shots on either side whose median length is compared
PACE_RATIO = 2.0
TURNS = ("sudden", "suddenly", "unexpectedly", "surprisingly", "transforms", "transformed")  # not "transitions": so every cut is told
REVEALS = (
    "reveals", "revealing", "revealed", "celebrates", "celebrating", "cheers", "cheering", "applauds", "applauding", "laughs", "laughing",
)  # fmt: skip
DENIALS = ("no", "not", "never", "nothing", "without", "nor")


@dataclass(frozen=True, slots=True)
class Change:
    """A change.

    Attributes:
        channel: picture, sound, words, text, pace or told.
        ratio: Measured / limit; 0 for what alone is no change of the clip's course: a plain cut, a voice or a text that
            comes.
        reach: When it can meet others: a clause is still being said when the picture cuts.
    """

    t_s: float
    channel: str
    source: str
    what: str
    ratio: float = 1.0
    end_s: float | None = None
    value: float | None = None
    unit: str | None = None
    text: str | None = None
    reach: Interval = (0.0, 0.0)

    def clue(self) -> Clue:
        """As it stands in the document."""
        return Clue(
            source=self.source, t_s=self.t_s, what=self.what, channel=self.channel, end_s=self.end_s, text=self.text, value=self.value,
            unit=self.unit,
        )  # fmt: skip


def changes(evidence: Evidence, said: Sequence[Clause]) -> list[Change]:
    """All of them."""
    out = [*_picture(evidence), *_pace(evidence), *_sound(evidence), *_words(said), *_texts(evidence), *_told(evidence)]
    return sorted(out, key=lambda c: (c.t_s, c.channel, c.what))


def held(series: Sequence[tuple[float, float | None]]) -> list[tuple[float, float]]:
    """Only what was measured."""
    return [(t, v) for t, v in series if v is not None]


def audible(evidence: Evidence) -> list[tuple[float, float]]:
    """Momentary loudness, not below FLOOR_LUFS; empty where it was not measured."""
    found = evidence.series("audio_analysis", "momentary_lufs")
    return [(t, FLOOR_LUFS if v is None else max(FLOOR_LUFS, v)) for t, v in found.items]


def voiced(evidence: Evidence) -> list[float]:
    """Starts and ends, in turn, of the times whose momentary loudness hears a voice."""
    return [edge for span in merge(((a - VOICE_GUARD_S, b + VOICE_GUARD_S) for a, b in evidence.voice.items)) for edge in span]


def off_voice(evidence: Evidence, series: Series) -> list[tuple[float, float]]:
    """Of a loudness: where nobody speaks."""
    edges = voiced(evidence)
    return [(t, v) for t, v in series if not _covers(edges, t)]


def sample(series: Series, start_s: float, end_s: float) -> list[float]:
    """Values within `[start_s, end_s)`."""
    return [v for _, v in _part(series, start_s, end_s)]


def _picture(evidence: Evidence) -> list[Change]:
    out: list[Change] = []
    scenes = _scenes(evidence)
    for cut in evidence.cuts.items:
        new_scene = next((found for found in scenes if cut.start_s - 0.1 <= found[0] <= cut.end_s + 0.1), None)
        what, end = f"{'jump_cut' if cut.jump_cut else cut.kind}", cut.end_s if cut.end_s > cut.start_s else None
        reach = (cut.start_s, cut.end_s)
        out.append(Change(cut.middle_s, "picture", "cut_analysis", what, 0.0, end, reach=reach))
        if new_scene is not None:
            distance, limit = new_scene[1:]
            out.append(
                Change(
                    cut.middle_s, "picture", "scene_segmentation", "new_scene", distance / limit, None, distance, "distance", reach=reach
                )
            )
    light = held(evidence.series("color_analysis", "brightness").items)
    out += _steps(light, BRIGHTNESS_STEP, "picture", "color_analysis", "brightness_step", "OKLab", side_s=1.0)
    return out


def _scenes(evidence: Evidence) -> list[tuple[float, float, float]]:
    """Boundaries of scenes: time, distance over it, limit that parts scenes."""
    limit = evidence.summary("scene_segmentation").get("threshold")
    rows = evidence.segments("scene_segmentation").items
    out = []
    for row in rows:
        distance = (row.get("to_next") or {}).get("distance")
        if distance is not None and limit:
            out.append((row["end_s"], distance, limit))
    return out


def _steps(
    series: Series, limit: float, channel: str, source: str, what: str, unit: str, *, side_s: float, voiced: Sequence[float] = ()
) -> list[Change]:
    """Where the median after differs from the median before by `limit` or more: the largest step within `side_s`."""
    found = []
    for t, _ in series:
        step = _step(series, t, side_s, GUARD_S, voiced)
        if step is not None and abs(step) >= limit:
            found.append((t, step))
    out: list[Change] = []
    taken: set[int] = set()  # stretches of side_s that have their step
    for t, step in sorted(found, key=lambda p: -abs(p[1])):
        here = int(t / side_s)
        if not taken & {here - 1, here, here + 1}:
            taken.add(here)
            # medians stay at their level as long as half of the window does: the step lies in the middle of those equally large
            level = [u for u, other in found if abs(u - t) < side_s and abs(other - step) <= 0.05 * abs(step)]
            t = _steepest(series, min(level), max(level))
            out.append(Change(t, channel, source, what, abs(step) / limit, None, step, unit, reach=(t, t)))
    return out


def _step(series: Series, t: float, side_s: float, guard_s: float, voiced: Sequence[float]) -> float | None:
    """Median after minus median before; None below three values on a side.

    What lies under the voice is compared with what lies beside it only where both sides are full of voice: that somebody begins to speak
    is no step of the sound.
    """
    sides = [(t - guard_s - side_s, t - guard_s), (t + guard_s, t + guard_s + side_s)]
    clear = [[v for u, v in _part(series, *side) if not _covers(voiced, u)] for side in sides]
    if voiced and min(len(c) for c in clear) < CLEAR_VALUES:
        if any(len(c) >= CLEAR_VALUES for c in clear):
            return None
        clear = [sample(series, *side) for side in sides]
    return median(clear[1]) - median(clear[0]) if min(len(c) for c in clear) >= SIDE_VALUES else None


def _covers(edges: Sequence[float], t: float) -> bool:
    """Whether `t` lies within one of the intervals whose starts and ends stand in turn in `edges`."""
    return bisect_right(edges, t) % 2 == 1


def _part(series: Series, start_s: float, end_s: float) -> Series:
    return series[bisect_left(series, start_s, key=_time) : bisect_left(series, end_s, key=_time)]


def _time(point: tuple[float, float]) -> float:
    return point[0]


def _steepest(series: Series, start_s: float, end_s: float) -> float:
    """Between two values: where the series moves most within 0.3 s."""
    low = bisect_left(series, start_s - 0.5, key=lambda p: p[0])
    part = series[low : bisect_left(series, end_s + 0.5, key=lambda p: p[0]) + 1]
    moves = [(abs(part[i + 3][1] - part[i][1]), (part[i][0] + part[i + 3][0]) / 2) for i in range(len(part) - 3)]
    return max(moves, key=lambda m: (m[0], -m[1]))[1] if moves else start_s


def _sound(evidence: Evidence) -> list[Change]:
    out = _steps(audible(evidence), STEP_LU, "sound", "audio_analysis", "loudness_step", "LU", side_s=SIDE_S, voiced=voiced(evidence))
    for start, end in evidence.silence.items:
        if end - start >= SILENCE_S and start > 0 and end < evidence.duration_s - HELD_S:
            out.append(Change(start, "sound", "audio_analysis", "silence_begins", 1.0, end, end - start, "s", reach=(start, start)))
            out.append(Change(end, "sound", "audio_analysis", "silence_ends", 1.0, None, end - start, "s", reach=(end, end)))
    out += _on_off(evidence, evidence.heard("music").items, "audio_environment", "music", QUIET_MUSIC_S, 1.0)
    return out + _on_off(evidence, evidence.voice.items, "speech_flow", "voice", QUIET_VOICE_S, 0.0)


def _on_off(evidence: Evidence, spans: Sequence[Interval], source: str, name: str, quiet_s: float, ratio: float) -> list[Change]:
    """Beginnings after and ends before a time without it of `quiet_s`, of what lasts HELD_S."""
    out, end_s = [], evidence.duration_s
    rows = [s for s in merge(spans, quiet_s) if s[1] - s[0] >= HELD_S]
    for i, (start, end) in enumerate(rows):
        before = start - (rows[i - 1][1] if i else 0.0)
        after = (rows[i + 1][0] if i + 1 < len(rows) else end_s) - end
        if before >= quiet_s:
            out.append(Change(start, "sound", source, f"{name}_begins", ratio, None, before, "s", reach=(start, start)))
        if after >= quiet_s:
            out.append(Change(end, "sound", source, f"{name}_ends", ratio, None, after, "s", reach=(end, end)))
    return out


def _pace(evidence: Evidence) -> list[Change]:
    """Transitions around which shots become twice as short or long: medians of up to three shots on either side, two at least.

    The two shots that meet there must lie on their own side of the middle between the medians: the next cuts have such medians too.
    """
    lengths = [s.end_s - s.start_s for s in evidence.shots.items]
    out = []
    for i in range(2, len(lengths) - 1):
        a, b = median(lengths[max(0, i - PACE_SHOTS) : i]), median(lengths[i : i + PACE_SHOTS])
        if min(a, b) <= 0 or max(a, b) / min(a, b) < PACE_RATIO:
            continue
        middle = (a + b) / 2
        if (lengths[i - 1] > middle) == (a > b) and (lengths[i] > middle) == (b > a):
            t, what = evidence.shots.items[i].start_s, "faster_cutting" if b < a else "slower_cutting"
            ratio = max(a, b) / min(a, b) / PACE_RATIO
            out.append(Change(t, "pace", "cut_analysis", what, ratio, None, a / b, "x", reach=(t, t)))
    return out


CLAUSE_S = 2.5  # a picture that cuts later than this after the first word no longer belongs to it


def _words(said: Sequence[Clause]) -> list[Change]:
    out = []
    for clause in said:
        hits = clause.find("contrasts")
        if hits:
            what, ratio = ("contrast", 2.0) if hits[0].kind == "strong" else ("mild_contrast", 1.0)
            start, _ = clause.span(hits[0])
            reach = (start, min(clause.end_s, start + CLAUSE_S))
            out.append(Change(start, "words", clause.source, what, ratio, clause.end_s, text=clause.text, reach=reach))
    return out


def _texts(evidence: Evidence) -> list[Change]:
    return [
        Change(t.start_s, "text", "text_overlay", "text_appears", 0.0, t.end_s, text=t.text, reach=(t.start_s, t.start_s))
        for t in evidence.overlays.items
        if t.start_s > 0
    ]


def _told(evidence: Evidence) -> list[Change]:
    """Segments of which the vision-language model says that something turns; its times are those of its segments."""
    return [
        Change(t.start_s, "told", "qwen2_vl_temporal", "told_change", 1.0, t.end_s, text=t.text, reach=(t.start_s, t.end_s))
        for t in told_with(evidence, TURNS)
    ]


def told_with(evidence: Evidence, which: Sequence[str]) -> list[Told]:
    """Segments told with one of the words, unless one of the two words before denies it. English only, as the model answers by default."""
    out = []
    for told in evidence.told.items:
        words = tokens(told.text)
        if any(w in which and not set(words[max(0, i - 2) : i]) & set(DENIALS) for i, w in enumerate(words)):
            out.append(told)
    return out
