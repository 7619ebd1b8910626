"""Where attention may go: stretches without anything new, with too much at once, in silence or black, and a hook that comes late.

Every stretch stands with its evidence; nothing is added up to a score. Thresholds, formulas and limits: docs/insights.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median
from typing import Literal

from reelscope.document.evidence import Channel, Evidence, Lack
from reelscope.document.insights import reading_load
from reelscope.document.insights._news import SILENCE_S, News, lacking_essential, news, not_looked_at
from reelscope.document.insights.base import unavailable
from reelscope.document.measures.words import joined
from reelscope.document.schema import Insight, Model, Seconds, Value
from reelscope.timebase import Interval, clip_to, meeting, merge, subtract, total_s

__all__ = ["RESULT", "Attention", "AttentionStretch", "measure"]

# Conventions, not findings: the hook is the first 3 s, so 3 s in which neither picture nor sound brings anything is a hook's length of
# nothing; a shot that stands alone while somebody speaks is given longer.
NOTHING_NEW_S = 3.0
PICTURE_UNCHANGED_S = 5.0
LATE_HOOK_S = 1.5  # half the hook
LIVELY_FW_S = 0.1  # frame widths a second: children who jump read 0.3, a talking head at medium size 0.01-0.03
BLANK_S = 0.5  # black or frozen picture; shorter ones are transitions and repeated frames
SHOWN = 4  # pieces of evidence of one kind that stand with a stretch

Kind = Literal["nothing_new", "picture_unchanged", "reading_overload", "two_messages", "silence", "black", "frozen", "late_hook"]
KINDS: tuple[Kind, ...] = (
    "nothing_new", "picture_unchanged", "reading_overload", "two_messages", "silence", "black", "frozen", "late_hook",
)  # fmt: skip


class AttentionEvidence(Model):
    """What a stretch rests on. source: an analyzer; t_s: when, null for a figure of the stretch; value: a figure, with its unit."""

    source: str
    what: str
    t_s: Seconds | None = None
    value: Value = None
    unit: str | None = None


class AttentionStretch(Model):
    """A stretch of one kind; stretches of one kind do not overlap."""

    start_s: Seconds
    end_s: Seconds
    kind: Kind
    evidence: list[AttentionEvidence] = []


class Attention(Insight):
    """Attention risks.

    Attributes:
        stretches: By start. Kinds: nothing_new: at least 3 s without voice and without anything new in picture or sound.
            picture_unchanged: at least 5 s without a cut, text, camera move, thing or gesture that comes, whatever is heard.
            reading_overload: the texts that stand cannot be read in their time (insight reading_load, load above 1).
            two_messages: somebody speaks other words than the text that stands (needs words).
            silence: at least 1 s below the level of silence. black, frozen: picture, at least 0.5 s.
            late_hook: from the start until the first voice, text, face, cut or lively motion, if that takes longer than 1.5 s.
        seconds: Of each kind that was looked for.
        longest_without_news_s: The longest time between two new things, voice being new while it goes on.
        news: How many new things there are; news_per_10_s.
        not_looked_at: Analyzers without a result that could have told of something new: stretches may be shorter than they stand here.
    """

    stretches: list[AttentionStretch] = []
    seconds: dict[str, Seconds] = {}
    longest_without_news_s: Seconds | None = None
    news: int | None = None
    news_per_10_s: Value = None
    not_looked_at: dict[str, str] = {}


RESULT = Attention


def measure(evidence: Evidence) -> Attention:
    """All kinds that can be looked for; unavailable where none can, and for slides, whose viewers set the pace."""
    if evidence.staged is not None:
        return unavailable(Attention, evidence.staged)
    found: dict[Kind, list[AttentionStretch]] = {}
    why: dict[str, str] = {}
    result = Attention()
    _news_kinds(evidence, result, found, why)
    _reading_kinds(evidence, found, why)
    _blank_kinds(evidence, found, why)
    if not found:
        return unavailable(Attention, evidence.cuts.lack or lacking_essential(evidence).lack or _nothing())
    result.not_measured = why
    result.not_looked_at = not_looked_at(evidence)
    result.stretches = sorted((s for rows in found.values() for s in rows), key=lambda s: (s.start_s, KINDS.index(s.kind)))
    result.seconds = {kind: total_s((s.start_s, s.end_s) for s in found[kind]) for kind in KINDS if kind in found}
    return result


def _nothing() -> Lack:
    return Lack("nothing was measured", "not_measured")


def _news_kinds(evidence: Evidence, result: Attention, found: dict[Kind, list[AttentionStretch]], why: dict[str, str]) -> None:
    """What needs to know all that is new."""
    lack = lacking_essential(evidence).lack
    if lack is not None:
        why |= dict.fromkeys(("nothing_new", "late_hook", "longest_without_news_s", "news", "news_per_10_s"), lack.reason)
    else:
        everything = news(evidence)
        quiet = _between(everything, evidence, evidence.voice.items)
        found["nothing_new"] = [_still(s, everything, evidence, "nothing_new") for s in quiet if s[1] - s[0] >= NOTHING_NEW_S]
        result.longest_without_news_s = max((b - a for a, b in quiet), default=0.0)
        result.news = len(everything)
        result.news_per_10_s = 10 * len(everything) / evidence.duration_s if evidence.duration_s else None
        found["late_hook"] = _late_hook(evidence)
    lack = next((channel.lack for channel in (evidence.cuts, evidence.overlays) if channel.lack is not None), None)
    if lack is not None:
        why["picture_unchanged"] = lack.reason
        return
    seen = news(evidence, picture_only=True)
    found["picture_unchanged"] = [
        _still(s, seen, evidence, "picture_unchanged") for s in _between(seen, evidence, ()) if s[1] - s[0] >= PICTURE_UNCHANGED_S
    ]


def _between(found: Sequence[News], evidence: Evidence, busy: Iterable[Interval]) -> list[Interval]:
    """Stretches between new things, outside of `busy`."""
    times = sorted({0.0, evidence.duration_s, *(n.t_s for n in found)})
    free = subtract([evidence.bounds], busy)
    return [piece for pair in pairwise(times) for piece in clip_to(meeting(free, pair), pair)]


def _still(stretch: Interval, found: Sequence[News], evidence: Evidence, kind: Kind) -> AttentionStretch:
    """A stretch between two new things, with them and with how much moves in it."""
    before = [n for n in found if n.t_s <= stretch[0]][-1:]
    after = [n for n in found if n.t_s >= stretch[1]][:1]
    rows = [AttentionEvidence(source=n.source, what=f"before: {n.what}", t_s=n.t_s) for n in before]
    rows += [AttentionEvidence(source=n.source, what=f"after: {n.what}", t_s=n.t_s) for n in after]
    series = evidence.series("camera_analysis", "local_motion").items
    moving = [v for t, v in series if v is not None and stretch[0] <= t < stretch[1]]
    if moving:
        motion = median(moving)
        rows.append(AttentionEvidence(source="camera_analysis", what="movement in the picture", value=motion, unit="frame widths/s"))
    return AttentionStretch(start_s=stretch[0], end_s=stretch[1], kind=kind, evidence=rows)


def _late_hook(evidence: Evidence) -> list[AttentionStretch]:
    """The time before the first voice, text, face, cut or lively motion."""
    firsts = [
        *(("speech_flow", "somebody speaks", a) for a, _ in evidence.voice.items[:1]),
        *(("text_overlay", f"text: {t.text}", t.start_s) for t in sorted(evidence.overlays.items, key=lambda t: t.start_s)[:1]),
        *((evidence.faces_from, "a face", a) for a, _ in evidence.face_time.items[:1]),
        *(("cut_analysis", c.kind, c.middle_s) for c in evidence.cuts.items[:1]),
        *(("camera_analysis", "something moves", t) for t in _moving(evidence)[:1]),
    ]
    until = min((t for *_, t in firsts), default=evidence.duration_s)
    if until <= LATE_HOOK_S:
        return []
    rows = [AttentionEvidence(source=source, what=f"first: {what}", t_s=t) for source, what, t in sorted(firsts, key=lambda f: f[2])]
    return [AttentionStretch(start_s=0.0, end_s=until, kind="late_hook", evidence=rows)]


def _moving(evidence: Evidence) -> list[float]:
    """When something besides the camera moves by a tenth of the frame's width a second or more, to 0.2 s."""
    rows = evidence.series("camera_analysis", "local_motion").items
    step = min((b[0] - a[0] for a, b in zip(rows, rows[1:], strict=False)), default=0.0)
    return [max(0.0, t - step / 2) for t, value in rows if value is not None and value >= LIVELY_FW_S]


def _reading_kinds(evidence: Evidence, found: dict[Kind, list[AttentionStretch]], why: dict[str, str]) -> None:
    """What the insight reading_load says of seconds that ask for too much."""
    load = reading_load.measure(evidence)
    if load.status != "ok":
        why |= dict.fromkeys(("reading_overload", "two_messages"), load.reason or load.status)
        return
    over = merge((s.start_s, s.end_s) for s in load.overloaded)
    found["reading_overload"] = [_to_read(s, load, "reading_overload") for s in over]
    if "competing_s" in load.not_measured:
        why["two_messages"] = load.not_measured["competing_s"]
        return
    two = merge((s.start_s, s.end_s) for s in load.competing)
    found["two_messages"] = [_to_read(s, load, "two_messages") for s in two]
    for row in found["two_messages"]:
        said = [(w.text, w.language) for w in evidence.words.items if w.start_s < row.end_s and w.end_s > row.start_s]
        if said:
            row.evidence.append(AttentionEvidence(source="speech_transcription", what="spoken: " + joined(said[:12])))


def _to_read(stretch: Interval, load: reading_load.ReadingLoad, kind: Kind) -> AttentionStretch:
    """A stretch with the texts that stand in it."""
    rows = [r for r in load.texts if r.start_s < stretch[1] and r.end_s > stretch[0]]
    if kind == "two_messages":
        rows = [r for r in rows if r.said_share is not None and r.said_share < reading_load.SAID_LEAST]
    shown = [
        AttentionEvidence(source="text_overlay", what=f"to read: {r.text}", t_s=r.start_s, value=r.chars_per_s, unit="characters/s")
        if kind == "reading_overload"
        else AttentionEvidence(source="text_overlay", what=f"to read: {r.text}", t_s=r.start_s, value=r.said_share, unit="share spoken")
        for r in rows[:SHOWN]
    ]
    return AttentionStretch(start_s=stretch[0], end_s=stretch[1], kind=kind, evidence=shown)


def _blank_kinds(evidence: Evidence, found: dict[Kind, list[AttentionStretch]], why: dict[str, str]) -> None:
    """Silence, and a picture that is black or frozen."""
    if not evidence.has_sound:
        why["silence"] = "the clip has no sound track"
    else:
        levels = {s["start_s"]: s.get("level_dbfs") for s in evidence.segments("audio_analysis", "silence").items}
        _blank("silence", evidence, evidence.silence, SILENCE_S, found, why, levels)
    for kind in ("black", "frozen"):
        rows = evidence.segments("content_quality", kind)
        times = Channel(tuple(merge((s["start_s"], s["end_s"]) for s in rows.items)), rows.lack)
        _blank(kind, evidence, times, BLANK_S, found, why, {})


def _blank(
    kind: Kind,
    evidence: Evidence,
    times: Channel[Interval],
    least_s: float,
    found: dict[Kind, list[AttentionStretch]],
    why: dict[str, str],
    levels: dict[float, float | None],
) -> None:
    if times.lack is not None:
        why[kind] = times.lack.reason
        return
    source = "audio_analysis" if kind == "silence" else "content_quality"
    found[kind] = [
        AttentionStretch(
            start_s=a,
            end_s=b,
            kind=kind,
            evidence=[AttentionEvidence(source=source, what=kind, value=levels.get(a), unit="dBFS" if levels.get(a) is not None else None)],
        )
        for a, b in clip_to(times.items, evidence.bounds)
        if b - a >= least_s
    ]
