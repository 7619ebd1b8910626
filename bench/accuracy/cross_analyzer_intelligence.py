"""Accuracy of cross_analyzer_intelligence: claims where two channels belong together, and the same channels shuffled.

Evidence is generated (seed 5300), so its truth is known; what the analyzers read off real pixels and sound is measured by their own rows
(cuts on the beat of rendered clips: rows of `insights`). Where channels have nothing to do with each other, a claim must come as often as
chance says and not more.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from math import ceil, comb
from typing import Any

from bench.accuracy.rows import Context, Row
from reelscope.analyzers.cross_analyzer_intelligence import Claim, analyse
from reelscope.analyzers.cross_analyzer_intelligence._made import turned
from reelscope.config import Settings
from reelscope.document.evidence import Evidence
from reelscope.document.measures.beats import LEAST_LIFT, LEAST_SHARE
from reelscope.document.measures.zones import PROFILES
from reelscope.document.schema import MediaInfo
from reelscope.pipeline import Session
from reelscope.timebase import Interval

__all__ = ["measure"]

NAME = "cross_analyzer_intelligence"
SEED = 5300
TRIALS = 400
DURATION_S = 30.0
SIZE = (1080, 1920)
# The 40 most frequent words of English take about half of running text; captions share them by accident.
COMMON_WORDS = """
the be to of and a in that have i it for not on with he as you do at this but his by from they we say her she or an will my one all would
there their what
"""
COMMON = COMMON_WORDS.split()
RARE = [f"word{i}" for i in range(400)]

Trial = tuple[Evidence, float | None]  # and how likely the claim is by chance, where that is known beforehand


def measure(ctx: Context) -> list[Row]:
    """All rows."""
    n = TRIALS // 10 if ctx.quick else TRIALS
    rows: list[Row] = []
    for name, together, apart in PAIRS:
        rows += _rates(name, together, apart, n)
    rows.append(_lag(n))
    rows.append(_zones(n))
    rows.append(_reel_a(ctx))
    return rows


def _rates(name: str, together: Callable[[random.Random], Trial], apart: Callable[[random.Random], Trial], n: int) -> list[Row]:
    held = [c.holds for c in _claims(name, together, n)]
    shuffled: list[bool] = []
    chances: list[float] = []
    for k in range(n):
        evidence, chance = apart(random.Random(SEED + 1000 + k))
        for claim in _of(evidence, name):
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
    return [c for k in range(n) for c in _of(make(random.Random(SEED + k))[0], name)]


def _of(evidence: Evidence, name: str) -> list[Claim]:
    return [c for c in analyse(evidence).segments if c.claim == name]


def _evidence(**entries: Any) -> Evidence:
    media = MediaInfo.model_validate(
        {"container": "mp4", "duration_s": DURATION_S, "size_bytes": 1, "width_px": SIZE[0], "height_px": SIZE[1]}
    )
    return Evidence(media, entries)


# --- captions and words ---


def _sentence(rng: random.Random) -> list[str]:
    return [rng.choice(COMMON) if rng.random() < 0.5 else rng.choice(RARE) for _ in range(rng.randint(3, 8))]


def _talk(sentences: Iterable[tuple[float, list[str]]]) -> dict[str, Any]:
    segments = []
    for start, words in sentences:
        rows = [{"start_s": start + 0.3 * i, "end_s": start + 0.3 * i + 0.25, "text": w, "confidence": None} for i, w in enumerate(words)]
        segments.append({"start_s": start, "end_s": rows[-1]["end_s"], "text": " ".join(words), "words": rows})
    return {"segments": segments}


def _captions(texts: Iterable[tuple[float, float, list[str]]], box: tuple[float, ...] = (0.2, 0.4, 0.6, 0.06)) -> dict[str, Any]:
    return {
        "segments": [
            {"start_s": a, "end_s": b, "text": " ".join(words), "role": "caption", "track_id": i, "xywh_norm": list(box)}
            for i, (a, b, words) in enumerate(texts)
        ]
    }


def _captioned(rng: random.Random, *, shuffled: bool = False, lag_s: float | None = None) -> Trial:
    """Sentences and their captions, a fifth of whose words are read wrongly, up to 0.4 s early or late."""
    said = [(1.0 + 4.0 * i, _sentence(rng)) for i in range(7)]
    shown = [[w if rng.random() < 0.8 else rng.choice(RARE) for w in words] for _, words in said]
    if shuffled:
        shown = shown[3:] + shown[:3]
    texts = []
    for (start, words), text in zip(said, shown, strict=True):
        late = rng.uniform(-0.4, 0.4) if lag_s is None else lag_s
        texts.append((start + late, start + late + 0.3 * len(words), text))
    return _evidence(text_overlay=_captions(texts), speech_transcription=_talk(said)), 0.0 if shuffled else None


def _lag(n: int) -> Row:
    """The lag told against the one that was put in."""
    worst, count = 0.0, 0
    for k in range(n):
        rng = random.Random(SEED + 2000 + k)
        lag = rng.uniform(-0.9, 0.9)
        for claim in _of(_captioned(rng, lag_s=lag)[0], "captions_in_time"):
            worst, count = max(worst, abs((claim.figures["lag_s"] or 0.0) - lag)), count + 1
    note = "largest error; captions 0.9 s early to 0.9 s late, a fifth of their words read wrongly"
    return Row(NAME, "captions_in_time: lag of captions", count, worst, "s", "<= 0.001 s", worst <= 0.001, note=note)


# --- cuts and beats ---


def _cut(rng: random.Random, *, shuffled: bool = False) -> Trial:
    """Cuts on the nearest frame to beats that are measured within 20 ms; shuffled: cuts anywhere."""
    beat_s, first = 60 / rng.uniform(80, 160), rng.uniform(0, 0.5)
    true = [first + i * beat_s for i in range(int((DURATION_S - first) / beat_s))]
    count = rng.randint(4, 12)
    at = [rng.uniform(0.5, DURATION_S - 0.5) for _ in range(count)] if shuffled else rng.sample(true[1:-1], count)
    cuts = sorted({round(t * 30) / 30 for t in at})
    beats = [t + rng.uniform(-0.02, 0.02) for t in true]
    evidence = _evidence(
        cut_analysis={"segments": [{"start_s": t, "end_s": t, "kind": "cut"} for t in cuts]},
        audio_analysis={"series": [{"name": "beat_strength", "unit": "1", "t_s": beats, "values": [1.0] * len(beats)}]},
    )
    return evidence, _claimed_by_chance(evidence) if shuffled else None


def _claimed_by_chance(evidence: Evidence) -> float:
    """How likely so many of these cuts lie on a beat that the rule is met, each by itself with the chance that the claim states."""
    for claim in _of(evidence, "cut_to_beat"):
        n, p = round(claim.figures["cuts"] or 0), claim.chance or 0.0
        least = ceil(max(LEAST_SHARE, LEAST_LIFT * p) * n - 1e-9)
        return sum(comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(least, n + 1))
    return 0.0


# --- voice and faces ---


def _stretches(rng: random.Random, count: int, least_s: float, most_s: float) -> list[Interval]:
    """Stretches that do not touch, one in each part of the clip."""
    part = DURATION_S / count
    out = []
    for i in range(count):
        length = rng.uniform(least_s, most_s)
        start = rng.uniform(i * part + 0.5, (i + 1) * part - length - 0.5)
        out.append((start, start + length))
    return out


def _voice(spans: Iterable[Interval]) -> dict[str, Any]:
    return {"segments": [{"start_s": a, "end_s": b, "kind": "speech", "utterance": i} for i, (a, b) in enumerate(spans)]}


def _track(track_id: int, label: str, span: Interval) -> dict[str, Any]:
    return {"track_id": track_id, "start_s": span[0], "end_s": span[1], "label": label, "points": []}


def _moved(spans: list[Interval], rng: random.Random, *, shuffled: bool) -> list[Interval]:
    """The stretches as they are, or all of them at another time."""
    return turned(spans, DURATION_S, rng.uniform(0, DURATION_S)) if shuffled else spans


def _faces(spans: Iterable[Interval]) -> dict[str, Any]:
    box = [0.3, 0.3, 0.3, 0.2]
    tracks = [_track(i, "face", span) | {"points": [{"t_s": span[0], "xywh_norm": box}]} for i, span in enumerate(spans)]
    return {"tracks": tracks, "segments": []}


def _talking(rng: random.Random, *, shuffled: bool = False) -> Trial:
    """A face while somebody speaks and only then; shuffled: the faces moved to another time."""
    spans = _stretches(rng, 5, 1.0, 4.0)
    faces = _moved([(a - 0.1, b + 0.1) for a, b in spans], rng, shuffled=shuffled)
    return _evidence(speech_flow=_voice(spans), eye_tracking=_faces(faces)), None


def _unseen(rng: random.Random, *, shuffled: bool = False) -> Trial:
    """Faces only while nobody speaks."""
    spans = _stretches(rng, 5, 1.0, 4.0)
    edges = [0.0, *(t for span in spans for t in span), DURATION_S]
    gaps = [(a + 0.1, b - 0.1) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a > 0.4]
    return _evidence(speech_flow=_voice(spans), eye_tracking=_faces(_moved(gaps, rng, shuffled=shuffled))), None


# --- contradictions ---


def _silent_speech(rng: random.Random, *, shuffled: bool = False) -> Trial:
    """The level says silence in the middle of speech."""
    spans = _stretches(rng, 4, 2.0, 4.0)
    quiet = _moved([(a + 0.1, b - 0.1) for a, b in spans[:1]], rng, shuffled=shuffled)
    silence = {"segments": [{"start_s": a, "end_s": b, "kind": "silence"} for a, b in quiet]}
    return _evidence(speech_flow=_voice(spans), audio_analysis=silence), None


def _ghost_words(rng: random.Random, *, shuffled: bool = False) -> Trial:
    """Words where nobody speaks; shuffled: the words of somebody who does, moved to another time."""
    spans = _stretches(rng, 4, 2.0, 4.0)
    said = _moved(spans, rng, shuffled=True) if shuffled else [(s[1] + 0.6, s[1] + 2.0) for s in spans[:1]]
    words = {"segments": [{"start_s": a, "end_s": b, "text": "x", "words": [{"start_s": a, "end_s": b, "text": "x"}]} for a, b in said]}
    return _evidence(speech_flow=_voice(spans), speech_transcription=words), None


def _headless(rng: random.Random, *, shuffled: bool = False) -> Trial:
    """A face where the detector sees nobody; shuffled: people at another time than the faces."""
    spans = _stretches(rng, 4, 2.0, 4.0)
    people = _moved(spans, rng, shuffled=True) if shuffled else spans[1:]
    tracks = [_track(i, "person", span) for i, span in enumerate(people)]
    return _evidence(eye_tracking=_faces(spans), object_detection={"tracks": tracks, "summary": {"vocabulary": ["person"]}}), None


Make = Callable[[random.Random], Trial]


def _pair(make: Callable[..., Trial]) -> tuple[Make, Make]:
    return make, lambda rng: make(rng, shuffled=True)


PAIRS = (
    ("captions_are_spoken", *_pair(_captioned)),
    ("cut_to_beat", *_pair(_cut)),
    ("speaker_may_be_on_camera", *_pair(_talking)),
    ("voice_over", *_pair(_unseen)),
    ("silence_while_speaking", *_pair(_silent_speech)),
    ("words_outside_voice", *_pair(_ghost_words)),
    ("face_without_person", *_pair(_headless)),
)


# --- safe zones and a real reel ---


def _zones(n: int) -> Row:
    """Texts anywhere: whether a claim that one is hidden is right, by counting whole pixels of its box."""
    wrong = 0
    for k in range(n):
        rng = random.Random(SEED + 3000 + k)
        w, h = rng.randrange(100, 700), rng.randrange(40, 200)
        x, y = rng.randrange(0, SIZE[0] - w), rng.randrange(0, SIZE[1] - h)
        box = (x / SIZE[0], y / SIZE[1], w / SIZE[0], h / SIZE[1])
        for claim in _of(_evidence(text_overlay=_captions([(1.0, 3.0, ["text"])], box)), "text_hidden"):
            outside = sum(not _inside(str(claim.subject), px + 0.5, py + 0.5) for px in range(x, x + w, 4) for py in range(y, y + h, 4))
            count = len(range(x, x + w, 4)) * len(range(y, y + h, 4))
            if abs(outside / count - 0.05) > 0.03:  # nearer to the limit, every fourth pixel does not decide
                wrong += claim.holds != (outside / count > 0.05)
    return Row(NAME, "text_hidden: claims that counted pixels contradict", 3 * n, float(wrong), "claims", "0", wrong == 0)


def _inside(app: str, x: float, y: float) -> bool:
    """Whether a point lies in a profile's polygon (ray casting)."""
    corners = PROFILES[app].polygon
    inside = False
    for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True):
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) / (y1 - y0) * (x1 - x0):
            inside = not inside
    return inside


def _reel_a(ctx: Context) -> Row:
    """reel-a's speech is laid over pictures of other people: whoever is seen while it is heard is not the speaker."""
    what = "reel-a: utterances with a face that is not the speaker's, told as `may be on camera`"
    if ctx.media is None:
        return Row(NAME, what, note="../shared/media is not here")
    only = ["cut_analysis", "eye_tracking", "object_detection", "speech_flow", NAME]
    with Session(Settings.model_validate({"analysis": {"fresh": True}})) as session:
        document = session.analyze(ctx.media / "reel-a-1080x1920.mp4", only=only).document
    found = [s for s in document.analyzers[NAME].segments if getattr(s, "claim", "") == "speaker_may_be_on_camera"]
    told = sum(bool(getattr(s, "holds", False)) for s in found)
    note = "what is measured is a face, not its mouth: the claim says `may be` and cannot say more"
    return Row(NAME, what, len(found), float(told), "utterances", note=note)
