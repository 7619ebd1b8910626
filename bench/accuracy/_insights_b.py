"""Mute test, loop, attention and reshoot sheet against what was put into generated documents and clips."""

from __future__ import annotations

import json
import random
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.accuracy import _insight_clips, _loop_clips
from bench.accuracy._cut_material import load_takes
from bench.accuracy._insight_clips import Drawn, Plan
from bench.accuracy._loop_clips import PICTURES, SOUNDS
from bench.accuracy.rows import Context, Counts, Row
from reelscope.config import Settings
from reelscope.config.tree import Analysis, Placement, System
from reelscope.demo.picture import caption_boxes
from reelscope.demo.timeline import Caption
from reelscope.document.evidence import Evidence
from reelscope.document.insights import attention, loop, mute_test, reshoot
from reelscope.document.measures.words import edit_distance, tokens
from reelscope.document.names import ANALYZER_NAMES
from reelscope.pipeline import Session

__all__ = ["measure_b"]

NAME = "insights"
REPORT_SEED = 7000  # other than those on which the limits of the loop were chosen
CLIPS = 20  # of each kind of end
TRANSCRIPTS = 300
STRETCHES = 10
EXACT = 1e-9
FRAME_S = 1 / _insight_clips.FPS + 1e-6
# text_overlay looks five times a second: a text is known to come or go to a fifth of a second.
TEXT_STEP_S = 0.2 + 1e-6
SHOT_NEAR_S = 0.1


def measure_b(ctx: Context) -> list[Row]:
    """Words exact, ends and stretches planted, the sheet of the composed reel."""
    rows = _mute(30 if ctx.quick else TRANSCRIPTS)
    with Session(_settings()) as session, tempfile.TemporaryDirectory(dir=ctx.work) as folder:
        path = Path(folder) / "clip.mp4"
        rows += _stretches(session, path, 2 if ctx.quick else STRETCHES)
        if ctx.media is None:
            return [*rows, Row(NAME, "loop; reshoot sheet", note="no truth: ../shared/media is not here")]
        rows += _loop_pictures(session, path, ctx)
        rows += _loop_sounds(session, path, ctx)
        rows += _sheet(session, ctx.media / "reel-a-1080x1920.mp4")
    return rows


def _settings() -> Settings:
    return Settings(analysis=Analysis(fresh=True), placement=Placement(workers=0), system=System(keep_results=False))


# --- words on both sides ---


def _mute(count: int) -> list[Row]:
    """Transcripts and captions in which it is known which words stand on both sides."""
    errors = []
    for k in range(count):
        rng = random.Random(REPORT_SEED + k)
        vocabulary = [f"word{i}" for i in range(40)]
        rng.shuffle(vocabulary)
        both, spoken, shown = (
            vocabulary[: rng.randint(0, 8)],
            vocabulary[10 : 10 + rng.randint(0, 8)],
            vocabulary[20 : 20 + rng.randint(0, 8)],
        )
        said = [(w, True) for w in both] + [(w, False) for w in spoken]
        rng.shuffle(said)
        words = [
            {"start_s": 2.0 * i + 1, "end_s": 2.0 * i + 1.4, "text": rng.choice((w, w.upper(), f"{w},"))} for i, (w, _) in enumerate(said)
        ]
        at = {w: 2.0 * i + 1 for i, (w, _) in enumerate(said)}
        texts = []
        for w in both:
            shift = rng.choice((-0.9, 0.0, 1.2))  # within a second of the word
            texts.append({"start_s": at[w] + shift, "end_s": at[w] + shift + 0.2, "text": w, "role": "caption"})
        texts += [{"start_s": 50.0 + i, "end_s": 50.5 + i, "text": w, "role": "title"} for i, w in enumerate(shown)]
        if spoken:  # the same word, but long after it was spoken
            texts.append({"start_s": 70.0, "end_s": 71.0, "text": spoken[0], "role": "caption"})
        segments = [{"start_s": 0.0, "end_s": 60.0, "text": "", "words": words}]
        found = mute_test.measure(_document(80.0, speech_transcription={"segments": segments}, text_overlay={"segments": texts}))
        mute, blind = found.without_sound, found.without_picture
        assert mute is not None and blind is not None
        overlaid = len(both) + len(shown) + bool(spoken)
        errors.append(abs((mute.on_screen_share or 0.0) - (len(both) / len(said) if said else 0.0)))
        errors.append(abs((blind.spoken_share or 0.0) - (len(both) / overlaid if overlaid else 0.0)))
    worst = max(errors)
    note = f"{count} generated transcripts with captions of known words and times"
    return [
        Row(NAME, "mute test: shares of words, given truth: largest error", len(errors), worst, "", "<= 1e-09", worst <= EXACT, note=note)
    ]


def _document(duration_s: float, **entries: Any) -> Evidence:
    sound = {"codec": "aac", "rate_hz": 48000, "channels": 1, "layout": "mono", "start_s": 0.0, "duration_s": duration_s}
    media = {"container": "mp4", "duration_s": duration_s, "size_bytes": 1, "width_px": 1080, "height_px": 1920, "audio": sound}
    raw = {n: {"status": "ok", **entries[n]} if n in entries else {"status": "skipped", "reason": "not asked"} for n in ANALYZER_NAMES}
    return Evidence.of({"media": media, "analyzers": raw})


# --- ends ---


def _loop_pictures(session: Session, path: Path, ctx: Context) -> list[Row]:
    assert ctx.media is not None
    takes = _loop_clips.moving(load_takes(ctx.media, ctx.work / "takes"))

    def meets(kind: str, seed: int) -> bool | None:
        _loop_clips.write_picture(_loop_clips.compose_picture(kind, seed, takes), path)
        found = loop.measure(Evidence.of(session.analyze(path, only=["scene_segmentation"]).document)).picture
        return found.meets if found is not None else None

    return _ends("picture", PICTURES, meets, 3 if ctx.quick else CLIPS)


def _loop_sounds(session: Session, path: Path, ctx: Context) -> list[Row]:
    assert ctx.media is not None
    sounds = _loop_clips.load_sounds(ctx.media)

    def meets(kind: str, seed: int) -> bool | None:
        _loop_clips.write_sound(_loop_clips.compose_sound(kind, seed, sounds), path)
        found = loop.measure(Evidence.of(session.analyze(path, only=["audio_analysis"]).document)).sound
        return found.meets if found is not None else None

    return _ends("sound", SOUNDS, meets, 3 if ctx.quick else CLIPS)


def _ends(what: str, kinds: dict[str, bool], meets: Callable[[str, int], bool | None], count: int) -> list[Row]:
    """Precision and recall of `meets`, with how many of each kind came out right."""
    found = {kind: [meets(kind, REPORT_SEED + i) for i in range(count)] for kind in kinds}
    tp = sum(f is True for kind, truth in kinds.items() if truth for f in found[kind])
    fp = sum(f is True for kind, truth in kinds.items() if not truth for f in found[kind])
    fn = sum(f is not True for kind, truth in kinds.items() if truth for f in found[kind])
    right = ", ".join(f"{kind} {sum(f is truth for f in found[kind])} of {count}" for kind, truth in kinds.items())
    counts, n = Counts(tp, fp, fn), sum(map(len, found.values()))
    precision, recall = tp / (tp + fp) if tp + fp else None, tp / (tp + fn)
    met = precision is not None and precision >= 0.9
    return [
        Row(NAME, f"loop, {what}: precision of ends that meet", n, precision, "", ">= 0.9", met, counts, note=f"right: {right}"),
        Row(NAME, f"loop, {what}: recall of ends that meet", tp + fn, recall, "", counts=counts, note="generated clips, encoded"),
    ]


# --- stretches ---


def _stretches(session: Session, path: Path, count: int) -> list[Row]:
    """Cuts and captions at known times, with one stretch of nothing and one text that is too much to read."""
    borders: dict[str, list[float]] = {"nothing new": [], "reading overload": []}
    missed, extra = Counter[str](), Counter[str]()
    for k in range(count):
        made, quiet, busy = _quiet_plan(REPORT_SEED + k)
        _insight_clips.render(path, made)
        wanted = ["cut_analysis", "text_overlay", "speech_flow", "audio_analysis", "camera_analysis"]
        found = attention.measure(Evidence.of(session.analyze(path, only=wanted).document))
        for name, kind, truth in (("nothing new", "nothing_new", quiet), ("reading overload", "reading_overload", busy)):
            rows = [s for s in found.stretches if s.kind == kind]
            best = max(rows, key=lambda s: min(s.end_s, truth[1]) - max(s.start_s, truth[0]), default=None)
            if best is None or min(best.end_s, truth[1]) - max(best.start_s, truth[0]) <= 0:
                missed[name] += 1
                extra[name] += len(rows)
                continue
            extra[name] += len(rows) - 1
            borders[name] += [abs(best.start_s - truth[0]), abs(best.end_s - truth[1])]
    rows = []
    for name, limit in (("nothing new", FRAME_S), ("reading overload", TEXT_STEP_S)):
        errors = borders[name]
        note = (
            f"{count} rendered clips; {missed[name]} missed, {extra[name]} too many; median {np.median(errors):.3f} s"
            if errors
            else "all missed"
        )
        counts = Counts(count - missed[name], extra[name], missed[name])
        worst = max(errors, default=None)
        met = worst is not None and worst <= limit and not missed[name] and not extra[name]
        rows.append(
            Row(NAME, f"attention, {name}: largest error of a border", len(errors), worst, "s", f"<= {limit:.3f}", met, counts, note=note)
        )
    return rows


def _quiet_plan(seed: int) -> tuple[Plan, tuple[float, float], tuple[float, float]]:
    """A clip cut every second or so but for one stretch, and the times of that stretch and of a text that nobody can read."""
    rng = random.Random(seed)
    length = rng.choice((3.5, 4.0, 4.5, 5.5))
    start = rng.choice((2.0, 2.5, 3.0, 5.0))
    before = np.arange(1.0, start, 1.0).tolist()
    after = np.arange(start + length + 1, _insight_clips.SECONDS - 0.5, 1.0).tolist()
    cuts = sorted({*before, start, start + length, *after})
    at = round((start + length + rng.uniform(0.2, 0.6)) * _insight_clips.FPS) / _insight_clips.FPS
    caption = Caption(("seven silver windows in", "simple summer garden", "kitchen water number"), at, at + 1.4, 56, 700)
    whole, (left, top, width, height) = caption_boxes(caption)
    assert whole[0] >= 0 and whole[0] + whole[2] <= 1080
    where = left / 1080, top / 1920, width / 1080, height / 1920
    drawn = Drawn(caption, where, ((255, 255, 255), (0, 0, 0)))
    made = Plan((1080, 1920), (drawn,), tuple(cuts), tuple(k * 0.5 for k in range(1, 24)), seed)
    return made, (start, start + length), (at, at + 1.4)


# --- the sheet ---


def _sheet(session: Session, path: Path) -> list[Row]:
    """The composed reel against what it was composed of."""
    truth = json.loads(path.with_suffix(".json").read_text())
    document = session.analyze(path).document
    sheet = reshoot.measure(Evidence.of(document))
    borders = [min((abs(s.start_s - t["start_s"]) for s in sheet.shots), default=1.0) for t in truth["shots"]]
    kinds = {t["end_s"]: t["kind"] for t in truth["transitions"]}
    entered = [s.transition_in.kind for s in sheet.shots if s.transition_in is not None]
    told = [(t.text, s.start_s + t.from_s, s.start_s + t.to_s) for s in sheet.shots for t in s.texts]
    times, wrong = [], 0
    for caption in truth["captions"]:
        close = [t for t in told if edit_distance(tokens(t[0]), tokens(caption["text"])) == 0]
        wrong += not close
        if close:
            times += [abs(min(t[1] for t in close) - caption["start_s"]), abs(max(t[2] for t in close) - caption["end_s"])]
    size = len(sheet.model_dump_json(indent=1)) / len(sheet.shots)
    right = sum(a == b for a, b in zip(entered, kinds.values(), strict=False))
    same = len(sheet.shots) == len(truth["shots"])
    return [
        Row(NAME, "reshoot, reel-a: shot borders: largest error", len(borders), max(borders), "s", f"<= {SHOT_NEAR_S}",
            same and max(borders) <= SHOT_NEAR_S, note=f"{len(sheet.shots)} shots of {len(truth['shots'])}; gradual ones at their middle"),
        Row(NAME, "reshoot, reel-a: kinds of transition right", len(kinds), float(right), "", str(len(kinds)), right == len(kinds)),
        Row(NAME, "reshoot, reel-a: texts not read word for word", len(truth["captions"]), float(wrong), "", "0", wrong == 0),
        Row(NAME, "reshoot, reel-a: times of texts: largest error", len(times), max(times, default=None), "s", f"<= {TEXT_STEP_S:.3f}",
            bool(times) and max(times) <= TEXT_STEP_S, note="looked for five times a second"),
        Row(NAME, "reshoot, reel-a: size of the sheet a shot, as written", len(sheet.shots), size, "bytes", "<= 2400", size <= 2400),
    ]  # fmt: skip
