"""The rules of the five stages: from changes and clauses to what was found, each with its evidence, or why not.

No stage stands at a share of the clip. Shares are only limits: a turn lies after the first 15 % and before the last 10 %.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean, median

from reelscope.analyzers.temporal_flow._changes import FLOOR_LUFS, REVEALS, Change, audible, held, off_voice, sample, told_with
from reelscope.analyzers.temporal_flow._lines import Clause
from reelscope.analyzers.temporal_flow._result import Clue, FlowSegment, Stage
from reelscope.document.evidence import Evidence, Told

__all__ = ["Story", "tell"]

OPENING_S = 3.0  # what platforms count as a view's first impression; a hook is over by then
TEXT_BY_S = 1.5  # a title that comes later than half of the opening does not open the clip
VOICE_BY_S = 2.0
LOOK_BY_S, LOOK_S = 1.0, 0.5
CUT_BY_S = 1.5
BANG_LU = 6.0  # an opening sound so far above the clip's median
FAST_FW_S = 0.6  # frame widths per second: a talking head moves 0.1-0.3, children jumping on a bed 0.6-0.9
MOTION_S = 1.5
READABLE_S = 0.5
HOOK_ROLES = ("caption", "title")

JOINT_S = 0.5
TURN_FROM_SHARE, TURN_UNTIL_SHARE = 0.15, 0.90
STRONGEST = 3.0  # a figure counts three times its limit at most: nothing outweighs that two channels agree
APART_S = 1.0
EQUAL_SHARE, EQUALS = 0.9, 3  # three positions within a tenth of the best: none of them is the one turn
CALL_CLEARANCE_S = 0.75

REVEAL_WITHIN_S = 3.0
PEAK_LU = 10.0  # about twice as loud to the ear (Stevens' power law)
REVEAL_SOUNDS = ("applause", "clapping", "cheering", "laughter", "chuckle", "whoop", "gasp", "giggle", "belly laugh")
PAY_OFF_S = 3.0

RISE_LU, RISE_R, RISE_S = 6.0, 0.6, 3.0
QUICKEN_RATIO, QUICKEN_SHOTS = 1.5, 4  # four lengths fall in this order by chance once in 24 times, three once in 6
STEP_GAP_S = 15.0

CALL_GAP_S = 2.0


@dataclass
class Story:
    """What was found. why_not: the reason for each stage that was not."""

    found: dict[Stage, list[FlowSegment]] = field(default_factory=dict)
    why_not: dict[Stage, str] = field(default_factory=dict)

    def best(self, stage: Stage) -> FlowSegment | None:
        """The strongest of a stage, the later of equals."""
        rows = self.found.get(stage, [])
        return max(rows, key=lambda s: (s.strength or 0.0, s.start_s)) if rows else None


def tell(evidence: Evidence, said: Sequence[Clause], events: Sequence[Change]) -> Story:
    """The five stages. Calls come first and the hook second: what belongs to them is no turn."""
    story = Story()
    rules: tuple[tuple[Stage, Callable[..., list[FlowSegment] | str]], ...] = (
        ("call_to_action", _calls), ("hook", _hook), ("turn", _turn), ("pay_off", _pay_off), ("build_up", _build_up),
    )  # fmt: skip
    for stage, rule in rules:
        result = rule(evidence, said, events, story)
        if isinstance(result, str):
            story.why_not[stage] = result
        else:
            story.found[stage] = result
    return story


def _calls(evidence: Evidence, said: Sequence[Clause], events: Sequence[Change], story: Story) -> list[FlowSegment] | str:
    rows: list[tuple[float, float, Clue, str]] = []
    for clause in said:
        for hit in clause.find("calls"):
            start, end = clause.span(hit)
            clue = Clue(source=clause.source, t_s=start, end_s=clause.end_s, what=hit.kind, channel="words", text=clause.text)
            rows.append((start, max(end, clause.end_s), clue, hit.kind))
    if not rows:
        return _no_words("no call", said, evidence)
    rows.sort(key=lambda r: (r[0], r[1]))
    groups: list[list[tuple[float, float, Clue, str]]] = []
    for row in rows:
        if groups and row[0] - max(r[1] for r in groups[-1]) <= CALL_GAP_S:
            groups[-1].append(row)
        else:
            groups.append([row])
    return [
        _segment("call_to_action", g[0][0], max(r[1] for r in g), float(len({r[3] for r in g})), [r[2] for r in g], evidence)
        for g in groups
    ]


def _no_words(what: str, said: Sequence[Clause], evidence: Evidence) -> str:
    spoken, written = sum(c.spoken for c in said), sum(not c.spoken for c in said)
    parts = [
        f"{what} in {spoken} spoken clauses" if evidence.words.known else "what is said was not read",
        f"{what} in {written} on the screen" if evidence.overlays.known else "what is written was not read",
    ]
    return "; ".join(parts)


def _hook(evidence: Evidence, said: Sequence[Clause], events: Sequence[Change], story: Story) -> list[FlowSegment] | str:
    called = {(c.t_s, c.source) for s in story.found.get("call_to_action", []) for c in s.evidence}
    clues: list[Clue] = []
    for clause in said:
        if (clause.start_s, clause.source) in called:
            continue
        kinds = [h.kind for h in clause.find("openings")] + (["question"] if clause.asks else [])
        if clause.spoken and clause.start_s < VOICE_BY_S:
            clues += [_clause_clue(clause, f"opening_{k}") for k in dict.fromkeys(kinds)]
        elif _opens_the_clip(clause):
            clues.append(_clause_clue(clause, "opening_text"))
            clues += [_clause_clue(clause, f"opening_{k}") for k in dict.fromkeys(kinds)]
    for look in evidence.looks.items:
        if look.at_camera and look.start_s <= LOOK_BY_S and min(look.end_s, OPENING_S) - look.start_s >= LOOK_S:
            value = min(look.end_s, OPENING_S) - look.start_s
            clues.append(_clue("eye_tracking", look.start_s, "face_at_camera", "picture", look.end_s, value, "s"))
    first = next(iter(evidence.cuts.items), None)
    if first is not None and first.middle_s <= CUT_BY_S:
        clues.append(_clue("cut_analysis", first.middle_s, "early_cut", "picture"))
    motion = _motion(evidence, 0.0, MOTION_S)
    if motion is not None and motion >= FAST_FW_S:
        clues.append(_clue("camera_analysis", 0.0, "fast_motion", "picture", MOTION_S, motion, "frame widths/s"))
    clues += _bang(evidence)
    if not clues:
        return f"nothing opens the first {OPENING_S:.0f} s: {'; '.join(_no_opening(evidence)) or 'nothing of it was read'}"
    clues.sort(key=lambda c: (c.t_s, c.what))
    end = _hook_end(evidence, clues)
    return [_segment("hook", 0.0, end, float(len({c.what for c in clues})), clues, evidence)]


def _opens_the_clip(clause: Clause) -> bool:
    """Whether it is a text that can be read in the opening."""
    early = clause.start_s <= TEXT_BY_S and clause.end_s - clause.start_s >= READABLE_S
    return not clause.spoken and early and clause.role in HOOK_ROLES


def _hook_end(evidence: Evidence, clues: Sequence[Clue]) -> float:
    """The last word of what opens, else the first transition after it, at most OPENING_S."""
    limit = min(OPENING_S, evidence.duration_s)
    last = max(c.t_s for c in clues)
    words = [c.end_s for c in clues if c.what.startswith("opening_") and c.end_s is not None]
    if words:
        return min(limit, max(words))
    cuts = [c.middle_s for c in evidence.cuts.items if last + READABLE_S <= c.middle_s <= limit]
    return cuts[0] if cuts else limit


def _no_opening(evidence: Evidence) -> list[str]:
    """What was looked for in vain."""
    return [
        text
        for known, text in (
            (evidence.overlays.known, f"no text by {TEXT_BY_S} s"),
            (evidence.words.known, "no words that ask, address, count or warn"),
            (evidence.looks.known, "no face that looks at the camera"),
            (evidence.series("camera_analysis", "local_motion").known, "no fast motion"),
            (evidence.cuts.known, f"no cut by {CUT_BY_S} s"),
            (evidence.series("audio_analysis", "momentary_lufs").known, f"no sound {BANG_LU:.0f} LU above the clip's median"),
        )
        if known
    ]


def _motion(evidence: Evidence, start_s: float, end_s: float) -> float | None:
    """Mean of the camera's speed and of what moves against it; None below three measured samples."""
    both = [sample(held(evidence.series("camera_analysis", n).items), start_s, end_s) for n in ("speed", "local_motion")]
    return fmean(both[0]) + fmean(both[1]) if min(len(b) for b in both) >= 3 else None


def _bang(evidence: Evidence) -> list[Clue]:
    levels = audible(evidence)
    if not levels:
        return []
    early = [(v, t) for t, v in off_voice(evidence, levels) if t <= CUT_BY_S]
    usual = median(v for _, v in levels)
    if not early or max(early)[0] - usual < BANG_LU or max(early)[0] <= FLOOR_LUFS + BANG_LU:
        return []
    loudest, t = max(early)
    return [_clue("audio_analysis", t, "loud_opening", "sound", None, loudest - usual, "LU")]


def _turn(evidence: Evidence, said: Sequence[Clause], events: Sequence[Change], story: Story) -> list[FlowSegment] | str:
    hook = story.best("hook")
    low = max(TURN_FROM_SHARE * evidence.duration_s, hook.end_s if hook else 0.0)
    high = TURN_UNTIL_SHARE * evidence.duration_s
    turning = _narrowed([e for e in events if e.channel != "text"])
    seen: list[tuple[float, float, list[Change]]] = []
    for event in turning:
        joint = [e for e in turning if _meet(event, e)]
        t = _position(joint)
        strength = _strength(joint)
        if strength is not None and low <= t <= high and not _of_a_call(t, joint, story):
            seen.append((strength, t, joint))
    if not seen:
        return (
            f"at no time between {low:.1f} and {high:.1f} s do two of picture, sound, words and pace change together"
            if turning
            else f"nothing changes between {low:.1f} and {high:.1f} s"
        )
    best: list[tuple[float, float, list[Change]]] = []
    for row in sorted(seen, key=lambda r: (-r[0], r[1])):
        if all(abs(row[1] - b[1]) >= APART_S for b in best):
            best.append(row)
    strength, t, joint = best[0]
    equal = [b for b in best if b[0] >= EQUAL_SHARE * strength]
    if len(equal) >= EQUALS:
        times = ", ".join(f"{b[1]:.1f}" for b in sorted(equal, key=lambda b: b[1])[:8])
        return f"{len(equal)} positions are equally strong ({times} s): none of them is the one turn"
    clues = sorted((e.clue() for e in joint), key=lambda c: (c.t_s, c.what))
    end = max([t, *(e.end_s for e in joint if e.channel == "words" and e.end_s is not None)])
    return [_segment("turn", t, end, strength, clues, evidence)]


def _narrowed(events: list[Change]) -> list[Change]:
    """Words that come with a new picture belong to this one, not to the next that cuts in while they stand."""
    pictures = [e for e in events if e.channel == "picture"]
    return [
        replace(e, reach=(e.t_s, e.t_s)) if e.channel == "words" and any(abs(p.t_s - e.t_s) <= JOINT_S for p in pictures) else e
        for e in events
    ]


def _meet(a: Change, b: Change) -> bool:
    return a.reach[0] - JOINT_S <= b.reach[1] and b.reach[0] - JOINT_S <= a.reach[1]


def _position(joint: Sequence[Change]) -> float:
    """The picture's change where there is one, else the sound's, the pace's, the first word's."""
    for channel in ("picture", "sound", "pace", "words", "told"):
        times = [(e.what == "brightness_step", -e.ratio, e.t_s) for e in joint if e.channel == channel]
        if times:
            return min(times)[-1]
    return joint[0].t_s


def _strength(joint: Sequence[Change]) -> float | None:
    """Sum over channels of the largest ratio, 3 at most each; None where fewer than two channels change.

    A plain cut counts only beside words or told change: cuts meet a step of loudness too often to mean anything.
    """
    largest: dict[str, float] = {}
    for event in joint:
        largest[event.channel] = max(largest.get(event.channel, 0.0), event.ratio)
    if largest.get("picture") == 0 and ("words" in largest or "told" in largest):
        largest["picture"] = 1.0
    largest = {channel: ratio for channel, ratio in largest.items() if ratio > 0}
    return sum(min(STRONGEST, r) for r in largest.values()) if len(largest) >= 2 else None


def _of_a_call(t: float, joint: Sequence[Change], story: Story) -> bool:
    """Whether a change only brings the call: it begins with it or lies within it. Words of contrast are no call's."""
    if any(e.channel == "words" for e in joint):
        return False
    return any(s.start_s - CALL_CLEARANCE_S <= t <= s.end_s for s in story.found.get("call_to_action", []))


def _pay_off(evidence: Evidence, said: Sequence[Clause], events: Sequence[Change], story: Story) -> list[FlowSegment] | str:
    turn, call = story.best("turn"), story.best("call_to_action")
    promises = [(clause, clause.span(hit)[0]) for clause in said for hit in clause.find("promises")]
    if turn is None and not promises:
        return "nothing to pay off: neither a turn nor a promise was found"
    since = turn.start_s + APART_S if turn is not None else promises[0][1]  # the turn does not pay itself off
    clues: list[Clue] = []
    changes = [e for e in events if e.source == "cut_analysis" and e.channel == "picture"]
    for clause, _ in promises:
        reveal = next((e for e in changes if clause.end_s - JOINT_S <= e.t_s <= clause.end_s + REVEAL_WITHIN_S), None)
        if reveal is not None:
            clues.append(_clause_clue(clause, "promise", t_s=reveal.t_s, channel="picture"))
    for clause in said:
        clues += [_clause_clue(clause, "result_words", t_s=clause.span(h)[0]) for h in clause.find("results") if clause.start_s >= since]
    for sound in evidence.sounds.items:
        if sound.kind == "event" and sound.start_s >= since and any(w in sound.label.casefold() for w in REVEAL_SOUNDS):
            clues.append(_clue("audio_environment", sound.start_s, sound.label.casefold().replace(" ", "_"), "sound", sound.end_s))
    for told in told_with(evidence, REVEALS):
        if told.start_s >= since:
            clues.append(_told_clue(told))
    clues += _loudest(evidence, changes, since)
    clues = [c for c in clues if not any(s.start_s - JOINT_S <= c.t_s <= s.end_s for s in story.found.get("call_to_action", []))]
    if not clues:
        return f"after {since:.1f} s no change of picture keeps a promise, and there are no result words, applause, laughter or peak"
    groups = [(c.t_s, [d for d in clues if 0 <= d.t_s - c.t_s <= CALL_CLEARANCE_S]) for c in clues]
    t, group = max(groups, key=lambda g: (len({c.what for c in g[1]}), -g[0]))
    after = [c.middle_s for c in evidence.cuts.items if c.middle_s > t + APART_S]
    after += [call.start_s] if call is not None and call.start_s > t else []
    end = min([evidence.duration_s, t + PAY_OFF_S, *after])
    return [_segment("pay_off", t, end, float(len({c.what for c in group})), sorted(group, key=lambda c: (c.t_s, c.what)), evidence)]


def _loudest(evidence: Evidence, changes: Sequence[Change], since: float) -> list[Clue]:
    """The loudest moment of what follows `since`, voices left out, where it stands out of that and comes with a new picture."""
    levels = [(v, -t) for t, v in off_voice(evidence, audible(evidence)) if t >= since]
    if not levels:
        return []
    top, t = max(levels)
    over = top - median(v for v, _ in levels)
    near = [e for e in changes if e.t_s >= since and abs(e.t_s + t) <= CALL_CLEARANCE_S]
    return [_clue("audio_analysis", -t, "loudest_moment", "sound", None, over, "LU")] if over >= PEAK_LU and near else []


def _build_up(evidence: Evidence, said: Sequence[Clause], events: Sequence[Change], story: Story) -> list[FlowSegment] | str:
    steps = _enumeration(said)
    hook = story.best("hook")
    start = hook.end_s if hook else 0.0
    goals = [s.start_s for s in (story.best("turn"), story.best("pay_off")) if s is not None and s.start_s > start + APART_S]
    clues: list[Clue] = []
    if goals:
        clues = [*_quickening(evidence, start, min(goals)), *_rising(evidence, start, min(goals))]
    if steps:
        end = max(c.end_s or c.t_s for c in steps)
        span = (min(start, steps[0].t_s), max(min(goals), end)) if clues else (steps[0].t_s, end)
        clues = sorted([*steps, *clues], key=lambda c: (c.t_s, c.what))
    elif clues:
        span = (start, min(goals))
    else:
        return (
            "no steps are counted, and before the next stage neither cutting quickens nor loudness rises"
            if goals
            else "no steps are counted, and there is no turn and no pay-off that something could build up to"
        )
    return [_segment("build_up", *span, float(len({c.what for c in clues})), clues, evidence)]


def _enumeration(said: Sequence[Clause]) -> list[Clue]:
    """Steps counted upwards one by one (1, 2 or 1, 2, 3 ...), of one source, each later than the one before."""
    best: list[Clause] = []
    for source in ("speech_transcription", "text_overlay"):
        numbered = [(clause, step) for clause in said if clause.source == source and (step := clause.step) is not None]
        for i, (first, number) in enumerate(numbered):
            if number not in (1, 2):
                continue
            run, expected = [first], number + 1
            for clause, step in numbered[i + 1 :]:
                if step == expected and clause.start_s - run[-1].start_s > 0 and clause.start_s - run[-1].end_s <= STEP_GAP_S:
                    run.append(clause)
                    expected += 1
            if len(run) >= 2 and len(run) > len(best):
                best = run
    return [_clause_clue(c, "counted_step", value=float(c.step or 0)) for c in best]


def _quickening(evidence: Evidence, start: float, end: float) -> list[Clue]:
    """Shots that become shorter one after the other, the first 1.5 times the last."""
    lengths = [(s.start_s, s.end_s - s.start_s) for s in evidence.shots.items if s.start_s >= start - JOINT_S and s.end_s <= end + JOINT_S]
    if len(lengths) < QUICKEN_SHOTS or any(b[1] > a[1] * 1.05 for a, b in zip(lengths, lengths[1:], strict=False)):
        return []
    ratio = lengths[0][1] / lengths[-1][1]
    return [_clue("cut_analysis", lengths[0][0], "cutting_quickens", "pace", end, ratio, "x")] if ratio >= QUICKEN_RATIO else []


def _rising(evidence: Evidence, start: float, end: float) -> list[Clue]:
    """Loudness that rises by 6 LU or more along a straight line with r >= 0.6."""
    rows = [(t, v) for t, v in audible(evidence) if start <= t < end]
    if end - start < RISE_S or len(rows) < 10:
        return []
    mean_t, mean_v = fmean(t for t, _ in rows), fmean(v for _, v in rows)
    tt, vv = sum((t - mean_t) ** 2 for t, _ in rows), sum((v - mean_v) ** 2 for _, v in rows)
    tv = sum((t - mean_t) * (v - mean_v) for t, v in rows)
    if tt == 0 or vv == 0 or tv / (tt * vv) ** 0.5 < RISE_R:
        return []
    rise = tv / tt * (rows[-1][0] - rows[0][0])
    return [_clue("audio_analysis", start, "loudness_rises", "sound", end, rise, "LU")] if rise >= RISE_LU else []


def _clue(
    source: str, t_s: float, what: str, channel: str, end_s: float | None = None, value: float | None = None, unit: str | None = None
) -> Clue:
    return Clue(source=source, t_s=t_s, end_s=end_s, what=what, channel=channel, value=value, unit=unit)


def _clause_clue(clause: Clause, what: str, *, t_s: float | None = None, channel: str = "words", value: float | None = None) -> Clue:
    return Clue(
        source=clause.source, t_s=clause.start_s if t_s is None else t_s, end_s=max(clause.end_s, t_s or 0.0), what=what, channel=channel,
        text=clause.text, value=value,
    )  # fmt: skip


def _told_clue(told: Told) -> Clue:
    return Clue(source="qwen2_vl_temporal", t_s=told.start_s, end_s=told.end_s, what="told_reveal", channel="told", text=told.text)


def _segment(stage: Stage, start_s: float, end_s: float, strength: float, clues: Sequence[Clue], evidence: Evidence) -> FlowSegment:
    end = min(evidence.duration_s, max(start_s, end_s))
    return FlowSegment(stage=stage, start_s=min(start_s, end), end_s=end, strength=strength, evidence=list(clues))
