"""Evidence of which it is known what claims are so: channels that belong together, that have nothing to do with each other, that agree."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from functools import partial
from math import ceil, comb
from statistics import median
from typing import Any

from reelscope.analyzers.cross_analyzer_intelligence import Claim, analyse
from reelscope.analyzers.cross_analyzer_intelligence._captions import AROUND_S, IN_TIME_S, WITHIN_LEAST
from reelscope.analyzers.cross_analyzer_intelligence._made import turned
from reelscope.document.evidence import Evidence
from reelscope.document.measures.beats import LEAST_LIFT, LEAST_SHARE
from reelscope.document.schema import MediaInfo
from reelscope.timebase import Interval

__all__ = ["PAIRS", "PEACE", "SIZE", "Trial", "captioned", "captions_entry", "claimed_by_chance", "claims_of", "evidence_of", "faces_entry"]

DURATION_S = 30.0
SIZE = (1080, 1920)
DRAWS = 200  # for chances that have no formula
# The 40 most frequent words of English take about half of running text; captions share them by accident.
COMMON_WORDS = """
the be to of and a in that have i it for not on with he as you do at this but his by from they we say her she or an will my one all would
there their what
"""
COMMON = COMMON_WORDS.split()
RARE = [f"word{i}" for i in range(400)]

Trial = tuple[Evidence, float | None]  # and how likely the claim is by chance, where that is known beforehand


def claims_of(evidence: Evidence, name: str) -> list[Claim]:
    return [c for c in analyse(evidence).segments if c.claim == name]


def evidence_of(**entries: Any) -> Evidence:
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


def captions_entry(texts: Iterable[tuple[float, float, list[str]]], box: tuple[float, ...] = (0.2, 0.4, 0.6, 0.06)) -> dict[str, Any]:
    return {
        "segments": [
            {"start_s": a, "end_s": b, "text": " ".join(words), "role": "caption", "track_id": i, "xywh_norm": list(box)}
            for i, (a, b, words) in enumerate(texts)
        ]
    }


def captioned(rng: random.Random, *, shuffled: bool = False, lag_s: float | None = None, jitter_s: float = 0.4) -> Trial:
    """Sentences and their captions, a fifth of whose words are read wrongly, up to `jitter_s` early or late."""
    said = [(1.0 + 4.0 * i, _sentence(rng)) for i in range(7)]
    shown = [[w if rng.random() < 0.8 else rng.choice(RARE) for w in words] for _, words in said]
    if shuffled:
        shown = shown[3:] + shown[:3]
    texts = []
    for (start, words), text in zip(said, shown, strict=True):
        late = rng.uniform(-jitter_s, jitter_s) if lag_s is None else lag_s
        texts.append((start + late, start + late + 0.3 * len(words), text))
    return evidence_of(text_overlay=captions_entry(texts), speech_transcription=_talk(said)), 0.0 if shuffled else None


def _jittered(rng: random.Random, *, shuffled: bool = False) -> Trial:
    """Captions at their words; shuffled: each up to a second early or late, by itself."""
    evidence, _ = captioned(rng, jitter_s=1.0 if shuffled else 0.4)
    return evidence, _in_time_by_chance(evidence) if shuffled else None


def _in_time_by_chance(evidence: Evidence) -> float:
    """How often so many captions anywhere within a second of their words meet both parts of the rule, by drawing."""
    count = round(sum(c.figures["captions"] or 0 for c in claims_of(evidence, "captions_in_time")))
    if not count:
        return 0.0
    draw = random.Random(count)
    met = 0
    for _ in range(DRAWS):
        lags = [draw.uniform(-AROUND_S, AROUND_S) for _ in range(count)]
        met += abs(median(lags)) <= IN_TIME_S and sum(abs(x) <= IN_TIME_S for x in lags) >= WITHIN_LEAST * count
    return met / DRAWS


# --- cuts and beats ---


def _cut(rng: random.Random, *, shuffled: bool = False) -> Trial:
    """Cuts on the nearest frame to beats that are measured within 20 ms; shuffled: cuts anywhere."""
    beat_s, first = 60 / rng.uniform(80, 160), rng.uniform(0, 0.5)
    true = [first + i * beat_s for i in range(int((DURATION_S - first) / beat_s))]
    count = rng.randint(4, 12)
    at = [rng.uniform(0.5, DURATION_S - 0.5) for _ in range(count)] if shuffled else rng.sample(true[1:-1], count)
    cuts = sorted({round(t * 30) / 30 for t in at})
    beats = [t + rng.uniform(-0.02, 0.02) for t in true]
    evidence = evidence_of(
        cut_analysis={"segments": [{"start_s": t, "end_s": t, "kind": "cut"} for t in cuts]},
        audio_analysis={"series": [{"name": "beat_strength", "unit": "1", "t_s": beats, "values": [1.0] * len(beats)}]},
    )
    return evidence, claimed_by_chance(evidence) if shuffled else None


def claimed_by_chance(evidence: Evidence) -> float:
    """How likely so many of these cuts lie on a beat that the rule is met, each by itself with the chance that the claim states."""
    for claim in claims_of(evidence, "cut_to_beat"):
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


def faces_entry(spans: Iterable[Interval], box: tuple[float, ...] = (0.3, 0.3, 0.3, 0.2)) -> dict[str, Any]:
    tracks = [_track(i, "face", span) | {"points": [{"t_s": span[0], "xywh_norm": list(box)}]} for i, span in enumerate(spans)]
    return {"tracks": tracks, "segments": []}


def _talking(rng: random.Random, *, shuffled: bool = False) -> Trial:
    """A face while somebody speaks and only then; shuffled: the faces moved to another time."""
    spans = _stretches(rng, 5, 1.0, 4.0)
    faces = _moved([(a - 0.1, b + 0.1) for a, b in spans], rng, shuffled=shuffled)
    return evidence_of(speech_flow=_voice(spans), eye_tracking=faces_entry(faces)), None


def _unseen(rng: random.Random, *, shuffled: bool = False) -> Trial:
    """Faces only while nobody speaks."""
    spans = _stretches(rng, 5, 1.0, 4.0)
    edges = [0.0, *(t for span in spans for t in span), DURATION_S]
    gaps = [(a + 0.1, b - 0.1) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a > 0.4]
    return evidence_of(speech_flow=_voice(spans), eye_tracking=faces_entry(_moved(gaps, rng, shuffled=shuffled))), None


# --- contradictions ---


def _silent_speech(rng: random.Random, *, shuffled: bool = False, agree: bool = False) -> Trial:
    """The level says silence in the middle of speech."""
    spans = _stretches(rng, 4, 2.0, 4.0)
    quiet = [(b, b + 0.9) for _, b in spans] if agree else _moved([(a + 0.1, b - 0.1) for a, b in spans[:1]], rng, shuffled=shuffled)
    silence = {"segments": [{"start_s": a, "end_s": b, "kind": "silence"} for a, b in quiet]}
    return evidence_of(speech_flow=_voice(spans), audio_analysis=silence), None


def _ghost_words(rng: random.Random, *, shuffled: bool = False, agree: bool = False) -> Trial:
    """Words where nobody speaks; shuffled: the words of somebody who does, moved to another time."""
    spans = _stretches(rng, 4, 2.0, 4.0)
    said = _moved(spans, rng, shuffled=True) if shuffled else spans if agree else [(s[1] + 0.6, s[1] + 2.0) for s in spans[:1]]
    return evidence_of(speech_flow=_voice(spans), speech_transcription=_words(said)), None


def _headless(rng: random.Random, *, shuffled: bool = False, agree: bool = False) -> Trial:
    """A face where the detector sees nobody; shuffled: people at another time than the faces."""
    spans = _stretches(rng, 4, 2.0, 4.0)
    people = _moved(spans, rng, shuffled=True) if shuffled else spans if agree else spans[1:]
    tracks = [_track(i, "person", span) for i, span in enumerate(people)]
    return evidence_of(eye_tracking=faces_entry(spans), object_detection={"tracks": tracks, "summary": {"vocabulary": ["person"]}}), None


def _lost_words(rng: random.Random, *, shuffled: bool = False, agree: bool = False) -> Trial:
    """A phrase without words; shuffled: the words of all phrases, at another time."""
    spans = _stretches(rng, 4, 2.0, 4.0)
    said = _moved(spans, rng, shuffled=True) if shuffled else spans if agree else spans[1:]
    return evidence_of(speech_flow=_voice(spans), speech_transcription=_words(said)), None


def _words(spans: Iterable[Interval]) -> dict[str, Any]:
    return {"segments": [{"start_s": a, "end_s": b, "text": "x", "words": [{"start_s": a, "end_s": b, "text": "x"}]} for a, b in spans]}


def _model_speech(rng: random.Random, *, shuffled: bool = False, agree: bool = False) -> Trial:
    """A model for sounds that hears speech where no phrase is; it reaches half a second over what it hears."""
    spans = _stretches(rng, 4, 2.0, 4.0)
    heard = _moved(spans, rng, shuffled=shuffled)
    steps = [0.24 + 0.48 * i for i in range(int(DURATION_S / 0.48))]
    values = [float(any(a - 0.4 <= t < b + 0.4 for a, b in heard)) for t in steps]
    scores = {"series": [{"name": "speech_score", "unit": "0-1", "t_s": steps, "values": values}]}
    return evidence_of(speech_flow=_voice(spans if agree or shuffled else spans[1:]), audio_environment=scores), None


def _black(rng: random.Random, *, shuffled: bool = False, agree: bool = False) -> Trial:
    """A black picture in the middle of a caption."""
    texts = _stretches(rng, 4, 2.0, 4.0)
    dark = [(b + 0.05, b + 0.45) for _, b in texts] if agree else _moved([(a + 0.1, b - 0.1) for a, b in texts[:1]], rng, shuffled=shuffled)
    quality = {"segments": [{"start_s": a, "end_s": b, "kind": "black"} for a, b in dark]}
    shown = captions_entry([(a, b, ["text"]) for a, b in texts])
    return evidence_of(text_overlay=shown, eye_tracking=faces_entry([]), content_quality=quality), None


def _frozen(rng: random.Random, *, shuffled: bool = False, agree: bool = False) -> Trial:
    """A frozen picture while the camera moves."""
    moves = _stretches(rng, 4, 2.0, 4.0)
    still = (
        [(b + 0.05, b + 0.45) for _, b in moves] if agree else _moved([(a + 0.1, b - 0.1) for a, b in moves[:1]], rng, shuffled=shuffled)
    )
    steps = [i / 5 for i in range(int(DURATION_S * 5))]
    values = [0.2 * any(a <= t < b for a, b in moves) for t in steps]
    camera = {"series": [{"name": "speed", "unit": "fw/s", "t_s": steps, "values": values}], "segments": []}
    return evidence_of(
        camera_analysis=camera, content_quality={"segments": [{"start_s": a, "end_s": b, "kind": "frozen"} for a, b in still]}
    ), None


def _told(rng: random.Random, *, shuffled: bool = False, agree: bool = False) -> Trial:
    """A vision-language model that sees no text where there is one."""
    texts = _stretches(rng, 4, 2.0, 4.0)
    none = [(b + 0.05, b + 0.45) for _, b in texts] if agree else _moved(texts[:1], rng, shuffled=shuffled)
    told = {"segments": [{"start_s": a, "end_s": b, "what_happens": "A man looks up. No visible text."} for a, b in none]}
    return evidence_of(text_overlay=captions_entry([(a, b, ["text"]) for a, b in texts]), qwen2_vl_temporal=told), None


def _cut_moves(rng: random.Random, *, shuffled: bool = False, agree: bool = False) -> Trial:
    """A movement of the camera that goes on over a cut."""
    moves = _stretches(rng, 4, 1.5, 3.0)
    cuts = [t for a, b in moves for t in (a, b)] if agree else [(a + b) / 2 for a, b in moves[:1]]
    camera = {"segments": [{"start_s": a, "end_s": b, "move": "pan_left"} for a, b in moves]}
    return evidence_of(camera_analysis=camera, cut_analysis=_cuts(cuts, rng, shuffled=shuffled)), None


def _cut_writing(rng: random.Random, *, shuffled: bool = False, agree: bool = False) -> Trial:
    """Writing in the scene that stays over a cut."""
    texts = _stretches(rng, 3, 1.5, 3.0)
    cuts = [b + 0.1 for _, b in texts] if agree else [(a + b) / 2 for a, b in texts[:1]]
    shown = captions_entry([(a, b, ["exit"]) for a, b in texts])
    for segment in shown["segments"]:
        segment["role"] = "scene_text"
    return evidence_of(text_overlay=shown, cut_analysis=_cuts(cuts, rng, shuffled=shuffled)), None


def _cuts(times: Iterable[float], rng: random.Random, *, shuffled: bool) -> dict[str, Any]:
    by = rng.uniform(0, DURATION_S) if shuffled else 0.0
    moved = sorted((t + by) % DURATION_S for t in times)
    return {"segments": [{"start_s": t, "end_s": t, "kind": "cut"} for t in moved]}


# --- texts and faces ---


def _over_face(rng: random.Random, *, shuffled: bool = False, agree: bool = False) -> Trial:
    """A text over a face; agreeing: below it; shuffled: anywhere in the picture."""
    w, h = rng.uniform(0.3, 0.6), rng.uniform(0.1, 0.2)
    face = (rng.uniform(0.0, 0.7), rng.uniform(0.0, 0.3), 0.3, 0.25)
    box = (max(0.0, face[0] + 0.15 - w / 2), face[1] + 0.3 * agree, w, h)
    anywhere = [(rng.uniform(0, 1 - w), rng.uniform(0, 1 - h), w, h) for _ in range(DRAWS)] if shuffled else []
    evidence = evidence_of(
        text_overlay=captions_entry([(1.0, 3.0, ["text"])], anywhere[0] if shuffled else box), eye_tracking=faces_entry([(0.5, 4.0)], face)
    )
    hit = [_dots_covered(face, b) >= 0.25 for b in anywhere]
    return evidence, sum(hit) / len(hit) if hit else None


def _dots_covered(face: tuple[float, ...], box: tuple[float, ...]) -> float:
    """Share of a grid of 20 x 20 dots in the face that lie in the box."""
    dots = [(face[0] + face[2] * (i + 0.5) / 20, face[1] + face[3] * (j + 0.5) / 20) for i in range(20) for j in range(20)]
    return sum(box[0] <= x < box[0] + box[2] and box[1] <= y < box[1] + box[3] for x, y in dots) / len(dots)


Make = Callable[[random.Random], Trial]


def _pair(make: Callable[..., Trial]) -> tuple[Make, Make]:
    return make, lambda rng: make(rng, shuffled=True)


CLASHES: tuple[tuple[str, Callable[..., Trial]], ...] = (
    ("words_outside_voice", _ghost_words),
    ("voice_without_words", _lost_words),
    ("silence_while_speaking", _silent_speech),
    ("speech_without_voice", _model_speech),
    ("face_without_person", _headless),
    ("black_with_text_or_face", _black),
    ("frozen_while_moving", _frozen),
    ("cut_inside_move", _cut_moves),
    ("scene_text_over_cut", _cut_writing),
    ("told_no_text", _told),
)
PAIRS = (
    ("captions_are_spoken", *_pair(captioned)),
    ("captions_in_time", *_pair(_jittered)),
    ("cut_to_beat", *_pair(_cut)),
    ("speaker_may_be_on_camera", *_pair(_talking)),
    ("voice_over", *_pair(_unseen)),
    ("text_over_face", *_pair(_over_face)),
    *((name, *_pair(make)) for name, make in CLASHES),
)
# Where both analyzers say the same, but for their borders, no rule may find anything.
PEACE = (*((name, partial(make, agree=True)) for name, make in (*CLASHES, ("text_over_face", _over_face))),)
