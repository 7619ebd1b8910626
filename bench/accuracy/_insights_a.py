"""Hook, safe zones, reading load and pacing against what was put into generated documents and clips.

Two kinds of rows: the arithmetic alone, on documents whose boxes and times are given (truth: counted pixels, exact fractions), and the
whole way from rendered pixels, which carries the errors of the boxes, times and words that the analyzers read.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from bench.accuracy import _insight_clips
from bench.accuracy._insight_clips import Drawn, Plan
from bench.accuracy.rows import Context, Row
from reelscope.config import Settings
from reelscope.document.evidence import Evidence
from reelscope.document.insights import hook, pacing, reading_load, safe_zones
from reelscope.document.measures.zones import PROFILES, hidden_share
from reelscope.document.names import ANALYZER_NAMES
from reelscope.document.schema import MediaInfo
from reelscope.pipeline import Session

__all__ = ["measure_a"]

NAME = "insights"
SEED = 4100
DOCUMENTS, CLIPS = 300, 6
# Sizes at which whole pixels of the picture are whole pixels of the frame: the truth is counted on those.
SIZES = ((1080, 1920), (540, 960), (360, 640), (1080, 1350), (1080, 1080), (540, 540))
EXACT = 1e-9
FRAME_S = 1 / _insight_clips.FPS + 1e-6
PIXEL_SHARE = 0.02  # a pixel or two of a caption's box
Box = tuple[int, int, int, int]


def measure_a(ctx: Context) -> list[Row]:
    """Arithmetic on given truth, then rendered clips."""
    return [*_arithmetic(30 if ctx.quick else DOCUMENTS), *_rendered(ctx)]


# --- arithmetic on given boxes and times ---


def _arithmetic(count: int) -> list[Row]:
    errors: dict[str, list[float]] = {}
    for k in range(count):
        rng = random.Random(SEED + k)
        for name, error in (*_zone_errors(rng), *_reading_errors(rng), *_pacing_errors(rng), *_beat_errors(rng), *_hook_errors(rng)):
            errors.setdefault(name, []).append(error)
    note = f"{count} generated documents with given boxes and times; truth: counted pixels, exact fractions"
    return [_row(f"{name}, given truth", e, EXACT, note=note) for name, e in errors.items()]


def _row(what: str, errors: Sequence[float], limit: float, *, unit: str = "", goal: str = "", note: str = "") -> Row:
    """The largest of some errors against what it may be at most."""
    worst = max(errors)
    return Row(NAME, f"{what}: largest error", len(errors), worst, unit, goal or f"<= {limit:g}", worst <= limit, note=note)


def _document(duration_s: float, size: tuple[int, int], **entries: Any) -> Evidence:
    """Evidence of plain JSON, in which numbers are as they were put in."""
    media = {"container": "mp4", "duration_s": duration_s, "size_bytes": 1, "width_px": size[0], "height_px": size[1]}
    raw = {n: {"status": "ok", **entries[n]} if n in entries else {"status": "skipped", "reason": "not asked"} for n in ANALYZER_NAMES}
    return Evidence.of({"media": MediaInfo.model_validate(media).model_dump(), "analyzers": raw})


@cache
def _outside(name: str) -> np.ndarray:
    """Pixels of the frame outside a profile's safe area, summed from the top left: int64 [1921, 1081]."""
    mask = np.ones((1920, 1080), np.int64)
    if name == "tiktok":
        mask[240:840, 120:960] = mask[840:1260, 120:780] = 0
    elif name == "reels":
        mask[269 : 1920 - 672, 65 : 1080 - 65] = 0
    else:
        mask[288 : 1920 - 672, 48 : 1080 - 192] = 0
    return np.pad(mask.cumsum(0).cumsum(1), ((1, 0), (1, 0)))


def _counted(name: str, box: Box, size: tuple[int, int]) -> Fraction:
    """Share of a box of whole pixels that is hidden, by counting."""
    scale = 1080 // size[0]
    top = (1920 - size[1] * scale) // 2
    x, y, w, h = (v * scale for v in box)
    table, y = _outside(name), y + top
    hidden = table[y + h, x + w] - table[y, x + w] - table[y + h, x] + table[y, x]
    return Fraction(int(hidden), w * h)


def _box(rng: random.Random, size: tuple[int, int]) -> Box:
    w, h = rng.randint(size[0] // 20, size[0] // 2), rng.randint(size[1] // 60, size[1] // 6)
    return rng.randint(0, size[0] - w), rng.randint(0, size[1] - h), w, h


def _zone_errors(rng: random.Random) -> list[tuple[str, float]]:
    """Of one text with a path of one to six boxes."""
    size = rng.choice(SIZES)
    boxes = [_box(rng, size) for _ in range(rng.randint(1, 6))]
    edges = sorted(rng.sample(range(1, 200), len(boxes) + 1))  # in twentieths of a second
    points = [{"t_s": t / 20, "xywh_norm": _norm(b, size)} for t, b in zip(edges, boxes, strict=False)]
    start, end = edges[0] / 20, edges[-1] / 20
    text = {"start_s": start, "end_s": end, "text": "a", "role": "caption", "track_id": 0, "xywh_norm": _norm(boxes[0], size)}
    track = {"track_id": 0, "start_s": start, "end_s": end, "points": points}
    found = safe_zones.measure(_document(10.0, size, text_overlay={"segments": [text], "tracks": [track]}))
    assert found.texts is not None
    out = []
    for name, zone in found.texts[0].zones.items():
        shares = [_counted(name, b, size) for b in boxes]
        lengths = [b - a for a, b in zip(edges, edges[1:], strict=False)]
        mean = sum(n * s for n, s in zip(lengths, shares, strict=True)) / sum(lengths)
        seconds = Fraction(sum(n for n, s in zip(lengths, shares, strict=True) if s > Fraction(1, 20)), 20)
        out += [("hidden share", abs(_f(zone.share) - float(mean))), ("hidden seconds", abs(zone.hidden_s - float(seconds)))]
        if zone.nearest_xy_norm is not None:
            there = tuple(_f(v) for v in zone.nearest_xy_norm)
            out.append(
                ("share hidden at the nearest safe position", hidden_share(PROFILES[name], (*there, *_norm(boxes[0], size)[2:]), *size))
            )
    return out


def _norm(box: Box, size: tuple[int, int]) -> tuple[float, float, float, float]:
    return box[0] / size[0], box[1] / size[1], box[2] / size[0], box[3] / size[1]


def _f(value: float | None) -> float:
    assert value is not None
    return float(value)


def _reading_errors(rng: random.Random) -> list[tuple[str, float]]:
    """Of up to five captions in a row, with voice over some of them. Times in thousandths of a second."""
    at, rows, texts = 0, [], []
    for _ in range(rng.randint(1, 5)):
        start = at + rng.randint(0, 900)
        end = start + rng.randint(200, 3000)
        texts.append((start, end, rng.randint(1, 60)))
        rows.append({"start_s": start / 1000, "end_s": end / 1000, "text": "x" * texts[-1][2], "role": "caption"})
        at = end
    voice = sorted(rng.sample(range(at + 1000), 4))
    said = [{"kind": "speech", "start_s": a / 1000, "end_s": b / 1000} for a, b in (voice[:2], voice[2:])]
    found = reading_load.measure(_document(20.0, (1080, 1920), text_overlay={"segments": rows}, speech_flow={"segments": said}))
    out = []
    for row, (start, end, characters) in zip(found.texts, texts, strict=True):
        rate, spare = Fraction(characters * 1000, end - start), Fraction(end - start, 1000) - Fraction(characters, 17)
        pace = "comfortable" if rate <= 17 else "fast" if rate <= 20 else "too_fast"
        out += [
            ("characters per second", abs(_f(row.chars_per_s) - float(rate))),
            ("reading time to spare", abs(row.spare_s - float(spare))),
            ("texts with another pace", float(row.pace != pace)),
        ]
    shown = {t for a, b, _ in texts for t in range(a, b)}
    spoken = {t for a, b in (voice[:2], voice[2:]) for t in range(a, b)}
    out.append(("seconds of text over speech", abs(_f(found.over_speech_s) - len(shown & spoken) / 1000)))
    return out


def _pacing_errors(rng: random.Random) -> list[tuple[str, float]]:
    """Of a clip of thirty seconds with cuts on frames."""
    cuts = sorted(rng.sample(range(1, 900), rng.randint(0, 30)))
    rows = [{"kind": "cut", "start_s": c / 30, "end_s": c / 30} for c in cuts]
    found = pacing.measure(_document(30.0, (1080, 1920), cut_analysis={"segments": rows}))
    lengths = np.diff([0, *cuts, 900]) / 30
    assert found.lengths is not None and found.rate is not None
    sizes = found.lengths
    told = [sizes.min_s, sizes.q1_s, sizes.median_s, sizes.q3_s, sizes.max_s, sizes.mean_s]
    truth = [*np.quantile(lengths, (0, 0.25, 0.5, 0.75, 1)), lengths.mean()]
    counts = [12 * sum(15 * k <= c < 15 * k + 150 for c in cuts) for k in range(len(found.rate.t_s))]
    return [
        ("shot lengths", float(np.abs(np.subtract(told, truth)).max())),
        ("cuts per minute over time", float(np.abs(np.subtract(found.rate.per_minute, counts)).max())),
    ]


def _beat_errors(rng: random.Random) -> list[tuple[str, float]]:
    """Of a steady pulse and cuts on thousandths of a second; the truth is counted by looking at every thousandth."""
    beat, first = rng.randint(240, 1100), rng.randint(300, 900)
    beats = range(first, 30_000 - 1200, beat)
    window = min(Fraction(70), Fraction(beat, 4))
    on = [rng.choice(beats) + rng.randint(-60, 60) for _ in range(rng.randint(0, 12))]
    cuts = sorted({*on, *rng.sample(range(1, 30_000), rng.randint(0, 12))})
    sound = {"series": [{"name": "beat_strength", "t_s": [b / 1000 for b in beats], "values": [1.0] * len(beats)}], "summary": {}}
    rows = [{"kind": "cut", "start_s": c / 1000, "end_s": c / 1000} for c in cuts]
    found = pacing.measure(_document(30.0, (1080, 1920), cut_analysis={"segments": rows}, audio_analysis=sound)).beats
    assert found is not None
    inside = [c for c in cuts if beats[0] - Fraction(beat, 2) <= c < beats[-1] + Fraction(beat, 2)]
    hits = sum(min(abs(c - b) for b in beats) <= window for c in inside)
    chance = 2 * window / beat
    holds = len(inside) >= 3 and Fraction(hits, len(inside)) >= max(Fraction(1, 2), 2 * chance)
    return [
        ("cuts on the beat (count)", float(abs(found.on_beat - hits) + abs(found.cuts - len(inside)))),
        ("chance of a cut on the beat", abs(_f(found.chance) - float(chance))),
        ("clips told otherwise than cut to the beat or not", float(found.cut_to_beat != holds)),
    ]


def _hook_errors(rng: random.Random) -> list[tuple[str, float]]:
    """Voice and text of the first three seconds."""
    edges = sorted(rng.sample(range(600), 4))
    said = [{"kind": "speech", "start_s": a / 100, "end_s": b / 100} for a, b in (edges[:2], edges[2:])]
    found = hook.measure(_document(10.0, (1080, 1920), speech_flow={"segments": said}))
    inside = sum(a <= t < b for t in range(300) for a, b in (edges[:2], edges[2:]))
    return [("voice in the hook", max(abs(_f(found.voice_share) - inside / 300), abs(_f(found.first_voice_s) - edges[0] / 100)))]


# --- from rendered pixels ---


def _rendered(ctx: Context) -> list[Row]:
    plans = [_insight_clips.plan(SEED + k, ((1080, 1920), (1080, 1350))[k % 2]) for k in range(2 if ctx.quick else CLIPS)]
    drawn: list[tuple[Drawn, Any, Any, Plan]] = []
    missed = extra = 0
    cut_errors: list[float] = []
    beat_errors: list[float] = []
    with Session(Settings()) as session, tempfile.TemporaryDirectory(dir=ctx.work) as folder:
        for made in plans:
            path = Path(folder) / f"{made.seed}.mp4"
            _insight_clips.render(path, made)
            document = session.analyze(path, only=["text_overlay", "cut_analysis", "audio_analysis"]).document
            path.unlink()
            evidence = Evidence.of(document)
            zones, load = safe_zones.measure(evidence), reading_load.measure(evidence)
            pairs = [(d, _found(d, zones.texts or ()), _found(d, load.texts)) for d in made.drawn]
            drawn += [(d, z, r, made) for d, z, r in pairs if z is not None and r is not None]
            missed += sum(z is None for _, z, _ in pairs)
            extra += len(zones.texts or ()) - sum(z is not None for _, z, _ in pairs)
            cut_errors += _cut_errors(made, evidence)
            beat_errors.append(_beat_error(made, evidence))
    wrong = sum(r.text != d.text for d, _, r, _ in drawn)
    sizes = "1080x1920 and 1080x1350"
    texts = sum(len(p.drawn) for p in plans)
    note = f"{len(plans)} clips, {sizes}; of {texts} texts {missed} not found as captions, {wrong} misread; {extra} too many"
    return [*_zone_rows(drawn, note), *_reading_rows(drawn, note), *_cut_rows(cut_errors, beat_errors, plans)]


def _found(d: Drawn, rows: Sequence[Any]) -> Any:
    """The row that stands where and when a caption was drawn, by time."""
    a, b = d.caption.start_s, d.caption.end_s
    at = [(min(r.end_s, b) - max(r.start_s, a), r) for r in rows]
    best = max(at, key=lambda p: p[0], default=(0.0, None))
    return best[1] if best[0] > (b - a) / 2 else None


def _zone_rows(drawn: Sequence[tuple[Drawn, Any, Any, Plan]], note: str) -> list[Row]:
    rows = []
    for label, plates in (("without a plate", False), ("on a plate", True)):
        shares, seconds = [], []
        for d, zoned, _, made in drawn:
            if (d.caption.box is not None) != plates:
                continue
            for name, zone in zoned.zones.items():
                truth = hidden_share(PROFILES[name], d.xywh_norm, *made.size_px)
                shares.append(abs(_f(zone.share) - truth))
                lasts = d.caption.end_s - d.caption.start_s
                seconds.append(abs(zone.hidden_s - (lasts if truth > safe_zones.TEXT_LIMIT else 0.0)))
        if not shares:
            continue
        told = f"mean {np.mean(shares):.4f}; truth: the box of the letters' ink; {note}"
        rows.append(_row(f"hidden share from pixels, text {label}", shares, PIXEL_SHARE, note=told))
        off = sum(s > FRAME_S for s in seconds)
        told = f"mean {np.mean(seconds):.4f} s; {off} of {len(seconds)} off by more than a frame"
        rows.append(_row(f"hidden seconds from pixels, text {label}", seconds, FRAME_S, unit="s", goal="<= a frame", note=told))
    return rows


def _reading_rows(drawn: Sequence[tuple[Drawn, Any, Any, Plan]], note: str) -> list[Row]:
    rates, contrasts, verdicts = [], [], 0
    for d, _, row, _ in drawn:
        rate = round(len(d.text) / (d.caption.end_s - d.caption.start_s), 9)
        rates.append(abs(_f(row.chars_per_s) - rate))
        truth = _contrast(*d.colours)
        if row.contrast_ratio is not None:
            contrasts.append(abs(row.contrast_ratio - truth) / truth)
        verdicts += row.pace != ("comfortable" if rate <= 17 else "fast" if rate <= 20 else "too_fast")
    told = f"{sum(r > 0.01 for r in rates)} of {len(rates)} off by more than 0.01; {note}"
    out = [
        _row("characters per second from pixels", rates, 0.01, unit="1/s", note=told),
        Row(NAME, "texts whose pace comes out otherwise from pixels", len(rates), float(verdicts), "texts", "0", verdicts == 0),
    ]
    if contrasts:
        told = "relative; what text_overlay measured against the colours that were drawn"
        out.append(_row("contrast ratio from pixels", contrasts, 0.1, note=told))
    return out


def _contrast(a: tuple[int, int, int], b: tuple[int, int, int]) -> float:
    """WCAG 2.1 contrast ratio of two sRGB colours."""

    def luminance(colour: tuple[int, int, int]) -> float:
        linear = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _cut_errors(made: Plan, evidence: Evidence) -> list[float]:
    """Differences of the quartiles and extremes of shot lengths; one large figure where the number of shots differs."""
    found = pacing.measure(evidence).lengths
    assert found is not None
    lengths = np.diff([0, *made.cuts_s, evidence.duration_s])
    truth = np.quantile(lengths, (0, 0.25, 0.5, 0.75, 1))
    return [float(e) for e in np.abs(np.subtract([found.min_s, found.q1_s, found.median_s, found.q3_s, found.max_s], truth))]


def _beat_error(made: Plan, evidence: Evidence) -> float:
    """Difference of the number of cuts on a beat."""
    found = pacing.measure(evidence).beats
    assert found is not None
    truth = sum(min(abs(c - b) for b in made.beats_s) <= 0.07 for c in made.cuts_s)
    return float(abs(found.on_beat - truth) + abs(found.cuts + found.outside - len(made.cuts_s)))


def _cut_rows(errors: Sequence[float], beats: Sequence[float], plans: Sequence[Plan]) -> list[Row]:
    note = f"least, quartiles and largest of {len(plans)} clips with {sum(len(p.cuts_s) for p in plans)} cuts"
    clicks = f"clicks at 120 a minute, {sum(len(p.cuts_s) for p in plans)} cuts, some on a click and some seven frames after one"
    return [
        _row("shot lengths from pixels", errors, FRAME_S, unit="s", goal="<= a frame", note=note),
        _row("cuts on the beat from pixels and sound (count)", beats, 0, unit="cuts", note=clicks),
    ]
