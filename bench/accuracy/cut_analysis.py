"""Cuts, jump cuts, false cuts and gradual transitions against truth, beside others on the same frames.

The others: PySceneDetect's AdaptiveDetector, and TransNetV2 where torch and its package are installed. It tells cuts and gradual
transitions apart, not the kinds of these: for it a gradual transition of any kind counts as found from the same intersection over union.

Shared clips run through the whole pipeline. Generated edits (`_cut_material`) go to the feature frame by frame, without an encoder in
between. The model was fitted on edits of the same takes with seed 11 (bench/fit_cuts.py, which prints the figures for clips left out of
the fit too); REPORT_SEED is used here only.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from bench.accuracy import _edits, _transnet
from bench.accuracy._cut_material import Clip, Take, Truth, compose_gradual, compose_join, compose_untouched, load_takes
from bench.accuracy.drive import run_analyzer
from bench.accuracy.rows import Context, Counts, Row, match
from reelscope.features.shots import Transition

NAME = "cut_analysis"
REPORT_SEED = 31337
JOINS, JUMPS, GRADUAL = 250, 160, 90
UNTOUCHED_S = 310.0
# A frame of a clip of 12.5 frames a second is 80 ms: two frames are counted in frames of the clip, plus rounding.
FRAMES_OFF = 2.05
# Gradual transitions match from this intersection over union; for the clips read by eye at 0.5 s steps from 0.3.
IOU, IOU_BY_EYE = 0.5, 0.3
JUMP_VISIBLE = 1.5

Found = Sequence[Transition]


def measure(ctx: Context) -> list[Row]:
    """All rows; without the shared media none has a truth."""
    if ctx.media is None:
        return [Row(NAME, "no truth", note="shared/media is not there")]
    takes = load_takes(ctx.media, ctx.work / "takes")
    size = 0.1 if ctx.quick else 1.0
    return [
        *_shared(ctx),
        *_generated(takes, size),
        *_untouched(takes, size),
        *_gradual(takes, size),
        *_edits.measure(takes, ctx.work, size),
    ]


# --- shared clips


def _shared(ctx: Context) -> list[Row]:
    assert ctx.media is not None
    cuts, other, gradual = Counts(0, 0, 0), Counts(0, 0, 0), Counts(0, 0, 0)
    net_cuts, net_gradual = Counts(0, 0, 0), Counts(0, 0, 0)
    wrong: list[str] = []
    traps = {"vertical-drummer-rehearsal.mp4": 0, "title-animation-bbb-30s.webm": 0}
    n = 0
    for entry in json.loads((ctx.media / "MANIFEST.json").read_text()):
        truth = entry.get("ground_truth") or {}
        if entry["kind"] != "video" or not truth.get("transitions_complete"):
            continue
        n += 1
        source = json.loads((ctx.media / truth["file"]).read_text()) if "file" in truth else truth
        known = [Truth(t["kind"], t["start_s"], t["end_s"], t.get("variant")) for t in source["transitions"]]
        result = run_analyzer(NAME, ctx.media / entry["file"])
        found = [Transition(s.kind, s.start_s, s.end_s) for s in result.segments]  # type: ignore[attr-defined]
        step = 1 / entry["fps"]
        c = _cut_counts(found, known, step)
        g = _gradual_counts(found, known, IOU_BY_EYE)
        cuts, gradual = cuts + c, gradual + g
        if c.fp or c.fn or g.fp or g.fn:
            wrong.append(f"{entry['file']}: cuts FP {c.fp} FN {c.fn}, gradual FP {g.fp} FN {g.fn}")
        if entry["file"] in traps:
            traps[entry["file"]] = c.fp + g.fp
        other += _cut_counts(_adaptive_file(ctx.media / entry["file"]), known, step)
        net = _transnet.find_in_file(ctx.media / entry["file"])
        net_cuts += _cut_counts(net, known, step)
        net_gradual += _gradual_counts(net, known, IOU_BY_EYE, any_kind=True)
    note = "; ".join(wrong) or "every clip right"
    return [
        Row(
            NAME,
            f"hard cuts, {n} shared clips",
            cuts.tp + cuts.fn,
            cuts.f1,
            "F1",
            "F1 >= 0.95",
            (cuts.f1 or 0) >= 0.95,
            cuts,
            _other(other) | _net(net_cuts),
            note + _transnet.note(),
        ),
        Row(
            NAME,
            f"gradual transitions, {n} shared clips (IoU >= {IOU_BY_EYE})",
            gradual.tp + gradual.fn,
            gradual.f1,
            "F1",
            counts=gradual,
            reference=_net(net_gradual),
            note=_transnet.note(),
        ),
        *(Row(NAME, f"false transitions in {k}", 1, v, "found", "0", v == 0) for k, v in traps.items()),
    ]


# --- generated edits


def _generated(takes: list[Take], size: float) -> list[Row]:
    rows = []
    kinds: list[tuple[str, bool, int, float]] = [("different scenes", False, JOINS, 0.95), ("jump cuts", True, JUMPS, 0.8)]
    scored: list[tuple[float, bool]] = []
    flags = Counts(0, 0, 0)
    for name, jump, count, goal in kinds:
        total, other, net, faint = Counts(0, 0, 0), Counts(0, 0, 0), Counts(0, 0, 0), 0
        for i in range(max(4, round(count * size))):
            clip = compose_join(np.random.default_rng([REPORT_SEED, int(jump), i]), takes, jump=jump, side_s=1.3)
            found, step = _find(clip), float(np.median(np.diff(clip.pts_s)))
            one = _cut_counts(found, clip.truth, step)
            total += one
            other += _cut_counts(_adaptive(clip.frames, clip.pts_s), clip.truth, step)
            net += _cut_counts(_transnet.find(clip.frames, clip.pts_s), clip.truth, step)
            if one.fn and jump and _faint(clip):
                faint += 1
            for t in found:
                if t.kind == "cut":
                    hit = any(abs(t.start_s - k.start_s) <= FRAMES_OFF * step for k in clip.truth)
                    scored.append((t.confidence or 0.0, hit))
                    if hit:
                        flags += Counts(int(jump and t.jump_cut), int(t.jump_cut and not jump), int(jump and not t.jump_cut))
        note = "frames fed directly" + (f"; {faint} of the missed change no more than an ordinary frame does" if jump else "")
        rows.append(
            Row(
                NAME,
                f"generated hard cuts, {name}",
                total.tp + total.fn,
                total.f1,
                "F1",
                f"F1 >= {goal}",
                (total.f1 or 0) >= goal,
                total,
                _other(other) | _net(net),
                note + _transnet.note(),
            )
        )
    rows.append(Row(NAME, "jump_cut mark on the cuts found", flags.tp + flags.fn, flags.f1, "F1", counts=flags))
    if scored:
        p, hit = np.array(scored).T
        said = f"mean confidence {p.mean():.3f}; right {hit.mean():.3f} of {len(p)}"
        rows.append(Row(NAME, "confidence of cuts minus share that is right", len(p), float(p.mean() - hit.mean()), "", note=said))
    return rows


def _faint(clip: Clip) -> bool:
    """Whether the join changes no more than JUMP_VISIBLE times the median change between frames of the take."""
    small = np.stack(
        [cv2.resize(cv2.cvtColor(f, cv2.COLOR_RGB2GRAY), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for f in clip.frames]
    ).astype(np.float32)
    change = np.abs(np.diff(small, axis=0)).mean((1, 2))
    at = int(np.searchsorted(clip.pts_s, clip.truth[0].start_s - 1e-6)) - 1
    return bool(change[at] <= JUMP_VISIBLE * np.median(change))


def _untouched(takes: list[Take], size: float) -> list[Row]:
    seconds, cuts, gradual, other, net, i, where = 0.0, 0, 0, 0, 0, 0, []
    while seconds < UNTOUCHED_S * size:
        clip = compose_untouched(np.random.default_rng([REPORT_SEED, 7, i]), takes)
        found = _find(clip)
        false = [t for t in found if t.kind == "cut"]
        cuts, gradual = cuts + len(false), gradual + len(found) - len(false)
        where += [f"{clip.source} {t.start_s:.2f} s" for t in false]
        other += len(_adaptive(clip.frames, clip.pts_s))
        net += sum(t.kind == "cut" for t in _transnet.find(clip.frames, clip.pts_s))
        seconds += float(clip.pts_s[-1])
        i += 1
    per = 300 / seconds
    note = f"{seconds:.0f} s: {cuts} false cuts, {gradual} false gradual. " + "; ".join(where)
    return [
        Row(
            NAME,
            "false cuts in 5 min of takes with flashes, captions, a hand",
            i,
            cuts * per,
            "per 5 min",
            "<= 1",
            cuts * per <= 1,
            Counts(0, cuts, 0),
            {"AdaptiveDetector": other * per} | ({"TransNetV2": net * per} if _transnet.available() else {}),
            note + _transnet.note(),
        )
    ]


def _gradual(takes: list[Take], size: float) -> list[Row]:
    kinds = ("dissolve", "fade", "wipe")
    total = {k: Counts(0, 0, 0) for k in kinds}
    net = {k: Counts(0, 0, 0) for k in kinds}
    stray, variants = 0, 0
    for i in range(max(6, round(GRADUAL * size))):
        kind = kinds[i % 3]
        clip = compose_gradual(np.random.default_rng([REPORT_SEED, 9, i]), takes, kind)
        found = _find(clip)
        counts = _gradual_counts(found, clip.truth, IOU)
        total[kind] += counts
        net[kind] += _gradual_counts(_transnet.find(clip.frames, clip.pts_s), clip.truth, IOU, any_kind=True)
        stray += sum(t.kind == "cut" for t in found)
        variants += sum(t.kind == kind and t.variant == clip.truth[0].variant for t in found)
    whole = sum(total.values(), Counts(0, 0, 0))
    note = f"right kind and IoU >= {IOU}; {stray} cuts beside them; variant right {variants} of {whole.tp}"
    return [
        Row(
            NAME,
            "generated dissolves, fades and wipes",
            whole.tp + whole.fn,
            whole.f1,
            "F1",
            "F1 >= 0.85",
            (whole.f1 or 0) >= 0.85,
            whole,
            _net(sum(net.values(), Counts(0, 0, 0))),
            note + _transnet.note(),
        ),
        *(Row(NAME, f"  of these: {k}", c.tp + c.fn, c.f1, "F1", counts=c, reference=_net(net[k])) for k, c in total.items()),
    ]


# --- matching


def _find(clip: Clip) -> Found:
    from reelscope.features.shots._stream import ShotStream

    stream = ShotStream()
    for frame, pts_s in zip(clip.frames, clip.pts_s, strict=True):
        stream.add(frame, float(pts_s))
    return stream.end()


def _cut_counts(found: Found, truth: Sequence[Truth], step_s: float) -> Counts:
    cuts = [t for t in truth if t.kind == "cut"]
    return match([f for f in found if f.kind == "cut"], cuts, lambda a, b: abs(a.start_s - b.start_s), FRAMES_OFF * step_s)


def _gradual_counts(found: Found, truth: Sequence[Truth], iou: float, *, any_kind: bool = False) -> Counts:
    def miss(a: Transition, b: Truth) -> float:
        return _miss(a, b, any_kind=any_kind)

    return match([f for f in found if f.kind != "cut"], [t for t in truth if t.kind != "cut"], miss, 1 - iou)


def _miss(a: Transition, b: Truth, *, any_kind: bool) -> float:
    """1 - IoU; another kind is no match."""
    if a.kind != b.kind and not any_kind:
        return 2.0
    shared = max(0.0, min(a.end_s, b.end_s) - max(a.start_s, b.start_s))
    return 1 - shared / (max(a.end_s, b.end_s) - min(a.start_s, b.start_s))


def _other(counts: Counts) -> dict[str, float]:
    return {"AdaptiveDetector F1": counts.f1 or 0.0, "FP": counts.fp, "FN": counts.fn}


def _net(counts: Counts) -> dict[str, float]:
    """TransNetV2's figures; nothing where it is not installed."""
    if not _transnet.available():
        return {}
    return {"TransNetV2 F1": counts.f1 or 0.0, "its FP": counts.fp, "its FN": counts.fn}


def _adaptive(frames: np.ndarray, pts_s: np.ndarray) -> list[Transition]:
    """PySceneDetect's AdaptiveDetector with its defaults over RGB frames."""
    from scenedetect import FrameTimecode
    from scenedetect.detectors import AdaptiveDetector

    fps = (len(pts_s) - 1) / float(pts_s[-1] - pts_s[0])
    detector, out = AdaptiveDetector(), []
    for i, frame in enumerate(frames):
        out += detector.process_frame(FrameTimecode(i, fps), np.ascontiguousarray(frame[..., ::-1]))
    return [Transition("cut", float(pts_s[t.frame_num]), float(pts_s[t.frame_num])) for t in out]


def _adaptive_file(path: Path) -> list[Transition]:
    import av

    rows, pts = [], []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        scale = min(1.0, 180 / min(stream.width, stream.height))
        size = round(stream.width * scale), round(stream.height * scale)
        for frame in container.decode(stream):
            rows.append(frame.reformat(*size, "rgb24", interpolation="AREA").to_ndarray())
            pts.append(float(frame.pts * stream.time_base))
    return _adaptive(np.stack(rows), np.array(pts) - pts[0])
