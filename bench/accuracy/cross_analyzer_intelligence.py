"""Accuracy of cross_analyzer_intelligence: claims where two channels belong together, and the same channels shuffled.

Evidence is generated (seed 5300), so its truth is known; what the analyzers read off real pixels and sound is measured by their own rows,
and for the beats here as well. Where channels have nothing to do with each other, a claim must come as often as
chance says and not more.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from bench.accuracy import _beat_clips as _clips
from bench.accuracy._cross_evidence import (
    PAIRS,
    PEACE,
    SIZE,
    Trial,
    captioned,
    captions_entry,
    claimed_by_chance,
    claims_of,
    evidence_of,
    faces_entry,
)
from bench.accuracy.rows import Context, Row
from reelscope.analyzers.cross_analyzer_intelligence import Claim
from reelscope.config import Settings
from reelscope.document.evidence import Evidence
from reelscope.document.insights.safe_zones import FACE_LIMIT, TEXT_LIMIT
from reelscope.document.measures.zones import PROFILES
from reelscope.pipeline import Session

__all__ = ["measure"]

NAME = "cross_analyzer_intelligence"
SEED = 5300
TRIALS = 400
BEAT_CLIPS = 8  # of each of three kinds


def measure(ctx: Context) -> list[Row]:
    """All rows."""
    n = TRIALS // 10 if ctx.quick else TRIALS
    rows: list[Row] = []
    for name, together, apart in PAIRS:
        rows += _rates(name, together, apart, n)
    for name, make in PEACE:
        held = [c.holds for c in _claims(name, make, n)]
        rows.append(Row(NAME, f"{name}: claimed where the two agree", len(held), sum(held) / len(held), "", "0", not any(held)))
    rows.append(_lag(n))
    rows += [_zones(n, "text_hidden"), _zones(n, "face_hidden")]
    rows += _beat_clips(ctx)
    rows.append(_reel_a(ctx))
    return rows


def _rates(name: str, together: Callable[[random.Random], Trial], apart: Callable[[random.Random], Trial], n: int) -> list[Row]:
    held = [c.holds for c in _claims(name, together, n)]
    shuffled: list[bool] = []
    chances: list[float] = []
    for k in range(n):
        evidence, chance = apart(random.Random(SEED + 1000 + k))
        for claim in claims_of(evidence, name):
            shuffled.append(claim.holds)
            chances.append(chance if chance is not None else claim.chance or 0.0)
    rate, by_chance = sum(shuffled) / len(shuffled), sum(chances) / len(chances)
    return [
        Row(NAME, f"{name}: claimed where it is so", len(held), sum(held) / len(held), "", ">= 0.95", sum(held) >= 0.95 * len(held)),
        Row(
            NAME,
            f"{name}: claimed on shuffled input",
            len(shuffled),
            rate,
            "",
            f"chance {by_chance:.3f}, at most 0.05 more",
            rate <= by_chance + 0.05,
        ),
    ]


def _claims(name: str, make: Callable[[random.Random], Trial], n: int) -> list[Claim]:
    return [c for k in range(n) for c in claims_of(make(random.Random(SEED + k))[0], name)]


def _lag(n: int) -> Row:
    """The lag told against the one that was put in."""
    worst, count = 0.0, 0
    for k in range(n):
        rng = random.Random(SEED + 2000 + k)
        lag = rng.uniform(-0.9, 0.9)
        for claim in claims_of(captioned(rng, lag_s=lag)[0], "captions_in_time"):
            worst, count = max(worst, abs((claim.figures["lag_s"] or 0.0) - lag)), count + 1
    note = "largest error; captions 0.9 s early to 0.9 s late, a fifth of their words read wrongly"
    return Row(NAME, "captions_in_time: lag of captions", count, worst, "s", "<= 0.001 s", worst <= 0.001, note=note)


# --- safe zones and a real reel ---


def _zones(n: int, claim_name: str) -> Row:
    """Texts or faces anywhere: whether a claim that one is hidden is right, by counting every fourth pixel of its box."""
    limit = TEXT_LIMIT if claim_name == "text_hidden" else FACE_LIMIT
    wrong = examined = held = 0
    for k in range(n):
        rng = random.Random(SEED + 3000 + k)
        w, h = rng.randrange(100, 700), rng.randrange(40, 200) if claim_name == "text_hidden" else rng.randrange(140, 700)
        x, y = rng.randrange(0, SIZE[0] - w), rng.randrange(0, SIZE[1] - h)
        box = (x / SIZE[0], y / SIZE[1], w / SIZE[0], h / SIZE[1])
        drawn: dict[str, Any] = {"eye_tracking": faces_entry([(1.0, 3.0)], box)}
        if claim_name == "text_hidden":
            drawn = {"text_overlay": captions_entry([(1.0, 3.0, ["text"])], box)}
        for claim in claims_of(evidence_of(**drawn), claim_name):
            outside = sum(not _inside(str(claim.subject), px + 0.5, py + 0.5) for px in range(x, x + w, 4) for py in range(y, y + h, 4))
            share = outside / (len(range(x, x + w, 4)) * len(range(y, y + h, 4)))
            if abs(share - limit) > 0.03:  # nearer to the limit, every fourth pixel does not decide
                examined, held = examined + 1, held + claim.holds
                wrong += claim.holds != (share > limit)
    note = f"boxes anywhere in the picture; {held} claims hold, counted pixels say {held - wrong} to {held + wrong}" if wrong else ""
    note = note or f"boxes anywhere in the picture; {held} of the claims hold, as many as counted pixels say"
    return Row(NAME, f"{claim_name}: claims that counted pixels contradict", examined, float(wrong), "claims", "0", wrong == 0, note=note)


def _inside(app: str, x: float, y: float) -> bool:
    """Whether a point lies in a profile's polygon (ray casting)."""
    corners = PROFILES[app].polygon
    inside = False
    for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True):
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) / (y1 - y0) * (x1 - x0):
            inside = not inside
    return inside


def _beat_clips(ctx: Context) -> list[Row]:
    """Rendered clips through cut_analysis and audio_analysis: cuts on the beats, between them, anywhere."""
    count = 2 if ctx.quick else BEAT_CLIPS
    held: dict[str, list[bool]] = {kind: [] for kind in _clips.KINDS}
    likely: list[float] = []
    unsaid = 0
    only = ["cut_analysis", "audio_analysis", NAME]
    with Session(Settings.model_validate({"analysis": {"fresh": True}})) as session:
        for n, kind in ((n, kind) for n in range(count) for kind in _clips.KINDS):
            sound = _clips.SOUNDS[n % len(_clips.SOUNDS)]
            made = _clips.make(ctx.work / f"beats-{n}-{kind}.mp4", SEED + 10 * n + len(kind), kind, sound)
            evidence = Evidence.of(session.analyze(made.path, only=only).document)
            made.path.unlink()
            claims = [bool(c["holds"]) for c in evidence.segments(NAME).items if c.get("claim") == "cut_to_beat"]
            held[kind] += claims or [False]
            unsaid += not claims
            if kind == "anywhere":
                likely.append(claimed_by_chance(evidence))
    rates = {kind: sum(rows) / len(rows) for kind, rows in held.items()}
    sounds = f"rendered clips of 20 s with 8 cuts, sounds in turn: {', '.join(_clips.SOUNDS)}; {unsaid} of {3 * count} not examined"
    chance = sum(likely) / len(likely)
    return [
        Row(NAME, "cut_to_beat on clips cut on the beat", count, rates["on"], "", ">= 0.9", rates["on"] >= 0.9, note=sounds),
        Row(NAME, "cut_to_beat on clips cut between the beats", count, rates["off"], "", "0", rates["off"] == 0),
        Row(NAME, "cut_to_beat on clips cut anywhere", count, rates["anywhere"], "", f"chance {chance:.3f}", None),
    ]


def _reel_a(ctx: Context) -> Row:
    """reel-a's speech is laid over pictures of other people: whoever is seen while it is heard is not the speaker."""
    what = "reel-a: phrases with a face that is not the speaker's, told as `may be on camera`"
    if ctx.media is None:
        return Row(NAME, what, note="../shared/media is not here")
    only = ["cut_analysis", "eye_tracking", "object_detection", "speech_flow", NAME]
    with Session(Settings.model_validate({"analysis": {"fresh": True}})) as session:
        document = session.analyze(ctx.media / "reel-a-1080x1920.mp4", only=only).document
    found = [s for s in document.analyzers[NAME].segments if getattr(s, "claim", "") == "speaker_may_be_on_camera"]
    told = sum(bool(getattr(s, "holds", False)) for s in found)
    note = "what is measured is a face, not its mouth: the claim says `may be` and cannot say more"
    return Row(NAME, what, len(found), float(told), "phrases", note=note)
